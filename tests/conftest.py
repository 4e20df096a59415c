"""Fixtures of the tests; what they share besides is in `harness/`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from running import PLAIN_EXPERIMENT, write


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """For `-n auto`: one more than there are cores, as some tests wait for an installation, for Ray or for a server."""
    given = "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ
    return None if given or not hasattr(os, "sched_getaffinity") else len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is long is slow as well: `-m "not slow"` leaves it out."""
    for item in items:
        if item.get_closest_marker("long") is not None:
            item.add_marker("slow")


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
