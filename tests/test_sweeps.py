"""Sweeps of the template by Hydra's own launcher, and sweep_status.py. The other launchers: test_launchers.py."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from running import hydra, interruptible, run, tree, write
from sweeping import (
    ENV,
    QUICK,
    begin_training_with,
    latest,
    make_experiment,
    project_of,
    rerun,
    results,
    states,
    status,
    sweep,
    undo,
)


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    return make_experiment(tmp_path / "my project")


def break_for_seed(entry: Path, seed: int) -> None:
    begin_training_with(entry, f'if cfg.exp.seed == {seed}:\n    raise ValueError("diverged")')


# -- Hydra's own launcher ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_sets_times_values_each_in_a_folder_of_its_own(entry: Path, elsewhere: Path) -> None:
    ran = sweep(entry, elsewhere, "exp=001,002,003", "exp.seed=1,2")
    assert ran.code == 0, ran.err
    found = results(latest(entry))
    points = [(exp, seed) for exp in ("001", "002", "003") for seed in (1, 2)]
    assert list(found) == [f"{number}_{exp}" for number, (exp, _) in enumerate(points)]
    for folder, (exp, seed) in zip(found, points, strict=True):
        saved = OmegaConf.to_container(OmegaConf.load(latest(entry) / folder / "config.yaml"))
        assert saved == {"exp": found[folder]["exp"], "env": found[folder]["env"]}
        assert (saved["exp"]["name"], saved["exp"]["seed"]) == (f"{exp}-steps", seed)
    last = latest(entry) / "5_003" / "config.yaml"
    assert OmegaConf.load(last) == hydra(entry, QUICK, "exp=003", "exp.seed=2", resolve=True)
    models = project_of(entry) / "output/001-baseline/models/multirun" / latest(entry).name
    assert len(list(models.glob("*/fold0/model.json"))) == 6
    kept = tree(latest(entry).parent)
    assert sweep(entry, elsewhere, "exp=001", "hydra.sweep.dir=${env.output_dir}/multirun/another").code == 0
    assert kept.items() < tree(latest(entry).parent).items()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("glob(*)", ["001", "002", "003"]),
        ("glob([*])", ["001", "002", "003", "default"]),  # as Hydra has it: what references/sweeps.md warns of
        ("glob(*,exclude=default)", ["001", "002", "003"]),
    ],
)
def test_all_sets_are_swept_and_not_default(entry: Path, elsewhere: Path, pattern: str, chosen: list[str]) -> None:
    assert sweep(entry, elsewhere, f"exp={pattern}").code == 0
    assert sorted(record["choices"]["exp"] for record in results(latest(entry)).values()) == chosen
    status = run("sweep_status.py", "--root", project_of(entry), latest(entry), "--json", cwd=elsewhere)
    assert status.json["summary"]["done"] == status.json["summary"]["jobs"] == len(chosen)


@pytest.mark.slow
def test_a_bad_set_stops_the_sweep_before_job_0_and_validate_says_so_first(entry: Path, elsewhere: Path) -> None:
    write(entry.parent, {"exp/002.yaml": "defaults:\n  - default@_here_\n\nlearning_rte: 0.1\n"})
    checked = run("validate.py", "--root", project_of(entry), cwd=elsewhere)
    assert checked.code == 1
    assert "exp/002.yaml:4" in checked.out
    assert "learning_rate" in checked.out
    ran = sweep(entry, elsewhere, "exp=001,002,003")
    assert ran.code == 1
    assert "learning_rte" in ran.err
    assert not list(project_of(entry).rglob("result.json"))


def test_the_launcher_settings_are_no_finding_and_go_with_a_copy(entry: Path, elsewhere: Path) -> None:
    checked = run("validate.py", "--root", project_of(entry), "--strict", cwd=elsewhere)
    assert checked.code == 0, checked.out
    made = run("new_experiment.py", "--root", project_of(entry), "next", "--json", cwd=elsewhere)
    assert {"hydra/launcher/slurm.yaml", "hydra/sweeper/search.yaml"} <= set(made.json["files"])


# -- what became of it ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_failed_job_stops_no_other_and_only_it_runs_again(entry: Path, elsewhere: Path) -> None:
    break_for_seed(entry, 2)
    ran = sweep(entry, elsewhere, "exp=001,002", "exp.seed=1,2", "exp.fold=[0]", "hydra.sweep.dir=output/seeds")
    assert ran.code == 1
    assert "diverged" in ran.err
    swept = project_of(entry) / "output" / "seeds"
    first = status(entry, elsewhere, swept)
    assert first.code == 1
    assert states(first) == ["done", "failed", "done", "failed"]
    assert first.json["jobs"][1]["error"] == "ValueError: diverged"
    (command,) = first.json["rerun"]
    assert "exp=001,002" in command
    assert "exp.seed=2" in command
    assert command.count("hydra.sweep.dir=") == 1
    text = run("sweep_status.py", swept, cwd=project_of(entry))
    assert command in text.out
    assert "4 jobs: 2 done, 2 failed" in text.out

    done = tree(swept / "0_001") | tree(swept / "2_002") | {"m": (swept / "multirun.yaml").read_bytes()}
    entry.write_text(entry.read_text().replace("cfg.exp.seed == 2", "False"))
    assert rerun(entry, [command]) == [0]
    last = status(entry, elsewhere, swept)
    assert last.code == 0
    assert states(last) == ["done"] * 4
    assert last.json["rerun"] == []
    assert done == tree(swept / "0_001") | tree(swept / "2_002") | {"m": (swept / "multirun.yaml").read_bytes()}


@pytest.mark.slow
def test_a_rerun_with_the_number_of_the_job_counts(entry: Path, elsewhere: Path) -> None:
    """Its own number is another one there; what the job had from its number is a word of its own."""
    break_for_seed(entry, 2)
    words = ["exp=001", "exp.seed=1,2", "exp.notes='job ${hydra:job.num}'", "hydra.sweep.dir=output/seeds"]
    assert sweep(entry, elsewhere, *words).code == 1
    swept = project_of(entry) / "output" / "seeds"
    found = status(entry, elsewhere, swept)
    assert states(found) == ["done", "failed"]
    entry.write_text(entry.read_text().replace("cfg.exp.seed == 2", "False"))
    assert rerun(entry, found.json["rerun"]) == [0]
    last = status(entry, elsewhere, swept)
    assert (states(last), last.json["summary"]["other_results"]) == (["done"] * 2, 0)
    assert [record["exp"]["notes"] for record in results(swept / "seeds-again").values()] == ["job 1"]


@pytest.mark.slow
def test_what_a_kill_left_runs_again_once_it_is_said_to_be_over(entry: Path, elsewhere: Path) -> None:
    """Job 1 of 4 kills the whole process: it says "running" for ever, and the rest never began."""
    planted = begin_training_with(
        entry, "import os\nif cfg.exp.seed == 2 and cfg.exp.name == '001-steps':\n    os._exit(9)"
    )
    assert sweep(entry, elsewhere, "exp=001,002", "exp.seed=1,2").code == 9
    swept = latest(entry)
    before = status(entry, elsewhere)
    assert states(before) == ["done", "running", "missing", "missing"]
    (command,) = before.json["rerun"]
    assert "exp=002 exp.seed=1,2" in command
    after = status(entry, elsewhere, "--ended")
    assert states(after) == ["done", "failed", "missing", "missing"]
    undo(entry, planted)
    assert rerun(entry, after.json["rerun"]) == [0] * len(after.json["rerun"])
    again = [name for folder in swept.glob(f"{swept.name}-again*") for name in results(folder)]
    assert len(again) == 3
    assert states(status(entry, elsewhere, swept)) == ["done"] * 4


@pytest.mark.slow
def test_a_sweep_in_config_yaml_is_read_and_not_run_whole_again(entry: Path, elsewhere: Path) -> None:
    config = entry.parent / "config.yaml"
    params = "  sweeper:\n    params:\n      exp: 001,002\n      exp.seed: 1,2\n"
    config.write_text(config.read_text() + params)
    break_for_seed(entry, 2)
    assert sweep(entry, elsewhere).code == 1
    swept = latest(entry)
    found = status(entry, elsewhere)
    assert states(found) == ["done", "failed", "done", "failed"]
    entry.write_text(entry.read_text().replace("cfg.exp.seed == 2", "False"))
    assert rerun(entry, found.json["rerun"]) == [0]
    assert len(results(swept / f"{swept.name}-again")) == 2
    assert states(status(entry, elsewhere, swept)) == ["done"] * 4


@pytest.mark.slow
def test_awkward_values_survive_the_way_back(entry: Path, elsewhere: Path) -> None:
    """Lists, spaces, quotes and commas go from result.json through the printed command and a shell to Hydra again."""
    words = ["exp.notes=\"a b, c=1\",'it\\'s'", "exp.fold=[9],[0]", "exp.learning_rate=1e-5"]
    assert sweep(entry, elsewhere, *words).code == 1
    found = status(entry, elsewhere)
    assert states(found) == ["missing", "done"] * 2
    swept = latest(entry)
    text = entry.read_text()
    entry.write_text(text.replace("if not exp.fold or not set(exp.fold)", "if False and not set(exp.fold)"))
    assert len(found.json["rerun"]) == 1
    assert rerun(entry, found.json["rerun"]) == [0]
    assert states(status(entry, elsewhere, swept)) == ["done"] * 4


@pytest.mark.slow
def test_ctrl_c_ends_the_sweep_and_the_rest_runs_later(entry: Path, elsewhere: Path) -> None:
    mark = elsewhere / "begun"
    wait = f"import time\nif cfg.exp.seed == 2:\n    open({str(mark)!r}, 'w').close()\n    time.sleep(120)"
    planted = begin_training_with(entry, wait)
    words = ["exp=001", "exp.seed=1,2,3", QUICK]
    with subprocess.Popen(
        [sys.executable, str(entry), "-m", *words],
        cwd=elsewhere,
        env={**os.environ, **ENV},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        preexec_fn=interruptible,
    ) as swept:
        while not mark.exists():
            assert swept.poll() is None
            time.sleep(0.05)
        swept.send_signal(signal.SIGINT)
    found = status(entry, elsewhere)
    assert states(found) == ["done", "failed", "missing"]
    assert found.json["jobs"][1]["error"].startswith("KeyboardInterrupt")
    undo(entry, planted)
    folder = latest(entry)
    assert rerun(entry, found.json["rerun"]) == [0]
    assert states(status(entry, elsewhere, folder)) == ["done"] * 3


@pytest.mark.slow
def test_a_set_that_was_changed_since_is_said_and_runs_again_where_its_folder_is_removed(
    entry: Path, elsewhere: Path
) -> None:
    assert sweep(entry, elsewhere, "exp=001,002", "exp.seed=1,2").code == 0
    swept = latest(entry)
    assert status(entry, elsewhere).json["summary"]["changed"] == 0
    file = entry.parent / "exp" / "002.yaml"
    file.write_text(file.read_text().replace("learning_rate: 0.02", "learning_rate: 0.5\nseed: 9"))
    text = entry.read_text()
    entry.write_text(text.replace("    seed: int = 42\n", "    seed: int = 42\n    dropout: float = 0.5\n"))
    found = status(entry, elsewhere)
    assert found.code == 0
    # The seed is the job's own, and dropout had no say.
    assert [job["changed"] for job in found.json["jobs"]] == [{}, {}, *[{"exp.learning_rate": [0.02, 0.5]}] * 2]
    said = run("sweep_status.py", "--root", project_of(entry), swept, cwd=elsewhere).err
    assert "exp.learning_rate=0.02, now it is 0.5" in said
    assert said.rstrip().endswith("remove their folders: 2_002 3_002")
    for job in ("2_002", "3_002"):
        shutil.rmtree(swept / job)
    again = status(entry, elsewhere)
    assert states(again) == ["done", "done", "missing", "missing"]
    assert rerun(entry, again.json["rerun"]) == [0]
    last = status(entry, elsewhere, swept)
    assert (states(last), last.json["summary"]["changed"]) == (["done"] * 4, 0)


@pytest.mark.slow
def test_a_sweep_that_came_from_another_machine_is_understood(entry: Path, elsewhere: Path, tmp_path: Path) -> None:
    """As rsync from a cluster leaves it: the project lies elsewhere there, and its folder is not to be touched."""
    break_for_seed(entry, 2)
    assert sweep(entry, elsewhere, "exp=001", "exp.seed=1,2", "hydra.sweep.dir=output/seeds").code == 1
    there, here = project_of(entry), tmp_path / "on my laptop"
    shutil.copytree(there, here)
    there.rename(tmp_path / "gone")
    mine = here / entry.relative_to(there)
    found = status(mine, elsewhere, here / "output" / "seeds")
    assert states(found) == ["done", "failed"]
    mine.write_text(mine.read_text().replace("cfg.exp.seed == 2", "False"))
    assert rerun(mine, found.json["rerun"]) == [0]
    assert states(status(mine, elsewhere, here / "output" / "seeds")) == ["done"] * 2


@pytest.mark.slow
def test_many_jobs_in_few_commands(entry: Path, elsewhere: Path) -> None:
    begin_training_with(entry, "if cfg.exp.seed % 7 == 0:\n    raise ValueError('seven')\nreturn {'accuracy': 1.0}")
    assert sweep(entry, elsewhere, "exp=001,002", "exp.seed=range(1,16)").code == 1
    found = status(entry, elsewhere)
    assert [job["number"] for job in found.json["jobs"] if job["state"] == "failed"] == [6, 13, 21, 28]
    (command,) = found.json["rerun"]
    assert "exp=001,002 exp.seed=7,14 " in command


@pytest.mark.slow
def test_the_same_values_twice_are_two_jobs(entry: Path, elsewhere: Path) -> None:
    assert sweep(entry, elsewhere, "exp=001", "exp.seed=1,1").code == 0
    assert states(status(entry, elsewhere)) == ["done"] * 2


@pytest.mark.slow
def test_another_primary_config_runs_again_with_it(entry: Path, elsewhere: Path) -> None:
    config = (entry.parent / "config.yaml").read_text()
    write(entry.parent, {"other.yaml": config.replace("  - exp: default", '  - exp: "003"')})
    planted = begin_training_with(entry, "raise ValueError('diverged')")
    assert sweep(entry, elsewhere, "exp.seed=1,2", "--config-name", "other").code == 1
    (command,) = status(entry, elsewhere).json["rerun"]
    undo(entry, planted)
    swept = latest(entry)
    assert rerun(entry, [command]) == [0]
    again = results(swept / f"{swept.name}-again")
    assert [record["choices"]["exp"] for record in again.values()] == ["003", "003"]


@pytest.mark.slow
def test_results_without_multirun_yaml_are_listed(entry: Path, elsewhere: Path) -> None:
    """What a search leaves, whose jobs nobody knows beforehand."""
    assert sweep(entry, elsewhere, "exp=001", "exp.seed=1,2").code == 0
    (latest(entry) / "multirun.yaml").unlink()
    found = status(entry, elsewhere)
    assert (found.code, states(found), found.json["rerun"]) == (0, ["done", "done"], [])
    assert "exp.seed=2" in found.json["jobs"][1]["overrides"]
    (latest(entry) / "1_001" / "result.json").write_text('{"status": "do')
    found = status(entry, elsewhere)
    assert (found.code, states(found)) == (1, ["done", "running"])
    assert "the command that began it" in run("sweep_status.py", latest(entry), cwd=project_of(entry)).err


@pytest.mark.slow
def test_what_is_no_sweep_is_said(entry: Path, elsewhere: Path) -> None:
    ran = status(entry, elsewhere, elsewhere)
    assert ran.code == 2
    assert "multirun.yaml" in ran.json["error"]["help"]
    for text in ("", "a: [", "hydra: 1\n"):
        write(elsewhere, {"multirun.yaml": text})
        assert status(entry, elsewhere, elsewhere).code == 2
    assert sweep(entry, elsewhere, "exp=001").code == 0
    (project_of(entry) / "other").mkdir()
    gone = run("sweep_status.py", latest(entry), "--root", project_of(entry) / "other", cwd=elsewhere)
    assert gone.code == 2
    assert "train.py, which is not in" in gone.err
