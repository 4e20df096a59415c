"""How many arguments a value gives to a resolver of the project, and how many that takes."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from experiment_setup.code.modules import Module, Modules
from experiment_setup.code.tree import FUNCTIONS, Function
from experiment_setup.facts.resolvers import GIVEN_CONFIG, function_of, name_of, reached_from, registrations
from experiment_setup.light import dataclass
from experiment_setup.schema import Schema

_GIVEN = (*GIVEN_CONFIG, "_node_")  # what OmegaConf gives by keyword to whoever asks for it
_KEEP_ARGUMENTS = ("cache", "lru_cache", "staticmethod")


@dataclass(frozen=True)
class Takes:
    """The least and the most arguments that a function takes; `most` is None where any number is taken."""

    least: int
    most: int | None

    def fits(self, count: int) -> bool:
        """Whether it takes that many."""
        return self.least <= count and (self.most is None or count <= self.most)

    def __str__(self) -> str:
        if self.most is None:
            return f"{self.least} or more"
        return f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"


def taken(schema: Schema, texts: Sequence[str]) -> dict[str, list[Takes]]:
    """What the resolvers take that the code registers, one for each function; none of a name where one is not known."""
    found: dict[str, list[Takes | None]] = {}
    for module in reached_from(schema, texts) if schema.code is not None else ():
        for call, _ in registrations(module) if "resolver" in module.source.text else ():
            function = function_of(call)
            known = _takes(function, module, schema.code) if function is not None and schema.code else None
            found.setdefault(name_of(call, module) or "", []).append(known)
    return (
        {} if "" in found else {n: [one for one in all_of if one] for n, all_of in found.items() if None not in all_of}
    )


def _takes(node: ast.expr, module: Module, code: Modules) -> Takes | None:
    if isinstance(node, ast.Lambda):
        return _of(node)
    defined = code.defined(module, node)
    if defined is None or not isinstance(defined.node, FUNCTIONS):
        return None
    is_plain = all(_name(decorator) in _KEEP_ARGUMENTS for decorator in defined.node.decorator_list)
    return _of(defined.node) if is_plain else None


def _name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _of(node: Function | ast.Lambda) -> Takes | None:
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    asked = [one.arg for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    if any(one.arg in _GIVEN for one in positional) or not set(asked).issubset(_GIVEN):
        return None
    return Takes(len(positional) - len(given.defaults), None if given.vararg else len(positional))


_OPEN, _CLOSED = "[{", "]}"


def count_given(text: str, start: int) -> int | None:
    """How many arguments stand in a reference, from behind its colon on; None where it does not end."""
    depth, quote, commas, position = 0, "", 0, start
    while position < len(text):
        letter = text[position]
        if letter == "\\":
            position += 1
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _OPEN:
            depth += 1
        elif letter in _CLOSED:
            if depth == 0:
                return commas + 1 if text[start:position].strip() else 0
            depth -= 1
        elif letter == "," and depth == 0:
            commas += 1
        position += 1
    return None
