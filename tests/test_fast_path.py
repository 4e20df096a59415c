"""What the fast path promises beside being exact: no import of hydra, and little work for what is plain."""

from __future__ import annotations

import copy
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf, flag_override

import running
from experiment_setup import schema
from experiment_setup.composing import plain
from experiment_setup.composing.compose import Composer, Composition, unusable_values
from experiment_setup.composing.fast_path import FastPath
from experiment_setup.composing.layers import Declined
from experiment_setup.composing.parts import LaidPart, PartsComposition, PlainPart
from experiment_setup.nodes import leaves
from experiment_setup.project import experiment_at
from experiment_setup.reading.source import Document
from generate import Run, generate

EXAMPLES = 50
_HEAD = "defaults:\n  - default@_here_\n\n"


def _composer(folder: Path, root: Path) -> Composer:
    """For the experiment in a folder."""
    found = experiment_at(folder)
    assert found is not None
    assert found.entry is not None
    return Composer(found, schema.read(found.entry, root), root)


def _compose(experiment: Path, exp: str, **choices: str) -> object:
    running.write(experiment, {"exp/002.yaml": exp})
    return _composer(experiment, experiment).compose({"exp": "002", **choices})


@pytest.mark.parametrize("made", ["by hand", "of the template"])
def test_validate_does_not_import_hydra(project: Path, elsewhere: Path, made: str) -> None:
    if made == "of the template":  # whose settings for Hydra refer to each other
        project = elsewhere
        assert running.run("new_experiment.py", "baseline", cwd=project).code == 0
    command = [sys.executable, "-X", "importtime", str(running.SCRIPTS / "validate.py"), "--root", str(project)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    modules = {line.split("|")[-1].strip() for line in ran.stderr.splitlines()}
    assert "omegaconf" in modules, ran.stderr
    assert "hydra" not in modules


@pytest.mark.parametrize(
    "text",
    [
        f"{_HEAD}name: 002-lr\nlearning_rate: 1e-5\nbatch_size: '32'\nfold: [1, 2]\nnotes: null\n",
        f"{_HEAD}name: ${{env.output_dir}}/x\n",
        "defaults:\n  - 001@_here_\n\nseed: 7\n",
        _HEAD,
    ],
)
def test_plain_values_are_not_merged_one_by_one(experiment: Path, text: str) -> None:
    composed = _compose(experiment, text, env="local")
    assert isinstance(composed, PartsComposition)
    assert {type(part) for part in composed.parts.values()} == {LaidPart}


def _in_a_line(count: int, step: int) -> dict[str, str]:
    """Sets that inherit one another: each the one before it by number, or the one after it."""
    parents = {number: number + step for number in range(1, count + 1)}
    return {
        f"exp/x{number:02}.yaml": f"defaults:\n  - {f'x{parent:02}' if 1 <= parent <= count else 'default'}@_here_\n\n"
        f"{'seed' if number % 2 else 'batch_size'}: {number}\n"
        for number, parent in parents.items()
    }


@pytest.fixture
def merges(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A 1 for each merge that OmegaConf does."""
    done: list[int] = []
    real = DictConfig.merge_with

    def merge_with(config: DictConfig, *others: object) -> None:
        done.append(1)
        real(config, *others)

    monkeypatch.setattr(DictConfig, "merge_with", merge_with)
    return done


@pytest.mark.parametrize("step", [-1, 1])
def test_sets_that_inherit_one_another_cost_the_same_each(tmp_path: Path, merges: list[int], step: int) -> None:
    """Not as many merges as they have parents."""
    counts = []
    for number in (40, 80):
        folder = running.write(tmp_path / f"{number}", {**running.PLAIN_EXPERIMENT, **_in_a_line(number, step)})
        composer = _composer(folder, folder)
        merges.clear()
        composed = {name: composer.compose({"exp": name}) for name in sorted(composer.experiment.options("exp"))}
        counts.append(len(merges))
        assert {name for name, one in composed.items() if one.asked_hydra} == set()
        for name in ("x01", "x37"):
            assert composed[name].container == running.hydra(folder / "train.py", f"exp={name}")
    assert counts[1] < 3 * counts[0]


_DEEP = """\
from dataclasses import dataclass, field

import hydra
from hydra.core.config_store import ConfigStore


@dataclass
class Block:
    width: int = 1
    path: str = "${tag}"
    sizes: list[int] = field(default_factory=lambda: [1])


@dataclass
class Model:
    block: Block = field(default_factory=Block)
    rate: float = 0.1


@dataclass
class Config:
    tag: str = "none"
    model: Model = field(default_factory=Model)


ConfigStore.instance().store(name="schema", node=Config)


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg):
    pass


if __name__ == "__main__":
    main()
"""


def test_sets_of_a_large_typed_config_cost_no_merge_each(tmp_path: Path, merges: list[int]) -> None:
    """Though each of them says something at the root, and something deep in a dataclass."""
    counts = []
    for number in (5, 20):
        sets = {
            f"experiment/x{one:02}.yaml": f"# @package _global_\n{'' if one % 2 else 'defaults: [base]'}\ntag: x{one}\n"
            f"model:\n  rate: {one}\n  block:\n    width: '{one}'\n    sizes: [{one}, 2]\n"
            for one in range(number)
        }
        files = {
            "train.py": _DEEP,
            "config.yaml": "defaults:\n  - schema\n  - _self_\n  - experiment: base\n",
            "experiment/base.yaml": "# @package _global_\nmodel: {rate: 7, block: {path: '${model.rate}'}}\n",
        }
        folder = running.write(tmp_path / f"{number}", {**files, **sets})
        composer = _composer(folder, folder)
        merges.clear()
        composed = {
            name: composer.compose({"experiment": name}) for name in sorted(composer.experiment.options("experiment"))
        }
        counts.append(len(merges))
        for name in ("x02", "x03"):
            one = composed[name]
            assert isinstance(one, PartsComposition)
            assert {type(part) for part in one.parts.values()} == {LaidPart}
            assert (
                one.container
                == OmegaConf.to_container(one.config)
                == running.hydra(folder / "train.py", f"experiment={name}")
            )
            assert {known.key for known in one._open()} == {"model.block.path"}
    assert counts[0] == counts[1]


@pytest.mark.slow
def test_a_short_cut_is_what_merging_gives(tmp_path: Path) -> None:
    """Of random experiments: the same config, the same values once resolved, and the same unusable ones."""
    taken: Counter[type] = Counter()
    for seed in range(EXAMPLES):
        folder = tmp_path / str(seed)
        example = generate(seed)
        found = experiment_at(running.write(folder, example.files))
        if found is None or found.entry is None:
            continue
        read = schema.read(found.entry, tmp_path)
        quick, thorough = FastPath(found, read, tmp_path, {}), FastPath(found, read, tmp_path, {}, in_parts=False)
        for run in example.runs * 2:  # the second time, what is remembered answers
            ours = _composed(quick, run)
            if isinstance(ours, PartsComposition):
                taken.update(map(type, ours.parts.values()))
                merged = _composed(thorough, run)
                assert merged is not None
                assert merged.config is not None, example
                assert _facts(ours) == _facts(merged), example
                assert set(ours.unusable_values()) == set(unusable_values(merged.config)), example
    assert taken[LaidPart] > EXAMPLES / 4
    assert taken[PlainPart] > EXAMPLES / 20


def _composed(path: FastPath, run: Run) -> Composition | None:
    """What comes of a run where Hydra takes what is meant for itself; None where only Hydra tells."""
    for _ in range(2):
        try:
            return path.compose(dict(run.choices))
        except Declined:
            path.answered(None)
    return None


_UNTYPED = {
    "train.py": "import hydra\n\n\n@hydra.main(version_base=None, config_path='.', config_name='config')\n"
    "def main(cfg):\n    pass\n\n\nif __name__ == '__main__':\n    main()\n",
    "config.yaml": "defaults:\n  - _self_\n  - env: local\n  - exp: base\n",
    "env/local.yaml": "model:\n  lr: 1\n  depth: 2\n",
}
_SCHEMA = (
    "import dataclasses\nfrom hydra.core.config_store import ConfigStore\n\n\n@dataclasses.dataclass\nclass Config:\n"
    "    exp: dict = dataclasses.field(default_factory=dict)\n\n\n"
    "ConfigStore.instance().store(name='config_schema', node=Config)\n"
)


@pytest.mark.parametrize(
    "files",
    [
        {"exp/base.yaml": "seed: 1\n", "exp/001.yaml": "defaults:\n  - base\n\nmodel:\n  lr: 2\n"},
        {"exp/base.yaml": "model: ${env.model}\n", "exp/001.yaml": "defaults:\n  - base\n\nmodel:\n  lr: 2\n"},
        {"exp/base.yaml": "model:\n  lr: 2\n", "exp/001.yaml": "defaults:\n  - base\n\nmodel: ${env.model}\n"},
        {"exp/base.yaml": "a: [x, '${env.model}']\n", "exp/001.yaml": "defaults:\n  - base\n\na: ['${.b}']\nb: 1\n"},
        {
            "train.py": f"{_SCHEMA}{_UNTYPED['train.py']}",
            "config.yaml": "defaults:\n  - config_schema\n  - _self_\n  - env: local\n  - exp: base\n",
            "exp/base.yaml": "seed: 1\n",
            "exp/001.yaml": "seed: 2\n",
        },
    ],
    ids=[
        "plain",
        "onto an interpolation",
        "an interpolation onto values",
        "in lists",
        "no field for a group",
    ],
)
def test_groups_merged_by_themselves_are_what_hydra_merges(tmp_path: Path, files: dict[str, str]) -> None:
    folder = running.write(tmp_path / "001-x", _UNTYPED | files)
    ours = _composer(folder, tmp_path).compose({"exp": "001"})
    ran = running.run_entry(folder / "train.py", "--cfg", "job", "exp=001")
    assert (ours.failure is None) == (ran.code == 0), ran.err
    assert not ours.asked_hydra
    if ours.config is not None:
        assert OmegaConf.to_yaml(ours.config).strip() == ran.out.strip()


_LISTS_IN_CODE = """\
from dataclasses import dataclass, field
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


@dataclass
class Model:
    defaults: list[Any] = field(default_factory=lambda: [{"opt": "adam"}, "_self_"])
    width: int = 1
    opt: Any = MISSING


@dataclass
class Small(Model):
    defaults: list[Any] = field(default_factory=lambda: [{"opt": "sgd"}, "_self_"])
    depth: int = 3


@dataclass
class Config:
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"model": "big"}, {"env": "local"}])
    seed: int = 1
    model: Model = MISSING
    typed: Model = field(default_factory=Model)
    env: dict[str, Any] = field(default_factory=dict)


cs = ConfigStore.instance()
cs.store(name="config", node=Config)
cs.store(group="model", name="big", node=Model)
cs.store(group="model", name="small", node=Small)
cs.store(group="model", name="untyped", node={"defaults": [{"opt": "adam"}, "_self_"], "width": 5})
cs.store(group="model/opt", name="adam", node={"lr": 0.1})
cs.store(group="model/opt", name="sgd", node={"lr": 0.2})


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg):
    pass


if __name__ == "__main__":
    main()
"""
_LISTS = [
    (
        {
            "train.py": _LISTS_IN_CODE,
            "env/local.yaml": "here: 1\n",
            "exp/001.yaml": "# @package _global_\nseed: 2\nmodel:\n  width: 3\n",
            "exp/002.yaml": "# @package _global_\ndefaults:\n  - override /model: small\n\ntyped:\n  width: 4\n",
        },
        [{}, {"model": "small"}, {"model": "untyped"}, {"model/opt": "sgd"}, {"+exp": "001"}, {"+exp": "002"}],
    ),
    (
        {
            **_UNTYPED,
            "exp/base.yaml": "seed: 1\n",
            "exp/001.yaml": "defaults:\n  - ../env@env: local\n  - ../env/other@_global_.more\n\nseed: 2\n",
            "exp/sub/002.yaml": "# @package _global_\ndefaults:\n  - ../../all\n\nexp:\n  seed: 3\n",
            "exp/003.yaml": "defaults:\n  - .@_here_: base\n  - ./sub@_here_: 004\n  - ./base@_here_.own\n\nlr: 3\n",
            "exp/005.yaml": "defaults:\n  - ..@_here_: all\n",
            "exp/sub/004.yaml": "defaults:\n  - .@_here_: [006, 007]\n\nlr: 4\n",
            "exp/sub/006.yaml": "one: 1\n",
            "exp/sub/007.yaml": "two: 1\n",
            "env/other.yaml": "there: 1\n",
            "all.yaml": "# @package _global_\nx: ${env.model.lr}\n",
        },
        [{"exp": name} for name in ("001", "sub/002", "003", "005", "base")],
    ),
    (
        {
            **_UNTYPED,
            "exp/base.yaml": "[]\n",
            "exp/some.yaml": "- x: ${env.model.lr}\n- 2\n",
            "exp/deep.yaml": "# @package a.b\n- 1\n",
            "exp/root.yaml": "# @package _global_\n- 1\n",
            "exp/map.yaml": "# @package a\nb: {c: 1}\n",
            "env/local.yaml": "model:\n  lr: 1\n",
        },
        [{}, {"exp": "some"}, {"exp": "deep"}, {"exp": "root"}, {"exp": "map"}],
    ),
]


@pytest.mark.parametrize(("files", "runs"), _LISTS, ids=["lists in code", "dots for folders", "files that are lists"])
def test_lists_that_are_rarely_written_are_what_hydra_makes_of_them(
    tmp_path: Path, files: dict[str, str], runs: list[dict[str, str]]
) -> None:
    folder = running.write(tmp_path / "001-x", files)
    composer = _composer(folder, tmp_path)
    for choices in [*runs, *runs]:  # the second time, what is remembered answers
        ours = composer.compose(choices)
        ran = running.run_entry(
            folder / "train.py", "--cfg", "job", *(f"{key}={name}" for key, name in choices.items())
        )
        assert (ours.failure is None) == (ran.code == 0), ran.err  # the next release knows no way up
        if ours.config is not None:
            assert OmegaConf.to_yaml(ours.config).strip() == ran.out.strip()
            assert not ours.asked_hydra


@pytest.mark.parametrize("version_base", [None, "1.1.2", "1.3.2"])
def test_a_stored_option_may_name_its_package_in_words_of_1_1(tmp_path: Path, version_base: str | None) -> None:
    """`_group_` is what holds without a package there, and a mere name since. What stands behind 1.1 says nothing."""
    stored = (
        "from hydra.core.config_store import ConfigStore\n\n"
        "ConfigStore.instance().store(group='exp', name='stored', node={'seed': 1}, package='_group_')\n"
    )
    code = stored + _UNTYPED["train.py"].replace("version_base=None", f"version_base={version_base!r}")
    config = "defaults:\n  - env: local\n  - exp: stored\n  - _self_\n"
    folder = running.write(tmp_path / "001-x", _UNTYPED | {"train.py": code, "config.yaml": config})
    ours = _composer(folder, tmp_path).compose()
    ran = running.run_entry(folder / "train.py", "--cfg", "job")
    assert (ours.failure is None) == (ran.code == 0), ran.err  # the next release knows no 1.1
    if ours.config is not None:
        assert OmegaConf.to_yaml(ours.config).strip() == ran.out.strip()
        assert not ours.asked_hydra


def test_a_part_needs_no_merge_for_what_leads_to_a_value_by_others(tmp_path: Path, merges: list[int]) -> None:
    """Nor for files that are lists or empty; what leads to a mapping is merged."""
    lists = "".join(f"  - {group}: none\n" for group in ("callbacks", "logger"))
    files = _UNTYPED | {
        "config.yaml": f"defaults:\n  - env: local\n{lists}  - exp: base\n  - more: value\n",
        "env/local.yaml": "model:\n  lr: 1\nplace: here\n",
        "callbacks/none.yaml": "[]\n",
        "logger/none.yaml": "# no logger\n",
        "exp/base.yaml": "data: ${.place}\nplace: ${env.place}\nmodel: ${env.model}\n",
        "more/value.yaml": "# @package _global_\nexp:\n  data: {train: '${exp.place}/train'}\n",
        "more/mapping.yaml": "# @package _global_\nexp:\n  model: {lr: 2}\n",
    }
    folder = running.write(tmp_path / "001-x", files)
    counts = {}
    for name in ("value", "mapping"):
        merges.clear()
        ours = _composer(folder, tmp_path).compose({"more": name})
        counts[name] = len(merges)
        assert not ours.asked_hydra
        ran = running.run_entry(folder / "train.py", "--cfg", "job", f"more={name}")
        assert OmegaConf.to_yaml(ours.config).strip() == ran.out.strip()
    assert counts["value"] == 1 < counts["mapping"]


def test_options_in_folders_are_composed_without_hydra(tmp_path: Path) -> None:
    """Their parents lie in the group, and their values stand at the group."""
    files = {"exp/base.yaml": "seed: 1\n", "exp/rates/base.yaml": "seed: 9\n"}
    files["exp/rates/high.yaml"] = "defaults:\n  - base\n\nlr: 2\n"
    folder = running.write(tmp_path / "001-x", _UNTYPED | files)
    ours = _composer(folder, tmp_path).compose({"exp": "rates/high"})
    ran = running.run_entry(folder / "train.py", "--cfg", "job", "exp=rates/high")
    assert ours.config is not None
    assert not ours.asked_hydra
    assert OmegaConf.to_yaml(ours.config).strip() == ran.out.strip()


def test_what_an_interpolation_gives_depends_on_the_values_it_names(experiment: Path) -> None:
    train = experiment / "train.py"
    field = '    notes: str | None = None\n    steps: int = "${.notes}"\n'
    train.write_text(
        train.read_text(encoding="utf-8").replace("    notes: str | None = None\n", field), encoding="utf-8"
    )
    words = {"002": "'12'", "003": "many", "004": "'34'", "005": "few"}
    running.write(experiment, {f"exp/{name}.yaml": f"{_HEAD}notes: {notes}\n" for name, notes in words.items()})
    found = experiment_at(experiment)
    assert found is not None
    path = FastPath(found, schema.read(train, experiment), experiment, {})
    unusable = {name: [bad.refusal.words for bad in path.compose({"exp": name}).unusable_values()] for name in words}
    assert unusable["002"] == unusable["004"] == []
    assert "many" in unusable["003"][0]
    assert "few" in unusable["005"][0]


def _facts(composition: Composition) -> list[object]:
    """The config in every way that somebody may look at it."""
    config = composition.config
    assert config is not None
    copied = copy.deepcopy(config)
    groups = [config._get_node(key) for key in config]
    return [
        OmegaConf.to_yaml(config),
        *(repr(_container(found, resolve)) for found in (config, copied) for resolve in (False, True)),
        repr(composition.container),
        [type(group) for group in groups],
        [OmegaConf.get_type(group) for group in groups if isinstance(group, DictConfig)],
        [str(key) for key, node in leaves(config) if node._get_full_key(None) != key],
    ]


def _container(config: DictConfig, resolve: bool) -> object:
    try:
        return OmegaConf.to_container(config, resolve=resolve)
    except Exception as error:
        return type(error), str(error)


def test_values_without_types_need_no_node(experiment: Path) -> None:
    composed = _compose(experiment, "seed: 7\n")
    assert isinstance(composed, PartsComposition)
    assert isinstance(composed.parts["exp"], PlainPart)


@pytest.mark.parametrize("text", [f"{_HEAD}seed: [1]\n", f"{_HEAD}sed: 7\n", f"{_HEAD}fold: [[1]]\n"])
def test_everything_else_is(experiment: Path, text: str) -> None:
    composed = _compose(experiment, text)
    assert not isinstance(composed, PartsComposition) or type(composed.parts["exp"]) not in (LaidPart, PlainPart)


_ASK_HYDRA = """\
import sys
from pathlib import Path
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.version import VersionBase
sys.path.insert(0, sys.argv[1])
from experiment_setup import schema
from experiment_setup.composing import plain
from experiment_setup.composing.compose import Composer
from experiment_setup.project import experiment_at

def globals_of_hydra():
    return VersionBase.instance().getbase(), GlobalHydra.instance().hydra, list(ConfigStore.instance().repo)

before = globals_of_hydra()
for name in sys.argv[2:]:
    found = experiment_at(Path(name))
    composer = Composer(found, schema.read(found.entry, found.folder), found.folder, always_hydra=True)
    for _ in range(2):
        assert composer.compose({"exp": "001"}).failure is None
assert globals_of_hydra() == before, globals_of_hydra()
"""


def test_asking_hydra_leaves_it_as_it_was(tmp_path: Path) -> None:
    """In a process that never set a version_base, Hydra's is an object that its own setter refuses."""
    folders = []
    for number, version in enumerate(("version_base=None, ", 'version_base="1.3", ', "")):
        text = running.PLAIN_EXPERIMENT["train.py"].replace("version_base=None, ", version)
        files = {**running.PLAIN_EXPERIMENT, "train.py": text, "exp/001.yaml": _HEAD}
        folders.append(str(running.write(tmp_path / f"{number}", files)))
    command = [sys.executable, "-W", "ignore", "-c", _ASK_HYDRA, str(running.SCRIPTS), *folders]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr


_OPTION = """# @package model
defaults:
  - base

layers: [1, 2]
optimizer:
  lr: 1
  betas: {first: 0.9}
"""


def test_hydra_composes_anew_what_it_loads_once(tmp_path: Path) -> None:
    """The options of each composition are copies of what was loaded for the first: nothing of one is in another."""
    files = {
        **running.PLAIN_EXPERIMENT,
        "config.yaml": str(running.PLAIN_EXPERIMENT["config.yaml"]).replace("  - exp", "  - model: net\n  - exp"),
        "exp/001.yaml": _HEAD,
        "model/net.yaml": _OPTION,
        "model/base.yaml": "# @package model\nlayers: [3]\ndepth: 1\n",
        "model/same.yaml": _OPTION,
    }
    found = experiment_at(running.write(tmp_path, files))
    assert found is not None
    assert found.entry is not None
    composer = Composer(found, schema.read(found.entry, found.folder), found.folder, always_hydra=True)
    for overrides in (
        [],
        ["model.layers=[9]", "~model.optimizer.betas"],
        ["model=same", "++model.optimizer.new=[1]"],
        [],
    ):
        for _ in range(2):
            config = composer.compose({"exp": "001"}, overrides).config
            assert config is not None
            expected = running.hydra(found.entry, "exp=001", *overrides)
            assert OmegaConf.to_container(config) == expected
            assert list(config.model) == list(expected["model"])


def _values(draw: random.Random, depth: int = 0) -> object:
    kind = draw.randrange(10 if depth < 3 else 7)
    if kind < 7:
        return [1, 2.5, True, None, "???", draw.choice(["${a}", "${.b}", "${..c}", "${a.b}", "${b}/x"]), "word"][kind]
    if kind == 7:
        return [_values(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {key: _values(draw, depth + 1) for key in draw.sample("abcd", draw.randrange(4))}


@pytest.mark.parametrize("told", [False, True], ids=["alone", "told where interpolations lead"])
def test_plain_values_are_merged_as_omegaconf_merges_them(*, told: bool) -> None:
    """The same values in the same order, in nodes of the same kinds; and what OmegaConf refuses is left to it."""
    draw = random.Random(5)
    merged = 0
    for _ in range(1500):
        contents = [{key: _values(draw) for key in draw.sample("abcd", 3)} for _ in range(3)]
        try:
            ours = plain.merged(contents, (), plain.value_in_all(contents)) if told else plain.merged(contents)
        except plain.NotPlain:
            continue
        merged += 1
        config = OmegaConf.create()
        with flag_override(config, "no_deepcopy_set_nodes", True):
            for content in contents:
                config.merge_with(OmegaConf.create(content))
        assert repr(ours) == repr(OmegaConf.to_container(config)), contents
        kinds, others = ([(key, type(node)) for key, node in leaves(one)] for one in (OmegaConf.create(ours), config))
        assert kinds == others, contents
    assert merged > (690 if told else 500)


def test_a_refused_value_is_not_taken_for_refused_settings(tmp_path: Path) -> None:
    """Hydra's own settings that it refuses are asked about once; what else it refuses says nothing of them."""
    files = _UNTYPED | {"exp/base.yaml": "lr: 1\n", "exp/001.yaml": "lr: ${nowhere}\n"}
    files["config.yaml"] += "\nhydra:\n  verbose: refused_value\n"  # which no other test asks about in this process
    folder = running.write(tmp_path / "001-x", files)
    composer = _composer(folder, tmp_path)
    assert composer.compose({}, ["exp.lrr=2"]).failure is not None
    outcome = composer.compose({"exp": "001"})
    assert outcome.asked_hydra
    assert composer.resolved(outcome).failure is not None
    for option in ("001", "base"):
        assert composer.compose({"exp": option}).failure is None


_STORED = """
from dataclasses import dataclass

from hydra.core.config_store import ConfigStore


@dataclass
class Rate:
    lr: float = 1


ConfigStore.instance().store(group="exp", name="typed", node=Rate)
"""


def test_hydra_is_asked_once_about_settings_that_it_refuses(tmp_path: Path) -> None:
    """Whatever the experiment, and with other contents of its files too; but where something else may be refused before
    them, it is to say which comes first.
    """
    files = _UNTYPED | {"exp/base.yaml": "lr: 1\n", "exp/001.yaml": "defaults: [typed]\nlr: high\n"}
    files["config.yaml"] = "defaults:\n  - env: local\n  - exp: base\n  - _self_\n\nhydra:\n  launcher: {nodes: 2}\n"
    files["train.py"] = _STORED + files["train.py"]
    composers = [_composer(running.write(tmp_path / name, files), tmp_path) for name in ("001-x", "002-y")]
    said = [composer.compose({"exp": "base"}) for composer in composers for _ in range(2)]
    assert [outcome.asked_hydra for outcome in said] == [1, 0, 0, 0]
    assert {str(outcome.failure) for outcome in said} == {str(said[0].failure)}
    assert "nodes" in str(said[0].failure)
    for composer in composers:
        path = composer.experiment.config_file
        text = path.read_text(encoding="utf-8")
        for number, changed in enumerate((text, text.replace("nodes", "gpus"))):
            tried = composer.compose_with({path: Document(path, changed)}, {"exp": "base"})
            assert ("nodes" in str(tried.failure), "gpus" in str(tried.failure)) == (number == 0, number == 1)
            assert tried.asked_hydra == (composer is composers[0] and number == 1)
        first = composer.compose({"exp": "001"})
        assert first.asked_hydra
        assert first.failure is not None
        assert "high" in first.failure.refusal.words
    ran = running.run_entry(tmp_path / "002-y" / "train.py", "--cfg", "job", "exp=001")
    assert first.failure.refusal.words in ran.err


def test_a_primary_config_that_cannot_be_read(tmp_path: Path) -> None:
    """An option is asked for first, of a group that nothing is stored in."""
    files = _UNTYPED | {"config.yaml": "x: !!python/tuple [1]\n" + _UNTYPED["config.yaml"], "exp/001.yaml": "lr: 1\n"}
    folder = running.write(tmp_path / "001-x", files)
    outcome = _composer(folder, tmp_path).compose({"exp": "001"})
    assert outcome.asked_hydra
    assert "python/tuple" in str(outcome.failure)


def test_what_is_beside_the_groups_is_not_merged_with_each(experiment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (experiment / "config.yaml").read_text() + "".join(f"k{number}: {number}\n" for number in range(9))
    running.write(experiment, {"config.yaml": text})
    placed, real = Counter[str](), DictConfig.__setitem__

    def set_item(config: DictConfig, key: str, value: object) -> None:
        placed[key] += 1
        real(config, key, value)

    monkeypatch.setattr(DictConfig, "__setitem__", set_item)
    assert isinstance(_compose(experiment, f"{_HEAD}name: x\n", env="local"), PartsComposition)
    assert max(placed[f"k{number}"] for number in range(9)) <= 1
