"""show.py: what `--cfg job` prints, byte for byte, and where each value comes from, without running the code."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from guides import answers
from running import SCRIPTS, run, run_entry, tree, write

pytestmark = pytest.mark.slow

_HERE = "defaults:\n  - default@_here_\n\n"
_FILES = {
    "exp/001.yaml": f"{_HERE}learning_rate: 1e-5\n",
    "exp/002.yaml": "defaults:\n  - 001@_here_\n\nlearning_rate: 1e-3\nfold: [1, 2]\nname: ${env.output_dir}/x\n",
    "env/local.yaml": f"{_HERE}output_dir: output/ローカル\n",
}
_ARGUMENTS = [
    [],
    ["exp=002"],
    ["exp=002", "env=local", "exp.batch_size=8"],
    ["exp.name=a-b/c.txt", "exp.learning_rate=1e-5", "exp.debug=true", "exp.notes=null"],
    ["exp.learning_rate=1", "exp.batch_size='32'", "exp.fold=[3,4]"],
    ["exp.name='a, b'", "++exp.new={a: 1}", "+extra.key=2"],
    ["exp.name=''", 'exp.notes="it\'s"'],
    ["exp=002", "env.output_dir=${exp.name}"],
    ["exp.seed=007"],
    ["exp.fold=[]", "exp.notes='1'"],
    ["exp.fold=[1, 2]", "exp.name='[1]'"],
    ["exp.fold='[1,2]'"],
    ["exp.name=a b", 'exp.notes=" x "'],
    ["exp.name=-1", "exp.notes=a:b"],
    ["exp.fold=[1,x]"],
    ["exp.name=1e-5", "exp.notes=0x10"],
    ["hydra.job.chdir=true", "exp=001"],
    ["+exp@other=001"],
    ["exp=[001,002]"],
]


@pytest.fixture
def made(experiment: Path) -> Path:
    return write(experiment, _FILES)


def test_yaml_is_what_cfg_job_prints(made: Path, project: Path) -> None:
    asked = [[*words, *more] for words in _ARGUMENTS for more in ([], ["--package", "exp"])]
    asked += [["exp=002", "--resolve"], ["exp=002", "env=local", "--resolve", "--package", "exp"]]
    asked += [["exp.name=${hydra:job.name}", "--resolve"], ["--package", "exp.fold"], ["--package", "exp.name"]]
    oracle = answers([[str(made / "train.py"), "--cfg", "job", *words] for words in asked])
    before = tree(project)
    for words, answer in zip(asked, oracle, strict=True):
        ran = run("show.py", "001", "--format", "yaml", *words, cwd=project)
        if answer["code"]:
            assert (ran.code, ran.out) == (2, ""), words
            assert ran.err.startswith("error: "), words
        else:
            assert ran.code == 0, (words, ran.err)
            assert ran.out == answer["out"], words
    assert tree(project) == before


def test_where_a_value_comes_from(made: Path, elsewhere: Path, project: Path) -> None:
    ran = run("show.py", "001", "002", "exp.seed=7", "--json", "--root", project, cwd=elsewhere)
    data = ran.json
    assert (data["version"], data["experiment"]) == (1, "experiments/001-baseline")
    assert data["choices"] == {"exp": "002", "env": "default"}
    assert data["config"]["exp"]["learning_rate"] == 1e-3
    rate = data["sources"]["exp.learning_rate"]
    assert (rate["kind"], rate["path"], rate["line"], rate["column"]) == (
        "parameter set", "experiments/001-baseline/exp/002.yaml", 4, 16,
    )  # fmt: skip
    assert [(one["kind"], one["path"].rpartition("/")[2], one["value"]) for one in rate["replaced"]] == [
        ("parameter set", "001.yaml", 1e-5),
        ("dataclass", "train.py", 2e-5),
    ]
    assert data["sources"]["exp.seed"]["kind"] == "command line"
    assert data["sources"]["exp.seed"]["word"] == "exp.seed=7"
    assert data["sources"]["exp.name"]["value"] == "${env.output_dir}/x"
    assert data["sources"]["env.output_dir"]["kind"] == "dataclass"
    assert data["sources"]["exp.fold"]["replaced"][0]["value"] == [0]


def test_one_value_and_only_what_differs(made: Path, project: Path) -> None:
    explained = run("show.py", "001", "exp=002", "--explain", "exp.learning_rate", cwd=project)
    assert [line.split()[:2] for line in explained.out.splitlines()] == [
        ["exp.learning_rate:", "0.001"],
        ["set", "in"],
        ["replaced", "experiments/001-baseline/exp/001.yaml:4:16"],
        ["replaced", f"experiments/001-baseline/train.py:{_line(made, 'learning_rate: float')}:28"],
    ]
    below = run("show.py", "001", "exp=002", "--explain", "env", cwd=project)
    assert "env.output_dir: " in below.out
    assert "exp." not in below.out
    changed = run("show.py", "001", "exp=002", "--only-changed", "--json", cwd=project).json
    assert changed["config"] == {"exp": {"name": "${env.output_dir}/x", "learning_rate": 1e-3, "fold": [1, 2]}}
    assert run("show.py", "001", "--only-changed", "--json", cwd=project).json["config"] == {}
    table = run("show.py", "001", "exp=002", "+extra=1", "exp.notes=3", "--format", "table", cwd=project)
    marks = {line.split()[1]: line[0] for line in table.out.splitlines() if line[0] != " "}
    assert marks["exp.learning_rate"] == "*"
    assert marks["extra"] == "+"
    assert "exp.batch_size" not in marks


def _line(experiment: Path, text: str) -> int:
    lines = (experiment / "train.py").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_a_failure_has_its_place_and_the_command_that_is_right(made: Path, project: Path) -> None:
    write(made, {"exp/003.yaml": f"{_HERE}learning_rte: 1\n"})
    wrong = {
        ("exp=003",): ("exp/003.yaml:4:1", "learning_rate"),
        ("exp=02",): ("exp/02", "show.py experiments/001-baseline exp=002"),
        ("exp=002", "exp.learning_rte=1"): (
            "learning_rte",
            "show.py experiments/001-baseline exp=002 exp.learning_rate=1",
        ),
        ("02",): ("no parameter set", "show.py experiments/001-baseline exp=002"),
        ("--explain", "learning_rte"): ("no such key", "--explain exp.learning_rate"),
        ("--package", "exq"): ("not in the config", "exp"),
        ("exp=001,002",): ("is a sweep", "show.py experiments/001-baseline exp=001"),
        ("exp=100",): ("does not read exp=100", r"'exp='\''100'\'''"),
    }
    for words, (what, next_words) in wrong.items():
        ran = run("show.py", "001", *words, cwd=project)
        assert (ran.code, ran.out) == (2, ""), (words, ran.err)
        assert what in ran.err, (words, ran.err)
        assert next_words in ran.told, (words, ran.err)


def test_nothing_of_the_users_is_run(made: Path, project: Path) -> None:
    train = made / "train.py"
    train.write_text(f"import not_installed\nopen('ran', 'w')\n{train.read_text(encoding='utf-8')}", encoding="utf-8")
    before = tree(project)
    for words in ([], ["--fields"], ["--resolve"], ["exp.fold=[1]"]):
        assert run("show.py", "001", "exp=002", *words, cwd=project).code == 0
    assert tree(project) == before


def test_hydra_is_imported_only_where_it_is_needed(made: Path, project: Path) -> None:
    def imported(*words: str) -> bool:
        command = [sys.executable, "-X", "importtime", str(SCRIPTS / "show.py"), "001", *words]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=project)
        return any(line.split("|")[-1].strip() == "hydra" for line in ran.stderr.splitlines())

    assert not imported("exp=002", "env=local", "exp.seed=7", "--json")
    assert not imported("exp=002", "--resolve")
    assert not imported("exp=002", "exp.fold=[3]", "exp.name='a b'")
    assert imported("exp=002", "+extra=3")


def test_fields(made: Path, project: Path) -> None:
    data = run("show.py", "001", "--fields", "--json", cwd=project).json
    assert data["groups"]["exp"]["default"] == "default"
    assert data["groups"]["exp"]["options"]["002"]["path"] == "experiments/001-baseline/exp/002.yaml"
    fields = {field["key"]: field for field in data["fields"]}
    rate = fields["exp.learning_rate"]
    assert (rate["type"], rate["default"], rate["line"]) == ("float", 2e-5, _line(made, "learning_rate: float"))
    assert set(rate["set_by"]) == {"exp=001", "exp=002"}
    assert set(fields["env.output_dir"]["set_by"]) == {"env=local"}
    text = run("show.py", "001", "--fields", cwd=project).out
    assert "exp.learning_rate" in text


def test_fields_of_a_file_whose_header_begins_at_the_root(elsewhere: Path) -> None:
    code = "import hydra\n\n\n@hydra.main(version_base=None, config_path='.', config_name='config')\n"
    code += "def main(cfg):\n    print(cfg.trainer.lr)\n\n\nif __name__ == '__main__':\n    main()\n"
    config = "defaults:\n  - speed: slow\n  - _self_\n\ntrainer:\n  steps: 3\n"
    slow = "# @package _global_.trainer\nlr: 1\n"
    folder = write(elsewhere / "001-x", {"train.py": code, "config.yaml": config, "speed/slow.yaml": slow})
    assert yaml.safe_load(run_entry(folder / "train.py", "--cfg", "job").out) == {"trainer": {"lr": 1, "steps": 3}}
    fields = run("show.py", "001", "--fields", "--json", cwd=elsewhere).json["fields"]
    assert [field["key"] for field in fields] == ["trainer.lr"]


def test_what_a_run_had_and_would_have_now(made: Path, project: Path) -> None:
    words = ["exp=002", "exp.seed=7", "hydra.output_subdir=.hydra", "hydra.run.dir=ran"]
    assert run_entry(made / "train.py", *words).code == 0
    folder = made / "ran"
    assert (folder / ".hydra" / "config.yaml").is_file()
    same = run("show.py", "--run", folder, "--json", cwd=project)
    assert (same.json["experiment"], same.json["differences"]) == ("experiments/001-baseline", {})
    assert same.json["config"]["exp"]["seed"] == 7
    assert same.json["choices"]["exp"] == "002"
    write(made, {"exp/002.yaml": f"{_HERE}learning_rate: 1e-3\nfold: [1, 2, 3]\n"})
    changed = run("show.py", "--run", folder, "--json", cwd=project).json["differences"]
    assert {key: (one["ran"], one["now"]) for key, one in changed.items()} == {
        "exp.fold": ([1, 2], [1, 2, 3]),
        "exp.name": ("${env.output_dir}/x", "default"),
    }
    assert changed["exp.fold"]["source"]["path"].endswith("exp/002.yaml")
    table = run("show.py", "--run", folder, "--format", "table", cwd=project)
    assert "exp/002.yaml:5:7" in table.out
    write(made, {"exp/002.yaml": f"{_HERE}learning_rte: 1e-3\n"})
    refused = run("show.py", "--run", folder, cwd=project)
    assert refused.code == 0
    assert "learning_rte" in refused.err
    nothing = run("show.py", "--run", made / "exp", cwd=project)
    assert nothing.code == 2
    assert "no config was saved" in nothing.err


def test_on_a_terminal_it_is_a_coloured_table(made: Path, project: Path) -> None:
    def shown(**env: str) -> str:
        leader, follower = pty.openpty()
        command = [sys.executable, str(SCRIPTS / "show.py"), "001", "exp=002"]
        known = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        subprocess.run(command, stdout=follower, stderr=subprocess.DEVNULL, cwd=project, check=True,
                       env={**known, "TERM": "xterm", **env})  # fmt: skip
        os.close(follower)
        return os.read(leader, 100_000).decode()

    assert "\033[33m*  exp.learning_rate" in shown()
    plain = shown(NO_COLOR="1")
    assert "*  exp.learning_rate" in plain
    assert "\033" not in plain


def test_help_names_the_exit_codes(project: Path) -> None:
    ran = run("show.py", "--help", cwd=project)
    assert ran.code == 0
    assert "--only-changed" in ran.out
    assert run_entry(SCRIPTS / "show.py", "--version", cwd=project).code == 0


@pytest.mark.parametrize("unknown", ["a base class of a library", "more fields than anybody writes"])
def test_what_only_running_the_code_would_tell_is_said_to_be_lacking(
    project: Path, experiment: Path, elsewhere: Path, unknown: str
) -> None:
    entry = experiment / "train.py"
    text = entry.read_text(encoding="utf-8")
    assert not run("show.py", "--root", project, "001", cwd=elsewhere).err
    if unknown.startswith("a base"):
        text = text.replace("class ExpConfig:", "class ExpConfig(library.Base):").replace(
            "import hydra\n", "import hydra\nimport library\n"
        )
    else:
        text = text.replace(
            "class ExpConfig:\n", "class ExpConfig:\n" + "".join(f"    x{n}: int = {n}\n" for n in range(20_000))
        )
    write(experiment, {"train.py": text})
    shown = run("show.py", "--root", project, "001", cwd=elsewhere)
    assert (shown.code, "what is stored as exp/default" in shown.err) == (0, True)
    added = run("add_exp.py", "--root", project, "001", "seed=9", cwd=elsewhere)
    assert (added.code, "without running the code" in added.err) == (2, True)
    checked = run("validate.py", "--root", project, "--json", cwd=elsewhere)
    assert [f["message"] for f in checked.json["findings"] if f["code"] == "ES307"] != []
