"""What is printed: nothing of a project is obeyed by a terminal or a log, and every error is a line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from experiment_setup import visible
from running import CONFIG, SCRIPTS, interruptible, run, write

pytestmark = pytest.mark.slow

HOSTILE = "\x1b[31m \x1b]0;x\x07 \x9b2J \x07 \r \x85 \u2028 \u2029 \u202e \u2066 \u200b \ufeff \x00 \xad \U000e0041"
HOSTILE += " \ufe0f \U000e0100 \u3164 \u034f \uffff"  # of categories that are seen, but for these
NAMES = [c for c in HOSTILE if c != "\0" and unicodedata.category(c) != "Zs"]
HIDDEN = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")
FORMATS = [[], ["--format", "github"], ["--format", "sarif"], ["--format", "json"], ["--diff"]]


def quoted(text: str) -> str:
    """In YAML's double quotes; JSON's halves of one character are two characters to YAML."""
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


def is_harmless(text: str) -> bool:
    return all(
        char == "\n" or (unicodedata.category(char) not in HIDDEN and char not in HOSTILE.replace(" ", "")[-5:])
        for char in text
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("⚠\ufe0f 葛\U000e0100", "⚠\ufe0f 葛\U000e0100"),  # the twin: these are seen
        ("a\ufe0f1\ufe0f⚠\ufe0f\ufe0f", "a\\ufe0f1\\ufe0f⚠\ufe0f\\ufe0f"),
        ("日本\u3000語\u3164\ufffd\U000e0fff", "日本\u3000語\\u3164\ufffd\\U000e0fff"),
    ],
)
def test_a_selector_of_variants_is_shown_where_there_are_some(text: str, shown: str) -> None:
    assert visible.line(text) == shown
    assert visible.json_text(text) == shown.replace("\\U000e0fff", "\\udb43\\udfff")


@pytest.fixture
def hostile(project: Path, experiment: Path) -> Path:
    """A project with what a terminal obeys in its keys, values, options, comments, code and names."""
    sets = {
        "001": f"{quoted(HOSTILE)}: 1",
        "002": f"seed: {quoted(HOSTILE)}",
        "003": f"name: {quoted('::error::' + HOSTILE)}\nseed: ${{oc.env:X}}{quoted(HOSTILE)}",
        "004": f"seed: 1 # \u202e \u200b\nleraning_rate: {quoted(HOSTILE)}",
        "005": "seed: '\u2028::error::forged'\n\u200bepochs: 1",
    }
    for name, text in sets.items():
        write(experiment, {f"exp/{name}.yaml": f"defaults:\n  - default@_here_\n\n{text}\n"})
    for number, chars in enumerate(("".join(NAMES[0::2]), "".join(NAMES[1::2]))):
        write(experiment, {f"exp/{number}{chars}::error::x.yaml": "defaults:\n  - default@_here_\nsede: 1\n"})
    write(experiment, {"env/a\n::error::b.yaml": "nothing: 1\n"})
    name = "002-\x1b[2J\u202e\n::error::x"
    write(project / "experiments" / name, {"config.yaml": CONFIG, "train.py": "x = '\u202e'\n@hydra.main(\n"})
    return project


@pytest.mark.parametrize("options", FORMATS, ids=" ".join)
def test_what_a_terminal_would_obey_is_shown(hostile: Path, options: list[str]) -> None:
    for words in (options, [*options, "--hydra"]):
        ran = run("validate.py", *words, cwd=hostile)
        assert ran.code == 1
        assert is_harmless(ran.out.replace("\r\n", "\n"))
        assert is_harmless(ran.err)
        if "json" in options or "sarif" in options:
            assert ran.json
        elif "github" in options:
            assert all(
                line.startswith(("::error file=", "::warning file=", "::notice file=")) for line in ran.out.splitlines()
            )
        else:
            assert not any(line.startswith("::") for line in ran.out.splitlines())


_COMMANDS = "::error file=x::forged", "##[error]forged", "##vso[task.complete]forged"
_WORDS = [
    ["validate.py"],
    ["validate.py", "--format", "github"],
    ["validate.py", "--json"],
    ["validate.py", "--format", "sarif"],
    ["validate.py", "--diff", "--unsafe"],
    ["show.py", "001", "004", "--format", "table"],
    ["show.py", "001", "004", "--json"],
    ["show.py", "001", "--fields"],
    ["show.py", "001", f"exp={_COMMANDS[1]}"],
    ["show.py", _COMMANDS[0]],
    *(["compare.py", "--all", "--format", format_] for format_ in ("table", "markdown", "csv", "json", "html")),
    ["add_exp.py", "001", "seed=8"],
]


@pytest.mark.parametrize("words", _WORDS, ids=" ".join)
def test_the_log_of_a_workflow_obeys_nothing_of_a_project(project: Path, experiment: Path, words: list[str]) -> None:
    keys = "".join(f"{quoted(command)}: 1\n" for command in _COMMANDS)
    write(experiment, {"config.yaml": f"{CONFIG}\n{keys}", "exp/005.yaml": f"defaults:\n  - default@_here_\n\n{keys}"})
    values = f"name: {quoted(_COMMANDS[0])}\nnotes: {quoted(_COMMANDS[1])}\n"
    for name in ("004", *_COMMANDS):
        write(experiment, {f"exp/{name}.yaml": f"defaults:\n  - default@_here_\n\n{values}"})
    ran = run(*words, cwd=project)
    lines = f"{ran.out}\n{ran.err}".splitlines()
    own = [line for line in lines if line.startswith("::")] if "github" in words else []
    assert bool(own) is ("github" in words)
    assert all(re.match("::(error|warning|notice) file=experiments/001-baseline/", line) for line in own)
    assert [line for line in lines if line not in own and re.search(r"^\s*::|##\w*\[", line)] == []
    if "json" in str(words):
        assert all(command in str(ran.json) for command in _COMMANDS)  # the twin: it means what the files say


def test_json_means_what_the_files_say(hostile: Path) -> None:
    """The twin: what is escaped is not lost."""
    found = run("validate.py", "--json", cwd=hostile).json["findings"]
    assert any(NAMES[0] in finding["path"] for finding in found)
    assert any("\x1b[31m" in finding["message"] for finding in found)


def test_half_characters_are_shown(project: Path, experiment: Path) -> None:
    name = os.fsdecode(b"exp/\xff\xfe.yaml")
    write(experiment, {"exp/001.yaml": "defaults:\n  - default@_here_\nsede: 1\n"})
    (experiment / "exp/001.yaml").rename(experiment / name)
    write(experiment, {"exp/002.yaml": 'defaults:\n  - default@_here_\n  - "\\udcff"\n'})
    for options in (*FORMATS, ["--diff", "--unsafe"]):
        ran = run("validate.py", *options, cwd=project)
        assert ran.code in (0, 1)
        if options[-1:] in (["json"], ["sarif"]):
            assert ran.json


@pytest.mark.parametrize("value", ["\x1b[2J", "\u202etxt", "a\u2028b"])
@pytest.mark.parametrize("options", [[], ["--json"], ["--dry-run"]])
def test_the_writing_commands_show_it_too(project: Path, value: str, options: list[str]) -> None:
    for script, words in (
        ("add_exp.py", ["001", f"notes='{value}'"]),
        ("add_exp.py", ["001", f"no{value}tes=1"]),
        ("add_exp.py", [f"0{value}01", "seed=1"]),
        ("add_env.py", ["001", f"x{value}", "output_dir=1"]),
        ("new_experiment.py", [f"new {value}"]),
        ("validate.py", [f"x{value}"]),
    ):
        ran = run(script, *words, *options[: None if script != "validate.py" else 0], cwd=project)
        assert ran.code in (0, 2)
        assert is_harmless(ran.out + ran.err)


def test_very_long_values_are_shortened(project: Path, experiment: Path) -> None:
    write(experiment, {"exp/001.yaml": f"defaults:\n  - default@_here_\n\nseed: {'x' * 100_000}\n"})
    for options in FORMATS[:4]:
        assert "x" * 2_100 not in run("validate.py", *options, cwd=project).out
    assert "x" * 2_100 not in run("add_exp.py", "001", f"seed={'x' * 50_000}", cwd=project).err
    ran = run("add_exp.py", "001", f"fold={list(range(150))}", cwd=project)
    assert ("  - 99\n  - … and 50 more\n" in ran.out, "  - 100\n" in ran.out) == (True, False)
    assert "149" in (experiment / "exp/002.yaml").read_text(encoding="utf-8")
    write(experiment, {"more.yaml": "".join(f"m{number}: 1\n" for number in range(1_200))})
    write(
        experiment,
        {"config.yaml": (experiment / "config.yaml").read_text().replace("  - _self_", "  - more\n  - _self_")},
    )
    for script in ("show.py", "compare.py"):
        write(experiment, {"exp/003.yaml": f"{'k' * 9_000}: 1\n"})
        assert len(run(script, "001", "003", "--format", "table", cwd=project).out) < 9_000
    (experiment / "exp/003.yaml").unlink()
    shown = run("add_exp.py", "001", "seed=7", cwd=project).out
    assert re.search(r"\nm900: 1\n(m\d+: 1\n)+…: and \d{3} more\n", shown)


@pytest.mark.parametrize("options", [["--format", "json"], ["--format=json"], ["--json"], ["--format", "sarif"]])
def test_errors_are_json_where_that_is_asked_for(elsewhere: Path, options: list[str]) -> None:
    ran = run("validate.py", *options, cwd=elsewhere)
    assert ran.code == 2
    assert "no experiment" in ran.json["error"]["message"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-", "> /dev/full", "2> /dev/full"])
@pytest.mark.parametrize(
    "words", [["validate.py"], ["validate.py", "--json"], ["add_exp.py", "001", "seed=7"], ["add_exp.py"]]
)
def test_closed_and_full_streams(project: Path, closed: str, words: list[str]) -> None:
    command = f'"{sys.executable}" "{SCRIPTS / words[0]}" {" ".join(words[1:])} {closed}'
    ran = subprocess.run(["bash", "-c", command], cwd=project, capture_output=True, text=True, check=False)
    assert "Traceback" not in ran.stderr
    assert "Exception" not in ran.stderr
    assert ran.returncode == (2 if words == ["add_exp.py"] or closed == "> /dev/full" else 0), ran


RAISES = (
    f"import shutil, sys; sys.path.insert(0, {str(SCRIPTS)!r}); sys.argv = ['x.py', *sys.argv[1:]]\n"
    "from experiment_setup import cli\n"
    "def main(argv): raise {}\n"
    "sys.exit(cli.run(main))"
)


def test_what_the_system_refuses_is_one_line(elsewhere: Path) -> None:
    room = "  help: make room on that disk (`df -h` says which is full), and type the same command again\n"
    refused = {
        "OSError(28, 'No space left on device')": f"error: No space left on device\n{room}",
        "FileNotFoundError(2, 'No such file or directory')": "error: the folder that this was typed in is gone\n"
        "  help: cd to one that is there\n",
        "OSError(30, 'Read-only file system', 'b.yaml')": "error: Read-only file system: b.yaml\n"
        "  help: nothing on that disk can be changed (`mount` says how it is there): work in a copy of the project\n",
        "OSError(5, 'Input/output error', 'a.yaml')": "error: Input/output error: a.yaml\n",
        "shutil.Error([('a', 'b/c', 'No space left'), ('d', 'e', 'x')])": "error: No space left: b/c\n",
    }
    for raised, said in refused.items():
        words = [sys.executable, "-c", RAISES.replace("{}", raised)]
        ran = subprocess.run(words, cwd=elsewhere, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (2, said)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_how_processes_end_is_told_where_the_shell_ignores_it(elsewhere: Path) -> None:
    """A check on all cores ended in "No child processes", and whatever git said was taken for success."""
    code = RAISES.replace("raise {}", "import os; return os.waitpid(os.fork() or os._exit(7), 0)[1] >> 8")
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=elsewhere,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )
    assert ran.returncode == 7


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_ctrl_c_before_a_command_has_begun_says_nothing(elsewhere: Path) -> None:
    """While a script imports its modules; a shell's job in the background, which ignores it, goes on ignoring it."""
    sends = "\nimport os; os.kill(os.getpid(), 2); print('goes on')\n"
    begin = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\nfrom experiment_setup import isolation\n"
    own = f"from experiment_setup import cli\ndef main(argv): {sends.strip()}; return 0\nsys.exit(cli.run(main))"
    codes = {"starting": f"{begin}isolation.isolate(){sends}", "at work": f"{begin}isolation.isolate()\n{own}"}
    expected = {interruptible: {"starting": -2, "at work": 130}, ignoring: {"starting": 0, "at work": 0}}
    for how, wanted in expected.items():
        for name, code in codes.items():
            words = [sys.executable, "-c", code]
            ran = subprocess.run(words, cwd=elsewhere, capture_output=True, text=True, check=False, preexec_fn=how)
            assert (name, ran.returncode, ran.stderr.count("\n")) == (name, wanted[name], wanted[name] == 130)
            assert ran.stdout == ("goes on\n" if how is ignoring else "")


def ignoring() -> None:
    """As a shell starts what is to run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_what_nobody_foresaw_is_one_line(elsewhere: Path) -> None:
    for raised in ("ValueError('a\\nb')", "RecursionError()", "KeyError('x')", "AssertionError()"):
        for options in ([], ["--json"]):
            words = [sys.executable, "-c", RAISES.replace("{}", raised), *options]
            ran = subprocess.run(words, cwd=elsewhere, capture_output=True, text=True, check=False)
            assert ran.returncode == 70
            assert ran.stderr.startswith("error: experiment-setup")
            assert ran.stderr.count("\n") == 2
            if options:
                assert json.loads(ran.stdout)["error"]["help"].startswith("this is a defect")
