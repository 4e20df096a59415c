"""Python source in pieces of a few top-level statements, which copies of a file share.

Copies differ in a function or two. A piece is parsed once, and what is asked about its tree is answered once. For that
its nodes have line numbers of the piece's own: which line of a file that is, the file knows (`SourceFile.line`).
"""

from __future__ import annotations

import ast
import bisect
import itertools
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from experiment_setup.code.tree import FUNCTIONS, LOOPS, Function, levels, own_nodes, parameters
from experiment_setup.latest import Latest
from experiment_setup.light import compiled

T = TypeVar("T")

_DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
_OF_NAMES = (
    *_DEFINITIONS,
    *(ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith),
    *(ast.Global, ast.Return, ast.Yield, ast.YieldFrom),
)
# An empty line, and then what begins a statement: unless that stands in a text, which leaves the piece before it open.
_BOUNDARY = compiled(r"\n(?=\n(?:def |class |async def |@|if __name__))")


class Piece:
    """Top-level statements of a file; the lines of its nodes count from `first`. Two are equal only if they are one."""

    def __init__(self, text: str, first: int, body: list[ast.stmt]) -> None:
        self.text = text
        self.first = first
        self.last = first + text.count("\n")
        self.body = body
        self._lines_with: dict[str, list[int]] = {}
        self._telling: Latest[frozenset[str], list[int]] = Latest(64)  # each name that is bound makes another question
        self._by_line: dict[type[ast.AST], tuple[list[int], list[Any]]] = {}
        self._answers: dict[tuple[str, int], Any] = {}

    @cached_property
    def nodes(self) -> dict[type[ast.AST], list[tuple[int, Any]]]:
        """Every node, by its kind, with its depth, outer ones first."""
        found: dict[type[ast.AST], list[tuple[int, Any]]] = {}
        for depth, level in enumerate(levels(self.body)):
            for node in level:
                found.setdefault(type(node), []).append((depth, node))
        return found

    def nodes_in(self, function: Function, kind: type[ast.AST]) -> Sequence[Any]:
        """The statements of a kind in a function and in those within it, by line: functions share no line."""
        if kind not in self._by_line:
            nodes = sorted((node for _, node in self.nodes.get(kind, ())), key=lambda node: node.lineno)
            self._by_line[kind] = [node.lineno for node in nodes], nodes
        lines, nodes = self._by_line[kind]
        last = function.end_lineno or function.lineno
        return nodes[bisect.bisect_left(lines, function.lineno) : bisect.bisect_right(lines, last)]

    @cached_property
    def own_nodes(self) -> dict[int, list[Any]]:
        """The statements that matter for names, by the id of the function or class that they are in, by line.

        None is in two: functions share no line.
        """
        found = sorted((node for kind in _OF_NAMES for _, node in self.nodes.get(kind, ())), key=_place)
        result: dict[int, list[Any]] = {}
        inside: list[Any] = []
        for node in found:
            while inside and inside[-1].end_lineno < node.lineno:
                inside.pop()
            if inside:
                result.setdefault(id(inside[-1]), []).append(node)
            if isinstance(node, _DEFINITIONS):
                inside.append(node)
        return result

    def lines_with(self, word: str) -> Sequence[int]:
        """The numbers of the lines with a word, a longer one included, each once."""
        known = self._lines_with.get(word)
        if known is None:
            places = (found.start() for found in re.finditer(re.escape(word), self._normal))
            known = list(dict.fromkeys(self.first + bisect.bisect_right(self._starts, place) - 1 for place in places))
            self._lines_with[word] = known
        return known

    def lines_with_any(self, words: frozenset[str]) -> Sequence[int]:
        """The numbers of the lines with one of these words, or with a key that is asked for with `in`."""
        return self._telling.get(words, lambda: sorted(self._lines_of_keys.union(*map(self.lines_with, words))))

    def once(self, question: str, node: ast.AST | Piece, answer: Callable[[], T]) -> T:
        """The answer to a question about this piece, or a node of it, that its tree alone tells."""
        key = (question, id(node))
        if key not in self._answers:
            self._answers[key] = answer()
        known: T = self._answers[key]
        return known

    @cached_property
    def may_not_compile(self) -> bool:
        """Whether Python's compiler could refuse what its parser accepts, such as `return` outside a function.

        The compiler knows for certain, but takes as long as the parser: this only says whether it has to be asked.
        """
        if not is_ruled(self.text):
            return _may_be_refused(self.body)
        if any(isinstance(node, ast.Global) for node in own_nodes(self.body)):  # what other pieces assign matters
            return True
        try:
            compile(ast.Module(self.body, []), "<piece>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return True
        return False

    @cached_property
    def _normal(self) -> str:
        """The text, with names as Python reads them (PEP 3131)."""
        return normal(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self._normal))]

    @cached_property
    def _lines_of_keys(self) -> set[int]:
        return {
            node.lineno
            for _, node in self.nodes.get(ast.Compare, ())
            if isinstance(node.left, ast.Constant) and any(isinstance(asks, (ast.In, ast.NotIn)) for asks in node.ops)
        }


def normal(text: str) -> str:
    """A source text, with names as Python reads them (PEP 3131)."""
    if text.isascii():
        return text
    lines = text.split("\n")
    return "\n".join(line if line.isascii() else unicodedata.normalize("NFKC", line) for line in lines)


def _place(node: Any) -> tuple[int, int]:
    return node.lineno, node.col_offset


def any_within(lines: Sequence[int], node: ast.AST) -> bool:
    """Whether one of these lines, in order, is one of the node's; true of a node that has no place."""
    first: int | None = getattr(node, "lineno", None)
    if first is None:
        return True
    index = bisect.bisect_left(lines, first)
    return index < len(lines) and lines[index] <= (getattr(node, "end_lineno", None) or first)


# Parsing.

_KEPT_SIZE = 400_000  # characters of all pieces that are kept; their trees take fifty times as much


class _Kept:
    """The pieces that are known by their text, the last one used last."""

    def __init__(self) -> None:
        self.pieces: OrderedDict[str, Piece] = OrderedDict()
        self.size = 0

    def take(self, texts: Sequence[str]) -> list[Piece]:
        """The pieces of these texts, no two of which have a line number in common.

        Those that are not known are parsed, all at once. Raises what `ast.parse` raises, and SyntaxError for a
        statement that does not end in the piece that it begins in.
        """
        found = [self.pieces.get(text) for text in texts]
        taken: list[tuple[int, int]] = []  # the line numbers that pieces have, in order
        for number, piece in enumerate(found):
            if piece is None:
                continue
            place = bisect.bisect(taken, (piece.first, piece.last))
            if _is_free(piece, taken[max(0, place - 1) : place + 1]):
                taken.insert(place, (piece.first, piece.last))
            else:
                found[number] = None
        new = _parsed([text for text, piece in zip(texts, found, strict=True) if piece is None], taken)
        pieces = [piece or next(new) for piece in found]
        for piece in pieces:
            self._keep(piece)
        return pieces

    def _keep(self, piece: Piece) -> None:
        self.size += len(piece.text) if piece.text not in self.pieces else 0
        self.pieces[piece.text] = piece
        self.pieces.move_to_end(piece.text)
        while self.size > _KEPT_SIZE and len(self.pieces) > 1:
            oldest, _ = self.pieces.popitem(last=False)
            self.size -= len(oldest)


def _is_free(piece: Piece, neighbours: Iterable[tuple[int, int]]) -> bool:
    return all(piece.last < first or last < piece.first for first, last in neighbours)


def _parsed(texts: Sequence[str], taken: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """The new pieces of these texts, beside the line numbers that are taken."""
    first = _first_gap(sum(text.count("\n") + 1 for text in texts), taken)
    body = ast.parse("\n" * (first - 1) + "\n".join(texts)).body
    waiting = iter([*body, None])
    statement = next(waiting)
    for text in texts:
        piece = Piece(text, first, [])
        while statement is not None and _first_line(statement) <= piece.last:
            if (statement.end_lineno or 0) > piece.last:
                raise SyntaxError("it goes on in the next piece")
            piece.body.append(statement)
            statement = next(waiting)
        first = piece.last + 1
        yield piece


def _first_gap(lines: int, taken: Iterable[tuple[int, int]]) -> int:
    """The lowest number from which on as many lines are free: the parser counts empty lines up to the first one."""
    first = 1
    for begin, last in taken:
        if first + lines <= begin:
            break
        first = last + 1
    return first


def _first_line(statement: ast.stmt) -> int:
    first: int = min([statement.lineno, *(node.lineno for node in getattr(statement, "decorator_list", ()))])
    return first


_kept = _Kept()


def parsed(text: str) -> list[Piece]:
    """The pieces of a source text, in order; only one, if it has no boundaries that are sure to be some.

    Raises what `ast.parse` raises.
    """
    places = [0, *(found.end() for found in _BOUNDARY.finditer(text)), len(text)]
    try:
        return _kept.take([text[start:end] for start, end in itertools.pairwise(places)])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [Piece(text, 1, ast.parse(text).body)]  # or the error of the whole


# Words of what the compiler has rules for that no single statement shows.
_RULED = ("await", "async ", "global ", "nonlocal ", "__debug__", "except*", "except *")


def is_ruled(text: str) -> bool:
    """Whether a source text has words of what only the compiler judges."""
    return any(word in text for word in _RULED)


def _may_be_refused(body: Iterable[ast.AST]) -> bool:
    waiting: list[tuple[Iterable[ast.AST], bool, bool]] = [(body, False, False)]
    while waiting:
        block, in_function, in_loop = waiting.pop()
        for node in block:
            kind = type(node)
            if kind in _REFUSED and _REFUSED[kind](node, in_function, in_loop):
                return True
            for name in _BLOCKS.get(kind, ()):
                if kind in _DEFINITIONS:
                    inside = kind is not ast.ClassDef, False
                else:
                    inside = in_function, in_loop or (kind in LOOPS and name == "body")
                waiting.append((getattr(node, name), *inside))
    return False


def _has_two_of_a_name(node: ast.AST, *_place: bool) -> bool:
    names = [parameter.arg for parameter in parameters(node)] if isinstance(node, FUNCTIONS) else []
    return len(set(names)) < len(names)


def _has_odd_stars(node: ast.AST, in_function: bool, _in_loop: bool) -> bool:
    """`*a = b`, `*a, *b = c`, `a = *b`; and `yield` outside a function."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    counts = [sum(isinstance(part, ast.Starred) for part in getattr(target, "elts", ())) for target in targets]
    value = getattr(node, "value", None)
    starred = isinstance(value, ast.Starred) or any(isinstance(target, ast.Starred) for target in targets)
    return starred or any(count > 1 for count in counts) or (_yields(value) and not in_function)


def _yields(node: ast.AST | None) -> bool:
    return isinstance(node, (ast.Yield, ast.YieldFrom))


# Kind of statement -> whether it may be refused where it stands: its node, whether in a function, and in a loop.
_REFUSED: Mapping[type, Callable[[Any, bool, bool], bool]] = {
    ast.Return: lambda _node, in_function, _in_loop: not in_function,
    **dict.fromkeys((ast.Break, ast.Continue), lambda _node, _in_function, in_loop: not in_loop),
    **dict.fromkeys(FUNCTIONS, _has_two_of_a_name),
    **dict.fromkeys((ast.Expr, ast.Assign), _has_odd_stars),
    ast.Try: lambda node, *_place: any(handler.type is None for handler in node.handlers[:-1]),
    ast.ImportFrom: lambda node, in_function, _in_loop: in_function and node.names[0].name == "*",
}
_BLOCKS: Mapping[type, tuple[str, ...]] = {
    **dict.fromkeys((*_DEFINITIONS, ast.With, ast.AsyncWith, ast.ExceptHandler), ("body",)),
    **dict.fromkeys((ast.If, *LOOPS), ("body", "orelse")),
    ast.Try: ("body", "handlers", "orelse", "finalbody"),
    ast.Match: ("cases",),
    ast.match_case: ("body",),
}
