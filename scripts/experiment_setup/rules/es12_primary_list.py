"""The defaults list of the primary config: which groups and options it names, and in what order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import yaml

from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts import headers, own_files
from experiment_setup.facts.defaults_lists import Entry
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.refusals import is_never_meant
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.es30_registrations import root_class
from experiment_setup.rules.phases import Of, Phase

_SCHEMA = [
    (
        'cs.store(group="exp"',
        'cs.store(name="config_schema", node=Config)\ncs.store(group="exp"',
    )
]


@rule(
    "ES120",
    "schema-after-groups",
    Severity.ERROR,
    "the schema of the whole config comes after the groups and resets them",
    phase=Phase.INHERITANCE,
    bad={"train.py": _SCHEMA, "config.yaml": [("  - env: default\n", "  - env: default\n  - config_schema\n")]},
    good={"train.py": _SCHEMA, "config.yaml": [("  - _self_\n", "  - config_schema\n  - _self_\n")]},
    hydra="accepts",
)
def schema_after_groups(context: ExperimentContext) -> Iterator[Finding]:
    """The defaults list is merged from top to bottom; the stored Config carries every field's default value.

    Listed first, it gives the types of the whole config. Listed after `exp: default`, it sets every field of every
    parameter set back to its default, without a word.
    """
    found = entries.of_primary(context)
    first = next((entry.index for entry in found if entries.chooses(entry)), len(found))
    for entry in found:
        name = entry.option or ""
        stored = context.schema.registration(None, name) if entry.is_plain and entry.index > first else None
        if stored is None or stored.config_class is None:
            continue
        reset = [field.name for field in stored.config_class.fields if field.name in context.options.groups]
        if not reset:
            continue
        span, top = (
            entries.item_span(context.options.primary, entry.index),
            entries.item_node(context.options.primary, 0),
        )
        edits: tuple[Edit, ...] = ()
        if span is not None and top is not None:
            text = context.options.primary.text
            start = entries.line_start(text, top.start_mark.index)
            line = text[slice(*span)].rstrip("\r\n") + entries.newline(text)
            edits = (Edit(start, start, line), Edit(*span, ""))
        yield schema_after_groups.finding(
            context.options.primary.value(["defaults", entry.index]),
            f"{name} comes after the groups: it resets {' and '.join(reset)} to the defaults, whatever is chosen",
            f"make `- {name}` the first entry",
            edits=edits,
            spoils=map(phases.values_of, reset),
        )


@rule(
    "ES121",
    "group-not-listed",
    Severity.ERROR,
    "config.yaml's defaults list lacks a config group that the experiment has",
    phase=Phase.GROUPS,
    of=Of.ENTRY,
    bad={"config.yaml": [("  - env: default\n", "")]},
    good={},
    hydra="accepts",
)
def group_not_listed(context: ExperimentContext) -> Iterator[Finding]:
    """Only the groups of the defaults list are part of the config: `cfg.env` does not exist, and `env=local` fails.

    Hydra then advises `+env=local`. That works for this one run, and `+` also accepts every misspelled key.
    """
    file = context.experiment.config_file
    if not context.experiment.has_config or context.options.primary.error is not None:
        return
    config = entries.content(context.options.primary) or {}
    if not isinstance(config, dict) or ("defaults" in config and not isinstance(config["defaults"], list)):
        return
    if any(
        entry.is_plain and (entry.option or "").startswith(("exp:", "env:")) for entry in entries.of_primary(context)
    ):
        return  # a space is missing after the colon: choice-not-found
    lacking = [group for group in _expected(context) if _is_lacking(context, group)]
    for group in list(lacking):
        meant = next((found for entry in entries.of_primary(context) for found in _meant(context, group, entry)), None)
        if meant is not None:
            lacking.remove(group)
            yield meant
    if not lacking:
        return
    lines = [f"{group}: {_choice(context, group)}" for group in lacking]
    stored = all(context.schema.registration(group, "default") for group in lacking)
    yield group_not_listed.finding(
        context.options.primary.key(["defaults"]),
        f"the defaults list has no {' and no '.join(lacking)}: "
        + ", ".join(f"cfg.{group} does not exist and {group}=… fails" for group in lacking),
        f"add {' and '.join(f'`- {line}`' for line in lines)} to the defaults list of {file.name} "
        f"(not +{lacking[0]}=…)",
        edits=_append(context, lines) if stored else (),
        rests_on=[phases.defaults_list(file)],
        spoils=map(phases.group, lacking),
    )


def _expected(context: ExperimentContext) -> list[str]:
    """exp, env, and the groups with a default that are fields of the whole config's class."""
    found = root_class(context)
    fields = [field.name for field in found.fields] if found else []
    stored = {r.group for r in context.schema.registrations if r.name == "default"}
    return [SETS, ENVIRONMENTS, *[name for name in fields if name in stored and name not in (SETS, ENVIRONMENTS)]]


def _meant(context: ExperimentContext, group: str, entry: Entry) -> Iterator[Finding]:
    """The entry that was meant to list the group: `- env/local`, `- env=local`, `- local@env`, `- envs: local`."""
    node = entries.item_node(context.options.primary, entry.index)
    wrong, option = "", entry.option
    if entry.is_plain:
        whole = str(entry.value)
        split = re.fullmatch(rf"/?{re.escape(group)}[/=]([\w.\-]+)", whole)
        option = split[1] if split else entry.option if entry.package == group else None
        wrong = f"`- {whole}` lists no group, so that cfg.{group} cannot be chosen and {group}=… fails"
    elif entry.group == group and "override" in entry.keywords:
        wrong = f"`override` changes a group that is listed above, and {group} is not"
    elif (
        entry.group is not None and not context.options.by_group.get(entry.group) and did_you_mean(entry.group, [group])
    ):
        there = context.options.is_group(entry.group)
        wrong = "" if there else f"there is no group {entry.group!r} (did you mean {group!r}?)"
    elif entry.group == group and entry.package is not None and entry.package != group:
        wrong = f"`{entries.shown(entry)}` puts {group} at {entry.package}: cfg.{group} does not exist"
    if wrong and option is not None:
        better = f"{group}: {option}"
        yield group_not_listed.finding(
            context.options.primary.value(["defaults", entry.index]),
            wrong,
            f"write - {better}",
            edits=entries.rewrite(context.options.primary, entry, better) if node is not None else (),
            safe=False,
        )


def _is_lacking(context: ExperimentContext, group: str) -> bool:
    options = context.experiment.options(group)
    moved = [
        entry for entry in entries.of_primary(context) if entry.group == group and entry.package not in (None, group)
    ]
    if (group in context.options.groups and not moved) or not (
        options or context.schema.registration(group, "default")
    ):
        return False
    if _is_for_another_config(context, group) or group in context.options.loaded_by_path:
        return False
    # Hydra's "experiment" pattern has this header in every file, and is chosen with +exp=…
    documents = map(context.composer.document, options.values())
    return not options or not all(map(headers.is_from_the_root, documents))


def _is_for_another_config(context: ExperimentContext, group: str) -> bool:
    """Whether a group that this config does not list is listed by another one of the folder.

    Its options are for that one then, unless the code reads what only they give.
    """
    if not context.options.is_of_a_sibling(group):
        return False
    reading = context.code.reading
    set_here = context.options.primary.has([group]) or any(
        use.kind == "write" and use.path[:1] == (group,) for use in reading.uses
    )
    return set_here or not any(use.path[:1] == (group,) for use in reading.uses)


def _choice(context: ExperimentContext, group: str) -> str:
    if context.schema.registration(group, "default"):
        return "default"
    return "base" if "base" in context.options.by_group.get(group, {}) else "???"


def _append(context: ExperimentContext, lines: Sequence[str]) -> tuple[Edit, ...]:
    """New entries below the last one that is no override, in a block list."""
    last = [entry.index for entry in entries.of_primary(context) if "override" not in entry.keywords]
    node = entries.item_node(context.options.primary, last[-1]) if last else None
    text = context.options.primary.text
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
    phase=Phase.NAMES,
    of=Of.ENTRY,
    bad={"config.yaml": [("  - exp: default\n", "  - exp: null\n")]},
    good={"config.yaml": [("  - exp: default\n", "  - exp: ???\n")]},
    hydra="accepts",
)
def group_left_empty(context: ExperimentContext) -> Iterator[Finding]:
    """`- exp: null` leaves the group out: without `exp=…` on the command line there is no `cfg.exp`.

    `- exp: ???` makes every run say which, with a clear message. Below `- config_schema` null is fine, since the
    schema brings the defaults.
    """
    for entry in entries.of_primary(context):
        if entry.group is None or entry.option is not None or entry.keywords or not isinstance(entry.value, dict):
            continue
        group = entry.group.lstrip("/")
        stored = context.schema.registration(group, "default")
        if stored is None or not _absent(context, group):
            continue
        key = next(iter(entry.value))
        node = entries.item_node(context.options.primary, entry.index)
        value = node.value[0][1] if isinstance(node, yaml.MappingNode) else None
        written = value is not None and value.end_mark.index > value.start_mark.index
        text = stored.name if written else f" {stored.name}"
        edits = entries.replace(context.options.primary, value, text) if value is not None else ()
        yield group_left_empty.finding(
            context.options.primary.value(["defaults", entry.index, key]),
            f"`{key}: null` leaves {group} out of the config",
            f"write {key}: {stored.name}, or {key}: ??? to make every run choose",
            edits=edits,
            safe=False,
        )


def _absent(context: ExperimentContext, group: str) -> bool:
    """Whether the config composed without choices lacks the group, or fields of it: config.yaml may give some."""
    default = context.compositions.at()
    if default.failure is not None:
        return False
    there, known = default.container.get(group), context.options.config_class(group)
    names = {field.name for field in known.fields} if known else set()
    return not there or (isinstance(there, dict) and not names <= set(there))


@rule(
    "ES123",
    "optional-choice-missing",
    Severity.ERROR,
    "an optional group names an option that does not exist, so that the group is left out",
    phase=Phase.NAMES,
    of=Of.ENTRY,
    bad={"config.yaml": [("  - env: default\n", "  - optional env: runpod\n")]},
    good={"config.yaml": [("  - env: default\n", "  - optional env: local\n")]},
    hydra="accepts",
)
def optional_choice_missing(context: ExperimentContext) -> Iterator[Finding]:
    """`optional` turns the error for a missing option into silence, and `cfg.env` into nothing.

    Of further groups only a misspelled option is reported: a file that not everybody has is what the word is for.
    """
    for entry in entries.of_primary(context):
        if "optional" not in entry.keywords or entry.group is None or entry.option in (None, "???"):
            continue
        group = entry.group.lstrip("/")
        known = entries.names(context, group)
        if not known or (entry.option or "").removesuffix(".yaml") in known:
            continue
        near, absent = did_you_mean(entry.option or "", known), _absent(context, group)
        if group not in (SETS, ENVIRONMENTS):
            absent = False
        if not absent and not near:
            continue  # the whole schema comes first: a machine that needs no file of its own
        guess = near or known[-1]
        yield optional_choice_missing.finding(
            context.options.primary.value(["defaults", entry.index, next(iter(entry.value))]),
            f"there is no {group}/{entry.option}, and `optional` "
            + (f"leaves {group} out of the config" if absent else "silently skips it"),
            f"write {group}: {guess} (available: {', '.join(known)})",
            severity=None if absent else Severity.WARNING,
        )


@rule(
    "ES124",
    "choice-not-found",
    Severity.ERROR,
    "config.yaml chooses an option that does not exist",
    phase=Phase.NAMES,
    of=Of.CHOICE,
    bad={"config.yaml": [("  - env: default\n", "  - env: runpod\n")]},
    good={"config.yaml": [("  - env: default\n", "  - env: local\n")]},
    hydra="fails",
)
def choice_not_found(context: ExperimentContext) -> Iterator[Finding]:
    """An option is a file of the group's folder, or what is stored with cs.store for the group.

    A note where no option has nearly that name, and the config composes with a parameter set of another group, or each
    command of the guides chooses another option: what it chooses unasked is never used then. Not where the group has no
    options at all.
    """
    if context.compositions.missing_choices and not context.code.unread_registrations:
        for missing in context.compositions.missing_choices:
            yield from _not_found(context, missing)


def _not_found(context: ExperimentContext, missing: str) -> Iterator[Finding]:
    if context.options.by_name and context.code.stores_in_a_function(missing):
        return  # who composes this config imports what stores it
    for included in context.options.included:
        for entry in entries.entries(included):
            if entry.is_plain and (entry.option or "").removesuffix(".yaml") == missing:
                yield _plain_not_found(context, entry, included)
                return
    for entry in entries.of_primary(context):
        key = next(iter(entry.value)) if isinstance(entry.value, dict) and len(entry.value) == 1 else None
        if entry.is_plain and entry.option == missing:
            yield _plain_not_found(context, entry, context.options.primary)
            return
        group = (entry.group or "").lstrip("/")
        if key is None or "override" in entry.keywords or f"{group}/{entry.option}" != missing:
            continue
        known = entries.names(context, group)
        made = own_files.how_it_is_made(context, missing)
        if made is not None:
            place = context.options.primary.value(["defaults", entry.index, key])
            yield choice_not_found.finding(place, *made, severity=Severity.WARNING)
            return
        guess = did_you_mean((entry.option or "").removesuffix(".yaml"), known)
        is_slip = guess is not None and abs(len(guess) - len(entry.option or "")) < _ANOTHER_WORD
        there = ", ".join(known or islice(context.experiment.options_in_folders(group), _MOST_NAMED))
        may_be_another = there or "searchpath" in context.options.primary.text_or_empty
        there = f"available: {there}" if there else _without_options(context, group)
        swallowed = own_files.git_rule_over(context, missing)
        yield choice_not_found.finding(
            context.options.primary.value(["defaults", entry.index, key]),
            f"there is no {group}/{entry.option}: no file, and no cs.store(group={group!r}, name={entry.option!r})",
            own_files.if_it_is_swallowed(swallowed)
            if swallowed
            else f"write {group}: {guess} ({there})"
            if guess
            else f"{there}; choose one, or ??? to make every run choose",
            severity=Severity.INFO if may_be_another and not is_slip and is_never_meant(context, group) else None,
            rests_on=[
                phases.file(context.experiment.group_dir(group) / f"{entry.option}.yml"),
                phases.group(group),
                phases.code(),
            ],
        )
        return


_MOST_NAMED = 5
_ANOTHER_WORD = 4  # letters more or less: `gaussian` is no slip for `gaussian_mixture`


def _without_options(context: ExperimentContext, group: str) -> str:
    """What is said of a group that has no options; a folder may differ from it in capitals alone."""
    folder = context.composer.folder
    names = (path.relative_to(folder.path).as_posix() for path in folder.groups())
    alike = next((name for name in names if name != group and name.lower() == group.lower()), None)
    if alike is not None:
        return f"there is no folder {group}/ but {alike}/, and capitals count: write {alike}"
    return f"there is no folder {group}/ and nothing is stored for it"


def _plain_not_found(context: ExperimentContext, entry: Entry, document: Document) -> Finding:
    words = entry.option or ""
    file = context.experiment.config_dir / f"{words.removesuffix('.yaml')}.yaml"
    if file.is_symlink():
        return choice_not_found.finding(
            document.value(["defaults", entry.index]),
            f"{file.name} is a link to {file.readlink()}, which is not there",
            "make the link anew, or copy the file",
        )
    group, colon, option = words.partition(":")
    node = entries.item_node(document, entry.index)
    stored = [r.name for r in context.schema.registrations if r.group is None]
    beside = [sibling.path.stem for sibling in context.options.siblings if sibling.path != document.path]
    guess = entries.SELF if entries.is_like_self(entry) else did_you_mean(words, [*stored, *beside])
    fixed = f"{group}: {option}" if colon and group and option else guess if guess == entries.SELF else ""
    store = f'store it: cs.store(name="{words}", node=Config)' if context.schema.registrations else f"add {file.name}"
    help_ = f"write - {guess}" if guess else store
    return choice_not_found.finding(
        document.value(["defaults", entry.index]),
        f"there is no config {words!r}: no file, and no cs.store(name={words!r})",
        f"a space belongs after the colon: - {fixed}" if colon and fixed else help_,
        edits=entries.replace(document, node, fixed) if fixed and node is not None else (),
    )


@rule(
    "ES127",
    "two-keys-in-one-entry",
    Severity.ERROR,
    "an entry of the defaults list has two keys",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"config.yaml": [("  - env: default\n", "    env: default\n")]},
    good={},
    hydra="fails",
)
def two_keys_in_one_entry(context: ExperimentContext) -> Iterator[Finding]:
    """Each group needs a `- ` of its own; Hydra ends with a traceback."""
    for document in context.options.documents():
        for entry in entries.entries(document):
            node = entries.item_node(document, entry.index)
            if isinstance(entry.value, dict) and isinstance(node, yaml.MappingNode) and len(node.value) > 1:
                yield _two_keys(document, node)


def _two_keys(document: Document, node: yaml.MappingNode) -> Finding:
    text = document.text
    edits = [Edit(key.start_mark.index - 2, key.start_mark.index, "- ") for key, _ in node.value[1:]]
    plain = not node.flow_style and all(
        isinstance(value, yaml.ScalarNode) and text[key.start_mark.index - 2 : key.start_mark.index] in ("  ", "- ")
        for key, value in node.value
    )
    second = node.value[1][0]
    names = " and ".join(str(key.value) for key, _ in node.value)
    return two_keys_in_one_entry.finding(
        Location(document.path, second.start_mark.line + 1, second.start_mark.column + 1),
        f"{names} share one entry of the defaults list",
        f"put `- ` before {second.value}, in line with the other entries; settings belong below the list",
        edits=tuple(edits) if plain else (),
    )
