"""A new experiment: code and config of the last one (or of the template) renamed, with a first parameter set."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from experiment_setup import files, git, naming, schema
from experiment_setup.composing.compose import Composer, Failure
from experiment_setup.errors import CommandError
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment, Project, experiment_at
from experiment_setup.reading.overrides import Assignment
from experiment_setup.reading.source import Document
from experiment_setup.writing import notebook, tracker
from experiment_setup.writing.mentions import Renamer
from experiment_setup.writing.new_option import OptionWriter, Outcome

TEMPLATE = Path(__file__).resolve().parents[3] / "assets" / "000-template"

# What a run or a tool leaves in an experiment's folder; it belongs to the old experiment.
_LEFT_FOLDERS = frozenset(
    """__pycache__ .ipynb_checkpoints .hydra .git .venv venv node_modules .mypy_cache .pytest_cache .ruff_cache
    cache .cache output outputs result results multirun wandb mlruns runs log logs lightning_logs tensorboard tb_logs
    checkpoint checkpoints ckpt ckpts weights artifacts submissions predictions""".split()
)
_LEFT_SUFFIXES = frozenset(
    """.pyc .ckpt .pt .pth .bin .safetensors .onnx .h5 .hdf5 .keras .pb .tflite .gguf .pkl .pickle .joblib .cbm .lgb
    .ubj .npy .npz .parquet .feather .arrow .log .out .err .tmp .bak .swp .orig""".split()
)
_LARGE = 20 * 1024 * 1024  # bytes; code and config are smaller, whatever is larger was made by a run


@dataclass
class Report:
    """What making an experiment came to; paths are relative to the project's root."""

    name: str
    path: Path
    source: str  # the folder it was made from, or "template"
    tracker: str | None = None  # the one that was asked for
    files: list[str] = field(default_factory=list)
    notebook_files: list[str] = field(default_factory=list)  # from the root: they lie beside the experiments
    left_behind: list[str] = field(default_factory=list)
    renamed: dict[str, int] = field(default_factory=dict)  # file -> mentions rewritten
    kept_mentions: list[str] = field(default_factory=list)  # file:line of comments that still say the old name
    notes: list[str] = field(default_factory=list)
    option: Outcome | None = None
    config: dict[str, Any] = field(default_factory=dict)
    experiment: Experiment | None = None


def make(
    project: Project,
    name: str,
    *,
    source: Experiment | None,
    assignments: Sequence[Sequence[Assignment]],
    environments: Sequence[str],
    tracked_by: str | None = None,
    with_notebook: bool = False,
    dry_run: bool,
) -> Report:
    """Make the experiment `name` from `source` (None: the template), with a first parameter set of `assignments`.

    `tracked_by` is one of tracker.CHOICES; None leaves the tracker of `source`.
    The folder appears whole, by one rename, after it has composed. Raises CommandError for a name or number that is
    taken, unknown keys, wrong types, and a copy that does not compose; then nothing has changed.
    """
    container = source.folder.parent if source else project.container
    origin = source or _template()
    existing_container = container.exists()
    container.mkdir(parents=True, exist_ok=True)
    try:
        with files.lock(container):
            files.remove_unfinished(container)
            full_name = _full_name(name, container)
            target = container / full_name
            report = Report(full_name, target, project.relative(origin.folder) if source else "template")
            with files.new_folder(target, keep=not dry_run) as aside:
                made = _fill(project, origin, aside, report)
                if tracked_by:
                    tracker.put(tracked_by, aside, report.source)
                    report.tracker = tracked_by
                _environments(project, made, origin, environments, report)
                _first_set(project, made, origin, assignments, report)
                _check(project, made, report)
                if with_notebook:
                    created = report.option.created if report.option else []
                    option = created[0].option if created else None
                    report.notebook_files = notebook.make(project, target, option, report.config, dry_run=dry_run)
            if source is None:
                report.left_behind.clear()  # the template's own parameter set is no loss to anyone
    finally:
        if not existing_container and dry_run:
            with contextlib.suppress(OSError):
                container.rmdir()
    if not dry_run:
        report.experiment = experiment_at(target)
        if report.experiment:
            report.config = _compose(project, report.experiment, report)[0]
    return report


def _template() -> Experiment:
    found = experiment_at(TEMPLATE)
    if found is None:
        raise CommandError(f"the template is missing from this installation: {TEMPLATE}", "install the skill again")
    return found


def _full_name(name: str, container: Path) -> str:
    """`name` with a number: its own, or the next in the habit of the container's folders."""
    if not name or name in (".", "..") or naming.slug(name, limit=200) != name:
        better = naming.slug(name) or "baseline"
        raise CommandError(f"{name!r} is no good name for an experiment", f"use letters, digits, - and _ : {better}")
    siblings = [path.name for path in container.iterdir() if not path.name.startswith(".")]
    numbered = naming.parse(name)
    if numbered is None:
        habit = naming.habit_of(siblings)
        plain_words = habit is None and bool(siblings)
        full = name if plain_words else (habit or naming.Habit()).name((habit or naming.Habit()).next_number, name)
        if full in siblings:
            raise CommandError(f"{container / full} exists already; nothing was written", "give another name")
        return full
    taken = [sibling for sibling in siblings if (other := naming.parse(sibling)) and other.number == numbered.number]
    if name in siblings:
        taken = [name]
    if taken:
        habit = naming.habit_of(siblings)
        free = f"{(habit or naming.Habit()).next_number:0{numbered.width}d}"
        proposal = str(replace(numbered, number=int(free), width=len(free)))
        raise CommandError(
            f"number {numbered.number:0{numbered.width}d} is taken by {', '.join(sorted(taken))}; nothing was written",
            f"the next free one: {proposal}",
        )
    return name


# -- copying ---------------------------------------------------------------------------------------------------------


def _fill(project: Project, origin: Experiment, aside: Path, report: Report) -> Experiment:
    """Copy the code and config of `origin` into `aside`, with its name rewritten; the experiment at `aside`."""
    siblings = [path.name for path in report.path.parent.iterdir()]
    renamer = Renamer(origin.name, report.name, siblings)
    kept_options = _options_that_config_needs(project, origin)
    wanted = list(_walk(project, origin, kept_options, report))
    for path in wanted:
        relative = path.relative_to(origin.folder)
        copy = aside / relative
        copy.parent.mkdir(parents=True, exist_ok=True)
        _copy(path, copy, renamer, report, relative)
        report.files.append(relative.as_posix())
    made = experiment_at(aside)
    if made is None:
        raise CommandError(
            f"{project.relative(origin.folder)} has no entry point with @hydra.main to copy",
            "name another with --from, or use --template",
        )
    shared = Path(os.path.relpath(origin.config_dir, origin.folder))
    if shared.parts[:1] == ("..",):
        report.notes.append(
            f"config folder {project.relative(origin.config_dir)} is shared with {origin.name}; it was not copied"
        )
    _shared_mentions(project, origin, renamer, report)
    return made


def _copy(path: Path, copy: Path, renamer: Renamer, report: Report, relative: Path) -> None:
    if path.is_symlink():
        copy.symlink_to(path.readlink())
        return
    if renamer.understands(path):
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            text = ""
        if text:
            result = renamer.rewrite(path, text)
            copy.write_bytes(result.text.encode("utf-8"))
            shutil.copymode(path, copy)
            if result.count:
                report.renamed[relative.as_posix()] = result.count
            report.kept_mentions += [f"{relative.as_posix()}:{line}" for line in result.kept_lines]
            return
    shutil.copy(path, copy)


def _walk(project: Project, origin: Experiment, kept_options: set[str], report: Report) -> Iterator[Path]:
    """The files of `origin` that are code or config; what is left behind goes into the report."""
    found: list[Path] = []
    for folder, folders, names in os.walk(origin.folder):
        here = Path(folder)
        for name in sorted(folders):
            path = here / name
            nested = path != origin.folder and (here == origin.folder) and _is_other_experiment(path, origin)
            if name in _LEFT_FOLDERS or nested or (path / "pyvenv.cfg").exists():
                folders.remove(name)
                _leave(report, origin, path)
            elif path.is_symlink():
                folders.remove(name)
                found.append(path)
        folders.sort()
        found += [here / name for name in sorted(names)]
    ignored = git.ignored(origin.folder, found)
    sets = origin.group_dir(SETS)
    for path in found:
        if path.parent == sets and path.suffix in (".yaml", ".yml"):
            if path.stem not in kept_options or path.suffix == ".yml":
                _leave(report, origin, path)
                continue
        elif path.suffix in _LEFT_SUFFIXES or path.name == ".DS_Store":
            _leave(report, origin, path)
            continue
        elif path in ignored and path.suffix not in (".py", ".yaml") and path.name != ".env":
            _leave(report, origin, path)  # what git ignores was made by a run
            continue
        elif not path.is_symlink() and path.stat().st_size > _LARGE:
            _leave(report, origin, path)
            continue
        yield path


def _leave(report: Report, origin: Experiment, path: Path) -> None:
    suffix = "/" if path.is_dir() and not path.is_symlink() else ""
    report.left_behind.append(path.relative_to(origin.folder).as_posix() + suffix)


def _is_other_experiment(path: Path, origin: Experiment) -> bool:
    other = experiment_at(path)
    return other is not None and other.folder != origin.folder and other.config_dir != origin.config_dir


def _options_that_config_needs(project: Project, origin: Experiment) -> set[str]:
    """The parameter sets that config.yaml names, and their parents: without them nothing composes."""
    composer = Composer(origin, schema.read(origin.entry, project.root), project.root) if origin.entry else None
    first = composer.groups().get(SETS) if composer else None
    files_ = origin.options(SETS)
    needed: set[str] = set()
    waiting = [first] if first else []
    while waiting:
        option = waiting.pop()
        if option in needed or option not in files_:
            continue
        needed.add(option)
        waiting += Document(files_[option]).parents
    return needed


def _shared_mentions(project: Project, origin: Experiment, renamer: Renamer, report: Report) -> None:
    """Name the shared modules (`utils/env.py`) whose defaults still say the old name: they are not ours to change."""
    if origin.entry is None or project.relative(origin.folder) != report.source:
        return
    for module in schema.read(origin.entry, project.root).modules:
        if origin.folder in module.parents:
            continue
        with contextlib.suppress(CommandError):
            if renamer.rewrite(module, files.read_text(module)).count:
                report.notes.append(
                    f"{project.relative(module)} is shared and still says {origin.name}; "
                    "where that is an output folder, both experiments write to it"
                )


# -- parameter set, environments, check ------------------------------------------------------------------------------


def _writer(project: Project, made: Experiment, group: str) -> OptionWriter:
    assert made.entry is not None
    return OptionWriter(made, Composer(made, schema.read(made.entry, project.root), project.root), group)


def _environments(
    project: Project, made: Experiment, origin: Experiment, environments: Sequence[str], report: Report
) -> None:
    for name in environments:
        if name not in origin.options(ENVIRONMENTS):
            outcome = _writer(project, made, ENVIRONMENTS).add_named(name, [], dry_run=False)
            report.files += [f"{ENVIRONMENTS}/{option.path.name}" for option in outcome.created]
            report.notes += outcome.notes


def _first_set(
    project: Project, made: Experiment, origin: Experiment, assignments: Sequence[Sequence[Assignment]], report: Report
) -> None:
    writer = _writer(project, made, SETS)
    if SETS not in writer.groups():
        if assignments:
            raise CommandError(
                f"{origin.config_file.name} has no group {SETS!r}, so {report.name} cannot hold values",
                "leave out the key=value words, or make the experiment with --template",
            )
        return
    if not assignments and not writer.holds_values():
        report.notes.append(
            f"no parameter set was written: those of {origin.name} lie at the root (# @package …); "
            "references/migration.md says how they move below exp"
        )
        return
    if len(assignments) and any(len(values) > 1 for values in assignments):
        raise CommandError(
            "a new experiment starts with one parameter set, but several values were given for one key",
            f"make it with one value, then: add_exp.py {report.name} key=value1,value2",
        )
    outcome = writer.add_first([values[0] for values in assignments], like=origin.options(SETS))
    report.option = outcome
    report.notes += outcome.notes
    report.files += [f"{SETS}/{option.path.name}" for option in outcome.created]


def _check(project: Project, made: Experiment, report: Report) -> None:
    config, failure = _compose(project, made, report)
    if failure:
        raise CommandError(
            f"the copy does not compose, so nothing was written: {failure.refusal.words}",
            "see what validate.py says of the original, mend that, and try again",
        )
    report.config = config
    for name in made.options(ENVIRONMENTS) if report.tracker else ():
        _, failure = _compose(project, made, report, {ENVIRONMENTS: name})
        if failure:  # the other tracker has other fields
            report.notes.append(
                f"{ENVIRONMENTS}/{name}.yaml does not fit {tracker.FILE}: {failure.refusal.words}; correct it"
            )


def _compose(
    project: Project, experiment: Experiment, report: Report, choices: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], Failure | None]:
    assert experiment.entry is not None
    composer = Composer(experiment, schema.read(experiment.entry, project.root), project.root)
    created = report.option.created if report.option else []
    outcome = composer.compose({**({SETS: created[0].option} if created else {}), **(choices or {})})
    return outcome.container, outcome.failure
