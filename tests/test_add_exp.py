"""add_exp.py, as a user runs it; the real Hydra says what the files mean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from running import SCRIPTS, hydra, run, run_entry, tree, write


def add(project: Path, elsewhere: Path, *words: str, **options):
    return run("add_exp.py", "--root", project, *words, cwd=elsewhere, **options)


def test_two_files_with_only_what_differs(project: Path, experiment: Path, elsewhere: Path) -> None:
    ran = add(project, elsewhere, "001", "learning_rate=1e-5,5e-4", "batch_size=32")
    assert ran.code == 0, ran.err
    entry = experiment / "train.py"
    base = hydra(entry)
    for option, rate in (("002", 1e-5), ("003", 5e-4)):
        text = (experiment / f"exp/{option}.yaml").read_text()
        assert len(text.splitlines()) == 6
        config = hydra(entry, f"exp={option}")
        changed = {key: value for key, value in config["exp"].items() if value != base["exp"][key]}
        name = changed.pop("name")
        assert changed == {"learning_rate": rate, "batch_size": 32}
        assert isinstance(config["exp"]["learning_rate"], float)
        assert name.startswith(option)
        assert "learning_rate" in name
        assert "32" in name
    assert "show.py 001-baseline exp=002\n" in ran.told


def test_running_twice_writes_nothing(project: Path, elsewhere: Path) -> None:
    words = ("001", "learning_rate=1e-5,5e-4", "batch_size=32")
    add(project, elsewhere, *words)
    before = tree(project)
    ran = add(project, elsewhere, *words)
    assert ran.code == 0
    assert "exp=002" in ran.out
    assert "exp=003" in ran.out
    assert tree(project) == before


def test_the_set_that_is_there_is_named_whatever_it_is_called(project: Path, experiment: Path, elsewhere: Path) -> None:
    before = tree(project)
    ran = add(project, elsewhere, "001", "learning_rate=5e-5", "--json")
    assert ran.json["existing"] == [{"option": "001", "differences": {"learning_rate": 5e-05}}]
    assert tree(project) == before


def test_a_value_equal_to_the_default_is_left_out_and_said(project: Path, experiment: Path, elsewhere: Path) -> None:
    ran = add(project, elsewhere, "001", "seed=42", "batch_size=4")
    assert "seed" not in (experiment / "exp/002.yaml").read_text()
    assert "left out: seed=42" in ran.out


def test_nothing_but_defaults_writes_nothing(project: Path, elsewhere: Path) -> None:
    before = tree(project)
    ran = add(project, elsewhere, "001", "seed=42")
    assert ran.code == 0
    assert "exp=default" in ran.out
    assert tree(project) == before


def test_dry_run_says_it_and_writes_nothing(project: Path, elsewhere: Path) -> None:
    before = tree(project)
    ran = add(project, elsewhere, "001", "batch_size=4,8", "--dry-run", "--json")
    assert [created["path"] for created in ran.json["created"]] == [
        "experiments/001-baseline/exp/002.yaml",
        "experiments/001-baseline/exp/003.yaml",
    ]
    assert tree(project) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("fold=[0,1,2]", "fold", [0, 1, 2]),
        ("fold=[]", "fold", []),
        ('notes="a = b, with spaces: and # more"', "notes", "a = b, with spaces: and # more"),
        ("notes='it''s'", None, None),
        ("notes=二つ目の実験", None, None),
        ('notes="二つ目の実験"', "notes", "二つ目の実験"),
        ("name='1e-5'", "name", "1e-5"),
        ("name=010", "name", "010"),
        ("name=null", None, None),
        ("notes=yes", "notes", "yes"),
        ("notes=true", "notes", "true"),
        ("notes=", "notes", ""),
        ("batch_size='32'", "batch_size", 32),
        ("learning_rate=1", "learning_rate", 1.0),
        ("exp.batch_size=8", "batch_size", 8),
        ("debug=true", "debug", True),
        ("notes=${env.output_dir}/x", "notes", "output/001-baseline/x"),
        ("batch_size=16.5", None, None),
        ("fold=0", None, None),
        ("debug=maybe", None, None),
    ],
)
def test_values_are_hydras_own(project, experiment, elsewhere, word, key, value) -> None:
    """What Hydra's command line takes is written so that the file means the same; what it refuses is refused."""
    before = tree(project)
    ran = add(project, elsewhere, "001", word)
    if key is None:
        assert ran.code == 2
        assert "help:" in ran.err or "error:" in ran.err
        assert tree(project) == before
        return
    assert ran.code == 0, ran.err
    config = hydra(experiment / "train.py", "exp=002", resolve=True)
    assert config["exp"][key] == value
    assert type(config["exp"][key]) is type(value)


@pytest.mark.slow
def test_null_and_on_top_of_another_set(project: Path, experiment: Path, elsewhere: Path) -> None:
    add(project, elsewhere, "001", "notes=something", "seed=7")
    ran = add(project, elsewhere, "001", "notes=null", "--from", "exp=002")
    assert ran.code == 0, ran.err
    assert "002@_here_" in (experiment / "exp/003.yaml").read_text()
    config = hydra(experiment / "train.py", "exp=003")["exp"]
    assert (config["notes"], config["seed"]) == (None, 7)
    assert "exp=002 count here too, except for name, notes\n" in ran.out
    edited = (experiment / "exp/002.yaml").read_text().replace("seed: 7", "seed: 8")
    (experiment / "exp/002.yaml").write_text(edited.replace("notes: something", "notes: other"))
    config = hydra(experiment / "train.py", "exp=003")["exp"]
    assert (config["notes"], config["seed"]) == (None, 8)


NESTED = """\
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
import hydra
import torch, polars
from hydra.core.config_store import ConfigStore

class Kind(Enum):
    ADAM = "adam"
    SGD = "sgd"

@dataclass
class Optimizer:
    kind: Kind = Kind.ADAM
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)

@dataclass
class ExpConfig:
    optimizer: Optimizer = field(default_factory=Optimizer)
    extra: dict[str, int] = field(default_factory=lambda: {"a": 1})
    init: Path = Path("models") / "a.bin"
    layers: list[int] = field(default_factory=lambda: [64, 64])
    on: bool = False

cs = ConfigStore.instance()
cs.store(group="exp", name="default", node=ExpConfig)

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg): ...

if __name__ == "__main__":
    main()
"""


def nested_project(tmp_path: Path, source: str = NESTED) -> Path:
    return write(
        tmp_path / "p",
        {
            "experiments/001-x/train.py": source,
            "experiments/001-x/config.yaml": "defaults:\n- _self_\n- exp: default\n",
        },
    )


def test_nested_fields_enums_paths_and_dicts_without_torch(tmp_path: Path, elsewhere: Path) -> None:
    project = nested_project(tmp_path)
    ran = add(project, elsewhere, "optimizer.lr=3e-4", "optimizer.kind=SGD", "extra.b=2", "init=x/y.bin", "on=true")
    assert ran.code == 0, ran.err
    real = nested_project(tmp_path / "real", NESTED.replace("import torch, polars\n", ""))
    exp = real / "experiments/001-x/exp"
    exp.mkdir()
    (exp / "001.yaml").write_text((project / "experiments/001-x/exp/001.yaml").read_text())
    config = hydra(real / "experiments/001-x/train.py", "exp=001")["exp"]
    assert config["optimizer"] == {"kind": "SGD", "lr": 3e-4, "betas": [0.9, 0.999]}
    assert config["extra"] == {"a": 1, "b": 2}
    assert config["on"] is True
    assert str(config["init"]).endswith("x/y.bin")


def test_a_nested_key_is_found_by_its_last_part(tmp_path: Path, elsewhere: Path) -> None:
    ran = add(nested_project(tmp_path), elsewhere, "lr=1")
    assert ran.code == 2
    assert "did you mean optimizer.lr=1?" in ran.err


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("lr=1e-5", "did you mean learning_rate=1e-5?"),
        ("learning_rte=1", "did you mean learning_rate=1?"),
        ("bs=8", "did you mean batch_size=8?"),
        ("output_dir=x", "add_env.py 001-baseline local-2 output_dir=x"),
        ("batch_size=a", "batch_size is declared as int at train.py:"),
        ("batch_size=[8,16]", "001 batch_size=8 seed=1"),
        ("batch_size=null", "001 batch_size=16 seed=1"),
        ("fold=3", "001 'fold=[3]' seed=1"),
        ("fold=[a]", "001 'fold=[0]' seed=1"),
        ("+batch_size=8", "did you mean batch_size=8?"),
        ("notes=a=b", "'notes=\"a=b\"'"),
        ("batch_size", "batch_size=VALUE"),
        ("learning_rate=interval(0,1)", "learning_rate=VALUE1,VALUE2"),
    ],
)
def test_mistakes_are_refused_with_what_to_type(project: Path, elsewhere: Path, word: str, expected: str) -> None:
    before = tree(project)
    ran = add(project, elsewhere, "001", word, "seed=1")
    assert ran.code == 2
    assert expected in ran.told
    assert ran.out == ""
    assert tree(project) == before


def test_an_unknown_experiment_names_the_ones_there_are(project: Path, elsewhere: Path) -> None:
    ran = add(project, elsewhere, "01-baseline", "seed=1")
    assert ran.code == 2
    assert "did you mean 001-baseline?" in ran.err


@pytest.mark.slow
def test_two_at_once_get_two_numbers(project: Path, experiment: Path, elsewhere: Path) -> None:
    commands = [
        [sys.executable, SCRIPTS / "add_exp.py", "--root", project, "001", f"seed={seed}"] for seed in range(100, 106)
    ]
    running = [subprocess.Popen(command, cwd=elsewhere, stdout=subprocess.DEVNULL) for command in commands]
    assert [process.wait(120) for process in running] == [0] * 6
    sets = sorted(path.name for path in (experiment / "exp").iterdir())
    assert sets == [f"{number:03d}.yaml" for number in range(1, 8)]
    seeds = {hydra(experiment / "train.py", f"exp={number:03d}")["exp"]["seed"] for number in range(2, 8)}
    assert seeds == set(range(100, 106))


def test_from_100_on_the_name_is_one_that_hydra_takes(project: Path, experiment: Path, elsewhere: Path) -> None:
    write(experiment, {"exp/099.yaml": "defaults:\n  - default@_here_\n\nseed: 99\n"})
    assert add(project, elsewhere, "001", "seed=100").code == 0
    (made,) = [path for path in (experiment / "exp").iterdir() if path.name.startswith("100")]
    assert hydra(experiment / "train.py", f"exp={made.stem}")["exp"]["seed"] == 100


def test_habits_of_the_neighbours_are_kept(project: Path, experiment: Path, elsewhere: Path) -> None:
    """Word names, a `base` to start from, quotes and indentation."""
    write(
        experiment,
        {
            "exp/001.yaml": b"",
            "exp/base.yaml": 'defaults:\n- "default@_here_"\n\nseed: 5\n',
            "exp/small.yaml": 'defaults:\n- "base@_here_"\n\nbatch_size: 4\n',
        },
    )
    (experiment / "exp/001.yaml").unlink()
    assert add(project, elsewhere, "001", "epochs=9").code == 0
    made = experiment / "exp/epochs-9.yaml"
    assert made.read_text() == 'defaults:\n- "base@_here_"\n\nepochs: 9\n'
    config = hydra(experiment / "train.py", "exp=epochs-9")["exp"]
    assert (config["seed"], config["epochs"]) == (5, 9)


def test_the_working_directory_decides_where_only_one_can_be_meant(project: Path, experiment: Path) -> None:
    ran = run("add_exp.py", "seed=3", cwd=experiment / "exp")
    assert ran.code == 0, ran.err
    assert (experiment / "exp/002.yaml").exists()


def test_prose_is_no_part_of_a_name(project: Path, experiment: Path, elsewhere: Path) -> None:
    add(project, elsewhere, "001", "seed=10", 'notes="学習率 = 2倍, (再実験) #2"')
    assert hydra(experiment / "train.py", "exp=002")["exp"]["name"] == "002-seed-10"


@pytest.mark.slow
def test_words_that_are_given_are_in_the_files_name_where_sets_have_no_name(
    project: Path, experiment: Path, elsewhere: Path
) -> None:
    train = (
        (experiment / "train.py").read_text().replace('    name: str = "default"\n', "").replace("exp.name", "exp.seed")
    )
    write(experiment, {"train.py": train, "exp/001.yaml": "defaults:\n  - default@_here_\n\nseed: 1\n"})
    assert add(project, elsewhere, "001", "seed=2", "--name", "small").code == 0
    assert hydra(experiment / "train.py", "exp=002-small")["exp"]["seed"] == 2
    assert add(project, elsewhere, "001", "seed=3").code == 0
    assert list((experiment / "exp").glob("003*"))


@pytest.mark.parametrize(
    "code",
    [
        "OmegaConf.register_new_resolver('mine', str)",
        "OmegaConf.register_new_resolver(resolver=str, name='mine')",
        "NAME = 'mine'\nOmegaConf.register_new_resolver(NAME, str)",
        "def load():\n    import helper\n\n\nload()",
        "OmegaConf.register_new_resolver('other', str)",
        "# OmegaConf.register_new_resolver('mine', str)",
    ],
    ids=["by name", "by keyword", "by a constant", "in what a function imports", "another", "in a comment"],
)
def test_a_resolver_is_one_that_the_code_registers(project: Path, experiment: Path, code: str) -> None:
    """A set that refers to it is written where the real Hydra resolves it, and else refused."""
    registers = "from omegaconf import OmegaConf\n\nOmegaConf.register_new_resolver('mine', str)\n"
    text = (experiment / "train.py").read_text(encoding="utf-8")
    text = text.replace("\n@hydra.main", f"\nfrom omegaconf import OmegaConf\n\n{code}\n\n\n@hydra.main", 1)
    write(experiment, {"helper.py": registers, "train.py": text})
    resolves = run_entry(experiment / "train.py", "--cfg", "job", "--resolve", "exp.notes=${mine:3}").code == 0
    ran = run("add_exp.py", "001", "notes=${mine:3}", cwd=project)
    assert ran.code == (0 if resolves else 2), ran
    assert resolves or "exp.notes=${mine:3}" in ran.err
