"""Which experiments a check is about: those that were named, those that a change of files concerns, or all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from experiment_setup import schema
from experiment_setup.errors import CommandError
from experiment_setup.project import Experiment, Project, entry_points


def named(project: Project, words: Sequence[str]) -> list[Experiment]:
    """The experiments that the words name (number, name, path, or a file of one), or all of them.

    Raises CommandError for a word that names none, and where there is no experiment at all.
    """
    found = [e for word in dict.fromkeys(words) for e in project.at_path(word) or [project.experiment(word)]]
    found = found or list(project.experiments)
    if not found:
        raise _nothing_below(project)
    return list({experiment.folder: experiment for experiment in found}.values())


def _nothing_below(project: Project) -> CommandError:
    message = f"no experiment was found below {project.root}"
    without = [project.relative(script) for script in entry_points(project.root)]
    if not without:
        advice = "go to the project's folder or give --root; "
        return CommandError(
            message, f"{advice}an experiment is a folder with an entry point (@hydra.main) and its config"
        )
    shown = ", ".join(without[:3]) + (f" and {len(without) - 3} more" if len(without) > 3 else "")
    return CommandError(
        f"{message}: there is @hydra.main in {shown}, but not the config that it names",
        'config_path and config_name are followed where they are plain text, such as config_path="../configs"',
    )


def concerned(project: Project, paths: Sequence[str]) -> list[Experiment]:
    """The experiments that changed files belong to; `paths` (from the working directory) of none are passed over.

    A file belongs to an experiment if it lies in its folder or its config folder, or is a module that its entry point
    imports. Files that were deleted count as well.
    """
    files = {Path(os.path.normpath(Path.cwd() / path)) for path in paths}
    files = {path.parent.resolve() / path.name for path in files if path.suffix in (".py", ".yaml", ".yml")}
    return [experiment for experiment in project.experiments if _concerns(project, experiment, files)]


def _concerns(project: Project, experiment: Experiment, files: set[Path]) -> bool:
    folders = (experiment.folder, experiment.config_dir)
    if any(path.is_relative_to(folder) for path in files for folder in folders):
        return True
    if experiment.entry is None or not any(path.suffix == ".py" for path in files):
        return False
    return not files.isdisjoint(schema.read(experiment.entry, project.root).modules)
