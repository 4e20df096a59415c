"""What Python code of a project types on a command line: tasks and launchers start a script as a process, and some code
puts words into `sys.argv`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from experiment_setup import syntax
from experiment_setup.light import compiled

_LAUNCHES = compiled(r"\bsubprocess\b|\bos\.(?:system|popen|exec\w+)\b|\b(?:invoke|nox|submitit)\b")
_COMMAND = compiled(r"\b(?:python[\d.]*|torchrun|launch|srun|run)\b.*(?:\.py|\s-m\s)")
_OVERRIDE = compiled(r"\+{0,2}[A-Za-z_][\w./@]*=")
_ADDED = frozenset({"append", "extend", "insert"})
_UNKNOWN = "{}"


def commands_in(code: str) -> str:
    """The commands that code starts and the words that it adds to them, one a line; what is computed is `{}`."""
    launches, adds = _LAUNCHES.search(code) is not None, "sys.argv" in code
    tree = syntax.tree(code) if launches or adds else None
    if tree is None:
        return ""
    lines: dict[str, None] = {}
    parts = {id(part) for text in ast.walk(tree) if isinstance(text, ast.JoinedStr) for part in text.values}
    for node in ast.walk(tree):
        if launches and id(node) not in parts:
            lines.update(dict.fromkeys(_typed(node)))
        if adds and _touches_the_command_line(node):
            inside = (_text(inner) for inner in ast.walk(node) if id(inner) not in parts)
            lines.update(dict.fromkeys(filter(_OVERRIDE.match, inside)))
    return "\n".join(lines)


def _typed(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.List, ast.Tuple)):
        words = [_text(element) for element in node.elts]
        if _COMMAND.search(command := " ".join(words)):
            yield command
        yield from filter(_OVERRIDE.match, words)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ADDED:
        yield from filter(_OVERRIDE.match, map(_text, node.args))
    elif isinstance(node, (ast.Constant, ast.JoinedStr)) and _COMMAND.search(text := _text(node)):
        yield text


def _touches_the_command_line(node: ast.AST) -> bool:
    """Whether it gives `sys.argv` another word: `sys.argv.append(…)`, `sys.argv += […]`, `sys.argv[1:] = […]`."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in _ADDED and _is_argv(node.func.value)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    return any(_is_argv(target.value if isinstance(target, ast.Subscript) else target) for target in targets)


def _is_argv(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "argv" and ast.unparse(node.value) == "sys"


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else _UNKNOWN
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.Attribute) and node.attr == "executable":
        return "python"
    return _UNKNOWN
