"""What the entry point reads of the config: attribute chains that start at the parameter of the main function.

The parameter is followed through aliases (`exp = cfg.exp`), functions and classes of the same module that it is passed
to, and attributes of `self`. Where it goes beyond that (another module, a container, a global), it is lost and that is
recorded: nothing is guessed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from omegaconf import DictConfig

from experiment_setup.location import Location
from experiment_setup.python.source import SourceFile, UnreadableSource, read_source
from experiment_setup.rules import syntax
from experiment_setup.rules.uses import CallSite, ConfigPath, Kind, Reading, Use
from experiment_setup.schema import Schema

T = TypeVar("T")

DICT_METHODS = frozenset(name for name in dir(DictConfig) if not name.startswith("_"))  # `cfg.exp.items` is one of them

# What is given the config as a whole only to show or to save it: that reads no field in particular.
_SHOWN_BY_NAME = frozenset(
    "print pprint repr str type len id isinstance hasattr json.dumps json.dump yaml.dump yaml.safe_dump open_dict"
    " omegaconf.open_dict wandb.init wandb.config.update WandbLogger".split()
)
_SHOWN_BY_METHOD = frozenset(
    "to_yaml save set_struct set_readonly resolve is_missing debug info warning error critical exception log"
    " log_hyperparams log_params save_hyperparameters".split()
)
_CONVERTED = frozenset(["to_container"])  # shown if what it returns is only shown


def read(schema: Schema) -> Reading:
    """Follow the config through the entry point of `schema`."""
    if schema.main is None:
        return Reading()
    try:
        source = read_source(schema.entry)
    except UnreadableSource:
        return Reading()
    return _Follower(source).follow(schema.main.function)


@dataclass
class _Scope:
    """A function or class body being read: what its names stand for. `self.x` is kept under that spelling."""

    names: dict[str, ConfigPath]
    functions: dict[str, syntax.Function]
    owner: ast.ClassDef | None = None
    self_name: str | None = None


class _Follower:
    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._reading = Reading()
        self._functions = {
            n.name: n for n in source.tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        self._classes = {n.name: n for n in source.tree.body if isinstance(n, ast.ClassDef)}
        self._seen: set[tuple[int, bool, frozenset[tuple[int | str, ConfigPath]]]] = set()
        self._known: dict[tuple[str, int], Any] = {}  # what has been looked up in the tree, by question and node
        self._guarded = False
        self._conditional = False

    def follow(self, function: str) -> Reading:
        main = self._functions.get(function)
        if main is None or not main.args.args:
            return self._reading
        self._reading.followed = True
        text = "\n".join(self._source.lines)
        self._reading.open = any(word in text for word in ("open_dict", "set_struct", "force_add"))
        self._function(main, {main.args.args[0].arg: ()}, None)
        return self._reading

    # Functions and classes.

    def _function(
        self,
        node: syntax.Function,
        bound: dict[str, ConfigPath],
        owner: ast.ClassDef | None,
        outer: _Scope | None = None,
    ) -> None:
        """Read a function whose parameters (and `self.x`) stand for parts of the config."""
        names = {**(outer.names if outer else {}), **bound}
        key = (id(node), self._conditional, frozenset(names.items()))
        if key in self._seen:
            return
        self._seen.add(key)
        parameters = {a.arg for a in syntax.parameters(node)}
        names = {name: path for name, path in names.items() if name in bound or name not in parameters}
        self_name = node.args.args[0].arg if owner and node.args.args and not syntax.is_static(node) else None
        inner = self._once(
            "functions",
            node,
            lambda: {
                n.name: n
                for n in ast.walk(node)
                if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and n is not node
            },
        )
        functions = {**(outer.functions if outer else {}), **inner}
        scope = _Scope(names, functions, owner, self_name or (outer.self_name if outer else None))
        if outer and not owner:
            scope.owner = outer.owner
        self._bind(node, scope)
        self._block(node.body, scope)

    def _once(self, question: str, node: ast.AST, answer: Callable[[], T]) -> T:
        """The answer to a question about the tree alone: a function is read anew for every way to call it."""
        key = (question, id(node))
        if key not in self._known:
            self._known[key] = answer()
        found: T = self._known[key]
        return found

    def _block(self, body: Sequence[ast.stmt], scope: _Scope) -> None:
        """Read statements; after an `if` that may leave the block, not every run comes to the rest."""
        before = self._conditional
        for statement in body:
            self._statement(statement, scope)
            if isinstance(statement, (ast.If, ast.Try)) and self._once(
                "leaves", statement, partial(syntax.leaves, statement)
            ):
                self._conditional = True
        self._conditional = before

    def _sometimes(self, body: Sequence[ast.AST], scope: _Scope) -> None:
        """Read what only some runs come to."""
        before, self._conditional = self._conditional, True
        for node in body:
            if isinstance(node, ast.expr):
                self._expression(node, scope)
            else:
                self._statement(node, scope)
        self._conditional = before

    def _bind(self, node: syntax.Function, scope: _Scope) -> None:
        """Find the aliases of a function body; a name with two meanings has none."""
        assigned = self._once("assigned", node, partial(syntax.assigned, node))
        for name in [name for name in assigned if name in scope.names]:
            if any(value is None or self._path(value, scope) != scope.names[name] for value in assigned[name]):
                del scope.names[name]
        for _ in range(3):  # an alias of an alias
            for name, values in assigned.items():
                path = self._path(values[0], scope) if len(values) == 1 and values[0] is not None else None
                if path is not None and name not in scope.names:
                    scope.names[name] = path

    def _class(self, node: ast.ClassDef, arguments: Mapping[int | str, ConfigPath]) -> None:
        """Read a class that is made with parts of the config: what __init__ keeps in self is known in every method."""
        key = (id(node), self._conditional, frozenset(arguments.items()))
        if key in self._seen:
            return
        self._seen.add(key)
        methods = {n.name: n for n in node.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
        start = methods.get("__init__")
        kept: dict[str, ConfigPath] = {}
        if start is None or not start.args.args:
            for path in arguments.values():
                self._use(path, "read", ())
            return
        bound = self._parameters_for(start, arguments, 1)
        scope = _Scope(dict(bound), {}, node, start.args.args[0].arg)
        self._bind(start, scope)
        stored = self._once("stored", node, partial(syntax.stored_in_self, methods.values()))
        for name, values in stored.items():
            alias = self._path(values[0], scope) if len(values) == 1 else None
            if alias is not None:
                kept[name] = alias
        for method in methods.values():
            if not method.args.args or syntax.is_static(method):
                continue
            own = method.args.args[0].arg
            names = {f"{own}.{name}": path for name, path in kept.items()}
            before, self._conditional = self._conditional, self._conditional or method is not start
            self._function(method, {**names, **(bound if method is start else {})}, node)
            self._conditional = before

    def _parameters_for(
        self, node: syntax.Function, arguments: Mapping[int | str, ConfigPath], skip: int
    ) -> dict[str, ConfigPath]:
        positional = [a.arg for a in [*node.args.posonlyargs, *node.args.args]][skip:]
        known = {a.arg for a in syntax.parameters(node)}
        bound: dict[str, ConfigPath] = {}
        for key, path in arguments.items():
            if isinstance(key, int) and key < len(positional):
                bound[positional[key]] = path
            elif isinstance(key, str) and key in known:
                bound[key] = path
            else:  # *args, **kwargs
                self._use(path, "read", ())
        return bound

    # Statements.

    def _statement(self, node: ast.AST, scope: _Scope) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            before, self._conditional = self._conditional, True
            self._function(node, {}, None, scope)
            self._conditional = before
        elif isinstance(node, ast.ClassDef):
            self._sometimes(node.body, scope)
        elif isinstance(node, (ast.If, ast.While)):
            self._expression(node.test, scope)
            self._sometimes([*node.body, *node.orelse], scope)
        elif isinstance(node, ast.Match):
            self._expression(node.subject, scope)
            self._sometimes(node.cases, scope)
        elif isinstance(node, ast.Try) and any(syntax.catches(handler) for handler in node.handlers):
            self._guard(node.body, scope)
            self._sometimes([*node.handlers, *node.orelse, *node.finalbody], scope)
        elif isinstance(node, ast.With) and any(syntax.suppresses(item.context_expr) for item in node.items):
            self._guard(node.body, scope)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            path = self._path(node.value, scope)
            alias = path is not None and all(self._keeps(target, path, scope) for target in targets)
            self._expression(node.value, scope, shown=alias)
            for target in targets:
                self._target(target, scope)
        elif isinstance(node, ast.AugAssign):
            self._expression(node.value, scope)
            self._target(node.target, scope)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                if self._path(target, scope) is None:
                    self._expression(target, scope)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self._expression(child, scope)
                else:
                    self._statement(child, scope)

    def _guard(self, body: Sequence[ast.stmt], scope: _Scope) -> None:
        before, self._guarded = self._guarded, True
        self._block(body, scope)
        self._guarded = before

    def _keeps(self, target: ast.expr, path: ConfigPath, scope: _Scope) -> bool:
        """Whether the target is an alias that will be followed."""
        return isinstance(target, (ast.Name, ast.Attribute)) and _spelled(target, scope, path) is not None

    def _target(self, node: ast.expr, scope: _Scope) -> None:
        if isinstance(node, (ast.Tuple, ast.List)):
            for element in node.elts:
                self._target(element, scope)
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            path = self._path(node, scope)
            spelled = isinstance(node, ast.Attribute) and _spelled(node, scope, path or ())
            if path and not spelled and self._path(node.value, scope) is not None:
                self._use(path, "write", self._places(node, scope))
            else:
                self._expression(node.value, scope)
                if isinstance(node, ast.Subscript):
                    self._expression(node.slice, scope)

    # Expressions.

    def _expression(self, node: ast.expr, scope: _Scope, shown: bool = False) -> None:
        path = self._path(node, scope)
        if path is not None:
            self._use(path, "read", self._places(node, scope), shown)
        elif isinstance(node, ast.Call):
            self._call(node, scope, shown)
        elif isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    self._expression(part.value, scope, shown=True)
        elif isinstance(node, ast.Compare) and any(isinstance(op, (ast.In, ast.NotIn)) for op in node.ops):
            if isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
                self._reading.checked_keys.add(node.left.value)
            for part in (node.left, *node.comparators):
                self._expression(part, scope, shown=True)
        elif isinstance(node, ast.IfExp):
            self._expression(node.test, scope)
            before, self._conditional = self._conditional, True
            self._expression(node.body, scope, shown)
            self._expression(node.orelse, scope, shown)
            self._conditional = before
        elif isinstance(node, ast.BoolOp):
            self._expression(node.values[0], scope)
            self._sometimes(node.values[1:], scope)
        elif isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            inside = _Scope(dict(scope.names), scope.functions, scope.owner, scope.self_name)
            for name in syntax.bound_inside(node):
                inside.names.pop(name, None)
            self._children(node, inside, False)
        else:
            self._children(node, scope, shown and isinstance(node, (ast.Dict, ast.List, ast.Tuple)))

    def _children(self, node: ast.AST, scope: _Scope, shown: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._expression(child, scope, shown)
            else:
                self._children(child, scope, False)

    def _call(self, node: ast.Call, scope: _Scope, shown: bool) -> None:
        if self._looks_up(node, scope):
            return
        name = syntax.dotted(node.func)
        arguments = self._arguments(node, scope)
        inside = tuple(self._inside(node, scope))
        if arguments or inside:
            self._reading.calls.append(CallSite(name, node, arguments, inside))
        followed = self._followed(node, scope, arguments)
        shows = name in _SHOWN_BY_NAME or name.rpartition(".")[2] in _SHOWN_BY_METHOD
        shows = shows or (shown and name.rpartition(".")[2] in _CONVERTED)
        if isinstance(node.func, ast.Attribute):
            owner = self._path(node.func.value, scope)
            if owner is None:
                self._expression(node.func.value, scope)
            elif node.func.attr in DICT_METHODS:
                self._use(owner, "read", self._places(node.func.value, scope))
            else:
                self._use((*owner, node.func.attr), "call", self._places(node.func, scope))
        elif not isinstance(node.func, ast.Name):
            self._expression(node.func, scope)
        for given in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._expression(given, scope, shows or (followed and self._path(given, scope) is not None))

    def _looks_up(self, node: ast.Call, scope: _Scope) -> bool:
        """Handle `X.get("key", …)`, `getattr(X, "key", …)` and `hasattr(X, "key")`."""
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "get":
            owner, rest = self._path(function.value, scope), node.args
        elif isinstance(function, ast.Name) and function.id in ("getattr", "hasattr") and node.args:
            owner, rest = self._path(node.args[0], scope), node.args[1:]
        else:
            return False
        key = rest[0] if rest else None
        if owner is None or not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            return False
        if isinstance(function, ast.Name) and function.id == "hasattr":
            self._reading.checked_keys.add(key.value)
        kind: Kind = (
            "read" if isinstance(function, ast.Name) and len(rest) == 1 and function.id == "getattr" else "default"
        )
        self._use((*owner, key.value), kind, (self._source.location(key),))
        for other in rest[1:]:
            self._expression(other, scope)
        return True

    def _arguments(self, node: ast.Call, scope: _Scope) -> dict[int | str, ConfigPath]:
        found: dict[int | str, ConfigPath] = {}
        if any(isinstance(a, ast.Starred) for a in node.args):
            return found
        for index, argument in enumerate(node.args):
            path = self._path(argument, scope)
            if path is not None:
                found[index] = path
        for keyword in node.keywords:
            path = self._path(keyword.value, scope) if keyword.arg else None
            if keyword.arg and path is not None:
                found[keyword.arg] = path
        return found

    def _inside(self, node: ast.Call, scope: _Scope) -> Iterator[tuple[ConfigPath, Location]]:
        waiting: list[ast.expr | None] = [a for a in node.args if isinstance(a, (ast.Dict, ast.List, ast.Tuple))]
        while waiting:
            part = waiting.pop()
            if isinstance(part, ast.Dict):
                waiting += part.values
            elif isinstance(part, (ast.List, ast.Tuple)):
                waiting += part.elts
            elif part is not None:
                path = self._path(part, scope)
                if path is not None:
                    yield path, self._source.location(part)

    def _followed(self, node: ast.Call, scope: _Scope, arguments: dict[int | str, ConfigPath]) -> bool:
        """Follow the arguments into a function or class of this module; False where the callee is not one."""
        function = node.func
        if isinstance(function, ast.Name):
            local = scope.functions.get(function.id)
            if local is not None:
                self._function(local, self._parameters_for(local, arguments, 0), None, scope)
                return True
            if not arguments:
                return False
            if function.id in self._classes:
                self._class(self._classes[function.id], arguments)
                return True
            known = self._functions.get(function.id)
            if known is not None:
                self._function(known, self._parameters_for(known, arguments, 0), None)
                return True
        elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and scope.owner and arguments:
            if function.value.id != scope.self_name:
                return False
            for method in scope.owner.body:
                if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)) and method.name == function.attr:
                    bound = self._parameters_for(method, arguments, 0 if syntax.is_static(method) else 1)
                    kept = {k: v for k, v in scope.names.items() if k.startswith(f"{scope.self_name}.")}
                    self._function(method, {**kept, **bound}, scope.owner)
                    return True
        return False

    # Paths.

    def _path(self, node: ast.expr, scope: _Scope) -> ConfigPath | None:
        """The part of the config that an expression stands for."""
        if isinstance(node, ast.Name):
            return scope.names.get(node.id)
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and f"{node.value.id}.{node.attr}" in scope.names:
                return scope.names[f"{node.value.id}.{node.attr}"]
            base = self._path(node.value, scope)
            return (*base, node.attr) if base is not None else None
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        ):
            base = self._path(node.value, scope)
            return (*base, node.slice.value) if base is not None else None
        if isinstance(node, ast.Call) and syntax.dotted(node.func) in ("cast", "typing.cast") and len(node.args) == 2:
            return self._path(node.args[1], scope)
        return None

    def _places(self, node: ast.expr, scope: _Scope) -> tuple[Location, ...]:
        """The places of the steps that `node` writes out, outermost last."""
        if isinstance(node, ast.Attribute) and not (
            isinstance(node.value, ast.Name) and f"{node.value.id}.{node.attr}" in scope.names
        ):
            return (*self._places(node.value, scope), self._attribute_location(node))
        if isinstance(node, ast.Subscript):
            return (*self._places(node.value, scope), self._source.location(node.slice))
        return ()

    def _attribute_location(self, node: ast.Attribute) -> Location:
        end = ast.Constant(
            "", lineno=node.end_lineno or 0, col_offset=(node.end_col_offset or 0) - len(node.attr.encode())
        )
        return self._source.location(end)

    def _use(self, path: ConfigPath, kind: Kind, places: tuple[Location, ...], shown: bool = False) -> None:
        self._reading.uses.append(Use(path, kind, places, shown, self._guarded, self._conditional))


def _spelled(target: ast.Name | ast.Attribute, scope: _Scope, path: ConfigPath) -> str | None:
    """The name under which the scope follows the target as `path`, such as `exp` or `self.cfg`."""
    if isinstance(target, ast.Name):
        name = target.id
    elif isinstance(target.value, ast.Name):
        name = f"{target.value.id}.{target.attr}"
    else:
        return None
    return name if scope.names.get(name) == path else None
