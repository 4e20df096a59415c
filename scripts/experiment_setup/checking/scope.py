"""Which experiments a check is about: those that were named, those that a change of files concerns, or all.

With each come the other entry points of its folder, and the configs beside its own that are run with `-cn`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from experiment_setup import main_call, schema
from experiment_setup.errors import CommandError
from experiment_setup.facts import unlisted
from experiment_setup.files import real
from experiment_setup.listing import few_of_many
from experiment_setup.project import Experiment, Project, entry_points, scripts_with
from experiment_setup.reading.config_folder import ConfigFolder


def named(project: Project, words: Sequence[str]) -> list[Experiment]:
    """The experiments that the words name (number, name, path, a file of one, or a folder around some), or all of them.

    Raises CommandError for a word that names none, and where there is no experiment at all.
    """
    around = {word: project.at_path(word) or project.below(word) for word in words}
    if not project.experiments and not any(around.values()):
        raise _nothing_below(project)
    found = [experiment for word, known in around.items() for experiment in known or [project.meant(word)]]
    found = found or list(project.experiments)
    return list(_with_further(project, {experiment.folder: experiment for experiment in found}.values()))


def _with_further(project: Project, experiments: Iterable[Experiment]) -> Iterator[Experiment]:
    """Each with its further entry points, and with the primary configs that no entry point names."""
    named = {known.config_file for known in project.with_further}
    second = [one for one in project.second_configs if one.config_file not in named]
    named.update(one.config_file for one in second)
    folders: set[Path] = set()
    for experiment in experiments:
        entries = [experiment, *project.further(experiment)]
        yield from entries
        yield from (one for one in second if one.entry in [entry.entry for entry in entries])
        for entry in entries if experiment.entry is not None else ():
            if entry.config_dir in folders:
                continue
            folders.add(entry.config_dir)
            for path in _primary_configs(entry):
                if path not in named:
                    named.add(path)
                    name = path.relative_to(entry.config_dir).with_suffix("").as_posix()
                    yield replace(entry, config_name=name)


def _primary_configs(entry: Experiment) -> list[Path]:
    try:
        return unlisted.primary_configs(entry, ConfigFolder(entry.config_dir))
    except OSError:  # that is said where the experiment is checked
        return []


def _nothing_below(project: Project) -> CommandError:
    message = f"no experiment was found below {project.root}"
    without = [project.relative(script) for script in entry_points(project.root)]
    if not without:
        if (zen := next(scripts_with(project.root, b".hydra_main("), None)) is not None:
            where = f"{project.relative(zen)} starts Hydra through hydra-zen"
            return CommandError(
                f"{message}: {where}, whose configs only running the code makes",
                "what is checked here are configs in files, or in dataclasses, for functions with @hydra.main",
            )
        advice = "go to the project's folder or give --root; "
        return CommandError(
            message, f"{advice}an experiment is a folder with an entry point (@hydra.main) and its config"
        )
    shown = few_of_many(without, 3)
    named = main_call.named(project.root / without[0])
    if named and (named.config_path or "").endswith((".yaml", ".yml")):
        return CommandError(
            f"{message}: config_path={named.config_path!r} in {without[0]} names a file, as up to Hydra 1.0",
            'name its folder and its name for Hydra 1.1 and newer: config_path="config", config_name="train"',
        )
    where = f" ({named.config_path})" if named and named.config_path else ""
    return CommandError(
        f"{message}: there is @hydra.main in {shown}, but not the config that it names{where}",
        'config_path and config_name are followed where the code tells them, such as config_path="../configs"; '
        "a config that is chosen with --config-dir or lies on another machine is not found",
    )


def concerned(project: Project, paths: Sequence[str]) -> list[Experiment]:
    """The experiments that changed files belong to; `paths` (from the working directory) of none are passed over.

    A file belongs to an experiment if it lies in its folder or its config folder, or is a module that its entry point
    imports. Files that were deleted count as well.
    """
    files = {Path(os.path.normpath(Path.cwd() / path)) for path in paths}
    files = {real(path.parent) / path.name for path in files if path.suffix in (".py", ".yaml", ".yml")}
    found = [experiment for experiment in project.experiments if _concerns(project, experiment, files)]
    return list(_with_further(project, found))


def _concerns(project: Project, experiment: Experiment, files: set[Path]) -> bool:
    folders = (experiment.folder, experiment.config_dir)
    if any(path.is_relative_to(folder) for path in files for folder in folders):
        return True
    if experiment.entry is None or not any(path.suffix == ".py" for path in files):
        return False
    return not files.isdisjoint(schema.read(experiment.entry, project.root).modules)
