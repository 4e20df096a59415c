"""What Hydra and OmegaConf say, read as data: their own messages, whichever of the supported releases is installed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from experiment_setup import schema
from experiment_setup.composing.compose import Composer
from experiment_setup.composing.refusals import (
    ChosenTwice,
    ListForMapping,
    MappingForList,
    NoSuchTarget,
    NotAList,
    NotChosen,
    NotFound,
    NotOverridable,
    NotTheFields,
    NullRefused,
    Other,
    RefersToItself,
    Refusal,
    UnknownKey,
    UnknownResolver,
    UnresolvedOption,
    UnsetVariable,
    WrongKey,
    WrongKind,
    WrongValue,
)
from experiment_setup.project import experiment_at
from running import PLAIN_EXPERIMENT, write

pytestmark = pytest.mark.any_hydra

_FIELDS = """\
@dataclass
class Optimizer:
    lr: float = 0.1

@dataclass
class ExpConfig:
    optimizer: Optimizer = field(default_factory=Optimizer)
    weights: dict[int, float] = field(default_factory=dict)
    anything: dict = field(default_factory=dict)
"""
_LIST = "defaults:\n  - default@_here_\n\n"


def _composer(folder: Path, files: dict[str, str], *, always_hydra: bool = False) -> Composer:
    train = PLAIN_EXPERIMENT["train.py"].replace("@dataclass\nclass ExpConfig:\n", _FIELDS, 1)
    write(folder, {**PLAIN_EXPERIMENT, "train.py": train, **files})
    found = experiment_at(folder)
    assert found is not None
    assert found.entry is not None
    return Composer(found, schema.read(found.entry, folder), folder, always_hydra=always_hydra)


def _facts(refusal: Refusal) -> dict[str, object]:
    return {name: value for name, value in vars(refusal).items() if name != "words"}


def _primary(old: str, new: str) -> dict[str, str]:
    assert old in PLAIN_EXPERIMENT["config.yaml"]
    return {"config.yaml": PLAIN_EXPERIMENT["config.yaml"].replace(old, new, 1)}


LISTS = [
    (_primary("- env: default", "- env: runpod"), {}, NotFound, {"config": "env/runpod"}),
    (_primary("- env: default", "- other"), {}, NotFound, {"config": "other"}),
    ({"exp/001.yaml": "defaults:\n  - base@_here_\n"}, {"exp": "001"}, NotFound, {"config": "exp/base"}),
    (_primary("- env: default", "- env: ???"), {}, NotChosen, {"group": "env"}),
    (_primary("override hydra/job_logging", "hydra/job_logging"), {}, ChosenTwice, {"group": "hydra/job_logging"}),
    (_primary("  - env: default\n", "  - env: default\n  - env: local\n"), {}, ChosenTwice, {"group": "env"}),
    (_primary("  - env: default\n", ""), {"env": "local"}, NotOverridable, {"group": "env", "instead": ""}),
    (_primary("hydra/job_logging", "hydra/logging"), {}, NotOverridable, {"group": "hydra/logging", "instead": ""}),
    (_primary("- env: default", "- env: ${machine}"), {}, UnresolvedOption, {"written": "${machine}"}),
    (_primary("- env: default", "- env: ${oc.env:NOT_SET_HERE}"), {}, UnresolvedOption, None),
    (_primary("- env: default", "- env: 3"), {}, Other, {}),
]


@pytest.mark.parametrize("always_hydra", [False, True])
@pytest.mark.parametrize(("files", "choices", "kind", "facts"), LISTS)
def test_a_defaults_list(
    tmp_path: Path,
    files: dict[str, str],
    choices: dict[str, str],
    kind: type,
    facts: dict[str, str] | None,
    always_hydra: bool,
) -> None:
    failure = _composer(tmp_path, files, always_hydra=always_hydra).compose(choices).failure
    assert failure is not None
    assert type(failure.refusal) is kind, failure
    assert facts is None or _facts(failure.refusal) == facts
    assert not failure.merging


VALUES = [
    ("learning_rte: 1\n", UnknownKey, {"owner": "ExpConfig"}, "exp.learning_rte"),
    ("optimizer: {lrr: 1}\n", UnknownKey, {"owner": "Optimizer"}, "exp.optimizer.lrr"),
    ("batch_size: many\n", WrongValue, {}, "exp.batch_size"),
    ("batch_size: [1]\n", WrongValue, {}, "exp.batch_size"),
    ("fold: [x]\n", WrongValue, {}, "exp.fold[0]"),
    ("batch_size: null\n", NullRefused, {}, "exp.batch_size"),
    ("fold: null\n", NullRefused, {}, "exp.fold"),
    ("fold: 3\n", NotAList, {}, "exp.fold"),
    ("optimizer: 3\n", NotTheFields, {"expected": "Optimizer"}, None),
    ("optimizer: [3]\n", NotTheFields, {"expected": "Optimizer"}, None),
    ("weights: {x: 1}\n", WrongKey, {}, "exp.weights.x"),
    ("fold: {a: 1}\n", (MappingForList, WrongKind), {}, None),
    ("weights: [1]\n", (ListForMapping, MappingForList, WrongKind), {}, None),
]


@pytest.mark.parametrize("always_hydra", [False, True])
@pytest.mark.parametrize(("text", "kind", "facts", "key"), VALUES)
def test_a_merge(
    tmp_path: Path, text: str, kind: type | tuple[type, ...], facts: dict[str, str], key: str | None, always_hydra: bool
) -> None:
    outcome = _composer(tmp_path, {"exp/001.yaml": f"{_LIST}{text}"}, always_hydra=always_hydra).compose({"exp": "001"})
    failure = outcome.failure
    assert failure is not None
    assert type(failure.refusal) in (kind if isinstance(kind, tuple) else (kind,)), failure
    assert _facts(failure.refusal) == facts
    assert key is None or (failure.config, failure.key, failure.merging) == ("exp/001", key, True)


OVERRIDES = [
    ("exp.learning_rte=1", UnknownKey, {"owner": "ExpConfig"}, "exp.learning_rte"),
    ("exp.batch_size=many", WrongValue, {}, "exp.batch_size"),
    ("exp.batch_size=null", NullRefused, {}, "exp.batch_size"),
    ("exp=missing", NotFound, {"config": "exp/missing"}, None),
    ("machine=local", UnknownKey, {"owner": None}, "machine"),
]


@pytest.mark.parametrize(("word", "kind", "facts", "key"), OVERRIDES)
def test_an_override(tmp_path: Path, word: str, kind: type, facts: dict[str, object], key: str | None) -> None:
    failure = _composer(tmp_path, {}).compose({}, [word]).failure
    assert failure is not None
    assert (type(failure.refusal), _facts(failure.refusal)) == (kind, facts), failure
    assert failure.key == key
    assert "rror merging" not in failure.refusal.words


REFERENCES = [
    ("${oc.env:NOT_SET_HERE}", UnsetVariable, {"name": "NOT_SET_HERE"}),
    ("${nobody:1}", UnknownResolver, {"name": "nobody"}),
    ("${exp.nothing}", NoSuchTarget, {"key": "exp.nothing"}),
    ("${.nothing}", NoSuchTarget, {"key": "nothing"}),
    ("${exp.name}", RefersToItself, {}),
]


@pytest.mark.parametrize(("written", "kind", "facts"), REFERENCES)
def test_an_interpolation(tmp_path: Path, written: str, kind: type, facts: dict[str, str]) -> None:
    outcome = _composer(tmp_path, {"exp/001.yaml": f"{_LIST}name: {written}\n"}).compose({"exp": "001"})
    bad = {value.key: value for value in outcome.unusable_values()}
    assert (type(bad["exp.name"].refusal), _facts(bad["exp.name"].refusal)) == (kind, facts)


_SENTENCE = re.compile(
    r"Could not |You must specify|Multiple values for|not in \W*'|Environment variable '|Interpolation key '"
    r"|interpolation type|while composing|is not Optional|is not a subclass"
)


def test_nobody_else_knows_a_sentence_of_hydras() -> None:
    package = Path(schema.__file__).parents[1]
    files = [path for path in sorted(package.rglob("*.py")) if path.name != "refusals.py"]
    found = []
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {node.body[0].value for node in ast.walk(tree) if isinstance(node, _WITH_DOC) and _is_doc(node.body)}
        texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in docs]
        found += [f"{path.name}:{text.lineno}" for text in texts if _SENTENCE.search(str(text.value))]
    assert found == []


_WITH_DOC = (ast.Module, ast.ClassDef, ast.FunctionDef)


def _is_doc(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[0], ast.Expr)
