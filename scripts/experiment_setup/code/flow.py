"""How statements end early."""

from __future__ import annotations

from typing import Any

from experiment_setup.code.values import PyError


class Returned(Exception):
    """A function returns."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Break(Exception):
    """A loop ends."""


class Continue(Exception):
    """A loop goes on with its next item."""


class UnknownFlow(Exception):
    """Whether the code goes on here is not known."""

    def __init__(self, reason: str, returns: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.returns = returns


class UndefinedInText(Exception):
    """A name in an annotation that is text is not defined (yet): Python only looks when the hints are asked for."""

    def __init__(self, error: PyError) -> None:
        super().__init__(str(error))
        self.error = error
