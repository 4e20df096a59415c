"""Sweeps by joblib, submitit, Ray and Optuna: the real packages, with the Hydra under test."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from environments import LAUNCHERS, RAY, python_with
from guides import make_project, sections, shell, table
from running import ROOT, Ran, hydra, tree, write
from sweeping import (
    ENV,
    QUICK,
    begin_training_with,
    latest,
    make_experiment,
    patiently,
    project_of,
    rerun,
    results,
    states,
    status,
    sweep,
    undo,
)

pytestmark = pytest.mark.long

# The packages compile once, unlike what run_entry does for the tests' own. Ray tells nobody that it runs, and does not
# take the `uv run` that began the tests for the one that its workers shall begin with.
ENVIRON = {"PYTHONDONTWRITEBYTECODE": "", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    return make_experiment(tmp_path / "my project")


@pytest.fixture
def python(request: pytest.FixtureRequest) -> Path:
    """An interpreter with the launchers, for `launcher` or `ray_here`."""
    launcher = request.node.callspec.params.get("launcher") if hasattr(request.node, "callspec") else None
    return python_with(request.config, RAY if launcher == "ray_here" else LAUNCHERS)


def run(python: Path, entry: Path, cwd: Path, *words: str, env: dict[str, str] | None = None) -> Ran:
    environ = {**ENVIRON, **(env or {})}
    return patiently(lambda: sweep(entry, cwd, *words, env=environ, python=python), lambda ran: ran.err)


ALL = ["processes", "submitit_here", "ray_here"]


@pytest.mark.parametrize("launcher", ALL)
def test_each_job_has_its_folder_and_only_what_failed_runs_again(
    python: Path, entry: Path, elsewhere: Path, launcher: str
) -> None:
    planted = begin_training_with(entry, 'if cfg.exp.seed == 13:\n    raise ValueError("diverged")')
    # As Ray has it under `uv run`: the jobs start in a copy of the project.
    copied = ["+hydra.launcher.ray.init.runtime_env.working_dir=."] if launcher == "ray_here" else []
    ran = run(python, entry, elsewhere, f"hydra/launcher={launcher}", *copied, "exp=001,002", "exp.seed=1,13")
    assert ran.code == 1
    assert "diverged" in ran.err
    found = status(entry, elsewhere)
    assert states(found) == ["done", "failed", "done", "failed"]
    swept = latest(entry)
    assert sorted(results(swept)) == ["0_001", "1_001", "2_002", "3_002"]
    for job, name in (("0_001", "exp=001"), ("2_002", "exp=002")):
        assert OmegaConf.load(swept / job / "config.yaml") == hydra(entry, QUICK, name, "exp.seed=1", resolve=True)
    (command,) = found.json["rerun"]
    assert f"hydra/launcher={launcher}" in command
    kept = tree(swept)
    undo(entry, planted)
    assert rerun(entry, [command], python, ENVIRON) == [0]
    assert states(status(entry, elsewhere, swept)) == ["done"] * 4
    assert kept.items() <= tree(swept).items()


@pytest.mark.parametrize("launcher", ["processes", "submitit_here"])  # a dead job of Ray's ends as submitit's does
def test_a_job_whose_process_dies_is_found(python: Path, entry: Path, elsewhere: Path, launcher: str) -> None:
    """As the kernel kills what takes too much memory: no exception, no last word."""
    planted = begin_training_with(entry, "import os\nif cfg.exp.seed == 13:\n    os.kill(os.getpid(), 9)")
    ran = run(python, entry, elsewhere, f"hydra/launcher={launcher}", "exp=001", "exp.seed=13,1")
    assert ran.code == 1
    swept = latest(entry)
    found = status(entry, elsewhere, "--ended")
    assert states(found)[0] == "failed"
    undo(entry, planted)
    assert rerun(entry, found.json["rerun"], python, ENVIRON) == [0] * len(found.json["rerun"])
    first, other = states(status(entry, elsewhere, swept))
    assert first == "done"
    assert other in ("done", "unknown")  # the pool dies with it: it may have begun and left nothing that tells


@pytest.mark.parametrize("launcher", ALL)
def test_a_bad_set_stops_every_launcher_before_job_0(python: Path, entry: Path, elsewhere: Path, launcher: str) -> None:
    write(entry.parent, {"exp/002.yaml": "defaults:\n  - default@_here_\n\nlearning_rte: 0.1\n"})
    ran = run(python, entry, elsewhere, f"hydra/launcher={launcher}", "exp=001,002,003")
    assert ran.code == 1
    assert "learning_rte" in ran.err
    assert not list(project_of(entry).rglob("result.json"))


def slurm(tmp_path: Path, kept: Path) -> dict[str, str]:
    """No SLURM here: programs in its place keep the script that submitit hands to sbatch."""
    programs = {"sbatch": f'#!/bin/sh\nfor last; do :; done\ncp "$last" "{kept}"\nexit 1\n', "srun": "#!/bin/sh\n"}
    for path in programs:
        write(tmp_path / "bin", {path: programs[path]})
        (tmp_path / "bin" / path).chmod(0o755)
    return {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


def test_slurm_gets_what_the_settings_say(python: Path, entry: Path, elsewhere: Path, tmp_path: Path) -> None:
    kept = tmp_path / "script.sh"
    env = slurm(tmp_path, kept)
    words = ["hydra.launcher.partition=gpu", "hydra.launcher.array_parallelism=3"]
    assert run(python, entry, elsewhere, "hydra/launcher=slurm", "exp=001,002", *words, env=env).code == 1
    lines = kept.read_text().splitlines()
    settings = dict(line.removeprefix("#SBATCH --").partition("=")[::2] for line in lines if line.startswith("#SBATCH"))
    asked = OmegaConf.load(entry.parent / "hydra/launcher/slurm.yaml")
    assert settings["partition"] == "gpu"
    assert settings["array"] == "0-1%2"  # never more at a time than there are jobs
    assert settings["time"] == str(asked.timeout_min)
    assert settings["gpus-per-node"] == str(asked.gpus_per_node)
    assert settings["cpus-per-task"] == str(asked.cpus_per_task)
    assert settings["mem"] == f"{asked.mem_gb}GB"


def test_without_slurm_it_says_so(python: Path, entry: Path, elsewhere: Path) -> None:
    """The words that references/sweeps.md quotes."""
    assert 'Could not detect "srun"' in run(python, entry, elsewhere, "hydra/launcher=slurm", "exp=001,002").err


# -- searches ---------------------------------------------------------------------------------------------------------

SEARCH = ["hydra/sweeper=search", "hydra.sweeper.n_trials=2"]
SCORE = "return {'accuracy': cfg.exp.learning_rate}"  # quick, and told apart


def trials(entry: Path) -> list[str]:
    """The states of the trials that the storage knows."""
    with sqlite3.connect(project_of(entry) / "optuna.db") as database:
        return [state for (state,) in database.execute("select state from trials order by number")]


def test_a_search_goes_on_after_its_end_and_over_a_failed_trial(python: Path, entry: Path, elsewhere: Path) -> None:
    begin_training_with(entry, SCORE)
    assert run(python, entry, elsewhere, *SEARCH).code == 0
    assert trials(entry) == ["COMPLETE"] * 2
    count = "if len(list(Path().rglob('multirun/*/*/result.json'))) == 3:\n    raise ValueError('diverged')\n"
    text = entry.read_text()
    entry.write_text(text.replace(f"    {SCORE}\n", ""))
    begin_training_with(entry, count + SCORE)
    ran = run(python, entry, elsewhere, *SEARCH)
    assert ran.code == 0, ran.err
    assert trials(entry) == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE"]
    best = OmegaConf.load(latest(entry) / "optimization_results.yaml")
    scores = [json.loads(p.read_text()).get("mean") for p in project_of(entry).rglob("multirun/*/*/result.json")]
    assert len({mean["accuracy"] for mean in scores if mean}) == 3
    assert best.best_value == max(mean["accuracy"] for mean in scores if mean)


def test_a_search_that_is_killed_goes_on_with_what_it_knew(python: Path, entry: Path, elsewhere: Path) -> None:
    """SIGKILL in the middle of the third trial: the two before are kept, and the next ones learn from them."""
    mark = elsewhere / "third"
    wait = f"import time\nif '/2_' in str(model_dir):\n    open({str(mark)!r}, 'w').close()\n    time.sleep(120)\n"
    begin_training_with(entry, wait + SCORE)
    command = [str(python), str(entry), "-m", QUICK, "hydra/sweeper=search", "hydra.sweeper.n_trials=5"]
    with subprocess.Popen(command, cwd=elsewhere, env={**os.environ, **ENV}, stderr=subprocess.DEVNULL) as killed:
        while not mark.exists():
            assert killed.poll() is None
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
    assert trials(entry) == ["COMPLETE", "COMPLETE", "RUNNING"]
    first = latest(entry)
    entry.write_text(entry.read_text().replace("time.sleep(120)", "pass"))
    assert run(python, entry, elsewhere, *SEARCH).code == 0
    assert trials(entry) == ["COMPLETE", "COMPLETE", "RUNNING", "COMPLETE", "COMPLETE"]
    best = OmegaConf.load(latest(entry) / "optimization_results.yaml").best_value
    done = [job["mean"] for job in [*results(first).values(), *results(latest(entry)).values()] if "mean" in job]
    assert len(done) == 4
    assert best == max(mean["accuracy"] for mean in done)


# -- what references/sweeps.md says of them ---------------------------------------------------------------------------


def test_the_packages_of_the_guide_are_those_that_ran() -> None:
    rows = table("sweeps.md", "Which launcher")
    named = [name for row in rows if row[0].startswith("`hydra-") for name in re.findall(r"[a-z][\w-]+", row[0])]
    tried = [re.findall(r"[\w-]+", package)[0] for package in (*LAUNCHERS, *RAY)]
    assert sorted(named) == sorted(tried)


def test_the_commands_of_the_guide_run(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Each line of the block as it stands, but with little data; only Slurm is a stand-in, which refuses the job."""
    project = make_project(tmp_path / "project")
    marked = [block for part in sections(ROOT / "references" / "sweeps.md") for block in part.blocks if block.marked]
    lines = [line for block in marked for line in block.text.splitlines()]
    assert len(lines) == 6
    for line in lines:
        ray = "ray_here" in line
        executable = python_with(request.config, RAY if ray else LAUNCHERS)
        kept = tmp_path / "script.sh"
        more = {**ENV, **ENVIRON, **(slurm(tmp_path, kept) if "slurm" in line else {})}
        command = line if line.startswith("cp ") else f"{line} {QUICK}"
        typed = partial(shell, command, project, executable=executable, more=more)
        ran = patiently(typed, lambda ran: ran.stderr)
        if "slurm" in line:
            assert "--partition=gpu" in kept.read_text()
            assert "--time=600" in kept.read_text()
        else:
            assert ran.returncode == 0, f"{line}\n{ran.stderr}"
    assert len([*project.rglob("result.json")]) == 3 * 2 + 20
