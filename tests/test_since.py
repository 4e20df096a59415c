"""compare.py --since: which composed configs a change of files changes, and why; the real Hydra is the judge."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from edits import Hydra, Judge
from experiment_setup import processes
from experiment_setup.checking import workers
from experiment_setup.comparing import history
from experiment_setup.comparing.compared import Request, compare
from experiment_setup.errors import CommandError
from running import git, run, tree, write

pytestmark = pytest.mark.any_hydra

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


@pytest.mark.long
def test_random_edits_change_what_hydra_says(tmp_path: Path) -> None:
    """At size: python tests/harness/edits.py --edits 300."""
    judge = Judge(tmp_path, random.Random(11), 5, Hydra())
    counts = [judge.edit()[1] for _ in range(16)]
    assert 0 in counts
    assert sum(counts) > 16


def test_a_module_that_is_built_was_built_then_too(made: Path, project: Path) -> None:
    write(made, {"native/__init__.py": "", "native/slow.py": "fast = 1\n", "native/CMakeLists.txt": "\n"})
    edit(made / "train.py", "import hydra\n", "import hydra\nfrom native.built import fast\n")
    commit(project)
    edit(made / "exp/001.yaml", "1e-5", "2e-5")
    assert [one["mended"] for one in since(project)["changed"]] == [None] * 4


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


@pytest.mark.parametrize(("default", "changed"), [("null", [""]), ("other", [])], ids=["none", "one"])
def test_what_runs_without_the_sets_that_are_added(tmp_path: Path, default: str, changed: list[str]) -> None:
    """A set that takes no part in the default run; where the list chooses one, there is no other run."""
    entry = "import hydra\n\n\n@hydra.main(version_base=None, config_path='.', config_name='config')\n"
    entry += "def main(cfg):\n    pass\n\n\nif __name__ == '__main__':\n    main()\n"
    files = {f"local/{name}.yaml": "# @package _global_\nlr: 5\n" for name in ("mine", "other")}
    files |= {"main.py": entry, "config.yaml": f"defaults:\n  - _self_\n  - local: {default}\n\nlr: 1\n"}
    write(tmp_path, files)
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    edit(tmp_path / "config.yaml", "lr: 1", "lr: 2")
    assert names(since(tmp_path)["changed"]) == changed


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


def test_the_copy_of_the_commit_is_no_part_of_the_project(made: Path, project: Path) -> None:
    """Where TMPDIR leads into the project."""
    (project / "tmp").mkdir()
    for folder in (project, project / "tmp", project / "experiments"):
        found = run("compare.py", "--since", "--json", cwd=project, env={"TMPDIR": str(folder)}).json
        assert (found["added"], found["changed"], found["unchanged"]) == ([], [], 4)


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


@pytest.mark.slow
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


def test_what_a_commit_holds_is_not_replaced(made: Path, project: Path) -> None:
    """A copy of a checkout may have refs that put other texts in the place of those that it was made of."""
    path = "experiments/001-baseline/exp/001.yaml"
    edit(made / "exp/001.yaml", "1e-5", "1e-6")
    git(project, "add", "-A")
    git(project, "replace", f"HEAD:{path}", f":{path}")
    assert len(since(project)["changed"]) == 4


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


# -- refs and object stores that are odd ------------------------------------------------------------------------------


def made_object(project: Path, kind: str, content: bytes) -> str:
    """The number of an object that git would not make itself."""
    words = ["git", "hash-object", "-t", kind, "-w", "--literally", "--stdin"]
    return subprocess.run(words, cwd=project, input=content, capture_output=True, check=True).stdout.decode().strip()


def commit_of(project: Path, *entries: tuple[bytes, bytes, str]) -> str:
    """A commit of the experiments as HEAD has them, and of further entries."""
    asked = subprocess.run(["git", "rev-parse", "HEAD:experiments"], cwd=project, capture_output=True, check=True)
    all_ = [(b"40000", b"experiments", asked.stdout.decode().strip()), *entries]
    body = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(number) for mode, name, number in all_)
    who = b"author a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nodd"
    return made_object(project, "commit", b"tree " + made_object(project, "tree", body).encode() + b"\n" + who)


def test_what_names_no_one_commit_is_refused(made: Path, project: Path) -> None:
    """A range was taken for a commit without files, so that every set was called new."""
    git(project, "tag", "a-tree", "HEAD^{tree}")
    git(project, "tag", "-a", "-m", "x", "of-a-tree", "a-tree")
    git(project, "tag", "-a", "-m", "x", "release")
    edit(made / "exp/001.yaml", "1e-5", "2e-5")
    for ref, said in {
        "HEAD..HEAD": "is a range",
        "release...": "is a range",
        "^HEAD": "no commit",
        "a-tree": "is a tree",
        "of-a-tree": "is a tree",
        "HEAD:experiments": "is a tree",
        "HEAD@{99}": "no commit",
        "-h": "no commit",
    }.items():
        with pytest.raises(CommandError, match=re.escape(said)):
            since(project, ref=ref)
    assert len(since(project, ref="release")["changed"]) == 4


@pytest.mark.parametrize("what", ["format", "extension", "config", "packed refs", "the commit", "its tree", "a file"])
def test_a_repository_that_cannot_be_read_is_not_taken_for_an_empty_one(made: Path, project: Path, what: str) -> None:
    """One was told to type `git commit` then."""
    names = {"the commit": "HEAD", "its tree": "HEAD^{tree}", "a file": "HEAD:experiments/001-baseline/train.py"}
    if what in names:
        words = ["git", "rev-parse", names[what]]
        number = subprocess.run(words, cwd=project, capture_output=True, text=True, check=True).stdout.strip()
        (project / ".git/objects" / number[:2] / number[2:]).unlink()
    elif what == "config":
        write(project, {".git/config": "[core"})
    elif what == "packed refs":
        write(project, {".git/packed-refs": "odd\n" * 3})
    else:
        git(project, "config", "core.repositoryFormatVersion", {"format": "99", "extension": "1"}[what])
        git(project, "config", "extensions.unheardOf", "true") if what == "extension" else None
    with pytest.raises(CommandError) as refused:
        since(project)
    assert "git commit" not in str(refused.value.help)
    assert "not here" in refused.value.message if what in names else "git cannot" in refused.value.message


def test_what_a_partial_clone_lacks_is_not_taken_for_removed(made: Path, project: Path, tmp_path: Path) -> None:
    git(project, "config", "uploadpack.allowFilter", "true")
    edit(made / "exp/001.yaml", "1e-5", "2e-5")
    commit(project)
    for kind, source in {"blob:none": f"file://{project}", "none": str(project)}.items():
        clone = tmp_path / kind.replace(":", "-")
        git(tmp_path, "clone", "-q", *(["--filter=blob:none"] if kind != "none" else []), source, str(clone))
        assert since(clone)["unchanged"] == 4
        if kind == "none":
            assert len(since(clone, ref="HEAD~1")["changed"]) == 4
        else:
            with pytest.raises(CommandError, match="not here"):
                since(clone, ref="HEAD~1")


def test_names_that_no_file_can_have_are_passed_over(made: Path, project: Path) -> None:
    edit(made / "exp/001.yaml", "1e-5", "2e-5")
    text, folder = made_object(project, "blob", b"a: 1\n"), made_object(project, "tree", b"")
    inner = made_object(project, "tree", b"100644 x.py\0" + bytes.fromhex(text))
    link = made_object(project, "blob", b"a\0b")
    for entries in (
        [(b"100644", b"\xff\xfe.yaml", text)],
        [(b"100644", b"a" * 400 + b".yaml", text)],
        [(b"120000", b"link.yaml", link)],
        [(b"100644", b"a.py", text), (b"40000", b"a.py", inner)],
        [(b"40000", b"empty", folder)],
    ):
        assert len(since(project, ref=commit_of(project, *entries))["changed"]) == 4


def test_a_commit_that_is_too_large_is_not_read(made: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few trees in trees come to millions of files."""
    assert since(project)["unchanged"] == 4
    for name, most in {"_MOST_FILES": 3, "_MOST_BYTES": 100}.items():
        with monkeypatch.context() as patched:
            patched.setattr(history, name, most)
            with pytest.raises(CommandError, match="files of code and config"):
                since(project)
    monkeypatch.setattr(processes, "MOST", 100)
    with pytest.raises(CommandError, match="has not listed"):
        since(project)


def test_a_program_that_says_too_much_or_does_not_end_is_ended() -> None:
    found = processes.ask(["/bin/sh", "-c", "cat; echo complaint >&2; exit 3"], given=b"x" * 200_000, seconds=20)
    assert (found.code, len(found.out), found.err) == (3, 200_000, b"complaint\n")
    tracemalloc.start()
    processes.ask(["/bin/sh", "-c", "echo answer"], seconds=20)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()
    with pytest.raises(TimeoutError):
        processes.ask(["/bin/sh", "-c", "exec sleep 60"], seconds=0.2)
    with pytest.raises(OSError, match="says more"):
        processes.ask(["/bin/sh", "-c", "exec yes"], seconds=20)
