# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Add parameter sets to an experiment: the next exp/NNN.yaml with only what differs, a file for each combination."""

import os
import sys

sys.path.insert(0, __file__.rpartition(os.sep)[0])  # it is not there with PYTHONSAFEPATH or `python -I`
from experiment_setup import isolation

isolation.isolate()  # before anything else is imported

from collections.abc import Sequence
from pathlib import Path

from experiment_setup import cli

EXAMPLES = """
  add_exp.py 001 learning_rate=1e-5                     one file
  add_exp.py 001 learning_rate=1e-5,3e-5 batch_size=8,16    four files
  add_exp.py 001 'fold=[0,1,2]' seed=1                  a list is one value
  add_exp.py 001 epochs=10 --from 002                   on top of another parameter set
  add_exp.py 001 optimizer.lr=1e-3 --name small-lr      a nested field; words for the name
  add_exp.py 001 model=large +trainer.clip=1            in plain YAML: an option of another group, a key that is new
  add_exp.py 001 --from-run output/001-baseline/001-seed-7     the set that gives what that run had
  add_exp.py 001 'notes="a = b, with spaces"'           a text in Hydra's quotes
"""


def main(argv: "Sequence[str]") -> int:
    """Write the files; 0 also where all of them were there already."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument("words", nargs="*", metavar="EXPERIMENT key=value", help="the experiment, then what differs")
    parser.add_argument("--name", metavar="SLUG", help="words for the new set's name (default: what it changes)")
    parser.add_argument("--from", dest="base", metavar="SET", help="inherit from this parameter set")
    parser.add_argument(
        "--from-run", type=Path, metavar="FOLDER", help="the values that a run had, from what it saved there"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    arguments = cli.parse(parser, argv)

    from experiment_setup.writing.adding import SetsRequest, add_sets

    words, run = arguments.words, arguments.from_run
    request = SetsRequest(words, arguments.root, arguments.name, arguments.base, arguments.dry_run, run)
    return cli.show(add_sets(request), as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(cli.run(main))
