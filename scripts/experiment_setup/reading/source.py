"""A YAML file as Hydra reads it, with the line and column of every key and value, and how values are written.

Parsing is OmegaConf's own (its loader differs from `yaml.safe_load`: `1e-5` is a float, dates are strings, duplicate
keys are errors), so that what is read here is what runs.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import files, nodes, recursion
from experiment_setup.errors import CommandError
from experiment_setup.latest import Latest
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location
from experiment_setup.nodes import Steps
from experiment_setup.reading import yaml_loader

_HEADER = compiled(r"^\s*#\s*@")  # ConfigSource._get_header_dict: `# @package …` before the first other line
# What the parser was about when it met the error on a later line: the mistake is where that began.
_NOTICED_LATE = frozenset(
    f"while {doing}"
    for doing in (
        "scanning a simple key",
        "scanning a quoted scalar",
        "parsing a flow sequence",
        "parsing a flow mapping",
    )
)
_SURE = 70  # levels; with what Hydra may ask of a config, OmegaConf's recursion ends at 73 and more
_HEADER_CHARACTERS = 512  # FileConfigSource.load_config reads no further for the header


@dataclass(eq=False)  # not frozen: Python itself writes to exceptions
class SourceError(Exception):
    """A file that cannot be read as YAML, with the place and the parser's words."""

    location: Location
    message: str
    is_too_much: bool = False  # nothing is wrong but the amount

    def __str__(self) -> str:
        return f"{self.location}: {self.message}"


class Document:
    """One YAML file. Reading and parsing happen on first use; errors are SourceError."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        self._text = text

    @property
    def text(self) -> str:
        """The file's text; raises SourceError if it is not UTF-8, or cannot be read."""
        if isinstance(self._read, SourceError):
            raise self._read.with_traceback(None)
        return self._read

    @cached_property
    def _read(self) -> str | SourceError:
        """The text, or why there is none: read once, so that a disk that fails now and then gives one answer."""
        if self._text is not None:
            return self._text
        try:
            return files.read_text(self.path)
        except CommandError as error:
            line = int(error.message.removeprefix(f"{self.path}:").split(":")[0])
            wrong = files.read_bytes(self.path).split(b"\n")[line - 1]
            column = len(wrong.decode("utf-8", "replace").partition("\ufffd")[0]) + 1
            return SourceError(Location(self.path, line, column), "not UTF-8: Hydra reads no other encoding")
        except FileNotFoundError:
            raise
        except OSError as error:
            return SourceError(Location(self.path), f"cannot be read: {error.strerror or error}")

    @property
    def text_or_empty(self) -> str:
        """The file's text, or "" where it is not UTF-8 or not there."""
        try:
            return self.text
        except (SourceError, OSError):
            return ""

    @property
    def parents(self) -> list[str]:
        """The options that the defaults list inherits from, without `_self_`, packages and the suffix of a file."""
        data = self._data[0]
        defaults = data.get("defaults") if isinstance(data, dict) else None
        entries = [entry for entry in defaults if isinstance(entry, str)] if isinstance(defaults, list) else []
        return [entry.split("@")[0].strip().removesuffix(".yaml") for entry in entries if entry != "_self_"]

    @cached_property
    def header_lines(self) -> list[str]:
        """The lines `# @package …`, as ConfigSource._get_header_dict finds them."""
        # A text stream, as Hydra opens it, turns CRLF into LF.
        lines = (line.strip() for line in self.text_or_empty[:_HEADER_CHARACTERS].splitlines())
        return list(takewhile(_HEADER.match, filter(None, lines)))

    @property
    def header(self) -> str | None:
        """The first line of a `# @package …` header, or None."""
        return next(iter(self.header_lines), None)

    @property
    def package(self) -> str | None:
        """The package that the header names, such as `_global_`; None without one. Of several lines the last counts."""
        words = [line.lstrip("# \t").split() for line in self.header_lines]
        return next((value[-1] for key, *value in reversed(words) if key == "@package" and value), None)

    @property
    def config(self) -> DictConfig | ListConfig:
        """What Hydra loads from the file. Raises SourceError with the parser's or OmegaConf's words."""
        return _config(self)

    @property
    def data(self) -> Any:
        """What YAML means by the text: plain dicts, lists and scalars, to be left as they are. Raises SourceError."""
        data, error = self._data
        if error is not None:
            raise error
        return data

    @cached_property
    def error(self) -> SourceError | None:
        """Why Hydra cannot load the file, or None. Cheaper than `config`."""
        if self.is_plain:
            return None
        if self._data[1] is not None:
            return self._data[1]
        try:
            _ = self.config
        except SourceError as found:
            return found
        return None

    @property
    def is_plain(self) -> bool:
        """Whether OmegaConf surely takes the content: dicts by name, lists, and scalars, none of them deep."""
        return not isinstance(self._content, SourceError) and self._content.is_plain

    @property
    def has_plain_values(self) -> bool:
        """The same of a file that may be a list or empty as well."""
        return not isinstance(self._content, SourceError) and self._content.has_plain_values

    @property
    def is_deep(self) -> bool:
        """Whether Python's recursion may end before Hydra has made a config of the content."""
        return not isinstance(self._content, SourceError) and self._content.is_deep

    @property
    def root(self) -> yaml.Node | None:
        """The syntax tree, for positions; None for a file without content or with a syntax error."""
        return None if isinstance(self._content, SourceError) else self._content.tree[0]

    @cached_property
    def _content(self) -> _Content | SourceError:
        """What the text means, or why there is none."""
        try:
            return _content(self.text)
        except SourceError as error:
            return error
        except FileNotFoundError as error:
            return SourceError(Location(self.path), str(error))

    @cached_property
    def _data(self) -> tuple[Any, SourceError | None]:
        if isinstance(self._content, SourceError):
            return None, self._content
        data, refusal = self._content.data
        return data, None if refusal is None else self._explained(refusal)

    def _explained(self, error: Exception) -> SourceError:
        if isinstance(error, yaml.MarkedYAMLError):
            mark, begun = error.problem_mark or error.context_mark, error.context_mark
            if begun is not None and mark is not None and error.context in _NOTICED_LATE and mark.line > begun.line:
                mark = begun
            words = error.problem or error.context or "not valid YAML"
            return SourceError(self._at(mark), words, isinstance(error, yaml_loader.TooMuch))
        if isinstance(error, yaml.reader.ReaderError):
            before = self.text[: error.position]
            place = Location(self.path, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
            # libyaml names the character by its bytes or not at all.
            character = error.character if isinstance(error.character, int) else 0
            words = f"character #x{character:04x} is not allowed in YAML" if character else error.reason
            return SourceError(place, words)
        if isinstance(error, OmegaConfBaseException):
            return SourceError(self._refused(error), str(error).splitlines()[0])
        if isinstance(error, RecursionError):
            deep = yaml_loader.below(self.root, _SURE) if self.root is not None else None
            words = "nested deeper than Python's recursion goes: Hydra cannot read it"
            return SourceError(self._at(deep.start_mark if deep is not None else None), words)
        misfit = next(yaml_loader.misfits(self.root), None) if self.root is not None else None
        if misfit is not None:
            words = f"{misfit.value!r} is none of what its tag says: !!{misfit.tag.rpartition(':')[2]}"
            return SourceError(self._at(misfit.start_mark), words)
        return SourceError(Location(self.path), str(error).splitlines()[0] if str(error) else repr(error))

    def _refused(self, error: OmegaConfBaseException) -> Location:
        """The value that OmegaConf names, or the key that no config has."""
        if error.full_key:
            return self.value(nodes.split(error.full_key))
        keys = list(_keys(self.root)) if self.root is not None else []
        odd = next((key for key in keys if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":null")), None)
        return self._at(odd.start_mark if odd is not None else None)

    def at(self, steps: Steps) -> Any:
        """The value at `steps`; raises LookupError if there is none."""
        value = self.data
        for step in steps:
            value = value[_member(value, step)]
        return value

    def says(self, steps: Steps) -> bool:
        """Whether the data has a value at `steps`."""
        try:
            self.at(steps)
        except LookupError:
            return False
        return True

    def without(self, steps: Steps) -> Document:
        """This document as if the key at `steps` were not written; an item of a list gives way to `???`."""
        return self._saying(_without(self.data, steps))

    def until(self, steps: Steps, members: Sequence[Any]) -> Document:
        """This document as if it ended in the value at `steps`, of which only these members are left."""
        return self._saying(_until(self.data, steps, members, top=True))

    def _saying(self, data: Any) -> Document:
        result = Document(self.path, self.text)
        result.__dict__["_content"] = _Content(self.text, data)
        return result

    def key(self, path: Sequence[str | int]) -> Location:
        """Where the key at `path` (keys and list indexes) is written; the nearest place above if it is not there."""
        return self._find(path)[0]

    def value(self, path: Sequence[str | int]) -> Location:
        """Where the value at `path` begins; the nearest place above if it is not there."""
        return self._find(path)[1]

    def has(self, path: Sequence[str | int]) -> bool:
        """Whether something is written at `path`."""
        return self._find(path)[2]

    def _find(self, path: Sequence[str | int]) -> tuple[Location, Location, bool]:
        node = self.root
        if node is None:
            return Location(self.path), Location(self.path), False
        key, value = (self._at(node.start_mark),) * 2
        for step in path:
            child = _child(node, step)
            if child is None:
                return key, value, False
            key_node, node = child
            key, value = self._at(key_node.start_mark), self._at(node.start_mark)
        return key, value, True

    def _at(self, mark: yaml.Mark | None) -> Location:
        return Location(self.path, mark.line + 1, mark.column + 1) if mark else Location(self.path)


class _Content:
    """What a text means, in whichever file it stands. A refusal is the exception of the parser, or of a constructor:
    those of PyYAML raise whatever a wrong tag makes them raise.
    """

    def __init__(self, text: str, data: Any = None) -> None:
        self._text = text
        if data is not None:  # what the text would mean with a change
            self.data = data, None

    @cached_property
    def tree(self) -> tuple[yaml.Node | None, Exception | None]:
        """The syntax tree, or the refusal."""
        try:
            return yaml_loader.parse(self._text), None
        except Exception as refusal:
            return None, refusal.with_traceback(None)

    @cached_property
    def data(self) -> tuple[Any, Exception | None]:
        """Plain dicts, lists and scalars, to be left as they are; or the refusal."""
        root, refusal = self.tree
        if refusal is not None:
            return None, refusal
        try:
            return yaml_loader.construct(root), None
        except Exception as error:
            return None, error.with_traceback(None)

    @cached_property
    def is_plain(self) -> bool:
        """As `Document.is_plain`."""
        return type(self.data[0]) is dict and self.has_plain_values

    @cached_property
    def has_plain_values(self) -> bool:
        """As `Document.has_plain_values`."""
        data, refusal = self.data
        return refusal is None and _is_plain_value(data) and not self.is_deep

    @cached_property
    def is_deep(self) -> bool:
        """As `Document.is_deep`."""
        level, depth = [self.data[0]], 0
        while level and depth < _SURE:
            level = [inner for outer in level if isinstance(outer, (dict, list)) for inner in _values(outer)]
            depth += 1
        return bool(level)


_content = lru_cache(maxsize=64)(_Content)  # many experiments may share a file; times are too coarse to tell it by


@lru_cache(maxsize=64)  # a config takes a hundred times the memory of its text
def _config(document: Document) -> DictConfig | ListConfig:
    data = document.data
    if document.is_plain:
        return nodes.created(data)
    try:
        if isinstance(data, (dict, list)):
            with recursion.as_in_a_run(recursion.OF_LOADING):
                return OmegaConf.create(data)
        return OmegaConf.load(io.StringIO(document.text))  # nothing, or a scalar: OmegaConf has its own ways with them
    except Exception as error:
        raise document._explained(error) from error


def _values(container: dict[Any, Any] | list[Any]) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _is_plain_value(value: Any) -> bool:
    if type(value) is dict:
        return all(type(key) is str for key in value) and all(map(_is_plain_value, value.values()))
    if type(value) is list:
        return all(map(_is_plain_value, value))
    return _is_plain_scalar(value)


def _is_plain_scalar(value: Any) -> bool:
    if type(value) is str and "${" in value:
        return nodes.is_well_written(value)
    return value is None or type(value) in (str, int, float, bool)


def _member(value: Any, step: str | int) -> Any:
    """The key or index of `value` that a step means: what is a number in YAML is text in an error. Or LookupError."""
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return step
    if isinstance(value, dict):
        if step in value:
            return step
        return next(iter([key for key in value if str(key) == str(step)] or [value[step]]))
    raise LookupError(step)


def _without(value: Any, steps: Steps) -> Any:
    member = _member(value, steps[0])
    if isinstance(value, list):
        return [*value[:member], _without(value[member], steps[1:]) if steps[1:] else "???", *value[member + 1 :]]
    if steps[1:]:
        return {**value, member: _without(value[member], steps[1:])}
    return {key: inner for key, inner in value.items() if key != member}


def _until(value: Any, steps: Steps, members: Sequence[Any], *, top: bool = False) -> Any:
    inner = {steps[0]: _until(value[steps[0]], steps[1:], members)} if steps else {}
    if isinstance(value, list):
        count = steps[0] if steps else len(members)
        kept = [*value[: int(count)], *inner.values()]
        return [*kept, *["???"] * (len(value) - len(kept))]
    if not isinstance(value, dict):
        return value
    before = list(value)[: list(value).index(steps[0])] if steps else members
    first = {"defaults": value["defaults"]} if top and "defaults" in value else {}
    return {**first, **{key: value[key] for key in before}, **inner}


def _keys(node: yaml.Node) -> Iterator[yaml.Node]:
    """Every key of the tree."""
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        key, value = child if isinstance(child, tuple) else (None, child)
        if key is not None:
            yield key
        yield from _keys(value)


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        found = _by_key(node).get(str(step))
        if found is not None:
            return found
        for key, value in node.value:  # `on:` is the key True
            if key.tag.endswith((":bool", ":int", ":float")) and str(_loads(key.value)) == str(step):
                return key, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _by_key(node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """The pairs of a mapping by their keys as they are written, the first of each: thousands are asked for each."""
    known: dict[str, tuple[yaml.Node, yaml.Node]] | None = node.__dict__.get("by_key")
    if known is None:
        known = node.__dict__["by_key"] = {str(key.value): (key, value) for key, value in reversed(node.value)}
    return known


def scalar(value: Any, written: str | None = None) -> str:
    """`value` on one line of YAML that OmegaConf reads back as exactly this value.

    `written` is how the user typed it (`1e-5`); it is kept where it means the same. Asking YAML takes milliseconds, and
    the rows of a table have the same values over and over: what a plain value or a list of some becomes is remembered.
    """
    if type(value) not in _SCALARS and not (type(value) is list and all(type(item) in _SCALARS for item in value)):
        return _scalar(value, written)
    key = type(value), repr(value), written  # 1 is not True, and 0.0 not -0.0
    known = _scalars if len(key[1]) < _LONG_SCALAR else _long_scalars
    return known.get(key, lambda: _scalar(value, written))


_SCALARS = frozenset({str, int, float, bool, type(None)})
_LONG_SCALAR = 20_000  # characters
_scalars: Latest[tuple[type, str, str | None], str] = Latest(1_000)
_long_scalars: Latest[tuple[type, str, str | None], str] = Latest(8)  # a megabyte takes YAML seconds


def _scalar(value: Any, written: str | None) -> str:
    if written is not None and "\n" not in written and _reads_as(written, value):
        return written
    if value is None or type(value) in (bool, int, float):
        return _simple(value)
    return _dumped(value)


def _simple(value: bool | int | float | None) -> str:
    """What `yaml.dump` makes of it, which is read back as it was: a table has thousands."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    if isinstance(value, int):
        return text
    if not math.isfinite(value):
        return text.replace("inf", ".inf").replace("nan", ".nan")
    return text if "." in text else text.replace("e", ".0e", 1)  # YAML 1.1 reads 1e-05 as a text


def _dumped(value: Any) -> str:
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**9).strip()
    text = text.removesuffix("...").strip()
    if not _reads_as(text, value):  # yaml.dump knows YAML 1.1, not OmegaConf's loader
        text = yaml.dump(value, Dumper=_Dumper, default_style='"', allow_unicode=True, width=10**9).strip()
    return text


class _Dumper(yaml.SafeDumper):
    """Quotes strings that OmegaConf's loader would read as something else (`1e-5`, which YAML 1.1 leaves bare)."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        bare = _loads(data)
        style = '"' if not isinstance(bare, str) or bare != data or data != data.strip() else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _loads(text: str) -> Any:
    try:
        return yaml_loader.loads(text)
    except yaml.YAMLError:
        return yaml.YAMLError


def _reads_as(text: str, value: Any) -> bool:
    read = _loads(f"key: {text}")
    return isinstance(read, dict) and list(read) == ["key"] and _same(read["key"], value)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and (left == right or (left != left and right != right))
