"""The verbs behind add_exp.py and add_env.py: new parameter sets, and a new environment, of one experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from experiment_setup import command_line, files, naming, schema
from experiment_setup.commands import next_commands
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment, Project, option_name, root_words, split_experiment
from experiment_setup.reading import overrides
from experiment_setup.writing import last_word, option_file, root_option
from experiment_setup.writing.keys import WrongKeys
from experiment_setup.writing.last_word import Combinations, Proof
from experiment_setup.writing.new_option import OptionWriter
from experiment_setup.writing.option_folder import OptionFolder, Outcome, SetWriter
from experiment_setup.writing.outcomes import Added
from experiment_setup.writing.root_option import RootWriter

_TOLD = 2  # sets that are told of, of those that are there
_TRIES = 100  # where there are no locks, others may take a name between looking and writing; each time one fewer


@dataclass(frozen=True)
class SetsRequest:
    """What add_exp.py is asked for; `words` are EXPERIMENT and key=value."""

    words: Sequence[str]
    root: Path | None = None
    name: str | None = None
    base: str | None = None
    dry_run: bool = False
    run: Path | None = None  # what a run saved there is what the set is to give


@dataclass(frozen=True)
class EnvironmentRequest:
    """What add_env.py is asked for; `words` are EXPERIMENT, NAME and key=value."""

    words: Sequence[str]
    root: Path | None = None
    dry_run: bool = False


def writer_of_sets(experiment: Experiment, composer: Composer, base: str | None = None) -> SetWriter:
    """What adds parameter sets where those of the experiment are, in their style; at the root where there are none.

    Raises CommandError for a `base` that is none of them.
    """
    listed = composer.groups()
    group = root_option.group_of_sets(experiment, listed, SETS)
    stored = any(known.group == SETS for known in composer.schema.registrations)
    if group is None:
        if stored or SETS in listed or experiment.options(SETS) or not _is_readable(experiment, composer):
            return OptionWriter(experiment, composer, SETS, base)
        below = root_option.group_below_its_name(experiment, listed)
        if below is not None:
            return OptionWriter(experiment, composer, below, base)
    return RootWriter(experiment, composer, group or root_option.FIRST, base)


def _is_readable(experiment: Experiment, composer: Composer) -> bool:
    return experiment.has_config and composer.document(experiment.config_file).error is None


def add_sets(request: SetsRequest) -> Added:
    """Write the next parameter sets, all of them or none; those that are there already are only named.

    Raises CommandError with the command that would be right.
    """
    name, words = split_experiment(request.words)
    if request.run is not None:
        return _add_from_run(request, name, words)
    if not words:
        raise CommandError("no key=value was given", f"say what differs: add_exp.py {name or '001'} learning_rate=1e-5")
    if request.name is not None and not naming.slug(request.name):
        raise CommandError(f"--name {request.name!r} has no letters or digits", "give words such as small-lr")
    project = Project.locate(request.root, [name])
    experiment = project.experiment(name)
    composer = _composer(project, experiment)
    points = overrides.points(overrides.parse(words, adding=True))
    writer = writer_of_sets(experiment, composer, request.base)

    def outcome() -> Outcome:
        try:
            found = writer.sets(points, slug=request.name)
        except WrongKeys as wrong:
            raise _elsewhere(wrong, experiment, project.root, ENVIRONMENTS) from None
        others = dict(experiment.options(found.group))
        found.inherited = found.inherited if others.pop(found.inherited or "", None) else None
        found.beside = _beside(others) if request.base is None and not found.prefix else []
        return found

    return _add(project, experiment, writer.folder, outcome, dry_run=request.dry_run)


def _beside(known: Mapping[str, Path]) -> list[str]:
    """The newest of the sets that are there, each with what it sets."""
    newest = {name: option_file.values_of(path) for name, path in sorted(known.items())[-_TOLD:]}
    return [f"{name} ({values})" for name, values in newest.items() if values]


def _add_from_run(request: SetsRequest, name: str | None, words: Sequence[str]) -> Added:
    """The set that gives what a run had: the one that is there, else a new one."""
    from experiment_setup.writing import from_run

    if words:
        raise CommandError(
            f"--from-run takes all values from the run, and {' '.join(words)} was given as well",
            "leave them out; then add_exp.py EXPERIMENT --from NEW_SET key=value builds on the set that it makes",
        )
    project = Project.locate(request.root, [name, str(request.run)])
    found = from_run.Returned.read(project, name, request.run or Path())
    composer = _composer(project, found.experiment)
    writer = writer_of_sets(found.experiment, composer, request.base)

    def outcome() -> Outcome:
        return found.outcome(composer, writer, slug=request.name)

    return _add(project, found.experiment, writer.folder, outcome, dry_run=request.dry_run)


def add_environment(request: EnvironmentRequest) -> Added:
    """Write env/NAME.yaml; one that is there with the same values is only named.

    Raises CommandError with the command that would be right.
    """
    names = [word for word in request.words if "=" not in word]
    words = [word for word in request.words if "=" in word]
    if not 1 <= len(names) <= 2:
        got = " ".join(names) or "nothing"
        raise CommandError(
            f"expected EXPERIMENT NAME, got {got}", "for example: add_env.py 001 local output_dir=output"
        )
    project = Project.locate(request.root, names)
    if len(names) == 1 and project.matching(names[0]):
        raise CommandError(
            f"expected EXPERIMENT NAME, got the experiment {names[0]} alone",
            "name the environment after it",
            command_line.corrected({names[0]: [names[0], "local"]}),
        )
    experiment = project.experiment(names[0] if len(names) == 2 else None)
    composer = _composer(project, experiment)
    points = overrides.parse(words)
    for values in points:
        if len(values) > 1:
            key, _, text = values[0].word.partition("=")
            raise CommandError(
                f"{key} has several values, but an environment is one file",
                f"a list is written {key}=[{text}]",
                command_line.corrected({values[0].word: [f"{key}=[{text}]"]}),
            )
    option = option_name(names[-1], ENVIRONMENTS)
    if ENVIRONMENTS not in composer.groups() and isinstance(writer_of_sets(experiment, composer), RootWriter):
        raise CommandError(
            f"{project.relative(experiment.config_file)} has no group {ENVIRONMENTS!r} in its defaults list",
            "where no dataclass holds the values of a machine, a parameter set can",
            command_line.command("add_exp.py", [*names[:-1], *words, "--name", option, *root_words(project.root)]),
        )
    writer = OptionWriter(experiment, composer, ENVIRONMENTS)

    def outcome() -> Outcome:
        try:
            return writer.named(option, [values[0] for values in points])
        except WrongKeys as wrong:
            raise _elsewhere(wrong, experiment, project.root, SETS) from None

    return _add(project, experiment, writer.folder, outcome, dry_run=request.dry_run)


def _composer(project: Project, experiment: Experiment) -> Composer:
    if experiment.entry is None:
        raise CommandError(
            f"{project.relative(experiment.folder)} has no entry point with @hydra.main", "add train.py first"
        )
    return Composer(experiment, schema.read(experiment.entry, project.root), project.root)


def _add(
    project: Project, experiment: Experiment, folder: OptionFolder, outcome: Callable[[], Outcome], *, dry_run: bool
) -> Added:
    """Gather all that will be said, then write; once more from the start where another took a name in between."""
    for attempt in range(_TRIES):
        with folder.claimed(dry_run):
            found = outcome()
            proof = _proof(project, experiment, found)
            options = [new.option for new in found.created] or [option for option, _ in found.existing if option]
            if found.group == ENVIRONMENTS:
                following = next_commands(project, experiment, [], options)
            else:
                chosen = [found.environment] if found.environment else [None]
                group = found.key
                following = next_commands(project, experiment, options, chosen, group=group, configs=proof.configs)
            added = Added(project, found, following, proof, dry_run=dry_run)
            try:
                folder.publish(found.created, found.notes, dry_run=dry_run)
            except FileExistsError:
                if attempt + 1 == _TRIES:
                    raise
                continue
            return added
    raise AssertionError("unreachable")


def _proof(project: Project, experiment: Experiment, found: Outcome) -> Proof:
    """What the options come to that are made, or were there."""
    texts = {new.path: new.text for new in found.created}
    files_of = experiment.options_in_folders(found.group)
    known = [option for option, _ in found.existing if option in files_of and not found.created]
    texts |= {files_of[option]: files.read_text(files_of[option]) for option in known}
    options = [*(new.option for new in found.created), *known]
    listed = _composer(project, experiment).groups()
    if found.group == ENVIRONMENTS:
        sets = list(experiment.options(SETS)) if SETS in listed else []
        combinations = Combinations(SETS, sets or [None], [None, *options], made=False)
    else:
        environments = experiment.options(ENVIRONMENTS) if ENVIRONMENTS in listed else ()
        key = found.key
        combinations = Combinations(key, options or [None], [None, *environments], base=found.base)
    return last_word.of_options(project, experiment, texts, combinations)


def _elsewhere(wrong: WrongKeys, experiment: Experiment, root: Path, other: str) -> CommandError:
    """The error for keys of the group `other`: with the command that sets them there, and the rest here."""
    words = wrong.words_for(other)
    if not words or not wrong.known or any(key.group not in (None, other) for key in wrong.wrong):
        return wrong
    names = [experiment.name]
    if other == ENVIRONMENTS:
        names.append(naming.free("local", experiment.options(ENVIRONMENTS)))
    script = "add_env.py" if other == ENVIRONMENTS else "add_exp.py"
    commands = [command_line.command(script, [*names, *words, *root_words(root)])]
    if command_line.assigns_besides(wrong.instead):
        commands.append(command_line.corrected(wrong.instead))
    return WrongKeys(wrong.wrong, " && ".join(commands), f"set it with {script}")
