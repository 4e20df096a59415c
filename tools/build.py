"""Make experiment-setup.skill from the commit that is checked out: a zip whose one folder is the skill.

The same commit gives the same bytes on every machine: the files come from `git archive` (.gitattributes says what
ships), sorted, with the commit's time in UTC and plain permissions, and uncompressed, since zlib's bytes differ between
its makers. What is not committed can't be built: nobody could make those bytes again.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Refused(Exception):
    """Why nothing is built, and what to do about it."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


def main(argv: list[str]) -> int:
    """Build, and say what was built; 2 if it is refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = ROOT / "dist"
    parser.add_argument(
        "--output", type=Path, default=where, metavar="DIR", help=f"where to write it (default: {where})"
    )
    arguments = parser.parse_args(argv)
    try:
        commit = _committed()
        files = _files(commit)
        name = _name(files)
        content = _zip(name, files, _time(commit))
        target = arguments.output / f"{name}.skill"
        _write(target, content)
    except Refused as refused:
        print(f"error: {refused}\n  help: {refused.advice}", file=sys.stderr)
        return 2
    print(f"{target}   {len(files)} files, {len(content):,} bytes, from {commit[:12]}")
    print(f"sha256 {hashlib.sha256(content).hexdigest()}")
    return 0


def _committed() -> str:
    """The commit that the work tree is, to the last file."""
    clone = "build from a clone of the repository: git clone …, then python3 tools/build.py in it"
    if _git("rev-parse", "--show-cdup", otherwise=clone).strip():
        raise Refused(f"{ROOT} is no checkout of its own (it lies within another one)", clone)
    commit = _git("rev-parse", "--verify", "HEAD^{commit}", otherwise="commit first; there is no commit yet").decode()
    changes = _git("status", "--porcelain", "--untracked-files=all", otherwise=clone).decode().splitlines()
    if changes:
        shown = "\n".join(f"    {line}" for line in [*changes[:10], *(["…"] if len(changes) > 10 else [])])
        raise Refused(
            f"not everything is committed, so that the build would not be what {commit[:12]} says:\n{shown}",
            "commit it, or put it aside (git stash --include-untracked), then build again",
        )
    return commit.strip()


def _files(commit: str) -> dict[str, bytes]:
    """What ships, by path."""
    files = {}
    with tarfile.open(fileobj=io.BytesIO(_git("archive", "--format=tar", commit))) as archive:
        for member in archive:
            if member.isfile():
                stream = archive.extractfile(member)
                assert stream is not None
                files[member.name] = stream.read()
            elif not member.isdir():
                raise Refused(f"{member.name} is neither a file nor a folder", "not every machine unpacks links")
    return files


def _name(files: dict[str, bytes]) -> str:
    """The skill's name, which agents want its folder to have."""
    found = re.search(r"^name: *([a-z0-9-]+)$", files.get("SKILL.md", b"").decode(), re.MULTILINE)
    if found is None:
        raise Refused("SKILL.md is not there, or has no line `name: …`", "see .gitattributes for what ships")
    return found[1]


def _time(commit: str) -> datetime:
    return datetime.fromtimestamp(int(_git("show", "--no-patch", "--format=%ct", commit)), timezone.utc)


def _zip(name: str, files: dict[str, bytes], time: datetime) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(f"{name}/{path}", time.timetuple()[:6])
            entry.create_system = 3  # Unix, also where this runs on Windows
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[path])
    return result.getvalue()


def _write(target: Path, content: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}", "name a folder to write to: --output DIR") from None


def _git(*words: str, otherwise: str = "see what git says") -> bytes:
    """What git prints."""
    try:
        return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True).stdout
    except FileNotFoundError:
        raise Refused("git is not installed", "install git") from None
    except subprocess.CalledProcessError as error:
        raise Refused(f"git {words[0]}: {error.stderr.decode(errors='replace').strip()}", otherwise) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
