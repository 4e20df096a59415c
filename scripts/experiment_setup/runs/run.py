"""A run and what it left in its folder: the config that it ran with, its choices and overrides, its results, its state.

Four kinds of saved config are understood, together or alone: the template's config.yaml and result.json, Hydra's
.hydra/ (run_job in hydra/core/utils.py writes config.yaml, hydra.yaml and overrides.yaml there), what W&B keeps of a
run on this machine, and a config.yaml that the code writes with OmegaConf.save.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from experiment_setup import files
from experiment_setup.light import dataclass
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.runs import saved, wandb_log
from experiment_setup.runs.wandb_log import Tracked

RESULT = "result.json"
CONFIG = "config.yaml"

# What a record says of the run itself.
_BOOKKEEPING = frozenset("started ended finished time timestamp duration pid exit_code version".split())


class State(str, Enum):
    """What is known of a run."""

    DONE = "done"
    FAILED = "failed"  # it raised
    RUNNING = "running"  # it has begun and not ended; also what a kill leaves behind
    UNKNOWN = "unknown"  # it has begun, and nothing says how it ended
    MISSING = "missing"  # it left nothing: it waits, or was refused or stopped before it began


@dataclass(frozen=True)
class Run:
    """What the folder of a run says; None and empty where it says nothing."""

    folder: Path
    state: State
    evidence: str  # what the state is told from, in words
    config: Mapping[str, Any] | None = None
    config_file: Path | None = None
    resolved: bool = False  # whether the interpolations in `config` were resolved when it was saved
    choices: Mapping[str, str | None] | None = None  # config group -> option
    overrides: tuple[str, ...] | None = None  # as Hydra worded them
    results: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    is_tracked: bool = False  # whether `config` is what a tracker was told, which may be more or less than the config
    config_dirs: tuple[Path, ...] = ()  # the config folders of the entry point, as Hydra recorded them
    unread: bool = False  # whether the system let nobody look

    @classmethod
    def refused(cls, folder: Path, error: OSError) -> Run:
        """A folder that the system keeps from being read: a run may be in it, or many."""
        return cls(folder, State.UNKNOWN, f"it cannot be read: {error.strerror}", unread=True)


def read(folder: Path) -> Run:
    """Read the run in `folder`; one of its files, or its .hydra/, means the same. Nothing in it is an error."""
    try:
        return _read(folder)
    except OSError as error:
        return Run.refused(folder, error)


def _read(folder: Path) -> Run:
    folder = folder.parent if folder.is_file() else folder
    folder = folder.parent if _is_hydras(folder) else folder
    left = _Left.of(folder)
    state, evidence = _state(left)
    config, config_file = _config(left)
    overrides = saved.words_of(left.record.get("overrides"))
    if overrides is None and left.hydra is not None:
        overrides = saved.words_of(saved.yaml_of(left.hydra / "overrides.yaml"))
    error = left.record.get("error")
    return Run(
        folder,
        state,
        evidence,
        config,
        config_file,
        config is not None and "${" not in str(config),
        _choices(left),
        overrides,
        _results(left, state, {*_names(config or {}), *_assigned(overrides or ())}),
        str(error) if error else None,
        left.wandb is not None and config_file == left.wandb.file,
        _config_dirs(left),
    )


def below(folder: Path, enter: Callable[[os.DirEntry[str]], bool] = lambda entry: True) -> Iterator[Run]:
    """The runs in `folder` and in the folders below it: those that hold a saved config or a result.

    What `enter` says no to is passed over; of what cannot be looked into, nobody knows, and that is a run too.
    """
    own = set[Path]()
    for place, refused in saved.folders(folder, enter):
        try:
            yield from _at(folder, place, own)
        except OSError as error:
            refused = refused or error
        if refused is not None and not isinstance(refused, FileNotFoundError):
            yield Run.refused(place, refused)


def _at(folder: Path, place: Path, own: set[Path]) -> Iterator[Run]:
    """The run in one of the folders, if there is one; `own` are those that hold a run of Hydra's, or of the template's.

    Raises OSError where it cannot be looked into.
    """
    if place == folder or "wandb" not in place.relative_to(folder).parts:
        if (place / RESULT).is_file() or _hydra(place) or _saved_config(place):
            own.add(place)
            yield _read(place)
        elif _is_of_wandb(place):
            yield _read(place)
    elif place.parent.name == "wandb" and place.parent.parent not in own and _is_of_wandb(place):
        yield _read(place)  # else it belongs to the run in the folder above


def meant(folder: Path) -> Path | None:
    """A run below a folder that is none, named as the folder was: one that says what it chose, if there is one.

    Others may be copies of a config, such as beside models.
    """
    top = files.real(folder)
    found = sorted((run.choices is None, number, run.folder) for number, run in enumerate(below(top)) if run.config)
    return folder / found[0][2].relative_to(top) if found else None


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a config by dotted key; lists, and dicts that are empty, are values."""
    if isinstance(value, Mapping) and (value or not key):
        for name, item in value.items():
            yield from leaves(item, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


# -- what each kind says ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Left:
    folder: Path
    record: Mapping[str, Any]  # result.json; empty where there is none that can be read
    hydra: Path | None
    wandb: Tracked | None

    @cached_property
    def runtime(self) -> Mapping[str, Any]:
        """What Hydra recorded of the run; empty where there is nothing of the kind."""
        return saved.runtime_of(self.hydra / "hydra.yaml") if self.hydra is not None else {}

    @classmethod
    def of(cls, folder: Path) -> _Left:
        record = saved.json_of(folder / RESULT)
        return cls(folder, record if isinstance(record, dict) else {}, _hydra(folder), _wandb(folder))


def _config_dirs(left: _Left) -> tuple[Path, ...]:
    recorded = left.runtime.get("config_sources")
    sources = [one for one in recorded if isinstance(one, dict)] if isinstance(recorded, list) else []
    return tuple(Path(str(one.get("path"))) for one in sources if one.get("provider") == "main")


def _state(left: _Left) -> tuple[State, str]:
    for state in (State.DONE, State.FAILED, State.RUNNING):
        if left.record.get("status") == state.value:
            return state, f"{RESULT} says so"
    if (left.folder / RESULT).is_file() and not left.record:
        return State.RUNNING, f"{RESULT} is half written, at this very moment or by a kill"
    if left.wandb is not None and left.wandb.is_log:
        code = left.wandb.exit_code
        state = State.RUNNING if code is None else State.FAILED if code else State.DONE
        return state, f"{left.wandb.file.name} has {'no exit' if code is None else f'exit code {code}'}"
    try:
        names = sorted(path.name for path in left.folder.iterdir())
    except OSError:
        return State.MISSING, "there is no such folder"
    if not names:
        return State.MISSING, "its folder is empty"
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return State.UNKNOWN, f"it left {shown}; nothing says how it ended"


def _config(left: _Left) -> tuple[Mapping[str, Any] | None, Path | None]:
    """The config and where it stands; first those that are saved resolved: that is what the run really had."""
    own = _saved_config(left.folder)
    if own is not None:
        return own, left.folder / CONFIG
    known = dict.fromkeys((SETS, ENVIRONMENTS, *(_choices(left) or ())))
    groups = {group: left.record[group] for group in known if isinstance(left.record.get(group), dict)}
    if groups:
        return groups, left.folder / RESULT
    if left.wandb is not None and left.wandb.config:
        return left.wandb.config, left.wandb.file
    composed = saved.mapping_of(left.hydra / CONFIG) if left.hydra is not None else None
    return (composed, left.hydra / CONFIG) if left.hydra is not None and composed is not None else (None, None)


def _saved_config(folder: Path) -> dict[str, Any] | None:
    """A config.yaml that a run wrote; one with a defaults list is what Hydra composes from."""
    if _is_hydras(folder):
        return None
    config = saved.mapping_of(folder / CONFIG)
    return config if config and "defaults" not in config and "wandb_version" not in config else None


def _hydra(folder: Path) -> Path | None:
    """Hydra's folder in that of a run: `.hydra`, or what hydra.output_subdir names."""
    usual = folder / ".hydra"
    if _is_hydras(usual):
        return usual
    return next((path.parent for path in sorted(folder.glob("*/overrides.yaml")) if _is_hydras(path.parent)), None)


def _is_hydras(folder: Path) -> bool:
    """Whether it holds what Hydra saves of a run."""
    return all((folder / name).is_file() for name in ("hydra.yaml", "overrides.yaml", CONFIG))


def _choices(left: _Left) -> dict[str, str | None] | None:
    recorded = left.record.get("choices")
    if not isinstance(recorded, dict):
        recorded = left.runtime.get("choices")
    if not isinstance(recorded, dict):
        return None
    texts = {str(group): None if option is None else str(option) for group, option in recorded.items()}
    return {group: option for group, option in texts.items() if not group.startswith("hydra/")}


def _wandb(folder: Path) -> Tracked | None:
    """The W&B run in `folder`, or the last one in its wandb/.

    Its files/ come from a run that was uploaded, or from an older release; they say nothing of how it ended.
    """
    places = [folder, *sorted(folder.glob("wandb/*run-*"), reverse=True)]
    for place in places:
        for log in sorted(place.glob("run-*.wandb")):
            if (tracked := wandb_log.read(log)) is not None:
                return tracked
        if (place / "files" / CONFIG).is_file():
            found = saved.mapping_of(place / "files" / CONFIG) or {}
            values = {
                str(key): item["value"] for key, item in found.items() if isinstance(item, dict) and "value" in item
            }
            values.pop("_wandb", None)
            summary = saved.json_of(place / "files" / "wandb-summary.json")
            return Tracked(place / "files" / CONFIG, values, summary if isinstance(summary, dict) else {}, is_log=False)
    return None


def _is_of_wandb(folder: Path) -> bool:
    return any(folder.glob("run-*.wandb")) or (folder / "files" / CONFIG).is_file()


def _results(left: _Left, state: State, parameters: Collection[str]) -> dict[str, Any]:
    """The means of the template, the numbers of another result.json, or W&B's summary; None for nan and infinity.

    A record with a status has more than results: what it was given, and when. It has results when it is done.
    """
    record = left.record
    found = record.get("mean")
    if not isinstance(found, dict) and ("status" not in record or state is State.DONE):
        found = record or (left.wandb.summary if left.wandb is not None else {})
        beside = {*parameters, *_BOOKKEEPING} if "status" in record else set()
        found = {
            key: value
            for key, value in found.items()
            if isinstance(value, (int, float)) and key[:1] != "_" and key not in beside
        }
    numbers = found.items() if isinstance(found, dict) else ()
    return {
        str(key): None if isinstance(value, float) and not math.isfinite(value) else value for key, value in numbers
    }


def _names(config: Mapping[Any, Any]) -> Iterator[str]:
    """The names of the values, and of what they lie in."""
    return (name for key, _ in leaves(config) for name in key.split("."))


def _assigned(overrides: Iterable[str]) -> Iterator[str]:
    return (word.partition("=")[0].rpartition(".")[2] for word in overrides)
