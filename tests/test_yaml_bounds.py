"""YAML that nobody can hold: a few lines that come to billions of values, to infinitely many, or to a thousand levels.

Every command ends with a line that names the place, within the limits of a fork of this process.
"""

from __future__ import annotations

import itertools
import os
import resource
import sys
import traceback
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra._internal.config_repository import CachingConfigRepository
from omegaconf import OmegaConf

from experiment_setup import schema
from experiment_setup.checking.check import check
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError
from experiment_setup.project import Project
from experiment_setup.showing import request, shown
from experiment_setup.writing.adding import SetsRequest, add_sets
from running import PLAIN_EXPERIMENT, hydra, run, run_entry, start, write

pytestmark = pytest.mark.any_hydra

SET = "defaults:\n  - default@_here_\n\n"
SECONDS = 20  # of CPU; each takes a fraction of one
MEMORY = 600 << 20


def bomb(first: str, line: str, count: int = 14) -> str:
    names = "abcdefghijklmnop"[: count + 1]
    return first + "".join(line.format(new, old) for old, new in itertools.pairwise(names))


EXHAUST = {
    "lists of aliases": bomb("a: &a [x, x]\n", "{0}: &{0} [*{1}, *{1}, *{1}, *{1}]\n"),
    "mappings of aliases": bomb("a: &a {x: 1}\n", "{0}: &{0} {{p: *{1}, q: *{1}, r: *{1}}}\n"),
    "merges of aliases": bomb("a: &a {x: 1}\n", "{0}: &{0} {{<<: [*{1}, *{1}, *{1}, *{1}]}}\n"),
    "a long text by aliases": f"notes: &a {'x' * 100_000}\nfold: [{'*a, ' * 2_000}]\n",
    "a list in itself": "fold: &x [*x]\n",
    "a mapping in itself": "notes: &x {b: {c: *x}}\n",
    "lists in lists": f"fold: {'[' * 300}{']' * 300}\n",
    "more lists in lists": f"fold: {'[' * 10_000}{']' * 10_000}\n",
    "mappings in mappings": f"notes: {'{a: ' * 10_000}{'}' * 10_000}\n",
    "blocks in blocks": "notes:\n" + "".join(f"{' ' * level}a:\n" for level in range(1, 1_500)),
    "a number of 5,000 digits": f"seed: {'9' * 5_000}\n",
    "a number in hexadecimal": f"seed: 0x{'f' * 5_000}\n",
    "a release of YAML of 5,000 digits": f"seed: 1\n...\n%YAML 1.{'9' * 5_000}\n---\nseed: 2\n",
    "a float in sixties": f"learning_rate: 1{':59' * 500}.5\n",
    "a float of 400 digits": f"learning_rate: {'9' * 400}\n",
    "a list of a hundred thousand": f"fold: [{'1, ' * 100_000}1]\n",
    "a hundred thousand keys": "".join(f"key_{number}: 1\n" for number in range(60_000)),
    "a reference of thousands of steps": f"notes: ${{{'a.' * 6_000}b}}\n",
    "references that do not end": f"notes: {'${' * 50_000}\n",
    "a reference with a long list": f"notes: ${{oc.create:[{'1,' * 50_000}1]}}\n",
    "a reference with nothing thousands of times": f"notes: ${{oc.select:{',' * 5_000}}}\n",
    "references in references": f"notes: {'${' * 500}x{'}' * 500}\n",
}
SLOW = {"references in references", "blocks in blocks", "a hundred thousand keys", "a list of a hundred thousand"}
WHERE = {"exp/001.yaml": SET, "config.yaml": PLAIN_EXPERIMENT["config.yaml"]}


def _severe(name: str, where: str) -> list[str]:
    """At the top of config.yaml nothing has a type: there a long number composes, and only its place is odd."""
    return ["error", "warning"] if name == "a float of 400 digits" and where == "config.yaml" else ["error"]


def in_a_fork(act: Callable[[], None]) -> None:
    """Let it happen within the limits."""
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
            act()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "a traceback, or more than any file may take"


@pytest.mark.skipif(sys.platform != "linux", reason="measures a fork")
@pytest.mark.parametrize("where", ["exp/001.yaml", pytest.param("config.yaml", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in EXHAUST]
)
def test_a_file_that_nobody_can_hold_is_named(name: str, where: str, tmp_path: Path) -> None:
    write(tmp_path / "experiments/001-baseline", {**PLAIN_EXPERIMENT, where: WHERE[where] + EXHAUST[name]})
    file = tmp_path / "experiments/001-baseline" / where

    def act() -> None:
        project = Project(tmp_path)
        result = check(project, project.experiments)
        assert result.failed == []
        assert file in {
            found.location.path for found in result.findings if found.severity.value in _severe(name, where)
        }
        for ask in (
            lambda: shown.show(request.Request(tmp_path, ["001", "exp=001"], "yaml")),
            lambda: add_sets(SetsRequest(["001", "seed=8"], tmp_path, dry_run=True)),
        ):
            try:
                ask()
            except CommandError as error:
                assert len(error.message) < 5_000  # noqa: PT017 (what it says matters)

    in_a_fork(act)


@pytest.mark.parametrize(("parts", "code"), [(45, 0), (96, 0), (240, 0), (300, 2)])
@pytest.mark.parametrize("form", ["entry", "header", "stored"])
def test_a_package_is_as_deep_as_commands_go(form: str, parts: int, code: int, tmp_path: Path) -> None:
    """Hydra takes one of some 345 parts, and nobody has any of ten."""
    entry, package = tmp_path / "experiments/001-baseline/train.py", ".".join(("a", "b", "c") * (parts // 3))
    entries = {"entry": f"  - more@{package}: a\n"}.get(form, "  - more: a\n")
    stored = f'ConfigStore.instance().store(group="more", name="a", node={{"x": 1}}, package="{package}")\n'
    texts = {
        **PLAIN_EXPERIMENT,
        "config.yaml": PLAIN_EXPERIMENT["config.yaml"].replace("  - override", f"{entries}  - override", 1),
    }
    if form == "stored":
        texts["train.py"] = texts["train.py"].replace("if __name__", f"{stored}\n\nif __name__")
    else:
        texts["more/a.yaml"] = f"# @package {package}\nx: 1\n" if form == "header" else "x: 1\n"
    write(entry.parent, texts)
    for words in (["show.py", "001"], ["add_exp.py", "001", "seed=9"], ["add_notebook.py", "001"]):
        assert run(*words, cwd=tmp_path).code == code
    assert run("validate.py", cwd=tmp_path).code == (code != 0)
    if parts < 70:  # the comparison ends in a RecursionError of its own
        assert run("show.py", "001", "--json", cwd=tmp_path).json["config"] == hydra(entry)


DEEP: dict[str, Callable[[int], str]] = {
    "brackets": lambda levels: f"{'{a: ' * levels}1{'}' * levels}",
    "brackets in quotes": lambda levels: "{b: '}', a: " * levels + "1" + "}" * levels,
    "brackets in comments": lambda levels: "[  # ]\n  " * levels + "]" * levels,
    "lines and brackets": lambda levels: (
        "".join(f"\n{' ' * (at + 1)}a:" for at in range(levels // 2))
        + f" {'[' * (levels - levels // 2)}1{']' * (levels - levels // 2)}"
    ),
    "aliases": lambda levels: "[&a0 []" + "".join(f", &a{at} [*a{at - 1}]" for at in range(1, levels - 1)) + "]",
}


@pytest.mark.parametrize("levels", [60, 300])
@pytest.mark.parametrize("form", DEEP)
def test_what_is_too_deep_is_named(form: str, levels: int, tmp_path: Path) -> None:
    """Hydra ends in a RecursionError at about a hundred levels."""
    entry = tmp_path / "experiments/001-baseline/train.py"
    write(entry.parent, {**PLAIN_EXPERIMENT, "exp/001.yaml": f"extra: {DEEP[form](levels)}\n"})
    found = [f for f in run("validate.py", "--json", cwd=tmp_path).json["findings"] if f["code"] == "ES003"]
    assert len(found) == (levels > 100)
    if found:
        assert "levels deep" in found[0]["message"]
    else:
        assert run("show.py", "001", "exp=001", "--json", cwd=tmp_path).json["config"] == hydra(entry, "exp=001")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["brackets", "lines and brackets"])
def test_python_ends_here_where_it_ends_in_a_run(form: str, tmp_path: Path) -> None:
    """At 73 to 95 levels, by its release, OmegaConf's and the kind of values; not below the frames of a test."""
    entry = tmp_path / "experiments/001-baseline/train.py"
    asked = {}

    def answers(levels: int) -> tuple[bool, bool]:
        if levels not in asked:
            write(entry.parent, {**PLAIN_EXPERIMENT, "more/deep.yaml": f"extra: {DEEP[form](levels)}\n"})
            ours = start("show.py", "001", "+more=deep", cwd=tmp_path).code  # below no frames of the tests
            asked[levels] = (ours == 0, run_entry(entry, "+more=deep", python=Path(sys.executable)).code == 0)
        return asked[levels]

    last = bisect_left(range(60, 100), True, key=lambda levels: not answers(levels)[1]) + 59
    assert 70 < last < 99
    for levels in (last - 2, last - 1, last, last + 1, last + 2, 99):
        ours, hydras = answers(levels)
        assert ours == hydras, levels


@pytest.mark.slow
@pytest.mark.parametrize("form", ["entries", "options"])
def test_a_defaults_list_of_many_entries_is_not_composed(form: str, tmp_path: Path) -> None:
    """Hydra takes the square of their number: 20,000 take half a minute, each time."""
    entry = tmp_path / "experiments/001-baseline/train.py"
    many = {
        "entries": lambda count: "".join(f"  - more@p{number}: a\n" for number in range(count)),
        "options": lambda count: f"  - more: [{', '.join(['a'] * count)}]\n",
    }[form]

    def config(count: int) -> str:
        return PLAIN_EXPERIMENT["config.yaml"].replace("  - override", f"{many(count)}  - override", 1)

    write(entry.parent, {**PLAIN_EXPERIMENT, "config.yaml": config(6_000), "more/a.yaml": "x: 1\n"})
    [found] = [f for f in run("validate.py", "--json", cwd=tmp_path).json["findings"] if f["severity"] == "error"]
    assert (found["code"], found["line"], "defaults list" in found["message"]) == ("ES003", 1, True)
    for words in (["show.py", "001"], ["add_exp.py", "001", "seed=3"], ["export_schema.py", "001"]):
        ran = run(*words, cwd=tmp_path)
        assert (ran.code, "TooMuch" in ran.err) == (2, False)
    write(entry.parent, {"config.yaml": config(200)})
    assert run("show.py", "001", "--json", cwd=tmp_path).json["config"] == hydra(entry)


def expanding(count: int) -> dict[str, str]:
    """Options in a row, each of which takes in the one before it, and once more in a package of its own."""
    texts = {"more/s0.yaml": "seed: 0\n"}
    for number in range(1, count):
        entries = "".join(f"  - s{number - 1}@_here_{'.x' * times}\n" for times in range(2))
        texts[f"more/s{number}.yaml"] = f"defaults:\n{entries}\nseed: {number}\n"
    listed = PLAIN_EXPERIMENT["config.yaml"].replace("  - override", "  - more: s0\n  - override", 1)
    return {**PLAIN_EXPERIMENT, **texts, "config.yaml": listed}


@pytest.mark.slow
def test_defaults_lists_that_expand_end(tmp_path: Path) -> None:
    """Of thirty options with two parents each the last comes to a billion."""
    entry, count = tmp_path / "experiments/001-baseline/train.py", 16
    write(entry.parent, expanding(count))
    composer = Composer(Project(tmp_path).experiments[0], schema.read(entry, tmp_path), tmp_path)
    failures = []
    for number in range(count):
        outcome = composer.compose({"more": f"s{number}"})
        failures += [outcome.failure.refusal.words] if outcome.failure is not None else []
    assert len(failures) > count / 4
    assert {words for words in failures if "to more than" not in words} == set()
    assert OmegaConf.to_container(composer.compose({"more": "s4"}).config) == hydra(entry, "more=s4")


def test_a_circle_is_called_one(tmp_path: Path) -> None:
    texts = {f"exp/00{one}.yaml": f"defaults:\n  - 00{other}@_here_\n" for one, other in ((2, 3), (3, 2))}
    entry = tmp_path / "experiments/001-baseline/train.py"
    write(entry.parent, {**PLAIN_EXPERIMENT, **texts})
    composer = Composer(Project(tmp_path).experiments[0], schema.read(entry, tmp_path), tmp_path)
    failure = composer.compose({"exp": "002"}).failure
    assert failure is not None
    assert "in a circle" in failure.refusal.words


CIRCLES = {  # what number N of a circle of COUNT names
    "of one parent each": lambda number: f"  - s{number:03}@_here_\n",
    "of two": lambda number: f"  - s{number:03}@_here_\n  - default@_here_\n",
    "of options": lambda number: f"  - /exp@_global_.exp: s{number:03}\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("form", CIRCLES)
def test_a_large_circle_is_not_followed_from_each_of_its_files(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra would go round until Python ends that, a tenth of a second each time, and more beside a large project."""
    count = 120
    texts = {
        f"exp/s{number:03}.yaml": f"defaults:\n{CIRCLES[form]((number + 1) % count)}\nseed: {number}\n"
        for number in range(count)
    }
    write(tmp_path / "experiments/001-baseline", {**PLAIN_EXPERIMENT, **texts})
    read, load = list[str](), CachingConfigRepository.load_config
    monkeypatch.setattr(CachingConfigRepository, "load_config", lambda *given: (read.append(given[1]), load(*given))[1])
    project = Project(tmp_path)
    result = check(project, project.experiments)
    assert ("ES103" if form == "of options" else "ES109") in {finding.code for finding in result.findings}
    assert bool(read) is (form != "of one parent each")
    assert len(read) < 20_000  # each of them to its end: 31,000 and 116,000
    added = add_sets(SetsRequest(["001", "seed=5"], tmp_path, dry_run=True))
    assert len(read) < 50_000  # 93,000 and 349,000
    assert added.outcome.created
    assert [note for note in added.outcome.notes if "not compared with" in note][:1] == added.outcome.notes
    assert bool(added.outcome.notes) is (form == "of options")


def test_a_line_of_parents_may_be_as_long_as_hydra_takes(tmp_path: Path) -> None:
    """Some 470 of them; it says itself where Python's limit ends that."""
    parents = ["default", *(f"s{number:03}" for number in range(599))]
    texts = {
        f"exp/s{number:03}.yaml": f"defaults:\n  - {parent}@_here_\n\nseed: {number}\n"
        for number, parent in enumerate(parents)
    }
    entry = tmp_path / "experiments/001-baseline/train.py"
    write(entry.parent, {**PLAIN_EXPERIMENT, **texts})
    composer = Composer(Project(tmp_path).experiments[0], schema.read(entry, tmp_path), tmp_path)
    found = composer.compose({"exp": "s440"})
    assert not found.asked_hydra
    assert OmegaConf.to_container(found.config) == hydra(entry, "exp=s440")
    failure = composer.compose({"exp": "s599"}).failure
    assert failure is not None
    assert "RecursionError" in failure.refusal.words


def test_aliases_that_come_to_little_are_read(tmp_path: Path) -> None:
    entry = tmp_path / "experiments/001-baseline/train.py"
    text = f"{SET}notes: &x a\nfold: &y [1, 2]\nname: *x\n"
    write(entry.parent, {**PLAIN_EXPERIMENT, "exp/001.yaml": text})
    assert run("show.py", "001", "exp=001", "--json", cwd=tmp_path).json["config"] == hydra(entry, "exp=001")
