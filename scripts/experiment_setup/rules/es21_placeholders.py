"""Values that stand for others: paths that nobody expands, and `???`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.written import (
    Steps,
    dotted,
    leaves,
    values,
)
from experiment_setup.findings import Finding, Severity
from experiment_setup.nodes import child
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Phase

_LIST = "defaults:\n  - default@_here_\n\n"


_UNEXPANDED = re.compile(r"~\w*/|(?:^|.*[/=:])\$[A-Z_][A-Z0-9_]*|.*\$\(\w")


@rule(
    "ES210",
    "path-not-expanded",
    Severity.WARNING,
    "`~` and `$NAME` are not expanded",
    phase=Phase.VALUES,
    bad={"env/local.yaml": f"{_LIST}output_dir: ~/data\n"},
    good={"env/local.yaml": f"{_LIST}output_dir: ${{oc.env:HOME}}/data\n"},
    hydra="accepts",
    run="env=local",
)
def path_not_expanded(context: ExperimentContext) -> Iterator[Finding]:
    """The shell does that, not YAML: a folder named `~` appears in the working directory."""
    for option in context.all_options():
        text = option.document.text_or_empty
        if "~" not in text and "$" not in text:
            continue
        for path, value in leaves(values(option.document)):
            if isinstance(value, str) and _UNEXPANDED.match(value):
                better = value.replace("~", "${oc.env:HOME}", 1) if value.startswith("~/") else value
                better = re.sub(r"\$([A-Z_][A-Z0-9_]*)", r"${oc.env:\1}", better)
                yield path_not_expanded.finding(
                    option.document.value(path),
                    f"{dotted(path)}: {value} is taken literally",
                    f"write {better}" if better != value else "write the path itself",
                )


@rule(
    "ES211",
    "missing-without-effect",
    Severity.ERROR,
    "`???` does not take back a value that is inherited",
    phase=Phase.VALUES,
    bad={"exp/001.yaml": f"{_LIST}learning_rate: ???\n"},
    good={"exp/001.yaml": f"{_LIST}learning_rate: 1e-5\n"},
    hydra="accepts",
)
def missing_without_effect(context: ExperimentContext) -> Iterator[Finding]:
    """OmegaConf's merge passes over `???` (omegaconf#771): the inherited value stays, and nobody is asked for one.

    A field that every set must give is MISSING in the dataclass.
    """
    for option in context.all_options():
        if "???" not in option.document.text_or_empty:
            continue
        group = context.composed_group(option)
        for path, value in leaves(values(option.document)):
            node = _below(group, path)
            if value == "???" and node is not None and not node._is_missing():
                yield missing_without_effect.finding(
                    option.document.value(path),
                    f"{dotted(path)}: ??? has no effect, the inherited {node._value()!r} stays",
                    "write a value, or remove the line",
                )


def _below(node: Any, path: Steps) -> Any:
    for step in path:
        node = child(node, step)
    return node
