"""The values of a composed config, each with what became of it, and the lines in which a person reads that."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from omegaconf import DictConfig

from experiment_setup.composing import origins
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.origins import Origin
from experiment_setup.light import dataclass
from experiment_setup.nodes import Steps
from experiment_setup.nodes import data as data  # what the other modules here ask for
from experiment_setup.project import Project
from experiment_setup.reading.source import scalar
from experiment_setup.runs.run import leaves

_LONGEST_CELL = 500  # a path has less
_WIDEST = 60  # a longer value is cut in the table; `--explain` and the other formats have the whole of it


class Mark(Enum):
    """How a value stands to the experiment's default, and the colour and sign of that."""

    SAME = " ", ""
    CHANGED = "*", "33"
    ADDED = "+", "32"
    OTHER_TYPE = "!", "35;1"


@dataclass(frozen=True)
class Value:
    """One value: `chain` is where it is set, then what that replaced; () where this is not known."""

    steps: Steps
    value: Any
    chain: Sequence[Origin] = ()

    @property
    def key(self) -> str:
        """The dotted key."""
        return origins.dotted(self.steps)

    @property
    def mark(self) -> Mark:
        """Whether a parameter set, an environment, another option or the command line makes it another one."""
        if not self.chain or self.chain[0].kind in _DEFAULTS:
            return Mark.SAME
        default = next((origin for origin in self.chain if origin.kind in _DEFAULTS), None)
        if default is None or (default.value == "???"):
            return Mark.ADDED if default is None else Mark.CHANGED
        if repr(data(default.value)) == repr(data(self.value)):
            return Mark.SAME
        kinds = {type(default.value), type(self.value)} - {type(None)}
        return Mark.OTHER_TYPE if len(kinds) > 1 and not _is_interpolated(default.value, self.value) else Mark.CHANGED


_DEFAULTS = (origins.DATACLASS, origins.PRIMARY)


def of_config(config: DictConfig, chains: Mapping[str, Sequence[Origin]] | None) -> list[Value]:
    """The values of a config in its order."""
    known = chains or {}
    found = ((steps, origins.plain(node)) for steps, node in origins.values(config))
    return [Value(steps, value, known.get(origins.dotted(steps), ())) for steps, value in found]


def _is_interpolated(*found: Any) -> bool:
    return any(isinstance(value, str) and "${" in value for value in found)


def by_key(outcome: Composition) -> dict[str, Any]:
    """The values of what was composed by dotted key, for JSON; {} for a failure."""
    return {key: value for key, value in leaves(data(outcome.container)) if key}


def written(value: Any) -> str:
    """A value on one line, as YAML has it."""
    return scalar(data(value))


def shortened(value: Any) -> str:
    """A value on one line that is not too long."""
    text = written(value)
    if len(text) <= _WIDEST:
        return text
    count = f" ({len(value)} items)" if isinstance(value, list) else ""
    return f"{text[: _WIDEST - 1]}…{count}"


def source(project: Project, value: Value) -> dict[str, Any]:
    """Where a value is set, for a program; the kind is "unknown" where that could not be told."""
    if not value.chain:
        return {"kind": "unknown", "replaced": []}
    first, *replaced = (_source(project, origin) for origin in value.chain)
    return {**first, "replaced": replaced}


def _source(project: Project, origin: Origin) -> dict[str, Any]:
    result: dict[str, Any] = {"kind": origin.kind}
    if origin.location is not None:
        path = project.relative(origin.location.path)
        result |= {"path": path, "line": origin.location.line, "column": origin.location.column}
    elif origin.word is not None:
        result["word"] = origin.word
    return {**result, "value": data(origin.value)}


def nested(values: Sequence[Value]) -> dict[Any, Any]:
    """The values as the config that they are a part of."""
    result: dict[Any, Any] = {}
    for value in values:
        inner = result
        for step in value.steps[:-1]:
            inner = inner.setdefault(step, {})
        inner[value.steps[-1]] = value.value
    return result


def lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of as many cells each, as lines with aligned columns."""
    shown = [[*map(fitted, row)] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        yield "  ".join(text + " " * (width - cells(text)) for text, width in zip(row, widths, strict=True)).rstrip()


def fitted(text: str) -> str:
    """A cell of a table that people read: a key may be as long as a file, and make each line as long."""
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def cells(text: str) -> int:
    """How many cells of a terminal a text takes: Japanese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
