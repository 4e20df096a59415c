"""Merging plain values as OmegaConf merges configs of them, without making a node of any."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from experiment_setup.light import compiled
from experiment_setup.nodes import Steps

_CONTAINERS = (dict, list)
_NOTHING = object()
_LONGEST_CHAIN = 5  # of references to references

# Whether an interpolation that is written at a path surely leads to a value, or to nothing.
LeadsToAValue = Callable[[Steps, str], bool]


class NotPlain(Exception):
    """Only OmegaConf tells what comes of the merge."""


def merged(
    contents: Iterable[dict[str, Any]],
    path: Steps = (),
    leads_to_a_value: LeadsToAValue = lambda _path, _written: False,
) -> dict[str, Any]:
    """The values of untyped configs that are merged in turn (omegaconf/basecontainer.py: _map_merge) at a path; shared
    with them.

    Raises NotPlain where a merge may be refused, or has to know what an interpolation stands for, unless it surely
    `leads_to_a_value`.
    """
    result: dict[str, Any] = {}
    for content in contents:
        result = _onto(result, content, path, leads_to_a_value) if result else content
    return result


def _onto(below: dict[str, Any], above: dict[str, Any], path: Steps, leads_to_a_value: LeadsToAValue) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        before = result.get(key, _NOTHING)
        kind, was = type(value), type(before)
        if kind is dict and was is dict:
            result[key] = _onto(before, value, (*path, key), leads_to_a_value)
        elif (
            (kind in _CONTAINERS and kind is not was) or _is_reference(value) or (value == "???" and was is str)
        ) and (was in _CONTAINERS or (_may_be_a_container(before) and not leads_to_a_value((*path, key), before))):
            raise NotPlain
        elif value != "???" or before is _NOTHING:
            result[key] = value
    return result


def value_in_all(contents: Sequence[dict[str, Any]]) -> LeadsToAValue:
    """Whether an interpolation leads to a value, or to nothing, while these are merged into the whole config: to no
    mapping and no list. It may do so by others.
    """

    def leads_to_a_value(path: Steps, written: str, length: int = 0) -> bool:
        found = _REFERENCE.fullmatch(written)
        dots, name = found.groups("") if found is not None else ("", "")
        if not name or len(dots) > len(path) or length == _LONGEST_CHAIN:
            return False
        target = (*(path[: len(path) - len(dots)] if dots else ()), *name.split("."))
        # Hydra's own settings are there too while it merges.
        return target[0] != "hydra" and all(is_a_value(content, target, length) for content in contents)

    def is_a_value(content: Any, target: Steps, length: int) -> bool:
        for step in target:
            if type(content) is not dict:
                return not (type(content) is list or _is_reference(content))
            content = content.get(step)
        if _may_be_a_container(content):
            return leads_to_a_value(target, content, length + 1)
        return type(content) not in _CONTAINERS

    return leads_to_a_value


# `${a.b}`, `${..b}`, and `${oc.select:a.b,null}`, which gives what stands there or the value after the comma.
_REFERENCE = compiled(
    r"\$\{\s*(?:oc\.select:\s*|(\.*))([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(?:,\s*[\w.\-]*\s*)?\}", re.ASCII
)


def _may_be_a_container(value: Any) -> bool:
    """Whether it is a reference that stands alone, and so for whatever it leads to; `x-${a}` is text."""
    return type(value) is str and value.startswith("${") and value.endswith("}")


def _is_reference(value: Any) -> bool:
    return type(value) is str and "${" in value
