"""What the tests of sweeps share: the template with parameter sets and launcher settings, and what a sweep left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from running import ROOT, Ran, run, run_entry, write

T = TypeVar("T")
ENV = {"WANDB_PROJECT": "", "OMP_NUM_THREADS": "1"}
QUICK = "exp.debug=true"
SET = "defaults:\n  - default@_here_\n\nname: {}\nlearning_rate: {}\n"
FIRST = "    rows, labels = load_data()\n"  # of the training


def make_experiment(root: Path) -> Path:
    """The template under another name, with three parameter sets and the launcher settings; its entry point."""
    folder = root / "experiments" / "001-baseline"
    template = ROOT / "assets" / "000-template"
    for path in (*template.glob("*.yaml"), *template.glob("*.py")):
        write(folder, {path.name: path.read_text(encoding="utf-8").replace(template.name, folder.name)})
    write(folder, {f"exp/00{n}.yaml": SET.format(f"00{n}-steps", n / 100) for n in (1, 2, 3)})
    shutil.copytree(ROOT / "assets" / "launchers" / "hydra", folder / "hydra")
    return folder / "train.py"


def project_of(entry: Path) -> Path:
    return entry.parents[2]


def begin_training_with(entry: Path, code: str) -> str:
    """Put `code` at the start of the training; returns what it put there, for `undo`."""
    text = entry.read_text(encoding="utf-8")
    assert FIRST in text
    planted = "".join(f"    {line}\n" for line in code.splitlines())
    entry.write_text(text.replace(FIRST, planted + FIRST, 1), encoding="utf-8")
    return planted


def undo(entry: Path, planted: str) -> None:
    text = entry.read_text(encoding="utf-8")
    assert planted in text
    entry.write_text(text.replace(planted, ""), encoding="utf-8")


def sweep(
    entry: Path, cwd: Path, *words: str, env: dict[str, str] | None = None, python: Path | str = sys.executable
) -> Ran:
    return run_entry(entry, "-m", QUICK, *words, cwd=cwd, env={**ENV, **(env or {})}, python=python)


def latest(entry: Path) -> Path:
    """The folder of the last sweep."""
    return max((project_of(entry) / "output/001-baseline/multirun").iterdir())


def results(folder: Path) -> dict[str, Any]:
    """The result.json of each job, by its folder."""
    return {p.parent.name: json.loads(p.read_text()) for p in sorted(folder.glob("*/result.json"))}


def status(entry: Path, cwd: Path, *words: str | Path) -> Ran:
    """What sweep_status.py says of the folder among `words`, or of the last sweep."""
    folder = words[0] if words and isinstance(words[0], Path) else latest(entry)
    rest = [word for word in words if not isinstance(word, Path)]
    return run("sweep_status.py", "--root", project_of(entry), folder, *rest, "--json", cwd=cwd)


def states(ran: Ran) -> list[str]:
    return [job["state"] for job in ran.json["jobs"]]


def patiently(start: Callable[[], T], said: Callable[[T], str]) -> T:
    """Start again, up to twice, where Ray gave up on a machine with much to do: it waits for itself 30 s, no more."""
    for _ in range(2):
        ran = start()
        if "The current node timed out during startup" not in said(ran):
            return ran
    return start()


def rerun(
    entry: Path, commands: list[str], python: Path | str = sys.executable, env: dict[str, str] | None = None
) -> list[int]:
    """Type each command as a user does, in the project's folder, with this Python."""
    codes = []
    for command in commands:
        ours = f'"{python}" {command[command.index("experiments/") :]}'
        environ = {**os.environ, **ENV, **(env or {})}
        typed = partial(
            subprocess.run, ["bash", "-c", ours], cwd=project_of(entry), env=environ, capture_output=True, text=True
        )
        codes.append(patiently(typed, lambda ran: ran.stderr).returncode)
    return codes
