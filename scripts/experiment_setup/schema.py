"""The config schema of an entry point, read from its syntax tree: nothing of the user's code is imported or run.

`read` follows what `python train.py` does before `@hydra.main` takes over: its imports of the project's own modules,
its dataclasses, and what it stores in Hydra's ConfigStore. The dataclasses are rebuilt as real ones, so that types,
coercions and their errors are OmegaConf's own. What only running the code would tell is opaque, and is named.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup.location import Location
from experiment_setup.pyclasses import Classes, Factory
from experiment_setup.pysource import SourceFile, UnreadableSource, read_source
from experiment_setup.pyvalues import (
    Call,
    ClassInfo,
    FieldSource,
    Known,
    Module,
    Opaque,
    PyError,
    Scope,
    Special,
    UserFunction,
    class_info,
    field_source,
    real,
    unknown_in,
)

__all__ = [
    "UNSET",
    "ConfigClass",
    "Field",
    "HydraMain",
    "Opaque",
    "Problem",
    "Registration",
    "Schema",
    "empty",
    "find_hydra_main",
    "read",
]


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"

    def __deepcopy__(self, memo: object) -> _Unset:
        return self


UNSET: Final = _Unset()


@dataclass(frozen=True)
class Field:
    """One field of a config class."""

    name: str
    annotation: str
    default: str | None
    location: Location
    comment: str | None = None
    opaque: str | None = None
    value_location: Location | None = None


@dataclass(frozen=True)
class ConfigClass:
    """A class of the project, rebuilt: `cls` is a real dataclass if the user's is one."""

    name: str
    cls: type
    location: Location
    fields: tuple[Field, ...]
    bases: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    unannotated: tuple[Field, ...] = ()
    decorated: bool = True
    has_post_init: bool = False

    def field(self, name: str) -> Field | None:
        """The field of that name."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True)
class Registration:
    """One `ConfigStore.store(…)`. `node` is a class, an instance, a container, or Opaque."""

    group: str | None
    name: str
    package: str | None
    node: Any
    config_class: ConfigClass | None
    location: Location
    in_main_guard: bool = False


@dataclass(frozen=True)
class HydraMain:
    """The `@hydra.main(…)` of the entry point. UNSET: not given; Opaque: known only when the code runs."""

    function: str
    config_path: Any
    config_name: Any
    version_base: Any
    location: Location
    called: bool


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, or not known. `fatal`: `python train.py` fails because of it."""

    code: str
    message: str
    help: str | None
    location: Location
    fatal: bool


@dataclass
class Schema:
    """What an entry point defines and registers."""

    entry: Path
    modules: tuple[Path, ...] = ()
    classes: dict[str, ConfigClass] = dataclasses.field(default_factory=dict)
    registrations: tuple[Registration, ...] = ()
    main: HydraMain | None = None
    problems: tuple[Problem, ...] = ()
    tree: ast.Module | None = None
    _opaque: dict[int, dict[str, str]] = dataclasses.field(default_factory=dict, repr=False)
    _nodes: dict[int, Any] = dataclasses.field(default_factory=dict, repr=False)

    def registration(self, group: str | None, name: str) -> Registration | None:
        """What is stored as `group`/`name`: the last one wins, as in Hydra."""
        found = (r for r in reversed(self.registrations) if (r.group or None) == (group or None) and r.name == name)
        return next(found, None)

    def structured(self, registration: Registration) -> DictConfig:
        """OmegaConf's node for a registration, as ConfigStore.store makes it; an empty one for an opaque node.

        The node is cached: copy it before changing it. Raises OmegaConf's error if it cannot be made.
        """
        key = id(registration)
        if key not in self._nodes:
            node = {} if isinstance(registration.node, Known) else registration.node
            self._nodes[key] = OmegaConf.structured(node)
        result: DictConfig = self._nodes[key]
        return result

    def opaque_paths(self, registration: Registration) -> dict[str, str]:
        """Dotted path -> reason, for each value that only running the code would tell ("" is the whole)."""
        return dict(self._opaque.get(id(registration), {}))


def empty(entry: Path) -> Schema:
    """The schema of an experiment without an entry point."""
    return Schema(entry)


_MAIN_TEXT = re.compile(r"\bmain\b")


def find_hydra_main(source: str) -> bool:
    """Whether a Python file has an `@hydra.main` function, under whatever name it imports it."""
    if "hydra" not in source or not _MAIN_TEXT.search(source):
        return False
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.search(r"^[ \t]*@(hydra\s*\.\s*)?main\b", source, re.MULTILINE) is not None
    modules: set[str] = set()
    functions: set[str] = set()
    calls: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or "hydra" for alias in node.names if alias.name.split(".")[0] == "hydra"}
        elif isinstance(node, ast.ImportFrom) and node.module in ("hydra", "hydra.main"):
            functions |= {alias.asname or alias.name for alias in node.names if alias.name == "main"}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            calls += [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Call):
            calls.append(node.func.func)
    for function in calls:
        if isinstance(function, ast.Name) and function.id in functions:
            return True
        dotted = isinstance(function, ast.Attribute) and function.attr == "main"
        if dotted and isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            return function.value.id in modules
    return False


def read(entry: Path, root: Path) -> Schema:
    """Read the schema of an entry point; `root` is the project's. Mistakes in the code become Problems."""
    path = Path(os.path.abspath(entry))
    try:
        source = read_source(path)
    except UnreadableSource as error:
        problem = Problem("syntax-error", error.message, error.help, error.location, fatal=True)
        return Schema(entry=path, modules=(path,), problems=(problem,))
    return _Reader(path, Path(os.path.abspath(root))).read(source)


@dataclass(eq=False)
class _MainFunction(Known):
    """A function decorated with @hydra.main."""

    name: str
    config_path: Any
    config_name: Any
    version_base: Any
    location: Location
    function: Any
    called: bool = False


class _Store(Known):
    """The ConfigStore: the class, and its only instance."""


_STORE_CLASS = _Store()
_STORE = _Store()


class _Reader(Classes):
    """Reads one entry point."""

    def __init__(self, entry: Path, root: Path) -> None:
        super().__init__(entry, root)
        self._entry = entry
        self._problems: dict[tuple[str, str, Location], Problem] = {}
        self._registrations: list[Registration] = []
        self._opaque_paths: dict[int, dict[str, str]] = {}
        self._mains: list[_MainFunction] = []
        self._config_classes: dict[type, ConfigClass] = {}
        self._structured: dict[int, Any] = {}
        self._main_ran = False
        self._unset: set[str] = set()  # environment variables that were asked for without a default, and are not set
        self.attributes.update(_SPECIALS)
        self.attributes["os", "environ"] = self.environ
        self.attributes["sys", "path"] = self.finder.path
        self._store_special = Special("store", _Reader._store)

    def read(self, source: SourceFile) -> Schema:
        """Read the entry point."""
        module = Module("__main__", source, "", complete=True)
        self.modules["__main__"] = module
        self.run_module(module)
        self.resolve_pending()
        called = [main for main in self._mains if main.called]
        own = [main for main in self._mains if main.location.path == self._entry]
        main = next(iter([*called, *own, *self._mains]), None)
        if main is not None:
            self._look_for_late_stores(main)
        classes = self._classes()
        self._report_opaque_fields()
        schema = Schema(
            entry=self._entry,
            modules=tuple(self.read_files),
            classes=classes,
            registrations=tuple(self._registrations),
            main=_as_record(main) if main else None,
            problems=tuple(self._problems.values()),
            tree=source.tree,
        )
        schema._opaque, schema._nodes = self._opaque_paths, self._structured
        return schema

    # Problems.

    def _problem(self, code: str, message: str, help: str | None, location: Location, fatal: bool) -> None:  # noqa: A002
        self._problems.setdefault((code, message, location), Problem(code, message, help, location, fatal))

    def report(self, error: PyError) -> None:
        """Running the code fails here."""
        code = error.code or _code(error.error)
        if code == "raises" and self._unset:
            names = ", ".join(sorted(self._unset))
            message = f"{_words(error.error)} (not set here: {names})"
            self._problem("environment-variable", message, f"set {names}", error.location, fatal=False)
            return
        self._problem(code, _words(error.error), error.help or _HELP.get(code), error.location, fatal=True)

    def unreadable(self, error: UnreadableSource) -> None:
        """A module that the entry point imports does not compile."""
        fatal = not self.protected
        self._problem("syntax-error", error.message, error.help, error.location, fatal)

    def missing_variable(self, name: str, node: ast.AST, scope: Scope) -> Any:
        """os.environ["NAME"] where NAME is not set: whether that fails depends on where it runs."""
        value = self.opaque(node, scope)
        self._unset.add(name)
        if not self.environ_reason:
            location = self.error(KeyError(name), node, scope).location
            message = f"the environment variable {name} is not set here; running the code fails without it"
            help_ = f'set {name}, or write os.environ.get("{name}", "a default")'
            self._problem("environment-variable", message, help_, location, fatal=False)
        return value

    def script_package(self, node: ast.AST, scope: Scope) -> str:
        """A script has no package, but `python -m` gives it the one it lies in."""
        if scope.module.name != "__main__":
            return ""
        package = self.finder.package_of_script()
        if package:
            location = self.error(ImportError(), node, scope).location
            message = f"a relative import: it works with `python -m {package}.{self._entry.stem}` only, not as a script"
            self._problem("relative-import", message, "import by the module's full name", location, fatal=False)
            scope.module.package = package
        return package

    # Calls.

    def call(self, function: Any, call: Call) -> Any:
        """Call a known value; some of what Hydra and the environment offer is known here."""
        if isinstance(function, _MainFunction):
            return self._call_main(function)
        if function is _STORE_CLASS:
            return _STORE
        owner, name = getattr(function, "owner", None), getattr(function, "function", None)
        if owner is self.environ and name in ("get", "pop", "setdefault") and call.args:
            return self.variable(call, name)
        if any(isinstance(value, _MainFunction) for value in call.args) and not isinstance(function, UserFunction):
            self._mark_called(call)
        return super().call(function, call)

    def variable(self, call: Call, name: str = "get") -> Any:
        """os.getenv and os.environ.get."""
        key, *rest = call.args
        default = rest[0] if rest else call.kwargs.get("default")
        if not isinstance(key, str) or (key not in self.environ and self.environ_reason):
            return self.opaque(call.node, call.scope)
        value = self.environ.get(key, default)
        if value is None:
            self._unset.add(key)
        if name == "setdefault" and isinstance(value, str):
            self.environ[key] = value
        return value

    def _call_main(self, function: _MainFunction) -> Any:
        function.called = True
        if not self.depth or self.guard:
            self._main_ran = True
        return None

    def _mark_called(self, call: Call) -> None:
        for value in (*call.args, *call.kwargs.values()):
            if isinstance(value, _MainFunction):
                value.called = True

    def unknown_call(self, function: Any, call: Call) -> None:
        """What may follow from a call that is not followed."""
        super().unknown_call(function, call)
        decorates = isinstance(call.node, ast.expr) and call.args and isinstance(call.node, (ast.Name, ast.Attribute))
        if not decorates:
            self._mark_called(call)
        if function is self._store_special:
            self._unknown_store(call.node, call.scope, "its arguments")

    def skipped_call(self, node: ast.Call, scope: Scope, reason: str) -> None:
        """A call that may or may not run."""
        if _is_store_call(node, self, scope):
            self._unknown_store(node, scope, reason)
            return
        function = self.lookup(node.func.id, scope)[1] if isinstance(node.func, ast.Name) else None
        if isinstance(function, _MainFunction):
            function.called = True
        if isinstance(function, UserFunction) and not isinstance(function.node, ast.Lambda):
            for inner in ast.walk(function.node):
                if isinstance(inner, ast.Call) and _is_store_call(inner, self, function.scope):
                    self._unknown_store(node, scope, reason)
                    return
                called = self.lookup(inner.id, function.scope)[1] if isinstance(inner, ast.Name) else None
                if isinstance(called, _MainFunction):
                    called.called = True

    def stand_in_attribute(self, owner: Known, name: str, node: ast.AST, scope: Scope) -> Any:
        """Attributes of the ConfigStore, and of functions."""
        if owner is _STORE_CLASS and name == "instance":
            return Special("instance", lambda _reader, _call: _STORE)
        if owner is _STORE and name == "store":
            return self._store_special
        if isinstance(owner, UserFunction) and owner.kind == "property" and name in ("setter", "deleter", "getter"):
            return Special(name, lambda _reader, _call: owner)
        return super().stand_in_attribute(owner, name, node, scope)

    # @hydra.main

    def hydra_main(self, call: Call) -> Any:
        """hydra.main(…): the decorator."""
        names = ("config_path", "config_name", "version_base")
        unknown = set(call.kwargs) - {*names, "execution_whitelist"}
        if unknown or len(call.args) > len(names):
            what = f"an unexpected keyword argument {sorted(unknown)[0]!r}" if unknown else "too many arguments"
            raise self.error(TypeError(f"main() got {what}"), call.node, call.scope)
        if call.args and isinstance(call.args[0], UserFunction):
            message = "@hydra.main without parentheses: write @hydra.main(version_base=None, config_path=\".\", …)"
            raise self.error(TypeError(message), call.node, call.scope)
        given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
        source = call.scope.module.source
        assert source is not None
        location = source.location(call.node)

        def decorate(_reader: _Reader, inner: Call) -> _MainFunction:
            function = inner.args[0] if inner.args else None
            main = _MainFunction(
                name=function.name if isinstance(function, UserFunction) else "main",
                config_path=_plain(given.get("config_path", UNSET)),
                config_name=_plain(given.get("config_name")),
                version_base=_plain(given.get("version_base", UNSET)),
                location=location,
                function=function,
            )
            self._mains.append(main)
            return main

        return Special("hydra.main(…)", decorate)

    def _look_for_late_stores(self, main: _MainFunction) -> None:
        function = main.function
        if not isinstance(function, UserFunction) or isinstance(function.node, ast.Lambda):
            return
        source = function.scope.module.source
        for node in ast.walk(function.node):
            if not isinstance(node, ast.Call) or source is None:
                continue
            if _is_store_call(node, self, function.scope) or self._stores_inside(node, function.scope):
                self._too_late(source.location(node), f"inside {main.name}()")

    def _stores_inside(self, node: ast.Call, scope: Scope) -> bool:
        called = self.lookup(node.func.id, scope)[1] if isinstance(node.func, ast.Name) else None
        if not isinstance(called, UserFunction):
            return False
        return any(
            isinstance(inner, ast.Call) and _is_store_call(inner, self, called.scope) for inner in ast.walk(called.node)
        )

    def _too_late(self, location: Location, where: str) -> None:
        message = f"stored {where}: Hydra has composed the config by then and never sees it"
        help_ = "call store() at the top level of the module, before main() is called"
        self._problem("registered-too-late", message, help_, location, fatal=False)

    # ConfigStore.store

    def _store(self, call: Call) -> None:
        names = ("name", "node", "group", "package", "provider")
        unknown = set(call.kwargs) - {*names, "replace"}
        given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
        missing = [name for name in ("name", "node") if name not in given]
        twice = [name for name in names[: len(call.args)] if name in call.kwargs]
        if unknown or missing or twice or len(call.args) > len(names):
            what = f"got an unexpected keyword argument {sorted(unknown)[0]!r}" if unknown else ""
            what = what or (f"missing a required argument: {missing[0]!r}" if missing else "got too many arguments")
            raise self.error(TypeError(f"ConfigStore.store() {what}"), call.node, call.scope)
        name, node, group = given["name"], given["node"], given.get("group")
        location = self.error(TypeError(), call.node, call.scope).location
        if self._main_ran:
            self._too_late(location, "after main() has been called")
            return
        if not isinstance(name, str) or not (group is None or isinstance(group, str)):
            if isinstance(name, Known) or isinstance(group, Known):
                self._unknown_store(call.node, call.scope, "its name or group")
                return
            wrong = name if not isinstance(name, str) else group
            message = f"ConfigStore.store() takes names that are str, not {type(wrong).__name__}"
            raise self.error(AttributeError(message), call.node, call.scope)
        package = given.get("package")
        self._add(name, node, group or None, package if isinstance(package, str) else None, call, location)

    def _add(
        self, name: str, node: Any, group: str | None, package: str | None, call: Call, location: Location
    ) -> None:
        self.resolve_pending()
        wanted = f"{group}/{name}" if group else name
        structured: Any = None
        if isinstance(node, Known):
            reason = node.reason if isinstance(node, Opaque) else "a function or module"
            message = f"what is stored as {wanted} is not known without running the code: {reason}"
            self._problem("opaque-registration", message, None, location, fatal=False)
            node, opaque = Opaque(reason), {"": reason}
        else:
            error = self.unresolved(node)
            if error:
                raise PyError(error.error, error.location, error.code, error.help)
            opaque = dict(self.unknown_fields(node))
            node = _without_opaque(node)
            structured = self._make_node(node, call)
            opaque = opaque or dict(self.unknown_fields(node))
        registration = Registration(
            group=group,
            name=name.removesuffix(".yaml"),
            package=package,
            node=node,
            config_class=self._config_class(node if isinstance(node, type) else type(node)),
            location=location,
            in_main_guard=bool(self.guard),
        )
        self._registrations.append(registration)
        self._opaque_paths[id(registration)] = opaque
        if structured is not None:
            self._structured[id(registration)] = structured

    def _make_node(self, node: Any, call: Call) -> Any:
        for _ in range(100):  # each turn takes one default that lacks its environment variable out
            try:
                return OmegaConf.structured(node)
            except PyError:
                raise
            except Exception as error:
                refused = self._structured_error(error, node, call)
                if not (self._unset and "'None'" in str(error) and self._forgive(refused)):
                    raise refused from error
        raise AssertionError("more than 100 unset environment variables")

    def _forgive(self, refused: PyError) -> bool:
        """Make a default opaque that is None because an environment variable is not set here."""
        for info in self.infos:
            for source in info.fields.values():
                field = info.cls.__dict__.get("__dataclass_fields__", {}).get(source.name)
                if source.source.location(source.target) != refused.location or field is None or field.default is not None:
                    continue
                names = ", ".join(sorted(self._unset))
                source.default_reason = f"{source.source.quote(source.value)}, not set here: {names}" if source.value else names
                factory = Factory(self, Opaque(source.default_reason), Call((), {}, info.node, info.scope))
                factory.owner = (info.cls, source.name)
                field.default, field.default_factory = dataclasses.MISSING, factory
                message = f"{_words(refused.error)} (not set here: {names})"
                self._problem("environment-variable", message, f"set {names}", refused.location, fatal=False)
                return True
        return False

    def _unknown_store(self, node: ast.AST, scope: Scope, reason: str) -> None:
        location = self.error(TypeError(), node, scope).location
        message = f"what is stored here is not known without running the code: {reason}"
        self._problem("opaque-registration", message, None, location, fatal=False)

    def _structured_error(self, error: Exception, node: Any, call: Call) -> PyError:
        """OmegaConf's refusal, at the field that it is about."""
        location = self.error(error, call.node, call.scope).location
        cls = node if isinstance(node, type) else type(node)
        owner = getattr(error, "object_type", None)
        key = getattr(error, "full_key", None) or ""
        union = re.match(r"Unions of containers are not supported:\n(\w+):", str(error))
        if isinstance(owner, type) and class_info(owner) and key:
            found = field_source(owner, re.split(r"[.\[]", key)[0])
        elif union or key:
            found = self._find_field(cls, union[1] if union else re.split(r"[.\[]", key)[0], set())
        else:
            found = None
        if found:
            location = found.source.location(found.target)
        elif class_info(cls) is not None and not dataclasses.is_dataclass(cls):
            info = class_info(cls)
            assert info is not None
            location = info.location
        return PyError(error, location)

    def _find_field(self, cls: type, name: str, seen: set[type]) -> FieldSource | None:
        """The field `name` of a class, or of one that its fields are made of."""
        if not dataclasses.is_dataclass(cls) or cls in seen:
            return None
        seen.add(cls)
        own = field_source(cls, name)
        if own:
            return own
        for field in dataclasses.fields(cls):
            if isinstance(field.type, type):
                inner = self._find_field(field.type, name, seen)
                if inner:
                    return inner
        return None

    # The result.

    def _classes(self) -> dict[str, ConfigClass]:
        reached: dict[type, None] = {}
        for registration in self._registrations:
            cls = registration.node if isinstance(registration.node, type) else type(registration.node)
            self._reach(cls, reached)
        for info in self.infos:
            if info.module.name == "__main__" and (info.fields or info.unannotated or info.decorated):
                reached.setdefault(info.cls, None)
        found: dict[str, ConfigClass] = {}
        for cls in reached:
            record = self._config_class(cls)
            if record is not None:
                key = record.name
                if key in found:
                    key = f"{cls.__module__}.{cls.__qualname__}"
                found[key] = record
        return found

    def _reach(self, cls: Any, reached: dict[type, None]) -> None:
        if isinstance(cls, type) and class_info(cls) and cls not in reached:
            reached[cls] = None
            for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
                self._reach_type(field.type, reached)
                value, _ = self._default(field)
                self._reach(value if isinstance(value, type) else type(value), reached)

    def _reach_type(self, hint: Any, reached: dict[type, None]) -> None:
        self._reach(hint, reached)
        for argument in getattr(hint, "__args__", ()):
            self._reach_type(argument, reached)

    def _config_class(self, cls: type) -> ConfigClass | None:
        info = class_info(cls)
        if info is None or isinstance(cls, type(__import__("enum").Enum)):
            return None
        if cls not in self._config_classes:
            self._config_classes[cls] = self._record(cls, info)
        return self._config_classes[cls]

    def _record(self, cls: type, info: ClassInfo) -> ConfigClass:
        fields: list[Field] = []
        if dataclasses.is_dataclass(cls):
            for real_field in dataclasses.fields(cls):
                source = field_source(cls, real_field.name)
                if source:
                    value, reason = self._default(real_field)
                    del value
                    fields.append(_field(source, reason))
        else:
            fields = [_field(source, None) for source in info.fields.values()]
        return ConfigClass(
            name=info.name,
            cls=cls,
            location=info.location,
            fields=tuple(fields),
            bases=info.bases,
            methods=tuple(info.methods),
            unannotated=tuple(_field(source, None) for source in info.unannotated.values()),
            decorated=info.decorated,
            has_post_init=any("__post_init__" in i.methods for i in map(class_info, cls.__mro__) if i),
        )

    def _report_opaque_fields(self) -> None:
        for registration in self._registrations:
            reached: dict[type, None] = {}
            self._reach(registration.node if isinstance(registration.node, type) else type(registration.node), reached)
            for cls in reached:
                record = self._config_class(cls)
                for field in record.fields if record else ():
                    if field.opaque is not None:
                        source = field_source(cls, field.name)
                        kind = "type" if source and source.type_reason else "default"
                        message = f"the {kind} of {field.name!r} is not known without running the code: {field.opaque}"
                        self._problem(f"opaque-{kind}", message, None, field.location, fatal=False)


def _field(source: FieldSource, reason: str | None) -> Field:
    value = source.value
    shown: ast.AST | None = value
    text = source.source.segment(value) if value is not None else None
    if isinstance(value, ast.Call) and _last_name(value.func) == "field":
        keywords = {keyword.arg: keyword.value for keyword in value.keywords}
        factory, default = keywords.get("default_factory"), keywords.get("default")
        if isinstance(factory, ast.Lambda):
            shown = factory.body
            text = source.source.segment(factory.body)
        elif factory is not None:
            shown, text = factory, f"{source.source.segment(factory)}()"
        elif default is not None:
            shown, text = default, source.source.segment(default)
        else:
            shown, text = None, None
    return Field(
        name=source.name,
        annotation=source.source.segment(source.annotation) if source.annotation is not None else "",
        default=text,
        location=source.source.location(source.target),
        comment=source.source.comment(source.node),
        opaque=source.type_reason or source.default_reason or reason,
        value_location=source.source.location(shown) if shown is not None else None,
    )


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _as_record(main: _MainFunction) -> HydraMain:
    return HydraMain(
        main.name, main.config_path, main.config_name, main.version_base, main.location, main.called
    )


def _plain(value: Any) -> Any:
    return Opaque("a function or module") if isinstance(value, Known) and not isinstance(value, Opaque) else value


def _without_opaque(node: Any) -> Any:
    """A container for OmegaConf: what is not known in it is None."""
    if isinstance(node, Opaque):
        return None
    if type(node) is dict:
        return {key: _without_opaque(value) for key, value in node.items()}
    if type(node) is list:
        return [_without_opaque(value) for value in node]
    return real(node)


def _is_store_call(node: ast.Call, reader: _Reader, scope: Scope) -> bool:
    """Whether a call that is not carried out is a ConfigStore.store(…)."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "store":
        return False
    receiver = node.func.value
    if isinstance(receiver, ast.Name):
        bound, value = reader.lookup(receiver.id, scope)
        return value is _STORE if bound and not isinstance(value, Opaque) else receiver.id in ("cs", "config_store")
    return isinstance(receiver, ast.Call) and _last_name(receiver.func) == "instance"


_UNSUPPORTED = re.compile(r"Unexpected type annotation|Unions of containers|Unsupported|is not a supported|not supported")

_HELP = {
    "not-a-dataclass": "write @dataclass above the class",
    "unsupported-type": "use a type that OmegaConf has: int, float, bool, str, Path, an Enum, list, dict or a dataclass",
    "wrong-default": "make the default a value of the field's type, or change the type",
}


def _code(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OmegaConfBaseException):
        if "is not a structured config" in text:
            return "not-a-dataclass"
        return "unsupported-type" if _UNSUPPORTED.search(text) else "wrong-default"
    if isinstance(error, NameError):
        return "undefined-name"
    if isinstance(error, ImportError):
        return "import-error"
    return "raises"


def _words(error: BaseException) -> str:
    """The error as Python prints it last, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, OmegaConfBaseException):
        lines = [line for line in lines if not line.startswith(("full_key:", "object_type="))]
    text = " ".join(lines)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


# What the reader knows better than by calling it.


def _print(_reader: _Reader, _call: Call) -> None:
    return None


def _getattr(reader: _Reader, call: Call) -> Any:
    if len(call.args) < 2 or not isinstance(call.args[1], str) or isinstance(call.args[0], Opaque):
        return reader.opaque(call.node, call.scope)
    try:
        return reader.get_attribute(call.args[0], call.args[1], call.node, call.scope)
    except PyError as error:
        if len(call.args) > 2 and isinstance(error.error, AttributeError):
            return call.args[2]
        raise


def _hasattr(reader: _Reader, call: Call) -> Any:
    if len(call.args) != 2 or not isinstance(call.args[1], str) or isinstance(call.args[0], Opaque):
        return reader.opaque(call.node, call.scope)
    try:
        value = reader.get_attribute(call.args[0], call.args[1], call.node, call.scope)
    except PyError:
        return False
    return value if isinstance(value, Opaque) else True


def _setattr(reader: _Reader, call: Call) -> None:
    if len(call.args) == 3 and isinstance(call.args[1], str):
        reader.set_attribute(call.args[0], call.args[1], call.args[2], call.node, call.scope)


def _type(reader: _Reader, call: Call) -> Any:
    if len(call.args) != 1 or isinstance(call.args[0], Known):
        return reader.opaque(call.node, call.scope)
    return type(call.args[0])


def _cast(reader: _Reader, call: Call) -> Any:
    return call.args[1] if len(call.args) == 2 else reader.opaque(call.node, call.scope)


def _partial(reader: _Reader, call: Call) -> Any:
    from experiment_setup.pyvalues import Partial

    if not call.args or isinstance(call.args[0], Opaque):
        return reader.opaque(call.node, call.scope)
    return Partial(call.args[0], call.args[1:], call.kwargs)


def _wraps(_reader: _Reader, _call: Call) -> Any:
    return Special("wraps", lambda _inner_reader, inner: inner.args[0] if inner.args else None)


def _path_function(name: str) -> Special:
    function = getattr(os.path, name)

    def run(reader: _Reader, call: Call) -> Any:
        paths = [os.fspath(value) for value in call.args if isinstance(value, (str, os.PathLike))]
        if len(paths) != len(call.args) or call.kwargs or not paths or not all(map(os.path.isabs, paths)):
            return reader.opaque(call.node, call.scope)
        if name == "relpath" and len(paths) != 2:
            return reader.opaque(call.node, call.scope)
        return function(*paths)

    return Special(name, run)


def _omegaconf(name: str) -> Special:
    function = getattr(OmegaConf, name)

    def run(reader: _Reader, call: Call) -> Any:
        given = [*call.args, *call.kwargs.values()]
        if unknown_in(given) is not None:
            return reader.opaque(call.node, call.scope)
        reader.resolve_pending()
        try:
            return function(*copy.deepcopy(call.args), **call.kwargs)
        except PyError:
            raise
        except Exception as error:
            raise reader.error(error, call.node, call.scope) from error

    return Special(f"OmegaConf.{name}", run)


class _OmegaConfClass(Known):
    """omegaconf.OmegaConf: only what makes configs out of plain values is known."""

    functions: Mapping[str, Special] = {name: _omegaconf(name) for name in ("create", "structured")}


_SPECIALS: dict[tuple[str, str], Any] = {
    ("hydra", "main"): Special("hydra.main", lambda reader, call: reader.hydra_main(call)),
    ("hydra.main", "main"): Special("hydra.main", lambda reader, call: reader.hydra_main(call)),
    ("hydra.core.config_store", "ConfigStore"): _STORE_CLASS,
    ("hydra.core.config_store", "ConfigStoreWithProvider"): Special("ConfigStoreWithProvider", lambda _r, _c: _STORE),
    ("os", "getenv"): Special("os.getenv", lambda reader, call: reader.variable(call)),
    ("builtins", "print"): Special("print", _print),
    ("builtins", "getattr"): Special("getattr", _getattr),
    ("builtins", "hasattr"): Special("hasattr", _hasattr),
    ("builtins", "setattr"): Special("setattr", _setattr),
    ("builtins", "type"): Special("type", _type),
    ("typing", "cast"): Special("cast", _cast),
    ("functools", "partial"): Special("partial", _partial),
    ("functools", "wraps"): Special("wraps", _wraps),
    **{("os.path", name): _path_function(name) for name in ("abspath", "realpath", "relpath")},
    **{("os", name): Opaque(f"os.{name}") for name in ("getcwd", "listdir", "makedirs", "cpu_count", "system")},
}
