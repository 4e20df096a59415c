"""--bare, --field, --default and --env of new_experiment.py: one command from nothing, as the real Hydra reads it."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from running import hydra, run, run_entry, tree, write

OWN = """\
--field lr=1e-3 --field batch_size=64 --field backbone=resnet18 --field fold=[0,1,2,3,4]
--default env.output_dir=/workspace/output/001-baseline --env local:output_dir=output/001-baseline lr=3e-4""".split()


def new(project: Path, elsewhere: Path, *words: str):
    return run("new_experiment.py", "--root", project, *words, cwd=elsewhere)


def test_from_nothing_with_ones_own_parameters(tmp_path: Path, elsewhere: Path) -> None:
    project = tmp_path / "p"
    project.mkdir()
    ran = new(project, elsewhere, "baseline", "--bare", *OWN)
    assert ran.code == 0, ran.err
    entry = project / "experiments/001-baseline/train.py"
    defaults, local = hydra(entry), hydra(entry, "exp=001", "env=local")
    wanted = {"lr": 1e-3, "batch_size": 64, "backbone": "resnet18", "fold": [0, 1, 2, 3, 4]}
    assert {key: defaults["exp"][key] for key in wanted} == wanted
    assert type(defaults["exp"]["lr"]) is float
    assert defaults["env"]["output_dir"] == "/workspace/output/001-baseline"
    assert (local["exp"]["lr"], local["env"]["output_dir"]) == (3e-4, "output/001-baseline")
    assert "learning_rate" not in defaults["exp"]  # the toy's own; beside lr, nothing would read it
    assert "debug" in defaults["exp"]  # the trackers read it
    text = entry.read_text()
    said = re.search(r"your training goes into train_fold, train\.py:(\d+);", ran.out)
    assert said is not None
    assert "your training" in text.splitlines()[int(said[1]) - 1]
    assert local["env"]["model_output_dir"] == "${env.output_dir}/models"  # and so on the same disk as the results
    assert "lr: float = 1e-3\n" in text
    assert "toy" not in text
    tree_ = ast.parse(text)
    imported = {a.asname or a.name for n in tree_.body if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names}
    assert imported <= {node.id for node in ast.walk(tree_) if isinstance(node, ast.Name)}
    ran = run_entry(
        entry, "exp=001", f"env.output_dir={tmp_path}/out", f"env.model_output_dir={tmp_path}/m", cwd=project
    )
    assert ran.code == 0, ran.err
    checked = run("validate.py", "--root", project, "--json", cwd=elsewhere)
    assert [f for f in checked.json["findings"] if f["severity"] != "info"] == []


@pytest.mark.parametrize("words", [["learning_rate=3e-4"], ["--field", "x=1", "learning_rate=3e-4"]])
def test_a_field_of_the_toy_stays_where_it_is_named(project: Path, elsewhere: Path, words: list[str]) -> None:
    assert new(project, elsewhere, "next", "--bare", *words).code == 0
    [entry] = project.glob("experiments/*-next/train.py")
    assert hydra(entry, "exp=001")["exp"]["learning_rate"] == 3e-4


HEAD = """\
{imports}
import hydra
from hydra.core.config_store import ConfigStore

"""
STORE = """\

cs = ConfigStore.instance()
cs.store(group="exp", name="default", node=ExpConfig)

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg): ...

if __name__ == "__main__":
    main()
"""
CLASSES = {
    "plain": ("from dataclasses import dataclass", "@dataclass\nclass ExpConfig:\n    seed: int = 1  # the seed\n"),
    "module": (
        "import dataclasses as dc",
        "@dc.dataclass\nclass ExpConfig:\n  seed: int = 1\n  rate: float = dc.field(default=0.1)\n",
    ),
    "parenthesized": (
        "from dataclasses import (\n    dataclass,\n)\nfrom typing import List, Optional",
        "@dataclass\nclass ExpConfig:\n    seed: int = 1\n    old: Optional[List[int]] = None\n\n"
        "    def twice(self):\n        return 2\n",
    ),
    "empty": ("from dataclasses import dataclass", "@dataclass\nclass ExpConfig:\n    pass\n"),
    "docstring": ("from dataclasses import dataclass", '@dataclass\nclass ExpConfig:\n    """Ours – 設定."""\n'),
    "future": (
        '"""Training."""\nfrom __future__ import annotations\nfrom dataclasses import dataclass, field',
        "@dataclass(frozen=True)\nclass ExpConfig:\n    seed: int = 1\n    a: list = field(default_factory=list)\n",
    ),
    "inherited": (
        "from dataclasses import dataclass",
        "@dataclass\nclass Base:\n    seed: int = 1\n\n\n@dataclass\nclass ExpConfig(Base):\n    x: int = 0\n",
    ),
}
FIELDS = {
    "a1=1": 1,
    "a2=1e-3": 1e-3,
    "a3=true": True,
    "a4=text": "text",
    'a5="it\'s \\"so\\", ok"': 'it\'s "so", ok',
    "a6=null": None,
    "a7=[1,2]": [1, 2],
    "a8=[]": [],
    "a9={x: 1, y: 2.5}": {"x": 1.0, "y": 2.5},
    "b1=[[1],[2,3]]": [[1], [2, 3]],
    "b2:float=1": 1.0,
    "b3:str|None=null": None,
    "b4:list[float]=[1,2]": [1.0, 2.0],
    "b5:str=010": "010",
    "b6=[a,null]": ["a", None],
    "b7=${exp.a1}": "${exp.a1}",
    "b8:Optional[int]=3": 3,
}


@pytest.mark.parametrize("style", CLASSES)
@pytest.mark.parametrize("elsewhere_defined", [False, True])
def test_fields_are_written_into_the_users_own_dataclass(tmp_path, elsewhere, style: str, elsewhere_defined) -> None:
    imports, body = CLASSES[style]
    files = {"config.yaml": "defaults:\n  - _self_\n  - exp: default\n"}
    if elsewhere_defined:
        files["settings.py"] = f"{imports}\n\n\n{body}"
        files["train.py"] = HEAD.format(imports="from settings import ExpConfig\n") + STORE
    else:
        files["train.py"] = HEAD.format(imports=imports) + "\n" + body + STORE
    project = write(tmp_path / "p", {f"experiments/001-x/{name}": text.encode() for name, text in files.items()})
    before = tree(project)
    words = [word for field in FIELDS for word in ("--field", field)]
    ran = new(project, elsewhere, "next", *words)
    assert ran.code == 0, ran.err
    made = project / "experiments/002-next"
    composed = hydra(made / "train.py", resolve=False)["exp"]
    for field, value in FIELDS.items():
        name = field.partition("=")[0].partition(":")[0]
        assert repr(composed[name]) == repr(value), field
    own = [name for name in composed if name in {f.partition("=")[0].partition(":")[0] for f in FIELDS}]
    assert own == [field.partition("=")[0].partition(":")[0] for field in FIELDS]  # the order is kept
    assert {name: text for name, text in tree(project).items() if "001-x" in name} == before
    changed = made / ("settings.py" if elsewhere_defined else "train.py")
    assert body.splitlines()[2].rstrip().removesuffix("pass").rstrip() in changed.read_text()


@pytest.mark.parametrize(
    ("declared", "word", "value"),
    [
        ("rate: float = 0.1", "rate=3e-4", 3e-4),
        ("rate: float = field(default=0.1, metadata={'x': 1})", "rate=1", 1.0),
        ("rate: str | None = None", "rate='A本B'", "A本B"),  # the old text ends within a character of the new one
        ("rate: list[int] = field(default_factory=lambda: [1])", "rate=[2,3]", [2, 3]),
        ("rate: str = 'a'", "rate=b", "b"),
        ("rate: Kind = Kind.A", "rate=B", "B"),
        ("rate: int | None = None", "exp.rate=4", 4),
        ("rate: float", "rate=0.5", 0.5),
    ],
)
def test_defaults_are_changed_where_they_are_declared(tmp_path, elsewhere, declared: str, word: str, value) -> None:
    source = (
        "from dataclasses import dataclass, field\nfrom enum import Enum\n\nimport hydra\n"
        "from hydra.core.config_store import ConfigStore\n\n\nclass Kind(Enum):\n    A = 1\n    B = 2\n\n\n"
        f"@dataclass\nclass ExpConfig:\n    {declared}  # how fast\n    seed: int = 1\n{STORE}"
    )
    project = write(
        tmp_path / "p",
        {
            "experiments/001-x/train.py": source,
            "experiments/001-x/config.yaml": "defaults:\n  - _self_\n  - exp: default\n",
        },
    )
    ran = new(project, elsewhere, "next", "--default", word)
    assert ran.code == 0, ran.err
    made = project / "experiments/002-next/train.py"
    assert repr(hydra(made)["exp"]["rate"]) == repr(value)
    assert "  # how fast\n" in made.read_text()
    assert ("metadata={'x': 1}" in made.read_text()) is ("metadata" in declared)


@pytest.mark.parametrize(
    ("words", "better"),
    [
        (["next", "--default", "learning_rat=1", "seed=3"], "next --default learning_rate=1 seed=3"),
        (["next", "--field", "x=1,2", "--notebook"], "next --field 'x=[1,2]' --notebook"),
        (
            ["next", "--env", "gpu:outpt_dir=x,base_model=y", "seed=3"],
            "next --env gpu:output_dir=x,base_model=y seed=3",
        ),
        (["next", "--env", "gpu:base_model=y,seed=2"], "next --env gpu:base_model=y seed=2"),
        (["next", "--env=gpu:base_model=a,b"], "next '--env=gpu:base_model=[a,b]'"),
        (["next", "--defalt", "seed=3", "epochs=2"], "next --default seed=3 epochs=2"),
        (["next", "--tracker", "wandbb", "seed=1"], "next --tracker wandb seed=1"),
        (["next", "output_dir=x", "learning_rat=1"], "next learning_rate=1 --env local:output_dir=x"),
        (["next", "dropout=0.1", "seed=3"], "next --field dropout=0.1 seed=3"),
        (["next", "exp.dropout=0.1", "output_dir=x"], "next --field exp.dropout=0.1 --env local:output_dir=x"),
        (["next", "--env", "gpu:cache=y,base_model=z,seed=2"], "gpu:base_model=z seed=2 --field env.cache=y"),
    ],
)
def test_mistakes_are_refused_with_the_whole_command(project: Path, elsewhere: Path, words, better: str) -> None:
    before = tree(project)
    ran = new(project, elsewhere, *words)
    assert ran.code == 2
    assert f"{better}\n" in ran.err.partition("  type: ")[2]
    assert tree(project) == before
    if "--tracker" not in better:  # the plain pattern has no place for one
        command = ran.err.partition("  type: ")[2]
        assert subprocess.run(["bash", "-c", command], cwd=elsewhere, capture_output=True).returncode == 0


def test_what_cannot_be_changed_is_refused_with_the_reason(tmp_path: Path, project, experiment, elsewhere) -> None:
    for words, reason in (
        (["--field", "opt.lr=1"], "no dataclass"),
        (["--field", "x:Nowhere=1"], "Nowhere"),
        (["--field", "x:int=a"], "x:int=a"),
        (["--default", "seed=x"], "seed=x"),
        (["--bare", "--from", "001"], "--bare"),
    ):
        before = tree(project)
        ran = new(project, elsewhere, "next", *words)
        assert (ran.code, reason in ran.err) == (2, True), ran.err
        assert tree(project) == before
    write(experiment, {"config.yaml": (experiment / "config.yaml").read_text() + "\nexp:\n  seed: 9\n"})
    text = (experiment / "config.yaml").read_text()
    write(
        experiment,
        {"config.yaml": text.replace("  - _self_\n", "", 1).replace("  - override", "  - _self_\n  - override", 1)},
    )
    ran = new(project, elsewhere, "next", "--default", "seed=3")
    assert (ran.code, "would stay 9" in ran.err) == (2, True), ran.err


def test_a_copied_environment_gets_the_values_and_keeps_its_lines(project: Path, experiment: Path, elsewhere) -> None:
    write(experiment, {"env/local.yaml": "defaults:\n  - default@_here_\n\n# here\noutput_dir: a # old\n"})
    ran = new(project, elsewhere, "next", "--env", "local:output_dir=b,base_model=c")
    assert ran.code == 0, ran.err
    made = project / "experiments/002-next"
    assert (made / "env/local.yaml").read_text() == (
        "defaults:\n  - default@_here_\n\n# here\noutput_dir: b # old\nbase_model: c\n"
    )
    composed = hydra(made / "train.py", "env=local")["env"]
    assert (composed["output_dir"], composed["base_model"]) == ("b", "c")
