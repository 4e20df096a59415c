"""What is known of an entry point: small records that travel from the reader to the commands."""

from __future__ import annotations

import ast
import dataclasses
import os
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from experiment_setup.code.modules import Modules
from experiment_setup.code.problems import Problem
from experiment_setup.code.values import Known, Opaque
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"

    def __deepcopy__(self, memo: object) -> _Unset:
        return self


UNSET: Final = _Unset()

_PATCH_RELEASE = compiled(r"(\d+\.\d+)\.\d+")


_MOST = 5_000  # nodes of a class; a few classes of two fields each, one in the other, come to millions


def node_of_class(cls: type) -> DictConfig | None:
    """OmegaConf's node of a class that nothing stores; None where it makes none of it, or too many."""
    if _size(cls, {}) > _MOST:
        return None
    try:
        node = OmegaConf.structured(cls)
    except Exception:  # what OmegaConf refuses is reported where it is stored
        return None
    return node if isinstance(node, DictConfig) else None


def _size(cls: type, known: dict[type, int]) -> int:
    """How many nodes a class comes to with those of its fields."""
    if cls not in known:
        known[cls] = 1  # in itself
        fields = getattr(cls, "__dataclass_fields__", {}).values()
        known[cls] = 1 + sum(_size(field.type, known) for field in fields if isinstance(field.type, type))
    return known[cls]


@dataclass(frozen=True)
class Field:
    """One field of a config class."""

    name: str
    annotation: str
    default: str | None
    location: Location
    comment: str | None = None
    opaque: str | None = None
    value_location: Location | None = None


@dataclass(frozen=True)
class ConfigClass:
    """A class of the project, rebuilt: `cls` is a real dataclass if the user's is one."""

    name: str
    cls: type
    location: Location
    fields: tuple[Field, ...]
    bases: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    unannotated: tuple[Field, ...] = ()
    decorated: bool = True
    has_post_init: bool = False

    def field(self, name: str) -> Field | None:
        """The field of that name."""
        return next((field for field in self.fields if field.name == name), None)


@dataclass(frozen=True)
class Registration:
    """One `ConfigStore.store(…)`. `node` is a class, an instance, a container, or Opaque."""

    group: str | None
    name: str
    package: str | None
    node: Any
    config_class: ConfigClass | None
    location: Location
    in_main_guard: bool = False

    @property
    def path(self) -> str:
        """What it is found as, such as `exp/default`."""
        return f"{self.group}/{self.name}" if self.group else self.name

    @property
    def node_is_opaque(self) -> bool:
        """Whether only running the code tells what is stored."""
        return isinstance(self.node, Known)


@dataclass(frozen=True)
class HydraMain:
    """The `@hydra.main(…)` of the entry point. UNSET: not given; Opaque: known only when the code runs."""

    function: str
    config_path: Any
    config_name: Any
    version_base: Any
    location: Location
    called: bool
    does_something: bool

    @property
    def base(self) -> Any:
        """The `version_base` as Hydra takes it: "1.3.2" is the same as "1.3"."""
        found = _PATCH_RELEASE.fullmatch(self.version_base) if isinstance(self.version_base, str) else None
        return found[1] if found else self.version_base

    def names(self, config: Path) -> bool:
        """Whether it names a primary config, which lies where `config` says (without its ending)."""
        if not isinstance(self.config_name, str) or not isinstance(self.config_path, str):
            return False
        there = self.location.path.parent / self.config_path / self.config_name.removesuffix(".yaml")
        return Path(os.path.normpath(there)) == Path(os.path.normpath(config))


@dataclass
class Schema:
    """What an entry point defines and registers."""

    entry: Path
    modules: tuple[Path, ...] = ()
    classes: dict[str, ConfigClass] = dataclasses.field(default_factory=dict)
    registrations: tuple[Registration, ...] = ()
    main: HydraMain | None = None
    mains: tuple[HydraMain, ...] = ()  # all that the entry point has
    problems: tuple[Problem, ...] = ()
    tree: ast.Module | None = None
    code: Modules | None = None
    search_path: tuple[str, ...] = ()  # what the project's own plugins add to it
    _opaque: dict[int, dict[str, str]] = dataclasses.field(default_factory=dict, repr=False)  # by id of registration
    _nodes: dict[int, Any] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def version_base(self) -> Any:
        """Which Hydra the entry point keeps to: UNSET where it names none, and None, for none that is outdated, where
        only running the code tells.
        """
        if self.main is None:
            return None if self.code is not None else UNSET
        return None if isinstance(self.main.version_base, Opaque) else self.main.base

    def choose_main(self, config: Path) -> None:
        """Take the function that names a primary config for the main one, where another function of the file was."""
        named = [main for main in self.mains if main.names(config)]
        if len(named) == 1 and self.main is not None and not self.main.names(config):
            self.main = named[0]

    def add(self, registration: Registration, opaque: dict[str, str], node: Any) -> None:
        """Add what is stored next; `opaque` as opaque_paths gives it, `node` OmegaConf's node if it is made already."""
        self.registrations = (*self.registrations, registration)
        self._opaque[id(registration)] = opaque
        if node is not None:
            self._nodes[id(registration)] = node

    def class_of(self, kind: Any) -> ConfigClass | None:
        """What is known of a class, by the class itself: several modules may have one of its name."""
        return next((known for known in self.classes.values() if known.cls is kind), None)

    def class_named(self, name: str) -> ConfigClass | None:
        """The class that a name means in the entry point; of other modules, the only one of that name."""
        own = next((module for module in self.code or () if module.source.path == self.entry), None)
        found = self.class_of(own.names.get(name)) if own is not None else None
        return found or (self.classes.get(name) if sum(c.name == name for c in self.classes.values()) == 1 else None)

    def class_of_field(self, owner: ConfigClass, name: str) -> ConfigClass | None:
        """The class that a field of another one is made of."""
        field = getattr(owner.cls, "__dataclass_fields__", {}).get(name)
        return self.class_of(field.type) if field is not None else None

    def registration(self, group: str | None, name: str) -> Registration | None:
        """What is stored as `group`/`name`: the last one wins, as in Hydra."""
        found = (r for r in reversed(self.registrations) if (r.group or None) == (group or None) and r.name == name)
        return next(found, None)

    def stores_group(self, group: str) -> bool:
        """Whether anything is stored in a group, or in one below it: then it is there, with or without a folder."""
        return any(f"{known.group or ''}/".startswith(f"{group}/") for known in self.registrations)

    def structured(self, registration: Registration) -> DictConfig:
        """OmegaConf's node for a registration, as ConfigStore.store makes it; an empty one for an opaque node.

        The node is cached: copy it before changing it. Raises OmegaConf's error if it cannot be made.
        """
        key = id(registration)
        if key not in self._nodes:
            node = {} if isinstance(registration.node, Known) else registration.node
            self._nodes[key] = OmegaConf.structured(node)
        result: DictConfig = self._nodes[key]
        return result

    def opaque_paths(self, registration: Registration) -> dict[str, str]:
        """Dotted path -> reason, for each value that only running the code would tell ("" is the whole)."""
        return dict(self._opaque.get(id(registration), {}))
