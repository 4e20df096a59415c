"""`--fix` and `--diff`: what they mend, what they leave alone, and that nothing is ever half written."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiment_setup.checking import fix
from experiment_setup.checking.check import check
from experiment_setup.errors import CommandError
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Edit, Finding, Severity
from experiment_setup.location import Location
from experiment_setup.project import Project
from experiment_setup.rules import ALL
from experiment_setup.rules.base import Rule
from experiment_setup.rules.phases import Of, Phase
from running import PLAIN_EXPERIMENT, as_anybody, hydra, run, tree, write

SET = "defaults:\n  - default@_here_\n\n# なぜ: 論文の値\nlearning_rate: 5.0e-5  # from the paper\n\nseed:   1\n"


@pytest.fixture
def rule(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """A rule of the test's own: the check finds what the test puts into this list, in files that have `from` there."""
    wanted: list[Finding] = []

    def finds(context: ExperimentContext) -> Iterator[Finding]:
        for finding in wanted:
            path = context.experiment.folder / finding.location.path
            if path.exists() and (not finding.edits or finding.message in path.read_bytes().decode()):
                at = path.read_bytes().decode().index(finding.message) if finding.edits else 0
                edits = tuple(Edit(at + e.start, at + e.end, e.text) for e in finding.edits)
                yield Finding(
                    "ES998", "of-the-test", Severity.WARNING, Location(path), finding.message, "", edits,
                    finding.safe, finding.rename,
                )  # fmt: skip

    made = Rule(
        "ES998", "of-the-test", Severity.WARNING, "of the test", Phase.FILES, Of.TEXT, finds, False, {}, {}, "accepts"
    )
    monkeypatch.setitem(ALL, "ES998", made)
    return wanted


def edit(path: str, old: str, new: str, *, safe: bool = True) -> Finding:
    """A finding that replaces the first `old` in the file by `new`."""
    change = (Edit(0, len(old), new),)
    return Finding("ES998", "of-the-test", Severity.WARNING, Location(Path(path)), old, None, change, safe)


def mend(root: Path, *, unsafe: bool = False) -> fix.Fixed:
    project = Project(root.resolve())
    result = check(project, project.experiments, codes={"ES998"})
    return fix.fix(project, project.experiments, result, unsafe=unsafe, codes={"ES998"})


class TestProof:
    """A fix may change what it is about, and nothing else."""

    def test_the_key_on_the_edited_line_may_change(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        write(experiment, {"exp/001.yaml": SET})
        rule.append(edit("exp/001.yaml", "5.0e-5", "1e-5"))
        fixed = mend(project)
        assert not fixed.dropped
        fix.write(fixed)
        assert (experiment / "exp/001.yaml").read_text("utf-8") == SET.replace("5.0e-5", "1e-5")
        assert hydra(experiment / "train.py", "exp=001")["exp"]["learning_rate"] == 1e-5

    def test_another_key_may_not(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        """The default of the dataclass changes what every parameter set that does not give it composes to."""
        rule.append(edit("train.py", "batch_size: int = 16", "batch_size: int = 32"))
        before = tree(project)
        fixed = mend(project)
        assert "exp.batch_size would change from 16 to 32" in str(fixed.dropped)
        assert not fixed.rewrites
        assert tree(project) == before

    def test_a_new_field_in_the_dataclass_may_appear(
        self, project: Path, experiment: Path, rule: list[Finding]
    ) -> None:
        rule.append(edit("train.py", "    epochs: int = 3\n", "    epochs: int = 3\n    warm_up: int = 0\n"))
        rule.append(edit("train.py", "warm_up: int = 0\n    warm_up: int = 0\n", "warm_up: int = 0\n"))
        assert "warm_up" in mend(project).rewrites[0].after

    def test_another_parent_changes_values_that_no_line_says(
        self, project: Path, experiment: Path, rule: list[Finding]
    ) -> None:
        write(experiment, {"exp/002.yaml": "defaults:\n  - 001@_here_\n\nseed: 2\n"})
        rule.append(edit("exp/002.yaml", "001@_here_", "default@_here_"))
        assert "exp.learning_rate would change from 5e-05 to 2e-05 with exp=002" in str(mend(project).dropped)

    def test_lines_that_take_effect_at_last_may_change(
        self, project: Path, experiment: Path, rule: list[Finding]
    ) -> None:
        """`_self_` first: the parent overwrites what the file says. Moving it gives the file's values."""
        write(experiment, {"exp/001.yaml": "defaults:\n  - _self_\n  - default@_here_\n\nseed: 7\n"})
        assert hydra(experiment / "train.py", "exp=001")["exp"]["seed"] == 42
        rule.append(edit("exp/001.yaml", "  - _self_\n  - default@_here_\n", "  - default@_here_\n  - _self_\n"))
        fix.write(mend(project))
        assert hydra(experiment / "train.py", "exp=001")["exp"]["seed"] == 7

    def test_what_composed_must_compose_afterwards(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        write(experiment, {"exp/001.yaml": SET})
        rule.append(edit("exp/001.yaml", "seed:   1", "seed:   one", safe=False))
        assert "no longer compose with exp=001" in str(mend(project, unsafe=True).dropped)

    def test_children_of_the_file_are_looked_at_too(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        files = {"exp/001.yaml": SET, "exp/002.yaml": "defaults:\n  - 001@_here_\n\nbatch_size: 8\n"}
        write(experiment, files)
        rule.append(edit("exp/001.yaml", "defaults:\n  - default@_here_\n", "defaults:\n  - local@_here_\n"))
        assert mend(project).dropped

    def test_one_bad_fix_does_not_stop_the_others(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        write(experiment, {"exp/001.yaml": SET, "exp/002.yaml": SET.replace("seed:   1", "seed: 2")})
        rule += [edit("train.py", "seed: int = 42", "seed: int = 43"), edit("exp/002.yaml", "5.0e-5", "1e-5")]
        rule.append(edit("env/local.yaml", "Qwen/Qwen3-4B", "Qwen/Qwen3-8B"))
        write(experiment, {"exp/003.yaml": "defaults:\n  - default@_here_\n\nbatch_size: 8\n"})
        fixed = mend(project)
        assert {path.name for path in fixed.dropped} == {"train.py"}
        assert {rewrite.path.name for rewrite in fixed.rewrites} == {"002.yaml", "local.yaml"}

    def test_unsafe_fixes_only_when_asked(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        """Nor beside a safe one; they come after it, and the proof is not asked of them."""
        rule += [
            edit("train.py", "seed: int = 42", "seed: int = 43", safe=False),
            edit("env/local.yaml", "Qwen/Qwen3-4B", "Qwen/Qwen3-8B"),
        ]
        assert [rewrite.path.name for rewrite in mend(project).rewrites] == ["local.yaml"]
        both = {rewrite.path.name: rewrite.after for rewrite in mend(project, unsafe=True).rewrites}
        assert "Qwen3-8B" in both["local.yaml"]
        assert "seed: int = 43" in both["train.py"]


class TestEdits:
    def test_overlapping_edits_are_done_one_after_the_other(
        self, project: Path, experiment: Path, rule: list[Finding]
    ) -> None:
        write(experiment, {"exp/001.yaml": SET})
        rule += [edit("exp/001.yaml", "seed:   1", "seed: 1"), edit("exp/001.yaml", ":   1", ": 11")]
        [rewrite] = mend(project).rewrites
        assert "seed: 1\n" in rewrite.after

    def test_fixes_that_undo_each_other_come_to_an_end(
        self, project: Path, experiment: Path, rule: list[Finding]
    ) -> None:
        write(experiment, {"exp/001.yaml": SET})
        rule += [edit("exp/001.yaml", "seed:   1", "seed: 1"), edit("exp/001.yaml", "seed: 1", "seed:   1")]
        fixed = mend(project)
        assert not fixed.rewrites
        assert "do not come to an end" in str(fixed.dropped)

    @pytest.mark.parametrize("bom", ["", "\ufeff"])
    def test_line_ends_bom_and_mode_stay(self, project: Path, experiment: Path, rule: list[Finding], bom: str) -> None:
        path = experiment / "exp/001.yaml"
        text = bom + SET.replace("\n", "\r\n")
        path.write_bytes(text.encode())
        path.chmod(0o640)
        rule.append(edit("exp/001.yaml", "seed:   1", "seed: 1\nbatch_size: 8"))
        fix.write(mend(project))
        assert path.read_bytes().decode() == text.replace("seed:   1", "seed: 1\r\nbatch_size: 8")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_a_config_folder_that_does_not_exist(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        train = PLAIN_EXPERIMENT["train.py"].replace('config_path="."', 'config_path="conf"')
        write(experiment, {"train.py": train})
        rule.append(edit("train.py", "seed: int = 42", "seed: int = 43"))
        assert [rewrite.path.name for rewrite in mend(project).rewrites] == ["train.py"]

    def test_a_link_stays_a_link(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        shared = write(project / "shared", {"lr.yaml": SET}) / "lr.yaml"
        (experiment / "exp/001.yaml").unlink()
        (experiment / "exp/001.yaml").symlink_to(shared)
        rule.append(edit("exp/001.yaml", "seed:   1", "seed: 3"))
        fix.write(mend(project))
        assert (experiment / "exp/001.yaml").is_symlink()
        assert "seed: 3" in shared.read_text("utf-8")

    def test_a_file_that_changed_meanwhile_is_left_alone(
        self, project: Path, experiment: Path, rule: list[Finding]
    ) -> None:
        write(experiment, {"exp/001.yaml": SET})
        rule.append(edit("exp/001.yaml", "seed:   1", "seed: 1"))
        fixed = mend(project)
        write(experiment, {"exp/001.yaml": SET + "batch_size: 8\n"})
        before = tree(project)
        with pytest.raises(CommandError, match="was changed while"):
            fix.write(fixed)
        assert tree(project) == before


class TestShared:
    """Files that several experiments use, of which one is mended."""

    def both(self, project: Path, experiment: Path) -> Path:
        second = project / "experiments/002-next"
        write(second, {name: text.replace("001-baseline", "002-next") for name, text in PLAIN_EXPERIMENT.items()})
        return second

    def mend_first(self, root: Path) -> fix.Fixed:
        project = Project(root.resolve())
        first = [project.experiment("001")]
        return fix.fix(project, first, check(project, first, codes={"ES998"}), codes={"ES998"})

    @pytest.mark.parametrize("whole_folder", [False, True])
    def test_what_others_make_of_it_is_proven_too(
        self, project: Path, experiment: Path, rule: list[Finding], whole_folder: bool
    ) -> None:
        """002's dataclass takes no 1.5 for a seed; 001's does."""
        second = self.both(project, experiment)
        train = (experiment / "train.py").read_text("utf-8").replace("seed: int", "seed: float")
        write(experiment, {"train.py": train, "exp/001.yaml": SET})
        (second / "exp/001.yaml").unlink()
        if whole_folder:
            (second / "exp").rmdir()
            (second / "exp").symlink_to(experiment / "exp")
        else:
            (second / "exp/001.yaml").symlink_to(experiment / "exp/001.yaml")
        rule.append(edit("exp/001.yaml", "seed:   1", "seed: 1.5"))
        fixed = self.mend_first(project)
        assert "no longer compose with exp=001" in str(fixed.dropped)
        assert not fixed.rewrites
        (second / "train.py").write_text(train.replace("001-baseline", "002-next"), "utf-8")
        for mended in (self.mend_first(project), mend(project)):
            assert [(rewrite.path, rewrite.new_path) for rewrite in mended.rewrites] == [
                (experiment / "exp/001.yaml", experiment / "exp/001.yaml")
            ]
        fix.write(mended)
        assert hydra(second / "train.py", "exp=001")["exp"]["seed"] == 1.5

    def test_a_link_that_leads_out_of_the_project_is_left(
        self, project: Path, experiment: Path, rule: list[Finding], tmp_path: Path
    ) -> None:
        outside = write(tmp_path / "outside", {"001.yaml": SET}) / "001.yaml"
        (experiment / "exp/001.yaml").unlink()
        (experiment / "exp/001.yaml").symlink_to(outside)
        rule.append(edit("exp/001.yaml", "seed:   1", "seed: 3"))
        fixed = mend(project)
        assert "outside of the project" in str(fixed.dropped)
        fix.write(fixed)
        assert outside.read_text("utf-8") == SET

    def test_a_read_only_file_is_left(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        write(experiment, {"exp/001.yaml": SET})
        (experiment / "exp/001.yaml").chmod(0o444)
        rule.append(edit("exp/001.yaml", "seed:   1", "seed: 3"))
        fixed = mend(project)
        assert "read-only" in str(fixed.dropped)
        assert not fixed.rewrites

    def test_a_link_is_not_renamed(self, project: Path, experiment: Path) -> None:
        write(project / "shared", {"lr.yml": SET})
        (experiment / "exp/002.yml").symlink_to(project / "shared/lr.yml")
        ran = run("validate.py", "--fix", cwd=project)
        assert "rename it yourself" in ran.err
        assert (experiment / "exp/002.yml").is_symlink()
        assert (project / "shared/lr.yml").exists()


class TestRename:
    def rename(self, name: str) -> Finding:
        place = Location(Path("exp/002.yml"))
        return Finding("ES998", "of-the-test", Severity.WARNING, place, "", None, (), True, name)

    def test_rename(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        write(experiment, {"exp/002.yml": SET})
        (experiment / "exp/002.yml").chmod(0o600)
        rule.append(self.rename("002.yaml"))
        fixed = mend(project)
        fix.write(fixed)
        assert not (experiment / "exp/002.yml").exists()
        assert (experiment / "exp/002.yaml").read_text("utf-8") == SET
        assert stat.S_IMODE((experiment / "exp/002.yaml").stat().st_mode) == 0o600

    def test_never_over_a_file(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        write(experiment, {"exp/002.yml": SET, "exp/002.yaml": SET + "batch_size: 8\n"})
        rule.append(self.rename("002.yaml"))
        before = tree(project)
        fixed = mend(project)
        assert "002.yaml exists already" in str(fixed.dropped)
        fix.write(fixed)
        assert tree(project) == before

    def test_a_name_that_is_taken_meanwhile(self, project: Path, experiment: Path, rule: list[Finding]) -> None:
        write(experiment, {"exp/002.yml": SET})
        rule.append(self.rename("002.yaml"))
        fixed = mend(project)
        write(experiment, {"exp/002.yaml": "mine: 1\n"})
        with pytest.raises(CommandError, match="exists already"):
            fix.write(fixed)
        assert (experiment / "exp/002.yaml").read_text("utf-8") == "mine: 1\n"


BROKEN = {
    "exp/002.yml": SET.replace("seed:   1", "seed: 2  # 二"),
    "exp/003.yaml": "# 三\nlearning_rate: 1e-4  # no parent\n",
    "exp/004.yaml": "defaults:\n  - default@_hear_\n\nbatch_size: 8  # 半分",
}


class TestCommand:
    """Real rules, from outside."""

    def test_fix_then_nothing_left(self, project: Path, experiment: Path, elsewhere: Path) -> None:
        write(experiment, BROKEN)
        assert run("validate.py", "--root", project, cwd=elsewhere).code == 1
        ran = run("validate.py", "--root", project, "--fix", cwd=elsewhere)
        assert ran.code == 0, ran.out
        assert "fixed 3 findings in 3 files" in ran.err
        assert "exp/004.yaml: ES102: write default@_here_" in ran.err
        for option, key, value in (("002", "seed", 2), ("003", "learning_rate", 1e-4), ("004", "batch_size", 8)):
            composed = hydra(experiment / "train.py", f"exp={option}")["exp"]
            assert composed[key] == value
            assert len(composed) == 8, "the whole dataclass"
        for remark in ("# 二", "# 三", "# no parent", "# 半分"):
            assert remark in "".join(path.read_text("utf-8") for path in (experiment / "exp").iterdir())
        after = tree(project)
        assert run("validate.py", "--root", project, "--fix", cwd=elsewhere).code == 0
        assert tree(project) == after

    def test_a_fix_that_rests_on_another_is_made_after_it(self, project: Path, experiment: Path) -> None:
        """The set that it inherits from takes two rounds to mend."""
        write(experiment, {"exp/001.yaml": "defaults:\n  -defa\n\nname: a\n"})
        write(experiment, {"exp/002.yaml": "daults:\n  - 001@_here_\n\nseed: 7\n"})
        assert run("validate.py", "--fix", "--unsafe", cwd=project).code == 0
        after = tree(project)
        config = hydra(experiment / "train.py", "exp=002")["exp"]
        assert (config["name"], config["seed"]) == ("a", 7)
        assert run("validate.py", "--fix", "--unsafe", cwd=project).code == 0
        assert tree(project) == after

    @pytest.mark.slow
    def test_diff_writes_nothing_and_is_what_fix_does(self, project: Path, experiment: Path, tmp_path: Path) -> None:
        write(experiment, BROKEN)
        before = tree(project)
        ran = run("validate.py", "--diff", cwd=project)
        assert ran.code == 1
        assert tree(project) == before
        assert "would fix 3 findings in 3 files" in ran.err
        other = tmp_path / "other"
        write(other / "experiments" / "001-baseline", PLAIN_EXPERIMENT | BROKEN)
        patch = tmp_path / "fix.patch"
        patch.write_text(ran.out, "utf-8")
        subprocess.run(["git", "init", "-q"], cwd=other, check=True)
        subprocess.run(["git", "apply", patch], cwd=other, check=True)
        run("validate.py", "--fix", cwd=project)
        patched = {name: text for name, text in tree(other).items() if not name.startswith(".git/")}
        assert patched == tree(project)

    def test_patch_takes_names_with_spaces(self, project: Path, experiment: Path) -> None:
        write(experiment, {"env/机 x.yaml": "base_model: x\n"})
        ran = run("validate.py", "--diff", cwd=project)
        subprocess.run(["patch", "-p1", "-s", "--binary"], cwd=project, input=ran.out.encode(), check=True)
        patched = (experiment / "env/机 x.yaml").read_bytes()
        assert patched == b"defaults:\n  - default@_here_\n\nbase_model: x\n"

    def test_diff_of_a_clean_project_is_empty(self, project: Path) -> None:
        ran = run("validate.py", "--diff", cwd=project)
        assert (ran.code, ran.out, ran.err) == (0, "", "")

    def test_what_a_diff_leaves_is_named_beside_it(self, project: Path, experiment: Path) -> None:
        write(
            experiment,
            {
                "exp/002.yaml": "defaults:\n  - default@_here_\n\nlerning_rate: 1e-4\n",
                "exp/004.yaml": BROKEN["exp/004.yaml"],
            },
        )
        ran = run("validate.py", "--diff", cwd=project)
        assert ran.code == 1
        left = [line for line in ran.err.splitlines() if line.startswith("left for you: ")]
        assert [line for line in left if "exp/002.yaml:4:1: error ES010 unknown key 'lerning_rate'" in line]
        assert not [line for line in left if "exp/004.yaml" in line]  # it is mended
        assert "lerning_rate" not in ran.out
        assert "exp/004.yaml" in ran.out

    @pytest.mark.slow
    def test_json(self, project: Path, experiment: Path) -> None:
        write(experiment, BROKEN)
        would = run("validate.py", "--diff", "--json", cwd=project).json
        assert {entry["path"].rpartition("/")[2] for entry in would["would_fix"]} == {"002.yml", "003.yaml", "004.yaml"}
        assert would["diff"] == run("validate.py", "--diff", cwd=project).out
        done = run("validate.py", "--fix", "--json", cwd=project).json
        assert done["fixed"] == would["would_fix"]
        assert done["summary"]["errors"] == 0

    def test_an_anchor_stays_and_what_an_alias_stands_for(self, project: Path, experiment: Path) -> None:
        """`name` is quoted behind its anchor; `notes` is left alone, since `epochs: *it` would change with it."""
        lines = "defaults:\n  - &list default@_hear_\n\nname: &name 010\nnotes: &it 012\nepochs: *it\n"
        write(experiment, {"exp/003.yaml": lines})
        run("validate.py", "--fix", cwd=project)
        mended = lines.replace("_hear_", "_here_").replace("010", '"010"')
        assert (experiment / "exp/003.yaml").read_text("utf-8") == mended
        composed = hydra(experiment / "train.py", "exp=003")["exp"]
        assert (composed["name"], composed["epochs"]) == ("010", 10)

    def test_the_key_is_mended_and_not_a_remark_that_names_it(self, project: Path, experiment: Path) -> None:
        write(experiment, {"exp/003.yaml": "# no defaults: here\ndefaults:  # 無\n\nseed: 3\n"})
        run("validate.py", "--fix", cwd=project)
        mended = "# no defaults: here\ndefaults:\n  - default@_here_  # 無\n\nseed: 3\n"
        assert (experiment / "exp/003.yaml").read_text("utf-8") == mended

    def test_what_an_unsafe_fix_does_is_said(self, project: Path, experiment: Path) -> None:
        choice = "  - override /env: local  # この機械\n"
        text = f"defaults:\n  - default@_here_\n{choice}\nseed: 3\n"
        write(experiment, {"exp/003.yaml": text})
        run("validate.py", "--fix", cwd=project)
        assert (experiment / "exp/003.yaml").read_text("utf-8") == text
        ran = run("validate.py", "--fix", "--unsafe", cwd=project)
        assert "exp/003.yaml: ES111 (unsafe): remove the entry and choose it for the run: exp=003 env=local" in ran.err
        mended = text.replace(choice, "  # この機械\n")
        assert (experiment / "exp/003.yaml").read_text("utf-8") == mended

    def test_only_selected_rules_are_fixed(self, project: Path, experiment: Path) -> None:
        write(experiment, BROKEN)
        run("validate.py", "--fix", "--select", "ES101", cwd=project)
        assert (experiment / "exp/002.yml").exists()
        assert "default@_here_" in (experiment / "exp/003.yaml").read_text("utf-8")

    def test_silenced_findings_are_not_fixed(self, project: Path, experiment: Path) -> None:
        text = "# noqa-file: ES101\nlearning_rate: 1e-4\n"
        write(experiment, {"exp/003.yaml": text})
        run("validate.py", "--fix", cwd=project)
        assert (experiment / "exp/003.yaml").read_text("utf-8") == text

    @pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
    def test_a_folder_that_may_not_be_written(self, project: Path, experiment: Path) -> None:
        write(experiment, BROKEN)
        (experiment / "exp").chmod(0o555)
        ran = as_anybody("validate.py", "--fix", cwd=project)
        (experiment / "exp").chmod(0o755)
        assert ran.code == 2
        assert "no permission" in ran.err


@pytest.mark.parametrize(("value", "fits"), [("5.0e-5", True), ("abc", False), ("[1]", False)])
def test_what_would_not_compose_is_not_offered(project: Path, experiment: Path, value: str, fits: bool) -> None:
    """A file without its schema takes anything; with the schema Hydra refuses the value, which is named instead."""
    write(experiment, {"exp/001.yaml": f"name: 001-x\nlearning_rat: {value}\n"})
    found = [f for f in run("validate.py", "--json", cwd=project).json["findings"] if f["code"] == "ES101"]
    assert [finding["fixable"] for finding in found] == [fits]
    assert ("exp.learning_rate" in found[0]["help"]) is not fits
    if fits:
        assert run("validate.py", "--fix", "--unsafe", cwd=project).code == 0
        assert hydra(experiment / "train.py", "exp=001")["exp"]["learning_rate"] == 5e-5
