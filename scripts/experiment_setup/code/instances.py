"""Instances of the project's classes, as far as they are known: an unknown argument becomes a marked placeholder."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiment_setup.code.annotations import resolve_pending
from experiment_setup.code.defaults import Factory, hint_of, placeholder
from experiment_setup.code.functions import UserFunction
from experiment_setup.code.values import (
    Call,
    Known,
    Opaque,
    PyError,
    Stop,
    find_method,
    is_instance_of_user_class,
    opaque_attributes,
    real,
    reason_of,
    set_opaque_attribute,
    unknown_in,
)

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator

_COST = 30  # of an instance, in the units of the budget

Marks = Mapping[str, str | None]  # argument -> the reason why it is not known, None where it is


def instantiate(evaluator: Evaluator, cls: type, call: Call) -> Any:
    """Make an instance of a class of the project. Raises PyError where Python raises."""
    evaluator.budget.spend(_COST)
    own_init = find_method(cls, "__init__")
    if find_method(cls, "__new__") or (own_init and _calls_super(own_init)):
        return evaluator.opaque(call.node, call.scope)
    marks: Marks = {}
    if dataclasses.is_dataclass(cls) and not own_init:
        resolve_pending(evaluator)
        call, marks = _with_placeholders(cls, call)
    elif not own_init and unknown_in(call.values) is not None:
        return evaluator.opaque(call.node, call.scope)
    depth = len(evaluator.making)
    evaluator.making.append(marks)
    try:
        instance = cls(*call.args, **call.kwargs)
        _mark(instance, evaluator.making[-1])
    except (PyError, Stop):
        raise
    except RecursionError:
        return evaluator.opaque(call.node, call.scope)
    except Exception as error:
        failure = evaluator.take_failure()  # where the user's code raised it, else the call
        known = failure is not None and failure.error is error
        raise (failure if known and failure else evaluator.error(error, call.node, call.scope)) from error
    finally:
        del evaluator.making[depth:]
    return instance


def _with_placeholders(cls: Any, call: Call) -> tuple[Call, Marks]:
    """The call with what a real dataclass can hold in the place of what is not known, and which arguments those are."""
    names = [field.name for field in dataclasses.fields(cls) if field.init and not getattr(field, "kw_only", False)]
    given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    if len(call.args) > len(names) or len(call.values) > len(given):
        return call, {}  # too many, or one given twice: let Python say so
    marks: dict[str, str | None] = {}
    for name, value in given.items():
        marks[name] = None if is_instance_of_user_class(value) else reason_of(value)
        if marks[name] is not None:
            given[name] = placeholder(hint_of(cls, name), marks[name] or "?")
        elif isinstance(value, Known):
            given[name] = real(value)
    return Call((), given, call.node, call.scope), marks


def _mark(instance: Any, marks: Marks | None) -> None:
    """Say which fields are only placeholders. None: that has been said already, before its __post_init__."""
    if marks is None or not dataclasses.is_dataclass(instance) or isinstance(instance, type):
        return
    unknown = dict(opaque_attributes(instance))
    for field in dataclasses.fields(instance):
        reason = marks.get(field.name)
        if field.name not in marks and isinstance(field.default_factory, Factory):
            reason = field.default_factory.reason
        if reason:
            unknown.setdefault(field.name, reason)
    for name, reason in unknown.items():
        set_opaque_attribute(instance, name, reason)


def creator(evaluator: Evaluator, function: UserFunction) -> Any:
    """`__init__` or `__post_init__` as a real function, which is computed from its source."""

    def create(instance: Any, *args: Any, **kwargs: Any) -> None:
        call = Call((instance, *args), kwargs, function.node, function.scope)
        if function.name == "__post_init__":  # the fields are set: say which of them are only placeholders
            _mark(instance, evaluator.making.pop() if evaluator.making else {})
            evaluator.making.append(None)
        try:
            result = evaluator.compute(lambda: function.call(evaluator, call))
        except PyError as error:
            raise evaluator.fail(error) from None
        if isinstance(result, Opaque) or _calls_super(function):
            _doubt(instance, function)

    return create


def _calls_super(function: UserFunction) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "super" for node in ast.walk(function.node))


def _doubt(instance: Any, function: UserFunction) -> None:
    """Mark what `__init__` or `__post_init__` may set as unknown: it could not be followed to its end."""
    fields = {field.name for field in dataclasses.fields(instance)} if dataclasses.is_dataclass(instance) else set()
    first = function.node.args.args[0].arg if function.node.args.args else "self"
    for node in ast.walk(function.node):
        names: set[str] = set()
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            names = {node.attr} if isinstance(node.value, ast.Name) and node.value.id == first else set()
        elif isinstance(node, ast.Call) and any(
            isinstance(inner, ast.Name) and inner.id in (first, "super") for inner in ast.walk(node)
        ):
            names = fields
        for name in names:
            set_opaque_attribute(instance, name, f"{function.name}()")
