"""References that lead nowhere, and keys that `oc.select` or `hydra:` is asked for in vain."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from experiment_setup import nodes
from experiment_setup.composing.compose import UnusableValue
from experiment_setup.composing.refusals import (
    NoSuchTarget,
    RefersToItself,
    Refusal,
    TooLong,
    UnknownResolver,
    UnsetVariable,
)
from experiment_setup.facts import resolver_arguments as resolver_arguments_of
from experiment_setup.facts import resolvers
from experiment_setup.facts.defaults_lists import spelled_alike
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.facts.resolvers import BUILT_IN
from experiment_setup.facts.targets import OF_INSTANTIATE
from experiment_setup.facts.unresolved import Unresolved, is_typed, target_of, unresolved
from experiment_setup.facts.written import at_offset, scalars
from experiment_setup.findings import Finding, Severity, Subject
from experiment_setup.light import compiled
from experiment_setup.location import Location, did_you_mean
from experiment_setup.nodes import Steps
from experiment_setup.reading.source import Document
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.es01_composing import SET_IT, fields_of
from experiment_setup.rules.phases import Phase


@rule(
    "ES012",
    "broken-interpolation",
    Severity.ERROR,
    "an interpolation that fails when the value is used",
    phase=Phase.COMPOSITION,
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nname: ${env.outptu_dir}/x\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nname: ${env.output_dir}/x\n"},
    hydra="accepts",
)
def broken_interpolation(context: ExperimentContext) -> Iterator[Finding]:
    """`--cfg job` prints interpolations as they are written and exits with 0; the run fails where the value is read.

    What an option leaves open for another file is a note. A variable of the environment is a warning where nobody has
    to choose what needs it. A key without a value, as `paths:` over lines that are comments, makes null of what the
    option of the group `paths` gives: that is said once, there.
    """
    places: set[tuple[Location, Refusal]] = set()  # a file may be put at several keys
    missing: dict[object, list[Finding]] = {}
    emptied: dict[tuple[Steps, Location], list[Unresolved]] = {}
    for found in unresolved(context):
        bad = found.value
        block = _emptied_block(context, found)
        nothing = context.compositions.emptied_at(block, found.chosen) if block is not None else None
        if block is not None and nothing is not None:
            emptied.setdefault((block, nothing), []).append(found)
            continue
        place = _at_reference(context, context.compositions.written_with(bad.key, found.chosen), bad.refusal)
        if (place, bad.refusal) in places:
            continue
        places.add((place, bad.refusal))
        run = _run_of(context, found)
        beside = {sibling.path for sibling in context.options.siblings}
        if not run and place.path != context.experiment.config_file and beside & context.project.primary_configs:
            run = context.experiment.config_file.name
        unset = f"{bad.refusal.name} is not set here" if isinstance(bad.refusal, UnsetVariable) else None
        said = broken_interpolation.finding(
            place,
            f"{bad.written} does not resolve{f' with {run}' if run else ''}: {unset or bad.refusal.words}",
            _interpolation_advice(context, bad),
            severity=Severity.INFO if found.left_open else Severity.WARNING if _is_an_unset_variable(bad) else None,
            rests_on=_what_it_refers_to(context, found),
        )
        if (said.help or "").startswith((_FROM_THE_ROOT, _CHOSEN_FOR)) and isinstance(bad.refusal, NoSuchTarget):
            missing.setdefault((target_of(bad, bad.refusal), run, said.severity), []).append(said)
        else:
            yield said
    for alike in missing.values():  # what nothing gives is one mistake, wherever it is asked for
        yield alike[0].at([one.location for one in alike])
    for (block, nothing), broken in emptied.items():
        key, first = nodes.join(block), broken[0]
        run = _run_of(context, first)
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        yield broken_interpolation.finding(
            nothing,
            f"{key} has no value here, which makes all of {key} null: {first.value.written} does not resolve"
            f"{f' with {run}' if run else ''}{more}",
            f"take the line out, or write below it what changes in {key}",
            severity=Severity.INFO if all(found.left_open for found in broken) else None,
        )


def _run_of(context: ExperimentContext, found: Unresolved) -> str:
    """What is typed behind the entry point's name, to see it."""
    chosen = (f"{group}={option}" for group, option in found.chosen.items() if option)
    return " ".join(filter(None, (context.options.by_name, *chosen)))


def _emptied_block(context: ExperimentContext, found: Unresolved) -> Steps | None:
    """The place of a group of which the value refers to a key, where an option of it is chosen and null is there."""
    refusal = found.value.refusal
    steps = target_of(found.value, refusal) if isinstance(refusal, NoSuchTarget) else ()
    outcome = context.compositions.of(found.chosen)
    return next(
        (
            placed.package
            for placed in context.options.choices
            if placed.package == steps[:-1][: len(placed.package)] and placed.package
            if outcome.choices.get(placed.key, placed.option) is not None
            if nodes.within(outcome.container, placed.package) is None
            if placed.package[-1] in nodes.within(outcome.container, placed.package[:-1])
        ),
        None,
    )


_GROUP_OF_REFERENCE = compiled(r"\$\{[\s.]*(\w+)")


def _what_it_refers_to(context: ExperimentContext, found: Unresolved) -> list[Subject]:
    """The groups of the value and of its references, and the lists of the files chosen for them."""
    bad = found.value
    groups = {nodes.top(bad.key), *_GROUP_OF_REFERENCE.findall(bad.written)}
    if isinstance(bad.refusal, NoSuchTarget):
        groups.add(bad.refusal.key.partition(".")[0])
    keys = [*groups, *(placed.key for placed in context.options.placed if {*placed.package[:1]} <= groups)]
    needed = context.options.files_of({key: found.chosen.get(key) for key in keys})
    return [*map(phases.defaults_list, needed), *map(phases.group, groups)]


def _is_an_unset_variable(bad: UnusableValue) -> bool:
    return "oc.env" in bad.written and isinstance(bad.refusal, (UnsetVariable, NoSuchTarget))


def _at_reference(context: ExperimentContext, place: Location, refusal: Refusal) -> Location:
    """The `${` that is meant, on the line of the value."""
    lines = context.composer.document(place.path).text_or_empty.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    wanted = re.escape(refusal.key) if isinstance(refusal, NoSuchTarget) else ""
    found = re.compile(rf"\$\{{[\s.]*{wanted}").search(line, place.column - 1)
    return Location(place.path, place.line, found.start() + 1) if found else place


def _interpolation_advice(context: ExperimentContext, bad: UnusableValue) -> str:
    written, refusal = bad.written, bad.refusal
    if isinstance(refusal, RefersToItself):
        return "they refer to each other: give one of them a value of its own"
    if isinstance(refusal, TooLong):
        return "they refer to each other, or to too many others: give one of them a value of its own"
    if isinstance(refusal, UnknownResolver):
        function = context.code.never_registered.get(refusal.name)
        if function is not None:
            return f"nothing calls {function}(), which registers it: call it before main() begins"
        guess = resolvers.meant(refusal.name, BUILT_IN)
        return f"write ${{{guess}:…}}" if guess else f"available: {', '.join(BUILT_IN)}, or register it in the code"
    if "oc.env" in written:
        fitting = "the variable is set, but not to what the field takes: give it another value"
        return SET_IT if _is_an_unset_variable(bad) else fitting
    named = refusal.key if isinstance(refusal, NoSuchTarget) else None
    target = (named or written[written.find("${") + 2 :].split("}")[0]).strip()
    if target.startswith("hydra."):
        return f"Hydra's own values are read with a colon: ${{hydra:{target.removeprefix('hydra.')}}}"
    if re.fullmatch(r"[A-Z_][A-Z0-9_]*", target):
        return f"write ${{oc.env:{target}}} for the environment variable"
    known = [f"{group}.{key}" for group in context.options.groups for key in fields_of(context, group, [])]
    known = [key for key in known if key != bad.key]  # not the value itself
    group, _, key = target.partition(".")
    block = key.partition(".")[0]
    is_lacking = block == key or nodes.at(context.compositions.some, (group, block)) is None
    if named and is_lacking and f"{group}.{block}" in known:
        return _lacks(group, key)
    if target in known:
        return f"refer to a value of another type, or give {bad.key} one of its own"
    target = target.removeprefix("cfg.").removeprefix("config.")
    group, _, key = target.partition(".")  # a field is looked for by its own name: `exp.lr` is more like `exp.fold`
    near = did_you_mean(key, [name.split(".", 1)[1] for name in known if name.startswith(f"{group}.")])
    alike = spelled_alike(target, [name.split(".", 1)[1] for name in known])  # without its group
    guess = next((name for name in known if name.split(".", 1)[1] == alike), None)
    elsewhere = [name for name in known if not name.startswith(f"{group}.")]
    guess = guess or (f"{group}.{near}" if near else did_you_mean(target, elsewhere) if key else None)
    if guess is None and not key:
        guess = did_you_mean(target, [str(name) for name, _ in nodes.children(context.compositions.some)])
    if guess is None and named and key and group in context.options.groups:
        return _lacks(group, key)
    if guess is None:
        return _FROM_THE_ROOT
    meant, there = target.rpartition(".")[2], guess.rpartition(".")[2]
    if meant in OF_INSTANTIATE and there not in OF_INSTANTIATE:
        return f"{there} is misspelled: write {meant} there"
    return f"write ${{{guess}}}" if target in known else f"did you mean ${{{guess}}}?"


def _lacks(group: str, key: str) -> str:
    return f"{_CHOSEN_FOR} {group} has no {key}: give it one"


_CHOSEN_FOR = "what is chosen for"
_FROM_THE_ROOT = "interpolations start at the root of the config, as in ${exp.seed}, or with a dot beside it: ${.seed}"


@rule(
    "ES015",
    "selected-key-misspelled",
    Severity.WARNING,
    "`oc.select` names a key that is not there, but for a letter",
    phase=Phase.COMPOSITION,
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nname: ${oc.select:env.outptu_dir,x}\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nname: ${oc.select:env.output_dir,x}\n"},
    hydra="accepts",
)
def selected_key_misspelled(context: ExperimentContext) -> Iterator[Finding]:
    """`${oc.select:KEY,DEFAULT}` is the default where the key is missing, and `${hydra:KEY}` is null, so that a typo in
    it is never heard of.

    Reported where each step is there but for a letter; a key that no file has may be one that a run adds.
    """
    places: dict[Location, Finding] = {}
    whole = (one for one in context.options.primary_lineage if one.path.parent == context.experiment.config_dir)
    options = (*context.options.all(), *context.options.added)
    for option, document in (*((None, one) for one in whole), *((option, option.document) for option in options)):
        for found in (*_misspelled_keys(context, document, option), *_misspelled_of_hydra(context, document)):
            places.setdefault(found.location, found)
    yield from places.values()


# The key is `env.output_dir`, `.seed` or `..seed`, in quotes or not, of a text that YAML may have in quotes itself.
_QUOTE = r"\\?[\"']{0,2}"
_SELECTED = compiled(rf"(?<!\\)\$\{{\s*oc\.select\s*:\s*{_QUOTE}(\.*)([A-Za-z_][\w.\-\[\]]*){_QUOTE}\s*([,}}])")


def _misspelled_keys(context: ExperimentContext, document: Document, option: Option | None) -> Iterator[Finding]:
    found = list(_in_values(document, _SELECTED))
    composed = context.compositions
    config = (composed.of_option(option).config if option else composed.some) if found else None
    for value, match in found if config is not None else ():
        dots, written, behind = match.groups()
        package = option.package() if option else ()
        above = (*package, *value)[: -len(dots)] if dots else ()
        target = (*above, *nodes.split(written))
        meant = _as_it_is_there(config, target)
        inner = meant[len(above) :]
        better = dots + (nodes.join(inner) if "[" in written else ".".join(map(str, inner)))
        if list(map(str, meant)) != list(map(str, target)) and not _is_given_by_another(context, target):
            yield selected_key_misspelled.finding(
                at_offset(document, match.start(1)),
                f"there is no {dots}{written} (did you mean {better}?): "
                f"this is always {'the default' if behind == ',' else 'null'}",
                f"write {better}",
            )


def _in_values(document: Document, pattern: re.Pattern[str]) -> Iterator[tuple[Steps, re.Match[str]]]:
    """What a pattern finds in the values of a file as they are written, each with the path of the value."""
    if pattern.search(document.text_or_empty):
        for path, _, node in scalars(document):
            for match in pattern.finditer(document.text, node.start_mark.index, node.end_mark.index):
                yield path, match


def _as_it_is_there(config: Any, target: Steps) -> Steps:
    """The steps to what the config has, where each is there but for a letter; else as they are.

    A step with others behind it may be a letter shorter, as in `emv.seed`: these have to be there as well.
    """
    found: list[Any] = []
    for behind, step in zip(range(len(target) - 1, -1, -1), target, strict=True):
        end = "." if behind else ""
        there = {f"{name}{end}": name for name, _ in nodes.children(nodes.at(config, found))}
        meant = f"{step}{end}" if f"{step}{end}" in there else spelled_alike(f"{step}{end}", there)
        if meant is None:
            return target
        found.append(there[meant])
    return tuple(found)


def _is_given_by_another(context: ExperimentContext, target: Steps) -> bool:
    """Whether another option or config has a key that the config lacks, or the code or a run gives it."""
    for option in (*context.options.all(), *context.options.added):
        package = option.package()
        if target[: len(package)] == package and option.document.has(target[len(package) :]):
            return True
    if any(sibling.has(target) for sibling in context.options.siblings) or is_typed(context, target):
        return True
    return context.code.reading.writes(tuple(map(str, target)))


def _misspelled_of_hydra(context: ExperimentContext, document: Document) -> Iterator[Finding]:
    for _, match in _in_values(document, _OF_HYDRA):
        steps = match[1].split(".")
        meant = steps if match[1] in _USUAL_OF_HYDRA else _as_hydra_has_it(steps, context.options.groups)
        if meant != steps:
            guess = next(right for right, step in zip(meant, steps, strict=True) if right != step)
            yield selected_key_misspelled.finding(
                at_offset(document, match.start(1)),
                f"Hydra has no {match[1]} (did you mean {guess}?): this is always null",
                f"write ${{hydra:{'.'.join(meant)}}}",
            )


def _as_hydra_has_it(steps: Sequence[str], groups: Iterable[str]) -> list[str]:
    """The steps to a value of Hydra's, with those that are misspelled put right: nobody adds to what it has, so that
    what is like one of them is it. The groups are what was chosen from.
    """
    found: list[str] = []
    for step in steps:
        if found == ["runtime", "choices"]:
            there = list(groups)
            meant = step if step in there else spelled_alike(step, there)
        else:
            there = _fields_of_hydra(found)
            meant = step if step in there else did_you_mean(step, there)
        found.append(meant or step)
    return found


_OF_HYDRA = compiled(r"(?<!\\)\$\{\s*hydra\s*:\s*([A-Za-z_][\w.]*)")
_USUAL_OF_HYDRA = frozenset(
    "runtime.output_dir runtime.cwd job.name job.num job.id job.override_dirname run.dir sweep.dir".split()
)


def _fields_of_hydra(steps: Sequence[str]) -> list[str]:
    """The keys of Hydra's own config at a place; [] where any may be. The import takes a while, so it waits."""
    from hydra.conf import HydraConf

    found: Any = HydraConf
    for step in steps:
        found = next((known.type for known in dataclasses.fields(found) if known.name == step), None)
        if not dataclasses.is_dataclass(found):
            return []
    return [known.name for known in dataclasses.fields(found)]


_REGISTERS = (
    "import hydra\n",
    "import hydra\nfrom omegaconf import OmegaConf\n\n"
    'OmegaConf.register_new_resolver("join", lambda first, second: f"{first}-{second}")\n',
)


@rule(
    "ES016",
    "resolver-arguments",
    Severity.ERROR,
    "a resolver of the project is given more or fewer arguments than it takes",
    phase=Phase.COMPOSITION,
    bad={"train.py": [_REGISTERS], "exp/001.yaml": "defaults:\n  - default@_here_\n\nname: ${join:a}\n"},
    good={"train.py": [_REGISTERS], "exp/001.yaml": "defaults:\n  - default@_here_\n\nname: ${join:a,b}\n"},
    hydra="accepts",
)
def resolver_arguments(context: ExperimentContext) -> Iterator[Finding]:
    """`--cfg job` prints the reference as it is written; reading the value ends in a TypeError of the resolver.

    What OmegaConf gives itself, `_root_`, `_parent_` and `_node_`, does not count, and nothing is said where another
    entry point of the config folder may register one of that name.
    """
    documents = [option.document for option in (*context.options.all(), *context.options.added)]
    documents += context.options.primary_lineage
    texts = [document.text_or_empty for document in documents]
    used = resolvers.used_in(texts)
    known = resolver_arguments_of.taken(context.schema, texts) if used else {}
    for name in sorted(used & known.keys()):
        if context.code.is_registered_elsewhere(name):
            continue
        for document in documents:
            for _, _, node in scalars(document) if name in document.text else ():
                for match in _uses_of(name).finditer(node.value):
                    count = resolver_arguments_of.count_given(node.value, match.end())
                    if count is not None and not any(takes.fits(count) for takes in known[name]):
                        wanted = " or ".join(dict.fromkeys(map(str, known[name])))
                        yield resolver_arguments.finding(
                            at_offset(document, node.start_mark.index),
                            f"{name} is given {count} argument{'' if count == 1 else 's'}, and takes {wanted}",
                            "give it what it takes, or change the function that is registered",
                        )


def _uses_of(resolver: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\\)\$\{{\s*{re.escape(resolver)}\s*:")
