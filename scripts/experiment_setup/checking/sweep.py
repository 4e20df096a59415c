"""What became of a sweep: the jobs that its multirun.yaml asks for, and the result.json that each has left.

Hydra writes multirun.yaml before job 0 (BasicSweeper.sweep) and gives each job its overrides as a list of words
(BasicSweeper.split_arguments); the template's train.py notes these words in the result.json of the job.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Iterator, Sequence
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

from experiment_setup import launch, naming, schema
from experiment_setup.command_line import quoted
from experiment_setup.composing.compose import Composer
from experiment_setup.composing.hydra_bridge import HydraFailed, HydraSession
from experiment_setup.errors import CommandError
from experiment_setup.project import SETS, Experiment, Project

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
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # key -> what it ran with, what it would be now


@dataclass
class Origin:
    """Where a sweep came from."""

    config: DictConfig  # multirun.yaml
    experiment: Experiment


@dataclass
class Sweep:
    """A sweep's folder, what it was asked to run and what came of it."""

    folder: Path
    origin: Origin | None  # None: no multirun.yaml; a search, whose jobs nobody knows beforehand
    jobs: list[Job]
    others: int = 0  # results in the folder that belong to none of the jobs

    def count(self, state: State) -> int:
        """How many jobs are in this state."""
        return sum(job.state is state for job in self.jobs)


def read(project: Project, folder: Path) -> Sweep:
    """Read the sweep or search in `folder`. Raises CommandError where there is none, or its experiment is gone."""
    file = folder / MULTIRUN
    if not file.is_file():
        jobs = [_job(path, number) for number, path in enumerate(sorted(folder.glob(f"*/{RESULT}"), key=_by_number))]
        if not jobs:
            raise CommandError(f"no sweep in {folder}: it has no {MULTIRUN}", f"name the folder that holds {MULTIRUN}")
        return Sweep(folder, None, jobs)
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
    sweep = Sweep(folder, Origin(config, experiment), jobs, _collect(folder, jobs))
    _note_changes(project, experiment, jobs)
    return sweep


def _experiment(project: Project, config: Any) -> Experiment:
    """The experiment that the sweep ran: the one with its config folder and the name of its entry point.

    Where there is none, the sweep was copied here from another machine: the one at the same place in the project.
    """
    sources = [Path(source.path) for source in config.hydra.runtime.config_sources if source.provider == "main"]
    here = [path.resolve() for path in sources]
    candidates = [e for e in project.experiments if e.entry is not None and e.entry.stem == config.hydra.job.name]
    for experiment in candidates:
        if experiment.config_dir.resolve() in here:
            return experiment
    for experiment in candidates:
        place = Path(project.relative(experiment.config_dir)).parts
        if any(path.parts[-len(place) :] == place for path in sources):
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
    found: dict[frozenset[str], list[Job]] = {}
    for number, path in enumerate(sorted(folder.rglob(RESULT), key=_by_number)):
        result = _job(path, number)
        result.folder = path.parent.relative_to(folder).as_posix()
        found.setdefault(frozenset(result.overrides), []).append(result)
    order = list(State)
    for same in found.values():
        same.sort(key=lambda job: order.index(job.state), reverse=True)
    for job in jobs:  # two with the same overrides have a result each
        if same := found.get(frozenset(job.overrides), []):
            best = same.pop()
            job.state, job.folder, job.record = best.state, best.folder, best.record
    asked = {frozenset(job.overrides) for job in jobs}
    return sum(len(same) for overrides, same in found.items() if overrides not in asked)


def _job(path: Path, number: int) -> Job:
    """What a result.json says; nothing but "running" where it is half written, at this very moment or by a kill."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return Job(number, tuple(record["overrides"]), State(record["status"]), path.parent.name, record)
    except (OSError, ValueError, KeyError, TypeError):
        return Job(number, (), State.RUNNING, path.parent.name)


def _by_number(path: Path) -> tuple[int, str]:
    """Job 10 comes after job 9."""
    digits = re.match(r"\d+", path.parent.name)
    return int(digits[0]) if digits else 0, str(path)


# -- what changed since -----------------------------------------------------------------------------------------------


def _note_changes(project: Project, experiment: Experiment, jobs: Sequence[Job]) -> None:
    """Say of each job that is done which values of its parameter set are others now.

    Only values count that the job's own overrides leave alone and that both have: a field that was added since had no
    say in the result. What an interpolation gives depends on the machine and the time.
    """
    assert experiment.entry is not None
    composer = Composer(experiment, schema.read(experiment.entry, project.root), project.root)
    known: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}
    for job in jobs:
        choices, ran = job.record.get("choices"), job.record.get(SETS)
        if job.state is not State.DONE or not isinstance(choices, dict) or not isinstance(ran, dict):
            continue
        key = tuple(choices.items())
        if key not in known:
            config = composer.compose({group: None if name is None else str(name) for group, name in key}).config
            known[key] = dict(_leaves(OmegaConf.to_container(config, enum_to_str=True))) if config is not None else {}
        overridden = [word.lstrip("+~").partition("=")[0] for word in job.overrides]
        values = [word for word in overridden if "." in word]  # the others choose a group's option
        for name, value in _leaves({SETS: ran}):
            now = known[key].get(name, value)
            own = any(name == word or name.startswith(f"{word}.") for word in values)
            if not own and now != value and not (isinstance(now, str) and "${" in now):
                job.changed[name] = (value, now)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a config by dotted key, as JSON has them."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, float) and not math.isfinite(value):
        yield key, None
    else:
        yield key, json.loads(json.dumps(value, default=str))


# -- what is said of it -----------------------------------------------------------------------------------------------


def remarks(sweep: Sweep) -> Iterator[str]:
    """What the states alone do not say."""
    if sweep.origin is None:
        yield f"no {MULTIRUN} here: a search by Optuna, which goes on with the command that began it, or single runs"
    if sweep.others:
        yield f"{sweep.others} more results here belong to no job of this sweep"
    if sweep.count(State.RUNNING):
        yield "running is also what a kill leaves; --ended counts it as failed"
    if changed := [job for job in sweep.jobs if job.changed]:
        key, (ran, now) = next(iter(changed[0].changed.items()))
        folders = " ".join(job.folder for job in changed[:9]) + (" …" if len(changed) > 9 else "")
        yield f"the files were changed since: job {changed[0].number} had {key}={ran}, now it is {now}"
        yield f"that is so for {len(changed)} done; to run them again, remove their folders: {folders}"


# -- running again ----------------------------------------------------------------------------------------------------


def rerun(project: Project, sweep: Sweep, states: Sequence[State]) -> list[str]:
    """The commands that run the jobs in one of `states` once more: as few as possible, with the sweep's launcher."""
    if sweep.origin is None:
        return []
    config, experiment = sweep.origin.config, sweep.origin.experiment
    assert experiment.entry is not None
    # Inside, so that `read` finds it; multirun.yaml stays as it is.
    target = sweep.folder / f"{sweep.folder.name}-again"
    same_root = Path(config.hydra.runtime.cwd).resolve() == project.root.resolve()
    where = naming.override("hydra.sweep.dir", project.relative(target) if same_root else str(target))
    kept = [
        word
        for word in config.hydra.overrides.hydra
        if not word.startswith(("hydra.mode=", "hydra.sweep.dir=", "hydra.sweeper.params"))
    ]
    primary = config.hydra.job.get("config_name")
    other = ["--config-name", primary] if primary and Path(primary).stem != experiment.config_name else []
    start = [
        launch.of(project.root, schema.read(experiment.entry, project.root).modules).start,
        *map(quoted, [project.relative(experiment.entry), "-m", *other]),
    ]
    jobs = [job.overrides for job in sweep.jobs if job.state in states]
    return [" ".join([*start, *map(quoted, [*words, *kept, where])]) for words in products(jobs)]


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
