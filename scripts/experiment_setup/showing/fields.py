"""What can be set at all: the config groups with their options, and the fields with all that is known of each."""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator, Sequence
from dataclasses import field
from enum import EnumMeta
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiment_setup import nodes
from experiment_setup.composing import origins
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.light import dataclass
from experiment_setup.location import Location
from experiment_setup.nodes import Steps
from experiment_setup.reading.source import SourceError
from experiment_setup.schema import ConfigClass, Registration
from experiment_setup.showing import values
from experiment_setup.showing.request import Subject
from experiment_setup.style import Style

_MOST = 2  # places in a cell of the table


@dataclass
class Settable:
    """A key of the config. Without a dataclass, `annotation` and `location` are not known."""

    key: str
    annotation: str | None = None
    default: Any = None
    choices: Sequence[str] = ()
    comment: str | None = None
    location: Location | None = None
    set_by: dict[str, Location] = field(default_factory=dict)  # `exp=001` -> where
    read_at: list[Location] = field(default_factory=list)


@dataclass(frozen=True)
class Fields:
    """The groups and fields of one experiment."""

    subject: Subject
    groups: dict[str, dict[str, Location | None]]  # the place of each option
    fields: Sequence[Settable]

    exit_code = 0

    def data(self) -> dict[str, Any]:
        """The JSON object of `--fields --json`."""
        project, defaults = self.subject.project, self.subject.composer.groups()

        def place(location: Location | None) -> dict[str, Any]:
            known = location is not None
            return {"path": project.relative(location.path), "line": location.line} if known and location else {}

        return {
            "version": 1,
            "experiment": project.relative(self.subject.experiment.folder),
            "groups": {
                group: {"default": defaults.get(group), "options": {name: place(at) for name, at in options.items()}}
                for group, options in self.groups.items()
            },
            "fields": [
                {
                    "key": known.key,
                    "type": known.annotation,
                    "default": values.data(known.default),
                    "choices": list(known.choices),
                    "comment": known.comment,
                    **place(known.location),
                    "set_by": {option: place(at) for option, at in known.set_by.items()},
                    "read_at": [place(at) for at in known.read_at],
                }
                for known in self.fields
            ],
        }

    def text(self) -> Iterator[str]:
        """A table of the groups, and one of the fields."""
        style, project, defaults = Style.of(sys.stdout), self.subject.project, self.subject.composer.groups()

        def place(at: Location) -> str:
            return f"{style.path(project, at.path)}:{at.line}"

        rows = [("group", "default", "options")]
        for group, options in self.groups.items():
            rows.append((group, str(defaults.get(group) or "none"), " ".join(options) or "none"))
        yield from values.lines(rows)
        yield ""
        table = [("key", "type", "default", "declared", "set by", "read at", "")]
        for known in self.fields:
            choices = f" ({' | '.join(known.choices)})" if known.choices else ""
            table.append(
                (
                    known.key,
                    f"{known.annotation or 'untyped'}{choices}",
                    values.shortened(known.default) if known.location else "",
                    place(known.location) if known.location else "",
                    _some(list(known.set_by)),
                    _some([place(at) for at in known.read_at]),
                    f"# {known.comment}" if known.comment else "",
                )
            )
        yield from values.lines(table)

    def notes(self) -> Iterator[str]:
        """Nothing."""
        return iter(())


def of(subject: Subject) -> Fields:
    """The groups and fields of the experiment, whether or not it composes."""
    context = ExperimentContext(subject.project, subject.experiment, subject.composer.schema, subject.composer)
    known: dict[str, Settable] = {}
    for registration in context.schema.registrations:
        package, config_class = _package(context, registration), registration.config_class
        if package is not None and config_class is not None:
            for found in _declared(context, config_class, context.schema.structured(registration), package):
                known.setdefault(found.key, found)
    for option in _options(context):
        _add_what_is_set(context, option, known)
    for use in context.code.reading.uses:
        key, location = origins.dotted(use.path), use.location(len(use.path) - 1)
        if key in known and use.kind in ("read", "call", "default") and location is not None:
            known[key].read_at.append(location)
    for settable in known.values():
        settable.read_at[:] = sorted({(at.path, at.line): at for at in settable.read_at}.values(), key=str)
    return Fields(subject, {group: _places(context, group) for group in context.options.groups}, list(known.values()))


def _package(context: ExperimentContext, registration: Registration) -> Steps | None:
    """Where the content of what is stored lies in the config; None where no group of config.yaml chooses it."""
    if registration.package is not None:
        return nodes.in_package(registration.package)
    if registration.group is None:
        return ()
    placed = next((p.package for p in context.options.placed if p.group == registration.group), None)
    return placed or ((registration.group,) if registration.group in context.options.groups else None)


def _declared(context: ExperimentContext, config_class: ConfigClass, node: Any, path: Steps) -> Iterator[Settable]:
    """The fields of a class, and of the classes in it."""
    for known in config_class.fields:
        steps, child = (*path, known.name), nodes.child(node, known.name)
        if not path and known.name in context.options.groups:
            continue  # its options have it
        kind = _kind(child)
        inner = context.schema.class_of(kind)
        if inner is not None and nodes.is_mapping(child):
            yield from _declared(context, inner, child, steps)
            continue
        yield Settable(
            origins.dotted(steps),
            known.annotation,
            origins.plain(child) if child is not None else None,
            _choices(kind),
            known.comment,
            known.location,
        )


def _kind(node: Any) -> Any:
    """The class of a part of the config, or the type that a field is declared as."""
    if node is None:
        return None
    return OmegaConf.get_type(node) if nodes.is_mapping(node) else nodes.declared(node)


def _choices(kind: Any) -> list[str]:
    if isinstance(kind, EnumMeta):
        return list(kind.__members__)
    return [str(word) for word in typing.get_args(kind)] if typing.get_origin(kind) is typing.Literal else []


def _options(context: ExperimentContext) -> Iterator[Option]:
    for group in context.options.groups:
        yield from context.options.by_group.get(group, {}).values()


def _add_what_is_set(context: ExperimentContext, option: Option, known: dict[str, Settable]) -> None:
    """Note at each field that the file sets it; keys that no dataclass has are added."""
    try:
        content = option.document.data
    except SourceError:
        return
    placed = next((p.package for p in context.options.placed if p.group == option.group), (option.group,))
    if option.document.package is not None:
        placed = nodes.in_package(option.document.package)
    untyped = context.options.config_class(option.group) is None
    for steps in _keys(content if isinstance(content, dict) else {}, ()):
        key = origins.dotted((*placed, *steps))
        fields = [name for name in known if f"{name}.".startswith(f"{key}.") or f"{key}.".startswith(f"{name}.")]
        if not fields and untyped:
            known[key] = Settable(key)
            fields = [key]
        for name in fields:
            known[name].set_by[f"{option.group}={option.name}"] = option.document.value(steps)


def _keys(content: dict[Any, Any], path: Steps) -> Iterator[Steps]:
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from _keys(value, (*path, key))
        elif path or key != "defaults":
            yield (*path, key)


def _places(context: ExperimentContext, group: str) -> dict[str, Location | None]:
    """The options of a group, each with its file or the line that stores it."""
    stored = {known.name: known.location for known in context.schema.registrations if known.group == group}
    files = {name: Location(Path(option.path)) for name, option in context.options.by_group.get(group, {}).items()}
    return {**stored, **files}


def _some(words: Sequence[str]) -> str:
    return " ".join(words[:_MOST]) + (f" (+{len(words) - _MOST})" if len(words) > _MOST else "")
