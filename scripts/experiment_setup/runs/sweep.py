"""What became of a sweep: the jobs that its multirun.yaml asks for, and what each has left.

Hydra writes multirun.yaml before job 0 (BasicSweeper.sweep), unresolved: what refers to `hydra` or to a value that is
swept means another thing in each job. A job's overrides are a list of words (BasicSweeper.split_arguments), which
Hydra saves in its .hydra/overrides.yaml, and the template in its result.json.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from experiment_setup import files
from experiment_setup.composing.hydra_bridge import HydraFailed, HydraSession
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.project import Project
from experiment_setup.runs import run, saved
from experiment_setup.runs.job_config import JobConfigs
from experiment_setup.runs.origin import MULTIRUN, Origin, origin_of
from experiment_setup.runs.run import Run, State

_COMPARED = 3  # jobs that are done, to see whether all write to one folder
_CLOCKS = 2.0  # seconds that the clocks of two machines, or of a file system, may differ


@dataclass
class Job:
    """One job of a sweep: its overrides as Hydra words them, and what it left."""

    number: int
    overrides: tuple[str, ...]
    state: State = State.MISSING
    evidence: str = ""
    folder: str = ""  # from the sweep's folder; "" where none of its own is known
    run: Run | None = None
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # key -> what it ran with, what it would be now

    def left(self, left: Run, sweep: Path) -> None:
        """Take what a folder says."""
        self.run, self.state, self.evidence = left, left.state, left.evidence
        self.folder = (
            left.folder.relative_to(sweep).as_posix() if left.folder.is_relative_to(sweep) else str(left.folder)
        )


@dataclass
class Sweep:
    """A sweep's folder, what it was asked to run and what came of it."""

    folder: Path
    origin: Origin | None  # None: no multirun.yaml; a search, whose jobs nobody knows beforehand
    jobs: list[Job]
    configs: JobConfigs | None = None
    others: int = 0  # results in the folder that belong to none of the jobs

    def count(self, state: State) -> int:
        """How many jobs are in this state."""
        return sum(job.state is state for job in self.jobs)


def read(project: Project, folder: Path) -> Sweep:
    """Read the sweep or search in `folder`. Raises CommandError where there is none, or its experiment is gone."""
    file = folder / MULTIRUN
    if not file.is_file():
        runs = [left for left in run.below(folder) if left.folder != folder and _is_a_job(left)]
        if not runs:
            raise CommandError(f"no sweep in {folder}: it has no {MULTIRUN}", f"name the folder that holds {MULTIRUN}")
        jobs = [Job(number, left.overrides or ()) for number, left in enumerate(runs)]
        for job, left in zip(jobs, runs, strict=True):
            job.left(left, folder)
        return Sweep(folder, None, jobs)
    origin = origin_of(project, file)
    try:
        jobs = [Job(number, words) for number, words in enumerate(_jobs(project, origin))]
    except (HydraException, HydraFailed) as error:
        reason = error.failure.refusal.words if isinstance(error, HydraFailed) else str(error).splitlines()[0]
        raise CommandError(f"{file}: its jobs can't be told any more: {reason}", "see what validate.py says") from None
    configs = JobConfigs(project, origin, folder)
    sweep = Sweep(folder, origin, jobs, configs)
    _collect(project, sweep, configs)
    return sweep


def _is_a_job(left: Run) -> bool:
    """Whether Hydra ran it: a folder of a job may hold the saved configs of models as well. Or nobody may look."""
    return left.unread or left.overrides is not None or left.state is State.RUNNING


# -- what was asked for -----------------------------------------------------------------------------------------------


def _jobs(project: Project, origin: Origin) -> list[tuple[str, ...]]:
    """The overrides of each job, as Hydra makes them; `glob(…)` is asked of the options that there are now."""
    words = [*origin.recorded.params, *origin.recorded.task]
    with contextlib.ExitStack() as stack:
        loader = None
        if any("glob(" in word for word in words):
            stack.enter_context(HydraSession(origin.experiment, origin.schema, project.root))
            loader = GlobalHydra.instance().config_loader()
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(words)
        (batch,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
    return [tuple(job) for job in batch]


# -- what came of it --------------------------------------------------------------------------------------------------


def _collect(project: Project, sweep: Sweep, configs: JobConfigs) -> None:
    """Give each job what it left, the best where it ran more than once; count the results that are no job's."""
    left = _by_overrides(sweep.folder)
    for job in sweep.jobs:  # two with the same overrides have a result each
        if same := left.get(frozenset(job.overrides), []):
            job.left(same.pop(), sweep.folder)
    for job in sweep.jobs:
        left.pop(frozenset(job.overrides), None)
    if left:
        _take_reruns(sweep, left, configs)
    sweep.others = sum(map(len, left.values()))
    rest = [job for job in sweep.jobs if job.state in (State.UNKNOWN, State.MISSING)]
    if rest:
        _look_further(project, sweep, rest, configs)


def _by_overrides(folder: Path) -> dict[frozenset[str], list[Run]]:
    """The runs below a folder by their overrides, the best of the same ones last."""
    found: dict[frozenset[str], list[Run]] = {}
    for left in sorted(run.below(folder), key=_order, reverse=True):
        if left.overrides is not None:
            found.setdefault(frozenset(left.overrides), []).append(left)
    return found


def _take_reruns(sweep: Sweep, left: dict[frozenset[str], list[Run]], configs: JobConfigs) -> None:
    """Give jobs that are not done what a rerun left: there, what depends on the number is a word of its own."""
    for job in sweep.jobs:
        facts = configs.of(job.number, job.overrides) if job.state is not State.DONE else None
        same = left.get(frozenset(facts.pinned(job.overrides)), []) if facts and facts.numbered else []
        if same:
            best = same.pop()
            if job.run is None or _order(best) <= _order(job.run):
                job.left(best, sweep.folder)


def _order(left: Run) -> int:
    return list(State).index(left.state)


def _look_further(project: Project, sweep: Sweep, jobs: Sequence[Job], configs: JobConfigs) -> None:
    """Of jobs without a record: what is in the folders that they write to, each told by the job's own config.

    A folder that several jobs share says nothing of any one of them. That of the job itself is made by Hydra when it
    begins (run_job): an empty one means that it wrote elsewhere, or was refused; code that leaves records was refused.
    What is older than the sweep is no result of it.
    """
    assert sweep.origin is not None
    begun = (sweep.folder / MULTIRUN).stat().st_mtime
    others = [job for job in sweep.jobs if job.state not in (State.UNKNOWN, State.MISSING)][:_COMPARED]
    places = {job.number: configs.of(job.number, job.overrides).places for job in (*jobs, *others)}
    shared = Counter(place for own in places.values() for place in own)
    leaves_records = _leaves_records(sweep)
    for job in jobs:
        own = [place for place in places[job.number] if shared[place] == 1]
        if job.run is None:
            found = [run.read(place) for place in own if _is_of_this(place, begun)]
            _judge(sweep, job, found, leaves_records)
        gone = [place for place in own if _is_gone(place)]
        if job.state is State.UNKNOWN and gone:
            job.evidence += f"; {project.relative(gone[0])} is not there"


def _is_of_this(place: Path, begun: float) -> bool:
    """Whether a folder is there that was written to since the sweep began, as far as one may look."""
    try:
        return place.is_dir() and max(place.stat().st_mtime, saved.changed(place)) >= begun - _CLOCKS
    except OSError:
        return True


def _is_gone(place: Path) -> bool:
    try:
        return not place.exists()
    except OSError:
        return False


def _judge(sweep: Sweep, job: Job, found: Sequence[Run], leaves_records: bool) -> None:
    """Say of a job without a record what became of it, by what is in its folders."""
    telling = [left for left in found if left.state is not State.MISSING]
    if telling:
        job.left(min(telling, key=_order), sweep.folder)
    elif found and not leaves_records:
        job.left(found[0], sweep.folder)
        job.state, job.evidence = State.UNKNOWN, "it began, and left nothing in its folder"
    else:
        job.evidence = "it left nothing in its folder" if found else "it has no folder"


def _leaves_records(sweep: Sweep) -> bool:
    """Whether the code leaves a record of each run: some job of the sweep has one, or the code names its file."""
    if any(job.state in (State.DONE, State.FAILED, State.RUNNING) for job in sweep.jobs):
        return True
    modules = sweep.origin.schema.modules if sweep.origin is not None else ()
    return any(b"result.json" in files.read_bytes(path) for path in modules)
