"""Would an agent load the skill? It is shown the descriptions of several skills and a query, and names one."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from evals.setting import ROOT
from evals.trials import run_agent

NAME = "experiment-setup"
# What else an ML project may have installed; each is near some of the queries.
OTHERS: Mapping[str, str] = {
    "experiment-tracking": "Logs metrics, artifacts and plots of training runs to Weights & Biases, MLflow or "
    "TensorBoard. Use when the user wants to log, compare or chart runs.",
    "python-testing": "Writes and runs pytest suites: fixtures, conftest.py, parametrize, coverage. Use for tests.",
    "deployment": "Docker, docker compose, Kubernetes manifests, environment variables and CI workflows. Use when "
    "services are to be built, configured or deployed, or their YAML is linted.",
    "oauth-setup": "Sets up identity and OAuth2/OIDC providers (Keycloak, Ory, Auth0) with login and consent flows.",
    "security-lab": "Password audits and penetration tests of the user's own lab: nmap, brute-force tools, word lists.",
    "python-cli": "Command lines and settings in Python: argparse, click, typer, pydantic-settings, .env files.",
    "data-analysis": "Reads CSV, Parquet and JSON, computes statistics and plots. Use for questions about data.",
    "documents": "Writes and formats reports, lab notebooks and papers in LaTeX, Word or Markdown, in any language.",
}


def description() -> str:
    """What SKILL.md says of itself."""
    header = (ROOT / "SKILL.md").read_text(encoding="utf-8").split("---\n")[1]
    return " ".join(str(yaml.safe_load(header)["description"]).split())


def queries() -> list[dict[str, Any]]:
    """The trigger set: a query, and whether the skill is for it."""
    found: list[dict[str, Any]] = json.loads(Path(__file__).with_name("triggers.json").read_text(encoding="utf-8"))
    return found


def prompt(query: str) -> str:
    """What the agent is asked."""
    skills = dict(sorted({**OTHERS, NAME: description()}.items()))
    listed = "\n".join(f"- {name}: {text}" for name, text in skills.items())
    return (
        "These skills are installed; each has a guide that you can load before you begin:\n\n"
        f"{listed}\n\nA user writes:\n\n{query}\n\n"
        "Which skill would you load first? Answer with its name alone on the last line, or `none`. Do nothing else.\n"
    )


def chosen(answer: str) -> str | None:
    """The skill that the last line of an answer names, "none", or None where it names neither."""
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    words = re.findall(r"[a-z]+(?:-[a-z]+)*", lines[-1].lower()) if lines else []
    named = [word for word in words if word in {*OTHERS, NAME, "none"}]
    return named[-1] if named else None


def measure(command: str, runs: int, timeout: float) -> dict[str, Any]:
    """Ask each query `runs` times; it passes where the skill is chosen in more than half (less, where it must not)."""
    results = []
    for entry in queries():
        answers = [_ask(command, prompt(entry["query"]), timeout) for _ in range(runs)]
        rate = sum(answer == NAME for answer in answers) / runs
        passed = rate > 0.5 if entry["should_trigger"] else rate < 0.5 and None not in answers
        results.append({**entry, "rate": round(rate, 4), "passed": passed, "answers": answers})
        line = f"{'ok  ' if passed else 'FAIL'} {rate:.2f} {entry['query'].splitlines()[0][:90]}"
        print(line, file=sys.stderr, flush=True)
    return {"summary": summary(results), "results": results}


def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    """How often the skill was chosen where it should be and where it should not, and how many queries pass."""

    def rate(wanted: bool) -> float:
        rates = [result["rate"] for result in results if result["should_trigger"] is wanted]
        return round(sum(rates) / len(rates), 4)

    return {
        "rate_where_it_should": rate(True),
        "rate_where_it_should_not": rate(False),
        "passed": sum(result["passed"] for result in results),
        "total": len(results),
    }


def _ask(command: str, text: str, timeout: float) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "prompt.txt")
        file.write_text(text, encoding="utf-8")
        (work := Path(folder, "work")).mkdir()
        run_agent(command, file, work, Path(folder), timeout, None)
        return chosen(Path(folder, "stdout.txt").read_text(encoding="utf-8", errors="replace"))
