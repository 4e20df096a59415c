"""The answer of sweep_status.py: what became of each job of a sweep, and how to run the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiment_setup import files
from experiment_setup.composing.compose import Composer
from experiment_setup.light import dataclass
from experiment_setup.project import Project
from experiment_setup.runs import rerun, sweep
from experiment_setup.runs.changes import Changes
from experiment_setup.runs.origin import MULTIRUN
from experiment_setup.runs.rerun import Again
from experiment_setup.runs.run import State
from experiment_setup.runs.sweep import Job, Sweep


@dataclass(frozen=True)
class Status:
    """A sweep, and the commands that run the jobs which failed or are missing."""

    project: Project
    sweep: Sweep
    again: Again
    ended: bool = False  # nothing of it runs any more, as the user says

    @property
    def exit_code(self) -> int:
        """0 if every job is done."""
        return int(self.sweep.count(State.DONE) != len(self.sweep.jobs))

    def data(self) -> dict[str, Any]:
        """The JSON object of `--json`."""
        jobs = self.sweep.jobs
        counts = {state.value: self.sweep.count(state) for state in State}
        changed = sum(bool(job.changed) for job in jobs)
        return {
            "version": 1,
            "path": self.project.relative(self.sweep.folder),
            "jobs": [_data(job) for job in jobs],
            "summary": {"jobs": len(jobs), **counts, "changed": changed, "other_results": self.sweep.others},
            "rerun": list(self.again.commands),
            "missing": [asdict(missing) for missing in self.again.missing],
        }

    def text(self) -> Iterator[str]:
        """A line a job, the counts, and what to type."""
        for job in self.sweep.jobs:
            yield f"#{job.number} {job.state.value:8} {' '.join(job.overrides)}   {_said(job)}".rstrip()
        total = len(self.sweep.jobs)
        told = ", ".join(f"{self.sweep.count(state)} {state.value}" for state in State if self.sweep.count(state))
        yield f"{total} job{'s' if total != 1 else ''}: {told}"
        if self.sweep.count(State.RUNNING):
            yield "running is also what a kill leaves: where nothing runs any more, --ended counts it as failed"
        if self.again.commands:
            yield ""
            yield "next:" if self.ended else "next, where nothing of it runs any more:"
            yield from (f"  {command}" for command in self.again.commands)

    def notes(self) -> Iterator[str]:
        """What the states alone do not say."""
        if self.sweep.origin is None:
            yield f"note: no {MULTIRUN} here: a search, which goes on with the command that began it, or single runs"
        if self.sweep.others:
            yield f"note: {self.sweep.others} more results here belong to no job of this sweep"
        if self.sweep.count(State.UNKNOWN):
            yield "note: unknown: it began, and no result.json says how it ended, as the template's train.py would"
            yield "note: to run one again, remove all that it left: then it is missing"
        if changed := [job for job in self.sweep.jobs if job.changed]:
            key, (ran, now) = next(iter(changed[0].changed.items()))
            folders = " ".join(job.folder for job in changed[:9]) + (" …" if len(changed) > 9 else "")
            yield f"note: the files were changed since: job {changed[0].number} had {key}={ran}, now it is {now}"
            yield f"note: that is so for {len(changed)} done; to run them again, remove their folders: {folders}"
        if self.again.left_out:
            numbers = ", ".join(map(str, self.again.left_out))
            yield f"note: left out, as their values can't be told any more (validate.py says why): jobs {numbers}"
        for missing in self.again.missing:
            yield f"missing here: {missing.module}, which the code imports; to run it on this machine: {missing.help}"


def status(root: Path | None, folder: Path, *, ended: bool) -> Status:
    """Read the sweep in `folder`; with `ended`, what says it is running was killed.

    Raises CommandError where there is no sweep, or its experiment is gone.
    """
    project = Project.locate(root, [str(folder)])
    found = sweep.read(project, files.real(folder))
    for job in found.jobs:
        if ended and job.state is State.RUNNING:
            job.state = State.FAILED
    if found.origin is not None:
        changes = Changes(Composer(found.origin.experiment, found.origin.schema, project.root))
        for job in found.jobs:
            if job.run is not None and job.state in (State.DONE, State.UNKNOWN):
                job.changed = changes.since(job.run)
    rest = [job for job in found.jobs if job.state in (State.FAILED, State.MISSING)]
    return Status(project, found, rerun.commands(project, found, rest), ended)


def _data(job: Job) -> dict[str, Any]:
    return {
        "number": job.number,
        "overrides": job.overrides,
        "state": job.state.value,
        "evidence": job.evidence,
        "folder": job.folder or None,
        "error": job.run.error if job.run else None,
        "mean": (dict(job.run.results) or None) if job.run else None,
        "changed": {key: list(values) for key, values in job.changed.items()},
    }


def _said(job: Job) -> str:
    """The results of a job, its error, or what its state is told from."""
    results = job.run.results if job.run else {}
    numbers = " ".join(f"{key}={_number(value)}" for key, value in results.items())
    error = ((job.run.error if job.run else None) or "").rstrip(": ")
    return numbers or error or (job.evidence if job.state is State.UNKNOWN else "")


def _number(value: Any) -> str:
    return "nan" if value is None else format(value, ".4g") if isinstance(value, (int, float)) else str(value)
