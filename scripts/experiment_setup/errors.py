"""Errors that end a command: each says what was got, what was expected and what to type next."""

from __future__ import annotations

import re
from pathlib import Path

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
    def of(cls, error: Exception, where: str | None = None) -> Defect:
        """What there is to say about an error that nobody caught; `where` is what was looked at."""
        trace, place = error.__traceback__, ""
        while trace is not None:
            file = Path(trace.tb_frame.f_code.co_filename)
            if "experiment_setup" in file.parts:
                place = f" in {file.parent.name}/{file.name}:{trace.tb_lineno}"
            trace = trace.tb_next
        said = (str(error).splitlines() or [""])[0]
        failed = f"{type(error).__name__}: {said}" if said else type(error).__name__
        return cls(
            f"{where + ': ' if where else ''}experiment-setup {__version__} does not cope with this: {failed}{place}",
            "this is a defect of the skill: send this line, the command, and the file if you may, to where it is from",
        )
