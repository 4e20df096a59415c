"""Rules about whether a parameter set or an environment inherits its dataclass, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from experiment_setup import installed
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location, did_you_mean
from experiment_setup.reading.source import Document
from experiment_setup.rules import entries, missing_parents, parents
from experiment_setup.rules.base import ExperimentContext, Files, Option, rule
from experiment_setup.rules.entries import HERE, SELF
from experiment_setup.rules.yaml_text import values
from experiment_setup.schema import UNSET

_LIST = "defaults:\n  - default@_here_\n"


@rule(
    "ES101",
    "schema-not-inherited",
    Severity.ERROR,
    "the file does not inherit the dataclass, so that fields and type checks vanish",
    bad={"exp/001.yaml": "learning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def schema_not_inherited(context: ExperimentContext) -> Iterator[Finding]:
    """`exp=001` takes the place of `exp: default`: without `default@_here_` the dataclass is not part of the config.

    Hydra says nothing: the fields that the file does not set are gone, keys with typos are accepted, and types are
    not checked. The same goes for an empty file, one with only comments, `defaults: []`, and a list at the top. It is
    a warning where the file repeats every field, so that only the checks are lost. Where config.yaml lists the whole
    schema first (`- config_schema`), the dataclass is there anyway and nothing is reported.
    """
    lost = [option for option in context.all_options() if entries.fields_lost(context, option) is not None]
    if not lost:
        return
    explained = {finding.location.path for other in _CAUSES for finding in other.check(context)}
    paths = {option.config_path for option in lost}
    for option in lost:
        above = entries.lineage(context.options[option.group], option.name)[1:]
        own = values(option.document)
        if list(own) == [option.group] and isinstance(own[option.group], dict):
            continue  # all of it stands in a block of its own: misplaced-block
        if option.path in explained or any(f"{option.group}/{name}" in paths for name in above):
            continue
        yield _not_inherited(context, option, entries.fields_lost(context, option) or [])


def _not_inherited(context: ExperimentContext, option: Option, missing: Sequence[str]) -> Finding:
    found, registration = context.config_class(option.group), context.registration(option.group)
    assert found is not None
    assert registration is not None
    default = f"{registration.name}@{HERE}"
    fields = [field.name for field in found.fields]
    keys = entries.own_keys(option.document)
    unknown = [key for key in keys if key not in fields and key not in ("hydra", *context.groups)]
    if missing:
        shown = ", ".join(missing[:4]) + (", …" if len(missing) > 4 else "")
        effect = f"{len(missing)} of {len(fields)} fields vanish ({shown})"
    else:
        effect = "types and unknown keys are not checked"
    help_ = f"begin the file with `defaults:` and `- {default}`"
    if isinstance(entries.content(option.document), list):
        help_ = f"the file holds a list: write `defaults:` above `- {default}`, and `key: value` lines below it"
    if unknown:
        guesses = {key: did_you_mean(key, fields) for key in unknown}
        said = [f"{key} (did you mean {guess}?)" if guess else key for key, guess in guesses.items()]
        help_ += f"; no field of {found.name}: {', '.join(said)}"
    where = option.document.key(["defaults"]) if option.document.has(["defaults"]) else Location(option.path)
    return schema_not_inherited.finding(
        where,
        f"{option.config_path} does not inherit {default}: {effect}",
        help_,
        edits=_insert_default(option, default),
        safe=set(keys) <= set(fields),
        severity=None if missing else Severity.WARNING,
    )


def _insert_default(option: Option, default: str) -> tuple[Edit, ...]:
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


_FILES: Files = {
    "config.yaml": [("exp: default", "exp: base")],
    "train.py": [('cs.store(group="exp", name="default", node=ExpConfig)\n', "")],
    "exp/base.yaml": "name: base\nseed: 42\nlearning_rate: 2.0e-5\n",
    "exp/001.yaml": 'defaults:\n  - base@_here_\n\nname: "001-lr"\nlearning_rate: 5.0e-5\n',
}


@rule(
    "ES117",
    "base-not-inherited",
    Severity.WARNING,
    "the file does not inherit the base file that the others start from",
    bad={**_FILES, "exp/002.yaml": "name: 002-seed\nseed: 7\n"},
    good={**_FILES, "exp/002.yaml": "defaults:\n  - base@_here_\n\nname: 002-seed\nseed: 7\n"},
    hydra="accepts",
    run="exp=002",
)
def base_not_inherited(context: ExperimentContext) -> Iterator[Finding]:
    """Where exp/base.yaml takes the place of a dataclass, a set that does not begin with `base@_here_` lacks every key
    that it does not give itself: `exp=002` takes the place of `exp: base`.

    Reported where config.yaml chooses the base and other files inherit from it; an error for a file without any key.
    """
    explained: set[Path] | None = None
    for group, base in context.groups.items():
        options = context.options.get(group, {})
        if base not in options or context.config_class(group) is not None:
            continue
        heirs = {name for name in options if base in entries.lineage(options, name)[1:]}
        whole = _keys_of(context, options[base])
        for name, option in options.items() if heirs else ():
            own = _keys_of(context, option)
            lost = [key for key in whole if key not in own]
            if name == base or name in heirs or entries.parents(option) or option.document.header or not lost:
                continue
            if context.composed(option).failure is not None:
                continue
            if explained is None:
                explained = {finding.location.path for other in _CAUSES for finding in other.check(context)}
            if option.path not in explained:
                yield _base_left_out(context, option, f"{base}@{HERE}", lost, len(whole))


def _keys_of(context: ExperimentContext, option: Option) -> list[str]:
    found = context.composed(option).container.get(option.group)
    return list(map(str, found)) if isinstance(found, dict) else []


def _base_left_out(context: ExperimentContext, option: Option, base: str, lost: Sequence[str], count: int) -> Finding:
    shown = ", ".join(lost[:4]) + (", …" if len(lost) > 4 else "")
    return base_not_inherited.finding(
        option.document.key(["defaults"]) if option.document.has(["defaults"]) else Location(option.path),
        f"{option.config_path} does not inherit {base} as others do: {len(lost)} of {count} keys are gone ({shown})",
        f"begin the file with `defaults:` and `- {base}`",
        edits=_insert_default(option, base),
        safe=False,
        severity=None if entries.own_keys(option.document) else Severity.ERROR,
    )


@rule(
    "ES104",
    "misspelled-defaults",
    Severity.ERROR,
    "a key that was meant to be `defaults`",
    bad={"exp/001.yaml": "default:\n  - default@_here_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def misspelled_defaults(context: ExperimentContext) -> Iterator[Finding]:
    """Only the key `defaults` is a defaults list; `default:` or `Defaults:` is a parameter like any other."""
    documents = [(option.document, option.group) for option in context.all_options()]
    if context.experiment.config_file.is_file():
        documents.append((context.primary, ""))
    for document, group in documents:
        keys = entries.own_keys(document)
        config = entries.content(document)
        if not isinstance(config, dict) or "defaults" in config:
            continue
        found = context.config_class(group) if group else None
        for key in keys:
            near = key.lower() in ("default", "defaults") or did_you_mean(key, ["defaults"]) is not None
            if not near or (found and found.field(key)) or not _is_defaults_list(config.get(key)):
                continue
            written = next((k for k, _ in document.root.value if k.value == key), None) if document.root else None
            yield misspelled_defaults.finding(
                document.key([key]),
                f"`{key}:` is not `defaults:`, so nothing is inherited",
                "write defaults:",
                edits=_renamed(document, written, config.get(key)) if written is not None else (),
            )


def _renamed(document: Document, key: yaml.Node, value: Any) -> tuple[Edit, ...]:
    """The key mended, and a list made of a text behind it."""
    start = key.end_mark.index + 1
    text = document.text[start : start + 1] == " " and isinstance(value, str)
    if isinstance(value, str) and not text:
        return ()
    dash = (Edit(start, start + 1, f"{entries.newline(document.text)}  - "),) if text else ()
    return (*entries.replace(document, key, "defaults"), *dash)


def _is_defaults_list(value: Any) -> bool:
    if isinstance(value, str):
        return HERE in value
    return (
        isinstance(value, list)
        and all(isinstance(item, (str, dict)) for item in value)
        and any(item == SELF or isinstance(item, dict) or "@" in item for item in value)
    )


@rule(
    "ES105",
    "package-header",
    Severity.ERROR,
    "a `# @package` header moves the file's content away from its group",
    bad={"exp/001.yaml": f"# @package _group_\n{_LIST}\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def package_header(context: ExperimentContext) -> Iterator[Finding]:
    """The content of exp/001.yaml belongs at `exp`, and that is where Hydra puts it without a header.

    In a header `_here_` and `_group_` are no keywords but names of a key (`_group_` is one as long as Hydra 1.3 behaves
    as 1.1); `_global_` puts the keys beside `exp`, which is reported where the file composes without it only.
    """
    for option in context.all_options():
        package = _header_package(option.document)
        if package in (None, option.group):
            continue
        if package == "_group_" and _is_keyword(context):
            continue
        if package in (HERE, "_group_", "_name_") or _header_breaks(context, option):
            place = f"puts {option.config_path} at `{package}`, not at `{option.group}`"
            block = package == "_global_" and option.group in entries.own_keys(option.document)
            yield _header_finding(option.document, place, option.group if block else None)
    if context.experiment.config_file.is_file():
        package = _header_package(context.primary)
        if package not in (None, "_global_") and context.composition().failure:
            yield _header_finding(context.primary, f"puts the whole config at `{package}`")


def _header_package(document: Document) -> str | None:
    header = document.header if "@package" in document.text_or_empty[:512] else None
    return header.split()[-1] if header else None


def _is_keyword(context: ExperimentContext) -> bool:
    """Whether `_group_` in a header is one: in Hydra 1.3 behaving as 1.1 (default_element.py: set_package_header)."""
    main = context.schema.main
    old = main is not None and (main.version_base is UNSET or main.version_base == "1.1")
    return old and (installed.hydra_version() or "").startswith("1.3.")


def _header_breaks(context: ExperimentContext, option: Option) -> bool:
    """Whether the option does not compose, or loses its fields, and does both right without the header."""
    if not entries.breaks(context, option):
        return False
    start, end = _header_span(option.document)
    text = option.document.text
    without = Document(option.path, text[:start] + text[end:])
    outcome = context.composer.compose_with({option.path: without}, dict(context.composed(option).choices))
    return outcome.failure is None


def _header_span(document: Document) -> tuple[int, int]:
    """The line of the header, with its end."""
    text, header = document.text, document.header or ""
    start = text.index(header)
    rest = text[start + len(header) :]
    end = start + len(header) + (2 if rest.startswith("\r\n") else 1 if rest else 0)
    return entries.line_start(text, start), end


def _header_finding(document: Document, effect: str, block: str | None = None) -> Finding:
    """`block`: the group for which the file has a block, as files with this header have."""
    start, end = _header_span(document)
    return package_header.finding(
        Location(document.path, document.text.count("\n", 0, start) + 1),
        f"`{document.header}` {effect}",
        f"delete the line, and `{block}:` with the indentation below it" if block else "delete the line",
        edits=(Edit(start, end, ""),) if block is None else (),
    )


@rule(
    "ES113",
    "defaults-not-a-list",
    Severity.ERROR,
    "`defaults` is not a list",
    bad={"exp/001.yaml": "defaults: default@_here_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="fails",
)
def defaults_not_a_list(context: ExperimentContext) -> Iterator[Finding]:
    """Each entry needs a line with `- ` in front; Hydra ends with a traceback."""
    documents = [(option.document, _parent_entry(context, option)) for option in context.all_options()]
    if context.experiment.config_file.is_file():
        documents.append((context.primary, "- exp: default"))
    for document, entry in documents:
        config = entries.content(document)
        if not isinstance(config, dict) or "defaults" not in config or isinstance(config["defaults"], list):
            continue
        value = config["defaults"]
        kind = "empty" if value is None else "a mapping" if isinstance(value, dict) else f"the text {value!s}"
        empty = f"write {entry} below it" if entry else "remove the line"
        at_key = value is None and document.value(["defaults"]).line != document.key(["defaults"]).line
        yield defaults_not_a_list.finding(
            document.key(["defaults"]) if at_key or not _is_written(document) else document.value(["defaults"]),
            f"`defaults` is {kind}, not a list",
            empty if value is None else f"put `- ` before each entry, as in `{entry or '- exp: default'}`",
            edits=_as_list(document, value, entry),
        )


def _parent_entry(context: ExperimentContext, option: Option) -> str | None:
    """The entry that the option's list should begin with, or None where nothing is there to inherit from."""
    registration = context.registration(option.group)
    default = registration.name if registration else context.groups.get(option.group)
    return f"- {default}@{HERE}" if default and default not in ("???", option.name) else None


def _list_value(document: Document) -> yaml.Node | None:
    root = document.root
    return next((v for k, v in root.value if k.value == "defaults"), None) if root is not None else None


def _is_written(document: Document) -> bool:
    node = _list_value(document)
    return node is not None and node.end_mark.index > node.start_mark.index


_LIKE_DASH = re.compile(r"[-\u2010-\u2015\u2212\uff0d\u30fc*\u2022\u30fb]+[\s\u3000]*")  # what was meant as `- `


def _as_list(document: Document, value: Any, entry: str | None) -> tuple[Edit, ...]:
    node, text = _list_value(document), document.text
    end = entries.newline(text)
    if isinstance(node, yaml.ScalarNode) and value is None and entry is not None:
        key = next(key for key, value in document.root.value if value is node) if document.root is not None else node
        start = key.end_mark.index + 1
        stop = max(start, node.end_mark.index) if _is_written(document) else start
        return (Edit(start, stop, f"{end}  {entry}"),) if text[start - 1 : start] == ":" else ()
    if isinstance(node, yaml.ScalarNode) and isinstance(value, str) and node.start_mark.line == node.end_mark.line:
        dash = _LIKE_DASH.match(text, node.start_mark.index)
        stop = dash.end() if dash else node.start_mark.index
        key_line = document.key(["defaults"]).line - 1
        if node.start_mark.line > key_line:
            return (Edit(node.start_mark.index, stop, "- "),)
        start = len(text[: node.start_mark.index].rstrip(" "))
        return (Edit(start, stop, f"{end}  - "),)
    if not isinstance(node, yaml.MappingNode) or node.flow_style or node.start_mark.column == 0:
        return ()
    if any(child.start_mark.line != key.start_mark.line for key, child in node.value):
        return ()
    return tuple(Edit(key.start_mark.index, key.start_mark.index, "- ") for key, _ in node.value)


@rule(
    "ES106",
    "self-before-parent",
    Severity.ERROR,
    "`_self_` stands before a parent that overwrites the file's own values",
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
            yield self_before_parent.finding(
                entries.place(option, at),
                f"{', '.join(after)} overwrites what {option.config_path} sets: {', '.join(beaten)}",
                "move _self_ to the end of the list, or leave it out",
                edits=entries.remove_item(option.document, at.index),
            )


def _keys(context: ExperimentContext, group: str, name: str) -> set[str]:
    """The keys that `group/name` and its parents set."""
    options = context.options[group]
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
                reset = _reset_keys(context, option.group, earlier, name)
                if not reset:
                    continue
                redundant = name in entries.lineage(context.options[option.group], earlier)
                shown = ", ".join(sorted(reset))
                yield parent_reset.finding(
                    entries.place(option, entry),
                    f"{name} comes after {earlier} and resets what {earlier} sets: {shown}",
                    f"remove this entry: {earlier} inherits {name} already"
                    if redundant
                    else f"inherit from one of {earlier} and {name}, and write the other's values into this file",
                    edits=entries.remove_item(option.document, entry.index) if redundant else (),
                )
                break


def _reset_keys(context: ExperimentContext, group: str, earlier: str, later: str) -> set[str]:
    """What `earlier` sets by itself and a shared ancestor, merged again by `later`, sets back."""
    options = context.options[group]
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


# Rules whose findings say why a file does not inherit the schema.
_CAUSES = (
    parents.misspelled_here,
    parents.lands_elsewhere,
    misspelled_defaults,
    package_header,
    parents.entry_is_no_text,
    parents.inheritance_cycle,
    missing_parents.parent_not_found,
    parents.group_chosen_in_option,
    defaults_not_a_list,
    parents.stray_colon,
)
