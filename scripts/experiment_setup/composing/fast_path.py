"""Hydra's composition without Hydra, for the defaults lists of this layout.

There it is a short row of OmegaConf merges (`hydra/_internal/config_loader_impl.py:
_compose_config_from_defaults_list`), one for each layer: a stored dataclass, config.yaml's own content, an option's own
content. `FastPath` does those merges and nothing else: for every input it gives what Hydra gives, or declines.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from experiment_setup import files, installed, nodes
from experiment_setup.composing import search_path
from experiment_setup.composing.changes import Change
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.expansion import TooFar
from experiment_setup.composing.interpolation import UnusableValue
from experiment_setup.composing.layers import Declined, Layer, MergeError, crossed, merge
from experiment_setup.composing.origins import Source, Trace
from experiment_setup.composing.overlay import shallow
from experiment_setup.composing.parts import LaidPart, MergedPart, Part, PartsComposition, plain_part
from experiment_setup.latest import Latest
from experiment_setup.light import compiled, dataclass
from experiment_setup.project import Experiment
from experiment_setup.reading.source import Document, SourceError
from experiment_setup.schema import UNSET, Schema

_MOST_LAYERS = 200  # of one option, its parents among them; Hydra ends in a RecursionError at some three hundred
_DEEPEST = 30  # Hydra recurses some ten frames a parent; where Python's limit ends that, it is to say so itself
_KEPT = 64  # merged configs that are kept, each some twenty kilobytes

# By the texts of the files that they are made of, which stand for all that comes of them.
_plain_parts: Latest[tuple[str, tuple[str, ...]], Part | None] = Latest(256)


@dataclass
class _Plan:
    """The defaults list of the primary config, as far as the fast path covers it."""

    before: list[Layer] = field(default_factory=list)  # merged before the groups
    groups: dict[str, str | None] = field(default_factory=dict)
    after: list[Layer] = field(default_factory=list)  # merged after them (`_self_` last or absent)
    plain_hydra_settings: bool = True


_GROUP = compiled(r"(?!hydra$)[A-Za-z_][\w\-]*")
# Those in folders too (`exp: sub/001`): Hydra looks for their parents in the group, and puts them where it is.
_OPTION = compiled(r"(?:\w[\w\-]*/)*[\w.\-]+(?<!\.yaml)(?<!\.yml)", re.ASCII)
_PARENT = compiled(r"(?P<option>(?!_self_)[A-Za-z0-9_.\-]+?)(?:@_here_)?")
_CONFIG = compiled(r"(?!_self_$)[A-Za-z_][\w\-]*")
_HYDRA_OVERRIDE = compiled(r"override hydra/[\w/]+")
# Hydra's own config is there while Hydra merges, and not here: `${hydra.run}`, or a key that is itself computed.
_READS_HYDRA = compiled(r"\$\{[^}:]*\$\{|\$\{[^}]*hydra(?!:)")

# Overrides that every Hydra has and that touch nothing but logging (hydra/conf/hydra/{job,hydra}_logging).
_PLAIN_HYDRA_OVERRIDES = {
    "override hydra/job_logging": {"none", "disabled", "default", "stdout"},
    "override hydra/hydra_logging": {"none", "disabled", "default"},
}
# Settings below `hydra:` whose type is known here; anything else is shown to Hydra once (hydra/conf/__init__.py).
_PLAIN_HYDRA_SETTINGS: dict[str, tuple[type, ...]] = {
    "output_subdir": (str, type(None)),
    "job.chdir": (bool,),
    "job.name": (str,),
    "run.dir": (str,),
    "sweep.dir": (str,),
    "sweep.subdir": (str,),
}


class FastPath:
    """The merges that Hydra would do for one experiment."""

    def __init__(self, experiment: Experiment, schema: Schema, root: Path, *, in_parts: bool = True) -> None:
        self._experiment = experiment
        self._schema = schema
        self._root = root
        self._options: dict[tuple[str, str], tuple[Layer, ...] | Declined | TooFar] = {}
        self._light: dict[tuple[str, tuple[Layer, ...]], Part | None] = {}
        self._heavy: Latest[tuple[str, tuple[Layer, ...]], MergedPart | None] = Latest(_KEPT)
        self._merged: Latest[tuple[Layer, ...], DictConfig] = Latest(_KEPT)
        self._outcomes: dict[tuple[Any, ...], UnusableValue | None] = {}
        self._in_parts = in_parts  # else everything is merged
        self._hydra_checked = False
        self.documents: MutableMapping[Path, Document] = {}  # files that have been read already

    def with_documents(self, documents: Mapping[Path, Document]) -> FastPath:
        """The same experiment with other contents of some files, for one composition."""
        # Everything is merged: elsewhere, a text stands for what comes of it.
        result = FastPath(self._experiment, self._schema, self._root, in_parts=False)
        result.documents = ChainMap({}, dict(documents), self.documents)
        if self._experiment.config_file not in documents:
            result.__dict__["_plan"] = self._plan
            result._hydra_checked = self._hydra_checked
        return result

    def hydra_settings_are_fine(self) -> None:
        """The real Hydra has composed this primary config: its hydra settings need no further check.

        They do not depend on the options chosen, since the fast path declines every option that could touch them.
        """
        self._hydra_checked = True

    def compose(
        self, choices: dict[str, str | None], changes: Sequence[Change] = (), trace: Trace | None = None
    ) -> Composition:
        """The composition, or Declined. For `changes` and for a `trace`, everything is merged."""
        plan = self._plan
        if isinstance(plan, Declined):
            raise plan
        if not plan.plain_hydra_settings and not self._hydra_checked:
            raise Declined("hydra settings that Hydra has not seen yet")
        if not choices.keys() <= plan.groups.keys():
            raise Declined("a group that is not in the defaults list")
        chosen = ((group, choices.get(group, default)) for group, default in plan.groups.items())
        options = {group: self._option(group, option) for group, option in chosen if option is not None}
        layers = (*plan.before, *(layer for option in options.values() for layer in option), *plan.after)
        if changes or trace is not None:
            return self._changed(choices, layers, changes, trace)
        try:
            if self._in_parts and not plan.after and self._base is not None:
                parts = {group: self._part(group, option) for group, option in options.items()}
                known = {group: part for group, part in parts.items() if part is not None}
                if len(known) == len(parts):
                    return PartsComposition(choices, self._base, known, self._outcomes)
            return Composition(choices, self._merged.get(layers, lambda: merge(layers)))
        except MergeError as error:
            return Composition(choices, None, error.failure)

    def _changed(
        self,
        choices: dict[str, str | None],
        layers: Sequence[Layer],
        changes: Sequence[Change],
        trace: Trace | None,
    ) -> Composition:
        for change in changes:
            if self._group_exists(change.key) or change.steps[0] == "hydra":
                raise Declined("an override that is not of a value of the experiment")
        try:
            config = merge(layers, trace)
        except MergeError as error:
            return Composition(choices, None, error.failure)
        for change in changes:
            change.apply(config, trace)
        return Composition(choices, config, origins=trace.origins(config) if trace is not None else None)

    @cached_property
    def _base(self) -> MergedPart | None:
        """What is merged before the groups; None where only merging everything tells."""
        plan = self._plan
        assert isinstance(plan, _Plan)
        try:
            return None if crossed(plan.before) else MergedPart("", merge(plan.before))
        except (MergeError, Declined):
            return None

    def _part(self, group: str, layers: tuple[Layer, ...]) -> Part | None:
        """What the layers of a group make of it; None where only merging everything tells.

        Raises MergeError or Declined.
        """
        key = (group, layers)
        if key not in self._light:
            self._light[key] = self._plain_part(group, layers) or self._laid_part(group, layers)
        return self._light[key] or self._merged_part(group, layers)

    def _plain_part(self, group: str, layers: tuple[Layer, ...]) -> Part | None:
        """The part, if files without types alone have a say in it: many experiments may have such a part in common."""
        texts = tuple(layer.text for layer in layers if layer.text is not None)
        if self._base is None or len(texts) < len(layers) or not nodes.leaves_free(self._base.merged, group):
            return None
        return _plain_parts.get((group, texts), lambda: plain_part(group, [layer.data or {} for layer in layers]))

    def _laid_part(self, group: str, layers: tuple[Layer, ...]) -> Part | None:
        """The part, if the last layer is plain values for fields that the others have."""
        own = layers[-1].data
        below = self._merged_part(group, layers[:-1]) if own is not None else None
        values = below.fields.take(own) if below is not None and own is not None else None
        return LaidPart(below, values) if below is not None and values is not None else None

    def _merged_part(self, group: str, layers: tuple[Layer, ...]) -> MergedPart | None:
        plan = self._plan
        assert isinstance(plan, _Plan)
        below = (*plan.before, *layers)

        def merged() -> MergedPart | None:
            node = None if crossed(below) else nodes.child(merge(below), group)
            return MergedPart(group, node) if nodes.is_mapping(node) else None

        return self._heavy.get((group, below), merged)

    # -- the primary config ------------------------------------------------------------------------------------------

    @cached_property
    def _plan(self) -> _Plan | Declined:
        try:
            return self._read_primary()
        except Declined as declined:
            return declined
        except SourceError as error:
            return Declined(str(error))

    @cached_property
    def _primary(self) -> DictConfig:
        file = self._experiment.config_file
        document = self.documents.setdefault(file, Document(file))
        config = document.config
        if document.header is not None:
            raise Declined("a package header")
        if not nodes.is_mapping(config):
            raise Declined("no mapping")
        return config

    def _read_primary(self) -> _Plan:
        main = self._schema.main
        if main is not None and not _is_supported(main.version_base):
            raise Declined("version_base")
        if self._experiment.entry is None or self._schema.registration(None, self._experiment.config_name):
            raise Declined("no entry point, or a schema with the name of the primary config")
        if not self._experiment.has_config:
            raise Declined("no primary config")
        config = shallow(self._primary, None)
        defaults, hydra = nodes.take(config, "defaults"), nodes.take(config, "hydra")
        if not isinstance(defaults, ListConfig):
            raise Declined("no defaults list")
        if any(nodes.at(config, (key, "defaults")) is not None for key in config):
            raise Declined("a block with a key called defaults")  # Hydra takes it away where it has merged files
        plan = _Plan(plain_hydra_settings=self._hydra_settings_are_plain(hydra))
        own = self._layer("", Source(self._experiment.config_name, self._experiment.config_file), config)
        seen_self = seen_override = False
        seen: set[str] = set()
        for item in nodes.items(defaults):
            if item == "_self_":
                if seen_self or seen_override:
                    raise Declined("_self_ twice or after an override")
                seen_self = True
                self._add(plan, own)
            elif isinstance(item, str):
                if not _CONFIG.fullmatch(item) or seen_override or item in seen:
                    raise Declined(f"entry {item!r}")
                seen.add(item)
                self._add(plan, self._root_config(item))
            else:
                seen_override |= self._add_group(plan, item, seen_override)
        if not seen_self:
            self._add(plan, own, at_end=True)
        return plan

    @staticmethod
    def _add(plan: _Plan, layer: Layer, at_end: bool = False) -> None:
        if not layer.content and not nodes.is_structured(layer.content):
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
        option = nodes.value(nodes.child(item, key))
        if isinstance(key, str) and _HYDRA_OVERRIDE.fullmatch(key):
            plan.plain_hydra_settings &= option in _PLAIN_HYDRA_OVERRIDES.get(key, ())
            return True
        if seen_override or not isinstance(key, str) or not _GROUP.fullmatch(key) or key in plan.groups:
            raise Declined(f"group entry {key!r}")
        if plan.after:
            raise Declined("content between the groups")
        if option not in (None, "???") and not (isinstance(option, str) and _OPTION.fullmatch(option)):
            raise Declined(f"option {option!r}")
        if not self._group_exists(key):
            raise Declined(f"no group {key!r}")
        plan.groups[key] = option
        return False

    def _hydra_settings_are_plain(self, hydra: Any) -> bool:
        if hydra is None:
            return True
        if not nodes.is_mapping(hydra):
            raise Declined("hydra settings that are no mapping")
        for key, node in nodes.leaves(hydra):
            if nodes.split(key)[0] == "searchpath":
                continue
            allowed = _PLAIN_HYDRA_SETTINGS.get(key)
            if allowed is None or not isinstance(nodes.value(node), allowed):
                return False
        return True

    @cached_property
    def _folders(self) -> tuple[Path, ...]:
        """Where Hydra looks for configs, in its order: the config folder, then `hydra.searchpath`."""
        searchpath = OmegaConf.select(self._primary, "hydra.searchpath")
        if searchpath is None:
            return (self._experiment.config_dir,)
        if not isinstance(searchpath, ListConfig):
            raise Declined("hydra.searchpath")
        folders = [self._experiment.config_dir]
        for entry in nodes.items(searchpath):
            scheme, separator, path = str(entry).rpartition("://")
            if not isinstance(entry, str) or (separator and scheme != "file") or "${" in path:
                raise Declined("hydra.searchpath")
            folders.append(search_path.base(self._experiment, self._root) / path)
        return tuple(folders)

    def _group_exists(self, group: str) -> bool:
        stored = any(r.group is not None and r.group.split("/")[0] == group for r in self._schema.registrations)
        return stored or any(files.is_folder(folder / group) for folder in self._folders)

    def _root_config(self, name: str) -> Layer:
        if any(files.exists(folder / f"{name}.yaml") for folder in self._folders):
            raise Declined("a file in the primary defaults list")
        layer = self._stored(None, name)
        if "hydra" in layer.content.keys():  # noqa: SIM118 (a missing one is not `in` it)
            raise Declined("a stored config that touches hydra's own")
        if nodes.is_frozen(layer.content):
            raise Declined("a frozen root, which refuses hydra's settings too")
        return layer

    def _stored(self, group: str | None, name: str) -> Layer:
        registration = self._schema.registration(group, name)
        if registration is None or registration.package is not None:
            raise Declined(f"nothing stored as {group}/{name}, or with a package")
        try:
            content = self._schema.structured(registration)
        except Exception as error:
            raise Declined(f"cannot be stored: {error!r}") from error
        if not nodes.is_mapping(content) or "defaults" in content:
            raise Declined("no mapping, or a stored config with a defaults list")
        source = Source(f"{group}/{name}" if group else name, registration=registration)
        return self._layer(group or "", source, content)

    @staticmethod
    def _layer(package: str, source: Source, content: DictConfig) -> Layer:
        written = [node for _, node in nodes.leaves(content) if nodes.is_interpolation(node)]
        if any(_READS_HYDRA.search(str(nodes.value(node))) for node in written):
            raise Declined("reads hydra's own config")
        return Layer(package, source, content, reads_others=not all(map(nodes.has_one_type, written)))

    # -- the options -------------------------------------------------------------------------------------------------

    def _option(self, group: str, name: str, depth: int = 0) -> tuple[Layer, ...]:
        """The layers of `group=name`: its parents first, unless `_self_` says otherwise."""
        key = (group, name)
        known = self._options.get(key)
        if known is None:
            # Seen while it is being read, the entry means that the option includes itself.
            self._options[key] = Declined(f"{group}/{name} includes itself")
            if depth > _DEEPEST:
                raise Declined("a long line of parents")
            try:
                known = tuple(self._read_option(group, name, depth))
                if len(known) > _MOST_LAYERS:
                    raise TooFar(
                        f"{group}/{name} comes to more than {_MOST_LAYERS} files, each of which takes in another"
                    )
            except (Declined, TooFar) as refused:
                known = refused
            except SourceError as error:
                known = Declined(str(error))
            self._options[key] = known
        if isinstance(known, (Declined, TooFar)):
            raise known
        return known

    def _read_option(self, group: str, name: str, depth: int) -> Iterator[Layer]:
        if not _OPTION.fullmatch(name):
            raise Declined(f"option {name!r}")
        paths = (folder / group / f"{name}.yaml" for folder in self._folders)
        file = next(filter(files.exists, paths), None)
        if file is None:
            yield self._stored(group, name)
            return
        if self._schema.registration(group, name):
            raise Declined("a file with the name of a stored config")  # 1.3 merges both, 1.4 takes the file
        document = self.documents.get(file) or Document(file)
        content = _content(document)
        defaults = content.data.pop("defaults", [])
        if not isinstance(defaults, list):
            raise Declined("defaults that are no list")
        source = Source(f"{group}/{name}", file)
        text = document.text if document.is_plain else None
        own = Layer(group, source, None, content.data, text, interpolated=content.interpolated)
        seen_self = False
        for item in defaults:
            if item == "_self_" and not seen_self:
                seen_self = True
                yield own
                continue
            parent = _PARENT.fullmatch(item) if isinstance(item, str) else None
            if parent is None:
                raise Declined(f"entry {item!r}")
            yield from self._option(group, parent["option"], depth + 1)
        if not seen_self:
            yield own


def _is_supported(version_base: Any) -> bool:
    """Whether Hydra knows this `version_base` (hydra/version.py: setbase).

    The older behaviours of Hydra 1.3 differ in forms that the fast path declines anyway.
    """
    if version_base in (None, UNSET, "1.3"):
        return True
    return version_base in ("1.1", "1.2") and not installed.hydra_since_1_4()


@dataclass(frozen=True)
class _Content:
    data: dict[Any, Any]
    interpolated: frozenset[Any]


def _content(document: Document) -> _Content:
    """A file's content, or Declined for anything but a plain mapping without a package header."""
    if document.error is not None:
        raise document.error
    data = {} if document.data is None else document.data
    if document.header is not None or not isinstance(data, dict):
        raise Declined("a package header, or no mapping")
    if "${" not in document.text:
        return _Content(dict(data), frozenset())
    if _READS_HYDRA.search(document.text):
        raise Declined("reads hydra's own config")
    return _Content(dict(data), frozenset(key for key, value in data.items() if _interpolates(value)))


def _interpolates(value: Any) -> bool:
    if isinstance(value, (dict, list)):
        return any(map(_interpolates, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and "${" in value
