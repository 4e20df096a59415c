# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Say which jobs of a sweep (`train.py -m …`) are done, failed, unknown or missing, and how to run only the rest."""

import os
import sys

sys.path.insert(0, __file__.rpartition(os.sep)[0])  # it is not there with PYTHONSAFEPATH or `python -I`
from experiment_setup import isolation

isolation.isolate()  # before anything else is imported

from collections.abc import Sequence
from pathlib import Path

from experiment_setup import cli

EXAMPLES = """
  sweep_status.py output/001-baseline/multirun/20260301-101500
  sweep_status.py output/001-baseline/multirun/20260301-101500 --ended    it was killed: nothing in it runs any more
  sweep_status.py output/001-baseline/multirun/20260301-101500 --json | jq -r '.rerun[]' | sh
"""


def main(argv: "Sequence[str]") -> int:
    """Read the folder; 1 if not every job is done."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the sweep's folder: it holds multirun.yaml")
    parser.add_argument(
        "--ended", action="store_true", help="what says it is running was killed: count it as failed, run it again"
    )
    arguments = cli.parse(parser, argv)

    from experiment_setup.runs.status import status

    return cli.show(status(arguments.root, arguments.folder, ended=arguments.ended), as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(cli.run(main))
