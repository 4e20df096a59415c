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


def imported(path: Path, modules: Mapping[str, Path], *, types: bool = True) -> Iterator[str]:
    """Those of `modules` that a file imports, anywhere in it; `from a.b import c` is a.b.c, or a.b if that is none.

    Without `types`, what is imported for type checkers only is left out.
    """
    tree = ast.parse(path.read_text("utf-8"))
    guarded = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    passed_over = set() if types else {inner for node in guarded for inner in ast.walk(node)}
    for node in ast.walk(tree):
        names: list[str] = []
        if node in passed_over:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            yield from [known for known in (name, name.rpartition(".")[0]) if known in modules][:1]
