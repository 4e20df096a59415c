# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Compose every parameter set of every experiment in every environment, and find what Hydra accepts in silence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from experiment_setup import cli

EXAMPLES = """
  validate.py                                    every experiment of the project
  validate.py 001                                one experiment
  validate.py experiments/001-baseline/exp/002.yaml   the experiment that the file belongs to
  validate.py --format json                      the same facts for a program
  validate.py --diff                             what --fix would do
  validate.py --fix                              mend what is safe to mend
  validate.py --explain ES010                    all about one rule (`all`: about every rule)
  validate.py --select ES1,ES010 --ignore wrong-type   some rules only
  validate.py --python .venv/bin/python          ask Hydra through the project's own interpreter and entry point
"""


def main(argv: Sequence[str]) -> int:
    """Check the experiments; 1 if there are findings that count."""
    parser = _parser()
    arguments = cli.parse(parser, argv)
    if arguments.unsafe and not (arguments.fix or arguments.diff):
        parser.error("--unsafe goes with --fix or --diff")
    as_json = arguments.json or arguments.format == "json"
    if arguments.explain or arguments.list_rules:
        return _about_rules(arguments.explain, as_json)

    from experiment_setup.checking import fix, progress, report, scope, selection
    from experiment_setup.checking.check import check
    from experiment_setup.composing.compose import Composer
    from experiment_setup.composing.interpreter import InterpreterComposer
    from experiment_setup.project import Project

    codes = selection.codes(arguments.select, arguments.ignore)
    project = Project.locate(arguments.root)
    experiments = (scope.concerned if arguments.changed else scope.named)(project, arguments.paths)
    make_composer: fix.MakeComposer = partial(Composer, always_hydra=arguments.hydra)
    if arguments.python:
        make_composer = InterpreterComposer.using(arguments.python)
    ask: dict[str, Any] = {"codes": codes, "make_composer": make_composer}
    with progress.shown(len(experiments)) as shown:
        result = check(project, experiments, started=shown.experiment, **ask)
    fixed = fix.Fixed()
    if arguments.fix or arguments.diff:
        fixed = fix.fix(project, experiments, result, unsafe=arguments.unsafe, **ask)
    if arguments.fix and not arguments.diff:
        fix.write(fixed)
        project = Project(project.root)
        result = check(project, experiments, **ask)

    extra = fix.data(project, fixed, written=not arguments.diff) if arguments.fix or arguments.diff else {}
    if as_json:
        cli.print_json(report.data(project, result) | extra)
    elif arguments.format == "sarif":
        from experiment_setup.checking import sarif

        cli.print_json(sarif.log(result, report.checkout(project)))
    elif arguments.format == "github":
        report.print_lines(report.github(project, result))
    elif arguments.diff:
        report.print_lines(fix.diff(project, fixed))
    else:
        report.print_lines(report.text(project, result, report.Style.of(sys.stdout)))
    for line in fix.summary(project, fixed, written=not arguments.diff):
        cli.note(line)
    return 1 if result.fails(strict=arguments.strict) or (arguments.diff and fixed.rewrites) else 0


def _parser() -> argparse.ArgumentParser:
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="an experiment (number, name, path, or a file of it); default: all"
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
    parser.add_argument("--explain", metavar="CODE", help="say all about a rule and exit (`all`: as one page)")
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


def _about_rules(word: str | None, as_json: bool) -> int:
    from experiment_setup.checking import report, rules_page, selection
    from experiment_setup.rules import ALL

    chosen = list(ALL.values()) if word in (None, "all") else selection.rules_of(word)
    if as_json:
        cli.print_json({"version": 1, "rules": [rules_page.data(rule) for rule in chosen]})
    elif word is None:
        report.print_lines(rules_page.listing())
    elif word == "all":
        report.print_lines(rules_page.page())
    else:
        report.print_lines(line for rule in chosen for line in (*rules_page.explain(rule), ""))
    return 0


def command() -> None:
    """The console script of the pre-commit hook."""
    sys.exit(cli.run(main))


if __name__ == "__main__":
    command()
