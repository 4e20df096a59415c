"""What `instantiate` is told to make: targets that are not there, and arguments that they do not take."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_setup import nodes
from experiment_setup.facts import argument_types, makers, targets, written
from experiment_setup.facts.experiment import ExperimentContext, once
from experiment_setup.facts.options import Option, listed
from experiment_setup.facts.unread import is_unread
from experiment_setup.facts.written import Steps, given
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import compiled, dataclass
from experiment_setup.listing import few
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import texts_with
from experiment_setup.reading.config_folder import ConfigFolder
from experiment_setup.reading.source import Document
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Phase

_OPTIMIZER = """
class Adam:
    def __init__(self, lr: float = 0.1, beta: float = 0.9) -> None: ...

class Plain:
    def __init__(self, lr: float = 0.1) -> None: ...
"""
_TYPED = [
    (
        "    notes: str",
        '    opt: dict = field(default_factory=lambda: {"_target_": "optim.Adam", "beta": 0.9})\n    notes: str',
    ),
    ("{cfg.exp.name}", "{cfg.exp.name} {cfg.exp.opt}"),
]


@rule(
    "ES241",
    "arguments-of-another-target",
    Severity.WARNING,
    "a file replaces `_target_`, and arguments of the old one stay",
    phase=Phase.VALUES,
    bad={
        "optim.py": _OPTIMIZER,
        "train.py": _TYPED,
        "exp/001.yaml": "defaults:\n  - default@_here_\n\nopt:\n  _target_: optim.Plain\n",
    },
    good={
        "optim.py": _OPTIMIZER,
        "train.py": _TYPED,
        "exp/001.yaml": "defaults:\n  - default@_here_\n\nopt:\n  _target_: optim.Adam\n",
    },
    hydra="accepts",
)
def arguments_of_another_target(context: ExperimentContext) -> Iterator[Finding]:
    """A mapping is merged into the inherited one: a new `_target_` gets the arguments of the old one as well.

    `instantiate` then ends in a TypeError where the new one does not take them. A warning where the code of the project
    says so; of a library's classes, which are not read, it is for information.
    """
    for left in _left(context):
        named = ", ".join(left.keys)
        yield arguments_of_another_target.finding(
            left.place,
            f"{named} of {left.old} {'stays' if len(left.keys) == 1 else 'stay'}"
            + (f", and {left.new} does not take {'it' if len(left.keys) == 1 else 'them'}" if left.is_wrong else ""),
            "choose the whole block as an option of a group, or inherit none that has these arguments",
            severity=None if left.is_wrong else Severity.INFO,
        )


@dataclass(frozen=True)
class _Left:
    """Arguments of an `old` target beside the `new` one of a block of the config, which replaces it at `place`."""

    place: Location
    block: Steps
    old: Any
    new: Any
    keys: Sequence[str]
    is_wrong: bool  # whether the new one does not take them


@once
def _left(context: ExperimentContext) -> list[_Left]:
    found: list[_Left] = []
    for option in (*context.options.all(), *context.options.added):
        if "_target_" in option.document.text_or_empty:
            package = option.package()
            before, after = _inherited(context, option), context.compositions.of_option(option).container
            others = _tuned(context, {option.group: option.name})
            found += _left_over(context, option.document, package, before, after, others)
    primary = context.options.primary
    if "_target_" in primary.text_or_empty:
        found += _left_over(context, primary, (), _chosen(context), context.compositions.at().container)
    return found


def _left_over(
    context: ExperimentContext,
    document: Document,
    package: tuple[str, ...],
    before: Any,
    after: Any,
    others: Collection[Steps] = (),
) -> Iterator[_Left]:
    """Of each `_target_` of a file that is merged at `package`: what of `before` is left beside it `after` that.

    `others`: the keys of files that are meant to change what is chosen.
    """
    for steps, own in _targets(document.data if document.error is None else None, ()):
        old, new = nodes.within(before, (*package, *steps)), nodes.within(after, (*package, *steps))
        if not (isinstance(old, dict) and isinstance(new, dict)) or old.get("_target_") in (None, own["_target_"]):
            continue
        if new.get("_target_") != own["_target_"]:
            continue  # what is merged later has the last word
        left = [str(key) for key in new if key not in own and key in old and key not in targets.OF_INSTANTIATE]
        left = [
            key for key in left if not _has_part(others, (*package, *steps, key)) and key not in _taken_out(context)
        ]
        code, target = context.schema.code, own["_target_"]
        taken = targets.parameters(code, target) if code is not None and isinstance(target, str) else None
        wrong = [key for key in left if taken is not None and key not in taken]
        if wrong if taken is not None else left:
            place = document.value([*steps, "_target_"])
            yield _Left(place, (*package, *steps), old["_target_"], target, wrong or left, bool(wrong))


def _tuned(context: ExperimentContext, choice: Mapping[str, str]) -> list[Steps]:
    """The keys that go with another choice than this one, so that nobody has them beside it: those that options of
    other groups give which are written from the root, such as a chosen experiment, and those of the primary config
    itself where another one of the folder is the one for this choice.
    """
    found: list[Steps] = []
    for placed in context.options.choices:
        option = context.options.by_group[placed.group].get((placed.option or "").removesuffix(".yaml"))
        if option is not None and placed.group not in choice and option.package(placed.package) == ():
            found += given(context, option, {})
    if any(choice.items() & listed(sibling).items() for sibling in context.options.siblings):
        found += (steps for steps, _ in written.leaves(written.values(context.options.primary)))
    return found


@once
def _taken_out(context: ExperimentContext) -> frozenset[str]:
    """The arguments that the code takes out before it makes anything: `block.pop("key")`, `del block["key"]`."""
    return frozenset(found[1] for text in context.code.in_reach for found in _TAKEN_OUT.finditer(text))


_TAKEN_OUT = compiled(r"(?:\.pop\(\s*|\bdel [\w.]+\[)[\"']([^\"'\n]*)[\"']")


def _has_part(keys: Collection[Steps], path: Steps) -> bool:
    """Whether one of the keys is at `path`, or in it."""
    return any(key[: len(path)] == path for key in keys)


def _chosen(context: ExperimentContext) -> dict[str, Any]:
    """What the files of the options set that config.yaml names, or a config that it includes, each in its place."""
    found: dict[str, Any] = {}
    places = {placed.group: placed.package for placed in context.options.choices}
    for group, chosen in context.options.groups.items():
        option = context.options.by_group.get(group, {}).get((chosen or "").removesuffix(".yaml"))
        if option is None:
            continue
        usual = places.get(group, tuple(group.split("/")))
        for steps, value in given(context, option, {}).items():
            path = (*option.package(usual), *map(str, steps))
            if not path:
                continue  # an empty file, put at the root
            *above, key = path
            part = found
            for step in above:
                inner = part.get(step)
                part[step] = part = inner if isinstance(inner, dict) else {}
            part[key] = value
    return found


def _inherited(context: ExperimentContext, option: Option) -> dict[str, Any]:
    """The config that an option's file is merged into, as far as it is one of the config's own."""
    parents = context.compositions.parents_of(option)
    return {**context.compositions.at().container, **({option.group: parents} if parents else {})}


def _targets(value: Any, steps: Steps) -> Iterator[tuple[Steps, dict[Any, Any]]]:
    """The mappings with `_target_`, each with its path."""
    if isinstance(value, dict) and "_target_" in value:
        yield steps, value
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in below:
        if isinstance(inner, (dict, list)):
            yield from _targets(inner, (*steps, step if isinstance(value, list) else str(step)))


_NET = """
class Net:
    def __init__(self, width: int = 1) -> None: ...
"""
_NET_OF_A_SET = "defaults:\n  - default@_here_\n\nnet:"
_MADE = [
    ("    notes: str", '    net: dict = field(default_factory=lambda: {"_target_": "nets.Net"})\n    notes: str'),
    ("{cfg.exp.name}", "{cfg.exp.name} {cfg.exp.net}"),
]


@rule(
    "ES242",
    "target-not-found",
    Severity.ERROR,
    "`_target_` names what the project's code does not have",
    phase=Phase.VALUES,
    bad={"nets.py": _NET, "train.py": _MADE, "exp/001.yaml": f"{_NET_OF_A_SET}\n  _target_: nets.Nett\n"},
    good={"nets.py": _NET, "train.py": _MADE, "exp/001.yaml": f"{_NET_OF_A_SET}\n  _target_: nets.Net\n"},
    hydra="accepts",
)
def target_not_found(context: ExperimentContext) -> Iterator[Finding]:
    """`instantiate` imports what `_target_` names when it comes to it, and fails there: maybe after an hour of loading.

    Only names that begin with a module of the project are looked at, and only where all of it can be seen: nothing is
    said of a module with `__getattr__` or `from library import *`, or of a folder that is built from other code. It is
    a warning where only options name it that config.yaml does not choose, unless a letter makes the difference, and a
    note where git ignores what would have it, or has it as a submodule, and where no code reads the block.
    """
    code = context.schema.code
    if code is None:
        return
    known: dict[str, targets.Wrong | None] = {}
    places: dict[str, dict[Location, targets.Wrong]] = {}
    chosen: set[str] = set()
    made: set[str] = set()
    for block in _blocks(context):
        if block.named not in known:
            known[block.named] = targets.wrong(code, block.named)
            # A folder may have forty entry points: their code is read only where this one's has nothing of the name.
            if known[block.named] is not None and _is_right_for_another(context, block.named):
                known[block.named] = None
        if (wrong := known[block.named]) is not None:
            places.setdefault(wrong.message, {}).setdefault(block.place(context, block.key), wrong)
            chosen.update([] if block.choice else [wrong.message])
            made.update([] if is_unread(context, makers.path_of(block.steps)) else [wrong.message])
    for message, found_at in places.items():
        place, wrong = next(iter(found_at.items()))
        yield target_not_found.finding(
            place,
            f"{message}{f' (did you mean {wrong.meant}?)' if wrong.meant else ''}",
            f"write {wrong.meant}" if wrong.meant else _other_than(wrong.there),
            severity=_severity(context, wrong, is_chosen=message in chosen) if message in made else Severity.INFO,
        ).at(list(found_at))


def _is_right_for_another(context: ExperimentContext, named: str) -> bool:
    codes = (other.code for other in context.code.other_schemas)
    return any(code is not None and targets.wrong(code, named) is None for code in codes)


def _severity(context: ExperimentContext, wrong: targets.Wrong, *, is_chosen: bool) -> Severity | None:
    if wrong.meant is None and targets.is_not_here(context.project.root, wrong.lacking):
        return Severity.INFO
    return None if wrong.meant or is_chosen else Severity.WARNING


def _other_than(there: Sequence[str]) -> str:
    return f"name one that is there: {few(there, 5)}" if there else "name a function or class that is there"


@dataclass(frozen=True)
class _Block:
    """A part of the config that says what is to be made of it, where a `choice` first gives it like this."""

    choice: dict[str, str]
    steps: Steps
    target: str
    key: str  # of the name that is imported: `_target_`, or `path` for Hydra's `get_class`
    named: str
    arguments: tuple[str, ...]
    values: Mapping[Any, Any]
    document: Document | None  # that it was read in, as what it belongs to does not compose

    def place(self, context: ExperimentContext, key: str) -> Location:
        """Where the value of one of its keys is written, or the key of a mapping or list, which begins below it."""
        whole = isinstance(self.values.get(key), (dict, list))
        if self.document is not None:
            return (self.document.key if whole else self.document.value)([*self.steps, key])
        return context.compositions.written_with(nodes.join((*self.steps, key)), self.choice, of_key=whole)


@once
def _blocks(context: ExperimentContext) -> list[_Block]:
    """Such blocks, those with the same arguments once."""
    found: dict[Any, _Block] = {}
    for block in _every_block(context):
        found.setdefault((block.steps, block.named, block.arguments), block)
    return list(found.values())


@once
def _every_block(context: ExperimentContext) -> list[_Block]:
    """What config.yaml chooses, and then each option beside that, has of such blocks."""
    texts = (document.text_or_empty for document in context.options.documents())
    named = any("_target_" in text for text in itertools.chain(texts, [context.code.text]))
    if not named and not context.composer.folder.once(_names_a_target):
        return []
    primary = context.options.primary
    options = [({option.key: option.name}, option.document) for option in _options(context)]
    read: list[_Block] = []
    seen: dict[tuple[Any, int], Any] = {}  # parts of the config that other choices have as well
    for choice, document in [({}, primary), *options]:
        composed = context.compositions.of(choice)
        alone = document if composed.config is None else None
        values = composed.container if alone is None else (document.data if document.error is None else None)
        if isinstance(values, dict) and "_target_" not in values:
            values = {key: part for key, part in values.items() if seen.get((key, id(part))) is not part}
            seen.update({(key, id(part)): part for key, part in values.items()})
        read += _read(values, (), choice, alone)
    if primary.error is None and isinstance(primary.data, dict):
        read += _read(primary.data.get("hydra"), ("hydra",), {}, primary)
    return read


def _names_a_target(folder: ConfigFolder) -> bool:
    """Whether a file of the folder has a `_target_`: lists of options may choose it, or that of a stored config."""
    return any("_target_" in folder.read(path).text_or_empty for path in folder.yaml_files(folder.path))


def _options(context: ExperimentContext) -> Iterator[Option]:
    yield from context.options.all()
    yield from context.options.added


def _read(values: Any, steps: Steps, choice: dict[str, str], document: Document | None) -> Iterator[_Block]:
    for inner, block in _targets(values, steps):
        target = block["_target_"]
        key = "path" if isinstance(target, str) and target in _GETS_PATH else "_target_"
        named = block.get(key)
        if isinstance(target, str) and isinstance(named, str):
            own = (str(argument) for argument in block if inner or argument not in ("defaults", "hydra"))
            yield _Block(choice, inner, target, key, named, tuple(own), block, document)


_GETS_PATH = {f"hydra.utils.get_{kind}" for kind in ("class", "method", "static_method", "object")}


@rule(
    "ES243",
    "unknown-argument",
    Severity.WARNING,
    "an argument that the class or function of `_target_` does not take",
    phase=Phase.VALUES,
    bad={"nets.py": _NET, "train.py": _MADE, "exp/001.yaml": f"{_NET_OF_A_SET}\n  widht: 2\n"},
    good={"nets.py": _NET, "train.py": _MADE, "exp/001.yaml": f"{_NET_OF_A_SET}\n  width: 2\n"},
    hydra="accepts",
)
def unknown_argument(context: ExperimentContext) -> Iterator[Finding]:
    """`instantiate` gives all keys beside `_target_` as arguments, and ends in a TypeError for one that is not taken.

    Only code of the project is looked at whose arguments can be seen: no `**kwargs`, no decorator but `@dataclass`, no
    `__init__` that a library brings. Nothing is said of a key that the code reads or takes out itself, of a block
    within one that is made with `_recursive_=False`, or where a module that makes objects asks for their signatures, by
    which it may leave arguments out.
    """
    code = context.schema.code
    if code is None:
        return
    if any("instantiate(" in text and _ASKS_WHAT_IS_TAKEN.search(text) for text in context.code.in_reach):
        return
    others = {((*left.block, key), left.new) for left in _left(context) for key in left.keys}
    known: dict[str, frozenset[str] | None] = {}
    places: dict[tuple[str, str], dict[Location, None]] = {}
    used: dict[tuple[Steps, str], bool] = {}
    for block in _every_block(context):
        target = block.target
        if target not in known:
            known[target] = targets.parameters(code, target)
        taken = known[target]
        if taken is None:
            continue
        if taken.isdisjoint(block.arguments) and len(block.arguments) > 2:
            continue  # all other keys are for others: it is made from more than this block
        tuned = _tuned(context, block.choice) if block.choice else []
        for key in block.arguments:
            path = (*block.steps, key)
            if key in taken | targets.OF_INSTANTIATE or (path, target) in others:
                continue
            if (block.steps, key) not in used:
                used[block.steps, key] = _is_used(context, block.steps, key)
            if _has_part(tuned, path) or used[block.steps, key]:
                continue
            if makers.is_left_alone(context, context.compositions.of(block.choice).container, block.steps):
                continue
            place = block.place(context, key)
            if not _is_of_another_choice(context, block, place.path):
                places.setdefault((target, key), {}).setdefault(place)
    together: dict[tuple[str, tuple[Path, ...]], dict[str, list[Location]]] = {}
    for (target, key), found_at in places.items():
        taken, place = known[target] or frozenset(), next(iter(found_at))
        meant = did_you_mean(key, taken)
        if meant is None:  # what else the same objects have too much is one mistake: the class has changed
            files_of_it = tuple(dict.fromkeys(one.path for one in found_at))
            together.setdefault((target, files_of_it), {})[key] = list(found_at)
            continue
        said = unknown_argument.finding(place, f"{target} takes no {key} (did you mean {meant}?)", f"write {meant}")
        yield said.at(list(found_at))
    for (target, _), keys in together.items():
        first = next(iter(keys.values()))
        said = unknown_argument.finding(
            first[0], f"{target} takes no {' and no '.join(keys)}", _arguments(known[target] or frozenset())
        )
        yield said.at(first)


_ASKS_WHAT_IS_TAKEN = compiled(r"\bsignature\(|\bgetfullargspec\(")


def _is_of_another_choice(context: ExperimentContext, block: _Block, file: Path) -> bool:
    """Whether the argument stands in an option that config.yaml chooses, and the class comes with another one: a set
    for one model says nothing about the rest.
    """
    if not block.choice or context.options.group_of(file) is None or file in context.options.files_of(block.choice):
        return False
    return block.place(context, block.key).path != file


def _arguments(taken: Collection[str]) -> str:
    return f"it takes {', '.join(sorted(taken))}" if taken else "it takes no arguments: remove the key"


def _is_used(context: ExperimentContext, block: Steps, key: str) -> bool:
    """Whether the code reads the key itself, or the name of the class, so that `instantiate` may not be given it."""
    if _is_read(context, block, key):
        return True
    named = re.compile(rf"[\"']{re.escape(key)}[\"']")  # such as `block.pop("key")`
    return any(named.search(text) for text in context.code.in_reach)


def _is_read(context: ExperimentContext, block: Steps, key: str) -> bool:
    reading = context.code.reading
    path = makers.path_of(block)
    own = {(*path, key), (*path, "_target_")}
    return any(use.path in own for use in reading.uses) or reading.changes(path)


_GIVEN_TEXT = f"{_NET_OF_A_SET}\n  _target_: nets.Net\n  width: "


@rule(
    "ES245",
    "argument-of-another-type",
    Severity.WARNING,
    "an argument of `_target_` gets what its annotation rules out",
    phase=Phase.VALUES,
    bad={"nets.py": _NET, "train.py": _MADE, "exp/001.yaml": f"{_GIVEN_TEXT}wide\n"},
    good={"nets.py": _NET, "train.py": _MADE, "exp/001.yaml": f"{_GIVEN_TEXT}2\n"},
    hydra="accepts",
)
def argument_of_another_type(context: ExperimentContext) -> Iterator[Finding]:
    """Neither Hydra nor Python holds a value against the annotation, so that the code fails where it is used, or works
    on with something else: `"false"` is true, and `(3, 3)` is a text to YAML.

    Said of the project's own code, plain types and values that cannot be meant. Nothing is said of unions, of a default
    that is of another type itself, of code that compares or converts the argument, or where the code or a run gives it,
    or may merge something over `...`.
    """
    code = context.schema.code
    if code is None:
        return
    places: dict[tuple[str, str, str], dict[Location, targets.Argument]] = {}
    known: dict[str, targets.Taken | None] = {}
    for block in _every_block(context):
        if block.target not in known:
            known[block.target] = targets.taken(code, block.target) if block.key == "_target_" else None
        taken = known[block.target]
        for name, argument in taken.arguments.items() if taken is not None else ():
            wanted = argument_types.misfit(name, argument, block.values.get(name)) if name in block.values else None
            if wanted is None or _is_changed(context, (*block.steps, name)):
                continue
            text = block.values[name]
            if isinstance(text, str) and (_is_compared(context.project.root, text) or _is_filled(context, text, name)):
                continue
            said = f"{block.target} takes {wanted} for {name}, not {_shown(block.values[name])}"
            places.setdefault((said, wanted, name), {}).setdefault(block.place(context, name), argument)
    for (said, wanted, name), found_at in places.items():
        place, argument = next(iter(found_at.items()))
        declared = argument.source.location(argument.node)
        quoted = argument.source.quote(argument.annotation) if argument.annotation is not None else ""
        yield argument_of_another_type.finding(
            place,
            said,
            f"write {wanted}; {name} is declared as {quoted} ({context.relative(declared.path)}:{declared.line})",
        ).at(list(found_at))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return f"the text {value[:40]!r}" if isinstance(value, str) else str(value)


def _is_changed(context: ExperimentContext, steps: Steps) -> bool:
    """Whether the code, a call of `instantiate` or a guide gives the argument another value."""
    path, reading = makers.path_of(steps), context.code.reading
    given = any((*maker.path, name) == path for maker in makers.makers(context) for name in maker.given)
    return given or reading.writes(path) or reading.changes(path) or _is_typed(context, steps)


def _is_filled(context: ExperimentContext, text: str, name: str) -> bool:
    """Whether a text says nothing, as `...` does, and the code merges something into the config that may replace it, or
    gives some object an attribute of that name: `decoder.features = …`.
    """
    if _A_WORD.search(text) is not None:
        return False
    given = re.compile(rf"(?<!\bself)\.{re.escape(name)}\s*=(?!=)")
    return _MERGES.search(context.code.text) is not None or any(map(given.search, context.code.in_reach))


_A_WORD = compiled(r"\w")
_MERGES = compiled(r"\.merge_with\(|\bOmegaConf\.(?:unsafe_merge|merge|update)\(")


@functools.lru_cache
def _is_compared(root: Path, text: str) -> bool:
    """Whether code of the project compares something with a text, such as `auto`: it stands for what comes later."""
    written = rf"[\"']{re.escape(text)}[\"']"
    compared = re.compile(rf"[!=]=\s*{written}|{written}\s*[!=]=|\bin\s*[\[({{][^\])}}\n]*{written}")
    return any(compared.search(script) for script in texts_with(root, text.encode()))


def _is_typed(context: ExperimentContext, path: Steps) -> bool:
    """Whether a guide or a script gives a key on the command line."""
    typed = re.compile(rf"(?<![\w.]){re.escape(nodes.join(path))}\s*=")
    return any(map(typed.search, context.guides))


_NEEDY = """
class Net:
    def __init__(self, width: int) -> None: ...
"""
_MADE_BY = [
    *_MADE,
    ("import hydra\n", "import hydra\nfrom hydra.utils import instantiate\n"),
    ("    print(", "    instantiate(cfg.exp.net)\n    print("),
]


@rule(
    "ES244",
    "argument-not-given",
    Severity.WARNING,
    "an argument that the class or function of `_target_` needs, and that nothing gives",
    phase=Phase.VALUES,
    bad={"nets.py": _NEEDY, "train.py": _MADE_BY},
    good={"nets.py": _NET, "train.py": _MADE_BY},
    hydra="accepts",
)
def argument_not_given(context: ExperimentContext) -> Iterator[Finding]:
    """`instantiate` ends in a TypeError where neither the config nor the call gives an argument that has no default.

    Said where the code of the project shows both: what is made, and every call that makes it. Nothing is said of
    `_partial_`, of a key that another option, the code or a script gives, or of what config.yaml does not choose.
    """
    code = context.schema.code
    config = context.compositions.at().container
    if code is None or not config:
        return
    for block in _blocks(context):
        own = nodes.within(config, block.steps)
        if block.choice or block.key != "_target_" or not isinstance(own, dict) or {"_partial_", "_args_"} & own.keys():
            continue
        taken = targets.taken(code, block.target)
        from_code = makers.arguments_of_code(context, config, block.steps) if taken is not None else None
        if taken is None or from_code is None:
            continue
        others = [key for key in own if key not in taken.names | targets.OF_INSTANTIATE]
        lost = sorted(
            key for key in taken.needed - own.keys() - set(from_code) if not _may_be_given(context, block, key)
        )
        if not lost or (not taken.any_other and any(did_you_mean(key, others) for key in lost)):
            continue  # the misspelled one is unknown-argument's
        meant = did_you_mean(lost[0], others)
        yield argument_not_given.finding(
            block.place(context, block.key),
            f"{block.target} needs {', '.join(lost)}, which nothing gives",
            f"write {lost[0]} instead of {meant}" if meant else f"add the line `{lost[0]}: VALUE` beside it",
        )


def _may_be_given(context: ExperimentContext, block: _Block, key: str) -> bool:
    """Whether an option that is not chosen, the code or a script may give an argument that the config does not."""
    path = (*block.steps, key)
    if _is_read(context, block.steps, key) or "searchpath" in context.options.primary.text_or_empty:
        return True
    # A config of Hydra's takes no new key, unless the code lifts that protection.
    if context.code.reading.open and any(map(_written_as_text(key).search, context.code.in_reach)):
        return True
    if context.code.reading.writes(makers.path_of(path)):
        return True
    if any(_gives(context, option, path) for option in (*context.options.all(), *context.options.added)):
        return True
    if any(one.has(path) for one in context.options.siblings) or any(
        _has(context.composer.document(file), place, path)
        for added in context.options.unlisted
        for file in added.options.values()
        for place in ((), tuple(added.group.split("/")))
    ):
        return True
    return _is_typed(context, path)


def _written_as_text(key: str) -> re.Pattern[str]:
    """A key in quotes, but where it is only looked up, as in `batch["key"]`, `.get("key")` and `kind == "key"`."""
    looked_up_before = r"(?<!\.get\()(?<!\.pop\()(?<!== )(?<!!= )"
    looked_up_after = r"(?!\](?!\s*=[^=]))(?!\s*(?:in\b|not in\b|==|!=))"
    return re.compile(rf"{looked_up_before}[\"']{re.escape(key)}[\"']{looked_up_after}")


def _gives(context: ExperimentContext, option: Option, path: Steps) -> bool:
    """Whether an option has a key of the block that another one gives: not where it would be chosen in its place."""
    usual = tuple(option.group.split("/"))
    package = option.package(usual)
    is_instead = package == usual and context.options.groups.get(option.group) is not None
    return not is_instead and _has(option.document, package, path)


def _has(document: Document, package: tuple[str, ...], path: Steps) -> bool:
    """Whether a file that is merged at `package` has the key at `path`."""
    return path[: len(package)] == package and document.has(path[len(package) :])
