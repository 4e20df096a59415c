"""Files of a project are read through one door: no pipe is waited for, and nothing endless is read."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from experiment_setup.writing.new_folder import ExperimentRequest, start
from running import SCRIPTS, run, write

pytestmark = pytest.mark.any_hydra

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
@pytest.mark.parametrize(
    "words", [COMMANDS[0], *(pytest.param(words, marks=pytest.mark.slow) for words in COMMANDS[1:])], ids=" ".join
)
def test_a_pipe_is_not_waited_for(project: Path, experiment: Path, name: str, words: list[str]) -> None:
    path = Path(os.path.normpath(experiment / name))
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert ends(project, words)[0] in (0, 1, 2)


@pytest.mark.parametrize("name", ["config.yaml", "exp/001.yaml", "env/local.yaml", "train.py"])
def test_a_huge_file_is_refused_by_its_name(project: Path, experiment: Path, name: str) -> None:
    text = (experiment / name).read_text()
    write(experiment, {name: text + "\n" + f"# {'x' * 1_000}\n" * 6_000})
    for options in ([], ["--hydra"]):
        code, said = ends(project, ["validate.py", *options])
        assert code in (1, 2)
        assert Path(name).name in said
    write(experiment, {name: text + "\n" + f"# {'x' * 1_000}\n" * 60})
    assert ends(project, ["validate.py"])[0] == 0


def test_code_that_reads_its_files_by_hand_is_no_experiment(project: Path, experiment: Path) -> None:
    """The twin of an entry point that is too large to be read."""
    write(experiment, {"train.py": "import yaml\n\nprint(yaml.safe_load(open('exp/001.yaml')))\n"})
    for words in ([], ["."]):
        code, said = ends(project, ["validate.py", *words])
        assert (code, "no experiment was found" in said) == (2, True)


@pytest.mark.parametrize(
    ("given", "why"), [("", "names no config"), ('config_path="a", config_name="x"', "that it names (a)")]
)
def test_what_an_entry_point_lacks_is_said(tmp_path: Path, given: str, why: str) -> None:
    write(tmp_path, {"app.py": f"import hydra\n\n\n@hydra.main({given})\ndef main(cfg): ...\n"})
    code, said = ends(tmp_path, ["validate.py"])
    assert (code, why in said) == (2, True)


def test_no_tree_is_made_of_code_that_is_too_large(
    project: Path, experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a table of numbers in a module: its paths are renamed, and the rest is left to a text search."""
    table = "import hydra\nFROM = 'experiments/001-baseline/x'\n@hydra.main(**dict(a=1))\ndef f(): ...\n"
    write(experiment, {"table.py": table + "x = [1, 2]\n" * 120_000, "small.py": "import hydra.main\n"})
    real, parsed = ast.parse, list[int]()

    def parse(source: bytes | str, *given: Any, **named: Any) -> Any:
        parsed.append(len(source))
        return real(source, *given, **named)

    monkeypatch.setattr(ast, "parse", parse)
    start(ExperimentRequest(["next"], root=project))
    assert "'experiments/002-next/x'" in (project / "experiments/002-next/table.py").read_text()
    assert 0 < max(parsed) < 100_000


def test_there_is_one_door() -> None:
    for path in sorted(SCRIPTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
            own = called and isinstance(node.func.value, ast.Name) and node.func.value.id == "files"  # type: ignore[attr-defined]
            if called in ("read_bytes", "read_text") and not own:
                assert path.name in OTHERS, f"{path.name}:{node.lineno}"  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python 3.12 takes f-strings whose braces have several lines")
@pytest.mark.parametrize(
    ("written", "said"),
    [('f"{1\n}"', "warning ES004 this needs Python 3.12"), ('f"{1}\n"', "error ES004 SyntaxError: unterminated")],
)
def test_what_a_newer_python_takes_is_no_error(project: Path, experiment: Path, written: str, said: str) -> None:
    write(experiment, {"train.py": f"{(experiment / 'train.py').read_text()}\nprint({written})\n"})
    assert said in ends(project, ["validate.py"])[1]
