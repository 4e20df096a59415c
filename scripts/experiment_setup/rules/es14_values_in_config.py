"""Values that stand in the primary config beside its defaults list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from experiment_setup import files, nodes
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option, listed
from experiment_setup.facts.refusals import refused_at
from experiment_setup.facts.targets import OF_INSTANTIATE
from experiment_setup.facts.written import Steps, given, leaves, schema, values
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.requirements import Declared
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Of, Phase


@rule(
    "ES140",
    "config-beats-sets",
    Severity.ERROR,
    "values in config.yaml win over every parameter set",
    phase=Phase.NAMES,
    bad={
        "config.yaml": [
            ("  - _self_\n", ""),
            ("  - env: default\n", "  - env: default\n  - _self_\n"),
            ("hydra:\n", "exp:\n  learning_rate: 0.5\n\nhydra:\n"),
        ]
    },
    good={},
    was="ES125",
    hydra="accepts",
)
def config_beats_sets(context: ExperimentContext) -> Iterator[Finding]:
    """With `_self_` last, or left out, config.yaml is merged after the groups: its `exp:` block beats exp/001.yaml.

    That it has the last word is Hydra's own advice, and right for what is the same whatever is chosen. Reported are
    keys for which the options have different values (null is none), since those are what is to be chosen: an error for
    parameter sets and environments, a warning for other groups and for options that are written from the root. A config
    that is run with `-cn` is meant to win, and one of several in its folder, which says so with `_self_`, is as well
    (info).
    """
    says_self = any(entry.is_self for entry in entries.of_primary(context))
    for group in _blocks(context) if not context.options.is_run_by_name else ():
        beaten = [] if _self_is_first(context, group) else list(_beaten(context, group))
        if beaten:
            keys = ", ".join(nodes.join((group, *steps)) for steps in beaten)
            yield config_beats_sets.finding(
                context.options.primary.key([group, *beaten[0]]),
                f"{context.options.primary.path.name} sets {keys} after the groups: no choice of {group} can change it",
                f"move the values to the default of {group}, and `- _self_` to the top of the list",
                severity=None if group in (SETS, ENVIRONMENTS) else _outside_of_sets(context, says_self),
                spoils=[phases.values_of(group)],
            )
    for group in context.options.groups if says_self and not context.options.is_run_by_name else ():
        beaten = [] if _self_is_first(context, group) else list(_beaten_at_the_root(context, group))
        if beaten:
            keys = ", ".join(map(nodes.join, beaten))
            yield config_beats_sets.finding(
                context.options.primary.key([*beaten[0]]),
                f"{context.options.primary.path.name} sets {keys} after {group}: no file of {group}/ can change it",
                f"move `- _self_` above `- {group}: …` in the defaults list",
                severity=_outside_of_sets(context, says_self),
            )


def _outside_of_sets(context: ExperimentContext, says_self: bool) -> Severity:
    is_one_of_several = any(listed(sibling) for sibling in context.options.siblings)
    return Severity.INFO if says_self and is_one_of_several else Severity.WARNING


def _beaten_at_the_root(context: ExperimentContext, group: str) -> Iterator[Steps]:
    """The keys of config.yaml for which options of a group that are written from the root have different values."""
    options = [option for option in context.options.by_group.get(group, {}).values() if option.package() == ()]
    found = [given(context, option, {}) for option in options]
    for steps, value in leaves(values(context.options.primary)):
        chosen = {repr(one[steps]) for one in found if one.get(steps) is not None}
        refers = isinstance(value, str) and "${" in value
        if len(chosen) > 1 and not refers and not any(str(step).isdigit() for step in steps):
            yield steps


def _beaten(context: ExperimentContext, group: str) -> Iterator[Steps]:
    """The keys of config.yaml's block for which the group's options have different values, which are all lost."""
    options = context.options.by_group.get(group, {})
    root = schema(context, group)
    default = dict(leaves(OmegaConf.to_container(root))) if root is not None else {}
    found = [given(context, option, default) for option in options.values()]
    if root is not None and context.options.groups[group] not in options:
        found.append(default)
    for steps, value in leaves(_block(context, group)):
        refers = isinstance(value, str) and "${" in value and group not in (SETS, ENVIRONMENTS)
        chosen = (one[steps] for one in found if steps in one)
        if not refers and len({repr(value) for value in chosen if value is not None}) > 1:
            yield steps


def _block(context: ExperimentContext, group: str) -> dict[str, Any]:
    config = entries.content(context.options.primary) if context.options.has_primary else None
    found = config.get(group) if isinstance(config, dict) else None
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _blocks(context: ExperimentContext) -> list[str]:
    """The groups for which config.yaml has values of its own."""
    return [group for group in context.options.groups if _block(context, group)]


def _self_is_first(context: ExperimentContext, group: str) -> bool:
    """Whether `_self_` stands before the group's entry."""
    for entry in entries.of_primary(context):
        if entry.is_self:
            return True
        if entries.chooses(entry) and (entry.group or "").lstrip("/") == group:
            return False
        if entry.is_plain and context.options.included and group not in context.composer.groups():
            return False  # a config that chooses for the group
    return False


@rule(
    "ES141",
    "config-value-unused",
    Severity.ERROR,
    "values in config.yaml that have no effect",
    phase=Phase.VALUES,
    bad={"config.yaml": [("hydra:\n", "exp:\n  learning_rate: 0.5\n\nhydra:\n")]},
    good={"train.py": [("learning_rate: float = 2e-5", "learning_rate: float = 0.5")]},
    was="ES126",
    hydra="accepts",
)
def config_value_unused(context: ExperimentContext) -> Iterator[Finding]:
    """With `_self_` first, the dataclass is merged over config.yaml's `exp:` block and sets every field again.

    A key that is no field survives, unchecked: the schema comes too late to refuse it.
    """
    default = context.compositions.at()
    for group in _blocks(context):
        found = context.options.config_class(group)
        choice = context.options.groups.get(group)
        if choice is None or not _self_is_first(context, group):
            continue
        if found is None:
            yield from _beaten_by_files(context, group)
            continue
        block = _block(context, group)
        composed = default.container.get(group) if found.decorated else None
        known = {field.name for field in found.fields}
        unknown = [key for key in block if key not in known]
        dead = [key for key in block if key in known]
        if default.failure is not None or not isinstance(composed, dict):
            continue
        said = []
        if dead:
            said.append(f"{', '.join(f'{group}.{key}' for key in dead)}: the default of {group} sets it again")
        if unknown:
            said.append(f"{', '.join(f'{group}.{key}' for key in unknown)}: no field of {found.name}")
        wrong = unknown or any(str(block[key]) != str(composed.get(key)) for key in dead)
        yield config_value_unused.finding(
            context.options.primary.key([group, (unknown + dead)[0]]),
            f"without effect in {context.experiment.config_file.name}: {'; '.join(said)}",
            f"change the default in {found.name} ({context.relative(found.location.path)}), or write it into a set",
            severity=None if wrong else Severity.WARNING,
        )


def _sets(context: ExperimentContext, group: str, name: str, key: str) -> bool:
    """Whether an option, or one that it inherits from, says a key of its group."""
    options = context.options.by_group[group]
    above = (options[one] for one in entries.lineage(options, name) if one in options)
    return any(one.document.has((group, key) if one.package() == () else (key,)) for one in above)


def _beaten_by_files(context: ExperimentContext, group: str) -> Iterator[Finding]:
    """Values for a group without a dataclass that every option of it sets again."""
    composed = [
        context.compositions.choosing(group, name).container.get(group)
        for name in context.options.by_group.get(group, {})
    ]
    for key, value in _block(context, group).items():
        if value == "???":
            continue  # it says that they must
        if not all(_sets(context, group, name, key) for name in context.options.by_group.get(group, {})):
            continue  # another group has the last word
        if composed and all(isinstance(one, dict) and entries.differs(value, one.get(key)) for one in composed):
            yield config_value_unused.finding(
                context.options.primary.key([group, key]),
                f"without effect in {context.options.primary.path.name}: all of {group}/ set {group}.{key} again",
                "move _self_ to the end of the defaults list, or remove the value",
            )


@rule(
    "ES142",
    "self-not-listed",
    Severity.INFO,
    "config.yaml has values, but its defaults list has no `_self_`",
    phase=Phase.VALUES,
    of=Of.OPTION,
    bad={"config.yaml": [("  - _self_\n", ""), ("hydra:\n", "project: demo\n\nhydra:\n")]},
    good={"config.yaml": [("hydra:\n", "project: demo\n\nhydra:\n")]},
    was="ES128",
    hydra="differs",
)
def self_not_listed(context: ExperimentContext) -> Iterator[Finding]:
    """Without `_self_` the primary config is merged last, so that its values beat the groups; Hydra 1.3 warns each run.

    It is a warning where an option has another value for a key of the file, which choosing it does not bring. Hydra
    1.0, where a project declares that, merges the file first.
    """
    found = entries.of_primary(context)
    if not found or any(entry.is_self for entry in found) or not any(entries.chooses(entry) for entry in found):
        return
    if any(not _self_is_first(context, group) for group in _blocks(context)):
        return
    if any(entries.is_like_self(entry) for entry in found):
        return  # choice-not-found, or stray-colon
    keys = entries.own_keys(context.options.primary)
    if not keys or Declared(context.project.root).is_bound_before("hydra", (1, 1), context.experiment.folder):
        return
    first = next(entry for entry in found if entries.chooses(entry))
    node = entries.item_node(context.options.primary, first.index)
    text = context.options.primary.text
    edits: tuple[Edit, ...] = ()
    if node is not None:
        start = entries.line_start(text, node.start_mark.index)
        dash = text[start : node.start_mark.index]
        if dash.strip() == "-":
            edits = (Edit(start, start, f"{dash}_self_{entries.newline(text)}"),)
    said, lost = "the defaults list has no _self_, so that the values of this file are merged last", _lost(context)
    if lost is not None:
        said += f": {nodes.join(lost[1])} stays what it is here, whatever {lost[0].config_path} says"
    yield self_not_listed.finding(
        context.options.primary.key(["defaults"]),
        said,
        "add `- _self_` before the groups",
        edits=edits,
        severity=Severity.WARNING if lost is not None else None,
    )


def _lost(context: ExperimentContext) -> tuple[Option, Steps] | None:
    """An option with another value for a key that config.yaml has, too, and the key."""
    own = dict(leaves(values(context.options.primary)))
    for placed in context.options.choices:
        for option in context.options.by_group[placed.group].values():
            place = option.package(placed.package)
            for steps, value in leaves(values(option.document)):
                key = (*place, *steps)
                if key in own and own[key] != value:
                    return option, key
    return None


@rule(
    "ES143",
    "parameter-at-the-top",
    Severity.WARNING,
    "config.yaml has a field of a group at the top level, where nothing reads it",
    phase=Phase.INHERITANCE,
    bad={"config.yaml": [("hydra:\n", "learning_rate: 0.5\n\nhydra:\n")]},
    good={},
    was="ES129",
    hydra="accepts",
)
def parameter_at_the_top(context: ExperimentContext) -> Iterator[Finding]:
    """`learning_rate: 0.5` in config.yaml is `cfg.learning_rate`, beside `cfg.exp.learning_rate` and not it.

    Worse, `train.py learning_rate=0.7` is then accepted and changes nothing. Keys that are one letter away from a field
    or a group are reported too; others may be the project's own, as are those that `${key}` or the code reads, those
    that refer to others themselves, and those beside `_target_`, which takes them. (An error where the whole config has
    a class.)
    """
    stored = [r for r in context.schema.registrations if r.group is None and r.config_class]
    top = {field.name for r in stored if r.config_class for field in r.config_class.fields}
    keys = [
        key
        for key in entries.own_keys(context.options.primary)
        if key not in ("hydra", *context.options.groups, *top, *OF_INSTANTIATE)
    ]
    if not keys or not context.experiment.has_config or "_target_" in entries.own_keys(context.options.primary):
        return
    fields = {group: _fields_of(context, group) for group in context.options.groups}
    for key in keys:
        group, name = _meant(context, key, fields)
        if group is None or key == "name" or _has_a_use(context, key):
            continue  # `name` at the top is that of the run
        found = context.options.config_class(group)
        what = f"the block {group}" if name == group else f"{group}.{name}"
        advice = f"change the default in {found.name}, or write it" if found else "write it"
        here = context.options.primary.key([key])
        failure = context.compositions.at().failure
        refused = refused_at(context, here) or (failure is not None and failure.key == key)
        yield parameter_at_the_top.finding(
            here,
            f"{key} at the top of {context.options.primary.path.name} is not {what}, and does not set it",
            f"{advice} into a file of {group}/",
            severity=Severity.ERROR if refused else None,
        )


def _meant(context: ExperimentContext, key: str, fields: Mapping[str, Sequence[str]]) -> tuple[str | None, str]:
    """The group whose field has this name, or which is called nearly so or has such a field in its class; its name."""
    for group, names in fields.items():
        if key in names:
            return group, key
    for group, names in fields.items():
        if _is_like(key, group) and _may_be_a_block(context, key, group):
            return group, group
        for name in names if context.options.config_class(group) else ():
            if _is_like(key, name):
                return group, name
    return None, key


def _may_be_a_block(context: ExperimentContext, key: str, group: str) -> bool:
    """Whether a key has what a group has, as `modle: {depth: 3}` or `modle: resnet` do, and `mode: train` does not."""
    value = context.options.primary.data[key]
    return isinstance(value, dict) or (isinstance(value, str) and value in context.options.by_group[group])


def _has_a_use(context: ExperimentContext, key: str) -> bool:
    """Whether code or a reference reads the key, or it is made of other values."""
    code = context.code
    read = code.reading.reads((key,)) or code.is_read_elsewhere((key,))
    return read or _is_referred_to(context, key) or _is_derived(context, key)


def _is_derived(context: ExperimentContext, key: str) -> bool:
    """Whether its value is made of others, as `name: ${task.name}` is: that is put at the top on purpose."""
    value = context.options.primary.data[key]
    return isinstance(value, str) and "${" in value


def _is_referred_to(context: ExperimentContext, key: str) -> bool:
    """Whether a value of some file is `${key}`, as `batch_size: ${batch_size}` is in a file of a group."""
    reference = re.compile(rf"\$\{{\s*(?:\.\.+\s*)?{re.escape(key)}\s*[.}}\[]")
    if reference.search(context.options.primary.text_or_empty):
        return True
    known = (file for group in context.options.groups for file in files.below(context.experiment.group_dir(group)))
    options = (file for file in known if file.suffix == ".yaml")
    return any(reference.search(context.composer.document(file).text_or_empty) for file in options)


def _fields_of(context: ExperimentContext, group: str) -> list[str]:
    """The keys that the group has by default."""
    found = context.options.config_class(group)
    composed = context.compositions.at().container.get(group)
    return [f.name for f in found.fields] if found else list(map(str, composed)) if isinstance(composed, dict) else []


def _is_like(key: str, name: str) -> bool:
    return entries.one_letter_away(key, name) or (len(key) == len(name) and key != name and sorted(key) == sorted(name))
