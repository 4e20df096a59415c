"""What is asserted of each task of evals.json: the words there (a test holds them equal) and the check."""

from __future__ import annotations

from collections.abc import Mapping

from evals.checks import (
    Check,
    composes,
    every,
    fields_are,
    follows,
    jobs_done,
    kept_files,
    machine,
    new_apart,
    new_config_holds,
    new_experiment,
    new_has,
    new_prints,
    new_refuses,
    new_sets,
    notebook_config,
    nothing_open,
    only,
    own_folders,
    refused,
    rest_kept,
    set_values,
    unchanged_meaning,
    writes_below,
)

BASE, AUGMENT = "experiments/001-baseline", "experiments/002-augment"
LGB, OLD = "experiments/001_lgb", "experiments/001-tabular"
SETS = f"{BASE}/exp/*.yaml"
FIELDS = ("name", "seed", "learning_rate", "batch_size", "epochs", "fold", "notes")

NOTHING_ELSE = "Nothing else was added, changed or removed"
OWN_FOLDERS = "No two parameter sets write to the same output folder"
OTHERS_DEFAULT = "Every other value is there, and is the default"

TASKS: dict[int, Mapping[str, Check]] = {
    1: {
        "There is one new experiment, 003-larger-model, and Hydra composes it": new_experiment(
            "experiments/003-larger-model"
        ),
        "One of its sets (or its defaults) has batch_size 8 and epochs 5, and everything else comes from 002-augment": (
            new_has("experiments/003-.*", {"exp.batch_size": 8, "exp.epochs": 5}, base=AUGMENT)
        ),
        "It writes results and models to folders of its own": new_apart(
            "experiments/003-.*", BASE, AUGMENT, keys=("env.output_dir", "env.model_output_dir")
        ),
        NOTHING_ELSE: only(added=("experiments/003-*",)),
    },
    2: {
        "There is one new parameter set": new_sets(BASE, 1),
        "It has learning_rate 1e-5, as a number": set_values(BASE, {"exp.learning_rate": 1e-5}),
        OTHERS_DEFAULT: rest_kept(BASE, "exp.learning_rate"),
        OWN_FOLDERS: own_folders(BASE),
        NOTHING_ELSE: only(added=(SETS,)),
    },
    3: {
        "There is one new parameter set": new_sets(BASE, 1),
        "It has learning_rate 3e-4 and epochs 10": set_values(BASE, {"exp.learning_rate": 3e-4, "exp.epochs": 10}),
        OTHERS_DEFAULT: rest_kept(BASE, "exp.learning_rate", "exp.epochs"),
        OWN_FOLDERS: own_folders(BASE),
        NOTHING_ELSE: only(added=(SETS,)),
    },
    4: {
        "There are four new parameter sets": new_sets(BASE, 4),
        "They are the four combinations": set_values(
            BASE, *({"exp.learning_rate": lr, "exp.batch_size": size} for lr in (1e-5, 5e-4) for size in (8, 32))
        ),
        OTHERS_DEFAULT: rest_kept(BASE, "exp.learning_rate", "exp.batch_size"),
        OWN_FOLDERS: own_folders(BASE),
        NOTHING_ELSE: only(added=(SETS,)),
    },
    5: {
        "A new environment has the model and the model folder, and changes nothing else of the experiment": machine(
            BASE,
            {"env.base_model": "Qwen/Qwen3-4B-Instruct-2507", "env.model_output_dir": "output/001-baseline/models"},
        ),
        NOTHING_ELSE: only(added=(f"{BASE}/env/*.yaml",)),
    },
    6: {
        "The old sets and the defaults have warmup_ratio 0.0": every(
            *(composes(BASE, choice, {"exp.warmup_ratio": 0.0}) for choice in ("", "exp=001", "exp=002"))
        ),
        "It is a typed number": refused(BASE, "exp.warmup_ratio=lots", accepted="exp.warmup_ratio=0.5"),
        "One new parameter set has 0.1": every(new_sets(BASE, 1), set_values(BASE, {"exp.warmup_ratio": 0.1})),
        OTHERS_DEFAULT: rest_kept(BASE, "exp.warmup_ratio"),
        "The old sets mean what they did": unchanged_meaning(BASE, "exp=001", "exp=002"),
        NOTHING_ELSE: only(added=(SETS,), changed=(f"{BASE}/train.py",)),
    },
    7: {
        "One new parameter set has 002's learning rate, epochs 20 and seed 7": every(
            new_sets(BASE, 1),
            set_values(BASE, {"exp.learning_rate": 3e-5, "exp.epochs": 20, "exp.seed": 7}),
            rest_kept(BASE, "exp.epochs", "exp.seed", base=("exp=002",)),
        ),
        "When 002 changes, the new set changes with it": follows(
            BASE, "002", ("3.0e-5", "7.0e-5"), "exp.learning_rate", 7e-5
        ),
        OWN_FOLDERS: own_folders(BASE),
        NOTHING_ELSE: only(added=(SETS,)),
    },
    8: {
        "003 inherits the defaults (it said @_hear_)": every(
            composes(BASE, "exp=003", {"exp.batch_size": 8, "exp.seed": 42, "exp.epochs": 3}),
            fields_are(BASE, *FIELDS, choice="exp=003"),
        ),
        "004 inherits the defaults (it had no defaults list)": composes(
            BASE, "exp=004", {"exp.epochs": 6, "exp.seed": 42, "exp.batch_size": 16}
        ),
        "005 has learning_rate 1e-4 (the key was mistyped)": composes(BASE, "exp=005", {"exp.learning_rate": 1e-4}),
        "006 has batch_size 32 (it was a text)": composes(BASE, "exp=006", {"exp.batch_size": 32}),
        "007 can be chosen and has seed 7 (it was a .yml file)": composes(BASE, "exp=007", {"exp.seed": 7}),
        "008 has epochs 9 (the key stood there twice)": composes(BASE, "exp=008", {"exp.epochs": 9}),
        "009 has seed 10 (010 is octal)": composes(BASE, "exp=009", {"exp.seed": 10}),
        "010 has the learning rate in its notes (the interpolation named no key)": composes(
            BASE, "exp=010", {"exp.notes": "lr is 4e-05", "exp.learning_rate": 4e-5}
        ),
        "002-augment writes results and models to folders of its own": writes_below(
            AUGMENT, "exp=001", "002-augment", ("env.output_dir", "env.model_output_dir")
        ),
        "No value is left open at ???": nothing_open(BASE, AUGMENT),
        "No parameter was added": fields_are(BASE, *FIELDS),
        "The sets that were right mean what they did": unchanged_meaning(BASE, "", "exp=001", "exp=002"),
        NOTHING_ELSE: only(
            added=(f"{BASE}/exp/007.yaml",),
            changed=(
                *(f"{BASE}/exp/{n:03}.y*ml" for n in range(3, 11)),
                f"{AUGMENT}/train.py",
                f"{AUGMENT}/exp/001.yaml",
            ),
        ),
    },
    9: {
        "There is one new parameter set": new_sets(LGB, 1),
        "It has num_leaves 63 and learning_rate 0.05": set_values(
            LGB, {"exp.num_leaves": 63, "exp.learning_rate": 0.05}
        ),
        "Every other value is that of base": rest_kept(LGB, "exp.num_leaves", "exp.learning_rate"),
        "When base changes, the new set changes with it": follows(LGB, "base", ("seed: 7", "seed: 70"), "exp.seed", 70),
        OWN_FOLDERS: own_folders(LGB),
        NOTHING_ELSE: only(added=(f"{LGB}/exp/*.yaml",)),
    },
    10: {
        "There is one new parameter set": new_sets(BASE, 1),
        "It has batch_size 64 and learning_rate 1e-4": set_values(
            BASE, {"exp.batch_size": 64, "exp.learning_rate": 1e-4}
        ),
        OTHERS_DEFAULT: rest_kept(BASE, "exp.batch_size", "exp.learning_rate"),
        "train.py is as it was, and nothing stands in for torch": only(added=(SETS,)),
    },
    11: {
        "The three jobs without a result have run, and no other": jobs_done(
            "output/", ("001", 1), ("002", 1), ("002", 2)
        ),
        "The finished results are as they were": every(
            jobs_done("output/", ("001", 1), ("002", 1), ("002", 2)),
            kept_files(*(f"output/*/{job}/result.json" for job in ("0_001", "2_001", "3_002"))),
        ),
        "Code, config and sets are as they were": every(
            jobs_done("output/", ("001", 1), ("002", 1), ("002", 2)), kept_files("experiments/*", "README.md")
        ),
    },
    12: {
        "There is one new experiment, 002-typed, and Hydra composes it": new_experiment("experiments/002-typed"),
        "Its defaults are the old values": new_has(
            "experiments/002-.*",
            {
                "exp.lr": 0.0003,
                "exp.dropout": 0.1,
                "exp.epochs": 12,
                "exp.batch_size": 64,
                "exp.features": ["area", "rooms"],
                "env.data_path": "data/houses.csv",
            },
        ),
        "It has a set with epochs 2 and batch_size 8, and the other old values": new_has(
            "experiments/002-.*", {"exp.lr": 0.0003, "exp.dropout": 0.1, "exp.epochs": 2, "exp.batch_size": 8}
        ),
        "Unknown keys and wrong types are refused": new_refuses(
            "experiments/002-.*", "exp.dropuot=1", "exp.epochs=two"
        ),
        "config.yaml holds no values": new_config_holds("experiments/002-.*", "defaults", "hydra"),
        "It runs with the old values": new_prints(
            "experiments/002-.*", "data/houses.csv: 187 steps at 0.0003, dropout 0.1, 2 features"
        ),
        NOTHING_ELSE: only(added=("experiments/002-*",)),
    },
    13: {
        "The notebook's cells run, and a and b are what Hydra composes": notebook_config(
            "notebooks/compare.ipynb", {"a": (BASE, "exp=002"), "b": (AUGMENT, "exp=001")}
        ),
        NOTHING_ELSE: only(added=("notebooks/*",)),
    },
    14: {
        "There is one new experiment, 001-baseline, and Hydra composes it": new_experiment(BASE),
        "One of its sets has learning_rate 1e-3": every(
            new_sets(BASE, 1), set_values(BASE, {"exp.learning_rate": 1e-3})
        ),
        "Unknown keys and wrong types are refused": new_refuses(BASE, "exp.lerning_rate=1", "exp.learning_rate=high"),
        "config.yaml holds no values": new_config_holds(BASE, "defaults", "hydra"),
        NOTHING_ELSE: only(added=("experiments/*", ".gitignore", "pyproject.toml", "requirements.txt", "uv.lock")),
    },
    15: {
        "There is one new parameter set, number 100, and the command line can choose it": new_sets(BASE, 1, "100"),
        "It has seed 3": set_values(BASE, {"exp.seed": 3}),
        OTHERS_DEFAULT: rest_kept(BASE, "exp.seed"),
        OWN_FOLDERS: own_folders(BASE),
        NOTHING_ELSE: only(added=(SETS,)),
    },
    16: {
        "A new environment sends the models there, and changes nothing else of the experiment": machine(
            BASE, {"env.model_output_dir": "/mnt/ssd/models/001-baseline"}
        ),
        "No parameter was added, and every set composes": every(fields_are(BASE, *FIELDS), own_folders(BASE)),
        NOTHING_ELSE: only(added=(SETS, f"{BASE}/env/*.yaml")),
    },
    17: {
        "003 has learning_rate 1e-4 and epochs 5": composes(
            BASE, "exp=003", {"exp.learning_rate": 1e-4, "exp.epochs": 5, "exp.seed": 42}
        ),
        "No parameter was added, and mistyped keys are refused as before": every(
            fields_are(BASE, *FIELDS), refused(BASE, "exp.lerning_rate=1")
        ),
        NOTHING_ELSE: only(changed=(f"{BASE}/exp/003.yaml",)),
    },
    18: {
        "There is one new parameter set": new_sets(BASE, 1),
        "It has the folds, seed and notes, to the letter": set_values(
            BASE, {"exp.fold": [0, 1, 2], "exp.seed": 10, "exp.notes": "学習率 = 2倍, (再実験) #2"}
        ),
        OTHERS_DEFAULT: rest_kept(BASE, "exp.fold", "exp.seed"),
        OWN_FOLDERS: own_folders(BASE),
        NOTHING_ELSE: only(added=(SETS,)),
    },
}
