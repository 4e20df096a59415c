"""Which file an import means: sys.path as the script would see it, searched as Python searches it."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiment_setup import files
from experiment_setup.code import standard
from experiment_setup.light import dataclass
from experiment_setup.requirements import Declared

INSTALLED = "<installed>"  # where the standard library and site-packages stand in sys.path


@dataclass(frozen=True)
class Found:
    """A module of the project: its file, or the folders of a namespace package."""

    file: Path | None
    folders: tuple[Path, ...]  # where its submodules are; () for a plain module
    fallback: bool = False


class Finder:
    """Finds modules by name. `path` is sys.path, which the code that is read may change.

    It begins with the entry point's folder; for `__main__.py` with the one that `python -m PACKAGE` is typed in.
    """

    def __init__(self, entry: Path, root: Path) -> None:
        self._entry = entry
        above = (folder for folder in entry.parents if folder.is_relative_to(root))
        inside = [folder for folder in above if any(files.is_file(folder / name) for name in _SETUPS)]
        self._fallbacks = [part for folder in (*inside, root) for part in (folder, folder / "src")]
        packages = _packages_of(entry)
        self._fallbacks += [folder.parent for folder in packages[-1:] if folder.is_relative_to(root)]
        self._in_a_package = may_be_a_module(entry)
        self._root = root
        given = os.environ.get("PYTHONPATH", "")
        self._names: dict[Path, frozenset[str] | None] = {}  # in folders that were searched; None: it does not tell
        first = [entry.parent]
        if entry.name == "__main__.py":
            first = [*(folder.parent for folder in packages[-1:]), root, *first]
        self._folders_of: dict[str, list[Path]] = {}
        self.path: list[Any] = [*map(str, first), *(p for p in given.split(os.pathsep) if p), INSTALLED]

    def find(self, name: str, inside: Sequence[Sequence[str]] = ()) -> Found | None:
        """A top-level module of the project; None for what is installed, or is not found.

        As in importlib, what Python starts with comes first, then sys.path in its order; a folder without
        `__init__.py` counts only if nothing else of the name is found. The project's root, its src/, the packages in
        it that can be installed, the one with the entry point first, and the folder of the package that the entry point
        lies in come last: they are on the path where they are, or PYTHONPATH names them.

        `inside`: the names that are wanted of it. A folder without `__init__.py` that has none of them is no package:
        folders such as wandb/ or data/ may have the name of a library that is not installed here.
        """
        if name in standard.STARTED_WITH:
            return None
        before, after = self._folders()
        found = self._search(name, before)
        own = found is not None and found.file is not None and found.file.is_relative_to(self._entry.parent)
        if own and self._in_a_package and (name in standard.STANDARD_LIBRARY or self._is_required(name)):
            return None  # `python -m package.train` does not have the folder on its path
        if own and (above := self._above_the_package(name)) is not None:
            return above
        if found and found.file:
            return found
        if name in standard.STANDARD_LIBRARY or name in ("omegaconf", "hydra", "typing_extensions"):
            return None
        found = self._search(name, [*before, *after])
        if found and not found.file and self._is_required(name):
            return None  # what is installed has an `__init__.py`
        if found and found.file:
            return found
        fallback = self._search(name, [*self._fallbacks, *_installed_from(self._root)])
        if found and fallback and _goes_before(fallback, found, inside):
            off_the_path = not any(folder.is_relative_to(own) for folder in fallback.folders for own in found.folders)
            return Found(fallback.file, fallback.folders, off_the_path)
        if found and _is_package(found, inside):
            return found
        if fallback and (fallback.file or _is_package(fallback, inside)):
            return Found(fallback.file, fallback.folders, fallback=True)
        return found

    def _is_required(self, name: str) -> bool:
        """Whether the requirements of the project name a library like this module."""
        return Declared(self._root).names(name, self._entry.parent)

    def _above_the_package(self, name: str) -> Found | None:
        """A package beside that of an entry point which the project runs by `python -m PACKAGE.train`: then the folder
        of the entry point, where another one of the name lies, is not on the path.
        """
        package = next(iter(_packages_of(self._entry)[-1:]), None)
        found = self._search(name, [package.parent]) if package is not None and package.name != name else None
        runs = found and found.file and package and _runs_modules_of(package.name, self._root)
        return found if runs else None

    def package_of_script(self, level: int = 1) -> str:
        """The dotted name of the package that the entry point lies in, as `python -m` would see it; "" for none.

        Without any `__init__.py` it is the one below the project's root (or that of a project inside), if the project
        says that it is run so, or if the root has that package. Above the topmost package there may be folders without
        one, to which an import with `level` dots leads.
        """
        packages = _packages_of(self._entry)
        parts = [folder.name for folder in reversed(packages)]
        folder = packages[-1].parent if packages else self._entry.parent
        if not parts and self._entry.is_relative_to(self._root):
            for folder in (base for base in self._entry.parent.parents if base.is_relative_to(self._root)):
                below = self._entry.parent.relative_to(folder).parts
                named = all(part.isidentifier() for part in below)
                if named and (files.is_file(folder / below[0] / "__init__.py") or _runs_modules_of(below[0], folder)):
                    parts = list(below)
                    break
        while parts and len(parts) < level and folder != self._root and folder.name.isidentifier():
            parts.insert(0, folder.name)
            folder = folder.parent
        if parts:
            self._fallbacks.insert(0, folder)
        return ".".join(parts)

    def packages(self) -> list[str]:
        """The packages of the project that can be imported by their own name, as far as they have an `__init__.py`."""
        before, after = self._folders()
        folders = dict.fromkeys([*before, *after, *self._fallbacks, *_installed_from(self._root)])
        return sorted({path.parent.name for folder in folders for path in folder.glob("*/__init__.py")})

    @staticmethod
    def find_in(name: str, folders: Sequence[Path]) -> Found | None:
        """A submodule, by the last part of its name, in its package's folders."""
        return _search(name, folders)

    def _search(self, name: str, folders: Sequence[Path]) -> Found | None:
        """An entry point imports dozens of libraries, and each is looked for in every folder: those are listed once."""
        return _search(name, [folder for folder in folders if self._may_have(folder, name)])

    def _may_have(self, folder: Path, name: str) -> bool:
        if folder not in self._names:
            try:
                entries = os.listdir(folder)  # noqa: PTH208 (a path for each takes ten times as long)
                self._names[folder] = frozenset(entry.removesuffix(".py") for entry in entries)
            except (FileNotFoundError, NotADirectoryError):
                self._names[folder] = frozenset()
            except (OSError, ValueError):
                self._names[folder] = None
        known = self._names[folder]
        return known is None or name in known

    def _folders(self) -> tuple[list[Path], list[Path]]:
        before: list[Path] = []
        after: list[Path] = []
        current = before
        for item in self.path:
            if item == INSTALLED:
                current = after
            elif isinstance(item, str):  # Python ignores anything else, such as a Path
                if item not in self._folders_of:
                    path = Path(item)
                    # A relative one depends on the folder the script is started in: its own, or the root.
                    bases = [path] if path.is_absolute() else [self._entry.parent / path, self._root / path]
                    self._folders_of[item] = bases
                current.extend(self._folders_of[item])
        return before, after


def _packages_of(entry: Path) -> list[Path]:
    """The folders with an `__init__.py` that an entry point lies in, the topmost last."""
    return list(itertools.takewhile(lambda folder: (folder / "__init__.py").is_file(), entry.parents))


def may_be_a_module(entry: Path) -> bool:
    """Whether an entry point is one of a package, or imports as one, so that `python -m` may start it from above."""
    return bool(_packages_of(entry)) or _names_its_folder(entry)


def _names_its_folder(entry: Path) -> bool:
    """Whether a script imports from the folder it lies in by the folder's name: it is started from above, by `-m`."""
    name = entry.parent.name
    if not name.isidentifier() or (entry.parent / name).is_dir() or (entry.parent / f"{name}.py").is_file():
        return False
    with contextlib.suppress(OSError):
        return bool(re.search(rf"^(?:from|import)\s+{name}\b", files.read_loosely(entry), re.MULTILINE))
    return False


@functools.lru_cache
def _installed_from(root: Path) -> tuple[Path, ...]:
    """The folders of a project with packages of their own: what `pip install -e FOLDER` puts on the path."""
    declared = (path for name in _SETUPS for depth in ("*", "*/*") for path in root.glob(f"{depth}/{name}"))
    found = sorted({path.parent for path in declared})
    return tuple(folder for base in found for folder in (base, base / "src"))


_SETUPS = ("setup.py", "pyproject.toml")


_TELLING = ("scripts/*", ".vscode/*", ".github/workflows/*")
_WITH_COMMANDS = frozenset(
    ".sh .md .rst .toml .py .json .yml .yaml .sbatch .slurm .bat .ps1 makefile justfile dockerfile procfile".split()
)


@functools.lru_cache
def _runs_modules_of(package: str, root: Path) -> bool:
    """Whether a text, a script or a task of the project has a command such as `python -m package.exp001.train`, or the
    words of one: `run(["python", "-m", "package.train"])`.
    """
    name = re.escape(package)
    command = re.compile(rf"(?:[\s\"']-m[\"']?(?:\s*,)?\s*[frb]?[\"']?|\"module\": *\"){name}\.")
    for pattern in ("*", *_TELLING, f"{package}/*", f"{package}/*/*"):
        for path in root.glob(pattern):
            if path.suffix not in _WITH_COMMANDS and path.name.lower() not in _WITH_COMMANDS:
                continue
            with contextlib.suppress(OSError):
                if command.search(files.read_loosely(path)):
                    return True
    return False


def _search(name: str, folders: Sequence[Path]) -> Found | None:
    portions: list[Path] = []
    for folder in folders:
        package = f"{folder}{os.sep}{name}"
        if os.path.isdir(package):  # noqa: PTH112
            initial = f"{package}{os.sep}__init__.py"
            if os.path.isfile(initial):  # noqa: PTH113
                return Found(Path(initial), (Path(package),))
            if Path(package) not in portions:
                portions.append(Path(package))
        if os.path.isfile(f"{package}.py"):  # noqa: PTH113
            return Found(Path(f"{package}.py"), ())
    return Found(None, tuple(portions)) if portions else None


def _goes_before(package: Found, folder: Found, inside: Sequence[Sequence[str]]) -> bool:
    """Whether a package that may be on the path goes before a folder of its name without `__init__.py`, as in Python.

    So does `solver/solver` that is installed from `solver/`, and what has the wanted name where the folder has not.
    """
    if package.file is None or _has_one(folder, inside):
        return False
    return any(package.file.is_relative_to(own) for own in folder.folders) or _has_one(package, inside)


def _has_one(found: Found, inside: Sequence[Sequence[str]]) -> bool:
    return any(_leads(folder, names[:1]) for folder in found.folders for names in inside)


def _is_package(found: Found, inside: Sequence[Sequence[str]]) -> bool:
    """Whether a namespace package is code: it has Python files, or a module of one of the names."""
    return any(_has_python(folder) or any(_leads(folder, names) for names in inside) for folder in found.folders)


def _leads(folder: Path, names: Sequence[str]) -> bool:
    """Whether the names lead from a folder to a module, after which they are names in it."""
    for name in names:
        if files.is_file(folder / f"{name}.py"):
            return True
        folder = folder / name
        if not files.is_folder(folder):
            return False
    return bool(names) and _has_python(folder)


def _has_python(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.endswith(".py") for entry in entries)
    except (OSError, ValueError):
        return False
