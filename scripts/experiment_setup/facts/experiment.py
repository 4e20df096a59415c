"""An experiment with everything that rules ask about it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import DictConfig

from experiment_setup import files, nodes, uses
from experiment_setup.code.modules import Module
from experiment_setup.code.source import SourceFile, UnreadableSource, read_source
from experiment_setup.code.tree import last_name
from experiment_setup.composing.compose import Composer, Composition
from experiment_setup.facts import unlisted
from experiment_setup.facts.unlisted import ROOT_SETS, Unlisted
from experiment_setup.location import Location
from experiment_setup.nodes import Steps
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment, Project
from experiment_setup.reading import suppression
from experiment_setup.reading.source import Document
from experiment_setup.reading.suppression import Suppression
from experiment_setup.schema import ConfigClass, Problem, Registration, Schema
from experiment_setup.uses.records import ConfigPath, Reading

T = TypeVar("T")


def once(compute: Callable[[ExperimentContext], T]) -> Callable[[ExperimentContext], T]:
    """Make a fact of a function: it is computed once for an experiment, and only if somebody asks."""

    @wraps(compute)
    def fact(context: ExperimentContext) -> T:
        if compute not in context.facts:
            context.facts[compute] = compute(context)
        known: T = context.facts[compute]
        return known

    return fact


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

    def package(self, usual: tuple[str, ...]) -> tuple[str, ...]:
        """Where its content goes in the config: where its header says, else to the `usual` place."""
        named = (self.document.header or "").split()[-1:]
        if named in ([], ["_group_"]):
            return usual
        return () if named == ["_global_"] else tuple(named[0].split("."))

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


_SAYS = frozenset("print pprint debug info warning error exception critical log".split())


@dataclass
class ExperimentContext:
    """An experiment with everything the rules ask about it, computed once and only if asked for."""

    project: Project
    experiment: Experiment
    schema: Schema
    composer: Composer
    _compositions: dict[tuple[tuple[str, str], ...], Composition] = field(default_factory=dict)
    facts: dict[object, Any] = field(default_factory=dict)  # what `once` has computed

    @cached_property
    def primary(self) -> Document:
        """config.yaml (it may not exist)."""
        return Document(self.experiment.config_file)

    @cached_property
    def groups(self) -> dict[str, str | None]:
        """The groups of the primary defaults list, each with the option it names."""
        return self.composer.groups()

    @cached_property
    def options(self) -> dict[str, dict[str, Option]]:
        """Every file of every group folder, by group and name."""
        found = {*self.groups, SETS, ENVIRONMENTS}
        added = {known.group for known in self.unlisted if known.key != known.group}
        return {
            group: {
                name: Option(group, name, self.composer.document(path))
                for name, path in (self.experiment.options(group) if group not in added else {}).items()
            }
            for group in sorted(found)
        }

    @cached_property
    def unlisted(self) -> list[Unlisted]:
        """The options of the config folder that no defaults list comes to."""
        return unlisted.find(self.experiment, self.groups, self.composer.document)

    @property
    def other_primary_configs(self) -> list[Path]:
        """The configs beside the primary one that are run with `-cn`, and that no entry point names."""
        named = {experiment.config_file for experiment in self.project.experiments}
        found = unlisted.primary_configs(self.experiment, self.composer.document)
        return [path for path in found if path not in named]

    @cached_property
    def added(self) -> list[Option]:
        """The parameter sets among them: options that are added to a run, or that lie in folders of exp/ and env/.

        Those that only serve others as a base are composed with these.
        """
        found = [
            Option(known.group, name, self.composer.document(path), known.key)
            for known in self.unlisted
            if known.writes_the_config
            for name, path in known.options.items()
        ]
        bases = {(option.group, name) for option in found for name in option.document.parents}
        return [option for option in found if (option.group, option.name) not in bases]

    @cached_property
    def root_sets(self) -> list[Option]:
        """The parameter sets that are written from the root of the config: what a run is without one is no run yet."""
        found = [
            Option(placed.group, option.name, option.document, placed.key)
            for placed in self._choices
            if placed.group not in (SETS, ENVIRONMENTS)
            and (placed.option in (None, "???") or placed.group in ROOT_SETS)
            for option in self.options[placed.group].values()
            if option.package(placed.package) == ()
        ]
        return found + [option for option in self.added if option.key != option.group]

    @property
    def sets(self) -> dict[str, Option]:
        """The parameter sets."""
        return self.options[SETS]

    @property
    def environments(self) -> dict[str, Option]:
        """The environments that are files."""
        return self.options[ENVIRONMENTS]

    @cached_property
    def further_groups(self) -> list[str]:
        """The groups besides exp and env that config.yaml chooses from and that have a place of their own."""
        moved = {placed.group for placed in self.placed_groups}
        return [g for g in self.groups if g not in (SETS, ENVIRONMENTS) and g not in moved]

    @cached_property
    def placed_groups(self) -> list[Placed]:
        """The groups besides exp and env that config.yaml puts elsewhere than below their own name."""
        moved = {placed.group for placed in self._choices if placed.key != placed.group or "/" in placed.key}
        return [placed for placed in self._choices if placed.group in moved - {SETS, ENVIRONMENTS}]

    @cached_property
    def _choices(self) -> list[Placed]:
        """The groups that config.yaml chooses from, with their places."""
        entries = self.primary.data.get("defaults") if self.groups and isinstance(self.primary.data, dict) else None
        chosen = [item for entry in entries or () if isinstance(entry, dict) for item in entry.items()]
        return [_placed(str(key), option) for key, option in chosen if "override" not in str(key).split()]

    @cached_property
    def _group_of(self) -> dict[Path, str]:
        return {option.path: group for group, options in self.options.items() for option in options.values()}

    def group_of(self, path: Path) -> str | None:
        """The group that a file is an option of, or None."""
        return self._group_of.get(path)

    def all_options(self) -> Iterator[Option]:
        """The parameter sets, the environments, and the options of further groups."""
        for group in (SETS, ENVIRONMENTS, *self.further_groups):
            yield from self.options[group].values()

    def documents(self) -> Iterator[Document]:
        """The primary config, where there is one, and the file of every option."""
        if self.experiment.config_file.is_file():
            yield self.primary
        yield from (option.document for options in self.options.values() for option in options.values())
        yield from (option.document for option in self.added)

    @cached_property
    def files(self) -> list[Path]:
        """What this experiment is made of: its primary config, its options and the modules it is read from."""
        options = [option.path for options in self.options.values() for option in options.values()]
        options += [option.path for option in self.added]
        return [self.experiment.config_file, *options, *self.schema.modules]

    @cached_property
    def suppressions(self) -> dict[Path, list[Suppression]]:
        """The `# noqa` comments of `files`, with an entry for every file."""
        known = {option.path: option.document for options in self.options.values() for option in options.values()}
        texts = {path: known[path].text_or_empty if path in known else suppression.read(path) for path in self.files}
        return {path: list(suppression.parse(path, text)) for path, text in texts.items()}

    def files_of(self, choices: Mapping[str, str | None]) -> Iterator[Path]:
        """config.yaml, and the files of these options (None: the group's default) with all that they inherit from."""
        yield self.experiment.config_file
        places = {placed.key: placed for placed in self.placed_groups}
        for group, chosen in choices.items():
            placed = places.get(group)
            known, seen = self.options.get(placed.group if placed else group, {}), set[str]()
            waiting = [chosen or (placed.option if placed else self.groups.get(group)) or ""]
            while waiting:
                name = waiting.pop()
                if name in known and name not in seen:
                    seen.add(name)
                    yield known[name].path
                    waiting += known[name].document.parents

    def is_stored_by_a_function(self, config: str) -> bool:
        """Whether some function of the code stores a config of this name, for a compose of its own."""
        name = re.escape(config.rpartition("/")[2])
        return re.search(r"\bcompose\(", self.code) is not None and (
            re.search(rf"\bstore\([^()]*[\"']{name}[\"']", self.code) is not None
        )

    @property
    def unread_registrations(self) -> list[Problem]:
        """What is stored in the ConfigStore without our knowing it, so that what is not found may well be there."""
        problems = [problem for problem in self.schema.problems if problem.code == "unread-registration"]
        return [] if self.composer.runs_the_code else problems

    def registration(self, group: str) -> Registration | None:
        """The dataclass that is the group's default, if there is one."""
        default = self.groups.get(group)
        found = self.schema.registration(group, default) if default else None
        return found or self.schema.registration(group, "default")

    def config_class(self, group: str) -> ConfigClass | None:
        """The dataclass behind `registration`."""
        registration = self.registration(group)
        return registration.config_class if registration else None

    def composition(self, parameter_set: str | None = None, environment: str | None = None) -> Composition:
        """What Hydra composes for `exp=… env=…`; None leaves the group at its default."""
        return self.composed_with({SETS: parameter_set, ENVIRONMENTS: environment})

    def composed_with(self, chosen: Mapping[str, str | None]) -> Composition:
        """What Hydra composes with these options; None leaves a group at its default."""
        return self._composition({group: name for group, name in chosen.items() if name is not None})

    def choosing(self, group: str, option: str) -> Composition:
        """What Hydra composes for `GROUP=OPTION`, the other groups at their defaults."""
        return self._composition({group: option})

    def _composition(self, chosen: dict[str, str]) -> Composition:
        """With choices, a group that must be chosen for every run (`- env: ???`) gets its first option."""
        if chosen:
            first = {
                placed.key: next(iter(self.options[placed.group]), None)
                for placed in self._choices
                if placed.option == "???" and placed.key not in chosen
            }
            chosen = {**{key: option for key, option in first.items() if option is not None}, **chosen}
        key = tuple(sorted(chosen.items()))
        if key not in self._compositions:
            self._compositions[key] = self.composer.compose(chosen)
        return self._compositions[key]

    @cached_property
    def _some(self) -> tuple[Path, DictConfig | None]:
        default = self.composition().config
        if default is not None:
            return self.experiment.config_file, default
        others = ((option.path, self.composed(option).config) for option in self.all_options())
        return next(((path, config) for path, config in others if config is not None), (Path(), None))

    @property
    def some_config(self) -> DictConfig | None:
        """A config that composes: the default one, or that of the first option that does."""
        return self._some[1]

    @property
    def some_file(self) -> Path:
        """The file whose config `some_config` is: what is said of that is worth no more than its defaults list."""
        return self._some[0]

    def composed(self, option: Option) -> Composition:
        """What Hydra composes with this option, the other groups at their defaults."""
        return self.choosing(option.key, option.name)

    @cached_property
    def crosses(self) -> bool:
        """Whether a parameter set can break in one environment only: an interpolation stands somewhere."""
        texts = [option.document.text_or_empty for option in self.all_options()]
        if self.experiment.config_file.is_file():
            texts.append(self.primary.text_or_empty)
        if any("${" in text for text in texts):
            return True
        config = self.composition().config
        return config is not None and "${" in str(config)

    @cached_property
    def combinations(self) -> list[tuple[str | None, str | None]]:
        """Every (parameter set, environment) to look at; None is the group's default.

        All of them where an interpolation can cross, else each set and each environment once.
        """
        sets: list[str | None] = [None, *self.sets]
        environments: list[str | None] = [None, *self.environments]
        if self.crosses:
            return [(s, e) for s in sets for e in environments]
        return [(s, None) for s in sets] + [(None, e) for e in self.environments]

    @cached_property
    def code(self) -> str:
        """The text of the entry point and of the project's modules that it imports."""
        return "\n".join(suppression.read(module) for module in self.schema.modules)

    @cached_property
    def source(self) -> SourceFile | None:
        """The entry point's text and syntax tree, or None where it does not compile."""
        if self.experiment.entry is None:
            return None
        try:
            return read_source(self.experiment.entry)
        except UnreadableSource:
            return None

    @cached_property
    def acting_code(self) -> str:
        """The code without what the entry point only prints or logs."""
        source, text = self.source, self.code
        for node in source.nodes(ast.Expr) if source else ():
            if source and isinstance(node.value, ast.Call) and last_name(node.value.func) in _SAYS:
                text = text.replace(source.segment(node), "pass")
        return text

    @cached_property
    def reading(self) -> Reading:
        """What the code reads of the config."""
        classes: dict[tuple[Path, str], ConfigPath] = {}
        waiting: list[tuple[ConfigClass | None, ConfigPath]] = [(self.config_class(g), (g,)) for g in self.groups]
        while waiting:
            found, path = waiting.pop(0)
            if found is None or (found.location.path, found.name) in classes:
                continue
            classes[found.location.path, found.name] = path
            waiting += [(self.schema.classes.get(f.annotation), (*path, f.name)) for f in found.fields]
        return uses.read(self.schema, classes)

    @cached_property
    def modules(self) -> Sequence[Module]:
        """The entry point and the project's modules that its code comes to."""
        return self.reading.modules

    @cached_property
    def custom_resolvers(self) -> frozenset[str]:
        """Names of the resolvers that the entry point or its modules register: they exist only when it runs."""
        names: set[str] = set()
        for module in self.schema.modules:
            text = files.read_loosely(module)
            names.update(re.findall(r"register_(?:new_)?resolver\(\s*(?:name\s*=\s*)?[\"']([\w.]+)[\"']", text))
        return frozenset(names)

    def written_at(self, key: str, parameter_set: str | None, environment: str | None) -> Location:
        """Where the value of a dotted key comes from: the file that sets it, its parent, or the dataclass."""
        return self.written_with(key, {SETS: parameter_set, ENVIRONMENTS: environment})

    def written_with(self, key: str, choices: Mapping[str, str | None]) -> Location:
        """The same with these options."""
        steps = nodes.split(key)
        group, inner = str(steps[0]), steps[1:]
        for option, package in self._chosen(choices):
            if steps[: len(package)] == package:
                found_at = self._written_in(option, steps[len(package) :])
                if found_at:
                    return found_at
        if self.experiment.config_file.is_file() and self.primary.has([group, *inner]):
            return self.primary.value([group, *inner])
        found = self.config_class(group)
        declared = next((f for f in found.fields if inner and f.name == inner[0]), None) if found else None
        return (declared.value_location or declared.location) if declared else Location(self.experiment.config_file)

    def _chosen(self, choices: Mapping[str, str | None]) -> Iterator[tuple[Option, tuple[str, ...]]]:
        """The options that are chosen, each with its place in the config; those that nobody lists come first."""
        yield from (
            (option, option.package((option.group,))) for option in self.added if choices.get(option.key) == option.name
        )
        for placed in self._choices:
            option = self.options.get(placed.group, {}).get(choices.get(placed.key) or placed.option or "")
            if option is not None:
                yield option, option.package(placed.package)

    def _written_in(self, option: Option, inner: Steps) -> Location | None:
        """Where an option, or one that it inherits from, has a value; None where they have none."""
        known, seen = self.options.get(option.group, {}), set[str]()
        waiting = [option]
        while waiting:
            option = waiting.pop()
            if option.name not in seen:
                seen.add(option.name)
                if option.document.has(inner):
                    return option.document.value(inner)
                waiting += [known[name] for name in option.document.parents if name in known]
        return None

    def composed_parents(self, option: Option) -> dict[str, Any]:
        """The composed values of the first option that this one inherits from; {} where there is none."""
        named = option.document.parents
        above = self.choosing(option.group, named[0]).container.get(option.group) if named else None
        return above if isinstance(above, dict) else {}

    def composed_group(self, option: Option) -> DictConfig | None:
        """The composed values of one option, or None where it does not compose."""
        node = nodes.child(self.composed(option).config, option.group)
        return node if nodes.is_mapping(node) else None

    def relative(self, path: Path) -> str:
        """A path as messages show it."""
        return self.project.relative(path)


def _placed(key: str, option: Any) -> Placed:
    """An entry of the defaults list as Hydra's overrides name it (defaults_tree.py: get_override_key)."""
    group, _, package = key.split()[-1].lstrip("/").partition("@")
    own = group.replace("/", ".")
    package = {"": own, "_group_": own, "_here_": "_global_"}.get(package, package)
    steps = () if package == "_global_" else tuple(package.split("."))
    chosen = None if option is None else str(option)
    return Placed(group if package == own else f"{group}@{package}", group, steps, chosen)
