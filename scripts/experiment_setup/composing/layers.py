"""The layers that a config is merged of, and their merges, which are OmegaConf's own."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from experiment_setup.composing.parts import Part


class Declined(Exception):
    """The fast path does not cover this; the reason is for whoever debugs it."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One merge: `content` goes into `package` ("" is the root)."""

    package: str
    config_path: str  # as Hydra names it in messages, such as `exp/001`
    stored: DictConfig | None = None  # shared: to be copied
    data: dict[Any, Any] | None = None  # what an option's file says, without its defaults list
    text: str | None = None  # of that file
    reads_others: bool = False  # an interpolation in `stored` may stand for a part of the config while that is merged
    interpolated: frozenset[Any] = frozenset()  # the keys of `data` with an interpolation in their values

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
    node = merge(layers)._get_node(group)
    plain = isinstance(node, DictConfig) and is_mapping(node)
    return Part(group, node) if plain else None  # type: ignore[arg-type]


@dataclass(frozen=True)
class _SameText:
    """A layer that is as good as another one with the same text."""

    layer: Layer = field(compare=False)
    name: str = field(init=False)
    text: str | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.layer.config_path)
        object.__setattr__(self, "text", self.layer.text)


@lru_cache(maxsize=32)  # such as a list of columns, on the search path of many experiments
def _part_of_files(group: str, files: tuple[_SameText, ...]) -> Part | None:
    return part(group, [file.layer for file in files])


def part_of_files(group: str, layers: Sequence[Layer]) -> Part | None:
    """The same of layers that are files and alone have a say: many experiments may have such a part in common."""
    return _part_of_files(group, tuple(map(_SameText, layers)))


class MergeError(Exception):
    """Hydra's message for a merge that OmegaConf refuses."""


def merge(layers: Sequence[Layer]) -> DictConfig:
    """The config of the layers, as `_compose_config_from_defaults_list` makes it. Raises MergeError or Declined."""
    config: DictConfig = OmegaConf.create()
    for layer in layers:
        if layer.package:
            content = OmegaConf.create({layer.package: layer.data or {}} if layer.stored is None else {})
            if layer.stored is not None:
                OmegaConf.update(content, layer.package, layer.stored, merge=False)
        else:
            content = copy.deepcopy(layer.content)
        try:
            with flag_override(config, "no_deepcopy_set_nodes", True):  # as Hydra does: nodes are moved
                config.merge_with(content)
        except OmegaConfBaseException as error:
            kind = type(error).__name__
            raise MergeError(f"In '{layer.config_path}': {kind} raised while composing config:\n{error}") from error
        except Exception as error:  # Hydra lets these through, as a traceback
            raise Declined(f"merging raised {error!r}") from error
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


def is_mapping(config: DictConfig) -> bool:
    """Whether this is a mapping that is there."""
    return not (config._is_none() or config._is_missing() or config._is_interpolation())
