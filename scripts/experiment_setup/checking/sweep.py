"""What became of a sweep: the jobs that its multirun.yaml asks for, and the result.json that each has left.

Hydra writes multirun.yaml before job 0 (BasicSweeper.sweep) and gives each job its overrides as a list of words
(BasicSweeper.split_arguments); the template's train.py notes these words in the result.json of the job.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from experiment_setup import naming, schema
from experiment_setup.commands import python, quoted
from experiment_setup.composing.hydra_bridge import HydraFailed, HydraSession
from experiment_setup.errors import CommandError
from experiment_setup.project import Experiment, Project

MULTIRUN = "multirun.yaml"
RESULT = "result.json"


class State(str, Enum):
    """What is known of a job."""

    DONE = "done"
    FAILED = "failed"  # it raised
    RUNNING = "running"  # it has begun and not ended; also what a kill leaves behind
    MISSING = "missing"  # it waits, or was refused or stopped before it began


@dataclass
class Job:
    """One job of a sweep: its overrides as Hydra words them, and what it left."""

    number: int
    overrides: tuple[str, ...]
    state: State = State.MISSING
    folder: str = ""  # from the sweep's folder
    record: dict[str, Any] = field(default_factory=dict)  # its result.json


@dataclass
class Sweep:
    """A sweep's folder, what it was asked to run and what came of it."""

    folder: Path
    config: DictConfig  # multirun.yaml
    experiment: Experiment
    jobs: list[Job]
    others: int  # results in the folder that belong to none of the jobs

    def count(self, state: State) -> int:
        """How many jobs are in this state."""
        return sum(job.state is state for job in self.jobs)


def read(project: Project, folder: Path) -> Sweep:
    """Read the sweep in `folder`. Raises CommandError where there is none, or its experiment is gone."""
    file = folder / MULTIRUN
    if not file.is_file():
        if (folder / "optimization_results.yaml").exists() or list(folder.glob(f"*/{RESULT}")):
            raise CommandError(
                f"{folder} has no {MULTIRUN}, so which jobs it should have is not known",
                "a search by Optuna goes on with the command that began it, where hydra.sweeper.storage is set",
            )
        raise CommandError(f"no sweep in {folder}: it has no {MULTIRUN}", f"name the folder that holds {MULTIRUN}")
    try:
        config = OmegaConf.load(file)
        asked = list(config.hydra.overrides.task)
        params = [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    except (OmegaConfBaseException, YAMLError, AttributeError):
        raise CommandError(f"{file} is not what Hydra writes", "name the folder that a sweep (-m) has made") from None
    assert isinstance(config, DictConfig)
    experiment = _experiment(project, config)
    try:
        expected = _jobs(project, experiment, [*params, *asked])
    except (HydraException, HydraFailed) as error:
        reason = str(error).splitlines()[0]
        raise CommandError(f"{file}: its jobs can't be told any more: {reason}", "see what validate.py says") from None
    jobs = [Job(number, words) for number, words in enumerate(expected)]
    return Sweep(folder, config, experiment, jobs, _collect(folder, jobs))


def _experiment(project: Project, config: Any) -> Experiment:
    """The experiment that the sweep ran: the one with its config folder and the name of its entry point."""
    sources = [Path(source.path) for source in config.hydra.runtime.config_sources if source.provider == "main"]
    for experiment in project.experiments:
        same_entry = experiment.entry is not None and experiment.entry.stem == config.hydra.job.name
        if same_entry and experiment.config_dir.resolve() in [path.resolve() for path in sources]:
            return experiment
    where = ", ".join(str(path / f"{config.hydra.job.name}.py") for path in sources) or "nowhere"
    raise CommandError(f"the sweep ran {where}, which is not in {project.root}", "name its project with --root")


def _jobs(project: Project, experiment: Experiment, words: Sequence[str]) -> list[tuple[str, ...]]:
    """The overrides of each job, as Hydra makes them; `glob(…)` is asked of the options that there are now."""
    with contextlib.ExitStack() as stack:
        loader = None
        if any("glob(" in word for word in words):
            assert experiment.entry is not None
            stack.enter_context(HydraSession(experiment, schema.read(experiment.entry, project.root), project.root))
            loader = GlobalHydra.instance().config_loader()
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(words))
        (batch,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
    return [tuple(job) for job in batch]


def _collect(folder: Path, jobs: Sequence[Job]) -> int:
    """Give each job its result, the best where it ran more than once; the number of results that are no job's."""
    by_overrides = {frozenset(job.overrides): job for job in jobs}
    order = list(State)
    others = 0
    for path in sorted(folder.rglob(RESULT)):
        with contextlib.suppress(OSError, ValueError):  # half written, at this very moment
            record = json.loads(path.read_text(encoding="utf-8"))
            state = State(record["status"])
            job = by_overrides.get(frozenset(record["overrides"]))
            if job is None:
                others += 1
            elif order.index(state) < order.index(job.state):
                job.state, job.record = state, record
                job.folder = path.parent.relative_to(folder).as_posix()
    return others


# -- running again ----------------------------------------------------------------------------------------------------


def rerun(project: Project, sweep: Sweep, states: Sequence[State]) -> list[str]:
    """The commands that run the jobs in one of `states` once more: as few as possible, with the sweep's launcher."""
    assert sweep.experiment.entry is not None
    same_root = Path(sweep.config.hydra.runtime.cwd).resolve() == project.root.resolve()
    target = (
        sweep.folder / f"{sweep.folder.name}-again"
    )  # inside, so that `read` finds it; multirun.yaml stays as it is
    kept = [
        word
        for word in sweep.config.hydra.overrides.hydra
        if not word.startswith(("hydra.mode=", "hydra.sweep.dir=", "hydra.sweeper.params"))
    ]
    where = naming.override("hydra.sweep.dir", project.relative(target) if same_root else str(target))
    start = f"{python(project.root)} {quoted(project.relative(sweep.experiment.entry))} -m"
    jobs = [job.overrides for job in sweep.jobs if job.state in states]
    return [" ".join([start, *map(quoted, [*words, *kept, where])]) for words in products(jobs)]


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
