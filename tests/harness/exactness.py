"""The library's answers held against the real Hydra's, for random experiments (`generate.py`).

As a command, for long runs; unlike the test it goes on after a disagreement and lists them all:

    python tests/harness/exactness.py --seed 7 --examples 10000 [--stop-after 20]

Each disagreement is printed with the seed that makes it, `--only SEED…` looks at those again, and the last line counts.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import metadata
from pathlib import Path
from random import Random
from typing import Any

from omegaconf import DictConfig, OmegaConf

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))  # pytest has it already

import exactness_findings
import generate
import generate_lists
import running
from experiment_setup import naming, schema
from experiment_setup.composing.compose import Composer, Composition, Failure, unusable_values
from experiment_setup.composing.refusals import Other
from experiment_setup.project import Experiment, experiment_at
from generate import Generated, Run


class Oracle:
    """A process in which the real Hydra runs the real entry points."""

    def __init__(self, *arguments: str) -> None:
        worker = Path(__file__).with_name("hydra_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(worker), *arguments],
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
        line = self._process.stdout.readline()
        if not line:
            sys.exit("the oracle has ended")
        return json.loads(line)  # type: ignore[no-any-return]


class Comparison:
    """Experiments composed by both, and what was counted."""

    def __init__(self) -> None:
        self.oracle = Oracle()
        self.counts: Counter[str] = Counter()

    def disagreements(self, example: Generated, folder: Path, *, bridge: bool, validate: bool) -> Iterator[str]:
        """Where the library and Hydra differ on the example, which is written to `folder`.

        `bridge`: Hydra in our own process is asked as well where the fast path has an answer, of the first run.
        `validate`: what validate finds is held against every set in every environment.
        """
        running.write(folder, example.files)
        experiment = experiment_at(folder)
        if experiment is None or experiment.entry is None:
            self.counts["not an experiment"] += 1
            return
        self.counts["experiments"] += 1
        words = [_words(run) for run in example.runs]
        self.oracle.ask(experiment.entry, folder.parent, words)
        root = folder.parent.parent
        composer = Composer(experiment, schema.read(experiment.entry, root), root)
        ours = [composer.compose(run.choices, run.overrides) for run in example.runs]
        first, bridged = example.runs[0], None
        if bridge and not ours[0].asked_hydra:
            asked = Composer(experiment, composer.schema, root, always_hydra=True)
            bridged = asked.compose(first.choices, first.overrides)
        theirs = self.oracle.answers()
        for run, real, composition in zip(example.runs, theirs, ours, strict=True):
            self.counts["runs"] += 1
            self.counts["fails in Hydra"] += "error" in real
            self.counts["answered without hydra"] += not composition.asked_hydra
            by = "the bridge" if composition.asked_hydra else "the fast path"
            yield from (f"{run}: {by}: {words}" for words in _difference(real, composition))
        if validate:
            yield from exactness_findings.complaints(
                root, experiment, partial(self._resolved, experiment, folder), self.counts
            )
        if bridged is not None:
            yield from (f"{first}: the bridge: {words}" for words in _difference(theirs[0], bridged))
            if bridged.config is not None and ours[0].config is not None:
                yield from (f"{first}: {words}" for words in _difference_in_use(ours[0], bridged))

    def _resolved(self, experiment: Experiment, folder: Path, runs: list[list[str]]) -> list[dict[str, str]]:
        assert experiment.entry
        self.oracle.ask(experiment.entry, folder.parent, [["--resolve", *run] for run in runs])
        return self.oracle.answers()


def _words(run: Run) -> list[str]:
    return [*(naming.override(group, option) for group, option in run.choices.items()), *run.overrides]


def _difference(real: dict[str, str], composition: Composition) -> Iterator[str]:
    text, failure = None, composition.failure
    if composition.config is not None:
        try:
            text = OmegaConf.to_yaml(composition.config)
        except Exception as error:  # a value that YAML has no form for: `--cfg job` fails as well
            failure = Failure(Other(repr(error)))
    if text is None:
        if "yaml" in real:
            yield f"fails with {failure and failure.refusal!r}, but Hydra composes\n{real['yaml']}"
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


def seeds(first: int, count: int) -> Iterator[int]:
    """The seeds of a run's experiments."""
    draw = Random(first)
    for _ in range(count):
        yield draw.randrange(2**62)


def listed(
    numbers: Iterable[int],
    *,
    stop_after: int | None = None,
    thorough: bool = False,
    make: Callable[[int], Generated] = generate.generate,
) -> tuple[Counter[str], int]:
    """Compare the experiments that `make` makes of these seeds, print every disagreement, and return what was counted.

    `thorough`: every one of them in all ways, and not only some (`Comparison.disagreements`).
    """
    comparison, failed = Comparison(), 0
    with tempfile.TemporaryDirectory(prefix="exact ness-") as place:
        folder = Path(place) / "experiments" / "001-x"
        for number, one in enumerate(numbers):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.rmtree(Path(place) / "src", ignore_errors=True)
            example = make(one)
            try:
                found = list(
                    comparison.disagreements(
                        example,
                        folder,
                        bridge=thorough or number % 8 == 0,
                        validate=(thorough or number % 5 == 0) and make is generate.generate,
                    )
                )
            except Exception as error:  # the library must never raise for what is in the files
                found = [f"raises {error!r}"]
            if found:
                failed += 1
                print(f"=== seed {one}: {example!r}\n--- disagreements\n" + "\n".join(found), flush=True)
            if number % 100 == 99:
                spent = {"CPU seconds": round(sum(os.times()[:2])), "disagreeing": failed}
                print(json.dumps({**comparison.counts, **spent}), file=sys.stderr, flush=True)
            if stop_after and failed >= stop_after:
                break
    return comparison.counts, failed


def main() -> int:
    """Run it; 1 if the two disagree anywhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the run: the same one makes the same experiments")
    parser.add_argument("--examples", type=int, default=250)
    parser.add_argument("--only", type=int, nargs="+", metavar="SEED", help="the experiments of these seeds")
    parser.add_argument(
        "--thorough", action="store_true", help="validate every experiment, as --only does, and not every fifth"
    )
    parser.add_argument("--lists", action="store_true", help="configs of all that defaults lists can say")
    parser.add_argument("--stop-after", type=int, metavar="N", help="disagreements")
    arguments = parser.parse_args()
    wanted = arguments.only or seeds(arguments.seed, arguments.examples)
    started = time.monotonic()
    counts, failed = listed(
        wanted,
        stop_after=arguments.stop_after,
        thorough=arguments.thorough or bool(arguments.only),
        make=generate_lists.generate if arguments.lists else generate.generate,
    )
    versions = {name: metadata.version(name) for name in ("hydra-core", "omegaconf")}
    print(
        json.dumps({**versions, **counts, "disagreeing": failed, "minutes": round((time.monotonic() - started) / 60)})
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
