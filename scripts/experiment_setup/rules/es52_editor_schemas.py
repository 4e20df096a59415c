"""The schemas that editors check parameter sets with, where export_schema.py has written them."""

from __future__ import annotations

from collections.abc import Iterator

from experiment_setup.facts import editor_schema
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Finding, Severity
from experiment_setup.location import Location
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Of, Phase

_OLD = f'''\
{{
 "$comment": "{editor_schema.MARK}",
 "type": "object",
 "properties": {{"learning_rate": {{"type": "number"}}}},
 "additionalProperties": false
}}
'''


@rule(
    "ES520",
    "stale-editor-schema",
    Severity.WARNING,
    "the editor checks with an old schema",
    phase=Phase.OUTPUTS,
    of=Of.OPTION,
    bad={"exp.schema.json": _OLD},
    good={},
    hydra="accepts",
)
def stale_editor_schema(context: ExperimentContext) -> Iterator[Finding]:
    """A schema that export_schema.py wrote is not what it would write now: a field was added, renamed or removed, or
    has another type, default or comment. The editor then underlines keys that are right, and offers keys that are gone.
    Where a field stands in its file, and which options there are, does not count.
    """
    found = editor_schema.written(context)
    if not found or context.compositions.at().config is None:
        return
    now = {known.path: known for known in editor_schema.schemas(context)[0]}
    for path, text in found.items():
        if path not in now or not now[path].is_current(text):
            what = "has a dataclass of another shape now" if path in now else "is about no group of the experiment"
            yield stale_editor_schema.finding(
                Location(path),
                f"{path.name} {what}: editors complete and check with what it says",
                f"write it again: export_schema.py {context.relative(context.experiment.folder)}"
                if path in now
                else f"delete {path.name}",
            )
