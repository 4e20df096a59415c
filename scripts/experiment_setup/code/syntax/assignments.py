"""Assignments of all kinds, and `del`."""

from __future__ import annotations

import ast
from typing import Any

from experiment_setup.code.attributes import set_attribute
from experiment_setup.code.evaluator import EXPRESSIONS, STATEMENTS, TARGETS, Evaluator
from experiment_setup.code.limits import operation_too_large
from experiment_setup.code.modules import Scope
from experiment_setup.code.operators import binary
from experiment_setup.code.values import TOO_LARGE, Opaque, unknown_in


@TARGETS.reads(ast.Name)
def _bind(evaluator: Evaluator, node: ast.Name, value: Any, scope: Scope) -> None:
    evaluator.bind(node.id, value, scope)


@TARGETS.reads(ast.Starred)
def _starred(evaluator: Evaluator, node: ast.Starred, value: Any, scope: Scope) -> None:
    evaluator.assign(node.value, value, scope)


@TARGETS.reads(ast.Attribute)
def _set_attribute(evaluator: Evaluator, node: ast.Attribute, value: Any, scope: Scope) -> None:
    set_attribute(evaluator, evaluator.eval(node.value, scope), node.attr, value, node, scope)


@TARGETS.reads(ast.Tuple, ast.List)
def _unpack(evaluator: Evaluator, node: ast.Tuple | ast.List, value: Any, scope: Scope) -> None:
    items = evaluator.items(value, node, scope)
    parts = node.elts
    star = next((i for i, part in enumerate(parts) if isinstance(part, ast.Starred)), None)
    if isinstance(items, Opaque):
        for part in parts:
            evaluator.assign(part, items, scope)
        return
    if len(items) != len(parts) if star is None else len(items) < len(parts) - 1:
        message = f"cannot unpack {len(items)} values into {len(parts)}"
        raise evaluator.error(ValueError(message), node, scope)
    if star is not None:
        end = len(items) - (len(parts) - star - 1)
        items = [*items[:star], items[star:end], *items[end:]]
    for part, item in zip(parts, items, strict=True):
        evaluator.assign(part, item, scope)


@TARGETS.reads(ast.Subscript)
def _set_item(evaluator: Evaluator, node: ast.Subscript, value: Any, scope: Scope) -> None:
    owner = evaluator.eval(node.value, scope)
    key = evaluator.eval(node.slice, scope)
    if not isinstance(owner, (list, dict)):
        return
    reason = unknown_in([key])
    if reason is None and isinstance(key, slice):
        reason = evaluator.opaque(node, scope).reason
    if reason is not None:
        evaluator.may_change(owner, reason)
        return
    try:
        owner[key] = value
    except (TypeError, IndexError) as error:
        raise evaluator.error(error, node, scope) from error


@STATEMENTS.reads(ast.Assign)
def _assign(evaluator: Evaluator, node: ast.Assign, scope: Scope) -> None:
    value = evaluator.eval(node.value, scope)
    for written in node.targets:
        evaluator.assign(written, value, scope)


@STATEMENTS.reads(ast.AnnAssign)
def _annotated(evaluator: Evaluator, node: ast.AnnAssign, scope: Scope) -> None:
    if node.value is not None:
        evaluator.assign(node.target, evaluator.eval(node.value, scope), scope)


@EXPRESSIONS.reads(ast.NamedExpr)
def _named(evaluator: Evaluator, node: ast.NamedExpr, scope: Scope) -> Any:
    value = evaluator.eval(node.value, scope)
    while scope.kind == "comprehension" and scope.parent is not None:
        scope = scope.parent
    evaluator.assign(node.target, value, scope)
    return value


@STATEMENTS.reads(ast.AugAssign)
def _augmented(evaluator: Evaluator, node: ast.AugAssign, scope: Scope) -> None:
    written = node.target
    loaded = ast.copy_location(ast.Name(written.id, ast.Load()), written) if isinstance(written, ast.Name) else written
    left, right = evaluator.eval(loaded, scope), evaluator.eval(node.value, scope)
    if not isinstance(left, list) or not isinstance(node.op, ast.Add):
        evaluator.assign(written, binary(evaluator, node.op, left, right, node, scope), scope)
        return
    items = evaluator.items(right, node, scope)
    if isinstance(items, Opaque) or operation_too_large("Add", left, items):
        evaluator.may_change(left, items.reason if isinstance(items, Opaque) else TOO_LARGE)
    else:
        left.extend(items)
    evaluator.assign(written, left, scope)


@STATEMENTS.reads(ast.Delete)
def _delete(evaluator: Evaluator, node: ast.Delete, scope: Scope) -> None:
    for written in node.targets:
        if isinstance(written, ast.Name):
            if written.id not in scope.names and not scope.module.unknown_star:
                raise evaluator.error(NameError(f"name {written.id!r} is not defined"), written, scope)
            scope.names.pop(written.id, None)
        elif isinstance(written, ast.Subscript):
            evaluator.may_change(evaluator.eval(written.value, scope), evaluator.opaque(written, scope).reason)
