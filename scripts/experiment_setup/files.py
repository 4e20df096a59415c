"""Reading and writing files: what is written appears whole or not at all, and never over a file that exists."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import IO

from experiment_setup.errors import CommandError
from experiment_setup.light import compiled
from experiment_setup.locks import claim, lock

if sys.platform != "win32":
    import fcntl

_BEFORE, _AFTER = "experiment-setup-", ".tmp"  # of the names of temporary folders; nobody's own folder is called so
LARGEST = 4 << 20  # bytes; a hundred times a large config, and Python's YAML takes seconds for it
# Files and folders on their way to their names; what ends in a date (`.scores.20241130.tmp`) is somebody's own.
_UNFINISHED = compiled(r"\..+\.(?!(?:19|20)\d\d(?:0[1-9]|1[0-2])[0-3]\d\.)[0-9a-f]{8}\.tmp")


def read_bytes(path: Path) -> bytes:
    """The content of a file of the project: the one way in which any is read.

    Raises OSError for what is no regular file (reading a pipe might never end) and for what is larger than LARGEST.
    """
    with _opened(path) as (file, state):
        if state.st_size > LARGEST:
            raise OSError(errno.EFBIG, f"larger than the {LARGEST >> 20} MiB that are read of a file", str(path))
        data = file.read(state.st_size + 1)  # asked for LARGEST, Python sets aside that much memory each time
        return data if len(data) <= state.st_size else data + file.read(LARGEST - len(data))


def beginning(path: Path, most: int) -> bytes:
    """The first bytes of a file, however large it is. Raises OSError for what is no regular one."""
    with _opened(path) as (file, _):
        return file.read(most)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], os.stat_result]]:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        yield file, state


def is_file(path: Path | os.DirEntry[str]) -> bool:
    """`Path.is_file` for a name that a project writes: one that no file system takes is none, and raises nothing.

    Nor does a link to itself, which `DirEntry.is_file` complains of.
    """
    return _takes(path.is_file)


def is_folder(path: Path | os.DirEntry[str]) -> bool:
    """`Path.is_dir`, likewise."""
    return _takes(path.is_dir)


def exists(path: Path) -> bool:
    """`Path.exists`, likewise."""
    return _takes(path.exists)


def real(path: Path) -> Path:
    """Where a path leads, links followed; one that leads to itself stays (`Path.resolve` may raise RuntimeError), and
    one that no file system takes.
    """
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # with a NUL, or half of a character
        return path.absolute()


def checkouts(path: Path) -> Iterator[Path]:
    """The folders around a path with a `.git`, the innermost first; whether git takes that for one is its question."""
    return (folder for folder in (path, *path.parents) if os.path.lexists(folder / ".git"))


def below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, without what goes while it is looked at: another command's unfinished files."""
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


def in_folders(folder: Path, deepest: int) -> Iterator[Path]:
    """The files in the folders of a folder, in theirs and so on, `deepest` levels down: those of each level by name.

    Linked folders are followed. Passed over is what another command is at, and what goes meanwhile.
    """
    level = [folder]
    for depth in range(deepest + 1):
        below: list[Path] = []
        for entry in (entry for place in level for entry in _entries(place)):
            if not is_folder(entry):
                yield from [Path(entry)] if depth else []
            elif not is_unfinished(entry.name):
                below.append(Path(entry))
        level = below


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, by name; nothing of one that is gone by now, that may not be looked into, or whose name no
    file system takes.
    """
    if not is_folder(folder):
        return []
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def is_environment(folder: Path) -> bool:
    """Whether a folder of a project is a virtual environment, or a temporary one of ours, where TMPDIR leads there:
    nothing in it is the project's own.
    """
    is_ours = folder.name.startswith(_BEFORE) and folder.name.endswith(_AFTER)
    return is_ours or (folder / "pyvenv.cfg").exists()


def is_no_part(folder: Path) -> bool:
    """Whether it is one of these, or may not be looked into, as a container that runs as root leaves it."""
    try:
        return is_environment(folder)
    except OSError:
        return True


def _takes(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            return False
        raise


def read_loosely(path: Path) -> str:
    """The text of a file, with marks in place of what is not UTF-8. Raises OSError as `read_bytes` does."""
    return read_bytes(path).decode("utf-8", "replace")


def read_or_empty(path: Path) -> str:
    """The same; "" for what cannot be read, or is no file."""
    try:
        return read_loosely(path)
    except OSError:
        return ""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file with its line ends and a BOM, if any, as they are.

    Raises CommandError if the file is not UTF-8 (Hydra reads nothing else: FileConfigSource.load_config), and OSError
    as `read_bytes` does.
    """
    data = read_bytes(path)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise CommandError(
            f"{path}:{line}: not UTF-8 (byte 0x{error.object[error.start]:02x})",
            "save the file as UTF-8; Hydra reads no other encoding",
        ) from None


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends, as Python's parser counts them (`str.splitlines` knows more line ends)."""
    return io.StringIO(text, newline="").readlines()


def refuse_outside(path: Path, root: Path) -> None:
    """Raise CommandError if `path` is, or lies below, a link that leads out of the project at `root`."""
    real, home = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    if not real.is_relative_to(home):
        raise CommandError(
            f"{path} leads out of the project, to {real}; nothing was written",
            "put a folder of the project in the place of that link, or name the project that it leads to with --root",
        )


def put(path: Path, data: str | bytes) -> None:
    """Write a file that nobody else sees yet: in a copy, or in a folder that has not got its name."""
    with _named(path):
        path.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def create_files(texts: Mapping[Path, str]) -> None:
    """Write every file of `texts`, all in one folder, or none: they are prepared aside and then linked into place.

    Several files are first gathered in a folder of their own. The name that this gets last says that they are all
    there, so that what a kill leaves is either nothing, or completed by `remove_unfinished`.
    Raises FileExistsError, with nothing left behind, if one of the names is taken.
    """
    parent = next(iter(texts)).parent
    aside = parent / f".new-files.{os.urandom(4).hex()}.tmp"
    complete = aside.with_name(aside.name.replace(".new-files.", ".all-of-new-files."))
    published: list[Path] = []
    with interrupts_deferred() as interrupts:
        try:
            aside.mkdir()
            for path, text in texts.items():
                with _named(path), (aside / path.name).open("xb") as stream:
                    _write(stream, text)
            aside.rename(complete)
            for path in texts:
                _link(complete / path.name, path)
                published.append(path)
            interrupts.forget()
        except BaseException:
            for path in published:
                path.unlink(missing_ok=True)
            raise
        finally:
            _discard(aside)
            _discard(complete)


def replace(path: Path, text: str) -> None:
    """Give an existing file another text, whole or not at all; all else about it stays (owner, rights, other names)."""
    state = path.stat()
    if state.st_nlink > 1 or not _may_own(state):
        _overwrite(path, text.encode("utf-8"))
        return
    aside = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        with _named(path), aside.open("xb") as stream:
            _write(stream, text)
        made = aside.stat()
        if (made.st_uid, made.st_gid) != (state.st_uid, state.st_gid):
            os.chown(aside, state.st_uid, state.st_gid)
        kept = _have_the_same_attributes(aside, path)
        aside.chmod(stat.S_IMODE(state.st_mode))
        if kept:
            aside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    if not kept:
        aside.unlink(missing_ok=True)
        _overwrite(path, text.encode("utf-8"))


def _have_the_same_attributes(made: Path, path: Path) -> bool:
    """Give a file that we made the extended attributes of another one; whether it has them then, and no others.

    Linux keeps access control lists in them, one that a folder hands down to new files too.
    """
    if sys.platform != "linux":
        return True
    wanted, got = _attributes(path), _attributes(made)
    try:
        for name in got.keys() - wanted.keys():
            os.removexattr(made, name)
        for name, value in wanted.items():
            if got.get(name) != value:
                os.setxattr(made, name, value)
    except OSError:  # not everyone may set all of them
        return False
    return True


def _attributes(path: Path) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(path, name) for name in os.listxattr(path)}
    except OSError:  # none on this disk
        return {}


def _may_own(state: os.stat_result) -> bool:
    """Whether a file that we make can have the owner and the group of this one."""
    if sys.platform == "win32":
        return True
    user = os.geteuid()
    return user == 0 or (user == state.st_uid and state.st_gid in (os.getegid(), *os.getgroups()))


def _overwrite(path: Path, data: bytes) -> None:
    """Write into the file itself, which has other names or another owner: another one would be theirs no more.

    It is one write, filled up with empty lines: a kill leaves the old text, or the new one with some of these behind.
    """
    before = read_bytes(path)
    with _named(path), path.open("r+b", buffering=0) as stream:
        try:
            filled = data.ljust(len(before), b"\n")
            if stream.write(filled) < len(filled):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            stream.truncate(len(data))
            os.fsync(stream.fileno())
        except BaseException:
            stream.seek(0)
            stream.write(before)
            stream.truncate(len(before))
            raise


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Where the system refuses to write, say which file: of a disk that gets full it names none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _write(stream: IO[bytes], text: str) -> None:
    stream.write(text.encode("utf-8"))
    stream.flush()
    os.fsync(stream.fileno())


def rewrite(texts: Mapping[Path, tuple[str | None, str]]) -> None:
    """Write files, each from the text that was read (None: there is none yet) to another one: all of them or none.

    Their folders are locked meanwhile: whoever else has the lock takes unfinished files for those of a killed command.
    Raises CommandError or OSError, with nothing written, where a file is another one by now or its folder may not be
    written to. Ctrl-C takes effect before or after.
    """
    with contextlib.ExitStack() as stack:
        for folder in sorted({os.path.realpath(path.parent) for path in texts}):  # in one order for everyone
            stack.enter_context(lock(Path(folder)))
        _rewrite(texts)


def _rewrite(texts: Mapping[Path, tuple[str | None, str]]) -> None:
    for path, (before, _) in texts.items():
        if (read_text(path) if os.path.lexists(path) else None) != before:
            raise CommandError(f"{path} was changed while this was worked out; nothing was written", "run it again")
        if not os.access(path.parent, os.W_OK):
            code = errno.EROFS if sys.platform != "win32" and _is_read_only(path.parent) else errno.EACCES
            raise OSError(code, os.strerror(code), str(path.parent))
    done: list[Path] = []
    with interrupts_deferred() as interrupts:
        try:
            for path, (before, after) in texts.items():
                create_files({path: after}) if before is None else replace(path, after)
                done.append(path)
            interrupts.forget()
        except BaseException:
            for path in done:
                before = texts[path][0]
                path.unlink() if before is None else replace(path, before)
            raise


def _is_read_only(folder: Path) -> bool:
    """Whether nobody may write to the disk, whatever the rights of the folder are."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder where temporary files go, gone after the block; those that killed commands left are removed first.

    Whoever uses one holds a lock on it, which ends with the process. Where no locks are to be had, they stay.
    """
    import tempfile

    _remove_left_behind(Path(tempfile.gettempdir()))
    while True:
        with contextlib.ExitStack() as stack:
            temporary = tempfile.TemporaryDirectory(prefix=_BEFORE, suffix=_AFTER, ignore_cleanup_errors=True)
            stack.callback(_discard, Path(temporary.name))  # what that leaves, where few files may be open
            made = stack.enter_context(temporary)
            try:
                stack.enter_context(lock(Path(made)))
            except FileNotFoundError:  # taken for left behind before it was locked
                continue
            yield Path(made).resolve()
            return


def _remove_left_behind(place: Path) -> None:
    """Remove our own temporary folders that nobody holds."""
    if sys.platform == "win32":
        return
    for folder in place.glob(f"{_BEFORE}????????{_AFTER}"):
        with contextlib.suppress(OSError):  # in use, another's, or gone
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(handle).st_uid == os.getuid():
                    _remove(folder)
            finally:
                os.close(handle)


def _remove(folder: Path) -> None:
    try:
        import shutil  # with four compressions: a command that only looks goes without

        shutil.rmtree(folder)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            _remove_by_name(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_by_name(folder: Path) -> None:
    """The same with one open folder at a time, where `shutil.rmtree` may not open one for each level.

    Only there: between two calls, another might put a link in the place of a folder. `folder` is none.
    """
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            if path.is_dir() and not path.is_symlink():
                _remove_by_name(path)
            else:
                path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # an empty one even where none may be opened
        folder.rmdir()


def _discard(folder: Path) -> None:
    """Remove a folder of ours, if it is there; a disk that refuses once is asked again, and what stays is hidden."""
    for _ in range(3):
        if not os.path.lexists(folder):
            return
        _remove(folder)


def _link(source: Path, target: Path) -> None:
    """Give the finished file its name; FileExistsError if the name is taken, on every file system."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links here (FAT, some mounts): claim the name, then move over our own empty file
        with claim(target.parent, target.name):  # O_EXCL is not kept everywhere: two may make that file
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, "exists already", str(target)) from None
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            source.replace(target)


def clear_unfinished(folders: Collection[Path]) -> None:
    """Do `remove_unfinished` in each of these folders that is there, where a lock is to be had."""
    for folder in filter(Path.is_dir, folders):
        with lock(folder) as held:
            if held:
                remove_unfinished(folder)


def is_unfinished(name: str) -> bool:
    """Whether a file or folder of this name is on its way to another one: of a command at work, or of a killed one."""
    return _UNFINISHED.fullmatch(name) is not None


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed command left in `folder`, and complete what it had begun to put into place.

    To be called while the lock on the folder is held, and only then: else it may be another's, who is still at it.
    """
    for path in folder.iterdir():
        if not is_unfinished(path.name):
            continue
        with contextlib.suppress(OSError):  # another's, or not to be removed: it is in nobody's way
            if path.is_symlink():  # none of ours: a clone brought it along, and it leads to somebody's files
                path.unlink()
                continue
            # Whoever is still at it, where a lock holds on one machine alone, finds it gone and not emptied.
            ours = path.rename(path.with_name(f"{path.name[:-13]}.{os.urandom(4).hex()}.tmp"))
            if path.name.startswith(".all-of-new-files."):
                for file in sorted(ours.iterdir()):
                    with contextlib.suppress(FileExistsError):
                        _link(file, folder / file.name)
            _remove(ours) if ours.is_dir() else ours.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(target: Path, *, keep: bool = True) -> Iterator[Path]:
    """Yield an empty folder to fill; when the block ends well it becomes `target` in one rename, else it is removed.

    With `keep` false (a dry run) it is made where temporary files go, and removed in any case.

    The folder is built beside `target`, with a name that starts with a dot, so that no tool takes it for an experiment.
    Raises FileExistsError if `target` exists by then.
    """
    aside = target.with_name(f".{target.name}.{os.urandom(4).hex()}.tmp")
    try:
        aside.mkdir()
        yield aside
        if not keep:
            return
        with interrupts_deferred() as interrupts:
            if target.exists() or target.is_symlink():  # rename() would replace an empty folder
                raise FileExistsError(errno.EEXIST, "exists already", str(target))
            aside.rename(target)
            interrupts.forget()
    finally:
        _discard(aside)


class Interrupts:
    """Signals that came while they were deferred."""

    def __init__(self) -> None:
        self.arrived: list[int] = []
        self.late = False

    def forget(self) -> None:
        """All is in place: an interrupt now would only call it a failure, so none counts until the process ends."""
        self.late = True


@contextlib.contextmanager
def interrupts_deferred() -> Iterator[Interrupts]:
    """Let Ctrl-C and SIGTERM take effect after the block: in it, files get their names."""
    interrupts = Interrupts()

    def remember(number: int, _frame: FrameType | None) -> None:
        interrupts.arrived.append(number)

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread
            previous[number] = signal.signal(number, remember)
    try:
        yield interrupts
    finally:
        if not interrupts.late:
            for number, handler in previous.items():
                signal.signal(number, handler)
            if interrupts.arrived:
                signal.raise_signal(interrupts.arrived[0])
