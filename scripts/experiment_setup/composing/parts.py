"""A config put together from its groups, each merged by itself.

Groups lie under different keys, so merging one plays no part in another; a hundred parameter sets in three environments
are a hundred and three merges, and a group that is a list of a thousand columns is merged once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup.composing import interpolation
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.interpolation import UnusableValue
from experiment_setup.composing.overlay import Base, paths_of_interpolations, shallow, special_values, with_own_nodes


class Part:
    """One group of a merged config."""

    def __init__(self, group: str, node: DictConfig) -> None:
        self.group = group
        self.node = node

    @cached_property
    def container(self) -> Any:
        """The group as plain dicts and lists."""
        return OmegaConf.to_container(self.node, resolve=False)

    @cached_property
    def special(self) -> dict[str, str]:
        """The values that are interpolations or `???`, by dotted key from the root."""
        return special_values(self.node, self.group)

    @cached_property
    def referring(self) -> list[tuple[str | int, ...]]:
        """Where interpolations stand."""
        return list(paths_of_interpolations(self.node, (self.group,)))


class PartsComposition(Composition):
    """A composition that is known to succeed; its config is put together when it is asked for."""

    def __init__(self, choices: dict[str, str | None], base: Base, parts: Mapping[str, Part]) -> None:
        super().__init__(choices, None)
        self._base = base  # what is merged before the groups
        self._parts = parts

    @property
    def config(self) -> DictConfig:
        """The config: all but its root and its interpolations it shares with others."""
        root: DictConfig = shallow(self._base.config, None)
        for group, part in self._parts.items():
            root.__dict__["_content"][group] = shallow(part.node, root)
        with_own_nodes(root, (path for path in self._base.referring if path[0] not in self._parts))
        with_own_nodes(root, (path for part in self._parts.values() for path in part.referring))
        return root

    @property
    def container(self) -> dict[str, Any]:
        """The config as plain dicts and lists, interpolations as they are written. To be left as it is."""
        return {**self._base.container, **{group: part.container for group, part in self._parts.items()}}

    def unusable_values(self, custom_resolvers: frozenset[str] = frozenset()) -> Iterator[UnusableValue]:
        """The values that fail when train.py reads them."""
        special = {k: v for k, v in self._base.special.items() if k.partition(".")[0] not in self._parts}
        for part in self._parts.values():
            special |= part.special
        config = self.config if special else None
        for key, written in special.items():
            if written == "???":
                yield interpolation.not_given(key)
            elif config is not None and not interpolation.needs_a_run(written, custom_resolvers):
                found = interpolation.unusable(config, key, written)
                if found:
                    yield found
