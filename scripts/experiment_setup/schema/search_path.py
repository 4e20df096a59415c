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
        if _PLUGIN not in module.source.text:
            continue
        for plugin in module.source.nodes(ast.ClassDef):
            if _PLUGIN in map(last_name, plugin.bases):
                calls = (node for node in walk(plugin) if isinstance(node, ast.Call))
                for call in calls:
                    if last_name(call.func) in ("append", "prepend"):
                        yield module.source.location(call), _path(call)


def _path(call: ast.Call) -> str | None:
    """The argument `path` of ConfigSearchPath.append(provider, path)."""
    given = dict(zip(("provider", "path"), call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    path = given.get("path")
    return path.value if isinstance(path, ast.Constant) and isinstance(path.value, str) else None
