"""How deep Python goes in a run: what Hydra recurses on here has as many frames left, whatever stands above it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Frames of a run from its first line on; `--cfg` and sweeps have up to three less or more.
OF_COMPOSING = 3  # 7 above Hydra.compose_config, without `compose` and the three of ours that load a file
OF_LOADING = 23  # above OmegaConf.create for a file that the primary list names
_LIMIT = sys.getrecursionlimit()


@contextmanager
def as_in_a_run(above: int) -> Iterator[None]:
    """Let a block recurse as far as it could below so many frames, and no farther."""
    frame: FrameType | None = sys._getframe(2)  # whose block it is
    count = 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(_LIMIT + count - above)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
