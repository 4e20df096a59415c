"""The guides: every command runs, every snippet composes, every path and flag exists, every quoted error is real.

A command that needs what no test machine has is marked in the text: `<!-- not run: reason -->` above its block.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from itertools import chain
from pathlib import Path

import pytest
import yaml
from hydra._internal.utils import get_args_parser
from omegaconf import OmegaConf
from tokenizers import Tokenizer

from guides import ENGLISH, GUIDE, JAPANESE, Section, batch, commands, make_project, sections, shell
from running import ROOT, SCRIPTS, run, write

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

CONTRIBUTING = ROOT / "CONTRIBUTING.md"


@pytest.mark.slow
@pytest.mark.parametrize("doc", ENGLISH, ids=lambda path: path.name)
def test_what_it_says_works(doc: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", full=doc.parent != ROOT)
    cells, jobs = [], []
    for number, section in enumerate(sections(doc)):
        if doc.name == "README.md":  # each section starts anew
            project = make_project(tmp_path / f"project {number}", full=False)
        for block in section.blocks:
            if block.language == "python" and not block.path:
                compile(block.text, f"{doc}:{block.line}", "exec")
                cells += [] if block.marked else [block.text]
            elif block.language == "bash" and not block.marked:
                ran = shell(block.text, project)
                assert ran.returncode == 0, f"{doc.name}:{block.line}\n{ran.stdout}{ran.stderr}"
            elif block.path:
                own = block.path.split("/")[0] in ("config.yaml", "train.py", "exp", "env")
                path = project / "experiments" / "001-baseline" / block.path if own else project / block.path
                write(path.parent, {path.name: block.text})
                kind = path.parent.name
                entry = (path.parent.parent if kind in ("exp", "env") else path.parent) / "train.py"
                jobs.append([str(entry), "--cfg", "job", *([f"{kind}={path.stem}"] if kind in ("exp", "env") else [])])
            elif block.language == "yaml":
                assert yaml.safe_load(block.text)
                OmegaConf.create(block.text)
        for command in dict.fromkeys(commands(section)):
            ran = shell(command, project)
            assert ran.returncode == 0, f"{doc.name}: {command}\n{ran.stdout}{ran.stderr}"
    jobs = [job for job in jobs if Path(job[0]).exists()]
    for job, (code, output) in zip(jobs, batch(jobs) if jobs else [], strict=True):
        assert code == 0, f"{doc.name}: {job}\n{output}"
    if cells:
        notebooks = write(project / "notebooks", {"cells.py": "\n".join(cells)})
        ran = subprocess.run([sys.executable, "cells.py"], cwd=notebooks, capture_output=True, text=True)
        assert ran.returncode == 0, f"{doc.name}\n{ran.stderr}"
    if doc.name in ("SKILL.md", "without-scripts.md"):  # what they lead to has no findings
        checked = run("validate.py", "--strict", cwd=project)
        assert checked.code == 0, checked.out


ELSEWHERE = {
    ".pre-commit-config.yaml",
    "tests/test_experiments.py",
    "before/config.yaml",
}  # test_ci.py, test_docs_hydra.py


@pytest.mark.parametrize("doc", [*ENGLISH, *JAPANESE, CONTRIBUTING], ids=lambda path: path.name)
def test_no_block_escapes(doc: Path, tmp_path: Path) -> None:
    """A block is of a language that is run here; the file that it shows belongs to an experiment; folders exist."""
    project = make_project(tmp_path / "project")
    for section in sections(doc):
        for block in section.blocks:
            where = f"{doc.name}:{block.line}"
            assert block.language in ("", "bash", "python", "yaml", "text"), where  # text: test_floors.py holds it
            if block.language == "bash":
                assert " #" not in block.text, f"{where}: zsh takes a typed comment for words"
            if block.path and block.path not in ELSEWHERE:
                option = r"(config|exp/\w+|env/\w+)\.yaml"
                assert re.fullmatch(rf"{option}|(experiments/[\w-]+|after)/(train\.py|{option})", block.path), where
            if not block.language:
                base = Path()
                for line in block.text.splitlines():
                    base = base if line.startswith(" ") else Path()
                    names = re.split(r"\s{2,}", line.strip())[0].split()
                    for name in names:
                        assert any([*project.glob(f"{base / name}"), *ROOT.glob(f"{base / name}")]), f"{where}: {name}"
                    base = base if line.startswith(" ") else Path(names[0])


def test_what_is_not_run_here_is_run_elsewhere() -> None:
    """The mark names the test that has what it takes."""
    marks = [m for doc in ENGLISH for m in re.findall("<!-- not run: (.+?) -->", doc.read_text(encoding="utf-8"))]
    assert 0 < len(marks) <= 6
    for reason in marks:
        test = re.search(r"tests/\w+\.py", reason)
        assert reason == "it is what runs this" or reason.startswith("needs ") or (test and (ROOT / test[0]).exists())


def test_zsh_reads_the_commands_as_bash_does(tmp_path: Path) -> None:
    """Every word as it reaches the program; nothing is run."""
    if not shutil.which("zsh"):
        pytest.skip("no zsh here")
    lines = []
    for doc in ENGLISH:
        for section in sections(doc):
            lines += [block.text for block in section.blocks if block.language == "bash"] + commands(section)
    assert len(lines) > 30
    said = {}
    for interpreter, handler in (("bash", "command_not_found_handle"), ("zsh", "command_not_found_handler")):
        script = f"PATH=/nowhere\n{handler}() {{ printf '<%s>' \"$@\"; }}\n" + re.sub(
            "(?m)^scripts/", "python scripts/", "\n".join(lines)
        )
        ran = subprocess.run([shutil.which(interpreter), "-c", script], cwd=tmp_path, capture_output=True, text=True)
        assert ran.stderr == ""
        said[interpreter] = ran.stdout.split("<python>")
    assert said["zsh"] == said["bash"]


# -- paths, flags, files, budgets, versions ----------------------------------------------------------------------------


@pytest.mark.parametrize("doc", [*ENGLISH, *JAPANESE, CONTRIBUTING], ids=lambda path: path.name)
def test_paths_and_links_exist(doc: Path) -> None:
    text = doc.read_text(encoding="utf-8")
    shown = {block.path for section in sections(doc) for block in section.blocks}  # files of the user's project
    for path in re.findall(r"(?<![\w./-])(?:scripts|references|assets|tests)/[\w./-]*[\w/]", text):
        assert path in shown or (ROOT / path).exists(), f"{doc.name}: {path}"
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (doc.parent / target).exists(), f"{doc.name}: {target}"
    slugs = {re.sub(r"[^\w -]", "", section.title.lower()).replace(" ", "-") for section in sections(doc)}  # GitHub's
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= slugs
    for name in re.findall(r"(?<![\w./-])[a-z_]+\.py\b", text):
        known = {path.name for folder in (SCRIPTS, *(ROOT / "assets").glob("*")) for path in folder.glob("*.py")}
        assert name in known | {"run.py", "main.py", "config.py", "conftest.py"}, f"{doc.name}: {name}"


def test_flags_exist(elsewhere: Path) -> None:
    ours = {path.name: set(_flags(run(path.name, "--help", cwd=elsewhere).out)) for path in SCRIPTS.glob("*.py")}
    hydras = {flag for action in get_args_parser()._actions for flag in action.option_strings}
    others = set(
        "--with --no-project --group -n -m -d -k -rs --exp --seed --examples".split()
    )  # uv's, unzip's, …; a mistake in troubleshooting.md; the long runs of tests/harness
    seen = 0
    for doc in [*ENGLISH, *JAPANESE, CONTRIBUTING]:
        for section in sections(doc):
            lines = [
                line for block in section.blocks if block.language == "bash" for line in re.split(" && |\n", block.text)
            ]
            for line in [*lines, *section.spans]:
                used = [script for script in ours if script in line]
                known = set().union(*(ours[script] for script in used or ours)) | others
                for flag in _flags(line.partition(" #")[0]):
                    assert flag in (known if used else known | hydras), f"{doc.name}: {flag} in {line}"
                    seen += 1
    assert seen > 30


def _flags(text: str) -> list[str]:
    return re.findall(r"(?<![\w.'-])--?[a-z][a-z-]*", text)


def test_every_shipped_file_is_mentioned() -> None:
    skill = (ROOT / "SKILL.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "references").glob("*.md")):
        assert f"`references/{path.name}`: " in skill, path.name
    below = skill + "".join(path.read_text(encoding="utf-8") for path in (ROOT / "references").glob("*.md"))
    files = (path for path in (ROOT / "assets").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    for path in [*SCRIPTS.glob("*.py"), *files]:
        names = [part.relative_to(ROOT).as_posix() for part in (path, *path.parents[:-2]) if part.is_relative_to(ROOT)]
        assert any(f"{name}`" in below or f"{name} " in below for name in names if "/" in name), names[0]


@pytest.mark.parametrize("doc", sorted((ROOT / "references").glob("*.md")), ids=lambda path: path.name)
def test_a_reference_says_when_to_read_it_and_is_short(doc: Path) -> None:
    if doc == GUIDE:  # for people
        return
    assert tokens(doc) < 4000
    lines = doc.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert lines[2].startswith("Read this ")
    if doc.name == "rules.md":  # a table, made from the rules
        return
    assert len(lines) <= 150
    if len(lines) > 100:  # what an agent sees of a file that it reads in part
        titles = [section.title for section in sections(doc) if section.level == 2]
        assert re.search(r"^Contents: (.+)$", "\n".join(lines[:8]), re.MULTILINE), "it has no table of contents"
        assert re.findall(r"\[(.+?)\]\(#", "\n".join(lines[:8])) == titles


def test_references_are_one_level_deep() -> None:
    """SKILL.md names all of them; none sends on to another."""
    for doc in sorted((ROOT / "references").glob("*.md")):
        if doc != GUIDE:  # the rules' page is in English only
            assert re.findall(r"\]\((?!https?:|#)", doc.read_text(encoding="utf-8")) == [], doc.name


def test_the_guide_is_within_its_budget() -> None:
    assert tokens(ROOT / "SKILL.md") < 2700
    assert len((ROOT / "SKILL.md").read_text(encoding="utf-8").splitlines()) < 200


@cache
def tokenizer() -> Tokenizer:
    file = distribution("anthropic").locate_file("anthropic/tokenizer.json")
    return Tokenizer.from_file(str(file))


def tokens(doc: Path) -> int:
    """What a file costs an agent that reads it."""
    assert len(tokenizer().encode("学習率を変えて試したい").ids) > 10  # it knows Japanese
    return len(tokenizer().encode(doc.read_text(encoding="utf-8")).ids)


TRIGGERS = """
hydra hydra.main ConfigStore OmegaConf config.yaml defaults exp/*.yaml @_here_ --cfg experiment sweep machine
実験を始めたい 学習率を変えて試したい ローカルで動かしたい Not Ory THC hydra-zen YAML
"""


def test_the_description_says_what_and_when() -> None:
    """Within the limits of the loaders: some cut, some take `: ` or ` #` for YAML, some refuse angle brackets."""
    head = yaml.safe_load((ROOT / "SKILL.md").read_text(encoding="utf-8").split("---\n")[1])
    assert set(head) <= {"name", "description", "license", "compatibility", "metadata"}
    assert head["name"] == "experiment-setup"
    description = head["description"]
    assert 0 < len(description) <= 1024
    assert not re.search("[<>]|: | #", description)
    assert [word for word in TRIGGERS.split() if word not in description] == []


def test_the_readmes_name_the_supported_pythons() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    low, high = re.findall(r"3\.(\d+)", project["requires-python"])
    for doc in (ROOT / "README.md", ROOT / "README.ja.md"):
        assert set(re.findall(r"3\.(1\d) ?(?:to|から|～|〜) ?3\.(1\d)", doc.read_text(encoding="utf-8"))) == {
            (low, str(int(high) - 1))
        }


# -- Japanese ----------------------------------------------------------------------------------------------------------


def outline(parts: list[Section]) -> Iterator[tuple[object, ...]]:
    """What must be the same in both languages: levels, blocks, inline code of each cell and text, items of lists."""
    for part in parts:
        blocks = [(block.language, block.code, block.marked) for block in part.blocks]
        rows = [[inline(cell) for cell in row] for row in part.rows]
        lists = [len(re.findall(start, part.text, re.MULTILINE)) for start in (r"^- ", r"^\d\. ")]
        yield part.level, blocks, rows, inline(part.text), lists


def inline(text: str) -> set[str]:
    """Inline code; words of the language stand in angle brackets."""
    return {re.sub("<.+?>", "<>", span) for span in Section(0, "", text=text).spans}


def held_against(english: list[Section], japanese: list[Section]) -> None:
    assert [part.level for part in japanese] == [part.level for part in english]
    for one, other in zip(english, japanese, strict=True):
        assert list(outline([other])) == list(outline([one])), one.title
        cells = zip(chain(*one.rows), chain(*other.rows), strict=True)
        assert all(cell == said for said, cell in cells if cell.isascii() and "`" not in cell), one.title
        words = other.text + "".join(chain(*other.rows))
        assert re.search("[ぁ-ん]", words) or not re.search("[a-z]{3}", one.text), one.title


def test_the_japanese_readme_says_what_the_english_says() -> None:
    held_against(sections(ROOT / "README.md"), sections(ROOT / "README.ja.md"))


def test_the_japanese_guide_says_what_the_english_says() -> None:
    """SKILL.md, then each reference that it names in the same order, one level down."""
    skill = sections(ROOT / "SKILL.md")
    names = [name for name in re.findall(r"`references/([\w.-]+)`: ", skill[-1].text) if name not in SEPARATE]
    assert len(names) > 8
    parts = [part for part in skill if part.title not in ("", "References")]
    for name in names:
        reference = sections(ROOT / "references" / name)[1:]
        parts += [Section(part.level + 1, part.title, part.blocks, part.rows, part.text) for part in reference]
    held_against(parts, [part for part in sections(GUIDE)[1:] if part.title != "目次"])


SEPARATE = ("rules.md", GUIDE.name)  # looked up
