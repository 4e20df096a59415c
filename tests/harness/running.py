"""What the tests and the harness share: making projects, running the commands as a user does, asking the real Hydra."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiment_setup.rules.example import BASE as PLAIN_EXPERIMENT

HARNESS = Path(__file__).resolve().parent
ROOT = HARNESS.parents[1]
SCRIPTS = ROOT / "scripts"
CONFIG = PLAIN_EXPERIMENT["config.yaml"]


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write `files` (path -> text or bytes) below `folder`."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` with its content, to see that nothing was changed."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run(script: str, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Ran:
    """Run a command of the skill as a user does, from `cwd`. A traceback is never right."""
    process = subprocess.run(
        [sys.executable, str(SCRIPTS / script), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    assert "Traceback" not in process.stderr, process.stderr
    return Ran(process.returncode, process.stdout, process.stderr)


def hydra(entry: Path, *overrides: str, cwd: Path | None = None, resolve: bool = False) -> Any:
    """What the real Hydra composes: `python train.py --cfg job …`. Raises AssertionError with its words if it fails."""
    ran = run_entry(entry, "--cfg", "job", *(["--resolve"] if resolve else []), *overrides, cwd=cwd)
    assert ran.code == 0, ran.err
    printed = ran.out.replace("pathlib._local.", "pathlib.")  # what Python 3.13 says OmegaConf 2.3 cannot read
    return OmegaConf.to_container(OmegaConf.create(printed))


def run_entry(
    entry: Path,
    *arguments: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    python: Path | str = sys.executable,
) -> Ran:
    """Run an entry point, with the interpreter of the tests unless told otherwise."""
    process = subprocess.run(
        [str(python), str(entry), *arguments],
        cwd=cwd or entry.parent,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    return Ran(process.returncode, process.stdout, process.stderr)


def interruptible() -> None:
    """As `preexec_fn`: Ctrl-C ends the command, though the tests may ignore it (`pytest &`, xdist's workers)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def git(folder: Path, *words: str) -> None:
    """Run git as somebody, whoever runs the tests."""
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "core.hooksPath=/dev/null"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)
