"""Reading and writing files: what is written appears whole or not at all, and never over a file that exists."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

from experiment_setup.errors import CommandError

if sys.platform != "win32":
    import fcntl

_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")  # files and folders on their way to their names


def read_text(path: Path) -> str:
    """The text of a UTF-8 file with its line ends and a BOM, if any, as they are.

    Raises CommandError if the file is not UTF-8 (Hydra reads nothing else: FileConfigSource.load_config).
    """
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise CommandError(
            f"{path}:{line}: not UTF-8 (byte 0x{error.object[error.start]:02x})",
            "save the file as UTF-8; Hydra reads no other encoding",
        ) from None


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold `folder` against other commands of this kind, so that two at once get two numbers.

    The lock is on the folder itself (flock): it leaves no file behind and ends with the process, however that ends.
    """
    if sys.platform == "win32":  # no flock there; link() alone still refuses a name that is taken
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems know no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def create_files(texts: Mapping[Path, str]) -> None:
    """Write every file of `texts`, or none: all are prepared aside first and then linked into place.

    Raises FileExistsError, with nothing left behind, if one of the names is taken.
    """
    prepared: list[tuple[Path, Path]] = []
    published: list[Path] = []
    with interrupts_deferred():
        try:
            for path, text in texts.items():
                aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
                prepared.append((aside, path))
                with aside.open("x", encoding="utf-8", newline="") as stream:
                    stream.write(text)
                    stream.flush()
                    os.fsync(stream.fileno())
            for aside, path in prepared:
                _link(aside, path)
                published.append(path)
        except BaseException:
            for path in published:
                path.unlink(missing_ok=True)
            raise
        finally:
            for aside, _ in prepared:
                aside.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """Give the finished file its name; FileExistsError if the name is taken, on every file system."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links here (FAT, some mounts): claim the name, then move over our own empty file
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        source.replace(target)


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed command left below `folder`; call it while holding the lock on it."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(target: Path, *, keep: bool = True) -> Iterator[Path]:
    """Yield an empty folder to fill; when the block ends well it becomes `target` in one rename, else it is removed.

    With `keep` false (a dry run) it is removed in any case.

    The folder is built beside `target`, with a name that starts with a dot, so that no tool takes it for an experiment.
    Raises FileExistsError if `target` exists by then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    aside.mkdir()
    try:
        yield aside
        if not keep:
            return
        with interrupts_deferred():
            if target.exists() or target.is_symlink():  # rename() would replace an empty folder
                raise FileExistsError(f"{target} exists already")
            aside.rename(target)
    finally:
        if aside.exists():
            shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM take effect after the block: in it, files get their names."""
    arrived: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread
            previous[number] = signal.signal(number, remember)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])
