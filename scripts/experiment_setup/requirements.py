"""Which packages a run needs, and which the project declares; told from files alone, nothing is imported or run."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from experiment_setup import files, syntax
from experiment_setup.light import compiled, dataclass

# Where a package goes by another name than its module: these are asked for by name, so only well-known ones count.
_OTHER_NAMES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "git": "gitpython",
    "hydra": "hydra-core",
    "lightning_fabric": "lightning",
    "pytorch_lightning": "pytorch-lightning",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "stable_baselines3": "stable-baselines3",
    "sentence_transformers": "sentence-transformers",
    "yaml": "pyyaml",
}
_SAME_NAMES = frozenset(
    "accelerate albumentations catboost datasets diffusers einops evaluate flax gymnasium h5py jax joblib keras "
    "lightgbm lightning matplotlib mlflow numba numpy omegaconf optax optuna pandas peft plotly polars psutil pyarrow "
    "pydantic requests rich safetensors scipy seaborn sentencepiece statsmodels tensorboard tensorflow timm tokenizers "
    "torch torchaudio torchmetrics torchvision tqdm transformers trl wandb xgboost".split()
)
# Gigabytes, in a build that fits the machine's GPU: never fetched in passing.
_HEAVY = frozenset("jax tensorflow torch".split())
_WITH_TORCH = frozenset(
    "accelerate lightning peft pytorch-lightning sentence-transformers stable-baselines3 timm torchaudio torchmetrics "
    "torchvision trl".split()
)
_WITH_NUMPY = frozenset(
    "catboost datasets gymnasium h5py jax keras lightgbm matplotlib numba opencv-python optuna pandas "
    "pytorch-lightning scikit-image scikit-learn scipy seaborn sentence-transformers statsmodels tensorflow "
    "torchvision transformers xgboost".split()
)
TRACKERS = ("wandb", "mlflow")
_TRACKER = "run_tracker.py"  # of the template: it imports a tracker late, to end the run in words of its own without it
_WITH_HYDRA = frozenset(["omegaconf", "yaml"])
# A package that is not declared may still come along: with one of these.
_COMES_WITH = {
    "numpy": _WITH_NUMPY,
    "torch": _WITH_TORCH,
    "pandas": frozenset("datasets mlflow seaborn statsmodels".split()),
    "scipy": frozenset("lightgbm scikit-learn statsmodels xgboost".split()),
    "tqdm": frozenset("datasets lightning optuna pytorch-lightning transformers".split()),
    "requests": frozenset("datasets mlflow wandb".split()),
}

# The package of `torch>=2; python_version < "3.13"`; none of a comment, an option or a URL.
_NAME = compiled(r"[A-Za-z0-9][A-Za-z0-9._-]*(?=\s*(?:$|[\[<>=!~;@,# ]))")


# Where projects say what they need, in the words of pip, Poetry, setuptools and conda.
_INSTALLING = ("pyproject.toml", "poetry.lock", "setup.py", "setup.cfg", "*requirement*.txt")
_DECLARING = (*_INSTALLING, "requirement*/*.txt", "*env*.yml", "*env*.yaml", "conda*.yml", "conda*.yaml")


def _spelled(module: str) -> str:
    """A pattern for the package that brings a module, with dashes or underscores."""
    return re.sub(r"\\?[-_]", "[-_]", re.escape(package_of(module) or module))


# `==1.1.0`, `=1.1` of conda, `= "~1.1"` of Poetry, `<1.2`: what lets newer releases through is none.
_BOUND = compiled(
    r"(?P<kind>(?<![<>!~=])={1,2}|~=?|<=?)\s*[\"']?(?P<major>\d+)(?:\.(?P<minor>\d+)(?:\.(?P<patch>\d+))?)?"
)


def _newest(bound: re.Match[str]) -> tuple[int, int]:
    """The newest release, without its patch, that a bound lets through."""
    kind, major = bound["kind"], int(bound["major"])
    if kind == "<" and not int(bound["patch"] or 0):
        return major, int(bound["minor"] or 0) - 1
    is_open = bound["minor"] is None or (kind == "~=" and bound["patch"] is None)  # `~=1.1` takes 1.9 as well
    return major, sys.maxsize if is_open else int(bound["minor"])


_OF_PYTHON = r"(?:requires-python|python_requires|(?<![\w.-])python)"
# `python=3.8`, `python = "~3.9"` of Poetry, `requires-python = "==3.10.*"`, `FROM python:3.10`, `python3.8`.
_PINNED_PYTHON = compiled(
    rf"{_OF_PYTHON}(?:\s*(?<![<>~!^])(?:={{1,3}}|:)[\s\"']*(?:===?|~(?!=))?\s*)?(?<![<>!^]=)3\.(\d+)"
)
_OLDER_PYTHON = compiled(rf"{_OF_PYTHON}\b[^#\n]*<(=?)\s*3\.(\d+)")
_PYTHON_VERSION = compiled(r"(?:python-)?3\.(\d+)")


def package_of(module: str) -> str | None:
    """The package to install for a module; None where only its author knows: a guess might fetch a stranger's."""
    return _OTHER_NAMES.get(module) or (module if module in _SAME_NAMES else None)


def is_heavy(module: str) -> bool:
    """Whether installing it takes gigabytes."""
    package = package_of(module)
    return package in _HEAVY or package in _WITH_TORCH


def imported(modules: Iterable[Path], root: Path) -> list[str]:
    """The packages (as modules) without which the run of these files of the project at `root` stops at its imports.

    They begin with hydra, for what it brings along. Imports inside functions do not count, nor do those that the code
    can do without (`try: … except ImportError`), nor the project's own modules.
    """
    files = list(modules)
    places = [*dict.fromkeys(folder for file in files for folder in _above(file.parent, root)), root / "src"]
    names = dict.fromkeys(["hydra", *(name for file in files for name in _top_level(file))])
    known = sys.stdlib_module_names | _WITH_HYDRA
    return [name for name in names if name not in known and not _is_own(name, places)]


def _above(folder: Path, root: Path) -> Iterator[Path]:
    yield folder
    yield from (parent for parent in folder.parents if parent.is_relative_to(root))


def _is_own(name: str, places: Sequence[Path]) -> bool:
    for folder in places:
        if files.is_file(folder / f"{name}.py"):
            return True
        if any((folder / name).glob("*.py")) or any((folder / name).glob("*/*.py")):  # wandb/ may hold runs, not code
            return True
    return False


def _top_level(file: Path) -> Iterator[str]:
    try:
        tree = syntax.tree(files.read_bytes(file))
    except OSError:
        return
    if tree is None:
        return
    if file.name == _TRACKER:
        imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import))
        yield from (alias.name for node in imports for alias in node.names if alias.name in TRACKERS)
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            waiting = [*node.body, *node.orelse, *waiting]
        elif isinstance(node, (ast.With, ast.Try)) and not _forgives(node):
            waiting = [*node.body, *waiting]
        elif isinstance(node, ast.Try):
            waiting = [*node.orelse, *waiting]


def _forgives(node: ast.With | ast.Try) -> bool:
    """Whether the block goes on without a module: a handler for it, or `with suppress(ImportError)`."""
    if isinstance(node, ast.With):
        return any("Error" in ast.dump(item.context_expr) for item in node.items)
    kinds = [ast.dump(handler.type) if handler.type else "Exception" for handler in node.handlers]
    return any(word in kind for kind in kinds for word in ("ImportError", "ModuleNotFoundError", "Exception"))


# -- what the project declares ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Declared:
    """What the project at `root` says that it needs, in pyproject.toml, uv.lock and requirements.txt."""

    root: Path

    @property
    def is_uv_project(self) -> bool:
        """Whether `uv run` starts its code as it means it: it has been locked, or it has settings for uv."""
        return self.is_project and ((self.root / "uv.lock").is_file() or "[tool.uv" in self._pyproject)

    @property
    def is_project(self) -> bool:
        """Whether `uv add` has a place to write to."""
        return re.search(r"^\[project\]", self._pyproject, re.MULTILINE) is not None

    def lacks(self, module: str) -> bool:
        """Whether a module is in none of the declared packages, nor known to come along with one."""
        package = package_of(module) or _normal(module)
        names = self._locked if self._locked and self.is_uv_project else self._requirements.keys()
        return package not in names and _COMES_WITH.get(package, frozenset()).isdisjoint(names)

    def names(self, module: str, below: Path) -> bool:
        """Whether what declares requirements, at the root or on the way down to `below`, has a line for a module."""
        line = re.compile(rf"^[ \t]*(?:-[ \t]*)?[\"']?{_spelled(module)}(?![\w.-])", re.MULTILINE)
        return any(map(line.search, self._texts(_DECLARING, below)))

    def requirement(self, module: str) -> str | None:
        """The declared requirement for a module, such as `torch>=2`; None where it is not declared itself."""
        return self._requirements.get(package_of(module) or _normal(module))

    def is_bound_before(self, module: str, release: tuple[int, int], below: Path) -> bool:
        """Whether what declares requirements, at the root or on the way down to `below`, asks for an older `release`.

        Told by what follows the package's name: `==1.1.0`, `>=1.0,<1.2`, or `= "~1.1"` of Poetry. Where none of these
        files has the name, those of the folders in the root are asked, as of src/setup.py: all that have it.
        """
        package = _spelled(module)
        value = r"""\{[^}\n]*\}|"[^"\n]*"|'[^'\n]*'|[^"'\n#;]*"""  # no further: a line may have other packages as well
        named = re.compile(rf"(?<![\w-]){package}(?![\w-])[\"']?[ \t]*((?:=[ \t]*)?(?:{value}))")
        locked = re.compile(rf'name = "{package}"\s*\nversion( = .*)')

        def asked(texts: Iterable[str]) -> list[bool]:
            """Of each text that has the package, whether it asks for an older one."""
            found = ([match[1] for pattern in (named, locked) for match in pattern.finditer(text)] for text in texts)
            bounds = ([bound for value in values for bound in _BOUND.finditer(value)] for values in found if values)
            return [any(_newest(bound) < release for bound in of_one) for of_one in bounds]

        own = asked(self._texts(_DECLARING, below))
        beside = [] if own else asked(_in_folders(self.root))
        return any(own) or (bool(beside) and all(beside))

    def is_for_python_before(self, minor: int, below: Path) -> bool:
        """Whether the project, or a guide of it, names a Python 3 older than 3.`minor` as the one it runs on, or the
        newest: `python=3.8` of conda, `requires-python = "<3.11"`, `FROM python:3.10`, a file .python-version.
        """
        declared = [*self._texts(_DECLARING, below)]
        told = [*declared, *self._texts(("README*", "Dockerfile*"), below)]
        newest = [int(match[1]) for text in told for match in _PINNED_PYTHON.finditer(text)]
        newest += [int(match[2]) - (not match[1]) for text in declared for match in _OLDER_PYTHON.finditer(text)]
        files = map(_PYTHON_VERSION.match, self._texts((".python-version", "runtime.txt"), below))
        newest += [int(match[1]) for match in files if match]
        return any(version < minor for version in newest)

    def _texts(self, names: Iterable[str], below: Path) -> Iterator[str]:
        """The files of these names at the root and on the way down to `below`."""
        folders = list(_above(below, self.root)) or [self.root]
        places = (path for folder in folders for name in names for path in sorted(folder.glob(name)))
        return map(files.read_or_empty, dict.fromkeys(places))

    @cached_property
    def _requirements(self) -> dict[str, str]:
        """Requirements by the name of their package."""
        found = list(self._in_pyproject) or files.read_or_empty(self.root / "requirements.txt").splitlines()
        named = ((_NAME.match(text), re.sub(r"(?:^|\s)#.*", "", text).strip()) for text in map(str.strip, found))
        return {_normal(match[0]): text for match, text in named if match}

    @cached_property
    def _pyproject(self) -> str:
        return files.read_or_empty(self.root / "pyproject.toml")

    @cached_property
    def _locked(self) -> frozenset[str]:
        lock = files.read_or_empty(self.root / "uv.lock")
        return frozenset(map(_normal, re.findall(r'^name = "([^"]+)"', lock, re.MULTILINE)))

    @property
    def _in_pyproject(self) -> Iterator[str]:
        """Of [project], and of the groups that uv installs unasked. (Python 3.10 has no reader of TOML.)"""
        for table, key in (("project", "dependencies"), ("dependency-groups", "dev"), ("tool.uv", "dev-dependencies")):
            body = re.search(rf"(?ms)^\[{re.escape(table)}\][^\n]*\n(.*?)(?=^\[|\Z)", self._pyproject)
            array = re.search(rf"(?m)^{key}\s*=\s*\[", body[1]) if body else None
            if body is None or array is None:
                continue
            for token in re.finditer(r"\"[^\"\n]*\"|'[^'\n]*'|#[^\n]*|\]", body[1][array.end() :]):
                if token[0] == "]":
                    break
                if not token[0].startswith("#"):
                    yield token[0][1:-1]


@functools.lru_cache(maxsize=4)  # each entry point of a project asks
def _in_folders(root: Path) -> Sequence[str]:
    """The files in the folders of the root by which packages are installed."""
    places = (path for name in _INSTALLING for path in sorted(root.glob(f"*/{name}")))
    return [text for text in map(files.read_or_empty, places) if text]


def _normal(name: str) -> str:
    """As packaging compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
