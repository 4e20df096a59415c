"""Plain values out of composed OmegaConf nodes: what a file would say, and when two configs are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any, NamedTuple

from omegaconf import DictConfig, ListConfig, OmegaConf

from experiment_setup import nodes


class Setting(NamedTuple):
    """A value to write, as its field's type made it, and how the user typed it (None: not to be kept)."""

    value: Any
    written: str | None


def with_settings(base: DictConfig, settings: Mapping[str, Setting]) -> DictConfig:
    """A copy of `base` with values set at dotted keys. Raises OmegaConf's errors."""
    config: DictConfig = OmegaConf.create({"config": base})["config"]
    for key, setting in settings.items():
        put(config, key, setting.value)
    return config


def put(config: DictConfig, key: str, value: Any) -> None:
    """Set a value at a dotted key, as a file does. Raises OmegaConf's errors."""
    node = nodes.at(config, nodes.split(key))
    if isinstance(value, dict) and isinstance(node, DictConfig) and not nodes.is_mapping(node):
        nested: Any = value  # where null or `???` stands for a dataclass, OmegaConf.update fails
        for step in reversed(nodes.split(key)):
            nested = {step: nested}
        config.merge_with(nested)
    else:
        OmegaConf.update(config, key, value, merge=True, force_add=True)


def plain(node: Any) -> Any:
    """A node's value as YAML has it: enums by name, paths as text, interpolations as written."""
    value = nodes.value(node)
    if isinstance(value, (DictConfig, ListConfig)):
        return OmegaConf.to_container(OmegaConf.create(OmegaConf.to_yaml(value)))
    if isinstance(value, Enum):
        return value.name
    return str(value) if isinstance(value, PurePath) else value


def plain_data(value: Any) -> Any:
    """A container with enums by name and paths as text, for people and for JSON."""
    if isinstance(value, dict):
        return {plain_data(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_data(item) for item in value]
    if isinstance(value, Enum):
        return value.name
    return str(value) if isinstance(value, (PurePath, bytes)) else value


def has_value(config: DictConfig, key: str, value: Any) -> bool:
    """Whether the dotted key has exactly this plain value, of this type."""
    *parents, last = nodes.split(key)
    parent = nodes.at(config, parents)
    return (
        nodes.is_mapping(parent) and last in parent and bool(tagged(plain(nodes.child(parent, last))) == tagged(value))
    )


def comparable(node: Any, drop: Sequence[str] = ("name",)) -> Any:
    """The values of a composed group as plain data with their types; `name` says nothing about what runs."""
    if not isinstance(node, DictConfig):
        return plain(node)
    data = OmegaConf.to_container(node, resolve=False)
    assert isinstance(data, dict)
    return tagged({key: value for key, value in data.items() if key not in drop})


def tagged(value: Any) -> Any:
    """`value` with the type beside every leaf, so that 1, 1.0 and True differ and nan equals itself."""
    if isinstance(value, dict):
        return {key: tagged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    return type(value).__name__, repr(value)


def leaves(data: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted key and the value of everything in plain dicts that is no dict."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def is_text_field(config: DictConfig, key: str) -> bool:
    """Whether the field is declared as text; what is not declared takes what Hydra's command line makes of the word."""
    node = nodes.at(config, nodes.split(key))
    return node is not None and nodes.declared(node) is str


def holds_text(config: DictConfig, key: str) -> bool:
    """Whether the key is declared as text, or holds some."""
    node = nodes.at(config, nodes.split(key))
    return is_text_field(config, key) or (node is not None and type(nodes.value(node)) is str)


def nested_keys(config: DictConfig, name: str, prefix: str = "") -> Iterator[str]:
    """The keys below the root with this name, such as `optimizer.lr` for `lr`."""
    for key, node in nodes.children(config):
        if nodes.is_mapping(node):
            path = f"{prefix}{key}."
            if nodes.child(node, name) is not None:
                yield f"{path}{name}"
            yield from nested_keys(node, name, path)
