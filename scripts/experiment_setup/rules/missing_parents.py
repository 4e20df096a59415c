"""The rule about entries of a defaults list that name nothing that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from experiment_setup.findings import Finding, Severity
from experiment_setup.location import did_you_mean
from experiment_setup.rules import entries
from experiment_setup.rules.base import ExperimentContext, Option, rule
from experiment_setup.rules.entries import HERE, Entry

_LIST = "defaults:\n  - default@_here_\n"


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

    The keyword `optional` works only for `group: option`, and a group that is named in exp/001.yaml is looked for below
    exp/.
    """
    for option, found in entries.each(context) if not context.unread_registrations else ():
        failure = context.composed(option).failure if any(entry.value != entries.SELF for entry in found) else None
        if failure is None or not _NOT_FOUND.search(failure.message):
            continue
        known = entries.names(context, option.group)
        for entry in found:
            if entry.is_plain and _is_missing(context, option, entry, failure.message, known):
                yield _no_parent(context, option, entry, known)
            elif entry.group and f"'{option.group}/{entry.group.lstrip('/')}/{entry.option}'" in failure.message:
                yield _no_group(context, option, entry)


_NOT_FOUND = re.compile(r"Could not (?:load|find) '([^']+)'")


def _is_missing(context: ExperimentContext, option: Option, entry: Entry, message: str, known: Sequence[str]) -> bool:
    """Whether the entry is what Hydra does not find, or what it would not find next."""
    wanted = entry.option or ""
    if wanted == context.groups.get(option.group):
        return False  # config.yaml names it too: one finding there
    path = wanted.lstrip("/") if wanted.startswith("/") else f"{option.group}/{wanted}"
    named = _NOT_FOUND.search(message)
    assert named is not None
    if path == named[1]:
        return True
    bare = re.fullmatch(r"[\w.\-]+", wanted) is not None
    return bare and named[1].startswith(f"{option.group}/") and _owns(option, named[1]) and _name(wanted) not in known


def _owns(option: Option, path: str) -> bool:
    """Whether the missing config is named by this option's own list."""
    return any(path == f"{option.group}/{entry.option}" for entry in entries.entries(option.document))


def _name(wanted: str) -> str:
    return wanted.removesuffix(".yaml")


def _no_parent(context: ExperimentContext, option: Option, entry: Entry, known: Sequence[str]) -> Finding:
    wanted = entry.option or ""
    path = wanted.lstrip("/") if wanted.startswith("/") else f"{option.group}/{wanted}"
    better, why = _better(option.group, wanted, known)
    package = f"@{HERE}" if entry.package is None or entries.is_like_here(entry.package) else f"@{entry.package}"
    others = [name for name in known if name != option.name]
    return parent_not_found.finding(
        entries.place(option, entry),
        f"there is no {path!r}: {why}" if why else f"there is no {path!r}; {option.group} has {', '.join(others)}",
        f"write - {better}{package}" if better else "name one of these",
        edits=entries.rewrite(option.document, entry, f"{better}{package}") if better else (),
        safe=bool(why) and better in known,
        follows_from=[context.experiment.group_dir(option.group) / f"{wanted}.yml"],
    )


def _no_group(context: ExperimentContext, option: Option, entry: Entry) -> Finding:
    """`- optimizer: adam` in a parameter set."""
    group = (entry.group or "").lstrip("/")
    there = (context.experiment.config_dir / group).is_dir()
    advice = (
        f"write - /{group}@{group}: {entry.option}"
        if there
        else f"make the folder {option.group}/{group}/, or remove it"
    )
    return parent_not_found.finding(
        entries.place(option, entry),
        f"there is no {option.group}/{group}/{entry.option}: a group named here is looked for below {option.group}/",
        advice,
    )


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
