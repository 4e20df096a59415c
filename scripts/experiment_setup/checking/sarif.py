"""Findings as SARIF 2.1.0 (OASIS standard), which code hosts and editors read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from experiment_setup import __version__, visible
from experiment_setup.checking.check import Result
from experiment_setup.errors import CommandError
from experiment_setup.findings import Finding, Severity
from experiment_setup.rules import ALL
from experiment_setup.rules.base import Rule

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def log(result: Result, root: Path) -> dict[str, Any]:
    """The SARIF log of a check, with paths relative to `root` (the checkout, so that a code host finds the lines)."""
    rules = list(ALL.values())
    index = {rule.code: position for position, rule in enumerate(rules)}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "experiment-setup",
                        "version": __version__,
                        "semanticVersion": __version__,
                        "rules": [_rule(rule) for rule in rules],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": not result.failed,
                        "toolExecutionNotifications": [_notification(error) for error in result.failed],
                    }
                ],
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, index[finding.code], root) for finding in result.findings],
            }
        ],
    }


def _notification(error: CommandError) -> dict[str, Any]:
    """What could not be checked."""
    about = f"{error.where}: " if error.where else ""
    return {"level": "error", "message": {"text": visible.shortened(f"{about}{error.message}")}}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.explanation or rule.summary},
        "help": {"text": f"validate.py --explain {rule.code}\n\n{rule.explanation}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Finding, index: int, root: Path) -> dict[str, Any]:
    place = finding.location
    text = "\n".join(map(visible.shortened, filter(None, (finding.message, finding.help))))
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(place.path, root),
                    "region": {"startLine": place.line, "startColumn": place.column},
                }
            }
        ],
    }


def _artifact(path: Path, root: Path) -> dict[str, str]:
    if path.is_relative_to(root):
        return {"uri": quote(os.fsencode(path.relative_to(root).as_posix())), "uriBaseId": "%SRCROOT%"}
    return {"uri": path.absolute().as_uri()}
