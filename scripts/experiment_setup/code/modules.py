"""The modules of a project: each is read once, and an import means the same one to everybody who asks.

What it defines and imports stands in its syntax tree; what its names come to, the evaluator adds.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiment_setup import files
from experiment_setup.code import standard
from experiment_setup.code.finder import Finder, Found
from experiment_setup.code.source import SourceFile, UnreadableSource, empty_source, read_source, too_large
from experiment_setup.code.tree import FUNCTIONS, Function, dotted
from experiment_setup.code.values import OF_ANOTHER_PYTHON, Known
from experiment_setup.light import dataclass
from experiment_setup.listing import few
from experiment_setup.location import did_you_mean

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator

_MAX_SIZE = 2_000_000  # of all modules of an entry point, as `SourceFile.size` counts
_CHAIN = 5  # re-exports of re-exports
_KNOWN = frozenset({"hydra", "os", "sys", "warnings"}) | standard.TRANSPARENT

_BUILT = frozenset("CMakeLists.txt meson.build .c .cc .cpp .cxx .cu .f90 .pyx .rs .proto .so .pyd".split())


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
    def function(self) -> str:
        """The name of the function that it belongs to, or ""."""
        scope: Scope | None = self
        while scope is not None and scope.kind != "function":
            scope = scope.parent
        return scope.qualname.removesuffix(".<locals>.").rpartition(".")[2] if scope is not None else ""

    @property
    def function_parent(self) -> Scope:
        """What a nested function or comprehension sees: classes are left out."""
        scope = self
        while scope.kind == "class" and scope.parent is not None:
            scope = scope.parent
        return scope


@dataclass(frozen=True)
class Imported:
    """What an import statement binds a name to: a module, or a name in it."""

    module: str
    name: str | None
    level: int  # the dots of a relative import


@dataclass(eq=False)
class Module(Known):
    """A module of the project that has been read (or is being read)."""

    name: str
    source: SourceFile  # without a line where there is none: for a namespace package, and for what does not compile
    package: str
    search: tuple[Path, ...] = ()  # where its submodules are
    fallback: bool = False  # found only from the project root, which is not on the script's sys.path
    is_read: bool = True  # whether it has a source
    error: UnreadableSource | None = None
    names: dict[str, Any] = field(default_factory=dict)  # what the evaluator has bound
    evaluated: bool = False  # or about to be
    complete: bool = False
    unknown_star: str | None = None  # a star import from a module that is not read: any name may be defined
    future_annotations: bool = False
    scope: Scope = field(init=False)

    def __post_init__(self) -> None:
        self.scope = Scope("module", self.names, self)

    # What its syntax tree says.

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions at its top level."""
        return {node.name: node for node in self.source.tree.body if isinstance(node, FUNCTIONS)}

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """The classes at its top level."""
        return {node.name: node for node in self.source.tree.body if isinstance(node, ast.ClassDef)}

    @cached_property
    def imports(self) -> dict[str, Imported]:
        """What its imports bind, at any depth."""
        found: dict[str, Imported] = {}
        for plain in self.source.nodes(ast.Import):
            for alias in plain.names:
                first = alias.name.partition(".")[0]
                found[alias.asname or first] = Imported(alias.name if alias.asname else first, None, 0)
        for node in self.source.nodes(ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = Imported(node.module or "", alias.name, node.level)
        found.pop("*", None)
        return found

    @cached_property
    def stars(self) -> list[Imported]:
        """What `from … import *` takes everything from."""
        nodes = self.source.nodes(ast.ImportFrom)
        return [Imported(node.module or "", None, node.level) for node in nodes if node.names[0].name == "*"]

    def full_name(self, node: ast.expr) -> str:
        """The dotted name of an expression, by what was imported: `wandb.init` for `wb.init`."""
        written = dotted(node)
        first, dot, rest = written.partition(".")
        imported = self.imports.get(first)
        if imported is None or not imported.module or imported.level:
            return written
        return ".".join(part for part in (imported.module, imported.name) if part) + dot + rest

    # What its names come to.

    @property
    def may_have_any_name(self) -> bool:
        """Whether it may define names that are not seen."""
        return bool(not self.is_read or self.unknown_star or self.gives_names_on_demand or self.fallback)

    @property
    def gives_names_on_demand(self) -> bool:
        """Whether it says itself what each name gives: by `__getattr__`, or by an object in its own place."""
        return "__getattr__" in self.names or self._replaces_itself

    @cached_property
    def _replaces_itself(self) -> bool:
        """Whether it has `sys.modules[__name__] = …`, as packages do that import their parts when they are used."""
        written = (target for node in self.source.nodes(ast.Assign) for target in node.targets)
        return any(
            isinstance(target, ast.Subscript)
            and dotted(target.slice) == "__name__"
            and self.full_name(target.value) == "sys.modules"
            for target in written
        )

    @property
    def has_modules(self) -> bool:
        """Whether there is a Python file in its folders; with none but empty ones, others' code may be put there."""
        return any(file.stat().st_size for folder in self.search for file in folder.glob("*.py"))

    @property
    def is_built_from_others(self) -> bool:
        """Whether code in another language lies in its folders, of which modules are built that no repository has."""
        return any(path.suffix in _BUILT or path.name in _BUILT for folder in self.search for path in folder.glob("*"))

    def attribute(self, name: str, evaluator: Evaluator, node: ast.AST, scope: Scope) -> Any:
        """One of its names."""
        if name in self.names:
            return evaluator.current(self.names[name])
        if self.may_have_any_name:
            return evaluator.opaque(node, scope)
        error = AttributeError(f"module {self.name!r} has no attribute {name!r}")
        raise evaluator.error(error, node, scope, self.instead_of(name))

    def instead_of(self, name: str) -> str | None:
        """What to do about a name that it does not have."""
        meant = did_you_mean(name, self.names)
        if meant or not self.is_read:
            return f"did you mean {meant}?" if meant else None
        own = [known for known in (*self.classes, *self.functions) if not known.startswith("_")]
        return f"define it in {self.source.path.name}" + (f", or take what is there: {few(own)}" if own else "")

    @property
    def real(self) -> Any:
        """An empty module."""
        return type(ast)(self.name)


@dataclass(frozen=True, eq=False)
class KnownModule(Known):
    """A module whose pure parts are known: of the standard library, omegaconf or hydra."""

    name: str

    def attribute(self, name: str, evaluator: Evaluator, node: ast.AST, scope: Scope) -> Any:
        """What it has of that name, or what the code has set."""
        if (self.name, name) in evaluator.attributes:
            return evaluator.attributes[self.name, name]
        full = f"{self.name}.{name}"
        if full in standard.TRANSPARENT or full in ("hydra.core", "hydra.core.config_store"):
            return KnownModule(full)
        try:
            return standard.attribute(self.name, name)
        except (standard.Unknown, ImportError):
            return evaluator.opaque(node, scope)
        except AttributeError as error:
            meant = standard.misspelled(self.name, name)
            message = f"module {self.name!r} has no attribute {name!r}"
            missing = evaluator.error(AttributeError(message), node, scope, f"did you mean {meant}?" if meant else None)
            missing.code = None if meant else OF_ANOTHER_PYTHON
            raise missing from error

    @property
    def real(self) -> Any:
        """An empty module."""
        return type(ast)(self.name)


@dataclass(frozen=True)
class Defined:
    """A function or class and the module it stands in."""

    module: Module
    node: Function | ast.ClassDef

    @property
    def key(self) -> tuple[Path, str]:
        """What tells it from all others."""
        return self.module.source.path, self.node.name


class Modules:
    """The modules that an entry point comes to."""

    def __init__(self, entry: Path, root: Path) -> None:
        self.finder = Finder(entry, root)
        self.known: dict[str, Module] = {}
        self._size = 0
        self._found: dict[tuple[str, ...], Module | None] = {}

    def __iter__(self) -> Iterator[Module]:
        """Those that have a syntax tree; one that was imported under two names is one."""
        files: dict[Path, Module] = {}
        for module in self.known.values():
            if module.is_read:
                files.setdefault(module.source.path, module)
        return iter(list(files.values()))

    def absolute(self, module: Module, name: str, level: int) -> str:
        """The full name of what `from ..name import x` in a module means (importlib._bootstrap._resolve_name).

        Raises ImportError where Python does.
        """
        if not level:
            return name
        parts = module.package.split(".") if module.package else []
        if not parts:
            raise ImportError("attempted relative import with no known parent package")
        if level > len(parts):
            raise ImportError("attempted relative import beyond top-level package")
        return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])

    def top_level(self, name: str, inside: Sequence[Sequence[str]] = ()) -> Module | KnownModule | None:
        """The module of a name without dots; None for one that is not the project's, or not found.

        `inside`: the names that are wanted of it, such as `config.schema` of `src`.
        """
        if name in self.known:
            return self.known[name]
        found = self.finder.find(name, inside)
        if found is not None:
            return self._read(name, found, found.fallback)
        return KnownModule(name) if name in _KNOWN else None

    def submodule(self, package: Module, part: str) -> Module | None:
        """`package.part`; None where there is no such module."""
        name = f"{package.name}.{part}"
        if name in self.known:
            return self.known[name]
        found = self.finder.find_in(part, package.search)
        if found is None or (found.file is None and not any(files.is_folder(folder) for folder in found.folders)):
            return None
        return self._read(name, found, package.fallback)

    def find(self, name: str, inside: Sequence[str] = ()) -> Module | None:
        """The module of the project that a dotted name means; `inside`: the names that are wanted of it.

        For what comes after evaluation: the answers are kept, as if sys.path changed no more.
        """
        key = (name, *inside)
        if key not in self._found:
            self._found[key] = self._find(name, inside)
        return self._found[key]

    def _find(self, name: str, inside: Sequence[str]) -> Module | None:
        first, *rest = name.split(".")
        module = self.top_level(first, [[*rest, *inside]])
        for part in rest:
            module = self.submodule(module, part) if isinstance(module, Module) else None
        return module if isinstance(module, Module) else None

    def _read(self, name: str, found: Found, fallback: bool) -> Module:
        source, error = empty_source(found.file or found.folders[0]), None
        if found.file is not None:
            try:
                source = self._source(found.file)
            except UnreadableSource as unreadable:
                error = unreadable.alone()
        package = name if found.folders else name.rpartition(".")[0]
        is_read = found.file is not None and error is None
        module = Module(name, source, package, found.folders, fallback, is_read, error)
        if error is not None:
            module.unknown_star = f"{name}, which does not compile" if error.fails else name
        self.known[name] = module
        return module

    def _source(self, file: Path) -> SourceFile:
        if self._size > _MAX_SIZE:
            raise too_large(file)
        source = read_source(file)
        self._size += source.size
        return source

    # What a name in the code stands for.

    def defined(self, module: Module, node: ast.expr) -> Defined | None:
        """The function or class of the project that a name or a dotted name in `module` means."""
        return self.named(module, dotted(node)) if isinstance(node, (ast.Name, ast.Attribute)) else None

    def named(self, module: Module, name: str) -> Defined | None:
        """The function or class of the project that a dotted name in `module` means."""
        names = name.split(".")
        return self._look_up(module, names, _CHAIN) if all(names) else None

    def imported(self, module: Module, name: str) -> Defined | None:
        """What an import of a name means, also where the module has a function of that name: a function of it may
        import another one.
        """
        return self._look_up_imported(module, [name], _CHAIN)

    def _look_up(self, module: Module, names: Sequence[str], depth: int) -> Defined | None:
        if not names or depth == 0:
            return None
        own = module.functions.get(names[0]) or module.classes.get(names[0])
        if own is not None:
            return Defined(module, own) if len(names) == 1 else None
        return self._look_up_imported(module, names, depth)

    def _look_up_imported(self, module: Module, names: Sequence[str], depth: int) -> Defined | None:
        imported = module.imports.get(names[0])
        if imported is None:
            everything = (self._imported(module, star, names) for star in module.stars)
            found = (self._look_up(inside, names, depth - 1) for inside in everything if inside)
            return next((one for one in found if one), None)
        rest = [*([imported.name] if imported.name else []), *names[1:]]
        inside = self._imported(module, imported, rest)
        while inside is not None and rest:  # `import src.loop` and then `src.loop.train`
            one = self._look_up(inside, rest, depth - 1)
            if one is not None:
                return one
            inside, rest = self.submodule(inside, rest[0]), rest[1:]
        return None

    def _imported(self, module: Module, imported: Imported, inside: Sequence[str]) -> Module | None:
        """The project's module that an import is of; None where it is not the project's, or Python finds none."""
        if imported.level and module.name == "__main__":
            module.package = module.package or self.finder.package_of_script(imported.level)
        try:
            return self.find(self.absolute(module, imported.module, imported.level), inside)
        except ImportError:
            return None
