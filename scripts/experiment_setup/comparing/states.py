"""What became of the runs of each config: the runs below the project, each beside the config that it is of."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path, PurePath

from experiment_setup import files, naming
from experiment_setup.comparing.comparison import Row
from experiment_setup.facts import parameter_sets
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.output_folders import code_sets
from experiment_setup.light import dataclass
from experiment_setup.project import SETS, Experiment, Project
from experiment_setup.runs import run as runs
from experiment_setup.runs import saved
from experiment_setup.runs.changes import Changes, state_of
from experiment_setup.runs.matching import Candidate, Matcher, chooses
from experiment_setup.runs.run import Run, State
from experiment_setup.showing import values

NOT_RUN = "not run"
_PASSED_OVER = frozenset("__pycache__ node_modules site-packages".split())
_BEST_FIRST = (State.DONE, State.RUNNING, State.UNKNOWN, State.FAILED, State.MISSING)


@dataclass
class Runs:
    """The runs below a project; which experiment each is of, where that can be told."""

    project: Project
    unknown: list[str] = field(default_factory=list)  # the folders of runs of which it cannot
    unread: list[str] = field(default_factory=list)  # folders that may hold runs, and cannot be looked into
    _of: dict[Path, list[Run]] = field(default_factory=dict)  # by the experiment's folder

    @classmethod
    def below(cls, project: Project) -> Runs:
        """Read them all."""
        result = cls(project)
        own = {experiment.config_dir for experiment in project.experiments}
        found = [run for run in runs.below(project.root, _may_hold_runs) if run.folder not in own]
        result.unread = [project.relative(run.folder) for run in found if run.unread]
        for run in _without_copies([run for run in found if not run.unread]):
            experiment = result._experiment(run)
            if experiment is None:
                if run.choices is not None or run.state is not State.UNKNOWN:
                    result.unknown.append(project.relative(run.folder))
            else:
                result._of.setdefault(experiment.folder, []).append(run)
        return result

    def of(self, experiment: Experiment, rows: Sequence[Row]) -> Sequence[Run]:
        """The runs of an experiment; also those outside the project, where the configs of these rows write to."""
        own = self._of.get(experiment.folder, [])
        outside = [run for folder in self._outside(rows) for run in runs.below(folder, _may_hold_runs)]
        seen = (run for run in outside if not run.unread)
        return _without_copies([*own, *(run for run in seen if self._experiment(run) is experiment)])

    def _outside(self, rows: Sequence[Row]) -> list[Path]:
        """The folders of outputs that lie elsewhere, such as on another disk, without those that lie in others."""
        named = {
            Path(value)
            for row in rows
            for key, value in row.values.items()
            if isinstance(value, str) and value.startswith("/") and naming.is_output_folder(key.rpartition(".")[2])
        }
        top = self.project.root
        found = {folder for folder in named if not folder.is_relative_to(top) and not top.is_relative_to(folder)}
        return sorted(folder for folder in found if not found & set(folder.parents) and folder.is_dir())

    @cached_property
    def _known(self) -> Sequence[Experiment]:
        return [experiment for experiment in self.project.experiments if experiment.entry is not None]

    @cached_property
    def _sets(self) -> Mapping[Path, Collection[str]]:
        return {experiment.folder: _sets_of(experiment) for experiment in self._known}

    def _named(self, parts: Iterable[str]) -> list[Experiment]:
        """The experiments whose names are parts of a path."""
        names = frozenset(parts)
        return [experiment for experiment in self._known if experiment.name in names]

    def _experiment(self, run: Run) -> Experiment | None:
        """By Hydra's record, else by the experiment's name in the path, else the only one that has what it chose."""
        recorded = [e for e in self._known if e.config_dir in run.config_dirs]
        if len(recorded) == 1:
            return recorded[0]
        top = self.project.root
        parts = run.folder.parts[len(top.parts) if run.folder.is_relative_to(top) else 0 :]
        named = self._named(parts) or self._named(part for value in _texts(run) for part in PurePath(str(value)).parts)
        if named:
            return max(named, key=lambda e: [*parts, e.name].index(e.name)) if len(named) > 1 else named[0]
        chosen = (run.choices or {}).get(SETS)
        having = [e for e in self._known if chosen in self._sets[e.folder]] if chosen is not None else self._known
        return having[0] if len(having) == 1 else None


def _sets_of(experiment: Experiment) -> Collection[str]:
    try:
        return experiment.options(SETS).keys()
    except OSError:  # that is said of the experiment
        return ()


def _without_copies(found: Sequence[Run]) -> list[Run]:
    """The runs but for what is a config once more, such as beside the models of a run."""
    recorded = {repr(run.config) for run in found if run.choices is not None}
    return [run for run in found if run.choices is not None or repr(run.config) not in recorded]


def with_states(context: ExperimentContext, rows: Sequence[Row], found: Sequence[Run]) -> tuple[list[Row], list[str]]:
    """The rows with the state and the results of their runs, and a row more for each run with values of its own.

    Also the folders of the runs that are of none of the sets that there are.
    """
    candidates = [Candidate(row.choices, row.values) for row in rows]
    matcher = Matcher(context.project.root, context.options.groups, candidates)
    changes = Changes(context.composer, lambda key: code_sets(context, key))
    of_row: dict[int, dict[tuple[str, ...], list[_Judged]]] = {}
    lost: list[str] = []
    for run in found:
        number = matcher.number(run)
        if number is None:
            if (run.choices or {}).get(SETS) not in (None, *parameter_sets.by_name(context)):
                lost.append(context.relative(run.folder))
        else:
            changed = changes.since(run, _composed(context, rows[number]))
            of_row.setdefault(number, {}).setdefault(_own_words(run), []).append(_Judged(run, changed))
    result: list[Row] = []
    for number, row in enumerate(rows):
        own = of_row.get(number, {})
        result.append(_judged(row, own.pop((), []), context.project))
        result += [_judged(_with_overrides(context, row, words), own[words], context.project) for words in own]
    return result, lost


def _composed(context: ExperimentContext, row: Row) -> dict[str, str | None]:
    """The choices of a row, as they are composed."""
    return dict(context.compositions.of(dict(row.choices)).choices)


def _own_words(run: Run) -> tuple[str, ...]:
    """The words of its command line that set values of the job."""
    words = run.overrides or ()
    return tuple(word for word in words if not chooses(word) and not word.lstrip("+~").startswith(("hydra.", "hydra/")))


def _with_overrides(context: ExperimentContext, row: Row, words: tuple[str, ...]) -> Row:
    """The row of the same choices with values given by hand."""
    outcome = context.composer.compose(_composed(context, row), words)
    refused = outcome.failure.refusal.words if outcome.failure is not None else None
    return replace(row, overrides=words, values=values.by_key(outcome), refused=refused)


@dataclass(frozen=True)
class _Judged:
    run: Run
    changed: Mapping[str, tuple[object, object]]

    @cached_property
    def state(self) -> str:
        return state_of(self.run, self.changed)


def _judged(row: Row, found: Sequence[_Judged], project: Project) -> Row:
    """The row with what is best to know of its runs: of those with the values of today, else of all."""
    if not found:
        return replace(row, state=NOT_RUN)

    def order(one: _Judged) -> tuple[bool, int, float]:
        return bool(one.changed), _BEST_FIRST.index(one.run.state), -saved.changed(one.run.folder)

    best = min(found, key=order)
    return replace(
        row,
        state=best.state,
        changed=dict(best.changed),
        run=project.relative(best.run.folder),
        results=dict(best.run.results),
    )


def _texts(run: Run) -> Iterator[object]:
    """The values of a run that may have its experiment's name in them: where it wrote to."""
    return (value for key, value in runs.leaves(dict(run.config or {})) if key.endswith(("_dir", "_path", "_folder")))


def _may_hold_runs(entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith(".") or entry.name in _PASSED_OVER
    try:
        return not hidden and not files.is_environment(Path(entry.path))
    except OSError:
        return True  # whoever looks into it meets the same, and says so
