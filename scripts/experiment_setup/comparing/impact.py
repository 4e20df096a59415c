"""What `compare.py --since` prints: the changes by their causes, for a person, a program, or a pull request."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_setup import errors, files, visible
from experiment_setup.comparing import history, table
from experiment_setup.comparing.causes import Cause
from experiment_setup.comparing.comparison import MISSING, Row
from experiment_setup.comparing.since import Change, Impact
from experiment_setup.errors import CommandError
from experiment_setup.git import Checkout
from experiment_setup.light import dataclass
from experiment_setup.listing import few_of_many
from experiment_setup.project import Project
from experiment_setup.showing import values
from experiment_setup.style import Style

_NAMED = 4  # configs that are named of those that have a cause in common


@dataclass(frozen=True)
class _Group:
    """Configs in which the same value became another one for the same reason."""

    experiment: str
    cause: Cause
    words: str
    refused: bool
    names: Sequence[str]


@dataclass(frozen=True)
class ImpactAnswer:
    """What became of the configs since a commit."""

    project: Project
    ref: str
    impact: Impact
    format: str
    wants_exit_code: bool

    @property
    def exit_code(self) -> int:
        """1 with `--exit-code` if a config changed, came or went."""
        found = self.impact
        return int(self.wants_exit_code and bool(found.changed or found.added or found.removed))

    @property
    def failed(self) -> Sequence[CommandError]:
        """What could not be looked at, one for each experiment."""
        return self.impact.failed

    def data(self) -> dict[str, Any]:
        """The JSON object of `--format json`."""
        found = self.impact
        return {
            "version": 1,
            "since": self.ref,
            "commit": found.commit,
            "changed": [self._data(change) for change in found.changed],
            "unchanged": found.unchanged,
            "refused": found.refused,
            "added": [{"experiment": experiment, "choices": dict(choices)} for experiment, choices in found.added],
            "removed": [{"experiment": experiment, "choices": dict(choices)} for experiment, choices in found.removed],
            "renamed": dict(found.renamed),
            "failed": errors.data(found.failed),
        }

    def text(self) -> Iterator[str]:
        """The lines of the format that is asked for."""
        known = {"github": self._github, "markdown": self._markdown, "csv": self._csv}
        return known.get(self.format, self._table)()

    def notes(self) -> Iterator[str]:
        """The counts, and what could not be told."""
        found = self.impact
        commit = f" ({found.commit[:10]})" if not found.commit.startswith(self.ref) else ""
        parts = [
            f"{len(found.changed)} of {len(found.changed) + found.unchanged} configs changed since {self.ref}{commit}"
        ]
        parts += [f"{len(found.added)} added"] if found.added else []
        parts += [f"{len(found.removed)} removed"] if found.removed else []
        yield ", ".join(parts)
        if found.refused:
            yield f"{found.refused} of the others compose neither then nor now; validate.py says why"
        if found.left_out:
            shown = ", ".join(found.left_out[:3]) + (" …" if len(found.left_out) > 3 else "")
            yield f"left out: {shown}, which git ignores, so that nothing is known of what it was"
        yield from found.notes

    # -- formats ------------------------------------------------------------------------------------------------------

    def _table(self) -> Iterator[str]:
        style = Style.of(sys.stdout)
        for old, new in self.impact.renamed.items():
            yield f"{old} is {new} now"
        before = None
        for group in self._groups():
            if group.experiment != before:
                yield style.paint(group.experiment, "1")
                before = group.experiment
            gone = " (gone)" if group.cause.gone else ""
            place = f"{style.path(self.project, group.cause.path)}:{group.cause.line}{gone}"
            yield f"  {place}  {style.paint(group.words, '31' if group.refused else '33')}"
            yield f"      in {_shortened(group.names)}"
        for title, configs in (("added", self.impact.added), ("removed", self.impact.removed)):
            for experiment, names in _by_experiment(configs).items():
                yield f"{title}: {experiment} {_shortened(names)}"

    def _markdown(self) -> Iterator[str]:
        groups = list(self._groups())
        if groups:
            yield "| where | what | configs |"
            yield "| --- | --- | --- |"
        for group in groups:
            place = f"{self.project.relative(group.cause.path)}:{group.cause.line}"
            yield f"| {' | '.join(map(table.escaped, (place, group.words, _shortened(group.names))))} |"
        for title, configs in (("added", self.impact.added), ("removed", self.impact.removed)):
            for experiment, names in _by_experiment(configs).items():
                yield table.escaped(f"{title}: {experiment} {_shortened(names)}")

    def _csv(self) -> Iterator[str]:
        yield table.csv_line(["experiment", "choices", "change", "key", "before", "now", "path", "line"])
        for change in self.impact.changed:
            for key, cause in change.causes.items():
                pair = change.values.get(key, (MISSING, MISSING))
                written = ["" if value is MISSING else values.written(value) for value in pair]
                kind = "refused" if change.refused else "mended" if change.mended else "changed"
                place = [self.project.relative(cause.path), str(cause.line)]
                yield table.csv_line([change.experiment, change.name, kind, key, *written, *place])
        for kind, configs in (("added", self.impact.added), ("removed", self.impact.removed)):
            for experiment, choices in configs:
                yield table.csv_line([experiment, Row(experiment, choices).name, kind, "", "", "", "", ""])

    def _github(self) -> Iterator[str]:
        """Workflow commands, which become annotations on the lines of a pull request."""
        checkout = Checkout.around(self.project.root)
        top = Project(checkout.folder if checkout is not None else self.project.root)
        for group in self._groups():
            properties = {
                "file": top.relative(group.cause.path),
                "line": min(group.cause.line, _lines(group.cause.path)),  # of what is gone: near to where it stood
                "title": "config changed",
            }
            words = visible.words(f"{group.words} in {_shortened(group.names)}")
            yield visible.command("error" if group.refused else "notice", properties, words)

    # -- groups -------------------------------------------------------------------------------------------------------

    def _groups(self) -> Iterator[_Group]:
        found: dict[tuple[str, Cause, str, bool], list[str]] = {}
        known: dict[tuple[str | None, ...], str] = {}  # what most configs say alike is put into words once
        for change in self.impact.changed:
            for key, cause in change.causes.items():
                said = (key, repr(change.values.get(key)), change.refused, change.mended)
                if said not in known:
                    known[said] = _words(change, key)
                mark = (change.experiment, cause, known[said], change.refused is not None)
                found.setdefault(mark, []).append(change.name)
        for mark in sorted(found, key=lambda mark: (mark[0], str(mark[1].path), mark[1].line)):
            experiment, cause, words, refused = mark
            yield _Group(experiment, cause, words, refused, found[mark])

    def _data(self, change: Change) -> dict[str, Any]:
        places = dict.fromkeys(change.causes.values())
        return {
            "experiment": change.experiment,
            "choices": dict(change.choices),
            "values": {key: [_plain(value) for value in pair] for key, pair in change.values.items()},
            "added_keys": [key for key, (old, _) in change.values.items() if old is MISSING],
            "removed_keys": [key for key, (_, new) in change.values.items() if new is MISSING],
            "causes": [
                {
                    "path": self.project.relative(cause.path),
                    "line": cause.line,
                    "gone": cause.gone,
                    "keys": [key for key, other in change.causes.items() if other == cause and key],
                }
                for cause in places
            ],
            "refused": change.refused,
            "mended": change.mended,
        }


def _words(change: Change, key: str) -> str:
    if change.refused is not None:
        return f"does not compose any more: {change.refused}"
    if change.mended is not None:
        return f"composes now; it did not: {change.mended}"
    old, new = change.values[key]
    if old is MISSING:
        return f"{key}: new, {values.shortened(new)}"
    if new is MISSING:
        return f"{key}: gone, was {values.shortened(old)}"
    return f"{key}: {values.shortened(old)} -> {values.shortened(new)}"


def _lines(path: Path) -> int:
    content = history.content(path)
    return len(files.lines_of(content.decode("utf-8", "replace"))) if content else 1


def _plain(value: Any) -> Any:
    return None if value is MISSING else value


def _by_experiment(configs: Sequence[tuple[str, Mapping[str, str]]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for experiment, choices in configs:
        found.setdefault(experiment, []).append(Row(experiment, choices).name)
    return found


def _shortened(names: Sequence[str]) -> str:
    count = f"{len(names)} configs: " if len(names) > 1 else ""
    return count + few_of_many(names, _NAMED)
