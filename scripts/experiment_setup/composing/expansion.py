"""How far Hydra follows defaults lists in defaults lists: two parents each, twenty levels deep, are a million files.

An option that comes to too many is remembered, and so is one that lies too deep: what includes it does so as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from experiment_setup import recursion
from experiment_setup.errors import CommandError

_MOST = 2_000  # configs that one composition asks for; a large one asks for some two hundred, a line of 470 for 1,500
_AS_ONE = 50  # configs that the real Hydra reads in the time of a usual composition


class TooFar(CommandError):
    """Why a composition was given up, in words that stand for Hydra's."""

    effort = 1  # how many usual compositions it has taken as long as

    @classmethod
    def of_many(cls, count: int) -> TooFar | None:
        """The refusal where a composition asks for so many configs, None where it may."""
        if count <= _MOST:
            return None
        return cls(f"its defaults lists, and those of what they name, come to more than {_MOST:,} files")

    @classmethod
    def in_circle(cls) -> TooFar:
        """The refusal of defaults lists that Hydra would follow until Python ends that."""
        return cls("RecursionError: the defaults lists include each other in a circle")


class Expansion:
    """What the compositions of an experiment were given up for, by the config that was chosen."""

    def __init__(self) -> None:
        self._given_up: dict[str, str] = {}

    @contextmanager
    def bounded(self, overrides: Sequence[str], *, anew: bool = False) -> Iterator[None]:
        """Raise TooFar in a block that composes these overrides, where it comes to too much or has no end.

        `anew`: with other contents of files, for which what is known does not count.
        """
        from hydra._internal.config_repository import CachingConfigRepository  # whoever asks Hydra has it

        real, seen = CachingConfigRepository.load_config, list[str]()

        def load_config(repository: Any, config_path: str) -> Any:
            seen.append(config_path)
            if not anew and config_path in self._given_up:
                raise TooFar(self._given_up[config_path])
            if too_far := TooFar.of_many(len(seen)):
                raise too_far
            return real(repository, config_path)

        CachingConfigRepository.load_config = load_config  # type: ignore[method-assign, assignment]
        try:
            with recursion.as_in_a_run(recursion.OF_COMPOSING):
                yield
        except (RecursionError, TooFar) as error:
            too_far = error if isinstance(error, TooFar) else TooFar.in_circle()
            if too_far is not error and len(seen) < 5 * len(set(seen)):
                what = "values in values" if len(seen) < _AS_ONE else "defaults lists in defaults lists"
                too_far = TooFar(f"RecursionError: {what}, deeper than Python goes")
            too_far.effort += len(seen) // _AS_ONE
            if not anew:
                self._remember(overrides, too_far.message)
            raise too_far from None
        finally:
            CachingConfigRepository.load_config = real  # type: ignore[method-assign]

    def _remember(self, overrides: Sequence[str], words: str) -> None:
        if len(overrides) == 1:  # of several it may be any
            group, _, option = overrides[0].partition("=")
            self._given_up[f"{group}/{option.strip(chr(39))}"] = words
