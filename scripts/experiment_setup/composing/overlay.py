"""Plain values laid upon a merged config: what most options are, without merging each of them.

Of a hundred parameter sets, nearly all say `key: scalar` or `key: [scalars]` for fields that are there. Merging such a
value asks one node whether it takes it, and nothing else of the config plays a part; so the node is asked, and the
config itself is only made for whoever wants it. The node is OmegaConf's, and so are its answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import AnyNode, DictConfig, ListConfig, OmegaConf
from omegaconf._utils import _resolve_optional
from omegaconf.errors import OmegaConfBaseException
from omegaconf.omegaconf import _node_wrap

from experiment_setup import nodes
from experiment_setup.composing import interpolation
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.interpolation import UnusableValue


@dataclass(frozen=True)
class Overlay:
    """Values by key, as the nodes have converted them; `interpolations` are the keys whose value is one."""

    values: Mapping[str, Any] = field(default_factory=dict)
    interpolations: tuple[str, ...] = ()


class _NotPlain(Exception):
    """Only merging tells what comes of the value."""


_UNCHANGED = object()
_SCALARS = (str, int, float, bool, type(None))


class Base:
    """A merged config that overlays lie upon."""

    def __init__(self, config: DictConfig) -> None:
        self.config = config
        self._plain: dict[str, bool] = {}
        self._fields: dict[tuple[str, str], _Scalar | _List | None] = {}
        self.outcomes: dict[tuple[Any, ...], UnusableValue | None] = {}

    @cached_property
    def container(self) -> dict[str, Any]:
        """The config as plain dicts and lists."""
        return dict(OmegaConf.to_container(self.config, resolve=False))  # type: ignore[arg-type]

    @cached_property
    def special(self) -> dict[str, str]:
        """The values that are interpolations or `???`, by dotted key."""
        return special_values(self.config, "")

    def overlay(self, group: str, data: Mapping[Any, Any]) -> Overlay | None:
        """What `data` changes in `group`; None where only merging it tells."""
        if not self._is_plain(group):
            return None
        values: dict[str, Any] = {}
        interpolations = []
        try:
            for key, value in data.items():
                taken = self._field(group, key).take(value)
                if taken is _UNCHANGED:
                    continue
                values[key] = taken
                if type(taken) is str and "${" in taken:
                    interpolations.append(key)
        except (_NotPlain, OmegaConfBaseException, ValueError, TypeError):
            return None
        return Overlay(values, tuple(interpolations))

    def with_overlays(self, overlays: Mapping[str, Overlay]) -> DictConfig:
        """The config with other values: containers on the way to one are copied, and what refers to another value."""
        root: DictConfig = shallow(self.config, None)
        for group, overlay in overlays.items():
            if overlay.values:
                node: Any = shallow(self.config._get_node(group), root)
                root.__dict__["_content"][group] = node
                for key, value in overlay.values.items():
                    node.__dict__["_content"][key] = self._field(group, key).node_with(value, node)
        with_own_nodes(root, self.referring)
        return root

    @cached_property
    def referring(self) -> list[tuple[str | int, ...]]:
        """Where interpolations stand: what they resolve to depends on the config that they are a part of."""
        return list(paths_of_interpolations(self.config, ()))

    def is_text(self, path: tuple[str, ...]) -> bool:
        """Whether the value at `path` takes any scalar that it may refer to, whatever that is."""
        node: Any = self.config
        for step in path:
            node = node._get_node(step, validate_access=False) if isinstance(node, DictConfig) else None
        return isinstance(node, AnyNode) or nodes.is_text(node)

    def leaves_free(self, group: str) -> bool:
        """Whether nothing here has a say in what files make of the group."""
        return (
            OmegaConf.get_type(self.config) is dict
            and group not in self.config.__dict__["_content"]
            and not nodes.is_frozen(self.config)
        )

    def _is_plain(self, group: str) -> bool:
        """Whether the group is a dict of a dataclass, or an untyped one, that may be changed."""
        if group not in self._plain:
            node = self.config._get_node(group, validate_access=False)
            self._plain[group] = (
                nodes.is_mapping(node) and nodes.element_type(node) is Any and not nodes.is_frozen(node)
            )
        return self._plain[group]

    def _field(self, group: str, key: Any) -> _Scalar | _List:
        if (group, key) not in self._fields:
            parent: Any = self.config._get_node(group)
            node = parent._get_node(key, validate_access=False) if isinstance(key, str) else None
            self._fields[group, key] = _field(node)
        found = self._fields[group, key]
        if found is None:
            raise _NotPlain
        return found


class _Scalar:
    """A field that holds one value."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._anything = isinstance(node, AnyNode)

    def take(self, value: Any) -> Any:
        """What merging `value` onto the field gives. Raises _NotPlain or what OmegaConf raises."""
        if type(value) not in _SCALARS:
            raise _NotPlain
        if type(value) is str and ("${" in value or value == "???"):
            if self._anything:
                raise _NotPlain
            # That an interpolation is well written, loading the file has shown.
            return _UNCHANGED if value == "???" else value
        return value if self._anything else self._node.validate_and_convert(value)

    def node_with(self, value: Any, parent: Any) -> Any:
        """The field with a value that it took."""
        result = _twin(self._node)
        result.__dict__.update(_val=value, _parent=parent)
        return result


class _List:
    """A list of plain values; `item` is a node for any of them."""

    def __init__(self, node: ListConfig, item: Any) -> None:
        self._node = node
        self._item = _Scalar(item)
        self._metadata = item._metadata

    def take(self, value: Any) -> Any:
        """What merging `value` onto the field gives. Raises _NotPlain or what OmegaConf raises."""
        if type(value) is not list or any(type(item) is str and ("${" in item or item == "???") for item in value):
            raise _NotPlain
        return [self._item.take(item) for item in value]

    def node_with(self, value: Any, parent: Any) -> Any:
        """The field with a value that it took."""
        result = shallow(self._node, parent)
        content = result.__dict__["_content"] = [self._item.node_with(item, result) for item in value]
        for index, node in enumerate(content):
            metadata = _twin(self._metadata)
            metadata.key = index
            node.__dict__["_metadata"] = metadata
        return result


def _field(node: Any) -> _Scalar | _List | None:
    if isinstance(node, AnyNode):
        return None if node._is_interpolation() else _Scalar(node)
    if nodes.has_one_type(node):
        return _Scalar(node)
    if type(node) is ListConfig and nodes.is_there(node):
        optional, element = _resolve_optional(nodes.element_type(node))
        plain = element in (Any, int, float, bool, str, bytes, Path)
        if plain or (isinstance(element, type) and issubclass(element, Enum)):
            return _List(node, _node_wrap(ref_type=element, is_optional=optional, value="???", key=None, parent=None))
    return None


def special_values(node: Any, path: str) -> dict[str, str]:
    """The values that are interpolations or `???` in a node that stands at `path`, by dotted key."""
    leaves = nodes.leaves(node, path)
    return {
        key: str(nodes.value(leaf)) for key, leaf in leaves if nodes.is_missing(leaf) or nodes.is_interpolation(leaf)
    }


def _twin(thing: Any) -> Any:
    """A shallow copy; `copy.copy` of a node is a deep one."""
    result = object.__new__(type(thing))
    result.__dict__.update(thing.__dict__)
    return result


def shallow(node: Any, parent: Any) -> Any:
    """A container of its own with the same children."""
    result = _twin(node)
    metadata = _twin(node._metadata)
    metadata.flags = dict(metadata.flags)
    result.__dict__.update(
        _content=node.__dict__["_content"].copy(), _metadata=metadata, _flags_cache=None, _parent=parent
    )
    return result


def with_own_nodes(root: DictConfig, paths: Iterable[tuple[str | int, ...]]) -> None:
    """Give a config that shares nodes its own ones at these paths, and its own containers on the way there."""
    for path in paths:
        node: Any = root
        for step in path[:-1]:
            child = node.__dict__["_content"][step]
            if child._get_parent() is not node:
                child = shallow(child, node)
                node.__dict__["_content"][step] = child
            node = child
        child = node.__dict__["_content"][path[-1]]
        if child._get_parent() is not node:
            child = _twin(child)
            child._set_parent(node)
            node.__dict__["_content"][path[-1]] = child


def paths_of_interpolations(node: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Where interpolations stand in a node that stands at `path`."""
    if node._is_interpolation():
        yield path
    elif isinstance(node, (DictConfig, ListConfig)) and not (node._is_none() or node._is_missing()):
        content = node.__dict__["_content"]
        for key in content if isinstance(node, DictConfig) else range(len(content)):
            yield from paths_of_interpolations(content[key], (*path, key))


class OverlayComposition(Composition):
    """A composition that is known to succeed; its config is made when it is asked for."""

    def __init__(self, choices: dict[str, str | None], base: Base, overlays: Mapping[str, Overlay]) -> None:
        super().__init__(choices, None)
        self._base = base
        self._overlays = overlays

    @property
    def config(self) -> DictConfig:
        """The config: what the overlays leave as it is, it shares with others."""
        return self._base.with_overlays(self._overlays)

    @property
    def container(self) -> dict[str, Any]:
        """The config as plain dicts and lists, interpolations as they are written. To be left as it is."""
        below = self._base.container
        changed = {
            group: {**below[group], **overlay.values} for group, overlay in self._overlays.items() if overlay.values
        }
        return {**below, **changed}

    def unusable_values(self, custom_resolvers: frozenset[str] = frozenset()) -> Iterator[UnusableValue]:
        """The values that fail when train.py reads them.

        Whether an interpolation resolves depends on the few values that it names, so most answers are known from
        another composition.
        """
        special = dict(self._special())
        if not special:
            return
        container = self.container
        for key, written in special.items():
            if written == "???":
                yield interpolation.not_given(key)
            elif interpolation.needs_a_run(written, custom_resolvers):
                yield from interpolation.broken_arguments(nodes.at(self.config, nodes.split(key)), key, written)
            else:
                mark = _signature(container, self._base, tuple(key.split(".")), written, 0)
                if mark is None:
                    found = interpolation.unusable(self.config, key, written)
                else:
                    if mark not in self._base.outcomes:
                        self._base.outcomes[mark] = interpolation.unusable(self.config, key, written)
                    found = self._base.outcomes[mark]
                if found:
                    yield found

    def _special(self) -> Iterator[tuple[str, str]]:
        for key, written in self._base.special.items():
            group, _, rest = key.partition(".")
            overlay = self._overlays.get(group)
            if overlay is None or re.split(r"[.\[]", rest, maxsplit=1)[0] not in overlay.values:
                yield key, written
        for group, overlay in self._overlays.items():
            for key in overlay.interpolations:
                yield f"{group}.{key}", overlay.values[key]


_REFERENCE = re.compile(r"\$\{\s*(\.*)([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\}", re.ASCII)
_VARIABLE = re.compile(r"\$\{oc\.env:\w+(?:,[\w./\-]*)?\}", re.ASCII)
_ABSENT = object()


def _signature(
    container: Mapping[str, Any], base: Base, path: tuple[str, ...], written: str, depth: int
) -> tuple[Any, ...] | None:
    """All that the outcome of the interpolation depends on; None where that is not easily told."""
    rest = _REFERENCE.sub("", _VARIABLE.sub("", written))
    if depth > 5 or "${" in rest or "\\" in rest or "[" in "".join(path):
        return None
    text = base.is_text(path)
    found: list[Any] = [path, written]
    for dots, name in _REFERENCE.findall(written):
        target = (*(path[: len(path) - len(dots)] if dots else ()), *name.split("."))
        if len(dots) > len(path):
            return None
        value: Any = container
        for step in target:
            if not isinstance(value, Mapping):
                return None
            value = value.get(step, _ABSENT)
            if value is _ABSENT:  # and so it is with every overlay
                break
        if isinstance(value, (Mapping, list, tuple)):
            return None
        if isinstance(value, str) and "${" in value:
            inner = _signature(container, base, target, value, depth + 1)
            if inner is None:
                return None
            found.append(inner)
        elif value is _ABSENT or value == "???":
            found.append(value)
        else:
            found.append(type(value) if text else (type(value), value))
    return tuple(found)
