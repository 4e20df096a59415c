"""The proof that a fix changes nothing but the mistake: what composed before composes to the same afterwards.

Keys that a fix is about may change: those that stand on its lines; where it mends a defaults list or a `# @package`
line, what this lets in or puts out, and values that now are what a chosen file says; where it mends Python, new fields.

What failed before may go on failing, which is loud. If it composes now, it must be as a person would have mended it:
each value of the mended file is in the config as the file says it, and none of a file that was moved has come to a
place of which nothing else knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup import nodes
from experiment_setup.composing.compose import Composition
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.refusals import chosen_keys
from experiment_setup.findings import Edit
from experiment_setup.light import dataclass
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document, SourceError

Key = tuple[str, ...]
Leaves = Mapping[Key, Any]


@dataclass(frozen=True)
class Case:
    """A combination that is composed."""

    experiment: Path
    choices: tuple[tuple[str, str], ...]  # (group, option); the other groups are at their defaults

    def __str__(self) -> str:
        return " ".join(f"{group}={option}" for group, option in self.choices) or "no choice"


class Composed:
    """Every combination of some experiments that a check looks at."""

    def __init__(self, contexts: Iterable[ExperimentContext]) -> None:
        self._contexts: dict[Path, ExperimentContext] = {}
        self.leaves: dict[Case, Leaves | None] = {}  # None where Hydra refuses
        self._configs: dict[Case, DictConfig | None] = {}
        for context in contexts:
            self._contexts[context.experiment.folder] = context
            for choices, outcome in _outcomes(context):
                case = Case(context.experiment.folder, tuple((g, o) for g, o in choices if o is not None))
                self.leaves[case] = None if outcome.config is None else dict(_leaves(outcome.container))
                self._configs[case] = outcome.config

    def knows(self, case: Case, key: Key) -> bool:
        """Whether the key is a field of a dataclass, or other combinations have it too."""
        config = self._configs[case]
        if nodes.is_structured(nodes.at(config, key[:-1])):
            return True
        others = (
            leaves for other, leaves in self.leaves.items() if other.experiment == case.experiment and other != case
        )
        return any(key in leaves for leaves in others if leaves is not None)

    def says(self, case: Case, key: Key, value: Any) -> bool:
        """Whether a file that takes part in the case has this value, as its type reads it, at the key from the root."""
        context = self._contexts[case.experiment]
        group = key[0]
        chosen = dict(case.choices).get(group) or context.options.groups.get(group)
        option = context.options.by_group.get(group, {}).get(chosen or "")
        for document in context.options.lineage(option) if option is not None else ():
            given = _written(document)
            if key[1:] in given and _is_read_as(given[key[1:]], value):
                return True
        return False


def _outcomes(context: ExperimentContext) -> Iterator[tuple[Sequence[tuple[str, str | None]], Composition]]:
    """Every combination of exp and env, and every option of a further group."""
    for parameter_set, environment in context.compositions.combinations:
        choices = ((SETS, parameter_set), (ENVIRONMENTS, environment))
        yield choices, context.compositions.at(parameter_set, environment)
    keys = {**{group: [group] for group in context.options.further_groups}, **chosen_keys(context)}
    for group, chosen in keys.items():
        for key, option in product(chosen, context.options.by_group[group]):
            yield ((key, option),), context.compositions.choosing(key, option)


def _is_read_as(written: Any, value: Any) -> bool:
    """Whether a field's type makes the value of what a file says: 3.0 of 3, 8 of "8", Colour.RED of RED."""
    if isinstance(written, list) and isinstance(value, list):
        return len(written) == len(value) and all(map(_is_read_as, written, value))
    if isinstance(written, int) and isinstance(value, (int, float)):
        return written == value
    if isinstance(value, Enum):
        return written in (value.name, value.value)
    return str(written) == str(value)


def _same(one: Any, other: Any) -> bool:
    """1, 1.0, True and "1" differ."""
    return repr(one) == repr(other)


def _leaves(value: Any, path: Key = ()) -> Iterator[tuple[Key, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, value


@dataclass(frozen=True)
class Change:
    """One file of an experiment before and after a fix. `group` is "" for the primary config, None for other files."""

    path: Path
    group: str | None
    before: str
    after: str
    edits: Sequence[Edit]

    def is_about(self, key: Key, old: Leaves, now: Leaves) -> bool:
        """Whether the fix may change the value at `key` (from the root) as it does, from `old` to `now`."""
        if self.group is None:
            return self.path.suffix == ".py" and key not in old
        inner = key if self.group == "" else key[1:]
        if self.group and key[:1] != (self.group,):
            inner = ()  # outside of the file's own package
        if inner and any(_begins(inner, touched) for touched in self._touched):
            return True
        if not self.mends_inheritance:
            return False
        return key not in old or (key not in now and inner not in _written(Document(self.path, self.before)))

    @cached_property
    def mends_inheritance(self) -> bool:
        """Whether it changes the file's defaults list or its `# @package` line."""
        return self.moves or ("defaults",) in self._touched

    @cached_property
    def moves(self) -> bool:
        """Whether it changes the place of the file's content: its `# @package` line."""
        before, after = (Document(self.path, text).header for text in (self.before, self.after))
        return before != after

    @cached_property
    def _touched(self) -> set[Key]:
        """The keys on the lines of the edits, in the text before and in the text after."""
        moved = 0
        before: list[tuple[int, int]] = []
        after: list[tuple[int, int]] = []
        for edit in sorted(self.edits, key=lambda edit: edit.start):
            before.append((edit.start, edit.end))
            start = edit.start + moved
            after.append((start, start + len(edit.text)))
            moved += len(edit.text) - (edit.end - edit.start)
        return _keys_on(self.path, self.before, before) | _keys_on(self.path, self.after, after)


def _written(document: Document) -> Leaves:
    try:
        container = OmegaConf.to_container(document.config, resolve=False)
    except (SourceError, OSError):
        return {}
    return dict(_leaves(container)) if isinstance(container, dict) else {}


def _begins(key: Key, beginning: Key) -> bool:
    return key[: len(beginning)] == beginning


def _keys_on(path: Path, text: str, spans: Sequence[tuple[int, int]]) -> set[Key]:
    """The innermost keys whose lines meet the lines of `spans`; an insertion of whole lines meets only itself."""
    lines: set[int] = set()
    for start, end in spans:
        if start == end and text[:start].endswith("\n"):
            continue
        last = end - 1 if end > start and text[end - 1] == "\n" else end
        lines |= set(range(text.count("\n", 0, start), text.count("\n", 0, last) + 1))
    found: set[Key] = set()

    def walk(node: Any, key: Key, first: int) -> None:
        last = node.end_mark.line - (1 if node.end_mark.column == 0 and node.end_mark.line > first else 0)
        if key and key[0] != "defaults" and isinstance(node.value, list) and node.tag.endswith(":map") and node.value:
            for inner_key, inner in node.value:
                walk(inner, (*key, str(inner_key.value)), inner_key.start_mark.line)
            if first in lines:
                found.add(key)
        elif lines & set(range(first, last + 1)):
            found.add(key)

    root = Document(path, text).root
    if root is not None and root.tag.endswith(":map"):
        for key_node, node in root.value:
            walk(node, (str(key_node.value),), key_node.start_mark.line)
    return found


def objection(before: Composed, after: Composed, changes: Sequence[Change], *, exact: bool) -> str | None:
    """What speaks against the changes, in words, or None. With `exact` false only that something fails now."""
    inheritance = any(change.mends_inheritance for change in changes if change.group is not None)
    for case, old in before.leaves.items():
        if case not in after.leaves:
            continue
        new = after.leaves[case]
        if old is None:
            reason = _guess(after, case, new, changes) if exact and new is not None else None
            if reason is not None:
                return reason
            continue
        if new is None:
            return f"it would no longer compose with {case}"
        for key in sorted(old.keys() | new.keys()) if exact and not _same(old, new) else ():
            if (key in old) == (key in new) and _same(old.get(key), new.get(key)):
                continue
            if any(change.is_about(key, old, new) for change in changes):
                continue
            if old.get(key) == {} and any(_begins(other, key) for other in new):
                continue  # nothing is lost: what came in is looked at by itself
            if inheritance and key in new and after.says(case, key, new[key]):
                continue
            was, now = (repr(leaves[key]) if key in leaves else "nothing" for leaves in (old, new))
            return f"{'.'.join(key)} would change from {was} to {now} with {case}"
    return None


def _guess(after: Composed, case: Case, new: Leaves, changes: Sequence[Change]) -> str | None:
    """Why nobody can tell whether a combination that failed before is right now, or None where it surely is."""
    for change in changes:
        option = (change.group, change.path.stem)
        if option not in case.choices:
            continue
        if change.moves:
            unknown = next((key for key in new if not after.knows(case, key)), None)
            if unknown is not None:
                return f"{case} would compose with {'.'.join(unknown)}, which nothing else knows"
            continue
        for inner, value in _written(Document(change.path, change.after)).items():
            key = (*(change.group or "").split("/"), *inner)
            if inner[0] != "defaults" and key in new and not _is_read_as(value, new[key]) and value != "???":
                return f"{'.'.join(key)} would be {new[key]!r}, not {value!r} as the file says, with {case}"
    return None
