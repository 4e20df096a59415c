"""Every rule against its own examples, and its examples against the real Hydra."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import hydra
import pytest

from experiment_setup.checking import fix, rules_page
from experiment_setup.checking.check import Result, check
from experiment_setup.findings import Finding, Severity
from experiment_setup.project import Project
from experiment_setup.rules import ALL
from experiment_setup.rules.base import Rule
from running import ROOT, Ran, run, run_entry, tree

RULES = list(ALL.values())
EXPERIMENT = Path("experiments") / "001-baseline"


REMARK = "# 残す: this remark stays"
IN_TWO_PLACES = {"ES302": 2, "ES505": 2}  # both registrations are swapped; both output folders are shared
# What is wrong as well where this is: a copy of a set writes to the same folder.
FOLLOWING = {"ES220": {"ES501"}, "ES225": {"ES501", "ES512"}, "ES502": {"ES503"}}


@dataclass(frozen=True)
class Worked:
    """What check and fix make of a rule's examples."""

    project: Project
    texts: Mapping[str, str]  # of the bad example, by path within the experiment
    bad: Sequence[Finding]
    good: Sequence[Finding]
    good_project: Project
    fixed_project: Project
    fixed: fix.Fixed
    written_too_early: bool
    after: Sequence[Finding]
    again: fix.Fixed


def checked(project: Project) -> Result:
    return check(project, Project(project.root).experiments)


class Examples:
    """The examples of all rules, worked through when first asked for."""

    def __init__(self, new_folder: Callable[[str], Path]) -> None:
        self._new_folder = new_folder
        self._worked: dict[str, Worked] = {}
        self._answers: dict[tuple[str, str], Ran] = {}

    def __getitem__(self, rule: Rule) -> Worked:
        if rule.code not in self._worked:
            self._worked[rule.code] = self._work(rule)
        return self._worked[rule.code]

    def _work(self, rule: Rule) -> Worked:
        good = rules_page.write_example(rule.good, self._new_folder("good").resolve())
        bad = rules_page.write_example(rule.bad, self._new_folder("bad").resolve())
        found = checked(bad)
        # A remark on every line, to see whether fixes keep remarks.
        mended = rules_page.write_example(rule.bad, self._new_folder("fixed").resolve())
        for path in (mended.root / EXPERIMENT).rglob("*.y*ml"):
            path.write_text(remarked(path.read_text(encoding="utf-8")), encoding="utf-8")
        fixed, after, again, too_early = fix.Fixed(), found, fix.Fixed(), False
        if any(finding.fixable and finding.safe for finding in found.findings):
            before = tree(mended.root)
            fixed = fix.fix(mended, mended.experiments, checked(mended))
            too_early = tree(mended.root) != before
            fix.write(fixed)
            after = checked(mended)
            again = fix.fix(mended, Project(mended.root).experiments, after)
        texts = rules_page.example(rule.bad)
        results = (found.findings, checked(good).findings)
        return Worked(bad, texts, *results, good, mended, fixed, too_early, after.findings, again)

    def hydra(self, rule: Rule, which: str) -> Ran:
        """What the real Hydra says to the example `bad`, `good`, or `fixed`."""
        if (rule.code, which) not in self._answers:
            entry, *words = self._job(rule, which)
            self._answers[rule.code, which] = run_entry(Path(entry), *words)
        return self._answers[rule.code, which]

    def _job(self, rule: Rule, which: str) -> list[str]:
        worked = self[rule]
        projects = {"bad": worked.project, "good": worked.good_project, "fixed": worked.fixed_project}
        folder = projects[which].root / EXPERIMENT
        words = shlex.split(rule.run)
        if which != "bad":  # an option that is misnamed in the bad example has another name
            words = [word for word in words if (folder / f"{word.replace('=', '/')}.yaml").exists()]
        return [str(folder / "train.py"), "--cfg", "job", *words]


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    return Examples(tmp_path_factory.mktemp)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.code}-{rule.name}")
class TestExamples:
    def test_bad_is_found_and_nothing_else(self, rule: Rule, examples: Examples) -> None:
        found = examples[rule].bad
        own = [finding for finding in found if finding.code == rule.code]
        differs = rule.hydra == "differs" and not hydra.__version__.startswith(
            "1.3"
        )  # there it may weigh more, or less
        assert {one.severity for one in own} <= {rule.severity} | (
            {Severity.ERROR, Severity.INFO} if differs else set()
        )
        assert len(own) == IN_TWO_PLACES.get(rule.code, 1), "one mistake, one finding"
        others = [finding for finding in found if finding.severity is Severity.ERROR and finding.code != rule.code]
        assert not others, "one mistake, one finding"
        further = {finding.code for finding in found} - {rule.code, *(f.code for f in examples[rule].good)}
        assert further == FOLLOWING.get(rule.code, set())

    def test_finding_stands_where_the_mistake_is(self, rule: Rule, examples: Examples) -> None:
        worked = examples[rule]
        good = rules_page.example(rule.good)
        for finding in worked.bad:
            if finding.code != rule.code:
                continue
            assert "\n" not in finding.message
            assert finding.help, "a finding says what to do"
            path, line, column = finding.location.path, finding.location.line, finding.location.column
            name = path.relative_to(worked.project.root / EXPERIMENT).as_posix()
            lines = worked.texts.get(name, "").split("\n")
            assert line <= len(lines)
            assert column <= len(lines[line - 1]) + 1
            whole_file = (line, column) == (1, 1)
            differs = name in good and name in worked.texts and worked.texts[name] != good[name]
            if differs and name.endswith(".yaml") and not whole_file:
                assert line in blocks_of(lines, changed_lines(worked.texts[name], good[name]))

    def test_good_is_not_found(self, rule: Rule, examples: Examples) -> None:
        found = examples[rule].good
        assert not [f for f in found if f.code == rule.code or f.severity is Severity.ERROR]

    def test_hydra_agrees(self, rule: Rule, examples: Examples) -> None:
        bad, good = examples.hydra(rule, "bad"), examples.hydra(rule, "good")
        assert good.code == 0, good.err
        if rule.hydra == "accepts":
            assert bad.code == 0, bad.err
        elif rule.hydra == "fails":
            assert bad.code != 0

    def test_explanation(self, rule: Rule) -> None:
        assert re.fullmatch(r"ES\d\d\d", rule.code)
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", rule.name)
        assert rule.summary.strip() == rule.summary
        assert not rule.summary.endswith(".")
        assert len(rule.explanation) > 60, "it says why the mistake matters"
        assert rule.bad != rule.good

    def test_safe_fix(self, rule: Rule, examples: Examples) -> None:
        worked = examples[rule]
        if not any(finding.code == rule.code and finding.fixable and finding.safe for finding in worked.bad):
            assert rule.code not in {finding.code for finding in worked.fixed.findings}
            return
        assert not worked.written_too_early, "nothing is written before it is proven"
        assert not worked.fixed.dropped
        assert rule.code in {finding.code for finding in worked.fixed.findings}
        assert not [f for f in worked.after if f.code == rule.code and f.fixable and f.safe]
        for rewrite in worked.fixed.rewrites:
            assert comments(rewrite.before) <= comments(rewrite.after)
        assert not worked.again.rewrites, "a second time changes nothing"
        answer = examples.hydra(rule, "fixed")
        assert answer.code == 0, answer.err


def remarked(text: str) -> str:
    """The text with a remark behind every line that can have one, and one at the end."""
    lines = [
        f"{line}  {REMARK} {number}" if line.strip() and "#" not in line else line
        for number, line in enumerate(text.rstrip().split("\n"))
    ]
    return "\n".join([*lines, REMARK, ""]) if text.strip() else text


def comments(text: str) -> set[str]:
    found = {match[0].strip() for match in re.finditer(r"(?:^|(?<=\s))#.*", text, re.MULTILINE)}
    return {comment for comment in found if not comment.startswith("# @package")}


def changed_lines(text: str, other: str) -> set[int]:
    """The lines of `text` that `other` does not have, and those beside a place where `other` has more."""
    found: set[int] = set()
    matcher = difflib.SequenceMatcher(None, text.split("\n"), other.split("\n"), autojunk=False)
    for tag, first, last, _, _ in matcher.get_opcodes():
        if tag != "equal":
            found |= set(range(first + 1, last + 1)) if last > first else {first, first + 1}
    return found


def blocks_of(lines: Sequence[str], wanted: set[int]) -> set[int]:
    """The numbers of all lines in the top-level YAML blocks of the wanted lines, and of lines that read the same.

    What is missing is reported at the key that it is missing from.
    """
    starts = [number for number, line in enumerate(lines, 1) if line and not line.startswith((" ", "-"))]
    starts = [1, *starts, len(lines) + 1]
    found = {number for number, line in enumerate(lines, 1) if line in {lines[wrong - 1] for wrong in wanted}}
    for first, after in itertools.pairwise(starts):
        if wanted & set(range(first, after)):
            found |= set(range(first, after))
    return found


def test_codes_and_names_are_unique_and_in_a_family() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert sum(len(rules) for _, rules in rules_page.families()) == len(RULES)


def test_reference_page_is_current() -> None:
    page = "".join(f"{line}\n" for line in rules_page.listing())
    written = (ROOT / "references" / "rules.md").read_text(encoding="utf-8")
    assert written == page, "python scripts/validate.py --list-rules > references/rules.md"


def test_bases_of_the_examples_are_clean(project: Path, elsewhere: Path) -> None:
    ran = run("validate.py", "--root", project, "--strict", cwd=elsewhere)
    assert (ran.code, ran.err) == (0, "")


def test_names_of_hydra_are_those_that_hydra_has() -> None:
    from hydra.conf import JobConf, RuntimeConf

    from experiment_setup.rules import es42_sweeps as sweeps

    assert {*sweeps.JOB} == {field.name for field in dataclasses.fields(JobConf)}
    assert {*sweeps.RUNTIME} == {field.name for field in dataclasses.fields(RuntimeConf)}


# What a single example of a rule cannot show: (code, file, replacements, what the finding says).
MORE = {
    "a subfolder that has the options": ("ES401", [("output_subdir: null", "output_subdir: exp")], "options of the"),
    "the folder that the run is started in": (
        "ES401",
        [("output_subdir: null", "output_subdir: ."), ("    dir: .", "    dir: ${hydra:runtime.cwd}")],
        "overwrites config.yaml",
    ),
    "an empty subfolder": ("ES401", [("output_subdir: null", "output_subdir: ''")], "overwrites config.yaml"),
    "another fixed subfolder": ("ES403", [("output_subdir: null", "output_subdir: saved")], "overwrites saved/"),
    "a misspelled block": ("ES411", [("hydra:\n", "hyrda:\n")], "did you mean 'hydra'?"),
    "a misspelled setting": (
        "ES010",
        [("output_subdir: null", "output_subdirs: null")],
        "did you mean 'output_subdir'?",
    ),
    "a setting that is no setting": ("ES011", [("run:\n    dir: .", "run: .")], "RunDir"),
    "a value of Hydra": ("ES422", [("dir: .", "dir: x/${hydra.job.nme}")], "did you mean 'name'?"),
    "no group of that name": ("ES422", [("dir: .", "dir: x/${hydra:runtime.choices.epx}")], "did you mean 'exp'?"),
    "a group of Hydra": ("ES414", [("hydra/job_logging", "hydra/joblogging")], "no group hydra/joblogging"),
}


@pytest.mark.parametrize("name", MORE)
def test_one_finding_for_one_mistake_in_the_hydra_block(tmp_path: Path, name: str) -> None:
    code, replacements, words = MORE[name]
    project = rules_page.write_example({"config.yaml": replacements}, tmp_path.resolve())
    found = checked(project).findings
    assert [finding.code for finding in found] == [code]
    assert words in found[0].message


@pytest.mark.parametrize(
    ("subdir", "run_dir", "left"),
    [
        (".", ".", ["hydra.yaml", "overrides.yaml"]),
        ("''", "${hydra:runtime.cwd}", ["hydra.yaml", "overrides.yaml"]),
        ("exp", ".", ["exp/config.yaml", "exp/hydra.yaml", "exp/overrides.yaml"]),
        ("saved", ".", ["saved/config.yaml", "saved/hydra.yaml", "saved/overrides.yaml"]),
    ],
)
def test_hydra_writes_where_the_rules_say(tmp_path: Path, subdir: str, run_dir: str, left: list[str]) -> None:
    changes = [("output_subdir: null", f"output_subdir: {subdir}"), ("    dir: .", f"    dir: {run_dir}")]
    project = rules_page.write_example({"config.yaml": changes}, tmp_path.resolve())
    assert {finding.code for finding in checked(project).findings} <= {"ES401", "ES403"}
    folder = project.root / EXPERIMENT
    before = tree(folder)
    ran = subprocess.run([sys.executable, "train.py", "exp=001"], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    after = {path: content for path, content in tree(folder).items() if "__pycache__" not in path}
    assert sorted(after.keys() - before.keys()) == left
    assert (after["config.yaml"] != before["config.yaml"]) is (left[0] == "hydra.yaml")


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ({"exp/base.yaml": "defaults:\n  - default@_here_\n"}, []),
        ({"exp/base2.yaml": "defaults:\n  - default@_here_\n\nseed: ???\n"}, []),
        ({"exp/base2.yaml": "defaults:\n  - default@_here_\n"}, ["base2"]),
        ({"exp/base.yaml": "defaults:\n  - default@_here_\n", "exp/001.yaml": None}, ["base"]),
        ({"exp/base.yaml": "defaults:\n  - default@_here_\n", "exp/002.yaml": "defaults:\n  - base@_here_\n"}, ["002"]),
    ],
)
def test_what_others_inherit_may_leave_values_to_them(
    tmp_path: Path, files: dict[str, str | None], options: list[str]
) -> None:
    base = Path(next(iter(files))).stem
    heir = {"exp/001.yaml": f"defaults:\n  - {base}@_here_\n\nname: 001\nseed: 3\n"}
    train = {"train.py": [("    seed: int = 42\n", '    seed: int = "???"\n')]}
    project = rules_page.write_example({**train, **heir, **files}, tmp_path.resolve())
    assert [f.location.path.stem for f in checked(project).findings if f.code == "ES337"] == options


STORE = 'cs.store(group="exp", name="default", node=ExpConfig)\ncs.store(group="env", name="default", node=EnvConfig)\n'


@pytest.mark.parametrize(
    ("before", "after", "codes"),
    [
        (STORE, "", ["ES301", "ES301"]),
        ('group="env", name="default", node=EnvConfig', 'group="exp", name="default", node=EnvConfig', ["ES302"]),
        (STORE, STORE + 'cs.store(group="exp", name="default", node={"a": 1})\n', ["ES303"]),
        ("dataclass, field", "dataclass", ["ES004"]),
        ("class ExpConfig:", "class ExpConfig(Base):", ["ES312"]),
        ("    debug: bool = False", "    dropout = 0.1", ["ES311"]),
    ],
)
def test_one_finding_for_one_mistake_in_the_code(tmp_path: Path, before: str, after: str, codes: list[str]) -> None:
    files: dict[str, list[tuple[str, str]] | str] = {"train.py": [(before, after)]}
    if codes == ["ES312"]:
        files["train.py"] = [
            (before, after),
            ("@dataclass\nclass Exp", "class Base:\n    warmup: int = 3\n\n@dataclass\nclass Exp"),
        ]
    if codes == ["ES311"]:
        files["exp/001.yaml"] = 'defaults:\n  - default@_here_\n\nname: "001-lr"\ndropout: 0.2\n'
    project = rules_page.write_example(files, tmp_path.resolve())
    assert [f.code for f in checked(project).findings if f.severity is not Severity.INFO] == codes
