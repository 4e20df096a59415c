"""compare.py --since: which composed configs a change of files changes, and why; the real Hydra is the judge."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edits import Hydra, Judge
from experiment_setup.checking import workers
from experiment_setup.comparing.compared import Request, compare
from experiment_setup.errors import CommandError
from running import git, run, tree, write

_HERE = "defaults:\n  - default@_here_\n\n"
_NAMES = ("config.yaml", "train.py", "exp/001.yaml")
_FILES = {
    "exp/001.yaml": f"{_HERE}learning_rate: 1e-5\n",
    "exp/002.yaml": "defaults:\n  - 001@_here_\n\nbatch_size: 64\n",
    "env/local.yaml": f"{_HERE}output_dir: output/ローカル\n",
}


@pytest.fixture
def made(experiment: Path, project: Path) -> Path:
    write(experiment, _FILES)
    git(project, "init", "-q", "-b", "main")
    commit(project)
    return experiment


def commit(project: Path) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-qm", "what was")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def since(project: Path, *words: str, ref: str = "HEAD", **more: Any) -> dict[str, Any]:
    return compare(Request(project, words, since=ref, **more)).data()


def names(configs: list[dict[str, Any]]) -> list[str]:
    return [" ".join(f"{group}={option}" for group, option in one["choices"].items()) for one in configs]


@pytest.mark.slow
def test_random_edits_change_what_hydra_says(tmp_path: Path) -> None:
    """At size: python tests/harness/edits.py --edits 300."""
    judge = Judge(tmp_path, random.Random(11), 5, Hydra())
    counts = [judge.edit()[1] for _ in range(30)]
    assert counts.count(0) > 2
    assert sum(counts) > 30


def test_each_change_with_its_cause(made: Path, project: Path, elsewhere: Path) -> None:
    edit(made / "train.py", "epochs: int = 3", "epochs: int = 5")
    edit(made / "exp/002.yaml", "batch_size: 64", "# more\nbatch_size: 128")
    edit(made / "env/local.yaml", "ローカル", "近く")
    write(made, {"exp/003.yaml": _HERE})
    before = tree(project)
    ran = run("compare.py", "--since", "--json", "--exit-code", "--root", project, cwd=elsewhere)
    assert (ran.code, tree(project)) == (1, before)
    data = ran.json
    assert names(data["changed"]) == ["exp=001", "exp=001 env=local", "exp=002", "exp=002 env=local"]
    assert names(data["added"]) == ["exp=003", "exp=003 env=local"]
    assert (data["removed"], data["unchanged"]) == ([], 0)
    last = data["changed"][-1]
    assert last["values"] == {
        "exp.epochs": [3, 5],
        "exp.batch_size": [64, 128],
        "env.output_dir": ["output/ローカル", "output/近く"],
    }
    places = {
        key: (cause["path"].rpartition("/")[2], cause["line"]) for cause in last["causes"] for key in cause["keys"]
    }
    line = (made / "train.py").read_text().splitlines().index("    epochs: int = 5") + 1
    assert places == {
        "exp.epochs": ("train.py", line),
        "exp.batch_size": ("002.yaml", 5),
        "env.output_dir": ("local.yaml", 4),
    }


def test_what_is_gone_was_the_cause(made: Path, project: Path) -> None:
    edit(made / "exp/001.yaml", "learning_rate: 1e-5\n", "")
    [one, *_] = since(project)["changed"]
    assert one["values"] == {"exp.learning_rate": [1e-5, 2e-5]}
    [cause] = one["causes"]
    assert (cause["path"].rpartition("/")[2], cause["line"], cause["gone"]) == ("001.yaml", 4, True)


def test_a_default_option_is_the_cause(made: Path, project: Path) -> None:
    edit(made / "config.yaml", "- env: default", "- env: local")
    [one] = since(project, "001", "exp=001", ignore=["nothing"])["changed"][:1]
    [cause] = one["causes"]
    text = (made / "config.yaml").read_text().splitlines()[cause["line"] - 1]
    assert (cause["path"].rpartition("/")[2], text.strip()) == ("config.yaml", "- env: local")


def test_what_forks_find(made: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes longer than a moment is shared with them; here, from the second experiment on."""
    for number in range(2, 8):
        files = {name: (made / name).read_text() for name in ("config.yaml", "train.py", "exp/001.yaml")}
        write(project / f"experiments/{number:03}-other", files)
    commit(project)
    for number in range(2, 8):
        edit(project / f"experiments/{number:03}-other/train.py", "    epochs: int = 3\n", "")
    monkeypatch.setattr(workers, "ALONE", 0.0)
    monkeypatch.setattr(workers, "_cores", lambda: 3)
    data = since(project)
    assert [one["values"] for one in data["changed"]] == [{"exp.epochs": [3, None]}] * 6
    assert [one["removed_keys"] for one in data["changed"]] == [["exp.epochs"]] * 6


def test_remarks_and_other_spellings_change_nothing(made: Path, project: Path) -> None:
    edit(made / "exp/001.yaml", "learning_rate: 1e-5", "# low\nlearning_rate: 0.00001")
    data = since(project)
    assert (data["changed"], data["unchanged"]) == ([], 4)
    assert run("compare.py", "--since", "--exit-code", cwd=project).code == 0


def test_a_renamed_field_breaks_the_sets_that_set_it(made: Path, project: Path) -> None:
    edit(made / "train.py", "learning_rate: float", "lr: float")
    data = since(project)
    assert [one["refused"] is not None for one in data["changed"]] == [True] * 4
    causes = {(cause["path"].rpartition("/")[2], cause["gone"]) for one in data["changed"] for cause in one["causes"]}
    assert causes == {("train.py", True)}
    assert "exp/001.yaml:4" in data["changed"][0]["refused"]


def test_experiments_that_were_renamed_made_and_removed(made: Path, project: Path) -> None:
    write(project / "experiments/002-other", {name: (made / name).read_text() for name in ("config.yaml", "train.py")})
    commit(project)
    made.rename(project / "experiments/001-best")
    (project / "experiments/002-other/train.py").unlink()
    (project / "experiments/002-other/config.yaml").unlink()
    data = since(project)
    assert data["renamed"] == {"experiments/001-baseline": "experiments/001-best"}
    assert data["unchanged"] + len(data["changed"]) == 4
    assert [one["experiment"] for one in data["removed"]] == ["experiments/002-other"]
    assert data["added"] == []


def test_what_is_only_in_the_commit_can_be_named(made: Path, project: Path) -> None:
    other = project / "experiments/002-other"
    write(other, {name: (made / name).read_text() for name in _NAMES})
    write(project / "experiments/003-old", {name: (other / name).read_text() + "\n" for name in _NAMES})
    commit(project)
    shutil.rmtree(other)
    (project / "experiments/003-old").rename(project / "experiments/004-new")
    (made / "exp/002.yaml").unlink()
    for words in (["002"], ["002-other"], ["experiments/002-other"], ["002", "001"]):
        [one] = since(project, *words)["removed"]
        assert (one["experiment"], one["choices"]) == ("experiments/002-other", {"exp": "001"})
    assert since(project)["renamed"] == {"experiments/003-old": "experiments/004-new"}  # the likest
    for words in (["003"], ["004"], ["003-old", "004-new"]):
        assert since(project, *words)["unchanged"] == 1
    assert names(since(project, "001", "002")["removed"]) == ["exp=002", "exp=002 env=local"]
    for words in (["005"], ["001", "0033"], ["001", "env=loca"], ["001", "exp=0001"]):
        with pytest.raises(CommandError):
            since(project, *words)


def test_options_that_are_named(made: Path, project: Path) -> None:
    edit(made / "train.py", "epochs: int = 3", "epochs: int = 5")
    assert names(since(project, "001", "env=local")["changed"]) == ["exp=001 env=local", "exp=002 env=local"]
    assert names(since(project, "001", "001", "env=default,local")["changed"]) == [
        "exp=001 env=default",
        "exp=001 env=local",
    ]


def test_another_experiment_is_concerned_by_what_it_imports(made: Path, project: Path) -> None:
    """And is passed over where it does not."""
    code = (made / "train.py").read_text()
    write(project, {"shared_parts.py": "RATE = 3\n"})
    write(project / "experiments/002-other", {"config.yaml": (made / "config.yaml").read_text(), "train.py": code})
    shared = code.replace("epochs: int = 3", "epochs: int = RATE")
    head = "import sys\nfrom pathlib import Path\n\nsys.path.append(str(Path(__file__).parents[2]))\n"
    write(
        project / "experiments/003-importing",
        {
            "config.yaml": (made / "config.yaml").read_text(),
            "train.py": f"{head}from shared_parts import RATE\n{shared}",
        },
    )
    commit(project)
    edit(project / "shared_parts.py", "3", "4")
    data = since(project)
    assert [(one["experiment"], one["values"]) for one in data["changed"]] == [
        ("experiments/003-importing", {"exp.epochs": [3, 4]})
    ]
    assert data["unchanged"] == 5


def test_ignored_keys_and_ignored_files(made: Path, project: Path) -> None:
    edit(made / "train.py", "epochs: int = 3", "epochs: int = 5")
    assert since(project, ignore=["epochs"])["changed"] == []
    assert len(since(project, ignore=["batch_size"])["changed"]) == 4
    write(project, {".gitignore": "box.yaml\n"})
    write(made, {"env/box.yaml": f"{_HERE}output_dir: box\n"})
    assert since(project)["added"] == []
    (project / ".gitignore").unlink()
    assert names(since(project)["added"]) == ["exp=001 env=box", "exp=002 env=box"]


def test_annotations(made: Path, project: Path) -> None:
    edit(made / "exp/002.yaml", "batch_size: 64", "notes: '%0A::error::x'\nbatch_size: 128")
    ran = run("compare.py", "--since", "main", "--format", "github", cwd=project)
    lines = ran.out.splitlines()
    assert len(lines) == 2
    assert (
        "::notice file=experiments/001-baseline/exp/002.yaml,line=5,title=config changed::exp.batch_size: 64 -> 128"
        in ran.out
    )
    assert all(line.startswith("::notice file=") and "%0A" not in line.replace("%250A", "") for line in lines)


@pytest.mark.parametrize("ref", ["mian", "--output=x", "HEAD:config.yaml", "001"])
def test_what_is_no_commit(made: Path, project: Path, ref: str) -> None:
    with pytest.raises(CommandError) as error:
        since(project, ref=ref)
    assert ref in error.value.message
    assert not (project / "x").exists()


def test_a_checkout_inside_and_one_that_is_shallow(made: Path, project: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    subprocess.run(["git", "clone", "-q", project, outer / "inner"], check=True)
    write(outer / "experiments/002-own", {name: (made / name).read_text() for name in _NAMES})
    git(outer, "init", "-q")
    git(outer, "add", "experiments")
    git(outer, "commit", "-qm", "one")
    found = compare(Request(outer, since="HEAD"))
    assert (found.data()["added"], found.data()["unchanged"]) == ([], 1)
    assert any("--root inner" in line for line in found.notes())
    assert since(outer / "inner")["unchanged"] == 4
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", project.as_uri(), shallow], check=True)
    with pytest.raises(CommandError) as error:
        since(shallow, ref="HEAD~1")
    assert "--unshallow" in (error.value.help or "")


def test_nothing_that_a_checkout_names_is_run(made: Path, project: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    trap.chmod(0o755)
    write(project, {".gitattributes": "*.yaml diff=evil filter=evil\n"})
    for key in ("core.fsmonitor", "diff.external", "diff.evil.textconv", "filter.evil.smudge", "filter.evil.clean"):
        git(project, "config", key, str(trap))
    edit(made / "exp/001.yaml", "1e-5", "1e-6")
    subprocess.run(["git", "diff"], cwd=project, capture_output=True, check=False)
    assert canary.exists(), "the trap is no trap"
    canary.unlink()
    assert len(since(project)["changed"]) == 4
    assert not canary.exists()


def test_a_commit_whose_files_are_not_here(made: Path, project: Path) -> None:
    name = subprocess.run(
        ["git", "rev-parse", "HEAD:experiments/001-baseline/exp/001.yaml"], cwd=project, capture_output=True, text=True
    ).stdout.strip()
    (project / ".git/objects" / name[:2] / name[2:]).unlink()
    with pytest.raises(CommandError, match=r"001\.yaml of HEAD is not here"):
        since(project)


def test_links_and_files_of_a_commit_lead_nowhere_else(made: Path, project: Path, tmp_path: Path) -> None:
    """A tree may hold a link and a file below it: nothing is written through it."""
    target = tmp_path / "target"
    target.mkdir()

    def sha(*words: str, given: str) -> str:
        done = subprocess.run(["git", *words], cwd=project, input=given, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    link = sha("hash-object", "-w", "--stdin", given=str(target))
    blob = sha("hash-object", "-w", "--stdin", given="x = 1\n")
    inner = sha("mktree", given=f"100644 blob {blob}\tbad.py\n")
    top = sha("mktree", given=f"120000 blob {link}\ta\n040000 tree {inner}\ta\n")
    who = {**os.environ, **{f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}}
    commit_ = subprocess.run(
        ["git", "commit-tree", top, "-m", "x"], cwd=project, capture_output=True, text=True, env=who
    )
    since(project, ref=commit_.stdout.strip())
    assert list(target.iterdir()) == []
