"""Where a sweep came from: what its multirun.yaml says of the command, and the experiment that it ran.

Its texts are taken as they were given. Hydra saves them unresolved, since what refers to `hydra` or to a value that is
swept means another thing in each job.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import bounds, files, schema
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.project import Experiment, Project
from experiment_setup.runs import saved
from experiment_setup.schema import Schema

MULTIRUN = "multirun.yaml"


@dataclass(frozen=True)
class Recorded:
    """What multirun.yaml says of the command that began the sweep, its texts as they were given."""

    task: tuple[str, ...]  # overrides
    hydra: tuple[str, ...]  # overrides of hydra's own settings
    params: tuple[str, ...]  # those of hydra.sweeper.params, as overrides
    job_name: str
    config_name: str | None
    cwd: Path
    sources: tuple[Path, ...]  # the config folders of the entry point
    config_dir: Path | None  # --config-dir
    choices: Mapping[str, Any]
    subdir: str


@dataclass(frozen=True)
class Origin:
    """Where a sweep came from."""

    recorded: Recorded
    experiment: Experiment
    schema: Schema


def origin_of(project: Project, file: Path) -> Origin:
    """Where the sweep of this multirun.yaml came from. Raises CommandError if it is none, or ran no experiment here."""
    recorded = _recorded(file)
    if recorded is None:
        raise CommandError(f"{file} is not what Hydra writes", "name the folder that a sweep (-m) has made")
    experiment = _experiment(project, recorded)
    assert experiment.entry is not None
    return Origin(recorded, experiment, schema.read(experiment.entry, project.root))


def _recorded(file: Path) -> Recorded | None:
    """What the file says; None if it is not what Hydra writes."""
    config = saved.mapping_of(file) or {}
    try:
        settings = config["hydra"]
        task = saved.words_of(settings["overrides"]["task"])
        own = saved.words_of(settings["overrides"]["hydra"])
        if task is None or own is None:
            return None
        runtime, job = settings["runtime"], settings["job"]
        places = [(source["provider"], Path(source["path"])) for source in runtime["config_sources"]]
        given = [path for provider, path in places if provider == "command-line"]
        return Recorded(
            task,
            own,
            tuple(f"{key}={value}" for key, value in _params(config).items()),
            str(job["name"]),
            job.get("config_name"),
            Path(runtime["cwd"]),
            tuple(path for provider, path in places if provider == "main"),
            given[0] if given else None,
            dict(runtime["choices"]),
            str(settings["sweep"]["subdir"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


@bounds.one_config()
def _params(config: dict[str, Any]) -> dict[str, Any]:
    params = config["hydra"]["sweeper"].get("params") or {}
    if "${" in str(params):  # Hydra resolves them before the sweeper gets them
        with contextlib.suppress(OmegaConfBaseException):
            resolved = OmegaConf.to_container(OmegaConf.create(config).hydra.sweeper.params, resolve=True)
            params = resolved if isinstance(resolved, dict) else params
    return dict(params)


def _experiment(project: Project, recorded: Recorded) -> Experiment:
    """The experiment that the sweep ran: the one with its config folder and the name of its entry point.

    Where there is none, the sweep was copied here from another machine: the one at the same place in the project.
    """
    here = [files.real(path) for path in recorded.sources]
    candidates = [e for e in project.experiments if e.entry is not None and e.entry.stem == recorded.job_name]
    for experiment in candidates:
        if files.real(experiment.config_dir) in here:
            return experiment
    for experiment in candidates:
        place = Path(project.relative(experiment.config_dir)).parts
        if any(path.parts[-len(place) :] == place for path in recorded.sources):
            return experiment
    where = ", ".join(str(path / f"{recorded.job_name}.py") for path in recorded.sources) or "nowhere"
    raise CommandError(f"the sweep ran {where}, which is not in {project.root}", "name its project with --root")
