"""An experiment at two times: every config that it composes then and now, and which of them are others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

from experiment_setup.comparing.comparison import MISSING, same
from experiment_setup.comparing.configs import with_options
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.origins import Origin
from experiment_setup.facts import parameter_sets
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.light import dataclass
from experiment_setup.project import ENVIRONMENTS
from experiment_setup.showing import values

Choices = tuple[tuple[str, str], ...]  # config group, option


@dataclass
class Side:
    """The experiment at one time; `moved` are the folders that stand for each other, (temporary, real).

    `options` are those that were asked for, by their config group.
    """

    context: ExperimentContext
    moved: tuple[str, str] | None = None
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _traced: dict[Choices, Composition] = field(default_factory=dict)

    @cached_property
    def choices(self) -> list[Choices]:
        """Each parameter set in each environment, with these options; as it is, an experiment that runs without one."""
        named = self.options.get(ENVIRONMENTS)
        found = parameter_sets.in_each_environment(self.context, named, and_without=self._runs_without_a_set)
        more = {group: names for group, names in self.options.items() if group != ENVIRONMENTS}
        return [tuple(chosen.items()) for chosen in with_options(found, more)]

    @property
    def _runs_without_a_set(self) -> bool:
        """Whether sets are only added, to what composes alone (`+experiment=…`, or a group at null)."""
        keys = {key for chosen in parameter_sets.that_are_files(self.context) for key in chosen}
        listed = self.context.composer.groups()
        adds = all(key.startswith("+") or (key in listed and listed[key] is None) for key in keys)
        return bool(keys) and adds and self.composes(())

    def composition(self, choices: Choices) -> Composition:
        """What these choices compose to."""
        return self.context.compositions.of(dict(choices))

    def composes(self, choices: Choices) -> bool:
        """Whether these choices compose."""
        return self.composition(choices).failure is None

    def known(self, choices: Choices) -> dict[str, Any] | None:
        """The values by dotted key; None where it does not compose."""
        return self.real(values.by_key(self.composition(choices))) if self.composes(choices) else None

    def origins(self, choices: Choices) -> Mapping[str, tuple[Origin, ...]]:
        """Where the values come from."""
        if choices not in self._traced:
            wanted = self.composition(choices).choices
            self._traced[choices] = self.context.composer.compose(wanted, origins=True)
        return self._traced[choices].origins or {}

    def files(self, choices: Choices) -> Iterator[Path]:
        """The primary config, and the files of the options with those that they inherit from."""
        return self.context.options.files_of(dict(choices))

    def real(self, found: Any) -> Any:
        """Values with the real folder in place of the temporary one: a default may be made of `__file__`."""
        if self.moved is None:
            return found
        if isinstance(found, str):
            return found.replace(*self.moved)
        if isinstance(found, dict):
            return {key: self.real(value) for key, value in found.items()}
        return [self.real(value) for value in found] if isinstance(found, list) else found


def are_alike(before: Composition, now: Composition) -> bool:
    """Whether both compose to the same, written the same: true of most, and told without a list of their keys."""
    if before.failure is not None or now.failure is not None:
        return False
    return before.container == now.container and repr(before.container) == repr(now.container)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Key -> the value then and now, where they are written otherwise; MISSING where there is none."""
    if before == now and repr(before) == repr(now):
        return {}
    pairs = {key: (before.get(key, MISSING), now.get(key, MISSING)) for key in {**now, **before}}
    return {key: pair for key, pair in pairs.items() if not same(*pair)}
