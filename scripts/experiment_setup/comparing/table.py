"""A comparison as lines of text: for a terminal, with as many columns as it has room for, and as Markdown or CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from experiment_setup.comparing.comparison import MISSING, STATE, Comparison, Row
from experiment_setup.light import dataclass
from experiment_setup.showing import values
from experiment_setup.showing.values import cells, fitted
from experiment_setup.style import Style

_GAP = 2  # cells between two columns
_DIM, _DIFFERENT = "2", "33"
ABSENT = "(not there)"
_STATES = {"done": "32", "failed": "31", "stale": "33", "running": "36", "not run": "2"}


@dataclass(frozen=True)
class _Cell:
    text: str
    colour: str = ""


@dataclass(frozen=True)
class Table:
    """The lines, and the titles of the columns that there was no room for."""

    lines: Sequence[str]
    left_out: Sequence[str] = ()


def text(comparison: Comparison, style: Style, width: int | None) -> Table:
    """A table in `width` cells (None: as wide as it gets); turned where there are fewer rows than columns.

    Where there is not room for all, the most telling columns come first: those in which the most rows stand out.
    """
    if is_turned(comparison):
        lines = _turned(comparison)
        if width is None or len(comparison.rows) == 2 or _width(lines) <= width:
            return Table(_painted(lines, style))
    lines = _upright(comparison)
    widths = _widths(lines)
    first = len(widths) - len(comparison.columns)
    total, left_out = sum(widths[:first]) + _GAP * (first - 1), set[int]()
    for number in (first + column for column in _most_telling(comparison)):
        needed = widths[number] + _GAP
        if width is not None and total + needed > width:
            left_out.add(number)
        else:
            total += needed
    shown = [[cell for number, cell in enumerate(line) if number not in left_out] for line in lines]
    return Table(_painted(shown, style), [lines[0][number].text for number in sorted(left_out)])


def is_turned(comparison: Comparison) -> bool:
    """Whether each row is to be a column: of two, or where there are fewer rows than columns."""
    return len(comparison.rows) == 2 or len(comparison.rows) < len(comparison.columns)


def markdown(comparison: Comparison) -> Iterator[str]:
    """A table as GitHub shows it."""
    lines = _turned(comparison) if is_turned(comparison) else _upright(comparison)
    for number, line in enumerate(lines):
        yield "| " + " | ".join(escaped(cell.text) for cell in line) + " |"
        if number == 0:
            yield "|" + " --- |" * len(line)


def comma_separated(comparison: Comparison) -> Iterator[str]:
    """A line a config with all its keys whole: each cell is YAML, and one that is empty is a key that is not there."""
    keys = [column.key for column in comparison.columns]
    yield csv_line([*comparison.key_columns, *comparison.results, *keys])
    for row in comparison.rows:
        own = [comparison.identity(row, name) for name in comparison.key_columns]
        found = [row.results.get(name, MISSING) for name in comparison.results] + [row.value(key) for key in keys]
        yield csv_line([*own, *("" if value is MISSING else values.written(value) for value in found)])


# -- the cells --------------------------------------------------------------------------------------------------------


def _upright(comparison: Comparison) -> list[list[_Cell]]:
    keys = [fitted(comparison.title(column.key)) for column in comparison.columns]
    titles = [*comparison.key_columns, *comparison.results, *keys]
    cells_of = [
        [*_key_cells(comparison, row), *(_cell(row, column.key) for column in comparison.columns)]
        for row in comparison.rows
    ]
    return [[_Cell(title, "1") for title in titles], *cells_of]


def _turned(comparison: Comparison) -> list[list[_Cell]]:
    """A line for each key; of two configs the keys are sorted."""
    lines = []
    heads = [_key_cells(comparison, row) for row in comparison.rows]
    for number, name in enumerate([*comparison.key_columns, *comparison.results]):
        lines.append([_Cell(name, "1"), *(head[number] for head in heads)])
    columns = list(comparison.columns)
    if len(comparison.rows) == 2:
        columns.sort(key=lambda column: column.key)
    for column in columns:
        lines.append(
            [_Cell(fitted(comparison.title(column.key))), *(_cell(row, column.key) for row in comparison.rows)]
        )
    return lines


def _key_cells(comparison: Comparison, row: Row) -> list[_Cell]:
    found = []
    for name in comparison.key_columns:
        words = comparison.identity(row, name)
        if name == STATE and row.changed:
            words += f" ({', '.join(list(row.changed)[:2])}{', …' if len(row.changed) > 2 else ''})"
        is_group = name in comparison.groups
        found.append(
            _Cell(words or ("(default)" if is_group else ""), _STATES.get(row.state or "", "") if name == STATE else "")
        )
    results = [row.results.get(name, MISSING) for name in comparison.results]
    return found + [_Cell("" if value is MISSING else _number(value)) for value in results]


def _cell(row: Row, key: str) -> _Cell:
    if row.refused is not None:
        return _Cell("?", _DIM)
    value = row.value(key)
    if value is MISSING:
        return _Cell(ABSENT, _DIM)
    return _Cell(values.shortened(value), _DIM if row.is_default(key) else "")


def _number(value: object) -> str:
    return format(value, ".5g") if isinstance(value, float) else values.shortened(value)


def _most_telling(comparison: Comparison) -> list[int]:
    """The numbers of the columns, those in which the most rows stand out first, of equals the first one."""
    telling: list[tuple[int, int]] = []
    for number, column in enumerate(comparison.columns):
        counts = Counter(repr(row.value(column.key)) for row in comparison.rows)
        telling.append((max(counts.values(), default=0), number))
    return [number for _, number in sorted(telling)]


def _widths(lines: Sequence[Sequence[_Cell]]) -> list[int]:
    return [max(cells(cell.text) for cell in column) for column in zip(*lines, strict=True)]


def _width(lines: Sequence[Sequence[_Cell]]) -> int:
    widths = _widths(lines)
    return sum(widths) + _GAP * (len(widths) - 1)


def _painted(lines: Sequence[Sequence[_Cell]], style: Style) -> list[str]:
    widths = _widths(lines)
    result = []
    for line in lines:
        parts = []
        for number, (cell, width) in enumerate(zip(line, widths, strict=True)):
            padding = " " * (width - cells(cell.text) + _GAP) if number < len(line) - 1 else ""
            parts.append((style.paint(cell.text, cell.colour) if cell.colour and cell.text else cell.text) + padding)
        result.append("".join(parts).rstrip())
    return result


def escaped(words: str) -> str:
    """Text in a cell of Markdown: what has a meaning there is taken as it is."""
    for sign in "\\|`*_<>[]":
        words = words.replace(sign, f"\\{sign}")
    return words


def csv_line(words: Sequence[str]) -> str:
    """A line of CSV that no spreadsheet takes for more than text."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([_harmless(word) for word in words])
    return line.getvalue()


def _harmless(word: str) -> str:
    """What a spreadsheet would take for a formula, quoted as YAML may be."""
    return f"'{word}'" if word[:1] in ("=", "@", "+") or (word[:1] == "-" and not word[1:2].isdigit()) else word
