"""Errors that end a command, or the part of it that is about one experiment: each says what was got, what was expected
and what to type next.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiment_setup import __version__


class CommandError(Exception):
    """Ends a command with one message and no traceback.

    `message` says what was got and what was expected; `help` says what to do about it, and `command` is the whole
    command that would be right (see command_line.corrected).
    """

    exit_code = 2  # wrong usage or bad input

    def __init__(
        self,
        message: str,
        help: str | None = None,  # noqa: A002 (the word users read)
        command: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.command = command
        self.where: str | None = None  # the experiment that it is about, where others are not

    def saying(self, old: str, new: str) -> CommandError:
        """The same error with another name for something, wherever it is named with what stands around it."""
        parts = (part and re.sub(rf"{re.escape(old)}[\w.]*", new, part) for part in (self.message, self.help))
        message, help_ = parts
        return CommandError(message or "", help_, self.command)


class EnvironmentLacks(CommandError):
    """The machine lacks something that the command needs, such as hydra-core."""

    exit_code = 3


class Defect(CommandError):
    """Something that nobody foresaw, and that is no mistake of the user's."""

    exit_code = 70  # EX_SOFTWARE of sysexits.h

    @classmethod
    def of(cls, error: Exception) -> Defect:
        """What there is to say about an error that nobody caught."""
        trace, place = error.__traceback__, ""
        while trace is not None:
            file = Path(trace.tb_frame.f_code.co_filename)
            if "experiment_setup" in file.parts:
                place = f" in {file.parent.name}/{file.name}:{trace.tb_lineno}"
            trace = trace.tb_next
        said = (str(error).splitlines() or [""])[0]
        failed = f"{type(error).__name__}: {said}" if said else type(error).__name__
        return cls(
            f"experiment-setup {__version__} does not cope with this: {failed}{place}",
            "this is a defect of the skill: send this line, the command, and the file if you may, to where it is from",
        )


def told(error: Exception, where: str | None = None) -> CommandError:
    """Whatever went wrong, as what there is to say of it; `where` is the experiment that was looked at."""
    if isinstance(error, CommandError):
        found = error
    elif _is_of_memory(error):
        found = EnvironmentLacks(
            f"memory ran out{_allowed()}",
            "allow more of it (`ulimit -v`, or the limit of the container), or name fewer experiments",
        )
    elif isinstance(error, OSError):
        found = _refused(error)
    else:
        found = Defect.of(error)
    found.where = where
    return found


def data(failed: Iterable[CommandError]) -> list[dict[str, Any]]:
    """What could not be looked at, in JSON."""
    return [{"path": error.where, "message": error.message, "help": error.help} for error in failed]


def _is_of_memory(error: Exception) -> bool:
    """Whether there was no memory, in the words of Python, of the system, or of whoever loads a compiled module."""
    said = isinstance(error, ImportError) and ("failed to map segment" in str(error) or "allocate memory" in str(error))
    return said or isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


def _allowed() -> str:
    """How much memory this process may have, where that is limited."""
    if sys.platform == "win32":
        return ""
    import resource

    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    return f": this shell allows {most >> 20:,} MiB" if most != resource.RLIM_INFINITY else ""


_FULL = (errno.ENOSPC, errno.EDQUOT)
_HELP = {
    errno.EROFS: "nothing on that disk can be changed (`mount` says how it is there): work in a copy of the project",
    errno.EMFILE: "this shell allows too few open files: raise that (`ulimit -n`), and type the same command again",
}


def _refused(error: OSError) -> CommandError:
    """What the system says, and of which file; of a folder that was being copied (shutil.Error), of the first one."""
    # Of a copy, the second name is where it goes to.
    why, place, number = error.strerror or str(error), error.filename2 or error.filename, error.errno
    if error.args and isinstance(error.args[0], list):
        (_, place, why), *_ = error.args[0]
        number = next((full for full in _FULL if os.strerror(full) in why), None)
    if number in _FULL:
        disk = f" for {place}" if place else ""
        return CommandError(
            f"{why}{disk}", "make room on that disk (`df -h` says which is full), and type the same command again"
        )
    if isinstance(error, PermissionError):
        return CommandError(
            f"no permission for {place or 'what was to be done'}",
            "get access to it (`ls -ld` says whose it is), or give a --root without it",
        )
    if number in _HELP:
        return CommandError(f"{why}: {place}" if place else why, _HELP[number])
    if number == errno.ENOENT and not place:  # of os.getcwd()
        return CommandError("the folder that this was typed in is gone", "cd to one that is there")
    return CommandError(f"{why}: {place}" if place else why)
