"""What to type next under `--runs`: the commands that run what has no result of today's values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiment_setup import launch, schema
from experiment_setup.command_line import quoted
from experiment_setup.commands import Next, separating
from experiment_setup.comparing.comparison import Row
from experiment_setup.launch import Missing
from experiment_setup.project import ENVIRONMENTS, Experiment, Project
from experiment_setup.runs.changes import STALE
from experiment_setup.runs.rerun import products
from experiment_setup.runs.run import State

_EXPERIMENTS = 4  # whose commands are told: for each, its code is read and the machine is asked
_BY_HAND = 10  # runs of an experiment with values given by hand: no sweep has several of them
_SETTLED = (State.DONE.value, State.RUNNING.value, State.UNKNOWN.value)


def commands(project: Project, rows: Sequence[Row]) -> tuple[Next, int]:
    """How to run them, a sweep where there are several; and of how many experiments it is left unsaid."""
    experiments = {project.relative(experiment.folder): experiment for experiment in project.experiments}
    found: dict[str, list[Row]] = {}
    for row in to_run(rows):
        if experiments[row.experiment].entry is not None:
            found.setdefault(row.experiment, []).append(row)
    lines: list[str] = []
    missing: dict[Missing, None] = {}
    for name, own in list(found.items())[:_EXPERIMENTS]:
        told, lacking = _of(project, experiments[name], own)
        lines += told
        missing |= dict.fromkeys(lacking)
    return Next(tuple(lines), tuple(missing)), max(0, len(found) - _EXPERIMENTS)


def to_run(rows: Sequence[Row]) -> list[Row]:
    """What is stale; and of each set without a result in any of these environments one row, where it failed if it did.

    What does not compose cannot be run.
    """
    by_set: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row.refused is None and row.state is not None:
            chosen = tuple(choice for choice in row.choices.items() if choice[0] != ENVIRONMENTS)
            by_set.setdefault((row.experiment, chosen, row.overrides), []).append(row)
    result: list[Row] = []
    for own in by_set.values():
        result += [row for row in own if row.state == STALE]
        if not any(row.state in (STALE, *_SETTLED) for row in own):
            result.append(min(own, key=lambda row: row.state != State.FAILED.value))
    return result


def _of(project: Project, experiment: Experiment, rows: Sequence[Row]) -> tuple[list[str], Sequence[Missing]]:
    assert experiment.entry is not None
    read = schema.read(experiment.entry, project.root)
    started = launch.of(project.root, read.modules)
    if not started.works:
        return [], started.missing
    begin = [started.start, quoted(project.relative(experiment.entry))]
    lines = []
    for words in _sweeps(rows):
        several = any("," in word for word in words)
        more = [*words, *(separating(project, experiment, read) if several else [])]
        lines.append(" ".join([*begin, *["-m"] * several, *map(quoted, more)]))
    by_hand = [row.words for row in rows if row.overrides]
    lines += [" ".join([*begin, *map(quoted, words)]) for words in by_hand[:_BY_HAND]]
    return lines, started.missing


def _sweeps(rows: Sequence[Row]) -> Iterator[list[str]]:
    """The words of as few commands as run these rows, and nothing else."""
    jobs: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row in rows:
        if not row.overrides:
            jobs.setdefault(tuple(row.choices), []).append(tuple(row.words))
    for own in jobs.values():
        yield from products(own)
