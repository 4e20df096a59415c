"""Calls: pure functions of Python with plain values; what else there is to call is known by its stand-in."""

from __future__ import annotations

import enum
import types
from collections.abc import Iterator
from typing import Any

from experiment_setup.python import standard
from experiment_setup.python.attributes import Attributes
from experiment_setup.python.values import (
    INFO,
    Bound,
    Call,
    Known,
    Opaque,
    Partial,
    PyError,
    Special,
    Stop,
    UserFunction,
    class_info,
    unknown_in,
)

_DUNDERS_OF_VALUES = frozenset(
    "__str__ __repr__ __format__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __bool__ __len__ __contains__ "
    "__iter__ __getitem__ __getattr__ __getattribute__ __add__ __radd__ __fspath__ __int__ __float__".split()
)


class _Given(Exception):
    """A function of the project, called back by a real one, gave an opaque value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Calls(Attributes):
    """Calls what is known."""

    # What subclasses do.

    def instantiate(self, cls: type, call: Call) -> Any:
        """Make an instance of a class of the project."""
        raise NotImplementedError

    def unknown_call(self, function: Any, call: Call) -> None:
        """Something opaque is called, or something known with unknown arguments: what may follow from it."""

    # What is called.

    def call(self, function: Any, call: Call) -> Any:
        """Call a known value."""
        if isinstance(function, Special):
            return function.run(self, call)
        if isinstance(function, UserFunction):
            return self.call_user(function, call)
        if isinstance(function, Bound):
            if isinstance(function.function, UserFunction):
                return self.call_user(function.function, call, (function.owner,))
            return self.native(getattr(function.owner, function.function), call, function.function)
        if isinstance(function, Partial):
            args, kwargs = (*function.args, *call.args), {**function.kwargs, **call.kwargs}
            return self.call(function.function, Call(args, kwargs, call.node, call.scope))
        if isinstance(function, types.GenericAlias):
            return self.call(function.__origin__, call)
        if class_info(function) and not isinstance(function, enum.EnumMeta):
            return self.instantiate(function, call)
        if standard.hashable_in(function, standard.IDENTITY_DECORATORS):
            if call.args and (isinstance(call.args[0], (Known, type))):
                return call.args[0]
            return Special("decorator", lambda _interpreter, inner: inner.args[0] if inner.args else None)
        if isinstance(function, enum.EnumMeta) or standard.is_pure(function):
            return self.native(function, call)
        if is_user(function):
            return self._call_instance(function, call)
        if not callable(function) and not isinstance(function, Known):
            kind = type(function).__name__
            raise self.error(TypeError(f"{kind!r} object is not callable"), call.node, call.scope)
        self.unknown_call(function, call)
        return self.opaque(call.node, call.scope)

    def _call_instance(self, instance: Any, call: Call) -> Any:
        for base in type(instance).__mro__:
            info = class_info(base)
            if info and "__call__" in info.methods:
                return self.call_user(info.methods["__call__"], call, (instance,))
        raise self.error(TypeError(f"{type(instance).__name__!r} object is not callable"), call.node, call.scope)

    def native(self, function: Any, call: Call, name: str = "") -> Any:
        """Call a pure function or method of Python with plain values."""
        args, kwargs = call.args, call.kwargs
        higher = standard.hashable_in(function, standard.HIGHER_ORDER) or name == "sort"
        if higher:
            args = tuple(self._called_back(value, call) for value in args)
            kwargs = {key: self._called_back(value, call) for key, value in kwargs.items()}
        owner = getattr(function, "__self__", None)
        given = [*args, *kwargs.values()]
        tolerant = name in (
            "append",
            "insert",
            "extend",
            "get",
            "setdefault",
            "update",
            "keys",
            "items",
            "values",
            "pop",
        )
        reason = None if tolerant else self.plain(owner, *given)
        if function is len and given and not isinstance(given[0], Known):
            reason = None  # a list has a length whatever is in it
        if function in (str, format, repr) and args and self.has_own_text(args[0]):
            return self.own_text(args[0], call)
        if (
            reason is None
            and not standard.hashable_in(function, standard.ORDER_FREE)
            and name not in standard.METHODS[set]
        ):
            reason = next((f"the order of a set: {v!r:.60}" for v in given if unordered(v)), None)
        if reason is None and standard.call_too_large(function, name, (*given,)):
            reason = "a value too large to be computed here"
        if reason is not None:
            self.unknowns += 1
            return Opaque(reason)
        try:
            result = function(*args, **kwargs)
            return standard.all_items(result) if isinstance(result, Iterator) else result
        except _Given as given_up:
            return Opaque(given_up.reason)
        except (PyError, Stop):
            raise
        except (standard.Unknown, RecursionError, MemoryError):
            return self.opaque(call.node, call.scope)
        except Exception as error:
            raise self.error(error, call.node, call.scope) from error

    def _called_back(self, value: Any, call: Call) -> Any:
        """A function of the project as one that a real function can call."""
        if not isinstance(value, Known) or isinstance(value, Opaque):
            return value

        def function(*args: Any, **kwargs: Any) -> Any:
            result = self.call(value, Call(args, kwargs, call.node, call.scope))
            reason = unknown_in([result])
            if reason is not None:
                raise _Given(reason)
            return result

        return function

    @staticmethod
    def has_own_text(value: Any) -> bool:
        """Whether the project says how a value is written as text."""
        return (isinstance(value, enum.Enum) or is_user(value)) and any(
            info is not None and info.methods.keys() & {"__str__", "__repr__", "__format__"}
            for info in map(class_info, type(value).__mro__)
        )

    def own_text(self, value: Any, call: Call) -> Any:
        """The text that the project's `__str__` gives."""
        for base in type(value).__mro__:
            info = class_info(base)
            if info and "__str__" in info.methods and not info.methods.keys() & {"__format__", "__repr__"}:
                text = self.call_user(info.methods["__str__"], Call((), {}, call.node, call.scope), (value,))
                return text if isinstance(text, (str, Opaque)) else self.opaque(call.node, call.scope)
        return self.opaque(call.node, call.scope)

    @staticmethod
    def plain(*values: Any) -> str | None:
        """Why the values cannot be computed with; None if they can."""
        reason = unknown_in(values)
        if reason is None:
            for value in values:
                for base in type(value).__mro__ if isinstance(value, enum.Enum) or is_user(value) else ():
                    info = class_info(base)
                    if info and info.methods.keys() & _DUNDERS_OF_VALUES:
                        return f"the methods of {info.name}"
        return reason


def is_user(value: Any) -> bool:
    """Whether a value is an instance of a class of the project, an enumeration's member included."""
    return INFO in type(value).__dict__


def unordered(value: Any) -> bool:
    """A set whose order differs between processes."""
    return isinstance(value, (set, frozenset)) and len(value) > 1 and not all(isinstance(v, int) for v in value)
