"""Random edits of a random experiment, judged by the real Hydra: which composed configs did each change?

usage: python tests/harness/edits.py [--runs [--python PATH]] [--seed N] [--edits N] [--sets N]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from exactness import Oracle
from experiment_setup.comparing.compared import Request, compare
from running import HARNESS, git, write

_FIELDS = {
    "name": ("str", ['"default"', '"other"']),
    "seed": ("int", ["1", "2", "42"]),
    "rate": ("float", ["0.1", "1e-1", "1e-3", "0.001", "3.0"]),
    "size": ("int", ["8", "16", "32"]),
    "debug": ("bool", ["False", "True"]),
    "fold": ("list[int]", ["[0]", "[0, 1]", "[]"]),
    "notes": ("str | None", ["None", '"null"', '""', '"メモ"']),
}
_YAML = {"None": "null", "False": "false", "True": "true"}
_HERE = "defaults:\n  - {parent}@_here_\n\n"
_PRIMARY = "defaults:\n  - config_schema\n  - _self_\n  - exp: default\n  - env: default\n  - model: small\n"
_COMMON = """import json
import os
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf


@dataclass
class Optimizer:
    lr: float = 0.1
    momentum: float = 0.9


def save(cfg):
    job, folder = HydraConfig.get(), Path(HydraConfig.get().runtime.output_dir)
    kind, plain = os.environ["KIND"], OmegaConf.to_container(cfg, resolve=True)
    if kind == "record":
        choices = {group: option for group, option in job.runtime.choices.items() if "/" not in group}
        record = {**plain, "choices": choices, "overrides": list(job.overrides.task), "status": "done"}
        (folder / "result.json").write_text(json.dumps({**record, "mean": {"score": plain["exp"]["size"]}}))
    elif kind == "saved":
        OmegaConf.save(cfg, folder / "config.yaml")
    elif kind == "wandb":
        files = folder / "wandb/offline-run-20260101_000000-abcd1234/files"
        files.mkdir(parents=True)
        (files / "config.yaml").write_text(yaml.safe_dump({key: {"value": value} for key, value in plain.items()}))
    elif kind == "tracked":
        import wandb

        wandb.init(project="edits", mode="offline", dir=folder, config=plain)
        wandb.log({"score": plain["exp"]["size"]})
        wandb.finish()
"""
KINDS = ("record", "hydra", "saved", "wandb")  # what a run leaves; and, with --python, "tracked": by W&B itself


@dataclass
class Made:
    """An experiment as parts that are edited: text by path."""

    files: dict[str, str]
    edited: set[str] = field(default_factory=set)  # of the last edit


def experiment(random_: random.Random, sets: int) -> Made:
    """An experiment with sets that inherit from the dataclass, from a base file or from each other."""

    def default(name: str) -> str:
        kind, choices = _FIELDS[name]
        value = random_.choice(choices)
        return f"field(default_factory=lambda: {value})" if kind.startswith("list") else value

    fields = "\n".join(f"    {name}: {kind} = {default(name)}" for name, (kind, _) in _FIELDS.items())
    files = {
        "common.py": _COMMON,
        "train.py": f"""from dataclasses import dataclass, field

import hydra
from common import Optimizer, save
from hydra.core.config_store import ConfigStore


@dataclass
class ExpConfig:
{fields}
    optimizer: Optimizer = field(default_factory=Optimizer)


@dataclass
class EnvConfig:
    data: str = "data"
    workers: int = 4
    out: str = "out/${{exp.name}}"


@dataclass
class Model:
    layers: int = 2
    width: int = 32


@dataclass
class Config:
    exp: ExpConfig = field(default_factory=ExpConfig)
    env: EnvConfig = field(default_factory=EnvConfig)
    model: Model = field(default_factory=Model)


cs = ConfigStore.instance()
cs.store(name="config_schema", node=Config)
cs.store(group="exp", name="default", node=ExpConfig)
cs.store(group="env", name="default", node=EnvConfig)


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg):
    save(cfg)


if __name__ == "__main__":
    main()
""",
        "config.yaml": _PRIMARY,
        "model/small.yaml": "layers: 2\nwidth: 64\n",
        "model/big.yaml": "layers: 8\nwidth: 64\n",
        "env/local.yaml": _HERE.format(parent="default") + "data: /mnt/data\nworkers: 8\n",
        **({"env/box.yaml": _HERE.format(parent="default") + "data: /box\n"} if sets < 50 else {}),
        "exp/base.yaml": _HERE.format(parent="default") + values(random_),
    }
    texts = [values(random_) for _ in range(min(sets, 12))]  # of many sets some are alike, which Hydra is asked once
    for number in range(1, sets):
        before = f"{number - 1:03}" if number > 1 and random_.random() < 12 / sets else "base"
        parent = random_.choice(["default", "default", "base", before])
        files[f"exp/{number:03}.yaml"] = _HERE.format(parent=parent) + random_.choice(texts)
    return Made(files)


def values(random_: random.Random) -> str:
    """Some lines of a parameter set."""
    lines = []
    for name in random_.sample(sorted(_FIELDS), random_.randint(0, 3)):
        value = random_.choice(_FIELDS[name][1])
        lines.append(f"{name}: {_YAML.get(value, value)}\n")
    if random_.random() < 0.3:
        lines.append(f"optimizer:\n  lr: {random_.choice(['0.1', '0.2'])}\n")
    return "".join(lines)


# -- edits: each gives other texts, by path ---------------------------------------------------------------------------


def _of_sets(made: Made) -> list[str]:
    return sorted(name for name in made.files if name.startswith("exp/"))


def _environments(made: Made) -> list[tuple[str]]:
    return [(f"env={Path(name).stem}",) for name in sorted(made.files) if name.startswith("env/")]


def default_of_a_field(random_: random.Random, made: Made) -> dict[str, str]:
    name = random_.choice(sorted(_FIELDS))
    value = random_.choice(_FIELDS[name][1])
    value = f"field(default_factory=lambda: {value})" if _FIELDS[name][0].startswith("list") else value
    text = re.sub(rf"(\n    {name}: [^=]+ = ).*", lambda found: found[1] + value, made.files["train.py"], count=1)
    return {"train.py": text}


def default_in_another_module(random_: random.Random, made: Made) -> dict[str, str]:
    return {
        "common.py": re.sub(r"lr: float = .*", f"lr: float = {random_.choice([0.1, 0.2, 5])}", made.files["common.py"])
    }


def a_set(random_: random.Random, made: Made) -> dict[str, str]:
    name = random_.choice(_of_sets(made))
    head, _, _ = made.files[name].partition("\n\n")
    return {name: f"{head}\n\n{values(random_)}"}


def the_base(random_: random.Random, made: Made) -> dict[str, str]:
    head, _, _ = made.files["exp/base.yaml"].partition("\n\n")
    return {"exp/base.yaml": f"{head}\n\n{values(random_)}"}


def parent_of_a_set(random_: random.Random, made: Made) -> dict[str, str]:
    name = random_.choice([name for name in _of_sets(made) if name != "exp/base.yaml"])
    parent = random_.choice(["default", "base"])
    return {name: re.sub(r"- .*@_here_", f"- {parent}@_here_", made.files[name])}


def an_environment(random_: random.Random, made: Made) -> dict[str, str]:
    text = made.files["env/local.yaml"]
    if random_.random() < 0.4:
        return {"env/local.yaml": re.sub(r"workers: .*\n", "", text)}
    return {"env/local.yaml": re.sub(r"data: .*", f"data: {random_.choice(['/mnt/data', '/mnt/other'])}", text)}


def the_primary_config(random_: random.Random, made: Made) -> dict[str, str]:
    text = made.files["config.yaml"]
    which = random_.randrange(5)
    if which == 0:
        words = ["env=default", *(word for [word] in _environments(made))]
        return {"config.yaml": re.sub(r"env: .*", random_.choice(words).replace("=", ": "), text)}
    if which == 1:
        return {"config.yaml": re.sub(r"model: .*", f"model: {random_.choice(['small', 'big'])}", text)}
    if which == 2:
        return {"config.yaml": text + "\nhydra:\n  output_subdir: null\n"}
    if which == 3:
        return {"config.yaml": text + f"\nextra:\n  here: {random_.randrange(3)}\n"}
    return {"config.yaml": re.sub(r"exp: .*", f"exp: {random_.choice(['default', 'base'])}", text)}


def an_option_of_a_group(random_: random.Random, made: Made) -> dict[str, str]:
    name = random_.choice(["model/small.yaml", "model/big.yaml"])
    return {name: re.sub(r"width: .*", f"width: {random_.choice([64, 128])}", made.files[name])}


def name_of_a_field(random_: random.Random, made: Made) -> dict[str, str]:
    old = random_.choice(["seed", "rate", "size"])
    return {"train.py": re.sub(rf"\n    {old}: ", f"\n    {old}_new: ", made.files["train.py"])}


def nothing_that_counts(random_: random.Random, made: Made) -> dict[str, str]:
    name = random_.choice(sorted(made.files))
    return {name: f"# a remark\n{made.files[name]}\n"}


def a_mistake(random_: random.Random, made: Made) -> dict[str, str]:
    name = random_.choice(_of_sets(made))
    head, _, rest = made.files[name].partition("\n\n")
    rest = re.sub(r"size: .*\n", "", rest)
    return {name: f"{head}\n\n{rest}{random_.choice(['size: many', 'sice: 3'])}\n"}


EDITS: list[Callable[[random.Random, Made], dict[str, str]]] = [
    default_of_a_field,
    default_of_a_field,
    default_in_another_module,
    a_set,
    a_set,
    the_base,
    parent_of_a_set,
    an_environment,
    the_primary_config,
    an_option_of_a_group,
    name_of_a_field,
    nothing_that_counts,
    a_mistake,
]


# -- judging ----------------------------------------------------------------------------------------------------------


class Hydra:
    """What `--cfg job` prints for each; None where it fails. Asked once for the same texts of what it reads."""

    def __init__(self) -> None:
        self._oracle = Oracle("once")
        self._known: dict[tuple[object, ...], str | None] = {}
        self.asked = 0

    def composed(
        self, entry: Path, files: Mapping[str, str], combinations: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], str | None]:
        """The printed config of each combination of an experiment with these files."""
        keys = {words: tuple(_read_by(files, words)) for words in combinations}
        new = list({keys[words]: words for words in combinations if keys[words] not in self._known}.values())
        self._oracle.ask(entry, entry.parent, [list(words) for words in new])
        for words, answer in zip(new, self._oracle.answers(), strict=True):
            self._known[keys[words]] = answer.get("yaml")
        self.asked += len(new)
        return {words: self._known[key] for words, key in keys.items()}


def _read_by(files: Mapping[str, str], words: Sequence[str]) -> Iterator[str]:
    """The texts of all files but the sets and environments that are not chosen, nor inherited from.

    How a set is called is not among them: no value of these experiments depends on that.
    """
    chosen = dict(re.findall(r"  - (exp|env): (\w+)", files["config.yaml"])) | dict(word.split("=") for word in words)
    yield from (files[name] for name in sorted(files) if not name.startswith(("exp/", "env/")))
    yield files.get(f"env/{chosen['env']}.yaml", "")
    name = f"exp/{chosen['exp']}.yaml"
    while name in files:
        parent = re.search(r"- (\w+)@_here_", files[name])
        yield re.sub(r"- \w+@_here_", "", files[name])
        name = f"exp/{parent[1]}.yaml" if parent else ""


def leaves(text: str | None) -> dict[str, Any]:
    """The values of a printed config by dotted key."""

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, dict) and (value or not key):
            for name, item in value.items():
                yield from walk(item, f"{key}.{name}" if key else str(name))
        else:
            yield key, value

    return dict(walk(OmegaConf.to_container(OmegaConf.create(text or "{}")), ""))


class Judge:
    """An experiment under git, whose edits are looked at one by one."""

    def __init__(self, root: Path, random_: random.Random, sets: int, hydra: Hydra) -> None:
        self.hydra = hydra
        self.root, self.random, self.made = root, random_, experiment(random_, sets)
        self.folder = write(root / "experiments/001-it", self.made.files)
        git(root, "init", "-q")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "then")
        names = [Path(name).stem for name in _of_sets(self.made)]
        self.combinations = [
            (f"exp={name}", *environment) for name in names for environment in ((), *_environments(self.made))
        ]
        self.then = self._composed({})
        assert all(self.then.values())

    def _composed(self, texts: Mapping[str, str]) -> dict[tuple[str, ...], str | None]:
        """Each combination with these texts in place of others; the last is the experiment as it is."""
        return self.hydra.composed(self.folder / "train.py", {**self.made.files, **texts}, [*self.combinations, ()])

    def edit(self) -> tuple[str, int]:
        """Edit, ask both, take back: the edit, and how much it changed. Raises AssertionError where they disagree."""
        made = self.random.choice(EDITS)
        texts = made(self.random, self.made)
        write(self.folder, texts)
        try:
            data = compare(Request(self.root, since="HEAD")).data()
            now = self._composed(texts)
        finally:
            write(self.folder, {name: self.made.files[name] for name in texts})
        told = {tuple(f"{k}={v}" for k, v in one["choices"].items()): one for one in data["changed"]}
        differ = {words for words in self.combinations if now[words] != self.then[words]}
        case = f"{made.__name__} {texts}"
        assert set(told) == differ, (case, sorted(set(told) ^ differ))
        assert data["unchanged"] == len(self.combinations) - len(differ), case
        for words, one in told.items():
            self._values(case, words, one, now[words])
            for cause in one["causes"]:
                assert cause["path"].removeprefix("experiments/001-it/") in texts, (case, words, cause)
                self._line(case, cause, texts)
        return made.__name__, len(differ)

    def _values(self, case: str, words: tuple[str, ...], one: dict[str, Any], now: str | None) -> None:
        if now is None or self.then[words] is None:
            assert (one["refused"] is not None, one["mended"] is not None) == (now is None, now is not None), case
            return
        old, new = leaves(self.then[words]), leaves(now)
        expected = {key for key in {**old, **new} if repr(old.get(key, _NONE)) != repr(new.get(key, _NONE))}
        assert set(one["values"]) == expected, (case, words)
        for key, pair in one["values"].items():
            assert repr(pair) == repr([old.get(key), new.get(key)]), (case, words, key, pair)

    def _line(self, case: str, cause: dict[str, Any], texts: dict[str, str]) -> None:
        """The line speaks of the key, of its part or of an option."""
        name = cause["path"].removeprefix("experiments/001-it/")
        text = self.made.files[name] if cause["gone"] else texts[name]
        line = text.splitlines()[cause["line"] - 1]
        for key in cause["keys"]:
            parts = key.split(".")
            spoken = [*parts, "- ", "optimizer"]
            assert any(part in line for part in spoken), (case, cause, line)


class RunJudge(Judge):
    """The same, and each set has run in each environment: is each result told to be of today's values or not?"""

    def __init__(
        self, root: Path, random_: random.Random, sets: int, hydra: Hydra, kind: str, python: str = ""
    ) -> None:
        super().__init__(root, random_, sets, hydra)
        quiet = ["hydra.job.chdir=false", *([] if kind == "hydra" else ["hydra.output_subdir=null"])]
        jobs = [
            [str(self.folder / "train.py"), *words, *quiet, f"hydra.run.dir={root}/runs/{_path(words)}"]
            for words in self.combinations
        ]
        ran = subprocess.run(
            [python or sys.executable, str(HARNESS / "hydra_batch.py")],
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "KIND": kind, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert not any(one["code"] for one in json.loads(ran.stdout)), ran.stdout[-2000:]
        self.kind = kind

    def plant(self) -> tuple[str, int]:
        """Edit, see whether each state is right, take back; the edit, and how many results it made stale."""
        made = self.random.choice(EDITS)
        texts = made(self.random, self.made)
        write(self.folder, texts)
        try:
            rows = compare(Request(self.root, runs=True)).data()["rows"]
            now = self._composed(texts)
        finally:
            write(self.folder, {name: self.made.files[name] for name in texts})
        told = {tuple(f"{k}={v}" for k, v in row["choices"].items()): row for row in rows}
        case = f"{self.kind} {made.__name__} {texts}"
        assert set(told) == set(self.combinations), case
        for words, row in told.items():
            stale = self._stale(words, now[words], leaves(now[()]))
            usual = "done" if self.kind in ("record", "tracked") else "unknown"
            assert row["state"] == ("stale" if stale else usual), (case, words, stale, row)
            assert set(row["changed"]) == stale, (case, words, stale, row["changed"])
            place = f"runs/{_path(words)}" + _INNER.get(self.kind, "")
            assert re.fullmatch(re.escape(place) if self.kind != "tracked" else place, row["run"]), (case, row)
        return made.__name__, sum(row["state"] == "stale" for row in rows)

    def _stale(self, words: tuple[str, ...], now: str | None, defaults: dict[str, Any]) -> set[str]:
        """The keys with other values now; a new key with everyone's default is none, and nor is how a run is called."""
        if now is None:
            return set()
        old, new = leaves(self.then[words]), leaves(now)
        both = {key for key in old.keys() & new.keys() if old[key] != new[key]}
        gone = old.keys() - new.keys() if self.kind not in _INNER else set()
        added = {key for key in new.keys() - old.keys() if repr(defaults.get(key, _NONE)) != repr(new[key])}
        groups = {key.partition(".")[0] for key in old}
        added = {key for key in added if key.partition(".")[0] in groups} if self.kind not in _INNER else set()
        gone = {key for key in gone if key.partition(".")[0] in {name.partition(".")[0] for name in new}}
        return (both | gone | added) - {"exp.name", "exp.notes", "env.out"}


_INNER = {"wandb": "/wandb/offline-run-20260101_000000-abcd1234", "tracked": r"/wandb/offline-run-[\w-]+"}


def _path(words: tuple[str, ...]) -> str:
    return "/".join(word.partition("=")[2] for word in reversed(words))


_NONE = object()


def main() -> int:
    """Run many edits, and print where the answer is another than Hydra's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--edits", type=int, default=300)
    parser.add_argument("--sets", type=int, default=12)
    parser.add_argument("--runs", action="store_true", help="plant the edits after runs")
    parser.add_argument("--python", default="", help="an interpreter with hydra and wandb, which keeps the runs")
    parser.add_argument("--each", type=int, default=20, help="edits of one experiment")
    given = parser.parse_args()
    counts: dict[str, list[int]] = {}
    hydra, wrong, number = Hydra(), 0, -1
    for number, start in enumerate(range(0, given.edits, given.each)):
        seed = given.seed * 1000 + start
        with tempfile.TemporaryDirectory() as made:
            place, chance = Path(made).resolve(), random.Random(seed)
            kind = "tracked" if given.python else KINDS[number % len(KINDS)]
            judge = (
                RunJudge(place, chance, given.sets, hydra, kind, given.python)
                if given.runs
                else Judge(place, chance, given.sets, hydra)
            )
            for _ in range(min(given.each, given.edits - start)):
                try:
                    name, count = judge.plant() if isinstance(judge, RunJudge) else judge.edit()
                except AssertionError as error:
                    wrong += 1
                    print(f"experiment {seed}: {str(error)[:1500]}", flush=True)
                else:
                    counts.setdefault(name, []).append(count)
    for name, changed in sorted(counts.items()):
        print(f"{name:28} {len(changed):4} edits, {sum(changed):6} configs changed, {changed.count(0)} changed none")
    print(f"{number + 1} experiments of {given.sets} sets; Hydra composed {hydra.asked} configs; wrong: {wrong}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
