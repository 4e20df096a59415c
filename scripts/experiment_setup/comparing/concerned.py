"""Which experiments a change of files can concern: the others need not be composed twice.

Rather one too many: an experiment counts if a file of its own was changed, or if one of its files has a word in it by
which a changed file, or one that has such a word in turn, could be reached: the name of a module or of an experiment.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from experiment_setup.comparing.history import Snapshot
from experiment_setup.project import Experiment, Project

_CODE, _CONFIG = (".py",), (".yaml", ".yml")


def by_changes(project: Project, snapshot: Snapshot) -> Callable[[Experiment | None], bool]:
    """Tells of an experiment of the work tree, which is where it was, whether the changes since can concern it."""
    top = snapshot.checkout.folder
    owners = _owners(project, snapshot)
    changed = {path for path in snapshot.changed() | snapshot.new() if path.suffix in _CODE + _CONFIG}
    texts: dict[Path | None, list[tuple[Path, bytes]]] = {}
    for name, content in snapshot.contents.items():
        path = top / name
        for owner in _owner(path, owners, top):
            texts.setdefault(owner, []).append((path, content))
    concerned = {owner for path in changed for owner in _owner(path, owners, top) if owner is not None}
    shared = {path for path in changed if _owner(path, owners, top) == [None]}
    words = {_word(path) for path in shared if path.suffix in _CODE} | {os.fsencode(owner.name) for owner in concerned}
    if any(path.suffix in _CONFIG for path in shared):
        words |= {b"searchpath", b"pkg://", *(os.fsencode(path.stem) for path in shared)}
    waiting = True
    while waiting:
        waiting = False
        for owner, own in texts.items():
            for path, content in own:
                word = _word(path) if owner is None else os.fsencode(owner.name)
                if word not in words and any(known in content for known in words):
                    words.add(word)
                    waiting = True
    named = {owner for owner in texts if owner is not None and os.fsencode(owner.name) in words}
    if changed:  # an experiment that is the whole checkout: whatever is changed lies in it
        named.add(top)
    return lambda experiment: (
        experiment is None or not {experiment.folder, experiment.config_dir}.isdisjoint(concerned | named)
    )


def _owners(project: Project, snapshot: Snapshot) -> set[Path]:
    """The folders of the experiments and of their configs, as they are and as they were."""
    then = {snapshot.here(folder) for e in snapshot.project.experiments for folder in (e.folder, e.config_dir)}
    return then | {folder for e in project.experiments for folder in (e.folder, e.config_dir)}


def _owner(path: Path, owners: set[Path], top: Path) -> list[Path | None]:
    """The folders of experiments that a file lies in; [None] for one that lies in none."""
    found: list[Path | None] = [folder for folder in path.parents if folder in owners and folder != top]
    return found or [None]


def _word(path: Path) -> bytes:
    """By what code comes to a module: its name, or that of its package."""
    return os.fsencode(path.parent.name if path.stem == "__init__" else path.stem)
