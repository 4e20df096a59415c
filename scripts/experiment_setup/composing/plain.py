"""Merging plain values as OmegaConf merges configs of them, without making a node of any."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_CONTAINERS = (dict, list)
_NOTHING = object()


class NotPlain(Exception):
    """Only OmegaConf tells what comes of the merge."""


def merged(contents: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The values of untyped configs that are merged in turn (omegaconf/basecontainer.py: _map_merge); shared with them.

    Raises NotPlain where a merge may be refused, or has to know what an interpolation stands for.
    """
    result: dict[str, Any] = {}
    for content in contents:
        result = _onto(result, content) if result else content
    return result


def _onto(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        before = result.get(key, _NOTHING)
        kind, was = type(value), type(before)
        if kind is dict and was is dict:
            result[key] = _onto(before, value)
        elif (_is_reference(before) or was in _CONTAINERS) and (
            (kind in _CONTAINERS and kind is not was) or _is_reference(value) or (value == "???" and was is str)
        ):
            raise NotPlain
        elif value != "???" or before is _NOTHING:
            result[key] = value
    return result


def _is_reference(value: Any) -> bool:
    return type(value) is str and "${" in value
