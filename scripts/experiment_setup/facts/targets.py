"""What `_target_` names, where the project's code tells: whether there is such a thing, and what it takes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeGuard

from experiment_setup import git
from experiment_setup.code import standard
from experiment_setup.code.modules import Defined, Module, Modules
from experiment_setup.code.source import SourceFile
from experiment_setup.code.tree import FUNCTIONS, Function, assigned_names, last_name, own_nodes, walk
from experiment_setup.facts.defaults_lists import spelled_alike
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import did_you_mean

_CHAIN = 5  # classes that inherit their __init__; modules that take everything from each other
OF_INSTANTIATE = frozenset({"_target_", "_args_", "_partial_", "_recursive_", "_convert_"})
# What gives a module names that its statements do not show.
_ANY_NAME = compiled(
    r"\bglobals\(|\bvars\(|\bsys\.modules\b|\bsetattr\(|\bexec\(|\b__getattr__\b|\b__path__\b|^\s+global\s",
    re.MULTILINE,
)


@lru_cache(maxsize=1024)  # asked for each target, of a few modules
def _may_have_any_name(text: str) -> bool:
    return _ANY_NAME.search(text) is not None


_NO_BASE: tuple[list[str], ...] = ([], ["object"])


@dataclass(frozen=True)
class Wrong:
    """Why a dotted name leads to nothing that can be called."""

    message: str
    meant: str | None  # the whole name as it should be, where one step of it is misspelled
    there: Sequence[str]  # what could be named instead
    lacking: Sequence[Path] = ()  # the files that would have it


def wrong(code: Modules, target: str) -> Wrong | None:
    """What the project's code does not have of a dotted name; None where it has all, or where that can't be said.

    As hydra's `_locate` goes, each step is an attribute of what came before, or a module in it.
    """
    steps = target.split(".")
    if len(steps) < 2 or not all(step.isidentifier() for step in steps):
        return None
    module = code.top_level(steps[0], [steps[1:]])
    if module is None:
        return _misspelled_package(code, steps)
    done = 1
    while isinstance(module, Module) and done < len(steps):
        step, names = steps[done], _names(code, module, _CHAIN)
        if step in module.classes and names is not None:
            return _in_class(module.classes[step], steps, done + 1)
        inner = code.submodule(module, step)
        if inner is None:
            known = None if names is None or step in names or not _is_whole(module) else names
            return _nothing_there(code, module, steps, done, known) if known is not None else None
        is_last = done == len(steps) - 1
        if is_last if names is None else step in names and not _is_import_of(code, module, step, inner):
            return None  # `from .net import net`: the name of the module stands for what the module defines
        module, done = inner, done + 1
    if not isinstance(module, Module) or not module.is_read:
        return None
    inside = [*module.classes, *module.functions]
    last = did_you_mean(steps[-1].replace("_", ""), inside) or (inside[0] if len(inside) == 1 else None)
    return Wrong(f"{target} is a module, which cannot be called", f"{target}.{last}" if last else None, inside)


def _is_import_of(code: Modules, package: Module, name: str, inner: Module) -> bool:
    """Whether a package binds a name to its module of that name, as `from . import net` does."""
    imported = package.imports.get(name)
    if imported is None or imported.name is None:
        return False
    try:
        return code.find(f"{code.absolute(package, imported.module, imported.level)}.{imported.name}") is inner
    except ImportError:
        return False


def _misspelled_package(code: Modules, steps: Sequence[str]) -> Wrong | None:
    """A package that is not the project's, where one that is differs by a letter and has all the rest."""
    if steps[0] in standard.STANDARD_LIBRARY:
        return None
    meant = spelled_alike(steps[0], code.finder.packages())
    whole = ".".join([meant, *steps[1:]]) if meant else ""
    if not meant or _defined(code, whole) is None:
        return None
    return Wrong(f"there is no package {steps[0]}", whole, [meant])


def _in_class(node: ast.ClassDef, steps: Sequence[str], done: int) -> Wrong | None:
    """The step after a class: one of its methods, or the end."""
    if done >= len(steps) or node.decorator_list or node.keywords or [last_name(b) for b in node.bases] not in _NO_BASE:
        return None
    names = assigned_names(node.body)
    if steps[done] in names or hasattr(object, steps[done]):
        return None
    meant = did_you_mean(steps[done], names)
    whole = ".".join([*steps[:done], meant, *steps[done + 1 :]]) if meant else None
    return Wrong(f"{'.'.join(steps[:done])} has no {steps[done]}", whole, sorted(names))


def _nothing_there(
    code: Modules, module: Module, steps: Sequence[str], done: int, names: Iterable[str]
) -> Wrong | None:
    modules = [path.stem for folder in module.search for path in folder.glob("*.py")]
    modules += [path.parent.name for folder in module.search for path in folder.glob("*/__init__.py")]
    there = sorted(name for name in {*names, *modules} if not name.startswith("_"))
    meant = spelled_alike(steps[done], there)
    whole = ".".join([*steps[:done], meant, *steps[done + 1 :]]) if meant else None
    if whole is not None and wrong(code, whole) is not None:
        whole = None
    if whole is None and done == 1 and (module.fallback or not module.is_read):
        return None  # a library may have the name of the folder
    made = [*module.classes, *module.functions]
    sources = (f"{steps[done]}/__init__.py", f"{steps[done]}.py")
    return Wrong(
        f"{'.'.join(steps[:done])} has no {steps[done]}",
        whole,
        made if made and done == len(steps) - 1 else there,
        [folder / source for folder in module.search for source in sources],
    )


def is_not_here(root: Path, lacking: Sequence[Path]) -> bool:
    """Whether one of these files is such that a clone does not have it: ignored by git, or a submodule."""
    if git.submodule_of(root, *lacking) is not None:
        return True
    return bool(git.ignored_alone(root, root, lacking))


def _is_whole(module: Module) -> bool:
    """Whether all that a module or a folder of modules has is here: none is built from code in another language."""
    if not module.search:
        return True
    return (module.is_read or module.has_modules) and not module.is_built_from_others


def _names(code: Modules, module: Module, depth: int) -> frozenset[str] | None:
    """The names that a module's statements bind; None where it may have others."""
    if not module.is_read:
        return None if module.error is not None else frozenset()
    if depth == 0 or _may_have_any_name(module.source.text):
        return None
    found = assigned_names(module.source.tree.body)
    for star in module.stars:
        try:
            inside = code.find(code.absolute(module, star.module, star.level))
        except ImportError:
            return None
        names = _names(code, inside, depth - 1) if inside is not None else None
        if names is None:
            return None
        found |= names
    return frozenset(found)


class Argument(NamedTuple):
    """An argument of a function or a field of a dataclass, declared at `node`; `owner` is all of the code with it."""

    annotation: ast.expr | None
    default: ast.expr | None
    needed: bool
    node: ast.AST
    owner: ast.AST
    source: SourceFile


@dataclass(frozen=True)
class Taken:
    """The arguments that something takes by keyword, and whether it takes any other."""

    arguments: Mapping[str, Argument]
    any_other: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Of all of them."""
        return frozenset(self.arguments)

    @property
    def needed(self) -> frozenset[str]:
        """Those without which it cannot be called."""
        return frozenset(name for name, argument in self.arguments.items() if argument.needed)


def parameters(code: Modules, target: str) -> frozenset[str] | None:
    """The arguments that a dotted name takes by keyword; None where that is not known, or it takes any."""
    found = taken(code, target)
    return None if found is None or found.any_other else found.names


def taken(code: Modules, target: str) -> Taken | None:
    """What a dotted name takes; None where that is not known."""
    found = _defined(code, target)
    if found is not None:
        return taken_by(code, found)
    owner = _defined(code, target.rpartition(".")[0])  # `Net.from_file`
    method = _own_method(owner.node, target.rpartition(".")[2]) if owner is not None else None
    kind = [last_name(decorator) for decorator in method.decorator_list] if method is not None else None
    if owner is None or method is None or kind not in (["classmethod"], ["staticmethod"]):
        return None
    return _of_function(method, owner, bound=kind == ["classmethod"])


def taken_by(code: Modules, found: Defined) -> Taken | None:
    """What a function or class takes; None where that is not known."""
    if isinstance(found.node, FUNCTIONS):
        return _of_function(found.node, found, bound=False) if _is_as_written(found.node) else None
    return _of_class(_lineage(code, found, _CHAIN))


def _defined(code: Modules, target: str) -> Defined | None:
    """The function or class that a dotted name means, if nothing else takes its name."""
    module_name, _, name = target.rpartition(".")
    module = code.find(module_name, [name]) if module_name else None
    found = code.defined(module, _renamed(module, name)) if module is not None and module.is_read else None
    if found is None:
        return None
    written = (node.id for node in own_nodes(found.module.source.tree.body) if _is_written(node))
    return None if found.node.name in written else found


def _renamed(module: Module, name: str) -> ast.expr:
    """What a name stands for: `Wide = Net` gives the class another one."""
    given = [
        statement.value
        for statement in module.source.tree.body
        if isinstance(statement, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == name for t in statement.targets)
    ]
    return given[0] if len(given) == 1 and isinstance(given[0], (ast.Name, ast.Attribute)) else ast.Name(name)


def _is_written(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)


# Decorators that leave the arguments as they are, and bases that bring no `__init__`.
_LEAVE_ARGUMENTS = frozenset(
    "abstractmethod cache contextmanager enable_grad final inference_mode lru_cache no_grad override rank_zero_only "
    "runtime_checkable total_ordering".split()
)
_BRING_NO_INIT = frozenset({"object", "ABC", "Generic", "Protocol"})


def _is_as_written(node: Function | ast.ClassDef) -> bool:
    return all(last_name(decorator) in _LEAVE_ARGUMENTS for decorator in node.decorator_list)


def _lineage(code: Modules, found: Defined, depth: int) -> list[Defined | None]:
    """A class and what it inherits from, in the order in which Python looks for a method; None for what is not read."""
    above: list[Defined | None] = [found]
    for base in found.node.bases if isinstance(found.node, ast.ClassDef) else ():
        named = base.value if isinstance(base, ast.Subscript) else base
        if last_name(named) not in _BRING_NO_INIT:
            inner = code.defined(found.module, named) if depth else None
            above += [None] if inner is None else _lineage(code, inner, depth - 1)
    return list(reversed(dict.fromkeys(reversed(above))))  # what several inherit from comes behind them all


def _of_class(lineage: Sequence[Defined | None]) -> Taken | None:
    """What the first `__init__` of these takes."""
    for index, found in enumerate(lineage):
        node = found.node if found is not None else None
        if found is None or not isinstance(node, ast.ClassDef) or not _is_made_plainly(node):
            return None
        own = _own_method(node, "__init__")
        if own is not None:
            return _with_handed_on(own, found, lineage[index + 1 :]) if _is_as_written(own) else None
        if [last_name(base) for base in node.bases] == ["NamedTuple"]:
            return Taken(_fields(found))
        if _is_dataclass(node):
            return _of_dataclass(lineage[index:])
    return Taken({})


def _is_made_plainly(node: ast.ClassDef) -> bool:
    """Whether nothing but `__init__` or `@dataclass` says what makes an object of a class."""
    is_meta = any(keyword.arg != "metaclass" or last_name(keyword.value) != "ABCMeta" for keyword in node.keywords)
    return not (is_meta or _own_method(node, "__new__")) and (_is_as_written(node) or _is_dataclass(node))


def _is_dataclass(node: ast.ClassDef) -> bool:
    """Whether `@dataclass` alone decorates a class, which makes its `__init__`."""
    names = [last_name(decorator) for decorator in node.decorator_list]
    options = [keyword.arg for call in node.decorator_list if isinstance(call, ast.Call) for keyword in call.keywords]
    return names == ["dataclass"] and "init" not in options


def _with_handed_on(own: Function, found: Defined, above: Sequence[Defined | None]) -> Taken:
    """What an `__init__` takes, with what it hands on as a whole: `super().__init__(width, **kwargs)`."""
    taken = _of_function(own, found, bound=True)
    rest = own.args.kwarg.arg if own.args.kwarg is not None else None
    uses = [node for part in own.body for node in walk(part) if isinstance(node, ast.Name) and node.id == rest]
    calls = [node for part in own.body for node in walk(part) if isinstance(node, ast.Call) and _is_of_super(node)]
    if rest is None or len(uses) != 1 or len(calls) != 1:
        return taken
    call = calls[0]
    inner = _of_class(above) if any(keyword.value is uses[0] and not keyword.arg for keyword in call.keywords) else None
    if inner is None or any(isinstance(argument, ast.Starred) for argument in call.args):
        return taken
    if any(keyword.arg is None and keyword.value is not uses[0] for keyword in call.keywords):
        return taken
    given = {*list(inner.arguments)[: len(call.args)], *(keyword.arg for keyword in call.keywords)}
    handed_on = {name: argument for name, argument in inner.arguments.items() if name not in given}
    added = {name: one for name, one in handed_on.items() if name not in taken.names}
    return Taken({**taken.arguments, **added}, inner.any_other)


def _is_of_super(call: ast.Call) -> bool:
    """Whether it is `super().__init__(…)`."""
    above = call.func.value if isinstance(call.func, ast.Attribute) and call.func.attr == "__init__" else None
    return isinstance(above, ast.Call) and last_name(above.func) == "super"


def _of_dataclass(lineage: Sequence[Defined | None]) -> Taken | None:
    """The fields of a dataclass and of those that it inherits from."""
    fields: dict[str, Argument] = {}
    for found in reversed(lineage):
        if found is None or not isinstance(found.node, ast.ClassDef) or not _is_made_plainly(found.node):
            return None
        if _is_dataclass(found.node):
            fields = {name: one for name, one in fields.items() if name not in _no_fields(found)} | _fields(found)
    return Taken(fields)


def _fields(found: Defined) -> dict[str, Argument]:
    """The fields of a dataclass itself that its `__init__` takes."""
    fields: dict[str, Argument] = {}
    for part in found.node.body:
        if not isinstance(part, ast.AnnAssign) or not isinstance(part.target, ast.Name) or not _is_taken(part):
            continue
        options = part.value.keywords if isinstance(part.value, ast.Call) else []
        made = isinstance(part.value, ast.Call) and last_name(part.value.func) == "field"
        named = {keyword.arg: keyword.value for keyword in options} if made else {"default": part.value}
        is_needed = part.value is None or named.keys().isdisjoint({"default", "default_factory", None})
        fields[part.target.id] = Argument(
            part.annotation, named.get("default"), is_needed, part, found.node, found.module.source
        )
    return fields


def _no_fields(found: Defined) -> set[str]:
    """The names that a dataclass declares for itself alone."""
    declared = [part for part in found.node.body if isinstance(part, ast.AnnAssign) and not _is_taken(part)]
    return {part.target.id for part in declared if isinstance(part.target, ast.Name)}


def _is_taken(part: ast.AnnAssign) -> bool:
    """Whether a declaration is a field that `__init__` takes."""
    options = part.value.keywords if isinstance(part.value, ast.Call) else []
    is_none = any(word in ast.unparse(part.annotation) for word in ("ClassVar", "KW_ONLY"))
    return not is_none and all(keyword.arg != "init" for keyword in options)


def _own_method(node: ast.AST, name: str) -> Function | None:
    methods = [part for part in node.body if isinstance(part, FUNCTIONS)] if isinstance(node, ast.ClassDef) else []
    return next((method for method in reversed(methods) if method.name == name), None)


def _of_function(node: Function, owner: Defined, *, bound: bool) -> Taken:
    given = node.args
    positional = given.args[1:] if bound and not given.posonlyargs else given.args
    own = given.defaults[-len(positional) :] if positional else []
    defaults = [*[None] * (len(positional) - len(own)), *own, *given.kw_defaults]
    pairs = zip((*positional, *given.kwonlyargs), defaults, strict=True)
    arguments = {
        one.arg: Argument(one.annotation, default, default is None, one, owner.node, owner.module.source)
        for one, default in pairs
    }
    return Taken(arguments, any_other=given.kwarg is not None)
