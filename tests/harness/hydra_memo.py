"""Makes the real Hydra quicker for comparing thousands of compositions: what is always the same is done once.

Three quarters of a composition are Hydra's own configs (`hydra/*`), read, copied and merged again for every run. Here
the results are kept: parse trees by their text, configs of the package `hydra.conf` by their path, and
the merge of these by their list. What a user wrote is never kept. `exactness.py` asks the unchanged Hydra as well, for
some of its examples.
"""

from __future__ import annotations

import copy
import gc
import pickle
from functools import lru_cache
from itertools import takewhile
from typing import Any

import omegaconf._utils
import omegaconf.base
import omegaconf.grammar_parser
from hydra import version
from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_store import ConfigStore
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource


def install() -> None:
    """Change the Hydra of this process."""
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)  # configs refer in circles, and are looked through in vain
    omegaconf.base.parse = omegaconf._utils.parse = lru_cache(maxsize=4096)(omegaconf.grammar_parser.parse)
    _keep_own_configs()
    _keep_own_merges()
    _skip_unused_maps()


def _keep_own_configs() -> None:
    load, kept = ConfigRepository.load_config, {}

    def load_config(self: ConfigRepository, config_path: str) -> Any:
        source = self._find_object_source(config_path, ObjectType.CONFIG) if config_path.startswith("hydra/") else None
        if source is None or not _is_own(source, config_path):
            return load(self, config_path)
        key = (config_path, version.getbase())
        if key not in kept:
            kept[key] = pickle.dumps(load(self, config_path))
        return pickle.loads(kept[key])

    def copied(self: ConfigRepository, memo: object) -> ConfigRepository:
        result = copy.copy(self)
        result.sources = list(self.sources)  # which nothing changes
        return result

    ConfigRepository.load_config = load_config
    ConfigRepository.__deepcopy__ = copied


def _is_own(source: ConfigSource, config_path: str) -> bool:
    if source.scheme() != "structured":
        return source.scheme() == "pkg" and source.path == "hydra.conf"
    *groups, name = config_path.split("/")
    node: Any = ConfigStore.instance().repo
    for step in (*groups, f"{name}.yaml"):
        node = node[step]
    return node.provider == "hydra"


class _Merged:
    """In a defaults list: the merge of Hydra's own configs, pickled."""

    def __init__(self, config: bytes) -> None:
        self.config_path = "hydra"
        self.config = config


def _keep_own_merges() -> None:
    merge, load, kept = ConfigLoaderImpl._compose_config_from_defaults_list, ConfigLoaderImpl._load_single_config, {}

    def is_own(default: Any, repo: Any) -> bool:
        path = default.config_path
        if path is None or not path.startswith("hydra/"):
            return False
        loaded = repo.load_config(path)
        return loaded is not None and loaded.provider == "hydra"

    def merge_own_once(self: ConfigLoaderImpl, defaults: list[Any], repo: Any) -> Any:
        own = list(takewhile(lambda default: is_own(default, repo), defaults))
        key = (version.getbase(), *map(repr, own))
        if key not in kept:
            kept[key] = pickle.dumps(merge(self, own, repo))
        return merge(self, [_Merged(kept[key]), *defaults[len(own) :]], repo)

    def load_merged(self: ConfigLoaderImpl, default: Any, repo: Any) -> Any:
        if isinstance(default, _Merged):
            return ConfigResult("hydra", "hydra", pickle.loads(default.config), {})
        return load(self, default, repo)

    ConfigLoaderImpl._compose_config_from_defaults_list = merge_own_once
    ConfigLoaderImpl._load_single_config = load_merged


def _skip_unused_maps() -> None:
    make = getattr(defaults_list, "_create_interpolation_map", None)
    if make is None:  # Hydra 1.4 makes them where they are used
        return

    def make_if_used(overrides: Any, defaults: Any, *others: Any) -> Any:
        """What interpolations in a defaults list may name; there are hardly ever any."""
        return make(overrides, defaults, *others) if "${" in f"{defaults}{overrides}" else None

    defaults_list._create_interpolation_map = make_if_used
