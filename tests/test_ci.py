"""The examples of references/ci.md and the pre-commit hook, carried out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from running import PLAIN_EXPERIMENT, ROOT, SCRIPTS, git, write

PAGE = (ROOT / "references" / "ci.md").read_text("utf-8")
TYPO = {"exp/002.yaml": 'defaults:\n  - default@_here_\n\nname: "002-x"\nlearning_rte: 1e-4\n'}


def blocks(language: str, name: str) -> list[str]:
    """The code blocks of the page whose first line is the name of the file."""
    return [b for b in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if b.startswith(f"# {name}\n")]


@pytest.fixture
def repository(project: Path) -> Path:
    """A project under git, with the skill in it."""
    skill = project / ".claude" / "skills" / "experiment-setup"
    skill.mkdir(parents=True)
    (skill / "scripts").symlink_to(SCRIPTS)
    write(project, {".gitignore": ".claude/\n"})
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "first")
    return project


def start(command: str | list[Any], cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", command] if isinstance(command, str) else command,
        cwd=cwd,
        env={**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", **env},
        capture_output=True,
        text=True,
        timeout=600,
    )


class TestGithubActions:
    def steps(self) -> tuple[dict[str, str], dict[str, str]]:
        [text] = blocks("yaml", ".github/workflows/experiments.yml")
        job = yaml.safe_load(text)["jobs"]["validate"]
        return {step["name"]: step["run"] for step in job["steps"] if "run" in step}, job["env"]

    def test_clean(self, repository: Path) -> None:
        steps, env = self.steps()
        assert start(steps["annotate"], repository, **env).returncode == 0
        assert start(steps["sarif"], repository, **env).returncode == 0
        assert yaml.safe_load((repository / "experiments.sarif").read_text("utf-8"))["version"] == "2.1.0"

    def test_findings(self, repository: Path) -> None:
        write(repository / "experiments" / "001-baseline", TYPO)
        steps, env = self.steps()
        annotated = start(steps["annotate"], repository, **env)
        assert annotated.returncode == 1
        assert "::error file=experiments/001-baseline/exp/002.yaml,line=5" in annotated.stdout
        assert start(steps["sarif"], repository, **env).returncode == 0
        assert '"ES010"' in (repository / "experiments.sarif").read_text("utf-8")

    def test_a_check_that_could_not_run_is_no_success(self, repository: Path) -> None:
        shutil.rmtree(repository / "experiments")
        steps, env = self.steps()
        assert start(steps["sarif"], repository, **env).returncode != 0

    def test_installs_what_the_project_says(self) -> None:
        steps, _ = self.steps()
        wanted = re.search(r'"(hydra-core[^"]*)"', (ROOT / "pyproject.toml").read_text("utf-8"))
        assert wanted is not None
        assert wanted[1] in steps["install"]
        assert PAGE.count(wanted[1]) == 2


class TestPytest:
    def outcome(self, repository: Path) -> str:
        [text] = blocks("python", "tests/test_experiments.py")
        write(repository, {"tests/test_experiments.py": text})
        return start([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests"], repository).stdout

    @pytest.mark.slow
    def test_recipe(self, repository: Path) -> None:
        write(repository / "experiments" / "002-other", PLAIN_EXPERIMENT | TYPO)
        out = self.outcome(repository)
        assert "1 failed, 2 passed" in out
        assert "test_every_parameter_set_composes[002-other]" in out
        assert "did you mean 'learning_rate'?" in out

    @pytest.mark.slow
    def test_recipe_fails_without_experiments(self, repository: Path) -> None:
        shutil.rmtree(repository / "experiments")
        assert "1 failed" in self.outcome(repository)


class TestPreCommit:
    def hook(self) -> dict[str, Any]:
        [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
        return hook

    def test_page_and_hook_agree(self) -> None:
        local, remote = (yaml.safe_load(text)["repos"][0] for text in blocks("yaml", ".pre-commit-config.yaml"))
        [ours], [theirs], hook = local["hooks"], remote["hooks"], self.hook()
        assert theirs["id"] == hook["id"]
        for key in ("language", "files", "require_serial", "name"):
            assert ours[key] == hook[key]
        assert ours["entry"].endswith("validate.py --changed")
        assert hook["entry"].endswith(" --changed")

    def test_entry(self, repository: Path) -> None:
        """The console script that pre-commit installs is the command."""
        name = self.hook()["entry"].split()[0]
        target = re.search(rf'^{name} = "(\w+):(\w+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
        assert target is not None
        write(repository / "experiments" / "001-baseline", TYPO)
        code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); from {target[1]} import {target[2]}; {target[2]}()"
        for path, expected in (("experiments/001-baseline/exp/002.yaml", 1), ("README.md", 0)):
            ran = start([sys.executable, "-c", code, "--changed", path], repository)
            assert ran.returncode == expected, ran.stderr

    def test_every_module_is_installed(self) -> None:
        """setuptools finds the packages, which are the folders with an `__init__.py`: each folder of code has one."""
        settings = (ROOT / "pyproject.toml").read_text("utf-8").partition("[tool.setuptools.packages.find]")[2]
        assert 'include = ["experiment_setup*"]' in settings
        folders = {path.parent for path in (SCRIPTS / "experiment_setup").rglob("*.py")}
        assert len(folders) > 10
        assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []

    @pytest.mark.long
    @pytest.mark.skipif(shutil.which("pre-commit") is None, reason="pre-commit is not installed")
    def test_with_pre_commit_itself(self, repository: Path) -> None:
        text, _ = blocks("yaml", ".pre-commit-config.yaml")
        write(repository, {".pre-commit-config.yaml": text} | {"a.py": "x = 1\n"})
        git(repository, "add", "-A")
        for command in (["run"], ["try-repo", str(ROOT), "experiment-setup-validate"]):
            ran = start(["pre-commit", *command], repository)
            assert ran.returncode == 0, ran.stdout + ran.stderr
        write(repository / "experiments" / "001-baseline", TYPO)
        git(repository, "add", "-A")
        for command in (["run"], ["try-repo", str(ROOT), "experiment-setup-validate"]):
            ran = start(["pre-commit", *command], repository)
            assert ran.returncode == 1, ran.stdout + ran.stderr
            assert "ES010" in ran.stdout
