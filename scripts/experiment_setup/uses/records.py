"""What code does with the config: records that following it makes and rules look at."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from experiment_setup.code.modules import Imported, Module
from experiment_setup.code.tree import Function
from experiment_setup.light import dataclass
from experiment_setup.location import Location

T = TypeVar("T")
ConfigPath = tuple[str, ...]  # from the root of the config, such as ("exp", "seed")
Kind = Literal["read", "write", "call", "default", "remove"]
# config: a DictConfig. object: the dataclass itself, or what may be it. dict: plain throughout. shallow: dict(cfg.exp).
Form = Literal["config", "object", "dict", "shallow"]


ELEMENT = "[]"  # the step from a list to what is in it

# Calls that give a config of their own with the same keys, under the same protection.
COPIES = frozenset(("copy.copy", "copy.deepcopy", "omegaconf.DictConfig", "omegaconf.OmegaConf.create"))


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

    def at(self, place: Moved, guarded: bool, conditional: bool, assumed: bool) -> Use:
        """The same use in a copy of the code, and in code that is only reached under these conditions."""
        if not (place.elsewhere or guarded or conditional or assumed):
            return self
        return Use(
            *(self.path, self.kind, tuple(map(place.of, self.locations)), self.form, self.shown),
            *(self.guarded or guarded, self.conditional or conditional, assumed),
        )


class Moved(NamedTuple):
    """Where a copy of a piece of code stands: in this file, so many lines further down."""

    path: Path
    lines: int
    elsewhere: bool  # than where it was read

    @classmethod
    def between(cls, read: Location, copy: Location) -> Moved:
        """What lies between the places of a function or class and of its copy."""
        return cls(copy.path, copy.line - read.line, copy != read)

    def of(self, location: Location) -> Location:
        """The place in the copy."""
        return Location(self.path, location.line + self.lines, location.column)


@dataclass(frozen=True)
class Given:
    """A part of the config that stands in the arguments of a call."""

    part: Part
    location: Location

    def at(self, place: Moved) -> Given:
        """The same argument in a copy of the code."""
        return Given(self.part, place.of(self.location))


@dataclass(frozen=True)
class CallSite:
    """A call that is given a part of the config: the function by its full name, and the parts by position or keyword.

    `inside` are the parts that stand in dicts and lists written out in the arguments, `unpacked` those behind `**`.
    `conditional`: not every run comes here.
    """

    function: str
    node: ast.Call
    arguments: Mapping[int | str, Given]
    inside: tuple[Given, ...] = ()
    unpacked: tuple[Given, ...] = ()
    conditional: bool = False

    def at(self, place: Moved, conditional: bool) -> CallSite:
        """The same call in a copy of the code, and in code that is only reached under a condition."""
        if not (place.elsewhere or conditional):
            return self
        arguments = {key: given.at(place) for key, given in self.arguments.items()}
        inside, unpacked = (tuple(one.at(place) for one in given) for given in (self.inside, self.unpacked))
        return CallSite(self.function, self.node, arguments, inside, unpacked, self.conditional or conditional)


Kept = Literal["objects", "checked_keys", "changed", "filled"]  # the sets of a reading


class Noted(NamedTuple):
    """Something that a reading has a set of: the name of the set, and what is to be in it."""

    kind: Kept
    what: Any


# How a body comes to another module: None is its own, a number that of one of its class and those it derives from, a
# question that of the function or class which a name means there.
Home = None | int | tuple[Any, str]


class Outer(NamedTuple):
    """What names stand for around a function that is defined in another one."""

    names: Mapping[str, Part]
    functions: Mapping[str, Function]
    self_name: str | None


EnteredAs = Literal["called", "method"] | Outer  # a method of the class that the body is in


class Entered(NamedTuple):
    """A function or class that a body gives parts of the config to, or a function that is defined in it."""

    callee: Function | ast.ClassDef
    home: Home
    parts: Mapping[Any, Part]  # by parameter; for a class, by position or keyword
    kind: EnteredAs
    guarded: bool
    conditional: bool
    steps: int  # that were taken before


Event = Use | CallSite | Noted | Entered


@dataclass
class Answers:
    """What reading a body asked about names of other code."""

    meant: dict[tuple[Home, str], ast.AST | None] = field(default_factory=dict)  # the function or class of the project
    imported: dict[tuple[Home, str], Imported | None] = field(default_factory=dict)


@dataclass
class Summary(Generic[T]):
    """What a body does with the parts of the config that it is given, as far as the body itself tells."""

    place: Location  # of the function or class, where it was read
    events: Sequence[Event]
    answers: Answers
    steps: int
    result: T | None


@dataclass
class Reading:
    """All uses that could be followed."""

    uses: list[Use] = field(default_factory=list)
    calls: list[CallSite] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)  # of the project, that code was followed into
    objects: set[ConfigPath] = field(default_factory=set)  # of which the code makes the instances of their dataclasses
    checked_keys: set[str] = field(default_factory=set)  # asked for with hasattr or `in`
    changed: set[Part] = field(default_factory=set)  # as plain dicts, to which keys may be added
    filled: set[ConfigPath] = field(default_factory=set)  # with keys of which the code computes the names
    open: bool = False  # the code takes away the config's protection against unknown keys
    followed: bool = False  # a main function with a parameter was found

    def reads(self, path: ConfigPath) -> bool:
        """Whether the code uses `path`, something in it, or hands out something around it."""
        return any(
            use.path[: len(path)] == path or (not use.shown and path[: len(use.path)] == use.path) for use in self.uses
        )

    def writes(self, path: ConfigPath) -> bool:
        """Whether the code gives a value to `path`, or to something around it."""
        return any(use.kind == "write" and path[: len(use.path)] == use.path for use in self.uses)

    def changes(self, path: ConfigPath) -> bool:
        """Whether the code may add keys to a plain dict that it makes of `path`, or of something around it."""
        return any(path[: len(done.path)] == done.path for done in self.changed)

    def reads_of_instance(self, path: ConfigPath) -> bool:
        """Whether the code makes an instance that has `path` as an attribute, and asks the config itself for nothing of
        that name: what `field(init=False)` leaves without a value, its `__post_init__` may give.
        """
        made = any(path[: len(part)] == part for part in self.objects)
        return made and not any(use.path == path and use.form != "object" and not use.guarded for use in self.uses)


def shown_path(path: ConfigPath) -> str:
    """A path as code writes it: `exp.layers[0].size`."""
    return ".".join(path).replace(f".{ELEMENT}", "[0]")
