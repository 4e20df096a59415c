"""The configs that are compared, each as a row: every parameter set, or those that were named, with its options."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from experiment_setup import schema
from experiment_setup.comparing.comparison import Row
from experiment_setup.comparing.selection import Selection
from experiment_setup.composing.compose import Composer
from experiment_setup.facts import parameter_sets
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.light import dataclass
from experiment_setup.project import ENVIRONMENTS, Experiment, Project
from experiment_setup.showing import values


@dataclass(frozen=True)
class Configs:
    """The rows of one experiment, and the parameter sets that it has."""

    rows: Sequence[Row]
    sets: Sequence[str]


def context_of(project: Project, experiment: Experiment, *, read: bool = True) -> ExperimentContext:
    """What is asked of an experiment; without `read`, its code is passed over: it knows its files, composes nothing.

    Raises OSError where it cannot be looked into.
    """
    if experiment.closed is not None:
        raise experiment.closed
    code = experiment.entry if read else None
    found = schema.read(code, project.root) if code else schema.empty(experiment.config_file)
    return ExperimentContext(project, experiment, found, Composer(experiment, found, project.root))


def of(context: ExperimentContext, selection: Selection, *, environments: bool = False) -> Configs:
    """The rows of the experiment; with `environments`, of each parameter set in each environment."""
    sets = parameter_sets.by_name(context)
    options = dict(selection.options)
    if environments and ENVIRONMENTS not in options and context.options.environments:
        options[ENVIRONMENTS] = ["", *context.options.environments]
    chosen = (
        [sets[name] for name in selection.sets if name in sets]
        if selection.sets
        else parameter_sets.that_are_files(context)
    )
    if not selection.sets and not chosen:
        chosen = [{}]
    defaults = values.by_key(context.compositions.of({}))
    where = context.relative(context.experiment.folder)
    rows = []
    for choices in with_options(chosen, options):
        outcome = context.compositions.of(dict(choices))
        refused = outcome.failure.refusal.words if outcome.failure is not None else None
        rows.append(Row(where, choices, values.by_key(outcome), defaults, refused))
    return Configs(rows, list(sets))


def with_options(sets: Sequence[dict[str, str]], options: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    """Each set with each combination of the options, once; "" leaves a group at its default.

    The options may be of the very group that the sets are of.
    """
    named = [[(group, name) for name in names] for group, names in options.items()]
    given = set[frozenset[tuple[str, str]]]()
    for choices in sets:
        for more in itertools.product(*named):
            chosen = {**choices, **{group: name for group, name in more if name}}
            if frozenset(chosen.items()) not in given:
                given.add(frozenset(chosen.items()))
                yield chosen
