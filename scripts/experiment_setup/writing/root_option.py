"""New parameter sets that lie at the root of the config: files with `# @package _global_`, Hydra's experiment pattern.

Such a set chooses options of other groups (`override /model: large`) and sets values anywhere (`trainer.epochs`). What
it comes to is asked of Hydra twice, as a command line and as a file; only where both agree is the file written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from experiment_setup import command_line, naming
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.location import did_you_mean
from experiment_setup.project import Experiment
from experiment_setup.reading.overrides import Assignment
from experiment_setup.reading.source import Document, SourceError
from experiment_setup.writing import node_values, option_file, references
from experiment_setup.writing.keys import Keys
from experiment_setup.writing.node_values import Setting
from experiment_setup.writing.option_folder import NewOption, OptionFolder, Outcome

HEADER = "# @package _global_"
_USUAL = ("exp", "experiment", "experiments", "exps")  # of several groups at the root, the one with the sets


def group_of_sets(experiment: Experiment, listed: Mapping[str, str | None], usual: str) -> str | None:
    """The group whose options lie at the root of the config, or None where the sets are those of the group `usual`.

    `listed` are the groups of the defaults list. Raises CommandError where several groups can be meant.
    """
    at_root = {}
    folders = (p for p in experiment.config_dir.iterdir() if p.is_dir() and not p.name.startswith("."))
    for path in sorted(p for p in folders if os.access(p, os.R_OK | os.X_OK)):
        options = experiment.options(path.name)
        headers = [Document(file).header or "" for file in options.values()]
        count = sum(_package(header) == "_global_" for header in headers)
        if 2 * count > len(options):
            at_root[path.name] = count
    if usual in at_root or usual in listed or not at_root:
        return usual if usual in at_root else None
    named = [name for name in _USUAL if name in at_root]
    if named or len(at_root) == 1:
        return (named or list(at_root))[0]
    raise CommandError(
        f"the files of {', '.join(at_root)} all lie at the root of the config ({HEADER}): "
        "which of these groups holds the parameter sets is not clear",
        f"write {next(iter(at_root))}/NAME.yaml by hand, or call the folder of the parameter sets experiment/",
    )


@dataclass(frozen=True)
class _Start:
    """What a set starts from: another set, if any, and what Hydra composes with the options that it chooses."""

    base: str | None
    chosen: dict[str, str]  # group -> option
    config: DictConfig


class RootWriter:
    """Adds parameter sets to the group `group`, whose options lie at the root of the config."""

    def __init__(self, experiment: Experiment, composer: Composer, group: str) -> None:
        self._experiment = experiment
        self._composer = composer
        self._group = group
        self._listed = composer.groups()
        self.prefix = "" if group in self._listed else "+"
        self.folder = OptionFolder(experiment.group_dir(group), composer.root)

    def sets(self, points: Sequence[Sequence[Assignment]], *, slug: str | None, base: str | None) -> Outcome:
        """A file for each point; points that a file already has are only named. To be called while claimed.

        Raises CommandError for unknown keys, groups and options, wrong types, and what does not compose.
        """
        return self._sets(points, slug, base, self._neighbours())

    def first_set(self, point: Sequence[Assignment], *, like: Mapping[str, Path]) -> Outcome:
        """The first set of a new experiment, in the style of those of the one that it was copied from."""
        if not point:
            return Outcome(self._group, self.prefix)
        return self._sets([point], None, None, [Document(path) for path in like.values()])

    def _sets(
        self,
        points: Sequence[Sequence[Assignment]],
        slug: str | None,
        given: str | None,
        like: Sequence[Document],
    ) -> Outcome:
        outcome = Outcome(self._group, self.prefix)
        names = naming.Names(self.folder.names(), like=[document.path.stem for document in like])
        known = {path.stem: _content(Document(path)) for path in self._experiment.options(self._group).values()}
        base = self._base(given)
        for point in points:
            start, values = self._start(base, point)
            keys = Keys(start.config, "", "the config", {}, None)
            settings, at_base = keys.settings(values)
            outcome.at_base |= at_base
            entries = [*([start.base] if start.base else []), *self._entries(start)]
            shown = {group: Setting(option, None) for group, option in start.chosen.items()} | settings
            words = option_file.words(shown) if len(points) > 1 or slug is None else ""
            label = naming.slug("-".join(filter(None, (slug, words)))) or "baseline"
            text = self._text(entries, settings, like)
            same = next((name for name, content in known.items() if content == _content_of(text)), None)
            if same is not None or not shown:
                outcome.existing.append((same or start.base or "none", shown))
                continue
            option = names.take(label)
            text = self._text(entries, self._named(option, start, settings, like), like)
            path = self.folder.path / f"{option}.yaml"
            self._verify(start, path, text, settings)
            outcome.created.append(NewOption(option, path, text, shown))
            known[option] = _content_of(text)
        return outcome

    def _neighbours(self) -> list[Document]:
        return [Document(path) for path in reversed(self._experiment.options(self._group).values())]

    def _base(self, given: str | None) -> str | None:
        """The set that a new one starts from: the one given, else the one that config.yaml chooses."""
        if given is not None:
            return option_file.known_option(given, list(self._experiment.options(self._group)))
        default = self._listed.get(self._group)
        return default if default in self._experiment.options(self._group) else None

    # -- options of other groups, and values ---------------------------------------------------------------------

    def _start(self, base: str | None, point: Sequence[Assignment]) -> tuple[_Start, list[Assignment]]:
        """What the set starts from when the options of `point` are chosen, and the values of `point`."""
        chosen: dict[str, str] = {}
        values: list[Assignment] = []
        for assignment in point:
            options = self._options(assignment.key)
            if options and isinstance(assignment.value, str):
                self._check_option(assignment, options)
                chosen[assignment.key] = str(assignment.value)
            else:
                values.append(assignment)
        for group in [group for group, option in chosen.items() if self._listed.get(group) == option and base is None]:
            del chosen[group]
        return _Start(base, chosen, self._composed(base, chosen)), values

    def _composed(self, base: str | None, chosen: Mapping[str, str]) -> DictConfig:
        choices = {group if group in self._listed else f"+{group}": option for group, option in chosen.items()}
        if base is not None:
            choices[f"{self.prefix}{self._group}"] = base
        composed = self._composer.compose(choices)
        if composed.failure or composed.config is None:
            words = " ".join(naming.override(group, option) for group, option in choices.items())
            reason = composed.failure.refusal.words if composed.failure else ""
            raise CommandError(
                f"{words or 'the config'} does not compose: {reason}",
                "mend that first; validate.py says where",
            )
        return composed.config

    def _options(self, group: str) -> list[str]:
        stored = [r.name for r in self._composer.schema.registrations if r.group == group]
        return sorted({*self._experiment.options(group), *stored}) if "." not in group else []

    def _check_option(self, assignment: Assignment, options: Sequence[str]) -> None:
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

    def _entries(self, start: _Start) -> Iterator[str]:
        for group, option in start.chosen.items():
            yield f"{'override ' if group in self._listed else ''}/{group}: {option_file.entry_value(option)}"

    # -- text ----------------------------------------------------------------------------------------------------

    def _text(self, entries: Sequence[str], settings: Mapping[str, Setting], like: Sequence[Document]) -> str:
        headers = [document.header for document in like if document.header and _package(document.header) == "_global_"]
        return option_file.render_at_root(
            headers[0] if headers else HEADER, entries, settings, [document.text_or_empty for document in like]
        )

    def _named(
        self, option: str, start: _Start, settings: dict[str, Setting], like: Sequence[Document]
    ) -> dict[str, Setting]:
        """The settings, with the option's name where every set so far has its own: under the same key."""
        common: set[str] | None = None
        for document in like:
            own = {key for key, value in node_values.leaves(_content(document)[1]) if value == document.path.stem}
            common = own if common is None else common & own
        named = {key: Setting(option, None) for key in sorted(common or ()) if key not in settings}
        return {**named, **settings}

    def _verify(self, start: _Start, path: Path, text: str, settings: Mapping[str, Setting]) -> None:
        """What the file makes of the config must be what was asked for, and a config whose values can be read."""
        document = Document(path, text)
        composed = self._composer.compose_with({path: document}, {f"{self.prefix}{self._group}": path.stem})
        if composed.failure or composed.config is None:
            reason = composed.failure.refusal.words if composed.failure else ""
            raise CommandError(
                f"a set with these values would not compose, so nothing was written: {reason}",
                f"{self._group}/ has sets that do: write {path.name} as they are written",
            )
        for key, setting in settings.items():
            if not node_values.has_value(composed.config, key, setting.value):
                raise CommandError(
                    f"{key} would keep its value: what {self._experiment.config_file.name} lists after "
                    f"{self._group} sets it again, so nothing was written",
                    f"put `{self._group}` last in the defaults list of {self._experiment.config_file.name}",
                )
        references.check(composed.config, settings, self._composer.schema)


def _package(header: str) -> str | None:
    words = header.lstrip("# \t").split()
    return words[1] if len(words) > 1 and words[0] == "@package" else None


def _content(document: Document) -> tuple[Any, Any]:
    """(the defaults list, the values) of a file, to compare it with another; empty for what cannot be read."""
    try:
        data = document.data
    except (SourceError, OSError):
        return None, {}
    if not isinstance(data, dict):
        return None, {}
    values = {key: value for key, value in data.items() if key != "defaults"}
    return node_values.tagged(data.get("defaults")), values


def _content_of(text: str) -> tuple[Any, Any]:
    return _content(Document(Path(), text))
