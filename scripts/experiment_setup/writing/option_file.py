"""The text of a new option: a defaults list in the habit of its neighbours, and only what differs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from experiment_setup.reading import source
from experiment_setup.writing.node_values import Setting

_FIRST_PARENT = re.compile(
    r"^defaults:[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*"
    r"(?P<indent>[ \t]*)-[ \t]*(?P<quote>[\"']?)(?P<option>[\w.\-]+)@_here_",
    re.MULTILINE,
)


def first_parent(path: Path) -> str | None:
    """The option that a file inherits from first (`default` for `- default@_here_`), or None."""
    found = _FIRST_PARENT.search(_read(path))
    return found["option"] if found else None


def mentions_name(path: Path) -> bool | None:
    """Whether an inheriting file sets `name`; None for a file that inherits nothing."""
    text = _read(path)
    return bool(re.search(r"^name[ \t]*:", text, re.MULTILINE)) if "@_here_" in text else None


def render(entry: str | None, settings: Mapping[str, Setting], neighbours: Iterable[Path]) -> str:
    """The file: `- ENTRY` in a defaults list (None: no such list) in the style of `neighbours`, then the values."""
    head: list[str] = []
    if entry is not None:
        found = next(filter(None, (_FIRST_PARENT.search(_read(path)) for path in neighbours)), None)
        indent, quote = (found["indent"], found["quote"]) if found else ("  ", "")
        head = ["defaults:", f"{indent}- {quote}{entry}{quote}", ""]
    return "\n".join([*head, *_lines(_nested(settings))]).rstrip("\n") + "\n"


def summary(settings: Mapping[str, Setting]) -> str:
    """`learning_rate=1e-5 batch_size=32`, as it was typed."""
    return " ".join(f"{key}={source.scalar(setting.value, setting.written)}" for key, setting in settings.items())


def words(settings: Mapping[str, Setting]) -> str:
    """What a set changes, as a part of a name: `learning_rate-1e-5-batch_size-32`; prose is no part of it."""
    parts = []
    for key, setting in settings.items():
        prose = isinstance(setting.value, str) and not re.fullmatch(r"[!-~]+", setting.value)
        if key != "name" and not prose:
            number = isinstance(setting.value, (int, float)) and setting.written is not None
            parts.append(f"{key.split('.')[-1]}-{setting.written if number else source.scalar(setting.value)}")
    return "-".join(parts)


def _nested(settings: Mapping[str, Setting]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, leaf in settings.items():
        *parents, last = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = leaf
    return tree


def _lines(tree: Mapping[str, Any], indent: str = "") -> list[str]:
    lines = []
    for key, value in tree.items():
        name = source.scalar(key)
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", *_lines(value, indent + "  ")]
        else:
            quoted = f'"{value.value}"' if key == "name" and re.fullmatch(r"[\w.\-]+", str(value.value)) else None
            lines.append(f"{indent}{name}: {source.scalar(value.value, quoted or value.written)}")
    return lines


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
