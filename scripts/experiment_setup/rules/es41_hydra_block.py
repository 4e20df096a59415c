"""The `hydra:` block as it is written: its indentation, its groups, its plugins."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import yaml

from experiment_setup import files, installed
from experiment_setup.composing import plugins
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts.defaults_lists import HERE
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.settings import ONLY_HYDRA, is_of_hydra, primary_content
from experiment_setup.findings import Finding, Severity
from experiment_setup.location import Location, did_you_mean
from experiment_setup.reading.source import Document
from experiment_setup.rules import phases
from experiment_setup.rules.base import Files, rule
from experiment_setup.rules.example import CHDIR, RUN, SUBDIR
from experiment_setup.rules.phases import Of, Phase


@rule(
    "ES411",
    "lost-indentation",
    Severity.ERROR,
    "settings of Hydra that do not stand under hydra:",
    phase=Phase.LISTS,
    bad={
        "config.yaml": [
            (SUBDIR + "  job:\n" + CHDIR + RUN, "output_subdir: null\njob:\n  chdir: false\nrun:\n  dir: .\n")
        ]
    },
    good={},
    hydra="fails",
)
def lost_indentation(context: ExperimentContext) -> Iterator[Finding]:
    """`hydra:` with nothing under it ends in a traceback; with some of its settings at the margin, Hydra takes those
    for values of the config and runs with its own; so it does with a block called hyrda: or Hydra:.
    """
    config = primary_content(context)
    misspelled = next(
        (str(k) for k, v in config.items() if k not in context.options.groups and _is_hydra_block(str(k), v)), None
    )
    if misspelled:
        yield lost_indentation.finding(
            context.options.primary.key([misspelled]),
            f"Hydra does not know {misspelled!r} and runs with its own settings (did you mean 'hydra'?)",
            "write hydra:",
            spoils=[phases.settings()],
        )
        return
    astray = [
        str(key)
        for key, value in config.items()
        if is_of_hydra(str(key), value) and not context.code.reading.reads((str(key),))
    ]
    empty = "hydra" in config and config["hydra"] is None
    if not empty and ("hydra" not in config or not astray or any(key in context.options.groups for key in astray)):
        return
    yield lost_indentation.finding(
        context.options.primary.key([astray[0]] if astray else ["hydra"]),
        f"{', '.join(astray)} {'stands' if len(astray) == 1 else 'stand'} beside hydra:, not under it"
        if astray
        else "`hydra:` is empty; Hydra crashes on that",
        "indent the lines by two spaces" if astray else "remove the line, or give it settings",
        spoils=[phases.settings(), *(phases.place(context.options.primary.key([key])) for key in astray)],
    )


def _is_hydra_block(key: str, value: Any) -> bool:
    settings = value.keys() & ONLY_HYDRA if isinstance(value, dict) else ()
    return key != "hydra" and bool(settings) and did_you_mean(key, ["hydra"]) is not None


@rule(
    "ES412",
    "environment-variable-in-defaults",
    Severity.WARNING,
    "Hydra 1.4 does not resolve environment variables in a defaults list",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"config.yaml": [("  - env: default\n", "  - env: ${oc.env:MACHINE,default}\n")]},
    good={},
    hydra="differs",
)
def environment_variable_in_defaults(context: ExperimentContext) -> Iterator[Finding]:
    """`- env: ${oc.env:MACHINE,default}` works up to Hydra 1.3. In 1.4 it fails, and this is an error; `env=local` on
    the command line works in both.
    """
    if "${oc." not in context.options.primary.text_or_empty:
        return
    for entry in entries.entries(context.options.primary):
        found = re.search(r"\$\{oc\.[^}]*\}", str(entry.option or ""))
        if found:
            steps = [next(iter(entry.value))] if isinstance(entry.value, dict) else []
            yield environment_variable_in_defaults.finding(
                context.options.primary.value(["defaults", entry.index, *steps]),
                f"{found[0]} in a defaults list does not work with Hydra 1.4",
                f"name an option, and pass {entry.group or 'GROUP'}=… on the command line",
                severity=Severity.ERROR if installed.hydra_since_1_4() else None,
            )


_SHARED: Files = {"parts/long.yaml": "seed: 1\n"}


@rule(
    "ES419",
    "way-up-in-defaults",
    Severity.INFO,
    "Hydra 1.4 refuses `..` in a defaults list",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={**_SHARED, "exp/002.yaml": "defaults:\n  - default@_here_\n  - ../parts/long@_here_\n"},
    good={**_SHARED, "exp/002.yaml": "defaults:\n  - default@_here_\n  - /parts/long@_here_\n"},
    hydra="differs",
)
def way_up_in_defaults(context: ExperimentContext) -> Iterator[Finding]:
    """`- ../parts/long@_here_` leads from the folder of the file to another one. Up to 1.3 Hydra follows it, in 1.4
    this is an error; the same from the root of the config folder, `- /parts/long@_here_`, works in both. (What code
    stores is never found so.)
    """
    primary = ((document, "") for document in context.options.primary_lineage)
    options = ((option.document, option.group) for option in (*context.options.all(), *context.options.added))
    for document, group in (*primary, *options):
        for entry in entries.entries(document) if ".." in document.text_or_empty else ():
            if ".." in f"{entry.group or ''}/{entry.option or ''}".split("/"):
                yield _way_up(document, group, entry)


def _way_up(document: Document, group: str, entry: entries.Entry) -> Finding:
    """The same entry from the root of the config folder; an edit where it says itself into which package it goes."""
    named = entry.option if entry.group is None else entry.group
    path, package, option = named or "", entry.package or HERE, entry.option
    in_the_option = ".." not in path.split("/")  # `model: ../opt/x`
    if in_the_option:
        path, _, option = posixpath.normpath(f"{path}/{option}").rpartition("/")
        package = entry.package or (named or "").replace("/", ".")
    written = " ".join([*entry.keywords, f"{posixpath.normpath(posixpath.join('/', group, path))}@{package}"])
    node = entries.item_node(document, entry.index)
    key = node.value[0][0] if isinstance(node, yaml.MappingNode) else node
    can_be_edited = entry.package and not in_the_option and isinstance(key, yaml.ScalarNode)
    return way_up_in_defaults.finding(
        document.value(["defaults", entry.index]),
        f"{entry.option if in_the_option else named!r} leads up, which Hydra 1.4 refuses",
        f"write - {written}" + (f": {option}" if entry.group is not None else ""),
        edits=entries.replace(document, key, written) if can_be_edited and key is not None else (),
        severity=Severity.ERROR if installed.hydra_since_1_4() else None,
    )


@rule(
    "ES414",
    "unknown-hydra-group",
    Severity.ERROR,
    "Hydra has no such group or option of its own",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"config.yaml": [("hydra/job_logging: none", "hydra/joblogging: none")]},
    good={},
    hydra="fails",
)
def unknown_hydra_group(context: ExperimentContext) -> Iterator[Finding]:
    """`override hydra/GROUP: OPTION` chooses among Hydra's own configs, such as hydra/job_logging: none."""
    if context.compositions.at().failure is None:
        return
    for entry in entries.entries(context.options.primary):
        home, _, group = (entry.group or "").lstrip("/").partition("/")
        if home != "hydra" or not group or not isinstance(entry.value, dict):
            continue
        key = next(iter(entry.value))
        stored = [r.name for r in context.schema.registrations if r.group == f"hydra/{group}"]
        known = (*plugins.known(group), *stored)
        own = context.experiment.group_dir(f"hydra/{group}")
        if not known and "/" not in group and group != "callbacks" and not files.is_folder(own):
            place = context.options.primary.key(["defaults", entry.index, key])
            yield unknown_hydra_group.finding(
                replace(place, column=place.column + max(str(key).find("hydra/"), 0)),
                f"Hydra has no group hydra/{group}",
                _write("hydra/", did_you_mean(group, plugins.OWN), plugins.OWN),
            )
        elif known and entry.option and entry.option not in known and not files.exists(own / f"{entry.option}.yaml"):
            if plugins.of_others(group, entry.option) and not did_you_mean(entry.option, stored):
                continue
            yield unknown_hydra_group.finding(
                context.options.primary.value(["defaults", entry.index, key]),
                f"hydra/{group} has no option {entry.option!r}",
                _write("", did_you_mean(entry.option, known), known),
            )


def _write(prefix: str, guess: str | None, known: Iterable[str]) -> str:
    return f"write {prefix}{guess}" if guess else f"available: {', '.join(sorted(known))}"


_NONE = "  - override hydra/job_logging: none\n"


@rule(
    "ES417",
    "plugin-not-installed",
    Severity.WARNING,
    "a launcher or sweeper of a plugin that is not installed where the check runs",
    phase=Phase.VALUES,
    bad={"config.yaml": [(_NONE, f"{_NONE}  - override hydra/launcher: our_cluster\n")]},
    good={"config.yaml": [(_NONE, f"{_NONE}  - override hydra/launcher: basic\n")]},
    hydra="differs",
)
def plugin_not_installed(context: ExperimentContext) -> Iterator[Finding]:
    """Where the plugin is installed, Hydra composes this; elsewhere it fails. Here everything else is checked, and the
    plugin's own settings are taken as they are.

    Nothing is said of the plugins on PyPI (joblib, submitit, ray, rq, optuna, ax, nevergrad, colorlog): their options
    are known, whether they are installed or not.
    """
    context.compositions.at()
    for group, option in sorted(context.composer.stand_ins):
        yield plugin_not_installed.finding(
            _chosen_at(context, group, option),
            f"hydra/{group}: {option} comes from a plugin that is not installed here, so its settings are not checked",
            "check it where it is installed: validate.py --python .venv/bin/python",
        )


def _chosen_at(context: ExperimentContext, group: str, option: str) -> Location:
    for document in context.options.documents():
        for entry in entries.entries(document):
            if (entry.group or "").lstrip("/") == f"hydra/{group}" and entry.option == option:
                return document.value(["defaults", entry.index])
    return Location(context.experiment.config_file)


@rule(
    "ES418",
    "settings-in-the-place-of-hydras",
    Severity.ERROR,
    "a file hydra/config.yaml, which takes the place of Hydra's own config",
    phase=Phase.FILES,
    bad={"hydra/config.yaml": "verbose: true\n"},
    good={"config.yaml": [(SUBDIR, f"{SUBDIR}  verbose: true\n")]},
    hydra="fails",
)
def settings_in_the_place_of_hydras(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra stores its own config as `hydra/config`. Options such as hydra/launcher/slurm.yaml belong into that folder;
    settings stand in the block `hydra:` of config.yaml.
    """
    file = context.experiment.config_dir / "hydra" / "config.yaml"
    if context.experiment.has_config and files.is_file(file):
        yield settings_in_the_place_of_hydras.finding(
            Location(file),
            "this takes the place of Hydra's own config, which has the same name: nothing composes",
            f"move what it says into the block `hydra:` of {context.experiment.config_file.name}, and delete the file",
            spoils=[phases.file(context.experiment.config_file)],
        )
