"""A copy of a project to try changes in: the files that may change are copies, everything else is a link.

A link of the project to one of these files is a link to its copy, so that a change shows wherever the file is used.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from experiment_setup.files import real, temporary_folder
from experiment_setup.light import dataclass
from experiment_setup.location import Location
from experiment_setup.project import Experiment, Project

T = TypeVar("T")


@dataclass(frozen=True)
class Mirror:
    """The copy, and how paths of one are found in the other."""

    original: Project
    project: Project
    experiments: tuple[Experiment, ...]

    def original_of(self, path: Path) -> Path:
        """Where a file of the copy is in the project."""
        return _moved(path, self.project.root, self.original.root)

    def original_location(self, location: Location) -> Location:
        """The same place in the project."""
        return replace(location, path=self.original_of(location.path))

    def copy_of(self, path: Path) -> Path:
        """Where a file of the project is in the copy."""
        return _moved(path, self.original.root, self.project.root)

    def as_original(self, value: T) -> T:
        """Texts, in dicts and lists too, with the project's folder where the copy's is named."""
        if isinstance(value, str):
            return value.replace(str(self.project.root), str(self.original.root))  # type: ignore[return-value]
        if isinstance(value, dict):
            return {key: self.as_original(item) for key, item in value.items()}  # type: ignore[return-value]
        return [self.as_original(item) for item in value] if isinstance(value, list) else value  # type: ignore[return-value]


@contextlib.contextmanager
def mirrored(project: Project, experiments: Sequence[Experiment], files: Iterable[Path]) -> Iterator[Mirror]:
    """A mirror of `project`, gone after the block, in which `files` of the `experiments` may be changed or made."""
    with temporary_folder() as folder:
        target = folder / project.root.name
        named = {path for path in files if path.is_relative_to(project.root)}
        copies = named | {path for path in map(real, named) if path.is_relative_to(project.root)}
        entered = {project.root}
        places = [e.folder for e in experiments] + [e.config_dir for e in experiments]
        for place in [*places, *(path.parent for path in copies)]:
            if place.is_dir() and place.is_relative_to(project.root):
                entered |= {parent for parent in (place, *place.parents) if parent.is_relative_to(project.root)}
        _copy(project.root, target, entered, copies, (project.root, target))
        known = [_experiment(e, project.root, target) for e in project.experiments]
        moved = tuple(_experiment(e, project.root, target) for e in experiments)
        yield Mirror(project, Project(target, known), moved)


def _experiment(experiment: Experiment, source: Path, target: Path) -> Experiment:
    return replace(
        experiment,
        folder=_moved(experiment.folder, source, target),
        entry=_moved(experiment.entry, source, target) if experiment.entry else None,
        config_dir=_moved(experiment.config_dir, source, target),
    )


def _moved(path: Path, source: Path, target: Path) -> Path:
    return target / path.relative_to(source) if path.is_relative_to(source) else path


def _copy(source: Path, target: Path, entered: set[Path], copies: set[Path], roots: tuple[Path, Path]) -> None:
    target.mkdir()
    for entry in os.scandir(source):
        path, place = Path(entry.path), target / entry.name
        if path.is_symlink() and (real(path) in entered or real(path) in copies):
            place.symlink_to(_moved(real(path), *roots))
        elif path in entered:
            _copy(path, place, entered, copies, roots)
        elif path in copies:
            shutil.copy2(path, place)
        else:
            place.symlink_to(path)
