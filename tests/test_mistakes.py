"""All mistakes of a file in one run, though Hydra stops at the first: each is one to the real Hydra."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from experiment_setup.checking.check import check
from experiment_setup.composing.compose import Composer
from experiment_setup.project import Project
from guides import batch
from running import PLAIN_EXPERIMENT, run, run_entry, write

FIELDS = """\
@dataclass
class Optimizer:
    lr: float = 0.1
    steps: list[int] = field(default_factory=list)

@dataclass
class ExpConfig:
    lr: float = 0.1
    optimizer: Optimizer = field(default_factory=Optimizer)
    stages: list[Optimizer] = field(default_factory=list)
    grid: list[list[int]] = field(default_factory=list)
    pair: tuple[int, int] = (1, 2)
    weights: dict[int, float] = field(default_factory=dict)
"""
TRAIN = PLAIN_EXPERIMENT["train.py"].replace("@dataclass\nclass ExpConfig:\n", FIELDS, 1)
ASKING = [[], ["--hydra"]]


def marked(text: str) -> set[int]:
    """The numbers of the lines with `# bad`."""
    return {number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# bad")}


def only(text: str, kept: int | None) -> str:
    """The text with no bad line but this one."""
    lines = enumerate(text.splitlines(), 1)
    return "".join(f"{line}\n" for number, line in lines if number == kept or not line.endswith("# bad"))


def found(project: Path, *arguments: str) -> dict[str, set[int]]:
    """The lines of errors by file."""
    result: dict[str, set[int]] = {}
    for finding in run("validate.py", "--json", *arguments, cwd=project).json["findings"]:
        if finding["severity"] == "error":
            assert not re.search(r"ES0(0[1-4]|05)", finding["code"]), finding
            result.setdefault(finding["path"].removeprefix("experiments/001-baseline/"), set()).add(finding["line"])
    return result


SETS = {
    "keys and values": """\
name: 002-x
learning_rte: 1  # bad
batch_size: 16.5  # bad
seed: 1
seeed: 2  # bad
epochs: many  # bad
""",
    "nested": """\
name: 002-x
optimizer:
  lr: 1.0
  lrr: 2  # bad
  steps:
    - 1
    - two  # bad
    - 3
    - four  # bad
  momentum: 1  # bad
seed: none  # bad
""",
    "where the error does not name the place": """\
name: 002-x
lr: 1.0
stages:
  - lr: 1
    steps: [1]
  - lr: 2
    lrr: 3  # bad
  - lr: fast  # bad
    steps: [3]
  - lrr: 4  # bad
grid:
  - [1, 2]
  - [3, four]  # bad
weights:
  1: 2
  one: 3  # bad
seed: 7
""",
    "a value that is no mapping": """\
name: 002-x
optimizer: adam  # bad
pair: [1, b]  # bad
notes: [1, 2]  # bad
seeed: 1  # bad
""",
}


@pytest.mark.parametrize("asking", ASKING, ids=["fast", "hydra"])
@pytest.mark.parametrize("words", SETS)
def test_all_of_a_file(project: Path, experiment: Path, words: str, asking: list[str]) -> None:
    text = f"defaults:\n  - default@_here_\n\n{SETS[words]}"
    write(experiment, {"train.py": TRAIN, "exp/002.yaml": text})
    assert found(project, *asking) == {"exp/002.yaml": marked(text)}


@pytest.mark.parametrize("words", SETS)
def test_each_is_a_mistake_to_hydra(experiment: Path, words: str) -> None:
    text = f"defaults:\n  - default@_here_\n\n{SETS[words]}"
    lines = [None, *sorted(marked(text))]
    write(experiment, {"train.py": TRAIN})
    write(experiment, {f"exp/l{line}.yaml": only(text, line) for line in lines})
    codes = [code for code, _ in batch([[str(experiment / "train.py"), "--cfg", "job", f"exp=l{n}"] for n in lines])]
    assert codes == [0, *[1] * len(marked(text))]


@pytest.mark.parametrize("asking", ASKING, ids=["fast", "hydra"])
def test_parents_and_environments(project: Path, experiment: Path, asking: list[str]) -> None:
    parent = "defaults:\n  - default@_here_\n\nname: 002-x\nseeed: 1  # bad\nepochs: many  # bad\n"
    child = "defaults:\n  - 002@_here_\n\nname: 003-x\nbatch_size: big  # bad\nsede: 1  # bad\n"
    environment = "defaults:\n  - default@_here_\n\noutput_dr: a  # bad\nbase_modl: b  # bad\n"
    texts = {"exp/002.yaml": parent, "exp/003.yaml": child, "env/local.yaml": environment}
    write(experiment, texts)
    assert found(project, *asking) == {path: marked(text) for path, text in texts.items()}


@pytest.mark.parametrize("asking", ASKING, ids=["fast", "hydra"])
def test_what_every_run_meets_hides_nothing(project: Path, experiment: Path, asking: list[str]) -> None:
    """The environment of the defaults list is broken, and comes before the parameter sets."""
    config = PLAIN_EXPERIMENT["config.yaml"].replace(
        "  - exp: default\n  - env: default\n", "  - env: local\n  - exp: default\n"
    )
    assert config != PLAIN_EXPERIMENT["config.yaml"]
    texts = {
        "env/local.yaml": "defaults:\n  - default@_here_\n\noutput_dr: a  # bad\nbase_modl: b  # bad\n",
        "exp/002.yaml": "defaults:\n  - default@_here_\n\nname: 002-x\nseeed: 1  # bad\nepochs: many  # bad\n",
    }
    write(experiment, {"config.yaml": config, **texts})
    assert found(project, *asking) == {path: marked(text) for path, text in texts.items()}


def test_what_every_run_meets_is_looked_for_once(
    project: Path, experiment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five mistakes in the environment that all sets are composed with: not five compositions for each of them."""
    mistakes = "".join(f"output_d{letter}: a\n" for letter in "abcde")
    sets = {f"exp/{n:03}.yaml": f"defaults:\n  - default@_here_\n\nseed: {n}\n" for n in range(2, 22)}
    config = PLAIN_EXPERIMENT["config.yaml"].replace("env: default", "env: local")
    texts = {"config.yaml": config, "env/local.yaml": f"defaults:\n  - default@_here_\n\n{mistakes}", **sets}
    write(experiment, texts)
    composed, real = [], Composer.compose_with
    monkeypatch.setattr(Composer, "compose_with", lambda *given: (composed.append(1), real(*given))[1])
    result = check(Project(project), Project(project).experiments)
    assert len([finding for finding in result.findings if finding.code == "ES010"]) == 5
    assert len(sets) <= len(composed) < 2 * len(sets)


@pytest.mark.parametrize("asking", ASKING, ids=["fast", "hydra"])
def test_a_place_is_found_though_more_is_wrong_behind_it(project: Path, experiment: Path, asking: list[str]) -> None:
    texts = {
        "exp/002.yaml": "defaults:\n  - default@_here_\n\nname: 002-x\noptimizer: adam  # bad\n",
        "exp/003.yaml": "defaults:\n  - 002@_here_\n\nname: 003-x\nsede: 1  # bad\n",
    }
    write(experiment, {"train.py": TRAIN, **texts})
    assert found(project, *asking) == {path: marked(text) for path, text in texts.items()}


def test_a_silenced_mistake_hides_nothing(project: Path, experiment: Path) -> None:
    text = "defaults:\n  - default@_here_\n\nname: 002-x\nseeed: 1  # noqa: ES010\nepochs: many  # bad\n"
    write(experiment, {"exp/002.yaml": text})
    assert found(project) == {"exp/002.yaml": {6}}


def test_order_does_not_matter(project: Path, experiment: Path) -> None:
    bad = ["optimizer: adam", "seeed: 1", "pair: [1, b]", "batch_size: 16.5"]
    write(experiment, {"train.py": TRAIN})
    texts = {}
    for number, lines in enumerate(itertools.permutations(f"{line}  # bad\n" for line in bad), 100):
        head = f"defaults:\n  - default@_here_\n\nname: {number}-x\n"
        texts[f"exp/{number}-x.yaml"] = head + "".join(lines)
    write(experiment, texts)
    assert found(project) == {path: marked(text) for path, text in texts.items()}


# Where `${hydra:…}` and `${hydra.…}` are asked for before there is a job, and resolvers before they are registered.
FOLDERS = {
    "with a dot": ("  sweep:\n    dir: swept/${hydra.job.name}\n", ["-m", "exp.seed=1,2"]),
    "with a colon": ("  sweep:\n    dir: swept/${hydra:job.name}\n", ["-m", "exp.seed=1,2"]),
    "the number of a job": ("  sweep:\n    dir: swept/${hydra.job.num}\n", ["-m", "exp.seed=1,2"]),
    "itself": ("  sweep:\n    dir: swept/${hydra:sweep.dir}\n", ["-m", "exp.seed=1,2"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_hydra_cannot_make_is_an_error(name: str, project: Path, experiment: Path) -> None:
    setting, words = FOLDERS[name]
    config = (experiment / "config.yaml").read_text()
    write(experiment, {"config.yaml": f"{config}{setting}"})
    fails = run_entry(experiment / "train.py", *words, cwd=project).code != 0
    found = run("validate.py", "--json", "--root", project, cwd=project).json["findings"]
    assert [finding["code"] for finding in found if finding["severity"] == "error"] == (
        [] if not fails else ["ES408"] if "number" in name else ["ES422"]
    )


_REGISTERS = '    OmegaConf.register_new_resolver("half", lambda number: number / 2)\n'


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False])
def test_a_value_is_read_when_its_resolver_is_there(first: bool, project: Path, experiment: Path) -> None:
    reads = '    print(f"001-baseline: {cfg.exp.name}")\n'
    entry = (experiment / "train.py").read_text()
    assert reads in entry
    body = _REGISTERS + reads if first else reads + _REGISTERS
    entry = entry.replace(reads, body).replace("import hydra\n", "import hydra\nfrom omegaconf import OmegaConf\n", 1)
    write(experiment, {"train.py": entry, "exp/001.yaml": 'defaults:\n  - default@_here_\n\nname: "${half:2}"\n'})
    assert (run_entry(experiment / "train.py", "exp=001", cwd=project).code == 0) is first
    found = run("validate.py", "--json", "--root", project, cwd=project).json["findings"]
    assert [finding["code"] for finding in found if finding["severity"] == "error"] == ([] if first else ["ES334"])
