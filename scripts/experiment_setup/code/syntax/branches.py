"""Statements that only some runs come to, and the small ones."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from experiment_setup.code.evaluator import STATEMENTS, Evaluator
from experiment_setup.code.flow import Returned, UnknownFlow
from experiment_setup.code.modules import Scope
from experiment_setup.code.tree import last_name, own_nodes
from experiment_setup.code.values import Opaque, PyError


@STATEMENTS.reads(ast.Expr)
def _expression(evaluator: Evaluator, node: ast.Expr, scope: Scope) -> None:
    if not isinstance(node.value, ast.Constant):
        evaluator.eval(node.value, scope)


@STATEMENTS.reads(ast.Pass)
def _pass(_evaluator: Evaluator, _node: ast.Pass, _scope: Scope) -> None:
    return


@STATEMENTS.reads(ast.Global)
def _global(_evaluator: Evaluator, node: ast.Global, scope: Scope) -> None:
    scope.global_names.update(node.names)


@STATEMENTS.reads(ast.Return)
def _return(evaluator: Evaluator, node: ast.Return, scope: Scope) -> None:
    raise Returned(evaluator.eval(node.value, scope) if node.value else None)


@STATEMENTS.reads(ast.If)
def _if(evaluator: Evaluator, node: ast.If, scope: Scope) -> None:
    test = evaluator.eval(node.test, scope)
    truth = evaluator.truth(test)
    there = _says_that_a_library_is_there(node.test) if truth is None else None
    if there is not None:  # so it is where the code is meant to run
        _protected(evaluator, node.body if there else node.orelse, scope)
        return
    if truth is None:
        reason = test.reason if isinstance(test, Opaque) else evaluator.opaque(node.test, scope).reason
        _perhaps(evaluator, [*node.body, *node.orelse], scope, reason)
        return
    is_script = scope.kind == "module" and scope.names.get("__name__") == "__main__"
    guarded = truth and is_script and _names_main(node.test)
    evaluator.guard += guarded
    try:
        evaluator.run(node.body if truth else node.orelse, scope)
    finally:
        evaluator.guard -= guarded


def _says_that_a_library_is_there(test: ast.expr) -> bool | None:
    """Whether `find_spec("library")` is held against None to be something, or to be nothing; None for other tests."""
    there = True
    if isinstance(test, ast.Compare):
        there, test = isinstance(test.ops[0], ast.IsNot), test.left
    value = test.value if isinstance(test, ast.NamedExpr) else test
    return there if isinstance(value, ast.Call) and last_name(value.func) == "find_spec" else None


def _protected(evaluator: Evaluator, statements: Sequence[ast.stmt], scope: Scope) -> None:
    evaluator.protected += 1
    try:
        evaluator.run(statements, scope)
    except PyError as error:
        evaluator.skip(statements, scope, str(error))
    finally:
        evaluator.protected -= 1


def _names_main(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def _perhaps(evaluator: Evaluator, statements: Sequence[ast.stmt], scope: Scope, reason: str) -> None:
    """Code that may or may not run. What it raises is taken not to be raised."""
    returns = any(isinstance(node, ast.Return) for node in own_nodes(statements))
    if returns or any(isinstance(node, (ast.Break, ast.Continue)) for node in own_nodes(statements, loops=False)):
        raise UnknownFlow(reason, returns)
    evaluator.skip(statements, scope, reason)
