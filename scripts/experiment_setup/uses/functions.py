"""Functions and classes of the project in a body of code: what names in them stand for, and what they are given."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from experiment_setup.code import tree
from experiment_setup.code.modules import Defined
from experiment_setup.code.tree import FUNCTIONS, Function, dotted, last_name, parameters
from experiment_setup.uses import shapes
from experiment_setup.uses.arguments import given_parts
from experiment_setup.uses.follower import Follower, Frame
from experiment_setup.uses.records import Given, Home, Outer, Part

# Functions that call another one: partial(train, cfg), pool.submit(train, cfg).
_PASSES_ON = frozenset("partial submit apply apply_async delayed Thread Process map starmap".split())

Arguments = Mapping[int | str, Part]


def bind_aliases(follower: Follower, node: Function, frame: Frame) -> None:
    """Find the aliases of a function body; a name with two meanings has none, and its first is lost sight of."""
    piece = frame.module.source.piece(node)
    assigned = piece.once("assigned", node, partial(shapes.assigned, piece, node))
    for name in [name for name in assigned if name in frame.names]:
        _bind_merged(follower, assigned[name], frame, name)
    for _ in range(3):  # an alias of an alias
        for name, values in assigned.items():
            if name in frame.names:
                continue
            telling = (value for value in values if value is not None and follower.tells(value, frame))
            parts = (follower.part(value, frame) for value in telling)
            first = next((part for part in parts if part is not None), None)
            if first is not None:
                frame.bind(name, first)
                _bind_merged(follower, values, frame, name)


def before_bound_anew(node: Function, lost: Iterable[str]) -> int:
    """How many statements of a function come before the first that gives one of these names another meaning:
    `cfg = instantiate(cfg)`. None where a function within them may be called behind it.
    """
    names = set(lost)
    for index, statement in enumerate(node.body if names else ()):
        if not names.isdisjoint(tree.assigned_names([statement])):
            return index
        if any(isinstance(inner, (*FUNCTIONS, ast.Lambda)) for inner in tree.walk(statement)):
            return 0
    return 0


def _bind_merged(follower: Follower, values: Sequence[ast.expr | None], frame: Frame, name: str) -> None:
    merged = _merged(follower, values, frame, frame.names[name])
    if merged is None:
        follower.lose([frame.names[name]])
    frame.bind(name, merged)


def _merged(follower: Follower, values: Sequence[ast.expr | None], frame: Frame, first: Part) -> Part | None:
    """What a name is that has several values: one part, in the form that allows most."""
    parts = [follower.part(value, frame) if value is not None else None for value in values]
    if any(part is None or part.path != first.path for part in parts):
        return None
    return first if all(part == first for part in parts) else first._replace(form="object")


def parts_of(arguments: Mapping[int | str, Given]) -> dict[int | str, Part]:
    """The parts of the config in the arguments of a call."""
    return {key: given.part for key, given in arguments.items()}


def bound_parameters(follower: Follower, node: Function, arguments: Arguments, skip: int) -> dict[str, Part]:
    """The parameters that are given parts of the config; `skip`: how many come before the arguments of the call."""
    positional = [parameter.arg for parameter in (*node.args.posonlyargs, *node.args.args)][skip:]
    known = {parameter.arg for parameter in parameters(node)}
    bound: dict[str, Part] = {}
    for key, part in arguments.items():
        if isinstance(key, int) and key < len(positional):
            bound[positional[key]] = part
        elif isinstance(key, str) and key in known:
            bound[key] = part
        else:  # *args, **kwargs
            follower.use(part, "read", ())
    return bound


# Classes.


def methods(lineage: Iterable[Defined]) -> Iterable[tuple[Defined, Function]]:
    """The methods of a class and of those that it derives from, each with its class."""
    for known in lineage:
        for node in known.node.body:
            if isinstance(node, FUNCTIONS):
                yield known, node


def method_named(lineage: Iterable[Defined], name: str) -> tuple[Defined, Function] | None:
    """The method that an instance of the class has under a name, with its class."""
    return next(((known, node) for known, node in methods(lineage) if node.name == name), None)


# What a class keeps of the config: attribute -> part; its `__init__`; the parameters of that -> parts.
Kept = tuple[dict[str, Part], Function | None, dict[str, Part]]


def kept_of(
    follower: Follower,
    lineage: Sequence[Defined],
    arguments: Arguments,
    annotated: Mapping[Function, Mapping[str, Part]],
    above: int = 0,
) -> Kept | None:
    """What a class keeps that is made with these parts of the config; None if it does not take the config.

    `annotated`: what the parameters of each `__init__` are by their annotations. Looked for from class `above` on.
    """
    found = method_named(lineage[above:], "__init__")
    if found is None:
        return _kept_by_dataclass(lineage[above:], arguments)
    home, start = found
    if not start.args.args or not follower.may_go_on():
        return None
    index = lineage.index(home)
    bound = {**annotated[start], **bound_parameters(follower, start, arguments, 1)}
    frame = Frame(home.module, dict(bound), {}, lineage[above:], start.args.args[0].arg, index)
    bind_aliases(follower, start, frame)
    attributes: dict[str, Part] = {}
    for node in tree.walk(start) if home.module.source.mentions("super", start) else ():
        if isinstance(node, ast.Call) and shapes.is_super_init(node):
            base = kept_of(follower, lineage, parts_of(given_parts(follower, node, frame)), annotated, index + 1)
            attributes.update(base[0] if base else {})
    sources = [(known.module.source, node) for known, node in methods(lineage[above:])]
    for name, values in shapes.stored_in_self(sources).items():
        parts = {follower.part(value, frame) for value in values}
        part = parts.pop() if len(parts) == 1 else None
        if part is not None:
            attributes[name] = part
        else:
            attributes.pop(name, None)
    return attributes, start, bound


def _kept_by_dataclass(lineage: Sequence[Defined], arguments: Arguments) -> Kept | None:
    fields = [name for known in reversed(lineage) for name in shapes.fields(known.node)]
    if not fields or not any(shapes.is_dataclass(known.node) for known in lineage):
        return None
    given = {fields[k] if isinstance(k, int) and k < len(fields) else k: part for k, part in arguments.items()}
    return {name: part for name, part in given.items() if isinstance(name, str)}, None, {}


# Calls.


def _callee(follower: Follower, function: ast.expr, frame: Frame) -> tuple[Defined | None, Home]:
    """The function or class that is called, and how the body comes to its module."""
    if isinstance(function, ast.Name) and function.id in frame.functions:
        return Defined(frame.module, frame.functions[function.id]), frame.home
    return follower.defined(function, frame), (frame.home, dotted(function))


def outer_of(frame: Frame) -> Outer:
    """What a function that is defined in the body of the frame sees."""
    return Outer(dict(frame.names), frame.functions, frame.self_name)


def follow_call(follower: Follower, node: ast.Call, frame: Frame, arguments: Arguments) -> bool:
    """Enter a call's function with these arguments; False where it is not one of the project."""
    function = node.func
    if isinstance(function, ast.Name) and function.id in frame.functions:
        local = frame.functions[function.id]
        bound = bound_parameters(follower, local, arguments, 0)
        follower.enter(local, frame.home, bound, outer_of(frame))
        return True
    if not arguments:
        return False
    if isinstance(function, ast.Attribute) and _follow_method(follower, function, frame, arguments):
        return True
    if _enter(follower, function, frame, arguments):
        return True
    if last_name(function) not in _PASSES_ON:
        return False
    if isinstance(function, ast.Call):  # partial(train)(cfg)
        return bool(function.args) and _enter(follower, function.args[0], frame, arguments)
    shifted = {k - 1 if isinstance(k, int) else k: v for k, v in arguments.items() if k != 0}
    return bool(node.args) and _enter(follower, node.args[0], frame, shifted)


def _enter(follower: Follower, function: ast.expr, frame: Frame, arguments: Arguments) -> bool:
    callee, home = _callee(follower, function, frame)
    if callee is None or not arguments:
        return False
    if isinstance(callee.node, ast.ClassDef):
        follower.enter(callee.node, home, dict(arguments), "called")
    else:
        follower.enter(callee.node, home, bound_parameters(follower, callee.node, arguments, 0), "called")
    return True


def _follow_method(follower: Follower, function: ast.Attribute, frame: Frame, arguments: Arguments) -> bool:
    if not (frame.owner and isinstance(function.value, ast.Name) and function.value.id == frame.self_name):
        return False
    found = method_named(frame.owner, function.attr)
    if found is None:
        return False
    home, method = found
    bound = bound_parameters(follower, method, arguments, 0 if shapes.is_static(method) else 1)
    kept = {name: part for name, part in frame.names.items() if name.startswith(f"{frame.self_name}.")}
    follower.enter(method, frame.owner.index(home), {**kept, **bound}, "method")
    return True


def returned(follower: Follower, node: ast.Call, frame: Frame) -> Part | None:
    """The part of the config that a call of one of the project's functions gives back."""
    callee, home = _callee(follower, node.func, frame) if node.args or node.keywords else (None, None)
    if callee is None or isinstance(callee.node, ast.ClassDef) or id(callee.node) in follower.returning:
        return None
    if not follower.may_go_on():
        return None
    function = callee.node
    piece = callee.module.source.piece(function)
    values = piece.once("returns", function, partial(shapes.returns, piece, function))
    arguments = parts_of(given_parts(follower, node, frame)) if len(values) == 1 else {}
    if not arguments:
        return None
    follower.returning.add(id(function))
    count = len(follower.events)
    inside = Frame(callee.module, bound_parameters(follower, function, arguments, 0), home=home)
    del follower.events[count:]  # what goes into *args is noted where the call is read
    bind_aliases(follower, function, inside)
    part = follower.part(values[0], inside)
    follower.returning.discard(id(function))
    return part
