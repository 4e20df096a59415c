"""validate.py from outside: exit codes, formats, selection, and what is said about rules."""

from __future__ import annotations

import functools
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from experiment_setup.checking import progress, report
from experiment_setup.findings import Finding, Severity
from experiment_setup.location import Location
from experiment_setup.project import Project
from experiment_setup.style import Style
from running import PLAIN_EXPERIMENT, SCRIPTS, git, run, run_entry, write

TYPO = {"exp/002.yaml": 'defaults:\n  - default@_here_\n\nname: "002-x"\nlearning_rte: 1e-4\n'}
BIG = {"exp/002.yaml": 'defaults:\n  - default@_here_\n\nname: "002-x"\nbatch_size: 16.0\n'}


class TestExitCodes:
    def test_clean(self, project: Path, elsewhere: Path) -> None:
        ran = run("validate.py", "--root", project, cwd=elsewhere)
        assert (ran.code, ran.err) == (0, "")
        assert "1 experiment, 1 parameter set, 2 combinations composed: nothing found" in ran.out

    def test_findings(self, project: Path, experiment: Path) -> None:
        write(experiment, TYPO)
        assert run("validate.py", cwd=project).code == 1

    def test_warnings_count_if_strict(self, project: Path, experiment: Path) -> None:
        text = PLAIN_EXPERIMENT["env/local.yaml"] + "output_dir: ${oc.env:NOT_SET_ANYWHERE}\n"
        write(experiment, {"env/local.yaml": text})
        found = run("validate.py", "--json", cwd=project)
        assert (found.code, found.json["summary"]["warnings"] > 0) == (0, True)
        assert run("validate.py", "--strict", cwd=project).code == 1

    def test_no_experiment_is_not_a_success(self, elsewhere: Path) -> None:
        ran = run("validate.py", cwd=elsewhere)
        assert (ran.code, ran.out) == (2, "")
        assert str(elsewhere) in ran.err

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--select", "ES9"], "no rule 'ES9'"),
            (["--select", "EX010"], "did you mean ES010?"),
            (["--ignore", "unknwn-key"], "did you mean unknown-key?"),
            (["--select", "ES010", "--ignore", "ES0"], "leave no rule"),
            (["--explain", "nonsense"], "no rule 'nonsense'"),
            (["--unsafe"], "--unsafe goes with --fix or --diff"),
            (["--format", "xml"], "invalid choice"),
            (["042"], "042"),
        ],
    )
    def test_wrong_usage(self, project: Path, arguments: list[str], words: str) -> None:
        ran = run("validate.py", *arguments, cwd=project)
        assert (ran.code, ran.out) == (2, "")
        assert words in ran.err

    def test_wrong_usage_as_json(self, project: Path) -> None:
        ran = run("validate.py", "--select", "ES9", "--json", cwd=project)
        assert ran.code == 2
        assert "ES9" in ran.json["error"]["message"]


class TestSelection:
    @pytest.mark.parametrize(
        ("arguments", "codes"),
        [
            (["--select", "ES010"], {"ES010"}),
            (["--select", "es01"], {"ES010", "ES011"}),
            (["--select", "unknown-key,wrong-type"], {"ES010", "ES011"}),
            (["--select", "ES010", "--select", "ES011"], {"ES010", "ES011"}),
            (["--select", "ES0", "--ignore", "ES011"], {"ES010"}),
            (["--select", "ES4"], set()),
        ],
    )
    def test_codes(self, project: Path, experiment: Path, arguments: list[str], codes: set[str]) -> None:
        write(experiment, TYPO | {"exp/003.yaml": BIG["exp/002.yaml"].replace("002", "003")})
        ran = run("validate.py", "--json", *arguments, cwd=project)
        assert {finding["code"] for finding in ran.json["findings"]} == codes
        assert ran.code == (1 if codes else 0)


class TestJson:
    """The shape that DESIGN promises; more keys may come."""

    def test_shape(self, project: Path, experiment: Path) -> None:
        write(experiment, TYPO)
        ran = run("validate.py", "--format", "json", cwd=project)
        assert ran.out == run("validate.py", "--json", cwd=project).out
        data = ran.json
        assert (data["version"], data["root"]) == (1, ".")
        assert data["experiments"] == [
            {
                "path": "experiments/001-baseline",
                "entry": "train.py",
                "parameter_sets": 2,
                "environments": 2,
                "composed": 4,
                "not_composed": {},
                "not_checked": [],
            }
        ]
        [finding] = [finding for finding in data["findings"] if finding["severity"] == "error"]
        expected = {"code": "ES010", "name": "unknown-key", "path": "experiments/001-baseline/exp/002.yaml", "line": 5}
        assert finding.items() >= expected.items()
        types = {"column": int, "message": str, "help": str, "fixable": bool, "severity": str}
        assert all(type(finding[key]) is kind for key, kind in types.items())
        counts = ("errors", "warnings", "infos", "parameter_sets", "environments", "composed")
        assert {key: type(data["summary"][key]) for key in counts} == dict.fromkeys(counts, int)
        assert (data["summary"]["errors"], data["summary"]["composed"]) == (1, 4)


class TestSharedFiles:
    """What several experiments share has each of its mistakes once."""

    @pytest.fixture
    def shared(self, tmp_path: Path) -> Path:
        """Three entry points with one config folder and one module of dataclasses."""
        root = tmp_path / "shared"
        texts = {f"conf/{name}": text for name, text in PLAIN_EXPERIMENT.items() if name.endswith(".yaml")}
        head, rest = PLAIN_EXPERIMENT["train.py"].split("@dataclass", 1)
        classes, run_it = rest.split("cs = ConfigStore", 1)
        write(root, texts | {"settings.py": f"{head}@dataclass{classes}"})
        entry = f"{head}from settings import Config, EnvConfig, ExpConfig\n\ncs = ConfigStore{run_it}"
        for number in (1, 2, 3):
            text = entry.replace('config_path="."', 'config_path="../../conf"').replace("cfg.exp.name", "vars(cfg.exp)")
            write(root, {f"experiments/00{number}-x/train.py": text})
        return root

    def test_a_config_folder(self, shared: Path) -> None:
        write(shared, {f"conf/{name}": text for name, text in TYPO.items()})
        data = run("validate.py", "--json", cwd=shared).json
        assert [experiment["parameter_sets"] for experiment in data["experiments"]] == [2, 2, 2]
        found = [(finding["path"], finding["line"], finding["code"]) for finding in data["findings"]]
        assert [place for place in found if place[2] == "ES010"] == [("conf/exp/002.yaml", 5, "ES010")]
        assert len(set(found)) == len(found)
        assert data["summary"]["errors"] == 1

    def test_the_folder_named(self, shared: Path) -> None:
        write(shared, {f"conf/{name}": text for name, text in TYPO.items()})
        for name in ("conf", "conf/exp/002.yaml"):
            assert len(run("validate.py", "--json", name, cwd=shared).json["experiments"]) == 3

    def test_a_module(self, shared: Path) -> None:
        text = (shared / "settings.py").read_text(encoding="utf-8")
        write(shared, {"settings.py": text.replace("seed: int = 42", "seed: int = 42\n    momentum = 0.9")})
        found = run("validate.py", "--json", cwd=shared).json["findings"]
        assert [finding["path"] for finding in found if finding["code"] == "ES311"] == ["settings.py"]


class TestText:
    def lines(self, project: Path, experiment: Path, line: str) -> list[str]:
        write(experiment, {"exp/002.yaml": f'defaults:\n  - default@_here_\n\nname: "002-x"\n{line}\n'})
        out = run("validate.py", "--select", "ES0", cwd=project).out
        return out.splitlines()

    @pytest.mark.slow
    def test_paths_open_from_where_the_command_is_typed(self, project: Path, experiment: Path, elsewhere: Path) -> None:
        self.lines(project, experiment, "batch_size: 16.0")
        for cwd in (experiment / "exp", experiment / "env", project, elsewhere):
            head = run("validate.py", "--root", project, "--select", "ES0", cwd=cwd).out.splitlines()[0]
            path = head.split(":5:13: ")[0]
            assert (cwd / path).samefile(experiment / "exp" / "002.yaml"), head

    def test_caret_and_help(self, project: Path, experiment: Path) -> None:
        head, source, caret, advice, *_ = self.lines(project, experiment, "batch_size: 16.0")
        assert head.startswith("experiments/001-baseline/exp/002.yaml:5:13: error ES011 ")
        assert head.endswith("[wrong-type]")
        assert source == "  5 | batch_size: 16.0"
        assert caret == "    |             ^"
        assert advice.startswith("  help: ")

    def test_caret_below_japanese_text(self, project: Path, experiment: Path) -> None:
        _, source, caret, *_ = self.lines(project, experiment, "{notes: 学習率を下げた, batch_size: 16.0}".strip("{}"))
        assert caret.index("^") >= 4
        _, source, caret, *_ = self.lines(project, experiment, "fold: [0]\n? 学習率\n: 1")
        assert source.endswith("学習率")
        assert caret.rstrip().endswith("^")

    def test_terminal_codes_in_a_file_are_not_obeyed(self, project: Path, experiment: Path) -> None:
        out = "\n".join(self.lines(project, experiment, '"learning\\erte": "\\e[31m"  # \u202e\u200b'))
        assert "\x1b" not in out
        assert "\u202e" not in out

    def test_no_colour_in_a_pipe(self, project: Path, experiment: Path) -> None:
        assert "\x1b" not in "".join(self.lines(project, experiment, "learning_rte: 1"))


class TestStyle:
    """Findings of style are one line a rule, until they are asked for."""

    @pytest.fixture
    def many(self, project: Path, experiment: Path) -> Path:
        text = 'defaults:\n  - default@_here_\n\nname: "{0:03}-x"\nseed: 42\nlearning_rate: {0}e-6\n'
        write(experiment, {f"exp/{number:03}.yaml": text.format(number) for number in range(2, 9)} | TYPO)
        return project

    def infos(self, out: str) -> list[str]:
        return [line for line in out.splitlines() if ": info ES223 " in line]

    def test_one_line_a_rule(self, many: Path) -> None:
        ran = run("validate.py", cwd=many)
        [line] = self.infos(ran.out)
        assert line.startswith("experiments/001-baseline/exp/003.yaml:5:1: info ES223 ")
        assert ", and 5 more like it: experiments/001-baseline/exp/004.yaml:5, " in line
        assert "--verbose" in ran.out
        assert ran.out.index("error ES010") < ran.out.index(line), "what matters comes first"
        assert "6 infos" in ran.out

    @pytest.mark.parametrize("words", [["--verbose"], ["-v"], ["--select", "ES223"], ["--select", "all"]])
    def test_each_of_them_where_asked_for(self, many: Path, words: list[str]) -> None:
        ran = run("validate.py", *words, cwd=many)
        assert len(self.infos(ran.out)) == 6
        assert ran.out.count("help: remove the line") == 6
        assert "more like it" not in ran.out
        assert "--verbose" not in ran.out

    def test_formats_for_programs_have_them_all(self, many: Path) -> None:
        data = run("validate.py", "--json", cwd=many).json
        assert len([f for f in data["findings"] if f["severity"] == "info"]) == data["summary"]["infos"] == 6
        assert run("validate.py", "--format", "github", cwd=many).out.count("::notice") == 6

    def test_files_that_are_not_checked_are_counted(self, many: Path, experiment: Path) -> None:
        assert ", 8 parameter sets, " in run("validate.py", cwd=many).out
        write(experiment, {"exp/more/009.yaml": "seed: 1\n", "exp/010.yml": "seed: 1\n", "exp/notes.txt": "\n"})
        assert ", 9 parameter sets (1 more YAML file not checked), " in run("validate.py", cwd=many).out

    def test_further_entry_points_and_configs_are_checked(self, many: Path, experiment: Path) -> None:
        before = run("validate.py", "--json", cwd=many).json["experiments"]
        train = (experiment / "train.py").read_text("utf-8")
        quick = "defaults:\n  - config\n  - _self_\n\nexp:\n  epochs: 1\n"
        write(experiment, {"infer.py": train, "tool.py": "x = 1\n", "quick.yaml": quick, "notes.yaml": "a: 1\n"})
        assert run_entry(experiment / "train.py", "-cn", "quick", "--cfg", "job").code == 0
        after = run("validate.py", "--json", cwd=many).json["experiments"]
        assert len(after) == len(before) + 2
        assert sorted(known["entry"] for known in after if known not in before) == ["infer.py", "train.py"]


def block(tmp_path: Path, source: str, column: int, width: int = 60) -> tuple[str, int]:
    """The source line as it is shown, and the column of the caret under it."""
    path = tmp_path / "a.yaml"
    path.write_text(f"{source}\n", "utf-8")
    found = Finding("ES010", "unknown-key", Severity.ERROR, Location(path, 1, column), "wrong")
    _, line, caret, *_ = report.blocks(Project(tmp_path), [found], Style(width=width))
    return line, caret.index("^")


class TestCaret:
    def test_wide_characters_take_two_columns(self, tmp_path: Path) -> None:
        line, caret = block(tmp_path, "名前: x", 5)
        assert line == "  1 | 名前: x"
        assert caret == len("  1 | ") + 2 * 2 + 2

    def test_combining_characters_take_none(self, tmp_path: Path) -> None:
        _, caret = block(tmp_path, "cafe\u0301: x", 8)
        assert caret == len("  1 | ") + len("café: ")

    def test_tabs_are_shown_as_spaces(self, tmp_path: Path) -> None:
        line, caret = block(tmp_path, "a:\tb", 4)
        assert line == "  1 | a:    b"
        assert line[caret] == "b"

    def test_what_is_invisible_is_named(self, tmp_path: Path) -> None:
        line, caret = block(tmp_path, "se\u200bed: 1", 3)
        assert line == "  1 | se\\u200bed: 1"
        assert line[caret] == "\\"

    @pytest.mark.parametrize("at", [0, 5, 150, 299])
    def test_a_long_line_is_cut_around_the_caret(self, tmp_path: Path, at: int) -> None:
        source = "".join(chr(0x100 + number) for number in range(300))
        line, caret = block(tmp_path, source, at + 1)
        assert len(line) <= 60
        assert line[caret] == source[at]
        assert ("…" in line[:caret]) == (at > 20)

    def test_past_the_end(self, tmp_path: Path) -> None:
        line, caret = block(tmp_path, "a:", 3)
        assert caret == len(line)


class TestTerminal:
    """With a pseudo terminal on stderr."""

    def read(self, *arguments: str, cwd: Path, env: dict[str, str] | None = None) -> str:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, str(SCRIPTS / "validate.py"), *arguments],
            cwd=cwd, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})},
        )  # fmt: skip
        os.close(theirs)
        chunks = []
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # how Linux says that the other side is closed
                break
            if not chunk:
                break
            chunks.append(chunk)
        os.close(ours)
        process.wait(timeout=60)
        return b"".join(chunks).decode()

    @pytest.mark.slow
    def test_colours(self, project: Path, experiment: Path) -> None:
        write(experiment, TYPO)
        assert "\x1b[31;1merror\x1b[0m" in self.read(cwd=project, env={"TERM": "xterm"})
        assert "\x1b" not in self.read(cwd=project, env={"NO_COLOR": "1"})
        assert "\x1b" not in self.read(cwd=project, env={"TERM": "dumb"})
        assert "\x1b" in self.read(cwd=project, env={"NO_COLOR": "", "TERM": "xterm"}), "as no-color.org says"

    def test_progress_appears_when_it_takes_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(progress, "_AFTER", 0.01)
        monkeypatch.setattr(progress, "_EVERY", 0.01)
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "w") as stream, progress.shown(3, stream) as shown:
            shown.experiment(0, "001-baseline")
            text, deadline = "", time.monotonic() + 30
            while "001-baseline" not in text and time.monotonic() < deadline:
                text += os.read(ours, 4096).decode()
        os.close(ours)
        assert "checking 001-baseline (experiment 1 of 3)" in text

    def test_no_progress_without_a_terminal(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(progress, "_AFTER", 0.0)
        monkeypatch.setattr(progress, "_EVERY", 0.001)
        with (tmp_path / "err").open("w") as stream, progress.shown(1, stream) as shown:
            shown.experiment(0, "001-baseline")
            time.sleep(0.05)
        assert (tmp_path / "err").read_text() == ""


class TestGithub:
    def test_commands(self, project: Path, experiment: Path) -> None:
        write(experiment, TYPO)
        ran = run("validate.py", "--format", "github", "--select", "ES0", cwd=project)
        [line] = ran.out.splitlines()
        assert line.startswith(
            "::error file=experiments/001-baseline/exp/002.yaml,line=5,col=1,title=ES010 unknown-key::"
        )
        assert "%0A" in line

    def test_what_github_would_take_apart_is_escaped(self, project: Path) -> None:
        odd = project / "experiments" / "002-a,b:c%d"
        write(odd, PLAIN_EXPERIMENT | {"exp/001.yaml": TYPO["exp/002.yaml"].replace("learning_rte", '"l%0Ar"')})
        ran = run("validate.py", "--format", "github", "--select", "ES010", cwd=project)
        [line] = ran.out.splitlines()
        assert "file=experiments/002-a%2Cb%3Ac%25d/exp/001.yaml," in line
        assert "l%250Ar" in line

    def test_paths_are_those_of_the_checkout(self, project: Path, experiment: Path) -> None:
        write(experiment, TYPO)
        (project.parent / ".git").mkdir()
        out = run("validate.py", "--format", "github", "--select", "ES0", cwd=project).out
        assert "file=my project/experiments/" in out


@functools.cache
def sarif_schema() -> Any:
    """The published schema: from SARIF_SCHEMA, or from a package of the npm registry that ships it."""
    given = os.environ.get("SARIF_SCHEMA")
    if given:
        return json.loads(Path(given).read_text("utf-8"))
    if shutil.which("npm") is None:
        return None
    command = ["npm", "pack", "--silent", "@microsoft/jest-sarif@1.0.0-beta.0"]
    import tarfile
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            return None
        [archive] = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as packed:
            [name] = [name for name in packed.getnames() if re.search(r"/sarif-2\.1\.0[^/]*\.json$", name)]
            return json.load(packed.extractfile(name))  # type: ignore[arg-type]


class TestSarif:
    def log(self, project: Path) -> Any:
        ran = run("validate.py", "--format", "sarif", cwd=project)
        assert ran.code == 1
        return ran.json

    def test_published_schema(self, project: Path, experiment: Path) -> None:
        validator = pytest.importorskip("jsonschema")
        schema = sarif_schema()
        if schema is None:
            pytest.skip("no SARIF schema here: set SARIF_SCHEMA to a copy of sarif-schema-2.1.0.json")
        write(experiment, TYPO | {"exp/003 学習.yaml": "learning_rate: 1e-4\n"})
        log = self.log(project)
        validator.Draft7Validator(schema, format_checker=validator.FormatChecker()).validate(log)
        broken = json.loads(json.dumps(log))
        broken["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
        assert not validator.Draft7Validator(schema).is_valid(broken), "the schema is one that can refuse"

    def test_same_facts_as_json(self, project: Path, experiment: Path) -> None:
        write(experiment, TYPO | {"exp/003 学習.yaml": "learning_rate: 1e-4\n"})
        findings = run("validate.py", "--json", cwd=project).json["findings"]
        log = self.log(project)
        [made] = log["runs"]
        rules = made["tool"]["driver"]["rules"]
        assert len(made["results"]) == len(findings) > 1
        for result, finding in zip(made["results"], findings, strict=True):
            assert result["ruleId"] == finding["code"] == rules[result["ruleIndex"]]["id"]
            assert result["level"] == {"info": "note"}.get(finding["severity"], finding["severity"])
            place = result["locations"][0]["physicalLocation"]
            assert place["region"] == {"startLine": finding["line"], "startColumn": finding["column"]}
            assert re.fullmatch(r"[!-~]+", place["artifactLocation"]["uri"]), "a URI is ASCII without spaces"


class TestAboutRules:
    @pytest.mark.slow
    def test_list(self, elsewhere: Path) -> None:
        ran = run("validate.py", "--list-rules", cwd=elsewhere)
        assert ran.code == 0
        listed = run("validate.py", "--list-rules", "--json", cwd=elsewhere).json["rules"]
        rows = re.findall(r"^\| (ES\d+) \| (\S+) \| (\w+) \| .", ran.out, re.MULTILINE)
        assert rows == [(rule["code"], rule["name"], rule["severity"]) for rule in listed]
        assert len(listed) > 10

    @pytest.mark.parametrize("word", ["ES010", "es010", "unknown-key"])
    def test_explain(self, elsewhere: Path, word: str) -> None:
        ran = run("validate.py", "--explain", word, cwd=elsewhere)
        assert ran.code == 0
        for words in ("## ES010 unknown-key", "Bad:", "learning_rte: 1e-3", "Good:", "learning_rate: 1e-3", "Hydra"):
            assert words in ran.out

    def test_explain_as_json(self, elsewhere: Path) -> None:
        [rule] = run("validate.py", "--explain", "ES010", "--json", cwd=elsewhere).json["rules"]
        assert rule["code"] == "ES010"
        assert rule["explanation"]
        assert "learning_rte" in rule["bad"]["exp/001.yaml"]
        assert "learning_rate" in rule["good"]["exp/001.yaml"]

    def test_explain_several(self, elsewhere: Path) -> None:
        for words in (["ES101", "es010", "unknown-key"], ["ES010,ES101"]):
            out = run("validate.py", "--explain", *words, cwd=elsewhere).out
            assert re.findall(r"^## (\S+)", out, re.MULTILINE) == ["ES010", "ES101"]
        assert run("validate.py", "--explain", "ES010", "ES999", cwd=elsewhere).code == 2

    @pytest.mark.slow
    def test_explain_all(self, elsewhere: Path) -> None:
        out = run("validate.py", "--explain", "all", cwd=elsewhere).out
        listed = run("validate.py", "--list-rules", "--json", cwd=elsewhere).json["rules"]
        assert re.findall(r"^## (\S+)", out, re.MULTILINE) == [rule["code"] for rule in listed]

    def test_explain_a_family(self, elsewhere: Path) -> None:
        out = run("validate.py", "--explain", "ES6", cwd=elsewhere).out
        assert re.findall(r"^## (\S+)", out, re.MULTILINE) == ["ES601", "ES602"]


@pytest.mark.parametrize(
    ("word", "names"),
    [(".", ["001-first", "002-second", "003-other"]), ("more", ["003-other"]), ("experiments/", None), ("nothing", [])],
)
def test_a_folder_stands_for_the_experiments_in_it(elsewhere: Path, word: str, names: list[str] | None) -> None:
    for folder in ("experiments/001-first", "experiments/002-second", "more/003-other"):
        write(elsewhere / folder, PLAIN_EXPERIMENT)
    ran = run("validate.py", "--json", word, cwd=elsewhere)
    found = [experiment["path"].rpartition("/")[2] for experiment in ran.json.get("experiments", [])]
    assert found == (["001-first", "002-second"] if names is None else names)
    assert ran.code == (0 if found else 2)


class TestChanged:
    """What a pre-commit hook passes: names of changed files, from the root of the checkout."""

    @pytest.fixture
    def two(self, project: Path) -> Path:
        for name in ("001-baseline", "002-other"):
            shared = PLAIN_EXPERIMENT["train.py"].replace("import hydra\n", "import hydra\nimport lr\n")
            write(project / "experiments" / name, PLAIN_EXPERIMENT | TYPO | {"train.py": shared})
            write(project / "experiments" / name, {"lr.py": "RATE = 1\n"})
        write(project, {"README.md": "x\n", "setup.py": "\n", "data/train.yaml": "x: 1\n"})
        return project

    def checked(self, project: Path, *paths: str) -> list[str]:
        ran = run("validate.py", "--json", "--changed", *paths, cwd=project)
        found = [experiment["path"].rpartition("/")[2] for experiment in ran.json["experiments"]]
        assert ran.code == (1 if found else 0)
        return found

    @pytest.mark.parametrize("name", ["exp/001.yaml", "config.yaml", "train.py", "lr.py", "exp/gone.yaml"])
    def test_the_experiment_of_the_file(self, two: Path, name: str) -> None:
        assert self.checked(two, f"experiments/002-other/{name}", "README.md") == ["002-other"]

    def test_several(self, two: Path) -> None:
        paths = (f"experiments/{name}/exp/001.yaml" for name in ("002-other", "001-baseline"))
        assert self.checked(two, *paths) == ["001-baseline", "002-other"]

    def test_unrelated_files(self, two: Path) -> None:
        assert self.checked(two, "README.md", "setup.py", "data/train.yaml", "../elsewhere.yaml") == []
        assert self.checked(two) == []

    def test_a_module_elsewhere_that_the_entry_point_imports(self, two: Path) -> None:
        entry = two / "experiments" / "002-other" / "train.py"
        text = entry.read_text("utf-8").replace("batch_size: int = 16", "batch_size: int = SIZE")
        path = "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parents[2]))\n"
        write(
            entry.parent,
            {"train.py": text.replace("import hydra\n", f"{path}from shared.sizes import SIZE\nimport hydra\n")},
        )
        write(two, {"shared/__init__.py": "", "shared/sizes.py": "SIZE = 16\n"})
        assert self.checked(two, "shared/sizes.py") == ["002-other"]
        assert self.checked(two, "setup.py") == []

    def test_where_there_is_no_experiment(self, elsewhere: Path) -> None:
        write(elsewhere, {"a.py": "\n"})
        assert self.checked(elsewhere, "a.py") == []


def test_an_interpolation_is_corrected_by_the_name_of_its_field(project: Path, experiment: Path) -> None:
    write(experiment, {"exp/002.yaml": "defaults:\n  - default@_here_\n\nname: x\nnotes: lr ${exp.lr}\n"})
    assert "did you mean ${exp.learning_rate}?" in run("validate.py", cwd=project).out


def test_a_value_that_nothing_reads_is_worth_a_warning_where_a_file_sets_it(project: Path, experiment: Path) -> None:
    train = (experiment / "train.py").read_text()
    reads = "{cfg.exp.learning_rate} {cfg.exp.batch_size} {cfg.exp.epochs} {cfg.exp.debug} {cfg.env.output_dir}"
    reads += " {cfg.exp.fold} {cfg.env.model_output_dir}"
    write(experiment, {"train.py": train.replace("{cfg.exp.name}", reads)})
    write(experiment, {"exp/002.yaml": "defaults:\n  - default@_here_\n\nname: 002-seed\nseed: 7\n"})
    found = [f for f in run("validate.py", "--json", cwd=project).json["findings"] if f["code"] == "ES333"]
    said = [(f["severity"], f["message"]) for f in found]
    assert ("warning", "nothing reads exp.seed, which exp/002 sets in vain") in said
    assert ("warning", "nothing reads env.base_model, which env/local sets in vain") in said
    assert len(said) == 2


def test_a_habit_of_the_whole_project_is_said_once(project: Path, experiment: Path) -> None:
    """Where every experiment writes below the working directory, that is one sentence, with all of their files."""
    text = (experiment / "train.py").read_text()
    text = text.replace("    print(f", "    import os\n    os.makedirs(cfg.env.output_dir)\n    print(f")
    for name in ("001-baseline", "002-next", "003-last"):
        write(project / "experiments" / name, {**PLAIN_EXPERIMENT, "train.py": text.replace("001-baseline", name)})
    out = run("validate.py", "--select", "ES503", cwd=project).out
    assert out.count("warning ES503") == 3  # asked for
    out = run("validate.py", cwd=project).out
    assert out.count("warning ES503") == 1
    assert "  likewise: experiments/002-next/train.py, experiments/003-last/train.py\n" in out
    assert len([f for f in run("validate.py", "--json", cwd=project).json["findings"] if f["code"] == "ES503"]) == 3


def test_git_is_asked_about_each_experiment_in_its_own_checkout(project: Path, experiment: Path) -> None:
    other, own = project / "experiments" / "002-linked", project / "experiments" / "003-apart"
    for folder in (other, own):
        shutil.copytree(experiment, folder)
    shutil.move(other / "env", project / "machines")
    (other / "env").symlink_to(project / "machines")
    write(project, {".gitignore": "/experiments/001-baseline/env/\n/machines/\nexp/\n"})
    for checkout in (project, own):
        git(checkout, "init", "-q")
    found = run("validate.py", "--json", "--select", "ES510", cwd=project).json["findings"]
    said = {(one["path"], re.sub(r".*: line", "line", one["message"])) for one in found}
    assert said == {
        ("experiments/001-baseline/exp/001.yaml", "line 3 of .gitignore is 'exp/'"),
        ("experiments/001-baseline/env/local.yaml", "line 1 of .gitignore is '/experiments/001-baseline/env/'"),
        ("experiments/002-linked/exp/001.yaml", "line 3 of .gitignore is 'exp/'"),
        ("experiments/002-linked/env/local.yaml", "line 2 of .gitignore is '/machines/'"),
    }
