"""How the defaults list of an option is written: its key, its header, its entries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from experiment_setup.composing.refusals import NotFound
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts import headers, own_files
from experiment_setup.facts.defaults_lists import HERE, SELF, Entry
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option
from experiment_setup.facts.refusals import is_always_completed
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.light import compiled
from experiment_setup.listing import few
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document
from experiment_setup.rules import phases
from experiment_setup.rules.base import Files, rule
from experiment_setup.rules.es10_parents import insert_default
from experiment_setup.rules.es11_headers import lacks_the_header
from experiment_setup.rules.phases import Of, Phase

_LIST = "defaults:\n  - default@_here_\n"


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
    phase=Phase.INHERITANCE,
    of=Of.OPTION,
    bad={**_FILES, "exp/002.yaml": "name: 002-seed\nseed: 7\n"},
    good={**_FILES, "exp/002.yaml": "defaults:\n  - base@_here_\n\nname: 002-seed\nseed: 7\n"},
    hydra="accepts",
    run="exp=002",
)
def base_not_inherited(context: ExperimentContext) -> Iterator[Finding]:
    """Where exp/base.yaml takes the place of a dataclass, a set that does not begin with `base@_here_` lacks every key
    that it does not give itself: `exp=002` takes the place of `exp: base`.

    Reported where config.yaml chooses the base and as many other files as not inherit from it alone; an error for a
    file without any key (which is only said of parameter sets and environments: `none.yaml` may mean nothing at all).
    A file with a key that none of them has, or with another `_target_`, is an alternative to the base.
    """
    for group, base in context.options.groups.items():
        options = context.options.by_group.get(group, {})
        if base not in options or context.options.config_class(group) is not None:
            continue
        heirs = {name for name in options if _starts_from(options, name, base)}
        family = {key for name in (base, *heirs) for key in _keys_of(context, options[name])}
        whole = _keys_of(context, options[base])
        above = entries.lineage(options, base)  # the base, and what it inherits itself
        rest = [name for name in options if name not in above and name not in heirs]
        for name in rest if len(heirs) >= len(rest) else ():
            option = options[name]
            own = _keys_of(context, option)
            lost = [key for key in whole if key not in own]
            if entries.parents(option) or option.document.header or not lost:
                continue
            if group not in (SETS, ENVIRONMENTS) and not entries.own_keys(option.document):
                continue
            if not set(own) <= family or _says_another_kind(context, options[base], option):
                continue  # an alternative to the base
            if context.compositions.of_option(option).failure is not None:
                continue
            yield _base_left_out(context, option, entries.inheriting(context, option, base), lost, len(whole))


def _starts_from(options: Mapping[str, Option], name: str, base: str) -> bool:
    """Whether a file inherits the base and, at each step, nothing beside: one that names several puts them together."""
    above = entries.lineage(options, name)[1:]
    return base in above and all(len(entries.parents(options[one])) < 2 for one in (name, *above) if one in options)


def _says_another_kind(context: ExperimentContext, base: Option, option: Option) -> bool:
    """Whether the option makes an object of another class than the base."""
    targets = [context.compositions.of_option(one).container.get(one.group) for one in (base, option)]
    named = [found.get("_target_") if isinstance(found, dict) else None for found in targets]
    return named[1] is not None and named[0] != named[1]


def _keys_of(context: ExperimentContext, option: Option) -> list[str]:
    found = context.compositions.of_option(option).container.get(option.group)
    return list(map(str, found)) if isinstance(found, dict) else []


def _base_left_out(context: ExperimentContext, option: Option, base: str, lost: Sequence[str], count: int) -> Finding:
    return base_not_inherited.finding(
        option.document.key(["defaults"]) if option.document.has(["defaults"]) else Location(option.path),
        f"{option.config_path} does not inherit {base} as others do: {len(lost)} of {count} keys are gone"
        f" ({few(lost, 4)})",
        f"begin the file with `defaults:` and `- {base}`",
        edits=insert_default(option, base),
        safe=False,
        severity=None if entries.own_keys(option.document) else Severity.ERROR,
        spoils=[phases.defaults_list(option.path)],
    )


@rule(
    "ES118",
    "misspelled-defaults",
    Severity.ERROR,
    "a key that was meant to be `defaults`",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"exp/001.yaml": "default:\n  - default@_here_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    was="ES104",
    hydra="accepts",
)
def misspelled_defaults(context: ExperimentContext) -> Iterator[Finding]:
    """Only the key `defaults` is a defaults list; `default:` or `Defaults:` is a parameter like any other."""
    documents = [(option.document, option.group) for option in context.options.all()]
    documents += [(document, "") for document in context.options.primary_lineage]
    for document, group in documents:
        keys = entries.own_keys(document)
        config = entries.content(document)
        if not isinstance(config, dict) or "defaults" in config:
            continue
        found = context.options.config_class(group) if group else None
        for key in keys:
            if not _is_defaults_list(config.get(key)) or (found and found.field(key)):
                continue
            if key.lower() not in ("default", "defaults") and did_you_mean(key, ["defaults"]) is None:
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
    "ES113",
    "defaults-not-a-list",
    Severity.ERROR,
    "`defaults` is not a list",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"exp/001.yaml": "defaults: default@_here_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="fails",
)
def defaults_not_a_list(context: ExperimentContext) -> Iterator[Finding]:
    """Each entry needs a line with `- ` in front; Hydra ends with a traceback."""
    documents = [(option.document, _parent_entry(context, option)) for option in context.options.all()]
    documents += [(document, "- exp: default") for document in context.options.primary_lineage]
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
    registration = context.options.registration(option.group)
    default = registration.name if registration else context.options.groups.get(option.group)
    if not default or default in ("???", option.name):
        return None
    return f"- {entries.inheriting(context, option, default)}"


def _list_value(document: Document) -> yaml.Node | None:
    root = document.root
    return next((v for k, v in root.value if k.value == "defaults"), None) if root is not None else None


def _is_written(document: Document) -> bool:
    node = _list_value(document)
    return node is not None and node.end_mark.index > node.start_mark.index


_LIKE_DASH = compiled(r"[-\u2010-\u2015\u2212\uff0d\u30fc*\u2022\u30fb]+[\s\u3000]*")  # what was meant as `- `


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
    "ES115",
    "stray-colon",
    Severity.ERROR,
    "an entry ends in a colon, which chooses nothing",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"exp/001.yaml": "defaults:\n  - default@_here_:\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="accepts",
)
def stray_colon(context: ExperimentContext) -> Iterator[Finding]:
    """`- default@_here_:` is a group called `default` without an option, so that nothing is inherited.

    `- default: _here_` looks for a group `default` too, and `- _self_:` is no `_self_` (a warning, since the file is
    merged in any case).
    """
    listed = [(option.document, option.group, found) for option, found in entries.each(context)]
    listed += [(document, "", entries.entries(document)) for document in context.options.primary_lineage]
    for document, group, found in listed:
        for entry in found:
            if entry.group is None or not isinstance(entry.value, dict) or entry.keywords:
                continue
            here = (entry.option or "").lstrip("@")
            instead_of_at = entry.option is not None and (here == HERE or entries.is_like_here(here))
            if entry.option is not None and not instead_of_at:
                continue
            name = entry.group.removeprefix(f"/{group}/")
            is_self = entry.group == entries.SELF
            if not is_self and (not group or name not in entries.names(context, group)):
                continue
            if context.options.is_group(f"{group}/{name}"):
                continue  # `compression/clustering/` beside compression/clustering.yaml: nothing is chosen from it
            yield _stray(document, entry, name, is_self)


def _stray(document: Document, entry: Entry, name: str, is_self: bool) -> Finding:
    written = str(next(iter(entry.value)))
    better = entries.SELF if is_self else written if entry.option is None else f"{name}@{HERE}"
    node = entries.item_node(document, entry.index)
    key = node.value[0][0] if isinstance(node, yaml.MappingNode) else None
    place = document.value(["defaults", entry.index])
    if key is not None:
        place = Location(document.path, key.end_mark.line + 1, key.end_mark.column + 1)
    what = "is not `_self_`" if is_self else f"is a group without an option: {name} is not inherited"
    if entry.option is not None:
        what = f"is an option of a group {name}: a colon stands where the @ belongs"
    return stray_colon.finding(
        place,
        f"`- {entries.shown(entry) if entry.option else f'{written}:'}` {what}",
        f"write - {better}",
        edits=entries.rewrite(document, entry, better),
        severity=Severity.WARNING if is_self else None,
    )


@rule(
    "ES111",
    "group-chosen-in-option",
    Severity.ERROR,
    "a parameter set chooses another group",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n  - override /env: local\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="fails",
)
def group_chosen_in_option(context: ExperimentContext) -> Iterator[Finding]:
    """The environment is chosen where the run is started, `train.py exp=001 env=local`, or in config.yaml.

    Inside exp/001.yaml `/env: local` means `exp.env`, and `override /env: local` fails, because exp is composed before
    env. (Hydra's "experiment" pattern needs other headers and another order of the groups.)
    """
    for option, found in entries.each(context):
        if lacks_the_header(context, option) or headers.is_meant_for_the_root(option):
            continue  # package-header: with the header it may choose
        if headers.is_put_at_the_root(context, option):
            continue
        for entry in found:
            group = _named_from_the_root(entry)
            if group is None or (group != "hydra" and headers.is_from_the_root(option.document)):
                continue  # Hydra's "experiment" pattern: package-header, if it does not work here
            if group == "hydra" and "override" in entry.keywords:
                # An option that is written from the root may choose it, as `hparams_search` of many templates does.
                fails = context.compositions.of_option(option).failure is not None
                if fails and not headers.is_from_the_root(option.document):
                    yield _hydra_chosen(context, option, entry)
            elif group in context.options.groups:
                yield from _of_another_group(context, option, entry, group)


def _named_from_the_root(entry: Entry) -> str | None:
    """The first word of the group that an entry chooses from, which begins at the root: `env` of `/env: local`."""
    target = entry.group if entry.group is not None else entry.option if entry.is_plain else None
    if target is None or (entry.group is None and not target.startswith("/")):
        return None
    if entry.is_plain and entry.package is not None:
        return None  # `/text/encode@_here_` takes over what that file has, and says where
    return target.strip("/").split("/")[0]


def _of_another_group(context: ExperimentContext, option: Option, entry: Entry, group: str) -> Iterator[Finding]:
    if "override" in entry.keywords:
        failure = context.compositions.of_option(option).failure
        broken, lands = failure is not None and failure != context.compositions.base.failure, False
    else:
        if group == option.group or context.options.is_group(f"{option.group}/{group}"):
            return
        broken = entries.breaks(context, option)  # not of an option whose group stands behind the one it chooses from
        lands = group == ENVIRONMENTS and entry.package is None
    if not broken and not lands:
        return
    chosen = entry.option if entry.group is not None else (entry.option or "").rpartition("/")[2]
    yield group_chosen_in_option.finding(
        entries.place(option, entry),
        f"{option.config_path} cannot choose {group}"
        + ("" if broken else f": `{entries.shown(entry)}` lands in {option.group}.{group}"),
        f"remove the entry and choose it for the run: {option.group}={option.name} {group}={chosen}",
        edits=entries.remove_item(option.document, entry.index),
        safe=False,
        severity=None if broken else Severity.WARNING,
    )


def _hydra_chosen(context: ExperimentContext, option: Option, entry: Entry) -> Finding:
    return group_chosen_in_option.finding(
        entries.place(option, entry),
        f"{option.config_path} cannot choose {(entry.group or '').lstrip('/')}: it is a setting of the whole run",
        f"move the entry to the end of the defaults list of {context.experiment.config_file.name}",
        edits=entries.remove_item(option.document, entry.index),
        safe=False,
    )


def _severity(entry: Entry, *, in_silence: bool) -> Severity | None:
    if entry.is_plain:
        return Severity.INFO
    return Severity.WARNING if in_silence else None


@rule(
    "ES116",
    "entry-twice",
    Severity.ERROR,
    "a defaults list has the same entry twice",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n  - _self_\n  - _self_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n  - _self_\n\nlearning_rate: 1e-5\n"},
    hydra="fails",
)
def entry_twice(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra refuses a second `_self_` and a group that is chosen twice; a parent named twice is merged twice (info).

    A list of options beside another entry of its group is taken in silence, whichever of the two was meant (warning).
    """
    documents = [(option.document, found) for option, found in entries.each(context)]
    documents += [(document, entries.entries(document)) for document in context.options.primary_lineage]
    for document, found in documents:
        seen: dict[object, bool] = {}  # whether an entry that is no list has been seen
        for entry in found:
            is_list = isinstance(entry.value, dict) and any(isinstance(one, list) for one in entry.value.values())
            what = entry.value if isinstance(entry.value, str) else (entry.group, entry.package)
            if what == (None, None) or "override" in entry.keywords:
                continue
            if what in seen:
                name = entry.value if isinstance(entry.value, str) else entry.group
                yield entry_twice.finding(
                    document.value(["defaults", entry.index]),
                    f"{name} is listed twice",
                    "keep one of the two",
                    edits=entries.remove_item(document, entry.index),
                    safe=isinstance(entry.value, str),
                    severity=_severity(entry, in_silence=is_list or not seen[what]),
                )
            seen[what] = seen.get(what, False) or not is_list


@rule(
    "ES110",
    "parent-not-found",
    Severity.ERROR,
    "an entry names a parent that does not exist",
    phase=Phase.NAMES,
    of=Of.ENTRY,
    bad={"exp/001.yaml": "defaults:\n  - defualt@_here_\n\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}\nlearning_rate: 1e-5\n"},
    hydra="fails",
)
def parent_not_found(context: ExperimentContext) -> Iterator[Finding]:
    """A plain entry is the name of a file or stored config beside this file, then `@_here_`, without a space between.

    The keyword `optional` works only for `group: option`, and a group that is named in exp/001.yaml is looked for below
    exp/.
    """
    too_late = any(problem.code == "registered-too-late" for problem in context.schema.problems)  # ES301
    for option, found in entries.each(context) if not (context.code.unread_registrations or too_late) else ():
        failure = (
            context.compositions.of_option(option).failure
            if any(entry.value != entries.SELF for entry in found)
            else None
        )
        if failure is None or not isinstance(failure.refusal, NotFound):
            continue
        missing = failure.refusal.config
        if context.code.stores_in_a_function(missing):
            continue  # the code composes the file itself, after the store
        known = entries.names(context, option.group)
        for entry in found:
            if entry.is_plain and _is_missing(context, option, entry, missing, known):
                yield _made_by_everybody(context, option, entry, _path(option, entry)) or _no_parent(
                    context, option, entry, known
                )
            elif entry.group and f"{option.group}/{entry.group.lstrip('/')}/{entry.option}" == missing:
                completed = is_always_completed(context, option)  # does-not-compose has a note then
                made = _made_by_everybody(context, option, entry, missing)
                yield from () if completed else [made or _no_group(context, option, entry)]


def _made_by_everybody(context: ExperimentContext, option: Option, entry: Entry, missing: str) -> Finding | None:
    """What is said where the config that is not there is one that everybody makes, as choice-not-found has it."""
    made = own_files.how_it_is_made(context, missing)
    place = entries.place(option, entry)
    return parent_not_found.finding(place, *made, severity=Severity.WARNING) if made is not None else None


def _path(option: Option, entry: Entry) -> str:
    """The config that a plain entry names, from the root of the config folder."""
    wanted = entry.option or ""
    return wanted.lstrip("/") if wanted.startswith("/") else f"{option.group}/{wanted}"


def _is_missing(context: ExperimentContext, option: Option, entry: Entry, missing: str, known: Sequence[str]) -> bool:
    """Whether the entry is what Hydra does not find, or what it would not find next."""
    wanted = entry.option or ""
    if wanted == context.options.groups.get(option.group):
        return False  # config.yaml names it too: one finding there
    if _path(option, entry) == missing:
        return True
    bare = re.fullmatch(r"[\w.\-]+", wanted) is not None
    return bare and missing.startswith(f"{option.group}/") and _owns(option, missing) and _name(wanted) not in known


def _owns(option: Option, path: str) -> bool:
    """Whether the missing config is named by this option's own list."""
    return any(path == f"{option.group}/{entry.option}" for entry in entries.entries(option.document))


def _name(wanted: str) -> str:
    return wanted.removesuffix(".yaml")


def _no_parent(context: ExperimentContext, option: Option, entry: Entry, known: Sequence[str]) -> Finding:
    wanted = entry.option or ""
    path = _path(option, entry)
    others = [name for name in known if name != option.name]  # none inherits from itself
    better, why = _better(option.group, wanted, others)
    is_bare = entry.package is None and re.fullmatch(r"[\w.\-]+", wanted) and not option.document.header
    package = f"@{HERE}" if entry.package is None or entries.is_like_here(entry.package) else f"@{entry.package}"
    package = "" if is_bare else package  # `- default` is the same to Hydra, and what the file writes
    return parent_not_found.finding(
        entries.place(option, entry),
        f"there is no {path!r}: {why}" if why else f"there is no {path!r}; {option.group} has {', '.join(others)}",
        f"write - {better}{package}" if better else "name one of these",
        edits=entries.rewrite(option.document, entry, f"{better}{package}") if better else (),
        safe=bool(why) and better in known,
        rests_on=[phases.file(context.experiment.group_dir(option.group) / f"{wanted}.yml")],
    )


def _no_group(context: ExperimentContext, option: Option, entry: Entry) -> Finding:
    """`- optimizer: adam` in a parameter set."""
    group = (entry.group or "").lstrip("/")
    there = context.options.is_group(group)
    below = sorted(context.experiment.options(f"{option.group}/{group}"))
    if below:
        near = did_you_mean(entry.option or "", below)
        return parent_not_found.finding(
            entries.place(option, entry),
            f"there is no {option.group}/{group}/{entry.option}; {option.group}/{group} has {', '.join(below)}",
            f"write - {group}: {near}" if near else "name one of these",
        )
    is_listed = any(placed.key == group for placed in context.options.choices)
    within = _folder_within(context, option, group, entry.option or "")
    advice = (
        f"write - override /{group}: {entry.option}"
        if is_listed and option.package() == ()
        else f"write - /{group}@{group}: {entry.option}"
        if there
        else f"write - {within}@{group}: {entry.option} for the one in {option.group}/{within}/, or remove it"
        if within is not None
        else f"make the folder {option.group}/{group}/, or remove it"
    )
    return parent_not_found.finding(
        entries.place(option, entry),
        f"there is no {option.group}/{group}/{entry.option}: a group named here is looked for below {option.group}/",
        advice,
    )


def _folder_within(context: ExperimentContext, option: Option, group: str, name: str) -> str | None:
    """The folder called like the group, in another one beside the option, that has the option which is not here."""
    end = f"/{group}/{name.removesuffix('.yaml')}"
    known = (f"/{inner}" for inner in context.experiment.options_in_folders(option.group))
    return next((inner.rpartition("/")[0].lstrip("/") for inner in known if inner.endswith(end)), None)


def _better(group: str, wanted: str, known: Sequence[str]) -> tuple[str | None, str | None]:
    """What was meant instead of a parent that is not there, and why the entry is wrong where that is certain."""
    bare, *rest = wanted.replace("＠", "@").strip().split()
    if rest and bare == "optional":
        return rest[0], "`optional` works only for `group: option`"
    if wanted != wanted.strip():
        return bare, "a space stands before the @"
    for prefix in (f"{group}/", "./"):
        if wanted.startswith(prefix):
            return wanted.removeprefix(prefix), f"names are relative to {group}/"
    if "＠" in wanted:
        return bare.split("@")[0], "the @ is full-width"
    if ":" in wanted:
        return wanted.split(":")[0], "a colon stands where the @ belongs"
    return did_you_mean(wanted, known), None
