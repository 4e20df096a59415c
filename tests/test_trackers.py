"""The trackers of new_experiment.py --tracker: the real wandb and mlflow, without a network."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from environments import python_with
from guides import sections
from running import ROOT, Ran, hydra, run, run_entry, tree, write

pytestmark = pytest.mark.any_hydra

PACKAGES = ("wandb>=0.31,<1", "mlflow>=3.10,<4", "hydra-joblib-launcher>=1.2,<1.5")
KEY = "a" * 40
# What a fold has left in a .wandb file. wandb 0.31 has no reader in Python any more: the file is LevelDB's log format
# after a header of 7 bytes, and each entry of it wandb's own protobuf message.
READ_WANDB = """
import json, sys
from pathlib import Path
from wandb.proto.wandb_internal_pb2 import Record

found = []
for path in sorted(Path(sys.argv[1]).rglob("*.wandb")):
    data, position, message, run, history = path.read_bytes(), 7, b"", {}, []
    while position + 7 <= len(data):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        size, kind = int.from_bytes(data[position + 4 : position + 6], "little"), data[position + 6]
        message += data[position + 7 : position + 7 + size]
        position += 7 + size
        if kind in (1, 4):
            record, message = Record.FromString(message), b""
            if record.HasField("run"):
                one = record.run
                run = {"project": one.project, "group": one.run_group, "name": one.display_name, "notes": one.notes}
                run["config"] = {item.key: json.loads(item.value_json) for item in one.config.update}
            if record.HasField("history"):
                items = record.history.item
                history.append({(i.key or ".".join(i.nested_key)): json.loads(i.value_json) for i in items})
    found.append({**run, "history": history})
print(json.dumps(found))
"""
READ_MLFLOW = """
import json, sys
import mlflow

found = []
for uri in sys.argv[1:]:
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"]):
            history = {key: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]
                       for key in run.data.metrics}
            record = mlflow.artifacts.load_dict(run.info.artifact_uri + "/record.json")
            found.append({"uri": uri, "experiment": experiment.name, "name": run.info.run_name,
                          "status": run.info.status, "tags": run.data.tags, "params": run.data.params,
                          "history": history, "record": record})
print(json.dumps(found))
"""


@pytest.fixture
def python(request: pytest.FixtureRequest) -> Path:
    return python_with(request.config, PACKAGES)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my project"
    folder.mkdir()
    return folder


def new(project: Path, cwd: Path, tracker: str, *words: str) -> Path:
    """The entry point of a new experiment with this tracker, from the template unless told otherwise."""
    made = run("new_experiment.py", "--root", project, "baseline", "--tracker", tracker, *words, "--json", cwd=cwd)
    assert made.code == 0, made.err
    assert made.json["tracker"] == tracker
    return project / made.json["path"] / "train.py"


def train(python: Path, entry: Path, cwd: Path, *words: str, code: int = 0, **env: str) -> Ran:
    """Run it as somebody without an account, with nothing set that the machine of the tests may have set."""
    names = [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]
    nobody = {**dict.fromkeys(names, ""), "HOME": str(cwd), "NETRC": str(cwd / "none"), "WANDB_SILENT": "true"}
    ran = run_entry(entry, *words, cwd=cwd, env={**nobody, "PYTHONDONTWRITEBYTECODE": "", **env}, python=python)
    assert ran.code == code, ran.err
    return ran


def ask(python: Path, code: str, *arguments: str | Path) -> Any:
    words = [python, "-c", code, *map(str, arguments)]
    ran = subprocess.run(words, capture_output=True, text=True, encoding="utf-8")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def commit(project: Path) -> str:
    for words in (["init", "-q"], ["add", "experiments"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], cwd=project, check=True)
    return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=project, text=True).strip()


@pytest.fixture(params=["refuses", "never answers"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of one that can't be used."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if request.param == "never answers":
            listener.listen(100)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


# -- Weights & Biases -------------------------------------------------------------------------------------------------

OFFLINE = {"WANDB_MODE": "offline"}


@pytest.mark.long
def test_wandb_gets_a_run_a_fold_with_all_that_made_it(python: Path, project: Path, elsewhere: Path) -> None:
    entry = new(project, elsewhere, "wandb", "learning_rate=0.01")
    head = commit(project)
    words = ["exp=001", "exp.fold=[0,1]", "exp.notes=why"]
    train(python, entry, elsewhere, *words, **OFFLINE)
    runs = sorted(ask(python, READ_WANDB, project), key=lambda run: run["name"])
    assert [run["name"] for run in runs] == [f"001-fold-0-1-notes-why-fold{fold}" for fold in (0, 1)]
    (result,) = project.rglob("result.json")
    record = json.loads(result.read_text())
    for run_, fold in zip(runs, ("0", "1"), strict=True):
        assert (run_["project"], run_["group"], run_["notes"]) == ("001-baseline", "001-learning_rate-0.01", "why")
        config = run_["config"]
        assert {"exp": config["exp"], "env": config["env"]} == hydra(entry, *words, resolve=True)
        assert (config["choices"], config["overrides"]) == ({"exp": "001", "env": "default"}, words)
        assert config["git"] == {"commit": head, "dirty": False}
        assert [line["epoch"] for line in run_["history"]] == [0, 1, 2]
        assert record["folds"][fold].items() <= run_["history"][-1].items()
    assert not list(elsewhere.rglob("*.wandb"))


@pytest.mark.long
def test_wandb_projects_come_from_the_environment_or_the_variable(python: Path, project: Path, elsewhere: Path) -> None:
    entry = new(project, elsewhere, "wandb", "epochs=1")
    made = run("add_env.py", "--root", project, "001", "gpu", "wandb_project=of-gpu", cwd=elsewhere)
    assert made.code == 0, made.err
    train(python, entry, elsewhere, "-m", "exp=001", "env=default,gpu", **OFFLINE, WANDB_PROJECT="of-variable")
    assert {run_["project"] for run_ in ask(python, READ_WANDB, project)} == {"of-variable", "of-gpu"}


@pytest.mark.long
def test_wandb_stays_away_when_told_so(python: Path, project: Path, elsewhere: Path) -> None:
    entry = new(project, elsewhere, "wandb", "epochs=1")
    train(python, entry, elsewhere, "exp=001", WANDB_MODE="disabled")
    train(python, entry, elsewhere, "exp=001", "exp.debug=true")
    assert not (project / "wandb").exists()


@pytest.mark.long
def test_wandb_gets_enums_and_paths_as_strings(python: Path, project: Path, elsewhere: Path) -> None:
    entry = new(project, elsewhere, "wandb")
    notes, last = "    notes: str | None = None\n", "from pathlib import Path\n"
    fields = "    head: Head = Head.LINEAR\n    data: Path = Path('input/train.csv')\n"
    text = entry.read_text()
    assert notes in text
    assert last in text
    text = text.replace(notes, notes + fields, 1).replace(last, f"{last}from enum import Enum\n", 1)
    head = "class Head(Enum):\n    LINEAR = 1\n\n\n@dataclass\nclass ExpConfig:"
    entry.write_text(text.replace("@dataclass\nclass ExpConfig:", head, 1))
    train(python, entry, elsewhere, "exp.epochs=1", **OFFLINE)
    (run_,) = ask(python, READ_WANDB, project)
    assert (run_["config"]["exp"]["head"], run_["config"]["exp"]["data"]) == ("LINEAR", "input/train.csv")
    (result,) = project.rglob("result.json")
    assert json.loads(result.read_text())["exp"] == run_["config"]["exp"]


@pytest.mark.long
def test_wandb_without_a_key_is_said_before_the_training(python: Path, project: Path, elsewhere: Path) -> None:
    entry = new(project, elsewhere, "wandb")
    refused_in_one_line(python, entry, elsewhere, "wandb login", "WANDB_MODE=offline")


@pytest.mark.long
def test_wandb_out_of_reach_is_said_before_the_training(
    python: Path, project: Path, elsewhere: Path, server: str
) -> None:
    entry = new(project, elsewhere, "wandb")
    env = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server}
    refused_in_one_line(python, entry, elsewhere, server.removeprefix("http://"), "WANDB_MODE=offline", **env)


def refused_in_one_line(python: Path, entry: Path, cwd: Path, *said: str, **env: str) -> None:
    before = tree(entry.parent)
    ran = train(python, entry, cwd, "exp=001", code=1, **env)
    (line,) = [line for line in ran.err.splitlines() if "version_base" not in line]  # Hydra 1.4 warns of that
    assert all(words in line for words in said), line
    assert not list(entry.parents[2].rglob("result.json"))
    assert before.items() <= tree(entry.parent).items()


@pytest.mark.long
def test_the_snippet_for_other_entry_points_does_what_is_said_of_it(
    python: Path, project: Path, elsewhere: Path
) -> None:
    entry = new(project, elsewhere, "none")
    blocks = [block for section in sections(ROOT / "references/tracking.md") for block in section.blocks]
    (snippet,) = (block.text for block in blocks if block.language == "python")
    words = ["exp=001", "exp.fold=[0,1]"]
    composed = hydra(entry, *words, resolve=True)
    text = entry.read_text()
    main = "@hydra.main"
    body = (
        "    for fold in cfg.exp.fold:\n        with start_run(cfg, fold) as run:\n            run.log({'a': fold})\n"
    )
    start, rest = text.index(main), text.index('if __name__ == "__main__"')
    entry.write_text(
        f"{text[:start]}{snippet}\n\n{main}(version_base=None, config_path='.', config_name='config')\n"
        f"def main(cfg):\n{body}\n\n{text[rest:]}"
    )
    train(python, entry, elsewhere, *words, **OFFLINE)
    runs = sorted(ask(python, READ_WANDB, project), key=lambda run_: run_["name"])
    assert [(run_["project"], run_["group"], run_["name"]) for run_ in runs] == [
        ("my-project", "001-baseline", f"001-baseline-fold{fold}") for fold in (0, 1)
    ]
    config = runs[0]["config"]
    assert {"exp": config["exp"], "env": config["env"]} == composed
    assert (config["choice"], config["overrides"]) == ("001", words)
    train(python, entry, elsewhere, "exp.debug=true")
    assert len(ask(python, READ_WANDB, project)) == 2


# -- MLflow -----------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_mlflow_gets_a_run_a_fold_with_all_that_made_it(python: Path, project: Path, elsewhere: Path) -> None:
    entry = new(project, elsewhere, "mlflow", "learning_rate=0.01")
    head = commit(project)
    words = ["exp=001", "exp.fold=[0,1]", "exp.notes=why"]
    train(python, entry, elsewhere, *words)
    runs = ask(python, READ_MLFLOW, f"sqlite:///{project}/mlflow.db")
    assert [run_["name"] for run_ in runs] == [f"001-fold-0-1-notes-why-fold{fold}" for fold in (0, 1)]
    composed = hydra(entry, *words, resolve=True)
    (result,) = project.rglob("result.json")
    record = json.loads(result.read_text())
    for run_, fold in zip(runs, ("0", "1"), strict=True):
        assert (run_["experiment"], run_["status"]) == ("001-baseline", "FINISHED")
        tags = run_["tags"]
        assert (tags["group"], tags["mlflow.note.content"]) == ("001-learning_rate-0.01", "why")
        assert tags["mlflow.source.git.commit"] == head
        for group in ("exp", "env"):
            for key, value in composed[group].items():
                assert run_["params"][f"{group}.{key}"] == str(value)
        assert (run_["params"]["choices.exp"], run_["params"]["overrides"]) == ("001", " ".join(words))
        assert {"exp": run_["record"]["exp"], "env": run_["record"]["env"]} == composed
        assert [step for step, _ in run_["history"]["loss"]] == [0, 1, 2]
        assert run_["history"]["loss"][-1][1] == record["folds"][fold]["loss"]
    assert {path.name for path in project.iterdir()} == {".git", "experiments", "output", "mlflow.db", "mlruns"}
    assert not list(elsewhere.rglob("*.db"))


@pytest.mark.long
def test_mlflow_goes_where_it_is_told(python: Path, project: Path, elsewhere: Path, tmp_path: Path) -> None:
    entry = new(project, elsewhere, "mlflow", "epochs=1")
    uris = [f"sqlite:///{tmp_path}/{name}.db" for name in ("variable", "gpu")]
    made = run("add_env.py", "--root", project, "001", "gpu", f"mlflow_uri={uris[1]}", cwd=elsewhere)
    assert made.code == 0, made.err
    env = {"MLFLOW_TRACKING_URI": uris[0], "MLFLOW_EXPERIMENT_NAME": "mine"}
    train(python, entry, elsewhere, "-m", "exp=001", "env=default,gpu", **env)
    runs = ask(python, READ_MLFLOW, *uris)
    assert [(run_["uri"], run_["experiment"]) for run_ in runs] == [(uri, "mine") for uri in uris]
    train(python, entry, elsewhere, "exp=001", "exp.debug=true")
    assert not (project / "mlflow.db").exists()


@pytest.mark.long
def test_mlflow_takes_the_jobs_of_a_sweep_at_the_same_time(python: Path, project: Path, elsewhere: Path) -> None:
    """Two processes, and no database before: both want to make it. A job that fails is noted there as well."""
    entry = new(project, elsewhere, "mlflow", "epochs=1")
    first = "    rows, labels = load_data()\n"
    text = entry.read_text()
    assert first in text
    entry.write_text(text.replace(first, "    assert cfg.exp.seed != 3\n" + first, 1))
    words = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "exp=001", "exp.seed=1,2,3,4"]
    ran = train(python, entry, elsewhere, "-m", *words, code=1)
    assert "AssertionError" in ran.err
    runs = ask(python, READ_MLFLOW, f"sqlite:///{project}/mlflow.db")
    states = {run_["params"]["exp.seed"]: run_["status"] for run_ in runs}
    assert states == {"1": "FINISHED", "2": "FINISHED", "3": "FAILED", "4": "FINISHED"}


@pytest.mark.long
def test_mlflow_out_of_reach_is_said_before_the_training(
    python: Path, project: Path, elsewhere: Path, server: str
) -> None:
    entry = new(project, elsewhere, "mlflow")
    refused_in_one_line(
        python, entry, elsewhere, server.removeprefix("http://"), "env.mlflow_uri", MLFLOW_TRACKING_URI=server
    )


# -- the choice -------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("tracker", ["wandb", "mlflow", "none"])
def test_the_choice_is_one_file_and_waits_for_the_training(
    project: Path, elsewhere: Path, tmp_path: Path, tracker: str
) -> None:
    """No finding, no import for a look at the config, and one line where the package is missing."""
    entry = new(project, elsewhere, tracker)
    plain = new(project, elsewhere, "none", "--template")
    different = {name for name, text in tree(entry.parent).items() if tree(plain.parent)[name] != text}
    assert different - {"train.py"} == (set() if tracker == "none" else {"run_tracker.py"})
    assert entry.read_text().replace("001-baseline", "002-baseline") == plain.read_text()
    checked = run("validate.py", "--root", project, "--strict", cwd=elsewhere)
    assert checked.code == 0, checked.out
    missing = {f"{name}.py": f"raise ImportError({name!r})\n" for name in ("wandb", "mlflow")}
    env = {"PYTHONPATH": str(write(tmp_path / "packages", missing))}
    assert run_entry(entry, "--cfg", "job", cwd=elsewhere, env=env).code == 0
    ran = run_entry(entry, "exp.epochs=1", cwd=elsewhere, env=env)
    assert ran.code == (0 if tracker == "none" else 1)
    if tracker != "none":
        (line,) = [line for line in ran.err.splitlines() if "version_base" not in line]
        assert line == f"{tracker} is not installed in this environment: pip install {tracker}"


@pytest.mark.parametrize(
    ("tracker", "packages"), [("none", ""), ("wandb", " --with wandb"), ("mlflow", " --with mlflow")]
)
def test_the_next_commands_bring_what_the_tracker_needs(
    tmp_path: Path, project: Path, elsewhere: Path, tracker: str, packages: str
) -> None:
    """Where no Python has hydra-core, uv is asked for all that train.py imports."""
    path = {"PATH": str(tmp_path / "nothing"), "UV": "uv"}
    ran = run("new_experiment.py", "--root", project, "first", "--tracker", tracker, cwd=elsewhere, env=path)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    start, entry = (
        f"uv run --no-project --python {version} --with hydra-core{packages} python",
        "experiments/001-first/train.py",
    )
    looked, started, brought = (line.strip() for line in ran.told.splitlines()[-3:])
    assert brought == "# uv brings along all that the code imports"
    assert looked.endswith("show.py 001-first exp=001")
    assert started == f"{start} {entry} exp=001"


def test_a_python_of_another_environment_is_not_taken_for_this_one(
    tmp_path: Path, project: Path, elsewhere: Path
) -> None:
    """Its file is a link to the same binary, but it has no hydra-core."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    path = {"PATH": str(tmp_path / "other/bin"), "UV": "uv"}
    assert (tmp_path / "other/bin/python").samefile(sys.executable)
    ran = run("new_experiment.py", "--root", project, "first", cwd=elsewhere, env=path)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-2].strip().startswith("uv run --no-project --python ")


def test_a_copy_keeps_its_tracker_or_gets_another(project: Path, elsewhere: Path) -> None:
    first = new(project, elsewhere, "wandb")
    assert run("add_env.py", "--root", project, "001", "gpu", "wandb_project=mine", cwd=elsewhere).code == 0
    kept = run("new_experiment.py", "--root", project, "kept", "--json", cwd=elsewhere)
    assert kept.json["tracker"] is None
    assert "wandb_project" in kept.json["config"]["env"]
    changed = run("new_experiment.py", "--root", project, "changed", "--tracker", "mlflow", cwd=elsewhere)
    assert changed.code == 1  # it is made, and does not compose in that environment
    assert "tracker: mlflow" in changed.out
    assert "mlflow_uri: null" in changed.out
    assert "env/gpu.yaml does not fit run_tracker.py: Key 'wandb_project'" in changed.err
    assert (first.parent / "run_tracker.py").read_text().startswith('"""Runs are logged to Weights & Biases')


def test_a_tracker_that_nothing_would_read_is_refused(project: Path, elsewhere: Path) -> None:
    entry = new(project, elsewhere, "none")
    (entry.parent / "run_tracker.py").unlink()
    entry.write_text(entry.read_text().replace("(TrackerConfig)", "").replace(", TrackerConfig", ""))
    before = tree(project)
    ran = run("new_experiment.py", "--root", project, "next", "--tracker", "wandb", cwd=elsewhere)
    assert ran.code == 2
    assert "experiments/001-baseline has no run_tracker.py" in ran.err
    assert "--template" in ran.err
    assert tree(project) == before
