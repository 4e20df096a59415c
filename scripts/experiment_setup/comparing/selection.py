"""Which configs are compared: the words of the command line as experiments, parameter sets and other options."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

from experiment_setup import command_line, files
from experiment_setup.errors import CommandError
from experiment_setup.light import compiled, dataclass
from experiment_setup.listing import few_of_many
from experiment_setup.location import did_you_mean
from experiment_setup.project import SETS, Experiment, Project, option_name

_CHOICE = compiled(r"\+?[\w./@\-]+=.+")


@dataclass
class Selection:
    """Experiments, and what of each is compared: the named sets (none: all), with these options of other groups."""

    experiments: list[Experiment]
    sets: dict[str, str] = field(default_factory=dict)  # name -> the word that named it
    options: dict[str, list[str]] = field(default_factory=dict)  # config group -> options


@dataclass(frozen=True)
class Selections:
    """What the words mean, and what is worth saying of that."""

    parts: Sequence[Selection]
    notes: Sequence[str] = ()


def of(project: Project, words: Sequence[str]) -> Selections:
    """What the words mean: experiments, each with the sets and options behind it; nothing means everything.

    A bare word behind an experiment is one of its parameter sets, if it has that, as for show.py. Raises CommandError
    for a word that means nothing.
    """
    reader = _Reader(project)
    for word in words:
        reader.read(word)
    return Selections(reader.parts or [Selection(_all(project))], reader.notes)


class _Reader:
    """Takes the words one by one: each opens a selection or adds to the last one."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.parts: list[Selection] = []
        self.notes: list[str] = []

    def read(self, word: str) -> None:
        here = self.parts[-1] if self.parts else None
        if (file := _set_file(self.project, word)) is not None:
            self._file(*file, word)
        elif _is_choice(word):
            self._choice(word)
        elif here is not None and any(_has(experiment, word) for experiment in here.experiments):
            self._set_of(here, word)
        elif found := self.project.matching(word):
            self._experiments(found, word)
        elif here is not None:
            here.sets[option_name(word, SETS)] = word  # one that is no file of exp/, or a mistake
        else:
            self._set_of_the_only_one(word)

    def _open(self, selection: Selection) -> Selection:
        self.parts.append(selection)
        return selection

    def _file(self, experiment: Experiment, name: str, word: str) -> None:
        here = self.parts[-1] if self.parts else None
        if here is None or here.experiments != [experiment] or not here.sets:
            here = self._open(Selection([experiment]))
        here.sets[name] = word

    def _choice(self, word: str) -> None:
        here = self.parts[-1] if self.parts else self._open(Selection(_all(self.project)))
        group, _, options = word.partition("=")
        names = [option.strip().strip("'\"") for option in options.strip("[]").split(",")]
        if group in (SETS, f"+{SETS}"):
            here.sets |= {option_name(name, SETS): word for name in names}
        else:
            here.options.setdefault(group, []).extend(names)

    def _set_of(self, here: Selection, word: str) -> None:
        here.sets[option_name(word, SETS)] = word
        if others := [e for e in self.project.matching(word) if e not in here.experiments]:
            self.notes.append(
                f"note: {word} is taken for the parameter set of {here.experiments[0].name}; "
                f"the experiment is {others[0].name}"
            )

    def _experiments(self, found: Sequence[Experiment], word: str) -> None:
        if len(found) > 1 and not _is_folder(self.project, word):
            found = [self.project.experiment(word)]  # says which there are
        here = self.parts[-1] if self.parts else None
        if here is None or here.sets or here.options:
            self._open(Selection(list(found)))
        else:
            here.experiments += [experiment for experiment in found if experiment not in here.experiments]

    def _set_of_the_only_one(self, word: str) -> None:
        known = self.project.experiments
        if len(known) == 1 and _has(known[0], word):
            self._open(Selection(list(known), {option_name(word, SETS): word}))
        elif len(known) == 1 and _may_have(known[0], word):
            self._open(Selection(list(known), {word: word}))
        else:
            raise _unknown(self.project, word)


def unknown_set(selection: Selection, name: str, known: Sequence[str]) -> CommandError:
    """The error for a parameter set that none of the experiments has."""
    word, guess = selection.sets[name], did_you_mean(name, known)
    names, listed = few_of_many([one.name for one in selection.experiments], 3), few_of_many(known, 20)
    return CommandError(
        f"{name!r} is no parameter set of {names} (available: {listed or 'none'})",
        f"did you mean {guess}?" if guess else "give one of these names",
        command_line.corrected({word: [word.replace(name, guess)]}) if guess else None,
    )


def unknown_option(selection: Selection, group: str, name: str, refused: str) -> CommandError:
    """The error for an option with which nothing composes."""
    known = sorted({option for experiment in selection.experiments for option in experiment.options(group.lstrip("+"))})
    guess = did_you_mean(name, known)
    typed = next((word for word in sys.argv[1:] if word.startswith(f"{group}=") and name in word), f"{group}={name}")
    return CommandError(
        f"nothing composes with {group}={name}: {refused}",
        f"did you mean {group}={guess}?" if guess else f"available: {', '.join(known[:20]) or 'none'}",
        command_line.corrected({typed: [typed.replace(name, guess)]}) if guess else None,
    )


def _all(project: Project) -> list[Experiment]:
    """Every experiment. Raises CommandError where there is none."""
    if not project.experiments:
        project.experiment(None)
    return list(project.experiments)


def _is_choice(word: str) -> bool:
    return _CHOICE.fullmatch(word) is not None and not word.startswith(("./", "/"))


def _is_folder(project: Project, word: str) -> bool:
    return any(files.is_folder(base / word) for base in (Path.cwd(), project.root))


def _has(experiment: Experiment, word: str) -> bool:
    return option_name(word, SETS) in experiment.options(SETS)


def _may_have(experiment: Experiment, word: str) -> bool:
    """Whether a folder of its configs has an option of this name: a set may be in another group than exp/."""
    options = experiment.config_dir.glob("*/*.yaml")
    return any(path.stem == word for path in options)


def _set_file(project: Project, word: str) -> tuple[Experiment, str] | None:
    """The experiment and the set that the path of an option file means."""
    if not word.endswith((".yaml", ".yml")):
        return None
    for base in (Path.cwd(), project.root):
        path = files.real(base / word)
        if path.is_file():
            for experiment in project.experiments:
                if path.parent == files.real(experiment.group_dir(SETS)):
                    return experiment, path.stem
    return None


def _unknown(project: Project, word: str) -> CommandError:
    sets = {name for experiment in project.experiments for name in experiment.options(SETS)}
    if option_name(word, SETS) in sets:
        having = [e for e in project.experiments if _has(e, word)]
        return CommandError(
            f"{word!r} is no experiment; a parameter set of {having[0].name}"
            + (f" and {len(having) - 1} more" if len(having) > 1 else ""),
            f"give the experiment first, or {SETS}={word} for all of them",
            command_line.corrected({word: [having[0].name, word]}),
        )
    try:
        project.experiment(word)
    except CommandError as error:
        return error
    raise AssertionError(word)
