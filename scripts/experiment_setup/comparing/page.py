"""A comparison as one HTML page that needs nothing else: no network, no library, nothing beside it.

What it shows comes from a project and may be hostile. It stands in the page as JSON, which the page's own code puts
into it as text; a Content-Security-Policy lets no other code run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiment_setup import visible
from experiment_setup.comparing.comparison import MISSING, STATE, Comparison, Row
from experiment_setup.project import SETS
from experiment_setup.reading.source import scalar

_LARGEST = sys.float_info.max  # what is larger, JavaScript reads as infinity
_TEMPLATE = Path(__file__).with_name("page.html")

Cell = tuple[str, "int | float | None", str]  # what is shown; the number to sort by; how it is


def page(comparison: Comparison) -> str:
    """The page."""
    data = {"columns": list(_columns(comparison)), "rows": [list(_cells(comparison, row)) for row in comparison.rows]}
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, mark in (("style", "__STYLE__"), ("script", "__SCRIPT__")):
        [code] = re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        text = text.replace(mark, f"sha256-{digest}")
    written = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")  # no tag, and nothing a log obeys
    return text.replace("__DATA__", written.replace("##", "#\\u0023"))


def _columns(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """What tells the rows apart, then the results, then the values."""
    for name in comparison.key_columns:
        yield {"key": name, "title": name, "name": name != STATE, "result": False, "axis": False}
    for name in comparison.results:
        yield {"key": name, "title": visible.line(name), "name": False, "result": True, "axis": True}
    for column in comparison.columns:
        key, title = visible.line(column.key), visible.line(comparison.title(column.key))
        yield {"key": key, "title": title, "name": False, "result": False, "axis": column.varies}


def _cells(comparison: Comparison, row: Row) -> Iterator[Cell]:
    for name in comparison.key_columns:
        words, kind = comparison.identity(row, name), ""
        if name == SETS and not (row.choices or row.overrides):
            words = row.name
        if name == STATE:
            words, kind = ": ".join(filter(None, (words, ", ".join(row.changed)))), words.replace(" ", "-")
        if row.refused is not None and name == comparison.key_columns[-1]:
            words, kind = f"{words} (does not compose: {row.refused})", "refused"
        yield visible.line(words), None, kind
    for name in comparison.results:
        yield _cell(row.results.get(name, MISSING), "")
    for column in comparison.columns:
        yield _cell(row.value(column.key), "default" if row.is_default(column.key) else "")


def _cell(value: Any, kind: str) -> Cell:
    if value is MISSING:
        return "", None, "missing"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST
    return visible.line(scalar(value)), value if is_number else None, kind
