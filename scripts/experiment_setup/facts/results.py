"""What main() returns to a sweeper: whether that is a number, and how many."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from experiment_setup import nodes
from experiment_setup.code.modules import Defined, Module, Modules
from experiment_setup.code.tree import FUNCTIONS, Function, dotted, last_name, own_nodes
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
    kept = [_keeps_the_result(code, function.module, decorator) for decorator in _around(node)]
    if not all(kept):
        return None in kept
    for returned in own_nodes(node.body):
        value = returned.value if isinstance(returned, ast.Return) else None
        called = _called(code, function, value) if isinstance(value, ast.Call) else None
        if called is not None:
            if _may_give(code, called, depth - 1, or_named):
                return True
        elif isinstance(value, (ast.Dict, ast.DictComp)):
            if or_named:
                return True
        elif value is not None and not _is_no_number(value, node):
            return True
    return False


def _around(node: Function) -> list[ast.expr]:
    """The decorators between a function and its caller: Hydra calls what stands below `@hydra.main`."""
    names = [last_name(decorator) for decorator in node.decorator_list]
    return node.decorator_list[names.index("main") + 1 :] if "main" in names else node.decorator_list


def _keeps_the_result(code: Modules, module: Module, decorator: ast.expr) -> bool | None:
    """Whether what a decorator makes of a function returns what that returns; None where this can't be told."""
    if last_name(decorator) in _KEEPS_THE_RESULT:
        return True
    found = code.defined(module, decorator)
    if found is None or not isinstance(found.node, FUNCTIONS) or not found.node.args.args:
        return None
    given, last = found.node.args.args[0].arg, found.node.body[-1]
    returned = last.value.id if isinstance(last, ast.Return) and isinstance(last.value, ast.Name) else ""
    made = next((part for part in found.node.body if isinstance(part, FUNCTIONS) and part.name == returned), None)
    if made is None or any(last_name(inner) != "wraps" for inner in made.decorator_list):
        return None
    values = [node.value for node in own_nodes(made.body) if isinstance(node, ast.Return) and node.value is not None]
    calls = [_assigned(made, value) for value in values]
    is_handed_on = all(isinstance(call, ast.Call) and dotted(call.func) == given for call in calls)
    return None if values and not is_handed_on else bool(values)


def _called(code: Modules, function: Defined, call: ast.Call) -> Defined | None:
    """The function of the project that is called, or the method: `Trainer(cfg).run()`, or by its name."""
    found = code.defined(function.module, call.func)
    if found is not None or not isinstance(call.func, ast.Attribute):
        return found
    made = _assigned(function.node, call.func.value)
    owner = code.defined(function.module, made.func) if isinstance(made, ast.Call) else None
    methods = [part for part in owner.node.body if isinstance(part, FUNCTIONS)] if owner is not None else []
    method = next((part for part in methods if part.name == call.func.attr), None)
    return Defined(owner.module, method) if owner is not None and method is not None else None


def _assigned(node: ast.AST, value: ast.expr) -> ast.expr | None:
    """What a name is given in a function, where that is one thing; all else is itself."""
    if not isinstance(value, ast.Name) or not isinstance(node, FUNCTIONS):
        return value
    given = [found for part in own_nodes(node.body) for name, found in shapes.targets(part) if name == value.id]
    return given[0] if len(given) == 1 else None


def _is_no_number(value: ast.expr, function: Function) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None or isinstance(value.value, str)
    if isinstance(value, ast.Call):
        return dotted(value.func) == "print"
    if isinstance(value, ast.Name):  # the config as it was given
        bound = [name for part in own_nodes(function.body) for name, _ in shapes.targets(part)]
        return value.id in {one.arg for one in function.args.args} and value.id not in bound
    return isinstance(value, (ast.Set, ast.SetComp, ast.JoinedStr))


def may_end_without(main: Function) -> bool:
    """Whether main() may come to its end without `return`."""
    return _goes_on(main.body)


_ENDS = frozenset("sys.exit exit quit os._exit".split())


def _goes_on(body: Sequence[ast.stmt]) -> bool:
    """Whether what stands behind these statements may be come to."""
    return all(map(_passes, body))


def _passes(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Return, ast.Raise)):
        return False
    if isinstance(statement, ast.Expr):
        return not (isinstance(statement.value, ast.Call) and dotted(statement.value.func) in _ENDS)
    if isinstance(statement, ast.If):
        return _goes_on(statement.body) or _goes_on(statement.orelse)
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return _goes_on(statement.body)
    if isinstance(statement, ast.Try):
        after = _goes_on([*statement.body, *statement.orelse]) or any(_goes_on(one.body) for one in statement.handlers)
        return after and _goes_on(statement.finalbody)
    if isinstance(statement, ast.While) and isinstance(statement.test, ast.Constant) and statement.test.value:
        return any(isinstance(node, ast.Break) for node in own_nodes(statement.body))
    if isinstance(statement, ast.Match):
        is_whole = any(_is_any(case) for case in statement.cases)
        return not is_whole or any(_goes_on(case.body) for case in statement.cases)
    return True


def _is_any(case: ast.match_case) -> bool:
    return case.guard is None and isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None


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
