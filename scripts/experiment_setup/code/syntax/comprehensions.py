"""Comprehensions, and generators that are written like them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from experiment_setup.code.evaluator import EXPRESSIONS, Evaluator
from experiment_setup.code.modules import Scope
from experiment_setup.code.values import Opaque, unknown_in

_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


@EXPRESSIONS.reads(ast.ListComp, ast.GeneratorExp)
def _list(evaluator: Evaluator, node: ast.ListComp | ast.GeneratorExp, scope: Scope) -> Any:
    return _values(evaluator, node, scope)  # a generator's items are known at once, and can be looked into


@EXPRESSIONS.reads(ast.SetComp)
def _set(evaluator: Evaluator, node: ast.SetComp, scope: Scope) -> Any:
    values = _values(evaluator, node, scope)
    return values if isinstance(values, Opaque) else _made_of(evaluator, set, values, values, node, scope)


@EXPRESSIONS.reads(ast.DictComp)
def _dict(evaluator: Evaluator, node: ast.DictComp, scope: Scope) -> Any:
    pairs = _values(evaluator, node, scope)
    if isinstance(pairs, Opaque):
        return pairs
    return _made_of(evaluator, dict, pairs, [key for key, _ in pairs], node, scope)


def _made_of(
    evaluator: Evaluator, kind: type, values: list[Any], hashed: list[Any], node: ast.expr, scope: Scope
) -> Any:
    reason = unknown_in(hashed)
    if reason is not None:
        return Opaque(reason)
    try:
        return kind(values)
    except TypeError as error:
        raise evaluator.error(error, node, scope) from error


def _values(evaluator: Evaluator, node: _Comprehension, scope: Scope) -> list[Any] | Opaque:
    """The elements; pairs of key and value for a dictionary."""
    inner = Scope("comprehension", {}, scope.module, scope.function_parent, scope.global_names)
    values: list[Any] = []
    unknown = _generate(evaluator, node, node.generators, scope, inner, values)
    return values if unknown is None else unknown


def _generate(
    evaluator: Evaluator,
    node: _Comprehension,
    generators: Sequence[ast.comprehension],
    outer: Scope,
    inner: Scope,
    values: list[Any],
) -> Opaque | None:
    if not generators:
        if isinstance(node, ast.DictComp):
            values.append((evaluator.eval(node.key, inner), evaluator.eval(node.value, inner)))
        else:
            values.append(evaluator.eval(node.elt, inner))
        return None
    generator, *rest = generators
    items = evaluator.items(evaluator.eval(generator.iter, outer), generator.iter, outer)
    if isinstance(items, Opaque):
        return items
    if generator.is_async:
        return evaluator.opaque(node, inner)
    for item in items:
        evaluator.assign(generator.target, item, inner)
        keep = _keeps(evaluator, generator.ifs, inner)
        if keep is None:
            return evaluator.opaque(node, inner)
        unknown = _generate(evaluator, node, rest, inner, inner, values) if keep else None
        if unknown is not None:
            return unknown
    return None


def _keeps(evaluator: Evaluator, tests: Sequence[ast.expr], scope: Scope) -> bool | None:
    for test in tests:
        truth = evaluator.truth(evaluator.eval(test, scope))
        if not truth:
            return truth
    return True
