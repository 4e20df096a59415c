"""What a check finds: the small, frozen value that travels from the rules to the reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum

from experiment_setup.light import dataclass
from experiment_setup.location import Location


class Severity(str, Enum):
    """error: Hydra fails, or what runs is not what the file says. warning: it runs, but will bite. info: style."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Edit:
    """Replace the characters [start, end) of a file's text (BOM and line ends as they are) by `text`."""

    start: int
    end: int
    text: str


def and_more(places: int) -> str:
    """At the end of a message, how many of its places are others than the one where it stands."""
    more = places - 1
    return f" (and {more} more {'place' if more == 1 else 'places'})" if more else ""


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text after these edits, of which no two meet."""
    for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


@dataclass(frozen=True)
class Subject:
    """Something that findings speak of; an error spoils it for those that come later (`rules.phases`)."""

    kind: str
    of: object = None


@dataclass(frozen=True)
class Finding:
    """One mistake: where it is, what is wrong, and what to type."""

    code: str
    name: str
    severity: Severity
    location: Location
    message: str
    help: str | None = None
    edits: tuple[Edit, ...] = ()  # in the file of `location`
    safe: bool = True  # whether the fix changes nothing but the mistake
    rename: str | None = None  # the fix gives the file of `location` this name in the same folder
    # Besides what its rule says for all its findings: what must be sound for it to mean anything, and what an error of
    # it leaves nothing to be said of.
    rests_on: tuple[Subject, ...] = ()
    spoils: tuple[Subject, ...] = ()
    also: tuple[Location, ...] = ()  # the other places of the same mistake, which the message counts

    def at(self, places: Sequence[Location]) -> Finding:
        """The same at the first of these places, the others counted."""
        message = self.message.removesuffix(and_more(1 + len(self.also))) + and_more(len(places))
        return replace(self, location=places[0], also=tuple(places[1:]), message=message)

    @property
    def fixable(self) -> bool:
        """Whether `--fix` can mend it (with `--unsafe` where `safe` is false); a name that is no UTF-8 fits no file."""
        if not self.edits:
            return self.rename is not None
        return not any("\ud800" <= char <= "\udfff" for edit in self.edits for char in edit.text)

    @property
    def sort_key(self) -> tuple[str, int, int, str]:
        """Findings are reported by place, then by code."""
        return (str(self.location.path), self.location.line, self.location.column, self.code)
