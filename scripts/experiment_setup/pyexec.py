"""The statements that matter for a config: definitions, imports, assignments, and control flow over known values.

What cannot be followed (a loop over what is not known, a test that only running would decide) is skipped, and every
name it binds and every value it may change becomes opaque.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from experiment_setup import pyknown
from experiment_setup.location import did_you_mean
from experiment_setup.pyeval import Expressions
from experiment_setup.pymodules import Finder, Found
from experiment_setup.pysource import UnreadableSource, read_source
from experiment_setup.pyvalues import (
    Call,
    Known,
    KnownModule,
    Module,
    Opaque,
    PyError,
    Scope,
    Stop,
    UndefinedInText,
    UserFunction,
    assigned_names,
    is_instance_of_user_class,
    unknown_in,
)

_MAX_DEPTH = 25  # calls of functions of the project within each other
_MUTATORS = frozenset({"shuffle", "heapify", "heappush", "heappop", "insort", "setattr"})


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class _UnknownFlow(Exception):
    """Whether the code goes on here is not known."""

    def __init__(self, reason: str, returns: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.returns = returns


class Statements(Expressions):
    """Carries out statements, and reads the project's modules that they import."""

    def __init__(self, entry: Path, root: Path) -> None:
        super().__init__()
        self.finder = Finder(entry, root)
        self.modules: dict[str, Module] = {}
        self.read_files: list[Path] = []
        self.protected = 0  # depth of `try` bodies: what they raise may be caught
        self.depth = 0
        self.guard = 0  # depth of `if __name__ == "__main__":`
        self._handled: list[PyError] = []
        self._execute: dict[type, Callable[[Any, Scope], None]] = {
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
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: self._class,
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
            ast.Return: self._return,
            ast.Raise: self._raise,
            ast.Assert: self._assert,
            ast.Global: lambda node, scope: scope.global_names.update(node.names),
            ast.Pass: lambda _node, _scope: None,
            ast.Break: self._break,
            ast.Continue: self._continue,
        }

    # What subclasses do.

    def define_class(self, node: ast.ClassDef, decorators: Sequence[Any], scope: Scope) -> Any:
        """The class that a class statement makes, before its decorators."""
        raise NotImplementedError

    def report(self, error: PyError) -> None:
        """Running the code fails here."""
        raise NotImplementedError

    def script_package(self, node: ast.AST, scope: Scope) -> str:
        """The package that the entry point lies in, for its relative imports; "" if it lies in none."""
        return ""

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
                execute = self._execute.get(type(node))
                if execute is None:
                    self.skip([node], scope, self.opaque(node, scope).reason)
                else:
                    execute(node, scope)
            except _UnknownFlow as flow:
                self.skip(statements[index:], scope, flow.reason)
                raise
            except PyError as error:
                if scope.kind != "module" or self.protected or self.depth:
                    raise
                self.report(error)
                self.skip([node], scope, f"line {error.location.line}, which fails")
            except Stop as stop:
                if scope.kind != "module" or self.depth:
                    raise
                self.skip([node], scope, stop.reason)
            except UndefinedInText as undefined:
                if scope.kind != "module" or self.depth:
                    raise
                self.skip([node], scope, str(undefined))
            except RecursionError:
                if scope.kind != "module" or self.depth:
                    raise
                self.skip([node], scope, "a computation nested too deeply")

    def skip(self, statements: Sequence[ast.stmt], scope: Scope, reason: str) -> None:
        """Leave statements out: what they bind or may change is not known any more."""
        for name in assigned_names(statements):
            self.bind(name, Opaque(reason), scope)
        for node in _own_nodes(statements):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self._may_change(self.lookup(node.id, scope)[1], reason)
            elif isinstance(node, ast.Call):
                self.skipped_call(node, scope, reason)

    def _may_change(self, value: Any, reason: str) -> None:
        if value is self.environ:
            self.environ_reason = reason
        elif isinstance(value, (list, dict, set)) and value is not self.finder.path or is_instance_of_user_class(value):
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
        guarded = truth and scope.kind == "module" and scope.names.get("__name__") == "__main__" and _names_main(node.test)
        self.guard += guarded
        try:
            self.run(node.body if truth else node.orelse, scope)
        finally:
            self.guard -= guarded

    def _perhaps(self, statements: Sequence[ast.stmt], scope: Scope, reason: str) -> None:
        """Code that may or may not run. What it raises is taken not to be raised."""
        returns = any(isinstance(node, ast.Return) for node in _own_nodes(statements))
        if returns or any(isinstance(node, (ast.Break, ast.Continue)) for node in _own_nodes(statements, loops=False)):
            raise _UnknownFlow(reason, returns)
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
        except _UnknownFlow as flow:
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
        except _UnknownFlow as flow:
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
        if any(isinstance(inner, ast.Return) for inner in _own_nodes([node])):
            raise _UnknownFlow(reason, returns=True)

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
        raise _Return(self.eval(node.value, scope) if node.value else None)

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
            raise _UnknownFlow(scope.module.source.quote(node) if scope.module.source else "raise", returns=True)
        if isinstance(value, type) and issubclass(value, BaseException):
            value = value()
        if not isinstance(value, BaseException):
            value = RuntimeError(self.opaque(node.exc, scope).reason)
        raise self.error(value, node, scope)

    def _assert(self, node: ast.Assert, scope: Scope) -> None:
        if self.truth(self.eval(node.test, scope)) is False:
            message = self.eval(node.msg, scope) if node.msg else None
            raise self.error(AssertionError(message) if isinstance(message, str) else AssertionError(), node, scope)

    # Definitions.

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
            if any(isinstance(inner, (ast.Yield, ast.YieldFrom)) for inner in _own_nodes(node.body)):
                return self.opaque(call.node, call.scope)
            self.run(node.body, scope)
        except _Return as result:
            return result.value
        except _UnknownFlow:
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

    # Imports.

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            module = self.import_module(alias.name, node, scope)
            if alias.asname is None:
                first = alias.name.partition(".")[0]
                module = self.import_module(first, node, scope)
            self.bind((alias.asname or alias.name).partition(".")[0], module, scope)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        name = node.module or ""
        if node.level:
            name = self._absolute(node, scope)
        if name == "__future__":
            scope.module.future_annotations |= any(alias.name == "annotations" for alias in node.names)
            return
        module = self.import_module(name, node, scope)
        for alias in node.names:
            if alias.name == "*":
                self._import_all(module, scope)
            else:
                self.bind(alias.asname or alias.name, self._import_name(module, name, alias, node, scope), scope)

    def _absolute(self, node: ast.ImportFrom, scope: Scope) -> str:
        package = scope.module.package or self.script_package(node, scope)
        if not package:
            raise self.error(
                ImportError("attempted relative import with no known parent package"),
                node,
                scope,
                f"a script has no package: write `from {node.module or 'module'} import …` without the dot",
            )
        parts = package.split(".")
        if node.level - 1 >= len(parts):
            raise self.error(ImportError("attempted relative import beyond top-level package"), node, scope)
        base = ".".join(parts[: len(parts) - node.level + 1])
        return f"{base}.{node.module}" if node.module else base

    def _import_name(self, module: Any, name: str, alias: ast.alias, node: ast.AST, scope: Scope) -> Any:
        if isinstance(module, KnownModule):
            try:
                value = self.known_attribute(module, alias.name, alias, scope)
            except PyError as error:
                message = f"cannot import name {alias.name!r} from {name!r}"
                raise self.error(ImportError(message, name=name), alias, scope) from error
            return Opaque(f"{name}.{alias.name}") if isinstance(value, Opaque) else value
        if not isinstance(module, Module):
            self.unknowns += 1
            return Opaque(f"{name}.{alias.name}")
        if alias.name in module.names:
            return module.names[alias.name]
        found = self._submodule(module, alias.name, node, scope)
        if found is not None:
            return found
        if module.unknown_star or "__getattr__" in module.names or (module.source is None and not module.search):
            return Opaque(f"{name}.{alias.name}")
        if module.fallback or (module.source is None and alias.name not in module.names and not self._owns(module)):
            return Opaque(f"{name}.{alias.name}")
        meant = did_you_mean(alias.name, module.names)
        circular = "" if module.complete else " (the modules import each other in a circle)"
        error = ImportError(f"cannot import name {alias.name!r} from {name!r}{circular}", name=name)
        raise self.error(error, alias, scope, f"did you mean {meant}?" if meant else None)

    @staticmethod
    def _owns(module: Module) -> bool:
        return any(any(folder.glob("*.py")) for folder in module.search)

    def _import_all(self, module: Any, scope: Scope) -> None:
        if not isinstance(module, Module):
            name = module.name if isinstance(module, KnownModule) else "a library"
            scope.module.unknown_star = scope.module.unknown_star or f"from {name} import *"
            return
        names = module.names.get("__all__")
        if not isinstance(names, (list, tuple)) or unknown_in(names) is not None:
            names = [name for name in module.names if not name.startswith("_")]
        for name in names:
            if name in module.names:
                self.bind(name, module.names[name], scope)
        scope.module.unknown_star = scope.module.unknown_star or module.unknown_star

    def import_module(self, name: str, node: ast.AST, scope: Scope) -> Any:
        """The module that a dotted name means: the project's, a known one, or Opaque."""
        first, *rest = name.split(".")
        module = self._top_level(first, node, scope)
        for part in rest:
            if isinstance(module, Module):
                inner = self._submodule(module, part, node, scope)
                if inner is None:
                    if part in module.names and not isinstance(module.names[part], Module):
                        return module.names[part]
                    if module.fallback or module.unknown_star or not self._owns(module):
                        return Opaque(name)
                    message = f"No module named '{module.name}.{part}'"
                    known = {path.stem for folder in module.search for path in folder.glob("*.py")}
                    meant = did_you_mean(part, known - {"__init__"})
                    error = ModuleNotFoundError(message, name=name)
                    raise self.error(error, node, scope, f"did you mean {module.name}.{meant}?" if meant else None)
                module = inner
            elif isinstance(module, KnownModule):
                inner = KnownModule(f"{module.name}.{part}")
                self.attributes.setdefault((module.name, part), inner)
                module = inner
            else:
                return Opaque(name)
        return module

    def _top_level(self, name: str, node: ast.AST, scope: Scope) -> Any:
        if name in self.modules:
            return self.modules[name]
        found = self.finder.find(name)
        if found is None:
            if name in pyknown.TRANSPARENT or name in ("hydra", "os", "sys", "warnings"):
                return KnownModule(name)
            self.unknowns += 1
            return Opaque(name)
        return self._load(name, found, node, scope, found.fallback)

    def _submodule(self, package: Module, part: str, node: ast.AST, scope: Scope) -> Any:
        name = f"{package.name}.{part}"
        if name in self.modules:
            return self.modules[name]
        found = self.finder.find_in(part, package.search)
        if found is None or (found.file is None and not any(folder.is_dir() for folder in found.folders)):
            return None
        module = self._load(name, found, node, scope, package.fallback)
        package.names[part] = module
        return module

    def _load(self, name: str, found: Found, node: ast.AST, scope: Scope, fallback: bool) -> Module:
        source = None
        if found.file is not None:
            try:
                source = read_source(found.file)
            except UnreadableSource as error:
                self.unreadable(error)
                module = Module(name, None, name, (), fallback, unknown_star=f"{found.file.name}, which does not compile")
                self.modules[name] = module
                return module
        package = name if found.folders else name.rpartition(".")[0]
        module = Module(name, source, package, found.folders, fallback)
        self.modules[name] = module
        if source is not None:
            self.run_module(module)
        module.complete = True
        return module

    def unreadable(self, error: UnreadableSource) -> None:
        """A module of the project does not compile."""
        raise NotImplementedError

    def run_module(self, module: Module) -> None:
        """Carry out a module's statements."""
        source = module.source
        assert source is not None
        if source.path not in self.read_files:
            self.read_files.append(source.path)
        module.names.update(
            {
                "__name__": module.name,
                "__file__": str(source.path),
                "__package__": module.package,
                "__doc__": ast.get_docstring(source.tree),
            }
        )
        saved = self.depth, self.steps, self.guard
        self.depth = self.guard = 0
        try:
            self.run(source.tree.body, module.scope)
        except _UnknownFlow:
            pass  # whether the module stops here is not known; what follows has been skipped
        finally:
            self.depth, self.steps, self.guard = saved


def _own_nodes(statements: Iterable[ast.AST], loops: bool = True) -> Iterator[ast.AST]:
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
