"""Two things of the standard library without what they cost at each start, used or not.

A command defines some two hundred classes and patterns and needs a few of them. `dataclasses.dataclass` writes and
compiles six methods for each class, and `re.compile` compiles what may never be searched for: together they took half
of the time that our modules need to load.
"""

from __future__ import annotations

import dataclasses
import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["compiled", "dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
    from re import compile as compiled
else:

    def dataclass(cls: Any = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
        """`dataclasses.dataclass` with an `__init__` of its own and shared other methods.

        Nothing is frozen while it runs: that is for mypy to hold.
        """
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, eq=eq)
        cls.__doc__ = cls.__doc__ or cls.__name__  # or its signature would be written out
        own = vars(cls)
        methods = {"__repr__": _repr} if "__repr__" not in own else {}
        made = dataclasses.dataclass(repr=False, eq=False)(cls)
        if eq and "__eq__" not in own:
            values = _values_of([field.name for field in dataclasses.fields(made) if field.compare])
            methods["__eq__"] = _equal(values)
            if "__hash__" not in own:
                methods["__hash__"] = _hash(values) if frozen else None
        for name, method in methods.items():
            setattr(made, name, method)
        return made

    class compiled:  # noqa: N801 (stands for a function)
        """A pattern that is compiled when it is first used."""

        def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
            self._given = (pattern, flags)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            found = getattr(re.compile(*self._given), name)
            self.__dict__[name] = found  # where it is found without us from now on
            return found


def _values_of(names: list[str]) -> Any:
    return attrgetter(*names) if names else lambda _: ()


def _repr(self: Any) -> str:
    values = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(values)})"


def _equal(values: Any) -> Any:
    def equal(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return equal


def _hash(values: Any) -> Any:
    return lambda self: hash(values(self))
