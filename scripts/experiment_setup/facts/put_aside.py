"""The groups of options that are kept and no longer used: old_experiments, archive, deprecated."""

from __future__ import annotations

import re
from pathlib import Path

from experiment_setup.facts.experiment import ExperimentContext, once
from experiment_setup.findings import Finding
from experiment_setup.light import compiled

_KEPT = compiled(
    r"(?i)(?:^|[_\-/.])(?:old|olds|archived?|archives|deprecated|legacy|obsolete|unused|outdated|backups?|attic|graveyard)(?:$|[_\-/.])"
)


def is_put_aside(context: ExperimentContext, finding: Finding) -> bool:
    """Whether all that a finding speaks of lies in folders that say so, and that nothing chooses from: no defaults
    list, no command of the guides, no code.
    """
    folders = _folders(context)
    places = [finding.location, *finding.also] if folders else []
    return bool(places) and all(any(map(place.path.is_relative_to, folders)) for place in places)


@once
def _folders(context: ExperimentContext) -> list[Path]:
    kept = {
        known.group for known in context.options.unlisted if known.key.startswith("+") and _KEPT.search(known.group)
    }
    if not kept:
        return []
    texts = [*context.guides, context.code.text]
    named = {group for group in kept if any(re.search(rf"\b{re.escape(group)}\b", text) for text in texts)}
    return [context.experiment.group_dir(group) for group in kept - named]
