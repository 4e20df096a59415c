"""What became of the runs of each config: the runs below the project, each beside the config that it is of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from experiment_setup.comparing import configs
from experiment_setup.comparing.comparison import Row
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.output_folders import code_sets
from experiment_setup.project import SETS, Experiment, Project
from experiment_setup.runs import run as runs
from experiment_setup.runs import saved
from experiment_setup.runs.changes import Changes, is_same, state_of
from experiment_setup.runs.run import Run, State

NOT_RUN = "not run"
_PASSED_OVER = frozenset("__pycache__ node_modules site-packages".split())
_BEST_FIRST = (State.DONE, State.RUNNING, State.UNKNOWN, State.FAILED, State.MISSING)


@dataclass
class Runs:
    """The runs below a project; which experiment each is of, where that can be told."""

    project: Project
    unknown: int = 0  # runs of which it cannot
    _of: dict[Path, list[Run]] = field(default_factory=dict)  # by the experiment's folder

    @classmethod
    def below(cls, project: Project) -> Runs:
        """Read them all."""
        result = cls(project)
        own = {experiment.config_dir for experiment in project.experiments}
        found = [run for run in runs.below(project.root, _may_hold_runs) if run.folder not in own]
        recorded = {repr(run.config) for run in found if run.choices is not None}
        for run in found:
            if run.choices is None and repr(run.config) in recorded:
                continue  # the config once more, such as beside the models of that run
            experiment = result._experiment(run)
            if experiment is None:
                result.unknown += run.choices is not None or run.state is not State.UNKNOWN
            else:
                result._of.setdefault(experiment.folder, []).append(run)
        return result

    def of(self, experiment: Experiment) -> Sequence[Run]:
        """The runs of an experiment."""
        return self._of.get(experiment.folder, ())

    def _experiment(self, run: Run) -> Experiment | None:
        """By Hydra's record, else by the experiment's name in the path, else the only one that has what it chose."""
        known = [e for e in self.project.experiments if e.entry is not None]
        recorded = [e for e in known if e.config_dir in run.config_dirs]
        if len(recorded) == 1:
            return recorded[0]
        parts = run.folder.relative_to(self.project.root).parts
        named = [e for e in known if e.name in parts] or [
            e for e in known if any(e.name in str(value) for value in _texts(run))
        ]
        if named:
            return max(named, key=lambda e: [*parts, e.name].index(e.name)) if len(named) > 1 else named[0]
        chosen = (run.choices or {}).get(SETS)
        having = [e for e in known if chosen in e.options(SETS)] if chosen is not None else known
        return having[0] if len(having) == 1 else None


def with_states(context: ExperimentContext, rows: Sequence[Row], found: Sequence[Run]) -> tuple[list[Row], int]:
    """The rows with the state and the results of their runs, and a row more for each run with values of its own.

    Also how many runs are of none of the sets that there are.
    """
    matcher = _Matcher(context, rows)
    changes = Changes(context.composer, lambda key: code_sets(context, key))
    of_row: dict[tuple[int, tuple[str, ...]], list[_Judged]] = {}
    lost = 0
    for run in found:
        number = matcher.row(run)
        if number is None:
            lost += matcher.is_lost(run)
            continue
        own = matcher.overrides(run)
        changed = changes.since(run, matcher.choices(rows[number]))
        of_row.setdefault((number, own), []).append(_Judged(run, changed))
    result: list[Row] = []
    for number, row in enumerate(rows):
        result.append(_judged(row, of_row.pop((number, ()), []), context.project))
        for (other, words), own_runs in of_row.items():
            if other == number:
                result.append(_judged(matcher.with_overrides(row, words), own_runs, context.project))
    return result, lost


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


class _Matcher:
    """Finds the row that a run is of."""

    def __init__(self, context: ExperimentContext, rows: Sequence[Row]) -> None:
        self._context = context
        self._rows = rows
        self._groups = context.options.groups

    def choices(self, row: Row) -> dict[str, str | None]:
        """The choices of a row, as they are composed."""
        return dict(self._context.compositions.of(dict(row.choices)).choices)

    def row(self, run: Run) -> int | None:
        """The number of its row; None where no row is of that choice.

        What was typed counts: which option a group has by default may have changed since.
        """
        if run.overrides is not None:
            words = (word.lstrip("+").partition("=") for word in run.overrides if _chooses(word))
            typed = {group: option.strip("'\"") for group, _, option in words}
            for number, row in enumerate(self._rows):
                if typed and typed == {group.lstrip("+"): option for group, option in row.choices.items()}:
                    return number
        if run.choices is not None:
            wanted = self._chosen(run.choices)
            return next((n for n, row in enumerate(self._rows) if self._chosen(row.choices) == wanted), None)
        return self._by_name(run)

    def is_lost(self, run: Run) -> bool:
        """Whether a run that has no row is of no set that there is, rather than of one that was not asked for."""
        chosen = (run.choices or {}).get(SETS)
        return chosen is not None and chosen not in configs.sets_of(self._context)

    def overrides(self, run: Run) -> tuple[str, ...]:
        """The words of its command line that set values of the job."""
        words = run.overrides or ()
        return tuple(word for word in words if not _chooses(word) and not word.lstrip("+~").startswith("hydra."))

    def with_overrides(self, row: Row, words: tuple[str, ...]) -> Row:
        """The row of the same choices with values given by hand."""
        outcome = self._context.composer.compose(self.choices(row), words)
        refused = outcome.failure.refusal.words if outcome.failure is not None else None
        return replace(row, overrides=words, values=configs.plain(outcome), refused=refused)

    def _chosen(self, choices: Mapping[str, str | None]) -> dict[str, str | None]:
        """The option of every group, chosen or by default."""
        own = {group.lstrip("+"): option for group, option in choices.items()}
        known = {**self._groups, **own}
        return {group: option for group, option in known.items() if group in self._groups or group in own}

    def _by_name(self, run: Run) -> int | None:
        """Of a run that does not say what it chose: by a set's name in its path, by exp.name, by its values."""
        parts = set(run.folder.relative_to(self._context.project.root).parts)
        chosen = [{*row.choices.values()} for row in self._rows]
        by_path = [number for number, names in enumerate(chosen) if names and names <= parts]
        by_path = by_path or [n for n, row in enumerate(self._rows) if row.choices.get(SETS) in parts]
        if by_path:
            return max(by_path, key=lambda number: (len(chosen[number] & parts), -len(chosen[number]), -number))
        then = dict(runs.leaves(dict(run.config or {})))
        name = then.get(f"{SETS}.name", then.get("name"))
        named = [n for n, row in enumerate(self._rows) if name and row.values.get(f"{SETS}.name") == name]
        if named:
            return min(named, key=lambda number: self._distance(then, self._rows[number]))
        best = min(range(len(self._rows)), key=lambda number: self._distance(then, self._rows[number]), default=None)
        return best if best is not None and self._distance(then, self._rows[best]) == 0 else None

    def _distance(self, then: Mapping[str, object], row: Row) -> float:
        """How many values differ that both have, and that are no interpolations."""
        pairs = [(value, row.values.get(key, row.values.get(f"{SETS}.{key}", _NONE))) for key, value in then.items()]
        both = [(ran, now) for ran, now in pairs if now is not _NONE and "${" not in str(now)]
        return sum(not is_same(ran, now) for ran, now in both) if both else float("inf")


_NONE = object()


def _chooses(word: str) -> bool:
    """Whether a word of a run's command line chooses an option."""
    return "." not in word.partition("=")[0] and not word.startswith(("++", "~"))


def _texts(run: Run) -> Iterator[object]:
    """The values of a run that may have its experiment's name in them: where it wrote to."""
    return (value for key, value in runs.leaves(dict(run.config or {})) if key.endswith(("_dir", "_path", "_folder")))


def _may_hold_runs(entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith(".") or entry.name in _PASSED_OVER
    return not hidden and not Path(entry.path, "pyvenv.cfg").exists()
