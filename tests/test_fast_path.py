"""What the fast path promises beside being exact: no import of hydra, and little work for what is plain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import conftest
import pytest

from experiment_setup import schema
from experiment_setup.compose import Composer
from experiment_setup.overlay import OverlayComposition
from experiment_setup.project import experiment_at

_HEAD = "defaults:\n  - default@_here_\n\n"


def _compose(experiment: Path, exp: str, **choices: str) -> object:
    conftest.write(experiment, {"exp/002.yaml": exp})
    found = experiment_at(experiment)
    assert found is not None
    assert found.entry is not None
    composer = Composer(found, schema.read(found.entry, experiment), experiment)
    return composer.compose({"exp": "002", **choices})


def test_validate_does_not_import_hydra(project: Path) -> None:
    command = [sys.executable, "-X", "importtime", str(conftest.SCRIPTS / "validate.py"), "--root", str(project)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    modules = {line.split("|")[-1].strip() for line in ran.stderr.splitlines()}
    assert "omegaconf" in modules, ran.stderr
    assert "hydra" not in modules


@pytest.mark.parametrize(
    "text",
    [
        f"{_HEAD}name: 002-lr\nlearning_rate: 1e-5\nbatch_size: '32'\nfold: [1, 2]\nnotes: null\n",
        f"{_HEAD}name: ${{env.output_dir}}/x\n",
        "defaults:\n  - 001@_here_\n\nseed: 7\n",
        _HEAD,
    ],
)
def test_plain_values_are_not_merged_one_by_one(experiment: Path, text: str) -> None:
    assert isinstance(_compose(experiment, text, env="local"), OverlayComposition)


@pytest.mark.parametrize("text", ["seed: 7\n", f"{_HEAD}seed: [1]\n", f"{_HEAD}sed: 7\n", f"{_HEAD}fold: [[1]]\n"])
def test_everything_else_is(experiment: Path, text: str) -> None:
    assert not isinstance(_compose(experiment, text), OverlayComposition)
