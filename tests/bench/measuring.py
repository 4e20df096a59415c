"""What a process takes, as the benches measure it: started cold and run to its end."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    wall: float  # seconds
    cpu: float  # seconds
    peak: float  # megabytes
    code: int

    def times(self, factor: float, start: Cost | None = None) -> Cost:
        """The cost of `factor` times the work; that of starting, if given, counts once."""
        wall, cpu = (start.wall, start.cpu) if start else (0.0, 0.0)
        return Cost(wall + (self.wall - wall) * factor, cpu + (self.cpu - cpu) * factor, self.peak, self.code)


def measure(command: Sequence[str | Path], cwd: Path) -> Cost:
    """Run a command to its end, its output thrown away.

    Modules are compiled once, as for a user; some machines for development forbid Python to keep them.
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [*map(str, command)], cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, process.returncode)
