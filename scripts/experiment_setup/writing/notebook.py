"""A notebook for an experiment: the template notebook under its name, and the loader that every notebook shares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiment_setup import files, naming
from experiment_setup.project import EXPERIMENTS, SETS, Project

FOLDER = "notebooks"
_ASSETS = Path(__file__).resolve().parents[3] / "assets" / "notebook"
_LOADER = "load_experiment.py"
# What the template notebook says, and what stands there afterwards.
_NAME, _SET, _VALUE = "000-template", f"{SETS}=001", f"{SETS}.seed=1"


def texts(project: Project, folder: Path, option: str | None, config: Mapping[str, Any]) -> dict[Path, str]:
    """The notebook of the experiment at `folder` and, where it is missing, the loader; what is there stays as it is.

    `option` is the parameter set that it shows, `config` what that composes to.
    """
    home = project.root / FOLDER
    files.refuse_outside(home, project.root)
    wanted = {
        home / _LOADER: (_ASSETS / _LOADER).read_text(encoding="utf-8"),
        home / f"{folder.name}.ipynb": _notebook(project, folder, option, config),
    }
    return {path: text for path, text in wanted.items() if not path.exists()}


def write(texts: Mapping[Path, str]) -> None:
    """Write the notebook and its loader, when the experiment that they show is there."""
    home = next(iter(texts)).parent
    with files.folder_for_files(home), files.lock(home) as held:
        if held:
            files.remove_unfinished(home)
        files.create_files({path: text for path, text in texts.items() if not path.exists()} or texts)


def _notebook(project: Project, folder: Path, option: str | None, config: Mapping[str, Any]) -> str:
    """The template notebook for this experiment: without `option` it shows the defaults, without a seed no override."""
    found_by_name = folder.parent == project.root / EXPERIMENTS  # where the loader looks
    values = config.get(SETS)
    with_seed = isinstance(values, Mapping) and "seed" in values
    words = {
        _NAME: folder.name if found_by_name else project.relative(folder),
        f', "{_SET}"': f", {json.dumps(naming.override(SETS, option), ensure_ascii=False)}" if option else "",
        f', "{_VALUE}"': f', "{_VALUE}"' if with_seed else "",
    }
    notebook = json.loads((_ASSETS / "explore.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        for old, new in words.items():
            text = text.replace(old, new)
        cell["source"] = text.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
