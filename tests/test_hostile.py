"""Values, names and files that nobody means well with: one line, soon, and nothing written or waited for."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pytest

import fuzzing
from experiment_setup import nodes
from experiment_setup.comparing import scores
from experiment_setup.comparing.comparison import Row
from experiment_setup.comparing.conditions import conditions
from experiment_setup.errors import CommandError
from experiment_setup.reading import overrides
from running import PLAIN_EXPERIMENT, SCRIPTS, hydra, run, start, tree, write

pytestmark = pytest.mark.slow

VALUES = {
    "no values": "seed=range(1,1)",
    "no step": "seed=range(0,1,step=0)",
    "a thousand million": "seed=range(0,1000000000)",
    "shuffled": "seed=shuffle(range(0,1000000000))",
    "floats without end": "learning_rate=range(0,1.0,step=1e-30)",
    "no number": "learning_rate=range(nan,1.0)",
    "five thousand digits": f"seed={'9' * 5000}",
    "a float of four hundred": f"learning_rate={'9' * 400}",
    "a long exponent": f"learning_rate=1e{'9' * 5000}x",
    "a hundred levels": f"fold={'[' * 100}{']' * 100}",
    "ten thousand levels": f"fold={'[' * 10_000}{']' * 10_000}",
    "ten thousand keys": f"notes{'.a' * 10_000}=1",
    "thousands of elements": f"fold=[{','.join('1' * 20_000)}]",
    "half a character": "notes=\udc80",
    "a reference to nothing": "notes=${exp.nope}",
    "a reference to itself": "notes=${exp.notes}",
    "no resolver": "notes=${nope:1}",
    "no key": "=1",
    "an empty part": "exp..seed=1",
}


@pytest.mark.parametrize("what", VALUES)
def test_a_value_that_cannot_be_is_one_error(project: Path, elsewhere: Path, what: str) -> None:
    before = tree(project)
    for script in (["add_exp.py", "001"], ["new_experiment.py", "next"]):
        ran = run(script[0], "--root", project, script[1], VALUES[what], cwd=elsewhere)
        error = ran.err
        assert (ran.code, ran.out, error.startswith("error: ")) == (2, "", True), error
        assert all(len(line) < 2_100 for line in error.splitlines() if not line.startswith("  type: "))
        assert tree(project) == before


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
@pytest.mark.parametrize("quote", ["", "'"])
@pytest.mark.parametrize("name", ["x\n y", "it's", "x: y #z"])
def test_a_set_of_any_name_may_be_built_on(project: Path, experiment: Path, name: str, quote: str) -> None:
    parent = f"defaults:\n  - {quote}default@_here_{quote}\n\nseed: 3\n"
    write(experiment, {f"exp/{name}.yaml": parent, "exp/001.yaml": parent})
    ran = run("add_exp.py", "001", "learning_rate=0.5", "--from", name, cwd=project)
    assert ran.code == 0, ran.err
    assert hydra(experiment / "train.py", "exp=002")["exp"]["seed"] == 3


@pytest.mark.parametrize("words", [["--name=--"], ["--from=--"], ["--name", "\udc80\udc81"], ["--name", "---"]])
def test_a_name_that_cannot_be_is_one_error(project: Path, elsewhere: Path, words) -> None:
    before = tree(project)
    ran = run("add_exp.py", "--root", project, "001", "seed=5", *words, cwd=elsewhere)
    assert (ran.code, ran.err.startswith("error: ")) == (2, True), ran.err
    assert tree(project) == before


def test_an_environment_is_named_as_its_file_is(project: Path, elsewhere: Path) -> None:
    ran = run("new_experiment.py", "--root", project, "next", "--env", "x.yaml", cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert (project / "experiments/002-next/env/x.yaml").is_file()
    assert run("new_experiment.py", "--root", project, "third", "--env=--", cwd=elsewhere).code == 2


def test_environments_that_differ_in_case_only_are_refused(project: Path, experiment: Path, elsewhere: Path) -> None:
    before = tree(project)
    ran = run("add_env.py", "--root", project, "001", "LOCAL", "base_model=x", cwd=elsewhere)
    assert (ran.code, "differ in case" in ran.err) == (2, True)
    assert tree(project) == before
    (experiment / "env/local.yaml").unlink()
    assert run("add_env.py", "--root", project, "001", "LOCAL", "base_model=x", cwd=elsewhere).code == 0


@pytest.mark.skipif(os.name == "nt", reason="makes pipes")
@pytest.mark.parametrize("name", ["config.yaml", "exp/002.yaml", "env/gpu.yaml", "helper.py"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "dangling link", "link to itself"])
def test_what_is_no_file_is_never_waited_for(project, experiment, elsewhere, name: str, kind: str) -> None:
    place = experiment / name
    place.unlink(missing_ok=True)
    place.parent.mkdir(exist_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("nowhere" if kind == "dangling link" else place.name)
    commands = [
        ("add_exp.py", "001", "seed=5"),
        ("add_env.py", "001", "new", "base_model=x"),
        ("new_experiment.py", "x"),
    ]
    for script, *words in commands:
        ran = run(script, "--root", project, *words, cwd=elsewhere)
        assert ran.code == (2 if name == "config.yaml" else 0), ran.err
    if name != "config.yaml":
        assert hydra(experiment / "train.py", "exp=003" if "002" in name else "exp=002")["exp"]["seed"] == 5


def test_files_of_a_project_are_read_through_one_door() -> None:
    """Whatever else opens one might wait for a pipe without end; of runs, the reader asks what a file is first."""
    others = {"saved.py", "wandb_log.py"}  # larger ones, with bounds of their own
    own = {"page.py", "notebook.py", "installed.py", "cli.py", "files.py"}  # files of the skill, or of Python
    found = {
        path.name
        for path in (SCRIPTS / "experiment_setup").rglob("*.py")
        if re.search(
            r"\.read_text\(|\.read_bytes\(|\bopen\(",
            re.sub(r"\bfiles\.read_\w+\(|def open\(|named\.open\(", "", path.read_text("utf-8")),
        )
    }
    assert found - others - own == {"locks.py"}  # a folder, to lock it


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_pipes_wherever_something_may_be_read_are_waited_for_nowhere(project: Path, experiment: Path) -> None:
    names = ".env .gitignore README.md Makefile run.sh setup.py pyproject.toml notebooks conf output tool uv.lock .git"
    for name in names.split():
        os.mkfifo(project / name)
        os.mkfifo(experiment / f"{name}x")
    for words in (["validate.py"], ["compare.py", "--runs"], ["add_exp.py", "001", "seed=8", "--dry-run"]):
        ran = start(*words, cwd=project)
        assert (words, ran.code) == (words, 0), ran


def test_a_long_text_is_written_whole_and_shown_in_part(project: Path, experiment: Path, elsewhere: Path) -> None:
    ran = run("add_exp.py", "--root", project, "001", f"notes={'x' * 15_000}", cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert all(len(line) < 2_100 for line in ran.out.splitlines())
    assert hydra(experiment / "train.py", "exp=002")["exp"]["notes"] == "x" * 15_000


_HERE = "defaults:\n  - default@_here_\n\n"
_ROWS = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"] + [
    f"{name}: &{name} [{', '.join([f'*{above}'] * 9)}]" for above, name in zip("abcdef", "bcdefg", strict=True)
]
WITHOUT_BOUNDS = {
    "a bomb of aliases": ("\n".join(_ROWS), "values with its aliases"),
    "an alias of what it stands in": ("notes: &a [*a]", "has no end"),
    "a merge of what it stands in": ("a: &a\n  <<: *a", "has no end"),
    "lists in lists": (f"fold: {'[' * 300}{']' * 300}", "levels deep"),
    "lists in lists without an end": (f"fold: {'[' * 9_000}", "levels deep"),
    "mappings in mappings": ("\n".join(f"{' ' * i}a:" for i in range(300)), "levels deep"),
    "a list of lists in a line": (f"-\n  {'- ' * 300}1", "levels deep"),
    "a number that cannot be written": (f"seed: 0x{'f' * 9_000}", "digits"),
    "a number that cannot be read": (f"seed: {'9' * 9_000}", "digits"),
    "a number that is no float": (f"learning_rate: 1{'0' * 400}", "too large"),
    "a number in base 60": (f"notes: 1{':59' * 3_000}", "digits"),
}


@pytest.mark.parametrize("what", WITHOUT_BOUNDS)
def test_a_file_without_bounds_is_one_error(project: Path, experiment: Path, elsewhere: Path, what: str) -> None:
    text, words = WITHOUT_BOUNDS[what]
    write(experiment, {"exp/002.yaml": text if text.startswith("-") else _HERE + text + "\n"})
    for options in ([], ["--hydra"]) if "bomb" in what else ([],):
        ran = run("validate.py", "--root", project, *options, cwd=elsewhere)
        assert ran.code == 1, ran.err
        assert ran.out.count(": error ES") == 1, ran.out
        assert words in ran.out
    ran = run("show.py", "--root", project, "001", "exp=002", cwd=elsewhere)
    assert (ran.code, ran.err.count("error: ")) == (2, 1), ran.err


def test_what_has_bounds_is_read(project: Path, experiment: Path, elsewhere: Path) -> None:
    """The twin: aliases, brackets in a text, and numbers that are long."""
    text = f'{_HERE}fold: &f [1, 2]\nnotes: "{"[" * 300} & * {"{" * 300}" # {"[" * 300}\nseed: 0x{"f" * 15}\n'
    write(experiment, {"exp/002.yaml": f'{text}name: "002 &a *a"\n'})
    ran = run("validate.py", "--root", project, cwd=elsewhere)
    assert "error" not in ran.out, ran.out


BACKSLASH, LINE_END, WIDE = "\\", "\\n", "\u3000"
LONG = 200_000  # characters: what takes the square of that takes minutes
LONG_TEXTS = {
    "wide spaces before no comment": {"exp/002.yaml": f"{_HERE}notes: a{WIDE * LONG}x\n"},
    "line ends where a number belongs": {"exp/002.yaml": f'{_HERE}seed: "{LINE_END * (LONG // 2)}"\n'},
    "digits where a number belongs": {"exp/002.yaml": f'{_HERE}seed: "{"1" * LONG}x"\n'},
    "spaces where a number belongs": {"exp/002.yaml": f'{_HERE}seed: "1{" " * LONG}x"\n'},
    "empty lines": {"config.yaml": PLAIN_EXPERIMENT["config.yaml"].partition("hydra:")[0] + "\n" * LONG},
}


@pytest.mark.parametrize("what", LONG_TEXTS)
def test_a_long_text_is_read_in_a_time_that_grows_as_it_does(tmp_path: Path, what: str) -> None:
    files = {**PLAIN_EXPERIMENT, **LONG_TEXTS[what]}
    with fuzzing.limited():
        fuzzing.checked(tmp_path, {name: text.encode() for name, text in files.items()})


def test_a_key_of_brackets_is_taken_apart() -> None:
    with fuzzing.limited():
        assert nodes.split(f"a[0].{'[' * LONG}b") == ("a", 0, "b")


CONDITIONS = {
    "spaces before the value": f"seed={' ' * LONG}x",
    "spaces around": f"{' ' * LONG}seed=1{' ' * LONG}",
    "no sign": f"seed{' ' * LONG}x",
    "two conditions": f"seed=1 or{' ' * LONG}x",
    "digits": f"seed<{'9' * 5_000}",
    "brackets": f"seed={'[' * 5_000}",
    "no date": "seed=!!float x",
}


@pytest.mark.parametrize("what", CONDITIONS)
def test_a_condition_that_nobody_would_write_is_read(what: str) -> None:
    rows = [Row("experiments/001", {}, {"exp.seed": 1}, "001")]
    with fuzzing.limited(), contextlib.suppress(CommandError):
        assert [condition.holds(rows[0]) for condition in conditions([CONDITIONS[what]], rows)] in ([True], [False])


@pytest.mark.parametrize("number", [40, 5_000])
def test_a_text_of_backslashes_without_an_end_is_refused(number: int) -> None:
    with fuzzing.limited(), pytest.raises(CommandError, match="is not in Hydra's grammar"):
        overrides.parse([f'notes="{BACKSLASH * number}x'])


def test_scores_in_many_columns_are_read(tmp_path: Path) -> None:
    write(tmp_path, {"scores.csv": f"exp{',a' * LONG}\n001\n"})
    with fuzzing.limited(), pytest.raises(CommandError, match="two columns 'a'"):
        scores.read(tmp_path / "scores.csv")


@pytest.mark.parametrize("digits", ["\u00b2", "9" * 5_000])
def test_digits_that_are_no_number_of_anything_are_one_error(project: Path, elsewhere: Path, digits: str) -> None:
    for words in (["show.py", digits], ["show.py", "001", "--explain", f"exp[{digits}]"]):
        ran = run(words[0], "--root", project, *words[1:], cwd=elsewhere)
        assert (ran.code, ran.err.count("error: ")) == (2, 1), ran.err
    ran = run("add_exp.py", "--root", project, "001", "seed=5", "--from", digits, cwd=elsewhere)
    assert (ran.code, ran.err.count("error: ")) == (2, 1), ran.err


def test_a_set_that_is_no_text_keeps_no_run_from_becoming_one(project: Path, experiment: Path) -> None:
    write(experiment, {"exp/001.yaml": b"defaults:\n  - default@_here_\n\nnotes: \xff\n"})
    write(project, {"output/001/config.yaml": "exp:\n  name: x\n  seed: 8\n"})
    ran = run("add_exp.py", "001", "--from-run", "output/001", cwd=project)
    assert (ran.code, (experiment / "exp/002.yaml").is_file()) == (0, True), ran.err


def test_values_that_no_file_and_no_page_can_hold_are_shown(project: Path, experiment: Path, elsewhere: Path) -> None:
    code = (experiment / "train.py").read_text()
    fields = f"    x: int = {'9' * 4_000}\n    y: str = '{BACKSLASH}ud800'\n"
    write(experiment, {"train.py": code.replace("class ExpConfig:\n", f"class ExpConfig:\n{fields}", 1)})
    for words in (["compare.py", "--all", "--format=html"], ["export_schema.py", "001"]):
        ran = run(words[0], "--root", project, *words[1:], cwd=elsewhere)
        assert ran.code == 0, ran.err


def test_settings_that_nobody_can_read_are_left_to_the_user(project: Path, elsewhere: Path) -> None:
    write(project, {".vscode/settings.json": "[" * 100_000})
    ran = run("export_schema.py", "--root", project, "001", cwd=elsewhere)
    assert (ran.code, (project / ".vscode/settings.json").stat().st_size) == (0, 100_000), ran.err


@pytest.mark.parametrize("saved", [f"learning_rate: 1{'0' * 400}", "notes: !!set {a}", "notes: !!timestamp 2024-01-01"])
def test_what_no_config_can_have_is_none_of_a_run(project: Path, elsewhere: Path, saved: str) -> None:
    write(project, {"output/001/config.yaml": f"exp:\n  name: x\n  {saved}\n"})
    for words in (["show.py", "--run", "output/001"], ["add_exp.py", "001", "--from-run", "output/001"]):
        ran = run(words[0], "--root", project, *words[1:], cwd=project)
        assert ran.code in (0, 2), ran.err
