"""What validate finds in an experiment held against the real Hydra: every set in every environment, and the bare run.

What fails there must be an error; and an error of a rule that says "Hydra fails" must be about something that fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from omegaconf import OmegaConf

from experiment_setup import naming
from experiment_setup.checking.check import check
from experiment_setup.findings import Finding, Severity
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment, Project
from experiment_setup.rules import ALL

# What Hydra takes in silence though the rule is about what fails: `defaults: ???`, a block in a file without a schema.
ALSO_SILENT = {"ES113": "is the text ???", "ES224": ""}  # where the message says so

Ask = Callable[[list[list[str]]], list[dict[str, str]]]


@dataclass(frozen=True)
class Combination:
    """A run of the experiment with options chosen, as somebody types it."""

    options: tuple[tuple[str, str], ...]
    words: tuple[str, ...]

    def has(self, path: Path) -> bool:
        """Whether the file is one of the chosen options."""
        files = [f"{group}/{name}".rpartition("/") for group, name in self.options]
        return any(name == path.stem and is_in(path, folder) for folder, _, name in files)


def combinations(experiment: Experiment) -> Iterator[Combination]:
    """All of them; an option whose name must be quoted is tried without quotes as well, and one in a .yml file."""
    groups = [[(), *(((group, name),) for name in _named(experiment, group))] for group in (SETS, ENVIRONMENTS)]
    for chosen in product(*groups):
        options = tuple(option for one in chosen for option in one)
        words = tuple(naming.override(group, name) for group, name in options)
        plain = tuple(f"{group}={name}" for group, name in options)
        yield Combination(options, words)
        if plain != words and len(options) == 1:
            yield Combination(options, plain)
    for key in _other_groups(experiment):
        group, _, package = key.partition("@")
        for choice in (group, key, f"{group}@_global_") if package else (key,):
            for name in _named(experiment, group):
                for word in dict.fromkeys((naming.override(choice, name), f"{choice}={name}")):
                    yield Combination(((group, name),), (word,))


def is_in(path: Path, group: str) -> bool:
    """Whether the file is an option of the group, such as `db/engine`."""
    folders = group.split("/")
    return list(path.parent.parts[-len(folders) :]) == folders


def _other_groups(experiment: Experiment) -> list[str]:
    """The groups besides exp and env that config.yaml names, as they are chosen: `model`, `model@exp.model`."""
    try:
        defaults = OmegaConf.to_container(OmegaConf.load(experiment.config_file), resolve=False)["defaults"]
        entries = [str(key) for entry in defaults if isinstance(entry, dict) for key in entry]
    except Exception:  # nothing can be chosen
        return []
    chosen = [entry.split()[-1].lstrip("/") for entry in entries if "override" not in entry.split()]
    return [key for key in dict.fromkeys(chosen) if key.partition("@")[0] not in (SETS, ENVIRONMENTS)]


def _is_chosen(one: Combination, answer: Mapping[str, str]) -> bool:
    """Not if that is no choice: a package is typed otherwise than it is written, where it is the group's own."""
    if all(group in (SETS, ENVIRONMENTS) for group, _ in one.options):
        return True
    return f"Could not override '{one.words[0].partition('=')[0]}'" not in answer.get("error", "")


def _named(experiment: Experiment, group: str) -> list[str]:
    """The options of the group, those in folders below it as well, as they are typed: `sub/001`."""
    folder = experiment.group_dir(group)
    return sorted({path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*") if path.is_file()})


def complaints(root: Path, experiment: Experiment, ask: Ask, counts: dict[str, int]) -> Iterator[str]:
    """Where validate says nothing of a failure, or claims one that is none.

    `ask` runs the entry point with the given words, `--cfg job --resolve` before them.
    """
    tried = list(combinations(experiment))
    answers = dict(zip(tried, ask([list(one.words) for one in tried]), strict=True))
    answers = {one: answer for one, answer in answers.items() if _is_chosen(one, answer)}
    groups = {group for one in tried for group, _ in one.options}
    failing = {one: answer["error"] for one, answer in answers.items() if _fails(answer)}
    findings = check(Project(root), [experiment]).findings
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    unset = any(finding.code == "ES337" for finding in findings)
    followed = [finding.message for finding in findings if finding.code == "ES014" and finding not in errors]
    counts["validated"] += 1
    counts["combinations"] += len(tried)
    counts["combinations that fail"] += len(failing)
    counts["validated without a failure"] += not failing
    right = {one.options for one in answers if one not in failing}
    for one, error in failing.items():
        if one.options in right and not all(group in (SETS, ENVIRONMENTS) for group, _ in one.options):
            continue  # it is meant for another place of its group
        if unset and error.strip() == "AssertionError:":
            continue  # 1.4's --resolve stops at what refers to a value not given
        missing = re.search(r"Could not find '(\S+)/[^/']+'", error)
        if missing and any(f" needs {missing[1]}=" in message for message in followed):
            continue  # `env: ${exp}` leaves the choice open for sets that env has no option of: that is a note
        if not any(_explains(experiment, finding, one, failing, answers) for finding in errors):
            yield f"validate says nothing of {' '.join(one.words) or 'the bare run'}, which fails: {error}"
    told = [one for one, answer in answers.items() if one in failing or "error" not in answer]
    for finding in errors:
        silent = finding.code in ALSO_SILENT and ALSO_SILENT[finding.code] in finding.message
        silent |= _is_done_without(finding, root, experiment)
        fails = ALL[finding.code].hydra == "fails" and not silent
        if fails and not _is_true(finding, experiment, groups, failing, told):
            yield f"validate claims that Hydra fails, but it does not: {finding}"


def _is_done_without(finding: Finding, root: Path, experiment: Experiment) -> bool:
    """Whether Hydra does without a file that it does not see: an optional group, or another folder has the option."""
    if finding.code != "ES221":
        return False
    group, name = finding.location.path.parent.name, finding.location.path.stem
    text = experiment.config_file.read_text("utf-8", "replace") if experiment.config_file.is_file() else ""
    optional = re.search(rf"optional\s+/?{re.escape(group)}[@:]", text) is not None
    return optional or any(root.rglob(f"{group}/{name}.yaml"))


def _fails(answer: Mapping[str, str]) -> bool:
    """A choice that the defaults list leaves open is no failure, and an environment variable may be set elsewhere."""
    error = answer.get("error", "")
    return bool(error) and "You must specify " not in error and "Environment variable" not in error


def _explains(
    experiment: Experiment,
    finding: Finding,
    one: Combination,
    failing: Mapping[Combination, str],
    tried: Mapping[Combination, object],
) -> bool:
    """Whether the finding is about this run: not if it stands in another option's file which itself does not fail."""
    path = finding.location.path
    if one.has(path) or not any(other.has(path) for other in tried) or _mention(experiment, one.options, path):
        return True
    return any(other in failing for other in tried if other.has(path))


def _is_true(
    finding: Finding,
    experiment: Experiment,
    groups: Iterable[str],
    failing: Mapping[Combination, str],
    told: Iterable[Combination],
) -> bool:
    """Whether something fails that has to do with the finding's file, or no run of it is `told` from a choice left
    open or from a variable that is unset.
    """
    path = finding.location.path
    of_a_group = any(is_in(path, group) for group in groups)
    if not any(one.has(path) or not of_a_group for one in told):
        return True
    if not of_a_group:
        return bool(failing)
    if any(one.has(path) for one in failing):
        return True
    users = {option for one in failing for option in one.options}
    return _mention(experiment, users, path) or (not users and bool(failing))


def _mention(experiment: Experiment, options: Iterable[tuple[str, str]], path: Path) -> bool:
    """Whether one of the options may inherit from the file, since its name stands in theirs, or in a parent's."""
    waiting, seen = list(options), set[tuple[str, str]]()
    while waiting:
        group, name = waiting.pop()
        file = experiment.group_dir(group) / f"{name}.yaml"
        if not file.is_file() or (group, name) in seen:
            continue
        seen.add((group, name))
        text = file.read_bytes()
        if path.stem.encode() in text:
            return True
        waiting += [(group, other) for other in _named(experiment, group) if other.rpartition("/")[2].encode() in text]
    return False
