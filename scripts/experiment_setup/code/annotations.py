"""Annotations as real types."""

from __future__ import annotations

import ast
import typing
from collections import ChainMap
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Protocol

from experiment_setup.code.flow import UndefinedInText
from experiment_setup.code.limits import type_too_large
from experiment_setup.code.modules import Scope
from experiment_setup.code.operators import apply, binary
from experiment_setup.code.values import (
    TOO_LARGE,
    ClassInfo,
    FieldSource,
    Opaque,
    PyError,
    class_info,
    real,
    unknown_in,
)

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator

_type_variable: Any = typing.TypeVar


def field_type(evaluator: Evaluator, field: FieldSource, scope: Scope, info: ClassInfo) -> Any:
    """The type that a field's annotation means; Any until its names are defined, where Python looks late."""
    late = scope.module.future_annotations
    try:
        return _hint_of(evaluator, field, _late_scope(scope) if late else scope, late)
    except (UndefinedInText, PyError) as error:
        if isinstance(error, PyError) and not late:
            raise
        evaluator.pending.append((info, field))
        return Any


def _hint_of(evaluator: Evaluator, field: FieldSource, scope: Scope, late: bool) -> Any:
    assert field.annotation is not None
    evaluator.type_reason = None
    hint = annotation(evaluator, field.annotation, scope, late)
    field.type_reason = evaluator.type_reason
    return hint


def _late_scope(scope: Scope) -> Scope:
    """Where typing.get_type_hints looks names up: the module first, then the class."""
    return Scope("module", ChainMap(scope.module.names, scope.names), scope.module)


def resolve_pending(evaluator: Evaluator) -> None:
    """Look again for the names in annotations that are text; what is still undefined is kept as the error."""
    pending, evaluator.pending = evaluator.pending, []
    for info, field in pending:
        if info.cls is object:  # a class whose body failed: it was never made
            continue
        scope = _late_scope(Scope("class", dict(info.cls.__dict__), info.module))
        try:
            hint = evaluator.compute(lambda: _hint_of(evaluator, field, scope, True))  # noqa: B023
        except UndefinedInText as undefined:
            field.unresolved = undefined.error
            evaluator.pending.append((info, field))
            continue
        except PyError as error:
            field.unresolved = error
            continue
        if isinstance(hint, Opaque):
            field.type_reason, hint = hint.reason, Any
        field.unresolved = None
        info.cls.__annotations__[field.name] = hint  # its own: it has at least this one
        fields = info.cls.__dict__.get("__dataclass_fields__", {})
        if field.name in fields:
            fields[field.name].type = hint


def annotation(evaluator: Evaluator, node: ast.expr, scope: Scope, late: bool) -> Any:
    """The type that an annotation means. `late`: it is text, of which Python computes the names later.

    Raises UndefinedInText for a name that is not defined in a text, PyError for one outside of texts.
    """
    value = _value(evaluator, node, scope, late)
    if isinstance(value, str):
        return _of_text(evaluator, value, node, scope)
    if isinstance(value, Opaque):
        evaluator.type_reason = value.reason
        return Any
    if type_too_large(value):
        evaluator.type_reason = TOO_LARGE
        return Any
    return real(value)


def _value(evaluator: Evaluator, node: ast.expr, scope: Scope, late: bool) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        left = _value(evaluator, node.left, scope, late)
        right = _value(evaluator, node.right, scope, late)
        if type_too_large(left) or type_too_large(right):
            return Opaque(TOO_LARGE)
        unknown = next((side for side in (left, right) if isinstance(side, Opaque)), None)
        return unknown if unknown is not None else binary(evaluator, node.op, left, right, node, scope)
    try:
        return evaluator.eval(node, scope)
    except PyError as error:
        if late and isinstance(error.error, NameError):
            raise UndefinedInText(error) from error
        raise


def _of_text(evaluator: Evaluator, text: str, node: ast.expr, scope: Scope) -> Any:
    try:
        parsed = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        message = f"Forward reference must be an expression -- got {text!r}"
        raise UndefinedInText(evaluator.error(SyntaxError(message), node, scope)) from error
    for inner in ast.walk(parsed):
        evaluator.budget.spend()
        if "lineno" in inner._attributes:
            ast.copy_location(inner, node)
    return annotation(evaluator, parsed, _late_scope(scope) if scope.kind == "class" else scope, late=True)


def type_arguments(evaluator: Evaluator, base: Any, node: ast.Subscript, scope: Scope) -> Any:
    """`base[…]` of a type: arguments that are text are types, too, but those of Literal and the notes of Annotated."""
    mro = (*getattr(base, "__mro__", ()), *type(base).__mro__)
    if any("__class_getitem__" in info.methods for kind in mro if (info := class_info(kind))):
        return evaluator.opaque(node, scope)
    written = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if base is Literal:
        values = [evaluator.eval(item, scope) for item in written]
        if unknown_in(values) is not None:
            return evaluator.opaque(node, scope)
        return apply(evaluator, lambda: Literal[tuple(values)], node, scope)
    if base is Annotated:
        return _argument(evaluator, written[0], scope)
    arguments = tuple(_argument(evaluator, item, scope) for item in written)
    if base in (Generic, Protocol):  # a variable may be unknown, such as one whose bound is a class of torch
        arguments = tuple(_type_variable("T") if given is Any else given for given in arguments)
    if any(map(type_too_large, arguments)):
        return Opaque(TOO_LARGE)
    try:
        return base[arguments if isinstance(node.slice, ast.Tuple) else arguments[0]]
    except TypeError as error:
        if any(map(_may_be_unknown, (base, *arguments))):
            return evaluator.opaque(node, scope)
        raise evaluator.error(error, node, scope) from error


def _may_be_unknown(kind: Any) -> bool:
    """Whether there is Any in a type, which is also what an unknown one is taken for: that one may have variables."""
    parts = kind if isinstance(kind, list) else getattr(kind, "__args__", ())
    return kind is Any or any(map(_may_be_unknown, parts))


def _argument(evaluator: Evaluator, node: ast.expr, scope: Scope) -> Any:
    if isinstance(node, ast.List):
        return [_argument(evaluator, item, scope) for item in node.elts]
    if isinstance(node, ast.Constant) and not isinstance(node.value, str):
        return node.value
    return annotation(evaluator, node, scope, late=False)


def let_go_of_types() -> None:
    """Empty what typing remembers of types such as `Optional[Opt]`: with each class, all the code that it is from."""
    for clear in getattr(typing, "_cleanups", ()):
        clear()
