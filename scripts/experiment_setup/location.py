"""A place in a file, and the one way a near miss is found: the vocabulary of every message."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable
from pathlib import Path

from experiment_setup.light import compiled, dataclass


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
    and `epoch` for `n_epochs` (all of the name but one part). Words that have parts in common are not alike for that:
    `full_experiment_name` is no `experiment`, and `train_batch_size` no `test_batch_size`. Of names that differ in
    capitals alone it is the one that begins as the word does: `DictConfig`, beside the module `dictconfig`.
    """
    options = tuple(sorted(set(known))) if len(word) <= _LONGEST else ()
    meant = _meant(word, options)
    if meant is None or meant[:1].isupper() == word[:1].isupper():
        return meant
    alike = (option for option in options if option.lower() == meant.lower() and option != meant)
    return next((option for option in alike if option[:1].isupper() == word[:1].isupper()), meant)


_LONGEST = 200  # characters; likenesses take time that grows with the square of them


_MOST = 100_000  # names that are held against words, of the same names: thousands of wrong ones take hours


class _Known:
    """Names by the forms in which they are looked for."""

    def __init__(self, options: tuple[str, ...]) -> None:
        self.folded = {_folded(option): option for option in options}
        self.by_single_letters = self._by(_single_letters)
        self.by_letters = self._by(sorted)
        self.by_initials = self._by(_initials)
        self.left = _MOST

    def _by(self, form: Callable[[str], Iterable[str]]) -> dict[tuple[str, ...], list[str]]:
        found: dict[tuple[str, ...], list[str]] = {}
        for name, option in self.folded.items():
            found.setdefault(tuple(form(name)), []).append(option)
        return found


_known: Callable[[tuple[str, ...]], _Known] = functools.lru_cache(maxsize=64)(_Known)


@functools.lru_cache(maxsize=4096)  # experiments of a project ask the same
def _meant(word: str, options: tuple[str, ...]) -> str | None:
    known = _known(options)
    key = _folded(word)
    if key in known.folded:
        return known.folded[key]
    doubled = known.by_single_letters.get(tuple(_single_letters(key)), ())
    if len(doubled) == 1:
        return doubled[0]
    swapped = known.by_letters.get(tuple(sorted(key)), ())
    if len(swapped) == 1:
        return swapped[0]
    known.left -= len(options)
    names = known.folded if known.left >= 0 else ()
    alike = [name for name in names if _may_be_close(key, name) and _is_spelled_like(key, name)]
    close = difflib.get_close_matches(key, alike, n=1, cutoff=_CLOSE)
    if close:
        return known.folded[close[0]]
    initials: set[str] = {*known.by_initials.get(tuple(key), ()), known.folded.get(_initials(key), "")} - {""}
    if len(initials) == 1:
        return initials.pop()
    parts = [known.folded[name] for name in names if len(key) > 2 and _has_one_part_more(key, name)]
    return parts[0] if len(parts) == 1 else None


_CLOSE = 0.7  # of the letters


def _may_be_close(one: str, other: str) -> bool:
    """Whether names have the lengths, and the letters, of some that are close: it is soon told."""
    needed = _CLOSE * (len(one) + len(other)) / 2
    if min(len(one), len(other)) < needed:
        return False
    return sum(min(one.count(letter), other.count(letter)) for letter in {*one}) >= needed


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


def _single_letters(word: str) -> str:
    """The word with each letter once where it stands twice: `learning_ratee` is `learning_rate`, and no other word."""
    return _TWICE.sub(r"\1", word)


_TWICE = compiled(r"(.)\1+")


def _is_spelled_like(one: str, other: str) -> bool:
    """Whether two names of as many parts are alike in each of them, and others but for the underscores."""
    for divided in (_PARTS.split, _WORDS.split):
        left, right = divided(one), divided(other)
        if len(left) == len(right):
            return all(_ratio(*pair) >= 0.6 for pair in zip(left, right, strict=True))
    return _ratio(one.replace("_", ""), other.replace("_", "")) >= 0.85


_PARTS, _WORDS = compiled(r"[_/.]"), compiled("_")


def _has_one_part_more(written: str, known: str) -> bool:
    """Whether a name that is known has a word more before or behind it, a plural being the same word; not that what is
    many were one, as `lengths` is no `max_length`.

    A word too many is another thing, as `env_name` is none of `envs`, but for one that counts: `num_epochs`.
    """
    short, long = ([part.removesuffix("s") for part in name.split("_")] for name in (written, known))
    if len(short) > len(long):
        return short[0] in _COUNTING and short[1:] == long
    if written.endswith("s") and "s" not in {part[-1:] for part in known.split("_")}:
        return False
    return len(long) - len(short) <= 1 and short in (long, long[1:], long[:-1])


_COUNTING = frozenset("n num nb max total".split())


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _initials(name: str) -> str:
    return "".join(part[0] for part in name.split("_") if part)
