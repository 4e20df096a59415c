"""Where each value of a composed config is set, and what it replaced there: written down by the merge itself.

A `Trace` is handed to `layers.merge`; it looks at each layer as it is merged, and at what has become of the config.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup import nodes
from experiment_setup.light import dataclass
from experiment_setup.location import Location
from experiment_setup.nodes import Steps
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment
from experiment_setup.reading.source import Document
from experiment_setup.schema import ConfigClass, Registration, Schema

DATACLASS, PRIMARY, SET, ENVIRONMENT = "dataclass", "config.yaml", "parameter set", "environment"
OPTION, COMMAND_LINE = "option", "command line"


@dataclass(frozen=True)
class Origin:
    """One place that sets a value. `value` is what stands there, an interpolation as it is written."""

    kind: str
    value: Any
    location: Location | None = None
    word: str | None = None  # on the command line


@dataclass(frozen=True)
class Source:
    """Where the content of a layer is written: in a file, in what is stored, or (as Hydra matches them) in both."""

    config_path: str  # such as `exp/001`
    file: Path | None = None
    registration: Registration | None = None


@dataclass(frozen=True)
class _Entry:
    """A key of the config while it is being merged; configs that begin with the same layers share what these tell."""

    chain: tuple[Origin, ...] = ()  # the oldest first
    inner: Mapping[Any, _Entry] | None = None  # the keys of a mapping


_NEW, _NO_KEYS = _Entry(), _Entry(inner={})


class Trace:
    """The origins of a config that is being merged."""

    def __init__(self, places: Places, root: _Entry = _NO_KEYS) -> None:
        self._places = places
        self._root = root

    def copy(self) -> Trace:
        """The origins up to here, for a config that goes on with layers of its own."""
        return Trace(self._places, self._root)

    def merged(self, source: Source, package: Steps, content: Any, config: DictConfig) -> None:
        """`content` has been merged into `config`, from its root; what is written in `source` stands in `package`."""

        def origin(steps: Steps, node: Any) -> Origin:
            return self._places.origin(source, steps[len(package) :], node)

        self._root = _recorded(self._root, (), content, config, origin)

    def set_by(self, word: str, key: Steps, before: Any, config: DictConfig) -> None:
        """`word` of the command line has set `key`; `before` is what the config was, as plain data."""
        after: Any = OmegaConf.to_container(config, resolve=False)
        for steps in [*_changed(before, after, ()), key]:
            self._root = _set(self._root, word, steps, 0, config)

    def origins(self, config: DictConfig) -> dict[str, tuple[Origin, ...]]:
        """For each value of `config`, by dotted key: where it is set, then what that replaced; () where not known.

        A list is one value. So is an empty mapping.
        """
        chains = ((steps, self._chain(steps) or self._places.of_a_class(config, steps)) for steps, _ in values(config))
        return {dotted(steps): chain for steps, chain in chains}

    def _chain(self, steps: Steps) -> tuple[Origin, ...]:
        """The newest first."""
        entry, chain = self._root, []
        for step in steps:
            if entry.inner is None:  # a mapping that an interpolation stands for has been merged into
                break
            if step not in entry.inner:
                return ()
            if entry.inner:  # what stood here before it became a mapping has been replaced, the mapping has not
                chain += [origin for origin in entry.chain if not isinstance(origin.value, dict)]
            entry = entry.inner[step]
        chain += entry.chain
        # A dataclass may be merged twice: as a part of the whole config, and as the default of its group.
        places = itertools.groupby(reversed(chain), lambda origin: (origin.kind, origin.location, origin.word))
        return tuple(next(origins) for _, origins in places)


def values(node: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """The values of a config that have an origin of their own: a list and an empty mapping are one."""
    if nodes.is_mapping(node) and (len(node) or not steps):
        for key, child in nodes.children(node):
            yield from values(child, (*steps, key))
    else:
        yield steps, node


def dotted(steps: Steps) -> str:
    """The key of a value; a key that is a number or an enum stands as it would in YAML."""
    return ".".join(str(getattr(step, "name", step)) for step in steps)


def plain(node: Any) -> Any:
    """What stands in a node, as plain data; interpolations as written."""
    found = nodes.value(node)
    return OmegaConf.to_container(found, resolve=False) if OmegaConf.is_config(found) else found


def _recorded(entry: _Entry, steps: Steps, node: Any, after: Any, origin: Callable[[Steps, Any], Origin]) -> _Entry:
    if nodes.is_mapping(node) and nodes.is_mapping(after):
        chain = entry.chain if not steps or entry.inner else (*entry.chain, origin(steps, node))
        inner = dict(entry.inner or {})
        for key, child in nodes.children(node):
            inner[key] = _recorded(inner.get(key, _NEW), (*steps, key), child, nodes.child(after, key), origin)
        return _Entry(chain, inner)
    if after is not None and not (nodes.is_missing(node) and entry.chain):  # `???` leaves a value as it is
        return _Entry((*entry.chain, origin(steps, node)))
    return entry


def _set(entry: _Entry, word: str, steps: Steps, depth: int, config: DictConfig) -> _Entry:
    """The entry of the first `depth` steps, when `word` of the command line has set what all of them lead to."""
    node = nodes.at(config, steps[:depth])
    if depth == len(steps) or nodes.is_list(node):
        if nodes.is_mapping(node):
            return entry
        origin = Origin(COMMAND_LINE, plain(node), word=word)
        return _Entry(entry.chain if entry.chain[-1:] == (origin,) else (*entry.chain, origin))
    step, inner = steps[depth], dict(entry.inner or {})
    if nodes.at(config, steps[: depth + 1]) is not None:
        return _Entry(entry.chain, {**inner, step: _set(inner.get(step, _NEW), word, steps, depth + 1, config)})
    inner.pop(step, None)
    return _Entry(entry.chain, inner) if entry.inner is not None else entry


def _changed(before: Any, after: Any, steps: Steps) -> Iterator[Steps]:
    """Where two configs differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from _changed(before.get(key, _ABSENT), after.get(key, _ABSENT), (*steps, key))
    elif isinstance(after, dict) and after:
        for key in after:
            yield from _changed(_ABSENT, after[key], (*steps, key))
    elif (type(before), repr(before)) != (type(after), repr(after)):
        yield steps


_ABSENT = object()


class Places:
    """Finds where the values of layers are written."""

    def __init__(self, experiment: Experiment, schema: Schema, document: Callable[[Path], Document]) -> None:
        self._experiment = experiment
        self._schema = schema
        self._document = document

    def origin(self, source: Source, steps: Steps, node: Any) -> Origin:
        """The origin of what `source` says at `steps`."""
        if source.file is not None:
            document = self._document(source.file)
            if document.has(steps) or source.registration is None:
                return Origin(self._kind(source), plain(node), document.value(steps))
        if source.registration is None:
            return Origin(self._kind(source), plain(node))
        stored = source.registration
        kind = DATACLASS if stored.config_class is not None else self._kind(source)
        return Origin(kind, plain(node), self._field(stored, steps) or stored.location)

    def of_a_class(self, config: DictConfig, steps: Steps) -> tuple[Origin, ...]:
        """The default of a field of a class that a merge has made an instance of; () where that is not what it is."""
        config_class = self._class_of(nodes.at(config, steps[:-1]))
        known = config_class.field(str(steps[-1])) if config_class is not None else None
        if known is None or config_class is None or not _is_default(config_class, steps[-1], nodes.at(config, steps)):
            return ()
        return (Origin(DATACLASS, plain(nodes.at(config, steps)), known.value_location or known.location),)

    def _kind(self, source: Source) -> str:
        group, _, name = source.config_path.rpartition("/")
        if not group and name == self._experiment.config_name:
            return PRIMARY
        return {SETS: SET, ENVIRONMENTS: ENVIRONMENT}.get(group, OPTION)

    def _field(self, stored: Registration, steps: Steps) -> Location | None:
        """The default of the field, in the class or in the field above it that sets it."""
        config_class, node = stored.config_class, self._schema.structured(stored)
        if config_class is None or not steps:
            return config_class.location if config_class is not None else None
        if not isinstance(stored.node, type) and not _is_default(config_class, steps[0], nodes.child(node, steps[0])):
            return stored.location  # `node=ExpConfig(seed=1)`
        location, above, rest = None, steps[:0], steps
        while config_class is not None and rest:
            known = config_class.field(str(rest[0]))
            if known is None:
                break
            location = known.value_location or known.location
            made, further = _made(known.default, rest[1:])
            above, rest = (*above, *rest[: 1 + further]), rest[1 + further :]
            config_class = self._class_of(nodes.at(node, above))
            if config_class is None or config_class.name != made:
                break
        return location

    def _class_of(self, node: Any) -> ConfigClass | None:
        kind = OmegaConf.get_type(node) if nodes.is_mapping(node) else None
        return self._schema.class_of(kind)


def _made(default: str | None, steps: Steps) -> tuple[str | None, int]:
    """The class of the instance in a field's default that leaves the next step to its class, and the steps to there.

    `Optimizer(lr=0.1)` does so for every field but `lr`, `{"a": Optimizer()}` below `a`. None if there is none.
    """
    try:
        made = ast.parse(default or "", mode="eval").body
    except SyntaxError:
        return None, 0
    for count, step in enumerate(steps):
        inside = _members(made)
        if inside is None:
            break
        if step in inside:
            made = inside[step]
        elif isinstance(made, ast.Call):
            return ast.unparse(made.func).rpartition(".")[2], count
        else:
            break
    return None, 0


def _members(made: ast.expr) -> dict[Any, ast.expr] | None:
    """What a call or a dict in the code says for its fields or keys; None where that is not plain to see."""
    if isinstance(made, ast.Call) and not made.args and all(keyword.arg for keyword in made.keywords):
        return {keyword.arg: keyword.value for keyword in made.keywords}
    if isinstance(made, ast.Dict) and all(isinstance(key, ast.Constant) for key in made.keys):
        keys = [key.value for key in made.keys if isinstance(key, ast.Constant)]
        return dict(zip(keys, made.values, strict=True))
    return None


def _is_default(config_class: ConfigClass, name: Any, node: Any) -> bool:
    try:
        own = nodes.child(OmegaConf.structured(config_class.cls), name)
    except Exception:  # a field without a default, or whatever the user's class has
        return False
    return repr(plain(own)) == repr(plain(node))
