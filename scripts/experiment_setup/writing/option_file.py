"""The text of a new option: a defaults list in the habit of its neighbours, and only what differs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_setup import command_line, files, naming, nodes
from experiment_setup.errors import CommandError
from experiment_setup.light import compiled
from experiment_setup.location import did_you_mean
from experiment_setup.project import SETS, option_name
from experiment_setup.reading import source
from experiment_setup.writing import node_values
from experiment_setup.writing.node_values import Setting

_FIRST_PARENT = compiled(
    r"^defaults:[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*"
    r"(?P<indent>[ \t]*)-[ \t]*(?P<quote>[\"']?)(?P<option>[\w.\-]+)@_here_",
    re.MULTILINE,
)

_PLAIN = compiled(r"[\w./@\-]+")  # means the same in quotes of either kind and without

_TOLD = 5  # values of a file that a line tells of

_ANY_ENTRY = compiled(
    r"^defaults:[^\n]*\n(?:[ \t]*(?:#[^\n]*)?\n)*(?P<indent>[ \t]*)-[ \t]*(?:override[ \t]+(?P<override>\S+))?",
    re.MULTILINE,
)


def known_option(given: str, known: Sequence[str], group: str = SETS) -> str:
    """`given`, if it is one of the options that are known; CommandError with what was meant if it is not."""
    given = option_name(given.removeprefix("+"), group)
    if given in known:
        return given
    in_folders = [name for name in known if name.endswith(f"/{given}")]
    if len(in_folders) == 1:
        return in_folders[0]
    number = naming.integer(given)
    same_number = [name for name in known if number is not None and naming.integer(name) == number]
    guess = next(iter(same_number), None) or did_you_mean(given, known)
    raise CommandError(
        f"no parameter set {given!r} to start from (available: {', '.join(known) or 'none'})",
        f"did you mean {guess}?" if guess else None,
        command_line.corrected({given: [guess], f"{group}={given}": [guess]}) if guess else None,
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
        written = f"{quote}{entry}{quote}" if _PLAIN.fullmatch(entry) else entry_value(entry)
        head = ["defaults:", f"{indent}- {written}", ""]
    return "\n".join([*head, *_lines(_nested(settings))]).rstrip("\n") + "\n"


def render_at_root(header: str, entries: Sequence[str], settings: Mapping[str, Setting], like: Sequence[str]) -> str:
    """The file of a set at the root of the config, in the style of the texts `like`, of which the first counts.

    `header` is its line with `# @package _global_`; `entries` are what stands behind each `- ` of the defaults list.
    """
    found = next(filter(None, map(_ANY_ENTRY.search, like)), None)
    indent, own = (found["indent"], found["override"]) if found else ("  ", None)
    if own is not None and not own.startswith("/"):
        entries = [entry.replace("override /", "override ", 1) for entry in entries]
    lists = ["defaults:", *(f"{indent}- {entry}" for entry in entries), ""] if entries else []
    spaced = all(re.search(r"@package[^\n]*\n[ \t]*(?:\n|#)", text) for text in like)
    return "\n".join([header, *([""] if spaced else []), *lists, *_lines(_nested(settings))]).rstrip("\n") + "\n"


def with_values(document: source.Document, settings: Mapping[str, Setting], at_base: Iterable[str]) -> str:
    """The text of an option with other values; `at_base` are keys that go back to what is inherited.

    A value on one line is exchanged where it stands; what is not there yet comes last.
    """
    lines = document.text.splitlines()
    rest = dict(settings)
    for key in [*settings, *at_base]:
        steps = nodes.split(key)
        if not document.has(steps):
            continue
        row = document.key(steps).line - 1
        match = re.fullmatch(r"(?P<key>[^:#]+:)[^#]*?(?P<comment>(?<!\s)\s+#.*)?", lines[row])
        if match is None or isinstance(document.at(steps), (dict, list)):
            raise CommandError(f"{key} is more than a line in {document.path.name}", "edit the file by hand")
        if key in rest:
            setting = rest.pop(key)
            value = _written(key, setting)
            lines[row] = f"{match['key']} {value}{match['comment'] or ''}"
        else:
            lines[row] = ""
    nested = [key for key in rest if "." in key and document.has(nodes.split(key)[:1])]
    if nested:
        raise CommandError(f"{nested[0]} lies in a block of {document.path.name}", "edit the file by hand")
    return "\n".join([*lines, *_lines(_nested(rest))]).rstrip("\n") + "\n"


def entry_value(option: str) -> str:
    """An option's name as a value in YAML, quoted where it would be read as a number or a truth value."""
    return source.scalar(option)


def summary(settings: Mapping[str, Setting]) -> str:
    """`learning_rate=1e-5 batch_size=32`, as it was typed."""
    return " ".join(f"{key}={source.scalar(setting.value, setting.written)}" for key, setting in settings.items())


def values_of(path: Path) -> str:
    """`learning_rate=1e-5 batch_size=32`: what a file of options sets, but its name, the first of many; "" for one that
    cannot be read.
    """
    document = source.Document(path)
    data = document.data if document.is_plain else {}
    values = {key: value for key, value in data.items() if key not in ("defaults", "name")}
    told = [f"{key}={source.scalar(value)}" for key, value in node_values.leaves(values)]
    more = [f"and {len(told) - _TOLD} more"] if len(told) > _TOLD + 1 else []
    return " ".join([*(told[:_TOLD] if more else told), *more])


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
            lines.append(f"{indent}{name}: {_written(key, value)}")
    return lines


def _written(key: str, setting: Setting) -> str:
    """A value as it stands in a file: in quotes where it is a name, or a text that is easily taken for no value."""
    is_a_name = key == "name" and re.fullmatch(r"[\w.\-]+", str(setting.value))
    quoted = f'"{setting.value}"' if is_a_name or looks_like_no_value(setting.value) else None
    return source.scalar(setting.value, quoted or setting.written)


def looks_like_no_value(value: Any) -> bool:
    """Whether it is a text such as `None`, which is no `null` to YAML and Hydra."""
    return isinstance(value, str) and re.fullmatch(r"[Nn]one|NONE|nil", value) is not None


def _read(path: Path) -> str:
    return files.read_loosely(path)
