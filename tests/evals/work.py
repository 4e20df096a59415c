"""What an agent was given and what it left, and what the real Hydra makes of it."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from threading import Timer
from typing import Any

from omegaconf import OmegaConf

# What running, testing and the harness leave: no part of an answer.
NOISE = (".git/*", ".claude/*", ".venv/*", "*__pycache__/*", "*.pyc", ".pytest_cache/*", "*.ipynb_checkpoints/*")
ENTRIES = ("train.py", "run.py", "main.py")


class Failed(Exception):
    """An assertion does not hold; the text is the evidence."""


class NoHydra(Exception):
    """The interpreter can't import Hydra: no grade is better than a wrong one."""


class Hydra:
    """The real Hydra: `python ENTRY --cfg job …`, asked of one server that `close` ends.

    An entry point that is silent for `patience` seconds is ended: one may train when it is imported.
    """

    def __init__(self, python: str = sys.executable, patience: float = 120) -> None:
        self.python = python
        self.patience = patience
        self._server: subprocess.Popen[str] | None = None

    def run(self, entry: Path, *arguments: str) -> dict[str, Any]:
        """The exit code, output and errors of `python ENTRY ARGUMENTS…`."""
        server = self._server
        if server is None or server.poll() is not None:
            server = self._server = self._start()
        assert server.stdin is not None
        assert server.stdout is not None
        watch = Timer(self.patience, self.close)
        watch.start()
        try:
            print(json.dumps([str(entry), *arguments]), file=server.stdin, flush=True)
            answer = server.stdout.readline()
        except OSError:  # it has just been ended
            answer = ""
        finally:
            watch.cancel()
        if answer:
            return dict(json.loads(answer))
        self.close()
        self._server = None
        return {"code": 1, "out": "", "err": f"no answer within {self.patience} s"}

    def _start(self) -> subprocess.Popen[str]:
        server = subprocess.Popen(
            [self.python, str(Path(__file__).with_name("hydra_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        if not (server.stdout and server.stdout.readline()):
            raise NoHydra(f"{self.python} does not start with hydra-core: name one that has it, run.py --python PATH …")
        return server

    def close(self) -> None:
        """End the server, and an entry point that it runs."""
        if self._server is not None and self._server.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()


class Work:
    """A folder that `set_up` has made: `project`, where the agent worked, and `before`, what it was given."""

    def __init__(self, folder: Path, hydra: Hydra) -> None:
        self.folder = folder.resolve()
        self.root = self.folder / "project"
        self.hydra = hydra
        self._composed: dict[tuple[Path, tuple[str, ...]], dict[str, Any]] = {}

    @cached_property
    def before(self) -> dict[str, bytes]:
        """Each file that was given, with its content."""
        return _files(self.folder / "before")

    @cached_property
    def after(self) -> dict[str, bytes]:
        """Each file that there is now."""
        return _files(self.root)

    @property
    def added(self) -> list[str]:
        """The files that are new."""
        return [path for path in self.after if path not in self.before]

    @property
    def changed(self) -> list[str]:
        """The files that were given and have another content, or are gone."""
        return [path for path, content in self.before.items() if self.after.get(path) != content]

    def options(self, experiment: str, group: str) -> list[str]:
        """What `group=…` can choose: the names of its YAML files."""
        return sorted(path.stem for path in (self.root / experiment / group).glob("*.yaml"))

    def new_options(self, experiment: str, group: str) -> list[str]:
        """Those that were not given."""
        return [name for name in self.options(experiment, group) if f"{experiment}/{group}/{name}.yaml" in self.added]

    def new_experiments(self) -> list[str]:
        """The folders with an entry point that were not there."""
        entries = {path.rpartition("/")[0] for path in self.added if _is_entry(path, self.after[path])}
        return sorted(entries - {path.rpartition("/")[0] for path in self.before})

    def entry(self, experiment: str) -> Path:
        """The entry point of an experiment (a path from the root)."""
        folder = f"{experiment}/"
        names = [path.removeprefix(folder) for path in self.after if path.startswith(folder)]
        found = [name for name in names if "/" not in name and _is_entry(name, self.after[folder + name])]
        if not found:
            raise Failed(f"{experiment} has no file with @hydra.main")
        return self.root / experiment / min(found, key=lambda name: (name not in ENTRIES, name))

    def compose(self, experiment: str, *overrides: str) -> dict[str, Any]:
        """Dotted key -> value of what Hydra composes, interpolations resolved. Raises Failed with Hydra's words."""
        return self.compose_entry(self.entry(experiment), *overrides)

    def compose_entry(self, entry: Path, *overrides: str) -> dict[str, Any]:
        """The same for an entry point anywhere."""
        key = (entry, overrides)
        if key not in self._composed:
            ran = self.hydra.run(entry, "--cfg", "job", "--resolve", *overrides)
            said = " ".join([entry.parent.name, *overrides])
            if ran["code"]:
                raise Failed(f"{said}: Hydra says: {' '.join(ran['err'].split())[-300:]}")
            try:
                self._composed[key] = dict(_leaves(OmegaConf.to_container(OmegaConf.create(ran["out"]))))
            except Exception as error:
                raise Failed(f"{said}: what it prints is no config: {error}") from None
        return self._composed[key]

    def refuses(self, experiment: str, override: str) -> bool:
        """Whether Hydra refuses an override."""
        return bool(self.hydra.run(self.entry(experiment), "--cfg", "job", override)["code"])

    @contextmanager
    def trial(self) -> Iterator[Path]:
        """A copy of the project to try things in."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(shutil.copytree(self.root, Path(folder, "project"), ignore=shutil.ignore_patterns(".git")))


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal and of one type: 1 is not 1.0, not True and not "1"."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (math.isclose(a, b, rel_tol=1e-9) if isinstance(a, float) else bool(a == b))


def _is_entry(path: str, content: bytes) -> bool:
    return path.endswith(".py") and b"@hydra.main" in content


def _files(root: Path) -> dict[str, bytes]:
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    names = {path.relative_to(root).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in names.items() if not any(fnmatch(name, n) for n in NOISE)}


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    else:
        yield key, value
