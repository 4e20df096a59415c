"""The template experiment, run as a user does: from another folder, in a project of its own, under a new name."""

from __future__ import annotations

import ast
import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Ran, hydra, run_entry, tree, write
from omegaconf import OmegaConf

TEMPLATE = ROOT / "assets" / "000-template"
OUTPUT = "output/001-baseline"
NO_WANDB = {"WANDB_PROJECT": ""}


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    folder = tmp_path / "my project" / "experiments" / "001-baseline"
    for name, content in tree(TEMPLATE).items():
        if "__pycache__" not in name:
            write(folder, {name: content.decode().replace(TEMPLATE.name, folder.name)})
    return folder / "train.py"


def project_of(entry: Path) -> Path:
    return entry.parents[2]


def train(entry: Path, cwd: Path, *words: str, env: dict[str, str] | None = None) -> Ran:
    ran = run_entry(entry, *words, cwd=cwd, env=env or NO_WANDB)
    assert ran.code == 0, ran.err
    return ran


def outputs(entry: Path) -> dict[str, bytes]:
    """The files that runs have made, anywhere in the project."""
    sources = tree(entry.parent)
    return {
        name: content
        for name, content in tree(project_of(entry)).items()
        if name.removeprefix("experiments/001-baseline/") not in sources
    }


def result(entry: Path, run: str) -> Any:
    return json.loads((project_of(entry) / OUTPUT / run / "result.json").read_text())


def files(*runs: str) -> list[str]:
    """What `runs` leave: results, and models in a folder of the same name."""
    results = [f"{OUTPUT}/{run}/{file}" for run in runs for file in ("config.yaml", "result.json")]
    return sorted(
        results + [f"{OUTPUT}/models/{run}/{file}" for run in runs for file in ("config.yaml", "fold0/model.json")]
    )


def config(entry: Path, run: str) -> Any:
    return OmegaConf.to_container(OmegaConf.load(project_of(entry) / OUTPUT / run / "config.yaml"))


def test_runs_leave_their_results_and_nothing_else(entry: Path, elsewhere: Path) -> None:
    before = tree(entry.parent)
    ran = train(entry, elsewhere)
    train(entry, elsewhere, "exp=001")
    train(entry, elsewhere, "exp=001", "--cfg", "job")
    assert sorted(outputs(entry)) == files("001", "default")
    assert tree(entry.parent) == before
    assert not list(elsewhere.iterdir())
    line = json.loads(ran.out)
    assert line["mean"] == result(entry, "default")["mean"]
    assert line["mean"]["accuracy"] > 0.8
    assert "INFO" in ran.err
    assert "fold 0" in ran.err


def test_the_record_is_what_hydra_composes(entry: Path, elsewhere: Path) -> None:
    words = ["exp=001", "exp.fold=[0,2]", 'exp.notes="batch: 1e-3, 010"']
    train(entry, elsewhere, *words)
    run = "001-fold-0-2-notes-batch-1e-3-010"
    expected = hydra(entry, *words, resolve=True)
    assert config(entry, run) == expected
    record = result(entry, run)
    assert {"exp": record["exp"], "env": record["env"]} == expected
    assert record["choices"] == {"exp": "001", "env": "default"}
    assert record["overrides"] == words
    assert record["status"] == "done"
    assert set(record["folds"]) == {"0", "2"}
    mean = sum(metrics["accuracy"] for metrics in record["folds"].values()) / 2
    assert record["mean"]["accuracy"] == pytest.approx(mean)


def test_a_seed_decides_and_a_fold_is_the_same_alone(entry: Path, elsewhere: Path) -> None:
    train(entry, elsewhere, "exp.fold=[0,1]", "exp.epochs=1")
    train(entry, elsewhere, "exp.fold=[1]", "exp.epochs=1")
    train(entry, elsewhere, "exp.fold=[1]", "exp.epochs=1", "exp.seed=7")
    both, alone, other = (
        result(entry, f"default-{run}-epochs-1{rest}")["folds"]
        for run, rest in (("fold-0-1", ""), ("fold-1", ""), ("fold-1", "-seed-7"))
    )
    assert both["1"] == alone["1"] != other["1"]


def test_the_same_run_again_refreshes_its_folder(entry: Path, elsewhere: Path) -> None:
    train(entry, elsewhere, "exp=001", "exp.seed=2")
    first, before = result(entry, "001-seed-2"), outputs(entry)
    train(entry, elsewhere, "exp=001", "exp.seed=2")
    assert outputs(entry).keys() == before.keys()
    assert {**result(entry, "001-seed-2"), "seconds": 0} == {**first, "seconds": 0}


def test_another_config_never_overwrites(entry: Path, elsewhere: Path) -> None:
    """An edited parameter set, another environment, and values whose folder names come out alike."""
    write(entry.parent, {"env/local.yaml": "defaults:\n  - default@_here_\n\nbase_model: Qwen/Qwen3-4B\n"})
    kept: dict[str, bytes] = {}
    for words in (["exp=001"], ["exp=001", "env=local"], ["exp.notes=a/b"], ["exp.notes=a:b"]):
        train(entry, elsewhere, *words)
        made = outputs(entry)
        assert kept.items() < made.items()
        kept = made
    (entry.parent / "exp" / "001.yaml").write_text("defaults:\n  - default@_here_\n\nname: edited\n")
    ran = train(entry, elsewhere, "exp=001")
    assert kept.items() < outputs(entry).items()
    assert "another config" in ran.err
    folders = [path.parent for path in project_of(entry).rglob("result.json")]
    assert len(folders) == 5
    assert all(config(entry, folder.name)["exp"] == result(entry, folder.name)["exp"] for folder in folders)


def test_a_sweep_gives_each_job_a_folder(entry: Path, elsewhere: Path) -> None:
    train(entry, elsewhere, "-m", "exp=001,default", "exp.seed=1,2", "exp.debug=true")
    (sweep,) = (project_of(entry) / OUTPUT / "multirun").iterdir()
    jobs = ["0_001", "1_001", "2_default", "3_default"]
    expected = files(*(f"multirun/{sweep.name}/{job}" for job in jobs))
    assert sorted(outputs(entry)) == sorted([*expected, f"{OUTPUT}/multirun/{sweep.name}/multirun.yaml"])
    assert not list(elsewhere.iterdir())
    for job, (exp, seed) in zip(jobs, [("001", 1), ("001", 2), ("default", 1), ("default", 2)], strict=True):
        run = f"multirun/{sweep.name}/{job}"
        assert config(entry, run) == hydra(entry, f"exp={exp}", f"exp.seed={seed}", "exp.debug=true", resolve=True)
        assert result(entry, run)["status"] == "done"


def test_sweeps_into_one_folder_keep_both_and_a_failed_job_stops_no_other(entry: Path, elsewhere: Path) -> None:
    words = ["-m", "exp.debug=true", "hydra.sweep.dir=output/one", "hydra.sweep.subdir=job"]
    train(entry, elsewhere, *words, "exp.seed=1")
    kept = outputs(entry)
    del kept["output/one/multirun.yaml"]  # Hydra's own, of the latest sweep
    ran = run_entry(entry, *words, "exp.fold=[9],[0]", cwd=elsewhere, env=NO_WANDB)
    assert ran.code == 1
    assert "exp.fold=[9]: expected one or more of 0 … 4" in ran.err
    assert kept.items() < outputs(entry).items()
    done = [json.loads(p.read_text())["exp"] for p in (project_of(entry) / "output" / "one").rglob("result.json")]
    assert sorted(exp["seed"] for exp in done) == [1, 42]


def test_an_environment_says_where_results_and_models_go(entry: Path, elsewhere: Path, tmp_path: Path) -> None:
    disk = tmp_path / "big disk" / "new"
    text = f"defaults:\n  - default@_here_\n\noutput_dir: {disk}/results\nmodel_output_dir: {disk}/models\n"
    write(entry.parent, {"env/server.yaml": text})
    train(entry, elsewhere, "exp=001", "env=server")
    train(entry, elsewhere, "-m", "exp=001", "env=server", "hydra.sweep.dir=${env.output_dir}/multirun/one")
    runs = ("001", "multirun/one/0_001")
    results = {f"results/{run}/{file}" for run in runs for file in ("config.yaml", "result.json")}
    models = {f"models/{run}/{file}" for run in runs for file in ("config.yaml", "fold0/model.json")}
    assert set(tree(disk)) == {*results, *models, "results/multirun/one/multirun.yaml"}
    assert not outputs(entry)
    # What one run has saved is what the next can start from: less loss in its first epoch.
    after = train(entry, elsewhere, "exp.epochs=1", f"env.base_model='{disk}/models/001/fold0'")
    assert (
        json.loads(after.out)["mean"]["loss"] < json.loads(train(entry, elsewhere, "exp.epochs=1").out)["mean"]["loss"]
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["exp.fold=[]"], "exp.fold=[]: expected one or more of 0 … 4"),
        (["exp.fold=[5]"], "exp.fold=[5]: expected one or more of 0 … 4"),
        (["exp.epochs=0"], "epochs=0"),
        (["env.base_model=/no/such/model"], "env.base_model=/no/such/model is not on this machine"),
        (["env.output_dir='~/results'"], "write ${oc.env:HOME}/results"),
        (["env.output_dir=a-file/results"], "a-file/results/default can't be written to"),
        (["env.wandb_project=mine"], "wandb is not installed: pip install wandb"),
    ],
)
def test_what_would_fail_is_refused_in_one_line(entry: Path, elsewhere: Path, words: list[str], said: str) -> None:
    if "wandb" in said and importlib.util.find_spec("wandb"):
        pytest.skip("wandb is installed")
    write(project_of(entry), {"a-file": ""})
    before = tree(project_of(entry))
    ran = run_entry(entry, *words, cwd=elsewhere, env=NO_WANDB)
    assert ran.code == 1
    (line,) = [line for line in ran.err.splitlines() if "version_base" not in line]  # Hydra 1.4 warns of that
    assert said in line
    assert tree(project_of(entry)) == before


def test_optional_packages_wait_for_the_training(entry: Path, elsewhere: Path, tmp_path: Path) -> None:
    trap = 'raise SystemExit(f"{__name__} was imported")\n'
    packages = ("numpy", "sklearn", "torch", "tqdm", "wandb")
    folder = write(tmp_path / "packages", {f"{package}.py": trap for package in packages})
    env = {**NO_WANDB, "PYTHONPATH": str(folder)}
    train(entry, elsewhere, "--cfg", "job", env=env)
    ran = run_entry(entry, cwd=elsewhere, env=env)
    assert "numpy was imported" in ran.err, "the trap is no trap"


def test_the_commit_is_recorded(entry: Path, elsewhere: Path) -> None:
    def git(*words: str) -> str:
        names = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.check_output(["git", *names, *words], cwd=project_of(entry), text=True).strip()

    def recorded() -> Any:
        train(entry, elsewhere, "exp.debug=true")
        return result(entry, "default-debug-true")["git"]

    assert recorded() is None
    git("init", "-q")
    assert recorded() is None
    git("add", "experiments")
    git("commit", "-q", "-m", "first")
    assert recorded() == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    write(entry.parent, {"exp/002.yaml": "defaults:\n  - default@_here_\n"})
    assert recorded()["dirty"] is True


def test_without_the_toy_a_working_skeleton_is_left(entry: Path, elsewhere: Path) -> None:
    module = ast.parse(entry.read_text())
    module.body = [node for node in module.body if getattr(node, "name", "") not in ("load_data", "predict")]
    (fold,) = (node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "train_fold")
    fold.body = ast.parse('def f():\n    return {"accuracy": 0.5}').body[0].body  # type: ignore[attr-defined]
    entry.write_text(ast.unparse(module))
    assert json.loads(train(entry, elsewhere, "exp=001").out)["mean"] == {"accuracy": 0.5}


def test_it_runs_from_a_folder_that_is_not_called_experiments(entry: Path, elsewhere: Path) -> None:
    moved = project_of(entry) / "approaches" / entry.parent.name
    shutil.copytree(entry.parent, moved)
    train(moved / "train.py", elsewhere, "exp=001")
    assert (project_of(entry) / OUTPUT / "001" / "result.json").is_file()


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
def test_wandb_gets_a_run_a_fold(entry: Path, elsewhere: Path) -> None:
    env = {"WANDB_MODE": "offline", "WANDB_PROJECT": "mine"}
    train(entry, elsewhere, "exp=001", "exp.fold=[0,1]", "exp.notes=why", env=env)
    runs = [wandb_run(path) for path in sorted(project_of(entry).rglob("*.wandb"))]
    assert sorted(run.display_name for run in runs) == [f"001-fold-0-1-notes-why-fold{fold}" for fold in (0, 1)]
    for run in runs:
        assert (run.project, run.run_group, run.notes) == ("mine", "001-small-steps", "why")
        logged = {item.key: json.loads(item.value_json) for item in run.config.update}
        assert {"exp": logged["exp"], "env": logged["env"]} == hydra(
            entry, "exp=001", "exp.fold=[0,1]", "exp.notes=why", resolve=True
        )
        assert {"choices", "overrides", "git"} <= logged.keys()
    before = tree(project_of(entry) / "wandb")
    train(entry, elsewhere, "exp.debug=true", env={"WANDB_PROJECT": "mine"})
    assert tree(project_of(entry) / "wandb") == before
    no_key = {"WANDB_MODE": "online", "WANDB_API_KEY": "", "NETRC": str(elsewhere / "none"), "HOME": str(elsewhere)}
    ran = run_entry(entry, "env.wandb_project=mine", cwd=elsewhere, env=no_key)
    assert ran.code == 1
    assert "wandb login" in ran.err
    assert "WANDB_MODE=offline" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
def test_wandb_gets_enums_and_paths_as_strings(entry: Path, elsewhere: Path) -> None:
    fields = "    head: Head = Head.LINEAR\n    data: Path = Path('input/train.csv')\n"
    text = entry.read_text().replace("    notes: str | None = None\n", f"    notes: str | None = None\n{fields}", 1)
    enum = "class Head(Enum):\n    LINEAR = 1\n\n\n@dataclass\nclass ExpConfig:"
    entry.write_text(
        text.replace("@dataclass\nclass ExpConfig:", enum, 1).replace(
            "import os\n", "import os\nfrom enum import Enum\n", 1
        )
    )
    train(entry, elsewhere, "exp.epochs=1", env={"WANDB_MODE": "offline", "WANDB_PROJECT": "mine"})
    (path,) = project_of(entry).rglob("*.wandb")
    logged = {item.key: json.loads(item.value_json) for item in wandb_run(path).config.update}
    assert (logged["exp"]["head"], logged["exp"]["data"]) == ("LINEAR", "input/train.csv")
    assert result(entry, "default-epochs-1")["exp"] == logged["exp"]


def wandb_run(path: Path) -> Any:
    """The run record of an offline run: LevelDB's log format after a header of 7 bytes, a protobuf a record."""
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[import-not-found, unused-ignore]

    data, position, message = path.read_bytes(), 7, b""
    while position + 7 <= len(data):
        left = 32768 - position % 32768  # blocks; less than a header is padding
        if left < 7:
            position += left
            continue
        size, kind = int.from_bytes(data[position + 4 : position + 6], "little"), data[position + 6]
        message += data[position + 7 : position + 7 + size]
        position += 7 + size
        if kind in (1, 4):  # the record is whole
            record = Record.FromString(message)
            message = b""
            if record.HasField("run"):
                return record.run
    raise AssertionError(f"no run in {path}")
