"""What Hydra refuses in an experiment: every mistake of every choice once, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from itertools import islice
from pathlib import Path

from experiment_setup.composing.compose import Composition, Failure
from experiment_setup.composing.refusals import (
    WRONG,
    AddedTwice,
    NoHeader,
    NotChosen,
    NotFound,
    NotOverridable,
    OverrideTooEarly,
    UnknownKey,
    UnknownResolver,
    UnresolvedOption,
    WrongValue,
)
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts.experiment import ExperimentContext, once
from experiment_setup.facts.options import Option
from experiment_setup.facts.own_files import is_everybodys_own
from experiment_setup.facts.written import at_offset
from experiment_setup.light import dataclass
from experiment_setup.location import Location
from experiment_setup.nodes import Steps
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document


@dataclass(frozen=True)
class Refused:
    """One mistake that Hydra ends with: why, for which choices, and where it is written."""

    failure: Failure
    outcome: Composition
    location: Location
    beside: Mapping[str, str | None] = field(default_factory=dict)  # with which it composes

    @property
    def steps(self) -> list[str]:
        """The key in the config: as the error names it, or, where that is not all of it, as it stands in the file."""
        failure = self.failure
        named = failure.named_steps
        if failure.steps and named[-len(failure.steps) :] != failure.steps:
            named = (*(failure.config or "").split("/")[:-1], *failure.steps)
        return [str(step) for step in named]

    @property
    def of_a_key(self) -> bool:
        """Whether a key is refused that the schema does not have."""
        return isinstance(self.failure.refusal, UnknownKey) and bool(self.steps)

    @property
    def of_a_value(self) -> bool:
        """Whether a value is refused that the field does not take."""
        return isinstance(self.failure.refusal, WRONG) and bool(self.steps)

    @property
    def chosen(self) -> str:
        """What was chosen, as it is typed."""
        return " ".join(f"{group}={name}" for group, name in self.outcome.choices.items() if name)


@once
def refusals(context: ExperimentContext) -> list[Refused]:
    """All that Hydra refuses, whatever is chosen.

    Hydra stops at the first mistake; here all of them are named, each as Hydra would once those before it are mended.
    """
    if context.experiment.entry is None or any(problem.fatal for problem in context.schema.problems):
        return []
    if not context.experiment.has_config:
        stored = context.schema.registration(None, context.experiment.config_name)
        if stored is None and context.experiment.entry is not None:
            return []  # config-not-found
    default = context.compositions.at()
    failing = list(context.composer.failures(default))
    known = set(failing)
    missing = [failure.refusal.config for failure in failing[:1] if isinstance(failure.refusal, NotFound)]
    replaced = any(is_never_meant(context, config.rpartition("/")[0]) for config in missing)  # ES124 says it
    always = [failure for failure in failing if not (replaced or _is_no_mistake(context, failure))]
    found = [Refused(failure, default, _place(context, failure, None)) for failure in always]
    if context.compositions.required and not always:  # what fails whatever else is chosen is said once
        base = context.compositions.base
        wrong = [failure for failure in context.composer.failures(base) if not _is_no_mistake(context, failure)]
        found += [Refused(failure, base, _place(context, failure, None)) for failure in wrong]
        known.update(wrong)
    broken: set[tuple[str, str]] = set()
    for option, outcome in chosen_options(context):
        alone = context.compositions.alone(outcome)
        if alone is not None and alone.failure is not None and not _is_of_a_sibling(context, alone.failure):
            beside = {key: name for key, name in outcome.choices.items() if key not in alone.choices}
            found.append(Refused(alone.failure, alone, _place(context, alone.failure, option), beside))
        for failure in context.composer.failures(outcome, failing):
            if isinstance(failure.refusal, AddedTwice) and failure.refusal.group == option.group:
                continue  # others add to the group: such a choice is left to the lists
            if failure not in known and not (_is_no_mistake(context, failure) or _is_of_a_sibling(context, failure)):
                broken.add((option.group, option.name))
                place = _place(context, failure, option)
                inherited = isinstance(failure.refusal, NotFound) and place.path != option.path
                if place == Location(option.path) and _is_missing_choice(context, failure):
                    continue  # ES124 says it
                if not (inherited and any(one.location == place for one in found)):  # others inherit it as well
                    found.append(Refused(failure, outcome, place))
    if always or not context.compositions.crosses:
        return found
    for parameter_set in context.options.sets:
        for environment in context.options.environments:
            if (SETS, parameter_set) in broken or (ENVIRONMENTS, environment) in broken:
                continue
            outcome = context.compositions.at(parameter_set, environment)
            for failure in context.composer.failures(outcome):
                if not _is_no_mistake(context, failure):
                    place = _place(context, failure, context.options.sets[parameter_set])
                    found.append(Refused(failure, outcome, place))
    return found


def _is_missing_choice(context: ExperimentContext, failure: Failure) -> bool:
    return isinstance(failure.refusal, NotFound) and failure.refusal.config in context.compositions.missing_choices


def refused_at(context: ExperimentContext, location: Location) -> bool:
    """Whether Hydra refuses the key or the value at a place."""
    return any(one.location == location and (one.of_a_key or one.of_a_value) for one in refusals(context))


def chosen_options(context: ExperimentContext) -> Iterator[tuple[Option, Composition]]:
    """Every option, chosen; of a group with several places, an option may be meant for one of them."""
    for option in (*context.options.all(), *context.options.added):
        yield option, context.compositions.of_option(option)
    for group, keys in chosen_keys(context).items():
        for option in context.options.of_group(group):
            outcomes = (context.compositions.choosing(key, option.name) for key in keys)  # no more than are needed
            first = next(outcomes)
            works = first if first.failure is None else next((one for one in outcomes if one.failure is None), first)
            yield option, works


def chosen_keys(context: ExperimentContext) -> dict[str, list[str]]:
    """How the options of a group are chosen that config.yaml puts elsewhere."""
    found: dict[str, list[str]] = {}
    for placed in context.options.placed:
        if placed.is_typed:
            found.setdefault(placed.group, []).append(placed.key)
    return found


def _is_no_mistake(context: ExperimentContext, failure: Failure) -> bool:
    """Whether a run has to choose, or what is not found may be stored by code that is not followed, or in time
    for a compose of the code's own (ES307)."""
    if isinstance(failure.refusal, (NotFound, NotOverridable)) and context.code.unread_registrations:
        return True
    if isinstance(failure.refusal, NotFound) and context.code.stores_in_a_function(failure.refusal.config):
        return True
    if isinstance(failure.refusal, UnknownResolver) and failure.refusal.name in context.code.resolvers:
        return True  # the code registers it, where the folder of a run is named with it
    if context.compositions.waits_for_a_choice(failure.refusal):
        return True
    if isinstance(failure.refusal, NotFound):
        missing = failure.refusal.config
        if is_everybodys_own(context, missing) or _is_replaced_default(context, missing):  # ES124 says the latter
            return True
    if isinstance(failure.refusal, AddedTwice) and failure.refusal.group in context.compositions.required:
        return True  # the option was not meant to be chosen by hand, and which one is, the user knows
    if isinstance(failure.refusal, NotOverridable) and failure.config is None:
        # What is chosen stands in a list, so that this is not how it is chosen, but for a set that no list has.
        return failure.refusal.group.partition("@")[0] not in (SETS, ENVIRONMENTS)
    if isinstance(failure.refusal, UnresolvedOption):
        written, required = failure.refusal.written, context.compositions.required
        replaced = any(placed.option == written and placed.key in required for placed in context.options.choices)
        return replaced or written.strip("${} ") in required
    return isinstance(failure.refusal, NotChosen)


def _is_replaced_default(context: ExperimentContext, config: str) -> bool:
    """Whether the config that is not there is what config.yaml chooses from a group, and each run chooses another."""
    group, _, name = config.rpartition("/")
    return context.options.groups.get(group) == name and is_never_meant(context, group)


def is_never_meant(context: ExperimentContext, group: str) -> bool:
    """Whether what config.yaml chooses from a group is replaced in each run: by the sets, or on the command line."""
    return is_chosen_by_sets(context, group) or context.is_always_typed(group)


def is_chosen_by_sets(context: ExperimentContext, group: str) -> bool:
    """Whether parameter sets choose an option of the group, of which the config names one that is not there, so that it
    composes with them: then nobody runs it without. That the sets of the group itself do says nothing.
    """
    others = islice(_sets_beside(context, group), _MOST_TRIED)
    return any(context.compositions.of_option(option).failure is None for option in others)


_MOST_TRIED = 10


@once
def works_as_guides_say(context: ExperimentContext) -> bool:
    """Whether each command of the guides chooses options with which the config composes, so that nobody runs it without
    them.
    """
    typed = context.typed_choices
    return bool(typed) and all(choices and context.compositions.of(choices).failure is None for choices in typed)


def is_always_completed(context: ExperimentContext, option: Option) -> bool:
    """Whether whoever meets an option replaces what it names and there is not: a parameter set that chooses it, or,
    where config.yaml does, each command of the guides.
    """
    is_default = context.options.groups.get(option.group) == option.name
    return _works_in_a_set(context, option) or (is_default and works_as_guides_say(context))


def _works_in_a_set(context: ExperimentContext, option: Option) -> bool:
    choosing = (
        one
        for one in _sets_beside(context, option.group)
        if (option.group, option.name) in context.options.chosen_again({one.key: one.name})
    )
    return any(context.compositions.of_option(one).failure is None for one in choosing)


def _sets_beside(context: ExperimentContext, group: str) -> Iterator[Option]:
    """The parameter sets of other groups than this one."""
    options = context.options
    sets = (*options.sets.values(), *options.root_sets, *(one for one in options.added_sets if one.key == one.group))
    return (option for option in sets if option.group != group)


def _is_of_a_sibling(context: ExperimentContext, failure: Failure) -> bool:
    """Whether an option chooses again in a group that another primary config of the folder lists, and this one not.

    It is meant for that one then.
    """
    group = failure.refusal.group.partition("@")[0] if isinstance(failure.refusal, NotOverridable) else None
    return group is not None and context.options.is_of_a_sibling(group)


def _place(context: ExperimentContext, failure: Failure, option: Option | None) -> Location:
    """Where the mistake is written: at the key in the file that Hydra was merging, else at the option."""
    if failure.path is not None:
        file = context.composer.document(failure.path)
        return file.value(failure.steps) if isinstance(failure.refusal, WrongValue) else file.key(failure.steps)
    options = (option for known in context.options.by_group.values() for option in known.values())
    documents = {o.config_path: (o.group, o.document) for o in (*options, *context.options.added)}
    config = (failure.config or "").removesuffix(".yaml")
    group, document = documents.get(config, (None, None))
    if document is None and isinstance(failure.refusal, NotFound):
        for included in context.options.included:
            for entry in entries.entries(included):
                if entry.is_plain and (entry.option or "").removesuffix(".yaml") == failure.refusal.config:
                    return included.value(["defaults", entry.index])
    if document is None:
        whole = context.options.primary_lineage
        group, document = "", next((one for one in whole if _config_path(context, one.path) == config), None)
    if document is not None and isinstance(failure.refusal, OverrideTooEarly):
        return _first_override(document)
    if document is not None and failure.key:
        path = failure.named_steps
        if group and path and path[0] == group:
            path = path[1:]
        return document.value(path) if isinstance(failure.refusal, WrongValue) else document.key(path)
    if isinstance(failure.refusal, NoHeader):
        return _comment_at_fault(context, failure.refusal.comment) or Location(
            (document or context.options.primary).path
        )
    if document is not None and group and isinstance(failure.refusal, NotFound):
        named = _entry_naming(context, document, group, failure.refusal.config, failure)
        if named is not None:
            return named
    if option is not None:
        return _entry_at_fault(context, option, failure)
    if isinstance(failure.refusal, NotFound):
        for entry in entries.of_primary(context):
            follows = "${" in (entry.option or "") and isinstance(entry.value, dict)
            if follows and failure.refusal.config.startswith(f"{(entry.group or '').lstrip('/')}/"):
                return context.options.primary.value(["defaults", entry.index, next(iter(entry.value))])
    document = document or context.options.primary
    written = failure.refusal.written if isinstance(failure.refusal, UnresolvedOption) else None
    at = document.text_or_empty.find(written) if written else -1
    return at_offset(document, at) if at >= 0 else Location(document.path)


def _comment_at_fault(context: ExperimentContext, comment: str) -> Location | None:
    """The line that Hydra takes for a header, in the file of an option or in the primary config."""
    options = (o.document for known in context.options.by_group.values() for o in known.values())
    added = (option.document for option in context.options.added)
    for document in (*context.options.primary_lineage, *options, *added):
        if any(line.lstrip("# \t") == comment for line in document.header_lines):
            lines = (line.strip().lstrip("# \t") for line in document.text.splitlines())
            begins = (at for at, text in enumerate(lines, 1) if text.startswith(comment))  # a long one is cut
            return Location(document.path, next(begins, 1))
    return None


def _config_path(context: ExperimentContext, path: Path) -> str:
    """What Hydra calls a file: its path in the config folder, without the suffix."""
    root = context.experiment.config_dir
    return path.relative_to(root).with_suffix("").as_posix() if path.is_relative_to(root) else str(path)


def _first_override(document: Document) -> Location:
    """The first `override` of a list in which others stand below it."""
    found = entries.entries(document)
    early = next((entry for entry in found if "override" in entry.keywords), None)
    return Location(document.path) if early is None else document.value(["defaults", early.index])


def _entry_at_fault(context: ExperimentContext, option: Option, failure: Failure) -> Location:
    """The entry that Hydra was about in the option's defaults list, or that of what it inherits; else the file."""
    match failure.refusal:
        case NotFound(config=wanted):
            pass
        case NotOverridable(group=group):
            wanted = group.partition("@")[0]
        case _:
            wanted = failure.config or ""
    if not wanted or wanted == option.config_path:
        return Location(option.path)
    named = (
        _entry_naming(context, document, option.group, wanted, failure) for document in context.options.lineage(option)
    )
    return next(filter(None, named), Location(option.path))


def _entry_naming(
    context: ExperimentContext, document: Document, own: str, wanted: str, failure: Failure
) -> Location | None:
    """The entry of a file's defaults list that names a config or a group; `own`: the group that the file belongs to."""
    folder = document.path.parent.relative_to(context.experiment.config_dir).as_posix()
    for entry, option, below in _single_entries(document):
        path = "/".join(part for part in (entry.group, option) if part)
        group = (entry.group or "").lstrip("/")
        meant = [path.lstrip("/"), f"{own}/{path}", f"{folder}/{path}", group]
        if isinstance(failure.refusal, NotOverridable):  # Hydra 1.4 takes `model: im2im/mae` for `model/im2im: mae`
            meant.append(path.lstrip("/").rpartition("/")[0])
        if path and wanted in meant:
            return document.value(["defaults", entry.index, *below])
    return None


def _single_entries(document: Document) -> Iterator[tuple[entries.Entry, str | None, Steps]]:
    """Each entry of a file's defaults list with its option, those of a list one by one, and where below it stands."""
    for entry in entries.entries(document):
        options = next(iter(entry.value.values()), None) if isinstance(entry.value, dict) else None
        if isinstance(options, list):
            key = str(next(iter(entry.value)))
            yield from ((entry, str(option), (key, number)) for number, option in enumerate(options))
        else:
            yield entry, entry.option, ()
