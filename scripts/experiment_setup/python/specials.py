"""Functions of Python that are computed here instead of called: they work on stand-ins, or are pure only at times."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from experiment_setup.python.expressions import Expressions
from experiment_setup.python.values import Call, Known, Opaque, Partial, PyError, Special, UserFunction


def _print(_reader: Expressions, _call: Call) -> None:
    return None


def _getattr(reader: Expressions, call: Call) -> Any:
    if len(call.args) < 2 or not isinstance(call.args[1], str) or isinstance(call.args[0], Opaque):
        return reader.opaque(call.node, call.scope)
    try:
        return reader.get_attribute(call.args[0], call.args[1], call.node, call.scope)
    except PyError as error:
        if len(call.args) > 2 and isinstance(error.error, AttributeError):
            return call.args[2]
        raise


def _hasattr(reader: Expressions, call: Call) -> Any:
    if len(call.args) != 2 or not isinstance(call.args[1], str) or isinstance(call.args[0], Opaque):
        return reader.opaque(call.node, call.scope)
    try:
        value = reader.get_attribute(call.args[0], call.args[1], call.node, call.scope)
    except PyError:
        return False
    return value if isinstance(value, Opaque) else True


def _setattr(reader: Expressions, call: Call) -> None:
    if len(call.args) == 3 and isinstance(call.args[1], str):
        reader.set_attribute(call.args[0], call.args[1], call.args[2], call.node, call.scope)


def _type(reader: Expressions, call: Call) -> Any:
    if len(call.args) != 1 or isinstance(call.args[0], Known):
        return reader.opaque(call.node, call.scope)
    return type(call.args[0])


def _cast(reader: Expressions, call: Call) -> Any:
    return call.args[1] if len(call.args) == 2 else reader.opaque(call.node, call.scope)


def _partial(reader: Expressions, call: Call) -> Any:
    if not call.args or isinstance(call.args[0], Opaque):
        return reader.opaque(call.node, call.scope)
    return Partial(call.args[0], call.args[1:], call.kwargs)


def _wraps(reader: Expressions, call: Call) -> Any:
    wrapped = call.args[0] if call.args else None

    def rename(_reader: Expressions, inner: Call) -> Any:
        function = inner.args[0] if inner.args else reader.opaque(call.node, call.scope)
        if isinstance(function, UserFunction) and isinstance(wrapped, UserFunction):
            return dataclasses.replace(function, name=wrapped.name)
        return function

    return Special("wraps", rename)


def _path_function(name: str) -> Special:
    function = getattr(os.path, name)

    def run(reader: Expressions, call: Call) -> Any:
        paths = [os.fspath(value) for value in call.args if isinstance(value, (str, os.PathLike))]
        if len(paths) != len(call.args) or call.kwargs or not paths or not all(map(os.path.isabs, paths)):
            return reader.opaque(call.node, call.scope)
        if name == "relpath" and len(paths) != 2:
            return reader.opaque(call.node, call.scope)
        return function(*paths)

    return Special(name, run)


SPECIALS: dict[tuple[str, str], Any] = {
    ("builtins", "print"): Special("print", _print),
    ("builtins", "getattr"): Special("getattr", _getattr),
    ("builtins", "hasattr"): Special("hasattr", _hasattr),
    ("builtins", "setattr"): Special("setattr", _setattr),
    ("builtins", "type"): Special("type", _type),
    ("typing", "cast"): Special("cast", _cast),
    ("functools", "partial"): Special("partial", _partial),
    ("functools", "wraps"): Special("wraps", _wraps),
    **{("os.path", name): _path_function(name) for name in ("abspath", "realpath", "relpath")},
    **{("os", name): Opaque(f"os.{name}") for name in ("getcwd", "listdir", "makedirs", "cpu_count", "system")},
}
