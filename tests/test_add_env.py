"""add_env.py, as a user runs it; the real Hydra says what the file means."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from guides import answers
from running import hydra, run, tree, write

WORDS = ("base_model=Qwen/Qwen3-4B-Instruct-2507", "model_output_dir=output/001-baseline")


@pytest.mark.slow
def test_the_same_experiment_on_another_machine(project: Path, experiment: Path, elsewhere: Path) -> None:
    shutil.rmtree(experiment / "env")
    ran = run("add_env.py", "--root", project, "001", "local", *WORDS, cwd=elsewhere)
    assert ran.code == 0, ran.err
    entry = experiment / "train.py"
    assert hydra(entry, "env=local", "exp=001")["env"] == {
        **hydra(entry)["env"],
        "base_model": "Qwen/Qwen3-4B-Instruct-2507",
        "model_output_dir": "output/001-baseline",
    }
    assert "experiments/001-baseline/train.py exp=001 env=local" in ran.out
    before = tree(project)
    again = run("add_env.py", "--root", project, "001", "local", *WORDS, cwd=elsewhere)
    assert again.code == 0
    assert tree(project) == before


def test_an_environment_that_is_there_is_never_overwritten(project: Path, elsewhere: Path) -> None:
    before = tree(project)
    ran = run("add_env.py", "--root", project, "001", "local", "base_model=other", cwd=elsewhere)
    assert ran.code == 2
    assert "exists already" in ran.err
    assert tree(project) == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("001", "gpu", "learning_rate=1"), "add_exp.py 001-baseline learning_rate=1"),
        (("001", "gpu", "base_modle=x"), "did you mean base_model=x?"),
        (("001", "100", "base_model=x"), "100-local"),
        (("001", "default", "base_model=x"), "another name"),
        (("001", "a b", "base_model=x"), "a-b"),
        (("001", "gpu", "base_model=a,b"), "base_model=[a,b]"),
        (("base_model=x",), "add_env.py 001 local"),
        (("001", "base_model=x"), "001 local base_model=x"),
    ],
)
def test_mistakes_are_refused_with_what_to_type(project: Path, elsewhere: Path, words, expected: str) -> None:
    before = tree(project)
    ran = run("add_env.py", "--root", project, *words, cwd=elsewhere)
    assert ran.code == 2
    assert expected in ran.told
    assert tree(project) == before


def test_a_project_without_the_group_is_told_what_to_add(tmp_path: Path, elsewhere: Path) -> None:
    project = write(
        tmp_path / "p",
        {
            "experiments/001/config.yaml": "defaults:\n  - _self_\n  - exp: base\n",
            "experiments/001/exp/base.yaml": "lr: 1\n",
            "experiments/001/run.py": "import hydra\n\n"
            "@hydra.main(version_base=None, config_path='.', config_name='config')\n"
            "def main(cfg): ...\n\nif __name__ == '__main__':\n    main()\n",
        },
    )
    ran = run("add_env.py", "--root", project, "001", "local", cwd=elsewhere)
    assert ran.code == 2
    assert "- env: default" in ran.err
    assert not (project / "experiments/001/env").exists()


def test_a_file_that_git_would_lose_is_pointed_out(project: Path, experiment: Path, elsewhere: Path) -> None:
    subprocess.run(["git", "init", "-q", project], check=True)
    write(project, {".gitignore": "env/\n"})
    ran = run("add_env.py", "--root", project, "001", "gpu", "base_model=x", cwd=elsewhere)
    assert ran.code == 0
    assert ".gitignore:1:env/" in ran.err
    assert "git add -f" in ran.err


VALUES = ["0", "false", "null", "[1,2]", "{a: 1}", "1e-3", "'0'", '"1e-3"', "cpu", "010", "1_000", "", "${x}"]


@pytest.mark.slow
def test_without_types_a_value_is_what_hydras_command_line_makes_of_it(tmp_path: Path, elsewhere: Path) -> None:
    project = write(
        tmp_path / "p",
        {
            "experiments/001/config.yaml": "defaults:\n  - env: local\n  - exp: base\n  - _self_\nx: 5\n",
            "experiments/001/exp/base.yaml": "lr: auto\n",
            "experiments/001/env/local.yaml": "device: cpu\ndata: ./data\n",
            "experiments/001/run.py": "import hydra\n\n"
            "@hydra.main(version_base=None, config_path='.', config_name='config')\n"
            "def main(cfg): ...\n\nif __name__ == '__main__':\n    main()\n",
        },
    )
    jobs = []
    for number, value in enumerate(VALUES):
        told = ["--root", project, "001"]
        assert run("add_env.py", *told, f"gpu{number}", f"device={value}", cwd=elsewhere).code == 0
        ran = run("add_exp.py", *told, f"lr={value}", "--name", f"x{number}", "--json", cwd=elsewhere)
        option = ran.json["created"][0]["option"]
        jobs += [[f"env=gpu{number}", f"exp={option}"], [f"env.device={value}", f"exp.lr={value}"]]
    entry = str(project / "experiments/001/run.py")
    outs = [answer["out"] for answer in answers([[entry, "--cfg", "job", *words] for words in jobs])]
    for by_file, by_word, value in zip(outs[0::2], outs[1::2], VALUES, strict=True):
        assert by_file == by_word, value
        assert "device:" in by_file, value


def test_where_no_dataclass_holds_the_values_of_a_machine_a_set_is_offered(tmp_path: Path, elsewhere: Path) -> None:
    main = "@hydra.main(version_base=None, config_path='.', config_name='config')\ndef main(cfg): ...\nmain()\n"
    root = write(tmp_path / "plain", {"train.py": f"import hydra\n{main}", "config.yaml": "device: cuda\n"})
    ran = run("add_env.py", "laptop", "device=cpu", "--root", root, cwd=elsewhere)
    assert ran.code == 2
    ran = run("add_exp.py", *ran.offered("add_exp.py"), "--json", cwd=elsewhere)
    assert ran.code == 0, ran.err
    (created,) = ran.json["created"]
    assert hydra(root / "train.py", f"+experiment={created['option']}") == {"device": "cpu"}
    assert created["option"].endswith("laptop")
