"""What the code reads of the config, held against what the config has."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup import nodes
from experiment_setup.code.values import find_method, is_dataclass_type
from experiment_setup.composing.compose import unusable_values
from experiment_setup.facts import late_resolvers
from experiment_setup.facts.defaults_lists import inherited_in_folders, one_letter_away
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.options import Option, listed, packages
from experiment_setup.facts.unlisted import Unlisted
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import dataclass
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.es30_registrations import root_class
from experiment_setup.rules.es31_dataclasses import config_classes
from experiment_setup.rules.phases import Phase
from experiment_setup.schema import ConfigClass, Field, Opaque, Registration
from experiment_setup.uses.calls import DICT_METHODS
from experiment_setup.uses.records import ELEMENT, ConfigPath, Use, shown_path

_PRINT = "cfg.exp.name"


def missing_step(config: DictConfig, path: ConfigPath) -> int | None:
    """The index of the first step of `path` that `config` does not have; None if there is none, or it can't be said."""
    node: Any = config
    for index, step in enumerate(path):
        if step == ELEMENT:
            node = _element(node)
            continue
        if not nodes.is_mapping(node):
            return None
        if step not in node.keys():  # noqa: SIM118 (a key whose value is missing is not `in` a DictConfig)
            read_as = nodes.TRUTHS.get(step.lower())  # `yes:` without quotes is the key True: key-is-a-truth-value
            there = read_as is not None and read_as in node.keys()  # noqa: SIM118
            return None if there or step in DICT_METHODS or step.startswith("_") else index
        node = nodes.child(node, step)
    return None


def _element(node: Any) -> Any:
    """What a list of the config holds: its first element, or one as its type says."""
    if not nodes.is_list(node):
        return None
    kind = nodes.element_type(node)
    if len(node):
        return nodes.child(node, 0)
    return OmegaConf.structured(kind) if dataclasses.is_dataclass(kind) else None


def _may_have(context: ExperimentContext, stored: Registration, path: ConfigPath) -> bool:
    """Whether what is stored as an option of a group has a key, or may have any."""
    if isinstance(stored.node, Opaque):
        return True
    try:
        return missing_step(context.schema.structured(stored), path) is None
    except Exception:  # what is no config is another rule's finding
        return False


def _gives(context: ExperimentContext, added: Unlisted, path: ConfigPath) -> bool:
    """Whether an option of a group that is only added to a run (`+model=small`), or in a folder of one (`exp=300/001`),
    has a key, in its place or written from the root.
    """
    place = tuple(added.group.split("/"))
    most = _MOST_READ if added.key.startswith("+") else None  # the others are parameter sets, which are read anyway
    documents = (context.composer.document(file) for file in islice(added.options.values(), most))
    return any(one.has(path) or (path[: len(place)] == place and one.has(path[len(place) :])) for one in documents)


_MOST_READ = 100  # options of a group that are looked at for a key: where so many lack it, it is not there


def exists_somewhere(context: ExperimentContext, path: ConfigPath) -> bool:
    """Whether another option or primary config, or code that was not followed, may add the last step of `path`."""
    group, step = path[0], path[-1]
    if any(sibling.has(path) or (len(path) == 1 and step in _groups(sibling)) for sibling in context.options.siblings):
        return True
    added = re.compile(rf"(?<![\w+])\+{{1,2}}{re.escape('.'.join(path))}\s*=")
    if any(map(added.search, context.guides)):
        return True  # `+eval.results=…` in a script or in a README
    if any(_gives(context, known, path) for known in context.options.unlisted):
        return True
    word = _as_a_key(step)
    texts = [o.document.text_or_empty for options in context.options.by_group.values() for o in options.values()]
    if any(placed.package[: len(path)] == path for placed in context.options.choices):
        return True  # `- data@eval_data: null`
    if len(path) == 1:  # only `# @package _global_` and `x@_global_` put a key at the root
        return any(word.search(text) for text in texts if "@package" in text or "_global_" in text)
    if any(_may_have(context, known, path[1:]) for known in context.schema.registrations if known.group == group):
        return True
    if group not in context.options.groups and not any(p.package[:1] == (group,) for p in context.options.choices):
        texts = [text for text in texts if "@package" in text or "_global_" in text]  # a block of the primary config
    if group not in (SETS, ENVIRONMENTS):
        return "searchpath" in context.options.primary.text_or_empty or any(word.search(text) for text in texts)
    for option in context.options.by_group[group].values():
        if word.search(option.document.text_or_empty):
            config = context.compositions.of_option(option).config
            if config is not None and missing_step(config, path) is None:
                return True
    return False


def _groups(config: Document) -> set[str]:
    """The places at the root that a primary config gives what it chooses."""
    return {*packages(config), *(group.partition("/")[0] for group in listed(config))}


def _as_a_key(name: str) -> re.Pattern[str]:
    """What finds a name where it is the key of a mapping, or the package of an option; not in a comment or a value."""
    key = rf"""["']?{re.escape(name)}["']?[ \t]*:"""
    return re.compile(
        rf"^[ \t]*(?:- +)?{key}|[{{,][ \t]*{key}|@(?:package[ \t]+)?(?:[\w.]+\.)?{re.escape(name)}\b", re.M
    )


@dataclass(frozen=True)
class _Unknown:
    """A key that the code uses and the config does not have: all places, and the keys that there are."""

    path: ConfigPath
    places: Sequence[Location]
    known: Sequence[str]
    assumed: bool


def _unknown(context: ExperimentContext, default: bool) -> Iterator[_Unknown]:
    if context.options.is_run_by_name and not context.options.names_no_config:
        return  # the code is held against the config that it names
    config, reading = context.compositions.some, context.code.reading
    if config is None or (context.code.unread_registrations and context.compositions.at().failure is not None):
        return  # what only running the code stores may have any key
    found: dict[ConfigPath, list[Use]] = {}
    places: dict[ConfigPath, set[Location]] = {}
    steps: dict[ConfigPath, int | None] = {}
    allowed = _Allowed(context)
    for use in reading.uses:
        if (use.kind == "default") is not default or use.guarded or use.path in allowed.written:
            continue
        if use.path not in steps:
            steps[use.path] = missing_step(config, use.path)
        step = steps[use.path]
        location = use.location(step) if step is not None else None
        if step is None or location is None or allowed.has(config, use, use.path[: step + 1]):
            continue
        found.setdefault(use.path[: step + 1], []).append(use)
        places.setdefault(use.path[: step + 1], set()).add(location)
    for path, uses in found.items():
        known: Any = config
        for name in path[:-1]:
            known = _element(known) if name == ELEMENT else nodes.child(known, name)
        if any(_is_swapped(path[-1], str(key)) for key in known) or not exists_somewhere(context, path):
            ordered = sorted(places[path], key=lambda place: (str(place.path), place.line, place.column))
            yield _Unknown(path, ordered, [str(key) for key in known], all(use.assumed for use in uses))


def _is_swapped(one: str, other: str) -> bool:
    """Whether two letters are swapped, which makes another word of none: `layer` and `layers` may both be meant."""
    return len(one) == len(other) > 4 and sorted(one) == sorted(other) and one_letter_away(one, other)


class _Allowed:
    """What the code shows that it knows of, or makes itself."""

    def __init__(self, context: ExperimentContext) -> None:
        self._context = context
        self._reading = reading = context.code.reading
        writes = [use for use in reading.uses if use.kind == "write"]
        self.written = {use.path for use in writes if reading.open or use.form != "config"}
        self._replaced = {use.path for use in writes}
        self._defaulted = {use.path for use in reading.uses if use.kind == "default"}

    def has(self, config: DictConfig, use: Use, path: ConfigPath) -> bool:
        """Whether the code may use a key at `path` that the config does not have."""
        reading = self._reading
        if use.conditional and self._context.options.config_class(path[0]) is None and len(path) > 1:
            # `if cfg.exp.model.kind == "lgb": cfg.exp.model.num_leaves`: without a dataclass, that is a habit
            beside = nodes.at(config, path[:-1]) if ELEMENT not in path else None
            if not nodes.is_mapping(beside) or not any(self._is_meant(path, str(key)) for key in beside):
                return True
        if use.conditional and use.kind != "default" and path in self._defaulted:
            return True  # `if cfg.exp.get("lr"): cfg.exp.lr`
        for done in reading.changed:
            if use.form == "config" and done.form == "dict":
                continue  # a copy throughout: the config itself has the keys that it had
            if path[:-1] == done.path or (use.form == "dict" and path[: len(done.path)] == done.path):
                return True
        if reading.open and path[:-1] in reading.filled:
            return True
        if any(path[:length] in self._replaced for length in range(1, len(path))):
            return True  # `cfg.model = instantiate(cfg.model)`, and then `cfg.model.fit()`
        return path[-1] in reading.checked_keys or any(path == done[: len(path)] for done in self.written)

    def _is_meant(self, path: ConfigPath, known: str) -> bool:
        """Whether a key beside the one that is asked for is it, misspelled: nobody reads it, or letters are swapped."""
        if _is_swapped(path[-1], known):
            return True
        return one_letter_away(path[-1], known) and len(known) > _SHORT and not self._reading.reads((*path[:-1], known))


_SHORT = 4  # letters: `lr` and `lrs`, `mode` and `model` may both be there


@rule(
    "ES331",
    "unknown-attribute",
    Severity.ERROR,
    "the code uses a field that the config does not have",
    phase=Phase.CODE,
    bad={"train.py": [(_PRINT, "cfg.exp.lr")]},
    good={"train.py": [(_PRINT, "cfg.exp.learning_rate")]},
    hydra="accepts",
)
def unknown_attribute(context: ExperimentContext) -> Iterator[Finding]:
    """`--cfg job` is content, and the run ends in ConfigAttributeError when it comes to the line, maybe after hours.

    The config is followed from the parameter of main() through aliases, functions and classes, also of the project's
    other modules, and to parameters that are annotated with a config class. A key counts as unknown if no parameter set
    and no environment adds it, and the code does not ask first (`hasattr`, `in`, `try`). In a group without a dataclass
    only what every run comes to is looked at, not what stands under an `if`. It is a warning where nothing in the
    project is seen to call the code.
    """
    whole = root_class(context)
    classes = {path: config_class for config_class, path in config_classes(context)}
    for found in _unknown(context, default=False):
        path, location = found.path, found.places[0]
        owner = classes.get(".".join(path[:-1])) or _class_at(context, path[:-1])
        is_no_key = owner is not None and (path[-1] in owner.methods or hasattr(owner.cls, path[-1]))
        if len(path) == 1 and whole is not None and whole.field(path[0]):
            continue  # said where the class is not stored
        if (
            len(path) == 1
            and whole is None
            and not (is_no_key or _home(context, path[0]) or _is_misspelled(found, found.known))
        ):
            continue  # without a schema of the whole, `+key=value` on the command line is a way to give it
        of_class = owner.unannotated if owner is not None and owner in classes.values() else ()
        if any(field.name == path[-1] for field in of_class):
            continue  # said where the field is
        if owner is not None and is_no_key:
            if any(use.path[: len(path)] == path and use.form == "config" for use in context.code.reading.uses):
                what = "a method" if path[-1] in owner.methods else "an attribute of the class"
                yield unknown_attribute.finding(
                    location,
                    f"cfg.{shown_path(path)} is {what} of {owner.name}, which the config does not have",
                    f"write OmegaConf.to_object({shown_path(('cfg', *path[:-1]))}).{path[-1]}",
                    rests_on=[phases.group(path[0]), phases.defaults_list(context.compositions.some_file)],
                ).at(found.places)
            continue
        yield unknown_attribute.finding(
            location,
            f"cfg.{shown_path(path)} does not exist{_meant(found)}",
            _advice(context, found),
            severity=Severity.WARNING if found.assumed else None,
            rests_on=[phases.group(path[0]), phases.defaults_list(context.compositions.some_file)],
        ).at(found.places)


def _stored_whole(context: ExperimentContext) -> ConfigClass | None:
    """The dataclass that is stored as the primary config, or that the primary config includes."""
    options = context.options
    names = options.primary.parents if options.has_primary else [context.experiment.config_name]
    stored = (context.schema.registration(None, name) for name in names)
    return next((known.config_class for known in stored if known is not None and known.config_class), None)


def _class_at(context: ExperimentContext, path: ConfigPath) -> ConfigClass | None:
    """The dataclass that is stored as what the config has at a path, under whatever name."""
    if not path:
        return _stored_whole(context)
    node = nodes.at(context.compositions.some, path) if ELEMENT not in path else None
    kind = OmegaConf.get_type(node) if nodes.is_mapping(node) else None
    stored = (known.config_class for known in context.schema.registrations)
    found = next((known for known in stored if known is not None and known.cls is kind), None)
    around = _class_at(context, path[:-1]) if found is None and len(path) > 1 else None
    return found if around is None else context.schema.class_of_field(around, path[-1])


def _home(context: ExperimentContext, name: str) -> str | None:
    """The part of the config whose dataclass has the field `name`."""
    return next((path for found, path in config_classes(context) if path and found.field(name)), None)


def _meant(found: _Unknown) -> str:
    guess = did_you_mean(found.path[-1], found.known)
    return f" (did you mean {guess!r}?)" if guess else ""


def _is_misspelled(found: _Unknown, known: Sequence[str]) -> bool:
    return any(one_letter_away(found.path[-1], name) for name in known)


def _advice(context: ExperimentContext, found: _Unknown) -> str:
    path = found.path
    guess = did_you_mean(path[-1], found.known)
    home = _home(context, path[-1]) if len(path) <= 2 else None
    if home and (len(path) == 1 or not guess):
        return f"write cfg.{home}.{path[-1]}"
    if guess:
        return f"write {guess}"
    if path == ("hydra",):
        return "Hydra's own settings are read through HydraConfig.get()"
    owner, whole = context.options.config_class(path[0]) if len(path) == 2 else None, root_class(context)
    stored = (known.config_class for known in context.schema.registrations if known.group == path[0])
    classes = list(dict.fromkeys(found.name for found in stored if found is not None))
    if owner and len(classes) > 1:
        return f"add `{path[-1]}: TYPE = DEFAULT` to the one that needs it: {', '.join(classes)}"
    if classes or whole is not None:
        return f"add `{path[-1]}: TYPE = DEFAULT` to {owner.name if owner else shown_path(path[:-1]) or 'the config'}"
    file = context.experiment.config_file
    if len(path) > 1 and ELEMENT not in path:
        file = context.compositions.written_with(".".join(path[:-1]), {}, of_key=True).path
    return f"add `{path[-1]}: VALUE` to {context.relative(file)}, or ask for it with a default"


@rule(
    "ES332",
    "unknown-key-with-default",
    Severity.WARNING,
    "the code asks for a key that the dataclass does not have, and always gets its own default",
    phase=Phase.CODE,
    bad={"train.py": [(_PRINT, "cfg.exp.get('lr', 0.1)")]},
    good={"train.py": [(_PRINT, "cfg.exp.get('learning_rate', 0.1)")]},
    hydra="accepts",
)
def unknown_key_with_default(context: ExperimentContext) -> Iterator[Finding]:
    """`cfg.exp.get("lr", 0.1)` and `getattr(cfg.exp, "lr", 0.1)` are 0.1 whatever the files say.

    Without a dataclass only what is a letter from a key that there is, and not `weight` where the file reads `weights`
    as well: else, a key that is missing is how an option is left out.
    """
    for found in _unknown(context, default=True):
        group = context.options.config_class(found.path[0]) if len(found.path) > 1 else root_class(context)
        if group is None and not _is_misspelled(found, _not_read_beside(context, found)):
            continue  # `+key=value` on the command line is a way to give it
        yield unknown_key_with_default.finding(
            found.places[0],
            f"{shown_path(found.path)} does not exist{_meant(found)}: this is always the default",
            _advice(context, found),
        ).at(found.places)


def _not_read_beside(context: ExperimentContext, found: _Unknown) -> list[str]:
    """The keys that there are, but for the one or the many of this one which a file that asks for it reads as well."""
    files = {place.path for place in found.places}
    above = found.path[:-1]
    read = {
        use.path[len(above)]
        for use in context.code.reading.uses
        if use.path[: len(above)] == above and len(use.path) > len(above)
        if (place := use.location(len(above))) is not None and place.path in files
    }
    asked = found.path[-1]
    return [key for key in found.known if key not in read or f"{key}s" != asked != key.removesuffix("s")]


_PRINTS = '    print(f"001-baseline: {cfg.exp.name}")\n'
_REGISTERS = '    OmegaConf.register_new_resolver("half", lambda number: number / 2)\n'
_HALF = {"exp/001.yaml": [('name: "001-lr"', 'name: "${half:2}"')]}
_OMEGACONF = ("import hydra\n", "import hydra\nfrom omegaconf import OmegaConf\n")


@rule(
    "ES334",
    "read-before-its-resolver",
    Severity.ERROR,
    "main() reads a value before it registers the value's resolver",
    phase=Phase.CODE,
    bad={**_HALF, "train.py": [_OMEGACONF, (_PRINTS, f"{_PRINTS}{_REGISTERS}")]},
    good={**_HALF, "train.py": [_OMEGACONF, (_PRINTS, f"{_REGISTERS}{_PRINTS}")]},
    hydra="accepts",
)
def read_before_its_resolver(context: ExperimentContext) -> Iterator[Finding]:
    """A reference is looked up when the value is read: `${half:2}` fails there with "Unsupported interpolation type".

    What main() does is followed until the first statement of it that may come to where the resolver is registered.
    """
    known = context.code.registered
    for resolver in sorted(known.late) if not known.unknown else ():
        found = late_resolvers.read_too_early(context, resolver)
        if found is not None:
            elsewhere = (
                f"{context.relative(found.registered.path)}, " if found.registered.path != found.place.path else ""
            )
            yield read_before_its_resolver.finding(
                found.place,
                f"{shown_path(found.path)} is read here, and its resolver {resolver!r} is registered in "
                f"{elsewhere}line {found.registered.line}",
                "register it before, or at the top level of the file",
            )
            return


_FOR_PEOPLE = frozenset("name notes note description desc tags tag comment memo exp_name experiment_name".split())


@rule(
    "ES333",
    "unread-field",
    Severity.INFO,
    "no code reads the field",
    phase=Phase.CODE,
    bad={
        "train.py": [
            (
                "{cfg.exp.name}",
                "{cfg.exp.seed} {cfg.exp.learning_rate} {cfg.exp.batch_size} {cfg.exp.debug} {cfg.exp.fold}"
                " {cfg.env.base_model} {cfg.env.output_dir} {cfg.env.model_output_dir}",
            )
        ]
    },
    good={
        "train.py": [
            ("{cfg.exp.name}", "{train(cfg.exp)}"),
            ("import hydra\n", "import hydra\nfrom training import train\n"),
        ],
        "training.py": "def train(exp):\n    return exp.epochs\n",
    },
    hydra="accepts",
)
def unread_field(context: ExperimentContext) -> Iterator[Finding]:
    """A parameter that changes nothing: a set that varies it is the same run again (then it is a warning).

    Nothing is said where the config goes where it can't be followed (another module, `**cfg.exp`), for names and notes,
    and while the code reads less than half of the fields of the parameter sets, as a skeleton does: what it does with
    the environment comes with the template.
    """
    for group, found in unread_fields(context):
        options = context.options.by_group[group].values()
        setting = [option.config_path for option in options if option.document.has([found.name])]
        more = f" and {len(setting) - 1} more" if len(setting) > 1 else ""
        yield unread_field.finding(
            found.location,
            f"nothing reads {group}.{found.name}" + (f", which {setting[0]}{more} sets in vain" if setting else ""),
            "use it in the code, or remove the field",
            severity=Severity.WARNING if setting else None,
        )


def unread_fields(context: ExperimentContext) -> list[tuple[str, Field]]:
    """The fields, each with its group, that no code reads and no interpolation names; [] for a skeleton of code."""
    reading = context.code.reading
    classes = {group: context.options.config_class(group) for group in (SETS, ENVIRONMENTS)}
    fields = [(group, field) for group, known in classes.items() if known for field in known.fields]
    unread = [(g, f) for g, f in fields if not reading.reads((g, f.name)) and f.name not in _FOR_PEOPLE]
    measure = SETS if classes[SETS] else ENVIRONMENTS
    if not reading.followed or 2 * sum(g == measure for g, _ in unread) > sum(g == measure for g, _ in fields):
        return []
    if unread:
        unread = [(g, f) for g, f in unread if not context.code.is_read_elsewhere((g, f.name))]
    code = context.code.text
    in_resolvers = "\n".join(module.source.segment(node) for _, module, node in context.code.given_the_config)
    texts = [option.document.text_or_empty for option in context.options.all()]
    interpolated = " ".join(re.findall(r"\$\{[^}]*", "\n".join([*texts, context.options.primary.text_or_empty, code])))
    return [
        (group, field)
        for group, field in unread
        if not re.search(rf"\b{field.name}\b", f"{interpolated}\n{in_resolvers}")
        and not re.search(rf"[\"']{field.name}[\"']", code)
    ]


@rule(
    "ES337",
    "missing-value",
    Severity.ERROR,
    "a required field that the options leave without a value",
    phase=Phase.CODE,
    bad={"train.py": [("    seed: int = 42\n", '    seed: int = "???"\n')]},
    good={
        "train.py": [("    seed: int = 42\n", '    seed: int = "???"\n')],
        "exp/001.yaml": "defaults:\n  - default@_here_\n\nseed: 1\n",
    },
    hydra="accepts",
)
def missing_value(context: ExperimentContext) -> Iterator[Finding]:
    """A field whose default is MISSING (`???`) has to be set by every option.

    `--cfg job` prints `???` and exits with 0; reading the field raises MissingMandatoryValue, and `to_container`
    without throw_on_missing=True logs "???". A file that others inherit from may leave that to them, where it says
    `???` itself or is no numbered set: exp/base.yaml is not run. What a file says to be `???`, and what no option of
    the group gives, is a note: the command line may give it.
    """
    config = context.compositions.some
    if config is None:
        return
    wants_any = "'???'" in str(context.compositions.some_values)
    declared = any(word in context.code.text for word in ("MISSING", "???"))
    for group in (SETS, ENVIRONMENTS):
        options = context.options.by_group[group]
        wanting = wants_any or declared or any("???" in option.document.text_or_empty for option in options.values())
        inherited = {name for option in options.values() for name in option.document.parents} if wanting else set()
        inherited |= inherited_in_folders(context, group) if wanting else set()
        missing = {name: list(_missing(context, option)) for name, option in options.items()} if wanting else {}
        for option in options.values() if wanting else ():
            for key in missing[option.name]:
                if option.name in inherited and _is_left_open(option, nodes.names(key)[1:]):
                    continue
                if _is_given_by_instance(context, key):
                    continue
                unread = context.code.reading.followed and not context.code.reading.reads(nodes.names(key))
                advice = f"add {key.split('.', 1)[1]}: … to the file"
                advice = f"{advice}; or remove the field: nothing reads it" if unread else advice
                given = option.document.has(nodes.names(key)[1:]) or (
                    not _is_numbered(option) and all(key in keys for keys in missing.values())
                )
                yield missing_value.finding(
                    Location(option.path),
                    f"{key} has no value with {group}={option.name}",
                    f"pass {key}=… on the command line, or {advice}" if given else advice,
                    severity=Severity.INFO if given else None,
                )
        if wants_any and not options:
            written = {use.path for use in context.code.reading.uses if use.kind == "write"}
            for bad in unusable_values(config):
                if bad.missing and bad.key.startswith(f"{group}.") and tuple(bad.key.split(".")) not in written:
                    place = context.compositions.written_at(bad.key, None, None)
                    advice = f"give it a default, or pass {bad.key}=… on the command line"
                    yield missing_value.finding(place, f"{bad.key} has no value", advice, severity=Severity.INFO)


def _is_given_by_instance(context: ExperimentContext, key: str) -> bool:
    """Whether it is a `field(init=False)` that the dataclass's own __post_init__ sets, when code makes the instance.

    OmegaConf.to_object passes such a field over as long as it has no value (dictconfig.py: _to_object).
    """
    group, *steps = nodes.names(key)
    config_class = context.options.config_class(group)
    cls: Any = config_class.cls if config_class else None
    for step in steps[:-1]:
        cls = next((field.type for field in _fields(cls) if field.name == step), None)
    field = next((field for field in _fields(cls) if field.name == steps[-1]), None)
    if field is None or field.init:
        return False
    method = find_method(cls, "__post_init__")
    text = method.scope.module.source.segment(method.node) if method else ""
    return field.name in re.findall(r"\w+", text) and context.code.reading.reads_of_instance((group, *steps))


def _fields(cls: Any) -> Sequence[dataclasses.Field[Any]]:
    return dataclasses.fields(cls) if is_dataclass_type(cls) else ()


def _is_left_open(option: Option, steps: Sequence[str]) -> bool:
    """Whether a file that is inherited leaves a value to its heirs."""
    return option.document.has(steps) or not _is_numbered(option)


def _is_numbered(option: Option) -> bool:
    return any(letter.isdigit() for letter in option.name)


def _missing(context: ExperimentContext, option: Option) -> Iterator[str]:
    for bad in context.compositions.of_option(option).unusable_values(context.code.resolvers):
        if bad.missing and bad.key.startswith(f"{option.group}."):
            yield bad.key
