"""Mutated files and words, some of them from each seed: a command ends with an answer or with one line, whatever comes.

`tests/harness/fuzzing.py` tries as many as one likes. A case that once failed is named here, and tried for ever.
"""

from __future__ import annotations

import pytest

import fuzzing

COUNTS = {"yaml": 12, "python": 24, "overrides": 24, "fix": 6}
ONCE = [
    ("yaml", "7-78"),  # a mapping in itself
    ("yaml", "a-168"),  # an option whose name no file system takes
    ("overrides", "7-129"),  # a number of 5,000 digits for show.py
]


@pytest.mark.parametrize("kind", COUNTS)
def test_whatever_comes_has_an_answer(kind: str) -> None:
    failed = {f"ci-{number}": fuzzing.failure(kind, f"ci-{number}") for number in range(COUNTS[kind])}
    assert {number: said for number, said in failed.items() if said is not None} == {}


@pytest.mark.parametrize(("kind", "number"), ONCE)
def test_what_once_failed_has_an_answer(kind: str, number: str) -> None:
    assert fuzzing.failure(kind, number) is None
