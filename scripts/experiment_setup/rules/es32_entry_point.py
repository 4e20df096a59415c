"""How the entry point uses `@hydra.main`: the call, its arguments, and what stands around it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from experiment_setup import files, installed
from experiment_setup.code import tree
from experiment_setup.code.source import SourceFile
from experiment_setup.code.tree import dotted, last_name
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import compiled
from experiment_setup.location import Location
from experiment_setup.requirements import Declared, package_of
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Phase
from experiment_setup.schema import UNSET, Opaque, Schema
from experiment_setup.uses.starts import is_composed_elsewhere, is_console_script, is_started_elsewhere

_MAIN = "def main(cfg: Config) -> None:\n"


def entry_source(context: ExperimentContext) -> SourceFile | None:
    """The entry point's text and syntax tree, or None where it does not compile."""
    return context.code.source


def main_function(context: ExperimentContext) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function that `@hydra.main` decorates."""
    source = entry_source(context)
    return main_of(context.schema, source.tree) if source else None


def main_of(schema: Schema, tree: ast.Module | None) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The same of any entry point."""
    main = schema.main
    for node in tree.body if tree and main else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and main and node.name == main.function:
            return node
    return None


@rule(
    "ES321",
    "main-not-called",
    Severity.ERROR,
    "the main function is never called",
    phase=Phase.FILES,
    bad={"train.py": [('if __name__ == "__main__":\n    main()\n', "")]},
    good={},
    hydra="accepts",
)
def main_not_called(context: ExperimentContext) -> Iterator[Finding]:
    """Without a call of main() `python train.py` ends at once, with exit code 0 and no output.

    A function that a console script names, or that another file of the project calls (its tests aside), is left alone,
    and so is one of a package (`__init__.py`), which nobody runs as a script.
    It is a note where that is how another entry point of the config folder is started: the file for this one may be
    elsewhere; and where the script does something else when it is run.
    """
    main, source, node = context.schema.main, entry_source(context), main_function(context)
    if main is None or main.called or source is None or node is None:
        return
    if any(problem.fatal for problem in context.schema.problems) or context.schema.entry.name == "__init__.py":
        return
    root = context.project.root
    if is_started_elsewhere(context.schema.entry, main.function, root):
        return
    likewise = (other for other in context.code.other_schemas if other.main and not other.main.called)
    yield main_not_called.finding(
        source.name_location(node),
        f"{main.function}() is never called: the run ends before it begins",
        f'add at the end: if __name__ == "__main__": {main.function}()',
        severity=Severity.INFO
        if _does_something_else(source)
        or any(is_started_elsewhere(other.entry, other.main.function, root) for other in likewise if other.main)
        else None,
    )


def _does_something_else(source: SourceFile) -> bool:
    """Whether a script has work of its own below `if __name__ == "__main__"`: more than calls such as print() or
    set_start_method(), which only come before what was forgotten.
    """
    own = {node.name for node in source.tree.body if isinstance(node, _FUNCTIONS)}
    guards = (node for node in source.tree.body if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test))
    return any(_works(statement, own) for guard in guards for statement in guard.body)


def _works(statement: ast.stmt, own: Collection[str]) -> bool:
    calls = [node for node in tree.walk(statement) if isinstance(node, ast.Call)]
    alone = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
    return bool(calls) and not (alone and last_name(calls[0].func) not in own)


@rule(
    "ES329",
    "config-folder-is-no-package",
    Severity.ERROR,
    "main() is imported by what starts it, and its config folder is no package",
    phase=Phase.FILES,
    bad={
        "train.py": [('if __name__ == "__main__":\n    main()\n', "")],
        "start.py": "from train import main\n\nmain()\n",
    },
    good={},
    hydra="accepts",
)
def config_folder_is_no_package(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra looks for a relative `config_path` beside the file of a script. Where main() is imported, by a console
    script or another file, it looks for a package of that name, which must have an `__init__.py`; the folders of the
    groups in it need none. `python train.py` works all the same, so that the command fails when it is installed.
    """
    main, root = context.schema.main, context.project.root
    if main is None or not isinstance(main.config_path, str):
        return
    path, folder = main.config_path, context.experiment.config_dir
    if Path(path).is_absolute() or "://" in path or not files.is_folder(folder):
        return
    if files.is_file(folder / "__init__.py"):
        return
    if is_console_script(context.schema.entry, main.function, root):
        by = "a console script"
    elif is_composed_elsewhere(context.schema.entry, main.function, context.project):
        by = "another file"
    else:
        return
    is_importable = folder.parent == context.schema.entry.parent or files.is_file(folder.parent / "__init__.py")
    yield config_folder_is_no_package.finding(
        main.location,
        f"{by} imports {main.function}(), so that Hydra reads config_path={path!r} as a package, and it is none",
        f"add an empty {context.relative(folder / '__init__.py')}"
        if is_importable
        else "give it an absolute path, made from Path(__file__)",
    )


@rule(
    "ES322",
    "own-argument-parser",
    Severity.ERROR,
    "the code parses the command line that belongs to Hydra",
    phase=Phase.FILES,
    bad={"train.py": [(_MAIN, f"{_MAIN}    import argparse\n    argparse.ArgumentParser().parse_args()\n")]},
    good={"train.py": [(_MAIN, f"{_MAIN}    import argparse\n    argparse.ArgumentParser().parse_known_args()\n")]},
    hydra="accepts",
)
def own_argument_parser(context: ExperimentContext) -> Iterator[Finding]:
    """`parse_args()` sees `exp=001` and ends the run with "unrecognized arguments"; click and typer do the same.

    What it was meant to take is a field of the config: `python train.py exp.x=1`. Where the script calls main() with a
    config of its own, or does something else in its place, Hydra reads no command line.
    """
    source, main = entry_source(context), main_function(context)
    if source is None or main is None or "sys.argv =" in source.text or any(_starts_with_a_config(source, main)):
        return
    if context.schema.main and not context.schema.main.called and _does_something_else(source):
        return
    for decorator in main.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(called, ast.Attribute) and called.attr == "command":
            yield _parses(source.location(decorator), source.quote(called))
    if not any(word in source.text for word in _PARSERS) and not _RUNS_AN_APP.search(source.text):
        return
    names = {call.func.id for call in source.nodes(ast.Call) if isinstance(call.func, ast.Name)}
    for statement in source.tree.body:
        if isinstance(statement, ast.ClassDef):
            continue
        if isinstance(statement, _FUNCTIONS) and statement is not main and statement.name not in names:
            continue
        for node in tree.walk(statement):
            if isinstance(node, ast.Call) and _takes_command_line(node, main.name, source.text):
                yield _parses(source.location(node), source.quote(node), _takes_words(source))


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


# In every call that takes the command line.
_PARSERS = ("parse_args", "Fire", "typer")
_RUNS_AN_APP = compiled(r"app\s*\.\s*run")


def _takes_command_line(node: ast.Call, main: str, text: str) -> bool:
    """Whether a call reads sys.argv by rules other than Hydra's."""
    name = dotted(node.func)
    if name in ("fire.Fire", "Fire", "typer.run", "app.run"):
        return bool(node.args) and isinstance(node.args[0], ast.Name) and node.args[0].id == main
    if node.args or node.keywords or not isinstance(node.func, ast.Attribute):
        return False
    parses = node.func.attr == "parse_args" and "argparse" in text
    return parses or node.func.attr == "parse_args_into_dataclasses"


def _takes_words(source: SourceFile) -> str | None:
    """An argument without a dash that need not be given, which any word of the command line may become."""
    for call in source.nodes(ast.Call):
        names = [str(given.value) for given in call.args if isinstance(given, ast.Constant)]
        counts = [known.value for known in call.keywords if known.arg == "nargs"]
        is_open = any(isinstance(count, ast.Constant) and count.value in ("?", "*") for count in counts)
        if last_name(call.func) == "add_argument" and is_open and names and not names[0].startswith("-"):
            return names[0]
    return None


def _parses(location: Location, what: str, taken_as: str | None = None) -> Finding:
    """`taken_as`: the argument that an override becomes, so that the run goes on."""
    return own_argument_parser.finding(
        location,
        f"{what} parses Hydra's command line: exp=001 becomes {taken_as or 'an unrecognized argument'}",
        "make the argument a field of the config, or use parse_known_args()",
        severity=Severity.WARNING if taken_as else Severity.ERROR,
    )


@rule(
    "ES323",
    "version-base",
    Severity.WARNING,
    "a version_base that changes, or that Hydra refuses",
    phase=Phase.FILES,
    bad={"train.py": [("version_base=None, ", "")]},
    good={},
    hydra="differs",
    habit=True,
)
def version_base(context: ExperimentContext) -> Iterator[Finding]:
    """Without `version_base` Hydra 1.3 behaves as 1.1 did: it changes into the run directory, and warns.

    Hydra 1.4 refuses "1.1" and "1.2": an error where that is installed, behind which nothing composes, and for
    information only on 1.3. Every 1.3 refuses "1.0" and what is no version string. None means the installed one. Hydra
    1.4 takes None too, but wants the argument left out, so that a project that does is right there. Nothing is said of
    one that declares a Hydra before 1.2, which does not know it, nor of a main() that does nothing.
    """
    main = context.schema.main
    if main is None or isinstance(main.version_base, Opaque) or main.version_base is None:
        return
    given, is_new = main.version_base, installed.hydra_since_1_4()
    advice = "write version_base=None"
    if given is UNSET:
        if not main.does_something:
            return
        if Declared(context.project.root).is_bound_before("hydra", (1, 2), main.location.path.parent):
            return
        keeping = f'write version_base="1.1" to keep that, or {advice.removeprefix("write ")} for what Hydra 1.3 does'
        yield version_base.finding(
            main.location,
            "version_base is not given: Hydra 1.3 falls back to the behaviour of 1.1",
            advice if is_new else keeping,
            severity=Severity.INFO if is_new else None,
        )
    elif not isinstance(given, str) or not re.fullmatch(r"\d+\.\d+(\.\d+)?", given):
        wrong = f"version_base={given!r} is not a version: expected a string such as '1.3', or None"
        yield version_base.finding(main.location, wrong, advice, severity=Severity.ERROR, spoils=[phases.code()])
    elif _version(given) < (1, 1):
        wrong = f'version_base={given!r}: Hydra wants "1.1" or newer'
        yield version_base.finding(main.location, wrong, advice, severity=Severity.ERROR, spoils=[phases.code()])
    elif _version(given) < (1, 3):
        refused = f"version_base={given!r} is refused by Hydra 1.4"
        severity, spoiled = (Severity.ERROR, [phases.code()]) if is_new else (Severity.INFO, [])
        yield version_base.finding(main.location, refused, advice, severity=severity, spoils=spoiled)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


@rule(
    "ES324",
    "no-config-path",
    Severity.ERROR,
    "without config_path Hydra does not look beside the entry point",
    phase=Phase.FILES,
    bad={"train.py": [('config_path=".", ', "")]},
    good={},
    hydra="fails",
)
def no_config_path(context: ExperimentContext) -> Iterator[Finding]:
    """Since version_base 1.2, and in Hydra 1.4 in any case, `config_path` has no default: config.yaml beside train.py
    is not found. Without `config_name` Hydra reads no config at all, and `exp=001` is "Could not override".
    """
    main = context.schema.main
    if main is None:
        return
    if main.config_name is None and context.experiment.has_config and context.options.sets:
        yield no_config_path.finding(
            main.location,
            f"@hydra.main has no config_name: {context.experiment.config_file.name} is not read",
            'write config_path=".", config_name="config"',
        )
        return
    if main.base in (UNSET, "1.1") and not installed.hydra_since_1_4():
        return
    if main.config_path is not UNSET and main.config_path is not None:
        return
    if isinstance(main.config_name, Opaque) or not context.experiment.has_config:
        return
    if context.experiment.config_dir != context.experiment.folder:
        return  # which --config-dir names
    if not main.config_name and context.experiment.config_name != "config":
        return  # it is run without any, and a config of others lies beside it
    if main.config_name and context.schema.registration(None, str(main.config_name).removesuffix(".yaml")):
        return
    yield no_config_path.finding(
        main.location,
        f"@hydra.main has no config_path: {context.experiment.config_file.name} is not found",
        'write config_path=".", config_name="config"',
    )


@rule(
    "ES327",
    "main-signature",
    Severity.ERROR,
    "the main function cannot be called with the config",
    phase=Phase.FILES,
    bad={"train.py": [("def main(cfg: Config)", "def main(cfg: Config, fold: int)")]},
    good={"train.py": [("def main(cfg: Config)", "def main(cfg: Config, fold: int = 0)")]},
    hydra="accepts",
)
def main_signature(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra calls main(cfg), with the config and nothing else, after it has composed: `--cfg job` is content, the run
    ends in a TypeError. An `async def` is called, but never awaited: the run ends at once with exit code 0.
    """
    source, function = entry_source(context), main_function(context)
    if source is None or function is None or any(not _keeps_signature(d) for d in function.decorator_list):
        return
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    required = positional[: len(positional) - len(given.defaults)] + [
        parameter for parameter, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None
    ]
    takes = ", ".join(parameter.arg for parameter in required) or "nothing"
    if isinstance(function, ast.AsyncFunctionDef):
        yield main_signature.finding(
            source.name_location(function),
            f"{function.name}() is async: Hydra calls it and never awaits it, so that nothing runs",
            f"write def {function.name}, and asyncio.run(…) inside",
        )
    elif len(required) > 1 or (not positional and not given.vararg):
        yield main_signature.finding(
            source.location(required[1]) if len(required) > 1 else source.name_location(function),
            f"Hydra calls {function.name}(cfg), but {function.name} takes {takes}",
            f"write def {function.name}(cfg: …); what else it needs is a field of the config",
        )


def _keeps_signature(decorator: ast.expr) -> bool:
    """Whether a decorator is known not to give the function other parameters."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return last_name(called) in ("main", "hydra_main", "no_grad", "inference_mode", "record")


@rule(
    "ES328",
    "main-given-a-config",
    Severity.ERROR,
    "main() is called with a config of its own, so that Hydra composes nothing",
    phase=Phase.FILES,
    bad={"train.py": [("    main()\n", "    main(Config())\n")]},
    good={},
    hydra="accepts",
)
def main_given_a_config(context: ExperimentContext) -> Iterator[Finding]:
    """`main(cfg)` runs with that object at once: config.yaml, `exp=001` and every override are ignored, without a word.

    Only calls that start the script are looked at; tests and notebooks may well call main with a config, and so may a
    script that composes one itself, or whose own parser refuses `exp=001`.
    """
    source, main = entry_source(context), main_function(context)
    if source is None or main is None:
        return
    called = {last_name(call.func) for call in _starting_calls(source)}
    if not called.isdisjoint(("compose", "parse_args")):
        return
    for given in _starts_with_a_config(source, main):
        yield main_given_a_config.finding(
            source.location(given),
            f"{main.name}() is given a config: Hydra composes nothing, and exp=001 is ignored",
            f"write {main.name}()",
        )


def _starting_calls(source: SourceFile) -> Iterator[ast.Call]:
    """The calls that stand in no function or class."""
    starting = [node for node in source.tree.body if not isinstance(node, (*_FUNCTIONS, ast.ClassDef))]
    yield from (node for statement in starting for node in tree.walk(statement) if isinstance(node, ast.Call))


def _starts_with_a_config(source: SourceFile, main: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    """What the script gives main() where it calls it itself."""
    for node in _starting_calls(source):
        called = isinstance(node.func, ast.Name) and node.func.id == main.name
        given = node.args[0] if called and node.args else None
        if given is not None and not (isinstance(given, ast.Constant) and given.value is None):
            yield given


@rule(
    "ES325",
    "lost-return-value",
    Severity.WARNING,
    "@hydra.main throws away what main returns",
    phase=Phase.FILES,
    bad={"train.py": [("    print(f", "    return 5\n    print(f"), ("    main()\n", "    print(main())\n")]},
    good={"train.py": [("    print(f", "    return 5\n    print(f")]},
    hydra="accepts",
)
def lost_return_value(context: ExperimentContext) -> Iterator[Finding]:
    """A call of main() gives None whatever the function returns; only Hydra's sweepers (Optuna) see the value. With a
    config, `main(cfg)`, the function is called as it is.

    `sys.exit(main())` is what scripts end with: None is the exit code of success. A name for the value that nobody
    reads is no use of it either.
    """
    main, source, function = context.schema.main, entry_source(context), main_function(context)
    if main is None or source is None or function is None or not _returns_value(function):
        return
    calls = [n for n in source.nodes(ast.Call) if isinstance(n.func, ast.Name) and n.func.id == main.function]
    calls = [call for call in calls if not call.args and not call.keywords]
    no_use = {id(node.value) for node in source.nodes(ast.Expr)} | set(map(id, tree.walk(function) if calls else ()))
    no_use |= {id(one) for n in source.nodes(ast.Call) if last_name(n.func) in _ENDING for one in n.args}
    read = {node.id for node in source.nodes(ast.Name) if isinstance(node.ctx, ast.Load)}
    no_use |= {
        id(node.value)
        for node in source.nodes(ast.Assign)
        if all(isinstance(target, ast.Name) and target.id not in read for target in node.targets)
    }
    for node in calls:
        if id(node) not in no_use:
            yield lost_return_value.finding(
                source.location(node),
                f"{main.function}() is None here: @hydra.main throws the returned value away",
                "use the value inside the function, or write it to a file",
            )


_ENDING = ("exit", "SystemExit")


def _returns_value(function: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Return)
        and node.value is not None
        and not (isinstance(node.value, ast.Constant) and node.value.value is None)
        for node in tree.walk(function)
    )


_CONFIGURES = compiled(r"addHandler|dictConfig|fileConfig|Handler\(|loguru|structlog")
_LOGS = frozenset("debug info warning error critical exception log".split())


@rule(
    "ES326",
    "bare-log-lines",
    Severity.WARNING,
    "log lines come out as Hydra's own, without level and logger",
    phase=Phase.FILES,
    bad={"train.py": [(_MAIN, f'{_MAIN}    import logging\n    logging.getLogger(__name__).info("start")\n')]},
    good={
        "train.py": [
            (
                _MAIN,
                f'{_MAIN}    import logging\n    logging.basicConfig(level="INFO", force=True)\n'
                '    logging.getLogger(__name__).info("start")\n',
            )
        ]
    },
    hydra="accepts",
)
def bare_log_lines(context: ExperimentContext) -> Iterator[Finding]:
    """`override hydra/job_logging: none` leaves Hydra's own handler in place: `[2026-11-23 15:45:33,770][HYDRA] text`
    is all that is printed of `log.info("text")`, level and name of the logger are lost. `logging.basicConfig` before
    main(), or without force=True, comes too early or does nothing. It is a note where a framework is given the whole
    config, which may set up logging.
    """
    source = entry_source(context)
    if source is None or not re.search(r"hydra/job_logging:\s*[\"']?none\b", context.options.primary.text_or_empty):
        return
    if "logging" not in source.text or _CONFIGURES.search(context.code.text) or _configures_in_time(context):
        return
    loggers = {"logging"} | {
        target.id
        for node in source.nodes(ast.Assign)
        if isinstance(node.value, ast.Call) and _is_get_logger(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in source.nodes(ast.Call):
        if not (isinstance(node.func, ast.Attribute) and node.func.attr in _LOGS):
            continue
        owner = node.func.value
        if (isinstance(owner, ast.Name) and owner.id in loggers) or (
            isinstance(owner, ast.Call) and _is_get_logger(owner)
        ):
            yield bare_log_lines.finding(
                source.location(node),
                "with hydra/job_logging: none this line loses its level and its logger's name",
                "call logging.basicConfig(level=logging.INFO, force=True) at the top of main()",
                severity=Severity.INFO if _gives_all_to_a_framework(context) else None,
            )
            return


def _gives_all_to_a_framework(context: ExperimentContext) -> bool:
    """Whether the whole config is given to a function of others, of a package that is not known to take any config."""
    code = context.schema.code
    given = (site for site in context.code.reading.calls if any(not one.part.path for one in site.arguments.values()))
    names = {site.function.partition(".")[0] for site in given if "." in site.function}
    others = (name for name in names - sys.stdlib_module_names - {"hydra", "omegaconf"} if package_of(name) is None)
    return code is not None and any(code.top_level(name) is None for name in others)


def _configures_in_time(context: ExperimentContext) -> bool:
    """Whether logging.basicConfig is called when Hydra has set up its own logging, and beats that."""
    for module in context.code.modules:
        if "basicConfig" not in module.source.text:
            continue
        early = [statement for statement in module.source.tree.body if not isinstance(statement, _FUNCTIONS)]
        before = {id(node) for statement in early for node in tree.walk(statement)}
        for call in module.source.nodes(ast.Call):
            if dotted(call.func).endswith("basicConfig"):
                forced = any(keyword.arg in ("force", None) for keyword in call.keywords)
                if forced and id(call) not in before:
                    return True
    return False


def _is_get_logger(node: ast.Call) -> bool:
    return last_name(node.func) == "getLogger"
