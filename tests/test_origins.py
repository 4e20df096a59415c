"""Where values come from, of random experiments: editing the place that is named changes that value, and no other."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

import generate_lists
import running
from experiment_setup import schema
from experiment_setup.composing.compose import Composer, Composition
from experiment_setup.composing.origins import Origin
from experiment_setup.project import experiment_at
from experiment_setup.reading.source import Document
from generate import Run, generate

pytestmark = pytest.mark.slow

EXAMPLES = 60
_YAML = ("7919", "7919.5", "zzq", "true", "false", "[7919]", "[zzq]", "[[7919]]", "null")
_PYTHON = (
    "7919",
    "7919.5",
    "'zzq'",
    "True",
    "False",
    "[7919]",
    "['zzq']",
    "[[7919]]",
    "(7919, 1)",
    "None",
)


def _composed(folder: Path, run: Run) -> Composition | None:
    experiment = experiment_at(folder)
    if experiment is None or experiment.entry is None:
        return None
    root = folder.parent.parent
    composer = Composer(experiment, schema.read(experiment.entry, root), root)
    outcome = composer.compose(run.choices, run.overrides, origins=True)
    return outcome if outcome.config is not None else None


def _values(outcome: Composition) -> dict[str, str]:
    """Each value by its key; a list is one value, as in `origins`."""
    found: dict[str, str] = {}

    def walk(value: Any, key: str) -> None:
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                walk(inner, f"{key}.{getattr(name, 'name', name)}" if key else str(getattr(name, "name", name)))
        else:
            found[key] = repr(value)

    walk(outcome.container, "")
    return found


def _span(text: str, path: Path, line: int, column: int) -> tuple[int, int] | None:
    """The first and last character of what is written there."""
    starts = [0]
    for one in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(one))
    begin = starts[line - 1] + column - 1
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.expr) and (node.lineno, node.col_offset) == (line, column - 1):
                segment = ast.get_source_segment(text, node)
                return (begin, begin + len(segment)) if segment else None
        return None
    waiting = [yaml.compose(text)]
    while waiting:
        node = waiting.pop()
        if (node.start_mark.line, node.start_mark.column) == (line - 1, column - 1) and node.value:
            return node.start_mark.index, node.end_mark.index
        if isinstance(node, yaml.MappingNode):
            waiting += [inner for pair in node.value for inner in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
    return None


def _edits(origin: Origin) -> Iterator[str]:
    """The file with other values at the origin."""
    assert origin.location is not None
    path = origin.location.path
    text = path.read_bytes().decode()
    span = _span(text, path, origin.location.line, origin.location.column) if "\r" not in text else None
    for other in (_PYTHON if path.suffix == ".py" else _YAML) if span else ():
        yield text[: span[0]] + other + text[span[1] :]


def _examples(tmp_path: Path) -> Iterator[tuple[Path, Run, int]]:
    for number in range(EXAMPLES):
        folder = tmp_path / str(number) / "experiments" / "001-x"
        example = generate(9_000 + number)
        running.write(folder, example.files)
        yield folder, example.runs[number % len(example.runs)], number


def test_editing_what_is_named_changes_that_value_alone(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for folder, run, number in _examples(tmp_path):
        outcome = _composed(folder, run)
        if outcome is None or outcome.origins is None:
            continue
        before = _values(outcome)
        assert before.keys() == outcome.origins.keys()
        for key in Random(number).sample(sorted(before), min(4, len(before))):
            chain = outcome.origins[key]
            if not chain or chain[0].location is None:
                counts["unknown" if not chain else chain[0].kind] += 1
                continue
            if isinstance(chain[0].value, (Enum, bytes)) or chain[0].value in ([], None, "???"):
                continue  # what else the field would take is hard to tell
            path = chain[0].location.path
            text = path.read_bytes()
            same = {name for name, other in outcome.origins.items() if other and other[0].location == chain[0].location}
            for edited in _edits(chain[0]):
                path.write_text(edited, encoding="utf-8", newline="")
                after = _composed(folder, run)
                if after is None:
                    continue
                now = _values(after)
                changed = {name for name in {**before, **now} if before.get(name) != now.get(name)}
                if not changed:
                    continue
                outside = {name for name in changed - same if not any(f"{name}.".startswith(f"{s}.") for s in same)}
                if path.suffix == ".py":  # a list may hold instances of the class that is edited
                    outside = {name for name in outside if not before.get(name, "").startswith("[")}
                assert not outside, f"{number} {run}: {key} at {chain[0]}: {outside} changed\n{edited}"
                assert key in changed or key not in now, f"{number} {run}: {key} at {chain[0]}"
                counts[chain[0].kind] += 1
                break
            else:
                counts["no edit changes it"] += 1
            path.write_bytes(text)
    print(dict(counts))
    assert counts["unknown"] + counts["no edit changes it"] < sum(counts.values()) / 3, counts
    assert min(counts["dataclass"], counts["parameter set"]) > 5, counts


def test_the_chain_goes_on_where_a_file_no_longer_says_it(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for folder, run, number in _examples(tmp_path):
        outcome = _composed(folder, run)
        for key, chain in (outcome.origins or {}).items() if outcome is not None else ():
            location = chain[0].location if len(chain) > 1 else None
            if location is None or location.path.suffix != ".yaml":
                continue
            document = Document(location.path)
            steps = tuple(key.split("."))[1:]
            if document.header is not None or not document.says(steps) or document.value(steps) != location:
                continue
            text = location.path.read_bytes()
            location.path.write_text(OmegaConf.to_yaml(OmegaConf.create(document.without(steps).data)))
            after = _composed(folder, run)
            location.path.write_bytes(text)
            if after is None or after.origins is None or key not in after.origins:
                continue
            facts = [
                [(o.kind, o.location and o.location.path, repr(o.value)) for o in c]
                for c in (chain, after.origins[key])
            ]
            assert facts[0][1:] == facts[1], f"{number} {run}: {key}"
            counts["chains"] += 1
    print(dict(counts))
    assert counts["chains"] > 20


def _facts(chain: Sequence[Origin]) -> list[tuple[str, Path | None, str]]:
    return [(origin.kind, origin.location and origin.location.path, repr(origin.value)) for origin in chain]


def test_hydras_own_loads_give_the_same_origins(tmp_path: Path) -> None:
    """For run after run of one composer, which keeps what they have in common."""
    counts: Counter[str] = Counter()
    for make in (generate, generate_lists.generate):
        for number in (*range(0, EXAMPLES, 2), 12_037):  # the last lists a config twice
            root = tmp_path / make.__module__ / str(number)
            folder = root / "experiments" / "001-x"
            example = make(9_000 + number)
            running.write(folder, example.files)
            experiment = experiment_at(folder)
            if experiment is None or experiment.entry is None:
                continue
            read = schema.read(experiment.entry, root)
            fast, hydra = (Composer(experiment, read, root, always_hydra=always) for always in (False, True))
            for run in example.runs:
                ours = fast.compose(run.choices, run.overrides, origins=True)
                if ours.config is None or ours.asked_hydra:
                    continue
                theirs = hydra.compose(run.choices, run.overrides, origins=True)
                assert theirs.asked_hydra
                assert repr(ours.origins) == repr(theirs.origins), f"{make.__module__} {number} {run}"
                counts[make.__module__] += 1
    print(dict(counts))
    assert min(counts["generate"], counts["generate_lists"]) > 20, counts
