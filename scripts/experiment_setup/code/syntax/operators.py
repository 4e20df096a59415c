"""Operators, comparisons and conditions."""

from __future__ import annotations

import ast
from typing import Any

from experiment_setup.code.evaluator import EXPRESSIONS, Evaluator
from experiment_setup.code.modules import Scope
from experiment_setup.code.operators import COMPARE, UNARY, apply, binary
from experiment_setup.code.values import Opaque


@EXPRESSIONS.reads(ast.BinOp)
def _binary(evaluator: Evaluator, node: ast.BinOp, scope: Scope) -> Any:
    left, right = evaluator.eval(node.left, scope), evaluator.eval(node.right, scope)
    return binary(evaluator, node.op, left, right, node, scope)


@EXPRESSIONS.reads(ast.UnaryOp)
def _unary(evaluator: Evaluator, node: ast.UnaryOp, scope: Scope) -> Any:
    return apply(evaluator, UNARY[type(node.op)], node, scope, evaluator.eval(node.operand, scope))


@EXPRESSIONS.reads(ast.BoolOp)
def _boolean(evaluator: Evaluator, node: ast.BoolOp, scope: Scope) -> Any:
    stop_at = isinstance(node.op, ast.Or)
    value: Any = None
    for part in node.values:
        value = evaluator.eval(part, scope)
        truth = evaluator.truth(value)
        if truth is None:
            return value if isinstance(value, Opaque) else evaluator.opaque(node, scope)
        if truth is stop_at:
            return value
    return value


@EXPRESSIONS.reads(ast.Compare)
def _compare(evaluator: Evaluator, node: ast.Compare, scope: Scope) -> Any:
    left = evaluator.eval(node.left, scope)
    result: Any = True
    for operation, right_node in zip(node.ops, node.comparators, strict=True):
        right = evaluator.eval(right_node, scope)
        if evaluator.environment is right and isinstance(left, str) and evaluator.environment.is_unknown(left):
            return evaluator.opaque(node, scope)
        identity = isinstance(operation, (ast.Is, ast.IsNot))
        if identity and not isinstance(left, Opaque) and not isinstance(right, Opaque):
            result = COMPARE[type(operation)](left, right)
        else:
            result = apply(evaluator, COMPARE[type(operation)], node, scope, left, right)
        if isinstance(result, Opaque) or not evaluator.truth(result):
            return result
        left = right
    return result


@EXPRESSIONS.reads(ast.IfExp)
def _conditional(evaluator: Evaluator, node: ast.IfExp, scope: Scope) -> Any:
    test = evaluator.eval(node.test, scope)
    truth = evaluator.truth(test)
    if truth is None:
        return test if isinstance(test, Opaque) else evaluator.opaque(node, scope)
    return evaluator.eval(node.body if truth else node.orelse, scope)
