"""Where the code writes: folders that two runs share."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePath
from typing import Any

from experiment_setup import naming, nodes
from experiment_setup.code.pieces import Piece, any_within
from experiment_setup.code.tree import last_name, walk
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.output_folders import (
    EACH_RUN_APART,
    WrittenFolder,
    all_folders,
    code_sets,
    output_fields,
    resolved,
    resolved_in,
    says_any,
)
from experiment_setup.facts.settings import at, moves_into_run_dir, setting
from experiment_setup.facts.together import Together
from experiment_setup.findings import Finding, Severity
from experiment_setup.location import Location
from experiment_setup.project import EXPERIMENTS, SETS, Experiment
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.es32_entry_point import entry_source
from experiment_setup.rules.es33_config_in_code import unread_fields
from experiment_setup.rules.example import CONFIG, TRAIN
from experiment_setup.rules.phases import Phase

_SET = "defaults:\n  - default@_here_\n\n"


_PRINT = "    print(f"


_FROM_FILE = (
    "    from pathlib import Path\n    folder = Path(__file__).resolve().parents[2] / cfg.env.output_dir\n"
    "    folder.mkdir(parents=True, exist_ok=True)\n"
)
_WRITES = "    import os\n    os.makedirs(cfg.env.output_dir, exist_ok=True)\n"


_OTHER = {"../000-first/config.yaml": CONFIG, "../000-first/train.py": TRAIN.replace("001-baseline", "000-first")}


_APART = {
    **EACH_RUN_APART,
    "choices": r"\bchoices\b",
    "override_dirname": r"override_dirname",
    "job.": r"\bjob\.(?:num|id)\b",
}


_MAKES_PATHS = frozenset("Path join joinpath makedirs mkdir open".split())


def _keeps_sets_apart(context: ExperimentContext) -> bool:
    """Whether the code itself makes a folder of its own for each parameter set, as far as can be told."""
    code = context.code.acting
    if says_any(code, _APART):
        return True
    source = entry_source(context)
    if source is None or code.count("exp.name") > source.text.count("exp.name"):
        return True
    return any(
        piece.once("makes a folder of the name", piece, partial(_makes_folders, piece)) for piece in source.pieces
    )


def _makes_folders(piece: Piece) -> bool:
    """Whether a path is put together with `exp.name` in a piece of the code."""
    asked = (ast.Attribute, ast.Subscript)
    if not any(_is_name(node) for kind in asked for _, node in piece.nodes.get(kind, ())):
        return False
    makers: list[ast.AST] = [node for _, node in piece.nodes.get(ast.Call, ()) if last_name(node.func) in _MAKES_PATHS]
    makers += [node for kind in (ast.Assign, ast.AnnAssign, ast.BinOp) for _, node in piece.nodes.get(kind, ())]
    lines = piece.lines_with("name")
    return any(_is_name(inner) for maker in makers if any_within(lines, maker) for inner in walk(maker))


def _is_name(node: ast.AST) -> bool:
    """`exp.name` or `cfg["exp"]["name"]`, by its spelling."""
    if isinstance(node, ast.Attribute) and node.attr == "name":
        return ast.unparse(node.value).split(".")[-1].endswith((SETS, f"['{SETS}']"))
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == "name":
        return ast.unparse(node.value).split(".")[-1].endswith((SETS, f"['{SETS}']"))
    return False


def _code_writes(context: ExperimentContext, key: str) -> bool:
    """Whether the code makes the folder, or opens files in it, straight from the field."""
    steps = nodes.names(key)
    calls = context.code.reading.calls
    return any(
        call.function.rpartition(".")[2] in ("makedirs", "mkdir", "open", "join", "Path")
        and any(given.part.path == steps for given in call.arguments.values())
        for call in calls
    )


@rule(
    "ES501",
    "shared-output-folder",
    Severity.WARNING,
    "parameter sets write to the same folder",
    phase=Phase.OUTPUTS,
    bad={"exp/002.yaml": f'{_SET}name: "002-seed"\nseed: 2\n'},
    good={
        "exp/002.yaml": f'{_SET}name: "002-seed"\nseed: 2\n',
        "train.py": [
            ('output_dir: str = "output/001-baseline"', 'output_dir: str = "output/001-baseline/${exp.name}"'),
            ("/workspace/output/001-baseline", "/workspace/output/001-baseline/${exp.name}"),
        ],
    },
    hydra="accepts",
)
def shared_output_folder(context: ExperimentContext) -> Iterator[Finding]:
    """exp=001 and then exp=002 write over each other's results, and a sweep over both keeps the last one's.

    Folders are the fields named like output_dir, save_dir, checkpoint_dir. Nothing is said where the code makes a
    folder for each set (from Hydra's choices, `exp.name`, the time, a hash).
    """
    default = context.compositions.some
    fields_of = list(output_fields(default)) if len(context.options.sets) > 1 and default is not None else []
    if not fields_of or _keeps_sets_apart(context):
        return
    shared: list[tuple[str, str, list[str]]] = []
    for key, written in fields_of:
        if not code_sets(context, key):
            users_of = _users(context, key, written)
            if f"${{{SETS}.name}}" in str(written):
                users_of = {value: _named_apart(context, names) for value, names in users_of.items()}
            shared += [(key, value, names) for value, names in users_of.items() if len(names) > 1]
    unread = {f"{group}.{field.name}" for group, field in unread_fields(context)} if shared else set()
    shared = [row for row in shared if row[0] not in unread]  # nothing is written there
    if not shared:
        return
    shared.sort(key=lambda row: -len(row[2]))
    names = shared[0][2]
    fields = list(dict.fromkeys(key for key, _, those in shared if those == names))
    users = (
        f"exp={names[0]}, exp={names[1]} and {len(names) - 2} more"
        if len(names) > 2
        else f"exp={names[0]} and exp={names[1]}"
    )
    yield shared_output_folder.finding(
        context.compositions.written_at(fields[0], names[0], None),
        f"{users} write to the same {' and '.join(fields)} ({shared[0][1]})",
        'append HydraConfig.get().runtime.choices["exp"] to it in the code, or ${exp.name} here',
        rests_on=[
            phases.values_of(SETS),
            *(phases.defaults_list(context.options.sets[name].path) for name in (names if len(names) == 2 else ())),
        ],
    )


def _named_apart(context: ExperimentContext, names: list[str]) -> list[str]:
    """Those of some parameter sets that have no written name in common: of the others the name is the fault."""
    composed = {name: context.compositions.at(parameter_set=name).container.get(SETS, {}).get("name") for name in names}
    written = [name for name in composed.values() if "${" not in str(name)]
    return [name for name, said in composed.items() if written.count(said) < 2]


def _users(context: ExperimentContext, key: str, written: Any) -> dict[str, list[str]]:
    """The parameter sets by the folder that they write to."""
    field = nodes.names(key)[-1]
    users: dict[str, list[str]] = {}
    fixed = "${" not in str(written)
    for name, option in context.options.sets.items():
        if entries.is_alias(option):
            continue
        if fixed and field not in option.document.text_or_empty:
            value: str | None = str(written)
            if any(parent in context.options.sets for parent in option.document.parents):
                value = _of_set(context, name, key)
        else:
            value = _of_set(context, name, key)
        if value:
            users.setdefault(os.path.normpath(value), []).append(name)
    return users


def _of_set(context: ExperimentContext, name: str, key: str) -> str | None:
    outcome = context.compositions.at(parameter_set=name)
    written = nodes.within(outcome.container, nodes.names(key))
    if isinstance(written, str) and "${" in written:
        return resolved_in(outcome, key)
    return None if written is None else str(written)


@rule(
    "ES502",
    "sweep-overwrites",
    Severity.WARNING,
    "runs that differ by values on the command line write to the same folder",
    phase=Phase.OUTPUTS,
    bad={
        "train.py": [
            ('output_dir: str = "output/001-baseline"', 'output_dir: str = "output/001-baseline/${exp.name}"'),
            (_PRINT, f"{_WRITES}{_PRINT}"),
        ]
    },
    good={
        "train.py": [
            ('output_dir: str = "output/001-baseline"', 'output_dir: str = "output/001-baseline/${exp.name}"'),
            (
                _PRINT,
                "    import os\n    from hydra.core.hydra_config import HydraConfig\n"
                f"    os.makedirs(HydraConfig.get().runtime.output_dir, exist_ok=True)\n{_PRINT}",
            ),
        ]
    },
    hydra="accepts",
)
def sweep_overwrites(context: ExperimentContext) -> Iterator[Finding]:
    """A folder made of `${exp.name}` keeps the sets apart, but `-m exp.seed=1,2` and `exp=001 exp.seed=2` write where
    exp=001 does. Hydra's own folder, its overrides, or the job's number tell such runs apart.
    """
    default = context.compositions.some
    fields = list(output_fields(default)) if default is not None else []
    chosen = [key for key, written in fields if f"${{{SETS}." in str(written)]
    if not chosen or says_any(context.code.acting, _APART):
        return
    for key in chosen:
        if _code_writes(context, key) and not code_sets(context, key):
            yield sweep_overwrites.finding(
                context.compositions.written_at(key, None, None),
                f"{key} depends on the parameter set only: -m exp.seed=1,2 writes twice to one folder",
                "write to HydraConfig.get().runtime.output_dir in a sweep, or add the overrides to the folder's name",
            )
            return


@rule(
    "ES503",
    "relative-output-folder",
    Severity.WARNING,
    "where results go depends on the folder that the run is started from",
    phase=Phase.OUTPUTS,
    bad={"train.py": [(_PRINT, f"{_WRITES}{_PRINT}")]},
    good={
        "train.py": [
            (_PRINT, f"{_FROM_FILE}{_PRINT}"),
        ]
    },
    hydra="accepts",
    habit=True,
)
def relative_output_folder(context: ExperimentContext) -> Iterator[Finding]:
    """A relative folder starts at the shell's working directory: started from elsewhere, a run writes elsewhere.

    Only folders that the code makes straight from the field are looked at, where neither the entry point nor a module
    of the project that it uses has `__file__`, chdir or Hydra's paths. It is a note where the experiment is none
    of a folder of experiments, to go into or to stay above it: all start its runs in one place.
    """
    default = context.compositions.some
    fields = list(output_fields(default)) if default is not None else []
    if default is None or not fields or moves_into_run_dir(context):
        return
    if any(word in context.code.acting for word in _ABSOLUTE):
        return
    for key, written in fields:
        value = resolved(default, key)
        if value is None or PurePath(value).is_absolute() or "://" in value or not _code_writes(context, key):
            continue
        if code_sets(context, key):
            continue
        yield relative_output_folder.finding(
            context.compositions.written_at(key, None, None),
            f"{key} ({written}) is relative to the folder that the run is started from",
            "build the path from __file__, so that it is the same wherever the run is started: "
            + _from_file(context, key),
            severity=None if _is_one_of_several(context.experiment) else Severity.INFO,
        )
        return


# What code has that writes into a folder of its own, wherever it is started.
_ABSOLUTE = ("__file__", "chdir(", "to_absolute_path", "get_original_cwd", "runtime.cwd", ".resolve(")


def _is_one_of_several(experiment: Experiment) -> bool:
    return experiment.number is not None or experiment.folder.parent.name == EXPERIMENTS


def _from_file(context: ExperimentContext, key: str) -> str:
    """The folder of a field, seen from the project's root as it is where runs are started there."""
    up = len(context.experiment.folder.relative_to(context.project.root).parts)
    return f"Path(__file__).resolve().parents[{up}] / cfg.{key}"


@rule(
    "ES504",
    "foreign-output-folder",
    Severity.ERROR,
    "the output folder carries the name of another experiment",
    phase=Phase.OUTPUTS,
    bad={**_OTHER, "train.py": [('"output/001-baseline"', '"output/000-first"')]},
    good=_OTHER,
    hydra="accepts",
)
def foreign_output_folder(context: ExperimentContext) -> Iterator[Finding]:
    """Copied with the experiment and not renamed: the results of one approach overwrite those of the other.

    Looked at are the fields named like output_dir, run.dir and sweep.dir, and constants like OUTPUT_DIR in the entry
    point. It is a warning where the other experiment is not there (any more).
    """
    own = context.experiment.name
    seen: set[Location] = set()
    for key, value, place in _named_folders(context):
        parts = PurePath(value).parts
        named = next((part for part in sorted(set(parts)) if _is_another(context, part)), None)
        left = named is None and next((part for part in parts if _is_numbered_like(context, part)), None)
        if own in parts or not (named or left):
            continue
        location = place()  # which may take a composition of its own
        if location in seen:
            continue
        seen.add(location)
        what = f"the folder of the experiment {named}" if named else f"named {left}, which is no experiment here"
        yield foreign_output_folder.finding(
            location,
            f"{key} is {what}",
            f"write {value.replace(named or left or '', own)}",
            severity=None if named else Severity.WARNING,
        )


def _is_another(context: ExperimentContext, name: str) -> bool:
    """Whether it is the name of another experiment, with a number and a word, that lies beside this one."""
    here = context.experiment.folder
    return (
        name != here.name
        and re.search(r"\d", name) is not None
        and re.search(r"[A-Za-z]", name) is not None
        and any(
            not (other.is_relative_to(here) or here.is_relative_to(other))
            for other in context.project.folders.get(name, ())
        )
    )


def _is_numbered_like(context: ExperimentContext, part: str) -> bool:
    """Whether a folder's name looks like that of an experiment with another number."""
    own, other = naming.parse(context.experiment.name), naming.parse(part)
    if own is None or other is None or not own.slug or not other.slug or own.width < 3:
        return False
    alike = (own.prefix, own.width, own.separator) == (other.prefix, other.width, other.separator)
    return alike and own.number != other.number and part not in context.options.sets


def _named_folders(context: ExperimentContext) -> Iterator[tuple[str, str, Callable[[], Location]]]:
    """(what it is, value, place) of the folders that runs write to: fields, Hydra's settings, constants of the code."""
    for key, value, parameter_set, environment in all_folders(context):
        if not code_sets(context, key):
            yield key, str(value), partial(context.compositions.written_at, key, parameter_set, environment)
    for path in (("run", "dir"), ("sweep", "dir")):
        value = setting(context, *path)
        if isinstance(value, str):
            yield f"hydra.{'.'.join(path)}", value, partial(at, context, *path)
    source = entry_source(context)
    for node in source.nodes(ast.Assign) if source is not None else ():
        if source is not None and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            for value, text in _texts(node.value) if naming.is_output_folder(name.lower()) else ():
                yield name, value, partial(source.location, text)


def _texts(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The strings that a path is made of: `"a"`, `Path("a") / "b"`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value, node
    elif isinstance(node, ast.Call) and last_name(node.func) in ("Path", "join"):
        yield from (text for argument in node.args for text in _texts(argument))
    elif isinstance(node, ast.BinOp):
        yield from (text for side in (node.left, node.right) for text in _texts(side))


@rule(
    "ES505",
    "folder-of-two-experiments",
    Severity.WARNING,
    "two experiments write to the same folder",
    phase=Phase.OUTPUTS,
    together=True,
    bad={
        **_OTHER,
        "../000-first/train.py": TRAIN.replace("output/001-baseline", "output"),
        "train.py": [('"output/001-baseline"', '"output"'), ("/workspace/output/001-baseline", "/workspace/output")],
    },
    good=_OTHER,
    hydra="accepts",
)
def folder_of_two_experiments(checked: Together) -> Iterator[Finding]:
    """Of the experiments that are checked together, two have the same value in a field like output_dir, in any of their
    environments and parameter sets, and the code adds nothing of its own (`__file__`, `sys.argv[0]`, the time). Two
    entry points of one config share what it says.
    """
    first: dict[tuple[str, str], WrittenFolder] = {}
    for written in checked.folders:
        other = first.setdefault(written.folder, written)
        if other.by != written.by and other.location != written.location:
            yield folder_of_two_experiments.finding(
                written.location,
                f"{other.by} writes to the same {written.key} ({written.value})",
                f"write {PurePath(written.value) / written.experiment}",
            )
