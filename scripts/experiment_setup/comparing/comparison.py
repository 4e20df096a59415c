"""What a comparison is: a row for each config, a column for each value by which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any

from experiment_setup import naming
from experiment_setup.light import dataclass
from experiment_setup.project import ENVIRONMENTS, SETS

EXPERIMENT, FOLDER, OVERRIDES, STATE = "experiment", "folder", "overrides", "state"


class Missing:
    """The value of a key that a config does not have: another thing than null, false, 0 and an empty text."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        """What a fork gives back is this very one."""
        return "MISSING"


MISSING = Missing()


@dataclass(frozen=True)
class Row:
    """One config: an experiment with the options that are chosen for it, and what became of its run.

    `values` and `defaults` (what the experiment has without a choice) are by dotted key, in the order of the config,
    and of JSON's types; interpolations are as written. `refused` says why there is no config.
    """

    experiment: str  # its folder, from the project's root
    choices: Mapping[str, str]  # config group -> option, of what is chosen
    values: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    refused: str | None = None
    overrides: tuple[str, ...] = ()  # further words of a run's command line
    state: str | None = None  # of its run; None where nobody asked
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)  # since its run: key -> then, now
    run: str | None = None  # its folder, from the project's root
    results: Mapping[str, Any] = field(default_factory=dict)

    def value(self, key: str) -> Any:
        """The value at a dotted key, or MISSING."""
        return self.values.get(key, MISSING)

    def is_default(self, key: str) -> bool:
        """Whether the value is the one that the experiment has without a choice."""
        return same(self.value(key), self.defaults.get(key, MISSING))

    def identity(self, name: str) -> str:
        """What tells it apart: the option of a config group, its `experiment`, `overrides` or `state`."""
        if name in self.choices:
            return self.choices[name]
        if name in (EXPERIMENT, FOLDER):
            return self.experiment
        if name == OVERRIDES:
            return " ".join(self.overrides)
        if name == STATE:
            return self.state or ""
        return ""

    @property
    def words(self) -> list[str]:
        """What chooses it on a command line."""
        return [*(naming.override(group, option) for group, option in self.choices.items()), *self.overrides]

    @property
    def name(self) -> str:
        """The choices for people, such as `exp=001 env=local`; `(defaults)` where there is none."""
        words = [f"{group}={option}" for group, option in self.choices.items()]
        return " ".join([*words, *self.overrides]) or "(defaults)"


@dataclass(frozen=True)
class Column:
    """One key of the configs."""

    key: str  # dotted, from the root
    varies: bool = True  # whether the rows differ in it
    defaults: Mapping[str, Any] = field(default_factory=dict)  # experiment -> the value without a choice


@dataclass(frozen=True)
class Comparison:
    """Rows and the columns that are shown of them, in the order in which they are shown."""

    rows: Sequence[Row]
    columns: Sequence[Column]
    ignored: Sequence[str] = ()  # keys by which the rows differ as well, and that are not shown
    elsewhere: Sequence[str] = ()  # keys that only some of the experiments have, with one value: not shown either

    @cached_property
    def groups(self) -> list[str]:
        """The config groups from which something is chosen, parameter sets and environments first."""
        found = dict.fromkeys(group for row in self.rows for group in row.choices)
        return sorted(found, key=lambda group: (group != SETS, group != ENVIRONMENTS))

    @cached_property
    def key_columns(self) -> list[str]:
        """What tells the rows apart, and then their state: the columns that come first."""
        several = len({row.experiment for row in self.rows}) > 1
        own = [FOLDER if EXPERIMENT in self.groups else EXPERIMENT] if several else []
        own += [
            group for group in self.groups if group == SETS or len({row.choices.get(group) for row in self.rows}) > 1
        ]
        own += [OVERRIDES] if any(row.overrides for row in self.rows) else []
        return own + ([STATE] if any(row.state is not None for row in self.rows) else [])

    def identity(self, row: Row, name: str) -> str:
        """What stands in a key column; a config group may be called `experiment`."""
        return row.choices.get(name, "") if name in self.groups else row.identity(name)

    @cached_property
    def results(self) -> list[str]:
        """The names of the results that runs have."""
        return list(dict.fromkeys(name for row in self.rows for name in row.results))

    @property
    def differs(self) -> bool:
        """Whether any two rows differ in a column that is shown."""
        return any(column.varies for column in self.columns)

    def title(self, key: str) -> str:
        """A key as people call it: without `exp.`, where no other column is called so."""
        short = key.removeprefix(f"{SETS}.")
        taken = sum(column.key.removeprefix(f"{SETS}.") == short for column in self.columns)
        return short if taken == 1 and short not in (*self.key_columns, *self.results) else key

    def data(self) -> dict[str, Any]:
        """The JSON object of `--format json`."""
        return {
            "version": 1,
            "columns": [column.key for column in self.columns],
            "rows": [_data(row, [column.key for column in self.columns]) for row in self.rows],
            "ignored": list(self.ignored),
            "elsewhere": list(self.elsewhere),
        }


def _data(row: Row, keys: Sequence[str]) -> dict[str, Any]:
    shown = {key: row.values[key] for key in keys if key in row.values}
    return {
        "experiment": row.experiment,
        "choices": dict(row.choices),
        "overrides": list(row.overrides),
        "values": shown,
        "not_default": [key for key in shown if not row.is_default(key)],
        "refused": row.refused,
        "state": row.state,
        "changed": {key: list(pair) for key, pair in row.changed.items()},
        "run": row.run,
        "results": dict(row.results),
    }


def same(left: Any, right: Any) -> bool:
    """Whether two values are written alike: 1, 1.0, true and '1' are four values, and nan is itself."""
    return left is right or repr(left) == repr(right)
