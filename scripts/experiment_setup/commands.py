"""The commands to type next, as they work in the user's shell and project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from experiment_setup import naming
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment, Project

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")
TRACKERS = ("wandb", "mlflow")  # those that there are; each is the name of the package that its runs need as well
_SECONDS = 10  # for a Python to start; a slower one is not asked


def next_commands(
    project: Project, experiment: Experiment, options: Sequence[str], environment: str | None = None
) -> list[str]:
    """Check the experiment, look at the config, run it, and run all of several sets: from the project's root."""
    assert experiment.entry is not None
    run = f"{python(project.root, experiment.entry.parent)} {quoted(project.relative(experiment.entry))}"
    words = [naming.override(SETS, options[0])] if options else []
    if environment:
        words.append(naming.override(ENVIRONMENTS, environment))
    choice = "".join(f" {quoted(word)}" for word in words)
    commands = [_validate(project, experiment), f"{run} --cfg job{choice}", f"{run}{choice}"]
    if len(options) > 1:
        listed = ",".join(naming.override(SETS, name).partition("=")[2] for name in options)
        commands.append(f"{run} -m {quoted(f'{SETS}={listed}')}")
    return commands


def _validate(project: Project, experiment: Experiment) -> str:
    """validate.py for one experiment, started as this command was."""
    script = Path.cwd().joinpath(sys.argv[0]).with_name("validate.py")
    if "UV" in os.environ:
        start = "uv run"
    else:
        found = next(filter(None, map(shutil.which, ("python", "python3"))), None)
        start = Path(found).name if found and _is_this(found) else quoted(sys.executable)
    return f"{start} {quoted(project.relative(script))} {quoted(experiment.name)}"


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
        if found and (_is_this(found) or _has_hydra(found)):
            return name
    code = b"\n".join(path.read_bytes() for path in folder.glob("*.py"))
    needed = [name for name in TRACKERS if re.search(rb"^\s*import " + name.encode() + rb"\b", code, re.MULTILINE)]
    return " ".join(["uv run", *(f"--with {name}" for name in ("hydra-core", *needed)), "python"])


def _is_this(executable: str) -> bool:
    """Whether it is the Python of this process: environments have their own, and links to one binary."""
    return Path(executable).parent.samefile(Path(sys.executable).parent)


def _has_hydra(executable: str) -> bool:
    ask = "import importlib.util, sys; sys.exit(importlib.util.find_spec('hydra') is None)"
    inherited = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONHOME")}
    try:
        asked = subprocess.run([executable, "-c", ask], capture_output=True, timeout=_SECONDS, env=inherited)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def quoted(word: str) -> str:
    """A word for bash and zsh: quoted only where one of them needs it (zsh expands `[…]`, `=` alone is fine)."""
    return word if word and _PLAIN.issuperset(word) else "'" + word.replace("'", "'\\''") + "'"
