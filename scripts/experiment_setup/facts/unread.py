"""The keys of the config that no code of the project reads, so that a fault in their values stops no run."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from experiment_setup import nodes
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.resolving import resolved
from experiment_setup.light import compiled
from experiment_setup.project import Project, scripts_with
from experiment_setup.reading import suppression
from experiment_setup.uses.records import ConfigPath

_MOST_FILES = 2_000


def is_unread(context: ExperimentContext, path: ConfigPath) -> bool:
    """Whether no code reads a key, as far as that can be told: of this entry point and of the others of its config
    folder; nor does any file of the project where the config is handed on to what is not followed.

    Nothing is told of code that only shows the config, as it is yet to be written.
    """
    reading = context.code.reading
    if not reading.followed or all(use.shown for use in reading.uses):
        return False
    if any(path[: len(given.part.path)] == given.part.path for _, given in resolved(reading)):
        return False
    if not reading.reads(path) and not context.code.is_read_elsewhere(path):
        return True
    if any(use.path and (use.path[: len(path)] == path) for use in reading.uses):
        return False
    words = _words_of(context.project)
    around = {*path[:-1], *_CALLED_LIKE_A_CONFIG}
    return not words.resolves and path[-1] not in words.read and words.taken_whole.isdisjoint(around)


def is_named_nowhere(context: ExperimentContext, path: ConfigPath) -> bool:
    """Whether no file of the project has the word of a key, or takes all of what is around it: then nothing acts on its
    value, even where all values are resolved. What a library makes of a block that it gets is not known.
    """
    reading = context.code.reading
    if not reading.followed or all(use.shown for use in reading.uses) or _may_be_a_librarys(context, path):
        return False
    if next(iter(scripts_with(context.project.root, path[-1].encode())), None) is not None:
        return False
    return _words_of(context.project).taken_whole.isdisjoint({*path[:-1], *_CALLED_LIKE_A_CONFIG} - {"args"})


def _may_be_a_librarys(context: ExperimentContext, path: ConfigPath) -> bool:
    """Whether a block around a key has a `_target_`, or is given to a function of others, or behind `**`."""
    above = [nodes.within(context.compositions.at().container, path[:depth]) for depth in range(len(path))]
    if any(isinstance(part, dict) and "_target_" in part for part in above):
        return True
    for site in context.code.reading.calls:
        given = [*site.unpacked, *(site.arguments.values() if _is_of_others(context, site.function) else ())]
        if any(one.part.path and path[: len(one.part.path)] == one.part.path for one in given):
            return True
        if any(not one.part.path for one in site.unpacked):
            return True
    return False


def _is_of_others(context: ExperimentContext, function: str) -> bool:
    package, dot, _ = function.partition(".")
    code = context.schema.code
    return bool(dot) and package not in _KNOWN and code is not None and code.top_level(package) is None


_KNOWN = frozenset("hydra omegaconf wandb".split())


class _Words(NamedTuple):
    """What the files of a project say of keys."""

    read: frozenset[str]  # as `cfg.lr`, `"lr"`
    taken_whole: frozenset[str]  # the last name of what is unpacked or gone through: `**cfg.model`
    resolves: bool  # whether some file resolves all values of something


_CALLED_LIKE_A_CONFIG = frozenset("cfg conf config configs configuration args opt opts hparams".split())
_READ = compiled(r"(?<!\bself)\.([A-Za-z_]\w*)|[\"']([A-Za-z_]\w*)[\"']")
_TAKEN_WHOLE = compiled(
    r"(?:(?<!\*)\*\*[ ]?|\b(?:dict|list|vars|iter|tuple)\(|\bfor [\w, ()]{1,60} in )(?:\w+\.)*(\w+)(?=[\s,):])"
    r"|(\w+)\.(?:items|values|keys)\(|(\w+)\[[A-Za-z_]\w*\]"
)
_RESOLVES = compiled(r"\bresolve\s*=\s*True|\bOmegaConf\.resolve\(|\bto_object\(|\binstantiate\(|hyperparam|hparams")
_words: WeakKeyDictionary[Project, _Words] = WeakKeyDictionary()


def _words_of(project: Project) -> _Words:
    """Read every file once, for all keys."""
    if project not in _words:
        read, taken, resolves = set[str](), set[str](), False
        files: list[Path] = list(islice(scripts_with(project.root, b""), _MOST_FILES))
        for text in map(suppression.read, files):
            read.update(match[1] or match[2] for match in _READ.finditer(text))
            taken.update(match[1] or match[2] or match[3] for match in _TAKEN_WHOLE.finditer(text))
            resolves = resolves or _RESOLVES.search(text) is not None
        _words[project] = _Words(frozenset(read), frozenset(taken), resolves or len(files) == _MOST_FILES)
    return _words[project]
