"""The configs of a sweep's jobs, as Hydra composes them: where a job writes, and what depends on its number."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from experiment_setup.composing.hydra_bridge import HydraFailed, HydraSession
from experiment_setup.project import Project
from experiment_setup.runs.origin import Origin
from experiment_setup.runs.run import leaves

# Fields that are folders of results by their names.
OF_RESULTS = re.compile(r"(?:^|[_.])(?:out|output|save|ckpt|checkpoint|result|log)s?_?(?:dir|folder|path|root)$")
_USUAL = re.compile(r"\$\{hydra[.:](?:job\.num|runtime\.choices\.([\w/]+))\}")
# What says where and by what jobs are started, which may not be installed here, says nothing of their values.
_REPLACED = (
    "hydra.sweep.dir=",
    "hydra.mode=",
    *(f"hydra{mark}{part}{end}" for part in ("launcher", "sweeper") for mark, end in (("/", "="), (".", "."))),
)


@dataclass(frozen=True)
class Places:
    """Where a job writes: the folder that Hydra gives it, and those that its config names."""

    folder: Path | None
    results: tuple[Path, ...]

    @property
    def all(self) -> list[Path]:
        """Each of them once."""
        return list(dict.fromkeys([*([self.folder] if self.folder else []), *self.results]))


@dataclass(frozen=True)
class _Alike:
    """Jobs that differ by values only."""

    subdir: str  # as it is written
    choices: Mapping[str, Any]
    results: tuple[Path, ...]
    results_differ: bool  # from one value to another
    refers_to_hydra: bool

    def usual_subdir(self, number: int) -> str:
        """The subfolder of a job, made of its number and its choices alone."""
        return _USUAL.sub(lambda found: str(self.choices.get(found[1]) if found[1] else number), self.subdir)


class JobConfigs:
    """Composes the jobs of one sweep from the files that there are now."""

    def __init__(self, project: Project, origin: Origin, sweep: Path) -> None:
        self._recorded = origin.recorded
        self._sweep = sweep
        self._base = origin.recorded.cwd if origin.recorded.cwd.is_dir() else project.root
        self._session = HydraSession(origin.experiment, origin.schema, project.root)
        # The sweep's folder is known; what it was made of may not resolve in a job.
        self._groups: dict[tuple[str, ...], _Alike] = {}
        self._settings = [word for word in origin.recorded.hydra if not word.startswith(_REPLACED)]

    def places(self, number: int, overrides: Sequence[str]) -> Places:
        """Where job `number` writes; what cannot be told any more is left out."""
        alike = self._alike(overrides)
        if alike is not None and not alike.results_differ and not _USUAL.sub("", alike.subdir).count("${"):
            return Places(self._sweep / alike.usual_subdir(number), alike.results)
        with self._composed(number, overrides) as config:
            return Places(None, ()) if config is None else self._places(config)

    def _places(self, config: DictConfig) -> Places:
        named = [key for key, _ in _texts(config) if OF_RESULTS.search(key)]
        values = [value for value in (_resolved(config, key) for key in named) if value]
        return Places(Path(config.hydra.runtime.output_dir), tuple(self._base / value for value in values))

    def numbered(self, number: int, overrides: Sequence[str]) -> dict[str, str] | None:
        """The values of job `number` that depend on its number, by key: a job of another sweep has another one.

        None where that cannot be told any more, since the job composes no more.
        """
        alike = self._alike(overrides)
        if alike is not None and not alike.refers_to_hydra:
            return {}
        with self._composed(number, overrides) as config:
            if config is None:
                return None
            keys = [key for key, text in _texts(config) if "${" in text]
            values = {key: _resolved(config, key) for key in keys}
            with flag_override(config, ["struct", "readonly"], False):
                config.hydra.job.num = number + 1
                config.hydra.job.id = f"job_id_for_{number + 1}"
            others = {key: _resolved(config, key) for key in keys}
            return {key: value for key, value in values.items() if value is not None and value != others[key]}

    def _alike(self, overrides: Sequence[str]) -> _Alike | None:
        """What the jobs that choose the same options have in common: thousands of them are composed once."""
        chosen = tuple(word for word in overrides if "." not in word.partition("=")[0])
        if chosen not in self._groups:
            with self._composed(0, chosen) as config:
                if config is not None:
                    places, texts = self._places(config), dict(_texts(config))
                    subdir = OmegaConf.to_container(config.hydra.sweep, resolve=False)["subdir"]  # type: ignore[index, call-overload]
                    choices = {str(group): option for group, option in config.hydra.runtime.choices.items()}
                    differ = any("${" in text for key, text in texts.items() if OF_RESULTS.search(key))
                    refers = any("${hydra" in text for text in texts.values())
                    self._groups[chosen] = _Alike(str(subdir), choices, places.results, differ, refers)
        alike = self._groups.get(chosen)
        if alike is None:
            return None
        words = [word for word in overrides if word not in chosen]
        return replace(
            alike,
            results_differ=alike.results_differ or any(OF_RESULTS.search(word.partition("=")[0]) for word in words),
            refers_to_hydra=alike.refers_to_hydra or any("hydra" in word for word in words),
        )

    @contextlib.contextmanager
    def _composed(self, number: int, overrides: Sequence[str]) -> Iterator[DictConfig | None]:
        """The job's config, where `${hydra:…}` leads as it does in the job; None where it composes no more."""
        before = HydraConfig.instance().cfg
        with contextlib.ExitStack() as stack:
            stack.callback(setattr, HydraConfig.instance(), "cfg", before)
            config: DictConfig | None
            try:
                config = self._prepared(stack.enter_context(self._session), number, overrides)
            except (HydraFailed, OmegaConfBaseException):
                config = None
            yield config

    def _prepared(self, session: HydraSession, number: int, overrides: Sequence[str]) -> DictConfig:
        config = session.compose_job([*self._settings, *overrides], number, self._recorded.config_name)
        HydraConfig.instance().cfg = config  # type: ignore[assignment]
        with flag_override(config, ["struct", "readonly"], False):
            config.hydra.runtime.cwd = str(self._recorded.cwd)
            config.hydra.sweep.dir = str(self._sweep)
            config.hydra.runtime.output_dir = str(self._sweep / str(config.hydra.sweep.subdir))
        return config


def _texts(config: DictConfig) -> Iterator[tuple[str, str]]:
    """The texts of a job's own config, unresolved, by dotted key."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    own = {key: value for key, value in plain.items() if key != "hydra"}
    yield from ((key, value) for key, value in leaves(own) if isinstance(value, str))


def _resolved(config: DictConfig, key: str) -> str | None:
    try:
        value = OmegaConf.select(config, key)
    except OmegaConfBaseException:
        return None
    return None if value is None else str(value)
