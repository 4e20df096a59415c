"""Rules about the entries of a defaults list: each names one parent, and puts it into the file's own place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml

from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.rules import entries
from experiment_setup.rules.base import ExperimentContext, Option, rule
from experiment_setup.rules.entries import HERE, Entry

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
            if entry.package and entries.is_like_here(entry.package):
                yield misspelled_here.finding(
                    _at_package(option, entry),
                    f"@{entry.package} is not @{HERE}: {entry.option} lands in {option.group}.{entry.package}",
                    f"write {entry.option}@{HERE}",
                    edits=entries.rewrite(option, entry, f"{entry.option}@{HERE}") if entry.is_plain else (),
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
            yield lands_elsewhere.finding(
                entries.place(option, entry),
                f"`{entries.shown(entry)}` {place}, not {option.group}",
                f"write - {name}@{HERE}",
                edits=entries.rewrite(option, entry, f"{name}@{HERE}"),
            )


def _elsewhere(context: ExperimentContext, option: Option, entry: Entry) -> str | None:
    group = option.group
    if entry.group is not None:
        if entry.group.lstrip("/") != group or "override" in entry.keywords or entry.option is None:
            return None
        if entry.group.startswith("/"):
            return f"lands in {group}.{group}" if entry.package != HERE else "includes itself without end"
        nested = context.experiment.group_dir(group) / group
        return f"looks for {group}/{group}/{entry.option}" if not nested.is_dir() else None
    if not entry.is_plain or entry.option is None:
        return None
    absolute = entry.option.startswith("/")
    if absolute and not entry.option.startswith(f"/{group}/"):
        return None
    if entry.package == group or (absolute and entry.package is None):
        return f"lands in {group}.{group}"
    if entry.package in (None, HERE, "_group_", "") or entries.is_like_here(entry.package or ""):
        return None
    if entries.parents(option) or not entries.breaks(context, option):
        return None  # another part of the config put into a key of this one, which is what packages are for
    return "lands at the root of the config" if entry.package == "_global_" else f"lands in {group}.{entry.package}"


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
    """`- default@_here_:` is a group called `default` without an option, so that nothing is inherited."""
    for option, found in entries.each(context):
        known: list[str] | None = None
        for entry in found:
            if entry.group is None or entry.option is not None or not isinstance(entry.value, dict):
                continue
            known = entries.names(context, option.group) if known is None else known
            name = entry.group.removeprefix(f"/{option.group}/")
            if name not in known:
                continue
            key = str(next(iter(entry.value)))
            node = entries.item_node(option.document, entry.index)
            colon = node.start_mark.index + len(key) if node is not None else -1
            bare = node is not None and option.document.text[node.start_mark.index : colon + 1] == f"{key}:"
            start = entries.place(option, entry)
            yield stray_colon.finding(
                Location(start.path, start.line, start.column + len(key)),
                f"`- {key}:` is a group without an option: {name} is not inherited",
                f"remove the colon: - {key}",
                edits=(Edit(colon, colon + 1, ""),) if bare else (),
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
                continue
            node = entries.item_node(option.document, entry.index)
            text = entries.written(option.document, node) if isinstance(node, yaml.ScalarNode) else ""
            if text and entry.value is not None:
                message = f"`- {text}` is {_kind(entry.value)} to YAML, not the name of a parameter set"
                edits = entries.replace(node, f"{text}@{HERE}") if node is not None else ()
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


def _primary_numbers(context: ExperimentContext) -> Iterator[Finding]:
    for entry in entries.entries(context.primary) if context.experiment.config_file.is_file() else ():
        if not isinstance(entry.value, dict) or len(entry.value) != 1:
            continue
        key, value = next(iter(entry.value.items()))
        if value is None or isinstance(value, (str, list)):
            continue
        node = entries.item_node(context.primary, entry.index)
        scalar = node.value[0][1] if isinstance(node, yaml.MappingNode) else None
        if not isinstance(scalar, yaml.ScalarNode):
            continue
        text = entries.written(context.primary, scalar)
        yield entry_is_no_text.finding(
            context.primary.value(["defaults", entry.index, key]),
            f"`{key}: {text}` is {_kind(value)} to YAML, not the name of an option",
            f'write {key}: "{text}"',
            edits=entries.replace(scalar, f'"{text}"'),
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
    for group in (SETS, ENVIRONMENTS):
        options = context.options[group]
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
    "ES110",
    "parent-not-found",
    Severity.ERROR,
    "an entry names a parent that does not exist",
    bad={"exp/001.yaml": "defaults:\n  - defualt@_here_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="fails",
)
def parent_not_found(context: ExperimentContext) -> Iterator[Finding]:
    """A plain entry is the name of a file or stored config beside this file, then `@_here_`, without a space between.

    The keyword `optional` works only for `group: option`.
    """
    for option, found in entries.each(context):
        plain = [entry for entry in found if entry.is_plain]
        failure = context.composed(option).failure if plain else None
        if failure is None or "Could not load" not in failure.message:
            continue
        known = entries.names(context, option.group)
        for entry in plain:
            wanted = entry.option or ""
            if wanted == context.groups.get(option.group):
                continue  # config.yaml names it too: one finding there
            path = wanted.lstrip("/") if wanted.startswith("/") else f"{option.group}/{wanted}"
            if f"'{path}'" not in failure.message:
                continue
            better, why = _better(option.group, wanted, known)
            package = (
                f"@{HERE}" if entry.package is None or entries.is_like_here(entry.package) else f"@{entry.package}"
            )
            yield parent_not_found.finding(
                entries.place(option, entry),
                f"there is no {path!r}: {why}"
                if why
                else f"there is no {path!r}; {option.group} has {', '.join(known)}",
                f"write - {better}{package}" if better else "name one of these",
                edits=entries.rewrite(option, entry, f"{better}{package}") if better else (),
                safe=bool(why) and better in known,
            )
            break


def _better(group: str, wanted: str, known: Sequence[str]) -> tuple[str | None, str | None]:
    """What was meant instead of a parent that is not there, and why the entry is wrong where that is certain."""
    bare, *rest = wanted.replace("＠", "@").strip().split()
    if rest and bare == "optional":
        return rest[0], "`optional` works only for `group: option`"
    if wanted != wanted.strip():
        return bare, "a space stands before the @"
    for prefix in (f"{group}/", "./"):
        if wanted.startswith(prefix):
            return wanted.removeprefix(prefix), f"names are relative to {group}/"
    if "＠" in wanted:
        return bare.split("@")[0], "the @ is full-width"
    if ":" in wanted:
        return wanted.split(":")[0], "a colon stands where the @ belongs"
    return did_you_mean(wanted, known), None


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
            if group not in context.groups or not (override or (target.startswith("/") and group != option.group)):
                continue
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
    """Hydra refuses a second `_self_` and a group that is chosen twice; a parent named twice is merged twice (info)."""
    documents = [(option.document, found) for option, found in entries.each(context)]
    if context.experiment.config_file.is_file():
        documents.append((context.primary, entries.entries(context.primary)))
    for document, found in documents:
        seen: set[object] = set()
        for entry in found:
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
                    severity=Severity.INFO if entry.is_plain else None,
                )
            seen.add(what)
