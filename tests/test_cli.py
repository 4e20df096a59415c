"""What all commands share: help, exit codes, where they run from, and what they say on a machine without hydra."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib
from pathlib import Path

import pytest

from running import ROOT, SCRIPTS, as_anybody, run, start, tree, write

pytestmark = pytest.mark.any_hydra

COMMANDS = sorted(path.name for path in SCRIPTS.glob("*.py"))


def test_there_are_commands() -> None:
    assert {"new_experiment.py", "add_exp.py", "add_env.py", "validate.py"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_and_exit_codes(command: str, elsewhere: Path) -> None:
    ran = start(command, "--help", cwd=elsewhere)
    assert ran.code == 0
    for part in ("examples:", "exit codes:", "--root", "--json", command):
        assert part in ran.out
    assert len(ran.out.splitlines()) < 80


@pytest.mark.parametrize(
    "words",
    [
        ["validate.py"],
        ["validate.py", "--hydra"],
        ["validate.py", "--diff"],
        ["validate.py", "--explain", "ES101"],
        ["add_exp.py", "001", "seed=5"],
        ["add_env.py", "001", "gpu", "output_dir=there"],
        ["add_notebook.py", "001"],
        ["new_experiment.py", "next", "epochs=2"],
        ["show.py", "001", "exp=default"],
        ["compare.py", "001", "--all"],
        ["export_schema.py"],
        ["sweep_status.py", "."],
    ],
    ids=" ".join,
)
def test_a_command_loads_what_it_needs(words: list[str], project: Path) -> None:
    """Most tests run the commands where all modules are loaded, so that they would not miss an import."""
    ran = start(*words, cwd=project)
    assert ran.code == (2 if words[0] == "sweep_status.py" else 0), ran


@pytest.mark.parametrize("command", COMMANDS)
def test_uv_gets_the_dependencies_of_the_project(command: str) -> None:
    block = [line.removeprefix("# ") for line in (SCRIPTS / command).read_text().splitlines() if line.startswith("# ")]
    declared = tomllib.loads("\n".join(block[1 : block.index("///", 1)]))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert declared == {"requires-python": project["requires-python"], "dependencies": project["dependencies"]}


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_usage_is_exit_code_2(command: str, project: Path, elsewhere: Path) -> None:
    for words in (["--no-such-flag"], ["--root", "no/such/folder"]):
        ran = start(command, *words, cwd=elsewhere)
        assert ran.code == 2
        assert ran.out == ""
        assert "error:" in ran.err


@pytest.mark.parametrize("command", COMMANDS)
def test_without_hydra_one_line_says_what_to_type(command: str, tmp_path: Path, elsewhere: Path) -> None:
    """An interpreter that sees no packages: what a new machine has."""
    bare = [sys.executable, "-S", "-E", str(SCRIPTS / command)]
    ran = subprocess.run([*bare, "001", "a=1"], cwd=elsewhere, capture_output=True, text=True)
    assert ran.returncode == 3
    assert ran.stdout == ""
    assert f"uv run {shlex.quote(str(SCRIPTS / command))} 001 a=1" in ran.stderr
    assert "hydra-core is not installed" in ran.stderr
    assert subprocess.run([*bare, "--help"], cwd=elsewhere, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ["validate.py", "EXPERIMENT", "--json"],
        ["validate.py", "PROJECT", "--json"],
        ["validate.py", "EXPERIMENT/exp/001.yaml", "--json"],
        ["show.py", "EXPERIMENT", "exp=1"],
        ["show.py", "EXPERIMENT", "exp=01", "--json"],
        ["compare.py", "EXPERIMENT", "--all", "--format", "json"],
        ["add_exp.py", "EXPERIMENT", "learning_rate=0.5"],
        ["add_exp.py", "EXPERIMENT", "output_dir=there"],
        ["add_env.py", "EXPERIMENT", "gpu", "output_dir=there"],
        ["add_notebook.py", "EXPERIMENT"],
        ["export_schema.py", "EXPERIMENT"],
    ],
    ids=" ".join,
)
def test_the_project_is_the_one_around_a_path_that_lies_elsewhere(
    words: list[str], project: Path, elsewhere: Path
) -> None:
    """The same answer, files and next commands as with --root; what is to be typed works where it is typed."""
    named = str(project / "experiments" / "001-baseline")
    given = [word.replace("EXPERIMENT", named).replace("PROJECT", str(project)) for word in words]
    before = tree(project)
    by_root = run(*given, "--root", project, cwd=elsewhere)
    made = tree(project)
    for path in made.keys() - before.keys():
        (project / path).unlink()
    by_path = run(*given, cwd=elsewhere)
    assert (by_path.code, tree(project), tree(elsewhere)) == (by_root.code, made, {})
    assert by_path.out == by_root.out
    if typed := shlex.split(by_path.told.partition("type: ")[2].partition("\n")[0]):
        script = next(number for number, word in enumerate(typed) if word.endswith(".py"))
        assert start(Path(typed[script]).name, *typed[script + 1 :], cwd=elsewhere).code == 0


def test_a_path_that_is_not_there_is_named(elsewhere: Path) -> None:
    ran = run("validate.py", "../no/such/folder", cwd=elsewhere)
    assert (ran.code, ran.out) == (2, "")
    assert "there is no ../no/such/folder" in ran.err


def test_an_empty_project_is_not_a_success(elsewhere: Path) -> None:
    ran = start("validate.py", cwd=elsewhere)
    assert ran.code == 2
    assert str(elsewhere) in ran.err


def test_json_errors_are_json_too(project: Path, elsewhere: Path) -> None:
    ran = start("add_exp.py", "--root", project, "001", "lr=1", "--json", cwd=elsewhere)
    assert ran.code == 2
    assert ran.json["error"]["help"] == "did you mean learning_rate=1?"


def test_a_closed_pipe_is_no_error(project: Path, elsewhere: Path) -> None:
    command = f'"{sys.executable}" "{SCRIPTS / "validate.py"}" --root "{project}" --json | head -n 1'
    ran = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=elsewhere, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""


def test_no_permission_is_said_in_one_line(project: Path, experiment: Path, elsewhere: Path) -> None:
    (experiment / "exp").chmod(0o500)
    ran = as_anybody("add_exp.py", "--root", project, "001", "seed=1", cwd=elsewhere)
    (experiment / "exp").chmod(0o700)
    assert ran.code == 2
    assert re.fullmatch(r"error: no permission for .*\n  help: get access .*\n", ran.err)


@pytest.mark.slow
def test_a_folder_of_somebody_else_is_passed_over(project: Path, experiment: Path, elsewhere: Path) -> None:
    """As a container that runs as root leaves its output; but no copy of an experiment is made without all of it."""
    closed = [project / "output", project / "data", experiment / "cache"]
    for folder in closed:
        write(folder, {"config.yaml": "a: 1\n"})
        folder.chmod(0)
    commands = (["validate.py"], ["show.py", "001"], ["compare.py", "--runs"], ["add_exp.py", "001", "seed=1"])
    said = [as_anybody(*words, "--root", project, cwd=elsewhere) for words in commands]
    copied = as_anybody("new_experiment.py", "copy", "--root", project, cwd=elsewhere)
    for folder in closed:
        folder.chmod(0o700)
    assert [(ran.code, "no permission" in ran.err) for ran in said] == [(0, False)] * len(commands)
    assert (copied.code, "no permission" in copied.err) == (2, True)
    assert str(experiment / "cache") in copied.err
    assert sorted(path.name for path in experiment.parent.iterdir()) == ["001-baseline"]


def test_a_c_locale_prints_japanese_names(tmp_path: Path, elsewhere: Path) -> None:
    from running import PLAIN_EXPERIMENT

    root = write(tmp_path / "実験", {f"experiments/001-x/{name}": text for name, text in PLAIN_EXPERIMENT.items()})
    ran = start("add_exp.py", "--root", root, 'notes="二つ目"', cwd=elsewhere, env={"LC_ALL": "C", "PYTHONUTF8": "0"})
    assert ran.code == 0, ran.err
    assert "二つ目" in ran.out
