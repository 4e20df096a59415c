"""Projects as people have them: each shape is understood, and a new set or experiment follows its habits.

The shapes are those of public Kaggle and research repositories; the real Hydra runs each of them here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from environments import HYDRA
from experiment_setup.errors import CommandError
from experiment_setup.project import Project
from experiment_setup.writing.node_values import plain_data
from running import CONFIG, PLAIN_EXPERIMENT, hydra, run, run_entry, write

pytestmark = pytest.mark.slow

MAIN = """
@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg) -> None:
    print(cfg.exp)


if __name__ == "__main__":
    main()
"""
STORES = """
cs = ConfigStore.instance()
cs.store(name="default", group="env", node=EnvConfig)
cs.store(name="default", group="exp", node=ExpConfig)
"""
IMPORTS = "import hydra\nfrom hydra.core.config_store import ConfigStore\n"
EXP_CLASS = """
from dataclasses import dataclass, field
import os

@dataclass
class ExpConfig:
    debug: bool = False
    learning_rate: float = 0.001
    folds: list = field(default_factory=lambda: [0, 1])
    project: str | None = os.getenv("COMPETITION_OF_NOBODY", "kaggle")
"""
ENV_CLASS = """
from __future__ import annotations
from dataclasses import dataclass
from pathlib import Path
import os

def _root() -> Path:
    return Path(__file__).resolve().parent.parent

@dataclass
class EnvConfig:
    output_dir: str = str(_root() / "out")
    data: Path = Path(os.getenv("NO_SUCH_VARIABLE", str(_root() / "data")))
"""
HEAVY = "import torch\nimport wandb\nimport polars as pl\nDEVICE = torch.device('cuda')\n"
DEFAULT_SET = "defaults:  \n  - default@_here_ # 既定値\n\nlearning_rate: 1e-4"  # no line end, as many of them


@dataclass(frozen=True)
class Shape:
    """A project, the folder of its experiment, its entry point, and the key to vary."""

    files: Mapping[str, str]
    folder: str
    entry: str
    words: tuple[str, ...] = ("learning_rate=3e-4",)
    made: str = "exp/001.yaml"
    next_experiment: str = ""
    pythonpath: bool = False
    expected: Mapping[str, object] = field(default_factory=lambda: {"exp": {"learning_rate": 3e-4}})


def _flat(folder: str, entry: str, **more: str) -> dict[str, str]:
    source = f"{HEAVY}{IMPORTS}{EXP_CLASS}{ENV_CLASS.split('import os')[1]}{STORES}{MAIN}".replace(
        "def _root", "from pathlib import Path\n\ndef _root"
    )
    return {f"{folder}/{entry}": source, f"{folder}/config.yaml": CONFIG, f"{folder}/exp/000.yaml": DEFAULT_SET, **more}


SHAPES: dict[str, Shape] = {
    "run.py in exp000_sample": Shape(
        _flat("experiments/exp000_sample", "run.py"),
        "experiments/exp000_sample",
        "run.py",
        next_experiment="experiments/exp001_next",
    ),
    "main.py in 001_lgb, elsewhere": Shape(
        _flat("approaches/001_lgb", "main.py"), "approaches/001_lgb", "main.py", next_experiment="approaches/002_next"
    ),
    "plain words": Shape(
        _flat("experiments/baseline", "train.py"),
        "experiments/baseline",
        "train.py",
        next_experiment="experiments/next",
    ),
    "dataclass in config.py": Shape(
        {
            "experiments/001-a/train.py": f"{HEAVY}{IMPORTS}from config import ExpConfig, EnvConfig{STORES}{MAIN}",
            "experiments/001-a/config.py": EXP_CLASS + ENV_CLASS.replace("from __future__ import annotations\n", ""),
            "experiments/001-a/config.yaml": CONFIG,
        },
        "experiments/001-a",
        "train.py",
        next_experiment="experiments/002-next",
    ),
    "src/config.py and utils/env.py behind sys.path": Shape(
        {
            "experiments/exp001_x/run.py": "import os, sys\n"
            "sys.path.append(os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../')))\n"
            f"{IMPORTS}from src.config import ExpConfig\nfrom utils.env import EnvConfig\n{STORES}{MAIN}",
            "experiments/exp001_x/src/config.py": EXP_CLASS,
            "experiments/exp001_x/config.yaml": CONFIG,
            "utils/__init__.py": "",
            "utils/env.py": ENV_CLASS,
        },
        "experiments/exp001_x",
        "run.py",
        next_experiment="experiments/exp002_next",
    ),
    "utils/env.py through PYTHONPATH": Shape(
        {
            "experiments/001/run.py": f"{IMPORTS}{EXP_CLASS}from utils.env import EnvConfig\n{STORES}{MAIN}",
            "experiments/001/config.yaml": CONFIG,
            "utils/__init__.py": "",
            "utils/env.py": ENV_CLASS,
        },
        "experiments/001",
        "run.py",
        pythonpath=True,
        next_experiment="experiments/002-next",
    ),
    "no ConfigStore, base, searchpath, further groups": Shape(
        {
            "experiments/201_unet/run.py": f"import hydra\n{MAIN}",
            "experiments/201_unet/config.yaml": "defaults:\n  - _self_\n  - dir: local\n"
            "  - exp: base # 実行時に書き換える\n"
            "  - override hydra/job_logging: none\n\ndebug: False\n"
            "hydra:\n  output_subdir: null\n  run:\n    dir: .\n  searchpath:\n      - file://yamls\n",
            "experiments/201_unet/exp/base.yaml": "eps: 1e-60\nmodel:\n  learning_rate: 0.1\n  hidden: [64, 32]\n",
            "experiments/201_unet/exp/small.yaml": "defaults:\n  - base@_here_ # ベース\n\nmodel:\n  hidden: [8]\n",
            "yamls/dir/local.yaml": "out: ${oc.env:HOME,/root}/out\n",
        },
        "experiments/201_unet",
        "run.py",
        ("model.learning_rate=0.01",),
        "exp/learning_rate-0.01.yaml",
        "experiments/202_next",
        expected={"exp": {"model": {"learning_rate": 0.01, "hidden": [64, 32]}}},
    ),
    "registered by a function of another module": Shape(
        {
            "experiments/001-a/train.py": f"{IMPORTS}import conf\n\nconf.register(ConfigStore.instance()){MAIN}",
            "experiments/001-a/conf.py": f"{EXP_CLASS}{ENV_CLASS.replace('from __future__ import annotations', '')}\n"
            "def register(cs) -> None:\n"
            "    for group, node in {'exp': ExpConfig, 'env': EnvConfig}.items():\n"
            "        cs.store(group=group, name='default', node=node)\n",
            "experiments/001-a/config.yaml": "\ufeff" + CONFIG.replace("\n", "\r\n"),
        },
        "experiments/001-a",
        "train.py",
        next_experiment="experiments/002-next",
    ),
    "nested values, inheritance, enums": Shape(
        {
            "experiments/001-a/train.py": f"""{HEAVY}{IMPORTS}
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Optional, Union
from omegaconf import MISSING

RATES = {{"small": 1e-4}}
WIDTH = 2 ** 6

class Kind(str, Enum):
    ADAM = "adam"
    SGD = "sgd"

@dataclass
class Base:
    seed: int = 42
    name: str = MISSING

@dataclass
class Optimizer:
    learning_rate: float = RATES["small"]
    kind: Kind = Kind.ADAM
    momentum: Optional[float] = None

@dataclass
class ExpConfig(Base):
    optimizer: Optimizer = field(default_factory=Optimizer)
    widths: list[int] = field(default_factory=lambda: [WIDTH] * 2)
    scale: Union[int, float] = 1
    name: str = f"w{{WIDTH}}"
    other: Any = None

@dataclass
class EnvConfig:
    output_dir: str = "out"
{STORES}{MAIN}""",
            "experiments/001-a/config.yaml": CONFIG,
        },
        "experiments/001-a",
        "train.py",
        ("optimizer.learning_rate=1e-3", "optimizer.kind=SGD", "widths=[1,2,3]", "scale=2.5"),
        next_experiment="experiments/002-next",
        expected={
            "exp": {
                "optimizer": {"learning_rate": 1e-3, "kind": "SGD", "momentum": None},
                "widths": [1, 2, 3],
                "scale": 2.5,
                "seed": 42,
            }
        },
    ),
}


def runnable(root: Path, shape: Shape) -> Path:
    """The project without the imports of what is not installed here, so that the real Hydra can run it."""
    for path in root.rglob("*.py"):
        path.write_text(path.read_text(encoding="utf-8").replace(HEAVY, ""), encoding="utf-8")
    return root / shape.folder / shape.entry


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_shape_is_understood(tmp_path: Path, elsewhere: Path, shape: Shape, monkeypatch) -> None:
    root = write(tmp_path / "プロジェクト", shape.files)
    checked = run("validate.py", "--root", root, "--format", "json", "--select", "ES0", cwd=elsewhere)
    assert checked.code == 0, checked.out
    assert checked.json["experiments"][0]["path"] == shape.folder
    assert checked.json["experiments"][0]["entry"] == shape.entry

    made = run("add_exp.py", "--root", root, shape.folder, *shape.words, "--json", cwd=elsewhere)
    assert made.code == 0, made.err
    assert made.json["created"][0]["path"] == f"{shape.folder}/{shape.made}"
    new = run("new_experiment.py", "--root", root, "next", *shape.words, "--json", cwd=elsewhere)
    assert new.code == 0, new.err
    assert new.json["path"] == shape.next_experiment

    if shape.pythonpath:
        monkeypatch.setenv("PYTHONPATH", str(root))
    entry = runnable(root, shape)
    option = Path(shape.made).stem
    real = hydra(entry, f"exp={option}", cwd=root)
    for group, values in shape.expected.items():
        assert {key: real[group][key] for key in values} == values
    copied = root / shape.next_experiment / shape.entry
    option = new.json["parameter_set"]
    assert plain_data(hydra(copied, f"exp={option}", cwd=root)) == new.json["config"]


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_hydra_and_the_projects_python_agree(tmp_path: Path, elsewhere: Path, shape: Shape, monkeypatch) -> None:
    import sys

    root = write(tmp_path / "p", shape.files)
    if shape.pythonpath:
        monkeypatch.setenv("PYTHONPATH", str(root))
    runnable(root, shape)
    plain = run("validate.py", "--root", root, "--json", cwd=elsewhere)
    for way in (["--hydra"], ["--python", sys.executable]):
        ran = run("validate.py", "--root", root, "--json", *way, cwd=elsewhere)
        assert ran.json["findings"] == plain.json["findings"]


def test_python_sees_what_only_running_tells(project: Path, experiment: Path, elsewhere: Path) -> None:
    """A module that is missing where train.py runs is no fault of the config; only --python can know it."""
    import sys

    text = (experiment / "train.py").read_text()
    write(experiment, {"train.py": "import not_there_at_all\n" + text})
    assert run("validate.py", "--root", project, "--select", "ES0", cwd=elsewhere).code == 0
    ran = run("validate.py", "--root", project, "--python", sys.executable, cwd=elsewhere)
    assert ran.code == 1
    assert "not_there_at_all" in ran.out


@pytest.mark.slow
def test_none_of_the_users_statements_is_executed(tmp_path: Path, elsewhere: Path) -> None:
    trap = f"""
import pathlib
TRAP = pathlib.Path({str(tmp_path / "executed")!r})
TRAP.write_text("module level")
def factory():
    TRAP.write_text("factory")
    return [0]
class Meta(type):
    def __new__(mcls, *a, **k):
        TRAP.write_text("metaclass")
        return super().__new__(mcls, *a, **k)
"""
    source = f"""{trap}{IMPORTS}
from dataclasses import dataclass, field

@dataclass
class ExpConfig:
    learning_rate: float = 0.1
    fold: list[int] = field(default_factory=factory)
    when: str = TRAP.write_text("default")
    def __post_init__(self):
        TRAP.write_text("post init")

@dataclass
class EnvConfig:
    output_dir: str = (lambda: TRAP.write_text("lambda") or "x")()
{STORES}{MAIN}
"""
    root = write(
        tmp_path / "p",
        {
            "experiments/001/train.py": source,
            "experiments/001/config.yaml": CONFIG,
            "experiments/001/exp/001.yaml": DEFAULT_SET,
        },
    )
    for words in (
        ["validate.py"],
        ["add_exp.py", "learning_rate=1"],
        ["new_experiment.py", "next"],
        ["validate.py", "--hydra"],
    ):
        run(words[0], "--root", root, *words[1:], cwd=elsewhere)
    assert not (tmp_path / "executed").exists()


def _plain(folder: Path, entry: str, config: str, **more: str) -> Path:
    """An entry point that resolves all of its config, and the config."""
    main = """
from omegaconf import OmegaConf

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg) -> None:
    OmegaConf.resolve(cfg)


if __name__ == "__main__":
    main()
"""
    write(folder, {"run.py": f"import hydra\n{entry}{main}", "config.yaml": config, **more})
    return folder / "run.py"


def test_a_value_that_waits_for_the_run_or_for_a_variable_is_no_mistake_of_those_that_refer_to_it(
    tmp_path: Path,
) -> None:
    config = """
root: ${oc.env:ROOT_OF_NOBODY}
data: ${root}/data/
train: ${data}train
output: ${hydra:runtime.output_dir}
checkpoints: ${output}/checkpoints
optimizer: {lr: '???', bound: 1}
planner: {optimizer: '${optimizer}', lr: '${optimizer.lr}'}
tens: ${times_ten:3}
both: ${tens}-${tens}
hydra: {run: {dir: .}, output_subdir: null}
"""
    resolver = 'OmegaConf.register_new_resolver("times_ten", lambda x: 10 * x)\n'
    entry = _plain(tmp_path / "src", f"from omegaconf import OmegaConf\n{resolver}", config)
    found = run("validate.py", "--json", cwd=tmp_path).json["findings"]
    assert [(f["code"], f["severity"], f["line"]) for f in found if f["code"] == "ES012"] == [("ES012", "warning", 2)]
    assert not [f for f in found if f["severity"] == "error"], found
    assert run_entry(entry, "optimizer.lr=0.1", env={"ROOT_OF_NOBODY": "/x"}).code == 0
    assert run_entry(entry, "optimizer.lr=0.1").code == 1


def test_a_mistake_that_others_refer_to_is_found_once(tmp_path: Path) -> None:
    entry = _plain(tmp_path / "src", "", "a: ${b}/x\nb: ${nobody}\nc: ['${a}']\nhydra: {run: {dir: .}}\n")
    ran = run("validate.py", "--json", "--select", "ES012", cwd=tmp_path)
    assert [(f["severity"], f["line"]) for f in ran.json["findings"]] == [("error", 2)]
    assert "nobody" in run_entry(entry).err


@pytest.mark.skipif(not HYDRA.startswith("1.3"), reason="Hydra 1.4 knows no schema by the config's name")
def test_a_field_of_the_whole_config_that_is_still_to_be_given_is_in_it(tmp_path: Path) -> None:
    classes = """
from dataclasses import dataclass
from omegaconf import MISSING
from hydra.core.config_store import ConfigStore

@dataclass
class Config:
    weights: str = MISSING

ConfigStore.instance().store(name="config", node=Config)
"""
    entry = _plain(tmp_path / "src", classes, "hydra: {run: {dir: .}}\n")
    source = entry.read_text(encoding="utf-8").replace("main(cfg)", "main(cfg: Config)")
    entry.write_text(
        source.replace("version_base=None", 'version_base="1.1"'), encoding="utf-8"
    )  # a schema by its name
    assert hydra(entry) == {"weights": "???"}
    found = run("validate.py", "--json", "--select", "ES304", cwd=tmp_path)
    assert found.json["findings"] == []


def test_a_type_variable_whose_bound_is_not_known(tmp_path: Path) -> None:
    generic = """
from typing import Generic, Protocol, TypeVar
import torch.nn as nn

Kind = TypeVar("Kind", bound=nn.Module)
Other = TypeVar("Other", bound=nn.Module)

class Wrapper(Generic[Kind, Other]):
    pass

class Callback(Protocol[Kind]):
    pass
"""
    _plain(tmp_path / "src", generic, "a: 1\nhydra: {run: {dir: .}, output_subdir: null}\n")
    ran = run("validate.py", "--select", "ES004", cwd=tmp_path)
    assert ran.code == 0, ran.out
    write(tmp_path, {"src/torch/nn.py": "class Module: ...\n", "src/torch/__init__.py": ""})
    assert run_entry(tmp_path / "src" / "run.py").code == 0


@pytest.mark.parametrize("says", ["uv run python -m exp.exp001.run\n", ""])
def test_a_relative_import_is_right_where_the_project_runs_modules(tmp_path: Path, says: str) -> None:
    entry = _plain(tmp_path / "exp" / "exp001", "from .data import SIZE\n", "a: 1\nhydra: {run: {dir: .}}\n")
    write(tmp_path, {"exp/exp001/data.py": "SIZE = 1\n", "exp/exp001/run.sh": says})
    module = ["-m", "exp.exp001.run"]
    assert subprocess.run([sys.executable, *module], cwd=tmp_path, check=False).returncode == 0
    assert run_entry(entry).code == 1
    found = run("validate.py", "--json", "--select", "ES004", cwd=tmp_path).json["findings"]
    assert [f["severity"] for f in found] == ([] if says else ["error"])


def test_entry_points_whose_config_is_not_found_are_named(tmp_path: Path) -> None:
    for name in ("train", "eval"):
        source = "import hydra, root\n\n@hydra.main(config_path={}, config_name='c')\ndef main(cfg): ...\n"
        write(tmp_path, {f"src/pkg/{name}.py": source.format("str(root.HERE / 'configs')")})
    ran = run("validate.py", cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "there is @hydra.main in src/pkg/eval.py, src/pkg/train.py" in ran.err
    beside = {f"src/pkg/{name}.py": source.format("'conf'") for name in ("train", "eval")}
    write(tmp_path, {"conf/c.yaml": "a: 1\n", **beside})
    assert 'write config_path="../../conf"' in run("validate.py", cwd=tmp_path).err


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            'from hydra_zen import store, zen\n\nif __name__ == "__main__":\n    zen(f).hydra_main(config_name="x")\n',
            "src/train.py starts Hydra through hydra-zen",
        ),
        (
            'from hydra import compose, initialize\n\nwith initialize(version_base=None):\n    compose("x")\n',
            "src/train.py composes its configs itself",
        ),
        ("import figures\n\nfigures.compose(1)\n", "an experiment is a folder with an entry point"),
    ],
)
def test_a_project_without_hydra_main_is_told_why_nothing_is_found(tmp_path: Path, source: str, said: str) -> None:
    tried = {"a/test_train.py": "from hydra import compose\n\ncompose('x')\n"} if "hydra" in source else {}
    write(tmp_path, {"src/train.py": source, **tried})
    ran = run("validate.py", cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


_PLAIN_MAIN = '@hydra.main(version_base=None, config_path=".", config_name="config")'
_OTHER_MAINS = (
    'CONF = "conf"\n@hydra.main(version_base=None, config_path=CONF, config_name="config")',
    'NAME = "config"\n@hydra.main(version_base=None, config_path="conf", config_name=f"{NAME}.yaml")',
    '@hydra.main("conf", "config", None)',
    '@hydra.main(\n    version_base=None,\n    config_path="conf",  # the folder (conf)\n    config_name="config",\n)',
    '@hydra.main(version_base=None, config_path=str(Path(__file__).resolve().parent / "conf"), config_name="config")',
    "HERE = os.path.dirname(os.path.abspath(__file__))\n"
    '@hydra.main(version_base=None, config_path=os.path.join(HERE, "conf"), config_name="config")',
    'from hydra import main as start\n@start(version_base=None, config_path="conf", config_name="config")',
)


@pytest.mark.parametrize("decorator", _OTHER_MAINS)
def test_the_config_is_found_however_the_entry_point_names_it(tmp_path: Path, decorator: str) -> None:
    code = f"import os\nfrom pathlib import Path\n{decorator}"
    files = {"train.py": PLAIN_EXPERIMENT["train.py"].replace(_PLAIN_MAIN, code)}
    files |= {f"conf/{name}": text for name, text in PLAIN_EXPERIMENT.items() if name != "train.py"}
    entry = write(tmp_path / "experiments" / "001-baseline", files) / "train.py"
    assert hydra(entry, "exp=001")["exp"]["name"] == "001-lr"
    checked = run("validate.py", "--json", cwd=tmp_path)
    assert checked.code == 0, checked.out
    found = [(experiment["entry"], experiment["parameter_sets"]) for experiment in checked.json["experiments"]]
    assert found == [("train.py", 1)]


def test_a_whole_machine_is_no_project(experiment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To search it takes minutes; what is named from there is found all the same."""
    root = Path(experiment.anchor)
    monkeypatch.chdir(root)
    for words in ([], [str(root)]):
        with pytest.raises(CommandError, match="the whole machine"):
            Project.locate(None, words)
    for word in (experiment, experiment.relative_to(root)):
        assert Project.locate(None, [str(word)]).root == experiment.parents[1]
