"""compare.py --runs: which result belongs to which config, and whether it still does."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from edits import KINDS, Hydra, RunJudge
from experiment_setup.comparing.compared import Request, compare
from experiment_setup.comparing.states import Runs
from experiment_setup.errors import CommandError
from experiment_setup.project import Experiment, Project
from running import run, tree, write

pytestmark = pytest.mark.any_hydra

_HERE = "defaults:\n  - default@_here_\n\n"
_FILES = {
    "exp/001.yaml": f"{_HERE}learning_rate: 1e-5\nname: first\n",
    "exp/002.yaml": f"{_HERE}batch_size: 64\nname: second\n",
    "env/local.yaml": f"{_HERE}output_dir: output/ローカル\n",
}
_CONFIG = {
    "exp": {"name": "first", "seed": 42, "learning_rate": 1e-5, "batch_size": 16},
    "env": {"output_dir": "somewhere else"},
}


@pytest.fixture
def made(experiment: Path) -> Path:
    return write(experiment, _FILES)


def record(status: str = "done", choices: Any = None, overrides: Any = None, accuracy: float = 0.5, **exp: Any) -> str:
    """What the template writes of a run."""
    chosen = {"exp": "001", "env": "default", **(choices or {})}
    words = [*(f"{group}={option}" for group, option in chosen.items() if option != "default"), *(overrides or [])]
    config = {**_CONFIG, "exp": {**_CONFIG["exp"], **exp}}
    return json.dumps(
        {**config, "choices": chosen, "overrides": words, "status": status, "mean": {"accuracy": accuracy}}
    )


def rows(project: Path, *words: str, **more: Any) -> list[dict[str, Any]]:
    found = compare(Request(project, words, runs=True, **more)).data()["rows"]
    return list(found)


def states(project: Path, *words: str) -> dict[str, str]:
    return {" ".join([*row["choices"].values(), *row["overrides"]]): row["state"] for row in rows(project, *words)}


def test_the_sets_of_an_experiment_are_listed_once_for_all_runs(
    made: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five hundred experiments with two runs each took the product of both."""
    for number in range(2, 6):
        files = {name: (made / name).read_text() for name in ("config.yaml", "train.py", "exp/001.yaml")}
        write(project / f"experiments/{number:03}-other", files)
    for number in range(20):
        write(project, {f"output/{number}/result.json": record(choices={"exp": "002"})})
    real, asked = Experiment.options, list[Path]()
    monkeypatch.setattr(Experiment, "options", lambda self, group: asked.append(self.folder) or real(self, group))
    found = Runs.below(Project(project))
    assert len(found.of(Project(project).experiments[0], [])) == 20  # the only one that has a set 002
    assert len(asked) == len(set(asked))


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_planted_edits(kind: str, tmp_path: Path) -> None:
    """At size: python tests/harness/edits.py --runs --edits 100."""
    judge = RunJudge(tmp_path, random.Random(KINDS.index(kind)), 3, Hydra(), kind)
    counts = [judge.plant()[1] for _ in range(5)]
    assert sum(counts) > 0
    assert 0 in counts


def test_each_state(made: Path, project: Path) -> None:
    assert states(project) == {"001": "not run", "001 local": "not run", "002": "not run", "002 local": "not run"}
    write(
        project / "output/001-baseline",
        {
            "001/result.json": record(),
            "002/result.json": record("failed", {"exp": "002"}, name="second", batch_size=64, learning_rate=2e-5),
            "001-local/result.json": record("running", {"env": "local"}),
        },
    )
    before = tree(project)
    assert states(project) == {"001": "done", "001 local": "running", "002": "failed", "002 local": "not run"}
    assert tree(project) == before
    [first, *_] = rows(project)
    assert (first["run"], first["results"]) == ("output/001-baseline/001", {"accuracy": 0.5})
    text = (made / "exp/001.yaml").read_text()
    write(made, {"exp/001.yaml": text.replace("1e-5", "3e-5")})
    assert states(project)["001"] == "stale"
    assert rows(project)[0]["changed"] == {"exp.learning_rate": [1e-5, 3e-5]}
    write(made, {"exp/001.yaml": text.replace("1e-5", "0.00001") + "notes: better than the others\n"})
    assert states(project)["001"] == "done"


def test_values_given_by_hand_are_a_row_of_their_own(made: Path, project: Path) -> None:
    write(
        project / "output/001-baseline",
        {
            "001/result.json": record(accuracy=0.5),
            "001-seed-1/result.json": record(overrides=["exp.seed=1"], seed=1, accuracy=0.7),
        },
    )
    found = {" ".join(row["overrides"]): row for row in rows(project, "001", "001", "env=default")}
    assert {words: (row["state"], row["results"]["accuracy"]) for words, row in found.items()} == {
        "": ("done", 0.5),
        "exp.seed=1": ("done", 0.7),
    }
    assert found["exp.seed=1"]["values"]["exp.seed"] == 1
    best = rows(project, sort=["-accuracy"])
    assert [row["results"].get("accuracy") for row in best][:3] == [0.7, 0.5, None]


def test_the_best_of_several_runs(made: Path, project: Path) -> None:
    """One of today's values before one of other values, one that ended before one that failed."""
    for name, status, more in (
        ("a", "done", {"learning_rate": 3.0}),
        ("b", "failed", {}),
        ("c", "done", {}),
        ("d", "running", {"seed": 1}),
    ):
        write(project / f"output/{name}", {"result.json": record(status, **more)})
    [first, *_] = rows(project, "001")
    assert (first["state"], first["run"]) == ("done", "output/c")


def test_what_to_run_next(made: Path, project: Path) -> None:
    """What is stale, and what has no result in any environment: a sweep of these where there are several."""

    def following(*words: str) -> list[str]:
        data = compare(Request(project, words, runs=True)).data()
        return [re.split(r"/train.py | 'env.output_dir=", command)[1] for command in data["next"]]

    write(made, {"exp/003.yaml": f"{_HERE}name: third\n", "exp/004.yaml": f"{_HERE}name: fourth\nsice: 3\n"})
    assert following() == ["-m exp=001,002,003"]
    assert following("001", "env=local") == ["-m exp=001,002,003 env=local"]
    assert following("001", "003") == ["exp=003"]
    local = {"exp": "002", "env": "local"}
    second = {"name": "second", "batch_size": 64, "learning_rate": 2e-5}
    place = project / "output/001-baseline"
    write(place, {"001/result.json": record(), "002-local/result.json": record("failed", local, **second)})
    write(place, {"003/result.json": record("running", {"exp": "003"}, name="third")})
    assert following() == ["exp=002 env=local"]
    write(place, {"001-seed-1/result.json": record(overrides=["exp.seed=1"], seed=1)})
    write(made, {"exp/001.yaml": (made / "exp/001.yaml").read_text().replace("1e-5", "1e-3")})
    assert following() == ["exp=001", "exp=002 env=local", "exp=001 exp.seed=1"]
    ran = run("compare.py", "--runs", cwd=project)
    command = next(line for line in ran.out.splitlines() if line.endswith("train.py exp=001 exp.seed=1"))
    assert f"next:\n{command.rpartition('exp=001 ')[0].rstrip()}" in ran.out.replace(" exp=001\n", "\n")
    words = [*command.split()[-3:], "--cfg", "job"]
    asked = subprocess.run([sys.executable, *words], cwd=project, capture_output=True, text=True, check=True)
    assert "learning_rate: 0.001" in asked.stdout
    assert "seed: 1\n" in asked.stdout


def test_the_environment_of_a_run_that_has_only_its_values(made: Path, project: Path) -> None:
    """The path names the set; the twin has the values of the default environment."""
    config = "exp:\n  name: first\n  learning_rate: 1.0e-05\nenv:\n  output_dir: {}\n"
    write(project / "saved/001", {"config.yaml": config.format("output/ローカル")})
    assert states(project, "001", "001") == {"001": "not run", "001 local": "unknown"}
    write(project / "saved/001", {"config.yaml": config.format("output/001-baseline")})
    assert states(project, "001", "001") == {"001": "unknown", "001 local": "not run"}


def test_results_on_another_disk(made: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    disk = tmp_path_factory.mktemp("disk")
    write(disk / "out/here", {"result.json": record(overrides=["env=local"], choices={"env": "local"})})
    assert states(project)["001 local"] == "not run"
    write(made, {"env/local.yaml": f"{_HERE}output_dir: {disk}/out\n"})
    [row] = [row for row in rows(project) if row["state"] != "not run"]
    assert (row["choices"], row["run"]) == ({"exp": "001", "env": "local"}, f"{disk}/out/here")


def test_models_beside_a_run_are_no_other_run(made: Path, project: Path) -> None:
    config = "exp:\n  name: first\n  seed: 42\n  learning_rate: 1.0e-05\n  batch_size: 16\nenv:\n  output_dir: x\n"
    write(project / "output/001-seed-7", {"config.yaml": config, "result.json": record(overrides=["exp.seed=7"])})
    write(project / "models/001-seed-7", {"config.yaml": config})
    write(project / "output/other", {"config.yaml": "layers: 3\nkind: bert\n"})
    assert states(project)["001"] == "not run"


def test_no_secret_is_shown(made: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A saved config has what the environment had."""
    monkeypatch.setenv("MY_TOKEN", "s3cret-token-value")
    write(made, {"exp/001.yaml": f"{_HERE}notes: ${{oc.env:MY_TOKEN}}\nname: first\nlearning_rate: 1e-5\n"})
    write(
        project / "output/001", {"result.json": record(notes="s3cret-token-value", learning_rate="s3cret-token-value")}
    )
    for words in (["--runs"], ["--runs", "--all"], ["--runs", "--json"], ["--runs", "--format", "csv", "--all"]):
        ran = run("compare.py", *words, cwd=project)
        assert (ran.code, "s3cret" in ran.out + ran.err) == (0, False), words
    assert rows(project)[0]["changed"].keys() == {"exp.learning_rate"}


def test_runs_that_only_a_tracker_has(made: Path, project: Path) -> None:
    """Told by exp.name; code may log cfg.exp alone or with slashes, and more than the config."""
    for name, values in (
        ("aaaa", {"name": "first", "learning_rate": 1e-5, "n_params": 1000}),
        ("bbbb", {"exp/name": "second", "exp/batch_size": 65}),
        ("cccc", {"name": "third", "learning_rate": 1e-5}),
    ):
        text = "".join(f"{key}:\n  value: {value}\n" for key, value in values.items())
        write(project / f"wandb/offline-run-20260101_000000-{name}/files", {"config.yaml": text})
    found = {
        row["choices"]["exp"]: (row["state"], list(row["changed"]), row["run"])
        for row in rows(project, "001", "env=default")
    }
    place = "wandb/offline-run-20260101_000000-"
    assert found == {
        "001": ("unknown", [], f"{place}aaaa"),
        "002": ("stale", ["exp.batch_size"], f"{place}bbbb"),
    }


def test_what_only_the_code_can_tell_is_no_change(made: Path, project: Path) -> None:
    text = (made / "train.py").read_text()
    start = "import socket\n"
    for kind, default in (("str", "socket.gethostname()"), ("int", "socket.has_dualstack_ipv6() + 70")):
        field = f"    where: {kind} = {default}\n    seed: int"
        write(made, {"train.py": start + text.replace("    seed: int", field, 1)})
        write(project / "output/001", {"result.json": record(where={"str": "host", "int": 71}[kind])})
        assert states(project, "001", "001", "env=default") == {"001 default": "done"}
    write(made, {"exp/001.yaml": (made / "exp/001.yaml").read_text() + "where: 5\n"})
    assert rows(project, "001", "001")[0]["changed"] == {"exp.where": [71, 5]}


def test_show_run_says_the_same(made: Path, project: Path) -> None:
    write(project / "output/001-baseline/001", {"result.json": record(seed=1, accuracy=0.9)})
    [row, *_] = rows(project, "001", "001")
    shown = run("show.py", "--run", "output/001-baseline/001", "--json", cwd=project).json
    assert (row["state"], list(row["changed"])) == (shown["state"], shown["stale"]) == ("stale", ["exp.seed"])
    write(project / "output/001-baseline/001", {"result.json": record()})
    shown = run("show.py", "--run", "output/001-baseline/001", "--json", cwd=project).json
    assert (shown["state"], shown["stale"]) == ("done", [])
    # One that says of its set no more than the name of its folder.
    [second] = [row["values"] for row in rows(project, "001", "002", "env=default", all=True) if not row["overrides"]]
    config = OmegaConf.create()
    for key, value in {**second, "exp.batch_size": 65}.items():
        OmegaConf.update(config, key, value)
    write(project / "saved/002", {"config.yaml": OmegaConf.to_yaml(config)})
    shown = run("show.py", "--run", "saved/002", "--json", cwd=project).json
    [row] = [row for row in rows(project, "001", "002") if row["run"]]
    assert (row["state"], list(row["changed"])) == (shown["state"], shown["stale"]) == ("stale", ["exp.batch_size"])
    assert list(shown["differences"]) == ["exp.batch_size"]


def test_scores_of_a_file(made: Path, project: Path) -> None:
    file = project / "scores.csv"
    file.write_text("\ufeffexp,lb,note\n001,0.81,第一\n2,1e-3,\n009,1,\n", "utf-8")
    found = compare(Request(project, results=file, sort=["-lb"]))
    assert [row["results"] for row in found.data()["rows"]] == [{"lb": 0.81, "note": "第一"}, {"lb": 0.001}]
    assert any("exp=009" in line for line in found.notes())
    file.write_bytes(
        "Exp;lb;note\r\n001;0,5;a,b\r\n001;0,75;\r\n;9;\r\n\r\n002;3\r\n".encode("utf-8-sig")
    )  # as of Excel
    found = compare(Request(project, results=file))
    first, second, third = ({"lb": 0.75, "note": "a,b"}, {"lb": 3}, {})
    assert [row["results"] for row in found.data()["rows"]][:3] == [first, second, third][: len(_FILES) - 1]
    assert any("2 lines of" in line and "exp=001" in line for line in found.notes())
    file.write_text("exp\tlb\n001\t1e-3\n")
    assert compare(Request(project, results=file)).data()["rows"][0]["results"] == {"lb": 0.001}
    for text in (
        "lb\n1\n",
        "",
        "env,lb\nlocal,1\n",
        "exp,lb\n",
        "exp,exp,lb\n001,002,1\n",
        'exp,lb\n"001,1\n',
        "exp,あ\n1,2",
    ):
        file.write_text(text, "shift_jis")
        with pytest.raises(CommandError):
            compare(Request(project, results=file))
    with pytest.raises(CommandError):
        compare(Request(project, results=project / "none.csv"))
