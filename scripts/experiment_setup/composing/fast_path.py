"""Hydra's composition without Hydra.

`defaults` tells which configs are merged, and where; the merges are OmegaConf's (`layers`), or of plain dicts where
that comes to the same (`plain`). For every input this gives what Hydra gives, or declines. What is meant for Hydra
itself, below `hydra`, it has to have seen once.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup import files, installed, nodes
from experiment_setup.composing import defaults, plain, search_path
from experiment_setup.composing.changes import Change
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.defaults import Choosing, Config, Entry, Listed
from experiment_setup.composing.interpolation import UnusableValue
from experiment_setup.composing.layers import Declined, Layer, MergeError, Repeated, created, crossed, merge
from experiment_setup.composing.origins import Places, Source, Trace
from experiment_setup.composing.parts import LaidPart, MergedPart, Part, PartsComposition, PlainPart, plain_part
from experiment_setup.composing.refusals import Failure
from experiment_setup.latest import Latest
from experiment_setup.light import compiled, dataclass
from experiment_setup.project import Experiment
from experiment_setup.reading.source import Document, SourceError
from experiment_setup.schema import UNSET, Schema

_KEPT = 64  # merged configs that are kept, each some twenty kilobytes
_STRIDE = 8  # layers after which what they come to is kept, for others that begin with the same

# By the texts of the files that they are made of, which stand for all that comes of them.
_plain_parts: Latest[tuple[str, tuple[str, ...]], PlainPart | None] = Latest(256)

# Hydra's own config is there while Hydra merges, and not here: `${hydra.run}`, or a key that is itself computed.
_READS_HYDRA = compiled(r"\$\{[^}:]*\$\{|\$\{[^}]*hydra(?!:)")

# Settings that Hydra takes, and what it says of those that it does not take, of whatever experiment.
_fine_anywhere: set[tuple[Any, ...]] = set()
_refused_anywhere: dict[tuple[Any, ...], Failure] = {}

# Choices that every Hydra has and that touch nothing but logging (hydra/conf/hydra/{job,hydra}_logging).
_PLAIN_CHOICES_OF_HYDRA = {
    "hydra/job_logging": {"none", "disabled", "default", "stdout"},
    "hydra/hydra_logging": {"none", "disabled", "default"},
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
# What Hydra reads while it composes; `hydra.job` too, but for the name and the variables that a job is given.
_READ_BY_HYDRA = frozenset({"overrides", "runtime", "searchpath", "aliases", "mode"})


@dataclass(frozen=True, eq=False)
class _Read(Config):
    """A config with what it says."""

    source: Source = field(default_factory=lambda: Source(""))
    stored: DictConfig | None = None
    data: dict[Any, Any] = field(default_factory=dict)
    elements: list[Any] | None = None  # of a file that is a list
    text: str | None = None  # where the content is plain
    reads_hydra: bool = False
    has_inner_lists: bool = False  # a key `defaults` below the root


@dataclass(frozen=True, eq=False)
class _Piece:
    """What a config says in its package: of the experiment, and of Hydra itself."""

    layer: Layer | None
    hydra: dict[Any, Any] | None = None
    mark: str = ""  # all of `hydra`
    reads_hydra: bool = False
    is_list: bool = False


class _Unseen(Repeated):
    """Settings of Hydra's own that it has not seen yet; `is_all`: nothing else can be refused.

    `is_anywhere`: they name no option, so that no file of the experiment has a say in whether Hydra takes them.
    """

    def __init__(self, key: tuple[Any, ...], *, is_all: bool, is_anywhere: bool) -> None:
        super().__init__("hydra settings that Hydra has not seen yet")
        self.key = key
        self.is_anywhere = is_anywhere
        self._is_all = is_all

    def is_why(self, _failure: Failure) -> bool:
        """Whether Hydra fails for this."""
        return self._is_all


class FastPath:
    """The merges that Hydra would do for one experiment."""

    def __init__(
        self,
        experiment: Experiment,
        schema: Schema,
        root: Path,
        documents: MutableMapping[Path, Document],
        *,
        in_parts: bool = True,
    ) -> None:
        self._experiment = experiment
        self._schema = schema
        self._root = root
        self._configs: dict[str, _Read | Declined | None] = {}
        self._groups: dict[str, bool] = {}
        self._known = defaults.Known()
        self._pieces: dict[tuple[Config, str], _Piece] = {}
        self._light: dict[tuple[str, tuple[Layer, ...], tuple[Layer, ...]], Part | None] = {}
        self._laid: dict[tuple[str, tuple[Layer, ...], tuple[Layer, ...]], LaidPart | None] = {}
        self._heavy: Latest[tuple[str, tuple[Layer, ...]], MergedPart | None] = Latest(_KEPT)
        self._bases: Latest[tuple[Layer, ...], Part | None] = Latest(_KEPT)
        self._told: Latest[tuple[str, tuple[Layer, ...]], PlainPart | None] = Latest(_KEPT)
        self._merged: Latest[tuple[Layer, ...], DictConfig] = Latest(_KEPT)
        self._begun: Latest[tuple[Layer, ...], DictConfig] = Latest(_KEPT)
        self._traces: Latest[tuple[Layer, ...], tuple[DictConfig, Trace]] = Latest(_KEPT)
        self._outcomes: dict[tuple[Any, ...], UnusableValue | None] = {}
        self._in_parts = in_parts  # else everything is merged
        self._fine: set[tuple[Any, ...]] = set()  # what Hydra takes for its own settings
        self._refused: dict[tuple[Any, ...], Failure] = {}  # what Hydra says of what it does not take
        self._declined: Repeated | None = None
        self._documents = documents  # files that have been read already
        self._given: Mapping[Path, Document] = {}  # contents in place of what the files have, or of files to be made

    def with_documents(self, documents: Mapping[Path, Document]) -> FastPath:
        """The same experiment with other contents of some files, for one composition."""
        # Everything is merged: elsewhere, a text stands for what comes of it.
        known = ChainMap({}, dict(documents), self._documents)
        result = FastPath(self._experiment, self._schema, self._root, known, in_parts=False)
        result._given = documents
        result._configs = {
            path: config
            for path, config in self._configs.items()
            if isinstance(config, _Read) and config.source.file not in documents
        }
        result._fine = self._fine.copy()
        return result

    def answered(self, failure: Failure | None) -> None:
        """The real Hydra has composed what was declined last, or has said why not: this is kept for what is alike.

        Settings of Hydra's own that it takes need no further check, and what is not there is not there.
        """
        declined, self._declined = self._declined, None
        is_anywhere = isinstance(declined, _Unseen) and declined.is_anywhere
        if failure is None:
            if isinstance(declined, _Unseen):
                (_fine_anywhere if is_anywhere else self._fine).add(declined.key)
        elif declined is not None and declined.is_why(failure):
            (_refused_anywhere if is_anywhere else self._refused)[declined.key] = failure

    def compose(
        self, choices: dict[str, str | None], changes: Sequence[Change] = (), places: Places | None = None
    ) -> Composition:
        """The composition, or Declined; with `places`, and where its values come from."""
        self._declined = None
        try:
            pieces = self._chosen(choices)
        except Repeated as declined:
            known = self._refused.get(declined.key) or _refused_anywhere.get(declined.key)
            if known is not None and declined.is_why(known):
                return Composition(choices, None, known)
            self._declined = None if changes else declined  # Hydra may fail for these
            raise
        layers = tuple(piece.layer for piece in pieces if piece.layer is not None)
        try:
            if places is not None and any(piece.is_list for piece in pieces):
                raise Declined("where the elements of a file that is a list come from")
            if changes or places is not None:
                self._reads_nothing_of_hydra(pieces)
                return self._changed(choices, layers, changes, places)
            if not all(layer.text is not None for layer in layers):
                self._reads_nothing_of_hydra(pieces)
            if self._in_parts and (composed := self._put_together(choices, layers)) is not None:
                return composed
            return Composition(choices, self._merged.get(layers, lambda: self._all(layers, pieces)))
        except MergeError as error:
            return Composition(choices, None, error.failure)

    def _changed(
        self,
        choices: dict[str, str | None],
        layers: tuple[Layer, ...],
        changes: Sequence[Change],
        places: Places | None,
    ) -> Composition:
        for change in changes:
            if self._group_exists(change.key) or change.steps[0] == "hydra":
                raise Declined("an override that is not of a value of the experiment")
        trace: Trace | None = None
        if places is not None:
            config, trace = self._with_trace(choices, layers, places)
        else:
            config = self._begun.get(layers, lambda: self._merge(layers))
        if changes:  # a hundred runs of one set differ in these alone
            config = merge((), begun=config)
        for change in changes:
            change.apply(config, trace)
        return Composition(choices, config, origins=trace.origins(config) if trace is not None else None)

    def _with_trace(
        self, choices: dict[str, str | None], layers: tuple[Layer, ...], places: Places
    ) -> tuple[DictConfig, Trace]:
        """The config of the layers, and where its values come from.

        A hundred sets differ in the last layer that speaks of some keys. What that comes to, the config shows: it is
        merged into nothing, and those beside it share the trace of all others.
        """
        composed = self._put_together(choices, layers) if self._in_parts else None
        last = _last_of_their_keys(layers) if composed is not None else ()
        if composed is not None and last:
            with contextlib.suppress(MergeError, Declined):  # of a key that one of the last ones gives
                shared = tuple(layer for place, layer in enumerate(layers) if place not in last)
                trace = self._traced(shared, places)[1].copy()
                whole = composed.config
                assert whole is not None
                for place in last:
                    layer = layers[place]
                    trace.merged(layer.source, nodes.split(layer.package), created(layer), whole)
                return whole, trace
        config, trace = self._traced(layers, places)
        return config, trace.copy()

    def _traced(self, layers: tuple[Layer, ...], places: Places) -> tuple[DictConfig, Trace]:
        """The config of the layers, and where its values come from: both are shared."""

        def made() -> tuple[DictConfig, Trace]:
            cut = _cut(layers)
            begun, known = self._traced(layers[:cut], places) if cut else (None, Trace(places))
            trace = known.copy()
            return merge(layers[cut:], trace, begun), trace

        return self._traces.get(layers, made)

    def _all(self, layers: Sequence[Layer], pieces: Sequence[_Piece]) -> DictConfig:
        """All layers merged. Raises MergeError or Declined."""
        if all(layer.text is not None for layer in layers):
            contents = [layer.nested for layer in layers]
            found = plain_part("", contents, contents)
            if found is not None:
                config = nodes.created(found.container)
                OmegaConf.set_struct(config, True)
                return config
            self._reads_nothing_of_hydra(pieces)
        return self._merge(tuple(layers))

    def _merge(self, layers: tuple[Layer, ...]) -> DictConfig:
        """The config of the layers; of a long line only what others do not begin with as well."""
        cut = _cut(layers)
        if not cut:
            return merge(layers)
        return merge(layers[cut:], begun=self._begun.get(layers[:cut], lambda: self._merge(layers[:cut])))

    # -- the parts of a config ---------------------------------------------------------------------------------------

    def _put_together(self, choices: dict[str, str | None], layers: tuple[Layer, ...]) -> Composition | None:
        """The config from what each of its keys is made of; None where only merging everything tells."""
        rest: list[Layer] = []
        slices: dict[str, list[Layer]] = {}
        order: dict[Any, None] = {}
        for layer in layers:
            if layer.rest is not None:
                if layer.stored is not None and slices:
                    return None  # a type for what is there already
                rest.append(layer.rest)
            order.update(dict.fromkeys(layer.keys if not layer.package else layer.slices))
            for key, part in layer.slices.items():
                slices.setdefault(key, []).append(part)
        if any(not slices.keys().isdisjoint(layer.data or ()) for layer in rest):
            return None  # a mapping here and a value there
        try:
            base = self._base(tuple(rest))
            if base is None:
                return None
            # Files set nothing beside the groups that has a say in one: only types do.
            typed = tuple(layer for layer in rest if layer.stored is not None)
            parts = {
                key: self._part(key, typed, base, tuple(own)) or self._told_by_others(key, base, own, layers)
                for key, own in slices.items()
            }
        except MergeError:  # which is not the first that Hydra meets, maybe
            return None
        known = {key: part for key, part in parts.items() if part is not None}
        if len(known) < len(parts):
            return None
        return PartsComposition(choices, base, known, self._outcomes, tuple(order))

    def _told_by_others(
        self, group: str, base: Part, own: Sequence[Layer], layers: tuple[Layer, ...]
    ) -> PlainPart | None:
        """The part, if all layers have values alone where interpolations in its `own` ones lead."""
        if not isinstance(base, PlainPart) or any(layer.text is None for layer in layers):
            return None

        def told() -> PlainPart | None:
            return plain_part(group, [layer.data or {} for layer in own], [layer.nested for layer in layers])

        return self._told.get((group, layers), told)

    def _base(self, rest: tuple[Layer, ...]) -> Part | None:
        """What stands at the root beside the parts, and their types; None where only merging everything tells."""

        def made() -> Part | None:
            try:
                return _shared("", rest) or self._laid_part("", (), rest) or self._merged_part("", (), rest)
            except (MergeError, Declined):
                return None

        return self._bases.get(rest, made)

    def _part(self, group: str, rest: tuple[Layer, ...], base: Part, layers: tuple[Layer, ...]) -> Part | None:
        """What the layers of a group make of it; None where only merging everything tells.

        Raises MergeError or Declined.
        """
        key = (group, rest, layers)
        if key not in self._light:
            part: Part | None = _shared(group, layers) if base.leaves_free(group) else None
            self._light[key] = part or self._laid_part(group, rest, layers)
        return self._light[key] or self._merged_part(group, rest, layers)

    def _laid_part(self, group: str, rest: tuple[Layer, ...], layers: tuple[Layer, ...]) -> LaidPart | None:
        """The part, if the last layers are plain values for fields that the others have."""
        own = layers[-1].data if layers else None
        if own is None:
            return None
        key = (group, rest, layers)
        if key not in self._laid:
            below = self._laid_part(group, rest, layers[:-1]) or self._merged_part(group, rest, layers[:-1])
            try:
                self._laid[key] = below.with_values(below.fields.take(own)) if below is not None else None
            except plain.NotPlain:
                self._laid[key] = None
        return self._laid[key]

    def _merged_part(self, group: str, rest: tuple[Layer, ...], layers: tuple[Layer, ...]) -> MergedPart | None:
        below = (*rest, *layers)

        def merged() -> MergedPart | None:
            if crossed(below):
                return None
            if not group:
                return MergedPart("", self._merge(below))
            node = nodes.child(self._merge(tuple(layer.only(group) for layer in below)), group)
            return MergedPart(group, node) if nodes.is_mapping(node) else None

        return self._heavy.get((group, below), merged)

    # -- what is merged ----------------------------------------------------------------------------------------------

    def _chosen(self, choices: Mapping[str, str | None]) -> list[_Piece]:
        """What the configs say that Hydra would merge, in its order. Raises Declined or TooFar."""
        name = self._experiment.config_name
        if not _is_supported(self._schema.version_base):
            raise Declined("version_base")
        if self._experiment.entry is None or not name:
            raise Declined("no entry point")
        if self._has_hydras_own or defaults.has_old_words(name):
            raise Declined("a primary config that Hydra tells itself")
        overrides: dict[str, str] = {}
        added: list[Entry] = []
        for key, option in choices.items():
            if option is None:
                continue
            group, _, package = key.removeprefix("+").partition("@")
            is_odd = (
                not defaults.OPTION.fullmatch(option)
                or option == "_self_"
                or ".." in group
                or defaults.has_old_words(group)
            )
            if is_odd or not self._group_exists(group):
                raise Declined(f"choice {key!r}")
            if key.startswith("+"):
                added.append(Entry(group, True, option, package if "@" in key else None))
            else:
                overrides[key] = option
        if added and "/" in name:
            raise Declined("an option added to a config in a folder")
        choosing = Choosing(self._find, self._known)
        listed = choosing.listed(name, overrides, added)
        configs = [one.config for one in listed if isinstance(one.config, _Read)]
        if any(one.stored is not None for one in configs) and any(one.has_inner_lists for one in configs):
            raise Declined("a block with a key called defaults")  # which Hydra takes away beside a dataclass
        if _reuses_nodes(listed):
            raise Declined("a config at the root, and once more")
        pieces = [self._piece(one, is_primary=one.config.path == name) for one in listed]
        self._is_fine_for_hydra(pieces, choosing.of_hydra)
        return pieces

    def _piece(self, listed: Listed, *, is_primary: bool) -> _Piece:
        key = (listed.config, listed.package)
        if key not in self._pieces:
            assert isinstance(listed.config, _Read)
            self._pieces[key] = _piece(listed.config, listed.package, is_primary=is_primary)
        return self._pieces[key]

    def _is_fine_for_hydra(self, pieces: Sequence[_Piece], choices: Mapping[str, Any]) -> None:
        """Nothing if Hydra takes what is meant for itself, else Declined."""
        settings = tuple(piece.mark for piece in pieces if piece.hydra)
        mark = (settings, tuple(sorted(choices.items(), key=str)))
        if mark in self._fine or mark in _fine_anywhere or (not settings and not choices):
            return
        contents = [piece.hydra for piece in pieces if piece.hydra]
        try:
            plain.merged(map(_without_texts, contents))
        except plain.NotPlain:
            raise Declined("settings of Hydra that are interpolations") from None
        is_plain = all(option in _PLAIN_CHOICES_OF_HYDRA.get(group, ()) for group, option in choices.items())
        if not (is_plain and all(map(_are_plain_settings, contents))):
            layers = [piece.layer for piece in pieces if piece.layer is not None]
            nested = [layer.nested for layer in layers if layer.text is not None]
            is_all = len(nested) == len(layers) and plain_part("", nested, nested) is not None
            raise _Unseen(mark, is_all=is_all, is_anywhere=is_plain)
        self._fine.add(mark)

    @staticmethod
    def _reads_nothing_of_hydra(pieces: Sequence[_Piece]) -> None:
        if any(piece.reads_hydra for piece in pieces):
            raise Declined("reads hydra's own config")

    # -- the configs -------------------------------------------------------------------------------------------------

    @cached_property
    def _folders(self) -> tuple[Path, ...]:
        """Where Hydra looks for configs, in its order: the config folder, then `hydra.searchpath`."""
        file = self._experiment.config_file
        document = self._documents.setdefault(file, Document(file)) if files.exists(file) else None
        if document is not None and document.error is not None:
            raise Declined(str(document.error))
        searchpath = nodes.within(document.data if document is not None else None, ("hydra", "searchpath"))
        if searchpath is None:
            return (self._experiment.config_dir,)
        if not isinstance(searchpath, list):
            raise Declined("hydra.searchpath")
        folders = [self._experiment.config_dir]
        start = search_path.base(self._experiment, self._root)  # once: it looks at each entry
        for entry in searchpath:
            scheme, _, path = search_path.written_out(str(entry)).rpartition("://")
            name = path.replace("/", ".").rstrip(".")
            if not isinstance(entry, str) or "${" in path or scheme not in ("", "file", "pkg"):
                raise Declined("hydra.searchpath")
            if scheme != "pkg":
                folders.append(start / path)
            elif name.partition(".")[0] == "hydra":
                raise Declined("a search path into Hydra")
            else:
                folders += islice(search_path.folders_of(name, self._experiment, self._root), 1)
        return tuple(folders)

    @cached_property
    def _has_hydras_own(self) -> bool:
        """Whether a folder has `hydra/config.yaml`, the name of what Hydra stores itself: some releases refuse it."""
        return any(files.exists(folder / "hydra" / "config.yaml") for folder in self._folders)

    @cached_property
    def _as_1_1(self) -> bool:
        """Whether Hydra keeps to the ways of 1.1, as it does where main names no version_base (hydra/version.py)."""
        return not installed.hydra_since_1_4() and self._schema.version_base in (UNSET, "1.1")

    def _group_exists(self, group: str) -> bool:
        if group not in self._groups:
            self._groups[group] = self._is_group(group)
        return self._groups[group]

    def _is_group(self, group: str) -> bool:
        places = [folder / group for folder in self._folders]
        given = {place for path in self._given for place in path.parents}
        return self._schema.stores_group(group) or any(place in given or files.is_folder(place) for place in places)

    def _find(self, path: str) -> _Read | None:
        """The config at a path such as `exp/001`; None for no config. Raises Declined."""
        if path not in self._configs:
            try:
                self._configs[path] = self._read(path)
            except Declined as declined:
                self._configs[path] = declined
            except SourceError as error:
                self._configs[path] = Declined(str(error))
        found = self._configs[path]
        if isinstance(found, Declined):
            raise found.with_traceback(None)
        return found

    def _read(self, path: str) -> _Read | None:
        name = path.removesuffix(".yaml")
        paths = (_upwards(folder / f"{name}.yaml") for folder in self._folders)
        file = next((path for path in paths if path in self._given or files.exists(path)), None)
        group, _, option = name.rpartition("/")
        stored = self._schema.registration(group, option)
        if file is None:
            return self._stored(path, stored) if stored is not None else None
        if stored is not None:
            raise Declined("a file with the name of a stored config")  # 1.3 merges both, 1.4 takes the file
        document = self._documents.get(file) or Document(file)
        if document.error is not None:
            raise document.error
        if document.is_deep:
            raise Declined("values in values, as deep as Python's recursion goes")
        elements = document.data if isinstance(document.data, list) else None
        content = {} if document.data is None or elements is not None else document.data
        if not isinstance(content, dict):
            raise Declined("no mapping")
        data = {key: value for key, value in content.items() if key != "defaults"}
        return _Read(
            path,
            defaults.header_package(document.header_lines, as_1_1=self._as_1_1),
            defaults.entries(content["defaults"], as_1_1=self._as_1_1) if "defaults" in content else (),
            Source(name, file),
            data=data,
            elements=elements,
            text=document.text if document.has_plain_values else None,
            reads_hydra="${" in document.text and _READS_HYDRA.search(document.text) is not None,
            has_inner_lists=document.text.count("defaults") > ("defaults" in content) and _has_inner_lists(data),
        )

    def _stored(self, path: str, registration: Any) -> _Read:
        try:
            content = self._schema.structured(registration)
        except Exception as error:
            raise Declined(f"cannot be stored: {error!r}") from error
        if not nodes.is_mapping(content):
            raise Declined("no mapping")
        listed: tuple[Entry, ...] = ()
        if "defaults" in content.__dict__["_content"]:
            content = copy.deepcopy(content)
            written = nodes.child(content, "defaults")
            if not nodes.is_list(written):
                raise Declined("defaults that are no list")
            listed = defaults.entries(OmegaConf.to_container(written, resolve=False), as_1_1=self._as_1_1)
            if nodes.is_structured(content):
                nodes.keep_list(content)
            else:
                nodes.take(content, "defaults")
        if nodes.is_frozen(content) and "/" not in path:
            raise Declined("a frozen root, which refuses hydra's settings too")
        written = [str(nodes.value(node)) for node in _interpolations(content)]
        header = [] if registration.package is None else [f"@package {registration.package}"]
        return _Read(
            path,
            defaults.header_package(header, as_1_1=self._as_1_1),
            listed,
            Source(path, registration=registration),
            stored=content,
            reads_hydra=any(map(_READS_HYDRA.search, written)),
        )


def _upwards(path: Path) -> Path:
    """A path without its `..`, for a file that is read under that name already. Raises Declined where links differ."""
    if ".." not in path.parts:
        return path
    plainly = Path(os.path.normpath(path))
    if files.real(plainly) != files.real(path):
        raise Declined("a way up through a link")
    return plainly


def _interpolations(stored: DictConfig) -> list[Any]:
    """The fields of a stored config that hold one, those in its defaults list left out."""
    has_list = nodes.keeps_list(stored)
    own = (item for item in nodes.children(stored) if not (has_list and item[0] == "defaults"))
    leaves = (node for key, below in own for _, node in nodes.leaves(below, str(key)))
    return [node for node in leaves if nodes.is_interpolation(node)]


def _cut(layers: Sequence[Layer]) -> int:
    """How many layers others may begin with as well; 0 where it is not worth while, or where the first are not done
    before the last.
    """
    if any(layer.has_list for layer in layers):
        return 0
    return max(len(layers) - 1, 0) // _STRIDE * _STRIDE


def _last_of_their_keys(layers: Sequence[Layer]) -> Sequence[int]:
    """The places of the layers of files that no other layer comes after at the keys at the root that they speak of."""
    found: list[int] = []
    spoken_of: set[Any] = set()
    for place, layer in reversed(list(enumerate(layers))):
        keys = [layer.package.partition(".")[0]] if layer.package else layer.keys
        if layer.stored is None and spoken_of.isdisjoint(keys):
            found.append(place)
        spoken_of.update(keys)
    return found[::-1]


def _shared(group: str, layers: Sequence[Layer]) -> PlainPart | None:
    """The part, if files without types alone have a say in it: many experiments may have such a part in common."""
    texts = tuple(layer.text for layer in layers if layer.text is not None)
    if len(texts) < len(layers):
        return None
    return _plain_parts.get((group, texts), lambda: plain_part(group, [layer.data or {} for layer in layers]))


def _piece(config: _Read, package: str, *, is_primary: bool) -> _Piece:
    if package.partition(".")[0] == "hydra":
        if config.stored is not None or config.elements is not None:
            raise Declined("a stored config for hydra, or a list")
        hydra: Any = config.data
        for step in reversed(package.split(".")[1:]):
            hydra = {step: hydra}
        return _Piece(None, *_of_hydra(hydra, config, is_primary))
    if config.stored is not None:
        if not package and "hydra" in config.stored.keys():  # noqa: SIM118 (a missing one is not `in` it)
            raise Declined("a stored config that touches hydra's own")
        reads_others = not all(map(nodes.has_one_type, _interpolations(config.stored)))
        has_list = nodes.keeps_list(config.stored)
        layer = Layer(package, config.source, config.stored, reads_others=reads_others, has_list=has_list)
        return _Piece(layer, reads_hydra=config.reads_hydra)
    if config.elements is not None:
        around, _, key = package.rpartition(".")
        if not key:
            raise Declined("a list at the root")
        text = None if config.text is None else f"{key}: {config.text}"
        layer = Layer(around, config.source, data={key: config.elements}, text=text)
        return _Piece(layer, reads_hydra=config.reads_hydra, is_list=True)
    data, own, mark, reads_hydra = config.data, None, "", config.reads_hydra
    if not package and "hydra" in data:
        own, mark = _of_hydra(data["hydra"], config, is_primary)
        data = {key: value for key, value in data.items() if key != "hydra"}
        reads_hydra = reads_hydra and _READS_HYDRA.search(repr(data)) is not None
    of_data = Layer(package, config.source, data=data, text=config.text) if data or package else None
    return _Piece(of_data, own, mark, reads_hydra)


def _of_hydra(content: Any, config: Config, is_primary: bool) -> tuple[dict[Any, Any], str]:
    """What is meant for Hydra itself, and all of it as text with its place.

    Raises Declined where it plays a part in composing.
    """
    if not isinstance(content, dict):
        raise Declined("hydra settings that are no mapping")
    if "aliases" in content or ("searchpath" in content and not is_primary):
        raise Declined("hydra.aliases or hydra.searchpath")
    job = content.get("job")
    if isinstance(job, dict):
        job = {key: value for key, value in job.items() if key not in ("name", "env_set")}
    read = repr([job, *(value for key, value in content.items() if key in _READ_BY_HYDRA)])
    if "${" in search_path.written_out(read):
        raise Declined("hydra settings that are interpolations")
    return content, f"{config.path}: {content!r}"


def _reuses_nodes(listed: Sequence[Listed]) -> bool:
    """Whether Hydra merges a config at the root, by moving its nodes there, and the same one once more: with the nodes
    come the values that they have been given meanwhile. Elsewhere it merges copies.
    """
    at_root: set[Config] = set()
    for one in listed:
        if one.config in at_root:
            return True
        if not one.package:
            at_root.add(one.config)
    return False


def _has_inner_lists(value: Any) -> bool:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any((isinstance(inner, dict) and "defaults" in inner) or _has_inner_lists(inner) for inner in below)


def _are_plain_settings(content: Mapping[Any, Any]) -> bool:
    for steps, value in _leaves(content):
        if steps[0] == "searchpath":
            continue
        allowed = _PLAIN_HYDRA_SETTINGS.get(".".join(map(str, steps)))
        if allowed is None or not isinstance(value, allowed):
            return False
    return True


def _without_texts(content: dict[Any, Any], steps: tuple[Any, ...] = ()) -> dict[Any, Any]:
    """Settings but for those that are text: whatever these refer to, it is no mapping for another to be merged into."""
    result = {}
    for key, value in content.items():
        if isinstance(value, dict):
            result[key] = _without_texts(value, (*steps, key))
        elif not (isinstance(value, str) and str in _PLAIN_HYDRA_SETTINGS.get(".".join(map(str, (*steps, key))), ())):
            result[key] = value
    return result


def _leaves(content: Mapping[Any, Any], steps: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*steps, key))
        else:
            yield (*steps, key), value


def _is_supported(version_base: Any) -> bool:
    """Whether Hydra knows this `version_base` (hydra/version.py: setbase).

    The older behaviours of Hydra 1.3 differ in forms that the fast path declines anyway.
    """
    if version_base in (None, UNSET, "1.3"):
        return True
    return version_base in ("1.1", "1.2") and not installed.hydra_since_1_4()
