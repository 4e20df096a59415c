"""validate.py on a thousand and ten thousand parameter sets, beside other ways to compose the same files, in one run.

    python tests/bench/bench_validate.py [--sets 1000 10000] [--peers PYTHON]

Every number is of a whole process, started cold: wall time, CPU time, peak memory. What would take too long is run on
a sample and extrapolated, and marked with ~. PYTHON is an interpreter with hydra-core, hydra-fast and hydrust:
`python -m venv peers && peers/bin/pip install hydra-core hydra-fast hydrust`, then `--peers peers/bin/python`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import ROOT, Cost, measure

ENVIRONMENTS = ("local", "runpod", "colab")

_LOOP = """\
import runpy, sys
from pathlib import Path
entry, samples = Path(sys.argv[1]), int(sys.argv[2])
sys.path.insert(0, str(entry.parent))
{setup}
names = sorted(path.stem for path in (entry.parent / "exp").glob("*.yaml"))
wanted = [[f"exp={{name}}", f"env={{env}}"] for name in names for env in {environments}][:samples]
with initialize_config_dir(str(entry.parent), version_base=None):
    for overrides in wanted:
        compose("config", overrides{arguments})
"""
_HYDRA = """\
from hydra import compose, initialize_config_dir
runpy.run_path(str(entry))"""
_HYDRA_FAST = """\
import types
from hydra_fast import compose, initialize_config_dir
main = sys.modules["train"] = types.ModuleType("train")
main.__file__ = str(entry)
exec(entry.read_text().replace("hydra.core.config_store", "hydra_fast.core.config_store"), main.__dict__)"""


def make(root: Path, count: int) -> Path:
    """A project with one experiment, made of the template; the experiment's folder."""
    folder = root / "experiments" / "001-baseline"
    shutil.copytree(ROOT / "assets" / "000-template", folder, ignore=shutil.ignore_patterns("exp", "__pycache__"))
    train = folder / "train.py"
    train.write_text(train.read_text(encoding="utf-8").replace("000-template", "001-baseline"), encoding="utf-8")
    draw = random.Random(0)
    for number in range(1, count + 1):
        text = f"""\
defaults:
  - default@_here_

name: {number:05d}-lr # one of {count}
seed: {number}
learning_rate: {draw.choice(("1e-5", "5.0e-5", "3e-4"))}
batch_size: {draw.choice((8, 32, 64))}
fold: [{draw.randint(0, 1)}, {draw.randint(2, 4)}]
"""
        _write(folder / "exp" / f"{number:05d}-lr.yaml", text)
    for environment in ENVIRONMENTS:
        values = f"base_model: models/{environment}\noutput_dir: output/001-baseline/${{exp.name}}/{environment}\n"
        _write(folder / "env" / f"{environment}.yaml", f"defaults:\n  - default@_here_\n\n{values}")
    return folder


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def loop(setup: str, arguments: str = "") -> list[str]:
    """A Python command that composes ENTRY's experiment SAMPLES times."""
    return ["-c", _LOOP.format(setup=setup, arguments=arguments, environments=ENVIRONMENTS)]


def costs(folder: Path, count: int, options: argparse.Namespace) -> Iterator[tuple[str, Cost, float]]:
    """(what, its cost for all combinations, the share that was really run)."""
    root = folder.parents[1]
    validate = [sys.executable, ROOT / "scripts" / "validate.py", "--root", root]
    runs = sorted((measure(validate, root) for _ in range(options.runs)), key=lambda cost: cost.wall)
    yield "validate.py", runs[len(runs) // 2], 1
    combinations = count * len(ENVIRONMENTS)
    said = subprocess.run([*validate, "--json"], cwd=root, capture_output=True, text=True, check=False).stdout
    composed = json.loads(said)["summary"]["composed"]
    if composed < combinations:
        sys.exit(f"validate.py composed {composed} of {combinations} combinations: its time says nothing")
    entry = folder / "train.py"
    samples = min(combinations, options.loop)
    start = measure([sys.executable, *loop(_HYDRA), entry, "0"], root)
    cost = measure([sys.executable, *loop(_HYDRA), entry, str(samples)], root)
    yield "a loop over hydra.compose", cost.times(combinations / samples, start), samples / combinations
    samples = min(combinations, options.shell)
    words = ["--cfg", "job", f"exp={1:05d}-lr", "env=local"]
    script = 'i=0; while [ $i -lt "$0" ]; do "$@" || exit 1; i=$((i+1)); done'
    cost = measure(["sh", "-c", script, str(samples), sys.executable, entry, *words], root)
    yield "a shell loop of train.py --cfg job", cost.times(combinations / samples), samples / combinations
    if options.peers:
        setup = loop(_HYDRA_FAST, ", return_hydra_config=True")  # without it, it refuses this config.yaml
        yield "a loop over hydra-fast's compose", measure([options.peers, *setup, entry, str(combinations)], root), 1
        hydrust = [Path(options.peers).with_name("hydrust"), "check", root]
        said = subprocess.run(hydrust, cwd=root, capture_output=True, text=True, check=False).stdout
        files = re.search(r"across (\d+) file", said)
        yield f"hydrust check ({files[1] if files else '?'} files taken)", measure(hydrust, root), 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--runs", type=int, default=3, help="of validate.py; the median counts")
    parser.add_argument("--loop", type=int, default=3000, help="the most composes of the loop over hydra.compose")
    parser.add_argument("--shell", type=int, default=10, help="the most commands of the shell loop")
    parser.add_argument("--peers", help="a Python with hydra-core, hydra-fast and hydrust")
    options = parser.parse_args()
    for count in options.sets:
        with tempfile.TemporaryDirectory() as place:
            folder = make(Path(place), count)
            print(f"\n{count} parameter sets, {len(ENVIRONMENTS)} environments")
            print(f"{'':36} {'wall s':>9} {'ratio':>7} {'CPU s':>9} {'ratio':>7} {'peak MB':>8}")
            ours: Cost | None = None
            for what, cost, share in costs(folder, count, options):
                ours = ours or cost
                mark = "~" if share < 1 else " "
                ratios = cost.wall / ours.wall, cost.cpu / ours.cpu
                print(
                    f"{what:36}{mark}{cost.wall:9.2f} {ratios[0]:6.1f}x {cost.cpu:9.2f} {ratios[1]:6.1f}x"
                    + f" {cost.peak:8.0f}"
                    + (f"   {share:.1%} run" if share < 1 else "")
                    + (f"   exit code {cost.code}" if cost.code else ""),
                    flush=True,
                )


if __name__ == "__main__":
    main()
