"""Values that cannot be what an argument is annotated as, in code which gives no sign that it would convert them.

Python checks no annotation, and many say less than the code takes. So only plain types are looked at, and only values
that cannot be meant: `high` for a float, a mapping for a text, `(3, 3)` for a tuple, which is a text to YAML.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from experiment_setup.code.tree import last_name
from experiment_setup.facts.defaults_lists import one_letter_away
from experiment_setup.facts.targets import Argument
from experiment_setup.light import compiled
from experiment_setup.nodes import TRUTHS

_NUMBERS = frozenset({"int", "float"})
_LISTS = frozenset({"list", "List", "tuple", "Tuple", "Sequence"})
_DICTS = frozenset({"dict", "Dict", "Mapping"})
_TEXTS = frozenset({"str", "Path"})
_KINDS: dict[str, tuple[type, ...]] = {  # of a default that is written out
    "bool": (bool, int),
    **dict.fromkeys(_NUMBERS, (int, float)),
    **dict.fromkeys(_LISTS, (list, tuple, set)),
    **dict.fromkeys(_DICTS, (dict,)),
    **dict.fromkeys(_TEXTS, (str,)),
}
_NOTHING = frozenset({"none", "nil", "null", "???"})  # `None` is for none-is-text

# Text that was meant for a list: `(3, 3)`, `3, 3` or `[3, 3]` in quotes.
_LIST_IN_TEXT = compiled(r"\(.*\)|\[.*\]|[-+.\de]+(\s*,\s*[-+.\de]+)+,?")


def misfit(name: str, argument: Argument, value: Any) -> str | None:
    """What an argument should be, in words, where the value is certainly something else; None where it may be meant."""
    annotated = _plain(argument.annotation)
    wanted = _wanted(annotated, value) if annotated is not None else None
    if wanted is None or annotated is None or _is_loose(annotated, argument.default):
        return None
    text = argument.source.segment(argument.owner)
    if _converts(name).search(text) or (wanted in _USED_AS and not _used(name, wanted).search(text)):
        return None
    return wanted


def _plain(annotation: ast.expr | None) -> str | None:
    """The name of the type: `list` for `typing.List[int]`; None for a union and whatever else is not looked at."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value if annotation.value.isidentifier() else None
    if isinstance(annotation, ast.Subscript):
        inner = last_name(annotation.value)
        return inner if inner in _LISTS | _DICTS else None
    return last_name(annotation) if isinstance(annotation, (ast.Name, ast.Attribute)) else None


def _wanted(annotated: str, value: Any) -> str | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(value, str):
        return _instead_of_text(annotated, value) if value.lower() not in _NOTHING and "${" not in value else None
    if isinstance(value, dict):
        scalar = {**dict.fromkeys(_NUMBERS, "a number"), **dict.fromkeys(_TEXTS, "a text"), "bool": "true or false"}
        return scalar.get(annotated) if value and "_target_" not in value else None
    if is_number and annotated in _LISTS:
        return _A_LIST
    return _A_MAPPING if is_number and annotated in _DICTS else None


def _instead_of_text(annotated: str, value: str) -> str | None:
    if annotated in _NUMBERS:
        return None if _is_number(value) else "a number"
    if annotated == "bool":
        near = value.lower() in TRUTHS or any(one_letter_away(value.lower(), word) for word in ("true", "false"))
        return "true or false" if near else None
    if annotated in _LISTS and _LIST_IN_TEXT.fullmatch(value.strip()):
        return "a list, which YAML writes as [1, 2]"
    return _A_MAPPING if annotated in _DICTS else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_loose(annotated: str, default: ast.expr | None) -> bool:
    """Whether the default itself is none of the type, so that the annotation says less than what is taken."""
    if default is None:
        return False
    try:
        value = ast.literal_eval(default)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return not isinstance(value, _KINDS.get(annotated, ()))


_A_LIST, _A_MAPPING = "a list", "a mapping"
# What code does only with a list or a mapping, so that nothing else can be meant: {0} is the name of the argument.
_USED_AS = {
    _A_LIST: r"\bfor [\w, ()]+ in (?:self\.)?{0}\b\s*(?:[:\])]|if\b|$)"
    r"|\b(?:len|zip|enumerate|sum|list|tuple|reversed)\((?:self\.)?{0}\b|[(, ]\*{0}\b",
    _A_MAPPING: r"[(, {{]\*\*(?:self\.)?{0}\b|\b{0}\.(?:get|items|keys|values|pop)\(|\b{0}\[[\"']",
}
# Signs that the argument may be something else than what it is annotated as, or is made into that.
_CONVERTED = (
    r"\b{0}\s*[!=]=\s*[\"'A-Z]|[\"']\s*[!=]=\s*(?:self\.)?{0}\b|\bmatch (?:self\.)?{0}\b"
    r"|\b(?:if|elif|while|assert|and|or|not) (?:self\.)?{0} (?:not )?in\b|\[(?:self\.)?{0}\]"
    r"|\b(?:isinstance|type|eval|getattr|callable|\w*(?:_eval|parse|convert|resolve)\w*|to_\w+|\w+(?:tuple|list|pair))"
    r"\([^()\n]*\b{0}\b|\b{0}\.(?:lower|upper|strip|split|startswith|endswith|replace)\("
)


def _converts(name: str) -> re.Pattern[str]:
    return re.compile(_CONVERTED.format(re.escape(name)), re.MULTILINE)


def _used(name: str, wanted: str) -> re.Pattern[str]:
    return re.compile(_USED_AS[wanted].format(re.escape(name)), re.MULTILINE)
