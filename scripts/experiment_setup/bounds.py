"""How much one value may refer to: interpolations that double each other would never end, or take all memory.

OmegaConf has no such bound, so it gets one: each value is refused that comes to more references or to a longer text
than any config has. It holds wherever a value is resolved, in what the real Hydra composes here too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from omegaconf.base import Container
from omegaconf.basecontainer import BaseContainer
from omegaconf.errors import InterpolationResolutionError

from experiment_setup.light import dataclass

_REFERENCES = 500  # of one value; a text has five, or ten
_OF_A_CONFIG = 20_000
_NODES = 30_000  # of the containers that are referred to, each time
_CHARACTERS = 1 << 20


@dataclass
class _Resolving:
    """How deep in the references of a value we are, and what there may still be."""

    depth: int = 0
    left: int = 0
    nodes: int = 0
    counted: bool = False  # whether several values are counted together


_now = _Resolving()


@contextmanager
def one_value() -> Iterator[None]:
    """Count what is resolved in this block as one value: a container is resolved item by item."""
    with _at_most(_REFERENCES):
        yield


@contextmanager
def one_config() -> Iterator[None]:
    """Count what is resolved in this block as one config."""
    with _at_most(_OF_A_CONFIG):
        yield


@contextmanager
def _at_most(references: int) -> Iterator[None]:
    before = replace(_now)
    _now.left, _now.nodes, _now.counted = references, _NODES, True
    try:
        yield
    finally:
        _now.left, _now.nodes, _now.counted = before.left, before.nodes, before.counted


def _bounded(resolve: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(resolve)
    def wrapper(*given: Any, **named: Any) -> Any:
        if not _now.depth and not _now.counted:
            _now.left, _now.nodes = _REFERENCES, _NODES
        _now.left -= 1
        if _now.left < 0:
            raise InterpolationResolutionError("it comes to more references than any config needs")
        _now.depth += 1
        try:
            result = resolve(*given, **named)
        finally:
            _now.depth -= 1
        _charge(result)
        if isinstance(result, str) and len(result) > _CHARACTERS:
            raise InterpolationResolutionError(f"it comes to a text of more than {_CHARACTERS:,} characters")
        return result

    return wrapper


def _charge(value: Any) -> None:
    """Take what is in a container from what there may still be."""
    within = [value]
    while within and _now.nodes >= 0:
        content = within.pop()
        if isinstance(content, Container):
            content = content.__dict__["_content"]
        if isinstance(content, (dict, list)):
            _now.nodes -= len(content)
            within += content.values() if isinstance(content, dict) else content
    if _now.nodes < 0:
        raise InterpolationResolutionError("it comes to more values than any config has")


def _bounded_content(content: Callable[..., Any]) -> Callable[..., Any]:
    """OmegaConf 2.4 resolves what is referred to once, and puts it wherever it is referred to."""

    @functools.wraps(content)
    def wrapper(conf: Any, resolve: bool, *given: Any, **named: Any) -> Any:
        if resolve and _now.counted:
            _now.nodes -= len(conf.__dict__["_content"] or ())
            _charge(None)
        return content(conf, resolve, *given, **named)

    return wrapper


Container.resolve_parse_tree = _bounded(Container.resolve_parse_tree)  # type: ignore[method-assign]
BaseContainer._to_content = staticmethod(_bounded_content(BaseContainer._to_content))  # type: ignore[method-assign]
