"""Calls of pure functions of Python with plain values."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from experiment_setup.code import standard
from experiment_setup.code.limits import all_items, call_too_large
from experiment_setup.code.values import (
    TOO_LARGE,
    Call,
    Known,
    Opaque,
    PyError,
    Stop,
    class_infos,
    find_method,
    is_user,
    unknown_in,
    unordered,
)

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator

# Methods of containers that only put their arguments in, or give out what is in: it may be unknown.
_CONTAIN = frozenset("append insert extend get setdefault update keys items values pop copy".split())
_CHANGE = frozenset(
    "append extend insert remove pop clear sort reverse update setdefault popitem add discard difference_update "
    "intersection_update symmetric_difference_update".split()
)
_TEXT_METHODS = frozenset({"__str__", "__repr__", "__format__"})


class _GaveUnknown(Exception):
    """A function of the project, called back by a real one, gave an opaque value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def call_native(evaluator: Evaluator, function: Any, call: Call, name: str = "") -> Any:
    """Call a pure function, or the method `name` of a plain value. Raises PyError where Python raises."""
    args, kwargs = call.args, call.kwargs
    if function is typing.TypeVar and any(isinstance(value, Known) for value in call.values):
        # It is a variable, whatever the types are that it may stand for.
        args, kwargs = args[:1], {key: value for key, value in kwargs.items() if key == "name"}
    if standard.hashable_in(function, standard.HIGHER_ORDER) or name == "sort":
        args = tuple(_called_back(evaluator, value, call) for value in args)
        kwargs = {key: _called_back(evaluator, value, call) for key, value in kwargs.items()}
    if function in (str, format, repr) and args and has_own_text(args[0]):
        return own_text(evaluator, args[0], call)
    reason = _obstacle(evaluator, function, name, (*args, *kwargs.values()))
    if reason is not None:
        if name in _CHANGE:
            evaluator.may_change(function.__self__, reason)
        evaluator.unknowns += 1
        return Opaque(reason)
    try:
        result = function(*args, **kwargs)
        result = all_items(result) if isinstance(result, Iterator) else result
    except _GaveUnknown as given_up:
        return Opaque(given_up.reason)
    except (PyError, Stop):
        raise
    except (RecursionError, MemoryError):
        return evaluator.opaque(call.node, call.scope)
    except Exception as error:
        raise evaluator.error(error, call.node, call.scope) from error
    evaluator.made(result)
    return result


def _obstacle(evaluator: Evaluator, function: Any, name: str, given: tuple[Any, ...]) -> str | None:
    """The reason why a function cannot be called; None if it can."""
    owner = getattr(function, "__self__", None)
    only_length = function is len and given and not isinstance(given[0], Known)  # whatever is in it
    reason = None if only_length or name in _CONTAIN else evaluator.plain(owner, *given)
    if reason is None and name not in standard.METHODS[set] and not standard.hashable_in(function, standard.ORDER_FREE):
        reason = next((f"the order of a set: {value!r:.60}" for value in given if unordered(value)), None)
    if reason is None and call_too_large(function, name, owner, given):
        reason = TOO_LARGE
    return reason


def _called_back(evaluator: Evaluator, value: Any, call: Call) -> Any:
    """A function of the project as one that a real function can call."""
    if not isinstance(value, Known) or isinstance(value, Opaque):
        return value

    def function(*args: Any, **kwargs: Any) -> Any:
        result = evaluator.call(value, Call(args, kwargs, call.node, call.scope))
        reason = unknown_in([result])
        if reason is not None:
            raise _GaveUnknown(reason)
        return result

    return function


def has_own_text(value: Any) -> bool:
    """Whether the project says how a value is written as text."""
    return (isinstance(value, enum.Enum) or is_user(value)) and any(
        info.methods.keys() & _TEXT_METHODS for info in class_infos(type(value))
    )


def own_text(evaluator: Evaluator, value: Any, call: Call) -> Any:
    """The text that the project's `__str__` gives; Opaque where its other methods have a say."""
    function = find_method(type(value), "__str__")
    if function is None or any(info.methods.keys() & {"__format__", "__repr__"} for info in class_infos(type(value))):
        return evaluator.opaque(call.node, call.scope)
    text = function.call(evaluator, Call((value,), {}, call.node, call.scope))
    return text if isinstance(text, (str, Opaque)) else evaluator.opaque(call.node, call.scope)
