"""Answers to the tasks, right and wrong: by hand in several styles, with the scripts, and as people get them wrong.

An answer is a list of steps, each of which does something to a project.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evals.setting import ROOT
from evals.tasks import AUGMENT, BASE, LGB, OLD

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


def train(*words: str) -> Step:
    """Run the experiment 001-baseline."""
    return lambda root: _python(root, f"{BASE}/train.py", *words)


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
    for command in json.loads(said.stdout)["rerun"]:
        _python(root, *command[re.search(r"\S+train\.py", command).start() :].split())


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

RIGHT: dict[int, Answers] = {
    1: {
        "script": [script("new_experiment.py", "larger-model", "batch_size=8", "epochs=5")],
        "by hand, old set and all": [
            copy(AUGMENT, NEW),
            RENAMED,
            add(f"{NEW}/exp/002-larger.yaml", of("name: 002-larger\n# wie besprochen\nepochs: 5\nbatch_size: 8\n")),
        ],
        "by new defaults": [
            copy(AUGMENT, NEW),
            RENAMED,
            edit(
                f"{NEW}/train.py",
                ("batch_size: int = 16", "batch_size: int = 8"),
                ("epochs: int = 3", "epochs: int = 5"),
            ),
            remove(f"{NEW}/exp/001.yaml"),
        ],
    },
    2: {
        "script": [script("add_exp.py", "001", "learning_rate=1e-5")],
        "by hand": [a_set("003-low-lr", "learning_rate: 0.00001 # lower\nname: low\n")],
    },
    3: {
        "script": [script("add_exp.py", "001", "learning_rate=3e-4", "epochs=10")],
        "by hand": [a_set("003", "epochs: 10\nname: 003\nlearning_rate: 3.0e-4\n")],
    },
    4: {
        "script": [script("add_exp.py", "001", "learning_rate=1e-5,5e-4", "batch_size=8,32")],
        "by hand, other order": four(),
    },
    5: {
        "script": [
            script(
                "add_env.py",
                "001",
                "local",
                "base_model=Qwen/Qwen3-4B-Instruct-2507",
                "model_output_dir=output/001-baseline/models",
            )
        ],
        "by hand": [
            add(
                f"{BASE}/env/laptop.yaml",
                "# my laptop\ndefaults: [default@_here_]\nmodel_output_dir: output/001-baseline/models\n"
                "base_model: Qwen/Qwen3-4B-Instruct-2507\n",
            )
        ],
    },
    6: {
        "field, then script": [WARMUP, script("add_exp.py", "001", "warmup_ratio=0.1")],
        "by hand": [
            edit(TRAIN, ("    seed: int = 42\n", "    warmup_ratio: float = 0\n    seed: int = 42\n")),
            a_set("003-warm", "name: warm\nwarmup_ratio: 0.1\n"),
        ],
    },
    7: {
        "script": [script("add_exp.py", "001", "epochs=20", "seed=7", "--from", "002")],
        "by hand": [
            add(f"{BASE}/exp/003.yaml", of("name: 003-longer\nseed: 7\nepochs: 20\n", "002@_here_\n  - _self_"))
        ],
    },
    8: {
        "by hand": mended(),
        "otherwise": mended(
            s004=add(f"{BASE}/exp/004.yaml", of("epochs: 6\nname: 004-epochs-6\n")),
            sopen=edit(
                f"{AUGMENT}/train.py",
                ("    essay_version: str = MISSING  # left over from a trial, nothing reads it\n", ""),
            ),
        ),
        "--fix, then by hand": [
            fixed,
            *(MENDED[key] for key in ("005", "006", "008", "009", "010", "folders", "open")),
        ],
    },
    9: {
        "script": [script("add_exp.py", "001_lgb", "num_leaves=63", "learning_rate=0.05")],
        "by hand": [
            add(
                f"{LGB}/exp/003.yaml",
                "defaults: [base@_here_]\n\nlearning_rate: 5.0e-2\nnum_leaves: 63\nname: exp003\n",
            )
        ],
    },
    10: {
        "script": [script("add_exp.py", "001", "batch_size=64", "learning_rate=1e-4")],
        "by hand": [a_set("003-big", "name: 003-big\nlearning_rate: 0.0001\nbatch_size: 64\n")],
    },
    11: {
        "script": [rerun],
        "by hand, in single runs": [
            train("exp=001", "exp.seed=1"),
            train("exp=002", "exp.seed=1"),
            train("exp=002", "exp.seed=2"),
        ],
        "by hand, into the old folders": [
            train("-m", "exp=001", "exp.seed=1", "hydra.sweep.dir=output/001-baseline/multirun/rest"),
            train("-m", "exp=002", "exp.seed=1,2", "hydra.sweep.dir=output/001-baseline/multirun/rest2"),
        ],
    },
    12: {
        "as in the references": typed(),
        "with _self_ first, defaults elsewhere": [
            *typed(
                CONFIG.replace("  - config_schema\n", "").replace("  - exp: default\n", "  - exp: default # typed\n")
            ),
            copy(f"{OLD}/exp", "experiments/002-typed/old"),
        ],
    },
    13: {
        "with the loader": [notebook("from load_experiment import load", AB), loader],
        "in its own words": [notebook("%load_ext autoreload\n" + COMPOSE, AB, "print(a.exp, b.exp)")],
    },
    14: {
        "script": [script("new_experiment.py", "baseline", "learning_rate=1e-3")],
        "by hand": first(),
    },
    15: {
        "script": [script("add_exp.py", "001", "seed=3")],
        "by hand": [a_set("100-third-seed", "seed: 3\nname: s3\n")],
    },
    16: {
        "script": [script("add_env.py", "001", "box", "model_output_dir=/mnt/ssd/models/001-baseline")],
        "by hand": [add(f"{BASE}/env/ssd.yaml", of("model_output_dir: /mnt/ssd/models/001-baseline # new box\n"))],
        "an environment, and a set to go with it": [
            add(f"{BASE}/env/ssd.yaml", of("model_output_dir: /mnt/ssd/models/001-baseline\n")),
            a_set("003-on-ssd", "name: 003-on-ssd\n"),
        ],
    },
    17: {
        "by hand": [edit(f"{BASE}/exp/003.yaml", ("lerning", "learning"))],
        "written anew": [a_set("003", "# the typo is gone\nepochs: 5\nlearning_rate: 0.0001\nname: 003-lr-1e-4\n")],
    },
    18: {
        "script": [
            script(
                "add_exp.py", "001", "fold=[0,1,2]", "seed=10", 'notes="学習率 = 2倍, (再実験) #2"', "--name", "again"
            )
        ],
        "by hand": [a_set("003", f"name: again\n{QUOTED}")],
    },
}

WITHOUT_PARENT = add(f"{BASE}/exp/003.yaml", "name: 003\nlearning_rate: 1.0e-5\n")
README = edit("README.md", ("# ", "# My "))

# Each falls for something; together they make every assertion fail once.
WRONG: dict[int, Answers] = {
    1: {
        "the old name stays inside": [
            copy(AUGMENT, NEW),
            add(f"{NEW}/exp/001.yaml", of("name: 001\nbatch_size: 8\nepochs: 5\n")),
        ],
        "from the first one": [
            copy(BASE, NEW),
            edit(f"{NEW}/train.py", ("001-baseline", "003-larger-model")),
            add(f"{NEW}/exp/001.yaml", of("name: 001\nbatch_size: 8\nepochs: 5\n")),
        ],
        "in the old folder": [add(f"{AUGMENT}/exp/002.yaml", of("name: 002\nbatch_size: 8\nepochs: 5\n"))],
    },
    2: {
        "without inheritance": [WITHOUT_PARENT],
        "in an old set": [edit(f"{BASE}/exp/001.yaml", ("5.0e-5", "1.0e-5"))],
        "another value": [a_set("003", "name: 003\nlearning_rate: 1.0e-4\n")],
        "without a name": [a_set("003", "learning_rate: 1e-5\n"), a_set("004", "learning_rate: 1.0e-5\n")],
    },
    3: {
        "in the dataclass": [edit(TRAIN, ("2e-5", "3e-4"), ("epochs: int = 3", "epochs: int = 10"))],
        "epochs forgotten, the name of an old one": [a_set("003", "name: 002-long\nlearning_rate: 3.0e-4\n")],
        "from 002, with a seed": [add(f"{BASE}/exp/003.yaml", "name: x\nseed: 1\nlearning_rate: 3.0e-4\nepochs: 10\n")],
    },
    4: {
        "two of four": [a_set("003", "name: a\nlearning_rate: 1.0e-5\nbatch_size: 8\n"), README],
        "without names": four("# {}\nlearning_rate: {}\nbatch_size: {}\n"),
        "with a list": [a_set("003", "name: a\nlearning_rate: [1e-5, 5e-4]\nbatch_size: [8, 32]\n")],
        "without inheritance": [
            add(f"{BASE}/exp/{n:03}.yaml", f"name: s{n}\nlearning_rate: {lr}\nbatch_size: {size}\n")
            for n, lr, size in FOUR
        ],
    },
    5: {
        "without inheritance": [
            add(
                f"{BASE}/env/local.yaml",
                "base_model: Qwen/Qwen3-4B-Instruct-2507\nmodel_output_dir: output/001-baseline/models\n",
            )
        ],
        "as new defaults": [edit(TRAIN, ("/workspace/models/Qwen3-4B", "Qwen/Qwen3-4B-Instruct-2507"))],
    },
    6: {
        "without a field": [a_set("003", "name: warm\n+warmup_ratio: 0.1\n"), README],
        "the default is the new value, untyped": [
            edit(TRAIN, ("    epochs: int = 3\n", "    epochs: int = 3\n    warmup_ratio: str = '0.1'\n")),
            a_set("003", "name: warm\n"),
        ],
        "old sets overwritten": [
            WARMUP,
            a_set("002", "name: 002-long\nlearning_rate: 3.0e-5\nwarmup_ratio: 0.1\n"),
            add(f"{BASE}/exp/003.yaml", "name: warm\nwarmup_ratio: 0.1\n"),
        ],
    },
    7: {
        "a copy": [a_set("003", "name: 003\nlearning_rate: 3.0e-5\nepochs: 20\nseed: 7\n"), README],
        "a copy with its name": [a_set("003", "name: 002-long\nlearning_rate: 3.0e-5\nepochs: 20\n")],
    },
    8: {
        "the faulty sets thrown away": [remove(f"{BASE}/exp/{n:03}.y{'' if n == 7 else 'a'}ml") for n in range(3, 11)],
        "made to compose": [
            *mended(
                s005=edit(TRAIN, ("    notes:", "    lerning_rate: float = 0.0\n    notes:")),
                s006=edit(f"{BASE}/exp/006.yaml", ("batch_size: 32 essays", "batch_size: 16")),
                s007=edit(f"{BASE}/exp/007.yml", ("seed: 7", "seed: 7 ")),
                s008=edit(f"{BASE}/exp/008.yaml", ("epochs: 9\n", "")),
                s009=edit(f"{BASE}/exp/009.yaml", ("010", "8")),
                s010=edit(f"{BASE}/exp/010.yaml", ("${exp.lr}", "${exp.epochs}")),
                sfolders=edit(
                    f"{AUGMENT}/train.py", ('"/workspace/output/001-baseline"', '"/workspace/output/002-augment"')
                ),
                sopen=README,
            ),
            edit(f"{BASE}/exp/001.yaml", ("5.0e-5", "4.0e-5")),
        ],
    },
    9: {
        "converted": [
            rename(f"{LGB}/exp/base.yaml", f"{LGB}/exp/default.yaml"),
            edit(f"{LGB}/config.yaml", ("exp: base", "exp: default")),
            *(edit(f"{LGB}/exp/{n}.yaml", ("base@", "default@")) for n in ("001", "002")),
            add(f"{LGB}/exp/003.yaml", of("name: exp003\nnum_leaves: 63\nlearning_rate: 0.05\n")),
        ],
        "a copy of base": [
            add(
                f"{LGB}/exp/003.yaml",
                "name: exp001\nseed: 7\nnum_leaves: 63\nlearning_rate: 0.5\nn_splits: 5\nfeatures: [age, bmi]\n",
            )
        ],
        "with a parent that is not there": [
            add(f"{LGB}/exp/003.yaml", of("name: exp003\nnum_leaves: 63\nlearning_rate: 0.05\n"))
        ],
    },
    10: {
        "torch made optional": [
            edit(TRAIN, ("import torch\n", "try:\n    import torch\nexcept ImportError:\n    torch = None\n")),
            a_set("003", "name: 003\nbatch_size: 64\nlearning_rate: 1.0e-3\n"),
        ],
        "a stand-in for torch": [
            add("torch/__init__.py", "nn = None\n"),
            add(f"{BASE}/exp/003.yaml", "batch_size: 64\nlearning_rate: 1.0e-4\n"),
        ],
        "two sets": [a_set("003", "name: a\nbatch_size: 64\n"), a_set("004", "name: b\nlearning_rate: 1.0e-4\n")],
    },
    11: {
        "all again": [
            train("-m", "exp=001,002", "exp.seed=0,1,2", "hydra.sweep.dir=output/001-baseline/multirun/seeds"),
        ],
        "the killed one forgotten": [train("exp=001", "exp.seed=1"), train("exp=002", "exp.seed=2")],
        "with another set": [
            train("exp=001", "exp.seed=1"),
            train("exp=002", "exp.seed=1"),
            train("exp=002", "exp.seed=2"),
            README,
        ],
    },
    12: {
        "untyped, in config.yaml": typed(
            CONFIG.replace("  - config_schema\n", "") + "exp:\n  lr: 0.003\n",
            TYPED.replace(
                'cs.store(group="exp", name="default", node=ExpConfig)',
                'cs.store(group="exp", name="default", node={})',
            ),
        ),
        "in place": [add(f"{OLD}/train.py", TYPED), add(f"{OLD}/config.yaml", CONFIG)],
    },
    13: {
        "without the dataclasses": [
            notebook(
                "from omegaconf import OmegaConf\n"
                "a = OmegaConf.load('../experiments/001-baseline/exp/002.yaml')\n"
                "b = OmegaConf.load('../experiments/002-augment/exp/001.yaml')\n"
            ),
        ],
        "code moved": [
            notebook("from load_experiment import load", AB),
            loader,
            edit(TRAIN, ("def main", "def train")),
            edit(TRAIN, ("    main()", "    train()")),
        ],
    },
    14: {
        "untyped": [
            *first(
                CONFIG.replace("  - config_schema\n", "").replace("exp: default", "exp: 001") + "seed: 1\n",
                TYPED.replace('cs.store(group="exp", name="default", node=ExpConfig)\n', ""),
            ),
            add(f"{BASE}/exp/001.yaml", "learning_rate: 0.01\n"),
            README,
        ],
        "elsewhere": [add("train.py", TYPED), add("config.yaml", CONFIG)],
    },
    15: {
        "a bare number": [a_set("100", "name: 100-seed-3\nseed: 3\n")],
        "the gap filled, as text": [add(f"{BASE}/exp/003.yaml", "name: 003\nseed: '3'\n"), README],
        "the name of an old one": [a_set("100-x", "name: 099-seed-2\nseed: 2\n")],
    },
    16: {
        "a new parameter": [
            edit(TRAIN, ("    notes: str", '    model_output_dir: str = ""\n    notes: str')),
            a_set("003", "name: 003\nmodel_output_dir: /mnt/ssd/models/001-baseline\n"),
        ],
        "as it was asked": [a_set("003", "name: 003\nmodel_output_dir: /mnt/ssd/models/001-baseline\n")],
        "a set that reaches out": [  # in vain: env comes after exp
            add(
                f"{BASE}/exp/003.yaml",
                "# @package _global_\ndefaults:\n  - default@exp\n\nexp:\n  name: 003-ssd\nenv:\n"
                "  model_output_dir: /mnt/ssd/models/001-baseline\n",
            )
        ],
        "for every machine": [edit(TRAIN, ("/workspace/output/001-baseline", "/mnt/ssd/models/001-baseline"))],
    },
    17: {
        "as Hydra's hint has it": [edit(TRAIN, ("    notes: str", "    lerning_rate: float = 0.0\n    notes: str"))],
        "the line thrown away": [edit(f"{BASE}/exp/003.yaml", ("lerning_rate: 1.0e-4\n", ""))],
    },
    18: {
        "octal, notes cut short": [
            a_set("003", "name: 002-long\nfold: [0, 1, 2]\nseed: 010\nnotes: 学習率 = 2倍, (再実験) #2\n")
        ],
        "without inheritance, over another": [add(f"{BASE}/exp/002.yaml", QUOTED), add(f"{BASE}/exp/003.yaml", QUOTED)],
        "a set a fold": [a_set(f"{3 + n:03}", f"name: {n}\nfold: [{n}]\nseed: 10\n") for n in range(3)],
    },
}
