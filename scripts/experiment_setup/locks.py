"""Holding a folder, and names in it, against other commands that write there at the same moment."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from experiment_setup.visible import note

if sys.platform != "win32":
    import fcntl

_CLAIM = "00000000"
_TURN = ".turn.ffffffff.tmp"
_PATIENCE = 20.0  # seconds that one turn may last; most last a tenth of it
_RAREST = 1.0  # seconds between two tries, at most
_SILENT = 3.0  # seconds; who waits for longer is told for what
_TRIES = 100


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[bool]:
    """Hold `folder` against other commands of this kind, so that two at once get two numbers; whether by a lock.

    It is made, with those above it, where it is missing; what nothing was put into is removed again. Where no lock is
    to be had (some network file systems, Windows) the names themselves are what is claimed. There the commands take
    turns, though nothing holds them to it: else each would do all of its work for a name that one of them gets.
    """
    for left in reversed(range(_TRIES)):
        made: list[Path] = []
        with contextlib.ExitStack() as stack:
            stack.callback(_unmake, made)
            try:
                _make(folder, made)
                held = stack.enter_context(lock(folder))
                stack.callback(_unmake, made)  # before the lock goes: whoever waits for it looks for the folder again
                if not held:
                    stack.enter_context(_turn(folder))
            except (FileExistsError, FileNotFoundError):  # the one that had made it was refused, and took it away
                if not left:
                    raise
                continue
            yield held
            return


@contextlib.contextmanager
def folder_for_files(folder: Path) -> Iterator[None]:
    """Make `folder` and those above it where they are missing; what nothing was put into is removed again."""
    made: list[Path] = []
    try:
        _make(folder, made)
        yield
    finally:
        _unmake(made)


def _make(folder: Path, made: list[Path]) -> None:
    for path in reversed([folder, *folder.parents]):
        if not path.exists():
            made.append(path)  # first: an interrupt may come between the two
            path.mkdir(exist_ok=True)


def _unmake(made: list[Path]) -> None:
    while made:
        with contextlib.suppress(OSError):  # not empty: it is wanted
            made[-1].rmdir()
        made.pop()  # last: after an interrupt, it is asked again


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[bool]:
    """Lock `folder`; whether a lock is to be had. Raises FileNotFoundError where it is gone by then.

    The lock is on the folder itself (flock): it leaves no file behind and ends with the process, however that ends.
    """
    if sys.platform == "win32":
        yield False
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    held = True
    try:
        try:
            _wait_for_lock(handle, folder)
        except OSError:
            held = False
        if not os.path.samestat(os.fstat(handle), folder.stat()):
            raise FileNotFoundError(errno.ENOENT, "was removed meanwhile", str(folder))
        yield held
    finally:
        with contextlib.suppress(OSError):
            os.close(handle)


def _wait_for_lock(handle: int, folder: Path) -> None:
    """Lock an open folder. Raises OSError where no locks are to be had."""
    silent_until = time.monotonic() + _SILENT
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > silent_until:
                break
            time.sleep(0.02)
    note(f"waiting for another command that writes to {folder}; a stopped one (`jobs`) has to go on or be ended")
    fcntl.flock(handle, fcntl.LOCK_EX)


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait for a turn in `folder`. Raises FileNotFoundError where that is gone by then."""
    turn = folder / _TURN
    ours = _wait_for(turn)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if _identity(turn) == ours:
                turn.rmdir()


def _wait_for(turn: Path) -> tuple[int, int] | None:
    """Make the folder of a turn, which is atomic and never answered from a cache; its identity, None without a turn.

    Each try costs a call or two, and they grow rarer. A turn that lasts for longer than any should is a dead process's,
    and taken from it. Where no such folder can be made, what is to be written next says why.
    """
    seen, began, said, pause = None, time.monotonic(), False, 0.01
    since = began
    while True:
        try:
            turn.mkdir()
            return _identity(turn)
        except FileExistsError:
            pass
        except FileNotFoundError:
            raise
        except OSError:
            return None
        if (current := _identity(turn)) != seen:
            seen, since = current, time.monotonic()
        elif time.monotonic() - since > _PATIENCE:
            try:
                turn.rmdir()
            except FileNotFoundError:
                pass  # another that waits was faster
            except OSError:
                return None
        if not said and time.monotonic() - began > _SILENT:
            said = True
            note(
                f"waiting for another command that writes to {turn.parent}; one that was killed counts as at work for"
                f" {_PATIENCE:g} s: if none is, `rmdir {shlex.quote(str(turn))}` lets this one go on"
            )
        time.sleep(random.uniform(0.5, 1.5) * pause)
        pause = min(pause * 1.2, _RAREST)


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from a later one of its name, which may get the same inode; None where there is none."""
    try:
        state = folder.stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns


@contextlib.contextmanager
def claim(folder: Path, name: str) -> Iterator[None]:
    """Claim a name in `folder` by making a hidden folder, which is atomic where locks are not to be had.

    Raises FileExistsError where another has claimed it. What a kill leaves is removed by `files.remove_unfinished`.
    """
    place = folder / f".{name}.{_CLAIM}.tmp"
    place.mkdir()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            place.rmdir()


def claimed(folder: Path) -> list[str]:
    """The names in `folder` that are claimed, by others or by us."""
    ends = f".{_CLAIM}.tmp"
    return [path.name[1:].removesuffix(ends) for path in folder.iterdir() if path.name.endswith(ends)]
