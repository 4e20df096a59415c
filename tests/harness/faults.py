"""Lets one file-system operation of a command fail, or kills it there, and looks at what is left in the project.

    faults.py WHERE KIND STEP SCRIPT ARGUMENT…      KIND: SIGKILL, SIGINT, or an errno such as EIO

Prints one JSON object: how many operations there are, and the runs that left neither all nor nothing, lost something,
left something unfinished (a kill may: the next command clears it away), or said the wrong thing with their exit code.
The command runs in forks of one process, so that its modules are loaded once.
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import forks
import running

OPERATIONS = "mkdir open rename replace link unlink rmdir scandir listdir symlink fsync chmod utime readlink".split()


def project(where: Path) -> Path:
    """A project with one experiment and what a run of it saved, in a folder of its own."""
    root = Path(tempfile.mkdtemp(dir=where)) / "p"
    files = {**running.PLAIN_EXPERIMENT, "src/a.py": "X = 1\n", "src/b/c.py": "Y = '001-baseline'\n"}
    running.write(root, {f"experiments/001-baseline/{name}": text for name, text in files.items()})
    return running.write(root, {"output/config.yaml": saved()})


@cache
def saved() -> bytes:
    """What a run of the experiment saves that was given a value of its own."""
    with tempfile.TemporaryDirectory() as folder:
        running.write(Path(folder, "001"), running.PLAIN_EXPERIMENT)
        words = [sys.executable, running.SCRIPTS / "show.py", "--root", folder, "exp.seed=7", "--format=yaml"]
        return subprocess.run(words, capture_output=True, check=True).stdout


def broken(root: Path) -> None:
    """Mistakes in three files, each of which `--fix` mends; one gets another name."""
    header = "defaults:\n  - default@_here_\n\n"
    texts = {"001.yaml": "learning_rate: 5.0e-5\n", "002.yml": f"{header}seed: 7\n", "003.yml": "batch_size: 8\n"}
    running.write(root, {f"experiments/001-baseline/exp/{name}": text for name, text in texts.items()})


def state(root: Path) -> dict[str, bytes | None]:
    """Every file with its content, and every folder."""
    found = (path for path in root.rglob("*") if "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None for path in found}


def inject(root: Path, number: int, kind: str) -> list[int]:
    """From now on count the operations below `root`, and let that one fail; the count, which grows."""
    count = [0]

    def concerns(path: Any) -> bool:
        try:
            name = os.fsdecode(path)
        except TypeError:
            return False
        return not name.startswith("/") or name.startswith(str(root))

    def wrapped(name: str, real: Any) -> Any:
        def operation(*given: Any, **named: Any) -> Any:
            if given and (name == "fsync" or concerns(given[0]) or named.get("dir_fd") is not None):
                count[0] += 1
                if count[0] == number and kind.startswith("SIG"):
                    os.kill(os.getpid(), getattr(signal, kind))
                elif count[0] == number:
                    raise OSError(getattr(errno, kind), os.strerror(getattr(errno, kind)), given[0])
            return real(*given, **named)

        return operation

    for name in OPERATIONS:
        setattr(os, name, wrapped(name, getattr(os, name)))
    io.open = builtins.open = wrapped("open", io.open)  # type: ignore[assignment]
    return count


def run(root: Path, words: list[str], number: int = 0, kind: str = "") -> tuple[int, str, int]:
    """Run the command with a fault; its exit code (below 0: a signal), what it said, and how many operations it did."""
    out = root.parent / "out"
    process = os.fork()
    if process == 0:
        code = 70
        try:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            sys.stdout, sys.stderr = (io.TextIOWrapper(os.fdopen(n, "wb", closefd=False)) for n in (1, 2))
            os.chdir(root.parent)
            sys.argv = [str(running.SCRIPTS / words[0]), *words[1:], "--root", str(root)]
            signal.signal(signal.SIGINT, signal.default_int_handler)
            count = inject(root, number, kind)
            try:
                runpy.run_path(sys.argv[0], run_name="__main__")
            except SystemExit as end:
                code = int(end.code or 0)
            sys.stdout.flush()
            sys.stderr.flush()
            os.write(1, f"\noperations: {count[0]}".encode())
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    said = out.read_text(errors="replace")
    return os.waitstatus_to_exitcode(status), said, int(said.rpartition("operations: ")[2] or 0)


def wrong(before: Mapping[str, Any], after: Mapping[str, Any], whole: Mapping[str, Any], code: int, said: str) -> str:
    """What is not right about the end of a run; "" if nothing."""
    made = {name for name in after if name not in before}
    unfinished = {name for name in made if ".tmp" in name}
    changed = {name for name in {*before, *after} - unfinished if after.get(name) != before.get(name)}
    changed = {name for name in changed if after.get(name) is not None or name in before}  # no folder alone
    wanted = {name for name in whole if whole[name] != before.get(name) and whole[name] is not None}
    if any(after.get(name) not in (before[name], whole[name]) for name in before):
        return "something was lost"
    if changed and (changed != wanted or any(after[name] != whole[name] for name in changed)):
        return f"a part was made: {sorted(changed)}"
    if "Traceback" in said or code == 70:
        return "a defect"
    if code < 0:
        return ""
    if unfinished or (not changed and made):
        return f"left behind: {sorted(made - changed)}"
    return "" if bool(changed) is (code == 0) else f"exit code {code}, {len(changed)} files"


def wrong_fix(
    before: Mapping[str, Any], after: Mapping[str, Any], whole: Mapping[str, Any], code: int, said: str
) -> str:
    """The same for a command that changes files: each is as it was or as it shall be, and what was written is named."""
    names = {name for name in {*before, *after, *whole} if ".tmp" not in name}
    texts = {*before.values(), *whole.values()}  # of a file that gets another name, the text is written first
    odd = [name for name in names if after.get(name) not in texts]
    if odd:
        return f"neither old nor new: {odd}"
    if "Traceback" in said or code == 70:
        return "a defect"
    changed = {name for name in names if after.get(name) != before.get(name)}
    if code < 0:
        return ""
    if any(".tmp" in name for name in after):
        return "left behind"
    if code in (0, 1):
        return "" if all(after.get(name) == whole.get(name) for name in names) else "not done"
    unnamed = [name for name in changed if name in after and name.rpartition(".")[0] not in said]  # by either name
    return f"written, and not named: {unnamed}" if unnamed else ""


def main() -> None:
    """Try every STEP-th operation."""
    where, kind, step, *words = sys.argv[1:]
    fixes = words[0] in ("validate.py", "export_schema.py")  # files one by one, each whole
    forks.load_skill()

    def fresh() -> Path:
        root = project(Path(where))
        if words[0] == "validate.py":
            broken(root)
        return root

    root = fresh()
    code, said, operations = run(root, words)
    assert code == 0 or fixes, said
    whole = state(root)
    found = []
    for number in range(1, operations + 1, int(step)):
        root = fresh()
        before = state(root)
        code, said, _ = run(root, words, number, kind)
        after = state(root)
        mistake = (wrong_fix if fixes else wrong)(before, after, whole, code, said)
        if code < 0 and fixes:
            code, again, _ = run(root, words)
            mistake = mistake or ("" if state(root) == whole else f"the same command does not complete it: {again}")
        elif code < 0:  # another command for the same folder: whatever a kill left is completed or cleared away
            code, again, _ = run(root, ["add_exp.py", "001", "seed=99"] if words[0] == "add_exp.py" else words)
            rest = state(root)
            went_on = code == 0 or "taken" in again or "exists" in again
            there = [rest.get(name) == whole[name] for name in whole if name not in before]
            mistake = (
                "" if went_on and not [name for name in rest if ".tmp" in name] else f"{mistake}; then {code}: {again}"
            )
            mistake = mistake or ("" if all(there) or not any(there) else "a part is left after the next command")
        if mistake:
            found.append({"operation": number, "wrong": mistake, "said": said[-300:]})
        shutil.rmtree(root.parent)
    print(json.dumps({"operations": operations, "found": found}))


if __name__ == "__main__":
    main()
