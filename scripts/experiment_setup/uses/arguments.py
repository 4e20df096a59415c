"""The parts of the config that a call is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from experiment_setup.uses.follower import Follower, Frame
from experiment_setup.uses.records import Given


def given_parts(follower: Follower, node: ast.Call, frame: Frame) -> dict[int | str, Given]:
    """The parts of the config that a call is given, by position or keyword; none where the positions are not known."""
    arguments: dict[int | str, Given] = {}
    if any(isinstance(argument, ast.Starred) for argument in node.args):
        return arguments
    written: list[tuple[int | str, ast.expr]] = [
        *enumerate(node.args),
        *((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg),
    ]
    for key, value in written:
        part = follower.part(value, frame)
        if part is not None:
            arguments[key] = Given(part, frame.location(value))
    return arguments


def unpacked_parts(follower: Follower, node: ast.Call, frame: Frame) -> Iterator[Given]:
    """The parts of the config that are given as keyword arguments: `**cfg.exp.model`."""
    for value in (keyword.value for keyword in node.keywords if keyword.arg is None):
        part = follower.part(value, frame)
        if part is not None:
            yield Given(part, frame.location(value))


def parts_in_containers(follower: Follower, node: ast.Call, frame: Frame) -> Iterator[Given]:
    """The parts of the config in dicts and lists that are written out in the arguments of a call."""
    waiting: list[ast.expr | None] = [a for a in node.args if isinstance(a, (ast.Dict, ast.List, ast.Tuple))]
    while waiting:
        piece = waiting.pop()
        if isinstance(piece, ast.Dict):
            waiting += piece.values
        elif isinstance(piece, (ast.List, ast.Tuple)):
            waiting += piece.elts
        elif piece is not None:
            part = follower.part(piece, frame)
            if part is not None:
                yield Given(part, frame.location(piece))
