"""A place in a file, and the one way a near miss is found: the vocabulary of every message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Location:
    """A character of a file. `line` and `column` count from 1; (1, 1) also stands for the file as a whole."""

    path: Path
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the member of `known` that `word` most likely meant, or None.

    Besides similar spelling it finds what people shorten: `lr` for `learning_rate` (initials), `bs` for `batch_size`,
    and `epoch` for `n_epochs` (a part of the name).
    """
    options = sorted(set(known))
    folded = {option.lower().replace("-", "_"): option for option in options}
    key = word.lower().replace("-", "_")
    if key in folded:
        return folded[key]
    close = difflib.get_close_matches(key, list(folded), n=1, cutoff=0.7)
    if close:
        return folded[close[0]]
    initials = [o for f, o in folded.items() if _initials(f) == key or _initials(key) == f]
    if len(initials) == 1:
        return initials[0]
    parts = [o for f, o in folded.items() if len(key) > 2 and (key in f.split("_") or f in key.split("_"))]
    if len(parts) == 1:
        return parts[0]
    close = difflib.get_close_matches(key, list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def _initials(name: str) -> str:
    return "".join(part[0] for part in name.split("_") if part)
