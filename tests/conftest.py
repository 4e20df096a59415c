"""Fixtures of the tests; what they share besides is in `harness/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from running import PLAIN_EXPERIMENT, write


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A working directory that has nothing to do with the project, with a space in its name."""
    folder = tmp_path / "some where"
    folder.mkdir()
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that never saw the skill: one experiment in the plain pattern."""
    root = tmp_path / "my project"
    write(root / "experiments" / "001-baseline", PLAIN_EXPERIMENT)
    return root


@pytest.fixture
def experiment(project: Path) -> Path:
    """Its experiment."""
    return project / "experiments" / "001-baseline"
