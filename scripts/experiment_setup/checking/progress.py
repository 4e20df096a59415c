"""A line on a terminal's stderr while a check takes long."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from experiment_setup import visible

_AFTER = 1.0  # seconds; what is done by then needs no progress
_EVERY = 0.2


class Progress:
    """How far a check is. `experiment` is told by the check."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._current = ""
        self._number = 0

    def experiment(self, number: int, name: str) -> None:
        """The experiment of that number, from 0, is being looked at."""
        self._number = number + 1
        self._current = name

    def line(self, seconds: float) -> str:
        """The words on the screen."""
        return f"checking {self._current} (experiment {self._number} of {self._total}), {seconds:.0f} s"


@contextmanager
def shown(total: int, stream: TextIO = sys.stderr) -> Iterator[Progress]:
    """Show the progress of a check of `total` experiments on `stream`, if it is a terminal, from one second on."""
    progress = Progress(total)
    if not stream.isatty():
        yield progress
        return
    done = threading.Event()
    start = time.monotonic()

    def show() -> None:
        import shutil

        if done.wait(_AFTER):
            return
        while not done.wait(_EVERY):
            room = shutil.get_terminal_size().columns - 1  # a line that wraps would be left behind
            stream.write(f"\r\033[K{visible.line(progress.line(time.monotonic() - start))[:room]}")
            stream.flush()
        stream.write("\r\033[K")
        stream.flush()

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        done.set()
        thread.join()
