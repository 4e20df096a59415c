"""Lists, tuples, sets and dictionaries, and what is taken out of them."""

from __future__ import annotations

import ast
import enum
from typing import Any

from experiment_setup.code import standard
from experiment_setup.code.annotations import type_arguments
from experiment_setup.code.environment import missing_variable
from experiment_setup.code.evaluator import EXPRESSIONS, Evaluator
from experiment_setup.code.modules import Scope
from experiment_setup.code.operators import apply
from experiment_setup.code.values import Known, Opaque, is_user, unknown_in


@EXPRESSIONS.reads(ast.List)
def _list(evaluator: Evaluator, node: ast.List, scope: Scope) -> Any:
    return _elements(evaluator, node, scope)


@EXPRESSIONS.reads(ast.Tuple)
def _tuple(evaluator: Evaluator, node: ast.Tuple, scope: Scope) -> Any:
    values = _elements(evaluator, node, scope)
    return values if isinstance(values, Opaque) else tuple(values)


@EXPRESSIONS.reads(ast.Set)
def _set(evaluator: Evaluator, node: ast.Set, scope: Scope) -> Any:
    values = _elements(evaluator, node, scope)
    return values if isinstance(values, Opaque) else apply(evaluator, set, node, scope, values)


def _elements(evaluator: Evaluator, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> list[Any] | Opaque:
    values: list[Any] = []
    for element in node.elts:
        if isinstance(element, ast.Starred):
            items = evaluator.items(evaluator.eval(element.value, scope), element, scope)
            if isinstance(items, Opaque):
                return items
            values.extend(items)
        else:
            values.append(evaluator.eval(element, scope))
    return values


@EXPRESSIONS.reads(ast.Dict)
def _dict(evaluator: Evaluator, node: ast.Dict, scope: Scope) -> Any:
    result: dict[Any, Any] = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        if key_node is None:
            value = evaluator.eval(value_node, scope)
            if not isinstance(value, dict):
                return evaluator.opaque(node, scope)
            evaluator.made(value)
            result.update(value)
            continue
        key, value = evaluator.eval(key_node, scope), evaluator.eval(value_node, scope)
        reason = unknown_in([key]) if not isinstance(key, type) else None
        if reason is not None:
            return Opaque(reason)
        try:
            result[key] = value
        except TypeError as error:
            raise evaluator.error(error, key_node, scope) from error
    return result


@EXPRESSIONS.reads(ast.Subscript)
def _subscript(evaluator: Evaluator, node: ast.Subscript, scope: Scope) -> Any:
    owner = evaluator.eval(node.value, scope)
    if isinstance(owner, Opaque):
        return evaluator.opaque(node, scope)
    if standard.is_typing(owner) and not isinstance(owner, (enum.EnumMeta, tuple)):
        return type_arguments(evaluator, owner, node, scope)
    key = evaluator.eval(node.slice, scope)
    if owner is evaluator.environment and isinstance(key, str) and key not in owner:
        return missing_variable(evaluator, key, node, scope)
    if isinstance(owner, Known) or is_user(owner) or evaluator.plain(key) is not None:
        return evaluator.opaque(node, scope)
    try:
        value = owner[key]
    except Exception as error:
        raise evaluator.error(error, node, scope) from error
    if isinstance(key, slice):
        evaluator.made(value)
    return value


@EXPRESSIONS.reads(ast.Slice)
def _slice(evaluator: Evaluator, node: ast.Slice, scope: Scope) -> Any:
    parts = [evaluator.eval(part, scope) if part else None for part in (node.lower, node.upper, node.step)]
    reason = unknown_in(parts)
    return Opaque(reason) if reason is not None else slice(*parts)
