"""What main() returns to a sweeper: whether that is a number, and how many."""

from __future__ import annotations

import ast
from typing import Any

from experiment_setup import nodes
from experiment_setup.code.modules import Defined, Modules
from experiment_setup.code.tree import Function, dotted, last_name, own_nodes
from experiment_setup.schema import Schema
from experiment_setup.uses import shapes

SEVERAL = 0  # values of a list that is not written out
_DEPTH = 5  # functions that return each other's results, and names that stand for each other
_KEEPS_THE_RESULT = frozenset("main hydra_main no_grad inference_mode record".split())
_NUMBERS = frozenset("float int abs len round item".split())  # what these give is one number


def may_be_a_number(schema: Schema, main: Function, *, or_named: bool = False) -> bool:
    """Whether main() may return one, or (`or_named`) a mapping of some; yes where that can't be told."""
    module = schema.code.known.get("__main__") if schema.code is not None else None
    return schema.code is None or module is None or _may_give(schema.code, Defined(module, main), _DEPTH, or_named)


def _may_give(code: Modules, function: Defined, depth: int, or_named: bool) -> bool:
    """Whether a function may return that, itself or by another one of the project that it returns the result of."""
    node = function.node
    if depth == 0 or isinstance(node, ast.ClassDef):
        return True
    if any(last_name(decorator) not in _KEEPS_THE_RESULT for decorator in node.decorator_list):
        return True
    for returned in own_nodes(node.body):
        value = returned.value if isinstance(returned, ast.Return) else None
        called = code.defined(function.module, value.func) if isinstance(value, ast.Call) else None
        if called is not None:
            if _may_give(code, called, depth - 1, or_named):
                return True
        elif isinstance(value, (ast.Dict, ast.DictComp)):
            if or_named:
                return True
        elif value is not None and not _is_no_number(value):
            return True
    return False


def _is_no_number(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None or isinstance(value.value, str)
    return isinstance(value, (ast.Set, ast.SetComp, ast.JoinedStr))


def counts(main: Function, config: Any) -> set[int]:
    """How many values main() returns, a count for each `return` with a value; none where one of them can't be told.

    `config`: what it is given, if that composes.
    """
    values = [node.value for node in own_nodes(main.body) if isinstance(node, ast.Return) and node.value is not None]
    found = {_count(main, value, config, _DEPTH) for value in values}
    return set() if None in found else {count for count in found if count is not None}


def _count(main: Function, value: ast.expr, config: Any, depth: int) -> int | None:
    if isinstance(value, (ast.Tuple, ast.List)):
        return None if any(isinstance(part, ast.Starred) for part in value.elts) else len(value.elts)
    if isinstance(value, ast.Call):
        name = last_name(value.func)
        return SEVERAL if name in ("tuple", "list") else 1 if name in _NUMBERS else None
    if isinstance(value, ast.Constant):
        return 1 if isinstance(value.value, (int, float)) else None
    if isinstance(value, ast.UnaryOp):
        return 1
    if isinstance(value, ast.BinOp) and depth:
        sides = {_count(main, side, config, depth - 1) for side in (value.left, value.right)}
        return 1 if sides == {1} or isinstance(value.op, (ast.Div, ast.Pow)) else None
    if isinstance(value, ast.Name) and depth:
        given = [found for node in own_nodes(main.body) for name, found in shapes.targets(node) if name == value.id]
        found = {_count(main, one, config, depth - 1) if one is not None else None for one in given}
        return found.pop() if len(found) == 1 else None
    first, *path = dotted(value).split(".")
    if path and config is not None and main.args.args and first == main.args.args[0].arg:
        return 1 if isinstance(nodes.value(nodes.at(config, path)), (int, float)) else None
    return None
