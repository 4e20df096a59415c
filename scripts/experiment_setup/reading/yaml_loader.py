"""YAML as OmegaConf reads it, several times faster: libyaml's parser below OmegaConf's own resolvers and constructors.

libyaml and PyYAML's own parser differ in corners (tabs, comments that touch a quote, multi-line keys, …), so it only
reads texts whose every line has one of the plain forms that people write; what is odd, or wrong, OmegaConf's loader
reads. From 2.4 on OmegaConf uses libyaml itself.
"""

from __future__ import annotations

import copy
import re
from functools import lru_cache
from typing import Any

import yaml

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
_ODD_CHARACTER = re.compile("[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_QUOTED = r"""(?:"[^"\\\n]*"|'[^'\n]*')"""
_ITEM = rf"(?:-?[A-Za-z0-9_.][A-Za-z0-9_.+\-]*|{_QUOTED})"
_WORDS = r"""(?:[A-Za-z0-9_./~$(]|[+\-](?=[0-9.]))(?:[^#:"'\[\]`\\\n]|:(?![ \n]))*"""
_VALUE = rf"(?:{_WORDS}|{_QUOTED}|\[ *(?:{_ITEM}(?: *, *{_ITEM})*)? *\])"
_KEY = r"[A-Za-z_][A-Za-z0-9_\-/.@]*(?: [A-Za-z0-9_\-/.@]+)*:"
_PAIR = rf"{_KEY}(?: +{_VALUE})?"
_END = r" *(?:(?:(?<= )|(?<=\n))#.*)?\n"
_LINE = rf" *(?:- +)?(?:{_PAIR}|(?<=- ){_VALUE})?{_END}"
# A list in brackets over several lines, each of which ends in a comma or in the last bracket.
_ITEMS = rf"{_ITEM}(?: *, *{_ITEM})* *"
_LIST = rf" *{_KEY} +\[ *(?:{_ITEMS},)?{_END}(?: *(?:{_ITEMS},)?{_END})* *(?:{_ITEMS}(?:{_END} *)?)?\]{_END}"
# Each line is matched once and for all (`(?=(…))\1` is an atomic group): a line of words and spaces can match in many
# ways, and with an odd line at the end of a long file all their products would be tried.
_PLAIN_TEXT = re.compile(rf"\n(?:(?=({_LINE}|{_LIST}))\1)*\Z")


def parse(text: str) -> yaml.Node | None:
    """The syntax tree; None for a text without content. Raises PyYAML's errors, as OmegaConf's loader does."""
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
    return _PLAIN_TEXT.match(lines) is not None and _ODD_CHARACTER.search(text) is None


def _node(loader: Any, text: str) -> yaml.Node | None:
    reader = loader(text)
    try:
        node: yaml.Node | None = reader.get_single_node()
    finally:
        reader.dispose()
    if node is not None and CParser is not None and isinstance(reader, CParser):
        _as_pyyaml(node, len(text) - len(text.removeprefix("\ufeff")))
    return node


def _as_pyyaml(node: yaml.Node, bom: int) -> None:
    """libyaml calls the style of a bare word "", PyYAML None; and it does not count a byte order mark."""
    if bom and not isinstance(node.start_mark, yaml.Mark):  # which a node that is named again has got already
        node.start_mark, node.end_mark = (_later(mark, bom) for mark in (node.start_mark, node.end_mark))
    if isinstance(node, yaml.ScalarNode):
        node.style = node.style or None
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _as_pyyaml(item, bom)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _as_pyyaml(key, bom)
            _as_pyyaml(value, bom)


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


def _is_rewritten(node: yaml.Node) -> bool:
    """Whether PyYAML changes the tree while it constructs: a key `<<` is replaced by what it stands for."""
    waiting, seen = [node], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, yaml.MappingNode):
            if any(key.tag in _REWRITTEN for key, _ in current.value):
                return True
            waiting += [part for pair in current.value for part in pair]
        elif isinstance(current, yaml.SequenceNode):
            waiting += current.value
    return False


_REWRITTEN = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")


_SCALARS = {
    tag: Loader.yaml_constructors[tag]
    for tag in (STR, *(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null")))
}


def _flat(node: yaml.Node) -> dict[str, Any] | None:
    """The mapping, if there is nothing in it but scalars and lists of them below different text keys."""
    if not isinstance(node, yaml.MappingNode) or node.tag != "tag:yaml.org,2002:map":
        return None
    result: dict[str, Any] = {}
    try:
        for key, value in node.value:
            if key.tag != STR or key.value in result or not isinstance(key, yaml.ScalarNode):
                return None
            if isinstance(value, yaml.ScalarNode):
                result[key.value] = _SCALARS[value.tag](_own, value)
            elif isinstance(value, yaml.SequenceNode) and value.tag == "tag:yaml.org,2002:seq":
                result[key.value] = [_SCALARS[item.tag](_own, item) for item in value.value]
            else:
                return None
    except Exception:  # OmegaConf's loader is to say what is wrong
        return None
    return result
