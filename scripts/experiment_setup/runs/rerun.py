"""The commands that run some jobs of a sweep again: as few as can be, and each job with the values that it had."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from experiment_setup import launch, naming
from experiment_setup.command_line import quoted
from experiment_setup.launch import Missing
from experiment_setup.light import dataclass
from experiment_setup.project import Project
from experiment_setup.runs.origin import Recorded
from experiment_setup.runs.sweep import Job, Sweep

_OF_THIS_SWEEP = ("hydra.mode=", "hydra.sweep.dir=", "hydra.sweeper.params")


@dataclass(frozen=True)
class Again:
    """What to type, the jobs that it leaves out, as their values can't be told any more, and what is lacking here."""

    commands: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()
    missing: tuple[Missing, ...] = ()


def commands(project: Project, sweep: Sweep, jobs: Sequence[Job]) -> Again:
    """How to run these jobs once more, with the sweep's launcher.

    The results of each command go to a new folder inside the sweep's, where `sweep.read` finds them. A value that
    depends on the job's number is given as it was: the jobs of the new sweep count from 0 again.
    """
    if sweep.origin is None or sweep.configs is None or not jobs:
        return Again()
    recorded, experiment, read = sweep.origin.recorded, sweep.origin.experiment, sweep.origin.schema
    assert experiment.entry is not None
    known = [(job, sweep.configs.of(job.number, job.overrides)) for job in jobs]
    words = [facts.pinned(job.overrides) for job, facts in known if facts.numbered is not None]
    started = launch.of(project.root, read.modules)
    at_root = not recorded.cwd.is_dir() or recorded.cwd.resolve() == project.root.resolve()
    here = recorded.cwd.resolve() == project.root.resolve()
    kept = [word for word in recorded.hydra if not word.startswith(_OF_THIS_SWEEP)]
    entry = project.relative(experiment.entry) if at_root else str(experiment.entry)
    start = started.start if at_root or started.start[0] != "." else str(project.root / started.start)
    begin = [start, *map(quoted, [entry, "-m", *_config(recorded, experiment.config_name)])]
    lines = []  # each where its relative paths lead
    for product, target in zip(products(words), _new_folders(sweep.folder), strict=False):
        where = naming.override("hydra.sweep.dir", project.relative(target) if here else str(target))
        line = " ".join([*begin, *map(quoted, [*product, *kept, where])])
        lines.append(line if at_root else f"(cd {quoted(str(recorded.cwd))} && {line})")
    left_out = tuple(job.number for job, facts in known if facts.numbered is None)
    return Again(tuple(lines), left_out, started.missing)


def _config(recorded: Recorded, usual: str) -> list[str]:
    given = ["--config-dir", str(recorded.config_dir)] if recorded.config_dir else []
    other = recorded.config_name
    return [*given, "--config-name", other] if other and Path(other).stem != usual else given


def _new_folders(sweep: Path) -> Iterator[Path]:
    """Folders that no other rerun has: its job 0 would write over that one's."""
    for number in itertools.count(1):
        folder = sweep / f"{sweep.name}-again{number if number > 1 else ''}"
        if not folder.exists():
            yield folder


def products(jobs: Sequence[tuple[str, ...]]) -> list[list[str]]:
    """Cover `jobs`, lists of `key=value` with the same keys, by sweeps: each runs these jobs, and no other.

    Jobs that differ in one key only become one sweep over it, and so on for sweeps with the same values.
    """
    blocks: list[tuple[tuple[str, ...], ...]] = [tuple((word.partition("=")[2],) for word in job) for job in jobs]
    keys = [word.partition("=")[0] for word in jobs[0]] if jobs else []
    for axis in reversed(range(len(keys))):
        merged: dict[Any, tuple[str, ...]] = {}
        for block in blocks:
            rest = (block[:axis], block[axis + 1 :])
            merged[rest] = (*merged.get(rest, ()), *block[axis])
        blocks = [(*before, values, *after) for (before, after), values in merged.items()]
    return [[f"{key}={','.join(values)}" for key, values in zip(keys, block, strict=True)] for block in blocks]
