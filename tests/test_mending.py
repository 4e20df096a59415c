"""Fixes of random mistakes in odd formatting, held against the real Hydra; `mending.py` runs as many as you like."""

from __future__ import annotations

from pathlib import Path

import pytest

from mending import Broken, Mending, complaints
from running import PLAIN_EXPERIMENT

pytestmark = pytest.mark.slow

SEEDS = range(1, 4)
REMARKED = "\ufeffdefaults:\r\n  - _self_ # x <1>\r\n  - default@_here_\r\n\r\nseed: 7 # <2>\r\nbatch_size: 16 # <3>"


def test_fixes_change_nothing_but_the_mistakes(tmp_path: Path) -> None:
    mending = Mending()
    found = [words for seed in SEEDS for words in complaints(seed, mending)]
    files = {**PLAIN_EXPERIMENT, "exp/001.yaml": REMARKED}
    by_hand = Broken({name: text.encode() for name, text in files.items()}, ("ES106", "ES223"))
    found += mending.complaints(by_hand, tmp_path, unsafe=False)
    assert not found, "\n".join(found)
    assert mending.counts["fixed"] >= len(SEEDS), "or nothing was tried"
