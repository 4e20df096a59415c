"""Defaults lists taken apart: what an entry names, where it puts it, and who inherits from whom."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import yaml
from omegaconf import DictConfig

from experiment_setup import nodes
from experiment_setup.facts.experiment import ExperimentContext, once
from experiment_setup.facts.options import Option
from experiment_setup.findings import Edit
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document, SourceError

HERE = "_here_"
SELF = "_self_"


@dataclass(frozen=True)
class Entry:
    """One entry: `[optional|override] [GROUP:] OPTION[@PACKAGE]`; `value` is what YAML made of it."""

    index: int
    value: Any
    keywords: tuple[str, ...] = ()
    group: str | None = None  # None: a plain entry, `option@_here_`
    option: str | None = None
    package: str | None = None

    @property
    def is_self(self) -> bool:
        """Whether it stands for the file's own content."""
        return bool(self.value == SELF)

    @property
    def is_plain(self) -> bool:
        """Whether it is a string, so that it names a config and not a group."""
        return isinstance(self.value, str) and not self.is_self


def content(document: Document) -> Any:
    """What the file holds, as plain values; None where it is empty or not YAML (another rule's finding)."""
    try:
        return document.data
    except (SourceError, OSError):
        return None


def own_keys(document: Document) -> list[str]:
    """The keys of the file besides `defaults`."""
    found = content(document)
    return [str(key) for key in found if key != "defaults"] if isinstance(found, dict) else []


def is_alias(option: Option) -> bool:
    """Whether a parameter set is nothing but another name for one that it inherits."""
    parents = [parent for parent in option.document.parents if parent != "default"]
    return len(parents) == 1 and not own_keys(option.document)


def entries(document: Document) -> list[Entry]:
    """The entries of the file's defaults list; [] where there is none that Hydra could read."""
    if document not in _entries_of:
        found = content(document)
        defaults = found.get("defaults") if isinstance(found, dict) else None
        listed = enumerate(defaults) if isinstance(defaults, list) else ()
        _entries_of[document] = [_entry(index, item) for index, item in listed]
    return _entries_of[document]


_entries_of: WeakKeyDictionary[Document, list[Entry]] = WeakKeyDictionary()  # each heir asks for all that it inherits


def of_primary(context: ExperimentContext) -> list[Entry]:
    """The entries of config.yaml."""
    return entries(context.options.primary) if context.options.has_primary else []


def chooses(entry: Entry) -> bool:
    """Whether the entry is a `group: option` of the config's own groups."""
    return entry.group is not None and "override" not in entry.keywords


def is_like_self(entry: Entry) -> bool:
    """Whether the entry was meant as `_self_`: misspelled, or with a colon behind it."""
    word = (entry.option if entry.is_plain else entry.group) or ""
    return not entry.is_self and did_you_mean(word.strip("_"), ["self"]) is not None


def _entry(index: int, item: Any) -> Entry:
    if isinstance(item, dict) and len(item) == 1:
        key, option = next(iter(item.items()))
        *keywords, group = str(key).split() or [""]
        group, _, package = group.partition("@")
        chosen = None if option is None else str(option)
        return Entry(index, item, tuple(keywords), group, chosen, package or None)
    if isinstance(item, str):
        option, _, package = item.partition("@")
        return Entry(index, item, (), None, option, package or None)
    return Entry(index, item)


def parent(group: str, entry: Entry) -> str | None:
    """The option of the same group that a plain entry merges into the file's own place, or None."""
    if not entry.is_plain or entry.package not in (None, HERE, "_group_"):
        return None
    name = (entry.option or "").removesuffix(".yaml")
    if name.startswith("/"):
        prefix = f"/{group}/"
        return name.removeprefix(prefix) if name.startswith(prefix) and entry.package == HERE else None
    return name


def parents(option: Option) -> list[tuple[Entry, str]]:
    """The options that `option` inherits from, each with its entry."""
    named = ((entry, parent(option.group, entry)) for entry in entries(option.document))
    return [(entry, name) for entry, name in named if name is not None]


def inheriting(context: ExperimentContext, option: Option, name: str) -> str:
    """The entry with which an option inherits from another of its group, as the options beside it write that:
    `default`, or else `default@_here_`. Without a header the two are the same to Hydra.
    """
    written, own = _packages_of_parents(context)[option.group], _packages(option)
    bare = option.document.header is None and written[None] - own[None] > written[HERE] - own[HERE]
    return name if bare else f"{name}@{HERE}"


@once
def _packages_of_parents(context: ExperimentContext) -> dict[str, Counter[str | None]]:
    """How often the options of each group write each package where they inherit from others of it."""
    counts: dict[str, Counter[str | None]] = defaultdict(Counter)
    for option in context.options.all():
        counts[option.group].update(_packages(option))
    return counts


def _packages(option: Option) -> Counter[str | None]:
    return Counter(entry.package for entry, _ in parents(option) if not option.document.header)


def lineage(options: Mapping[str, Option], name: str) -> list[str]:
    """`name` and everything that it inherits from, nearest first; a cycle is followed once."""
    seen: dict[str, None] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen[current] = None
        if current in options:
            waiting += [above for _, above in parents(options[current])]
    return list(seen)


def only_a_base(context: ExperimentContext, option: Option) -> bool:
    """Whether the option only serves as what others of its group inherit, and is no choice of its own.

    Such a file leaves to its heirs what it does not give. config.yaml does not choose it; a parameter set or an
    environment that others inherit is a choice as well, unless its name begins with an underscore.
    """
    if context.options.groups.get(option.group) == option.name:
        return False
    if option.group in (SETS, ENVIRONMENTS) and not option.name.startswith("_"):
        return False
    return option.name in _inherited_beside(context, option.group) | inherited_in_folders(context, option.group)


def _inherited_beside(context: ExperimentContext, group: str) -> frozenset[str]:
    """The options of a group that others beside them inherit from."""
    known = _inherited(context)
    if group not in known:
        added = (option for option in context.options.added if option.group == group)
        options = (*context.options.by_group.get(group, {}).values(), *added)
        known[group] = frozenset(name for heir in options for _, name in parents(heir) if name != heir.name)
    return known[group]


@once
def _inherited(_: ExperimentContext) -> dict[str, frozenset[str]]:
    return {}


def inherited_in_folders(context: ExperimentContext, group: str) -> frozenset[str]:
    """The options that those in folders of a group inherit from, as `sim/reach` does from `sim`."""
    known = _inherited_in_folders(context)
    if group not in known:
        known[group] = frozenset(_parents_in_folders(context, group))
    return known[group]


@once
def _inherited_in_folders(_: ExperimentContext) -> dict[str, frozenset[str]]:
    return {}


def _parents_in_folders(context: ExperimentContext, group: str) -> Iterator[str]:
    for name, path in context.experiment.options_in_folders(group).items():
        if "/" in name:
            yield from context.composer.document(path).parents


def names(context: ExperimentContext, group: str) -> list[str]:
    """What can stand in `group=…`: files and stored configs."""
    stored = [r.name for r in context.schema.registrations if r.group == group]
    return [*context.options.by_group.get(group, {}), *stored]


_HERE_LIKE = compiled(r"_*(?:h+e+r+e*|he+a?re?|her|hrer?|heer|ehre)_*", re.IGNORECASE)


def is_like_here(package: str) -> bool:
    """Whether the package is `_here_`, misspelled (`_hear_`, `__here__`, `_HERE_`, `_here`, `here`)."""
    return package != HERE and bool(_HERE_LIKE.fullmatch(package.strip().replace("-", "_")))


@lru_cache(1 << 14)
def one_letter_away(one: str, other: str) -> bool:
    """Whether two words differ by one letter left out, added, changed or swapped with the next; digits do not count."""
    if abs(len(one) - len(other)) > 1:
        return False
    if one.lower() == other.lower():
        return True
    short, long = sorted((one, other), key=len)
    if len(short) < 2 or re.sub(r"\d", "", one) == re.sub(r"\d", "", other):
        return False
    at = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :] and not long[at].isdigit() and long[at] != "_"
    if len(short) < 4:
        return False
    swapped = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return swapped or (short[at + 1 :] == long[at + 1 :] and not (short[at] + long[at]).isdigit() and at > 0)


def spelled_alike(word: str, known: Iterable[str]) -> str | None:
    """The name that is spelled the same but for a letter of each part, or for capitals, hyphens and underscores."""
    names = list(known)
    same = (name for name in names if _folded(name) == _folded(word))
    return next(same, None) or next((name for name in names if _is_alike(word, name)), None)


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _is_alike(one: str, other: str) -> bool:
    """Whether a letter makes the difference, in each part of it; parts of one letter are others, as in `dim_x`."""
    left, right = one.strip("_").split("_"), other.strip("_").split("_")
    if len(left) != len(right):
        return False
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a != b]
    if any(len(a) == len(b) == 1 for a, b in pairs):
        return False
    return one_letter_away("".join(left), "".join(right)) or all(one_letter_away(*pair) for pair in pairs)


# --- editing the text of a list ---


def item_node(document: Document, index: int) -> yaml.Node | None:
    """The syntax of the entry at `index`."""
    items = _list_node(document)
    return items.value[index] if items is not None and index < len(items.value) else None


def _list_node(document: Document) -> yaml.SequenceNode | None:
    if isinstance(document.root, yaml.MappingNode):
        for key, value in document.root.value:
            if key.value == "defaults" and isinstance(value, yaml.SequenceNode):
                return value
    return None


def written(document: Document, node: yaml.Node) -> str:
    """The characters of a node, quotes included."""
    return document.text[node.start_mark.index : node.end_mark.index]


_ANCHOR = compiled(r"&[^\s,\[\]{}]+[ \t]+")


def replace(document: Document, node: yaml.Node, text: str) -> tuple[Edit, ...]:
    """Write `text` instead of a scalar node, whose anchor stays; () where other lines refer to it."""
    if "*" in document.text and _times(document.root, node) > 1:
        return ()
    start, end = node.start_mark.index, node.end_mark.index
    anchor = _ANCHOR.match(document.text, start, end)
    return (Edit(anchor.end() if anchor else start, end, text),)


def _times(root: yaml.Node | None, wanted: yaml.Node) -> int:
    """How often a node stands in the tree: an alias is the very node that has the anchor."""
    if root is wanted:
        return 1
    children = root.value if isinstance(root, yaml.CollectionNode) else ()
    return sum(_times(part, wanted) for child in children for part in (child if isinstance(child, tuple) else (child,)))


def item_span(document: Document, index: int) -> tuple[int, int] | None:
    """The line of the entry at `index`; None where it shares the line (a flow list), or is the only one."""
    items = _list_node(document)
    node = item_node(document, index)
    if items is None or node is None or items.flow_style or len(items.value) == 1:
        return None
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
        node = node.value[0][1]  # a block mapping ends where the next token begins
    span = line_span(document.text, node)
    return span if span and document.text[slice(*span)].lstrip().startswith("-") else None


def remove_item(document: Document, index: int) -> tuple[Edit, ...]:
    """Delete the entry at `index` with its line, of which a comment stays; () where it has no line of its own."""
    node, span = item_node(document, index), item_span(document, index)
    if node is None or span is None:
        return ()
    if isinstance(node, yaml.MappingNode):
        node = node.value[0][1]
    return remove_line(document.text, span, node.end_mark.index)


def remove_line(text: str, span: tuple[int, int], end: int) -> tuple[Edit, ...]:
    """Delete a line whose content goes to `end`; a comment behind it stays, on a line of its own."""
    comment = re.match(r"[ \t]*(?=#)", text[end : span[1]])
    if comment is None:
        return (Edit(*span, ""),)
    start = span[0] + len(text[slice(*span)]) - len(text[slice(*span)].lstrip(" "))
    return (Edit(start, end + comment.end(), ""),)


def line_span(text: str, node: yaml.Node) -> tuple[int, int] | None:
    """The whole line of a node that fits on one, line end included; None for a longer one."""
    if node.start_mark.line != node.end_mark.line:
        return None
    start = line_start(text, node.start_mark.index)
    end = node.end_mark.index
    while end < len(text) and text[end] not in "\r\n":
        end += 1
    end += 2 if text[end : end + 2] == "\r\n" else 1
    return start, min(end, len(text))


def line_start(text: str, index: int) -> int:
    """Where the line of a character begins (after a byte order mark)."""
    start = max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1
    return start + 1 if text[start : start + 1] == "\ufeff" else start


def newline(text: str) -> str:
    """The file's line end."""
    return "\r\n" if "\r\n" in text else "\n"


def each(context: ExperimentContext) -> Iterator[tuple[Option, list[Entry]]]:
    """Every parameter set and environment with its entries, those of the plain pattern left out."""
    for option in context.options.all():
        found = content(option.document)
        if not isinstance(found, dict) or found.get("defaults") != ["default@_here_"]:
            yield option, entries(option.document)


# --- what comes of an option ---


def fields_lost(context: ExperimentContext, option: Option) -> list[str] | None:
    """The fields that the composed option lacks; [] if only the types are lost; None if it has the schema."""
    found = context.options.config_class(option.group)
    if found is None or not found.decorated or inherits_stored(context, option):
        return None
    composed = context.compositions.of_option(option)
    if composed.failure is not None or composed.config is None:
        return None
    target, own = getattr(found.cls, "_target_", None), content(option.document)
    if isinstance(target, str) and isinstance(own, dict) and own.get("_target_", target) != target:
        return None  # it is built of another class, whose arguments are its own
    values = composed.container.get(option.group)
    fields = [field.name for field in found.fields]
    if not isinstance(values, dict):
        return fields
    if is_typed(composed.config, option.group):
        return None
    missing = [name for name in fields if name not in values]
    if not missing and option.package() == ():
        return None  # written from the root, it has no place for the types of one group
    # Asked through another interpreter, no config has types.
    return missing if missing or is_typed(context.compositions.at().config, option.group) else None


def inherits_stored(context: ExperimentContext, option: Option) -> bool:
    """Whether a config that the code stores for the group is among what the option inherits."""
    above = lineage(context.options.by_group[option.group], option.name)[1:]
    return option.document.header is None and any(context.schema.registration(option.group, name) for name in above)


def is_typed(config: DictConfig | None, group: str) -> bool:
    """Whether the composed values of a group are those of a dataclass."""
    node = nodes.child(config, group)
    return nodes.is_mapping(node) and nodes.is_structured(node)


def breaks(context: ExperimentContext, option: Option) -> bool:
    """Whether the option fails to compose, as the config without it does not, or lacks the fields of its dataclass."""
    failure = context.compositions.of_option(option).failure
    return (failure is not None and failure != context.compositions.base.failure) or bool(fields_lost(context, option))


def becomes(meant: Any, composed: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """What the values that a file says come to where that is something else: `opt.lr: 9 becomes 3`."""
    if isinstance(meant, dict) and isinstance(composed, dict):
        for key, value in meant.items():
            yield from becomes(value, composed.get(key), (*path, str(key)))
    elif differs(meant, composed):
        yield f"{'.'.join(path)}: {_as_yaml(meant)} becomes {_as_yaml(composed)}"


def _as_yaml(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def changed(context: ExperimentContext, option: Option, key: str) -> bool:
    """Whether the composed value of a key is another than the file's."""
    own, composed = content(option.document), composed_at(context, option)
    return isinstance(own, dict) and isinstance(composed, dict) and differs(own[key], composed.get(key))


def composed_at(context: ExperimentContext, option: Option) -> Any:
    """What stands in the composed config where the option's content goes; None where it does not compose."""
    return nodes.within(context.compositions.of_option(option).container, option.package())


def differs(mine: Any, composed: Any) -> bool:
    """Whether a value, or what a mapping says, is another one after composing."""
    if isinstance(mine, dict) and isinstance(composed, dict):
        return any(differs(value, composed.get(key)) for key, value in mine.items())
    return str(mine) not in (str(composed), getattr(composed, "name", None))


def place(option: Option, entry: Entry) -> Location:
    """Where an entry is written."""
    return option.document.value(["defaults", entry.index])


def rewrite(document: Document, entry: Entry, text: str) -> tuple[Edit, ...]:
    """The entry replaced by `text`, if it stands on one line."""
    node = item_node(document, entry.index)
    if node is None or node.start_mark.line != node.end_mark.line:
        # A block mapping ends where the next token begins; its value knows better.
        last = node.value[0][1] if isinstance(node, yaml.MappingNode) and len(node.value) == 1 else None
        if node is None or last is None or last.start_mark.line != node.start_mark.line:
            return ()
        end = last.end_mark.index if last.end_mark.line == node.start_mark.line else last.start_mark.index
        return (Edit(node.start_mark.index, end, text),)
    return replace(document, node, text)


def shown(entry: Entry) -> str:
    """An entry on one line, as in the file."""
    if isinstance(entry.value, dict) and len(entry.value) == 1:
        key, value = next(iter(entry.value.items()))
        return f"{key}: {'null' if value is None else value}"
    return str(entry.value)
