"""`key=value` words in Hydra's own override grammar, read by Hydra's own parser."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep, ValueType
from hydra.errors import HydraException

from experiment_setup import command_line
from experiment_setup.errors import CommandError
from experiment_setup.light import compiled, dataclass

_MOST_POINTS = 1000  # files that one command may write; more is a sweep (`-m`), not a row of parameter sets
# Hydra's parser needs time that grows with the square of a value's length, and Python's stack for each level in it.
_LONGEST = 20_000  # characters
_MOST_ELEMENTS = 1_000
_LONGEST_SHOWN = 200
_DEEPEST = 30  # brackets in brackets
_QUOTED = compiled(r"""(?<!\\)(["'])(?:\\.|(?!\1)[^\\])*\1""", re.DOTALL)  # `.` for a backslash: exponential


@dataclass(frozen=True)
class Assignment:
    """`key=value`: a dotted key, the value as Hydra reads it, how that was typed, and the word of the command line.

    The word has the values of a sweep together (`lr=1e-5,3e-5`); `written` is the one of this assignment. `sign` is `+`
    where the key is to be a new one, and `++` where it may be.
    """

    key: str
    value: Any
    written: str
    word: str
    sign: str = ""

    @property
    def quoted(self) -> bool:
        """Whether the value was put in quotes, which makes it a string whatever it looks like."""
        return self.written[:1] in ("'", '"')


def parse(words: Iterable[str], *, adding: bool = False) -> list[list[Assignment]]:
    """Read overrides; each word becomes the list of its values (`lr=1e-5,3e-5` has two, `fold=[0,1]` one).

    Raises CommandError for what is no assignment of values (`~key`, open intervals, no value at all; `+key` and groups
    with a package unless keys can be added), and for what is too long or too deep to be read in a moment.
    """
    given = list(words)
    result: list[list[Assignment]] = []
    seen: dict[str, str] = {}
    for position, word in enumerate(given):
        if "=" not in word:
            raise _no_assignment(given, position)
        values = _parse_word(word, adding)
        key = values[0].key
        if key in seen:
            together = f"{seen[key]},{word.split('=', 1)[1]}"
            raise CommandError(
                f"{key} is given twice",
                f"for several values write {key}=1,2 (a file each) or {key}=[1,2] (a list)",
                command_line.corrected({seen[key]: [together], word: []}) if word != seen[key] else None,
            )
        seen[key] = word
        result.append(values)
    return result


def points(assignments: Sequence[Sequence[Assignment]]) -> list[list[Assignment]]:
    """Every combination of the values, the last key varying fastest, as Hydra's own sweeps do."""
    count = 1
    for values in assignments:
        count *= len(values)
    if count > _MOST_POINTS:
        raise CommandError(
            f"these values make {count} combinations, more than {_MOST_POINTS}",
            "sweep over them in one run instead: python train.py -m key=value1,value2 …",
        )
    return [list(point) for point in itertools.product(*assignments)]


def _no_assignment(words: Sequence[str], position: int) -> CommandError:
    """The error for a word without `=`: with a value after it (`lr 0.1`), it is known what was meant."""
    word = words[position]
    following = words[position + 1] if position + 1 < len(words) else None
    command = None
    if following is not None and "=" not in following:
        command = command_line.corrected({word: [f"{word}={following}"], following: []})
    return CommandError(f"{_short(word)!r} is not key=value", f"write {_short(word.lstrip('+~'))}=VALUE", command)


def _parse_word(word: str, adding: bool) -> list[Assignment]:
    _check_size(word)
    override = _override(word)
    key = override.key_or_group
    prefix = word[: word.index(key)]
    if override.is_delete():
        raise CommandError(
            f"{_short(word)!r}: {prefix} is for the command line of the entry point; a file takes no key away",
            f"where the code can do without a value, write {key}=null",
        )
    if prefix and not adding:
        raise CommandError(
            f"{_short(word)!r}: {prefix} is for the command line of the entry point only",
            f"write {_short(word[len(prefix) :])}; a new key is a new field of the dataclass in the entry point",
            command_line.corrected({word: [word[len(prefix) :]]}) if override.is_add() else None,
        )
    if override.package is not None and not adding:
        raise CommandError(
            f"{_short(word)!r} chooses an option of a config group, it sets no value", "give keys of the dataclass"
        )
    if override.package is not None:
        key = f"{key}@{override.package}"
    if not override.is_sweep_override():
        return [Assignment(key, override.value(), word.split("=", 1)[1].strip(), word, prefix)]
    return _sweep(key, override, word, prefix)


def _check_size(word: str) -> None:
    """Raise CommandError for what Hydra's parser would take seconds and all memory for, or not survive."""
    bare = _QUOTED.sub("''", word)
    deepest = depth = 0
    for character in bare:
        depth += (character in "[{(") - (character in "]})")
        deepest = max(deepest, depth)
    limits = (
        (len(word), _LONGEST, "characters"),
        (bare.count(",") + 1, _MOST_ELEMENTS, "elements"),
        (deepest, _DEEPEST, "levels of brackets"),
        (word.partition("=")[0].count("."), _DEEPEST, "levels of keys"),
    )
    for count, most, what in limits:
        if count > most:
            raise CommandError(
                f"{_short(word)!r} has {count} {what}, more than {most}",
                "write such a value into a file by hand, or let the code read it from a file of its own",
            )
    if "\0" in word or any("\ud800" <= character <= "\udfff" for character in word):
        raise CommandError(f"{_short(word)!r} has a character that no YAML file can hold", "leave that character out")


def _override(word: str) -> Override:
    try:
        return OverridesParser.create().parse_override(word)
    except (HydraException, ValueError, RecursionError, OverflowError) as error:  # int() refuses thousands of digits
        reason = _short(str(error).splitlines()[0]) if str(error) else type(error).__name__
        key, _, value = word.partition("=")
        escaped = re.sub(r'(?<!\\)(\\*)("|$)', lambda found: found[1] * 2 + "\\" * bool(found[2]) + found[2], value)
        better = f'{key}="{escaped}"'
        raise CommandError(
            f"{_short(word)!r} is not in Hydra's grammar: {reason}",
            f"a text with special characters goes in quotes: {command_line.quoted(_short(better))}",
            command_line.corrected({word: [better]}) if _is_override(better) else None,
        ) from None


def _is_override(word: str) -> bool:
    try:
        OverridesParser.create().parse_override(word)
    except (HydraException, ValueError, RecursionError, OverflowError):
        return False
    return True


def _sweep(key: str, override: Override, word: str, sign: str) -> list[Assignment]:
    if override.value_type not in (ValueType.CHOICE_SWEEP, ValueType.SIMPLE_CHOICE_SWEEP, ValueType.RANGE_SWEEP):
        raise CommandError(
            f"{_short(word)!r} does not say which values it means",
            f"list them: {key}=VALUE1,VALUE2",
        )
    try:
        given = override.value()
        values_of = given.range() if isinstance(given, RangeSweep) else override.sweep_iterator()
        elements = list(itertools.islice(values_of, _MOST_POINTS + 1))
    except (HydraException, ValueError, ArithmeticError) as error:  # range(0,1,step=0)
        raise CommandError(f"{_short(word)!r} has no values: {error}", f"list them: {key}=VALUE1,VALUE2") from None
    if not elements:
        raise CommandError(f"{_short(word)!r} has no values", f"list them: {key}=VALUE1,VALUE2")
    if len(elements) > _MOST_POINTS:
        raise CommandError(
            f"{_short(word)!r} has more than {_MOST_POINTS} values",
            f"sweep over them in one run instead: python train.py -m {_short(word)}",
        )
    values = [Override._convert_value(element) for element in elements]
    pieces = _pieces(key, word.split("=", 1)[1], values)
    written = pieces or [_as_written(element) for element in elements]
    return [Assignment(key, value, text, word, sign) for value, text in zip(values, written, strict=True)]


def _short(word: str) -> str:
    """A word as a message shows it."""
    return word if len(word) <= _LONGEST_SHOWN else f"{word[:_LONGEST_SHOWN]}…"


def _pieces(key: str, text: str, values: list[Any]) -> list[str] | None:
    """How each value of `a,b` was typed (`1e-5`, which Hydra's parser turns into 1e-05), or None if that is unclear."""
    pieces = [piece.strip() for piece in text.split(",")]
    if len(pieces) != len(values):
        return None
    for piece, value in zip(pieces, values, strict=True):
        try:
            parsed = OverridesParser.create().parse_override(f"{key}={piece}")
        except HydraException:
            return None
        if parsed.is_sweep_override() or parsed.value() != value:
            return None
    return pieces


def _as_written(element: Any) -> str:
    return Override._get_value_element_as_str(element)
