"""Hydra's own configs (`hydra/…`), made once and not for each composition, of which they are three quarters.

What a project says is read, merged and copied by Hydra as ever. Kept are the configs of the package hydra.conf and of
Hydra's own dataclasses by their path, and the merge of those that a defaults list begins with by that list.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

from hydra import version
from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource

from experiment_setup.latest import Latest

_OWN = "hydra/"
# Pickled, as loading that is the fastest way to copy a config.
_configs: Latest[tuple[str, Any], bytes] = Latest(64)  # by path and version_base
_merges: Latest[tuple[Any, ...], bytes] = Latest(16)  # by version_base and list


@contextmanager
def kept() -> Iterator[None]:
    """Let Hydra compose this way in a block."""
    changes: list[tuple[Any, str, Any]] = [
        (ConfigRepository, "load_config", _loading(ConfigRepository.load_config)),
        (ConfigRepository, "__deepcopy__", _copied),
        *_merging(ConfigLoaderImpl._compose_config_from_defaults_list, ConfigLoaderImpl._load_single_config),
    ]
    if hasattr(defaults_list, "_create_interpolation_map"):  # Hydra 1.4 makes them where they are used
        changes.append((defaults_list, "_create_interpolation_map", _mapping(defaults_list._create_interpolation_map)))
    before = [(owner, name, vars(owner).get(name)) for owner, name, _ in changes]
    try:
        for owner, name, new in changes:
            setattr(owner, name, new)
        yield
    finally:
        for owner, name, old in before:
            delattr(owner, name) if old is None else setattr(owner, name, old)


def _copied(repository: ConfigRepository, _memo: object) -> ConfigRepository:
    """Each composition asks a copy, with sources that nothing changes."""
    result = copy.copy(repository)
    result.sources = list(repository.sources)
    return result


def _loading(load: Any) -> Any:
    def load_config(repository: ConfigRepository, config_path: str) -> Any:
        own = config_path.startswith(_OWN)
        source = repository._find_object_source(config_path, ObjectType.CONFIG) if own else None
        if source is None or not _is_own(source, config_path):
            return load(repository, config_path)
        key = (config_path, version.getbase())
        return pickle.loads(_configs.get(key, lambda: pickle.dumps(load(repository, config_path))))

    return load_config


def _is_own(source: ConfigSource, config_path: str) -> bool:
    """Whether what a source gives is Hydra's, and not a project's of that name, or a stand-in for a plugin's."""
    if source.scheme() != "structured":
        return source.scheme() == "pkg" and source.path == "hydra.conf"
    *groups, name = config_path.split("/")
    node: Any = ConfigStore.instance().repo
    for step in (*groups, f"{name}.yaml"):
        node = node[step]
    return bool(node.provider == "hydra")


class _Merged:
    """In a defaults list: what Hydra's own configs at its beginning come to."""

    config_path = f"{_OWN}all"

    def __init__(self, config: bytes) -> None:
        self.config = config


def _merging(merge: Any, load: Any) -> Iterator[tuple[Any, str, Any]]:
    def merged(loader: ConfigLoaderImpl, defaults: list[Any], repo: Any) -> Any:
        own = list(takewhile(lambda default: _is_of_hydra(default, repo), defaults))
        known = _merges.get((version.getbase(), *map(repr, own)), lambda: pickle.dumps(merge(loader, own, repo)))
        return merge(loader, [_Merged(known), *defaults[len(own) :]], repo)

    def loaded(loader: ConfigLoaderImpl, default: Any, repo: Any) -> Any:
        if isinstance(default, _Merged):
            return ConfigResult("hydra", "hydra", pickle.loads(default.config), {})
        return load(loader, default, repo)

    yield ConfigLoaderImpl, "_compose_config_from_defaults_list", merged
    yield ConfigLoaderImpl, "_load_single_config", loaded


def _is_of_hydra(default: Any, repo: Any) -> bool:
    path = default.config_path
    found = repo.load_config(path) if path is not None and path.startswith(_OWN) else None
    return found is not None and found.provider == "hydra"


def _mapping(make: Any) -> Any:
    def made(overrides: Any, defaults: Any, *others: Any) -> Any:
        """What an interpolation in a defaults list may name; there are hardly ever any."""
        return make(overrides, defaults, *others) if "${" in f"{defaults}{overrides}" else None

    return made
