"""Right answers to the tasks: with the scripts, and by hand in several styles."""

from __future__ import annotations

from evals.steps import (
    AB,
    COMPOSE,
    CONFIG,
    INITIALIZE,
    MENDED,
    NEW,
    QUOTED,
    RENAMED,
    THREE,
    TRAIN,
    WARMUP,
    Answers,
    a_set,
    add,
    copy,
    edit,
    first,
    fixed,
    four,
    loader,
    mended,
    notebook,
    of,
    remove,
    rerun,
    script,
    train,
    typed,
)
from evals.tasks import AUGMENT, BASE, LGB, OLD

RIGHT: dict[int, Answers] = {
    1: {
        "script": [script("new_experiment.py", "larger-model", "batch_size=8", "epochs=5")],
        "by hand, old set and all": [
            copy(AUGMENT, NEW),
            RENAMED,
            add(f"{NEW}/exp/002-larger.yaml", of("name: 002-larger\n# wie besprochen\nepochs: 5\nbatch_size: 8\n")),
        ],
        "by new defaults": [
            copy(AUGMENT, NEW),
            RENAMED,
            edit(
                f"{NEW}/train.py",
                ("batch_size: int = 16", "batch_size: int = 8"),
                ("epochs: int = 3", "epochs: int = 5"),
            ),
            remove(f"{NEW}/exp/001.yaml"),
        ],
    },
    2: {
        "script": [script("add_exp.py", "001", "learning_rate=1e-5")],
        "by hand": [a_set("003-low-lr", "learning_rate: 0.00001 # lower\nname: low\n")],
    },
    3: {
        "script": [script("add_exp.py", "001", "learning_rate=3e-4", "epochs=10")],
        "by hand": [a_set("003", "epochs: 10\nname: 003\nlearning_rate: 3.0e-4\n")],
    },
    4: {
        "script": [script("add_exp.py", "001", "learning_rate=1e-5,5e-4", "batch_size=8,32")],
        "by hand, other order": four(),
    },
    5: {
        "script": [
            script(
                "add_env.py",
                "001",
                "local",
                "base_model=Qwen/Qwen3-4B-Instruct-2507",
                "model_output_dir=output/001-baseline/models",
            )
        ],
        "by hand": [
            add(
                f"{BASE}/env/laptop.yaml",
                "# my laptop\ndefaults: [default@_here_]\nmodel_output_dir: output/001-baseline/models\n"
                "base_model: Qwen/Qwen3-4B-Instruct-2507\n",
            )
        ],
    },
    6: {
        "field, then script": [WARMUP, script("add_exp.py", "001", "warmup_ratio=0.1")],
        "by hand": [
            edit(TRAIN, ("    seed: int = 42\n", "    warmup_ratio: float = 0\n    seed: int = 42\n")),
            a_set("003-warm", "name: warm\nwarmup_ratio: 0.1\n"),
        ],
    },
    7: {
        "script": [script("add_exp.py", "001", "epochs=20", "seed=7", "--from", "002")],
        "by hand": [
            add(f"{BASE}/exp/003.yaml", of("name: 003-longer\nseed: 7\nepochs: 20\n", "002@_here_\n  - _self_"))
        ],
    },
    8: {
        "by hand": mended(),
        "otherwise": mended(
            sfolders=edit(
                f"{AUGMENT}/train.py",
                ("output/001-baseline/${exp.name}", "output/002-augment/runs/${exp.name}"),
                ("/workspace/output/001-baseline", "/workspace/output/002-augment"),
            ),
            s004=add(f"{BASE}/exp/004.yaml", of("epochs: 6\nname: 004-epochs-6\n")),
            sopen=edit(
                f"{AUGMENT}/train.py",
                ("    essay_version: str = MISSING  # left over from a trial, nothing reads it\n", ""),
            ),
        ),
        "--fix, then by hand": [
            fixed,
            *(MENDED[key] for key in ("005", "006", "008", "009", "010", "folders")),
            add(f"{AUGMENT}/exp/001.yaml", of("name: 001-mixup-0.4\nmixup: 0.4\nessay_version: v1\n")),
        ],
    },
    9: {
        "script": [script("add_exp.py", "001_lgb", "num_leaves=63", "learning_rate=0.05")],
        "by hand": [
            add(
                f"{LGB}/exp/003.yaml",
                "defaults: [base@_here_]\n\nlearning_rate: 5.0e-2\nnum_leaves: 63\nname: exp003\n",
            )
        ],
    },
    10: {
        "script": [script("add_exp.py", "001", "batch_size=64", "learning_rate=1e-4")],
        "by hand": [a_set("003-big", "name: 003-big\nlearning_rate: 0.0001\nbatch_size: 64\n")],
    },
    11: {
        "script": [rerun],
        "by hand, in single runs": [train(*THREE)],
        "by hand, in other sweeps": [
            train(
                "-m exp=001 exp.seed=1 hydra.sweep.dir=output/001-baseline/multirun/seeds-again",
                "-m exp=002 exp.seed=1,2 hydra.sweep.dir=output/001-baseline/multirun/seeds-again2",
            )
        ],
    },
    12: {
        "as in the references": typed(),
        "with _self_ first, defaults elsewhere": [
            *typed(
                CONFIG.replace("  - config_schema\n", "").replace("  - exp: default\n", "  - exp: default # typed\n")
            ),
            copy(f"{OLD}/exp", "experiments/002-typed/old"),
        ],
    },
    13: {
        "with the loader": [notebook("from load_experiment import load", AB), loader],
        "with initialize": [notebook(INITIALIZE, AB)],
        "in its own words": [notebook("%load_ext autoreload\n" + COMPOSE, AB, "print(a.exp, b.exp)")],
    },
    14: {
        "script": [script("new_experiment.py", "baseline", "learning_rate=1e-3")],
        "by hand": first(),
    },
    15: {
        "script": [script("add_exp.py", "001", "seed=3")],
        "by hand": [a_set("100-third-seed", "seed: 3\nname: s3\n")],
    },
    16: {
        "script": [script("add_env.py", "001", "box", "model_output_dir=/mnt/ssd/models/001-baseline")],
        "by hand": [add(f"{BASE}/env/ssd.yaml", of("model_output_dir: /mnt/ssd/models/001-baseline # new box\n"))],
        "an environment, and a set to go with it": [
            add(f"{BASE}/env/ssd.yaml", of("model_output_dir: /mnt/ssd/models/001-baseline\n")),
            a_set("003-on-ssd", "name: 003-on-ssd\n"),
        ],
    },
    17: {
        "by hand": [edit(f"{BASE}/exp/003.yaml", ("lerning", "learning"))],
        "written anew": [a_set("003", "# the typo is gone\nepochs: 5\nlearning_rate: 0.0001\nname: 003-lr-1e-4\n")],
    },
    18: {
        "script": [
            script(
                "add_exp.py", "001", "fold=[0,1,2]", "seed=10", 'notes="学習率 = 2倍, (再実験) #2"', "--name", "again"
            )
        ],
        "by hand": [a_set("003", f"name: again\n{QUOTED}")],
    },
}
