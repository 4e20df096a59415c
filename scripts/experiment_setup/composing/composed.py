"""What comes of composing: a config, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup.composing.interpolation import UnusableValue, unusable_values
from experiment_setup.composing.origins import Origin
from experiment_setup.composing.refusals import Failure


class Composition:
    """The outcome for one choice of options: a config as `--cfg job` prints it, or a failure."""

    def __init__(
        self,
        choices: dict[str, str | None],
        config: DictConfig | None,
        failure: Failure | None = None,
        asked_hydra: int = 0,
        origins: Mapping[str, tuple[Origin, ...]] | None = None,
        variables: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.choices = choices
        self.failure = failure
        self.asked_hydra = asked_hydra  # how many usual compositions that took as long as; 0 if it did without
        self.origins = origins  # by dotted key (`Trace.origins`); None where nobody asked
        self.variables = variables or {}  # of a resolved config (`resolving.resolve`), by dotted key
        self._config = config

    @property
    def config(self) -> DictConfig | None:
        """The config, or None for a failure. To be left as it is: it may be shared."""
        return self._config

    @cached_property
    def container(self) -> dict[str, Any]:
        """The config as plain dicts and lists, interpolations as they are written; {} for a failure."""
        if self.config is None:
            return {}
        result = OmegaConf.to_container(self.config, resolve=False)
        return dict(result) if isinstance(result, dict) else {}  # type: ignore[arg-type]

    def unusable_values(self, custom_resolvers: frozenset[str] = frozenset()) -> Iterator[UnusableValue]:
        """The values that fail when train.py reads them (`interpolation.unusable_values`); none for a failure."""
        if self.config is not None:
            yield from unusable_values(self.config, custom_resolvers)
