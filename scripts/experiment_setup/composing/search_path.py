"""Where the entries of `hydra.searchpath` lead."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from experiment_setup import files
from experiment_setup.code.finder import Finder
from experiment_setup.errors import CommandError
from experiment_setup.light import compiled
from experiment_setup.location import did_you_mean
from experiment_setup.project import Experiment

_FILE_ENTRY = compiled(r"file://([^\s\"',\]]+)")
_FOLDER_OF_THE_SHELL = compiled(r"\$\{oc\.env:\s*PWD\s*(?:,[^{}]*)?\}")


def written_out(entry: str) -> str:
    """An entry, or a text with entries, with `.` for `${oc.env:PWD}`: a path starts at the shell's folder anyway."""
    return _FOLDER_OF_THE_SHELL.sub(".", entry) if "${" in entry else entry


def base(experiment: Experiment, root: Path) -> Path:
    """The folder that `file://yamls` starts from. Hydra takes the shell's; which one that is, the project shows.

    It is the root, since people run `python experiments/001/train.py` there, or else the nearest folder from the
    experiment upwards in which the entry exists.
    """
    try:
        text = files.read_text(experiment.config_file)
    except (OSError, CommandError):
        return root
    for path in _FILE_ENTRY.findall(written_out(text)):
        for folder in (root, experiment.folder, *experiment.folder.parents):
            if files.is_folder(folder / path):
                return folder
    return root


def folders_of(package_name: str, experiment: Experiment, root: Path) -> Iterator[Path]:
    """The folders of a package that the experiment could import: of the project, then installed."""
    first, *rest = package_name.split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        return
    found = Finder(experiment.entry, root).find(first, [rest]) if experiment.entry else None
    for folder in (*(found.folders if found else ()), *(Path(entry, first) for entry in sys.path)):
        package = folder.joinpath(*rest)
        if files.is_folder(package):
            yield package


def leads_elsewhere(entry: str, experiment: Experiment, root: Path, start: Path) -> bool:
    """Whether an entry, a path from `start`, names what is not here: a package of a library that is not installed, or
    a folder outside of the project or in a part of it that has not been fetched. A misspelled one is a mistake of the
    project's own.
    """
    entry = written_out(entry)
    scheme, _, path = entry.rpartition("://")
    if "${" in entry or scheme not in ("pkg", "file"):
        return False
    if scheme == "pkg":
        name = path.replace("/", ".").strip(".")
        top = name.partition(".")[0]
        own = Finder(experiment.entry, root).find(top, [name.split(".")[1:]]) if experiment.entry else None
        return top != "hydra" and own is None and next(folders_of(name, experiment, root), None) is None
    if files.is_folder(start / path):
        return False
    top = next(iter(Path(path).parts), "")
    with contextlib.suppress(OSError, ValueError):  # of a folder that may not be looked into, or no name of one
        beside = sorted(
            folder.name for home in (start, experiment.folder) for folder in home.iterdir() if folder.is_dir()
        )
        return Path(path).is_absolute() or not (did_you_mean(top, beside) or any((start / top).glob("*")))
    return True
