"""Functions of the project: how a call of one is computed from its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from experiment_setup.code.flow import Returned, UnknownFlow
from experiment_setup.code.modules import Scope
from experiment_setup.code.native import call_native
from experiment_setup.code.tree import Function, levels, own_nodes
from experiment_setup.code.values import Call, Known, Opaque, Special, empty_function
from experiment_setup.light import dataclass

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator


@dataclass(eq=False)
class UserFunction(Known):
    """A function or lambda of the project."""

    name: str
    node: Function | ast.Lambda
    scope: Scope
    defaults: dict[str, Any]
    kind: str = "function"  # or property, classmethod, staticmethod
    owner: type | None = None
    hidden: str | None = None  # a decorator that is not known stands before it

    @property
    def does_something(self) -> bool:
        """Whether its body is more than `pass` and a docstring."""
        body = self.node.body if isinstance(self.node.body, list) else [ast.Expr(self.node.body)]
        is_idle = (
            isinstance(n, ast.Pass) or (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)) for n in body
        )
        return not all(is_idle)

    def call(self, evaluator: Evaluator, call: Call) -> Any:
        """Compute a call."""
        node = self.node
        if self.hidden or isinstance(node, ast.AsyncFunctionDef):
            return self._not_followed(evaluator, call)
        names = parameter_values(self, call, evaluator)
        scope = Scope("function", names, self.scope.module, self.scope, qualname=f"{self.name}.<locals>.")
        try:
            with evaluator.budget.inside_function():
                if isinstance(node, ast.Lambda):
                    return evaluator.eval(node.body, scope)
                if any(isinstance(inner, (ast.Yield, ast.YieldFrom)) for inner in own_nodes(node.body)):
                    return self._not_followed(evaluator, call)
                evaluator.run(node.body, scope)
        except Returned as result:
            return result.value
        except UnknownFlow:
            return self._not_followed(evaluator, call)
        return None

    def _not_followed(self, evaluator: Evaluator, call: Call) -> Opaque:
        result = evaluator.opaque(call.node, call.scope)
        self.leave_out(evaluator, result.reason)
        return result

    def leave_out(self, evaluator: Evaluator, reason: str) -> None:
        """It is called and not followed: what it calls `global` may be bound now, and so for the functions it names."""
        waiting, seen = [self], {id(self)}
        while waiting:
            function = waiting.pop()
            assigned, read = function.names
            evaluator.budget.charge(len(assigned) + len(read))
            function.scope.module.names.update(dict.fromkeys(assigned, Opaque(reason)))
            for name in read:
                named = evaluator.lookup(name, function.scope)[1]
                if isinstance(named, UserFunction) and id(named) not in seen:
                    seen.add(id(named))
                    waiting.append(named)

    @property
    def names(self) -> tuple[list[str], list[str]]:
        """The names that its body declares `global`, and those that it reads, each once."""
        return self.scope.module.source.piece(self.node).once("names", self.node, partial(_names, self.node.body))

    def attribute(self, name: str, evaluator: Evaluator, node: ast.AST, scope: Scope) -> Any:
        """Its name, and what makes a property's setter."""
        if name in ("__name__", "__qualname__"):
            return self.name
        if self.kind == "property" and name in ("setter", "deleter", "getter"):
            return Special(name, lambda _evaluator, _call: self)
        return evaluator.opaque(node, scope)

    @property
    def real(self) -> Any:
        """A function of that name that does nothing."""
        return empty_function(self.name)


@dataclass(frozen=True, eq=False)
class Bound(Known):
    """The method of a plain value; `name` is what it is called."""

    owner: Any
    name: str

    def call(self, evaluator: Evaluator, call: Call) -> Any:
        """Call the method."""
        return call_native(evaluator, getattr(self.owner, self.name), call, self.name)

    @property
    def real(self) -> Any:
        """A function that does nothing."""
        return empty_function("function")


def bind(owner: Any, function: UserFunction) -> Special:
    """A method of the project with its first argument."""
    return Special(function.name, lambda evaluator, call: function.call(evaluator, call.with_first(owner)))


def _names(body: Sequence[ast.stmt] | ast.expr) -> tuple[list[str], list[str]]:
    assigned, read = dict[str, None](), dict[str, None]()
    for level in levels([body] if isinstance(body, ast.expr) else body):
        for node in level:
            if isinstance(node, ast.Global):
                assigned.update(dict.fromkeys(node.names))
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                read[node.id] = None
    return list(assigned), list(read)


def parameter_values(function: UserFunction, call: Call, evaluator: Evaluator) -> dict[str, Any]:
    """The values of a function's parameters. Raises PyError for a call that Python refuses."""
    arguments = function.node.args
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    keywords = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)}
    names = dict(zip(positional, call.args, strict=False))
    extra = call.args[len(positional) :]
    rest: dict[str, Any] = {}

    def refused(problem: str) -> Exception:
        return evaluator.error(TypeError(f"{function.name}() {problem}"), call.node, call.scope)

    if extra and not arguments.vararg:
        raise refused(f"takes {len(positional)} positional arguments but {len(call.args)} were given")
    for name, value in call.kwargs.items():
        if name in keywords and name not in names:
            names[name] = value
        elif arguments.kwarg and name not in keywords:
            rest[name] = value
        else:
            what = "multiple values for" if name in names else "an unexpected keyword"
            raise refused(f"got {what} argument {name!r}")
    if arguments.vararg:
        names[arguments.vararg.arg] = extra
    if arguments.kwarg:
        names[arguments.kwarg.arg] = rest
    for name in (*positional, *(argument.arg for argument in arguments.kwonlyargs)):
        if name not in names:
            if name not in function.defaults:
                raise refused(f"missing a required argument: {name!r}")
            names[name] = function.defaults[name]
    return names
