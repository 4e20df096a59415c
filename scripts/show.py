# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Show the composed config of an experiment, each value with where it comes from and what it replaced."""

import os
import sys

sys.path.insert(0, __file__.rpartition(os.sep)[0])  # it is not there with PYTHONSAFEPATH or `python -I`
from experiment_setup import isolation

isolation.isolate()  # before anything else is imported

from collections.abc import Sequence
from pathlib import Path

from experiment_setup import cli

EXAMPLES = """
  show.py 001                              the defaults, each with its place
  show.py 001 002 env=local                parameter set 002 in the environment local
  show.py 001 exp=002 exp.seed=7 --only-changed     what differs from the defaults, and where that is written
  show.py 001 exp=002 --explain learning_rate       one value: where it is set, and all that it replaced there
  show.py 001 exp=002 --format yaml        what `python train.py --cfg job exp=002` prints, byte for byte
  show.py 001 exp=002 --format yaml --package exp --resolve
  show.py --run output/001-baseline/002 --format table   what a run had, and what would be another value now
  show.py 001 --fields                     what can be set at all: groups, options, fields with types and defaults
"""


def main(argv: "Sequence[str]") -> int:
    """Show it; 2 where Hydra does not compose it."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="EXPERIMENT SET key=value",
        help="the experiment; a parameter set; options and overrides as on the command line of train.py",
    )
    parser.add_argument(
        "--format", choices=("table", "yaml", "json"), help="default: table on a terminal, yaml elsewhere"
    )
    parser.add_argument("--explain", metavar="KEY", help="one value, or all values below a key, with the whole chain")
    parser.add_argument("--only-changed", action="store_true", help="leave out what is as the defaults say")
    parser.add_argument("--resolve", action="store_true", help="show the values of interpolations, as Hydra does")
    parser.add_argument("--package", metavar="KEY", help="one part of the config, such as exp")
    parser.add_argument("--fields", action="store_true", help="what can be set at all, and where it is set and read")
    parser.add_argument(
        "--run",
        type=Path,
        metavar="FOLDER",
        help="the config that a run saved there, and which values would be others now",
    )
    arguments = vars(cli.parse(parser, argv))
    as_json = arguments.pop("json")
    if as_json:
        arguments["format"] = "json"
    arguments["format"] = arguments["format"] or ("table" if sys.stdout.isatty() else "yaml")

    from experiment_setup.showing import request, shown

    return cli.show(shown.show(request.Request(**arguments)), as_json=arguments["format"] == "json")


if __name__ == "__main__":
    sys.exit(cli.run(main))
