"""Errors that end a command: each says what was got, what was expected and what to type next."""

from __future__ import annotations


class CommandError(Exception):
    """Ends a command with one message and no traceback.

    `message` says what was got and what was expected; `help` says what to type next.
    """

    exit_code = 2  # wrong usage or bad input

    def __init__(self, message: str, help: str | None = None) -> None:  # noqa: A002 (the word users read)
        super().__init__(message)
        self.message = message
        self.help = help


class EnvironmentLacks(CommandError):
    """The machine lacks something that the command needs, such as hydra-core."""

    exit_code = 3
