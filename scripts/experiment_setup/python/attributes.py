"""Names and attributes: what they stand for in code that is read, not run."""

from __future__ import annotations

import ast
import enum
import types
from pathlib import Path, PurePath
from typing import Any

from experiment_setup.location import Location, did_you_mean
from experiment_setup.python import standard
from experiment_setup.python.values import (
    Bound,
    Call,
    Known,
    KnownModule,
    Module,
    Opaque,
    PyError,
    Scope,
    Special,
    SuperProxy,
    UserFunction,
    class_info,
    is_instance_of_user_class,
    opaque_attributes,
    set_opaque_attribute,
    unknown_in,
)


class Attributes:
    """Looks names and attributes up. How a function is called is what subclasses add."""

    def __init__(self) -> None:
        self.unknowns = 0  # how often something opaque was met: whether a `try` body may have failed
        self.environ = standard.environment()
        self.environ_reason: str | None = None  # what may have changed it, such as load_dotenv()
        self.attributes: dict[tuple[str, str], Any] = {}  # of known modules: specials, and what code has set
        self.changed: dict[int, tuple[Any, str]] = {}  # mutable values that code which is not run may change

    def call_user(self, function: UserFunction, call: Call, first: tuple[Any, ...] = ()) -> Any:
        """Call a function of the project."""
        raise NotImplementedError

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
        if name in standard.BUILTINS:
            return True, self.attributes.get(("builtins", name), standard.BUILTINS[name])
        if name in standard.OPAQUE_BUILTINS:
            return True, Opaque(name)
        if scope.module.unknown_star:
            return True, Opaque(scope.module.unknown_star)
        return False, None

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
        methods = standard.METHODS.get(type(owner))
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
        if dotted in standard.TRANSPARENT or dotted in ("hydra.core", "hydra.core.config_store"):
            return KnownModule(dotted)
        try:
            return standard.attribute(module.name, name)
        except (standard.Unknown, ImportError):
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
        if callable(getattr(cls, name, None)) and standard.is_pure(getattr(cls, name)):
            return getattr(cls, name)
        if issubclass(cls, PurePath) or cls in standard.METHODS or not class_info(cls):
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
        infos = [info for info in map(class_info, type(instance).__mro__) if info]
        if any(info.methods.keys() & {"__getattr__", "__getattribute__"} for info in infos):
            return self.opaque(node, scope)
        if isinstance(instance, enum.Enum):
            if not hasattr(instance, name):
                raise self.error(AttributeError(f"{instance} has no attribute {name!r}"), node, scope)
            return getattr(instance, name) if name in ("name", "value") else self.opaque(node, scope)
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
        if name in standard.PATH_ATTRIBUTES:
            return getattr(path, name)
        if name in standard.PATH_METHODS or (name in standard.PATH_NORMALISING and path.is_absolute()):
            return Bound(path, name)
        if not hasattr(path, name):
            raise self.error(AttributeError(f"'Path' object has no attribute {name!r}"), node, scope)
        return self.opaque(node, scope)

    def set_attribute(
        self, owner: Any, name: str, value: Any, node: ast.AST, scope: Scope, force: bool = False
    ) -> None:
        """`owner.name = value`; without effect on what is not the project's own. `force`: object.__setattr__."""
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
                (object.__setattr__ if force else setattr)(owner, name, value)
            except (AttributeError, TypeError) as error:
                raise self.error(error, node, scope) from error
