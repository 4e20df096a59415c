"""Options of further groups that go together: what one of them lacks, another one may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from omegaconf import DictConfig

from experiment_setup import files, nodes
from experiment_setup.composing.compose import UnusableValue
from experiment_setup.composing.refusals import NoSuchTarget
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.project import ENVIRONMENTS, SETS

_DEEP = 10  # folders in folders: no options lie deeper, but a link may lead back up


def other_group(context: ExperimentContext, chosen: Mapping[str, str | None], bad: UnusableValue) -> str | None:
    """The further group, beside the one that is chosen, whose options the value depends on; None if there is none.

    That is the group that the value belongs to, if it is another one, else the group that it refers to. A key that the
    chosen option has but for one letter was meant to be there.
    """
    if not isinstance(bad.refusal, NoSuchTarget) or not chosen.keys().isdisjoint((SETS, ENVIRONMENTS)):
        return None
    taken = chosen.keys() | context.compositions.covered(chosen)
    owner, (target, *inner) = nodes.top(bad.key), nodes.names(bad.refusal.key)
    known = {*context.options.further_groups, ENVIRONMENTS} & context.options.groups.keys()
    if _is_whatever_is_chosen(context, chosen, bad):
        return str(target) if target in known - {owner} - taken else None
    group = owner if owner in context.options.further_groups and owner not in taken else target
    if group in taken or group not in known:  # the value may stand in a group with a place of its own
        file = context.compositions.written_with(bad.key, chosen).path
        group = context.options.group_of(file) or group
        known |= {placed.group for placed in context.options.placed if placed.key == placed.group}
    if group in taken or group not in known:
        group = next((other for other in _writing(context, str(target)) if other not in taken), "")
    if not group:
        return None
    config = context.compositions.of(chosen).config
    near = nodes.child(config, target) if target in chosen and len(inner) == 1 else None
    typo = isinstance(near, DictConfig) and any(entries.one_letter_away(inner[0], str(key)) for key in near)
    return None if typo else group


def _is_whatever_is_chosen(context: ExperimentContext, chosen: Mapping[str, str | None], bad: UnusableValue) -> bool:
    """Whether the value is as bad with each option of the group: the chosen one has nothing to do with it.

    Where the config composes with no choice at all, that has shown such a value already.
    """
    if context.compositions.at().config is not None:
        return False
    others = [
        _open_values(context, {group: other})
        for group, option in chosen.items()
        for other in context.options.by_group.get(group, ())
        if other != option
    ]
    composed = [found for found in others if found is not None]
    return bool(composed) and all(bad.key in found for found in composed)


def _open_values(context: ExperimentContext, chosen: Mapping[str, str | None]) -> list[str] | None:
    """The keys of the values that fail with a choice when they are read; None where it does not compose."""
    outcome = context.compositions.of(chosen)
    if outcome.config is None:
        return None
    return [value.key for value in outcome.unusable_values(context.code.resolvers) if not value.missing]


def _writing(context: ExperimentContext, key: str) -> Iterator[str]:
    """The groups with an option that writes a key at the root of the config."""
    for placed in context.options.choices:
        options = context.options.by_group[placed.group].values()
        if any(option.package(placed.package) == () and option.document.has([key]) for option in options):
            yield placed.group


def fits(context: ExperimentContext, chosen: Mapping[str, str | None], bad: UnusableValue, group: str) -> bool:
    """Whether the value, or all of its group, resolves with another option of `group`."""
    owner = nodes.top(bad.key)
    place = owner if group == owner else bad.key
    for option in _options(context, group):
        found = _open_values(context, {**chosen, group: option})
        if found is not None and not any(f"{key}.".startswith(f"{place}.") for key in found):
            return True
    return False


def _options(context: ExperimentContext, group: str) -> Iterator[str]:
    """The options of a group, those in folders below it too: such a folder is a group of its own to Hydra."""
    yield from context.options.by_group[group]
    folder = context.experiment.group_dir(group)
    inner = (path for path in files.in_folders(folder, _DEEP) if path.suffix == ".yaml")
    yield from (path.relative_to(folder).with_suffix("").as_posix() for path in inner)
