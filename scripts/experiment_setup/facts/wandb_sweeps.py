"""The sweeps of Weights & Biases that lie among configs: their commands have macros that look like references."""

from __future__ import annotations

import re

from experiment_setup import nodes
from experiment_setup.composing.compose import Composition, UnusableValue
from experiment_setup.light import compiled

# An agent takes the place of an element that is a macro as a whole, and of variables of the environment in any text.
_MACRO = compiled(
    r"\$\{(?:env|interpreter|program|args(?:_(?:no_equals|no_hyphens|no_boolean_flags|json|json_file))?)\}"
    r"|(?:(?!\$\{).|\$\{envvar:\w+\})*"
)

_KEYS = (compiled(r"^method[ \t]*:", re.MULTILINE), compiled(r"^parameters[ \t]*:", re.MULTILINE))
_OF_A_SWEEP = compiled(r"^(?:program|command|metric)[ \t]*:", re.MULTILINE)
_OF_HYDRA = compiled(r"^(?:#[ \t]*@package\b|defaults[ \t]*:)", re.MULTILINE)


def is_sweep(text: str) -> bool:
    """Whether a file is the description of a sweep, which is for `wandb sweep FILE` and no option of a group."""
    return all(key.search(text) for key in (*_KEYS, _OF_A_SWEEP)) and _OF_HYDRA.search(text) is None


def is_macro(outcome: Composition, bad: UnusableValue) -> bool:
    """Whether it is an element of the `command` of a sweep, which stands beside `method` and `parameters`."""
    *sweep, command, index = ("", *nodes.split(bad.key))
    if command != "command" or not isinstance(index, int) or _MACRO.fullmatch(bad.written) is None:
        return False
    around = nodes.within(outcome.container, tuple(sweep[1:]))
    return isinstance(around, dict) and {"method", "parameters"} <= around.keys()
