"""Where the code has all values of a part of the config resolved."""

from __future__ import annotations

from collections.abc import Iterator

from experiment_setup.uses.records import CallSite, Given, Reading

_RESOLVES = frozenset(
    "omegaconf.OmegaConf.resolve omegaconf.OmegaConf.to_object hydra.utils.instantiate hydra.utils.call".split()
)
_RESOLVES_IF_ASKED = frozenset("omegaconf.OmegaConf.to_container omegaconf.OmegaConf.to_yaml".split())


def resolved(reading: Reading) -> Iterator[tuple[CallSite, Given]]:
    """Each call that resolves a part of the config, with that part."""
    for site in reading.calls:
        asked = any(k.arg == "resolve" and getattr(k.value, "value", None) is True for k in site.node.keywords)
        given = site.arguments.get(0)
        if given is not None and (site.function in _RESOLVES or (asked and site.function in _RESOLVES_IF_ASKED)):
            yield site, given
