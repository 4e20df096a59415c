"""Refusals that several writing commands share."""

from __future__ import annotations

from pathlib import Path

from experiment_setup import command_line
from experiment_setup.errors import CommandError
from experiment_setup.project import Experiment, root_words


def to_mend(message: str, experiment: Experiment, root: Path) -> CommandError:
    """The error for an experiment, in the project at `root`, that has to be mended before anything is added to it."""
    path = (experiment.entry or experiment.folder).relative_to(root).as_posix()
    command = command_line.command("validate.py", [path, *root_words(root)])
    return CommandError(message, "mend that first; validate.py says where", command)
