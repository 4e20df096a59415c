"""The statements that matter for a config: definitions, imports, assignments, and control flow over known values.

What cannot be followed (a loop over what is not known, a test that only running would decide) is skipped, and every
name it binds and every value it may change becomes opaque.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from experiment_setup.python.expressions import Expressions
from experiment_setup.python.modules import Finder
from experiment_setup.python.values import (
    Call,
    Known,
    Opaque,
    PyError,
    Scope,
    Stop,
    UndefinedInText,
    assigned_names,
    is_instance_of_user_class,
    unknown_in,
)

_MUTATORS = frozenset({"shuffle", "heapify", "heappush", "heappop", "insort", "setattr"})


class Returned(Exception):
    """A function returns."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class UnknownFlow(Exception):
    """Whether the code goes on here is not known."""

    def __init__(self, reason: str, returns: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.returns = returns


class Statements(Expressions):
    """Carries out statements, but definitions and imports, which are what subclasses add."""

    tolerant = True  # tests turn it off

    def __init__(self, entry: Path, root: Path) -> None:
        super().__init__()
        self.finder = Finder(entry, root)
        self.protected = 0  # depth of `try` bodies: what they raise may be caught
        self.depth = 0
        self.guard = 0  # depth of `if __name__ == "__main__":`
        self._handled: list[PyError] = []
        self.execute: dict[type, Callable[[Any, Scope], None]] = {
            ast.Expr: self._expression,
            ast.Assign: self._assign,
            ast.AnnAssign: self._annotated,
            ast.AugAssign: self._augmented,
            ast.Delete: self._delete,
            ast.If: self._if,
            ast.For: self._for,
            ast.While: self._while,
            ast.With: self._with,
            ast.Try: self._try,
            ast.Return: self._return,
            ast.Raise: self._raise,
            ast.Assert: self._assert,
            ast.Global: lambda node, scope: scope.global_names.update(node.names),
            ast.Pass: lambda _node, _scope: None,
            ast.Break: self._break,
            ast.Continue: self._continue,
        }

    # What subclasses do.

    def report(self, error: PyError) -> None:
        """Running the code fails here."""
        raise NotImplementedError

    def skipped_call(self, node: ast.Call, scope: Scope, reason: str) -> None:
        """A call in code that may or may not run."""

    # Blocks.

    def run(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        """Carry out statements. At a module's own level a failure is reported, and reading goes on after it."""
        for index, node in enumerate(statements):
            try:
                self.steps += 1
                if scope.kind == "module" and not self.depth:
                    self.steps = 0
                execute = self.execute.get(type(node))
                if execute is None:
                    self.skip([node], scope, self.opaque(node, scope).reason)
                else:
                    execute(node, scope)
            except UnknownFlow as flow:
                self.skip(statements[index:], scope, flow.reason)
                raise
            except PyError as error:
                if not self._goes_on(scope) or self.protected:
                    raise
                self.report(error)
                self.skip([node], scope, f"line {error.location.line}, which fails")
            except (Stop, UndefinedInText) as stop:
                if not self._goes_on(scope):
                    raise
                self.skip([node], scope, str(stop))
            except RecursionError:
                if not self._goes_on(scope):
                    raise
                self.skip([node], scope, "a computation nested too deeply")
            except (Returned, _Break, _Continue):
                raise
            except Exception:  # a gap in this reader: what it does not understand is opaque, too
                if not self._goes_on(scope) or not self.tolerant:
                    raise
                self.skip([node], scope, "code that could not be followed")

    def _goes_on(self, scope: Scope) -> bool:
        return scope.kind == "module" and not self.depth

    def skip(self, statements: Sequence[ast.stmt], scope: Scope, reason: str) -> None:
        """Leave statements out: what they bind or may change is not known any more."""
        for name in assigned_names(statements):
            self.bind(name, Opaque(reason), scope)
        for node in own_nodes(statements):
            self.steps += 1  # in a loop that is followed, what is skipped costs as well
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._may_change(self.lookup(node.id, scope)[1], reason)
            elif isinstance(node, ast.Call):
                self.skipped_call(node, scope, reason)

    def _may_change(self, value: Any, reason: str) -> None:
        if value is self.environ:
            self.environ_reason = reason
        elif value is self.finder.path:
            return  # what is found from the root is found without it
        elif is_instance_of_user_class(value) or isinstance(value, (list, dict, set)):
            self.changed[id(value)] = (value, reason)

    def unknown_call(self, function: Any, call: Call) -> None:
        """Opaque functions are taken not to change their arguments, but for those that exist to do so."""
        name = function.reason.split("(")[0].split(".")[-1] if isinstance(function, Opaque) else ""
        if name in _MUTATORS:
            for value in call.args:
                self._may_change(value, f"{name}()")
        elif name == "load_dotenv" and call.scope.module.source:
            folders = call.scope.module.source.path.parents
            if call.args or call.kwargs or any((folder / ".env").is_file() for folder in folders):
                self.environ_reason = "load_dotenv()"

    # Assignments.

    def bind(self, name: str, value: Any, scope: Scope) -> None:
        """Give a name its value."""
        (scope.module.names if name in scope.global_names else scope.names)[name] = value

    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Bind a name, unpack, or set an attribute or item."""
        if isinstance(target, ast.Name):
            self.bind(target.id, value, scope)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target, value, scope)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value, scope)
        elif isinstance(target, ast.Attribute):
            self.set_attribute(self.eval(target.value, scope), target.attr, value, target, scope)
        elif isinstance(target, ast.Subscript):
            self._set_item(target, value, scope)

    def _unpack(self, target: ast.Tuple | ast.List, value: Any, scope: Scope) -> None:
        items = self.items(value, target, scope)
        parts = target.elts
        star = next((i for i, part in enumerate(parts) if isinstance(part, ast.Starred)), None)
        if isinstance(items, Opaque):
            for part in parts:
                self.assign(part, items, scope)
            return
        fits = len(items) == len(parts) if star is None else len(items) >= len(parts) - 1
        if not fits:
            message = f"cannot unpack {len(items)} values into {len(parts)}"
            raise self.error(ValueError(message), target, scope)
        if star is not None:
            after = len(parts) - star - 1
            end = len(items) - after
            items = [*items[:star], items[star:end], *items[end:]]
        for part, item in zip(parts, items, strict=True):
            self.assign(part, item, scope)

    def _set_item(self, target: ast.Subscript, value: Any, scope: Scope) -> None:
        owner = self.eval(target.value, scope)
        key = self.eval(target.slice, scope)
        if not isinstance(owner, (list, dict)):
            return
        reason = unknown_in([key])
        if reason is not None:
            self._may_change(owner, reason)
            return
        if isinstance(key, slice):
            if isinstance(value, list) and isinstance(owner, list):
                owner[key] = value
            else:
                self._may_change(owner, self.opaque(target, scope).reason)
            return
        try:
            owner[key] = value
        except (TypeError, IndexError) as error:
            raise self.error(error, target, scope) from error

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.eval(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.assign(node.target, self.eval(node.value, scope), scope)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        load = ast.copy_location(_loading(node.target), node.target)
        left = self.eval(load, scope)
        right = self.eval(node.value, scope)
        if isinstance(left, list) and isinstance(node.op, ast.Add):
            items = self.items(right, node, scope)
            if isinstance(items, Opaque):
                self._may_change(left, items.reason)
            else:
                left.extend(items)
            self.assign(node.target, left, scope)
            return
        self.assign(node.target, self.binary(node.op, left, right, node, scope), scope)

    def _delete(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                if target.id not in scope.names and not scope.module.unknown_star:
                    raise self.error(NameError(f"name {target.id!r} is not defined"), target, scope)
                scope.names.pop(target.id, None)
            elif isinstance(target, ast.Subscript):
                self._may_change(self.eval(target.value, scope), self.opaque(target, scope).reason)

    # Control flow.

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        if not isinstance(node.value, ast.Constant):
            self.eval(node.value, scope)

    def _if(self, node: ast.If, scope: Scope) -> None:
        test = self.eval(node.test, scope)
        truth = self.truth(test)
        if truth is None:
            reason = test.reason if isinstance(test, Opaque) else self.opaque(node.test, scope).reason
            self._perhaps([*node.body, *node.orelse], scope, reason)
            return
        is_script = scope.kind == "module" and scope.names.get("__name__") == "__main__"
        guarded = truth and is_script and _names_main(node.test)
        self.guard += guarded
        try:
            self.run(node.body if truth else node.orelse, scope)
        finally:
            self.guard -= guarded

    def _perhaps(self, statements: Sequence[ast.stmt], scope: Scope, reason: str) -> None:
        """Code that may or may not run. What it raises is taken not to be raised."""
        returns = any(isinstance(node, ast.Return) for node in own_nodes(statements))
        if returns or any(isinstance(node, (ast.Break, ast.Continue)) for node in own_nodes(statements, loops=False)):
            raise UnknownFlow(reason, returns)
        self.skip(statements, scope, reason)

    def _for(self, node: ast.For, scope: Scope) -> None:
        items = self.items(self.eval(node.iter, scope), node.iter, scope)
        if isinstance(items, Opaque):
            self._skip_loop(node, scope, items.reason)
            return
        try:
            for item in items:
                self.assign(node.target, item, scope)
                if self._loop_body(node.body, scope):
                    return
        except UnknownFlow as flow:
            if flow.returns:
                raise
            self._skip_loop(node, scope, flow.reason)
            return
        self.run(node.orelse, scope)

    def _while(self, node: ast.While, scope: Scope) -> None:
        try:
            while True:
                truth = self.truth(self.eval(node.test, scope))
                if truth is None:
                    self._skip_loop(node, scope, self.opaque(node.test, scope).reason)
                    return
                if not truth:
                    break
                if self._loop_body(node.body, scope):
                    return
        except UnknownFlow as flow:
            if flow.returns:
                raise
            self._skip_loop(node, scope, flow.reason)
            return
        self.run(node.orelse, scope)

    def _loop_body(self, body: Sequence[ast.stmt], scope: Scope) -> bool:
        """Run a loop's body once; True if it breaks."""
        self.depth += 1  # one statement of the module, however often it runs
        try:
            self.run(body, scope)
        except _Continue:
            pass
        except _Break:
            return True
        finally:
            self.depth -= 1
        return False

    def _skip_loop(self, node: ast.For | ast.While, scope: Scope, reason: str) -> None:
        self.skip([node], scope, reason)
        if any(isinstance(inner, ast.Return) for inner in own_nodes([node])):
            raise UnknownFlow(reason, returns=True)

    def _with(self, node: ast.With, scope: Scope) -> None:
        suppresses = False
        for item in node.items:
            value = self.eval(item.context_expr, scope)
            suppresses |= isinstance(value, Opaque) and "suppress" in value.reason
            if item.optional_vars is not None:
                keep = isinstance(value, Known)
                self.assign(item.optional_vars, value if keep else self.opaque(item.context_expr, scope), scope)
        self.protected += suppresses
        try:
            self.run(node.body, scope)
        except PyError as error:
            if not suppresses:
                raise
            self.skip(node.body, scope, str(error))
        finally:
            self.protected -= suppresses

    def _try(self, node: ast.Try, scope: Scope) -> None:
        before = self.unknowns
        self.protected += bool(node.handlers)
        failed: PyError | None = None
        try:
            self.run(node.body, scope)
        except PyError as error:
            failed = error
        finally:
            self.protected -= bool(node.handlers)
        if failed is not None:
            self._handle(node, failed, scope)
        else:
            self.run(node.orelse, scope)
            if self.unknowns > before:  # something in the body may fail when it runs
                for handler in node.handlers:
                    self.skip(handler.body, scope, f"whether {self._first_line(node, scope)} works")
        self.run(node.finalbody, scope)

    @staticmethod
    def _first_line(node: ast.Try, scope: Scope) -> str:
        return scope.module.source.quote(node.body[0]) if scope.module.source else "it"

    def _handle(self, node: ast.Try, failed: PyError, scope: Scope) -> None:
        for handler in node.handlers:
            kinds = self.eval(handler.type, scope) if handler.type else BaseException
            kinds = kinds if isinstance(kinds, tuple) else (kinds,)
            if any(isinstance(kind, type) and isinstance(failed.error, kind) for kind in kinds):
                if handler.name:
                    self.bind(handler.name, Opaque(str(failed)), scope)
                self._handled.append(failed)
                try:
                    self.run(handler.body, scope)
                finally:
                    self._handled.pop()
                return
        self.run(node.finalbody, scope)
        raise failed

    def _return(self, node: ast.Return, scope: Scope) -> None:
        raise Returned(self.eval(node.value, scope) if node.value else None)

    def _break(self, _node: ast.Break, _scope: Scope) -> None:
        raise _Break

    def _continue(self, _node: ast.Continue, _scope: Scope) -> None:
        raise _Continue

    def _raise(self, node: ast.Raise, scope: Scope) -> None:
        if node.exc is None:
            if self._handled:
                raise self._handled[-1]
            raise self.error(RuntimeError("No active exception to reraise"), node, scope)
        value = self.eval(node.exc, scope)
        if isinstance(value, (SystemExit, Opaque)) or value is SystemExit:
            raise UnknownFlow(scope.module.source.quote(node) if scope.module.source else "raise", returns=True)
        if isinstance(value, type) and issubclass(value, BaseException):
            value = value()
        if not isinstance(value, BaseException):
            value = RuntimeError(self.opaque(node.exc, scope).reason)
        raise self.error(value, node, scope)

    def _assert(self, node: ast.Assert, scope: Scope) -> None:
        if self.truth(self.eval(node.test, scope)) is False:
            message = self.eval(node.msg, scope) if node.msg else None
            raise self.error(AssertionError(message) if isinstance(message, str) else AssertionError(), node, scope)


def own_nodes(statements: Iterable[ast.AST], loops: bool = True) -> Iterator[ast.AST]:
    """All nodes of statements but the bodies of functions, classes and lambdas within (and of loops, if so asked)."""
    stack = list(statements)
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            stack.extend(node.decorator_list)
        elif not loops and isinstance(node, (ast.For, ast.While, ast.AsyncFor)):
            stack.extend(node.orelse)
        elif not isinstance(node, ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))


def _names_main(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def _loading(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    return target
