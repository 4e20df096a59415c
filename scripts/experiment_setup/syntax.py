"""Python code as a syntax tree, of code that is not too large for one."""

from __future__ import annotations

import ast

LARGEST = 1_000_000  # as `size` counts; an entry point or a config module is far smaller


def size(data: bytes) -> int:
    """How large the tree of a text is, in bytes of usual code; a table of numbers has eight times as many nodes."""
    return max(len(data), 8 * (len(data) - len(data.translate(None, b",()[]{}.:=+-*/|&<>;"))))


def tree(code: bytes | str) -> ast.Module | None:
    """The tree of a module; None for what does not parse, and for what would take too much time and memory."""
    if size(code.encode("utf-8", "surrogatepass") if isinstance(code, str) else code) > LARGEST:
        return None
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
