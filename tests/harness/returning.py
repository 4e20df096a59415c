"""Random runs brought back to parameter sets by add_exp.py --from-run, with the real Hydra as judge.

usage: uv run python tests/harness/returning.py [--seed N] [--examples N]
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))  # pytest has it already

from exactness import Oracle
from experiment_setup import naming
from experiment_setup.errors import CommandError
from experiment_setup.project import Experiment, Project
from experiment_setup.reading import yaml_loader
from experiment_setup.runs.run import leaves
from experiment_setup.writing.adding import SetsRequest, add_sets
from generate import Run, generate
from running import write


class Returning:
    """Runs that were brought back, and what was counted."""

    def __init__(self) -> None:
        self._oracle = Oracle()
        self.counts: Counter[str] = Counter()

    def complaints(self, seed: int, root: Path) -> Iterator[str]:
        """What is wrong with the sets for the runs of an experiment, which is written below `root`."""
        example = generate(seed)
        folder = write(root / "experiments/001-x", example.files)
        project = Project.locate(root)
        if not project.experiments or project.experiments[0].entry is None:
            return
        experiment = project.experiments[0]
        for number, run in enumerate(example.runs[:3]):
            draw = Random(f"{seed} {number}")
            words = [*(naming.override(group, option) for group, option in run.choices.items()), *run.overrides]
            resolve = ["--resolve"] * draw.choice((0, 1))
            [ran] = self._asked(experiment, folder, [[*resolve, *words]])
            if "error" not in ran and _fits(ran["yaml"]):
                more = [*words, *_overrides(draw, _read(ran["yaml"]))]
                [other] = self._asked(experiment, folder, [[*resolve, *more]])
                words, ran = (words, ran) if "error" in other else (more, other)
            if "error" in ran or not _fits(ran["yaml"]):
                continue
            place = root / "output" / f"run{number}"
            _save(place, ran["yaml"], run, words, hydras=draw.random() < 0.3 and not resolve)
            yield from (
                f"{run} {resolve}: {said}" for said in self._one(experiment, folder, place, ran["yaml"], resolve)
            )

    def _one(self, experiment: Experiment, folder: Path, place: Path, ran: str, resolve: list[str]) -> Iterator[str]:
        root = folder.parents[1]
        try:
            made = add_sets(SetsRequest([experiment.name], root, run=place)).data()
        except CommandError as error:
            self.counts[f"refused: {error.message[:60]}"] += 1
            return
        self.counts["runs brought back"] += 1
        outcome = made["created"] or made["existing"]
        self.counts["new sets" if made["created"] else "sets that were there"] += 1
        words = made["run_with"]
        [now] = self._asked(experiment, folder, [[*resolve, *words]])
        if "error" in now and made["not_equal"]:
            return  # as it is said
        if "error" in now:
            yield f"{words} does not compose: {now['error'][:200]}"
            return
        left = {one["key"] for one in made.get("not_equal", ())}
        self.counts["equal in all"] += not left
        different = set(_differing(ran, now["yaml"]))
        unsaid = [key for key in different if not any(_are_one(key, other) for other in left)]
        untrue = [key for key in left if not any(_are_one(key, other) for other in different)]
        if unsaid:
            yield f"{words}: not as in the run, and not said: {unsaid} (said: {sorted(left)})"
        if untrue:
            yield f"{words}: as in the run, though said to differ: {untrue}"
        again = add_sets(SetsRequest([experiment.name], root, run=place)).data()
        if again["created"]:
            yield f"a second set was made: {again['created'][0]['text']!r} after {outcome[0]}"

    def _asked(self, experiment: Experiment, folder: Path, runs: list[list[str]]) -> list[dict[str, str]]:
        assert experiment.entry
        self._oracle.ask(experiment.entry, folder.parent, runs)
        return self._oracle.answers()


_ABSENT = object()
_VALUES = {
    bool: "true ¦ false",
    int: "0 ¦ 7 ¦ -3",
    float: "1e-5 ¦ 0.25 ¦ 3 ¦ inf",
    str: "x ¦ 'a: b' ¦ '' ¦ 日本 ¦ ${exp.name}-y",
}
_OTHERS = "1 ¦ null ¦ [1,2] ¦ abc ¦ {a:1} ¦ []"


def _overrides(draw: Random, config: dict[str, Any]) -> Iterator[str]:
    """Words that give values in the config other ones."""
    known = [(key, value) for key, value in leaves(config) if re.fullmatch(r"(exp|exp|env|model)\.[\w.]+", key)]
    for key, value in draw.sample(known, min(len(known), draw.randint(0, 3))):
        usual = _VALUES.get(type(value), _OTHERS) if draw.random() < 0.8 else _OTHERS
        yield f"{key}={draw.choice(usual.split(' ¦ '))}"


def _save(place: Path, text: str, run: Run, words: list[str], *, hydras: bool) -> None:
    if not hydras:
        write(place, {"config.yaml": text})
        return
    settings = {"hydra": {"runtime": {"choices": dict(run.choices)}}}
    files = {"config.yaml": text, "hydra.yaml": yaml.safe_dump(settings), "overrides.yaml": yaml.safe_dump(words)}
    write(place / ".hydra", files)


def _read(text: str) -> Any:
    return yaml_loader.construct(yaml_loader.parse(text.replace("pathlib._local.", "pathlib.")))


def _fits(text: str) -> bool:
    """Whether a run has saved something from which it can be told what it had."""
    try:
        return isinstance(_read(text), dict) and bool(_read(text))
    except Exception:
        return False


def _differing(ran: str, now: str) -> Iterator[str]:
    """The keys of values that are not the same, each by the place where the two begin to differ."""
    one, other = dict(leaves(_read(ran))), dict(leaves(_read(now)))
    for known in (one, other):  # an empty mapping here, keys in it there
        for key in [key for key, value in known.items() if value == {}]:
            if any(name.startswith(f"{key}.") for name in {*one, *other}):
                del known[key]
    for key in dict.fromkeys([*one, *other]):
        inner = any(name.startswith(f"{key}.") for name in {*one, *other})
        below = any(key.startswith(f"{name}.") for name in {*one, *other})
        if inner or (not below and repr(one.get(key, _ABSENT)) != repr(other.get(key, _ABSENT))):
            yield key


def _are_one(key: str, other: str) -> bool:
    """Whether one of two keys is the other, or stands above it."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def main() -> int:
    """Bring runs back, and print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=int, default=200)
    arguments = parser.parse_args()
    returning, wrong = Returning(), 0
    for seed in range(arguments.seed, arguments.seed + arguments.examples):
        with tempfile.TemporaryDirectory() as folder:
            for words in returning.complaints(seed, Path(folder).resolve()):
                wrong += 1
                print(f"seed {seed}: {words}", flush=True)
    print(dict(returning.counts), f"wrong: {wrong}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
