"""What the answers to the tasks are made of: steps, each of which does something to a project, and larger pieces."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evals.setting import ROOT
from evals.tasks import AUGMENT, BASE

Step = Callable[[Path], object]
Answers = Mapping[str, Sequence[Step]]


def add(path: str, text: str) -> Step:
    """Write a file."""

    def step(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")

    return step


def edit(path: str, *pairs: tuple[str, str]) -> Step:
    """Replace texts that are there."""

    def step(root: Path) -> None:
        text = (root / path).read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in text, f"{path} has no {old!r}"
            text = text.replace(old, new)
        (root / path).write_text(text, encoding="utf-8")

    return step


def rename(old: str, new: str) -> Step:
    """Move a file or folder."""
    return lambda root: (root / old).rename(root / new)


def copy(old: str, new: str) -> Step:
    """Copy a folder."""
    return lambda root: shutil.copytree(root / old, root / new, ignore=shutil.ignore_patterns("__pycache__"))


def remove(path: str) -> Step:
    """Delete a file."""
    return lambda root: (root / path).unlink()


def script(*words: str) -> Step:
    """Run a script of the skill in the project."""
    return lambda root: _python(root, str(ROOT / "scripts" / words[0]), *words[1:])


def train(*commands: str) -> Step:
    """Run the experiment 001-baseline, once a command."""

    def step(root: Path) -> None:
        jobs = json.dumps([[str(root / BASE / "train.py"), *command.split()] for command in commands])
        batch = [sys.executable, str(ROOT / "tests" / "harness" / "hydra_batch.py")]
        ran = subprocess.run(batch, input=jobs, text=True, capture_output=True, check=True)
        assert all(job["code"] == 0 for job in json.loads(ran.stdout)), ran.stdout

    return step


def _python(root: Path, *words: str) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, *words], cwd=root, env=environment, check=True, capture_output=True)


def of(body: str, parent: str = "default@_here_") -> str:
    """A set that inherits."""
    return f"defaults:\n  - {parent}\n\n{body}"


def a_set(name: str, body: str) -> Step:
    """A set of 001-baseline that inherits the defaults."""
    return add(f"{BASE}/exp/{name}.yaml", of(body))


NEW = "experiments/003-larger-model"
RENAMED = edit(f"{NEW}/train.py", ("002-augment", "003-larger-model"))
TRAIN = f"{BASE}/train.py"
WARMUP = edit(TRAIN, ("    epochs: int = 3\n", "    epochs: int = 3\n    warmup_ratio: float = 0.0  # of the steps\n"))

THREE = ("exp=001 exp.seed=1", "exp=002 exp.seed=1", "exp=002 exp.seed=2")  # the jobs without a result

MENDED: dict[str, Step] = {
    "003": edit(f"{BASE}/exp/003.yaml", ("_hear_", "_here_")),
    "004": edit(f"{BASE}/exp/004.yaml", ("name:", "defaults: [default@_here_]\n\nname:")),
    "005": edit(f"{BASE}/exp/005.yaml", ("lerning", "learning")),
    "006": edit(f"{BASE}/exp/006.yaml", ("32 essays", "32 # essays")),
    "007": rename(f"{BASE}/exp/007.yml", f"{BASE}/exp/007.yaml"),
    "008": edit(f"{BASE}/exp/008.yaml", ("epochs: 3\n", "")),
    "009": edit(f"{BASE}/exp/009.yaml", ("010", "10")),
    "010": edit(f"{BASE}/exp/010.yaml", ("${exp.lr}", "${exp.learning_rate}")),
    "folders": edit(f"{AUGMENT}/train.py", ("output/001-baseline", "output/002-augment")),
    "open": edit(f"{AUGMENT}/train.py", ("= MISSING  # left over from a trial, nothing reads it", '= "1"')),
}


def mended(**instead: Step) -> list[Step]:
    """The ten faults mended, some of them (`s003=…`) in another way."""
    return [instead.get(f"s{key}", step) for key, step in MENDED.items()]


TYPED = '''\
"""House prices, typed."""

from dataclasses import dataclass, field

import hydra
from hydra.core.config_store import ConfigStore


@dataclass
class ExpConfig:
    features: list[str] = field(default_factory=lambda: ["area", "rooms"])
    lr: float = 3e-4
    dropout: float = 0.1
    epochs: int = 12
    batch_size: int = 64


@dataclass
class EnvConfig:
    data_path: str = "data/houses.csv"


@dataclass
class Config:
    exp: ExpConfig = field(default_factory=ExpConfig)
    env: EnvConfig = field(default_factory=EnvConfig)


cs = ConfigStore.instance()
cs.store(name="config_schema", node=Config)
cs.store(group="exp", name="default", node=ExpConfig)
cs.store(group="env", name="default", node=EnvConfig)


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg: Config) -> None:
    steps = cfg.exp.epochs * 1000 // cfg.exp.batch_size
    features = len(cfg.exp.features)
    print(f"{cfg.env.data_path}: {steps} steps at {cfg.exp.lr}, dropout {cfg.exp.dropout}, {features} features")


if __name__ == "__main__":
    main()
'''
CONFIG = """\
defaults:
  - config_schema
  - exp: default
  - env: default
  - _self_
  - override hydra/job_logging: none

hydra:
  output_subdir: null
  run:
    dir: .
"""


def typed(config: str = CONFIG, code: str = TYPED) -> list[Step]:
    """The migrated experiment."""
    small = of("epochs: 2\nbatch_size: 8\n")
    files = {"train.py": code, "config.yaml": config, "exp/small.yaml": small}
    return [add(f"experiments/002-typed/{name}", text) for name, text in files.items()]


def first(config: str = CONFIG, code: str = TYPED, rate: str = "1.0e-3") -> list[Step]:
    """A first experiment."""
    code = code.replace("lr: float", "learning_rate: float").replace("cfg.exp.lr", "cfg.exp.learning_rate")
    files = {"train.py": code, "config.yaml": config, "exp/001.yaml": of(f"learning_rate: {rate}\n")}
    return [add(f"{BASE}/{name}", text) for name, text in files.items()]


COMPOSE = """\
import importlib.util, sys
from pathlib import Path
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

def load(experiment, *overrides):
    folder = Path("../experiments", experiment).resolve()
    spec = importlib.util.spec_from_file_location(experiment.replace("-", "_"), folder / "train.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with initialize_config_dir(str(folder), version_base=None):
        return compose("config", list(overrides))
"""


# Relative to the notebook, as Hydra's own examples have it.
INITIALIZE = COMPOSE.replace("initialize_config_dir", "initialize").replace(
    "initialize(str(folder)", 'initialize(f"../experiments/{experiment}"'
)


def notebook(*cells: str) -> Step:
    """A notebook with these cells."""
    made = [{"cell_type": "markdown", "metadata": {}, "source": ["# 比較"]}]
    for cell in cells:
        source = cell.splitlines(keepends=True)
        made.append({"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None})
    text = json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, ensure_ascii=False)
    return add("notebooks/compare.ipynb", text)


def loader(root: Path) -> None:
    """The skill's loader file, beside the notebook."""
    shutil.copy(ROOT / "assets" / "notebook" / "load_experiment.py", root / "notebooks")


AB = 'a = load("001-baseline", "exp=002")\nb = load("002-augment", "exp=001")\n'


def rerun(root: Path) -> None:
    """What sweep_status.py says."""
    words = [str(ROOT / "scripts/sweep_status.py"), "output/001-baseline/multirun/seeds", "--ended", "--json"]
    said = subprocess.run([sys.executable, *words], cwd=root, capture_output=True, text=True, check=False)
    train(*(command.partition("train.py ")[2] for command in json.loads(said.stdout)["rerun"]))(root)


def fixed(root: Path) -> None:
    """`validate.py --fix`; it exits 1, since it does not mend all."""
    subprocess.run(
        [sys.executable, str(ROOT / "scripts/validate.py"), "--fix"], cwd=root, capture_output=True, check=False
    )


FOUR = [(n, lr, size) for n, (lr, size) in enumerate([(a, b) for b in (32, 8) for a in ("5.0e-4", "1e-5")], 3)]


def four(body: str = "name: s{}\nlearning_rate: {}\nbatch_size: {}\n") -> list[Step]:
    """Four sets, by hand."""
    return [a_set(f"{n:03}", body.format(n, lr.replace("1e-5", "0.00001"), size)) for n, lr, size in FOUR]


QUOTED = "fold: [0, 1, 2]\nseed: 10\nnotes: '学習率 = 2倍, (再実験) #2'\n"
