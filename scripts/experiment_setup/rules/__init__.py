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
    odd_characters,
    option_files,
    outputs,
    parameter_sets,
    plugins,
    primary_list,
    primary_overrides,
    primary_values,
    refused_values,
    registrations,
    suppressions,
    sweeps,
    values,
    yaml_syntax,
)
from experiment_setup.rules.base import Rule, registered

FAMILIES = (
    composition,
    yaml_syntax,
    refused_values,
    suppressions,
    inheritance,
    primary_list,
    primary_overrides,
    primary_values,
    registrations,
    config_classes,
    conversions,
    entry_point,
    attributes,
    conversions,
    values,
    odd_characters,
    option_files,
    hydra_settings,
    plugins,
    sweeps,
    outputs,
    parameter_sets,
)

ALL: dict[str, Rule] = registered()
