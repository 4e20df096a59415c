"""Sweeps of a train.py that is not the template's, by the real Hydra, and the reader of what runs have saved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from environments import LAUNCHERS, python_with
from experiment_setup.reading import yaml_loader
from experiment_setup.runs import run as runs
from experiment_setup.runs import saved
from experiment_setup.runs.run import State
from running import PLAIN_EXPERIMENT, Ran, run, run_entry, write

pytestmark = pytest.mark.any_hydra

# It appends to a file in its output folder, so that a folder that two jobs wrote to has two lines.
TRAIN = PLAIN_EXPERIMENT["train.py"].replace(
    "    print(",
    "    import os\n"
    "    if cfg.exp.seed == 13:\n"
    "        raise ValueError('unlucky')\n"
    "    os.makedirs(cfg.env.output_dir, exist_ok=True)\n"
    "    with open(cfg.env.output_dir + '/score.txt', 'a') as file:\n"
    "        file.write(f'{cfg.exp.name} {cfg.exp.seed}\\n')\n"
    "    print(",
    1,
)
CONFIG = PLAIN_EXPERIMENT["config.yaml"].partition("hydra:")[0]  # with Hydra's own settings: a .hydra folder a job
SET = 'defaults:\n  - default@_here_\n\nname: "002-x"\nbatch_size: 4\n'


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    folder = tmp_path / "my lab" / "experiments" / "001-baseline"
    write(folder, PLAIN_EXPERIMENT | {"train.py": TRAIN, "config.yaml": CONFIG, "exp/002.yaml": SET})
    return folder / "train.py"


def lab(entry: Path) -> Path:
    return entry.parents[2]


def sweep(entry: Path, *words: str, python: Path | str = sys.executable, cwd: Path | None = None) -> Ran:
    return run_entry(entry, "-m", *words, cwd=cwd or lab(entry), python=python)


def status(entry: Path, folder: str = "output/sw", *words: str) -> Any:
    ran = run("sweep_status.py", folder, *words, "--json", cwd=lab(entry))
    assert ran.code in (0, 1), ran.err
    return ran.json


def states(data: Any) -> list[str]:
    return [job["state"] for job in data["jobs"]]


def type_all(entry: Path, commands: list[str], python: Path | str = sys.executable) -> None:
    """Type each command in the project's folder, with the Python of the tests."""
    for command in commands:
        before, _, after = command.partition("experiments/001-baseline/train.py")
        there = before.rpartition(" && ")[0]  # `(cd … && …)`
        ours = (
            f'{there} && "{python}" \'{entry}{after}' if there else f'"{python}" {entry.relative_to(lab(entry))}{after}'
        )
        ran = subprocess.run(["bash", "-c", ours], cwd=lab(entry), capture_output=True, text=True)
        assert ran.returncode == 0, (ours, ran.stderr)


def scores(entry: Path, below: str = "output") -> dict[str, list[str]]:
    """What was written, by folder: a line a job."""
    found = sorted((lab(entry) / below).rglob("score.txt"))
    return {path.parent.relative_to(lab(entry) / below).as_posix(): path.read_text().splitlines() for path in found}


def remove(*folders: Path) -> None:
    import shutil

    for folder in folders:
        shutil.rmtree(folder)


@pytest.mark.slow
class TestSteered:
    """Results that are steered from the command line."""

    def test_by_a_value_of_the_job(self, entry: Path) -> None:
        words = [
            "exp=001,002",
            "exp.seed=1,2",
            "env.output_dir=output/s/${exp.name}-${exp.seed}",
            "hydra.sweep.dir=output/sw",
        ]
        assert sweep(entry, *words).code == 0
        assert len(scores(entry)) == 4
        found = status(entry)
        assert states(found) == ["unknown"] * 4
        assert all(job["evidence"] for job in found["jobs"])
        assert found["rerun"] == []
        remove(*(lab(entry) / f"output/sw/{number}" for number in (1, 3)))
        names = [name for name, lines in scores(entry).items() if lines[0].endswith(" 2")]
        remove(*(lab(entry) / "output" / name for name in names))
        found = status(entry)
        assert states(found) == ["unknown", "missing", "unknown", "missing"]
        type_all(entry, found["rerun"])
        assert [len(lines) for lines in scores(entry).values()] == [1, 1, 1, 1]
        assert sorted(line[-1] for lines in scores(entry).values() for line in lines) == ["1", "1", "2", "2"]
        assert states(status(entry)) == ["unknown"] * 4

    def test_only_hydras_folder_is_gone(self, entry: Path) -> None:
        """The results are there: the job ran."""
        words = ["exp.seed=1,2", "env.output_dir=output/s/seed${exp.seed}", "hydra.sweep.dir=output/sw"]
        assert sweep(entry, *words).code == 0
        remove(lab(entry) / "output/sw/1")
        [_, job] = status(entry)["jobs"]
        assert (job["state"], Path(job["folder"]).name) == ("unknown", "seed2")
        assert "score.txt" in job["evidence"]
        remove(lab(entry) / "output/s/seed2")
        assert states(status(entry)) == ["unknown", "missing"]

    def test_to_the_folder_that_hydra_gives(self, entry: Path) -> None:
        words = ["exp.seed=1,2", "env.output_dir=${hydra:runtime.output_dir}", "hydra.sweep.dir=output/sw"]
        subdir = "hydra.sweep.subdir=${hydra.job.num}_${hydra.runtime.choices.env}"
        assert sweep(entry, *words, subdir, "env=local").code == 0
        found = status(entry)
        assert [job["folder"] for job in found["jobs"]] == ["0_local", "1_local"]
        remove(lab(entry) / "output/sw/1_local")
        found = status(entry)
        assert states(found) == ["unknown", "missing"]
        type_all(entry, found["rerun"])
        assert scores(entry, "output/sw") == {"0_local": ["default 1"], "sw-again/0_local": ["default 2"]}

    @pytest.mark.parametrize("where", ["command line", "dataclass", "a chain"])
    def test_by_the_number_of_the_job(self, entry: Path, where: str) -> None:
        """In the new sweep the numbers begin at 0 again: without care, job 3 would write over the results of job 0."""
        words = ["exp.seed=1,2,3,4", "hydra.sweep.dir=output/sw"]
        if where == "command line":
            words.append("env.output_dir=output/s/${hydra:job.num}")
        elif where == "dataclass":
            usual = '"output/001-baseline"'
            assert usual in entry.read_text()
            entry.write_text(entry.read_text().replace(usual, '"output/s/${hydra:job.num}"'))
        else:
            words += ["env.output_dir=output/s/${env.base_model}", "env.base_model=${hydra:sweep.subdir}"]
        assert sweep(entry, *words).code == 0
        before = scores(entry)
        assert list(before) == [f"s/{number}" for number in range(4)]
        remove(*(lab(entry) / f"output/{folder}/{number}" for folder in ("s", "sw") for number in (1, 3)))
        found = status(entry)
        assert states(found) == ["unknown", "missing", "unknown", "missing"]
        type_all(entry, found["rerun"])
        assert scores(entry) == before
        assert states(status(entry)) == ["unknown"] * 4

    def test_results_that_are_older_than_the_sweep(self, entry: Path) -> None:
        """Another sweep wrote to the same folders before; this one was stopped after its first job."""
        words = ["exp.seed=1,2", "env.output_dir=output/s/${exp.seed}"]
        assert sweep(entry, *words, "hydra.sweep.dir=output/before").code == 0
        for path in (lab(entry) / "output/s").rglob("*"):
            os.utime(path, (1e9, 1e9))
        assert sweep(entry, *words, "hydra.sweep.dir=output/sw").code == 0
        remove(lab(entry) / "output/sw/1")
        for path in (lab(entry) / "output/s/2", lab(entry) / "output/s/2/score.txt"):
            os.utime(path, (1e9, 1e9))
        assert states(status(entry)) == ["unknown", "missing"]

    def test_several_commands_write_to_several_folders(self, entry: Path) -> None:
        words = ["exp=001,002", "exp.seed=1,2", "hydra.sweep.dir=output/sw"]
        assert sweep(entry, *words, "env.output_dir=${hydra:runtime.output_dir}").code == 0
        before = sorted(map(tuple, scores(entry, "output/sw").values()))
        remove(*(lab(entry) / f"output/sw/{number}" for number in (0, 3)))
        found = status(entry)
        assert len(found["rerun"]) == 2
        type_all(entry, found["rerun"])
        assert sorted(map(tuple, scores(entry, "output/sw").values())) == before

    def test_variables_of_the_environment_stay_variables(self, entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is printed may end in a log."""
        monkeypatch.setenv("SCRATCH_SPACE", str(lab(entry) / "output" / "secret-place"))
        words = ["exp.seed=1,2", "hydra.sweep.dir=output/sw"]
        assert sweep(entry, *words, "env.output_dir=${oc.env:SCRATCH_SPACE}/${hydra:job.num}").code == 0
        before = scores(entry)
        assert list(before) == ["secret-place/0", "secret-place/1"]
        remove(*(lab(entry) / f"output/{folder}/1" for folder in ("sw", "secret-place")))
        found = status(entry)
        assert states(found) == ["unknown", "missing"]
        assert "secret-place" not in str(found["rerun"])
        type_all(entry, found["rerun"])
        assert scores(entry) == before

    def test_what_a_resolver_of_the_code_gives_cannot_be_told(self, entry: Path) -> None:
        """It is not run; a rerun that guesses could write over what is there."""
        own = 'from omegaconf import OmegaConf\n\nOmegaConf.register_new_resolver("pad", lambda n: f"{n:03}")\n'
        entry.write_text(entry.read_text().replace("import hydra\n", f"import hydra\n{own}", 1))
        words = ["exp.seed=1,2", "hydra.sweep.dir=output/sw", 'env.output_dir="output/s/${pad:${hydra:job.num}}"']
        assert sweep(entry, *words).code == 0
        assert list(scores(entry)) == ["s/000", "s/001"]
        remove(lab(entry) / "output/sw/1")
        found = status(entry)
        assert (states(found), found["rerun"]) == (["unknown", "missing"], [])
        assert "jobs 1" in run("sweep_status.py", "output/sw", cwd=lab(entry)).err

    def test_a_config_folder_of_the_command_line(self, entry: Path) -> None:
        write(lab(entry), {"more/exp/077.yaml": SET.replace("002-x", "077-x")})
        words = ["--config-dir", str(lab(entry) / "more"), "exp=077,001", "exp.seed=1", "hydra.sweep.dir=output/sw"]
        assert sweep(entry, *words, "env.output_dir=${hydra:runtime.output_dir}").code == 0
        remove(lab(entry) / "output/sw/0")
        found = status(entry)
        assert states(found) == ["missing", "unknown"]
        type_all(entry, found["rerun"])
        assert scores(entry, "output/sw")["sw-again/0"] == ["077-x 1"]

    def test_jobs_that_wrote_to_one_folder_are_told_by_hydras(self, entry: Path) -> None:
        assert sweep(entry, "exp.seed=1,2,3", "hydra.sweep.dir=output/sw").code == 0
        assert states(status(entry)) == ["unknown"] * 3
        remove(lab(entry) / "output/sw/1")
        assert states(status(entry)) == ["unknown", "missing", "unknown"]

    def test_without_a_hydra_folder(self, entry: Path) -> None:
        """An empty folder of the job says that it began; what has none never did."""
        words = ["exp.seed=1,2,13", "env.output_dir=output/s/${exp.seed}", "hydra.sweep.dir=output/sw"]
        quiet = ["hydra.output_subdir=null", "hydra/job_logging=none"]
        assert sweep(entry, *words, *quiet).code == 1
        (lab(entry) / "output/sw/1").rmdir()
        remove(lab(entry) / "output/s/2")
        found = status(entry)
        assert states(found) == ["unknown", "missing", "unknown"]
        assert "s/13 is not there" in found["jobs"][2]["evidence"]

    def test_a_second_rerun_writes_over_nothing_of_the_first(self, entry: Path) -> None:
        words = ["exp.seed=1,2,3", "env.output_dir=${hydra:runtime.output_dir}", "hydra.sweep.dir=output/sw"]
        assert sweep(entry, *words).code == 0
        for number in (1, 2):
            remove(lab(entry) / f"output/sw/{number}")
        type_all(entry, status(entry)["rerun"])
        remove(lab(entry) / "output/sw/sw-again/1")
        found = status(entry)
        assert states(found) == ["unknown", "unknown", "missing"]
        type_all(entry, found["rerun"])
        assert scores(entry, "output/sw") == {
            "0": ["default 1"],
            "sw-again/0": ["default 2"],
            "sw-again2/0": ["default 3"],
        }

    def test_relative_folders_mean_what_they_meant(self, entry: Path) -> None:
        """The sweep was started in another folder than the project's."""
        cwd = lab(entry) / "scratch here"
        cwd.mkdir()
        words = ["exp.seed=1,2", "env.output_dir=out/${exp.seed}", f"hydra.sweep.dir='{lab(entry)}/output/sw'"]
        assert sweep(entry, *words, cwd=cwd).code == 0
        remove(lab(entry) / "output/sw/1", cwd / "out/2")
        found = status(entry)
        assert states(found) == ["unknown", "missing"]
        type_all(entry, found["rerun"])
        assert list(scores(entry, "scratch here")) == ["out/1", "out/2"]

    def test_through_joblib(self, request: pytest.FixtureRequest, entry: Path) -> None:
        """Its jobs are processes, in each of which `hydra` means the job."""
        python = python_with(request.config, LAUNCHERS)
        words = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "exp.seed=1,2,3", "hydra.sweep.dir=output/sw"]
        assert sweep(entry, *words, "env.output_dir=output/s/${hydra:job.num}", python=python).code == 0
        before = scores(entry)
        assert list(before) == ["s/0", "s/1", "s/2"]
        remove(*(lab(entry) / f"output/{folder}/{number}" for folder in ("s", "sw") for number in (1, 2)))
        found = status(entry)
        assert states(found) == ["unknown", "missing", "missing"]
        assert all("hydra/launcher=joblib" in command for command in found["rerun"])
        type_all(entry, found["rerun"], python)
        assert scores(entry) == before

    def test_a_job_that_composes_no_more_is_left_out(self, entry: Path) -> None:
        words = ["exp=001,002", "exp.seed=1,13", "hydra.sweep.dir=output/sw"]
        assert sweep(entry, *words, "env.output_dir=${hydra:runtime.output_dir}").code == 1
        remove(*(lab(entry) / f"output/sw/{number}" for number in (1, 3)))
        write(entry.parent, {"exp/002.yaml": SET.replace("batch_size", "batch_sise")})
        ran = run("sweep_status.py", "output/sw", cwd=lab(entry))
        assert "jobs 3" in ran.err
        (command,) = status(entry)["rerun"]
        assert "exp=001 exp.seed=13 " in command

    def test_results_of_its_own_kind(self, entry: Path) -> None:
        """A result.json that is not the template's: numbers, no status."""
        text = entry.read_text().replace("'/score.txt', 'a'", "'/result.json', 'w'")
        entry.write_text(text.replace("file.write(f'{cfg.exp.name} {cfg.exp.seed}\\n')", "file.write('{\"f1\": 0.5}')"))
        words = ["exp.seed=1,2", "env.output_dir=${hydra:runtime.output_dir}", "hydra.sweep.dir=output/sw"]
        assert sweep(entry, *words).code == 0
        found = status(entry)
        assert states(found) == ["unknown"] * 2
        assert [job["mean"] for job in found["jobs"]] == [{"f1": 0.5}] * 2

    def test_text_says_what_to_do(self, entry: Path) -> None:
        assert sweep(entry, "exp.seed=1,2", "hydra.sweep.dir=output/sw").code == 0
        ran = run("sweep_status.py", "output/sw", cwd=lab(entry))
        assert ran.code == 1
        assert "#0 unknown  exp.seed=1   it left .hydra; nothing says how it ended" in ran.out
        assert "2 jobs: 2 unknown" in ran.out
        assert "remove" in ran.err


def hydra_run(entry: Path, *words: str) -> Path:
    folder = lab(entry) / "output" / "one"
    assert run_entry(entry, *words, f"hydra.run.dir='{folder}'", cwd=lab(entry)).code == 0
    return folder


class TestReader:
    """One reader for what runs of any kind have saved."""

    def test_hydras_own_folder(self, entry: Path) -> None:
        folder = hydra_run(entry, "exp=002", "exp.seed=7", "env.output_dir=output/${exp.seed}")
        for place in (folder, folder / ".hydra", folder / ".hydra" / "config.yaml"):
            found = runs.read(place)
            assert found.folder == folder
            assert found.choices == {"exp": "002", "env": "default"}
            assert found.overrides is not None
            assert found.overrides[:2] == ("exp=002", "exp.seed=7")
            assert found.config is not None
            assert (found.config["exp"]["seed"], found.config["exp"]["batch_size"]) == (7, 4)
            assert found.resolved is False
            assert found.state is State.UNKNOWN

    def test_another_name_of_hydras_folder(self, entry: Path) -> None:
        folder = hydra_run(entry, "exp=002", "hydra.output_subdir=settings")
        assert runs.read(folder).choices == {"exp": "002", "env": "default"}

    def test_of_what_hydra_recorded_only_the_part_that_is_asked_for_is_parsed(
        self, entry: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All of it took twelve of thirteen seconds where ten thousand runs are listed, three times over."""
        parsed, parse = [], yaml_loader.parse
        monkeypatch.setattr(yaml_loader, "parse", lambda text: (parsed.append(text), parse(text))[1])
        file = hydra_run(entry, "exp=002") / ".hydra" / "hydra.yaml"
        whole = yaml.safe_load(text := file.read_text())["hydra"]["runtime"]
        parsed.clear()
        assert saved.runtime_of(file) == whole
        assert [text.count("\n") < 40 for text in parsed] == [True]
        for other in (
            text.replace("  runtime:\n", "  runtime:\n\n    # by hand\n"),
            text.replace("  runtime:\n", "  runtime: &anchor\n"),
            f"# by hand\n{text}",
            yaml.safe_dump(yaml.safe_load(text), default_flow_style=True),
        ):
            file.write_text(other)
            assert saved.runtime_of(file) == whole
        file.write_text("hydra:\n  runtime:\n    choices: [\n")
        assert saved.runtime_of(file) == {}

    def test_saved_with_omegaconf(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "run", {"model.bin": "x"})
        OmegaConf.save(OmegaConf.create({"exp": {"lr": 1e-5, "fold": [0]}, "n": "${exp.lr}"}), folder / "config.yaml")
        found = runs.read(folder)
        assert found.config == {"exp": {"lr": 1e-5, "fold": [0]}, "n": "${exp.lr}"}
        assert (found.resolved, found.choices, found.overrides) == (False, None, None)
        assert [place.folder for place in runs.below(tmp_path)] == [folder]

    def test_a_config_of_an_experiment_is_no_run(self, entry: Path) -> None:
        assert runs.read(entry.parent).config is None
        assert list(runs.below(entry.parent)) == []

    @pytest.mark.parametrize(("status", "found"), [("done", {"score": 0.5, "f1": None}), ("running", {})])
    def test_the_results_of_a_record_are_what_it_was_not_given(
        self, tmp_path: Path, status: str, found: object
    ) -> None:
        """A project's own result.json with a status: its numbers, without parameters and times."""
        record = {"set": "001", "seed": 3, "overrides": ["exp=001", "exp.seed=3"], "started": 1.5, "status": status}
        write(tmp_path, {"result.json": json.dumps({**record, "score": 0.5, "f1": float("nan"), "note": "x"})})
        assert runs.read(tmp_path).results == found

    def test_a_run_of_wandb(self, tmp_path: Path) -> None:
        inner = "wandb/offline-run-20260101_000000-abcd1234/files"
        text = "wandb_version: 1\n\nexp:\n  desc: null\n  value:\n    lr: 0.1\n_wandb:\n  value:\n    python: 3.11\n"
        summary = json.dumps({"accuracy": 0.9, "_runtime": 3})
        folder = write(tmp_path / "run", {f"{inner}/config.yaml": text, f"{inner}/wandb-summary.json": summary})
        for place in (folder, folder / Path(inner).parent):
            found = runs.read(place)
            assert found.config == {"exp": {"lr": 0.1}}
            assert found.results == {"accuracy": 0.9}

    @pytest.mark.long
    @pytest.mark.parametrize(
        ("ending", "state"), [("", State.DONE), ("1 / 0", State.FAILED), ("os._exit(1)", State.RUNNING)]
    )
    def test_a_run_that_wandb_did_not_upload(
        self, request: pytest.FixtureRequest, tmp_path: Path, ending: str, state: State
    ) -> None:
        """Its log is the only file that has the config and says how it ended; many blocks long, here."""
        python = python_with(request.config, ["wandb"])
        code = (
            "import os, wandb\nconfig = {'exp': {'lr': 1e-5, 'notes': '学習' * 20000}, 'fold': [0]}\n"
            "wandb.init(project='p', mode='offline', config=config)\n"
            "for step in range(500):\n    wandb.log({'accuracy': step / 500, 'loss': float('nan')})\n"
            "wandb.config.update({'late': True})\nimport glob, time\n"  # until another process has written it
            "while not any(b'late' in open(log, 'rb').read() for log in glob.glob('wandb/*/*.wandb')):\n"
            f"    time.sleep(0.1)\n{ending}\n"
        )
        subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, timeout=300)
        [folder] = tmp_path.glob("wandb/offline-run-*")
        for place in (tmp_path, folder):
            found = runs.read(place)
            assert found.config == {"exp": {"lr": 1e-5, "notes": "学習" * 20000}, "fold": [0], "late": True}
            assert found.state is state, found.evidence
        if state is State.DONE:
            assert found.results == {"accuracy": 0.998, "loss": None}
        [log] = folder.glob("*.wandb")
        for broken in (log.read_bytes()[:-7], log.read_bytes()[:9000], b":W&B" + os.urandom(5000), b":W&B"):
            log.write_bytes(broken)
            assert runs.read(folder).folder == folder

    def test_nothing_there(self, tmp_path: Path) -> None:
        assert runs.read(tmp_path / "none").state is State.MISSING
        assert runs.read(tmp_path).state is State.MISSING
        write(tmp_path, {"result.json": "{"})
        assert runs.read(tmp_path).state is State.RUNNING

    @pytest.mark.parametrize(
        "text",
        [
            "!!python/object/apply:os.system ['touch {}']",
            "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
            "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
            "a: &a\n  b: *a\n",
            "[" * 5000,
            "a: " + "[" * 200 + "]" * 200,
            "\x00",
            "a: [",
            "just words",
            "- 1\n- 2\n",
        ],
    )
    def test_hostile_yaml(self, tmp_path: Path, text: str) -> None:
        mark = tmp_path / "mark"
        for name in (
            "config.yaml",
            ".hydra/overrides.yaml",
            ".hydra/hydra.yaml",
            ".hydra/config.yaml",
            "multirun.yaml",
        ):
            write(tmp_path, {name: text.replace("{}", str(mark))})
        found = runs.read(tmp_path)
        assert (found.config, found.choices, found.overrides) == (None, None, None)
        assert not mark.exists()
        assert run("sweep_status.py", tmp_path, cwd=tmp_path).code == 2

    def test_what_is_no_file_is_not_read(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "result.json")
        os.mkfifo(tmp_path / "config.yaml")
        (tmp_path / "overrides.yaml").symlink_to("/dev/zero")
        assert runs.read(tmp_path).config is None
        write(tmp_path, {"deep/result.json": "[" * 100_000})
        assert runs.read(tmp_path / "deep").state is State.RUNNING

    def test_folders_are_in_the_order_of_their_numbers(self, tmp_path: Path) -> None:
        for name in ("10_a", "9_b", "x", "1"):
            (tmp_path / name).mkdir()
        (tmp_path / "loop").symlink_to(tmp_path)
        assert [path.name for path, _ in saved.folders(tmp_path)][1:] == ["x", "1", "9_b", "10_a"]
