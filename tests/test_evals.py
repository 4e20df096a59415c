"""The evaluations of the skill: each grader passes right answers of several kinds, and fails wrong ones and none.

The runner is tried with agents that are shell scripts: one that can, one that does nothing, one that hangs.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evals import setting, triggers
from evals.right import RIGHT
from evals.steps import Step
from evals.tasks import TASKS
from evals.work import Hydra
from evals.wrong import WRONG
from running import interruptible

HERE = setting.ROOT / "tests" / "evals"
EVALS = setting.tasks()


@pytest.fixture(scope="module")
def oracle() -> Iterator[Hydra]:
    hydra = Hydra()
    yield hydra
    hydra.close()


def failures(number: int, steps: Sequence[Step], folder: Path, oracle: Hydra) -> dict[str, str]:
    """The assertions that fail after these steps, each with its evidence."""
    project = setting.set_up(EVALS[number], folder, skill=False)
    for step in steps:
        step(project)
    results = setting.grade(number, folder, oracle)["assertion_results"]
    return {result["text"]: result["evidence"] for result in results if not result["passed"]}


@pytest.mark.long
@pytest.mark.parametrize("number", EVALS)
def test_right_answers_pass(number: int, tmp_path: Path, oracle: Hydra) -> None:
    assert len(RIGHT[number]) >= 2
    for label, steps in RIGHT[number].items():
        assert failures(number, steps, tmp_path / label, oracle) == {}, label


@pytest.mark.long
@pytest.mark.parametrize("number", EVALS)
def test_wrong_answers_fail_and_no_assertion_always_holds(number: int, tmp_path: Path, oracle: Hydra) -> None:
    seen: set[str] = set()
    for label, steps in WRONG[number].items():
        failed = failures(number, steps, tmp_path / label, oracle)
        assert failed, label
        seen |= set(failed)
    assert seen == set(TASKS[number])


@pytest.mark.slow
@pytest.mark.parametrize("number", EVALS)
def test_doing_nothing_passes_nothing(number: int, tmp_path: Path, oracle: Hydra) -> None:
    failed = failures(number, [], tmp_path, oracle)
    assert set(failed) == set(TASKS[number])


def test_the_words_of_each_assertion_are_in_evals_json() -> None:
    document = json.loads((HERE / "evals.json").read_text(encoding="utf-8"))
    assert document["skill_name"] == "experiment-setup"
    assert {entry["id"]: entry["assertions"] for entry in document["evals"]} == {
        number: list(checks) for number, checks in TASKS.items()
    }
    for entry in document["evals"]:
        assert entry["expected_output"]
        assert all((setting.ROOT / path).is_dir() for path in entry["files"])
        assert not re.search(r"skill|scripts|スキル|\b\w+\.py\b(?<!train\.py)", entry["prompt"], re.I)


def test_both_languages_are_asked_in_long_and_short_words() -> None:
    japanese = [task for task in EVALS.values() if re.search("[ぁ-ん]", task.prompt)]
    lengths = sorted(len(task.prompt) for task in EVALS.values())
    assert 0.3 < len(japanese) / len(EVALS) < 0.7
    assert lengths[0] < 70
    assert lengths[-1] > 400


# -- the runner -------------------------------------------------------------------------------------------------------

# Adds the set with the skill where it is installed, and says what it did; without the skill it gives up.
AGENT = """\
cat > {outputs}/asked.txt
test -n {skill} || exit 3
PYTHON "$(dirname {skill})/scripts/add_exp.py" 001 learning_rate=1e-5 || exit 4
echo '{"total_tokens": 1200}' > {outputs}/usage.json
printf '%s\\n' '{"command": "add_exp"}' '{"command": "validate"}' > {outputs}/transcript.jsonl
""".replace("PYTHON", sys.executable)


def runner(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / "run.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=600)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def ends(process: int) -> bool:
    """Whether a process that was killed goes away, or waits only to be reaped by whoever adopted it."""
    for _ in range(600):
        asked = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True)
        if not asked.stdout.strip() or asked.stdout.startswith("Z"):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
def test_an_agent_is_tried_with_and_without_the_skill(tmp_path: Path) -> None:
    ran = runner("all", "--agent", AGENT, "--out", tmp_path / "out put", "--tasks", "2", "--runs", "2")
    assert ran.returncode == 1, ran.stderr
    iteration = tmp_path / "out put" / "iteration-1"
    found = read(iteration / "benchmark.json")
    assert found == json.loads(ran.stdout)
    ours, others = found["run_summary"]["with_skill"], found["run_summary"]["without_skill"]
    assert (ours["runs"], ours["pass_rate"], ours["tokens"], ours["commands"]) == (
        2,
        {"mean": 1.0, "stddev": 0.0},
        {"mean": 1200.0, "stddev": 0.0},
        {"mean": 2.0, "stddev": 0.0},
    )
    assert (others["runs"], others["pass_rate"], others["tokens"]) == (2, {"mean": 0.0, "stddev": 0.0}, None)
    assert found["run_summary"]["delta"]["pass_rate"] == 1.0
    one = iteration / "eval-2" / "with_skill" / "run-2"
    assert read(one / "timing.json")["exit_code"] == 0
    assert read(one / "timing.json")["duration_ms"] > 0
    assert read(one / "grading.json")["summary"]["pass_rate"] == 1.0
    assert (one / "outputs" / "asked.txt").read_text(encoding="utf-8") == EVALS[2].prompt
    assert not (iteration / "eval-2" / "without_skill" / "run-1" / "outputs" / "project" / ".claude").exists()
    installed = one / "outputs" / "project" / ".claude" / "skills" / "experiment-setup"
    assert (installed / "SKILL.md").read_bytes() == (setting.ROOT / "SKILL.md").read_bytes()
    assert not (installed / "tests").exists()

    again = runner("all", "--agent", "exit 1", "--out", tmp_path / "out put", "--tasks", "2", "--runs", "2")
    assert again.stderr.count("(was there)") == 4
    assert json.loads(again.stdout) == found
    new = runner(
        "all", "--agent", "exit 1", "--out", tmp_path / "out put", "--tasks", "2", "--new", "--arm", "with_skill"
    )
    assert json.loads(new.stdout)["run_summary"]["with_skill"]["pass_rate"]["mean"] == 0.0
    assert (tmp_path / "out put" / "iteration-2" / "benchmark.json").is_file()
    assert read(iteration / "benchmark.json") == found


@pytest.mark.slow
def test_an_agent_that_hangs_is_stopped_with_what_it_started(tmp_path: Path) -> None:
    agent = "sleep 300 & echo $! > {outputs}/child.txt; wait"
    ran = runner("all", "--agent", agent, "--out", tmp_path, "--tasks", "2", "--timeout", "5", "--arm", "with_skill")
    assert ran.returncode == 1, ran.stderr
    run = tmp_path / "iteration-1" / "eval-2" / "with_skill" / "run-1"
    timing = read(run / "timing.json")
    assert (timing["timed_out"], timing["exit_code"]) == (True, None)
    assert json.loads(ran.stdout)["run_summary"]["with_skill"]["timed_out"] == 1
    assert ends(int((run / "outputs" / "child.txt").read_text()))


@pytest.mark.slow
def test_an_interrupted_trial_goes_on_where_it_stopped(tmp_path: Path) -> None:
    # The second task waits until it is interrupted; the runner's process is told apart by its own session.
    agent = f"{{ grep -q 3e-4 {{prompt_file}} && touch {tmp_path}/waiting && sleep 300; }} || true"
    words = ["all", "--agent", agent, "--out", str(tmp_path / "out"), "--tasks", "2", "3", "--arm", "with_skill"]
    process = subprocess.Popen(
        [sys.executable, str(HERE / "run.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    while not (tmp_path / "waiting").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "Traceback" not in said
    iteration = tmp_path / "out" / "iteration-1"
    assert read(iteration / "benchmark.json")["run_summary"]["with_skill"]["runs"] == 1
    words[2] = "true"
    ran = runner(*words)
    assert ["was there" in line for line in ran.stderr.splitlines()] == [True, False]
    assert json.loads(ran.stdout)["run_summary"]["with_skill"]["runs"] == 2


@pytest.mark.slow
def test_a_task_is_set_up_and_graded_by_hand(tmp_path: Path) -> None:
    ran = runner("setup", "17", "--to", tmp_path / "x", "--no-skill")
    assert ran.returncode == 0, ran.stderr
    project = tmp_path / "x" / "project"
    status = subprocess.run(["git", "status", "--porcelain"], cwd=project, capture_output=True, text=True, check=True)
    assert status.stdout == ""
    assert runner("grade", "17", tmp_path / "x").returncode == 1
    for step in RIGHT[17]["by hand"]:
        step(project)
    graded = runner("grade", "17", tmp_path / "x")
    assert graded.returncode == 0
    assert json.loads(graded.stdout)["summary"] == {"passed": 3, "failed": 0, "total": 3, "pass_rate": 1.0}
    refused = runner("setup", "17", "--to", tmp_path / "x")
    assert (refused.returncode, "is not empty" in refused.stderr) == (2, True)
    refused = runner("grade", "17", tmp_path)
    assert (refused.returncode, "setup --to" in refused.stderr) == (2, True)


@pytest.mark.slow
def test_nothing_left_behind_can_stop_a_grader(tmp_path: Path, oracle: Hydra) -> None:
    steps = [
        lambda root: (root / "experiments/001-baseline/exp/003.yaml").write_bytes(b"\xff\xfe: ["),
        lambda root: (root / "experiments/001-baseline/train.py").write_text("@hydra.main\nwhile"),
        lambda root: (root / "loop").symlink_to(root),
        lambda root: (root / "experiments/001-baseline/exp/gone.yaml").symlink_to("nowhere"),
    ]
    for number in (2, 8):
        assert set(failures(number, steps, tmp_path / str(number), oracle)) == set(TASKS[number])


# -- triggers ---------------------------------------------------------------------------------------------------------


def test_the_trigger_set_is_balanced_and_has_near_misses() -> None:
    entries = triggers.queries()
    wanted = [entry["query"] for entry in entries if entry["should_trigger"]]
    others = [entry["query"] for entry in entries if not entry["should_trigger"]]
    assert all(set(entry) == {"query", "should_trigger"} for entry in entries)
    assert len(entries) >= 28
    assert abs(len(wanted) - len(others)) <= 2
    assert len({" ".join(query.lower().split()) for query in (*wanted, *others)}) == len(entries)
    for queries in (wanted, others):
        assert 0.2 < sum(bool(re.search("[ぁ-んァ-ン]", query)) for query in queries) / len(queries) < 0.6
        assert max(map(len, queries)) > 3 * min(map(len, queries))
    words = KEYWORDS.findall(triggers.description())
    said = {word.lower() for word in words}
    related = [query for query in wanted if said & {word.lower() for word in KEYWORDS.findall(query)}]
    assert len(related) >= 0.9 * len(wanted), set(wanted) - set(related)
    near = [query for query in others if said & {word.lower() for word in KEYWORDS.findall(query)}]
    assert len(near) >= 0.6 * len(others), set(others) - set(near)


# What a description and a query can share: a term of the field, in either language.
KEYWORDS = re.compile(
    r"hydra|omegaconf|configstore|config\.yaml|defaults?|exp/|--cfg job|_here_|experiments?|learning rate|parameter set"
    r"|sweep|machine|yaml|dataclass|error|実験|学習率|パラメータ|ローカル|動かし",
    re.I,
)


@pytest.mark.slow
def test_what_an_agent_would_load_is_counted(tmp_path: Path) -> None:
    log = tmp_path / "asked"
    agent = f"""\
echo x >> {log}
query=$(sed -n '/^A user writes:/,$p' {{prompt_file}})
case "$query" in
  *実験*) echo 'I would take `{triggers.NAME}`.' ;;
  *Ory*) echo thinking; echo oauth-setup ;;
  *) echo none ;;
esac"""
    ran = runner("triggers", "--agent", agent, "--runs", "2")
    assert ran.returncode == 1, ran.stderr
    found = json.loads(ran.stdout)
    assert len(log.read_text().split()) == 2 * len(found["results"]) == 2 * len(triggers.queries())
    for result in found["results"]:
        expected = triggers.NAME if "実験" in result["query"] else "oauth-setup" if "Ory" in result["query"] else "none"
        assert result["answers"] == [expected] * 2
        assert result["passed"] == ((expected == triggers.NAME) == result["should_trigger"])
    share = [result["rate"] for result in found["results"] if result["should_trigger"]]
    assert found["summary"]["rate_where_it_should"] == pytest.approx(sum(share) / len(share), abs=1e-4)
    silent = runner("triggers", "--agent", "exit 1", "--runs", "1")
    assert json.loads(silent.stdout)["summary"]["passed"] == 0


# -- asking Hydra -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_entry_point_that_never_ends_is_ended(tmp_path: Path) -> None:
    endless = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(300)\n"
    (tmp_path / "train.py").write_text(endless)
    (tmp_path / "quick.py").write_text("print('a: 1')\n")
    hydra = Hydra(patience=5)
    try:
        assert "no answer" in hydra.run(tmp_path / "train.py", "--cfg", "job")["err"]
        assert ends(int((tmp_path / "pid").read_text()))
        hydra.patience = 120
        assert hydra.run(tmp_path / "quick.py")["out"] == "a: 1\n"
    finally:
        hydra.close()


@pytest.mark.slow
def test_without_hydra_there_is_no_grade(tmp_path: Path) -> None:
    without = tmp_path / "python"
    without.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')  # the same one, without its packages
    without.chmod(0o755)
    runner("setup", "6", "--to", tmp_path / "x")
    ran = runner("--python", without, "grade", "6", tmp_path / "x")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "--python PATH" in ran.stderr
