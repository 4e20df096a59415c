"""The arguments of a script's `hydra.main(…)`, from its tree: constants, and paths that start from `__file__`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from experiment_setup.code.registry import Registry
from experiment_setup.code.tree import FUNCTIONS, last_name

_ORDER = ("config_path", "config_name", "version_base")
_DEEPEST = 20


def arguments(script: Path, source: bytes) -> Mapping[str, str | None] | None:
    """What the first `hydra.main` of a script is given (None: only a run tells); None for a script without one."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = _names(script, tree)
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    if any(names.is_main(decorator) for function in functions for decorator in function.decorator_list):
        return {}  # without parentheses
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and names.is_main(node.func)]
    if not calls:
        return None
    first = min(calls, key=lambda call: call.lineno)
    given = dict(zip(_ORDER, first.args, strict=False)) | {k.arg: k.value for k in first.keywords if k.arg}
    return {name: _text(value, names) for name, value in given.items()}


@dataclass
class _Names:
    """What the names of a script stand for."""

    script: Path
    constants: dict[str, ast.expr] = field(default_factory=dict)
    hydra: set[str] = field(default_factory=set)  # names of the module
    main: set[str] = field(default_factory=set)  # names of the decorator

    def is_main(self, function: ast.expr) -> bool:
        """Whether this is `hydra.main`."""
        if isinstance(function, ast.Attribute):
            return function.attr == "main" and isinstance(function.value, ast.Name) and function.value.id in self.hydra
        return isinstance(function, ast.Name) and function.id in self.main


def _names(script: Path, tree: ast.Module) -> _Names:
    names = _Names(script)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            for alias in node.names:
                if module is None and alias.name == "hydra":
                    names.hydra.add(alias.asname or "hydra")
                elif module in ("hydra", "hydra.main") and alias.name == "main":
                    names.main.add(alias.asname or "main")
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                names.constants.setdefault(target.id, node.value)
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
    value = names.constants.get(node.id)
    return _text(value, names, depth) if value is not None else None


@_TEXTS.reads(ast.Attribute)
def _parent(node: ast.Attribute, names: _Names, depth: int) -> str | None:
    inner = _text(node.value, names, depth) if node.attr == "parent" else None
    return str(Path(inner).parent) if inner is not None else None


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
    if name in ("join", "Path", "PurePath") and given:
        return _joined(given)
    if name in ("str", "fspath", "abspath", "realpath", "normpath") and len(given) == 1:
        return given[0]
    return str(Path(given[0]).parent) if name == "dirname" and len(given) == 1 and given[0] is not None else None


def _joined(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return str(Path(*known)) if len(known) == len(parts) else None


def _concatenated(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) else None
