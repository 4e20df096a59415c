"""Runs Python scripts, each in a fork of one process that has loaded Hydra: most of a start is that.

usage: forks.py [skill] [anybody]
`skill`: also with the modules of the skill loaded, which change OmegaConf's `oc.env`; `anybody`: one whom permissions
hold, though root.
Reads lines of JSON {"words": [script, argument, …], "cwd": …, "env": {…}, "out": path, "err": path} and answers each
with a line, the exit code. What is shared is what modules are when they are loaded and nothing has run; whatever asks
how a command starts takes a process of its own (`running.start`).
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

import hydra_batch

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
SECONDS = 300


def load_skill() -> None:
    """What the commands import, as they find it: beside themselves."""
    sys.path[0] = str(SCRIPTS)
    for path in sorted((SCRIPTS / "experiment_setup").rglob("*.py")):
        if path.name != "probe.py":  # which runs by itself, in interpreters of others
            name = path.relative_to(SCRIPTS).with_suffix("").as_posix().replace("/", ".")
            importlib.import_module(name.removesuffix(".__init__"))
    light = importlib.import_module("experiment_setup.light")
    for pattern in [made for made in gc.get_objects() if type(made) is light.compiled]:
        pattern.search  # noqa: B018 (that compiles it, which is a third of a short command)


def learn_grammars() -> None:
    """What ANTLR finds out about a grammar while it parses costs each process as much as loading it."""
    OverridesParser.create().parse_overrides(["+exp=001", "exp.rate=1e-5,2", "~a@b", "exp={a:[1,'b c']}"])
    OmegaConf.to_container(OmegaConf.create({"a": "${b}/${oc.env:HOME,1}", "b": 1}), resolve=True)


def obey_permissions() -> None:
    """Lay down what lets root pass over permissions, here and in what is started from here: capabilities(7)."""
    libc = ctypes.CDLL(None, use_errno=True)
    override, read_search, drop_from_bounds, version_3 = 1, 2, 24, 0x20080522
    header, sets = (ctypes.c_uint32 * 2)(version_3, 0), (ctypes.c_uint32 * 6)()  # effective, permitted, … twice
    done = libc.capget(header, sets)
    for number in range(3):
        sets[number] &= ~(1 << override | 1 << read_search)
    for capability in (override, read_search):
        done |= libc.prctl(drop_from_bounds, capability, 0, 0, 0)
    done |= libc.capset(header, sets)
    assert done == 0, os.strerror(ctypes.get_errno())


def run(request: dict[str, Any]) -> int:
    """The exit code of a script, below 0 if a signal ended it."""
    child = os.fork()
    if child == 0:
        os._exit(_script(request))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _script(request: dict[str, Any]) -> int:
    for number, path in (1, request["out"]), (2, request["err"]):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    signal.alarm(SECONDS)
    return hydra_batch.script(request["words"], Path(request["cwd"]))


def main() -> None:
    """Answer until the input ends. The scripts have neither the requests as their input nor the answers as output."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    if "skill" in sys.argv:
        load_skill()
    if "anybody" in sys.argv and os.geteuid() == 0:
        obey_permissions()
    learn_grammars()
    gc.freeze()
    for line in requests:
        print(run(json.loads(line)), file=answers, flush=True)


if __name__ == "__main__":
    main()
