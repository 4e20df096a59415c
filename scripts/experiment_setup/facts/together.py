"""What can be known only of several experiments at once, or when everything else is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.output_folders import WrittenFolder
from experiment_setup.light import dataclass
from experiment_setup.reading.suppression import Code, Suppression


@dataclass(frozen=True)
class ConfigFiles:
    """The files of an experiment that another machine needs as well."""

    root: Path  # of the project
    groups: Mapping[Path, str | None]  # each file with the group that it is an option of; None for the primary config

    @classmethod
    def of(cls, context: ExperimentContext) -> ConfigFiles:
        """Those of one experiment."""
        options = {option.path: option.group for option in context.options.all()}
        return cls(context.project.root, {**options, context.experiment.config_file: None})


@dataclass(frozen=True)
class Together:
    """The experiments of one check, side by side."""

    folders: Sequence[WrittenFolder] = ()
    files: Sequence[ConfigFiles] = ()
    unused: Sequence[tuple[Suppression, Code | None]] = ()  # comments that silence nothing; None: one without codes
