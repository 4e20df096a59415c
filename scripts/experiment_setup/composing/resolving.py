"""Interpolations in place of which their values are put, as `--cfg job --resolve` does it."""

from __future__ import annotations

import re

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError

from experiment_setup import nodes

_OF_A_RUN = re.compile(r"\$\{\s*(?:hydra|now|python_version)\s*:")  # resolvers that Hydra adds for a run


def needs_hydra(config: DictConfig) -> bool:
    """Whether a value has a resolver of Hydra's own, which knows the run."""
    return any(_OF_A_RUN.search(str(nodes.value(node))) for _, node in nodes.leaves(config))


def resolve(config: DictConfig, package: str) -> None:
    """Resolve the part of a config at `package` ("" is the whole) in place. Raises OmegaConf's errors."""
    part = OmegaConf.select(config, package) if package else config
    if OmegaConf.is_config(part):
        try:
            OmegaConf.resolve(part)
        except InterpolationToMissingValueError:
            _resolve_what_is_given(part)


def _resolve_what_is_given(part: DictConfig) -> None:
    """As Hydra 1.4 does: a reference to `???` stays as it is written. Hydra 1.3 fails."""
    try:
        from hydra._internal.hydra import _resolve_for_cfg_output  # type: ignore[attr-defined, unused-ignore]
    except ImportError:
        OmegaConf.resolve(part)
    else:
        _resolve_for_cfg_output(part)
