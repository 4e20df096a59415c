"""Calls, and lambdas."""

from __future__ import annotations

import ast
from typing import Any

from experiment_setup.code.evaluator import EXPRESSIONS, Evaluator
from experiment_setup.code.functions import UserFunction
from experiment_setup.code.modules import Scope
from experiment_setup.code.values import Call, Opaque


@EXPRESSIONS.reads(ast.Call)
def _call(evaluator: Evaluator, node: ast.Call, scope: Scope) -> Any:
    function = evaluator.eval(node.func, scope)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    unknown = False
    for argument in node.args:
        value = evaluator.eval(argument.value if isinstance(argument, ast.Starred) else argument, scope)
        if isinstance(argument, ast.Starred):
            items = evaluator.items(value, argument, scope)
            unknown |= isinstance(items, Opaque)
            args.extend([] if isinstance(items, Opaque) else items)
        else:
            args.append(value)
    for keyword in node.keywords:
        value = evaluator.eval(keyword.value, scope)
        if keyword.arg is not None:
            if keyword.arg in kwargs:  # the compiler says so, when all of the module is compiled
                raise evaluator.error(SyntaxError(f"keyword argument repeated: {keyword.arg}"), keyword, scope)
            kwargs[keyword.arg] = value
        elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
            kwargs.update(value)
        else:
            unknown = True
    call = Call(tuple(args), kwargs, node, scope)
    if unknown or isinstance(function, Opaque):
        evaluator.unknown_call(function, call)
        return evaluator.opaque(node, scope)
    return evaluator.call(function, call)


@EXPRESSIONS.reads(ast.Lambda)
def _lambda(evaluator: Evaluator, node: ast.Lambda, scope: Scope) -> Any:
    return UserFunction("<lambda>", node, scope.function_parent, defaults(evaluator, node.args, scope))


def defaults(evaluator: Evaluator, arguments: ast.arguments, scope: Scope) -> dict[str, Any]:
    """The default values of parameters, which Python computes at the definition."""
    positional = [*arguments.posonlyargs, *arguments.args]
    parameters = [*positional[len(positional) - len(arguments.defaults) :], *arguments.kwonlyargs]
    given = zip(parameters, [*arguments.defaults, *arguments.kw_defaults], strict=True)
    return {parameter.arg: evaluator.eval(value, scope) for parameter, value in given if value is not None}
