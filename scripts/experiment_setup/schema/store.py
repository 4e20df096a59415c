"""Hydra's ConfigStore, as the code of an entry point fills it."""

from __future__ import annotations

import ast
import dataclasses
import re
from typing import Any

from omegaconf import OmegaConf

from experiment_setup.code.annotations import resolve_pending
from experiment_setup.code.defaults import Factory, is_too_large, unknown_fields, unresolved
from experiment_setup.code.evaluator import Evaluator
from experiment_setup.code.functions import UserFunction
from experiment_setup.code.modules import Module, Scope
from experiment_setup.code.problems import words_of
from experiment_setup.code.tree import last_name, own_nodes, walk
from experiment_setup.code.values import (
    TOO_LARGE,
    Call,
    FieldSource,
    Known,
    Opaque,
    PyError,
    Special,
    class_info,
    field_source,
    real,
    weigh,
)
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location
from experiment_setup.schema.main import MainFunction, Mains

_ARGUMENTS = ("name", "node", "group", "package", "provider")
_STORE_COST = 100  # in the units of the budget
_NODE_COST = 2  # of a value that OmegaConf makes a node of


@dataclass
class Stored:
    """One ConfigStore.store(…), and OmegaConf's node for it (None for an opaque one)."""

    group: str | None
    name: str
    package: str | None
    node: Any
    location: Location
    in_main_guard: bool
    opaque: dict[str, str]
    structured: Any


class Store(Known):
    """The ConfigStore: its class, its only instance, and what is in it."""

    def __init__(self, evaluator: Evaluator, mains: Mains) -> None:
        self.stored: list[Stored] = []
        self._evaluator = evaluator
        self._mains = mains
        self._method = _StoreMethod("store", self._store)

    def call(self, evaluator: Evaluator, call: Call) -> Store:
        """ConfigStore() is a singleton."""
        return self

    def attribute(self, name: str, evaluator: Evaluator, node: ast.AST, scope: Scope) -> Any:
        """`instance` and `store`."""
        if name == "instance":
            return Special("instance", lambda _evaluator, _call: self)
        return self._method if name == "store" else evaluator.opaque(node, scope)

    # What is stored.

    def _store(self, evaluator: Evaluator, call: Call) -> None:
        wrong = _wrong_arguments(call)
        if wrong:
            raise evaluator.error(TypeError(f"ConfigStore.store() {wrong}"), call.node, call.scope)
        given = {**dict(zip(_ARGUMENTS, call.args, strict=False)), **call.kwargs}
        location = evaluator.location(call.node, call.scope)
        if self._mains.one_ran:
            too_late(evaluator, location, "after main() has been called")
            return
        name, group, package = given["name"], given.get("group"), given.get("package")
        wrong_name = next((value for value in (name, group or "") if not isinstance(value, str)), None)
        if isinstance(wrong_name, Known) or isinstance(group, Known):
            not_known(evaluator, call.node, call.scope, "its name or group")
        elif wrong_name is not None:
            message = f"ConfigStore.store() takes names that are str, not {type(wrong_name).__name__}"
            raise evaluator.error(AttributeError(message), call.node, call.scope)
        elif isinstance(package, Known):
            not_known(evaluator, call.node, call.scope, "its package")
        else:
            self._add(name, given["node"], group or None, package, call)

    def _add(self, name: str, node: Any, group: str | None, package: str | None, call: Call) -> None:
        evaluator = self._evaluator
        resolve_pending(evaluator)
        location = evaluator.location(call.node, call.scope)
        reason = self._reason_to_leave_out(node)
        structured: Any = None
        if reason is not None:
            wanted = f"{group}/{name}" if group else name
            message = f"what is stored as {wanted} is not known without running the code: {reason}"
            evaluator.problems.add("opaque-registration", message, None, location)
            node, opaque = Opaque(reason), {"": reason}
        else:
            error = unresolved(node)
            if error:
                raise PyError(error.error, error.location, error.code, error.help)
            opaque = dict(unknown_fields(node))
            node = _without_opaque(node)
            structured = make_node(evaluator, node, call)
            opaque = opaque or dict(unknown_fields(node))
        short = name.removesuffix(".yaml")
        self.stored.append(Stored(group, short, package, node, location, bool(evaluator.guard), opaque, structured))

    def _reason_to_leave_out(self, node: Any) -> str | None:
        if isinstance(node, Known):
            return node.reason if isinstance(node, Opaque) else "a function or module"
        if is_too_large(node):
            return TOO_LARGE
        self._evaluator.budget.spend(_STORE_COST + _NODE_COST * weigh([node])[1])
        return None

    def skipped_call(self, node: ast.Call, scope: Scope, reason: str) -> None:
        """A call that may or may not run: what it may store is not known, and it may call main()."""
        evaluator = self._evaluator
        if self.is_store_call(node, scope):
            not_known(evaluator, node, scope, reason)
            return
        function = evaluator.lookup(node.func.id, scope)[1] if isinstance(node.func, ast.Name) else None
        if isinstance(function, MainFunction):
            function.called = True
        if not isinstance(function, UserFunction) or isinstance(function.node, ast.Lambda):
            return
        for inner in walk(function.node):
            evaluator.budget.charge(1)
            if isinstance(inner, ast.Call) and self.is_store_call(inner, function.scope):
                not_known(evaluator, node, scope, reason)
                return
            called = evaluator.lookup(inner.id, function.scope)[1] if isinstance(inner, ast.Name) else None
            if isinstance(called, MainFunction):
                called.called = True

    def unknown_call(self, call: Call) -> None:
        """A function of a library is called: one that registers configs by its name, or is given config classes."""
        if self._mains.one_ran:
            return
        name = last_name(call.node)
        gets_classes = any(info.decorated for value in call.values if (info := class_info(value)))
        if _REGISTERS.search(name) and (gets_classes or _OF_CONFIGS.search(name)):
            not_known(self._evaluator, call.node, call.scope, f"{name} is a library's")

    def is_store_call(self, node: ast.Call, scope: Scope) -> bool:
        """Whether a call that is not carried out is a ConfigStore.store(…)."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr != "store":
            return False
        receiver = node.func.value
        if isinstance(receiver, ast.Name):
            bound, value = self._evaluator.lookup(receiver.id, scope)
            if bound and not isinstance(value, Opaque):
                return value is self
            return receiver.id in ("cs", "config_store") or any(key.arg in ("group", "node") for key in node.keywords)
        return isinstance(receiver, ast.Call) and last_name(receiver) == "instance"

    def look_for_late_stores(self, main: MainFunction) -> None:
        """Report what the main function itself stores."""
        function = main.function
        if not isinstance(function, UserFunction) or isinstance(function.node, ast.Lambda):
            return
        for node in walk(function.node):
            if not isinstance(node, ast.Call):
                continue
            stores = self.is_store_call(node, function.scope) and not _composes(function.node)
            if stores or self._stores_inside(node, function.scope):
                too_late(self._evaluator, self._evaluator.location(node, function.scope), f"inside {main.name}()")

    def _stores_inside(self, node: ast.Call, scope: Scope) -> bool:
        called = self._evaluator.lookup(node.func.id, scope)[1] if isinstance(node.func, ast.Name) else None
        if not isinstance(called, UserFunction) or not called.scope.module.source.mentions(".store", called.node):
            return False
        if _composes(called.node) or any(_calls(module, called.node) for module in self._evaluator.modules):
            return False
        inner = walk(called.node)
        return any(isinstance(one, ast.Call) and self.is_store_call(one, called.scope) for one in inner)


_REGISTERS = compiled(r"regist|store|add_to_hydra", re.IGNORECASE)
_OF_CONFIGS = compiled(r"conf|hydra|schema", re.IGNORECASE)


def _calls(module: Module, function: ast.AST) -> bool:
    """Whether a function is called at the top level of a module as well, so that it has stored in time."""
    name = getattr(function, "name", "")
    return any(isinstance(node, ast.Call) and last_name(node) == name for node in own_nodes(module.source.tree.body))


def _composes(function: ast.AST) -> bool:
    """Whether a function composes a config itself, for which what it stores is in time."""
    calls = (node for node in walk(function) if isinstance(node, ast.Call))
    return any(last_name(call) == "compose" for call in calls)


class _StoreMethod(Special):
    """ConfigStore.store."""

    def call_unknown(self, evaluator: Evaluator, call: Call) -> None:
        """Something is stored, but not known what."""
        not_known(evaluator, call.node, call.scope, "its arguments")


def _wrong_arguments(call: Call) -> str | None:
    """Why Python refuses the arguments of ConfigStore.store(…)."""
    unknown = set(call.kwargs) - {*_ARGUMENTS, "replace"}
    if unknown:
        return f"got an unexpected keyword argument {sorted(unknown)[0]!r}"
    positional = _ARGUMENTS[: len(call.args)]
    missing = [name for name in ("name", "node") if name not in (*positional, *call.kwargs)]
    if missing:
        return f"missing a required argument: {missing[0]!r}"
    if len(call.args) > len(_ARGUMENTS) or call.kwargs.keys() & set(positional):
        return "got too many arguments"
    return None


def too_late(evaluator: Evaluator, location: Location, where: str) -> None:
    """Note what is stored after Hydra has composed the config."""
    message = f"stored {where}: Hydra has composed the config by then and never sees it"
    advice = "call store() at the top level of the module, before main() is called"
    evaluator.problems.add("registered-too-late", message, advice, location)


def not_known(evaluator: Evaluator, node: ast.AST, scope: Scope, reason: str) -> None:
    """Note that something may be stored that is not known."""
    message = f"what is stored here is not known without running the code: {reason}"
    evaluator.problems.add("unread-registration", message, None, evaluator.location(node, scope))


# OmegaConf's node.


def make_node(evaluator: Evaluator, node: Any, call: Call) -> Any:
    """OmegaConf's node for a class, an instance or a container. Raises PyError where OmegaConf refuses it."""
    while True:  # each turn takes out one default that lacks its environment variable
        evaluator.take_failure()
        try:
            return OmegaConf.structured(node)
        except Exception as error:
            failed = evaluator.take_failure()
            if failed is not None:  # OmegaConf may have wrapped what a factory raised
                raise PyError(error, failed.location, failed.code or "raises", failed.help) from error
            refused = _refusal(evaluator, error, node, call)
            if not (evaluator.environment.unset and "'None'" in str(error) and _forgive(evaluator, refused)):
                raise refused from error


def _forgive(evaluator: Evaluator, refused: PyError) -> bool:
    """Make a default opaque that is None because an environment variable is not set here."""
    names = evaluator.environment.unset_names
    for info in evaluator.classes:
        for source in info.fields.values():
            field = info.cls.__dict__.get("__dataclass_fields__", {}).get(source.name)
            if field is None or field.default is not None or source.value is None or _writes_none(source.value):
                continue
            if source.source.location(source.target) != refused.location:
                continue
            source.default_reason = f"{source.source.quote(source.value)}, not set here: {names}"
            factory = Factory(evaluator, Opaque(source.default_reason), Call((), {}, info.node, info.scope))
            factory.owner = (info.cls, source.name)
            field.default, field.default_factory = dataclasses.MISSING, factory
            message = f"{words_of(refused.error)} (not set here: {names})"
            evaluator.problems.add("environment-variable", message, f"set {names}", refused.location)
            return True
    return False


def _writes_none(default: ast.expr) -> bool:
    """Whether a default is None whatever is set: `None`, `field(default=None)`."""
    written = [default, *(keyword.value for keyword in getattr(default, "keywords", ()) if keyword.arg == "default")]
    return any(isinstance(value, ast.Constant) and value.value is None for value in written)


def _refusal(evaluator: Evaluator, error: Exception, node: Any, call: Call) -> PyError:
    """OmegaConf's refusal, at the field that it is about."""
    cls = node if isinstance(node, type) else type(node)
    owner = getattr(error, "object_type", None)
    key = getattr(error, "full_key", None) or ""
    union = re.match(r"Unions of containers are not supported:\n(\w+):", str(error))
    found: FieldSource | None = None
    if isinstance(owner, type) and class_info(owner) and key:  # from 2.4 on, the key is the whole path
        names = re.split(r"[.\[]", key.rstrip("]"))
        found = field_source(owner, names[-1]) or field_source(owner, names[0])
    elif union or key:
        found = _find_field(cls, union[1] if union else re.split(r"[.\[]", key)[0], set())
    info = class_info(cls)
    if found:
        return PyError(error, found.source.location(found.target))
    if info is not None and not dataclasses.is_dataclass(cls):
        return PyError(error, info.location)
    return evaluator.error(error, call.node, call.scope)


def _find_field(cls: type, name: str, seen: set[type]) -> FieldSource | None:
    """The field `name` of a class, or of one that its fields are made of."""
    if not dataclasses.is_dataclass(cls) or cls in seen:
        return None
    seen.add(cls)
    own = field_source(cls, name)
    if own:
        return own
    inner = (_find_field(field.type, name, seen) for field in dataclasses.fields(cls) if isinstance(field.type, type))
    return next((found for found in inner if found), None)


def _without_opaque(node: Any) -> Any:
    """A container for OmegaConf: what is not known in it is None."""
    if isinstance(node, Opaque):
        return None
    if type(node) is dict:
        return {key: _without_opaque(value) for key, value in node.items()}
    if type(node) is list:
        return [_without_opaque(value) for value in node]
    return real(node)
