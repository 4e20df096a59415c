"""new_experiment.py, as a user runs it; the real Hydra says what came out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from running import ROOT, SCRIPTS, hydra, interruptible, run, run_entry, tree, write

pytestmark = pytest.mark.any_hydra

LITTER = {
    "output/model.bin": "x",
    "outputs/2024/a.log": "x",
    "checkpoints/last.ckpt": "x",
    "best.pth": "x",
    "train.log": "x",
    "wandb/run/file": "x",
    "multirun/0/x.yaml": "x: 1",
    "__pycache__/train.cpython-311.pyc": "x",
    ".ipynb_checkpoints/a.ipynb": "{}",
}
KEPT = {
    "src/model.py": '"""Model of 001-baseline."""\nPROJECT = "kaggle-001-baseline"\nRUN = f"001-baseline-fold{0}"\n',
    "notes.md": "001-baseline was the first. Run `python experiments/001-baseline/train.py`.\n",
    "run.sh": "python experiments/001-baseline/train.py exp=001\n",
    "utils/__init__.py": "",
}


def new(project: Path, elsewhere: Path, *words: str, **options):
    return run("new_experiment.py", "--root", project, *words, cwd=elsewhere, **options)


def test_the_next_experiment_from_the_last_one(project: Path, experiment: Path, elsewhere: Path) -> None:
    write(experiment, {**LITTER, **KEPT})
    before = tree(experiment)
    ran = new(project, elsewhere, "002-larger-model", "batch_size=8", "epochs=5")
    assert ran.code == 0, ran.err
    made = project / "experiments/002-larger-model"
    assert tree(experiment) == before
    assert set(tree(made)) == {"config.yaml", "train.py", "env/local.yaml", "exp/001.yaml", *KEPT}

    config = hydra(made / "train.py", "exp=001")
    plain = hydra(experiment / "train.py")
    changed = {key: value for key, value in config["exp"].items() if value != plain["exp"][key]}
    assert changed.pop("name").startswith("001")
    assert changed == {"batch_size": 8, "epochs": 5}
    assert config["env"]["output_dir"] == "output/002-larger-model"
    assert hydra(made / "train.py", "env=local")["env"]["model_output_dir"] == "output/002-larger-model"
    acted_on = "".join(text.decode() for name, text in tree(made).items() if name != "notes.md")
    assert "001-baseline" not in acted_on
    assert 'PROJECT = "kaggle-002-larger-model"' in acted_on
    assert "batch_size: 8" in ran.out
    assert "show.py 002-larger-model exp=001\n" in ran.told
    assert run_entry(made / "train.py", "exp=001").out.startswith("002-larger-model: 001")


def test_prose_keeps_its_words_and_its_commands_are_renamed(project: Path, experiment: Path, elsewhere: Path) -> None:
    write(
        experiment,
        {
            **KEPT,
            "src/a.py": "# as in 001-baseline\n# python experiments/001-baseline/train.py\n"
            "X = '001-baseline2 1001-baseline'\n",
            "env/local.yaml": "defaults:\n  - default@_here_\n\n# like 001-baseline\n"
            "output_dir: '001-baseline' # 001-baseline\n",
        },
    )
    ran = new(project, elsewhere, "next", "--json")
    made = project / "experiments/002-next"
    assert (made / "notes.md").read_text() == (
        "001-baseline was the first. Run `python experiments/002-next/train.py`.\n"
    )
    assert (made / "src/a.py").read_text() == (
        "# as in 001-baseline\n# python experiments/002-next/train.py\nX = '001-baseline2 1001-baseline'\n"
    )
    assert "# like 001-baseline\noutput_dir: '002-next' # 001-baseline" in (made / "env/local.yaml").read_text()
    assert ran.json["kept_mentions"] == ["notes.md:1", "env/local.yaml:4", "env/local.yaml:5", "src/a.py:1"]


def test_names_of_other_experiments_stay(project: Path, experiment: Path, elsewhere: Path) -> None:
    write(project / "experiments/001-baseline-v2", {"readme.md": ""})
    write(experiment, {"src/a.py": "INIT = 'output/001-baseline-v2/best.bin'\nOUT = 'output/001-baseline-v3'\n"})
    assert new(project, elsewhere, "next", "--from", "experiments/001-baseline").code == 0
    text = (project / "experiments/002-next/src/a.py").read_text()
    assert text == "INIT = 'output/001-baseline-v2/best.bin'\nOUT = 'output/002-next-v3'\n"


def test_bytes_of_bom_crlf_and_japanese_survive(project: Path, experiment: Path, elsewhere: Path) -> None:
    env = "\ufeffdefaults:\r\n  - default@_here_ # 既定\r\n\r\noutput_dir: out/001-baseline # 出力\r\n".encode()
    write(experiment, {"env/local.yaml": env, "latin.txt": b"caf\xe9 001-baseline"})
    assert new(project, elsewhere, "next").code == 0
    made = project / "experiments/002-next"
    assert (made / "env/local.yaml").read_bytes() == env.replace(b"001-baseline", b"002-next")
    assert (made / "latin.txt").read_bytes() == b"caf\xe9 001-baseline"
    assert hydra(made / "train.py", "env=local")["env"]["output_dir"] == "out/002-next"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folders", "name", "expected"),
    [
        (["001-baseline"], "next", "002-next"),
        (["001-baseline", "007-x"], "next", "008-next"),
        (["001_lgb"], "xgb", "002_xgb"),
        (["exp005_aug"], "mixup", "exp006_mixup"),
        (["exp005_aug", "exp010_old"], "mixup", "exp011_mixup"),
        (["baseline"], "next", "next"),
        (["01-a"], "b", "02-b"),
        (["099-a"], "b", "100-b"),
        (["001-baseline"], "005-jump", "005-jump"),
        (["902_optuna", "104_a", "104_b"], "next", "903_next"),
    ],
)
def test_numbers_follow_the_projects_habit(tmp_path: Path, elsewhere: Path, folders, name, expected) -> None:
    from running import PLAIN_EXPERIMENT

    project = tmp_path / "p"
    for folder in folders:
        write(project / "experiments" / folder, PLAIN_EXPERIMENT)
    ran = new(project, elsewhere, name, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["path"] == f"experiments/{expected}"
    assert hydra(project / "experiments" / expected / "train.py", "exp=001")


@pytest.mark.parametrize("name", ["001-other", "001-baseline", "exp001_x", "1-x"])
def test_a_number_that_is_taken_is_refused(project: Path, elsewhere: Path, name: str) -> None:
    before = tree(project)
    ran = new(project, elsewhere, name)
    assert ran.code == 2
    assert "taken" in ran.err
    assert "the next free one" in ran.err
    assert tree(project) == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["next", "lr=1"], "did you mean learning_rate=1?"),
        (["next", "batch_size=x"], "declared as int"),
        (["next", "batch_size=1,2"], "add_exp.py"),
        (["next", "output_dir=x"], "next --env local:output_dir=x"),
        (["a b"], "a-b"),
        (["../x"], "use letters"),
        (["next", "--from", "003"], "no experiment '003'"),
        (["one", "two"], "expected one NAME"),
        ([], "expected one NAME"),
    ],
)
def test_mistakes_change_nothing(project: Path, elsewhere: Path, words, expected: str) -> None:
    before = tree(project)
    ran = new(project, elsewhere, *words)
    assert ran.code == 2
    assert expected in ran.err
    assert tree(project) == before
    assert [path.name for path in (project / "experiments").iterdir()] == ["001-baseline"]


def test_a_broken_original_is_not_copied(project: Path, experiment: Path, elsewhere: Path) -> None:
    write(experiment, {"config.yaml": "defaults:\n  - _self_\n  - exp: default\n  - model: nothing\n"})
    ran = new(project, elsewhere, "next")
    assert ran.code == 2
    assert "compose" in ran.err
    assert [path.name for path in (project / "experiments").iterdir()] == ["001-baseline"]


def test_dry_run_shows_all_and_makes_nothing(project: Path, elsewhere: Path) -> None:
    before = tree(project)
    ran = new(project, elsewhere, "next", "epochs=5", "--dry-run", "--json")
    assert ran.json["config"]["exp"]["epochs"] == 5
    assert "exp/001.yaml" in ran.json["files"]
    assert tree(project) == before
    assert [path.name for path in (project / "experiments").iterdir()] == ["001-baseline"]


def test_the_first_experiment_comes_from_the_template(tmp_path: Path, elsewhere: Path) -> None:
    project = tmp_path / "empty"
    project.mkdir()
    ran = run("new_experiment.py", "baseline", "epochs=5", "--env", "local", cwd=project)
    assert ran.code == 0, ran.err
    made = project / "experiments/001-baseline"
    assert hydra(made / "train.py", "exp=001", "env=local")["exp"]["epochs"] == 5
    assert "000-template" not in "".join(text.decode() for text in tree(made).values())
    again = run("new_experiment.py", "next", cwd=project)
    assert again.code == 0, again.err
    assert hydra(project / "experiments/002-next/train.py", "exp=001")["env"]["output_dir"] == "output/002-next"


@pytest.mark.slow
def test_a_first_try_in_a_folder_that_git_ignores(tmp_path: Path) -> None:
    """As in the README: nothing to warn of, and the next commands say where they work."""
    checkout = write(tmp_path / "checkout", {".gitignore": "demo/\n"})
    subprocess.run(["git", "init", "-q", checkout], check=True)
    (checkout / "demo").mkdir()
    ran = run("new_experiment.py", "baseline", "epochs=5", "--root", "demo", cwd=checkout)
    assert (ran.code, ran.err) == (0, "")
    _, _, commands = ran.out.partition("\nnext, in demo:\n")
    assert [line for line in commands.splitlines() if not line.startswith("  # ")][2:] == []
    for command in commands.splitlines()[:2]:
        assert subprocess.run(["bash", "-c", command], cwd=checkout / "demo", capture_output=True).returncode == 0
    checked = run("validate.py", "--root", "demo", cwd=checkout)
    assert (checked.code, checked.out.splitlines()[1:], checked.err) == (0, [], "")
    assert "nothing found" in checked.out
    assert "\nnext:\n" in run("new_experiment.py", "second", cwd=checkout / "demo").out


def test_a_set_that_config_names_comes_along_with_its_parents(project: Path, experiment: Path, elsewhere: Path) -> None:
    """Projects without a ConfigStore start from exp/base.yaml: without it nothing composes."""
    write(
        experiment,
        {
            "config.yaml": "defaults:\n  - _self_\n  - exp: base\n",
            "exp/root.yaml": "lr: 0.1\n",
            "exp/base.yaml": "defaults:\n  - root@_here_\n\nbatch: 4\n",
            "exp/002.yaml": "defaults:\n  - base@_here_\n\nbatch: 8\n",
            "train.py": "import hydra\n\n@hydra.main(version_base=None, config_path='.', config_name='config')\n"
            "def main(cfg): ...\n\nif __name__ == '__main__':\n    main()\n",
        },
    )
    ran = new(project, elsewhere, "next", "batch=16")
    assert ran.code == 0, ran.err
    made = project / "experiments/002-next"
    assert sorted(p.name for p in (made / "exp").iterdir()) == ["001.yaml", "base.yaml", "root.yaml"]
    assert (made / "exp/001.yaml").read_text() == "defaults:\n  - base@_here_\n\nbatch: 16\n"
    assert hydra(made / "train.py", "exp=001") == {"exp": {"lr": 0.1, "batch": 16}}


def test_git_ignored_environments_come_along_and_are_pointed_out(
    project: Path, experiment: Path, elsewhere: Path
) -> None:
    subprocess.run(["git", "init", "-q", project], check=True)
    write(project, {".gitignore": "env/\nsecret.json\n"})
    write(experiment, {"secret.json": "{}"})
    ran = new(project, elsewhere, "next", "--env", "gpu")
    assert sorted(p.name for p in (project / "experiments/002-next/env").iterdir()) == ["gpu.yaml", "local.yaml"]
    assert not (project / "experiments/002-next/secret.json").exists()
    assert ".gitignore:1:env/" in ran.err


@pytest.mark.slow
def test_two_at_once_get_two_numbers(project: Path, elsewhere: Path) -> None:
    command = [sys.executable, SCRIPTS / "new_experiment.py", "--root", project]
    running = [subprocess.Popen([*command, f"n{i}"], cwd=elsewhere, stdout=subprocess.DEVNULL) for i in range(4)]
    assert [process.wait(120) for process in running] == [0] * 4
    names = sorted(path.name for path in (project / "experiments").iterdir())
    assert [name[:3] for name in names] == ["001", "002", "003", "004", "005"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_at_any_moment_leaves_nothing_or_all(project: Path, experiment: Path, elsewhere: Path, sent) -> None:
    write(experiment, {f"src/m{i}.py": f"X = '001-baseline {i}'\n" for i in range(200)})
    command = [sys.executable, SCRIPTS / "new_experiment.py", "--root", project, "next"]
    process = subprocess.Popen(
        command, cwd=elsewhere, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=interruptible
    )
    while process.poll() is None and not list((project / "experiments").glob(".*.tmp")):
        time.sleep(0.002)
    process.send_signal(sent)
    process.wait(60)
    visible = [path.name for path in (project / "experiments").iterdir() if not path.name.startswith(".")]
    if "002-next" in visible:
        assert len(list((project / "experiments/002-next/src").iterdir())) == 200
    else:
        assert visible == ["001-baseline"]
    assert new(project, elsewhere, "again").code == 0  # and what a kill left is cleared away
    assert not list((project / "experiments").glob(".*.tmp"))


def test_a_source_whose_sets_are_no_folder_is_refused_by_name(project: Path, experiment: Path, elsewhere: Path) -> None:
    shutil.rmtree(experiment / "exp")
    (experiment / "exp").symlink_to("nowhere")
    ran = new(project, elsewhere, "next")
    assert ran.code == 2
    assert "experiments/001-baseline/exp is no folder" in ran.err
    assert [path.name for path in (project / "experiments").iterdir()] == ["001-baseline"]


def test_a_project_without_numbers_whose_config_is_missing(tmp_path: Path, elsewhere: Path) -> None:
    entry = "import hydra\n\n\n@hydra.main(config_path='../conf', config_name='main', version_base=None)\n"
    configs = {"conf/main_local.yaml": "defaults:\n  - exp: a\n", "conf/exp/a.yaml": "x: 1\n"}
    root = write(tmp_path / "p", {"src/main.py": f"{entry}def main(cfg):\n    print(cfg)\n", **configs})
    ran = new(root, elsewhere, "x")
    assert ran.code == 2
    assert "the project itself is the experiment" in ran.err


@pytest.mark.slow
def test_sets_with_a_package_of_their_own_get_another_of_their_kind(tmp_path: Path, elsewhere: Path) -> None:
    older = ROOT / "tests/evals/files/older/experiments/001-tabular"
    project = tmp_path / "p"
    shutil.copytree(older, project / "experiments/001-tabular")
    made = project / "experiments/001-tabular"
    added = run("add_exp.py", "--root", project, "001", "epochs=3", "--json", cwd=elsewhere)
    assert added.code == 0, added.err
    option = added.json["created"][0]["option"]
    assert hydra(made / "train.py", f"exp={option}") == {**hydra(older / "train.py"), "epochs": 3}
    assert new(project, elsewhere, "002-x", "lr=0.5").code == 0
    made = project / "experiments/002-x"
    (option,) = [path.stem for path in (made / "exp").iterdir() if path.stem != "base"]
    assert hydra(made / "train.py", f"exp={option}") == {**hydra(older / "train.py"), "lr": 0.5}
    assert new(project, elsewhere, "003-x").code == 0
    assert hydra(project / "experiments/003-x/train.py") == hydra(older / "train.py")
