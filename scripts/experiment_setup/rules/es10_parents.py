"""The entries of an option's defaults list: each names one parent, and puts it into the file's own place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import yaml

from experiment_setup import files, nodes
from experiment_setup.composing.refusals import AddedTwice, NotFound, NotOverridable
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts import headers
from experiment_setup.facts.defaults_lists import HERE, Entry
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.facts.written import at_offset
from experiment_setup.findings import Edit, Finding, Severity, edited
from experiment_setup.location import Location, did_you_mean
from experiment_setup.reading.source import Document
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Of, Phase

_LIST = "defaults:\n  - default@_here_\n"


@rule(
    "ES101",
    "schema-not-inherited",
    Severity.ERROR,
    "the file does not inherit the dataclass, so that fields and type checks vanish",
    phase=Phase.INHERITANCE,
    of=Of.OPTION,
    bad={"exp/001.yaml": "learning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def schema_not_inherited(context: ExperimentContext) -> Iterator[Finding]:
    """`exp=001` takes the place of `exp: default`: without `default@_here_` the dataclass is not part of the config.

    Hydra says nothing: the fields that the file does not set are gone, keys with typos are accepted, and types are
    not checked. The same goes for an empty file, one with only comments, `defaults: []`, and a list at the top. It is
    a warning where the file repeats every field, so that only the checks are lost. Where config.yaml lists the whole
    schema first (`- config_schema`), the dataclass is there anyway and nothing is reported; nor where another entry
    point of the folder stores a dataclass of the file's own name.
    """
    lost = [
        option
        for option in context.options.all()
        if entries.fields_lost(context, option) is not None
        and not any(other.registration(option.group, option.name) for other in context.code.other_schemas)
    ]
    if not lost:
        return
    paths = {option.config_path for option in lost}
    for option in lost:
        above = entries.lineage(context.options.by_group[option.group], option.name)[1:]
        if any(f"{option.group}/{name}" in paths for name in above):
            continue
        yield _not_inherited(context, option, entries.fields_lost(context, option) or [])


def _not_inherited(context: ExperimentContext, option: Option, missing: Sequence[str]) -> Finding:
    found, registration = context.options.config_class(option.group), context.options.registration(option.group)
    assert found is not None
    assert registration is not None
    default = entries.inheriting(context, option, registration.name)
    fields = [field.name for field in found.fields]
    keys = entries.own_keys(option.document)
    unknown = [key for key in keys if key not in fields and key not in ("hydra", *context.options.groups)]
    if missing:
        effect = f"{len(missing)} of {len(fields)} fields vanish ({', '.join(missing)})"
        effect += _first_read(context, option.group, missing)
    else:
        effect = "types and unknown keys are not checked"
    help_ = f"begin the file with `defaults:` and `- {default}`"
    if isinstance(entries.content(option.document), list):
        help_ = f"the file holds a list: write `defaults:` above `- {default}`, and `key: value` lines below it"
    guesses = {key: did_you_mean(key, fields) for key in unknown}
    if unknown:
        said = [f"{key} (did you mean {guess}?)" if guess else key for key, guess in guesses.items()]
        help_ += f"; no field of {found.name}: {', '.join(said)}"
    edits = _with_keys_mended(option, guesses, insert_default(option, default))
    refused = _refused_then(context, option, edits)
    if refused is not None:
        help_ += f"; then Hydra refuses {refused}"
    where = option.document.key(["defaults"]) if option.document.has(["defaults"]) else Location(option.path)
    return schema_not_inherited.finding(
        where,
        f"{option.config_path} does not inherit {default}: {effect}",
        help_,
        edits=edits if refused is None else (),
        safe=set(keys) <= set(fields),
        spoils=[phases.defaults_list(option.path)],
        severity=None if missing else Severity.WARNING,
    )


def _with_keys_mended(option: Option, guesses: Mapping[str, str | None], edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """The edits, and those of the keys that the dataclass will refuse; () where nobody can tell what these were."""
    if not edits or not guesses:
        return edits
    meant = [guess for guess in guesses.values() if guess is not None]
    taken = entries.own_keys(option.document)
    root = option.document.root
    if (
        len(set(meant)) < len(guesses)
        or any(guess in taken for guess in meant)
        or not isinstance(root, yaml.MappingNode)
    ):
        return ()
    nodes = [(key, guesses[key.value]) for key, _ in root.value if key.value in guesses]
    return (*edits, *(edit for key, guess in nodes for edit in entries.replace(option.document, key, str(guess))))


def _refused_then(context: ExperimentContext, option: Option, edits: tuple[Edit, ...]) -> str | None:
    """What Hydra refuses of the file once it is checked against the dataclass, or None."""
    if not edits:
        return None
    mended = Document(option.path, edited(option.document.text_or_empty, edits))
    failure = context.composer.compose_with({option.path: mended}, {option.key: option.name}).failure
    if failure is None:
        return None
    return f"{failure.key}: {failure.refusal.words}" if failure.key else failure.refusal.words


def _first_read(context: ExperimentContext, group: str, missing: Sequence[str]) -> str:
    """Where the code fails for the first of the fields that it reads, in words."""
    for use in context.code.reading.uses:
        place = use.location(1) if use.path[:1] == (group,) and len(use.path) > 1 else None
        if place is not None and use.kind == "read" and not use.guarded and use.path[1] in missing:
            return f"; cfg.{group}.{use.path[1]} fails at {context.relative(place.path)}:{place.line}"
    return ""


def insert_default(option: Option, default: str) -> tuple[Edit, ...]:
    """A defaults list with this entry put in front of the file."""
    document = option.document
    text, root = document.text_or_empty, document.root
    end = entries.newline(text)
    block = f"defaults:{end}  - {default}{end}"
    if root is None:
        gap = end if text and not text.endswith(("\n", "\r", "\ufeff")) else ""
        return (Edit(len(text), len(text), gap + block),)
    if isinstance(root, yaml.ScalarNode) and entries.own_keys(document) == [] and not root.value.strip("~nul"):
        return (Edit(root.start_mark.index, root.end_mark.index, block.rstrip()),)
    if not isinstance(root, yaml.MappingNode) or root.flow_style or not root.value:
        return ()
    listed = next((value for key, value in root.value if key.value == "defaults"), None)
    if listed is None:
        first = root.value[0][0].start_mark
        start = entries.line_start(text, first.index)
        return (Edit(start, start, block + end),) if first.index == start else ()
    if isinstance(listed, yaml.SequenceNode) and not listed.value:
        start = len(text[: listed.start_mark.index].rstrip(" "))
        return (Edit(start, listed.end_mark.index, f"{end}  - {default}"),)
    if isinstance(listed, yaml.SequenceNode) and not listed.flow_style:
        start = entries.line_start(text, listed.start_mark.index)
        return (Edit(start, start, f"{' ' * listed.start_mark.column}- {default}{end}"),)
    return ()


@rule(
    "ES106",
    "self-before-parent",
    Severity.ERROR,
    "`_self_` stands before a parent that overwrites the file's own values",
    phase=Phase.INHERITANCE,
    of=Of.ENTRY,
    bad={"exp/001.yaml": "defaults:\n  - _self_\n  - default@_here_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n  - _self_\n\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def self_before_parent(context: ExperimentContext) -> Iterator[Finding]:
    """A defaults list is merged from top to bottom and `_self_` is the file itself: what follows it wins."""
    for option, found in entries.each(context):
        at = next((entry for entry in found if entry.is_self), None)
        after = [name for entry, name in entries.parents(option) if at and entry.index > at.index]
        if at is None or not after or sum(entry.is_self for entry in found) > 1:
            continue
        given = {key for name in after for key in _keys(context, option.group, name)}
        beaten = [
            key for key in entries.own_keys(option.document) if key in given and entries.changed(context, option, key)
        ]
        if beaten:
            own = entries.content(option.document)
            lost = entries.becomes({key: own[key] for key in beaten}, entries.composed_at(context, option))
            yield self_before_parent.finding(
                entries.place(option, at),
                f"{', '.join(after)} overwrites what {option.config_path} sets: {', '.join(lost)}",
                "move _self_ to the end of the list, or leave it out",
                edits=entries.remove_item(option.document, at.index),
            )


def _keys(context: ExperimentContext, group: str, name: str) -> set[str]:
    """The keys that `group/name` and its parents set."""
    options = context.options.by_group[group]
    keys: set[str] = set()
    for known in entries.lineage(options, name):
        stored = context.schema.registration(group, known)
        if stored and stored.config_class:
            keys.update(field.name for field in stored.config_class.fields)
        if known in options:
            keys.update(entries.own_keys(options[known].document))
    return keys


@rule(
    "ES107",
    "parent-reset",
    Severity.ERROR,
    "a later parent resets what an earlier one sets",
    phase=Phase.INHERITANCE,
    of=Of.ENTRY,
    bad={"exp/002.yaml": "defaults:\n  - 001@_here_\n  - default@_here_\n\nbatch_size: 8\n"},
    good={"exp/002.yaml": "defaults:\n  - 001@_here_\n\nbatch_size: 8\n"},
    hydra="accepts",
    run="exp=002",
)
def parent_reset(context: ExperimentContext) -> Iterator[Finding]:
    """Parents are merged in order, each with all that it inherits itself.

    After `001@_here_`, the entry `default@_here_` (or another set that inherits it) sets every field back to its
    default, and 001 might as well not be there.
    """
    for option, _ in entries.each(context):
        named = entries.parents(option)
        for position, (entry, name) in enumerate(named):
            for earlier in dict.fromkeys(above for _, above in named[:position]):
                lost = list(_lost(context, option, earlier, _reset_keys(context, option.group, earlier, name)))
                if not lost:
                    continue
                redundant = name in entries.lineage(context.options.by_group[option.group], earlier)
                shown = ", ".join(lost)
                yield parent_reset.finding(
                    entries.place(option, entry),
                    f"{name} comes after {earlier} and resets what {earlier} sets: {shown}",
                    f"remove this entry: {earlier} inherits {name} already"
                    if redundant
                    else f"inherit from one of {earlier} and {name}, and write the other's values into this file",
                    edits=entries.remove_item(option.document, entry.index) if redundant else (),
                )
                break


def _lost(context: ExperimentContext, option: Option, earlier: str, reset: set[str]) -> Iterator[str]:
    """What becomes of the values of an earlier parent that are set back, and not given by the file itself."""
    above = context.compositions.choosing(option.group, earlier).container.get(option.group)
    composed = context.compositions.of_option(option).container.get(option.group)
    for key in sorted(reset - set(_own(option))):
        if isinstance(above, dict) and isinstance(composed, dict):
            yield from entries.becomes({key: above.get(key)}, composed)
        else:
            yield key  # what comes of it cannot be told before something else is mended


def _reset_keys(context: ExperimentContext, group: str, earlier: str, later: str) -> set[str]:
    """What `earlier` sets by itself and a shared ancestor, merged again by `later`, sets back."""
    options = context.options.by_group[group]
    first, second = entries.lineage(options, earlier), entries.lineage(options, later)
    shared = [name for name in second if name in first]
    if not shared or earlier in second:
        return set()
    own = {key for name in first if name not in second and name in options for key in _own(options[name])}
    restored = {key for name in shared for key in _keys(context, group, name)}
    meant = {key for name in second if name not in first and name in options for key in _own(options[name])}
    return (own & restored) - meant


def _own(option: Option) -> list[str]:
    return entries.own_keys(option.document)


@rule(
    "ES102",
    "misspelled-here",
    Severity.ERROR,
    "`_here_` is misspelled, so that the parent lands in a key of that name",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"exp/001.yaml": "defaults:\n  - default@_hear_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def misspelled_here(context: ExperimentContext) -> Iterator[Finding]:
    """`_here_` is a keyword; any other word after `@` is a place in the config, made if it is not there.

    `default@_hear_` puts the whole dataclass into `exp._hear_` and leaves `exp` without it. Case and both underscores
    count.
    """
    for option, found in entries.each(context):
        for entry in found:
            if entry.package and " " in entry.package.strip():
                yield _two_in_one(option, entry)
            elif entry.package and entries.is_like_here(entry.package):
                yield misspelled_here.finding(
                    _at_package(option, entry),
                    f"@{entry.package} is not @{HERE}: {entry.option} lands in {option.group}.{entry.package}",
                    f"write {entry.option}@{HERE}",
                    edits=entries.rewrite(option.document, entry, f"{entry.option}@{HERE}") if entry.is_plain else (),
                )


def _two_in_one(option: Option, entry: Entry) -> Finding:
    """`- default@_here_` and a line below it without a dash: YAML reads one text."""
    here, *rest = (entry.package or "").split()
    node = entries.item_node(option.document, entry.index)
    text = option.document.text
    at = text.index(rest[0], node.start_mark.index) if node is not None else 0
    plain = node is not None and node.start_mark.line < node.end_mark.line and len(rest) == 1
    return misspelled_here.finding(
        at_offset(option.document, at),
        f"`{entry.option}@{here} {' '.join(rest)}` is one entry to YAML, because there is no dash before {rest[0]}",
        f"write - {rest[0]}, in line with the other entries",
        edits=(Edit(entries.line_start(text, at), at, " " * (node.start_mark.column - 2) + "- "),)
        if plain and node is not None
        else (),
        safe=False,
    )


def _at_package(option: Option, entry: Entry) -> Location:
    start = entries.place(option, entry)
    node = entries.item_node(option.document, entry.index)
    at = entries.written(option.document, node).find("@") if node is not None else -1
    return Location(start.path, start.line, start.column + at + 1) if at >= 0 else start


@rule(
    "ES103",
    "lands-elsewhere",
    Severity.ERROR,
    "the entry puts the parent somewhere else than into the file's own group",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"exp/001.yaml": "defaults:\n  - /exp/default\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": "defaults:\n  - /exp/default@_here_\n\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def lands_elsewhere(context: ExperimentContext) -> Iterator[Finding]:
    """Packages are relative to the file that names them, so that `default@exp` and `/exp/default` become `exp.exp`.
    (In a file that is written from the root, under `# @package _global_`, they are at `exp`, and right.)

    Only `default` and `default@_here_` (and `/exp/default@_here_`) merge the parent into the file's own place. The form
    `group: option` looks for the group below exp/, and `/exp: default` again lands in `exp.exp`.
    """
    for option, found in entries.each(context):
        for entry in found:
            place = _elsewhere(context, option, entry)
            if place is None:
                continue
            name = (entry.option or "").removeprefix(f"/{option.group}/")
            if name == HERE and entry.package in entries.names(context, option.group):
                name = entry.package or ""  # `_here_@default`
            better = entries.SELF if name == entries.SELF else f"{name}@{HERE}"
            names_one = entry.option != "???"
            yield lands_elsewhere.finding(
                _at_package(option, entry) if entry.is_plain and entry.package else entries.place(option, entry),
                f"`{entries.shown(entry)}` {place}",
                f"write - {better}" if names_one else "remove the line",
                edits=entries.rewrite(option.document, entry, better) if names_one else (),
                rests_on=[phases.group(option.group)],
            )


def _elsewhere(context: ExperimentContext, option: Option, entry: Entry) -> str | None:
    group = option.group
    at_the_root = headers.is_from_the_root(option.document)
    if entry.group is not None:
        if entry.group.lstrip("/") != group or "override" in entry.keywords or entry.option is None:
            return None
        if entry.group.startswith("/") and at_the_root:
            return None
        if entry.group.startswith("/"):
            if entry.package in (None, group):
                return f"lands in {group}.{group}, not {group}"
            if entry.package in (HERE, "_group_"):
                return f"chooses from {group} once more, which Hydra refuses"
            return _on_purpose_or(context, option, entry.package)
        if context.options.is_group(f"{group}/{group}"):
            return None
        if entry.option == "???":
            return f"leaves a choice open in {group}/{group}, where nothing can be chosen"
        return f"looks for {group}/{group}/{entry.option}, not {group}/{entry.option}"
    if not entry.is_plain or entry.option is None:
        return None
    if entry.option == entries.SELF:
        return f"gives {entries.SELF} a package, which Hydra refuses"
    if entry.package and " " in entry.package:
        return None  # two entries on one
    absolute = entry.option.startswith("/")
    if entry.package is None and _says_its_place(context, option, entry.option):
        return None
    if at_the_root or (absolute and not entry.option.startswith(f"/{group}/")):
        return None
    if entry.package == group or (absolute and entry.package is None):
        return f"lands in {group}.{group}, not {group}"
    if entry.package in (None, HERE, "_group_", "") or entries.is_like_here(entry.package or ""):
        return None
    return _on_purpose_or(context, option, entry.package or "")


def _on_purpose_or(context: ExperimentContext, option: Option, package: str) -> str | None:
    """Where an entry lands that names a place of its own; None where nothing is wrong with that."""
    if entries.parents(option) or not _is_refused(context, option):
        return None  # another part of the config put into a key of this one, which is what packages are for
    from_the_root = f"{nodes.GLOBAL}."
    named = package.removeprefix(from_the_root) if package.startswith(from_the_root) else f"{option.group}.{package}"
    place = "at the root of the config" if package == nodes.GLOBAL else f"in {named}"
    return f"lands {place}, not {option.group}"


def _is_refused(context: ExperimentContext, option: Option) -> bool:
    """Whether a key or a value of the option is refused, as they are where a part lands in the wrong place, or the
    fields of its dataclass are lost.
    """
    failure = context.compositions.of_option(option).failure
    refusal = failure.refusal if failure is not None else None
    return entries.breaks(context, option) and not isinstance(refusal, (NotFound, NotOverridable, AddedTwice))


def _says_its_place(context: ExperimentContext, option: Option, named: str) -> bool:
    """Whether the file that an entry names has a header of its own: `# @package task` counts from the root."""
    folder = context.experiment.config_dir if named.startswith("/") else context.experiment.group_dir(option.group)
    path = folder / f"{named.strip('/').removesuffix('.yaml')}.yaml"
    header = context.composer.document(path).header if files.is_file(path) else None
    return header is not None and not header.endswith("_group_")


@rule(
    "ES108",
    "entry-is-no-text",
    Severity.ERROR,
    "an entry of the defaults list is a number, a truth value or empty",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"exp/002.yaml": "defaults:\n  - 001\n\nbatch_size: 8\n"},
    good={"exp/002.yaml": "defaults:\n  - 001@_here_\n\nbatch_size: 8\n"},
    hydra="fails",
    run="exp=002",
)
def entry_is_no_text(context: ExperimentContext) -> Iterator[Finding]:
    """YAML reads a bare 001 as the number 1 (and 010 as 8), and Hydra ends with a traceback that names no file.

    Quote the name; `001@_here_` is text by itself. 008 and 009 happen to work, since they are not octal numbers.
    """
    for option, found in entries.each(context):
        for entry in found:
            if isinstance(entry.value, (str, dict)):
                yield from _value_in_the_list(context, option, entry)
                continue
            node = entries.item_node(option.document, entry.index)
            text = entries.written(option.document, node) if isinstance(node, yaml.ScalarNode) else ""
            if text and entry.value is not None:
                message = f"`- {text}` is {_kind(entry.value)} to YAML, not the name of a parameter set"
                edits = entries.replace(option.document, node, f"{text}@{HERE}") if node is not None else ()
                yield entry_is_no_text.finding(
                    entries.place(option, entry), message, f"write - {text}@{HERE}", edits=edits
                )
            else:
                shown = "is a list" if isinstance(entry.value, list) else "names nothing"
                yield entry_is_no_text.finding(
                    entries.place(option, entry), f"an entry of the defaults list {shown}", f"write - default@{HERE}"
                )
    for document in context.options.primary_lineage:
        yield from _numbers(document)


def _kind(value: object) -> str:
    return "a truth value" if isinstance(value, bool) else f"the number {value}"


def _value_in_the_list(context: ExperimentContext, option: Option, entry: Entry) -> Iterator[Finding]:
    """`- batch_size: 32`: a value of the file that slipped into the list."""
    if not isinstance(entry.value, dict) or len(entry.value) != 1 or entry.keywords or entry.package:
        return
    key, value = next(iter(entry.value.items()))
    above = context.compositions.parents_of(option)
    found = context.options.config_class(option.group)
    is_field = found.field(str(key)) is not None if found else str(key) in above
    stored = (context.schema.registration(option.group, name) for name in option.document.parents)
    classes = (found, *(known.config_class for known in stored if known))
    is_block = any(context.schema.class_of_field(known, str(key)) for known in classes if known)
    if isinstance(value, dict) or ((isinstance(value, (str, list)) or value is None) and (is_block or not is_field)):
        return
    group = str(key).strip("/") if str(key).startswith("/") else f"{option.group}/{key}"
    if context.options.is_group(group):
        return
    shown = entries.shown(entry)
    yield entry_is_no_text.finding(
        entries.place(option, entry),
        f"`- {shown}` stands in the defaults list, where it chooses an option of a group {key}",
        f"write it below the list, without the dash: {shown}",
    )


def _numbers(document: Document) -> Iterator[Finding]:
    """Choices of the primary config, or of one that it includes, that are numbers, one by one or in a list, and bare
    numbers.
    """
    for entry in entries.entries(document):
        node = entries.item_node(document, entry.index)
        if isinstance(node, yaml.ScalarNode) and not isinstance(entry.value, str):
            shown = entries.written(document, node) or "nothing"
            yield entry_is_no_text.finding(
                document.value(["defaults", entry.index]),
                f"`- {shown}` is not an entry of a defaults list: it names no group",
                "write - GROUP: OPTION, or remove it",
            )
        if not isinstance(entry.value, dict) or len(entry.value) != 1 or not isinstance(node, yaml.MappingNode):
            continue
        chosen = node.value[0][1]
        for scalar in chosen.value if isinstance(chosen, yaml.SequenceNode) else [chosen]:
            if not isinstance(scalar, yaml.ScalarNode) or scalar.tag.endswith((":str", ":null")):
                continue
            text = entries.written(document, scalar)
            kind = "a truth value" if scalar.tag.endswith(":bool") else "a number"
            yield entry_is_no_text.finding(
                Location(document.path, scalar.start_mark.line + 1, scalar.start_mark.column + 1),
                f"`{node.value[0][0].value}: {text}` is {kind} to YAML, not the name of an option",
                f'write "{text}" in quotes',
                edits=entries.replace(document, scalar, f'"{text}"'),
            )


@rule(
    "ES109",
    "inheritance-cycle",
    Severity.ERROR,
    "parameter sets inherit from each other in a circle",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={
        "exp/001.yaml": "defaults:\n  - 002@_here_\n\nbatch_size: 8\n",
        "exp/002.yaml": "defaults:\n  - 001@_here_\n\nbatch_size: 4\n",
    },
    good={"exp/002.yaml": "defaults:\n  - 001@_here_\n\nbatch_size: 4\n"},
    hydra="fails",
)
def inheritance_cycle(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra follows the parents until Python's stack ends: 138 kB of traceback, with no file name in it."""
    for group, options in context.options.by_group.items():
        above = {name: entries.parents(option) for name, option in options.items() if _has_file_parent(options, option)}
        done: set[str] = set()
        for name in above:
            cycle = _cycle(above, name)
            if cycle is None or done & set(cycle):
                continue
            done |= set(cycle)
            entry = next(e for e, target in above[cycle[0]] if target == (cycle[1] if len(cycle) > 1 else cycle[0]))
            stored = context.schema.registration(group, name) if len(cycle) == 1 else None
            yield inheritance_cycle.finding(
                entries.place(options[cycle[0]], entry),
                f"{group}/{cycle[0]} inherits from itself: {' -> '.join([*cycle, cycle[0]])}",
                f"delete {group}/{name}.yaml and change the defaults in the dataclass"
                if stored
                else "let one of them inherit from default@_here_",
            )


def _has_file_parent(options: dict[str, Option], option: Option) -> bool:
    return any(name in options for _, name in entries.parents(option))


def _cycle(above: dict[str, list[tuple[Entry, str]]], start: str) -> list[str] | None:
    """The circle that leads from `start` back to `start`, or None."""
    waiting, below = [start], dict[str, str]()
    while waiting:
        current = waiting.pop()
        for _, name in above.get(current, ()):
            if name == start:
                path = [current]
                while path[-1] != start:
                    path.append(below[path[-1]])
                return path[::-1]
            if name not in below:
                below[name] = current
                waiting.append(name)
    return None
