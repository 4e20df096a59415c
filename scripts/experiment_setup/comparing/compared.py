"""What compare.py answers: the rows that are asked for, in the columns by which they differ."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiment_setup import command_line, errors
from experiment_setup.checking import workers
from experiment_setup.cli import Answer
from experiment_setup.comparing import configs, scores, selection, states, table
from experiment_setup.comparing.comparison import MISSING, Column, Comparison, Row
from experiment_setup.comparing.conditions import conditions, ordered, unmet
from experiment_setup.comparing.keys import KEY, Names
from experiment_setup.comparing.selection import Selection, Selections
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.listing import few_of_many
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment, Project
from experiment_setup.runs.run import State
from experiment_setup.style import Style

if TYPE_CHECKING:
    from experiment_setup.commands import Next

TABLE, MARKDOWN, CSV, JSON, HTML, GITHUB = "table", "markdown", "csv", "json", "html", "github"
_IGNORED = (f"{SETS}.name", f"{SETS}.notes", "name", "notes", ENVIRONMENTS)  # unless asked for


@dataclass(frozen=True)
class Request:
    """What is asked for; the fields are the options of compare.py."""

    root: Path | None = None
    words: Sequence[str] = ()
    format: str = TABLE
    all: bool = False
    where: Sequence[str] = ()
    sort: Sequence[str] = ()
    ignore: Sequence[str] = ()
    exit_code: bool = False
    since: str | None = None
    runs: bool = False
    results: Path | None = None


@dataclass(frozen=True)
class Compared:
    """A comparison as it is printed."""

    project: Project
    request: Request
    comparison: Comparison
    about: Sequence[str] = ()  # lines of what is to be known besides
    failed: Sequence[CommandError] = ()  # one for each experiment that could not be looked at

    @property
    def exit_code(self) -> int:
        """1 with `--exit-code` if anything differs."""
        return int(self.request.exit_code and self.comparison.differs)

    def data(self) -> dict[str, Any]:
        """The JSON object of `--format json`."""
        runs = self._next[0].data() if self.request.runs else {}
        return {**self.comparison.data(), **runs, "failed": errors.data(self.failed)}

    def text(self) -> Iterator[str]:
        """The lines of the format that is asked for."""
        if self.request.format == MARKDOWN:
            return table.markdown(self.comparison)
        if self.request.format == CSV:
            return table.comma_separated(self.comparison)
        if self.request.format == HTML:
            from experiment_setup.comparing import page

            return iter(page.page(self.comparison).split("\n"))
        return self._for_people()

    def _for_people(self) -> Iterator[str]:
        yield from self._table.lines if self._is_worth_a_table else ()
        if self.request.runs:
            yield from self._next[0].text(self.project)

    @cached_property
    def _next(self) -> tuple[Next, int]:
        """What runs the sets without a result of today's values; of how many experiments that is left unsaid."""
        from experiment_setup.comparing import rest

        return rest.commands(self.project, self.comparison.rows)

    def notes(self) -> Iterator[str]:
        """What the table does not show."""
        shown = self.comparison
        if self.request.format == TABLE and self._table.left_out and self._is_worth_a_table:
            left = self._table.left_out
            columns = f"{len(left)} more column{'s' if len(left) > 1 else ''} ({_listed(left)})"
            yield f"no room for {columns}: a wider terminal, --format csv or --format html has them"
        if shown.rows and all(row.state == states.NOT_RUN for row in shown.rows):
            yield f"no run of these was found below {self.project.root}"
        composed = sum(row.refused is None for row in shown.rows)
        if not shown.columns and composed > 1:
            yield f"nothing differs between these {composed} configs"
        if len(shown.rows) == 1 and self.request.where:
            [row] = shown.rows
            command = command_line.command("show.py", [row.experiment, *row.words])
            yield f"one config is left, {row.name}; to see it: {command}"
        elif len(shown.rows) == 1 and not self._is_worth_a_table:
            yield "one config alone has nothing to differ from: name parameter sets, or options (model=small,large)"
        if shown.ignored:
            yield f"also different: {_listed(shown.ignored)} (--all shows them)"
        if shown.elsewhere:
            yield f"only in some of the experiments: {_listed(shown.elsewhere)} (--all shows them)"
        wrong = {
            (row.experiment, row.choices.get(SETS), row.refused): row for row in reversed(shown.rows) if row.refused
        }
        refused = list(reversed(wrong.values()))
        for row in refused[:3]:
            yield f"does not compose: {row.experiment} {row.name}: {row.refused} (validate.py says more)"
        if len(refused) > 3:
            yield f"does not compose: {len(refused) - 3} more; validate.py names them"
        yield from self._about_runs()
        yield from self.about

    def _about_runs(self) -> Iterator[str]:
        first = {row.state: row for row in reversed(self.comparison.rows)}
        if running := first.get(State.RUNNING.value):
            yield f"running is also what a killed run leaves: then run it again, with {running.name}"
        if State.UNKNOWN.value in first:
            yield "unknown: it began, and nothing that it saved says how it ended, as the template's result.json does"
        if self.request.runs and self.request.format in (TABLE, JSON):
            yield from self._next[0].notes()
            if left := self._next[1]:
                yield f"for what is to be run of {left} more experiments, name one of them: compare.py NAME --runs"

    @cached_property
    def _is_worth_a_table(self) -> bool:
        shown = self.comparison
        has_runs = any(row.state is not None for row in shown.rows) or bool(shown.results)
        return bool(shown.columns or has_runs or len(shown.rows) > 2)

    @cached_property
    def _table(self) -> table.Table:
        style = Style.of(sys.stdout)
        return table.text(self.comparison, style, style.width if sys.stdout.isatty() else None)


def compare(request: Request) -> Answer:
    """What is asked for; raises CommandError for words that name nothing."""
    project = Project.locate(request.root, request.words)
    _refuse_what_does_not_go_together(request)
    if request.since is not None:
        from experiment_setup.comparing import impact, since

        found = since.since(project, request.since, request.words, request.ignore)
        return impact.ImpactAnswer(project, request.since, found, request.format, request.exit_code)
    selected = selection.of(project, request.words)
    rows, about, failed = _rows(project, selected, runs=request.runs)
    if request.results is not None:
        rows, said = scores.read(request.results).beside(rows)
        about += said
    shown = arranged(rows, request)
    if not shown.rows:
        about.insert(0, unmet(request.where, rows))
    return Compared(project, request, shown, [*selected.notes, *about], failed)


def _refuse_what_does_not_go_together(request: Request) -> None:
    """Raise CommandError with the command that is meant."""
    if request.since is None and request.format == GITHUB:
        raise CommandError(
            "--format github is for --since REF: what a pull request changes",
            "markdown is a table for comments",
            command_line.corrected({GITHUB: [MARKDOWN]}),
        )
    if request.since is None:
        return
    if request.format == HTML:
        raise CommandError(
            "--format html is a page of rows; --since has none",
            "markdown is a table for comments",
            command_line.corrected({HTML: [MARKDOWN]}),
        )
    given = {
        "--runs": request.runs,
        "--results": request.results,
        "--all": request.all,
        "--where": request.where,
        "--sort": request.sort,
    }
    for option, value in given.items():
        if value:
            words = list(value) if isinstance(value, list) else [] if value is True else [str(value)]
            out = {word: list[str]() for own in words for word in (own, f"{option}={own}")}
            raise CommandError(
                f"{option} does not go with --since, which shows only what changed",
                f"leave {option} out; --ignore KEY goes with it",
                command_line.corrected({option: [], **out}),
            )


def _rows(project: Project, selected: Selections, *, runs: bool) -> tuple[list[Row], list[str], list[CommandError]]:
    """The rows, what is to be said of the runs that are in none of them, and what could not be looked at.

    Raises CommandError where that is all that was asked for.
    """
    rows: list[Row] = []
    failed: list[CommandError] = []
    found = states.Runs.below(project) if runs else None
    lost = list(found.unknown) if found is not None else []
    for part in selected.parts:
        sets: dict[str, None] = {}
        before = len(failed)
        for outcome in _of_part(project, part, found):
            if isinstance(outcome, CommandError):
                failed.append(outcome)
                continue
            own, unknown = outcome
            rows += own.rows
            lost += unknown
            sets |= dict.fromkeys(own.sets)
        if len(failed) == before:
            _refuse_unknown(part, sets, rows)
    if failed and not rows:
        raise failed[0]
    if len(rows) == 1 and rows[0].choices and rows[0].defaults and not runs:  # it is compared with the defaults
        rows.insert(0, Row(rows[0].experiment, {}, rows[0].defaults, rows[0].defaults))
    about = [_of_no_set(lost)] if lost else []
    if found is not None and found.unread:
        about.append(f"not looked into, so that runs in it count for nothing: {_listed(found.unread)}")
    return rows, about, failed


def _of_part(
    project: Project, part: Selection, found: states.Runs | None
) -> Sequence[tuple[configs.Configs, list[str]] | CommandError]:
    """Of each experiment of a part its configs, and the runs that are of none of them; or why there are none."""

    def one(_: int, experiment: Experiment) -> tuple[configs.Configs, list[str]]:
        context = configs.context_of(project, experiment)
        own = configs.of(context, part, environments=found is not None)
        if found is None:
            return own, []
        judged, unknown = states.with_states(context, own.rows, found.of(experiment, own.rows))
        return replace(own, rows=judged), unknown

    return workers.each(part.experiments, one, lambda experiment: project.relative(experiment.folder))


def _refuse_unknown(part: Selection, sets: Iterable[str], rows: Sequence[Row]) -> None:
    """Raise CommandError for a set that none of the experiments has, and for an option with which nothing composes."""
    for name in part.sets:
        if name not in sets:
            raise selection.unknown_set(part, name, list(sets))
    for group, name in [(group, name) for group, names in part.options.items() for name in names]:
        refused = [row.refused for row in rows if row.choices.get(group) == name]
        if refused and all(refused):
            raise selection.unknown_option(part, group, name, refused[0] or "")


def _of_no_set(folders: Sequence[str]) -> str:
    several = f"{len(folders)} runs are of no parameter set that there is (any more), such as {folders[0]}"
    words = several if len(folders) > 1 else f"a run is of no parameter set that there is (any more): {folders[0]}"
    return f"{words}; to find or make the set: {command_line.command('add_exp.py', ['--from-run', folders[0]])}"


def arranged(rows: Sequence[Row], request: Request) -> Comparison:
    """The rows that hold `--where` in the order of `--sort`, and the columns that are worth being shown."""
    names = Names(rows)
    holding = conditions(request.where, rows)
    left = ordered([row for row in rows if all(one.holds(row) for one in holding)], request.sort)
    ignored = {key for word in request.ignore for key in names.below(word, word)}
    asked = {one.name.name for one in holding if one.name.kind == KEY}
    asked |= {names.find(word.removeprefix("-"), word).name for word in request.sort}
    keys = list(dict.fromkeys(key for row in left for key in row.values))
    differing, elsewhere = _differing(left, keys)
    if request.all:
        shown = [key for key in keys if key not in ignored]
        return Comparison(left, _columns(left, shown, set(differing)))
    usual = {key for key in keys if any(f"{key}.".startswith(f"{name}.") for name in _IGNORED)} - asked
    shown = [key for key in keys if key in asked or (key in differing and key not in ignored and key not in usual)]
    return Comparison(
        left,
        _columns(left, shown, set(differing)),
        ignored=[key for key in differing if key in usual and key not in ignored],
        elsewhere=[key for key in elsewhere if key not in usual and key not in ignored],
    )


def _columns(rows: Sequence[Row], keys: Sequence[str], differing: set[str]) -> list[Column]:
    defaults = {row.experiment: row.defaults for row in rows}
    return [
        Column(key, key in differing, {name: own[key] for name, own in defaults.items() if key in own}) for key in keys
    ]


def _differing(rows: Sequence[Row], keys: Sequence[str]) -> tuple[list[str], list[str]]:
    """The keys by which rows differ, and those that only some experiments have, with the same value everywhere.

    That an experiment has no such key at all is no difference between its sets and others, unless there are but two.
    """
    composed = [row for row in rows if row.refused is None]
    differing, elsewhere = [], []
    experiments: dict[str, list[Row]] = {}
    for row in composed:
        experiments.setdefault(row.experiment, []).append(row)
    for key in keys:
        found = {repr(row.value(key)) for row in composed} - {repr(MISSING)}
        having = {name: sum(key in row.values for row in own) for name, own in experiments.items()}
        some = any(0 < count < len(experiments[name]) for name, count in having.items())
        if len(found) > 1 or some or (len(composed) == 2 and 0 in having.values()):
            differing.append(key)
        elif 0 in having.values():
            elsewhere.append(key)
    return differing, elsewhere


def _listed(keys: Sequence[str]) -> str:
    return few_of_many(keys, 6)
