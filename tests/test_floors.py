"""The drawing of the floors in CONTRIBUTING.md is true: imports go downwards, and never in a circle."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter

import pytest

from imports import imported, own_modules
from running import ROOT, SCRIPTS

COMMANDS = "scripts/*.py"


def drawing() -> dict[str, int]:
    """Each part that CONTRIBUTING.md draws, with the number of its floor, counted from the roof."""
    [text] = re.findall(r"```\n(commands .*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL)
    floor, parts = -1, {}
    for line in text.splitlines():
        floor += not line.startswith(" ")
        names = re.split(r"\s{2,}", line)[1]
        parts |= dict.fromkeys((name.rstrip("/") for name in names.split()), floor)
    return parts


def part(module: str) -> str:
    """The part of the drawing that a module belongs to."""
    package, _, rest = module.partition(".")
    return (rest.partition(".")[0] or package) if package == "experiment_setup" else COMMANDS


def graph(*, types: bool) -> dict[str, set[str]]:
    """Each of our modules with those that it imports. `__init__.py` of the library has the version, for everyone."""
    modules = own_modules(SCRIPTS)
    return {
        name: {other for other in imported(path, modules, types=types) if other not in (name, "experiment_setup")}
        for name, path in modules.items()
        if name != "experiment_setup"
    }


def test_every_part_is_drawn() -> None:
    assert set(drawing()) == {part(module) for module in graph(types=True)}


def test_imports_go_downwards() -> None:
    floors = drawing()
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
