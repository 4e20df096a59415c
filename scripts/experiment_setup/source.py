"""A YAML file as Hydra reads it, with the line and column of every key and value, and how values are written.

Parsing is OmegaConf's own (its loader differs from `yaml.safe_load`: `1e-5` is a float, dates are strings, duplicate
keys are errors), so that what is read here is what runs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf._utils import get_yaml_loader
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import files
from experiment_setup.errors import CommandError
from experiment_setup.location import Location

_HEADER = re.compile(r"^\s*#\s*@")  # ConfigSource._get_header_dict: `# @package …` before the first other line
_HEADER_CHARACTERS = 512  # FileConfigSource.load_config reads no further for the header


@dataclass(frozen=True)
class SourceError(Exception):
    """A file that cannot be read as YAML, with the place and the parser's words."""

    location: Location
    message: str

    def __str__(self) -> str:
        return f"{self.location}: {self.message}"


class Document:
    """One YAML file. Reading and parsing happen on first use; errors are SourceError."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        self._text = text

    @cached_property
    def text(self) -> str:
        """The file's text; raises SourceError if it is not UTF-8."""
        if self._text is not None:
            return self._text
        try:
            return files.read_text(self.path)
        except CommandError as error:
            line = int(error.message.removeprefix(f"{self.path}:").split(":")[0])
            raise SourceError(Location(self.path, line), "not UTF-8: Hydra reads no other encoding") from None

    @property
    def text_or_empty(self) -> str:
        """The file's text, or "" where it is not UTF-8."""
        try:
            return self.text
        except SourceError:
            return ""

    @property
    def parents(self) -> list[str]:
        """The options that the defaults list inherits from, without `_self_` and without packages."""
        try:
            config = self.config
        except SourceError:
            return []
        defaults = config.get("defaults") if isinstance(config, DictConfig) else None
        if not isinstance(defaults, ListConfig):
            return []
        entries = [entry for entry in defaults._iter_ex(resolve=False) if isinstance(entry, str)]
        return [entry.split("@")[0].strip() for entry in entries if entry != "_self_"]

    @cached_property
    def header(self) -> str | None:
        """The line of a `# @package …` header, as ConfigSource._get_header_dict finds it, or None."""
        # A text stream, as Hydra opens it, turns CRLF into LF.
        for line in self.text[:_HEADER_CHARACTERS].splitlines():
            if line.strip() and _HEADER.match(line):
                return line.strip()
            if line.strip():
                break
        return None

    @cached_property
    def config(self) -> DictConfig | ListConfig:
        """What Hydra loads from the file. Raises SourceError with the parser's or OmegaConf's words."""
        try:
            return OmegaConf.load(io.StringIO(self.text))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise SourceError(self._at(mark), error.problem or error.context or "not valid YAML") from error
        except yaml.reader.ReaderError as error:
            line = self.text.count("\n", 0, error.position) + 1
            raise SourceError(
                Location(self.path, line), f"character #x{error.character:04x} is not allowed in YAML"
            ) from error
        except (yaml.YAMLError, OmegaConfBaseException, OSError, ValueError, TypeError, AssertionError) as error:
            raise SourceError(Location(self.path), str(error).splitlines()[0] if str(error) else repr(error)) from error

    @cached_property
    def root(self) -> yaml.Node | None:
        """The syntax tree, for positions; None for a file without content or with a syntax error."""
        try:
            return yaml.compose(self.text, Loader=get_yaml_loader())
        except (yaml.YAMLError, SourceError):
            return None

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


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if str(key.value) == str(step):
                return key, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def scalar(value: Any, written: str | None = None) -> str:
    """`value` on one line of YAML that OmegaConf reads back as exactly this value.

    `written` is how the user typed it (`1e-5`); it is kept where it means the same.
    """
    if written is not None and "\n" not in written and _reads_as(written, value):
        return written
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**9).strip()
    text = text.removesuffix("...").strip()
    if not _reads_as(text, value):  # yaml.dump knows YAML 1.1, not OmegaConf's loader
        text = yaml.dump(value, Dumper=_Dumper, default_style='"', allow_unicode=True, width=10**9).strip()
    return text


class _Dumper(yaml.SafeDumper):
    """Quotes strings that OmegaConf's loader would read as something else (`1e-5`, which plain YAML 1.1 leaves bare)."""

    def represent_str(self, data: str) -> yaml.Node:
        bare = _loads(data)
        style = '"' if not isinstance(bare, str) or bare != data or data != data.strip() else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _loads(text: str) -> Any:
    try:
        return yaml.load(text, Loader=get_yaml_loader())
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
