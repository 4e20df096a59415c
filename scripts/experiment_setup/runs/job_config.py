"""The configs of a sweep's jobs, as Hydra composes them: where a job writes, and what depends on its number."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import naming
from experiment_setup.composing import environment
from experiment_setup.composing.hydra_bridge import HydraFailed, HydraSession
from experiment_setup.light import compiled, dataclass
from experiment_setup.project import Project
from experiment_setup.runs.origin import Origin
from experiment_setup.runs.run import leaves

_USUAL = compiled(r"\$\{hydra[.:](?:job\.num|runtime\.choices\.([\w/]+))\}")
# The sweep's folder is known, and what it was made of may not resolve in a job. What starts the jobs may not be
# installed here, and says nothing of their values.
_REPLACED = (
    "hydra.sweep.dir=",
    "hydra.mode=",
    *(f"hydra{mark}{part}{end}" for part in ("launcher", "sweeper") for mark, end in (("/", "="), (".", "."))),
)


@dataclass(frozen=True)
class Facts:
    """What the config of a job says of it."""

    folder: Path | None = None  # what Hydra gives it
    results: tuple[Path, ...] = ()  # what its config names
    numbered: Mapping[str, str] | None = None  # values that depend on its number, by key; None: that can't be told

    @property
    def places(self) -> list[Path]:
        """Where it writes, each folder once; empty where it composes no more."""
        return list(dict.fromkeys([*([self.folder] if self.folder else []), *self.results]))

    def pinned(self, overrides: Sequence[str]) -> tuple[str, ...]:
        """The job's overrides, with what depends on its number as it was: the words of its rerun, as Hydra has them."""
        fixed = {key: _worded(naming.override(key, value)) for key, value in (self.numbered or {}).items()}
        words = [fixed.pop(word.partition("=")[0].lstrip("+"), word) for word in overrides]
        return (*words, *fixed.values())


@dataclass(frozen=True)
class _Alike:
    """What jobs have in common that choose the same options and differ by values: thousands of them compose once."""

    subdir: str  # as it is written
    choices: Mapping[str, Any]
    results: tuple[Path, ...]
    differs: bool  # from one job to another: what it writes to, or what refers to `hydra`


class JobConfigs:
    """Composes the jobs of one sweep from the files that there are now."""

    def __init__(self, project: Project, origin: Origin, sweep: Path) -> None:
        self._recorded = origin.recorded
        self._sweep = sweep
        self._base = origin.recorded.cwd if origin.recorded.cwd.is_dir() else project.root
        self._session = HydraSession(origin.experiment, origin.schema, project.root)
        self._settings = [word for word in origin.recorded.hydra if not word.startswith(_REPLACED)]
        if origin.recorded.config_dir is not None:  # as --config-dir: behind the config folder of the entry point
            place = naming.override("", f"file://{origin.recorded.config_dir}").removeprefix("=")
            self._settings.append(f"hydra.searchpath=[{place}]")
        self._alike: dict[tuple[str, ...], _Alike | None] = {}
        self._known: dict[int, Facts] = {}

    def of(self, number: int, overrides: Sequence[str]) -> Facts:
        """What is known of job `number`."""
        if number not in self._known:
            self._known[number] = self._facts(number, overrides)
        return self._known[number]

    def _facts(self, number: int, overrides: Sequence[str]) -> Facts:
        chosen = tuple(word for word in overrides if "." not in word.partition("=")[0])
        if chosen not in self._alike:
            with self._composed(0, chosen) as config:
                self._alike[chosen] = None if config is None else self._in_common(config)
        alike = self._alike[chosen]
        words = [word for word in overrides if word not in chosen]
        steered = any("hydra" in word or _says_where(word.partition("=")[0]) for word in words)
        if alike is not None and not alike.differs and not steered:
            subdir = _USUAL.sub(lambda found: str(alike.choices.get(found[1]) if found[1] else number), alike.subdir)
            return Facts(self._sweep / subdir, alike.results, {})
        with self._composed(number, overrides) as config:
            if config is None:
                return Facts()
            return Facts(Path(config.hydra.runtime.output_dir), self._results(config), _numbered(config, number))

    def _in_common(self, config: DictConfig) -> _Alike:
        texts, settings = dict(_texts(config)), OmegaConf.to_container(config.hydra.sweep, resolve=False)
        subdir = str(settings["subdir"]) if isinstance(settings, dict) else ""
        own = ("${hydra" in text or ("${" in text and _says_where(key)) for key, text in texts.items())
        differs = "${" in _USUAL.sub("", subdir) or any(own)
        choices = {str(group): option for group, option in config.hydra.runtime.choices.items()}
        return _Alike(subdir, choices, self._results(config), differs)

    def _results(self, config: DictConfig) -> tuple[Path, ...]:
        with environment.real():
            values = [_resolved(config, key) for key, _ in _texts(config) if _says_where(key)]
        return tuple(self._base / value for value in values if value)

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
            with environment.real():
                config.hydra.runtime.output_dir = str(self._sweep / str(config.hydra.sweep.subdir))
        return config


def _numbered(config: DictConfig, number: int) -> dict[str, str] | None:
    """The values that another job of the same overrides would have otherwise; None where one of them can't be told.

    They are to be typed, so variables of the environment stay what they are: `${oc.env:SCRATCH}/out/3`.
    """
    texts = {key: text for key, text in _texts(config) if "${" in text}
    values = {key: _resolved(config, key) for key in texts}
    with flag_override(config, ["struct", "readonly"], False):
        config.hydra.job.num = number + 1
        config.hydra.job.id = f"job_id_for_{number + 1}"
    found: dict[str, str] = {}
    for key, value in values.items():
        if value is None and "hydra" in texts[key]:
            return None
        if value is not None and value != _resolved(config, key):
            found[key] = environment.referring(value)
    return found


def _worded(word: str) -> str:
    """An override as BasicSweeper.split_arguments words it."""
    override = OverridesParser.create().parse_override(word)
    return f"{override.get_key_element()}={override.get_value_element_as_str()}"


def _says_where(key: str) -> bool:
    return naming.is_output_folder(key.rpartition(".")[2])


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
