"""References (`${…}`) in what is about to be written: one that nothing could read is refused."""

from __future__ import annotations

from collections.abc import Mapping

from omegaconf import DictConfig, OmegaConf

from experiment_setup.composing.compose import unusable_values
from experiment_setup.composing.refusals import UnsetVariable
from experiment_setup.errors import CommandError
from experiment_setup.facts import resolvers
from experiment_setup.schema import Schema
from experiment_setup.writing.node_values import Setting


def stand_in(settings: Mapping[str, Setting]) -> bool:
    """Whether a value of `settings` has a reference."""
    return any("${" in str(setting.value) for setting in settings.values())


def check(config: DictConfig, settings: Mapping[str, Setting], schema: Schema) -> None:
    """Raise CommandError for a value of `settings`, by its key from the root of `config`, that could not be used there.

    That is a reference to a key that is not there, to itself, or with a resolver that neither OmegaConf, Hydra nor the
    project has. What only a run knows is passed over.
    """
    if not stand_in(settings):
        return
    used = resolvers.used_in([str(setting.value) for setting in settings.values()])
    registered = resolvers.registered_for(used, schema, [OmegaConf.to_yaml(config)])
    for bad in unusable_values(config, registered.possible(used)):
        if isinstance(bad.refusal, UnsetVariable):
            continue  # it may be set where this runs
        for key, setting in settings.items():
            if not bad.missing and (bad.key == key or bad.key.startswith((f"{key}.", f"{key}["))):
                raise CommandError(
                    f"{key}={setting.written or setting.value}: {bad.refusal.words}",
                    "name a key of the whole config, such as ${exp.seed}",
                )
