# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Start a new experiment: code and config of the latest one (or of the template) under a new name and number."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from experiment_setup import cli
from experiment_setup.errors import CommandError
from experiment_setup.writing import tracker

EXAMPLES = """
  new_experiment.py larger-model                         the next number, from the latest experiment
  new_experiment.py 002-larger-model batch_size=8 epochs=5    with a first parameter set exp/001.yaml
  new_experiment.py distill --from 001                   from another experiment
  new_experiment.py baseline --template                  from the template (also where there is no experiment yet)
  new_experiment.py baseline --env local --env runpod    with env/local.yaml and env/runpod.yaml to fill in
  new_experiment.py baseline --tracker wandb             whose runs go to Weights & Biases (or: mlflow, none)
  new_experiment.py baseline --notebook                  with notebooks/001-baseline.ipynb to look at its configs
"""


def main(argv: Sequence[str]) -> int:
    """Make the folder, or nothing."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument("words", nargs="*", metavar="NAME key=value", help="the name, then what the first set changes")
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument("--from", dest="source", metavar="EXPERIMENT", help="copy this one (default: the latest)")
    origin.add_argument("--template", action="store_true", help="start from the template")
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME", help="make sure that env/NAME.yaml is there (repeatable)"
    )
    parser.add_argument(
        "--tracker",
        choices=tracker.CHOICES,
        help="where runs are logged (default: as in the experiment it is made from; the template has none)",
    )
    parser.add_argument("--notebook", action="store_true", help="add a notebook and its loader in notebooks/")
    parser.add_argument("--dry-run", action="store_true", help="say what would be made, make nothing")
    arguments = cli.parse(parser, argv)

    from experiment_setup.project import Project
    from experiment_setup.reading import overrides
    from experiment_setup.writing import new_folder, outcomes

    names = [word for word in arguments.words if "=" not in word]
    assignments = [word for word in arguments.words if "=" in word]
    if len(names) != 1:
        got = " ".join(names) or "none"
        raise CommandError(f"expected one NAME, got {got}", "for example: new_experiment.py larger-model batch_size=8")
    project = Project.locate(arguments.root)
    source = None
    if arguments.source:
        source = project.experiment(arguments.source)
    elif not arguments.template:
        source = project.latest()
    made = new_folder.make(
        project,
        names[0],
        source=source,
        assignments=overrides.parse(assignments),
        environments=arguments.env,
        tracked_by=arguments.tracker,
        with_notebook=arguments.notebook,
        dry_run=arguments.dry_run,
    )
    if arguments.json:
        cli.print_json(outcomes.experiment_data(project, made, dry_run=arguments.dry_run))
    else:
        outcomes.print_experiment(project, made, dry_run=arguments.dry_run)
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
