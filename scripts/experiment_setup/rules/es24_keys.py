"""Keys that YAML reads as something else than what was typed, and keys that are left from what was inherited."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import yaml

from experiment_setup import nodes
from experiment_setup.facts import targets
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.facts.written import Steps, given
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location
from experiment_setup.nodes import TRUTHS
from experiment_setup.reading.source import Document
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


_OPTIMIZER = """
class Adam:
    def __init__(self, lr: float = 0.1, beta: float = 0.9) -> None: ...

class Plain:
    def __init__(self, lr: float = 0.1) -> None: ...
"""
_TYPED = [
    (
        "    notes: str",
        '    opt: dict = field(default_factory=lambda: {"_target_": "optim.Adam", "beta": 0.9})\n    notes: str',
    ),
    ("{cfg.exp.name}", "{cfg.exp.name} {cfg.exp.opt}"),
]


@rule(
    "ES241",
    "arguments-of-another-target",
    Severity.WARNING,
    "a file replaces `_target_`, and arguments of the old one stay",
    phase=Phase.VALUES,
    bad={
        "optim.py": _OPTIMIZER,
        "train.py": _TYPED,
        "exp/001.yaml": "defaults:\n  - default@_here_\n\nopt:\n  _target_: optim.Plain\n",
    },
    good={
        "optim.py": _OPTIMIZER,
        "train.py": _TYPED,
        "exp/001.yaml": "defaults:\n  - default@_here_\n\nopt:\n  _target_: optim.Adam\n",
    },
    hydra="accepts",
)
def arguments_of_another_target(context: ExperimentContext) -> Iterator[Finding]:
    """A mapping is merged into the inherited one: a new `_target_` gets the arguments of the old one as well.

    `instantiate` then ends in a TypeError where the new one does not take them. A warning where the code of the project
    says so; of a library's classes, which are not read, it is for information.
    """
    for option in (*context.options.all(), *context.options.added):
        if "_target_" in option.document.text_or_empty:
            package = option.package((option.group,))
            before, after = _inherited(context, option), context.compositions.of_option(option).container
            others = _from_the_root(context, option.group)
            yield from _left_over(context, option.document, package, before, after, others)
    primary = context.options.primary
    if "_target_" in primary.text_or_empty:
        yield from _left_over(context, primary, (), _chosen(context), context.compositions.at().container)


def _left_over(
    context: ExperimentContext,
    document: Document,
    package: tuple[str, ...],
    before: Any,
    after: Any,
    others: Collection[Steps] = (),
) -> Iterator[Finding]:
    """Of each `_target_` of a file that is merged at `package`: what of `before` is left beside it `after` that.

    `others`: the keys of files that are meant to change what is chosen.
    """
    for steps, own in _targets(document.data if document.error is None else None, ()):
        old, new = nodes.within(before, (*package, *steps)), nodes.within(after, (*package, *steps))
        if not (isinstance(old, dict) and isinstance(new, dict)) or old.get("_target_") in (None, own["_target_"]):
            continue
        if new.get("_target_") != own["_target_"]:
            continue  # what is merged later has the last word
        left = [str(key) for key in new if key not in own and key in old and key not in targets.OF_INSTANTIATE]
        left = [
            key
            for key in left
            if not any(one[: len(package) + len(steps) + 1] == (*package, *steps, key) for one in others)
        ]
        code, target = context.schema.code, own["_target_"]
        taken = targets.parameters(code, target) if code is not None and isinstance(target, str) else None
        wrong = [key for key in left if taken is not None and key not in taken]
        if wrong if taken is not None else left:
            named = ", ".join(wrong or left)
            yield arguments_of_another_target.finding(
                document.value([*steps, "_target_"]),
                f"{named} of {old['_target_']} {'stays' if len(wrong or left) == 1 else 'stay'}"
                + (f", and {target} does not take {'it' if len(wrong) == 1 else 'them'}" if wrong else ""),
                "choose the whole block as an option of a group, or inherit none that has these arguments",
                severity=None if wrong else Severity.INFO,
            )


def _from_the_root(context: ExperimentContext, group: str) -> list[Steps]:
    """The keys that options of other groups give which are written from the root, such as a chosen experiment: with
    another choice such an option goes as well, which is then made together with it."""
    found: list[Steps] = []
    for placed in context.options.choices:
        option = context.options.by_group[placed.group].get((placed.option or "").removesuffix(".yaml"))
        if option is not None and placed.group != group and option.package(placed.package) == ():
            found += given(context, option, {})
    return found


def _chosen(context: ExperimentContext) -> dict[str, Any]:
    """What the files of the options set that config.yaml names, or a config that it includes, each in its place."""
    found: dict[str, Any] = {}
    places = {placed.group: placed.package for placed in context.options.choices}
    for group, chosen in context.options.groups.items():
        option = context.options.by_group.get(group, {}).get((chosen or "").removesuffix(".yaml"))
        if option is None:
            continue
        usual = places.get(group, tuple(group.split("/")))
        for steps, value in given(context, option, {}).items():
            *above, key = (*option.package(usual), *map(str, steps))
            part = found
            for step in above:
                inner = part.get(step)
                part[step] = part = inner if isinstance(inner, dict) else {}
            part[key] = value
    return found


def _inherited(context: ExperimentContext, option: Option) -> dict[str, Any]:
    """The config that an option's file is merged into, as far as it is one of the config's own."""
    parents = context.compositions.parents_of(option)
    return {**context.compositions.at().container, **({option.group: parents} if parents else {})}


def _targets(value: Any, steps: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[Any, Any]]]:
    """The mappings with `_target_`, each with its path."""
    if isinstance(value, dict):
        if "_target_" in value:
            yield steps, value
        for key, inner in value.items():
            yield from _targets(inner, (*steps, str(key)))
