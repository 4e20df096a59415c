"""Rules about what the code does with the config: the fields it reads, and where it hands the config to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig

from experiment_setup.composing.compose import unusable_values
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location, did_you_mean
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.rules.base import ExperimentContext, Option, rule
from experiment_setup.rules.config_classes import config_classes, offset
from experiment_setup.rules.entry_point import entry_source
from experiment_setup.rules.reading import DICT_METHODS
from experiment_setup.rules.registrations import root_class
from experiment_setup.rules.uses import ConfigPath

_PRINT = "cfg.exp.name"


def _missing_step(config: DictConfig, path: ConfigPath) -> int | None:
    """The index of the first step of `path` that `config` does not have; None if there is none, or it can't be said."""
    node: Any = config
    for index, step in enumerate(path):
        if not isinstance(node, DictConfig) or node._is_none() or node._is_missing() or node._is_interpolation():
            return None
        if step not in node.keys():  # noqa: SIM118 (a key whose value is missing is not `in` a DictConfig)
            return None if step in DICT_METHODS or step.startswith("_") else index
        node = node._get_node(step)
    return None


def _exists_somewhere(context: ExperimentContext, path: ConfigPath) -> bool:
    """Whether some other option, or code that was not followed, may add the last step of `path`."""
    group, step = path[0], path[-1]
    word = re.compile(rf"(?<![\w]){re.escape(step)}(?![\w])")
    texts = [o.document.text_or_empty for options in context.options.values() for o in options.values()]
    if len(path) == 1:  # only `# @package _global_` and `x@_global_` put a key at the root
        return any(word.search(text) for text in texts if "@package" in text or "_global_" in text)
    if group not in (SETS, ENVIRONMENTS):
        return "searchpath" in context.primary.text_or_empty or any(word.search(text) for text in texts)
    for option in context.options[group].values():
        if word.search(option.document.text_or_empty):
            config = context.composed(option).config
            if config is not None and _missing_step(config, path) is None:
                return True
    return False


def _unknown(context: ExperimentContext, default: bool) -> Iterator[tuple[ConfigPath, Location, list[str], int]]:
    """(path to the unknown key, its first place, the keys there are, further places) of what the code uses."""
    config, reading = context.some_config, context.reading
    if config is None:
        return
    written = {use.path for use in reading.uses if use.kind == "write"} if reading.open else set()
    places: dict[ConfigPath, set[Location]] = {}
    for use in reading.uses:
        if (use.kind == "default") is not default or use.guarded or (reading.open and use.kind == "write"):
            continue
        step = _missing_step(config, use.path)
        location = use.location(step) if step is not None else None
        if step is None or location is None:
            continue
        path = use.path[: step + 1]
        if use.conditional and context.config_class(path[0]) is None and len(path) > 1:
            continue  # `if cfg.exp.model.kind == "lgb": cfg.exp.model.num_leaves`: without a dataclass, that is a habit
        if path[-1] in reading.checked_keys or any(path == done[: len(path)] for done in written):
            continue
        places.setdefault(path, set()).add(location)
    for path, found in places.items():
        if not _exists_somewhere(context, path):
            known: Any = config
            for step_name in path[:-1]:
                known = known._get_node(step_name)
            ordered = sorted(found, key=lambda place: (str(place.path), place.line, place.column))
            yield path, ordered[0], [str(key) for key in known], len(ordered) - 1


@rule(
    "ES331",
    "unknown-attribute",
    Severity.ERROR,
    "the code uses a field that the config does not have",
    bad={"train.py": [(_PRINT, "cfg.exp.lr")]},
    good={"train.py": [(_PRINT, "cfg.exp.learning_rate")]},
    hydra="accepts",
)
def unknown_attribute(context: ExperimentContext) -> Iterator[Finding]:
    """`--cfg job` is content, and the run ends in ConfigAttributeError when it comes to the line, maybe after hours.

    The config is followed from the parameter of main() through aliases, functions and classes of the same file. A key
    counts as unknown if no parameter set and no environment adds it, and the code does not ask first (`hasattr`, `in`,
    `try`). In a group without a dataclass only what every run comes to is looked at, not what stands under an `if`.
    """
    whole = root_class(context)
    classes = {path: config_class for config_class, path in config_classes(context)}
    for path, location, known, more in _unknown(context, default=False):
        dotted, owner = ".".join(path), classes.get(".".join(path[:-1]))
        if len(path) == 1 and whole is not None and whole.field(path[0]):
            continue  # said where the class is not stored
        if len(path) == 1 and whole is None and not _home(context, path[0]):
            continue  # without a schema of the whole, `+key=value` on the command line is a way to give it
        if owner is not None and any(found.name == path[-1] for found in owner.unannotated):
            continue  # said where the field is
        again = f" (and {more} more {'place' if more == 1 else 'places'})" if more else ""
        if owner is not None and path[-1] in owner.methods:
            yield unknown_attribute.finding(
                location,
                f"cfg.{dotted} is a method of {owner.name}, and methods are not in the config{again}",
                f"write OmegaConf.to_object(cfg.{'.'.join(path[:-1])}).{path[-1]}",
            )
            continue
        yield unknown_attribute.finding(
            location, f"cfg.{dotted} does not exist{_meant(path, known)}{again}", _advice(context, path, known)
        )


def _home(context: ExperimentContext, name: str) -> str | None:
    """The part of the config whose dataclass has the field `name`."""
    return next((path for found, path in config_classes(context) if path and found.field(name)), None)


def _meant(path: ConfigPath, known: list[str]) -> str:
    guess = did_you_mean(path[-1], known)
    return f" (did you mean {guess!r}?)" if guess else ""


def _advice(context: ExperimentContext, path: ConfigPath, known: list[str]) -> str:
    guess = did_you_mean(path[-1], known)
    if guess:
        return f"write {guess}"
    if path == ("hydra",):
        return "Hydra's own settings are read through HydraConfig.get()"
    home = _home(context, path[0]) if len(path) == 1 else None
    if home:
        return f"write cfg.{home}.{path[0]}"
    owner = context.config_class(path[0]) if len(path) == 2 else None
    return f"add `{path[-1]}: TYPE = DEFAULT` to {owner.name if owner else '.'.join(path[:-1]) or 'the config'}"


@rule(
    "ES332",
    "unknown-key-with-default",
    Severity.WARNING,
    "the code asks for a key that the dataclass does not have, and always gets its own default",
    bad={"train.py": [(_PRINT, "cfg.exp.get('lr', 0.1)")]},
    good={"train.py": [(_PRINT, "cfg.exp.get('learning_rate', 0.1)")]},
    hydra="accepts",
)
def unknown_key_with_default(context: ExperimentContext) -> Iterator[Finding]:
    """`cfg.exp.get("lr", 0.1)` and `getattr(cfg.exp, "lr", 0.1)` are 0.1 whatever the files say.

    Only groups with a dataclass are looked at: elsewhere a key that is missing is how an option is left out.
    """
    for path, location, known, more in _unknown(context, default=True):
        if len(path) > 1 and context.config_class(path[0]) is None:
            continue
        again = f" (and {more} more)" if more else ""
        yield unknown_key_with_default.finding(
            location,
            f"{'.'.join(path)} does not exist{_meant(path, known)}: this is always the default{again}",
            _advice(context, path, known),
        )


_FOR_PEOPLE = frozenset("name notes note description desc tags tag comment memo exp_name experiment_name".split())


@rule(
    "ES333",
    "unread-field",
    Severity.INFO,
    "no code reads the field",
    bad={
        "train.py": [
            (
                "{cfg.exp.name}",
                "{cfg.exp.seed} {cfg.exp.learning_rate} {cfg.exp.batch_size} {cfg.exp.debug} {cfg.exp.fold}",
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
    """A parameter that changes nothing: a set that varies it is the same run again.

    Nothing is said where the config goes where it can't be followed (another module, `**cfg.exp`), for names and notes,
    and while the code reads less than half of the fields, as a skeleton does.
    """
    reading = context.reading
    config_class = context.config_class(SETS)
    if not reading.followed or config_class is None:
        return
    unread = [f for f in config_class.fields if not reading.reads((SETS, f.name)) and f.name not in _FOR_PEOPLE]
    if not unread or len(unread) * 2 > len(config_class.fields):
        return
    texts = [option.document.text_or_empty for option in context.all_options()]
    interpolated = " ".join(re.findall(r"\$\{[^}]*\}", "\n".join([*texts, context.primary.text_or_empty])))
    code = context.code
    interpolated += " ".join(re.findall(r"\$\{[^}]*\}", code))
    for found in unread:
        if re.search(rf"\b{found.name}\b", interpolated) or re.search(rf"[\"']{found.name}[\"']", code):
            continue
        yield unread_field.finding(
            found.location, f"nothing reads {SETS}.{found.name}", "use it in the code, or remove the field"
        )


@rule(
    "ES334",
    "json-of-config",
    Severity.WARNING,
    "json cannot write a list or dict of the config",
    bad={"train.py": [("    print(f", "    import json\n    print(json.dumps(cfg.exp.fold))\n    print(f")]},
    good={"train.py": [("    print(f", "    import json\n    print(json.dumps(list(cfg.exp.fold)))\n    print(f")]},
    hydra="accepts",
)
def json_of_config(context: ExperimentContext) -> Iterator[Finding]:
    """`cfg.exp.fold` is a ListConfig, not a list: `TypeError: Object of type ListConfig is not JSON serializable`."""
    config, source = context.some_config, entry_source(context)
    if config is None or source is None:
        return
    for call in context.reading.calls:
        if call.function not in ("json.dumps", "json.dump") or any(
            k.arg in ("default", "cls") for k in call.node.keywords
        ):
            continue
        given = [(call.arguments[0], source.location(call.node.args[0]))] if 0 in call.arguments else []
        for path, location in [*given, *call.inside]:
            if _is_container(config, path):
                shown = f"cfg.{'.'.join(path)}" if path else "cfg"
                yield json_of_config.finding(
                    location,
                    f"{shown} is no list or dict of Python: json refuses it",
                    f"write OmegaConf.to_container({shown}, resolve=True)",
                )


def _is_container(config: DictConfig, path: ConfigPath) -> bool:
    node: Any = config
    for step in path:
        if not isinstance(node, DictConfig) or node._is_none() or node._is_missing() or step not in node:
            return False
        node = node._get_node(step)
    return isinstance(node, (DictConfig, ListConfig)) and not node._is_none()


@rule(
    "ES335",
    "wandb-config",
    Severity.WARNING,
    "W&B is given a config object instead of a dict",
    bad={"train.py": [("    print(f", "    import wandb\n    wandb.init(config=cfg.exp)\n    print(f")]},
    good={
        "train.py": [
            (
                "    print(f",
                "    import wandb\n    from omegaconf import OmegaConf\n"
                "    wandb.init(config=OmegaConf.to_container(cfg.exp, resolve=True))\n    print(f",
            )
        ]
    },
    hydra="accepts",
)
def wandb_config(context: ExperimentContext) -> Iterator[Finding]:
    """A DictConfig is not a dict: with an enum or a missing value in it `wandb.init` ends in a TypeError, and
    interpolations are logged unresolved (tried with wandb 0.31).
    """
    config, source = context.some_config, entry_source(context)
    for call in context.reading.calls if config is not None and source is not None else ():
        path = call.arguments.get("config") if call.function.endswith(("wandb.init", "WandbLogger")) else None
        if path is None or config is None or source is None or not _is_container(config, path):
            continue
        shown = f"cfg.{'.'.join(path)}" if path else "cfg"
        value = next(k.value for k in call.node.keywords if k.arg == "config")
        yield wandb_config.finding(
            source.location(value),
            f"W&B gets {shown} itself, a DictConfig",
            f"write config=OmegaConf.to_container({shown}, resolve=True, throw_on_missing=True)",
        )


@rule(
    "ES336",
    "wandb-online",
    Severity.INFO,
    'mode="online" beats WANDB_MODE',
    bad={
        "train.py": [
            (
                "    print(f",
                '    import wandb\n    wandb.init(mode="disabled" if cfg.exp.debug else "online")\n    print(f',
            )
        ]
    },
    good={
        "train.py": [
            ("    print(f", '    import wandb\n    wandb.init(mode="disabled" if cfg.exp.debug else None)\n    print(f')
        ]
    },
    hydra="accepts",
)
def wandb_online(context: ExperimentContext) -> Iterator[Finding]:
    """With mode="online" WANDB_MODE=offline or disabled is ignored: without a key the run fails, and without a network
    it waits 101 s (measured with wandb 0.31). None goes online too, unless the variable says otherwise.
    """
    source = entry_source(context)
    if source is None or "online" not in "\n".join(source.lines):
        return
    for node in source.nodes(ast.Call):
        if not isinstance(node.func, (ast.Attribute, ast.Name)):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if not (name == "init" and isinstance(owner, ast.Name) and owner.id == "wandb"):
            continue
        for keyword in node.keywords:
            value = keyword.value
            parts = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
            for part in parts if keyword.arg == "mode" else ():
                if isinstance(part, ast.Constant) and part.value == "online":
                    location = source.location(part)
                    start = offset(location)
                    length = len(source.segment(part))
                    yield wandb_online.finding(
                        location,
                        'mode="online" ignores the environment variable WANDB_MODE',
                        "write None",
                        edits=() if start is None else (Edit(start, start + length, "None"),),
                    )


@rule(
    "ES337",
    "missing-value",
    Severity.ERROR,
    "a required field that the options leave without a value",
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
    without throw_on_missing=True logs "???".
    """
    config = context.some_config
    if config is None:
        return
    text = str(config)
    for group in (SETS, ENVIRONMENTS):
        options = context.options[group]
        wanting = "'???'" in text or any("???" in option.document.text_or_empty for option in options.values())
        for option in options.values() if wanting else ():
            for key in _missing(context, option):
                yield missing_value.finding(
                    Location(option.path),
                    f"{key} has no value with {group}={option.name}",
                    f"add {key.split('.', 1)[1]}: … to the file",
                )
        if "'???'" in text and not options:
            for bad in unusable_values(config):
                if bad.missing and bad.key.startswith(f"{group}."):
                    place = context.written_at(bad.key, None, None)
                    advice = f"give it a default, or pass {bad.key}=… on the command line"
                    yield missing_value.finding(place, f"{bad.key} has no value", advice, severity=Severity.WARNING)


def _missing(context: ExperimentContext, option: Option) -> Iterator[str]:
    for bad in context.composed(option).unusable_values(context.custom_resolvers):
        if bad.missing and bad.key.startswith(f"{option.group}."):
            yield bad.key


_SHOW_CONFIG = re.compile(r"(show|print|dump|display)_(cfg|conf|config)", re.IGNORECASE)


@rule(
    "ES338",
    "show-config-flag",
    Severity.INFO,
    "a field that repeats what --cfg job does",
    bad={"train.py": [("    debug: bool = False\n", "    debug: bool = False\n    show_config: bool = False\n")]},
    good={},
    hydra="accepts",
)
def show_config_flag(context: ExperimentContext) -> Iterator[Finding]:
    """`python train.py exp=001 --cfg job` prints the composed config without running; a flag for it is one more field
    in every saved config.
    """
    for config_class, _ in config_classes(context):
        for known in config_class.fields:
            if _SHOW_CONFIG.fullmatch(known.name):
                yield show_config_flag.finding(
                    known.location,
                    f"{known.name} repeats what Hydra has: --cfg job",
                    "remove the field; use --cfg job --resolve",
                )
