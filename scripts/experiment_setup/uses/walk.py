"""Where the config goes: from the main function through the functions and classes of the project that it is given to.

Experiments are near-copies: most of their functions are the same and are given the same. What such a body does is found
once (`records.Summary`, kept with the piece of code), and holds for each copy in which the names of other code mean the
same functions and classes; going on into these is done anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from experiment_setup.code.modules import Defined, Module, Modules
from experiment_setup.code.pieces import Piece
from experiment_setup.code.tree import Function, parameters
from experiment_setup.light import compiled
from experiment_setup.uses import shapes
from experiment_setup.uses.follower import FUNCTION, STEPS, Follower, Frame
from experiment_setup.uses.functions import Kept, before_bound_anew, bind_aliases, kept_of, method_named, methods
from experiment_setup.uses.records import (
    CallSite,
    ConfigPath,
    Entered,
    Home,
    Moved,
    Noted,
    Outer,
    Part,
    Reading,
    Summary,
    Use,
)

T = TypeVar("T")
Arguments = Mapping[int | str, Part]
ConfigClasses = Mapping[tuple[Path, str], ConfigPath]  # (file, name) of a dataclass -> the part that it is the type of

_DEPTH = 20  # functions within each other
_VARIANTS = 4  # of a body given the same, where names of other code mean something else

# Words without which no key can be added to a config, or taken from it: OmegaConf's, or `with read_write(cfg):` of the
# project's own. (OmegaConf's own read_write leaves the struct flag alone.)
_WORDS = ("open_dict(", "set_struct(", "force_add")
_OPENS = compiled(rf"\b(?:{'|'.join(map(re.escape, _WORDS))})")
_OPENS_BY_ITS_OWN = compiled(r"\bwith (?!omegaconf\.)[\w.]*(?:read_write|unlock\w*)\(")
_OF_OMEGACONF = compiled(r"\bfrom omegaconf import [^#\n]*\bread_write\b")


def _opens(text: str) -> bool:
    """Whether a module may lift the struct flag of a config. A word is found fifty times faster than a pattern."""
    opens = any(word in text for word in _WORDS) and _OPENS.search(text)
    own = ("read_write" in text or "unlock" in text) and _OPENS_BY_ITS_OWN.search(text)
    return bool(opens or (own and not _OF_OMEGACONF.search(text)))


class Walk:
    """Finds the uses of the config in the code of one entry point."""

    def __init__(self, modules: Modules, classes: ConfigClasses) -> None:
        self.reading = Reading()
        self._modules = modules
        self._config_classes = dict(classes)
        self._guarded = False  # the code here is ready for a key to be missing
        self._conditional = False  # not every run comes here
        self._assumed = False  # only an annotation says that it is the config
        self._seen: set[object] = set()  # functions and classes, with what they were read with
        self._entered: set[ast.AST] = set()  # the functions and classes that were followed from main
        self._depth = 0  # functions within each other
        self._steps = 0
        self._parameters: dict[ast.AST, dict[str, Part]] = {}

    def from_main(self, name: str, resolvers: Iterable[tuple[Module, Function, Mapping[str, Part]]]) -> None:
        """Read the main function and all that it comes to, the resolvers, and what annotations say takes the config."""
        module = self._modules.known["__main__"]
        main = module.functions.get(name)
        if main is None or not main.args.args:
            return
        self.reading.followed = True
        for annotation in shapes.annotated_with(main.args.args[0]):
            whole = self._modules.defined(module, annotation)
            if whole is not None:
                self._config_classes.setdefault(whole.key, ())
        self._function(Defined(module, main), {main.args.args[0].arg: Part(())})
        for home, function, given in resolvers:
            self._function(Defined(home, function), given)
        self._from_annotations()
        self.reading.modules = list(self._modules)
        self.reading.open = any(_opens(known.source.text) for known in self.reading.modules)

    def from_beginning(self, function: Defined, bound: Mapping[str, Part], count: int) -> None:
        """Read the first statements of a function and all that they come to."""
        whole = function.node
        assert not isinstance(whole, ast.ClassDef)

        def begin() -> Function:
            made = ast.FunctionDef(whole.name, whole.args, whole.body[:count], [], None, None)
            return ast.copy_location(made, whole)

        piece = function.module.source.piece(whole)
        beginning = piece.once(f"first {count}", whole, begin)  # kept, as others know it by its id
        self._function(Defined(function.module, beginning), bound)

    def _from_annotations(self) -> None:
        """Read what was not reached from main, as far as annotations say which parameters are the config."""
        self._conditional = self._assumed = True
        for module in list(self._modules) if self._config_classes else ():
            for function in module.functions.values():
                if function not in self._entered and self._annotated(function, module):
                    self._function(Defined(module, function), {})
            for node in module.classes.values():
                defined = Defined(module, node)
                start = method_named(self._lineage(defined), "__init__")
                if node not in self._entered and start and self._annotated(start[1], start[0].module):
                    self._class(defined, {})

    def _annotated(self, node: Function, module: Module) -> dict[str, Part]:
        """The parameters whose annotation is a config class, each with the part that it stands for."""
        if node not in self._parameters:
            parts = self._parameters[node] = {}
            for parameter in parameters(node) if self._config_classes else ():
                for name in shapes.annotated_with(parameter):
                    defined = self._modules.defined(module, name)
                    path = self._config_classes.get(defined.key) if defined is not None else None
                    if path is not None:
                        parts[parameter.arg] = Part(path, "object")
        return self._parameters[node]

    def _may_enter(self) -> bool:
        """Whether another function is followed. There is an end: a function may call itself with ever other parts."""
        self._steps += FUNCTION
        return self._depth <= _DEPTH and self._steps <= STEPS

    def _lose(self, parts: Iterable[Part]) -> None:
        """Parts of the config are given to code that is not followed."""
        flags = (self._guarded, self._conditional, self._assumed)
        self.reading.uses += (Use(part.path, "read", (), part.form, False, *flags) for part in parts)

    # Functions and classes.

    def _function(
        self, function: Defined, bound: Mapping[str, Part], owner: Sequence[Defined] = (), outer: Outer | None = None
    ) -> None:
        """Read a function whose parameters (and `self.x`) stand for parts of the config."""
        node, module = function.node, function.module
        assert not isinstance(node, ast.ClassDef)
        self._entered.add(node)
        annotated = self._annotated(node, module)
        names = {**(outer.names if outer else {}), **annotated, **bound}
        key = (node, self._conditional, frozenset(names.items()))
        if key in self._seen:
            return
        self._seen.add(key)
        if not self._may_enter():
            self._lose(bound.values())
            return
        own = {parameter.arg for parameter in parameters(node)}
        names = {n: part for n, part in names.items() if n in bound or n in annotated or n not in own}
        piece = module.source.piece(node)
        functions = piece.once("functions", node, partial(_inner_functions, piece, node))
        if outer is not None:
            functions, self_name = {**outer.functions, **functions}, outer.self_name
        else:
            self_name = node.args.args[0].arg if owner and node.args.args and not shapes.is_static(node) else None

        def look(follower: Follower) -> None:
            frame = Frame(module, dict(names), functions, owner, self_name)
            if any(follower.tells(statement, frame) for statement in node.body):
                bind_aliases(follower, node, frame)
                beginning = before_bound_anew(node, {n: part for n, part in names.items() if n not in frame.names})
                first = Frame(module, {**names, **frame.names}, functions, owner, self_name)
                follower.block(node.body, frame, [first] * beginning)

        given = (frozenset(names.items()), frozenset(functions.items()), self_name)
        self._depth += 1
        self._summed(function, given, owner, look, bound.values())
        self._depth -= 1

    def _class(self, start: Defined, arguments: Arguments) -> None:
        """Read a class that is made with parts of the config: what is kept in self is known in every method."""
        key = (start.node, self._conditional, frozenset(arguments.items()))
        if key in self._seen:
            return
        self._seen.add(key)
        self._entered.add(start.node)
        lineage = self._lineage(start)
        kept = self._kept(start, lineage, arguments) if self._may_enter() else None
        if kept is None:
            self._lose(arguments.values())
            return
        attributes, begin, bound = kept
        own_methods: dict[str, tuple[Module, Function]] = {}
        for known, node in methods(lineage):
            own_methods.setdefault(node.name, (known.module, node))
        for module, method in own_methods.values():
            if not method.args.args or shapes.is_static(method):
                continue
            own = method.args.args[0].arg
            names = {f"{own}.{name}": part for name, part in attributes.items()}
            before = self._conditional
            self._conditional |= method is not begin
            parts = {**names, **(bound if method is begin else {})}
            self._function(Defined(module, method), parts, lineage)
            self._conditional = before

    def _lineage(self, start: Defined) -> list[Defined]:
        """A class and the project's own classes that it derives from, nearest first."""
        lineage: dict[ast.AST, Defined] = {}
        waiting = [start]
        while waiting:
            current = waiting.pop(0)
            if current.node in lineage or not isinstance(current.node, ast.ClassDef):
                continue
            lineage[current.node] = current
            waiting += [base for b in current.node.bases if (base := self._modules.defined(current.module, b))]
        return list(lineage.values())

    def _kept(self, start: Defined, lineage: Sequence[Defined], arguments: Arguments) -> Kept | None:
        """What a class keeps of the parts that it is made with; None if it does not take the config."""
        starts = [(known, node) for known, node in methods(lineage) if node.name == "__init__"]
        annotated = {node: self._annotated(node, known.module) for known, node in starts}
        given = (frozenset(arguments.items()), tuple(frozenset(parts.items()) for parts in annotated.values()))
        look = partial(kept_of, lineage=lineage, arguments=arguments, annotated=annotated)
        return self._summed(start, given, lineage, look, ())

    # Bodies.

    def _summed(
        self,
        body: Defined,
        given: object,
        owner: Sequence[Defined],
        look: Callable[[Follower], T],
        parts: Iterable[Part],
    ) -> T | None:
        """What `look` returns for a body, and all that it finds there, where it is `given` these parts.

        Where the body is nested too deeply, all of the parts may be read, and None is returned.
        """
        piece = body.module.source.piece(body.node)
        question = (given, tuple(known.node for known in owner))
        known: dict[object, list[Summary[T]]] = piece.once("summaries", body.node, dict)
        variants = known.setdefault(question, [])
        for summary in variants:
            homes = self._homes(summary, body.module, owner)
            if homes is not None:
                self._apply(summary, body, owner, homes)
                return summary.result
        summary, is_whole = self._read(body, look, parts)
        if is_whole:
            variants.insert(0, summary)
            del variants[_VARIANTS:]
        self._apply(summary, body, owner, self._homes(summary, body.module, owner) or {})
        return summary.result

    def _read(self, body: Defined, look: Callable[[Follower], T], parts: Iterable[Part]) -> tuple[Summary[T], bool]:
        """What is found in a body, and whether that is all: how deep it may be nested depends on what called us."""
        follower = Follower(self._modules)
        place = body.module.source.location(body.node)
        try:
            result = look(follower)
        except RecursionError:
            follower.lose(parts)
            return Summary(place, follower.events, follower.answers, follower.steps, None), False
        return Summary(place, follower.events, follower.answers, follower.steps, result), True

    def _homes(self, summary: Summary[Any], module: Module, owner: Sequence[Defined]) -> dict[Home, Module] | None:
        """The modules that a body comes to; None where names mean something else than where it was read."""
        homes: dict[Home, Module] = {None: module, **{index: known.module for index, known in enumerate(owner)}}
        for question, node in summary.answers.meant.items():
            found = self._modules.named(homes[question[0]], question[1])
            if (found and found.node) is not node:
                return None
            if found is not None:
                homes[question] = found.module
        same = all(homes[home].imports.get(name) == bound for (home, name), bound in summary.answers.imported.items())
        return homes if same else None

    def _apply(
        self, summary: Summary[Any], body: Defined, owner: Sequence[Defined], homes: Mapping[Home, Module]
    ) -> None:
        """Note what a body does, and go on into the functions and classes that it enters."""
        reading, taken = self.reading, 0
        guarded, conditional, assumed = self._guarded, self._conditional, self._assumed
        place = Moved.between(summary.place, body.module.source.location(body.node))
        for event in summary.events:
            if isinstance(event, Use):
                reading.uses.append(event.at(place, guarded, conditional, assumed))
            elif isinstance(event, CallSite):
                reading.calls.append(event.at(place, conditional))
            elif isinstance(event, Noted):
                getattr(reading, event.kind).add(event.what)
            else:
                self._steps += event.steps - taken
                taken = event.steps
                self._guarded, self._conditional = guarded or event.guarded, conditional or event.conditional
                self._enter(event, Defined(homes[event.home], event.callee), owner)
        self._steps += summary.steps - taken
        self._guarded, self._conditional = guarded, conditional

    def _enter(self, event: Entered, callee: Defined, owner: Sequence[Defined]) -> None:
        if isinstance(callee.node, ast.ClassDef):
            self._class(callee, event.parts)
        elif isinstance(event.kind, Outer):
            self._function(callee, event.parts, owner, event.kind)
        else:
            self._function(callee, event.parts, owner if event.kind == "method" else ())


def _inner_functions(piece: Piece, node: Function) -> dict[str, Function]:
    functions: list[Function] = [*piece.nodes_in(node, ast.FunctionDef), *piece.nodes_in(node, ast.AsyncFunctionDef)]
    return {function.name: function for function in functions if function is not node}
