"""OmegaConf's nodes as they are written, without resolving anything: the one place that knows its insides.

OmegaConf's public calls resolve interpolations and raise for `???`; what tools ask is what stands there.
"""

from __future__ import annotations

import copy
import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeGuard

import omegaconf._utils
import omegaconf.base
from omegaconf import (
    AnyNode,
    BooleanNode,
    BytesNode,
    DictConfig,
    EnumNode,
    FloatNode,
    IntegerNode,
    ListConfig,
    OmegaConf,
    PathNode,
    StringNode,
    flag_override,
    grammar_parser,
)
from omegaconf._utils import get_value_kind
from omegaconf.errors import OmegaConfBaseException, ValidationError

from experiment_setup import bounds as bounds  # from here on OmegaConf resolves no further than that
from experiment_setup import naming
from experiment_setup.light import compiled

# Parsing an interpolation takes a millisecond, and hundreds of compositions have the same ones: of its tree nothing
# is ever changed.
_parsed = functools.lru_cache(maxsize=256)(grammar_parser.parse)
omegaconf.base.parse = omegaconf._utils.parse = _parsed  # type: ignore[attr-defined]

Steps = tuple["str | int", ...]  # keys and list indexes, from the top

# What YAML 1.1 reads as truth values, as keys as well.
TRUTHS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
_STEP = compiled(r"\[([^\]]*)\]|([^.\[\]]+)")
_PLAIN_STEP = compiled(r"()([^.\[\]]+)")
_ONE_TYPE = (IntegerNode, FloatNode, BooleanNode, StringNode, BytesNode, PathNode, EnumNode)


def split(key: str) -> Steps:
    """The steps of a dotted key, as OmegaConf's errors and `keys` write it: `exp.fold[0]` is ("exp", "fold", 0)."""
    closed = key.rfind("]") + 1  # no bracket behind that has an end, which would be looked for from each of them
    found = (match.groups() for match in (*_STEP.finditer(key, 0, closed), *_PLAIN_STEP.finditer(key, closed)))
    return tuple(step(inner) if inner else plain or "" for inner, plain in found)


def step(text: str) -> str | int:
    """A step as it is written: digits are the index of a list."""
    number = naming.integer(text)
    return text if number is None else number


def join(steps: Steps) -> str:
    """The dotted key of these steps; a key that has a dot in its name stands in brackets, as OmegaConf reads it."""
    return "".join(map(_written, steps)).removeprefix(".")


def names(key: str) -> tuple[str, ...]:
    """The same as text: what code and Hydra's overrides call them."""
    return tuple(map(str, split(key)))


GLOBAL = "_global_"  # the package that is the root of the config


def in_package(package: str) -> tuple[str, ...]:
    """The steps to a package from the root of the config: `_global_.trainer` and `trainer` are the same."""
    steps = names(package)
    return steps[1:] if steps[:1] == (GLOBAL,) else steps


def top(key: str) -> str:
    """The first step of a dotted key, which is mostly a group; "" without one."""
    return next(iter(names(key)), "")


def _written(step: Any) -> str:
    return f"[{step}]" if isinstance(step, int) or "." in str(step) else f".{step}"


def is_none(node: Any) -> bool:
    """Whether null stands there."""
    return node is None or bool(node._is_none())


def is_missing(node: Any) -> bool:
    """Whether `???` stands there."""
    return node is not None and bool(node._is_missing())


def is_interpolation(node: Any) -> bool:
    """Whether an interpolation stands there, or text with one in it."""
    return node is not None and bool(node._is_interpolation())


def is_there(node: Any) -> bool:
    """Whether it is a value of its own: neither null nor `???` nor an interpolation."""
    return not (is_none(node) or is_missing(node) or is_interpolation(node))


def is_mapping(node: Any) -> TypeGuard[DictConfig]:
    """Whether it is a mapping, and one that is there."""
    return isinstance(node, DictConfig) and type(node.__dict__["_content"]) is dict  # else null, or text


def is_list(node: Any) -> TypeGuard[ListConfig]:
    """Whether it is a list, and one that is there."""
    return isinstance(node, ListConfig) and type(node.__dict__["_content"]) is list


def child(node: Any, step: Any) -> Any:
    """The node at a key or an index; None where there is none."""
    if is_mapping(node):
        content = node.__dict__["_content"]
        if type(step) is str and node._metadata.key_type in (str, Any):  # no other key stands for it
            return content.get(step)
    elif not is_list(node):
        return None
    try:
        return node._get_node(step)
    except (OmegaConfBaseException, IndexError, TypeError):  # a key of another type than the dict's, or of no field
        return None


def at(node: Any, steps: Iterable[Any]) -> Any:
    """The node below `node` at these steps; None where there is none."""
    for step in steps:
        node = child(node, step)
    return node


def within(values: Any, steps: Iterable[Any]) -> Any:
    """What stands at these steps in plain mappings and lists, as `at` gives it of nodes; None where nothing does."""
    for step in steps:
        if isinstance(values, list) and isinstance(step, int):
            values = values[step] if 0 <= step < len(values) else None
        else:
            values = values.get(step) if isinstance(values, dict) else None
    return values


def children(node: Any) -> Iterator[tuple[Any, Any]]:
    """The keys or indexes of a container that is there, each with its node."""
    if is_mapping(node):
        yield from node.__dict__["_content"].items()
    elif is_list(node):
        yield from enumerate(node.__dict__["_content"])


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The nodes below `node`, which stands at `path`, that hold no others: each with its dotted key."""
    inner: Any = is_mapping(node) or is_list(node)
    if inner:
        for step, below in children(node):
            named = step if isinstance(node, ListConfig) else str(step)
            yield from leaves(below, f"{path}{_written(named)}".removeprefix("."))
    elif node is not None and path:
        yield path, node


Elements = dict[int, tuple[list[Any], list[Any]]]  # by the id of a list: the list, and the nodes of its elements


def created(values: dict[str, Any], key: str | None = None, known: Elements | None = None) -> DictConfig:
    """What `OmegaConf.create` makes of plain values, without its checks and in a tenth of the time.

    They are dicts by name, lists and scalars, with interpolations that are well written; `key` is where it will stand.
    Scalars of a long list that is in `known` are the nodes that it had there; what is new is added.
    """
    node: DictConfig = _grown(values, key, None, known)
    return node


_TEMPLATES = {kind: OmegaConf.create(kind()) for kind in (dict, list)}
_LEAF = AnyNode(None)
_LONG = 16  # elements; making them anew costs more than remembering them


def _grown(value: Any, key: Any, parent: Any, known: Elements | None) -> Any:
    kind = type(value)
    template = _TEMPLATES.get(kind, _LEAF)
    metadata = object.__new__(type(template._metadata))
    metadata.__dict__.update(template._metadata.__dict__)
    metadata.__dict__.update(key=key, flags={}, resolver_cache=defaultdict(dict))
    node: Any = object.__new__(type(template))
    inside = node.__dict__
    inside.update(_metadata=metadata, _parent=parent, _flags_cache=None)
    if kind is dict:
        inside["_content"] = {step: _grown(below, step, node, known) for step, below in value.items()}
    elif kind is list and known is not None and id(value) in known:
        inside["_content"] = known[id(value)][1].copy()
    elif kind is list:
        content = inside["_content"] = [_grown(below, step, node, known) for step, below in enumerate(value)]
        if known is not None and len(content) > _LONG and all(type(below) is AnyNode for below in content):
            known[id(value)] = (value, content)
    else:
        inside["_val"] = value
    return node


def take_apart(node: Any) -> None:
    """Take everything out of a node that `created` gave and that nobody uses any more."""
    content = node.__dict__.pop("_content", ())
    for below in content.values() if isinstance(content, dict) else content:
        if type(below) is not AnyNode:  # which long lists have in common
            take_apart(below)


def open_values(value: Any, path: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """The interpolations and `???` in plain values that stand at `path`, each with its steps."""
    kind = type(value)
    if kind is str:
        if value == "???" or "${" in value:
            yield path, value
    elif kind is dict or kind is list:
        for step, below in value.items() if kind is dict else enumerate(value):
            if type(below) in _MAY_BE_OPEN:
                yield from open_values(below, (*path, step))


_MAY_BE_OPEN = frozenset({str, dict, list})


def items(node: ListConfig) -> list[Any]:
    """What a list holds: values, and configs for the mappings and lists in it."""
    return list(node._iter_ex(resolve=False))


def value(node: Any) -> Any:
    """What stands there: a value of a field's type, null, `???`, or an interpolation as text. A container is itself."""
    if OmegaConf.is_config(node) and is_there(node):
        return node
    while hasattr(node, "_value"):  # the value of a union is a node of its own
        node = node._value()
    return node


def data(value: Any) -> Any:
    """A value for JSON: enums by name, paths and bytes as text."""
    if isinstance(value, dict):
        return {str(data(key)): data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [data(item) for item in value]
    if isinstance(value, Enum):
        return value.name
    return str(value) if isinstance(value, (PurePath, bytes)) else value


def refer(node: Any, reference: str) -> Any:
    """What an interpolation gives in the place of `node`. Raises OmegaConf's error where it does not resolve."""
    standing = AnyNode(reference, key=node._key(), parent=node._get_parent())
    return standing._maybe_dereference_node(throw_on_resolution_failure=True)


def is_well_written(text: str) -> bool:
    """Whether the interpolations in a text are ones to OmegaConf's grammar."""
    try:
        get_value_kind(text, strict_interpolation_validation=True)
    except (OmegaConfBaseException, RecursionError):  # hundreds of references within each other
        return False
    return True


def put(node: Any, candidate: Any) -> Any:
    """A copy of the field with that value. Raises OmegaConf's error where the field does not take it."""
    result = copy.deepcopy(node)
    try:
        result._set_value(candidate)
    except OverflowError as error:  # a number that is no float
        raise ValidationError(str(error)) from error
    return result


def takes(node: Any, candidate: Any) -> bool:
    """Whether the field would take the value."""
    try:
        put(node, candidate)
    except OmegaConfBaseException:
        return False
    return True


def declared(node: Any) -> Any:
    """The type that the field is declared as; Any without one."""
    return node._metadata.ref_type


def element_type(node: Any) -> Any:
    """The type that the members of a container are declared as; Any without one."""
    return node._metadata.element_type


def is_optional(node: Any) -> bool:
    """Whether the field takes null."""
    return bool(node._is_optional())


def is_frozen(node: Any) -> bool:
    """Whether the node takes no other value."""
    return bool(node._get_flag("readonly"))


_KEEPS_LIST = "HYDRA_REMOVE_TOP_LEVEL_DEFAULTS"  # Hydra's flag, which merging hands on


def keep_list(config: DictConfig) -> None:
    """Mark a stored config whose defaults list stays in it while it is merged (ConfigRepository, of a dataclass)."""
    config._set_flag(_KEEPS_LIST, True)


def keeps_list(config: DictConfig) -> bool:
    """Whether it is marked so."""
    return bool(config._get_flag(_KEEPS_LIST))


def take_out_lists(node: Any) -> None:
    """Take the defaults lists out of what is marked, at the end of all merging (_compose_config_from_defaults_list)."""
    if not isinstance(node, DictConfig) or not is_there(node):
        return
    with flag_override(node, ["readonly", "struct"], False):
        if keeps_list(node):
            node._set_flag(_KEEPS_LIST, None)
            node.pop("defaults", None)
    for _, below in node.items_ex(resolve=False):
        take_out_lists(below)


def is_structured(node: Any) -> bool:
    """Whether a dataclass stands behind the node."""
    return isinstance(node, DictConfig) and OmegaConf.get_type(node) not in (dict, None)


def has_one_type(node: Any) -> bool:
    """Whether it is a field for one value of a type, which never stands for a part of the config."""
    return isinstance(node, _ONE_TYPE)


def leaves_free(config: DictConfig, key: str) -> bool:
    """Whether an untyped config has no say in what is merged into it at a key."""
    return OmegaConf.get_type(config) is dict and key not in config.__dict__["_content"] and not is_frozen(config)


def is_text(node: Any) -> bool:
    """Whether it is a field for text, which takes every scalar."""
    return isinstance(node, StringNode)


def take(config: DictConfig, key: str) -> Any:
    """Remove `key` and return its node; None if it is not there (a null is a node)."""
    node = config._get_node(key, validate_access=False)
    if node is not None:
        del config.__dict__["_content"][key]
    return node
