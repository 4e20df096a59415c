"""Which experiments a check is about: those that were named, those that a change of files concerns, or all.

With each come the other entry points of its folder, and the configs beside its own that are run with `-cn`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from experiment_setup import git, main_call, schema
from experiment_setup.errors import CommandError
from experiment_setup.facts import defaults_lists, guides, unlisted
from experiment_setup.facts.options import whole_configs
from experiment_setup.files import read_loosely, real
from experiment_setup.light import compiled
from experiment_setup.listing import few_of_many
from experiment_setup.project import Experiment, Project, right_path, scripts_with, texts_with, with_config
from experiment_setup.reading.config_folder import ConfigFolder


def named(project: Project, words: Sequence[str]) -> list[Experiment]:
    """The experiments that the words name (number, name, path, a file of one, or a folder around some), or all of them.

    Copies of other people's code are passed over where there is anything else, and none of them is named. Raises
    CommandError for a word that names none, and where there is no experiment at all.
    """
    around = {word: _around(project, word) for word in words}
    found = [experiment for word, known in around.items() for experiment in known or _meant(project, word)]
    if words:
        return list(_with_further(project, {experiment.folder: experiment for experiment in found}.values()))
    own = [experiment for experiment in project.experiments if not project.is_of_others(experiment.folder)]
    found = [*_with_further(project, own), *_beside(project)] or list(_with_further(project, project.experiments))
    if not found:
        raise _nothing_below(project)
    return found


def _around(project: Project, word: str) -> list[Experiment]:
    """The experiment that a path is, or is a part of; of a folder in one with others below it, these."""
    found, below = project.at_path(word), project.below(word)
    named = {real(Path(os.path.normpath(base / word))) for base in (Path.cwd(), project.root)}
    is_meant = any(not named.isdisjoint((one.folder, one.config_dir, one.entry)) for one in found)
    return found if is_meant or not below else below


def _meant(project: Project, word: str) -> list[Experiment]:
    if not project.experiments and "/" in word and not os.path.lexists(word):
        known = "an experiment, a file of one, or a folder around some"
        raise CommandError(f"there is no {word}", f"name {known}; without a name, all that is below here counts")
    if not project.experiments:
        raise _nothing_below(project)
    return [project.meant(word)]


def _beside(project: Project) -> Iterator[Experiment]:
    """The entry points without a file of theirs in a folder of configs: with each config that a guide chooses for one
    that names none, with one that the code stores, or where a guide starts it all the same.

    Not one whose file git ignores: whoever runs it has it.
    """
    root = project.root
    for script, found in project.unread.items():
        if project.is_of_others(script):
            continue
        told = guides.read(project, script, with_dotenv=False)
        if found is None:
            names = dict.fromkeys(map(guides.names_a_config, guides.commands(told, script, root)))
            yield from filter(None, (with_config(script, name) for name in names if name is not None))
        elif _is_stored(found, root) or _is_started(found, told, root):
            yield found


def _is_stored(experiment: Experiment, root: Path) -> bool:
    entry = experiment.entry
    return entry is not None and schema.read(entry, root).registration(None, experiment.config_name) is not None


def _is_started(experiment: Experiment, told: Mapping[Path, str], root: Path) -> bool:
    entry = experiment.entry
    is_named = entry is not None and guides.start_it(told, entry, root)
    return is_named and not git.ignored_alone(root, root, [experiment.config_file])


def _with_further(project: Project, experiments: Iterable[Experiment]) -> Iterator[Experiment]:
    """Each with its further entry points, and with the primary configs that no entry point names."""
    named = {known.config_file for known in project.with_further}
    second = [one for one in project.second_configs if one.config_file not in named]
    named.update(one.config_file for one in second)
    composing: dict[Path, list[Experiment]] = {}
    for one in project.with_further:
        if one.entry is not None:
            composing.setdefault(one.config_dir, []).append(one)
    beside: dict[Path, list[Experiment]] = {}
    for experiment in experiments:
        entries = [experiment, *project.further(experiment)]
        yield from entries
        yield from (one for one in second if one.entry in [entry.entry for entry in entries])
        for entry in entries if experiment.entry is not None else ():
            if entry.config_dir not in beside:
                runs = composing.get(entry.config_dir, [entry])
                beside[entry.config_dir] = list(_run_by_name(project, runs, named))
            yield from (one for one in beside[entry.config_dir] if one.entry == entry.entry)


def _run_by_name(project: Project, entries: Sequence[Experiment], named: Collection[Path]) -> Iterator[Experiment]:
    """The configs of a folder that none of its entry points names, each with the one that is meant to run it; one of
    nothing but settings of Hydra, or called after it, only where somebody tells to run it.
    """
    folder = ConfigFolder(entries[0].config_dir)
    try:
        whole = whole_configs(project, entries[0], folder)
        found = [path for path in unlisted.primary_configs(entries[0], folder, whole) if path not in named]
    except OSError:  # that is said where the experiment is checked
        return
    for path in found:
        held = defaults_lists.content(folder.read(path))
        of_hydra = isinstance(held, dict) and (set(held) == {"hydra"} or ("hydra" in held and path.stem == "hydra"))
        if of_hydra and not _is_told(project, entries, path):
            continue
        runs = max(entries, key=partial(_likeness, folder, path)) if len(entries) > 1 else entries[0]
        yield replace(runs, config_name=path.relative_to(runs.config_dir).with_suffix("").as_posix())


def _is_told(project: Project, entries: Sequence[Experiment], config: Path) -> bool:
    """Whether a guide, or a script of the project, names a config as the one to run: `-cn NAME`."""
    names = re.compile(rf"(?:-cn|config[-_]name)[\s=\"',]+{re.escape(config.stem)}(?![\w-])")
    told = (text for one in entries for text in guides.read(project, one.entry, with_dotenv=False).values())
    return any(map(names.search, chain(told, texts_with(project.root, config.stem.encode()))))


def _likeness(folder: ConfigFolder, path: Path, experiment: Experiment) -> tuple[int, int, int]:
    """How much of a config's name is that of an entry point and of its own config, as in plan_wall.yaml for plan.py;
    where that decides nothing, how many of its keys are those of that config, and how few folders the script lies in.
    """
    words = set(_WORD.findall(path.stem))
    names = {Path(experiment.config_name).name, experiment.entry.stem if experiment.entry else ""}
    own = sum(len(name) for name in names if words.issuperset(_WORD.findall(name)))
    keys, others = (set(_KEY.findall(folder.read(one).text_or_empty)) for one in (path, experiment.config_file))
    return own, len(keys & others), -len(experiment.folder.parts)


_KEY = compiled(r"^(?:[ \t]*-[ \t]*)?([\w./@]+)[ \t]*:", re.MULTILINE)  # at the top, or of a defaults list
_WORD = compiled(r"[^\W_]+")


def _is_a_test(script: Path) -> bool:
    """Whether a script is one that tries the project, and not the project itself."""
    return script.name.startswith("test_") or not {"test", "tests"}.isdisjoint(script.parts)


def _nothing_below(project: Project) -> CommandError:
    message = f"no experiment was found below {project.root}"
    without = [project.relative(script) for script in project.unread]
    if not without:
        checked = "what is checked here are configs in files, or in dataclasses, for functions with @hydra.main"
        by_zen = (path for word in (b".hydra_main(", b"hydra_zen import") for path in scripts_with(project.root, word))
        if (zen := next(by_zen, None)) is not None:
            where = f"{project.relative(zen)} starts Hydra through hydra-zen"
            return CommandError(f"{message}: {where}, whose configs only running the code makes", checked)
        composing = (path for path in scripts_with(project.root, b"compose(") if _COMPOSES.search(read_loosely(path)))
        if (script := min(composing, key=_is_a_test, default=None)) is not None:
            return CommandError(f"{message}: {project.relative(script)} composes its configs itself", checked)
        advice = "go to the project's folder or give --root; "
        return CommandError(
            message, f"{advice}an experiment is a folder with an entry point (@hydra.main) and its config"
        )
    shown = few_of_many(without, 3)
    first, found = next(iter(project.unread.items()))
    named = main_call.named(first)
    if named and (named.config_path or "").endswith((".yaml", ".yml")):
        return CommandError(
            f"{message}: config_path={named.config_path!r} in {without[0]} names a file, as up to Hydra 1.0",
            'name its folder and its name for Hydra 1.1 and newer: config_path="config", config_name="train"',
        )
    if named and named.config_name is None:
        return CommandError(
            f"{message}: @hydra.main in {shown} names no config",
            'name it: config_path="conf", config_name="config"; a config that a run gives alone, with -cn NAME or '
            "+group=option, is not found",
        )
    where = f" ({named.config_path})" if named and named.config_path else ""
    if found is not None and (path := right_path(found, project.root)) is not None:
        return CommandError(
            f"{message}: config_path={named.config_path!r} in {without[0]} leads past its config" if named else message,
            f'write config_path="{path}": it is relative to the file',
        )
    return CommandError(
        f"{message}: there is @hydra.main in {shown}, but not the config that it names{where}",
        'config_path and config_name are followed where the code tells them, such as config_path="../configs"; '
        "a config that is chosen with --config-dir or lies on another machine is not found",
    )


_COMPOSES = compiled(r"\bhydra(?:\.experimental)?(?: import\b[^\n]*|\.)\bcompose\b")


def concerned(project: Project, paths: Sequence[str]) -> list[Experiment]:
    """The experiments that changed files belong to; `paths` (from the working directory) of none are passed over.

    A file belongs to an experiment if it lies in its folder or its config folder, or is a module that its entry point
    imports. Files that were deleted count as well.
    """
    files = {Path(os.path.normpath(Path.cwd() / path)) for path in paths}
    files = {real(path.parent) / path.name for path in files if path.suffix in (".py", ".yaml", ".yml")}
    found = [experiment for experiment in project.experiments if _concerns(project, experiment, files)]
    return list(_with_further(project, found))


def _concerns(project: Project, experiment: Experiment, files: set[Path]) -> bool:
    folders = (experiment.folder, experiment.config_dir)
    if any(path.is_relative_to(folder) for path in files for folder in folders):
        return True
    if experiment.entry is None or not any(path.suffix == ".py" for path in files):
        return False
    return not files.isdisjoint(schema.read(experiment.entry, project.root).modules)
