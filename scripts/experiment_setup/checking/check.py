"""Checking experiments: compose everything, run the rules, and keep one finding for one mistake."""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from pathlib import Path

from experiment_setup import schema
from experiment_setup.checking import second_look, workers
from experiment_setup.code.annotations import let_go_of_types
from experiment_setup.composing.compose import Composer, MakeComposer
from experiment_setup.composing.parts import let_go_of_nodes
from experiment_setup.composing.refusals import NotFound, NotOverridable
from experiment_setup.errors import CommandError
from experiment_setup.facts.compositions import Memo
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.output_folders import WrittenFolder, written_folders
from experiment_setup.facts.own_files import is_everybodys_own
from experiment_setup.facts.put_aside import is_put_aside
from experiment_setup.facts.refusals import chosen_options
from experiment_setup.facts.together import ConfigFiles, Together
from experiment_setup.findings import Finding, Severity
from experiment_setup.latest import Latest
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment, Project
from experiment_setup.reading import suppression
from experiment_setup.reading.config_folder import ConfigFolder
from experiment_setup.reading.suppression import Suppression
from experiment_setup.requirements import Declared
from experiment_setup.rules import ALL
from experiment_setup.rules.phases import Phase, judge


@dataclass(frozen=True)
class Checked:
    """One experiment and what was composed of it.

    `environments` counts the environment of the defaults list as one, and `composed` every combination of these with
    the parameter sets: those of exp/ (the bare experiment, if there is none), and those that are written from the root
    or lie in folders, without an environment. `left_out` are the options that were not composed, by their group.
    """

    experiment: Experiment
    parameter_sets: int
    environments: int
    composed: int
    left_out: Mapping[str, Collection[Path]]
    not_composed: int = 0  # choices that would have taken Hydra too long
    unread: tuple[Path, ...] = ()  # further entry points of the folder whose config is not known
    unknown: int = 0  # combinations with what only running the code stores
    untyped: Mapping[str, int] = field(default_factory=dict)  # options of groups that the command line does not take
    taken: frozenset[Path] = frozenset()  # options that a run can choose, though no list comes to them: composed

    @classmethod
    def of(cls, context: ExperimentContext) -> Checked:
        """Count what the rules have looked at."""
        environments, listed = 1 + len(context.options.environments), len(context.options.sets)
        if context.options.is_a_variant:
            environments, listed = 1, 0
        further = len({option.path for option in (*context.options.root_sets, *context.options.added_sets)})
        composed = max(listed, not further) * environments + further
        left_out = {
            folder: {document.path for document in loaded} for folder, loaded in context.options.loaded_by_path.items()
        }
        for left in context.options.left_out:
            left_out.setdefault(left.group, set()).update(left.options.values())
        known = {other.entry for other in context.project.further(context.experiment)}
        unread = tuple(path for path in context.project.other_entry_points(context.experiment) if path not in known)
        beyond_typing = [placed for placed in context.options.placed if not placed.is_typed]
        chosen = {(placed.group, placed.option) for placed in beyond_typing}
        untyped = {
            group: sum((group, option.name) not in chosen for option in context.options.of_group(group))
            for group in {placed.group for placed in beyond_typing}
        }
        beyond = len(context.memo.left_out)
        unknown = composed if _rests_on_unread_code(context) or _waits_for_a_file(context) else 0
        taken = frozenset(option.path for option in context.options.added)
        counts = (listed + further, environments, composed - unknown)
        return cls(context.experiment, *counts, left_out, beyond, unread, unknown, untyped, taken)


def _rests_on_unread_code(context: ExperimentContext) -> bool:
    """Whether nothing composes without what only running the code stores in the ConfigStore, such as the primary config
    itself, where neither a file nor a dataclass is it.
    """
    if not (context.experiment.has_config or context.schema.registration(None, context.experiment.config_name)):
        return context.compositions.at().failure is not None
    failure = context.compositions.at().failure if context.code.unread_registrations else None
    return failure is not None and isinstance(failure.refusal, (NotFound, NotOverridable))


def _waits_for_a_file(context: ExperimentContext) -> bool:
    """Whether nothing composes without a file that everybody makes, or what a function of the code stores."""
    failure = context.compositions.at().failure
    refusal = failure.refusal if failure is not None else None
    if not isinstance(refusal, NotFound):
        return False
    return is_everybodys_own(context, refusal.config) or context.code.stores_in_a_function(refusal.config)


@dataclass
class Result:
    """All findings of a check, in the order of their places."""

    checked: list[Checked] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    failed: list[CommandError] = field(default_factory=list)  # one for each experiment that could not be checked
    elsewhere: list[Path] = field(default_factory=list)  # entry points in other folders, of which no config is known

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
    make_composer: MakeComposer = Composer,
    started: Callable[[int, str], None] = lambda *_: None,
) -> Result:
    """Check the experiments with the rules in `codes` (None: all). What a `# noqa` silences is left out.

    `started` is told the number and the name of experiments when their turn comes.
    """

    shared = _Shared(Counter(experiment.config_dir for experiment in experiments))

    def one(number: int, experiment: Experiment) -> _Outcome:
        started(number, experiment.name)
        try:
            return _check_one(project, experiment, make_composer, shared)
        finally:
            let_go_of_nodes()
            let_go_of_types()
            gc.collect(0)  # nodes of configs know each other in circles; an experiment later they are old, and stay

    result = Result()
    comments: dict[Path, list[Suppression]] = {}
    folders: list[WrittenFolder] = []
    config_files: list[ConfigFiles] = []
    outcomes: list[_Outcome] = []
    for outcome in workers.each(experiments, one, lambda experiment: project.relative(experiment.folder)):
        if isinstance(outcome, CommandError):
            result.failed.append(outcome)
            continue
        outcomes.append(outcome)
        result.checked.append(outcome.checked)
        comments |= outcome.comments
        folders += outcome.folders
        config_files.append(outcome.files)
    found = _once_a_place(_not_meant_for_others(outcomes))
    findings = _unique([*found, *_of_all(Together(folders=folders, files=config_files))])
    findings = list(_own_files_once(findings))
    applied = suppression.apply(findings, [comment for known in comments.values() for comment in known])
    own = [folder for one in experiments for folder in (one.folder, one.config_dir)]
    # A comment in a module that several experiments share may be about one that was not checked.
    unused = [
        (comment, code) for comment, code in applied.unused if any(map(comment.location.path.is_relative_to, own))
    ]
    result.findings = [*applied.findings, *_of_all(Together(unused=unused))]
    result.findings = [finding for finding in result.findings if codes is None or finding.code in codes]
    result.findings.sort(key=lambda finding: finding.sort_key)
    if codes is None:  # who asks for a rule wants each place
        result.findings = list(_habits_once(result.findings))
    return result


def _own_files_once(findings: Sequence[Finding]) -> Iterator[Finding]:
    """A file that everybody makes is lacking once, however many primary configs name it."""
    places: dict[str, list[Location]] = {}
    for finding in sorted(filter(_is_of_an_own_file, findings), key=lambda finding: finding.sort_key):
        places.setdefault(finding.message, []).append(finding.location)
    for finding in findings:
        if not _is_of_an_own_file(finding):
            yield finding
        elif finding.location == places[finding.message][0]:
            yield finding.at(places[finding.message])


def _is_of_an_own_file(finding: Finding) -> bool:
    return finding.code == "ES124" and finding.severity is Severity.WARNING


def _habits_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """What is a habit of the whole project counts where it is met first; the other places are notes."""
    warned: set[str] = set()
    for finding in findings:
        again = finding.code in warned and finding.severity is Severity.WARNING
        if ALL[finding.code].habit and finding.severity is Severity.WARNING:
            warned.add(finding.code)
        yield replace(finding, severity=Severity.INFO) if again else finding


@dataclass(frozen=True)
class _Outcome:
    checked: Checked
    findings: list[Finding]
    sound: frozenset[Path]  # options of further groups that compose, where other primary configs choose them too
    added: frozenset[Path]  # options that no defaults list of the primary config comes to
    comments: dict[Path, list[Suppression]]
    folders: list[WrittenFolder]
    files: ConfigFiles


@dataclass
class _Shared:
    """What the experiments whose configs lie in one folder have in common."""

    counts: Mapping[Path, int]  # of the experiments of each folder
    # They come one after the other.
    memos: Latest[object, Memo] = field(default_factory=partial(Latest, 8))
    folders: Latest[Path, ConfigFolder] = field(default_factory=partial(Latest, 1))

    def folder(self, experiment: Experiment) -> ConfigFolder:
        """Its config folder, whose files are kept for the next one if that has the same."""
        path = experiment.config_dir
        return self.folders.get(path, partial(ConfigFolder, path)) if self.is_of_several(path) else ConfigFolder(path)

    def is_of_several(self, config_dir: Path) -> bool:
        """Whether several experiments have their configs in the folder."""
        return self.counts[config_dir] > 1


def _check_one(project: Project, experiment: Experiment, make_composer: MakeComposer, shared: _Shared) -> _Outcome:
    """Run all rules on one of the experiments, and read the comments of each file that they speak of."""
    context = context_of(project, experiment, make_composer, shared.folder(experiment))
    shares = shared.is_of_several(experiment.config_dir)
    stores = context.schema.registrations or context.schema.problems
    if shares and not context.composer.runs_the_code and not stores:
        # Seventy entry points of one config with three hundred options compose the same, if none stores anything.
        version_base, typed = repr(context.schema.version_base), frozenset(context.always_replaced())
        same = (experiment.config_file, version_base, context.schema.search_path, typed)
        context.memo = shared.memos.get(same, lambda: context.memo)
    findings = judge(context, [rule for rule in ALL.values() if not rule.together])
    of_another = [_of_another_hydra(finding) for finding in findings]
    if of_another != findings and Declared(project.root).is_bound_before("hydra", (1, 1), experiment.folder):
        findings = of_another
    findings += second_look.findings(context)
    findings = [replace(f, severity=Severity.INFO) if is_put_aside(context, f) else f for f in findings]
    comments = dict(context.suppressions)
    places = (place for finding in findings for place in (finding.location, *finding.also))
    for path in sorted({place.path for place in places} - comments.keys()):
        comments[path] = list(suppression.parse(path, suppression.read(path)))
    sound = frozenset(_sound(context)) if shares else frozenset()
    added = frozenset(document.path for option in context.options.added for document in context.options.lineage(option))
    folders = written_folders(context)
    config_files = ConfigFiles.of(context)
    return _Outcome(Checked.of(context), _unique(findings), sound, added, comments, folders, config_files)


_COMPOSED = (Phase.GROUPS, Phase.INHERITANCE, Phase.REFUSALS, Phase.COMPOSITION, Phase.VALUES, Phase.CODE)


def _of_another_hydra(finding: Finding) -> Finding:
    """What our Hydra makes of the configs is a note where the project runs with one that reads them otherwise: with
    other rules for a defaults list, and with an option at the root of the config where no header says its place.
    """
    phase = ALL[finding.code].phase
    if phase is not Phase.LISTS and not (phase in _COMPOSED and finding.severity is Severity.ERROR):
        return finding
    message = f"{finding.message} (in Hydra 1.1 and newer; the project asks for an older one)"
    return replace(finding, severity=Severity.INFO, message=message, edits=(), rename=None)


_REFUSED = ("ES010", "ES011", "ES014", "ES110")  # rules of what does not compose


def _sound(context: ExperimentContext) -> Iterator[Path]:
    """The options of further groups that compose; others of the experiments may choose from the same config folder."""
    for option, outcome in chosen_options(context):
        if option.group not in (SETS, ENVIRONMENTS) and outcome.config is not None:
            yield from (document.path for document in context.options.lineage(option))


def _not_meant_for_others(outcomes: Sequence[_Outcome]) -> Iterator[list[Finding]]:
    """What was found with each, but for options at fault beside one primary config and meant for another of the folder.

    Of one that is only added (`+evaluation=small`) nothing tells which that is: whatever is found with it is found
    with each of those that it composes with.
    """
    sound: dict[Path, list[set[tuple[str, Location]]]] = {}
    for outcome in outcomes:
        found = {(finding.code, finding.location) for finding in outcome.findings}
        for path in outcome.sound:
            sound.setdefault(path, []).append(found)

    def is_at_fault(finding: Finding, outcome: _Outcome) -> bool:
        elsewhere = sound.get(finding.location.path, [])
        if elsewhere and finding.code in _REFUSED:
            return False
        return finding.location.path not in outcome.added or all(
            (finding.code, finding.location) in found for found in elsewhere
        )

    for outcome in outcomes:
        yield [finding for finding in outcome.findings if is_at_fault(finding, outcome)]


def _once_a_place(found: Iterable[Sequence[Finding]]) -> Iterator[Finding]:
    """What a rule says of a place with several entry points, in the words of the one where it weighs most."""
    said: dict[tuple[str, Location], list[Finding]] = {}
    for of_one in found:
        places: dict[tuple[str, Location], list[Finding]] = {}
        for finding in of_one:
            places.setdefault((finding.code, finding.location), []).append(finding)
        for place, findings in places.items():
            if place not in said or _worst(findings) < _worst(said[place]):
                said[place] = findings
    return itertools.chain.from_iterable(said.values())


def _worst(findings: Iterable[Finding]) -> int:
    severities = list(Severity)  # the worst first
    return min(severities.index(finding.severity) for finding in findings)


def _of_all(checked: Together) -> Iterator[Finding]:
    """What the rules find that look at all experiments together."""
    for rule in ALL.values():
        if rule.together:
            yield from rule.check(checked)


def context_of(
    project: Project, experiment: Experiment, make_composer: MakeComposer, folder: ConfigFolder | None = None
) -> ExperimentContext:
    """What the rules look at for one experiment, whose config folder may have been read already.

    Raises OSError where the experiment cannot be looked into.
    """
    if experiment.closed is not None:
        raise experiment.closed
    read = schema.read(experiment.entry, project.root) if experiment.entry else schema.empty(experiment.config_file)
    read.choose_main(experiment.config_dir / experiment.config_name)
    return ExperimentContext(project, experiment, read, make_composer(experiment, read, project.root, folder))


# What differs where several primary configs, or several choices, show one fault.
_BY_NAME = compiled(r"^Hydra fails [^:]*: (?:In '?[\w/.\-]+'?: )?|-cn [^ :]+ ?")


def _unique(findings: Iterable[Finding]) -> list[Finding]:
    """Each finding once: files that several experiments share are looked at with each of them."""
    unique: dict[object, Finding] = {}
    for finding in findings:
        unique.setdefault((finding.code, finding.location, _BY_NAME.sub("", finding.message)), finding)
    return list(unique.values())
