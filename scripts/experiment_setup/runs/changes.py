"""What changed since a run: values that its parameter set has now and that it did not run with."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from experiment_setup.composing.compose import Composer
from experiment_setup.project import SETS
from experiment_setup.runs.run import Run, leaves


class Changes:
    """Compares runs of one experiment with what the same choices give now."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._known: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}

    def since(self, run: Run) -> dict[str, tuple[Any, Any]]:
        """Key -> what the run had, what it would have now; empty too where the run does not say what it had.

        Only values count that the run's own overrides leave alone and that both have: a field that was added since had
        no say in the result. What an interpolation gives depends on the machine and the time.
        """
        ran = run.config.get(SETS) if run.config is not None else None
        if run.choices is None or not isinstance(ran, Mapping):
            return {}
        now = self._now(run.choices)
        words = [word.lstrip("+~").partition("=")[0] for word in run.overrides or ()]
        own = [word for word in words if "." in word]  # the others choose a group's option
        return {
            key: (value, now[key])
            for key, value in ((key, _plain(value)) for key, value in leaves({SETS: ran}))
            if key in now
            and now[key] != value
            and not (isinstance(now[key], str) and "${" in now[key])
            and not any(key == word or key.startswith(f"{word}.") for word in own)
        }

    def _now(self, choices: Mapping[str, str | None]) -> dict[str, Any]:
        key = tuple(choices.items())
        if key not in self._known:
            config = self._composer.compose(choices).config
            plain: Any = {} if config is None else OmegaConf.to_container(config, enum_to_str=True)
            self._known[key] = {name: _plain(value) for name, value in leaves(plain)}
        return self._known[key]


def _plain(value: Any) -> Any:
    """As JSON has it, which knows no infinity and nothing but texts as keys."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return json.loads(json.dumps(value, default=str))
