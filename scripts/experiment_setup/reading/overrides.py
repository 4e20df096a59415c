"""`key=value` words in Hydra's own override grammar, read by Hydra's own parser."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException

from experiment_setup.errors import CommandError

_MOST_POINTS = 1000  # files that one command may write; more is a sweep (`-m`), not a row of parameter sets


@dataclass(frozen=True)
class Assignment:
    """`key=value`: a dotted key, the value as Hydra reads it, and how it was typed."""

    key: str
    value: Any
    written: str

    @property
    def quoted(self) -> bool:
        """Whether the value was put in quotes, which makes it a string whatever it looks like."""
        return self.written[:1] in ("'", '"')


def parse(words: Iterable[str]) -> list[list[Assignment]]:
    """Read overrides; each word becomes the list of its values (`lr=1e-5,3e-5` has two, `fold=[0,1]` one).

    Raises CommandError for what is no assignment of values: `+key`, `~key`, groups with a package, open intervals.
    """
    result: list[list[Assignment]] = []
    seen: set[str] = set()
    for word in words:
        values = _parse_word(word)
        key = values[0].key
        if key in seen:
            raise CommandError(
                f"{key} is given twice", f"for several values write {key}=1,2 (a file each) or {key}=[1,2] (a list)"
            )
        seen.add(key)
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


def _parse_word(word: str) -> list[Assignment]:
    if "=" not in word:
        raise CommandError(f"{word!r} is not key=value", f"write {word.lstrip('+~')}=VALUE")
    override = _override(word)
    key = override.key_or_group
    if override.is_delete() or override.is_add() or override.is_force_add():
        prefix = word[: word.index(key)]
        raise CommandError(
            f"{word!r}: {prefix} is for the command line of train.py only",
            f"write {word[len(prefix) :]}; a new key is a new field of the dataclass in the entry point",
        )
    if override.package is not None or "/" in key:
        raise CommandError(
            f"{word!r} chooses an option of a config group, it sets no value", "give keys of the dataclass"
        )
    if not override.is_sweep_override():
        return [Assignment(key, override.value(), word.split("=", 1)[1].strip())]
    return _sweep(key, override, word)


def _override(word: str) -> Override:
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException as error:
        reason = str(error).splitlines()[0]
        key, _, value = word.partition("=")
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        quoted = shlex.quote(f'{key}="{escaped}"')
        raise CommandError(
            f"{word!r} is not in Hydra's grammar: {reason}", f"a text with special characters goes in quotes: {quoted}"
        ) from None


def _sweep(key: str, override: Override, word: str) -> list[Assignment]:
    if override.value_type not in (ValueType.CHOICE_SWEEP, ValueType.SIMPLE_CHOICE_SWEEP, ValueType.RANGE_SWEEP):
        raise CommandError(
            f"{word!r} does not say which values it means",
            f"list them: {key}=VALUE1,VALUE2",
        )
    elements = list(override.sweep_iterator())
    values = [Override._convert_value(element) for element in elements]
    pieces = _pieces(key, word.split("=", 1)[1], values)
    written = pieces or [_as_written(element) for element in elements]
    return [Assignment(key, value, text) for value, text in zip(values, written, strict=True)]


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
