"""The config schema of an entry point, read from its syntax tree: nothing of the user's code is imported or run.

`read` follows what `python train.py` does before `@hydra.main` takes over: its imports of the project's own modules,
its dataclasses, and what it stores in Hydra's ConfigStore. The dataclasses are rebuilt as real ones, so that types,
coercions and their errors are OmegaConf's own. What only running the code would tell is opaque, and is named.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

from experiment_setup.python.source import UnreadableSource, read_source
from experiment_setup.python.values import Opaque
from experiment_setup.schema.reader import Reader
from experiment_setup.schema.records import UNSET, ConfigClass, Field, HydraMain, Problem, Registration, Schema

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


def read(entry: Path, root: Path) -> Schema:
    """Read the schema of an entry point; `root` is the project's. Mistakes in the code become Problems."""
    path = _absolute(entry)
    try:
        source = read_source(path)
    except UnreadableSource as error:
        problem = Problem("syntax-error", error.message, error.help, error.location, fatal=True)
        return Schema(entry=path, modules=(path,), problems=(problem,))
    return Reader(path, _absolute(root)).read(source)


def _absolute(path: Path) -> Path:
    # As Python makes `__file__` of a script's name: links stay, unlike with Path.resolve().
    return Path(os.path.abspath(path))  # noqa: PTH100


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
