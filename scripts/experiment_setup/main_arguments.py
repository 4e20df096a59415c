"""The arguments of a script's `hydra.main(…)`, from its tree: constants, and paths that start from `__file__`.

Constants may stand in another module of the project.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import field
from pathlib import Path
from typing import NamedTuple

from experiment_setup import files, syntax
from experiment_setup.code.registry import Registry
from experiment_setup.code.tree import FUNCTIONS, dotted, last_name
from experiment_setup.light import dataclass

_ORDER = ("config_path", "config_name", "version_base")
_DEEPEST = 20
_ROOTS_ABOVE = 8  # folders above a script that its imports may start from

# What rootutils and pyrootutils take for a project's root where a script names nothing (find_root).
_OF_A_ROOT = (".project-root", "setup.cfg", "setup.py", ".git", "pyproject.toml")


def arguments(script: Path, source: bytes) -> list[Mapping[str, str | None]]:
    """What each `hydra.main` of a script is given (None: only a run tells), in their order.

    What it is given as None is left out.
    """
    tree = syntax.tree(source)
    if tree is None:
        return []
    names = _names(script, tree)
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    if any(names.is_main(decorator) for function in functions for decorator in function.decorator_list):
        return [{}]  # without parentheses
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and names.is_main(node.func)]
    return [_arguments(call, names) for call in sorted(calls, key=lambda call: call.lineno)]


def _arguments(call: ast.Call, names: _Names) -> dict[str, str | None]:
    given = dict(zip(_ORDER, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
    for keyword in call.keywords:
        given |= _unpacked(keyword.value, names) if keyword.arg is None else {}
    return {name: _text(value, names) for name, value in given.items() if not _is_none(value)}


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _unpacked(node: ast.expr, names: _Names) -> dict[str, ast.expr]:
    """What `**PARAMS` stands for, where PARAMS is a dict in the same file."""
    if isinstance(node, ast.Name):
        node = names.value_of(node) or node
    if isinstance(node, ast.Call) and last_name(node.func) == "dict" and not node.args:
        return {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
    return {key.value: value for key, value in pairs if isinstance(key, ast.Constant) and isinstance(key.value, str)}


class _Assigned(NamedTuple):
    value: ast.expr
    line: int  # that it ends on
    certain: bool  # a statement of the file itself, that runs in any case


@dataclass
class _Names:
    """What the names of a script stand for."""

    script: Path
    assigned: dict[str, list[_Assigned]] = field(default_factory=dict)  # by name, in the order of their lines
    hydra: set[str] = field(default_factory=set)  # names of the module
    main: set[str] = field(default_factory=set)  # names of the decorator
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (module, its name there)

    def value_of(self, name: ast.Name) -> ast.expr | None:
        """What is assigned to a name before it is read: last of all where nothing decides whether, else first.

        `path = os.path.dirname(__file__)` may be followed by `path = os.path.join(path, "conf")`.
        """
        known = self.assigned.get(name.id, [])
        read_at = getattr(name, "lineno", sys.maxsize)
        before = [one for one in known if one.line < read_at]
        certain = [one.value for one in before if one.certain]
        return certain[-1] if certain else next((one.value for one in (*before, *known)), None)

    def is_main(self, function: ast.expr) -> bool:
        """Whether this is `hydra.main`."""
        if isinstance(function, ast.Attribute):
            return function.attr == "main" and isinstance(function.value, ast.Name) and function.value.id in self.hydra
        return isinstance(function, ast.Name) and function.id in self.main

    def is_of_resources(self, function: ast.expr) -> bool:
        """Whether this is `importlib.resources.files`, under whichever of its names."""
        first = dotted(function).partition(".")[0]
        module, name = self.imported.get(first, ("", first))
        return module in ("", "importlib", "importlib.resources") and name in ("files", "resources", "importlib")


def _names(script: Path, tree: ast.Module) -> _Names:
    names, own = _Names(script), set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            for alias in node.names:
                if isinstance(node, ast.ImportFrom):
                    origin = "." * node.level + (node.module or "")
                    names.imported.setdefault(alias.asname or alias.name, (origin, alias.name))
                if module is None and alias.name == "hydra":
                    names.hydra.add(alias.asname or "hydra")
                elif module in ("hydra", "hydra.main") and alias.name == "main":
                    names.main.add(alias.asname or "main")
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            value = node.value
            if isinstance(node, ast.AugAssign):
                value = ast.copy_location(ast.BinOp(node.target, node.op, value), node)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    made = _Assigned(value, node.end_lineno or node.lineno, certain=id(node) in own)
                    names.assigned.setdefault(target.id, []).append(made)
    for found in names.assigned.values():
        found.sort(key=lambda one: one.line)
    return names


# The text or the path that an expression stands for; None where only a run tells.
_TEXTS: Registry[Callable[..., str | None]] = Registry()


def _text(node: ast.expr, names: _Names, depth: int = 0) -> str | None:
    read = _TEXTS.get(type(node)) if depth <= _DEEPEST else None
    return read(node, names, depth + 1) if read is not None else None


@_TEXTS.reads(ast.Constant)
def _constant(node: ast.Constant, _names: _Names, _depth: int) -> str | None:
    return node.value if isinstance(node.value, str) else None


@_TEXTS.reads(ast.Name)
def _name(node: ast.Name, names: _Names, depth: int) -> str | None:
    if node.id == "__file__":
        return str(names.script)
    value = names.value_of(node)
    if value is not None:
        return _text(value, names, depth)
    if node.id in names.imported:
        module, name = names.imported[node.id]
        other = _module(names.script, module)
        return _text(ast.Name(name), other, depth) if other is not None else None
    return None


def _module(script: Path, name: str) -> _Names | None:
    """The names of a module of the project that a script imports; None for any other module."""
    dots = len(name) - len(name.lstrip("."))
    steps = [step for step in name.split(".") if step]
    folders = [script.parents[dots - 1]] if dots else script.parents[:_ROOTS_ABOVE]
    for folder in folders:
        base = folder.joinpath(*steps)
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if files.is_file(path) and path != script:
                try:
                    tree = syntax.tree(files.read_bytes(path))
                except OSError:
                    return None
                return _names(path, tree) if tree is not None else None
    return None


def _package(script: Path, name: str | None) -> str | None:
    """The folder of a package of the project, as `importlib.resources.files` gives it; None for any other package."""
    steps = name.split(".") if name else []
    found = (folder.joinpath(*steps) for folder in script.parents[:_ROOTS_ABOVE])
    return next((str(folder) for folder in found if steps and files.is_folder(folder)), None)


_PARTS: Mapping[str, Callable[[Path], str]] = {
    "parent": lambda path: str(path.parent),
    "name": lambda path: path.name,
    "stem": lambda path: path.stem,
}


@_TEXTS.reads(ast.Attribute)
def _part(node: ast.Attribute, names: _Names, depth: int) -> str | None:
    part = _PARTS.get(node.attr)
    inner = _text(node.value, names, depth) if part is not None else None
    return part(Path(inner)) if part is not None and inner is not None else None


@_TEXTS.reads(ast.Subscript)
def _parents(node: ast.Subscript, names: _Names, depth: int) -> str | None:
    if not (isinstance(node.value, ast.Attribute) and node.value.attr == "parents"):
        return None
    inner = _text(node.value.value, names, depth)
    index = node.slice.value if isinstance(node.slice, ast.Constant) else None
    above = Path(inner).parents if inner is not None else ()
    return str(above[index]) if isinstance(index, int) and 0 <= index < len(above) else None


@_TEXTS.reads(ast.BinOp)
def _operation(node: ast.BinOp, names: _Names, depth: int) -> str | None:
    parts = [_text(node.left, names, depth), _text(node.right, names, depth)]
    if isinstance(node.op, ast.Div):
        return _joined(parts)
    return _concatenated(parts) if isinstance(node.op, ast.Add) else None


@_TEXTS.reads(ast.JoinedStr)
def _f_string(node: ast.JoinedStr, names: _Names, depth: int) -> str | None:
    values = [value.value if isinstance(value, ast.FormattedValue) else value for value in node.values]
    return _concatenated([_text(value, names, depth) for value in values])


@_TEXTS.reads(ast.Call)
def _call(node: ast.Call, names: _Names, depth: int) -> str | None:
    name = last_name(node.func)
    given = [_text(argument, names, depth) for argument in node.args]
    if isinstance(node.func, ast.Attribute):
        if name in ("resolve", "absolute", "as_posix") and not given:
            return _text(node.func.value, names, depth)
        if name == "joinpath":
            return _joined([_text(node.func.value, names, depth), *given])
        if name == "with_suffix" and given == [""]:
            inner = _text(node.func.value, names, depth)
            return str(Path(inner).with_suffix("")) if inner is not None else None
    if name == "files" and len(given) == 1 and names.is_of_resources(node.func):
        return _package(names.script, given[0])
    if name in ("setup_root", "find_root"):
        return _root(node, names, depth)
    if dotted(node.func) in ("os.getenv", "getenv", "os.environ.get", "environ.get") and len(given) == 2:
        return os.environ.get(given[0], given[1]) if given[0] is not None and given[1] is not None else None
    if name in ("join", "Path", "PurePath") and given:
        return _joined(given)
    if name in ("str", "fspath", "abspath", "realpath", "normpath") and len(given) == 1:
        return given[0]
    return str(Path(given[0]).parent) if name == "dirname" and len(given) == 1 and given[0] is not None else None


def _root(node: ast.Call, names: _Names, depth: int) -> str | None:
    """The nearest folder above that has one of the indicators, as rootutils and pyrootutils find it."""
    given = dict(zip(("search_from", "indicator"), node.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    start = _text(given["search_from"], names, depth) if "search_from" in given else None
    wanted = given.get("indicator")
    texts = wanted.elts if isinstance(wanted, (ast.List, ast.Tuple)) else [wanted] if wanted is not None else []
    indicators = [_text(text, names, depth) for text in texts] if wanted is not None else list(_OF_A_ROOT)
    if start is None or None in indicators:
        return None
    folders = (folder for folder in (Path(start), *Path(start).parents) if files.is_folder(folder))
    return next((str(folder) for folder in folders if any((folder / str(i)).exists() for i in indicators)), None)


def _joined(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return str(Path(*known)) if len(known) == len(parts) else None


def _concatenated(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) else None
