"""Plain overrides of the command line: `exp.seed=3`, without importing Hydra's parser.

What is not as plain as that, Hydra reads itself.
"""

from __future__ import annotations

import re
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup import nodes
from experiment_setup.composing.layers import Declined
from experiment_setup.composing.origins import Trace
from experiment_setup.light import compiled, dataclass
from experiment_setup.nodes import Steps

# A part of hydra/grammar: an ID.ID key; a number, a word or a path as it stands, a quoted text, or a list of these.
_WORD = compiled(r"(?P<key>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)=(?P<value>.+)", re.ASCII)
_QUOTED = compiled(r"(['\"])([^'\"\\$]+)\1")
_LIST = compiled(r"\[([^\[\](){}]*)\]")
_INT = compiled(r"-?(?:0|[1-9]\d{0,4000})", re.ASCII)  # Python reads no more digits than 4,300
_FLOAT = compiled(r"-?(?:0|[1-9]\d*)(?:\.\d+(?:[eE]-?\d+)?|[eE]-?\d+)", re.ASCII)
_TEXT = compiled(r"(?!(?:true|false|null|inf|nan)$)[A-Za-z/][\w./\-]*", re.ASCII | re.IGNORECASE)
_CONSTANTS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Change:
    """`key=value` for a key that is there."""

    word: str
    key: str
    value: Any

    @property
    def steps(self) -> Steps:
        """The steps of `key`."""
        return nodes.split(self.key)

    def apply(self, config: DictConfig, trace: Trace | None = None) -> None:
        """Set it, as ConfigLoaderImpl._apply_overrides_to_config does. Raises Declined where that fails."""
        before = OmegaConf.to_container(config, resolve=False) if trace is not None else None
        try:
            OmegaConf.update(config, self.key, self.value, merge=True)
        except Exception as error:  # Hydra has the words for it
            raise Declined(f"{self.word}: {error!r}") from error
        if trace is not None:
            trace.set_by(self.word, self.steps, before, config)


def parse(word: str) -> Change:
    """The change that a word of the command line means; Declined where that is not plain to see."""
    found = _WORD.fullmatch(word)
    if found is None:
        raise Declined(f"override {word!r}")
    items = _LIST.fullmatch(found["value"])
    if items is None:
        return Change(word, found["key"], _scalar(found["value"]))
    values = [_scalar(item) for item in items[1].split(",")] if items[1] else []
    return Change(word, found["key"], values)


def _scalar(written: str) -> Any:
    quoted = _QUOTED.fullmatch(written)
    if quoted is not None:
        return quoted[2]
    if written in _CONSTANTS:
        return _CONSTANTS[written]
    if _INT.fullmatch(written):
        return int(written)
    if _FLOAT.fullmatch(written):
        return float(written)
    if _TEXT.fullmatch(written):
        return written
    raise Declined(f"override with the value {written!r}")
