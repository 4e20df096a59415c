"""Work on all cores: the same results as in turn, whatever becomes of the helpers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from experiment_setup.checking import workers
from experiment_setup.checking.check import check
from experiment_setup.project import Project
from running import PLAIN_EXPERIMENT, SCRIPTS, interruptible, write

pytestmark = [
    pytest.mark.any_hydra,
    pytest.mark.skipif(workers._cores() < 2, reason="this machine has one core, or is no Linux"),
]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share the work from the start."""
    monkeypatch.setattr(workers, "ALONE", -1.0)


def test_results_are_in_order_and_from_several_processes() -> None:
    def work(number: int, word: str) -> tuple[int, str, int]:
        time.sleep(0.005)
        return number, word * 1000, os.getpid()

    words = [str(number) for number in range(200)]
    found = workers.results(words, work)
    assert [(number, word) for number, word, _ in found] == [(n, word * 1000) for n, word in enumerate(words)]
    assert len({process for *_, process in found}) > 1


def _dying_by(sign: signal.Signals) -> Callable[[int, int], int]:
    """Work at which helpers die of a signal after a few numbers."""
    here = os.getpid()

    def work(number: int, _: int) -> int:
        time.sleep(0.005)
        if os.getpid() != here and number > 5:
            os.kill(os.getpid(), sign)
        return number

    return work


def test_what_a_dead_helper_leaves_is_done_here() -> None:
    assert workers.results(range(50), _dying_by(signal.SIGTERM)) == list(range(50))


def test_what_a_helper_was_killed_at_is_said_and_not_tried_again() -> None:
    """As the system kills where memory runs out: this process would be the next."""
    found = workers.each(range(50), _dying_by(signal.SIGKILL), str)
    errors = {int(one.where): one for one in found if not isinstance(one, int)}
    assert found == [errors.get(number, number) for number in range(50)]
    assert 0 < len(errors) <= workers._cores() - 1
    assert {(one.exit_code, "was killed" in one.message) for one in errors.values()} == {(3, True)}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_an_error_is_raised_here() -> None:
    def work(number: int, _: int) -> int:
        time.sleep(0.005)
        if number == 40:
            raise PermissionError(13, "no", "there")
        return number

    others = _children(os.getpid())  # of other tests
    for _ in range(5):  # now a helper meets it, now this process
        with pytest.raises(PermissionError, match="there"):
            workers.results(range(50), work)
        assert _children(os.getpid()) == others  # no helper is left


def test_one_thing_needs_no_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", None)
    assert workers.results(["one"], lambda number, thing: (number, thing)) == [(0, "one")]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Forty experiments with a mistake each, of more than one kind; every tenth writes to the same folder elsewhere."""
    for number in range(1, 41):
        head = f"defaults:\n  - default@_here_\n\nname: 002-x{number}\n"
        bad = [f"learning_rte: {number}\n", "batch_size: 1.5\n", "name_: ${exp.nme}\n", "notes: 001  # noqa: ES010\n"]
        texts = {name: text.replace("001-baseline", f"{number:03d}-x") for name, text in PLAIN_EXPERIMENT.items()}
        if number % 10 == 0:
            texts["env/local.yaml"] += "output_dir: /data/runs\n"
        write(tmp_path / "experiments" / f"{number:03d}-x", {**texts, "exp/002.yaml": head + bad[number % 4]})
    return tmp_path


@pytest.mark.slow
def test_a_check_says_the_same(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def checked() -> tuple[list[object], list[object]]:
        project = Project(many)
        result = check(project, project.experiments)
        return [repr(finding) for finding in result.findings], [repr(one) for one in result.checked]

    monkeypatch.setattr(workers, "ALONE", 0)
    shared = checked()
    monkeypatch.setattr(workers, "ALONE", 1e9)
    assert checked() == shared
    assert len(shared[0]) >= 40
    assert sum("experiments/010-x writes to the same env.output_dir" in finding for finding in shared[0]) == 3


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_ctrl_c_ends_all_without_a_word(many: Path) -> None:
    """The whole group of the terminal gets the signal, the helpers too; or only the command does."""
    for number in range(41, 400):
        shutil.copytree(many / "experiments" / "001-x", many / "experiments" / f"{number:03d}-x")
    for whole_group in (True, False):
        command = [sys.executable, str(SCRIPTS / "validate.py"), "--json"]
        process = subprocess.Popen(
            command,
            cwd=many,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=interruptible,
        )
        while not (helpers := _children(process.pid)):
            assert process.poll() is None, "it ended before it had helpers"
            time.sleep(0.01)
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 130, err
        assert (out, err.count("\n")) == ("", 1), err
        assert err.startswith("interrupted")
        assert not [helper for helper in helpers if _works(helper)]


def _works(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _children(process: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text("utf-8").split()]
