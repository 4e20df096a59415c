"""What is wrong with the code of an entry point, or not known of it."""

from __future__ import annotations

from collections.abc import Iterator

from omegaconf.errors import OmegaConfBaseException

from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, or not known. `fatal`: `python train.py` fails because of it."""

    code: str
    message: str
    help: str | None
    location: Location
    fatal: bool


class Problems:
    """What has been noted, each once and in the order in which it was met."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str, Location], Problem] = {}

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._noted.values())

    def add(self, code: str, message: str, help: str | None, location: Location, fatal: bool = False) -> None:  # noqa: A002
        """Note a problem."""
        self._noted.setdefault((code, message, location), Problem(code, message, help, location, fatal))


_UNSUPPORTED = compiled(r"Unexpected type annotation|Unions of containers|Unsupported|not (a )?supported")

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
