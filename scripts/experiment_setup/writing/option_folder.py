"""The folder of a config group: the names in it, and new options that appear all together or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Protocol

from experiment_setup import files, git, locks
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.reading.overrides import Assignment
from experiment_setup.writing.node_values import Setting


@dataclass(frozen=True)
class NewOption:
    """A file to write; `settings` are the values in it that differ from what it inherits, by dotted key."""

    option: str
    path: Path
    text: str
    settings: dict[str, Setting]


@dataclass
class Outcome:
    """What adding options to a group came to."""

    group: str
    prefix: str = ""  # "+" where the group is not in the defaults list, so that its options are added
    package: str = ""  # "@_global_" where the defaults list puts the group there
    created: list[NewOption] = field(default_factory=list)
    existing: list[tuple[str, dict[str, Setting]]] = field(
        default_factory=list
    )  # options that are this already; "": none
    at_base: dict[str, Any] = field(default_factory=dict)  # values left out since they are inherited
    base: str | None = None  # the set that the new ones build on, where one was asked for
    inherited: str | None = None  # what the new ones build on in any case: an option, if it has a file
    beside: list[str] = field(default_factory=list)  # the newest of the other sets, each with what it sets
    environment: str | None = None  # the one that a run had
    run_with: list[str] = field(default_factory=list)  # the words that give what a run had
    notes: list[str] = field(default_factory=list)
    not_equal: list[dict[str, Any]] = field(default_factory=list)  # of what a run had, with the reason (JSON)

    @property
    def key(self) -> str:
        """What chooses an option on the command line."""
        return f"{self.prefix}{self.group}{self.package}"


class OptionFolder:
    """The folder `path` of options, in the project at `root`."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self._root = root

    def names(self) -> list[str]:
        """The options that are there, those of Hydra 1.0 (`.yml`) too, and those that others are about to make.

        Raises OSError where it cannot be listed.
        """
        try:
            names = [path.name for path in self.path.iterdir()] + locks.claimed(self.path)
            return [Path(name).stem for name in names if name.endswith((".yaml", ".yml"))]
        except FileNotFoundError:
            return []

    @contextlib.contextmanager
    def claimed(self, dry_run: bool) -> Iterator[None]:
        """Hold the folder, made if need be and removed again if nothing goes into it.

        Raises CommandError where it is a file, or a link that leads out of the project.
        """
        files.refuse_outside(self.path, self._root)
        if self.path.exists() and not self.path.is_dir():
            raise CommandError(f"{self.path} is a file, where a folder of options was expected", "move it away")
        if dry_run:
            yield
            return
        with locks.hold(self.path) as held:
            if held:
                files.remove_unfinished(self.path)
            yield

    def publish(self, options: Sequence[NewOption], notes: list[str], *, dry_run: bool) -> None:
        """Write all of the files or none, and note those that git would lose."""
        texts = {option.path: option.text for option in options}
        for path, rule in git.ignored_alone(self._root, self.path.parent, list(texts)).items():
            notes.append(f"git ignores {path.name} ({rule}): add it with `git add -f`, or mend the rule")
        if not dry_run and texts:
            files.create_files(texts)


class SetWriter(Protocol):
    """Adds parameter sets to the group `group` of one experiment, in the style of those that are there."""

    group: str
    folder: OptionFolder

    @property
    def key(self) -> str:
        """What chooses a set on the command line: the group, with a + where the defaults list does not have it."""

    def base_option(self) -> str | None:
        """The option that every new set inherits. Raises CommandError for a base that does not compose."""

    def may_set(self, key: str) -> bool:
        """Whether a set has a say in the value at the dotted key."""

    def sets(self, points: Sequence[Sequence[Assignment]], *, slug: str | None) -> Outcome:
        """A file for each point; points that a file already has are only named. To be called while claimed.

        Raises CommandError for what cannot be set, and what does not compose.
        """

    def exactly(self, values: Mapping[str, Any], *, slug: str | None) -> NewOption:
        """The next file, with these values by dotted key. What it composes to is for the caller to look at.

        To be called while claimed. Raises CommandError for a base that does not compose.
        """
