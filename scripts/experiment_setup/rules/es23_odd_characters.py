"""Characters that look like others, or like nothing at all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import yaml

from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.refusals import refused_at
from experiment_setup.facts.written import at_offset, dotted, scalars, start, with_values
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location
from experiment_setup.reading.source import Document
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Phase

_LIST = "defaults:\n  - default@_here_\n\n"


# What takes no room, what turns the text behind it round, and the fillers of Hangul, which look like a space.
_INVISIBLE = (
    "\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u034f\u180e"
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u115f\u1160\u3164\uffa0"
)


_ODD_CHARACTER = compiled(f"[{_INVISIBLE}\u00a0\u3000０-９＃“”‘’]")


@rule(
    "ES230",
    "odd-character",
    Severity.WARNING,
    "an invisible or full-width character, or a typographic quote",
    phase=Phase.FILES,
    bad={"exp/001.yaml": f"{_LIST}name: “x”\n"},
    good={"exp/001.yaml": f'{_LIST}name: "x"\n'},
    was="ES205",
    hydra="accepts",
)
def odd_character(context: ExperimentContext) -> Iterator[Finding]:
    """Typographic quotes become part of the text, and full-width digits １６ are accepted as 16.

    A zero-width space, as it comes with a copy from a web page, makes a key another key (an error), and so does a
    full-width or no-break space before it: YAML indents with ASCII spaces only.
    """
    for _, document in with_values(context):
        text = document.text_or_empty
        if text.isascii() or not _ODD_CHARACTER.search(text, 1):
            continue
        above: Location | None = None
        for path, key, node in scalars(document):
            is_odd = isinstance(key, yaml.ScalarNode) and any(c in _NO_KEY for c in key.value)  # not a mapping as a key
            odd_key = key if is_odd else None
            if odd_key is not None:
                yield _odd_key(document, odd_key, above)
            found = _odd_value(node)
            if found is not None and odd_key is None:
                here = start(document, node)
                yield odd_character.finding(
                    at_offset(document, node.start_mark.index + found.offset),
                    f"{dotted(path)}: {found.message}",
                    f"write {found.better}",
                    edits=entries.replace(document, node, found.better) if _is_one_line(node) else (),
                    severity=Severity.ERROR if refused_at(context, here) else None,
                    spoils=[phases.place(here)],
                )
            above = start(document, node)


_INDENTING = "\u3000\u00a0"


_NO_KEY = _INVISIBLE + _INDENTING


def _odd_key(document: Document, key: yaml.ScalarNode, above: Location | None) -> Finding:
    """A key with characters that no key has. In front of it they were to indent it below the key `above`."""
    clean = "".join(c for c in key.value if c not in _NO_KEY)
    place = start(document, key)
    if key.value[0] in _INDENTING:
        return odd_character.finding(
            place,
            f"{clean} is indented with full-width or no-break spaces, which are a part of the key to YAML",
            "indent with ASCII spaces",
            severity=Severity.ERROR,
            spoils=[phases.place(above)] if above else [],
        )
    at = next(index for index, c in enumerate(key.value) if c in _NO_KEY)
    return odd_character.finding(
        at_offset(document, key.start_mark.index + at if _is_bare(key) else key.start_mark.index),
        f"the key {clean!r} has an invisible character in it",
        f"retype it: {clean}",
        edits=entries.replace(document, key, clean) if _is_one_line(key) else (),
        severity=Severity.ERROR,
        spoils=[phases.place(place)],
    )


def _is_bare(node: yaml.ScalarNode) -> bool:
    return node.style is None


def _is_one_line(node: yaml.ScalarNode) -> bool:
    return _is_bare(node) and node.start_mark.line == node.end_mark.line and '"' not in node.value


@dataclass(frozen=True)
class _Odd:
    offset: int  # of the character in the value
    message: str
    better: str


def _odd_value(node: yaml.ScalarNode) -> _Odd | None:
    value = node.value
    if any(c in value for c in _INVISIBLE):
        clean = "".join(c for c in value if c not in _INVISIBLE)
        at = next(index for index, c in enumerate(value) if c in _INVISIBLE)
        return _Odd(at if _is_bare(node) else 0, "an invisible character is in the value", clean)
    if not _is_bare(node):
        return None
    if len(value) > 1 and value[0] in "“”‘’" and value[-1] in "“”‘’":
        inner = value[1:-1]
        return _Odd(0, f"the quotes of {value} are part of the text", inner if _is_number(inner) else f'"{inner}"')
    comment = re.search(r"(?<![\s\u3000])[\s\u3000]+[#＃]", value)
    if comment and ("\u3000" in comment[0] or "＃" in comment[0]):
        better = f"{value[: comment.start()]}  # {value[comment.end() :].strip()}"
        return _Odd(comment.start(), "an ASCII space and # begin a comment; these are full-width", better)
    ends = (0, len(value) - 1)
    space = next((at for at, c in enumerate(value) if c == "\u00a0" or (c == "\u3000" and at in ends)), None)
    if space is not None:
        what = "a no-break space" if value[space] == "\u00a0" else "a full-width space"
        return _Odd(space, f"{what} is in the value", value.replace("\u00a0", " ").strip(" \u3000"))
    folded = unicodedata.normalize("NFKC", value)
    if folded != value and _is_number(folded):
        return _Odd(0, f"{value} has full-width digits", folded)
    return None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.]+(?:e[-+]?\d+)?", text) is not None
