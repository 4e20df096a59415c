# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Add an environment to an experiment: env/NAME.yaml with only what differs on that machine."""

import os
import sys

sys.path.insert(0, __file__.rpartition(os.sep)[0])  # it is not there with PYTHONSAFEPATH or `python -I`
from experiment_setup import isolation

isolation.isolate()  # before anything else is imported

from collections.abc import Sequence

from experiment_setup import cli

EXAMPLES = """
  add_env.py 001 local base_model=Qwen/Qwen3-4B-Instruct-2507 model_output_dir=output/001-baseline
  add_env.py 001 runpod output_dir=/workspace/output/001-baseline
  add_env.py 001 colab 'data_dir=${oc.env:HOME}/data'     then: train.py env=colab exp=001
"""


def main(argv: "Sequence[str]") -> int:
    """Write the file; 0 also where it was there already with these values."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="EXPERIMENT NAME key=value",
        help="the experiment, the environment's name, what differs",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    arguments = cli.parse(parser, argv)

    from experiment_setup.writing.adding import EnvironmentRequest, add_environment

    request = EnvironmentRequest(arguments.words, arguments.root, arguments.dry_run)
    return cli.show(add_environment(request), as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(cli.run(main))
