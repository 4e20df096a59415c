"""The options of an experiment's config groups: what there is to choose from, and where each stands."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property, partial
from itertools import chain, islice, product
from pathlib import Path
from typing import Any

from experiment_setup import files, nodes
from experiment_setup.composing.compose import Composer
from experiment_setup.composing.refusals import NotOverridable
from experiment_setup.facts import guides, loaded_files, unlisted
from experiment_setup.facts.unlisted import CHOSEN_FROM_THE_ROOT, HAS_A_LIST, ROOT_SETS, Unlisted
from experiment_setup.latest import Latest
from experiment_setup.light import dataclass
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment, Project, texts_with
from experiment_setup.reading.config_folder import ConfigFolder
from experiment_setup.reading.source import Document
from experiment_setup.schema import ConfigClass, Opaque, Registration, Schema

_TRIED = 5  # of the options of a folder, to see whether they compose


@dataclass(frozen=True)
class Option:
    """An option of a config group that is a file."""

    group: str
    name: str
    document: Document
    chosen_by: str | None = None  # what is typed before `=`, where that is not the group: `+experiment`

    @property
    def key(self) -> str:
        """What chooses it on the command line."""
        return self.chosen_by or self.group

    @property
    def path(self) -> Path:
        """The file."""
        return self.document.path

    def package(self, usual: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Where its content goes in the config: where its header says, else to the `usual` place, that of its group."""
        named = self.document.package
        if usual is None:
            _, at, place = self.key.partition("@")
            usual = nodes.in_package(place) if at else tuple(self.group.split("/"))
        return usual if named in (None, "_group_") else nodes.in_package(named)

    @property
    def config_path(self) -> str:
        """As Hydra names it, such as `exp/001`."""
        return f"{self.group}/{self.name}"


@dataclass(frozen=True)
class Placed:
    """A group of config.yaml that has a place of its own in the config: `model@exp.model`, or `db/engine`."""

    key: str  # as a choice names it on the command line
    group: str
    package: tuple[str, ...]
    option: str | None  # what config.yaml names

    @property
    def is_typed(self) -> bool:
        """Whether the command line takes its key: one with dots for folders (`../llm`, `.@paths`) it does not."""
        return {".", ".."}.isdisjoint(self.key.partition("@")[0].split("/"))


@dataclass
class Options:
    """The groups of an experiment with their options, files and stored ones, read only if asked for."""

    project: Project
    experiment: Experiment
    schema: Schema
    _composer: Composer
    _lineages: Latest[tuple[Path, Path], list[Document]] = field(default_factory=partial(Latest, 100))
    _of_group: dict[str, list[Option]] = field(default_factory=dict)  # every rule goes through all of them

    @cached_property
    def primary(self) -> Document:
        """config.yaml (it may not exist)."""
        return self._composer.document(self.experiment.config_file)

    @cached_property
    def has_primary(self) -> bool:
        """Whether config.yaml is a file."""
        return self.experiment.has_config

    @cached_property
    def groups(self) -> dict[str, str | None]:
        """The groups of the primary defaults list and of the configs that it includes, with the options they name."""
        found = self._composer.groups()
        for document in self.included:
            found = {**listed(document), **found}
        chosen = listed(self.primary, overriding=True) if found else {}
        return {group: chosen.get(group, option) for group, option in found.items()}

    @cached_property
    def included(self) -> Sequence[Document]:
        """The configs that the primary one includes, as `- base` beside it: what they choose, it chooses."""
        own = self.experiment.config_file
        return list(self._with_parents(own, own.parent))[1:] if self.has_primary else ()

    @cached_property
    def primary_lineage(self) -> Sequence[Document]:
        """The primary config, where there is one, with those that it includes, nearest first."""
        return (self.primary, *self.included) if self.has_primary else ()

    def lineage(self, option: Option) -> Sequence[Document]:
        """The file of an option with those that it inherits from, nearest first: each that is there, once."""
        group = self.experiment.group_dir(option.group)
        return self._lineages.get((option.path, group), lambda: list(self._with_parents(option.path, group)))

    def _with_parents(self, path: Path, group: Path) -> Iterator[Document]:
        """As Hydra looks for them: `- sub/base` in `exp/sub/001.yaml` counts from the folder of the group that was
        chosen from, `exp` or `exp/sub`, and from the config folder with a slash in front, as in a folder's `- /base`.
        """
        waiting, seen = deque([path]), set[Path]()
        while waiting:
            file = waiting.popleft()
            if file in seen:
                continue
            seen.add(file)
            document = self._composer.document(file)
            yield document
            for name in document.parents:
                beside = (group, file.parent) if file == path else (file.parent,)
                folders = (self.experiment.config_dir,) if name.startswith("/") else beside
                places = (folder / f"{name.lstrip('/')}.yaml" for folder in folders)
                waiting.extend(islice(filter(files.is_file, places), 1))

    @cached_property
    def siblings(self) -> list[Document]:
        """The files beside the primary config: some are run with `-cn`, and have other keys."""
        folder, own = self._composer.folder, self.experiment.config_file
        return [folder.read(path) for path in folder.beside() if path != own]

    def is_of_a_sibling(self, group: str) -> bool:
        """Whether another primary config of the folder lists a group, and this one does not."""
        if group in self.groups:
            return False
        own = self.has_primary and group in listed(self.primary)
        return self._composer.folder.once(_listed_beside)[group] > own

    def meant_for(self, option: Option, group: str) -> str | None:
        """The name of another primary config of the folder that lists the group of an option and all groups that the
        option chooses again, but not `group`, so that the option can add it there.
        """
        again = {name.lstrip("/") for name in listed(option.document, overriding=True) if not name.startswith("hydra")}
        for sibling in self.siblings:
            known = listed(sibling)
            if option.group in known and group not in known and again <= known.keys():
                return sibling.path.name
        return None

    def is_chosen_by_options(self, group: str) -> bool:
        """Whether options choose from a group (`/env: base` in exp/walk.yaml), and the primary config does not."""
        return group not in self.groups and unlisted.is_chosen(self._composer.folder, group)

    def is_for_others(self, group: str) -> bool:
        """Whether a folder called as a group usually is holds no options of this config: another one lists the group,
        options choose from it, or the code loads its files by their paths.
        """
        if group in self.groups:
            return False
        return self.is_of_a_sibling(group) or self.is_chosen_by_options(group) or group in self.loaded_by_path

    @cached_property
    def loaded_by_path(self) -> Mapping[str, Sequence[Document]]:
        """The files of exp and env that the code loads by their paths, so that they are no options."""
        folders = loaded_files.folders(self.project, self.experiment, self.schema, self.primary)
        return {name: list(map(self._composer.document, paths)) for name, paths in folders if name not in self.groups}

    @property
    def is_run_by_name(self) -> bool:
        """Whether the primary config is another than main() names, so that `-cn NAME` chooses it as a whole."""
        main = self.schema.main
        if main is None or isinstance(main.config_name, Opaque):
            return False
        return str(main.config_name or "").removesuffix(".yaml") != self.experiment.config_name

    @property
    def by_name(self) -> str:
        """How the primary config is chosen for a run: `-cn NAME`, or "" for the one that main() names."""
        return f"-cn {self.experiment.config_name}" if self.is_run_by_name else ""

    @property
    def names_no_config(self) -> bool:
        """Whether main() leaves it to every run to name the primary config."""
        return self.schema.main is not None and not self.schema.main.config_name

    @property
    def is_a_variant(self) -> bool:
        """Whether the primary config is run by its name and includes another, or chooses the same: the options are
        looked at with that.
        """
        return self.is_run_by_name and (bool(self.included) or self.experiment.config_file in self._whole)

    @cached_property
    def by_group(self) -> dict[str, dict[str, Option]]:
        """Every file of every group folder, by group and name."""
        usual = (group for group in (SETS, ENVIRONMENTS) if not self.is_for_others(group))
        found = {*self.groups, *usual}
        added = {known.group for known in self.unlisted if known.key.startswith("+")}
        folder = self._composer.folder
        return {
            group: {
                name: Option(group, name, self._composer.document(path))
                for name, path in (self.experiment.options(group) if group in found - added else {}).items()
                if group in self.groups or not unlisted.includes_a_primary(folder, path)
            }
            for group in sorted(found | {SETS, ENVIRONMENTS})
        }

    @cached_property
    def unlisted(self) -> list[Unlisted]:
        """The options of the config folder that no defaults list comes to; with `config_path=None`, Hydra looks into
        none but what a run names.
        """
        if self.schema.main is not None and self.schema.main.config_path is None and not self.has_primary:
            return []
        found = unlisted.find(self.experiment, self.groups, self._composer.folder, self._whole)
        if "/" in self.experiment.config_name:  # the other folders hold primary configs as well
            return [self._as_taken(replace(known, writes_the_config=False)) for known in found]
        # `data@train: sub/001` is chosen with its package: `data=sub/002` is an override of nothing.
        keys = {placed.key for placed in self.choices}
        packaged = {placed.group for placed in self.choices if placed.key != placed.group} - keys
        in_code = self._groups_in_code()
        apart = [one for known in found for one in unlisted.apart(known, in_code)]
        return [replace(one, writes_the_config=False) if one.key in packaged else self._as_taken(one) for one in apart]

    def _as_taken(self, known: Unlisted) -> Unlisted:
        """The same as Hydra takes one of the options in place of another: `dataset=symbolic/mastermind` where the list
        has `dataset: null`, `encoder@model.encoder=large` where the option of another group chooses `/encoder: small`.
        """
        if known.writes_the_config or known.key.startswith("+") or len(known.options) > unlisted.MOST:
            return known
        if any("/" in name for name in known.options) and self.experiment.options(known.group):
            return known  # a folder beside options is a group of its own: `model/sampler` beside model/large.yaml
        open_choices = [placed.key for placed in self.choices if placed.option == "???" and placed.key != known.key]
        beside: list[dict[str, str]] = [{}]
        if open_choices:
            first = {key: next(iter(self.experiment.options(key)), "") for key in open_choices[1:]}
            beside = [{**first, open_choices[0]: name} for name in self.experiment.options(open_choices[0])]
        for name, chosen in product(islice(known.options, _TRIED), beside[:_TRIED]):
            key, failure = known.key, self._composer.compose({**chosen, known.key: name}).failure
            if failure is not None and isinstance(failure.refusal, NotOverridable) and failure.refusal.instead:
                key = failure.refusal.instead
                failure = self._composer.compose({**chosen, key: name}).failure
            if failure is None:
                return replace(known, key=key, writes_the_config=True)
        return known

    @cached_property
    def _whole(self) -> frozenset[Path]:
        return whole_configs(self.project, self.experiment, self._composer.folder)

    def _groups_in_code(self) -> set[str]:
        """The groups that the defaults list of a stored config chooses from: the primary one, or what that includes."""
        above = [name for document in (self.primary, *self.included) for name in document.parents]
        stored = above if self.has_primary else [self.experiment.config_name]
        return {group for name in stored for group in self._composer.groups_of_stored(name)}

    @cached_property
    def unreadable(self) -> list[Document]:
        """The files that Hydra cannot read: of options, and those that defaults lists of the config folder name."""
        folder = self._composer.folder
        read = {document.path: document for document in self.documents()}
        named = (path for path in unlisted.named_files(folder) if path not in read)
        return [document for document in (*read.values(), *map(folder.read, named)) if document.error is not None]

    @property
    def left_out(self) -> list[Unlisted]:
        """Those of them that nothing is known to choose: they are not composed. A whole config of a folder leaves them
        to the one that chooses the same.
        """
        if self.experiment.config_file in self._whole:
            return []
        return [known for known in self.unlisted if not known.writes_the_config]

    @cached_property
    def added(self) -> list[Option]:
        """The parameter sets among them: options that are added to a run, or that lie in folders of exp/ and env/.

        Those that only serve others as a base are composed with these.
        """
        found = [option for options in self._added.values() for option in options.values()]
        bases = {(option.group, name) for option in found for name in option.document.parents}
        return [option for option in found if (option.group, option.name) not in bases]

    @property
    def added_sets(self) -> list[Option]:
        """Those of them that are sets of parameters, not options of any group."""
        sets = {*ROOT_SETS, SETS, ENVIRONMENTS}
        return [option for option in self.added if option.key.startswith("+") or option.group in sets]

    @cached_property
    def _added(self) -> dict[str, dict[str, Option]]:
        """All that writes the config, by what chooses it and its name."""
        found: dict[str, dict[str, Option]] = {}
        for known in self.unlisted if not self.is_a_variant else ():
            for name, path in known.options.items() if known.writes_the_config else ():
                option = Option(known.group, name, self._composer.document(path), known.key)
                found.setdefault(known.key, {})[name] = option
        return found

    @cached_property
    def root_sets(self) -> list[Option]:
        """The parameter sets that are written from the root of the config: what a run is without one is no run yet."""
        found = [
            Option(placed.group, option.name, option.document, placed.key)
            for placed in self.choices
            if placed.group not in (SETS, ENVIRONMENTS)
            and (placed.option in (None, "???") or placed.group in ROOT_SETS)
            for option in self.by_group[placed.group].values()
            if option.package(placed.package) == ()
        ]
        return found + [option for option in self.added if option.key.startswith("+")]

    @property
    def sets(self) -> dict[str, Option]:
        """The parameter sets."""
        return self.by_group[SETS]

    @property
    def environments(self) -> dict[str, Option]:
        """The environments that are files."""
        return self.by_group[ENVIRONMENTS]

    @cached_property
    def further_groups(self) -> list[str]:
        """The groups besides exp and env that config.yaml chooses from and that have a place of their own."""
        moved = {placed.group for placed in self.placed}
        return [g for g in self.groups if g not in (SETS, ENVIRONMENTS) and g not in moved]

    @cached_property
    def placed(self) -> list[Placed]:
        """The groups besides exp and env that config.yaml puts elsewhere than below their own name."""
        moved = {placed.group for placed in self.choices if placed.key != placed.group or "/" in placed.key}
        return [placed for placed in self.choices if placed.group in moved - {SETS, ENVIRONMENTS}]

    @cached_property
    def choices(self) -> list[Placed]:
        """The groups that config.yaml chooses from, with their places."""
        entries = self.primary.data.get("defaults") if self.groups and isinstance(self.primary.data, dict) else None
        chosen = [item for entry in entries or () if isinstance(entry, dict) for item in entry.items()]
        folder = nodes.names(self.experiment.config_name.rpartition("/")[0].replace("/", "."))
        own = Option("", self.experiment.config_name, self.primary).package(folder)
        placed = (_placed(str(key), option, own) for key, option in chosen if "override" not in str(key).split())
        return [one for one in placed if one.group in self.groups]  # not of an entry that is none

    @cached_property
    def _group_of(self) -> dict[Path, str]:
        return {option.path: group for group, options in self.by_group.items() for option in options.values()}

    def group_of(self, path: Path) -> str | None:
        """The group that a file is an option of, or None."""
        return self._group_of.get(path)

    def all(self) -> Iterator[Option]:
        """The parameter sets, the environments, and the options of further groups."""
        if self.is_a_variant:
            return
        for group in (SETS, ENVIRONMENTS, *self.further_groups):
            yield from self.of_group(group)

    def of_group(self, group: str) -> Sequence[Option]:
        """The options of a group, but for those that another entry point composes as its primary config, or that are
        run with it by their name: they have settings of Hydra, and lie in its config folder.
        """
        if group not in self._of_group:
            options, named = self.by_group[group].values(), self.groups.get(group)
            self._of_group[group] = [option for option in options if option.name == named or self._is_chosen(option)]
        return self._of_group[group]

    def _is_chosen(self, option: Option) -> bool:
        if option.path in self.project.primary_configs:
            return False
        return not (unlisted.has_own_settings(option.document) and self.project.entries_of(option.path.parent))

    def documents(self) -> Iterator[Document]:
        """The primary config, where there is one, those that it includes, and the file of every option, each once."""
        options = (option for options in self.by_group.values() for option in options.values())
        files = (*self.primary_lineage, *(option.document for option in (*options, *self.added)))
        return iter({document.path: document for document in files}.values())

    def of_the_folder(self) -> Iterator[Document]:
        """Every file of the config folder, chosen from or not."""
        folder = self._composer.folder
        return map(folder.read, folder.yaml_files(folder.path))

    def files_of(self, choices: Mapping[str, str | None]) -> Iterator[Path]:
        """config.yaml, and the files of these options (None: the group's default) with all that they inherit from."""
        yield self.experiment.config_file
        places = {placed.key: placed for placed in self.placed}
        for group, chosen in choices.items():
            placed = places.get(group)
            name = chosen or (placed.option if placed else self.groups.get(group)) or ""
            option = self.by_group.get(placed.group if placed else group, {}).get(name)
            option = option or self._added.get(group, {}).get(name)
            if option is not None:
                yield from (document.path for document in self.lineage(option))

    def chosen_again(self, choices: Mapping[str, str | None]) -> Iterator[tuple[str, str | None]]:
        """What these options, and those that they inherit from, choose again: `override /model: small`."""
        for path in self.files_of(choices):
            if path != self.experiment.config_file:
                yield from listed(self._composer.document(path), overriding=True).items()

    def is_group(self, group: str) -> bool:
        """Whether there is a group to choose from: a folder of the config folder, or what the code stores."""
        return files.is_folder(self.experiment.group_dir(group)) or self.schema.stores_group(group)

    def registration(self, group: str) -> Registration | None:
        """The dataclass that is the group's default, if there is one."""
        default = self.groups.get(group)
        found = self.schema.registration(group, default) if default else None
        return found or self.schema.registration(group, "default")

    def config_class(self, group: str) -> ConfigClass | None:
        """The dataclass behind `registration`."""
        registration = self.registration(group)
        return registration.config_class if registration else None


def listed(document: Document, *, overriding: bool = False) -> dict[str, str | None]:
    """The groups that a defaults list chooses from, or (`overriding`) those that it chooses again."""
    data = document.data if document.error is None else None
    entries = data.get("defaults") if isinstance(data, dict) else None
    entries = entries if isinstance(entries, list) else []
    chosen = [item for entry in entries if isinstance(entry, dict) and len(entry) == 1 for item in entry.items()]
    return {
        str(key).split()[-1].split("@")[0].lstrip("/"): _name(option)
        for key, option in chosen
        if str(key).split() and ("override" in str(key).split()) is overriding
    }


def whole_configs(project: Project, experiment: Experiment, folder: ConfigFolder) -> frozenset[Path]:
    """The files of groups that nobody adds to a run, all of which are written from the root and choose whatever a
    primary config chooses, each by its whole path (`- /model: big`): beside that one they would choose all twice, so
    they are run by their names, as it is.
    """
    named = project.primary_configs_in.get(folder.path, [])
    primary = [{g for g, option in listed(folder.read(path)).items() if option is not None} for path in named]
    needed = [chosen for groups in primary if (chosen := {g for g in groups if not g.startswith("hydra/")})]
    found: set[Path] = set()
    for group in folder.groups() if needed else ():
        if group.name in {*ROOT_SETS, SETS, ENVIRONMENTS}.union(*needed):
            continue  # what lies there is meant to be added, or is chosen
        paths = [path for path in folder.yaml_files(group) if HAS_A_LIST.search(folder.read(path).text_or_empty)]
        are_whole = bool(paths) and all(_is_whole(folder.read(path), needed) for path in paths)
        if are_whole and not _is_added(project, experiment, folder, group.name):
            found.update(paths)
    return frozenset(found)


def _is_whole(document: Document, needed: Sequence[Collection[str]]) -> bool:
    if document.header is None or document.package != nodes.GLOBAL:
        return False
    chosen = set(CHOSEN_FROM_THE_ROOT.findall(document.text_or_empty))
    return any(chosen.issuperset(groups) for groups in needed)


def _is_added(project: Project, experiment: Experiment, folder: ConfigFolder, group: str) -> bool:
    """Whether a guide, a script or a config types `+group=option`, or some folder of the group."""
    added = re.compile(rf"\+{re.escape(group)}(?:[/@][\w./@-]*)?[\"']?\s*[=:,]")
    texts = chain(
        guides.read(project, experiment.entry, with_dotenv=False).values(),
        (folder.read(path).text_or_empty for path in folder.yaml_files(folder.path)),
        texts_with(project.root, f"+{group}".encode()),
    )
    return any(map(added.search, texts))


def _listed_beside(folder: ConfigFolder) -> Counter[str]:
    """How many of the configs that lie beside each other choose from a group."""
    return Counter(group for path in folder.beside() for group in listed(folder.read(path)))


def packages(document: Document) -> set[str]:
    """The places at the root of the config that a defaults list gives its groups, as `llm@judge: small` does."""
    data = document.data if document.error is None else None
    entries = data.get("defaults") if isinstance(data, dict) else None
    keys = [str(key) for entry in entries or () if isinstance(entry, dict) for key in entry]
    return {key.partition("@")[2].partition(".")[0] for key in keys if "@" in key}


def _placed(key: str, option: Any, above: tuple[str, ...]) -> Placed:
    """An entry of the defaults list of a config that goes to the place `above`, as Hydra's overrides name it
    (defaults_tree.py: get_override_key).
    """
    group, _, package = key.split()[-1].lstrip("/").partition("@")
    own = nodes.names(group.replace("/", "."))
    below = {"": own, "_group_": own, "_here_": ()}.get(package, nodes.names(package))
    steps = nodes.in_package(package) if package.partition(".")[0] == nodes.GLOBAL else (*above, *below)
    return Placed(group if steps == own else f"{group}@{'.'.join(steps) or nodes.GLOBAL}", group, steps, _name(option))


def _name(option: Any) -> str | None:
    """What a defaults list chooses, by its name: `db: small.yaml` is `db: small` to Hydra."""
    return None if option is None else str(option).removesuffix(".yaml")
