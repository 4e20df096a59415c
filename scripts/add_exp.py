# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Add parameter sets to an experiment: the next exp/NNN.yaml with only what differs, a file for each combination."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from experiment_setup import cli
from experiment_setup.errors import CommandError

EXAMPLES = """
  add_exp.py 001 learning_rate=1e-5                     one file
  add_exp.py 001 learning_rate=1e-5,3e-5 batch_size=8,16    four files
  add_exp.py 001 'fold=[0,1,2]' seed=1                  a list is one value
  add_exp.py 001 epochs=10 --from 002                   on top of another parameter set
  add_exp.py 001 optimizer.lr=1e-3 --name small-lr      a nested field; words for the name
  add_exp.py 001 'notes="a = b, with spaces"'           a text in Hydra's quotes
"""


def main(argv: Sequence[str]) -> int:
    """Write the files; 0 also where all of them were there already."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument("words", nargs="*", metavar="EXPERIMENT key=value", help="the experiment, then what differs")
    parser.add_argument("--name", metavar="SLUG", help="words for the new set's name (default: what it changes)")
    parser.add_argument("--from", dest="base", metavar="SET", help="inherit from this parameter set")
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    arguments = cli.parse(parser, argv)

    from experiment_setup import naming, schema
    from experiment_setup.commands import next_commands
    from experiment_setup.composing.compose import Composer
    from experiment_setup.project import SETS, Project, option_name, split_experiment
    from experiment_setup.reading import overrides
    from experiment_setup.writing import outcomes
    from experiment_setup.writing.new_option import OptionWriter

    name, assignments = split_experiment(arguments.words)
    if not assignments:
        raise CommandError("no key=value was given", f"say what differs: add_exp.py {name or '001'} learning_rate=1e-5")
    if arguments.name is not None and not naming.slug(arguments.name):
        raise CommandError(f"--name {arguments.name!r} has no letters or digits", "give words such as small-lr")
    project = Project.locate(arguments.root)
    experiment = project.experiment(name)
    if experiment.entry is None:
        raise CommandError(
            f"{project.relative(experiment.folder)} has no entry point with @hydra.main", "add train.py first"
        )
    composer = Composer(experiment, schema.read(experiment.entry, project.root), project.root)
    outcome = OptionWriter(experiment, composer, SETS).add_sets(
        overrides.points(overrides.parse(assignments)),
        slug=arguments.name,
        base=option_name(arguments.base, SETS) if arguments.base else None,
        dry_run=arguments.dry_run,
    )
    shown = [option.option for option in outcome.created] or [option for option, _ in outcome.existing]
    following = next_commands(project, experiment, shown)
    if arguments.json:
        cli.print_json(outcomes.data(project, outcome, following, dry_run=arguments.dry_run))
    else:
        outcomes.print_text(project, outcome, following, SETS, dry_run=arguments.dry_run)
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
