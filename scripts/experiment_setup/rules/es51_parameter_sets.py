"""Parameter sets beside each other: twins, names, and what git ignores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiment_setup import git, naming
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.facts.output_folders import resolved
from experiment_setup.facts.together import Together
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import compiled
from experiment_setup.location import Location
from experiment_setup.project import SETS
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Of, Phase

_SET = "defaults:\n  - default@_here_\n\n"


_LABELS = ("name", "notes", "note", "description")


@rule(
    "ES511",
    "twin-sets",
    Severity.WARNING,
    "two parameter sets are the same experiment",
    phase=Phase.OUTPUTS,
    of=Of.OPTION,
    bad={"exp/002.yaml": f'{_SET}name: "002-lr"\nlearning_rate: 5e-5\n'},
    good={"exp/002.yaml": f'{_SET}name: "002-lr"\nlearning_rate: 6e-5\n'},
    was="ES506",
    hydra="accepts",
)
def twin_sets(context: ExperimentContext) -> Iterator[Finding]:
    """Two sets that compose to the same values, or differ by nothing but their name and notes: the night on the GPU
    gives the same result twice. A set that only inherits another one, as a name for it, is left alone.
    """
    seen: dict[str, tuple[Option, Any]] = {}
    for option in context.options.sets.values():
        composed = (
            context.compositions.of_option(option).container.get(SETS) if option.document.header is None else None
        )
        if not isinstance(composed, dict) or not composed:
            continue
        labels = {key: composed.get(key) for key in _LABELS}
        values = {key: value for key, value in composed.items() if key not in _LABELS}
        first, first_labels = seen.setdefault(repr(values), (option, labels))
        if first is option or entries.is_alias(option) or entries.is_alias(first):
            continue
        if context.options.groups.get(SETS) in (option.name, first.name):
            continue  # exp/base.yaml, and the set that runs it as it is
        if first.name == naming.copied(option.name):
            continue  # twin-file
        other = [key for key in _LABELS if labels[key] != first_labels[key]]
        what = f"differ by their {' and '.join(other)} only" if other else "compose to the same config"
        yield twin_sets.finding(
            Location(option.path),
            f"exp={option.name} and exp={first.name} {what}",
            "delete one, or change what it is about",
            rests_on=[phases.defaults_list(first.path)],
        )


def _names(context: ExperimentContext) -> Iterator[tuple[Option, str, bool]]:
    """(parameter set, its exp.name, whether its own file gives it)."""
    for option in context.options.sets.values():
        own = entries.content(option.document)
        stored = context.schema.registration(SETS, option.name)  # a file beside it: ES220
        if stored or (isinstance(own, dict) and not isinstance(own.get("name", ""), str)):
            continue  # a number, which is text to the field: text-read-as-number
        if isinstance(own, dict) and isinstance(own.get("name"), str):
            given, value = True, own["name"]
        else:
            composed = context.compositions.of_option(option).container.get(SETS)
            value = composed.get("name") if isinstance(composed, dict) else None
            given = isinstance(own, dict) and "name" in own
        if isinstance(value, str) and "${" not in value:
            yield option, value, given


@rule(
    "ES512",
    "set-without-name",
    Severity.WARNING,
    "the parameter set goes by the name of another",
    phase=Phase.OUTPUTS,
    of=Of.OPTION,
    bad={"exp/001.yaml": f"{_SET}learning_rate: 5.0e-5\n"},
    good={},
    was="ES507",
    hydra="accepts",
)
def set_without_name(context: ExperimentContext) -> Iterator[Finding]:
    """Without its own `name` a set is "default" (or its parent) in W&B and in tables, as every other one without.

    Nothing is said where no set has a name and the code reads none, or the default is "", nor of a `base` that others
    inherit.
    """
    default = context.compositions.some
    standard = resolved(default, f"{SETS}.name") if default is not None else None
    if not standard:
        return
    found = list(_names(context))
    if not any(own for *_, own in found) and not context.code.reading.reads((SETS, "name")):
        return
    for option, name, own in found:
        if not own and not entries.is_alias(option) and not _is_a_base(context, option):
            number = naming.parse(option.name)
            example = option.name if number is None or number.slug else f"{option.name}-…"
            yield set_without_name.finding(
                Location(option.path),
                f"exp={option.name} has no name of its own: it is called {name!r}",
                f'add name: "{example}"',
            )


def _is_a_base(context: ExperimentContext, option: Option) -> bool:
    """Whether others inherit the set, and it is named as what is never run itself."""
    heirs = (other for other in context.options.of_group(option.group) if other.name != option.name)
    return _BASE.search(option.name) is not None and any(
        option.name in (name for _, name in entries.parents(heir)) for heir in heirs
    )


_BASE = compiled(r"^_|(?:^|_)(?:base|common|shared|defaults?)(?:_|$)")


@rule(
    "ES513",
    "repeated-name",
    Severity.WARNING,
    "two parameter sets have the same name",
    phase=Phase.OUTPUTS,
    of=Of.OPTION,
    bad={"exp/001.yaml": f"{_SET}name: small\nseed: 1\n", "exp/002.yaml": f"{_SET}name: small\nseed: 2\n"},
    good={"exp/001.yaml": f"{_SET}name: small\nseed: 1\n", "exp/002.yaml": f"{_SET}name: small-2\nseed: 2\n"},
    was="ES508",
    hydra="accepts",
)
def repeated_name(context: ExperimentContext) -> Iterator[Finding]:
    """Runs of both are one group in W&B, and folders made of the name are shared. Usually the file was copied."""
    seen: dict[str, Option] = {}
    for option, name, own in _names(context):
        if not own or not name:
            continue
        first = seen.setdefault(name, option)
        if first is not option and not _other_number(context, option, name):
            yield repeated_name.finding(
                option.document.value(["name"]),
                f"exp={first.name} has the name {name!r} too",
                f'write "{option.name}-…"',
            )


@rule(
    "ES514",
    "name-of-another-number",
    Severity.WARNING,
    "the name has another number than the file",
    phase=Phase.OUTPUTS,
    of=Of.OPTION,
    bad={"exp/001.yaml": f'{_SET}name: "007-lr"\nlearning_rate: 5.0e-5\n'},
    good={"exp/001.yaml": f'{_SET}name: "001-lr"\nlearning_rate: 5.0e-5\n'},
    was="ES509",
    hydra="accepts",
)
def name_of_another_number(context: ExperimentContext) -> Iterator[Finding]:
    """exp/002.yaml with `name: "001-lr"` was copied: results are looked for under the wrong number."""
    for option, name, own in _names(context):
        wanted = _other_number(context, option, name) if own else None
        if wanted:
            yield name_of_another_number.finding(
                option.document.value(["name"]),
                f"the name {name!r} in {option.path.name} has another number than its file",
                f'write "{wanted}"',
            )


def _other_number(context: ExperimentContext, option: Option, name: str) -> str | None:
    """The name with the file's number, where it carries another one; None where all is well."""
    said, filed = naming.parse(name), naming.parse(option.name)
    if said is None or filed is None or said.width != filed.width or said.width < 2:
        return None
    if said.number == filed.number or (said.prefix and filed.prefix and said.prefix != filed.prefix):
        return None
    own = context.experiment.number  # `003-001` in the third experiment
    if name.startswith(context.experiment.name) or (said.number == own and re.match(r"\d", said.slug)):
        return None
    return str(naming.Numbered(said.prefix, filed.number, filed.width, said.separator, said.slug))


@rule(
    "ES510",
    "ignored-by-git",
    Severity.WARNING,
    "git ignores parameter sets or environments",
    phase=Phase.FILES,
    together=True,
    bad={
        ".git/HEAD": "ref: refs/heads/main\n",
        ".git/objects/.keep": "",
        ".git/refs/.keep": "",
        ".gitignore": "env/\n",
    },
    good={
        ".git/HEAD": "ref: refs/heads/main\n",
        ".git/objects/.keep": "",
        ".git/refs/.keep": "",
        ".gitignore": ".venv/\n",
    },
    hydra="accepts",
)
def ignored_by_git(checked: Together) -> Iterator[Finding]:
    """GitHub's own Python.gitignore has the line `env/`, for virtual environments: `git add` skips env/*.yaml silently,
    and on the next machine the environment does not exist. A project that is ignored as a whole is meant to be.
    """
    found = git.ignored_anywhere(dict.fromkeys(path for known in checked.files for path in known.groups))
    ignored = {root for root in {known.root for known in checked.files} if found and git.ignored(root, [root])}
    for known in checked.files:
        by_rule: dict[str, list[Path]] = {}
        for path in known.groups if known.root not in ignored else ():
            if path in found:
                by_rule.setdefault(found[path], []).append(path)
        for place, paths in by_rule.items():
            file, line, pattern = [*place.split(":", 2), "", ""][:3]
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            group = known.groups[paths[0]]
            shown = "/".join(part for part in (group, paths[0].name) if part)
            of_the_folder = group is not None and pattern.strip("/*").split("/")[-1] == group
            yield ignored_by_git.finding(
                Location(paths[0]),
                f"git ignores {shown}{more}: line {line} of {file} is {pattern!r}",
                f"add a line !**/{group}/ below it (or git add -f)"
                if of_the_folder
                else "take the line out, or git add -f",
            )
