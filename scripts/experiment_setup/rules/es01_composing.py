"""What Hydra refuses, said better than Hydra says it, and values that compose but cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, EnumNode, ListConfig, OmegaConf

from experiment_setup import naming, nodes
from experiment_setup.composing import plugins
from experiment_setup.composing.compose import Failure
from experiment_setup.composing.refusals import (
    ListForMapping,
    MappingForList,
    NoHeader,
    NotAList,
    NotFound,
    NotOverridable,
    NotTheFields,
    NullRefused,
    OverrideTooEarly,
    Refusal,
    UnknownKey,
    UnsetVariable,
)
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts import own_files
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option, listed
from experiment_setup.facts.refusals import Refused, is_always_completed, refusals, works_as_guides_say
from experiment_setup.facts.unlisted import ROOT_SETS
from experiment_setup.facts.written import declared, kind, schema
from experiment_setup.findings import Finding, Severity
from experiment_setup.listing import few
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.es30_registrations import root_class
from experiment_setup.rules.phases import Of, Phase
from experiment_setup.schema import Field


@rule(
    "ES014",
    "does-not-compose",
    Severity.ERROR,
    "Hydra does not compose this",
    phase=Phase.COMPOSITION,
    of=Of.RUN,
    bad={"config.yaml": [("  - env: default\n", "  - env: ${machine}\n")]},
    good={},
    was="ES005",
    hydra="fails",
)
def does_not_compose(context: ExperimentContext) -> Iterator[Finding]:
    """Every set is composed in every environment. What Hydra refuses and no other rule explains is said here.

    Hydra stops at the first mistake; here all of them are named, each as Hydra would once those before it are mended.
    What other entry points store, and this one does not import, is said where that is.
    """
    not_imported: set[Path] = set()
    places = _places_of_missing(context)
    said: set[str] = set()
    for refused in refusals(context):
        if refused.of_a_key or refused.of_a_value:
            continue
        storing = _stored_for_others(context, refused)
        if storing is not None and (not_imported or refused.outcome is context.compositions.at()):
            if storing not in not_imported:
                yield _not_imported(context, refused, storing)
            not_imported.add(storing)
            continue
        missing = refused.failure.refusal.config if isinstance(refused.failure.refusal, NotFound) else ""
        if missing and missing in said:
            continue
        said.add(missing)
        yield does_not_compose.finding(
            refused.location,
            f"Hydra fails {_run(context, refused) or 'without choices'}: {_hydras_words(context, refused).rstrip('.')}",
            _advice(context, refused),
            severity=_weight(context, refused),
            rests_on=[phases.file(path) for path in _unreadable(context, refused)],
        ).at([refused.location, *_others(places.get(missing, ()), refused.location)])
    yield from _followed(context)


def _others(places: Iterable[Location], place: Location) -> list[Location]:
    return sorted({*places} - {place}, key=lambda other: (str(other.path), other.line, other.column))


def _places_of_missing(context: ExperimentContext) -> dict[str, set[Location]]:
    """Where each config that is not there is named: one file that is missing is one mistake."""
    found: dict[str, set[Location]] = {}
    for refused in refusals(context):
        if isinstance(refused.failure.refusal, NotFound):
            found.setdefault(refused.failure.refusal.config, set()).add(refused.location)
    return found


def _unreadable(context: ExperimentContext, refused: Refused) -> list[Path]:
    """The files that Hydra may mean where it could not read one, whose name it does not say."""
    if refused.failure.refusal.words.partition(":")[0] not in _OF_READING:
        return []
    return [document.path for document in context.options.unreadable]


_OF_READING = {*(kind.__name__ for kind in yaml.MarkedYAMLError.__subclasses__()), "ReaderError", "UnicodeDecodeError"}


def _stored_for_others(context: ExperimentContext, refused: Refused) -> Path | None:
    """The module that stores what Hydra does not find, when another entry point of the config folder runs."""
    if not isinstance(refused.failure.refusal, NotFound) or context.options.by_name or context.schema.main is None:
        return None
    group, _, name = refused.failure.refusal.config.rpartition("/")
    found = (other.registration(group or None, name) for other in context.code.other_schemas)
    return next((stored.location.path for stored in found if stored is not None), None)


def _not_imported(context: ExperimentContext, refused: Refused, storing: Path) -> Finding:
    assert context.schema.main is not None
    entry, module = context.schema.main.location.path, context.relative(storing)
    return does_not_compose.finding(
        context.schema.main.location,
        f"Hydra fails without choices: {refused.failure.refusal.words.rstrip('.')}, "
        f"which {module} stores for other entry points",
        f"import {module} in {entry.name}",
    )


def _weight(context: ExperimentContext, refused: Refused) -> Severity | None:
    """A variable may be set where the experiment runs. What goes with an option of another group is no mistake where
    that is typed beside it; a parameter set is meant to be all that is typed. What an option lacks, a set may bring,
    and what is chosen unasked, each command of the guides may replace.
    """
    if isinstance(refused.failure.refusal, UnsetVariable):
        return Severity.WARNING
    if isinstance(refused.failure.refusal, NotFound):
        by_group, choices = context.options.by_group, refused.outcome.choices
        chosen = (by_group.get(group, {}).get(name or "") for group, name in choices.items())
        known = [option for option in chosen if option is not None]
        own = {document.path for option in known for document in context.options.lineage(option)}
        if any(is_always_completed(context, option) for option in known):
            return Severity.INFO
        if refused.location.path not in own and works_as_guides_say(context):
            return Severity.INFO
    if isinstance(refused.failure.refusal, NotOverridable) and _taken_up_by(context, refused) is not None:
        return Severity.INFO
    is_a_set = any(key.lstrip("+") in {*ROOT_SETS, SETS} for key in refused.outcome.choices)
    if refused.beside and (not is_a_set or all(map(context.is_always_typed, refused.beside))):
        return Severity.INFO
    return None


def _taken_up_by(context: ExperimentContext, refused: Refused) -> Document | None:
    """The file of an option whose list includes this one, or one beside it that chooses again from the same group: it
    is meant to be included so, behind what lists that group, or in the place of the other.
    """
    group = _overridden(refused)
    option = next((one for one in context.options.all() if one.path == refused.location.path), None)
    if option is None or not _chooses_again(option, group):
        return None
    beside = context.options.by_group.get(option.group, {})
    parts = {name for name, one in beside.items() if _chooses_again(one, group) and entries.only_a_base(context, one)}
    heirs = (one for one in beside.values() if parts.intersection(one.document.parents))
    return next((one.document for one in heirs if context.compositions.of_option(one).failure is None), None)


def _overridden(refused: Refused) -> str:
    refusal = refused.failure.refusal
    return refusal.group.partition("@")[0] if isinstance(refusal, NotOverridable) else ""


def _chooses_again(option: Option, group: str) -> bool:
    return not {group, group.removeprefix(f"{option.group}/")}.isdisjoint(listed(option.document, overriding=True))


def _run(context: ExperimentContext, refused: Refused) -> str:
    """What is typed behind the entry point's name, to see it fail."""
    return " ".join(filter(None, (context.options.by_name, refused.chosen)))


def _hydras_words(context: ExperimentContext, refused: Refused) -> str:
    """Without the name of the primary config where an option is wrong: other configs say the same of it."""
    words = refused.failure.refusal.words
    elsewhere = refused.location.path != context.experiment.config_file
    return words.removeprefix(f"In '{context.experiment.config_name}': ") if elsewhere else words


def _followed(context: ExperimentContext) -> Iterator[Finding]:
    """Where an option follows another choice that has none of its name: such a choice takes one by hand."""
    for entry in entries.of_primary(context):
        group = (entry.group or "").lstrip("/")
        missing = context.compositions.memo.derived_missing.get(group, {})
        if missing and isinstance(entry.value, dict):
            config, chosen = next(iter(missing.items()))
            run = " ".join(f"{key}={option}" for key, option in chosen.items())
            more = f" (and {len(missing) - 1} more like it)" if len(missing) > 1 else ""
            yield does_not_compose.finding(
                context.options.primary.value(["defaults", entry.index, next(iter(entry.value))]),
                f"there is no {config}, so that {run} needs {group}=… beside it{more}",
                f"add {config}.yaml, or choose {group} by hand in such a run",
                severity=Severity.INFO,
            )


SET_IT = "set the variable, or give a default: ${oc.env:NAME,default}"


def _advice(context: ExperimentContext, refused: Refused) -> str:
    failure = refused.failure
    if refused.beside:
        typed = " ".join(f"{key}={name}" for key, name in refused.beside.items())
        entry = ", ".join(f"- override /{key}: {name}" for key, name in refused.beside.items())
        return f"it composes with {typed}: type that beside it, or write {entry} above the entry"
    if isinstance(failure.refusal, NoHeader):
        wanted = "# @package _global_" if "package" in failure.refusal.comment else "the comment without its @"
        return f"Hydra takes a comment that begins with @ for a header of two words: write {wanted}"
    if isinstance(failure.refusal, NotOverridable):
        group, _, package = failure.refusal.group.partition("@")
        header = context.composer.document(refused.location.path).package
        if header not in (None, nodes.GLOBAL) and package.startswith(f"{header}."):
            return f"`# @package {header}` puts the file there: to choose again at the root, write # @package _global_"
        if group in (SETS, ENVIRONMENTS) and failure.config is None:
            file = context.experiment.config_file.name
            return f"add `- {group}: default` to the defaults list of {file} (not +{group}=…)"
        own = (failure.config or "").rpartition("/")[0]
        if own in context.options.groups and group in context.options.groups:
            file = context.experiment.config_file.name
            return f"an option chooses again what stands above it: in {file}, put `- {own}: …` below `- {group}: …`"
        meant = group.removeprefix(f"{own}/")
        if own and meant != group and (meant in context.options.groups or meant.startswith("hydra/")):
            return f"write - override /{meant}: …, as without the slash it is looked for in {own}/"
        first, *rest = group.split("/")
        if (heir := _taken_up_by(context, refused)) is not None:
            return f"include it behind what lists {group}, as {context.relative(heir.path)} includes one like it"
        if group not in context.options.groups and context.experiment.options_in_folders(group):
            return f"no list above chooses from {group}: write - /{group}: … without override"
        if rest and nodes.within(context.compositions.at().container, (first, *rest)) is not None:
            value = ": {".join([first, *rest]) + ": …" + "}" * len(rest)
            named = nodes.join((first, *rest))
            return f"{named} is a value, no group: take the entry out, and write {value} below the list"
        if (guess := did_you_mean(group, list(context.options.groups))) and group not in context.options.groups:
            return f"write {guess} instead of {group}"
        if group not in context.options.groups:
            return f"no list chooses from {group}, and there is no folder {group}/: take the entry out"
    if isinstance(failure.refusal, NotFound):
        if (swallowed := own_files.git_rule_over(context, failure.refusal.config)) is not None:
            return own_files.if_it_is_swallowed(swallowed)
        if advice := _instead(context, failure.refusal.config, failure.config):
            return advice
    if isinstance(failure.refusal, OverrideTooEarly):
        return (
            "write it without `override` if nothing above chooses for that group; else move it to the end of the list"
        )
    if isinstance(failure.refusal, UnsetVariable):  # a warning, as it may be set where the experiment runs
        return SET_IT
    entry = context.relative(context.experiment.entry) if context.experiment.entry else "train.py"
    return " ".join(filter(None, (f"all of Hydra's words: python {entry} --cfg job", _run(context, refused))))


def _instead(context: ExperimentContext, missing: str, named_in: str | None) -> str | None:
    """What to write for an option that does not exist, which the config `named_in` names; None where its group has no
    files.
    """
    own = (named_in or "").rpartition("/")[0]
    below, _, chosen = missing.removeprefix(f"{own}/").rpartition("/")
    if own and missing.startswith(f"{own}/") and chosen in context.experiment.options_in_folders(below):
        again = "override " if below in context.options.groups else ""
        named = f"/{below}: {chosen}" if below else f"/{chosen}"  # what lies at the root is no option of a group
        return f"write - {again}{named}, as without the slash it is looked for in {own}/"
    group, _, name = missing.removesuffix(".yaml").rpartition("/")
    known = list(context.experiment.options_in_folders(group)) if group else []
    guess = did_you_mean(name, known)
    if guess:
        return f"write {guess} instead of {name}, or add {group}/{name}.yaml"
    return f"add {group}/{name}.yaml, or choose one of {few(known)}" if known else None


@rule(
    "ES010",
    "unknown-key",
    Severity.ERROR,
    "the key is not a field of the dataclass",
    phase=Phase.REFUSALS,
    of=Of.KEY,
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nlearning_rte: 1e-3\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nlearning_rate: 1e-3\n"},
    hydra="fails",
)
def unknown_key(context: ExperimentContext) -> Iterator[Finding]:
    """A key that no field has: a typo, a parameter that is not declared yet, or one that belongs to another group.

    A launcher's or sweeper's settings in an option that is chosen by hand are a note: its plugin may be chosen beside.
    """
    unmet: set[tuple[Path, str]] = set()
    for refused in refusals(context):
        if isinstance(refused.failure.refusal, UnknownKey) and refused.steps:
            steps = refused.steps
            untyped = (phases.field(steps[0], steps[1]),) if len(steps) == 2 else ()
            said = _unknown_key(context, refused.failure.refusal, steps, refused.location)
            if _is_for_a_plugin(context, steps):
                plugin = (refused.location.path, steps[1])
                if plugin in unmet:
                    continue  # all of the block wants the same
                unmet.add(plugin)
                chosen = refused.chosen
                advice = f"choose the {steps[1]} that has it: - override hydra/{steps[1]}: … in the defaults list"
                beside = f"choose hydra/{steps[1]} beside it, or in its defaults list: with {chosen} it has none"
                said = replace(
                    said, severity=Severity.INFO if chosen else said.severity, help=beside if chosen else advice
                )
            yield replace(said, rests_on=untyped)


def _is_for_a_plugin(context: ExperimentContext, steps: Sequence[str]) -> bool:
    """Whether it is a setting of a launcher or sweeper, where the one that is chosen takes none."""
    return steps[0] == "hydra" and steps[1] in plugins.EXTENDED and not fields_of(context, "hydra", steps[1:-1])


def _unknown_key(context: ExperimentContext, refusal: UnknownKey, steps: Sequence[str], location: Location) -> Finding:
    group, key = steps[0], steps[-1]
    placed = any(p.package and tuple(steps[: len(p.package)]) == p.package for p in context.options.placed)
    if group not in context.options.groups and group != "hydra" and not placed:
        return _unknown_at_the_top(context, refusal, steps, location)
    fields = fields_of(context, group, steps[1:-1])
    for other in context.options.groups:
        if other != group and len(steps) == 2 and key in fields_of(context, other, []):
            command = {ENVIRONMENTS: "add_env.py", SETS: "add_exp.py"}.get(other)
            new_one = f" (a new one: {command} {context.experiment.name} … {key}=…)" if command else ""
            return unknown_key.finding(
                location,
                f"{key!r} is a field of {other}, not of {group}",
                f"move the line to a file in {other}/{new_one}",
            )
    if key in fields:  # of the class that is chosen elsewhere
        chosen = context.schema.class_named(refusal.owner) if refusal.owner else None
        fields = [field.name for field in chosen.fields] if chosen else []
    guess = did_you_mean(key, fields)
    where = refusal.owner or _class_name(context, group)
    if guess:
        of = "" if where.startswith("the default") else f" (a field of {where})"
        return unknown_key.finding(location, f"unknown key {key!r} (did you mean {guess!r}?)", f"write {guess}:{of}")
    if group == "hydra":
        there = f"available: {', '.join(fields)}" if fields else f"{steps[-2]}, as chosen here, takes none"
        advice = f"{there}; values of your own go into the dataclasses"
        return unknown_key.finding(location, f"Hydra has no setting {'.'.join(steps)}", advice)
    has = f"{where} has {few(fields, _MOST_NAMED)}" if fields else f"it is no field of {where}"
    return unknown_key.finding(
        location,
        f"unknown key {key!r}: {has}",
        f"add `{key}: TYPE = DEFAULT` to {where}, or remove the line",
    )


def _unknown_at_the_top(
    context: ExperimentContext, refusal: UnknownKey, steps: Sequence[str], location: Location
) -> Finding:
    """A key beside the groups, which the class of the whole config does not have, nor that of one of its fields."""
    key = steps[-1]
    classes = [r.config_class for r in context.schema.registrations if r.group is None and r.config_class]
    inner = context.schema.class_named(refusal.owner) if refusal.owner and len(steps) > 1 else None
    classes = [found for found in classes if found.name == refusal.owner] or ([inner] if inner else classes)
    fields = [field.name for found in classes for field in found.fields] or list(context.options.groups)
    guess = did_you_mean(key, fields)
    if guess:
        return unknown_key.finding(location, f"unknown key {key!r} (did you mean {guess!r}?)", f"write {guess}:")
    where = classes[0].name if classes else "the config"
    there = few(list(dict.fromkeys(fields)), _MOST_NAMED)
    advice = f"add a field to {where}, or to a class of {' or '.join(context.options.groups) or 'a group'}"
    advice = f"add `{key}: TYPE = DEFAULT` to {where}, or remove the line" if inner in classes else advice
    return unknown_key.finding(location, f"unknown key {'.'.join(steps)!r}: {where} has {there}", advice)


_MOST_NAMED = 12  # fields of a class


def _class_name(context: ExperimentContext, group: str) -> str:
    found = context.options.config_class(group)
    return found.name if found else f"the default of {group}"


def fields_of(context: ExperimentContext, group: str, inner: Sequence[str]) -> list[str]:
    """The fields that a group, or a part of it, has by its declaration or in the composed config."""
    if group == "hydra":
        from experiment_setup.composing.hydra_bridge import (
            settings,  # only Hydra itself finds such keys: it is imported already
        )

        return settings(inner)
    node = nodes.at(context.compositions.some, (group, *inner))
    if nodes.is_mapping(node):
        return [str(key) for key in node]
    return [field.name for field in _declared(context, group, inner)]


def _declared(context: ExperimentContext, group: str, inner: Sequence[str]) -> Sequence[Field]:
    """The fields of the dataclass at `group` and below it: of the group's own, or of the class of the whole config."""
    stored = (r.config_class for r in context.schema.registrations if r.group is None and r.config_class)
    own, whole = context.options.config_class(group), root_class(context) or next(stored, None)
    found, steps = (own, inner) if own is not None else (whole, (group, *inner))
    for step in steps:
        field = found.field(step) if found is not None else None
        found = context.schema.class_of_field(found, field.name) if found is not None and field is not None else None
    return found.fields if found is not None else ()


@rule(
    "ES013",
    "unusable-option-name",
    Severity.ERROR,
    "Hydra does not take the file's name as an option on the command line",
    phase=Phase.FILES,
    of=Of.NAME,
    bad={"exp/100.yaml": "defaults:\n  - default@_here_\n"},
    good={"exp/100-lr.yaml": "defaults:\n  - default@_here_\n"},
    hydra="fails",
    run="exp=100",
)
def unusable_option_name(context: ExperimentContext) -> Iterator[Finding]:
    """`exp=100` is an int to Hydra's grammar, `exp=null` nothing, and `exp=学習率` a syntax error.

    Numbers with a leading zero (001 to 099) are taken as text; from 100 on the name needs a word: `100-lr.yaml`.
    """
    for option in context.options.all():
        command, severity = naming.override(option.group, option.name), None
        if command == f"{option.group}={option.name}":
            continue
        if re.fullmatch(r"[\w./+@%\- ]+", option.name, re.ASCII) and " " in option.name.strip():
            message = f"{option.group}={option.name} needs quotes in the shell"
            better, severity = naming.slug(option.name), Severity.WARNING
        elif not naming.is_string_on_the_command_line(option.name):
            message = f"Hydra reads {option.group}={option.name} as a value, not as the name of a file"
            better = f"{option.name}-{option.group}"
            # an option of a further group may be chosen in a defaults list alone
            severity = None if option.group in (SETS, ENVIRONMENTS) else Severity.WARNING
        else:
            message = f"{option.group}={option.name} needs quotes inside quotes on the command line"
            better = naming.slug(option.name) or "NNN-words"
        yield unusable_option_name.finding(
            Location(option.path),
            message,
            f'rename it to {better}.yaml (until then: "{command}")',
            severity=severity,
        )


@rule(
    "ES011",
    "wrong-type",
    Severity.ERROR,
    "the value does not fit the field's type",
    phase=Phase.REFUSALS,
    of=Of.KEY,
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nbatch_size: 16.0\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nbatch_size: 16\n"},
    hydra="fails",
)
def wrong_type(context: ExperimentContext) -> Iterator[Finding]:
    """OmegaConf converts what it safely can ("32" to an int field) and refuses the rest."""
    for refused in refusals(context):
        if refused.of_a_value:
            yield _refused_value(context, refused)


def _refused_value(context: ExperimentContext, refused: Refused) -> Finding:
    failure, steps, location = refused.failure, refused.steps, refused.location
    found = context.options.config_class(steps[0]) if steps else None
    field = next((f for f in found.fields if len(steps) > 1 and f.name == steps[1]), None) if found else None
    value = _written(context, failure)
    message = f"{'.'.join(steps[1:]) or failure.key}: {_words(failure.refusal, value)}"
    by_index = isinstance(value, dict) and bool(value) and all(str(key).isdigit() for key in value)
    if by_index and isinstance(failure.refusal, MappingForList):
        elements = ", ".join(map(str, value.values()))
        advice = f"a list is written as a whole, since its elements have no keys: {steps[-1]}: [{elements}, …]"
        return wrong_type.finding(location, message, advice)
    if field is None:
        return wrong_type.finding(location, message, "write a value of the same type as the inherited one")
    root = schema(context, steps[0])
    inner = tuple(map(nodes.step, steps[1:]))
    better = _better(value, declared(root, inner), str(steps[0]), str(steps[-1]))
    where = f"{context.relative(field.location.path)}:{field.location.line}"
    said = f"{field.name} is declared as {field.annotation} ({where})"
    return wrong_type.finding(location, message, f"{better}; {said}" if better else said)


_UNKNOWN = object()


def _written(context: ExperimentContext, failure: Failure) -> Any:
    """The value as YAML reads it, where its place is known."""
    if failure.path is None or not failure.steps:
        return _UNKNOWN
    try:
        return context.composer.document(failure.path).at(failure.steps)
    except LookupError:
        return _UNKNOWN


def _words(refusal: Refusal, value: Any) -> str:
    """OmegaConf's words, but for those that are about its own classes."""
    match refusal:
        case NotAList() if value is not _UNKNOWN:
            return f"{value!r} is not a list"
        case MappingForList():
            return "a mapping stands where a list belongs"
        case ListForMapping():
            return "a list stands where a mapping belongs"
        case NullRefused():
            return "null, where a value is needed"
        case NotTheFields(expected=name) if not isinstance(value, (dict, list)):
            return f"{value!r} stands where the fields of {name} belong"
    return refusal.words


def _better(value: Any, node: Any, group: str, key: str) -> str | None:
    """What to type instead of `value` in a field, or None where that cannot be told."""
    wanted = kind(node)
    if value is None:
        return "write a value, or remove the line"
    if value is _UNKNOWN:
        return None
    if isinstance(node, EnumNode) or (isinstance(node, type) and hasattr(node, "__members__")):
        members = list((node.enum_type if isinstance(node, EnumNode) else node).__members__)
        guess = did_you_mean(value, members) if isinstance(value, str) else None
        return f"write {guess}" if guess else f"write one of {', '.join(members)}"
    if isinstance(node, ListConfig):
        return _as_list(value)
    if isinstance(node, DictConfig) and OmegaConf.get_type(node) is not dict:
        glued = re.fullmatch(r"([\w.\-]+)[:：](\S.*)", value) if isinstance(value, str) else None
        fields = ", ".join(f"{name!s}:" for name in node) if nodes.is_mapping(node) else ""
        return f"a space belongs after the colon: {glued[1]}: {glued[2]}" if glued else f"write {fields} below it"
    if wanted is not None and isinstance(value, (list, tuple)):
        return _one_value(group, key, [str(item) for item in value])
    if wanted is bool:
        return "write true or false"
    if wanted is int and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if wanted in (int, float) and isinstance(value, str):
        return _as_number(value, wanted, group, key)
    return None


def _as_list(value: Any) -> str | None:
    if isinstance(value, str):
        items = value.strip("[]() ")
        return f"write [{items}]" + (" without the quotes" if value.startswith("[") else "") if items else None
    return None if isinstance(value, dict) else f"write [{value}]"


def _one_value(group: str, key: str, values: Sequence[str]) -> str:
    more = f"; add_exp.py … {key}={','.join(values)} makes a file for each" if group == SETS else ""
    return f"write one value{more}"


_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"


def _as_number(value: str, wanted: type, group: str, key: str) -> str | None:
    """The number that a text was meant to be, where there is only one."""
    plain = value.strip("\u3000\u00a0 “”‘’").replace("−", "-").replace("–", "-").replace("ー", "-").replace("－", "-")
    plain = re.sub(r"(?<![\s\u3000])[\s\u3000]+[#＃].*", "", plain)
    power = re.fullmatch(r"(?:([\d.]+)\s*[*x×]\s*)?10\s*(?:\^|\*\*)\s*(-?\d+)", plain)
    if power:
        plain = f"{power[1] or 1}e{power[2]}"
    if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+", plain) and wanted is int:
        plain = plain.replace(",", "")
    elif re.fullmatch(r"[-+]?0,\d+", plain) and wanted is float:
        plain = plain.replace(",", ".")
    elif re.fullmatch(rf"{_NUMBER}(?:\s*,\s*{_NUMBER})+", plain):
        return _one_value(group, key, [part.strip() for part in plain.split(",")])
    if plain != value and re.fullmatch(_NUMBER if wanted is float else r"[-+]?\d+", plain):
        return f"write {plain}"
    return "write null" if value.lower() in ("none", "nil", "n/a", "nan") and wanted is int else None
