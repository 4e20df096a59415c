"""Wrong answers to the tasks, as people and agents give them."""

from __future__ import annotations

from evals.steps import (
    AB,
    CONFIG,
    FOUR,
    NEW,
    QUOTED,
    THREE,
    TRAIN,
    TYPED,
    WARMUP,
    Answers,
    a_set,
    add,
    copy,
    edit,
    first,
    four,
    loader,
    mended,
    notebook,
    of,
    remove,
    rename,
    train,
    typed,
)
from evals.tasks import AUGMENT, BASE, LGB, OLD

WITHOUT_PARENT = add(f"{BASE}/exp/003.yaml", "name: 003\nlearning_rate: 1.0e-5\n")
README = edit("README.md", ("# ", "# My "))

# Each falls for something; together they make every assertion fail once.
WRONG: dict[int, Answers] = {
    1: {
        "the old name stays inside": [
            copy(AUGMENT, NEW),
            add(f"{NEW}/exp/001.yaml", of("name: 001\nbatch_size: 8\nepochs: 5\n")),
        ],
        "from the first one": [
            copy(BASE, NEW),
            edit(f"{NEW}/train.py", ("001-baseline", "003-larger-model")),
            add(f"{NEW}/exp/001.yaml", of("name: 001\nbatch_size: 8\nepochs: 5\n")),
        ],
        "in the old folder": [add(f"{AUGMENT}/exp/002.yaml", of("name: 002\nbatch_size: 8\nepochs: 5\n"))],
    },
    2: {
        "without inheritance": [WITHOUT_PARENT],
        "in an old set": [edit(f"{BASE}/exp/001.yaml", ("5.0e-5", "1.0e-5"))],
        "another value": [a_set("003", "name: 003\nlearning_rate: 1.0e-4\n")],
        "without a name": [a_set("003", "learning_rate: 1e-5\n"), a_set("004", "learning_rate: 1.0e-5\n")],
    },
    3: {
        "in the dataclass": [edit(TRAIN, ("2e-5", "3e-4"), ("epochs: int = 3", "epochs: int = 10"))],
        "epochs forgotten, the name of an old one": [a_set("003", "name: 002-long\nlearning_rate: 3.0e-4\n")],
        "from 002, with a seed": [add(f"{BASE}/exp/003.yaml", "name: x\nseed: 1\nlearning_rate: 3.0e-4\nepochs: 10\n")],
    },
    4: {
        "two of four": [a_set("003", "name: a\nlearning_rate: 1.0e-5\nbatch_size: 8\n"), README],
        "without names": four("# {}\nlearning_rate: {}\nbatch_size: {}\n"),
        "with a list": [a_set("003", "name: a\nlearning_rate: [1e-5, 5e-4]\nbatch_size: [8, 32]\n")],
        "without inheritance": [
            add(f"{BASE}/exp/{n:03}.yaml", f"name: s{n}\nlearning_rate: {lr}\nbatch_size: {size}\n")
            for n, lr, size in FOUR
        ],
    },
    5: {
        "without inheritance": [
            add(
                f"{BASE}/env/local.yaml",
                "base_model: Qwen/Qwen3-4B-Instruct-2507\nmodel_output_dir: output/001-baseline/models\n",
            )
        ],
        "as new defaults": [edit(TRAIN, ("/workspace/models/Qwen3-4B", "Qwen/Qwen3-4B-Instruct-2507"))],
    },
    6: {
        "without a field": [a_set("003", "name: warm\n+warmup_ratio: 0.1\n"), README],
        "the default is the new value, untyped": [
            edit(TRAIN, ("    epochs: int = 3\n", "    epochs: int = 3\n    warmup_ratio: str = '0.1'\n")),
            a_set("003", "name: warm\n"),
        ],
        "old sets overwritten": [
            WARMUP,
            a_set("002", "name: 002-long\nlearning_rate: 3.0e-5\nwarmup_ratio: 0.1\n"),
            add(f"{BASE}/exp/003.yaml", "name: warm\nwarmup_ratio: 0.1\n"),
        ],
    },
    7: {
        "a copy": [a_set("003", "name: 003\nlearning_rate: 3.0e-5\nepochs: 20\nseed: 7\n"), README],
        "a copy with its name": [a_set("003", "name: 002-long\nlearning_rate: 3.0e-5\nepochs: 20\n")],
    },
    8: {
        "the faulty sets thrown away": [remove(f"{BASE}/exp/{n:03}.y{'' if n == 7 else 'a'}ml") for n in range(3, 11)],
        "made to compose": [
            *mended(
                s005=edit(TRAIN, ("    notes:", "    lerning_rate: float = 0.0\n    notes:")),
                s006=edit(f"{BASE}/exp/006.yaml", ("batch_size: 32 essays", "batch_size: 16")),
                s007=edit(f"{BASE}/exp/007.yml", ("seed: 7", "seed: 7 ")),
                s008=edit(f"{BASE}/exp/008.yaml", ("epochs: 9\n", "")),
                s009=edit(f"{BASE}/exp/009.yaml", ("010", "8")),
                s010=edit(f"{BASE}/exp/010.yaml", ("${exp.lr}", "${exp.epochs}")),
                sfolders=edit(
                    f"{AUGMENT}/train.py", ('"/workspace/output/001-baseline"', '"/workspace/output/002-augment"')
                ),
                sopen=README,
            ),
            edit(f"{BASE}/exp/001.yaml", ("5.0e-5", "4.0e-5")),
        ],
    },
    9: {
        "converted": [
            rename(f"{LGB}/exp/base.yaml", f"{LGB}/exp/default.yaml"),
            edit(f"{LGB}/config.yaml", ("exp: base", "exp: default")),
            *(edit(f"{LGB}/exp/{n}.yaml", ("base@", "default@")) for n in ("001", "002")),
            add(f"{LGB}/exp/003.yaml", of("name: exp003\nnum_leaves: 63\nlearning_rate: 0.05\n")),
        ],
        "a copy of base": [
            add(
                f"{LGB}/exp/003.yaml",
                "name: exp001\nseed: 7\nnum_leaves: 63\nlearning_rate: 0.5\nn_splits: 5\nfeatures: [age, bmi]\n",
            )
        ],
        "with a parent that is not there": [
            add(f"{LGB}/exp/003.yaml", of("name: exp003\nnum_leaves: 63\nlearning_rate: 0.05\n"))
        ],
    },
    10: {
        "torch made optional": [
            edit(TRAIN, ("import torch\n", "try:\n    import torch\nexcept ImportError:\n    torch = None\n")),
            a_set("003", "name: 003\nbatch_size: 64\nlearning_rate: 1.0e-3\n"),
        ],
        "a stand-in for torch": [
            add("torch/__init__.py", "nn = None\n"),
            add(f"{BASE}/exp/003.yaml", "batch_size: 64\nlearning_rate: 1.0e-4\n"),
        ],
        "two sets": [a_set("003", "name: a\nbatch_size: 64\n"), a_set("004", "name: b\nlearning_rate: 1.0e-4\n")],
    },
    11: {
        "all again": [train("-m exp=001,002 exp.seed=0,1,2 hydra.sweep.dir=output/001-baseline/multirun/seeds")],
        "the killed one forgotten": [train(THREE[0], THREE[2])],
        "with another set": [train(*THREE), README],
    },
    12: {
        "untyped, in config.yaml": typed(
            CONFIG.replace("  - config_schema\n", "") + "exp:\n  lr: 0.003\n",
            TYPED.replace(
                'cs.store(group="exp", name="default", node=ExpConfig)',
                'cs.store(group="exp", name="default", node={})',
            ),
        ),
        "in place": [add(f"{OLD}/train.py", TYPED), add(f"{OLD}/config.yaml", CONFIG)],
    },
    13: {
        "without the dataclasses": [
            notebook(
                "from omegaconf import OmegaConf\n"
                "a = OmegaConf.load('../experiments/001-baseline/exp/002.yaml')\n"
                "b = OmegaConf.load('../experiments/002-augment/exp/001.yaml')\n"
            ),
        ],
        "code moved": [
            notebook("from load_experiment import load", AB),
            loader,
            edit(TRAIN, ("def main", "def train")),
            edit(TRAIN, ("    main()", "    train()")),
        ],
    },
    14: {
        "untyped": [
            *first(
                CONFIG.replace("  - config_schema\n", "").replace("exp: default", "exp: 001") + "seed: 1\n",
                TYPED.replace('cs.store(group="exp", name="default", node=ExpConfig)\n', ""),
            ),
            add(f"{BASE}/exp/001.yaml", "learning_rate: 0.01\n"),
            README,
        ],
        "elsewhere": [add("train.py", TYPED), add("config.yaml", CONFIG)],
    },
    15: {
        "a bare number": [a_set("100", "name: 100-seed-3\nseed: 3\n")],
        "the gap filled, as text": [add(f"{BASE}/exp/003.yaml", "name: 003\nseed: '3'\n"), README],
        "the name of an old one": [a_set("100-x", "name: 099-seed-2\nseed: 2\n")],
    },
    16: {
        "a new parameter": [
            edit(TRAIN, ("    notes: str", '    model_output_dir: str = ""\n    notes: str')),
            a_set("003", "name: 003\nmodel_output_dir: /mnt/ssd/models/001-baseline\n"),
        ],
        "as it was asked": [a_set("003", "name: 003\nmodel_output_dir: /mnt/ssd/models/001-baseline\n")],
        "a set that reaches out": [  # in vain: env comes after exp
            add(
                f"{BASE}/exp/003.yaml",
                "# @package _global_\ndefaults:\n  - default@exp\n\nexp:\n  name: 003-ssd\nenv:\n"
                "  model_output_dir: /mnt/ssd/models/001-baseline\n",
            )
        ],
        "for every machine": [edit(TRAIN, ("/workspace/output/001-baseline", "/mnt/ssd/models/001-baseline"))],
    },
    17: {
        "as Hydra's hint has it": [edit(TRAIN, ("    notes: str", "    lerning_rate: float = 0.0\n    notes: str"))],
        "the line thrown away": [edit(f"{BASE}/exp/003.yaml", ("lerning_rate: 1.0e-4\n", ""))],
    },
    18: {
        "octal, notes cut short": [
            a_set("003", "name: 002-long\nfold: [0, 1, 2]\nseed: 010\nnotes: 学習率 = 2倍, (再実験) #2\n")
        ],
        "without inheritance, over another": [add(f"{BASE}/exp/002.yaml", QUOTED), add(f"{BASE}/exp/003.yaml", QUOTED)],
        "a set a fold": [a_set(f"{3 + n:03}", f"name: {n}\nfold: [{n}]\nseed: 10\n") for n in range(3)],
    },
}
