"""A run and what it left in its folder: the config that it ran with, its choices and overrides, its results, its state.

Four kinds of saved config are understood, together or alone: the template's config.yaml and result.json, Hydra's
.hydra/ (run_job in hydra/core/utils.py writes config.yaml, hydra.yaml and overrides.yaml there), the files/config.yaml
of a run of W&B, and a config.yaml that the code writes with OmegaConf.save.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.runs import saved

RESULT = "result.json"
CONFIG = "config.yaml"


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


def read(folder: Path) -> Run:
    """Read the run in `folder`; one of its files, or its .hydra/, means the same. Nothing in it is an error."""
    folder = folder.parent if folder.is_file() else folder
    folder = folder.parent if _is_hydras(folder) else folder
    parsed = saved.json_of(folder / RESULT)
    record = parsed if isinstance(parsed, dict) else {}
    overrides = saved.words_of(record.get("overrides"))
    hydra = _hydra(folder)
    if overrides is None and hydra is not None:
        overrides = saved.words_of(saved.yaml_of(hydra / "overrides.yaml"))
    state, evidence = _state(folder, record)
    config, config_file, resolved = _config(folder, record, hydra)
    return Run(
        folder,
        state,
        evidence,
        config,
        config_file,
        resolved,
        _choices(record.get("choices"), hydra),
        overrides,
        _results(folder, record),
        str(record["error"]) if record.get("error") else None,
    )


def below(folder: Path) -> Iterator[Run]:
    """The runs in `folder` and in the folders below it: those that hold a saved config or a result."""
    for place in saved.folders(folder):
        if (place / RESULT).exists() or _hydra(place) or _saved_config(place) or _wandb(place):
            yield read(place)


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a config by dotted key; lists, and dicts that are empty, are values."""
    if isinstance(value, Mapping) and (value or not key):
        for name, item in value.items():
            yield from leaves(item, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


# -- what each kind says ----------------------------------------------------------------------------------------------


def _state(folder: Path, record: Mapping[str, Any]) -> tuple[State, str]:
    for state in (State.DONE, State.FAILED, State.RUNNING):
        if record.get("status") == state.value:
            return state, f"{RESULT} says so"
    if (folder / RESULT).is_file() and not record:
        return State.RUNNING, f"{RESULT} is half written, at this very moment or by a kill"
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return State.MISSING, "there is no such folder"
    if not names:
        return State.MISSING, "its folder is empty"
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return State.UNKNOWN, f"it left {shown}; nothing says how it ended"


def _config(
    folder: Path, record: Mapping[str, Any], hydra: Path | None
) -> tuple[Mapping[str, Any] | None, Path | None, bool]:
    """The config, where it stands, and whether it was saved resolved: that is what the run really had."""
    own = _saved_config(folder)
    if own is not None:
        return own, folder / CONFIG, "${" not in str(own)
    groups = {group: record[group] for group in (SETS, ENVIRONMENTS) if isinstance(record.get(group), dict)}
    if groups:
        return groups, folder / RESULT, True
    wandb = _wandb(folder)
    if wandb is not None and (tracked := _tracked(wandb / "files" / CONFIG)):
        return tracked, wandb / "files" / CONFIG, "${" not in str(tracked)
    if hydra is not None and (composed := saved.mapping_of(hydra / CONFIG)) is not None:
        return composed, hydra / CONFIG, "${" not in str(composed)
    return None, None, False


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


def _choices(recorded: Any, hydra: Path | None) -> dict[str, str | None] | None:
    if not isinstance(recorded, dict) and hydra is not None:
        settings = saved.mapping_of(hydra / "hydra.yaml") or {}
        recorded = _at(settings, "hydra", "runtime", "choices")
    if not isinstance(recorded, dict):
        return None
    texts = {str(group): None if option is None else str(option) for group, option in recorded.items()}
    return {group: option for group, option in texts.items() if not group.startswith("hydra/")}


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _wandb(folder: Path) -> Path | None:
    """The folder of a W&B run: `folder` itself, or the last one in its wandb/."""
    if (folder / "files" / CONFIG).is_file():
        return folder
    runs = sorted(path for path in folder.glob("wandb/*run-*") if (path / "files" / CONFIG).is_file())
    return runs[-1] if runs else None


def _tracked(file: Path) -> dict[str, Any]:
    """W&B's config.yaml has each value below `value`, and its own settings below `_wandb`."""
    items = (saved.mapping_of(file) or {}).items()
    return {
        str(key): item["value"] for key, item in items if key != "_wandb" and isinstance(item, dict) and "value" in item
    }


def _results(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    mean = record.get("mean")
    if isinstance(mean, dict):
        return {str(key): value for key, value in mean.items()}
    if record and "status" not in record:  # not the template's: whatever numbers it has
        return {str(key): value for key, value in record.items() if isinstance(value, (int, float))}
    wandb = _wandb(folder)
    summary = saved.json_of(wandb / "files" / "wandb-summary.json") if wandb else None
    found = summary.items() if isinstance(summary, dict) else ()
    return {str(key): value for key, value in found if not str(key).startswith("_")}
