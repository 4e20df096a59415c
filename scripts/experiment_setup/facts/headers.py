"""The `# @package` line of an option: where it puts the file, and what its keys say about where they belong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from experiment_setup import nodes
from experiment_setup.composing.composed import Composition
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts import guides
from experiment_setup.facts.experiment import ExperimentContext, once
from experiment_setup.facts.options import Option
from experiment_setup.light import compiled
from experiment_setup.nodes import GLOBAL
from experiment_setup.reading.source import Document

_MEANT = compiled(r"^[ \t]*#[ \t]*(?P<at>@?)(?P<word>[A-Za-z]{6,8}):?[ \t]+(?P<package>[\w.]+)[ \t]*$", re.M)


def overlooked(document: Document, group: str) -> re.Match[str] | None:
    """The line that is meant as a header for another place than the group, and is none to Hydra: below other lines, or
    misspelled (`# @pacakge _global_`); None where there is none, or a right one.
    """
    text = document.text_or_empty
    if not ("@" in text or GLOBAL in text) or document.package is not None:
        return None
    for line in _MEANT.finditer(text):
        word, place = line["word"].lower(), line["package"]
        right, near = word == "package", entries.one_letter_away(word, "package")
        own = nodes.names(group.replace("/", "."))
        is_own = (
            place == "_group_" or (nodes.in_package(place) if place.startswith(GLOBAL) else nodes.names(place)) == own
        )
        if (right or near) and (line["at"] or place == GLOBAL) and not is_own:
            return line
    return None


def is_meant_for_the_root(option: Option) -> bool:
    """Whether a header for the root of the config is misspelled, or stands where Hydra passes over it."""
    line = overlooked(option.document, option.group)
    return is_nearly_global(option.document) or (line is not None and line["package"] == GLOBAL)


def composed_with(context: ExperimentContext) -> Iterator[tuple[Option, Callable[[], Composition]]]:
    """Each option, what it inherits from and what the primary config includes, with what is composed of it."""
    root, seen = context.experiment.config_dir, {context.experiment.config_file}
    found: list[tuple[Option | None, Document, Callable[[], Composition]]] = [
        (option, document, partial(context.compositions.of_option, option))
        for option in (*context.options.all(), *context.options.added)
        for document in context.options.lineage(option)
    ]
    found += ((None, document, context.compositions.at) for document in context.options.included)
    for option, document, outcome in found:
        folder = document.path.parent
        if document.path in seen or folder == root or not folder.is_relative_to(root):
            continue
        seen.add(document.path)
        if option is not None and option.path == document.path:
            yield option, outcome
        else:
            yield Option(folder.relative_to(root).as_posix(), document.path.stem, document), outcome


def read_in_its_group(context: ExperimentContext, option: Option) -> str | None:
    """A key of the file that the code reads at the place of its group; None where it reads none of them there."""
    group = option.group.split("/")
    for key in entries.own_keys(option.document):
        place = (*group, key)
        if any(use.path[: len(place)] == place for use in context.code.reading.uses):
            return ".".join(place)
    return None


def is_nearly_global(document: Document) -> bool:
    """Whether the header names the package `_global_`, but for a letter or for its underscores; no code has a key
    `global`, which is a keyword of Python's, unless a group is called so.
    """
    found = document.package
    if found is None or found == GLOBAL:
        return False
    bare = found.lower().strip("_") == GLOBAL.strip("_") and (found != document.path.parent.name)
    return bare or entries.one_letter_away(found, GLOBAL)


def overrides_the_root(context: ExperimentContext, document: Document) -> bool:
    """Whether the defaults list of a file chooses again in a group of the primary config: `override /model: large`."""
    groups = [entry.group or "" for entry in entries.entries(document) if "override" in entry.keywords]
    return any(group.startswith("/") and group[1:] in context.options.groups for group in groups)


def is_from_the_root(document: Document) -> bool:
    """Whether the header puts the file at the root of the config, as Hydra's "experiment" pattern has it."""
    return GLOBAL in (document.header or "")


@once
def _heirs(context: ExperimentContext) -> dict[tuple[str, str], list[Option]]:
    """The options that inherit from each of their group, by group and name."""
    found: dict[tuple[str, str], list[Option]] = {}
    for group, options in context.options.by_group.items():
        for one in options.values():
            for base in {base for _, base in entries.parents(one)}:
                found.setdefault((group, base), []).append(one)
    return found


def is_put_at_the_root(context: ExperimentContext, option: Option) -> bool:
    """Whether a file without a header only serves others of its group that are written from the root: as `- base` it
    lands where they do. Not one that config.yaml or a command of the guides chooses by itself.
    """
    group, name = option.group, option.name
    if option.document.header is not None or context.options.groups.get(group) == name:
        return False
    heirs = [heir for heir in _heirs(context).get((group, name), []) if heir.name != name]
    at_the_root = bool(heirs) and all(heir.document.package == GLOBAL for heir in heirs)
    return at_the_root and not any(guides.chosen(typed, group) == name for typed in context.commands)


def has_block(document: Document, group: str) -> bool:
    """Whether the file has the keys of a group below the group's name. `experiment: null` is a key like any other."""
    content = entries.content(document)
    return isinstance(content, dict) and isinstance(content.get(group), dict)


@once
def groups_at_the_root(context: ExperimentContext) -> frozenset[str]:
    """The groups whose options are written from the root, as the headers of most of them say."""
    headers = Counter((option.group, option.document.package == GLOBAL) for option in context.options.all())
    return frozenset(group for group, at_root in headers if at_root and headers[group, True] >= headers[group, False])


@once
def root_keys(context: ExperimentContext) -> frozenset[str]:
    """What stands at the top of the config: its groups, the fields of its class, and what config.yaml sets there."""
    config = context.compositions.some
    composed = [str(key) for key in config] if config is not None else []
    return frozenset((*context.options.groups, *composed))


def group_keys(context: ExperimentContext, option: Option) -> frozenset[str]:
    """What stands in the option's group: the fields of its class, and what its other options without a header set."""
    found = context.options.config_class(option.group)
    if found is not None:
        return frozenset(field.name for field in found.fields)
    part = nodes.child(context.compositions.some, option.group)
    typed = [str(key) for key in part] if entries.is_typed(context.compositions.some, option.group) else []
    counted = _keys_of_options(context)[option.group]
    own = set(entries.own_keys(option.document)) if option.document.header is None else ()
    return frozenset((*typed, *(key for key, count in counted.items() if count > (key in own))))


@once
def _keys_of_options(context: ExperimentContext) -> Mapping[str, Counter[str]]:
    """How many options without a header set a key, by config group."""
    counted: dict[str, Counter[str]] = {}
    for group, options in context.options.by_group.items():
        documents = (option.document for option in options.values() if option.document.header is None)
        counted[group] = Counter(key for document in documents for key in set(entries.own_keys(document)))
    return counted


def belongs_at_the_root(context: ExperimentContext, option: Option) -> bool:
    """Whether the file is written from the root of the config, as options of Hydra's experiment pattern are.

    Its keys are parts of the config and none of its group, or it has none and overrides what other entries choose.
    """
    keys = set(entries.own_keys(option.document))
    if not keys:
        return any("override" in entry.keywords for entry in entries.entries(option.document))
    return bool(keys & root_keys(context)) and not keys & group_keys(context, option)


def repeats_the_root(context: ExperimentContext, option: Option) -> bool:
    """Whether the file overrides a group of the root, or has a block with a key that the same block of the root has."""
    if overrides_the_root(context, option.document):
        return True
    content = entries.content(option.document)
    blocks = {str(key): value for key, value in content.items() if isinstance(value, dict)} if content else {}
    parts = ((nodes.child(context.compositions.some, key), block) for key, block in blocks.items())
    return any(nodes.is_mapping(part) and any(key in part for key in block) for part, block in parts)


def belongs_in_its_group(context: ExperimentContext, option: Option) -> bool:
    """Whether the file has keys of its group; without any, whether the group has a dataclass to inherit."""
    keys = set(entries.own_keys(option.document))
    if not keys:
        return context.options.config_class(option.group) is not None and isinstance(
            entries.content(option.document), dict
        )
    return bool(keys & group_keys(context, option))
