"""What the errors of Python and OmegaConf are called in problems, and what helps against them."""

from __future__ import annotations

import re

from omegaconf.errors import OmegaConfBaseException

_UNSUPPORTED = re.compile(r"Unexpected type annotation|Unions of containers|Unsupported|not (a )?supported")

HELP = {
    "not-a-dataclass": "write @dataclass above the class",
    "unsupported-type": "use a type that OmegaConf has: int, float, bool, str, Path, Enum, list, dict, a dataclass",
    "wrong-default": "make the default a value of the field's type, or change the type",
}


def code_of(error: BaseException) -> str:
    """The code of the problem that an error is."""
    text = str(error)
    if isinstance(error, OmegaConfBaseException):
        if "is not a structured config" in text:
            return "not-a-dataclass"
        return "unsupported-type" if _UNSUPPORTED.search(text) else "wrong-default"
    if isinstance(error, NameError):
        return "undefined-name"
    if isinstance(error, ImportError):
        return "import-error"
    return "raises"


def words_of(error: BaseException) -> str:
    """The error as Python prints it last, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, OmegaConfBaseException):
        lines = [line for line in lines if not line.startswith(("full_key:", "object_type="))]
    text = " ".join(lines)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
