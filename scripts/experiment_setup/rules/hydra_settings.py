"""Rules about the `hydra:` block of the primary config: what litters, overwrites, or works in one mode only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import yaml
from omegaconf import DictConfig

from experiment_setup.composing import plugins
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location, did_you_mean
from experiment_setup.rules import entries
from experiment_setup.rules.base import ExperimentContext, rule
from experiment_setup.schema import UNSET

_SUBDIR = "  output_subdir: null\n"
_CHDIR = "    chdir: false\n"
RUN = "  run:\n    dir: .\n"


def hydra_block(context: ExperimentContext) -> dict[str, Any]:
    """The `hydra:` block as plain dicts; {} where there is none or the file does not parse."""
    block = _content(context).get("hydra")
    return {str(key): value for key, value in block.items()} if isinstance(block, dict) else {}


def _content(context: ExperimentContext) -> dict[Any, Any]:
    found = entries.content(context.primary) if context.experiment.config_file.is_file() else None
    return found if isinstance(found, dict) else {}


UNGIVEN = object()


def setting(context: ExperimentContext, *path: str) -> Any:
    """The value of a Hydra setting in the primary config, or `UNGIVEN`."""
    value: Any = hydra_block(context)
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return UNGIVEN
        value = value[step]
    return value


def at(context: ExperimentContext, *path: str) -> Location:
    """Where the value of a Hydra setting stands."""
    return context.primary.value(["hydra", *path])


def _node(context: ExperimentContext, *path: str) -> yaml.Node | None:
    node: yaml.Node | None = context.primary.root
    for step in ("hydra", *path):
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        node = next((value for key, value in pairs if key.value == step), None)
    return node


def _rewrite(context: ExperimentContext, path: Sequence[str], text: str) -> tuple[Edit, ...]:
    node = _node(context, *path)
    return entries.replace(context.primary, node, text) if isinstance(node, yaml.ScalarNode) and node.value else ()


def is_here(value: Any) -> bool:
    """Whether a folder is the working directory itself."""
    return isinstance(value, str) and value != "" and os.path.normpath(value) == "."


def _misread(context: ExperimentContext) -> bool:
    """Whether Hydra refuses the block, so that what it lacks may be what is misspelled in it."""
    failure = context.composition().failure
    named = (failure.full_key or "").partition(".")[0] if failure is not None else ""
    own = named in _ONLY_HYDRA and named not in context.groups
    return (
        named == "hydra"
        or own
        or (failure is not None and re.search(r"\b(Run|Sweep|Job)(Dir|Conf)\b", failure.message) is not None)
    )


_STARTED_IN = re.compile(r"\$\{(?:hydra[:.]runtime\.cwd|oc\.env:PWD)\}")


def _written_to(context: ExperimentContext) -> Path | None:
    """The folder that Hydra saves its files in, if it is the same in every run that is started as usual.

    That is from the experiment's own folder, or from the project's; of the two folders the one that has configs counts.
    """
    subdir, run = setting(context, "output_subdir"), setting(context, "run", "dir")
    if not isinstance(subdir, str) or not isinstance(run, str) or "${" in subdir:
        return None
    run = _STARTED_IN.sub(".", run)
    if "${" in run:
        return None
    experiment = context.experiment
    for start in (experiment.folder, context.project.root):
        folder = Path(os.path.normpath(start / run / subdir))
        if folder == experiment.config_dir or folder in map(experiment.group_dir, context.groups):
            return folder
    return None


def is_fixed(value: Any) -> bool:
    """Whether a folder is the same in every run."""
    return isinstance(value, str) and "${" not in value


def _from_elsewhere(context: ExperimentContext) -> bool:
    """Whether Hydra's settings may come from a config that the defaults list names (`- hydra: default`)."""
    return re.search(r"^\s*-\s*(?:override\s+)?/?hydra\s*:", context.primary.text_or_empty, re.MULTILINE) is not None


@rule(
    "ES401",
    "config-overwritten",
    Severity.ERROR,
    "Hydra writes its files over config.yaml",
    bad={"config.yaml": [(_SUBDIR, "  output_subdir: .\n")]},
    good={},
    hydra="accepts",
)
def config_overwritten(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra saves config.yaml, hydra.yaml and overrides.yaml in run.dir/output_subdir. With `.` for both, started from
    the experiment's folder, the first run replaces config.yaml by its own output: defaults list and comments are gone.
    In the folder of a group the three become options of it.
    """
    folder = _written_to(context)
    if folder is None:
        return
    if folder != context.experiment.config_dir:
        message = f"a run leaves config.yaml, hydra.yaml and overrides.yaml in {folder.name}/, as options of the group"
    elif context.experiment.config_name in ("config", "hydra", "overrides"):
        message = f"a run overwrites {context.experiment.config_file.name} with Hydra's copy"
    else:
        return
    yield config_overwritten.finding(
        at(context, "output_subdir"),
        message,
        "write output_subdir: null",
        edits=_rewrite(context, ["output_subdir"], "null"),
    )


@rule(
    "ES402",
    "output-subdir-text",
    Severity.ERROR,
    "a word that is meant as null makes a folder of that name",
    bad={"config.yaml": [(_SUBDIR, "  output_subdir: None\n")]},
    good={},
    hydra="accepts",
)
def output_subdir_text(context: ExperimentContext) -> Iterator[Finding]:
    """`None`, `"null"` and `false` are text to this setting: each run makes a folder ./None, ./null or ./False."""
    value = setting(context, "output_subdir")
    if _is_null_in_words(value):
        yield output_subdir_text.finding(
            at(context, "output_subdir"),
            f"output_subdir: {value!r} makes a folder ./{value}",
            "write output_subdir: null (without quotes)",
            edits=_rewrite(context, ["output_subdir"], "null"),
        )


def _is_null_in_words(value: Any) -> bool:
    return value is False or (
        isinstance(value, str) and value.strip().lower() in ("none", "null", "false", "no", "off")
    )


@rule(
    "ES403",
    "hydra-folder-overwritten",
    Severity.WARNING,
    "every run overwrites the .hydra folder of the one before",
    bad={"config.yaml": [(_SUBDIR, "")]},
    good={},
    hydra="accepts",
)
def hydra_folder_overwritten(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra saves each run's config in run.dir/.hydra. Where run.dir is always the same, only the last run's is left,
    beside the code, and looks as if it were the record of all.
    """
    subdir, run = setting(context, "output_subdir"), setting(context, "run", "dir")
    if _misread(context) or _written_to(context) is not None or _is_null_in_words(subdir):
        return
    if is_fixed(run) and (subdir is UNGIVEN or is_fixed(subdir)):
        named = ".hydra" if subdir is UNGIVEN else subdir
        yield hydra_folder_overwritten.finding(
            context.primary.key(["hydra"]) if subdir is UNGIVEN else at(context, "output_subdir"),
            f"every run overwrites {os.path.normpath(f'{run}/{named}')}/ with its own config",
            "write output_subdir: null under hydra:, and save the config beside the results",
        )


@rule(
    "ES404",
    "stray-output-folders",
    Severity.WARNING,
    "every run leaves a folder outputs/DATE/TIME",
    bad={"config.yaml": [("\nhydra:\n" + _SUBDIR + "  job:\n" + _CHDIR + RUN, "")]},
    good={},
    hydra="accepts",
)
def stray_output_folders(context: ExperimentContext) -> Iterator[Finding]:
    """Without `hydra.run.dir` each run makes outputs/DATE/TIME where it is started, although the code writes elsewhere.

    Nothing is said where the code uses that folder (HydraConfig, `${hydra:runtime.output_dir}`, chdir).
    """
    main = context.schema.main
    if setting(context, "run", "dir") is not UNGIVEN or main is None or _from_elsewhere(context) or _misread(context):
        return
    if main.version_base is UNSET or main.version_base == "1.1" or setting(context, "job", "chdir") is True:
        return
    if not context.groups or re.search(r"runtime|HydraConfig|get_original_cwd", context.code):
        return
    if "hydra:runtime" in context.primary.text_or_empty:
        return
    yield stray_output_folders.finding(
        context.primary.key(["hydra", "run"]),
        "every run leaves a folder outputs/DATE/TIME that the code does not use",
        "write under hydra: run: {dir: .}, output_subdir: null",
    )


@rule(
    "ES405",
    "stray-log-file",
    Severity.INFO,
    "every run appends to a log file beside the code",
    bad={"config.yaml": [("  - override hydra/job_logging: none\n", "")]},
    good={},
    hydra="accepts",
)
def stray_log_file(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra's default logging writes run.dir/train.log. With `run.dir: .` all runs share it, beside the code."""
    if not is_here(setting(context, "run", "dir")) or _from_elsewhere(context):
        return
    if "job_logging" in context.primary.text_or_empty or context.experiment.entry is None:
        return
    yield stray_log_file.finding(
        context.primary.key(["defaults"]),
        f"every run appends to ./{context.experiment.entry.stem}.log",
        "end the defaults list with - override hydra/job_logging: none",
    )


@rule(
    "ES406",
    "chdir-moves-outputs",
    Severity.WARNING,
    "relative paths mean another folder in every run",
    bad={"config.yaml": [(_CHDIR, "    chdir: true\n"), (RUN, "  run:\n    dir: runs/${now:%H%M%S}\n")]},
    good={},
    hydra="accepts",
)
def chdir_moves_outputs(context: ExperimentContext) -> Iterator[Finding]:
    """`job.chdir: true` starts main() in run.dir: `output/001-baseline` is then runs/…/output/001-baseline, and data
    is looked for there as well. Absolute paths and `hydra.utils.to_absolute_path` are not touched.
    """
    run = setting(context, "run", "dir")
    if setting(context, "job", "chdir") is not True or is_here(run):
        return
    config = context.composition().config
    if config is None or re.search(r"to_absolute_path|get_original_cwd|runtime\.cwd|__file__", context.code):
        return
    relative = [key for key, value in _strings(config) if _is_relative_folder(key, value)]
    if relative:
        yield chdir_moves_outputs.finding(
            at(context, "job", "chdir"),
            f"with chdir: true {', '.join(relative)} {'lies' if len(relative) == 1 else 'lie'} inside run.dir",
            "write chdir: false, or make the paths absolute",
        )


def _strings(config: DictConfig) -> Iterator[tuple[str, str]]:
    for group in config:
        node = config._get_node(group)
        if isinstance(node, DictConfig) and not node._is_none() and not node._is_missing():
            for key in node:
                child: Any = node._get_node(key)
                value = child._value() if child is not None and not isinstance(child, DictConfig) else None
                if isinstance(value, (str, os.PathLike)):
                    yield f"{group!s}.{key!s}", str(value)


def _is_relative_folder(key: str, value: str) -> bool:
    named = re.search(r"(^|_)(dir|path|folder|root)$", key.rpartition(".")[2])
    return (
        named is not None
        and not PurePath(value).is_absolute()
        and not value.startswith(("$", "~"))
        and "://" not in value
    )


@rule(
    "ES407",
    "chdir-null",
    Severity.WARNING,
    "Hydra 1.4 refuses chdir: null",
    bad={"config.yaml": [(_CHDIR, "    chdir: null\n")]},
    good={},
    hydra="differs",
)
def chdir_null(context: ExperimentContext) -> Iterator[Finding]:
    """Up to 1.3 null means "as version_base says"; in Hydra 1.4 the setting is a plain bool."""
    if setting(context, "job", "chdir") is None:
        yield chdir_null.finding(
            at(context, "job", "chdir"),
            "chdir: null is refused by Hydra 1.4",
            "write chdir: false",
            edits=_rewrite(context, ["job", "chdir"], "false"),
        )


@rule(
    "ES408",
    "job-number-in-run-dir",
    Severity.ERROR,
    "run.dir needs a number that only sweeps have",
    bad={"config.yaml": [(RUN, "  run:\n    dir: out/${hydra.job.num}\n")]},
    good={},
    hydra="accepts",
)
def job_number_in_run_dir(context: ExperimentContext) -> Iterator[Finding]:
    """`hydra.job.num` and `hydra.job.id` exist in a multirun only: a single run fails before main() is called."""
    run = setting(context, "run", "dir")
    found = re.search(r"hydra[.:]job\.(num|id)", run) if isinstance(run, str) else None
    if found:
        yield job_number_in_run_dir.finding(
            at(context, "run", "dir"),
            f"run.dir uses hydra.job.{found[1]}, which a single run does not have",
            "use it in hydra.sweep.subdir; run.dir can have ${now:%Y%m%d-%H%M%S} or ${hydra.runtime.choices.exp}",
        )


_ONLY_HYDRA = frozenset("run job sweep sweeper launcher output_subdir searchpath job_logging hydra_logging".split())


@rule(
    "ES411",
    "lost-indentation",
    Severity.ERROR,
    "settings of Hydra that do not stand under hydra:",
    bad={
        "config.yaml": [
            (_SUBDIR + "  job:\n" + _CHDIR + RUN, "output_subdir: null\njob:\n  chdir: false\nrun:\n  dir: .\n")
        ]
    },
    good={},
    hydra="fails",
    hides=("ES129", "ES404"),
)
def lost_indentation(context: ExperimentContext) -> Iterator[Finding]:
    """`hydra:` with nothing under it ends in a traceback; with some of its settings at the margin, Hydra takes those
    for values of the config and runs with its own; so it does with a block called hyrda: or Hydra:.
    """
    config = _content(context)
    misspelled = next(
        (str(k) for k, v in config.items() if k not in context.groups and _is_hydra_block(str(k), v)), None
    )
    if misspelled:
        yield lost_indentation.finding(
            context.primary.key([misspelled]),
            f"Hydra does not know {misspelled!r} and runs with its own settings (did you mean 'hydra'?)",
            "write hydra:",
        )
        return
    astray = [str(key) for key in config if key in _ONLY_HYDRA and not context.reading.reads((str(key),))]
    empty = "hydra" in config and config["hydra"] is None
    if not empty and ("hydra" not in config or not astray or any(key in context.groups for key in astray)):
        return
    yield lost_indentation.finding(
        context.primary.key([astray[0]] if astray else ["hydra"]),
        f"{', '.join(astray)} {'stands' if len(astray) == 1 else 'stand'} beside hydra:, not under it"
        if astray
        else "hydra: has no settings, which Hydra does not survive",
        "indent the lines by two spaces" if astray else "remove the line, or give it settings",
    )


def _is_hydra_block(key: str, value: Any) -> bool:
    settings = value.keys() & _ONLY_HYDRA if isinstance(value, dict) else ()
    return key != "hydra" and bool(settings) and did_you_mean(key, ["hydra"]) is not None


@rule(
    "ES412",
    "environment-variable-in-defaults",
    Severity.WARNING,
    "Hydra 1.4 does not resolve environment variables in a defaults list",
    bad={"config.yaml": [("  - env: default\n", "  - env: ${oc.env:MACHINE,default}\n")]},
    good={},
    hydra="differs",
)
def environment_variable_in_defaults(context: ExperimentContext) -> Iterator[Finding]:
    """`- env: ${oc.env:MACHINE,default}` works up to Hydra 1.3 and fails in 1.4. `env=local` on the command line works
    in both.
    """
    if "${oc." not in context.primary.text_or_empty:
        return
    for entry in entries.entries(context.primary):
        found = re.search(r"\$\{oc\.[^}]*\}", str(entry.option or ""))
        if found:
            steps = [next(iter(entry.value))] if isinstance(entry.value, dict) else []
            yield environment_variable_in_defaults.finding(
                context.primary.value(["defaults", entry.index, *steps]),
                f"{found[0]} in a defaults list does not work with Hydra 1.4",
                f"name an option, and pass {entry.group or 'GROUP'}=… on the command line",
            )


@rule(
    "ES414",
    "unknown-hydra-group",
    Severity.ERROR,
    "Hydra has no such group or option of its own",
    bad={"config.yaml": [("hydra/job_logging: none", "hydra/joblogging: none")]},
    good={},
    hydra="fails",
    hides=("ES405",),  # the logging that was to be chosen
)
def unknown_hydra_group(context: ExperimentContext) -> Iterator[Finding]:
    """`override hydra/GROUP: OPTION` chooses among Hydra's own configs, such as hydra/job_logging: none."""
    if context.composition().failure is None:
        return
    for entry in entries.entries(context.primary):
        home, _, group = (entry.group or "").lstrip("/").partition("/")
        if home != "hydra" or not group or not isinstance(entry.value, dict):
            continue
        key = next(iter(entry.value))
        known = plugins.known(group)
        own = context.experiment.group_dir(f"hydra/{group}")
        if not known and "/" not in group and group != "callbacks" and not own.is_dir():
            place = context.primary.key(["defaults", entry.index, key])
            yield unknown_hydra_group.finding(
                replace(place, column=place.column + max(str(key).find("hydra/"), 0)),
                f"Hydra has no group hydra/{group}",
                _write("hydra/", did_you_mean(group, plugins.OWN), plugins.OWN),
            )
        elif known and entry.option and entry.option not in known and not (own / f"{entry.option}.yaml").exists():
            if plugins.of_others(group, entry.option):
                continue
            yield unknown_hydra_group.finding(
                context.primary.value(["defaults", entry.index, key]),
                f"hydra/{group} has no option {entry.option!r}",
                _write("", did_you_mean(entry.option, known), known),
            )


def _write(prefix: str, guess: str | None, known: Iterable[str]) -> str:
    return f"write {prefix}{guess}" if guess else f"there is: {', '.join(sorted(known))}"
