"""Expressions: what is done with the parts of the config in them."""

from __future__ import annotations

import ast

from experiment_setup.uses import shapes
from experiment_setup.uses.calls import read_call
from experiment_setup.uses.follower import EXPRESSIONS, Follower, Frame
from experiment_setup.uses.records import ELEMENT

EXPRESSIONS.reads(ast.Call)(read_call)


@EXPRESSIONS.reads(ast.NamedExpr)
def _named(follower: Follower, node: ast.NamedExpr, frame: Frame, shown: bool) -> None:
    follower.expression(node.value, frame, shown or node.target.id in frame.names)


@EXPRESSIONS.reads(ast.JoinedStr)
def _text(follower: Follower, node: ast.JoinedStr, frame: Frame, _shown: bool) -> None:
    for piece in node.values:
        if isinstance(piece, ast.FormattedValue):
            follower.expression(piece.value, frame, shown=True)


@EXPRESSIONS.reads(ast.Compare)
def _comparison(follower: Follower, node: ast.Compare, frame: Frame, _shown: bool) -> None:
    asks = any(isinstance(operation, (ast.In, ast.NotIn)) for operation in node.ops)
    if asks and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
        follower.note("checked_keys", node.left.value)
    for piece in (node.left, *node.comparators):
        follower.expression(piece, frame, shown=asks)


@EXPRESSIONS.reads(ast.IfExp)
def _condition(follower: Follower, node: ast.IfExp, frame: Frame, shown: bool) -> None:
    follower.expression(node.test, frame)
    with follower.perhaps():
        follower.expression(node.body, frame, shown)
        follower.expression(node.orelse, frame, shown)


@EXPRESSIONS.reads(ast.BoolOp)
def _boolean(follower: Follower, node: ast.BoolOp, frame: Frame, _shown: bool) -> None:
    follower.expression(node.values[0], frame)
    follower.some_runs(node.values[1:], frame)


@EXPRESSIONS.reads(ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
def _with_names_of_its_own(follower: Follower, node: ast.expr, frame: Frame, _shown: bool) -> None:
    inside = Frame(frame.module, dict(frame.names), frame.functions, frame.owner, frame.self_name, frame.home)
    for name in shapes.bound_inside(node):
        inside.names.pop(name, None)
    for loop in getattr(node, "generators", ()):
        for name, value in shapes.elements(loop.target, loop.iter):
            values = follower.part(value, frame)
            if values is not None:
                inside.names[name] = values.step(ELEMENT)
    follower.inside(node, inside)
