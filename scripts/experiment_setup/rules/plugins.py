"""Rules about plugins of Hydra: launchers and sweepers that live in the project's environment."""

from __future__ import annotations

from collections.abc import Iterator

from experiment_setup.findings import Finding, Severity
from experiment_setup.location import Location
from experiment_setup.rules import entries
from experiment_setup.rules.base import ExperimentContext, rule

_NONE = "  - override hydra/job_logging: none\n"


@rule(
    "ES417",
    "plugin-not-installed",
    Severity.WARNING,
    "a launcher or sweeper of a plugin that is not installed where the check runs",
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
    context.composition()
    for group, option in sorted(context.composer.stand_ins):
        yield plugin_not_installed.finding(
            _chosen_at(context, group, option),
            f"hydra/{group}: {option} is of no plugin that is installed here: its settings are not checked",
            "have it checked where it is installed: validate.py --python .venv/bin/python",
        )


def _chosen_at(context: ExperimentContext, group: str, option: str) -> Location:
    for document in context.documents():
        for entry in entries.entries(document):
            if (entry.group or "").lstrip("/") == f"hydra/{group}" and entry.option == option:
                return document.value(["defaults", entry.index])
    return Location(context.experiment.config_file)
