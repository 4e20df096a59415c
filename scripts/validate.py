# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Compose every parameter set of every experiment in every environment, and find what Hydra accepts in silence."""

import os
import sys

sys.path.insert(0, __file__.rpartition(os.sep)[0])  # it is not there with PYTHONSAFEPATH or `python -I`
from experiment_setup import isolation

isolation.isolate()  # before anything else is imported

import argparse
from collections.abc import Sequence
from pathlib import Path

from experiment_setup import cli

EXAMPLES = """
  validate.py                                    every experiment of the project
  validate.py 001                                one experiment
  validate.py experiments/001-baseline/exp/002.yaml   the experiment that the file belongs to
  validate.py --format json                      the same facts for a program
  validate.py --diff                             what --fix would do
  validate.py --fix                              mend what is safe to mend
  validate.py --verbose                          the findings of style one by one, not one line a rule
  validate.py --explain ES010 ES101              all about these rules (`all`: about every rule)
  validate.py --select ES1,ES010 --ignore wrong-type   some rules only
  validate.py --python .venv/bin/python          ask Hydra through the project's own interpreter and entry point
"""


def main(argv: "Sequence[str]") -> int:
    """Check the experiments; 1 if there are findings that count."""
    parser = _parser()
    arguments = vars(cli.parse(parser, argv))
    as_json, explain, list_rules = (arguments.pop(name) for name in ("json", "explain", "list_rules"))
    if arguments["unsafe"] and not (arguments["fix"] or arguments["diff"]):
        parser.error("--unsafe goes with --fix or --diff")
    if as_json:
        arguments["format"] = "json"
    as_json = arguments["format"] in ("json", "sarif")
    if explain or list_rules:
        from experiment_setup.checking import rules_page

        return cli.show(rules_page.About(explain), as_json=as_json)

    from experiment_setup.checking import validation

    return cli.show(validation.run(validation.Request(**arguments)), as_json=as_json)


def _parser() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="an experiment (number, name, path, or a file of it), or a folder of experiments; default: all",
    )
    formats = ("text", "json", "github", "sarif")
    parser.add_argument("--format", choices=formats, default="text", help="default: text")
    parser.add_argument("--strict", action="store_true", help="warnings count as well (exit code 1)")
    parser.add_argument(
        "--select", metavar="CODE", action="append", default=[], help="only these rules (code, its beginning, or name)"
    )
    parser.add_argument("--ignore", metavar="CODE", action="append", default=[], help="all but these rules")
    parser.add_argument("--fix", action="store_true", help="mend what changes nothing but the mistake")
    parser.add_argument("--diff", action="store_true", help="show what --fix would do, and write nothing")
    parser.add_argument("--unsafe", action="store_true", help="with --fix or --diff: mend the rest as well")
    parser.add_argument(
        "--changed",
        action="store_true",
        help="PATHs are changed files: check the experiments that they concern, pass over the rest",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="text: list the findings of style (infos) one by one as well"
    )
    parser.add_argument(
        "--explain", nargs="+", metavar="CODE", help="say all about these rules and exit (`all`: as one page)"
    )
    parser.add_argument("--list-rules", action="store_true", help="list the rules and exit")
    asking = parser.add_mutually_exclusive_group()
    asking.add_argument("--hydra", action="store_true", help="let the real Hydra compose everything (slower)")
    asking.add_argument(
        "--python",
        metavar="PATH",
        type=Path,
        help="ask the project's own interpreter; this runs the imports of train.py",
    )
    return parser


def command() -> None:
    """The console script of the pre-commit hook."""
    sys.exit(cli.run(main))


if __name__ == "__main__":
    command()
