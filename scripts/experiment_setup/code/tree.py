"""Questions about Python syntax trees; walking them, for which what `ast` offers takes twice as long."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)


# Fields that hold no node, or one that nobody asks for: `ast.Load`, `ast.Add` and their kin.
_WITHOUT_NODES = frozenset(
    "ctx op ops id attr arg asname module level kind type_comment conversion is_async simple rest".split()
)


# Fields that hold a list of nodes, and nothing else.
_OF_NODES = frozenset("body orelse finalbody handlers targets args keywords elts generators comparators values".split())


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each kind of node that may hold others."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        names = () if kind is ast.Constant else tuple(name for name in kind._fields if name not in _WITHOUT_NODES)
        self[kind] = names
        return names


_fields = _Fields()


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below, in the order of `ast.iter_child_nodes`, without operators, `ast.Load` and their kin."""
    found: list[ast.AST] = []
    _add_children(node, found)
    return found


def _add_children(node: ast.AST, found: list[ast.AST]) -> None:
    for name in _fields[type(node)]:
        value = getattr(node, name, None)
        if type(value) is list:
            found += value if name in _OF_NODES else [item for item in value if isinstance(item, ast.AST)]
        elif value is not None and isinstance(value, ast.AST):
            found.append(value)


def levels(nodes: Iterable[ast.AST]) -> Iterator[list[ast.AST]]:
    """The nodes, then those directly below them, and so on, without operators, `ast.Load` and their kin."""
    level = list(nodes)
    while level:
        yield level
        below: list[ast.AST] = []
        for node in level:
            _add_children(node, below)
        level = below


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below, in the order of `ast.walk`, without operators, `ast.Load` and their kin."""
    for level in levels([node]):
        yield from level


def own_nodes(statements: Iterable[ast.AST], loops: bool = True) -> Iterator[ast.AST]:
    """All nodes of statements but the bodies of functions, classes and lambdas in them (`loops`: and of loops)."""
    waiting = list(statements)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, _DEFINITIONS):
            waiting += node.decorator_list
        elif not loops and isinstance(node, LOOPS):
            waiting += node.orelse
        elif not isinstance(node, ast.Lambda):
            waiting += children(node)


def assigned_names(statements: Iterable[ast.AST]) -> set[str]:
    """The names that statements bind, those inside functions and classes left out."""
    found: set[str] = set()
    for node in own_nodes(statements):
        if isinstance(node, _DEFINITIONS):
            found.add(node.name)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.add(node.rest)
    found.discard("*")
    return found


def parameters(node: Function) -> list[ast.arg]:
    """All parameters of a function, in order."""
    given = node.args
    extra = [argument for argument in (given.vararg, given.kwarg) if argument]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *extra]


def dotted(node: ast.AST) -> str:
    """`json.dumps` for the expression of that spelling; the last name for `a().b`; "" for what has no name."""
    if isinstance(node, ast.Name):
        return node.id
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        names.append(node.id)
    return ".".join(reversed(names))


def last_name(node: ast.AST) -> str:
    """`c` for `a.b.c`, and for a call of it; "" for what has no name."""
    while isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def comments(text: str) -> Iterator[tuple[int, int, str]]:
    """(line from 1, column from 0, text) of each comment in Python source; none where it has no tokens."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text.removeprefix("\ufeff")).readline))
    except (tokenize.TokenError, SyntaxError):
        return
    yield from ((*token.start, token.string) for token in tokens if token.type == tokenize.COMMENT)
