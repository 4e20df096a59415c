"""Experiment 000-template.

    python train.py exp=001                one parameter set: exp/001.yaml
    python train.py exp=001 exp.seed=1     with other values
    python train.py -m exp=001,002         a sweep, one job a set

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
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from statistics import fmean
from typing import Any, NoReturn

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

# Heavy imports (torch, wandb, …) belong inside the functions that need them: so `--cfg job` stays fast.
HERE = Path(__file__).absolute().parent
# The folder that holds experiments/: a run goes there first, so that relative paths mean the same from everywhere.
ROOT = next((folder.parent for folder in HERE.parents if folder.name == "experiments"), HERE.parent.parent)
Log = Callable[[dict[str, float]], None]


@dataclass
class ExpConfig:
    """What changes from one parameter set to the next."""

    name: str = "default"
    seed: int = 42
    learning_rate: float = 0.1
    batch_size: int = 16
    epochs: int = 3
    n_folds: int = 5
    fold: list[int] = field(default_factory=lambda: [0])  # the folds to train, of 0 … n_folds - 1
    debug: bool = False  # one epoch on a few rows, without W&B
    notes: str | None = None


@dataclass
class EnvConfig:
    """What changes from one machine to the next. Relative paths start at the folder that holds experiments/."""

    base_model: str = "zeros"  # what to start from: a name, or the folder of a saved model
    output_dir: str = "output/000-template"
    model_output_dir: str = "output/000-template/models"
    wandb_project: str | None = None  # W&B is on where this, or else WANDB_PROJECT, names a project


@dataclass
class Config:
    """The whole config."""

    exp: ExpConfig = field(default_factory=ExpConfig)
    env: EnvConfig = field(default_factory=EnvConfig)


cs = ConfigStore.instance()
cs.store(name="config_schema", node=Config)
cs.store(group="exp", name="default", node=ExpConfig)
cs.store(group="env", name="default", node=EnvConfig)


# -- the training: a toy, to be replaced -------------------------------------------------------------------------------


def train_fold(cfg: Config, fold: int, model_dir: Path, log: Log) -> dict[str, float]:
    """Train one fold, save its model in `model_dir`, return its metrics; `log` takes those of each epoch."""
    rows, labels = load_data()
    order = random.sample(range(len(rows)), 200 if cfg.exp.debug else len(rows))
    valid = order[fold :: cfg.exp.n_folds]
    train = sorted(set(order) - set(valid))
    saved = Path(cfg.env.base_model, "model.json")
    weights = json.loads(saved.read_text()) if saved.is_file() else [0.0] * len(rows[0])
    metrics: dict[str, float] = {}
    for epoch in progress(range(1 if cfg.exp.debug else cfg.exp.epochs), f"fold {fold}"):
        random.shuffle(train)
        for start in range(0, len(train), cfg.exp.batch_size):
            batch = train[start : start + cfg.exp.batch_size]
            steps = [cfg.exp.learning_rate * (predict(weights, rows[i]) - labels[i]) / len(batch) for i in batch]
            for i, step in zip(batch, steps, strict=True):
                weights = [w - step * x for w, x in zip(weights, rows[i], strict=True)]
        errors = [abs(predict(weights, rows[i]) - labels[i]) for i in valid]
        loss = fmean(-math.log(max(1 - error, 1e-15)) for error in errors)
        metrics = {"accuracy": fmean(error < 0.5 for error in errors), "loss": loss}
        log({"epoch": epoch, **metrics})
    (model_dir / "model.json").write_text(json.dumps(weights))
    return metrics


def load_data() -> tuple[list[list[float]], list[int]]:
    """Rows, each with 0 or 1: even and odd digits where scikit-learn is installed, else two overlapping clouds."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        labels = [i % 2 for i in range(1000)]
        return [[random.gauss(label - 0.5, 1.0) for _ in range(8)] for label in labels], labels
    images, digits = load_digits(return_X_y=True)
    return (images / 16).tolist(), (digits % 2).tolist()


def predict(weights: list[float], row: list[float]) -> float:
    """The probability of 1."""
    return (1 + math.tanh(sum(w * x for w, x in zip(weights, row, strict=True)) / 2)) / 2


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg: Config) -> float:
    """Train the folds, save and print the results; the mean accuracy, which a sweeper can optimize."""
    os.chdir(ROOT)  # Ray may have started this process in a copy of the project
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    check(cfg)
    project = wandb_project(cfg)
    job, commit = HydraConfig.get(), git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no") or git("status", "--porcelain", ".")
    container: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True, enum_to_str=True)
    folder, model_dir = make_folders(cfg, OmegaConf.to_yaml(cfg, resolve=True))
    record = {
        "name": cfg.exp.name,
        "folder": str(folder),
        **container,
        "choices": {group: option for group, option in job.runtime.choices.items() if "/" not in group},
        "overrides": list(job.overrides.task),
        "git": commit and {"commit": commit, "dirty": bool(changed)},
        "versions": {"python": python_version(), "hydra-core": version("hydra-core")},
    }
    save(folder, {**record, "status": "running"})
    start, folds = time.monotonic(), {}
    try:
        for fold in cfg.exp.fold:
            seed_everything(cfg.exp.seed)  # before each, so that a fold comes out the same alone or after others
            (model_dir / f"fold{fold}").mkdir(exist_ok=True)
            with tracker(project, cfg, fold, record) as run:
                folds[fold] = train_fold(cfg, fold, model_dir / f"fold{fold}", run.log if run else logging.debug)
            logging.info("fold %d: %s", fold, folds[fold])
    except BaseException as error:  # Ctrl-C as well; a kill leaves "running"
        save(folder, {**record, "status": "failed", "folds": folds, "error": f"{type(error).__name__}: {error}"})
        raise
    mean = {metric: fmean(metrics[metric] for metrics in folds.values()) for metric in folds[cfg.exp.fold[0]]}
    result = {"folds": folds, "mean": mean, "seconds": round(time.monotonic() - start, 3)}
    save(folder, {**record, "status": "done", **result})
    print(json.dumps({"name": cfg.exp.name, "folder": str(folder), **result}), flush=True)
    return mean["accuracy"]


# -- what a run needs around its training -----------------------------------------------------------------------------


def refuse(message: str) -> NoReturn:
    """End with one line. Of a sweep end this job only: the others go on, and Hydra reports this one at the end."""
    raise (SystemExit if HydraConfig.get().mode == RunMode.RUN else CompactHydraException)(message)


def check(cfg: Config) -> None:
    """Refuse before the training what would fail in it."""
    exp, env = cfg.exp, cfg.env
    if not exp.fold or not set(exp.fold) <= set(range(exp.n_folds)):
        refuse(f"exp.fold={exp.fold}: expected one or more of 0 … {exp.n_folds - 1} (exp.n_folds={exp.n_folds})")
    if exp.n_folds < 2 or exp.epochs < 1 or exp.batch_size < 1:
        refuse(f"n_folds={exp.n_folds} epochs={exp.epochs} batch_size={exp.batch_size}: expected at least 2, 1 and 1")
    for path in (env.base_model, env.output_dir, env.model_output_dir):
        if path.startswith("~"):
            refuse(f"{path}: only a shell knows ~; write ${{oc.env:HOME}}{path[1:]}")
    if Path(env.base_model).is_absolute() and not Path(env.base_model).exists():
        refuse(f"env.base_model={env.base_model} is not on this machine: correct it, or choose another env=")


def seed_everything(seed: int) -> None:
    """Seed random, and NumPy and PyTorch where they are installed."""
    random.seed(seed)
    with suppress(ImportError):
        import numpy

        numpy.random.seed(seed % 2**32)
    with suppress(ImportError):
        import torch

        torch.manual_seed(seed)


def progress(steps: Iterable[int], label: str) -> Iterable[int]:
    """A bar on a terminal, where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return steps
    bar: Iterable[int] = tqdm(steps, label, disable=None)
    return bar


def wandb_project(cfg: Config) -> str | None:
    """The W&B project, if one is named. Refuses where W&B is not installed, has no key or is out of reach."""
    project = cfg.env.wandb_project or os.environ.get("WANDB_PROJECT")
    if not project:
        return None
    try:
        import wandb
    except ImportError:
        refuse(f"W&B project {project}, but wandb is not installed: pip install wandb, or name no project")
    try:
        if not cfg.exp.debug and wandb.setup().settings.mode == "online":
            wandb.login(verify=True)  # says within seconds what init would wait minutes for
    except wandb.errors.Error as error:
        refuse(f"W&B: {error} To do without it: WANDB_MODE=offline")
    return project


def tracker(project: str | None, cfg: Config, fold: int, record: dict[str, Any]) -> Any:
    """The W&B run of a fold, None without a project; a context manager."""
    if not project:
        return nullcontext()
    import wandb

    name = f"{Path(record['folder']).name}-fold{fold}"
    mode = "disabled" if cfg.exp.debug else None  # None: what WANDB_MODE says
    return wandb.init(project=project, group=cfg.exp.name, name=name, notes=cfg.exp.notes, config=record, mode=mode)


def make_folders(cfg: Config, config: str) -> list[Path]:
    """The folders of this run for results and for models, its `config` in each."""
    job = HydraConfig.get()
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
        refuse(f"{folder} can't be written to ({error.strerror}): correct it in env/")


def git(*arguments: str) -> str | None:
    """What git says of this folder; None without git, a repository or a commit."""
    with suppress(OSError, subprocess.CalledProcessError):
        return subprocess.check_output(["git", *arguments], cwd=HERE, stderr=subprocess.DEVNULL, text=True).strip()
    return None


def save(folder: Path, record: dict[str, Any]) -> None:
    """Write result.json."""
    (folder / "result.json").write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.chdir(ROOT)
    # All sets: `default`, the bare dataclass, is none of them.
    sys.argv = ["exp=glob(*,exclude=default)" if word == "exp=glob(*)" else word for word in sys.argv]
    main()
