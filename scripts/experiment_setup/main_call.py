"""Which config a script's `hydra.main(…)` names, as far as finding experiments needs it; `schema.read` reads it all.

Most scripts say it in plain keywords, which are read without a parser. The others are parsed: constants, positional
arguments, another name for `hydra.main`, and paths that start from `__file__`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from experiment_setup import files
from experiment_setup.light import compiled

_DECORATOR = compiled(rb"@(?:hydra\s*\.\s*)?main\b(?!\s*\.)[ \t]*(?:\((?P<arguments>[^)]*)\))?")
_MENTION = compiled(rb"\.\s*main\b|from\s+hydra(?:\.main)?\s+import\s+(?:\([^)]*|[^\n]*)\bmain\b")
_PLAIN = compiled(r"(?:\s*\w+\s*=\s*(?:None|[rRuU]?\"[^\"\n]*\"|[rRuU]?'[^'\n]*')\s*(?:,|$))*\s*")


class Named(NamedTuple):
    """What a `hydra.main(…)` is given; None: nothing, or what only a run tells."""

    config_path: str | None
    config_name: str | None  # without its extension
    anywhere: bool = False  # whether a config_path is given that only a run tells


def named(script: Path) -> Named | None:
    """What the first `hydra.main` in `script` is given, called or not; None for a script without one."""
    try:
        source = files.read_bytes(script)
    except OSError:
        return None
    if b"hydra" not in source:
        return None
    decorator = next((found for found in _DECORATOR.finditer(source) if _begins_a_line(source, found.start())), None)
    text = (decorator["arguments"] or b"").decode("utf-8", "replace") if decorator else ""
    given = _keywords(text) if decorator and _PLAIN.fullmatch(text) else _parsed(script, source)
    if given is None and decorator:  # a script that does not compile
        given = _keywords(text)
    return None if given is None else _named(given)


def further(script: Path) -> list[Named]:
    """What the other `hydra.main` of a script are given, behind the first."""
    try:
        source = files.read_bytes(script)
    except OSError:
        return []
    mentions = _MENTION.findall(source) if b"hydra" in source else []
    by_name = any(mention.startswith(b"from") for mention in mentions)  # each `@main` may be one; else they are `.main`
    if len(mentions) + by_name * len(_DECORATOR.findall(source)) < 2:
        return []
    from experiment_setup.main_arguments import arguments  # hardly any script has a second one

    return list(map(_named, arguments(script, source)[1:]))


def _named(given: Mapping[str, str | None]) -> Named:
    name = given.get("config_name")
    path = given.get("config_path")
    anywhere = path is None and "config_path" in given
    return Named(path, name.removesuffix(".yaml") if name else None, anywhere)


def _begins_a_line(source: bytes, place: int) -> bool:
    return not source[source.rfind(b"\n", 0, place) + 1 : place].strip(b" \t")


def _keywords(arguments: str) -> dict[str, str | None]:
    return {name: value for name, _, value in re.findall(r"\b(\w+)\s*=\s*[rRuU]?([\"'])(.*?)\2", arguments)}


def _parsed(script: Path, source: bytes) -> Mapping[str, str | None] | None:
    if not _MENTION.search(source):
        return None
    from experiment_setup.main_arguments import arguments  # hardly any script needs a parser

    return next(iter(arguments(script, source)), None)
