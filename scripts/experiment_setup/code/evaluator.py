"""The evaluator: what the code of an entry point comes to, read from its syntax trees. Nothing of it is run.

The result of an expression is a real value, a stand-in (`values`), or Opaque where only running it would tell. What
Python would raise is raised as PyError, with its place. A computation that gets too long or too large ends in Stop.

How a syntax node is read stands in `syntax/`, a file a kind; each function there registers itself for its nodes.
"""

from __future__ import annotations

import ast
import enum
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeGuard

from experiment_setup.code import standard
from experiment_setup.code.attributes import get_attribute
from experiment_setup.code.environment import Environment
from experiment_setup.code.flow import Break, Continue, Returned, UndefinedInText, UnknownFlow
from experiment_setup.code.functions import UserFunction
from experiment_setup.code.instances import instantiate
from experiment_setup.code.limits import Budget
from experiment_setup.code.modules import Module, Modules, Scope
from experiment_setup.code.native import call_native
from experiment_setup.code.problems import HELP, Problems, code_of, words_of
from experiment_setup.code.registry import Registry
from experiment_setup.code.specials import SPECIALS
from experiment_setup.code.tree import FUNCTIONS, assigned_names, own_nodes, walk
from experiment_setup.code.values import (
    OF_ANOTHER_PYTHON,
    Call,
    ClassInfo,
    FieldSource,
    Known,
    Opaque,
    PyError,
    Special,
    Stop,
    class_info,
    class_infos,
    find_method,
    is_instance_of_user_class,
    is_user,
    range_length,
    unordered,
    weigh,
)
from experiment_setup.light import compiled
from experiment_setup.location import Location

_DUNDERS_OF_VALUES = frozenset(
    "__str__ __repr__ __format__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __bool__ __len__ __contains__ "
    "__iter__ __getitem__ __getattr__ __getattribute__ __add__ __radd__ __fspath__ __int__ __float__".split()
)

# What is not here is opaque; a statement that is not here is skipped, and what it binds becomes opaque.
EXPRESSIONS: Registry[Callable[[Evaluator, Any, Scope], Any]] = Registry()
STATEMENTS: Registry[Callable[[Evaluator, Any, Scope], None]] = Registry()
TARGETS: Registry[Callable[[Evaluator, Any, Any, Scope], None]] = Registry()  # of assignments, with their value


class Evaluator:
    """Reads an entry point and the modules of the project that it imports."""

    tolerant = True  # tests turn it off

    def __init__(self, entry: Path, root: Path) -> None:
        self.entry = entry
        self.root = root
        self.modules = Modules(entry, root)
        self.budget = Budget()
        self.problems = Problems()
        self.environment = Environment()
        self.attributes: dict[tuple[str, str], Any] = {  # of known modules: what is computed here, or set by the code
            **SPECIALS,
            ("os", "environ"): self.environment,
            ("sys", "path"): self.modules.finder.path,
        }
        self.read_files: list[Path] = []
        self.classes: list[ClassInfo] = []
        self.pending: list[tuple[ClassInfo, FieldSource]] = []  # annotations with names that are not defined yet
        self.unknowns = 0  # how often something opaque was met: whether a `try` body may have failed
        self.protected = 0  # depth of `try` bodies: what they raise may be caught
        self.guard = 0  # depth of `if __name__ == "__main__":`
        self.handled: list[PyError] = []  # what the `except` clauses around are for
        self.type_reason: str | None = None  # why the annotation that is being read is not wholly known
        self.making: list[Mapping[str, str | None] | None] = []  # instances: what is unknown of their arguments
        self.on_unknown_call: Callable[[Call], None] = lambda _call: None
        self.on_skipped_call: Callable[[ast.Call, Scope, str], None] = lambda _node, _scope, _reason: None
        self._failure: PyError | None = None
        self._changed: dict[int, tuple[Any, str]] = {}  # mutable values that code which is not run may change

    # Expressions.

    def eval(self, node: ast.expr, scope: Scope) -> Any:
        """The value of an expression."""
        self.budget.spend()
        handler = EXPRESSIONS.get(type(node))
        return handler(self, node, scope) if handler else self.opaque(node, scope)

    def compute(self, function: Callable[[], Any]) -> Any:
        """Compute something outside of any statement, with limits of its own."""
        with self.budget.own_statement():
            try:
                return function()
            except Stop as stop:
                return Opaque(stop.reason)
            except RecursionError:
                return Opaque(_TOO_DEEP)

    def call(self, function: Any, call: Call) -> Any:
        """Call a value. Raises PyError where Python raises."""
        if isinstance(function, UserFunction):
            return function.call(self, call)
        self._escape(call)
        if isinstance(function, Known):
            return function.call(self, call)
        if isinstance(function, types.GenericAlias):
            return self.call(function.__origin__, call)
        if class_info(function) and not isinstance(function, enum.EnumMeta):
            return instantiate(self, function, call)
        if standard.hashable_in(function, standard.IDENTITY_DECORATORS):
            if call.args and isinstance(call.args[0], (Known, type)):
                return call.args[0]
            return Special("decorator", lambda _evaluator, inner: inner.args[0] if inner.args else None)
        if isinstance(function, enum.EnumMeta) or standard.is_pure(function):
            return call_native(self, function, call)
        if not callable(function) and not (is_user(function) and find_method(type(function), "__call__")):
            kind = type(function).__name__
            raise self.error(TypeError(f"{kind!r} object is not callable"), call.node, call.scope)
        self.unknown_call(function, call)
        return self.opaque(call.node, call.scope)

    def unknown_call(self, function: Any, call: Call) -> None:
        """Something opaque is called, or something known with arguments that are not: what may follow from it."""
        if not isinstance(call.node, (ast.Name, ast.Attribute)):  # which is a decorator, and gives back what it gets
            self._escape(call)
        if isinstance(function, Opaque):
            self.on_unknown_call(call)
        if isinstance(function, Known):
            function.call_unknown(self, call)

    @staticmethod
    def _escape(call: Call) -> None:
        for value in call.values:
            if isinstance(value, Known):
                value.escapes()

    def plain(self, *values: Any) -> str | None:
        """Why the values cannot be computed with; None if they can."""
        reason, weight = weigh(values)
        self.budget.look_at(weight)
        if reason is not None:
            return reason
        for value in values:
            for info in class_infos(type(value)) if isinstance(value, enum.Enum) or is_user(value) else ():
                if info.methods.keys() & _DUNDERS_OF_VALUES:
                    return f"the methods of {info.name}"
        return None

    def made(self, value: Any) -> None:
        """Count what a value takes that has been made."""
        if isinstance(value, (str, bytes)):
            self.budget.look_at(len(value) // 8)
        elif isinstance(value, (list, tuple, dict, set, frozenset)):
            self.budget.look_at(len(value))

    def truth(self, value: Any) -> bool | None:
        """Whether a value counts as true; None if that is not known."""
        if isinstance(value, Opaque):
            return None
        if isinstance(value, Known):
            return True
        if isinstance(value, (list, dict, tuple, set)):
            return bool(value)
        return None if self.plain(value) is not None else bool(value)

    def items(self, value: Any, node: ast.AST, scope: Scope) -> list[Any] | Opaque:
        """The items of an iterable, or Opaque."""
        if isinstance(value, Opaque):
            return value
        if isinstance(value, Known) or unordered(value) or is_instance_of_user_class(value):
            return self.opaque(node, scope)
        if isinstance(value, range) and range_length(value) > _MAX_LOOP:
            raise Stop("too long a loop")
        try:
            items = list(value)
        except TypeError as error:
            raise self.error(error, node, scope) from error
        self.made(items)
        return items

    def opaque(self, node: ast.AST, scope: Scope) -> Opaque:
        """An unknown value whose reason is the source text of `node`."""
        self.unknowns += 1
        return Opaque(scope.module.source.quote(node))

    # Names.

    def lookup(self, name: str, scope: Scope) -> tuple[bool, Any]:
        """Whether a name is bound, and to what."""
        current: Scope | None = scope.module.scope if name in scope.global_names else scope
        while current is not None:
            if name in current.names:
                return True, self.current(current.names[name])
            current = current.parent.function_parent if current.parent else None
        if name in standard.BUILTINS:
            return True, self.attributes.get(("builtins", name), standard.BUILTINS[name])
        if name in standard.OPAQUE_BUILTINS:
            return True, Opaque(name)
        if scope.module.unknown_star:
            return True, Opaque(scope.module.unknown_star)
        return False, None

    def current(self, value: Any) -> Any:
        """The value, or Opaque if code that is not run may have changed it."""
        changed = self._changed.get(id(value)) if self._changed else None
        return Opaque(changed[1]) if changed else value

    def bind(self, name: str, value: Any, scope: Scope) -> None:
        """Give a name its value."""
        (scope.module.names if name in scope.global_names else scope.names)[name] = value

    def assign(self, node: ast.expr, value: Any, scope: Scope) -> None:
        """Give an assignment's target its value: bind a name, unpack, or set an attribute or item."""
        TARGETS[type(node)](self, node, value, scope)

    def get_attribute(self, owner: Any, name: str, node: ast.AST, scope: Scope) -> Any:
        """`owner.name`."""
        return get_attribute(self, owner, name, node, scope)

    # Statements.

    def run_module(self, module: Module) -> None:
        """Carry out a module's statements."""
        source = module.source
        if source.path not in self.read_files:
            self.read_files.append(source.path)
        module.evaluated = True
        module.names.update(
            {
                "__name__": module.name,
                "__file__": str(source.path),
                "__package__": module.package,
                "__doc__": ast.get_docstring(source.tree),
            }
        )
        if module.search:
            module.names["__path__"] = list(map(str, module.search))  # what Python gives packages alone
        saved, self.guard = self.guard, 0
        try:
            with self.budget.imported_module() if module.name != "__main__" else nullcontext():
                self.run(source.tree.body, module.scope)
        except UnknownFlow:
            pass  # whether the module stops here is not known; what follows has been skipped
        finally:
            self.guard = saved
        module.complete = True

    def run(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        """Carry out statements. At a module's own level a failure is reported, and reading goes on after it."""
        for index, node in enumerate(statements):
            try:
                if self._is_at_top(scope):
                    self.budget.next_statement((node.end_lineno or node.lineno) - node.lineno)
                self.budget.spend()
                execute = STATEMENTS.get(type(node))
                if execute is None:
                    self.skip([node], scope, self.opaque(node, scope).reason)
                else:
                    execute(self, node, scope)
            except UnknownFlow as flow:
                self.skip(statements[index:], scope, flow.reason)
                raise
            except (Returned, Break, Continue):
                raise
            except Exception as error:
                if not self._is_at_top(scope):
                    raise
                self.skip([node], scope, self._reason_to_go_on(error))

    def _is_at_top(self, scope: Scope) -> bool:
        return scope.kind == "module" and not self.budget.depth

    def _reason_to_go_on(self, error: Exception) -> str:
        """Why what a statement binds is not known, where reading goes on after it; raises what must not be caught."""
        if isinstance(error, PyError) and _OF_A_STAND_IN.search(str(error.error)):
            return "code that could not be followed"  # Python speaks of a value that only running the code would tell
        if isinstance(error, PyError):
            if self.protected:
                raise error
            code = error.code or code_of(error.error)
            if code == OF_ANOTHER_PYTHON or (code == "raises" and error.function not in _OF_A_DATACLASS):
                return "code that could not be followed"  # what a function works with, code elsewhere may prepare
            self.report(error)
            return f"line {error.location.line}, which fails"
        if isinstance(error, (Stop, UndefinedInText)):
            return str(error)
        if isinstance(error, RecursionError):
            return _TOO_DEEP
        if not self.tolerant:
            raise error
        return "code that could not be followed"  # a gap in the evaluator

    def skip(self, statements: Sequence[ast.stmt], scope: Scope, reason: str) -> None:
        """Leave statements out: what they bind or may change is not known any more."""
        for name in assigned_names(statements):
            self.bind(name, Opaque(reason), scope)
        for node in own_nodes(statements):
            self.budget.charge(1)  # in a loop that is followed, what is skipped costs as well
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.may_change(self.lookup(node.id, scope)[1], reason)
            elif isinstance(node, ast.Call):
                self.on_skipped_call(node, scope, reason)
            elif isinstance(node, FUNCTIONS):  # whoever calls it by that name calls what is not known
                for inner in filter(_is_call, walk(node)):
                    self.budget.charge(1)
                    self.on_skipped_call(inner, scope, reason)

    def may_change(self, value: Any, reason: str) -> None:
        """Code that is not run may change a value."""
        if value is self.environment:
            self.environment.changed_by = reason
        elif value is self.modules.finder.path:
            return  # what is found from the root is found without it
        elif is_instance_of_user_class(value) or isinstance(value, (list, dict, set)):
            self._changed[id(value)] = (value, reason)

    # What is wrong.

    def location(self, node: ast.AST, scope: Scope) -> Location:
        """Where a node stands."""
        return scope.module.source.location(node)

    def error(self, error: BaseException, node: ast.AST, scope: Scope, help: str | None = None) -> PyError:  # noqa: A002
        """What Python would raise at `node`."""
        return PyError(error, self.location(node, scope), help=help, function=scope.function)

    def report(self, error: PyError) -> None:
        """Running the code fails here, unless a variable that is not set here is the reason."""
        code = error.code or code_of(error.error)
        words = words_of(error.error)
        unset = self.environment.unset_names
        if code == "raises" and unset:
            message = f"{words} (not set here: {unset})"
            self.problems.add("environment-variable", message, f"set {unset}", error.location)
            return
        self.problems.add(code, words, error.help or HELP.get(code), error.location, fatal=True)

    def fail(self, error: PyError) -> BaseException:
        """Remember where a function of the project failed that a library calls, and give what the library sees."""
        self._failure = error
        return error.error

    def take_failure(self) -> PyError | None:
        """What such a function has raised since the last call, and where."""
        failure, self._failure = self._failure, None
        return failure


def _is_call(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call)


_OF_A_STAND_IN = compiled(r"'(?:Opaque|Special|UserFunction|KnownModule)'")
_OF_A_DATACLASS = ("", "__post_init__", "<lambda>")  # and of the module itself: all that they work with is seen
_TOO_DEEP = "a computation nested too deeply"
_MAX_LOOP = 10_000
