"""The few questions put to git; without git, or outside a checkout, the answer is "nothing".

A checkout may come from a stranger, its `.git` too. So git is told which `.git` it is, instead of looking for one (a
bare repository may lie among the files of an experiment), and nothing that its config names is run: no monitor, no
hook, and no transport that would fetch what a partial clone left out.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from experiment_setup import files, processes
from experiment_setup.light import compiled, dataclass
from experiment_setup.processes import Ended

_SECONDS = 20  # an object may be a pipe that nobody writes to, and the disk a slow one
TOO_LONG = f"it takes longer than {_SECONDS} s, more than {processes.MOST >> 20} MiB, or waits for a pipe"
_CONFIG = (
    *("-c", "core.fsmonitor="),  # not `false`: git before 2.36 takes that for the name of a program
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "protocol.allow=never"),
)
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # what a commit holds, and not what refs/replace puts in its place
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}


@dataclass(frozen=True)
class Checkout:
    """A work tree with its `.git`."""

    folder: Path
    git_dir: Path

    @classmethod
    def around(cls, path: Path) -> Checkout | None:
        """The innermost checkout that `path` lies in, as git would find it from there."""
        for folder in files.checkouts(path.resolve()):
            git_dir = _git_dir(folder / ".git")
            if git_dir is not None:
                return cls(folder, git_dir)
        return None

    def ask(self, *words: str, given: bytes = b"") -> bytes | None:
        """What a command of git writes that reads and changes nothing; None if git is not there or cannot answer."""
        ended = self.run(*words, given=given)
        return ended.out if ended is not None and ended.code == 0 else None

    def run(self, *words: str, given: bytes = b"") -> Ended | None:
        """The same with the exit code and what it complains of; None if git is not there, or has not ended by then.

        Commands that show contents through filters (`diff`, `log -p`, `cat-file --filters`) run what the config names,
        and are none of these.
        """
        program = processes.find("git", project=self.folder)
        if program is None or self.git_dir in _silent or _waits_for_a_pipe(self):
            return None
        where = (f"--git-dir={self.git_dir}", f"--work-tree={self.folder}", "--no-pager")
        try:
            return processes.ask([program, *where, *_CONFIG, *words], given=given, seconds=_SECONDS, more=_ENVIRONMENT)
        except TimeoutError:
            _silent.add(self.git_dir)
            return None
        except OSError:
            return None


_silent: set[Path] = set()  # of which git has not told within the time once: it is not asked again


@lru_cache(maxsize=64)
def _waits_for_a_pipe(checkout: Checkout) -> bool:
    """Whether git would wait without end for one of the files that it reads first, or that its config names."""
    own = [checkout.git_dir]
    with contextlib.suppress(OSError, RuntimeError, ValueError):  # closed, too large, nobody's home, no name of a file
        if files.is_file(own[0] / "commondir"):
            own.append(own[0] / files.read_loosely(own[0] / "commondir").strip())
        inside = [folder / name for folder in own for name in (".", "info", "objects/info")]
        references = (Path(place) for folder in own for place, _, _ in os.walk(folder / "refs"))
        if any(map(_has_a_pipe, filter(files.is_folder, (*inside, *references)))):
            return True
        for config in filter(
            files.is_file, (folder / name for folder in own for name in ("config", "config.worktree"))
        ):
            named = [Path(value).expanduser() for value in _VALUE.findall(files.read_loosely(config))]
            if any((folder / path).is_fifo() for folder in (*own, checkout.folder) for path in named):
                return True
    return False


def _has_a_pipe(folder: Path) -> bool:
    with os.scandir(folder) as found:  # which knows what most of them are without asking for each
        return any(Path(entry).is_fifo() for entry in found if not files.is_file(entry) and not files.is_folder(entry))


_VALUE = compiled(r"""=[ \t]*"?([^\n"]+?)"?[ \t\r]*$""", re.MULTILINE)


def _git_dir(path: Path) -> Path | None:
    """What `.git` stands for: a folder, or a file that names one (of a worktree, a submodule).

    The one that is named must belong to this `.git`, and lie outside: a checkout can carry a whole repository as plain
    files, and a `.git` that points to it.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            return path if _is_repository(path) else None
        if not path.is_file() or path.stat().st_size > 10_000:
            return None
        named = re.fullmatch(r"gitdir: (.+?)\s*", files.read_loosely(path), re.DOTALL)
        if named is None:
            return None
        target = files.real(path.parent / named[1])
        belongs = ".git" in target.parts or _names(target / "gitdir", path)
        return target if belongs and not target.is_relative_to(path.parent) and _is_repository(target) else None
    except (OSError, ValueError):
        return None


def _is_repository(folder: Path) -> bool:
    """As in git (setup.c: is_git_directory), without looking into the files."""
    return (folder / "HEAD").is_file() and ((folder / "objects").is_dir() or (folder / "commondir").is_file())


def _names(file: Path, path: Path) -> bool:
    return file.is_file() and files.real(file.parent / files.read_loosely(file).strip()) == files.real(path)


def ignored_alone(root: Path, folder: Path, paths: Sequence[Path]) -> dict[Path, str]:
    """Like `ignored`, for paths of the project at `root`: none where it is ignored as a whole, which is meant."""
    found = ignored(folder, paths)
    return {} if found and ignored(root, [root]) else found


def ignored_anywhere(paths: Iterable[Path]) -> dict[Path, str]:
    """Like `ignored`, for files of several checkouts: each is asked once."""
    checkouts: dict[Path, Checkout | None] = {}
    inside: dict[Path, list[Path]] = {}
    for path in paths:
        if path.parent not in checkouts:
            checkouts[path.parent] = Checkout.around(path.parent)
        checkout = checkouts[path.parent]
        if checkout is not None:
            inside.setdefault(checkout.folder, []).append(path)
    return {path: rule for folder, own in inside.items() for path, rule in ignored(folder, own).items()}


def ignored(folder: Path, paths: Sequence[Path]) -> dict[Path, str]:
    """Which of `paths` git would ignore, each with the rule that does it, such as `.gitignore:156:env/`.

    `folder` is any folder of the checkout; the paths need not exist.
    """
    checkout = Checkout.around(folder) if paths else None
    if checkout is None:
        return {}
    # -z output: source, line, pattern, path for each ignored path; a leading "!" in the pattern re-includes it.
    real = {parent: files.real(parent) for parent in {path.parent for path in paths}}  # beyond a link it takes none
    given = {os.fsencode(real[path.parent] / path.name): path for path in paths}
    around = {folder for parent in real.values() for folder in (parent, *parent.parents)}
    if any((folder / ".gitignore").is_fifo() for folder in around if folder.is_relative_to(checkout.folder)):
        return {}  # git would wait for it
    answer = checkout.ask("check-ignore", "--verbose", "-z", "--stdin", given=b"\0".join(given)) or b""
    parts = answer.split(b"\0")
    rows = [parts[start : start + 4] for start in range(0, len(parts) - 3, 4)]
    return {
        given[path]: os.fsdecode(b":".join((source, line, pattern)))
        for source, line, pattern, path in rows
        if path in given and not pattern.startswith(b"!")
    }


def ignored_by_name(root: Path, file: Path) -> str | None:
    """The rule of git that names a file of the project at `root`, or its folder by more than one name, so that it is
    meant to lie on one machine alone; None for a file that is not ignored, or with a folder such as `env/` anywhere.
    """
    rule = ignored_alone(root, root, [file]).get(file)
    pattern = rule.split(":", 2)[2].strip("/") if rule is not None else ""
    return rule if "/" in pattern or fnmatch.fnmatchcase(file.name, pattern) else None


def submodule_of(root: Path, *paths: Path) -> str | None:
    """The submodule that one of the paths lies in, by its path from the root of the checkout."""
    return next((name for name, _ in submodules(root) for path in paths if path.is_relative_to(root / name)), None)


def submodules(root: Path) -> list[tuple[str, str]]:
    """The submodules of a checkout, each by its path from there and its address."""
    modules = root / ".gitmodules"
    blocks = _BLOCK.split(files.read_loosely(modules)) if files.is_file(modules) else []
    told: Iterable[dict[str, str]] = (dict(_SETTING.findall(block)) for block in blocks)
    return [(one["path"], one.get("url", "")) for one in told if "path" in one]


_BLOCK = compiled(r"^[ \t]*\[", re.MULTILINE)
_SETTING = compiled(r"^[ \t]*(path|url)[ \t]*=[ \t]*(\S+)", re.MULTILINE)
