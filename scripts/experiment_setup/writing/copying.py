"""What of an experiment belongs into a copy of it: its code and config, and nothing that a run or a tool left there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

from experiment_setup import files, git
from experiment_setup.light import dataclass
from experiment_setup.project import Experiment, experiment_at
from experiment_setup.reading.source import Document, SourceError
from experiment_setup.schema import Schema

# What a run or a tool leaves in an experiment's folder; it belongs to the old experiment. The second kind are words
# that config groups and packages have as well, so that what lies in them decides.
_NEVER = frozenset(
    "__pycache__ .ipynb_checkpoints .hydra .git .venv venv node_modules .mypy_cache .pytest_cache .ruff_cache .cache"
    .split()
)  # fmt: skip
_OFTEN = frozenset(
    """cache output outputs result results multirun wandb mlruns run runs log logs lightning_logs tensorboard tb_logs
    checkpoint checkpoints ckpt ckpts weights artifacts submissions predictions""".split()
)
_LEFT_SUFFIXES = frozenset(
    """.pyc .ckpt .pt .pth .bin .safetensors .onnx .h5 .hdf5 .keras .pb .tflite .gguf .pkl .pickle .joblib .cbm .lgb
    .ubj .npy .npz .parquet .feather .arrow .log .out .err .tmp .bak .swp .orig""".split()
)
_LARGE = 20 * 1024 * 1024  # bytes; code and config are smaller, whatever is larger was made by a run
_RECORDS = {"multirun.yaml", "hydra.yaml", "overrides.yaml", "optimization_results.yaml"}  # Hydra's, of a run


@dataclass
class Copy:
    """The files to copy, and what is left behind, both by their paths below the experiment's folder."""

    files: list[Path] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


class Selection:
    """Decides what of `origin` is copied; the parameter sets in the group `sets` only where config needs them."""

    def __init__(self, origin: Experiment, schema: Schema, sets: str) -> None:
        self._origin = origin
        self._schema = schema
        self._sets = origin.group_dir(sets)
        self._left: list[str] = []

    def read(self) -> Copy:
        """The selection. Raises OSError where a folder cannot be listed: then nobody knows what would be missing."""
        found: list[Path] = []
        for folder, folders, names in os.walk(self._origin.folder, onerror=_raise):
            here = Path(folder)
            for name in sorted(folders):
                path = here / name
                if files.is_unfinished(name):
                    folders.remove(name)  # it may be gone when it is looked into
                elif path.is_symlink():
                    folders.remove(name)
                    found.append(path)
                elif self._is_left(path):
                    folders.remove(name)
                    self._leave(path)
            folders.sort()
            found += [here / name for name in sorted(names) if not files.is_unfinished(name)]
        ignored = git.ignored(self._origin.folder, found)
        return Copy([path for path in found if self._is_copied(path, path in ignored)], self._left)

    def _leave(self, path: Path) -> None:
        suffix = "/" if path.is_dir() and not path.is_symlink() else ""
        self._left.append(path.relative_to(self._origin.folder).as_posix() + suffix)

    # -- folders -------------------------------------------------------------------------------------------------

    def _is_left(self, folder: Path) -> bool:
        if (folder / "pyvenv.cfg").exists():
            return True
        if folder.name in _NEVER:
            return not self._leads_to_config(folder)
        if folder.parent == self._origin.folder and self._is_other_experiment(folder):
            return True
        return self._is_litter(folder) and not self._leads_to_config(folder) and not self._leads_to_code(folder)

    def _is_litter(self, folder: Path) -> bool:
        """Whether its name, or that of a folder around it, is one that runs give to what they leave."""
        inside = folder.relative_to(self._origin.folder).parts
        return not _OFTEN.isdisjoint(inside)

    def _is_other_experiment(self, path: Path) -> bool:
        other = experiment_at(path)
        origin = self._origin
        return other is not None and other.folder != origin.folder and other.config_dir != origin.config_dir

    def _leads_to_config(self, folder: Path) -> bool:
        return any(reached == folder or folder in reached.parents for reached in self._groups)

    def _leads_to_code(self, folder: Path) -> bool:
        return any(folder in module.parents for module in self._schema.modules)

    @cached_property
    def _groups(self) -> set[Path]:
        """The folders of options: those that a defaults list reaches, and those that hold nothing but options."""
        groups = self._reached()
        for folder, folders, _ in os.walk(self._origin.config_dir, onerror=_raise):
            folders[:] = [name for name in sorted(folders) if name not in _NEVER and not name.startswith(".")]
            here = Path(folder)
            if here != self._origin.config_dir and here.name in _OFTEN and self._holds_only_options(here):
                groups.add(here)
        return groups

    def _reached(self) -> set[Path]:
        """The folders that the defaults lists name, from the primary config on and through all options in them."""
        home = self._origin.config_dir
        groups: set[Path] = set()
        waiting = [self._origin.config_file]
        seen: set[Path] = set()
        while waiting:
            file = waiting.pop()
            if file in seen or not file.is_file():
                continue
            seen.add(file)
            for named in _defaults(file):
                absolute = named.startswith("/")
                folder = Path(os.path.normpath((home if absolute else file.parent) / named.lstrip("/")))
                if folder.is_dir() and home in folder.parents and folder not in groups:
                    groups.add(folder)
                    waiting += sorted(folder.glob("*.yaml"))
        return groups

    def _holds_only_options(self, folder: Path) -> bool:
        entries = sorted(folder.iterdir())
        files = [path for path in entries if not path.is_dir()]
        return (
            bool(files)
            and all(path.suffix == ".yaml" and path.is_file() and self._is_option(path) for path in files)
            and all(self._holds_only_options(path) for path in entries if path.is_dir())
        )

    def _is_option(self, path: Path) -> bool:
        """Whether it is what a config group holds, and not what a run saved: that has the groups themselves as keys."""
        if path.name in _RECORDS:
            return False
        document = Document(path)
        data = _data(document)
        if not isinstance(data, (dict, type(None))):
            return False
        groups = {child.name for child in self._origin.config_dir.iterdir() if child.is_dir()}
        groups |= {str(registration.group) for registration in self._schema.registrations if registration.group}
        return bool(document.header) or len(groups & {str(key) for key in data or {}}) < 2

    # -- files ---------------------------------------------------------------------------------------------------

    def _is_copied(self, path: Path, ignored: bool) -> bool:
        if path.parent == self._sets and path.suffix in (".yaml", ".yml"):
            copied = path.suffix == ".yaml" and path.stem in self._needed
        elif path.is_symlink():
            copied = path.suffix not in _LEFT_SUFFIXES
        elif not stat.S_ISREG(path.stat().st_mode):
            copied = False  # a pipe or a device: reading it might never end
        elif self._is_litter(path.parent):
            in_group = path.parent in self._groups and path.suffix == ".yaml"
            copied = in_group or (path.suffix == ".py" and self._leads_to_code(path.parent))
        elif path.suffix in _LEFT_SUFFIXES or path.name == ".DS_Store":
            copied = False
        elif ignored and path.suffix not in (".py", ".yaml") and path.name != ".env":
            copied = False  # what git ignores was made by a run
        else:
            copied = path.stat().st_size <= _LARGE
        if not copied:
            self._leave(path)
        return copied

    @cached_property
    def _needed(self) -> set[str]:
        """The parameter sets that config.yaml names, and their parents: without them nothing composes."""
        needed: set[str] = set()
        waiting = [self._origin.config_file]
        while waiting:
            file = waiting.pop()
            for option in _options(file, self._sets, self._origin.config_dir):
                path = self._sets / f"{option}.yaml"
                if option not in needed and path.is_file():
                    needed.add(option)
                    waiting.append(path)
        return needed


def _raise(error: OSError) -> None:
    raise error


def _data(document: Document) -> Any:
    try:
        return document.data
    except (SourceError, OSError):
        return ...


def _entries(file: Path) -> Iterator[tuple[str, Any]]:
    """(what stands before the colon, what behind it) of each entry of a defaults list; a bare entry has no second."""
    data = _data(Document(file))
    defaults = data.get("defaults") if isinstance(data, dict) else None
    for entry in defaults if isinstance(defaults, list) else ():
        if isinstance(entry, str) and entry != "_self_":
            yield entry.split("@")[0].strip(), None
        elif isinstance(entry, dict) and len(entry) == 1:
            key, value = next(iter(entry.items()))
            yield str(key).split()[-1].split("@")[0], value


def _defaults(file: Path) -> Iterator[str]:
    """The config groups of a defaults list, as they are written."""
    for named, value in _entries(file):
        if value is not None:
            yield named
            for option in value if isinstance(value, list) else [value]:
                if "/" in str(option):  # `model: deep/wide`
                    yield f"{named}/{str(option).rpartition('/')[0]}"
        elif "/" in named:
            yield named.rpartition("/")[0] or "/"
        else:
            yield named  # `- model: null` and `- config_schema`: the folder counts if there is one


def _options(file: Path, group: Path, home: Path) -> Iterator[str]:
    """The options of `group` that a defaults list names."""
    for named, value in _entries(file):
        start = home if named.startswith("/") else file.parent
        if value is None:
            path = Path(os.path.normpath(start / named.lstrip("/")))
            if path.parent == group:
                yield path.name
        elif Path(os.path.normpath(start / named.lstrip("/"))) == group:
            yield from map(str, value if isinstance(value, list) else [value])
