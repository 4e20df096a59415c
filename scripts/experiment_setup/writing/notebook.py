"""Notebooks for experiments: the template notebook under their names, and the loader that every notebook shares."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiment_setup import command_line, files, launch, locks, naming, schema, visible
from experiment_setup.commands import Next
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError
from experiment_setup.light import compiled, dataclass
from experiment_setup.project import EXPERIMENTS, SETS, Experiment, Project, root_words
from experiment_setup.writing.last_word import Proof
from experiment_setup.writing.node_values import leaves, plain_data

FOLDER = "notebooks"
_ASSETS = Path(__file__).resolve().parents[3] / "assets" / "notebook"
_LOADER = "load_experiment.py"
_NAMED = 4  # experiments in the name of a notebook
# What the template notebook says, and what stands there afterwards.
_NAME, _SET, _VALUE = "000-template", f"{SETS}=001", f"{SETS}.seed=1"
_PLAIN_KEY = compiled(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)*")  # which needs no quotes on a command line
_OTHER = f'other = load("{_NAME}")\ndiff(cfg, other)'


@dataclass(frozen=True)
class Shown:
    """An experiment that a notebook shows: its folder, the parameter set, if any, and what that composes to."""

    folder: Path
    option: str | None
    config: Mapping[str, Any]
    entry: Path | None = None  # where the folder has several, or is the project's own

    @property
    def words(self) -> str:
        """What chooses the set."""
        return naming.override(SETS, self.option) if self.option else ""

    def load(self, project: Project) -> str:
        """The call of the loader."""
        arguments = [self.name(project), *filter(None, [self.words])]
        return f"load({', '.join(map(_quoted, arguments))})"

    def name(self, project: Project) -> str:
        """As the loader finds it: by the folder's name alone in experiments/, else by its path, and what lies in the
        project's folder from the notebook's: `load(".")` would be the notebooks.
        """
        if self.entry is not None:
            return f"../{self.entry.name}" if self.folder == project.root else project.relative(self.entry)
        return self.folder.name if self.folder.parent == project.root / EXPERIMENTS else project.relative(self.folder)


@dataclass(frozen=True)
class Request:
    """What add_notebook.py is asked for; `words` are the experiments."""

    words: Sequence[str]
    root: Path | None = None
    name: str | None = None
    script: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class AddedNotebook:
    """What add_notebook.py says: the files that it made, or that were there."""

    project: Project
    created: Sequence[Path]
    existing: Sequence[Path]
    proof: Proof
    following: Next
    dry_run: bool

    exit_code = 0

    def data(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "version": 1,
            "dry_run": self.dry_run,
            "created": [{"path": self.project.relative(path)} for path in self.created],
            "existing": [{"path": self.project.relative(path)} for path in self.existing],
            **self.proof.data(),
            **self.following.data(),
        }

    def text(self) -> Iterator[str]:
        """The same facts for people."""
        for path in self.created:
            yield f"{'would make' if self.dry_run else 'made'} {self.project.relative(path)}"
        for path in self.existing:
            yield f"left as it is: {self.project.relative(path)}"
        yield ""
        yield from self.proof.text()
        yield from self.following.text(self.project)

    def notes(self) -> Iterator[str]:
        """What is to be known besides, for stderr."""
        yield from self.following.notes()


def add(request: Request) -> AddedNotebook:
    """Make a notebook of the experiments that are named; one that is there is left as it is.

    Raises CommandError for what is no experiment, or does not compose: the first cell would fail.
    """
    odd = [word for word in request.words if "=" in word]
    if odd:
        raise CommandError(
            f"expected experiments, got {odd[0]}",
            "overrides stand in the notebook's cells",
            command_line.corrected({word: [] for word in odd}),
        )
    project = Project.locate(request.root, request.words)
    experiments = [project.experiment(word) for word in dict.fromkeys(request.words) or [None]]
    shown: list[Shown] = []
    modules: dict[Path, None] = {}
    for experiment in dict.fromkeys(experiments):
        if experiment.entry is None:
            where = project.relative(experiment.folder)
            raise CommandError(f"{where} has no entry point with @hydra.main", "add train.py first")
        read = schema.read(experiment.entry, project.root)
        modules |= dict.fromkeys(read.modules)
        one = _shown(experiment, Composer(experiment, read, project.root))
        is_told_by_its_folder = experiment.folder != project.root and not project.further(experiment)
        shown.append(one if is_told_by_its_folder else replace(one, entry=experiment.entry))
    name = _file_name(request.name, shown, script=request.script)
    wanted = texts(project, shown, name, script=request.script)
    home = project.root / FOLDER
    if not request.dry_run:
        files.clear_unfinished([home])  # what a kill left is completed or cleared away
    new = missing(wanted)
    if not request.dry_run:
        write(wanted)
    configs = {f"{one.name(project)} {one.words}".strip(): dict(one.config) for one in shown}
    first = next(iter(configs))
    proof = Proof(project, len(configs), configs, {words: first for words in configs if words != first})
    following = Next()
    if request.script and not request.dry_run:
        begun = launch.of(project.root, list(modules))
        file = command_line.quoted(project.relative(list(wanted)[-1]))
        following = Next((f"{begun.start} {file}",) if begun.works else (), begun.missing)
    kept = [path for path in wanted if path not in new]
    return AddedNotebook(project, list(new), kept, proof, following, request.dry_run)


def _shown(experiment: Experiment, composer: Composer) -> Shown:
    """The experiment with its first parameter set, and what that composes to."""
    option = next(iter(experiment.options(SETS)), None)
    composed = composer.compose({SETS: option} if option else {})
    if composed.failure is not None and SETS not in composer.groups():  # a folder of that name, and no group
        option, composed = None, composer.compose({})
    if composed.failure is not None:
        raise CommandError(
            f"{experiment.name} does not compose, so nothing was written: {composed.failure.refusal.words}",
            "mend what validate.py names",
            command_line.command("validate.py", [experiment.name, *root_words(composer.root)]),
        )
    return Shown(experiment.folder, option, plain_data(composed.container))


def _file_name(asked: str | None, shown: Sequence[Shown], *, script: bool) -> str:
    """The name that was asked for, else that of the experiments; a script named like a package would be imported in its
    place, as a script's own folder comes first.
    """
    if asked is None:
        first, *others = (naming.slug(one.folder.name) or "experiment" for one in shown)
        name = "_".join([first, *others]) if len(others) < _NAMED else f"{first}_and-{len(others)}-more"
        return f"{name}-notebook" if script and name.isidentifier() else name
    better = naming.slug(asked.removesuffix(".ipynb").removesuffix(".py"), limit=200)
    if better != asked:
        raise CommandError(
            f"--name {asked!r} is no good name for a notebook",
            "use letters, digits, - and _, and no ending",
            command_line.corrected({asked: [better]}) if better else None,
        )
    return asked


def texts(project: Project, shown: Sequence[Shown], name: str, *, script: bool = False) -> dict[Path, str]:
    """The loader, and the notebook called `name` that shows these experiments; with `script` a `# %%` file."""
    home = project.root / FOLDER
    files.refuse_outside(home, project.root)
    cells = _cells(project, shown)
    text = "\n\n".join(map(_percent, cells)) + "\n" if script else _notebook(cells)
    return {
        home / _LOADER: (_ASSETS / _LOADER).read_text(encoding="utf-8"),
        home / f"{name}.{'py' if script else 'ipynb'}": text,
    }


def missing(texts: Mapping[Path, str]) -> dict[Path, str]:
    """Those that are not there yet: what is there stays as it is."""
    return {path: text for path, text in texts.items() if not path.exists()}


def write(texts: Mapping[Path, str]) -> None:
    """Write what is missing of the notebook and its loader, when the experiment that they show is there."""
    home = next(iter(texts)).parent
    with locks.hold(home) as held:
        if held:
            files.remove_unfinished(home)  # also where nothing is left to write: that may be a killed command's work
        new = missing(texts)
        if new:
            files.create_files(new)


def _template() -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads((_ASSETS / "explore.ipynb").read_text(encoding="utf-8"))
    return notebook


def _cells(project: Project, shown: Sequence[Shown]) -> list[dict[str, Any]]:
    """The template's cells for these experiments: without a set they show the defaults, without a seed another value
    is changed, and without a part `exp` no object is made of it.

    The first is looked at, and each of the others is laid beside it.
    """
    first, *others = shown
    values = first.config.get(SETS)
    with_seed = isinstance(values, Mapping) and "seed" in values
    value = _VALUE if with_seed else _changed(first.config)
    words = {
        f'"{_NAME}"': _quoted(first.name(project)),
        f"# {_NAME}": f"# {visible.line(first.name(project))}",
        f', "{_SET}"': f", {_quoted(first.words)}" if first.option else "",
        f', "{_VALUE}"': f', "{value}"' if value else "",
    }
    cells = []
    template = _template()["cells"]
    if not isinstance(values, Mapping):
        at = next(index for index, cell in enumerate(template) if f"cfg.{SETS})" in "".join(cell["source"]))
        del template[at - 1 : at + 1]  # with what is said of it
    for cell in template:
        text = "".join(cell["source"])
        if text == _OTHER and others:
            cells += [
                {**cell, "id": f"{cell['id']}-{number}", "source": f"other = {one.load(project)}\ndiff(cfg, other)"}
                for number, one in enumerate(others, 1)
            ]
            continue
        for old, new in words.items():
            text = text.replace(old, new)
        cells.append({**cell, "source": text})
    return cells


def _quoted(text: str) -> str:
    """A text as Python reads it, in double quotes as in the template. A folder may be called `x"); evil()`."""
    return visible.line(json.dumps(text, ensure_ascii=False))


def _changed(config: Mapping[str, Any]) -> str | None:
    """An override that changes a value: the first seed, else the first number."""
    numbers = [(key, value) for key, value in leaves(config) if isinstance(value, (int, float)) or value is None]
    plain = [(key, value) for key, value in numbers if _PLAIN_KEY.fullmatch(key) and not isinstance(value, bool)]
    seed = next((f"{key}=1" for key, value in plain if key.rpartition(".")[2] == "seed" and value != 1), None)
    return seed or next((f"{key}={2 * value or 1}" for key, value in plain if value is not None), None)


def _notebook(cells: Sequence[Mapping[str, Any]]) -> str:
    split = [{**cell, "source": str(cell["source"]).splitlines(keepends=True)} for cell in cells]
    return json.dumps({**_template(), "cells": split}, indent=1, ensure_ascii=False) + "\n"


def _percent(cell: Mapping[str, Any]) -> str:
    """A cell of a `# %%` file, which prints what a notebook would show."""
    text = str(cell["source"])
    if cell["cell_type"] == "markdown":
        return "\n".join(["# %% [markdown]", *(f"# {line}".rstrip() for line in text.splitlines())])
    lines = text.splitlines()
    last = ast.parse(text).body[-1]
    if isinstance(last, ast.Expr) and not lines[last.lineno - 1].startswith("print("):
        lines[last.lineno - 1] = f"print({lines[last.lineno - 1]})"
    return "\n".join(["# %%", *lines])
