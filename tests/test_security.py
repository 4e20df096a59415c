"""Nothing of a project runs because somebody looks at it: each attack is a test, and audit hooks watch the commands."""

from __future__ import annotations

import ast
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
import yaml
from omegaconf import OmegaConf

from experiment_setup import git as git_of_skill
from experiment_setup import processes
from experiment_setup.git import ignored
from running import CONFIG, ROOT, SCRIPTS, Ran, git, hydra, run, start, tree, write

pytestmark = pytest.mark.slow

MODULES = sorted(SCRIPTS.rglob("*.py"))
# Names that Python, Hydra, OmegaConf and this skill import sooner or later, or try to.
SHADOWED = (
    "__future__ types typing re json argparse dataclasses enum yaml omegaconf hydra antlr4 attr hydra_plugins/evil "
    "conf subprocess tempfile shlex importlib_resources packaging experiment_setup cli typing_extensions secrets"
).split()


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that is there as soon as code of a project has run."""
    return tmp_path / "code of the project has run"


@pytest.fixture
def trap(canary: Path) -> str:
    """Python code that leaves the canary."""
    return f"open({str(canary)!r}, 'w').close()\n"


def program(path: Path, canary: Path) -> Path:
    """A program that leaves the canary."""
    write(path.parent, {path.name: f"#!/bin/sh\ntouch '{canary}'\n"})
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def look(
    project: Path,
    cwd: Path,
    env: dict[str, str] | None = None,
    codes: tuple[int, ...] = (0, 1),
    by: Callable[..., Ran] = run,
) -> list[Ran]:
    """Run the commands that read a project, and those that write into it; `by=start` where imports are the question."""
    each: list[tuple[str, ...]] = [
        ("validate.py",),
        ("validate.py", "--hydra"),
        ("add_exp.py", "001", "learning_rate=0.5"),
        ("add_env.py", "001", "there", "output_dir=there"),
        ("new_experiment.py", "next", "epochs=2"),
        ("new_experiment.py", "fresh", "--template"),  # git is asked about the skill's own files
    ]
    result = []
    for script, *words in each:
        ran = by(script, "--root", project, *words, cwd=cwd, env=env)
        assert ran.code in codes, (script, ran)
        result.append(ran)
    return result


# -- git ---------------------------------------------------------------------------------------------------------------


def bare_repository(folder: Path, config: str) -> None:
    """What git takes for a repository where it looks for one itself."""
    write(folder, {"HEAD": "ref: refs/heads/main\n", "config": config, "refs/keep": "", "objects/keep": ""})


def test_a_bare_repository_among_the_files_is_not_asked(
    project: Path, experiment: Path, canary: Path, elsewhere: Path
) -> None:
    git(project, "init", "-q")
    evil = program(canary.parent / "evil", canary)
    keys = "".join(f"\t{key} = {evil}\n" for key in ("fsmonitor", "hooksPath", "pager", "sshCommand"))
    core = f"[core]\n\tbare = true\n\tworktree = {experiment}\n{keys}"
    bare_repository(experiment, f"{core}[alias]\n\tcheck-ignore = !{evil}\n")
    look(project, elsewhere)
    assert not canary.exists()


@pytest.mark.parametrize("setting", ["fsmonitor", "hooksPath"])
def test_the_config_of_a_checkout_runs_nothing(
    project: Path, experiment: Path, canary: Path, elsewhere: Path, setting: str
) -> None:
    git(project, "init", "-q")
    evil = program(canary.parent / "hooks" / "post-index-change", canary)
    git(project, "config", f"core.{setting}", str(evil if setting == "fsmonitor" else evil.parent))
    git(project, "add", ".")
    if setting == "fsmonitor":
        canary.unlink()  # the trap is one
    look(project, elsewhere)
    assert not canary.exists()


def test_variables_of_the_shell_are_no_settings_of_git(project: Path, canary: Path, elsewhere: Path) -> None:
    git(project, "init", "-q")
    git(project, "add", ".")
    evil = program(canary.parent / "evil", canary)
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": str(evil)}
    subprocess.run(["git", "status"], cwd=project, capture_output=True, env={**os.environ, **settings}, check=True)
    assert canary.exists(), "the trap is no trap"
    canary.unlink()
    look(project, elsewhere, {**settings, "GIT_EXTERNAL_DIFF": str(evil), "GIT_EXEC_PATH": str(evil.parent)})
    assert not canary.exists()


def test_git_is_asked_no_more_where_it_does_not_answer(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(project, "init", "-q")
    os.mkfifo(project / ".gitignore")
    asked, ask = [], processes.ask
    monkeypatch.setattr(processes, "ask", lambda words, **named: (asked.append(words), ask(words, **named))[1])
    monkeypatch.setattr(git_of_skill, "_SECONDS", 0.3)
    checkout = git_of_skill.Checkout.around(project)
    assert checkout is not None
    assert [checkout.ask("ls-files", "--others", "--exclude-standard") for _ in range(2)] == [None, None]
    assert len(asked) == 1


@pytest.mark.parametrize("place", [".git/index", ".git/info/exclude", ".git/refs/heads/x/y", ".gitignore", "named"])
def test_git_is_not_asked_where_it_would_wait(project: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """A command took twenty seconds to find that out."""
    git(project, "init", "-q")
    write(project, {".gitignore": "x\n"})
    assert ignored(project, [project / "x"]) == {project / "x": ".gitignore:1:x"}
    pipe = project / place
    pipe.unlink(missing_ok=True)
    pipe.parent.mkdir(exist_ok=True)
    os.mkfifo(pipe)
    git(project, "config", "core.excludesFile", str(project / "named"))
    monkeypatch.setattr(processes, "ask", None)
    git_of_skill._waits_for_a_pipe.cache_clear()
    assert ignored(project, [project / "x"]) == {}


def partial_clone(project: Path, canary: Path) -> None:
    """A checkout whose .gitignore is a missing object that its remote would deliver."""
    evil = program(canary.parent / "evil", canary)
    git(project, "init", "-q")
    write(project, {".gitignore": "*.log\n"})
    git(project, "add", ".gitignore")
    git(project, "update-index", "--skip-worktree", ".gitignore")
    (project / ".gitignore").unlink()
    for file in (project / ".git/objects").glob("??/*"):
        file.unlink()
    for name, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": str(project),
        "remote.origin.promisor": "true",
        "remote.origin.uploadpack": str(evil),
    }.items():
        git(project, "config", name, value)


def test_what_a_partial_clone_lacks_is_not_fetched(project: Path, canary: Path, elsewhere: Path) -> None:
    partial_clone(project, canary)
    words = ["git", "-c", "safe.directory=*", "check-ignore", "experiments/001-baseline/config.yaml"]
    subprocess.run(words, cwd=project, capture_output=True, check=False)
    assert canary.exists(), "the trap is no trap"
    canary.unlink()
    look(project, elsewhere)
    assert not canary.exists()


def test_a_git_file_that_points_into_the_project_is_not_followed(
    project: Path, experiment: Path, canary: Path, elsewhere: Path
) -> None:
    evil = program(canary.parent / "evil", canary)
    bare_repository(project / "data" / "repository", f"[core]\n\tfsmonitor = {evil}\n")
    write(project, {".git": "gitdir: data/repository\n"})
    look(project, elsewhere)
    assert not canary.exists()


def test_what_a_worktree_ignores_is_known(project: Path, tmp_path: Path, elsewhere: Path) -> None:
    """Whose `.git` is a file that points elsewhere: still a checkout."""
    write(project, {".gitignore": "env/\n"})
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "all")
    git(project, "worktree", "add", "-q", str(tmp_path / "other"))
    for folder in (project, tmp_path / "other"):
        ran = run("add_env.py", "--root", folder, "001", "there", "output_dir=there", cwd=elsewhere)
        assert ".gitignore:1:env/" in ran.out + ran.err


# -- programs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ["bin", "./bin", "", "ABSOLUTE"])
def test_a_program_of_the_project_is_not_started(project: Path, canary: Path, elsewhere: Path, entry: str) -> None:
    git(project, "init", "-q")
    for name in ("git", "python", "python3", "uv"):
        program(project / "bin" / name, canary)
        if not entry:
            program(project / name, canary)
    path = os.pathsep.join([str(project / "bin") if entry == "ABSOLUTE" else entry, os.environ["PATH"]])
    look(project, project, {"PATH": path})
    assert not canary.exists()


def test_a_program_beside_the_project_in_its_checkout_is_not_started(
    project: Path, canary: Path, elsewhere: Path
) -> None:
    """As in a repository of several projects, with tools of its own on PATH: a pull request changes these as well."""
    git(project.parent, "init", "-q")
    for name in ("git", "python", "python3", "uv"):
        program(project.parent / "tools" / name, canary)
    look(project, elsewhere, {"PATH": os.pathsep.join([str(project.parent / "tools"), os.environ["PATH"]])})
    assert not canary.exists()


@pytest.mark.parametrize("folder", ["/root/bin", f"/{'a' * 300}", "/dev/null", "/proc/1/root"])
def test_a_folder_that_cannot_be_looked_into_has_no_programs(project: Path, folder: str) -> None:
    """Of another user, on PATH still after `su`; or with a name that no file system takes, which root sees as well."""
    usual = processes.find("git", project=project)
    assert usual is not None
    assert processes.find("git", project=project, path=os.pathsep.join([folder, str(Path(usual).parent)])) == usual


def test_a_python_that_is_asked_reads_nothing_of_the_project(
    project: Path, canary: Path, trap: str, tmp_path: Path
) -> None:
    """Another Python than ours comes first on PATH: whether it has hydra is asked away from the project."""
    write(project, {f"{name}.py": trap for name in ("types", "sitecustomize", "usercustomize", "importlib", "os")})
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(Path(sys.base_prefix, "bin", "python3"))
    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
    assert start("add_exp.py", "001", "learning_rate=0.5", cwd=project, env={"PATH": path}).code == 0
    assert not canary.exists()


def test_an_environment_is_looked_at_and_not_started(project: Path, canary: Path, elsewhere: Path) -> None:
    """One that is active and lies elsewhere: it may be anybody's."""
    environment = write(canary.parent / "environment", {"pyvenv.cfg": "home = /usr/bin\n"})
    program(environment / "bin" / "python", canary)
    path = os.pathsep.join([str(environment / "bin"), os.environ["PATH"]])
    look(project, elsewhere, {"PATH": path, "VIRTUAL_ENV": str(environment)})
    assert not canary.exists()
    (environment / "pyvenv.cfg").unlink()  # the twin: a Python of the machine is asked
    look(project, elsewhere, {"PATH": path})
    assert canary.exists()


# -- imports -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pythonpath", ["", ".", "src", "ABSOLUTE", "site-packages"])
def test_modules_of_the_project_do_not_stand_in_for_others(
    project: Path, canary: Path, trap: str, pythonpath: str
) -> None:
    folder = project / ("src" if pythonpath == "src" else "site-packages" if pythonpath == "site-packages" else "")
    write(folder, {f"{name}.py": trap for name in SHADOWED})
    env = {"PYTHONPATH": str(project) if pythonpath == "ABSOLUTE" else pythonpath} if pythonpath else {}
    look(project, project, env, codes=(0, 1, 2), by=start)  # train.py itself imports some of them
    assert not canary.exists()


def test_an_editable_installation_is_not_imported(project: Path, canary: Path, trap: str, tmp_path: Path) -> None:
    """What `pip install -e .` leaves in site-packages: a folder of the project, and a finder of its packages."""
    write(project, {"hydra_plugins/evil.py": trap, "attr.py": trap})
    finder = tmp_path / "site-packages"
    write(
        finder,
        {
            "sitecustomize.py": f"""\
import sys
sys.path.append({str(project)!r})
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        from importlib.machinery import ModuleSpec, SourceFileLoader
        from importlib.util import spec_from_file_location
        if name == "attr":
            return spec_from_file_location(name, {str(project / "attr.py")!r})
sys.meta_path.append(Finder)
"""
        },
    )
    look(project, project, {"PYTHONPATH": str(finder)}, codes=(0,), by=start)
    assert not canary.exists()


@pytest.mark.parametrize("scheme", ["pkg", "structured"])
def test_a_search_path_imports_nothing(project: Path, experiment: Path, canary: Path, trap: str, scheme: str) -> None:
    names = "this antigravity evil evil.conf conf experiments yaml train".split()
    searched = ", ".join(f"'{scheme}://{name}'" for name in names)
    write(project, {"evil/__init__.py": trap, "evil/conf/__init__.py": trap, "conf/__init__.py": trap})
    write(experiment, {"config.yaml": CONFIG.replace("hydra:\n", f"hydra:\n  searchpath: [{searched}]\n")})
    for ran in look(project, project, {"PYTHONPATH": ".", "BROWSER": "false"}, codes=(0,), by=start):
        assert "Zen of Python" not in ran.out
    assert not canary.exists()


def test_options_in_a_package_are_found(project: Path, experiment: Path) -> None:
    """The twin: what the import would find counts, though it is not imported."""
    write(project, {"src/mine/__init__.py": "", "src/mine/conf/__init__.py": "", "src/mine/conf/exp/007.yaml": ""})
    text = CONFIG.replace("hydra:\n", "hydra:\n  searchpath: ['pkg://mine.conf']\n").replace(
        "exp: default", "exp: '007'"
    )
    write(experiment, {"config.yaml": text})
    assert run("validate.py", "--hydra", cwd=project).code == 0
    write(experiment, {"config.yaml": text.replace("007", "008")})
    assert run("validate.py", "--hydra", cwd=project).code == 1


@pytest.mark.parametrize("options", [("-I",), ("-P",), ("-E",), ("-s",)])
def test_the_scripts_start_in_every_mode_of_python(project: Path, options: tuple[str, ...]) -> None:
    if options == ("-P",) and sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has no -P")
    for script in sorted(SCRIPTS.glob("*.py")):
        words = [sys.executable, *options, str(script), "--help"]
        assert subprocess.run(words, cwd=project, capture_output=True, check=False).returncode == 0


def test_the_commands_work_without_the_scripts_on_the_path(project: Path) -> None:
    look(project, project, {"PYTHONSAFEPATH": "1"}, codes=(0,), by=start)


# -- the environment ---------------------------------------------------------------------------------------------------

SECRET = "hunter-2-Tr0ub4dor"
_FROM_CODE = {
    "default": ('    learning_rate: float = os.environ["TOKEN"]\n', ""),
    "text": ('    learning_rate: str = os.environ.get("TOKEN", "no")\n', ""),
    "computed": ("    learning_rate: float = float(os.getenv('TOKEN'))\n", ""),
    "sliced": ("    learning_rate: str = os.environ['TOKEN'][:12]\n", ""),
    "upper": ("    learning_rate: str = os.environ['TOKEN'].upper()\n", ""),
    "split": ("    learning_rate: str = os.environ['TOKEN'].split('-')[2]\n", ""),
    "formatted": ("    learning_rate: float = f'{os.environ[\"TOKEN\"]}!'\n", ""),
    "all": ("    learning_rate: str = str(dict(os.environ))\n", ""),
    "raised": ("", "raise ValueError(os.environ['TOKEN'])\n"),
    "compared": ("    learning_rate: float = {'a': 1}[os.environ['TOKEN']]\n", ""),
}


_WRITTEN = [
    "seed: ${oc.env:TOKEN}",
    "seed: ${oc.env:TOKEN}\nepochs: ${.seed}",
    "seed: ${oc.decode:${oc.env:TOKEN}}",
    "seed: ${oc.select:${oc.env:TOKEN}}",
    "seed: ${oc.deprecated:exp.epochs,${oc.env:TOKEN}}",
    "seed: ${oc.env:NOT_SET,${oc.env:TOKEN}}",
    "seed: ${oc.env:${oc.env:TOKEN}}",
    "seed: ${${oc.env:TOKEN}:1}",
    "fold: ${oc.env:TOKEN}",
    "debug: ${oc.env:TOKEN}",
    "name: ${oc.env:TOKEN}",
    "learning_rate: 1${oc.env:TOKEN}",
]


@pytest.mark.parametrize("token", ["{}", "{}[", "it's {}", '"{}"', "[{}, 1]", "{}: {{"])
def test_a_value_from_the_environment_is_not_shown(project: Path, experiment: Path, token: str) -> None:
    for number, written in enumerate(_WRITTEN, 1):
        write(experiment, {f"exp/{number:03}.yaml": f"defaults:\n  - default@_here_\n\n{written}\n"})
    env = {"TOKEN": token.replace("{}", SECRET)}
    for words in (["validate.py"], ["validate.py", "--hydra", "--json"], ["validate.py", "--diff", "--unsafe"]):
        ran = run(words[0], *words[1:], cwd=project, env=env)
        assert SECRET not in ran.out + ran.err
        assert ran.code == 1


@pytest.mark.parametrize(("written", "taken", "refused"), [("seed", "5", "five"), ("learning_rate", "1e-3", "one")])
def test_a_value_from_the_environment_is_judged(
    project: Path, experiment: Path, written: str, taken: str, refused: str
) -> None:
    """The twin: it is converted as Hydra would convert it."""
    write(experiment, {"exp/001.yaml": f"defaults:\n  - default@_here_\n\n{written}: ${{oc.env:TOKEN}}\n"})
    assert run("validate.py", "--select", "ES012", cwd=project, env={"TOKEN": taken}).code == 0
    ran = run("validate.py", "--select", "ES012", cwd=project, env={"TOKEN": refused})
    assert ran.code == 1
    assert "<value of TOKEN>" in ran.out
    assert refused not in ran.out


@pytest.mark.parametrize("name", ["exp: ${oc.env:TOKEN}", "'exp@${oc.env:TOKEN}': default", "exp: a${oc.env:TOKEN}b"])
def test_an_option_from_the_environment_is_not_shown(project: Path, experiment: Path, name: str) -> None:
    write(experiment, {"config.yaml": CONFIG.replace("exp: default", name)})
    for options in ([], ["--hydra"], ["--format", "github"], ["--format", "sarif"]):
        ran = run("validate.py", *options, cwd=project, env={"TOKEN": SECRET})
        assert ran.code == 1
        assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize("kind", _FROM_CODE)
def test_what_code_takes_from_the_environment_is_not_shown(project: Path, experiment: Path, kind: str) -> None:
    field, statement = _FROM_CODE[kind]
    text = (experiment / "train.py").read_text()
    (line,) = [line for line in text.splitlines(keepends=True) if line.lstrip().startswith("learning_rate:")]
    write(experiment, {"train.py": f"import os\n{statement}" + text.replace(line, field or line)})
    for ran in look(project, project, {"TOKEN": SECRET}, codes=(0, 1, 2)):
        for part in (SECRET, SECRET.upper(), "Tr0ub4dor"):
            assert part not in ran.out + ran.err
    assert not any(b"Tr0ub4dor" in path.read_bytes() for path in project.rglob("*.yaml"))


_TAKEN = (
    "defaults:\n  - default@_here_\n\nnotes: x${oc.env:TOKEN}\nname: ${.notes}\nseed: ${oc.decode:${oc.env:SEED}}\n"
)


@pytest.mark.parametrize("written", ["x", "${hydra:job.name}"])
def test_resolve_shows_values_of_the_environment_and_says_so(project: Path, experiment: Path, written: str) -> None:
    write(experiment, {"exp/001.yaml": _TAKEN.replace("x$", f"{written}$")})
    env = {"TOKEN": SECRET, "SEED": "7"}
    oracle = hydra(experiment / "train.py", "exp=001", resolve=True, env=env)
    words = ["show.py", "001", "exp=001", "--resolve", "--format"]
    ran = run(*words, "yaml", cwd=project, env=env)
    assert yaml.safe_load(ran.out) == oracle
    assert "from the environment of this shell: exp.name (TOKEN), exp.seed (SEED), exp.notes (TOKEN)" in ran.err
    data = run(*words, "json", cwd=project, env=env).json
    assert data["config"] == oracle
    assert {key: source["variables"] for key, source in data["sources"].items() if "variables" in source} == {
        "exp.name": ["TOKEN"],
        "exp.notes": ["TOKEN"],
        "exp.seed": ["SEED"],
    }
    (line,) = [line for line in run(*words, "table", cwd=project, env=env).out.splitlines() if "exp.seed" in line]
    assert line.split()[3:6] == ["experiments/001-baseline/exp/001.yaml:6:7", "with", "$SEED"]
    assert SECRET not in run(*words[:3], "--format", "json", cwd=project, env=env).out  # the twin: nobody asked
    refused = run(*words, "yaml", cwd=project, env={"TOKEN": SECRET, "SEED": SECRET})
    assert (refused.code, refused.out, SECRET in refused.err) == (2, "", False)


def test_a_value_of_a_run_is_referred_to_and_not_copied(project: Path, experiment: Path) -> None:
    """A run saved the value of a variable: a set that is made of it takes it from there, as that of the run did."""
    write(experiment, {"exp/001.yaml": _TAKEN})
    env = {"TOKEN": SECRET, "SEED": "7"}
    saved = OmegaConf.create(hydra(experiment / "train.py", "exp=001", resolve=True, env=env))
    for seed, says in ((7, "exp=001 is this already"), (8, "made experiments/001-baseline/exp/002.yaml")):
        saved.exp.seed = seed
        write(project, {"output/001/config.yaml": OmegaConf.to_yaml(saved)})
        now = run("show.py", "--run", "output/001", "--format", "table", cwd=project, env=env)
        assert ("exp.seed" in now.out, "exp.name" in now.out, SECRET in now.out) == (seed == 8, False, False)
        ran = run("add_exp.py", "001", "--from-run", "output/001", cwd=project, env=env)
        assert (says in ran.out, SECRET in ran.out + ran.err) == (True, False)
    made, origin = (yaml.safe_load(text) for text in ((experiment / "exp/002.yaml").read_text(), _TAKEN))
    assert made == {**origin, "seed": 8}


@pytest.mark.parametrize("written", ["x", "${hydra:job.name}"])
def test_a_value_of_now_beside_a_run_is_not_shown(project: Path, experiment: Path, written: str) -> None:
    write(experiment, {"exp/001.yaml": _TAKEN.replace("x$", f"{written}$")})
    write(project, {"output/001/config.yaml": "exp:\n  name: other\n  notes: other\n  seed: 7\n"})
    for format_ in ("table", "json", "yaml"):
        ran = run(
            "show.py", "--run", "output/001", "--format", format_, cwd=project, env={"TOKEN": SECRET, "SEED": "7"}
        )
        assert (ran.code, SECRET in ran.out + ran.err) == (0, False)
        assert format_ == "yaml" or f"{written}${{oc.env:TOKEN}}" in ran.out


# -- the list ----------------------------------------------------------------------------------------------------------

_STARTERS = {"subprocess", "multiprocessing", "pty", "webbrowser", "concurrent", "asyncio", "ctypes", "socket"}
_STARTING = ("exec", "spawn", "fork", "popen", "system", "posix_spawn", "startfile")


def test_one_module_starts_processes() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            starts = any(name.split(".")[0] in _STARTERS for name in names)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                starts |= node.attr.startswith(_STARTING)
            assert not starts or path.name == "processes.py", f"{path}:{node.lineno}"  # type: ignore[attr-defined]


_HOOK = """\
import json, os, sys
if True:
    log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    seen = (
        "subprocess.", "socket.", "pty.", "shutil.", "urllib.", "webbrowser.", "ftplib.", "http.", "os.exec", "os.fork",
        "os.posix_spawn", "os.spawn", "os.system", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link",
        "os.symlink", "os.truncate", "os.chmod",
    )
    def hook(event, arguments):
        writes = event == "open" and (
            isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
            or isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        if writes or event.startswith(seen):
            os.write(log, (json.dumps([event, repr(arguments[0]) if arguments else ""]) + "\\n").encode())
    sys.addaudithook(hook)
"""


_WRITES = {"open", *(f"os.{name}" for name in "rename remove rmdir mkdir link symlink truncate chmod".split())}


def seen(project: Path, watch: Path, script: str, *words: str, **env: str) -> list[tuple[str, str]]:
    """What a command starts, writes and connects to, by Python's audit events; the hook is there before the script.

    Whatever it does to the files, none that is there becomes another one, and it names those that it makes.
    """
    before = tree(project)
    log = watch / "log"
    log.unlink(missing_ok=True)
    write(watch, {"sitecustomize.py": _HOOK.replace("{log!r}", repr(str(log)))})
    ran = start(script, "--root", project, *words, cwd=project, env={"PYTHONPATH": str(watch), **env})
    assert ran.code in (0, 1), ran
    after = tree(project)
    assert {name: after.get(name) for name in before} == before
    new = [PurePosixPath(name) for name in after if name not in before]
    assert [file for file in new if not any(str(path) in ran.out for path in (file, *file.parents[:-2]))] == []
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()]


def test_what_commands_do(project: Path, experiment: Path, tmp_path: Path) -> None:
    """No process, write or connection but those that references/security.md lists."""
    git(project, "init", "-q")
    write(experiment, {"exp/002.yaml": "defaults: [default@_here_]\nseed: ${oc.env:HOME}\n"})
    git(project, "add", "-A")
    git(project, "commit", "-qm", "begin")
    watch, temporary = tmp_path / "watch", tmp_path / "temporary"  # where what will be made is tried first
    temporary.mkdir()
    for words in (
        ["validate.py"],
        ["validate.py", "--hydra"],
        ["validate.py", "--diff"],
        ["validate.py", "--fix"],
        ["add_exp.py", "001", "learning_rate=0.5"],
        ["add_env.py", "001", "there", "output_dir=there"],
        ["new_experiment.py", "next", "epochs=2"],
        ["add_notebook.py", "001"],
        ["compare.py", "--runs"],
        ["compare.py", "--since"],
    ):
        writes = []
        for event, subject in seen(project, watch, *words, TMPDIR=str(temporary)):
            if event == "subprocess.Popen":
                assert Path(subject.strip("'")).name in ("git", "python", "python3")
            elif event.startswith("shutil."):  # what it does is seen as well
                continue
            elif not subject.isdigit() and os.devnull not in subject:  # a number: a pipe to one of these
                assert event in _WRITES, words
                writes.append((event, subject))
        # Without a folder it is a name in one that is open: how a whole folder is removed.
        ours = str(project), str(temporary)
        outside = [write for write in writes if "/" in write[1] and not any(folder in write[1] for folder in ours)]
        assert outside == [], words
        assert not list(temporary.iterdir()), words
        assert bool(writes) == (words[0] != "validate.py" and words[-1] != "--runs"), (words, writes)
    events = seen(project, watch, "validate.py", "--python", sys.executable)
    assert {Path(subject.strip("'")).name for event, subject in events if event == "subprocess.Popen"} == {
        "git",
        Path(sys.executable).name,
    }
    events = seen(project, watch, "validate.py", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert [subject for event, subject in events if event == "os.exec"] == [repr(sys.executable)]


def test_security_md_names_tests_that_exist() -> None:
    text = (ROOT / "references" / "security.md").read_text(encoding="utf-8")
    tests = "".join(
        (ROOT / "tests" / name).read_text(encoding="utf-8")
        for name in (
            "test_security.py",
            "test_output.py",
            "test_since.py",
            "test_files.py",
            "test_faults.py",
            "test_apart.py",
        )
    )
    named = set(re.findall(r"\btest_\w+\b(?!\.py)", text))
    assert len(named) > 10
    assert [name for name in named if f"def {name}(" not in tests] == []
    rows = [line for line in text.splitlines() if line.startswith("| ") and not re.search(r"\| test[^|]*\|$", line)]
    assert all("test_" in row for row in rows)


def test_every_script_takes_the_project_off_the_path_first() -> None:
    for script in SCRIPTS.glob("*.py"):
        body = ast.parse(script.read_text(encoding="utf-8")).body
        first = [ast.unparse(statement) for statement in body[1:6]]
        assert first == [
            "import os",
            "import sys",
            "sys.path.insert(0, __file__.rpartition(os.sep)[0])",
            "from experiment_setup import isolation",
            "isolation.isolate()",
        ], script.name
