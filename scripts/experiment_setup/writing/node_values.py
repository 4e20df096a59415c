"""Plain values out of composed OmegaConf nodes: what a file would say, and when two configs are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any, NamedTuple

from omegaconf import DictConfig, ListConfig, OmegaConf


class Setting(NamedTuple):
    """A value to write, as its field's type made it, and how the user typed it (None: not to be kept)."""

    value: Any
    written: str | None


def with_settings(base: DictConfig, settings: Mapping[str, Setting]) -> DictConfig:
    """A copy of `base` with values set at dotted keys. Raises OmegaConf's errors."""
    config: DictConfig = OmegaConf.create({"config": base})["config"]
    for key, setting in settings.items():
        OmegaConf.update(config, key, setting.value, merge=True, force_add=True)
    return config


def node_at(config: DictConfig, key: str) -> Any:
    """The node at a dotted key; AttributeError where a step is no mapping, None where the last key is absent."""
    node: Any = config
    for part in key.split("."):
        node = node._get_node(part)
    return node


def plain(node: Any) -> Any:
    """A node's value as YAML has it: enums by name, paths as text, interpolations as written."""
    if isinstance(node, (DictConfig, ListConfig)) and not (node._is_none() or node._is_interpolation()):
        return OmegaConf.to_container(OmegaConf.create(OmegaConf.to_yaml(node)))
    value = node
    while hasattr(value, "_value"):  # the value of a union is a node of its own
        value = value._value()
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
    try:
        found = plain(node_at(config, key))
    except AttributeError:
        return False
    return bool(tagged(found) == tagged(value))


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


def is_structured(node: Any) -> bool:
    """Whether a dataclass stands behind the node."""
    return isinstance(node, DictConfig) and OmegaConf.get_type(node) not in (dict, None)


def is_text_field(config: DictConfig, key: str) -> bool:
    """Whether the field takes text: declared so, or undeclared and holding text."""
    try:
        node = node_at(config, key)
    except AttributeError:
        return False
    if node is None or isinstance(node, (DictConfig, ListConfig)):
        return False
    declared = node._metadata.ref_type
    return declared is str or (declared is Any and type(node._value()) is str)


def nested_key(config: DictConfig, name: str) -> str | None:
    """A nested key with this name, such as `optimizer.lr` for `lr`, if there is exactly one."""
    found = []
    for key in config:
        node = config._get_node(key)
        if isinstance(node, DictConfig) and not (node._is_none() or node._is_interpolation()) and name in node:
            found.append(f"{key!s}.{name}")
    return found[0] if len(found) == 1 else None
