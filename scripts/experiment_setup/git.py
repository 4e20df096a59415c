"""The few questions put to git; without git, or outside a checkout, the answer is "nothing"."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def ignored_alone(root: Path, folder: Path, paths: Sequence[Path]) -> dict[Path, str]:
    """Like `ignored`, for paths of the project at `root`: none where it is ignored as a whole, which is meant."""
    found = ignored(folder, paths)
    return {} if found and ignored(root, [root]) else found


def ignored(folder: Path, paths: Sequence[Path]) -> dict[Path, str]:
    """Which of `paths` git would ignore, each with the rule that does it, such as `.gitignore:156:env/`.

    `folder` is any folder of the checkout; the paths need not exist.
    """
    if not paths:
        return {}
    # -z output: source, line, pattern, path for each ignored path; a leading "!" in the pattern re-includes it.
    arguments = ["git", "-C", str(folder), "check-ignore", "--verbose", "-z", "--stdin"]
    given = {os.fsencode(path): path for path in paths}
    try:
        answer = subprocess.run(arguments, input=b"\0".join(given), capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    parts = answer.stdout.split(b"\0")
    rows = [parts[start : start + 4] for start in range(0, len(parts) - 3, 4)]
    return {
        given[path]: os.fsdecode(b":".join((source, line, pattern)))
        for source, line, pattern, path in rows
        if path in given and not pattern.startswith(b"!")
    }
