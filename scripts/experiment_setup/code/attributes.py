"""`owner.name`: a kind of owner a function, found by the owner's type."""

from __future__ import annotations

import ast
import enum
import types
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from experiment_setup.code import standard
from experiment_setup.code.environment import METHODS, Environment
from experiment_setup.code.functions import Bound, bind
from experiment_setup.code.modules import KnownModule, Module, Scope
from experiment_setup.code.values import (
    Call,
    Known,
    Opaque,
    Special,
    class_info,
    class_infos,
    find_method,
    is_instance_of_user_class,
    opaque_attributes,
    set_opaque_attribute,
    unknown_in,
)
from experiment_setup.location import did_you_mean

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator

_LONGEST_PATH = 4_096  # characters, as in Linux; the parents of a longer one take the square of its length
_OF_CLASSES = ("__name__", "__qualname__", "__module__", "__doc__", "__members__")


def get_attribute(evaluator: Evaluator, owner: Any, name: str, node: ast.AST, scope: Scope) -> Any:
    """`owner.name`. Raises PyError where Python knows no such attribute."""
    if isinstance(owner, Known):
        return owner.attribute(name, evaluator, node, scope)
    methods = standard.METHODS.get(type(owner))
    if methods is not None:
        return _of_plain_value(evaluator, owner, name, methods, node, scope)
    for kinds, look_up in _KINDS:
        if isinstance(owner, kinds):
            return look_up(evaluator, owner, name, node, scope)
    if is_instance_of_user_class(owner):
        return _of_instance(evaluator, owner, name, node, scope)
    return evaluator.opaque(node, scope)


def _of_plain_value(
    evaluator: Evaluator, owner: Any, name: str, methods: frozenset[str], node: ast.AST, scope: Scope
) -> Any:
    if name in methods:
        value = getattr(owner, name)
        return Bound(owner, name) if callable(value) else value
    if hasattr(owner, name):
        return evaluator.opaque(node, scope)
    message = f"{type(owner).__name__!r} object has no attribute {name!r}"
    raise evaluator.error(AttributeError(message), node, scope)


def _of_class(evaluator: Evaluator, cls: type, name: str, node: ast.AST, scope: Scope) -> Any:
    for base in cls.__mro__:
        info = class_info(base)
        if info is None:
            continue
        if name in info.methods:
            function = info.methods[name]
            return bind(cls, function) if function.kind == "classmethod" else function
        source = info.fields.get(name)
        if source and source.default_reason:
            return Opaque(source.default_reason)
        if name in base.__dict__:
            value = base.__dict__[name]
            return evaluator.opaque(node, scope) if isinstance(value, types.FunctionType) else getattr(cls, name)
    if isinstance(cls, enum.EnumMeta) and name in cls.__members__:
        return cls.__members__[name]
    if name in _OF_CLASSES and hasattr(cls, name):
        return getattr(cls, name)
    if cls is object and name == "__setattr__":
        return _SETATTR
    if standard.is_pure(getattr(cls, name, None)):
        return getattr(cls, name)
    if hasattr(cls, name) or _is_set_later(cls, name):
        return evaluator.opaque(node, scope)
    error = AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
    meant = did_you_mean(name, (known for known in vars(cls) if not known.startswith("_")))
    raise evaluator.error(error, node, scope, f"did you mean {meant}?" if meant else None)


def _is_set_later(cls: type, name: str) -> bool:
    """Whether code that is not followed may set the attribute: the class announces it, or prepares its subclasses."""
    infos = class_infos(cls)
    announced = any(name in info.fields and not info.decorated for info in infos)
    return announced or any("__init_subclass__" in info.methods for info in infos)


def _of_instance(evaluator: Evaluator, instance: Any, name: str, node: ast.AST, scope: Scope) -> Any:
    if name in opaque_attributes(instance):
        return Opaque(opaque_attributes(instance)[name])
    if name in getattr(instance, "__dict__", {}):
        return instance.__dict__[name]
    function = find_method(type(instance), name)
    if function is not None:
        if function.kind == "property":
            return function.call(evaluator, Call((instance,), {}, node, scope))
        if function.kind == "staticmethod":
            return function
        return bind(type(instance) if function.kind == "classmethod" else instance, function)
    if any(info.methods.keys() & {"__getattr__", "__getattribute__"} for info in class_infos(type(instance))):
        return evaluator.opaque(node, scope)
    try:
        value = getattr(instance, name)
    except AttributeError as error:
        if opaque_attributes(instance):  # what could not be followed may have set others, too
            return evaluator.opaque(node, scope)
        raise evaluator.error(error, node, scope) from error
    return evaluator.opaque(node, scope) if callable(value) and not isinstance(value, type) else value


def _of_member(evaluator: Evaluator, member: enum.Enum, name: str, node: ast.AST, scope: Scope) -> Any:
    if find_method(type(member), name) is not None or name in getattr(member, "__dict__", {}):
        return _of_instance(evaluator, member, name, node, scope)
    if not hasattr(member, name):
        raise evaluator.error(AttributeError(f"{member} has no attribute {name!r}"), node, scope)
    return getattr(member, name) if name in ("name", "value") else evaluator.opaque(node, scope)


def _of_path(evaluator: Evaluator, path: PurePath, name: str, node: ast.AST, scope: Scope) -> Any:
    if len(str(path)) > _LONGEST_PATH:
        return evaluator.opaque(node, scope)
    if name == "parents":
        return tuple(path.parents)
    if name in standard.PATH_ATTRIBUTES:
        return getattr(path, name)
    if name in standard.PATH_METHODS or (name in standard.PATH_NORMALISING and path.is_absolute()):
        return Bound(path, name)
    if not hasattr(path, name):
        raise evaluator.error(AttributeError(f"'Path' object has no attribute {name!r}"), node, scope)
    return evaluator.opaque(node, scope)


def _of_environment(evaluator: Evaluator, environment: Environment, name: str, node: ast.AST, scope: Scope) -> Any:
    if name in METHODS:
        return METHODS[name]
    return Bound(environment, name) if name in standard.METHODS[dict] else evaluator.opaque(node, scope)


def _of_tuple(evaluator: Evaluator, value: tuple[Any, ...], name: str, node: ast.AST, scope: Scope) -> Any:
    if name in standard.METHODS[tuple]:
        return Bound(value, name)
    part = getattr(value, name, None)  # such as sys.version_info.major
    return part if isinstance(part, (int, str)) else evaluator.opaque(node, scope)


_KINDS: tuple[tuple[type, Callable[[Evaluator, Any, str, ast.AST, Scope], Any]], ...] = (
    (type, _of_class),
    (enum.Enum, _of_member),
    (PurePath, _of_path),
    (Environment, _of_environment),
    (tuple, _of_tuple),
)


def set_attribute(
    evaluator: Evaluator, owner: Any, name: str, value: Any, node: ast.AST, scope: Scope, force: bool = False
) -> None:
    """`owner.name = value`; without effect on what is not the project's own. `force`: object.__setattr__.

    Raises PyError where Python refuses it.
    """
    if isinstance(owner, KnownModule):
        evaluator.attributes[owner.name, name] = value
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
            raise evaluator.error(error, node, scope) from error


def _set_by_force(evaluator: Evaluator, call: Call) -> None:
    if len(call.args) == 3 and isinstance(call.args[1], str):
        owner, name, value = call.args
        set_attribute(evaluator, owner, name, value, call.node, call.scope, force=True)


_SETATTR = Special("object.__setattr__", _set_by_force)
