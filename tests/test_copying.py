"""What new_experiment.py copies, what it renames, and where it refuses; the real Hydra and Python say what runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from running import hydra, run, tree, write

pytestmark = pytest.mark.slow

GROUP_NAMES = "wandb logs log output outputs cache checkpoints ckpt runs weights artifacts predictions multirun mlruns"


def new(project: Path, elsewhere: Path, *words: str):
    return run("new_experiment.py", "--root", project, *words, cwd=elsewhere)


@pytest.mark.parametrize(
    ("name", "listed"), [*((name, listed) for name in GROUP_NAMES.split() for listed in (True, False)), ("venv", True)]
)
def test_a_config_group_is_copied_whatever_its_name(project, experiment, elsewhere, name: str, listed: bool) -> None:
    """Chosen in config.yaml, or only ever added with `+wandb=online`: without it the copy is another experiment."""
    if listed:
        text = (experiment / "config.yaml").read_text()
        (experiment / "config.yaml").write_text(text.replace("  - _self_\n", f"  - _self_\n  - {name}: offline\n", 1))
        (experiment / "train.py").write_text(
            (experiment / "train.py")
            .read_text()
            .replace("cs.store(name", f'cs.store(group="{name}", name="x"); cs.store(name')
        )
    write(experiment, {f"{name}/offline.yaml": "mode: offline\n", f"{name}/online.yaml": "mode: online\n"})
    assert new(project, elsewhere, "next").code == 0
    made = project / "experiments/002-next"
    sign = "" if listed else "+"
    assert hydra(made / "train.py", "exp=001", f"{sign}{name}=online")[name] == {"mode": "online"}


@pytest.mark.parametrize("name", GROUP_NAMES.split())
def test_what_a_run_left_under_such_a_name_stays_behind(project, experiment, elsewhere, name: str) -> None:
    write(
        experiment,
        {
            f"{name}/001/config.yaml": "exp:\n  seed: 1\nenv:\n  output_dir: x\n",
            f"{name}/config.yaml": "exp:\n  seed: 1\nenv:\n  output_dir: x\n",
        },
    )
    assert new(project, elsewhere, "next").code == 0
    assert not (project / "experiments/002-next" / name).exists()


def test_what_another_command_is_writing_is_not_copied(project, experiment, elsewhere) -> None:
    """Between being listed and being read it gets its name, and is gone."""
    unfinished = {".new-files.0123abcd.tmp/014.yaml": "seed: 1\n", ".015.yaml.0123abcd.tmp": "seed: 2\n"}
    write(experiment, {f"exp/{name}": text for name, text in unfinished.items()})
    write(experiment, {"extra/.notes.tmp": "no name of ours\n", "extra/notes.txt": "x\n"})
    ran = new(project, elsewhere, "next", "--json")
    assert ran.code == 0, ran.err
    made = project / "experiments/002-next"
    assert [path.name for path in (made / "exp").iterdir()] == ["001.yaml"]
    assert (made / "extra/notes.txt").is_file()
    assert not [name for name in ran.json["left_behind"] if "0123abcd" in name]
    assert all((experiment / "exp" / name).exists() for name in unfinished)


def test_in_a_group_the_options_are_copied_and_the_outputs_are_not(project, experiment, elsewhere) -> None:
    text = (experiment / "config.yaml").read_text()
    (experiment / "config.yaml").write_text(text.replace("  - _self_\n", "  - _self_\n  - logs/logger: csv\n", 1))
    write(
        experiment,
        {
            "logs/logger/csv.yaml": "kind: csv\n",
            "logs/logger/table.csv": "1,2\n",
            "logs/2024-01-01/.hydra/config.yaml": "exp: {}\n",
            "logs/train.log": "x",
        },
    )
    assert new(project, elsewhere, "next").code == 0
    made = project / "experiments/002-next"
    assert sorted(name for name in tree(made) if name.startswith("logs")) == ["logs/logger/csv.yaml"]
    assert hydra(made / "train.py")["logs"]["logger"] == {"kind": "csv"}


TRAIN = """\
from dataclasses import dataclass

import hydra
import {package}.model
import {package}.model as m
from hydra.core.config_store import ConfigStore
from {package} import data
from {package}.model import width
{more}

@dataclass
class ExpConfig:
    lr: float = 1e-3

cs = ConfigStore.instance()
cs.store(group="exp", name="default", node=ExpConfig)

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg):
    net = hydra.utils.instantiate(cfg.net)
    print({package}.model.width(), m.width(), data.rows(), width(), net.value)

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("folder", "package", "path", "name"),
    [
        ("src/fitlib", "fitlib", "src", "following"),
        ("src/fitlib", "src.fitlib", ".", "following"),
        ("experiments/baseline", "experiments.baseline", ".", "following"),
        ("experiments/exp001_base", "experiments.exp001_base", ".", "exp002_following"),
    ],
)
def test_a_copied_package_imports_itself(tmp_path: Path, elsewhere: Path, folder, package, path, name) -> None:
    project = write(
        tmp_path / "p",
        {
            f"{folder}/__init__.py": "from .model import Net\n",
            f"{folder}/model.py": "class Net:\n    value = 64\n\n\ndef width():\n    return 64\n",
            f"{folder}/data.py": "def rows():\n    return 64\n",
            f"{folder}/train.py": TRAIN.format(package=package, more=""),
            f"{folder}/config.yaml": "defaults:\n  - _self_\n  - exp: default\n"
            f"  - override hydra/job_logging: none\nnet:\n  _target_: {package}.model.Net\n"
            "hydra:\n  output_subdir: null\n  run:\n    dir: .\n",
            f"{folder}/run.sh": f"python -m {package}.train exp=001\n",
        },
    )
    ran = new(project, elsewhere, name, "lr=0.5")
    assert ran.code == 0, ran.err
    made = (project / folder).with_name(name)
    for module in ("model.py", "data.py"):
        (made / module).write_text((made / module).read_text().replace("64", "128"))
    command = [sys.executable, made / "train.py", "exp=001"]
    env = {**os.environ, "PYTHONPATH": str(project / path), "PYTHONDONTWRITEBYTECODE": "1"}
    printed = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)
    assert printed.stdout == "128 128 128 128 128\n", printed.stderr
    assert package.rpartition(".")[2] not in (made / "run.sh").read_text()


def test_a_library_with_the_folders_name_is_not_renamed(tmp_path: Path, elsewhere: Path) -> None:
    """experiments/yaml/ holds a copy of nothing that `import yaml` means."""
    project = write(
        tmp_path / "p",
        {
            "experiments/yaml/train.py": "import hydra\nimport yaml\nfrom yaml.loader import SafeLoader\n\n"
            "@hydra.main(version_base=None, config_path='.', config_name='config')\n"
            "def main(cfg):\n    yaml.load('1', SafeLoader)\n\nif __name__ == '__main__':\n    main()\n",
            "experiments/yaml/loader.py": "",
            "experiments/yaml/config.yaml": "defaults:\n  - _self_\n",
        },
    )
    ran = new(project, elsewhere, "toml")
    assert ran.code == 0, ran.err
    assert "import yaml\nfrom yaml.loader" in (project / "experiments/toml/train.py").read_text()


def test_a_package_needs_a_name_that_can_be_imported(tmp_path: Path, elsewhere: Path) -> None:
    project = write(
        tmp_path / "p",
        {
            "src/fitlib/model.py": "",
            "src/fitlib/train.py": "import hydra\nfrom fitlib.model import *\n\n"
            "@hydra.main(version_base=None, config_path='.', config_name='config')\n"
            "def main(cfg): ...\n\nif __name__ == '__main__':\n    main()\n",
            "src/fitlib/config.yaml": "defaults:\n  - _self_\n",
        },
    )
    before = tree(project)
    for name, better in (("next-idea", "next_idea"), ("class", "exp_class")):
        ran = new(project, elsewhere, name)
        assert ran.code == 2
        assert f" {better}\n" in ran.err
        assert tree(project) == before
    assert new(project, elsewhere, "next_idea").code == 0


def test_a_whole_repository_is_not_copied(tmp_path: Path) -> None:
    from running import PLAIN_EXPERIMENT

    project = write(tmp_path / "repo", PLAIN_EXPERIMENT)
    before = tree(tmp_path)
    ran = run("new_experiment.py", "idea", "seed=3", cwd=project)
    assert ran.code == 2
    assert "whole repository" in ran.err
    command = ran.err.partition("  type: ")[2].strip()
    assert tree(tmp_path) == before
    assert subprocess.run(["bash", "-c", command], cwd=project, capture_output=True).returncode == 0
    assert hydra(project / "train.py", "exp=002")["exp"]["seed"] == 3
    ran = run("new_experiment.py", "idea", cwd=project)
    command = ran.err.partition("  type: ")[2].strip()
    assert subprocess.run(["bash", "-c", command], cwd=project, capture_output=True).returncode == 0
    assert hydra(project / "experiments/001-idea/train.py")


@pytest.mark.skipif(os.name == "nt", reason="makes a pipe")
def test_a_pipe_is_left_behind_and_not_waited_for(project: Path, experiment: Path, elsewhere: Path) -> None:
    os.mkfifo(experiment / "z.py")
    os.mkfifo(experiment / "progress.txt")
    (experiment / "helper.py").mkdir()
    (experiment / "old.py").symlink_to("nowhere.py")
    ran = new(project, elsewhere, "next", "--json")
    assert ran.code == 0, ran.err
    assert {"z.py", "progress.txt"} <= set(ran.json["left_behind"])
    ran = new(project, elsewhere, "other", "--from", "001")
    assert "exp/001.yaml (learning_rate=5.0e-05)" in ran.out
    assert run("add_exp.py", "--root", project, "002", "seed=5", cwd=elsewhere).code == 0


def test_links_out_of_the_project_are_not_written_through(project: Path, experiment: Path, tmp_path, elsewhere) -> None:
    disk = tmp_path / "disk"
    (project / "experiments").rename(disk)
    (project / "experiments").symlink_to(disk)
    before = tree(disk)
    ran = new(project, elsewhere, "next")
    assert ran.code == 2
    assert str(disk) in ran.err
    looked = run("validate.py", "--root", project, cwd=elsewhere)  # the twin: reading through it is well
    assert (looked.code, looked.out.split(",")[0]) == (0, "1 experiment")
    assert tree(disk) == before
    (project / "experiments").unlink()
    disk.rename(project / "experiments")
    outside = tmp_path / "sets"
    (experiment / "exp").rename(outside)
    (experiment / "exp").symlink_to(outside)
    ran = run("add_exp.py", "--root", project, "001", "seed=5", cwd=elsewhere)
    assert ran.code == 2
    assert str(outside) in ran.err
    assert len(list(outside.iterdir())) == 1


def test_a_class_of_the_package_itself_is_instantiated_from_the_copy(tmp_path: Path, elsewhere: Path) -> None:
    project = write(
        tmp_path / "p",
        {
            "src/fitlib/__init__.py": "class Net:\n    value = 64\n",
            "src/fitlib/train.py": "import hydra\n\n"
            "@hydra.main(version_base=None, config_path='.', config_name='config')\n"
            "def main(cfg): ...\n\nif __name__ == '__main__':\n    main()\n",
            "src/fitlib/config.yaml": "defaults:\n  - _self_\nnet:\n  _target_: fitlib.Net\nproject: fitlib\n",
        },
    )
    assert new(project, elsewhere, "following").code == 0
    made = project / "src/following"
    assert hydra(made / "train.py") == {"net": {"_target_": "following.Net"}, "project": "fitlib"}


def test_the_folder_of_all_code_is_not_copied(tmp_path: Path, elsewhere: Path) -> None:
    from running import PLAIN_EXPERIMENT

    project = write(tmp_path / "p", {f"src/{name}": text for name, text in PLAIN_EXPERIMENT.items()})
    before = tree(project)
    ran = new(project, elsewhere, "idea", "seed=3")
    assert (ran.code, "whole repository" in ran.err) == (2, True)
    assert tree(project) == before
