"""What code does with the config: records that following it makes and rules look at."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import field
from typing import Literal, NamedTuple

from experiment_setup.code.modules import Module
from experiment_setup.light import dataclass
from experiment_setup.location import Location

ConfigPath = tuple[str, ...]  # from the root of the config, such as ("exp", "seed")
Kind = Literal["read", "write", "call", "default", "remove"]
# config: a DictConfig. object: the dataclass itself, or what may be it. dict: plain throughout. shallow: dict(cfg.exp).
Form = Literal["config", "object", "dict", "shallow"]


ELEMENT = "[]"  # the step from a list to what is in it


class Part(NamedTuple):
    """A part of the config, and as what the code has it."""

    path: ConfigPath
    form: Form = "config"

    def step(self, name: str) -> Part:
        """What `name` of this part is."""
        return Part((*self.path, name), "config" if self.form == "shallow" else self.form)


@dataclass(frozen=True)
class Use:
    """One use of the config. `default`: `.get("key", …)` or `getattr(…)`, which go on without the key. `remove`: a key
    of `path` is taken out.

    `shown`: given away as a whole only to be printed or saved. `guarded`: the code is ready for the key to be missing.
    `conditional`: not every run comes here. `assumed`: only an annotation says that it is the config. `locations` has a
    place for each step of the path that this use writes out.
    """

    path: ConfigPath
    kind: Kind
    locations: tuple[Location, ...]
    form: Form = "config"
    shown: bool = False
    guarded: bool = False
    conditional: bool = False
    assumed: bool = False

    def location(self, step: int) -> Location | None:
        """Where the step of the path (an index into `path`) is written; None if that is at another use."""
        offset = step - (len(self.path) - len(self.locations))
        return self.locations[offset] if offset >= 0 and self.locations else None


@dataclass(frozen=True)
class Given:
    """A part of the config that stands in the arguments of a call."""

    part: Part
    location: Location


@dataclass(frozen=True)
class CallSite:
    """A call that is given a part of the config: the function by its full name, and the parts by position or keyword.

    `inside` are the parts that stand in dicts and lists written out in the arguments.
    """

    function: str
    node: ast.Call
    arguments: Mapping[int | str, Given]
    inside: tuple[Given, ...] = ()


@dataclass
class Reading:
    """All uses that could be followed."""

    uses: list[Use] = field(default_factory=list)
    calls: list[CallSite] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)  # of the project, that code was followed into
    objects: set[ConfigPath] = field(default_factory=set)  # of which the code makes the instances of their dataclasses
    checked_keys: set[str] = field(default_factory=set)  # asked for with hasattr or `in`
    changed: set[ConfigPath] = field(default_factory=set)  # as plain dicts, to which keys may be added
    open: bool = False  # the code takes away the config's protection against unknown keys
    followed: bool = False  # a main function with a parameter was found

    def reads(self, path: ConfigPath) -> bool:
        """Whether the code uses `path`, something in it, or hands out something around it."""
        return any(
            use.path[: len(path)] == path or (not use.shown and path[: len(use.path)] == use.path) for use in self.uses
        )

    def reads_of_instance(self, path: ConfigPath) -> bool:
        """Whether the code makes an instance that has `path` as an attribute, and asks the config itself for nothing of
        that name: what `field(init=False)` leaves without a value, its `__post_init__` may give.
        """
        made = any(path[: len(part)] == part for part in self.objects)
        return made and not any(use.path == path and use.form != "object" and not use.guarded for use in self.uses)


def shown_path(path: ConfigPath) -> str:
    """A path as code writes it: `exp.layers[0].size`."""
    return ".".join(path).replace(f".{ELEMENT}", "[0]")
