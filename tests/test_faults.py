"""A disk that refuses and a process that is ended, at many moments of each writing command: all, or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from running import ROOT, SCRIPTS

pytestmark = pytest.mark.slow

COMMANDS = {
    "a new experiment": ["new_experiment.py", "next", "seed=3"],
    "three sets": ["add_exp.py", "001", "seed=5,6,7"],
    "an environment": ["add_env.py", "001", "gpu", "base_model=x"],
    "a notebook": ["add_notebook.py", "001"],
    "an experiment with fields of its own": ["new_experiment.py", "next", "--bare", "--field", "dropout=0.1", "seed=3"],
    "a set from a run": ["add_exp.py", "001", "--from-run", "p/output"],
    "schemas": ["export_schema.py", "001", "--modeline"],
    "a fix of three files": ["validate.py", "--fix", "--unsafe"],
}


_STEPS = {
    "an experiment with fields of its own": 41,
    "a set from a run": 31,
    "schemas": 25,
    "three sets": 25,
    "a fix of three files": 37,
}  # of the others: every sixteenth or twenty-third operation


@pytest.mark.skipif(os.name == "nt", reason="forks")
@pytest.mark.parametrize("kind", ["SIGKILL", "SIGINT", "EIO"])
@pytest.mark.parametrize("what", COMMANDS)
def test_a_fault_at_any_moment_leaves_all_or_nothing(tmp_path: Path, what: str, kind: str) -> None:
    steps = {"SIGKILL": 16}.get(kind, 23)  # not the same operations for each kind
    step = os.environ.get("FAULTS_STEP", str(_STEPS.get(what, steps)))  # 1: every one, for some minutes
    ran = subprocess.run(
        [sys.executable, ROOT / "tests/harness/faults.py", tmp_path, kind, step, *COMMANDS[what]],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(SCRIPTS), str(ROOT / "tests/harness")]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert result["operations"] > 20
    assert result["found"] == []
