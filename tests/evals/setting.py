"""The tasks: reading them, setting one up, grading what an agent left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.tasks import TASKS
from evals.work import Failed, Hydra, NoHydra, Work

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("SKILL.md", "scripts", "references", "assets", "LICENSE")
INSTALLED = Path(".claude", "skills", "experiment-setup")
HERE_MARK = b"@PROJECT@"  # in a fixture, the path that the project has once it is set up


@dataclass(frozen=True)
class Task:
    """An entry of evals.json."""

    id: int
    prompt: str
    files: tuple[str, ...]


def tasks() -> dict[int, Task]:
    """All tasks, by number."""
    entries = json.loads(Path(__file__).with_name("evals.json").read_text(encoding="utf-8"))["evals"]
    return {entry["id"]: Task(entry["id"], entry["prompt"], tuple(entry["files"])) for entry in entries}


def set_up(task: Task, to: Path, skill: bool) -> Path:
    """Make `to`/project, a git repository with the task's files (and the skill), and its copy `to`/before."""
    to = to.resolve()
    if to.exists() and any(to.iterdir()):
        raise FileExistsError(f"{to} is not empty: name a new folder")
    project = to / "project"
    for source in task.files:
        shutil.copytree(
            ROOT / source, project, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".ruff_cache")
        )
    for path in [path for path in project.rglob("*") if path.is_file()]:
        content = path.read_bytes()
        if HERE_MARK in content:
            path.write_bytes(content.replace(HERE_MARK, os.fsencode(project)))
    shutil.copytree(project, to / "before")
    (to / "prompt.txt").write_text(task.prompt, encoding="utf-8")
    git = ["git", "-c", "user.name=user", "-c", "user.email=user@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", "As it was"]):
        subprocess.run([*git, *words], cwd=project, check=True, capture_output=True)
    (project / ".git" / "info" / "exclude").write_text(".claude/\n")
    if skill:
        install(project / INSTALLED)
    return project


def install(folder: Path) -> None:
    """Copy what is shipped of the skill; its tests, and so the graders, stay out."""
    folder.mkdir(parents=True)
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)


def grade(number: int, folder: Path, hydra: Hydra) -> dict[str, Any]:
    """What grading.json says: each assertion with its evidence, and the sum."""
    work = Work(folder, hydra)
    results = []
    for text, check in TASKS[number].items():
        try:
            passed, evidence = True, check(work)
        except Failed as failed:
            passed, evidence = False, str(failed)
        except NoHydra:
            raise
        except Exception as error:  # an agent can leave anything behind: JSON that is none, a loop of links
            passed, evidence = False, f"can't be looked at: {type(error).__name__}: {error}"
        results.append({"text": text, "passed": passed, "evidence": evidence.replace(str(work.root), ".")})
    good, total = sum(result["passed"] for result in results), len(results)
    summary = {"passed": good, "failed": total - good, "total": total, "pass_rate": round(good / total, 4)}
    return {"assertion_results": results, "summary": summary}
