"""Pure expressions, computed from their syntax trees. Nothing of the user's code is compiled, imported or run.

The result of an expression is a real value, a stand-in (`pyvalues`), or Opaque where only running it would tell. What
Python would raise is raised as PyError, with its place. Computations that get too long or too large end in Stop.
"""

from __future__ import annotations

import ast
import enum
import operator
import types
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any

from experiment_setup import pyknown
from experiment_setup.location import Location, did_you_mean
from experiment_setup.pyvalues import (
    INFO,
    Bound,
    Call,
    Known,
    KnownModule,
    Module,
    Opaque,
    Partial,
    PyError,
    Scope,
    Special,
    Stop,
    SuperProxy,
    UserFunction,
    class_info,
    is_instance_of_user_class,
    opaque_attributes,
    set_opaque_attribute,
    unknown_in,
)

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
    ast.MatMult: operator.matmul,
}
_UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_DUNDERS_OF_VALUES = frozenset(
    "__str__ __repr__ __format__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __bool__ __len__ __contains__ "
    "__iter__ __getitem__ __getattr__ __getattribute__ __add__ __radd__ __fspath__ __int__ __float__".split()
)
_STEPS_A_STATEMENT = 20_000  # syntax nodes; a config module takes a few thousand in all


class _Given(Exception):
    """A function of the project, called back by a real one, gave an opaque value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Expressions:
    """Computes expressions. The statements, calls of functions and classes are what subclasses add."""

    def __init__(self) -> None:
        self.steps = 0
        self.unknowns = 0  # how often something opaque was met: whether a `try` body may have failed
        self.environ = pyknown.environment()
        self.environ_reason: str | None = None  # what may have changed it, such as load_dotenv()
        self.attributes: dict[tuple[str, str], Any] = {}  # of known modules: specials, and what code has set
        self.changed: dict[int, tuple[Any, str]] = {}  # mutable values that code which is not run may change
        self._dispatch: dict[type, Callable[[Any, Scope], Any]] = {
            ast.Constant: lambda node, _: node.value,
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Call: self._call,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.BoolOp: self._boolean,
            ast.Compare: self._compare,
            ast.IfExp: self._conditional,
            ast.Subscript: self._subscript,
            ast.List: lambda node, scope: self._elements(node, scope, list),
            ast.Tuple: lambda node, scope: self._elements(node, scope, tuple),
            ast.Set: lambda node, scope: self._elements(node, scope, set),
            ast.Dict: self._dict,
            ast.JoinedStr: self._joined,
            ast.Lambda: self._lambda,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.NamedExpr: self._walrus,
            ast.Slice: self._slice,
        }

    # What subclasses do.

    def call_user(self, function: UserFunction, call: Call, first: tuple[Any, ...] = ()) -> Any:
        """Call a function of the project."""
        raise NotImplementedError

    def instantiate(self, cls: type, call: Call) -> Any:
        """Make an instance of a class of the project."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Bind an assignment's target."""
        raise NotImplementedError

    def type_arguments(self, base: Any, node: ast.expr, scope: Scope) -> Any:
        """`base[…]` where base is a type, such as list["ExpConfig"]."""
        raise NotImplementedError

    def unknown_call(self, function: Any, call: Call) -> None:
        """Something opaque is called, or something known with unknown arguments: what may follow from it."""

    # The core.

    def eval(self, node: ast.expr, scope: Scope) -> Any:
        """The value of an expression."""
        self.steps += 1
        if self.steps > _STEPS_A_STATEMENT:
            raise Stop("too long a computation")
        handler = self._dispatch.get(type(node))
        return handler(node, scope) if handler else self.opaque(node, scope)

    def opaque(self, node: ast.AST, scope: Scope) -> Opaque:
        """An unknown value whose reason is the source text of `node`."""
        self.unknowns += 1
        source = scope.module.source
        return Opaque(source.quote(node) if source else "?")

    def error(self, error: BaseException, node: ast.AST, scope: Scope, help: str | None = None) -> PyError:  # noqa: A002
        """What Python would raise at `node`."""
        source = scope.module.source
        return PyError(error, source.location(node) if source else Location(Path("?")), help=help)

    def lookup(self, name: str, scope: Scope) -> tuple[bool, Any]:
        """Whether a name is bound, and to what."""
        current: Scope | None = scope
        if name in scope.global_names:
            current = scope.module.scope
        while current is not None:
            if name in current.names:
                value = current.names[name]
                changed = self.changed.get(id(value)) if self.changed else None
                return True, Opaque(changed[1]) if changed else value
            current = current.parent
            while current is not None and current.kind == "class":
                current = current.parent
        if name in pyknown.BUILTINS:
            return True, self.attributes.get(("builtins", name), pyknown.BUILTINS[name])
        if name in pyknown.OPAQUE_BUILTINS:
            return True, Opaque(name)
        if scope.module.unknown_star:
            return True, Opaque(scope.module.unknown_star)
        return False, None

    def _name(self, node: ast.Name, scope: Scope) -> Any:
        bound, value = self.lookup(node.id, scope)
        if not bound:
            known = {*scope.names, *scope.module.names, *pyknown.BUILTINS}
            meant = did_you_mean(node.id, known)
            help_ = f"did you mean {meant}?" if meant else f"define or import {node.id} before this line"
            raise self.error(NameError(f"name {node.id!r} is not defined", name=node.id), node, scope, help_)
        return value

    # Attributes.

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        owner = self.eval(node.value, scope)
        if isinstance(owner, Opaque):
            return self.opaque(node, scope)
        return self.get_attribute(owner, node.attr, node, scope)

    def get_attribute(self, owner: Any, name: str, node: ast.AST, scope: Scope) -> Any:
        """`owner.name`."""
        if isinstance(owner, KnownModule):
            return self.known_attribute(owner, name, node, scope)
        if isinstance(owner, Module):
            return self._module_attribute(owner, name, node, scope)
        if isinstance(owner, SuperProxy):
            return self._super_attribute(owner, name, node, scope)
        if isinstance(owner, Known):
            return self.stand_in_attribute(owner, name, node, scope)
        if isinstance(owner, type):
            return self._class_attribute(owner, name, node, scope)
        if isinstance(owner, enum.Enum) or is_instance_of_user_class(owner):
            return self._instance_attribute(owner, name, node, scope)
        methods = pyknown.METHODS.get(type(owner))
        if isinstance(owner, PurePath):
            return self._path_attribute(owner, name, node, scope)
        if methods is not None:
            if name in methods:
                value = getattr(owner, name)
                return Bound(owner, name) if callable(value) else value
            if not hasattr(owner, name):
                message = f"{type(owner).__name__!r} object has no attribute {name!r}"
                raise self.error(AttributeError(message), node, scope)
        if isinstance(owner, tuple) and isinstance(getattr(owner, name, None), (int, str)):
            return getattr(owner, name)  # such as sys.version_info.major
        return self.opaque(node, scope)

    def stand_in_attribute(self, owner: Known, name: str, node: ast.AST, scope: Scope) -> Any:
        """An attribute of a function or of a stand-in that a subclass brings."""
        if isinstance(owner, UserFunction) and name in ("__name__", "__qualname__"):
            return owner.name
        return self.opaque(node, scope)

    def known_attribute(self, module: KnownModule, name: str, node: ast.AST, scope: Scope) -> Any:
        """An attribute of a module whose pure parts are known."""
        key = (module.name, name)
        if key in self.attributes:
            return self.attributes[key]
        dotted = f"{module.name}.{name}"
        if dotted in pyknown.TRANSPARENT or dotted in ("hydra.core", "hydra.core.config_store"):
            return KnownModule(dotted)
        try:
            return pyknown.attribute(module.name, name)
        except (pyknown.Unknown, ImportError):
            return self.opaque(node, scope)
        except AttributeError as error:
            raise self.error(
                AttributeError(f"module {module.name!r} has no attribute {name!r}"), node, scope
            ) from error

    def _module_attribute(self, module: Module, name: str, node: ast.AST, scope: Scope) -> Any:
        if name in module.names:
            value = module.names[name]
            return Opaque(self.changed[id(value)][1]) if id(value) in self.changed else value
        if module.source is None or module.unknown_star or "__getattr__" in module.names or module.fallback:
            return self.opaque(node, scope)
        meant = did_you_mean(name, module.names)
        error = AttributeError(f"module {module.name!r} has no attribute {name!r}")
        raise self.error(error, node, scope, f"did you mean {meant}?" if meant else None)

    def _class_attribute(self, cls: type, name: str, node: ast.AST, scope: Scope) -> Any:
        for base in cls.__mro__:
            info = class_info(base)
            if info and name in info.methods:
                function = info.methods[name]
                return Bound(cls, function) if function.kind == "classmethod" else function
            source = info.fields.get(name) if info else None
            if source and source.default_reason:
                return Opaque(source.default_reason)
            if name in base.__dict__ and info:
                value = base.__dict__[name]
                return self.opaque(node, scope) if isinstance(value, types.FunctionType) else getattr(cls, name)
        if isinstance(cls, enum.EnumMeta) and name in cls.__members__:
            return cls.__members__[name]
        if name in ("__name__", "__qualname__", "__module__", "__doc__", "__members__"):
            return getattr(cls, name)
        if callable(getattr(cls, name, None)) and pyknown.is_pure(getattr(cls, name)):
            return getattr(cls, name)
        if issubclass(cls, PurePath) or cls in pyknown.METHODS or not class_info(cls):
            return self.opaque(node, scope) if hasattr(cls, name) else self._no_attribute(cls, name, node, scope)
        return self.opaque(node, scope) if hasattr(cls, name) else self._no_attribute(cls, name, node, scope)

    def _no_attribute(self, cls: type, name: str, node: ast.AST, scope: Scope) -> Any:
        error = AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        meant = did_you_mean(name, (known for known in vars(cls) if not known.startswith("_")))
        raise self.error(error, node, scope, f"did you mean {meant}?" if meant else None)

    def _instance_attribute(self, instance: Any, name: str, node: ast.AST, scope: Scope) -> Any:
        if name in opaque_attributes(instance):
            return Opaque(opaque_attributes(instance)[name])
        if name in getattr(instance, "__dict__", {}):
            return instance.__dict__[name]
        for base in type(instance).__mro__:
            info = class_info(base)
            if info and name in info.methods:
                function = info.methods[name]
                if function.kind == "property":
                    return self.call_user(function, Call((), {}, node, scope), (instance,))
                if function.kind == "staticmethod":
                    return function
                return Bound(type(instance) if function.kind == "classmethod" else instance, function)
        if isinstance(instance, enum.Enum):
            return getattr(instance, name) if name in ("name", "value") else self.opaque(node, scope)
        if any(i.methods.keys() & {"__getattr__", "__getattribute__"} for i in map(class_info, type(instance).__mro__) if i):
            return self.opaque(node, scope)
        try:
            value = getattr(instance, name)
        except AttributeError as error:
            raise self.error(error, node, scope) from error
        return self.opaque(node, scope) if callable(value) and not isinstance(value, type) else value

    def _super_attribute(self, proxy: SuperProxy, name: str, node: ast.AST, scope: Scope) -> Any:
        order = type(proxy.instance).__mro__
        for base in order[order.index(proxy.owner) + 1 :]:
            info = class_info(base)
            if info and name in info.methods:
                return Bound(proxy.instance, info.methods[name])
        if name in ("__init__", "__post_init__") and not any(
            name in base.__dict__ for base in order[order.index(proxy.owner) + 1 : -1]
        ):
            return Special(name, lambda _interpreter, _call: None)
        return self.opaque(node, scope)

    def _path_attribute(self, path: PurePath, name: str, node: ast.AST, scope: Scope) -> Any:
        if name == "parents":
            return tuple(path.parents)
        if name in pyknown.PATH_ATTRIBUTES:
            return getattr(path, name)
        if name in pyknown.PATH_METHODS or (name in pyknown.PATH_NORMALISING and path.is_absolute()):
            return Bound(path, name)
        if not hasattr(path, name):
            raise self.error(AttributeError(f"'Path' object has no attribute {name!r}"), node, scope)
        return self.opaque(node, scope)

    def set_attribute(self, owner: Any, name: str, value: Any, node: ast.AST, scope: Scope) -> None:
        """`owner.name = value`; without effect on what is not the project's own."""
        if isinstance(owner, KnownModule):
            self.attributes[owner.name, name] = value
        elif isinstance(owner, Module):
            owner.names[name] = value
        elif is_instance_of_user_class(owner) or class_info(owner):
            reason = unknown_in([value])
            try:
                if is_instance_of_user_class(owner):
                    set_opaque_attribute(owner, name, reason)
                    if reason and hasattr(owner, name):
                        return  # the placeholder stays
                setattr(owner, name, value)
            except (AttributeError, TypeError) as error:
                raise self.error(error, node, scope) from error

    # Calls.

    def _call(self, node: ast.Call, scope: Scope) -> Any:
        function = self.eval(node.func, scope)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        unknown = False
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                items = self.items(self.eval(argument.value, scope), argument, scope)
                unknown |= isinstance(items, Opaque)
                args.extend([] if isinstance(items, Opaque) else items)
            else:
                args.append(self.eval(argument, scope))
        for keyword in node.keywords:
            value = self.eval(keyword.value, scope)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
                kwargs.update(value)
            else:
                unknown = True
        call = Call(tuple(args), kwargs, node, scope)
        if unknown or isinstance(function, Opaque):
            self.unknown_call(function, call)
            return self.opaque(node, scope)
        return self.call(function, call)

    def call(self, function: Any, call: Call) -> Any:
        """Call a known value."""
        if isinstance(function, Special):
            return function.run(self, call)
        if isinstance(function, UserFunction):
            return self.call_user(function, call)
        if isinstance(function, Bound):
            if isinstance(function.function, UserFunction):
                return self.call_user(function.function, call, (function.owner,))
            return self.native(getattr(function.owner, function.function), call, function.function)
        if isinstance(function, Partial):
            args, kwargs = (*function.args, *call.args), {**function.kwargs, **call.kwargs}
            return self.call(function.function, Call(args, kwargs, call.node, call.scope))
        if isinstance(function, types.GenericAlias):
            return self.call(function.__origin__, call)
        if class_info(function) and not isinstance(function, enum.EnumMeta):
            return self.instantiate(function, call)
        if pyknown._hashable_in(function, pyknown.IDENTITY_DECORATORS):
            if call.args and (isinstance(call.args[0], (Known, type))):
                return call.args[0]
            return Special("decorator", lambda _interpreter, inner: inner.args[0] if inner.args else None)
        if isinstance(function, enum.EnumMeta) or pyknown.is_pure(function):
            return self.native(function, call)
        if _is_user(function):
            return self._call_instance(function, call)
        if not callable(function) and not isinstance(function, Known):
            kind = type(function).__name__
            raise self.error(TypeError(f"{kind!r} object is not callable"), call.node, call.scope)
        self.unknown_call(function, call)
        return self.opaque(call.node, call.scope)

    def _call_instance(self, instance: Any, call: Call) -> Any:
        for base in type(instance).__mro__:
            info = class_info(base)
            if info and "__call__" in info.methods:
                return self.call_user(info.methods["__call__"], call, (instance,))
        raise self.error(TypeError(f"{type(instance).__name__!r} object is not callable"), call.node, call.scope)

    def native(self, function: Any, call: Call, name: str = "") -> Any:
        """Call a pure function or method of Python with plain values."""
        args, kwargs = call.args, call.kwargs
        higher = pyknown._hashable_in(function, pyknown.HIGHER_ORDER) or name == "sort"
        if higher:
            args = tuple(self._called_back(value, call) for value in args)
            kwargs = {key: self._called_back(value, call) for key, value in kwargs.items()}
        owner = getattr(function, "__self__", None)
        given = [*args, *kwargs.values()]
        tolerant = name in (
            "append",
            "insert",
            "extend",
            "get",
            "setdefault",
            "update",
            "keys",
            "items",
            "values",
            "pop",
        )
        reason = None if tolerant else unknown_in([owner, *given])
        if function is len and given and not isinstance(given[0], Known):
            reason = None  # a list has a length whatever is in it
        if function in (str, format, repr) and args and self._has_own_text(args[0]):
            return self._own_text(args[0], call)
        if (
            reason is None
            and not pyknown._hashable_in(function, pyknown.ORDER_FREE)
            and name not in pyknown.METHODS[set]
        ):
            reason = next((f"the order of a set: {v!r:.60}" for v in given if _unordered(v)), None)
        if reason is None and pyknown.call_too_large(function, name, (*given,)):
            reason = "a value too large to be computed here"
        if reason is not None:
            self.unknowns += 1
            return Opaque(reason)
        try:
            result = function(*args, **kwargs)
            return pyknown.all_items(result) if isinstance(result, Iterator) else result
        except _Given as given_up:
            return Opaque(given_up.reason)
        except (PyError, Stop):
            raise
        except (pyknown.Unknown, RecursionError, MemoryError):
            return self.opaque(call.node, call.scope)
        except Exception as error:
            raise self.error(error, call.node, call.scope) from error

    def _called_back(self, value: Any, call: Call) -> Any:
        """A function of the project as one that a real function can call."""
        if not isinstance(value, Known) or isinstance(value, Opaque):
            return value

        def function(*args: Any, **kwargs: Any) -> Any:
            result = self.call(value, Call(args, kwargs, call.node, call.scope))
            reason = unknown_in([result])
            if reason is not None:
                raise _Given(reason)
            return result

        return function

    @staticmethod
    def _has_own_text(value: Any) -> bool:
        return any(
            info is not None and info.methods.keys() & {"__str__", "__repr__", "__format__"}
            for info in map(class_info, type(value).__mro__)
        )

    def _own_text(self, value: Any, call: Call) -> Any:
        for base in type(value).__mro__:
            info = class_info(base)
            if info and "__str__" in info.methods and not info.methods.keys() & {"__format__", "__repr__"}:
                return self.call_user(info.methods["__str__"], Call((), {}, call.node, call.scope), (value,))
        return self.opaque(call.node, call.scope)

    # Operators.

    def _plain(self, *values: Any) -> str | None:
        """Why the values cannot be computed with; None if they can."""
        reason = unknown_in(values)
        if reason is None:
            for value in values:
                for base in type(value).__mro__ if isinstance(value, enum.Enum) or _is_user(value) else ():
                    info = class_info(base)
                    if info and info.methods.keys() & _DUNDERS_OF_VALUES:
                        return f"the methods of {info.name}"
        return reason

    def apply(self, function: Callable[..., Any], node: ast.AST, scope: Scope, *values: Any) -> Any:
        """An operator's result."""
        reason = self._plain(*values)
        if reason is not None:
            self.unknowns += 1
            return Opaque(reason)
        try:
            return function(*values)
        except (RecursionError, MemoryError):
            return self.opaque(node, scope)
        except Exception as error:
            raise self.error(error, node, scope) from error

    def binary(self, operation: ast.operator, left: Any, right: Any, node: ast.AST, scope: Scope) -> Any:
        """`left operation right`."""
        if pyknown.operation_too_large(type(operation).__name__, left, right):
            return self.opaque(node, scope)
        if isinstance(operation, ast.Add) and type(left) is type(right) and type(left) in (list, tuple):
            return left + right
        return self.apply(_BINARY[type(operation)], node, scope, left, right)

    def _binary(self, node: ast.BinOp, scope: Scope) -> Any:
        return self.binary(node.op, self.eval(node.left, scope), self.eval(node.right, scope), node, scope)

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Any:
        return self.apply(_UNARY[type(node.op)], node, scope, self.eval(node.operand, scope))

    def truth(self, value: Any) -> bool | None:
        """Whether a value counts as true; None if that is not known."""
        if isinstance(value, Opaque):
            return None
        if isinstance(value, Known):
            return True
        if isinstance(value, (list, dict, tuple, set)):
            return bool(value)
        return None if self._plain(value) is not None else bool(value)

    def _boolean(self, node: ast.BoolOp, scope: Scope) -> Any:
        stop_at = isinstance(node.op, ast.Or)
        value: Any = None
        for part in node.values:
            value = self.eval(part, scope)
            truth = self.truth(value)
            if truth is None:
                return value if isinstance(value, Opaque) else self.opaque(node, scope)
            if truth is stop_at:
                return value
        return value

    def _compare(self, node: ast.Compare, scope: Scope) -> Any:
        left = self.eval(node.left, scope)
        result: Any = True
        for operation, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.eval(right_node, scope)
            identity = isinstance(operation, (ast.Is, ast.IsNot))
            if identity and not isinstance(left, Opaque) and not isinstance(right, Opaque):
                result = _COMPARE[type(operation)](left, right)
            elif type(operation) in (ast.In, ast.NotIn) and right is self.environ and isinstance(left, str):
                result = self._in_environment(left, node, scope)
                result = not result if isinstance(operation, ast.NotIn) and isinstance(result, bool) else result
            else:
                result = self.apply(_COMPARE[type(operation)], node, scope, left, right)
            if isinstance(result, Opaque) or not self.truth(result):
                return result
            left = right
        return result

    def _in_environment(self, name: str, node: ast.AST, scope: Scope) -> Any:
        if name not in self.environ and self.environ_reason:
            return self.opaque(node, scope)
        return name in self.environ

    def _conditional(self, node: ast.IfExp, scope: Scope) -> Any:
        test = self.eval(node.test, scope)
        truth = self.truth(test)
        if truth is None:
            return test if isinstance(test, Opaque) else self.opaque(node, scope)
        return self.eval(node.body if truth else node.orelse, scope)

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> Any:
        value = self.eval(node.value, scope)
        target = scope
        while target.kind == "comprehension" and target.parent is not None:
            target = target.parent
        self.assign(node.target, value, target)
        return value

    # Subscripts.

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        owner = self.eval(node.value, scope)
        if isinstance(owner, Opaque):
            return self.opaque(node, scope)
        if pyknown.is_typing(owner) and not isinstance(owner, (enum.EnumMeta, tuple)):
            return self.type_arguments(owner, node, scope)
        key = self.eval(node.slice, scope)
        if owner is self.environ and isinstance(key, str) and key not in owner:
            return self.missing_variable(key, node, scope)
        if isinstance(owner, Known) or unknown_in([key]) is not None:
            return self.opaque(node, scope)
        try:
            return owner[key]
        except Exception as error:
            raise self.error(error, node, scope) from error

    def missing_variable(self, name: str, node: ast.AST, scope: Scope) -> Any:
        """os.environ["NAME"] where NAME is not set."""
        return self.opaque(node, scope)

    def _slice(self, node: ast.Slice, scope: Scope) -> Any:
        parts = [self.eval(part, scope) if part else None for part in (node.lower, node.upper, node.step)]
        reason = unknown_in(parts)
        return Opaque(reason) if reason is not None else slice(*parts)

    # Displays.

    def _elements(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope, kind: type) -> Any:
        values: list[Any] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                items = self.items(self.eval(element.value, scope), element, scope)
                if isinstance(items, Opaque):
                    return items
                values.extend(items)
            else:
                values.append(self.eval(element, scope))
        if kind is set:
            reason = unknown_in(values)
            return Opaque(reason) if reason is not None else self.apply(set, node, scope, values)
        return kind(values)

    def _dict(self, node: ast.Dict, scope: Scope) -> Any:
        result: dict[Any, Any] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            value = self.eval(value_node, scope)
            if key_node is None:
                if not isinstance(value, dict):
                    return self.opaque(node, scope)
                result.update(value)
                continue
            key = self.eval(key_node, scope)
            reason = unknown_in([key]) if not isinstance(key, type) else None
            if reason is not None:
                return Opaque(reason)
            try:
                result[key] = value
            except TypeError as error:
                raise self.error(error, key_node, scope) from error
        return result

    def _joined(self, node: ast.JoinedStr, scope: Scope) -> Any:
        parts: list[str] = []
        for part in node.values:
            text = part.value if isinstance(part, ast.Constant) else self._formatted(part, scope)
            if isinstance(text, Opaque):
                return text
            parts.append(text)
        return "".join(parts)

    def _formatted(self, node: ast.expr, scope: Scope) -> Any:
        if not isinstance(node, ast.FormattedValue):
            return self.opaque(node, scope)
        value = self.eval(node.value, scope)
        spec = self._joined(node.format_spec, scope) if isinstance(node.format_spec, ast.JoinedStr) else ""
        if isinstance(spec, Opaque):
            return spec
        if self._has_own_text(value):
            plain = node.conversion in (-1, ord("s")) and not spec
            return self._own_text(value, Call((), {}, node, scope)) if plain else self.opaque(node, scope)
        if pyknown.spec_too_wide(spec) or _unordered(value):
            return self.opaque(node, scope)
        convert = {ord("r"): repr, ord("s"): str, ord("a"): ascii}.get(node.conversion)
        return self.apply(lambda v: format(convert(v) if convert else v, spec), node, scope, value)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Any:
        return UserFunction("<lambda>", node, scope.function_parent, self.defaults(node.args, scope))

    def defaults(self, arguments: ast.arguments, scope: Scope) -> dict[str, Any]:
        """The default values of parameters, which Python computes at the definition."""
        positional = [*arguments.posonlyargs, *arguments.args]
        found = {
            argument.arg: self.eval(value, scope)
            for argument, value in zip(
                positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True
            )
        }
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if default is not None:
                found[argument.arg] = self.eval(default, scope)
        return found

    # Iteration.

    def items(self, value: Any, node: ast.AST, scope: Scope) -> list[Any] | Opaque:
        """The items of an iterable, or Opaque."""
        if isinstance(value, Opaque):
            return value
        if isinstance(value, Known) or _unordered(value):
            return self.opaque(node, scope)
        if is_instance_of_user_class(value):
            return self.opaque(node, scope)
        if isinstance(value, range) and len(value) > 10_000:
            raise Stop("too long a loop")
        try:
            return list(value)
        except TypeError as error:
            raise self.error(error, node, scope) from error

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope) -> Any:
        inner = Scope("comprehension", {}, scope.module, scope.function_parent, scope.global_names)
        found: list[Any] = []
        unknown = self._generate(node, node.generators, scope, inner, found)
        if unknown is not None:
            return unknown
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return found  # a generator's items are known at once, and can be looked into
        reason = unknown_in(key for key, _ in found) if isinstance(node, ast.DictComp) else unknown_in(found)
        if reason is not None:
            return Opaque(reason)
        try:
            return dict(found) if isinstance(node, ast.DictComp) else set(found)
        except TypeError as error:
            raise self.error(error, node, scope) from error

    def _generate(
        self, node: Any, generators: list[ast.comprehension], outer: Scope, inner: Scope, found: list[Any]
    ) -> Opaque | None:
        if not generators:
            if isinstance(node, ast.DictComp):
                found.append((self.eval(node.key, inner), self.eval(node.value, inner)))
            else:
                found.append(self.eval(node.elt, inner))
            return None
        generator, *rest = generators
        items = self.items(self.eval(generator.iter, outer), generator.iter, outer)
        if isinstance(items, Opaque):
            return items
        if generator.is_async:
            return self.opaque(node, inner)
        for item in items:
            self.assign(generator.target, item, inner)
            keep = self._keeps(generator.ifs, inner)
            if keep is None:
                return self.opaque(node, inner)
            if keep:
                unknown = self._generate(node, rest, inner, inner, found)
                if unknown is not None:
                    return unknown
        return None

    def _keeps(self, tests: list[ast.expr], scope: Scope) -> bool | None:
        for test in tests:
            truth = self.truth(self.eval(test, scope))
            if not truth:
                return truth
        return True


def _is_user(value: Any) -> bool:
    return INFO in type(value).__dict__


def _unordered(value: Any) -> bool:
    """A set whose order differs between processes."""
    return isinstance(value, (set, frozenset)) and len(value) > 1 and not all(isinstance(v, int) for v in value)
