"""Interpolations in place of which their values are put, as `--cfg job --resolve` does it."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException

from experiment_setup import bounds, installed, nodes
from experiment_setup.composing import environment, origins
from experiment_setup.light import compiled

_OF_A_RUN = compiled(rf"\$\{{\s*(?:{'|'.join(installed.resolvers_of_a_run())})\s*:")


def needs_hydra(config: DictConfig) -> bool:
    """Whether a value has a resolver of Hydra's own, which knows the run."""
    return any(_OF_A_RUN.search(str(nodes.value(node))) for _, node in nodes.leaves(config))


@bounds.one_config()
def resolve(config: DictConfig, package: str) -> Mapping[str, Sequence[str]]:
    """Resolve the part of a config at `package` ("" is the whole) in place, with the values of the environment.

    Returns the variables that have a part in a value, by its dotted key. Raises OmegaConf's errors.
    """
    part = OmegaConf.select(config, package) if package else config
    if not OmegaConf.is_config(part):
        return {}
    written = copy.deepcopy(config)
    with environment.real() as given:
        try:
            OmegaConf.resolve(part)
        except InterpolationToMissingValueError:
            _resolve_what_is_given(part)
    if not given:
        return {}
    variables = {origins.dotted(steps): _variables(node) for steps, node in origins.values(written)}
    return {key: names for key, names in variables.items() if names}


def _variables(value: Any) -> Sequence[str]:
    """The variables of the environment that a value asks for, through others too."""
    found = [value] if nodes.is_interpolation(value) else [node for _, node in nodes.leaves(value)]
    with environment.real() as names:
        for node in filter(nodes.is_interpolation, found):
            with contextlib.suppress(OmegaConfBaseException):  # outside of what was resolved, or `???`
                nodes.refer(node, str(nodes.value(node)))
    return sorted(names)


def _resolve_what_is_given(part: DictConfig) -> None:
    """As Hydra 1.4 does: a reference to `???` stays as it is written. Hydra 1.3 fails."""
    try:
        from hydra._internal.hydra import _resolve_for_cfg_output  # type: ignore[attr-defined, unused-ignore]
    except ImportError:
        OmegaConf.resolve(part)
    else:
        _resolve_for_cfg_output(part)
