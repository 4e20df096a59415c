"""The values that fail when they are read, and whom that concerns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from experiment_setup import files, nodes
from experiment_setup.composing.compose import Composition, UnusableValue
from experiment_setup.composing.refusals import NoSuchTarget, RefersToItself, TooLong, UnknownResolver, UnsetVariable
from experiment_setup.facts import option_pairs
from experiment_setup.facts.defaults_lists import lineage, one_letter_away, only_a_base, spelled_alike
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.makers import makers
from experiment_setup.facts.options import Option, listed, packages
from experiment_setup.facts.refusals import chosen_keys
from experiment_setup.facts.resolvers import BUILT_IN, from_libraries, how_often_used, may_be_run_as_text
from experiment_setup.facts.resolving import resolved
from experiment_setup.facts.unlisted import HAS_A_LIST
from experiment_setup.facts.unread import is_unread
from experiment_setup.facts.wandb_sweeps import is_macro
from experiment_setup.light import compiled, dataclass
from experiment_setup.nodes import Steps
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document
from experiment_setup.requirements import Declared

_TOO_LONG = 3  # values that refer to too much, each of which takes long: then the rest is not looked at

Chosen = Mapping[str, str | None]  # the options of a run, by the key of their group


@dataclass(frozen=True)
class Unresolved:
    """A value that fails when it is read, and the first run that shows it."""

    value: UnusableValue
    chosen: Chosen
    left_open: bool  # by an option, for a file of the value's own group, another primary config, or a library


def unresolved(context: ExperimentContext) -> Iterator[Unresolved]:
    """Each value once, though it be broken in many runs, where somebody has to mend it.

    Two options may go together, as a loss with its model: what resolves with some option of the other group is right.
    """
    too_long = 0
    said: set[tuple[str, str]] = set()
    supplied: set[tuple[str, str]] = set()  # by a parameter set, whatever else is chosen
    keys_of_sets = {option.key for option in context.options.root_sets}
    for chosen in _runs(context):
        outcome = context.compositions.of(chosen)
        values = list(outcome.unusable_values(context.code.resolvers))
        causes = _causes(values)
        for bad in (value for value in values if value.key not in causes):
            written = (bad.key, bad.written)
            if bad.missing or written in said or (written in supplied and chosen.keys().isdisjoint(keys_of_sets)):
                continue
            if _needs_an_open_choice(context, outcome, bad) or _leads_below_a_placeholder(outcome, bad):
                continue
            if isinstance(bad.refusal, RefersToItself) and _leads_into_a_circle(outcome, bad):
                continue
            if _is_for_an_agent(context, outcome, bad):
                continue
            if _is_for_a_parameter_set(context, chosen, bad):
                supplied.add(written)
                continue
            said.add(written)
            too_long += isinstance(bad.refusal, TooLong)
            if too_long > _TOO_LONG:
                return
            if _concerns_nobody_here(context, chosen, bad):
                continue
            another = option_pairs.other_group(context, chosen, bad)
            if another is not None and option_pairs.fits(context, chosen, bad, another):
                continue
            if isinstance(bad.refusal, RefersToItself):
                said.update(_circle(outcome, bad))
            left_open = another is not None and another == nodes.top(bad.key)
            left_open = left_open and not _is_in_what_is_chosen(context, chosen, bad)
            left_open = left_open or _is_left_to_others(context, chosen, bad) or _is_given_by_hand(context, bad)
            left_open = left_open or _is_a_part_of_another(context, bad) or _is_registered_by_others(context, bad)
            left_open = left_open or _is_given_by_a_run(context, bad) or _is_of_an_optional_file(context, bad)
            failing = (value for value in values if value is bad or causes.get(value.key) == bad.key)
            left_open = left_open or all(_is_read_by_nobody(context, outcome, value) for value in failing)
            left_open = left_open or _may_be_filled(context, outcome, bad)
            left_open = left_open or _may_be_merged(context, outcome, bad) or _is_given_by_what_is_run(context, bad)
            left_open = left_open or _is_opened_by_its_path(context, chosen) or _may_be_stored(context, outcome, bad)
            left_open = left_open or _is_of_a_whole_config(context, chosen, bad) or _is_a_usual_variable(context, bad)
            yield Unresolved(bad, chosen, left_open or _is_for_another_config(context, chosen, bad))


def _causes(values: Sequence[UnusableValue]) -> dict[str, str]:
    """The values that fail only because what they refer to does, each with the key of the one that is at fault."""
    known = {value.key: value for value in values if not isinstance(value.refusal, RefersToItself)}
    follows: dict[str, str] = {}
    for value in known.values():
        for dots, key in _REFERENCE.findall(value.written):
            above = nodes.split(value.key)[: -len(dots)] if dots else ()
            cause = known.get(nodes.join((*above, *nodes.split(key))))
            if cause is not None and cause is not value and cause.refusal == value.refusal:
                follows[value.key] = cause.key
    return {key: _first(follows, key) for key in follows}


_REFERENCE = compiled(r"\$\{(\.*)([\w.\-\[\]/]+)\}")


def _first(follows: Mapping[str, str], key: str) -> str:
    while key in follows:
        key = follows[key]
    return key


def _runs(context: ExperimentContext) -> Iterator[Chosen]:
    """Every combination of parameter set and environment, since one may break the other's, and every option of a
    further group, but for those that only serve as what others inherit: what they leave open their heirs give; and for
    those that are composed with the option that chooses them, which is a run itself.
    """
    named = {group: group for group in (SETS, ENVIRONMENTS, *context.options.further_groups)}
    named |= {group: placed[0] for group, placed in chosen_keys(context).items() if len(placed) == 1}
    options = [(key, option) for group, key in named.items() for option in context.options.of_group(group)]
    bases = {(key, option.name) for key, option in options if only_a_base(context, option)}
    runs: list[Chosen] = [{SETS: exp, ENVIRONMENTS: env} for exp, env in context.compositions.combinations]
    runs += [{key: option.name} for key, option in options if key not in (SETS, ENVIRONMENTS)]
    runs += [{option.key: option.name} for option in context.options.added]
    for chosen in runs:
        if bases.isdisjoint(chosen.items()) and not context.compositions.with_what_chooses(chosen):
            yield chosen


def _is_for_an_agent(context: ExperimentContext, outcome: Composition, bad: UnusableValue) -> bool:
    """Whether it is a macro that an agent of W&B replaces, and the code does not resolve it all the same."""
    if not is_macro(outcome, bad):
        return False
    key = nodes.names(bad.key)
    return not any(key[: len(given.part.path)] == given.part.path for _, given in resolved(context.code.reading))


def _concerns_nobody_here(context: ExperimentContext, chosen: Chosen, bad: UnusableValue) -> bool:
    return (
        _is_of_a_sibling(context, chosen, bad)
        or _is_asked_by_this_config_alone(context, chosen, bad)
        or _is_written_by_the_code(context, bad)
        or _is_replaced_by_the_code(context, bad)
        or _is_replaced_in_a_list(context, bad)
        or _is_given_to_what_is_made(context, bad)
        or _is_in_a_loaded_file(context, bad)
        or _is_set_by_the_project(context, bad)
        or _is_known_there(context, bad)
        or _is_for_another_entry_point(context, chosen, bad)
        or _is_for_those_who_choose(bad, chosen)
    )


def _is_written_by_the_code(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether the code gives a value to the key that is not there: `cfg.run_name = …`, and no `self.run_name = …`; or
    `OmegaConf.update(cfg, "run_name", …)`.
    """
    if not isinstance(bad.refusal, NoSuchTarget):
        return False
    name = re.escape(str(nodes.split(bad.refusal.key)[-1]))
    assigned = rf"(?:(?<!\bself)\.{name}|\[[\"']{name}[\"']\])\s*=(?!=)"
    updated = rf"\.(?:update|setdefault|merge_with)\([^()]{{0,200}}?[\"'](?:[\w.]*\.)?{name}[\"']"
    return re.search(f"{assigned}|{updated}", context.code.text) is not None


def _is_replaced_by_the_code(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether the code gives another value to the key that refers to what is not there: with `OmegaConf.update`, or by
    an assignment before anything reads it.
    """
    key = nodes.names(bad.key)
    updated = rf"\bOmegaConf\.update\([^()]{{0,200}}?[\"']{re.escape(bad.key)}[\"']"
    if bad.key in context.code.text and re.search(updated, context.code.text):  # few patterns are compiled
        return True
    for use in context.code.reading.uses:
        if use.kind == "write" and key[: len(use.path)] == use.path:
            return True
        # What is printed as a whole is not resolved.
        if use.path[: len(key)] == key or (not use.shown and key[: len(use.path)] == use.path):
            return False
    return False


def _is_replaced_in_a_list(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether it stands in an element of a list, and the code gives its key a value somewhere: the elements have no
    names by which the code could be followed, as in `for logger in cfg.loggers: logger["name"] = …`.
    """
    *above, name = nodes.split(bad.key)
    if not any(isinstance(step, int) for step in above):
        return False
    assigned = rf"(?:(?<!\bself)\.{re.escape(str(name))}|\[[\"']{re.escape(str(name))}[\"']\])\s*=(?!=)"
    return re.search(assigned, context.code.text) is not None


def _is_given_to_what_is_made(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether each call that makes an object of the block gives this argument itself, in place of what the config says:
    `instantiate(cfg.scheduler, optimizer=optimizer)`. Hydra resolves the block with it.
    """
    *block, name = nodes.split(bad.key)
    made = [maker for maker in makers(context) if maker.path == tuple(map(str, block))]
    return bool(made) and all(str(name) in maker.given for maker in made)


def _is_in_a_loaded_file(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether a file has what is referred to that the code loads by its path, and merges into the config."""
    if not isinstance(bad.refusal, NoSuchTarget) or not context.options.loaded_by_path:
        return False
    target = target_of(bad, bad.refusal)
    return any(document.has(target) for loaded in context.options.loaded_by_path.values() for document in loaded)


def _is_set_by_the_project(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether the project sets the environment variable that is not there, or asks for it: the code itself, with
    rootutils, or from a .env file; a guide or a shell script.
    """
    if not isinstance(bad.refusal, UnsetVariable):
        return False
    code, name = context.code.text, re.escape(bad.refusal.name)
    quoted = rf"[\"']{name}[\"']"
    is_asked_for = rf"environ(?:\.setdefault\(|\[)\s*{quoted}|{quoted} (?:not )?in os\.environ\b"
    if bad.refusal.name in code and re.search(is_asked_for, code):
        return True
    if name == "PROJECT_ROOT" and "setup_root(" in code:
        return True
    mentioning = [guide for guide in context.guides if bad.refusal.name.lower() in guide.lower()]
    if not mentioning:
        return False
    is_set = re.compile(
        rf"^[ \t>$]*(?:export\s+|ENV\s+)?{name}\s*=|\benvironment variables?:?\s[`'\"]*{name}\b",
        re.MULTILINE | re.IGNORECASE,
    )
    return any(map(is_set.search, mentioning))


def _is_a_usual_variable(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether several files of the config folder read the environment variable that is not set here, or a guide names
    it: so it is no slip, and everybody has to set it. Or a cluster does, where the project runs.
    """
    if not isinstance(bad.refusal, UnsetVariable):
        return False
    name = bad.refusal.name
    if _OF_CLUSTERS.fullmatch(name):
        return True
    if any(name in guide and re.search(rf"\b{re.escape(name)}\b", guide) for guide in context.guides):
        return True
    texts = [text for document in context.options.of_the_folder() if name in (text := document.text_or_empty)]
    read = rf"\$\{{\s*oc\.env\s*:\s*{re.escape(name)}\b"
    return len(texts) > 1 and sum(re.search(read, text) is not None for text in texts) > 1


# What schedulers, launchers and the profiles of clusters set.
_OF_CLUSTERS = compiled(
    r"(?:SLURM|SLURMD|PBS|LSB|OMPI|SGE)_\w+|(?:P|JOB)?SCRATCH|(?:ALL_)?CCFR(?:WORK|SCRATCH|STORE)|TMPDIR|WORK|STORE"
    r"|DSDIR|CFS|(?:LOCAL_|NODE_)?RANK|WORLD_SIZE"
)


def _is_known_there(context: ExperimentContext, bad: UnusableValue) -> bool:
    return isinstance(bad.refusal, UnknownResolver) and is_of_its_hydra(context, bad.refusal.name)


def is_of_its_hydra(context: ExperimentContext, resolver: str) -> bool:
    """Whether it is `env`, which the OmegaConf of Hydra 1.1 still resolves, and the project asks for that one."""
    return resolver == "env" and Declared(context.project.root).is_bound_before(
        "hydra", (1, 2), context.experiment.folder
    )


def _is_of_a_sibling(context: ExperimentContext, chosen: Chosen, bad: UnusableValue) -> bool:
    """Whether it stands in an option, and refers to a key or a group that another primary config of the folder has, not
    this one: itself, or in what it chooses beside that option.

    The option is meant for that config then, unless this one chooses it unasked.
    """
    if not isinstance(bad.refusal, NoSuchTarget) or not any(chosen.values()):
        return False
    if _is_written_in_the_config(context, chosen, bad):
        return False
    steps = nodes.split(bad.refusal.key)
    return context.options.is_of_a_sibling(str(steps[0])) or any(
        sibling.has(steps) or str(steps[0]) in packages(sibling) or _is_chosen_there(context, sibling, chosen, bad)
        for sibling in context.options.siblings
        if sibling.error is None
    )


def _is_chosen_there(context: ExperimentContext, sibling: Document, chosen: Chosen, bad: UnusableValue) -> bool:
    """Whether another primary config chooses what is chosen here, and beside it an option that has what is referred to,
    or that is not here.
    """
    target = target_of(bad, bad.refusal) if isinstance(bad.refusal, NoSuchTarget) else ()
    there, root = listed(sibling), context.experiment.config_dir
    if any(there.get(group) != option for group, option in chosen.items() if option):
        return False
    for group, name in there.items():
        path = root / group / f"{name}.yaml"
        option = Option(group, str(name), context.composer.document(path)) if files.is_file(path) else None
        if (option is None and group == target[0]) or (option is not None and _gives(option, root, target)):
            return True
    return False


def _gives(option: Option, root: Path, target: Steps) -> bool:
    """Whether the file of an option has what is referred to, at the place where the option goes unasked."""
    package = option.package(option.path.parent.relative_to(root).parts)
    return target[: len(package)] == package and option.document.has(target[len(package) :])


def _is_written_in_the_config(context: ExperimentContext, chosen: Chosen, bad: UnusableValue) -> bool:
    """Whether it stands in the primary config, or in one that this includes, and not in an option."""
    own = {context.experiment.config_file, *(included.path for included in context.options.included)}
    return context.compositions.written_with(bad.key, chosen).path in own


def _is_asked_by_this_config_alone(context: ExperimentContext, chosen: Chosen, bad: UnusableValue) -> bool:
    """Whether a chosen option lacks what the primary config asks of it, and another config of the folder, which chooses
    from the same group, asks nothing of the kind.

    The option is meant for that one then, unless it has the key but for a letter.
    """
    if not isinstance(bad.refusal, NoSuchTarget):
        return False
    group, *inner = nodes.split(bad.refusal.key)
    if chosen.get(str(group)) is None or not _is_written_in_the_config(context, chosen, bad):
        return False
    there = nodes.child(context.compositions.of(chosen).config, group)
    if nodes.is_mapping(there) and any(one_letter_away(str(inner[0]), str(key)) for key in there):
        return False
    asked = re.compile(rf"\$\{{[^}}]*{re.escape(bad.refusal.key)}")
    return any(
        str(group) in listed(sibling) and not asked.search(sibling.text_or_empty)
        for sibling in context.options.siblings
    )


def _is_for_another_entry_point(context: ExperimentContext, chosen: Chosen, bad: UnusableValue) -> bool:
    """Whether it stands in an option that is chosen by hand, with an entry point that registers the resolver."""
    by_hand = any(option is not None for option in chosen.values())
    return (
        by_hand and isinstance(bad.refusal, UnknownResolver) and context.code.is_registered_elsewhere(bad.refusal.name)
    )


def _is_for_another_config(context: ExperimentContext, chosen: Chosen, bad: UnusableValue) -> bool:
    """Whether it stands in an option that comes with this primary config and with others, and no code that runs with
    this one reads it, as far as that can be told; where it can't, or where the guides run none but the others, another
    one must have what it refers to.
    """
    place = context.compositions.written_with(bad.key, chosen).path
    if any(chosen.values()) or _is_written_in_the_config(context, chosen, bad):
        return False
    if context.options.group_of(place) in (SETS, ENVIRONMENTS):
        return False
    others = [sibling for sibling in context.options.siblings if HAS_A_LIST.search(sibling.text_or_empty)]
    reading, refusal = context.code.reading, bad.refusal
    if reading.followed and not reading.reads(nodes.names(bad.key)):
        return bool(others)
    handed_on = context.is_never_run or not reading.followed or any(use.path == () for use in reading.uses)
    return handed_on and isinstance(refusal, NoSuchTarget) and any(o.has(target_of(bad, refusal)) for o in others)


def _is_given_by_what_is_run(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether the guides run none but other primary configs of the folder, of which one has what is referred to."""
    if not isinstance(bad.refusal, NoSuchTarget) or not context.is_never_run:
        return False
    target = target_of(bad, bad.refusal)
    return any(sibling.error is None and sibling.has(target) for sibling in context.options.siblings)


def _is_of_a_whole_config(context: ExperimentContext, chosen: Chosen, bad: UnusableValue) -> bool:
    """Whether it stands in the file of an option that is a config of its own, such as one that a run has printed: with
    blocks for several groups, and the key that is referred to.
    """
    if not isinstance(bad.refusal, NoSuchTarget) or not any(chosen.values()):
        return False
    file = context.compositions.written_with(bad.key, chosen).path
    if file.suffix != ".yaml" or _is_written_in_the_config(context, chosen, bad):
        return False
    document = context.composer.document(file)
    if document.error is not None or document.header is not None or not isinstance(document.data, dict):
        return False
    return document.has(nodes.split(bad.refusal.key)) and len(context.options.groups.keys() & document.data.keys()) > 1


def _is_opened_by_its_path(context: ExperimentContext, chosen: Chosen) -> bool:
    """Whether the code names the file of the option that is chosen, so that it is for that code, and nobody chooses it:
    `load_model("configs/env/detector.yaml")`.
    """
    named = [f"{group}/{option}.yaml" for group, option in chosen.items() if option is not None]
    return len(named) == 1 and any(
        re.search(rf"[\"'](?:[^\"'\s]*/)?{re.escape(named[0])}[\"']", text)
        for text in context.code.in_reach
        if named[0] in text
    )


def _is_left_to_others(context: ExperimentContext, chosen: Chosen, bad: UnusableValue) -> bool:
    """Whether config.yaml chooses an option without the key, and others of the group have it, none but for a letter.

    Where that option is what the others inherit, each of them must have the key, or one if the value stands in the
    option itself: what each needs of what it inherits, nobody can tell. Where it is one among others, it has forgotten
    what all of them have; a key that some lack as well goes with those that have it.
    """
    if not isinstance(bad.refusal, NoSuchTarget):
        return False
    group, *inner = nodes.split(bad.refusal.key)
    default, options = context.options.groups.get(str(group)), context.options.by_group.get(str(group), {})
    if default not in options or chosen.get(str(group)) is not None:
        return False
    others = [name for name, option in options.items() if name != default and not only_a_base(context, option)]
    heirs = [name for name in others if default in lineage(options, name)]
    values = {name: context.compositions.choosing(str(group), name).container for name in others}
    having = {name for name, known in values.items() if _has(known, (group, *inner))}
    if heirs and (having.issuperset(others) or having.isdisjoint(heirs)):
        return not having.isdisjoint(heirs)
    if len(inner) != 1 or not having or having.issuperset(others):
        return False
    if heirs and _is_written_in_the_config(context, chosen, bad):
        return False
    own = context.compositions.of(chosen).container
    asked = [values[name] for name in heirs] if heirs else [*values.values(), own]
    keys = {str(key) for known in asked for key in nodes.within(known, (group,)) or ()}
    return not any(key != str(inner[0]) and one_letter_away(str(inner[0]), key) for key in keys)


_SECRET = compiled(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_?KEY|^(?:WANDB|MLFLOW|COMET|NEPTUNE)_"
    r"|^(?:USER|USERNAME|LOGNAME|HOME|HOSTNAME)$|^(?:SLURM|PBS|LSB)_"
)


def _is_for_those_who_choose(bad: UnusableValue, chosen: Chosen) -> bool:
    """Whether the variable that is not set here is a secret or an account, without a default, or one that a login or a
    scheduler of jobs sets.

    Whoever chooses an option of a further group, such as a logger, sets what it needs.
    """
    if not isinstance(bad.refusal, UnsetVariable):
        return False
    further = any(option is not None and group not in (SETS, ENVIRONMENTS) for group, option in chosen.items())
    return further or _SECRET.search(bad.refusal.name) is not None


def _is_in_what_is_chosen(context: ExperimentContext, chosen: Chosen, bad: UnusableValue) -> bool:
    """Whether it stands in the option of a group below another one's that is chosen, and not in that other one's."""
    place = context.compositions.written_with(bad.key, chosen).path
    return any(place == option.path for option in context.options.added if chosen.get(option.key) == option.name)


def _needs_an_open_choice(context: ExperimentContext, outcome: Composition, bad: UnusableValue) -> bool:
    """Whether it refers to a group that config.yaml leaves open (`- exp: null`), or that is only added (`+task=easy`),
    and that is chosen for a run.
    """
    group = bad.refusal.key.partition(".")[0] if isinstance(bad.refusal, NoSuchTarget) else None
    if isinstance(bad.refusal, NoSuchTarget) and group not in outcome.container:
        word = re.compile(rf"(?<![\w]){re.escape(str(nodes.split(bad.refusal.key)[-1]))}\s*:")
        added = [known for known in context.options.unlisted if known.key.startswith("+")]
        for known in added:
            if known.group.partition("/")[0] == group and _any_says(context, known.options.values(), word):
                return True
        if added and group is not None and group not in context.options.groups:  # those that added options choose
            return _any_says(context, context.experiment.options_in_folders(group).values(), word)
    return (
        group is not None
        and outcome.choices.get(group) is None
        and group in context.options.groups
        and context.options.groups[group] is None
        and context.options.registration(group) is None
        and not any(
            key == group and option is not None for key, option in context.options.chosen_again(outcome.choices)
        )
    )


_MOST_READ = 100  # files of a kind that are looked at for a key or a name: where so many lack it, it is not there


def _any_says(context: ExperimentContext, paths: Iterable[Path], word: re.Pattern[str]) -> bool:
    return any(word.search(context.composer.document(path).text_or_empty) for path in islice(paths, _MOST_READ))


def _is_for_a_parameter_set(context: ExperimentContext, chosen: Chosen, bad: UnusableValue) -> bool:
    """Whether no parameter set is chosen that is written from the root, and one of those has what is referred to, or
    chooses the option in which it stands and gives another value.
    """
    if not isinstance(bad.refusal, NoSuchTarget) or any(option.key in chosen for option in context.options.root_sets):
        return False
    target = target_of(bad, bad.refusal)
    sets = [(option, context.compositions.of_option(option)) for option in context.options.root_sets]
    if any(_has(outcome.container, target) for _, outcome in sets):
        return True
    given = {group: name for group, name in chosen.items() if name is not None}
    for option, outcome in sets if given else ():
        again = dict(context.options.chosen_again({option.key: option.name}))
        if outcome.config is not None and given.items() <= again.items():
            values = outcome.unusable_values(context.code.resolvers)
            return all(value.key != bad.key for value in values)
    return False


def _is_read_by_nobody(context: ExperimentContext, outcome: Composition, bad: UnusableValue) -> bool:
    """Whether no run reads the value, which refers to what nobody gives or to a variable that is not set here; not
    where a letter makes the difference to what is there.
    """
    if not isinstance(bad.refusal, (NoSuchTarget, UnsetVariable)) or not is_unread(context, nodes.names(bad.key)):
        return False
    return not isinstance(bad.refusal, NoSuchTarget) or not _is_nearly_there(outcome, target_of(bad, bad.refusal))


def _may_be_merged(context: ExperimentContext, outcome: Composition, bad: UnusableValue) -> bool:
    """Whether the code merges some file into the config that may have what is referred to; not where a letter makes the
    difference to what is there.
    """
    if not isinstance(bad.refusal, NoSuchTarget) or not context.code.merges_what_it_loads:
        return False
    return not _is_nearly_there(outcome, target_of(bad, bad.refusal))


def _may_be_stored(context: ExperimentContext, outcome: Composition, bad: UnusableValue) -> bool:
    """Whether what is referred to may be a field of a class that is stored and merged in there, and not read: one
    with a base of a library; not where a letter makes the difference to what is there.
    """
    if not isinstance(bad.refusal, NoSuchTarget):
        return False
    target, options = target_of(bad, bad.refusal), context.options
    for known in context.schema.registrations:
        group = known.group or ""
        place = nodes.in_package(known.package or group.replace("/", ".") or nodes.GLOBAL)
        if not known.node_is_opaque or target[: len(place)] != place:
            continue
        name = outcome.choices.get(group) or options.groups.get(group)
        chosen = options.by_group.get(group, {}).get(name or "")
        documents = options.lineage(chosen) if chosen is not None else () if group else options.primary_lineage
        if (group and name == known.name) or any(known.name in document.parents for document in documents):
            return not _is_nearly_there(outcome, target)
    return False


def _may_be_filled(context: ExperimentContext, outcome: Composition, bad: UnusableValue) -> bool:
    """Whether the code gives keys of which it computes the names to what lacks the one that is referred to, as
    `OmegaConf.update(cfg, name, value)` does; not where a letter makes the difference to what is there, or to one that
    the code gives by its name.
    """
    reading = context.code.reading
    if not isinstance(bad.refusal, NoSuchTarget) or not reading.filled:
        return False
    *above, name = map(str, target_of(bad, bad.refusal))
    if tuple(above) not in reading.filled or _is_nearly_there(outcome, (*above, name)):
        return False
    given = {use.path[-1] for use in reading.uses if use.kind == "write" and use.path[:-1] == tuple(above)}
    return spelled_alike(name, given) is None


def _is_nearly_there(outcome: Composition, target: Steps) -> bool:
    values: Any = outcome.container
    for step in target:
        there = values.keys() if isinstance(values, dict) else ()
        if step not in there:
            return spelled_alike(str(step), map(str, there)) is not None
        values = values[step]
    return False


def _is_given_by_hand(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether an option that no defaults list comes to has what is referred to: who chooses one may add the other."""
    if not isinstance(bad.refusal, NoSuchTarget):
        return False
    target, root = target_of(bad, bad.refusal), context.experiment.config_dir
    for known in context.options.unlisted:
        for name, path in islice(known.options.items(), _MOST_READ):
            if _gives(Option(known.group, name, context.composer.document(path)), root, target):
                return True
    return False


def _is_registered_by_others(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether a resolver may be there that the code of this entry point does not register: another one does, and this
    one does not read the value; or a library that it imports, or a text that it runs, unless a letter makes the
    difference to one that is known or that is used more often.
    """
    if not isinstance(bad.refusal, UnknownResolver):
        return False
    name, reading = bad.refusal.name, context.code.reading
    if context.code.is_registered_elsewhere(name):
        return not reading.followed or not reading.reads(nodes.names(bad.key))
    used = how_often_used(document.text_or_empty for document in context.options.documents())
    others = [other for other, count in used.items() if count > used[name]]
    alike = any(one_letter_away(name, known) for known in (*BUILT_IN, *context.code.registered.names, *others))
    if alike or name == "env":
        return False
    schema = context.options.schema
    return bool(from_libraries(schema)) or may_be_run_as_text(name, schema, context.project.root)


def _is_given_by_a_run(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether a guide or a script types what is referred to, or something above it: `+base_dir=/data`. What refers to
    nothing but itself, as `seed: ${seed}`, stands for what is typed.
    """
    if isinstance(bad.refusal, NoSuchTarget):
        target = list(map(str, target_of(bad, bad.refusal)))
    elif isinstance(bad.refusal, RefersToItself) and _PLAIN_TARGET.fullmatch(bad.written) and bad.key in bad.written:
        target = list(map(str, nodes.split(bad.key)))
    else:
        return False
    return is_typed(context, tuple(target))


_LONGEST_TYPED = 100  # steps of a key; all that stands above one of thousands would be megabytes


def is_typed(context: ExperimentContext, target: Steps) -> bool:
    """Whether a guide or a script gives a key on the command line, or something above it that is no group."""
    keys = (nodes.join(target[:count]) for count in range(1, min(len(target), _LONGEST_TYPED) + 1))
    typed = "|".join(re.escape(key) for key in keys if key not in context.options.groups)
    said = re.compile(rf"(?:^|[\s'\"])\+{{0,2}}(?:{typed})=(?!=)", re.MULTILINE)
    return bool(typed) and any(map(said.search, context.guides))


def _is_of_an_optional_file(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether it refers to a group from which the list, or that of another primary config, chooses what is not here
    (`optional local: default`): those who have the file have the key.
    """
    group = nodes.top(bad.refusal.key) if isinstance(bad.refusal, NoSuchTarget) else ""
    if context.options.registration(group) is not None:
        return False
    chosen = {context.options.groups.get(group), *(listed(sibling).get(group) for sibling in context.options.siblings)}
    return any(
        not files.is_file(context.experiment.group_dir(group) / f"{name.removesuffix('.yaml')}.yaml")
        for name in chosen
        if name not in (None, "???") and "${" not in name
    )


def _is_a_part_of_another(context: ExperimentContext, bad: UnusableValue) -> bool:
    """Whether the primary config is one beside that which main() names, which has what is referred to, and nobody tells
    to run this one: then it may be made to be added to the other. Or a script adds it to a config of its own.
    """
    if not context.options.is_run_by_name or not isinstance(bad.refusal, NoSuchTarget):
        return False
    if context.code.is_merged_by_a_script(context.experiment.config_name):
        return True
    target = target_of(bad, bad.refusal)
    others = [one for one in context.options.siblings if one.path in context.project.primary_configs]
    if not any(one.error is None and (str(target[0]) in listed(one) or one.has(target)) for one in others):
        return False
    name = re.compile(rf"(?:-cn|config[-_]name)[\s=\"']+{re.escape(context.experiment.config_name)}(?![\w-])")
    return not any(map(name.search, (*context.guides, context.code.text)))


def target_of(bad: UnusableValue, refusal: NoSuchTarget) -> Steps:
    """The whole key that a value refers to: with leading dots it counts from where the value stands."""
    dots = re.search(rf"(?<!\.)(\.*){re.escape(refusal.key)}", bad.written)
    above = nodes.split(bad.key)[: -len(dots[1])] if dots and dots[1] else ()
    return (*above, *nodes.split(refusal.key))


def _leads_below_a_placeholder(outcome: Composition, bad: UnusableValue) -> bool:
    """Whether it refers to a key of what stands at `???`, so that a run has to give that."""
    if not isinstance(bad.refusal, NoSuchTarget):
        return False
    values: Any = outcome.container
    for step in target_of(bad, bad.refusal):
        values = nodes.within(values, (step,))
        if values == "???":
            return True
    return False


def _leads_into_a_circle(outcome: Composition, bad: UnusableValue) -> bool:
    """Whether it only refers to values that refer to each other, of which each is said itself."""
    written = dict(_circle(outcome, bad))
    own = written.pop(bad.key)
    around = {key for text in (own, *written.values()) for key in _PLAIN_TARGET.findall(text)}
    return bad.key not in around and bool(written)


def _has(values: Any, steps: Steps) -> bool:
    for step in steps:
        there = values.keys() if isinstance(values, dict) else range(len(values)) if isinstance(values, list) else ()
        if step not in there:
            return False
        values = values[step]
    return True


_PLAIN_TARGET = compiled(r"\$\{\s*([\w.]+)\s*\}")


def _circle(outcome: Composition, bad: UnusableValue) -> Iterator[tuple[str, str]]:
    """The values that a value refers to, and those that they refer to."""
    written = {bad.key: bad.written}
    waiting = [bad.written]
    while waiting:
        for target in _PLAIN_TARGET.findall(waiting.pop()):
            value = nodes.within(outcome.container, nodes.split(target))
            if isinstance(value, str) and target not in written:
                written[target] = value
                waiting.append(value)
    yield from written.items()
