"""What Hydra offers an entry point before it composes: ConfigStore, @hydra.main, and the environment variables."""

from __future__ import annotations

import ast
import copy
import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiment_setup.location import Location
from experiment_setup.python.classes import Classes
from experiment_setup.python.source import UnreadableSource
from experiment_setup.python.specials import SPECIALS
from experiment_setup.python.types import Factory
from experiment_setup.python.unknown import unknown_fields, unresolved
from experiment_setup.python.values import (
    Call,
    FieldSource,
    Known,
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
from experiment_setup.schema.errors import HELP, code_of, words_of
from experiment_setup.schema.records import UNSET, Problem


@dataclass(eq=False)
class MainFunction(Known):
    """A function decorated with @hydra.main."""

    name: str
    config_path: Any
    config_name: Any
    version_base: Any
    location: Location
    function: Any
    called: bool = False


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


class _Store(Known):
    """The ConfigStore: the class, and its only instance."""


_STORE_CLASS = _Store()
_STORE = _Store()


class HydraCalls(Classes):
    """Reads one entry point."""

    def __init__(self, entry: Path, root: Path) -> None:
        super().__init__(entry, root)
        self.entry = entry
        self.problems: dict[tuple[str, str, Location], Problem] = {}
        self.stored: list[Stored] = []
        self.mains: list[MainFunction] = []
        self._main_ran = False
        self._unset: set[str] = set()  # environment variables that were asked for without a default, and are not set
        self.attributes.update(_SPECIALS)
        self.attributes["os", "environ"] = self.environ
        self.attributes["sys", "path"] = self.finder.path
        self._store_special = Special("store", HydraCalls._store)

    # Problems.

    def problem(self, code: str, message: str, help: str | None, location: Location, fatal: bool) -> None:  # noqa: A002
        """Note a problem, once."""
        self.problems.setdefault((code, message, location), Problem(code, message, help, location, fatal))

    def report(self, error: PyError) -> None:
        """Running the code fails here."""
        code = error.code or code_of(error.error)
        if code == "raises" and self._unset:
            names = ", ".join(sorted(self._unset))
            message = f"{words_of(error.error)} (not set here: {names})"
            self.problem("environment-variable", message, f"set {names}", error.location, fatal=False)
            return
        self.problem(code, words_of(error.error), error.help or HELP.get(code), error.location, fatal=True)

    def unreadable(self, error: UnreadableSource) -> None:
        """A module that the entry point imports does not compile."""
        fatal = not self.protected
        self.problem("syntax-error", error.message, error.help, error.location, fatal)

    def missing_variable(self, name: str, node: ast.AST, scope: Scope) -> Any:
        """os.environ["NAME"] where NAME is not set: whether that fails depends on where it runs."""
        value = self.opaque(node, scope)
        self._unset.add(name)
        if not self.environ_reason:
            location = self.error(KeyError(name), node, scope).location
            message = f"the environment variable {name} is not set here; running the code fails without it"
            help_ = f'set {name}, or write os.environ.get("{name}", "a default")'
            self.problem("environment-variable", message, help_, location, fatal=False)
        return value

    def script_package(self, node: ast.AST, scope: Scope) -> str:
        """A script has no package, but `python -m` gives it the one it lies in."""
        if scope.module.name != "__main__":
            return ""
        package = self.finder.package_of_script()
        if package:
            location = self.error(ImportError(), node, scope).location
            message = f"a relative import: it works with `python -m {package}.{self.entry.stem}` only, not as a script"
            self.problem("relative-import", message, "import by the module's full name", location, fatal=False)
            scope.module.package = package
        return package

    def off_path(self, name: str, node: ast.AST, scope: Scope) -> None:
        """A module that the script finds only if PYTHONPATH or an installation says where."""
        location = self.error(ImportError(), node, scope).location
        message = f"{name} is found from the project's root only, which is not on the script's sys.path"
        self.problem("import-off-path", message, "install the project, or set PYTHONPATH to its root", location, False)

    # Calls.

    def call(self, function: Any, call: Call) -> Any:
        """Call a known value; some of what Hydra and the environment offer is known here."""
        if isinstance(function, MainFunction):
            self._call_main(function)
            return None
        if function is _STORE_CLASS:
            return _STORE
        owner, name = getattr(function, "owner", None), getattr(function, "function", None)
        if owner is self.environ and name in ("get", "pop", "setdefault"):
            return self.variable(call, name)
        if any(isinstance(value, MainFunction) for value in call.args) and not isinstance(function, UserFunction):
            self._mark_called(call)
        return super().call(function, call)

    def variable(self, call: Call, name: str = "get") -> Any:
        """os.getenv and os.environ.get."""
        given = {**dict(zip(("key", "default"), call.args, strict=False)), **call.kwargs}
        key, default = given.get("key"), given.get("default")
        if not isinstance(key, str) or (key not in self.environ and self.environ_reason):
            return self.opaque(call.node, call.scope)
        if name == "pop" and key not in self.environ and "default" not in given:
            return self.missing_variable(key, call.node, call.scope)
        value = self.environ.get(key, default)
        if value is None:
            self._unset.add(key)
        if name == "setdefault" and isinstance(value, str):
            self.environ[key] = value
        elif name == "pop":
            self.environ.pop(key, None)
        return value

    def _call_main(self, function: MainFunction) -> None:
        function.called = self._main_ran = True

    def _mark_called(self, call: Call) -> None:
        for value in (*call.args, *call.kwargs.values()):
            if isinstance(value, MainFunction):
                value.called = True

    def unknown_call(self, function: Any, call: Call) -> None:
        """What may follow from a call that is not followed."""
        super().unknown_call(function, call)
        sets = isinstance(function, Opaque) and function.reason == "object.__setattr__" and len(call.args) == 3
        if sets and isinstance(call.args[1], str):
            owner, name, value = call.args
            self.set_attribute(owner, name, value, call.node, call.scope, force=True)
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
        if isinstance(function, MainFunction):
            function.called = True
        if isinstance(function, UserFunction) and not isinstance(function.node, ast.Lambda):
            for inner in ast.walk(function.node):
                self.steps += 1
                if isinstance(inner, ast.Call) and _is_store_call(inner, self, function.scope):
                    self._unknown_store(node, scope, reason)
                    return
                called = self.lookup(inner.id, function.scope)[1] if isinstance(inner, ast.Name) else None
                if isinstance(called, MainFunction):
                    called.called = True

    def stand_in_attribute(self, owner: Known, name: str, node: ast.AST, scope: Scope) -> Any:
        """Attributes of the ConfigStore, and of functions."""
        if owner is _STORE_CLASS and name == "instance":
            return Special("instance", lambda _reader, _call: _STORE)
        if owner is _STORE and name == "store":
            return self._store_special
        if isinstance(owner, _OmegaConfClass) and name in owner.functions:
            return owner.functions[name]
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
            message = '@hydra.main without parentheses: write @hydra.main(version_base=None, config_path=".", …)'
            raise self.error(TypeError(message), call.node, call.scope)
        given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
        source = call.scope.module.source
        assert source is not None
        location = source.location(call.node)

        def decorate(_reader: HydraCalls, inner: Call) -> MainFunction:
            function = inner.args[0] if inner.args else None
            main = MainFunction(
                name=function.name if isinstance(function, UserFunction) else "main",
                config_path=_plain(given.get("config_path", UNSET)),
                config_name=_plain(given.get("config_name")),
                version_base=_plain(given.get("version_base", UNSET)),
                location=location,
                function=function,
            )
            self.mains.append(main)
            return main

        return Special("hydra.main(…)", decorate)

    def look_for_late_stores(self, main: MainFunction) -> None:
        """Report what the main function itself stores."""
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
        source = called.scope.module.source
        return bool(source and source.mentions(".store", called.node)) and any(
            isinstance(inner, ast.Call) and _is_store_call(inner, self, called.scope) for inner in ast.walk(called.node)
        )

    def _too_late(self, location: Location, where: str) -> None:
        message = f"stored {where}: Hydra has composed the config by then and never sees it"
        help_ = "call store() at the top level of the module, before main() is called"
        self.problem("registered-too-late", message, help_, location, fatal=False)

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
        if isinstance(package, Known):
            self._unknown_store(call.node, call.scope, "its package")
            return
        self._add(name, node, group or None, package, call, location)

    def _add(
        self, name: str, node: Any, group: str | None, package: str | None, call: Call, location: Location
    ) -> None:
        self.resolve_pending()
        wanted = f"{group}/{name}" if group else name
        structured: Any = None
        if isinstance(node, Known):
            reason = node.reason if isinstance(node, Opaque) else "a function or module"
            message = f"what is stored as {wanted} is not known without running the code: {reason}"
            self.problem("opaque-registration", message, None, location, fatal=False)
            node, opaque = Opaque(reason), {"": reason}
        else:
            error = unresolved(node)
            if error:
                raise PyError(error.error, error.location, error.code, error.help)
            opaque = dict(unknown_fields(node))
            node = _without_opaque(node)
            structured = self._make_node(node, call)
            opaque = opaque or dict(unknown_fields(node))
        short = name.removesuffix(".yaml")
        self.stored.append(Stored(group, short, package, node, location, bool(self.guard), opaque, structured))

    def _make_node(self, node: Any, call: Call) -> Any:
        while True:  # each turn takes out one default that lacks its environment variable
            self.take_failure()
            try:
                return OmegaConf.structured(node)
            except Exception as error:
                failed = self.take_failure()
                if failed is not None:  # OmegaConf may have wrapped what a factory raised
                    raise PyError(error, failed.location, failed.code or "raises", failed.help) from error
                refused = self._structured_error(error, node, call)
                if not (self._unset and "'None'" in str(error) and self._forgive(refused)):
                    raise refused from error

    def _forgive(self, refused: PyError) -> bool:
        """Make a default opaque that is None because an environment variable is not set here."""
        for info in self.infos:
            for source in info.fields.values():
                field = info.cls.__dict__.get("__dataclass_fields__", {}).get(source.name)
                if field is None or field.default is not None or source.value is None:
                    continue
                if source.source.location(source.target) != refused.location:
                    continue
                names = ", ".join(sorted(self._unset))
                source.default_reason = f"{source.source.quote(source.value)}, not set here: {names}"
                factory = Factory(self, Opaque(source.default_reason), Call((), {}, info.node, info.scope))
                factory.owner = (info.cls, source.name)
                field.default, field.default_factory = dataclasses.MISSING, factory
                message = f"{words_of(refused.error)} (not set here: {names})"
                self.problem("environment-variable", message, f"set {names}", refused.location, fatal=False)
                return True
        return False

    def _unknown_store(self, node: ast.AST, scope: Scope, reason: str) -> None:
        location = self.error(TypeError(), node, scope).location
        message = f"what is stored here is not known without running the code: {reason}"
        self.problem("unread-registration", message, None, location, fatal=False)

    def _structured_error(self, error: Exception, node: Any, call: Call) -> PyError:
        """OmegaConf's refusal, at the field that it is about."""
        location = self.error(error, call.node, call.scope).location
        cls = node if isinstance(node, type) else type(node)
        owner = getattr(error, "object_type", None)
        key = getattr(error, "full_key", None) or ""
        union = re.match(r"Unions of containers are not supported:\n(\w+):", str(error))
        if isinstance(owner, type) and class_info(owner) and key:  # from 2.4 on, the key is the whole path
            names = re.split(r"[.\[]", key.rstrip("]"))
            found = field_source(owner, names[-1]) or field_source(owner, names[0])
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


def _is_store_call(node: ast.Call, reader: HydraCalls, scope: Scope) -> bool:
    """Whether a call that is not carried out is a ConfigStore.store(…)."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "store":
        return False
    receiver = node.func.value
    if isinstance(receiver, ast.Name):
        bound, value = reader.lookup(receiver.id, scope)
        return value is _STORE if bound and not isinstance(value, Opaque) else receiver.id in ("cs", "config_store")
    return isinstance(receiver, ast.Call) and last_name(receiver.func) == "instance"


def last_name(node: ast.expr) -> str:
    """`c` of `a.b.c`; "" for what is no dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _omegaconf(name: str) -> Special:
    function = getattr(OmegaConf, name)

    def run(reader: HydraCalls, call: Call) -> Any:
        given = [*call.args, *call.kwargs.values()]
        if unknown_in(given) is not None:
            return reader.opaque(call.node, call.scope)
        reader.resolve_pending()
        if any(True for value in given for _ in unknown_fields(value)):
            return reader.opaque(call.node, call.scope)
        reader.take_failure()
        try:
            return function(*copy.deepcopy(call.args), **call.kwargs)
        except Exception as error:
            place = reader.take_failure() or reader.error(error, call.node, call.scope)
            raise PyError(error, place.location, place.code, place.help) from error

    return Special(f"OmegaConf.{name}", run)


class _OmegaConfClass(Known):
    """omegaconf.OmegaConf: only what makes configs out of plain values is known."""

    functions: Mapping[str, Special] = {name: _omegaconf(name) for name in ("create", "structured")}


_OMEGACONF = _OmegaConfClass()


_SPECIALS: dict[tuple[str, str], Any] = {
    **SPECIALS,
    ("hydra", "main"): Special("hydra.main", lambda reader, call: reader.hydra_main(call)),
    ("hydra.main", "main"): Special("hydra.main", lambda reader, call: reader.hydra_main(call)),
    ("hydra.core.config_store", "ConfigStore"): _STORE_CLASS,
    ("hydra.core.config_store", "ConfigStoreWithProvider"): Special("ConfigStoreWithProvider", lambda _r, _c: _STORE),
    ("omegaconf", "OmegaConf"): _OMEGACONF,
    ("os", "getenv"): Special("os.getenv", lambda reader, call: reader.variable(call)),
}
