"""What comes of composing: a config, or why there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup.composing.interpolation import UnusableValue, unusable_values
from experiment_setup.reading.source import Steps


@dataclass(frozen=True)
class Failure:
    """Why Hydra does not compose: its own words, and what can be read from them."""

    message: str
    config: str | None = None  # the config that was being merged, such as `exp/001`
    kind: str | None = None  # OmegaConf's exception, such as ConfigKeyError
    full_key: str | None = None  # such as `exp.learning_rte`
    path: Path | None = None  # the file that it comes from, where that was found out (`mistakes.follow`)
    steps: Steps = ()  # and the place in it

    @classmethod
    def parse(cls, message: str) -> Failure:
        """Take Hydra's message apart (its form: ConfigLoaderImpl._compose_config_from_defaults_list)."""
        config = re.match(r"In '([^']+)': ", message)
        kind = re.search(r"(\w+(?:Error|Exception))(?: raised while composing config)?:", message)
        full_key = re.search(r"^\s*full_key: (.*)$", message, re.MULTILINE)
        return cls(
            message=message,
            config=config[1] if config else None,
            kind=kind[1] if kind else None,
            full_key=full_key[1].strip() if full_key else None,
        )

    @property
    def named_steps(self) -> Steps:
        """The steps of `full_key`."""
        parts = (self.full_key or "").replace("[", ".[").split(".")
        indexes = {part: int(part[1:-1]) for part in parts if part.startswith("[") and part[1:-1].isdigit()}
        return tuple(indexes.get(part, part) for part in parts if part)

    @property
    def first_line(self) -> str:
        """Hydra's message without its `In '…': X raised while composing config:` line."""
        lines = [line.strip() for line in self.message.splitlines() if line.strip()]
        if len(lines) > 1 and lines[0].endswith("raised while composing config:"):
            return lines[1]
        return lines[0] if lines else self.message


class Composition:
    """The outcome for one choice of options: a config as `--cfg job` prints it, or a failure."""

    def __init__(
        self,
        choices: dict[str, str | None],
        config: DictConfig | None,
        failure: Failure | None = None,
        asked_hydra: bool = False,
    ) -> None:
        self.choices = choices
        self.failure = failure
        self.asked_hydra = asked_hydra
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
