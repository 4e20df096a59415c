"""Comments that silence findings: `noqa: ES201` at the end of a line, `noqa-file: ES5` at the top of a file.

The words are those that Python's linters made common, so other tools' codes in the same comment are left to them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from experiment_setup import files
from experiment_setup.code.tree import comments
from experiment_setup.errors import CommandError
from experiment_setup.findings import Finding
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location

OURS = compiled(r"ES\d*", re.IGNORECASE)  # a code of this package, or the beginning of one
_TOP = 10  # lines of a file in which `noqa-file` is looked for

_COMMENT = compiled(r"#\s*noqa(?P<file>-file)?\b(?!-)(?P<rest>\s*:[^#]*)?", re.IGNORECASE)
_CODE = compiled(r"[^\s,:]+")


@dataclass(frozen=True)
class Code:
    """A word of a suppression and where it stands."""

    word: str
    location: Location

    @property
    def is_ours(self) -> bool:
        """Whether it has the form of this package's codes."""
        return OURS.fullmatch(self.word) is not None

    def matches(self, code: str) -> bool:
        """Whether it means this code, in full or by its beginning (`ES5` means all of ES5xx)."""
        return self.is_ours and code.startswith(self.word.upper())


@dataclass(frozen=True)
class Suppression:
    """One comment. Without `codes` it is bare: everything on its line."""

    location: Location
    codes: tuple[Code, ...]
    whole_file: bool

    @property
    def bare(self) -> bool:
        """A comment without codes. Of a whole file it silences nothing: that hides too much."""
        return not self.codes

    def meaning(self, code: str) -> list[Location]:
        """Where in the comment this code is meant: by the comment itself, or by words of it; [] if it is not."""
        if self.bare and not self.whole_file:
            return [self.location]
        return [known.location for known in self.codes if known.matches(code)]


def read(path: Path) -> str:
    """The text of a file; "" for one that is not there or not UTF-8, which has no comments to hear."""
    try:
        return files.read_text(path)
    except (OSError, CommandError):
        return ""


def parse(path: Path, text: str) -> Iterator[Suppression]:
    """The suppressions in a file's text."""
    if "noqa" not in text.lower():
        return
    lines = text.removeprefix("\ufeff").split("\n")
    comments = _python_comments(text) if path.suffix == ".py" else _yaml_comments(text, lines)
    for line, column in comments:
        match = _COMMENT.match(lines[line - 1], column)
        if match is None:
            continue
        whole_file = match["file"] is not None
        if whole_file and line > _TOP:
            continue
        start = match.start("rest")
        codes = tuple(
            Code(word[0], Location(path, line, start + word.start() + 1)) for word in _codes(match["rest"] or "")
        )
        yield Suppression(Location(path, line, column + 1), codes, whole_file)


def _codes(rest: str) -> Iterator[re.Match[str]]:
    """The codes after the colon; what follows a word that is no code is a remark (`ES201 the old way`)."""
    end = 0
    for word in _CODE.finditer(rest):
        separated_by_comma = "," in rest[end : word.start()]
        looks_like_one = re.fullmatch(r"[A-Za-z]+\d+", word[0]) is not None
        if end and not separated_by_comma and not looks_like_one:
            return
        end = word.end()
        yield word


def _yaml_comments(text: str, lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(line from 1, column from 0) of every `noqa` that is a comment and no part of a value."""
    starts: list[tuple[int, int]] = []  # of scalars, in their order: none lies in another
    ends: list[tuple[int, int]] = []
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.ScalarToken):
                starts.append((token.start_mark.line, token.start_mark.column))
                ends.append((token.end_mark.line, token.end_mark.column))
    except (yaml.YAMLError, ValueError):
        pass  # up to the mistake the tokens are known; after it every `noqa` counts
    for number, line in enumerate(lines):
        for match in _COMMENT.finditer(line):
            column = match.start()
            begins_a_comment = column == 0 or line[column - 1] in " \t"
            before = bisect_right(starts, (number, column))
            if begins_a_comment and not (before and (number, column) < ends[before - 1]):
                yield number + 1, column
                break


def _python_comments(text: str) -> Iterator[tuple[int, int]]:
    """The same for Python; none for a file that does not parse: that has one finding, which should be seen."""
    for line, column, comment in comments(text):
        match = _COMMENT.search(comment)
        if match:
            yield line, column + match.start()


Meaning = dict[tuple[Location, str], list[Location]]  # of comments, for the codes of findings: `Suppression.meaning`


@dataclass(frozen=True)
class Applied:
    """What is left of the findings, and the codes (or bare comments) that silenced nothing."""

    findings: list[Finding]
    unused: list[tuple[Suppression, Code | None]]


def apply(findings: Sequence[Finding], suppressions: Sequence[Suppression]) -> Applied:
    """Leave out what is silenced."""
    heard: dict[tuple[Path, int | None], list[Suppression]] = {}  # by the file, and the line if it is heard on that one
    for suppression in suppressions:
        line = None if suppression.whole_file else suppression.location.line
        heard.setdefault((suppression.location.path, line), []).append(suppression)
    meaning: Meaning = {}
    used: set[Location] = set()
    kept: list[Finding] = []
    for finding in findings:
        places = (finding.location, *finding.also)
        left = [place for place in places if not _silence(finding.code, place, heard, meaning, used)]
        kept += [finding if len(left) == len(places) else finding.at(left)] if left else []
    unused: list[tuple[Suppression, Code | None]] = []
    for suppression in suppressions:
        choices: Sequence[Code | None] = suppression.codes or (None,)
        unused += [(suppression, code) for code in choices if (code or suppression).location not in used]
    return Applied(kept, unused)


def _silence(
    code: str,
    place: Location,
    heard: Mapping[tuple[Path, int | None], Sequence[Suppression]],
    meaning: Meaning,
    used: set[Location],
) -> bool:
    silenced = False
    for suppression in (*heard.get((place.path, None), ()), *heard.get((place.path, place.line), ())):
        key = suppression.location, code
        if key not in meaning:
            meaning[key] = suppression.meaning(code)
        used.update(meaning[key])
        silenced = silenced or bool(meaning[key])
    return silenced
