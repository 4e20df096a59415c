"""Plain values laid upon a merged config: what most options are, without merging each of them.

Of a hundred parameter sets, nearly all say `key: scalar` or `key: [scalars]` for fields that are there, at any depth.
Merging such a value asks one node whether it takes it, and nothing else of the config plays a part; so the node is
asked, and the config itself is only made for whoever wants it. The node is OmegaConf's, and so are its answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import AnyNode, DictConfig, ListConfig
from omegaconf._utils import _resolve_optional
from omegaconf.errors import OmegaConfBaseException
from omegaconf.omegaconf import _node_wrap

from experiment_setup import nodes
from experiment_setup.composing.plain import NotPlain

_UNCHANGED = object()
_SCALARS = (str, int, float, bool, type(None))


class Fields:
    """The fields of a mapping of a merged config, that take plain values."""

    def __init__(self, mapping: DictConfig) -> None:
        self._mapping = mapping
        # A dict of a dataclass, or an untyped one, that may be changed.
        self._are_plain = nodes.element_type(mapping) is Any and not nodes.is_frozen(mapping)
        self._known: dict[str, _Field | None] = {}

    def take(self, data: Any) -> dict[str, Any]:
        """The values that merging `data` changes, as their fields convert them; a dict for each mapping on the way.

        Raises NotPlain where only merging it tells.
        """
        if type(data) is not dict:
            raise NotPlain
        values: dict[str, Any] = {}
        for key, value in data.items():
            field = self._field(key)
            try:
                taken = field.take(value)
            except (OmegaConfBaseException, ValueError, TypeError, OverflowError):
                raise NotPlain from None
            if taken is not _UNCHANGED:
                values[key] = taken
        return values

    def node_with(self, values: Mapping[str, Any], parent: Any) -> DictConfig:
        """The mapping with values that it took: the rest it shares with others."""
        node: DictConfig = shallow(self._mapping, parent)
        for key, value in values.items():
            node.__dict__["_content"][key] = self._field(key).node_with(value, node)
        return node

    def _field(self, key: Any) -> _Field:
        if key not in self._known:
            node = self._mapping._get_node(key, validate_access=False) if isinstance(key, str) else None
            self._known[key] = _field(node) if self._are_plain else None
        found = self._known[key]
        if found is None:
            raise NotPlain
        return found


class _Scalar:
    """A field that holds one value."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._anything = isinstance(node, AnyNode)

    def take(self, value: Any) -> Any:
        """What merging `value` onto the field gives. Raises NotPlain or what OmegaConf raises."""
        if type(value) not in _SCALARS:
            raise NotPlain
        if type(value) is str and ("${" in value or value == "???"):
            if self._anything:
                raise NotPlain
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
        """What merging `value` onto the field gives. Raises NotPlain or what OmegaConf raises."""
        if type(value) is not list or any(type(item) is str and ("${" in item or item == "???") for item in value):
            raise NotPlain
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


_Field = Fields | _Scalar | _List


def _field(node: Any) -> _Field | None:
    if isinstance(node, AnyNode):
        return None if node._is_interpolation() else _Scalar(node)
    if nodes.has_one_type(node):
        return _Scalar(node)
    if type(node) is ListConfig and nodes.is_there(node):
        optional, element = _resolve_optional(nodes.element_type(node))
        plain = element in (Any, int, float, bool, str, bytes, Path)
        if plain or (isinstance(element, type) and issubclass(element, Enum)):
            return _List(node, _node_wrap(ref_type=element, is_optional=optional, value="???", key=None, parent=None))
    return Fields(node) if isinstance(node, DictConfig) and nodes.is_there(node) else None


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
