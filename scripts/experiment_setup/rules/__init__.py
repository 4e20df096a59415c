"""The rules: a file or two for every ten numbers, `es21_….py` for ES210 to ES219. Whatever is in this folder counts."""

from __future__ import annotations

import os
from importlib import import_module

from experiment_setup.rules.base import Rule, registered

for _name in sorted(os.listdir(os.path.dirname(__file__))):  # noqa: PTH120, PTH208 (pathlib costs start-up time)
    if _name.startswith("es") and _name.endswith(".py"):
        import_module(f"{__name__}.{_name[:-3]}")

ALL: dict[str, Rule] = registered()
