"""The skill as it ships: built from a commit, checked by others' tools, installed and used as users do it."""

from __future__ import annotations

import ast
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from experiment_setup import __version__
from guides import install_commands
from imports import imported, own_modules
from running import ROOT, git, tree, write

pytestmark = pytest.mark.any_hydra

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

NAME = "experiment-setup"


def call(
    command: Sequence[str | Path], cwd: Path, env: dict[str, str] | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=600,
        **more,
    )


def works(command: Sequence[str | Path], cwd: Path, env: dict[str, str] | None = None) -> str:
    ran = call(command, cwd, env)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def build(checkout: Path, output: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return call([sys.executable, checkout / "tools" / "build.py", "--output", output], cwd=output.parent, **more)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose one commit is the work tree as it is, committed or not."""
    folder = tmp_path_factory.mktemp("checkout") / "project"
    listed = works(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    return folder


@pytest.fixture(scope="session")
def package(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """experiment-setup.skill."""
    output = tmp_path_factory.mktemp("dist")
    built = build(checkout, output)
    assert built.returncode == 0, built.stderr
    return output / f"{NAME}.skill"


def unpack(package: Path, folder: Path) -> Path:
    """The skill's folder, unpacked into `folder`."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    [skill] = folder.iterdir()
    return skill


@pytest.fixture
def skill(package: Path, tmp_path: Path) -> Path:
    return unpack(package, tmp_path / "unpacked")


# -- what is built -----------------------------------------------------------------------------------------------------


class TestBuild:
    def test_one_folder_of_plain_files(self, package: Path) -> None:
        with zipfile.ZipFile(package) as archive:
            assert archive.testzip() is None
            for entry in archive.infolist():
                assert entry.filename.startswith(f"{NAME}/")
                assert entry.external_attr >> 16 == 0o100644
        print(f"{package.name}: {len(archive.infolist())} files, {package.stat().st_size:,} bytes")
        assert package.stat().st_size < 2_750_000

    def test_what_it_says_is_so(self, checkout: Path, tmp_path: Path) -> None:
        said = build(checkout, tmp_path / "dist").stdout
        content = (tmp_path / "dist" / f"{NAME}.skill").read_bytes()
        commit = call(["git", "rev-parse", "HEAD"], cwd=checkout).stdout
        assert f"sha256 {hashlib.sha256(content).hexdigest()}" in said
        assert f"{len(content):,} bytes, from {commit[:12]}" in said

    def test_another_machine_makes_the_same_bytes(self, checkout: Path, package: Path, tmp_path: Path) -> None:
        """Umask, time zone, locale, folder, line ends and time stamps of the files, and git's own settings differ."""
        config = write(tmp_path, {"gitconfig": "[core]\n\tautocrlf = true\n[tar]\n\tumask = 0077\n"}) / "gitconfig"
        env = {"GIT_CONFIG_GLOBAL": str(config), "TZ": "Asia/Tokyo", "LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}
        there = tmp_path / "また 別の場所"
        works(["git", "clone", "-q", checkout, there], tmp_path, env)
        built = build(there, tmp_path / "dist", env=env, umask=0o077)
        assert built.returncode == 0, built.stderr
        assert (tmp_path / "dist" / package.name).read_bytes() == package.read_bytes()

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda folder: write(folder, {"README.md": "# changed\n"}), " M README.md"),
            (lambda folder: write(folder, {"references/new.md": "# new\n"}), "?? references/new.md"),
            (lambda folder: git(folder, "rm", "-q", "--cached", "LICENSE"), "D  LICENSE"),
        ],
        ids=["changed", "not added", "staged"],
    )
    def test_what_is_not_committed_is_not_built(
        self, checkout: Path, tmp_path: Path, change: Callable[[Path], object], said: str
    ) -> None:
        works(["git", "clone", "-q", checkout, tmp_path / "clone"], tmp_path)
        change(tmp_path / "clone")
        self.refused(tmp_path / "clone", said, "git stash --include-untracked")

    def test_there_must_be_a_checkout(self, checkout: Path, tmp_path: Path) -> None:
        shutil.copytree(checkout, tmp_path / "copy", ignore=shutil.ignore_patterns(".git"))
        self.refused(tmp_path / "copy", "not a git repository", "git clone")
        git(tmp_path, "init", "-q")
        self.refused(tmp_path / "copy", "it lies within another one", "git clone")

    def test_where_it_cannot_write(self, checkout: Path, tmp_path: Path) -> None:
        ran = build(checkout, write(tmp_path, {"dist": "a file"}) / "dist")
        assert ran.returncode == 2
        assert (
            ran.stderr == f"error: {tmp_path / 'dist'}: File exists\n  help: name a folder to write to: --output DIR\n"
        )

    def refused(self, folder: Path, *words: str) -> None:
        ran = build(folder, folder.parent / "dist", env={"GIT_CEILING_DIRECTORIES": str(folder.parents[1])})
        assert ran.returncode == 2
        assert ran.stdout == ""
        assert "Traceback" not in ran.stderr
        assert not (folder.parent / "dist").exists()
        for word in words:
            assert word in ran.stderr


class TestWhatShips:
    def test_only_what_a_user_needs(self, skill: Path) -> None:
        """Guides, their references, templates, commands; of the rest, each for the reason in .gitattributes."""
        guides = {"SKILL.md", "README.md", "README.ja.md", "CHANGELOG.md", "LICENSE"}
        assert {path.name for path in skill.iterdir()} == guides | {"references", "assets", "scripts", ".gitignore"}

    def test_every_file_is_mentioned(self, skill: Path) -> None:
        """By its path or by a folder above it, in a guide or in a reference that the guide names."""
        said = "".join(path.read_text("utf-8") for path in [*skill.glob("*.md"), *skill.glob("references/*.md")])
        library = skill / "scripts" / NAME.replace("-", "_")
        files = [path for path in skill.rglob("*") if path.is_file() and library not in path.parents]
        assert len(files) > 20
        for path in files:
            own, *folders = (part.relative_to(skill).as_posix() for part in (path, *path.parents[: -len(skill.parts)]))
            names = [own, *(folder for folder in folders if "/" in folder)]
            known = any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-]|\.\w)", said) for name in names)
            assert known or own in ("SKILL.md", "README.md", ".gitignore"), own

    def test_every_module_is_used(self, skill: Path) -> None:
        modules = own_modules(skill / "scripts")
        seen: set[str] = set()
        new = {name for name in modules if "." not in name and name != "experiment_setup"}
        assert len(new) >= 5
        while new:
            name = new.pop()
            seen.add(name)
            new |= set(_needs(name, modules)) - seen
            if name == "experiment_setup.rules":  # it imports the rules that lie in its folder
                new |= {module for module in modules if module.startswith(f"{name}.es")} - seen
        assert seen == modules.keys()

    def test_paths_and_links_lead_to_what_ships(self, skill: Path) -> None:
        for doc in [*skill.glob("*.md"), *skill.glob("references/*.md")]:
            text = re.sub(r"```.*?```", "", doc.read_text("utf-8"), flags=re.DOTALL)
            for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
                assert (doc.parent / target).exists(), f"{doc.name}: {target}"
            for path in re.findall(r"`((?:scripts|references|assets)/[\w./-]+)", text):
                assert (skill / path).exists(), f"{doc.name}: {path}"


def _needs(name: str, modules: dict[str, Path]) -> Iterator[str]:
    """The modules of ours that a module imports, the packages that they lie in, and the files that it runs."""
    found = [*imported(modules[name], modules)]
    for node in ast.walk(ast.parse(modules[name].read_text("utf-8"))):
        if isinstance(node, ast.Constant) and str(node.value).endswith(".py"):  # handed to another interpreter
            found.append(f"{name.rpartition('.')[0]}.{str(node.value).removesuffix('.py')}")
    for module in found:
        parts = module.split(".")
        yield from (known for n in range(len(parts)) if (known := ".".join(parts[: n + 1])) in modules)


def test_versions_agree() -> None:
    """`__init__.py` has the version; what repeats it is read by programs and people that run nothing of ours."""
    plugin, market = (json.loads(text(f".claude-plugin/{name}.json")) for name in MANIFESTS)
    said = {
        "CHANGELOG.md": re.findall(r"^## (\d\S*)", text("CHANGELOG.md"), re.MULTILINE)[:1],
        "plugin.json": [plugin["version"]],
        "references/ci.md": re.findall(r"rev: v(\S+)", text("references/ci.md")),
        "references/guide.ja.md": re.findall(r"rev: v(\S+)", text("references/guide.ja.md")),
    }
    assert said == {place: [__version__] for place in said}
    assert "version" not in market["plugins"][0], "plugin.json has it, and wins over this one in silence"
    assert [plugin["name"], *(entry["name"] for entry in market["plugins"])] == [NAME, NAME]


def text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


MANIFESTS = ("plugin", "marketplace")


# -- what others' tools say of it --------------------------------------------------------------------------------------


CHECKERS = {
    "skills-ref": ["agentskills", "validate"],
    "agnix": ["agnix", "--strict"],
    "skillsaw": ["skillsaw", "lint", "--strict", "--quiet"],
}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


FAULTS: list[tuple[str, str, Callable[[Path], object]]] = [
    ("skills-ref", "Unexpected fields", lambda skill: edit(skill / "SKILL.md", "license:", "tools: Read\nlicense:")),
    ("skills-ref", "must match", lambda skill: edit(skill / "SKILL.md", f"name: {NAME}", "name: experiments")),
    ("agnix", "must match", lambda skill: edit(skill / "SKILL.md", f"name: {NAME}", "name: experiments")),
    (
        "agnix",
        "not found",
        lambda skill: edit(skill / "SKILL.md", "# Hydra", "See [more](references/gone.md).\n\n# Hydra"),
    ),
    ("agnix", "warning", lambda skill: edit(skill / "SKILL.md", "license: MIT", "license: MIT\nallowed-tools: Bash")),
    ("skillsaw", "never referenced", lambda skill: write(skill, {"spare/orphan.md": "# Orphan\n"})),
    (
        "skillsaw",
        "description",
        lambda skill: edit(skill / "SKILL.md", "description: >-\n", "description: Hydra.\nx: >-\n"),
    ),
]


def installed(program: str) -> Path:
    """A program of the group `checkers` of pyproject.toml."""
    path = Path(sys.executable).parent / program
    if sys.version_info < (3, 11) and not path.exists():
        pytest.skip(f"{program} needs Python 3.11")
    assert path.exists(), f"{path} is missing: uv sync --group dev"
    return path


def checker(name: str) -> list[str | Path]:
    program, *words = CHECKERS[name]
    return [installed(program), *words]


@pytest.mark.slow
class TestCheckers:
    @pytest.mark.parametrize("name", CHECKERS)
    def test_nothing_found(self, name: str, skill: Path) -> None:
        ran = call([*checker(name), skill], cwd=skill.parent, env={"HOME": str(skill.parent)})
        assert ran.returncode == 0, ran.stdout + ran.stderr

    @pytest.mark.parametrize(("name", "said", "fault"), FAULTS, ids=[f"{name}: {said}" for name, said, _ in FAULTS])
    def test_a_fault_is_found(self, name: str, said: str, fault: Callable[[Path], object], skill: Path) -> None:
        fault(skill)
        ran = call([*checker(name), skill], cwd=skill.parent, env={"HOME": str(skill.parent)})
        assert ran.returncode != 0
        assert said in ran.stdout + ran.stderr

    @pytest.mark.parametrize("fault", [None, "prompt", "skill_name"])
    def test_evals(self, fault: str | None, skill: Path) -> None:
        """The tasks do not ship; skillsaw reads them where it expects them."""
        evals = json.loads((ROOT / "tests" / "evals" / "evals.json").read_text("utf-8"))
        if fault == "prompt":
            del evals["evals"][0]["prompt"]
        elif fault:
            evals["skill_name"] = "another"
        write(skill, {"evals/evals.json": json.dumps(evals)})
        words = ["--rule", "agentskill-evals", skill]
        ran = call([*checker("skillsaw"), *words], cwd=skill.parent)
        assert (ran.returncode != 0) == bool(fault), ran.stdout + ran.stderr
        assert not fault or fault in ran.stdout


WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


class TestWorkflows:
    def check(self, path: Path) -> subprocess.CompletedProcess[str]:
        words = ["--builtin-schema", "vendor.github-workflows", path]
        return call([installed("check-jsonschema"), *words], cwd=path.parent)

    def test_ours_and_the_one_we_hand_out(self, tmp_path: Path) -> None:
        page = (ROOT / "references" / "ci.md").read_text("utf-8")
        [block] = re.findall(r"```yaml\n(# \.github/workflows/.*?)```", page, re.DOTALL)
        for path in (WORKFLOW, write(tmp_path, {"w.yml": block}) / "w.yml"):
            ran = self.check(path)
            assert ran.returncode == 0, ran.stdout

    def test_a_fault_is_found(self, tmp_path: Path) -> None:
        text = WORKFLOW.read_text("utf-8").replace("runs-on:", "run-on:")
        assert self.check(write(tmp_path, {"w.yml": text}) / "w.yml").returncode == 1

    def test_every_python_that_is_supported(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        low, high = map(int, re.findall(r"3\.(\d+)", project["requires-python"]))
        text = WORKFLOW.read_text("utf-8")
        assert f"python: {json.dumps([f'3.{n}' for n in range(low, high)])}" in text
        [oldest] = re.findall(r"hydra-core>=([\d.]+)", " ".join(project["dependencies"]))
        assert f'hydra: "{oldest}"' in text


# -- from outside ------------------------------------------------------------------------------------------------------


PYTHON = (sys.executable,)


def start(skill: Path, cwd: Path, launcher: Sequence[str | Path] = PYTHON) -> None:
    """The first two commands of a new project, from `cwd`. Python may write bytecode, as it does at a user's."""
    for words in (["new_experiment.py", "baseline", "debug=true", "--env", "local", "--notebook"], ["validate.py"]):
        works([*launcher, skill / "scripts" / words[0], *words[1:]], cwd, AT_HOME)
    assert (cwd / "experiments" / "001-baseline" / "exp" / "001.yaml").is_file()


def use(skill: Path, cwd: Path, launcher: Sequence[str | Path] = PYTHON) -> None:
    """Every command, as in the first hour of a project."""
    scripts = skill / "scripts"
    experiment = cwd / "experiments" / "001-baseline"
    start(skill, cwd, launcher)
    works([*launcher, scripts / "add_exp.py", "001", "seed=1,2", 'notes="二つ"'], cwd, AT_HOME)
    works([*launcher, scripts / "add_env.py", "001", "box", "output_dir=output/box"], cwd, AT_HOME)
    shown = works([*launcher, scripts / "show.py", "001", "exp=003", "env=box", "--format", "yaml"], cwd, AT_HOME)
    assert "notes: 二つ" in shown
    works([sys.executable, experiment / "train.py", "-m", "exp=002,003", "exp.debug=true"], cwd, AT_HOME)
    [sweep] = (path.parent for path in (cwd / "output").rglob("multirun.yaml"))
    assert "2 done" in works([*launcher, scripts / "sweep_status.py", sweep], cwd, AT_HOME)
    assert "notes" in works([*launcher, scripts / "compare.py", "001", "--all"], cwd, AT_HOME)
    works([*launcher, scripts / "add_notebook.py", "001", "--script"], cwd, AT_HOME)
    works([*launcher, scripts / "export_schema.py", "001"], cwd, AT_HOME)
    assert {path.name for path in experiment.glob("exp/*")} == {"001.yaml", "002.yaml", "003.yaml"}
    assert {path.name for path in experiment.glob("env/*")} == {"local.yaml", "box.yaml"}
    assert {path.name for path in scripts.glob("*.py")} == COMMANDS


# Those above, so all.
COMMANDS = {
    "new_experiment.py",
    "validate.py",
    "add_exp.py",
    "add_env.py",
    "show.py",
    "compare.py",
    "export_schema.py",
    "sweep_status.py",
    "add_notebook.py",
}
AT_HOME = {"PYTHONDONTWRITEBYTECODE": "", "WANDB_PROJECT": ""}


def written(skill: Path) -> dict[str, bytes]:
    """The files of the skill without Python's bytecode, which git does not see (.gitignore)."""
    return {path: content for path, content in tree(skill).items() if "/__pycache__/" not in path}


@pytest.mark.long
class TestUse:
    def test_any_folder(self, package: Path, tmp_path: Path, elsewhere: Path) -> None:
        skill = unpack(package, tmp_path / "it's 日本語 in $HOME" / "skills")
        before = tree(skill)
        use(skill, elsewhere)
        assert written(skill) == before

    def test_through_a_symlink(self, skill: Path, tmp_path: Path, elsewhere: Path) -> None:
        link = tmp_path / "agents" / NAME
        link.parent.mkdir()
        link.symlink_to(skill, target_is_directory=True)
        start(link, elsewhere)

    def test_read_only(self, skill: Path, elsewhere: Path) -> None:
        before = tree(skill)
        with_read_only(skill, lambda launcher: use(skill, elsewhere, launcher))
        assert tree(skill) == before

    def test_in_the_repository_of_the_project(self, package: Path, elsewhere: Path) -> None:
        """Committed with the project, it stays as committed."""
        skill = unpack(package, elsewhere / ".claude" / "skills")
        git(elsewhere, "init", "-q")
        git(elsewhere, "add", "-A")
        git(elsewhere, "commit", "-q", "-m", "skill")
        use(skill, elsewhere)
        assert list(skill.rglob("*.pyc"))
        assert works(["git", "status", "--porcelain", "--", ".claude"], elsewhere) == ""

    def test_what_is_printed_to_run_next_runs(self, package: Path, tmp_path: Path, elsewhere: Path) -> None:
        """On the way of a user without hydra-core: the command that the error names, pasted into a shell."""
        skill = unpack(package, tmp_path / "it's here")
        bare = [sys.executable, "-S", "-E", skill / "scripts" / "new_experiment.py", "baseline", "notes='a b'"]
        ran = call(bare, cwd=elsewhere)
        assert ran.returncode == 3
        [command] = re.findall(r"type: (uv run .*?)   \(or", ran.stderr)
        works(["bash", "-c", command], elsewhere, uv_on_path())
        assert (elsewhere / "experiments" / "001-baseline" / "exp" / "001.yaml").is_file()

    def test_uv_takes_the_dependencies_from_the_script(self, skill: Path, elsewhere: Path) -> None:
        path = uv_on_path()["PATH"]
        uv = shutil.which("uv", path=path)
        assert uv is not None
        write(elsewhere, {"pyproject.toml": '[project]\nname = "mine"\nversion = "1"\ndependencies = ["torch"]\n'})
        before = {*elsewhere.iterdir(), *skill.rglob("*")}
        works([uv, "run", skill / "scripts" / "new_experiment.py", "baseline", "epochs=2"], elsewhere)
        works([uv, "run", skill / "scripts" / "validate.py"], elsewhere)
        assert {*elsewhere.iterdir(), *written_paths(skill)} == before | {elsewhere / "experiments"}


def written_paths(skill: Path) -> set[Path]:
    return {path for path in skill.rglob("*") if "__pycache__" not in path.parts}


def uv_on_path() -> dict[str, str]:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    return {"PATH": f"{Path(uv).parent}{os.pathsep}{os.environ['PATH']}"}


def with_read_only(folder: Path, act: Callable[[Sequence[str | Path]], object]) -> None:
    """Call `act` with a Python for which `folder` is read-only: for root by a mount, as permissions don't hold it."""
    if os.geteuid() != 0:
        paths = [folder, *folder.rglob("*")]
        for path in paths:
            path.chmod(0o500 if path.is_dir() else 0o400)
        launcher = PYTHON
    else:
        if not shutil.which("unshare") or call(["unshare", "--mount", "true"], cwd=folder).returncode:
            pytest.skip("root may write anywhere, and there are no private mounts here (unshare --mount)")
        mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
        launcher = ("unshare", "--mount", "sh", "-c", mount, str(folder), *PYTHON)
    try:
        probe = call([*launcher, "-c", f"open({str(folder / 'SKILL.md')!r}, 'a')"], cwd=folder.parent)
        assert "Error" in probe.stderr, "it can be written to"
        act(launcher)
    finally:
        if launcher is PYTHON:
            for path in paths:
                path.chmod(0o700)


# -- installed by others' commands, as README.md says ------------------------------------------------------------------


@pytest.fixture(scope="session")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], str]:
    """Finds a program of an npm package, which is downloaded once and kept in npm's own cache, or skips."""

    def program(package: str, name: str) -> str:
        if not shutil.which("npx"):
            pytest.skip("npm is not installed")
        with (tmp_path_factory.getbasetemp().parent / "npm.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # npx at the same time in two processes spoils its cache
            find = f'path=$(command -v {name}) && "$path" --version >&2 && echo "$path"'
            ran = call(["npx", "--yes", f"--package={package}", "--", "bash", "-c", find], cwd=ROOT)
        if ran.returncode:
            pytest.skip(f"{package} does not install or run here: {ran.stderr.strip()[-300:]}")
        return ran.stdout.strip()

    return program


@pytest.fixture
def claude(npm: Callable[[str, str], str]) -> str:
    return npm("@anthropic-ai/claude-code@2.1.332", "claude")


@pytest.mark.long
class TestInstalled:
    def install(
        self, first: str, checkout: Path, home: Path, project: Path, program: str = "", answers: str = ""
    ) -> None:
        """Run a command of README.md with `program` for its program; OWNER is this machine."""
        command = re.sub(r"(https://github\.com/)?OWNER/experiment-setup", str(checkout), install_commands()[first])
        if program:
            command = re.sub(r"(^|(?<=&& ))(npx skills|claude)\b", program, command)
        home.mkdir(exist_ok=True)
        # Nothing of whoever runs the tests: no settings, no account.
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "NODE_EXTRA_CA_CERTS") if name in os.environ}
        env = {**kept, "HOME": str(home), "DO_NOT_TRACK": "1", "DISABLE_AUTOUPDATER": "1"}
        ran = subprocess.run(
            ["bash", "-e", "-c", command + answers],
            cwd=project,
            env=env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"

    def test_every_way_is_tried(self) -> None:
        assert set(install_commands()) == {"npx skills", "claude plugin", "mkdir -p", "git clone"}

    def test_skills(self, npm: Callable[[str, str], str], checkout: Path, tmp_path: Path, elsewhere: Path) -> None:
        """It asks which agents to install for; here the flags answer."""
        skills = npm("skills@1.5.18", "skills")  # the newest that runs on Node 20; 1.7.4 on Node 22 does the same
        answers = " --yes --agent claude-code --agent cursor"
        self.install("npx skills", checkout, tmp_path / "home", elsewhere, program=skills, answers=answers)
        skill = elsewhere / ".claude" / "skills" / NAME
        assert (elsewhere / ".agents" / "skills" / NAME / "SKILL.md").is_file()
        use(skill, elsewhere)

    def test_claude_plugin(self, claude: str, checkout: Path, tmp_path: Path, elsewhere: Path) -> None:
        home = tmp_path / "home"
        self.install("claude plugin", checkout, home, elsewhere, program=claude)
        env = {"HOME": str(home), "CLAUDE_CONFIG_DIR": str(home / ".claude")}
        listed = works([claude, "plugin", "list"], elsewhere, env)
        assert f"{NAME}@{NAME}" in listed
        assert "enabled" in listed
        inventory = works([claude, "plugin", "details", NAME], elsewhere, env)
        assert re.search(rf"Skills \(1\)\s+{NAME}\n", inventory)
        [skill] = (path.parent for path in (home / ".claude" / "plugins" / "cache").rglob("SKILL.md"))
        start(skill, elsewhere)

    @pytest.mark.parametrize("manifest", MANIFESTS)
    def test_claude_validates(self, claude: str, checkout: Path, tmp_path: Path, manifest: str) -> None:
        """Each by its own path (of a folder with both it looks at one); an unknown key is what --strict is for."""
        env = {"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": str(tmp_path / ".claude")}
        command = [claude, "plugin", "validate", "--strict"]
        path = checkout / ".claude-plugin" / f"{manifest}.json"
        assert "Validation passed" in works([*command, path], tmp_path, env)
        faulty = path.read_text("utf-8").replace("{", '{"keyword": "x",', 1)
        write(tmp_path, {".claude-plugin/" + path.name: faulty, "SKILL.md": (ROOT / "SKILL.md").read_text("utf-8")})
        ran = call([*command, tmp_path / ".claude-plugin" / path.name], tmp_path, env)
        assert ran.returncode == 1
        assert "keyword" in ran.stdout + ran.stderr

    def test_release(self, checkout: Path, package: Path, skill: Path, tmp_path: Path, elsewhere: Path) -> None:
        shutil.copy(package, elsewhere)
        self.install("mkdir -p", checkout, tmp_path / "home", elsewhere)
        assert tree(tmp_path / "home" / ".claude" / "skills" / NAME) == tree(skill)

    def test_clone(self, checkout: Path, tmp_path: Path, elsewhere: Path) -> None:
        self.install("git clone", checkout, tmp_path / "home", elsewhere)
        start(tmp_path / "home" / ".claude" / "skills" / NAME, elsewhere)
