"""JSON Schemas of an experiment's option files, for editors: made of the dataclasses that they are merged into.

They refuse nothing that OmegaConf takes, whether the editor reads YAML 1.1 as OmegaConf does, or YAML 1.2. They are of
draft 7, in words that later drafts and all releases of yaml-language-server understand alike.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

from omegaconf import OmegaConf

from experiment_setup import files, nodes, schema, visible
from experiment_setup.composing import origins
from experiment_setup.composing.compose import Composer
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.light import dataclass
from experiment_setup.nodes import Steps
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading import source
from experiment_setup.schema import ConfigClass, node_of_class

SUFFIX = ".schema.json"
_NOTHING = "nothing of it composes"
# Keys that YAML 1.1 reads as truth values, and PyYAML, which Hydra reads files with, as text. The language server finds
# them in no list of properties.
_TRUTHS = frozenset("yYnN")
MARK = "written by export_schema.py of experiment-setup: what is changed here is lost when that runs again"

Json = dict[str, Any]

_ANY_TEXT = r"\$\{|^\?\?\?$"  # an interpolation, anywhere in it; a value that is still to be given
_INT = r"^\s*[+-]?[0-9](_?[0-9])*\s*$|^[+-]?0[bB][01_]+$|^[+-]?[0-9][0-9_]*(:[0-5]?[0-9])+$"
_FLOAT = r"^\s*[+-]?([0-9._]+([eE][+-]?[0-9_]+)?|[0-9_:]+\.[0-9_]*|\.?(inf|Inf|INF|nan|NaN|NAN|infinity))\s*$"
_BOOL = "^([yY]|[yY][eE][sS]|[oO][nN]|[tT][rR][uU][eE]|[nN]|[nN][oO]|[oO][fF][fF]|[fF][aA][lL][sS][eE])$"
# What OmegaConf's nodes convert (omegaconf/nodes.py): the JSON types, the texts besides, and what a person calls it.
_SCALARS: Mapping[type, tuple[Sequence[str], str, str]] = {
    bool: (("boolean", "integer"), f"{_BOOL}|{_INT}", "true or false"),
    int: (("integer",), _INT, "a whole number"),
    float: (("number",), f"{_FLOAT}|{_INT}", "a number"),
    str: (("string", "number", "boolean"), "", "a text"),
    Path: (("string",), "", "a path"),
}


@dataclass(frozen=True)
class EditorSchema:
    """The schema of option files that are merged into the same place of the config."""

    path: Path  # where it is written
    folder: Path  # of the files that it is for
    options: Sequence[Option]
    whole_folder: bool  # whether it is for every file of the folder, also for those to come
    content: Json

    @property
    def text(self) -> str:
        """The file."""
        return visible.json_text(json.dumps({"$comment": MARK, **self.content}, indent=1, ensure_ascii=False)) + "\n"

    def is_current(self, text: str) -> bool:
        """Whether a schema that was written says the same of keys and values.

        Where a field stands, and which options there are to inherit from, changes too often to say that it does not.
        """
        try:
            return bool(_essence(json.loads(text)) == _essence(self.content))
        except (ValueError, RecursionError):
            return False


def is_ours(text: str) -> bool:
    """Whether a text is a schema that was written here."""
    return MARK in text


def written(context: ExperimentContext) -> dict[Path, str]:
    """The schemas that were written for the groups of the experiment, with their texts, whatever these say now."""
    folder, result = context.experiment.config_dir, {}
    nested = (folder / f"{group}{SUFFIX}" for group in context.options.groups if "/" in group)
    beside = folder.glob(f"*{SUFFIX}") if files.is_folder(folder) else ()
    for path in sorted({*beside, *nested}):
        with contextlib.suppress(OSError):
            text = files.read_loosely(path)
            if is_ours(text):
                result[path] = text
    return result


def _essence(schema: Any) -> Any:
    """A schema without places and without what a defaults list can name."""
    if isinstance(schema, dict):
        kept = {key: value for key, value in schema.items() if key not in ("$comment", "defaults")}
        if isinstance(kept.get("description"), str):
            kept["description"] = re.sub(r" \([^()\n]+:\d+\)$", "", kept["description"], count=1, flags=re.MULTILINE)
        return {key: _essence(value) for key, value in kept.items()}
    return [_essence(value) for value in schema] if isinstance(schema, list) else schema


def schemas(context: ExperimentContext) -> tuple[list[EditorSchema], dict[str, str]]:
    """The schemas of an experiment, and each group without one, with the reason.

    Entry points that share a folder of configs share its schemas: a file may be as any of them takes it.
    """
    found: list[EditorSchema] = []
    without: dict[str, str] = {}
    contexts = _sharing(context)
    groups: dict[tuple[str, Path], list[ExperimentContext]] = {}
    for one in contexts:
        for place, options in _folders(one).items():
            if one is context or not any(
                option.key.startswith("+") for option in options
            ):  # else it lists no such group
                groups.setdefault(place, []).append(one)
    for (group, folder), having in sorted(groups.items()):
        first = having[0]
        usual = next(
            (placed.package for placed in first.options.placed if placed.group == group), tuple(group.split("/"))
        )
        packages: dict[Steps, list[Option]] = {}
        for option in _folders(first)[group, folder]:
            packages.setdefault(option.package(usual), []).append(option)
        for package, members in (packages or {usual: []}).items():
            is_usual = package == usual or len(packages) == 1
            name = group if is_usual else f"{group}.{'.'.join(map(str, package)) or 'root'}"
            made, reason = _of_each(having, (group, folder), package, members)
            if reason is not None:
                without[name] = reason
                continue
            path = context.experiment.config_dir / f"{name}{SUFFIX}"
            found.append(EditorSchema(path, folder, members, len(packages) <= 1, _file(made)))
    return found, without


def _of_each(
    having: Sequence[ExperimentContext], place: tuple[str, Path], package: Steps, members: Sequence[Option]
) -> tuple[list[Json], str | None]:
    """As what each of the entry points takes the options, and why they have no schema, if they have none."""
    made: list[Json] = []
    reason = None
    paths = {option.path for option in members}
    for one in having:
        own = [option for option in _folders(one)[place] if option.path in paths]
        classes, untyped = _classes(one, package, own)
        reason = untyped if one is having[0] or untyped != _NOTHING else reason
        made += [part for part in _parts(one, place[0], classes, package) if part not in made]
    return made, reason


def _sharing(context: ExperimentContext) -> list[ExperimentContext]:
    """The entry points with this folder of configs, in the same order whichever of them is asked for."""
    own, project = context.experiment, context.project
    others = {one for e in project.experiments if e.config_dir == own.config_dir for one in (e, *project.further(e))}
    contexts = [context]
    for other in others:
        if other.entry not in (None, own.entry) and other.config_dir == own.config_dir:
            read = schema.read(other.entry, project.root)
            contexts.append(ExperimentContext(project, other, read, Composer(other, read, project.root)))
    return sorted(contexts, key=lambda one: str(one.experiment.entry))


def _folders(context: ExperimentContext) -> dict[tuple[str, Path], list[Option]]:
    """The groups with their folders and files; of exp and env also where there is no file yet."""
    result: dict[tuple[str, Path], list[Option]] = {}
    groups = {*context.options.by_group, SETS, ENVIRONMENTS}
    for group in sorted(groups):
        options = list(context.options.by_group.get(group, {}).values())
        if options or context.options.registration(group) is not None:
            result[group, context.experiment.group_dir(group)] = options
    for option in context.options.added:
        result.setdefault((option.group, option.path.parent), []).append(option)
    return result


def _classes(context: ExperimentContext, package: Steps, options: Sequence[Option]) -> tuple[list[Any], str | None]:
    """The parts of the config that files are merged into, one of each kind; or why there is none to tell."""
    kinds: dict[Any, Any] = {}
    inherited: set[str] = set()  # files that inherit from the same are merged into the same
    for option in options or (None,):
        parents = repr(option.document.data.get("defaults")) if option and _is_mapping(option) else ""
        if parents in inherited:
            continue
        outcome = context.compositions.of_option(option) if option else context.compositions.at()
        if outcome.config is None:
            continue
        inherited.add(parents)
        node = nodes.at(outcome.config, package)
        if package and not nodes.is_structured(node):
            file = context.relative(option.path) if option else "the default"
            return [], f"{file} is composed without a dataclass"
        kinds.setdefault(OmegaConf.get_type(node) if package else repr(_shape(node)), node)
    return list(kinds.values()), None if kinds else _NOTHING


def _is_mapping(option: Option) -> bool:
    return option.document.error is None and isinstance(option.document.data, dict)


def _shape(node: Any) -> Any:
    """The classes of a whole config."""
    if nodes.is_structured(node):
        return OmegaConf.get_type(node)
    return {key: _shape(child) for key, child in nodes.children(node)} if nodes.is_mapping(node) else None


def _parts(context: ExperimentContext, group: str, nodes_: Sequence[Any], package: Steps) -> list[Json]:
    """The schemas of what a file is merged into."""
    maker = _Maker(context)
    made = [maker.part(node) for node in nodes_]
    for known in made:
        if not package:
            known["properties"]["hydra"] = {"description": "Hydra's own settings"}
        known["properties"]["defaults"] = _defaults_list(context, group)
    return made


def _file(made: Sequence[Json]) -> Json:
    """The schema of a whole file, which is as one of these."""
    head = {"$schema": "http://json-schema.org/draft-07/schema#"}
    return {**head, **made[0]} if len(made) == 1 else {**head, "anyOf": list(made)}


def _defaults_list(context: ExperimentContext, group: str) -> Json:
    stored = {known.name for known in context.schema.registrations if known.group == group}
    names = sorted({*stored, *context.options.by_group.get(group, {})}, key=lambda name: (name not in stored, name))
    items = [*(f"{name}@_here_" for name in names), "_self_"]
    return {
        "description": "What the file inherits from, in order: later ones win, and the file itself comes last.",
        "type": "array",
        "items": {"anyOf": [{"enum": items}, {"type": ["string", "object"]}]},
    }


class _Maker:
    """Makes schemas of the parts of a config."""

    def __init__(self, context: ExperimentContext) -> None:
        self._context = context
        self._known = {found.cls: found for found in context.schema.classes.values()}
        self._within: list[Any] = []  # the classes that are being described, from the outermost on

    def part(self, node: Any) -> Json:
        """The schema of a part of a composed config."""
        if nodes.is_structured(node):
            return self._class(OmegaConf.get_type(node), self._stored(OmegaConf.get_type(node)), top=True)
        inner = nodes.children(node) if nodes.is_mapping(node) else ()
        return {
            "type": ["object", "null"],
            "properties": {str(key): self.part(child) for key, child in inner if _is_part(child)},
        }

    def _stored(self, cls: Any) -> Any:
        """The class with its defaults: as it is stored for a group, else as it is."""
        for registration in self._context.schema.registrations:
            if registration.config_class is not None and registration.config_class.cls is cls:
                return self._context.schema.structured(registration)
        return node_of_class(cls)

    def _class(self, cls: Any, node: Any, *, top: bool = False) -> Json:
        """The object schema of a dataclass; `node` has the defaults."""
        if cls in self._within:
            return {"type": ["object", "string"]}
        self._within.append(cls)
        properties: Json = {}
        for below in [found for found in self._known if found is not cls and issubclass(found, cls)]:
            properties |= self._fields(below, self._stored(below))  # it may be put in the place of this one
        properties |= self._fields(cls, node)
        self._within.pop()
        others: Json | bool = {} if _TRUTHS & properties.keys() else False
        if issubclass(cls, dict) and node:
            others = self._type(nodes.element_type(node))
        text = {} if top else {"pattern": _ANY_TEXT, "patternErrorMessage": f"Expected the fields of {cls.__name__}"}
        kind = ["object", "null"] if top else ["object", "string"]  # an empty file is one of defaults
        return {"type": kind, **text, "properties": properties, "additionalProperties": others}

    def _fields(self, cls: Any, node: Any) -> Json:
        known = self._known.get(cls)
        return {
            field.name: self._field(known, field, nodes.child(node, field.name))
            for field in dataclasses.fields(cls)
            if not field.metadata.get("omegaconf_ignore")
        }

    def _field(self, owner: ConfigClass | None, field: Any, node: Any) -> Json:
        known = owner.field(field.name) if owner is not None else None
        if node is None:
            made: Json = {}
        elif nodes.is_mapping(node) and nodes.is_structured(node) and dataclasses.is_dataclass(nodes.declared(node)):
            made = self._class(OmegaConf.get_type(node), node)
            if nodes.is_optional(node):
                made["type"] = [*made["type"], "null"]
        else:
            made = self._type(nodes.declared(node), optional=nodes.is_optional(node))
        value = nodes.data(origins.plain(node)) if node is not None else None
        has_default = node is not None and not nodes.is_missing(node) and not (known and known.opaque)
        shown = source.scalar(value) if has_default else known.default if known else None
        if has_default and not nodes.is_mapping(node) and _is_json(value):
            made["default"] = value
        return {**_described(known, field.name, shown if not nodes.is_structured(node) else None), **made}

    def _type(self, kind: Any, *, optional: bool = False, strict: bool = False) -> Json:
        """The schema of a value of a type; `strict`: a member of a union, which converts nothing to text."""
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (typing.Union, types.UnionType):
            members = [argument for argument in arguments if argument is not type(None)]
            if len(members) == 1:
                return self._type(members[0], optional=True)
            return _any_of(
                [self._type(member, strict=True) for member in members], optional or len(members) < len(arguments)
            )
        if origin is typing.Literal:
            return _any_of([{"enum": [nodes.data(word) for word in arguments]}, _text()], optional)
        if isinstance(kind, type) and issubclass(kind, Enum):
            prefixed = rf"{_ANY_TEXT}|^{kind.__name__}\."
            numbers = [m.value for m in kind if isinstance(m.value, int) and not isinstance(m.value, bool)]
            arms = [{"enum": list(kind.__members__)}, _text(prefixed), *([{"enum": numbers}] if numbers else [])]
            return _any_of(arms, optional)
        if origin in (list, tuple) or kind in (list, tuple):
            members = [self._type(argument) for argument in arguments if argument is not ...]
            items: Json = members[0] if len(members) == 1 else {"anyOf": members} if members else {}
            return {**_typed(("array",), "", "a list", optional), "items": items}
        if origin is dict or kind is dict:
            values = self._type(arguments[1]) if len(arguments) == 2 else {}
            return {**_typed(("object",), "", "a mapping", optional), "additionalProperties": values}
        if dataclasses.is_dataclass(kind):
            made = self._class(kind, self._stored(kind))
            return {**made, "type": [*made["type"], *(["null"] if optional else [])]}
        if kind in _SCALARS or (isinstance(kind, type) and issubclass(kind, PurePath)):
            accepted, pattern, words = _SCALARS.get(kind, _SCALARS[Path])
            if strict and kind is str:
                accepted = ("string",)
            return _typed(accepted, pattern, words, optional)
        return {}


def _is_part(node: Any) -> bool:
    return nodes.is_mapping(node)


def _typed(accepted: Sequence[str], pattern: str, words: str, optional: bool) -> Json:
    null = ["null"] if optional else []
    if "string" in accepted:
        return {"type": [*accepted, *null] if len(accepted) + len(null) > 1 else accepted[0]}
    taken = _text(f"{_ANY_TEXT}|{pattern}".removesuffix("|"), words)
    return {**taken, "type": [*accepted, "string", *null]}


def _text(pattern: str = _ANY_TEXT, words: str | None = None) -> Json:
    message = {"patternErrorMessage": f"Expected {words} (or ${{…}})"} if words else {}
    return {"type": "string", "pattern": pattern, **message}


def _any_of(arms: Sequence[Json], optional: bool) -> Json:
    return {"anyOf": [*arms, *([{"type": "null"}] if optional else [])]}


def _described(known: Any, name: str, shown: str | None) -> Json:
    """What a hover shows: type, default and place, then the comment."""
    if known is None:
        return {}
    value = f" = {shown}" if shown is not None else ""
    comment = f"\n\n{known.comment}" if known.comment else ""
    place = f"{known.location.path.name}:{known.location.line}"
    return {"description": f"{name}: {known.annotation}{value} ({place}){comment}"}


def _is_json(value: Any) -> bool:
    """Whether JSON has the value: neither infinity nor what is no number."""
    if isinstance(value, float):
        return math.isfinite(value)
    inner: Iterator[Any] = iter(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
    return all(map(_is_json, inner))
