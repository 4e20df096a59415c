"""What is wrong with one experiment, or keeps it from being read, hides nothing of the others."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiment_setup import files
from experiment_setup.checking import check as checking
from experiment_setup.checking import fix, validation
from experiment_setup.comparing import compared, configs
from experiment_setup.errors import CommandError, told
from running import PLAIN_EXPERIMENT, SCRIPTS, Ran, as_anybody, git, run, write

pytestmark = pytest.mark.any_hydra

BAD = "002-bad"


@pytest.fixture
def three(project: Path, experiment: Path) -> Path:
    """The project with two more experiments, the last of which has a mistake."""
    for name in (BAD, "003-typo"):
        texts = {file: text.replace("001-baseline", name) for file, text in PLAIN_EXPERIMENT.items()}
        write(project / "experiments" / name, texts)
    write(project / "experiments/003-typo", {"exp/002.yaml": "defaults:\n  - default@_here_\n\nsede: 1\n"})
    return project


CLOSED = {
    "the folder": (".", 0),
    "what is in the folder": (".", 0o444),
    "the list of the folder": (".", 0o111),
    "its parameter sets": ("exp", 0),
    "what its parameter sets are": ("exp", 0o444),
    "the list of its environments": ("env", 0o111),
}


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("what", CLOSED)
def test_a_closed_experiment_is_named_and_the_rest_is_shown(three: Path, what: str) -> None:
    name, mode = CLOSED[what]
    git(three, "init", "-q")
    git(three, "add", "-A")
    git(three, "commit", "-qm", "then")
    write(three / "experiments/003-typo", {"exp/001.yaml": "defaults:\n  - default@_here_\n\nseed: 9\n"})
    place = three / "experiments" / BAD / name
    place.chmod(mode)
    try:
        said = {
            " ".join(words): as_anybody(*words, cwd=three)
            for words in (
                ["validate.py"],
                ["validate.py", "--format", "json"],
                ["validate.py", "--format", "github"],
                ["validate.py", "--format", "sarif"],
                ["validate.py", "002", "003"],
                ["compare.py"],
                ["compare.py", "--json"],
                ["compare.py", "--runs"],
                ["compare.py", "--since"],
            )
        }
        alone = as_anybody("validate.py", "002", cwd=three)
        others = as_anybody("show.py", "003", "001", cwd=three)
    finally:
        place.chmod(0o755)
    for words, ran in said.items():
        assert ran.code == 2, (words, ran)
        assert f"error: experiments/{BAD}: no permission for " in ran.err, (words, ran)
        assert ("sede" if "validate" in words else "003-typo") in ran.out, (words, ran)
        assert "removed: experiments" not in ran.out, (words, ran)
    for words in ("validate.py --format json", "compare.py --json"):
        assert [one["path"] for one in said[words].json["failed"]] == [f"experiments/{BAD}"]
    assert f"::error file=experiments/{BAD}" in said["validate.py --format github"].out
    [run] = said["validate.py --format sarif"].json["runs"]
    assert not run["invocations"][0]["executionSuccessful"]
    assert (alone.code, alone.out, alone.err.count("\n")) == (2, "", 2)
    assert (others.code, others.err) == (0, "")


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("numbered", [True, False])
def test_a_closed_folder_is_an_experiment_by_its_name(three: Path, numbered: bool) -> None:
    """Beside numbered experiments, one with a number; the others may be a container's, and are named in a line."""
    folder = three / "experiments" / ("004-new" if numbered else "pgdata")
    folder.mkdir(mode=0)
    try:
        ran = as_anybody("validate.py", "001", cwd=three), as_anybody("validate.py", cwd=three)
        copied = as_anybody("new_experiment.py", "next", "--dry-run", cwd=three)
    finally:
        folder.chmod(0o755)
    assert [one.code for one in ran] == [0, 2 if numbered else 1]
    assert ("not looked into, as you have no permission: experiments/pgdata" in ran[1].out) is not numbered
    assert (copied.code == 2) is numbered  # the newest is what is copied


FAULTS = ("stat", "lstat", "scandir", "listdir", "open", "readlink", "access")


def refusing(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int, kind: int) -> list[int]:
    """Let every operation in a folder fail from the one with this number on; how many there were."""
    count = [0]

    def fault(path: Any) -> bool:
        try:
            concerned = Path(os.fsdecode(path)).is_relative_to(folder)
        except TypeError:
            return False
        count[0] += concerned
        if concerned and 0 < number <= count[0]:
            raise OSError(kind, os.strerror(kind), path)
        return concerned

    class Half:
        """A listing that may break off after its first entry."""

        def __init__(self, found: Any, path: Any) -> None:
            self.found, self.path, self.begun = found, path, False

        def __iter__(self) -> Half:
            return self

        def __next__(self) -> Any:
            if self.begun:
                fault(self.path)
            self.begun = True
            return next(self.found)

        def __enter__(self) -> Half:
            return self

        def __exit__(self, *_: object) -> None:
            self.found.close()

    def wrapped(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*given: Any, **named: Any) -> Any:
            concerned = bool(given) and fault(given[0])
            found = real(*given, **named)
            return Half(found, given[0]) if concerned and name == "scandir" else found

        return operation

    for name in FAULTS:
        monkeypatch.setattr(os, name, wrapped(name, getattr(os, name)))
    monkeypatch.setattr(io, "open", wrapped("open", io.open))
    return count


@pytest.mark.skipif(os.name == "nt", reason="POSIX errors")
@pytest.mark.parametrize("kind", [errno.EIO, errno.ESTALE, errno.ENOENT])
def test_a_disk_that_fails_at_any_moment_hides_no_other_experiment(three: Path, kind: int) -> None:
    folder, number, step = three / "experiments" / BAD, 1, 13
    with pytest.MonkeyPatch.context() as patch:
        count = refusing(patch, folder, 0, kind)
        whole = checked(three)[1]
    assert count[0] > 50
    while number < count[0]:
        for ask in (checked, rows):
            with pytest.MonkeyPatch.context() as patch:
                refusing(patch, folder, number, kind)
                code, text, shown = ask(three)
            assert shown, (number, ask)
            assert code not in (0, 70), (number, ask)
            assert kind == errno.ENOENT or BAD in text or text == whole, (number, ask)
        number += step


def checked(root: Path) -> tuple[int, str, bool]:
    """The exit code of a check, what it says, and whether the mistake of another experiment is there."""
    found = validation.run(validation.Request(root=root))
    text = "\n".join([*found.text(), *(f"{error.where} {error.message}" for error in found.failed)])
    code = max([found.exit_code, *(error.exit_code for error in found.failed)])
    return code, text, "sede" in text


def rows(root: Path) -> tuple[int, str, bool]:
    """The same of a comparison, which shows what does not compose and has no exit code of its own."""
    found = compared.compare(compared.Request(root=root, format="json"))
    assert isinstance(found, compared.Compared)
    text = json.dumps([found.data(), list(found.notes())], default=str)
    return max([1, *(error.exit_code for error in found.failed)]), text, "003-typo" in text


ERRORS = {
    "an error of ours": (KeyError("surprise"), 70, "surprise"),
    "recursion": (RecursionError("maximum recursion depth exceeded"), 70, "recursion"),
    "memory": (MemoryError(), 3, "memory ran out"),
    "a file that went": (FileNotFoundError(errno.ENOENT, "No such file or directory", "/x/a.yaml"), 2, "/x/a.yaml"),
    "a text that is none": (CommandError("a.yaml:1: not UTF-8"), 2, "not UTF-8"),
    "a name of other bytes": (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), 70, "surrogates"),
}


@pytest.mark.parametrize("what", ERRORS)
def test_whatever_goes_wrong_with_one_experiment_is_said_of_it(
    three: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    error, code, words = ERRORS[what]
    for module, name in ((checking, "_check_one"), (configs, "context_of")):
        ask = getattr(module, name)

        def fails(project: object, experiment: Any, *rest: Any, ask: Any = ask, **more: Any) -> object:
            if experiment.name == BAD:
                raise error
            return ask(project, experiment, *rest, **more)

        monkeypatch.setattr(module, name, fails)
    for shown in (validation.run(validation.Request(root=three)), compared.compare(compared.Request(root=three))):
        [failed] = shown.failed  # type: ignore[attr-defined]
        assert (failed.exit_code, failed.where) == (code, f"experiments/{BAD}")
        assert words in failed.message
        assert "003-typo" in "\n".join(shown.text())


def test_a_fix_passes_over_what_cannot_be_read(three: Path) -> None:
    place = three / "experiments" / BAD / "exp"
    write(three / "experiments/003-typo", {"exp/002.yaml": "learning_rate: 1.0e-4\n"})
    place.chmod(0)
    try:
        ran = as_anybody("validate.py", "--fix", "--unsafe", cwd=three)
    finally:
        place.chmod(0o755)
    assert ran.code == 2
    assert (three / "experiments/003-typo/exp/002.yaml").read_text("utf-8").startswith("defaults:")
    assert f"error: experiments/{BAD}: no permission" in ran.err


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_runs_that_cannot_be_looked_at_are_not_taken_for_missing(three: Path) -> None:
    for name in ("001-baseline", BAD):
        write(three / f"output/{name}/001", {"result.json": '{"status": "done", "mean": {"accuracy": 0.5}}'})
    closed = three / f"output/{BAD}"
    closed.chmod(0)
    try:
        ran = as_anybody("compare.py", "--runs", cwd=three)
    finally:
        closed.chmod(0o755)
    assert ran.code == 0
    assert f"not looked into, so that runs in it count for nothing: output/{BAD}" in ran.err


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_job_that_cannot_be_looked_at_is_unknown(project: Path) -> None:
    for number in range(3):
        saved = {name: "[]\n" if name == "overrides.yaml" else "a: 1\n" for name in ("hydra.yaml", "overrides.yaml")}
        texts = {f".hydra/{name}": text for name, text in {**saved, "config.yaml": "seed: 1\n"}.items()}
        write(project / f"search/{number}", {**texts, "result.json": '{"status": "done"}'})
    closed = project / "search/1"
    closed.chmod(0)
    try:
        ran = as_anybody("sweep_status.py", "search", cwd=project)
    finally:
        closed.chmod(0o755)
    states = [line.split()[:2] for line in ran.out.splitlines() if line.startswith("#")]
    assert (ran.code, states) == (1, [["#0", "done"], ["#1", "unknown"], ["#2", "done"]])
    assert "it cannot be read: Permission denied" in ran.out


# -- what a change of a file keeps ------------------------------------------------------------------------------------


def mended(root: Path) -> Ran:
    """What `--fix` does with a set that has no header."""
    return run("validate.py", "--fix", "--unsafe", cwd=root)


def test_hard_links_are_kept(project: Path, experiment: Path) -> None:
    """Another name of a file is often in another folder, of a backup or a shared one: both have the new text."""
    path, other = experiment / "exp/002.yaml", project / "shared.txt"
    write(experiment, {"exp/002.yaml": "learning_rate: 1.0e-4\n"})
    other.hardlink_to(path)
    mended(project)
    assert path.samefile(other)
    assert other.read_text("utf-8").startswith("defaults:")
    schemas = run("export_schema.py", "001", "--modeline", cwd=project)
    assert (schemas.code, path.samefile(other)) == (0, True)
    assert "yaml-language-server" in other.read_text("utf-8")


def test_a_hard_link_that_gets_another_name_is_kept(project: Path, experiment: Path) -> None:
    other = project / "shared.txt"
    write(experiment, {"exp/002.yml": "defaults:\n  - default@_here_\n\nseed: 7\n"})
    other.hardlink_to(experiment / "exp/002.yml")
    mended(project)
    assert (experiment / "exp/002.yaml").samefile(other)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files to others")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_owners_and_modes_are_kept(project: Path, experiment: Path, mode: int) -> None:
    """As when root mends what belongs to a user."""
    path = experiment / "exp/002.yaml"
    write(experiment, {"exp/002.yaml": "learning_rate: 1.0e-4\n", "exp/003.yml": "seed: 7\n"})
    settings = write(project, {".vscode/settings.json": "{}\n"}) / ".vscode/settings.json"
    for file in (path, experiment / "exp/003.yml", settings):
        os.chown(file, 4711, 4712)
        file.chmod(mode)
    mended(project)
    run("export_schema.py", "001", "--modeline", cwd=project)
    assert "defaults:" in path.read_text("utf-8")
    assert "schema" in settings.read_text("utf-8")
    for file in (path, experiment / "exp/003.yaml", settings):
        state = file.stat()
        assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (4711, 4712, mode), file


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has these calls")
@pytest.mark.parametrize("refused", [False, True])
def test_access_lists_and_attributes_are_kept(experiment: Path, monkeypatch: pytest.MonkeyPatch, refused: bool) -> None:
    """Those of the file, and none that its folder hands down; where not all can be set, the file itself stays."""

    def access(user: int) -> bytes:
        entries = ((1, 6, -1), (2, 4, user), (4, 4, -1), (0x10, 4, -1), (0x20, 0, -1))  # acl(5)
        return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)

    paths = [experiment / "exp/001.yaml", experiment / "config.yaml"]
    kept = {"system.posix_acl_access": access(4711), "user.note": b"x"}
    try:
        for name, value in kept.items():
            os.setxattr(paths[0], name, value)
        os.setxattr(paths[0].parent, "system.posix_acl_default", access(4712))
        os.setxattr(paths[1].parent, "system.posix_acl_default", access(4712))
    except OSError:
        pytest.skip("a disk without access control lists")

    def refuse(path: Path, name: str, value: bytes) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    if refused:
        monkeypatch.setattr(os, "setxattr", refuse)
    before = [(path.stat().st_mode, path.stat().st_ino) for path in paths]
    for path in paths:
        files.replace(path, "a: 1\n")
    assert [path.read_text("utf-8") for path in paths] == ["a: 1\n"] * 2
    assert [{name: os.getxattr(path, name) for name in os.listxattr(path)} for path in paths] == [kept, {}]
    assert [path.stat().st_mode for path in paths] == [mode for mode, _ in before]
    assert (paths[0].stat().st_ino == before[0][1]) is refused
    assert not list(experiment.rglob("*.tmp"))


def test_the_file_of_somebody_else_stays_theirs(
    project: Path, experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of a group, a file may be written to that one cannot make: its content alone changes."""
    path = experiment / "exp/001.yaml"
    before = path.stat().st_ino
    monkeypatch.setattr(files, "_may_own", lambda state: False)
    files.replace(path, "a: 1\n")
    assert (path.read_text("utf-8"), path.stat().st_ino) == ("a: 1\n", before)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as refused:
        files.replace(path, "b: 2\nc: 3\n")
    assert path.read_text("utf-8") == "a: 1\n"
    assert told(refused.value).message == f"No space left on device for {path}"


def test_a_new_experiment_has_the_modes_of_what_it_is_made_from(project: Path, experiment: Path) -> None:
    write(experiment, {"run.sh": "python train.py\n"})
    (experiment / "run.sh").chmod(0o755)
    (experiment / "train.py").chmod(0o640)
    assert as_anybody("new_experiment.py", "next", cwd=project).code == 0
    made = project / "experiments/002-next"
    assert [stat.S_IMODE((made / name).stat().st_mode) for name in ("run.sh", "train.py")] == [0o755, 0o640]


# -- what the machine lacks -------------------------------------------------------------------------------------------


def test_a_full_disk_is_named_with_the_file(project: Path, experiment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for act in (
        lambda: files.create_files({experiment / "exp/002.yaml": "a: 1\n"}),
        lambda: files.replace(experiment / "exp/001.yaml", "a: 1\n"),
    ):
        with pytest.raises(OSError, match="No space") as refused:
            act()
        said = told(refused.value)
        assert f"{experiment}/exp/00" in said.message
        assert "make room" in (said.help or "")
        assert said.exit_code == 2


def test_a_full_disk_is_told_of_where_a_copy_goes_to() -> None:
    copied = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "from.py", None, "to.py")
    assert "to.py" in told(copied).message
    tree = shutil.Error([("a", "b/c.py", "[Errno 28] No space left on device: 'b/c.py'")])
    assert "b/c.py" in told(tree).message
    assert "make room" in (told(tree).help or "")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("_socket.so: failed to map segment from shared object"),
    ],
)
def test_memory_that_runs_out_is_no_defect(error: Exception) -> None:
    said = told(error, "experiments/002-bad")
    assert (said.exit_code, said.where) == (3, "experiments/002-bad")
    assert said.message.startswith("memory ran out")
    assert "ulimit -v" in (said.help or "")


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_a_command_with_too_little_memory_says_so(project: Path) -> None:
    """From too little to start a Python to enough for all: it does its work, or says one thing."""
    import resource
    import subprocess
    import sys

    codes = set()
    for size in range(48, 161, 8):
        ran = subprocess.run(
            [sys.executable, SCRIPTS / "add_exp.py", "001", "seed=5", "--dry-run", "--root", project],
            preexec_fn=lambda size=size: resource.setrlimit(resource.RLIMIT_AS, (size << 20, size << 20)),
            capture_output=True,
            text=True,
            check=False,
        )
        codes.add(ran.returncode)
        assert ran.returncode in (0, 3), ran
        assert ran.returncode == 0 or f"memory ran out: this shell allows {size} MiB" in ran.stderr
    assert 0 in codes


def test_a_thread_for_which_there_is_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import threading

    from experiment_setup import processes

    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(MemoryError):
        processes.ask([sys.executable, "-I", "-c", "while True: pass"], seconds=60)


def test_a_fix_of_what_composes_with_a_closed_experiment_is_not_refused(three: Path) -> None:
    """It is proven with all that can be read."""
    from experiment_setup.project import Project

    write(three / "experiments/003-typo", {"exp/002.yaml": "learning_rate: 1.0e-4\n"})
    project = Project(three)
    experiments = [one for one in project.experiments if one.name != BAD]
    result = checking.check(project, experiments)
    shutil.rmtree(three / "experiments" / BAD)
    assert fix.fix(project, experiments, result, unsafe=True).rewrites
