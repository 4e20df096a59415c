"""Follows the config through the code: from the parameter of the main function through aliases, functions and classes.

Functions and classes of the project's own modules are followed where a part of the config is passed to them; so is what
a class keeps in `self`. A parameter that is annotated with a config class is taken for that part of the config. Where
the config goes beyond that (a container, a library), it is lost and that is recorded: nothing is guessed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from experiment_setup.following import syntax
from experiment_setup.following.code import Code, Defined, Module
from experiment_setup.following.expressions import Expressions, Scope
from experiment_setup.following.records import ConfigPath, Given, Part, Reading
from experiment_setup.python import tree
from experiment_setup.python.source import UnreadableSource, read_source
from experiment_setup.schema import Schema

T = TypeVar("T")

_OPENS = ("open_dict(", "set_struct(", "force_add")  # words without which no key can be added to a config
# Functions that call another one: partial(train, cfg), pool.submit(train, cfg).
_PASSES_ON = frozenset("partial submit apply apply_async delayed Thread Process map starmap".split())

ConfigClasses = Mapping[tuple[Path, str], ConfigPath]  # (file, name) of a dataclass -> the part that it is the type of


def read(schema: Schema, root: Path, classes: ConfigClasses) -> Reading:
    """Follow the config through the entry point of `schema` and the project's modules that it imports."""
    if schema.main is None:
        return Reading()
    try:
        source = read_source(schema.entry)
    except UnreadableSource:
        return Reading()
    return _Follower(Code(source, schema.modules, root), classes).read(schema.main.function)


class _Follower(Expressions):
    def __init__(self, code: Code, classes: ConfigClasses) -> None:
        super().__init__()
        self._code = code
        self._config_classes = dict(classes)
        self._seen: set[object] = set()
        self._entered: set[int] = set()  # ids of the functions and classes that were followed from main
        self._returning: set[int] = set()
        self._known: dict[tuple[str, int], Any] = {}  # what has been looked up in the tree, by question and node

    def read(self, function: str) -> Reading:
        module = self._code.entry
        main = module.functions.get(function)
        if main is None or not main.args.args:
            return self.reading
        self.reading.followed = True
        for name in syntax.annotated_with(main.args.args[0]):
            whole = self._code.defined(module, name)
            if whole is not None:
                self._config_classes.setdefault(whole.key, ())
        self._function(Defined(module, main), {main.args.args[0].arg: Part(())})
        self._by_annotation()
        self.reading.modules = list(self._code.modules())
        lines = (line for known in self.reading.modules for line in known.source.lines)
        self.reading.open = any(word in line for line in lines for word in _OPENS)
        return self.reading

    def _by_annotation(self) -> None:
        """Read what was not reached from main, as far as annotations say which parameters are the config."""
        self.conditional = self.assumed = True
        for module in list(self._code.modules()) if self._config_classes else ():
            for function in module.functions.values():
                if id(function) not in self._entered and self._annotated(function, module):
                    self._function(Defined(module, function), {})
            for node in module.classes.values():
                start = self._method_named(self._lineage(Defined(module, node)), "__init__")
                if id(node) not in self._entered and start and self._annotated(start[1], start[0].module):
                    self._class(Defined(module, node), {})

    def _annotated(self, node: syntax.Function, module: Module) -> dict[str, Part]:
        """The parameters whose annotation is a config class, each with the part that it stands for."""
        found = {}
        for parameter in syntax.parameters(node) if self._config_classes else ():
            for name in syntax.annotated_with(parameter):
                defined = self._code.defined(module, name)
                path = self._config_classes.get(defined.key) if defined is not None else None
                if path is not None:
                    found[parameter.arg] = Part(path, "object")
        return found

    # Functions and classes.

    def _function(
        self,
        function: Defined,
        bound: Mapping[str, Part],
        owner: Sequence[Defined] = (),
        outer: Scope | None = None,
    ) -> None:
        """Read a function whose parameters (and `self.x`) stand for parts of the config."""
        node, module = function.node, function.module
        assert not isinstance(node, ast.ClassDef)
        self._entered.add(id(node))
        annotated = self._once("annotated", node, lambda: self._annotated(node, module))
        names = {**(outer.names if outer else {}), **annotated, **bound}
        key = (id(node), self.conditional, frozenset(names.items()))
        if key in self._seen:
            return
        self._seen.add(key)
        parameters = {a.arg for a in syntax.parameters(node)}
        names = {n: part for n, part in names.items() if n in bound or n in annotated or n not in parameters}
        self_name = node.args.args[0].arg if owner and node.args.args and not syntax.is_static(node) else None
        inner = self._once(
            "functions",
            node,
            lambda: {n.name: n for n in tree.walk(node) if isinstance(n, _FUNCTIONS) and n is not node},
        )
        scope = Scope(module, names, {**(outer.functions if outer else {}), **inner}, owner, self_name)
        if outer and not owner:
            scope.owner, scope.self_name = outer.owner, outer.self_name
        self._bind(node, scope)
        self._block(node.body, scope)

    def _once(self, question: str, node: ast.AST, answer: Callable[[], T]) -> T:
        """The answer to a question about the tree alone: a function is read anew for every way to call it."""
        key = (question, id(node))
        if key not in self._known:
            self._known[key] = answer()
        found: T = self._known[key]
        return found

    def _bind(self, node: syntax.Function, scope: Scope) -> None:
        """Find the aliases of a function body; a name with two meanings has none."""
        assigned = self._once("assigned", node, partial(syntax.assigned, node))
        for name in [name for name in assigned if name in scope.names]:
            merged = self._merged(assigned[name], scope, scope.names[name])
            if merged is None:
                del scope.names[name]
            else:
                scope.names[name] = merged
        for _ in range(3):  # an alias of an alias
            for name, values in assigned.items():
                if name in scope.names:
                    continue
                parts = (self.part(value, scope) for value in values if value is not None)
                first = next((part for part in parts if part is not None), None)
                if first is None:
                    continue
                scope.names[name] = first
                merged = self._merged(values, scope, first)
                if merged is None:
                    del scope.names[name]
                else:
                    scope.names[name] = merged

    def _merged(self, values: Sequence[ast.expr | None], scope: Scope, first: Part) -> Part | None:
        """What a name is that has several values: one part, in the form that allows most."""
        parts = [self.part(value, scope) if value is not None else None for value in values]
        if any(part is None or part.path != first.path for part in parts):
            return None
        return first if all(part == first for part in parts) else first._replace(form="object")

    def _lineage(self, start: Defined) -> list[Defined]:
        """A class and the project's own classes that it derives from, nearest first."""
        found: list[Defined] = []
        waiting = [start]
        while waiting:
            current = waiting.pop(0)
            if any(known.node is current.node for known in found) or not isinstance(current.node, ast.ClassDef):
                continue
            found.append(current)
            waiting += [base for b in current.node.bases if (base := self._code.defined(current.module, b))]
        return found

    @staticmethod
    def _method_named(lineage: Sequence[Defined], name: str) -> tuple[Defined, syntax.Function] | None:
        for known in lineage:
            for node in known.node.body:
                if isinstance(node, _FUNCTIONS) and node.name == name:
                    return known, node
        return None

    def _class(self, start: Defined, arguments: Mapping[int | str, Given]) -> None:
        """Read a class that is made with parts of the config: what is kept in self is known in every method."""
        parts = frozenset((key, given.part) for key, given in arguments.items())
        key = (id(start.node), self.conditional, parts)
        if key in self._seen:
            return
        self._seen.add(key)
        self._entered.add(id(start.node))
        lineage = self._lineage(start)
        kept = self._kept(lineage, arguments)
        if kept is None:
            for given in arguments.values():
                self.use(given.part, "read", ())
            return
        attributes, begin, bound = kept
        methods: dict[str, tuple[Module, syntax.Function]] = {}
        for known in lineage:
            for node in known.node.body:
                if isinstance(node, _FUNCTIONS):
                    methods.setdefault(node.name, (known.module, node))
        for module, method in methods.values():
            if not method.args.args or syntax.is_static(method):
                continue
            own = method.args.args[0].arg
            names = {f"{own}.{name}": part for name, part in attributes.items()}
            before, self.conditional = self.conditional, self.conditional or method is not begin
            self._function(Defined(module, method), {**names, **(bound if method is begin else {})}, lineage)
            self.conditional = before

    def _kept(
        self, lineage: Sequence[Defined], arguments: Mapping[int | str, Given]
    ) -> tuple[dict[str, Part], syntax.Function | None, dict[str, Part]] | None:
        """(attribute -> part, __init__, its parameters -> parts) of a class; None if it does not take the config."""
        found = self._method_named(lineage, "__init__")
        if found is None:
            fields = [name for known in reversed(lineage) for name in syntax.fields(known.node)]
            if not fields or not any(syntax.is_dataclass(known.node) for known in lineage):
                return None
            given = {fields[k] if isinstance(k, int) and k < len(fields) else k: v.part for k, v in arguments.items()}
            return {name: part for name, part in given.items() if isinstance(name, str)}, None, {}
        home, start = found
        if not start.args.args:
            return None
        bound = {**self._annotated(start, home.module), **self._parameters_for(start, arguments, 1)}
        scope = Scope(home.module, dict(bound), {}, lineage, start.args.args[0].arg)
        self._bind(start, scope)
        attributes: dict[str, Part] = {}
        for node in tree.walk(start):
            if isinstance(node, ast.Call) and syntax.is_super_init(node):
                above = self._kept(lineage[lineage.index(home) + 1 :], self._arguments(node, scope))
                attributes.update(above[0] if above else {})
        methods = [n for known in lineage for n in known.node.body if isinstance(n, _FUNCTIONS)]
        for name, values in self._once("stored", home.node, partial(syntax.stored_in_self, methods)).items():
            parts = {self.part(value, scope) for value in values}
            if len(parts) == 1 and (part := parts.pop()) is not None:
                attributes[name] = part
            elif name in attributes:
                del attributes[name]
        return attributes, start, bound

    def _parameters_for(
        self, node: syntax.Function, arguments: Mapping[int | str, Given], skip: int
    ) -> dict[str, Part]:
        positional = [a.arg for a in [*node.args.posonlyargs, *node.args.args]][skip:]
        known = {a.arg for a in syntax.parameters(node)}
        bound: dict[str, Part] = {}
        for key, given in arguments.items():
            if isinstance(key, int) and key < len(positional):
                bound[positional[key]] = given.part
            elif isinstance(key, str) and key in known:
                bound[key] = given.part
            else:  # *args, **kwargs
                self.use(given.part, "read", ())
        return bound

    # Calls.

    def _callee(self, function: ast.expr, scope: Scope) -> Defined | None:
        if isinstance(function, ast.Name) and function.id in scope.functions:
            return Defined(scope.module, scope.functions[function.id])
        return self._code.defined(scope.module, function)

    def follow(self, node: ast.Call, scope: Scope, arguments: Mapping[int | str, Given]) -> bool:
        function = node.func
        if isinstance(function, ast.Name) and function.id in scope.functions:
            local = scope.functions[function.id]
            self._function(Defined(scope.module, local), self._parameters_for(local, arguments, 0), outer=scope)
            return True
        if not arguments:
            return False
        if isinstance(function, ast.Attribute) and self._follow_method(function, scope, arguments):
            return True
        if self._enter(self._callee(function, scope), arguments):
            return True
        if isinstance(function, ast.Call) and syntax.dotted(function.func).rpartition(".")[2] in _PASSES_ON:
            return bool(function.args) and self._enter(self._callee(function.args[0], scope), arguments)
        if syntax.dotted(function).rpartition(".")[2] in _PASSES_ON and node.args:
            shifted = {k - 1 if isinstance(k, int) else k: v for k, v in arguments.items() if k != 0}
            return self._enter(self._callee(node.args[0], scope), shifted)
        return False

    def _enter(self, callee: Defined | None, arguments: Mapping[int | str, Given]) -> bool:
        if callee is None or not arguments:
            return False
        if isinstance(callee.node, ast.ClassDef):
            self._class(callee, arguments)
        else:
            self._function(callee, self._parameters_for(callee.node, arguments, 0))
        return True

    def _follow_method(self, function: ast.Attribute, scope: Scope, arguments: Mapping[int | str, Given]) -> bool:
        if not (scope.owner and isinstance(function.value, ast.Name) and function.value.id == scope.self_name):
            return False
        found = self._method_named(scope.owner, function.attr)
        if found is None:
            return False
        home, method = found
        bound = self._parameters_for(method, arguments, 0 if syntax.is_static(method) else 1)
        kept = {k: v for k, v in scope.names.items() if k.startswith(f"{scope.self_name}.")}
        self._function(Defined(home.module, method), {**kept, **bound}, scope.owner)
        return True

    def returned(self, node: ast.Call, scope: Scope) -> Part | None:
        callee = self._callee(node.func, scope) if node.args or node.keywords else None
        if callee is None or isinstance(callee.node, ast.ClassDef) or id(callee.node) in self._returning:
            return None
        function = callee.node
        values = self._once("returns", function, partial(syntax.returns, function))
        arguments = self._arguments(node, scope) if len(values) == 1 else {}
        if not arguments:
            return None
        self._returning.add(id(function))
        count = len(self.reading.uses)
        inside = Scope(callee.module, self._parameters_for(function, arguments, 0))
        del self.reading.uses[count:]  # what goes into *args is noted where the call is read
        self._bind(function, inside)
        part = self.part(values[0], inside)
        self._returning.discard(id(function))
        return part

    # Statements.

    def _block(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        """Read statements; after an `if` that may leave the block, not every run comes to the rest."""
        before = self.conditional
        for statement in body:
            self._statement(statement, scope)
            if isinstance(statement, (ast.If, ast.Try)) and self._once(
                "leaves", statement, partial(syntax.leaves, statement)
            ):
                self.conditional = True
        self.conditional = before

    def statements(self, body: Sequence[ast.AST], scope: Scope) -> None:
        before, self.conditional = self.conditional, True
        for node in body:
            if isinstance(node, ast.expr):
                self.expression(node, scope)
            else:
                self._statement(node, scope)
        self.conditional = before

    def _statement(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, _FUNCTIONS):
            before, self.conditional = self.conditional, True
            self._function(Defined(scope.module, node), {}, outer=scope)
            self.conditional = before
        elif isinstance(node, ast.ClassDef):
            self.statements(node.body, scope)
        elif isinstance(node, (ast.If, ast.While)):
            self.expression(node.test, scope)
            self.statements([*node.body, *node.orelse], scope)
        elif isinstance(node, ast.Match):
            self.expression(node.subject, scope)
            self.statements(node.cases, scope)
        elif isinstance(node, ast.Try) and any(syntax.catches(handler) for handler in node.handlers):
            self._guard(node.body, scope)
            self.statements([*node.handlers, *node.orelse, *node.finalbody], scope)
        elif isinstance(node, ast.With) and any(syntax.suppresses(item.context_expr) for item in node.items):
            self._guard(node.body, scope)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            part = self.part(node.value, scope)
            alias = part is not None and all(_keeps(target, part, scope) for target in targets)
            self.expression(node.value, scope, shown=alias)
            for target in targets:
                self._target(target, scope)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            elements = list(syntax.elements(node.target, node.iter))
            alias = any(name in scope.names for name, _ in elements)
            self.expression(node.iter, scope, shown=alias and self.part(node.iter, scope) is not None)
            for statement in (*node.body, *node.orelse):
                self._statement(statement, scope)
        elif isinstance(node, ast.AugAssign):
            self.expression(node.value, scope)
            self._target(node.target, scope)
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                owner = self.part(target.value, scope) if isinstance(target, ast.Subscript) else None
                if owner is not None and owner.form == "config":
                    self.use(owner, "remove", (scope.location(target),))
                elif self.part(target, scope) is None:
                    self.expression(target, scope)
        else:
            for child in tree.children(node):
                if isinstance(child, ast.expr):
                    self.expression(child, scope)
                else:
                    self._statement(child, scope)

    def _guard(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        before, self.guarded = self.guarded, True
        self._block(body, scope)
        self.guarded = before

    def _target(self, node: ast.expr, scope: Scope) -> None:
        if isinstance(node, (ast.Tuple, ast.List)):
            for element in node.elts:
                self._target(element, scope)
        elif isinstance(node, (ast.Attribute, ast.Subscript)):
            part, owner = self.part(node, scope), self.part(node.value, scope)
            spelled = isinstance(node, ast.Attribute) and part is not None and _spelled(node, scope, part)
            if owner is not None and owner.form in ("dict", "shallow"):
                self.reading.changed.add(owner.path)
            elif part is not None and not spelled and owner is not None:
                self.use(part, "write", self.places(node, scope))
                return
            self.expression(node.value, scope)
            if isinstance(node, ast.Subscript):
                self.expression(node.slice, scope)


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _keeps(target: ast.expr, part: Part, scope: Scope) -> bool:
    """Whether the target is an alias that will be followed."""
    return isinstance(target, (ast.Name, ast.Attribute)) and _spelled(target, scope, part)


def _spelled(target: ast.Name | ast.Attribute, scope: Scope, part: Part) -> bool:
    """Whether the scope follows the target as that part of the config, such as `exp` or `self.cfg`."""
    if isinstance(target, ast.Name):
        name = target.id
    elif isinstance(target.value, ast.Name):
        name = f"{target.value.id}.{target.attr}"
    else:
        return False
    known = scope.names.get(name)
    return known is not None and known.path == part.path
