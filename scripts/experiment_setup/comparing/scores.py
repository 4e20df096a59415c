"""`--results FILE`: scores of a CSV file beside the configs that they are of."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiment_setup import files
from experiment_setup.comparing.comparison import EXPERIMENT, Row
from experiment_setup.errors import CommandError
from experiment_setup.project import ENVIRONMENTS, SETS

_NAME, _RUN = f"{SETS}.name", "run"
_JOINED = (EXPERIMENT, SETS, ENVIRONMENTS, _NAME, "name", _RUN)


@dataclass(frozen=True)
class Scores:
    """The lines of a file; each has columns that say of what it is, and others that are results."""

    path: Path
    joined: Sequence[str]
    lines: Sequence[dict[str, str]]

    def beside(self, rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
        """The rows with their results (of several lines for one the last counts), and the lines that are of none."""
        found = list(rows)
        lost = []
        for line in self.lines:
            mine = [number for number, row in enumerate(rows) if self._is_of(line, row)]
            results = {name: _value(text) for name, text in line.items() if name not in self.joined and text.strip()}
            for number in mine:
                found[number] = replace(found[number], results={**found[number].results, **results})
            if not mine:
                lost.append(" ".join(f"{name}={line[name]}" for name in self.joined))
        return found, lost

    def _is_of(self, line: dict[str, str], row: Row) -> bool:
        return all(line[name].strip() in _names(row, name) for name in self.joined if line[name].strip())


def read(path: Path) -> Scores:
    """Read the file. Raises CommandError where there is none, and where no column says what a line is of."""
    try:
        text = files.read_text(path)
    except OSError as error:
        raise CommandError(
            f"--results {path}: {error.strerror or error}", "name a CSV file with a line a score"
        ) from None
    try:
        lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))
    except csv.Error as error:
        raise CommandError(
            f"--results {path} is no CSV: {error}", "expected a head line, then a line a score"
        ) from None
    heads = [name for name in (lines[0] if lines else {}) if name is not None]
    joined = [name for name in heads if name in _JOINED]
    if not joined or joined == [ENVIRONMENTS]:
        raise CommandError(
            f"--results {path}: no column says which config a line is of (it has: {', '.join(heads) or 'nothing'})",
            f"name a column {SETS} (001), and {EXPERIMENT} (001-baseline) or {ENVIRONMENTS} where that matters; "
            f"or {_NAME}, or {_RUN} (the run's folder)",
        )
    return Scores(path, joined, [{name: line.get(name) or "" for name in heads} for line in lines])


def _names(row: Row, column: str) -> Iterator[str]:
    """What may stand in a column for this row."""
    if column == EXPERIMENT:
        folder = row.experiment.rpartition("/")[2]
        yield from (row.experiment, folder, folder.partition("-")[0])
    elif column == _RUN:
        yield from (row.run or "", (row.run or "").rpartition("/")[2])
    elif column in (_NAME, "name"):
        yield str(row.values.get(_NAME, ""))
    else:
        option = row.choices.get(column, "default")
        yield from (option, f"{column}={option}", option.lstrip("0") or "0")


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
