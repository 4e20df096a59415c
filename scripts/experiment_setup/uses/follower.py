"""The follower: reads all paths of one body of code, with what its names stand for of the config.

What it finds depends on nothing but the tree, these parts, and what names of other code mean. So it holds for copies of
the body as well; going into the functions that a body gives parts to is for `walk`.

How a syntax node is read stands in `expressions` and `statements`; each function there registers itself for its nodes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import partial
from typing import Any

from experiment_setup.code import tree
from experiment_setup.code.modules import Defined, Module, Modules
from experiment_setup.code.pieces import any_within
from experiment_setup.code.registry import Registry
from experiment_setup.code.tree import Function, dotted
from experiment_setup.light import dataclass
from experiment_setup.location import Location
from experiment_setup.uses import shapes
from experiment_setup.uses.records import Answers, Entered, EnteredAs, Event, Home, Kept, Kind, Noted, Part, Use

STEPS = 60_000  # expressions; the code of an experiment has some thousands
FUNCTION = 20  # steps that entering one counts for

_LEAVES = ("return", "raise", "continue", "break")  # words without which no statement leaves its block

# `shown` (the last argument for an expression): what it gives is only printed or saved.
EXPRESSIONS: Registry[Callable[[Follower, Any, Frame, bool], None]] = Registry()
STATEMENTS: Registry[Callable[[Follower, Any, Frame], None]] = Registry()
PARTS: Registry[Callable[[Follower, Any, Frame], Part | None]] = Registry()  # the part that an expression stands for


@dataclass
class Frame:
    """A function or class body being read: the parts that its names stand for. `self.x` is kept under that spelling."""

    module: Module
    names: dict[str, Part]
    functions: dict[str, Function] = field(default_factory=dict)  # that are defined in it
    owner: Sequence[Defined] = ()  # the class, and the project's own ones that it derives from
    self_name: str | None = None
    home: Home = None  # how the body that is read comes to the module
    parts: dict[int, tuple[ast.expr, Part | None]] = field(default_factory=dict)  # of expressions, as names stand now
    telling: Sequence[int] = ()  # the lines with something to note, as names stand now, from `first` to `last`
    first: int = 0
    last: int = -1

    def bind(self, name: str, part: Part | None) -> None:
        """Let a name stand for a part, or for none."""
        self.parts.clear()
        self.last = -1
        if part is None:
            del self.names[name]
        else:
            self.names[name] = part

    def location(self, node: ast.AST) -> Location:
        """Where a node of this frame's module stands."""
        return self.module.source.location(node)


class Follower:
    """Finds what one body of code does with parts of the config."""

    def __init__(self, modules: Modules) -> None:
        self.events: list[Event] = []
        self.answers = Answers()
        self.guarded = False  # the code here is ready for a key to be missing
        self.conditional = False  # not every run comes here
        self.returning: set[int] = set()  # ids of the functions whose result is being looked for
        self.steps = 0
        self._modules = modules

    def may_go_on(self) -> bool:
        """Whether another function is looked at. There is an end: a function may call itself with ever other parts."""
        self.steps += FUNCTION
        return self.steps <= STEPS

    @contextmanager
    def perhaps(self, conditional: bool = True) -> Iterator[None]:
        """What is read meanwhile is what only some runs come to."""
        before, self.conditional = self.conditional, self.conditional or conditional
        try:
            yield
        finally:
            self.conditional = before

    @contextmanager
    def ready_for_missing_keys(self) -> Iterator[None]:
        """What is read meanwhile is ready for a key to be missing."""
        before, self.guarded = self.guarded, True
        try:
            yield
        finally:
            self.guarded = before

    # What names of other code mean: whatever is asked is kept, as the result holds only where the answers are the same.

    def full_name(self, node: ast.expr, frame: Frame) -> str:
        """The dotted name of an expression, by what was imported: `wandb.init` for `wb.init`."""
        first = dotted(node).partition(".")[0]
        self.answers.imported[frame.home, first] = frame.module.imports.get(first)
        return frame.module.full_name(node)

    def defined(self, node: ast.expr, frame: Frame) -> Defined | None:
        """The function or class of the project that an expression means."""
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return None
        name = dotted(node)
        found = self._modules.named(frame.module, name)
        self.answers.meant[frame.home, name] = found.node if found else None
        return found

    # Where something is to be noted.

    def tells(self, node: ast.AST, frame: Frame) -> bool:
        """Whether there may be something to note in a statement or a value: most have nothing to do with the config.

        It takes a name of a part of the config or of a function of this body, a function in it, or a key that is asked
        for with `in`.
        """
        if not hasattr(node, "lineno"):
            return True
        number: int = node.lineno
        if not frame.first <= number <= frame.last:
            piece = frame.module.source.piece(node)
            names = (name.rpartition(".")[2] for name in frame.names)
            frame.telling = piece.lines_with_any(frozenset((*names, *frame.functions, "def")))
            frame.first, frame.last = piece.first, piece.last
        return any_within(frame.telling, node)

    # Parts of the config.

    def part(self, node: ast.expr, frame: Frame) -> Part | None:
        """The part of the config that an expression stands for."""
        if isinstance(node, ast.Name):
            return frame.names.get(node.id)
        look = PARTS.get(type(node))
        if look is None:
            return None
        if id(node) not in frame.parts:  # each call within another is asked for more than once
            frame.parts[id(node)] = node, look(self, node, frame)
        return frame.parts[id(node)][1]

    def places(self, node: ast.expr, frame: Frame) -> tuple[Location, ...]:
        """The places of the steps that `node` writes out, outermost last."""
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and f"{node.value.id}.{node.attr}" in frame.names:
                return ()
            end = (node.end_col_offset or 0) - len(node.attr.encode())
            place = frame.location(ast.Constant("", lineno=node.end_lineno or 0, col_offset=end))
            return (*self.places(node.value, frame), place)
        if isinstance(node, ast.Subscript):
            return (*self.places(node.value, frame), frame.location(node.slice))
        if isinstance(node, ast.NamedExpr):
            return self.places(node.value, frame)
        if isinstance(node, ast.Call) and node.args:
            given = node.args[1 if dotted(node.func).endswith("cast") and len(node.args) == 2 else 0]
            inner, outer = self.part(given, frame), self.part(node, frame)
            return self.places(given, frame) if inner and outer and inner.path == outer.path else ()
        return ()

    def use(self, part: Part, kind: Kind, places: tuple[Location, ...], shown: bool = False) -> None:
        """Note a use of a part of the config."""
        self.events.append(Use(part.path, kind, places, part.form, shown, self.guarded, self.conditional))

    def lose(self, parts: Iterable[Part]) -> None:
        """Parts of the config are given to code that is not followed."""
        for part in parts:
            self.use(part, "read", ())

    def note(self, kind: Kept, what: Any) -> None:
        """Note what a reading has a set of."""
        self.events.append(Noted(kind, what))

    def enter(self, callee: Function | ast.ClassDef, home: Home, parts: Mapping[Any, Part], kind: EnteredAs) -> None:
        """A function or class is given parts of the config."""
        self.events.append(Entered(callee, home, parts, kind, self.guarded, self.conditional, self.steps))

    # Reading.

    def expression(self, node: ast.expr, frame: Frame, shown: bool = False) -> None:
        """Note what an expression does. `shown`: what it gives is only printed or saved."""
        self.steps += 1
        read = EXPRESSIONS.get(type(node))
        part = self.part(node, frame) if not isinstance(node, ast.NamedExpr) else None
        if part is not None and isinstance(node, ast.Call) and read is not None:
            read(self, node, frame, True)
            if shown:
                return
        if part is not None:
            self.use(part, "read", self.places(node, frame), shown)
        elif read is not None:
            read(self, node, frame, shown)
        else:
            self.inside(node, frame, shown and isinstance(node, (ast.Dict, ast.List, ast.Tuple)))

    def inside(self, node: ast.AST, frame: Frame, shown: bool = False) -> None:
        """Note what the expressions in a node do."""
        for child in tree.children(node):
            if isinstance(child, ast.expr):
                self.expression(child, frame, shown)
            else:
                self.inside(child, frame)

    def statement(self, node: ast.AST, frame: Frame) -> None:
        """Note what a statement does."""
        if not self.tells(node, frame):
            return
        read = STATEMENTS.get(type(node))
        if read is not None:
            read(self, node, frame)
        else:
            self.statements(tree.children(node), frame)

    def statements(self, body: Sequence[ast.AST], frame: Frame) -> None:
        """Note what statements and expressions do."""
        for node in body:
            if isinstance(node, ast.expr):
                self.expression(node, frame)
            else:
                self.statement(node, frame)

    def some_runs(self, body: Sequence[ast.AST], frame: Frame) -> None:
        """Note what those do that only some runs come to."""
        with self.perhaps():
            self.statements(body, frame)

    def block(self, body: Sequence[ast.stmt], frame: Frame, beginning: Sequence[Frame] = ()) -> None:
        """Read a body; after an `if` that may leave it, not every run comes to the rest. `beginning`: the frames of
        its first statements.
        """
        with self.perhaps(False):
            for index, node in enumerate(body):
                self.statement(node, beginning[index] if index < len(beginning) else frame)
                if isinstance(node, (ast.If, ast.Try)) and any(frame.module.source.mentions(w, node) for w in _LEAVES):
                    self.conditional |= frame.module.source.piece(node).once(
                        "leaves", node, partial(shapes.leaves, node)
                    )
