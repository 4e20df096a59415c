# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Make editors complete and check the keys of exp/ and env/: JSON Schemas of them, and the settings that name these."""

import os
import sys

sys.path.insert(0, __file__.rpartition(os.sep)[0])  # it is not there with PYTHONSAFEPATH or `python -I`
from experiment_setup import isolation

isolation.isolate()  # before anything else is imported

from collections.abc import Sequence

from experiment_setup import cli

EXAMPLES = """
  export_schema.py 001                 exp.schema.json and env.schema.json, and VS Code's settings that name them
  export_schema.py 001 --dry-run       what would be written, and nothing else
  export_schema.py 001 --modeline      a comment in each parameter set as well, for editors without these settings
"""


def main(argv: "Sequence[str]") -> int:
    """Write what is not there yet; 0 also where all of it is."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument("experiment", nargs="?", metavar="EXPERIMENT", help="its number, name or path")
    parser.add_argument(
        "--modeline", action="store_true", help="put the comment `# yaml-language-server: $schema=…` into each file"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    arguments = cli.parse(parser, argv)

    from experiment_setup.writing import editor_files

    request = editor_files.Request(arguments.root, arguments.experiment, arguments.modeline, arguments.dry_run)
    return cli.show(editor_files.export(request), as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(cli.run(main))
