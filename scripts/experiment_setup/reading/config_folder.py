"""A config folder: its files, read once for all experiments whose configs lie in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, TypeVar

from experiment_setup import files
from experiment_setup.reading.source import Document

T = TypeVar("T")

_DEEPEST = 4  # folders below the config folder; what lies deeper is no option that a person types
_NO_GROUPS = frozenset("hydra __pycache__ node_modules wandb mlruns multirun outputs lightning_logs".split())


class ConfigFolder:
    """A folder with primary configs and config groups. Several entry points, and several configs, may have one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.documents: MutableMapping[Path, Document] = {}  # what has been read, also of other folders
        self._entries: dict[Path, list[Path]] = {}
        self._yaml_files: dict[Path, list[Path]] = {}
        self._facts: dict[object, Any] = {}

    def read(self, path: Path) -> Document:
        """The YAML file at `path`, read once for whoever composes it and whoever looks at its text."""
        if path not in self.documents:
            self.documents[path] = Document(path)
        return self.documents[path]

    def once(self, compute: Callable[[ConfigFolder], T]) -> T:
        """What a function tells of the folder, whoever asks."""
        if compute not in self._facts:
            self._facts[compute] = compute(self)
        known: T = self._facts[compute]
        return known

    def entries(self, folder: Path) -> list[Path]:
        """What lies in a folder, in the order of the names; of a closed one, nothing is seen."""
        if folder not in self._entries:
            try:
                names = sorted(entry.name for entry in os.scandir(folder))
            except (OSError, ValueError):  # the second: a NUL in the name
                names = []
            self._entries[folder] = [folder / name for name in names]
        return self._entries[folder]

    def beside(self) -> list[Path]:
        """The YAML files that lie in the folder itself."""
        return self.once(_beside)

    def groups(self) -> list[Path]:
        """The folders of its config groups."""
        return self.once(_groups)

    def yaml_files(self, folder: Path) -> list[Path]:
        """The files below a folder that Hydra takes for options, hidden ones and those of its own groups left out."""
        if folder not in self._yaml_files:
            self._yaml_files[folder] = list(_yaml_files(self, folder, 0 if folder == self.path else 1))
        return self._yaml_files[folder]


def _beside(folder: ConfigFolder) -> list[Path]:
    return [path for path in folder.entries(folder.path) if path.suffix == ".yaml" and files.is_file(path)]


def _groups(folder: ConfigFolder) -> list[Path]:
    found = (path for path in folder.entries(folder.path) if path.name not in _NO_GROUPS)
    return [path for path in found if not path.name.startswith(".") and path.is_dir()]


def _yaml_files(config_folder: ConfigFolder, folder: Path, depth: int) -> Iterator[Path]:
    for path in config_folder.entries(folder):
        if path.name.startswith("."):
            continue
        if path.suffix == ".yaml" and path.is_file():
            yield path
        elif depth < _DEEPEST and path.suffix == "" and path.name not in _NO_GROUPS and path.is_dir():
            yield from _yaml_files(config_folder, path, depth + 1)
