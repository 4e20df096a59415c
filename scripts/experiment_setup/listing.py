"""Names on one line: the first of them, and whether there are more."""

from __future__ import annotations

from collections.abc import Sequence


def few(names: Sequence[str], most: int = 8) -> str:
    """`adam, sgd, …`: at most so many of them."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def few_of_many(names: Sequence[str], most: int) -> str:
    """`adam, sgd and 7 more`: likewise, where the number matters."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
