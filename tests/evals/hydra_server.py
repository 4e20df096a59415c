"""Runs entry points one after the other, each in a fork of this process, which has imported Hydra: the graders' oracle.

Says that it is ready. Then reads lines of JSON ["path/of/train.py", "--cfg", "job", …], answers each with a line
{"code": …, "out": …, "err": …}.
"""

import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))
sys.path.append(str(HERE / "stubs"))  # last: what is installed goes first

from hydra import compose, initialize_config_dir  # noqa: E402
from hydra.core.global_hydra import GlobalHydra  # noqa: E402

import hydra_batch  # noqa: E402

# What every run of Hydra does first, and does alike, so that a fork need not repeat it.
with initialize_config_dir(str(HERE), version_base=None):
    compose(overrides=["+exp=[0,1]"])
GlobalHydra.instance().clear()

if __name__ == "__main__":
    jobs = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # an entry point must not read our jobs
    sys.dont_write_bytecode = True
    print("ready", flush=True)
    for line in jobs:
        print(json.dumps(hydra_batch.run(json.loads(line))), flush=True)
