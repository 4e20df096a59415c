"""add_exp.py --from-run: from what a run saved back to a parameter set, with the real Hydra as judge."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from exactness import Oracle
from experiment_setup.errors import CommandError
from experiment_setup.writing.adding import SetsRequest, add_sets
from returning import Returning
from running import hydra, run, tree, write

pytestmark = pytest.mark.any_hydra


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
def composed(oracle: Oracle, experiment: Path) -> Callable[..., Any]:
    """What the real Hydra composes of the experiment."""

    def ask(*words: str, resolve: bool = False) -> Any:
        oracle.ask(experiment / "train.py", experiment, [[*["--resolve"] * resolve, *words]])
        [answer] = oracle.answers()
        return OmegaConf.to_container(OmegaConf.create(answer["yaml"]))

    return ask


def save(experiment: Path, config: Any) -> Path:
    """The folder of a run that saved its config with OmegaConf.save."""
    text = OmegaConf.to_yaml(OmegaConf.create(config))
    return write(experiment.parents[1] / "output/a run", {"config.yaml": text})


def back(folder: Path, *words: str, **options: Any) -> Any:
    return add_sets(SetsRequest(words, folder.parents[1], run=folder, **options)).data()


def test_a_run_with_overrides_becomes_the_smallest_set(
    project: Path, experiment: Path, composed: Callable[..., Any]
) -> None:
    words = ["exp=001", "exp.seed=7", "exp.notes='a: b'", "exp.fold=[1,2]", "exp.learning_rate=1e-4"]
    config = composed(*words, resolve=True)
    folder = save(experiment, config)
    made = back(folder)
    [new] = made["created"]
    assert made["not_equal"] == []
    assert composed(*made["run_with"]) == config
    assert set(new["differences"]) == {"name", "seed", "notes", "fold", "learning_rate"}
    before = tree(project)
    again = back(folder)
    assert (again["created"], [known["option"] for known in again["existing"]]) == ([], [new["option"]])
    assert tree(project) == before


def test_a_run_of_a_set_is_that_set(project: Path, experiment: Path, composed: Callable[..., Any]) -> None:
    folder = save(experiment, composed("exp=001", resolve=True))
    before = tree(project)
    made = back(folder)
    assert [known["option"] for known in made["existing"]] == ["001"]
    assert tree(project) == before


def test_the_environment_is_told_apart(project: Path, experiment: Path, composed: Callable[..., Any]) -> None:
    config = composed("exp=001", "env=local", "exp.seed=7", resolve=True)
    folder = save(experiment, config)
    made = back(folder)
    assert made["run_with"] == ["exp=002", "env=local"]
    assert composed(*made["run_with"]) == config
    assert set(made["created"][0]["differences"]) == {"name", "learning_rate", "seed"}
    assert any("env=local" in command for command in made["next"])


def test_values_that_no_environment_has_come_with_the_command_that_makes_one(
    experiment: Path, composed: Callable[..., Any]
) -> None:
    config = composed("exp=001", "env.output_dir='to the/disk'", resolve=True)
    folder = save(experiment, config)
    made = back(folder)
    assert [one["key"] for one in made["not_equal"]] == ["env.output_dir"]
    [advice] = [note for note in made["notes"] if "add_env.py" in note]
    words = shlex.split(advice.rpartition("add_env.py ")[2])
    assert run("add_env.py", *words, cwd=folder.parents[1]).code == 0
    made = back(folder)
    assert made["not_equal"] == []
    assert composed(*made["run_with"]) == config


def test_what_follows_from_other_values_is_not_written(experiment: Path, composed: Callable[..., Any]) -> None:
    entry = experiment / "train.py"
    entry.write_text(entry.read_text().replace("epochs: int = 3", 'epochs: int = 3\n    label: str = "r${exp.seed}"'))
    config = composed("exp.seed=7", resolve=True)
    folder = save(experiment, config)
    made = back(folder)
    assert "label" not in made["created"][0]["differences"]
    assert composed(*made["run_with"], resolve=True) == config
    config = composed("exp.seed=8", "exp.label=own", resolve=True)
    folder = save(experiment, config)
    made = back(folder)
    assert made["created"][0]["differences"]["label"] == "own"
    assert composed(*made["run_with"], resolve=True) == config


def test_what_cannot_be_equal_any_more_is_said_with_the_reason(
    experiment: Path, monkeypatch: pytest.MonkeyPatch, composed: Callable[..., Any]
) -> None:
    entry = experiment / "train.py"
    text = entry.read_text().replace("epochs: int = 3", 'epochs: int = 3\n    user: str = "${oc.env:WHO}"')
    entry.write_text(text)
    monkeypatch.setenv("WHO", "s3cret-then")
    folder = save(experiment, hydra(entry, "exp.seed=7", "exp.epochs=5", resolve=True))
    monkeypatch.setenv("WHO", "s3cret-now")
    now = text.replace("seed: int = 42", "seeds: int = 42").replace(
        "epochs: int = 3", "epochs: dict[str, int] = field(default_factory=dict)"
    )
    entry.write_text(now.replace("batch_size: int = 16", 'batch_size: str = "16"'))
    made = back(folder)
    reasons = {one["key"]: one["reason"] for one in made["not_equal"]}
    assert reasons.keys() == {"exp.seed", "exp.seeds", "exp.epochs", "exp.user", "exp.batch_size"}
    assert "no such field any more" in reasons["exp.seed"]
    assert "new since the run" in reasons["exp.seeds"]
    assert "environment of this machine" in reasons["exp.user"]
    assert "of another type now" in reasons["exp.batch_size"]
    assert "s3cret" not in str(made)


def test_a_run_that_hydra_saved_is_understood_with_its_choices(
    project: Path, experiment: Path, composed: Callable[..., Any]
) -> None:
    config = composed("exp=001", "exp.seed=7")
    settings = {"hydra": {"runtime": {"choices": {"exp": "001", "env": "default"}}}}
    texts = {"config.yaml": config, "hydra.yaml": settings, "overrides.yaml": ["exp=001", "exp.seed=7"]}
    folder = project / "outputs/2026-01-01/10-00-00"
    write(folder / ".hydra", {name: yaml.safe_dump(content) for name, content in texts.items()})
    ran = run("add_exp.py", "001", "--from-run", folder, "--json", cwd=project)
    assert composed(*ran.json["run_with"]) == config


def test_dry_run_and_wrong_words_write_nothing(
    project: Path, experiment: Path, tmp_path: Path, composed: Callable[..., Any]
) -> None:
    folder = save(experiment, composed("exp.seed=7", resolve=True))
    before = tree(project)
    assert back(folder, dry_run=True)["created"]
    with pytest.raises(CommandError, match="takes all values from the run"):
        back(folder, "001", "seed=3")
    empty = write(project / "output/empty", {})
    empty.mkdir()
    with pytest.raises(CommandError, match="no config was saved there"):
        back(empty)
    empty.rmdir()
    above = f"{folder.parent}/"  # as a shell completes it
    for command in (["add_exp.py", "--from-run"], ["show.py", "--run"]):
        ran = run(*command, above, cwd=project)
        assert (ran.code, f"{command[0]} {command[1]} {folder}\n" in ran.err.replace("'", "")) == (2, True), ran.err
    assert tree(project) == before


@pytest.mark.long
def test_random_runs_are_brought_back(tmp_path: Path) -> None:
    returning = Returning()
    wrong = [words for seed in range(100, 103) for words in returning.complaints(seed, tmp_path / str(seed))]
    assert wrong == []
    assert returning.counts["new sets"] >= 1
