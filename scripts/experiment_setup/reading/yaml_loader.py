"""YAML as OmegaConf reads it, several times faster: libyaml's parser below OmegaConf's own resolvers and constructors.

libyaml and PyYAML's own parser differ in corners (tabs, comments that touch a quote, multi-line keys, …), so it only
reads texts whose every line has one of the plain forms that people write; what is odd, or wrong, OmegaConf's loader
reads. From 2.4 on OmegaConf uses libyaml itself.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import yaml

from experiment_setup.light import compiled

try:
    from omegaconf._yaml import get_yaml_loader  # type: ignore[import-not-found, unused-ignore]  # OmegaConf 2.4
except ImportError:
    from omegaconf._utils import get_yaml_loader  # type: ignore[attr-defined, no-redef, unused-ignore]
try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]
except ImportError:  # PyYAML was built without libyaml
    CParser = None  # type: ignore[misc, assignment]

Loader: Any = get_yaml_loader()
STR = yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG


_IS_FAST = CParser is not None and issubclass(Loader, CParser)
_own = Loader("")


@lru_cache(maxsize=4096)  # files of one folder share most of their words
def _tag(word: str) -> Any:
    return _own.resolve(yaml.ScalarNode, word, (True, False))


def _fast_loader() -> Any:
    if CParser is None:
        return Loader
    bases = (Loader,) if _IS_FAST else (CParser, Loader)

    class FastLoader(*bases):  # type: ignore[misc]
        def __init__(self, text: str) -> None:
            bases[0].__init__(self, text)
            yaml.constructor.SafeConstructor.__init__(self)
            yaml.resolver.Resolver.__init__(self)

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            if kind is yaml.ScalarNode and implicit[0]:
                return _tag(value)
            return super().resolve(kind, value, implicit)

    return FastLoader


_FastLoader = _fast_loader()

# What is no printable character to both parsers, or is one (a tab, another line break) that they take differently.
_ODD_IN_ASCII = compiled(r"[^\n -~]")
_ODD_CHARACTER = compiled("[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_QUOTED = r"""(?:"[^"\\\n]*"|'[^'\n]*')"""
_ITEM = rf"(?:-?[A-Za-z0-9_.][A-Za-z0-9_.+\-]*|{_QUOTED})"
_INSIDE = r"""[^#:"'\[\]`\\\n]*"""  # all that comes at once: character by character, each takes 150 bytes
_WORDS = rf"(?:[A-Za-z0-9_./~$(]|[+\-](?=[0-9.])){_INSIDE}(?::(?![ \n]){_INSIDE})*"
_ENTRY = rf"[A-Za-z_][A-Za-z0-9_\-/.]*: +{_ITEM}"
_FLAT = rf"\[ *(?:{_ITEM}(?: *, *{_ITEM})*)? *\]|\{{ *(?:{_ENTRY}(?: *, *{_ENTRY})*)? *\}}"
_IN_BRACKETS = rf"{_FLAT}|\[ *(?:{_ITEM}|{_FLAT})(?: *, *(?:{_ITEM}|{_FLAT}))* *\]"
_VALUE = rf"(?:{_WORDS}|{_QUOTED}|{_IN_BRACKETS}|\?\?\?)"
_KEY = r"(?:[A-Za-z_/]|\.\.?/)[A-Za-z0-9_\-/.@]*(?: [A-Za-z0-9_\-/.@]+)*:"  # `/db` and `../db` are groups
_PAIR = rf"{_KEY}(?: +{_VALUE})?"
_END = r" *(?:(?:(?<= )|(?<=\n))#.*)?\n+"
_LINE = rf" *(?:- +)?(?:{_PAIR}|(?<=- ){_VALUE})?{_END}"
# A list in brackets over several lines, each of which ends in a comma or in the last bracket.
_ITEMS = rf"{_ITEM}(?: *, *{_ITEM})* *"
_LIST = rf" *{_KEY} +\[ *(?:{_ITEMS},)?{_END}(?: *(?:{_ITEMS},)?{_END})* *(?:{_ITEMS}(?:{_END} *)?)?\]{_END}"
# Each line is matched once and for all (`(?=(…))\1` is an atomic group): a line of words and spaces can match in many
# ways, and with an odd line at the end of a long file all their products would be tried.
_START = rf"(?:---{_END}(?: *#.*\n+)*(?= *[^ \n#]))?"  # of a document that has something in it
_PLAIN_TEXT = compiled(rf"\n{_START}(?:(?=({_LINE}|{_LIST}))\1)*\Z")


DEEPEST = 100  # levels; OmegaConf's recursion ends at 73 to 95, by its release and Python's
LISTED = 1_000  # entries of a defaults list; Hydra takes seconds for as many, and the square of that for more
PARTS = 10_000  # of an interpolation; OmegaConf's grammar takes 0.1 ms for each, each time
MOST = 100_000  # keys and values, with every alias written out as OmegaConf does; it needs some 5 kB for each


class TooMuch(yaml.MarkedYAMLError):
    """A text that nobody could read: too deep, without end, or a few lines that come to millions of values."""

    def __init__(self, words: str, mark: Any) -> None:
        super().__init__(problem=words, problem_mark=mark)


def parse(text: str) -> yaml.Node | None:
    """The syntax tree; None for a text without content.

    Raises PyYAML's errors, as OmegaConf's loader does, and TooMuch before anything is built of such a text.
    """
    if _may_be_too_much(text):
        _refuse_events(text)
    try:
        node = _parsed(text)
        if node is not None and _may_have_aliases(text):
            _written_out(node, {})
    except RecursionError:
        raise TooMuch(_TOO_DEEP, None) from None
    except ValueError as error:  # of a number in a %YAML line: Python takes it for too long
        raise TooMuch(str(error), None) from None
    if node is not None and _may_be_deep(text) and (deep := below(node, DEEPEST)):
        raise TooMuch(_TOO_DEEP, deep.start_mark)
    if node is not None and _LONG_NUMBER.search(text):
        _refuse_long_numbers(node)
    if node is not None and _may_list_too_much(text):
        _refuse_long_list(node)
    if node is not None and _parts_of_references(text) > PARTS:
        _refuse_long_references(node)
    return node


@lru_cache(maxsize=256)  # Hydra reads the same options for each composition
def refuse_too_much(text: str) -> None:
    """Raise TooMuch for a text that `parse` refuses for that, before somebody else reads it."""
    if (
        _may_be_too_much(text)
        or _may_have_aliases(text)
        or _LONG_NUMBER.search(text)
        or _may_list_too_much(text)
        or _parts_of_references(text) > PARTS
    ):
        try:
            parse(text)
        except TooMuch:
            raise
        except yaml.YAMLError:
            pass  # whoever reads it says so


_BRACKET = compiled(r"[\[\]{}]")
_LEAD = compiled(r"^[ \t?:\-]{20,}", re.MULTILINE)  # in which each level of a block has a character
_TOO_DEEP = f"nested more than {DEEPEST} levels deep: Hydra cannot read it"


def _may_be_too_much(text: str) -> bool:
    """Whether to look at the events of a text first, since it has too many values or goes too deep in a usual way."""
    many = len(text) > MOST and sum(map(text.count, "\n:,[{?-")) > MOST
    return many or (_may_be_deep(text) and (_deepest_bracket(text) > DEEPEST or _longest_lead(text) > DEEPEST))


def _may_be_deep(text: str) -> bool:
    """Whether to look how deep a text goes: each level takes a bracket, a column, or an alias."""
    brackets = text.count("[") + text.count("{")
    return _may_have_aliases(text) or brackets > DEEPEST or brackets + _longest_lead(text) > DEEPEST


def _longest_lead(text: str) -> int:
    return max((len(found[0]) for found in _LEAD.finditer(text)), default=20)


def below(root: yaml.Node, levels: int) -> yaml.Node | None:
    """A list or mapping that lies below so many levels of a tree, which has its aliases written out."""
    found = [root]
    for _ in range(levels):
        children = (child for node in found for child in _children(node))
        found = [child for child in children if isinstance(child, yaml.CollectionNode)]
    return next(iter(found), None)


def _children(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return (part for pair in node.value for part in pair)
    return node.value if isinstance(node, yaml.SequenceNode) else ()


def _may_list_too_much(text: str) -> bool:
    return len(text) > 2 * LISTED and "defaults" in text and sum(map(text.count, "\n,")) > LISTED


def _refuse_long_list(root: yaml.Node) -> None:
    """Raise TooMuch where the file has a defaults list of too many entries, or one with too many options."""
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "defaults" and isinstance(value, yaml.SequenceNode):
            options = (
                option for entry in value.value if isinstance(entry, yaml.MappingNode) for _, option in entry.value
            )
            count = len(value.value) + sum(len(o.value) for o in options if isinstance(o, yaml.SequenceNode))
            if count > LISTED:
                words = f"a defaults list of {count:,} entries, and one is read up to {LISTED:,} of them"
                raise TooMuch(words, key.start_mark)


def _may_have_aliases(text: str) -> bool:
    return "&" in text and "*" in text


def _deepest_bracket(text: str) -> int:
    """How deep lists and mappings in brackets go, where those in comments and quotes count as well."""
    depth = deepest = 0
    for found in _BRACKET.finditer(text):
        depth = depth + 1 if found[0] in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _refuse_events(text: str) -> None:
    """Raise TooMuch where the text is too deep or has too many values; its events come one by one, unrecursively."""
    depth = count = 0
    many = f"more than {MOST:,} keys and values, and a file is read no further than that"
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader if CParser is None else yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            count += isinstance(event, yaml.NodeEvent)
            if depth > DEEPEST or count > MOST:
                raise TooMuch(_TOO_DEEP if depth > DEEPEST else many, event.start_mark)
    except TooMuch:
        raise
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in str(error.problem):  # libyaml looks ahead, and has a limit of its own
            raise TooMuch(_TOO_DEEP, error.problem_mark) from None


_LETTERS = 100  # of a text count as one more value where aliases may repeat it


def _written_out(node: yaml.Node, known: dict[int, int | None]) -> int:
    """How many values a tree has with its aliases written out. Raises TooMuch where that is without bounds."""
    count = known.get(id(node), 0)
    if count is None:
        raise TooMuch("an alias stands within what it names: that has no end", node.start_mark)
    if isinstance(node, yaml.ScalarNode):
        return 1 + len(node.value) // _LETTERS
    if count:
        return count
    known[id(node)] = None
    count = 1 + sum(_written_out(child, known) for child in _children(node))
    if count > MOST:
        words = f"comes to more than {MOST:,} values with its aliases written out, as Hydra does: it cannot be read"
        raise TooMuch(words, node.start_mark)
    known[id(node)] = count
    return count


# Python writes no integer of more than 4,300 digits (sys.set_int_max_str_digits), and so no config that has one.
_DIGITS = 4_300
_LONG_NUMBER = compiled(r"\b0[xXbBoO0-9][0-9a-fA-F_]{3500}|(?<![0-9_:])[0-9][0-9_:]{2400}")


def _refuse_long_numbers(root: yaml.Node) -> None:
    """Raise TooMuch where a number in another base than ten is too long to be written in it."""
    for node in _nodes(root):
        if node.tag == "tag:yaml.org,2002:int" and isinstance(node, yaml.ScalarNode):
            bits = {"x": 4, "X": 4, "b": 1, "B": 1}.get(node.value.lstrip("+-")[1:2], 3) * len(node.value)
            if ":" in node.value:
                bits = math.log2(60) * node.value.count(":")
            if bits > _DIGITS * math.log2(10):
                raise TooMuch(f"a number of more than {_DIGITS:,} digits: nobody can write it", node.start_mark)


def _parts_of_references(text: str) -> int:
    """About how many parts the interpolations of a text have, at most; 0 where there are none."""
    if "${" not in text:
        return 0
    commas = text.count(",")
    empty = len(_EMPTY.findall(text)) if commas * _OF_EMPTY > PARTS else 0  # of which OmegaConf warns, with all of it
    return text.count("${") + text.count("[") + commas + empty * _OF_EMPTY


_EMPTY, _OF_EMPTY = compiled(r",(?=\s*,)"), 20


def _refuse_long_references(root: yaml.Node) -> None:
    """Raise TooMuch where a text has an interpolation of too many parts."""
    for node in _nodes(root):
        if isinstance(node, yaml.ScalarNode) and _parts_of_references(node.value) > PARTS:
            raise TooMuch(f"an interpolation of more than {PARTS:,} parts: it is read no further", node.start_mark)


def _parsed(text: str) -> yaml.Node | None:
    if _IS_FAST:
        return _node(_FastLoader, text)
    if CParser is not None and _is_plain(text):
        try:
            return _node(_FastLoader, text)
        except yaml.YAMLError:
            pass  # the words and places of the error are those of the other parser
    return _node(Loader, text)


def _is_plain(text: str) -> bool:
    lines = f"\n{text}" if text.endswith("\n") else f"\n{text}\n"
    odd = _ODD_IN_ASCII if text.isascii() else _ODD_CHARACTER
    return _PLAIN_TEXT.match(lines) is not None and odd.search(text) is None


def _node(loader: Any, text: str) -> yaml.Node | None:
    reader = loader(text)
    try:
        node: yaml.Node | None = reader.get_single_node()
    finally:
        reader.dispose()
    if node is not None and CParser is not None and isinstance(reader, CParser):
        _as_pyyaml(node, len(text) - len(text.removeprefix("\ufeff")))
    return node


def _as_pyyaml(root: yaml.Node, bom: int) -> None:
    """libyaml calls the style of a bare word "", PyYAML None; and it does not count a byte order mark."""
    for node in _nodes(root):
        if bom:
            node.start_mark, node.end_mark = (_later(mark, bom) for mark in (node.start_mark, node.end_mark))
        if isinstance(node, yaml.ScalarNode):
            node.style = node.style or None


def _later(mark: yaml.Mark, characters: int) -> yaml.Mark:
    return yaml.Mark(mark.name, mark.index + characters, mark.line, mark.column, None, None)  # type: ignore[arg-type]


def construct(node: yaml.Node | None) -> Any:
    """What OmegaConf's loader makes of the syntax tree.

    Raises PyYAML's errors for duplicate keys and unknown tags, and anything at all where a value does not fit its tag.
    """
    if node is None:
        return None
    flat = _flat(node)
    if flat is not None:
        return flat
    return Loader("").construct_document(copy.deepcopy(node) if _is_rewritten(node) else node)


def loads(text: str) -> Any:
    """What a text means by itself. Raises yaml.YAMLError for one that has no meaning, and for TooMuch."""
    try:
        return construct(parse(text))
    except yaml.YAMLError:
        raise
    except Exception as error:  # anything at all where a value does not fit its tag
        raise yaml.YAMLError(str(error)) from error


def _is_rewritten(node: yaml.Node) -> bool:
    """Whether PyYAML changes the tree while it constructs: a key `<<` is replaced by what it stands for."""
    mappings = (found for found in _nodes(node) if isinstance(found, yaml.MappingNode))
    return any(key.tag in _REWRITTEN for mapping in mappings for key, _ in mapping.value)


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Every node of a tree, one that is named again once."""
    waiting, seen = [root], set[int]()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += _children(current)


_REWRITTEN = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")


_SCALARS = {
    tag: Loader.yaml_constructors[tag]
    for tag in (STR, *(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null")))
}


def _flat(node: yaml.Node) -> dict[str, Any] | None:
    """The mapping, if there is nothing in it but scalars, lists, and mappings with different text keys."""
    try:
        return _plain_mapping(node) if isinstance(node, yaml.MappingNode) else None
    except Exception:  # OmegaConf's loader is to say what is wrong
        return None


def _plain_mapping(node: yaml.MappingNode) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in node.value:
        if key.tag != STR or not isinstance(key, yaml.ScalarNode) or key.value in result:
            raise ValueError(key)
        result[key.value] = _plain_value(value)
    if node.tag != "tag:yaml.org,2002:map":
        raise ValueError(node.tag)
    return result


def _plain_value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _SCALARS[node.tag](_own, node)
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node)
    if node.tag != "tag:yaml.org,2002:seq":
        raise ValueError(node.tag)
    return [_plain_value(item) for item in node.value]


def misfits(root: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """The scalars that are no value of their tags, as in `!!int three`."""
    loader = yaml.SafeLoader("")
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            try:
                loader.construct_object(node)
            except yaml.YAMLError:
                continue
            except (ValueError, LookupError, AttributeError, ArithmeticError):
                yield node
        elif isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)
        elif isinstance(node, yaml.MappingNode):
            waiting += reversed([part for pair in node.value for part in pair])
