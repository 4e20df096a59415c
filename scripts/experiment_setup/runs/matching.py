"""Which config a run is of: by what it says that it chose, else by its path, its name and its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_setup.light import dataclass
from experiment_setup.project import SETS
from experiment_setup.runs.changes import is_same, placed
from experiment_setup.runs.run import Run


@dataclass(frozen=True)
class Candidate:
    """A config that a run may be of."""

    choices: Mapping[str, str]  # config group -> option, of what is chosen
    values: Mapping[str, Any]  # by dotted key


class Matcher:
    """Finds the config that a run is of, among those of one experiment.

    `groups` are the experiment's, each with the option that it has by default now; `root` is the project's folder.
    """

    def __init__(self, root: Path, groups: Mapping[str, str | None], candidates: Sequence[Candidate]) -> None:
        self._root = root
        self._groups = groups
        self._candidates = candidates

    def number(self, run: Run) -> int | None:
        """The number of its candidate; None where it is of none of them.

        What was typed counts: which option a group has by default may have changed since.
        """
        if run.overrides is not None:
            words = (word.lstrip("+").partition("=") for word in run.overrides if chooses(word))
            typed = {group: option.strip("'\"") for group, _, option in words}
            for number, one in enumerate(self._candidates):
                if typed and typed == {group.lstrip("+"): option for group, option in one.choices.items()}:
                    return number
        if run.choices is not None:
            wanted = self._chosen(run.choices)
            return next((n for n, one in enumerate(self._candidates) if self._chosen(one.choices) == wanted), None)
        return self._by_name(run)

    def _chosen(self, choices: Mapping[str, str | None]) -> dict[str, str | None]:
        """The option of every group, chosen or by default."""
        return {**self._groups, **{group.lstrip("+"): option for group, option in choices.items()}}

    def _by_name(self, run: Run) -> int | None:
        """Of a run that does not say what it chose: by a set's name in its path, by exp.name, by its values."""
        parts = set(run.folder.parts[len(self._root.parts) :] if run.folder.is_relative_to(self._root) else ())
        chosen = [{*one.choices.values()} for one in self._candidates]
        sets = [one.choices.get(SETS) for one in self._candidates]
        by_path = [n for n, names in enumerate(chosen) if sets[n] in parts or (sets[n] is None and names & parts)]
        if not self._candidates or (run.config is None and not by_path):
            return None
        then = placed(run.config or {}, self._candidates[0].values)
        if by_path:  # it may have the set's name alone, and the values tell the environment
            return min(
                by_path,
                key=lambda n: (-len(chosen[n] & parts), _distance(then, self._candidates[n]), len(chosen[n]), n),
            )
        name = then.get(f"{SETS}.name")
        named = [n for n, one in enumerate(self._candidates) if name and one.values.get(f"{SETS}.name") == name]
        if named:
            return min(named, key=lambda number: _distance(then, self._candidates[number]))
        best = min(range(len(chosen)), key=lambda n: _distance(then, self._candidates[n]), default=None)
        return best if best is not None and _distance(then, self._candidates[best]) == 0 else None


def chooses(word: str) -> bool:
    """Whether a word of a run's command line chooses an option of the experiment, none of Hydra's own."""
    return "." not in word.partition("=")[0] and not word.startswith(("++", "~", "hydra/", "+hydra/"))


def _distance(then: Mapping[str, Any], one: Candidate) -> float:
    """How many values differ that both have, and that are no interpolations."""
    pairs = [(value, one.values.get(key, _NONE)) for key, value in then.items()]
    both = [(ran, now) for ran, now in pairs if now is not _NONE and "${" not in str(now)]
    return sum(not is_same(ran, now) for ran, now in both) if both else float("inf")


_NONE = object()
