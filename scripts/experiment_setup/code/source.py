"""Python source text: how Python decodes it, its syntax tree, and where in it something stands."""

from __future__ import annotations
import __future__

import ast
import bisect
import codecs
import dataclasses
import functools
import io
import itertools
import operator
import re
import sys
import textwrap
import tokenize
import warnings
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from experiment_setup import files, syntax
from experiment_setup.code.pieces import Piece, any_within, is_ruled, normal, parsed
from experiment_setup.code.tree import comments
from experiment_setup.latest import Latest
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location

_NEWLINE = compiled(r"\r\n|\r|\n")  # what Python's tokenizer takes for one; str.splitlines knows more
_LONG_LINE = 10_000  # characters; nobody counts columns in it, and counting them for each node takes for ever
_MAX_SHOWN = 80  # characters of source that a message quotes

Node = TypeVar("Node", bound=ast.AST)


class UnreadableSource(Exception):
    """The file has no syntax tree; `location` is why. `fails`: Python cannot compile it either."""

    def __init__(
        self,
        message: str,
        location: Location,
        help: str | None = None,  # noqa: A002
        fails: bool = True,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.help = help
        self.fails = fails

    def alone(self) -> UnreadableSource:
        """The same for who keeps it: without the calls that led to it, all that they work with, and its cause."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


class NeedsNewerPython(UnreadableSource):
    """This Python refuses it, and a newer one does not."""


@dataclass(frozen=True)
class SourceFile:
    """A Python file that compiles."""

    path: Path
    lines: tuple[str, ...]
    tree: ast.Module
    size: int  # as its tree takes memory
    pieces: tuple[Piece, ...]  # in order; their nodes have line numbers of their own

    def at(self, path: Path) -> SourceFile:
        """The same text in another file, with all that is known of it."""
        result = dataclasses.replace(self, path=path)
        result.__dict__.update({**self.__dict__, "path": path})
        return result

    @functools.cached_property
    def _nodes(self) -> dict[type[ast.AST], list[Any]]:
        return {}

    def nodes(self, kind: type[Node]) -> Sequence[Node]:
        """Every node of a kind, outer ones first. The tree is walked once, as that takes longer than most rules."""
        known = self._nodes.get(kind)
        if known is None:
            found = [pair for piece in self.pieces for pair in piece.nodes.get(kind, ())]
            known = self._nodes[kind] = [node for _, node in sorted(found, key=operator.itemgetter(0))]
        return known

    @functools.cached_property
    def _by_number(self) -> tuple[list[int], list[tuple[Piece, int]]]:
        """The line numbers that the pieces begin with, in order; each piece, and where it begins in the file."""
        begins = itertools.accumulate((piece.last - piece.first for piece in self.pieces), initial=1)
        placed = sorted(zip(self.pieces, begins, strict=False), key=lambda pair: pair[0].first)
        return [piece.first for piece, _ in placed], placed

    def _placed(self, number: int) -> tuple[Piece, int]:
        firsts, placed = self._by_number
        return placed[max(bisect.bisect_right(firsts, number) - 1, 0)]

    def piece(self, node: Any) -> Piece:
        """The piece that a statement or expression is in."""
        return self._placed(node.lineno)[0]

    def _line_of(self, number: int) -> int:
        if not self.pieces:
            return number
        piece, begins = self._placed(number)
        return number - piece.first + begins

    @functools.cached_property
    def text(self) -> str:
        """The text, with names as Python reads them (PEP 3131)."""
        return normal("\n".join(self.lines))

    def location(self, node: ast.AST) -> Location:
        """Where `node` starts; line and column count characters from 1."""
        number: int | None = getattr(node, "lineno", None)
        line = 1 if number is None else self._line_of(number)
        return Location(self.path, line, self._characters(line, getattr(node, "col_offset", 0)) + 1)

    def name_location(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Location:
        """Where the name of a class or function stands (its node starts at `class` or `def`)."""
        start = self.location(node)
        found = re.compile(rf"\b{re.escape(node.name)}\b").search(self._line(start.line), start.column + 2)
        return Location(self.path, start.line, found.start() + 1) if found else start

    def segment(self, node: ast.AST, lines: int | None = None) -> str:
        """The source text of an expression or statement, or the first lines of it."""
        if not getattr(node, "lineno", 0):
            return ""
        first, start, last, end = self._span(node)
        if lines is not None and last - first > lines:
            return "\n".join([self._line(first)[start:], *self.lines[first : first + lines]])
        if first == last:
            return self._line(first)[start:end]
        return "\n".join([self._line(first)[start:], *self.lines[first : last - 1], self._line(last)[:end]])

    def without(self, statements: Iterable[ast.stmt]) -> str:
        """The text with `pass` in the place of these statements, of which none is in another."""
        lines = list(self.lines)
        for first, start, last, end in sorted(map(self._span, statements), reverse=True):
            lines[first - 1 : last] = [f"{lines[first - 1][:start]}pass{lines[last - 1][end:]}"]
        return "\n".join(lines)

    def _span(self, node: Any) -> tuple[int, int, int, int]:
        """Line and column where a statement or expression starts, and where it ends: from 1, and from 0."""
        first = self._line_of(node.lineno)
        last = first - node.lineno + (node.end_lineno or node.lineno)
        return first, self._characters(first, node.col_offset), last, self._characters(last, node.end_col_offset or 0)

    def quote(self, node: ast.AST) -> str:
        """The source text on one line, for a message."""
        text = " ".join(self.segment(node, _MAX_SHOWN).split())
        return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"

    def mentions(self, word: str, node: ast.AST) -> bool:
        """Whether a word stands on the lines of a statement or expression: cheaper than looking for it in the tree."""
        return not hasattr(node, "lineno") or any_within(self.piece(node).lines_with(word), node)

    def comment(self, node: ast.stmt) -> str | None:
        """The `#` comments on the lines of a statement, without the sign; None if there are none."""
        first = self._line_of(node.lineno)
        last = first - node.lineno + (node.end_lineno or node.lineno)
        if first == last:
            rest = self._line(last)[self._characters(last, node.end_col_offset or 0) :].lstrip()
            found = [rest] if rest.startswith("#") else []
        else:
            text = "\n".join(self._line(number) for number in range(first, last + 1))
            found = [comment for _, _, comment in comments(textwrap.dedent(text))]
        return " ".join(part for part in (text.lstrip("#").strip() for text in found) if part) or None

    def _line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def _characters(self, line: int, offset: int) -> int:
        """The syntax tree counts UTF-8 bytes; people and editors count characters."""
        text = self._line(line)
        if text.isascii() or len(text) > _LONG_LINE:
            return offset
        return len(text.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore"))


def empty_source(path: Path) -> SourceFile:
    """What stands for a file that cannot be read, and for a folder that is a package without one."""
    return SourceFile(path, (), ast.Module([], []), 0, ())


def read_source(path: Path) -> SourceFile:
    """Read and parse a Python file, as Python would.

    Raises UnreadableSource where Python raises SyntaxError, and for what cannot be opened. A file that has not
    changed is parsed once.
    """
    try:
        data = files.read_bytes(path) if path.stat().st_size <= syntax.LARGEST else None
    except OSError as error:
        raise UnreadableSource(f"{path.name} cannot be read: {error.strerror or error}", Location(path)) from error
    if data is None or syntax.size(data) > syntax.LARGEST:
        raise too_large(path)
    return _parsed(path, data)


def too_large(path: Path) -> UnreadableSource:
    """Why a file is not read that would take too much memory."""
    return UnreadableSource(f"{path.name} is too large: no config is read from it", Location(path), fails=False)


# Experiments share modules, or have copies; the content is the key, since times are too coarse. Trees that a schema has
# are there in any case, and serve the next entry point that imports the same large package.
_latest = Latest[bytes, "SourceFile"](400_000, lambda source: source.size)  # their trees take fifty times as much
_alive: weakref.WeakValueDictionary[bytes, SourceFile] = weakref.WeakValueDictionary()


def _parsed(path: Path, data: bytes) -> SourceFile:
    known = _alive[data] = _latest.get(data, lambda: _alive.get(data) or _parse(path, data))
    return known if known.path == path else known.at(path)


# Encodings that no editor writes. Python refuses the first two; decoding punycode takes the square of the length.
_NO_SOURCE = frozenset({"undefined", "idna", "punycode"})


def _parse(path: Path, data: bytes) -> SourceFile:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if codecs.lookup(encoding).name in _NO_SOURCE:
            raise UnreadableSource(f"SyntaxError: encoding problem: {encoding}", Location(path), _AS_UTF8)
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"SyntaxError: not {error.encoding} text: byte 0x{data[error.start]:02x} on line {line}"
        raise UnreadableSource(message, Location(path, line), _AS_UTF8) from error
    except (SyntaxError, LookupError, UnicodeError) as error:
        bad = next((i for i, raw in enumerate(data.splitlines(), 1) if not _is_utf8(raw)), 1)
        raise UnreadableSource(f"SyntaxError: {error}", Location(path, bad), _AS_UTF8) from error
    lines = tuple(_NEWLINE.split(text) if "\r" in text else text.split("\n"))
    text = "\n".join(lines)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as an invalid escape: Python prints it, the code runs
            pieces = parsed(text)
            tree = ast.Module([statement for piece in pieces for statement in piece.body], [])
            if _may_not_compile(tree, pieces, text):
                compile(text, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        place = Location(path, max(error.lineno or 1, 1), max(error.offset or 1, 1))
        newer = _newer_python(error, lines)
        if newer is not None:
            message = f"this needs Python {newer}: it was not read"
            raise NeedsNewerPython(message, place, _WITH_IT, fails=False) from error
        raise UnreadableSource(f"{type(error).__name__}: {error.msg}", place) from error
    except ValueError as error:
        line = next((i for i, content in enumerate(lines, 1) if "\0" in content), 1)
        raise UnreadableSource(f"SyntaxError: {error}", Location(path, line)) from error
    except (RecursionError, MemoryError) as error:
        raise UnreadableSource("SyntaxError: nested too deeply", Location(path)) from error
    return SourceFile(path, lines, tree, syntax.size(data), tuple(pieces))


_WITH_IT = "run validate.py with the Python of the project"
# What a version of Python takes that those before refuse: in the parser's words, or at the beginning of the line.
_NEWER: tuple[tuple[tuple[int, int], str, str], ...] = (
    ((3, 11), "", r"\s*except\s*\*"),
    ((3, 12), r"f-string: ", ""),
    ((3, 12), "", r"\s*(?:async\s+)?(?:def|class)\s+\w+\s*\[|\s*type\s+\w+.*="),
    ((3, 14), r"multiple exception types must be parenthesized", ""),
    ((3, 14), "", r".*\bt[rR]?[\"']"),
)


def _newer_python(error: SyntaxError, lines: Sequence[str]) -> str | None:
    """The version of Python that takes what this one refuses, as far as that can be told; else None."""
    number = error.lineno or 0
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    for version, words, begins in _NEWER:
        if sys.version_info < version and re.match(words, error.msg or "") and re.match(begins, line):
            return ".".join(map(str, version))
    if sys.version_info < (3, 12) and (error.msg or "").startswith("unterminated string literal"):
        rest = "\n".join([line[(error.offset or 1) - 1 :], *lines[number : number + _LONGEST_STRING]])
        return "3.12" if _goes_on_within_braces(rest) else None
    return None


_LONGEST_STRING = 100  # lines
_STARTS_AN_F_STRING = compiled(r"[rR]?[fF][rR]?(?P<quote>[\"'])")
_STRING = compiled(r"(\"{3}|'{3}|[\"'])(?:\\.|(?!\1).)*\1", re.DOTALL)


def _goes_on_within_braces(text: str) -> bool:
    """Whether the text begins with an f-string that has several lines, each of which ends between braces."""
    start = _STARTS_AN_F_STRING.match(text)
    if start is None:
        return False
    depth, at, end = 0, start.end(), len(text)
    while at < end:
        character = text[at]
        inner = _STRING.match(text, at) if depth and character in "\"'" else None
        if inner is not None:
            at = inner.end()
            continue
        if not depth and character in (start["quote"], "\n"):
            return character != "\n" and "\n" in text[:at]
        if not depth and (character == "\\" or text.startswith(("{{", "}}"), at)):
            at += 1
        elif character in "{}":
            depth += 1 if character == "{" else -1
        at += 1
    return False


def _may_not_compile(tree: ast.Module, pieces: Sequence[Piece], text: str) -> bool:
    """Whether Python's compiler could refuse what its parser accepts.

    The compiler knows for certain, but takes as long as the parser: this only says whether it has to be asked.
    """
    if any(piece.may_not_compile for piece in pieces):
        return True
    if "__future__" not in text:
        return False
    first = list(itertools.takewhile(_may_stand_first, tree.body))
    imports = (node for piece in pieces for _, node in piece.nodes.get(ast.ImportFrom, ()))
    return is_ruled(text) or any(_is_of_the_future(node) and node not in first for node in imports)


def _is_of_the_future(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _may_stand_first(node: ast.stmt) -> bool:
    """Whether `from __future__ import …` may stand after it: the docstring, or an import like it."""
    if isinstance(node, ast.ImportFrom) and _is_of_the_future(node):
        return all(alias.name in __future__.all_feature_names for alias in node.names)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


_AS_UTF8 = "save the file as UTF-8"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
