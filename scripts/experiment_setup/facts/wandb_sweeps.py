"""The sweep of Weights & Biases that a config may hold: its command has macros that look like references."""

from __future__ import annotations

from experiment_setup import nodes
from experiment_setup.composing.compose import Composition, UnusableValue
from experiment_setup.light import compiled

# An agent takes the place of an element that is a macro as a whole, and of variables of the environment in any text.
_MACRO = compiled(
    r"\$\{(?:env|interpreter|program|args(?:_(?:no_equals|no_hyphens|no_boolean_flags|json|json_file))?)\}"
    r"|(?:(?!\$\{).|\$\{envvar:\w+\})*"
)


def is_macro(outcome: Composition, bad: UnusableValue) -> bool:
    """Whether it is an element of the `command` of a sweep, which stands beside `method` and `parameters`."""
    *sweep, command, index = ("", *nodes.split(bad.key))
    if command != "command" or not isinstance(index, int) or _MACRO.fullmatch(bad.written) is None:
        return False
    around = nodes.within(outcome.container, tuple(sweep[1:]))
    return isinstance(around, dict) and {"method", "parameters"} <= around.keys()
