"""What the code does with the config: its uses are followed from the parameter of the main function.

Functions and classes of the project's own modules are followed where a part of the config is passed to them; so is what
a class keeps in `self`. A parameter that is annotated with a config class is taken for that part of the config. Where
the config goes beyond that (a container, a library), it is lost and that is recorded: nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from experiment_setup.code.modules import Defined, Module
from experiment_setup.code.tree import Function
from experiment_setup.schema import Schema
from experiment_setup.uses import expressions, parts, statements  # noqa: F401  (each registers what it reads)
from experiment_setup.uses.records import Part, Reading
from experiment_setup.uses.walk import ConfigClasses, Walk

__all__ = ["ConfigClasses", "read", "read_beginning"]


def read(
    schema: Schema, classes: ConfigClasses, resolvers: Iterable[tuple[Module, Function, Mapping[str, Part]]] = ()
) -> Reading:
    """Follow the config through the entry point of `schema` and the project's modules that it imports.

    `resolvers`: the functions of those that are given parts of the config when a value is read, by parameter.
    """
    if schema.main is None or schema.code is None:
        return Reading()
    walk = Walk(schema.code, classes)
    walk.from_main(schema.main.function, resolvers)
    return walk.reading


def read_beginning(
    schema: Schema, classes: ConfigClasses, function: Defined, bound: Mapping[str, Part], count: int
) -> Reading:
    """What the first statements of a function do with the parts of the config that it is given, and what they call."""
    if schema.code is None:
        return Reading()
    walk = Walk(schema.code, classes)
    walk.from_beginning(function, bound, count)
    return walk.reading
