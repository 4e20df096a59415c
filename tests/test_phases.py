"""Two mistakes in one experiment give both findings, or the one that explains the other: a part of all pairs."""

from __future__ import annotations

import pytest

import pairs


@pytest.mark.slow
@pytest.mark.parametrize("part", range(2))
def test_two_mistakes_are_two_findings_or_one_that_explains_the_other(part: int) -> None:
    said = [pairs.wrong(*pair) for pair in pairs.pairs(part, 40)]
    assert len(said) > 50
    assert not list(filter(None, said))
