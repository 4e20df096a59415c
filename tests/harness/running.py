"""What the tests and the harness share: making projects, running the commands as a user does, asking the real Hydra."""

from __future__ import annotations

import atexit
import ctypes
import functools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
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

    @property
    def told(self) -> str:
        """All that was printed, our commands as where nothing in the path of the scripts asks for quotes."""
        return re.sub(rf"'({re.escape(str(SCRIPTS))}/\w+\.py)'", r"\1", self.out + self.err)

    def offered(self, script: str) -> list[str]:
        """The arguments with which the first line that names `script` says to type it."""
        return shlex.split(self.told.partition(f"{script} ")[2].split("\n")[0])


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
    """Run a command of the skill from `cwd`, with its modules loaded (`forks.py`). A traceback is never right."""
    return _command(_fork_of_skill, script, *arguments, cwd=cwd, env=env)


def start(script: str, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Ran:
    """The same in a process of its own: where it is the question what is loaded, or what Python does before."""
    return _command(_start, script, *arguments, cwd=cwd, env=env)


def as_anybody(script: str, *arguments: str | Path, cwd: Path) -> Ran:
    """The same by one whom permissions hold: root lays down the right to pass over them."""
    return _command(_fork_as_anybody, script, *arguments, cwd=cwd, env=None)


def _command(
    by: Callable[..., Ran], script: str, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None
) -> Ran:
    ran = by([str(SCRIPTS / script), *map(str, arguments)], cwd, env)
    assert "Traceback" not in ran.err, ran.err
    return ran


def hydra(
    entry: Path,
    *overrides: str,
    cwd: Path | None = None,
    resolve: bool = False,
    env: Mapping[str, str] | None = None,
) -> Any:
    """What the real Hydra composes: `python train.py --cfg job …`. Raises AssertionError with its words if it fails."""
    ran = run_entry(entry, "--cfg", "job", *(["--resolve"] if resolve else []), *overrides, cwd=cwd, env=env)
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
    """Run an entry point, in a process of its own if with another interpreter than that of the tests."""
    words, folder = [str(entry), *arguments], cwd or entry.parent
    return _fork(words, folder, env) if python == sys.executable else _start(words, folder, env, python)


def _environment(env: Mapping[str, str] | None, cwd: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PWD": str(cwd), **(env or {})}


def _start(words: list[str], cwd: Path, env: Mapping[str, str] | None, python: Path | str = sys.executable) -> Ran:
    process = subprocess.run(
        [str(python), *words],
        cwd=cwd,
        env=_environment(env, cwd),
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    return Ran(process.returncode, process.stdout, process.stderr)


def _fork_as_anybody(words: list[str], cwd: Path, env: Mapping[str, str] | None) -> Ran:
    if os.geteuid() == 0 and not hasattr(ctypes.CDLL(None), "capset"):
        pytest.skip("root may write anywhere, and only Linux lets it lay that down")
    return _fork(words, cwd, env, "skill", "anybody")


def _fork_of_skill(words: list[str], cwd: Path, env: Mapping[str, str] | None) -> Ran:
    return _fork(words, cwd, env, "skill")


def _fork(words: list[str], cwd: Path, env: Mapping[str, str] | None, *loaded: str) -> Ran:
    environment = _environment(env, cwd)
    forks = _forks(*loaded)
    if _read_at_start(environment) != _read_at_start(forks.environment):
        return _start(words, cwd, env)
    return forks.run(words, cwd, environment)


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """What Python or the loader reads before a script begins: a fork would not notice it."""
    return {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LANG", "LD_"))}


class _Forks:
    """The process of `forks.py`."""

    def __init__(self, *loaded: str) -> None:
        self.environment = _environment(None, Path.cwd())
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory()
        self._files = {name: Path(self._folder.name, name) for name in ("out", "err")}
        self._process = subprocess.Popen(
            [sys.executable, str(HARNESS / "forks.py"), *loaded],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def run(self, words: list[str], cwd: Path, environment: Mapping[str, str]) -> Ran:
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            for file in self._files.values():
                file.write_bytes(b"")
            files = {name: str(file) for name, file in self._files.items()}
            request = {"words": words, "cwd": str(cwd), "env": environment, **files}
            print(json.dumps(request), file=self._process.stdin, flush=True)
            code = int(self._process.stdout.readline())
            return Ran(code, *(file.read_text(encoding="utf-8") for file in self._files.values()))


@functools.cache
def _forks(*loaded: str) -> _Forks:
    forks = _Forks(*loaded)
    atexit.register(forks.end)
    return forks


def interruptible() -> None:
    """As `preexec_fn`: Ctrl-C ends the command, though the tests may ignore it (`pytest &`, xdist's workers)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def git(folder: Path, *words: str) -> None:
    """Run git as somebody, whoever runs the tests."""
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "core.hooksPath=/dev/null"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)
