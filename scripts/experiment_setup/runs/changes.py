"""What changed since a run: values that its parameter set has now and that it did not run with."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import bounds, naming
from experiment_setup.composing.compose import Composer
from experiment_setup.light import compiled, dataclass
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.runs.run import Run, State, leaves

STALE = "stale"
GONE = "(not there)"  # stands for the value of a key that there is no more, or was not then

_SAYS_NOTHING = (f"{SETS}.name", f"{SETS}.notes")  # how it is called, and what was remarked, changes no result
_SECRET = 8  # characters; what is shorter is found in the environment by chance
_RESOLVER = compiled(r"\$\{[^{}]*:")  # what it gives depends on the machine, the time or the code


def state_of(run: Run, changed: Mapping[str, Any]) -> str:
    """The state in a word: stale is what ran to its end, or may have, with other values than there are now."""
    return STALE if changed and run.state in (State.DONE, State.UNKNOWN) else run.state.value


class Changes:
    """Compares runs of one experiment with what the same choices give now.

    `is_set_by_code` says of a key that the code may have put it into what a run saved.
    """

    def __init__(self, composer: Composer, is_set_by_code: Callable[[str], bool] = lambda key: False) -> None:
        self._composer = composer
        self._is_set_by_code = is_set_by_code
        self._known: dict[tuple[tuple[str, Any], ...], _Config] = {}

    def since(self, run: Run, choices: Mapping[str, str | None] | None = None) -> dict[str, tuple[Any, Any]]:
        """Key -> what the run had, what it would have now; empty too where that cannot be told.

        `choices` are those of the run, where it does not say them itself. Left alone are what the run's own overrides
        set, names of outputs, `exp.name` and `exp.notes`, and what resolvers give or the code computes. A field that
        was added since, with the same default for everyone, had no say in the result. Of what was tracked, only what
        both have is compared: one may log more than the config, or less. A value that is gone is not shown: the
        environment may have given it.
        """
        known = run.choices if choices is None else choices
        if known is None or run.config is None:
            return {}
        now = self._now(known)
        then = _Config(run.config, placed(run.config, now.values))
        found: dict[str, tuple[Any, Any]] = {}
        for key, ran in then.values.items():
            if not _counts(key, run):
                continue
            if key in now.values:
                if not self._is_computed(key, now.values[key]) and not _is_same(key, ran, then, now):
                    found[key] = ran, now.values[key]
            elif not run.is_tracked and key.partition(".")[0] in now.groups and not self._is_set_by_code(key):
                found[key] = GONE, GONE
        groups = {key.partition(".")[0] for key in then.values} if not run.is_tracked else ()
        for key, value in now.values.items():
            is_new = key not in then.values and key.partition(".")[0] in groups and _counts(key, run)
            if is_new and repr(self._now({}).values.get(key, GONE)) != repr(value):
                found[key] = GONE, value
        return {key: (_hidden(ran), value) for key, (ran, value) in found.items()}

    def _is_computed(self, key: str, value: Any) -> bool:
        """Whether a value is the default of a field that only running the code would tell: a stand-in is shown."""
        is_default = repr(self._now({}).values.get(key, GONE)) == repr(value)
        return is_default and any(f"{key}.".startswith(f"{place}.") for place in self._computed)

    @cached_property
    def _computed(self) -> set[str]:
        schema = self._composer.schema
        found = ((stored.group, path) for stored in schema.registrations for path in schema.opaque_paths(stored))
        return {".".join(filter(None, pair)) for pair in found}

    def _now(self, choices: Mapping[str, str | None]) -> _Config:
        key = tuple(choices.items())
        if key not in self._known:
            config = self._composer.compose(choices).config
            plain: Any = {} if config is None else OmegaConf.to_container(config, enum_to_str=True)
            self._known[key] = _Config(plain, {name: value for name, value in leaves(plain) if name})
        return self._known[key]


@dataclass(frozen=True)
class _Config:
    """A config of now or of a run, and its values by dotted key."""

    plain: Mapping[str, Any]
    values: Mapping[str, Any]

    @property
    def groups(self) -> set[str]:
        """The keys at its root."""
        return {str(name) for name in self.plain}

    @cached_property
    def _node(self) -> Any:
        return OmegaConf.create(dict(self.plain))

    @bounds.one_value()
    def resolved(self, key: str) -> Any:
        """What the interpolations of a value lead to; None where they lead nowhere."""
        try:
            found = OmegaConf.select(self._node, key)
            return OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
        except OmegaConfBaseException:
            return None


def _hidden(ran: Any) -> Any:
    """A saved value, unless it is what a variable of the environment has: it may be a token."""
    secret = isinstance(ran, str) and len(ran) >= _SECRET and ran in os.environ.values()
    return "(a value of the environment)" if secret else ran


def _counts(key: str, run: Run) -> bool:
    """Whether another value of the key could make another result."""
    words = [word.lstrip("+~").partition("=")[0] for word in run.overrides or ()]
    own = [word for word in words if "." in word]  # the others choose a group's option
    return not (
        key in _SAYS_NOTHING
        or naming.is_output_folder(key.rpartition(".")[2])
        or any(key == word or key.startswith(f"{word}.") for word in own)
    )


def placed(config: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The saved values by their key now: code may save `cfg.exp` alone, or log it with dots or slashes in its keys."""
    then = {key.replace("/", "."): value for key, value in leaves(dict(config)) if key}
    groups = {key.partition(".")[0] for key in now}
    if not groups & {key.partition(".")[0] for key in then}:
        for group in (SETS, ENVIRONMENTS):
            if sum(f"{group}.{key}" in now for key in then) * 2 > len(then):
                return {f"{group}.{key}": value for key, value in then.items()}
    return then


def _is_same(key: str, ran: Any, then: _Config, now: _Config) -> bool:
    value = now.values[key]
    if is_same(ran, value):
        return True
    texts = [str(one) for one in (ran, value) if "${" in str(one)]
    if not texts or any(map(_RESOLVER.search, texts)):
        return bool(texts)
    return is_same(then.resolved(key) if "${" in str(ran) else ran, now.resolved(key) if "${" in str(value) else value)


def is_same(ran: Any, now: Any) -> bool:
    """Whether a saved value is what there is now: numbers by what they come to; JSON has null for nan and infinity."""
    if isinstance(ran, Mapping) and isinstance(now, Mapping):
        left, right = ({str(key): value for key, value in one.items()} for one in (ran, now))
        return left.keys() == right.keys() and all(is_same(left[key], right[key]) for key in left)
    if isinstance(ran, (list, tuple)) and isinstance(now, (list, tuple)):
        return len(ran) == len(now) and all(map(is_same, ran, now))
    if isinstance(now, float) and not math.isfinite(now):
        return ran is None or ran == now or (isinstance(ran, float) and math.isnan(ran) and math.isnan(now))
    numbers = [isinstance(value, (int, float)) and not isinstance(value, bool) for value in (ran, now)]
    if all(numbers):
        return bool(ran == now)
    if isinstance(ran, (str, bool, type(None))) and isinstance(now, (str, bool, type(None))):
        return type(ran) is type(now) and ran == now
    return not any(numbers) and str(ran) == str(now)  # a path, bytes
