"""f-strings."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from experiment_setup.code.evaluator import EXPRESSIONS, Evaluator
from experiment_setup.code.limits import spec_too_wide
from experiment_setup.code.modules import Scope
from experiment_setup.code.native import has_own_text, own_text
from experiment_setup.code.operators import apply
from experiment_setup.code.values import Call, Opaque, unordered

_CONVERSIONS: dict[int, Callable[[Any], str]] = {ord("r"): repr, ord("s"): str, ord("a"): ascii}


@EXPRESSIONS.reads(ast.JoinedStr)
def _joined(evaluator: Evaluator, node: ast.JoinedStr, scope: Scope) -> Any:
    parts: list[str] = []
    for part in node.values:
        text = str(part.value) if isinstance(part, ast.Constant) else _formatted(evaluator, part, scope)
        if isinstance(text, Opaque):
            return text
        evaluator.made(text)
        parts.append(text)
    return "".join(parts)


def _formatted(evaluator: Evaluator, node: ast.expr, scope: Scope) -> Any:
    if not isinstance(node, ast.FormattedValue):
        return evaluator.opaque(node, scope)
    value = evaluator.eval(node.value, scope)
    spec = _joined(evaluator, node.format_spec, scope) if isinstance(node.format_spec, ast.JoinedStr) else ""
    if isinstance(spec, Opaque):
        return spec
    if has_own_text(value):
        plain = node.conversion in (-1, ord("s")) and not spec
        call = Call((), {}, node, scope)
        return own_text(evaluator, value, call) if plain else evaluator.opaque(node, scope)
    if spec_too_wide(spec) or unordered(value):
        return evaluator.opaque(node, scope)
    convert = _CONVERSIONS.get(node.conversion)
    return apply(evaluator, lambda v: format(convert(v) if convert else v, spec), node, scope, value)
