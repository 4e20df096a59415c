"""The layers that a config is merged of, and their merges, which are OmegaConf's own."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import nodes
from experiment_setup.composing.origins import Source, Trace
from experiment_setup.composing.overlay import shallow
from experiment_setup.composing.refusals import Failure
from experiment_setup.light import dataclass


class Declined(Exception):
    """The fast path does not cover this; the reason is for whoever debugs it."""


class Repeated(Declined):
    """Hydra's answer serves for all that is declined with the same `key`."""

    key: tuple[Any, ...]

    def is_why(self, failure: Failure) -> bool:
        """Whether Hydra fails for this."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Layer:
    """One merge: `content` goes into `package` ("" is the root)."""

    package: str
    source: Source
    stored: DictConfig | None = None  # shared: to be copied
    data: dict[Any, Any] | None = None  # what an option's file says, without its defaults list
    text: str | None = None  # of that file, where it has plain values alone: equal texts are equal layers of a package
    reads_others: bool = False  # an interpolation in `stored` may stand for a part of the config while that is merged
    embedded: bool = False  # whether `stored` begins at the root already
    has_list: bool = False  # `stored` has its defaults list yet, which Hydra takes out when all is merged

    @property
    def keys(self) -> Iterable[Any]:
        """What it sets, or may only declare."""
        if self.stored is None:
            return self.data or ()
        content = self.stored.__dict__["_content"]
        return [key for key in content if key != "defaults"] if self.has_list else content

    @cached_property
    def interpolated(self) -> frozenset[Any]:
        """The keys of `data` with an interpolation in their values."""
        return frozenset(key for key, value in (self.data or {}).items() if _interpolates(value))

    @cached_property
    def nested(self) -> dict[Any, Any]:
        """Its `data` from the root."""
        result = self.data or {}
        for step in reversed(self.package.split(".") if self.package else ()):
            result = {step: result}
        return result

    def only(self, key: str) -> Layer:
        """What plays a part in the mapping at a key of the root: of a stored config for the root, that field alone."""
        if self.stored is None or self.package:
            return self
        if key not in self._fields:
            field = shallow(self.stored, None)
            content = field.__dict__["_content"]
            field.__dict__["_content"] = {name: content[name] for name in (key, "defaults") if name in content}
            self._fields[key] = replace(self, stored=field)
        return self._fields[key]

    @cached_property
    def _fields(self) -> dict[str, Layer]:
        return {}

    @cached_property
    def slices(self) -> dict[str, Layer]:
        """What it says of each key at the root that it merges a mapping into."""
        if self.stored is not None:
            return {self.package.partition(".")[0]: self} if self.package else {}
        if self.package and "." not in self.package:
            return {self.package: self}
        text = None if self.text is None else f"{self.package}: {self.text}"
        return {
            key: Layer(key, self.source, data=value, text=text)
            for key, value in self.nested.items()
            if type(value) is dict and type(key) is str
        }

    @cached_property
    def rest(self) -> Layer | None:
        """What is left of a layer at the root, None for nothing."""
        if self.package or self.stored is not None:
            return None if self.package else self
        left = {key: value for key, value in (self.data or {}).items() if key not in self.slices}
        return Layer("", self.source, data=left, text=self.text) if left else None


def _interpolates(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(_interpolates, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and "${" in value


def created(layer: Layer) -> DictConfig:
    """What a layer of a file says, from the root."""
    return nodes.created(layer.nested) if layer.text is not None else OmegaConf.create(layer.nested)


class MergeError(Exception):
    """A merge that OmegaConf refuses."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.refusal.words)
        self.failure = failure


def merge(layers: Sequence[Layer], trace: Trace | None = None, begun: DictConfig | None = None) -> DictConfig:
    """The config of the layers, as `_compose_config_from_defaults_list` makes it; `trace` is told of each.

    `begun` is what the layers before them came to. Raises MergeError or Declined.
    """
    config: DictConfig = OmegaConf.create() if begun is None else copy.deepcopy(begun)
    OmegaConf.set_struct(config, None)
    for layer in layers:
        if layer.stored is None:
            content = created(layer)
        elif layer.package and not layer.embedded:
            content = OmegaConf.create()
            OmegaConf.update(content, layer.package, layer.stored, merge=False)
        else:
            content = copy.deepcopy(layer.stored)
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
    if any(layer.has_list for layer in layers):
        nodes.take_out_lists(config)
    OmegaConf.set_struct(config, True)
    return config


def crossed(layers: Sequence[Layer]) -> bool:
    """Whether a merge may meet an interpolation, and so needs what this stands for: some part of the whole config."""
    waiting: dict[str, set[Any]] = {}
    for layer in layers:
        package, *below = layer.package.split(".")
        if layer.reads_others or not waiting.get(package, set()).isdisjoint(below[:1] or layer.keys):
            return True
        waiting.setdefault(package, set()).update(layer.interpolated)
    return False
