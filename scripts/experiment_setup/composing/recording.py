"""What the real Hydra merges while it composes, written down as it does so."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf

from experiment_setup import nodes
from experiment_setup.composing.layers import Declined, Layer, MergeError, merge
from experiment_setup.composing.origins import Origin, Places, Source, Trace, dotted, plain, values
from experiment_setup.light import dataclass
from experiment_setup.schema import Schema


@dataclass
class Record:
    """The configs that were merged, in their order, each with its package; then what the command line set."""

    configs: list[tuple[str, str, Path | None, Any]] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)

    def origins(self, config: DictConfig, places: Places, schema: Schema) -> dict[str, tuple[Origin, ...]]:
        """The origins of `config`, which Hydra made; () for a value where merging all again gives another one."""
        trace = Trace(places)
        try:
            again = self._merged(trace, schema)
        except (MergeError, Declined):
            return {dotted(steps): () for steps, _ in values(config)}
        known = trace.origins(config)
        for steps, node in values(config):
            if repr(plain(nodes.at(again, steps))) != repr(plain(node)):
                known[dotted(steps)] = ()
        return known

    def _merged(self, trace: Trace, schema: Schema) -> DictConfig:
        layers = []
        for config_path, package, file, content in self.configs:
            group, _, name = config_path.rpartition("/")
            registration = schema.registration(group, name)
            layers.append(Layer(package, Source(config_path, file, registration), content, embedded=True))
        config = merge(layers, trace)
        for override in self.overrides:
            if override.is_hydra_override():
                continue
            before = OmegaConf.to_container(config, resolve=False)
            try:
                ConfigLoaderImpl._apply_overrides_to_config([override], config)
            except Exception as error:
                raise Declined(f"{override.input_line}: {error!r}") from error
            trace.set_by(str(override.input_line), nodes.split(override.key_or_group), before, config)
        return config


@contextlib.contextmanager
def of_hydra() -> Iterator[Record]:
    """Record what Hydra merges meanwhile; its own `hydra/…` configs are left out."""
    record = Record()
    load, apply = ConfigLoaderImpl._load_single_config, ConfigLoaderImpl._apply_overrides_to_config

    def recorded_load(loader: ConfigLoaderImpl, default: Any, repo: Any) -> ConfigResult:
        result = load(loader, default, repo)
        path = str(default.config_path)
        if not path.startswith("hydra/"):
            package = default.package if default.package is not None else result.header["package"]
            record.configs.append((path, package or "", _file(result, path), _of_the_experiment(result.config)))
        return result

    def recorded_apply(overrides: Sequence[Override], config: DictConfig) -> None:
        record.overrides[:] = overrides
        apply(list(overrides), config)

    ConfigLoaderImpl._load_single_config = recorded_load  # type: ignore[method-assign,assignment]
    ConfigLoaderImpl._apply_overrides_to_config = staticmethod(recorded_apply)  # type: ignore[method-assign,assignment]
    try:
        yield record
    finally:
        ConfigLoaderImpl._load_single_config = load  # type: ignore[method-assign]
        ConfigLoaderImpl._apply_overrides_to_config = staticmethod(apply)  # type: ignore[method-assign]


def _of_the_experiment(content: Any) -> Any:
    """A copy of a config that is to be merged, without settings of Hydra's: these have no place in the experiment's."""
    content = copy.deepcopy(content)
    if nodes.is_mapping(content):
        nodes.take(content, "hydra")
    return content


def _file(result: ConfigResult, config_path: str) -> Path | None:
    scheme, _, folder = result.path.partition("://")
    return Path(folder, f"{config_path.removesuffix('.yaml')}.yaml").absolute() if scheme == "file" else None
