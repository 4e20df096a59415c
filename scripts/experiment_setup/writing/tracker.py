"""Where runs are logged: one file of an experiment, which is the same for every experiment with that tracker."""

from __future__ import annotations

from pathlib import Path

from experiment_setup import files
from experiment_setup.errors import CommandError
from experiment_setup.requirements import TRACKERS

FILE = "run_tracker.py"
NONE = "none"  # what the template has
_ASSETS = Path(__file__).resolve().parents[3] / "assets"
FILES = {
    **{name: _ASSETS / "trackers" / name / FILE for name in TRACKERS},
    NONE: _ASSETS / "000-template" / FILE,
}
CHOICES = tuple(FILES)


def put(choice: str, folder: Path, source: str) -> None:
    """Let the new experiment in `folder`, a copy of `source`, log to the tracker `choice`.

    Raises CommandError where its code has no place for one.
    """
    target = folder / FILE
    if not target.is_file():
        raise CommandError(
            f"{source} has no {FILE}, so --tracker {choice} would change nothing; nothing was written",
            "leave out --tracker, or start from the template with --template",
        )
    files.put(target, files.read_text(FILES[choice]))
