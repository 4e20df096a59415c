"""What raises, and what catches it."""

from __future__ import annotations

import ast

from experiment_setup.code.evaluator import STATEMENTS, Evaluator
from experiment_setup.code.flow import UnknownFlow
from experiment_setup.code.modules import Scope
from experiment_setup.code.values import Known, Opaque, PyError


@STATEMENTS.reads(ast.With)
def _with(evaluator: Evaluator, node: ast.With, scope: Scope) -> None:
    suppresses = False
    for item in node.items:
        value = evaluator.eval(item.context_expr, scope)
        suppresses |= isinstance(value, Opaque) and "suppress" in value.reason
        if item.optional_vars is not None:
            given = value if isinstance(value, Known) else evaluator.opaque(item.context_expr, scope)
            evaluator.assign(item.optional_vars, given, scope)
    evaluator.protected += suppresses
    try:
        evaluator.run(node.body, scope)
    except PyError as error:
        if not suppresses:
            raise
        evaluator.skip(node.body, scope, str(error))
    finally:
        evaluator.protected -= suppresses


@STATEMENTS.reads(ast.Try)
def _try(evaluator: Evaluator, node: ast.Try, scope: Scope) -> None:
    before = evaluator.unknowns
    evaluator.protected += bool(node.handlers)
    failed: PyError | None = None
    try:
        evaluator.run(node.body, scope)
    except PyError as error:
        failed = error
    finally:
        evaluator.protected -= bool(node.handlers)
    if failed is not None:
        _handle(evaluator, node, failed, scope)
    else:
        evaluator.run(node.orelse, scope)
        if evaluator.unknowns > before:  # something in the body may fail when it runs
            first = scope.module.source.quote(node.body[0])
            for handler in node.handlers:
                evaluator.skip(handler.body, scope, f"whether {first} works")
    evaluator.run(node.finalbody, scope)


def _handle(evaluator: Evaluator, node: ast.Try, failed: PyError, scope: Scope) -> None:
    for handler in node.handlers:
        kinds = evaluator.eval(handler.type, scope) if handler.type else BaseException
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        if any(isinstance(kind, type) and isinstance(failed.error, kind) for kind in kinds):
            if handler.name:
                evaluator.bind(handler.name, Opaque(str(failed)), scope)
            evaluator.handled.append(failed)
            try:
                evaluator.run(handler.body, scope)
            finally:
                evaluator.handled.pop()
            return
    evaluator.run(node.finalbody, scope)
    raise failed


@STATEMENTS.reads(ast.Raise)
def _raise(evaluator: Evaluator, node: ast.Raise, scope: Scope) -> None:
    if node.exc is None:
        if evaluator.handled:
            raise evaluator.handled[-1]
        raise evaluator.error(RuntimeError("No active exception to reraise"), node, scope)
    value = evaluator.eval(node.exc, scope)
    if isinstance(value, (SystemExit, Opaque)) or value is SystemExit:
        raise UnknownFlow(evaluator.opaque(node, scope).reason, returns=True)
    if isinstance(value, type) and issubclass(value, BaseException):
        value = _made(value)
    if not isinstance(value, BaseException):
        value = RuntimeError(evaluator.opaque(node.exc, scope).reason)
    raise evaluator.error(value, node, scope)


def _made(kind: type[BaseException]) -> BaseException:
    """`raise Kind`: one that cannot be made without arguments raises a TypeError instead."""
    try:
        return kind()
    except Exception as error:
        return error


@STATEMENTS.reads(ast.Assert)
def _assert(evaluator: Evaluator, node: ast.Assert, scope: Scope) -> None:
    if evaluator.truth(evaluator.eval(node.test, scope)) is False:
        message = evaluator.eval(node.msg, scope) if node.msg else None
        error = AssertionError(message) if isinstance(message, str) else AssertionError()
        raise evaluator.error(error, node, scope)
