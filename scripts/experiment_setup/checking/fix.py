"""Carrying out the edits of findings: tried and proven in a copy, and only then written, file by file, atomically."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from experiment_setup import files
from experiment_setup.checking import fix_proof
from experiment_setup.checking.check import Result, check, context_of
from experiment_setup.checking.fix_proof import Change, Composed
from experiment_setup.checking.mirror import Mirror, mirrored
from experiment_setup.composing.compose import Composer, MakeComposer
from experiment_setup.errors import CommandError
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Edit, Finding, edited
from experiment_setup.light import dataclass
from experiment_setup.project import Experiment, Project

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_ROUNDS = 20  # of fixing and checking again; a file that still changes then has fixes that undo each other


@dataclass(frozen=True)
class Rewrite:
    """A file's text before and after, and its name afterwards."""

    path: Path
    before: str
    after: str
    new_path: Path


@dataclass
class Fixed:
    """What was mended, what it makes of the files, and the files whose fix was dropped, with the reason."""

    findings: list[Finding] = field(default_factory=list)
    rewrites: list[Rewrite] = field(default_factory=list)
    dropped: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Step:
    """What one round does to one file."""

    path: Path
    group: str | None
    findings: Sequence[Finding]
    edits: Sequence[Edit]
    before: str
    after: str
    new_path: Path


def fix(
    project: Project,
    experiments: Sequence[Experiment],
    result: Result,
    *,
    unsafe: bool = False,
    codes: Collection[str] | None = None,
    make_composer: MakeComposer = Composer,
) -> Fixed:
    """Mend the fixable findings of `result`; nothing is written before `write`.

    Every round of edits is proven in a copy of the project (see fix_proof); a file whose edits change anything else
    is left as it is. With `unsafe` also what may change more than the mistake, if everything still composes. Files
    that other experiments use as well are proven with these too.
    """
    wanted = [finding for finding in result.findings if finding.fixable and (finding.safe or unsafe)]
    touched = {finding.location.path for finding in wanted}
    if not touched:
        return Fixed()
    shared = {files.real(path) for path in touched}
    of_code = any(path.suffix == ".py" for path in touched)
    concerned: list[Experiment] = []
    copies = set(touched)
    for e in dict.fromkeys((*experiments, *project.experiments)):
        try:
            if not (e in experiments or of_code or shared & set(map(files.real, _config_files(e)))):
                continue  # reading all the code of all the others would take longer than the fix
            used, beside = context_of(project, e, make_composer).files, list(_neighbours(e))
        except OSError:
            if e in experiments:
                raise
            continue  # nothing composes there as it is
        of_its_own = [*used, *beside] if e in experiments else used
        if not shared.isdisjoint(files.real(path) for path in of_its_own):
            concerned.append(e)
            copies |= {*used, *beside}
    with mirrored(project, concerned, copies) as mirror:
        mended = [copy for copy, e in zip(mirror.experiments, concerned, strict=True) if e in experiments]
        return _Fixer(mirror, mended, unsafe, codes, make_composer).run()


def _config_files(experiment: Experiment) -> Iterator[Path]:
    """The YAML files that may be the experiment's, behind links as well."""
    folder = experiment.config_dir
    for path in (*folder.glob("*"), *files.in_folders(folder, 2)):  # config.yaml, exp/001.yaml, db/engine/big.yaml
        if path.suffix in (".yaml", ".yml"):
            yield path


def _neighbours(experiment: Experiment) -> Iterator[Path]:
    """YAML and Python files beside the options, such as `exp/001.yml`, which Hydra does not see."""
    folders = [folder for folder in (experiment.folder, experiment.config_dir) if folder.is_dir()]
    folders += [path for folder in folders for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    for folder in dict.fromkeys(folders):
        yield from (
            path for path in folder.iterdir() if path.suffix.lower() in (".yaml", ".yml", ".py") and path.is_file()
        )


class _Fixer:
    def __init__(
        self,
        mirror: Mirror,
        experiments: Sequence[Experiment],
        unsafe: bool,
        codes: Collection[str] | None,
        make_composer: MakeComposer,
    ) -> None:
        self.mirror = mirror
        self.experiments = experiments  # those that are mended
        self.unsafe = unsafe
        self.codes = codes
        self.make_composer = make_composer
        self.names: dict[Path, Path] = {}  # a file's name in the copy now -> its name at first
        self.first_texts: dict[Path, str] = {}  # by first name
        self.done: list[Finding] = []
        self.dropped: dict[Path, str] = {}  # by first name
        self.refused: dict[Path, str] = {}  # likewise; may rest on a file that is mended later, and is tried again then
        self.composed = self._compositions()

    def run(self) -> Fixed:
        """Check and mend in turns until nothing is left to mend."""
        for _ in range(_ROUNDS):
            findings = self._fixable()
            if not findings:
                break
            self._mend(findings)
        else:
            for path in {self._first(finding.location.path) for finding in self._fixable()}:
                self._restore(path)
                self.dropped[path] = "its fixes do not come to an end"
        return self._result()

    def _fixable(self) -> list[Finding]:
        """Safe ones first; the others once no safe one is left."""
        result = check(self.mirror.project, self.experiments, codes=self.codes, make_composer=self.make_composer)
        found = [
            f for f in result.findings if f.fixable and self._first(f.location.path) not in self.dropped | self.refused
        ]
        found = [f for f in found if f.location.path.is_relative_to(self.mirror.project.root)]
        safe = [finding for finding in found if finding.safe]
        return safe or (found if self.unsafe else [])

    def _mend(self, findings: Sequence[Finding]) -> None:
        by_path: dict[Path, list[Finding]] = {}
        for finding in findings:
            by_path.setdefault(files.real(finding.location.path), []).append(finding)
        steps = [step for step in (self._step(path, found) for path, found in by_path.items()) if step]
        if not self._carry_out(steps) and len(steps) > 1:
            for step in steps:  # one of them is to blame
                self._carry_out([step])

    def _step(self, path: Path, findings: Sequence[Finding]) -> _Step | None:
        """The edits of one file that do not overlap; the rest waits for the next round."""
        first = self._first(path)
        reason = self._untouchable(self.mirror.original_of(first), findings)
        if reason is not None:
            self.dropped[first] = reason
            return None
        try:
            text = files.read_text(path)
        except CommandError:
            self.dropped[first] = "it is not UTF-8"
            return None
        line_end = "\r\n" if "\r\n" in text else "\n"
        taken: list[Edit] = []
        chosen: list[Finding] = []
        name = path.name
        for finding in findings:
            if any(_overlap(new, old) for new in finding.edits for old in taken):
                continue
            if finding.rename and name != path.name:
                continue
            taken += [
                replace(edit, text=edit.text.replace("\r\n", "\n").replace("\n", line_end)) for edit in finding.edits
            ]
            chosen.append(finding)
            name = finding.rename or name
        after, new_path = edited(text, taken), path.with_name(name)
        if new_path != path and new_path.exists():
            self.dropped[first] = f"{name} exists already"
            return None
        if after == text and new_path == path:
            self.dropped[first] = "its fix changes nothing"
            return None
        return _Step(path, self._group(findings[0].location.path), chosen, taken, text, after, new_path)

    def _untouchable(self, original: Path, findings: Sequence[Finding]) -> str | None:
        """Why a file is none that may be changed, or None."""
        if not files.real(original).is_relative_to(self.mirror.original.root):
            return "it is a link to a file outside of the project"
        if any(finding.rename and finding.location.path.is_symlink() for finding in findings):
            return "it is a link: rename it yourself"
        return "it is read-only" if not original.stat().st_mode & _WRITABLE else None

    def _carry_out(self, steps: Sequence[_Step]) -> bool:
        """Do the steps; if that changes what it must not, undo them, and drop a single one."""
        for step in steps:
            self._write(step.path, step.new_path, step.after)
        exact = all(finding.safe for step in steps for finding in step.findings)
        changes = [Change(s.path, s.group, s.before, s.after, s.edits) for s in steps]
        composed = self._compositions()
        reason = fix_proof.objection(self.composed, composed, changes, exact=exact)
        if reason is None:
            self.composed = composed
            self.refused.clear()
            self.done += [self._as_original(finding) for step in steps for finding in step.findings]
            return True
        for step in steps:
            self._write(step.new_path, step.path, step.before)
        if len(steps) == 1:
            self.refused[self._first(steps[0].path)] = reason
        return False

    def _compositions(self) -> Composed:
        return Composed(self._contexts())

    def _contexts(self) -> Iterator[ExperimentContext]:
        for experiment in self.mirror.experiments:
            yield context_of(self.mirror.project, experiment, self.make_composer)

    def _group(self, path: Path) -> str | None:
        """The config group that a file is an option of; "" for a primary config, None for any other file."""
        for experiment in self.mirror.experiments:
            if path == experiment.config_file:
                return ""
            if path.suffix == ".yaml" and path.is_relative_to(experiment.config_dir):
                return path.parent.relative_to(experiment.config_dir).as_posix()
        return None

    def _write(self, path: Path, new_path: Path, text: str) -> None:
        first = self._first(path)
        self.first_texts.setdefault(first, files.read_text(path))
        path.unlink()
        files.put(new_path, text)
        self.names.pop(path, None)
        self.names[new_path] = first

    def _first(self, path: Path) -> Path:
        return self.names.get(files.real(path), files.real(path))

    def _restore(self, first: Path) -> None:
        now = next((path for path, name in self.names.items() if name == first), first)
        if first in self.first_texts:
            self._write(now, first, self.first_texts[first])
        self.done = [f for f in self.done if f.location.path != self.mirror.original_of(first)]

    def _as_original(self, finding: Finding) -> Finding:
        path = self.mirror.original_of(self._first(finding.location.path))
        return replace(finding, location=replace(finding.location, path=path))

    def _result(self) -> Fixed:
        original = self.mirror.original_of
        rewrites = []
        for now, first in sorted(self.names.items()):
            before, after = self.first_texts[first], files.read_text(now)
            if before != after or now != first:
                rewrites.append(Rewrite(original(first), before, after, original(now)))
        return Fixed(
            self.done, rewrites, {original(path): reason for path, reason in (self.dropped | self.refused).items()}
        )


def _overlap(left: Edit, right: Edit) -> bool:
    """Whether two edits meet; two that touch count, since the order of their texts would be a guess."""
    return left.start <= right.end and right.start <= left.end


def write(fixed: Fixed) -> None:
    """Write the mended files, all of them or none, with their permissions; then give them their new names, if any.

    Raises CommandError or PermissionError, with nothing written, if a file was changed since it was read, a new name is
    taken, or a folder may not be written to. Where only a name cannot be given, the error names what is done by then,
    and the same command does the rest. Ctrl-C takes effect before or after.
    """
    texts = {rewrite.path: (rewrite.before, rewrite.after) for rewrite in fixed.rewrites}
    names = {rewrite.path: rewrite.new_path for rewrite in fixed.rewrites if rewrite.new_path != rewrite.path}
    files.clear_unfinished({path.parent for path in texts})
    for new in names.values():
        _refuse_taken(new)
    done = [str(path) for path, (before, after) in texts.items() if before != after]
    with files.interrupts_deferred() as interrupts:
        files.rewrite({path: change for path, change in texts.items() if change[0] != change[1]})
        for path, new in names.items():
            try:
                _refuse_taken(new)
                path.rename(new)
            except (OSError, CommandError) as error:
                written = f"; written by then: {', '.join(done)}" if done else "; nothing was written"
                reason = error.message if isinstance(error, CommandError) else f"{path}: {error.strerror}"
                raise CommandError(f"{reason}{written}", "run the same command again: it does the rest") from None
            done.append(str(new))
        interrupts.forget()


def _refuse_taken(path: Path) -> None:
    if os.path.lexists(path):
        raise CommandError(f"{path} exists already", "move it away, and run it again")


def diff(project: Project, fixed: Fixed) -> Iterator[str]:
    """The changes as a unified diff that `git apply` and `patch -p1` take from the project's root."""
    for rewrite in fixed.rewrites:
        old, new = project.relative(rewrite.path), project.relative(rewrite.new_path)
        yield f"diff --git a/{old} b/{new}"
        if old != new:
            yield from (f"rename from {old}", f"rename to {new}")
        before, after = (text.split("\n") for text in (rewrite.before, rewrite.after))
        # As git writes a name with a space for patch.
        source, target = (f"{name}\t" if " " in name else name for name in (f"a/{old}", f"b/{new}"))
        lines = difflib.unified_diff(_ended(before), _ended(after), source, target, lineterm="")
        for line in lines:
            yield from line.split("\n")  # the remark about a line end follows its line


def data(project: Project, fixed: Fixed, *, written: bool) -> dict[str, Any]:
    """What `--fix` and `--diff` add to the JSON object of a check."""
    return {
        "fixed" if written else "would_fix": [
            {
                "path": project.relative(finding.location.path),
                "code": finding.code,
                "message": finding.message,
                "help": finding.help,
                "safe": finding.safe,
            }
            for finding in fixed.findings
        ],
        "not_fixed": [{"path": project.relative(path), "reason": reason} for path, reason in fixed.dropped.items()],
        **({} if written else {"diff": "".join(f"{line}\n" for line in diff(project, fixed))}),
    }


def summary(project: Project, fixed: Fixed, *, written: bool) -> Iterator[str]:
    """The same in words: what was mended, and what was left alone."""
    for finding in fixed.findings:
        guess = "" if finding.safe else " (unsafe)"
        yield f"{project.relative(finding.location.path)}: {finding.code}{guess}: {finding.help or finding.message}"
    count, in_files = len(fixed.findings), len(fixed.rewrites)
    if count:
        mended = f"{count} finding{'s' * (count != 1)} in {in_files} file{'s' * (in_files != 1)}"
        yield f"{'fixed' if written else 'would fix'} {mended}"
    for path, reason in fixed.dropped.items():
        yield f"not fixed: {project.relative(path)}: {reason}"


def _ended(lines: list[str]) -> list[str]:
    """Lines for a diff: a last one without a line end carries the remark that patch expects."""
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]}\n\\ No newline at end of file"]
