"""compare.py: what differs between composed configs, and nothing else; the real Hydra is asked what they are."""

from __future__ import annotations

import csv
import io
import re
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from experiment_setup import visible
from experiment_setup.comparing import table
from experiment_setup.comparing.compared import Compared, Request, compare
from experiment_setup.errors import CommandError
from experiment_setup.style import Style
from guides import answers
from running import run, tree, write

pytestmark = pytest.mark.any_hydra

_HERE = "defaults:\n  - default@_here_\n\n"
_FILES = {
    "exp/001.yaml": f"{_HERE}learning_rate: 1e-5\nname: first\n",
    "exp/002.yaml": "defaults:\n  - 001@_here_\n\nlearning_rate: 1e-3\nfold: [1, 2]\nnotes: ''\n",
    "exp/003.yaml": f"{_HERE}batch_size: 64\nname: 三番目の長い名前\n",
    "env/local.yaml": f"{_HERE}output_dir: output/ローカル\n",
}


@pytest.fixture
def made(experiment: Path) -> Path:
    return write(experiment, _FILES)


def leaves(config: Any, key: str = "") -> dict[str, Any]:
    if isinstance(config, dict) and (config or not key):
        return {
            k: v for name, item in config.items() for k, v in leaves(item, f"{key}.{name}" if key else name).items()
        }
    return {key: config}


def oracle(entry: Path, words: list[list[str]]) -> list[dict[str, Any]]:
    """What Hydra composes, by dotted key."""
    ran = answers([[str(entry), "--cfg", "job", *each] for each in words])
    assert not any(one["code"] for one in ran)
    return [leaves(OmegaConf.to_container(OmegaConf.create(one["out"]))) for one in ran]


def test_rows_and_columns_are_hydras(made: Path, project: Path, elsewhere: Path) -> None:
    before = tree(project)
    data = run("compare.py", "001", "--all", "--json", "--root", project, cwd=elsewhere).json
    composed = oracle(made / "train.py", [[f"exp={name}"] for name in ("001", "002", "003")])
    assert [row["choices"] for row in data["rows"]] == [{"exp": "001"}, {"exp": "002"}, {"exp": "003"}]
    assert [row["values"] for row in data["rows"]] == composed
    shown = run("compare.py", "001", "--json", cwd=project).json
    differ = {key for key in composed[0] if len({repr(config[key]) for config in composed}) > 1}
    assert set(shown["columns"]) | set(shown["ignored"]) == differ
    assert set(shown["ignored"]) == {"exp.name", "exp.notes"}
    assert tree(project) == before


def test_two_sets_are_a_diff_sorted_by_key(made: Path, project: Path) -> None:
    ran = run("compare.py", "001", "003", "002", cwd=project)
    lines = [line.split(maxsplit=1) for line in ran.out.splitlines()]
    assert lines[0][1].split() == ["003", "002"]
    assert [key for key, _ in lines[1:]] == ["batch_size", "fold", "learning_rate"]
    write(made, {"exp/004.yaml": _FILES["exp/002.yaml"] + "name: the same\n"})
    assert run("compare.py", "001", "003", "002", "--exit-code", cwd=project).code == 1
    assert run("compare.py", "001", "002", "004", "--exit-code", cwd=project).code == 0


def test_what_is_named(made: Path, project: Path) -> None:
    """Sets behind their experiment, paths of files, one set of several experiments; one alone beside the defaults."""
    other = project / "experiments/002-other"
    write(other, {name: (made / name).read_text() for name in ("train.py", "config.yaml", "exp/001.yaml")})

    def named(*words: str) -> list[tuple[str, str]]:
        rows = compare(Request(project, words)).data()["rows"]
        return [(row["experiment"].rpartition("/")[2], row["choices"].get("exp", "")) for row in rows]

    one, two = "001-baseline", "002-other"
    assert named("001", "002") == [(one, ""), (one, "002")]
    assert named("002-other") == [(two, ""), (two, "001")]
    assert named(one, two) == [(one, "001"), (one, "002"), (one, "003"), (two, "001")]
    assert named("exp=001") == named(one, two, "001") == [(one, "001"), (two, "001")]
    assert named(str(made / "exp/002.yaml"), "experiments/002-other/exp/001.yaml") == [(one, "002"), (two, "001")]
    assert named("001", "exp=003", "002-other", "exp=001") == [(one, "003"), (two, "001")]
    assert named("001", "exp=001,003") == [(one, "001"), (one, "003")]


@pytest.mark.slow
def test_sets_of_a_group_called_experiment(project: Path) -> None:
    """They stand in a column of that name, once each however they are named."""
    start = "@hydra.main(version_base=None, config_path='conf', config_name='config')"
    code = f"import hydra\n\n\n{start}\ndef main(cfg): ...\n"
    shutil.rmtree(project / "experiments")
    place = write(
        project / "app",
        {
            "run.py": f'{code}\n\nif __name__ == "__main__":\n    main()\n',
            "conf/config.yaml": "defaults:\n  - model: small\n  - _self_\n  - experiment: null\n\nseed: 1\n",
            "conf/model/small.yaml": "layers: 2\n",
            "conf/model/big.yaml": "layers: 8\n",
            "conf/experiment/a.yaml": "# @package _global_\nseed: 2\n",
            "conf/experiment/b.yaml": "# @package _global_\ndefaults:\n  - override /model: big\n",
        },
    )
    composed = oracle(place / "run.py", [["experiment=a"], ["experiment=b"]])
    for words in ([], ["a", "b"], ["experiment=a,b"], ["app", "b", "a"]):
        data = run("compare.py", *words, "--json", cwd=project).json
        assert sorted(row["choices"]["experiment"] for row in data["rows"]) == ["a", "b"]
        for row in data["rows"]:
            own = composed["ab".index(row["choices"]["experiment"])]
            assert row["values"] == {key: own[key] for key in ("model.layers", "seed")}
    assert run("compare.py", cwd=project).out.splitlines()[0].split() == ["experiment", "a", "b"]
    write(project / "other", {path.relative_to(place).as_posix(): path.read_text() for path in place.rglob("*.*")})
    assert run("compare.py", "--format", "csv", cwd=project).out.splitlines()[1].startswith("app,a,")


def test_csv_tells_apart_what_looks_alike(made: Path, project: Path) -> None:
    values = {"a": "false", "b": "0", "c": '""', "d": "null", "e": None, "f": '"false"', "g": "0.0"}
    for name, value in values.items():
        text = "" if value is None else f"  odd: {value}\n"
        write(made, {f"exp/{name}.yaml": f"# @package _global_\nexp:\n  seed: 1\nextra:\n  here: 1\n{text}"})
    ran = run("compare.py", "001", *values, "--format", "csv", cwd=project)
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    found = {row["exp"]: row["extra.odd"] for row in rows}
    assert {name: yaml.safe_load(text) if text else "missing" for name, text in found.items()} == {
        "a": False, "b": 0, "c": "", "d": None, "e": "missing", "f": "false", "g": 0.0,
    }  # fmt: skip
    assert len(set(found.values())) == len(values)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["learning_rate<1e-4"], ["001", "003"]),
        (["exp.learning_rate>=1e-3"], ["002"]),
        (["batch_size=64"], ["003"]),
        (["notes=''"], ["002"]),
        (["notes=null", "learning_rate<2e-5"], ["001"]),
        (["name!=first"], ["003"]),
        (["fold=[1, 2]"], ["002"]),
        (["name>5"], []),
        (["exp=002"], ["002"]),
        (["__import__('os')=1"], None),
    ],
)
def test_where(made: Path, project: Path, words: list[str], names: list[str] | None) -> None:
    if names is None:
        with pytest.raises(CommandError):
            compare(Request(project, ["001"], where=words))
    else:
        data = compare(Request(project, ["001"], where=words)).data()
        assert [row["choices"]["exp"] for row in data["rows"]] == names


def test_why_no_config_is_left(made: Path, project: Path) -> None:
    def said(*words: str) -> str:
        return "\n".join(compare(Request(project, ["001"], where=words)).notes())

    assert "exp is 001, 002, 003 here" in said("exp=2")
    assert "exp.batch_size is 16, 64 here" in said("batch_size>100")
    assert "together" in said("batch_size=64", "learning_rate=1e-5")
    assert "show.py experiments/001-baseline exp=003" in said("batch_size=64")
    assert "here" not in said("batch_size=16", "experiment=001")


def test_sort_takes_a_minus(made: Path, project: Path) -> None:
    for words, names in (
        (["--sort", "-learning_rate"], ["002", "003", "001"]),
        (["--sort", "learning_rate"], ["001", "003", "002"]),
    ):
        data = run("compare.py", "001", *words, "--json", cwd=project).json
        assert [row["choices"]["exp"] for row in data["rows"]] == names


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["001", "--where", "lerning_rate<1"], "compare.py 001 --where 'exp.learning_rate<1'"),
        (["001", "0003"], None),
        (["001", "--where", "learning_rate<1 and batch_size=16"], "--where 'learning_rate<1' --where batch_size=16"),
        (["001", "--where", "batch_size: 16"], "compare.py 001 --where batch_size=16"),
        (["001", "--where", "batch_size=>16"], "compare.py 001 --where 'batch_size>=16'"),
        (["001", "--since", "--where", "batch_size=16"], "compare.py 001 --since"),
        (["001-baselin"], "compare.py 001-baseline"),
        (["001", "--where", "batch_size=16 or seed=1"], "compare.py 001 --where batch_size=16"),
        (["001", "--where", "state=done"], "compare.py 001 --where state=done --runs"),
        (["001", "--sort", "-accuracy"], "compare.py 001 --sort -accuracy --runs"),
        (["001", "--runs", "--sort=-accuracy", "--all"], "compare.py 001 --runs --all"),
        (["001", "--sort", "-batchsize"], "compare.py 001 --sort -batch_size"),
        (["001", "--format", "cvs"], "compare.py 001 --format csv"),
    ],
)
def test_what_was_meant(made: Path, project: Path, words: list[str], meant: str | None) -> None:
    ran = run("compare.py", *words, cwd=project)
    assert (ran.code, ran.out) == (2, "")
    if meant:
        assert meant in ran.told


def test_a_narrow_terminal_has_the_telling_columns(made: Path, project: Path) -> None:
    """Every line fits, Japanese characters take two cells, and what there was no room for is named."""
    for number in range(4, 14):
        write(made, {f"exp/{number:03}.yaml": f"{_HERE}seed: {number}\nname: 実験その{number}\n"})
    found = compare(Request(project, ["001"], all=True))
    assert isinstance(found, Compared)
    wide, narrow = (table.text(found.comparison, Style(), width) for width in (None, 60))
    assert wide.left_out == []
    titles = narrow.lines[0].split()
    assert titles[:3] == ["exp", "name", "seed"]
    assert len(titles) + len(narrow.left_out) == len(wide.lines[0].split())
    assert not set(titles) & set(narrow.left_out)
    widths = [sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line) for line in narrow.lines]
    assert max(widths) <= 60
    starts = {line.split()[2] and _cell_of(line, 2) for line in narrow.lines}
    assert len(starts) == 1  # the third column begins at one place


def _cell_of(line: str, number: int) -> int:
    """Where a word of a line begins on the terminal."""
    start = [found.start() for found in re.finditer(r"\S+", line)][number]
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line[:start])


def test_defaults_are_dimmed_on_a_terminal(made: Path, project: Path) -> None:
    found = compare(Request(project, ["001", "001", "002"]))
    assert isinstance(found, Compared)
    lines = table.text(found.comparison, Style(colour=True), None).lines
    [size] = [line for line in lines if "batch_size" not in line and "learning_rate" in line]
    assert "2m" not in size.replace(visible.COLOUR, "")
    write(made, {"exp/004.yaml": _HERE})
    found = compare(Request(project, ["001", "001", "004"]))
    assert isinstance(found, Compared)
    lines = table.text(found.comparison, Style(colour=True), None).lines
    [rate] = [line for line in lines if "learning_rate" in line]
    assert rate.count(f"{visible.COLOUR}2m2.0e-05") == 1
