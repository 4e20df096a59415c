"""Functions and classes of the project: what of the config their parameters, and `self.x`, stand for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from experiment_setup.code import tree
from experiment_setup.code.modules import Defined, Module
from experiment_setup.code.pieces import Piece
from experiment_setup.code.tree import FUNCTIONS, Function, last_name, parameters
from experiment_setup.light import compiled
from experiment_setup.uses import shapes
from experiment_setup.uses.arguments import given_parts
from experiment_setup.uses.follower import Follower, Frame
from experiment_setup.uses.records import Given, Part

# Words without which no key can be added to a config, or taken from it: OmegaConf's, or `with read_write(cfg):` of the
# project's own. (OmegaConf's own read_write leaves the struct flag alone.)
_WORDS = ("open_dict(", "set_struct(", "force_add")
_OPENS = compiled(rf"\b(?:{'|'.join(map(re.escape, _WORDS))})")
_OPENS_BY_ITS_OWN = compiled(r"\bwith (?!omegaconf\.)[\w.]*(?:read_write|unlock\w*)\(")
_OF_OMEGACONF = compiled(r"\bfrom omegaconf import [^#\n]*\bread_write\b")
# Functions that call another one: partial(train, cfg), pool.submit(train, cfg).
_PASSES_ON = frozenset("partial submit apply apply_async delayed Thread Process map starmap".split())

Arguments = Mapping[int | str, Given]


def follow_main(follower: Follower, name: str) -> None:
    """Read the main function and all that it comes to, then what annotations say takes the config."""
    module = follower.modules.known["__main__"]
    main = module.functions.get(name)
    if main is None or not main.args.args:
        return
    reading = follower.reading
    reading.followed = True
    for annotation in shapes.annotated_with(main.args.args[0]):
        whole = follower.modules.defined(module, annotation)
        if whole is not None:
            follower.config_classes.setdefault(whole.key, ())
    read_function(follower, Defined(module, main), {main.args.args[0].arg: Part(())})
    _follow_annotations(follower)
    reading.modules = list(follower.modules)
    reading.open = any(_opens(known.source.text) for known in reading.modules)


def _opens(text: str) -> bool:
    """Whether a module may lift the struct flag of a config. A word is found fifty times faster than a pattern."""
    opens = any(word in text for word in _WORDS) and _OPENS.search(text)
    own = ("read_write" in text or "unlock" in text) and _OPENS_BY_ITS_OWN.search(text)
    return bool(opens or (own and not _OF_OMEGACONF.search(text)))


def _follow_annotations(follower: Follower) -> None:
    """Read what was not reached from main, as far as annotations say which parameters are the config."""
    follower.conditional = follower.assumed = True
    for module in list(follower.modules) if follower.config_classes else ():
        for function in module.functions.values():
            if id(function) not in follower.entered and _annotated(follower, function, module):
                read_function(follower, Defined(module, function), {})
        for node in module.classes.values():
            defined = Defined(module, node)
            start = _method_named(_lineage(follower, defined), "__init__")
            if id(node) not in follower.entered and start and _annotated(follower, start[1], start[0].module):
                _read_class(follower, defined, {})


def _annotated(follower: Follower, node: Function, module: Module) -> dict[str, Part]:
    """The parameters whose annotation is a config class, each with the part that it stands for."""

    def look() -> dict[str, Part]:
        parts: dict[str, Part] = {}
        for parameter in parameters(node) if follower.config_classes else ():
            for name in shapes.annotated_with(parameter):
                defined = follower.modules.defined(module, name)
                path = follower.config_classes.get(defined.key) if defined is not None else None
                if path is not None:
                    parts[parameter.arg] = Part(path, "object")
        return parts

    return follower.once("annotated", node, look)


# Functions.


def read_function(
    follower: Follower,
    function: Defined,
    bound: Mapping[str, Part],
    owner: Sequence[Defined] = (),
    outer: Frame | None = None,
) -> None:
    """Read a function whose parameters (and `self.x`) stand for parts of the config."""
    node, module = function.node, function.module
    assert not isinstance(node, ast.ClassDef)
    follower.entered.add(id(node))
    annotated = _annotated(follower, node, module)
    names = {**(outer.names if outer else {}), **annotated, **bound}
    key = (id(node), follower.conditional, frozenset(names.items()))
    if key in follower.seen:
        return
    follower.seen.add(key)
    if not follower.may_enter():
        follower.lose(bound.values())
        return
    own = {parameter.arg for parameter in parameters(node)}
    names = {n: part for n, part in names.items() if n in bound or n in annotated or n not in own}
    inner = module.source.piece(node).once(
        "functions", node, partial(_inner_functions, module.source.piece(node), node)
    )
    self_name = node.args.args[0].arg if owner and node.args.args and not shapes.is_static(node) else None
    frame = Frame(module, names, {**(outer.functions if outer else {}), **inner}, owner, self_name)
    if outer and not owner:
        frame.owner, frame.self_name = outer.owner, outer.self_name
    if not any(follower.tells(statement, frame) for statement in node.body):
        return
    with follower.entered_function(bound.values()):
        _bind_aliases(follower, node, frame)
        follower.block(node.body, frame)


def _inner_functions(piece: Piece, node: Function) -> dict[str, Function]:
    functions: list[Function] = [*piece.nodes_in(node, ast.FunctionDef), *piece.nodes_in(node, ast.AsyncFunctionDef)]
    return {function.name: function for function in functions if function is not node}


def _bind_aliases(follower: Follower, node: Function, frame: Frame) -> None:
    """Find the aliases of a function body; a name with two meanings has none."""
    piece = frame.module.source.piece(node)
    assigned = piece.once("assigned", node, partial(shapes.assigned, piece, node))
    for name in [name for name in assigned if name in frame.names]:
        frame.bind(name, _merged(follower, assigned[name], frame, frame.names[name]))
    for _ in range(3):  # an alias of an alias
        for name, values in assigned.items():
            if name in frame.names:
                continue
            telling = (value for value in values if value is not None and follower.tells(value, frame))
            parts = (follower.part(value, frame) for value in telling)
            first = next((part for part in parts if part is not None), None)
            if first is not None:
                frame.bind(name, first)
                frame.bind(name, _merged(follower, values, frame, first))


def _merged(follower: Follower, values: Sequence[ast.expr | None], frame: Frame, first: Part) -> Part | None:
    """What a name is that has several values: one part, in the form that allows most."""
    parts = [follower.part(value, frame) if value is not None else None for value in values]
    if any(part is None or part.path != first.path for part in parts):
        return None
    return first if all(part == first for part in parts) else first._replace(form="object")


def _bound_parameters(follower: Follower, node: Function, arguments: Arguments, skip: int) -> dict[str, Part]:
    """The parameters that are given parts of the config; `skip`: how many come before the arguments of the call."""
    positional = [parameter.arg for parameter in (*node.args.posonlyargs, *node.args.args)][skip:]
    known = {parameter.arg for parameter in parameters(node)}
    bound: dict[str, Part] = {}
    for key, given in arguments.items():
        if isinstance(key, int) and key < len(positional):
            bound[positional[key]] = given.part
        elif isinstance(key, str) and key in known:
            bound[key] = given.part
        else:  # *args, **kwargs
            follower.use(given.part, "read", ())
    return bound


# Classes.


def _lineage(follower: Follower, start: Defined) -> list[Defined]:
    """A class and the project's own classes that it derives from, nearest first."""
    lineage: list[Defined] = []
    waiting = [start]
    while waiting:
        current = waiting.pop(0)
        if any(known.node is current.node for known in lineage) or not isinstance(current.node, ast.ClassDef):
            continue
        lineage.append(current)
        waiting += [base for b in current.node.bases if (base := follower.modules.defined(current.module, b))]
    return lineage


def _methods(lineage: Iterable[Defined]) -> Iterable[tuple[Defined, Function]]:
    for known in lineage:
        for node in known.node.body:
            if isinstance(node, FUNCTIONS):
                yield known, node


def _method_named(lineage: Iterable[Defined], name: str) -> tuple[Defined, Function] | None:
    return next(((known, node) for known, node in _methods(lineage) if node.name == name), None)


def _read_class(follower: Follower, start: Defined, arguments: Arguments) -> None:
    """Read a class that is made with parts of the config: what is kept in self is known in every method."""
    key = (id(start.node), follower.conditional, frozenset((key, given.part) for key, given in arguments.items()))
    if key in follower.seen:
        return
    follower.seen.add(key)
    follower.entered.add(id(start.node))
    lineage = _lineage(follower, start)
    kept = _kept(follower, lineage, arguments) if follower.may_enter() else None
    if kept is None:
        follower.lose(given.part for given in arguments.values())
        return
    attributes, begin, bound = kept
    methods: dict[str, tuple[Module, Function]] = {}
    for known, node in _methods(lineage):
        methods.setdefault(node.name, (known.module, node))
    for module, method in methods.values():
        if not method.args.args or shapes.is_static(method):
            continue
        own = method.args.args[0].arg
        names = {f"{own}.{name}": part for name, part in attributes.items()}
        with follower.perhaps(method is not begin):
            parts = {**names, **(bound if method is begin else {})}
            read_function(follower, Defined(module, method), parts, lineage)


Kept = tuple[dict[str, Part], Function | None, dict[str, Part]]


def _kept(follower: Follower, lineage: Sequence[Defined], arguments: Arguments) -> Kept | None:
    """(attribute -> part, __init__, its parameters -> parts) of a class; None if it does not take the config."""
    found = _method_named(lineage, "__init__")
    if found is None:
        return _kept_by_dataclass(lineage, arguments)
    home, start = found
    if not start.args.args or not follower.may_enter():
        return None
    annotated = _annotated(follower, start, home.module)
    bound = {**annotated, **_bound_parameters(follower, start, arguments, 1)}
    frame = Frame(home.module, dict(bound), {}, lineage, start.args.args[0].arg)
    _bind_aliases(follower, start, frame)
    attributes: dict[str, Part] = {}
    for node in tree.walk(start) if home.module.source.mentions("super", start) else ():
        if isinstance(node, ast.Call) and shapes.is_super_init(node):
            above = _kept(follower, lineage[lineage.index(home) + 1 :], given_parts(follower, node, frame))
            attributes.update(above[0] if above else {})
    methods = [(known.module.source, node) for known, node in _methods(lineage)]
    stored = follower.once("stored", home.node, partial(shapes.stored_in_self, methods))
    for name, values in stored.items():
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
    given = {fields[k] if isinstance(k, int) and k < len(fields) else k: v.part for k, v in arguments.items()}
    return {name: part for name, part in given.items() if isinstance(name, str)}, None, {}


# Calls.


def _callee(follower: Follower, function: ast.expr, frame: Frame) -> Defined | None:
    if isinstance(function, ast.Name) and function.id in frame.functions:
        return Defined(frame.module, frame.functions[function.id])
    return follower.modules.defined(frame.module, function)


def follow_call(follower: Follower, node: ast.Call, frame: Frame, arguments: Arguments) -> bool:
    """Read a call's function with these arguments; False where it is not one of the project."""
    function = node.func
    if isinstance(function, ast.Name) and function.id in frame.functions:
        local = frame.functions[function.id]
        bound = _bound_parameters(follower, local, arguments, 0)
        read_function(follower, Defined(frame.module, local), bound, outer=frame)
        return True
    if not arguments:
        return False
    if isinstance(function, ast.Attribute) and _follow_method(follower, function, frame, arguments):
        return True
    if _enter(follower, _callee(follower, function, frame), arguments):
        return True
    if last_name(function) not in _PASSES_ON:
        return False
    if isinstance(function, ast.Call):  # partial(train)(cfg)
        return bool(function.args) and _enter(follower, _callee(follower, function.args[0], frame), arguments)
    shifted = {k - 1 if isinstance(k, int) else k: v for k, v in arguments.items() if k != 0}
    return bool(node.args) and _enter(follower, _callee(follower, node.args[0], frame), shifted)


def _enter(follower: Follower, callee: Defined | None, arguments: Arguments) -> bool:
    if callee is None or not arguments:
        return False
    if isinstance(callee.node, ast.ClassDef):
        _read_class(follower, callee, arguments)
    else:
        read_function(follower, callee, _bound_parameters(follower, callee.node, arguments, 0))
    return True


def _follow_method(follower: Follower, function: ast.Attribute, frame: Frame, arguments: Arguments) -> bool:
    if not (frame.owner and isinstance(function.value, ast.Name) and function.value.id == frame.self_name):
        return False
    found = _method_named(frame.owner, function.attr)
    if found is None:
        return False
    home, method = found
    bound = _bound_parameters(follower, method, arguments, 0 if shapes.is_static(method) else 1)
    kept = {name: part for name, part in frame.names.items() if name.startswith(f"{frame.self_name}.")}
    read_function(follower, Defined(home.module, method), {**kept, **bound}, frame.owner)
    return True


def returned(follower: Follower, node: ast.Call, frame: Frame) -> Part | None:
    """The part of the config that a call of one of the project's functions gives back."""
    callee = _callee(follower, node.func, frame) if node.args or node.keywords else None
    if callee is None or isinstance(callee.node, ast.ClassDef) or id(callee.node) in follower.returning:
        return None
    if not follower.may_enter():
        return None
    function = callee.node
    piece = callee.module.source.piece(function)
    values = piece.once("returns", function, partial(shapes.returns, piece, function))
    arguments = given_parts(follower, node, frame) if len(values) == 1 else {}
    if not arguments:
        return None
    follower.returning.add(id(function))
    count = len(follower.reading.uses)
    inside = Frame(callee.module, _bound_parameters(follower, function, arguments, 0))
    del follower.reading.uses[count:]  # what goes into *args is noted where the call is read
    _bind_aliases(follower, function, inside)
    part = follower.part(values[0], inside)
    follower.returning.discard(id(function))
    return part
