"""What the texts of a project tell people to type: README files, shell scripts, an example of .env."""

from __future__ import annotations

import re
from itertools import islice

from experiment_setup import files
from experiment_setup.facts.experiment import ExperimentContext, once

_GUIDES = ("*.md", "*.rst", "*.sh")  # in a folder of a project with several
_TELLS_WHAT_TO_SET = (
    *(*_GUIDES, "docs/**/*.md", "docs/**/*.rst"),
    *("scripts/**/*.sh", ".env.example", "Dockerfile"),
)
_MOST_READ = 100  # files of a kind


@once
def guides(context: ExperimentContext) -> list[str]:
    """The texts that tell people what to set and what to type: README files, shell scripts, an example of .env."""
    root = context.project.root
    told = [root / ".env"] if "dotenv" in context.code.text and (root / ".env").is_file() else []
    entry = context.experiment.entry
    between = [folder for folder in entry.parents if folder != root and folder.is_relative_to(root)] if entry else []
    asked = [(root, found) for found in _TELLS_WHAT_TO_SET]
    asked += [(folder, found) for folder in between for found in _GUIDES]
    told += [path for folder, found in asked for path in islice(sorted(folder.glob(found)), _MOST_READ)]
    return list(map(files.read_loosely, told))


def is_always_typed(context: ExperimentContext, group: str) -> bool:
    """Whether each command of the guides that starts the entry point chooses from a group: `python train.py task=…`."""
    entry = context.experiment.entry
    texts = [text.replace("\\\n", " ") for text in guides(context)]  # commands of several lines
    lines = [line for text in texts for line in text.splitlines() if entry and entry.name in line]
    started = [line for line in lines if re.search(r"\bpython[\d.]*\s", line)]
    return bool(started) and all(re.search(rf"\s\+?{re.escape(group)}=", line) for line in started)
