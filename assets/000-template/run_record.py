"""What a run needs around its training; the file to edit is train.py.

Results go to <env.output_dir>/001/, with values given by hand to 001-seed-1/, of a sweep to multirun/<time>/<job>/:
config.yaml (resolved) and result.json. Models go to the same folder below <env.model_output_dir>. The same config again
refreshes its own folder; where another config has been, the name gets a hash of the config: nothing is overwritten.
"""

import hashlib
import json
import logging
import math
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any, NoReturn

import run_tracker
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from run_tracker import Log

HERE = Path(__file__).absolute().parent
# The folder that holds experiments/: a run goes there first, so that relative paths mean the same from everywhere.
ROOT = next((folder.parent for folder in HERE.parents if folder.name == "experiments"), HERE.parent.parent)
MADE_BY_HAND = (".", ":(exclude,glob)**/__pycache__/**")
Train = Callable[[Any, int, Path, Log], dict[str, float]]


def set_up() -> None:
    """What `python train.py` does first: go to ROOT, wherever it was typed."""
    os.chdir(ROOT)
    # The processes of a launcher, which start there, import this file.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    # All sets: `default`, the bare dataclass, is none of them.
    sys.argv = ["exp=glob(*,exclude=default)" if word == "exp=glob(*)" else word for word in sys.argv]


def run_folds(cfg: Any, train_fold: Train) -> dict[str, float]:
    """Train the folds that exp.fold names, save and print the results; the means of what the folds return."""
    os.chdir(ROOT)  # Ray may have started this process in a copy of the project
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    config = resolved(cfg)
    if problem := run_tracker.problem(config):
        refuse(problem)
    job, commit = HydraConfig.get(), git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no") or git("status", "--porcelain", *MADE_BY_HAND)
    folder, model_dir = make_folders(cfg)
    record = {
        "name": cfg.exp.name,
        "folder": str(folder),
        **config,
        "choices": {group: option for group, option in job.runtime.choices.items() if "/" not in group},
        "overrides": OmegaConf.to_container(job.overrides.task),  # unresolved: as Hydra words the job
        "git": commit and {"commit": commit, "dirty": bool(changed)},
        "versions": {"python": python_version(), "hydra-core": version("hydra-core")},
    }
    save(folder, {**record, "status": "running"})
    start, folds = time.monotonic(), {}
    try:
        for fold in cfg.exp.fold:
            seed_everything(cfg.exp.seed)  # before each, so that a fold comes out the same alone or after others
            (model_dir / f"fold{fold}").mkdir(exist_ok=True)
            with run_tracker.tracked(record, fold) as log:
                folds[fold] = numbers(train_fold(cfg, fold, model_dir / f"fold{fold}", log))
            logging.info("fold %d: %s", fold, folds[fold])
    except BaseException as error:  # Ctrl-C as well; a kill leaves "running"
        save(folder, {**record, "status": "failed", "folds": folds, "error": f"{type(error).__name__}: {error}"})
        raise
    mean = means(list(folds.values()))
    result = {"folds": folds, "mean": mean, "seconds": round(time.monotonic() - start, 3)}
    save(folder, {**record, "status": "done", **result})
    print(to_json({"name": cfg.exp.name, "folder": str(folder), **result}), flush=True)
    return mean


# -- before the training ----------------------------------------------------------------------------------------------


def refuse(message: str) -> NoReturn:
    """End with one line. Of a sweep end this job only: the others go on, and Hydra reports this one at the end."""
    raise (SystemExit if HydraConfig.get().mode == RunMode.RUN else CompactHydraException)(message)


def needs_paths(cfg: Any, *keys: str) -> None:
    """Refuse where one of these values of env is a path, no mere name, and not on this machine."""
    for key in keys:
        path = str(cfg.env[key])
        if path.startswith("~"):
            refuse_home(key, path)
        if (Path(path).is_absolute() or path.startswith(".")) and not (ROOT / path).exists():
            refuse(f"env.{key}={path} is not on this machine: correct it in env/, or choose another env=")


def refuse_home(key: str, path: str) -> NoReturn:
    """Say what ~ has to be."""
    made = " and remove the folder that the sweep has made of it: rm -r './~'" if Path("~").exists() else ""
    refuse(f"env.{key}={path}: only a shell knows ~; write ${{oc.env:HOME}}{path[1:]}{made}")


def resolved(cfg: Any) -> dict[str, Any]:
    """The config as plain data. Refuses values that are missing or lead nowhere."""
    try:
        config: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True, enum_to_str=True)
    except OmegaConfBaseException as error:
        refuse(f"{error.full_key}: {str(error).splitlines()[0]}")
    for key, value in config["env"].items():
        if str(value).startswith("~"):
            refuse_home(key, value)
    return dict(config)


def seed_everything(seed: int) -> None:
    """Seed random, and NumPy and PyTorch where they are installed."""
    random.seed(seed)
    with suppress(ImportError):
        import numpy

        numpy.random.seed(seed % 2**32)
    with suppress(ImportError):
        import torch

        torch.manual_seed(seed)


# -- folders ----------------------------------------------------------------------------------------------------------


def make_folders(cfg: Any) -> list[Path]:
    """The folders of this run for results and for models, its config in each."""
    job, config = HydraConfig.get(), OmegaConf.to_yaml(cfg, resolve=True)
    if job.mode == RunMode.MULTIRUN:
        label, sweep = job.sweep.subdir, Path(job.sweep.dir)
        parents = [sweep, Path(cfg.env.model_output_dir, "multirun", sweep.name)]
    else:
        values = [text.lstrip("+~")[4:] for text in job.overrides.task if text.lstrip("+~").startswith("exp.")]
        words = [re.sub(r"[^\w.-]+", "-", word).strip("-") for word in (job.runtime.choices["exp"], *values)]
        label = "-".join(words)[:60]
        parents = [Path(cfg.env.output_dir), Path(cfg.env.model_output_dir)]
    if not all(claim(parent / label, config) for parent in parents):
        taken, label = label, f"{label}-{hashlib.sha256(config.encode()).hexdigest()[:8]}"
        logging.warning("%s holds a run of another config; this one goes to %s", parents[0] / taken, parents[0] / label)
        for parent in parents:
            claim(parent / label, config)
    return [parent / label for parent in parents]


def claim(folder: Path, config: str) -> bool:
    """Make `folder` for the run of `config`; False where the run of another config has it already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), (folder / "config.yaml").open("x", encoding="utf-8") as file:
            file.write(config)
        return (folder / "config.yaml").read_text(encoding="utf-8") == config
    except OSError as error:
        refuse(f"{folder} can't be written to ({error.strerror}): correct it in env/, or choose another env=")


# -- records ----------------------------------------------------------------------------------------------------------


def git(*arguments: str) -> str | None:
    """What git says of this folder; None without git, a repository or a commit."""
    with suppress(OSError, subprocess.CalledProcessError):
        return subprocess.check_output(["git", *arguments], cwd=HERE, stderr=subprocess.DEVNULL, text=True).strip()
    return None


def numbers(metrics: dict[str, Any] | None) -> dict[str, Any]:
    """Metrics with the numbers of NumPy and PyTorch as plain ones; what is no number stays."""
    result = dict(metrics or {})
    for key, value in result.items():
        with suppress(TypeError, ValueError):
            result[key] = float(value)
    return result


def means(folds: list[dict[str, Any]]) -> dict[str, float]:
    """The mean of each metric that all folds have."""
    keys = [key for key in folds[0] if all(isinstance(fold.get(key), float) for fold in folds)]
    return {key: sum(fold[key] for fold in folds) / len(folds) for key in keys}


def to_json(value: dict[str, Any], indent: int | None = None) -> str:
    """JSON that any program reads: it has no NaN and no infinity, so they are null."""

    def finite(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): finite(item) for key, item in value.items()}
        if isinstance(value, list):
            return [finite(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(finite(value), indent=indent, default=str)


def save(folder: Path, record: dict[str, Any]) -> None:
    """Write result.json."""
    (folder / "result.json").write_text(to_json(record, indent=2) + "\n", encoding="utf-8")


def progress(steps: Iterable[int], label: str) -> Iterable[int]:
    """A bar on a terminal, where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return steps
    bar: Iterable[int] = tqdm(steps, label, disable=None)
    return bar
