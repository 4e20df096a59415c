"""OmegaConf's insides have one home, and what that says is what OmegaConf means."""

from __future__ import annotations

import ast
import gc
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from omegaconf import MISSING, AnyNode, DictConfig, ListConfig, OmegaConf

from experiment_setup import nodes

PACKAGE = Path(nodes.__file__).parent
# Merging by hand is what `overlay` is for, and it has no time for a call a node; a loader is made of the other one.
INSIDE = {
    "nodes.py",
    "bounds.py",
    "composing/overlay.py",
    "composing/parts.py",
    "composing/layers.py",
    "reading/yaml_loader.py",
}


@dataclass
class Inner:
    rate: float = 0.1


@dataclass
class Outer:
    inner: Inner = field(default_factory=Inner)
    fold: list[int] = field(default_factory=lambda: [0, 1])
    name: str = "${inner.rate}"
    seed: int = MISSING
    notes: str | None = None
    weights: dict[int, float] = field(default_factory=lambda: {3: 0.5})


def test_nobody_else_touches_them() -> None:
    private = {name for kind in (DictConfig, ListConfig, AnyNode) for name in dir(kind) if name[:1] == "_" != name[1:2]}
    private |= {"_content", "_metadata", "_val", "_parent", "_flags_cache"}
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).as_posix() in INSIDE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in private:
                own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "source", "loader")
                found += [] if own else [f"{path.relative_to(PACKAGE)}:{node.lineno}: {ast.unparse(node)}"]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("omegaconf._"):
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.module}")
    assert found == []


@pytest.mark.parametrize(
    ("key", "steps"),
    [
        ("exp.fold[0].lr", ("exp", "fold", 0, "lr")),
        ("exp.0", ("exp", "0")),
        ("[2].a", (2, "a")),
        ("seed", ("seed",)),
        ("", ()),
    ],
)
def test_a_dotted_key(key: str, steps: tuple[str | int, ...]) -> None:
    assert nodes.split(key) == steps
    assert nodes.join(steps) == key


def test_what_stands_there() -> None:
    config = OmegaConf.structured(Outer)
    assert nodes.value(nodes.at(config, ("inner", "rate"))) == 0.1
    assert nodes.value(nodes.child(config, "name")) == "${inner.rate}"
    assert nodes.value(nodes.child(config, "fold")) is config.fold
    assert nodes.is_missing(nodes.child(config, "seed"))
    assert nodes.is_none(nodes.child(config, "notes"))
    assert nodes.is_interpolation(nodes.child(config, "name"))
    assert nodes.child(config, "nothing") is None
    assert nodes.child(nodes.child(config, "weights"), "x") is None
    assert nodes.at(config, ("notes", "x")) is None
    assert [key for key, _ in nodes.leaves(config)] == [
        "inner.rate", "fold[0]", "fold[1]", "name", "seed", "notes", "weights.3",
    ]  # fmt: skip
    assert nodes.is_structured(nodes.child(config, "inner"))
    assert not nodes.is_structured(OmegaConf.create({}))
    assert nodes.element_type(nodes.child(config, "fold")) is int
    assert nodes.is_optional(nodes.child(config, "notes"))
    assert nodes.takes(nodes.at(config, ("inner", "rate")), "1e-3")
    assert not nodes.takes(nodes.at(config, ("inner", "rate")), "many")
    assert config.inner.rate == 0.1


def test_taking_a_key_away() -> None:
    config = OmegaConf.structured(Outer)
    assert nodes.value(nodes.take(config, "notes")) is None
    assert "notes" not in config
    assert nodes.take(config, "nothing") is None


def _insides(node: Any) -> object:
    inside = dict(node.__dict__)
    content, parent = inside.pop("_content", None), inside.pop("_parent")
    below = content.items() if isinstance(content, dict) else enumerate(content or ())
    return (
        type(node),
        inside,
        parent is None,
        [(key, _insides(child), child._get_parent() is node) for key, child in below],
    )


def test_what_is_created_quickly_is_what_omegaconf_creates() -> None:
    values = {"a": 1, "b": {"c": "x", "d": None, "e": ["???", "${a}", {"f": []}]}, "g": 1.5, "h": True, "i": {}}
    ours, theirs = nodes.created(values), OmegaConf.create(values)
    assert repr(_insides(ours)) == repr(_insides(theirs))
    ours.b.e[2].f.append("new")
    ours.b.d = {"new": "${.f}"}
    assert nodes.created(values) == theirs
    assert nodes.created({"c": 1}, "b")._get_full_key(None) == "b"


def test_what_is_taken_apart_needs_no_collection() -> None:
    """Nodes know each other in circles, which Python frees in its own time: with many experiments, that is too late."""
    node = nodes.created({"names": ["a", "b"], "model": {"size": 1}}, "exp")
    inside = [weakref.ref(nodes.at(node, path)) for path in (["names"], ["names", 0], ["model"], ["model", "size"])]
    gc.disable()
    try:
        nodes.take_apart(node)
        assert [seen() for seen in inside] == [None] * 4
    finally:
        gc.enable()
