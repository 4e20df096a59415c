"""One experiment on two machines: env=local and env=runpod choose paths, and nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Ran, run, run_entry, tree

NO_WANDB = {"WANDB_PROJECT": ""}


@pytest.fixture
def entry(tmp_path: Path, elsewhere: Path) -> Path:
    """The template with two environments, all of it written by the commands."""
    project = tmp_path / "project"
    project.mkdir()
    disk = tmp_path / "workspace"
    for words in (
        ["new_experiment.py", "baseline", "debug=true"],
        ["add_env.py", "001", "local", "output_dir=${oc.env:HOME}/results", "model_output_dir=${.output_dir}/models"],
        ["add_env.py", "001", "runpod", f"base_model={disk}/models/base", f"output_dir={disk}/results"],
        ["add_env.py", "001", "runpod2", 'output_dir="~/results"'],
    ):
        made = run(words[0], "--root", project, *words[1:], cwd=elsewhere)
        assert made.code == 0, made.err
    return project / "experiments" / "001-baseline" / "train.py"


def train(entry: Path, cwd: Path, home: Path, *words: str) -> Ran:
    return run_entry(entry, "exp=001", *words, cwd=cwd, env={**NO_WANDB, "HOME": str(home)})


def record(folder: Path) -> Any:
    return json.loads((folder / "001" / "result.json").read_text())


def test_the_same_experiment_runs_on_both(entry: Path, elsewhere: Path, tmp_path: Path) -> None:
    """`${oc.env:HOME}` is the home of whoever runs it; the folders are made where they are missing."""
    home, disk = tmp_path / "home of me", tmp_path / "workspace"
    base = disk / "models" / "base"
    base.mkdir(parents=True)
    assert train(entry, elsewhere, home, "env=local").code == 0
    assert train(entry, elsewhere, home, "env=runpod").code == 0
    here, there = record(home / "results"), record(disk / "results")
    assert here["exp"] == there["exp"]
    assert here["folds"] == there["folds"]
    assert (there["env"]["base_model"], here["env"]["base_model"]) == (str(base), "zeros")
    assert (home / "results" / "models" / "001" / "fold0" / "model.json").is_file()


def test_what_a_machine_lacks_is_said_before_any_training(entry: Path, elsewhere: Path, tmp_path: Path) -> None:
    before = tree(tmp_path)
    for environment, said in (
        ("runpod", f"env.base_model={tmp_path}/workspace/models/base is not on this machine"),
        ("runpod2", "only a shell knows ~; write ${oc.env:HOME}/results"),
    ):
        ran = train(entry, elsewhere, tmp_path, f"env={environment}")
        assert ran.code == 1
        assert said in ran.err
        assert "Traceback" not in ran.err
    assert tree(tmp_path) == before
