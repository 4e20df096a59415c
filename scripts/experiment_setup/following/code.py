"""The project's modules as code that calls one another: what a name in one of them stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from experiment_setup.following import syntax
from experiment_setup.python.modules import Finder
from experiment_setup.python.source import SourceFile, UnreadableSource, read_source

_CHAIN = 5  # re-exports of re-exports


@dataclass(eq=False)
class Module:
    """A file of the project, with what it defines and imports at any depth."""

    source: SourceFile
    functions: dict[str, syntax.Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.source.tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.functions[node.name] = node
            elif isinstance(node, ast.ClassDef):
                self.classes[node.name] = node

    @cached_property
    def imports(self) -> dict[str, tuple[str, str | None, int]]:
        """Name -> (module, name in it or None for the module itself, level of a relative import)."""
        found: dict[str, tuple[str, str | None, int]] = {}
        for plain in self.source.nodes(ast.Import):
            for alias in plain.names:
                first = alias.name if alias.asname else alias.name.split(".")[0]
                found[alias.asname or first] = (first, None, 0)
        for node in self.source.nodes(ast.ImportFrom):
            found.update(
                {alias.asname or alias.name: (node.module or "", alias.name, node.level) for alias in node.names}
            )
        return found

    def full_name(self, node: ast.expr) -> str:
        """The dotted name of an expression, by what was imported: `wandb.init` for `wb.init`."""
        written = syntax.dotted(node)
        first, dot, rest = written.partition(".")
        module, name, level = self.imports.get(first, ("", None, 0))
        if not module or level:
            return written
        return ".".join(part for part in (module, name) if part) + dot + rest


@dataclass(frozen=True)
class Defined:
    """A function or class and the module it stands in."""

    module: Module
    node: syntax.Function | ast.ClassDef

    @property
    def key(self) -> tuple[Path, str]:
        """What tells it from all others."""
        return self.module.source.path, self.node.name


class Code:
    """The modules of a project, read when code is followed into them."""

    def __init__(self, entry: SourceFile, known: Sequence[Path], root: Path) -> None:
        self._known = [path for path in known if path != entry.path]
        self._finder = Finder(entry.path, root)
        self.entry = Module(entry)
        self._modules: dict[Path, Module | None] = {entry.path: self.entry}
        self._found: dict[tuple[Path, str, int], Module | None] = {}

    def modules(self) -> Iterator[Module]:
        """The entry point and what it imports, as far as it is the project's own."""
        for path in self._known:
            self._module(path)
        yield from (module for module in list(self._modules.values()) if module is not None)

    def defined(self, module: Module, node: ast.expr) -> Defined | None:
        """The function or class of the project that a name or a dotted name in `module` means."""
        names = syntax.dotted(node).split(".") if isinstance(node, (ast.Name, ast.Attribute)) else []
        return self._look_up(module, names, _CHAIN) if all(names) else None

    def _look_up(self, module: Module, names: Sequence[str], depth: int) -> Defined | None:
        if not names or depth == 0:
            return None
        own = module.functions.get(names[0]) or module.classes.get(names[0])
        if own is not None:
            return Defined(module, own) if len(names) == 1 else None
        if names[0] not in module.imports:
            return None
        target, name, level = module.imports[names[0]]
        rest = names[1:]
        if name is not None:
            inside = self._find(module, target, level)
            if inside is not None and (found := self._look_up(inside, [name, *rest], depth - 1)):
                return found
            target = f"{target}.{name}" if target else name
        while rest:  # `import src.loop` and then `src.loop.train`
            inside = self._find(module, target, level)
            if inside is not None and (found := self._look_up(inside, rest, depth - 1)):
                return found
            target, rest = f"{target}.{rest[0]}", rest[1:]
        return None

    def _find(self, module: Module, target: str, level: int) -> Module | None:
        key = (module.source.path, target, level)
        if key not in self._found:
            self._found[key] = self._search(module, target, level)
        return self._found[key]

    def _search(self, module: Module, target: str, level: int) -> Module | None:
        parts = target.split(".") if target else []
        if level:
            folder = module.source.path.parents[level - 1] if level <= len(module.source.path.parents) else None
            return self._in([folder], parts) if folder is not None else None
        for path in self._known:
            own = path.parent.parts if path.name == "__init__.py" else path.with_suffix("").parts
            if parts and own[-len(parts) :] == tuple(parts):
                return self._module(path)
        found = self._finder.find(parts[0]) if parts else None
        if found is None:
            return None
        if len(parts) == 1:
            return self._module(found.file) if found.file else None
        return self._in(found.folders, parts[1:])

    def _in(self, folders: Sequence[Path], parts: Sequence[str]) -> Module | None:
        for folder in folders:
            inner = folder.joinpath(*parts)
            for path in (inner.with_name(f"{inner.name}.py"), inner / "__init__.py"):
                if path.is_file():
                    return self._module(path)
        return None

    def _module(self, path: Path) -> Module | None:
        if path not in self._modules:
            try:
                self._modules[path] = Module(read_source(path))
            except UnreadableSource:
                self._modules[path] = None
        return self._modules[path]
