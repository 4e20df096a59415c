"""Values that compose but cannot be used: interpolations that do not resolve, and `???`."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from omegaconf import (
    BooleanNode,
    BytesNode,
    DictConfig,
    EnumNode,
    FloatNode,
    IntegerNode,
    ListConfig,
    OmegaConf,
    PathNode,
    StringNode,
)
from omegaconf.errors import OmegaConfBaseException

_RESOLVER = re.compile(r"\$\{\s*([A-Za-z_][\w.]*)\s*:")
_NESTED = re.compile(r"\$\{[^}]*\$\{")
# How OmegaConf words the causes that come up again in all values that refer to the one at fault.
_RESOLVER_OF_REASON = re.compile(r"Unsupported interpolation type (\S+)|Environment variable '")
_KEY_OF_REASON = re.compile(r"Interpolation key '([^']+)' not found")
_KNOWN_ONLY_WHEN_RUN = frozenset(("hydra", "python_version"))  # resolvers that Hydra adds for a run
# What they give that is text in every run, so that a field which cannot take text fails in all of them.
_TEXT_OF_A_RUN = re.compile(r"\$\{\s*hydra\s*:\s*(?:job\.name|runtime\.cwd|runtime\.output_dir)\s*\}")


@dataclass(frozen=True)
class UnusableValue:
    """A value that composes but fails when it is used: a broken interpolation, or `???`."""

    key: str  # dotted, from the root
    written: str
    reason: str
    missing: bool = False


def unusable_values(config: DictConfig, custom_resolvers: frozenset[str] = frozenset()) -> Iterator[UnusableValue]:
    """The values of a composed config that fail when train.py reads them, which `--cfg job` does not show.

    Values that need a resolver of the user's (`custom_resolvers`) or Hydra's run time are passed over.
    """
    for key, node in nodes(config, ""):
        if node._is_missing():
            yield UnusableValue(key, "???", "no value is given", missing=True)
        elif node._is_interpolation():
            written = str(node._value())
            found = None if needs_a_run(written, custom_resolvers) else unusable(config, key, written)
            if found:
                yield found


def unusable(config: DictConfig, key: str, written: str) -> UnusableValue | None:
    """What is wrong with the interpolation `written` at `key`, or None."""
    if "now" in written and not OmegaConf.has_resolver("now"):  # Hydra's own: text, whenever it is
        OmegaConf.register_new_resolver("now", lambda form: datetime.now().strftime(form))
    if _TEXT_OF_A_RUN.fullmatch(written):
        return None if _takes_text(_node(config, key)) else UnusableValue(key, written, "it is text, the field is not")
    try:
        value = OmegaConf.select(config, key, throw_on_resolution_failure=True)
        if isinstance(value, (DictConfig, ListConfig)):
            OmegaConf.to_container(value, resolve=True)
        else:
            node = _node(config, key)
            if isinstance(node, ListConfig) and value is not None and not isinstance(value, (list, tuple)):
                return UnusableValue(key, written, f"{value!r} is no list")
            if isinstance(node, (DictConfig, ListConfig)):  # handed out in silence, but not to be resolved in place
                copy.deepcopy(node)._set_value(value)
    except Exception as error:
        reason = str(error).splitlines()[0]
        return None if _is_about_another(reason, written) else UnusableValue(key, written, reason)
    return None


def _is_about_another(reason: str, written: str) -> bool:
    """Whether the reason lies in a value that this one refers to: that one is spoken of, or waits for a run."""
    if "HydraConfig was not set" in reason or "MissingMandatoryValue" in reason:
        return True
    resolver = _RESOLVER_OF_REASON.search(reason)
    if resolver:
        return (resolver[1] or "oc.env") not in _RESOLVER.findall(written)
    key = _KEY_OF_REASON.search(reason)
    return key is not None and key[1] not in written and not _NESTED.search(written)


def _takes_text(node: Any) -> bool:
    """Whether every text is a value for the node."""
    try:
        copy.deepcopy(node)._set_value("a text")
    except OmegaConfBaseException:
        return False
    return True


def _node(config: DictConfig, key: str) -> Any:
    """The node at `key`."""
    node: Any = config
    for step in re.findall(r"[^.\[\]]+", key):
        node = node._get_node(int(step) if isinstance(node, ListConfig) else step)
    return node


def needs_a_run(written: str, custom_resolvers: frozenset[str]) -> bool:
    """Whether the interpolation has a resolver that exists only when the entry point runs."""
    used = set(_RESOLVER.findall(written))
    if not used.isdisjoint(custom_resolvers):
        return True
    return not used.isdisjoint(_KNOWN_ONLY_WHEN_RUN) and not _TEXT_OF_A_RUN.fullmatch(written)


_TYPED = (IntegerNode, FloatNode, BooleanNode, StringNode, BytesNode, PathNode, EnumNode)


def is_typed_value(node: Any) -> bool:
    """Whether this is a node that holds one value of a type, and so never stands for a part of the config."""
    return isinstance(node, _TYPED)


def is_text(node: Any) -> bool:
    """Whether this is a node for text, which takes every scalar."""
    return isinstance(node, StringNode)


def child(node: Any, step: Any) -> Any:
    """The node at a key or an index of a container, as it is written; None where there is none."""
    if not isinstance(node, (DictConfig, ListConfig)) or node._is_none() or node._is_missing():
        return None
    if node._is_interpolation():
        return None
    try:
        return node._get_node(step)
    except (OmegaConfBaseException, IndexError, TypeError):  # a key of another type than the dict's
        return None


def nodes(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The nodes of a config that hold no others, each with its dotted key."""
    if isinstance(node, (DictConfig, ListConfig)) and not (
        node._is_none() or node._is_missing() or node._is_interpolation()
    ):
        keys: Iterable[Any] = range(len(node)) if isinstance(node, ListConfig) else list(node.keys())
        for key in keys:
            step = f"[{key}]" if isinstance(node, ListConfig) else (f".{key}" if path else str(key))
            yield from nodes(node._get_node(key), f"{path}{step}")
    elif node is not None and path:
        yield path, node
