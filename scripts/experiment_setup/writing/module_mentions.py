"""Where code and config name a folder as a Python package: `from fitlib.model import …`, `_target_: fitlib.Net`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiment_setup import files, installed, syntax
from experiment_setup.errors import CommandError

_PATH_ENTRIES = {"src", "lib", "python"}  # folders that are put on Python's path, besides the project's root
# What a name alone stands behind where it can only be a package.
_PACKAGE_FOLLOWS = (
    r"pkg://(?:\w+[./])*|\s-m\s+(?:\w+\.)*"
    r"|\b(?:import_module|find_spec|files|config_module|package|anchor)\s*[=(]\s*[\"'](?:pkg://)?(?:\w+\.)*"
)


class PackageMentions:
    """Finds the mentions of `folder`, a package of the project at `root`, in texts: the places of its own name."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._name = folder, folder.name
        inside = folder.relative_to(root).parts if folder.is_relative_to(root) else (folder.name,)
        self._paths = [inside[start:] for start in range(len(inside)) if all(map(str.isidentifier, inside[start:]))]
        members = {path.stem if path.suffix == ".py" else path.name for path in folder.iterdir()}
        if self._name in members:  # a module of that name in the folder comes first for a script that starts there
            self._paths = [path for path in self._paths if len(path) > 1]
        self._on_path = folder.parent == root or folder.parent.name in _PATH_ENTRIES
        if not self._on_path and installed.has(self._name):  # `timm` means the library, unless its folder is named
            self._paths = [path for path in self._paths if len(path) > 1]
        dotted = "|".join(map(re.escape, map(".".join, self._paths))) or r"(?!)"
        members |= _public_names(folder / "__init__.py")  # `_target_: fitlib.Net`
        known = "|".join(map(re.escape, sorted(members - {self._name}, key=len, reverse=True))) or r"(?!)"
        self._patterns = (
            re.compile(rf"(?<![\w.\-/])(?:{dotted})(?=\.(?:{known})(?![\w-]))"),
            re.compile(rf"(?:{_PACKAGE_FOLLOWS}){re.escape(self._name)}(?![\w-])"),
        )

    def find(self, path: Path, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of each mention of the folder's name as a part of a module's name; some may come twice."""
        if not self._paths or self._name not in text:
            return
        for pattern in self._patterns:
            for match in pattern.finditer(text):
                yield match.end() - len(self._name), match.end()
        if path.suffix == ".py":
            above = len(path.relative_to(self._folder).parts) + 1 if path.is_relative_to(self._folder) else -1
            yield from self._in_python(text, above)

    def _in_python(self, text: str, above: int) -> Iterator[tuple[int, int]]:
        """The mentions that only the syntax tells: imports of the package itself, and uses of the name they bind.

        `above` is how many dots lead a relative import out of the folder.
        """
        tree = syntax.tree(text)
        if tree is None:
            return
        lines = files.lines_of(text)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))

        def place(node: ast.stmt | ast.expr | ast.alias, skipped: int = 0) -> tuple[int, int]:
            line = lines[node.lineno - 1]
            start = starts[node.lineno - 1] + len(line.encode()[: node.col_offset].decode()) + skipped
            return start, start + len(self._name)

        bound = False
        for node in ast.walk(tree):
            for alias in node.names if isinstance(node, ast.Import) else ():
                before = self._before(alias.name.split("."))
                if before is not None:
                    yield place(alias, before)
                    bound = bound or (alias.asname is None and before == 0)
            if isinstance(node, ast.ImportFrom) and node.module and node.level in (0, above):
                parts = node.module.split(".")
                before = (0 if parts[0] == self._name else None) if node.level else self._before(parts)
                start, _ = place(node)
                keyword = re.compile(r"from[\s.]+").match(text, start)
                if before is not None and keyword:
                    yield place(node, keyword.end() - start + before)
                for alias in node.names:
                    if (*node.module.split("."), alias.name) in self._paths:
                        yield place(alias)
                        bound = bound or alias.asname is None
        if bound:
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and node.id == self._name:
                    yield place(node)

    def _before(self, parts: Sequence[str]) -> int | None:
        """How many characters stand before the folder's name in the name of a module in it; None for another module."""
        for path in self._paths:
            if tuple(parts[: len(path)]) == path and (len(path) > 1 or self._on_path):
                return len("".join(f"{part}." for part in path[:-1]))
        return None


def _public_names(init: Path) -> set[str]:
    """The names that a package's __init__.py binds at its top."""
    try:
        tree = syntax.tree(files.read_text(init))
    except (OSError, CommandError):
        return set()
    if tree is None:
        return set()
    names = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    names |= {
        target.id
        for n in tree.body
        if isinstance(n, ast.Assign)
        for target in n.targets
        if isinstance(target, ast.Name)
    }
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return names
