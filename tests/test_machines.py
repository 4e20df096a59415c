"""One experiment on two machines: env=local and env=runpod choose paths, and nothing else changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from running import Ran, run, run_entry, tree

pytestmark = pytest.mark.slow


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
    return run_entry(entry, "exp=001", *words, cwd=cwd, env={"HOME": str(home)})


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


def test_folders_that_are_there_stay_and_others_are_made(entry: Path, elsewhere: Path, tmp_path: Path) -> None:
    """Twice on a disk with other things on it, in a home that is new."""
    disk = tmp_path / "workspace"
    (disk / "models" / "base").mkdir(parents=True)
    (disk / "results" / "001").mkdir(parents=True)
    (disk / "results" / "001" / "mine.txt").write_text("kept")
    for environment in ("runpod", "local", "runpod"):
        ran = train(entry, elsewhere, tmp_path / "new" / "home", f"env={environment}")
        assert ran.code == 0, ran.err
    assert (disk / "results" / "001" / "mine.txt").read_text() == "kept"
    assert record(disk / "results")["status"] == record(tmp_path / "new" / "home" / "results")["status"] == "done"


def test_a_disk_that_cannot_be_written_to_is_said_before_any_training(
    entry: Path, elsewhere: Path, tmp_path: Path
) -> None:
    """A file stands where the folder of the results, then that of the models should be made."""
    (tmp_path / "file").write_text("")
    for key in ("output_dir", "model_output_dir"):
        ran = train(entry, elsewhere, tmp_path, "env=local", f"env.{key}='{tmp_path}/file/results'")
        assert ran.code == 1
        (line,) = [line for line in ran.err.splitlines() if "version_base" not in line]
        assert line.startswith(f"{tmp_path}/file/results/001")
        assert "can't be written to (Not a directory): correct it in env/, or choose another env=" in line
        assert not list(tmp_path.rglob("result.json"))
        assert not list(tmp_path.rglob("model.json"))


def test_a_home_that_is_not_set_is_said(entry: Path, elsewhere: Path) -> None:
    """As in a container or under a scheduler that passes no environment on."""
    command = ["env", "-u", "HOME", sys.executable, str(entry), "exp=001", "env=local"]
    ran = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True)
    assert ran.returncode == 1
    (line,) = [line for line in ran.stderr.splitlines() if "version_base" not in line]
    assert "env.output_dir" in line
    assert "Environment variable 'HOME' not found" in line


def test_a_sweep_says_what_became_of_a_home_that_only_a_shell_knows(
    entry: Path, elsewhere: Path, tmp_path: Path
) -> None:
    """Hydra makes the sweep's folder before any job: the one called ~ must not be removed as a shell understands it."""
    ran = train(entry, elsewhere, tmp_path, "env=runpod2", "-m")
    assert ran.code == 1
    assert "write ${oc.env:HOME}/results and remove the folder that the sweep has made of it: rm -r './~'" in ran.err
    assert (tmp_path / "project" / "~" / "results").is_dir()
