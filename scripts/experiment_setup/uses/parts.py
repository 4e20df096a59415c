"""Which expressions stand for a part of the config."""

from __future__ import annotations

import ast

from experiment_setup.code.tree import last_name
from experiment_setup.uses.follower import PARTS, Follower, Frame
from experiment_setup.uses.functions import returned
from experiment_setup.uses.records import COPIES, ELEMENT, Form, Part


@PARTS.reads(ast.Attribute)
def _attribute(follower: Follower, node: ast.Attribute, frame: Frame) -> Part | None:
    if isinstance(node.value, ast.Name) and f"{node.value.id}.{node.attr}" in frame.names:
        return frame.names[f"{node.value.id}.{node.attr}"]
    base = follower.part(node.value, frame)
    return base.step(node.attr) if base is not None and base.form in ("config", "object") else None


@PARTS.reads(ast.Subscript)
def _item(follower: Follower, node: ast.Subscript, frame: Frame) -> Part | None:
    key = node.slice.value if isinstance(node.slice, ast.Constant) else None
    base = follower.part(node.value, frame)
    if base is not None and isinstance(key, str):
        return base.step(key)
    return base.step(ELEMENT) if base is not None and type(key) is int else None


@PARTS.reads(ast.NamedExpr)
def _named(follower: Follower, node: ast.NamedExpr, frame: Frame) -> Part | None:
    return follower.part(node.value, frame)


@PARTS.reads(ast.Call)
def _made_by_call(follower: Follower, node: ast.Call, frame: Frame) -> Part | None:
    """What a call makes of a part of the config, if that is the same part in another form."""
    name = follower.full_name(node.func, frame)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "copy" and not node.args:
        return follower.part(node.func.value, frame)
    if name in ("cast", "typing.cast") and len(node.args) == 2:
        return follower.part(node.args[1], frame)
    inner = follower.part(node.args[0], frame) if node.args else None
    if inner is None:
        return returned(follower, node, frame)
    if name in COPIES:
        return inner
    if name == "dict":
        plain = len(node.args) == 1 and not node.keywords
        return inner._replace(form="shallow" if inner.form == "config" else "dict") if plain else None
    if name.endswith(("OmegaConf.to_object", "OmegaConf.to_container")):
        form = "object" if name.endswith("to_object") else _form_of_container(node)
        if form == "object":
            follower.note("objects", inner.path)
        return inner._replace(form=form)
    return returned(follower, node, frame)


def _form_of_container(node: ast.Call) -> Form:
    """What OmegaConf.to_container makes of dataclasses, by its structured_config_mode."""
    modes = [last_name(keyword.value) for keyword in node.keywords if keyword.arg == "structured_config_mode"]
    forms: dict[str, Form] = {"DICT": "dict", "DICT_CONFIG": "config"}
    return forms.get(modes[0], "object") if modes else "dict"
