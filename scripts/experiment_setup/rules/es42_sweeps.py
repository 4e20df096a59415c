"""Settings of sweeps: folders, launchers' parameters, what is swept over."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig

from experiment_setup import installed, nodes
from experiment_setup.facts import guides, resolvers, results
from experiment_setup.facts.defaults_lists import one_letter_away
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.facts.resolvers import BUILT_IN, USED
from experiment_setup.facts.settings import UNGIVEN, at, home, is_fixed, is_here, setting
from experiment_setup.facts.unlisted import ROOT_SETS
from experiment_setup.facts.unresolved import is_of_its_hydra, is_typed
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import compiled
from experiment_setup.location import Location, did_you_mean
from experiment_setup.reading.source import Document
from experiment_setup.rules.base import rule
from experiment_setup.rules.es32_entry_point import entry_source, main_function, main_of
from experiment_setup.rules.es33_config_in_code import exists_somewhere, missing_step
from experiment_setup.rules.example import RUN
from experiment_setup.rules.phases import Phase


@rule(
    "ES420",
    "sweep-folders",
    Severity.WARNING,
    "the folders of a sweep's jobs lie beside the code, or are one and the same",
    phase=Phase.VALUES,
    bad={"config.yaml": [(RUN, f"{RUN}  sweep:\n    dir: .\n")]},
    good={
        "config.yaml": [
            (RUN, f"{RUN}  sweep:\n    dir: output/multirun/${{now:%Y%m%d-%H%M%S}}\n    subdir: ${{hydra.job.num}}\n")
        ]
    },
    was="ES409",
    hydra="accepts",
)
def sweep_folders(context: ExperimentContext) -> Iterator[Finding]:
    """`sweep.dir: .` leaves 0/, 1/ … and multirun.yaml beside train.py, each sweep over the last; a `sweep.subdir`
    without the job's number gives all jobs one folder. With `subdir: .` and the folder of single runs it is meant that
    all that ever runs shares one (info).
    """
    folder, subdir = setting(context, "sweep", "dir"), setting(context, "sweep", "subdir")
    advice = "write sweep: {dir: 'output/multirun/${now:%Y%m%d-%H%M%S}', subdir: '${hydra.job.num}'}"
    as_runs = is_here(subdir) and folder is not UNGIVEN and folder == setting(context, "run", "dir")
    if is_here(folder) and not as_runs:
        yield sweep_folders.finding(
            at(context, "sweep", "dir"), "a sweep leaves 0/, 1/, … and multirun.yaml beside the code", advice
        )
    elif is_fixed(subdir) and not _differs_by_job(context, folder):
        yield sweep_folders.finding(
            at(context, "sweep", "subdir"),
            f"all jobs of a sweep get the same folder {subdir!r}",
            advice,
            severity=Severity.INFO if as_runs else None,
        )
    elif _is_of_choices(context, subdir) and not _differs_by_job(context, folder):
        yield sweep_folders.finding(
            at(context, "sweep", "subdir"),
            f"jobs of a sweep that differ by a value get the same folder {subdir}",
            f"write subdir: ${{hydra.job.num}}_{subdir}",
        )
    elif (pair := _sets_in_one_folder(context, subdir)) is not None and not _differs_by_job(context, folder):
        first, second, name = pair
        yield sweep_folders.finding(
            at(context, "sweep", "subdir"),
            f"in a sweep, the sets {first.name} and {second.name} get the same folder {name}",
            f"write subdir: ${{hydra.job.num}}_{subdir}",
        )


def _sets_in_one_folder(context: ExperimentContext, subdir: object) -> tuple[Option, Option, str] | None:
    """Two parameter sets for which a folder that is made of nothing but values of the config comes to the same, where
    no sweep is written that leaves the sets as they are.
    """
    if not isinstance(subdir, str) or not _OF_VALUES.search(subdir) or "${" in _OF_VALUES.sub("", subdir):
        return None
    options = context.options
    sets = [*options.sets.values(), *options.root_sets, *(one for one in options.added if one.group in ROOT_SETS)]
    swept = setting(context, "sweeper", "params")
    if isinstance(swept, dict) and not {one.group for one in sets} & set(map(str, swept)):
        return None
    folders: dict[tuple[str, str], Option] = {}
    for option in sets:
        config = context.compositions.of_option(option).config
        values = [nodes.value(nodes.at(config, nodes.split(key))) for key in _OF_VALUES.findall(subdir)]
        if not all(isinstance(value, (str, int, float)) and "${" not in str(value) for value in values):
            continue
        given = iter(values)
        name = _OF_VALUES.sub(lambda _, given=given: str(next(given)), subdir)  # type: ignore[misc]
        if (other := folders.setdefault((option.group, name), option)) is not option:
            return other, option, name
    return None


_OF_VALUES = compiled(r"\$\{((?!hydra\.)[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\}")


# What was chosen, names (of the job, or a field such as exp.name and experiment_name), the machine, and the day.
_OF_A_CHOICE = compiled(
    r"\$\{(?:hydra[.:](?:runtime\.choices\.[\w/@]+|job\.(?:name|config_name))|oc\.env:[^{}]*"
    r"|now:(?![^{}]*%[SfsXcT])[^{}]*|((?:[A-Za-z_]\w*\.)*\w*name))\}"
)


def _is_of_choices(context: ExperimentContext, subdir: object) -> bool:
    """Whether the folder is made of what was chosen and of names that are written out, and of nothing else."""
    if not isinstance(subdir, str) or not subdir or "${" in _OF_A_CHOICE.sub("", subdir):
        return False
    config = context.compositions.some
    values = [nodes.at(config, nodes.split(key)) for key in _OF_A_CHOICE.findall(subdir) if key]
    return "${" in subdir and all(nodes.is_there(value) and not nodes.is_interpolation(value) for value in values)


_OF_ALL_JOBS = r"now:|oc\.env:|hydra[.:](?:job\.(?:name|config_name)|runtime\.)"


def _differs_by_job(context: ExperimentContext, folder: object, depth: int = 0) -> bool:
    """Whether sweep.dir, which is resolved for each job, is another for each: with the name of its overrides, say. A
    key of the config is the same for all where its value is written out, whatever it refers to.
    """
    text = re.sub(r"\$\{hydra[.:]run\.dir\}", lambda _: str(setting(context, "run", "dir")), str(folder))
    for name in re.findall(rf"\$\{{(?!{_OF_ALL_JOBS})([^{{}}]*)", text):
        node = (
            nodes.at(context.compositions.some, nodes.split(name)) if re.fullmatch(r"[A-Za-z_][\w.]*", name) else None
        )
        if depth > _DEEP or not (nodes.is_interpolation(node) or nodes.is_there(node)) or nodes.is_mapping(node):
            return True
        if nodes.is_interpolation(node) and _differs_by_job(context, nodes.value(node), depth + 1):
            return True
    return False


_DEEP = 10  # references that follow each other


@rule(
    "ES421",
    "sweep-of-a-number",
    Severity.ERROR,
    "the sweeper takes the option for a number",
    phase=Phase.VALUES,
    bad={"config.yaml": [(RUN, f"{RUN}  sweeper:\n    params:\n      exp: 001\n")]},
    good={"config.yaml": [(RUN, f'{RUN}  sweeper:\n    params:\n      exp: "001"\n')]},
    was="ES410",
    hydra="accepts",
)
def sweep_of_a_number(context: ExperimentContext) -> Iterator[Finding]:
    """`exp: 001` under sweeper.params is the int 1 to YAML, and a list is not what the sweeper reads: `-m` ends in a
    traceback. Options are one string, separated by commas, and so are values: `exp.seed: [1, 2]` is one list.
    """
    params = setting(context, "sweeper", "params")
    for key, value in params.items() if isinstance(params, dict) else ():
        if isinstance(value, list) and key not in context.options.groups and _is_no_list(context, str(key)):
            values = ",".join(map(str, value))
            yield sweep_of_a_number.finding(
                at(context, "sweeper", "params", str(key)),
                f"the list is one value for {key}, which is not a list, so nothing is swept",
                f"write {key}: {values}" + (f'  # or "{values}"' if values.isdigit() else ""),
            )
    for group in context.options.groups if isinstance(params, dict) else ():
        value = params.get(group)
        if isinstance(value, (int, float, list)):
            what = "a list" if isinstance(value, list) else f"the number {value}"
            names = list(context.options.by_group.get(group, {}))
            example = ",".join(names[:2]) or "001,002"
            yield sweep_of_a_number.finding(
                at(context, "sweeper", "params", group),
                f"{group} is {what} here, not a string of options",
                f'write {group}: "{example}"',
            )


def _is_no_list(context: ExperimentContext, key: str) -> bool:
    node = nodes.at(context.compositions.some, nodes.split(key))
    is_one_value = node is not None and not isinstance(node, (DictConfig, ListConfig))
    return is_one_value and not (nodes.is_missing(node) or nodes.is_interpolation(node))


# What hydra.job and hydra.runtime have (hydra/conf/__init__.py); a test holds them against Hydra.
JOB = ("name", "chdir", "override_dirname", "id", "num", "config_name", "env_set", "env_copy", "config")


RUNTIME = ("version", "version_base", "cwd", "config_sources", "output_dir", "choices")


_INTERPOLATION = compiled(r"\$\{([\w.:@/]+)\}")


_FOLDERS = (("run", "dir"), ("sweep", "dir"), ("sweep", "subdir"))


@rule(
    "ES422",
    "unknown-value-in-folder",
    Severity.ERROR,
    "the folder of a run or a job is made of a value that does not exist",
    phase=Phase.VALUES,
    bad={"config.yaml": [(RUN, "  run:\n    dir: output/${exp.nmae}\n")]},
    good={"config.yaml": [(RUN, "  run:\n    dir: output/${exp.name}\n")]},
    was="ES415",
    hydra="accepts",
)
def unknown_value_in_folder(context: ExperimentContext) -> Iterator[Finding]:
    """`--cfg job` and `--cfg hydra` are content; the run ends in InterpolationKeyError before main() is called, and a
    sweep before its first job. A resolver has to be there by then: what main() registers comes too late.
    """
    for path in _FOLDERS:
        yield from _unknown_in_folder(context, *home(context, *path), setting(context, *path))
    for option in (*context.options.all(), *context.options.added):
        if option.document.error is not None:
            continue
        if option.document.header is not None and option.package() == ():
            settings = option.document.data.get("hydra") if isinstance(option.document.data, dict) else None
            for path in _FOLDERS:
                value, composed = nodes.within(settings, path), context.compositions.of_option(option).config
                yield from _unknown_in_folder(context, option.document, ("hydra", *path), value, composed)


def _unknown_in_folder(
    context: ExperimentContext,
    document: Document,
    steps: tuple[str, ...],
    value: Any,
    composed: DictConfig | None = None,
) -> Iterator[Finding]:
    """`steps`: where the value stands in the file. `composed`: what an option comes to whose file this is; another
    choice may bring what is missing there, so that only a misspelled name counts.
    """
    if not isinstance(value, str):
        return
    place, path = document.value(steps), steps[-2:]
    references = {found.start(): found for found in _INTERPOLATION.finditer(value)}
    unknown = {start: _unknown_part(context, found[1], composed) for start, found in references.items()}
    for used in USED.finditer(value):
        if unknown.get(used.start()) is not None:
            continue
        said = _too_early(path, value) if used[1] == "hydra" else _resolver(context, used[1])
        if said is not None:
            yield unknown_value_in_folder.finding(_inside(document, place, value, used.start(1)), *said)
    for start, found in references.items():
        if (wrong := unknown[start]) is not None:
            name, known = wrong
            guess = did_you_mean(name, known)
            is_null = found[1].startswith("hydra:") and not _too_early(path, value)
            shared = "" if document is context.options.primary else f" with {context.experiment.config_file.name}"
            yield unknown_value_in_folder.finding(
                _inside(document, place, value, found.start(1) + found[1].rfind(name)),
                f"{found[0]} does not exist{shared if composed is None else ''}"
                + (", and Hydra writes None for it" if is_null else "")
                + (f" (did you mean {guess!r}?)" if guess else ""),
                f"write {found[0].replace(name, guess)}" if guess else f"available: {', '.join(known)}",
                severity=Severity.WARNING if is_null else None,
            )
        elif found[1].replace(":", ".") == ".".join(("hydra", *path)) and not (
            ":" in found[1] and _too_early(path, value)
        ):
            yield unknown_value_in_folder.finding(place, f"{found[0]} refers to itself", "write the folder out")


def _too_early(path: tuple[str, ...], value: str) -> tuple[str, str] | None:
    """What is wrong with `${hydra:…}` there: in Hydra 1.3 it exists once a job begins, and sweep.dir is made before."""
    if path != ("sweep", "dir") or installed.hydra_since_1_4():
        return None
    better = "${hydra.job.name}" if _OF_A_JOB.search(value) else value.replace("${hydra:", "${hydra.")
    return (
        "${hydra:…} can't be read before the first job, and -m makes the folder before that",
        f"write it with a dot: {better}",
    )


_OF_A_JOB = compiled(r"hydra:(?:runtime\.output_dir|job\.(?:num|id))")  # set when it begins


def _resolver(context: ExperimentContext, name: str) -> tuple[str, str] | None:
    """(what is wrong, what to do) with a resolver that is used before main() begins; None where nothing is."""
    known = context.code.registered
    if name in known.late:
        there = "exists only once main() runs, and Hydra makes the folder before that"
        return f"the resolver {name!r} {there}", "register it at the top level of the entry point's file"
    if name in BUILT_IN or name in context.code.resolvers or is_of_its_hydra(context, name):
        return None
    guess = resolvers.meant(name, [*known.early, *BUILT_IN])
    said = f"there is no resolver {name!r}" + (f" (did you mean {guess!r}?)" if guess else "")
    return said, f"write {guess}" if guess else "register it at the top level of the entry point's file"


def _inside(document: Document, place: Location, value: str, index: int) -> Location:
    """The place of a character of a value that stands on one line; the value's own where it is written otherwise."""
    lines = document.text_or_empty.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    start = line.find(value, place.column - 1)
    return place if start < 0 else Location(place.path, place.line, start + index + 1)


def _unknown_part(
    context: ExperimentContext, written: str, composed: DictConfig | None = None
) -> tuple[str, list[str]] | None:
    """(the step that does not exist, what there is instead) of an interpolation; None where all is well, or unknown."""
    own = re.fullmatch(r"hydra[:.](job|runtime)\.(\w+)(?:\.([\w@/]+))?", written)
    if own:
        known = JOB if own[1] == "job" else RUNTIME
        if own[2] not in known:
            return own[2], list(known)
        chosen = own[3] if own[2] == "choices" else None
        return (
            (chosen, list(context.options.groups))
            if chosen and chosen.split("/")[0] not in (*context.options.groups, "hydra")
            else None
        )
    config = composed if composed is not None else context.compositions.some
    if ":" in written or written.startswith(("hydra.", ".")) or config is None:
        return None
    steps = nodes.names(written)
    missing = missing_step(config, steps)
    if missing is None or is_typed(context, steps):
        return None
    there = [str(key) for key in nodes.at(config, steps[:missing])]
    if any(one_letter_away(steps[missing], key) and (composed is not None or len(key) > _SHORT) for key in there):
        return steps[missing], there
    may_be_there = composed is not None or exists_somewhere(context, steps[: missing + 1])
    return None if may_be_there else (steps[missing], there)


_SHORT = 4  # letters: `run` and `runs` may both be meant


@rule(
    "ES423",
    "sweep-of-nothing",
    Severity.ERROR,
    "the sweeper's parameters name an option or a field that does not exist",
    phase=Phase.VALUES,
    bad={
        "config.yaml": [(RUN, f"{RUN}  sweep:\n    dir: x/${{now:%H}}\n  sweeper:\n    params:\n      exp.sed: 1,2\n")]
    },
    good={
        "config.yaml": [(RUN, f"{RUN}  sweep:\n    dir: x/${{now:%H}}\n  sweeper:\n    params:\n      exp.seed: 1,2\n")]
    },
    was="ES416",
    hydra="accepts",
)
def sweep_of_nothing(context: ExperimentContext) -> Iterator[Finding]:
    """`hydra.sweeper.params` is read by `-m` only, which then ends before its first job."""
    params = setting(context, "sweeper", "params")
    for written, value in params.items() if isinstance(params, dict) else ():
        key = str(written)
        if key in context.options.groups:
            if isinstance(value, str) and re.fullmatch(r"[\w.,\s-]+", value):
                known = [*context.options.by_group.get(key, {}), *_stored(context, key)]
                for name in (part.strip() for part in value.split(",")):
                    if name and name not in known:
                        place = _inside(
                            context.options.primary, at(context, "sweeper", "params", key), value, value.find(name)
                        )
                        yield _nothing(place, f"{key}={name}", name, known)
        elif re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+", key) and not key.startswith("hydra."):
            wrong = _unknown_part(context, key)
            if wrong is not None:
                place = context.options.primary.key(["hydra", "sweeper", "params", key])
                shifted = Location(place.path, place.line, place.column + key.rfind(wrong[0]))
                yield _nothing(shifted, key, *wrong)


_TYPED_SEARCH = compiled(r"[\s'\"]hydra/sweeper=(optuna|ax|nevergrad)\b")
_SEARCHES = compiled(
    r"^[ \t]*(?:-[ \t]*[\"']?(?:override[ \t]+)?/?hydra/sweeper[\"']?[ \t]*:"
    r"|_target_[ \t]*:[ \t]*hydra_plugins\.hydra_)[ \t]*[\"']?(optuna|ax|nevergrad)(?:\b|_sweeper\b)",
    re.MULTILINE,
)


@rule(
    "ES424",
    "search-without-result",
    Severity.WARNING,
    "a sweeper searches for the best value, and main returns none",
    phase=Phase.OUTPUTS,
    bad={"config.yaml": [("job_logging: none\n", "job_logging: none\n  - override hydra/sweeper: optuna\n")]},
    good={"train.py": [("-> None:", "-> float:"), ('{cfg.exp.name}")', '{cfg.exp.name}")\n    return 0.5')]},
    hydra="differs",
)
def search_without_result(context: ExperimentContext) -> Iterator[Finding]:
    """Optuna, Ax and Nevergrad choose the next values by what main() returned for the last ones.

    Without a number each job trains to its end and then counts as failed, and so does the sweep; so it is with Optuna
    where `direction` lists another number of directions than main() returns values. Ax takes a mapping of results, too.
    Nothing is said where a decorator of the project's own may return something. That main() returns a number on some
    paths only is a note: what a sweep takes, nobody can tell. So is an option that no list chooses where several entry
    points could be started with it, and no guide says which.
    """
    source, main = entry_source(context), main_function(context)
    if source is None or main is None:
        return
    for name, where, document in _searches(context):
        returns_none = not results.may_be_a_number(context.schema, main, or_named=name == "ax")
        counts = set() if returns_none else results.counts(main, context.compositions.some)
        sweeper = f"the sweeper {name} {where}"
        directions = _directions(context, document) if name == "optuna" and document is not None else None
        severity = None
        if returns_none:
            said = f"{main.name}() returns no number, and {sweeper} needs one from each job", _RETURN_ONE
            severity = Severity.INFO if _may_be_for_another(context, document) else None
        elif directions is not None and counts and directions not in counts:
            wanted = "one number" if directions == 1 else f"{directions} numbers, one for each direction,"
            advice = _RETURN_ONE if directions == 1 else f"return {directions} scores: return a, b"
            said = f"{main.name}() returns {_in_words(counts)}, and {sweeper} needs {wanted} from each job", advice
        elif results.may_end_without(main):
            said = f"{main.name}() may end without `return`, and {sweeper} needs a number from each job", _RETURN_ONE
            severity = Severity.INFO
        else:
            continue
        message, advice = said
        yield search_without_result.finding(
            source.name_location(main), f"{message}: the sweep fails when all are done", advice, severity=severity
        )
        return


def _searches(context: ExperimentContext) -> Iterator[tuple[str, str, Document | None]]:
    """The sweepers that search, each with where it is chosen, and the file that does."""
    for document in context.options.documents():
        found = _SEARCHES.search(document.text_or_empty)
        if found is not None and not _is_for_another_entry_point(context, document):
            yield found[1], f"in {context.relative(document.path)}", document
    for command in context.commands:
        found = _TYPED_SEARCH.search(command)
        if found is not None and not guides.only_prints(command):
            yield found[1], "that a guide tells to type", None


_RETURN_ONE = "return the score that the sweep is to improve, as a float"


def _in_words(counts: Collection[int]) -> str:
    return " or ".join(
        "several" if n == results.SEVERAL else "one number" if n == 1 else f"{n} values" for n in sorted(counts)
    )


def _directions(context: ExperimentContext, document: Document) -> int | None:
    """How many values Optuna improves at once, by what the file that chooses it says, or config.yaml."""
    for read in (document, context.options.primary):
        given = nodes.within(read.data, ("hydra", "sweeper", "direction")) if read.error is None else None
        if given is not None:
            return len(given) if isinstance(given, list) else 1 if "${" not in str(given) else None
    return 1


def _is_for_another_entry_point(context: ExperimentContext, document: Document) -> bool:
    """Whether it is an option, or a config that no entry point names, to be chosen with one of the config folder that
    returns something.
    """
    if document in context.options.primary_lineage and not context.options.is_run_by_name:
        return False
    mains = ((other, main_of(other, other.tree)) for other in context.code.other_schemas)
    return any(main is not None and results.may_be_a_number(other, main) for other, main in mains)


def _may_be_for_another(context: ExperimentContext, document: Document | None) -> bool:
    """Whether it is an option that only a command line chooses, there are other entry points of the config folder, and
    no guide starts this one with it.
    """
    option = next((one for one in _only_typed(context) if one.document is document), None)
    if option is None or not context.code.other_schemas:
        return False
    return not any(guides.chosen(command, option.group) == option.name for command in context.commands)


def _only_typed(context: ExperimentContext) -> Iterator[Option]:
    options = (*context.options.all(), *context.options.added)
    yield from (one for one in options if context.options.groups.get(one.group) != one.name)


def _stored(context: ExperimentContext, group: str) -> list[str]:
    return [stored.name for stored in context.schema.registrations if stored.group == group]


def _nothing(place: Location, what: str, name: str, known: list[str]) -> Finding:
    guess = did_you_mean(name, known)
    return sweep_of_nothing.finding(
        place,
        f"{what} does not exist" + (f" (did you mean {guess!r}?)" if guess else ""),
        f"write {guess}" if guess else f"available: {', '.join(known)}",
    )
