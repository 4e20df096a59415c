"""Files of a project are read through one door: no pipe is waited for, and nothing endless is read."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest

from running import SCRIPTS, run, write

COMMANDS = [["validate.py"], ["validate.py", "--hydra"], ["add_exp.py", "001", "seed=7"], ["new_experiment.py", "next"]]
# These read what is installed, our own assets, git's files and small records, each after a look at what it is.
OTHERS = {"files.py", "git.py", "installed.py", "notebook.py", "page.py", "saved.py", "probe.py", "wandb_log.py"}


def ends(project: Path, words: list[str]) -> tuple[int, str]:
    """A command that must end by itself: its exit code and all that it prints."""
    ran = run(words[0], *words[1:], cwd=project)
    return ran.code, ran.out + ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names there")
@pytest.mark.parametrize(
    "name", ["config.yaml", "exp/001.yaml", "train.py", "helper.py", "../../pyproject.toml", "../../.git"]
)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_pipe_is_not_waited_for(project: Path, experiment: Path, name: str, words: list[str]) -> None:
    path = Path(os.path.normpath(experiment / name))
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert ends(project, words)[0] in (0, 1, 2)


@pytest.mark.parametrize("name", ["config.yaml", "exp/001.yaml", "env/local.yaml"])
def test_a_huge_file_is_refused_by_its_name(project: Path, experiment: Path, name: str) -> None:
    text = (experiment / name).read_text()
    write(experiment, {name: text + "\n" + f"# {'x' * 1_000}\n" * 6_000})
    for options in ([], ["--hydra"]):
        code, said = ends(project, ["validate.py", *options])
        assert code in (1, 2)
        assert Path(name).name in said
    write(experiment, {name: text + "\n" + f"# {'x' * 1_000}\n" * 60})
    assert ends(project, ["validate.py"])[0] == 0


def test_there_is_one_door() -> None:
    for path in sorted(SCRIPTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
            own = called and isinstance(node.func.value, ast.Name) and node.func.value.id == "files"  # type: ignore[attr-defined]
            if called in ("read_bytes", "read_text") and not own:
                assert path.name in OTHERS, f"{path.name}:{node.lineno}"  # type: ignore[attr-defined]
