"""What the class or function that `_target_` names takes, where the project's code tells."""

from __future__ import annotations

import ast

from experiment_setup.code.modules import Module, Modules
from experiment_setup.code.tree import FUNCTIONS, Function, last_name

_CHAIN = 5  # classes that inherit their __init__
OF_INSTANTIATE = frozenset({"_target_", "_args_", "_partial_", "_recursive_", "_convert_"})


def parameters(code: Modules, target: str) -> frozenset[str] | None:
    """The arguments that a dotted name takes by keyword; None where that is not known, or it takes any."""
    module_name, _, name = target.rpartition(".")
    module = code.find(module_name, [name]) if module_name else None
    found = code.defined(module, ast.Name(name)) if module is not None and module.is_read else None
    if found is None:
        return None
    if isinstance(found.node, FUNCTIONS):
        return None if found.node.decorator_list else _of_function(found.node, bound=False)
    return _of_class(code, found.module, found.node, _CHAIN)


def _of_class(code: Modules, module: Module, node: ast.ClassDef, depth: int) -> frozenset[str] | None:
    if depth == 0 or node.decorator_list or node.keywords:
        return None  # a decorator such as @dataclass makes an __init__ of its own
    methods = {inner.name: inner for inner in node.body if isinstance(inner, FUNCTIONS)}
    if "__new__" in methods:
        return None
    if "__init__" in methods:
        own = methods["__init__"]
        return None if own.decorator_list else _of_function(own, bound=True)
    if [last_name(base) for base in node.bases] in ([], ["object"]):
        return frozenset()
    above = code.defined(module, node.bases[0])
    if above is None or not isinstance(above.node, ast.ClassDef):
        return None
    return _of_class(code, above.module, above.node, depth - 1)


def _of_function(node: Function, *, bound: bool) -> frozenset[str] | None:
    given = node.args
    if given.kwarg is not None:
        return None
    names = [argument.arg for argument in (*given.args, *given.kwonlyargs)]
    return frozenset(names[1:] if bound and not given.posonlyargs else names)
