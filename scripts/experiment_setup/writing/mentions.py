"""Finding and rewriting the mentions of a folder's name in code and config, when it is copied under a new name.

A mention is the name as a part of a path, of a module's name, or, where it has a number, anywhere.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from pathlib import Path

import yaml

from experiment_setup import syntax
from experiment_setup.light import dataclass
from experiment_setup.writing.module_mentions import PackageMentions

# Files in which a mention is acted on wherever it stands; of the others, prose keeps its words (see _PROSE).
_ACTED_ON = {
    ".py",
    ".yaml",
    ".yml",
    ".json",
    ".ipynb",
    ".toml",
    ".cfg",
    ".ini",
    ".sh",
    ".bash",
    ".zsh",
    ".mk",
    ".env",
    ".sbatch",
}
_ACTED_ON_NAMES = {"Makefile", "Dockerfile", "justfile", ".env"}
_PROSE = {".md", ".rst", ".txt"}


@dataclass(frozen=True)
class Mention:
    """A mention that was rewritten: where it stands, counted from 1, and how its whole line reads now."""

    line: int
    old: str
    new: str
    text: str


@dataclass
class Rewrite:
    """The new text of a file, the mentions that were rewritten, and the lines of those that were left.

    `imported` says whether any of them is the name of a Python package, so that the new name has to be one too.
    """

    text: str
    mentions: list[Mention] = field(default_factory=list)
    kept_lines: list[int] = field(default_factory=list)
    imported: bool = False


class Renamer:
    """Rewrites mentions of the folder `old` of the project at `root` to `new`.

    Names of other folders (`others`) that contain the old name stay.
    """

    def __init__(self, folder: Path, new: str, others: Iterable[str], root: Path) -> None:
        old = folder.name
        pairs = {old: new, old.replace("-", "_"): new.replace("-", "_")}
        if old not in pairs or re.search(r"[^\w\-]", old):
            pairs = {old: new}
        self._pairs = pairs
        self._modules = PackageMentions(folder, root)
        self._is_a_module = (folder / f"{old}.py").exists() or (folder / old).is_dir()  # that code in it means by it
        longer = [name for name in others if any(name != key and key in name for key in pairs)]
        names = "|".join(map(re.escape, sorted({*longer, *pairs}, key=len, reverse=True)))
        if re.search(r"\d", old) and re.search(r"[A-Za-z]", old):
            # `001-baseline-fold0` mentions it too; `1001-baseline` and `001-baseline2` are other names.
            self._pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{names})(?![A-Za-z0-9])")
        else:
            # A plain word (`sample`) or number (`004`) is a mention only as a part of a path.
            self._pattern = re.compile(rf"(?<=/)(?:{names})(?![\w\-.])|(?<![\w\-.])(?:{names})(?=/)")

    def understands(self, path: Path) -> bool:
        """Whether mentions in this kind of file are looked for at all."""
        return path.suffix in _ACTED_ON | _PROSE or path.name in _ACTED_ON_NAMES

    def rewrite(self, path: Path, text: str) -> Rewrite:
        """Rewrite every mention that code or config acts on; in comments and prose only paths, modules and commands."""
        found = list(self._pattern.finditer(text))
        quiet = _quiet_spans(path, text) if found else []
        modules = set(self._modules.find(path, text))
        result = Rewrite(text, imported=bool(modules))
        own = set(_names(path, text, self._pairs)) - modules if self._is_a_module else set()
        wanted = dict.fromkeys(modules)
        for match in found:
            if match[0] not in self._pairs or match.span() in modules or match.span() in own:
                continue
            if any(start <= match.start() < stop for start, stop in quiet) and not _in_a_path(text, match):
                result.kept_lines.append(text.count("\n", 0, match.start()) + 1)
            else:
                wanted[match.span()] = None
        parts: list[str] = []
        end = 0
        for start, stop in sorted(wanted):
            parts += [text[end:start], self._pairs[text[start:stop]]]
            end = stop
        result.text = "".join([*parts, text[end:]])
        result.mentions = list(dict.fromkeys(self._mentions(text, result.text, wanted)))
        return result

    def _mentions(self, before: str, after: str, places: Iterable[tuple[int, int]]) -> Iterator[Mention]:
        lines = after.split("\n")  # no name has a line end, so that lines keep their numbers
        for start, stop in sorted(places):
            number = before.count("\n", 0, start)
            old = before[start:stop]
            yield Mention(number + 1, old, self._pairs[old], lines[number].strip())


def still_there(mentions: Sequence[Mention], text: str) -> Iterator[Mention]:
    """Those whose line is still in the text of the file, with the number that it has there."""
    lines = [line.strip() for line in text.split("\n")]
    for mention in mentions:
        found = [number for number, line in enumerate(lines, 1) if line == mention.text]
        if found:
            yield replace(mention, line=min(found, key=lambda number: abs(number - mention.line)))


def _names(path: Path, text: str, names: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where names stand as code: outside of strings and comments in Python, before a dot in `_target_: tools.Net`."""
    if path.suffix != ".py":
        for match in re.finditer(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, names))})(?=\.[A-Za-z_])", text):
            yield match.span()
        return
    for token, start, stop in _tokens(text):
        if token.type == tokenize.NAME and token.string in names:
            yield start, stop


def _in_a_path(text: str, match: re.Match[str]) -> bool:
    return text[match.start() - 1 : match.start()] == "/" or text[match.end() : match.end() + 1] == "/"


def _quiet_spans(path: Path, text: str) -> list[tuple[int, int]]:
    """The parts of a file that nothing acts on: comments, or all of it for prose."""
    if path.suffix in _PROSE:
        return [(0, len(text))]
    if path.suffix == ".py":
        return _python_comments(text)
    if path.suffix in (".yaml", ".yml"):
        return _yaml_comments(text)
    return []


def _python_comments(text: str) -> list[tuple[int, int]]:
    return [(start, stop) for token, start, stop in _tokens(text) if token.type == tokenize.COMMENT]


def _tokens(text: str) -> list[tuple[tokenize.TokenInfo, int, int]]:
    """The tokens of Python code, each with where it starts and ends; [] for what is none, or very large."""
    if len(text) > syntax.LARGEST:  # of its names, too, only those in paths are told apart
        return []
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text, newline="").readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    return [
        (token, starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1])
        for token in tokens
        if token.type in (tokenize.COMMENT, tokenize.NAME)
    ]


def _yaml_comments(text: str) -> list[tuple[int, int]]:
    """Everything outside of scalars: the scanner drops comments, so what is left between tokens is them."""
    offset = 1 if text.startswith("\ufeff") else 0  # the reader drops a BOM
    try:
        tokens = [
            t for t in yaml.scan(text, Loader=yaml.SafeLoader) if isinstance(t, (yaml.ScalarToken, yaml.TagToken))
        ]
    except (yaml.YAMLError, ValueError):
        return []
    spans, end = [], 0
    for token in tokens:
        start = token.start_mark.index + offset
        spans.append((end, start))
        end = token.end_mark.index + offset
    return [*spans, (end, len(text))]
