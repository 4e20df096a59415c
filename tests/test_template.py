"""The template experiment, run as a user does: from another folder, in a project of its own, under a new name."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from running import ROOT, Ran, hydra, run, run_entry, tree, write

pytestmark = pytest.mark.slow

TEMPLATE = ROOT / "assets" / "000-template"
OUTPUT = "output/001-baseline"
RESULTS = ("config.yaml", "fold0.jsonl", "result.json")


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
    ran = run_entry(entry, *words, cwd=cwd, env=env)
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
    results = [f"{OUTPUT}/{run}/{file}" for run in runs for file in RESULTS]
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
    ran = run_entry(entry, *words, "exp.fold=[9],[0]", cwd=elsewhere)
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
    results = {f"results/{run}/{file}" for run in runs for file in RESULTS}
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
        (["env.base_model=./models/base"], "env.base_model=./models/base is not on this machine"),
        (["env.base_model='~/base'"], "env.base_model=~/base: only a shell knows ~; write ${oc.env:HOME}/base"),
        (["exp.notes='${oc.env:NOT_SET}'"], "Environment variable 'NOT_SET' not found"),
        (["exp.notes=???"], "exp.notes: Missing mandatory value"),
    ],
)
def test_what_would_fail_is_refused_in_one_line(entry: Path, elsewhere: Path, words: list[str], said: str) -> None:
    write(project_of(entry), {"a-file": ""})
    before = tree(project_of(entry))
    ran = run_entry(entry, *words, cwd=elsewhere)
    assert ran.code == 1
    (line,) = [line for line in ran.err.splitlines() if "version_base" not in line]  # Hydra 1.4 warns of that
    assert said in line
    assert tree(project_of(entry)) == before


def test_optional_packages_wait_for_the_training(entry: Path, elsewhere: Path, tmp_path: Path) -> None:
    """Trackers that were not chosen are not even imported then."""
    trap = 'raise SystemExit(f"{__name__} was imported")\n'
    for packages in (("numpy", "sklearn", "torch", "tqdm"), ("wandb", "mlflow")):
        write(tmp_path / "packages", {f"{package}.py": trap for package in packages})
    env = {"PYTHONPATH": str(tmp_path / "packages")}
    train(entry, elsewhere, "--cfg", "job", env=env)
    ran = run_entry(entry, cwd=elsewhere, env=env)
    assert "numpy was imported" in ran.err, "the trap is no trap"
    for package in ("numpy", "sklearn", "torch", "tqdm"):
        (tmp_path / "packages" / f"{package}.py").unlink()
    train(entry, elsewhere, env=env)


def without_the_toy(entry: Path) -> None:
    """Delete what train.py marks to be deleted."""
    text, count = re.subn(r"^ *# >>>.*?# <<<\n", "", entry.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert count == 2
    entry.write_text(text)


def train_with(entry: Path, *lines: str) -> None:
    """Another training in the place of the toy."""
    without_the_toy(entry)
    first = "    metrics: dict[str, float] = {}\n"
    text = entry.read_text()
    assert first in text
    entry.write_text(text.replace(first, first + "".join(f"    {line}\n" for line in lines)))


def strictly(text: str) -> Any:
    """JSON as the standard has it: without NaN."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def test_it_is_short() -> None:
    """What a user reads and edits is about a screen."""
    assert len((TEMPLATE / "train.py").read_text().splitlines()) <= 130


def test_without_the_toy_a_working_skeleton_is_left(entry: Path, elsewhere: Path) -> None:
    without_the_toy(entry)
    assert hydra(entry, "exp=001")["exp"]["learning_rate"] == 0.01
    assert json.loads(train(entry, elsewhere, "exp=001", "exp.fold=[0,1]").out)["folds"] == {"0": {}, "1": {}}
    record = result(entry, "001-fold-0-1")
    assert (record["status"], record["mean"], record["exp"]["fold"]) == ("done", {}, [0, 1])
    checked = run("validate.py", "--root", project_of(entry), "--strict", cwd=elsewhere)
    assert checked.code == 0, checked.out
    train(entry, elsewhere, "-m", "exp=001,default")
    assert len(list((project_of(entry) / OUTPUT / "multirun").glob("*/*/result.json"))) == 2


def test_numbers_of_any_kind_become_json_that_any_program_reads(entry: Path, elsewhere: Path) -> None:
    """A tensor, a diverged loss, text, and a metric that one fold lacks."""
    train_with(
        entry,
        "class Tensor:\n        def __float__(self) -> float:\n            return 0.5 + fold",
        'metrics = {"accuracy": Tensor(), "loss": float("nan"), "best": "epoch 3"}',
        'metrics |= {"only": 1} if fold else {}',
        "log({**metrics, 'best': 3})",
    )
    ran = train(entry, elsewhere, "exp=001", "exp.fold=[0,1]")
    record = strictly((project_of(entry) / OUTPUT / "001-fold-0-1" / "result.json").read_text())
    assert strictly(ran.out)["mean"] == record["mean"] == {"accuracy": 1.0, "loss": None}
    assert record["folds"]["1"] == {"accuracy": 1.5, "loss": None, "best": "epoch 3", "only": 1.0}
    logged = json.loads((project_of(entry) / OUTPUT / "001-fold-0-1" / "fold1.jsonl").read_text())
    assert logged["accuracy"] == 1.5
    train(entry, elsewhere, "-m", "exp=001", "hydra.sweep.dir=output/swept")
    status = run("sweep_status.py", "--root", project_of(entry), project_of(entry) / "output/swept", cwd=elsewhere)
    assert "accuracy=0.5 loss=nan" in status.out


def test_what_was_done_before_a_failure_is_kept(entry: Path, elsewhere: Path) -> None:
    train_with(entry, 'metrics["accuracy"] = 1 / (1 - fold)')
    ran = run_entry(entry, "exp.fold=[0,1]", cwd=elsewhere)
    assert ran.code == 1
    record = result(entry, "default-fold-0-1")
    assert (record["status"], record["folds"]) == ("failed", {"0": {"accuracy": 1.0}})
    assert record["error"] == "ZeroDivisionError: division by zero"


def test_two_in_one_notebook_share_no_module(entry: Path, elsewhere: Path) -> None:
    """Both have a run_record.py: each gets its own."""
    made = run("new_experiment.py", "--root", project_of(entry), "other", "--notebook", cwd=elsewhere)
    assert made.code == 0, made.err
    code = (
        "from load_experiment import load_code\n"
        "for module in [load_code('001'), load_code('002'), load_code('001')]:\n"
        "    print(module.run_folds.__globals__['HERE'].name, module.TrackerConfig is module.EnvConfig.__mro__[1])\n"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=project_of(entry) / "notebooks", capture_output=True, text=True)
    assert ran.stdout.splitlines() == ["001-baseline True", "002-other True", "001-baseline True"], ran.stderr


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
    write(entry.parent, {"__pycache__/run_record.cpython-311.pyc": "", "models/__pycache__/net.cpython-311.pyc": ""})
    assert recorded() == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    write(entry.parent, {"exp/002.yaml": "defaults:\n  - default@_here_\n"})
    assert recorded()["dirty"] is True


def test_it_runs_from_a_folder_that_is_not_called_experiments(entry: Path, elsewhere: Path) -> None:
    moved = project_of(entry) / "approaches" / entry.parent.name
    shutil.copytree(entry.parent, moved)
    train(moved / "train.py", elsewhere, "exp=001")
    assert (project_of(entry) / OUTPUT / "001" / "result.json").is_file()
