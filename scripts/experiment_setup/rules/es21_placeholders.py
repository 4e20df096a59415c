"""Values that stand for others: paths that nobody expands, and `???`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from omegaconf import OmegaConf

from experiment_setup import nodes
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.facts.written import (
    Steps,
    dotted,
    leaves,
    values,
    with_values,
)
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import compiled
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Phase

_LIST = "defaults:\n  - default@_here_\n\n"


# Not in a line that a shell is to run, such as `export CACHE=$TMP/cache` in what a launcher does first.
_UNEXPANDED = compiled(r"~\w*/|(?:^|\S*[/=:])\$[A-Z_][A-Z0-9_]*|\S*\$\(\w")


@rule(
    "ES210",
    "path-not-expanded",
    Severity.WARNING,
    "`~` and `$NAME` are not expanded",
    phase=Phase.VALUES,
    habit=True,
    bad={"env/local.yaml": f"{_LIST}output_dir: ~/data\n"},
    good={"env/local.yaml": f"{_LIST}output_dir: ${{oc.env:HOME}}/data\n"},
    hydra="accepts",
    run="env=local",
)
def path_not_expanded(context: ExperimentContext) -> Iterator[Finding]:
    """The shell does that, not YAML: a folder named `~` appears in the working directory. Nothing is said where some
    code of the project's expands them itself, and of a list of commands for a shell, such as a launcher's `setup`,
    or of the description of a job for HTCondor.
    """
    for _, document in with_values(context):
        text = document.text_or_empty
        if "~" not in text and "$" not in text:
            continue
        for path, value in leaves(values(document)):
            if isinstance(value, str) and _UNEXPANDED.match(value) and not _is_for_others(document, path):
                if any(
                    f"expand{'user' if value.startswith('~') else 'vars'}" in text for text in context.code.in_reach
                ):
                    continue
                better = value.replace("~", "${oc.env:HOME}", 1) if value.startswith("~/") else value
                better = re.sub(r"\$([A-Z_][A-Z0-9_]*)", r"${oc.env:\1}", better)
                yield path_not_expanded.finding(
                    document.value(path),
                    f"{dotted(path)}: {value} is taken literally",
                    f"write {better}" if better != value else "write the path itself",
                )


def _is_for_others(document: Document, path: Steps) -> bool:
    """Whether it stands in a list with a line that is surely a command for a shell, or in a block with a macro that
    HTCondor gives to each job: the rest of that block is for it as well.
    """
    beside = document.at(path[:-1])
    sure, lines = (_COMMAND, beside) if isinstance(beside, list) else (_OF_A_JOB, beside.values())
    return any(isinstance(line, str) and sure.search(line) for line in lines)


_COMMAND = compiled(r"^(?:export|source|module|conda|cd|echo)\s")
_OF_A_JOB = compiled(r"\$\((?:Cluster|Process|ClusterId|ProcId)\)")


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

    A field that every set must give is MISSING in the dataclass. A warning for the default of a dataclass in a group of
    options, a note where that is empty; nothing is said where another file fills the value, as `model: ???` is by the
    group module/model.
    """
    for option in context.options.all():
        if "???" not in option.document.text_or_empty:
            continue
        group = context.compositions.group_of(option)
        for path, value in leaves(values(option.document)):
            node = _below(group, path)
            if value != "???" or node is None or nodes.is_missing(node):
                continue
            above = _inherited(context, option, path)
            if above is None and not _is_a_field_with_a_default(group, path, node):
                continue  # another file fills it, such as an option of a group of its own
            # The primary config may set another than what is inherited.
            stays = _shown(node) if above is None else repr(above.document.at(path))
            is_of_a_set = option.group in (SETS, ENVIRONMENTS)
            is_nothing = stays in _NOTHING and not is_of_a_set
            yield missing_without_effect.finding(
                option.document.value(path),
                f"{dotted(path)}: ??? has no effect, the inherited {stays} stays",
                "write a value, or remove the line",
                severity=Severity.INFO if is_nothing else None if above or is_of_a_set else Severity.WARNING,
            )


_NOTHING = ("None", "''", "[]", "{}")  # to leave it open and to say nothing come to the same


def _inherited(context: ExperimentContext, option: Option, path: Steps) -> Option | None:
    """The file among those that the option inherits which gives a value at `path`."""
    options = context.options.by_group[option.group]
    for name in entries.lineage(options, option.name)[1:]:
        if name in options and options[name].document.says(path) and options[name].document.at(path) != "???":
            return options[name]
    return None


def _is_a_field_with_a_default(group: Any, path: Steps, node: Any) -> bool:
    """Whether a dataclass has the value that stays as its default."""
    parent = _below(group, path[:-1])
    if not nodes.is_structured(parent):
        return False
    default = nodes.child(OmegaConf.structured(OmegaConf.get_type(parent)), path[-1])
    return default is not None and not nodes.is_missing(default) and bool(default == node)


def _shown(node: Any) -> str:
    return str(nodes.value(node)) if not nodes.is_text(node) else repr(nodes.value(node))


def _below(node: Any, path: Steps) -> Any:
    for step in path:
        node = nodes.child(node, step)
    return node
