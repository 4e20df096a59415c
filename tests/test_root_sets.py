"""add_exp.py where sets lie at the root of the config: Hydra's experiment pattern, as Hydra itself reads it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from environments import HYDRA
from running import hydra, run, tree, write

ENTRY = """\
import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg): ...

if __name__ == "__main__":
    main()
"""
LONG = "# @package _global_\ndefaults:\n  - override /model: large\n\ntrainer:\n  epochs: 100\n"
STORES = """\
from dataclasses import dataclass
from hydra.core.config_store import ConfigStore


@dataclass
class Model:
    width: int = 1


ConfigStore.instance().store(group="model", name="small", node=Model)


"""


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


PLAIN = {
    "conf/config.yaml": "defaults:\n  - model: big\nlr: 0.1\nsteps: ???\n",  # nothing is lost without `_self_`
    "conf/model/big.yaml": "width: 3\n",
}


@pytest.mark.parametrize("stores", ["", STORES])
def test_the_first_set_of_a_project_goes_to_the_root(tmp_path: Path, elsewhere: Path, stores: str) -> None:
    """It is what the command line would give, however the project is built; the next ones lie beside it."""
    root = write(tmp_path / "plain", {**PLAIN, "train.py": ENTRY.replace("@hydra.main", f"{stores}@hydra.main")})
    ran = run("add_exp.py", "lr=0.2", "model.width=4", "--root", root, cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert "chosen with +experiment=NAME" in ran.err
    assert hydra(root / "train.py", "+experiment=001") == {"lr": 0.2, "steps": "???", "model": {"width": 4}}
    ran = run("add_exp.py", "lr=0.3", "--root", root, cwd=elsewhere)
    assert (ran.code, ran.err.count("is new")) == (0, 0)
    assert hydra(root / "train.py", "+experiment=002") == {"lr": 0.3, "steps": "???", "model": {"width": 3}}


def test_where_the_dataclass_of_sets_is_stored_its_group_is_to_be_listed(tmp_path: Path, elsewhere: Path) -> None:
    stores = STORES.replace('group="model", name="small"', 'group="exp", name="default"')
    root = write(tmp_path / "plain", {**PLAIN, "train.py": ENTRY.replace("@hydra.main", f"{stores}@hydra.main")})
    before = tree(root)
    ran = run("add_exp.py", "lr=0.2", "--root", root, cwd=elsewhere)
    assert ran.code == 2
    assert "add the line `- exp: default`" in ran.err
    assert tree(root) == before


@pytest.mark.parametrize(
    ("listed", "group"),
    [
        ("- variant: null", "variant"),
        ("- variant: wide", "experiment"),  # a part that is always there, such as an optimizer
        ("- variant: null\n  - _self_", "experiment"),  # nothing in it would count against config.yaml
    ],
)
def test_a_group_of_another_name_is_that_of_the_sets_where_it_can_be(tmp_path, elsewhere, listed: str, group) -> None:
    config = f"defaults:\n  - model: big\n  {listed}\nlr: 0.1\n"
    files = {**PLAIN, "conf/config.yaml": config, "conf/variant/wide.yaml": "# @package _global_\nmodel:\n  width: 9\n"}
    root = write(tmp_path / "plain", {**files, "train.py": ENTRY})
    ran = run("add_exp.py", "model.width=4", "--root", root, "--json", cwd=elsewhere)
    assert ran.code == 0, ran.err
    (created,) = ran.json["created"]
    assert created["path"].startswith(f"conf/{group}/")
    chosen = f"{'' if group == 'variant' else '+'}{group}={created['option']}"
    assert hydra(root / "train.py", chosen) == {"lr": 0.1, "model": {"width": 4}}


@pytest.mark.parametrize("given", ["big/long", "experiment=big/long", "long", "conf/experiment/big/long.yaml"])
def test_a_set_in_a_folder_of_sets_is_built_on_beside_it(tmp_path: Path, elsewhere: Path, given: str) -> None:
    project = make(tmp_path, listed="  - experiment: null\n", sets={"big/long": LONG})
    ran = run("add_exp.py", "--root", project, "001", "model.width=9", "--from", given, "--name", "x", cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert "experiment=big/x" in ran.out
    for chosen in ("experiment=big/x", "+experiment/big=x"):
        composed = hydra(project / "experiments/001-x/train.py", chosen)
        assert composed == {"trainer": {"epochs": 100, "fast": False}, "model": {"width": 9}}


@pytest.mark.parametrize(
    ("word", "refusal"),
    [
        ("+trainer.steps=9", None),
        ("++trainer.epochs=9", None),
        ("+trainer.epochs=9", "leave out the +|trainer.epochs=9"),
        ("trainer.steps=9", "to add a key that nothing has so far, write +trainer.steps=9"),
        ("steps=9", "to add a key that nothing has so far, write +steps=9"),
        ("~trainer.epochs=9", "write trainer.epochs=null"),
    ],
)
def test_a_new_key_is_asked_for_with_a_plus(tmp_path: Path, elsewhere: Path, word: str, refusal: str | None) -> None:
    project = make(tmp_path, listed="  - experiment: null\n", sets={"base": "# @package _global_\n"})
    ran = run("add_exp.py", "--root", project, "001", word, "--json", cwd=elsewhere)
    if refusal:
        assert ran.code == 2
        assert re.search(refusal.replace("+", "[+]"), ran.err)
        return
    assert ran.code == 0, ran.err
    entry = project / "experiments/001-x/train.py"
    (created,) = ran.json["created"]
    assert hydra(entry, f"experiment={created['option']}") == hydra(entry, word)


def test_a_key_that_lies_in_several_places_is_named_in_all(tmp_path: Path, elsewhere: Path) -> None:
    project = make(tmp_path, listed="a:\n  b:\n    epochs: 1\n", sets={})
    ran = run("add_exp.py", "--root", project, "001", "epochs=3", cwd=elsewhere)
    assert ran.code == 2
    assert "did you mean one of a.b.epochs, trainer.epochs?" in ran.err


def test_sets_with_their_own_name_in_them_are_not_written_twice(tmp_path: Path, elsewhere: Path) -> None:
    named = {"long": "# @package _global_\ntag: long\ntrainer:\n  epochs: 3\n"}
    project = make(tmp_path, listed="  - experiment: null\ntag: none\n", sets=named)
    for words, code, count in ((["trainer.epochs=3"], 0, 0), (["trainer.epochs=3.0"], 0, 1), (["tag=none"], 0, 0)):
        ran = run("add_exp.py", "--root", project, "001", *words, "--json", cwd=elsewhere)
        assert (ran.code, len(ran.json["created"])) == (code, count)
    assert not any("none" in command for command in ran.json["next"])


@pytest.mark.parametrize("itself", ["  - _self_\n", ""])
def test_a_set_beside_which_config_yaml_would_be_left_out_is_refused(tmp_path, elsewhere, itself: str) -> None:
    """Hydra reads a defaults list of nothing but overrides as an empty one, and one with a set added to it not."""
    config = f"defaults:\n{itself}  - override hydra/job_logging: none\nlr: 0.1\nseed: 1\n"
    root = write(tmp_path / "plain", {"conf/config.yaml": config, "train.py": ENTRY})
    before = tree(root)
    ran = run("add_exp.py", "lr=0.2", "--root", root, cwd=elsewhere)
    if itself:
        assert ran.code == 0, ran.err
        assert hydra(root / "train.py", "+experiment=001") == {"lr": 0.2, "seed": 1}
        return
    assert ran.code == 2
    assert "put the line `- _self_` first" in ran.err
    assert tree(root) == before
    write(root, {"conf/experiment/001.yaml": "# @package _global_\nlr: 0.2\n"})
    assert hydra(root / "train.py", "+experiment=001") == {"lr": 0.2}


def test_sets_below_the_name_of_their_group_stay_there(tmp_path: Path, elsewhere: Path) -> None:
    files = {
        "conf/config.yaml": "defaults:\n  - _self_\n  - experiment: plain\nseed: 1\n",
        "conf/experiment/plain.yaml": "lr: 0.1\nsteps: 5\n",
    }
    root = write(tmp_path / "plain", {**files, "train.py": ENTRY})
    ran = run("add_exp.py", "experiment.lr=0.2", "--name", "fast", "--root", root, "--json", cwd=elsewhere)
    assert ran.code == 0, ran.err
    (created,) = ran.json["created"]
    composed = hydra(root / "train.py", f"experiment={created['option']}")
    assert composed == {"seed": 1, "experiment": {"lr": 0.2, "steps": 5}}
    ran = run("add_exp.py", "experiment.lr=0.3", "--root", root, cwd=elsewhere)
    assert "not on fast (" in ran.out  # and built on plain, which config.yaml chooses
    ran = run("add_exp.py", "seed=2", "--root", root, cwd=elsewhere)
    assert (ran.code, "seed" in ran.err) == (2, True)


def test_a_choice_that_every_run_has_to_make_is_made_by_the_set(tmp_path: Path, elsewhere: Path) -> None:
    option = "arm/push" if HYDRA.startswith("1.3") else "push"  # 1.4 finds none in folders there
    files = {
        "conf/config.yaml": "defaults:\n  - _self_\n  - task: ???\nlr: 0.1\n",
        f"conf/task/{option}.yaml": "steps: 5\n",
    }
    root = write(tmp_path / "plain", {**files, "train.py": ENTRY})
    ran = run("add_exp.py", "lr=0.2", "--root", root, cwd=elsewhere)
    assert ran.code == 2
    ran = run("add_exp.py", *ran.offered("add_exp.py"), cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert hydra(root / "train.py", "+experiment=001") == {"lr": 0.2, "task": {"steps": 5}}


def test_an_option_of_a_group_with_a_package_is_chosen_with_it(tmp_path: Path, elsewhere: Path) -> None:
    files = {
        "conf/config.yaml": "defaults:\n  - _self_\n  - task@_global_: walk\nlr: 0.1\n",
        **{f"conf/task/{name}.yaml": f"goal: {name}\n" for name in ("walk", "run")},
    }
    root = write(tmp_path / "plain", {**files, "train.py": ENTRY})
    ran = run("add_exp.py", "task=run", "lr=0.2", "--root", root, cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert hydra(root / "train.py", "+experiment=001") == {"lr": 0.2, "goal": "run"}


def test_where_the_config_is_no_file_it_is_said_to_be_missing(tmp_path: Path, elsewhere: Path) -> None:
    root = write(tmp_path / "plain", {"conf/other.yaml": "lr: 0.1\n", "train.py": ENTRY})
    ran = run("add_exp.py", "lr=0.2", "--root", root, cwd=elsewhere)
    assert ran.code == 2
    assert "there is no" in ran.err
    assert "config.yaml" in ran.err


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["model/encoder=wide"], ["model/encoder=wide"]),
        (["model/encoder=wide", "model=big"], ["model/encoder=wide", "model=big"]),
        (["+other@spare=one"], ["+other@spare=one"]),
        (["other@spare=one", "lr=0.2"], ["+other@spare=one", "lr=0.2"]),
        (["other@mine=two"], ["other@mine=two"]),
        (["model@spare=big"], ["+model@spare=big"]),
        (["+model=big"], ["model=big"]),
        (["+parts=two"], ["+parts=two"]),
    ],
)
def test_groups_that_options_list_and_groups_with_packages_are_chosen(tmp_path, elsewhere, words, given) -> None:
    files = {
        "conf/config.yaml": "defaults:\n  - _self_\n  - model: small\n  - other@mine: one\n  - parts: [one]\n"
        "  - experiment: null\n"
        "lr: 0.1\n",
        **{f"conf/model/{name}.yaml": f"defaults:\n  - encoder: thin\nkind: {name}\n" for name in ("small", "big")},
        **{f"conf/model/encoder/{name}.yaml": f"shape: {name}\n" for name in ("thin", "wide")},
        **{f"conf/other/{name}.yaml": f"value: {name}\n" for name in ("one", "two")},
        **{f"conf/parts/{name}.yaml": f"{name}: 1\n" for name in ("one", "two")},
        "conf/experiment/fast.yaml": "# @package _global_\nlr: 1\n",
    }
    root = write(tmp_path / "plain", {**files, "train.py": ENTRY})
    ran = run("add_exp.py", *words, "--name", "mine", "--root", root, "--json", cwd=elsewhere)
    assert ran.code == 0, ran.err
    option = ran.json["created"][0]["option"]
    assert hydra(root / "train.py", f"experiment={option}") == hydra(root / "train.py", *given)


@pytest.mark.parametrize(
    ("search", "words", "said"),
    [
        ("thin", ["search=wide", "lr=0.2"], "lists it behind experiment"),
        ("thin", ["experiment=fast", "lr=0.2"], "to build on that set: --from fast"),
        ("thin", ["lr=0.2"], None),
        ("???", ["search=wide", "lr=0.2"], "lists it behind experiment"),
    ],
)
def test_what_a_set_cannot_choose_is_said(tmp_path: Path, elsewhere: Path, search: str, words, said) -> None:
    files = {
        "conf/config.yaml": f"defaults:\n  - _self_\n  - experiment: null\n  - search: {search}\nlr: 0.1\n",
        **{f"conf/search/{name}.yaml": f"shape: {name}\n" for name in ("thin", "wide")},
        "conf/experiment/fast.yaml": "# @package _global_\nlr: 1\n",
    }
    root = write(tmp_path / "plain", {**files, "train.py": ENTRY})
    before = tree(root)
    ran = run("add_exp.py", *words, "--root", root, cwd=elsewhere)
    assert ran.code == (0 if said is None else 2)
    assert said is None or (said in ran.err and tree(root) == before)


def test_where_every_run_chooses_a_set_a_new_one_starts_from_one(tmp_path: Path, elsewhere: Path) -> None:
    files = {
        "conf/config.yaml": "defaults:\n  - _self_\n  - experiment: ???\nlr: 0.1\n",
        "conf/experiment/fast.yaml": "# @package _global_\nlr: 1\nsteps: 5\n",
    }
    root = write(tmp_path / "plain", {**files, "train.py": ENTRY})
    ran = run("add_exp.py", "lr=0.2", "--name", "slow", "--root", root, cwd=elsewhere)
    assert ran.code == 2
    ran = run("add_exp.py", *ran.offered("add_exp.py"), cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert hydra(root / "train.py", "experiment=slow") == {"lr": 0.2, "steps": 5}


def test_a_default_below_the_group_is_no_base_of_a_set_at_the_root(tmp_path: Path, elsewhere: Path) -> None:
    files = {
        "conf/config.yaml": "defaults:\n  - _self_\n  - experiment: default\nlr: 0.1\n",
        "conf/experiment/default.yaml": "defaults:\n  - _self_\n",
        **{
            f"conf/experiment/{name}.yaml": f"# @package _global_\nlr: {lr}\n"
            for name, lr in (("fast", 1), ("slow", 2))
        },
    }
    root = write(tmp_path / "plain", {**files, "train.py": ENTRY})
    ran = run("add_exp.py", "lr=0.2", "--name", "mine", "--root", root, cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert hydra(root / "train.py", "experiment=mine") == {"lr": 0.2}
