"""Defaults of fields: computed when Python computes them, with a placeholder of the type for what is not known."""

from __future__ import annotations

import copy
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Any, Literal

from experiment_setup.code.values import (
    MAX_DEPTH,
    TOO_LARGE,
    Call,
    Known,
    Opaque,
    PyError,
    class_infos,
    field_source,
    is_dataclass_type,
    is_instance_of_user_class,
    opaque_attributes,
    real,
    reason_of,
    weigh,
)

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator


class Factory(Known):
    """A default_factory whose call is computed from its source, when it is first needed."""

    __slots__ = ("_call", "_evaluator", "_function", "_known", "_value", "_weight", "owner", "reason")

    def __init__(self, evaluator: Evaluator, function: Any, call: Call) -> None:
        self._evaluator = evaluator
        self._function = function
        self._call = call
        self._known = False
        self._weight = 0
        self._value: Any = None
        self.owner: tuple[type, str] | None = None
        self.reason: str | None = None

    def value(self) -> Any:
        """The default, a placeholder if it is opaque. Raises PyError if computing it fails."""
        if not self._known:
            result = self._function
            if not isinstance(result, Opaque):
                result = self._evaluator.compute(lambda: self._evaluator.call(self._function, self._call))
            self.reason, self._weight = weigh([result])
            if isinstance(result, Known):
                self.reason = reason_of(result)
            elif is_instance_of_user_class(result) and self.reason != TOO_LARGE:
                self.reason = None  # what is unknown of it is marked on it
            self._value = self._placeholder() if self.reason is not None else real(result)
            self._known = True
        return self._value

    @property
    def known_reason(self) -> str | None:
        """The reason why the function itself is not known, if it is not."""
        return self._function.reason if isinstance(self._function, Opaque) else None

    def _placeholder(self) -> Any:
        owner, name = self.owner or (object, "")
        return placeholder(hint_of(owner, name), self.reason or "?")

    def __call__(self) -> Any:
        """What dataclasses and OmegaConf call: raises what the user's code would raise."""
        try:
            value = self.value()
            self._evaluator.budget.charge(self._weight)
            return copy.deepcopy(value)
        except PyError as error:
            raise self._evaluator.fail(error) from None


def hint_of(owner: type, name: str) -> Any:
    """The type of a field."""
    for base in owner.__mro__:
        annotations = inspect.get_annotations(base)
        if name in annotations:
            return annotations[name]
    return Any


def placeholder(hint: Any, reason: str) -> Any:
    """A value of the type `hint` for one that is not known."""
    text = f"<computed: {reason}>".replace("${", "$ {")
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return placeholder(args[0], reason)
    if origin is Literal:
        return args[0]
    if origin is typing.Union or origin is types.UnionType:
        return None if type(None) in args else placeholder(args[0], reason)
    if origin is tuple or hint is tuple:
        return [placeholder(item, reason) for item in args if item is not ...] if ... not in args else []
    simple: dict[Any, Any] = {str: text, bytes: b"", int: 0, float: 0.0, bool: False, list: [], dict: {}}
    kind = origin or hint
    if kind in simple:
        return simple[kind]
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return kind(text)
    if isinstance(kind, enum.EnumMeta):
        return next(iter(kind), None)
    return kind if is_dataclass_type(kind) else None


def default_of(field: dataclasses.Field[Any]) -> tuple[Any, str | None]:
    """The default of a field (None for none), and the reason why it is not known."""
    if isinstance(field.default_factory, Factory):
        try:
            value = field.default_factory.value()
        except PyError:
            return None, None
        return value, field.default_factory.reason
    return (None if field.default is dataclasses.MISSING else field.default), None


_MAX_NODES = 10_000  # of one config; a large one has a few hundred


def is_too_large(node: Any) -> bool:
    """Whether OmegaConf would make too many nodes, or too deep ones, of a config class, instance or container."""
    waiting = [(node, 0)]
    count = 0
    while waiting:
        part, depth = waiting.pop()
        count += 1
        if count > _MAX_NODES or depth > MAX_DEPTH:
            return True
        waiting += [(inner, depth + 1) for inner in _inside(part)]
    return False


def _inside(node: Any) -> Sequence[Any]:
    if is_dataclass_type(node):
        return [default_of(field)[0] for field in dataclasses.fields(node)]
    if dataclasses.is_dataclass(node) and is_instance_of_user_class(node):
        return [getattr(node, field.name, None) for field in dataclasses.fields(node)]
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, (list, tuple)) else ()


def unknown_fields(node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted path, reason) for each part of a config class, instance or container that is not known."""
    if isinstance(node, Opaque):
        yield prefix, node.reason
    elif is_dataclass_type(node) or (dataclasses.is_dataclass(node) and is_instance_of_user_class(node)):
        cls = node if isinstance(node, type) else type(node)
        marks = {} if isinstance(node, type) else opaque_attributes(node)
        for field in dataclasses.fields(cls):
            path = f"{prefix}.{field.name}" if prefix else field.name
            source = field_source(cls, field.name)
            reason = marks.get(field.name) or (source.type_reason if source else None)
            value, late = default_of(field) if isinstance(node, type) else (getattr(node, field.name, None), None)
            reason = reason or late
            if reason is not None:
                yield path, reason
            else:
                yield from unknown_fields(value, path)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from unknown_fields(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from unknown_fields(value, f"{prefix}[{index}]")


def unresolved(node: Any) -> PyError | None:
    """The annotation that typing.get_type_hints would fail on when OmegaConf reads `node`, if there is one."""
    cls = node if isinstance(node, type) else type(node)
    if isinstance(node, (list, tuple)):
        return next((e for e in map(unresolved, node) if e), None)
    if isinstance(node, dict):
        return next((e for e in map(unresolved, node.values()) if e), None)
    if not dataclasses.is_dataclass(cls):
        return None
    for info in reversed(class_infos(cls)):
        for source in info.fields.values():
            if source.unresolved:
                return source.unresolved
    for field in dataclasses.fields(cls):
        value = default_of(field)[0] if isinstance(node, type) else getattr(node, field.name, None)
        found = unresolved(value) if value is not None else None
        if found:
            return found
    return None
