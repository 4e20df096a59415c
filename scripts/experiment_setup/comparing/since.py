"""`--since REF`: which composed configs are others than they were, why, and which came or went."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from experiment_setup import git
from experiment_setup.checking import workers
from experiment_setup.comparing import concerned, configs, history, selection
from experiment_setup.comparing.causes import Cause, Causes
from experiment_setup.comparing.comparison import Row
from experiment_setup.comparing.history import Snapshot
from experiment_setup.comparing.selection import Selection
from experiment_setup.comparing.sides import Choices, Side, are_alike, differences
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.project import SETS, Experiment, Project


@dataclass(frozen=True)
class Change:
    """A config that is another one: key -> the value then and now, and the cause of each.

    `refused` says why it does not compose any more, `mended` why it did not compose then; in both cases the one cause
    is under "".
    """

    experiment: str
    choices: Mapping[str, str]
    values: Mapping[str, tuple[Any, Any]]
    causes: Mapping[str, Cause]
    refused: str | None = None
    mended: str | None = None

    @property
    def name(self) -> str:
        """The choices as words of a command line."""
        return Row(self.experiment, self.choices).name


@dataclass
class Impact:
    """What became of the configs since a commit; those that came and went as (experiment, choices)."""

    changed: list[Change] = field(default_factory=list)
    unchanged: int = 0
    refused: int = 0  # of the unchanged: those that composed neither then nor now
    added: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    removed: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)  # experiments: old folder -> new folder
    left_out: list[str] = field(default_factory=list)  # files of options that git ignores: then, they are not known
    commit: str = ""
    found: set[str] = field(default_factory=set)  # of the words that were asked for: sets, and options that compose
    notes: Sequence[str] = ()
    failed: list[CommandError] = field(default_factory=list)  # one for each experiment that could not be looked at

    def add(self, other: Impact) -> None:
        """Take in what became of another experiment."""
        self.changed += other.changed
        self.unchanged += other.unchanged
        self.refused += other.refused
        self.added += other.added
        self.removed += other.removed
        self.left_out += other.left_out
        self.found |= other.found


def since(project: Project, ref: str, words: Sequence[str], ignored: Sequence[str] = ()) -> Impact:
    """What became of the configs that the words name since `ref`; they may name what is no more.

    Raises CommandError as `history.snapshot` does, and for words that named nothing then and name nothing now.
    """
    whole = Impact()
    with history.snapshot(project, ref) as snapshot:
        whole.commit = snapshot.commit
        moved = _moved(project, snapshot)
        selected = selection.of(_both(project, snapshot), words)
        pairs = _pairs(project, snapshot, selected.parts, moved)
        asked = {pair.now.folder for pair in pairs if pair.now is not None}
        whole.renamed = {project.relative(old): project.relative(new) for old, new in moved.items() if new in asked}
        folders = [e.folder for part in selected.parts for e in part.experiments if os.path.isdir(e.folder)]  # noqa: PTH112 (is_dir raises where nobody may look)
        around = filter(None, map(git.Checkout.around, folders))
        others = sorted({project.relative(one.folder) for one in around if one.folder != snapshot.checkout.folder})
        whole.notes = [
            *selected.notes,
            *(f"left out: {other}, a git checkout of its own; compare it with --root {other}" for other in others),
        ]
        is_concerned = concerned.by_changes(project, snapshot)

        def one(_: int, pair: _Pair) -> Impact:
            passed_over = not pair.part.options and _stayed(pair, snapshot) and not is_concerned(pair.now)
            return _of(project, snapshot, pair, ignored, skip=passed_over)

        for found in workers.each(pairs, one, lambda pair: pair.name):
            if isinstance(found, CommandError):
                whole.failed.append(found)
            else:
                whole.add(found)
        for part in selected.parts if not whole.failed else ():
            _refuse_unknown(part, ref, whole.found, [pair for pair in pairs if pair.part is part])
    return whole


def _refuse_unknown(part: Selection, ref: str, found: set[str], pairs: Sequence[_Pair]) -> None:
    """Raise CommandError for a set or an option that was not there then and is not there now."""
    sides = [side for pair in pairs for side in (pair.now, pair.then) if side is not None]
    for name in part.sets:
        if name not in found:
            raise selection.unknown_set(part, name, list(dict.fromkeys(one for e in sides for one in e.options(SETS))))
    for group, names in part.options.items():
        for name in names:
            if f"{group}={name}" not in found:
                raise selection.unknown_option(part, group, name, f"neither at {ref} nor now")


# -- experiments then and now -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pair:
    then: Experiment | None
    now: Experiment | None
    part: Selection  # what is asked of it
    name: str  # its folder, from the project's root


@dataclass(frozen=True)
class _Named(Experiment):
    """An experiment to be named, with the options that it had as well."""

    then: Experiment | None = None

    def options(self, group: str) -> dict[str, Path]:
        """Those of now, and those of then."""
        return {**(self.then.options(group) if self.then is not None else {}), **super().options(group)}


def _both(project: Project, snapshot: Snapshot) -> Project:
    """The project with the experiments that are gone as well, where they were, and with the options that are gone."""
    then = {snapshot.here(known.folder): known for known in snapshot.project.experiments if known.entry is not None}
    now = {experiment.folder: experiment for experiment in project.experiments}
    places = {folder: snapshot.here(known.config_dir) for folder, known in then.items()}
    gone = [
        replace(then[folder], folder=folder, config_dir=places[folder]) for folder in sorted(then.keys() - now.keys())
    ]
    known = (*now.values(), *gone)
    return Project(
        project.root,
        [_Named(e.folder, e.entry, e.config_dir, e.config_name, e.closed, then.get(e.folder)) for e in known],
    )


def _moved(project: Project, snapshot: Snapshot) -> dict[Path, Path]:
    """Old folder -> new folder: an experiment that is gone is that new one which has the most of its files."""
    then = {snapshot.here(e.folder) for e in snapshot.project.experiments if e.entry is not None}
    then = {folder for folder in then if _closed(project, folder) is None}
    now = {e.folder for e in project.experiments if e.entry is not None}
    pairs = [(_likeness(snapshot, old, new), old, new) for old in then - now for new in now - then]
    moved: dict[Path, Path] = {}
    for likeness, old, new in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:])):
        if likeness >= 0.5 and old not in moved and new not in moved.values():
            moved[old] = new
    return moved


def _pairs(project: Project, snapshot: Snapshot, parts: Sequence[Selection], moved: Mapping[Path, Path]) -> list[_Pair]:
    """Each experiment that is asked for, with what it was; a renamed one once, whichever of its names was given."""
    then = {snapshot.here(e.folder): e for e in snapshot.project.experiments if e.entry is not None}
    now = {e.folder: e for e in project.experiments if e.entry is not None}
    before = {new: old for old, new in moved.items()}
    pairs = []
    for part in parts:
        for folder in dict.fromkeys(moved.get(e.folder, e.folder) for e in part.experiments):
            present = now.get(folder) or _closed(project, folder)
            pair = _Pair(then.get(before.get(folder, folder)), present, part, project.relative(folder))
            around = git.Checkout.around(folder)  # of what is gone, that of the folder it was in
            is_here = around is not None and around.folder == snapshot.checkout.folder
            pairs += [pair] if is_here and (pair.then is not None or pair.now is not None) else []
    return pairs


def _closed(project: Project, folder: Path) -> Experiment | None:
    """What an experiment lies in that cannot be looked into: whether it is gone, nobody knows."""
    return next((one for one in project.closed if folder.is_relative_to(one.folder)), None)


def _stayed(pair: _Pair, snapshot: Snapshot) -> bool:
    """Whether the experiment is where it was."""
    return pair.then is not None and pair.now is not None and snapshot.here(pair.then.folder) == pair.now.folder


def _likeness(snapshot: Snapshot, old: Path, new: Path) -> float:
    """The share of the old folder's files that the new one has unchanged; the folder's own name may be another."""
    top = snapshot.checkout.folder
    prefix = f"{old.relative_to(top).as_posix()}/"
    names = [name for name in snapshot.contents if name.startswith(prefix)]
    words = (os.fsencode(old.name), os.fsencode(new.name))
    kept = 0
    for name in names:
        content = history.content(new / name.removeprefix(prefix))
        kept += content is not None and content in (snapshot.contents[name], snapshot.contents[name].replace(*words))
    return kept / len(names) if names else 0.0


# -- one experiment ---------------------------------------------------------------------------------------------------


def _of(project: Project, snapshot: Snapshot, pair: _Pair, ignored: Sequence[str], *, skip: bool) -> Impact:
    moved = (str(snapshot.folder), str(snapshot.checkout.folder))
    name = pair.name
    then = now = None
    if pair.then is not None:
        then = Side(configs.context_of(snapshot.project, pair.then, read=not skip), moved, pair.part.options)
    if pair.now is not None:
        now = Side(configs.context_of(project, pair.now, read=not skip), options=pair.part.options)
    before, after = _asked_for(then, pair.part), _asked_for(now, pair.part)
    result = Impact()
    if now is not None:
        unknown = _ignored_options(project, snapshot, now)
        result.left_out = [project.relative(path) for path in unknown.values()]
        after = {mark: choices for mark, choices in after.items() if not unknown.keys() & mark}
    result.found = {option for mark in (*before, *after) for _, option in mark} & pair.part.sets.keys()
    if pair.part.options:
        result.found |= _composing(then, before) | _composing(now, after)
    result.added = [(name, dict(after[mark])) for mark in after if mark not in before]
    result.removed = [(name, dict(before[mark])) for mark in before if mark not in after]
    if then is None or now is None:
        return result
    causes = Causes(then, now, snapshot)
    for mark in [mark for mark in after if mark in before]:
        change = None if skip else _change(name, then, now, before[mark], after[mark], causes, ignored)
        if change is None:
            result.unchanged += 1
            result.refused += not skip and not now.composes(after[mark])
        else:
            result.changed.append(change)
    return result


def _asked_for(side: Side | None, part: Selection) -> dict[frozenset[tuple[str, str]], Choices]:
    """What is chosen for each config of one time: of the sets that were named, or of all."""
    known = side.choices if side is not None else []
    return {frozenset(c): c for c in known if not part.sets or part.sets.keys() & {option for _, option in c}}


def _composing(side: Side | None, known: Mapping[Any, Choices]) -> set[str]:
    """The choices with which something composes."""
    found = [choices for choices in known.values() if side is not None and side.composes(choices)]
    return {"=".join(choice) for choices in found for choice in choices}


def _change(
    name: str, then: Side, now: Side, before: Choices, after: Choices, causes: Causes, ignored: Sequence[str]
) -> Change | None:
    if are_alike(then.composition(before), now.composition(after)):
        return None
    old, new = then.known(before), now.known(after)
    if old is None and new is None:
        return None
    if old is None or new is None:
        cause, words = causes.of_failure(before, after, now if new is None else then)
        refused, mended = (words, None) if new is None else (None, words)
        return Change(name, dict(after), {}, {"": cause}, refused, mended)
    found = differences(old, new)
    found = {key: pair for key, pair in found.items() if not _is_ignored(key, ignored)}
    if not found:
        return None
    return Change(name, dict(after), found, {key: causes.of(before, after, key, found[key]) for key in found})


def _is_ignored(key: str, ignored: Sequence[str]) -> bool:
    names = (key, key.partition(".")[2])
    return any(f"{own}.".startswith(f"{name}.") for own in names for name in ignored)


def _ignored_options(project: Project, snapshot: Snapshot, now: Side) -> dict[tuple[str, str], Path]:
    """The options whose files git ignores: what they were, it does not know."""
    options = [*now.context.options.sets.values(), *now.context.options.environments.values()]
    top = snapshot.checkout.folder
    new = {
        option.path: (option.key, option.name)
        for option in options
        if not (option.path.is_relative_to(top) and option.path.relative_to(top).as_posix() in snapshot.contents)
    }
    return {new[path]: path for path in git.ignored(project.root, list(new))} if new else {}
