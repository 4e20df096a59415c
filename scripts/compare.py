# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Compare parameter sets: what differs between their composed configs, or from what they were."""

import os
import sys

sys.path.insert(0, __file__.rpartition(os.sep)[0])  # it is not there with PYTHONSAFEPATH or `python -I`
from experiment_setup import isolation

isolation.isolate()  # before anything else is imported

from collections.abc import Sequence
from pathlib import Path

from experiment_setup import cli, command_line

EXAMPLES = """
  compare.py 001                           all parameter sets of an experiment, the values in which they differ
  compare.py 001 001 003                   two of them: a diff; one alone is compared with the defaults
  compare.py                               every set of every experiment
  compare.py 001-baseline 002-larger exp=001        the same set of two experiments
  compare.py 001 --where 'learning_rate<1e-4' --where optimizer=adamw --sort -batch_size
  compare.py 001 --runs --sort -accuracy   which sets have run, with which result, and whether they were changed since
  compare.py --since                       what your changes change, since the last commit
  compare.py 001 --since main --exit-code --format github       in a workflow: notes on the lines of a pull request
  compare.py 001 --runs --format html > sets.html        a page to sort, filter and plot, in one file
  compare.py 001 --format csv > sets.csv   each cell is YAML, an empty one is a key that is not there
"""


def main(argv: "Sequence[str]") -> int:
    """Print the comparison; 1 with --exit-code if there are differences."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="EXPERIMENT SET",
        help="experiments (all), each with the parameter sets behind it (all) and options such as env=local",
    )
    parser.add_argument("--all", action="store_true", help="every value, not only those that differ")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="only configs in which 'KEY<VALUE' holds (or <= > >= = !=); several: all of them",
    )
    parser.add_argument("--sort", action="append", default=[], metavar="KEY", help="-KEY: the largest first")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="KEY",
        help="leave out a value, or all below it; name, notes and env are left out unless --all, --where or --sort ask",
    )
    parser.add_argument(
        "--since",
        nargs="?",
        const="HEAD",
        metavar="REF",
        help="which composed configs changed since that commit (HEAD: what the working tree changes), and why",
    )
    parser.add_argument(
        "--runs",
        action="store_true",
        help="every set in every environment with its run: not run, running, done, failed, stale; and the results",
    )
    parser.add_argument(
        "--results", type=Path, metavar="CSV", help="scores beside the configs: a column exp (or exp.name), and others"
    )
    parser.add_argument("--exit-code", action="store_true", help="1 if anything differs")
    parser.add_argument(
        "--format",
        choices=("table", "markdown", "csv", "json", "html", "github"),
        default="table",
        help="default: table; github: annotations of --since",
    )

    arguments = vars(cli.parse(parser, command_line.attached(argv, "--sort")))
    if arguments.pop("json"):
        arguments["format"] = "json"

    from experiment_setup.comparing import compared

    return cli.show(compared.compare(compared.Request(**arguments)), as_json=arguments["format"] == "json")


if __name__ == "__main__":
    sys.exit(cli.run(main))
