"""The verb behind new_experiment.py: code and config of the last experiment (or of the template) under a new name."""

from __future__ import annotations

import contextlib
import errno
import keyword
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from experiment_setup import command_line, files, locks, naming, schema
from experiment_setup.checking.mirror import mirrored
from experiment_setup.commands import Next, next_commands
from experiment_setup.composing.compose import Composer, Failure
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.project import (
    ENVIRONMENTS,
    EXPERIMENTS,
    SETS,
    Experiment,
    Project,
    experiment_at,
    option_name,
    root_words,
)
from experiment_setup.reading import overrides
from experiment_setup.reading.overrides import Assignment
from experiment_setup.writing import bare, class_fields, last_word, notebook, option_file, root_option, tracker
from experiment_setup.writing.copying import Selection
from experiment_setup.writing.keys import WrongKeys
from experiment_setup.writing.last_word import Combinations
from experiment_setup.writing.mentions import Renamer, still_there
from experiment_setup.writing.new_option import OptionWriter
from experiment_setup.writing.notebook import Shown
from experiment_setup.writing.option_folder import OptionFolder, Outcome
from experiment_setup.writing.outcomes import Report, Started
from experiment_setup.writing.root_option import RootWriter

TEMPLATE = Path(__file__).resolve().parents[3] / "assets" / "000-template"
_CODE_FOLDERS = {"src", "source", "code", "app"}  # in a project's root: all of its code
_NEW_FIELD = "a new parameter is a new field of the dataclass: --field adds one, with its default"
_TRIES = 100  # where there are no locks, others may take a name between looking and writing; each time one fewer


@dataclass(frozen=True)
class ExperimentRequest:
    """What new_experiment.py is asked for; `words` are NAME and key=value."""

    words: Sequence[str]
    root: Path | None = None
    source: str | None = None
    from_template: bool = False
    environments: Sequence[str] = ()
    tracker: str | None = None
    notebook: bool = False
    dry_run: bool = False
    bare: bool = False
    fields: Sequence[str] = ()
    defaults: Sequence[str] = ()


def start(request: ExperimentRequest) -> Started:
    """Make the experiment that is asked for, or nothing. Raises CommandError with the command that would be right."""
    names = [word for word in request.words if "=" not in word]
    assignments = overrides.parse([word for word in request.words if "=" in word])
    if len(names) != 1:
        got = " ".join(names) or "none"
        better = naming.slug("-".join(names)) if names else "larger-model"
        instead = {name: [better] if name is names[0] else [] for name in names}
        raise CommandError(
            f"expected one NAME, got {got}",
            "for example: new_experiment.py larger-model batch_size=8",
            command_line.corrected(instead) if better and len(set(names)) == len(names) > 1 else None,
        )
    if request.bare and request.source:
        raise CommandError(
            "--bare is the template without its training, and --from another experiment",
            "give one of them",
            command_line.corrected({"--bare": []}),
        )
    project = Project.locate(request.root)
    source = None
    if request.source:
        source = project.experiment(request.source)
    elif not request.from_template and not request.bare:
        source = project.latest()
        _refuse_unseen(project, source)
    making = _Making(project, request, names[0], source, assignments)
    return Started(project, making.tried() if request.dry_run else making.make(), request.dry_run)


def _refuse_unseen(project: Project, source: Experiment | None) -> None:
    """Raise CommandError where a later folder looks like an experiment, but was not found to be one.

    Else an older one, or the template, would be taken in its place without a word because a file could not be read.
    """
    if not project.container.is_relative_to(project.root):
        return  # the project itself is the experiment, and what lies beside it is not the project's
    files.refuse_outside(project.container, project.root)
    known = {experiment.folder for experiment in project.experiments if experiment.closed is None}
    for folder in sorted(project.container.iterdir()) if project.container.is_dir() else ():
        number = naming.parse(folder.name)
        later = source is None or (number is not None and number.number > (source.number or 0))
        if folder in known or not later or folder.name.startswith(".") or not folder.is_dir():
            continue
        names = {path.name for path in folder.iterdir()}
        scripts = [folder / name for name in sorted(names) if name.endswith(".py") and (folder / name).is_file()]
        if not names.isdisjoint(("config.yaml", SETS)) and any(
            b"hydra.main" in files.read_bytes(path) for path in scripts
        ):
            raise CommandError(
                f"{project.relative(folder)} looks like an experiment, but could not be read as one",
                "mend it, or name another with --from; --template starts from the template",
                command_line.corrected({}, more=["--template"]),
            )


def _several_values(name: str, full_name: str, assignments: Sequence[Sequence[Assignment]], root: Path) -> CommandError:
    """A new experiment starts with one set: the first values now, the rest with add_exp.py."""
    words = {values[0].word: f"{values[0].word.split('=', 1)[0]}={values[0].written}" for values in assignments}
    first = command_line.corrected({name: [full_name], **{old: [new] for old, new in words.items()}})
    all_words = [values[0].word for values in assignments]
    rest = command_line.command("add_exp.py", [full_name, *all_words, *root_words(root)])
    return CommandError(
        "a new experiment starts with one parameter set, but several values were given for one key",
        "start with the first values; add_exp.py makes the other sets",
        f"{first} && {rest}",
    )


@dataclass
class _Making:
    """One new experiment on its way."""

    project: Project
    request: ExperimentRequest
    name: str
    source: Experiment | None  # None: the template
    values: Sequence[Sequence[Assignment]]

    @property
    def point(self) -> list[Assignment]:
        """What the first parameter set changes."""
        return [values[0] for values in self.values]

    def tried(self) -> Report:
        """What making it would come to: it is made in a mirror of the project, of which nothing stays."""
        container = self._container()
        with mirrored(self.project, self.project.experiments, [container / "new"]) as mirror:
            report = self._make(mirror.copy_of(container), mirror.project.root)
            report.path = container / report.name
            report.proof = report.proof.within(mirror)
        return report

    def make(self) -> Report:
        """Make it: the folder appears whole, by one rename, after it has composed. Then the notebook.

        Raises CommandError for a name or number that is taken, unknown keys, wrong types, and a copy that does not
        compose; then nothing has changed.
        """
        return self._make(self._container(), self.project.root)

    def _make(self, container: Path, root: Path) -> Report:
        """Make it in `container`, in the project at `root`, which is the project or its mirror."""
        for attempt in range(_TRIES):
            with locks.hold(container) as held:
                if held:
                    files.remove_unfinished(container)
                name = _full_name(self.name, container)
                try:
                    with contextlib.nullcontext() if held else _claimed(self.name, name, container):
                        return self._make_named(name, container, root)
                except FileExistsError:  # another took the name in between
                    if attempt + 1 == _TRIES:
                        raise
        raise AssertionError("unreachable")

    def _make_named(self, name: str, container: Path, root: Path) -> Report:
        target = container / name
        report = Report(name, target, self.project.relative(self.source.folder) if self.source else "template")
        if any(len(values) > 1 for values in self.values):
            raise _several_values(self.name, name, self.values, self.project.root)
        try:
            with files.new_folder(target) as aside:
                texts = self._fill(aside, root, report)
        except CommandError as error:
            raise error.saying(f".{name}", name) from None
        if texts and not self.request.dry_run:
            self._add_notebook(texts, report)
        return report

    def _add_notebook(self, texts: Mapping[Path, str], report: Report) -> None:
        try:
            notebook.write(texts)
        except OSError as error:
            raise CommandError(
                f"{self.project.relative(report.path)} was made, but not its notebook: "
                f"{error.strerror or error}: {error.filename}",
                "the experiment is complete without it",
            ) from None

    def _container(self) -> Path:
        """The folder that it goes into. Raises CommandError where that would not be a folder of experiments."""
        root, source = self.project.root, self.source
        container = self.project.container
        if source and source.folder.is_relative_to(root):
            if _is_whole_repository(source, root):
                raise self._whole_repository(source)
            container = source.folder.parent
        if not container.is_relative_to(root) or container == root.parent:
            container = root / EXPERIMENTS
        if container.is_symlink() or not files.real(container).is_relative_to(root):
            files.refuse_outside(container, root)
        if container.exists() and not container.is_dir():
            raise CommandError(f"{container} is a file, where a folder of experiments was expected", "move it away")
        return container

    def _whole_repository(self, source: Experiment) -> CommandError:
        """Why no copy is made of an experiment that is the project itself."""
        where = self.project.relative(source.folder)
        assert source.entry is not None
        entry = self.project.relative(source.entry)
        root = root_words(self.project.root)
        words = [assignment.word for assignment in self.point]
        if words:
            command = command_line.command("add_exp.py", [where, *words, *root])
            what = "for other values of this experiment, add a parameter set"
        else:
            command = command_line.command("new_experiment.py", [self.name, "--template", *root])
            what = "the template makes an experiment in a folder of its own"
        return CommandError(
            f"the project itself is the experiment ({entry}, with its config in "
            f"{self.project.relative(source.config_dir)}): a copy of it would be a copy of the whole repository, "
            "so nothing was written",
            f"{what}; to copy experiments, move this one into {EXPERIMENTS}/001-NAME/ first",
            command,
        )

    # -- the folder ----------------------------------------------------------------------------------------------

    def _fill(self, aside: Path, root: Path, report: Report) -> dict[Path, str]:
        """Put everything into `aside`, and all that is to be said into the report; the texts of the notebook."""
        origin = self.source or _template()
        composer = _composer(origin, self.project.root)
        group = root_option.group_of_sets(origin, composer.groups(), SETS)
        made = self._copy(origin, composer, group or SETS, aside, report)
        if self.request.tracker:
            tracker.put(self.request.tracker, aside, report.source)
            report.tracker = self.request.tracker
        self._change_code(made, root, report)
        for word in self.request.environments:
            self._environment(word, made, root, report)
        self._first_set(made, origin, group, root, report)
        report.renamed = {
            name: list(still_there(mentions, files.read_text(aside / name)))
            for name, mentions in report.renamed.items()
        }
        self._check(made, aside, root, report)
        report.following = self._next(made, root, report)
        if self.source is None:
            report.left_behind.clear()  # the template's own parameter set is no loss to anyone
        if not self.request.notebook:
            return {}
        shown = Shown(report.path, report.parameter_set, report.proof.config)
        texts = notebook.missing(notebook.texts(self.project, [shown], report.name))
        report.notebook_files = [self.project.relative(path) for path in texts]
        return texts

    def _copy(self, origin: Experiment, composer: Composer, sets: str, aside: Path, report: Report) -> Experiment:
        """Copy the code and config of `origin` into `aside`, with its name rewritten; the experiment at `aside`."""
        siblings = [path.name for path in report.path.parent.iterdir()]
        renamer = Renamer(origin.folder, report.name, siblings, self.project.root if self.source else origin.folder)
        copy = Selection(origin, composer.schema, sets).read()
        options = set(origin.options(sets).values())
        report.left_behind = {
            name: option_file.values_of(path) if (path := origin.folder / name) in options else "" for name in copy.left
        }
        for path in copy.files:
            relative = path.relative_to(origin.folder)
            target = aside / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            self._copy_file(path, target, renamer, report, relative)
            report.files.append(relative.as_posix())
        made = experiment_at(aside)
        if made is None:
            found = "has no entry point with @hydra.main to copy"
            if origin.entry is not None:
                found = f"cannot be copied whole: {origin.entry.name} is left out, being too large or no readable file"
            raise CommandError(
                f"{self.project.relative(origin.folder)} {found}",
                "name another with --from, or use --template",
            )
        if not origin.config_dir.is_relative_to(origin.folder):
            report.notes.append(
                f"config folder {self.project.relative(origin.config_dir)} is shared with {origin.name}; "
                "it was not copied"
            )
        if self.source:
            self._shared_mentions(origin, composer, renamer, report)
        return made

    def _copy_file(self, path: Path, target: Path, renamer: Renamer, report: Report, relative: Path) -> None:
        if path.is_symlink():
            target.symlink_to(path.readlink())
            return
        text = ""
        if renamer.understands(path):
            try:
                text = files.read_bytes(path).decode("utf-8")
            except UnicodeDecodeError:
                pass
            except OSError as error:
                if error.errno != errno.EFBIG:  # what is very large is copied as it is, and names no folder
                    raise
        if not text:
            shutil.copy(path, target)
            return
        result = renamer.rewrite(path, text)
        if result.imported and not (report.name.isidentifier() and not keyword.iskeyword(report.name)):
            raise self._no_package(report, relative)
        files.put(target, result.text)
        shutil.copymode(path, target)
        if result.mentions:
            report.renamed[relative.as_posix()] = result.mentions
        report.kept_mentions += [f"{relative.as_posix()}:{line}" for line in result.kept_lines]

    def _no_package(self, report: Report, relative: Path) -> CommandError:
        better = naming.importable(report.name, report.source.rpartition("/")[2])
        return CommandError(
            f"{report.source} is imported as a package ({relative.as_posix()}), but Python can import nothing called "
            f"{report.name!r}; nothing was written",
            f"give a name of letters, digits and _ that begins with a letter: {better}",
            command_line.corrected({self.name: [better]}),
        )

    def _shared_mentions(self, origin: Experiment, composer: Composer, renamer: Renamer, report: Report) -> None:
        """Name the shared modules (`utils/env.py`) that still say the old name: they are not ours to change."""
        for module in composer.schema.modules:
            if origin.folder in module.parents:
                continue
            with contextlib.suppress(CommandError):
                if renamer.rewrite(module, files.read_text(module)).mentions:
                    report.notes.append(
                        f"{self.project.relative(module)} is shared and still says {origin.name}; "
                        "where that is an output folder, both experiments write to it"
                    )

    # -- parameter set, environments, check ----------------------------------------------------------------------

    def _change_code(self, made: Experiment, root: Path, report: Report) -> None:
        """Without the toy, with other fields and defaults."""
        assert made.entry is not None
        fields = class_fields.parse_fields(self.request.fields)
        defaults = [class_fields.parse_one("--default", word, word)[0] for word in self.request.defaults]
        if self.request.bare:
            named = [field.key for field in fields] + [value.key for value in (*defaults, *self.point)]
            own = any(not field.key.startswith(f"{ENVIRONMENTS}.") for field in fields)
            bare.strip(made.entry, kept={key.removeprefix(f"{SETS}.") for key in named} if own else None)
        classes = class_fields.Classes(made, root)
        written = [classes.add(field) for field in fields] + [classes.set_default(default) for default in defaults]
        if self.source is None:
            place = bare.PLACE if self.request.bare else bare.TOY
            report.place = files.read_text(made.entry).partition(place)[0].count("\n") + 1
            report.trains_a_toy = not self.request.bare
        report.fields = [
            (change.key, change.line, change.path.relative_to(made.folder).as_posix()) for change in written
        ]

    def _environment(self, word: str, made: Experiment, root: Path, report: Report) -> None:
        """Make env/NAME.yaml with what `NAME[:KEY=VALUE,…]` says; one that was copied gets the values as well."""
        name, _, rest = word.partition(":")
        option = option_name(name, ENVIRONMENTS)
        parts = re.split(r",(?=[A-Za-z_][\w.]*=)", rest) if rest else []
        writer = OptionWriter(made, _composer(made, root), ENVIRONMENTS)
        try:
            points = [values[0] for values in overrides.parse(parts) if self._one(values, word)]
            if option in made.options(ENVIRONMENTS):
                if points:
                    writer.change(option, points)
                return
            outcome = writer.named(option, points)
        except WrongKeys as wrong:
            raise self._wrong_environment(wrong, word, name, parts) from None
        self._publish(made, writer.folder, outcome, report)

    @staticmethod
    def _one(values: Sequence[Assignment], word: str) -> bool:
        if len(values) > 1:
            key, _, several = values[0].word.partition("=")
            better = word.replace(values[0].word, f"{key}=[{several}]")
            raise CommandError(
                f"{key} has several values in --env {word!r}, but an environment is one file",
                f"a list is written {key}=[{several}]",
                command_line.corrected({word: [better]}),
            )
        return True

    @staticmethod
    def _wrong_environment(wrong: WrongKeys, word: str, name: str, parts: Sequence[str]) -> CommandError:
        """The error for keys that the environment does not have: with the whole command, in which they are right."""
        new = wrong.new
        if not wrong.can_be_mended(SETS):
            return WrongKeys(wrong.wrong, None, f"--env {word!r} sets keys of {ENVIRONMENTS}")
        right = [better for part in parts if part not in new for better in wrong.instead.get(part, [part])]
        better = f"{name}:{','.join(right)}" if right else name
        fields = [f"{ENVIRONMENTS}.{part}" for part in new]
        command = command_line.corrected({word: [better]}, more=[*wrong.words_for(SETS), *_as_fields(fields)])
        return WrongKeys(wrong.wrong, command, _NEW_FIELD if new else None)

    def _first_set(self, made: Experiment, origin: Experiment, at_root: str | None, root: Path, report: Report) -> None:
        composer = _composer(made, root)
        if at_root is None and SETS not in composer.groups():
            if self.point:
                raise CommandError(
                    f"{origin.config_file.name} has no group {SETS!r}, so {report.name} cannot hold values",
                    "leave out the key=value words, or make the experiment with --template",
                    command_line.corrected({assignment.word: [] for assignment in self.point}),
                )
            return
        if not origin.config_dir.is_relative_to(origin.folder):
            if self.point:
                raise self._shared_sets(origin)
            return
        place = origin.group_dir(at_root or SETS)
        if os.path.lexists(place) and not files.is_folder(place):
            raise CommandError(
                f"{place} is no folder, so {report.name} cannot have parameter sets as {origin.name} has them",
                "put a folder in its place, or make the experiment with --template",
                command_line.corrected({}, more=["--template"]),
            )
        writer = RootWriter(made, composer, at_root) if at_root else OptionWriter(made, composer, SETS)
        writer.folder.path.mkdir(exist_ok=True)  # Hydra knows no group without a folder
        try:
            report.option = writer.first_set(self.point, like=origin.options(at_root or SETS))
        except WrongKeys as wrong:
            raise self._wrong_parameters(wrong) from None
        self._publish(made, writer.folder, report.option, report)
        with contextlib.suppress(OSError):
            writer.folder.path.rmdir()  # where no set was written

    def _publish(self, made: Experiment, folder: OptionFolder, outcome: Outcome, report: Report) -> None:
        """Write the options of the new experiment, which is still aside."""
        with locks.folder_for_files(folder.path):
            folder.publish(outcome.created, outcome.notes, dry_run=False)
        report.notes += outcome.notes
        report.files += [option.path.relative_to(made.folder).as_posix() for option in outcome.created]

    def _shared_sets(self, origin: Experiment) -> CommandError:
        words = [self.project.relative(origin.folder), *(assignment.word for assignment in self.point)]
        return CommandError(
            f"the parameter sets lie in {self.project.relative(origin.config_dir)}, which the new experiment would "
            f"share with {origin.name}; nothing was written",
            "leave out the key=value words, or add a set for both",
            command_line.command("add_exp.py", [*words, *root_words(self.project.root)]),
        )

    @staticmethod
    def _wrong_parameters(wrong: WrongKeys) -> CommandError:
        """The error for keys that the parameters do not have: with the whole command, in which they are right."""
        words, new = wrong.words_for(ENVIRONMENTS), wrong.new
        if not wrong.can_be_mended(ENVIRONMENTS) or not (words or new):
            return wrong
        instead = {**wrong.instead, **{word: _as_fields([word]) for word in new}}
        command = command_line.corrected(instead, more=["--env", f"local:{','.join(words)}"] if words else [])
        advice = [_NEW_FIELD] * bool(new) + ["values of a machine are set with --env NAME:KEY=VALUE"] * bool(words)
        return WrongKeys(wrong.wrong, command, "; ".join(advice))

    def _check(self, made: Experiment, aside: Path, root: Path, report: Report) -> None:
        composer = _composer(made, root)
        outcome = composer.compose(report.choices)
        if outcome.failure:
            raise self._does_not_compose(outcome.failure, report)
        key, option = next(iter(report.choices.items()), (SETS, None))
        environments = [None, *(made.options(ENVIRONMENTS) if ENVIRONMENTS in composer.groups() else ())]
        project = self.project if root == self.project.root else Project(root, self.project.experiments)
        combinations = Combinations(key, [option], environments)
        proof = last_word.of_folder(project, aside, report.path, self.source, combinations)
        report.proof = replace(proof, source=report.source if self.source else None)
        for name in made.options(ENVIRONMENTS) if report.tracker else ():
            failure = composer.compose({**report.choices, ENVIRONMENTS: name}).failure
            if failure:  # the other tracker has other fields
                report.notes.append(
                    f"{ENVIRONMENTS}/{name}.yaml does not fit {tracker.FILE}: {failure.refusal.words}; correct it"
                )

    def _does_not_compose(self, failure: Failure, report: Report) -> CommandError:
        source = [report.source, *root_words(self.project.root)]
        return CommandError(
            f"the copy does not compose, so nothing was written: {failure.refusal.words}",
            "see what validate.py says of the original, mend that, and try again",
            command_line.command("validate.py", source) if self.source else None,
        )

    def _next(self, made: Experiment, root: Path, report: Report) -> Next:
        """The next commands, which speak of the folder as it will be called."""
        target = replace(made, folder=report.path, entry=report.path / made.entry.name if made.entry else None)
        assert made.entry is not None
        group, option = next(iter(report.choices.items()), (SETS, None))
        return next_commands(
            self.project,
            target,
            [option] if option else [],
            [None, *made.options(ENVIRONMENTS)],
            group=group,
            read=schema.read(made.entry, root),
        )


def _as_fields(words: Sequence[str]) -> list[str]:
    return [part for word in words for part in ("--field", word)]


def _composer(experiment: Experiment, root: Path) -> Composer:
    """For `experiment` as it is now: what is known of it is read anew."""
    if experiment.entry is None:
        raise CommandError(
            f"{experiment.folder.name} has no entry point with @hydra.main to copy",
            "name another with --from, or use --template",
        )
    return Composer(experiment, schema.read(experiment.entry, root), root)


@contextlib.contextmanager
def _claimed(asked: str, name: str, container: Path) -> Iterator[None]:
    """Hold the number of `name`, or the name without one; FileExistsError where that is another's by then."""
    numbered = naming.parse(name)
    with locks.claim(container, f"{numbered.number:0{numbered.width}d}" if numbered else name):
        if _full_name(asked, container, besides=numbered.number if numbered else None) != name:
            raise FileExistsError(errno.EEXIST, "was taken in between", name)
        yield


def _is_whole_repository(source: Experiment, root: Path) -> bool:
    """Whether the experiment is the project: its folder is the root, or has all of the code there, or no config."""
    beside = source.folder.parent == root
    return source.folder == root or (
        beside and (source.folder.name in _CODE_FOLDERS or not source.config_dir.is_relative_to(source.folder))
    )


def _template() -> Experiment:
    found = experiment_at(TEMPLATE)
    if found is None:
        raise CommandError(f"the template is missing from this installation: {TEMPLATE}", "install the skill again")
    return found


def _full_name(name: str, container: Path, *, besides: int | None = None) -> str:
    """`name` with a number: its own, or the next in the habit of the container's folders.

    Numbers that others have claimed count, but not `besides`, which is claimed by us.
    """
    better = naming.slug(name, limit=200)
    if not name or better != name:
        better = better or "baseline"
        raise CommandError(
            f"{name!r} is no good name for an experiment",
            f"use letters, digits, - and _ : {better}",
            command_line.corrected({name: [better]}),
        )
    siblings = [path.name for path in container.iterdir() if not path.name.startswith(".")]
    siblings += [claim for claim in locks.claimed(container) if besides is None or naming.integer(claim) != besides]
    numbered = naming.parse(name)
    habit = naming.habit_of(siblings)
    if numbered is None:
        plain_words = habit is None and bool(siblings)
        full = name if plain_words else (habit or naming.Habit()).name((habit or naming.Habit()).next_number, name)
        if full.lower() in map(str.lower, siblings):
            raise CommandError(
                f"{container / full} exists already; nothing was written",
                "give another name",
                command_line.corrected({name: [naming.free(name, siblings)]}),
            )
        return full
    taken = [sibling for sibling in siblings if (other := naming.parse(sibling)) and other.number == numbered.number]
    taken = [sibling for sibling in siblings if sibling.lower() == name.lower()] or taken
    if taken:
        free = f"{(habit or naming.Habit()).next_number:0{numbered.width}d}"
        proposal = str(replace(numbered, number=int(free), width=len(free)))
        raise CommandError(
            f"number {numbered.number:0{numbered.width}d} is taken by {', '.join(sorted(taken))}; nothing was written",
            f"the next free one: {proposal}",
            command_line.corrected({name: [proposal]}),
        )
    return name
