"""A project as a commit has it: its code and configs out of git's object store, in a folder away from the project."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from experiment_setup import command_line, files
from experiment_setup.errors import CommandError
from experiment_setup.git import Checkout
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import did_you_mean
from experiment_setup.project import Project

# What composing looks at: code and configs, and texts that say how the code is started (code/finder.py).
_READ = compiled(r".*\.(?:py|ya?ml|sh|md|toml)|(?:.*/)?(?i:makefile|justfile)", re.DOTALL)
_LINK = b"120"  # the beginning of the mode of a link


@dataclass(frozen=True)
class Snapshot:
    """A commit's files in a temporary folder; `project` is the same project there."""

    checkout: Checkout
    commit: str
    folder: Path  # stands for that of the checkout
    project: Project
    contents: Mapping[str, bytes]  # path in the checkout -> content, of what was taken

    def here(self, path: Path) -> Path:
        """A file of the snapshot as a path of the work tree."""
        return self.checkout.folder / path.relative_to(self.folder) if path.is_relative_to(self.folder) else path

    def is_unchanged(self, path: Path) -> bool:
        """Whether a file of the work tree is as it was; what lies elsewhere is taken to be."""
        if not path.is_relative_to(self.checkout.folder):
            return True
        return self.contents.get(path.relative_to(self.checkout.folder).as_posix()) == content(path)

    def changed(self) -> set[Path]:
        """The files of the work tree that are others than in the commit, or gone."""
        return {path for name, known in self.contents.items() if content(path := self.checkout.folder / name) != known}

    def new(self) -> set[Path]:
        """The files of the work tree that the commit does not have, and that git does not ignore."""
        listed = self.checkout.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard") or b""
        names = map(os.fsdecode, listed.split(b"\0"))
        return {self.checkout.folder / name for name in names if _READ.fullmatch(name) and name not in self.contents}


@contextlib.contextmanager
def snapshot(project: Project, ref: str) -> Iterator[Snapshot]:
    """The project as `ref` has it, while the block runs. Nothing is checked out, and nothing written to the project.

    Raises CommandError outside a checkout, and for a name that git does not know or whose files are not here.
    """
    checkout = Checkout.around(project.root)
    if checkout is None:
        raise CommandError(
            f"{project.root} is in no git checkout (or its .git is none), so there is nothing to compare with",
            "--since asks git what the files were; without it, parameter sets are compared with each other",
        )
    commit = _commit(checkout, project, ref)
    with files.temporary_folder() as folder:
        contents = _write(checkout, commit, folder, ref)
        root = folder / os.path.relpath(project.root, checkout.folder.resolve())
        root.mkdir(parents=True, exist_ok=True)
        yield Snapshot(checkout, commit, folder, Project(root.resolve()), contents)


def _commit(checkout: Checkout, project: Project, ref: str) -> str:
    if not ref.startswith("-"):
        said = checkout.ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if said is None:
            raise CommandError("git is not there, or does not answer", "--since needs it; install git")
        if said.strip():
            return said.decode("ascii", "replace").strip()
    if ref == "HEAD":
        raise CommandError("there is no commit yet to compare with", "type: git commit")
    if project.matching(ref):
        rest = command_line.corrected({"--since": [], f"--since={ref}": [ref]}, more=["--since"])
        raise CommandError(f"{ref!r} is no commit but an experiment", "name what is compared first", rest)
    names = (checkout.ask("for-each-ref", "--format=%(refname:short)") or b"").decode("utf-8", "replace").split()
    guess = did_you_mean(ref, names)
    if not guess and (checkout.git_dir / "shallow").is_file():
        raise CommandError(
            f"git has no commit {ref!r} here: this clone has only the newest ones, or one branch",
            "get the rest with git fetch --unshallow (in a workflow: actions/checkout with fetch-depth: 0)",
        )
    raise CommandError(
        f"git knows no commit {ref!r}",
        f"did you mean {guess}?" if guess else "give a branch, a tag, a commit, or nothing for HEAD",
        command_line.corrected({ref: [guess]}) if guess else None,
    )


def _write(checkout: Checkout, commit: str, folder: Path, ref: str) -> dict[str, bytes]:
    """Write what is looked at into the folder; path -> content."""
    listed = checkout.ask("ls-tree", "-r", "-z", "-l", "--full-tree", commit) or b""
    wanted: list[tuple[bytes, bytes, str]] = []
    for entry in listed.split(b"\0"):
        about, _, name = entry.partition(b"\t")
        mode, kind, sha, size = (*about.split(), b"", b"", b"", b"")[:4]
        path = os.fsdecode(name)
        if kind != b"blob" or not _is_safe(path) or not (mode.startswith(_LINK) or _READ.fullmatch(path)):
            continue
        if not size.isdigit() or int(size) <= files.LARGEST:  # of what is not here, there is no size
            wanted.append((mode, sha, path))
    answer = checkout.ask("cat-file", "--batch", given=b"".join(sha + b"\n" for _, sha, _ in wanted)) or b""
    contents, links, position = dict[str, bytes](), dict[str, bytes](), 0
    for mode, _, path in wanted:
        end = answer.find(b"\n", position)
        header = answer[position:end].split()
        if len(header) != 3:
            raise CommandError(f"{path} of {ref} is not here: a clone without all files", "type: git fetch --refetch")
        found = answer[end + 1 : end + 1 + int(header[2])]
        position = end + 2 + len(found)
        (links if mode.startswith(_LINK) else contents)[path] = found
    for path, found in contents.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(found)
    for path, found in links.items():  # last, so that nothing is written through one
        _link(folder / path, found, checkout, folder)
    return contents


def _is_safe(path: str) -> bool:
    """Whether it leads nowhere else: what is in a tree is not to be trusted."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and ".git" not in map(str.lower, parts)


def _link(place: Path, written: bytes, checkout: Checkout, folder: Path) -> None:
    """A link as it was; one that leads out of the checkout leads to the same place."""
    target = os.fsdecode(written)
    end = Path(os.path.normpath(place.parent / target))
    if Path(target).is_absolute() or not end.is_relative_to(folder):
        there = checkout.folder / place.relative_to(folder)
        target = os.path.normpath(there.parent / target)
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


def content(path: Path) -> bytes | None:
    """What a file of the work tree holds now; None where there is none."""
    try:
        return files.read_bytes(path)
    except OSError:
        return None
