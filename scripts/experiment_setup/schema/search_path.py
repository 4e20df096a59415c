"""What the project's own plugins add to Hydra's search path."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from experiment_setup.code.modules import Module
from experiment_setup.code.tree import last_name, walk
from experiment_setup.location import Location

_PLUGIN = "SearchPathPlugin"


def added(modules: Iterable[Module]) -> Iterator[tuple[Location, str | None]]:
    """Each path that a SearchPathPlugin in the modules appends or prepends, with its place; None: only a run tells.

    That such a class is registered, or lies where Hydra looks for plugins, is taken for granted.
    """
    for module in modules:
        yield from ((module.source.location(call), None) for call in _of_libraries(module))
        if _PLUGIN not in module.source.text:
            continue
        for plugin in module.source.nodes(ast.ClassDef):
            if _PLUGIN in map(last_name, plugin.bases):
                calls = (node for node in walk(plugin) if isinstance(node, ast.Call))
                for call in calls:
                    if last_name(call.func) in ("append", "prepend"):
                        yield module.source.location(call), _path(call)


def _of_libraries(module: Module) -> Iterator[ast.Call]:
    """The calls that register a plugin which the module imports, as `register_hydra_plugin(HabitatConfigPlugin)`."""
    if "egister" not in module.source.text or "lugin" not in module.source.text:
        return
    for call in module.source.nodes(ast.Call):
        given = call.args[0] if len(call.args) == 1 else None
        registers = last_name(call.func) == "register_hydra_plugin" or _is_of_hydra(call.func)
        if registers and isinstance(given, ast.Name) and given.id in module.imports:
            yield call


def _is_of_hydra(function: ast.expr) -> bool:
    """Whether it is `Plugins.instance().register`."""
    return isinstance(function, ast.Attribute) and ast.unparse(function) == "Plugins.instance().register"


def _path(call: ast.Call) -> str | None:
    """The argument `path` of ConfigSearchPath.append(provider, path)."""
    given = dict(zip(("provider", "path"), call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    path = given.get("path")
    return path.value if isinstance(path, ast.Constant) and isinstance(path.value, str) else None
