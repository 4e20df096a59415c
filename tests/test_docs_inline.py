"""What the guides say between backticks: overrides compose, keys, paths and names exist, quoted errors are real.

Each piece of inline code has a form, and each form a check. What has none is a word (`int`, `null`) or is listed here.
The Japanese texts have the same pieces as the English ones (test_docs.py), so that they are held as well.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import inspect
import re
import shlex
import shutil
import sys
import typing
from functools import cache
from pathlib import Path
from typing import Any

import hydra
import omegaconf
import pytest
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from guides import ENGLISH, HERE, Section, batch, install_commands, make_project, sections, table
from running import PLAIN_EXPERIMENT, ROOT, SCRIPTS, run, write
from test_docs_hydra import ELSEWHERE, NEW, PROVOKED

pytestmark = pytest.mark.any_hydra

DOCS = [*ENGLISH, ROOT / "CONTRIBUTING.md"]

# Said to be refused, and they must be.
REFUSED = {"~exp.seed", "exp=100", "exp.notes=a=b", "exp.notes=学習率", "exp.fold=[0, 1]"}
# Said by other packages, by Python 3.14, or as an advice, which a test below provokes.
FOREIGN = {
    'Could not detect "srun"',
    "No API key configured",
    "No module named 'load_experiment'",
    "No trials are completed yet.",
    "ValueError: badly formed help string",
    "To append to your config use +exp.sed=1",
    "Did you mean",
}
# Files and folders of a user's project, or made by a run.
THEIRS = set(
    "100-words.yaml 0/ 1/ .hydra/ outputs/ .submitit/ wandb/ mlruns/ ./mlruns hydra/ data/ model/ src/ demo/ "
    "output/001-baseline ~/results "
    "multirun.yaml result.json exp/base.yaml config.py .claude/skills .claude/skills/experiment-setup ~/.claude/skills "
    "dist/experiment-setup.skill".split()
)
VARIABLES = set(
    "HYDRA_FULL_ERROR WANDB_MODE WANDB_PROJECT WANDB_BASE_URL CUDA_VISIBLE_DEVICES RAY_ENABLE_UV_RUN_RUNTIME_ENV "
    "CI_PYTHON CI_HYDRA CI_TESTS".split()
)
# Code with spaces that no form fits.
OTHERS = {
    "# %%",
    "# @package _group_",
    "# @package _global_",
    "# @package …",
    "# noqa-file: ES5",
    "# noqa: ES501",
    "<env.output_dir>/<set>-<values given by hand>/",
    'hydra-optuna-sweeper "sqlalchemy<2"',
    'requires-python = ">=3.10,<3.14"',
}

OVERRIDE = r"[+~]{0,2}(exp|env|hydra)([./]\w+)*=|~(exp|env)\b"
PROGRAM = r"(python3?|wandb|mlflow|(\S*/)?[\w-]+\.py) "
COMMAND = rf"([A-Z_]+=\S+ )?(uv (run|add) |uv run$|git [a-z]+|{PROGRAM}|\.ci/run$)|scripts/\w+\.py"
PATH = r"[~\w.-]*(/[\w.-]*)+|[\w.-]+\.(ya?ml|toml|py|md|json|ipynb|db)"
DOTTED = r"(cfg\.)?(?P<key>(exp|env|hydra|run|sweep|job)(\.\w+)+)(: .+)?"
LINE = r"(- )?(override |optional )?/?(?P<key>[\w./@]+):( .+)?|- [\w/@\"]+"
NAME = r"[A-Z]{2,}_[A-Z_]+|_*[a-z]+(_[a-z]+)+_*|([A-Z][a-z]+){2,}"
WORD = r"[\w.]*(-\w+)+|[#.!].*|\[tool\..*\]"  # a package, a comment, a suffix


def form(span: str) -> str:
    """The first that fits."""
    if " " in span and any(span in text for text in real_texts()):
        return "text"
    for name, regex in (("command", COMMAND), ("flag", "--?[a-z]")):
        if re.match(regex, span):
            return name
    if words(span):
        return "override"
    for name, regex in (("dotted", DOTTED), ("line", LINE), ("path", PATH), ("name", NAME), ("word", WORD)):
        if re.fullmatch(regex, span) and not (name == "word" and " " in span):
            return name
    return "python" if parsed(span) else "other" if " " in span else "word"


def words(span: str) -> list[str]:
    """The words of a piece that has nothing but overrides; add_exp.py's `'fold=[0,1]'` is Hydra's exp.fold."""
    try:
        found = shlex.split(re.sub(r"^'(?=\w+=)(?!exp|env)", "'exp.", span))
    except ValueError:
        return []
    return found if all(re.match(OVERRIDE, found[0] if word == "1]" else word) for word in found) else []


def parsed(span: str) -> ast.Module | None:
    """Python with a structure: a call, an attribute, an assignment, a keyword argument."""
    text = span.replace(", …", "").replace("…", "")
    for code in (text, f"{text} pass", f"{text}: pass", f"{text}\nclass x: pass", f"f({text})", f"x {text}"):
        try:
            tree = ast.parse(code)
        except SyntaxError:
            continue
        first = (tree.body or [None])[0]
        simple = isinstance(first, ast.Expr) and isinstance(first.value, ast.Name | ast.Constant)
        return tree if first and not simple else None
    return None


@cache
def real_texts() -> set[str]:
    """Errors that a test provokes: those of test_docs_hydra.py, and those of the tables that it reads."""
    shells = [cell.strip("`") for row in table("running.md", "Quoting") if len(row) == 3 for cell in row[1:]]
    spellings = [
        cell.strip("`") for row in table("defaults-lists.md", "A parameter set or environment") for cell in row
    ]
    return {*PROVOKED, *ELSEWHERE, *FOREIGN, *(text for text in shells + spellings if not text.startswith("-"))}


@cache
def pieces() -> dict[str, str]:
    """Inline code -> where it stands."""
    found: dict[str, list[str]] = {}
    for doc in DOCS:
        for section in sections(doc):
            for span in Section(0, "", text=section.title).spans + section.spans:
                found.setdefault(span, []).append(doc.name)
    assert len(found) > 200
    return {span: f"`{span}` in {', '.join(sorted(set(names)))}" for span, names in found.items()}


def of(kind: str, least: int) -> dict[str, str]:
    """The pieces of a form; a check of nothing is no check."""
    found = {span: where for span, where in pieces().items() if form(span) == kind}
    assert len(found) >= least, found
    return found


# -- what Hydra composes -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with what the guides take as examples."""
    root = make_project(tmp_path_factory.mktemp("docs") / "project")
    experiment = root / "experiments" / "001-baseline"
    write(
        experiment,
        {f"exp/{name}.yaml": HERE for name in ("100", "003", "004")} | {"env/gpu.yaml": HERE, "env/runpod.yaml": HERE},
    )
    train = (experiment / "train.py").read_text(encoding="utf-8")
    for old, new in (
        (
            "@dataclass\nclass ExpConfig:\n",
            "@dataclass\nclass Optimizer:\n    lr: float = 0.1\n\n\n@dataclass\nclass ExpConfig:\n",
        ),
        ("    seed: int = 42\n", "    seed: int = 42\n    optimizer: Optimizer = field(default_factory=Optimizer)\n"),
    ):
        assert train.count(old) == 1
        train = train.replace(old, new)
    write(experiment, {"train.py": train})
    write(root / "plain", PLAIN_EXPERIMENT)
    for tracker in (ROOT / "assets" / "trackers").iterdir():
        shutil.copytree(experiment, root / tracker.name)
        shutil.copy(tracker / "run_tracker.py", root / tracker.name)
    return root


@pytest.fixture(scope="module")
def configs(project: Path) -> list[dict[str, Any]]:
    """The template, with each tracker, and the plain pattern, with Hydra's own settings."""
    entries = [project / f"{name}/train.py" for name in ("experiments/001-baseline", "plain", "wandb", "mlflow")]
    answers = batch([[str(entry), "--cfg", "all", "exp=001"] for entry in entries])
    assert not any(code for code, _ in answers)
    return [yaml.safe_load(output[output.index("hydra:\n") :]) for _, output in answers]


def has(configs: list[dict[str, Any]], path: str) -> bool:
    """Whether a config has this key; `run.dir` is short for `hydra.run.dir`."""
    for node in [*configs, *(config["hydra"] for config in configs)]:
        for part in path.split("."):
            node = node.get(part, ...) if isinstance(node, dict) else ...
        if node is not ...:
            return True
    return False


def keys(node: Any) -> set[str]:
    """All of them, at any depth."""
    return (
        {key for name, value in node.items() for key in (str(name), *keys(value))} if isinstance(node, dict) else set()
    )


def fields_of(configs: list[dict[str, Any]]) -> set[str]:
    return set().union(*(keys(config[group]) for config in configs for group in ("exp", "env")))


@pytest.mark.slow
def test_overrides_compose(project: Path) -> None:
    entry = str(project / "experiments" / "001-baseline" / "train.py")
    found = of("override", 25)
    jobs = []
    for span, where in found.items():
        chosen = []
        for word in words(span):
            group, _, option = word.partition("=")
            if group in ("hydra/launcher", "hydra/sweeper"):  # the package may not be here; its settings must be
                assert (ROOT / "assets" / "launchers" / f"{group}/{option}.yaml").exists(), where
            elif not group.startswith("hydra.launcher."):  # these are composed where the packages are
                sweep = span not in REFUSED and OverridesParser.create().parse_override(word).is_sweep_override()
                chosen.append(f"{group}=001" if sweep else word)
        jobs.append([entry, "--cfg", "job", *chosen])
    for (span, where), (code, output) in zip(found.items(), batch(jobs), strict=True):
        assert (code != 0) is (span in REFUSED), f"{where}\n{output}"
    assert found.keys() >= REFUSED


def test_hydra_advises_as_quoted(project: Path) -> None:
    entry = str(project / "experiments" / "001-baseline" / "train.py")
    (append, typo) = (output for _, output in batch([[entry, "exp.sed=1"], [entry, "exp.learning_rte=1"]]))
    assert "To append to your config use +exp.sed=1" in append
    assert ("Did you mean" in typo) is NEW


def test_keys_exist(configs: list[dict[str, Any]]) -> None:
    for span, where in of("dotted", 10).items():
        assert has(configs, re.fullmatch(DOTTED, span)["key"]), where  # type: ignore[index]
    known = set().union(*map(keys, configs)) | {"defaults", "args", "optional", "help", "_here_", "default", ""}
    known |= {"data_dir"}  # of a snippet
    for span, where in of("line", 30).items():
        key = re.fullmatch(LINE, span)["key"] or ""  # type: ignore[index]
        assert set(re.split(r"[./@]", key)) <= known, where


def test_interpolations_name_a_key(configs: list[dict[str, Any]]) -> None:
    """`${a.b}` and `${hydra:a.b}`, in blocks as well."""
    texts = {where: span for span, where in pieces().items() if span not in real_texts()}
    texts |= {f"{d.name}:{b.line}": b.text for d in DOCS for s in sections(d) for b in s.blocks if b.language != "bash"}
    seen = 0
    for where, text in texts.items():
        for own, key in re.findall(r"\$\{(hydra:)?(\.?[a-z_][\w.]*)\}", text):
            assert has(configs, f"hydra.{key}" if own else f"exp{key}" if key.startswith(".") else key), where
            seen += 1
    assert seen > 10


# -- what is there -----------------------------------------------------------------------------------------------------


def test_paths_exist(project: Path) -> None:
    places = [ROOT, SCRIPTS, SCRIPTS / "experiment_setup", project, project / "experiments" / "001-baseline"]
    found = of("path", 30)
    assert found.keys() >= THEIRS, THEIRS - found.keys()
    for span, where in found.items():
        assert span in THEIRS or any((place / span).exists() for place in places), where


def test_commands_name_scripts_that_exist(project: Path) -> None:
    """Whole commands are run by test_docs.py, and their flags looked up; this is for patterns (`NAME`, `…`)."""
    for span, where in of("command", 20).items():
        for name in re.findall(r"[\w./-]+\.py\b", span):
            path = name.removeprefix("/path/to/experiment-setup/")
            entry = path.endswith("train.py")
            assert entry or any((place / path).exists() for place in (ROOT, SCRIPTS, project)), where


def test_rules_exist(elsewhere: Path) -> None:
    codes = re.findall(r"^\| (ES\d+)", run("validate.py", "--list-rules", cwd=elsewhere).out, re.MULTILINE)
    assert len(codes) > 50
    for doc in DOCS:
        for code in re.findall(r"\bES\d+\b", doc.read_text(encoding="utf-8")):
            assert any(each.startswith(code) for each in codes), f"{doc.name}: {code}"


# -- Python ------------------------------------------------------------------------------------------------------------


SOURCES = (builtins, typing, dataclasses, hydra, hydra.errors, omegaconf, omegaconf.errors, omegaconf.DictConfig)
INVENTED = {"_group_", "_hear_", "make_default", "external", "Nested"}  # examples, and a setting of Ruff


def known_names(configs: list[dict[str, Any]]) -> set[str]:
    blocks = [block.text for doc in DOCS for section in sections(doc) for block in section.blocks]
    assets = [p.read_text(encoding="utf-8") for p in (ROOT / "assets").rglob("*") if p.suffix in (".py", ".yaml")]
    names = set(re.findall(r"\w+", "\n".join(blocks + assets)))
    names |= {*sys.stdlib_module_names, *(path.stem for path in (SCRIPTS / "experiment_setup").glob("*.py"))}
    names |= {name for source in SOURCES for name in dir(source)} | VARIABLES | INVENTED
    for function in (hydra.main, hydra.compose, OmegaConf.to_container, dataclasses.dataclass):
        names |= set(inspect.signature(function).parameters)
    return names.union(*map(keys, configs))


def test_names_exist(configs: list[dict[str, Any]]) -> None:
    known = known_names(configs)
    for span, where in of("name", 20).items():
        assert span in known, where


def test_python_is_of_names_that_exist(configs: list[dict[str, Any]]) -> None:
    known = known_names(configs)
    objects = {"OmegaConf": OmegaConf, "HydraConfig": HydraConfig, "cs": ConfigStore.instance(), "hydra": hydra}
    for span, where in of("python", 60).items():
        tree = parsed(span)
        assert tree is not None
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in objects:
                assert hasattr(objects[node.value.id], node.attr), where
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                function = getattr(objects.get(getattr(owner, "id", "")), node.func.attr, None)
                given = {keyword.arg for keyword in node.keywords}
                assert not function or given <= set(inspect.signature(function).parameters), where
            elif isinstance(node, ast.keyword | ast.Name):
                name = node.arg if isinstance(node, ast.keyword) else node.id
                assert name in known or name == "f", f"{where}: {name}"


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_nothing_is_without_a_form() -> None:
    """A quoted error that nobody provokes, a misspelt command: code with spaces that no form fits."""
    others = {span for span in pieces() if form(span) == "other"}
    assert others - set(install_commands().values()) == OTHERS
    said = "\n".join(pieces())
    assert all(text in said for text in FOREIGN)
    assert all(name in said for name in VARIABLES)
