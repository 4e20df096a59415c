"""The layers that a config is merged of, and their merges, which are OmegaConf's own."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import nodes
from experiment_setup.composing.origins import Source, Trace
from experiment_setup.composing.parts import Part
from experiment_setup.composing.refusals import Failure


class Declined(Exception):
    """The fast path does not cover this; the reason is for whoever debugs it."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One merge: `content` goes into `package` ("" is the root)."""

    package: str
    source: Source
    stored: DictConfig | None = None  # shared: to be copied
    data: dict[Any, Any] | None = None  # what an option's file says, without its defaults list
    text: str | None = None  # of that file
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
        return self.stored if self.stored is not None else OmegaConf.create(self.data or {})


def part(group: str, layers: Sequence[Layer]) -> Part | None:
    """One group of the config of the layers; None where that is no mapping. Raises MergeError or Declined."""
    node = nodes.child(merge(layers), group)
    return Part(group, node) if nodes.is_mapping(node) else None


@dataclass(frozen=True)
class _SameText:
    """A layer that is as good as another one with the same text."""

    layer: Layer = field(compare=False)
    name: str = field(init=False)
    text: str | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.layer.source.config_path)
        object.__setattr__(self, "text", self.layer.text)


@lru_cache(maxsize=32)  # such as a list of columns, on the search path of many experiments
def _part_of_files(group: str, files: tuple[_SameText, ...]) -> Part | None:
    return part(group, [file.layer for file in files])


def part_of_files(group: str, layers: Sequence[Layer]) -> Part | None:
    """The same of layers that are files and alone have a say: many experiments may have such a part in common."""
    return _part_of_files(group, tuple(map(_SameText, layers)))


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
            content = OmegaConf.create({layer.package: layer.data or {}} if layer.stored is None else {})
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
