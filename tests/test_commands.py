"""The commands that are printed at the end: each is typed as it stands, in projects of every kind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from running import PLAIN_EXPERIMENT, SCRIPTS, tree, write

UV = shutil.which("uv")
HYDRA = "hydra-core>=1.3.4,<1.5"
SETS = 'defaults:\n  - default@_here_\n\nname: "002-x"\nbatch_size: 4\n'

pytestmark = pytest.mark.skipif(UV is None, reason="uv is not on the PATH")


def project_at(root: Path, **files: str) -> Path:
    """A project with one experiment, whose entry point prints and writes nothing."""
    write(root / "experiments/001-baseline", PLAIN_EXPERIMENT | {"exp/002.yaml": SETS})
    return write(root, {name.replace("__", "."): text for name, text in files.items()})


def pyproject(*packages: str, tail: str = "") -> str:
    listed = ", ".join(f'"{package}"' for package in packages)
    head = f'[project]\nname = "lab"\nversion = "0.1"\nrequires-python = ">=3.10,<3.14"\ndependencies = [{listed}]\n'
    return head + tail


def environment_in(folder: Path, *packages: str) -> Path:
    """A virtual environment with these packages."""
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, folder], check=True)
    if packages:
        python = folder / "bin" / "python"
        subprocess.run([UV, "pip", "install", "-q", "--python", python, *packages], check=True)
    return folder


def importing(root: Path, line: str) -> None:
    entry = root / "experiments/001-baseline/train.py"
    entry.write_text(entry.read_text().replace("import hydra\n", f"import hydra\n{line}\n", 1))


class Shell:
    """A shell in which no Python has hydra-core, unless an environment is active."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name, program in (("uv", UV), ("git", shutil.which("git"))):
            if program:
                (folder / name).symlink_to(Path(program).resolve() if name == "git" else program)
        # A Python of its own folder, without packages: what `python` is on a machine where nothing was installed.
        (folder / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
        (folder / "python").chmod(0o755)
        self.path = [str(folder), "/usr/bin", "/bin"]
        self.more: dict[str, str] = {}

    def activate(self, environment: Path) -> None:
        self.path.insert(0, str(environment / "bin"))
        self.more["VIRTUAL_ENV"] = str(environment)

    @property
    def environment(self) -> dict[str, str]:
        left_out = ("VIRTUAL_ENV", "UV", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
        kept = {key: value for key, value in os.environ.items() if key not in left_out}
        return {**kept, "PATH": os.pathsep.join(self.path), **self.more}

    def ours(self, root: Path, script: str, *words: str) -> Any:
        import json

        ran = subprocess.run(
            [sys.executable, SCRIPTS / script, *words, "--json"], cwd=root, env=self.environment, capture_output=True
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return json.loads(ran.stdout)

    def type(self, root: Path, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["bash", "-c", command], cwd=root, env=self.environment, capture_output=True, text=True)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "shell")


def works(shell: Shell, root: Path, data: Any) -> None:
    """Each printed command runs; looking leaves the project as it was, but for what a run of that kind makes."""
    assert len(data["next"]) >= 3, data
    for command in data["next"]:
        before = tree(root)
        ran = shell.type(root, command)
        assert ran.returncode == 0, (command, ran.stderr)
        if any(word in command for word in ("validate.py", "show.py")):
            assert tree(root) == before, command


def plain(root: Path, _: Shell) -> str:
    project_at(root)
    return "uv run --no-project "


def declared_without_lock(root: Path, _: Shell) -> str:
    project_at(root, pyproject__toml=pyproject(HYDRA, "tqdm"))
    importing(root, "import tqdm")
    return "uv run --no-project "


def requirements_txt(root: Path, _: Shell) -> str:
    project_at(root, requirements__txt=f"# ours\n{HYDRA}\ntqdm  # bars\n")
    importing(root, "import tqdm")
    return "uv run --no-project "


def uv_project(root: Path, _: Shell) -> str:
    project_at(root, pyproject__toml=pyproject(HYDRA, tail="\n[tool.uv]\npackage = false\n"))
    subprocess.run([UV, "lock", "-q"], cwd=root, check=True)
    return "uv run python "


def own_environment(root: Path, _: Shell) -> str:
    project_at(root)
    environment_in(root / ".venv", HYDRA)
    return ".venv/bin/python "


def active_environment(root: Path, shell: Shell) -> str:
    project_at(root)
    shell.activate(environment_in(root.parent / "active", HYDRA))
    return "python "


def environment_without_a_small_one(root: Path, _: Shell) -> str:
    project_at(root)
    importing(root, "import tqdm")
    environment_in(root / ".venv", HYDRA)
    return "uv run --no-project --with tqdm python "


def run_py_in_src(root: Path, _: Shell) -> str:
    texts = {f"src/{name}": text for name, text in PLAIN_EXPERIMENT.items() if name != "train.py"}
    helper = {"src/helpers.py": "SIZE = 16\n"}
    entry = PLAIN_EXPERIMENT["train.py"].replace("import hydra\n", "import hydra\nfrom helpers import SIZE\n", 1)
    write(root, texts | helper | {"src/run.py": entry, "src/exp/002.yaml": SETS})
    return "uv run --no-project "


KINDS = [
    plain,
    declared_without_lock,
    requirements_txt,
    uv_project,
    own_environment,
    active_environment,
    environment_without_a_small_one,
    run_py_in_src,
]


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_printed_works(kind: Callable[[Path, Shell], str], shell: Shell, tmp_path: Path) -> None:
    root = tmp_path / "a lab"
    start = kind(root, shell)
    data = shell.ours(root, "add_exp.py", "learning_rate=3e-6,4e-6")
    assert [command.startswith(start) for command in data["next"]][-2:] == [True, True], data
    assert data["next"][-1].split(" -m ")[1].startswith("exp=003,004")
    works(shell, root, data)


@pytest.mark.long
@pytest.mark.parametrize("place", ["env", "exp"])
def test_several_sets_are_run_without_one_overwriting_another(shell: Shell, tmp_path: Path, place: str) -> None:
    """The code writes to one folder whatever the job; the printed line still gives each a folder."""
    root = project_at(tmp_path / "lab")
    entry = root / "experiments/001-baseline/train.py"
    if place == "exp":
        field = 'output_dir: str = "output/001-baseline"'
        text = (
            entry.read_text()
            .replace(f"    {field}\n", "", 1)
            .replace("    seed: int", f"    {field}\n    seed: int", 1)
        )
        entry.write_text(text)
    saving = "    import os\n    os.makedirs(cfg.env.output_dir, exist_ok=True)\n"
    saving += "    open(cfg.env.output_dir + '/score', 'w').write(cfg.exp.name)\n    print("
    entry.write_text(entry.read_text().replace("    print(", saving.replace("env", place), 1))
    shell.activate(environment_in(tmp_path / "active", HYDRA))
    data = shell.ours(root, "add_exp.py", "learning_rate=3e-6,4e-6")
    assert shell.type(root, data["next"][-1]).returncode == 0
    names = sorted(path.read_text() for path in root.rglob("score"))
    assert [name[:3] for name in names] == ["003", "004"]


class TestMissing:
    """What the code imports at its top and nothing has."""

    def test_a_large_package_is_named_and_no_run_is_printed(self, shell: Shell, tmp_path: Path) -> None:
        root = project_at(tmp_path / "lab", pyproject__toml=pyproject(HYDRA, tail="\n[tool.uv]\npackage = false\n"))
        importing(root, "import torch")
        data = shell.ours(root, "add_exp.py", "learning_rate=3e-6")
        assert data["missing"] == [{"module": "torch", "help": "uv add torch"}]
        assert not [command for command in data["next"] if "train.py" in command]
        assert not (root / ".venv").exists()
        [there] = data["run_elsewhere"]
        (root / "torch.py").write_text("")  # on the machine that has it
        has_it = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(root)}
        ran = subprocess.run(there, shell=True, cwd=root, env=has_it, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr

    @pytest.mark.parametrize(
        "line",
        [
            "if False:\n    pass\nelse:\n    import torch",
            "with open(__file__):\n    import torch.nn as nn",
            "from torch import nn",
            "try:\n    import torch\nfinally:\n    pass",
            "import lightning",
        ],
    )
    def test_imported_in_any_way(self, shell: Shell, tmp_path: Path, line: str) -> None:
        root = project_at(tmp_path / "lab")
        importing(root, line)
        assert shell.ours(root, "add_exp.py", "learning_rate=3e-6")["missing"]

    @pytest.mark.parametrize(
        "line",
        [
            "try:\n    import torch\nexcept ImportError:\n    torch = None",
            "from contextlib import suppress\nwith suppress(ImportError):\n    import torch",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch",
            "def later():\n    import torch",
            "import json, os.path",
        ],
    )
    def test_not_needed_at_the_start(self, shell: Shell, tmp_path: Path, line: str) -> None:
        root = project_at(tmp_path / "lab")
        importing(root, line)
        data = shell.ours(root, "add_exp.py", "learning_rate=3e-6")
        assert data["missing"] == []
        assert "train.py" in data["next"][-1]

    def test_each_is_named(self, shell: Shell, tmp_path: Path) -> None:
        root = project_at(tmp_path / "lab", pyproject__toml=pyproject(HYDRA, "tqdm"))
        importing(root, "import torch, torchvision, numpy, tqdm\nfrom omegaconf import OmegaConf")
        missing = shell.ours(root, "add_exp.py", "learning_rate=3e-6")["missing"]
        assert [(found["module"], found["help"]) for found in missing] == [
            (name, f"uv add {name}") for name in ("torch", "torchvision", "numpy")
        ]

    def test_in_a_module_of_the_project(self, shell: Shell, tmp_path: Path) -> None:
        root = project_at(tmp_path / "lab")
        write(root / "experiments/001-baseline", {"model.py": "import torch\n"})
        importing(root, "import model")
        [missing] = shell.ours(root, "add_exp.py", "learning_rate=3e-6")["missing"]
        assert missing["module"] == "torch"
        assert "--with torch" in missing["help"]

    @pytest.mark.long
    def test_an_environment_says_how_to_install_it(self, shell: Shell, tmp_path: Path) -> None:
        root = project_at(tmp_path / "lab")
        importing(root, "import torch")
        environment_in(root / ".venv", HYDRA)
        [missing] = shell.ours(root, "add_exp.py", "learning_rate=3e-6")["missing"]
        assert missing["help"] == "uv pip install --python .venv/bin/python torch"
        write(root / ".venv/lib/python3.0/site-packages", {"torch/__init__.py": ""})
        assert shell.ours(root, "add_exp.py", "learning_rate=4e-6")["missing"] == []

    def test_a_package_of_unknown_name_is_never_fetched(self, shell: Shell, tmp_path: Path) -> None:
        root = project_at(tmp_path / "lab")
        importing(root, "import our_secret_sauce")
        data = shell.ours(root, "add_exp.py", "learning_rate=3e-6")
        assert data["missing"][0]["module"] == "our_secret_sauce"
        assert "--with our" not in str(data)
