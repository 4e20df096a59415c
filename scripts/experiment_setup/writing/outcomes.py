"""How the writing commands say what they did: what was made, what was left alone, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from experiment_setup import naming
from experiment_setup.commands import Next
from experiment_setup.light import dataclass
from experiment_setup.project import Project
from experiment_setup.reading import source
from experiment_setup.writing import option_file
from experiment_setup.writing.last_word import Proof, shortened
from experiment_setup.writing.mentions import Mention
from experiment_setup.writing.node_values import Setting
from experiment_setup.writing.option_folder import Outcome

_SHOWN = 20  # lines of a list; more would bury the rest
_NAMED = 10  # names in a line


@dataclass(frozen=True)
class Added:
    """What add_exp.py and add_env.py say: the options that they made, or that were there."""

    project: Project
    outcome: Outcome
    following: Next
    proof: Proof
    dry_run: bool

    @property
    def exit_code(self) -> int:
        """1 where what was made does not compose everywhere."""
        return self.proof.exit_code

    def data(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "version": 1,
            "dry_run": self.dry_run,
            "created": [
                {
                    "path": self.project.relative(option.path),
                    "option": option.option,
                    "differences": _plain(option.settings),
                    "text": option.text,
                }
                for option in self.outcome.created
            ],
            "existing": [
                {"option": option or None, "differences": _plain(settings)}
                for option, settings in self.outcome.existing
            ],
            "left_out": self.outcome.at_base,
            **self._of_a_run,
            "notes": self.outcome.notes,
            **self.proof.data(),
            **self._next.data(),
        }

    @property
    def _of_a_run(self) -> dict[str, Any]:
        outcome = self.outcome
        return {"run_with": outcome.run_with, "not_equal": outcome.not_equal} if outcome.run_with else {}

    @property
    def _next(self) -> Next:
        """Of a dry run, no command: what it would run does not exist."""
        return Next() if self.dry_run and self.outcome.created else self.following

    def text(self) -> Iterator[str]:
        """The same facts for people."""
        created, group = self.outcome.created, self.outcome.key
        for option in created[:_SHOWN]:
            verb = "would make" if self.dry_run else "made"
            yield shortened(
                f"{verb} {self.project.relative(option.path)}   {option_file.summary(option.settings)}".rstrip()
            )
        if len(created) > _SHOWN:
            yield f"… and {len(created) - _SHOWN} more, through {created[-1].path.name}"
        for name, settings in self.outcome.existing[:_SHOWN]:
            what = naming.override(group, name) if name else "the config without a parameter set"
            yield shortened(f"nothing to write: {what} is this already   {option_file.summary(settings)}".rstrip())
        for key, value in self.outcome.at_base.items():
            yield shortened(f"left out: {key}={source.scalar(value)} is what it inherits already")
        if len(created) == 1:
            yield ""
            yield from map(shortened, created[0].text.rstrip().splitlines())
        base = self.outcome.base
        if base is not None and created:
            named = ["name"] if "\nname:" in created[0].text else []
            own = ", ".join(dict.fromkeys([*named, *created[0].settings]))
            yield ""
            yield shortened(f"later edits of {group}={base} count here too, except for {own}")
        elif created and self.outcome.beside:
            yield ""
            yield shortened(
                f"built on {self.outcome.inherited or 'the defaults'}, not on {' or '.join(self.outcome.beside)}; "
                "--from NAME builds on one"
            )
        yield ""
        yield from self.proof.text()
        yield from self._next.text(self.project)

    def notes(self) -> Iterator[str]:
        """What is to be known besides, for stderr."""
        yield from (f"note: {words}" for words in self.outcome.notes)
        settings = {key: one.value for option in self.outcome.created for key, one in option.settings.items()}
        for key, value in settings.items():
            if option_file.looks_like_no_value(value):
                yield shortened(f"note: {key}={value} is the text {value!r} to Hydra, and {key}=null is no value")
        yield from self._next.notes()


@dataclass
class Report:
    """What making an experiment came to; paths are relative to the project's root."""

    name: str
    path: Path
    source: str  # the folder it was made from, or "template"
    tracker: str | None = None  # the one that was asked for
    files: list[str] = field(default_factory=list)
    notebook_files: list[str] = field(default_factory=list)  # from the root: they lie beside the experiments
    left_behind: dict[str, str] = field(default_factory=dict)  # what was not copied, and the values that it sets
    renamed: dict[str, list[Mention]] = field(default_factory=dict)  # by file, from the experiment's folder
    kept_mentions: list[str] = field(default_factory=list)  # file:line of comments that still say the old name
    notes: list[str] = field(default_factory=list)
    option: Outcome | None = None
    place: int | None = None  # the line of the template's entry point where a training is to be put
    trains_a_toy: bool = False  # what stands there is the template's own
    fields: list[tuple[str, str, str]] = field(default_factory=list)  # key, the line in the dataclass, its file
    following: Next = field(default_factory=Next)
    proof: Proof = field(default_factory=Proof)

    @property
    def parameter_set(self) -> str | None:
        """The parameter set that was made with it."""
        created = self.option.created if self.option else []
        return created[0].option if created else None

    @property
    def choices(self) -> dict[str, str | None]:
        """What chooses that set."""
        name = self.parameter_set
        return {self.option.key: name} if self.option and name else {}


@dataclass(frozen=True)
class Started:
    """What new_experiment.py says: the experiment that it made."""

    project: Project
    report: Report
    dry_run: bool

    @property
    def exit_code(self) -> int:
        """1 where what was made does not compose everywhere."""
        return self.report.proof.exit_code

    def data(self) -> dict[str, Any]:
        """The JSON object."""
        report = self.report
        return {
            "version": 1,
            "dry_run": self.dry_run,
            "path": self.project.relative(report.path),
            "name": report.name,
            "from": report.source,
            "tracker": report.tracker,
            "files": report.files,
            "notebook_files": report.notebook_files,
            "left_behind": list(report.left_behind),
            "renamed": [
                {
                    "path": self.project.relative(report.path / name),
                    "line": mention.line,
                    "old": mention.old,
                    "new": mention.new,
                    "text": mention.text,
                }
                for name, mention in self._renamed
            ],
            "kept_mentions": report.kept_mentions,
            "fields": [{"key": key, "line": line, "path": path} for key, line, path in report.fields],
            "parameter_set": report.parameter_set,
            "left_out": report.option.at_base if report.option else {},
            "config": report.proof.config,
            "notes": report.notes,
            **report.proof.data(),
            **self._next.data(),
        }

    @property
    def _renamed(self) -> list[tuple[str, Mention]]:
        return [(name, mention) for name, mentions in self.report.renamed.items() for mention in mentions]

    @property
    def _next(self) -> Next:
        return Next() if self.dry_run else self.report.following

    def text(self) -> Iterator[str]:
        """The same facts for people."""
        report = self.report
        verb = "would make" if self.dry_run else "made"
        yield f"{verb} {self.project.relative(report.path)}/ from {report.source}"
        for name in report.files[:_SHOWN]:
            yield f"  {name}"
        if len(report.files) > _SHOWN:
            yield f"  … and {len(report.files) - _SHOWN} more"
        for name, mention in self._renamed[:_SHOWN]:
            yield shortened(f"renamed {name}:{mention.line}  {mention.old} -> {mention.new}   in  {mention.text}")
        if len(self._renamed) > _SHOWN:
            yield f"… and {len(self._renamed) - _SHOWN} more mentions (--json has all)"
        for _, line, path in report.fields:
            yield shortened(f"  {path}: {line}")
        if report.place is not None:
            until = "it trains a toy" if report.trains_a_toy else "a run trains nothing"
            yield f"your training goes into train_fold, train.py:{report.place}; until then, {until}"
        for name in report.notebook_files:
            yield f"{verb} {name}"
        if report.tracker:
            yield f"tracker: {report.tracker}"
        if report.left_behind:
            more = len(report.left_behind) - _NAMED
            left = [f"{name} ({values})" if values else name for name, values in report.left_behind.items()]
            shown = ", ".join(left[:_NAMED]) + (f" and {more} more" if more > 0 else "")
            advice = "; to carry values over, give them as words" if any(report.left_behind.values()) else ""
            yield shortened(f"left behind in {report.source}: {shown}{advice}")
        for key, value in (report.option.at_base if report.option else {}).items():
            yield shortened(f"left out: {key}={source.scalar(value)} is the default already")
        yield ""
        yield from report.proof.text()
        yield from self._next.text(self.project)

    def notes(self) -> Iterator[str]:
        """What is to be known besides, for stderr."""
        for place in self.report.kept_mentions[:_SHOWN]:
            yield f"note: a comment still names the old experiment: {place}"
        yield from (f"note: {words}" for words in self.report.notes)
        yield from self._next.notes()


def _plain(settings: Mapping[str, Setting]) -> dict[str, Any]:
    return {key: setting.value for key, setting in settings.items()}
