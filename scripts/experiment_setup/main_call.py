"""Which config a script's `hydra.main(…)` names, as far as finding experiments needs it; `schema.read` reads it all.

Most scripts say it in plain keywords, which are read without a parser. The others are parsed: constants, positional
arguments, another name for `hydra.main`, and paths that start from `__file__`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from experiment_setup import files

_DECORATOR = re.compile(rb"^[ \t]*@(?:hydra\s*\.\s*)?main\b(?!\s*\.)[ \t]*(?:\((?P<arguments>[^)]*)\))?", re.MULTILINE)
_MENTION = re.compile(rb"\.\s*main\b|from\s+hydra(?:\.main)?\s+import\s+(?:\([^)]*|[^\n]*)\bmain\b")
_PLAIN = re.compile(r"(?:\s*\w+\s*=\s*(?:None|[rRuU]?\"[^\"\n]*\"|[rRuU]?'[^'\n]*')\s*(?:,|$))*\s*")


def named(script: Path) -> tuple[str, str] | None:
    """(config_path, config_name without its extension) of the first `hydra.main` in `script`, called or not, or None.

    What can't be told without running the script counts as not given.
    """
    try:
        source = files.read_bytes(script)
    except OSError:
        return None
    if b"hydra" not in source:
        return None
    decorator = _DECORATOR.search(source)
    text = (decorator["arguments"] or b"").decode("utf-8", "replace") if decorator else ""
    given = _keywords(text) if decorator and _PLAIN.fullmatch(text) else _parsed(script, source)
    if given is None and decorator:  # a script that does not compile
        given = _keywords(text)
    if given is None:
        return None
    return given.get("config_path") or ".", (given.get("config_name") or "config").removesuffix(".yaml")


def _keywords(arguments: str) -> dict[str, str | None]:
    return {name: value for name, _, value in re.findall(r"\b(\w+)\s*=\s*[rRuU]?([\"'])(.*?)\2", arguments)}


def _parsed(script: Path, source: bytes) -> Mapping[str, str | None] | None:
    if not _MENTION.search(source):
        return None
    from experiment_setup.main_arguments import arguments  # hardly any script needs a parser

    return arguments(script, source)
