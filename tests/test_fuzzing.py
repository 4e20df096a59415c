"""Mutated files and words, some of them from each seed: a command ends with an answer or with one line, whatever comes.

`tests/harness/fuzzing.py` tries as many as one likes. A case that once failed is named here, and tried for ever.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import fuzzing
from experiment_setup.findings import Severity
from running import PLAIN_EXPERIMENT

COUNTS = {"yaml": 12, "python": 24, "overrides": 24, "fix": 6, "refs": 6}
LONG = "a" * 300  # no file system takes such a name
SMALL = {
    "a group with a long name": {"config.yaml": [("  - env: default", f"  - env: default\n  - {LONG}: x")]},
    "an override": {"config.yaml": [("  - env: default", f"  - env: default\n  - override a/{LONG}")]},
    "a group with half a character": {"config.yaml": [("  - env: default", '  - env: default\n  - "a\\0b": x')]},
    "an entry with two keys": {"config.yaml": [("  - env: default", "  - env: default\n  - hydra/x: none\n    b: c")]},
    "code with a long name of its config": {"train.py": [('config_name="config"', f'config_name="{LONG}"')]},
    "code with a long path": {"train.py": [('config_path="."', f'config_path="{LONG}"')]},
    "an import with a long name": {"train.py": [("import hydra\n", f"import hydra\nfrom {LONG} import x\n")]},
}
ONCE = [
    ("yaml", "7-78"),  # a mapping in itself
    ("yaml", "a-168"),  # an option whose name no file system takes
    ("yaml", "f10-yaml-10053"),  # an entry whose name no file system takes
    ("overrides", "7-129"),  # a number of 5,000 digits for show.py
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
def test_whatever_comes_has_an_answer(kind: str) -> None:
    failed = {f"ci-{number}": fuzzing.failure(kind, f"ci-{number}") for number in range(COUNTS[kind])}
    assert {number: said for number, said in failed.items() if said is not None} == {}


@pytest.mark.parametrize("what", SMALL)
def test_what_no_file_can_be_called_has_an_answer(what: str, tmp_path: Path) -> None:
    texts = dict(PLAIN_EXPERIMENT)
    for name, changes in SMALL[what].items():
        for old, new in changes:
            assert old in texts[name]
            texts[name] = texts[name].replace(old, new)
    found = fuzzing.checked(tmp_path, {name: text.encode() for name, text in texts.items()}).findings
    assert what.startswith("an import") or [one for one in found if one.severity is Severity.ERROR]


@pytest.mark.parametrize(("kind", "number"), ONCE)
def test_what_once_failed_has_an_answer(kind: str, number: str) -> None:
    assert fuzzing.failure(kind, number) is None
