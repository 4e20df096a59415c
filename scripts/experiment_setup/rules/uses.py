"""What code does with the config: records that `reading` makes and rules look at."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from experiment_setup.location import Location

ConfigPath = tuple[str, ...]  # from the root of the config, such as ("exp", "seed")
Kind = Literal["read", "write", "call", "default"]


@dataclass(frozen=True)
class Use:
    """One use of the config. `default`: `.get("key", …)` or `getattr(…)`, which go on without the key.

    `shown`: given away as a whole only to be printed or saved. `guarded`: the code is ready for the key to be missing.
    `conditional`: not every run comes here. `locations` has a place for each step of the path that this use writes out.
    """

    path: ConfigPath
    kind: Kind
    locations: tuple[Location, ...]
    shown: bool = False
    guarded: bool = False
    conditional: bool = False

    def location(self, step: int) -> Location | None:
        """Where the step of the path (an index into `path`) is written; None if that is at another use."""
        offset = step - (len(self.path) - len(self.locations))
        return self.locations[offset] if offset >= 0 and self.locations else None


@dataclass(frozen=True)
class CallSite:
    """A call that is given a part of the config: the function as written, and the paths by position or keyword.

    `inside` are the paths that stand in dicts and lists written out in the arguments, with their places.
    """

    function: str
    node: ast.Call
    arguments: Mapping[int | str, ConfigPath]
    inside: tuple[tuple[ConfigPath, Location], ...] = ()


@dataclass
class Reading:
    """All uses that could be followed."""

    uses: list[Use] = field(default_factory=list)
    calls: list[CallSite] = field(default_factory=list)
    checked_keys: set[str] = field(default_factory=set)  # asked for with hasattr or `in`
    open: bool = False  # the code takes away the config's protection against unknown keys
    followed: bool = False  # a main function with a parameter was found

    def reads(self, path: ConfigPath) -> bool:
        """Whether the code uses `path`, something in it, or hands out something around it."""
        return any(
            use.path[: len(path)] == path or (not use.shown and path[: len(use.path)] == use.path) for use in self.uses
        )
