"""How text is printed: for a terminal with its colours and its width, or for a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from experiment_setup import visible
from experiment_setup.light import dataclass
from experiment_setup.project import Project


@dataclass(frozen=True)
class Style:
    """How text is printed: with colours or not, how wide a line of source may be, and from where paths are seen."""

    colour: bool = False
    width: int = 120
    here: Path | None = None  # the working directory; None: the project's root

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        """Colour only on a terminal, and not with NO_COLOR (https://no-color.org) or a dumb terminal."""
        terminal = stream.isatty()
        wanted = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(wanted, _columns() if terminal else 120, Path.cwd())

    def path(self, project: Project, path: Path) -> str:
        """A path so that terminals and editors open it from where the command was typed."""
        if self.here is None or self.here == project.root:
            return project.relative(path)
        return Path(os.path.relpath(path, self.here)).as_posix()

    def paint(self, words: str, code: str) -> str:
        """The words in a colour, where colours are wanted."""
        return f"{visible.COLOUR}{code}m{words}{visible.COLOUR}0m" if self.colour else words


def _columns() -> int:
    import shutil

    return max(shutil.get_terminal_size().columns, 40)
