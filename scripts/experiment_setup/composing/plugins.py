"""Hydra's own config groups with their options, and those that plugins add.

Plugins live in the project's environment, not in ours: what is not installed here is no mistake of the project.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from experiment_setup.composing.refusals import NotFound, Refusal
from experiment_setup.location import did_you_mean

_LOGGING = ("default", "disabled", "none", "stdout")
OWN: dict[str, tuple[str, ...]] = {  # hydra/conf/hydra
    "job_logging": _LOGGING,
    "hydra_logging": (*_LOGGING, "hydra_debug"),
    "launcher": ("basic",),
    "sweeper": ("basic",),
    "help": ("default",),
    "hydra_help": ("default",),
    "output": ("default",),
    "env": ("default",),
}
# What the plugins on PyPI add (docs of Hydra's plugins: joblib, submitit, ray, rq launchers; optuna, ax, nevergrad
# sweepers; colorlog).
OF_PLUGINS: dict[str, tuple[str, ...]] = {
    "job_logging": ("colorlog",),
    "hydra_logging": ("colorlog",),
    "launcher": ("joblib", "submitit_local", "submitit_slurm", "ray", "ray_aws", "rq"),
    "sweeper": ("optuna", "ax", "nevergrad", "explicit"),
    "sweeper/sampler": ("tpe", "random", "grid", "cmaes", "motpe", "nsgaii", "qmc"),
}
# The defaults lists of those that have one (hydra_plugins/hydra_optuna_sweeper/config.py: OptunaSweeperConf).
LISTS: dict[tuple[str, str], list[dict[str, str]]] = {("sweeper", "optuna"): [{"sampler": "tpe"}]}
EXTENDED = ("launcher", "sweeper", "sweeper/sampler")  # by plugins of anybody


def known(group: str) -> tuple[str, ...]:
    """The options of hydra/GROUP that Hydra or a plugin on PyPI has."""
    return (*OWN.get(group, ()), *OF_PLUGINS.get(group, ()))


def of_others(group: str, option: str) -> bool:
    """Whether an option that is not known may be one of a plugin that we have not heard of, and is no typo."""
    return group in EXTENDED and did_you_mean(option, known(group)) is None


def missing(refusal: Refusal, stored: Collection[str] = ()) -> tuple[str, str] | None:
    """The group below `hydra` and the option that Hydra does not find, if a plugin may have it.

    `stored`: the configs that the project stores itself, of which it may be a misspelled one.
    """
    found = re.fullmatch(r"hydra/([\w/]+)/([\w.-]+)", refusal.config) if isinstance(refusal, NotFound) else None
    if found is None or did_you_mean(found[0], stored) is not None:
        return None
    return (found[1], found[2]) if of_others(found[1], found[2]) else None
