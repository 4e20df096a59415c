"""What the evaluator computes with: real values, and stand-ins for what is not known without running code."""

from __future__ import annotations

import ast
import dataclasses
import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from experiment_setup.light import dataclass
from experiment_setup.location import Location

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator
    from experiment_setup.code.functions import UserFunction
    from experiment_setup.code.modules import Module, Scope
    from experiment_setup.code.source import SourceFile


class Known:
    """Base of the stand-ins. They are shared, never copied: OmegaConf and factories deep-copy what holds them."""

    __slots__ = ()

    def __copy__(self) -> Known:
        return self

    def __deepcopy__(self, memo: object) -> Known:
        return self

    def call(self, evaluator: Evaluator, call: Call) -> Any:
        """What calling it gives."""
        evaluator.unknown_call(self, call)
        return evaluator.opaque(call.node, call.scope)

    def attribute(self, name: str, evaluator: Evaluator, node: ast.AST, scope: Scope) -> Any:
        """What `self.name` is."""
        return evaluator.opaque(node, scope)

    def call_unknown(self, evaluator: Evaluator, call: Call) -> None:
        """It is called with arguments that are not known."""

    def escapes(self) -> None:
        """It is given to code that is not followed, which may call it."""

    @property
    def real(self) -> Any:
        """An empty thing of the kind, for a library to see."""
        return self


@dataclass(frozen=True, eq=False)
class Opaque(Known):
    """A value that only running the code would tell; `reason` is the source text that computes it."""

    reason: str

    def call_unknown(self, evaluator: Evaluator, call: Call) -> None:
        """Nearly all functions leave their arguments alone; the others are known by name."""
        changes = CHANGE_ARGUMENTS.get(self.reason.partition("(")[0].rpartition(".")[2])
        if changes is not None:
            changes(evaluator, call)


# Functions that change their arguments or the environment, by their last name.
CHANGE_ARGUMENTS: dict[str, Callable[[Evaluator, Call], None]] = {}


@dataclass(frozen=True, eq=False)
class Special(Known):
    """A function that is computed here instead of called: it works on stand-ins, or is pure only at times."""

    name: str
    run: Callable[[Evaluator, Call], Any]

    def call(self, evaluator: Evaluator, call: Call) -> Any:
        """Compute it."""
        return self.run(evaluator, call)

    @property
    def real(self) -> Any:
        """A function that does nothing."""
        return empty_function(self.name)


@dataclass(frozen=True, eq=False)
class Partial(Known):
    """functools.partial."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def call(self, evaluator: Evaluator, call: Call) -> Any:
        """Call the function with the arguments of both."""
        args, kwargs = (*self.args, *call.args), {**self.kwargs, **call.kwargs}
        return evaluator.call(self.function, Call(args, kwargs, call.node, call.scope))

    @property
    def real(self) -> Any:
        """A function that does nothing."""
        return empty_function("partial")


@dataclass(frozen=True, eq=False)
class Call:
    """The arguments of a call, and where it stands."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    node: ast.AST
    scope: Scope

    def with_first(self, *first: Any) -> Call:
        """The same call with other arguments before its own."""
        return Call((*first, *self.args), self.kwargs, self.node, self.scope)

    @property
    def values(self) -> list[Any]:
        """All arguments."""
        return [*self.args, *self.kwargs.values()]


class PyError(Exception):
    """The user's code raises `error` at `location`, when it really runs."""

    def __init__(
        self,
        error: BaseException,
        location: Location,
        code: str | None = None,
        help: str | None = None,  # noqa: A002
        function: str = "",
    ) -> None:
        super().__init__(str(error) or type(error).__name__)
        self.error = error
        self.location = location
        self.code = code
        self.help = help
        self.function = function  # in which it is raised, if in one


# The code of a name that a module of Python does not have, and that no other there is like: a newer Python may have it,
# or another import brings it, as that of logging.config brings `logging.handlers`.
OF_ANOTHER_PYTHON = "of-another-python"


class Stop(Exception):
    """The computation is given up (too long, too large, too deep); the value is opaque."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# Classes of the project, rebuilt, and their instances.


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
        return self.module.source.name_location(self.node)


INFO = "__experiment_setup__"
# Where an instance of a dataclass of ours keeps the names of its unknown attributes. It survives copy.deepcopy.
OPAQUE_ATTRIBUTE = "__experiment_setup_opaque__"


def class_info(value: Any) -> ClassInfo | None:
    """What is known of the source of a class; None for classes that are not the project's."""
    found = value.__dict__.get(INFO) if isinstance(value, type) else None
    return found if isinstance(found, ClassInfo) else None


def class_infos(cls: type) -> list[ClassInfo]:
    """What is known of the source of a class and of those that it derives from, in the order of their attributes."""
    return [info for info in map(class_info, cls.__mro__) if info]


def find_method(cls: type, name: str) -> UserFunction | None:
    """The method of that name, of the class or one that it derives from."""
    return next((info.methods[name] for info in class_infos(cls) if name in info.methods), None)


def field_source(cls: type, name: str) -> FieldSource | None:
    """Where the field `name` of a class, or of the base that defines it, stands."""
    return next((info.fields[name] for info in class_infos(cls) if name in info.fields), None)


def is_user(value: Any) -> bool:
    """Whether a value is an instance of a class of the project, an enumeration's member included."""
    return INFO in type(value).__dict__


def is_instance_of_user_class(value: Any) -> bool:
    """Whether `value` is an instance of a class that was rebuilt from the project's source, and no enumeration."""
    return not isinstance(value, (type, enum.Enum)) and INFO in type(value).__dict__


def is_dataclass_type(value: Any) -> bool:
    """Whether `value` is a dataclass itself, not an instance."""
    return isinstance(value, type) and dataclasses.is_dataclass(value)


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


# What is not known of a value, and how large it is.

MAX_WEIGHT = 50_000  # elements, and characters by eights, of one value; a config has a few hundred
MAX_DEPTH = 50  # lists in lists; a config has three or four
_INSTANCE = 20  # elements: what it takes to make or to copy one
TOO_LARGE = "a value too large to be computed here"
_ATOMS = frozenset({int, float, bool, type(None), complex, type(...)})
_SEQUENCES = frozenset({list, tuple, set, frozenset})


def weigh(values: Iterable[Any]) -> tuple[str | None, int]:
    """The reason why one of `values` is not wholly known or too large (None if all is well), and what was looked at.

    Stand-ins other than Opaque count as unknown: no real function may see them.
    """
    waiting = [(value, 0) for value in values]
    weight = 0
    while waiting:
        value, depth = waiting.pop()
        kind = type(value)
        weight += 1
        if kind in _ATOMS:
            continue
        inner: Iterable[Any] = ()
        if kind is str or kind is bytes:
            weight += len(value) // 8
        elif isinstance(value, PurePath):
            weight += len(str(value)) // 8
        elif kind is range:
            weight += min(range_length(value), MAX_WEIGHT)
        elif kind in _SEQUENCES:
            inner = value
        elif isinstance(value, dict):
            inner = [*value.keys(), *value.values()] if len(value) < MAX_WEIGHT else ()
            weight += len(value)
        elif isinstance(value, Known):
            return unknown_reason(value) or "a function or module", weight
        elif is_instance_of_user_class(value):
            if reason := next(iter(opaque_attributes(value).values()), None):
                return reason, weight
            weight += _INSTANCE
            inner = [v for k, v in getattr(value, "__dict__", {}).items() if k != OPAQUE_ATTRIBUTE]
        if inner and (depth >= MAX_DEPTH or weight + len(inner) >= MAX_WEIGHT):  # type: ignore[arg-type]
            return TOO_LARGE, weight
        waiting += [(item, depth + 1) for item in inner]
        if weight >= MAX_WEIGHT:
            return TOO_LARGE, weight
    return None, weight


def range_length(value: range) -> int:
    """How many numbers a range has, which `len` only says of those with fewer than 2^63."""
    return max(0, (value.stop - value.start + value.step - (1 if value.step > 0 else -1)) // value.step)


def unknown_in(values: Iterable[Any]) -> str | None:
    """The reason why one of `values` is not wholly known, or too large to compute with; None if all is well."""
    return weigh(values)[0]


def unknown_reason(value: Known) -> str | None:
    """Why a stand-in is not known; None for functions and modules, which are."""
    return value.reason if isinstance(value, Opaque) else None


def reason_of(value: Any) -> str | None:
    """Why a value cannot stand in a config: None for what is known, functions and modules included."""
    return unknown_reason(value) if isinstance(value, Known) else unknown_in([value])


def unordered(value: Any) -> bool:
    """A set whose order differs between processes."""
    return isinstance(value, (set, frozenset)) and len(value) > 1 and not all(isinstance(v, int) for v in value)


def real(value: Any) -> Any:
    """`value` for a library to see: functions and modules of the project as empty real ones, containers copied."""
    if isinstance(value, Known):
        return value.real
    if type(value) is list:
        return [real(item) for item in value]
    if type(value) is tuple:
        return tuple(real(item) for item in value)
    if type(value) is dict:
        return {key: real(item) for key, item in value.items()}
    return value


def empty_function(name: str) -> Any:
    """A function that does nothing, for a library to see."""

    def function() -> None: ...

    function.__name__ = function.__qualname__ = name
    return function
