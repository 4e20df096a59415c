"""Names, attributes and constants."""

from __future__ import annotations

import ast
from typing import Any

from experiment_setup.code import standard
from experiment_setup.code.attributes import get_attribute
from experiment_setup.code.evaluator import EXPRESSIONS, Evaluator
from experiment_setup.code.modules import Scope
from experiment_setup.code.values import Opaque
from experiment_setup.location import did_you_mean


@EXPRESSIONS.reads(ast.Constant)
def _constant(_evaluator: Evaluator, node: ast.Constant, _scope: Scope) -> Any:
    return node.value


@EXPRESSIONS.reads(ast.Name)
def _name(evaluator: Evaluator, node: ast.Name, scope: Scope) -> Any:
    bound, value = evaluator.lookup(node.id, scope)
    if not bound:
        meant = did_you_mean(node.id, {*scope.names, *scope.module.names, *standard.BUILTINS})
        advice = f"did you mean {meant}?" if meant else f"define or import {node.id} before this line"
        raise evaluator.error(NameError(f"name {node.id!r} is not defined", name=node.id), node, scope, advice)
    return value


@EXPRESSIONS.reads(ast.Attribute)
def _attribute(evaluator: Evaluator, node: ast.Attribute, scope: Scope) -> Any:
    owner = evaluator.eval(node.value, scope)
    if isinstance(owner, Opaque):
        return evaluator.opaque(node, scope)
    return get_attribute(evaluator, owner, node.attr, node, scope)
