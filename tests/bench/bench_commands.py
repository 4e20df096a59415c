"""Wall time of each command on the template, beside one `python train.py --cfg job exp=001`, in one run.

    python tests/bench/bench_commands.py [--runs 5]

Prints medians and their ratio to Hydra's own `--cfg job`. Uses the interpreter that it is run with.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def seconds(command: list[str], cwd: Path) -> float:
    """How long a command takes; it must succeed."""
    start = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        base.mkdir()
        script = {
            name: [sys.executable, str(SCRIPTS / f"{name}.py")]
            for name in ("new_experiment", "add_exp", "add_env", "validate")
        }
        subprocess.run([*script["new_experiment"], "baseline"], cwd=base, check=True, capture_output=True)
        commands = {
            "train.py --cfg job exp=001": [
                sys.executable,
                "experiments/001-baseline/train.py",
                "--cfg",
                "job",
                "exp=001",
            ],
            "new_experiment.py (template)": [*script["new_experiment"], "fresh", "--template"],
            "new_experiment.py (from the last)": [
                *script["new_experiment"],
                "002-larger-model",
                "batch_size=8",
                "epochs=5",
            ],
            "add_exp.py (two files)": [*script["add_exp"], "001", "learning_rate=1e-5,5e-4", "batch_size=32"],
            "add_env.py": [*script["add_env"], "001", "local", "base_model=Qwen/Qwen3-4B-Instruct-2507"],
            "validate.py": script["validate"],
            "validate.py --hydra": [*script["validate"], "--hydra"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for run in range(runs):  # interleaved, so that a busy moment hits all of them
            for name, command in commands.items():
                project = Path(folder) / f"{run}-{len(times[name])}-{abs(hash(name))}"
                shutil.copytree(base, project)
                times[name].append(seconds(command, project))
        reference = statistics.median(times["train.py --cfg job exp=001"])
        print(f"median of {runs}, Python {sys.version.split()[0]}")
        for name, values in times.items():
            median = statistics.median(values)
            print(f"{name:36} {median * 1000:7.0f} ms   {median / reference:5.2f} x --cfg job")


if __name__ == "__main__":
    main()
