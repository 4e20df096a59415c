"""A copy of a project to try changes in: the files that may change are copies, everything else is a link.

A link of the project to one of these files is a link to its copy, so that a change shows wherever the file is used.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from experiment_setup.project import Experiment, Project


@dataclass(frozen=True)
class Mirror:
    """The copy, and how paths of one are found in the other."""

    original: Project
    project: Project
    experiments: tuple[Experiment, ...]

    def original_of(self, path: Path) -> Path:
        """Where a file of the copy is in the project."""
        return _moved(path, self.project.root, self.original.root)


@contextlib.contextmanager
def mirrored(project: Project, experiments: Sequence[Experiment], files: Iterable[Path]) -> Iterator[Mirror]:
    """A mirror of `project` in which `files` may be changed; it is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="experiment-setup-") as folder:
        target = Path(folder).resolve() / project.root.name
        named = {path for path in files if path.is_relative_to(project.root)}
        copies = named | {path for path in map(Path.resolve, named) if path.is_relative_to(project.root)}
        real = {project.root}
        places = [e.folder for e in project.experiments] + [e.config_dir for e in project.experiments]
        for place in [*places, *(path.parent for path in copies)]:
            if place.is_dir() and place.is_relative_to(project.root):
                real |= {parent for parent in (place, *place.parents) if parent.is_relative_to(project.root)}
        _copy(project.root, target, real, copies, (project.root, target))
        moved = [
            replace(
                e,
                folder=_moved(e.folder, project.root, target),
                entry=_moved(e.entry, project.root, target) if e.entry else None,
                config_dir=_moved(e.config_dir, project.root, target),
            )
            for e in experiments
        ]
        yield Mirror(project, Project(target), tuple(moved))


def _moved(path: Path, source: Path, target: Path) -> Path:
    return target / path.relative_to(source) if path.is_relative_to(source) else path


def _copy(source: Path, target: Path, real: set[Path], copies: set[Path], roots: tuple[Path, Path]) -> None:
    target.mkdir()
    for entry in os.scandir(source):
        path, place = Path(entry.path), target / entry.name
        if path.is_symlink() and (path.resolve() in real or path.resolve() in copies):
            place.symlink_to(_moved(path.resolve(), *roots))
        elif path in real:
            _copy(path, place, real, copies, roots)
        elif path in copies:
            shutil.copy2(path, place)
        else:
            place.symlink_to(path)
