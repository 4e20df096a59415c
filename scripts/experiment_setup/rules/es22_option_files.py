"""The files of the options: their names, and keys and values that are out of place in them."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from experiment_setup import files, installed, naming, nodes
from experiment_setup.facts import defaults_lists as entries
from experiment_setup.facts import guides, headers, unlisted
from experiment_setup.facts.experiment import ExperimentContext, once
from experiment_setup.facts.options import Option
from experiment_setup.facts.written import at_offset, declared, dotted, leaves, schema, values, with_values
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.light import compiled
from experiment_setup.location import Location
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Of, Phase

_AT_ROOT = "# @package _global_\n"
_LIST = "defaults:\n  - default@_here_\n\n"


_DICT_FIELD = [
    ("    notes: str", "    opt: dict[str, float] = field(default_factory=lambda: {'lr': 0.1})\n    notes: str")
]


@rule(
    "ES222",
    "near-miss-key",
    Severity.WARNING,
    "a new key in a dict that is one letter away from an inherited one",
    phase=Phase.VALUES,
    bad={"train.py": _DICT_FIELD, "exp/001.yaml": f"{_LIST}opt:\n  lrr: 0.5\n"},
    good={"train.py": _DICT_FIELD, "exp/001.yaml": f"{_LIST}opt:\n  lr: 0.5\n"},
    was="ES212",
    hydra="accepts",
)
def near_miss_key(context: ExperimentContext) -> Iterator[Finding]:
    """A field of type dict, and any config without a dataclass, takes every key: a typo is merged in beside the right
    one, which keeps its value. A nested dataclass refuses it."""
    for option in context.options.all():
        own = values(option.document)
        root = schema(context, option.group)
        if root is not None and not any(isinstance(value, dict) for value in own.values()):
            continue  # the dataclass refuses it
        named = [name for _, name in entries.parents(option)]
        if len(named) == 1:
            above = _composed_parent(context, option.group, named[0], option.package())
            yield from _near_misses(context, option, own, above, (), root)
    if context.options.included and context.compositions.at().failure is None:
        primary = Option("", context.experiment.config_name, context.options.primary)
        own, composed = values(primary.document), context.compositions.at().container
        yield from _near_misses_at_root(context, primary, own, composed, ())
    judged = {option.path for option in context.options.all() if len(entries.parents(option)) == 1}
    for option in (*context.options.root_sets, *context.options.added):
        for document in context.options.lineage(option):
            written = Option(option.group, option.name, document)
            if document.path in judged or written.package() != ():
                continue
            judged.add(document.path)
            own, composed = values(document), context.compositions.of_option(option).container
            yield from _near_misses_at_root(context, written, own, composed, ())


def _near_misses_at_root(
    context: ExperimentContext, option: Option, own: dict[Any, Any], composed: Any, path: tuple[str, ...]
) -> Iterator[Finding]:
    """Keys of a set that is written from the root which stand beside one of another file, and that nothing else has."""
    own = {str(key): value for key, value in own.items()}  # `no:` is the key False
    for key, value in own.items():
        inside = composed.get(key) if isinstance(composed, dict) else None
        if isinstance(value, dict) and isinstance(inside, dict):
            yield from _near_misses_at_root(context, option, value, inside, (*path, key))
        known = [str(name) for name in composed] if isinstance(composed, dict) and not key.isdigit() else []
        guess = next((name for name in known if name not in own and entries.one_letter_away(key, name)), None)
        if guess is not None and not _is_mentioned(context, option, _new_part(key, guess)):
            yield near_miss_key.finding(
                option.document.key((*path, key)),
                f"{dotted((*path, key))} is a new key beside {guess!r}, which keeps its value",
                f"write {guess}: (or ignore this, if both are meant)",
            )


def _new_part(key: str, known: str) -> str:
    """The word in which a key differs: of one with dots, which the code splits, it is a part."""
    parts, others = key.split("."), known.split(".")
    differing = [part for part, other in zip(parts, others, strict=False) if part != other]
    return differing[0] if len(parts) == len(others) else key


def _is_mentioned(context: ExperimentContext, option: Option, key: str) -> bool:
    """Whether another file of the config folder or the code has the word, or an option has that name."""
    return not _mentions(context, key) <= {option.path}


def _is_in_code(context: ExperimentContext, key: str) -> bool:
    """Whether the code has the word."""
    return context.experiment.folder in _mentions(context, key)


def _mentions(context: ExperimentContext, word: str) -> set[Path]:
    """The files of the config folder that have a word, or that are called so; the experiment's folder, for its code."""
    known = _known_mentions(context)
    if word not in known:
        has = re.compile(rf"\b{re.escape(word)}\b").search
        known[word] = {
            document.path
            for document in context.options.of_the_folder()
            if document.path.stem == word or has(document.text_or_empty)
        }
        known[word] |= {context.experiment.folder} if any(map(has, context.code.in_reach)) else set()
    return known[word]


@once
def _known_mentions(_context: ExperimentContext) -> dict[str, set[Path]]:
    return {}


def _near_misses(
    context: ExperimentContext,
    option: Option,
    own: dict[Any, Any],
    above: Any,
    path: tuple[str, ...],
    root: DictConfig | None,
) -> Iterator[Finding]:
    if not isinstance(above, dict):
        return
    free = root is None or OmegaConf.get_type(declared(root, path)) is dict
    known = [str(key) for key in above]
    own = {str(key): value for key, value in own.items()}
    for key, value in own.items():
        if key in known:
            if isinstance(value, dict):
                yield from _near_misses(context, option, value, above.get(key), (*path, key), root)
            continue
        guess = (
            next((name for name in known if name not in own and entries.one_letter_away(key, name)), None)
            if free
            else None
        )
        if guess and not _is_in_code(context, key):
            yield near_miss_key.finding(
                option.document.key((*path, key)),
                f"{dotted((*path, key))} is a new key beside the inherited {guess!r}",
                f"write {guess}: (or ignore this, if both are meant)",
            )


@rule(
    "ES223",
    "value-is-inherited",
    Severity.INFO,
    "the value is the one that the file inherits anyway",
    phase=Phase.VALUES,
    of=Of.OPTION,
    bad={"exp/001.yaml": f"{_LIST}seed: 42\nlearning_rate: 1e-5\n"},
    good={"exp/001.yaml": f"{_LIST}seed: 7\nlearning_rate: 1e-5\n"},
    was="ES213",
    hydra="accepts",
)
def value_is_inherited(context: ExperimentContext) -> Iterator[Finding]:
    """A parameter set says what differs. A repeated default hides that, and stays when the default changes.

    An option of another group says what its name promises, whether or not that is the default today.
    """
    for option in context.options.sets.values():
        found = entries.entries(option.document)
        named = entries.parents(option)
        if len(named) != 1 or len(found) > 2 or (len(found) == 2 and not found[1].is_self):
            continue
        mine = context.compositions.of_option(option).container.get(option.group)
        above = _composed_parent(context, option.group, named[0][1])
        if not isinstance(mine, dict) or above is None or option.document.header is not None:
            continue
        for key in entries.own_keys(option.document):
            same = key in mine and key in above and _same(mine[key], above[key])
            if same and not entries.changed(context, option, key):  # else something overrules the file
                yield value_is_inherited.finding(
                    option.document.key([key]),
                    f"{key} repeats the value inherited from {named[0][1]}",
                    "remove the line",
                    edits=_without_line(option, key),
                )


def _composed_parent(
    context: ExperimentContext, group: str, name: str, place: tuple[str, ...] | None = None
) -> dict[Any, Any] | None:
    """The composed values of `group/name`, or what is then at another place of the config."""
    default = name == context.options.groups.get(group)
    outcome = context.compositions.at() if default else context.compositions.choosing(group, name)
    found = nodes.within(outcome.container, (group,) if place is None else place)
    return found if isinstance(found, dict) else None


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other) and one != "???"


def _without_line(option: Option, key: str) -> tuple[Edit, ...]:
    """The key's line removed, a comment behind the value kept; () for a value of more than one line."""
    document, root = option.document, option.document.root
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        return ()
    pair = next(((k, v) for k, v in root.value if str(k.value) == key), None)
    if pair is None or pair[1].start_mark.line != pair[0].start_mark.line:
        return ()
    text = document.text
    begin, end = pair[0].start_mark.index, pair[1].end_mark.index
    if pair[1].end_mark.line != pair[0].start_mark.line or "&" in text[begin:end]:
        return ()  # an anchor may be used further below
    span = entries.line_span(text, pair[1])
    return entries.remove_line(text, span, end) if span and span[0] == begin else ()


@rule(
    "ES224",
    "misplaced-block",
    Severity.ERROR,
    "a block or a dotted key that has no place in this file",
    phase=Phase.LISTS,
    of=Of.ENTRY,
    bad={"exp/001.yaml": f"{_LIST}hydra:\n  run:\n    dir: out\n"},
    good={},
    was="ES214",
    hydra="fails",
)
def misplaced_block(context: ExperimentContext) -> Iterator[Finding]:
    """What stands in exp/001.yaml is below `exp` already: an `exp:` block is `exp.exp`, and `hydra:` is `exp.hydra`.

    `optimizer.lr: 1` is one key with a dot in its name. With the dataclass Hydra refuses them as unknown keys; without
    it they are accepted and nothing reads them. A group without a dataclass may have a part of its own name: a block
    beside other keys is taken for that, and one that every file of the group has.
    """
    for option in context.options.all():
        own = values(option.document)
        if not any(key in ("hydra", SETS, ENVIRONMENTS, option.group) or _is_dotted(key) for key in own):
            continue
        if option.document.header is not None or headers.is_put_at_the_root(context, option):
            continue
        found = context.options.config_class(option.group)
        dotted_keys = [key for key in own if _is_dotted(key)]
        is_vague = _is_alone(context, option) or _is_a_stub(context, option)
        for key, value in own.items():
            if key in dotted_keys[1:]:
                continue  # said of the first one
            said = _misplaced(context, option, key, value, typed=found is not None)
            if key == option.group and found is None and _is_a_part(context, option):
                continue
            if said and not (found and found.field(key)):
                message, help_ = said
                if len(dotted_keys) > 1 and key == dotted_keys[0]:
                    message += f" (and so {'is' if len(dotted_keys) == 2 else 'are'} {len(dotted_keys) - 1} more)"
                yield misplaced_block.finding(
                    option.document.key([key]),
                    message,
                    help_,
                    severity=Severity.WARNING if found is None and (is_vague or _is_dotted(key)) else None,
                )
    yield from _dotted_at_the_root(context)


def _dotted_at_the_root(context: ExperimentContext) -> Iterator[Finding]:
    """The dotted keys of config.yaml and of what is written from its root, where the block is there that is meant."""
    for group, document in with_values(context):
        own = values(document) if group is None else {}
        for key in filter(_is_dotted, own):
            first = _DOTTED.split(key)[0]
            if first == "hydra" or isinstance(context.compositions.some_values.get(first), (dict, list)):
                message, help_ = _one_key(key)
                place = document.key([key])
                yield misplaced_block.finding(place, message, help_, severity=Severity.WARNING)


def _is_dotted(key: str) -> bool:
    """Whether a key is written as one step of a config behind another: `optimizer.lr`, `layers[0]`."""
    return "." in key or _DOTTED.search(key) is not None


_DOTTED = compiled(r"\.|\[\d+\]$")


def _one_key(key: str) -> tuple[str, str]:
    if "." not in key:
        return f"{key!r} is one key with brackets in its name", "write the whole list: keys do not change its elements"
    first = key.split(".")[0]
    return f"{key!r} is one key with a dot in its name", f"write {first}: and the rest below it, indented"


def _is_a_part(context: ExperimentContext, option: Option) -> bool:
    """Whether the block with the group's name is meant to be inside the group."""
    known = _files_of_group(context, option)
    if len(values(option.document)) > 1 or (len(known) > 1 and all(option.group in file for file in known)):
        return True
    if any(use.path[:2] == (option.group, option.group) for use in context.code.reading.uses):
        return True
    name = re.escape(option.group)  # of what is made of the whole: `logger = instantiate(cfg.logger)["logger"]`
    taken_out = re.compile(rf"(?:\b{name}|[\"']{name}[\"']\]|\))\[[\"']{name}[\"']\]")
    return any(taken_out.search(text) for text in context.code.in_reach)


def _is_alone(context: ExperimentContext, option: Option) -> bool:
    """Whether no other file of the group shows what the group looks like."""
    return option.group not in (SETS, ENVIRONMENTS) and len(_files_of_group(context, option)) == 1


def _is_a_stub(context: ExperimentContext, option: Option) -> bool:
    """Whether it is called as what is chosen unasked, and neither a defaults list nor a guide's command has it."""
    group, name = option.group, option.name
    if name != "default" or group in (SETS, ENVIRONMENTS) or context.options.groups.get(group) == name:
        return False
    named = unlisted.named_files(context.composer.folder)
    return option.path not in named and not any(guides.chosen(one, group) == name for one in context.commands)


def _files_of_group(context: ExperimentContext, option: Option) -> list[dict[str, Any]]:
    """What the files of an option's group have, but for those that have nothing, as none.yaml."""
    found = (values(other.document) for other in context.options.by_group[option.group].values())
    return [own for own in found if own]


def _misplaced(
    context: ExperimentContext, option: Option, key: str, value: Any, *, typed: bool
) -> tuple[str, str] | None:
    group = option.group
    if _is_dotted(key):
        first = _DOTTED.split(key)[0]
        above = (_composed_parent(context, group, name) or {} for _, name in entries.parents(option))
        nested = any(isinstance(inherited.get(first), (dict, list)) for inherited in above)
        return _one_key(key) if typed or nested else None
    if not isinstance(value, dict):
        return None
    if key == "hydra":
        return f"this `hydra:` block is {group}.hydra, which Hydra does not read", "move it to config.yaml"
    if key == group:
        help_ = f"remove the line `{key}:` and the indentation below it"
        registration = context.options.registration(group)
        if registration is not None and not entries.parents(option):
            help_ += f", and begin the file with `defaults:` and `- {registration.name}@{entries.HERE}`"
        return f"this `{key}:` block is {group}.{key}", help_
    if key in (SETS, ENVIRONMENTS) and key in context.options.groups:
        return f"this `{key}:` block is {group}.{key}", f"move it to a file of {key}/, without the line `{key}:`"
    return None


_MACHINE_PATH = compiled(
    r"(?:/(?:home|Users|mnt|media|workspace|kaggle|root|scratch|content|gpfs|lustre|data|tmp|opt|srv|net)/."
    r"|[A-Za-z]:[\\/])"
)


@rule(
    "ES227",
    "machine-path-in-set",
    Severity.WARNING,
    "a parameter set has a path that only one machine has",
    phase=Phase.VALUES,
    bad={"exp/001.yaml": f"{_LIST}notes: /home/me/models/base\n"},
    good={"exp/001.yaml": f"{_LIST}notes: ${{env.base_model}}\n"},
    was="ES215",
    hydra="accepts",
)
def machine_path_in_set(context: ExperimentContext) -> Iterator[Finding]:
    """exp is what changes per experiment, env what changes per machine; on the next machine this set does not run."""
    if ENVIRONMENTS not in context.options.groups:
        return
    for option in context.options.sets.values():
        if not _MACHINE_PATH.search(option.document.text_or_empty):
            continue
        for path, value in leaves(values(option.document)):
            if isinstance(value, str) and _MACHINE_PATH.match(value):
                yield machine_path_in_set.finding(
                    option.document.value(path),
                    f"{dotted(path)} is a path of one machine: {value}",
                    "give it a field of env, and refer to it: ${env.…}",
                )


# One of them stands in each: looked for alone, they take a tenth of the time.
_SECRET_WORDS = "hf_ sk- AKIA ghp_ gho_ ghu_ ghs_ ghr_ xox AIza PRIVATE key: token:".split()
_SECRET = compiled(
    r"\bhf_[A-Za-z0-9]{20,}|\bsk-[A-Za-z0-9_\-]{20,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}"
    r"|\bxox[abpr]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_\-]{35}|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?<=key: )[\"']?[0-9a-f]{40}\b|(?<=token: )[\"']?[0-9a-f]{40}\b"
)


@rule(
    "ES228",
    "secret-in-file",
    Severity.WARNING,
    "an API key or token",
    phase=Phase.VALUES,
    bad={"env/local.yaml": f"{_LIST}base_model: hf_{'a1B2' * 8}\n"},
    good={"env/local.yaml": f"{_LIST}base_model: ${{oc.env:HF_TOKEN,none}}\n"},
    was="ES217",
    hydra="accepts",
    run="env=local",
)
def secret_in_file(context: ExperimentContext) -> Iterator[Finding]:
    """These files are committed, and the resolved config is logged beside the results.

    Known prefixes (hf_, sk-, AKIA, ghp_, …), and 40 hexadecimal digits under a key that ends in key or token. The
    message shows the first four letters.
    """
    for document in context.options.documents():
        text = document.text_or_empty
        for match in _SECRET.finditer(text) if any(word in text for word in _SECRET_WORDS) else ():
            yield secret_in_file.finding(
                at_offset(document, match.start()),
                f"this looks like a secret: {match[0].lstrip(chr(34) + chr(39))[:4]}…",
                "revoke it where it was issued, and read it from the environment: ${oc.env:NAME}",
            )


@rule(
    "ES225",
    "twin-file",
    Severity.WARNING,
    "a copy of an option, or two names that differ in case only",
    phase=Phase.VALUES,
    of=Of.NAME,
    bad={"exp/001_copy.yaml": f"{_LIST}learning_rate: 1e-5\n"},
    good={},
    was="ES218",
    hydra="accepts",
)
def twin_file(context: ExperimentContext) -> Iterator[Finding]:
    """A copy that a file manager or editor left is an option like any other: `exp=glob(0*)` runs it as well.

    LR.yaml and lr.yaml are one file on macOS and Windows.
    """
    for group, options in context.options.by_group.items():
        folded: dict[str, str] = {}
        for name, option in options.items():
            twin = folded.setdefault(name.lower(), name)
            original = naming.copied(name)
            if twin != name:
                message = f"{group}/{name} and {group}/{twin} are one file on macOS and Windows"
                yield twin_file.finding(Location(option.path), message, "rename one of them")
            elif original in options:
                message = f"{group}/{name} is a copy of {original}: glob(*) runs it too"
                yield twin_file.finding(Location(option.path), message, "delete it, or give it the next number")


@rule(
    "ES229",
    "no-header-at-the-root",
    Severity.WARNING,
    "an option that is added to a run lacks the header with which it writes to the root",
    phase=Phase.INHERITANCE,
    bad={"study/long.yaml": f"{_AT_ROOT}exp:\n  epochs: 9\n", "study/short.yaml": "exp:\n  epochs: 1\n"},
    good={"study/long.yaml": f"{_AT_ROOT}exp:\n  epochs: 9\n", "study/short.yaml": f"{_AT_ROOT}exp:\n  epochs: 1\n"},
    hydra="accepts",
    run="+study=short",
)
def no_header_at_the_root(context: ExperimentContext) -> Iterator[Finding]:
    """An option of a group that config.yaml does not list is added with `+study=short`, and lands in `study`.

    With `# @package _global_` on its first line, it sets `exp.epochs`; without, a new `study.exp.epochs` that nothing
    reads. Where the config is a dataclass, Hydra refuses that key (an error). Said where all keys are such of the
    config, or one is and the other options of the group have the header.
    """
    known = context.compositions.some
    for option in context.options.added:
        keys = entries.own_keys(option.document)
        if not option.key.startswith("+") or option.document.header or not keys or known is None:
            continue
        others = [other.document for other in context.options.added if other.group == option.group]
        if not all(key in known for key in keys) and not _is_one_of(others, keys, known):
            continue
        outcome = context.compositions.of_option(option)
        with_header = Document(option.path, _AT_ROOT + option.document.text_or_empty)
        if context.composer.compose_with({option.path: with_header}, dict(outcome.choices)).failure is None:
            yield no_header_at_the_root.finding(
                Location(option.path),
                f"{option.key}={option.name} sets {option.group}.{keys[0]}, not {keys[0]}",
                f"write `{_AT_ROOT.strip()}` on the first line",
                severity=Severity.ERROR if outcome.failure is not None else None,
                spoils=[phases.option(option.path)],
            )


def _is_one_of(others: Sequence[Document], keys: Sequence[str], known: Container[str]) -> bool:
    """Whether most options of a group are written from the root, and a key is such of the config or of theirs."""
    at_root = [document for document in others if document.package == nodes.GLOBAL]
    theirs = {key for document in at_root for key in entries.own_keys(document)}
    return 2 * len(at_root) > len(others) and any(key in known or key in theirs for key in keys)


@rule(
    "ES220",
    "file-beside-stored-config",
    Severity.WARNING,
    "a file has the name of a config that the code stores",
    phase=Phase.FILES,
    of=Of.NAME,
    bad={"exp/default.yaml": "learning_rate: 9e-5\n"},
    good={"exp/default.yaml": None},
    was="ES112",
    hydra="differs",
    habit=True,
)
def file_beside_stored_config(context: ExperimentContext) -> Iterator[Finding]:
    """exp/default.yaml beside `cs.store(group="exp", name="default")`: two configs with one name.

    Hydra 1.3 merges the file into the dataclass, for every set that inherits `default@_here_`, and warns. Hydra 1.4
    takes the file alone, in silence: the fields that it does not set are gone, and this is an error.
    """
    for option in context.options.all():
        stored = context.schema.registration(option.group, option.name)
        if stored and option.name not in [name for _, name in entries.parents(option)]:
            place = f"{context.relative(stored.location.path)}:{stored.location.line}"
            yield file_beside_stored_config.finding(
                Location(option.path),
                f"{option.config_path} is stored by the code, too: Hydra 1.3 merges the two, 1.4 drops the dataclass",
                f"move the values into the dataclass ({place}) and delete the file, or rename it",
                severity=Severity.ERROR if installed.hydra_since_1_4() else None,
                spoils=[phases.file(option.path)],
            )
    file, name = context.experiment.config_file, context.experiment.config_name
    whole = context.schema.registration(None, name)
    if whole and files.is_file(file) and name not in [entry.option for entry in entries.of_primary(context)]:
        yield file_beside_stored_config.finding(
            whole.location,
            f"{name} is the name of {context.relative(file)} as well: Hydra 1.3 takes what is stored here for its "
            "schema, 1.4 drops it in silence",
            f'give the schema another name, cs.store(name="{name}_schema", …), and list `- {name}_schema` first in '
            f"{file.name}",
            severity=Severity.ERROR if installed.hydra_since_1_4() else None,
        )


@rule(
    "ES221",
    "not-a-yaml-name",
    Severity.ERROR,
    "the file's name does not end in .yaml, so that Hydra does not see it",
    phase=Phase.FILES,
    of=Of.NAME,
    bad={"exp/002.yml": f"{_LIST}batch_size: 8\n"},
    good={"exp/002.yaml": f"{_LIST}batch_size: 8\n"},
    was="ES114",
    hydra="fails",
    run="exp=002",
)
def not_a_yaml_name(context: ExperimentContext) -> Iterator[Finding]:
    """Hydra reads `.yaml` only: 002.yml and 002.YAML do not exist for it.

    Beside 002.yaml, the other file is passed over in silence, whatever it says (a warning).
    """
    for group in context.options.by_group:
        folder = context.experiment.group_dir(group)
        try:
            found = sorted(Path(entry.name) for entry in os.scandir(folder) if not entry.name.endswith(".yaml"))
        except (OSError, ValueError):  # the second: a NUL in the name
            continue
        for name in found:
            stem = name.stem
            if name.suffix.lower() not in (".yml", ".yaml") or stem.startswith(".") or not (folder / name).is_file():
                continue
            twin = stem in context.options.by_group[group]
            yield not_a_yaml_name.finding(
                Location(folder / name),
                f"Hydra does not read {group}/{name}" + (f": {group}={stem} is {stem}.yaml" if twin else ""),
                "delete it, or give it a name of its own that ends in .yaml" if twin else f"rename it to {stem}.yaml",
                severity=Severity.WARNING if twin else None,
                rename=None if twin else f"{stem}.yaml",
                spoils=[phases.file(folder / name)],
            )
