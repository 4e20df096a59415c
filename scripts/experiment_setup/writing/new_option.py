"""New parameter sets and environments: a file in a config group that holds only what differs.

An option is made from a base (the dataclass defaults, or another option) and assignments. Keys and types are checked
by setting the values on the composed base, so that OmegaConf itself judges them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import files, git, naming
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError
from experiment_setup.location import did_you_mean
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment
from experiment_setup.reading import source
from experiment_setup.reading.overrides import Assignment
from experiment_setup.writing import node_values, option_file
from experiment_setup.writing.node_values import Setting

_MOST_NAMES = 20  # keys that a message lists
_SCHEMA_OPTION = "default"  # the name under which the dataclass is registered in the ConfigStore


@dataclass(frozen=True)
class NewOption:
    """A file to write; `settings` are the values in it that differ from what it inherits, by dotted key."""

    option: str
    path: Path
    text: str
    settings: dict[str, Setting]


@dataclass
class Outcome:
    """What adding options came to."""

    created: list[NewOption] = field(default_factory=list)
    existing: list[tuple[str, dict[str, Setting]]] = field(default_factory=list)  # options that are this already
    at_base: dict[str, Any] = field(default_factory=dict)  # values left out since they are inherited
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Base:
    """What a new option starts from: the option, whether a file names it in its defaults list, and its values."""

    option: str | None
    inherited: bool
    config: DictConfig
    others: dict[str, Any]  # the other top-level nodes, for "this key belongs to env"

    @property
    def entry(self) -> str | None:
        return f"{self.option}@_here_" if self.inherited else None


class OptionWriter:
    """Adds options to one group of one experiment."""

    def __init__(self, experiment: Experiment, composer: Composer, group: str) -> None:
        self._experiment = experiment
        self._composer = composer
        self._group = group
        self._folder = experiment.group_dir(group)

    def groups(self) -> dict[str, str | None]:
        """The config groups of the experiment's defaults list."""
        return self._composer.groups()

    def holds_values(self) -> bool:
        """Whether the config has anything below the group; it has not where every option has another package."""
        config = self._composer.compose().config
        return config is None or self._group in config

    def add_sets(
        self, points: Sequence[Sequence[Assignment]], *, slug: str | None, base: str | None, dry_run: bool
    ) -> Outcome:
        """Write a numbered file for each point; points that a file already has are only named.

        Raises CommandError for unknown keys, wrong types and a base that does not compose.
        """
        start = self._base(base)
        outcome = Outcome()
        wanted = [self._settings(start, point, outcome) for point in points]
        with self._claimed(dry_run):
            taken = {start.option or _SCHEMA_OPTION: node_values.comparable(start.config), **self._existing_values()}
            names = naming.Names(self._existing_names())
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
            self._publish(outcome, dry_run)
        return outcome

    def add_first(self, point: Sequence[Assignment], *, like: Mapping[str, Path]) -> Outcome:
        """Write the first parameter set of a new experiment, even without differences, so that it has a name to run.

        `like` are the sets of the experiment that it was copied from: their habits are followed.
        """
        start = self._base(None)
        outcome = Outcome()
        settings = self._settings(start, point, outcome)
        names = naming.Names(self._existing_names(), like=like)
        if names.are_words and not settings:
            return outcome  # sets are named by words here, and there is nothing to put into words
        label = naming.slug(option_file.words(settings)) or "baseline"
        outcome.created.append(self._new(names.take(label), start, settings, label, neighbours=like))
        with self._claimed(dry_run=False):
            self._publish(outcome, dry_run=False)
        return outcome

    def add_named(self, option: str, assignments: Sequence[Assignment], *, dry_run: bool) -> Outcome:
        """Write the file `option`.yaml. One that is there with the same values is only named.

        Raises CommandError for unknown keys, wrong types, an unusable name, and a file with other values.
        """
        self._check_name(option)
        start = self._base(None)
        outcome = Outcome()
        settings = self._settings(start, assignments, outcome)
        with self._claimed(dry_run):
            if option in self._experiment.options(self._group):
                values = self._existing_values(only=option).get(option)
                if values == node_values.comparable(node_values.with_settings(start.config, settings)):
                    outcome.existing.append((option, settings))
                    return outcome
                raise CommandError(
                    f"{self._folder / option}.yaml exists already, with other values; nothing was written",
                    "edit that file, or give another name",
                )
            outcome.created.append(self._new(option, start, settings, ""))
            self._publish(outcome, dry_run)
        return outcome

    # -- base and differences ------------------------------------------------------------------------------------

    def _base(self, given: str | None) -> _Base:
        groups = self._composer.groups()
        if self._group not in groups:
            known = ", ".join(groups) or "none"
            raise CommandError(
                f"{self._experiment.config_file} has no group {self._group!r} in its defaults list (groups: {known})",
                f"add the line `- {self._group}: {_SCHEMA_OPTION}` to it, and a dataclass stored with "
                f'cs.store(group="{self._group}", name="{_SCHEMA_OPTION}", node=…)',
            )
        option = self._base_option(given, groups[self._group])
        composed = self._composer.compose({self._group: option} if option else {})
        if composed.failure:
            what = f"{self._group}={option}" if option else "the experiment"
            raise CommandError(
                f"{what} does not compose: {composed.failure.refusal.words}", "mend that first; validate.py says where"
            )
        assert composed.config is not None
        if self._group not in composed.config:
            raise CommandError(
                f"no value lies below {self._group!r}: the files of {self._group}/ put theirs elsewhere (# @package …)",
                f"write {self._group}/NAME.yaml by hand, as its neighbours are written; references/migration.md leads "
                "to a layout in which keys and types are checked",
            )
        config = composed.config._get_node(self._group)
        if not isinstance(config, DictConfig) or config._is_none():
            config = OmegaConf.create({})
        others = {str(key): composed.config._get_node(key) for key in composed.config if key != self._group}
        return _Base(option, bool(option) and self._inherits(str(option)), config, others)

    def _base_option(self, given: str | None, default: str | None) -> str | None:
        if given is not None:
            known = self._experiment.options(self._group)
            stored = self._stored_options()
            if given in known or given in stored:
                return given
            guess = did_you_mean(given, [*known, *stored])
            listed = ", ".join([*known, *stored]) or "none"
            raise CommandError(
                f"no parameter set {given!r} to start from (there is: {listed})",
                f"did you mean {guess}?" if guess else None,
            )
        habit = self._usual_base(default)
        if habit is not None:
            return habit
        if _SCHEMA_OPTION in self._stored_options():
            return _SCHEMA_OPTION
        return default if default != "???" else None

    def _usual_base(self, default: str | None) -> str | None:
        """The option that the files of this group start from, as most of them say; `base` in older projects."""
        known = {*self._experiment.options(self._group), *self._stored_options()}
        parent_of = {
            option: option_file.first_parent(path) for option, path in self._experiment.options(self._group).items()
        }
        # `base` itself starts from the dataclass; what counts is where the sets start that nothing starts from.
        starts = {*parent_of.values()} if _SCHEMA_OPTION in self._stored_options() else {*parent_of.values(), default}
        leaves = [parent for option, parent in parent_of.items() if option not in starts]
        parents = [parent for parent in leaves if parent in known]
        return max(dict.fromkeys(parents), key=parents.count) if parents else None

    def _stored_options(self) -> list[str]:
        return [r.name for r in self._composer.schema.registrations if r.group == self._group]

    def _inherits(self, option: str) -> bool:
        """Whether a new file must name `option` in a defaults list (not where the primary config brings the schema)."""
        return option in self._stored_options() or option in self._experiment.options(self._group)

    def _settings(self, base: _Base, point: Sequence[Assignment], outcome: Outcome) -> dict[str, Setting]:
        """{dotted key: (value, how it was typed)} for what differs from the base; the rest goes into the outcome."""
        result: dict[str, Setting] = {}
        for assignment in point:
            key = assignment.key.removeprefix(f"{self._group}.")
            self._check_key(base, key, assignment)
            value = self._typed(base, key, assignment)
            if node_values.has_value(base.config, key, value):
                outcome.at_base[key] = value
            else:
                literal = None if assignment.quoted else assignment.written
                result[key] = Setting(value, literal)
        return result

    def _check_key(self, base: _Base, key: str, assignment: Assignment) -> None:
        node: Any = base.config
        walked: list[str] = []
        for part in key.split("."):
            if not isinstance(node, DictConfig) or node._is_none():
                raise CommandError(
                    f"{key}: {'.'.join(walked)} has no keys, it is {node_values.plain(node)!r}",
                    f"set it as a whole: {'.'.join(walked)}={{{part}:VALUE}}",
                )
            if part not in node:
                if walked and not node_values.is_structured(node) and node_values.is_structured(base.config):
                    return  # a dict[str, X] field takes any key
                self._unknown_key(base, key, part, node, walked, assignment)
            node = node._get_node(part)
            walked.append(part)

    def _unknown_key(
        self, base: _Base, key: str, part: str, node: DictConfig, walked: list[str], assignment: Assignment
    ) -> None:
        for other, content in base.others.items():
            if (
                isinstance(content, DictConfig)
                and not walked
                and key.removeprefix(f"{other}.").split(".")[0] in content
            ):
                raise self._belongs_elsewhere(other, key.removeprefix(f"{other}."), assignment)
        names = [str(name) for name in node]
        prefix = "".join(f"{step}." for step in walked)
        guess = did_you_mean(part, names)
        deeper = None if guess or walked else node_values.nested_key(base.config, part)
        where = self._schema_name(node) or f"{self._group}={base.option}"
        meant = f"{prefix}{guess}" if guess else deeper
        if meant:
            advice = f"did you mean {meant}={assignment.written}?"
        elif node_values.is_structured(base.config):
            advice = "a new parameter is a new field of the dataclass"
        else:
            advice = f"a new parameter goes into {self._group}/{base.option}.yaml first"
        listed = ", ".join(prefix + name for name in names[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        raise CommandError(f"{where} has no key {prefix + part!r}; it has: {listed}{more}", advice)

    def _belongs_elsewhere(self, other: str, key: str, assignment: Assignment) -> CommandError:
        name = self._experiment.name
        if other == ENVIRONMENTS:
            right = f"add_env.py {name} ENVIRONMENT {key}={assignment.written}"
            return CommandError(f"{key} belongs to the environment (env), not to a parameter set", f"type: {right}")
        if other == SETS:
            right = f"add_exp.py {name} {key}={assignment.written}"
            return CommandError(f"{key} is a parameter of the experiment (exp), not of the machine", f"type: {right}")
        return CommandError(f"{key} belongs to the group {other!r}, not to {self._group!r}", f"edit a file in {other}/")

    def _schema_name(self, node: DictConfig) -> str | None:
        kind = OmegaConf.get_type(node)
        return None if kind in (dict, None) else kind.__name__

    def _typed(self, base: _Base, key: str, assignment: Assignment) -> Any:
        """The value as the field's type makes it. Numbers typed for a text stay as typed: `name=010` is "010"."""
        value: Any = assignment.value
        if node_values.is_text_field(base.config, key) and value is not None and not isinstance(value, str):
            value = assignment.written
        config = OmegaConf.create({"config": base.config})["config"]
        try:
            OmegaConf.update(config, key, value, merge=True, force_add=True)
        except (OmegaConfBaseException, ValueError, TypeError, AssertionError) as error:
            reason = str(error).splitlines()[0] if str(error) else repr(error)
            raise CommandError(
                f"{key}={assignment.written}: {reason}",
                self._expected(key),
            ) from None
        return node_values.plain(node_values.node_at(config, key))

    def _expected(self, key: str) -> str | None:
        registration = self._composer.schema.registration(self._group, _SCHEMA_OPTION)
        fields = registration.config_class.fields if registration and registration.config_class else ()
        for known in fields:
            if known.name == key.split(".")[0]:
                place = f"{known.location.path.name}:{known.location.line}"
                return f"{known.name} is declared as {known.annotation} at {place}"
        return None

    # -- names, text, writing ------------------------------------------------------------------------------------

    def _check_name(self, option: str) -> None:
        if naming.slug(option, limit=200) != option:
            raise CommandError(
                f"{option!r} is no good name for an option",
                f"use letters, digits, - and _ : {naming.slug(option) or 'local'}",
            )
        if not naming.is_string_on_the_command_line(option):
            raise CommandError(
                f"Hydra reads {self._group}={option} as a value, not as a name", f"put a word into it: {option}-local"
            )
        if option == _SCHEMA_OPTION or option in self._stored_options():
            raise CommandError(f"{option!r} is the name of the dataclass in the ConfigStore", "give another name")

    def _name_of(self, option: str | None) -> Any:
        config = self._composer.compose({self._group: option} if option else {}).config
        return OmegaConf.select(config, f"{self._group}.name") if config is not None else None

    def _existing_names(self) -> list[str]:
        try:
            return [path.stem for path in self._folder.iterdir() if path.suffix in (".yaml", ".yml")]
        except FileNotFoundError:
            return []

    def _existing_values(self, only: str | None = None) -> dict[str, Any]:
        """The composed values of the options that are there and compose, without their names."""
        result = {}
        for option in [only] if only else self._experiment.options(self._group):
            composed = self._composer.compose({self._group: option})
            if composed.config is not None:
                result[option] = node_values.comparable(composed.config._get_node(self._group))
        return result

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
        if self._group == SETS and "name" not in written and self._names_its_sets(base, paths):
            # `002` alone says nothing on a dashboard: the number and what is different.
            name = f"{option}-{label}".rstrip("-") if naming.is_bare_number(option) else option
            written = {"name": Setting(name, None), **written}
        text = option_file.render(base.entry, written, reversed(paths))
        path = self._folder / f"{option}.yaml"
        self._verify(base, written, text, path)
        return NewOption(option, path, text, dict(settings))

    def _sets(self) -> list[Path]:
        return list(self._experiment.options(self._group).values())

    @staticmethod
    def _names_its_sets(base: _Base, sets: Sequence[Path]) -> bool:
        """Whether a `name` goes into a new set: there is such a text field, and the sets so far use it."""
        if "name" not in base.config or not node_values.is_text_field(base.config, "name"):
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

    @contextlib.contextmanager
    def _claimed(self, dry_run: bool) -> Iterator[None]:
        """Hold the group's folder, made if need be and removed again if nothing goes into it."""
        if dry_run:
            yield
            return
        made = not self._folder.exists()
        self._folder.mkdir(exist_ok=True)
        try:
            with files.lock(self._folder):
                files.remove_unfinished(self._folder)
                yield
        finally:
            if made:
                with contextlib.suppress(OSError):  # not empty: it is wanted
                    self._folder.rmdir()

    def _publish(self, outcome: Outcome, dry_run: bool) -> None:
        texts = {option.path: option.text for option in outcome.created}
        for path, rule in git.ignored_alone(self._composer.root, self._experiment.folder, list(texts)).items():
            outcome.notes.append(f"git ignores {path.name} ({rule}): add it with `git add -f`, or mend the rule")
        if not dry_run and texts:
            files.create_files(texts)
