"""What the reader of Python computes with: real values, and stand-ins for what is not known without running code."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiment_setup.location import Location
from experiment_setup.python.source import SourceFile

MAX_WEIGHT = 200_000  # elements and characters of one value; a config has a few hundred


class Known:
    """Base of the stand-ins. They are shared, never copied: OmegaConf and factories deep-copy what holds them."""

    __slots__ = ()

    def __copy__(self) -> Known:
        return self

    def __deepcopy__(self, memo: object) -> Known:
        return self


@dataclass(frozen=True, eq=False)
class Opaque(Known):
    """A value that only running the code would tell; `reason` is the source text that computes it."""

    reason: str


@dataclass(eq=False)
class Scope:
    """Names and what they stand for. `kind` is module, class, function or comprehension."""

    kind: str
    names: MutableMapping[str, Any]
    module: Module
    parent: Scope | None = None
    global_names: set[str] = field(default_factory=set)
    qualname: str = ""  # prefix of the qualified names of what is defined here

    @property
    def function_parent(self) -> Scope:
        """What a nested function or comprehension sees: classes are left out."""
        scope = self
        while scope.kind == "class" and scope.parent is not None:
            scope = scope.parent
        return scope


@dataclass(eq=False)
class Module(Known):
    """A module of the project that has been read (or is being read)."""

    name: str
    source: SourceFile | None  # None for a namespace package
    package: str
    search: tuple[Path, ...] = ()  # where its submodules are
    fallback: bool = False  # found only from the project root, which is not on the script's sys.path
    names: dict[str, Any] = field(default_factory=dict)
    complete: bool = False
    unknown_star: str | None = None  # a star import from a module that is not read: any name may be defined
    future_annotations: bool = False
    scope: Scope = field(init=False)

    def __post_init__(self) -> None:
        self.scope = Scope("module", self.names, self)


@dataclass(frozen=True, eq=False)
class KnownModule(Known):
    """A module whose pure parts are known: of the standard library, omegaconf or hydra."""

    name: str


@dataclass(eq=False)
class UserFunction(Known):
    """A function or lambda of the project."""

    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    defaults: dict[str, Any]
    kind: str = "function"  # or property, classmethod, staticmethod
    owner: type | None = None
    hidden: str | None = None  # a decorator that is not known stands before it


@dataclass(frozen=True, eq=False)
class Bound(Known):
    """A function of the project with its first argument, or the method of a plain value (`function` is its name)."""

    owner: Any
    function: UserFunction | str


@dataclass(frozen=True, eq=False)
class Partial(Known):
    """functools.partial."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, eq=False)
class SuperProxy(Known):
    """super() inside a method."""

    owner: type
    instance: Any


@dataclass(frozen=True, eq=False)
class Special(Known):
    """A function that the reader knows better than by calling it; `run` takes a Call."""

    name: str
    run: Callable[[Any, Call], Any]


@dataclass(frozen=True, eq=False)
class Call:
    """The arguments of a call, and where it stands."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    node: ast.AST
    scope: Scope


@dataclass(eq=False)
class FieldSource:
    """A name that a class body binds: `x: int = 1`, or `x = 1` (no annotation)."""

    name: str
    node: ast.AnnAssign | ast.Assign
    target: ast.AST
    annotation: ast.expr | None
    value: ast.expr | None
    source: SourceFile
    type_reason: str | None = None  # the annotation, or a part of it, is not known
    default_reason: str | None = None
    unresolved: PyError | None = None  # a name in the annotation that is not defined, where Python looks late


@dataclass(eq=False)
class ClassInfo(Known):
    """What the source says about a class of ours; the class holds it as `__experiment_setup__`."""

    name: str
    node: ast.ClassDef
    module: Module
    scope: Scope
    cls: type = object
    decorated: bool = False
    bases: tuple[str, ...] = ()
    fields: dict[str, FieldSource] = field(default_factory=dict)
    unannotated: dict[str, FieldSource] = field(default_factory=dict)
    methods: dict[str, UserFunction] = field(default_factory=dict)

    @property
    def location(self) -> Location:
        """Where the name of the class stands."""
        assert self.module.source is not None
        return self.module.source.name_location(self.node)


INFO = "__experiment_setup__"


def class_info(value: Any) -> ClassInfo | None:
    """What is known of the source of a class; None for classes that are not the project's."""
    found = value.__dict__.get(INFO) if isinstance(value, type) else None
    return found if isinstance(found, ClassInfo) else None


def field_source(cls: type, name: str) -> FieldSource | None:
    """Where the field `name` of a class, or of the base that defines it, stands."""
    for base in cls.__mro__:
        info = class_info(base)
        if info and name in info.fields:
            return info.fields[name]
    return None


class PyError(Exception):
    """The user's code raises `error` at `location`, when it really runs."""

    def __init__(
        self,
        error: BaseException,
        location: Location,
        code: str | None = None,
        help: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(str(error) or type(error).__name__)
        self.error = error
        self.location = location
        self.code = code
        self.help = help


class Stop(Exception):
    """The computation is given up (too long, too large, too deep); the value is opaque."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UndefinedInText(Exception):
    """A name in an annotation that is text is not defined (yet): Python only looks when the hints are asked for."""

    def __init__(self, error: PyError) -> None:
        super().__init__(str(error))
        self.error = error


_ATOMS = frozenset({int, float, bool, type(None), complex, type(...)})
_SEQUENCES = frozenset({list, tuple, set, frozenset})


def unknown_in(values: Iterable[Any]) -> str | None:
    """The reason why one of `values` is not wholly known, or too large to compute with; None if all is well.

    Stand-ins other than Opaque count as unknown: no real function may see them.
    """
    stack = list(values)
    weight = 0
    while stack:
        value = stack.pop()
        kind = type(value)
        weight += 1
        if kind in _ATOMS:
            continue
        if kind is str or kind is bytes:
            weight += len(value) // 8
        elif kind in _SEQUENCES:
            if weight + len(value) < MAX_WEIGHT:
                stack.extend(value)
            else:
                weight = MAX_WEIGHT
        elif isinstance(value, dict):
            stack.extend(value.keys())
            stack.extend(value.values())
        elif kind is range:
            weight += len(value)
        elif isinstance(value, Opaque):
            return value.reason
        elif isinstance(value, Known):
            return "a function or module"
        elif is_instance_of_user_class(value):
            opaque = opaque_attributes(value)
            if opaque:
                return next(iter(opaque.values()))
            if hasattr(value, "__dict__"):
                stack.extend(v for k, v in vars(value).items() if k != OPAQUE_ATTRIBUTE)
        if weight >= MAX_WEIGHT:
            return "a value too large to be computed here"
    return None


# Where an instance of a dataclass of ours keeps the names of its unknown attributes. It survives copy.deepcopy.
OPAQUE_ATTRIBUTE = "__experiment_setup_opaque__"


def is_instance_of_user_class(value: Any) -> bool:
    """Whether `value` is an instance of a class that was rebuilt from the project's source."""
    return not isinstance(value, (type, enum.Enum)) and INFO in type(value).__dict__


def opaque_attributes(instance: Any) -> Mapping[str, str]:
    """Attribute -> reason, for what is not known of an instance."""
    found: Mapping[str, str] = getattr(instance, OPAQUE_ATTRIBUTE, {})
    return found


def set_opaque_attribute(instance: Any, name: str, reason: str | None) -> None:
    """Mark an attribute as unknown, or as known (None). Without effect where a class has slots."""
    marks = dict(opaque_attributes(instance))
    if reason is None:
        marks.pop(name, None)
    else:
        marks[name] = reason
    try:
        object.__setattr__(instance, OPAQUE_ATTRIBUTE, marks)
    except AttributeError:
        return


def assigned_names(statements: Iterable[ast.AST]) -> set[str]:
    """The names that statements bind, nested functions and classes left out."""
    found: set[str] = set()
    stack = list(statements)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
            stack.extend(node.decorator_list)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.add(node.rest)
        stack.extend(ast.iter_child_nodes(node))
    found.discard("*")
    return found


def real(value: Any) -> Any:
    """`value` for a library to see: functions and modules of the project as empty real ones, containers copied."""
    if isinstance(value, (UserFunction, Bound, Partial, Special, SuperProxy)):
        return _empty_function(getattr(value, "name", "function"))
    if isinstance(value, (Module, KnownModule)):
        return type(builtins)(value.name)
    if type(value) is list:
        return [real(item) for item in value]
    if type(value) is tuple:
        return tuple(real(item) for item in value)
    if type(value) is dict:
        return {key: real(item) for key, item in value.items()}
    return value


def _empty_function(name: str) -> Any:
    def function() -> None: ...

    function.__name__ = function.__qualname__ = name
    return function


def is_dataclass_type(value: Any) -> bool:
    """Whether `value` is a dataclass itself, not an instance."""
    return isinstance(value, type) and dataclasses.is_dataclass(value)
