"""Checking experiments: compose everything, run the rules, and keep one finding for one mistake."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from experiment_setup import schema
from experiment_setup.checking import workers
from experiment_setup.composing.compose import Composer
from experiment_setup.facts.defaults_lists import lineage
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Finding, Severity
from experiment_setup.project import Experiment, Project
from experiment_setup.reading import suppression
from experiment_setup.reading.suppression import Suppression
from experiment_setup.rules import ALL
from experiment_setup.rules.es60_suppressions import unused


@dataclass(frozen=True)
class Checked:
    """One experiment and what was composed of it.

    `environments` counts the environment of the defaults list as one, and `composed` every combination.
    """

    experiment: Experiment
    parameter_sets: int
    environments: int

    @property
    def composed(self) -> int:
        """How many combinations of parameter set and environment were composed; the bare experiment counts as a set."""
        return max(self.parameter_sets, 1) * self.environments


@dataclass
class Result:
    """All findings of a check, in the order of their places."""

    checked: list[Checked] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def count(self, severity: Severity) -> int:
        """How many findings have this severity."""
        return sum(finding.severity is severity for finding in self.findings)

    def fails(self, *, strict: bool = False) -> bool:
        """Whether there are findings that count: errors, and with `strict` warnings."""
        counting = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
        return any(finding.severity in counting for finding in self.findings)


def check(
    project: Project,
    experiments: Sequence[Experiment],
    *,
    codes: Collection[str] | None = None,
    make_composer: Callable[[Experiment, schema.Schema, Path], Composer] = Composer,
    started: Callable[[int, str], None] = lambda *_: None,
) -> Result:
    """Check the experiments with the rules in `codes` (None: all). What a `# noqa` silences is left out.

    `started` is told the number and the name of experiments when their turn comes.
    """

    def one(number: int, experiment: Experiment) -> _Outcome:
        started(number, experiment.name)
        return _check_one(project, experiment, make_composer)

    result = Result()
    comments: dict[Path, list[Suppression]] = {}
    own_folders: list[Path] = []
    for outcome in workers.results(experiments, one):
        result.findings += outcome.findings
        result.checked.append(outcome.checked)
        comments |= outcome.comments
        own_folders += [outcome.checked.experiment.folder, outcome.checked.experiment.config_dir]
    findings = list(_contested(_unique(result.findings)))
    result.findings = _without_silenced(findings, comments, own_folders)
    result.findings = [finding for finding in result.findings if codes is None or finding.code in codes]
    result.findings.sort(key=lambda finding: finding.sort_key)
    return result


@dataclass(frozen=True)
class _Outcome:
    checked: Checked
    findings: list[Finding]
    comments: dict[Path, list[Suppression]]


def _check_one(
    project: Project, experiment: Experiment, make_composer: Callable[[Experiment, schema.Schema, Path], Composer]
) -> _Outcome:
    """Run all rules on an experiment, and read the comments of each file that they speak of."""
    context = context_of(project, experiment, make_composer)
    found = [finding for rule in ALL.values() for finding in rule.check(context)]
    comments = dict(context.suppressions)
    for path in sorted({finding.location.path for finding in found} - comments.keys()):
        comments[path] = list(suppression.parse(path, suppression.read(path)))
    checked = Checked(experiment, len(context.sets), 1 + len(context.environments))
    return _Outcome(checked, _without_cascades(context, found), comments)


def _contested(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings without the claims that no other experiment makes; of those that do, the first one is right."""
    first: dict[tuple[str, ...], str] = {}
    for finding in findings:
        claim = finding.claim
        if claim is None:
            yield finding
        elif (other := first.setdefault(claim.what, claim.by)) != claim.by:
            yield replace(finding, message=finding.message.replace("{other}", other), claim=None)


def _without_silenced(
    findings: list[Finding], comments: dict[Path, list[Suppression]], own_folders: Sequence[Path]
) -> list[Finding]:
    """Drop what comments silence, and add a finding for each comment that silences nothing."""
    applied = suppression.apply(findings, [comment for found in comments.values() for comment in found])
    left_over = []
    for comment, code in applied.unused:
        # A comment in a module that several experiments share may be about one that was not checked.
        if any(comment.location.path.is_relative_to(folder) for folder in own_folders):
            left_over += [finding for finding in [unused(comment, code)] if finding]
    return [*applied.findings, *left_over]


def context_of(
    project: Project, experiment: Experiment, make_composer: Callable[[Experiment, schema.Schema, Path], Composer]
) -> ExperimentContext:
    """What the rules look at for one experiment."""
    read = schema.read(experiment.entry, project.root) if experiment.entry else schema.empty(experiment.config_file)
    return ExperimentContext(project, experiment, read, make_composer(experiment, read, project.root))


# What is said about a file as it composes: pointless where its defaults list is broken.
_OF_THE_COMPOSED = ("ES014", "ES010", "ES011", "ES142", "ES223", "ES511", "ES512", "ES513", "ES514")
_REFUSED = ("ES014", "ES010", "ES011")  # Hydra's own words
_NOT_FOUND = ("ES110", "ES124")  # what an entry names is not there


def _without_cascades(context: ExperimentContext, findings: list[Finding]) -> list[Finding]:
    """Drop repeated findings, and what Hydra says about a mistake that a rule has explained.

    A broken defaults list (ES1xx) explains every failure to compose its file. What is wrong with config.yaml's list, or
    with a parent, explains Hydra's own words (ES014) about the files that need it. What a rule `hides` follows from it
    wherever it stands: registrations that are swapped make every parameter set look wrong. A finding may say itself
    which places it `explains`, and from which broken lists it `follows_from`.
    """
    findings = _explaining(findings)
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    explained = {finding.location.path for finding in errors if finding.code != "ES014"}
    lists = {f.location.path for f in errors if f.code.startswith("ES1") or f.code == "ES224"}
    places = {finding.location for finding in errors if finding.code != "ES010"}
    entries = {_line(f) for f in errors if f.code.startswith("ES1") and f.code not in _NOT_FOUND}
    hidden = {(code, path) for code in _OF_THE_COMPOSED for path in lists}
    hidden |= {("ES014", path) for path in explained | _dependents(context, explained, lists)}
    follows = {code for finding in errors for code in ALL[finding.code].hides}
    return _unique(
        finding
        for finding in findings
        if finding.code not in follows
        and (finding.code, finding.location.path) not in hidden
        and lists.isdisjoint(finding.follows_from)
        and not (finding.code == "ES010" and finding.location in places)
        and not (finding.code in _NOT_FOUND and _line(finding) in entries)
    )


def _line(finding: Finding) -> tuple[Path, int]:
    return finding.location.path, finding.location.line


def _explaining(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without those that another one explains, which is an error then: Hydra refuses what it is about."""
    refused = {finding.location for finding in findings if finding.code in _REFUSED}
    explained = {place for finding in findings for place in finding.explains if place in refused}
    return [
        replace(finding, severity=Severity.ERROR) if explained.intersection(finding.explains) else finding
        for finding in findings
        if not (finding.code in _REFUSED and finding.location in explained)
    ]


def _unique(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once: files that several experiments share are looked at with each of them."""
    unique: dict[object, Finding] = {}
    for finding in findings:
        unique.setdefault((finding.code, finding.location, finding.message), finding)
    return list(unique.values())


def _dependents(context: ExperimentContext, explained: set[Path], lists: set[Path]) -> set[Path]:
    """The files that cannot be composed because a file that they need is broken."""
    if not explained:
        return set()
    primary = context.experiment.config_file
    if not primary.is_file():
        explained = explained | {primary}
    needs: dict[Path, set[Path]] = {primary: set()}
    for group, options in context.options.items():
        for name, option in options.items():
            above = {options[other].path for other in lineage(options, name) if other in options}
            needs[option.path] = above | ({primary} & lists)
            if name == context.groups.get(group):
                needs[primary] |= above
    return {path for path, others in needs.items() if others & explained}
