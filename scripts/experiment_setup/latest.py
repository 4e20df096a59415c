"""Answers that are kept as long as they are asked for again soon."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Latest(Generic[K, V]):
    """The answers to the questions that were asked last: at most `size` of them, or as many as weigh that much.

    They are weighed when a new one comes: some have grown since they came.
    """

    def __init__(self, size: int, weight: Callable[[V], int] | None = None) -> None:
        self._size = size
        self._weight = weight
        self._kept: OrderedDict[K, V] = OrderedDict()  # a dict passes over all that was taken out before its first

    def get(self, question: K, answer: Callable[[], V]) -> V:
        """What is known, or what `answer` gives. What that raises is not kept; the last answer is, of any weight."""
        if question in self._kept:
            self._kept.move_to_end(question)
            return self._kept[question]
        known = self._kept[question] = answer()
        while len(self._kept) > 1 and self._total() > self._size:
            self._kept.popitem(last=False)
        return known

    def _total(self) -> int:
        return len(self._kept) if self._weight is None else sum(map(self._weight, self._kept.values()))
