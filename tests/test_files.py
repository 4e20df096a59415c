"""Files where others are at work, and on file systems that keep fewer promises than a local disk.

On network file systems locks may not be to be had, or hold on one machine alone; on others there are no hard links, or
two programs may make the same file. Making a folder, and renaming, are atomic everywhere.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiment_setup import files, locks
from experiment_setup.writing.adding import SetsRequest, add_sets
from experiment_setup.writing.new_folder import ExperimentRequest, start
from running import PLAIN_EXPERIMENT, tree, write

pytestmark = [
    pytest.mark.any_hydra,
    pytest.mark.skipif(os.name == "nt", reason="forks"),
]
AT_ONCE = 3


# -- network file systems ----------------------------------------------------------------------------------------------


def _refuse(code: int) -> Callable[..., Any]:
    def operation(*_: Any, **__: Any) -> Any:
        time.sleep(0.1)  # until all of them have looked which names are free
        raise OSError(code, os.strerror(code))

    return operation


def _shared_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """O_EXCL is not kept: two programs at once make the same file."""
    real = os.open

    def opened(path: Any, flags: int, *given: Any, **named: Any) -> int:
        return real(path, flags & ~os.O_EXCL, *given, **named)

    monkeypatch.setattr(os, "open", opened)


KINDS: dict[str, tuple[int | None, int | None, bool]] = {  # of a lock and of a link; whether names are shared
    "no locks": (errno.ENOLCK, None, False),
    "no hard links": (None, errno.EPERM, False),
    "neither": (errno.EOPNOTSUPP, errno.EOPNOTSUPP, False),
    "nothing but folders and names": (errno.ENOLCK, errno.EPERM, True),
}


def _simulated(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    lock, link, shared = KINDS[kind]
    if lock is not None:
        monkeypatch.setattr(fcntl, "flock", _refuse(lock))
    if link is not None:
        monkeypatch.setattr(os, "link", _refuse(link))
    if shared:
        _shared_names(monkeypatch)


def _together(*acts: Callable[[], object]) -> list[int]:
    """Exit codes of processes that begin at the same moment: 0, or 1 for an error."""
    waiting, begin = os.pipe()
    children = []
    for act in acts:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(begin)
                os.read(waiting, 1)
                act()
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    os.close(waiting)
    os.close(begin)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


@pytest.fixture
def shared(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an experiment on the shared disk."""
    # Tests beside this one have locks, and would take the temporary folders of those that have none for left behind.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
    return write(tmp_path / "experiments/001-baseline", PLAIN_EXPERIMENT)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_sets_made_at_once_have_files_of_their_own(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    _simulated(monkeypatch, kind)
    before = tree(shared)
    seeds = range(100, 100 + AT_ONCE)
    codes = _together(*(lambda s=seed: add_sets(SetsRequest(["001", f"seed={s}"], tmp_path)) for seed in seeds))
    assert codes == [0] * AT_ONCE
    after = tree(shared)
    assert {name: after[name] for name in before} == before
    made = sorted(after.keys() - before.keys())
    assert made == [f"exp/{number:03}.yaml" for number in range(2, 2 + AT_ONCE)]
    assert sorted(int(re.findall(rb"seed: (\d+)", after[name])[0]) for name in made) == list(seeds)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["no locks", "nothing but folders and names"])
def test_experiments_made_at_once_have_numbers_of_their_own(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    _simulated(monkeypatch, kind)
    names = [f"n{number}" for number in range(AT_ONCE)]
    codes = _together(*(lambda n=name: start(ExperimentRequest([n], tmp_path)) for name in names))
    assert codes == [0] * AT_ONCE
    made = sorted(path.name for path in shared.parent.iterdir())
    assert [name[:3] for name in made] == [f"{number:03}" for number in range(1, 2 + AT_ONCE)]
    assert sorted(name[4:] for name in made[1:]) == names
    assert all((shared.parent / name / "exp/001.yaml").is_file() for name in made)


def test_a_name_that_no_file_system_takes_is_no_file() -> None:
    names = (Path("/a\0b"), Path("/\ud800"), Path("/", "a" * 5_000))
    assert [files.real(name) for name in names] == list(names)
    assert not any(question(name) for name in names for question in (files.is_file, files.is_folder, files.exists))


def test_what_goes_while_a_folder_is_looked_at_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"a/1.yaml": "", "b/2.yaml": ""})
    found = files.below(tmp_path)
    first = next(found)
    shutil.rmtree(tmp_path / ("b" if first.parent.name == "a" else "a"))
    assert [first, *found] == [first]


def test_a_lock_that_holds_on_one_machine_alone_costs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine takes what is on its way for the litter of a dead process: it is refused as a whole."""
    target, real, seen = tmp_path / "002-next", shutil.rmtree, []

    def rmtree(path: Path, **given: Any) -> None:
        seen.append(aside.exists())  # else the rest could get its name while it is emptied
        real(path, **given)

    with pytest.raises(FileNotFoundError), files.new_folder(target) as aside:  # noqa: PT012 (what happens in it)
        (aside / "train.py").write_text("")
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "rmtree", rmtree)
            files.remove_unfinished(tmp_path)
    assert (seen, list(tmp_path.iterdir())) == ([False], [])


def test_a_name_that_a_dead_process_has_claimed_is_passed_over(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _simulated(monkeypatch, "neither")
    (shared / "exp/.002.yaml.00000000.tmp").mkdir()
    made = add_sets(SetsRequest(["001", "seed=5"], tmp_path)).data()["created"]
    assert [Path(new["path"]).name for new in made] == ["003.yaml"]


LOCKS = ["no hard links", "no locks"]  # with and without them


@pytest.mark.parametrize("kind", LOCKS)
def test_one_at_a_time_is_at_work_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Else each would do all of its work again for every name that another gets."""
    _simulated(monkeypatch, kind)
    at_work = tmp_path / "at work"

    def work() -> None:
        with locks.hold(tmp_path):
            at_work.mkdir()  # fails where another is at it
            time.sleep(0.05)
            at_work.rmdir()

    assert _together(*[work] * 6) == [0] * 6
    assert list(tmp_path.iterdir()) == []


def test_the_turn_of_a_dead_process_is_taken_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _simulated(monkeypatch, "no locks")
    monkeypatch.setattr(locks, "_PATIENCE", 0.2)
    monkeypatch.setattr(locks, "_SILENT", 0.0)

    def dies() -> None:
        with locks.hold(tmp_path):
            os._exit(1)

    def works() -> None:
        with locks.hold(tmp_path):
            pass

    assert _together(dies) == [1]
    [left] = tmp_path.iterdir()
    assert files.is_unfinished(left.name)
    assert capfd.readouterr().err == ""
    assert _together(works, works, works) == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 3
    assert all(f"waiting for another command that writes to {tmp_path};" in line for line in said)
    assert all(f"`rmdir {left}`" in line for line in said)


def test_who_waits_for_a_lock_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The one that has it may have been stopped in another terminal (Ctrl-Z)."""
    monkeypatch.setattr(locks, "_SILENT", 0.1)
    begun, begin = os.pipe()

    def holds() -> None:
        with locks.hold(tmp_path):
            os.write(begin, b".")
            time.sleep(0.5)

    def waits() -> None:
        os.read(begun, 1)
        with locks.hold(tmp_path) as held:
            assert held

    assert _together(holds, waits) == [0, 0]
    [said] = capfd.readouterr().err.splitlines()
    assert f"waiting for another command that writes to {tmp_path};" in said


@pytest.mark.parametrize("kind", LOCKS)
def test_a_folder_that_a_refused_command_takes_away_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    _simulated(monkeypatch, kind)
    folder = tmp_path / "above/experiments"
    begun, begin = os.pipe()

    def refused() -> None:
        with locks.hold(folder):
            os.write(begin, b".")
            time.sleep(0.3)  # until the other waits

    def works() -> None:
        os.read(begun, 1)
        with locks.hold(folder):
            (folder / "001-baseline").mkdir()

    assert _together(refused, works) == [0, 0]
    assert [path.name for path in folder.iterdir()] == ["001-baseline"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs two processes")
def test_who_writes_is_not_taken_for_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another command clears away what killed ones left, while this one is about to give its files their names."""
    write(tmp_path, {"old.json": "a"})
    began, begin = os.pipe()
    child = os.fork()
    if child == 0:
        fsync = os.fsync

        def slow(handle: int) -> None:
            fsync(handle)
            os.write(begin, b".")
            time.sleep(0.5)

        monkeypatch.setattr(os, "fsync", slow)
        try:
            files.rewrite({tmp_path / "new.json": (None, "x"), tmp_path / "old.json": ("a", "b")})
        finally:
            os._exit(sys.exc_info()[0] is not None)
    os.read(began, 1)
    files.clear_unfinished([tmp_path])
    assert os.waitpid(child, 0)[1] == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"new.json": "x", "old.json": "b"}


# -- temporary folders -------------------------------------------------------------------------------------------------


def test_temporary_folders_of_dead_processes_alone_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    others = write(tmp_path, {"experiment-setup-main/a": "", "experiment-setup-12345678/a": "", "x.tmp/a": ""})
    said, say = os.pipe()
    child = os.fork()
    if child == 0:
        with files.temporary_folder() as folder:
            (folder / "file").write_text("")
            os.write(say, os.fsencode(folder))
            signal.pause()
    theirs = Path(os.fsdecode(os.read(said, 1000)))
    with files.temporary_folder():
        held = theirs.is_dir()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert held
    assert theirs.is_dir()
    with files.temporary_folder():
        assert not theirs.exists()
    assert len(list(others.iterdir())) == 3


@pytest.mark.parametrize("one_more", [2, 3, 4])
def test_a_folder_of_ours_goes_where_few_files_may_be_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_more: int
) -> None:
    """`shutil.rmtree` opens one for each level, and gives up."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + one_more, before[1]))
    try:
        with files.temporary_folder() as folder:
            (folder / "a/b/c/d").mkdir(parents=True)
            (folder / "a/link").symlink_to(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_while_a_temporary_folder_goes_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="gone"), files.temporary_folder() as folder:  # noqa: PT012
        shutil.rmtree(folder)
        raise FileNotFoundError("gone")


def test_a_link_called_as_an_unfinished_folder_is_not_followed(tmp_path: Path) -> None:
    """A clone may bring one along: what it leads to was put among the parameter sets, as if a killed command had left
    it.
    """
    theirs = write(tmp_path / "home", {"id_rsa": "secret"})
    folder = write(tmp_path / "exp", {"001.yaml": "seed: 1\n"})
    for name in (".all-of-new-files.0123abcd.tmp", ".002-x.0123abcd.tmp"):
        (folder / name).symlink_to(theirs)
    (folder / ".scores.20241130.tmp").touch()  # a date, and no number of ours
    files.clear_unfinished([folder])
    assert sorted(path.name for path in folder.iterdir()) == [".scores.20241130.tmp", "001.yaml"]
    assert (theirs / "id_rsa").stat().st_nlink == 1


def test_folders_are_looked_into_but_for_unfinished_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linked ones too; one that goes while that is done, as another command's unfinished files do, has nothing."""
    for name in ("b/x.yaml", "a/deep/y.yaml", "a/z.yaml", ".new-files.0123abcd.tmp/n.yaml", "elsewhere/w.yaml", "top"):
        write(tmp_path / "exp", {name: ""})
    (tmp_path / "exp/elsewhere").rename(tmp_path / "elsewhere")
    (tmp_path / "exp/linked").symlink_to(tmp_path / "elsewhere")

    def found(deepest: int) -> list[str]:
        return [path.relative_to(tmp_path / "exp").as_posix() for path in files.in_folders(tmp_path / "exp", deepest)]

    assert found(1) == ["a/z.yaml", "b/x.yaml", "linked/w.yaml"]
    assert found(2) == ["a/z.yaml", "b/x.yaml", "linked/w.yaml", "a/deep/y.yaml"]
    scandir = os.scandir

    def gone(folder: Path) -> Any:
        if str(folder).endswith("/a"):
            shutil.rmtree(folder, ignore_errors=True)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", gone)
    assert found(2) == ["b/x.yaml", "linked/w.yaml"]
