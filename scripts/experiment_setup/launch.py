"""How the project's code is started on this machine, so that a printed command works as it stands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiment_setup import files, installed, processes, requirements
from experiment_setup.light import dataclass
from experiment_setup.requirements import Declared, package_of

_SECONDS = 10  # for a Python to start; a slower one is not asked


@dataclass(frozen=True)
class Missing:
    """A package that a run needs and that is neither installed nor declared."""

    module: str
    help: str  # what to type


@dataclass(frozen=True)
class Launch:
    """The beginning of a command, such as `uv run python`, and what keeps it from working."""

    start: str
    missing: tuple[Missing, ...] = ()
    works: bool = True  # with what the command itself brings along, such as `--with wandb`


def of(root: Path, modules: Sequence[Path]) -> Launch:
    """How to start an entry point of the project at `root`; `modules` are its file and those that it imports.

    In this order: an environment of the project's own that has all that is imported; a uv project as it is declared;
    another Python that has it all; `uv run --no-project` with what is needed, which leaves nothing behind.
    """
    needed = requirements.imported(modules, root)
    own = [(python, python.lacking(needed)) for python in _own_pythons(root)]
    for python, lacking in own:
        if not lacking:
            return Launch(python.start)
    uv = "UV" in os.environ or shutil.which("uv") is not None
    declared = Declared(root)
    undeclared = [name for name in needed if declared.lacks(name)]
    as_project = uv and declared.is_uv_project and "hydra" not in undeclared
    if as_project and not undeclared:
        return Launch("uv run python")
    other = _on_path(root)
    lacking = other.lacking(needed) if other is not None else needed
    if other is not None and not lacking:
        return Launch(other.start)
    if as_project:
        start, works = _brought(["uv", "run"], undeclared)
        return Launch(start, _missing(undeclared, "uv add {}"), works)
    for python, absent in own:
        if "hydra" not in absent:
            start, works = _brought(["uv", "run", "--no-project"], absent) if uv else ("", False)
            return Launch(start if works else python.start, _missing(absent, python.install), works)
    if uv:
        return _without_environment(declared, needed)
    start = other.start if other is not None else "python"
    return Launch(start, _missing(lacking, f"{start} -m pip install {{}}"), works=False)


def _without_environment(declared: Declared, needed: Sequence[str]) -> Launch:
    """`uv run --no-project`, which brings along what is declared and what is small."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"  # Hydra runs on it, and it is here: it runs us
    uv_run = ["uv", "run", "--no-project", "--python", version]
    for requirement in filter(None, map(declared.requirement, needed)):
        uv_run += ["--with", shlex.quote(requirement)]
    undeclared = [name for name in needed if declared.lacks(name)]
    start, works = _brought(uv_run, undeclared)
    if declared.is_project:
        return Launch(start, _missing(undeclared, "uv add {}"), works)
    large = [name for name in undeclared if package_of(name) is None or requirements.is_heavy(name)]
    return Launch(start, _missing(large, f"start it with `{_uv(uv_run, undeclared)}`"), works)


def _brought(uv_run: Sequence[str], lacking: Sequence[str]) -> tuple[str, bool]:
    """`uv run … python`, which brings along what is small and well known; whether that is all that is lacking."""
    small = [name for name in lacking if package_of(name) and not requirements.is_heavy(name)]
    return _uv(uv_run, small), len(small) == len(lacking)


def _uv(uv_run: Sequence[str], modules: Sequence[str]) -> str:
    packages = [package for package in map(package_of, modules) if package]
    return " ".join([*uv_run, *(f"--with {package}" for package in packages), "python"])


def _missing(lacking: Sequence[str], install: str) -> tuple[Missing, ...]:
    """What to type for each; where the package's name is not known, a guess might fetch a stranger's."""
    return tuple(
        Missing(name, install.format(package_of(name)) if package_of(name) else f"install the package that has {name}")
        for name in lacking
    )


# -- Pythons ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Python:
    start: str
    executable: Path
    root: Path  # of the project
    environment: Path | None = None  # None: the machine's, which is no environment

    def lacking(self, modules: Sequence[str]) -> list[str]:
        """Those that it cannot import. An environment is looked at, not run: it may be anybody's."""
        if self.environment is not None:
            return [name for name in modules if not _holds(self.environment, name)]
        if self.executable.parent.samefile(Path(sys.executable).parent):  # environments link to one binary
            return [name for name in modules if not installed.has(name)]
        return _not_found(self.executable, modules, self.root)

    @property
    def install(self) -> str:
        """What to type for a package."""
        if self.environment is not None and not _holds(self.environment, "pip"):
            return f"uv pip install --python {self.start} {{}}"
        return f"{self.start} -m pip install {{}}"


def _own_pythons(root: Path) -> Iterator[_Python]:
    """The environment that is active, and those that lie in the project."""
    active = _on_path(root)
    if active is not None and active.environment is not None:
        yield active
    for place in (".venv/bin/python", "venv/bin/python", ".venv/Scripts/python.exe", "venv/Scripts/python.exe"):
        executable = root / place
        if executable.exists() and _is_environment(executable.parent.parent):
            yield _Python(place, executable, root, executable.parent.parent)


def _on_path(root: Path) -> _Python | None:
    """The `python` that the user's shell finds, without the isolated environment that `uv run script.py` puts first."""
    own = Path(sys.prefix) if "UV" in os.environ else None
    folders = [f for f in os.environ.get("PATH", "").split(os.pathsep) if own is None or Path(f).parent != own]
    for name in ("python", "python3"):
        found = shutil.which(name, path=os.pathsep.join(folders))
        if found:
            environment = Path(found).parent.parent
            return _Python(name, Path(found), root, environment if _is_environment(environment) else None)
    return None


def _not_found(executable: Path, modules: Sequence[str], root: Path) -> list[str]:
    """What a Python of the machine says it lacks. One that lies in the project, or its checkout, is not asked."""
    program = processes.find(executable.name, project=root, path=str(executable.parent))
    ask = "import importlib.util, sys; print(*[n for n in sys.argv[1:] if importlib.util.find_spec(n) is None])"
    try:
        said = processes.ask([program, "-I", "-c", ask, *modules], seconds=_SECONDS) if program is not None else None
    except OSError:
        said = None
    return said.out.decode().split() if said is not None and said.code == 0 else list(modules)


def _is_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir()


def _holds(environment: Path, module: str) -> bool:
    """Whether an environment has a module, by its folders alone: its Python may be anybody's."""
    for place in _site_packages(environment):
        if files.is_folder(place / module) or files.is_file(place / f"{module}.py"):
            return True
        if any(any(place.glob(name)) for name in (f"{module}.*.so", f"{module}.*.pyd", f"__editable__*{module}*")):
            return True
    return False


def _site_packages(environment: Path) -> Iterator[Path]:
    """Where modules are imported from, with the folders that .pth files add and those of the Python below."""
    for pattern in ("lib/python*/site-packages", "lib/python*/dist-packages", "Lib/site-packages"):
        for place in environment.glob(pattern):
            yield place
            for added in place.glob("*.pth"):
                lines = files.read_loosely(added).splitlines()
                yield from (place / line for line in lines if line.strip() and not line.startswith(("#", "import ")))
    settings = environment / "pyvenv.cfg"
    text = files.read_loosely(settings) if settings.is_file() else ""
    if re.search(r"(?im)^include-system-site-packages\s*=\s*true", text):
        for home in re.findall(r"(?m)^home\s*=\s*(\S.*)$", text):
            yield from _site_packages(Path(home.strip()).parent)
