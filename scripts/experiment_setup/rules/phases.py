"""The order in which an experiment is judged, and the one way in which one mistake gives one finding.

A rule belongs to a phase and speaks of a kind of subject. An error spoils what it speaks of, and what a later phase
says of a spoiled subject, or of something that rests on one, is passed over: it follows from the error, or cannot be
known before that is mended. The order of the phases is what explains what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, IntEnum, auto
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from experiment_setup.facts.defaults_lists import lineage
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Finding, Severity, Subject
from experiment_setup.location import Location

if TYPE_CHECKING:
    from experiment_setup.rules.base import Rule


class Phase(IntEnum):
    """What is judged first explains what is judged later."""

    FILES = auto()  # is there an entry point, and can each file be read?
    STORED = auto()  # is each dataclass stored where it belongs?
    DEFAULTS = auto()  # has each group one default?
    CLASSES = auto()  # do the dataclasses say what they mean?
    LISTS = auto()  # is each defaults list one?
    GROUPS = auto()  # does the primary list have the groups that there are?
    NAMES = auto()  # is there what the lists name?
    INHERITANCE = auto()  # does an option get what it should from those that it names?
    REFUSALS = auto()  # does every key and value fit the dataclass?
    COMPOSITION = auto()  # does the rest compose?
    VALUES = auto()  # are the values what was meant?
    CODE = auto()  # does the code read what is there?
    OUTPUTS = auto()  # does each run write where no other does?


class Of(Enum):
    """What a rule's findings speak of, and so what they rest on and what they spoil (`rests_on`, `spoiled_by`)."""

    NAME = auto()  # a file by its name: nothing that stands in it
    TEXT = auto()  # something as it is written, which is wrong whatever comes of it
    ENTRY = auto()  # an entry of a defaults list, or the list as a whole
    CHOICE = auto()  # an entry of a defaults list, in whose place each run may choose otherwise
    KEY = auto()  # a key or a value that is merged into a schema
    OPTION = auto()  # what is composed of an option's file
    RUN = auto()  # whether a choice composes at all


def code() -> Subject:
    """The entry point and what it stores, without which nothing composes."""
    return Subject("code")


def place(location: Location) -> Subject:
    """A key, a value or an entry where it is written."""
    return Subject("place", location)


def file(path: Path) -> Subject:
    """A file's text."""
    return Subject("file", path)


def defaults_list(path: Path) -> Subject:
    """The defaults list of a file."""
    return Subject("defaults list", path)


def choices(path: Path) -> Subject:
    """What the defaults list of a file chooses, where nothing else is chosen."""
    return Subject("choices", path)


def group(name: str) -> Subject:
    """The config that the code stores as the default of a group."""
    return Subject("group", name)


def values_of(name: str) -> Subject:
    """What the parameter sets of a group come to: whether they win where they should."""
    return Subject("values of", name)


def field(name: str, key: str) -> Subject:
    """A field of the dataclass of a group."""
    return Subject("field", (name, key))


def settings() -> Subject:
    """Hydra's own settings."""
    return Subject("settings")


def option(path: Path) -> Subject:
    """Whatever is wrong in an option's file."""
    return Subject("option", path)


def judge(context: ExperimentContext, rules: Iterable[Rule]) -> list[Finding]:
    """What the rules find in an experiment, phase by phase."""
    spoiled: set[Subject] = set()
    kept: list[Finding] = []
    for _, of_phase in groupby(sorted(rules, key=lambda rule: rule.phase), key=lambda rule: rule.phase):
        said = [
            (rule, finding)
            for rule in of_phase
            for finding in rule.check(context)
            if spoiled.isdisjoint(_rests_on(context, rule.of, finding))
        ]
        for rule, finding in said:
            kept.append(finding)
            if finding.severity is Severity.ERROR:
                spoiled.update(_spoiled_by(rule.of, finding))
    return kept


def _line(finding: Finding) -> Subject:
    return Subject("line", (finding.location.path, finding.location.line))


def _rests_on(context: ExperimentContext, of: Of, finding: Finding) -> Iterator[Subject]:
    """The subjects that must be sound for the finding to mean anything."""
    path = finding.location.path
    yield from finding.rests_on
    yield file(path)
    if of is Of.NAME:
        return
    if of is Of.TEXT:
        yield place(finding.location)
    elif of in (Of.ENTRY, Of.CHOICE):
        yield _line(finding)
    elif of is Of.RUN:
        yield from _needed(context, path)
    else:
        yield from (code(), place(finding.location), defaults_list(path), choices(path))
        name = context.options.group_of(path)
        for known in (
            context.options.groups if name is None else (name,)
        ):  # the primary config has to do with all of them
            yield group(known)
            if of is Of.OPTION:
                yield values_of(known)


def _needed(context: ExperimentContext, path: Path) -> Iterator[Subject]:
    """What an option needs to be composed at all: the primary list, and whatever it inherits from."""
    primary = context.experiment.config_file
    yield from (code(), option(path), choices(path), settings())
    for whole in (primary, *(document.path for document in context.options.included)):
        yield from (file(whole), defaults_list(whole))
    yield from (group(name) for name in context.options.groups)
    chosen = [(name, known) for name, known in context.options.groups.items() if path == primary and known]
    name = context.options.group_of(path)
    for of_group, known in [*chosen, *([(name, path.stem)] if name is not None else [])]:
        options = context.options.by_group[of_group]
        yield from (option(options[above].path) for above in lineage(options, known) if above in options)


def _spoiled_by(of: Of, finding: Finding) -> Iterator[Subject]:
    """The subjects of which nothing can be said before the error is mended."""
    path = finding.location.path
    yield from finding.spoils
    if of is Of.CHOICE:
        yield from (choices(path), place(finding.location), _line(finding))
        return
    yield option(path)
    if of is not Of.NAME:
        yield place(finding.location)
    if of is Of.ENTRY:
        yield from (_line(finding), defaults_list(path))
