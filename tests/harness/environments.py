"""Environments with packages that can't stand in the tests' own: made once by uv, with the Hydra and Python under test.

They stay in pytest's cache folder, so that later runs are offline; `pytest --cache-clear` makes them anew.
"""

from __future__ import annotations

import fcntl
import functools
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

HYDRA = version("hydra-core")
# The launchers. Ray's wants cloudpickle 2 on Hydra 1.3, which the newest joblib refuses: it stands alone.
LAUNCHERS = (
    "hydra-joblib-launcher>=1.2,<1.5",
    "hydra-submitit-launcher>=1.2,<1.5",
    "hydra-optuna-sweeper>=1.2,<1.5",
    "sqlalchemy<2",
)
RAY = ("hydra-ray-launcher>=1.2,<1.5",)


def python_with(config: pytest.Config, packages: Sequence[str]) -> Path:
    """The interpreter of an environment with `packages`. Where they can't be had it skips, with uv's last line."""
    assert config.cache, "pytest runs without its cache folder"
    made = _make(config.cache.mkdir("environments"), tuple(packages))
    if isinstance(made, str):
        pytest.skip(made)
    return made


@functools.cache
def _make(home: Path, packages: tuple[str, ...]) -> Path | str:
    """The interpreter, or why there is none."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv:
        return "uv, which makes the environment, is not on the PATH"
    wanted = (*packages, f"hydra-core=={HYDRA}")
    first = re.match(r"[\w-]+", packages[0])
    assert first
    folder = home / f"{first[0]}-{zlib.crc32(' '.join([sys.version, *wanted]).encode()):08x}"
    python, ready = folder / "bin" / "python", folder / "ready"
    with (home / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of pytest-xdist may want it
        if ready.exists() and subprocess.run([python, "-c", ""], check=False).returncode == 0:
            return python
        newer = ["--prerelease", "allow"] if re.search("[a-z]", HYDRA) else []
        for command in (
            ["venv", "--clear", "--python", sys.executable, str(folder)],
            ["pip", "install", "--python", str(python), *newer, *wanted],
        ):
            ran = subprocess.run([uv, *command, "--quiet"], capture_output=True, text=True, encoding="utf-8")
            if ran.returncode:
                said = [line for line in ran.stderr.splitlines() if line.strip()]
                return f"{' '.join(wanted)}: {' '.join(said[-1].split()) if said else 'uv failed'}"
        ready.touch()
    return python
