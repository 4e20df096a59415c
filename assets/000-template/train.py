"""Experiment 000-template: tells odd digits from even ones.

    python train.py exp=001                one parameter set: exp/001.yaml
    python train.py exp=001 exp.seed=1     with other values
    python train.py -m exp=001,002         a sweep, one job a set

Results go to <env.output_dir>/001/; run_record.py says more about that.
"""

import json
import math
import random
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import hydra
from hydra.core.config_store import ConfigStore
from run_record import needs_paths, progress, refuse, run_folds, set_up
from run_tracker import Log, TrackerConfig

# Heavy imports (torch, …) belong inside the functions that need them: so `--cfg job` stays fast.


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
    debug: bool = False  # one epoch on a few rows, without a tracker
    notes: str | None = None


@dataclass
class EnvConfig(TrackerConfig):
    """What changes from one machine to the next. Relative paths start at the folder that holds experiments/."""

    base_model: str = "zeros"  # what to start from: a name, or the folder of a saved model
    output_dir: str = "output/000-template"
    model_output_dir: str = "${env.output_dir}/models"


@dataclass
class Config:
    """The whole config."""

    exp: ExpConfig = field(default_factory=ExpConfig)
    env: EnvConfig = field(default_factory=EnvConfig)


cs = ConfigStore.instance()
cs.store(name="config_schema", node=Config)
cs.store(group="exp", name="default", node=ExpConfig)
cs.store(group="env", name="default", node=EnvConfig)


def check(cfg: Config) -> None:
    """Refuse before the training what would fail in it."""
    exp = cfg.exp
    if exp.n_folds < 2 or exp.epochs < 1 or exp.batch_size < 1:
        refuse(f"n_folds={exp.n_folds} epochs={exp.epochs} batch_size={exp.batch_size}: expected at least 2, 1 and 1")
    if not exp.fold or not set(exp.fold) <= set(range(exp.n_folds)):
        refuse(f"exp.fold={exp.fold}: expected one or more of 0 … {exp.n_folds - 1} (exp.n_folds={exp.n_folds})")
    needs_paths(cfg, "base_model")  # and whatever else of env must be on the machine: data, …


def train_fold(cfg: Config, fold: int, model_dir: Path, log: Log) -> dict[str, float]:
    """Train one fold: log the metrics of each epoch, save the model in `model_dir`, return the final metrics."""
    metrics: dict[str, float] = {}
    # >>> a toy, logistic regression by hand: delete it down to <<<, and load_data
    rows, labels = load_data()
    order = random.sample(range(len(rows)), 200 if cfg.exp.debug else len(rows))
    valid = order[fold :: cfg.exp.n_folds]
    train = sorted(set(order) - set(valid))
    saved = Path(cfg.env.base_model, "model.json")
    weights = json.loads(saved.read_text()) if saved.is_file() else [0.0] * len(rows[0])

    def predict(row: list[float]) -> float:
        return (1 + math.tanh(sum(w * x for w, x in zip(weights, row, strict=True)) / 2)) / 2

    for epoch in progress(range(1 if cfg.exp.debug else cfg.exp.epochs), f"fold {fold}"):
        random.shuffle(train)
        for start in range(0, len(train), cfg.exp.batch_size):
            batch = train[start : start + cfg.exp.batch_size]
            for i, error in [(i, predict(rows[i]) - labels[i]) for i in batch]:
                step = cfg.exp.learning_rate * error / len(batch)
                weights = [w - step * x for w, x in zip(weights, rows[i], strict=True)]
        errors = [abs(predict(rows[i]) - labels[i]) for i in valid]
        loss = fmean(-math.log(max(1 - error, 1e-15)) for error in errors)
        metrics = {"accuracy": fmean(error < 0.5 for error in errors), "loss": loss}
        log({"epoch": epoch, **metrics})
    (model_dir / "model.json").write_text(json.dumps(weights))
    # <<<
    return metrics


# >>> the toy's data
def load_data() -> tuple[list[list[float]], list[int]]:
    """Rows, each with 0 or 1: even and odd digits where scikit-learn is installed, else two overlapping clouds."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        labels = [i % 2 for i in range(1000)]
        return [[random.gauss(label - 0.5, 1.0) for _ in range(8)] for label in labels], labels
    images, digits = load_digits(return_X_y=True)
    return (images / 16).tolist(), (digits % 2).tolist()


# <<<


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg: Config) -> float | None:
    """Train the folds; the mean of their accuracy, which a sweeper can optimize."""
    check(cfg)
    mean = run_folds(cfg, train_fold)  # everything around it: folders, seeds, tracker, result.json
    return mean.get("accuracy")


if __name__ == "__main__":
    set_up()
    main()
