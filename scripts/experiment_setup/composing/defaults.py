"""Defaults lists worked out as Hydra does (hydra/_internal/defaults_list.py), without Hydra.

They say which configs are merged, in which order and into which packages. What Hydra refuses, and what is rarely
written, is Declined: it has the words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from experiment_setup import installed
from experiment_setup.composing.expansion import TooFar
from experiment_setup.composing.layers import Declined, Repeated
from experiment_setup.composing.refusals import AddedTwice, ChosenTwice, Failure, NotChosen, NotFound, NotOverridable
from experiment_setup.light import compiled, dataclass
from experiment_setup.nodes import GLOBAL

_DEEPEST = 30  # of parents that name groups; this takes several frames each
_LONG_PACKAGE = 70  # parts; with what a file may have below them, Hydra is to say where Python's recursion ends
_LONGEST_PACKAGE = 250  # with more, and up to 345, some of what is done with a config here ends so
_LONGEST_LINE = 450  # of parents; Hydra recurses two frames each, and is to say itself where Python's limit ends that

_HYDRA = "hydra/"
# Names of files that Hydra takes as they are. In folders too (`exp: sub/001`), where their package is the group's.
OPTION = compiled(r"(?:\w[\w\-]*/)*[\w.\-]+(?<!\.yml)")
_PATH = compiled(r"/?(?:[\w.\-]+/)*[\w.\-]+(?<!\.yml)")
_PACKAGE = compiled(r"(?:_global_(?:\.|$))?(?:[A-Za-z_][\w\-]*(?:\.[A-Za-z_][\w\-]*)*)?")
_DOTS = frozenset((".", ".."))  # folders that a path may begin with: of the config itself, or above it
_OLD_WORDS = compiled(r"_(?:group|name)_")  # of packages, which not every release takes for the same
_FOLLOWING = compiled(r"\$\{\s*([A-Za-z_]\w*(?:/\w+)*)\s*\}")


class NotThere(Repeated):
    """No config `path`, which the list of the config `within` names."""

    def __init__(self, within: str, path: str, is_group: bool) -> None:
        super().__init__(f"no config {path!r}")
        self.key = (within, path, is_group)
        self._path = path

    def is_why(self, failure: Failure) -> bool:
        """Whether Hydra fails for this."""
        return isinstance(failure.refusal, NotFound) and failure.refusal.config == self._path


class Refused(Repeated):
    """What Hydra refuses of a group with words of that `kind`; `of` is what else they may name."""

    def __init__(self, kind: type[AddedTwice | ChosenTwice | NotChosen | NotOverridable], group: str, *of: Any) -> None:
        super().__init__(f"{kind.__name__} {group!r}")
        self.key = (kind, group, *of)

    def is_why(self, failure: Failure) -> bool:
        """Whether Hydra fails for this."""
        kind, group, *_ = self.key
        return isinstance(failure.refusal, kind) and failure.refusal.group == group


class Entry(NamedTuple):
    """One entry of a defaults list."""

    path: str  # of a group, or of a config, as it is written
    is_group: bool = False
    option: str | tuple[str, ...] | None = None  # of the group
    package: str | None = None
    optional: bool = False
    override: bool = False


SELF = Entry("_self_")


@dataclass(frozen=True, eq=False)
class Config:
    """What an entry may name: a file, or what is stored."""

    path: str  # such as `exp/001`
    package: str | None  # of its header
    entries: tuple[Entry, ...]  # with `_self_` where Hydra adds it; () without a list


class Listed(NamedTuple):
    """One config of the final list, and where it is merged; "" is the root."""

    config: Config
    package: str
    key: str | None = None  # of the group that it is the option of, if that has no list of its own


def entries(written: Any, *, as_1_1: bool = False) -> tuple[Entry, ...]:
    """The entries of a list as it is in a file, with `_self_` where Hydra adds it. Raises Declined.

    `as_1_1`: for a version_base of 1.1, where a group of Hydra's own may be overridden without the word.
    """
    if not isinstance(written, list):
        raise Declined("defaults that are no list")
    found = tuple(map(_entry, written))
    if found.count(SELF) > 1:
        raise Declined("_self_ twice")
    of_hydra = [as_1_1 and entry.is_group and entry.path.startswith(_HYDRA) for entry in found]
    others = iter([entry for entry, is_own in zip(found, of_hydra, strict=True) if not is_own or entry.override])
    if any(entry.override for entry in others) and any(not entry.override and entry is not SELF for entry in others):
        raise Declined("an override before other entries")
    if SELF not in found and any(not entry.override for entry in found):
        found, of_hydra = (*found, SELF), [*of_hydra, False]
    return tuple(
        entry._replace(override=True) if is_own else entry for entry, is_own in zip(found, of_hydra, strict=True)
    )


def _entry(written: Any) -> Entry:
    if isinstance(written, str):
        path, _, package = written.partition("@")
        if path == SELF.path and not package:
            return SELF
        return Entry(_checked(path, is_group=False), package=_package(package) if "@" in written else None)
    if not isinstance(written, dict) or len(written) != 1:
        raise Declined("an entry that is neither a config nor one group")
    ((key, option),) = written.items()
    if not isinstance(key, str):
        raise Declined(f"group {key!r}")
    *words, last = key.split(" ")
    if not set(words) <= {"override", "optional"} or len(words) > 1:
        raise Declined(f"group entry {key!r}")
    group, _, package = last.partition("@")
    entry = Entry(_checked(group, is_group=True), True, _option(option), _package(package) if "@" in last else None)
    entry = entry._replace(override="override" in words, optional="optional" in words)
    if not isinstance(entry.option, str) or "${" in entry.option or not installed.hydra_since_1_4():
        return entry
    folder, slash, name = entry.option.rpartition("/")  # there `exp: sub/001` stands for `exp/sub: 001`
    return entry._replace(path=f"{entry.path}{slash}{folder}", option=name)


def _option(written: Any) -> str | tuple[str, ...] | None:
    if written is None or written == "???":
        return written  # type: ignore[no-any-return]
    if isinstance(written, list) and all(isinstance(name, str) and OPTION.fullmatch(name) for name in written):
        return tuple(written)
    if isinstance(written, str) and OPTION.fullmatch(_FOLLOWING.sub("x", written)) and written != SELF.path:
        return written
    raise Declined(f"option {written!r}")


def has_old_words(path: str) -> bool:
    """Whether `_name_` or `_group_` stands in a name: for a version_base of 1.1, Hydra puts the option's own there."""
    return _OLD_WORDS.search(path) is not None


def _checked(path: str, *, is_group: bool) -> str:
    if has_old_words(path):
        raise Declined(f"entry {path!r}")
    steps = path.split("/")
    dots = next((at for at, step in enumerate(steps) if step not in _DOTS), len(steps))
    if not _PATH.fullmatch(path) or not _DOTS.isdisjoint(steps[dots:]) or path.endswith("_self_"):
        raise Declined(f"entry {path!r}")
    if (dots == len(steps) and not is_group) or (".." in steps and installed.hydra_since_1_4()):
        raise Declined(f"entry {path!r}")
    if dots and "hydra" in steps:
        raise Declined("a way up to Hydra's own")
    return path


def _package(written: str) -> str:
    if written == "_here_":
        return ""
    if not _PACKAGE.fullmatch(written) or has_old_words(written):
        raise Declined(f"package {written!r}")
    return written


def header_package(lines: Iterable[str], *, as_1_1: bool = False) -> str | None:
    """The package of the lines `# @KEY VALUE` at the head of a file, as an absolute one. Raises Declined.

    `as_1_1`: for a version_base of 1.1, where `_group_` is what holds without a header; since then it is a mere name.
    """
    found = None
    for line in lines:
        words = [word for word in line.strip().lstrip("#").strip().split(" ") if word]
        if len(words) != 2:
            raise Declined("a header that Hydra refuses")
        if words[0] == "@package":
            found = words[1]
    if found is None or (as_1_1 and found == "_group_"):
        return None
    if not _PACKAGE.fullmatch(found) or (as_1_1 and has_old_words(found)):
        raise Declined(f"package {found!r}")
    return found if found == GLOBAL or found.startswith(f"{GLOBAL}.") else f"{GLOBAL}.{found}"


class _Place(NamedTuple):
    """An entry in the list of some config."""

    entry: Entry
    option: str | tuple[str, ...] | None = None
    base: str = ""  # the group of the config that has the list
    outer: str = ""  # the package of that
    within: str = ""  # that config
    depth: int = 0
    follows: bool = False  # whether an option on the way there follows from others, as in `${model}_small`
    overridable: frozenset[str] | None = None  # what may be overridden where that is so; None for all

    def inside(self, entry: Entry, package: str) -> _Place:
        """An entry in the list of the config that stands here, which is merged into `package`."""
        return _Place(
            entry, entry.option, self.group, package, self.path, self.depth + 1, self.follows, self.overridable
        )

    @property
    def _relative(self) -> str:
        path = self.entry.path.removeprefix("/")
        return path if self.entry.is_group else path.rpartition("/")[0]

    @property
    def group(self) -> str:
        if not self.base or self.entry.path.startswith("/"):
            return self._relative
        return f"{self.base}/{self._relative}" if self._relative else self.base

    @property
    def name(self) -> str | None:
        return self.entry.path.rpartition("/")[2] if not self.entry.is_group else self.option  # type: ignore[return-value]

    @property
    def path(self) -> str:
        return f"{self.group}/{self.name}" if self.group else f"{self.name}"

    def package(self, header: str | None = None) -> str:
        own = self.entry.package if self.entry.package is not None else header
        if own is None:
            if self.entry.path.partition("/")[0] in _DOTS:
                raise Declined("a package with dots for folders")
            own = self._relative.replace("/", ".")
        whole = f"{self.outer}.{own}" if self.outer and own else self.outer or own
        if whole.count(".") >= _LONGEST_PACKAGE:
            raise TooFar(f"a package of more than {_LONGEST_PACKAGE} parts")
        if whole.count(".") >= _LONG_PACKAGE:
            raise Declined("a long package")
        _, is_absolute, inner = whole.rpartition(GLOBAL)
        return inner[1:] if is_absolute else whole

    @property
    def key(self) -> str:
        """What an override calls it."""
        package = self.package()
        return self.group if package == self.group.replace("/", ".") else f"{self.group}@{package or GLOBAL}"


class _Outline(NamedTuple):
    """The list of a primary config in which each group is chosen for itself: no other choice follows from it."""

    places: tuple[tuple[str | None, _Place], ...]  # from the last to the first, with what an override calls them
    of_hydra: tuple[_Place, ...]  # what it chooses of Hydra's own groups


class Known:
    """What is kept from one choice of options to the next."""

    def __init__(self) -> None:
        # What comes of configs that name no group: by the config, its group and its package.
        self.fixed: dict[tuple[str, str, str], list[Listed] | TooFar | None] = {}
        self.outlines: dict[str, _Outline | None] = {}  # by the primary config
        # What a place of an outline comes to with an option; None where that has a say in other choices.
        self.parts: dict[tuple[str, int, str | tuple[str, ...] | None], list[Listed] | None] = {}


class Choosing:
    """The final list for one choice of options.

    `find` gives the config at a path, or None.
    """

    def __init__(self, find: Callable[[str], Config | None], known: Known) -> None:
        self._find = find
        self._known = known
        self._fixed = known.fixed
        self._since_1_4 = installed.hydra_since_1_4()
        self._overrides: dict[str, str | tuple[str, ...] | None] = {}
        self._overriding: dict[str, str] = {}  # the config in whose list an override stands
        self._used: set[str] = set()
        self._chosen: dict[str, _Place] = {}  # the first place of each group
        self._visited = 0

    def listed(self, primary: str, choices: Mapping[str, str], added: Sequence[Entry] = ()) -> list[Listed]:
        """The configs to be merged, in their order, without those of Hydra itself.

        `choices` are as on the command line (`group=option`), and so is `added` (`+group=option`). Raises Declined or
        TooFar.
        """
        self._overrides.update(choices)
        items = None if added else self._place_by_place(primary)
        if items is None:
            items = self._followed(self._visit(_Place(Entry(primary)), tuple(added)))
        unused = (key for key in self._overrides if key not in self._used)
        for key in (key for key in unused if "@" in key or not key.startswith(_HYDRA)):
            group = key.partition("@")[0]
            instead = (chosen for chosen in self._chosen if chosen.partition("@")[0] == group)
            raise Refused(NotOverridable, key, self._overrides[key], self._overriding.get(key), *sorted(instead))
        keys = [item.key for item in items if item.key is not None]
        if len(set(keys)) < len(keys):
            raise Refused(AddedTwice, next(key for place, key in enumerate(keys) if key in keys[:place]))
        return items

    @property
    def of_hydra(self) -> dict[str, str | tuple[str, ...] | None]:
        """What is chosen of Hydra's own groups."""
        return {key: option for key, option in self._overrides.items() if key.startswith(_HYDRA)}

    def _place_by_place(self, primary: str) -> list[Listed] | None:
        """The list where each choice stands for itself; None where one has a say in others.

        A thousand options of two groups are so a thousand visits of a place, and not one for each that is composed.
        """
        outlines, parts = self._known.outlines, self._known.parts
        if primary not in outlines:
            outlines[primary] = self._outline(primary)
        outline = outlines[primary]
        if outline is None:
            return None
        found: list[list[Listed]] = []
        used: set[str] = set()
        for index, (key, place) in enumerate(outline.places):
            option = place.option
            if key is not None and key in self._overrides:
                option = self._overrides[key]
                used.add(key)
            if (primary, index, option) not in parts:
                parts[primary, index, option] = self._alone(place._replace(option=option))
            part = parts[primary, index, option]
            if part is None:
                return None
            found.append(part)
        self._used |= used
        self._override(outline.of_hydra)
        return [item for part in reversed(found) for item in part]

    def _outline(self, primary: str) -> _Outline | None:
        """The places in the list of a primary config; None where what stands at one has a say in others."""
        config = self._config(_Place(Entry(primary)))
        if config is None or not config.entries or TooFar.of_many(len(config.entries) + 1):
            return None
        package = _Place(Entry(primary)).package(config.package)
        places: list[tuple[str | None, _Place]] = []
        of_hydra: list[_Place] = []
        for entry in reversed(config.entries):
            place = _Place(Entry(primary)).inside(entry, package)
            is_hydras = entry.is_group and place.group.startswith(_HYDRA)
            if entry.override and is_hydras:
                of_hydra.append(place)
            elif entry.override or is_hydras or isinstance(entry.option, tuple) or "${" in (entry.option or ""):
                return None
            else:
                places.append((place.key if entry.is_group else None, place))
        keys = [key for key, _ in places if key is not None]
        return _Outline(tuple(places), tuple(of_hydra)) if places and len(set(keys)) == len(keys) else None

    def _alone(self, place: _Place) -> list[Listed] | None:
        """What a place comes to, whatever else is chosen; None if that has a say in other choices."""
        if place.entry is SELF:
            config = self._find(place.within)
            return None if config is None else [Listed(config, place.outer)]
        config = self._config(place) if place.name is not None else None
        if config is None:
            return []
        package = place.package(config.package)
        if config.entries:
            return self._without_groups(config, place, package)
        return [Listed(config, package, place.key if place.entry.is_group else None)]

    def _visit(self, place: _Place, added: tuple[Entry, ...] = ()) -> list[Listed | _Place]:
        """What a place comes to; itself a place stands for an option that follows from others."""
        self._visited += 1
        if too_far := TooFar.of_many(self._visited):
            raise too_far
        if place.depth > _DEEPEST:
            raise Declined("a long line of parents")
        if place.entry.is_group:
            self._choose(place)
        if not added and (known := self._alone(place)) is not None:
            return list(known)
        config = self._config(place) if place.name is not None else None
        if config is None:
            return []
        package = place.package(config.package)
        found = self._list(config, place, package, added)
        return found or [Listed(config, package, place.key if place.entry.is_group else None)]

    def _list(self, config: Config, place: _Place, package: str, added: tuple[Entry, ...]) -> list[Listed | _Place]:
        """What the entries of a config come to. Hydra goes through them from the last to the first."""
        inner = [place.inside(entry, package) for entry in (*(config.entries or (SELF,)), *added)]
        overrides = [one for one in inner if one.entry.override]
        if overrides and place.follows:
            raise Declined("an override below an option that follows from others")
        if not self._since_1_4:
            self._override(overrides)
        parts = [self._of(one, config) for one in reversed(inner)]
        if not self._since_1_4:
            parts = [
                self._visit(self._resolved(part[0])) if part and isinstance(part[0], _Place) else part for part in parts
            ]
        return [item for part in reversed(parts) for item in part]

    def _of(self, place: _Place, config: Config) -> list[Listed | _Place]:
        """What an entry of a config comes to."""
        entry, option = place.entry, place.option
        if entry is SELF:
            return [Listed(config, place.outer)]
        if entry.override:
            if self._since_1_4:  # there only what stands before an override is overridden
                self._override([place])
            return []
        if entry.is_group:
            key = place.key
            if key in self._overrides and (place.overridable is None or key in place.overridable):
                option = self._overrides[key]
                self._used.add(key)
        if isinstance(option, tuple):
            several = [entry._replace(path=f"{entry.path}/{name}", is_group=False, option=None) for name in option]
            parts = [self._visit(place._replace(entry=one, option=None)) for one in reversed(several)]
            return [item for part in reversed(parts) for item in part]
        place = place._replace(option=option)
        if option is None or "${" not in option:
            return self._visit(place)
        if self._since_1_4 and place.overridable is None:
            place = place._replace(overridable=frozenset(self._overrides))
        return [place]

    def _followed(self, items: list[Listed | _Place]) -> list[Listed]:
        """The list with what follows from other options in it; since 1.4, that is looked at last of all."""
        while (index := next((i for i, item in enumerate(items) if self._is_known(item)), None)) is not None:
            place = items[index]
            assert isinstance(place, _Place)
            items = [*items[:index], *self._visit(self._resolved(place)), *items[index + 1 :]]
        found = [item for item in items if isinstance(item, Listed)]
        if len(found) < len(items):
            raise Declined("an option that follows from what is not chosen")
        return found

    def _is_known(self, item: Listed | _Place) -> bool:
        """Whether it is a place whose option follows from what is chosen by now."""
        words = _FOLLOWING.findall(str(item.option)) if isinstance(item, _Place) else []
        return bool(words) and all(
            word in self._chosen and isinstance(self._chosen[word].option, str) for word in words
        )

    def _resolved(self, place: _Place) -> _Place:
        """The place with its option. Raises Declined where that follows from what is not chosen yet."""
        if not self._is_known(place):
            raise Declined("an option that follows from what is not chosen")
        option = _FOLLOWING.sub(lambda match: str(self._chosen[match[1]].option), str(place.option))
        if not OPTION.fullmatch(option) or ("/" in option and self._since_1_4):
            raise Declined(f"option {option!r}")
        return place._replace(option=option, follows=True)

    def _without_groups(self, config: Config, place: _Place, package: str) -> list[Listed] | None:
        """What a config comes to whatever else is chosen; None if it has a say in that itself. Raises TooFar."""
        key = (config.path, place.group, package)
        if key not in self._fixed:
            self._know_line(config, place, package)
        if key not in self._fixed:
            self._fixed[key] = None  # seen while it is looked for, the entry means that the config includes itself
            try:
                self._fixed[key] = self._parents(config, place, package)
            except TooFar as error:
                self._fixed[key] = error
            except Declined:  # from here, and not from a parent farther down the line
                del self._fixed[key]
                raise
        found = self._fixed[key]
        if isinstance(found, TooFar):
            raise found
        return found

    def _know_line(self, config: Config, place: _Place, package: str) -> None:
        """Look at the far end of a line of parents first, so that none of them takes a frame of Python's."""
        line: dict[tuple[str, str, str], tuple[Config, _Place, str]] = {}
        while len(line) < _LONGEST_LINE:
            parents = [entry for entry in config.entries if entry is not SELF]
            if len(parents) != 1 or parents[0].is_group:
                break
            place = place.inside(parents[0], package)
            parent = self._find(place.path) if place.name is not None else None
            if parent is None or not parent.entries:
                break
            config, package = parent, place.package(parent.package)
            key = (config.path, place.group, package)
            if key in line:
                self._fixed.update(dict.fromkeys(line, TooFar.in_circle()))
                return
            if key in self._fixed:
                break
            line[key] = (config, place, package)
        for known in reversed(line.values()):
            self._without_groups(*known)

    def _parents(self, config: Config, place: _Place, package: str) -> list[Listed] | None:
        if any(entry.is_group for entry in config.entries):
            return None
        if place.depth > _LONGEST_LINE:
            raise Declined("a long line of parents")
        result: list[Listed] = []
        for entry in config.entries:
            if entry is SELF:
                result.append(Listed(config, package))
                continue
            below = place.inside(entry, package)
            try:
                parent = self._config(below)
            except NotThere:  # of several that are missing, Hydra names the last one
                parent = None
            if parent is None:
                return None
            own = below.package(parent.package)
            found = self._without_groups(parent, below, own) if parent.entries else [Listed(parent, own)]
            if found is None:
                return None
            result += found
            if too_far := TooFar.of_many(len(result)):
                raise too_far
            if len(found) >= _LONGEST_LINE and len(config.entries) <= 2:  # one parent, and `_self_`
                raise Declined("a long line of parents")
        return result

    def _config(self, place: _Place) -> Config | None:
        """The config at a place; None where there need not be one. Raises Declined for a missing one."""
        if place.name is None:
            raise Declined("an option that has to be chosen")
        if place.name.endswith("???"):
            raise Refused(NotChosen, place.group, place.key, place.within)
        if place.group.startswith(_HYDRA):
            raise Declined("an option of Hydra's own")
        config = self._find(place.path)
        if config is None and not place.entry.optional:
            raise NotThere(place.within, place.path, place.entry.is_group)
        return config

    def _override(self, places: Iterable[_Place]) -> None:
        for place in places:
            if place.key not in self._overrides:
                self._overrides[place.key] = place.option
                self._overriding[place.key] = place.within

    def _choose(self, place: _Place) -> None:
        key = place.key
        if place.group.startswith(_HYDRA):  # whatever the option: Hydra has one already, and takes null for another
            raise Declined("an option of Hydra's own")
        if (before := self._chosen.setdefault(key, place)).option != place.option:
            raise Refused(ChosenTwice, key, before.option, before.within, place.option, place.within)
