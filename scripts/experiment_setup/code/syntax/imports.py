"""Imports: the project's own modules are read, the known ones are known, all others are opaque."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from experiment_setup import files
from experiment_setup.code.evaluator import STATEMENTS, Evaluator
from experiment_setup.code.modules import KnownModule, Module, Scope
from experiment_setup.code.values import Opaque, PyError, unknown_in
from experiment_setup.light import compiled
from experiment_setup.listing import few
from experiment_setup.location import did_you_mean


@STATEMENTS.reads(ast.Import)
def _import(evaluator: Evaluator, node: ast.Import, scope: Scope) -> None:
    for alias in node.names:
        module = _module(evaluator, alias.name, node, scope)
        if alias.asname is None:
            module = _module(evaluator, alias.name.partition(".")[0], node, scope)
        evaluator.bind((alias.asname or alias.name).partition(".")[0], module, scope)


@STATEMENTS.reads(ast.ImportFrom)
def _import_from(evaluator: Evaluator, node: ast.ImportFrom, scope: Scope) -> None:
    name = _absolute(evaluator, node, scope)
    if name == "__future__":
        scope.module.future_annotations |= any(alias.name == "annotations" for alias in node.names)
        return
    module = _module(evaluator, name, node, scope, [alias.name for alias in node.names])
    for alias in node.names:
        if alias.name == "*":
            _import_all(evaluator, module, scope)
        else:
            value = _name_in(evaluator, module, name, alias, scope)
            evaluator.bind(alias.asname or alias.name, value, scope)


def _absolute(evaluator: Evaluator, node: ast.ImportFrom, scope: Scope) -> str:
    module = scope.module
    if node.level and not module.package and module.name == "__main__":
        # A script has no package, but `python -m` gives it the one it lies in.
        module.package = evaluator.modules.finder.package_of_script(_most_dots(scope))
        if module.package:
            started = f"python -m {module.package}.{evaluator.entry.stem}"
            message = f"a relative import: it works with `{started}` only, not as a script"
            advice = "import by the module's full name"
            evaluator.problems.add("relative-import", message, advice, evaluator.location(node, scope))
    try:
        return evaluator.modules.absolute(module, node.module or "", node.level)
    except ImportError as error:
        advice = f"a script has no package: write `from {node.module or 'module'} import …` without the dot"
        raise evaluator.error(error, node, scope, None if module.package else advice) from error


def _most_dots(scope: Scope) -> int:
    """How far the script, and the modules beside it, go up in their imports."""
    source = scope.module.source
    beside = (files.read_loosely(path) for path in sorted(source.path.parent.glob("*.py"))[:_MOST_READ])
    dots = [len(found[1]) for text in beside for found in _RELATIVE.finditer(text)]
    return max([*dots, *(node.level for node in source.nodes(ast.ImportFrom))])


_RELATIVE = compiled(r"^from[ \t]+(\.+)", re.MULTILINE)
_MOST_READ = 50


def _module(evaluator: Evaluator, name: str, node: ast.AST, scope: Scope, wanted: Sequence[str] = ()) -> Any:
    """The module that a dotted name means: the project's, a known one, or Opaque. `wanted`: names in it."""
    first, *rest = name.split(".")
    module: Any = evaluator.modules.top_level(first, [[*rest, one] for one in wanted] or [rest])
    if module is None:
        evaluator.unknowns += 1
        return Opaque(first)
    if isinstance(module, Module) and module.fallback:
        _warn_of_fallback(evaluator, module, node, scope)
    _evaluate(evaluator, module)
    for part in rest:
        if isinstance(module, KnownModule):
            inner = KnownModule(f"{module.name}.{part}")
            evaluator.attributes.setdefault((module.name, part), inner)
            module = inner
        elif isinstance(module, Module):
            inner_module = _submodule(evaluator, module, part)
            if inner_module is None:
                return _missing(evaluator, module, part, name, node, scope)
            module = inner_module
        else:
            return Opaque(name)
    return module


def _warn_of_fallback(evaluator: Evaluator, module: Module, node: ast.AST, scope: Scope) -> None:
    """The script finds it only if PYTHONPATH or an installation says where."""
    message = f"{module.name} is found from the project's root only, which is not on the script's sys.path"
    advice = "install the project, or set PYTHONPATH to its root"
    evaluator.problems.add("import-off-path", message, advice, evaluator.location(node, scope))


def _submodule(evaluator: Evaluator, package: Module, part: str) -> Module | None:
    module = evaluator.modules.submodule(package, part)
    if module is not None and not module.evaluated:
        _evaluate(evaluator, module)
        package.names[part] = module
    return module


def _evaluate(evaluator: Evaluator, module: Any) -> None:
    """Carry a module out when it is first imported."""
    if not isinstance(module, Module) or module.evaluated:
        return
    module.evaluated = True
    if module.error is not None:
        error = module.error
        fatal = error.fails and not evaluator.protected
        code = "syntax-error" if error.fails else "not-read"
        evaluator.problems.add(code, error.message, error.help, error.location, fatal)
    elif module.is_read:
        evaluator.run_module(module)
    module.complete = True


def _missing(evaluator: Evaluator, package: Module, part: str, name: str, node: ast.AST, scope: Scope) -> Any:
    """`package.part` is no module: one of its names, or an import that fails."""
    if part in package.names and not isinstance(package.names[part], Module):
        return package.names[part]
    if package.fallback or package.unknown_star or not package.has_modules or package.is_built_from_others:
        return Opaque(name)
    known = {path.stem for folder in package.search for path in folder.glob("*.py")} - {"__init__"}
    meant = did_you_mean(part, known)
    advice = f"did you mean {package.name}.{meant}?" if meant else f"it has {few(sorted(known))}" if known else None
    error = ModuleNotFoundError(f"No module named '{package.name}.{part}'", name=name)
    raise evaluator.error(error, node, scope, advice)


def _name_in(evaluator: Evaluator, module: Any, name: str, alias: ast.alias, scope: Scope) -> Any:
    """What `from module import alias` gives."""
    unknown = Opaque(f"{name}.{alias.name}")
    if isinstance(module, KnownModule):
        return _known_name(evaluator, module, name, alias, scope)
    if not isinstance(module, Module):
        evaluator.unknowns += 1
        return unknown
    if alias.name in module.names:
        return module.names[alias.name]
    submodule = _submodule(evaluator, module, alias.name)
    if submodule is not None:
        return submodule
    # What is found from the root only may be imported in another order, as the installed package.
    known = module.is_read and module.complete and _is_the_entrys(evaluator, module)
    unsure = module.fallback and not known
    if module.unknown_star or unsure or module.gives_names_on_demand:
        return unknown
    if not module.is_read and not module.has_modules:
        return unknown
    circular = "" if module.complete else " (the modules import each other in a circle)"
    missing = ImportError(f"cannot import name {alias.name!r} from {name!r}{circular}", name=name)
    raise evaluator.error(missing, alias, scope, module.instead_of(alias.name))


def _is_the_entrys(evaluator: Evaluator, module: Module) -> bool:
    """Whether a module is of the package that the entry point lies in, so that it is this one that is imported."""
    top = evaluator.modules.known.get(module.name.partition(".")[0])
    return top is not None and any(evaluator.entry.is_relative_to(folder) for folder in top.search)


def _known_name(evaluator: Evaluator, module: KnownModule, name: str, alias: ast.alias, scope: Scope) -> Any:
    try:
        value = module.attribute(alias.name, evaluator, alias, scope)
    except PyError as error:
        message = f"cannot import name {alias.name!r} from {name!r}"
        missing = evaluator.error(ImportError(message, name=name), alias, scope, error.help)
        missing.code = error.code
        raise missing from error
    return Opaque(f"{name}.{alias.name}") if isinstance(value, Opaque) else value


def _import_all(evaluator: Evaluator, module: Any, scope: Scope) -> None:
    if not isinstance(module, Module):
        name = module.name if isinstance(module, KnownModule) else "a library"
        scope.module.unknown_star = scope.module.unknown_star or f"from {name} import *"
        return
    names = module.names.get("__all__")
    if not isinstance(names, (list, tuple)) or unknown_in(names) is not None:
        names = [name for name in module.names if not name.startswith("_")]
    for name in names:
        if isinstance(name, str) and name in module.names:
            evaluator.bind(name, module.names[name], scope)
    scope.module.unknown_star = scope.module.unknown_star or module.unknown_star
