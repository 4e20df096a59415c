"""Expressions: which of them stand for a part of the config, and what is done with it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from omegaconf import DictConfig

from experiment_setup.following import syntax
from experiment_setup.following.code import Defined, Module
from experiment_setup.following.records import CallSite, ConfigPath, Given, Kind, Part, Reading, Use
from experiment_setup.location import Location
from experiment_setup.python import tree

DICT_METHODS = frozenset(name for name in dir(DictConfig) if not name.startswith("_"))  # `cfg.exp.items` is one of them
ELEMENT = "[]"  # the step from a list to what is in it

# What is given the config as a whole only to show or to save it: that reads no field in particular.
_SHOWN_BY_NAME = frozenset(
    "print pprint pprint.pprint rich.print repr str type len id isinstance hasattr json.dumps json.dump yaml.dump"
    " yaml.safe_dump open_dict omegaconf.open_dict wandb.init wandb.config.update copy.copy copy.deepcopy".split()
)
_SHOWN_BY_METHOD = frozenset(
    "to_yaml save set_struct set_readonly resolve is_missing debug info warning error critical exception log"
    " log_hyperparams log_params save_hyperparameters WandbLogger".split()
)
_CONVERTED = frozenset("to_container to_object dict".split())  # shown if what it returns is only shown
_REMOVES = frozenset("pop popitem clear".split())
_CHANGES = _REMOVES | {"update", "setdefault"}  # methods after which a plain dict has other keys


@dataclass
class Scope:
    """A function or class body being read: what its names stand for. `self.x` is kept under that spelling."""

    module: Module
    names: dict[str, Part]
    functions: dict[str, syntax.Function] = field(default_factory=dict)
    owner: Sequence[Defined] = ()  # the class, and the project's own ones that it derives from
    self_name: str | None = None

    def location(self, node: ast.AST) -> Location:
        """Where a node of this scope's module stands."""
        return self.module.source.location(node)


class Expressions:
    """Finds the uses of the config in expressions. How a function is called is what subclasses add."""

    def __init__(self) -> None:
        self.reading = Reading()
        self.guarded = False
        self.conditional = False
        self.assumed = False

    def follow(self, node: ast.Call, scope: Scope, arguments: Mapping[int | str, Given]) -> bool:
        """Read a call's function with these arguments; False where it is not one of the project."""
        raise NotImplementedError

    def returned(self, node: ast.Call, scope: Scope) -> Part | None:
        """The part of the config that a call of one of the project's functions gives back."""
        raise NotImplementedError

    def statements(self, body: Sequence[ast.AST], scope: Scope) -> None:
        """Read what only some runs come to."""
        raise NotImplementedError

    # Parts.

    def part(self, node: ast.expr, scope: Scope) -> Part | None:
        """The part of the config that an expression stands for."""
        if isinstance(node, ast.Name):
            return scope.names.get(node.id)
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and f"{node.value.id}.{node.attr}" in scope.names:
                return scope.names[f"{node.value.id}.{node.attr}"]
            base = self.part(node.value, scope)
            return base.step(node.attr) if base is not None and base.form in ("config", "object") else None
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            base = self.part(node.value, scope)
            if base is not None and isinstance(node.slice.value, str):
                return base.step(node.slice.value)
            return base.step(ELEMENT) if base is not None and type(node.slice.value) is int else None
        if isinstance(node, ast.NamedExpr):
            return self.part(node.value, scope)
        return self._converted(node, scope) if isinstance(node, ast.Call) else None

    def _converted(self, node: ast.Call, scope: Scope) -> Part | None:
        """What a call makes of a part of the config, if that is the same part in another form."""
        name = scope.module.full_name(node.func)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "copy" and not node.args:
            return self.part(node.func.value, scope)
        if not node.args:
            return self.returned(node, scope)
        if name in ("cast", "typing.cast") and len(node.args) == 2:
            return self.part(node.args[1], scope)
        inner = self.part(node.args[0], scope)
        if inner is None or name in ("copy.copy", "copy.deepcopy"):
            return inner if inner is not None else self.returned(node, scope)
        if name == "dict":
            plain = len(node.args) == 1 and not node.keywords
            return inner._replace(form="shallow" if inner.form == "config" else "dict") if plain else None
        if name.endswith("OmegaConf.to_object"):
            return inner._replace(form="object")
        if name.endswith("OmegaConf.to_container"):
            instantiates = any(keyword.arg == "structured_config_mode" for keyword in node.keywords)
            return inner._replace(form="object" if instantiates else "dict")
        return self.returned(node, scope)

    def element(self, node: ast.expr, scope: Scope) -> Part | None:
        """What one of the values is that an expression is iterated over."""
        base = self.part(node, scope)
        return base.step(ELEMENT) if base is not None else None

    def places(self, node: ast.expr, scope: Scope) -> tuple[Location, ...]:
        """The places of the steps that `node` writes out, outermost last."""
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and f"{node.value.id}.{node.attr}" in scope.names:
                return ()
            end = (node.end_col_offset or 0) - len(node.attr.encode())
            place = scope.location(ast.Constant("", lineno=node.end_lineno or 0, col_offset=end))
            return (*self.places(node.value, scope), place)
        if isinstance(node, ast.Subscript):
            return (*self.places(node.value, scope), scope.location(node.slice))
        if isinstance(node, ast.NamedExpr):
            return self.places(node.value, scope)
        if isinstance(node, ast.Call) and node.args:
            given = node.args[1 if syntax.dotted(node.func).endswith("cast") and len(node.args) == 2 else 0]
            known = self.part(given, scope), self.part(node, scope)
            return self.places(given, scope) if known[0] and known[1] and known[0].path == known[1].path else ()
        return ()

    # Uses.

    def use(
        self, part: Part, kind: Kind, places: tuple[Location, ...], shown: bool = False, guarded: bool = False
    ) -> None:
        """Note a use of a part of the config."""
        guarded = guarded or self.guarded
        self.reading.uses.append(
            Use(part.path, kind, places, part.form, shown, guarded, self.conditional, self.assumed)
        )

    def expression(self, node: ast.expr, scope: Scope, shown: bool = False) -> None:
        """Note what an expression does. `shown`: what it gives is only printed or saved."""
        if isinstance(node, ast.NamedExpr):
            self.expression(node.value, scope, shown or node.target.id in scope.names)
            return
        part = self.part(node, scope)
        if part is not None:
            if isinstance(node, ast.Call):
                self._call(node, scope, True)
            if not isinstance(node, ast.Call) or not shown:
                self.use(part, "read", self.places(node, scope), shown)
        elif isinstance(node, ast.Call):
            self._call(node, scope, shown)
        elif isinstance(node, ast.JoinedStr):
            for piece in node.values:
                if isinstance(piece, ast.FormattedValue):
                    self.expression(piece.value, scope, shown=True)
        elif isinstance(node, ast.Compare) and any(isinstance(op, (ast.In, ast.NotIn)) for op in node.ops):
            if isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
                self.reading.checked_keys.add(node.left.value)
            for piece in (node.left, *node.comparators):
                self.expression(piece, scope, shown=True)
        elif isinstance(node, ast.IfExp):
            self.expression(node.test, scope)
            before, self.conditional = self.conditional, True
            self.expression(node.body, scope, shown)
            self.expression(node.orelse, scope, shown)
            self.conditional = before
        elif isinstance(node, ast.BoolOp):
            self.expression(node.values[0], scope)
            self.statements(node.values[1:], scope)
        elif isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            self._children(node, self._inside_scope(node, scope), False)
        else:
            self._children(node, scope, shown and isinstance(node, (ast.Dict, ast.List, ast.Tuple)))

    def _inside_scope(self, node: ast.expr, scope: Scope) -> Scope:
        inside = Scope(scope.module, dict(scope.names), scope.functions, scope.owner, scope.self_name)
        for name in syntax.bound_inside(node):
            inside.names.pop(name, None)
        for loop in getattr(node, "generators", ()):
            for name, value in syntax.elements(loop.target, loop.iter):
                element = self.element(value, scope)
                if element is not None:
                    inside.names[name] = element
        return inside

    def _children(self, node: ast.AST, scope: Scope, shown: bool) -> None:
        for child in tree.children(node):
            if isinstance(child, ast.expr):
                self.expression(child, scope, shown)
            else:
                self._children(child, scope, False)

    # Calls.

    def _call(self, node: ast.Call, scope: Scope, shown: bool) -> None:
        name = scope.module.full_name(node.func)
        if self._looks_up(node, name, scope):
            return
        arguments = self._arguments(node, scope)
        inside = tuple(self._inside(node, scope))
        if arguments or inside:
            self.reading.calls.append(CallSite(name, node, arguments, inside))
        followed = self.follow(node, scope, arguments)
        last = name.rpartition(".")[2]
        shows = name in _SHOWN_BY_NAME or last in _SHOWN_BY_METHOD or (shown and last in _CONVERTED)
        if isinstance(node.func, ast.Attribute):
            self._method(node, node.func, scope)
        elif not isinstance(node.func, ast.Name):
            self.expression(node.func, scope)
        for given in (*node.args, *(keyword.value for keyword in node.keywords)):
            part = self.part(given, scope)
            if part is not None and part.form in ("dict", "shallow") and not shows:
                self.reading.changed.add(part.path)  # whoever gets a plain dict may add to it
            self.expression(given, scope, shows or (followed and part is not None))

    def _method(self, node: ast.Call, function: ast.Attribute, scope: Scope) -> None:
        owner = self.part(function.value, scope)
        if owner is None:
            self.expression(function.value, scope)
        elif owner.form in ("dict", "shallow"):
            if function.attr in _CHANGES:
                self.reading.changed.add(owner.path)
            self.use(owner, "read", self.places(function.value, scope))
        elif function.attr in _REMOVES and owner.form == "config":
            self.use(owner, "remove", self.places(function, scope)[-1:])
        elif function.attr in DICT_METHODS:
            for name, key in syntax.keys_given(node) if function.attr == "update" else ():
                self.use(owner.step(name), "write", (scope.location(key),))
            self.use(owner, "read", self.places(function.value, scope))
        else:
            self.use(owner.step(function.attr), "call", self.places(function, scope))

    def _looks_up(self, node: ast.Call, name: str, scope: Scope) -> bool:
        """Handle what names a key in a string: `X.get("key", …)`, `getattr(X, "key", …)`, `OmegaConf.select(…)`."""
        function = node.func
        kind: Kind = "default"
        if isinstance(function, ast.Attribute) and function.attr == "get":
            owner, rest = self.part(function.value, scope), node.args
        elif name in ("getattr", "hasattr", "setattr") and node.args:
            owner, rest = self.part(node.args[0], scope), node.args[1:]
            kind = "write" if name == "setattr" else "read" if name == "getattr" and len(rest) == 1 else "default"
        elif name.endswith(("OmegaConf.select", "OmegaConf.update")) and node.args:
            owner, rest = self.part(node.args[0], scope), node.args[1:]
            kind = "write" if name.endswith("update") else "default"
        else:
            return False
        key = rest[0] if rest else None
        if owner is None or not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            return False
        if name == "hasattr":
            self.reading.checked_keys.add(key.value)
        steps = key.value.split(".") if "OmegaConf." in name else [key.value]
        if not all(step.isidentifier() for step in steps) and len(steps) > 1:
            return False
        for step in steps:
            owner = owner.step(step)
        self.use(owner, kind, (scope.location(key),) * len(steps))
        for other in (*rest[1:], *(keyword.value for keyword in node.keywords)):
            self.expression(other, scope)
        return True

    def _arguments(self, node: ast.Call, scope: Scope) -> dict[int | str, Given]:
        found: dict[int | str, Given] = {}
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            return found
        for index, argument in enumerate(node.args):
            part = self.part(argument, scope)
            if part is not None:
                found[index] = Given(part, scope.location(argument))
        for keyword in node.keywords:
            part = self.part(keyword.value, scope) if keyword.arg else None
            if keyword.arg and part is not None:
                found[keyword.arg] = Given(part, scope.location(keyword.value))
        return found

    def _inside(self, node: ast.Call, scope: Scope) -> Iterator[Given]:
        waiting: list[ast.expr | None] = [a for a in node.args if isinstance(a, (ast.Dict, ast.List, ast.Tuple))]
        while waiting:
            piece = waiting.pop()
            if isinstance(piece, ast.Dict):
                waiting += piece.values
            elif isinstance(piece, (ast.List, ast.Tuple)):
                waiting += piece.elts
            elif piece is not None:
                part = self.part(piece, scope)
                if part is not None:
                    yield Given(part, scope.location(piece))


def shown_path(path: ConfigPath) -> str:
    """A path as code writes it: `exp.layers[0].size`."""
    return ".".join(path).replace(f".{ELEMENT}", "[0]")
