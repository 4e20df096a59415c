"""The rule about values that no field of that type takes: what OmegaConf refuses, and what to type instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from omegaconf import DictConfig, EnumNode, ListConfig, OmegaConf

from experiment_setup.composing.compose import Failure
from experiment_setup.findings import Finding, Severity
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import ENVIRONMENTS
from experiment_setup.rules.base import ExperimentContext, rule
from experiment_setup.rules.yaml_text import declared, kind, schema

REFUSED = ("ValidationError", "KeyValidationError", "ConfigTypeError")


@rule(
    "ES011",
    "wrong-type",
    Severity.ERROR,
    "the value does not fit the field's type",
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nbatch_size: 16.0\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nbatch_size: 16\n"},
    hydra="fails",
)
def wrong_type(context: ExperimentContext) -> Iterator[Finding]:
    """OmegaConf converts what it safely can ("32" to an int field) and refuses the rest."""
    return iter(())  # found while composing, by does_not_compose


def refused_value(context: ExperimentContext, failure: Failure, steps: Sequence[str], location: Location) -> Finding:
    """The finding for a value at `steps` (from the root of the config) that OmegaConf refused."""
    found = context.config_class(steps[0]) if steps else None
    field = next((f for f in found.fields if len(steps) > 1 and f.name == steps[1]), None) if found else None
    value = _written(context, failure)
    message = f"{'.'.join(steps[1:]) or failure.full_key}: {_words(failure, value)}"
    if field is None:
        return wrong_type.finding(location, message, "write a value of the type that it has where it is inherited from")
    root = schema(context, steps[0])
    inner = tuple(int(step) if step.isdigit() else step for step in steps[1:])
    better = _better(value, declared(root, inner), str(steps[0]), str(steps[-1]))
    where = f"{context.relative(field.location.path)}:{field.location.line}"
    said = f"{field.name} is declared as {field.annotation} ({where})"
    return wrong_type.finding(location, message, f"{better}; {said}" if better else said)


_UNKNOWN = object()


def _written(context: ExperimentContext, failure: Failure) -> Any:
    """The value as YAML reads it, where its place is known."""
    if failure.path is None or not failure.steps:
        return _UNKNOWN
    try:
        return context.composer.document(failure.path).at(failure.steps)
    except LookupError:
        return _UNKNOWN


def _words(failure: Failure, value: Any) -> str:
    """OmegaConf's words, but for those that are about its own classes."""
    words = failure.first_line
    if "is not a ListConfig" in words and value is not _UNKNOWN:
        return f"{value!r} is no list"
    if "Cannot merge DictConfig with ListConfig" in words:
        return "a mapping stands where a list belongs"
    if "Cannot merge ListConfig with DictConfig" in words:
        return "a list stands where a mapping belongs"
    if "is not Optional" in words:
        return "null, where a value is needed"
    wanted = re.match(r"Merge error: \w+ is not a subclass of (\w+)\.", words)
    if wanted and not isinstance(value, (dict, list)):
        return f"{value!r} stands where the fields of {wanted[1]} belong"
    return words


def _better(value: Any, node: Any, group: str, key: str) -> str | None:
    """What to type instead of `value` in a field, or None where that cannot be told."""
    wanted = kind(node)
    if value is None:
        return "write a value, or remove the line"
    if value is _UNKNOWN:
        return None
    if isinstance(node, EnumNode) or (isinstance(node, type) and hasattr(node, "__members__")):
        members = list((node.enum_type if isinstance(node, EnumNode) else node).__members__)
        guess = did_you_mean(value, members) if isinstance(value, str) else None
        return f"write {guess}" if guess else f"write one of {', '.join(members)}"
    if isinstance(node, ListConfig):
        return _as_list(value)
    if isinstance(node, DictConfig) and OmegaConf.get_type(node) is not dict:
        glued = re.fullmatch(r"([\w.\-]+)[:：](\S.*)", value) if isinstance(value, str) else None
        fields = ", ".join(f"{name!s}:" for name in node) if not node._is_none() else ""
        return f"a space belongs after the colon: {glued[1]}: {glued[2]}" if glued else f"write {fields} below it"
    if wanted is not None and isinstance(value, (list, tuple)):
        return _one_value(group, key, [str(item) for item in value])
    if wanted is bool:
        return "write true or false"
    if wanted is int and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if wanted in (int, float) and isinstance(value, str):
        return _as_number(value, wanted, group, key)
    return None


def _as_list(value: Any) -> str | None:
    if isinstance(value, str):
        items = value.strip("[]() ")
        return f"write [{items}]" + (" without the quotes" if value.startswith("[") else "") if items else None
    return None if isinstance(value, dict) else f"write [{value}]"


def _one_value(group: str, key: str, values: Sequence[str]) -> str:
    script = "add_env.py" if group == ENVIRONMENTS else "add_exp.py"
    return f"write one value; {script} … {key}={','.join(values)} makes a file for each"


_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def _as_number(value: str, wanted: type, group: str, key: str) -> str | None:
    """The number that a text was meant to be, where there is only one."""
    plain = value.strip("\u3000\u00a0 “”‘’").replace("−", "-").replace("–", "-").replace("ー", "-").replace("－", "-")
    plain = re.sub(r"[\s\u3000]+[#＃].*", "", plain)
    power = re.fullmatch(r"(?:([\d.]+)\s*[*x×]\s*)?10\s*(?:\^|\*\*)\s*(-?\d+)", plain)
    if power:
        plain = f"{power[1] or 1}e{power[2]}"
    if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+", plain) and wanted is int:
        plain = plain.replace(",", "")
    elif re.fullmatch(r"[-+]?0,\d+", plain) and wanted is float:
        plain = plain.replace(",", ".")
    elif re.fullmatch(rf"{_NUMBER}(?:\s*,\s*{_NUMBER})+", plain):
        return _one_value(group, key, [part.strip() for part in plain.split(",")])
    if plain != value and re.fullmatch(_NUMBER if wanted is float else r"[-+]?\d+", plain):
        return f"write {plain}"
    return "write null" if value.lower() in ("none", "nil", "n/a", "nan") and wanted is int else None
