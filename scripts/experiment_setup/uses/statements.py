"""Statements: what they do with the parts of the config in them."""

from __future__ import annotations

import ast

from experiment_setup.code.tree import Function
from experiment_setup.uses import shapes
from experiment_setup.uses.follower import STATEMENTS, Follower, Frame
from experiment_setup.uses.functions import outer_of
from experiment_setup.uses.records import Part


@STATEMENTS.reads(ast.FunctionDef, ast.AsyncFunctionDef)
def _function(follower: Follower, node: Function, frame: Frame) -> None:
    with follower.perhaps():
        follower.enter(node, frame.home, {}, outer_of(frame))


@STATEMENTS.reads(ast.ClassDef)
def _class(follower: Follower, node: ast.ClassDef, frame: Frame) -> None:
    follower.some_runs(node.body, frame)


@STATEMENTS.reads(ast.If, ast.While)
def _branch(follower: Follower, node: ast.If | ast.While, frame: Frame) -> None:
    follower.expression(node.test, frame)
    with follower.perhaps():
        follower.statements(node.body, frame)
        while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):  # elif: there may be hundreds
            node = node.orelse[0]
            follower.expression(node.test, frame)
            follower.statements(node.body, frame)
        follower.statements(node.orelse, frame)


@STATEMENTS.reads(ast.Match)
def _match(follower: Follower, node: ast.Match, frame: Frame) -> None:
    follower.expression(node.subject, frame)
    follower.some_runs(node.cases, frame)


@STATEMENTS.reads(ast.Try)
def _try(follower: Follower, node: ast.Try, frame: Frame) -> None:
    rest = [*node.handlers, *node.orelse, *node.finalbody]
    if any(shapes.catches(handler) for handler in node.handlers):
        with follower.ready_for_missing_keys():
            follower.block(node.body, frame)
        follower.some_runs(rest, frame)
    else:
        follower.statements([*node.body, *rest], frame)


@STATEMENTS.reads(ast.With)
def _with(follower: Follower, node: ast.With, frame: Frame) -> None:
    if any(shapes.suppresses(item.context_expr) for item in node.items):
        with follower.ready_for_missing_keys():
            follower.block(node.body, frame)
    else:
        follower.statements([*node.items, *node.body], frame)


@STATEMENTS.reads(ast.For, ast.AsyncFor)
def _for(follower: Follower, node: ast.For | ast.AsyncFor, frame: Frame) -> None:
    alias = any(name in frame.names for name, _ in shapes.elements(node.target, node.iter))
    follower.expression(node.iter, frame, shown=alias and follower.part(node.iter, frame) is not None)
    follower.statements([*node.body, *node.orelse], frame)


@STATEMENTS.reads(ast.Assign, ast.AnnAssign)
def _assign(follower: Follower, node: ast.Assign | ast.AnnAssign, frame: Frame) -> None:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if node.value is None:
        follower.statements(targets, frame)
        return
    part = follower.part(node.value, frame)
    alias = part is not None and all(_is_alias(target, frame, part) for target in targets)
    follower.expression(node.value, frame, shown=alias)
    for target in targets:
        _write(follower, target, frame)


@STATEMENTS.reads(ast.AugAssign)
def _augmented(follower: Follower, node: ast.AugAssign, frame: Frame) -> None:
    follower.expression(node.value, frame)
    _write(follower, node.target, frame)


@STATEMENTS.reads(ast.Delete)
def _delete(follower: Follower, node: ast.Delete, frame: Frame) -> None:
    for target in node.targets:
        owner = follower.part(target.value, frame) if isinstance(target, ast.Subscript) else None
        if owner is not None and owner.form == "config":
            follower.use(owner, "remove", (frame.location(target),))
        elif follower.part(target, frame) is None:
            follower.expression(target, frame)


def _write(follower: Follower, node: ast.expr, frame: Frame) -> None:
    """Note what an assignment writes to."""
    if isinstance(node, (ast.Tuple, ast.List)):
        for element in node.elts:
            _write(follower, element, frame)
    elif isinstance(node, (ast.Attribute, ast.Subscript)):
        part, owner = follower.part(node, frame), follower.part(node.value, frame)
        alias = part is not None and isinstance(node, ast.Attribute) and _is_alias(node, frame, part)
        if owner is not None and isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
            follower.note("filled", owner.path)
        if owner is not None and owner.form in ("dict", "shallow"):
            follower.note("changed", owner)
        elif part is not None and not alias and owner is not None:
            follower.use(part, "write", follower.places(node, frame))
            return
        follower.expression(node.value, frame)
        if isinstance(node, ast.Subscript):
            follower.expression(node.slice, frame)


def _is_alias(target: ast.expr, frame: Frame, part: Part) -> bool:
    """Whether the frame follows the target as that part of the config, such as `exp` or `self.cfg`."""
    if isinstance(target, ast.Name):
        name = target.id
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
        name = f"{target.value.id}.{target.attr}"
    else:
        return False
    known = frame.names.get(name)
    return known is not None and known.path == part.path
