"""The way out for all that is printed: what comes from a project is shown, and never obeyed.

Names, keys, values and code may hold escape sequences, line ends of all kinds, characters that turn text round or take
no room, and half characters. In a terminal they hide or forge lines, in the log of a workflow they give commands.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any

from experiment_setup.light import compiled

LONGEST = 2_000  # characters of a text that is shown; more would bury the rest

# Begins a colour in a line of ours. It differs in each process, so that no project can write one.
COLOUR = f"\0{os.urandom(8).hex()}["
# Begins a command to a workflow in a line of ours, likewise.
_COMMAND = f"\0{os.urandom(8).hex()}:"
# What else the log of a workflow obeys: `::error::` at the beginning of a line, and `##[error]` anywhere in it
# (actions/runner, src/Runner.Common/ActionCommand.cs; in Azure's pipelines also `##vso[…]`).
_OBEYED = compiled(r"\A\s*:(?=:)|##(?=\w*\[)")
# Control and format characters, line and paragraph separators, surrogates, and those for private use.
_HIDDEN = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co")
# What nobody sees though its category is another: joiners, fillers, what is reserved for the like, and selectors of a
# variant of the character before them, but where that is one that has variants, such as an emoji or an ideograph.
_FILLERS = r"\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\uffa0\ufff0-\ufff8\ufffe\uffff"
_SELECTORS = r"\ufe00-\ufe0f\U000e0100-\U000e01ef"
_VARIED = r"\xa9\xae\u2010-\u2bff\u3030-\u9fff\U0001f000-\U0003ffff"
_UNSEEN = compiled(rf"(?![{_SELECTORS}])[{_FILLERS}\U000e0000-\U000e0fff]|(?<![{_VARIED}])[{_SELECTORS}]")
_ODD = compiled(rf"(?![{_SELECTORS}])[^\t\x20-\x7e]|(?<![{_VARIED}])[{_SELECTORS}]")
_DEEPEST = 200  # levels of JSON; many programs read no more


def character(char: str) -> str:
    """A character as Python would write it in a string, if it cannot be seen or is not only shown (`\\x1b`)."""
    if not _is_hidden(char):
        return char
    code = ord(char)
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN or _UNSEEN.match(char) is not None


def line(text: str) -> str:
    """One line for a terminal or a log. A tab stays, and so do two things without which a diff could not be applied:
    the rest of a line end of Windows, and a file's byte order mark behind the sign of its first line.
    """
    if text.isprintable() and (text.isascii() or not _UNSEEN.search(text)):
        return text
    start, rest = (text[:2], text[2:]) if text[1:2] == "\ufeff" and text[0] in " +-" else ("", text)
    body, end = (rest[:-1], "\r") if rest.endswith("\r") else (rest, "")
    parts = (_ODD.sub(lambda found: character(found[0]), part) for part in body.split(COLOUR))
    return start + "\033[".join(parts) + end


def printed(text: str) -> str:
    """A line as it leaves a command: one of ours may command a workflow, and no other."""
    if text.startswith(_COMMAND):
        return f"::{line(text.removeprefix(_COMMAND))}"
    return _OBEYED.sub(lambda found: f"{found[0][:-1]}\\x{ord(found[0][-1]):02x}", line(text))


def words(text: str) -> str:
    """A message as one line of bearable length."""
    return shortened(line(" ".join(text.splitlines())))


def shortened(text: str) -> str:
    """A text with its middle left out if it is very long."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 100]} … {len(text) - LONGEST + 150:,} characters … {text[-50:]}"


def note(text: str) -> None:
    """Print a diagnostic, one line, on stderr."""
    with contextlib.suppress(OSError):  # there is nowhere else to say it
        sys.stderr.write(f"{printed(words(text))}\n")  # at once: several commands may share a terminal


def command(kind: str, properties: Mapping[str, object], message: str) -> str:
    """A line that makes GitHub Actions do something, such as show an annotation."""
    listed = ",".join(f"{key}={_for_workflow(str(value), ':,')}" for key, value in properties.items())
    return f"{_COMMAND}{kind} {listed}::{_for_workflow(message)}"


def _for_workflow(text: str, also: str = "") -> str:
    """A text in a workflow command, as GitHub's toolkit escapes it (actions/toolkit, packages/core/src/command.ts)."""
    for character in "%\r\n" + also:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def json_text(text: str) -> str:
    """JSON in which what cannot be seen is escaped; it means the same to whoever reads it."""
    return re.sub(r"##(?=\w*\[)", r"#\\u0023", _ODD.sub(_json_character, text))


def _json_character(found: re.Match[str]) -> str:
    char = found[0]
    if char == "\n" or not _is_hidden(char):  # a line end of ours
        return char
    return "".join(f"\\u{unit:04x}" for unit in _units(ord(char)))


def _units(code: int) -> tuple[int, ...]:
    """A character in UTF-16, as JSON has it."""
    return (code,) if code < 0x10000 else (0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF))


def for_json(value: Any, depth: int = 0) -> Any:
    """The value in JSON's own types: keys are texts, numbers finite, and it is not too deep for its readers."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {str(key): for_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [for_json(item, depth + 1) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
