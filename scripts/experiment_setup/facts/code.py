"""An experiment's code: the entry point, the modules of the project that it imports, and what reads the config."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TypeGuard

from experiment_setup import git, nodes, schema, uses
from experiment_setup.code.modules import Defined, Module
from experiment_setup.code.source import SourceFile, UnreadableSource, read_source
from experiment_setup.code.tree import Function, dotted, last_name, parameters, walk
from experiment_setup.composing import search_path
from experiment_setup.composing.compose import Composer
from experiment_setup.composing.refusals import NotFound
from experiment_setup.facts import resolvers
from experiment_setup.facts.options import Options
from experiment_setup.facts.resolvers import Registered
from experiment_setup.latest import Latest
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location
from experiment_setup.project import scripts_with
from experiment_setup.reading import suppression
from experiment_setup.schema import ConfigClass, Problem, Schema
from experiment_setup.uses.records import ELEMENT, ConfigPath, Part, Reading

_SAYS = frozenset("print pprint debug info warning error exception critical log".split())


def _merges_loaded(function: Function) -> bool:
    given = {parameter.arg for parameter in parameters(function)}
    loaded = {
        name
        for node in walk(function)
        if isinstance(node, ast.Assign) and _calls(node.value, "OmegaConf.load")
        for name in map(last_name, node.targets)
    }
    for node in walk(function) if loaded else ():
        if _calls(node, "OmegaConf.merge"):
            names = {argument.id for argument in node.args if isinstance(argument, ast.Name)}
            if names & given and names & loaded:
                return True
    return False


def _calls(node: ast.AST, function: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and dotted(node.func).endswith(function)


@dataclass
class Code:
    """The Python of an experiment, read and never run."""

    options: Options
    _composer: Composer

    @cached_property
    def text(self) -> str:
        """The text of the entry point and of the project's modules that it imports."""
        return "\n".join(suppression.read(module) for module in self.options.schema.modules)

    @cached_property
    def source(self) -> SourceFile | None:
        """The entry point's text and syntax tree, or None where it does not compile."""
        if self.options.experiment.entry is None:
            return None
        try:
            return read_source(self.options.experiment.entry)
        except UnreadableSource:
            return None

    @cached_property
    def acting(self) -> str:
        """The code without what the entry point only prints or logs."""
        source = self.source
        if source is None:
            return self.text
        called = ((node, node.value) for node in source.nodes(ast.Expr))
        said = [node for node, call in called if isinstance(call, ast.Call) and last_name(call.func) in _SAYS]
        modules = (module for module in self.options.schema.modules if module != source.path)
        return "\n".join([source.without(said), *map(suppression.read, modules)])

    @cached_property
    def reading(self) -> Reading:
        """What the code reads of the config."""
        return uses.read(self.options.schema, self._classes, self._given_to_resolvers())

    def reading_of_beginning(self, function: Defined, bound: Mapping[str, Part], count: int) -> Reading:
        """What the first statements of a function read of it, which is given these parts."""
        return uses.read_beginning(self.options.schema, self._classes, function, bound, count)

    @cached_property
    def _classes(self) -> dict[tuple[Path, str], ConfigPath]:
        """The dataclasses of the config, each with the part that it is the type of."""
        classes: dict[tuple[Path, str], ConfigPath] = {}
        waiting: list[tuple[ConfigClass | None, ConfigPath]] = [
            (self.options.config_class(g), (g,)) for g in self.options.groups
        ]
        while waiting:
            found, path = waiting.pop(0)
            if found is None or (found.location.path, found.name) in classes:
                continue
            classes[found.location.path, found.name] = path
            waiting += [(self.options.schema.class_of_field(found, f.name), (*path, f.name)) for f in found.fields]
        return classes

    @cached_property
    def given_the_config(self) -> Sequence[tuple[str, Module, Function]]:
        """The resolvers that take the config itself, or a part of it, each with its function."""
        return list(resolvers.given_the_config(self.options.schema))

    def _given_to_resolvers(self) -> Iterator[tuple[Module, Function, dict[str, Part]]]:
        """The functions of the resolvers that values of the config name, with what they are given of the config."""
        taking = {name: (module, function) for name, module, function in self.given_the_config}
        config = self._composer.compose().config if taking else None
        for key, node in nodes.leaves(config) if config is not None else ():
            value = nodes.value(node)
            for name in resolvers.USED.findall(value) if isinstance(value, str) and "${" in value else ():
                if name in taking:
                    around = tuple(ELEMENT if isinstance(s, int) else s for s in nodes.split(key)[:-1])
                    parts = dict(zip(resolvers.GIVEN_CONFIG, (Part(()), Part(around)), strict=True))
                    module, function = taking[name]
                    own = {parameter.arg for parameter in parameters(function)}
                    yield module, function, {given: part for given, part in parts.items() if given in own}

    @cached_property
    def modules(self) -> Sequence[Module]:
        """The entry point and the project's modules that its code comes to."""
        return self.reading.modules

    def is_read_elsewhere(self, path: ConfigPath) -> bool:
        """Whether another entry point of the config folder reads a key, or hands the config to what is not followed."""
        return any(not other.followed or other.reads(path) for other in self._other_readings)

    @cached_property
    def _other_readings(self) -> list[Reading]:
        return [other.reading for other in self._others]

    @cached_property
    def _others(self) -> list[_Other]:
        project, own = self.options.project, self.options.experiment
        entries = [entry for entry in project.entries_of(own.config_dir) if entry != own.entry]
        return [_others.get((entry, project.root), partial(_Other, entry, project.root)) for entry in entries]

    @cached_property
    def other_schemas(self) -> list[Schema]:
        """What the other entry points of the config folder declare, with which an option may be chosen as well."""
        return [other.schema for other in self._others]

    def is_registered_elsewhere(self, resolver: str) -> bool:
        """Whether another entry point of the config folder registers a resolver, or may do so."""
        used, root = frozenset((resolver,)), self.options.project.root
        found = (resolvers.registered_for(used, other, self.config_texts) for other in self.other_schemas)
        return any(resolver in one.possible(used) for one in found) or any(
            resolvers.may_be_run_as_text(resolver, other, root) for other in self.other_schemas
        )

    @cached_property
    def registered(self) -> Registered:
        """The resolvers that the code registers."""
        found = resolvers.registered_for(self._used_resolvers, self.options.schema, self.config_texts)
        return found.without(self.never_registered) if found.late else found

    @cached_property
    def never_registered(self) -> Mapping[str, str]:
        """The resolvers that only functions register which nothing calls, each with such a function."""
        return resolvers.never_registered(self.options.schema, self.options.project.root, self.config_texts)

    @cached_property
    def _used_resolvers(self) -> frozenset[str]:
        """The resolvers of others that values of the experiment name."""
        return resolvers.used_in([*self.config_texts, self.text])

    @cached_property
    def config_texts(self) -> list[str]:
        """The texts of the config's files."""
        return [document.text_or_empty for document in self.options.documents()]

    @cached_property
    def resolvers(self) -> frozenset[str]:
        """Names of the resolvers that exist only when the entry point runs."""
        return self.registered.possible(self._used_resolvers)

    @cached_property
    def in_reach(self) -> list[str]:
        """The texts of the modules that a run imports at any time, within functions too, or for a `_target_`."""
        return [module.source.text for module in resolvers.reached_from(self.options.schema, self.config_texts)]

    def stores_in_a_function(self, config: str) -> bool:
        """Whether some function of the code stores a config of this name, for a compose of its own; for a primary
        config beside that of main(), whether any file of the project does, as another one may compose it.
        """
        name = re.escape(config.rpartition("/")[2])
        stores = re.compile(rf"\bstore\([^()]*[\"']{name}[\"']")
        if "compose(" in self.text and stores.search(self.text):
            return True
        if any("compose(" in text and stores.search(text) for text in self.in_reach):
            return True
        return bool(self.options.by_name) and any(map(stores.search, self._storing))

    def is_merged_by_a_script(self, config: str) -> bool:
        """Whether a file of the project composes a config of this name and merges it, as with that of a checkpoint."""
        name = re.escape(config)
        names = re.compile(rf"\b(?:config_name\s*=|compose\()\s*[\"']{name}[\"']")
        return any("merge" in text and names.search(text) for text in self._composing)

    @cached_property
    def merges_what_it_loads(self) -> bool:
        """Whether a function merges a file that it loads into what it is given, as the config of a checkpoint into that
        of the run, which then may have any key.
        """
        reached = resolvers.reached_from(self.options.schema, self.config_texts)
        texts = (module for module in reached if "OmegaConf.merge(" in module.source.text)
        return any(_merges_loaded(node) for module in texts for node in module.source.nodes(ast.FunctionDef))

    @cached_property
    def _composing(self) -> list[str]:
        """The texts of all files of the project that compose something."""
        return [suppression.read(script) for script in scripts_with(self.options.project.root, b"compose(")]

    @cached_property
    def _storing(self) -> list[str]:
        """The texts of all files of the project that store something."""
        return [suppression.read(script) for script in scripts_with(self.options.project.root, b".store(")]

    @property
    def unread_registrations(self) -> list[Problem]:
        """What is stored in the ConfigStore without our knowing it, so that what is not found may well be there."""
        if self._composer.runs_the_code:
            return []
        problems = [
            problem
            for problem in self.options.schema.problems
            if problem.code == "unread-registration"
            or (problem.code == "not-read" and "ConfigStore" in suppression.read(problem.location.path))
        ]
        not_here = self._not_here or self._link_into_a_submodule
        return problems or self._stored_by_a_library or not_here or self._given_to_a_library

    @property
    def opaque_registrations(self) -> list[Problem]:
        """What is stored in the ConfigStore under a name that is known, without our knowing what it is."""
        problems = self.options.schema.problems if not self._composer.runs_the_code else []
        return [problem for problem in problems if problem.code == "opaque-registration"]

    @cached_property
    def _given_to_a_library(self) -> list[Problem]:
        """Where the code names folders of configs for a plugin of a library, which adds them to the search path."""
        for path in self.options.schema.modules:
            text = suppression.read(path)
            found = _GIVEN_PLACE.search(text) if "file://" in text or "pkg://" in text else None
            if found is not None:
                place = Location(path, text.count("\n", 0, found.start()) + 1, found.start("name") - found.start() + 1)
                message = f"what a library makes of {found['name']} is not known without running the code"
                return [Problem("unread-registration", message, None, place, fatal=False)]
        return []

    @cached_property
    def _not_here(self) -> list[Problem]:
        """The entry of `hydra.searchpath` that leads to what is not here, where a config is lacking."""
        primary = self.options.primary
        named = nodes.within(primary.data, ("hydra", "searchpath")) if primary.error is None else None
        experiment, root = self.options.experiment, self.options.project.root
        start = search_path.base(experiment, root) if named else root  # once: it looks at each entry
        for index, entry in enumerate(named if isinstance(named, list) else ()):
            if isinstance(entry, str) and search_path.leads_elsewhere(entry, experiment, root, start):
                message = f"what {entry} has is not known, as it is not here"
                place = primary.value(["hydra", "searchpath", index])
                fetch = "fetch it (git submodule update --init), or mend the path"
                advice = fetch if entry.startswith("file://") else None
                return [Problem("unread-registration", message, advice, place, fatal=False)]
        return []

    @cached_property
    def _link_into_a_submodule(self) -> list[Problem]:
        """The entry of a defaults list whose file is a link into a submodule that has not been fetched."""
        folder, root = self.options.experiment.config_dir, self.options.project.root
        for document in self.options.primary_lineage:
            entries = nodes.within(document.data, ("defaults",)) if document.error is None else None
            for index, entry in enumerate(entries if isinstance(entries, list) else ()):
                file = folder / f"{entry}.yaml"
                if not isinstance(entry, str) or not os.path.islink(file) or file.exists():  # noqa: PTH114 (is_symlink raises where no file system takes the name)
                    continue
                submodule = git.submodule_of(root, Path(os.path.normpath(file.parent / file.readlink())))
                if submodule is not None:
                    message = f"{file.name} is a link into the submodule {submodule}, which has not been fetched"
                    place, advice = document.value(["defaults", index]), "type: git submodule update --init"
                    return [Problem("unread-registration", message, advice, place, fatal=False)]
        return []

    @cached_property
    def _stored_by_a_library(self) -> list[Problem]:
        """The import of a library's module of configs, where a group is lacking of which the project has nothing."""
        found = next(self._config_modules_of_libraries(), None)
        failure = self._composer.compose().failure if found is not None else None
        if found is None or failure is None or not isinstance(failure.refusal, NotFound):
            return []
        group = failure.refusal.config.rpartition("/")[0]
        if not group or self.options.is_group(group):
            return []
        name, location = found
        message = f"what {name} stores is not known without running the code: it is a library's"
        return [Problem("unread-registration", message, None, location, fatal=False)]

    def _config_modules_of_libraries(self) -> Iterator[tuple[str, Location]]:
        code = self.options.schema.code
        for path in self.options.schema.modules if code is not None else ():
            text = suppression.read(path)
            for match in _IMPORTED.finditer(text):
                top = match[1].partition(".")[0]  # "" where it is told from the file's own package
                if top and code is not None and code.find(top) is None and top not in sys.stdlib_module_names:
                    yield match[1], Location(path, text.count("\n", 0, match.start()) + 1, 1)


# `config_registry["ours"] = "file://…"`, as plugins of libraries for the search path are told
_GIVEN_PLACE = compiled(
    r"^[ \t]*(?P<name>\w{0,40}(?:registry|search_?path)\w{0,40})\[[^\]\n]+\]\s*=\s*f?[\"'](?:file|pkg)://", re.M
)
# `import recipes.core.conf`: what other libraries hold for Hydra's ConfigStore
_IMPORTED = compiled(
    r"^(?:import|from)[ ]+((?!hydra\.|omegaconf\.)[\w.]*\b(?:confs?|configs?|schemas?|hydra_\w+)\b[\w.]*)", re.M
)


class _Other:
    """Another entry point: what its code declares, and what it reads of the config."""

    def __init__(self, entry: Path, root: Path) -> None:
        self.schema = schema.read(entry, root)

    @property
    def size(self) -> int:
        """Of the code that it comes to, as `SourceFile.size` counts."""
        modules = self.schema.code.known.values() if self.schema.code else ()
        return sum(module.source.size for module in modules)

    @cached_property
    def reading(self) -> Reading:
        return uses.read(self.schema, {})


# The entry points of a folder ask for each other: a hundred small ones, or two that import a large package.
_others = Latest[tuple[Path, Path], _Other](4_000_000, lambda other: other.size)
