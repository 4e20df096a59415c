"""Functions of Python that are computed here instead of called: they work on stand-ins, or are pure only at times."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

from experiment_setup.code import classes, environment
from experiment_setup.code.attributes import get_attribute, set_attribute
from experiment_setup.code.functions import UserFunction
from experiment_setup.code.tree import last_name
from experiment_setup.code.values import CHANGE_ARGUMENTS, Call, Known, Opaque, Partial, PyError, Special

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator


def _print(_evaluator: Evaluator, _call: Call) -> None:
    return None


def _getattr(evaluator: Evaluator, call: Call) -> Any:
    if len(call.args) < 2 or not isinstance(call.args[1], str) or isinstance(call.args[0], Opaque):
        return evaluator.opaque(call.node, call.scope)
    try:
        return get_attribute(evaluator, call.args[0], call.args[1], call.node, call.scope)
    except PyError as error:
        if len(call.args) > 2 and isinstance(error.error, AttributeError):
            return call.args[2]
        raise


def _hasattr(evaluator: Evaluator, call: Call) -> Any:
    if len(call.args) != 2 or not isinstance(call.args[1], str) or isinstance(call.args[0], Opaque):
        return evaluator.opaque(call.node, call.scope)
    try:
        value = get_attribute(evaluator, call.args[0], call.args[1], call.node, call.scope)
    except PyError:
        return False
    return value if isinstance(value, Opaque) else True


def _setattr(evaluator: Evaluator, call: Call) -> None:
    if len(call.args) == 3 and isinstance(call.args[1], str):
        set_attribute(evaluator, call.args[0], call.args[1], call.args[2], call.node, call.scope)


def _type(evaluator: Evaluator, call: Call) -> Any:
    if len(call.args) != 1 or isinstance(call.args[0], Known):
        return evaluator.opaque(call.node, call.scope)
    return type(call.args[0])


def _cast(evaluator: Evaluator, call: Call) -> Any:
    return call.args[1] if len(call.args) == 2 else evaluator.opaque(call.node, call.scope)


def _partial(evaluator: Evaluator, call: Call) -> Any:
    if not call.args or isinstance(call.args[0], Opaque):
        return evaluator.opaque(call.node, call.scope)
    return Partial(call.args[0], call.args[1:], call.kwargs)


def _wraps(evaluator: Evaluator, call: Call) -> Any:
    wrapped = call.args[0] if call.args else None

    def rename(_evaluator: Evaluator, inner: Call) -> Any:
        function = inner.args[0] if inner.args else evaluator.opaque(call.node, call.scope)
        if isinstance(function, UserFunction) and isinstance(wrapped, UserFunction):
            return dataclasses.replace(function, name=wrapped.name)
        return function

    return Special("wraps", rename)


def _path_function(name: str) -> Special:
    function = getattr(os.path, name)

    def run(evaluator: Evaluator, call: Call) -> Any:
        paths = [os.fspath(value) for value in call.args if isinstance(value, (str, os.PathLike))]
        if len(paths) != len(call.args) or call.kwargs or not paths or not all(map(os.path.isabs, paths)):
            return evaluator.opaque(call.node, call.scope)
        if name == "relpath" and len(paths) != 2:
            return evaluator.opaque(call.node, call.scope)
        try:
            return function(*paths)
        except (OSError, ValueError) as error:  # ValueError: NUL, or a lone surrogate
            raise evaluator.error(error, call.node, call.scope) from error

    return Special(name, run)


def _changes(evaluator: Evaluator, call: Call) -> None:
    for value in call.args:
        evaluator.may_change(value, f"{last_name(call.node)}()")


CHANGE_ARGUMENTS.update(
    dict.fromkeys(("shuffle", "heapify", "heappush", "heappop", "insort", "setattr", "exec"), _changes)
)
SPECIALS: dict[tuple[str, str], Any] = {
    **environment.SPECIALS,
    **classes.SPECIALS,
    ("builtins", "print"): Special("print", _print),
    ("builtins", "getattr"): Special("getattr", _getattr),
    ("builtins", "hasattr"): Special("hasattr", _hasattr),
    ("builtins", "setattr"): Special("setattr", _setattr),
    ("builtins", "super"): Opaque("super()"),
    ("builtins", "type"): Special("type", _type),
    ("typing", "cast"): Special("cast", _cast),
    ("functools", "partial"): Special("partial", _partial),
    ("functools", "wraps"): Special("wraps", _wraps),
    **{("os.path", name): _path_function(name) for name in ("abspath", "realpath", "relpath")},
}
