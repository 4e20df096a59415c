"""New parameter sets that lie at the root of the config: files with `# @package _global_`, Hydra's experiment pattern.

Such a set chooses options of other groups (`override /model: large`) and sets values anywhere (`trainer.epochs`). What
it comes to is asked of Hydra twice, as a command line and as a file; only where both agree is the file written.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from experiment_setup import command_line, files, naming, nodes
from experiment_setup.composing.compose import Composer, Composition
from experiment_setup.composing.refusals import ChosenTwice, NotChosen, NotOverridable
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.location import did_you_mean
from experiment_setup.project import Experiment
from experiment_setup.reading.overrides import Assignment
from experiment_setup.reading.source import Document, SourceError, scalar
from experiment_setup.writing import node_values, option_file, references, refused
from experiment_setup.writing.keys import Keys
from experiment_setup.writing.node_values import Setting
from experiment_setup.writing.option_folder import NewOption, OptionFolder, Outcome

HEADER = "# @package _global_"
FIRST = "experiment"  # the group of the first set, where there is none yet
_USUAL = ("exp", "experiment", "experiments", "exps", "study", "studies", "overrides")
_OF_OTHER_USE = frozenset("debug hparams_search hydra launcher local local_env logger machine".split())
_NAMED = 5  # keys that a message names
_MOST_OPTIONS = 10  # options that a message names


def group_of_sets(experiment: Experiment, listed: Mapping[str, str | None], usual: str) -> str | None:
    """The group whose options lie at the root of the config, or None where the sets are those of the group `usual`,
    or there are none.

    `listed` are the groups of the defaults list. A group without a usual name is meant where it is the only one, and
    config.yaml names no option of it: one that it does name says which part is used, such as an optimizer.
    """
    put = [name for name in _USUAL if _is_put_at_root(experiment, name) and experiment.options(name)]
    if usual in listed and usual not in put and not _is_at_root(experiment, usual):
        return None
    named = next((name for name in _USUAL if name in put or _is_at_root(experiment, name)), None)
    if named is not None:
        return named
    folders = (p for p in experiment.config_dir.iterdir() if p.is_dir() and not p.name.startswith("."))
    others = {path.name for path in folders if os.access(path, os.R_OK | os.X_OK)} - _OF_OTHER_USE
    others = {name for name in others if listed.get(name) in (None, "???")}
    at_root = [name for name in others - _overruled(experiment) if _is_at_root(experiment, name)]
    return at_root[0] if len(at_root) == 1 else None


def group_below_its_name(experiment: Experiment, listed: Collection[str]) -> str | None:
    """The group of parameter sets whose values lie below the group's name, as those of `exp` do."""
    return next((name for name in _USUAL if name in listed and experiment.options(name)), None)


def _entries(experiment: Experiment) -> list[Any]:
    """The defaults list of config.yaml."""
    defaults = _data(Document(experiment.config_file)).get("defaults") if experiment.has_config else None
    return defaults if isinstance(defaults, list) else []


def _overruled(experiment: Experiment) -> set[str]:
    """The groups that config.yaml lists before `_self_`, so that its own values win."""
    entries = _entries(experiment)
    before = entries[: entries.index("_self_")] if "_self_" in entries else []
    return {str(group) for entry in before if isinstance(entry, dict) for group in entry}


def _is_put_at_root(experiment: Experiment, group: str) -> bool:
    """Whether config.yaml puts the options of a group there: `- experiment@_global_: base`."""
    keys = (str(key) for entry in _entries(experiment) if isinstance(entry, dict) for key in entry)
    return f"{group}{_AT_ROOT}" in (key.removeprefix("/") for key in keys)


_AT_ROOT = f"@{nodes.GLOBAL}"


def _is_at_root(experiment: Experiment, group: str) -> bool:
    """Whether most options of the group lie at the root of the config."""
    packages = [Document(path).package for path in experiment.options_in_folders(group).values()]
    return 2 * packages.count(nodes.GLOBAL) > len(packages)


@dataclass(frozen=True)
class _Start:
    """What a set starts from: another set, if any, and what Hydra composes with the options that it chooses."""

    base: str | None
    chosen: dict[str, str]  # group, with its package if it has one -> option
    again: frozenset[str]  # those of the groups of which an option is chosen already
    config: DictConfig


class RootWriter:
    """Adds parameter sets to the group `group`, whose options lie at the root of the config.

    Where the set `base` that they are to start from lies in a folder of the group, they go into that folder.
    """

    def __init__(self, experiment: Experiment, composer: Composer, group: str, base: str | None = None) -> None:
        self._experiment = experiment
        self._composer = composer
        self.group = group
        self._listed = composer.groups()
        self._given = (
            option_file.known_option(base, list(experiment.options_in_folders(group)), group) if base else None
        )
        self._within = (self._given or "").rpartition("/")[0]
        self._prefix = "" if group in self._listed else "+"
        self._package = _AT_ROOT if _is_put_at_root(experiment, group) else ""
        self.folder = OptionFolder(experiment.group_dir(group) / self._within, composer.root)

    def sets(self, points: Sequence[Sequence[Assignment]], *, slug: str | None) -> Outcome:
        """A file for each point; points that a file already has are only named. To be called while claimed.

        Raises CommandError for unknown keys, groups and options, wrong types, and what does not compose.
        """
        return self._sets(points, slug, self._neighbours())

    @property
    def key(self) -> str:
        """What chooses a set on the command line, where a group that is not in the defaults list is added."""
        return f"{self._prefix}{self.group}{self._package}"

    def base_option(self) -> str | None:
        """None: a set at the root inherits nothing but what config.yaml chooses."""
        return None

    def may_set(self, key: str) -> bool:
        """True: from the root a set reaches every key."""
        return True

    def exactly(self, values: Mapping[str, Any], *, slug: str | None) -> NewOption:
        """The next file, with these values by dotted key, or the one that has them already.

        To be called while claimed. Raises CommandError where nothing is to be set.
        """
        point = [Assignment(key, value, scalar(value), f"{key}={scalar(value)}") for key, value in values.items()]
        found = self.sets([point], slug=slug) if point else Outcome(self.group)
        if found.created:
            return found.created[0]
        if not found.existing:
            raise CommandError("the run had nothing but the defaults", "run the experiment without a parameter set")
        path = self.folder.path / f"{found.existing[0][0]}.yaml"
        return NewOption(path.stem, path, files.read_text(path), {})

    def first_set(self, point: Sequence[Assignment], *, like: Mapping[str, Path]) -> Outcome:
        """The first set of a new experiment, in the style of those of the one that it was copied from."""
        if not point:
            return Outcome(self.group, self._prefix, self._package)
        return self._sets([point], None, [Document(path) for path in like.values()])

    def _sets(self, points: Sequence[Sequence[Assignment]], slug: str | None, like: Sequence[Document]) -> Outcome:
        outcome = Outcome(self.group, self._prefix, self._package, base=self._given)
        names = naming.Names(self.folder.names(), like=[document.path.stem for document in like])
        own = _keys_of_names(like)
        known = {
            n: _content(Document(path), own) for n, path in self._experiment.options_in_folders(self.group).items()
        }
        base = outcome.inherited = self._base()
        for point in points:
            start, values = self._start(base, point)
            keys = Keys(start.config, "", "the config", {}, None)
            settings, at_base = keys.settings(values)
            outcome.at_base |= at_base
            entries = [*self._bases(start), *self._entries(start)]
            shown = {group: Setting(option, None) for group, option in start.chosen.items()} | settings
            words = option_file.words(shown) if len(points) > 1 or slug is None else ""
            label = naming.slug("-".join(filter(None, (slug, words))) or next(iter(shown), "").rpartition(".")[2])
            text = self._text(entries, settings, like)
            content = _content(Document(Path(), text), own)
            same = next((name for name, other in known.items() if other == content), None)
            if same is not None or not shown:
                outcome.existing.append((same or start.base or "", shown))
                continue
            name = names.take(label, always=slug is not None and not own)  # else the words have no other place
            option = f"{self._within}/{name}".lstrip("/")
            named = {key: Setting(name, None) for key in own if key not in settings}
            text = self._text(entries, {**named, **settings}, like)
            path = self.folder.path / f"{name}.yaml"
            self._verify(option, path, text, node_values.with_settings(start.config, {**named, **settings}), settings)
            outcome.created.append(NewOption(option, path, text, shown))
            known[option] = content
        if outcome.created and not self._experiment.options(self.group) and not like:
            outcome.notes.append(self._new_group())
        return outcome

    def _new_group(self) -> str:
        """How the sets are chosen that are the first of their group."""
        config = self._experiment.config_file.name
        chosen = f"chosen with {naming.override(self.key, 'NAME')}"
        if not self._prefix:
            return f"{self.group}/ is new; its sets are {chosen}"
        return (
            f"{self.group}/ is new; its sets are {chosen}, and without the + once `- {self.group}: null` stands last "
            f"in the defaults list of {config}"
        )

    def _neighbours(self) -> list[Document]:
        return [Document(path) for path in reversed(self._experiment.options_in_folders(self.group).values())]

    def _base(self) -> str | None:
        """The set that a new one starts from: the one given, else the one that config.yaml chooses, if that lies at the
        root as well.
        """
        if self._given is not None:
            return self._given
        default = self._listed.get(self.group)
        path = self._experiment.options_in_folders(self.group).get(default or "")
        at_root = path is not None and (self._package or Document(path).package == nodes.GLOBAL)
        return default if at_root else None

    # -- options of other groups, and values ---------------------------------------------------------------------

    def _start(self, base: str | None, point: Sequence[Assignment]) -> tuple[_Start, list[Assignment]]:
        """What the set starts from when the options of `point` are chosen, and the values of `point`."""
        chosen: dict[str, str] = {}
        values: list[Assignment] = []
        added: set[str] = set()
        for assignment in point:
            options = self._options(assignment.key)
            if options and isinstance(assignment.value, str):
                self._check_option(assignment, options)
                group = self._packaged(assignment.key)
                chosen[group] = str(assignment.value)
                if assignment.sign:
                    added.add(group)
            else:
                values.append(assignment)
        for group in [group for group, option in chosen.items() if self._default(group) == option and base is None]:
            del chosen[group]
        again = frozenset(chosen.keys() - added)
        composed = self._composed(base, chosen, again)
        # Only Hydra knows which groups are in a list, as options have lists too; a wrong sign is forgiven.
        for _ in chosen:
            refusal = composed.failure.refusal if composed.failure else None
            if not isinstance(refusal, (NotOverridable, ChosenTwice)):
                break
            wrong = {group for group in chosen if refusal.group in (group, group.partition("@")[0])}
            again = again - wrong if isinstance(refusal, NotOverridable) else again | wrong
            composed = self._composed(base, chosen, again)
        return _Start(base, chosen, again, self._config(composed)), values

    def _composed(self, base: str | None, chosen: Mapping[str, str], again: Collection[str]) -> Composition:
        choices = {group if group in again else f"+{group}": option for group, option in chosen.items()}
        if base is not None:
            choices[self.key] = base
        return self._composer.compose(choices)

    def _config(self, composed: Composition) -> DictConfig:
        """What was composed. Raises CommandError where that failed."""
        if composed.failure or composed.config is None:
            words = " ".join(naming.override(group, option or "null") for group, option in composed.choices.items())
            refusal = composed.failure.refusal if composed.failure else None
            if isinstance(refusal, NotChosen):
                raise self._choice_needed(refusal.group)
            reason = refusal.words if refusal else ""
            said = f"{words or 'the config'} does not compose: {reason}"
            raise refused.to_mend(said, self._experiment, self._composer.root)
        return composed.config

    def _choice_needed(self, group: str) -> CommandError:
        """The error for a group of which every run has to choose an option: the set can do that."""
        known = self._options(group)
        named = f" (available: {', '.join(known[:_MOST_OPTIONS])}{', …' if len(known) > _MOST_OPTIONS else ''})"
        if group == self.group:
            return CommandError(
                f"{self._experiment.config_file.name} leaves {group} to each run, and without a set there is nothing "
                f"that a new one could differ from{named if known else ''}",
                "say which set it starts from: --from SET",
                command_line.corrected({}, more=["--from", known[0]]) if known else None,
            )
        return CommandError(
            f"every run has to choose an option of {group}, and so has the set{named if known else ''}",
            f"choose one: {group}=OPTION",
            command_line.corrected({}, more=[naming.override(group, known[0])]) if known else None,
        )

    def _options(self, key: str) -> list[str]:
        group = key.partition("@")[0]
        stored = [r.name for r in self._composer.schema.registrations if r.group == group]
        return sorted({*self._experiment.options_in_folders(group), *stored}) if "." not in group else []

    def _check_option(self, assignment: Assignment, options: Sequence[str]) -> None:
        if assignment.key == self.group:
            raise CommandError(
                f"{assignment.word!r} chooses a parameter set, it sets no value",
                f"to build on that set: --from {assignment.written}, and what differs",
            )
        if assignment.value in options:
            return
        guess = did_you_mean(assignment.value, options)
        raise CommandError(
            f"{assignment.key} has no option {assignment.value!r}; it has: {', '.join(options)}",
            f"did you mean {assignment.key}={guess}?" if guess else f"make {assignment.key}/{assignment.value}.yaml",
            command_line.corrected({assignment.word: [assignment.word.replace(assignment.written, guess)]})
            if guess
            else None,
        )

    def _bases(self, start: _Start) -> Iterator[str]:
        if start.base is not None:  # from the root where a folder is in between: such a file may be chosen in two ways
            yield option_file.entry_value(f"/{self.group}/{start.base}" if "/" in start.base else start.base)

    def _entries(self, start: _Start) -> Iterator[str]:
        for group, option in start.chosen.items():
            key = option_file.entry_value(f"{'override ' if group in start.again else ''}/{group}")
            yield f"{key}: {option_file.entry_value(option)}"

    def _is_listed(self, group: str) -> bool:
        return group in self._listed if "@" not in group else group in self._listed_keys()

    def _default(self, group: str) -> str | None:
        """What config.yaml chooses of a group that it lists."""
        return self._listed.get(group.partition("@")[0]) if self._is_listed(group) else None

    def _listed_keys(self) -> list[str]:
        """The groups of config.yaml as they are written there, with their packages."""
        entries = (entry for entry in _entries(self._experiment) if isinstance(entry, dict))
        return [str(key).removeprefix("/") for entry in entries for key in entry]

    def _packaged(self, group: str) -> str:
        """The group with the package that config.yaml gives it, as Hydra wants it named: `task@_global_`."""
        keys = self._listed_keys() if "@" not in group else []
        return next((key for key in keys if key.partition("@")[0] == group), group)

    # -- text ----------------------------------------------------------------------------------------------------

    def _text(self, entries: Sequence[str], settings: Mapping[str, Setting], like: Sequence[Document]) -> str:
        header = next((document.header for document in like if document.package == nodes.GLOBAL), None)
        return option_file.render_at_root(
            header or HEADER, entries, settings, [document.text_or_empty for document in like]
        )

    def _verify(
        self, option: str, path: Path, text: str, expected: DictConfig, settings: Mapping[str, Setting]
    ) -> None:
        """What the file makes of the config must be what was asked for, and a config whose values can be read."""
        document = Document(path, text)
        composed = self._composer.compose_with({path: document}, {self.key: option})
        if composed.failure or composed.config is None:
            refusal = composed.failure.refusal if composed.failure else None
            # Listed behind the sets with `???`, it still waits for a choice there.
            if isinstance(refusal, (NotOverridable, NotChosen)) and self._is_listed(refusal.group):
                config = self._experiment.config_file.name
                raise CommandError(
                    f"a set of {self.group} cannot choose {refusal.group}, so nothing was written: {config} lists it "
                    f"behind {self.group}, and a set chooses again only of what stands before it",
                    f"choose it in the run, {refusal.group}=OPTION, or put `{self.group}` behind it in {config}",
                )
            reason = refusal.words if refusal else ""
            raise CommandError(
                f"a set with these values would not compose, so nothing was written: {reason}",
                f"{self.group}/ has sets that do: write {path.name} as they are written",
            )
        for key, setting in settings.items():
            if not node_values.has_value(composed.config, key, setting.value):
                raise CommandError(
                    f"{key} would keep its value: what {self._experiment.config_file.name} lists after "
                    f"{self.group} sets it again, so nothing was written",
                    f"put `{self.group}` last in the defaults list of {self._experiment.config_file.name}",
                )
        # What the option brings that config.yaml chooses unasked, below the name of the group, goes with that option.
        drop = (self.group,) if self._listed.get(self.group) is not None and self._base() is None else ()
        there = (str(key) for key, _ in nodes.children(expected) if key not in drop)
        lost = [key for key in there if nodes.child(composed.config, key) is None]
        config = self._experiment.config_file.name
        if lost and "_self_" not in _entries(self._experiment):
            raise CommandError(
                f"with any set, Hydra would leave out the values of {config} itself ({', '.join(lost[:_NAMED])}): its "
                "defaults list has neither options nor `_self_`; nothing was written",
                f"put the line `- _self_` first into the defaults list of {config}",
            )
        if node_values.comparable(composed.config, drop=drop) != node_values.comparable(expected, drop=drop):
            raise CommandError(
                "a set with these values would change others as well, so nothing was written",
                f"{self.group}/ has sets that work: write {path.name} as they are written",
            )
        references.check(composed.config, settings, self._composer.schema)


def _keys_of_names(sets: Sequence[Document]) -> list[str]:
    """The keys under which every set has its own name."""
    common: set[str] | None = None
    for document in sets:
        own = {key for key, value in node_values.leaves(_data(document)) if value == document.path.stem}
        common = own if common is None else common & own
    return sorted(common or ())


def _data(document: Document) -> dict[Any, Any]:
    """What a file has; nothing for one that cannot be read."""
    try:
        data = document.data
    except (SourceError, OSError):
        return {}
    return data if isinstance(data, dict) else {}


def _content(document: Document, drop: Collection[str] = ()) -> tuple[Any, Any]:
    """(the defaults list, the values by dotted key but for those at `drop`) of a file, to compare it with another."""
    data = _data(document)
    values = {key: value for key, value in data.items() if key != "defaults"}
    return (
        node_values.tagged(data.get("defaults")),
        {key: node_values.tagged(value) for key, value in node_values.leaves(values) if key not in drop},
    )
