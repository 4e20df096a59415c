"""The command line as it was typed: how to start a command of ours again, and what the user should have typed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")


def quoted(word: str) -> str:
    """A word for bash and zsh: quoted only where one of them needs it (zsh expands `[…]`, `=` alone is fine)."""
    return word if word and _PLAIN.issuperset(word) else "'" + word.replace("'", "'\\''") + "'"


def start(script: Path) -> str:
    """How to start one of our commands, as this one was started: `uv run SCRIPT`, or a Python that is this one."""
    if "UV" in os.environ:
        return f"uv run {quoted(str(script))}"
    import shutil  # takes a while, and few outputs name a command

    found = next(filter(None, map(shutil.which, ("python", "python3"))), None)
    python = Path(found).name if found and is_this(found) else quoted(sys.executable)
    return f"{python} {quoted(str(script))}"


def is_this(executable: str) -> bool:
    """Whether it is the Python of this process: environments have their own, and links to one binary."""
    return Path(executable).parent.samefile(Path(sys.executable).parent)


def corrected(words: Mapping[str, Sequence[str]], *, more: Sequence[str] = ()) -> str:
    """What was typed, with other words in the place of some and `more` behind it, ready to paste.

    `words` maps a word of the command line to those in its place (none: it is left out); the value of an option is
    found in `--option=value` too.
    """
    typed = [new for word in sys.argv[1:] for new in _replaced(word, words)]
    return command(Path(sys.argv[0]).name, [*typed, *more])


def without(value: str) -> str:
    """What was typed without the option that has this value, ready to paste."""
    typed = sys.argv[1:]
    for index, word in enumerate(typed):
        if (word == value and index) or (word.startswith("--") and word.partition("=")[2] == value):
            del typed[index - (word == value) : index + 1]
            break
    return command(Path(sys.argv[0]).name, typed)


def command(script: str, words: Sequence[str]) -> str:
    """A command of ours with these words, ready to paste."""
    return " ".join([start(Path(sys.argv[0]).with_name(script)), *map(quoted, words)])


def attached(argv: Sequence[str], option: str) -> list[str]:
    """The words with `--sort -KEY` as one word, which argparse would take for an option."""
    result: list[str] = []
    for word in argv:
        if result and result[-1] == option and "--" not in result and re.match(r"-[^-]", word):
            result[-1] = f"{option}={word}"
        else:
            result.append(word)
    return result


def assigns_besides(words: Mapping[str, Sequence[str]]) -> bool:
    """Whether anything is assigned (`key=value`) when `words` are replaced."""
    typed = [new for word in sys.argv[1:] for new in _replaced(word, words)]
    return any("=" in word and not word.startswith("-") for word in typed)


def _replaced(word: str, words: Mapping[str, Sequence[str]]) -> Sequence[str]:
    for same in (word, word.rstrip("/")):  # as a shell completes a folder
        if same in words:
            return words[same]
    option, equals, value = word.partition("=")
    if option.startswith("--") and equals and value in words:
        return [f"{option}={new}" for new in words[value]]
    return [word]
