"""Finding and rewriting the mentions of a folder's name in code and config, when it is copied under a new name."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

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


@dataclass
class Rewrite:
    """The new text of a file, how many mentions were rewritten, and the lines of those that were left."""

    text: str
    count: int = 0
    kept_lines: list[int] = field(default_factory=list)


class Renamer:
    """Rewrites mentions of the folder name `old` to `new`; names of other folders that contain it stay."""

    def __init__(self, old: str, new: str, others: Iterable[str]) -> None:
        pairs = {old: new, old.replace("-", "_"): new.replace("-", "_")}
        if old not in pairs or re.search(r"[^\w\-]", old):
            pairs = {old: new}
        self._pairs = pairs
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
        """Rewrite every mention that code or config acts on; in comments and prose only paths and commands."""
        quiet = _quiet_spans(path, text)
        result = Rewrite(text)
        parts: list[str] = []
        end = 0
        for match in self._pattern.finditer(text):
            new = self._pairs.get(match[0])
            if new is None:
                continue
            if any(start <= match.start() < stop for start, stop in quiet) and not _in_a_path(text, match):
                result.kept_lines.append(text.count("\n", 0, match.start()) + 1)
                continue
            parts += [text[end : match.start()], new]
            end = match.end()
            result.count += 1
        result.text = "".join([*parts, text[end:]])
        return result


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
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text, newline="").readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    return [
        (starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1])
        for token in tokens
        if token.type == tokenize.COMMENT
    ]


def _yaml_comments(text: str) -> list[tuple[int, int]]:
    """Everything outside of scalars: the scanner drops comments, so what is left between tokens is them."""
    offset = 1 if text.startswith("\ufeff") else 0  # the reader drops a BOM
    try:
        tokens = [
            t for t in yaml.scan(text, Loader=yaml.SafeLoader) if isinstance(t, (yaml.ScalarToken, yaml.TagToken))
        ]
    except yaml.YAMLError:
        return []
    spans, end = [], 0
    for token in tokens:
        start = token.start_mark.index + offset
        spans.append((end, start))
        end = token.end_mark.index + offset
    return [*spans, (end, len(text))]
