"""Reading what a run has saved, of whatever origin: as data, within limits; nothing is run or unpickled.

What cannot be read is None: it may be half written at this very moment, or no file of the kind at all.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from experiment_setup import nodes
from experiment_setup.light import compiled
from experiment_setup.reading import yaml_loader

_BYTES = 32 * 2**20  # a config has kilobytes; a file of metrics may have megabytes
_NODES = 300_000  # of YAML, each alias counted as often as it is used: a few lines can stand for billions
_NESTED = 100  # brackets in brackets
_NO_CONFIG = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("set", "omap", "pairs", "timestamp"))  # to OmegaConf
_RUNTIME = compiled(r"hydra:\n(?: .*\n|\n)*?  runtime:\n((?:    .*\n)+)(?=  ?[^ \n]|[^ \n]|$)")
_DEPTH = 8  # of folders
_ENTRIES = 200_000  # of folders; checkpoints and samples may lie beside what is looked for


def json_of(path: Path) -> Any:
    """The value that a JSON file holds."""
    text = _text(path)
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def yaml_of(path: Path) -> Any:
    """The value that a YAML file holds as OmegaConf reads it, its interpolations unresolved."""
    return _value(_text(path))


def _value(text: str | None) -> Any:
    try:
        root = None if text is None or _is_deep(text) else yaml_loader.parse(text)
        return yaml_loader.construct(root) if root is not None and _is_usable(root) else None
    except Exception:  # PyYAML's errors, and any at all where a value does not fit its tag
        return None


def mapping_of(path: Path) -> dict[str, Any] | None:
    """The mapping that a YAML file holds."""
    value = yaml_of(path)
    return value if isinstance(value, dict) else None


def runtime_of(path: Path) -> dict[str, Any]:
    """What Hydra recorded of a run in hydra.yaml below `hydra.runtime`; empty where there is nothing of the kind.

    As Hydra writes the file, these lines stand together, and only they are parsed: all of it takes ten times as long.
    """
    text = _text(path)
    found = _RUNTIME.match(text or "")
    value = _value(found[1]) if found is not None else nodes.within(_value(text), ("hydra", "runtime"))
    return value if isinstance(value, dict) else {}


def words_of(value: Any) -> tuple[str, ...] | None:
    """A list of texts, such as the overrides of a run."""
    fits = isinstance(value, list) and all(isinstance(word, str) for word in value)
    return tuple(value) if fits else None


def folders(
    top: Path, enter: Callable[[os.DirEntry[str]], bool] = lambda entry: True
) -> Iterator[tuple[Path, OSError | None]]:
    """`top` and the folders below it, in the order of their names, numbers by their size; each with what kept it from
    being listed.

    Links are not followed, and what `enter` says no to is passed over.
    """
    entries, waiting = 0, [(top, 0)]
    while waiting:
        folder, depth = waiting.pop()
        below: list[Path] = []
        refused = None
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    entries += 1
                    if entry.is_dir(follow_symlinks=False) and enter(entry):
                        below.append(Path(entry.path))
        except OSError as error:
            refused = error
        yield folder, refused
        if depth < _DEPTH and entries < _ENTRIES:
            waiting += [(path, depth + 1) for path in sorted(below, key=by_number, reverse=True)]


def changed(folder: Path) -> float:
    """When something was last written into `folder` or to a file in it, in seconds since the epoch."""
    try:
        with os.scandir(folder) as found:
            return max([folder.stat().st_mtime, *(entry.stat(follow_symlinks=False).st_mtime for entry in found)])
    except OSError:
        return 0.0


def by_number(path: Path) -> tuple[int, str]:
    """Folder 10 comes after folder 9, and 9_001 before 10_001."""
    digits = path.name[: len(path.name) - len(path.name.lstrip("0123456789"))]
    return int(digits or 0), str(path)


def _text(path: Path) -> str | None:
    try:
        if not path.is_file() or path.stat().st_size > _BYTES:  # a pipe would wait for ever
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _is_deep(text: str) -> bool:
    """Whether brackets stand in brackets to no end: PyYAML looks at all of them again at each."""
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth += 1 if bracket in "[{" else -1
        if depth > _NESTED:
            return True
    return False


def _is_usable(root: yaml.Node) -> bool:
    """Whether there are not too many values, and none that no config can have."""
    count, waiting = 0, [root]
    while waiting:
        node = waiting.pop()
        count += 1
        if count > _NODES or node.tag in _NO_CONFIG:
            return False
        if isinstance(node, yaml.MappingNode):
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
    return True
