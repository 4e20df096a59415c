"""Rules about composing itself: whatever Hydra refuses, said better than Hydra says it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from omegaconf import DictConfig

from experiment_setup import naming
from experiment_setup.composing.compose import Composition, Failure, UnusableValue
from experiment_setup.findings import Finding, Severity
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.rules import combinations, entries
from experiment_setup.rules.base import ExperimentContext, Option, rule
from experiment_setup.rules.refused_values import REFUSED, refused_value
from experiment_setup.rules.yaml_text import at_offset


@rule(
    "ES001",
    "no-entry-point",
    Severity.ERROR,
    "no file with @hydra.main composes this config",
    bad={"train.py": None},
    good={},
    hydra="fails",
    hides=("ES124",),
)
def no_entry_point(context: ExperimentContext) -> Iterator[Finding]:
    """An experiment is run through a Python file whose main function is decorated with `@hydra.main`.

    Without one, config.yaml and its parameter sets are dead text.
    """
    if context.experiment.entry is None:
        yield no_entry_point.finding(
            Location(context.experiment.config_file),
            f"{context.experiment.name} has a config but no Python file with @hydra.main",
            "add train.py (new_experiment.py --template shows one), or delete the folder",
        )


@rule(
    "ES002",
    "config-not-found",
    Severity.ERROR,
    "the config that @hydra.main names does not exist",
    bad={"config.yaml": None},
    good={},
    hydra="fails",
    hides=("ES005",),
)
def config_not_found(context: ExperimentContext) -> Iterator[Finding]:
    """`config_path` is relative to the entry point's file and `config_name` needs no extension; it must be `.yaml`."""
    main = context.schema.main
    file = context.experiment.config_file
    if main is None or file.is_file():
        return
    twin = file.with_suffix(".yml")
    advice = (
        f"rename {twin.name} to {file.name}" if twin.exists() else f"make {file.name}, or mend config_path/config_name"
    )
    yield config_not_found.finding(
        Location(twin) if twin.exists() else main.location,
        f"@hydra.main looks for {context.relative(file)}, which does not exist",
        advice,
    )


@rule(
    "ES004",
    "broken-dataclass",
    Severity.ERROR,
    "the entry point fails before Hydra composes anything",
    bad={"train.py": [("field(default_factory=lambda: [0])", "[0]")]},
    good={},
    hydra="fails",
)
def broken_dataclass(context: ExperimentContext) -> Iterator[Finding]:
    """Dataclasses that Python or OmegaConf refuses: mutable defaults, types that no config holds, wrong defaults."""
    unknown: set[str] = set()
    for problem in context.schema.problems:
        if problem.message.startswith("NameError"):  # one import is missing, however often the name is used
            if problem.message in unknown:
                continue
            unknown.add(problem.message)
        if problem.fatal:
            yield broken_dataclass.finding(problem.location, problem.message, problem.help)


@rule(
    "ES005",
    "does-not-compose",
    Severity.ERROR,
    "Hydra does not compose this",
    bad={"config.yaml": [("  - env: default\n", "  - env: ${machine}\n")]},
    good={},
    hydra="fails",
)
def does_not_compose(context: ExperimentContext) -> Iterator[Finding]:
    """Every set is composed in every environment. What Hydra refuses and no other rule explains is said here.

    Hydra stops at the first mistake; here all of them are named, each as Hydra would once those before it are mended.
    """
    if context.experiment.entry is None or any(problem.fatal for problem in context.schema.problems):
        return
    default = context.composition()
    always = [failure for failure in context.composer.failures(default) if not _said_elsewhere(context, failure)]
    for failure in always:
        yield _failed(context, failure, default, None)
    known = {failure.message for failure in always}
    broken: set[tuple[str, str]] = set()
    for option, outcome in _choices(context):
        for failure in context.composer.failures(outcome):
            if failure.message not in known and not _said_elsewhere(context, failure):
                broken.add((option.group, option.name))
                yield _failed(context, failure, outcome, option)
    if always:
        return
    for parameter_set in context.sets:
        for environment in context.environments:
            if (SETS, parameter_set) in broken or (ENVIRONMENTS, environment) in broken:
                continue
            if context.crosses:
                outcome = context.composition(parameter_set, environment)
                for failure in context.composer.failures(outcome):
                    yield _failed(context, failure, outcome, context.sets[parameter_set])


def _choices(context: ExperimentContext) -> Iterator[tuple[Option, Composition]]:
    """Every option, chosen; of a group with several places, an option may be meant for one of them."""
    for option in context.all_options():
        yield option, context.composed(option)
    for group, keys in _places(context).items():
        for option in context.options[group].values():
            outcomes = [context.choosing(key, option.name) for key in keys]
            yield option, next((outcome for outcome in outcomes if outcome.failure is None), outcomes[0])


def _places(context: ExperimentContext) -> dict[str, list[str]]:
    """How the options of a group are chosen that config.yaml puts elsewhere."""
    found: dict[str, list[str]] = {}
    for placed in context.placed_groups:
        found.setdefault(placed.group, []).append(placed.key)
    return found


def _needs_a_choice(failure: Failure) -> bool:
    """`- exp: ???` in the defaults list: every run has to say which; that is a habit, not a mistake."""
    return "You must specify " in failure.message.splitlines()[0]  # Hydra 1.4 begins with the config's name


def _said_elsewhere(context: ExperimentContext, failure: Failure) -> bool:
    """Whether it is no mistake, or one of another place: a field without a type (ES311) is a key that no field has.

    What is not found is no mistake for sure where configs are stored that only running the code tells (ES307).
    """
    if "Could not " in failure.message and context.unread_registrations:
        return True
    steps = _steps(failure)
    found = context.config_class(steps[0]) if len(steps) == 2 else None
    untyped = found is not None and any(field.name == steps[1] for field in found.unannotated)
    return _needs_a_choice(failure) or (untyped and failure.kind in ("ConfigKeyError", "ConfigAttributeError"))


def _failed(context: ExperimentContext, failure: Failure, outcome: Composition, option: Option | None) -> Finding:
    location = _place(context, failure, option)
    steps = _steps(failure)
    if failure.kind in ("ConfigKeyError", "ConfigAttributeError") and steps:
        return _unknown_key(context, failure, steps, location)
    if failure.kind in REFUSED and steps:
        return refused_value(context, failure, steps, location)
    choice = " ".join(f"{group}={name}" for group, name in outcome.choices.items() if name) or "without choices"
    return does_not_compose.finding(
        location,
        f"Hydra fails {choice}: {failure.first_line.split(' value: ')[0]}",
        _advice(context, failure, choice),
        severity=Severity.WARNING if _UNSET in failure.message else None,
    )


def _place(context: ExperimentContext, failure: Failure, option: Option | None) -> Location:
    """Where the mistake is written: at the key in the file that Hydra was merging, else at the option."""
    if failure.path is not None:
        file = context.composer.document(failure.path)
        return file.value(failure.steps) if failure.kind == "ValidationError" else file.key(failure.steps)
    options = (option for known in context.options.values() for option in known.values())
    documents = {o.config_path: (o.group, o.document) for o in options}
    group, document = documents.get(failure.config or "", (None, None))
    if document is None and failure.config == context.experiment.config_name:
        group, document = "", context.primary
    if document is not None and failure.full_key:
        path = failure.named_steps
        if group and path and path[0] == group:
            path = path[1:]
        return document.key(path) if failure.kind != "ValidationError" else document.value(path)
    if option is not None:
        return _entry_at_fault(option, failure)
    document = document or context.primary
    named = re.search(r"resolving interpolation '([^']+)'", failure.message)
    at = document.text_or_empty.find(named[1]) if named else -1
    return at_offset(document, at) if at >= 0 else Location(document.path)


def _entry_at_fault(option: Option, failure: Failure) -> Location:
    """The entry of the option's defaults list that Hydra was about, else the file."""
    named = re.search(r"Could not (?:load|find|override) '([^'@]+)", failure.message)
    wanted = named[1] if named else failure.config
    for entry in entries.entries(option.document) if wanted and wanted != option.config_path else ():
        path = "/".join(part for part in (entry.group, entry.option) if part)
        if path and (path.lstrip("/") == wanted or f"{option.group}/{path}" == wanted or entry.group == wanted):
            return entries.place(option, entry)
    return Location(option.path)


def _steps(failure: Failure) -> list[str]:
    """The key in the config: as the error names it, or, where it does not name all of it, as it stands in the file."""
    named = failure.named_steps
    if failure.steps and named[-len(failure.steps) :] != failure.steps:
        named = (*(failure.config or "").split("/")[:-1], *failure.steps)
    return [str(step) for step in named]


_UNSET = "Environment variable '"  # OmegaConf's words; a warning, as it may be set where the experiment runs
_SET_IT = "set the variable, or give a default: ${oc.env:NAME,default}"


def _advice(context: ExperimentContext, failure: Failure, choice: str) -> str:
    if "Could not override" in failure.message:
        group = failure.message.split("'")[1].split("@")[0]
        if group in (SETS, ENVIRONMENTS) and failure.config is None:
            file = context.experiment.config_file.name
            return f"add `- {group}: default` to the defaults list of {file} (not +{group}=…)"
    if _UNSET in failure.message:
        return _SET_IT
    entry = context.relative(context.experiment.entry) if context.experiment.entry else "train.py"
    return f"all of Hydra's words: python {entry} --cfg job{f' {choice}' if '=' in choice else ''}"


@rule(
    "ES010",
    "unknown-key",
    Severity.ERROR,
    "the key is not a field of the dataclass",
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nlearning_rte: 1e-3\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nlearning_rate: 1e-3\n"},
    hydra="fails",
)
def unknown_key(context: ExperimentContext) -> Iterator[Finding]:
    """A key that no field has: a typo, a parameter that is not declared yet, or one that belongs to another group."""
    return iter(())  # found while composing, by does_not_compose


def _unknown_key(context: ExperimentContext, failure: Failure, steps: Sequence[str], location: Location) -> Finding:
    group, key = steps[0], steps[-1]
    placed = any(p.package and tuple(steps[: len(p.package)]) == p.package for p in context.placed_groups)
    if group not in context.groups and group != "hydra" and not placed:
        return _unknown_at_the_top(context, steps, location)
    fields = _fields(context, group, steps[1:-1])
    for other in context.groups:
        if other != group and len(steps) == 2 and key in _fields(context, other, []):
            command = "add_env.py" if other == ENVIRONMENTS else "add_exp.py"
            return unknown_key.finding(
                location,
                f"{key!r} is a field of {other}, not of {group}",
                f"move the line to a file in {other}/ (a new one: {command} {context.experiment.name} … {key}=…)",
            )
    guess = did_you_mean(key, fields)
    inner = re.search(r"not in '(\w+)'", failure.message) if len(steps) > 2 else None
    where = inner[1] if inner else _class_name(context, group)
    if guess:
        return unknown_key.finding(location, f"unknown key {key!r} (did you mean {guess!r}?)", f"write {guess}:")
    if group == "hydra":
        advice = f"there is: {', '.join(fields)}; values of your own go into the dataclasses"
        return unknown_key.finding(location, f"Hydra has no setting {'.'.join(steps)}", advice)
    return unknown_key.finding(
        location,
        f"unknown key {key!r}: {where} has {', '.join(fields) or 'no fields'}",
        f"add `{key}: TYPE = DEFAULT` to {where}, or remove the line",
    )


def _unknown_at_the_top(context: ExperimentContext, steps: Sequence[str], location: Location) -> Finding:
    """A key beside the groups, which the class of the whole config does not have."""
    key = steps[-1]
    classes = [r.config_class for r in context.schema.registrations if r.group is None and r.config_class]
    fields = [field.name for found in classes for field in found.fields] or list(context.groups)
    guess = did_you_mean(key, fields)
    if guess:
        return unknown_key.finding(location, f"unknown key {key!r} (did you mean {guess!r}?)", f"write {guess}:")
    where = classes[0].name if classes else "the config"
    advice = f"add a field to {where}, or to a class of {' or '.join(context.groups) or 'a group'}"
    return unknown_key.finding(location, f"unknown key {'.'.join(steps)!r}: {where} has {', '.join(fields)}", advice)


def _class_name(context: ExperimentContext, group: str) -> str:
    found = context.config_class(group)
    return found.name if found else f"the default of {group}"


def _fields(context: ExperimentContext, group: str, inner: Sequence[str]) -> list[str]:
    if group == "hydra":
        from experiment_setup.composing.hydra_bridge import (
            settings,  # only Hydra itself finds such keys: it is imported already
        )

        return settings(inner)
    config = context.composition().config
    node = config._get_node(group) if config is not None and group in config else None
    for step in inner:
        node = node._get_node(step) if isinstance(node, DictConfig) and step in node else None
    if isinstance(node, DictConfig) and not node._is_none():
        return [str(key) for key in node]
    found = context.config_class(group)
    return [field.name for field in found.fields] if found and not inner else []


@rule(
    "ES012",
    "broken-interpolation",
    Severity.ERROR,
    "an interpolation that fails when the value is used",
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nname: ${env.outptu_dir}/x\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nname: ${env.output_dir}/x\n"},
    hydra="accepts",
)
def broken_interpolation(context: ExperimentContext) -> Iterator[Finding]:
    """`--cfg job` prints interpolations as they are written and exits with 0; the run fails where the value is read.

    They are resolved here in every combination of parameter set and environment, since one may break the other's, and
    with every option of a further group. Two of those may go together, as a loss with its model: what resolves with
    some option of the other group is right, and what an option leaves open for another file is a warning.
    """
    seen: set[tuple[str, str]] = set()
    places: set[tuple[Location, str]] = set()  # a file may be put at several keys
    runs = [{SETS: parameter_set, ENVIRONMENTS: environment} for parameter_set, environment in context.combinations]
    runs += [{group: name} for group in context.further_groups for name in context.options[group]]
    placed = {group: keys[0] for group, keys in _places(context).items() if len(keys) == 1}
    runs += [{key: name} for group, key in placed.items() for name in context.options[group]]
    for chosen in runs:
        outcome = context.composed_with(chosen)
        for bad in outcome.unusable_values(context.custom_resolvers):
            if bad.missing or (bad.key, bad.written) in seen or _needs_an_open_choice(context, outcome, bad):
                continue
            seen.add((bad.key, bad.written))
            if _is_set_by_the_project(context, bad):
                continue
            another = combinations.other_group(context, chosen, bad)
            if another is not None and combinations.fits(context, chosen, bad, another):
                continue
            if "Recursive" in bad.reason:
                seen.update(_circle(outcome, bad))
            place = _at_reference(context, context.written_with(bad.key, chosen), bad.reason)
            if (place, bad.reason) in places:
                continue
            places.add((place, bad.reason))
            owner = bad.key.split(".")[0]
            left_open = another is not None and another == owner
            groups = {owner, *_GROUP_OF_REFERENCE.findall(f"{bad.written} {bad.reason}")}
            keys = [*groups, *(placed.key for placed in context.placed_groups if {*placed.package[:1]} <= groups)]
            needed = context.files_of({key: chosen.get(key) for key in keys})
            run = " ".join(f"{group}={option}" for group, option in chosen.items() if option)
            yield broken_interpolation.finding(
                place,
                f"{bad.written} does not resolve{f' with {run}' if run else ''}: {bad.reason}",
                _interpolation_advice(context, bad),
                severity=Severity.WARNING if left_open or _is_an_unset_variable(bad) else None,
                follows_from=tuple(needed),
            )


_GROUP_OF_REFERENCE = re.compile(r"(?:\$\{[\s.]*|Interpolation key ')(\w+)")


def _is_an_unset_variable(bad: UnusableValue) -> bool:
    return "oc.env" in bad.written and "not found" in bad.reason


def _is_set_by_the_project(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether the code sets the environment variable that is not there: itself, with rootutils, or from a .env file."""
    named = re.search(r"Environment variable '(\w+)' not found", bad.reason)
    if named is None:
        return False
    code, name = context.code, named[1]
    if re.search(rf"environ(?:\.setdefault\(|\[)\s*[\"']{name}[\"']", code) or (
        name == "PROJECT_ROOT" and "setup_root(" in code
    ):
        return True
    file = context.project.root / ".env"
    lines = file.read_text(encoding="utf-8", errors="replace") if "dotenv" in code and file.is_file() else ""
    return re.search(rf"^(?:export\s+)?{name}\s*=", lines, re.MULTILINE) is not None


def _needs_an_open_choice(context: ExperimentContext, outcome: Composition, bad: UnusableValue) -> bool:
    """Whether it refers to a group that config.yaml leaves open (`- exp: null`), and that is chosen for a run."""
    group = re.match(r"Interpolation key '([^'.]+)", bad.reason)
    return (
        group is not None
        and outcome.choices.get(group[1]) is None
        and group[1] in context.groups
        and context.groups[group[1]] is None
        and context.registration(group[1]) is None
    )


def _circle(outcome: Composition, bad: UnusableValue) -> Iterator[tuple[str, str]]:
    """The values that a value refers to, and those that they refer to."""
    written = {bad.key: bad.written}
    waiting = [bad.written]
    while waiting:
        for target in re.findall(r"\$\{\s*([\w.]+)\s*\}", waiting.pop()):
            value: object = outcome.container
            for step in target.split("."):
                value = value.get(step) if isinstance(value, dict) else None
            if isinstance(value, str) and target not in written:
                written[target] = value
                waiting.append(value)
    yield from written.items()


def _at_reference(context: ExperimentContext, place: Location, reason: str) -> Location:
    """The `${` that is meant, on the line of the value."""
    lines = context.composer.document(place.path).text_or_empty.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    named = re.match(r"Interpolation key '([^']+)'", reason)
    wanted = re.escape(named[1]) if named else ""
    found = re.compile(rf"\$\{{[\s.]*{wanted}").search(line, place.column - 1)
    return Location(place.path, place.line, found.start() + 1) if found else place


_RESOLVERS = ("oc.env", "oc.create", "oc.decode", "oc.deprecated", "oc.dict.keys", "oc.dict.values", "oc.select",
              "hydra", "now", "python_version")  # fmt: skip


def _interpolation_advice(context: ExperimentContext, bad: UnusableValue) -> str:
    written, reason = bad.written, bad.reason
    if "Recursive" in reason:
        return "they refer to each other: give one of them a value of its own"
    resolver = re.match(r"Unsupported interpolation type (\S+)", reason)
    if resolver:
        guess = "oc.env" if resolver[1] == "env" else did_you_mean(resolver[1], _RESOLVERS)
        return f"write ${{{guess}:…}}" if guess else f"there is: {', '.join(_RESOLVERS)}, or register it in the code"
    if "oc.env" in written:
        return _SET_IT
    named = re.match(r"Interpolation key '([^']+)'", reason)
    target = (named[1] if named else written[written.find("${") + 2 :].split("}")[0]).strip()
    if target.startswith("hydra."):
        return f"Hydra's own values are read with a colon: ${{hydra:{target.removeprefix('hydra.')}}}"
    if re.fullmatch(r"[A-Z_][A-Z0-9_]*", target):
        return f"write ${{oc.env:{target}}} for the environment variable"
    known = [f"{group}.{key}" for group in context.groups for key in _fields(context, group, [])]
    if target in known and named:
        group, _, key = target.partition(".")
        return f"what is chosen for {group} has no {key}: give it one"
    if target in known:
        return f"refer to a value of another type, or give {bad.key} one of its own"
    target = target.removeprefix("cfg.").removeprefix("config.")
    guess = next((name for name in known if name.split(".", 1)[1] == target), None)
    group, _, key = target.partition(".")  # a field is looked for by its own name: `exp.lr` is more like `exp.fold`
    near = did_you_mean(key, [name.split(".", 1)[1] for name in known if name.startswith(f"{group}.")])
    guess = guess or (f"{group}.{near}" if near else did_you_mean(target, known))
    if guess is None:
        return "interpolations start at the root of the config, as in ${exp.seed}, or with a dot beside it: ${.seed}"
    return f"write ${{{guess}}}" if target in known else f"did you mean ${{{guess}}}?"


@rule(
    "ES013",
    "unusable-option-name",
    Severity.ERROR,
    "Hydra does not take the file's name as an option on the command line",
    bad={"exp/100.yaml": "defaults:\n  - default@_here_\n"},
    good={"exp/100-lr.yaml": "defaults:\n  - default@_here_\n"},
    hydra="fails",
    run="exp=100",
)
def unusable_option_name(context: ExperimentContext) -> Iterator[Finding]:
    """`exp=100` is an int to Hydra's grammar, `exp=null` nothing, and `exp=学習率` a syntax error.

    Numbers with a leading zero (001 to 099) are taken as text; from 100 on the name needs a word: `100-lr.yaml`.
    """
    for option in context.all_options():
        command, severity = naming.override(option.group, option.name), None
        if command == f"{option.group}={option.name}":
            continue
        if re.fullmatch(r"[\w./+@%\- ]+", option.name, re.ASCII) and " " in option.name.strip():
            message = f"{option.group}={option.name} needs quotes in the shell"
            better, severity = naming.slug(option.name), Severity.WARNING
        elif not naming.is_string_on_the_command_line(option.name):
            message = f"Hydra reads {option.group}={option.name} as a value, not as the name of a file"
            better = f"{option.name}-{option.group}"
        else:
            message = f"{option.group}={option.name} needs quotes inside quotes on the command line"
            better = naming.slug(option.name) or "NNN-words"
        yield unusable_option_name.finding(
            Location(option.path),
            message,
            f'rename it to {better}.yaml (until then: "{command}")',
            severity=severity,
        )
