"""Classes rebuilt from their source: real dataclasses, so that dataclasses and OmegaConf apply their own rules.

Only what a config can see of a class is rebuilt: its annotations, its attributes and its enumeration members. Its
methods stay source text; the few that run when an instance is made are computed by the evaluator.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiment_setup.code import standard
from experiment_setup.code.annotations import field_type
from experiment_setup.code.defaults import Factory
from experiment_setup.code.functions import UserFunction
from experiment_setup.code.instances import creator
from experiment_setup.code.modules import Scope
from experiment_setup.code.tree import FUNCTIONS, Function, last_name, own_nodes
from experiment_setup.code.values import (
    INFO,
    TOO_LARGE,
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
    empty_function,
    is_instance_of_user_class,
    real,
    reason_of,
    unknown_in,
)
from experiment_setup.light import compiled
from experiment_setup.requirements import Declared

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator

_RUN_ON_CREATION = ("__init__", "__post_init__")
_OF_ENUMERATIONS = frozenset({"__new__", "__init__", "_missing_", "_generate_next_value_"})  # they decide on members
_NAMED_FIELD = compiled(r"(?:for field |argument |^|attribute )'?(\w+)'?")
_MAX_ANCESTORS = 50  # Python takes the cube of their number to put them in order
_COST = 300  # of a class, and of a field, in the units of the budget
_FIELD_COST = 20


def define_class(evaluator: Evaluator, node: ast.ClassDef, decorators: Sequence[Any], scope: Scope) -> Any:
    """The class of a class statement, before its decorators; Opaque if it depends on what is not known.

    Raises PyError where Python raises.
    """
    bases: list[Any] = []
    for written in node.bases:
        base = evaluator.eval(written, scope)
        if not standard.is_typing(base) and base not in (typing.NamedTuple, typing.TypedDict):
            if not isinstance(base, Known) and not callable(base):
                raise evaluator.error(TypeError(f"a {type(base).__name__} is no base class"), written, scope)
            return evaluator.opaque(written, scope)
        bases.append(base)
    keywords = {keyword.arg: evaluator.eval(keyword.value, scope) for keyword in node.keywords if keyword.arg}
    if sum(len(getattr(base, "__mro__", ())) for base in bases) > _MAX_ANCESTORS:
        return Opaque(TOO_LARGE)
    if not _can_be_rebuilt(node, bases, keywords):
        evaluator.unknowns += 1
        return Opaque(f"class {node.name}")
    is_enum = any(isinstance(base, enum.EnumMeta) for base in bases)
    if "__init_subclass__" in _inherited(bases):  # it takes the keywords, and is not run
        keywords = {key: value for key, value in keywords.items() if key == "metaclass"}
    source = scope.module.source
    info = ClassInfo(node.name, node, scope.module, scope, bases=tuple(map(source.quote, node.bases)))
    decorated = any(isinstance(decorator, Special) and decorator.name == "dataclass" for decorator in decorators)
    fields = sum(len(info.fields) for base in bases if isinstance(base, type) for info in class_infos(base))
    evaluator.budget.spend(_COST + _FIELD_COST * fields)

    def fill(names: dict[str, Any]) -> None:
        _Body(evaluator, info, scope, names, decorated, is_enum, bases).read()

    try:
        cls = types.new_class(node.name, tuple(bases), keywords, fill)
    except (PyError, Stop):
        raise
    except Exception as error:
        raise evaluator.error(error, node, scope) from error
    _own(info, cls)
    evaluator.classes.append(info)
    return cls


def _can_be_rebuilt(node: ast.ClassDef, bases: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """Whether nothing of the project, and nothing unknown, has a say in how the class is made."""
    if unknown_in(keywords.values()) is not None or class_info(keywords.get("metaclass")):
        return False
    if len(keywords) < len(node.keywords) or getattr(node, "type_params", None):
        return False
    if not any(isinstance(base, enum.EnumMeta) for base in bases):
        return True
    own = {item.name for item in node.body if isinstance(item, FUNCTIONS)}
    return not (own | _inherited(bases)) & _OF_ENUMERATIONS


def _inherited(bases: Sequence[Any]) -> set[str]:
    """The methods that the project's classes among the bases have."""
    return {name for base in bases if isinstance(base, type) for info in class_infos(base) for name in info.methods}


def _own(info: ClassInfo, cls: type) -> None:
    info.cls = cls
    for function in info.methods.values():
        function.owner = cls


class _Body:
    """The body of a class statement, which fills the namespace of the class."""

    def __init__(
        self,
        evaluator: Evaluator,
        info: ClassInfo,
        scope: Scope,
        names: dict[str, Any],
        decorated: bool,
        is_enum: bool,
        bases: Sequence[Any],
    ) -> None:
        prefix = f"{scope.qualname}{info.name}"
        self._evaluator = evaluator
        self._info = info
        self._names = names
        self._decorated = decorated
        self._is_enum = is_enum
        self._bases = bases
        self._annotations: dict[str, Any] = {}
        self._scope = Scope("class", names, scope.module, scope.function_parent, qualname=f"{prefix}.")
        names.update({"__module__": scope.module.name, "__qualname__": prefix, INFO: info})

    def read(self) -> None:
        """Carry out the body."""
        node = self._info.node
        document = ast.get_docstring(node)
        if document:
            self._names["__doc__"] = document
        self._carry_out(node.body)
        if self._annotations:
            self._names["__annotations__"] = self._annotations
        if not self._is_enum:
            self._replace_methods()
            self._replace_unknown()

    def _carry_out(self, statements: Sequence[ast.stmt]) -> None:
        evaluator, scope = self._evaluator, self._scope
        for statement in statements:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                self._field(statement, statement.target)
            elif isinstance(statement, FUNCTIONS):
                self._method(statement)
            elif isinstance(statement, ast.If) and (
                (truth := evaluator.truth(evaluator.eval(statement.test, scope))) is not None
            ):
                self._carry_out(statement.body if truth else statement.orelse)
            else:
                self._note_unannotated(statement)
                evaluator.run([statement], scope)
                self._note_fields_within(statement)

    def _note_fields_within(self, statement: ast.stmt) -> None:
        """A field that only some runs may declare, as far as can be told, is one that takes anything."""
        within = [node for node in own_nodes([statement]) if isinstance(node, ast.AnnAssign)]
        for node in sorted(within, key=lambda node: node.lineno):
            target = node.target
            if isinstance(target, ast.Name) and target.id in self._names and target.id not in self._annotations:
                self._annotations[target.id] = Any
                source = self._scope.module.source
                self._info.fields[target.id] = FieldSource(
                    *(target.id, node, target, node.annotation, node.value, source),
                    type_reason=source.quote(statement),
                )
                if node.value is None:
                    del self._names[target.id]

    def _field(self, node: ast.AnnAssign, target: ast.Name) -> None:
        """In Python's order: the value, its name, then the annotation."""
        source = self._scope.module.source
        self._evaluator.budget.spend(_FIELD_COST)
        field = FieldSource(target.id, node, target, node.annotation, node.value, source)
        if node.value is not None:
            self._names[target.id] = self._default(node.value)
        self._annotations[target.id] = field_type(self._evaluator, field, self._scope, self._info)
        self._info.fields[target.id] = field
        self._info.unannotated.pop(target.id, None)

    def _default(self, node: ast.expr) -> Any:
        """One default that takes too long to compute leaves the others known."""
        with self._evaluator.budget.own_statement():
            try:
                return self._evaluator.eval(node, self._scope)
            except (Stop, RecursionError):
                return self._evaluator.opaque(node, self._scope)

    def _note_unannotated(self, node: ast.stmt) -> None:
        source = self._scope.module.source
        for target in node.targets if isinstance(node, ast.Assign) else ():
            name = target.id if isinstance(target, ast.Name) else "__"
            if isinstance(node, ast.Assign) and not name.startswith("__") and name not in self._info.fields:
                self._info.unannotated[name] = FieldSource(name, node, target, None, node.value, source)

    def _method(self, node: Function) -> None:
        # In an enumeration's namespace whatever is not a real function would become a member.
        inner = self._scope
        if self._is_enum:
            inner = Scope("class", {}, inner.module, inner.parent, qualname=inner.qualname)
        self._evaluator.run([node], inner)
        function = inner.names.get(node.name)
        if isinstance(function, UserFunction):
            self._info.methods[node.name] = function

    def _replace_methods(self) -> None:
        """A real class holds no source text."""
        for name, function in self._info.methods.items():
            if self._names.get(name) is function:
                del self._names[name]
            if name in _RUN_ON_CREATION:
                self._names[name] = creator(self._evaluator, function)
            elif any(name in getattr(base, "__abstractmethods__", ()) for base in self._bases):
                self._names[name] = empty_function(name)
            elif name == "__hash__":
                self._names[name] = object.__hash__

    def _replace_unknown(self) -> None:
        """A real dataclass gets a factory for a default that is not known."""
        fields = self._info.fields
        for name in [name for name in self._names if name in fields and not name.startswith("__")]:
            value = self._names[name]
            if isinstance(value, dataclasses.Field):
                if isinstance(value.default_factory, Factory):
                    fields[name].default_reason = value.default_factory.known_reason
                continue
            reason = None if is_instance_of_user_class(value) else reason_of(value)
            if not self._decorated:
                continue
            if reason is not None and _is_class_variable(fields[name]):
                del self._names[name]  # no field, and nothing that a config has
            elif reason is not None:
                fields[name].default_reason = reason
                call = Call((), {}, self._info.node, self._info.scope)
                self._names[name] = dataclasses.field(default_factory=Factory(self._evaluator, Opaque(reason), call))
            elif isinstance(value, Known):
                self._names[name] = real(value)


def _is_class_variable(field: FieldSource) -> bool:
    """Whether the annotation is `ClassVar`, as dataclasses tell it by its name."""
    if field.annotation is None:
        return False
    return re.match(r"[\"']?(?:\w+\.)?ClassVar\b", field.source.segment(field.annotation)) is not None


# What the module dataclasses offers.


def _dataclass(evaluator: Evaluator, call: Call) -> Any:
    if unknown_in(call.kwargs.values()) is not None:
        return evaluator.opaque(call.node, call.scope)
    if call.args and isinstance(call.args[0], type):
        return _make_dataclass(evaluator, call.args[0], call.kwargs, call)
    if call.args and call.args[0] is not None:
        return evaluator.opaque(call.node, call.scope)
    return Special("dataclass", lambda _evaluator, inner: _decorate(evaluator, inner, call))


def _decorate(evaluator: Evaluator, inner: Call, call: Call) -> Any:
    given = inner.args[0] if inner.args else None
    return _make_dataclass(evaluator, given, call.kwargs, call)


def _make_dataclass(evaluator: Evaluator, cls: Any, options: Mapping[str, Any], call: Call) -> Any:
    info = class_info(cls)
    if info is None:
        return evaluator.opaque(call.node, call.scope)
    info.decorated = True
    try:
        made = _decorated(evaluator, cls, options)
    except Exception as error:
        raise _dataclass_error(evaluator, error, info, call) from error
    _own(info, made)  # a new class where slots=True
    for field in dataclasses.fields(made):
        if isinstance(field.default_factory, Factory) and field.default_factory.owner is None:
            field.default_factory.owner = (made, field.name)
    return made


def _decorated(evaluator: Evaluator, cls: type, options: Mapping[str, Any]) -> type:
    """The dataclass, as Python 3.10 makes it where the project is for that one: it takes what has no hash as a default,
    if it is no list, dict or set.
    """
    while True:
        try:
            return dataclasses.dataclass(**options)(cls)
        except ValueError as error:
            name = _MUTABLE_DEFAULT.match(str(error))
            default = vars(cls).get(name[1]) if name else None
            kind = type(default.default if isinstance(default, dataclasses.Field) else default)
            has_hash = getattr(kind, "__hash__", None) is not None
            if class_info(kind) is None or has_hash or not _is_for_older_python(evaluator):
                raise
            kind.__hash__ = object.__hash__  # type: ignore[assignment]


def _is_for_older_python(evaluator: Evaluator) -> bool:
    return Declared(evaluator.root).is_for_python_before(11, evaluator.entry.parent)


def _default_of(value: ast.expr | None) -> ast.expr | None:
    """The default that a field is given, directly or as `field(default=…)`."""
    if not isinstance(value, ast.Call) or last_name(value.func) != "field":
        return value
    return next((keyword.value for keyword in value.keywords if keyword.arg == "default"), None)


_MUTABLE_DEFAULT = compiled(r"mutable default .* for field (\w+) is not allowed")


def _dataclass_error(evaluator: Evaluator, error: Exception, info: ClassInfo, call: Call) -> PyError:
    """What dataclasses refuses, at the field that it is about."""
    words = [word for match in _NAMED_FIELD.finditer(str(error)) for word in match.groups()]
    name = next((w for w in words if w in info.fields or w in info.unannotated), None)
    if name is None:
        return evaluator.error(error, call.node, call.scope)
    source = info.module.source
    field = info.fields.get(name) or info.unannotated[name]
    place = source.location(field.target)
    if str(error).startswith("mutable default"):
        value = _default_of(field.value)
        advice = f"write field(default_factory=lambda: {source.quote(value) if value is not None else '…'})"
        built_in = re.search(r"<class '(?:list|dict|set)'>", str(error))
        # dataclasses._get_field: any class without a hash is refused since Python 3.11
        advice += "" if built_in else "; Python 3.10 takes it, 3.11 and newer do not"
        return PyError(error, place, "mutable-default", advice)
    if "non-default argument" in str(error):
        advice = "give it a default, or move it above the fields that have one"
        return PyError(error, place, "field-order", advice)
    return PyError(error, place)


def _field(evaluator: Evaluator, call: Call) -> Any:
    options = dict(call.kwargs)
    nothing = Call((), {}, call.node, call.scope)
    if options.get("default_factory", dataclasses.MISSING) is not dataclasses.MISSING:
        options["default_factory"] = Factory(evaluator, options["default_factory"], nothing)
    elif "default" in options and not is_instance_of_user_class(options["default"]):
        reason = reason_of(options["default"])
        if reason is not None:
            del options["default"]
            options["default_factory"] = Factory(evaluator, Opaque(reason), nothing)
        else:
            options["default"] = real(options["default"])
    metadata = options.get("metadata")
    if metadata is not None:  # only OmegaConf's own key matters, and the rest may hold anything
        known = isinstance(metadata, dict) and not isinstance(metadata.get("omegaconf_ignore"), Known)
        options["metadata"] = {k: v for k, v in metadata.items() if k == "omegaconf_ignore"} if known else None
    if unknown_in(v for k, v in options.items() if k not in ("default", "default_factory")) is not None:
        return evaluator.opaque(call.node, call.scope)
    try:
        return dataclasses.field(*call.args, **options)
    except (TypeError, ValueError) as error:
        raise evaluator.error(error, call.node, call.scope) from error


SPECIALS: dict[tuple[str, str], Any] = {
    ("dataclasses", "dataclass"): Special("dataclass", _dataclass),
    ("dataclasses", "field"): Special("field", _field),
}
