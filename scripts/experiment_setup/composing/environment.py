"""What `${oc.env:NAME}` gives: the value where a verdict depends on it, `<value of NAME>` in whatever is shown.

A variable may hold a token, and what is shown goes into the logs of CI. So values are given only inside `real`, and the
words of what fails there are not shown as they are.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from omegaconf import OmegaConf
from omegaconf.resolvers import oc

_asked_for: set[str] | None = None  # the variables that `real` has given so far; None outside of it


def stand_in(name: str) -> str:
    """What is shown in the place of a variable's value."""
    return f"<value of {name}>"


def referring(text: str) -> str:
    """`text` with `${oc.env:NAME}` in place of the stand-ins."""
    return re.sub(r"<value of ([^<>]+)>", r"${oc.env:\1}", text)


@contextmanager
def real() -> Iterator[set[str]]:
    """Give the values as they are in this block. Yields the names of those that were given, as they are asked for.

    A block within another one has names of its own, which count for the other too.
    """
    global _asked_for
    before, given = _asked_for, set[str]()
    _asked_for = given
    try:
        yield given
    finally:
        _asked_for = before
        if before is not None:
            before |= given


def hidden(text: str, names: Collection[str]) -> str:
    """`text` with stand-ins in place of the values of these variables."""
    for name in sorted(names, key=lambda name: len(os.environ.get(name, "")), reverse=True):
        text = text.replace(os.environ.get(name) or "\0", stand_in(name))
    return text


def _env(key: str, *default: Any) -> str | None:
    value = oc.env(key, *default)  # of a variable that is not set: the default, or OmegaConf's error
    if key not in os.environ:
        return value
    if _asked_for is None:
        return stand_in(key)
    _asked_for.add(key)
    return value


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # OmegaConf 2.4 has another name for it, which 2.3 uses for something else
    OmegaConf.register_new_resolver("oc.env", _env, replace=True)
