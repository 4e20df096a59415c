"""Asking the real Hydra, in this process: for what the fast path of `compose` declines, and to check it.

The schema comes from the syntax tree (`schema.read`), so none of the user's code runs here either.
"""

from __future__ import annotations

import contextlib
import copy
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import search_path
from experiment_setup.project import Experiment
from experiment_setup.schema import UNSET, Schema

# What plugins on PyPI add; they live in the project's environment, not in ours, so their options stand in as empty
# configs. (docs of Hydra's plugins: joblib, submitit, ray, rq launchers; optuna, ax, nevergrad sweepers; colorlog)
_PLUGIN_OPTIONS = {
    "hydra/launcher": ("joblib", "submitit_local", "submitit_slurm", "ray", "ray_aws", "rq"),
    "hydra/sweeper": ("optuna", "ax", "nevergrad", "explicit"),
    "hydra/sweeper/sampler": ("tpe", "random", "grid", "cmaes", "motpe", "nsgaii", "qmc"),
    "hydra/job_logging": ("colorlog",),
    "hydra/hydra_logging": ("colorlog",),
}

_clean_store: dict[str, Any] | None = None


class HydraFailed(Exception):
    """Hydra refused to compose. `message` is Hydra's, with the cause where Hydra wraps one."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class HydraSession:
    """The real Hydra, set up for one experiment. Use as a context manager; sessions do not nest."""

    def __init__(self, experiment: Experiment, schema: Schema, root: Path) -> None:
        self._experiment = experiment
        self._schema = schema
        self._root = root
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> HydraSession:
        """Fill the ConfigStore from the schema and start Hydra; raises HydraFailed if that alone fails."""
        global _clean_store
        store = ConfigStore.instance()
        if _clean_store is None:
            Plugins.instance()  # Hydra's own launcher and sweeper store their configs when plugins are looked up
            _clean_store = copy.deepcopy(store.repo)
        store.repo = copy.deepcopy(_clean_store)
        try:
            self._register(store)
            GlobalHydra.instance().clear()
            self._stack.enter_context(_working_directory(search_path.base(self._experiment, self._root)))
            self._stack.enter_context(_quiet())
            main = self._schema.main
            given = {} if main is None or main.version_base is UNSET else {"version_base": main.version_base}
            job = self._experiment.entry.stem if self._experiment.entry else None
            started = initialize_config_dir(str(self._experiment.config_dir), job_name=job or "app", **given)
            self._stack.enter_context(started)
        except Exception as error:
            self._stack.close()
            raise HydraFailed(_words(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        if _clean_store is not None:
            ConfigStore.instance().repo = copy.deepcopy(_clean_store)

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """What `train.py --cfg job OVERRIDES…` composes. Raises HydraFailed with Hydra's words."""
        try:
            return hydra_compose(self._experiment.config_name, list(overrides))
        except RecursionError as error:
            raise HydraFailed("RecursionError: the defaults lists include each other in a circle") from error
        except Exception as error:
            raise HydraFailed(_words(error)) from error

    def _register(self, store: ConfigStore) -> None:
        for group, names in _PLUGIN_OPTIONS.items():
            available = _level(store.repo, group)
            for name in names:
                if f"{name}.yaml" not in available:
                    store.store(group=group, name=name, node={}, provider="experiment-setup")
        for registration in self._schema.registrations:
            store.store(
                group=registration.group,
                name=registration.name,
                node=self._schema.structured(registration),
                package=registration.package,
                provider="main",
            )


def _level(repo: dict[str, Any], group: str) -> dict[str, Any]:
    for part in group.split("/"):
        found = repo.get(part)
        if not isinstance(found, dict):
            return {}
        repo = found
    return repo


def _words(error: BaseException) -> str:
    """Hydra's message; where an OmegaConf error is wrapped in an empty one, that one's words."""
    text = str(error).strip()
    if isinstance(error, HydraException) and not text and error.__cause__:
        return f"{type(error.__cause__).__name__}: {error.__cause__}"
    if isinstance(error, HydraException):
        return text
    if isinstance(error, OmegaConfBaseException):
        return f"{type(error).__name__}: {text}"
    return f"{type(error).__name__}: {text}"


@contextlib.contextmanager
def _working_directory(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
