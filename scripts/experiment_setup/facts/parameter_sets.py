"""The parameter sets of an experiment, each with the choices that it stands for."""

from __future__ import annotations

from collections.abc import Sequence

from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.project import ENVIRONMENTS, SETS

Chosen = dict[str, str]  # config group -> option


def by_name(context: ExperimentContext) -> dict[str, Chosen]:
    """Those that are files, those that are stored, and those that are added or written from the root."""
    found = {name: {SETS: name} for name in [*context.options.sets, *_stored(context)]}
    for option in (*context.options.root_sets, *context.options.added_sets):
        found.setdefault(option.name, {option.key: option.name})
    return found


def that_are_files(context: ExperimentContext) -> list[Chosen]:
    """The choices of those that are files."""
    stored = _stored(context)
    return [chosen for name, chosen in by_name(context).items() if name in context.options.sets or name not in stored]


def in_each_environment(
    context: ExperimentContext, named: Sequence[str] | None = None, *, and_without: bool = False
) -> list[Chosen]:
    """Each set that is a file in each environment, or in the `named` ones; an experiment without sets as it is, and
    another one too with `and_without`.
    """
    names = context.options.environments if named is None else named
    environments: list[Chosen] = [*[{}][: named is None], *({ENVIRONMENTS: name} for name in names)]
    found = that_are_files(context)
    sets = found if found and not and_without else [{}, *found]
    return [{**chosen, **environment} for chosen in sets for environment in environments]


def _stored(context: ExperimentContext) -> set[str]:
    return {known.name for known in context.schema.registrations if known.group == SETS}
