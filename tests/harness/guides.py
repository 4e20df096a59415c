"""What the tests of the guides share: reading Markdown, and running what it says in a real project."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from running import ROOT, SCRIPTS, git, run_entry, write

HERE = "defaults:\n  - default@_here_\n"

GUIDE = ROOT / "references" / "guide.ja.md"
# rules.md is made from the rules, whose own tests run its examples; the Japanese texts repeat the code of the English.
ENGLISH = [
    ROOT / "SKILL.md",
    ROOT / "README.md",
    *(p for p in sorted((ROOT / "references").glob("*.md")) if p.name not in ("rules.md", GUIDE.name)),
]
JAPANESE = [ROOT / "README.ja.md", GUIDE]


# -- reading Markdown --------------------------------------------------------------------------------------------------


@dataclass
class Block:
    """A fenced block."""

    language: str
    text: str
    line: int
    marked: bool  # <!-- not run -->

    @property
    def path(self) -> str | None:
        """The file that the block shows: its first line is a comment with nothing but the path."""
        found = re.fullmatch(r"# ((?:[\w.-]+/)*[\w.-]+\.(?:yaml|py))", self.text.partition("\n")[0])
        return found and found[1]

    @property
    def code(self) -> str:
        """What is the same in every language: no comments and empty lines, of a picture of folders the names."""
        if not self.language:
            return "\n".join(line.split()[0] for line in self.text.splitlines())
        lines = (re.sub(r"(^|\s+)#(?!!).*", "", line).rstrip() for line in self.text.splitlines())
        return "\n".join(line for line in lines if line)


@dataclass
class Section:
    """What stands between two headings."""

    level: int
    title: str
    blocks: list[Block] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)  # of tables, without their heads
    text: str = ""  # the rest

    @property
    def spans(self) -> list[str]:
        """What is between backticks, in the text and in tables."""
        return _spans("\n".join([self.text, *(cell for row in self.rows for cell in row)]))


def _spans(text: str) -> list[str]:
    return [span.strip() for span in re.findall(r"`([^`\n]+)`", text)]


def sections(path: Path) -> list[Section]:
    result = [Section(0, "")]
    block: Block | None = None
    previous = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if block is None:
                block = Block(line[3:].strip(), "", number, previous.startswith("<!-- not run: "))
                result[-1].blocks.append(block)
            else:
                block = None
        elif block is not None:
            block.text += line + "\n"
        elif heading := re.match(r"(#+) (.+)", line):
            result.append(Section(len(heading[1]), heading[2]))
        elif line.startswith("|"):
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not set("".join(cells)) <= set("-: ") or not "".join(cells):
                result[-1].rows.append(cells)
            else:
                result[-1].rows.pop()  # what stood above the line was the head
        else:
            result[-1].text += line + "\n"
        previous = line or previous
    assert block is None, f"{path.name}: a block is not closed"
    return result


def table(name: str, title: str) -> list[list[str]]:
    """The rows of the tables of a section, which must be there: a check of nothing is no check."""
    (section,) = (s for s in sections(ROOT / "references" / name) if s.title == title)
    assert len(section.rows) > 3
    return section.rows


def commands(section: Section) -> list[str]:
    """The command lines in backticks; `NAME`, `…` and the like make it a pattern, no command."""
    starts = r"([A-Z_]+=\S+ )?(uv run |python3? |scripts/)\S+\s+\S|(uv run \S*)?scripts/validate\.py"
    spans = [re.sub("^(?=train.py )", "python experiments/001-baseline/", span) for span in section.spans]
    return [s for s in spans if re.match(starts, s) and not re.search(r"…|(?<!\S)[A-Z]{4,}(?!\S)", s)]


def install_commands() -> dict[str, str]:
    """The commands of the table in README.md, by their first words; test_package.py carries them out."""
    tables = []
    for name, title in (("README.md", "Install as a skill"), ("README.ja.md", "スキルとして入れる")):
        [section] = (section for section in sections(ROOT / name) if section.title == title)
        tables.append([re.findall(r"`([^`]+)`", row[-1])[0] for row in section.rows])
    assert tables[0] == tables[1]
    return {" ".join(command.split()[:2]): command for command in tables[0]}


# -- running -----------------------------------------------------------------------------------------------------------


def make_project(root: Path, full: bool = True) -> Path:
    """What the guides take for granted: 001-baseline, and for the references two sets and an environment, under git."""
    experiment = root / "experiments" / "001-baseline"
    shutil.copytree(ROOT / "assets" / "000-template", experiment, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ("train.py", "config.yaml"):
        text = (experiment / path).read_text(encoding="utf-8")
        (experiment / path).write_text(text.replace("000-template", "001-baseline"), encoding="utf-8")
    if full:
        write(experiment, {"exp/002.yaml": f'{HERE}\nname: "002-seed"\nseed: 2\n', "env/local.yaml": HERE})
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "begin")
    return root


def shell(
    command: str,
    project: Path,
    *,
    interpreter: str = "bash",
    executable: Path | str = sys.executable,
    more: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `command` as it stands in the guides: uv and python are `executable`, the interpreter of the tests."""
    shims = project.parent / f"shims-{zlib.crc32(str(executable).encode()):08x}"
    if not shims.exists():
        python = f'#!/bin/sh\n[ "$1 $2 $3" = "-m pip install" ] && exit 0\nexec "{executable}" "$@"\n'
        flags = '[ "$1" = --no-project ] && shift\n[ "$1" = --with ] && shift 2\n'
        uv = f'#!/bin/sh\nshift\n{flags}[ "$1" = python ] && shift\nexec python "$@"\n'
        write(shims, {"python": python, "python3": python, "uv": uv})
        for path in shims.iterdir():
            path.chmod(0o755)
    command = command.replace("/path/to/experiment-setup", shlex.quote(str(ROOT)))
    command = re.sub(r"(?<=uv run )scripts/|(?<=python )scripts/", f"{shlex.quote(str(SCRIPTS))}/", command)
    command = re.sub(r"^scripts/", f"python {shlex.quote(str(SCRIPTS))}/", command, flags=re.MULTILINE)
    env = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "WANDB_MODE": "disabled",
        **(more or {}),
    }
    env["PATH"] = f"{shims}:{env['PATH']}"
    arguments = [interpreter, *(["-f"] if interpreter == "zsh" else ["-e", "-o", "pipefail"]), "-c", command]
    return subprocess.run(
        arguments, cwd=project, env=env, capture_output=True, text=True, encoding="utf-8", stdin=subprocess.DEVNULL
    )


def batch(jobs: list[list[str]]) -> list[tuple[int, str]]:
    """Exit code and all output of each entry point, run by the real Hydra; what it says on stderr comes first."""
    return [(answer["code"], answer["err"] + answer["out"]) for answer in answers(jobs)]


def answers(jobs: list[list[str]]) -> list[dict[str, Any]]:
    """`code`, `out` and `err` of each entry point, run by the real Hydra."""
    return [vars(run_entry(Path(entry), *words)) for entry, *words in jobs]


def fields(output: str) -> dict[str, object]:
    """`exp` of what `--cfg job` printed."""
    text = output[re.search(r"^(exp|env):", output, re.MULTILINE).start() :]  # type: ignore[union-attr]
    return OmegaConf.to_container(OmegaConf.create(text)).get("exp", {})  # type: ignore[union-attr, return-value]
