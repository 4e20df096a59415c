"""Which config a script's `hydra.main(…)` names, as far as finding experiments needs it; `schema.read` reads it all.

Most scripts say it in plain keywords, which are read without a parser. The others are parsed: constants, positional
arguments, another name for `hydra.main`, and paths that start from `__file__`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

_DECORATOR = re.compile(rb"^[ \t]*@(?:hydra\s*\.\s*)?main\b(?!\s*\.)[ \t]*(?:\((?P<arguments>[^)]*)\))?", re.MULTILINE)
_MENTION = re.compile(rb"\.\s*main\b|from\s+hydra(?:\.main)?\s+import\s+(?:\([^)]*|[^\n]*)\bmain\b")
_PLAIN = re.compile(r"(?:\s*\w+\s*=\s*(?:None|[rRuU]?\"[^\"\n]*\"|[rRuU]?'[^'\n]*')\s*(?:,|$))*\s*")
_ORDER = ("config_path", "config_name", "version_base")
_DEEPEST = 20


def named(script: Path) -> tuple[str, str] | None:
    """(config_path, config_name without its extension) of the first `hydra.main` in `script`, called or not, or None.

    What can't be told without running the script counts as not given.
    """
    try:
        source = script.read_bytes()
    except OSError:
        return None
    if b"hydra" not in source:
        return None
    decorator = _DECORATOR.search(source)
    text = (decorator["arguments"] or b"").decode("utf-8", "replace") if decorator else ""
    given = _keywords(text) if decorator and _PLAIN.fullmatch(text) else _parsed(script, source)
    if given is None and decorator:  # a script that does not compile
        given = _keywords(text)
    if given is None:
        return None
    return given.get("config_path") or ".", (given.get("config_name") or "config").removesuffix(".yaml")


def _keywords(arguments: str) -> dict[str, str | None]:
    return {name: value for name, _, value in re.findall(r"\b(\w+)\s*=\s*[rRuU]?([\"'])(.*?)\2", arguments)}


def _parsed(script: Path, source: bytes) -> dict[str, str | None] | None:
    if not _MENTION.search(source):
        return None
    import ast  # hardly any script needs it

    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names = _Names(script)
    for statement in ast.walk(tree):
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            names.see_import(statement)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            names.constants.setdefault(statement.targets[0].id, statement.value)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            names.constants.setdefault(statement.target.id, statement.value)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    if any(names.is_main(decorator) for function in functions for decorator in function.decorator_list):
        return {}  # without parentheses
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and names.is_main(node.func)]
    if not calls:
        return None
    first = min(calls, key=lambda call: call.lineno)
    given = dict(zip(_ORDER, first.args, strict=False)) | {k.arg: k.value for k in first.keywords if k.arg}
    return {name: names.text(value) for name, value in given.items()}


@dataclass
class _Names:
    """What the names of a script stand for."""

    script: Path
    constants: dict[str, ast.expr] = field(default_factory=dict)
    hydra: set[str] = field(default_factory=set)  # names of the module
    main: set[str] = field(default_factory=set)  # names of the decorator

    def see_import(self, statement: ast.Import | ast.ImportFrom) -> None:
        module = getattr(statement, "module", None)
        for alias in statement.names:
            if module is None and alias.name == "hydra":
                self.hydra.add(alias.asname or "hydra")
            elif module in ("hydra", "hydra.main") and alias.name == "main":
                self.main.add(alias.asname or "main")

    def is_main(self, function: ast.expr) -> bool:
        """Whether this is `hydra.main`."""
        import ast

        if isinstance(function, ast.Attribute):
            return function.attr == "main" and isinstance(function.value, ast.Name) and function.value.id in self.hydra
        return isinstance(function, ast.Name) and function.id in self.main

    def text(self, node: ast.expr, depth: int = 0) -> str | None:
        """The string or the path that an expression stands for; None where only a run tells."""
        import ast

        if depth > _DEEPEST:
            return None
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            if node.id == "__file__":
                return str(self.script)
            value = self.constants.get(node.id)
            return self.text(value, depth + 1) if value is not None else None
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            inner = self.text(node.value, depth + 1)
            return str(Path(inner).parent) if inner is not None else None
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
            inner = self.text(node.value.value, depth + 1)
            index = node.slice.value if isinstance(node.slice, ast.Constant) else None
            above = Path(inner).parents if inner is not None else ()
            return str(above[index]) if isinstance(index, int) and 0 <= index < len(above) else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Add)):
            parts = [self.text(node.left, depth + 1), self.text(node.right, depth + 1)]
            return self._joined(parts) if isinstance(node.op, ast.Div) else _concatenated(parts)
        if isinstance(node, ast.JoinedStr):
            values = [value.value if isinstance(value, ast.FormattedValue) else value for value in node.values]
            return _concatenated([self.text(value, depth + 1) for value in values])
        return self._called(node, depth) if isinstance(node, ast.Call) else None

    def _called(self, node: ast.Call, depth: int) -> str | None:
        import ast

        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        arguments = [self.text(argument, depth + 1) for argument in node.args]
        if name in ("resolve", "absolute", "as_posix") and isinstance(node.func, ast.Attribute) and not arguments:
            return self.text(node.func.value, depth + 1)
        if name == "joinpath" and isinstance(node.func, ast.Attribute):
            return self._joined([self.text(node.func.value, depth + 1), *arguments])
        if name in ("join", "Path", "PurePath") and arguments:
            return self._joined(arguments)
        if name in ("str", "fspath", "abspath", "realpath", "normpath") and len(arguments) == 1:
            return arguments[0]
        if name == "dirname" and len(arguments) == 1 and arguments[0] is not None:
            return str(Path(arguments[0]).parent)
        return None

    def _joined(self, parts: list[str | None]) -> str | None:
        known = [part for part in parts if part is not None]
        return str(Path(*known)) if len(known) == len(parts) else None


def _concatenated(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(parts) else None
