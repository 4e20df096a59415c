"""Which of our modules imports which, read from their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path


def own_modules(scripts: Path) -> dict[str, Path]:
    """The commands and the library in the folder `scripts`: dotted name -> file."""
    return {
        path.relative_to(scripts).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path
        for path in sorted(scripts.rglob("*.py"))
    }


def imported(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    """Those of `modules` that a file imports, anywhere in it; `from a.b import c` is a.b, and a.b.c if c is one."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            yield from (known for known in (name, name.rpartition(".")[0]) if known in modules)
