"""A project as a commit has it: its code and configs out of git's object store, in a folder away from the project."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from experiment_setup import command_line, files
from experiment_setup.errors import CommandError
from experiment_setup.git import TOO_LONG, Checkout
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import did_you_mean
from experiment_setup.project import Project

# What composing looks at: code and configs, texts that say how the code is started (code/finder.py), and those by which
# a folder is known that modules are built in (code/modules.py).
_READ = compiled(
    r".*\.(?:py|ya?ml|sh|md|toml)|(?:.*/)?(?:(?i:makefile|justfile)|CMakeLists\.txt|meson\.build)", re.DOTALL
)
_NUMBER = compiled(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MOST_FILES, _MOST_BYTES = 100_000, 64 << 20  # five times as much as the largest project that was measured
_LONGEST_NAME = 255  # bytes; no usual file system has longer ones
_SILENT = f"git is not there, or has not answered: {TOO_LONG}"
_GIVE = "give a branch, a tag, a commit, or nothing for HEAD"
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
    ended = checkout.run("rev-parse", "--is-inside-work-tree")
    if ended is None:
        raise CommandError(_SILENT, "--since needs it; install git")
    if ended.code:
        raise CommandError(
            f"git cannot read {checkout.git_dir}: {_words(ended.err)}", "type: git status, which says the same"
        )
    found = _named(checkout, f"{ref}^{{commit}}")
    if found is not None:
        return found
    first = ref.partition("..")[0]
    if first not in ("", ref):
        rest = command_line.corrected({ref: [first], f"--since={ref}": [f"--since={first}"]})
        raise CommandError(f"{ref!r} is a range, and --since takes one commit", "name that before the dots", rest)
    other = _named(checkout, f"{ref}^{{}}") or _named(checkout, ref)  # of a tag, what it is of
    if other is not None:
        kind = (checkout.ask("cat-file", "-t", other) or b"").decode("ascii", "replace").strip()
        if kind in ("blob", "tree"):
            raise CommandError(f"{ref!r} is a {kind} and no commit", _GIVE)
        raise _not_here(f"the commit of {ref!r}")
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
        f"did you mean {guess}?" if guess else _GIVE,
        command_line.corrected({ref: [guess]}) if guess else None,
    )


def _named(checkout: Checkout, name: str) -> str | None:
    """The one object that a name means, by its number; ranges and options mean others."""
    if name.startswith("-"):
        return None
    ended = checkout.run("rev-parse", "--verify", "--quiet", name)
    if ended is None:
        raise CommandError(_SILENT, "type: git fsck, which says what is damaged")
    if ended.code > 1 and ended.err:  # else there is none of that name
        raise CommandError(f"git cannot tell what {name.partition('^{')[0]!r} is: {_words(ended.err)}", _GIVE)
    number = ended.out.decode("ascii", "replace").strip()
    return number if _NUMBER.fullmatch(number) else None


def _words(said: bytes) -> str:
    """What git complains of, in its first line."""
    return (said.decode("utf-8", "replace").strip().splitlines() or ["it does not say why"])[0].removeprefix("fatal: ")


def _not_here(what: str) -> CommandError:
    return CommandError(
        f"{what} is not here, or damaged: a clone without all files, or a broken one",
        "type: git fetch --refetch   (git fsck says what is damaged)",
    )


def _write(checkout: Checkout, commit: str, folder: Path, ref: str) -> dict[str, bytes]:
    """Write what is looked at into the folder; path -> content."""
    listing = checkout.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
    if listing is None:
        raise CommandError(f"git has not listed the files of {ref}: {TOO_LONG}", "give a commit with fewer files")
    if listing.code:
        raise _not_here(f"the list of files of {ref}")
    wanted: list[tuple[bytes, bytes, str]] = []
    total = 0
    for entry in listing.out.split(b"\0"):
        about, _, name = entry.partition(b"\t")
        mode, kind, sha, size = (*about.split(), b"", b"", b"", b"")[:4]
        path = os.fsdecode(name)
        if kind != b"blob" or not _is_safe(path) or not (mode.startswith(_LINK) or _READ.fullmatch(path)):
            continue
        if not size.isdigit() or int(size) <= files.LARGEST:  # of what is not here, there is no size
            wanted.append((mode, sha, path))
            total += int(size) if size.isdigit() else 0
    if len(wanted) > _MOST_FILES or total > _MOST_BYTES:
        raise CommandError(
            f"{ref} has {len(wanted):,} files of code and config, in all {total >> 20:,} MiB",
            f"--since reads up to {_MOST_FILES:,} of them, and {_MOST_BYTES >> 20} MiB",
        )
    # It may end with an error at what is damaged: then what it has said so far is too short.
    ended = checkout.run("cat-file", "--batch", given=b"".join(sha + b"\n" for _, sha, _ in wanted))
    answer = ended.out if ended is not None else b""
    contents, links, position = dict[str, bytes](), dict[str, bytes](), 0
    for mode, _, path in wanted:
        end = answer.find(b"\n", position)
        header = answer[position:end].split()
        found = answer[end + 1 : end + 1 + int(header[2])] if len(header) == 3 else b""
        if len(header) != 3 or len(found) < int(header[2]):
            raise _not_here(f"{path} of {ref}")
        position = end + 2 + len(found)
        (links if mode.startswith(_LINK) else contents)[path] = found
    made = set[str]()
    for path, found in contents.items():
        place, parent = folder / path, path.rpartition("/")[0]
        with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):  # a file and a folder at once
            if parent not in made:
                place.parent.mkdir(parents=True, exist_ok=True)
                made.add(parent)
            files.put(place, found)
    for path, found in links.items():  # last, so that nothing is written through one
        _link(folder / path, found, checkout, folder)
    return contents


def _is_safe(path: str) -> bool:
    """Whether it leads nowhere else: what is in a tree is not to be trusted."""
    parts = PurePosixPath(path).parts
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in parts):
        return False
    return bool(parts) and not path.startswith("/") and ".." not in parts and ".git" not in map(str.lower, parts)


def _link(place: Path, written: bytes, checkout: Checkout, folder: Path) -> None:
    """A link as it was; one that leads out of the checkout leads to the same place."""
    target = os.fsdecode(written)
    end = Path(os.path.normpath(place.parent / target))
    if Path(target).is_absolute() or not end.is_relative_to(folder):
        there = checkout.folder / place.relative_to(folder)
        target = os.path.normpath(there.parent / target)
    with contextlib.suppress(OSError, ValueError):  # not to be made here, as with a NUL in it
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


def content(path: Path) -> bytes | None:
    """What a file of the work tree holds now; None where there is none."""
    try:
        return files.read_bytes(path)
    except OSError:
        return None
