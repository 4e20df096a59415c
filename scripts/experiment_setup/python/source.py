"""Python source text: how Python decodes it, its syntax tree, and where in it something stands."""

from __future__ import annotations

import ast
import functools
import io
import re
import textwrap
import tokenize
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from experiment_setup.location import Location
from experiment_setup.python.tree import walk

_NEWLINE = re.compile(r"\r\n|\r|\n")  # what Python's tokenizer takes for one; str.splitlines knows more
_MAX_BYTES = 4_000_000  # an entry point or a config module is far smaller; generated tables are not
_MAX_SHOWN = 80  # characters of source that a message quotes

Node = TypeVar("Node", bound=ast.AST)


class UnreadableSource(Exception):
    """Python cannot compile the file, so running it fails; `location` is where."""

    def __init__(self, message: str, location: Location, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.message = message
        self.location = location
        self.help = help


@dataclass(frozen=True)
class SourceFile:
    """A Python file that compiles."""

    path: Path
    lines: tuple[str, ...]
    tree: ast.Module

    @functools.cached_property
    def _nodes(self) -> dict[type[ast.AST], list[ast.AST]]:
        found: dict[type[ast.AST], list[ast.AST]] = {}
        for node in walk(self.tree):
            found.setdefault(type(node), []).append(node)
        return found

    def nodes(self, kind: type[Node]) -> Sequence[Node]:
        """Every node of a kind, outer ones first. The tree is walked once, as that takes longer than most rules."""
        return cast("list[Node]", self._nodes.get(kind, []))

    def location(self, node: ast.AST) -> Location:
        """Where `node` starts; line and column count characters from 1."""
        line: int = getattr(node, "lineno", 1)
        return Location(self.path, line, self._characters(line, getattr(node, "col_offset", 0)) + 1)

    def name_location(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Location:
        """Where the name of a class or function stands (its node starts at `class` or `def`)."""
        start = self.location(node)
        found = re.compile(rf"\b{re.escape(node.name)}\b").search(self._line(start.line), start.column + 2)
        return Location(self.path, start.line, found.start() + 1) if found else start

    def segment(self, node: ast.AST) -> str:
        """The source text of an expression or statement."""
        first: int = getattr(node, "lineno", 0)
        last: int = getattr(node, "end_lineno", None) or first
        if not first:
            return ""
        start = self._characters(first, getattr(node, "col_offset", 0))
        end = self._characters(last, getattr(node, "end_col_offset", None) or 0)
        if first == last:
            return self._line(first)[start:end]
        middle = [self._line(number) for number in range(first + 1, last)]
        return "\n".join([self._line(first)[start:], *middle, self._line(last)[:end]])

    def quote(self, node: ast.AST) -> str:
        """The source text on one line, for a message."""
        text = " ".join(self.segment(node).split())
        return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"

    def mentions(self, word: str, node: ast.stmt | ast.expr) -> bool:
        """Whether a word stands on the lines of `node`: cheaper than looking for it in the tree."""
        return any(word in line for line in self.lines[node.lineno - 1 : node.end_lineno])

    def comment(self, node: ast.stmt) -> str | None:
        """The `#` comments on the lines of a statement, without the sign; None if there are none."""
        last = node.end_lineno or node.lineno
        if node.lineno == last:
            rest = self._line(last)[self._characters(last, node.end_col_offset or 0) :].lstrip()
            found = [rest] if rest.startswith("#") else []
        else:
            found = self._comments("\n".join(self._line(number) for number in range(node.lineno, last + 1)))
        return " ".join(part for part in (text.lstrip("#").strip() for text in found) if part) or None

    @staticmethod
    def _comments(text: str) -> list[str]:
        try:
            tokens = list(tokenize.generate_tokens(io.StringIO(textwrap.dedent(text)).readline))
        except (tokenize.TokenError, SyntaxError, IndentationError):
            return []
        return [token.string for token in tokens if token.type == tokenize.COMMENT]

    def _line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def _characters(self, line: int, offset: int) -> int:
        """The syntax tree counts UTF-8 bytes; people and editors count characters."""
        text = self._line(line)
        if text.isascii():
            return offset
        return len(text.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore"))


def read_source(path: Path) -> SourceFile:
    """Read and parse a Python file, as Python would.

    Raises UnreadableSource where Python raises SyntaxError, and for what cannot be opened. A file that has not
    changed is parsed once.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UnreadableSource(f"is larger than {_MAX_BYTES:,} bytes; no config is read from it", Location(path))
        result = _parsed(path, path.read_bytes())
    except OSError as error:
        raise UnreadableSource(f"cannot be read: {error.strerror or error}", Location(path)) from error
    if isinstance(result, UnreadableSource):
        raise result
    return result


_KEPT_BYTES = 1_000_000  # of text; its tree takes fifty times as much
_kept: dict[tuple[Path, bytes], SourceFile | UnreadableSource] = {}


def _parsed(path: Path, data: bytes) -> SourceFile | UnreadableSource:
    """Experiments share modules; the content is the key, since times are too coarse. The last one used goes last."""
    key = (path, data)
    known = _kept.pop(key, None)
    _kept[key] = result = known or _parse(path, data)
    if known:
        return result
    size = sum(len(text) for _, text in _kept)
    while size > _KEPT_BYTES and len(_kept) > 1:
        oldest = next(iter(_kept))
        size -= len(oldest[1])
        del _kept[oldest]
    return result


def _parse(path: Path, data: bytes) -> SourceFile | UnreadableSource:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"SyntaxError: not {error.encoding} text: byte 0x{data[error.start]:02x} on line {line}"
        return UnreadableSource(message, Location(path, line), "save the file as UTF-8")
    except (SyntaxError, LookupError) as error:
        bad = next((i for i, raw in enumerate(data.splitlines(), 1) if not _is_utf8(raw)), 1)
        return UnreadableSource(f"SyntaxError: {error}", Location(path, bad), "save the file as UTF-8")
    lines = tuple(_NEWLINE.split(text))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as an invalid escape: Python prints it, the code runs
            tree = ast.parse("\n".join(lines))
    except SyntaxError as error:
        place = Location(path, max(error.lineno or 1, 1), max(error.offset or 1, 1))
        return UnreadableSource(f"{type(error).__name__}: {error.msg}", place)
    except ValueError as error:
        line = next((i for i, content in enumerate(lines, 1) if "\0" in content), 1)
        return UnreadableSource(f"SyntaxError: {error}", Location(path, line))
    except (RecursionError, MemoryError):
        return UnreadableSource("SyntaxError: nested too deeply", Location(path))
    return SourceFile(path, lines, tree)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
