"""The config schema of an entry point, read from its syntax tree: nothing of the user's code is imported or run.

`read` follows what `python train.py` does before `@hydra.main` takes over: its imports of the project's own modules,
its dataclasses, and what it stores in Hydra's ConfigStore. The dataclasses are rebuilt as real ones, so that types,
coercions and their errors are OmegaConf's own. What only running the code would tell is opaque, and is named.
"""

from __future__ import annotations

import os
from pathlib import Path

from experiment_setup.code.problems import Problem
from experiment_setup.code.source import NeedsNewerPython, SourceFile, UnreadableSource, read_source
from experiment_setup.code.values import OF_ANOTHER_PYTHON, Opaque
from experiment_setup.schema.reader import Reader
from experiment_setup.schema.records import UNSET, ConfigClass, Field, HydraMain, Registration, Schema, node_of_class

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
    "node_of_class",
    "read",
]


def read(entry: Path, root: Path) -> Schema:
    """Read the schema of an entry point; `root` is the project's. Mistakes in the code become Problems."""
    path = _absolute(entry)
    try:
        source = read_source(path)
    except UnreadableSource as error:
        code = OF_ANOTHER_PYTHON if isinstance(error, NeedsNewerPython) else "syntax-error"
        problem = Problem(code, error.message, error.help, error.location, fatal=True)
        return Schema(entry=path, modules=(path,), problems=(problem,))
    found = Reader(path, _absolute(root)).read(source)
    _last[:] = [module.source for module in found.code.known.values()] if found.code else []
    return found


# What the next one imports too is parsed, as long as this is there. Not the schema, whose parts know each other in
# circles: with it, they would be old before they are let go, and stay.
_last: list[SourceFile] = []


def _absolute(path: Path) -> Path:
    # As Python makes `__file__` of a script's name: links stay, unlike with Path.resolve().
    return Path(os.path.abspath(path))  # noqa: PTH100


def empty(entry: Path) -> Schema:
    """The schema of an experiment without an entry point."""
    return Schema(entry)
