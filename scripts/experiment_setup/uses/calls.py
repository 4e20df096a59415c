"""Calls: what they do with the parts of the config that they are given."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from omegaconf import DictConfig

from experiment_setup.uses import shapes
from experiment_setup.uses.arguments import given_parts, parts_in_containers, unpacked_parts
from experiment_setup.uses.follower import Follower, Frame
from experiment_setup.uses.functions import follow_call, parts_of
from experiment_setup.uses.records import COPIES, CallSite, Kind, Part

DICT_METHODS = frozenset(name for name in dir(DictConfig) if not name.startswith("_"))  # `cfg.exp.items` is one of them

# What is given the config as a whole only to show, to save or to copy it: that reads no field in particular.
_SHOWN_BY_NAME = COPIES | frozenset(
    "print pprint pprint.pprint rich.print repr str type len id isinstance hasattr json.dumps json.dump yaml.dump"
    " yaml.safe_dump open_dict omegaconf.open_dict wandb.init wandb.config.update".split()
)
_SHOWN_BY_METHOD = frozenset(
    "to_yaml save set_struct set_readonly resolve is_missing debug info warning error critical exception log"
    " log_hyperparams log_params save_hyperparameters WandbLogger".split()
)
_CONVERTED = frozenset("to_container to_object dict".split())  # shown if what it returns is only shown
_REMOVES = frozenset("pop popitem clear".split())
_CHANGES = _REMOVES | {"update", "setdefault"}  # methods after which a plain dict has other keys


def read_call(follower: Follower, node: ast.Call, frame: Frame, shown: bool) -> None:
    """Note what a call does."""
    name = follower.full_name(node.func, frame)
    if _read_key_in_text(follower, node, name, frame):
        return
    arguments = given_parts(follower, node, frame)
    inside = tuple(parts_in_containers(follower, node, frame))
    unpacked = tuple(unpacked_parts(follower, node, frame))
    if arguments or inside or unpacked:
        follower.events.append(CallSite(name, node, arguments, inside, unpacked, follower.conditional))
    followed = follow_call(follower, node, frame, parts_of(arguments))
    last = name.rpartition(".")[2]
    shows = name in _SHOWN_BY_NAME or last in _SHOWN_BY_METHOD or (shown and last in _CONVERTED)
    if isinstance(node.func, ast.Attribute):
        _read_method(follower, node, node.func, frame)
    elif not isinstance(node.func, ast.Name):
        follower.expression(node.func, frame)
    copied = [keyword.value for keyword in node.keywords if keyword.arg is None]
    for given in (*node.args, *(keyword.value for keyword in node.keywords)):
        part = follower.part(given, frame)
        if part is not None and part.form in ("dict", "shallow") and not (shows or followed or given in copied):
            follower.note("changed", part)  # who gets a plain dict may add to it
        follower.expression(given, frame, shows or (followed and part is not None))


def _read_method(follower: Follower, node: ast.Call, function: ast.Attribute, frame: Frame) -> None:
    owner = follower.part(function.value, frame)
    if owner is None:
        follower.expression(function.value, frame)
    elif owner.form in ("dict", "shallow"):
        if function.attr in _CHANGES:
            follower.note("changed", owner)
        follower.use(owner, "read", follower.places(function.value, frame))
    elif function.attr in _REMOVES and owner.form == "config":
        follower.use(owner, "remove", follower.places(function, frame)[-1:])
    elif function.attr in DICT_METHODS:
        for name, key in shapes.keys_given(node) if function.attr == "update" else ():
            follower.use(owner.step(name), "write", (frame.location(key),))
        follower.use(owner, "read", follower.places(function.value, frame))
    else:
        follower.use(owner.step(function.attr), "call", follower.places(function, frame))


class _Asked(NamedTuple):
    """A key that a call names in a text: of what, how, and the arguments from the key on."""

    owner: ast.expr
    kind: Kind
    rest: Sequence[ast.expr]


def _asked(node: ast.Call, name: str) -> _Asked | None:
    """`X.get("key", …)`, `getattr(X, "key", …)`, `OmegaConf.select(X, "key.key")` and their kin."""
    if isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        return _Asked(node.func.value, "default", node.args)
    if not node.args:
        return None
    kinds: dict[str, Kind] = {
        "setattr": "write",
        "getattr": "read" if len(node.args) == 2 else "default",
        "hasattr": "default",
    }
    if name in kinds:
        return _Asked(node.args[0], kinds[name], node.args[1:])
    if name.endswith(("OmegaConf.select", "OmegaConf.update")):
        return _Asked(node.args[0], "write" if name.endswith("update") else "default", node.args[1:])
    return None


def _read_key_in_text(follower: Follower, node: ast.Call, name: str, frame: Frame) -> bool:
    """Note the use of a key that a call names in a text; False where it does not."""
    asked = _asked(node, name)
    key = asked.rest[0] if asked and asked.rest else None
    owner = follower.part(asked.owner, frame) if asked and key else None
    if asked is None or not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
        if asked and owner and asked.kind == "write" and not isinstance(key, ast.Constant):
            follower.note("filled", owner.path)
        return False
    steps = key.value.split(".") if "OmegaConf." in name else [key.value]
    if owner is None or (len(steps) > 1 and not all(step.isidentifier() for step in steps)):
        return False
    if name == "hasattr":
        follower.note("checked_keys", key.value)
    part: Part = owner
    for step in steps:
        part = part.step(step)
    follower.use(part, asked.kind, (frame.location(key),) * len(steps))
    for other in (*asked.rest[1:], *(keyword.value for keyword in node.keywords)):
        follower.expression(other, frame)
    return True
