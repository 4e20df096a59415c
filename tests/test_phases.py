"""Two mistakes in one experiment give both findings, or the one that explains the other: a part of all pairs."""

from __future__ import annotations

import pytest

import pairs

pytestmark = pytest.mark.any_hydra


@pytest.mark.slow
def test_two_mistakes_are_two_findings_or_one_that_explains_the_other() -> None:
    said = [pairs.wrong(*pair) for pair in pairs.pairs(1, 60)]
    assert len(said) > 12
    assert not list(filter(None, said))


@pytest.mark.parametrize(
    "codes",
    [
        ("ES131", "ES414"),  # a group that Hydra does not have: nothing of its options
        ("ES223", "ES225"),  # a copy of a set is no twin besides
        ("ES302", "ES502"),  # a class in the wrong group: nothing of what refers to its fields
        ("ES307", "ES406"),  # what may be stored, whatever is chosen, is not missing
    ],
    ids="-".join,
)
def test_the_one_explains_the_other(codes: tuple[str, str]) -> None:
    one, other = (pairs.ALL[code] for code in codes)
    files = pairs.together(one.bad, pairs.beside(other.bad))
    assert files is not None
    assert pairs.wrong(one, other, files) is None
