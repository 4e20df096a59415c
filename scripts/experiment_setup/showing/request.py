"""What show.py is asked for, and the composition that is meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path

from experiment_setup import command_line, naming, schema
from experiment_setup.composing.compose import Composer
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.refusals import Failure, NotChosen, NotFound, UnknownKey, UnresolvedOption
from experiment_setup.errors import CommandError
from experiment_setup.facts.options import listed
from experiment_setup.findings import Finding
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import SETS, Experiment, Project, option_name, root_words
from experiment_setup.reading.source import Document

_NAMED = 10  # options that a message lists
_OVERRIDE = compiled(r"[~+]|[^=\s]+=")


@dataclass(frozen=True)
class Request:
    """What is asked for; the fields are the options of show.py."""

    root: Path | None = None
    words: Sequence[str] = ()
    format: str | None = None
    explain: str | None = None
    only_changed: bool = False
    resolve: bool = False
    package: str | None = None
    fields: bool = False
    run: Path | None = None


@dataclass(frozen=True)
class Subject:
    """An experiment and the words of a command line that say what of it is composed."""

    project: Project
    composer: Composer
    choices: dict[str, str | None] = field(default_factory=dict)
    overrides: Sequence[str] = ()

    @classmethod
    def of(cls, request: Request) -> Subject:
        """Raises CommandError where the words mean no experiment, or none that can be composed."""
        project = Project.locate(request.root, request.words)
        name, words = None, list(request.words)
        if words and (not _OVERRIDE.match(words[0]) or words[0].startswith(("./", "/"))):
            name, *words = words
        subject = cls.over(project, project.experiment(name))
        groups = subject.composer.groups()
        overrides: list[str] = []
        for word in words:
            group, separator, option = word.partition("=")
            if not _OVERRIDE.match(word):
                subject.choices[SETS] = subject._set(word)
            elif separator and group in groups and not option.startswith("["):  # of a list Hydra takes each
                subject.choices[group] = subject._one_option(group, option, words)
            else:
                overrides.append(word)
        return cls(project, subject.composer, subject.choices, overrides)

    @classmethod
    def over(cls, project: Project, experiment: Experiment) -> Subject:
        """The experiment as it is without a choice. Raises CommandError where it has no entry point."""
        if experiment.entry is None:
            where = project.relative(experiment.folder)
            raise CommandError(f"{where} has no entry point with @hydra.main", "add train.py first")
        return cls(project, Composer(experiment, schema.read(experiment.entry, project.root), project.root))

    @property
    def experiment(self) -> Experiment:
        """The experiment."""
        return self.composer.experiment

    @property
    def words(self) -> list[str]:
        """The choices and overrides, as Hydra's command line takes them."""
        chosen = self.choices.items()
        return [*(naming.override(group, option) for group, option in chosen if option is not None), *self.overrides]

    def chosen(self) -> dict[str, str | None]:
        """The option of each group, chosen or by default."""
        return {**self.composer.groups(), **self.choices}

    def composition(self, *, origins: bool = True) -> Composition:
        """What is composed; raises CommandError, with the place, where Hydra would fail."""
        outcome = self.composer.compose(self.choices, self.overrides, origins=origins)
        if outcome.failure is not None:
            raise refused(self, outcome.failure, next(iter(self.composer.failures(outcome)), outcome.failure))
        return outcome

    def options(self, group: str) -> list[str]:
        """The options of a group: its files, and what is stored for it."""
        stored = [known.name for known in self.composer.schema.registrations if known.group == group]
        return sorted({*self.experiment.options(group), *stored})

    def command(self, words: Sequence[str]) -> str:
        """The command line that shows this experiment with these words, ready to paste."""
        experiment = self.project.relative(self.experiment.folder)
        return command_line.command("show.py", [experiment, *words, *root_words(self.project.root)])

    def place(self, location: Location) -> str:
        """A place, as seen from the project's root."""
        return f"{self.project.relative(location.path)}:{location.line}:{location.column}"

    def _one_option(self, group: str, text: str, words: Sequence[str]) -> str:
        """The option that the text after `group=` names. Raises CommandError for a sweep, and for a number or null."""
        option, meant = _option(text), None
        if option is not None:
            return option
        word = f"{group}={text}"
        if "," in text:
            what, meant = f"{word} is a sweep, and one config is shown", text.partition(",")[0]
        else:
            what, meant = f"Hydra does not read {word} as the name of an option", self._of_that_number(group, text)
        corrected = [naming.override(group, meant) if other == word else other for other in words]
        raise CommandError(what, None, self.command(corrected))

    def _of_that_number(self, group: str, text: str) -> str:
        """The option that a number means, as `1` means 001 where there is no 1."""
        known, number = self.options(group), naming.integer(text)
        same = [option for option in known if number is not None and naming.integer(option) == number]
        return same[0] if text not in known and len(same) == 1 else text

    def _set(self, word: str) -> str:
        """The parameter set that a bare word means."""
        name, known = option_name(word, SETS), self.options(SETS)
        if name not in known:
            guess = did_you_mean(name, known)
            raise CommandError(
                f"{word!r} is no parameter set of {self.experiment.name} (available: {', '.join(known) or 'none'})",
                f"did you mean {guess}?" if guess else None,
                self.command([naming.override(SETS, guess)]) if guess else None,
            )
        return name


def refused(subject: Subject, failure: Failure, placed: Failure) -> CommandError:
    """Why the subject does not compose, in the words of the rule that finds it; `placed` has its place in a file."""
    what = " ".join(subject.words) or "this experiment"
    if placed.path is not None:
        location = subject.composer.document(placed.path).key(placed.steps)
        found = _finding(subject, location)
        if found is not None:
            return CommandError(f"{subject.place(found.location)}: {found.message}", found.help)
        return CommandError(f"Hydra does not compose {what}: {subject.place(location)}: {failure.refusal.words}")
    return CommandError(f"Hydra does not compose {what}: {failure.refusal.words}", *_advice(subject, failure))


def _finding(subject: Subject, location: Location) -> Finding | None:
    from experiment_setup.checking.check import check

    findings = check(subject.project, [subject.experiment]).findings
    lines = (location.path, location.line)
    return next((found for found in findings if (found.location.path, found.location.line) == lines), None)


def _advice(subject: Subject, failure: Failure) -> tuple[str | None, str | None]:
    """What to do, and what to type for it, where the mistake is on the command line."""
    refusal = failure.refusal
    if isinstance(refusal, NotChosen):
        group = refusal.group.partition("@")[0]
        known = subject.options(group) or list(subject.experiment.options_in_folders(group))
        if not known:
            return f"choose one: {refusal.group}=OPTION", None
        more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
        command = subject.command([*subject.words, naming.override(refusal.group, known[0])])
        return f"choose one, such as {known[0]} (available: {', '.join(known[:_NAMED])}{more})", command
    if isinstance(refusal, NotFound):
        group, _, name = refusal.config.rpartition("/")
        known = subject.options(group)
        guess = did_you_mean(name, known)
        if (waiting := _first_to_choose(subject, listed(_primary(subject)).get(group) or "")) is not None:
            return waiting
        if guess is None:
            return f"available: {', '.join(known) or 'none'}", None
        return f"did you mean {guess}?", subject.command(_replaced(subject.words, group, guess))
    if isinstance(refusal, UnresolvedOption):
        return _first_to_choose(subject, refusal.written) or (None, None)
    if isinstance(refusal, UnknownKey) and failure.key is not None:
        known = list(subject.composer.compose(subject.choices, origins=True).origins or ())
        guess = did_you_mean(failure.key, known)
        if guess is None:
            return f"a key that the config does not have is added with a plus: +{failure.key}=VALUE", None
        renamed = [re.sub(rf"^{re.escape(failure.key)}=", f"{guess}=", word) for word in subject.words]
        return f"did you mean {guess}?", subject.command(renamed)
    return None, None


def _first_to_choose(subject: Subject, option: str) -> tuple[str, str] | None:
    """What to do and to type where an option is named after open groups: `- experiment: ${model}_${data}`."""
    groups = re.findall(r"\$\{([\w/]+)\}", option)
    waiting = [one for one in groups if one in listed(_primary(subject)) and subject.chosen().get(one) is None]
    first = [naming.override(one, option) for one in waiting for option in subject.options(one)[:1]]
    return (f"choose {' and '.join(waiting)} first", subject.command([*subject.words, *first])) if first else None


def _primary(subject: Subject) -> Document:
    return subject.composer.document(subject.experiment.config_file)


def _replaced(words: Sequence[str], group: str, option: str) -> list[str]:
    """The words with this option of the group, which another word or the config may have chosen."""
    chosen = [naming.override(group, option) if word.startswith(f"{group}=") else word for word in words]
    return chosen if chosen != list(words) else [*words, naming.override(group, option)]


def _option(text: str) -> str | None:
    """The one option that the text after `group=` names to Hydra's grammar; None for a number, a list or a sweep."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1] if "\\" not in text and text[0] not in text[1:-1] else None
    return text if naming.override("", text) == f"={text}" else None
