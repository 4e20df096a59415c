"""Rules about the entries of a defaults list: each names one parent, and puts it into the file's own place."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location
from experiment_setup.project import ENVIRONMENTS
from experiment_setup.reading.source import Document
from experiment_setup.rules import entries
from experiment_setup.rules.base import ExperimentContext, Option, rule
from experiment_setup.rules.entries import HERE, Entry
from experiment_setup.rules.yaml_text import at_offset

_LIST = "defaults:\n  - default@_here_\n"


@rule(
    "ES102",
    "misspelled-here",
    Severity.ERROR,
    "`_here_` is misspelled, so that the parent lands in a key of that name",
    bad={"exp/001.yaml": "defaults:\n  - default@_hear_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def misspelled_here(context: ExperimentContext) -> Iterator[Finding]:
    """`_here_` is a keyword; any other word after `@` is a place in the config, made if it is not there.

    `default@_hear_` puts the whole dataclass into `exp._hear_` and leaves `exp` without it. Case and both underscores
    count.
    """
    for option, found in entries.each(context):
        for entry in found:
            if entry.package and " " in entry.package.strip():
                yield _two_in_one(option, entry)
            elif entry.package and entries.is_like_here(entry.package):
                yield misspelled_here.finding(
                    _at_package(option, entry),
                    f"@{entry.package} is not @{HERE}: {entry.option} lands in {option.group}.{entry.package}",
                    f"write {entry.option}@{HERE}",
                    edits=entries.rewrite(option.document, entry, f"{entry.option}@{HERE}") if entry.is_plain else (),
                )


def _two_in_one(option: Option, entry: Entry) -> Finding:
    """`- default@_here_` and a line below it without a dash: YAML reads one text."""
    here, *rest = (entry.package or "").split()
    node = entries.item_node(option.document, entry.index)
    text = option.document.text
    at = text.index(rest[0], node.start_mark.index) if node is not None else 0
    plain = node is not None and node.start_mark.line < node.end_mark.line and len(rest) == 1
    return misspelled_here.finding(
        at_offset(option.document, at),
        f"`{entry.option}@{here} {' '.join(rest)}` is one entry to YAML, since no dash stands before {rest[0]}",
        f"write - {rest[0]}, in line with the other entries",
        edits=(Edit(entries.line_start(text, at), at, " " * (node.start_mark.column - 2) + "- "),)
        if plain and node is not None
        else (),
        safe=False,
    )


def _at_package(option: Option, entry: Entry) -> Location:
    start = entries.place(option, entry)
    node = entries.item_node(option.document, entry.index)
    at = entries.written(option.document, node).find("@") if node is not None else -1
    return Location(start.path, start.line, start.column + at + 1) if at >= 0 else start


@rule(
    "ES103",
    "lands-elsewhere",
    Severity.ERROR,
    "the entry puts the parent somewhere else than into the file's own group",
    bad={"exp/001.yaml": "defaults:\n  - /exp/default\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": "defaults:\n  - /exp/default@_here_\n\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def lands_elsewhere(context: ExperimentContext) -> Iterator[Finding]:
    """Packages are relative to the file that names them, so that `default@exp` and `/exp/default` become `exp.exp`.

    Only `default` and `default@_here_` (and `/exp/default@_here_`) merge the parent into the file's own place. The form
    `group: option` looks for the group below exp/, and `/exp: default` again lands in `exp.exp`.
    """
    for option, found in entries.each(context):
        for entry in found:
            place = _elsewhere(context, option, entry)
            if place is None:
                continue
            name = (entry.option or "").removeprefix(f"/{option.group}/")
            if name == HERE and entry.package in entries.names(context, option.group):
                name = entry.package or ""  # `_here_@default`
            better = entries.SELF if name == entries.SELF else f"{name}@{HERE}"
            yield lands_elsewhere.finding(
                _at_package(option, entry) if entry.is_plain and entry.package else entries.place(option, entry),
                f"`{entries.shown(entry)}` {place}",
                f"write - {better}",
                edits=entries.rewrite(option.document, entry, better),
            )


def _elsewhere(context: ExperimentContext, option: Option, entry: Entry) -> str | None:
    group = option.group
    if entry.group is not None:
        if entry.group.lstrip("/") != group or "override" in entry.keywords or entry.option is None:
            return None
        if entry.group.startswith("/"):
            return f"lands in {group}.{group}, not {group}" if entry.package != HERE else "includes itself without end"
        nested = context.experiment.group_dir(group) / group
        return f"looks for {group}/{group}/{entry.option}, not {group}/{entry.option}" if not nested.is_dir() else None
    if not entry.is_plain or entry.option is None:
        return None
    if entry.option == entries.SELF:
        return f"gives {entries.SELF} a package, which Hydra refuses"
    if entry.package and " " in entry.package:
        return None  # two entries on one
    absolute = entry.option.startswith("/")
    if absolute and not entry.option.startswith(f"/{group}/"):
        return None
    if entry.package == group or (absolute and entry.package is None):
        return f"lands in {group}.{group}, not {group}"
    if entry.package in (None, HERE, "_group_", "") or entries.is_like_here(entry.package or ""):
        return None
    if entries.parents(option) or not entries.breaks(context, option):
        return None  # another part of the config put into a key of this one, which is what packages are for
    place = "at the root of the config" if entry.package == "_global_" else f"in {group}.{entry.package}"
    return f"lands {place}, not {group}"


@rule(
    "ES115",
    "stray-colon",
    Severity.ERROR,
    "an entry ends in a colon, which chooses nothing",
    bad={"exp/001.yaml": "defaults:\n  - default@_here_:\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def stray_colon(context: ExperimentContext) -> Iterator[Finding]:
    """`- default@_here_:` is a group called `default` without an option, so that nothing is inherited.

    `- default: _here_` looks for a group `default` too, and `- _self_:` is no `_self_` (a warning, since the file is
    merged in any case).
    """
    listed = [(option.document, option.group, found) for option, found in entries.each(context)]
    if context.experiment.config_file.is_file():
        listed.append((context.primary, "", entries.entries(context.primary)))
    for document, group, found in listed:
        for entry in found:
            if entry.group is None or not isinstance(entry.value, dict) or entry.keywords:
                continue
            here = (entry.option or "").lstrip("@")
            instead_of_at = entry.option is not None and (here == HERE or entries.is_like_here(here))
            if entry.option is not None and not instead_of_at:
                continue
            name = entry.group.removeprefix(f"/{group}/")
            is_self = entry.group == entries.SELF
            if not is_self and (not group or name not in entries.names(context, group)):
                continue
            yield _stray(document, entry, name, is_self)


def _stray(document: Document, entry: Entry, name: str, is_self: bool) -> Finding:
    written = str(next(iter(entry.value)))
    better = entries.SELF if is_self else written if entry.option is None else f"{name}@{HERE}"
    node = entries.item_node(document, entry.index)
    key = node.value[0][0] if isinstance(node, yaml.MappingNode) else None
    place = document.value(["defaults", entry.index])
    if key is not None:
        place = Location(document.path, key.end_mark.line + 1, key.end_mark.column + 1)
    what = "is not `_self_`" if is_self else f"is a group without an option: {name} is not inherited"
    if entry.option is not None:
        what = f"is an option of a group {name}: a colon stands where the @ belongs"
    return stray_colon.finding(
        place,
        f"`- {entries.shown(entry) if entry.option else f'{written}:'}` {what}",
        f"write - {better}",
        edits=entries.rewrite(document, entry, better),
        severity=Severity.WARNING if is_self else None,
    )


@rule(
    "ES108",
    "entry-is-no-text",
    Severity.ERROR,
    "an entry of the defaults list is a number, a truth value or empty",
    bad={"exp/002.yaml": "defaults:\n  - 001\n\nbatch_size: 8\n"},
    good={"exp/002.yaml": "defaults:\n  - 001@_here_\n\nbatch_size: 8\n"},
    hydra="fails",
    run="exp=002",
)
def entry_is_no_text(context: ExperimentContext) -> Iterator[Finding]:
    """YAML reads a bare 001 as the number 1 (and 010 as 8), and Hydra ends with a traceback that names no file.

    Quote the name; `001@_here_` is text by itself. 008 and 009 happen to work, since they are not octal numbers.
    """
    for option, found in entries.each(context):
        for entry in found:
            if isinstance(entry.value, (str, dict)):
                yield from _value_in_the_list(context, option, entry)
                continue
            node = entries.item_node(option.document, entry.index)
            text = entries.written(option.document, node) if isinstance(node, yaml.ScalarNode) else ""
            if text and entry.value is not None:
                message = f"`- {text}` is {_kind(entry.value)} to YAML, not the name of a parameter set"
                edits = entries.replace(option.document, node, f"{text}@{HERE}") if node is not None else ()
                yield entry_is_no_text.finding(
                    entries.place(option, entry), message, f"write - {text}@{HERE}", edits=edits
                )
            else:
                shown = "is a list" if isinstance(entry.value, list) else "names nothing"
                yield entry_is_no_text.finding(
                    entries.place(option, entry), f"an entry of the defaults list {shown}", f"write - default@{HERE}"
                )
    yield from _primary_numbers(context)


def _kind(value: object) -> str:
    return "a truth value" if isinstance(value, bool) else f"the number {value}"


def _value_in_the_list(context: ExperimentContext, option: Option, entry: Entry) -> Iterator[Finding]:
    """`- batch_size: 32`: a value of the file that slipped into the list."""
    if not isinstance(entry.value, dict) or len(entry.value) != 1 or entry.keywords or entry.package:
        return
    key, value = next(iter(entry.value.items()))
    above = context.composed_parents(option)
    found = context.config_class(option.group)
    is_field = found.field(str(key)) is not None if found else str(key) in above
    if isinstance(value, dict) or ((isinstance(value, (str, list)) or value is None) and not is_field):
        return
    if (context.experiment.group_dir(option.group) / str(key)).is_dir():
        return
    shown = entries.shown(entry)
    yield entry_is_no_text.finding(
        entries.place(option, entry),
        f"`- {shown}` stands in the defaults list, where it chooses an option of a group {key}",
        f"write it below the list, without the dash: {shown}",
    )


def _primary_numbers(context: ExperimentContext) -> Iterator[Finding]:
    """Choices of config.yaml that are numbers, one by one or in a list, and bare numbers."""
    for entry in entries.entries(context.primary) if context.experiment.config_file.is_file() else ():
        node = entries.item_node(context.primary, entry.index)
        if isinstance(node, yaml.ScalarNode) and not isinstance(entry.value, str):
            shown = entries.written(context.primary, node) or "nothing"
            yield entry_is_no_text.finding(
                context.primary.value(["defaults", entry.index]),
                f"`- {shown}` is no entry of a defaults list: it names no group",
                "write - GROUP: OPTION, or remove it",
            )
        if not isinstance(entry.value, dict) or len(entry.value) != 1 or not isinstance(node, yaml.MappingNode):
            continue
        chosen = node.value[0][1]
        for scalar in chosen.value if isinstance(chosen, yaml.SequenceNode) else [chosen]:
            if not isinstance(scalar, yaml.ScalarNode) or scalar.tag.endswith((":str", ":null")):
                continue
            text = entries.written(context.primary, scalar)
            kind = "a truth value" if scalar.tag.endswith(":bool") else "a number"
            yield entry_is_no_text.finding(
                Location(context.primary.path, scalar.start_mark.line + 1, scalar.start_mark.column + 1),
                f"`{node.value[0][0].value}: {text}` is {kind} to YAML, not the name of an option",
                f'write "{text}" in quotes',
                edits=entries.replace(context.primary, scalar, f'"{text}"'),
            )


@rule(
    "ES109",
    "inheritance-cycle",
    Severity.ERROR,
    "parameter sets inherit from each other in a circle",
    bad={
        "exp/001.yaml": "defaults:\n  - 002@_here_\n\nbatch_size: 8\n",
        "exp/002.yaml": "defaults:\n  - 001@_here_\n\nbatch_size: 4\n",
    },
    good={"exp/002.yaml": "defaults:\n  - 001@_here_\n\nbatch_size: 4\n"},
    hydra="fails",
)
def inheritance_cycle(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra follows the parents until Python's stack ends: 138 kB of traceback, with no file name in it."""
    for group, options in context.options.items():
        above = {name: entries.parents(option) for name, option in options.items() if _has_file_parent(options, option)}
        done: set[str] = set()
        for name in above:
            cycle = _cycle(above, name)
            if cycle is None or done & set(cycle):
                continue
            done |= set(cycle)
            entry = next(e for e, target in above[cycle[0]] if target == (cycle[1] if len(cycle) > 1 else cycle[0]))
            stored = context.schema.registration(group, name) if len(cycle) == 1 else None
            yield inheritance_cycle.finding(
                entries.place(options[cycle[0]], entry),
                f"{group}/{cycle[0]} inherits from itself: {' -> '.join([*cycle, cycle[0]])}",
                f"delete {group}/{name}.yaml and change the defaults in the dataclass"
                if stored
                else "let one of them inherit from default@_here_",
            )


def _has_file_parent(options: dict[str, Option], option: Option) -> bool:
    return any(name in options for _, name in entries.parents(option))


def _cycle(above: dict[str, list[tuple[Entry, str]]], start: str) -> list[str] | None:
    """The circle that leads from `start` back to `start`, or None."""
    waiting = [[start]]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        for _, name in above.get(path[-1], ()):
            if name == start:
                return path
            if name not in seen:
                seen.add(name)
                waiting.append([*path, name])
    return None


@rule(
    "ES111",
    "group-chosen-in-option",
    Severity.ERROR,
    "a parameter set chooses another group",
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n  - override /env: local\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="fails",
)
def group_chosen_in_option(context: ExperimentContext) -> Iterator[Finding]:
    """The environment is chosen where the run is started, `train.py exp=001 env=local`, or in config.yaml.

    Inside exp/001.yaml `/env: local` means `exp.env`, and `override /env: local` fails, because exp is composed before
    env. (Hydra's "experiment" pattern needs other headers and another order of the groups.)
    """
    for option, found in entries.each(context):
        for entry in found:
            target = entry.group if entry.group is not None else entry.option if entry.is_plain else None
            if target is None or (entry.group is None and not target.startswith("/")):
                continue
            group = target.strip("/").split("/")[0]
            override = "override" in entry.keywords
            if override and group == "hydra":
                # An option that is written from the root may choose it, as `hparams_search` of many templates does.
                if "_global_" not in (option.document.header or "") and context.composed(option).failure is not None:
                    yield _hydra_chosen(context, option, entry)
                continue
            elsewhere = group != option.group and not (context.experiment.group_dir(option.group) / group).is_dir()
            if group not in context.groups or not (override or elsewhere):
                continue
            if "_global_" in (option.document.header or ""):
                continue  # Hydra's "experiment" pattern: package-header, if it does not work here
            broken = (
                context.composed(option).failure is not None if override else entries.breaks(context, option)
            )  # an option that is written from the root may choose a group that stands before its own
            if not broken and (group != ENVIRONMENTS or override or entry.package is not None):
                continue
            chosen = entry.option if entry.group is not None else (entry.option or "").rpartition("/")[2]
            yield group_chosen_in_option.finding(
                entries.place(option, entry),
                f"{option.config_path} cannot choose {group}"
                + ("" if broken else f": `{entries.shown(entry)}` lands in {option.group}.{group}"),
                f"remove the entry and choose it for the run: {option.group}={option.name} {group}={chosen}",
                edits=entries.remove_item(option.document, entry.index),
                safe=False,
                severity=None if broken else Severity.WARNING,
            )


def _hydra_chosen(context: ExperimentContext, option: Option, entry: Entry) -> Finding:
    return group_chosen_in_option.finding(
        entries.place(option, entry),
        f"{option.config_path} cannot choose {(entry.group or '').lstrip('/')}: it is a setting of the whole run",
        f"move the entry to the end of the defaults list of {context.experiment.config_file.name}",
        edits=entries.remove_item(option.document, entry.index),
        safe=False,
    )


def _severity(entry: Entry, *, in_silence: bool) -> Severity | None:
    if entry.is_plain:
        return Severity.INFO
    return Severity.WARNING if in_silence else None


@rule(
    "ES116",
    "entry-twice",
    Severity.ERROR,
    "a defaults list has the same entry twice",
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n  - _self_\n  - _self_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n  - _self_\n\nlearning_rate: 1e-5\n"},
    hydra="fails",
)
def entry_twice(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra refuses a second `_self_` and a group that is chosen twice; a parent named twice is merged twice (info).

    A list of options beside another entry of its group is taken in silence, whichever of the two was meant (warning).
    """
    documents = [(option.document, found) for option, found in entries.each(context)]
    if context.experiment.config_file.is_file():
        documents.append((context.primary, entries.entries(context.primary)))
    for document, found in documents:
        seen: dict[object, bool] = {}  # whether an entry that is no list has been seen
        for entry in found:
            is_list = isinstance(entry.value, dict) and any(isinstance(one, list) for one in entry.value.values())
            what = entry.value if isinstance(entry.value, str) else (entry.group, entry.package)
            if what == (None, None) or "override" in entry.keywords:
                continue
            if what in seen:
                name = entry.value if isinstance(entry.value, str) else entry.group
                yield entry_twice.finding(
                    document.value(["defaults", entry.index]),
                    f"{name} stands in the defaults list twice",
                    "keep one of the two",
                    edits=entries.remove_item(document, entry.index),
                    safe=isinstance(entry.value, str),
                    severity=_severity(entry, in_silence=is_list or not seen[what]),
                )
            seen[what] = seen.get(what, False) or not is_list
