"""Imports: the project's own modules are read, the known ones are known, all others are opaque."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from experiment_setup.location import did_you_mean
from experiment_setup.python import standard
from experiment_setup.python.functions import Functions
from experiment_setup.python.modules import Found
from experiment_setup.python.source import UnreadableSource, read_source
from experiment_setup.python.statements import UnknownFlow
from experiment_setup.python.values import KnownModule, Module, Opaque, PyError, Scope, unknown_in


class Imports(Functions):
    """Carries out imports."""

    def __init__(self, entry: Path, root: Path) -> None:
        super().__init__(entry, root)
        self.modules: dict[str, Module] = {}
        self.read_files: list[Path] = []
        self.execute.update({ast.Import: self._import, ast.ImportFrom: self._import_from})

    # What subclasses do.

    def unreadable(self, error: UnreadableSource) -> None:
        """A module of the project does not compile."""
        raise NotImplementedError

    def script_package(self, node: ast.AST, scope: Scope) -> str:
        """The package that the entry point lies in, for its relative imports; "" if it lies in none."""
        return ""

    def off_path(self, name: str, node: ast.AST, scope: Scope) -> None:
        """A module is found from the project's root, which is not on the script's sys.path."""

    # The statements.

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            module = self.import_module(alias.name, node, scope)
            if alias.asname is None:
                first = alias.name.partition(".")[0]
                module = self.import_module(first, node, scope)
            self.bind((alias.asname or alias.name).partition(".")[0], module, scope)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        name = node.module or ""
        if node.level:
            name = self._absolute(node, scope)
        if name == "__future__":
            scope.module.future_annotations |= any(alias.name == "annotations" for alias in node.names)
            return
        module = self.import_module(name, node, scope)
        for alias in node.names:
            if alias.name == "*":
                self._import_all(module, scope)
            else:
                self.bind(alias.asname or alias.name, self._import_name(module, name, alias, node, scope), scope)

    def _absolute(self, node: ast.ImportFrom, scope: Scope) -> str:
        package = scope.module.package or self.script_package(node, scope)
        if not package:
            raise self.error(
                ImportError("attempted relative import with no known parent package"),
                node,
                scope,
                f"a script has no package: write `from {node.module or 'module'} import …` without the dot",
            )
        parts = package.split(".")
        if node.level - 1 >= len(parts):
            raise self.error(ImportError("attempted relative import beyond top-level package"), node, scope)
        base = ".".join(parts[: len(parts) - node.level + 1])
        return f"{base}.{node.module}" if node.module else base

    def _import_name(self, module: Any, name: str, alias: ast.alias, node: ast.AST, scope: Scope) -> Any:
        if isinstance(module, KnownModule):
            try:
                value = self.known_attribute(module, alias.name, alias, scope)
            except PyError as error:
                message = f"cannot import name {alias.name!r} from {name!r}"
                raise self.error(ImportError(message, name=name), alias, scope) from error
            return Opaque(f"{name}.{alias.name}") if isinstance(value, Opaque) else value
        if not isinstance(module, Module):
            self.unknowns += 1
            return Opaque(f"{name}.{alias.name}")
        if alias.name in module.names:
            return module.names[alias.name]
        found = self._submodule(module, alias.name)
        if found is not None:
            return found
        if module.unknown_star or "__getattr__" in module.names or (module.source is None and not module.search):
            return Opaque(f"{name}.{alias.name}")
        if module.fallback or (module.source is None and alias.name not in module.names and not self._owns(module)):
            return Opaque(f"{name}.{alias.name}")
        meant = did_you_mean(alias.name, module.names)
        circular = "" if module.complete else " (the modules import each other in a circle)"
        missing = ImportError(f"cannot import name {alias.name!r} from {name!r}{circular}", name=name)
        raise self.error(missing, alias, scope, f"did you mean {meant}?" if meant else None)

    @staticmethod
    def _owns(module: Module) -> bool:
        return any(any(folder.glob("*.py")) for folder in module.search)

    def _import_all(self, module: Any, scope: Scope) -> None:
        if not isinstance(module, Module):
            name = module.name if isinstance(module, KnownModule) else "a library"
            scope.module.unknown_star = scope.module.unknown_star or f"from {name} import *"
            return
        names = module.names.get("__all__")
        if not isinstance(names, (list, tuple)) or unknown_in(names) is not None:
            names = [name for name in module.names if not name.startswith("_")]
        for name in names:
            if name in module.names:
                self.bind(name, module.names[name], scope)
        scope.module.unknown_star = scope.module.unknown_star or module.unknown_star

    def import_module(self, name: str, node: ast.AST, scope: Scope) -> Any:
        """The module that a dotted name means: the project's, a known one, or Opaque."""
        first, *rest = name.split(".")
        module = self._top_level(first, node, scope)
        for part in rest:
            if isinstance(module, Module):
                inner = self._submodule(module, part)
                if inner is None:
                    if part in module.names and not isinstance(module.names[part], Module):
                        return module.names[part]
                    if module.fallback or module.unknown_star or not self._owns(module):
                        return Opaque(name)
                    message = f"No module named '{module.name}.{part}'"
                    known = {path.stem for folder in module.search for path in folder.glob("*.py")}
                    meant = did_you_mean(part, known - {"__init__"})
                    error = ModuleNotFoundError(message, name=name)
                    raise self.error(error, node, scope, f"did you mean {module.name}.{meant}?" if meant else None)
                module = inner
            elif isinstance(module, KnownModule):
                known_inner = KnownModule(f"{module.name}.{part}")
                self.attributes.setdefault((module.name, part), known_inner)
                module = known_inner
            else:
                return Opaque(name)
        return module

    def _top_level(self, name: str, node: ast.AST, scope: Scope) -> Any:
        if name in self.modules:
            return self.modules[name]
        found = self.finder.find(name)
        if found is None:
            if name in standard.TRANSPARENT or name in ("hydra", "os", "sys", "warnings"):
                return KnownModule(name)
            self.unknowns += 1
            return Opaque(name)
        if found.fallback:
            self.off_path(name, node, scope)
        return self._load(name, found, found.fallback)

    def _submodule(self, package: Module, part: str) -> Module | None:
        name = f"{package.name}.{part}"
        if name in self.modules:
            return self.modules[name]
        found = self.finder.find_in(part, package.search)
        if found is None or (found.file is None and not any(folder.is_dir() for folder in found.folders)):
            return None
        module = self._load(name, found, package.fallback)
        package.names[part] = module
        return module

    def _load(self, name: str, found: Found, fallback: bool) -> Module:
        source = None
        if found.file is not None:
            try:
                source = read_source(found.file)
            except UnreadableSource as error:
                self.unreadable(error)
                module = Module(name, None, name, (), fallback, unknown_star=f"{name}, which does not compile")
                self.modules[name] = module
                return module
        package = name if found.folders else name.rpartition(".")[0]
        module = Module(name, source, package, found.folders, fallback)
        self.modules[name] = module
        if source is not None:
            self.run_module(module)
        module.complete = True
        return module

    def run_module(self, module: Module) -> None:
        """Carry out a module's statements."""
        source = module.source
        assert source is not None
        if source.path not in self.read_files:
            self.read_files.append(source.path)
        module.names.update(
            {
                "__name__": module.name,
                "__file__": str(source.path),
                "__package__": module.package,
                "__doc__": ast.get_docstring(source.tree),
            }
        )
        saved = self.depth, self.steps, self.guard
        self.depth = self.guard = 0
        try:
            self.run(source.tree.body, module.scope)
        except UnknownFlow:
            pass  # whether the module stops here is not known; what follows has been skipped
        finally:
            self.depth, self.steps, self.guard = saved
