"""The config handed on by the code: to JSON, W&B, plain dicts, and as another object."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from experiment_setup import nodes
from experiment_setup.code import tree
from experiment_setup.code.modules import Module
from experiment_setup.code.tree import dotted
from experiment_setup.facts import targets
from experiment_setup.facts.defaults_lists import only_a_base
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.listing import few
from experiment_setup.location import did_you_mean
from experiment_setup.rules.base import rule
from experiment_setup.rules.es31_dataclasses import config_classes, offset
from experiment_setup.rules.phases import Phase
from experiment_setup.uses.records import CallSite, ConfigPath, Given, shown_path

_PRINT = "    print(f"


def _container(config: DictConfig | None, path: ConfigPath) -> Any:
    """The dict or list of the config at a path; None for what is neither."""
    node = nodes.at(config, path)
    return node if nodes.is_mapping(node) or nodes.is_list(node) else None


def _refused(context: ExperimentContext, given: Given) -> bool:
    """Whether what the code has is a dict or list of the config, or a dict with one in it."""
    node = _container(context.compositions.some, given.part.path)
    if given.part.form == "shallow" and isinstance(node, DictConfig):
        return any(_container(node, (str(key),)) is not None for key in node)
    return given.part.form == "config" and node is not None


def _shown(path: ConfigPath) -> str:
    return f"cfg.{shown_path(path)}" if path else "cfg"


_WRITERS = {
    "json.dumps": "json",
    "json.dump": "json",
    "yaml.dump": "yaml",
    "yaml.safe_dump": "yaml",
}


@rule(
    "ES341",
    "json-of-config",
    Severity.WARNING,
    "json and yaml cannot write a list or dict of the config",
    phase=Phase.CODE,
    bad={"train.py": [(_PRINT, f"    import json\n    print(json.dumps(cfg.exp.fold))\n{_PRINT}")]},
    good={"train.py": [(_PRINT, f"    import json\n    print(json.dumps(list(cfg.exp.fold)))\n{_PRINT}")]},
    was="ES334",
    hydra="accepts",
)
def json_of_config(context: ExperimentContext) -> Iterator[Finding]:
    """`cfg.exp.fold` is a ListConfig, not a list: `TypeError: Object of type ListConfig is not JSON serializable`. So
    is what `dict(cfg.exp)` has in it. PyYAML does no better; OmegaConf.save writes YAML itself.
    """
    for call in context.code.reading.calls:
        writer = _WRITERS.get(call.function)
        if writer is None or any(k.arg in ("default", "cls", "Dumper") for k in call.node.keywords):
            continue
        for given in (*(call.arguments[key] for key in (0, "obj", "data") if key in call.arguments), *call.inside):
            if _refused(context, given):
                shown = _shown(given.part.path)
                what = f"dict({shown}) has a list or dict of the config in it" if given.part.form == "shallow" else ""
                yield json_of_config.finding(
                    given.location,
                    f"{what or f'{shown} is not a Python list or dict'}: {writer} refuses it",
                    f"write OmegaConf.to_container({shown}, resolve=True)",
                )


@rule(
    "ES342",
    "wandb-config",
    Severity.WARNING,
    "W&B is given a config object instead of a dict",
    phase=Phase.CODE,
    bad={"train.py": [(_PRINT, f"    import wandb\n    wandb.init(config=cfg.exp)\n{_PRINT}")]},
    good={
        "train.py": [
            (
                _PRINT,
                "    import wandb\n    from omegaconf import OmegaConf\n"
                f"    wandb.init(config=OmegaConf.to_container(cfg.exp, resolve=True))\n{_PRINT}",
            )
        ]
    },
    was="ES335",
    hydra="accepts",
)
def wandb_config(context: ExperimentContext) -> Iterator[Finding]:
    """A DictConfig is not a dict: with an enum or a missing value in it `wandb.init` ends in a TypeError, and
    interpolations are logged unresolved (tried with wandb 0.31).
    """
    for call in context.code.reading.calls:
        given = call.arguments.get("config") if call.function.endswith(("wandb.init", "WandbLogger")) else None
        if (
            given is None
            or given.part.form != "config"
            or _container(context.compositions.some, given.part.path) is None
        ):
            continue
        shown = _shown(given.part.path)
        yield wandb_config.finding(
            given.location,
            f"W&B gets {shown} itself, a DictConfig",
            f"write config=OmegaConf.to_container({shown}, resolve=True, throw_on_missing=True)",
        )


@rule(
    "ES343",
    "wandb-online",
    Severity.INFO,
    'mode="online" beats WANDB_MODE',
    phase=Phase.CODE,
    bad={
        "train.py": [
            (
                _PRINT,
                f'    import wandb\n    wandb.init(mode="disabled" if cfg.exp.debug else "online")\n{_PRINT}',
            )
        ]
    },
    good={
        "train.py": [
            (_PRINT, f'    import wandb\n    wandb.init(mode="disabled" if cfg.exp.debug else None)\n{_PRINT}')
        ]
    },
    was="ES336",
    hydra="accepts",
)
def wandb_online(context: ExperimentContext) -> Iterator[Finding]:
    """With mode="online" WANDB_MODE=offline or disabled is ignored: without a key the run fails, and without a network
    it waits 101 s (measured with wandb 0.31). None goes online too, unless the variable says otherwise.
    """
    for module in context.code.modules:
        text = module.source.text
        if "online" not in text or "wandb" not in text:
            continue
        for part in _online(module):
            location = module.source.location(part)
            start = offset(location)
            length = len(module.source.segment(part))
            yield wandb_online.finding(
                location,
                'mode="online" ignores the environment variable WANDB_MODE',
                "write None",
                edits=() if start is None else (Edit(start, start + length, "None"),),
            )


def _online(module: Module) -> Iterator[ast.Constant]:
    """The constants "online" that wandb.init gets as its mode: written out, by a name, or in a dict of arguments."""
    named: dict[str, list[ast.expr]] = {}
    for assign in module.source.nodes(ast.Assign):
        for target in assign.targets:
            if isinstance(target, ast.Name):
                named.setdefault(target.id, []).append(assign.value)
    for node in module.source.nodes(ast.Call):
        if module.full_name(node.func) != "wandb.init":
            continue
        waiting = [keyword.value for keyword in node.keywords if keyword.arg == "mode"]
        for keyword in node.keywords if not waiting else ():
            if keyword.arg is None and isinstance(keyword.value, ast.Name):
                waiting += [mode for made in named.get(keyword.value.id, []) for mode in _mode(made)]
        seen: set[str] = set()
        while waiting:
            value = waiting.pop()
            if isinstance(value, ast.IfExp):
                waiting += [value.body, value.orelse]
            elif isinstance(value, ast.Name) and value.id not in seen:
                seen.add(value.id)
                waiting += named.get(value.id, [])
            elif isinstance(value, ast.Constant) and value.value == "online":
                yield value


def _mode(node: ast.expr) -> Iterator[ast.expr]:
    """`mode` of `dict(mode=…)` or `{"mode": …}`."""
    if isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "mode")
    elif isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        yield from (value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "mode")


_FOR_DATACLASSES = frozenset(f"dataclasses.{name}" for name in ("asdict", "astuple", "replace", "fields"))


@rule(
    "ES344",
    "config-is-no-dataclass",
    Severity.ERROR,
    "the code takes the config for the dataclass, a dict or a list",
    phase=Phase.CODE,
    bad={"train.py": [(_PRINT, f"    from dataclasses import asdict\n    print(asdict(cfg.exp))\n{_PRINT}")]},
    good={
        "train.py": [
            (
                _PRINT,
                "    from dataclasses import asdict\n    from omegaconf import OmegaConf\n"
                f"    print(asdict(OmegaConf.to_object(cfg.exp)))\n{_PRINT}",
            )
        ]
    },
    was="ES339",
    hydra="accepts",
)
def config_is_no_dataclass(context: ExperimentContext) -> Iterator[Finding]:
    """What main() gets is a DictConfig, whatever its annotation says: `asdict(cfg.exp)` and `dataclasses.replace` end
    in a TypeError, `isinstance(cfg.exp, ExpConfig)`, `isinstance(cfg.exp.fold, list)` are False, and `vars(cfg.exp)`
    has OmegaConf's own attributes. The last two run, and are a warning; where it is only printed, a note.
    """
    classes = {found.name for found, _ in config_classes(context)}
    for call in context.code.reading.calls:
        given = call.arguments.get(0)
        node = _container(context.compositions.some, given.part.path) if given is not None else None
        if given is None or node is None or given.part.form != "config":
            continue
        shown = _shown(given.part.path)
        if call.function in _FOR_DATACLASSES:
            yield config_is_no_dataclass.finding(
                given.location,
                f"{shown} is a DictConfig: dataclasses.{call.function.rpartition('.')[2]} refuses it",
                f"write OmegaConf.to_object({shown})",
            )
        elif call.function == "vars":
            yield config_is_no_dataclass.finding(
                given.location,
                f"vars({shown}) has the attributes of OmegaConf, not the fields",
                f"write OmegaConf.to_container({shown}, resolve=True)",
                severity=Severity.INFO if _is_only_printed(context, call) else Severity.WARNING,
            )
        elif call.function == "isinstance" and (kind := _never(call, node, classes)):
            if _goes_on_otherwise(context, call) or _is_of_a_parameter(context, call):
                continue
            right = "ListConfig" if isinstance(node, ListConfig) else "DictConfig"
            yield config_is_no_dataclass.finding(
                given.location,
                f"{shown} is never a {kind}: it is a {right}",
                f"write isinstance({shown}, {right}), or convert it first with OmegaConf.to_object({shown})",
                severity=Severity.WARNING,
            )


def _is_only_printed(context: ExperimentContext, call: CallSite) -> bool:
    """Whether print() gets what the call gives, as it is: nothing acts on it, and the fields are somewhere in it."""
    calls = (node for module in context.code.modules for node in module.source.nodes(ast.Call))
    return any(call.node in node.args for node in calls if tree.last_name(node.func) == "print")


def _goes_on_otherwise(context: ExperimentContext, call: CallSite) -> bool:
    """Whether the call decides between two ways: what is no dict is handled, too."""
    for module in context.code.modules:
        decisions: list[ast.If | ast.IfExp] = [*module.source.nodes(ast.If), *module.source.nodes(ast.IfExp)]
        for decision in decisions:
            if decision.orelse and any(node is call.node for node in ast.walk(decision.test)):
                return True
    return False


def _is_of_a_parameter(context: ExperimentContext, call: CallSite) -> bool:
    """Whether it asks about what a function is given: others may give it other things."""
    asked = call.node.args[0]
    functions = (function for module in context.code.modules for function in module.source.nodes(ast.FunctionDef))
    return isinstance(asked, ast.Name) and any(
        asked.id in [given.arg for given in tree.parameters(function)]
        and any(n is call.node for n in tree.walk(function))
        for function in functions
    )


def _never(call: CallSite, node: Any, classes: set[str]) -> str | None:
    """The type that isinstance asks for, if no part of a config is of it."""
    asked = call.node.args[1] if len(call.node.args) > 1 else None
    kinds = [kind.id if isinstance(kind, ast.Name) else "" for kind in getattr(asked, "elts", [asked])]
    wrong = {"dict", "list", "tuple", *classes}
    return kinds[0] if kinds and all(kind in wrong for kind in kinds) else None


@rule(
    "ES340",
    "key-removed",
    Severity.ERROR,
    "the code takes a key out of the config, which OmegaConf refuses",
    phase=Phase.CODE,
    bad={"train.py": [(_PRINT, f'    cfg.exp.pop("notes")\n{_PRINT}')]},
    good={"train.py": [(_PRINT, f'    dict(cfg.exp).pop("notes")\n{_PRINT}')]},
    hydra="accepts",
)
def key_removed(context: ExperimentContext) -> Iterator[Finding]:
    """`cfg.exp.pop("notes")` and `del cfg.exp["notes"]` end in ConfigTypeError: what Hydra composes is in struct mode,
    and a dataclass has its fields for good. A copy of it is so too; a plain dict is not.
    """
    for use in context.code.reading.uses:
        if use.kind != "remove" or use.guarded or not use.locations:
            continue
        removed_from = _container(context.compositions.some, use.path)
        if not isinstance(removed_from, DictConfig):
            continue
        if context.code.reading.open and not dataclasses.is_dataclass(OmegaConf.get_type(removed_from)):
            continue
        shown = _shown(use.path)
        yield key_removed.finding(
            use.locations[-1],
            f"a key of {shown} is removed, which OmegaConf refuses",
            f"make a dict of it first: OmegaConf.to_container({shown}, resolve=True)",
        )


_TAKES = "def run(base_model: str, output_dir: str, model_output_dir: str) -> None: ...\n\n@hydra.main"
_UNPACKS = ("    print(", "    run(**cfg.env)\n    print(")


@rule(
    "ES345",
    "unpacked-arguments",
    Severity.WARNING,
    "a part of the config is unpacked into a call that does not take its keys",
    phase=Phase.CODE,
    bad={"train.py": [("@hydra.main", _TAKES.replace("output_dir: str, model_", "")), _UNPACKS]},
    good={"train.py": [("@hydra.main", _TAKES), _UNPACKS]},
    hydra="accepts",
)
def unpacked_arguments(context: ExperimentContext) -> Iterator[Finding]:
    """`build(**cfg.model)` ends in a TypeError for a key that build() does not take, and for one that it lacks.

    Said of the project's own functions and classes, and of calls that every run comes to: what stands under an `if` may
    be for the option that it asks for. Nothing is said where the code changes that part of the config.
    """
    code, reading = context.schema.code, context.code.reading
    modules = {module.source.path: module for module in context.code.modules}
    for site in reading.calls if code is not None else ():
        if site.conditional or len(site.unpacked) != 1 or any(isinstance(one, ast.Starred) for one in site.node.args):
            continue
        part, place = site.unpacked[0].part, site.unpacked[0].location
        module = modules.get(place.path)
        found = code.defined(module, site.node.func) if code is not None and module is not None else None
        taken = targets.taken_by(code, found) if code is not None and found is not None else None
        if taken is None or reading.changes(part.path) or _is_changed_inside(context, part.path):
            continue
        others = sum(keyword.arg is None for keyword in site.node.keywords) > 1
        for run, keys in _unpacked_keys(context, part.path):
            own = {*list(taken.arguments)[: len(site.node.args)], *(one.arg for one in site.node.keywords if one.arg)}
            unknown = [] if taken.any_other else sorted(keys - taken.names)
            lost = [] if others else sorted(taken.needed - keys - own)
            twice = sorted(keys & own)
            name, shown = dotted(site.node.func), f"**cfg.{shown_path(part.path)}"
            if unknown:
                said = f"{name}() takes no {', '.join(unknown)}, which {shown} gives it{run}"
                meant = did_you_mean(unknown[0], taken.names - keys)
                advice = f"write {meant} instead of {unknown[0]}" if meant else f"it takes {few(sorted(taken.names))}"
            elif twice:
                said, advice = f"{name}() is given {', '.join(twice)} twice: {shown} has it, too{run}", "leave one out"
            elif lost:
                said = f"{name}() needs {', '.join(lost)}, which {shown} does not give{run}"
                advice = "add it to the config, or give it in the call"
            else:
                continue
            yield unpacked_arguments.finding(place, said, advice)
            break


def _is_changed_inside(context: ExperimentContext, path: ConfigPath) -> bool:
    uses = context.code.reading.uses
    return any(use.kind in ("write", "remove") and use.path[: len(path)] == path for use in uses)


def _unpacked_keys(context: ExperimentContext, path: ConfigPath) -> Iterator[tuple[str, set[str]]]:
    """The keys at a place of the config, as config.yaml chooses and then with each option that goes there."""
    choices: list[dict[str, str]] = [{}]
    for option in (*context.options.all(), *context.options.added):
        package = option.package()
        if package == path[: len(package)] and not only_a_base(context, option):
            choices.append({option.key: option.name})
    for chosen in choices:
        values = nodes.within(context.compositions.of(chosen).container, path)
        if isinstance(values, dict):
            yield "".join(f" with {key}={name}" for key, name in chosen.items()), {str(key) for key in values}
