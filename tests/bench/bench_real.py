"""validate.py on a project as they really are, beside a loop over hydra.compose and the mere parsing of its files.

    python tests/bench/bench_real.py [--size 1 10 30] [--project FOLDER] [--loop 40]

Size 1 is 60 experiments with 360 parameter sets, made anew: entry points of 40 KB with classes and functions that take
the config, two by two near-copies of each other; base files with lists of 260 names; a search path to groups that all
have in common. FOLDER is a project of your own instead; what its code stores in the ConfigStore is not known to the
loop. Every number is CPU seconds of a whole process, started cold (both cores count); the loop is run on a sample of
the combinations, spread over all of them, and extrapolated: marked with ~.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import ROOT, measure

EXPERIMENTS = 60
SETS = 6
NAMES = 260
CODE = 40_000  # characters of an entry point

_PARSING = """\
import ast, sys, yaml
from pathlib import Path
loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
kinds = {".py": ast.parse, ".yaml": lambda data: yaml.load(data, loader)}
skipped = {".git", ".venv", "node_modules", "site-packages"}
files = (path for path in Path(sys.argv[1]).rglob("*") if path.suffix in kinds and skipped.isdisjoint(path.parts))
for suffix, data in dict.fromkeys((path.suffix, path.read_bytes()) for path in files if path.is_file()):
    try:
        kinds[suffix](data)
    except Exception:
        pass
"""
_LOOP = """\
import sys
from pathlib import Path
from hydra import compose, initialize_config_dir
sys.path.insert(0, sys.argv[1])
from experiment_setup.project import ENVIRONMENTS, SETS, Project
samples = int(sys.argv[3])
wanted = [
    (e, [f"{SETS}={name}"] * (name is not None) + [f"{ENVIRONMENTS}={env}"] * (env is not None))
    for e in Project(Path(sys.argv[2])).experiments
    for name in (list(e.options(SETS)) or [None])
    for env in (None, *e.options(ENVIRONMENTS))
]
failed = 0
for number in range(samples):
    experiment, overrides = wanted[number * len(wanted) // samples]
    try:
        with initialize_config_dir(str(experiment.config_dir), version_base=None):
            compose(experiment.config_name, overrides)
    except Exception:
        failed += 1
print(len(wanted), failed)
"""


def code(draw: random.Random) -> str:
    """An entry point: classes and functions that keep, read and hand on the config."""
    keys = ("seed", "learning_rate", "batch_size", "epochs", "dropout")
    pieces = [_HEAD]
    names: list[str] = []
    while sum(map(len, pieces)) < CODE - 1_500:
        name = f"Stage{len(names)}"
        names.append(name)
        first, second, third = draw.sample(keys, 3)
        size = draw.randint(2, 900)
        pieces.append(_CLASS.format(name=name, first=first, second=second, third=third, size=size))
    calls = "\n".join(f"    data = {name}(cfg).run(data, {draw.randint(1, 9)})" for name in names)
    return "".join(pieces) + _MAIN.format(calls=calls)


_HEAD = '''\
import os
import random
from pathlib import Path

import hydra
import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf


def prepare(cfg, table):
    """Where a stage finds its columns."""
    columns = [name for name in cfg.cols.col_list if name not in cfg.exp.fill_target]
    return {name: table[name] for name in columns}

'''
_CLASS = '''
class {name}(torch.nn.Module):
    """A stage with weights of its own."""

    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.size = {size}
        self.rate = cfg.exp.{first}
        self.weights = [torch.zeros(self.size, index + 1) for index in range(self.size)]
        self.place = Path(cfg.dir.data_dir) / "{name}.npy"

    def window(self, table, start, stop):
        rows = table[start:stop]
        left, right = rows[: self.size], rows[self.size :]
        total = (left.mean() + right.std() * 0.5) / (1.0 + abs(float(left.max()) - float(right.min())))
        if total > self.cfg.exp.{second}:
            return torch.cat([left, right], dim=1).transpose(-1, -2).unsqueeze(-1)
        return np.where(rows > total, rows - total, rows + total).reshape(-1, self.size)

    def run(self, data, steps):
        scores = []
        for step in range(steps):
            chosen = random.sample(range(len(data)), min(len(data), self.size))
            part = {{index: data[index] * (step + 1) for index in chosen}}
            scores.append(sum(part.values()) / max(1, len(part)))
            if step % 10 == 0 and self.cfg.exp.{third}:
                print(f"{{step:04d}} {{scores[-1]:.4f}} of {{self.cfg.exp.name}}")
        best = sorted(scores)[: max(1, len(scores) // 2)]
        return [value * self.rate for value in best] + [len(prepare(self.cfg, data))]

'''
_MAIN = """
def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)


@hydra.main(config_path=".", config_name="config", version_base=None)
def main(cfg: DictConfig) -> None:
    seed_everything(cfg.exp.seed)
    data = list(range(cfg.exp.batch_size * cfg.exp.epochs))
{calls}
    output = Path(cfg.exp.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(cfg, output / "config.yaml")
    print(data)


if __name__ == "__main__":
    main()
"""
_CONFIG = """\
defaults:
  - _self_
  - dir: local
  - exp: base
  - cols: base
  - override hydra/job_logging: none

debug: false

hydra:
  output_subdir: null
  job:
    chdir: false
  run:
    dir: .
  searchpath:
    - file://yamls
"""


def base(number: int, names: list[str]) -> str:
    """The options that all parameter sets of an experiment inherit."""
    listed = "".join(f"  - {name}\n" for name in names)
    return f"""\
name: {number:03d}
seed: {number}
learning_rate: 1e-3
batch_size: 32
epochs: 4
dropout: 0.1
output_dir: output/{number:03d}/${{exp.name}}
train_start: [1, 2]
model:
  hidden: [64, 64]
  norm: {{kind: batch, momentum: 0.9}}
optimizer: {{name: adam, weight_decay: 1e-2}}
unused: ${{cols.weight_zero_list}}
fill_target:
{listed}"""


def make(root: Path, count: int) -> None:
    """A project of `count` experiments, two by two near-copies of each other."""
    draw = random.Random(0)
    columns = [f"state_q{index // 60:04d}_{index % 60}" for index in range(2 * NAMES)]
    listed = "".join(f"  - {name}\n" for name in columns)
    write(root / "yamls/cols/base.yaml", f"col_list:\n{listed}weight_zero_list:\n  - {columns[0]}\n")
    write(root / "yamls/dir/local.yaml", "data_dir: input\nmodel_dir: model\n")
    text, names = "", columns
    for number in range(count):
        folder = root / f"experiments/{number:04d}-stage"
        if number % 2:
            text = text.replace("self.rate = cfg.exp.", "self.rate = 2 * cfg.exp.", 1)
        else:
            text, names = code(draw), draw.sample(columns, NAMES)
        write(folder / "run.py", text)
        write(folder / "config.yaml", _CONFIG)
        write(folder / "exp/base.yaml", base(number, names))
        for other in range(1, SETS):
            values = f"name: {number:03d}-{other}\nlearning_rate: {other}e-4\nbatch_size: {2 ** draw.randint(2, 7)}\n"
            write(folder / f"exp/{other:03d}.yaml", f"defaults:\n  - base@_here_\n\n{values}optimizer:\n  name: sgd\n")


def write(path: Path, text: str) -> None:
    """Write a file with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def lines(root: Path, samples: int) -> Iterator[str]:
    """The table of one project."""
    scripts = ROOT / "scripts"
    ours = measure([sys.executable, scripts / "validate.py", "--root", root], root)
    parsing = measure([sys.executable, "-c", _PARSING, root], root)
    loop: list[str | Path] = [sys.executable, "-c", _LOOP, scripts, root]
    start = measure([*loop, "0"], root)
    said = subprocess.run([*loop, "1"], cwd=root, capture_output=True, text=True, check=True).stdout
    combinations = int(said.split()[0])
    samples = min(samples, combinations)
    composed = measure([*loop, str(samples)], root).times(combinations / samples, start)
    yield f"{'':30} {'CPU s':>9} {'wall s':>8} {'peak MB':>8} {'validate.py is':>16}"
    yield f"{'validate.py':30} {ours.cpu:9.2f} {ours.wall:8.2f} {ours.peak:8.0f}"
    for what, cost, ratio in (
        ("parsing each distinct file", parsing, f"{ours.cpu / parsing.cpu:.1f}x as long"),
        (f"~ hydra.compose, {samples}/{combinations}", composed, f"{composed.cpu / ours.cpu:.1f}x faster"),
    ):
        yield f"{what:30} {cost.cpu:9.2f} {cost.wall:8.2f} {cost.peak:8.0f} {ratio:>16}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs="+", default=[1], help="times 60 experiments, such as 1 10 30")
    parser.add_argument("--project", type=Path, help="a project to measure instead of generated ones")
    parser.add_argument("--loop", type=int, default=40, help="the most composes of the loop over hydra.compose")
    options = parser.parse_args()
    if options.project:
        print(f"\n{options.project}", *lines(options.project.resolve(), options.loop), sep="\n", flush=True)
    for size in () if options.project else options.size:
        with tempfile.TemporaryDirectory() as place:
            root = Path(place).resolve()
            make(root, size * EXPERIMENTS)
            title = f"{size}x: {size * EXPERIMENTS} experiments, {size * EXPERIMENTS * SETS} parameter sets"
            print(f"\n{title}", *lines(root, options.loop), sep="\n", flush=True)


if __name__ == "__main__":
    main()
