"""What else is wrong in a file with a key that stands twice: it is judged as if the later one were not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import yaml

from experiment_setup.composing.compose import Composer
from experiment_setup.facts.compositions import Memo
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Finding
from experiment_setup.reading.source import Document
from experiment_setup.rules import ALL
from experiment_setup.rules.phases import judge


def findings(context: ExperimentContext) -> Iterator[Finding]:
    """The findings in such files, without fixes: what these come to could not be proven before the key is mended."""
    mended = {document.path: once for document in context.options.documents() if (once := _each_key_once(document))}
    if not mended:
        return
    composer = Composer(context.experiment, context.schema, context.project.root)
    composer.read_as(mended)
    # As such a file makes whatever names it fail, what composes is made without it.
    known = Memo({chosen: outcome for chosen, outcome in context.memo.known.items() if outcome.failure is None})
    again = ExperimentContext(context.project, context.experiment, context.schema, composer, memo=known)
    for finding in judge(again, [rule for rule in ALL.values() if not rule.together]):
        # That a run fails as a whole may be the repeated key again: Hydra reads the file itself.
        if finding.location.path in mended and finding.code != "ES014":
            yield replace(finding, edits=(), rename=None)


def _each_key_once(document: Document) -> Document | None:
    """The file with spaces in the place of each repeated key and its value; None where that is not what is wrong."""
    if document.error is None or "duplicate key" not in document.error.message or document.root is None:
        return None
    characters = list(document.text)
    for start, end in _repeated(document.root):
        characters[start:end] = [c if c in "\r\n" else " " for c in characters[start:end]]
    once = Document(document.path, "".join(characters))
    return once if once.error is None else None


def _repeated(root: yaml.Node) -> Iterator[tuple[int, int]]:
    waiting, known = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in known:  # an alias
            continue
        known.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)
                if name in seen:
                    yield key.start_mark.index, value.end_mark.index
                seen.add(name)
                waiting.append(value)
