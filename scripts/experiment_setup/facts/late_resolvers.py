"""Where main() reads what a resolver makes before it comes to where that is registered."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path

from experiment_setup import nodes
from experiment_setup.code.modules import Defined, Module, Modules
from experiment_setup.code.tree import FUNCTIONS, assigned_names, last_name, own_nodes, walk
from experiment_setup.facts import makers
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.resolvers import REGISTERS, USED, along, imported, is_a_target, name_of, reached_from
from experiment_setup.facts.resolving import resolved
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location
from experiment_setup.nodes import Steps
from experiment_setup.uses.records import ConfigPath, Part, Reading

_DEPTH = 5  # functions within each other that are looked into


@dataclass(frozen=True)
class TooEarly:
    """A value that is read, and the statement behind that by which its resolver is registered."""

    place: Location
    path: ConfigPath
    registered: Location


def read_too_early(context: ExperimentContext, resolver: str) -> TooEarly | None:
    """The first value that is read before its resolver is there. Followed is what main() does until the first statement
    that may come to where it is registered; and what the function does that this statement calls.
    """
    schema = context.schema
    main = schema.main.function if schema.main is not None else ""
    module = schema.code.known.get("__main__") if schema.code is not None else None
    node = module.functions.get(main) if module is not None else None
    made = _made_by(context, resolver) if node is not None and node.args.args else set()
    if schema.code is None or module is None or node is None or not made:
        return None
    texts = context.code.config_texts
    leading = _Leading.to(resolver, list(reached_from(schema, texts)), schema.code, texts)
    function, bound = Defined(module, node), {node.args.args[0].arg: Part(())}
    for _ in range(_DEPTH):
        body = function.node.body
        first = next((i for i, one in enumerate(body) if leading.comes_from(one, function.module)), None)
        if first is None:
            return None
        found = next(_reads(context.code.reading_of_beginning(function, bound, first), function, made), None)
        if found is not None:
            return TooEarly(*found, function.module.source.location(body[first]))
        inner = _called(context, function, bound, first)
        if inner is None:
            return None
        function, bound = inner
    return None


def _called(
    context: ExperimentContext, function: Defined, bound: Mapping[str, Part], index: int
) -> tuple[Defined, dict[str, Part]] | None:
    """The function of the project that a statement of another one calls, and the parts of the config that it gets."""
    call, code = getattr(function.node.body[index], "value", None), context.schema.code
    if code is None or not isinstance(call, ast.Call):
        return None
    inner = code.defined(function.module, call.func)
    if inner is None or not isinstance(inner.node, FUNCTIONS):
        return None
    reading = context.code.reading_of_beginning(function, bound, index + 1)
    given = next((site.arguments for site in reading.calls if site.node is call), {})
    names = [argument.arg for argument in inner.node.args.args]
    parts = {names[key] if isinstance(key, int) and key < len(names) else key: one.part for key, one in given.items()}
    return inner, {name: part for name, part in parts.items() if isinstance(name, str)}


def _made_by(context: ExperimentContext, resolver: str) -> set[ConfigPath]:
    """The values that need a resolver, themselves or by what they refer to, in some combination."""
    found: set[ConfigPath] = set()
    for chosen in context.compositions.combinations:
        left = dict(nodes.open_values(context.compositions.at(*chosen).container))
        made = [steps for steps, written in left.items() if resolver in USED.findall(written)]
        while made:
            found.update(map(makers.path_of, made))
            left = {steps: written for steps, written in left.items() if steps not in made}
            made = [steps for steps, written in left.items() if found & set(_referred_to(steps, written))]
    return found


_REFERENCE = compiled(r"\$\{\s*(\.*)([A-Za-z_][\w.]*)\s*\}")


def _referred_to(steps: Steps, written: str) -> Iterator[ConfigPath]:
    for dots, key in _REFERENCE.findall(written):
        yield makers.path_of((*(steps[: -len(dots)] if dots else ()), *nodes.split(key)))


def _reads(reading: Reading, function: Defined, made: Set[ConfigPath]) -> Iterator[tuple[Location, ConfigPath]]:
    """Where one of these values is read, or resolved with all of what is around it, whenever the code comes there."""
    source, own = function.module.source, list(own_nodes(function.node.body))
    lines = {source.location(node).line for node in own if isinstance(node, ast.expr)}
    calls = {id(node) for node in own}
    for use in reading.uses:
        place = use.location(len(use.path) - 1)
        if use.kind != "read" or place is None or use.guarded or use.path not in made:
            continue
        if not use.conditional or (place.path == source.path and place.line in lines):
            yield place, use.path
    for site, given in resolved(reading):
        if id(site.node) in calls:
            inside = [path for path in sorted(made) if path[: len(given.part.path)] == given.part.path]
            yield from ((given.location, path) for path in inside[:1])


class _Leading:
    """What leads to where a resolver is registered: functions and classes by name, and modules that are imported."""

    def __init__(self, resolver: str, code: Modules, names: Set[str], files: Set[Path]) -> None:
        self._resolver, self._code, self._names, self._files = resolver, code, names, files

    @classmethod
    def to(cls, resolver: str, modules: Sequence[Module], code: Modules, texts: Sequence[str]) -> _Leading:
        """All of it in these modules. `texts`: of the config, which may name what `instantiate` calls."""
        names: set[str] = set()
        files: set[Path] = set()
        waiting = [part for module in modules for part in _parts(module, code)]
        leading = [part for part in waiting if resolver in part.registers]
        while leading:
            for part in leading:
                names.update(part.defines)
                files.update([] if part.defines else [part.file])
            if any(is_a_target(name, texts) for name in names):
                names.update(("instantiate", "call"))
            waiting = [part for part in waiting if part not in leading]
            leading = [part for part in waiting if part.leads_to(names, files)]
        return cls(resolver, code, names, files)

    def comes_from(self, statement: ast.stmt, module: Module) -> bool:
        """Whether a statement may come to it, itself or by what it calls or imports."""
        part = _part(module, self._code, (), walk(statement))
        return self._resolver in part.registers or part.leads_to(self._names, self._files)


@dataclass(frozen=True)
class _Part:
    """A part of a module: what it defines (nothing: all that its import does), and what stands in it."""

    file: Path
    defines: tuple[str, ...]
    registers: frozenset[str]
    names: frozenset[str]
    imports: frozenset[Path]

    def leads_to(self, names: Set[str], files: Set[Path]) -> bool:
        """Whether it has one of these names, or imports one of these files."""
        return not (self.names.isdisjoint(names) and self.imports.isdisjoint(files))


def _parts(module: Module, known: Modules) -> Iterator[_Part]:
    body = module.source.tree.body
    yield _part(module, known, (), own_nodes(body))
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            methods = (part for part in statement.body if isinstance(part, FUNCTIONS))
            named = (method for method in methods if not method.name.startswith("__"))
            yield from (_part(module, known, (method.name,), walk(method)) for method in named)
        defines = assigned_names([statement])
        if defines and not isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield _part(module, known, tuple(defines), walk(statement))


def _part(module: Module, known: Modules, defines: tuple[str, ...], inside: Iterable[ast.AST]) -> _Part:
    registers: set[str] = set()
    names: set[str] = set()
    imports: set[Path] = set()
    for node in inside:
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Call) and last_name(node.func) in REGISTERS:
            registers.add(name_of(node, module) or "")
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.update(found.source.path for name in imported(node, module, known) for found in along(name, known))
    return _Part(module.source.path, defines, frozenset(registers), frozenset(names), frozenset(imports))
