"""Rules about config.yaml's defaults list and values, as far as they decide what a run inherits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.rules import entries
from experiment_setup.rules.base import ExperimentContext, rule
from experiment_setup.rules.entries import Entry
from experiment_setup.rules.inheritance import misspelled_defaults

_SCHEMA = [
    (
        'cs.store(group="exp"',
        'cs.store(name="config_schema", node=Config)\ncs.store(group="exp"',
    )
]


def _entries(context: ExperimentContext) -> list[Entry]:
    return entries.entries(context.primary) if context.experiment.config_file.is_file() else []


def _mapping(context: ExperimentContext) -> dict[Any, Any] | None:
    """config.yaml, if it is a mapping."""
    found = entries.content(context.primary) if context.experiment.config_file.is_file() else None
    return found if isinstance(found, dict) else None


def _chooses(entry: Entry) -> bool:
    """Whether the entry is a `group: option` of the config's own groups."""
    return entry.group is not None and "override" not in entry.keywords


@rule(
    "ES120",
    "schema-after-groups",
    Severity.ERROR,
    "the schema of the whole config comes after the groups and resets them",
    bad={"train.py": _SCHEMA, "config.yaml": [("  - env: default\n", "  - env: default\n  - config_schema\n")]},
    good={"train.py": _SCHEMA, "config.yaml": [("  - _self_\n", "  - config_schema\n  - _self_\n")]},
    hydra="accepts",
)
def schema_after_groups(context: ExperimentContext) -> Iterator[Finding]:
    """The defaults list is merged from top to bottom; the stored Config carries every field's default value.

    Listed first, it gives the types of the whole config. Listed after `exp: default`, it sets every field of every
    parameter set back to its default, without a word.
    """
    found = _entries(context)
    first = next((entry.index for entry in found if _chooses(entry)), len(found))
    for entry in found:
        name = entry.option or ""
        stored = context.schema.registration(None, name) if entry.is_plain and entry.index > first else None
        if stored is None or stored.config_class is None:
            continue
        reset = [field.name for field in stored.config_class.fields if field.name in context.groups]
        if not reset:
            continue
        edits = entries.remove_item(context.primary, entry.index)
        top = entries.item_node(context.primary, 0)
        if edits and top is not None:
            text = context.primary.text
            start = entries.line_start(text, top.start_mark.index)
            edits = (Edit(start, start, text[edits[0].start : edits[0].end]), *edits)
        yield schema_after_groups.finding(
            context.primary.value(["defaults", entry.index]),
            f"{name} comes after the groups: it resets {' and '.join(reset)} to the defaults, whatever is chosen",
            f"make `- {name}` the first entry",
            edits=edits,
        )


@rule(
    "ES121",
    "group-not-listed",
    Severity.ERROR,
    "config.yaml's defaults list lacks a config group that the experiment has",
    bad={"config.yaml": [("  - env: default\n", "")]},
    good={},
    hydra="accepts",
    hides=("ES304",),  # which says the same of the whole config's class
)
def group_not_listed(context: ExperimentContext) -> Iterator[Finding]:
    """Only the groups of the defaults list are part of the config: `cfg.env` does not exist, and `env=local` fails.

    Hydra then advises `+env=local`. That works for this one run, and `+` also accepts every misspelled key.
    """
    if not context.experiment.config_file.is_file() or context.primary.error is not None:
        return
    config = _mapping(context)
    if (config is None and context.primary.text.strip()) or any(misspelled_defaults.check(context)):
        return
    if config is not None and "defaults" in config and not isinstance(config["defaults"], list):
        return  # said by defaults-not-a-list
    if any(isinstance(entry.value, dict) and len(entry.value) != 1 for entry in _entries(context)):
        return  # said by two-keys-in-one-entry
    if any(entry.is_plain and (entry.option or "").startswith(("exp:", "env:")) for entry in _entries(context)):
        return  # a space is missing after the colon: choice-not-found
    lacking = [group for group in (SETS, ENVIRONMENTS) if _is_lacking(context, group)]
    if not lacking:
        return
    lines = [f"{group}: {_choice(context, group)}" for group in lacking]
    stored = all(context.schema.registration(group, "default") for group in lacking)
    yield group_not_listed.finding(
        context.primary.key(["defaults"]),
        f"the defaults list has no {' and no '.join(lacking)}: "
        + ", ".join(f"cfg.{group} does not exist and {group}=… fails" for group in lacking),
        f"add {' and '.join(f'`- {line}`' for line in lines)} to the defaults list of "
        f"{context.experiment.config_file.name} (not +{lacking[0]}=…)",
        edits=_append(context, lines) if stored else (),
    )


def _is_lacking(context: ExperimentContext, group: str) -> bool:
    options = context.options[group]
    if group in context.groups or not (options or context.schema.registration(group, "default")):
        return False
    # Hydra's "experiment" pattern has this header in every file, and is chosen with +exp=…
    return not options or not all("_global_" in (option.document.header or "") for option in options.values())


def _choice(context: ExperimentContext, group: str) -> str:
    if context.schema.registration(group, "default"):
        return "default"
    return "base" if "base" in context.options[group] else "???"


def _append(context: ExperimentContext, lines: Sequence[str]) -> tuple[Edit, ...]:
    """New entries below the last one that is no override, in a block list."""
    last = [entry.index for entry in _entries(context) if "override" not in entry.keywords]
    node = entries.item_node(context.primary, last[-1]) if last else None
    text = context.primary.text
    if node is None:
        return ()
    start = entries.line_start(text, node.start_mark.index)
    dash = text[start : node.start_mark.index]
    if dash.strip() != "-":
        return ()
    final = node.value[0][1] if isinstance(node, yaml.MappingNode) and node.value else node
    span = entries.line_span(text, final)
    if span is None:
        return ()
    end = entries.newline(text)
    gap = "" if text[: span[1]].endswith(("\n", "\r")) else end
    return (Edit(span[1], span[1], gap + "".join(f"{dash}{line}{end}" for line in lines)),)


@rule(
    "ES122",
    "group-left-empty",
    Severity.ERROR,
    "a group is chosen as null although a dataclass is stored for it",
    bad={"config.yaml": [("  - exp: default\n", "  - exp: null\n")]},
    good={"config.yaml": [("  - exp: default\n", "  - exp: ???\n")]},
    hydra="accepts",
)
def group_left_empty(context: ExperimentContext) -> Iterator[Finding]:
    """`- exp: null` leaves the group out: without `exp=…` on the command line there is no `cfg.exp`.

    `- exp: ???` makes every run say which, with a clear message. Below `- config_schema` null is fine, since the
    schema brings the defaults.
    """
    for entry in _entries(context):
        if entry.group is None or entry.option is not None or entry.keywords or not isinstance(entry.value, dict):
            continue
        group = entry.group.lstrip("/")
        stored = context.schema.registration(group, "default")
        if stored is None or not _absent(context, group):
            continue
        key = next(iter(entry.value))
        node = entries.item_node(context.primary, entry.index)
        value = node.value[0][1] if isinstance(node, yaml.MappingNode) else None
        written = isinstance(value, yaml.ScalarNode) and value.value
        yield group_left_empty.finding(
            context.primary.value(["defaults", entry.index, key]),
            f"`{key}: null` leaves {group} out of the config",
            f"write {key}: {stored.name}, or {key}: ??? to make every run choose",
            edits=entries.replace(value, stored.name) if written and value is not None else (),
            safe=False,
        )


def _absent(context: ExperimentContext, group: str) -> bool:
    """Whether the config composed without choices lacks the group."""
    default = context.composition()
    return default.failure is None and not default.container.get(group)


@rule(
    "ES123",
    "optional-choice-missing",
    Severity.ERROR,
    "an optional group names an option that does not exist, so that the group is left out",
    bad={"config.yaml": [("  - env: default\n", "  - optional env: runpod\n")]},
    good={"config.yaml": [("  - env: default\n", "  - optional env: local\n")]},
    hydra="accepts",
)
def optional_choice_missing(context: ExperimentContext) -> Iterator[Finding]:
    """`optional` turns the error for a missing option into silence, and `cfg.env` into nothing."""
    for entry in _entries(context):
        if "optional" not in entry.keywords or entry.group is None or entry.option in (None, "???"):
            continue
        group = entry.group.lstrip("/")
        known = entries.names(context, group)
        if group not in (SETS, ENVIRONMENTS) or not known or not _absent(context, group):
            continue
        guess = did_you_mean(entry.option or "", known) or known[-1]
        yield optional_choice_missing.finding(
            context.primary.value(["defaults", entry.index, next(iter(entry.value))]),
            f"there is no {group}/{entry.option}, and `optional` leaves {group} out of the config",
            f"write {group}: {guess} (there is: {', '.join(known)})",
        )


@rule(
    "ES124",
    "choice-not-found",
    Severity.ERROR,
    "config.yaml chooses an option that does not exist",
    bad={"config.yaml": [("  - env: default\n", "  - env: runpod\n")]},
    good={"config.yaml": [("  - env: default\n", "  - env: local\n")]},
    hydra="fails",
)
def choice_not_found(context: ExperimentContext) -> Iterator[Finding]:
    """An option is a file of the group's folder, or what is stored with cs.store for the group."""
    failure = context.composition().failure
    if failure is None or "Could not " not in failure.message:
        return
    for entry in _entries(context):
        key = next(iter(entry.value)) if isinstance(entry.value, dict) and len(entry.value) == 1 else None
        if entry.is_plain and f"Could not load '{entry.option}'" in failure.message:
            yield _plain_not_found(context, entry)
            return
        group = (entry.group or "").lstrip("/")
        if (
            key is None
            or "override" in entry.keywords
            or f"Could not find '{group}/{entry.option}'" not in failure.message
        ):
            continue
        known = entries.names(context, group)
        guess = did_you_mean(entry.option or "", known)
        there = (
            f"there is: {', '.join(known)}" if known else f"there is no folder {group}/ and nothing is stored for it"
        )
        yield choice_not_found.finding(
            context.primary.value(["defaults", entry.index, key]),
            f"there is no {group}/{entry.option}: no file, and no cs.store(group={group!r}, name={entry.option!r})",
            f"write {group}: {guess} ({there})" if guess else f"{there}; choose one, or ??? to make every run choose",
        )
        return


def _plain_not_found(context: ExperimentContext, entry: Entry) -> Finding:
    words = entry.option or ""
    group, colon, option = words.partition(":")
    node = entries.item_node(context.primary, entry.index)
    stored = [r.name for r in context.schema.registrations if r.group is None]
    guess = did_you_mean(words, stored)
    fixed = f"{group}: {option}" if colon and group and option else ""
    help_ = f"write - {guess}" if guess else f'store it: cs.store(name="{words}", node=Config)'
    return choice_not_found.finding(
        context.primary.value(["defaults", entry.index]),
        f"there is no config {words!r}: no file, and no cs.store(name={words!r})",
        f"a space belongs after the colon: - {fixed}" if fixed else help_,
        edits=entries.replace(node, fixed) if fixed and node is not None else (),
    )


@rule(
    "ES125",
    "config-beats-sets",
    Severity.ERROR,
    "values in config.yaml win over every parameter set",
    bad={
        "config.yaml": [
            ("  - _self_\n", ""),
            ("  - env: default\n", "  - env: default\n  - _self_\n"),
            ("hydra:\n", "exp:\n  learning_rate: 0.5\n\nhydra:\n"),
        ]
    },
    good={},
    hydra="accepts",
)
def config_beats_sets(context: ExperimentContext) -> Iterator[Finding]:
    """With `_self_` last, or left out, config.yaml is merged after the groups: its `exp:` block beats exp/001.yaml."""
    for group in _blocks(context):
        if not _self_is_first(context, group):
            keys = ", ".join(f"{group}.{key}" for key in _block(context, group))
            yield config_beats_sets.finding(
                context.primary.key([group]),
                f"{context.primary.path.name} sets {keys} after the groups: no choice of {group} can change it",
                f"move the values to the default of {group}, and `- _self_` to the top of the list",
            )


def _block(context: ExperimentContext, group: str) -> dict[str, Any]:
    found = (_mapping(context) or {}).get(group)
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _blocks(context: ExperimentContext) -> list[str]:
    """The groups for which config.yaml has values of its own."""
    return [group for group in context.groups if _block(context, group)]


def _self_is_first(context: ExperimentContext, group: str) -> bool:
    """Whether `_self_` stands before the group's entry."""
    for entry in _entries(context):
        if entry.is_self:
            return True
        if _chooses(entry) and (entry.group or "").lstrip("/") == group:
            return False
    return False


@rule(
    "ES126",
    "config-value-unused",
    Severity.ERROR,
    "values in config.yaml that have no effect",
    bad={"config.yaml": [("hydra:\n", "exp:\n  learning_rate: 0.5\n\nhydra:\n")]},
    good={"train.py": [("learning_rate: float = 2e-5", "learning_rate: float = 0.5")]},
    hydra="accepts",
)
def config_value_unused(context: ExperimentContext) -> Iterator[Finding]:
    """With `_self_` first, the dataclass is merged over config.yaml's `exp:` block and sets every field again.

    A key that is no field survives, unchecked: the schema comes too late to refuse it.
    """
    default = context.composition()
    for group in _blocks(context):
        found = context.config_class(group)
        choice = context.groups.get(group)
        if found is None or not found.decorated or choice is None or not _self_is_first(context, group):
            continue
        block = _block(context, group)
        composed = default.container.get(group)
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
            context.primary.key([group, (unknown + dead)[0]]),
            f"without effect in {context.experiment.config_file.name}: {'; '.join(said)}",
            f"change the default in {found.name} ({context.relative(found.location.path)}), or write it into a set",
            severity=None if wrong else Severity.WARNING,
        )


@rule(
    "ES127",
    "two-keys-in-one-entry",
    Severity.ERROR,
    "an entry of the defaults list has two keys",
    bad={"config.yaml": [("  - env: default\n", "    env: default\n")]},
    good={},
    hydra="fails",
)
def two_keys_in_one_entry(context: ExperimentContext) -> Iterator[Finding]:
    """Each group needs a `- ` of its own; Hydra ends with a traceback."""
    for entry in _entries(context):
        node = entries.item_node(context.primary, entry.index)
        if not isinstance(entry.value, dict) or not isinstance(node, yaml.MappingNode) or len(node.value) < 2:
            continue
        text = context.primary.text
        edits = [Edit(key.start_mark.index - 2, key.start_mark.index, "- ") for key, _ in node.value[1:]]
        plain = not node.flow_style and all(
            isinstance(value, yaml.ScalarNode) and text[key.start_mark.index - 2 : key.start_mark.index] in ("  ", "- ")
            for key, value in node.value
        )
        second = node.value[1][0]
        names = " and ".join(str(key.value) for key, _ in node.value)
        yield two_keys_in_one_entry.finding(
            Location(context.primary.path, second.start_mark.line + 1, second.start_mark.column + 1),
            f"{names} stand in one entry of the defaults list",
            f"put `- ` before {second.value}, in line with the other entries; settings belong below the list",
            edits=tuple(edits) if plain else (),
        )


@rule(
    "ES128",
    "self-not-listed",
    Severity.WARNING,
    "config.yaml has values, but its defaults list has no `_self_`",
    bad={"config.yaml": [("  - _self_\n", ""), ("hydra:\n", "project: demo\n\nhydra:\n")]},
    good={"config.yaml": [("hydra:\n", "project: demo\n\nhydra:\n")]},
    hydra="differs",
)
def self_not_listed(context: ExperimentContext) -> Iterator[Finding]:
    """Without `_self_` the primary config is merged last, so that its values beat the groups; Hydra 1.3 warns each run.

    Where only `hydra:` settings stand in the file it makes no difference to the values (info).
    """
    found = _entries(context)
    if not found or any(entry.is_self for entry in found) or not any(_chooses(entry) for entry in found):
        return
    if any(not _self_is_first(context, group) for group in _blocks(context)):
        return
    keys = entries.own_keys(context.primary)
    if not keys:
        return
    first = next(entry for entry in found if _chooses(entry))
    node = entries.item_node(context.primary, first.index)
    text = context.primary.text
    edits: tuple[Edit, ...] = ()
    if node is not None:
        start = entries.line_start(text, node.start_mark.index)
        dash = text[start : node.start_mark.index]
        if dash.strip() == "-":
            edits = (Edit(start, start, f"{dash}_self_{entries.newline(text)}"),)
    yield self_not_listed.finding(
        context.primary.key(["defaults"]),
        "the defaults list has no _self_, so that the values of this file are merged last",
        "add `- _self_` before the groups",
        edits=edits,
        severity=None if keys != ["hydra"] else Severity.INFO,
    )


@rule(
    "ES129",
    "parameter-at-the-top",
    Severity.WARNING,
    "config.yaml has a field of a group at the top level, where nothing reads it",
    bad={"config.yaml": [("hydra:\n", "learning_rate: 0.5\n\nhydra:\n")]},
    good={},
    hydra="accepts",
)
def parameter_at_the_top(context: ExperimentContext) -> Iterator[Finding]:
    """`learning_rate: 0.5` in config.yaml is `cfg.learning_rate`, beside `cfg.exp.learning_rate` and not it.

    Worse, `train.py learning_rate=0.7` is then accepted and changes nothing.
    """
    top = {
        field.name
        for registration in context.schema.registrations
        if registration.group is None and registration.config_class
        for field in registration.config_class.fields
    }
    keys = [key for key in entries.own_keys(context.primary) if key not in ("hydra", *context.groups, *top)]
    if not keys or not context.experiment.config_file.is_file():
        return
    for group in context.groups:
        found = context.config_class(group)
        for key in keys:
            if found is not None and found.field(key):
                yield parameter_at_the_top.finding(
                    context.primary.key([key]),
                    f"{key} at the top of {context.primary.path.name} is not {group}.{key}, and does not set it",
                    f"change the default in {found.name}, or write it into a file of {group}/",
                )
