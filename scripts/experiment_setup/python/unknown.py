"""What is not known of a rebuilt config, and which of its annotations Python cannot resolve."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from experiment_setup.python.types import Factory
from experiment_setup.python.values import (
    Opaque,
    PyError,
    class_info,
    field_source,
    is_dataclass_type,
    is_instance_of_user_class,
    opaque_attributes,
)


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


def default_of(field: dataclasses.Field[Any]) -> tuple[Any, str | None]:
    """The default of a field (None for none), and the reason why it is not known."""
    if isinstance(field.default_factory, Factory):
        try:
            value = field.default_factory.value()
        except PyError:
            return None, None
        return value, field.default_factory.reason
    return (None if field.default is dataclasses.MISSING else field.default), None


def unresolved(node: Any) -> PyError | None:
    """The annotation that typing.get_type_hints would fail on when OmegaConf reads `node`, if there is one."""
    cls = node if isinstance(node, type) else type(node)
    if isinstance(node, (list, tuple)):
        return next((e for e in map(unresolved, node) if e), None)
    if isinstance(node, dict):
        return next((e for e in map(unresolved, node.values()) if e), None)
    if not dataclasses.is_dataclass(cls):
        return None
    for base in reversed(cls.__mro__):
        info = class_info(base)
        for source in info.fields.values() if info else ():
            if source.unresolved:
                return source.unresolved
    for field in dataclasses.fields(cls):
        value = default_of(field)[0] if isinstance(node, type) else getattr(node, field.name, None)
        found = unresolved(value) if value is not None else None
        if found:
            return found
    return None
