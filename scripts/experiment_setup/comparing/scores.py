"""`--results FILE`: scores of a CSV file beside the configs that they are of."""

from __future__ import annotations

import contextlib
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiment_setup import files
from experiment_setup.comparing.comparison import EXPERIMENT, Row
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.project import ENVIRONMENTS, SETS

_NAME, _RUN = f"{SETS}.name", "run"
_JOINED = (EXPERIMENT, SETS, ENVIRONMENTS, _NAME, "name", _RUN)


@dataclass(frozen=True)
class Scores:
    """The lines of a file; each has columns that say of what it is, and others that are results."""

    path: Path
    delimiter: str
    joined: Sequence[str]
    lines: Sequence[dict[str, str]]

    def beside(self, rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
        """The rows with their results (of several lines for one the last counts), and what is to be said of lines."""
        found, notes = list(rows), []
        lost, again = list[str](), dict[str, int]()
        for line in self.lines:
            mine = [number for number, row in enumerate(rows) if self._is_of(line, row)]
            results = {name: self._value(text) for name, text in line.items() if name not in self.joined and text}
            said = " ".join(f"{name}={line[name]}" for name in self.joined)
            again[said] = again.get(said, 0) + 1
            for number in mine:
                found[number] = replace(found[number], results={**found[number].results, **results})
            if not mine:
                lost.append(said)
        if lost:
            lines = f"{len(lost)} lines of {self.path} are" if len(lost) > 1 else f"a line of {self.path} is"
            notes.append(f"{lines} of no config here{', such as' if len(lost) > 1 else ':'} {lost[0]}")
        for said, count in [(said, count) for said, count in again.items() if count > 1 and said not in lost][:3]:
            notes.append(f"{count} lines of {self.path} are of {said}: each score is that of the last")
        return found, notes

    def _is_of(self, line: dict[str, str], row: Row) -> bool:
        given = [name for name in self.joined if line[name]]
        return bool(given) and all(line[name] in _names(row, name) for name in given)

    def _value(self, text: str) -> Any:
        """A number where it is one, also with the comma that goes with semicolons between columns."""
        for written in (text, text.replace(",", ".", 1) if self.delimiter == ";" else text):
            for kind in (int, float):
                with contextlib.suppress(ValueError):
                    return kind(written)
        return text


def read(path: Path) -> Scores:
    """Read the file: columns between commas, semicolons or tabs, with a head line.

    Raises CommandError where there is none, and where no column says what a line is of.
    """
    delimiter, lines = _lines(path)
    heads = [name.strip() for name in lines[0]] if lines else []
    heads = [name.lower() if name.lower() in _JOINED else name for name in heads]
    joined = [name for name in heads if name in _JOINED]
    if not joined or joined == [ENVIRONMENTS]:
        raise CommandError(
            f"--results {path}: no column says which config a line is of (it has: {', '.join(heads) or 'nothing'})",
            f"name a column {SETS} (001), and {EXPERIMENT} (001-baseline) or {ENVIRONMENTS} where that matters; "
            f"or {_NAME}, or {_RUN} (the run's folder)",
        )
    twice = [name for name, count in Counter(heads).items() if count > 1]
    if twice:
        raise CommandError(f"--results {path} has two columns {twice[0]!r}", "give one of them another name")
    rows = [[cell.strip() for cell in line] for line in lines[1:]]
    cells = [dict(zip(heads, [*line, *[""] * len(heads)], strict=False)) for line in rows if any(line)]
    if not cells:
        raise CommandError(f"--results {path} has a head line and no scores", "expected a line a score below it")
    return Scores(path, delimiter, joined, cells)


def _lines(path: Path) -> tuple[str, list[list[str]]]:
    """What separates the columns, and the cells of each line."""
    try:
        text = files.read_bytes(path).decode("utf-8-sig")
    except OSError as error:
        raise CommandError(
            f"--results {path}: {error.strerror or error}", "name a CSV file with a line a score"
        ) from None
    except UnicodeDecodeError:
        raise CommandError(
            f"--results {path} is not in UTF-8", "save it as UTF-8; in Excel that is the format CSV UTF-8"
        ) from None
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        return delimiter, list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise CommandError(
            f"--results {path} is no CSV: {error}", "expected a head line, then a line a score"
        ) from None


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
