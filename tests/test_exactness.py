"""What the library composes is what Hydra composes: random experiments, right and wrong, held against the real thing.

The oracle executes each train.py under the installed Hydra (`hydra_worker.py`); the library reads it. A few hundred
experiments by default, EXACTNESS_SEED for other ones; `exactness.py` is the long run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings

import generate_lists
import running
from exactness import Comparison, seeds
from generate import Generated, Run, experiments

EXAMPLES = int(os.environ.get("EXACTNESS_EXAMPLES", "40"))
SEED = int(os.environ.get("EXACTNESS_SEED", "1"))


@pytest.fixture(scope="module")
def comparison() -> Iterator[Comparison]:
    found = Comparison()
    yield found
    print(dict(found.counts))


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="exact ness-") as folder:
        yield Path(folder)


_HERE = "defaults:\n  - default@_here_\n"
_CONFIG_CLASS = "@dataclass\nclass Config"
_FROZEN = [(_CONFIG_CLASS, "@dataclass(frozen=True)\nclass Config")]
_STORE_CONFIG = [('cs.store(group="exp"', 'cs.store(name="config_schema", node=Config)\ncs.store(group="exp"')]
_MODEL = {
    "train.py": [(_CONFIG_CLASS, f"@dataclass\nclass ModelConfig:\n    seed: int = 1\n\n{_CONFIG_CLASS}"),
                 ("@hydra.main", 'cs.store(group="model", name="default", node=ModelConfig)\n\n@hydra.main')],
    "config.yaml": [("  - env: default\n", "  - env: default\n  - model: big\n")],
}  # fmt: skip


def _nested(key: str) -> dict[str, list[tuple[str, str]]]:
    """The same group as config.yaml names it under another key, and one option of it that is right."""
    group = key.partition("@")[0]
    return {
        "train.py": [*_MODEL["train.py"], ('group="model"', f'group="{group}"'), ("notes: str | None", "notes: Any"),
                     ("import hydra\n", "import hydra\nfrom typing import Any\n")],
        "config.yaml": [("  - env: default\n", f"  - env: default\n  - {key}: big\n")],
        f"{group}/big.yaml": [("", _HERE)],
    }  # fmt: skip


_ENTRY = {
    "train.py": "import hydra\n\n\n@hydra.main(version_base=None, config_path='.', config_name='config')\n"
    "def main(cfg):\n    pass\n\n\nif __name__ == '__main__':\n    main()\n"
}

# Where the two differed once, and what random experiments seldom hit: replacements in the plain experiment's files.
KNOWN: dict[str, dict[str, list[tuple[str, str]]]] = {
    "a frozen dataclass as the root": {
        "train.py": [*_FROZEN, *_STORE_CONFIG],
        "config.yaml": [("  - env: default\n", "  - env: default\n  - config_schema\n")],
    },
    "a frozen dataclass as the root, before hydra's settings": {
        "train.py": [*_FROZEN, *_STORE_CONFIG],
        "config.yaml": [("  - _self_\n", ""), ("  - env: default\n", "  - env: default\n  - config_schema\n")],
    },
    "a target that is no text, beside a set that fails": {
        "train.py": [("notes: str | None", "notes: Any"), ("import hydra\n", "import hydra\nfrom typing import Any\n")],
        "exp/001.yaml": [('name: "001-lr"', "notes: {_target_: [{}]}")],
        "exp/002.yaml": [("", "defaults:\n  - default@_here_\n\nnope: 1\n")],
    },
    "a value that refers to hydra's own config, and is merged upon": {
        "train.py": [("notes: str | None", "notes: Any"), ("import hydra\n", "import hydra\nfrom typing import Any\n")],
        "exp/001.yaml": [('name: "001-lr"', "notes: ${hydra.run}")],
        "exp/002.yaml": [("", "defaults:\n  - 001@_here_\n\nnotes: {other: x}\n")],
    },
    "hydra without its settings": {"config.yaml": [("hydra:\n", "hydra:\n\nrest:\n")]},
    "an interpolation for the defaults list": {"exp/001.yaml": [(_HERE, "defaults: ${exp}\n")]},
    "an empty parameter set": {"exp/001.yaml": [(_HERE, "")], "exp/002.yaml": [("", "")]},
    "values in config.yaml": {"config.yaml": [("  - _self_\n", ""), ("hydra:\n", "exp:\n  seed: 3\nhydra:\n")]},
    "an older behaviour of Hydra": {"train.py": [("version_base=None", 'version_base="1.1"')]},
    "no choice by default": {"config.yaml": [("exp: default", "exp: ???")]},
    "bytes that are not UTF-8": {"exp/001.yaml": [("name", "# \udce9\nname")]},
    "a config.yaml that is not UTF-8": {"config.yaml": [("defaults", "# \udce9\ndefaults")]},
    "a space in the name of a parameter set": {"exp/a b.yaml": [("", _HERE)]},
    "a set from the root that chooses an environment": {
        "config.yaml": [("  - exp: default\n  - env: default\n", "  - env: default\n  - exp: default\n")],
        "exp/001.yaml": [(_HERE, "# @package _global_\ndefaults:\n  - override /env: local\n")],
    },
    "a frozen dataclass whose values nothing sets": {
        "train.py": [("@dataclass\nclass ExpConfig", "@dataclass(frozen=True)\nclass ExpConfig")],
        "exp/001.yaml": [('\nname: "001-lr"\nlearning_rate: 5.0e-5\n', "")],
    },
    "a missing value in a dict whose keys are no text": {
        "train.py": [("notes: str | None = None", "notes: dict[bool, int] = field(default_factory=dict)")],
        "exp/001.yaml": [("name", "seed: ???\nnotes: {false: 3}\nname")],
    },
    "a merge key that does not fit": {"exp/001.yaml": [("name", "<<: null\nname")]},
    "a broken reference beside another group that is broken": {
        **_MODEL,
        "model/big.yaml": [("", "# nothing\n")],
        "exp/001.yaml": [('"001-lr"', "${exp.opt}")],
    },
    "a reference in another group that does not fit": {
        **_MODEL,
        "model/big.yaml": [("", _HERE)],
        "model/small.yaml": [("", _HERE + "seed: ${exp.name}\n")],
    },
    "a field of the whole config that is called hydra": {
        "train.py": [*_STORE_CONFIG, ("class Config:\n", 'class Config:\n    hydra: str = "x"\n')],
        "config.yaml": [("defaults:\n", "defaults:\n  - config_schema\n")],
    },
    "an option of a group in a nested folder": {
        **_nested("db/engine"),
        "db/engine/small.yaml": [("", _HERE + "seeds: 2\n")],
    },
    "an option of a group that config.yaml puts elsewhere": {
        **_nested("model@exp.notes"),
        "model/small.yaml": [("", _HERE + "seed: ${nothing.x}\n")],
    },
    "a parent that is merged upon a value that refers to another group": {
        "train.py": [("@dataclass\nclass Env", "@dataclass\nclass Opt:\n    x: int = 1\n\n@dataclass\nclass Env"),
                     ('base_model: str = "/workspace/models/Model"', "base_model: Opt = field(default_factory=Opt)")],
        "env/local.yaml": [(_HERE, "defaults:\n  - _self_\n  - default@_here_\n"), ("Qwen/Qwen3-4B", "${exp}")],
    },
    "nothing stored": {"train.py": [('name="default", node=ExpConfig', 'name="default", node=None')]},
    "the time of a run for a list": {"exp/001.yaml": [('name: "001-lr"', "fold: ${now:%Y}")]},
    "the name of the job for a number": {"exp/001.yaml": [('name: "001-lr"', "seed: ${hydra:job.name}")]},
    "a variable that is unset where a dict is merged": {
        "train.py": [("notes: str | None = None", "notes: dict[str, str] = field(default_factory=dict)")],
        "exp/001.yaml": [('name: "001-lr"', "notes: ${oc.env:NO_SUCH_VARIABLE}")],
    },
    "a key called defaults in a block of the primary config": {
        "config.yaml": [("hydra:\n", "exp:\n  defaults: x\n\nhydra:\n")],
    },
    "a list of options beside an option": {
        "config.yaml": [("  - env: default\n", "  - env: default\n  - exp: [default]\n")],
    },
    "a reference to nothing for a list": {"exp/001.yaml": [('name: "001-lr"', "fold: ${exp.notes}")]},
    "a tag that does not fit": {"exp/001.yaml": [("5.0e-5", "!!bool maybe")]},
}  # fmt: skip


# Each is composed by the real Hydra in eleven ways; every third stands for the rest where time is short.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if number % 3 else []) for number, name in enumerate(KNOWN)]
)
def test_what_differed_once(comparison: Comparison, tmp_path: Path, name: str) -> None:
    files = dict(running.PLAIN_EXPERIMENT)
    for path, replacements in KNOWN[name].items():
        for old, new in replacements:
            assert old in files.get(path, "")
            files[path] = files.get(path, "").replace(old, new, 1)
    runs = (Run(), Run({"exp": "001"}), Run({"env": "local"}), Run({"exp": "002"}), Run({"exp": "001", "env": "local"}))
    example = Generated({path: text.encode("utf-8", "surrogateescape") for path, text in files.items()}, runs)
    folder = tmp_path / "experiments" / "001-x"
    assert not list(comparison.disagreements(example, folder, bridge=True, validate=True))


@pytest.mark.slow
@seed(SEED)
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)
@given(example=experiments())
def test_the_library_composes_what_hydra_composes(comparison: Comparison, place: Path, example: Generated) -> None:
    for folder in place.iterdir():
        shutil.rmtree(folder)
    number = comparison.counts["experiments"]
    folder = place / "experiments" / "001-x"
    found = list(comparison.disagreements(example, folder, bridge=number % 4 == 0, validate=number % 8 == 0))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("first", "count"), [(SEED, EXAMPLES // 4), pytest.param(SEED + 1, EXAMPLES, marks=pytest.mark.slow)]
)
def test_defaults_lists_of_all_kinds_come_to_what_hydra_makes_of_them(place: Path, first: int, count: int) -> None:
    """Most of them without asking Hydra: what it composes, it is hardly ever asked for."""
    comparison = Comparison()
    for number, one in enumerate(seeds(first, count)):
        example, folder = generate_lists.generate(one), place / f"{first}" / str(number) / "001-x"
        found = list(comparison.disagreements(example, folder, bridge=number % 8 == 0, validate=False))
        assert not found, "\n".join((f"seed {one}: {example!r}", *found))
    counts = comparison.counts
    composed = counts["runs"] - counts["fails in Hydra"]
    assert composed > count
    assert counts["answered without hydra"] > composed * 0.75


_TWICE = {
    "config.yaml": "defaults:\n  - part/base@_global_\n  - _self_\n  - part: base\n\nmodel:\n  lr: 2\n",
    "part/base.yaml": "model:\n  depth: 1\n",
}


@pytest.mark.parametrize(
    ("files", "asks"),
    [(_TWICE, True), (_TWICE | {"config.yaml": _TWICE["config.yaml"].replace("@_global_", "@other")}, False)],
    ids=["at the root", "elsewhere"],
)
def test_nodes_that_hydra_moves_to_the_root(
    comparison: Comparison, tmp_path: Path, files: dict[str, str], asks: bool
) -> None:
    """What is merged at the root and once more takes along what it was given there: Hydra alone can tell."""
    example = Generated({path: text.encode() for path, text in (files | _ENTRY).items()}, (Run(),))
    before = comparison.counts["answered without hydra"]
    assert not list(comparison.disagreements(example, tmp_path / "experiments" / "001-x", bridge=True, validate=False))
    assert (comparison.counts["answered without hydra"] == before) == asks
