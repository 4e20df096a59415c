"""The `hydra:` block of the primary config, as rules ask for it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from experiment_setup import installed, nodes
from experiment_setup.composing.refusals import NotTheFields
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Edit
from experiment_setup.light import compiled
from experiment_setup.location import Location
from experiment_setup.reading.source import Document
from experiment_setup.schema import UNSET


def hydra_block(context: ExperimentContext) -> dict[str, Any]:
    """The `hydra:` block as plain dicts, over those of included configs and of files that are chosen of the project's
    own group `hydra`; {} where there is none, or no file parses.
    """
    block: dict[str, Any] = {}
    for document, steps in reversed(list(_places(context))):
        block = _merged(block, nodes.within(entries.content(document), steps))
    return block


def _places(context: ExperimentContext) -> Iterator[tuple[Document, tuple[str, ...]]]:
    """The files that have settings of Hydra, with the steps to these, from the one that counts most."""
    if not context.options.has_primary:
        return
    yield context.options.primary, ("hydra",)
    for entry in entries.of_primary(context):  # `- hydra: default` brings hydra/default.yaml
        if (entry.group or "").lstrip("/") == "hydra" and isinstance(entry.value, dict) and entry.option:
            file = context.experiment.group_dir("hydra") / f"{entry.option.removesuffix('.yaml')}.yaml"
            document = context.composer.document(file)
            if document.error is None:
                yield document, ("hydra",) if document.package == nodes.GLOBAL else ()
    yield from ((document, ("hydra",)) for document in reversed(context.options.included))


def _merged(block: dict[str, Any], other: Any) -> dict[str, Any]:
    added = {str(key): value for key, value in other.items()} if isinstance(other, dict) else {}
    inner = {
        k: _merged(block[k], v) for k, v in added.items() if isinstance(v, dict) and isinstance(block.get(k), dict)
    }
    return {**block, **added, **inner}


def primary_content(context: ExperimentContext) -> dict[Any, Any]:
    """What config.yaml holds, as plain values; {} where there is none or it does not parse."""
    found = entries.content(context.options.primary) if context.options.has_primary else None
    return found if isinstance(found, dict) else {}


UNGIVEN = object()


def setting(context: ExperimentContext, *path: str) -> Any:
    """The value of a Hydra setting in the primary config, or `UNGIVEN`."""
    value: Any = hydra_block(context)
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return UNGIVEN
        value = value[step]
    return value


def at(context: ExperimentContext, *path: str) -> Location:
    """Where the value of a Hydra setting stands."""
    document, steps = home(context, *path)
    return document.value(steps)


def home(context: ExperimentContext, *path: str) -> tuple[Document, tuple[str, ...]]:
    """The file in which a Hydra setting is written, and the steps to it; the primary config where none has it."""
    found = ((document, (*steps, *path)) for document, steps in _places(context) if document.error is None)
    return next((one for one in found if one[0].has(one[1])), (context.options.primary, ("hydra", *path)))


def written_node(context: ExperimentContext, *path: str) -> yaml.Node | None:
    """The syntax of a setting\'s value, or None where it is not written."""
    node: yaml.Node | None = context.options.primary.root
    for step in ("hydra", *path):
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((value for key, value in pairs if key.value == step), None)
    return node


def rewrite(context: ExperimentContext, path: Sequence[str], text: str) -> tuple[Edit, ...]:
    """The scalar of a setting replaced by `text`; () where it is no scalar or empty."""
    node = written_node(context, *path)
    return (
        entries.replace(context.options.primary, node, text) if isinstance(node, yaml.ScalarNode) and node.value else ()
    )


def is_here(value: Any) -> bool:
    """Whether a folder is the working directory itself."""
    return isinstance(value, str) and value != "" and os.path.normpath(value) == "."


def moves_into_run_dir(context: ExperimentContext) -> bool:
    """Whether Hydra starts main() in run.dir, so that relative folders are each run's own.

    It did so up to 1.1, and does where `version_base` is "1.1" or (before Hydra 1.4) left out.
    """
    chdir = setting(context, "job", "chdir")
    if chdir in (UNGIVEN, None):
        main = context.schema.main
        base = main.base if main is not None else None
        chdir = base == "1.1" or (base is UNSET and not installed.hydra_since_1_4())
    return chdir is True and not is_here(setting(context, "run", "dir"))


def is_refused(context: ExperimentContext) -> bool:
    """Whether Hydra refuses the block, so that what it lacks may be what is misspelled in it."""
    failure = context.compositions.at().failure
    if failure is None:
        return False
    named = (failure.key or "").partition(".")[0]
    own = named in ONLY_HYDRA and named not in context.options.groups
    classes = {failure.owner, failure.refusal.expected if isinstance(failure.refusal, NotTheFields) else None}
    return named == "hydra" or own or not classes.isdisjoint(("RunDir", "SweepDir", "JobConf"))


_STARTED_IN = compiled(r"\$\{(?:hydra[:.]runtime\.cwd|oc\.env:PWD)\}")


def saved_in(context: ExperimentContext) -> Path | None:
    """The folder that Hydra saves its files in, if it is the same in every run that is started as usual.

    That is from the experiment's own folder, or from the project's; of the two folders the one that has configs counts.
    """
    subdir, run = setting(context, "output_subdir"), setting(context, "run", "dir")
    if not isinstance(subdir, str) or not isinstance(run, str) or "${" in subdir:
        return None
    run = _STARTED_IN.sub(".", run)
    if "${" in run:
        return None
    experiment = context.experiment
    for start in (experiment.folder, context.project.root):
        folder = Path(os.path.normpath(start / run / subdir))
        if folder == experiment.config_dir or folder in map(experiment.group_dir, context.options.groups):
            return folder
    return None


def is_fixed(value: Any) -> bool:
    """Whether a folder is the same in every run."""
    return isinstance(value, str) and "${" not in value


def from_elsewhere(context: ExperimentContext) -> bool:
    """Whether Hydra's settings may come from a config that the defaults list names (`- hydra: default`)."""
    return (
        re.search(r"^[ \t]*-\s*(?:override\s+)?/?hydra\s*:", context.options.primary.text_or_empty, re.MULTILINE)
        is not None
    )


ONLY_HYDRA = frozenset("run job sweep sweeper launcher output_subdir searchpath job_logging hydra_logging".split())
# Keys of which a block below `hydra:` has some (hydra/conf/__init__.py: RunDir, SweepDir, JobConf).
_IN_BLOCK = {
    "run": {"dir"},
    "sweep": {"dir", "subdir"},
    "job": {"name", "chdir", "env_set", "env_copy", "config", "num"},
}


def is_of_hydra(key: str, value: Any) -> bool:
    """Whether a key at the top of a config, with its value, is one that only stands below `hydra:`.

    A project may have a `run:` with other keys of its own, or `run: train`.
    """
    own = _IN_BLOCK.get(key)
    if own and value:
        return key in ONLY_HYDRA and isinstance(value, dict) and not own.isdisjoint(map(str, value))
    return key in ONLY_HYDRA
