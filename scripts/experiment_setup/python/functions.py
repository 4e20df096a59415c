"""Functions and classes of the project: their definitions, their decorators, and calls of functions."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiment_setup.python.statements import Returned, Statements, UnknownFlow, own_nodes
from experiment_setup.python.values import Call, Opaque, Scope, UserFunction

_MAX_DEPTH = 25  # calls of functions of the project within each other


class Functions(Statements):
    """Carries out definitions, and calls of functions."""

    def __init__(self, entry: Path, root: Path) -> None:
        super().__init__(entry, root)
        self.execute.update(
            {ast.FunctionDef: self._function, ast.AsyncFunctionDef: self._function, ast.ClassDef: self._class}
        )

    # What subclasses do.

    def define_class(self, node: ast.ClassDef, decorators: Sequence[Any], scope: Scope) -> Any:
        """The class that a class statement makes, before its decorators."""
        raise NotImplementedError

    # The statements.

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        decorators = [self.eval(decorator, scope) for decorator in node.decorator_list]
        defined = scope if scope.kind == "class" else scope.function_parent
        value: Any = UserFunction(node.name, node, defined.function_parent, self.defaults(node.args, scope))
        for decorator, written in zip(reversed(decorators), reversed(node.decorator_list), strict=True):
            value = self.decorate(decorator, value, written, scope)
        self.bind(node.name, value, scope)

    def decorate(self, decorator: Any, value: Any, node: ast.expr, scope: Scope) -> Any:
        """What a decorator makes of a function or class."""
        if isinstance(value, UserFunction):
            if decorator in (property, classmethod, staticmethod):
                value.kind = decorator.__name__
                return value
            if isinstance(decorator, Opaque):
                if decorator.reason.endswith("cached_property"):
                    value.kind = "property"
                else:
                    value.hidden = decorator.reason
                return value
        if isinstance(decorator, Opaque):
            self.unknown_call(decorator, Call((value,), {}, node, scope))
            return decorator if isinstance(value, type) else value
        return self.call(decorator, Call((value,), {}, node, scope))

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        decorators = [self.eval(decorator, scope) for decorator in node.decorator_list]
        value = self.define_class(node, decorators, scope)
        for decorator, written in zip(reversed(decorators), reversed(node.decorator_list), strict=True):
            if isinstance(value, Opaque):
                break
            value = self.decorate(decorator, value, written, scope)
        self.bind(node.name, value, scope)

    def call_user(self, function: UserFunction, call: Call, first: tuple[Any, ...] = ()) -> Any:
        """Compute a call of a function of the project."""
        node = function.node
        if function.hidden or isinstance(node, ast.AsyncFunctionDef) or self.depth > _MAX_DEPTH:
            return self.opaque(call.node, call.scope)
        names = self._parameters(function, (*first, *call.args), call)
        scope = Scope("function", names, function.scope.module, function.scope, qualname=f"{function.name}.<locals>.")
        self.depth += 1
        try:
            if isinstance(node, ast.Lambda):
                return self.eval(node.body, scope)
            if any(isinstance(inner, (ast.Yield, ast.YieldFrom)) for inner in own_nodes(node.body)):
                return self.opaque(call.node, call.scope)
            self.run(node.body, scope)
        except Returned as result:
            return result.value
        except UnknownFlow:
            return self.opaque(call.node, call.scope)
        finally:
            self.depth -= 1
        return None

    def _parameters(self, function: UserFunction, args: Sequence[Any], call: Call) -> dict[str, Any]:
        arguments = function.node.args
        positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        names = dict(zip(positional, args, strict=False))
        extra = list(args[len(positional) :])
        if arguments.vararg:
            names[arguments.vararg.arg] = tuple(extra)
        elif extra:
            message = f"{function.name}() takes {len(positional)} positional arguments but {len(args)} were given"
            raise self.error(TypeError(message), call.node, call.scope)
        keywords = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)}
        rest: dict[str, Any] = {}
        for name, value in call.kwargs.items():
            if name in keywords and name not in names:
                names[name] = value
            elif arguments.kwarg and name not in keywords:
                rest[name] = value
            else:
                problem = "multiple values for" if name in names else "an unexpected keyword"
                message = f"{function.name}() got {problem} argument {name!r}"
                raise self.error(TypeError(message), call.node, call.scope)
        if arguments.kwarg:
            names[arguments.kwarg.arg] = rest
        for name in (*positional, *(argument.arg for argument in arguments.kwonlyargs)):
            if name not in names:
                if name not in function.defaults:
                    message = f"{function.name}() missing a required argument: {name!r}"
                    raise self.error(TypeError(message), call.node, call.scope)
                names[name] = function.defaults[name]
        return names
