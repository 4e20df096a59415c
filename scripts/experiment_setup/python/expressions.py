"""Pure expressions, computed from their syntax trees. Nothing of the user's code is compiled, imported or run.

The result of an expression is a real value, a stand-in (`values`), or Opaque where only running it would tell. What
Python would raise is raised as PyError, with its place. Computations that get too long or too large end in Stop.
"""

from __future__ import annotations

import ast
import enum
import operator
from collections.abc import Callable
from typing import Any

from experiment_setup.location import did_you_mean
from experiment_setup.python import standard
from experiment_setup.python.calls import Calls, is_user, unordered
from experiment_setup.python.values import (
    Call,
    Known,
    Opaque,
    Scope,
    Stop,
    UserFunction,
    is_instance_of_user_class,
    unknown_in,
)

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
    ast.MatMult: operator.matmul,
}
_UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_STEPS_A_STATEMENT = 20_000  # syntax nodes; a config module takes a few thousand in all


class Expressions(Calls):
    """Computes expressions. The statements, calls of functions and classes are what subclasses add."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self._dispatch: dict[type, Callable[[Any, Scope], Any]] = {
            ast.Constant: lambda node, _: node.value,
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Call: self._call,
            ast.BinOp: self._binary,
            ast.UnaryOp: self._unary,
            ast.BoolOp: self._boolean,
            ast.Compare: self._compare,
            ast.IfExp: self._conditional,
            ast.Subscript: self._subscript,
            ast.List: lambda node, scope: self._elements(node, scope, list),
            ast.Tuple: lambda node, scope: self._elements(node, scope, tuple),
            ast.Set: lambda node, scope: self._elements(node, scope, set),
            ast.Dict: self._dict,
            ast.JoinedStr: self._joined,
            ast.Lambda: self._lambda,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.NamedExpr: self._walrus,
            ast.Slice: self._slice,
        }

    # What subclasses do.

    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Bind an assignment's target."""
        raise NotImplementedError

    def type_arguments(self, base: Any, node: ast.expr, scope: Scope) -> Any:
        """`base[…]` where base is a type, such as list["ExpConfig"]."""
        raise NotImplementedError

    # The core.

    def eval(self, node: ast.expr, scope: Scope) -> Any:
        """The value of an expression."""
        self.steps += 1
        if self.steps > _STEPS_A_STATEMENT:
            raise Stop("too long a computation")
        handler = self._dispatch.get(type(node))
        return handler(node, scope) if handler else self.opaque(node, scope)

    def _name(self, node: ast.Name, scope: Scope) -> Any:
        bound, value = self.lookup(node.id, scope)
        if not bound:
            known = {*scope.names, *scope.module.names, *standard.BUILTINS}
            meant = did_you_mean(node.id, known)
            help_ = f"did you mean {meant}?" if meant else f"define or import {node.id} before this line"
            raise self.error(NameError(f"name {node.id!r} is not defined", name=node.id), node, scope, help_)
        return value

    # Attributes.

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        owner = self.eval(node.value, scope)
        if isinstance(owner, Opaque):
            return self.opaque(node, scope)
        return self.get_attribute(owner, node.attr, node, scope)

    # Calls.

    def _call(self, node: ast.Call, scope: Scope) -> Any:
        function = self.eval(node.func, scope)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        unknown = False
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                items = self.items(self.eval(argument.value, scope), argument, scope)
                unknown |= isinstance(items, Opaque)
                args.extend([] if isinstance(items, Opaque) else items)
            else:
                args.append(self.eval(argument, scope))
        for keyword in node.keywords:
            value = self.eval(keyword.value, scope)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
                kwargs.update(value)
            else:
                unknown = True
        call = Call(tuple(args), kwargs, node, scope)
        if unknown or isinstance(function, Opaque):
            self.unknown_call(function, call)
            return self.opaque(node, scope)
        return self.call(function, call)

    # Operators.

    def apply(self, function: Callable[..., Any], node: ast.AST, scope: Scope, *values: Any) -> Any:
        """An operator's result."""
        reason = self.plain(*values)
        if reason is not None:
            self.unknowns += 1
            return Opaque(reason)
        try:
            return function(*values)
        except (RecursionError, MemoryError):
            return self.opaque(node, scope)
        except Exception as error:
            raise self.error(error, node, scope) from error

    def binary(self, operation: ast.operator, left: Any, right: Any, node: ast.AST, scope: Scope) -> Any:
        """`left operation right`."""
        if standard.operation_too_large(type(operation).__name__, left, right):
            return self.opaque(node, scope)
        if isinstance(operation, ast.Add) and type(left) is type(right) and type(left) in (list, tuple):
            return left + right
        return self.apply(_BINARY[type(operation)], node, scope, left, right)

    def _binary(self, node: ast.BinOp, scope: Scope) -> Any:
        return self.binary(node.op, self.eval(node.left, scope), self.eval(node.right, scope), node, scope)

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Any:
        return self.apply(_UNARY[type(node.op)], node, scope, self.eval(node.operand, scope))

    def truth(self, value: Any) -> bool | None:
        """Whether a value counts as true; None if that is not known."""
        if isinstance(value, Opaque):
            return None
        if isinstance(value, Known):
            return True
        if isinstance(value, (list, dict, tuple, set)):
            return bool(value)
        return None if self.plain(value) is not None else bool(value)

    def _boolean(self, node: ast.BoolOp, scope: Scope) -> Any:
        stop_at = isinstance(node.op, ast.Or)
        value: Any = None
        for part in node.values:
            value = self.eval(part, scope)
            truth = self.truth(value)
            if truth is None:
                return value if isinstance(value, Opaque) else self.opaque(node, scope)
            if truth is stop_at:
                return value
        return value

    def _compare(self, node: ast.Compare, scope: Scope) -> Any:
        left = self.eval(node.left, scope)
        result: Any = True
        for operation, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.eval(right_node, scope)
            identity = isinstance(operation, (ast.Is, ast.IsNot))
            if identity and not isinstance(left, Opaque) and not isinstance(right, Opaque):
                result = _COMPARE[type(operation)](left, right)
            elif type(operation) in (ast.In, ast.NotIn) and right is self.environ and isinstance(left, str):
                result = self._in_environment(left, node, scope)
                result = not result if isinstance(operation, ast.NotIn) and isinstance(result, bool) else result
            else:
                result = self.apply(_COMPARE[type(operation)], node, scope, left, right)
            if isinstance(result, Opaque) or not self.truth(result):
                return result
            left = right
        return result

    def _in_environment(self, name: str, node: ast.AST, scope: Scope) -> Any:
        if name not in self.environ and self.environ_reason:
            return self.opaque(node, scope)
        return name in self.environ

    def _conditional(self, node: ast.IfExp, scope: Scope) -> Any:
        test = self.eval(node.test, scope)
        truth = self.truth(test)
        if truth is None:
            return test if isinstance(test, Opaque) else self.opaque(node, scope)
        return self.eval(node.body if truth else node.orelse, scope)

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> Any:
        value = self.eval(node.value, scope)
        target = scope
        while target.kind == "comprehension" and target.parent is not None:
            target = target.parent
        self.assign(node.target, value, target)
        return value

    # Subscripts.

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        owner = self.eval(node.value, scope)
        if isinstance(owner, Opaque):
            return self.opaque(node, scope)
        if standard.is_typing(owner) and not isinstance(owner, (enum.EnumMeta, tuple)):
            return self.type_arguments(owner, node, scope)
        key = self.eval(node.slice, scope)
        if owner is self.environ and isinstance(key, str) and key not in owner:
            return self.missing_variable(key, node, scope)
        if isinstance(owner, Known) or is_user(owner) or self.plain(key) is not None:
            return self.opaque(node, scope)
        try:
            return owner[key]
        except Exception as error:
            raise self.error(error, node, scope) from error

    def missing_variable(self, name: str, node: ast.AST, scope: Scope) -> Any:
        """os.environ["NAME"] where NAME is not set."""
        return self.opaque(node, scope)

    def _slice(self, node: ast.Slice, scope: Scope) -> Any:
        parts = [self.eval(part, scope) if part else None for part in (node.lower, node.upper, node.step)]
        reason = unknown_in(parts)
        return Opaque(reason) if reason is not None else slice(*parts)

    # Displays.

    def _elements(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope, kind: type) -> Any:
        values: list[Any] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                items = self.items(self.eval(element.value, scope), element, scope)
                if isinstance(items, Opaque):
                    return items
                values.extend(items)
            else:
                values.append(self.eval(element, scope))
        if kind is set:
            reason = unknown_in(values)
            return Opaque(reason) if reason is not None else self.apply(set, node, scope, values)
        return kind(values)

    def _dict(self, node: ast.Dict, scope: Scope) -> Any:
        result: dict[Any, Any] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            if key_node is None:
                value = self.eval(value_node, scope)
                if not isinstance(value, dict):
                    return self.opaque(node, scope)
                result.update(value)
                continue
            key, value = self.eval(key_node, scope), self.eval(value_node, scope)
            reason = unknown_in([key]) if not isinstance(key, type) else None
            if reason is not None:
                return Opaque(reason)
            try:
                result[key] = value
            except TypeError as error:
                raise self.error(error, key_node, scope) from error
        return result

    def _joined(self, node: ast.JoinedStr, scope: Scope) -> Any:
        parts: list[str] = []
        for part in node.values:
            text = str(part.value) if isinstance(part, ast.Constant) else self._formatted(part, scope)
            if isinstance(text, Opaque):
                return text
            parts.append(text)
        return "".join(parts)

    def _formatted(self, node: ast.expr, scope: Scope) -> Any:
        if not isinstance(node, ast.FormattedValue):
            return self.opaque(node, scope)
        value = self.eval(node.value, scope)
        spec = self._joined(node.format_spec, scope) if isinstance(node.format_spec, ast.JoinedStr) else ""
        if isinstance(spec, Opaque):
            return spec
        if self.has_own_text(value):
            plain = node.conversion in (-1, ord("s")) and not spec
            return self.own_text(value, Call((), {}, node, scope)) if plain else self.opaque(node, scope)
        if standard.spec_too_wide(spec) or unordered(value):
            return self.opaque(node, scope)
        conversions: dict[int, Callable[[Any], str]] = {ord("r"): repr, ord("s"): str, ord("a"): ascii}
        convert = conversions.get(node.conversion)
        return self.apply(lambda v: format(convert(v) if convert else v, spec), node, scope, value)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Any:
        return UserFunction("<lambda>", node, scope.function_parent, self.defaults(node.args, scope))

    def defaults(self, arguments: ast.arguments, scope: Scope) -> dict[str, Any]:
        """The default values of parameters, which Python computes at the definition."""
        positional = [*arguments.posonlyargs, *arguments.args]
        found = {
            argument.arg: self.eval(value, scope)
            for argument, value in zip(
                positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True
            )
        }
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if default is not None:
                found[argument.arg] = self.eval(default, scope)
        return found

    # Iteration.

    def items(self, value: Any, node: ast.AST, scope: Scope) -> list[Any] | Opaque:
        """The items of an iterable, or Opaque."""
        if isinstance(value, Opaque):
            return value
        if isinstance(value, Known) or unordered(value):
            return self.opaque(node, scope)
        if is_instance_of_user_class(value):
            return self.opaque(node, scope)
        if isinstance(value, range) and len(value) > 10_000:
            raise Stop("too long a loop")
        try:
            return list(value)
        except TypeError as error:
            raise self.error(error, node, scope) from error

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope) -> Any:
        inner = Scope("comprehension", {}, scope.module, scope.function_parent, scope.global_names)
        found: list[Any] = []
        unknown = self._generate(node, node.generators, scope, inner, found)
        if unknown is not None:
            return unknown
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return found  # a generator's items are known at once, and can be looked into
        reason = unknown_in(key for key, _ in found) if isinstance(node, ast.DictComp) else unknown_in(found)
        if reason is not None:
            return Opaque(reason)
        try:
            return dict(found) if isinstance(node, ast.DictComp) else set(found)
        except TypeError as error:
            raise self.error(error, node, scope) from error

    def _generate(
        self, node: Any, generators: list[ast.comprehension], outer: Scope, inner: Scope, found: list[Any]
    ) -> Opaque | None:
        if not generators:
            if isinstance(node, ast.DictComp):
                found.append((self.eval(node.key, inner), self.eval(node.value, inner)))
            else:
                found.append(self.eval(node.elt, inner))
            return None
        generator, *rest = generators
        items = self.items(self.eval(generator.iter, outer), generator.iter, outer)
        if isinstance(items, Opaque):
            return items
        if generator.is_async:
            return self.opaque(node, inner)
        for item in items:
            self.assign(generator.target, item, inner)
            keep = self._keeps(generator.ifs, inner)
            if keep is None:
                return self.opaque(node, inner)
            if keep:
                unknown = self._generate(node, rest, inner, inner, found)
                if unknown is not None:
                    return unknown
        return None

    def _keeps(self, tests: list[ast.expr], scope: Scope) -> bool | None:
        for test in tests:
            truth = self.truth(self.eval(test, scope))
            if not truth:
                return truth
        return True
