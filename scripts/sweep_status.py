# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = ["hydra-core>=1.3.4,<1.5", "omegaconf>=2.3,<2.5", "PyYAML>=6.0"]
# ///
"""Say which jobs of a sweep (`train.py -m …`) are done, failed or missing, and how to run only the rest."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from experiment_setup import cli

EXAMPLES = """
  sweep_status.py output/001-baseline/multirun/20260301-101500
  sweep_status.py output/001-baseline/multirun/20260301-101500 --ended    it was killed: nothing in it runs any more
  sweep_status.py output/001-baseline/multirun/20260301-101500 --json | jq -r '.rerun[]' | sh
"""


def main(argv: Sequence[str]) -> int:
    """Read the folder; 1 if not every job is done."""
    parser = cli.parser(__doc__ or "", EXAMPLES)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the sweep's folder: it holds multirun.yaml")
    parser.add_argument(
        "--ended", action="store_true", help="what says it is running was killed: count it as failed, run it again"
    )
    arguments = cli.parse(parser, argv)

    from experiment_setup.checking import sweep
    from experiment_setup.project import Project

    project = Project.locate(arguments.root)
    found = sweep.read(project, arguments.folder.resolve())
    if arguments.ended:
        for job in found.jobs:
            job.state = sweep.State.FAILED if job.state is sweep.State.RUNNING else job.state
    again = sweep.rerun(project, found, [sweep.State.FAILED, sweep.State.MISSING])
    counts = {state.value: found.count(state) for state in sweep.State}
    if arguments.json:
        jobs = [
            {
                "number": job.number,
                "overrides": job.overrides,
                "state": job.state.value,
                "folder": job.folder or None,
                "error": job.record.get("error"),
                "mean": job.record.get("mean"),
                "changed": {key: list(values) for key, values in job.changed.items()},
            }
            for job in found.jobs
        ]
        changed = sum(bool(job.changed) for job in found.jobs)
        summary = {"jobs": len(jobs), **counts, "changed": changed, "other_results": found.others}
        path = project.relative(found.folder)
        cli.print_json({"version": 1, "path": path, "jobs": jobs, "summary": summary, "rerun": again})
    else:
        for job in found.jobs:
            means = (job.record.get("mean") or {}).items()
            mean = " ".join(f"{key}={'nan' if value is None else format(value, '.4g')}" for key, value in means)
            said = mean or str(job.record.get("error") or "").rstrip(": ")
            print(f"#{job.number} {job.state.value:8} {' '.join(job.overrides)}   {said}".rstrip())
        told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        print(f"{len(found.jobs)} job{'s' if len(found.jobs) != 1 else ''}: {told}")
        for line in sweep.remarks(found):
            cli.note(f"note: {line}")
        if again:
            print("\nnext, where nothing of it runs any more:")
            print("\n".join(f"  {command}" for command in again))
    return 0 if counts["done"] == len(found.jobs) else 1


if __name__ == "__main__":
    sys.exit(cli.run(main))
