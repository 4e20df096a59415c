"""The verb behind validate.py: check what was named, mend what was asked for, and say it in each form there is."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiment_setup import installed
from experiment_setup.checking import progress, report, scope, selection
from experiment_setup.checking.check import Result, check
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError
from experiment_setup.findings import Severity
from experiment_setup.light import dataclass
from experiment_setup.project import Project
from experiment_setup.style import Style

if TYPE_CHECKING:
    from experiment_setup.checking.fix import Fixed
    from experiment_setup.composing.compose import MakeComposer

_NAMED = 10  # findings that `--diff` names beside it


@dataclass(frozen=True)
class Request:
    """What is asked for; the fields are the options of validate.py."""

    root: Path | None = None
    paths: Sequence[str] = ()
    changed: bool = False
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    fix: bool = False
    diff: bool = False
    unsafe: bool = False
    strict: bool = False
    hydra: bool = False
    python: Path | None = None
    verbose: bool = False
    format: str = "text"

    @property
    def mends(self) -> bool:
        """Whether fixes are worked out, to write or to show them."""
        return self.fix or self.diff

    @property
    def writes(self) -> bool:
        """Whether they are written; `--diff` alone decides, so that `--fix --diff` writes nothing."""
        return self.fix and not self.diff


@dataclass(frozen=True)
class Validation:
    """What was found, and what was mended."""

    request: Request
    project: Project
    result: Result
    fixed: Fixed | None  # None: nothing was to be mended

    @property
    def exit_code(self) -> int:
        """1 if there are findings that count, or changes that are shown but not made."""
        shown_only = self.request.diff and self.fixed is not None and bool(self.fixed.rewrites)
        return int(self.result.fails(strict=self.request.strict) or shown_only)

    @property
    def failed(self) -> Sequence[CommandError]:
        """What could not be checked, one for each experiment."""
        return self.result.failed

    def data(self) -> dict[str, Any]:
        """The JSON object of `--format json`, or the log of `--format sarif`."""
        if self.request.format == "sarif":
            from experiment_setup.checking import sarif

            return sarif.log(self.result, report.checkout(self.project))
        data = report.data(self.project, self.result)
        if self.fixed is not None:
            from experiment_setup.checking import fix

            data |= fix.data(self.project, self.fixed, written=not self.request.diff)
        return data

    def text(self) -> Iterator[str]:
        """The lines of `--format text` or `github`, or of `--diff`."""
        if self.request.format == "github":
            return report.github(self.project, self.result)
        if self.request.diff and self.fixed is not None:
            from experiment_setup.checking import fix

            return fix.diff(self.project, self.fixed)
        # Rules that were selected by hand were asked for, whatever their severity.
        in_full = self.request.verbose or bool(self.request.select)
        found = report.text(self.project, self.result, Style.of(sys.stdout), in_full=in_full)
        return itertools.chain(found, [self._judge] if self.request.hydra else [])

    @property
    def _judge(self) -> str:
        return (
            f"composed by hydra-core {installed.hydra_version()} itself, with the dataclasses that the code declares; "
            "the code was not run, so that what it imports (torch, …) need not be here"
        )

    def notes(self) -> Iterator[str]:
        """What was mended, for stderr."""
        if self.fixed is not None:
            from experiment_setup.checking import fix

            yield from fix.summary(self.project, self.fixed, written=not self.request.diff)
            yield from self._unmended(self.fixed) if self.request.diff else ()

    def _unmended(self, fixed: Fixed) -> Iterator[str]:
        """The findings that `--diff` leaves as they are: on stdout there is the diff alone."""
        left = [f for f in self.result.findings if f.severity is not Severity.INFO and f not in fixed.findings]
        yield from (f"left for you: {report.headline(self.project, f, Style.of(sys.stderr))}" for f in left[:_NAMED])
        if len(left) > _NAMED:
            yield f"left for you: {len(left) - _NAMED} more, which validate.py lists without --diff"


def run(request: Request) -> Validation:
    """Check the experiments that the request names, and mend them where it says so.

    Raises CommandError for words that name no rule or no experiment, and EnvironmentLacks for a Python without hydra.
    """
    codes = selection.codes(request.select, request.ignore)
    project = Project.locate(request.root, () if request.changed else request.paths)
    experiments = (scope.concerned if request.changed else scope.named)(project, request.paths)
    ask: dict[str, Any] = {"codes": codes, "make_composer": _composers(request)}
    with progress.shown(len(experiments)) as shown:
        result = check(project, experiments, started=shown.experiment, **ask)
    if not result.checked and len(result.failed) == 1:
        raise result.failed[0]
    experiments = [one.experiment for one in result.checked]
    if not (request.paths or request.changed):
        known = {path for one in result.checked for path in (one.experiment.entry, *one.unread)}
        others = filter(project.is_of_others, sorted(project.entries))
        result.elsewhere = [script for script in (*project.unread, *others) if script not in known]
    if not request.mends:
        return Validation(request, project, result, None)

    from experiment_setup.checking import fix  # most checks mend nothing, and a tenth of the code is about it

    fixed = fix.fix(project, experiments, result, unsafe=request.unsafe, **ask)
    if request.writes:
        fix.write(fixed)
        project = Project(project.root)  # names may have changed
        before = result
        result = check(project, experiments, **ask)
        result.failed += before.failed
        result.elsewhere = before.elsewhere
    return Validation(request, project, result, fixed)


def _composers(request: Request) -> MakeComposer:
    if request.python:
        from experiment_setup.composing.interpreter import InterpreterComposer

        return InterpreterComposer.using(request.python)
    return partial(Composer, always_hydra=True) if request.hydra else Composer
