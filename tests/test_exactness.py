"""What the library composes is what Hydra composes: random experiments, right and wrong, held against the real thing.

The oracle executes each train.py under the installed Hydra (`hydra_worker.py`); the library reads it. A few hundred
experiments by default; EXACTNESS_EXAMPLES=10000 for the long run, EXACTNESS_SEED for other ones.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import conftest
import pytest
from generate import Generated, Run, experiments
from hypothesis import HealthCheck, given, seed, settings
from omegaconf import DictConfig, OmegaConf

from experiment_setup import naming, schema
from experiment_setup.composing.compose import Composer, Composition, Failure, unusable_values
from experiment_setup.project import experiment_at

EXAMPLES = int(os.environ.get("EXACTNESS_EXAMPLES", "250"))
SEED = int(os.environ.get("EXACTNESS_SEED", "1"))


class Oracle:
    """A process in which the real Hydra runs the real entry points."""

    def __init__(self) -> None:
        worker = Path(__file__).with_name("hydra_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        atexit.register(self._process.kill)

    def ask(self, entry: Path, cwd: Path, runs: list[list[str]]) -> None:
        """Send the runs; they are worked on while the caller does something else."""
        assert self._process.stdin
        print(json.dumps({"entry": str(entry), "cwd": str(cwd), "runs": runs}), file=self._process.stdin, flush=True)

    def answers(self) -> list[dict[str, str]]:
        """The answers to `ask`."""
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())  # type: ignore[no-any-return]


class Comparison:
    """Experiments composed by both, and what was counted."""

    def __init__(self) -> None:
        self.oracle = Oracle()
        self.counts: Counter[str] = Counter()

    def disagreements(self, example: Generated, folder: Path, *, bridge: bool) -> Iterator[str]:
        """Where the library and Hydra differ on the example, which is written to `folder`.

        `bridge`: Hydra in our own process is asked as well where the fast path has an answer, of the first run.
        """
        conftest.write(folder, example.files)
        experiment = experiment_at(folder)
        if experiment is None or experiment.entry is None:
            self.counts["not an experiment"] += 1
            return
        self.counts["experiments"] += 1
        words = [_words(run) for run in example.runs]
        self.oracle.ask(experiment.entry, folder.parent, words)
        composer = Composer(experiment, schema.read(experiment.entry, folder.parent), folder.parent)
        ours = [composer.compose(run.choices, run.overrides) for run in example.runs]
        first, bridged = example.runs[0], None
        if bridge and not ours[0].asked_hydra:
            asked = Composer(experiment, composer.schema, folder.parent, always_hydra=True)
            bridged = asked.compose(first.choices, first.overrides)
        theirs = self.oracle.answers()
        for run, real, composition in zip(example.runs, theirs, ours, strict=True):
            self.counts["runs"] += 1
            self.counts["fails in Hydra"] += "error" in real
            self.counts["answered without hydra"] += not composition.asked_hydra
            by = "the bridge" if composition.asked_hydra else "the fast path"
            yield from (f"{run}: {by}: {words}" for words in _difference(real, composition))
        if bridged is not None:
            yield from (f"{first}: the bridge: {words}" for words in _difference(theirs[0], bridged))
            if bridged.config is not None and ours[0].config is not None:
                yield from (f"{first}: {words}" for words in _difference_in_use(ours[0], bridged))


def _words(run: Run) -> list[str]:
    return [*(naming.override(group, option) for group, option in run.choices.items()), *run.overrides]


def _difference(real: dict[str, str], composition: Composition) -> Iterator[str]:
    text, failure = None, composition.failure
    if composition.config is not None:
        try:
            text = OmegaConf.to_yaml(composition.config)
        except Exception as error:  # a value that YAML has no form for: `--cfg job` fails as well
            failure = Failure(repr(error))
    if text is None:
        if "yaml" in real:
            yield f"fails with {failure and failure.message!r}, but Hydra composes\n{real['yaml']}"
    elif "error" in real:
        yield f"composes, but Hydra fails: {real['error']}\n{text}"
    elif _plain(text) != _plain(real["yaml"]):
        yield f"composes\n{text}but Hydra\n{real['yaml']}"


def _difference_in_use(ours: Composition, theirs: Composition) -> Iterator[str]:
    """Where the fast path's config is not used as Hydra's is: other values when resolved, or other unusable ones."""
    assert theirs.config is not None
    assert ours.config is not None
    for resolve in (False, True):
        one, other = _container(ours.config, resolve), _container(theirs.config, resolve)
        if repr(one) != repr(other):
            yield f"{'resolved ' * resolve}values {one}, but Hydra's are {other}"
    if repr(ours.container) != repr(theirs.container):
        yield f"container {ours.container}, but Hydra's is {theirs.container}"
    broken, really = set(ours.unusable_values()), set(unusable_values(theirs.config))
    if broken != really:
        yield f"unusable {broken}, but in Hydra's config {really}"


def _container(config: DictConfig, resolve: bool) -> Any:
    try:
        return OmegaConf.to_container(config, resolve=resolve)
    except Exception as error:
        return type(error)


def _plain(text: str) -> str:
    """The printed config; `--cfg job` adds a newline."""
    return text.strip("\n")


@pytest.fixture(scope="module")
def comparison() -> Iterator[Comparison]:
    found = Comparison()
    yield found
    print(dict(found.counts))


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="exact ness-") as folder:
        yield Path(folder)


_HERE = "defaults:\n  - default@_here_\n"
_FROZEN = [("@dataclass\nclass Config", "@dataclass(frozen=True)\nclass Config")]
_STORE_CONFIG = [('cs.store(group="exp"', 'cs.store(name="config_schema", node=Config)\ncs.store(group="exp"')]
# Where the two differed once, and what random experiments seldom hit: replacements in the plain experiment's files.
KNOWN: dict[str, dict[str, list[tuple[str, str]]]] = {
    "a frozen dataclass as the root": {
        "train.py": [*_FROZEN, *_STORE_CONFIG],
        "config.yaml": [("  - env: default\n", "  - env: default\n  - config_schema\n")],
    },
    "a value that refers to hydra's own config, and is merged upon": {
        "train.py": [("notes: str | None", "notes: Any"), ("import hydra\n", "import hydra\nfrom typing import Any\n")],
        "exp/001.yaml": [('name: "001-lr"', "notes: ${hydra.run}")],
        "exp/002.yaml": [("", "defaults:\n  - 001@_here_\n\nnotes: {other: x}\n")],
    },
    "hydra without its settings": {"config.yaml": [("hydra:\n", "hydra:\n\nrest:\n")]},
    "an interpolation for the defaults list": {"exp/001.yaml": [(_HERE, "defaults: ${exp}\n")]},
    "an empty parameter set": {"exp/001.yaml": [(_HERE, "")], "exp/002.yaml": [("", "")]},
    "values in config.yaml": {"config.yaml": [("  - _self_\n", ""), ("hydra:\n", "exp:\n  seed: 3\nhydra:\n")]},
    "an older behaviour of Hydra": {"train.py": [("version_base=None", 'version_base="1.1"')]},
    "no choice by default": {"config.yaml": [("exp: default", "exp: ???")]},
    "a tag that does not fit": {"exp/001.yaml": [("5.0e-5", "!!bool maybe")]},
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_what_differed_once(comparison: Comparison, tmp_path: Path, name: str) -> None:
    files = dict(conftest.PLAIN_EXPERIMENT)
    for path, replacements in KNOWN[name].items():
        for old, new in replacements:
            assert old in files.get(path, "")
            files[path] = files.get(path, "").replace(old, new, 1)
    runs = (Run(), Run({"exp": "001"}), Run({"env": "local"}), Run({"exp": "002"}), Run({"exp": "001", "env": "local"}))
    example = Generated({path: text.encode() for path, text in files.items()}, runs)
    assert not list(comparison.disagreements(example, tmp_path / "001-x", bridge=True))


@seed(SEED)
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)
@given(example=experiments())
def test_the_library_composes_what_hydra_composes(comparison: Comparison, place: Path, example: Generated) -> None:
    folder = place / "experiments" / "001-x"
    shutil.rmtree(folder, ignore_errors=True)
    found = list(comparison.disagreements(example, folder, bridge=comparison.counts["experiments"] % 4 == 0))
    assert not found, "\n".join(found)
