# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Add an environment to an experiment: env/NAME.yaml with only what differs on that machine."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from experiment_setup import cli
from experiment_setup.errors import CommandError

EXAMPLES = """
  add_env.py 001 local base_model=Qwen/Qwen3-4B-Instruct-2507 model_output_dir=output/001-baseline
  add_env.py 001 runpod output_dir=/workspace/output/001-baseline
  add_env.py 001 colab 'data_dir=${oc.env:HOME}/data'     then: train.py env=colab exp=001
"""


def main(argv: Sequence[str]) -> int:
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

    from experiment_setup import schema
    from experiment_setup.commands import next_commands
    from experiment_setup.composing.compose import Composer
    from experiment_setup.project import ENVIRONMENTS, Project, option_name
    from experiment_setup.reading import overrides
    from experiment_setup.writing import outcomes
    from experiment_setup.writing.new_option import OptionWriter

    names = [word for word in arguments.words if "=" not in word]
    assignments = [word for word in arguments.words if "=" in word]
    if not 1 <= len(names) <= 2:
        got = " ".join(names) or "nothing"
        raise CommandError(
            f"expected EXPERIMENT NAME, got {got}", "for example: add_env.py 001 local output_dir=output"
        )
    project = Project.locate(arguments.root)
    if len(names) == 1 and project.matching(names[0]):
        raise CommandError(
            f"expected EXPERIMENT NAME, got the experiment {names[0]} alone",
            f"name the environment: {shlex.join(['add_env.py', names[0], 'local', *assignments])}",
        )
    experiment = project.experiment(names[0] if len(names) == 2 else None)
    if experiment.entry is None:
        raise CommandError(
            f"{project.relative(experiment.folder)} has no entry point with @hydra.main", "add train.py first"
        )
    points = overrides.parse(assignments)
    many = next((values[0].key for values in points if len(values) > 1), None)
    if many:
        raise CommandError(
            f"{many} has several values, but an environment is one file", f"a list is written {many}=[a,b]"
        )
    composer = Composer(experiment, schema.read(experiment.entry, project.root), project.root)
    outcome = OptionWriter(experiment, composer, ENVIRONMENTS).add_named(
        option_name(names[-1], ENVIRONMENTS), [values[0] for values in points], dry_run=arguments.dry_run
    )
    following = next_commands(project, experiment, [], [option_name(names[-1], ENVIRONMENTS)])
    if arguments.json:
        cli.print_json(outcomes.data(project, outcome, following, dry_run=arguments.dry_run))
    else:
        outcomes.print_text(project, outcome, following, ENVIRONMENTS, dry_run=arguments.dry_run)
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
