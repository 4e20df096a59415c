# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Start a new experiment: code and config of the latest one (or of the template) under a new name and number."""

import os
import sys

sys.path.insert(0, __file__.rpartition(os.sep)[0])  # it is not there with PYTHONSAFEPATH or `python -I`
from experiment_setup import isolation

isolation.isolate()  # before anything else is imported

from collections.abc import Sequence

from experiment_setup import cli
from experiment_setup.writing import tracker

EXAMPLES = """
  new_experiment.py larger-model                         the next number, from the latest experiment
  new_experiment.py 002-larger-model batch_size=8 epochs=5    with a first parameter set exp/001.yaml
  new_experiment.py distill --from 001                   from another experiment
  new_experiment.py baseline --template                  from the template (also where there is no experiment yet)
  new_experiment.py baseline --bare --field lr=1e-3 --field 'fold=[0,1]' lr=3e-4    with parameters of your own
  new_experiment.py baseline --default seed=7 --env local:output_dir=output/x       other defaults; another machine
  new_experiment.py baseline --tracker wandb             whose runs go to Weights & Biases (or: mlflow, none)
  new_experiment.py baseline --notebook                  with notebooks/001-baseline.ipynb to look at its configs
"""


def main(argv: "Sequence[str]") -> int:
    """Make the folder, or nothing."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument("words", nargs="*", metavar="NAME key=value", help="the name, then what the first set changes")
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument("--from", dest="source", metavar="EXPERIMENT", help="copy this one (default: the latest)")
    origin.add_argument("--template", action="store_true", help="start from the template")
    parser.add_argument("--bare", action="store_true", help="the template without its toy training")
    parser.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME[:TYPE]=VALUE",
        help="give the parameters (or with env.NAME the machine's values) a field with this default (repeatable)",
    )
    parser.add_argument(
        "--default", action="append", default=[], metavar="KEY=VALUE", help="change a default (repeatable)"
    )
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,…]",
        help="make env/NAME.yaml with these differences, or without any to fill in (repeatable)",
    )
    parser.add_argument(
        "--tracker",
        choices=tracker.CHOICES,
        help="where runs are logged (default: as in the experiment it is made from; the template has none)",
    )
    parser.add_argument("--notebook", action="store_true", help="add a notebook and its loader in notebooks/")
    parser.add_argument("--dry-run", action="store_true", help="say what would be made, make nothing")
    arguments = cli.parse(parser, argv)

    from experiment_setup.writing.new_folder import ExperimentRequest, start

    request = ExperimentRequest(
        words=arguments.words,
        root=arguments.root,
        source=arguments.source,
        from_template=arguments.template,
        environments=arguments.env,
        tracker=arguments.tracker,
        notebook=arguments.notebook,
        dry_run=arguments.dry_run,
        bare=arguments.bare,
        fields=arguments.field,
        defaults=arguments.default,
    )
    return cli.show(start(request), as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(cli.run(main))
