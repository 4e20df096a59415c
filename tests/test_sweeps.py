"""Sweeps of the template, for real: Hydra's own launcher, joblib, submitit, Ray and Optuna, and sweep_status.py.

The launchers are packages of their own. Where one is missing its tests are skipped; to run them all:
`pip install hydra-joblib-launcher hydra-submitit-launcher hydra-optuna-sweeper "sqlalchemy<2"` in one environment and
`pip install hydra-ray-launcher` in another (joblib wants cloudpickle 3, the Ray launcher an older one).
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Ran, hydra, run, run_entry, tree, write
from omegaconf import OmegaConf

ENV = {"WANDB_PROJECT": "", "OMP_NUM_THREADS": "1"}
QUICK = "exp.debug=true"
SET = "defaults:\n  - default@_here_\n\nname: {}\nlearning_rate: {}\n"


def needs(module: str) -> Any:
    package = module.replace("_", "-")
    return pytest.mark.skipif(
        importlib.util.find_spec("hydra_plugins") is None
        or importlib.util.find_spec(f"hydra_plugins.{module}") is None,
        reason=f"{package} is not installed",
    )


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """The template under another name, with three parameter sets and the launcher settings."""
    folder = tmp_path / "my project" / "experiments" / "001-baseline"
    for name in ("config.yaml", "train.py"):
        text = (ROOT / "assets" / "000-template" / name).read_text(encoding="utf-8")
        write(folder, {name: text.replace("000-template", folder.name)})
    write(folder, {f"exp/00{n}.yaml": SET.format(f"00{n}-steps", n / 100) for n in (1, 2, 3)})
    shutil.copytree(ROOT / "assets" / "launchers" / "hydra", folder / "hydra")
    return folder / "train.py"


def project_of(entry: Path) -> Path:
    return entry.parents[2]


def sweep(entry: Path, cwd: Path, *words: str, env: dict[str, str] | None = None) -> Ran:
    return run_entry(entry, "-m", QUICK, *words, cwd=cwd, env={**ENV, **(env or {})})


def latest(entry: Path) -> Path:
    return max((project_of(entry) / "output/001-baseline/multirun").iterdir())


def results(folder: Path) -> dict[str, Any]:
    """The result.json of each job, by its folder."""
    return {p.parent.name: json.loads(p.read_text()) for p in sorted(folder.glob("*/result.json"))}


def break_for_seed(entry: Path, seed: int) -> None:
    first = "    rows, labels = load_data()\n"
    text = entry.read_text()
    assert first in text
    planted = f'    if cfg.exp.seed == {seed}:\n        raise ValueError("diverged")\n'
    entry.write_text(text.replace(first, planted + first, 1))


# -- Hydra's own launcher ---------------------------------------------------------------------------------------------


def test_sets_times_values_each_in_a_folder_of_its_own(entry: Path, elsewhere: Path) -> None:
    ran = sweep(entry, elsewhere, "exp=001,002,003", "exp.seed=1,2")
    assert ran.code == 0, ran.err
    found = results(latest(entry))
    points = [(exp, seed) for exp in ("001", "002", "003") for seed in (1, 2)]
    assert list(found) == [f"{number}_{exp}" for number, (exp, _) in enumerate(points)]
    for folder, (exp, seed) in zip(found, points, strict=True):
        saved = OmegaConf.to_container(OmegaConf.load(latest(entry) / folder / "config.yaml"))
        assert saved == {"exp": found[folder]["exp"], "env": found[folder]["env"]}
        assert (saved["exp"]["name"], saved["exp"]["seed"]) == (f"{exp}-steps", seed)
    last = latest(entry) / "5_003" / "config.yaml"
    assert OmegaConf.load(last) == hydra(entry, QUICK, "exp=003", "exp.seed=2", resolve=True)
    models = project_of(entry) / "output/001-baseline/models/multirun" / latest(entry).name
    assert len(list(models.glob("*/fold0/model.json"))) == 6
    kept = tree(latest(entry).parent)
    assert sweep(entry, elsewhere, "exp=001", "hydra.sweep.dir=${env.output_dir}/multirun/another").code == 0
    assert kept.items() < tree(latest(entry).parent).items()


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("glob(*)", ["001", "002", "003", "default"]),
        ("glob(*,exclude=default)", ["001", "002", "003"]),
    ],
)
def test_a_glob_takes_default_unless_told_not_to(entry: Path, elsewhere: Path, pattern: str, chosen: list[str]) -> None:
    """What references/sweeps.md warns of, and what it says instead."""
    assert sweep(entry, elsewhere, f"exp={pattern}").code == 0
    assert sorted(record["choices"]["exp"] for record in results(latest(entry)).values()) == chosen
    status = run("sweep_status.py", "--root", project_of(entry), latest(entry), "--json", cwd=elsewhere)
    assert status.json["summary"]["done"] == status.json["summary"]["jobs"] == len(chosen)


def test_a_bad_set_stops_the_sweep_before_job_0_and_validate_says_so_first(entry: Path, elsewhere: Path) -> None:
    write(entry.parent, {"exp/002.yaml": "defaults:\n  - default@_here_\n\nlearning_rte: 0.1\n"})
    checked = run("validate.py", "--root", project_of(entry), cwd=elsewhere)
    assert checked.code == 1
    assert "exp/002.yaml:4" in checked.out
    assert "learning_rate" in checked.out
    ran = sweep(entry, elsewhere, "exp=001,002,003")
    assert ran.code == 1
    assert "learning_rte" in ran.err
    assert not list(project_of(entry).rglob("result.json"))


def test_the_launcher_settings_are_no_finding_and_go_with_a_copy(entry: Path, elsewhere: Path) -> None:
    checked = run("validate.py", "--root", project_of(entry), "--strict", cwd=elsewhere)
    assert checked.code == 0, checked.out
    made = run("new_experiment.py", "--root", project_of(entry), "next", "--json", cwd=elsewhere)
    assert {"hydra/launcher/slurm.yaml", "hydra/sweeper/search.yaml"} <= set(made.json["files"])


# -- what became of it ------------------------------------------------------------------------------------------------


def status(entry: Path, cwd: Path, *words: str | Path) -> Ran:
    folder = words[0] if words and isinstance(words[0], Path) else latest(entry)
    rest = [word for word in words if not isinstance(word, Path)]
    return run("sweep_status.py", "--root", project_of(entry), folder, *rest, "--json", cwd=cwd)


def states(ran: Ran) -> list[str]:
    return [job["state"] for job in ran.json["jobs"]]


def rerun(entry: Path, commands: list[str]) -> list[int]:
    """Type each command as a user does, in the project's folder, with the Python of the tests."""
    codes = []
    for command in commands:
        ours = f'"{sys.executable}" {command[command.index("experiments/") :]}'
        done = subprocess.run(["bash", "-c", ours], cwd=project_of(entry), env={**os.environ, **ENV})
        codes.append(done.returncode)
    return codes


def test_a_failed_job_stops_no_other_and_only_it_runs_again(entry: Path, elsewhere: Path) -> None:
    break_for_seed(entry, 2)
    ran = sweep(entry, elsewhere, "exp=001,002", "exp.seed=1,2", "exp.fold=[0]", "hydra.sweep.dir=output/seeds")
    assert ran.code == 1
    assert "diverged" in ran.err
    swept = project_of(entry) / "output" / "seeds"
    first = status(entry, elsewhere, swept)
    assert first.code == 1
    assert states(first) == ["done", "failed", "done", "failed"]
    assert first.json["jobs"][1]["error"] == "ValueError: diverged"
    (command,) = first.json["rerun"]
    assert "exp=001,002" in command
    assert "exp.seed=2" in command
    assert command.count("hydra.sweep.dir=") == 1
    text = run("sweep_status.py", swept, cwd=project_of(entry))
    assert command in text.out
    assert "4 jobs: 2 done, 2 failed" in text.out

    done = tree(swept / "0_001") | tree(swept / "2_002") | {"m": (swept / "multirun.yaml").read_bytes()}
    entry.write_text(entry.read_text().replace("cfg.exp.seed == 2", "False"))
    assert rerun(entry, [command]) == [0]
    last = status(entry, elsewhere, swept)
    assert last.code == 0
    assert states(last) == ["done"] * 4
    assert last.json["rerun"] == []
    assert done == tree(swept / "0_001") | tree(swept / "2_002") | {"m": (swept / "multirun.yaml").read_bytes()}


def test_what_a_kill_left_runs_again_once_it_is_said_to_be_over(entry: Path, elsewhere: Path) -> None:
    """Job 1 of 4 kills the whole process: it says "running" for ever, and the rest never began."""
    first = "    rows, labels = load_data()\n"
    kill = "    if cfg.exp.seed == 2 and cfg.exp.name == '001-steps':\n        os._exit(9)\n"
    entry.write_text(entry.read_text().replace(first, kill + first, 1))
    assert sweep(entry, elsewhere, "exp=001,002", "exp.seed=1,2").code == 9
    swept = latest(entry)
    before = status(entry, elsewhere)
    assert states(before) == ["done", "running", "missing", "missing"]
    (command,) = before.json["rerun"]
    assert "exp=002 exp.seed=1,2" in command
    after = status(entry, elsewhere, "--ended")
    assert states(after) == ["done", "failed", "missing", "missing"]
    entry.write_text(entry.read_text().replace(kill, ""))
    assert rerun(entry, after.json["rerun"]) == [0] * len(after.json["rerun"])
    again = results(swept / f"{swept.name}-again")
    assert len(again) == 3
    assert states(status(entry, elsewhere, swept)) == ["done"] * 4


def test_a_sweep_in_config_yaml_is_read_and_not_run_whole_again(entry: Path, elsewhere: Path) -> None:
    config = entry.parent / "config.yaml"
    params = "  sweeper:\n    params:\n      exp: 001,002\n      exp.seed: 1,2\n"
    config.write_text(config.read_text() + params)
    break_for_seed(entry, 2)
    assert sweep(entry, elsewhere).code == 1
    swept = latest(entry)
    found = status(entry, elsewhere)
    assert states(found) == ["done", "failed", "done", "failed"]
    entry.write_text(entry.read_text().replace("cfg.exp.seed == 2", "False"))
    assert rerun(entry, found.json["rerun"]) == [0]
    assert len(results(swept / f"{swept.name}-again")) == 2
    assert states(status(entry, elsewhere, swept)) == ["done"] * 4


def test_awkward_values_survive_the_way_back(entry: Path, elsewhere: Path) -> None:
    """Lists, spaces, quotes and commas go from result.json through the printed command and a shell to Hydra again."""
    words = ["exp.notes=\"a b, c=1\",'it\\'s'", "exp.fold=[9],[0]", "exp.learning_rate=1e-5"]
    assert sweep(entry, elsewhere, *words).code == 1
    found = status(entry, elsewhere)
    assert states(found) == ["missing", "done"] * 2
    swept = latest(entry)
    text = entry.read_text()
    entry.write_text(text.replace("if not exp.fold or not set(exp.fold)", "if False and not set(exp.fold)"))
    assert len(found.json["rerun"]) == 1
    assert rerun(entry, found.json["rerun"]) == [0]
    assert states(status(entry, elsewhere, swept)) == ["done"] * 4


def test_what_is_no_sweep_is_said(entry: Path, elsewhere: Path) -> None:
    ran = status(entry, elsewhere, elsewhere)
    assert ran.code == 2
    assert "multirun.yaml" in ran.json["error"]["help"]
    for text in ("", "a: [", "hydra: 1\n"):
        write(elsewhere, {"multirun.yaml": text})
        assert status(entry, elsewhere, elsewhere).code == 2
    assert sweep(entry, elsewhere, "exp=001").code == 0
    (project_of(entry) / "other").mkdir()
    gone = run("sweep_status.py", latest(entry), "--root", project_of(entry) / "other", cwd=elsewhere)
    assert gone.code == 2
    assert "train.py, which is not in" in gone.err


# -- launchers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param("processes", marks=needs("hydra_joblib_launcher")),
        pytest.param("submitit_here", marks=needs("hydra_submitit_launcher")),
        pytest.param("ray_here", marks=needs("hydra_ray_launcher")),
    ],
)
def test_a_launcher_runs_each_job_and_reports_what_failed(entry: Path, elsewhere: Path, launcher: str) -> None:
    break_for_seed(entry, 13)
    ran = sweep(entry, elsewhere, f"hydra/launcher={launcher}", "exp=001,002", "exp.seed=1,13")
    assert ran.code == 1
    assert "diverged" in ran.err
    found = status(entry, elsewhere)
    assert states(found) == ["done", "failed", "done", "failed"]
    saved = OmegaConf.load(latest(entry) / "2_002" / "config.yaml")
    assert saved == hydra(entry, QUICK, "exp=002", "exp.seed=1", resolve=True)
    (command,) = found.json["rerun"]
    assert f"hydra/launcher={launcher}" in command


@needs("hydra_submitit_launcher")
def test_slurm_gets_what_the_settings_say(entry: Path, elsewhere: Path, tmp_path: Path) -> None:
    """No SLURM here: programs in its place keep the script that submitit hands to sbatch."""
    kept = tmp_path / "script.sh"
    programs = {"sbatch": f'#!/bin/sh\nfor last; do :; done\ncp "$last" "{kept}"\nexit 1\n', "srun": "#!/bin/sh\n"}
    for path in programs:
        write(tmp_path / "bin", {path: programs[path]})
        (tmp_path / "bin" / path).chmod(0o755)
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    words = ["hydra.launcher.partition=gpu", "hydra.launcher.array_parallelism=3"]
    assert sweep(entry, elsewhere, "hydra/launcher=slurm", "exp=001,002", *words, env=env).code == 1
    lines = kept.read_text().splitlines()
    settings = dict(line.removeprefix("#SBATCH --").partition("=")[::2] for line in lines if line.startswith("#SBATCH"))
    asked = OmegaConf.load(entry.parent / "hydra/launcher/slurm.yaml")
    assert settings["partition"] == "gpu"
    assert settings["array"] == "0-1%2"  # never more at a time than there are jobs
    assert settings["time"] == str(asked.timeout_min)
    assert settings["gpus-per-node"] == str(asked.gpus_per_node)
    assert settings["cpus-per-task"] == str(asked.cpus_per_task)
    assert settings["mem"] == f"{asked.mem_gb}GB"


@needs("hydra_optuna_sweeper")
def test_a_search_goes_on_after_a_restart_and_over_a_failed_trial(entry: Path, elsewhere: Path) -> None:
    def trials() -> list[str]:
        with sqlite3.connect(project_of(entry) / "optuna.db") as database:
            return [state for (state,) in database.execute("select state from trials order by number")]

    words = ["hydra/sweeper=search", "hydra.sweeper.n_trials=2"]
    first = "    rows, labels = load_data()\n"
    score = "    return {'accuracy': cfg.exp.learning_rate}\n"
    entry.write_text(entry.read_text().replace(first, score + first, 1))
    assert sweep(entry, elsewhere, *words).code == 0
    assert trials() == ["COMPLETE"] * 2
    count = "    if len(list(ROOT.rglob('multirun/*/*/result.json'))) == 3:\n        raise ValueError('diverged')\n"
    entry.write_text(entry.read_text().replace(score, count + score, 1))
    ran = sweep(entry, elsewhere, *words)
    assert ran.code == 0, ran.err
    assert trials() == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE"]
    best = OmegaConf.load(latest(entry) / "optimization_results.yaml")
    scores = [json.loads(p.read_text()).get("mean") for p in project_of(entry).rglob("multirun/*/*/result.json")]
    assert len({mean["accuracy"] for mean in scores if mean}) == 3
    assert best.best_value == max(mean["accuracy"] for mean in scores if mean)
    said = status(entry, elsewhere)
    assert said.code == 2
    assert "the command that began it" in said.json["error"]["help"]
