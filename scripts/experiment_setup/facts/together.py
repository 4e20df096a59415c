"""What can be known only of several experiments at once, or when everything else is said."""

from __future__ import annotations

from collections.abc import Sequence

from experiment_setup.facts.output_folders import WrittenFolder
from experiment_setup.light import dataclass
from experiment_setup.reading.suppression import Code, Suppression


@dataclass(frozen=True)
class Together:
    """The experiments of one check, side by side."""

    folders: Sequence[WrittenFolder] = ()
    unused: Sequence[tuple[Suppression, Code | None]] = ()  # comments that silence nothing; None: one without codes
