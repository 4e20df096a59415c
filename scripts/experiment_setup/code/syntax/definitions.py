"""Definitions of functions and classes."""

from __future__ import annotations

import ast
from typing import Any

from experiment_setup.code.classes import define_class
from experiment_setup.code.evaluator import STATEMENTS, Evaluator
from experiment_setup.code.functions import UserFunction
from experiment_setup.code.modules import Scope
from experiment_setup.code.syntax.calls import defaults
from experiment_setup.code.tree import Function
from experiment_setup.code.values import Call, Opaque


@STATEMENTS.reads(ast.FunctionDef, ast.AsyncFunctionDef)
def _function(evaluator: Evaluator, node: Function, scope: Scope) -> None:
    decorators = [evaluator.eval(decorator, scope) for decorator in node.decorator_list]
    defined = scope if scope.kind == "class" else scope.function_parent
    values = defaults(evaluator, node.args, scope)
    made = UserFunction(node.name, node, defined.function_parent, values)
    evaluator.bind(node.name, _decorated(evaluator, made, node, decorators, scope), scope)


@STATEMENTS.reads(ast.ClassDef)
def _class(evaluator: Evaluator, node: ast.ClassDef, scope: Scope) -> None:
    decorators = [evaluator.eval(decorator, scope) for decorator in node.decorator_list]
    made = define_class(evaluator, node, decorators, scope)
    evaluator.bind(node.name, _decorated(evaluator, made, node, decorators, scope), scope)


def _decorated(
    evaluator: Evaluator, value: Any, node: Function | ast.ClassDef, decorators: list[Any], scope: Scope
) -> Any:
    for decorator, written in zip(reversed(decorators), reversed(node.decorator_list), strict=True):
        if isinstance(value, Opaque):
            break
        if isinstance(value, UserFunction) and (
            isinstance(decorator, Opaque) or decorator in (property, classmethod, staticmethod)
        ):
            _decorate_function(decorator, value)
        elif isinstance(decorator, Opaque):
            evaluator.unknown_call(decorator, Call((value,), {}, written, scope))
            value = decorator if isinstance(value, type) else value
        else:
            value = evaluator.call(decorator, Call((value,), {}, written, scope))
    return value


def _decorate_function(decorator: Any, function: UserFunction) -> None:
    if not isinstance(decorator, Opaque):
        function.kind = decorator.__name__
    elif decorator.reason.endswith("cached_property"):
        function.kind = "property"
    else:
        function.hidden = decorator.reason
