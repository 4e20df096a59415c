"""Loops over what is known. (A `while` is not followed: hardly any config is made by one.)"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from experiment_setup.code.evaluator import STATEMENTS, Evaluator
from experiment_setup.code.flow import Break, Continue, UnknownFlow
from experiment_setup.code.modules import Scope
from experiment_setup.code.tree import own_nodes
from experiment_setup.code.values import Opaque


@STATEMENTS.reads(ast.For)
def _for(evaluator: Evaluator, node: ast.For, scope: Scope) -> None:
    items = evaluator.items(evaluator.eval(node.iter, scope), node.iter, scope)
    if isinstance(items, Opaque):
        _skip(evaluator, node, scope, items.reason)
        return
    try:
        for item in items:
            evaluator.assign(node.target, item, scope)
            if _breaks(evaluator, node.body, scope):
                return
    except UnknownFlow as flow:
        if flow.returns:
            raise
        _skip(evaluator, node, scope, flow.reason)
        return
    evaluator.run(node.orelse, scope)


@STATEMENTS.reads(ast.While)
def _while(evaluator: Evaluator, node: ast.While, scope: Scope) -> None:
    if evaluator.truth(evaluator.eval(node.test, scope)) is False:
        evaluator.run(node.orelse, scope)
        return
    _skip(evaluator, node, scope, evaluator.opaque(node.test, scope).reason)
    ends = any(isinstance(inner, ast.Break) for inner in own_nodes(node.body, loops=False))
    if isinstance(node.test, ast.Constant) and not ends:
        raise UnknownFlow("a loop without an end", returns=True)


def _breaks(evaluator: Evaluator, body: Sequence[ast.stmt], scope: Scope) -> bool:
    """Run a loop's body once, and say whether it ends the loop."""
    evaluator.budget.depth += 1  # one statement of the module, however often it runs
    try:
        evaluator.run(body, scope)
    except Continue:
        pass
    except Break:
        return True
    finally:
        evaluator.budget.depth -= 1
    return False


def _skip(evaluator: Evaluator, node: ast.For | ast.While, scope: Scope, reason: str) -> None:
    evaluator.skip([node], scope, reason)
    if any(isinstance(inner, ast.Return) for inner in own_nodes([node])):
        raise UnknownFlow(reason, returns=True)


@STATEMENTS.reads(ast.Break)
def _break(_evaluator: Evaluator, _node: ast.Break, _scope: Scope) -> None:
    raise Break


@STATEMENTS.reads(ast.Continue)
def _continue(_evaluator: Evaluator, _node: ast.Continue, _scope: Scope) -> None:
    raise Continue
