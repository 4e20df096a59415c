"""Dataclasses that do not do in a config what they do in Python."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Collection, Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig

from experiment_setup import files
from experiment_setup.code.defaults import default_of
from experiment_setup.code.values import ClassInfo, class_info
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.es30_registrations import root_class
from experiment_setup.rules.phases import Phase
from experiment_setup.schema import ConfigClass, Field
from experiment_setup.uses.calls import DICT_METHODS
from experiment_setup.uses.records import Use


def config_classes(context: ExperimentContext) -> Iterator[tuple[ConfigClass, str]]:
    """The dataclasses that the config is made of, each with its first dotted path ("exp", "exp.optimizer")."""
    waiting = [(found, group) for group in context.options.groups if (found := context.options.config_class(group))]
    whole = root_class(context)
    seen: set[str] = set()
    while waiting:
        config_class, path = waiting.pop(0)
        if config_class.name in seen:
            continue
        seen.add(config_class.name)
        yield config_class, path
        for known in config_class.fields:
            inner = context.schema.class_of_field(config_class, known.name)
            if inner is not None:
                waiting.append((inner, f"{path}.{known.name}"))
    if whole is not None and whole.name not in seen:
        yield whole, ""


@rule(
    "ES311",
    "unannotated-field",
    Severity.ERROR,
    "a field without a type is no field",
    phase=Phase.CLASSES,
    bad={"train.py": [("debug: bool = False", "debug = False")]},
    good={},
    hydra="accepts",
)
def unannotated_field(context: ExperimentContext) -> Iterator[Finding]:
    """`debug = False` in a dataclass is a class attribute: the config has no `debug`, and no option can set it.

    Constants (`MAX_LENGTH = 512`, `_cache = {}`) and what the code reads from the class itself are left alone.
    """
    for config_class, path in config_classes(context):
        for found in config_class.unannotated:
            if found.name.isupper() or found.name.startswith("_"):
                continue
            if f"{config_class.name}.{found.name}" in context.code.text:
                continue
            kind = _literal_type(found.default)
            edits = _insert(found.location, found.name, f": {kind}") if kind else ()
            yield unannotated_field.finding(
                found.location,
                f"{found.name!r} has no type, so {path or 'the config'} has no such field",
                f"write {found.name}: {kind or 'TYPE'} = {found.default or '…'}",
                edits=edits,
                spoils=[phases.field(path, found.name)],
            )


def _literal_type(text: str | None) -> str | None:
    try:
        value = ast.literal_eval(text or "")
    except (ValueError, SyntaxError):
        return None
    return type(value).__name__ if isinstance(value, (bool, int, float, str)) else None


def offset(location: Location) -> int | None:
    """The character offset of a place in a Python file, in the text as it is on disk (with its line ends)."""
    try:
        text = files.read_bytes(location.path).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    if location.line > len(starts):
        return None
    offset = starts[location.line - 1] + location.column - 1
    return offset + 1 if location.line == 1 and text.startswith("\ufeff") else offset


def _insert(location: Location, after: str, text: str) -> tuple[Edit, ...]:
    start = offset(location)
    return () if start is None else (Edit(start + len(after), start + len(after), text),)


@rule(
    "ES312",
    "undecorated-subclass",
    Severity.ERROR,
    "a subclass without @dataclass loses its fields",
    phase=Phase.CLASSES,
    bad={
        "train.py": [
            (
                "@dataclass\nclass EnvConfig",
                "class Exp2(ExpConfig):\n    dropout: float = 0.1\n\n@dataclass\nclass EnvConfig",
            ),
            ('name="default", node=ExpConfig', 'name="default", node=Exp2'),
        ]
    },
    good={
        "train.py": [
            (
                "@dataclass\nclass EnvConfig",
                "@dataclass\nclass Exp2(ExpConfig):\n    dropout: float = 0.1\n\n@dataclass\nclass EnvConfig",
            ),
            ('name="default", node=ExpConfig', 'name="default", node=Exp2'),
        ]
    },
    hydra="accepts",
)
def undecorated_subclass(context: ExperimentContext) -> Iterator[Finding]:
    """A subclass inherits being a dataclass, but its own fields count only if it has the decorator itself. The fields
    of a base count only if the base has it.
    """
    for config_class, path in config_classes(context):
        for base in _plain_bases(config_class):
            yield undecorated_subclass.finding(
                base.location,
                f"{base.name} has no @dataclass: {path} has none of its fields ({', '.join(base.fields)})",
                f"write @dataclass above class {base.name}",
            )
        if config_class.decorated or not dataclasses.is_dataclass(config_class.cls):
            continue
        names = {known.name for known in dataclasses.fields(config_class.cls)}
        own = inspect.get_annotations(config_class.cls)
        lost = [name for name in own if name not in names]
        if lost or config_class.unannotated:
            start = offset(Location(config_class.location.path, config_class.location.line, 1))
            source = "" if start is None else files.read_bytes(config_class.location.path).decode("utf-8")[start:]
            indented = source[:1] in " \t"
            yield undecorated_subclass.finding(
                config_class.location,
                f"{config_class.name} has no @dataclass: {path} has none of its own fields ({', '.join(lost)})",
                f"write @dataclass above class {config_class.name}",
                edits=() if start is None or indented else (Edit(start, start, "@dataclass\n"),),
            )


def _plain_bases(config_class: ConfigClass) -> Iterator[ClassInfo]:
    """The classes above a dataclass that are none, and have fields that it does not have."""
    if not dataclasses.is_dataclass(config_class.cls):
        return
    names = {known.name for known in dataclasses.fields(config_class.cls)}
    for base in config_class.cls.__mro__[1:]:
        info = class_info(base)
        if info is not None and not info.decorated and info.fields and not names & info.fields.keys():
            yield info


@rule(
    "ES313",
    "lost-methods",
    Severity.WARNING,
    "methods of a config class are not in the config",
    phase=Phase.CLASSES,
    bad={
        "train.py": [
            (
                "    notes: str | None = None\n",
                "    notes: str | None = None\n\n    def __post_init__(self):\n        assert self.seed > 0\n",
            )
        ]
    },
    good={},
    hydra="accepts",
)
def lost_methods(context: ExperimentContext) -> Iterator[Finding]:
    """What main() gets is a DictConfig with the fields' values: `__post_init__` never runs, and methods and properties
    are not there (`ConfigAttributeError`). `OmegaConf.to_object(cfg.exp)` makes the real object and runs them.
    """
    for config_class, path in config_classes(context):
        methods = [name for name in config_class.methods if not name.startswith("__")]
        lost = [name for name in methods if not any(use.path[-1:] == (name,) for use in context.code.reading.uses)]
        if not lost and not config_class.has_post_init:
            continue
        # Whoever makes the object by hand, or asks OmegaConf or Hydra to, has the methods.
        if re.search(
            rf"\bto_object\(|\binstantiate\(|\b{config_class.name}\(\*|\b{config_class.name}\.\w+\(", context.code.text
        ):
            continue
        named = f"__post_init__ of {config_class.name} never runs" if config_class.has_post_init else ""
        others = (
            f"{', '.join(lost)} of {config_class.name} {'is' if len(lost) == 1 else 'are'} not in the config"
            if lost
            else ""
        )
        yield lost_methods.finding(
            config_class.location,
            "; ".join(part for part in (named, others) if part),
            f"call OmegaConf.to_object(cfg{'.' if path else ''}{path}) in main(), or move the code out of the class",
        )


@rule(
    "ES314",
    "reserved-field-name",
    Severity.ERROR,
    "the name of a field means something else in a config",
    phase=Phase.CLASSES,
    bad={
        "train.py": [
            ("    epochs: int = 3\n", "    epochs: int = 3\n    items: int = 5\n"),
            ("{cfg.exp.name}", "{cfg.exp.items}"),
        ]
    },
    good={
        "train.py": [
            ("    epochs: int = 3\n", "    epochs: int = 3\n    n_items: int = 5\n"),
            ("{cfg.exp.name}", "{cfg.exp.n_items}"),
        ]
    },
    hydra="accepts",
)
def reserved_field_name(context: ExperimentContext) -> Iterator[Finding]:
    """`cfg.exp.items` is the method of a dict, whatever the field holds (so are keys, values, get, pop, copy, update).

    A field `defaults` is taken for a defaults list and dropped: it is right where its entries are those of one. Of the
    others it is a warning while nothing reads the field so.
    """
    for config_class, path in config_classes(context):
        for known in config_class.fields:
            if known.name == "defaults" and path and not _is_meant_as_a_list(context, config_class, known):
                yield reserved_field_name.finding(
                    known.location,
                    "a field called 'defaults' is taken for a defaults list: it is not in the config",
                    "rename the field",
                )
            elif known.name in DICT_METHODS:
                steps = (*path.split("."), known.name) if path else (known.name,)
                read = any(
                    use.path == steps and use.kind == "read" and _by_attribute(use) for use in context.code.reading.uses
                )
                yield reserved_field_name.finding(
                    known.location,
                    f"cfg.{'.'.join(steps)} is the method of a dict, not the field {known.name!r}",
                    f"rename the field, such as n_{known.name} or {known.name}_",
                    severity=None if read else Severity.WARNING,
                )


def _is_meant_as_a_list(context: ExperimentContext, config_class: ConfigClass, known: Field) -> bool:
    """Whether the entries of a field `defaults` are `_self_`, choices of groups, or configs that there are.

    It is an ordinary field of a class that is not stored itself: Hydra takes the list from the top of a config.
    """
    if not any(stored.config_class is config_class for stored in context.schema.registrations):
        return True
    found = next((field for field in dataclasses.fields(config_class.cls) if field.name == known.name), None)
    value, reason = default_of(found) if found is not None else (None, None)
    if known.opaque or reason or not isinstance(value, (list, ListConfig)):
        return bool(known.opaque or reason)
    stored = {f"{known.group}/{known.name}".removeprefix("None/") for known in context.schema.registrations}
    return bool(value) and all(_is_entry(context, entry, stored) for entry in value)


def _is_entry(context: ExperimentContext, entry: Any, stored: Collection[str]) -> bool:
    if isinstance(entry, (dict, DictConfig)) and len(entry) == 1:
        key, option = next(iter(entry.items()))
        return isinstance(key, str) and (option is None or isinstance(option, str))
    if not isinstance(entry, str):
        return False
    name = entry.partition("@")[0].removeprefix("optional ").lstrip("/")
    file = context.experiment.config_dir / f"{name}.yaml"
    return entry == "_self_" or files.is_file(file) or any(f"/{known}".endswith(f"/{name}") for known in stored)


def _by_attribute(use: Use) -> bool:
    """Whether the last step is written `.name`, not `["name"]`."""
    place = use.locations[-1] if use.locations else None
    start = offset(place) if place is not None else None
    return start is None or place is None or files.read_bytes(place.path).decode("utf-8")[start] not in "\"'"


@rule(
    "ES315",
    "frozen-dataclass",
    Severity.ERROR,
    "nothing can change the values of a frozen dataclass",
    phase=Phase.CLASSES,
    bad={"train.py": [("@dataclass\nclass ExpConfig", "@dataclass(frozen=True)\nclass ExpConfig")]},
    good={},
    hydra="fails",
)
def frozen_dataclass(context: ExperimentContext) -> Iterator[Finding]:
    """`frozen=True` makes the config read-only: every parameter set and every override ends in ReadonlyConfigError."""
    for config_class, path in config_classes(context):
        parameters: Any = getattr(config_class.cls, "__dataclass_params__", None)
        if path and parameters is not None and parameters.frozen:
            yield frozen_dataclass.finding(
                config_class.location,
                f"{config_class.name} is frozen: no option and no override can set {path}.*",
                "write @dataclass without frozen=True",
                severity=None if _is_set_in_vain(context, path) else Severity.INFO,  # chosen as a whole, on purpose
                spoils=[phases.group(path.partition(".")[0])],
            )


def _is_set_in_vain(context: ExperimentContext, path: str) -> bool:
    """Whether what sets a value below `path` fails: an option of the group, or a file that is written from the root."""
    own = context.options.by_group.get(path.partition(".")[0], {}).values()
    if any(context.compositions.of_option(option).failure for option in own):
        return True
    outcomes = [context.compositions.at(), *map(context.compositions.of_option, context.options.all())]
    outcomes += map(context.compositions.of_option, context.options.added)
    keys = [outcome.failure.key or "" for outcome in outcomes if outcome.failure]
    return any(f"{key}.".startswith(f"{path}.") for key in keys)
