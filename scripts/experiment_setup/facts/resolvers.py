"""The resolvers that the code registers, and whether they are there before main() begins."""

from __future__ import annotations

import ast
import math
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path

from experiment_setup import installed
from experiment_setup.code.modules import Module, Modules
from experiment_setup.code.tree import FUNCTIONS, Function, dotted, last_name, own_nodes, walk
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import did_you_mean
from experiment_setup.project import scripts_with
from experiment_setup.reading import suppression
from experiment_setup.requirements import package_of
from experiment_setup.schema import Schema

BUILT_IN = installed.built_in_resolvers()
USED = compiled(r"\$\{\s*([A-Za-z_][\w.]*)\s*:")
REGISTERS = ("register_new_resolver", "register_resolver")
_MOST = 400  # modules that are looked at for the imports inside of functions


@dataclass(frozen=True)
class Registered:
    """What the code registers: `early` before main() begins, `late` by main() or what only that comes to."""

    early: frozenset[str]
    late: frozenset[str]
    unknown: bool  # whether it registers more, with names that are not written out

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return self.early | self.late

    def without(self, never: Collection[str]) -> Registered:
        """The same without those that are never registered."""
        return Registered(self.early, self.late.difference(never), self.unknown)

    def possible(self, used: frozenset[str]) -> frozenset[str]:
        """All of them, with those of `used` that may be among the names that are not written out."""
        return self.names | (used if self.unknown else frozenset())


def used_in(texts: Iterable[str]) -> frozenset[str]:
    """The resolvers that references in these texts name, but for those that OmegaConf and Hydra bring along."""
    return frozenset(how_often_used(texts))


def how_often_used(texts: Iterable[str]) -> Counter[str]:
    """The same, each with the number of its references."""
    found = Counter(name for text in texts if "${" in text for name in USED.findall(text))
    return Counter({name: count for name, count in found.items() if name not in BUILT_IN})


def registered_for(used: frozenset[str], schema: Schema, texts: Iterable[str]) -> Registered:
    """What the code registers, of which `used` is needed. Where a name is lacking, what is imported within functions is
    read as well, and what a `_target_` in the `texts` of the config names.
    """
    at_start = [module for module in schema.code or () if module.source.path in schema.modules]
    found = _registered(schema, at_start, at_start)
    if found.unknown or used <= found.names:
        return found
    return _registered(schema, at_start, reached_from(schema, texts))


def _registered(schema: Schema, at_start: Sequence[Module], reached: Iterable[Module]) -> Registered:
    """The resolvers that these modules register, of which some are there before main() begins."""
    registering = [module for module in reached if "resolver" in module.source.text]
    main = schema.main.function if schema.main else ""
    called = _called_at_start(at_start, main) if registering else frozenset()
    early: set[str] = set()
    late: set[str] = set()
    unknown = False
    for module in registering:
        first = module in at_start
        end = _end_of_the_run(module, main)
        for call, function in registrations(module):
            if function is None and module.source.location(call).line > end:
                continue  # when main() is over
            name = name_of(call, module)
            unknown = unknown or name is None
            if name is not None:
                (early if first and (function is None or function in called) else late).add(name)
        early.difference_update(_cleared(module, main))
        unknown = unknown or any(_is_of_a_library(module, call, schema) for call in module.source.nodes(ast.Call))
        unknown = unknown or _is_handed_on(module)
    return Registered(frozenset(early), frozenset(late - early), unknown)


def _cleared(module: Module, main: str) -> set[str]:
    """The resolvers that a module registers and takes back before main() reads a value: `OmegaConf.clear_resolvers()`.

    Seen among its own statements, and where main() begins.
    """
    if "clear_resolver" not in module.source.text:
        return set()
    there: set[str] = set()
    cleared: set[str] = set()
    function = module.functions.get(main) if module.name == "__main__" else None
    given = function.args.args[0].arg if function is not None and function.args.args else ""
    begin = takewhile(lambda one: all(_id(node) != given for node in walk(one)), function.body if function else ())
    for statement in (*module.source.tree.body, *begin):
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and last_name(call.func) in ("clear_resolvers", "clear_resolver"):
            name = name_of(call, module) if call.args or call.keywords else None
            gone = there & {name} if last_name(call.func) == "clear_resolver" else there
            cleared |= gone
            there -= gone
        elif not isinstance(statement, FUNCTIONS):
            calls = (node for node in walk(statement) if isinstance(node, ast.Call))
            there |= {name_of(node, module) or "" for node in calls if last_name(node.func) in REGISTERS}
            cleared -= there
    return cleared


def _id(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_handed_on(module: Module) -> bool:
    """Whether a module names the function that registers without calling it: `register = OmegaConf.register_…`."""
    called = {id(call.func) for call in module.source.nodes(ast.Call)}
    named = (node for node in module.source.nodes(ast.Attribute) if node.attr in REGISTERS)
    left = [node for node in named if id(node) not in called]
    return bool(left) and not _never_run(module).issuperset(map(id, left))


def _is_of_a_library(module: Module, call: ast.Call, schema: Schema) -> bool:
    """Whether a call is of a function of others that registers resolvers, by its name: `register_new_resolvers()`."""
    name = last_name(call.func)
    if name in REGISTERS or not _REGISTERING.search(name) or schema.code is None:
        return False
    return schema.code.defined(module, call.func) is None


_REGISTERING = compiled(r"(?i)(?:regist|add|setup|init|install).*resolver|resolver.*(?:regist|add|setup|init|install)")


def from_libraries(schema: Schema) -> frozenset[str]:
    """The packages of others that the code imports, but for those that are known to register no resolver."""
    code = schema.code
    names = {
        imported.module.partition(".")[0]
        for module in reached_from(schema)
        for imported in (*module.imports.values(), *module.stars)
        if not imported.level
    }
    known = sys.stdlib_module_names | _REGISTER_NOTHING
    others = (name for name in names if name not in known and package_of(name) is None)
    return frozenset(name for name in others if code is None or code.top_level(name) is None)


def may_be_run_as_text(resolver: str, schema: Schema, root: Path) -> bool:
    """Whether a resolver may be registered by a text that the code runs, or by a file of the project of which only a
    run tells whether it is imported.
    """
    by_name = False
    for module in reached_from(schema):
        for call in module.source.nodes(ast.Call) if _RUNS_ANYTHING.search(module.source.text) else ():
            by_name = by_name or last_name(call.func) in _RUNS_A_MODULE
            text = call.args[0] if call.args and dotted(call.func) in ("exec", "builtins.exec") else None
            if text is not None and (not isinstance(text, ast.Constant) or "resolver" in str(text.value)):
                return True
    registering = scripts_with(root, b"_resolver(") if by_name else ()
    word = re.compile(rf"[\"']{re.escape(resolver)}[\"']")
    return any(word.search(suppression.read(script)) for script in registering)


_RUNS_A_MODULE = frozenset("run_path run_module import_module __import__ exec_module".split())
_RUNS_ANYTHING = compiled(rf"\b(?:exec|{'|'.join(sorted(_RUNS_A_MODULE))})\s*\(")

# Beside the packages that `package_of` knows, none of which registers any.
_REGISTER_NOTHING = frozenset(
    "hydra omegaconf IPython Levenshtein SimpleITK absl aiohttp anthropic attr attrs bitsandbytes boto3 chex click "
    "cloudpickle colorama dask decord deepspeed dgl distrax equinox evotorch fastapi filelock fire flashbax flask "
    "fsspec functorch github gpytorch gradio gym haiku httpx huggingface_hub imageio ipdb jaxtyping jinja2 kornia "
    "librosa lightning_utilities litellm lmdb loguru mne monai moviepy mpl_toolkits natsort networkx nibabel nltk "
    "ogb openai opt_einsum ot packaging pkg_resources pybullet pycocotools pydantic_core pygame pymatgen pynvml "
    "pyrootutils pytest pytorch_metric_learning ray rdkit rootutils setuptools shapely soundfile streamlit "
    "submitit sympy tabulate tenacity tensordict tensorflow_datasets termcolor tiktoken torch_geometric torch_scatter "
    "torch_sparse torchdata torchrl trimesh typer typing_extensions ultralytics uvicorn vllm xarray xformers".split()
) | {""}


def _end_of_the_run(module: Module, main: str) -> float:
    """The line in which the module itself calls main() last, at its top or under `if __name__ == …`."""
    calls = (node for node in own_nodes(module.source.tree.body) if isinstance(node, ast.Call))
    lines = (module.source.location(call).line for call in calls if main and dotted(call.func) == main)
    return max(lines, default=math.inf)


GIVEN_CONFIG = ("_root_", "_parent_")  # the keyword parameters that OmegaConf gives the config to


def given_the_config(schema: Schema) -> Iterator[tuple[str, Module, Function]]:
    """The resolvers that take the config itself, or the part around the value, each with its function."""
    for module in list(schema.code) if schema.code is not None else ():
        if not any(name in module.source.text for name in GIVEN_CONFIG):
            continue
        for call, _ in registrations(module):
            name, function = name_of(call, module), function_of(call)
            if isinstance(function, ast.Lambda):
                made = partial(_as_function, function)
                yield name or "", module, module.source.piece(function).once("as function", function, made)
            elif function is not None and schema.code is not None:
                defined = schema.code.defined(module, function)
                if defined is not None and isinstance(defined.node, FUNCTIONS):
                    yield name or "", defined.module, defined.node


def function_of(call: ast.Call) -> ast.expr | None:
    """What a call registers as a resolver."""
    given = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "resolver")]
    return given[0] if given else None


def _as_function(node: ast.Lambda) -> Function:
    returned = ast.copy_location(ast.Return(node.body), node.body)
    made = ast.FunctionDef("<lambda>", node.args, [returned], [], None, None)
    return ast.copy_location(made, node)


def reached_from(schema: Schema, texts: Iterable[str] = ()) -> Iterator[Module]:
    """The modules of an entry point, the packages that it lies in, which come first where it is imported or run as a
    module, those of each `_target_` in the `texts` of the config, and whatever they import anywhere, within functions
    too.
    """
    if schema.code is not None:
        code = schema.code
        steps = code.finder.package_of_script().split(".")
        around = (code.find(".".join(steps[:length])) for length in range(1, len(steps) + 1) if steps[0])
        named = dict.fromkeys(target for text in texts for target in _TARGET.findall(text))
        made = (module for target in named for module in along(target, code))
        yield from _reached([*code, *filter(None, around), *made], code)


_TARGET = compiled(r"_target_[\"']?\s*:\s*[\"']?([A-Za-z_][\w.]*)")


def meant(name: str, known: Collection[str]) -> str | None:
    """The resolver that is meant by a name that none has: `env` was the name of `oc.env`."""
    return "oc.env" if name == "env" else did_you_mean(name, known)


def name_of(call: ast.Call, module: Module) -> str | None:
    """The name that a call registers a resolver under, where it is written out: in the call, or above it."""
    given = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "name")]
    value = _bound_to(given[0], module) if given and isinstance(given[0], ast.Name) else next(iter(given), None)
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _bound_to(name: ast.Name, module: Module) -> ast.expr | None:
    """What the statement above gave a name, if a module binds it by nothing but statements with a text: not by an
    import, nor as a parameter, which may be anything.
    """
    if name.id in module.imports or any(given.arg == name.id for given in module.source.nodes(ast.arg)):
        return None
    written = [node for node in module.source.nodes(ast.Name) if node.id == name.id and isinstance(node.ctx, ast.Store)]
    statements: list[ast.Assign | ast.AnnAssign] = [*module.source.nodes(ast.Assign)]
    statements += module.source.nodes(ast.AnnAssign)
    texts = [
        (node, node.value)
        for node in statements
        if [last_name(target) for target in _targets(node)] == [name.id] and isinstance(node.value, ast.Constant)
    ]
    lines = {module.source.location(node).line: value for node, value in texts}
    above = [line for line in lines if line < module.source.location(name).line]
    return lines[max(above)] if above and len(written) == len(texts) else None


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return [node.target] if isinstance(node, ast.AnnAssign) else node.targets


def registrations(module: Module) -> Iterator[tuple[ast.Call, str | None]]:
    """Each call that registers a resolver, with the outermost function that it stands in; not where no run comes to."""
    calls = [call for call in module.source.nodes(ast.Call) if last_name(call.func) in REGISTERS]
    if calls:
        never = _never_run(module)
        calls = [call for call in calls if id(call) not in never]
    inside: dict[int, str] = {}
    for name, made in _lambdas(module).items() if calls else ():
        inside.update({id(node): name for node in walk(made.body)})
    for statement in module.source.tree.body if calls else ():
        for outer in (statement, *(statement.body if isinstance(statement, ast.ClassDef) else ())):
            if isinstance(outer, FUNCTIONS):
                inside.update({id(node): outer.name for part in outer.body for node in walk(part)})
    yield from ((call, inside.get(id(call))) for call in calls)


def _lambdas(module: Module) -> dict[str, ast.Lambda]:
    """The lambdas that the module's own statements give a name: functions but for their spelling."""
    given = (node for node in module.source.tree.body if isinstance(node, ast.Assign))
    return {last_name(node.targets[0]): node.value for node in given if isinstance(node.value, ast.Lambda)}


def _never_run(module: Module) -> frozenset[int]:
    """What of a module no run comes to before it ends, by its identity: what stands below `if TYPE_CHECKING`, in a
    handler of what does not fail, or is registered with atexit.
    """
    found: list[ast.AST] = []
    for node in module.source.nodes(ast.If):
        truth = _truth(node.test, module)
        if truth is not None:
            found += node.orelse if truth else node.body
    for tried in module.source.nodes(ast.Try):
        if all(isinstance(node, ast.Pass) or _is_sure_to_be_there(node) for node in tried.body):
            found += tried.handlers
    found += (call for call in module.source.nodes(ast.Call) if dotted(call.func) == _AT_THE_END)
    found += (f for f in module.functions.values() if any(dotted(one) == _AT_THE_END for one in f.decorator_list))
    return frozenset(id(node) for part in found for node in walk(part))


_AT_THE_END = "atexit.register"


def _truth(test: ast.expr, module: Module) -> bool | None:
    """What a condition comes to, where a text, a number or a name for one tells it."""
    if last_name(test) == "TYPE_CHECKING":
        return False
    value = _bound_to(test, module) if isinstance(test, ast.Name) else test
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
        truth = _truth(value.operand, module)
        return None if truth is None else not truth
    return bool(value.value) if isinstance(value, ast.Constant) else None


def _is_sure_to_be_there(node: ast.stmt) -> bool:
    """Whether a statement imports nothing but modules of Python's own."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    return bool(names) and all(name.partition(".")[0] in sys.stdlib_module_names for name in names)


def _called_at_start(modules: Iterable[Module], main: str) -> frozenset[str]:
    """The names that the modules' own statements mention until main() is over, and what functions of those names
    mention in turn.
    """
    functions: dict[str, list[ast.stmt]] = {}
    waiting: list[ast.AST] = []
    for module in modules:
        end = _end_of_the_run(module, main)
        own = (n for n in own_nodes(module.source.tree.body) if isinstance(n, (ast.Name, ast.Attribute)))
        waiting += (node for node in own if module.source.location(node).line <= end)
        for node in walk(module.source.tree):
            if isinstance(node, FUNCTIONS):
                functions.setdefault(node.name, []).extend(node.body)
    called: set[str] = set()
    while waiting:
        for node in list(own_nodes(waiting)):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
            if name is not None and name != main and isinstance(getattr(node, "ctx", None), ast.Load):
                called.add(name)
        waiting = [statement for name in called & functions.keys() for statement in functions.pop(name)]
    return frozenset(called)


def never_registered(schema: Schema, root: Path, texts: Sequence[str]) -> dict[str, str]:
    """The resolvers that are registered only in functions which nothing calls, each with such a function.

    A function counts as called where its name stands anywhere: in the code that is reached, in another script, or in
    a `_target_` in the `texts` of the config.
    """
    modules = list(reached_from(schema))
    found: dict[str, set[str | None]] = {}
    for module in modules:
        for call, function in registrations(module):
            is_plain = function in module.functions and not module.functions[function].decorator_list
            plain = function if is_plain or function in _lambdas(module) else None
            found.setdefault(name_of(call, module) or "", set()).add(plain)
    known: dict[str, bool] = {}

    def is_called(function: str) -> bool:
        if function not in known:
            known[function] = _is_named(function, modules, schema, root, texts)
        return known[function]

    never = {name: functions for name, functions in found.items() if name and None not in functions}
    return {
        name: sorted(filter(None, functions))[0]
        for name, functions in never.items()
        if not any(is_called(function) for function in functions if function)
    }


def _is_named(function: str, modules: Sequence[Module], schema: Schema, root: Path, texts: Sequence[str]) -> bool:
    word = re.compile(rf"\b{re.escape(function)}\b")
    main = schema.main.function if schema.main is not None else ""
    for module in modules:
        if not word.search(module.source.text):
            continue
        own, end = module.functions.get(function), _end_of_the_run(module, main)
        left_out = {id(node) for node in walk(own)} if own is not None else set()
        left_out |= {id(n) for n in own_nodes(module.source.tree.body) if module.source.location(n).line > end}
        for node in walk(module.source.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                continue  # `register = lambda: …` itself
            named = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
            quoted = isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(word.search(node.value))
            if id(node) not in left_out and (named == function or (quoted and not _is_in_all(module, node))):
                return True
    read = {module.source.path for module in modules}
    others = (script for script in scripts_with(root, function.encode()) if script not in read)
    return is_a_target(function, texts) or next(others, None) is not None


def is_a_target(name: str, texts: Iterable[str]) -> bool:
    """Whether a `_target_` in the texts of the config names a function or class."""
    named = re.compile(rf"_target_\b.*\b{re.escape(name)}\b")
    return any(map(named.search, texts))


def _is_in_all(module: Module, text: ast.AST) -> bool:
    """Whether a text is one of the names in `__all__`, which calls nothing."""
    lists = [node for node in module.source.tree.body if isinstance(node, ast.Assign)]
    named = [node for node in lists if "__all__" in map(last_name, node.targets)]
    return any(inner is text for node in named for inner in walk(node))


def along(name: str, known: Modules) -> Iterator[Module]:
    """The module of a full name and the packages around it, as far as they are the project's."""
    steps = name.split(".")
    for length in range(1, len(steps) + 1):
        found = known.find(".".join(steps[:length]))
        if found is None:
            return
        yield found


def _reached(modules: list[Module], known: Modules) -> Iterator[Module]:
    """The modules, and whatever they import anywhere, with the packages around it."""
    seen: set[Path] = set()
    waiting = list(modules)
    while waiting and len(seen) < _MOST:
        module = waiting.pop(0)
        if module.source.path in seen or not module.is_read:
            continue
        seen.add(module.source.path)
        yield module
        statements: list[ast.Import | ast.ImportFrom] = [*module.source.nodes(ast.Import)]
        statements += module.source.nodes(ast.ImportFrom)
        for name in dict.fromkeys(name for node in statements for name in imported(node, module, known)):
            waiting.extend(along(name, known))


def imported(node: ast.Import | ast.ImportFrom, module: Module, known: Modules) -> Iterator[str]:
    """The full names of what a statement imports: `a.b` and `a.b.c` for `from a.b import c`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    try:
        name = known.absolute(module, node.module or "", node.level)
    except ImportError:
        return
    yield from (f"{name}.{alias.name}" if alias.name != "*" else name for alias in node.names)
