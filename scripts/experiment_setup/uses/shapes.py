"""What a piece of code does by its shape: what it assigns, catches, returns."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from experiment_setup.code import tree
from experiment_setup.code.pieces import Piece
from experiment_setup.code.source import SourceFile
from experiment_setup.code.tree import Function, dotted, last_name

_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_CAUGHT = frozenset("AttributeError ConfigAttributeError ConfigKeyError KeyError Exception BaseException".split())


def is_static(node: Function) -> bool:
    """Whether a method takes no `self`."""
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)


def targets(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """The names that a node assigns, each with its value (None: another kind of value)."""
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name):
                if not (isinstance(node, ast.AnnAssign) and node.value is None):
                    yield target.id, node.value
            else:
                yield from _parallel(target, node.value)
    elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield node.target.id, None
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        known = {name: ast.Subscript(values, ast.Constant(0)) for name, values in elements(node.target, node.iter)}
        yield from ((name, known.get(name)) for name in _names(node.target))
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        given = (item.optional_vars for item in node.items if item.optional_vars is not None)
        yield from ((name, None) for variables in given for name in _names(variables))
    elif isinstance(node, ast.Global):
        yield from ((name, None) for name in node.names)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name, None


def _parallel(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    """`a, b = x, y`."""
    if isinstance(target, (ast.Tuple, ast.List)):
        same = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
        values: Sequence[ast.expr | None] = value.elts if same else [None] * len(target.elts)  # type: ignore[union-attr]
        for inner, given in zip(target.elts, values, strict=True):
            if isinstance(inner, ast.Name):
                yield inner.id, given
            else:
                yield from ((name, None) for name in _names(inner))


def _names(node: ast.AST) -> Iterator[str]:
    yield from (n.id for n in tree.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def attribute_targets(node: ast.AST) -> Iterator[tuple[ast.Attribute, ast.expr]]:
    """The attributes that a statement assigns, each with its value."""
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Attribute):
                yield target, node.value


def bound_inside(node: ast.AST) -> Iterator[str]:
    """The names that a lambda or comprehension binds itself."""
    if isinstance(node, ast.Lambda):
        yield from (argument.arg for argument in tree.walk(node.args) if isinstance(argument, ast.arg))
    else:
        yield from _names(node)


def catches(handler: ast.ExceptHandler) -> bool:
    """Whether the handler is for a key that a config does not have."""
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(last_name(kind) in _CAUGHT for kind in kinds)


def suppresses(node: ast.expr) -> bool:
    """Whether it is a call of `contextlib.suppress`."""
    return isinstance(node, ast.Call) and last_name(node.func) == "suppress"


def leaves(node: ast.AST) -> bool:
    """Whether something in the statement may leave the block it stands in."""
    return any(isinstance(inner, _LEAVES) for inner in tree.walk(node))


def assigned(piece: Piece, node: Function) -> dict[str, list[ast.expr | None]]:
    """The names that the body of a function assigns, each with its values."""
    found: dict[str, list[ast.expr | None]] = {}
    for inner in piece.own_nodes.get(id(node), ()):
        for name, value in targets(inner):
            found.setdefault(name, []).append(value)
    return found


def stored_in_self(methods: Iterable[tuple[SourceFile, Function]]) -> dict[str, list[ast.expr]]:
    """The attributes of `self` that methods assign, each with its values."""
    found: dict[str, list[ast.expr]] = {}
    for source, method in methods:
        own = method.args.args[0].arg if method.args.args else ""
        for kind in (ast.Assign, ast.AnnAssign, ast.AugAssign):
            for inner in source.piece(method).nodes_in(method, kind):
                for target, value in attribute_targets(inner):
                    if isinstance(target.value, ast.Name) and target.value.id == own:
                        found.setdefault(target.attr, []).append(value)
    return found


def elements(target: ast.expr, values: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The names of a loop that stand for one of the values, each with the expression of the values."""
    if isinstance(target, ast.Name):
        yield target.id, values
    elif isinstance(target, ast.Tuple) and isinstance(values, ast.Call) and dotted(values.func) == "enumerate":
        counted = target.elts[1] if len(target.elts) == 2 and values.args else None
        if isinstance(counted, ast.Name):
            yield counted.id, values.args[0]


def annotated_with(parameter: ast.arg) -> Iterator[ast.expr]:
    """The names in a parameter's annotation: `Config` in `Config`, `"Config"` and `Config | None`."""
    note = parameter.annotation
    if isinstance(note, ast.Constant) and isinstance(note.value, str):
        try:
            note = ast.parse(note.value, mode="eval").body
        except SyntaxError:
            return
    if isinstance(note, ast.BinOp):
        yield from (side for side in (note.left, note.right) if isinstance(side, (ast.Name, ast.Attribute)))
    elif isinstance(note, ast.Subscript) and last_name(note.value) == "Optional":
        yield note.slice
    elif isinstance(note, (ast.Name, ast.Attribute)):
        yield note


def is_dataclass(node: ast.AST) -> bool:
    """Whether a class has the decorator `dataclass`."""
    return isinstance(node, ast.ClassDef) and any(last_name(d) == "dataclass" for d in node.decorator_list)


def fields(node: ast.AST) -> Iterator[str]:
    """The annotated names of a class body."""
    for statement in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id


def keys_given(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    """The keys that a call such as `update({"seed": 1}, lr=2)` names, each with its node."""
    yield from ((keyword.arg, keyword) for keyword in node.keywords if keyword.arg)
    for key in node.args[0].keys if node.args and isinstance(node.args[0], ast.Dict) else ():
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value, key


def is_super_init(node: ast.Call) -> bool:
    """Whether it is `super().__init__(…)`."""
    function = node.func
    return isinstance(function, ast.Attribute) and function.attr == "__init__" and last_name(function.value) == "super"


def returns(piece: Piece, node: Function) -> list[ast.expr]:
    """The values that a function returns; none for a generator."""
    found = piece.own_nodes.get(id(node), ())
    if any(isinstance(inner, (ast.Yield, ast.YieldFrom)) for inner in found):
        return []
    return [inner.value or ast.Constant(None) for inner in found if isinstance(inner, ast.Return)]
