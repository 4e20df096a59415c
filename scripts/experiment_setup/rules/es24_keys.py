"""Keys that YAML reads as something else than what was typed."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location
from experiment_setup.nodes import TRUTHS
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Of, Phase

_COSTS = [("    notes: str", "    costs: dict = field(default_factory=dict)\n    notes: str")]
_SET = "defaults:\n  - default@_here_\n\ncosts:\n"


@rule(
    "ES240",
    "key-is-a-truth-value",
    Severity.WARNING,
    "`yes:`, `no:`, `on:` and `off:` are the keys true and false",
    phase=Phase.VALUES,  # where the dataclass has no such key anyway, quoting it mends nothing
    of=Of.TEXT,
    bad={"train.py": _COSTS, "exp/001.yaml": f"{_SET}  yes: 2.0\n"},
    good={"train.py": _COSTS, "exp/001.yaml": f'{_SET}  "yes": 2.0\n'},
    hydra="accepts",
)
def key_is_a_truth_value(context: ExperimentContext) -> Iterator[Finding]:
    """YAML 1.1 reads these words as truth values where they are keys, too: `cfg.exp.costs["yes"]` does not exist.

    Written out as `true:` and `false:` they are taken for what they are.
    """
    for document in context.options.documents():
        for key in _keys(document.root):
            if not key.tag.endswith(":bool") or key.style is not None or key.value.lower() in ("true", "false"):
                continue
            yield key_is_a_truth_value.finding(
                Location(document.path, key.start_mark.line + 1, key.start_mark.column + 1),
                f"the key {key.value} is {TRUTHS[key.value.lower()]} to YAML, not the text {key.value!r}",
                f'quote it: "{key.value}":',
                edits=(Edit(key.start_mark.index, key.end_mark.index, f'"{key.value}"'),),
                safe=False,
            )


def _keys(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Every key of the tree that is no mapping or list itself; a node that is named again is looked at once."""
    waiting: list[yaml.Node | None] = [node]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, yaml.MappingNode):
            yield from (key for key, _ in current.value if isinstance(key, yaml.ScalarNode))
            waiting += [value for _, value in current.value]
        elif isinstance(current, yaml.SequenceNode):
            waiting += current.value
