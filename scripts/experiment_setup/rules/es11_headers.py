"""The header `# @package` of an option: what it is not read as, and where it is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from experiment_setup import installed, nodes
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.refusals import NoHeader
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts import headers
from experiment_setup.facts.defaults_lists import HERE
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location
from experiment_setup.reading.source import Document
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Of, Phase
from experiment_setup.schema import UNSET

_LIST = "defaults:\n  - default@_here_\n"


@rule(
    "ES119",
    "package-header",
    Severity.ERROR,
    "a `# @package` header moves the file's content away from its group",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"exp/001.yaml": f"# @package _group_\n{_LIST}\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    was="ES105",
    hydra="accepts",
)
def package_header(context: ExperimentContext) -> Iterator[Finding]:
    """The content of exp/001.yaml belongs at `exp`, and that is where Hydra puts it without a header.

    In a header `_here_` and `_group_` are no keywords but names of a key (`_group_` is one as long as Hydra 1.3 behaves
    as 1.1). `_global_` is right over a file that is written from the root of the config, as those of Hydra's experiment
    pattern are; over the keys of a group it puts them beside the group. Where the other options of a group have that
    header, a file with blocks of the same kind and without it is reported too: nothing reads what it sets. Hydra takes
    a header only above everything else in the file, and passes over one that is misspelled: a warning where the file
    composes without it, and a note where the code reads what it sets at the place of its group.
    """
    for option in (*context.options.all(), *context.options.added):
        if headers.is_nearly_global(option.document):
            yield _misspelled(option)
    for option, outcome in headers.composed_with(context):
        if (line := headers.overlooked(option.document, option.group)) is not None:
            yield _passed_over(context, option, line, outcome())
    for option in context.options.all():
        package = option.document.package
        if headers.overlooked(option.document, option.group) is not None or headers.is_nearly_global(option.document):
            continue
        failure = context.compositions.of_option(option).failure
        is_no_header = failure is not None and isinstance(failure.refusal, NoHeader)
        if package is None and not is_no_header and lacks_the_header(context, option):
            yield _without_header(context, option)
        if package in (None, option.group) or (package == "_group_" and _is_keyword(context)):
            continue
        if nodes.top(package) == "hydra":
            continue  # settings of Hydra's own, as of a sweeper that is chosen besides
        place = f"puts {option.config_path} at `{package}`, not at `{option.group}`"
        if package in (HERE, "_group_", "_name_"):
            if headers.belongs_at_the_root(context, option):
                yield _written_from_the_root(option)
            else:
                yield _header_finding(option.document, place)
        elif headers.has_block(option.document, option.group):
            if _header_breaks(context, option):
                yield _header_finding(option.document, place, option.group)
        elif headers.belongs_in_its_group(context, option) and _header_breaks(context, option):
            yield _header_finding(option.document, place)
    if context.experiment.has_config:
        package = context.options.primary.package
        if package not in (None, nodes.GLOBAL) and context.compositions.at().failure:
            yield _header_finding(context.options.primary, f"puts the whole config at `{package}`")


def _passed_over(context: ExperimentContext, option: Option, line: re.Match[str], outcome: Composition) -> Finding:
    text, package = option.document.text, line["package"]
    header = f"# @package {package}"
    said = f"Hydra passes over `{line[0].strip()}`, so that {option.config_path} lands at `{option.group}`"
    advice, severity = f"write {header} in the first line of the file", Severity.WARNING
    failure, base = outcome.failure, context.compositions.base.failure
    if failure is not None and (base is None or failure.refusal != base.refusal):
        moved = "\n".join((header, text[: line.start()] + text[line.end() :].lstrip("\n")))
        documents = {option.path: Document(option.path, moved)}
        then = context.composer.compose_with(documents, dict(outcome.choices)).failure
        if then is None or then.refusal != failure.refusal:
            said, severity = f"{said} and fails: {failure.refusal.words}", Severity.ERROR
    elif (used := headers.read_in_its_group(context, option)) is not None:
        said, severity = f"`{line[0].strip()}` has no effect, and the code reads {used}", Severity.INFO
        advice = "remove the line"
    place = Location(option.path, text.count("\n", 0, line.start()) + 1)
    return package_header.finding(place, said, advice, severity=severity)


def _is_keyword(context: ExperimentContext) -> bool:
    """Whether `_group_` in a header is one: in Hydra 1.3 behaving as 1.1 (default_element.py: set_package_header)."""
    main = context.schema.main
    old = main is not None and main.base in (UNSET, "1.1")
    return old and not installed.hydra_since_1_4()


def _header_breaks(context: ExperimentContext, option: Option) -> bool:
    """Whether the option does not compose, or loses its fields, and does both right without the header."""
    fails = context.compositions.of_option(option).failure
    if not entries.breaks(context, option) or (fails is not None and fails == context.compositions.at().failure):
        return False
    start, end = _header_span(option.document)
    text = option.document.text
    without = Document(option.path, text[:start] + text[end:])
    outcome = context.composer.compose_with(
        {option.path: without}, dict(context.compositions.of_option(option).choices)
    )
    return outcome.failure is None


def _header_span(document: Document) -> tuple[int, int]:
    """The line of the header, with its end."""
    text, header = document.text, document.header or ""
    start = text.index(header)
    rest = text[start + len(header) :]
    end = start + len(header) + (2 if rest.startswith("\r\n") else 1 if rest else 0)
    return entries.line_start(text, start), end


def lacks_the_header(context: ExperimentContext, option: Option) -> bool:
    """Whether the file is written from the root, as the others of its group are, which have the header for that.

    Without such a sibling, it is if its group is chosen for a run only, and it has blocks that the config has as well,
    and nothing reads them at the group: others without the header have the same fault.
    """
    keys = set(entries.own_keys(option.document))
    chooses_there = headers.overrides_the_root(context, option.document)
    if not (chooses_there or keys <= headers.root_keys(context)) or headers.is_put_at_the_root(context, option):
        return False
    belongs_there = headers.belongs_at_the_root(context, option)
    if option.group in headers.groups_at_the_root(context):
        return bool(keys) and belongs_there
    open_choice = (
        context.options.groups.get(option.group) in (None, "???") and context.options.registration(option.group) is None
    )
    reading = context.code.reading
    read = not chooses_there and any(reading.reads((option.group, key)) for key in keys)
    unread = bool(keys) and reading.followed and not read
    return open_choice and not read and (belongs_there or unread) and headers.repeats_the_root(context, option)


def _without_header(context: ExperimentContext, option: Option) -> Finding:
    text = option.document.text
    start = 1 if text.startswith("\ufeff") else 0
    header = f"# @package {nodes.GLOBAL}"
    keys = entries.own_keys(option.document)
    alike = any(other.document.header for other in context.options.by_group[option.group].values())
    others = f": the other options of {option.group} begin with `{header}`" if alike else ""
    return package_header.finding(
        option.document.key([keys[0] if keys else "defaults"]),
        f"without a header {keys[0]} lands in {option.group}.{keys[0]}{others}"
        if keys
        else f"without a header {option.config_path} cannot choose what stands at the root of the config",
        f"begin the file with {header}",
        edits=(Edit(start, start, f"{header}{entries.newline(text)}"),),
        severity=None if headers.belongs_at_the_root(context, option) else Severity.WARNING,
        safe=False,
    )


def _misspelled(option: Option) -> Finding:
    start, end = _header_span(option.document)
    text, package = option.document.text, option.document.package or ""
    return package_header.finding(
        Location(option.path, text.count("\n", 0, start) + 1),
        f"`{option.document.header}` puts {option.config_path} at `{package}` (did you mean {nodes.GLOBAL}?)",
        f"write # @package {nodes.GLOBAL}",
        edits=(Edit(start, end, text[start:end].replace(package, nodes.GLOBAL)),),
        safe=False,
    )


def _written_from_the_root(option: Option) -> Finding:
    """A header that is no keyword over blocks that stand at the root of the config."""
    start, end = _header_span(option.document)
    text, header = option.document.text, option.document.header or ""
    blocks = " and ".join(f"`{key}:`" for key in entries.own_keys(option.document))
    fixed = text[start:end].replace(header, f"# @package {nodes.GLOBAL}")
    return package_header.finding(
        Location(option.path, text.count("\n", 0, start) + 1),
        f"`{header}` puts {option.config_path} at `{option.document.package}`"
        + (f", but its block {blocks} is written from the root of the config" if blocks else ""),
        f"write # @package {nodes.GLOBAL}",
        edits=(Edit(start, end, fixed),),
    )


def _header_finding(document: Document, effect: str, block: str | None = None) -> Finding:
    """`block`: the group for which the file has a block, as files with this header have."""
    start, end = _header_span(document)
    return package_header.finding(
        Location(document.path, document.text.count("\n", 0, start) + 1),
        f"`{document.header}` {effect}",
        f"delete the line, and `{block}:` with the indentation below it" if block else "delete the line",
        edits=(Edit(start, end, ""),) if block is None else (),
    )
