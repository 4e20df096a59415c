"""What the texts of a project tell people to type: README files, shell scripts, an example of .env, and launchers."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from experiment_setup import files
from experiment_setup.facts.launchers import commands_in
from experiment_setup.light import compiled
from experiment_setup.project import Project

# In a folder of a project with several.
_GUIDES = ("*.md", "*.rst", "*.sh", "*/*.sh", "*scripts/**/*.sh", "*.sbatch", "*.slurm", "[Mm]akefile")
_LAUNCHERS = ("*.py", "*scripts/**/*.py")
_EXAMPLES = (".env.*", "env.example", "env.template", "*?.env")  # of a file .env
_TELLS_WHAT_TO_SET = (
    *(*_GUIDES, "docs/**/*.md", "docs/**/*.rst", "Dockerfile"),
    *(f"{folder}{name}" for name in _EXAMPLES for folder in ("", "*/")),
)
_MOST_READ = 100  # files of a kind


def read(project: Project, entry: Path | None, *, with_dotenv: bool) -> dict[Path, str]:
    """The texts of the root and of the folders down to the entry point; `with_dotenv`: .env too, which is loaded.

    One that cannot be read, or is no file, tells nothing: no check fails for a guide.
    """
    root = project.root
    between = [folder for folder in entry.parents if folder != root and folder.is_relative_to(root)] if entry else []
    texts = _texts([root / ".env"]) if with_dotenv and (root / ".env").is_file() else {}
    for folder in (root, *between):
        if folder not in project.guides:
            asked = _TELLS_WHAT_TO_SET if folder == root else _GUIDES
            told = (path for pattern in asked for path in _found(folder, pattern))
            launchers = _texts(path for pattern in _LAUNCHERS for path in _found(folder, pattern))
            typed = {path: words for path, code in launchers.items() if (words := commands_in(code))}
            project.guides[folder] = _texts(told) | typed
        texts |= project.guides[folder]
    return texts


def _found(folder: Path, pattern: str) -> list[Path]:
    with contextlib.suppress(OSError):  # of a folder that may not be looked into, which is another experiment's
        return sorted(folder.glob(pattern))[:_MOST_READ]
    return []


def _texts(paths: Iterable[Path]) -> dict[Path, str]:
    found: dict[Path, str] = {}
    for path in dict.fromkeys(paths):
        with contextlib.suppress(OSError):
            found[path] = files.read_loosely(path)
    return found


def commands(texts: Mapping[Path, str], entry: Path, root: Path) -> list[str]:
    """What is typed behind an entry point in each command that starts it: ` task=ant seed=1`.

    A command that names another script of that name, from where the guide lies or leads (`cd`), is none of them.
    """
    return [one.typed for one in _commands(texts, entry, root) if one.may_mean(entry)]


def as_scripts(texts: Mapping[Path, str], entry: Path, root: Path) -> list[bool]:
    """Whether each of these commands starts it as a script, and not as a module (`python -m`)."""
    return [one.is_script for one in _commands(texts, entry, root) if one.may_mean(entry)]


def start_it(texts: Mapping[Path, str], entry: Path, root: Path) -> bool:
    """Whether a command can only mean this entry point, and runs the config that its code names."""
    return any(
        one.meant == {entry} and not (names_a_config(one.typed) or names_a_folder(one.typed) or only_prints(one.typed))
        for one in _commands(texts, entry, root)
    )


class _Command(NamedTuple):
    """A command for a script called like the entry point."""

    typed: str  # behind the script
    meant: set[Path]  # the scripts of that name that there are where it is typed
    is_script: bool

    def may_mean(self, entry: Path) -> bool:
        return not self.meant or entry in self.meant


def _commands(texts: Mapping[Path, str], entry: Path, root: Path) -> Iterator[_Command]:
    module = entry.parent.name if entry.stem == "__main__" else entry.stem  # `python -m source`
    script = rf"(?:(?P<script>[\w./-]*\b{re.escape(entry.name)})|-m (?P<module>[\w.]*\b{re.escape(module)}))(?=\s|$)"
    command = re.compile(rf"\b(?:python[\d.]*|torchrun|launch|srun|run)\b(?:[^\n]*?\s)??{script}(?P<typed>[^\n]*)")
    for guide, text in texts.items():
        whole = text.replace("\\\n", " ")  # a command may have several lines
        for found in command.finditer(whole):
            steps = found["module"].replace(".", "/") if found["module"] else ""
            named = [found["script"]] if found["script"] else [f"{steps}.py", f"{steps}/__main__.py"]
            folders = [guide.parent, root]
            if led := _LEADS_TO.findall(whole, 0, found.start()):
                folders = [folder / led[-1] for folder in folders] + folders
            paths = {Path(os.path.normpath(folder / name)) for folder in folders for name in named}
            there = {path for path in paths if files.is_file(path)}
            yield _Command(found["typed"], there, found["script"] is not None)


_LEADS_TO = compiled(r"\bcd[ \t]+([\w./-]+)")


def chooses(typed: str, group: str) -> bool:
    """Whether a command chooses from a group."""
    return re.search(rf"[\s'\"]\+?{re.escape(group)}=", typed) is not None


def chosen(typed: str, group: str) -> str | None:
    """The option that a command chooses from a group, where it names one."""
    found = re.search(rf"[\s'\"]\+?{re.escape(group)}=(?P<option>[\w./-]+)(?=[\s'\"]|$)", typed)
    return found["option"].removesuffix(".yaml") if found else None


def names_a_config(typed: str) -> str | None:
    """The primary config that a command runs, where it names one: `--config-name=small`."""
    found = re.search(r"(?:^|\s)(?:--config-name|-cn)(?:=|\s+)[\"']?(?P<name>[\w./-]+)", typed)
    return found["name"].removesuffix(".yaml") if found else None


def only_prints(typed: str) -> bool:
    """Whether a command makes Hydra print something, so that nothing runs: `--cfg hydra`."""
    return (
        re.search(r"\s(?:--(?:cfg|info|help|hydra-help|version|shell-completion)|-[chi]|-sc)(?=[\s=]|$)", typed)
        is not None
    )


def names_a_folder(typed: str) -> bool:
    """Whether a command takes its configs from another folder: `--config-dir=mine`."""
    return re.search(r"(?:^|\s)(?:--config-(?:dir|path)|-cd|-cp)\b", typed) is not None
