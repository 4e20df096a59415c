"""Two projects that differ in one thing: nothing is wrong in the one, and something is in the other (data/twins).

Each file of data/twins is a lesson from a project that nobody here wrote: a finding where nothing was wrong, a fault
that was not found, an advice that did harm. Under `twins` stand two projects, or two starting points of a command, with

- `files`, those of both and then those of each: a text, or what is replaced in the text so far. They lie in `folder`,
  or with a slash in front below the root, and over the plain experiment unless `plain` is false;
- `hydra`: what the real Hydra does. `run` is composed (`--cfg job`), `call` is called; it `gives` values, has no key
  `gives_no`, `prints` a text or `prints_no` text, or `fails` with one. `only`: with that release of Hydra; `apart`: in
  a process that has imported nothing;
- `commands`: what ours must do. `finds` is all that validate finds but notes, `finds_some` stands among the rest; `at`
  is FILE or FILE:LINE, `says` are patterns. `or_says` and `or_keeps` are as good as what else is expected;
- `only`: the lesson is one with that release of Hydra; what another one makes of it is no lesson;
- `fails_today`: what is not mended yet. The mark is strict: whoever mends it takes it away.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
import pytest
import yaml
from omegaconf import OmegaConf

from running import PLAIN_EXPERIMENT, Ran, run, run_entry, write

pytestmark = pytest.mark.slow

LESSONS = sorted((Path(__file__).parent / "data" / "twins").glob("*.yaml"))
Told = Mapping[str, Any]
KEYS = {
    "lesson": {"why", "plain", "folder", "files", "twins"},
    "twin": {"plain", "folder", "files", "hydra", "commands", "fails_today", "only"},
    "hydra": {
        "run",
        "call",
        "entry",
        "pythonpath",
        "gives",
        "gives_no",
        "prints",
        "prints_no",
        "fails",
        "only",
        "apart",
    },
    "command": {
        *("type", "exit", "finds", "finds_some", "says", "never_says", "or_says"),
        *("keeps", "or_keeps", "makes", "has", "lacks", "then_write", "hydra"),
    },
}


def twins() -> Iterator[Any]:
    """Each twin, with what both share beneath it."""
    for path in LESSONS:
        lesson = yaml.safe_load(path.read_text("utf-8"))
        assert set(lesson) <= KEYS["lesson"], f"{path.name}: {set(lesson) - KEYS['lesson']}"
        assert len(lesson["twins"]) == 2, path.name
        for label, twin in lesson["twins"].items():
            parts = {"twin": [twin], "hydra": twin.get("hydra", []), "command": twin["commands"]}
            for kind, told in ((kind, told) for kind, all_of in parts.items() for told in all_of):
                assert set(told) <= KEYS[kind], f"{path.name}: {set(told) - KEYS[kind]}"
            if not hydra.__version__.startswith(twin.get("only", "")):
                continue
            marks = [pytest.mark.xfail(reason=twin["fails_today"], strict=True)] if "fails_today" in twin else []
            layers = [lesson.get("files", {}), twin.get("files", {})]
            yield pytest.param({**lesson, **twin, "layers": layers}, id=f"{path.stem}: {label}", marks=marks)


@pytest.mark.parametrize("twin", list(twins()))
def test_twin(twin: Told, tmp_path: Path) -> None:
    project = Twin(tmp_path / "project", twin)
    for question in twin.get("hydra", []):
        project.ask(question)
    for command in twin["commands"]:
        project.carry_out(command)


class Twin:
    """A project on disk, and what is held against it."""

    def __init__(self, root: Path, twin: Told) -> None:
        self.root = root
        self.folder = root / twin.get("folder", "experiments/001-baseline")
        if twin.get("plain", True):
            write(self.folder, PLAIN_EXPERIMENT)
        for layer in twin["layers"]:
            for name, change in layer.items():
                path = self.path(name)
                text = change if isinstance(change, str) else replaced(path.read_text("utf-8"), change)
                write(path.parent, {path.name: text})

    def path(self, name: str) -> Path:
        """Where a file lies that the lesson names."""
        return self.root / name[1:] if name.startswith("/") else self.folder / name

    def ask(self, question: Told) -> None:
        """Hold what the real Hydra does against the lesson."""
        if not hydra.__version__.startswith(question.get("only", "")):
            return
        words = ["--cfg", "job", *shlex.split(question["run"])] if "run" in question else shlex.split(question["call"])
        env = {"PYTHONPATH": str(self.root / question["pythonpath"])} if "pythonpath" in question else {}
        python = Path(sys.executable) if question.get("apart") else sys.executable
        ran = run_entry(self.path(question.get("entry", "train.py")), *words, env=env, python=python)
        text = ran.told
        if "fails" in question:
            right = bool(ran.code and re.search(question["fails"], text))
        else:
            right = ran.code == 0 and question.get("prints", "") in text and question.get("prints_no", "\0") not in text
            if right and "run" in question:
                config = OmegaConf.create(ran.out)
                values = {key: plain(OmegaConf.select(config, key)) for key in question.get("gives", {})}
                # True is no 1 here
                right = repr(values) == repr(question.get("gives", {}))
                right = right and ("gives_no" not in question or OmegaConf.select(config, question["gives_no"]) is None)
        assert right, f"{question}\nexit {ran.code}\n{text}"

    def carry_out(self, command: Told) -> None:
        """Run a command of ours, and hold what it says and leaves against the lesson."""
        script, *words = shlex.split(command["type"])
        before = {
            name: self.path(name).read_bytes() for name in (*command.get("keeps", []), *command.get("or_keeps", []))
        }
        finds = command.get("finds", command.get("finds_some"))
        ran = run(script, *words, *(["--json"] if finds is not None else []), cwd=self.root)
        text = ran.told
        if "exit" in command:
            assert ran.code == command["exit"], text
        elif finds is None and script != "validate.py":
            assert ran.code == 0, text
        for pattern in command.get("says", []):
            assert re.search(pattern, text), text
        for pattern in command.get("never_says", []):
            assert not re.search(pattern, text), text
        for name in command.get("keeps", []):
            assert self.path(name).read_bytes() == before[name], f"{name} has changed"
        for name in (*command.get("has", []), *command.get("makes", {})):
            assert self.path(name).is_file(), name
        for name in command.get("lacks", []):
            assert not self.path(name).exists(), name
        for name, values in command.get("makes", {}).items():
            made = plain(OmegaConf.load(self.path(name)))
            assert repr({key: made.get(key) for key in values}) == repr(values), f"{name}: {made}"
        for name, written in command.get("then_write", {}).items():
            write(self.path(name).parent, {self.path(name).name: written})
        as_good = bool(re.search(command.get("or_says", "^\\b$"), text)) or any(
            self.path(name).read_bytes() == before[name] for name in command.get("or_keeps", [])
        )
        if not as_good:
            if finds is not None:
                self.judge(ran, finds, alone="finds" in command)
            for question in command.get("hydra", []):
                self.ask(question)

    def judge(self, ran: Ran, expected: Sequence[Told], *, alone: bool) -> None:
        """Each finding that is expected is there; `alone`: and nothing else but notes."""
        left = [finding for finding in ran.json["findings"] if finding["severity"] != "info"]
        for one in expected:
            matching = [finding for finding in left if self.is_meant(finding, one)]
            assert matching, f"{one} is not among {left}"
            left.remove(matching[0])
        assert not (alone and left), left

    def is_meant(self, finding: Told, expected: Told) -> bool:
        """Whether a finding is the expected one."""
        places = expected.get("at", [])
        path = self.root / finding["path"]
        there = [
            self.path(name) == path and line in ("", str(finding["line"]))
            for name, _, line in (place.partition(":") for place in ([places] if isinstance(places, str) else places))
        ]
        text = f"{finding['message']}\n{finding['help']}"
        return (
            (any(there) or not there)
            and expected.get("severity", finding["severity"]) == finding["severity"]
            and all(re.search(pattern, text) for pattern in expected.get("says", []))
        )


def replaced(text: str, change: Mapping[str, str]) -> str:
    """The text with each old passage replaced by its new one."""
    for old, new in change.items():
        assert old in text, f"{old!r} is not in\n{text}"
        text = text.replace(old, new)
    return text


def plain(value: Any) -> Any:
    """A value of a config as Python's own lists and dicts."""
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
