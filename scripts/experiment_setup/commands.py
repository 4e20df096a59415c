"""The commands to type next, as they work in the user's shell and project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiment_setup import command_line, naming
from experiment_setup.command_line import quoted
from experiment_setup.project import Experiment, Project

TRACKERS = ("wandb", "mlflow")  # those that there are; each is the name of the package that its runs need as well
_SECONDS = 10  # for a Python to start; a slower one is not asked


def next_commands(
    project: Project, experiment: Experiment, choices: Mapping[str, Sequence[str]], *, code: Path | None = None
) -> list[str]:
    """Check the experiment, look at the config, run it, and run all of several options: from the project's root.

    `choices` are the new options of each group; a group that is not in the defaults list begins with `+`.
    `code` is where the experiment's code lies now, if not in its folder yet.
    """
    assert experiment.entry is not None
    run = f"{python(project.root, code or experiment.entry.parent)} {quoted(project.relative(experiment.entry))}"
    given = {group: options for group, options in choices.items() if options}
    choice = "".join(f" {quoted(naming.override(group, options[0]))}" for group, options in given.items())
    commands = [_validate(project, experiment), f"{run} --cfg job{choice}", f"{run}{choice}"]
    if any(len(options) > 1 for options in given.values()):
        listed = {
            group: ",".join(naming.override(group, name).partition("=")[2] for name in options)
            for group, options in given.items()
        }
        commands.append(" ".join([f"{run} -m", *(quoted(f"{group}={options}") for group, options in listed.items())]))
    return commands


def _validate(project: Project, experiment: Experiment) -> str:
    """validate.py for one experiment, started as this command was."""
    script = Path.cwd().joinpath(sys.argv[0]).with_name("validate.py")
    return f"{command_line.start(Path(project.relative(script)))} {quoted(experiment.name)}"


def python(root: Path, folder: Path) -> str:
    """How to start a Python that has hydra-core, as the project at `root` does it, for the code in `folder`."""
    if (root / "uv.lock").exists():
        return "uv run python"
    if (root / ".venv/bin/python").exists() and "VIRTUAL_ENV" not in os.environ:
        return ".venv/bin/python"
    # `uv run script.py` puts its own, isolated environment first; the user's shell does not have it.
    own = Path(sys.prefix, "bin") if "UV" in os.environ else None
    path = os.pathsep.join(p for p in os.environ.get("PATH", "").split(os.pathsep) if own is None or Path(p) != own)
    for name in ("python", "python3"):
        found = shutil.which(name, path=path)
        if found and (command_line.is_this(found) or _has_hydra(found)):
            return name
    code = b"\n".join(path.read_bytes() for path in folder.glob("*.py") if path.is_file())
    needed = [name for name in TRACKERS if re.search(rb"^\s*import " + name.encode() + rb"\b", code, re.MULTILINE)]
    return " ".join(["uv run", *(f"--with {name}" for name in ("hydra-core", *needed)), "python"])


def _has_hydra(executable: str) -> bool:
    ask = "import importlib.util, sys; sys.exit(importlib.util.find_spec('hydra') is None)"
    inherited = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONHOME")}
    try:
        asked = subprocess.run([executable, "-c", ask], capture_output=True, timeout=_SECONDS, env=inherited)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
