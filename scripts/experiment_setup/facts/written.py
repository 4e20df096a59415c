"""The values of a parameter set as they are written: what YAML read, what was typed, and what the field is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import yaml
from omegaconf import (
    BooleanNode,
    DictConfig,
    FloatNode,
    IntegerNode,
    ListConfig,
    OmegaConf,
    StringNode,
)
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import nodes
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.location import Location
from experiment_setup.reading.source import Document

Steps = tuple[str | int, ...]

_KINDS: dict[type, type] = {StringNode: str, IntegerNode: int, FloatNode: float, BooleanNode: bool}


# Three rules ask about the same mismatches. A document belongs to one check.
_mismatches: WeakKeyDictionary[Document, list[tuple[Steps, Any, type]]] = WeakKeyDictionary()


def values(document: Document) -> dict[str, Any]:
    """What the file sets, as plain values, without its defaults list; {} for anything but a mapping."""
    found = entries.content(document)
    return {str(key): value for key, value in found.items() if key != "defaults"} if isinstance(found, dict) else {}


def leaves(value: Any, path: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """Every scalar below `value`, and every list and mapping without content, with its path."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves(child, (*path, str(key)))
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from leaves(child, (*path, index))
    else:
        yield path, value


def given(context: ExperimentContext, option: Option, default: dict[Steps, Any]) -> dict[Steps, Any]:
    """What an option and those that it inherits from set; `default`: what a dataclass among those does."""
    options = context.options.by_group[option.group]
    found: dict[Steps, Any] = {}
    for name in reversed(entries.lineage(options, option.name)):
        if name in options:
            found |= dict(leaves(values(options[name].document)))
        elif context.schema.registration(option.group, name):
            found |= default
    return found


def lists(value: Any, path: Steps = ()) -> Iterator[tuple[Steps, list[Any]]]:
    """Every list below `value` that is in no other list, with its path."""
    if isinstance(value, list):
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from lists(child, (*path, str(key)))


def schema(context: ExperimentContext, group: str) -> DictConfig | None:
    """The node of the dataclass that is the group's default, or None."""
    registration = context.options.registration(group)
    if registration is None or any(problem.fatal for problem in context.schema.problems):
        return None
    try:
        node = context.schema.structured(registration)
    except (OmegaConfBaseException, NameError, TypeError, ValueError, AssertionError, AttributeError):
        return None
    return node if isinstance(node, DictConfig) else None


def declared(node: Any, path: Steps) -> Any:
    """The node below `node` at `path`; for an element of a list or dict, its element type; None if there is none."""
    for step in path:
        if isinstance(node, (DictConfig, ListConfig)) and OmegaConf.get_type(node) in (dict, list):
            known = nodes.child(node, step) if isinstance(node, DictConfig) and step in node else None
            node = known if known is not None and kind(known) else nodes.element_type(node)
        elif nodes.is_mapping(node):
            node = nodes.child(node, step) if step in node else None
        else:
            return None
    return node


def with_values(context: ExperimentContext) -> Iterator[tuple[str | None, Document]]:
    """The file of every option with its group, None where it is written from the root, as the primary config is with
    those that it includes.
    """
    options = [*context.options.all(), *context.options.added]
    known = {option.path for option in options}
    yield from ((option.group if option.package() else None, option.document) for option in options)
    yield from ((None, document) for document in context.options.primary_lineage if document.path not in known)


def declared_at(context: ExperimentContext, group: str | None, path: Steps) -> Any:
    """What the dataclass of a group declares for a value of its file; `group` is None where that is written from the
    root.
    """
    if group is None:
        group, path = str(path[0]), path[1:]
    return declared(schema(context, group), path)


def kind(node: Any) -> type | None:
    """str, int, float or bool for a field (or element type) that is one of these; None for all else."""
    if isinstance(node, type):
        return node if node in (str, int, float, bool) else None
    return _KINDS.get(type(node))


def typed(context: ExperimentContext) -> Iterator[tuple[Option, Steps, Any, type]]:
    """Every scalar of every option whose field is a str, int, float or bool and whose YAML type is another."""
    for group, options in context.options.by_group.items():
        root = schema(context, group)
        kinds: dict[Steps, type | None] = {}
        for option in options.values() if root is not None else ():
            found = _mismatches.get(option.document)
            if found is None:
                found = _mismatches[option.document] = list(_mismatched(root, option.document, kinds))
            for path, value, wanted in found:
                yield option, path, value, wanted


def _mismatched(root: Any, document: Document, kinds: dict[Steps, type | None]) -> Iterator[tuple[Steps, Any, type]]:
    for path, value in leaves(values(document)):
        if value is None or value == "???":
            continue
        steps = tuple(0 if isinstance(step, int) else step for step in path)  # all elements of a list have one type
        if steps not in kinds:
            kinds[steps] = kind(declared(root, steps))
        wanted = kinds[steps]
        if wanted is not None and type(value) is not wanted:
            yield path, value, wanted


def scalars(document: Document) -> Iterator[tuple[Steps, yaml.ScalarNode | None, yaml.ScalarNode]]:
    """Every scalar value outside the defaults list: its path, its key (None in a list), and its syntax."""
    root = document.root
    if isinstance(root, yaml.MappingNode):
        for key, value in root.value:
            if key.value != "defaults":
                yield from _scalars(value, (str(key.value),), key)


def _scalars(
    node: yaml.Node, path: Steps, key: yaml.ScalarNode | None
) -> Iterator[tuple[Steps, yaml.ScalarNode | None, yaml.ScalarNode]]:
    if isinstance(node, yaml.ScalarNode):
        yield path, key, node
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _scalars(child, (*path, index), None)
    elif isinstance(node, yaml.MappingNode):
        for child_key, child in node.value:
            yield from _scalars(child, (*path, str(child_key.value)), child_key)


def scalar_at(document: Document, path: Steps) -> yaml.ScalarNode | None:
    """The syntax of the scalar at `path`."""
    return next((node for found, _, node in scalars(document) if found == path), None)


def start(document: Document, node: yaml.Node) -> Location:
    """Where a node begins."""
    return Location(document.path, node.start_mark.line + 1, node.start_mark.column + 1)


def at_offset(document: Document, offset: int) -> Location:
    """The place of a character of the text."""
    text = document.text
    begin = entries.line_start(text, offset)
    line = text.count("\n", 0, begin) + 1
    return Location(document.path, line, offset - begin + 1)


def dotted(path: Steps) -> str:
    """A path as users write it: `fold[1]`, `optimizer.lr`."""
    words = ""
    for step in path:
        words += f"[{step}]" if isinstance(step, int) else f".{step}" if words else str(step)
    return words
