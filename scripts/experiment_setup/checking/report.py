"""Findings as text with the source line and a caret, as JSON, and as GitHub workflow commands."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from experiment_setup import errors, files, visible
from experiment_setup.checking.check import Result
from experiment_setup.findings import Finding, Severity
from experiment_setup.listing import few, few_of_many
from experiment_setup.project import SETS, Experiment, Project
from experiment_setup.rules import ALL
from experiment_setup.style import Style

_NAMED = 10  # groups that are named in a line
_PLACES = 5
_COLOURS = {Severity.ERROR: "31;1", Severity.WARNING: "33;1", Severity.INFO: "36;1"}


def text(project: Project, result: Result, style: Style, *, in_full: bool = False) -> Iterator[str]:
    """The findings, each with its source line and a caret under the character that is wrong, and a summary.

    Findings of style (infos) are one line a rule, so that they do not bury the others; with `in_full` they are not.
    """
    yield from findings_text(project, result.findings, style, in_full=in_full)
    yield from summary(result)
    yield from unread(project, result)
    if project.passed_over:
        named = few_of_many([project.relative(folder) for folder in project.passed_over], _NAMED)
        yield f"not looked into, as you have no permission: {named}"


def findings_text(
    project: Project, findings: Iterable[Finding], style: Style, *, in_full: bool = False, of_a_rule: int = 1
) -> Iterator[str]:
    """The findings alone, as in `text`; of those of style, the first of each rule, or the first few."""
    by_kind: dict[bool, list[Finding]] = {False: [], True: []}
    habits: set[str] = set()  # the notes that follow a warning of the same habit are its other places
    for finding in findings:
        if finding.severity is not Severity.INFO and ALL[finding.code].habit:
            habits.add(finding.code)
        short = finding.severity is Severity.INFO and finding.code not in habits and not in_full
        by_kind[short].append(finding)
    yield from blocks(project, by_kind[False], style, in_full=in_full)
    yield from _counted(project, by_kind[True], style, of_a_rule)


def blocks(project: Project, findings: Iterable[Finding], style: Style, *, in_full: bool = False) -> Iterator[str]:
    """Each finding in full; of what is a habit of the whole project the first, and where the others are."""
    lines: dict[Path, list[str]] = {}
    habits: dict[str, list[Finding]] = {}
    for finding in findings:
        if ALL[finding.code].habit and not in_full:
            habits.setdefault(finding.code, []).append(finding)
        else:
            yield from _block(project, finding, lines, style)
    for first, *others in habits.values():
        *block, end = _block(project, first, lines, style)
        yield from block
        if others:
            named = few_of_many([style.path(project, finding.location.path) for finding in others], _NAMED)
            yield f"  {style.paint('likewise', '36;1')}: {named}"
        yield end


def _counted(project: Project, findings: Iterable[Finding], style: Style, of_a_rule: int) -> Iterator[str]:
    """A line a finding for the first of each rule, and how many more there are."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.code, []).append(finding)
    for _, found in sorted(by_rule.items()):
        *before, first = found[:of_a_rule]
        others = found[of_a_rule:]
        yield from (headline(project, finding, style) for finding in before)
        places = list(dict.fromkeys(_named(project, first, other, style) for other in others))
        named = few(places, _PLACES)
        yield headline(project, first, style) + (f", and {len(others)} more like it: {named}" if others else "")
    if by_rule:
        yield f"  {style.paint('help', '36;1')}: --verbose lists every finding of style in full"
        yield ""


def _named(project: Project, first: Finding, other: Finding, style: Style) -> str:
    """Where another finding of the rule is, behind the one word that differs from the first's, such as the field."""
    place = _place(project, other, style)
    pairs = list(zip(first.message.split(), other.message.split(), strict=False))
    differing = [new.rstrip(",:") for old, new in pairs if old != new]
    return f"{visible.words(differing[0])} ({place})" if len(differing) == 1 else place


def _block(project: Project, finding: Finding, lines: dict[Path, list[str]], style: Style) -> Iterator[str]:
    place, colour = finding.location, _COLOURS[finding.severity]
    yield headline(project, finding, style)
    source = _line(place.path, place.line, lines)
    if source.strip():
        number = str(place.line)
        shown, gap = _window(source, place.column - 1, style.width - len(number) - 5)
        bar = style.paint("|", "34;1")
        yield f"  {style.paint(number, '34;1')} {bar} {shown}"
        yield f"  {' ' * len(number)} {bar} {' ' * gap}{style.paint('^', colour)}"
    if finding.help:
        yield f"  {style.paint('help', '36;1')}: {visible.words(finding.help)}"
    yield ""


def headline(project: Project, finding: Finding, style: Style) -> str:
    """A finding in one line."""
    place = finding.location
    where = style.paint(f"{_place(project, finding, style)}:{place.column}", "1")
    mark = " [*]" if finding.fixable else ""
    severity = style.paint(finding.severity.value, _COLOURS[finding.severity])
    return f"{where}: {severity} {finding.code}{mark} {visible.words(finding.message)}  [{finding.name}]"


def _place(project: Project, finding: Finding, style: Style) -> str:
    return f"{style.path(project, finding.location.path)}:{finding.location.line}"


def _window(source: str, index: int, width: int) -> tuple[str, int]:
    """The part of a line around the character at `index` that fits, and how many columns are left of that character."""
    cells = [_cell(character) for character in source]
    index = min(index, len(cells))
    widths = [_columns(cell) for cell in cells]
    first, last = 0, len(cells)
    if sum(widths) > width:
        # A third of the room before the caret: what follows it is usually what is wrong.
        first, room = index, width // 3
        while first > 0 and widths[first - 1] <= room:
            first -= 1
            room -= widths[first]
        last, room = first, width - 2
        while last < len(cells) and widths[last] <= room:
            room -= widths[last]
            last += 1
    before = "…" if first else ""
    after = "…" if last < len(cells) else ""
    return f"{before}{''.join(cells[first:last])}{after}", len(before) + sum(widths[first:index])


def _cell(character: str) -> str:
    """A character as it is printed: what a terminal would not show, or would obey, by its number."""
    return "    " if character == "\t" else visible.character(character)


def _columns(cell: str) -> int:
    """How many columns of a terminal a cell takes: a Japanese character two, a combining one none."""
    if unicodedata.combining(cell[0]):
        return 0
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in cell)


def _line(path: Path, number: int, lines: dict[Path, list[str]]) -> str:
    if path not in lines:
        try:
            content = files.read_loosely(path).removeprefix("\ufeff")
        except OSError:
            content = ""
        lines[path] = content.split("\n")
    found = lines[path]
    return found[number - 1].rstrip("\r") if 0 < number <= len(found) else ""


def summary(result: Result) -> Iterator[str]:
    """What was checked and what was found, and what can be fixed."""
    experiments = len(result.checked)
    composed = sum(checked.composed for checked in result.checked)
    sets = sum(checked.parameter_sets for checked in result.checked)
    unseen = sum(_unseen_files(checked.experiment) for checked in result.checked)
    beside = f" ({_plural(unseen, 'more YAML file')} not checked)" if unseen else ""
    yield (
        f"{_plural(experiments, 'experiment')}, {_plural(sets, 'parameter set')}{beside}, "
        f"{_plural(composed, 'combination')} composed: {counted(result.findings) or 'nothing found'}"
    )
    fixable = [finding for finding in result.findings if finding.fixable]
    safe = sum(finding.safe for finding in fixable)
    offers = [f"{safe} with --fix"] * bool(safe) + [f"{len(fixable) - safe} with --fix --unsafe"] * (
        safe < len(fixable)
    )
    if offers:
        yield f"[*] can be fixed: {', '.join(offers)}"
    yield from left_out(result)
    beyond = sum(checked.not_composed for checked in result.checked)
    if beyond:
        were = "was" if beyond == 1 else "were"
        yield f"{_plural(beyond, 'more choice')} of options {were} not composed, to end in time"
    untyped = {name: count for checked in result.checked for name, count in checked.untyped.items() if count}
    if untyped:
        count = sum(untyped.values())
        yield (
            f"{_plural(count, 'option')} of {', '.join(untyped)} {'was' if count == 1 else 'were'} not composed, as "
            "the command line takes no group with dots for its folder"
        )
    unknown = sum(checked.unknown for checked in result.checked)
    if unknown:
        were = "was" if unknown == 1 else "were"
        why = "what they choose is not here, or only running the code stores it"
        yield f"{_plural(unknown, 'combination')} {were} not composed, as {why}"


def counted(findings: Iterable[Finding]) -> str:
    """How many there are of each severity; "" for none."""
    severities = [finding.severity for finding in findings]
    return ", ".join(_plural(severities.count(s), s.value) for s in Severity if s in severities)


def _unseen_files(experiment: Experiment) -> int:
    """How many files a person takes for parameter sets that Hydra does not see."""
    found = (path for path in files.below(experiment.group_dir(SETS)) if path.suffix.lower() in (".yaml", ".yml"))
    return sum(path.suffix != ".yaml" and not path.name.startswith(".") for path in found)


def unread(project: Project, result: Result) -> Iterator[str]:
    """The entry points that nobody looked at; nothing where there are none."""
    beside = list(itertools.chain.from_iterable(_unread(result)))
    elsewhere = {path: project.relative(path) for path in result.elsewhere}
    names: dict[str, dict[str, None]] = {}
    for path in (*beside, *elsewhere):
        names.setdefault(_why_unread(project, path), {})[elsewhere.get(path, path.name)] = None
    for why, found in sorted(names.items()):
        yield f"{few_of_many(list(found), _NAMED)}: further entry points that were not checked, as {why}"


def _why_unread(project: Project, path: Path) -> str:
    if project.is_of_others(path):
        return "they lie among copies of other people's code; name one, or a folder around it, to check it"
    is_named = project.unread.get(path) is not None
    return "the config that they name is not there" if is_named else "nothing tells which config they compose"


def _unread(result: Result) -> list[list[Path]]:
    """Beside each that was checked, the entry points that were not, not even in the way that a guide starts them."""
    known = {checked.experiment.entry for checked in result.checked}
    return [[path for path in checked.unread if path not in known] for checked in result.checked]


def left_out(result: Result) -> Iterator[str]:
    """How many options were not composed, since nothing says how they are chosen; nothing where there are none."""
    taken = {path for checked in result.checked for path in checked.taken}  # with another entry point
    groups: dict[tuple[Path, str], int] = {}
    for checked in result.checked:
        for name, paths in checked.left_out.items():
            left = len(set(paths) - taken)
            groups.update({(checked.experiment.group_dir(name), name): left} if left else {})
    if not groups:
        return
    names = list(dict.fromkeys(name for _, name in groups))
    named = few(names, _NAMED)
    count = sum(groups.values())
    yield (
        f"{_plural(count, 'option')} of {_plural(len(groups), 'group')} {'was' if count == 1 else 'were'} not "
        f"composed, as no defaults list comes to them: {named}"
    )


def _sizes(left_out: Mapping[str, Collection[Path]]) -> dict[str, int]:
    return {group: len(paths) for group, paths in left_out.items()}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def data(project: Project, result: Result) -> dict[str, Any]:
    """The JSON object of `--format json`; its shape is part of the public interface."""
    return {
        "version": 1,
        "root": ".",
        "experiments": [
            {
                "path": project.relative(checked.experiment.folder),
                "entry": checked.experiment.entry.name if checked.experiment.entry else None,
                "parameter_sets": checked.parameter_sets,
                "environments": checked.environments,
                "composed": checked.composed,
                "not_composed": {**_sizes(checked.left_out), **checked.untyped},
                "not_checked": list(map(project.relative, beside)),
            }
            for checked, beside in zip(result.checked, _unread(result), strict=True)
        ],
        "failed": errors.data(result.failed),
        "not_checked": [project.relative(path) for path in result.elsewhere],
        "not_looked_into": [project.relative(folder) for folder in project.passed_over],
        "findings": [finding_data(project, finding) for finding in result.findings],
        "summary": {
            "errors": result.count(Severity.ERROR),
            "warnings": result.count(Severity.WARNING),
            "infos": result.count(Severity.INFO),
            "parameter_sets": sum(checked.parameter_sets for checked in result.checked),
            "environments": sum(checked.environments for checked in result.checked),
            "composed": sum(checked.composed for checked in result.checked),
            "not_composed": sum(
                sum((*_sizes(c.left_out).values(), *c.untyped.values(), c.not_composed, c.unknown))
                for c in result.checked
            ),
        },
    }


def finding_data(project: Project, finding: Finding) -> dict[str, Any]:
    """A finding in JSON; its shape is part of the public interface."""
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "path": project.relative(finding.location.path),
        "line": finding.location.line,
        "column": finding.location.column,
        "message": visible.shortened(finding.message),
        "help": finding.help and visible.shortened(finding.help),
        "fixable": finding.fixable,
        "safe": finding.fixable and finding.safe,
    }


def checkout(project: Project) -> Path:
    """The folder that a code host counts paths from: the git checkout around the project, else the project."""
    return next(files.checkouts(project.root), project.root)


def github(project: Project, result: Result) -> Iterator[str]:
    """Workflow commands that GitHub Actions turns into annotations on the changed lines."""
    root = Project(checkout(project))
    kinds = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
    for finding in result.findings:
        place = finding.location
        words = "\n".join(map(visible.words, filter(None, (finding.message, finding.help))))
        properties = {
            "file": root.relative(place.path),
            "line": place.line,
            "col": place.column,
            "title": f"{finding.code} {finding.name}",
        }
        yield visible.command(kinds[finding.severity], properties, words)
    for error in result.failed:
        properties = {"file": root.relative(project.root / (error.where or "."))}
        yield visible.command(
            "error", properties, "\n".join(map(visible.words, filter(None, (error.message, error.help))))
        )
