"""New parameter sets and environments: a file in a config group that holds only what differs.

An option is made from a base (the dataclass defaults, or another option) and assignments. Keys and types are checked
by setting the values on the composed base, so that OmegaConf itself judges them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup import command_line, files, naming, nodes
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.project import SETS, Experiment, texts_with
from experiment_setup.reading import source
from experiment_setup.reading.overrides import Assignment
from experiment_setup.writing import node_values, option_file, references, refused
from experiment_setup.writing.keys import Keys
from experiment_setup.writing.node_values import Setting
from experiment_setup.writing.option_folder import NewOption, OptionFolder, Outcome

_SCHEMA_OPTION = "default"  # the name under which the dataclass is registered in the ConfigStore


@dataclass(frozen=True)
class _Base:
    """What a new option starts from: the option, whether a file names it in its defaults list, and its values."""

    option: str | None
    inherited: bool
    whole: DictConfig
    keys: Keys

    @property
    def config(self) -> DictConfig:
        return self.keys.config

    @property
    def entry(self) -> str | None:
        return f"{self.option}@_here_" if self.inherited else None


class OptionWriter:
    """Adds options to one group of one experiment, whose values lie below the group's name; on top of the option
    `base`, if one is given.
    """

    def __init__(self, experiment: Experiment, composer: Composer, group: str, base: str | None = None) -> None:
        self._experiment = experiment
        self._composer = composer
        self.group = group
        self._given = base
        self.folder = OptionFolder(experiment.group_dir(group), composer.root)

    def groups(self) -> dict[str, str | None]:
        """The config groups of the experiment's defaults list."""
        return self._composer.groups()

    def holds_values(self) -> bool:
        """Whether the config has anything below the group; it has not where every option has another package."""
        config = self._composer.compose().config
        return config is None or self.group in config

    def sets(self, points: Sequence[Sequence[Assignment]], *, slug: str | None) -> Outcome:
        """A numbered file for each point; points that a file already has are only named. To be called while claimed.

        Raises CommandError for unknown keys, wrong types and a base that does not compose.
        """
        start = self._base(self._given)
        base = start.option if self._given is not None else None
        outcome = Outcome(self.group, base=base, inherited=start.option)
        wanted = [self._settings(start, point, outcome) for point in points]
        taken = {start.option or _SCHEMA_OPTION: node_values.comparable(start.config), **self._existing_values(outcome)}
        names = naming.Names(self.folder.names())
        # Words that were given have no other place where sets have no name of their own.
        spelled = slug is not None and not self._names_its_sets(start, self._sets())
        for settings in wanted:
            values = node_values.comparable(node_values.with_settings(start.config, settings))
            same = next((option for option, known in taken.items() if known == values), None)
            if "name" in settings:  # asked for by name, it is wanted even where nothing else differs
                same = None if self._name_of(same) != settings["name"].value else same
            if same is not None:
                outcome.existing.append((same, settings))
                continue
            words = option_file.words(settings) if len(points) > 1 or slug is None else ""
            label = naming.slug("-".join(filter(None, (slug, words))))
            option = names.take(label, always=spelled)
            outcome.created.append(self._new(option, start, settings, label))
            taken[option] = values
        return outcome

    @property
    def key(self) -> str:
        """What chooses an option on the command line."""
        return self.group

    def may_set(self, key: str) -> bool:
        """Whether an option has a say in the value at the dotted key: its own values lie below the group's name."""
        return nodes.top(key) == self.group

    def exactly(self, values: Mapping[str, Any], *, slug: str | None) -> NewOption:
        """The next file, with these values on top of the base, `name` among them unless `slug` is given.

        What it composes to is for the caller to look at. To be called while claimed. Raises CommandError for a base
        that does not compose.
        """
        start = self._base(self._given)
        names = naming.Names(self.folder.names())
        settings = {key.removeprefix(f"{self.group}."): Setting(value, None) for key, value in values.items()}
        label = naming.slug(slug or option_file.words({k: s for k, s in settings.items() if k != "name"}))
        option = names.take(label or "run", always=slug is not None)
        if slug is not None and self._names_its_sets(start, self._sets()):
            settings["name"] = Setting(self._name(option, label), None)
        text = option_file.render(start.entry, settings, reversed(self._sets()))
        return NewOption(option, self.folder.path / f"{option}.yaml", text, settings)

    @staticmethod
    def _name(option: str, label: str) -> str:
        """What a set calls itself: `002` alone says nothing on a dashboard, the number and what is different does."""
        return f"{option}-{label}".rstrip("-") if naming.is_bare_number(option) else option

    def base_option(self) -> str | None:
        """The option that a new file starts from. Raises CommandError for one that is not there or does not compose."""
        return self._base(self._given).option

    def first_set(self, point: Sequence[Assignment], *, like: Mapping[str, Path]) -> Outcome:
        """The first parameter set of a new experiment, even without differences, so that it has a name to run.

        `like` are the sets of the experiment that it was copied from: their habits are followed.
        """
        start = self._base(None)
        outcome = Outcome(self.group)
        settings = self._settings(start, point, outcome)
        names = naming.Names(self.folder.names(), like=like)
        if names.are_words and not settings:
            return outcome  # sets are named by words here, and there is nothing to put into words
        label = naming.slug(option_file.words(settings)) or "baseline"
        outcome.created.append(self._new(names.take(label), start, settings, label, neighbours=like))
        return outcome

    def named(self, option: str, assignments: Sequence[Assignment]) -> Outcome:
        """The file `option`.yaml. One that is there with the same values is only named. To be called while claimed.

        Raises CommandError for unknown keys, wrong types, an unusable name, and a file with other values.
        """
        self._check_name(option)
        start = self._base(None)
        outcome = Outcome(self.group)
        settings = self._settings(start, assignments, outcome)
        if option in self._experiment.options(self.group):
            values = self._values_of(option)
            if values == node_values.comparable(node_values.with_settings(start.config, settings)):
                outcome.existing.append((option, settings))
                return outcome
            raise CommandError(
                f"{self.folder.path / option}.yaml exists already, with other values; nothing was written",
                "edit that file, or give another name",
                command_line.corrected({option: [naming.free(option, self.folder.names())]}),
            )
        same = next((name for name in self.folder.names() if name.lower() == option.lower()), None)
        if same:
            raise CommandError(
                f"{option} and {same} differ in case only, and are one file on some machines; nothing was written",
                "give another name",
                command_line.corrected({option: [naming.free(option.lower(), self.folder.names())]}),
            )
        outcome.created.append(self._new(option, start, settings, ""))
        return outcome

    def change(self, option: str, assignments: Sequence[Assignment]) -> None:
        """Set values in a file that is ours to change, such as one that was just copied; its other lines stay.

        Raises CommandError for unknown keys, wrong types, and where the values would not come out of it.
        """
        path = self._experiment.options(self.group)[option]
        settings = self._settings(self._base(None), assignments, Outcome(self.group))
        given = {assignment.key for assignment in assignments}
        values = {key.removeprefix(f"{self.group}.") for key in given}
        document = source.Document(path)
        text = option_file.with_values(document, settings, {key for key in values if key not in settings})
        composed = self._composer.compose_with({path: source.Document(path, text)}, {self.group: option}).config
        for key, setting in settings.items():
            if composed is None or not node_values.has_value(composed, f"{self.group}.{key}", setting.value):
                raise CommandError(f"{key} could not be set in {path.name}", "edit the file when it is made")
        files.put(path, text)

    # -- base and differences ------------------------------------------------------------------------------------

    def _base(self, given: str | None) -> _Base:
        groups = self._composer.groups()
        if self.group not in groups:
            if self._experiment.has_config and (error := self._composer.document(self._experiment.config_file).error):
                raise refused.to_mend(str(error), self._experiment, self._composer.root)
            if not self._experiment.has_config:
                raise self._no_config()
            known = ", ".join(groups) or "none"
            advice = (
                f"add the line `- {self.group}: {_SCHEMA_OPTION}` to it, and a dataclass stored with "
                f'cs.store(group="{self.group}", name="{_SCHEMA_OPTION}", node=…)'
            )
            raise CommandError(
                f"{self._experiment.config_file} has no group {self.group!r} in its defaults list (groups: {known})",
                advice,
            )
        option = self._base_option(given, groups[self.group])
        composed = self._composer.compose({self.group: option} if option else {})
        if composed.failure:
            what = f"{self.group}={option}" if option else "the experiment"
            said = f"{what} does not compose: {composed.failure.refusal.words}"
            raise refused.to_mend(said, self._experiment, self._composer.root)
        assert composed.config is not None
        if self.group not in composed.config:
            raise CommandError(
                f"no value lies below {self.group!r}: the files of {self.group}/ put theirs elsewhere (# @package …)",
                f"write {self.group}/NAME.yaml by hand, as its neighbours are written; references/migration.md leads "
                "to a layout in which keys and types are checked",
            )
        config = nodes.child(composed.config, self.group)
        if not nodes.is_mapping(config):
            config = OmegaConf.create({})
        others = {str(key): node for key, node in nodes.children(composed.config) if key != self.group}
        registration = self._composer.schema.registration(self.group, _SCHEMA_OPTION)
        declared = registration.config_class if registration else None
        name = f"{self.group}={option}"
        if registration is not None and registration.node_is_opaque:
            name = f"what is known of {name} without running the code"
        keys = Keys(config, self.group, name, others, declared)
        return _Base(option, bool(option) and self._inherits(str(option)), composed.config, keys)

    def _no_config(self) -> CommandError:
        """The error where no file has the defaults list in which sets are chosen."""
        name, file = self._experiment.config_name, self._experiment.config_file.relative_to(self._composer.root)
        whole = self._composer.schema.registration(None, name)
        if whole is None or whole.config_class is None:
            return CommandError(
                f"there is no {file}, the config that {self._experiment.name} starts from",
                "sets are chosen in its defaults list: write that file first",
            )
        return CommandError(
            f"the config is the dataclass {whole.config_class.name}, which the code stores as {name!r}: no file has a "
            "defaults list, in which sets are chosen",
            f"store it as {name}_schema, write {file} with the lines `defaults:`, `- {name}_schema`, `- _self_` and "
            f"`- experiment: null`, and give @hydra.main the folder of that file as config_path",
        )

    def _base_option(self, given: str | None, default: str | None) -> str | None:
        if given is not None:
            known = [*self._experiment.options(self.group), *self._stored_options()]
            return option_file.known_option(given, known, self.group)
        habit = self._usual_base(default)
        if habit is not None:
            return habit
        if _SCHEMA_OPTION in self._stored_options():
            return _SCHEMA_OPTION
        return default if default != "???" else None

    def _usual_base(self, default: str | None) -> str | None:
        """The option that the files of this group start from, as most of them say; `base` in older projects."""
        known = {*self._experiment.options(self.group), *self._stored_options()}
        parent_of = {
            option: option_file.first_parent(path) for option, path in self._experiment.options(self.group).items()
        }
        # `base` itself starts from the dataclass; what counts is where the sets start that nothing starts from.
        starts = {*parent_of.values()} if _SCHEMA_OPTION in self._stored_options() else {*parent_of.values(), default}
        leaves = [parent for option, parent in parent_of.items() if option not in starts]
        parents = [parent for parent in leaves if parent in known]
        return max(dict.fromkeys(parents), key=parents.count) if parents else None

    def _stored_options(self) -> list[str]:
        return [r.name for r in self._composer.schema.registrations if r.group == self.group]

    def _inherits(self, option: str) -> bool:
        """Whether a new file must name `option` in a defaults list (not where the primary config brings the schema)."""
        return option in self._stored_options() or option in self._experiment.options(self.group)

    def _settings(self, base: _Base, point: Sequence[Assignment], outcome: Outcome) -> dict[str, Setting]:
        """{dotted key: (value, how it was typed)} for what differs from the base; the rest goes into the outcome."""
        settings, at_base = base.keys.settings(point)
        outcome.at_base |= at_base
        self._check_references(base, settings)
        return settings

    def _check_references(self, base: _Base, settings: Mapping[str, Setting]) -> None:
        """Raise CommandError for a value that could not be used: a reference to nothing, or to itself."""
        if not references.stand_in(settings):
            return
        whole = copy.deepcopy(base.whole)
        OmegaConf.set_readonly(whole, False)
        OmegaConf.set_struct(whole, False)
        whole[self.group] = node_values.with_settings(base.config, settings)
        references.check(whole, {f"{self.group}.{key}": s for key, s in settings.items()}, self._composer.schema)

    # -- names and text ------------------------------------------------------------------------------------------

    def _check_name(self, option: str) -> None:
        better = naming.slug(option, limit=200)
        if better != option:
            raise CommandError(
                f"{option!r} is no good name for an option",
                f"use letters, digits, - and _ : {better or 'local'}",
                command_line.corrected({option: [better or "local"]}),
            )
        if not naming.is_string_on_the_command_line(option):
            raise CommandError(
                f"Hydra reads {self.group}={option} as a value, not as a name",
                f"put a word into it: {option}-local",
                command_line.corrected({option: [f"{option}-local"]}),
            )
        if option == _SCHEMA_OPTION or option in self._stored_options():
            raise CommandError(
                f"{option!r} is the name of the dataclass in the ConfigStore",
                "give another name",
                command_line.corrected({option: [naming.free("local", self.folder.names())]}),
            )

    def _name_of(self, option: str | None) -> Any:
        config = self._composer.compose({self.group: option} if option else {}).config
        return OmegaConf.select(config, f"{self.group}.name") if config is not None else None

    def _existing_values(self, outcome: Outcome) -> dict[str, Any]:
        """The composed values of the options that are there and compose, without their names."""
        result = {}
        options = list(self._experiment.options(self.group))
        while options and not self._composer.has_asked_enough:  # the newest first
            option = options.pop()
            result[option] = self._values_of(option)
        if options:
            outcome.notes.append(f"not compared with {len(options)} older files of {self.group}/, to end in time")
        return {option: result[option] for option in reversed(result) if result[option] is not None}

    def _values_of(self, option: str) -> Any:
        """The composed values of an option, without its name; None where it does not compose."""
        config = self._composer.compose({self.group: option}).config
        if config is None or self.group not in config:
            return None
        return node_values.comparable(nodes.child(config, self.group))

    def _new(
        self,
        option: str,
        base: _Base,
        settings: Mapping[str, Setting],
        label: str,
        neighbours: Mapping[str, Path] | None = None,
    ) -> NewOption:
        paths = list(neighbours.values()) if neighbours else self._sets()
        written = dict(settings)
        if self.group == SETS and "name" not in written and self._names_its_sets(base, paths):
            written = {"name": Setting(self._name(option, label), None), **written}
        text = option_file.render(base.entry, written, reversed(paths))
        path = self.folder.path / f"{option}.yaml"
        self._verify(base, written, text, path)
        return NewOption(option, path, text, dict(settings))

    def _sets(self) -> list[Path]:
        return list(self._experiment.options(self.group).values())

    def _names_its_sets(self, base: _Base, sets: Sequence[Path]) -> bool:
        """Whether a `name` goes into a new set: there is such a text field, the sets so far use it, and it is not that
        of a class or function, which the code looks up (`name: ExpSimple`).
        """
        if "name" not in base.config or not node_values.holds_text(base.config, "name"):
            return False
        name = str(nodes.value(nodes.child(base.config, "name")))
        defined = re.compile(rf"^[ \t]*(?:class|def|async[ \t]+def)[ \t]+{re.escape(name)}\b", re.MULTILINE)
        if name.isidentifier() and any(map(defined.search, texts_with(self._composer.root, name.encode()))):
            return False
        found = map(option_file.mentions_name, sets)
        own = [mentioned for mentioned in found if mentioned is not None]
        return not own or any(own)

    @staticmethod
    def _verify(base: _Base, values: Mapping[str, Setting], text: str, path: Path) -> None:
        """The file must mean exactly what was asked for; anything else is a defect here, and nothing is written."""
        content = source.Document(path, text).config
        assert isinstance(content, DictConfig)
        content.pop("defaults", None)
        merged = OmegaConf.create({"config": base.config})
        OmegaConf.set_struct(merged, False)
        merged.merge_with({"config": content})
        if node_values.comparable(merged["config"], drop=()) != node_values.comparable(
            node_values.with_settings(base.config, values), drop=()
        ):
            raise CommandError(
                f"could not write these values as YAML that reads back the same:\n{text}", "please report this"
            )
