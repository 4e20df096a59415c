"""Operators: what Python computes with two plain values, if the result cannot get too large."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from experiment_setup.code.limits import operation_too_large
from experiment_setup.code.modules import Scope
from experiment_setup.code.values import Opaque

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator

BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
    ast.MatMult: operator.matmul,
}
UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


def apply(evaluator: Evaluator, function: Callable[..., Any], node: ast.AST, scope: Scope, *values: Any) -> Any:
    """What an operator makes of plain values; Opaque for others. Raises PyError where Python raises."""
    reason = evaluator.plain(*values)
    if reason is not None:
        evaluator.unknowns += 1
        return Opaque(reason)
    try:
        result = function(*values)
    except (RecursionError, MemoryError):
        return evaluator.opaque(node, scope)
    except Exception as error:
        raise evaluator.error(error, node, scope) from error
    evaluator.made(result)
    return result


def binary(evaluator: Evaluator, operation: ast.operator, left: Any, right: Any, node: ast.AST, scope: Scope) -> Any:
    """`left operation right`."""
    if operation_too_large(type(operation).__name__, left, right):
        return evaluator.opaque(node, scope)
    if isinstance(operation, ast.Add) and type(left) is type(right) and type(left) in (list, tuple):
        evaluator.made(left)
        evaluator.made(right)
        return left + right
    return apply(evaluator, BINARY[type(operation)], node, scope, left, right)
