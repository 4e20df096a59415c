"""`override` entries of the primary defaults list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml

from experiment_setup.composing.refusals import (
    AddedTwice,
    ChosenTwice,
    Failure,
    NotOverridable,
    OverrideTooEarly,
    UnknownKeyword,
)
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts import headers
from experiment_setup.facts.defaults_lists import Entry
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.findings import Edit, Finding, Severity, edited
from experiment_setup.location import Location, did_you_mean
from experiment_setup.reading.source import Document
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Of, Phase

_KEYWORDS = ("override", "optional")


_LOGGING = "  - override hydra/job_logging: none\n"


@rule(
    "ES130",
    "override-before-group",
    Severity.ERROR,
    "an override stands before the groups of the defaults list",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"config.yaml": [(_LOGGING, ""), ("  - exp: default\n", f"{_LOGGING}  - exp: default\n")]},
    good={},
    hydra="fails",
)
def override_before_group(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra reads the list once, from top to bottom, and takes overrides only at its end."""
    found = entries.of_primary(context)
    last = max((e.index for e in found if not e.is_self and "override" not in e.keywords), default=-1)
    early = [e for e in found if "override" in e.keywords and e.index < last and _has_a_target(found, e)]
    for number, entry in enumerate(early):
        yield override_before_group.finding(
            context.options.primary.value(["defaults", entry.index]),
            f"`{entries.shown(entry)}` stands before {entries.shown(found[last])}",
            "move it to the end of the list: overrides come last",
            edits=_to_the_end(context, entry, found[-1]) if number == 0 else (),
        )


def _has_a_target(found: Sequence[Entry], override: Entry) -> bool:
    """Whether the group is one of Hydra's, or stands in the list as well: else group-not-listed says it."""
    group = (override.group or "").lstrip("/")
    return group.startswith("hydra/") or any(e.group == group and e is not override for e in found)


def _to_the_end(context: ExperimentContext, entry: Entry, last: Entry) -> tuple[Edit, ...]:
    text = context.options.primary.text
    node = entries.item_node(context.options.primary, last.index)
    removed = entries.item_span(context.options.primary, entry.index)
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
        node = node.value[0][1]
    span = entries.line_span(text, node) if node is not None else None
    if removed is None or span is None:
        return ()
    line = text[slice(*removed)]
    gap = "" if text[: span[1]].endswith(("\n", "\r")) else entries.newline(text)
    return (Edit(*removed, ""), Edit(span[1], span[1], f"{gap}{line}"))


@rule(
    "ES131",
    "override-left-out",
    Severity.ERROR,
    "a group that Hydra has chosen already is chosen again without `override`",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"config.yaml": [("override hydra/job_logging", "hydra/job_logging")]},
    good={},
    hydra="fails",
)
def override_left_out(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra lists its own groups (hydra/job_logging, hydra/launcher, …) first; another choice has to say `override`.
    So has an option that is written from the root and chooses what config.yaml chooses: `override /model: big`, with
    the slash, without which the group is looked for beside the option.

    A misspelled keyword is none: Hydra 1.3 reads `overide hydra/job_logging: none` as if it were not there, and 1.4
    refuses it.
    """
    yield from _left_out_in_options(context)
    failure = context.compositions.at().failure
    for document in context.options.primary_lineage if failure is None else ():
        yield from _passed_over(document, failure)
    for option in (*context.options.all(), *context.options.added):
        yield from _passed_over(option.document, context.compositions.of_option(option).failure)
    if failure is None or not isinstance(failure.refusal, (ChosenTwice, AddedTwice, UnknownKeyword)):
        return
    whole = context.options.primary_lineage
    for document, entry in ((one, entry) for one in whole for entry in entries.entries(one)):
        group = (entry.group or "").lstrip("/")
        if not isinstance(entry.value, dict) or "override" in entry.keywords or not group.startswith("hydra/"):
            continue
        if isinstance(failure.refusal, (ChosenTwice, AddedTwice)):
            refused = group == failure.refusal.group
        else:
            refused = failure.refusal.keyword in entry.keywords
        if not refused:
            continue
        node = entries.item_node(document, entry.index)
        key = node.value[0][0] if isinstance(node, yaml.MappingNode) else None
        unknown = (word for word in entry.keywords if word not in _KEYWORDS)
        word = next((word for word in unknown if did_you_mean(word, _KEYWORDS)), "")
        where = document.value(["defaults", entry.index])
        written = f"override {entry.group}"
        yield override_left_out.finding(
            Location(where.path, where.line, where.column),
            f"{word!r} is not a keyword of a defaults list" if word else f"Hydra has chosen {group} already",
            f"write - {written}: {entry.option or 'null'}",
            edits=entries.replace(document, key, written) if key is not None and key.style is None else (),
        )


def _passed_over(document: Document, failure: Failure | None) -> Iterator[Finding]:
    """Misspelled keywords where Hydra composes in spite of them, or refuses them as such."""
    if failure is not None and not isinstance(failure.refusal, UnknownKeyword):
        return
    for entry in entries.entries(document):
        for word in entry.keywords:
            meant = did_you_mean(word, _KEYWORDS) if word not in _KEYWORDS else None
            if meant is not None:
                yield override_left_out.finding(
                    document.value(["defaults", entry.index]),
                    f"{word!r} is not a keyword of a defaults list: Hydra 1.3 passes over it, and 1.4 refuses the list",
                    f"write - {meant} {entry.group}: {entry.option or 'null'}",
                    severity=Severity.WARNING if failure is None else None,
                )


def _left_out_in_options(context: ExperimentContext) -> Iterator[Finding]:
    """Where options that are written from the root choose a group again, without `override` or without the slash."""
    for option in (*context.options.all(), *context.options.added):
        if not headers.is_from_the_root(option.document):
            continue
        failure = context.compositions.of_option(option).failure
        for entry in entries.entries(option.document) if failure is not None else ():
            overrides = "override" in entry.keywords
            group = (entry.group or "").lstrip("/")
            if failure is None or not isinstance(entry.value, dict):
                continue
            refused = failure.refusal
            may_be_left_out = isinstance(refused, (AddedTwice, OverrideTooEarly)) and not overrides
            if group not in context.options.groups and not may_be_left_out:
                continue
            twice = may_be_left_out or (
                isinstance(refused, ChosenTwice) and not overrides and refused.group.partition("@")[0] == group
            )
            beside = f"{option.group}/{group}"
            relative = isinstance(refused, NotOverridable) and overrides and refused.group.partition("@")[0] == beside
            if not (twice or relative):
                continue
            node = entries.item_node(context.composer.document(option.path), entry.index)
            key = node.value[0][0] if isinstance(node, yaml.MappingNode) else None
            package = f"@{entry.package}" if entry.package else ""
            written = f"override /{group}{package}"
            edits = entries.replace(option.document, key, written) if key is not None and key.style is None else ()
            if may_be_left_out and not _composes(context, option, edits):
                continue
            config = context.experiment.config_file.name
            other = context.options.meant_for(option, group) if twice and not overrides else None
            if other is not None:
                yield override_left_out.finding(
                    entries.place(option, entry),
                    f"{config} has chosen {group} already; {other}, which lists no {group}, takes it so",
                    f"if it is to go with {config}, write - {written}: {entry.option}",
                    severity=Severity.INFO,
                )
                continue
            yield override_left_out.finding(
                entries.place(option, entry),
                f"{config if group in context.options.groups else 'Hydra'} has chosen {group} already"
                if twice
                else f"without a slash {group} is looked for below {option.group}/",
                f"write - {written}: {entry.option}",
                edits=edits,
                safe=False,
            )


def _composes(context: ExperimentContext, option: Option, edits: Sequence[Edit]) -> bool:
    """Whether the option composes when its file is edited so."""
    text = edited(option.document.text, edits)
    choices = dict(context.compositions.of_option(option).choices)
    return context.composer.compose_with({option.path: Document(option.path, text)}, choices).failure is None
