"""Errors that end a command: each says what was got, what was expected and what to type next."""

from __future__ import annotations

import re


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
