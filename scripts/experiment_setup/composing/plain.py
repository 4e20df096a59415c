"""Merging plain values as OmegaConf merges configs of them, without making a node of any."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from experiment_setup.light import compiled

_CONTAINERS = (dict, list)
_NOTHING = object()


class NotPlain(Exception):
    """Only OmegaConf tells what comes of the merge."""


def merged(
    contents: Iterable[dict[str, Any]], leads_to_a_value: Callable[[str], bool] = lambda _: False
) -> dict[str, Any]:
    """The values of untyped configs that are merged in turn (omegaconf/basecontainer.py: _map_merge); shared with them.

    Raises NotPlain where a merge may be refused, or has to know what an interpolation stands for, unless it surely
    `leads_to_a_value`.
    """
    result: dict[str, Any] = {}
    for content in contents:
        result = _onto(result, content, leads_to_a_value) if result else content
    return result


def _onto(below: dict[str, Any], above: dict[str, Any], leads_to_a_value: Callable[[str], bool]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        before = result.get(key, _NOTHING)
        kind, was = type(value), type(before)
        if kind is dict and was is dict:
            result[key] = _onto(before, value, leads_to_a_value)
        elif (was in _CONTAINERS or (_may_be_a_container(before) and not leads_to_a_value(before))) and (
            (kind in _CONTAINERS and kind is not was) or _is_reference(value) or (value == "???" and was is str)
        ):
            raise NotPlain
        elif value != "???" or before is _NOTHING:
            result[key] = value
    return result


def value_in_all(contents: Sequence[dict[str, Any]]) -> Callable[[str], bool]:
    """Whether an interpolation leads to a value, or to nothing, while these are merged: to no mapping and no list."""

    def leads_to_a_value(written: str) -> bool:
        found = _REFERENCE.fullmatch(written)
        return found is not None and not any(_stops(content, found[1].split(".")) for content in contents)

    return leads_to_a_value


# `${a.b}`, and `${oc.select:a.b,null}`, which gives what stands there or the value after the comma.
_REFERENCE = compiled(r"\$\{\s*(?:oc\.select:\s*)?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(?:,\s*[\w.\-]*\s*)?\}", re.ASCII)


def _stops(content: Any, steps: Sequence[str]) -> bool:
    """Whether a container stands there, or an interpolation there or on the way."""
    for step in steps:
        if type(content) is not dict:
            break
        content = content.get(step)
    return type(content) in _CONTAINERS or _is_reference(content)


def _may_be_a_container(value: Any) -> bool:
    """Whether it is a reference that stands alone, and so for whatever it leads to; `x-${a}` is text."""
    return type(value) is str and value.startswith("${") and value.endswith("}")


def _is_reference(value: Any) -> bool:
    return type(value) is str and "${" in value
