"""Runs many entry points as scripts, each in a fork of one process that has imported hydra: a test's quick oracle.

usage: python hydra_batch.py < [["path/of/train.py", "--cfg", "job", "exp=001"], …]
Prints a JSON list of {"code": …, "out": …, "err": …}. Every job is the real `@hydra.main`, in its own process.
"""

import atexit
import json
import os
import runpy
import sys
import tempfile
import threading
import traceback
from pathlib import Path

import hydra
import hydra._internal.hydra
import hydra.core.config_store  # noqa: F401


def run(job: list[str]) -> dict[str, object]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(script(job, Path(job[0]).parent))
        _, status = os.waitpid(child, 0)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
        return {"code": os.waitstatus_to_exitcode(status), "out": texts[0], "err": texts[1]}


def script(words: list[str], folder: Path) -> int:
    """What `python WORDS…` does in a folder, up to the end of the process; the exit code."""
    code: object = 0
    try:
        os.chdir(folder)
        sys.argv, sys.orig_argv = words, [sys.executable, *words]
        sys.path[0] = str(Path(words[0]).resolve().parent)
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as stop:
        code = stop.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return 0 if code is None else code if isinstance(code, int) else 1


if __name__ == "__main__":
    sys.stdout.write(json.dumps([run(job) for job in json.load(sys.stdin)]))
