# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Add a notebook that loads the configs of experiments, and the loader that every notebook shares."""

import os
import sys

sys.path.insert(0, __file__.rpartition(os.sep)[0])  # it is not there with PYTHONSAFEPATH or `python -I`
from experiment_setup import isolation

isolation.isolate()  # before anything else is imported

from collections.abc import Sequence

from experiment_setup import cli

EXAMPLES = """
  add_notebook.py 001                     notebooks/001-baseline.ipynb
  add_notebook.py 001 002                 the second beside the first
  add_notebook.py 001 --script            notebooks/001-baseline.py with `# %%` cells, for VS Code and PyCharm
  add_notebook.py 001 002 --name lr-study
"""


def main(argv: "Sequence[str]") -> int:
    """Write the notebook and its loader; 0 also where they were there already."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument("words", nargs="*", metavar="EXPERIMENT", help="the experiments that it shows")
    parser.add_argument("--script", action="store_true", help="a Python file with `# %%%%` cells instead")
    parser.add_argument("--name", metavar="NAME", help="its name (default: those of the experiments)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    arguments = cli.parse(parser, argv)

    from experiment_setup.writing import notebook

    request = notebook.Request(arguments.words, arguments.root, arguments.name, arguments.script, arguments.dry_run)
    return cli.show(notebook.add(request), as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(cli.run(main))
