"""The layers that a config is merged of, and their merges, which are OmegaConf's own."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import nodes
from experiment_setup.composing.origins import Source, Trace
from experiment_setup.composing.refusals import Failure
from experiment_setup.light import dataclass


class Declined(Exception):
    """The fast path does not cover this; the reason is for whoever debugs it."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One merge: `content` goes into `package` ("" is the root)."""

    package: str
    source: Source
    stored: DictConfig | None = None  # shared: to be copied
    data: dict[Any, Any] | None = None  # what an option's file says, without its defaults list
    text: str | None = None  # of that file, where it has plain values alone: equal texts are equal layers
    reads_others: bool = False  # an interpolation in `stored` may stand for a part of the config while that is merged
    interpolated: frozenset[Any] = frozenset()  # the keys of `data` with an interpolation in their values
    embedded: bool = False  # whether `stored` begins at the root already

    @property
    def keys(self) -> Iterable[Any]:
        """What it sets, or may only declare."""
        return self.data or () if self.stored is None else self.stored.__dict__["_content"]

    @property
    def content(self) -> DictConfig:
        """The content as a config."""
        return self.stored if self.stored is not None else _created(self.data or {}, self)


def _created(values: dict[Any, Any], layer: Layer) -> DictConfig:
    return nodes.created(values) if layer.text is not None else OmegaConf.create(values)


class MergeError(Exception):
    """A merge that OmegaConf refuses."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.refusal.words)
        self.failure = failure


def merge(layers: Sequence[Layer], trace: Trace | None = None) -> DictConfig:
    """The config of the layers, as `_compose_config_from_defaults_list` makes it; `trace` is told of each.

    Raises MergeError or Declined.
    """
    config: DictConfig = OmegaConf.create()
    for layer in layers:
        if layer.package and not layer.embedded:
            content = _created({layer.package: layer.data or {}} if layer.stored is None else {}, layer)
            if layer.stored is not None:
                OmegaConf.update(content, layer.package, layer.stored, merge=False)
        else:
            content = copy.deepcopy(layer.content)
        written = copy.deepcopy(content) if trace is not None else None  # merging moves nodes out of the content
        try:
            with flag_override(config, "no_deepcopy_set_nodes", True):  # as Hydra does: nodes are moved
                config.merge_with(content)
        except OmegaConfBaseException as error:
            failure = Failure.of_merging(str(error), type(error).__name__, layer.source.config_path)
            raise MergeError(failure) from error
        except Exception as error:  # Hydra lets these through, as a traceback
            raise Declined(f"merging raised {error!r}") from error
        if trace is not None:
            trace.merged(layer.source, nodes.split(layer.package), written, config)
    OmegaConf.set_struct(config, True)
    return config


def crossed(layers: Sequence[Layer]) -> bool:
    """Whether a merge may meet an interpolation, and so needs what this stands for: some part of the whole config."""
    waiting: dict[str, set[Any]] = {}
    for layer in layers:
        if layer.reads_others or not waiting.get(layer.package, set()).isdisjoint(layer.keys):
            return True
        waiting.setdefault(layer.package, set()).update(layer.interpolated)
    return False
