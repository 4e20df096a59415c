"""What Hydra would make of an experiment: exact, without importing hydra where the layout allows it.

For the layout of this package the result of Hydra's composition is a short row of OmegaConf merges
(`hydra/_internal/config_loader_impl.py: _compose_config_from_defaults_list`). `_FastPath` does those merges and nothing
else: for every input it gives what Hydra gives, or declines. What it declines is handed to the real Hydra.
Types, coercions and their errors are OmegaConf's own in both cases.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import naming, search_path
from experiment_setup.project import Experiment
from experiment_setup.schema import UNSET, Registration, Schema
from experiment_setup.source import Document, SourceError

Choices = Mapping[str, "str | None"]  # config group -> option


@dataclass(frozen=True)
class Failure:
    """Why Hydra does not compose: its own words, and what can be read from them."""

    message: str
    config: str | None = None  # the config that was being merged, such as `exp/001`
    kind: str | None = None  # OmegaConf's exception, such as ConfigKeyError
    full_key: str | None = None  # such as `exp.learning_rte`

    @classmethod
    def parse(cls, message: str) -> Failure:
        """Take Hydra's message apart (its form: ConfigLoaderImpl._compose_config_from_defaults_list)."""
        config = re.match(r"In '([^']+)': ", message)
        kind = re.search(r"(\w+(?:Error|Exception))(?: raised while composing config)?:", message)
        full_key = re.search(r"^\s*full_key: (.*)$", message, re.MULTILINE)
        return cls(
            message=message,
            config=config[1] if config else None,
            kind=kind[1] if kind else None,
            full_key=full_key[1].strip() if full_key else None,
        )

    @property
    def first_line(self) -> str:
        """Hydra's message without its `In '…': X raised while composing config:` line."""
        lines = [line.strip() for line in self.message.splitlines() if line.strip()]
        if len(lines) > 1 and lines[0].endswith("raised while composing config:"):
            return lines[1]
        return lines[0] if lines else self.message


@dataclass(frozen=True)
class Composition:
    """The outcome for one choice of options: a config as `--cfg job` prints it, or a failure."""

    choices: dict[str, str | None]
    config: DictConfig | None
    failure: Failure | None = None
    asked_hydra: bool = False

    @cached_property
    def container(self) -> dict[str, Any]:
        """The config as plain dicts and lists, interpolations as they are written; {} for a failure."""
        if self.config is None:
            return {}
        result = OmegaConf.to_container(self.config, resolve=False)
        return dict(result) if isinstance(result, dict) else {}  # type: ignore[arg-type]


@dataclass(frozen=True)
class UnusableValue:
    """A value that composes but fails when it is used: a broken interpolation, or `???`."""

    key: str  # dotted, from the root
    written: str
    reason: str
    missing: bool = False


class Declined(Exception):
    """The fast path does not cover this; the reason is for whoever debugs it."""


class Composer:
    """Composes one experiment for any choice of options."""

    def __init__(self, experiment: Experiment, schema: Schema, root: Path, *, always_hydra: bool = False) -> None:
        self.experiment = experiment
        self.schema = schema
        self._root = root
        self._always_hydra = always_hydra
        self._fast = _FastPath(experiment, schema, root)

    def compose(self, choices: Choices | None = None, overrides: Sequence[str] = ()) -> Composition:
        """What `train.py --cfg job GROUP=OPTION… OVERRIDES…` composes.

        `choices` name options as files are named; `overrides` are in Hydra's grammar. Failures are values: nothing is
        raised for a mistake in the project.
        """
        wanted = dict(choices or {})
        fatal = next((problem for problem in self.schema.problems if problem.fatal), None)
        if fatal:
            return Composition(wanted, None, Failure(f"{fatal.message}"))
        if not overrides and not self._always_hydra:
            try:
                return self._fast.compose(wanted)
            except Declined:
                pass
        return self._ask_hydra(wanted, overrides)

    def groups(self) -> dict[str, str | None]:
        """The config groups of the defaults list in config.yaml, each with the option that it names."""
        try:
            config = Document(self.experiment.config_file).config
        except (SourceError, OSError):
            return {}
        defaults = config.get("defaults") if isinstance(config, DictConfig) else None
        result: dict[str, str | None] = {}
        for item in defaults if isinstance(defaults, ListConfig) else ():
            if isinstance(item, DictConfig) and len(item) == 1:
                key, option = next(iter(OmegaConf.to_container(item, resolve=False).items()))  # type: ignore[union-attr]
                words = str(key).split()
                if "override" not in words:
                    result[words[-1].split("@")[0].lstrip("/")] = None if option is None else str(option)
        return result

    def _ask_hydra(self, choices: dict[str, str | None], overrides: Sequence[str]) -> Composition:
        # Importing hydra takes as long as checking a hundred parameter sets, so it waits until it is needed.
        from experiment_setup.hydra_bridge import HydraFailed, HydraSession

        chosen = [naming.override(group, option) for group, option in choices.items() if option is not None]
        try:
            with HydraSession(self.experiment, self.schema, self._root) as session:
                config = session.compose([*chosen, *overrides])
        except HydraFailed as error:
            return Composition(choices, None, Failure.parse(error.message), asked_hydra=True)
        self._fast.hydra_settings_are_fine()
        return Composition(choices, config, asked_hydra=True)


@dataclass(frozen=True)
class Layer:
    """One merge: `content` goes into `package` ("" is the root)."""

    package: str
    content: DictConfig
    config_path: str  # as Hydra names it in messages, such as `exp/001`
    file: Path | None


@dataclass
class _Plan:
    """The defaults list of the primary config, as far as the fast path covers it."""

    before: list[Layer] = field(default_factory=list)  # merged before the groups
    groups: dict[str, str | None] = field(default_factory=dict)
    after: list[Layer] = field(default_factory=list)  # merged after them (`_self_` last or absent)
    plain_hydra_settings: bool = True


_GROUP = re.compile(r"(?!hydra$)[A-Za-z_][\w\-]*")
_OPTION = re.compile(r"(?!.*\?\?\?)[\w.\-]+(?<!\.yaml)", re.ASCII)
_PARENT = re.compile(r"(?P<option>(?!_self_)[A-Za-z0-9_.\-]+?)(?:@_here_)?")
_CONFIG = re.compile(r"(?!_self_$)[A-Za-z_][\w\-]*")
_HYDRA_OVERRIDE = re.compile(r"override hydra/[\w/]+")

# Overrides that every Hydra has and that touch nothing but logging (hydra/conf/hydra/{job,hydra}_logging).
_PLAIN_HYDRA_OVERRIDES = {
    "override hydra/job_logging": {"none", "disabled", "default", "stdout"},
    "override hydra/hydra_logging": {"none", "disabled", "default"},
}
# Settings below `hydra:` whose type is known here; anything else is shown to Hydra once (hydra/conf/__init__.py).
_PLAIN_HYDRA_SETTINGS: dict[tuple[str, ...], tuple[type, ...]] = {
    ("output_subdir",): (str, type(None)),
    ("job", "chdir"): (bool,),
    ("job", "name"): (str,),
    ("run", "dir"): (str,),
    ("sweep", "dir"): (str,),
    ("sweep", "subdir"): (str,),
}


class _FastPath:
    """The merges that Hydra would do, for the defaults lists of this layout."""

    def __init__(self, experiment: Experiment, schema: Schema, root: Path) -> None:
        self._experiment = experiment
        self._schema = schema
        self._root = root
        self._layers: dict[tuple[str, str], tuple[Layer, ...] | Declined] = {}
        self._hydra_checked = False

    def hydra_settings_are_fine(self) -> None:
        """The real Hydra has composed this primary config: its hydra settings need no further check.

        They do not depend on the options chosen, since the fast path declines every option that could touch them.
        """
        self._hydra_checked = True

    def compose(self, choices: dict[str, str | None]) -> Composition:
        """The composition, or Declined."""
        plan = self._plan
        if isinstance(plan, Declined):
            raise plan
        if not plan.plain_hydra_settings and not self._hydra_checked:
            raise Declined("hydra settings that Hydra has not seen yet")
        if not choices.keys() <= plan.groups.keys():
            raise Declined("a group that is not in the defaults list")
        layers = list(plan.before)
        for group, default in plan.groups.items():
            option = choices.get(group, default)
            if option is not None:
                layers.extend(self._option(group, option))
        layers.extend(plan.after)
        return self._merge(choices, layers)

    def _merge(self, choices: dict[str, str | None], layers: Sequence[Layer]) -> Composition:
        config = OmegaConf.create()
        for layer in layers:
            content: Any = layer.content
            if layer.package:
                content = OmegaConf.create()
                OmegaConf.update(content, layer.package, layer.content, merge=False)
            try:
                config.merge_with(content)
            except OmegaConfBaseException as error:
                kind = type(error).__name__
                message = f"In '{layer.config_path}': {kind} raised while composing config:\n{error}"
                return Composition(choices, None, Failure.parse(message))
            except Exception as error:  # Hydra lets these through, as a traceback
                raise Declined(f"merging raised {error!r}") from error
        OmegaConf.set_struct(config, True)
        return Composition(choices, config)

    @cached_property
    def _plan(self) -> _Plan | Declined:
        try:
            return self._read_primary()
        except Declined as declined:
            return declined
        except SourceError as error:
            return Declined(str(error))

    def _read_primary(self) -> _Plan:
        main = self._schema.main
        if main is not None and (main.version_base is UNSET or main.version_base not in (None, "1.2", "1.3")):
            raise Declined("version_base")
        if self._experiment.entry is None or self._schema.registration(None, self._experiment.config_name):
            raise Declined("no entry point, or a schema with the name of the primary config")
        document = Document(self._experiment.config_file)
        if not self._experiment.config_file.is_file():
            raise Declined("no primary config")
        config = copy.deepcopy(_mapping(document))
        defaults = config.pop("defaults", None)
        hydra = config.pop("hydra", UNSET)
        if not isinstance(defaults, ListConfig):
            raise Declined("no defaults list")
        plan = _Plan(plain_hydra_settings=self._hydra_settings_are_plain(hydra))
        own = Layer("", config, self._experiment.config_name, self._experiment.config_file)
        seen_self = seen_override = False
        for item in defaults._iter_ex(resolve=False):
            if item == "_self_":
                if seen_self or seen_override:
                    raise Declined("_self_ twice or after an override")
                seen_self = True
                self._add(plan, own)
            elif isinstance(item, str):
                if not _CONFIG.fullmatch(item) or seen_override:
                    raise Declined(f"entry {item!r}")
                self._add(plan, self._root_config(item))
            else:
                seen_override |= self._add_group(plan, item, seen_override)
        if not seen_self:
            self._add(plan, own, at_end=True)
        return plan

    @staticmethod
    def _add(plan: _Plan, layer: Layer, at_end: bool = False) -> None:
        if not layer.content and not layer.content._is_typed():
            return
        if plan.groups or at_end:
            plan.after.append(layer)
        elif plan.after:
            raise Declined("content between the groups")
        else:
            plan.before.append(layer)

    def _add_group(self, plan: _Plan, item: Any, seen_override: bool) -> bool:
        """Add a `group: option` entry; True if it is an override of hydra's own groups."""
        if not isinstance(item, DictConfig) or len(item) != 1:
            raise Declined("entry that is no group")
        key = next(iter(item.keys()))
        node = item._get_node(key)
        option = node._value() if node is not None else None  # type: ignore[union-attr]
        if isinstance(key, str) and _HYDRA_OVERRIDE.fullmatch(key):
            plan.plain_hydra_settings &= option in _PLAIN_HYDRA_OVERRIDES.get(key, ())
            return True
        if seen_override or not isinstance(key, str) or not _GROUP.fullmatch(key) or key in plan.groups:
            raise Declined(f"group entry {key!r}")
        if plan.after:
            raise Declined("content between the groups")
        if option is not None and not (isinstance(option, str) and _OPTION.fullmatch(option)):
            raise Declined(f"option {option!r}")
        if not self._group_exists(key):
            raise Declined(f"no group {key!r}")
        plan.groups[key] = option
        return False

    def _hydra_settings_are_plain(self, hydra: Any) -> bool:
        if hydra is UNSET:
            return True
        if not isinstance(hydra, DictConfig) or hydra._is_none() or hydra._is_interpolation():
            raise Declined("hydra settings that are no mapping")
        for path, value in _leaves(hydra):
            if path[0] == "searchpath":
                continue
            allowed = _PLAIN_HYDRA_SETTINGS.get(path)
            if allowed is None or not isinstance(value, allowed):
                return False
        return True

    @cached_property
    def _folders(self) -> tuple[Path, ...]:
        """Where Hydra looks for configs, in its order: the config folder, then `hydra.searchpath`."""
        searchpath = OmegaConf.select(_mapping(Document(self._experiment.config_file)), "hydra.searchpath")
        if searchpath is None:
            return (self._experiment.config_dir,)
        if not isinstance(searchpath, ListConfig):
            raise Declined("hydra.searchpath")
        folders = [self._experiment.config_dir]
        for entry in searchpath._iter_ex(resolve=False):
            scheme, separator, path = str(entry).rpartition("://")
            if not isinstance(entry, str) or (separator and scheme != "file") or "${" in path:
                raise Declined("hydra.searchpath")
            folders.append(search_path.base(self._experiment, self._root) / path)
        return tuple(folders)

    def _group_exists(self, group: str) -> bool:
        stored = any(r.group is not None and r.group.split("/")[0] == group for r in self._schema.registrations)
        return stored or any((folder / group).is_dir() for folder in self._folders)

    def _root_config(self, name: str) -> Layer:
        if any((folder / f"{name}.yaml").exists() for folder in self._folders):
            raise Declined("a file in the primary defaults list")
        return self._stored(None, name)

    def _stored(self, group: str | None, name: str) -> Layer:
        registration = self._schema.registration(group, name)
        if registration is None or registration.package is not None:
            raise Declined(f"nothing stored as {group}/{name}, or with a package")
        content = self._structured(registration)
        return Layer(group or "", content, f"{group}/{name}" if group else name, None)

    def _structured(self, registration: Registration) -> DictConfig:
        try:
            content = self._schema.structured(registration)
        except Exception as error:
            raise Declined(f"cannot be stored: {error!r}") from error
        if not isinstance(content, DictConfig) or "defaults" in content:
            raise Declined("a stored config with a defaults list")
        return content

    def _option(self, group: str, option: str) -> tuple[Layer, ...]:
        """The layers of `group=option`: its parents first, unless `_self_` says otherwise."""
        key = (group, option)
        known = self._layers.get(key)
        if known is None:
            # Seen while it is being read, the entry means that the option includes itself.
            self._layers[key] = Declined(f"{group}/{option} includes itself")
            try:
                known = tuple(self._read_option(group, option))
            except Declined as declined:
                known = declined
            except SourceError as error:
                known = Declined(str(error))
            self._layers[key] = known
        if isinstance(known, Declined):
            raise known
        return known

    def _read_option(self, group: str, option: str) -> Iterator[Layer]:
        if not _OPTION.fullmatch(option):
            raise Declined(f"option {option!r}")
        files = [folder / group / f"{option}.yaml" for folder in self._folders]
        file = next((path for path in files if path.exists()), None)
        if file is None:
            yield self._stored(group, option)
            return
        if self._schema.registration(group, option):
            raise Declined("a file with the name of a stored config")  # 1.3 merges both, 1.4 takes the file
        content = copy.deepcopy(_mapping(Document(file)))
        defaults = content.pop("defaults", None) if "defaults" in content else ListConfig([])
        if not isinstance(defaults, ListConfig):
            raise Declined("defaults that are no list")
        own = Layer(group, content, f"{group}/{option}", file)
        seen_self = False
        for item in defaults._iter_ex(resolve=False):
            if item == "_self_" and not seen_self:
                seen_self = True
                yield own
                continue
            parent = _PARENT.fullmatch(item) if isinstance(item, str) else None
            if parent is None:
                raise Declined(f"entry {item!r}")
            yield from self._option(group, parent["option"])
        if not seen_self:
            yield own


def _mapping(document: Document) -> DictConfig:
    """The document's content, or Declined for anything but a plain mapping without a package header."""
    if document.header is not None:
        raise Declined("a package header")
    config = document.config
    if not isinstance(config, DictConfig) or config._is_none() or config._is_missing() or config._is_interpolation():
        raise Declined("no mapping")
    return config


def _leaves(node: DictConfig, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not (child._is_none() or child._is_interpolation()):
            yield from _leaves(child, (*path, str(key)))
        else:
            yield (*path, str(key)), child._value() if child is not None else None  # type: ignore[union-attr]


_RESOLVER = re.compile(r"\$\{\s*([A-Za-z_][\w.]*)\s*:")
_KNOWN_ONLY_WHEN_RUN = ("hydra", "now", "python_version")  # resolvers that Hydra adds for a run


def unusable_values(config: DictConfig, custom_resolvers: frozenset[str] = frozenset()) -> Iterator[UnusableValue]:
    """The values of a composed config that fail when train.py reads them, which `--cfg job` does not show.

    Values that need a resolver of the user's (`custom_resolvers`) or Hydra's run time are passed over.
    """
    for key, node in _nodes(config, ""):
        if node._is_missing():
            yield UnusableValue(key, "???", "no value is given", missing=True)
        elif node._is_interpolation():
            written = str(node._value())
            used = set(_RESOLVER.findall(written))
            if used & custom_resolvers or used & set(_KNOWN_ONLY_WHEN_RUN):
                continue
            try:
                value = OmegaConf.select(config, key, throw_on_resolution_failure=True, throw_on_missing=True)
                if isinstance(value, (DictConfig, ListConfig)):
                    OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
            except Exception as error:
                yield UnusableValue(key, written, str(error).splitlines()[0])


def _nodes(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, (DictConfig, ListConfig)) and not (
        node._is_none() or node._is_missing() or node._is_interpolation()
    ):
        keys = range(len(node)) if isinstance(node, ListConfig) else list(node.keys())
        for key in keys:
            child = node._get_node(key)
            step = f"[{key}]" if isinstance(node, ListConfig) else (f".{key}" if path else str(key))
            yield from _nodes(child, f"{path}{step}")
    elif node is not None and path:
        yield path, node
