"""Trying an agent on the tasks, with and without the skill, and summing up what came of it.

OUT/iteration-1/eval-3/with_skill/run-1/outputs/     project, before, prompt.txt, stdout.txt, stderr.txt, and what
                                                     the agent's command writes: usage.json, transcript.jsonl
                                       /timing.json  /grading.json
   /benchmark.json
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from shlex import quote
from statistics import fmean, stdev
from typing import Any

from evals.setting import INSTALLED, Task, grade, set_up
from evals.work import Hydra

ARMS = {"with_skill": True, "without_skill": False}


def run_agent(
    command: str, prompt: Path, cwd: Path, outputs: Path, timeout: float, skill: Path | None
) -> dict[str, Any]:
    """Run the command line with the prompt on stdin; how long it took and how it ended. Its children end with it."""
    words = {"{prompt_file}": str(prompt), "{outputs}": str(outputs), "{skill}": str(skill or "")}
    for word, value in words.items():
        command = command.replace(word, quote(value))
    start, timed_out = time.monotonic(), False
    with prompt.open() as text, (outputs / "stdout.txt").open("w") as out, (outputs / "stderr.txt").open("w") as err:
        agent = subprocess.Popen(
            command, shell=True, cwd=cwd, stdin=text, stdout=out, stderr=err, start_new_session=True
        )
        try:
            agent.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(agent.pid, signal.SIGKILL)
            agent.wait()
    milliseconds = round((time.monotonic() - start) * 1000)
    return {"duration_ms": milliseconds, "exit_code": None if timed_out else agent.returncode, "timed_out": timed_out}


def trial(task: Task, folder: Path, skill: bool, command: str, timeout: float, hydra: Hydra) -> dict[str, Any]:
    """One run of one task in `folder`; its grading.json, written last, says that it is finished."""
    shutil.rmtree(folder, ignore_errors=True)
    outputs = folder / "outputs"
    project = set_up(task, outputs, skill)
    guide = project / INSTALLED / "SKILL.md" if skill else None
    timing = run_agent(command, outputs.resolve() / "prompt.txt", project, outputs.resolve(), timeout, guide)
    usage = _json(outputs / "usage.json")
    transcript = outputs / "transcript.jsonl"
    commands = sum(1 for line in transcript.read_text().splitlines() if line.strip()) if transcript.is_file() else None
    _write(folder / "timing.json", {"total_tokens": usage.get("total_tokens"), "commands": commands, **timing})
    grading = grade(task.id, outputs, hydra)
    _write(folder / "grading.json", grading)
    return grading


def run_all(
    tasks: Sequence[Task],
    out: Path,
    command: str,
    runs: int,
    timeout: float,
    arms: Iterable[str],
    new: bool,
    hydra: Hydra,
) -> Path:
    """Every task in every arm, `runs` times; what the newest iteration has stays, unless a `new` one begins."""
    last = max([int(path.name.partition("-")[2]) for path in out.glob("iteration-*")], default=0)
    iteration = out / f"iteration-{last + 1 if new or not last else last}"
    iteration.mkdir(parents=True, exist_ok=True)
    try:
        for run in range(1, runs + 1):
            for task in tasks:
                for arm in arms:
                    folder = iteration / f"eval-{task.id}" / arm / f"run-{run}"
                    grading = _json(folder / "grading.json")
                    state = "was there" if grading else "ran"
                    grading = grading or trial(task, folder, ARMS[arm], command, timeout, hydra)
                    summary = grading["summary"]
                    label = f"{folder.relative_to(out)}: {summary['passed']} of {summary['total']} ({state})"
                    print(label, file=sys.stderr, flush=True)
                    _write(iteration / "benchmark.json", benchmark(iteration))
    finally:
        _write(iteration / "benchmark.json", benchmark(iteration))
    return iteration


def benchmark(iteration: Path) -> dict[str, Any]:
    """What benchmark.json says: mean and spread of each arm over its finished runs, the difference, and each task."""
    summary: dict[str, Any] = {}
    for arm in ARMS:
        folders = sorted(path.parent for path in iteration.glob(f"eval-*/{arm}/run-*/grading.json"))
        gradings = [_json(folder / "grading.json")["summary"] for folder in folders]
        timings = [_json(folder / "timing.json") for folder in folders]
        summary[arm] = {
            "runs": len(folders),
            "pass_rate": _spread([grading["pass_rate"] for grading in gradings]),
            "all_passed": _spread([float(grading["failed"] == 0) for grading in gradings]),
            "time_seconds": _spread([timing["duration_ms"] / 1000 for timing in timings]),
            "tokens": _spread([timing["total_tokens"] for timing in timings]),
            "commands": _spread([timing["commands"] for timing in timings]),
            "timed_out": sum(timing["timed_out"] for timing in timings),
        }
    ours, others = summary["with_skill"], summary["without_skill"]
    summary["delta"] = {
        key: round(ours[key]["mean"] - others[key]["mean"], 4)
        for key in ("pass_rate", "all_passed", "time_seconds", "tokens", "commands")
        if ours[key] and others[key]
    }
    each = {}
    for folder in sorted(iteration.glob("eval-*"), key=lambda path: int(path.name.partition("-")[2])):
        found = {arm: [_json(path)["summary"] for path in folder.glob(f"{arm}/run-*/grading.json")] for arm in ARMS}
        each[folder.name] = {arm: fmean(s["pass_rate"] for s in found[arm]) for arm in ARMS if found[arm]}
    return {"run_summary": summary, "pass_rate_by_eval": each}


def _spread(values: Sequence[float | None]) -> dict[str, float] | None:
    """Mean and standard deviation of what was measured; None where nothing was."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"mean": round(fmean(known), 4), "stddev": round(stdev(known), 4) if len(known) > 1 else 0.0}


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a file in one step: an interrupted trial leaves none."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
