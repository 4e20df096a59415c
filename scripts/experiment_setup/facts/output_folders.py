"""The folders that an experiment writes to, by the fields that name them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import PurePath
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup import naming, nodes
from experiment_setup.composing.composed import Composition
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.settings import moves_into_run_dir
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location
from experiment_setup.project import ENVIRONMENTS, SETS

# Words that name an output of the code, but are no field that names a folder.
_NO_FOLDERS = ("out", "outputs", "results", "checkpoints")

# What a folder is made of in code that keeps runs apart: the time, a hash, Hydra's own folder; and sets apart: choices.
# Each pattern with a word of it, which is looked for first: in long code that is many times faster.
EACH_RUN_APART = {
    "strftime": r"strftime",
    "uuid": r"\buuid",
    "mkdtemp": r"mkdtemp",
    "hashlib": r"hashlib",
    "HydraConfig": r"output_dir\b.*HydraConfig|HydraConfig.*output_dir",
    "hydra:runtime": r"hydra:runtime",
    "runtime.output_dir": r"runtime\.output_dir",
}
_OWN_FOLDER = {
    "__file__": r"__file__",
    "sys.argv": r"sys\.argv",
    "chdir(": r"\bchdir\(",
    "job.name": r"job\.name",
    "inspect.": r"inspect\.",
}


def says_any(code: str, patterns: Mapping[str, str]) -> bool:
    """Whether one of the patterns, each by a word of it, is found in the code."""
    return any(re.search(pattern, line) for word, pattern in patterns.items() for line in _lines_with(code, word))


def _lines_with(code: str, word: str) -> Iterator[str]:
    place = code.find(word)
    while place >= 0:
        end = code.find("\n", place)
        yield code[code.rfind("\n", 0, place) + 1 : end if end >= 0 else len(code)]
        place = code.find(word, end) if end >= 0 else -1


@dataclass(frozen=True)
class WrittenFolder:
    """A folder that an experiment writes to, whatever else it adds to it."""

    key: str  # the field that names it, such as env.output_dir
    value: str  # as it is written
    by: str  # the experiment, as messages name it
    experiment: str  # the name of its folder
    location: Location

    @property
    def folder(self) -> tuple[str, str]:
        """What is the same for two experiments that write to the same place."""
        return self.key, os.path.normpath(self.value)


def output_fields(config: DictConfig) -> Iterator[tuple[str, Any]]:
    """(dotted key, value as written) of the fields that name a folder to write to, by their names."""
    for group, node in nodes.children(config):
        if not nodes.is_mapping(node):
            continue
        for key, child in nodes.children(node):
            name = str(key)
            if not naming.is_output_folder(name) or name in _NO_FOLDERS:
                continue
            value = None if isinstance(child, DictConfig) else nodes.value(child)
            if isinstance(value, (str, PurePath)) and str(value):
                yield f"{group!s}.{name}", value


def resolved(config: DictConfig, key: str) -> str | None:
    """The value of a dotted key as text; None where there is none, or it does not resolve."""
    plain = _put_together(lambda steps: nodes.value(nodes.at(config, steps)), key)
    if plain is not None:
        return plain
    try:
        value = OmegaConf.select(config, key)
    except Exception:  # a broken interpolation is another rule's finding
        return None
    return None if value is None else str(value)


def resolved_in(outcome: Composition, key: str) -> str | None:
    """The same of a composition; nodes are made for it only where its plain values do not tell."""
    plain = _put_together(partial(nodes.within, outcome.container), key)
    config = outcome.config if plain is None else None
    return plain if config is None else resolved(config, key)


_REFERENCE = compiled(r"\$\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)\}")


def _put_together(find: Callable[[nodes.Steps], Any], key: str) -> str | None:
    """The same for `output/${exp.name}`, of what is found at each key.

    OmegaConf's parser takes milliseconds for each of many sets.

    None where the text, or a value that it refers to, is anything but plain.
    """
    written = find(nodes.split(key))
    if not isinstance(written, str) or written in ("???", "") or "\\" in written or "$" in _REFERENCE.sub("", written):
        return None
    values = {name: find(nodes.split(name)) for name in _REFERENCE.findall(written)}
    if any(type(known) not in (str, int) or "$" in str(known) or known == "???" for known in values.values()):
        return None
    return _REFERENCE.sub(lambda found: str(values[found[1]]), written)


def code_sets(context: ExperimentContext, key: str) -> bool:
    """Whether the code puts its own value into the field."""
    return any(use.kind == "write" and ".".join(use.path) == key for use in context.code.reading.uses)


def written_folders(context: ExperimentContext) -> list[WrittenFolder]:
    """The folders that the experiment's fields name, in any of its options, and to which the code adds nothing."""
    folders = list(all_folders(context))
    if not folders or moves_into_run_dir(context) or says_any(context.code.acting, {**_OWN_FOLDER, **EACH_RUN_APART}):
        return []
    own = [context.experiment.folder]
    if own[0] != context.project.root and _joins(context.code.acting, own[0].name):
        return []
    by, name = context.relative(context.experiment.folder), context.experiment.name
    return [
        WrittenFolder(key, str(value), by, name, context.compositions.written_at(key, parameter_set, environment))
        for key, value, parameter_set, environment in folders
        # Of a folder with another experiment's name in it, ES504 says so.
        if not (
            "${" in str(value)
            or any(context.project.folders.get(part, own) != own for part in PurePath(str(value)).parts)
            or code_sets(context, key)
        )
    ]


def _joins(code: str, name: str) -> bool:
    """Whether the code puts a folder of this name below another: `Path(cfg.dir.output_dir) / "exp002"`."""
    joined = re.compile(rf"""(?:/\s*|\b(?:join|joinpath|Path)\([^\n]*)f?["'](?:[^"'\n]*/)?{re.escape(name)}(?=["'/])""")
    return name in code and joined.search(code) is not None


def all_folders(context: ExperimentContext) -> Iterator[tuple[str, Any, str | None, str | None]]:
    """(key, value, parameter set, environment) of every folder that some option sets."""
    default = context.compositions.some
    fields = dict(output_fields(default)) if default is not None else {}
    yield from ((key, value, None, None) for key, value in fields.items())
    for option in context.options.all():
        text = option.document.text_or_empty
        if not any(nodes.names(key)[-1] in text for key in fields if key.startswith(f"{option.group}.")):
            continue
        config = context.compositions.of_option(option).config
        for key, value in output_fields(config) if config is not None else ():
            if key.startswith(f"{option.group}."):
                yield (
                    key,
                    value,
                    option.name if option.group == SETS else None,
                    option.name if option.group == ENVIRONMENTS else None,
                )
