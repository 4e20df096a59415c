"""Where relative entries of `hydra.searchpath` are looked for."""

from __future__ import annotations

from pathlib import Path

from experiment_setup import files
from experiment_setup.errors import CommandError
from experiment_setup.light import compiled
from experiment_setup.project import Experiment

_FILE_ENTRY = compiled(r"file://([^\s\"',\]]+)")


def base(experiment: Experiment, root: Path) -> Path:
    """The folder that `file://yamls` starts from. Hydra takes the shell's; which one that is, the project shows.

    It is the root, since people run `python experiments/001/train.py` there, or else the nearest folder from the
    experiment upwards in which the entry exists.
    """
    try:
        text = files.read_text(experiment.config_file)
    except (OSError, CommandError):
        return root
    for path in _FILE_ENTRY.findall(text):
        for folder in (root, experiment.folder, *experiment.folder.parents):
            if files.is_folder(folder / path):
                return folder
    return root
