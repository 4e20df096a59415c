"""Classes rebuilt from their source: real dataclasses, so that dataclasses and OmegaConf apply their own rules.

Only what a config can see of a class is rebuilt: its annotations, its attributes and its enumeration members. Its
methods stay source text; the few that run when an instance is made are computed by the reader.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiment_setup.python import standard
from experiment_setup.python.types import Factory, Types, hint_of, placeholder, reason_of
from experiment_setup.python.values import (
    INFO,
    Call,
    ClassInfo,
    FieldSource,
    Known,
    Opaque,
    PyError,
    Scope,
    Special,
    Stop,
    SuperProxy,
    UserFunction,
    class_info,
    is_instance_of_user_class,
    opaque_attributes,
    real,
    set_opaque_attribute,
    unknown_in,
)

_RUN_ON_CREATION = ("__init__", "__post_init__")
_NAMED_FIELD = re.compile(r"(?:for field |argument |^|attribute )'?(\w+)'?")


class Classes(Types):
    """Rebuilds classes, and makes instances of them."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.infos: list[ClassInfo] = []
        self._arguments: list[Mapping[str, str | None] | None] = []  # of instances in the making: what is unknown
        self.attributes.update(
            {
                ("dataclasses", "dataclass"): Special("dataclass", Classes._dataclass),
                ("dataclasses", "field"): Special("field", Classes._field),
                ("builtins", "super"): Special("super", Classes._super),
            }
        )

    # Definitions.

    def define_class(self, node: ast.ClassDef, decorators: Sequence[Any], scope: Scope) -> Any:
        """Build the class of a class statement; Opaque if it depends on what is not known."""
        bases: list[Any] = []
        for written in node.bases:
            base = self.eval(written, scope)
            if not standard.is_typing(base) and base not in (typing.NamedTuple, typing.TypedDict):
                if not isinstance(base, Known) and not callable(base):
                    raise self.error(TypeError(f"a {type(base).__name__} is no base class"), written, scope)
                return self._opaque_class(node, written, scope)
            bases.append(base)
        keywords = {keyword.arg: self.eval(keyword.value, scope) for keyword in node.keywords if keyword.arg}
        if unknown_in(keywords.values()) is not None or class_info(keywords.get("metaclass")):
            return self._opaque_class(node, node, scope)
        if len(keywords) < len(node.keywords) or getattr(node, "type_params", None):
            return self._opaque_class(node, node, scope)
        inherited = {name for base in bases for name in self._methods(base)}
        if "__init_subclass__" in inherited:  # it takes the keywords, and is not run
            keywords = {key: value for key, value in keywords.items() if key == "metaclass"}
        is_enum = any(isinstance(base, enum.EnumMeta) for base in bases)
        if is_enum and (inherited | _method_names(node)) & {"__new__", "__init__", "_missing_"}:
            return self._opaque_class(node, node, scope)
        source = scope.module.source
        assert source is not None
        info = ClassInfo(node.name, node, scope.module, scope, bases=tuple(map(source.quote, node.bases)))
        decorated = any(isinstance(decorator, Special) and decorator.name == "dataclass" for decorator in decorators)

        def fill(names: dict[str, Any]) -> None:
            self._class_body(names, info, scope, decorated, is_enum)

        try:
            cls = types.new_class(node.name, tuple(bases), keywords, fill)
        except (PyError, Stop):
            raise
        except Exception as error:
            raise self.error(error, node, scope) from error
        info.cls = cls
        for function in info.methods.values():
            function.owner = cls
        self.infos.append(info)
        return cls

    def _opaque_class(self, node: ast.ClassDef, why: ast.AST, scope: Scope) -> Opaque:
        opaque = self.opaque(why, scope)
        return opaque if why is not node else Opaque(f"class {node.name}")

    @staticmethod
    def _methods(base: Any) -> Iterator[str]:
        for kind in getattr(base, "__mro__", ()):
            info = class_info(kind)
            if info:
                yield from info.methods

    def _class_body(self, names: Any, info: ClassInfo, scope: Scope, decorated: bool, is_enum: bool) -> None:
        node = info.node
        prefix = f"{scope.qualname}{node.name}"
        names["__module__"] = scope.module.name
        names["__qualname__"] = prefix
        names[INFO] = info
        document = ast.get_docstring(node)
        if document:
            names["__doc__"] = document
        annotations: dict[str, Any] = {}
        inner = Scope("class", names, scope.module, scope.function_parent, qualname=f"{prefix}.")
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                self._annotated_field(statement, inner, info, annotations)
            elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._method(statement, inner, info, is_enum)
            else:
                self._note_unannotated(statement, scope, info)
                self.run([statement], inner)
        if annotations:
            names["__annotations__"] = annotations
        if not is_enum:
            self._finish_body(names, info, annotations, decorated)

    def _annotated_field(self, node: ast.AnnAssign, scope: Scope, info: ClassInfo, annotations: dict[str, Any]) -> None:
        """In Python's order: the value, its name, then the annotation."""
        assert isinstance(node.target, ast.Name)
        assert scope.module.source is not None
        name = node.target.id
        field = FieldSource(name, node, node.target, node.annotation, node.value, scope.module.source)
        if node.value is not None:
            scope.names[name] = self._default_value(node.value, scope)
        annotations[name] = self.field_type(field, scope, info)
        info.fields[name] = field
        info.unannotated.pop(name, None)

    def _default_value(self, node: ast.expr, scope: Scope) -> Any:
        """One default that takes too long to compute leaves the others known."""
        try:
            return self.eval(node, scope)
        except Stop:
            self.steps = 0
            return self.opaque(node, scope)

    @staticmethod
    def _note_unannotated(node: ast.stmt, scope: Scope, info: ClassInfo) -> None:
        assert scope.module.source is not None
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Name) and not target.id.startswith("__") and target.id not in info.fields:
                found = FieldSource(target.id, node, target, None, node.value, scope.module.source)  # type: ignore[arg-type, attr-defined]
                info.unannotated[target.id] = found

    def _method(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope, info: ClassInfo, is_enum: bool
    ) -> None:
        # In an enumeration's namespace whatever is not a real function would become a member.
        where = Scope("class", {}, scope.module, scope.parent, qualname=scope.qualname) if is_enum else scope
        self.run([node], where)
        function = where.names.get(node.name)
        if isinstance(function, UserFunction):
            info.methods[node.name] = function
            if is_enum and node.name == "_generate_next_value_":
                scope.names[node.name] = self._next_value(function)

    def _finish_body(self, names: Any, info: ClassInfo, annotations: Mapping[str, Any], decorated: bool) -> None:
        """Replace what a real class cannot hold: methods, and values that are not known."""
        for name, function in info.methods.items():
            if names.get(name) is function:
                del names[name]
            if name in _RUN_ON_CREATION:
                names[name] = self._creator(function)
            elif name == "__hash__":
                names[name] = object.__hash__
        for name in list(names):
            if name.startswith("__") and name.endswith("__"):
                continue
            value = names[name]
            if isinstance(value, dataclasses.Field):
                if isinstance(value.default_factory, Factory) and name in info.fields:
                    info.fields[name].default_reason = value.default_factory.known_reason
                continue
            reason = unknown_in([value]) if not isinstance(value, Known) else reason_of(value)
            if name not in annotations or not decorated:
                continue
            if reason is not None and not is_instance_of_user_class(value):
                info.fields[name].default_reason = reason
                call = Call((), {}, info.node, info.scope)
                names[name] = dataclasses.field(default_factory=Factory(self, Opaque(reason), call))
            elif isinstance(value, Known):
                names[name] = real(value)

    def _creator(self, function: UserFunction) -> Any:
        """`__init__` or `__post_init__` as a real function, which is computed from its source."""

        def create(instance: Any, *args: Any, **kwargs: Any) -> None:
            call = Call(args, kwargs, function.node, function.scope)
            if function.name == "__post_init__":  # the fields are set: say which of them are only placeholders
                self._mark(instance, self._arguments.pop() if self._arguments else {})
                self._arguments.append(None)
            try:
                result = self.compute(lambda: self.call_user(function, call, (instance,)))
            except PyError as error:
                self.failure = error
                raise error.error from None
            if isinstance(result, Opaque):
                _doubt(instance, function)

        return create

    def _next_value(self, function: UserFunction) -> Any:
        def next_value(name: str, start: int, count: int, last_values: list[Any]) -> Any:
            call = Call((name, start, count, list(last_values)), {}, function.node, function.scope)
            result = self.call_user(function, call)
            if isinstance(result, Known):
                raise Stop("_generate_next_value_")
            return result

        return staticmethod(next_value)

    # dataclasses.

    def _dataclass(self, call: Call) -> Any:
        if call.args and isinstance(call.args[0], type):
            return self._make_dataclass(call.args[0], {}, call)
        if call.args and call.args[0] is not None:
            return self.opaque(call.node, call.scope)
        options = call.kwargs
        if unknown_in(options.values()) is not None:
            return self.opaque(call.node, call.scope)
        return Special("dataclass", lambda reader, inner: reader._make_dataclass(inner.args[0], options, call))

    def _make_dataclass(self, cls: Any, options: Mapping[str, Any], call: Call) -> Any:
        info = class_info(cls)
        if info is None:
            return self.opaque(call.node, call.scope)
        info.decorated = True
        try:
            made = dataclasses.dataclass(**options)(cls)
        except Exception as error:
            raise self._dataclass_error(error, info, call) from error
        info.cls = made  # a new class where slots=True
        for function in info.methods.values():
            function.owner = made
        for field in dataclasses.fields(made):
            if isinstance(field.default_factory, Factory) and field.default_factory.owner is None:
                field.default_factory.owner = (made, field.name)
        return made

    def _dataclass_error(self, error: Exception, info: ClassInfo, call: Call) -> PyError:
        source = info.module.source
        assert source is not None
        words = [word for match in _NAMED_FIELD.finditer(str(error)) for word in match.groups()]
        name = next((w for w in words if w in info.fields or w in info.unannotated), None)
        if name is None:
            return PyError(error, source.location(call.node))
        field = info.fields.get(name) or info.unannotated[name]
        if str(error).startswith("mutable default"):
            value = source.quote(field.value) if field.value is not None else "…"
            advice = f"write field(default_factory=lambda: {value})"
            return PyError(error, source.location(field.target), "mutable-default", advice)
        if "non-default argument" in str(error):
            advice = "give it a default, or move it above the fields that have one"
            return PyError(error, source.location(field.target), "field-order", advice)
        return PyError(error, source.location(field.target))

    def _field(self, call: Call) -> Any:
        options = dict(call.kwargs)
        factory = options.get("default_factory", dataclasses.MISSING)
        nothing = Call((), {}, call.node, call.scope)
        if factory is not dataclasses.MISSING:
            options["default_factory"] = Factory(self, factory, nothing)
        elif "default" in options:
            value = options["default"]
            reason = unknown_in([value]) if not isinstance(value, Known) else reason_of(value)
            if reason is not None and not is_instance_of_user_class(value):
                del options["default"]
                options["default_factory"] = Factory(self, Opaque(reason), nothing)
            else:
                options["default"] = real(value) if isinstance(value, Known) else value
        metadata = options.get("metadata")
        if metadata is not None:  # only OmegaConf's own key matters, and the rest may hold anything
            known = isinstance(metadata, dict) and not isinstance(metadata.get("omegaconf_ignore"), Known)
            options["metadata"] = {k: v for k, v in metadata.items() if k == "omegaconf_ignore"} if known else None
        if unknown_in(v for k, v in options.items() if k not in ("default", "default_factory")) is not None:
            return self.opaque(call.node, call.scope)
        try:
            return dataclasses.field(*call.args, **options)
        except (TypeError, ValueError) as error:
            raise self.error(error, call.node, call.scope) from error

    def _super(self, call: Call) -> Any:
        scope: Scope | None = call.scope
        while scope is not None and scope.kind == "comprehension":
            scope = scope.parent
        first = next(iter(scope.names.values()), None) if scope is not None else None
        owners = [base for base in type(first).__mro__ if self._defines(base, call.node)]
        if call.args or not owners:
            return self.opaque(call.node, call.scope)
        return SuperProxy(owners[0], first)

    @staticmethod
    def _defines(cls: type, node: ast.AST) -> bool:
        info = class_info(cls)
        line: int = getattr(node, "lineno", 0)
        return info is not None and info.node.lineno <= line <= (info.node.end_lineno or 0)

    # Instances.

    def instantiate(self, cls: type, call: Call) -> Any:
        """Make an instance, as far as it is known: unknown arguments become marked placeholders."""
        own_init = any("__init__" in info.methods for info in map(class_info, cls.__mro__) if info)
        if any(info.methods.keys() & {"__new__"} for info in map(class_info, cls.__mro__) if info):
            return self.opaque(call.node, call.scope)
        args, kwargs = call.args, dict(call.kwargs)
        marks: dict[str, str | None] = {}
        if dataclasses.is_dataclass(cls) and not own_init:
            self.resolve_pending()
            names = [f.name for f in dataclasses.fields(cls) if f.init and not getattr(f, "kw_only", False)]
            if len(args) > len(names):
                names = []
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            if names or not args:
                for name, value in given.items():
                    reason = unknown_in([value]) if not isinstance(value, Known) else reason_of(value)
                    marks[name] = None
                    if reason is not None and not is_instance_of_user_class(value):
                        marks[name] = reason
                        given[name] = placeholder(hint_of(cls, name), reason)
                    elif isinstance(value, Known):
                        given[name] = real(value)
                args, kwargs = (), given
                if len(call.args) + len(call.kwargs) > len(given):
                    args, kwargs = call.args, dict(call.kwargs)  # a name given twice: let Python say so
        elif not own_init and unknown_in([*args, *kwargs.values()]) is not None:
            return self.opaque(call.node, call.scope)
        depth = len(self._arguments)
        self._arguments.append(marks)
        try:
            instance = cls(*args, **kwargs)
            self._mark(instance, self._arguments[-1])
        except (PyError, Stop):
            raise
        except RecursionError:
            return self.opaque(call.node, call.scope)
        except Exception as error:
            raise self._located(error, call) from error
        finally:
            del self._arguments[depth:]
        return instance

    def _located(self, error: Exception, call: Call) -> PyError:
        """The error at the place where the user's code raised it, else at the call."""
        if self.failure is not None and self.failure.error is error:
            return self.failure
        return self.error(error, call.node, call.scope)

    @staticmethod
    def _mark(instance: Any, marks: Mapping[str, str | None] | None) -> None:
        if marks is None:  # marked already, before its __post_init__
            return
        if not dataclasses.is_dataclass(instance) or isinstance(instance, type):
            return
        unknown = dict(opaque_attributes(instance))
        for field in dataclasses.fields(instance):
            if field.name in marks:
                reason = marks[field.name]
                if reason is not None:
                    unknown.setdefault(field.name, reason)
            elif isinstance(field.default_factory, Factory) and field.default_factory.reason:
                unknown.setdefault(field.name, field.default_factory.reason)
        if unknown:
            for name, reason in unknown.items():
                set_opaque_attribute(instance, name, reason)


def _method_names(node: ast.ClassDef) -> set[str]:
    return {item.name for item in node.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))}


def _doubt(instance: Any, function: UserFunction) -> None:
    """Mark what `__init__` or `__post_init__` may set as unknown: it could not be followed to its end."""
    fields = {f.name for f in dataclasses.fields(instance)} if dataclasses.is_dataclass(instance) else set()
    first = function.node.args.args[0].arg if function.node.args.args else "self"
    for node in ast.walk(function.node):
        names: set[str] = set()
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            names = {node.attr} if isinstance(node.value, ast.Name) and node.value.id == first else set()
        elif isinstance(node, ast.Call) and any(isinstance(n, ast.Name) and n.id == first for n in ast.walk(node)):
            names = fields
        for name in names:
            set_opaque_attribute(instance, name, f"{function.name}()")
