"""Asking the real Hydra, in this process: for what the fast path of `compose` declines, and to check it.

The schema comes from the syntax tree (`schema.read`), so none of the user's code runs here either.
"""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.sources_registry import SourcesRegistry
from hydra.conf import HydraConf
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.version import VersionBase
from omegaconf import DictConfig, ListConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import files, nodes
from experiment_setup.composing import environment, hydra_own, packages, plugins, resolving, search_path
from experiment_setup.composing.expansion import Expansion, TooFar
from experiment_setup.composing.refusals import Failure, reworded
from experiment_setup.light import dataclass
from experiment_setup.project import Experiment
from experiment_setup.reading import yaml_loader
from experiment_setup.reading.source import Document
from experiment_setup.schema import UNSET, Schema

_clean_store: dict[str, Any] | None = None


def settings(path: Sequence[str]) -> list[str]:
    """The settings that Hydra has below `hydra`, or below a path in it (hydra/conf/__init__.py); [] for none."""
    node = nodes.at(_own_settings(), path)
    return [str(key) for key in node] if nodes.is_mapping(node) else []


@cache
def _own_settings() -> DictConfig:
    made: DictConfig = OmegaConf.structured(HydraConf)
    return made


class HydraFailed(Exception):
    """Hydra refused to compose: in its words, but for the values of the environment `variables` that it was given.

    `effort` is how many usual compositions this has taken as long as.
    """

    def __init__(self, message: str, variables: Collection[str] = (), effort: int = 1) -> None:
        super().__init__(message)
        self.effort = effort
        failure = Failure.parse(message)
        self.failure = replace(
            failure, refusal=reworded(failure.refusal, lambda text: environment.hidden(text, variables))
        )


class HydraSession:
    """The real Hydra, set up for one experiment. A context manager that may be entered again; sessions do not nest.

    Setting up takes as long as composing, so it is done once; between two uses Hydra's globals are as they were.
    """

    def __init__(self, experiment: Experiment, schema: Schema, root: Path) -> None:
        self._experiment = experiment
        self._schema = schema
        self._root = root
        self._stack = contextlib.ExitStack()
        self._expansion = Expansion()
        self._prepared: _Globals | None = None
        self.stand_ins: set[tuple[str, str]] = set()  # groups and options of plugins that nobody here knows
        self.variables: Mapping[str, Sequence[str]] = {}  # of the config that was resolved last

    def __enter__(self) -> HydraSession:
        """Fill the ConfigStore from the schema and start Hydra; raises HydraFailed if that alone fails."""
        before = _Globals.now()
        self._stack.callback(before.restore)
        try:
            self._stack.enter_context(_working_directory(search_path.base(self._experiment, self._root)))
            self._stack.enter_context(_quiet())
            self._stack.enter_context(hydra_own.kept())
            self._stack.enter_context(packages.looked_up(self._experiment, self._root))
            if self._prepared is None:
                self._prepared = self._prepare()
            self._prepared.restore()
        except Exception as error:
            self._stack.close()
            raise HydraFailed(_words(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _prepare(self) -> _Globals:
        global _clean_store
        store = ConfigStore.instance()
        if _clean_store is None:
            Plugins.instance()  # Hydra's own launcher and sweeper store their configs when plugins are looked up
            _clean_store = copy.deepcopy(store.repo)
        store.repo = copy.deepcopy(_clean_store)
        self._register(store)
        GlobalHydra.instance().clear()
        given = {} if self._schema.version_base is UNSET else {"version_base": self._schema.version_base}
        job = self._experiment.entry.stem if self._experiment.entry else None
        initialize_config_dir(str(self._experiment.config_dir), job_name=job or "app", **given)
        if self._schema.search_path:
            self._extend_search_path()
        return _Globals.now()

    def _extend_search_path(self) -> None:
        """Look where the project's own plugins say (hydra/_internal/utils.py: create_config_search_path)."""
        loader = cast("ConfigLoaderImpl", GlobalHydra.instance().config_loader())
        search_path = loader.get_search_path()
        last = search_path.get_path().pop(-1)
        for path in self._schema.search_path:
            search_path.append("plugin", path)
        search_path.append(last.provider, last.path)
        loader.repository.initialize_sources(search_path)

    def compose(
        self, overrides: Sequence[str], documents: Mapping[Path, Document], *, resolved: str | None = None
    ) -> DictConfig:
        """What `train.py --cfg job OVERRIDES…` composes, with other contents for `documents` than their files have.

        `resolved`: the package ("" is the whole) that is resolved as with `--resolve`. Raises HydraFailed with Hydra's
        words.
        """
        with environment.real() as variables:
            try:
                return self._compose(overrides, documents, resolved)
            except Exception as error:
                effort = error.effort if isinstance(error, TooFar) else 1
                raise HydraFailed(_words(error), variables, effort) from error
            finally:
                HydraConfig.instance().cfg = None

    def _compose(
        self, overrides: Sequence[str], documents: Mapping[Path, Document], resolved: str | None
    ) -> DictConfig:
        with _reading(documents):
            config = self._with_stand_ins(list(overrides), anew=bool(documents))
        if resolved is not None:
            HydraConfig.instance().set_config(config)  # before `hydra` is taken out, as Hydra.show_cfg does
        with flag_override(config, ["struct", "readonly"], False):  # a frozen dataclass may be the root
            del config["hydra"]
        if resolved is not None:
            self.variables = resolving.resolve(config, resolved)
        return config

    def compose_job(self, overrides: Sequence[str], number: int, config_name: str | None = None) -> DictConfig:
        """What job `number` of a sweep composes, `hydra` included, as BasicLauncher.launch prepares it.

        Raises HydraFailed with Hydra's words.
        """
        with environment.real() as variables:
            try:
                config = self._with_stand_ins(list(overrides), config_name)
                with flag_override(config, ["struct", "readonly"], False):
                    config.hydra.job.num = number
                    config.hydra.job.id = f"job_id_for_{number}"
                return config
            except Exception as error:
                raise HydraFailed(_words(error), variables) from error

    def _with_stand_ins(
        self, overrides: list[str], config_name: str | None = None, *, anew: bool = False
    ) -> DictConfig:
        """What Hydra composes, with an empty config for each option of a plugin that is not installed here."""
        while True:
            try:
                name = config_name or self._experiment.config_name
                with self._expansion.bounded(overrides, anew=anew):
                    return hydra_compose(name, overrides, return_hydra_config=True)
            except HydraException as error:
                stored = [f"{known.group}/{known.name}" for known in self._schema.registrations]
                missing = plugins.missing(Failure.parse(str(error)).refusal, stored)
                if missing is None or missing in self.stand_ins:
                    raise
                self.stand_ins.add(missing)
                _store_stand_in(ConfigStore.instance(), *missing)

    def _register(self, store: ConfigStore) -> None:
        for group, names in plugins.OF_PLUGINS.items():
            available = _level(store.repo, f"hydra/{group}")
            for name in names:
                if f"{name}.yaml" not in available:
                    _store_stand_in(store, group, name)
        for registration in self._schema.registrations:
            store.store(
                group=registration.group,
                name=registration.name,
                node=self._schema.structured(registration),
                package=registration.package,
                provider="main",
            )


@dataclass(frozen=True)
class _Globals:
    """What Hydra keeps in singletons and this module exchanges."""

    repo: dict[str, Any]
    hydra: Any
    version_base: Any

    @classmethod
    def now(cls) -> _Globals:
        return cls(ConfigStore.instance().repo, GlobalHydra.instance().hydra, VersionBase.instance().getbase())

    def restore(self) -> None:
        ConfigStore.instance().repo = self.repo
        GlobalHydra.instance().hydra = self.hydra
        VersionBase.instance().version_base = self.version_base  # setbase() refuses the value it starts with


def _store_stand_in(store: ConfigStore, group: str, name: str) -> None:
    own = plugins.LISTS.get((group, name))
    node = {"defaults": own} if own else {}
    store.store(group=f"hydra/{group}", name=name, node=node, provider="experiment-setup")


def _level(repo: dict[str, Any], group: str) -> dict[str, Any]:
    for part in group.split("/"):
        found = repo.get(part)
        if not isinstance(found, dict):
            return {}
        repo = found
    return repo


def _words(error: BaseException) -> str:
    """Hydra's message, and below it that of the OmegaConf error that Hydra wraps and does not quote."""
    if isinstance(error, yaml_loader.TooMuch):
        return str(error.problem)
    if isinstance(error, TooFar):
        return error.message
    text = str(error).strip()
    if not isinstance(error, HydraException):
        return f"{type(error).__name__}: {text}"
    cause = error.__cause__
    if cause is None or (text and not isinstance(cause, OmegaConfBaseException)) or str(cause) in text:
        return text
    return f"{text}\n{type(cause).__name__}: {cause}".strip()


@contextlib.contextmanager
def _working_directory(folder: Path) -> Iterator[None]:
    """As if a shell had gone there: `${oc.env:PWD}` is where it is."""
    before = Path.cwd()
    os.chdir(folder)
    told = os.environ.get("PWD")
    os.environ["PWD"] = str(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.pop("PWD")
        os.environ.update({} if told is None else {"PWD": told})


@contextlib.contextmanager
def _reading(documents: Mapping[Path, Document]) -> Iterator[None]:
    """Let Hydra find these contents in these files, whether or not they exist, and read none that has no bounds."""
    contents = {os.path.realpath(path): document for path, document in documents.items()}
    of_files = SourcesRegistry.instance().resolve("file")  # plugins are imported in a way that makes classes twice
    load, is_config, is_group = of_files.load_config, of_files.is_config, of_files.is_group
    folders = {str(folder) for path in contents for folder in Path(path).parents}

    def document_of(source: ConfigSource, config_path: str) -> Document | None:
        return contents.get(os.path.realpath(Path(source.path, source._normalize_file_name(config_path))))

    def load_other(source: ConfigSource, config_path: str) -> ConfigResult:
        document = document_of(source, config_path)
        if document is None:
            path = Path(source.path, source._normalize_file_name(config_path))
            if path.exists():
                yaml_loader.refuse_too_much(files.read_loosely(path))
            return load(source, config_path)
        header = ConfigSource._get_header_dict(document.header or "")
        return ConfigResult(source.provider, f"file://{source.path}", copy.deepcopy(document.config), header)

    def is_there(source: ConfigSource, config_path: str) -> bool:
        return document_of(source, config_path) is not None or is_config(source, config_path)

    def is_folder(source: ConfigSource, config_path: str) -> bool:
        return os.path.realpath(Path(source.path, config_path)) in folders or is_group(source, config_path)

    OmegaConf.load = _loaded_once  # type: ignore[assignment, method-assign]
    of_files.load_config = load_other  # type: ignore[assignment, method-assign]
    of_files.is_config = is_there  # type: ignore[assignment, method-assign]
    of_files.is_group = is_folder  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        of_files.load_config, of_files.is_config, of_files.is_group = load, is_config, is_group  # type: ignore[method-assign]
        OmegaConf.load = _load  # type: ignore[method-assign]


_load = OmegaConf.load
_loaded: dict[str | bytes, bytes] = {}  # pickled, as loading that is the fastest way to copy a config
_MOST_LOADED, _LONG = 500, 4_000  # how many files, and of how many characters: they take ten times the memory


def _loaded_once(file: Any) -> DictConfig | ListConfig:
    """What OmegaConf makes of an open YAML file; of a text that it was given before, a copy.

    Hydra loads the options of each composition anew, and its own ones with them.
    """
    text = file.read() if hasattr(file, "read") else None
    known = _loaded.get(text) if text is not None else None
    if known is not None:
        config: DictConfig | ListConfig = pickle.loads(known)
        return config
    if text is not None:
        file.seek(0)
    made = _load(file)
    if text is not None and len(text) <= _LONG and len(_loaded) < _MOST_LOADED:
        _loaded[text] = pickle.dumps(made)
    return made


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
