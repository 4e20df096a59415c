"""A config put together from its groups, each known by itself.

Groups lie under different keys, so merging one plays no part in another; a hundred parameter sets in three environments
are a hundred and three parts. What a part is made of decides what it costs: plain values need no node until somebody
asks for one, values laid upon fields ask these alone, and the rest is merged by OmegaConf.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol

from omegaconf import AnyNode, DictConfig, OmegaConf

from experiment_setup import nodes
from experiment_setup.composing import interpolation
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.interpolation import UnusableValue
from experiment_setup.composing.overlay import Fields, shallow, with_own_nodes
from experiment_setup.composing.plain import NotPlain, merged, value_in_all
from experiment_setup.light import compiled
from experiment_setup.nodes import Steps


class Open(NamedTuple):
    """A value that is an interpolation or `???`: where it stands from the root, and its dotted key."""

    path: Steps
    written: str
    key: str


class Part(Protocol):
    """One group of a config."""

    @property
    def container(self) -> dict[str, Any]:
        """The group as plain dicts and lists. To be left as it is."""

    @property
    def open(self) -> Sequence[Open]:
        """Its values that are interpolations or `???`."""

    def node(self, parent: DictConfig | None) -> DictConfig:
        """The group as nodes, most of which it shares with others."""

    def takes_any_scalar(self, path: Steps) -> bool:
        """Whether the field at `path`, from the root, takes any scalar that it may refer to."""

    def leaves_free(self, key: str) -> bool:
        """Whether it has no say in what is merged into it at a key."""


class MergedPart:
    """What OmegaConf has merged, at `group`; "" is the whole config."""

    def __init__(self, group: str, node: DictConfig) -> None:
        self.group = group
        self.merged = node

    @cached_property
    def container(self) -> dict[str, Any]:
        """The group as plain dicts and lists."""
        return dict(OmegaConf.to_container(self.merged, resolve=False))  # type: ignore[arg-type]

    @cached_property
    def open(self) -> Sequence[Open]:
        """Its values that are interpolations or `???`."""
        leaves = nodes.leaves(self.merged, self.group)
        special = ((key, leaf) for key, leaf in leaves if nodes.is_missing(leaf) or nodes.is_interpolation(leaf))
        return [Open(self._path(leaf), str(nodes.value(leaf)), key) for key, leaf in special]

    def _path(self, leaf: Any) -> Steps:
        path: Steps = ()
        while leaf is not self.merged:
            path, leaf = (leaf._key(), *path), leaf._get_parent()
        return (self.group, *path) if self.group else path

    @cached_property
    def fields(self) -> Fields:
        """Its fields, for values that are laid upon them."""
        return Fields(self.merged)

    def node(self, parent: DictConfig | None) -> DictConfig:
        """The group as nodes, which it shares with others."""
        node: DictConfig = shallow(self.merged, parent)
        return node

    def with_values(self, values: dict[str, Any]) -> LaidPart:
        """With plain values laid upon its fields, which have taken them."""
        return LaidPart(self, values)

    def takes_any_scalar(self, path: Steps) -> bool:
        """Whether the field at `path` has no type, or is one for text."""
        node: Any = self.merged
        for step in path[1:] if self.group else path:
            node = node._get_node(step, validate_access=False) if isinstance(node, DictConfig) else None
        return isinstance(node, AnyNode) or nodes.is_text(node)

    def leaves_free(self, key: str) -> bool:
        """Whether it has no type and nothing at the key."""
        return nodes.leaves_free(self.merged, key)


class LaidPart:
    """Plain values laid upon the fields of a merged part: what most parameter sets are."""

    def __init__(self, below: MergedPart, values: dict[str, Any]) -> None:
        self._below = below
        self._values = values

    @property
    def fields(self) -> Fields:
        """Its fields, for values that are laid upon them."""
        return self._below.fields

    def with_values(self, values: dict[str, Any]) -> LaidPart:
        """With further ones laid upon its own."""
        return LaidPart(self._below, _laid(self._values, values))

    @property
    def container(self) -> dict[str, Any]:
        """The group as plain dicts and lists."""
        return _laid(self._below.container, self._values)

    @cached_property
    def open(self) -> Sequence[Open]:
        """Its values that are interpolations or `???`."""
        depth = 1 if self._below.group else 0
        left = [known for known in self._below.open if not _replaces(self._values, known.path[depth:])]
        return [*left, *_open(self._values, self._below.group)]

    def node(self, parent: DictConfig | None) -> DictConfig:
        """The group as nodes."""
        return self._below.fields.node_with(self._values, parent)

    def takes_any_scalar(self, path: Steps) -> bool:
        """Whether the field at `path` has no type, or is one for text."""
        return self._below.takes_any_scalar(path)

    def leaves_free(self, key: str) -> bool:
        """Whether what it is laid upon does."""
        return self._below.leaves_free(key)


def _laid(below: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Values of a part with some replaced: only where a mapping stands is a dict laid upon it."""
    inner = {key: _laid(below[key], value) for key, value in values.items() if type(value) is dict and key in below}
    return {**below, **values, **inner}


def _replaces(values: Any, path: Steps) -> bool:
    """Whether there is a value in place of what stood at `path`."""
    for step in path:
        if type(values) is not dict:
            return True
        if step not in values:
            return False
        values = values[step]
    return True


class PlainPart:
    """Values without types, at `group` or ("") at the root; nodes are made for whoever asks for them."""

    def __init__(self, group: str, values: dict[str, Any]) -> None:
        self.group = group
        self.container = values
        self.open = _open(values, group)

    def node(self, parent: DictConfig | None) -> DictConfig:
        """The group as nodes."""
        node: DictConfig = shallow(_nodes(self), parent)
        return node

    def takes_any_scalar(self, _path: Steps) -> bool:
        """No field has a type."""
        return True

    def leaves_free(self, _key: str) -> bool:
        """Nothing has a type."""
        return True


def plain_part(
    group: str, contents: Iterable[dict[str, Any]], whole: Sequence[dict[str, Any]] = ()
) -> PlainPart | None:
    """What files without types make of a group; None where only OmegaConf tells.

    Where it has to be known what interpolations lead to, the contents of the `whole` config may tell.
    """
    try:
        path = (group,) if group else ()
        return PlainPart(group, merged(contents, path, value_in_all(whole)) if whole else merged(contents))
    except NotPlain:
        return None


def _open(values: dict[str, Any], group: str) -> list[Open]:
    steps = (group,) if group else ()
    return [Open(path, written, nodes.join(path)) for path, written in nodes.open_values(values, steps)]


_MOST_NODES = 32  # parts with nodes, which take twenty times the memory of their values
_nodes_of: dict[PlainPart, DictConfig] = {}  # the one made last at the end
_elements: nodes.Elements = {}  # of lists that they have in common: sets that inherit one share it


def _nodes(part: PlainPart) -> DictConfig:
    known = _nodes_of.pop(part, None) or nodes.created(part.container, part.group or None, _elements)
    _nodes_of[part] = known
    if len(_nodes_of) > _MOST_NODES:
        del _nodes_of[next(iter(_nodes_of))]
    return known


def let_go_of_nodes() -> None:
    """Take apart the nodes of all but the last parts, when an experiment is done and nobody has a config of it.

    Nodes know each other in circles, so that Python would free what has become old only in a collection that looks at
    all there is, every syntax tree included. With 272 experiments, half of the memory was such nodes.
    """
    while len(_nodes_of) > _MOST_NODES // 2:
        nodes.take_apart(_nodes_of.pop(next(iter(_nodes_of))))
    _elements.clear()


class PartsComposition(Composition):
    """A composition that is known to succeed; its config is put together when it is asked for."""

    def __init__(
        self,
        choices: dict[str, str | None],
        base: Part,
        parts: Mapping[str, Part],
        outcomes: dict[tuple[Any, ...], UnusableValue | None],
        order: Sequence[Any],
    ) -> None:
        super().__init__(choices, None)
        self._base = base  # what stands at the root beside the parts
        self._order = order  # of the keys
        self.parts = parts
        self._outcomes = outcomes  # of interpolations, by all that they depend on

    @property
    def config(self) -> DictConfig:
        """The config: all but its root and its interpolations it shares with others."""
        root = self._base.node(None)
        OmegaConf.set_struct(root, True)
        content = {**root.__dict__["_content"], **{group: part.node(root) for group, part in self.parts.items()}}
        root.__dict__["_content"] = self._ordered(content)
        with_own_nodes(root, [known.path for known in self._open() if known.written != "???"])
        return root

    @property
    def container(self) -> dict[str, Any]:
        """The config as plain dicts and lists, interpolations as they are written. To be left as it is."""
        return self._ordered({**self._base.container, **{group: part.container for group, part in self.parts.items()}})

    def _ordered(self, content: dict[Any, Any]) -> dict[Any, Any]:
        return {key: content[key] for key in self._order}

    def unusable_values(self, custom_resolvers: frozenset[str] = frozenset()) -> Iterator[UnusableValue]:
        """The values that fail when train.py reads them.

        Whether an interpolation resolves depends on the few values that it names, so most answers are known from
        another composition.
        """
        config: DictConfig | None = None
        container = self.container
        for path, written, key in self._open():
            if written == "???":
                yield interpolation.not_given(key)
                continue
            needs_a_run = interpolation.needs_a_run(written, custom_resolvers)
            mark = None if needs_a_run else self._signature(container, path, written, 0)
            if mark is None or mark not in self._outcomes:
                config = self.config if config is None else config
                if needs_a_run:
                    yield from interpolation.broken_arguments(nodes.at(config, path), key, written)
                    continue
                found = interpolation.unusable(config, key, written)
                if mark is not None:
                    self._outcomes[mark] = found
            else:
                found = self._outcomes[mark]
            if found:
                yield found

    def _is_closed(self, target: Steps) -> bool:
        """Whether plain values stand at `target`, and none that is an interpolation or `???`."""
        part: Part = self.parts.get(str(target[0]), self._base)
        return isinstance(part, PlainPart) and all(known.path[: len(target)] != target for known in part.open)

    def _open(self) -> Iterator[Open]:
        yield from (known for known in self._base.open if known.path[0] not in self.parts)
        for part in self.parts.values():
            yield from part.open

    def _signature(self, container: Mapping[str, Any], path: Steps, written: str, depth: int) -> tuple[Any, ...] | None:
        """All that the outcome of the interpolation depends on; None where that is not easily told."""
        targets = _targets(path, written)
        if depth > 5 or targets is None:
            return None
        part: Part = self.parts.get(str(path[0]), self._base)
        any_scalar = part.takes_any_scalar(path)
        any_value = isinstance(part, PlainPart)
        outcome: list[Any] = [path, written]
        for is_relative, target in targets:
            value: Any = container
            for step in target:
                if not isinstance(value, dict):
                    return None
                value = value.get(step, _ABSENT)
                if value is _ABSENT:  # and so it is with all that have the same parts
                    break
            if isinstance(value, (dict, list)):
                # Whatever stands in it, if it stands alone in a field without a type: nothing in it is to be resolved.
                if is_relative or not any_value or not _REFERENCE.fullmatch(written) or not self._is_closed(target):
                    return None
                outcome.append(type(value))
                continue
            if isinstance(value, str) and "${" in value:
                inner = self._signature(container, target, value, depth + 1)
                if inner is None:
                    return None
                outcome.append(inner)
            elif value is _ABSENT or value == "???":
                outcome.append(value)
            else:
                outcome.append(type(value) if any_scalar else (type(value), value))
        return tuple(outcome)


@lru_cache(10_000)
def _targets(path: Steps, written: str) -> tuple[tuple[bool, Steps], ...] | None:
    """The keys that the interpolation at `path` names, and whether it counts the dots to them; None where there is
    more to it than that.
    """
    rest = _REFERENCE.sub("", _VARIABLE.sub("", written))
    found = _REFERENCE.findall(written)
    if "${" in rest or "\\" in rest or any(len(dots) > len(path) for dots, _ in found):
        return None
    return tuple(
        (bool(dots), (*(path[: len(path) - len(dots)] if dots else ()), *nodes.split(name))) for dots, name in found
    )


_REFERENCE = compiled(r"\$\{\s*(\.*)([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*\}", re.ASCII)
_VARIABLE = compiled(r"\$\{oc\.env:\w+(?:,[\w./\-]*)?\}", re.ASCII)
_ABSENT = object()
