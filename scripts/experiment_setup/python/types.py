"""Annotations as real types, and the defaults of fields: computed when Python computes them."""

from __future__ import annotations

import ast
import copy
import enum
import inspect
import types
import typing
from collections import ChainMap
from pathlib import PurePath
from typing import Annotated, Any, Generic, Literal, Protocol

from experiment_setup.python.imports import Imports
from experiment_setup.python.values import (
    Call,
    ClassInfo,
    FieldSource,
    Known,
    Opaque,
    PyError,
    Scope,
    Stop,
    UndefinedInText,
    class_info,
    is_dataclass_type,
    is_instance_of_user_class,
    real,
    unknown_in,
)

_type_variable: Any = typing.TypeVar


class Factory(Known):
    """A default_factory whose call is computed from its source, when it is first needed."""

    __slots__ = ("_function", "_known", "_reader", "_value", "call", "owner", "reason")

    def __init__(self, reader: Types, function: Any, call: Call) -> None:
        self._reader = reader
        self._function = function
        self._known = False
        self._value: Any = None
        self.call = call
        self.owner: tuple[type, str] | None = None
        self.reason: str | None = None

    def value(self) -> Any:
        """The default, a placeholder if it is opaque. Raises PyError if computing it fails."""
        if not self._known:
            if isinstance(self._function, Opaque):
                result: Any = Opaque(self._function.reason)
            else:
                result = self._reader.compute(lambda: self._reader.call(self._function, self.call))
            self.reason = unknown_in([result]) if not isinstance(result, Known) else reason_of(result)
            if self.reason is not None and is_instance_of_user_class(result):
                self.reason = None  # what is unknown of it is marked on the instance
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
            return copy.deepcopy(self.value())
        except PyError as error:
            self._reader.failure = error
            raise error.error from None


def reason_of(value: Known) -> str | None:
    """Why a stand-in is not known; None for functions and modules, which are."""
    return value.reason if isinstance(value, Opaque) else None


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


class Types(Imports):
    """Computes annotations."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._pending: list[tuple[ClassInfo, FieldSource]] = []
        self._type_reason: str | None = None
        self.failure: PyError | None = None  # what a factory or __post_init__ last raised, and where

    def take_failure(self) -> PyError | None:
        """What a factory or __post_init__ has raised since the last call, and where."""
        failure, self.failure = self.failure, None
        return failure

    def compute(self, function: Any) -> Any:
        """Compute something outside of any statement, with its own limits."""
        saved = self.steps, self.depth
        self.steps = 0
        try:
            return function()
        except Stop as stop:
            return Opaque(stop.reason)
        except RecursionError:
            return Opaque("a computation nested too deeply")
        finally:
            self.steps, self.depth = saved

    def field_type(self, field: FieldSource, scope: Scope, info: ClassInfo) -> Any:
        """The type that a field's annotation means; Any until its names are defined, where Python looks late."""
        assert field.annotation is not None
        late = scope.module.future_annotations
        where = self._late_scope(scope) if late else scope
        try:
            hint = self._hint_of(field, where, late)
        except UndefinedInText:
            self._pending.append((info, field))
            return Any
        return hint

    def _hint_of(self, field: FieldSource, scope: Scope, late: bool) -> Any:
        assert field.annotation is not None
        self._type_reason = None
        hint = self.annotation(field.annotation, scope, late)
        field.type_reason = self._type_reason
        return hint

    @staticmethod
    def _late_scope(scope: Scope) -> Scope:
        """Where typing.get_type_hints looks names up: the module first, then the class."""
        return Scope("module", ChainMap(scope.module.names, scope.names), scope.module)

    def resolve_pending(self) -> None:
        """Look again for the names in annotations that are text; what is still undefined is kept as the error."""
        pending, self._pending = self._pending, []
        for info, field in pending:
            names = dict(info.cls.__dict__)
            scope = self._late_scope(Scope("class", names, info.module))
            try:
                hint = self.compute(lambda: self._hint_of(field, scope, True))  # noqa: B023
            except UndefinedInText as undefined:
                field.unresolved = undefined.error
                self._pending.append((info, field))
                continue
            except PyError as error:
                field.unresolved = error
                continue
            field.unresolved = None
            info.cls.__annotations__[field.name] = hint  # its own: it has at least this one
            fields = info.cls.__dict__.get("__dataclass_fields__", {})
            if field.name in fields:
                fields[field.name].type = hint

    def annotation(self, node: ast.expr, scope: Scope, late: bool) -> Any:
        """The type that an annotation means. `late`: it is text, of which Python computes the names later.

        Raises UndefinedInText for a name that is not defined in a text, PyError for one outside of texts.
        """
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self._text_type(node.value, node, scope)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._type_value(self._side(node, scope, late), node, scope)
        try:
            value = self.eval(node, scope)
        except PyError as error:
            if late and isinstance(error.error, NameError):
                raise UndefinedInText(error) from error
            raise
        return self._type_value(value, node, scope)

    def _side(self, node: ast.expr, scope: Scope, late: bool) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            left, right = self._side(node.left, scope, late), self._side(node.right, scope, late)
            unknown = next((side for side in (left, right) if isinstance(side, Opaque)), None)
            return unknown if unknown is not None else self.binary(node.op, left, right, node, scope)
        try:
            value = self.eval(node, scope)
        except PyError as error:
            if late and isinstance(error.error, NameError):
                raise UndefinedInText(error) from error
            raise
        if isinstance(value, Opaque):
            self._type_reason = value.reason
        return value

    def _type_value(self, value: Any, node: ast.expr, scope: Scope) -> Any:
        if isinstance(value, Opaque):
            self._type_reason = value.reason
            return Any
        if isinstance(value, str):
            return self._text_type(value, node, scope)
        return real(value)

    def _text_type(self, text: str, node: ast.expr, scope: Scope) -> Any:
        try:
            parsed = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            message = f"Forward reference must be an expression -- got {text!r}"
            raise UndefinedInText(self.error(SyntaxError(message), node, scope)) from error
        for inner in ast.walk(parsed):
            if "lineno" in inner._attributes:
                ast.copy_location(inner, node)
        return self.annotation(parsed, self._late_scope(scope) if scope.kind == "class" else scope, late=True)

    def type_arguments(self, base: Any, node: ast.expr, scope: Scope) -> Any:
        """`base[…]`: arguments that are text are types, too, but those of Literal and the notes of Annotated."""
        assert isinstance(node, ast.Subscript)
        infos = (class_info(kind) for cls in (base, type(base)) for kind in getattr(cls, "__mro__", ()))
        if any(info and "__class_getitem__" in info.methods for info in infos):
            return self.opaque(node, scope)
        written = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if base is Literal:
            values = [self.eval(item, scope) for item in written]
            if unknown_in(values) is not None:
                return self.opaque(node, scope)
            return self.apply(lambda: Literal[tuple(values)], node, scope)
        if base is Annotated:
            return self._argument(written[0], scope)
        arguments = tuple(self._argument(item, scope) for item in written)
        if base in (Generic, Protocol):  # a variable may be unknown, such as one whose bound is a class of torch
            arguments = tuple(_type_variable("T") if given is Any else given for given in arguments)
        argument = arguments if isinstance(node.slice, ast.Tuple) else arguments[0]
        try:
            return base[argument]
        except TypeError as error:
            raise self.error(error, node, scope) from error

    def _argument(self, node: ast.expr, scope: Scope) -> Any:
        if isinstance(node, ast.List):
            return [self._argument(item, scope) for item in node.elts]
        if isinstance(node, ast.Constant) and not isinstance(node.value, str):
            return node.value
        return self.annotation(node, scope, late=False)
