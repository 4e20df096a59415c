"""add_exp.py where sets lie at the root of the config: Hydra's experiment pattern, as Hydra itself reads it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from running import hydra, run, tree, write

ENTRY = """\
import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg): ...

if __name__ == "__main__":
    main()
"""
LONG = "# @package _global_\ndefaults:\n  - override /model: large\n\ntrainer:\n  epochs: 100\n"


def make(tmp_path: Path, *, listed: str, sets: dict[str, str], group: str = "experiment") -> Path:
    return write(
        tmp_path / "p",
        {
            "experiments/001-x/train.py": ENTRY,
            "experiments/001-x/conf/config.yaml": f"defaults:\n  - _self_\n  - model: small\n{listed}\n"
            "trainer:\n  epochs: 10\n  fast: false\n",
            "experiments/001-x/conf/model/small.yaml": "width: 64\n",
            "experiments/001-x/conf/model/large.yaml": "width: 512\n",
            **{f"experiments/001-x/conf/{group}/{name}.yaml": text for name, text in sets.items()},
        },
    )


@pytest.mark.parametrize(("listed", "sign"), [("  - experiment: null\n", ""), ("", "+")])
@pytest.mark.parametrize(
    "words",
    [
        ["trainer.epochs=50"],
        ["model=large"],
        ["model=large", "trainer.epochs=5", "model.width=7"],
        ["trainer.fast=true", "trainer.epochs=[1,2]"],
    ],
)
def test_the_file_is_what_the_command_line_would_give(tmp_path, elsewhere, listed, sign, words) -> None:
    project = make(tmp_path, listed=listed, sets={"long": LONG})
    entry = project / "experiments/001-x/train.py"
    ran = run("add_exp.py", "--root", project, "001", *words, "--name", "mine", "--json", cwd=elsewhere)
    assert ran.code == 0, ran.err
    (created,) = ran.json["created"]
    assert created["path"].startswith("experiments/001-x/conf/experiment/mine")
    assert created["text"].startswith("# @package _global_\n")
    assert any(f"{sign}experiment={created['option']}" in command for command in ran.json["next"])
    assert hydra(entry, f"{sign}experiment={created['option']}") == hydra(entry, *words)
    again = run("add_exp.py", "--root", project, "001", *words, "--name", "mine", "--json", cwd=elsewhere)
    assert (again.code, again.json["created"]) == (0, [])


def test_numbers_and_names_follow_the_sets_that_are_there(tmp_path: Path, elsewhere: Path) -> None:
    named = "# @package _global_\n\nrun:\n  name: {0}\ntrainer:\n  epochs: 3\n"
    project = make(
        tmp_path,
        listed="  - experiment: null\nrun:\n  name: none\n",
        sets={f"00{i}": named.format(f'"00{i}"') for i in (1, 2)},
    )
    config = project / "experiments/001-x/conf/config.yaml"
    config.write_text(config.read_text().replace("run:\n  name: none\n", "") + "run:\n  name: none\n")
    ran = run("add_exp.py", "--root", project, "001", "trainer.epochs=4,5", cwd=elsewhere)
    assert ran.code == 0, ran.err
    for option, epochs in (("003", 4), ("004", 5)):
        composed = hydra(project / "experiments/001-x/train.py", f"experiment={option}")
        assert (composed["run"]["name"], composed["trainer"]["epochs"]) == (option, epochs)


def test_a_set_on_top_of_another(tmp_path: Path, elsewhere: Path) -> None:
    project = make(tmp_path, listed="  - experiment: null\n", sets={"long": LONG})
    ran = run("add_exp.py", "--root", project, "001", "model.width=9", "--from", "long", "--name", "x", cwd=elsewhere)
    assert ran.code == 0, ran.err
    composed = hydra(project / "experiments/001-x/train.py", "experiment=x")
    assert composed == {"trainer": {"epochs": 100, "fast": False}, "model": {"width": 9}}


def test_values_that_config_sets_again_are_refused(tmp_path: Path, elsewhere: Path) -> None:
    project = make(tmp_path, listed="  - experiment: null\n", sets={"long": LONG})
    config = project / "experiments/001-x/conf/config.yaml"
    config.write_text(config.read_text().replace("  - _self_\n", "").replace("null\n", "null\n  - _self_\n"))
    before = tree(project)
    ran = run("add_exp.py", "--root", project, "001", "trainer.epochs=4", cwd=elsewhere)
    assert ran.code == 2
    assert "keep its value" in ran.err
    assert tree(project) == before


@pytest.mark.parametrize(
    ("words", "better"),
    [
        (["modle=large", "trainer.epoch=3"], "model=large trainer.epochs=3"),
        (["model=lrage", "trainer.epochs=3,4"], "model=large trainer.epochs=3,4"),
        (["trainer.fast=true", "--from", "lnog"], "trainer.fast=true --from long"),
    ],
)
def test_mistakes_are_refused_with_the_whole_command(tmp_path: Path, elsewhere: Path, words, better) -> None:
    project = make(tmp_path, listed="", sets={"long": LONG})
    before = tree(project)
    ran = run("add_exp.py", "--root", project, "001", *words, cwd=elsewhere)
    assert ran.code == 2
    assert f" 001 {better}\n" in ran.err
    assert tree(project) == before


def test_one_set_at_the_root_does_not_keep_others_from_being_added(project, experiment, elsewhere) -> None:
    write(experiment, {"exp/009.yaml": "# @package _global_\nexp:\n  seed: 1\n"})
    ran = run("add_exp.py", "--root", project, "001", "seed=8", cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert hydra(experiment / "train.py", "exp=010")["exp"]["seed"] == 8


def test_a_new_experiment_takes_no_sets_along_and_starts_with_one_in_their_style(tmp_path, elsewhere) -> None:
    project = make(tmp_path, listed="  - experiment: null\n", sets={"long": LONG, "base": "# @package _global_\n"})
    ran = run("new_experiment.py", "--root", project, "next", "model=large", cwd=elsewhere)
    assert ran.code == 0, ran.err
    made = project / "experiments/002-next"
    (option,) = (made / "conf/experiment").iterdir()
    assert hydra(made / "train.py", f"experiment={option.stem}")["model"] == {"width": 512}


@pytest.mark.parametrize("stored", [False, True])
def test_a_project_without_sets_is_told_how_to_begin(tmp_path: Path, elsewhere: Path, stored: bool) -> None:
    """Plain YAML stays plain YAML; where dataclasses are stored, the sets get one."""
    files = {
        "conf/config.yaml": "defaults:\n  - _self_\n  - model: big\nlr: 0.1\n",
        "conf/model/big.yaml": "width: 3\n",
    }
    entry = ENTRY.replace("@hydra.main", f"{STORES}@hydra.main") if stored else ENTRY
    root = write(tmp_path / "plain", {**files, "train.py": entry})
    ran = run("add_exp.py", "lr=0.2", "--root", root, cwd=elsewhere)
    assert ran.code == 2
    if stored:
        assert "a dataclass stored with" in ran.err
        return
    [file] = re.findall(r"begin a first set by hand, (.*?), with the line", ran.err)
    write(root, {Path(file).relative_to(root).as_posix(): "# @package _global_\nlr: 0.2\n"})
    assert run("add_exp.py", "lr=0.3", "--root", root, cwd=elsewhere).code == 0
    assert [hydra(root / "train.py", f"+experiment={name}")["lr"] for name in ("001", "002")] == [0.2, 0.3]


STORES = """\
from dataclasses import dataclass
from hydra.core.config_store import ConfigStore


@dataclass
class Model:
    width: int = 1


ConfigStore.instance().store(group="model", name="small", node=Model)


"""
