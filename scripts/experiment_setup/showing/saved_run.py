"""The config that a run saved, and how it differs from what the same choices and overrides give now."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiment_setup import command_line, files
from experiment_setup.composing.composed import Composition
from experiment_setup.errors import CommandError
from experiment_setup.facts import parameter_sets
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.output_folders import code_sets
from experiment_setup.light import dataclass
from experiment_setup.project import Experiment, Project
from experiment_setup.runs import run as runs
from experiment_setup.runs.changes import Changes, is_same, placed, state_of
from experiment_setup.runs.matching import Candidate, Matcher, chooses
from experiment_setup.runs.run import Run
from experiment_setup.showing import values
from experiment_setup.showing.request import Request, Subject
from experiment_setup.showing.values import Value
from experiment_setup.style import Style

_ABSENT = object()


@dataclass(frozen=True)
class SavedRun:
    """A run, and the values that are others now: key -> what it ran with, and what it would run with."""

    subject: Subject
    request: Request
    run: Run
    differences: Mapping[str, tuple[Any, Any]]
    now: Mapping[str, Value]
    refused: str | None  # why the same choices do not compose any more
    stale: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)  # of them, what could make another result

    exit_code = 0

    def data(self) -> dict[str, Any]:
        """The JSON object of `--run FOLDER --json`."""
        project = self.subject.project
        return {
            "version": 1,
            "experiment": project.relative(self.subject.experiment.folder),
            "run": project.relative(self.run.folder),
            "state": state_of(self.run, self.stale),
            "stale": list(self.stale),
            "choices": dict(self.run.choices or {}),
            "overrides": list(self.run.overrides or ()),
            "config": values.data(dict(self.run.config or {})),
            "differences": {
                key: {
                    **({} if ran is _ABSENT else {"ran": values.data(ran)}),
                    **({} if now is _ABSENT else {"now": values.data(now)}),
                    **({"source": values.source(project, self.now[key])} if key in self.now else {}),
                }
                for key, (ran, now) in self.differences.items()
            },
            "refused": self.refused,
        }

    def text(self) -> Iterator[str]:
        """The saved config as YAML, or a table of what differs."""
        if self.request.format == "yaml":
            config = OmegaConf.create(values.data(dict(self.run.config or {})))
            yield from OmegaConf.to_yaml(config).removesuffix("\n").split("\n")
            return
        rows = [("key", "ran with", "now", "set in")]
        for key, (ran, now) in self.differences.items():
            rows.append((key, _shown(ran), _shown(now), self._place(key)))
        yield from values.lines(rows) if self.differences else ()

    def notes(self) -> Iterator[str]:
        """How the run stands to the files that there are now."""
        words = " ".join(self.run.overrides or ()) or "no overrides"
        if self.refused is not None:
            yield f"this run ({words}) would not compose now: {self.refused}"
        elif self.differences:
            count = len(self.differences)
            told = (
                f"{count} values of this run ({words}) would be others" if count > 1 else f"a value ({words}) differs"
            )
            yield f"{told} now"
        else:
            yield f"the same ({words}) gives the same config now"
        if self.stale:
            yield f"stale: what it gave was made with other values of {', '.join(self.stale)}"

    def _place(self, key: str) -> str:
        chain = self.now[key].chain if key in self.now else ()
        at = chain[0].location if chain else None
        if at is None:
            return (chain[0].word or "") if chain else ""
        return f"{Style.of(sys.stdout).path(self.subject.project, at.path)}:{at.line}:{at.column}"


def of(request: Request, folder: Path) -> SavedRun:
    """The run in `folder`. Raises CommandError where it saved no config, or its experiment cannot be told."""
    run = runs.read(files.real(folder))
    if run.config is None:
        first = runs.meant(folder)
        raise CommandError(
            f"--run {folder}: no config was saved there ({run.evidence})",
            "name a folder with the config.yaml, result.json or .hydra/ that a run wrote",
            command_line.corrected({str(folder): [str(first)]}) if first else None,
        )
    project = Project.locate(request.root, [*request.words, str(folder)])
    experiment = experiment_of(project, next(iter(request.words), None), run)
    subject = Subject.over(project, experiment)
    composer = subject.composer
    context = ExperimentContext(project, experiment, composer.schema, composer)
    chosen = _chosen(context, run)
    words = [word for word in run.overrides or () if word.partition("=")[0] not in chosen]
    own = [word for word in words if not word.lstrip("+~").startswith("hydra")]
    outcome = subject.composer.compose(chosen, own, origins=True)
    subject = Subject(project, subject.composer, dict(chosen), own)
    if outcome.failure is not None:
        return SavedRun(subject, request, run, {}, {}, outcome.failure.refusal.words)
    resolved = composer.resolved(outcome, own) if run.resolved else outcome
    written, now = (_by_key(one) for one in (outcome, resolved))
    differences = {  # what comes from the environment is compared, and shown as it is written
        key: (ran, written[key].value if key in resolved.variables else value)
        for key, (ran, value) in _differences(run, now).items()
    }
    changes = Changes(composer, lambda key: code_sets(context, key))
    return SavedRun(subject, request, run, differences, now, None, changes.since(run, chosen))


def _chosen(context: ExperimentContext, run: Run) -> dict[str, str | None]:
    """The options that the same command chooses now; of a run that does not say, those of the config that it is of."""
    groups = context.options.groups
    if run.overrides is not None:
        typed = (word.partition("=") for word in run.overrides if chooses(word))
        return {group: option.strip("'\"") for group, _, option in typed if group in groups and option[:1] != "["}
    if run.choices is not None:
        return {group: option for group, option in run.choices.items() if group in groups}
    known = parameter_sets.in_each_environment(context)
    candidates = [Candidate(chosen, values.by_key(context.compositions.of(dict(chosen)))) for chosen in known]
    number = Matcher(context.project.root, groups, candidates).number(run)
    return {} if number is None else {**known[number]}


def experiment_of(project: Project, named: str | None, run: Run) -> Experiment:
    """The experiment that is named, else the one whose folder's name is a part of the run's path."""
    if named is not None:
        return project.experiment(named)
    parts = set(run.folder.parts)
    candidates = [experiment for experiment in project.experiments if experiment.name in parts]
    return candidates[0] if len(candidates) == 1 else project.experiment(None)


def _by_key(outcome: Composition) -> dict[str, Value]:
    found = values.of_config(outcome.config, outcome.origins) if outcome.config is not None else []
    return {value.key: value for value in found}


def _differences(run: Run, now: Mapping[str, Value]) -> dict[str, tuple[Any, Any]]:
    """Only of the groups that the run saved: a record may hold a part of the config, and a tracker a part of that."""
    everything = {key: values.data(value.value) for key, value in now.items()}
    ran = placed(run.config or {}, everything)
    groups = {key.partition(".")[0] for key in ran}
    here = {key: value for key, value in everything.items() if key.partition(".")[0] in groups}
    keys = [key for key in here if key in ran] if run.is_tracked else [*here, *(key for key in ran if key not in here)]
    pairs = {key: (ran.get(key, _ABSENT), here.get(key, _ABSENT)) for key in keys}
    return {key: pair for key, pair in pairs.items() if not _same(*pair)}


def _same(ran: Any, now: Any) -> bool:
    return ran is not _ABSENT and now is not _ABSENT and is_same(values.data(ran), now)


def _shown(value: Any) -> str:
    return "(not there)" if value is _ABSENT else values.shortened(value)
