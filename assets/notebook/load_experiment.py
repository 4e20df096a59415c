"""Load the config of any experiment in a notebook, as `python train.py exp=001 …` composes it.

    from load_experiment import diff, load

    cfg = load("001-baseline", "exp=001", "exp.seed=1")     # a folder, then overrides as on the command line
    diff(cfg, load("002-larger-model", "exp=001"))          # another experiment, side by side

Every call runs the top of train.py anew, under a module name and with a ConfigStore of its own: no experiment gets the
classes of another, an edited file counts at once, and a cell can run twice. To start afresh, load again.

Relative folders start at this file, at PROJECT or in PROJECT/experiments, wherever the kernel was started.
`${hydra:…}` means something in a run only: reading such a value here fails.
"""

from __future__ import annotations
import __future__

import ast
import copy
import inspect
import os
import re
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf
from omegaconf.basecontainer import BaseContainer
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue, UnsupportedValueType

HERE = Path(__file__).resolve().parent
# Where runs write to: `PROJECT / cfg.env.output_dir`.
PROJECT = next((folder for folder in (HERE, *HERE.parents) if (folder / "experiments").is_dir()), HERE.parent)
_ENTRIES = ("train.py", "run.py", "main.py")  # where several files have @hydra.main, the first of these
_MEANS_NOTHING_HERE = (
    InterpolationResolutionError,
    UnsupportedValueType,
)  # `${hydra:…}`, a resolver that gives a tuple
_LOADED = "experiment_"  # what the names of the modules begin with
_ADVICE = "Install it in this kernel, or import it inside the functions that need it."


def load(experiment: str | Path, *overrides: str) -> DictConfig:
    """The config of `experiment` (`001`, `001-baseline`, a folder, or its entry point), composed with `overrides`.

    Raises FileNotFoundError where there is no such experiment, ImportError where the config needs a package that this
    kernel lacks, and Hydra's own errors for what Hydra refuses.
    """
    entry = _entry(experiment)
    with _apart():
        code = _run(entry)
        try:
            return _compose(entry, code, list(overrides))
        except Exception as error:
            if not code.left_out:
                raise
            raise ImportError(f"{code.lacks(entry)}, which the config needs: {error}\n{_ADVICE}") from error


def load_code(experiment: str | Path) -> ModuleType:
    """The entry point of `experiment` as a module, for its functions and classes; nothing is trained.

    An import inside one of its functions is looked up when that is called: it does not see the experiment's folder.
    """
    with _apart():
        return _run(_entry(experiment)).module


class Diff(dict[str, tuple[Any, Any]]):
    """Key -> value on the left, value on the right; "—" where there is no such key. Shows as a table."""

    def __repr__(self) -> str:
        rows = [(key, str(left), str(right)) for key, (left, right) in self.items()]
        widths = [max(len(row[i]) for row in rows) for i in range(2)] if rows else []
        lines = (f"{key:{widths[0]}}  {left:{widths[1]}}  {right}" for key, left, right in rows)
        return "\n".join(lines) or "no difference"


def diff(left: Any, right: Any) -> Diff:
    """What differs between two configs (or parts of them, such as `cfg.exp`), by dotted key."""
    a, b = dict(_leaves(left)), dict(_leaves(right))
    pairs = {key: (a.get(key, "—"), b.get(key, "—")) for key in {**a, **b}}
    return Diff({key: pair for key, pair in pairs.items() if repr(pair[0]) != repr(pair[1])})


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    value = _plain(value)
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def _plain(value: Any) -> Any:
    """A config as plain values; what means something in a run only, such as `${hydra:…}`, as it is written."""
    if not OmegaConf.is_config(value):
        return value
    with suppress(*_MEANS_NOTHING_HERE):
        return OmegaConf.to_container(value, resolve=True)
    written = OmegaConf.to_container(value)
    if not isinstance(written, dict):
        return written
    for name in written:
        with suppress(*_MEANS_NOTHING_HERE, MissingMandatoryValue):
            written[name] = _plain(value[name])
    return written


# -- finding ----------------------------------------------------------------------------------------------------------


def _entry(experiment: str | Path) -> Path:
    """The file with @hydra.main."""
    home = PROJECT / "experiments"
    places = [base / experiment for base in (HERE, PROJECT, home)]
    found = [place for place in places if place.exists()][:1] or sorted(home.glob(f"{experiment}[-_]*"))
    if len(found) != 1:
        known = ", ".join(sorted(path.name for path in home.glob("[!._]*") if path.is_dir())) or "none"
        count = f"{len(found)} experiments" if found else "no experiment"
        raise FileNotFoundError(f"{experiment!s} means {count}; there is: {known} (in {home})")
    path = Path(os.path.normpath(found[0]))
    if path.is_file():
        return path
    scripts = [script for script in path.glob("*.py") if b"hydra" in (text := script.read_bytes()) and b"main(" in text]
    ranked = sorted(scripts, key=lambda s: (_ENTRIES.index(s.name) if s.name in _ENTRIES else len(_ENTRIES), s.name))
    if not ranked:
        raise FileNotFoundError(f"{path} has no file with @hydra.main; give the path of the entry point")
    return ranked[0]


# -- running the entry point ------------------------------------------------------------------------------------------


@dataclass
class _Code:
    """An entry point that has run, up to its `if __name__ == "__main__"`."""

    module: ModuleType
    main: dict[str, Any] = field(default_factory=dict)  # the arguments of @hydra.main
    left_out: dict[str, list[int]] = field(default_factory=dict)  # what could not be imported -> the lines left out

    def lacks(self, entry: Path) -> str:
        """What was left out, and why."""
        lines = ", ".join(str(line) for line in sorted(line for lines in self.left_out.values() for line in lines))
        return f"{'; '.join(self.left_out)}: {entry.parent.name}/{entry.name} ran without line {lines}"


@contextmanager
def _apart() -> Iterator[None]:
    """Give the block a Hydra, ConfigStore, resolvers and modules as a new process has them; then put all back."""
    Plugins.instance()  # launchers and sweepers register themselves once in a process: before the copy
    store, resolvers = ConfigStore.instance(), BaseContainer._resolvers
    repo, known, path, folder = store.repo, dict(resolvers), list(sys.path), Path.cwd()
    modules = {name: module for name, module in sys.modules.items() if _is_ours(name, module)}
    hydras = {key: node for key, node in repo.items() if key == "hydra" or getattr(node, "provider", "") == "hydra"}
    store.repo = copy.deepcopy(hydras)
    for name in [name for name in known if not name.startswith("oc.")]:
        del resolvers[name]  # Hydra registers its own again
    for name in modules:
        del sys.modules[name]
    running = GlobalHydra.instance().hydra  # of an `initialize` of the notebook's own
    GlobalHydra.instance().clear()
    try:
        with warnings.catch_warnings():  # Hydra 1.4 tells whoever writes train.py, and here nobody does
            warnings.filterwarnings("ignore", "The version_base parameter is deprecated")
            yield
    finally:
        GlobalHydra.instance().hydra = running
        store.repo, sys.path[:] = repo, path
        resolvers.update(known)
        for name in [name for name, module in sys.modules.items() if _is_ours(name, module)]:
            del sys.modules[name]
        sys.modules.update(modules)
        os.chdir(folder)


def _is_ours(name: str, module: ModuleType) -> bool:
    """Whether a module belongs to the project: it may register configs, and experiments have namesakes (utils.py)."""
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)  # without __init__.py
    if not file or name == "__main__" or name.startswith(_LOADED):
        return False
    return Path(file).is_relative_to(PROJECT) and not {"site-packages", "dist-packages"} & set(Path(file).parts)


def _run(entry: Path) -> _Code:
    """Run the statements of `entry`, all but those that need a package which is not installed here."""
    label = re.sub(r"\W", "_", f"{entry.parent.name}_{entry.stem}")
    name = f"{_LOADED}{label}_{zlib.crc32(bytes(entry)):08x}"  # dataclasses and pickle look their module up by name
    module = ModuleType(name)
    module.__file__ = str(entry)
    code = _Code(module)
    tree = ast.parse(entry.read_bytes(), str(entry))
    futures = [a.name for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__" for a in s.names]
    flags = sum(getattr(__future__, future).compiler_flag for future in futures)
    lacking: dict[str, str] = {}  # name -> why it is not there
    sys.modules[name] = module
    sys.path.insert(0, str(entry.parent))  # as `python train.py` has it
    sys.path += [
        str(PROJECT),
        str(PROJECT / "src"),
    ]  # as PYTHONPATH or an editable install has them; what is there wins
    with _recorded(code):
        for statement in tree.body:
            try:
                exec(compile(ast.Module([statement], []), str(entry), "exec", flags, True), vars(module))
            except (ImportError, NameError) as error:
                reason = str(error) if isinstance(error, ImportError) else lacking.get(str(error.name))
                if reason is None:
                    raise
                lacking.update(dict.fromkeys(_names(statement), reason))
                code.left_out.setdefault(reason, []).append(statement.lineno)
    if code.left_out:
        warnings.warn(f"{code.lacks(entry)}. {_ADVICE}", stacklevel=3)
    return code


def _names(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement would have defined."""
    for node in ast.walk(statement):
        if isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@contextmanager
def _recorded(code: _Code) -> Iterator[None]:
    """Note the arguments that the block gives to @hydra.main."""
    original = hydra.main

    def main(*arguments: Any, **named: Any) -> Any:
        code.main = code.main or inspect.signature(original).bind(*arguments, **named).arguments
        return original(*arguments, **named)

    hydra.main = main
    try:
        yield
    finally:
        hydra.main = original


def _compose(entry: Path, code: _Code, overrides: list[str]) -> DictConfig:
    if not code.main:
        raise FileNotFoundError(f"{entry} has no @hydra.main; give the path of the entry point")
    own_resolvers = any(not name.startswith("oc.") for name in BaseContainer._resolvers)
    folder = os.path.normpath(entry.parent / (code.main.get("config_path") or "."))
    base = {key: value for key, value in code.main.items() if key == "version_base"}
    with hydra.initialize_config_dir(folder, job_name=entry.stem, **base):
        cfg = hydra.compose(code.main.get("config_name"), overrides)
    if own_resolvers:  # the next experiment may have a namesake; `${hydra:…}` stays what it is
        with suppress(*_MEANS_NOTHING_HERE):
            OmegaConf.resolve(cfg)
    return cfg
