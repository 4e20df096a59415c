"""The rules, by family. A new rule goes into the module of its family; importing it here registers it."""

from __future__ import annotations

from experiment_setup.rules import (
    attributes,
    composition,
    config_classes,
    conversions,
    entry_point,
    hydra_settings,
    inheritance,
    option_files,
    outputs,
    parameter_sets,
    primary_list,
    registrations,
    suppressions,
    sweeps,
    values,
)
from experiment_setup.rules.base import Rule, registered

FAMILIES = (
    composition,
    suppressions,
    inheritance,
    primary_list,
    registrations,
    config_classes,
    conversions,
    entry_point,
    attributes,
    conversions,
    values,
    option_files,
    hydra_settings,
    sweeps,
    outputs,
    parameter_sets,
)

ALL: dict[str, Rule] = registered()
