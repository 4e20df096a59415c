"""Hydra's own files and folders: what litters, overwrites, or works in one mode only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from omegaconf import DictConfig

from experiment_setup import installed, naming, nodes
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.settings import (
    UNGIVEN,
    at,
    from_elsewhere,
    is_fixed,
    is_here,
    is_refused,
    rewrite,
    saved_in,
    setting,
)
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import compiled
from experiment_setup.project import SETS
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.example import CHDIR, RUN, SUBDIR
from experiment_setup.rules.phases import Phase
from experiment_setup.schema import UNSET


@rule(
    "ES401",
    "config-overwritten",
    Severity.ERROR,
    "Hydra writes its files over config.yaml",
    phase=Phase.VALUES,
    bad={"config.yaml": [(SUBDIR, "  output_subdir: .\n")]},
    good={},
    hydra="accepts",
)
def config_overwritten(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra saves config.yaml, hydra.yaml and overrides.yaml in run.dir/output_subdir. With `.` for both, started from
    the experiment's folder, the first run replaces config.yaml by its own output: defaults list and comments are gone.
    In the folder of a group the three become options of it.
    """
    folder = saved_in(context)
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
        edits=rewrite(context, ["output_subdir"], "null"),
    )


@rule(
    "ES402",
    "output-subdir-text",
    Severity.ERROR,
    "a word that is meant as null makes a folder of that name",
    phase=Phase.VALUES,
    bad={"config.yaml": [(SUBDIR, "  output_subdir: None\n")]},
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
            edits=rewrite(context, ["output_subdir"], "null"),
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
    phase=Phase.VALUES,
    bad={"config.yaml": [(SUBDIR, "")]},
    good={},
    hydra="accepts",
)
def hydra_folder_overwritten(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra saves each run's config in run.dir/.hydra. Where run.dir is always the same, only the last run's is left,
    beside the code, and looks as if it were the record of all.
    """
    subdir, run = setting(context, "output_subdir"), setting(context, "run", "dir")
    if is_refused(context) or saved_in(context) is not None or _is_null_in_words(subdir):
        return
    if is_fixed(run) and (subdir is UNGIVEN or is_fixed(subdir)):
        named = ".hydra" if subdir is UNGIVEN else subdir
        yield hydra_folder_overwritten.finding(
            context.options.primary.key(["hydra"]) if subdir is UNGIVEN else at(context, "output_subdir"),
            f"every run overwrites {os.path.normpath(f'{run}/{named}')}/ with its own config",
            "write output_subdir: null under hydra:, and save the config beside the results",
            severity=_severity(context),
        )


@rule(
    "ES404",
    "stray-output-folders",
    Severity.WARNING,
    "every run leaves a folder outputs/DATE/TIME",
    phase=Phase.VALUES,
    bad={"config.yaml": [("\nhydra:\n" + SUBDIR + "  job:\n" + CHDIR + RUN, "")]},
    good={},
    hydra="accepts",
)
def stray_output_folders(context: ExperimentContext) -> Iterator[Finding]:
    """Without `hydra.run.dir` each run makes outputs/DATE/TIME where it is started, although the code writes elsewhere.

    Nothing is said where the code uses that folder (HydraConfig, `${hydra:runtime.output_dir}`, chdir). It is a warning
    for experiments that are laid out as here, whose results go elsewhere; others may keep these folders on purpose.
    """
    main = context.schema.main
    if setting(context, "run", "dir") is not UNGIVEN or main is None or from_elsewhere(context) or is_refused(context):
        return
    if main.base in (UNSET, "1.1") or setting(context, "job", "chdir") is True:
        return
    if not context.options.groups or re.search(r"runtime|HydraConfig|get_original_cwd", context.code.text):
        return
    if "hydra:runtime" in context.options.primary.text_or_empty:
        return
    yield stray_output_folders.finding(
        context.options.primary.key(["hydra", "run"]),
        "every run leaves a folder outputs/DATE/TIME that the code does not use",
        "write under hydra: run: {dir: .}, output_subdir: null",
        severity=_severity(context),
        rests_on=[phases.settings()],
    )


def _severity(context: ExperimentContext) -> Severity | None:
    """None for a numbered experiment whose parameter sets build on a dataclass: its results go elsewhere."""
    is_laid_out_as_here = naming.parse(context.experiment.name) and context.options.registration(SETS)
    return None if is_laid_out_as_here else Severity.INFO


@rule(
    "ES406",
    "chdir-moves-outputs",
    Severity.WARNING,
    "relative paths mean another folder in every run",
    phase=Phase.VALUES,
    bad={"config.yaml": [(CHDIR, "    chdir: true\n"), (RUN, "  run:\n    dir: runs/${now:%H%M%S}\n")]},
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
    config = context.compositions.at().config
    if config is None or re.search(r"to_absolute_path|get_original_cwd|runtime\.cwd|__file__", context.code.text):
        return
    relative = [key for key, value in _strings(config) if _is_relative_folder(key, value)]
    if relative:
        yield chdir_moves_outputs.finding(
            at(context, "job", "chdir"),
            f"with chdir: true {', '.join(relative)} {'lies' if len(relative) == 1 else 'lie'} inside run.dir",
            "write chdir: false, or make the paths absolute",
            severity=_severity(context),
        )


def _strings(config: DictConfig) -> Iterator[tuple[str, str]]:
    for group, node in nodes.children(config):
        if nodes.is_mapping(node):
            for key, child in nodes.children(node):
                value = None if isinstance(child, DictConfig) else nodes.value(child)
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
    phase=Phase.LISTS,
    bad={"config.yaml": [(CHDIR, "    chdir: null\n")]},
    good={},
    hydra="differs",
)
def chdir_null(context: ExperimentContext) -> Iterator[Finding]:
    """Up to 1.3 null means "as version_base says"; in Hydra 1.4 the setting is a plain bool, and this is an error."""
    if setting(context, "job", "chdir") is None:
        yield chdir_null.finding(
            at(context, "job", "chdir"),
            "chdir: null is refused by Hydra 1.4",
            "write chdir: false",
            edits=rewrite(context, ["job", "chdir"], "false"),
            severity=Severity.ERROR if installed.hydra_since_1_4() else None,
        )


@rule(
    "ES408",
    "job-number-in-run-dir",
    Severity.ERROR,
    "run.dir or the job's name needs a number that only sweeps have",
    phase=Phase.VALUES,
    bad={"config.yaml": [(RUN, "  run:\n    dir: out/${hydra.job.num}\n")]},
    good={},
    hydra="accepts",
)
def job_number_in_run_dir(context: ExperimentContext) -> Iterator[Finding]:
    """`hydra.job.num` and `hydra.job.id` exist in a multirun only: a single run fails before main() is called. With a
    colon, as `run-${hydra:job.num}`, all single runs get one folder, called None; alone it fails as well. So it is with
    the folder of the run itself in run.dir, and with `hydra.sweep.subdir`, the job's number where nothing gives it.
    A sweep makes sweep.dir before its jobs.
    """
    sweep = setting(context, "sweep", "dir")
    if isinstance(sweep, str) and (found := re.search(r"hydra\.job\.(num|id)", sweep)):
        yield job_number_in_run_dir.finding(
            at(context, "sweep", "dir"),
            f"sweep.dir uses hydra.job.{found[1]}, and is made before there are jobs",
            "use it in hydra.sweep.subdir",
        )
    is_always_a_sweep = setting(context, "mode") == "MULTIRUN"
    for path in () if is_always_a_sweep else (("run", "dir"), ("job", "name"), ("output_subdir",)):
        written = setting(context, *path)
        found = _NOT_IN_A_RUN.search(written) if isinstance(written, str) else None
        given = setting(context, *found[2].split(".")) if found is not None else None
        if found is not None and found[2] == _SUBDIR:  # unless the config gives one itself, it is the number of the job
            given = UNGIVEN if given is UNGIVEN or _NOT_IN_A_RUN.search(str(given)) else given
        if found is None or given not in (UNGIVEN, "???"):
            continue  # the config may give one itself
        is_own_folder = found[2] == "runtime.output_dir"
        if is_own_folder and path != ("run", "dir"):
            continue
        is_null = found[1] == ":" and found[0] != written.strip() and found[2] != _SUBDIR
        named = ".".join(path)
        yield job_number_in_run_dir.finding(
            at(context, *path),
            f"{named} uses hydra{found[1]}{found[2]}, which "
            + ("is made of run.dir" if is_own_folder else "a single run does not have")
            + (f": {'its folder' if path == ('run', 'dir') else named} is called None" if is_null else ""),
            f"{'use it in hydra.sweep.subdir' if found[2].startswith('job.') else 'write a folder'}; {named} can have "
            "${now:%Y%m%d-%H%M%S} or ${hydra.runtime.choices.exp}",
            severity=Severity.WARNING if is_null else None,
        )


# What has no value yet when Hydra makes the folder of a single run.
_NOT_IN_A_RUN = compiled(r"\$\{\s*hydra([.:])(job\.(?:num|id)|runtime\.output_dir|sweep\.subdir)\s*\}")
_SUBDIR = "sweep.subdir"
