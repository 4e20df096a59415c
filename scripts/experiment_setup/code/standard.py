"""Which names of the standard library, omegaconf and hydra are known, and which of their functions are pure.

Everything else is opaque. What is listed here computes from its arguments alone: it reads and writes nothing.
"""

from __future__ import annotations

import abc
import builtins
import copy
import dataclasses
import enum
import functools
import importlib
import itertools
import json
import math
import os
import pathlib
import pkgutil
import sys
import textwrap
import types
import typing
from typing import Any

from omegaconf import II, SI

from experiment_setup.location import did_you_mean

# Modules of which constants and classes are taken as they are. Their functions are opaque unless they are in PURE.
# omegaconf is the only one that is not in the standard library.
TRANSPARENT = frozenset(
    "abc collections collections.abc contextlib copy dataclasses datetime decimal enum fractions functools itertools "
    "json logging math numbers omegaconf operator os os.path pathlib posixpath random re string sys textwrap time "
    "types typing typing_extensions uuid".split()
)

# Attributes that name the machine or the process: another one may run the experiment.
_UNKNOWN_ATTRIBUTES = {
    "sys": frozenset(
        "argv modules executable stdin stdout stderr flags path_hooks meta_path orig_argv prefix base_prefix "
        "exec_prefix path_importer_cache".split()
    ),
    "logging": frozenset({"root", "lastResort"}),
}

PURE: frozenset[Any] = frozenset(
    {
        *(abs, all, any, ascii, bin, bool, bytes, chr, complex, dict, divmod, enumerate, filter, float, format),
        *(frozenset, hex, int, isinstance, issubclass, len, list, map, max, min, object, oct, ord, pow, range),
        *(repr, reversed, round, set, slice, sorted, str, sum, tuple, zip, callable),
        *(os.path.join, os.path.dirname, os.path.basename, os.path.normpath, os.path.split, os.path.splitext),
        *(os.path.isabs, os.path.commonpath, os.path.commonprefix, os.path.normcase, os.fspath),
        *(pathlib.Path, pathlib.PurePath, pathlib.PosixPath, pathlib.PurePosixPath, pathlib.PureWindowsPath),
        *(function for name, function in vars(math).items() if callable(function) and not name.startswith("_")),
        *(itertools.chain, itertools.product, itertools.accumulate, itertools.islice, itertools.repeat),
        *(itertools.combinations, itertools.permutations, itertools.zip_longest, itertools.starmap),
        *(itertools.takewhile, itertools.dropwhile, itertools.chain.from_iterable, functools.reduce),
        *(copy.copy, copy.deepcopy, json.dumps, json.loads, textwrap.dedent, textwrap.indent),
        *(enum.auto, enum.unique, typing.NewType, typing.TypeVar, SI, II, dict.fromkeys),
        *(dataclasses.asdict, dataclasses.astuple, dataclasses.replace, dataclasses.is_dataclass),
        *(str.lower, str.upper, str.strip, str.title, str.join, str.maketrans, float.fromhex, bytes.fromhex),
        *(value for value in vars(builtins).values() if isinstance(value, type) and issubclass(value, Exception)),
    }
)

# They take functions, which may be the project's: each call of them is computed here.
HIGHER_ORDER: frozenset[Any] = frozenset(
    {
        *(map, filter, sorted, max, min, functools.reduce, itertools.accumulate, itertools.takewhile),
        *(itertools.dropwhile, itertools.starmap),
    }
)

# The order of a set of strings differs from one process to the next; these do not depend on it.
ORDER_FREE: frozenset[Any] = frozenset(
    {*(all, any, bool, frozenset, isinstance, len, max, min, set, sorted, callable, copy.copy, copy.deepcopy)}
)

METHODS: dict[type, frozenset[str]] = {
    kind: frozenset(name for name in dir(kind) if not name.startswith("_"))
    for kind in (str, bytes, int, bool, float, complex, list, tuple, dict, set, frozenset, range, type(None))
}

PATH_ATTRIBUTES = frozenset("parts drive root anchor name suffix suffixes stem parent parents".split())
PATH_METHODS = frozenset(
    "as_posix as_uri is_absolute is_relative_to joinpath match relative_to with_name with_stem with_suffix "
    "with_segments".split()
)
PATH_NORMALISING = frozenset({"resolve", "absolute"})  # known for absolute paths only: others depend on the folder

# Decorators that return what they decorate, as far as its results go.
IDENTITY_DECORATORS: frozenset[Any] = frozenset(
    {functools.cache, functools.lru_cache, abc.abstractmethod, typing.final, typing.no_type_check}
)

_BUILTIN_NAMES = frozenset(
    "abs all any ascii bin callable chr dict divmod enumerate filter float format frozenset hex int isinstance "
    "issubclass len list map max min object oct ord pow print range repr reversed round set slice sorted str sum "
    "tuple type zip bool bytes bytearray complex memoryview property staticmethod classmethod super getattr hasattr "
    "setattr Ellipsis NotImplemented".split()
)
BUILTINS: dict[str, Any] = {
    name: value
    for name, value in vars(builtins).items()
    if name in _BUILTIN_NAMES or (isinstance(value, type) and issubclass(value, BaseException))
}
OPAQUE_BUILTINS = frozenset(vars(builtins)) - BUILTINS.keys()

_CONSTANTS = (str, int, float, bytes, tuple, frozenset, bool, type(None), enum.Enum)


_FUNCTION_TYPES = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    functools._lru_cache_wrapper,
)


class Unknown(Exception):
    """The attribute exists, but what it is depends on the machine, or calling it does."""


def attribute(module: str, name: str) -> Any:
    """A constant, class or pure function of a transparent module.

    Raises Unknown for what is not known without running code, AttributeError for what the module does not have.
    """
    if module not in TRANSPARENT or name.startswith("__") or name in _UNKNOWN_ATTRIBUTES.get(module, ()):
        raise Unknown
    if module == "typing_extensions":  # third-party, but nearly all of it is typing's
        if not hasattr(typing, name):
            raise Unknown
        module = "typing"
    value = getattr(importlib.import_module(module), name)
    if isinstance(value, (types.ModuleType, list, dict, set)):
        raise Unknown
    if isinstance(value, (*_CONSTANTS, type)) or is_typing(value) or hashable_in(value, PURE | IDENTITY_DECORATORS):
        return value
    if module in ("typing", "dataclasses", "enum", "functools"):
        return value  # sentinels and decorators; calling them is decided where they are called
    raise Unknown


def misspelled(module: str, name: str) -> str | None:
    """The name that a module has instead of one that it does not have; None if none is so near, or a module in it has
    the name, which is there as soon as anything imports it: `logging.handlers`.
    """
    found = importlib.import_module(module)
    if any(inner.name == name for inner in pkgutil.iter_modules(getattr(found, "__path__", ()))):
        return None
    return did_you_mean(name, (known for known in dir(found) if not known.startswith("_")))


def is_pure(function: Any) -> bool:
    """Whether calling `function` with plain values has no effect and no other input."""
    return hashable_in(function, PURE)


def is_typing(value: Any) -> bool:
    """Whether `value` is a type, or what the typing module makes of types."""
    if isinstance(value, (type, types.GenericAlias, types.UnionType)):
        return True
    return type(value).__module__ in ("typing", "_typing", "dataclasses") and not isinstance(value, types.FunctionType)


def hashable_in(value: Any, known: frozenset[Any]) -> bool:
    """Whether a value is one of these functions. (Nothing else is hashed: a deep tuple would take for ever.)"""
    try:
        return isinstance(value, _FUNCTION_TYPES) and value in known
    except TypeError:  # a bound method of what has no hash
        return False


# What Python has imported before the script starts, so that a file of that name beside the script does not count.
STARTED_WITH = frozenset(sys.builtin_module_names) | frozenset(
    "os io abc codecs stat site posixpath ntpath genericpath zipimport encodings runpy importlib".split()
)
STANDARD_LIBRARY = sys.stdlib_module_names
