"""The drawing of the floors in CONTRIBUTING.md is true: imports go downwards, and never in a circle."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter

import pytest

from imports import imported, own_modules
from running import ROOT, SCRIPTS

pytestmark = pytest.mark.any_hydra

COMMANDS, GROUND = "scripts/*.py", "*.py"
LIBRARY = SCRIPTS / "experiment_setup"


def drawing() -> dict[str, int]:
    """Each part that CONTRIBUTING.md draws, with the number of its floor, counted from the roof."""
    [text] = re.findall(r"```text\n(commands .*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL)
    floor, parts = -1, {}
    for line in text.splitlines():
        floor += not line.startswith(" ")
        names = re.split(r"\s{2,}", line)[1]
        parts |= dict.fromkeys(names.split(), floor)
    return parts


def part(module: str) -> str:
    """The part that a module belongs to: the commands, a folder or a module of the library."""
    names = module.split(".")
    if names[0] != LIBRARY.name:
        return COMMANDS
    return f"{names[1]}/" if (LIBRARY / names[1]).is_dir() else names[1]


def graph(*, types: bool) -> dict[str, set[str]]:
    """Each of our modules with those that it imports. `__init__.py` of the library has the version, for everyone."""
    modules = own_modules(SCRIPTS)
    return {
        name: {other for other in imported(path, modules, types=types) if other not in (name, "experiment_setup")}
        for name, path in modules.items()
        if name != "experiment_setup"
    }


def test_every_folder_is_drawn() -> None:
    parts = {part(module) for module in graph(types=True)}
    drawn = drawing().keys() - {GROUND}
    assert {name for name in parts if name.endswith("/")} <= drawn <= parts


def test_imports_go_downwards() -> None:
    drawn = drawing()
    floors = {name: drawn.get(name, drawn[GROUND]) for name in map(part, graph(types=True))}
    upwards = [
        f"{module} imports {other}"
        for module, others in graph(types=True).items()
        for other in others
        if floors[part(other)] < floors[part(module)]
    ]
    assert not upwards


def test_there_is_no_circle() -> None:
    """Neither of modules nor of parts. What a module names in types only, it does not need to run."""
    modules = graph(types=False)
    parts: dict[str, set[str]] = {}
    for module, others in modules.items():
        parts.setdefault(part(module), set()).update(part(other) for other in others if part(other) != part(module))
    for imports in (modules, parts):
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            pytest.fail(" imports ".join(reversed(error.args[1])))
