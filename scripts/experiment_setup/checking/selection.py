"""Which rules a word means: a code (`ES201`), the beginning of one (`ES2`), a rule's name, or `all`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from experiment_setup.errors import CommandError
from experiment_setup.reading import suppression
from experiment_setup.rules import ALL
from experiment_setup.rules.base import Rule, moved, similar


def rules_of(word: str) -> list[Rule]:
    """The rules that `word` means, in the order of their codes. Raises CommandError if there is none."""
    named = [rule for rule in ALL.values() if word.lower() in (rule.name, "all")]
    if named:
        return named
    if suppression.OURS.fullmatch(word):
        begun = [rule for rule in ALL.values() if rule.code.startswith(word.upper())]
        if begun:
            return begun
    if (news := moved(word.upper())) is not None:
        raise CommandError(news, "--list-rules shows the numbers that count")
    guess = similar(word)
    raise CommandError(
        f"no rule {word!r}" + (f" (did you mean {guess}?)" if guess else ""),
        "give a code such as ES010, the beginning of codes such as ES0, or a name; --list-rules shows them",
    )


def codes(select: Sequence[str], ignore: Sequence[str]) -> frozenset[str] | None:
    """The codes that `--select` and `--ignore` leave, each word a comma-separated list; None where nothing was said.

    Raises CommandError for a word that means no rule, and where no rule is left.
    """
    if not select and not ignore:
        return None
    chosen = _codes(select) if select else frozenset(ALL)
    left = chosen - _codes(ignore)
    if not left:
        raise CommandError("--select and --ignore leave no rule to check", "leave one of them out")
    return left


def _codes(words: Iterable[str]) -> frozenset[str]:
    parts = [part.strip() for word in words for part in word.split(",")]
    return frozenset(rule.code for part in parts if part for rule in rules_of(part))
