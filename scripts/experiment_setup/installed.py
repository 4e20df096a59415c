"""What is installed beside us, without importing it: importing hydra or importlib.metadata takes long."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def has(module: str) -> bool:
    """Whether a package of that name can be imported."""
    return find_spec(module) is not None


@cache
def hydra_version() -> str | None:
    """The release of hydra-core, such as "1.3.8", as hydra/__init__.py says it; None if it is not installed."""
    spec = find_spec("hydra")
    if spec is None or spec.origin is None:  # the second: any folder called hydra
        return None
    text = Path(spec.origin).read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(\d+\.\d+[^"]*)"', text, re.MULTILINE)
    return found[1] if found else None


def hydra_since_1_4() -> bool:
    """Whether the installed release is 1.4 or a later one; not if none is installed, as most projects have 1.3."""
    version = hydra_version()
    return version is not None and not version.startswith("1.3.")


@cache
def resolvers_of_a_run() -> frozenset[str]:
    """The resolvers that the installed Hydra registers when a run begins (hydra/core/utils.py: setup_globals)."""
    since_1_4 = ("hydra_override_dirname", "hydra_deprecated_override_dirname") if hydra_since_1_4() else ()
    return frozenset(("hydra", "now", "python_version", *since_1_4))


def built_in_resolvers() -> tuple[str, ...]:
    """Those, and what OmegaConf has by itself: 2.3 goes with Hydra 1.3, and 2.4 with 1.4."""
    since_2_4 = ("oc.coerce",) if hydra_since_1_4() else ()
    own = ("oc.env", "oc.create", "oc.decode", "oc.deprecated", "oc.dict.keys", "oc.dict.values", "oc.select")
    return (*own, *since_2_4, *sorted(resolvers_of_a_run()))
