"""The names that people give to what stands in a row: a key of the config, a config group, the state, a result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from experiment_setup import command_line
from experiment_setup.comparing.comparison import EXPERIMENT, MISSING, STATE, Row
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.location import did_you_mean
from experiment_setup.project import SETS

RESULT, KEY, IDENTITY = "result", "key", "identity"


@dataclass(frozen=True)
class Name:
    """What a word names in the rows of a comparison."""

    kind: str
    name: str

    def of(self, row: Row) -> Any:
        """What the row has there, or MISSING."""
        if self.kind == KEY:
            return row.value(self.name)
        if self.kind == RESULT:
            return row.results.get(self.name, MISSING)
        return row.identity(self.name) or MISSING


class Names:
    """Everything that can be named in some rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._keys = list(dict.fromkeys(key for row in rows for key in row.values))
        self._results = list(dict.fromkeys(name for row in rows for name in row.results))
        self._looked_for_runs = any(row.state is not None for row in rows)
        groups = dict.fromkeys(group for row in rows for group in row.choices)
        self._identities = [EXPERIMENT, STATE, *groups]

    def find(self, word: str, typed: str) -> Name:
        """What `word` names. Raises CommandError, with the command that is meant, where it names nothing or too much.

        `typed` is the word of the command line that it is a part of. Of a key, its end is enough (`lr` of
        `exp.optimizer.lr`); a result goes before a key that ends alike.
        """
        if word in self._keys:
            return Name(KEY, word)
        if word in self._results:
            return Name(RESULT, word)
        if word == STATE and not self._looked_for_runs:
            raise CommandError(
                "the state of a config is known only with --runs", None, command_line.corrected({}, more=["--runs"])
            )
        if word in self._identities:
            return Name(IDENTITY, word)
        ending = self.ending(word)
        if len(ending) == 1:
            return Name(KEY, ending[0])
        if ending:
            raise CommandError(
                f"{word!r} can mean {len(ending)} keys: {', '.join(ending[:8])}",
                "give the whole key",
                command_line.corrected({typed: [typed.replace(word, ending[0], 1)]}),
            )
        raise self._unknown(word, typed, may_be_result=True)

    def ending(self, word: str) -> list[str]:
        """The keys that end in `word`; of those in `exp`, where they are the most direct, only these."""
        found = [key for key in self._keys if key.endswith(f".{word}")]
        return [f"{SETS}.{word}"] if f"{SETS}.{word}" in found else found

    def below(self, word: str, typed: str) -> list[str]:
        """The keys that `word` names, or that lie below it. Raises CommandError where there are none."""
        for start in (word, *self._starts(word)):
            found = [key for key in self._keys if f"{key}.".startswith(f"{start}.")]
            if found:
                return found
        raise self._unknown(word, typed)

    def _starts(self, word: str) -> Iterable[str]:
        """Where a part of the config called `word` lies."""
        inside = (key.split(f".{word}", 1)[0] for key in self._keys if f".{word}." in f".{key}.")
        return dict.fromkeys(f"{start}.{word}" for start in inside)

    def _unknown(self, word: str, typed: str, *, may_be_result: bool = False) -> CommandError:
        known = [*self._keys, *self._results, *self._identities]
        guess = did_you_mean(word, known) or did_you_mean(word, [name.rpartition(".")[2] for name in known])
        if guess:
            fixed = command_line.corrected({typed: [typed.replace(word, guess, 1)]})
            return CommandError(f"no config here has {word!r}", f"did you mean {guess}?", fixed)
        named = [*self._results, *self._keys]
        listed = f"there are: {', '.join(named[:12])}{' …' if len(named) > 12 else ''}"
        if self._results or not may_be_result:
            return CommandError(f"no config here has {word!r}; {listed}")
        if self._looked_for_runs:
            return CommandError(
                f"no config here has {word!r}, and no run of these has left results yet; {listed}",
                "run the sets first: without this word, --runs says how",
                command_line.without(typed),
            )
        return CommandError(
            f"no config here has {word!r}; {listed}",
            "results are looked for with --runs, or --results scores.csv",
            command_line.corrected({}, more=["--runs"]),
        )
