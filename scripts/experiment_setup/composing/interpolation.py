"""Values that compose but cannot be used: interpolations that do not resolve, and `???`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import bounds, installed, nodes
from experiment_setup.composing import environment
from experiment_setup.composing.refusals import (
    NeedsARun,
    NoSuchTarget,
    NotGiven,
    Other,
    RefersToMissing,
    Refusal,
    TooLong,
    UnknownResolver,
    UnsetVariable,
    of_omegaconf,
    reworded,
)
from experiment_setup.light import compiled, dataclass

_RESOLVER = compiled(r"\$\{\s*([A-Za-z_][\w.]*)\s*:")
_NESTED = compiled(r"\$\{[^}]*\$\{")
_KNOWN_ONLY_WHEN_RUN = installed.resolvers_of_a_run() - {"now"}
# What they give that is text in every run, so that a field which cannot take text fails in all of them.
_TEXT_OF_A_RUN = compiled(r"\$\{\s*hydra\s*:\s*(?:job\.name|runtime\.cwd|runtime\.output_dir)\s*\}")


@dataclass(frozen=True)
class UnusableValue:
    """A value that composes but fails when it is used: a broken interpolation, or `???`."""

    key: str  # dotted, from the root
    written: str
    refusal: Refusal

    @property
    def missing(self) -> bool:
        """Whether it is `???` itself."""
        return isinstance(self.refusal, NotGiven)


def not_given(key: str) -> UnusableValue:
    """The value at `key` is `???`."""
    return UnusableValue(key, "???", NotGiven("no value is given"))


def unusable_values(config: DictConfig, custom_resolvers: frozenset[str] = frozenset()) -> Iterator[UnusableValue]:
    """The values of a composed config that fail when train.py reads them, which `--cfg job` does not show.

    Values that need a resolver of the user's (`custom_resolvers`) or Hydra's run time are passed over. Where one
    refers to too much, which takes long to find out, the rest is not looked at.
    """
    for key, node in nodes.leaves(config):
        if nodes.is_missing(node):
            yield not_given(key)
        elif nodes.is_interpolation(node):
            written = str(nodes.value(node))
            if needs_a_run(written, custom_resolvers):
                yield from broken_arguments(node, key, written)
                continue
            found = unusable(config, key, written)
            if found:
                yield found
                if isinstance(found.refusal, TooLong):
                    return


_PLAIN = compiled(r"\$\{\s*(?:\.*[A-Za-z_][\w.]*(?:\[\w+\])*)\s*\}")


def broken_arguments(node: Any, key: str, written: str) -> Iterator[UnusableValue]:
    """References to keys that are not there, among the arguments of a resolver that exists only when it runs."""
    for reference in _PLAIN.findall(written):
        try:
            nodes.refer(node, reference)
        except OmegaConfBaseException as error:
            refusal = of_omegaconf(str(error), type(error).__name__)
            if isinstance(refusal, NoSuchTarget) and refusal.key in reference:
                yield UnusableValue(key, reference, refusal)


def unusable(config: DictConfig, key: str, written: str) -> UnusableValue | None:
    """What is wrong with the interpolation `written` at `key`, or None."""
    if "now" in written and not OmegaConf.has_resolver("now"):  # Hydra's own: text, whenever it is
        OmegaConf.register_new_resolver("now", lambda form: datetime.now().strftime(form))
    if _TEXT_OF_A_RUN.fullmatch(written):
        return (
            None
            if nodes.takes(nodes.at(config, nodes.split(key)), "a text")
            else UnusableValue(key, written, Other("it is text, the field is not"))
        )
    with environment.real() as names:
        found = _refused(config, key, written)
    if found is None or not names:
        return found
    # What is shown comes from trying it once more without the values. Another failure would mislead.
    again = _refused(config, key, written)
    if again is not None and type(again.refusal) is type(found.refusal) is not Other:
        return again
    said = f"it does not go with {', '.join(map(environment.stand_in, sorted(names)))}"
    return UnusableValue(key, written, reworded(found.refusal, lambda _: said))


@bounds.one_value()
def _refused(config: DictConfig, key: str, written: str) -> UnusableValue | None:
    try:
        value = OmegaConf.select(config, key, throw_on_resolution_failure=True)
        if isinstance(value, (DictConfig, ListConfig)):
            OmegaConf.to_container(value, resolve=True)
        else:
            node = nodes.at(config, nodes.split(key))
            if isinstance(node, ListConfig) and value is not None and not isinstance(value, (list, tuple)):
                return UnusableValue(key, written, Other(f"{value!r} is not a list"))
            if isinstance(node, (DictConfig, ListConfig)):  # handed out in silence, but not to be resolved in place
                nodes.put(node, value)
    except Exception as error:
        refusal = of_omegaconf(str(error), type(error).__name__)
        return None if _is_about_another(refusal, written) else UnusableValue(key, written, refusal)
    return None


def _is_about_another(refusal: Refusal, written: str) -> bool:
    """Whether the reason lies in a value that this one refers to: that one is spoken of, or waits for a run."""
    if isinstance(refusal, UnsetVariable):
        return "oc.env" not in _RESOLVER.findall(written)
    if isinstance(refusal, UnknownResolver):
        return refusal.name not in _RESOLVER.findall(written)
    if isinstance(refusal, NoSuchTarget):
        return refusal.key not in written and not _NESTED.search(written)
    return isinstance(refusal, (NeedsARun, RefersToMissing))


def needs_a_run(written: str, custom_resolvers: frozenset[str]) -> bool:
    """Whether the interpolation has a resolver that exists only when the entry point runs."""
    used = set(_RESOLVER.findall(written))
    if not used.isdisjoint(custom_resolvers):
        return True
    return not used.isdisjoint(_KNOWN_ONLY_WHEN_RUN) and not _TEXT_OF_A_RUN.fullmatch(written)
