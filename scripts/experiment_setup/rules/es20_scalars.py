"""Values that YAML reads as something else than what was typed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from omegaconf import ListConfig

from experiment_setup import nodes
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts import makers
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.facts.unread import is_named_nowhere, is_unread
from experiment_setup.facts.written import (
    Steps,
    at_offset,
    declared,
    declared_at,
    dotted,
    kind,
    leaves,
    lists,
    scalar_at,
    scalars,
    schema,
    start,
    typed,
    values,
    with_values,
)
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import compiled
from experiment_setup.location import Location
from experiment_setup.reading.source import Document
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Phase

_LIST = "defaults:\n  - default@_here_\n\n"


def _is_plain(node: yaml.ScalarNode) -> bool:
    return node.style is None


_NEARLY_A_NUMBER = compiled(r"[-+]?\d+(?:,\d+|(?:\.\d+)?(?:[eE][-+]?\d+)?[,;])(?:[eE][-+]?\d+)?")


_ENDS_LIKE_ONE = compiled(rf":[ \t]+(?:{_NEARLY_A_NUMBER.pattern})[ \t]*(?:#.*)?$", re.MULTILINE)


@rule(
    "ES200",
    "comma-in-a-number",
    Severity.WARNING,
    "a number with a comma is a text",
    phase=Phase.VALUES,
    bad={
        "config.yaml": [("  - env: default\n", "  - env: default\n  - optimizer: adam\n")],
        "optimizer/adam.yaml": "lr: 5,0e-4\n",
        "optimizer/sgd.yaml": "lr: 0.1\n",
    },
    good={
        "config.yaml": [("  - env: default\n", "  - env: default\n  - optimizer: adam\n")],
        "optimizer/adam.yaml": "lr: 5.0e-4\n",
        "optimizer/sgd.yaml": "lr: 0.1\n",
    },
    hydra="accepts",
)
def comma_in_a_number(context: ExperimentContext) -> Iterator[Finding]:
    """`lr: 5,0e-4` and `lr: 1e-3,` are texts to YAML, and the optimizer fails when the run comes to it.

    Where a dataclass has the field, Hydra refuses it. Elsewhere it is said where the key has a number in another file
    or block; a fraction, unless the text has a point or an exponent itself, as `gpus: 0,1` and `gpus: 0,` are meant so.
    """
    numbers: dict[str, set[type]] | None = None
    for group, document in with_values(context):
        if not _ENDS_LIKE_ONE.search(document.text_or_empty):
            continue
        for path, _, node in scalars(document):
            if not (_is_plain(node) and path and _NEARLY_A_NUMBER.fullmatch(node.value)):
                continue
            if numbers is None:
                numbers = _numbers_by_key(context)
            is_sure = re.search(r"[.eE]", node.value) is not None
            others = numbers.get(str(path[-1]), set())
            field = kind(declared(schema(context, group) if group is not None else None, path))
            if field is None and (float in others or (is_sure and others)):
                text = node.value.rstrip(",;").replace(",", ".")
                yield comma_in_a_number.finding(
                    start(document, node),
                    f"{dotted(path)}: {node.value} is a text to YAML, and other files have a number there",
                    f'write {text}, or "{node.value}" in quotes if the text is meant',
                )


def _numbers_by_key(context: ExperimentContext) -> dict[str, set[type]]:
    """The kinds of numbers that the files have at a key, wherever it stands."""
    found: dict[str, set[type]] = {}
    for _, document in with_values(context):
        for path, _, node in scalars(document):
            if path and node.tag.endswith((":int", ":float")):
                found.setdefault(str(path[-1]), set()).add(float if node.tag.endswith(":float") else int)
    return found


@rule(
    "ES201",
    "text-read-as-number",
    Severity.ERROR,
    "YAML reads the text of a str field as another value",
    phase=Phase.VALUES,
    bad={"exp/001.yaml": f"{_LIST}name: 010\n"},
    good={"exp/001.yaml": f'{_LIST}name: "010"\n'},
    hydra="accepts",
)
def text_read_as_number(context: ExperimentContext) -> Iterator[Finding]:
    """YAML 1.1 reads 010 as 8, 12:30 as 750, no as False and 1.10 as 1.1; a str field then gets "8", "750", "False".

    Quote every name that has no letter but digits in it. Where only the spelling changes (1e-5 becomes "1e-05", 1_000
    "1000") it is a warning.
    """
    for option, path, value, wanted in typed(context):
        node = scalar_at(option.document, path) if wanted is str and isinstance(value, (bool, int, float)) else None
        if node is None or not _is_plain(node) or node.value == str(value):
            continue
        thousands = re.fullmatch(r"[-+]?[1-9]\d{0,2}(_\d{3})+(\.\d*)?", node.value)
        spelling = (isinstance(value, float) and "e" in node.value.lower()) or thousands
        yield text_read_as_number.finding(
            start(option.document, node),
            f"{dotted(path)}: {node.value} is {value} to YAML, so the text becomes {str(value)!r}",
            f'quote it: "{node.value}"',
            edits=entries.replace(option.document, node, f'"{node.value}"'),
            severity=Severity.WARNING if spelling else None,
        )


_ODD_NUMBER = compiled(r"(?<![\w.:/\-])[-+]?(?:0[0-9_]+|\d[\d_]*(?::[0-5]?\d)+(?:\.\d*)?)(?![\w.:/\-])")


_OCTAL = compiled(r"[-+]?0[0-7_]+")


_LEADING_ZERO = compiled(r"[-+]?0\d+")


@rule(
    "ES202",
    "octal-or-sexagesimal",
    Severity.ERROR,
    "YAML reads the number with another base",
    phase=Phase.VALUES,
    bad={"exp/001.yaml": f"{_LIST}seed: 010\n"},
    good={"exp/001.yaml": f"{_LIST}seed: 10\n"},
    hydra="accepts",
)
def octal_or_sexagesimal(context: ExperimentContext) -> Iterator[Finding]:
    """A leading zero means octal in YAML 1.1 (seed: 010 is 8, but `exp.seed=010` on the command line is 10), and a
    colon means base 60 (12:30 is 750). 019 is no octal number and becomes 19, in the same file.

    Zeros that change nothing (007) are a warning.
    """
    for group, document in with_values(context):
        if not _ODD_NUMBER.search(document.text_or_empty):
            continue
        for path, _, node in scalars(document):
            text = node.value
            if not _is_plain(node) or not _ODD_NUMBER.fullmatch(text) or kind(declared_at(context, group, path)) is str:
                continue
            if group is None and path[0] == "hydra":
                continue  # what stands there is not the code's, such as the options of a sweep
            yield from _odd_number(document, dotted(path), node, text)


def _odd_number(document: Document, name: str, node: yaml.ScalarNode, text: str) -> Iterator[Finding]:
    where = start(document, node)
    if ":" in text:
        if node.tag.endswith((":int", ":float")):
            total = 0.0
            for part in text.replace("_", "").lstrip("+-").split(":"):
                total = total * 60 + float(part)
            shown = f"{total:g}"
            message = f"{name}: {text} is the number {shown} to YAML (base 60)"
            yield octal_or_sexagesimal.finding(where, message, f'quote it: "{text}", or write {shown}')
        return
    digits = text.replace("_", "")
    if not _LEADING_ZERO.fullmatch(digits):
        return
    decimal = int(digits)
    if _OCTAL.fullmatch(digits) and int(digits, 8) != decimal:
        message = f"{name}: {text} is the octal number {int(digits, 8)} to YAML, not {decimal}"
        help_ = f'write {decimal}, or quote it ("{text}") if it is a name'
        yield octal_or_sexagesimal.finding(where, message, help_)
    elif _OCTAL.fullmatch(digits):
        message = f"{name}: {text} is the number {decimal} to YAML; the zeros are lost"
        help_ = f'write {decimal}, or quote it ("{text}") if it is a name'
        yield octal_or_sexagesimal.finding(where, message, help_, severity=Severity.WARNING)
    else:
        message = f"{name}: {text} is not octal, so it is {decimal}, while {text[:-1]}0 would be octal"
        yield octal_or_sexagesimal.finding(where, message, f"write {decimal}", severity=Severity.WARNING)


_HASH = compiled(r"\S[ \t]+#[A-Za-z0-9_]+[ \t]*\r?$", re.MULTILINE)


_REMARKS = ("TODO", "FIXME", "XXX", "HACK", "NOTE", "BUG")


_NUMBER_OR_COLOUR = compiled(r"\d+\w?|[0-9A-Fa-f]{6}")


@rule(
    "ES203",
    "hash-cuts-value",
    Severity.WARNING,
    "` #` begins a comment in the middle of a text",
    phase=Phase.VALUES,
    bad={"exp/001.yaml": f"{_LIST}name: try #1\n"},
    good={"exp/001.yaml": f'{_LIST}name: "try #1"  # first\n'},
    hydra="accepts",
)
def hash_cuts_value(context: ExperimentContext) -> Iterator[Finding]:
    """`name: try #1` is the name "try". Reported where one word follows the # without a space, after an unquoted text.

    Comments have a space after the #, or several before it. Where no dataclass says that the value is a text, only a
    number or a colour is taken for a part of it (`try #1`, `red #ff0000`).
    """
    for group, document in with_values(context):
        text = document.text_or_empty
        if not _HASH.search(text):
            continue
        for path, _, node in scalars(document):
            field = kind(declared_at(context, group, path))
            if not _is_plain(node) or not node.tag.endswith(":str") or field not in (str, None):
                continue
            rest = re.match(r" #([A-Za-z0-9_]+)[ \t]*(?=\r?\n|\r?$)", text[node.end_mark.index :])
            if rest and rest[1] not in _REMARKS and (field is str or _NUMBER_OR_COLOUR.fullmatch(rest[1])):
                whole = f"{node.value}{text[node.end_mark.index : node.end_mark.index + rest.end()].rstrip()}"
                yield hash_cuts_value.finding(
                    at_offset(document, node.end_mark.index + rest.start(1) - 1),
                    f"{dotted(path)} is {node.value!r}: ` #{rest[1]}` is a comment",
                    f'quote it: "{whole}" (or put a space after # in a comment)',
                )


_NONE = compiled(r"\b(?:[Nn]one|NONE|nil)\b")


@rule(
    "ES204",
    "none-is-text",
    Severity.ERROR,
    '`None` is the text "None" in YAML',
    phase=Phase.VALUES,
    bad={"exp/001.yaml": f"{_LIST}notes: None\n"},
    good={"exp/001.yaml": f"{_LIST}notes: null\n"},
    hydra="accepts",
)
def none_is_text(context: ExperimentContext) -> Iterator[Finding]:
    """Python's None is `null` in YAML. An error for a field that can be None, a warning for other text, and for `none`
    and `nil` in a field that can be None. Where nothing types the value, it is right if the code has the text "None"
    or evaluates the value; what many files say alike is said once, and as a note if no code reads it.
    """
    alike: dict[Steps, list[tuple[Steps, Location, bool]]] = {}
    for group, document, path, node in _nones(context):
        field = declared_at(context, group, path)
        if kind(field) not in (str, None):
            continue  # Hydra refuses it
        optional = kind(field) is str and not isinstance(field, type) and nodes.is_optional(field)
        is_none = node.value == "None"
        if not optional and (not is_none or _knows_the_text(context, str(path[-1]))):
            continue
        if not optional and kind(field) is None:
            place = Option(group or "", "", document).package(None if group else ())
            whole = makers.path_of((*place, *path))
            unread = is_unread(context, whole) or is_named_nowhere(context, whole)
            alike.setdefault(path[-2:], []).append((path, start(document, node), unread))
            continue
        is_sure = optional and is_none
        yield none_is_text.finding(
            start(document, node),
            f'{dotted(path)} becomes the text "{node.value}"',
            "write null" if is_sure else f'write null, or "{node.value}" in quotes if the text is meant',
            edits=entries.replace(document, node, "null") if optional else (),
            safe=is_none,
            severity=None if is_sure else Severity.WARNING,
        )
    yield from map(_said_by_many, alike.values())


def _knows_the_text(context: ExperimentContext, key: str) -> bool:
    """Whether the code has the text "None", or evaluates what stands at the key: `eval(cfg.norm)`."""
    if _THE_TEXT.search(context.code.text):
        return True
    if any(key in text and _THE_TEXT.search(text) for text in context.code.in_reach):
        return True
    evaluated = re.compile(rf"\beval\(\s*(?:[\w.]*\.)?{re.escape(key)}\s*[,)]")
    return any(map(evaluated.search, (context.code.text, *context.code.in_reach)))


_THE_TEXT = compiled(r"([\"'])None\1")


def _nones(context: ExperimentContext) -> Iterator[tuple[str | None, Document, Steps, yaml.ScalarNode]]:
    """The values without quotes that look like Python's None, each with its group, its file and its steps."""
    for group, document in with_values(context):
        if _NONE.search(document.text_or_empty):
            for path, _, node in scalars(document):
                if _is_plain(node) and _NONE.fullmatch(node.value) and (group is not None or path[0] != "hydra"):
                    yield group, document, path, node


def _said_by_many(found: Sequence[tuple[Steps, Location, bool]]) -> Finding:
    path, places = found[0][0], [place for _, place, _ in found]
    is_read = not all(unread for _, _, unread in found)
    more = f" (and in {len(places) - 1} more {'file' if len(places) == 2 else 'files'})" if len(places) > 1 else ""
    return none_is_text.finding(
        places[0],
        f'{dotted(path)} becomes the text "None"{more}',
        'write null, or "None" in quotes if the text is meant',
        severity=Severity.WARNING if is_read and len(places) < _A_PATTERN else Severity.INFO,
    )


_A_PATTERN = 5  # files that say the same: nobody makes a slip so often, and some library knows the word


@rule(
    "ES206",
    "number-for-bool",
    Severity.WARNING,
    "a bool field gets a number",
    phase=Phase.VALUES,
    bad={"exp/001.yaml": f"{_LIST}debug: 2\n"},
    good={"exp/001.yaml": f"{_LIST}debug: true\n"},
    hydra="accepts",
)
def number_for_bool(context: ExperimentContext) -> Iterator[Finding]:
    """Every number but 0 is true to OmegaConf, so that a level such as `debug: 2` is lost."""
    for option, path, value, wanted in typed(context):
        if wanted is bool and isinstance(value, int) and value not in (0, 1):
            yield number_for_bool.finding(
                option.document.value(path),
                f"{dotted(path)}: {value} becomes {str(bool(value)).lower()}",
                "write true or false, or declare the field as int",
            )


@rule(
    "ES208",
    "nested-list",
    Severity.ERROR,
    "a list stands where the field's elements are scalars",
    phase=Phase.VALUES,
    bad={"exp/001.yaml": f"{_LIST}fold: [[0], [1]]\n"},
    good={"exp/001.yaml": f"{_LIST}fold: [0, 1]\n"},
    hydra="accepts",
)
def nested_list(context: ExperimentContext) -> Iterator[Finding]:
    """OmegaConf checks the elements of `list[int]` one by one, but not that an element is no list."""
    for option in context.options.all():
        if "[" not in option.document.text_or_empty and "- " not in option.document.text_or_empty:
            continue
        nested = [(path, value, at) for path, value in lists(values(option.document)) for at in _first_nested(value)]
        root = schema(context, option.group) if nested else None
        for path, value, index in nested:
            field = declared(root, path)
            element = nodes.element_type(field) if isinstance(field, ListConfig) else None
            if element in (int, float, str, bool):
                name = element.__name__
                yield nested_list.finding(
                    option.document.value((*path, index)),
                    f"{dotted(path)}[{index}] is a {type(value[index]).__name__}, not {name}",
                    f"{dotted(path)} is a list of {name}: write {_example(value)}, or declare list[list[{name}]]",
                )


def _first_nested(value: list[Any]) -> Iterator[int]:
    """The index of the first element that is no scalar, if there is one."""
    yield from [index for index, item in enumerate(value) if isinstance(item, (list, dict))][:1]


def _example(value: list[Any]) -> str:
    flat = [inner for item in value for inner in (item if isinstance(item, list) else [item])]
    return f"[{', '.join(map(str, flat))}]" if not any(isinstance(item, (list, dict)) for item in flat) else "[a, b]"


_HUGE = compiled(r"\de\+?\d{3}")


def _written_as_inf(document: Document, path: Sequence[Any]) -> bool:
    """Whether a number is infinite because `.inf` stands there, and not because it is too large."""
    place = document.value(path)
    line = document.text_or_empty.splitlines()[place.line - 1]
    return "inf" in line[place.column - 1 :].lower()


@rule(
    "ES209",
    "not-a-finite-number",
    Severity.WARNING,
    "nan or inf",
    phase=Phase.VALUES,
    bad={"exp/001.yaml": f"{_LIST}learning_rate: .nan\n"},
    good={"exp/001.yaml": f"{_LIST}learning_rate: 1e-5\n"},
    hydra="accepts",
)
def not_a_finite_number(context: ExperimentContext) -> Iterator[Finding]:
    """A parameter that is nan makes every loss nan; `nan` and `inf` are also what typing errors and 1e400 become.

    Whoever writes `.inf` where no dataclass says otherwise means it: all that there are.
    """
    for group, document in with_values(context):
        text = document.text_or_empty.lower()
        if "nan" not in text and "inf" not in text and not _HUGE.search(text):
            continue
        for path, value in leaves(values(document)):
            word = isinstance(value, str) and value.lower().lstrip("+-.") in ("nan", "inf", "infinity")
            number = isinstance(value, float) and not math.isfinite(value)
            wanted = kind(declared_at(context, group, path)) if number or word else None
            meant = wanted is None and number and math.isinf(value) and _written_as_inf(document, path)
            if ((number and wanted is not str) or (word and wanted is float)) and not meant:
                yield not_a_finite_number.finding(
                    document.value(path), f"{dotted(path)} is {value}", "write a finite number"
                )
