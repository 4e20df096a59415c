"""The loader and the notebook that `new_experiment.py --notebook` puts into a project."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from running import PLAIN_EXPERIMENT, ROOT, hydra, run, run_entry, tree, write

pytestmark = pytest.mark.slow

ASSETS = ROOT / "assets" / "notebook"
needs_kernel = pytest.mark.skipif(
    not (importlib.util.find_spec("nbclient") and importlib.util.find_spec("ipykernel")),
    reason="nbclient and ipykernel are not installed",
)

TRAIN = """from __future__ import annotations

from dataclasses import dataclass, field
import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf
import helper

OmegaConf.register_new_resolver("times", lambda x: x * FACTOR)

@dataclass
class ExpConfig:
    name: str = "default"
    batch_size: int = FACTOR
    steps: int = "${times:${exp.batch_size}}"

    def __post_init__(self):
        self.name = self.name.upper()

    @property
    def doubled(self):
        return self.batch_size * 2

cs = ConfigStore.instance()
cs.store(group="exp", name="default", node=ExpConfig)

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg):
    print(cfg)

if __name__ == "__main__":
    main()
"""
HELPER = """
from dataclasses import dataclass
from hydra.core.config_store import ConfigStore

@dataclass
class EnvConfig:
    output_dir: str = "output/NAME"

ConfigStore.instance().store(group="env", name="default", node=EnvConfig)
"""
CONFIG = "defaults:\n  - _self_\n  - exp: default\n  - env: default\n"


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """Two experiments with the same names for different things: classes, helper module, resolver."""
    root = tmp_path / "my project"
    for name, factor in (("001-first", "3"), ("002-second", "5")):
        files = {
            "config.yaml": CONFIG,
            "train.py": TRAIN.replace("FACTOR", factor),
            "helper.py": HELPER.replace("NAME", name),
            "exp/001.yaml": "defaults:\n  - default@_here_\n\nname: one\n",
        }
        write(root / "experiments" / name, files)
    write(root / "experiments" / "002-second", {"exp/002.yaml": "defaults:\n  - default@_here_\n\nbatch_size: 7\n"})
    write(root / "notebooks", {"load_experiment.py": (ASSETS / "load_experiment.py").read_bytes()})
    return root


def cell(root: Path, code: str, cwd: Path) -> Any:
    """Run `code` as a kernel would, from `cwd`; what it leaves in `answer`, as plain data, or its last error line."""
    before = f"import sys; sys.path.insert(0, {str(root / 'notebooks')!r})\n"
    before += "from load_experiment import PROJECT, diff, load, load_code\nfrom omegaconf import OmegaConf\n"
    after = "\nimport json; print(json.dumps(answer, default=OmegaConf.to_container))"
    process = subprocess.run(
        [sys.executable, "-c", before + code + after], cwd=cwd, capture_output=True, text=True, encoding="utf-8"
    )
    return json.loads(process.stdout) if process.returncode == 0 else process.stderr


def test_two_experiments_side_by_side_are_what_each_composes(both: Path, elsewhere: Path) -> None:
    """First, second, first again, each as its own process says it."""
    first, second = (both / "experiments" / name / "train.py" for name in ("001-first", "002-second"))
    answer = cell(
        both,
        "a, b = load('001', 'exp=001'), load('002-second', 'exp=002')\n"
        "c = load('001-first', 'exp.batch_size=4')\n"
        "answer = [a, b, c, load('001', 'exp=001')]\n"
        "answer = [OmegaConf.to_container(cfg, resolve=True) for cfg in answer]",
        elsewhere,
    )
    one = hydra(first, "exp=001", resolve=True)
    assert answer == [
        one,
        hydra(second, "exp=002", resolve=True),
        hydra(first, "exp.batch_size=4", resolve=True),
        one,
    ]
    assert [config["exp"]["steps"] for config in answer] == [9, 35, 12, 9]


def test_the_kernel_is_as_it_was(both: Path, elsewhere: Path) -> None:
    """Its own ConfigStore entries, modules, search path, folder and an open `initialize` of its own."""
    write(both / "notebooks", {"conf/config.yaml": "a: 1\n", "helper.py": "MINE = 1\n"})
    answer = cell(
        both,
        "import hydra, os\n"
        "from hydra.core.config_store import ConfigStore\n"
        f"hydra.initialize_config_dir({str(both / 'notebooks' / 'conf')!r}, version_base=None)\n"
        "ConfigStore.instance().store(name='mine', node={'b': 2})\n"
        "import helper\n"
        "OmegaConf.register_new_resolver('mine', len)\n"
        "def state():\n"
        "    names = sorted(ConfigStore.instance().repo), sys.path[:], OmegaConf.has_resolver('mine')\n"
        "    return names, os.getcwd(), sys.modules['helper'] is helper\n"
        "before = state()\n"
        "try:\n    load('002', 'exp=009')\nexcept Exception as error:\n    said = str(error)\n"
        "load('001')\n"
        "answer = [before == state(), said, hydra.compose('config'), hydra.compose('mine')]",
        elsewhere,
    )
    assert answer[0] is True, answer
    assert "Could not find 'exp/009'" in answer[1]
    assert answer[2:] == [{"a": 1}, {"b": 2}]


def test_no_experiment_lives_on_what_another_registered(both: Path, elsewhere: Path) -> None:
    helper = both / "experiments" / "002-second" / "helper.py"
    helper.write_text("")
    assert "Could not find 'env/default'" in cell(both, "load('001'); answer = load('002')", elsewhere)


def test_an_edit_counts_at_once(both: Path, elsewhere: Path) -> None:
    entry = both / "experiments" / "001-first" / "train.py"
    answer = cell(
        both,
        "from pathlib import Path\n"
        "answer = [load('001').exp.batch_size]\n"
        f"entry = Path({str(entry)!r})\n"
        "entry.write_text(entry.read_text().replace('batch_size: int = 3', 'batch_size: int = 44'))\n"
        "answer.append(load('001').exp.batch_size)",
        elsewhere,
    )
    assert answer == [3, 44]


def test_to_object_gives_the_class_with_its_methods(both: Path, elsewhere: Path) -> None:
    answer = cell(
        both,
        "exp = OmegaConf.to_object(load('002', 'exp=002').exp); load('001')\n"
        "code = load_code('002')\n"
        "answer = [type(exp).__name__, exp.name, exp.doubled, code.ExpConfig().doubled]",
        elsewhere,
    )
    assert answer == ["ExpConfig", "DEFAULT", 14, 10]


def test_a_diff_has_the_keys_that_differ(both: Path, elsewhere: Path) -> None:
    answer = cell(
        both,
        "table = diff(load('001', 'exp=001'), load('002'))\n"
        "same = diff(load('001'), load('001'))\n"
        "typed = diff({'a': {'x': 1, 'y': [1]}}, {'a': {'x': True}, 'b': 2})\n"
        "answer = [table, repr(table), repr(same), typed]",
        elsewhere,
    )
    table = {
        "exp.name": ["one", "default"],
        "exp.batch_size": [3, 5],
        "exp.steps": [9, 25],
        "env.output_dir": ["output/001-first", "output/002-second"],
    }
    assert answer[0] == table
    assert [line.split() for line in answer[1].splitlines()] == [[k, str(a), str(b)] for k, (a, b) in table.items()]
    assert answer[2] == "no difference"
    assert answer[3] == {"a.x": [1, True], "a.y": [[1], "—"], "b": ["—", 2]}


@pytest.mark.parametrize("word", ["001", "001-first", "experiments/001-first", "../experiments/001-first/train.py"])
def test_paths_start_at_the_file_not_at_the_kernel(both: Path, elsewhere: Path, word: str) -> None:
    write(elsewhere / "experiments" / "001-first", {"train.py": "raise SystemExit('the wrong one')"})
    answer = cell(both, f"answer = [str(PROJECT), load({word!r}).exp.batch_size]", elsewhere)
    assert answer == [str(both), 3]


def test_what_is_not_there_is_said(both: Path, elsewhere: Path) -> None:
    write(both / "experiments", {"002-copy/train.py": ""})
    found = cell(both, "load('003')", elsewhere)
    assert "FileNotFoundError: 003 means no experiment; there is: 001-first, 002-copy, 002-second (in " in found
    assert "002 means 2 experiments" in cell(both, "load('002')", elsewhere)
    assert "002-copy has no file with @hydra.main" in cell(both, "load('002-copy')", elsewhere)


def test_a_package_for_the_training_may_be_missing(both: Path, elsewhere: Path) -> None:
    entry = both / "experiments" / "001-first" / "train.py"
    left_out = (
        "import no_such_torch",
        "from no_such_torch import nn",
        "class Net(nn.Module):\n    x = 1",
        "@no_such_torch.no_grad()\ndef step(net):\n    return net",
        "BEST = step",
    )
    kept = (
        "def late(net: Net):\n    return no_such_torch"  # the annotation is text: `from __future__ import annotations`
    )
    composed = hydra(entry, "exp=001", resolve=True)
    text = entry.read_text().replace("import helper\n", "\n".join(("import helper", *left_out, kept, "")))
    entry.write_text(text)
    code = (
        "import warnings\nwith warnings.catch_warnings(record=True) as said:\n    answer = [load('001', 'exp=001')]\n"
    )
    late = "with warnings.catch_warnings(record=True):\n    answer.append(callable(load_code('001').late))\n"
    config, warned, callable_ = cell(
        both, f"{code}answer += [str(w.message) for w in said if 'torch' in str(w.message)]\n{late}", elsewhere
    )
    assert {**config, "exp": {**config["exp"], "steps": 9}} == composed
    start = text[: text.index(left_out[0])].count("\n") + 1
    lines = [start, start + 1, start + 2, start + 5, start + 7]  # of a decorated function, the line of its `def`
    said = ", ".join(str(line) for line in lines)
    assert f"No module named 'no_such_torch': 001-first/train.py ran without line {said}." in warned
    assert "inside the functions" in warned
    assert callable_ is True


def test_a_package_that_the_config_needs_is_named(both: Path, elsewhere: Path) -> None:
    entry = both / "experiments" / "001-first" / "train.py"
    needed = "import helper\nimport no_such_torch\nFACTOR = no_such_torch.cuda.device_count()\n"
    text = entry.read_text().replace("import helper\n", needed)
    entry.write_text(text.replace("batch_size: int = 3", "batch_size: int = FACTOR"))
    said = cell(both, "load('001')", elsewhere)
    assert "ImportError: No module named 'no_such_torch': 001-first/train.py ran without line " in said
    assert "which the config needs" in said
    assert "Install it in this kernel" in said.splitlines()[-1]
    entry.write_text(entry.read_text().replace("no_such_torch.", "no_such_name."))
    assert "NameError: name 'no_such_name'" in cell(both, "load('001')", elsewhere)


# -- the notebook -----------------------------------------------------------------------------------------------------


def new(project: Path, elsewhere: Path, *words: str) -> Any:
    ran = run("new_experiment.py", "--root", project, *words, "--json", cwd=elsewhere)
    assert ran.code == 0, ran.err
    return ran.json


def sources(path: Path, *kinds: str) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] in (kinds or ("code", "markdown"))]


def execute(path: Path, *, kernel_in: Path, more: list[str] | None = None) -> list[str]:
    """Run all code cells, then `more`, in a real kernel; what each printed or showed."""
    import nbclient
    import nbformat

    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in more or []]
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(kernel_in)}}).execute()
    texts = [[out.get("text") or out["data"]["text/plain"] for out in cell.outputs] for cell in notebook.cells]
    return ["".join(parts) for parts in texts]


def test_a_dry_run_names_both_files_and_writes_neither(tmp_path: Path, elsewhere: Path) -> None:
    made = new(tmp_path, elsewhere, "baseline", "--notebook", "--dry-run")
    assert made["notebook_files"] == ["notebooks/load_experiment.py", "notebooks/001-baseline.ipynb"]
    assert not list(tmp_path.rglob("*.*"))
    assert new(tmp_path, elsewhere, "baseline")["notebook_files"] == []


def test_no_notebook_file_is_ever_replaced(tmp_path: Path, elsewhere: Path) -> None:
    mine = {"notebooks/load_experiment.py": "mine", "notebooks/002-next.ipynb": "mine too"}
    write(tmp_path, mine)
    assert new(tmp_path, elsewhere, "first", "--notebook")["notebook_files"] == ["notebooks/001-first.ipynb"]
    assert new(tmp_path, elsewhere, "next", "--notebook")["notebook_files"] == []
    assert {name: text.decode() for name, text in tree(tmp_path).items() if name in mine} == mine


def test_a_notebook_speaks_of_what_is_there(project: Path, experiment: Path, elsewhere: Path) -> None:
    """Another habit of names, no seed, another folder than experiments/."""
    (experiment / "exp" / "001.yaml").rename(experiment / "exp" / "exp100.yaml")
    entry = experiment / "train.py"
    entry.write_text(entry.read_text().replace("seed", "salt"))
    for path in experiment.rglob("*.yaml"):
        path.write_text(path.read_text().replace("seed", "salt"))
    (project / "experiments").rename(project / "approaches")
    made = new(project, elsewhere, "next", "--notebook")
    text = "\n".join(sources(project / "notebooks/002-next.ipynb"))
    assert f'load("approaches/002-next", "exp={made["parameter_set"]}")' in text
    assert made["parameter_set"].startswith("exp")
    assert "seed" not in text
    assert "000-template" not in text


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
@pytest.mark.parametrize(
    "name", ['001-x"); evil("', "001-a\rb\n# %%\nevil()\u2028", "001-\\", os.fsdecode(b"001-\xff")]
)
def test_a_folder_name_is_a_text_and_no_code(project: Path, experiment: Path, elsewhere: Path, name: str) -> None:
    experiment.rename(experiment.with_name(name))
    codes = []
    for options in ([], ["--script"]):
        assert run("add_notebook.py", "--root", project, *options, cwd=elsewhere).code == 0
    for path in (project / "notebooks").glob("001*"):
        cells = json.loads(path.read_text("utf-8"))["cells"] if path.suffix == ".ipynb" else []
        codes += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"] or [path.read_text("utf-8")]
    calls = [node for code in codes for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    named = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id.startswith("load")]
    assert {ast.literal_eval(node.args[0]) for node in named} == {name}
    assert "evil" not in {node.func.id for node in calls if isinstance(node.func, ast.Name)}


@needs_kernel
def test_the_notebook_runs_in_a_real_kernel(tmp_path: Path, elsewhere: Path) -> None:
    """As Jupyter starts it; then every cell once more, then with another experiment, from another folder."""
    new(tmp_path, elsewhere, "baseline", "epochs=2", "--notebook")
    new(tmp_path, elsewhere, "other", "--from", "001", "learning_rate=0.3", "--notebook")
    other = tmp_path / "experiments" / "002-other" / "train.py"
    other.write_text(other.read_text().replace("seed: int = 42", "seed: int = 42\n    dropout: float = 0.5"))
    before = tree(tmp_path / "experiments")
    path = tmp_path / "notebooks" / "001-baseline.ipynb"
    cells = sources(path, "code")
    beside = ["import os; os.chdir('/')", "list(diff(load('001', 'exp=001'), load('002', 'exp=001')))"]
    said = execute(path, kernel_in=path.parent, more=[*cells, *beside])
    assert said[: len(cells)] == said[len(cells) : 2 * len(cells)]
    composed = hydra(tmp_path / "experiments/001-baseline/train.py", "exp=001")
    assert OmegaConf.to_container(OmegaConf.create(said[0])) == composed
    assert said[1].split() == ["exp.seed", "42", "1"]
    assert "exp.epochs  2" in said[2]
    assert said[3].startswith("ExpConfig(")
    assert "exp.learning_rate" in said[-1]
    assert "exp.dropout" in said[-1]
    left = {path: text for path, text in tree(tmp_path / "experiments").items() if "__pycache__" not in path}
    assert left == before


@needs_kernel
def test_the_kernel_may_start_anywhere(tmp_path: Path, elsewhere: Path) -> None:
    """In the project's folder it runs as it stands; elsewhere (Colab) with the path that its text asks for."""
    root = tmp_path / "my project"
    root.mkdir()
    new(root, elsewhere, "baseline", "--notebook")
    path = root / "notebooks" / "001-baseline.ipynb"
    composed = hydra(root / "experiments/001-baseline/train.py", "exp=001")
    for kernel_in, folder in ((root, "notebooks"), (elsewhere, str(root / "notebooks"))):
        path.write_text(path.read_text().replace('append(\\"notebooks\\")', f'append(\\"{folder}\\")'))
        assert f'append("{folder}")' in sources(path, "code")[0]
        said = execute(path, kernel_in=kernel_in, more=["from load_experiment import PROJECT; print(PROJECT)"])
        assert OmegaConf.to_container(OmegaConf.create(said[0])) == composed
        assert said[-1].strip() == str(root)


# -- for experiments that exist ---------------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path: Path, elsewhere: Path) -> Path:
    """A project with two experiments that differ in a field, one value, and the name of the parameter set."""
    root = tmp_path / "my project"
    write(root / "experiments/001-first", PLAIN_EXPERIMENT)
    other = {name: text.replace("001-baseline", "002-other") for name, text in PLAIN_EXPERIMENT.items()}
    other["train.py"] = other["train.py"].replace(
        "    seed: int = 42\n", "    seed: int = 42\n    dropout: float = 0.5\n"
    )
    other["exp/007.yaml"] = other.pop("exp/001.yaml")
    write(root / "experiments/002-other", other)
    return root


def test_a_notebook_for_experiments_that_exist(two: Path, elsewhere: Path) -> None:
    ran = run("add_notebook.py", "1", "002", "--json", "--root", two, cwd=elsewhere)
    assert ran.code == 0, ran.err
    made = ["notebooks/load_experiment.py", "notebooks/001-first_002-other.ipynb"]
    assert [file["path"] for file in ran.json["created"]] == made
    assert 'other = load("002-other", "exp=007")\ndiff(cfg, other)' in sources(two / made[1], "code")
    for words, config in ran.json["configs"].items():
        name, choice = words.split()
        assert config == hydra(two / "experiments" / name / "train.py", choice)
    assert list(ran.json["configs"]) == ["001-first exp=001", "002-other exp=007"]
    before = tree(two)
    again = run("add_notebook.py", "1", "002", "--json", "--root", two, cwd=elsewhere)
    assert (again.code, again.json["created"], [file["path"] for file in again.json["existing"]]) == (0, [], made)
    assert tree(two) == before


def test_a_notebook_of_what_does_not_compose_is_not_made(two: Path, elsewhere: Path) -> None:
    (two / "experiments/002-other/exp/007.yaml").write_text("defaults:\n  - default@_here_\n\nsed: 1\n")
    before = tree(two)
    ran = run("add_notebook.py", "001", "002", "--root", two, cwd=elsewhere)
    assert (ran.code, tree(two)) == (2, before)
    assert "002-other does not compose" in ran.err
    for wrong, meant in (["001", "exp=002"], "add_notebook.py 001 "), (["001", "--name", "a b.ipynb"], "--name a-b "):
        ran = run("add_notebook.py", *wrong, "--root", two, cwd=elsewhere)
        assert (ran.code, tree(two)) == (2, before)
        assert meant in ran.told


@pytest.mark.parametrize("cwd", ["notebooks", "."])
def test_a_script_with_cells_runs_from_where_it_is(two: Path, elsewhere: Path, cwd: str) -> None:
    ran = run("add_notebook.py", "001", "002", "--script", "--json", "--root", two, cwd=elsewhere)
    script = two / "notebooks/001-first_002-other.py"
    assert {line for line in script.read_text().splitlines() if line.startswith("# %%")} == {"# %%", "# %% [markdown]"}
    said = run_entry(script, cwd=two / cwd)
    assert said.code == 0, said.err
    first = hydra(two / "experiments/001-first/train.py", "exp=001")
    assert OmegaConf.to_container(OmegaConf.create(said.out[: said.out.index("exp.seed")])) == first
    assert "exp.dropout  " in said.out
    assert ran.json["next"][-1].endswith(" notebooks/001-first_002-other.py")


def test_a_script_does_not_stand_in_for_the_package_of_its_name(tmp_path: Path, elsewhere: Path) -> None:
    files = {
        "flow/__init__.py": "",
        "flow/tools.py": "KIND = 'flow'\n",
        "flow/conf/config.yaml": "lr: 0.1\n",
        "flow/train.py": "import hydra\n\nfrom flow.tools import KIND\n\n\n"
        '@hydra.main(version_base=None, config_path="conf", config_name="config")\n'
        "def main(cfg):\n    print(KIND, cfg.lr)\n\n\n"
        'if __name__ == "__main__":\n    main()\n',
    }
    root = write(tmp_path / "plain", files)
    ran = run("add_notebook.py", "flow", "--script", "--root", root, cwd=elsewhere)
    assert ran.code == 0, ran.err
    (script,) = (root / "notebooks").glob("flow*.py")
    said = run_entry(script, cwd=root)
    assert said.code == 0, said.err
    assert "lr: 0.1" in said.out


@needs_kernel
@pytest.mark.parametrize("kernel_in", ["notebooks", "."])
def test_a_kernel_runs_a_notebook_of_two(two: Path, elsewhere: Path, kernel_in: str) -> None:
    assert run("add_notebook.py", "001", "002", "--root", two, cwd=elsewhere).code == 0
    said = execute(two / "notebooks/001-first_002-other.ipynb", kernel_in=two / kernel_in)
    assert OmegaConf.to_container(OmegaConf.create(said[0])) == hydra(two / "experiments/001-first/train.py", "exp=001")
    assert "exp.dropout" in said[2]
