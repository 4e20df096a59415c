"""Where the code makes objects of parts of the config, and what it gives them beside what the config has."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Any

from experiment_setup import nodes
from experiment_setup.facts.experiment import ExperimentContext, once
from experiment_setup.facts.targets import OF_INSTANTIATE
from experiment_setup.light import dataclass
from experiment_setup.nodes import Steps
from experiment_setup.uses.records import ELEMENT, CallSite, ConfigPath

_MAKES = frozenset({"hydra.utils.instantiate", "hydra.utils.call"})


@dataclass(frozen=True)
class Maker:
    """A call that makes an object of the part of the config at `path`, and of the parts within."""

    path: ConfigPath
    given: frozenset[str]  # arguments of its own
    gives_more: bool  # that cannot be read, such as `**other`
    recursive: bool  # as far as the call says


@once
def makers(context: ExperimentContext) -> list[Maker]:
    """The calls of `instantiate` that are given a part of the config."""
    return [maker for site in context.code.reading.calls if (maker := _maker(site)) is not None]


def _maker(site: CallSite) -> Maker | None:
    first = site.arguments.get(0)
    if site.function not in _MAKES or first is None:
        return None
    named = [keyword.arg for keyword in site.node.keywords]
    own = frozenset(name for name in named if name is not None)
    more = None in named or len(site.node.args) > 1 or "_args_" in own
    recursive = [keyword.value for keyword in site.node.keywords if keyword.arg == "_recursive_"]
    is_recursive = all(isinstance(value, ast.Constant) and value.value is True for value in recursive)
    return Maker(first.part.path, own - OF_INSTANTIATE, more, is_recursive)


def path_of(steps: Steps) -> ConfigPath:
    """The path by which the code is known to use what stands at these steps: any element of a list is one."""
    return tuple(ELEMENT if isinstance(step, int) else step for step in steps)


def arguments_of_code(context: ExperimentContext, config: Any, steps: Steps) -> Collection[str] | None:
    """What the code gives the object that is made of the block at `steps`, beside the block's own keys.

    None where no call is seen that makes it, or where one may give anything.
    """
    path = path_of(steps)
    found = [maker for maker in makers(context) if path[: len(maker.path)] == maker.path]
    if not found or any(_is_unknown(maker, config, steps) for maker in found):
        return None
    return frozenset().union(*(maker.given for maker in found if maker.path == path))


def is_left_alone(context: ExperimentContext, config: Any, steps: Steps) -> bool:
    """Whether the code makes objects of what is around the block at `steps`, and of the block itself none that is seen:
    what is made with `_recursive_=False` gets the blocks within as they are.
    """
    path = path_of(steps)
    found = [maker for maker in makers(context) if path[: len(maker.path)] == maker.path]
    return bool(found) and all(_stops_above(maker, config, steps) for maker in found)


def _stops_above(maker: Maker, config: Any, steps: Steps) -> bool:
    above = [nodes.within(config, steps[:depth]) for depth in range(len(maker.path), len(steps))]
    stops = any(isinstance(part, dict) and not part.get("_recursive_", True) for part in above)
    return stops or (bool(above) and not maker.recursive)


def _is_unknown(maker: Maker, config: Any, steps: Steps) -> bool:
    """Whether a call may make something else of the block than what the config says."""
    inner = steps[len(maker.path) :]
    if not inner:
        return maker.gives_more
    return _stops_above(maker, config, steps) or maker.gives_more or inner[0] in maker.given
