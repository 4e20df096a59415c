"""Who starts main(), and who makes the instances of the config's dataclasses: held against running it for real."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from running import PLAIN_EXPERIMENT, run, run_entry, write

pytestmark = pytest.mark.any_hydra

TRAIN = PLAIN_EXPERIMENT["train.py"].replace('if __name__ == "__main__":\n    main()\n', "")
CALL = 'if __name__ == "__main__":\n    main()\n'
PACKAGE = {
    **{f"fitlib/{name}": text for name, text in PLAIN_EXPERIMENT.items()},
    "fitlib/train.py": TRAIN,
    "fitlib/__init__.py": "",
}

# Files beside a package whose main function is not called in its own module; the first one is what is run.
CALLED: dict[str, Mapping[str, str]] = {
    "imported": {"cli.py": f"from fitlib.train import main\n\n{CALL}"},
    "under another name": {"cli.py": "from fitlib.train import main as start\n\nstart()\n"},
    "of a module": {"cli.py": "from fitlib import train\n\ntrain.main()\n"},
    "of a dotted module": {"cli.py": "import fitlib.train\n\nfitlib.train.main()\n"},
    "handed on by the package": {
        "cli.py": "import fitlib\n\nfitlib.main()\n",
        "fitlib/__init__.py": "from .train import main\n",
    },
    "handed on with all": {
        "cli.py": "from fitlib.api import main\n\nmain()\n",
        "fitlib/api.py": "from .train import *\n",
    },
    "in a function": {
        "cli.py": f"def run():\n    from fitlib.train import main\n    main()\n\n{CALL.replace('main()', 'run()')}"
    },
    "given to another": {
        "cli.py": "from fitlib.train import main\n\ndef run(function):\n    function()\n\nrun(function=main)\n"
    },
    "in a folder": {
        "scripts/run.py": "import sys\nsys.path.insert(0, '.')\nfrom fitlib.train import main\n\nmain()\n",
    },
}
CALLED |= {
    "by the name of its module": {"cli.py": "import importlib\n\nimportlib.import_module('fitlib.train').main()\n"},
    "by its own name": {"cli.py": "from fitlib import train\n\ngetattr(train, 'main')()\n"},
    "from a table": {"cli.py": "from fitlib import train\n\nknown = {'fit': train.main}\nknown['fit']()\n"},
    "by a function of that name": {
        "cli.py": "def main():\n    from fitlib.train import main\n\n    main()\n\nmain()\n"
    },
    "in a command": {
        "cli.py": "import subprocess\nimport sys\n\n"
        "subprocess.run([sys.executable, '-c', 'from fitlib.train import main; main()', *sys.argv[1:]])\n",
    },
}
NOT_CALLED: dict[str, Mapping[str, str]] = {
    "nobody": {"cli.py": "print(1)\n"},
    "imported only": {"cli.py": "from fitlib.train import main, Config\n\nprint(Config.__name__)\n"},
    "another main": {
        "cli.py": "from fitlib.train import Config\nfrom fitlib.other import main\n\nmain()\n",
        "fitlib/other.py": "def main():\n    print(1)\n",
    },
    "its own main": {"cli.py": "import fitlib.train\n\ndef main():\n    print(1)\n\nmain()\n"},
    "in a comment": {"cli.py": "# from fitlib.train import main; main()\n'''fitlib.train:main'''\n"},
    "a script in a comment": {
        "cli.py": "print(1)\n",
        "pyproject.toml": '[project]\nname = "x"\n[project.scripts]\n# fit = "fitlib.train:main"\n',
    },
    "a test only": {
        "cli.py": "print(1)\n",
        "tests/test_train.py": "from fitlib.train import main\n\ndef test():\n    main()\n",
    },
}
SCRIPTS = {
    "pyproject.toml": '[project]\nname = "x"\nversion = "1"\n[project.scripts]\nfit = "{0}"\n',
    "setup.cfg": "[options.entry_points]\nconsole_scripts =\n    fit = {0}\n",
    "settings.ini": "[DEFAULT]\nconsole_scripts = fit={0}\n",
    "setup.py": 'from setuptools import setup\nsetup(entry_points={{"console_scripts": ["fit={0}"]}})\n',
    "fitlib/pyproject.toml": '[tool.poetry.scripts]\nfit = {{ reference = "{0}", type = "console" }}\n',
}


def not_called(root: Path) -> bool:
    found = run("validate.py", "--json", "--root", root, cwd=root).json["findings"]
    return "main-not-called" in {finding["name"] for finding in found}


def printed(root: Path, command: list[str]) -> str:
    process = subprocess.run([*command, "exp=001"], cwd=root, capture_output=True, text=True, timeout=120)
    return process.stdout


def project(root: Path, files: Mapping[str, str]) -> Path:
    return write(root, {**PACKAGE, **files})


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if number % 3 else []) for number, name in enumerate(CALLED)]
)
def test_another_file_calls_main(name: str, tmp_path: Path) -> None:
    files = CALLED[name]
    project(tmp_path, files)
    assert "001-baseline" in printed(tmp_path, [sys.executable, next(iter(files))])
    assert not not_called(tmp_path)


@pytest.mark.parametrize("module", ["fitlib", "fitlib.__main__"])
def test_the_package_calls_main(module: str, tmp_path: Path) -> None:
    project(tmp_path, {"fitlib/__main__.py": f"from .train import main\n\n{CALL}"})
    assert "001-baseline" in printed(tmp_path, [sys.executable, "-m", module])
    assert not not_called(tmp_path)


@pytest.mark.parametrize("name", NOT_CALLED)
def test_nobody_calls_main(name: str, tmp_path: Path) -> None:
    project(tmp_path, NOT_CALLED[name])
    assert "001-baseline" not in printed(tmp_path, [sys.executable, "cli.py"])
    assert not_called(tmp_path)


@pytest.mark.parametrize(
    "file",
    ["pyproject.toml", *(pytest.param(file, marks=pytest.mark.slow) for file in SCRIPTS if file != "pyproject.toml")],
)
@pytest.mark.parametrize(
    ("target", "starts"),
    [("fitlib.train:main", True), ("fitlib:main", True), ("fitlib.other:main", False), ("fitlib.train:Config", False)],
)
def test_a_console_script_is_main(file: str, target: str, starts: bool, tmp_path: Path) -> None:
    exported = "from fitlib.train import main\n" if target == "fitlib:main" else ""
    other = {"fitlib/other.py": "def main():\n    print(1)\n", "fitlib/__init__.py": exported}
    project(tmp_path, {file: SCRIPTS[file].format(target), **other})
    point = EntryPoint("fit", target, "console_scripts")  # what pip's script does: import the one, call the other
    command = f"from {point.module} import {point.attr} as start; start()"
    assert ("001-baseline" in printed(tmp_path, [sys.executable, "-c", command])) == starts
    assert not_called(tmp_path) == (not starts)


TOLD = {
    "Makefile": "fit:\n\tpython -c '{0}'\n",
    "Dockerfile": 'FROM python:3.11\nCMD ["python", "-c", "{0}"]\n',
    ".github/workflows/fit.yml": "jobs:\n  fit:\n    steps:\n      - run: python -c '{0}'\n",
    "README.md": "Type `python -c '{0}' exp=001`.\n",
    "fit.ipynb": '{{"cells": [{{"cell_type": "code", "source": ["{0}"]}}]}}\n',
    "noxfile.py": "def fit(session):\n    session.run('python', '-c', '{0}')\n",
}


def test_a_command_that_calls_main(tmp_path: Path) -> None:
    command = "import fitlib.train as t; t.main()"
    project(tmp_path, {})
    assert "001-baseline" in printed(tmp_path, [sys.executable, "-c", command])
    for name, text in TOLD.items():
        write(tmp_path, {name: text.format(command)})
        assert not not_called(tmp_path), name
        write(tmp_path, {name: text.format("import fitlib.train as t; t.Config()")})
        assert not_called(tmp_path), name


# --- instances of the dataclasses, which their own __post_init__ completes ---

CLASSES = """    warmup: int = field(init=False)

    def __post_init__(self) -> None:
        self.warmup = self.epochs // 3
"""
CONVERTED = "    exp = OmegaConf.to_object(cfg.exp)\n    print(exp.warmup)\n"
GIVEN = {
    "the group": CONVERTED,
    "the whole": "    config = OmegaConf.to_object(cfg)\n    print(config['exp'].warmup)\n",
    "a container of instances": "    from omegaconf import SCMode\n"
    "    exp = OmegaConf.to_container(cfg.exp, structured_config_mode=SCMode.INSTANTIATE)\n    print(exp.warmup)\n",
    "a function": "    exp = typed(cfg.exp)\n    print(exp.warmup)\n",
}
NOT_GIVEN = {
    "nobody": "    print(cfg.exp.warmup)\n",
    "read of the config": CONVERTED + "    print(cfg.exp.warmup)\n",
    "another group": "    env = OmegaConf.to_object(cfg.env)\n    print(cfg.exp.warmup)\n",
    "a container of dicts": "    from omegaconf import SCMode\n"
    "    exp = OmegaConf.to_container(cfg.exp, structured_config_mode=SCMode.DICT, throw_on_missing=True)\n"
    "    print(exp)\n",
}


def experiment(root: Path, body: str, classes: str = CLASSES) -> Path:
    text = PLAIN_EXPERIMENT["train.py"].replace(
        "    notes: str | None = None\n", f"    notes: str | None = None\n{classes}"
    )
    text = text.replace('    print(f"001-baseline: {cfg.exp.name}")\n', body)
    text = text.replace(
        "@hydra.main",
        "from omegaconf import OmegaConf\n\ndef typed(part):\n    return OmegaConf.to_object(part)\n\n@hydra.main",
    )
    folder = root / "experiments" / "001-x"
    write(folder, {**PLAIN_EXPERIMENT, "train.py": text})
    return folder / "train.py"


def without_value(root: Path) -> list[str]:
    found = run("validate.py", "--json", cwd=root).json["findings"]
    return [f["name"] for f in found if f["name"] in ("missing-value", "config-not-stored")]


@pytest.mark.parametrize("name", GIVEN)
def test_what_post_init_gives_has_a_value(name: str, tmp_path: Path) -> None:
    entry = experiment(tmp_path, GIVEN[name])
    ran = run_entry(entry, "exp=001")
    assert (ran.code, ran.out.strip()) == (0, "1"), ran.err
    assert without_value(tmp_path) == []


@pytest.mark.parametrize("name", NOT_GIVEN)
def test_what_nobody_gives_has_none(name: str, tmp_path: Path) -> None:
    entry = experiment(tmp_path, NOT_GIVEN[name])
    assert run_entry(entry, "exp=001").code != 0
    assert "missing-value" in without_value(tmp_path)


@pytest.mark.parametrize(
    "classes",
    [
        CLASSES.replace("field(init=False)", "MISSING"),
        CLASSES.replace("self.warmup = self.epochs // 3", "pass"),
        CLASSES.split("\n\n", maxsplit=1)[0] + "\n",
    ],
)
def test_post_init_has_to_give_it(classes: str, tmp_path: Path) -> None:
    entry = experiment(tmp_path, CONVERTED, classes.replace("MISSING", '"???"'))
    assert run_entry(entry, "exp=001").code != 0
    assert "missing-value" in without_value(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    ["", "version_base=None", 'version_base="1.1"', 'config_path="."', 'version_base=None, config_path="."'],
)
def test_the_config_beside_the_entry_point_is_found_as_this_hydra_finds_it(tmp_path: Path, arguments: str) -> None:
    main = f"@hydra.main({', '.join(filter(None, (arguments, 'config_name=' + chr(34) + 'config' + chr(34))))})"
    code = PLAIN_EXPERIMENT["train.py"].replace(
        '@hydra.main(version_base=None, config_path=".", config_name="config")', main
    )
    assert main in code
    entry = write(tmp_path / "experiments" / "001-baseline", {**PLAIN_EXPERIMENT, "train.py": code}) / "train.py"
    works = run_entry(entry, "--cfg", "job", "exp=001", "hydra.run.dir=.").code == 0
    assert (run("validate.py", cwd=tmp_path).code == 0) is works
