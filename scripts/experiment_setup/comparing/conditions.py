"""`--where` and `--sort`: which rows are shown, and in what order. Conditions are read, never evaluated."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from experiment_setup import command_line
from experiment_setup.comparing.comparison import EXPERIMENT, MISSING, Row, same
from experiment_setup.comparing.keys import IDENTITY, Name, Names
from experiment_setup.errors import CommandError
from experiment_setup.light import compiled, dataclass
from experiment_setup.listing import few
from experiment_setup.reading import yaml_loader
from experiment_setup.showing import values

# Each begins where no space stands before it: else each of many spaces would be tried together with all behind it.
_CONDITION = compiled(r"(?P<key>[^\s<>=!]+)\s*(?P<sign><=|>=|==|!=|=(?![<>])|<|>)\s*(?P<value>.*)", re.DOTALL)
_OR, _AND = (compiled(rf"(?<!\s)\s+(?:{word})\s+") for word in (r"or|\|\|?", r"and|&&?"))
_SPELLED = {"=>": ">=", "=<": "<=", ":": "=", "is": "="}
_MISSPELLED = compiled(r"(?<!\s)\s*(=>|=<|:|(?<=\s)is(?=\s))\s*")
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Condition:
    """`KEY<VALUE`; the value is read as YAML, so that `1e-4` is a number and `null` is nothing."""

    name: Name
    sign: str
    value: Any
    written: str

    def holds(self, row: Row) -> bool:
        """Whether it is so; never for a row that has nothing there, or, of `<` and `>`, something of another kind."""
        found = self.name.of(row)
        if found is MISSING:
            return False
        if self.sign in _ORDERS:
            return _comparable(found, self.value) and _ORDERS[self.sign](found, self.value)
        return self._is(found) != (self.sign == "!=")

    def _is(self, found: Any) -> bool:
        """Numbers by what they come to, a text also as it is written: YAML would read a number from `exp=001`."""
        if _is_number(found) and _is_number(self.value):
            return bool(found == self.value)
        if self.name == Name(IDENTITY, EXPERIMENT):  # its folder from the root, its name, or its number
            folder = str(found).rpartition("/")[2]
            return self.written in (found, folder, folder.partition("-")[0])
        return same(found, self.value) or (isinstance(found, str) and found == self.written)


def conditions(words: Sequence[str], rows: Sequence[Row]) -> list[Condition]:
    """The conditions of `--where`. Raises CommandError for what is none, and for a key that no row has."""
    names, found = Names(rows), []
    for word in words:
        parts = _parsed(word)
        if parts is None or not parts["value"]:
            meant = _MISSPELLED.sub(lambda found: _SPELLED[found[1]], word, count=1)
            raise CommandError(
                f"--where {word!r} is no condition: expected KEY, one of < <= > >= = !=, and a value, in quotes",
                "such as 'learning_rate<1e-4'; state=stale, exp=001 and results are compared likewise",
                command_line.corrected({word: [meant]}) if meant != word else None,
            )
        either = _OR.split(word)
        if len(either) > 1 and all(map(_parsed, either)):
            raise CommandError(
                f"--where {word!r} is {len(either)} conditions of which one is to hold",
                "all conditions are to hold; type one of them, and the other in a second command",
                command_line.corrected({word: [either[0]]}),
            )
        several = _AND.split(word)
        if len(several) > 1 and all(map(_parsed, several)):
            more = [part for other in several[1:] for part in ("--where", other)]
            raise CommandError(
                f"--where {word!r} is {len(several)} conditions",
                "give each a --where of its own: all of them are to hold",
                command_line.corrected({word: [several[0], *more]}),
            )
        found.append(Condition(names.find(parts["key"], word), parts["sign"], _read(parts["value"]), parts["value"]))
    return found


def _parsed(word: str) -> re.Match[str] | None:
    return _CONDITION.fullmatch(word.strip())


def unmet(words: Sequence[str], rows: Sequence[Row]) -> str:
    """Why no row is left: the condition that none meets, with the values that there are."""
    for condition in conditions(words, rows):
        if not any(condition.holds(row) for row in rows):
            found = [value for row in rows if (value := condition.name.of(row)) is not MISSING]
            is_name = condition.name.kind == IDENTITY
            there = dict.fromkeys(str(value) if is_name else values.shortened(value) for value in found)
            asked = f"{condition.name.name}{condition.sign}{condition.written}"
            return f"no config meets {asked}: {condition.name.name} is {few(list(there))} here"
    return "no config meets all the conditions of --where together"


def ordered(rows: Sequence[Row], words: Sequence[str]) -> list[Row]:
    """The rows in the order of `--sort`: by the first key, then the next; with a minus before it the largest first.

    Numbers come before texts, and what is not there comes last, whatever the direction.
    """
    names, result = Names(rows), list(rows)
    for word in reversed(words):
        name = names.find(word.removeprefix("-"), word)
        having = [row for row in result if name.of(row) is not MISSING and name.of(row) is not None]
        rest = [row for row in result if name.of(row) is MISSING or name.of(row) is None]
        having.sort(key=lambda row: _order(name.of(row)), reverse=word.startswith("-"))
        result = having + rest
    return result


def _read(text: str) -> Any:
    try:
        return yaml_loader.loads(text)
    except yaml.YAMLError:
        return text


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _comparable(left: Any, right: Any) -> bool:
    return (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str))


def _order(value: Any) -> tuple[int, Any]:
    if _is_number(value):
        return (1, 0.0) if value != value else (0, value)
    return 2, str(value)
