"""How much may be computed: code that is read must not be able to exhaust the machine.

What goes past a limit is opaque. All limits are far above what a config needs, and none is a time: the same code is
read in the same way on every machine.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import textwrap
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from experiment_setup.code.standard import hashable_in
from experiment_setup.code.values import TOO_LARGE, Stop, range_length
from experiment_setup.light import compiled

# In units of about a microsecond: a syntax node, or eight elements of a list, is one.
_STATEMENT = 20_000  # a config module takes a few thousand in all
_MODULE = 200_000
_LINE = 60  # what a line of a statement brings with it: a field with a type and a default takes 20 to 50
_LINES = 300_000  # all that lines bring
_IMPORTED = 400_000  # all modules that the entry point imports
_SMALL = 200  # what a statement still gets when its module has spent all
_RESERVE = 40_000
_ELEMENTS = 8
_DEPTH = 25  # calls of functions of the project within each other


class Budget:
    """What is left to be spent on the statement and the module that are being read."""

    def __init__(self) -> None:
        self.depth = 0
        self._statement = _STATEMENT
        self._module = _MODULE
        self._imported = _IMPORTED
        self._reserve = _RESERVE
        self._lines = _LINES

    def spend(self, units: int = 1) -> None:
        """Raises Stop if there is nothing left."""
        self._statement -= units
        self._module -= units
        if self._statement < 0 or self._module < 0:
            raise Stop("too long a computation")

    def charge(self, units: int) -> None:
        """Spend without looking at what is left: the next one to spend is told."""
        self._statement -= units
        self._module -= units

    def look_at(self, elements: int) -> None:
        """Spend what it takes to look at elements of a value. Raises Stop if there is nothing left."""
        self.spend(elements // _ELEMENTS)

    def next_statement(self, lines: int) -> None:
        """A statement of a module's own level begins. A small one, such as the definition of main, is always read.

        Lines are there for what people write down: a loop of three of them has no more than a loop of one.
        """
        brought = min(_LINE * lines, self._lines)
        self._lines -= brought
        self._module += brought
        self._statement = _STATEMENT + brought
        if self._module < _SMALL <= self._reserve:
            self._module = _SMALL
            self._reserve -= _SMALL

    @contextmanager
    def inside_function(self) -> Iterator[None]:
        """A function of the project is called. Raises Stop if too many are within each other."""
        if self.depth > _DEPTH:
            raise Stop("calls nested too deeply")
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    @contextmanager
    def own_statement(self) -> Iterator[None]:
        """Something that is computed outside of any statement, such as a default when it is first needed."""
        saved = self._statement, self.depth
        self._statement = _STATEMENT
        try:
            yield
        finally:
            self._statement, self.depth = saved

    @contextmanager
    def imported_module(self) -> Iterator[None]:
        """A module is read in the middle of another one, at its expense and not at the other's."""
        saved = self._statement, self._module, self.depth
        start = self._module = min(_MODULE, self._imported)
        self.depth = 0
        try:
            yield
        finally:
            self._imported -= max(0, start - self._module)  # without what its lines brought
            self._statement, self._module, self.depth = saved


_MAX_BITS = 20_000
_MAX_ITEMS = 20_000
_MAX_CHARACTERS = 100_000
_MAX_WIDTH = 10_000
_MAX_TYPES = 200  # in one annotation


def _bits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def _share(value: Any) -> float:
    """The length of a text or container, of what one may have at most."""
    if isinstance(value, (str, bytes)):
        return len(value) / _MAX_CHARACTERS
    if isinstance(value, range):
        return min(range_length(value), 10 * _MAX_ITEMS) / _MAX_ITEMS
    return len(value) / _MAX_ITEMS if isinstance(value, (list, tuple, dict, set, frozenset)) else 0


def _longest(values: Iterable[Any]) -> int:
    return max((len(value) for value in values if isinstance(value, (str, bytes))), default=0)


def operation_too_large(operator: str, left: Any, right: Any) -> bool:
    """Whether `left operator right` could get too large to compute; `operator` is the name of its syntax node."""
    check = _OPERATIONS.get(operator)
    return check is not None and check(left, right)


def _product(left: Any, right: Any) -> bool:
    if isinstance(left, int) and isinstance(right, int):
        return _bits(left) + _bits(right) > _MAX_BITS
    count = left if isinstance(left, int) else right
    return isinstance(count, int) and max(_share(left), _share(right)) * min(count, 10 * _MAX_CHARACTERS) > 1


_OPERATIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Pow": lambda left, right: (
        isinstance(left, int) and isinstance(right, int) and _bits(left) * abs(right) > _MAX_BITS
    ),
    "LShift": lambda left, right: isinstance(right, int) and _bits(left) + right > _MAX_BITS,
    "Mult": _product,
    "Mod": lambda left, right: isinstance(left, (str, bytes)) and _wide(left, right),
    "Add": lambda left, right: _share(left) + _share(right) > 1,
    "BitOr": lambda left, right: _share(left) + _share(right) > 1,
}


def call_too_large(function: Any, name: str, owner: Any, args: tuple[Any, ...]) -> bool:
    """Whether a pure function, or the method `name` of `owner`, could compute too long or too large a result."""
    if function is len:
        return False
    if owner is None and isinstance(getattr(function, "__objclass__", None), type) and args:  # `str.join(text, pieces)`
        name, owner, args = function.__name__, args[0], args[1:]
    if any(_share(value) > 1 for value in args):
        return True
    if isinstance(owner, int) and name == "to_bytes":
        return any(number > _MAX_WIDTH for number in _numbers(args))
    if isinstance(owner, (str, bytes)):
        return name in _OF_TEXTS and _OF_TEXTS[name](owner, args)
    if isinstance(owner, (list, dict, set)):
        return _share(owner) + sum(map(_share, args)) > 1
    return hashable_in(function, _CHECKED) and _FUNCTIONS[function](args)


def _numbers(values: Iterable[Any]) -> list[int]:
    return [value for value in values if isinstance(value, int)]


def _wider(_text: Any, args: tuple[Any, ...]) -> bool:
    return any(number > _MAX_WIDTH for number in _numbers(args))


def _replaced(text: Any, args: tuple[Any, ...]) -> bool:
    return (len(text) + 1) * (_longest(args[1:2]) + 1) > 10 * _MAX_CHARACTERS


def _joined(text: Any, args: tuple[Any, ...]) -> bool:
    pieces = list(args[0]) if args and isinstance(args[0], (list, tuple, str)) else []
    return len(pieces) * (len(text) + _longest(pieces) + 1) > 10 * _MAX_CHARACTERS


def _translated(text: Any, args: tuple[Any, ...]) -> bool:
    table = args[0].values() if args and isinstance(args[0], dict) else ()
    return len(text) * _longest(table) > _MAX_CHARACTERS


def _formatted(text: Any, args: tuple[Any, ...]) -> bool:
    # A template reaches into its values: "{0.__class__}".
    return "__" in str(text) or _wide(text, args)


_OF_TEXTS: Mapping[str, Callable[[Any, tuple[Any, ...]], bool]] = {
    **dict.fromkeys(("ljust", "rjust", "center", "zfill"), _wider),
    "expandtabs": lambda text, args: any(len(text) * number > _MAX_CHARACTERS for number in _numbers(args)),
    "replace": _replaced,
    "join": _joined,
    "translate": _translated,
    "format": _formatted,
    "format_map": _formatted,
}


def _power(args: tuple[Any, ...]) -> bool:
    return len(_numbers(args)) == len(args) > 1 and _bits(args[0]) * abs(args[1]) > _MAX_BITS


def _multiplied(args: tuple[Any, ...]) -> bool:
    inner = (value for arg in args if isinstance(arg, (list, tuple, set, range)) for value in arg)
    return sum(map(_bits, itertools.chain(args, inner))) > _MAX_BITS


def _arrangements(args: tuple[Any, ...]) -> bool:
    return any(number > 100 for number in _numbers(args)) or sum(map(_share, args)) * 20 > 1


_FUNCTIONS: Mapping[Any, Callable[[tuple[Any, ...]], bool]] = {
    pow: lambda args: _power(args) or any(abs(number) > _MAX_BITS for number in _numbers(args)[1:]),
    round: lambda args: any(abs(number) > _MAX_BITS for number in _numbers(args)[1:]),
    **dict.fromkeys((math.factorial, math.comb, math.perm), lambda args: any(n > 1_000 for n in _numbers(args))),
    **dict.fromkeys((math.prod, math.lcm), _multiplied),
    **dict.fromkeys((itertools.product, itertools.permutations, itertools.combinations), _arrangements),
    bytes: lambda args: any(number > _MAX_CHARACTERS for number in _numbers(args)),
    format: lambda args: len(args) > 1 and spec_too_wide(str(args[1])),
    textwrap.indent: lambda args: _longest(args) > 1_000 or sum(map(_share, args)) > 1,
    json.dumps: lambda args: any(number > 16 for number in _numbers(args)),
    sum: lambda args: any(isinstance(value, (list, tuple)) for value in args[1:]) and _share(args[0]) * 200 > 1,
}
_CHECKED = frozenset(_FUNCTIONS)

# The name of a value, as in `%(name)s`, may have anything in it; who writes brackets there counts as up to something.
_WIDE_FORMAT = compiled(r"%\([^()]*\(|%(?:\([^()]*\))?[^a-zA-Z%]*\d{5}|\{[^{}:]*:[^{}]*\d{5}")
_STARRED_FORMAT = compiled(r"%[^a-zA-Z%]*\*")
_NESTED_FORMAT = compiled(r"\{[^{}:]*:((?:[^{}]*\{[^{}]*\})+[^{}]*)\}")
_INNER = compiled(r"\{([^{}]*)\}")


def _wide(template: Any, values: Any) -> bool:
    """Whether a format could pad to a huge width, by a long number in it or in the values, or repeat much."""
    text = template if isinstance(template, str) else template.decode("latin-1")
    if _WIDE_FORMAT.search(text):
        return True
    values = values if isinstance(values, tuple) else (values,)
    values = [v for value in values for v in (value.values() if isinstance(value, dict) else (value,))]
    places = text.count("{") + text.count("%")
    if places > 1 and places * sum(_longest([value]) + 8 * _MAX_ITEMS * _share(value) for value in values) > (
        10 * _MAX_CHARACTERS
    ):
        return True
    if _STARRED_FORMAT.search(text) and any(_bits(value) > 13 for value in values):
        return True
    return any(_could_be_wide(spec, values) for spec in _NESTED_FORMAT.findall(text))


def _could_be_wide(spec: str, values: list[Any]) -> bool:
    """Whether values could put more than five digits into a specification such as `>{width}.{digits}f`."""
    inner = _INNER.findall(spec)
    most = max((6 if _bits(v) > 20 else sum(map(str.isdigit, str(v))) for v in values if not _share(v) > 1), default=0)
    return any("[" in name or "." in name for name in inner) or (
        len(inner) * most + sum(map(str.isdigit, _INNER.sub("", spec))) > 5
    )


def spec_too_wide(spec: str) -> bool:
    """Whether a format specification, such as the `>10` of an f-string, pads to a huge width."""
    return re.search(r"\d{5}", spec) is not None


def all_items(iterator: Iterator[Any]) -> list[Any]:
    """An iterator's items. Raises Stop if there are too many."""
    items: list[Any] = []
    size = 0
    for item in iterator:
        items.append(item)
        size += 1 + (len(item) if isinstance(item, (tuple, list)) else 0)
        if size > 5 * _MAX_ITEMS:
            raise Stop(TOO_LARGE)
    return items


def type_too_large(hint: Any) -> bool:
    """Whether a type has too many arguments within each other: typing takes for ever to compare `Tuple[T, T]` of it."""
    waiting = [hint]
    seen = 0
    while waiting:
        seen += 1
        if seen > _MAX_TYPES:
            return True
        waiting += typing.get_args(waiting.pop())
    return False
