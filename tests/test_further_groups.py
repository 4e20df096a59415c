"""Projects of many groups, as templates on GitHub have them: each case is tried by the real Hydra as well."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from running import Ran, run, run_entry, write

MAIN = """\
import os
import hydra
from omegaconf import OmegaConf


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg) -> float:
    OmegaConf.resolve(cfg)
    print(OmegaConf.to_yaml(cfg))
    return 0.5


if __name__ == "__main__":
    main()
"""
HYDRA = "hydra: {run: {dir: .}, output_subdir: null, job: {chdir: false}}\n"
ASKING = [[], ["--hydra"]]


def project(root: Path, defaults: str, files: dict[str, str], main: str = MAIN, values: str = "") -> Path:
    config = f"defaults:\n  - _self_\n{defaults}\n{values}{HYDRA}"
    write(root, {"train.py": main, "conf/config.yaml": config, **{f"conf/{name}": t for name, t in files.items()}})
    return root / "train.py"


def check(root: Path, *arguments: str) -> list[dict[str, Any]]:
    return list(run("validate.py", "--json", *arguments, cwd=root).json["findings"])


def said(found: list[dict[str, Any]], *severities: str) -> list[tuple[str, str, int]]:
    return [(f["code"], f["path"], f["line"]) for f in found if f["severity"] in (severities or ("error", "warning"))]


def works(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return ran.out


SEARCH = """\
# @package _global_
defaults:
  - override /hydra/job_logging: disabled
  - override /hydra/sweeper: basic
lr: 0.5
"""


@pytest.mark.parametrize("asking", ASKING, ids=["fast", "hydra"])
def test_an_option_from_the_root_chooses_hydras_own_groups(tmp_path: Path, asking: list[str]) -> None:
    files = {"search/a.yaml": SEARCH, "search/b.yaml": SEARCH.replace("# @package _global_\n", "")}
    entry = project(tmp_path, "  - search: null", files, values="lr: 0.1\n")
    assert "lr: 0.5" in works(run_entry(entry, "search=a"))
    refused = run_entry(entry, "search=b").err
    assert "Could not override" in refused or "No earlier Group Default" in refused  # Hydra 1.4
    assert said(check(tmp_path, *asking), "error") == [("ES119", "conf/search/b.yaml", 4)]


@pytest.mark.slow
def test_a_header_that_an_option_needs_is_no_mistake(tmp_path: Path) -> None:
    logger = "# @package _global_\nlogger:\n  - {kind: file, to: '${out}'}\n"
    broken = "# @package _global_\ndefaults:\n  - /loss: nobody\nlr: 1\n"
    files = {"model/small.yaml": "width: 1\n", "logger/file.yaml": logger, "recipe/x.yaml": broken}
    defaults = "  - model: ???\n  - logger: null\n  - recipe: null"
    entry = project(tmp_path, defaults, files, values="lr: 0.1\nout: x\n")
    assert "kind: file" in works(run_entry(entry, "model=small", "logger=file"))
    assert "loss/nobody" in run_entry(entry, "model=small", "recipe=x").err
    found = check(tmp_path)
    assert "ES119" not in {f["code"] for f in found}, found
    assert {f["path"] for f in found if f["severity"] == "error"} == {"conf/recipe/x.yaml"}


@pytest.mark.parametrize("given", ["", 'version_base="1.1", ', "version_base=None, "])
def test_group_in_a_header_means_what_version_base_says(tmp_path: Path, given: str) -> None:
    main = MAIN.replace("version_base=None, ", given)
    entry = project(tmp_path, "  - model: small", {"model/small.yaml": "# @package _group_\nwidth: 1\n"}, main)
    composed = run_entry(entry)
    found = [f["code"] for f in check(tmp_path) if f["severity"] == "error"]
    if composed.code == 0:  # Hydra 1.4 knows no older behaviour
        assert ("ES119" in found) == ("_group_:" in composed.out)


def test_a_group_may_have_a_part_of_its_own_name(tmp_path: Path) -> None:
    part, block = "_target_: a.Saver\nsaver:\n  every: 1\n", "saver:\n  every: 2\n"
    entry = project(tmp_path, "  - saver: a", {"saver/a.yaml": part, "saver/b.yaml": "every: 3\n"})
    assert re.search(r"saver:\n  _target_: a.Saver\n  saver:\n    every: 1", works(run_entry(entry)))
    assert said(check(tmp_path)) == []
    write(tmp_path, {"conf/saver/c.yaml": block})
    assert said(check(tmp_path)) == [("ES224", "conf/saver/c.yaml", 1)]


GOES = {
    "model/none.yaml": "name: none\n",
    "model/wide.yaml": "width: 8\n",
    "model/sub/deep.yaml": "depth: 3\n",
    "loss/plain.yaml": "scale: 1\n",
    "loss/wide.yaml": "scale: ${model.width}\n",
    "loss/deep.yaml": "scale: ${model.depth}\n",
}
GROUPS = "  - model: none\n  - loss: plain"


@pytest.mark.slow
def test_options_that_go_together_are_right(tmp_path: Path) -> None:
    entry = project(tmp_path, GROUPS, GOES)
    assert run_entry(entry, "loss=wide").code == 1
    works(run_entry(entry, "loss=wide", "model=wide"))
    works(run_entry(entry, "loss=deep", "model=sub/deep"))
    assert said(check(tmp_path)) == []
    write(tmp_path, {"conf/loss/typo.yaml": "scale: ${model.widht}\n"})
    assert said(check(tmp_path), "error") == [("ES012", "conf/loss/typo.yaml", 1)]


@pytest.mark.slow
def test_what_an_option_leaves_open_for_another_file(tmp_path: Path) -> None:
    loss = {"loss/plain.yaml": "scale: ${model.name}\n", "loss/fixed.yaml": "scale: 1\n"}
    entry = project(tmp_path, GROUPS, GOES | loss)
    assert run_entry(entry, "model=wide").code == 1
    works(run_entry(entry, "model=wide", "loss=fixed"))
    assert said(check(tmp_path)) == []
    for file in ("fixed", "wide", "deep"):
        (tmp_path / "conf/loss" / f"{file}.yaml").unlink()
    assert said(check(tmp_path), "info") == [("ES012", "conf/loss/plain.yaml", 1)]  # whoever chooses so sets it
    assert said(check(tmp_path)) == []
    write(tmp_path, {"conf/model/typo.yaml": "nmae: none\n"})
    (tmp_path / "conf/model/wide.yaml").unlink()
    assert said(check(tmp_path), "error") == [("ES012", "conf/loss/plain.yaml", 1)]


def test_a_broken_reference_is_named_in_the_file_that_is_put_elsewhere(tmp_path: Path) -> None:
    files = {"yamls/train.yaml": "lr: 1\nlabel: ${data.label}\n", "yamls/other.yaml": "lr: 2\n"}
    entry = project(tmp_path, "  - yamls@train: train\n  - yamls@other: other", files)
    assert "data.label" in run_entry(entry).err
    assert said(check(tmp_path), "error") == [("ES012", "conf/yamls/train.yaml", 2)]


def test_what_a_group_refers_to_at_the_top_is_read(tmp_path: Path) -> None:
    files = {"data/a.yaml": "batch_size: ${batch_size}\nseed: 1\n", "data/sub/b.yaml": "workers: ${workers}\n"}
    top = "batch_size: 8\nworkers: 2\nseed: 3\n"
    entry = project(tmp_path, "  - data: a", files, values=top)
    assert "  batch_size: 9" in works(run_entry(entry, "batch_size=9"))
    assert "  seed: 1" in works(run_entry(entry, "seed=9"))
    assert said(check(tmp_path)) == [("ES143", "conf/config.yaml", 6)]


def test_a_remark_is_told_from_a_text_that_is_cut(tmp_path: Path) -> None:
    """Without a dataclass nothing says that a value is a text: `- age #years` is how people write remarks."""
    data = "columns:\n  - age #years\n  - size\nname: try #1\n"
    entry = project(tmp_path, "  - data: a", {"data/a.yaml": data})
    assert "name: try\n" in works(run_entry(entry))
    assert said(check(tmp_path)) == [("ES203", "conf/data/a.yaml", 4)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "dotenv"),
    [
        ('os.environ["PLACE"] = "x"\n\n\n', ""),
        ('os.environ.setdefault("PLACE", "x")\n\n\n', ""),
        ("from dotenv import load_dotenv\n\n\n", "PLACE=x\n"),
    ],
    ids=["set", "default", "file"],
)
def test_a_variable_that_the_project_sets(tmp_path: Path, code: str, dotenv: str) -> None:
    values = "place: ${oc.env:PLACE}\n"
    write(tmp_path, {".env": dotenv} if dotenv else {})
    entry = project(tmp_path, "  - model: none", GOES, MAIN.replace("@hydra", f"{code}@hydra"), values)
    if not dotenv:
        assert "place: x" in works(run_entry(entry))
    assert said(check(tmp_path)) == []
    project(tmp_path, "  - model: none", GOES, values=values)
    assert run_entry(entry).code == 1
    assert said(check(tmp_path)) == [("ES012", "conf/config.yaml", 4)]


PLUGINS = [("launcher", "joblib"), ("sweeper", "optuna"), ("job_logging", "colorlog"), ("launcher", "our_cluster")]


@pytest.mark.slow
@pytest.mark.parametrize("asking", ASKING, ids=["fast", "hydra"])
@pytest.mark.parametrize(("group", "option"), PLUGINS)
def test_a_plugin_that_is_not_installed_hides_nothing(
    tmp_path: Path, group: str, option: str, asking: list[str]
) -> None:
    """The project's environment may have it: what Hydra finds without it is found, and no more."""
    classes = (
        "from dataclasses import dataclass\nfrom hydra.core.config_store import ConfigStore\n\n\n"
        "@dataclass\nclass ExpConfig:\n    lr: float = 0.1\n\n\n"
        'ConfigStore.instance().store(group="exp", name="default", node=ExpConfig)\n\n\n'
    )
    bad = "defaults:\n  - default@_here_\n\nlr: many\n"
    plugin = f"\n  - override hydra/{group}: {option}"
    entry = project(tmp_path, "  - exp: default", {"exp/001.yaml": bad}, MAIN.replace("@hydra", f"{classes}@hydra"))
    assert "lr" in run_entry(entry, "exp=001").err
    without = said(check(tmp_path, *asking))
    assert [(path, line) for _, path, line in without] == [("conf/exp/001.yaml", 4)]
    project(tmp_path, f"  - exp: default{plugin}", {"exp/001.yaml": bad}, MAIN.replace("@hydra", f"{classes}@hydra"))
    assert f"hydra/{group}/{option}" in run_entry(entry).err
    warning = [("ES417", "conf/config.yaml", 4)] if option == "our_cluster" else []
    assert sorted(said(check(tmp_path, *asking))) == sorted([*without, *warning])


@pytest.mark.slow
@pytest.mark.parametrize("asking", ASKING, ids=["fast", "hydra"])
@pytest.mark.parametrize(
    ("group", "option", "right"), [("launcher", "joblb", "joblib"), ("sweeper", "optunaa", "optuna")]
)
def test_a_plugin_misspelled_is_a_mistake(
    tmp_path: Path, group: str, option: str, right: str, asking: list[str]
) -> None:
    entry = project(tmp_path, f"  - model: none\n  - override hydra/{group}: {option}", GOES)
    assert option in run_entry(entry).err
    [finding] = [f for f in check(tmp_path, *asking) if f["severity"] == "error"]
    assert (finding["path"], finding["line"]) == ("conf/config.yaml", 4)
    assert right in f"{finding['message']} {finding['help']}"


def test_an_option_that_chooses_a_plugin(tmp_path: Path) -> None:
    search = "# @package _global_\ndefaults:\n  - override /hydra/sweeper: {}\nlr: 0.5\n"
    files = {"search/known.yaml": search.format("optuna"), "search/unknown.yaml": search.format("our_own")}
    entry = project(tmp_path, "  - search: null", files, values="lr: 0.1\n")
    assert "hydra/sweeper/our_own" in run_entry(entry, "search=unknown").err
    assert said(check(tmp_path)) == [("ES417", "conf/search/unknown.yaml", 3)]


@pytest.mark.slow
def test_the_projects_python_says_whether_the_plugin_is_there(tmp_path: Path) -> None:
    import sys

    entry = project(tmp_path, "  - model: none\n  - override hydra/launcher: our_cluster", GOES)
    assert "hydra/launcher/our_cluster" in run_entry(entry).err
    found = check(tmp_path, "--python", sys.executable)
    assert {f["code"] for f in found if f["severity"] != "info"} == {"ES014"}


def test_a_link_into_a_submodule_is_said_once(tmp_path: Path) -> None:
    files = {
        "train.py": "import hydra\n\n\n@hydra.main(version_base=None, config_path='conf', config_name='config')\n"
        "def main(cfg):\n    print(cfg.steps)\n\n\nif __name__ == '__main__':\n    main()\n",
        "conf/config.yaml": "defaults:\n  - trainer\n  - _self_\n\nsteps: 1\n",
        "conf/small.yaml": "defaults:\n  - config\n  - _self_\n\nsteps: 2\n",
        "conf/large.yaml": "defaults:\n  - config\n  - _self_\n\nsteps: 3\n",
    }
    write(tmp_path, files)
    (tmp_path / "conf" / "trainer.yaml").symlink_to("../other/trainer.yaml")
    found = run("validate.py", "--json", cwd=tmp_path).json["findings"]
    said = [(one["path"], one["line"], one["message"]) for one in found if one["severity"] == "error"]
    message = "trainer.yaml is a link to ../other/trainer.yaml, which is not there"
    assert said == [("conf/config.yaml", 2, message)]
    # Git's own word for it, as `git submodule add` writes that: nobody's mistake, so it is said and ends in no error.
    write(tmp_path, {".gitmodules": '[submodule "other"]\n\tpath = other\n\turl = https://example.org/other.git\n'})
    fetched_later = run("validate.py", "--json", cwd=tmp_path)
    assert fetched_later.code == 0
    [warning] = [one for one in fetched_later.json["findings"] if one["severity"] != "info"]
    assert warning["severity"] == "warning"
    assert "a link into the submodule other, which has not been fetched" in warning["message"]
    assert fetched_later.json["summary"]["not_composed"] == 3
    write(tmp_path, {"other/trainer.yaml": "lr: 1\n"})
    assert run("validate.py", cwd=tmp_path).code == 0
