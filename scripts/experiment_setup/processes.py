"""The one module that starts a process. What it starts, and with what, is listed in references/security.md.

A project may come from a stranger: no program of its folder is started, none starts in its folder, and none gets the
environment of this process, except where `--python` was given.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from experiment_setup import files
from experiment_setup.light import dataclass

if TYPE_CHECKING:
    import threading

_PIECE = 1 << 20
MOST = 128 << 20  # bytes that a program may say; what a commit holds can come to any number of them
# What a program needs to start and to speak the user's language. Everything else stays here: tokens, GIT_DIR, PYTHON….
_PASSED_ON = frozenset(
    "PATH HOME USER LOGNAME LANG LANGUAGE LC_ALL LC_CTYPE TMPDIR TEMP TMP XDG_CONFIG_HOME PYENV_ROOT PYENV_VERSION "
    "SYSTEMROOT WINDIR COMSPEC PATHEXT USERPROFILE APPDATA LOCALAPPDATA".split()
)


@dataclass(frozen=True)
class Ended:
    """A process that has ended: its exit code, and what it wrote."""

    code: int
    out: bytes
    err: bytes


_of_projects: set[Path] = set()


def distrust(folder: Path) -> None:
    """From now on start no program that lies in this folder, whatever is asked about: it is a project."""
    _of_projects.add(folder)


def find(name: str, *, project: Path, path: str | None = None) -> str | None:
    """The program `name` in the folders of PATH, but those that are relative or lie in a project or its checkout."""
    distrusted = {_checkout(known) for known in (project, *_of_projects)}
    for folder in (os.environ.get("PATH", "") if path is None else path).split(os.pathsep):
        if not Path(folder).is_absolute():
            continue
        for ending in os.environ.get("PATHEXT", "").split(os.pathsep) if os.name == "nt" else [""]:
            program = Path(folder, name + ending)
            # os.access first: of a folder that may not be looked into, is_file() raises.
            if not os.access(program, os.X_OK) or not program.is_file():
                continue
            if not any(_lies_in(program, known) for known in distrusted):
                return str(program)
    return None


def _checkout(project: Path) -> Path:
    """The folder with the `.git` that a project lies in, else its own: what a pull request can change."""
    return next(files.checkouts(project), project)


def _lies_in(path: Path, folder: Path) -> bool:
    return any(p.is_relative_to(f) for p in (path, path.resolve()) for f in (folder, folder.resolve()))


def ask(words: Sequence[str], *, given: bytes = b"", seconds: float, more: Mapping[str, str] | None = None) -> Ended:
    """Run a program that is no part of the project, away from it, with hardly any environment (`more` is added).

    Raises OSError if it does not start, and TimeoutError, which is one, if it has not ended by then.
    """
    environment = {name: value for name, value in os.environ.items() if name in _PASSED_ON} | dict(more or {})
    return _run(words, given, Path(Path(words[0]).anchor), environment, seconds)


def run_project(words: Sequence[str], *, given: bytes = b"", folder: Path, seconds: float) -> Ended:
    """Run code of the project as the user would, because `--python` asks for it. Raises as `ask` does."""
    return _run(words, given, folder, {**os.environ, "PWD": str(folder)}, seconds)


def _run(
    words: Sequence[str], given: bytes, folder: Path, environment: Mapping[str, str] | None, seconds: float
) -> Ended:
    import subprocess  # takes longer than all that a plain `--help` needs
    import threading
    import time

    pipe, began = subprocess.PIPE, time.monotonic()
    with subprocess.Popen(list(words), stdin=pipe, stdout=pipe, stderr=pipe, cwd=folder, env=environment) as process:
        complaints: list[bytes | MemoryError] = []
        timer = threading.Timer(seconds, process.kill)
        threads = [
            threading.Thread(target=_give, args=(process.stdin, given)),
            threading.Thread(target=lambda: complaints.append(_read_whatever(process.stderr))),
            timer,
        ]
        started: list[threading.Thread] = []
        try:
            for thread in threads:
                _start(thread)
                started.append(thread)
            out = _read(process.stdout)
            if len(out) > MOST:
                raise OSError(errno.EFBIG, f"{words[0]} says more than {MOST >> 20} MiB")
            code = process.wait()
        finally:
            process.kill()
            timer.cancel()
            for thread in started:
                thread.join()
    if time.monotonic() - began >= seconds:
        raise TimeoutError(f"{words[0]} has not ended after {seconds} s")
    (said,) = complaints
    if isinstance(said, MemoryError):
        raise said
    return Ended(code, out, said)


def _start(thread: threading.Thread) -> None:
    """Start a thread; what Python says where there is no memory for one is not what it is."""
    try:
        thread.start()
    except RuntimeError:
        raise MemoryError from None


def _read_whatever(stream: IO[bytes] | None) -> bytes | MemoryError:
    """What comes, or the error: that of a thread would end in a traceback."""
    try:
        return _read(stream)
    except MemoryError as error:
        return error


def _read(stream: IO[bytes] | None) -> bytes:
    """All that comes, or a little more than MOST of it: piece by piece, since Python makes room for all it may read."""
    pieces: list[bytes] = []
    while stream is not None and sum(map(len, pieces)) <= MOST and (piece := stream.read(_PIECE)):
        pieces.append(piece)
    return b"".join(pieces)


def _give(stream: IO[bytes] | None, data: bytes) -> None:
    if stream is not None:
        with contextlib.suppress(OSError):  # it has ended, or does not care
            stream.write(data)
        with contextlib.suppress(OSError):
            stream.close()


def start_over(*options: str) -> NoReturn:
    """Replace this process by the same command with more options for Python, such as `-X utf8`."""
    os.execv(sys.executable, [sys.executable, *options, *sys.orig_argv[1:]])


def fork() -> int:
    """A copy of this process that goes on from here; 0 in the copy, its number in this one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python 3.12 on threads: that of the progress holds no lock that is needed
        return os.fork()
