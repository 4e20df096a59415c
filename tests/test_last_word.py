"""What a writing command says of what it made: mentions, configs in every environment, findings; Hydra is the judge."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hydra as hydra_core
import pytest
from omegaconf import OmegaConf

from running import hydra, run, tree, write

pytestmark = pytest.mark.any_hydra

OWN_FOLDERS = {"output_dir": "output/001-baseline/${exp.name}", "model_output_dir": "output/models/${exp.name}"}


def apart(experiment: Path) -> None:
    """Let each parameter set write to a folder of its own, in every environment."""
    text = (experiment / "train.py").read_text()
    text = text.replace('"output/001-baseline"', f'"{OWN_FOLDERS["output_dir"]}"')
    text = text.replace('"/workspace/output/001-baseline"', f'"{OWN_FOLDERS["model_output_dir"]}"')
    write(experiment, {"train.py": text, "env/local.yaml": "defaults:\n  - default@_here_\n\nbase_model: x\n"})


def assert_as_hydra(configs: dict[str, Any], entry: Path) -> None:
    """Each config is what Hydra composes for the words that name it."""
    for words, config in configs.items():
        assert config == hydra(entry, *words.split()), words


def codes(answer: Any) -> set[str]:
    return {finding["code"] for finding in answer["checked"]["findings"]}


def test_new_sets_are_shown_in_every_environment(project: Path, experiment: Path, elsewhere: Path) -> None:
    apart(experiment)
    ran = run("add_exp.py", "001", "seed=7,8", "--json", "--root", project, cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert list(ran.json["configs"]) == ["exp=002", "exp=002 env=local", "exp=003", "exp=003 env=local"]
    assert_as_hydra(ran.json["configs"], experiment / "train.py")
    assert ran.json["checked"] == {"composed": 4, "findings": [], "elsewhere": [], "refused": {}}


def test_people_see_one_config_whole_and_of_the_others_what_differs(
    project: Path, experiment: Path, elsewhere: Path
) -> None:
    apart(experiment)
    out = run("add_exp.py", "001", "seed=7,8", "--root", project, cwd=elsewhere).out
    assert out.count("  batch_size: 16\n") == 1
    assert "# exp=002 env=local: as exp=002, but\nenv.base_model: x\n" in out
    assert "# exp=003: as exp=002, but\nexp.name: 003-seed-8\nexp.seed: 8\n" in out
    assert "exp=003 env=local: " not in out  # it changes the same for every set
    how = f"composed as hydra-core {hydra_core.__version__} does, running neither the code nor its imports"
    each = "exp=002, exp=002 env=local, exp=003, exp=003 env=local"
    assert f"\nchecked: {each} {how}: nothing found\n" in out
    more = run("add_exp.py", "001", "seed=9,10,11", "--root", project, cwd=elsewhere).out
    assert f"\nchecked: 6 combinations, exp=004 to exp=006 env=local, {how}: nothing found\n" in more


def test_what_the_new_values_replace_and_what_other_sets_have_is_told(
    project: Path, experiment: Path, elsewhere: Path
) -> None:
    first = run("add_exp.py", "001", "learning_rate=3e-4", "--root", project, cwd=elsewhere)
    default = hydra(experiment / "train.py")["exp"]
    [words] = re.findall(r"^# without exp=002, (.*)$", first.out, re.MULTILINE)
    assert OmegaConf.create(f"{{{words}}}") == {f"exp.{key}": default[key] for key in ("name", "learning_rate")}
    second = run("add_exp.py", "001", "seed=7", "--root", project, cwd=elsewhere)
    [others] = re.findall(r"^built on the defaults, not on (.*); --from NAME builds on one$", second.out, re.MULTILINE)
    assert others.split(" or ")[-1] == "002 (learning_rate=0.0003)"
    third = run("add_exp.py", "001", "seed=8", "--from", "002", "--root", project, cwd=elsewhere)
    assert "built on the defaults" not in third.out
    [words] = re.findall(r"^# exp=002 has (.*)$", third.out, re.MULTILINE)
    parent = hydra(experiment / "train.py", "exp=002")["exp"]
    assert OmegaConf.create(f"{{{words}}}") == {f"exp.{key}": parent[key] for key in ("name", "seed")}


def test_what_is_there_already_is_shown_as_well(project: Path, experiment: Path, elsewhere: Path) -> None:
    apart(experiment)
    ran = run("add_exp.py", "001", "learning_rate=5e-5", "--json", "--root", project, cwd=elsewhere)
    assert list(ran.json["configs"]) == ["exp=001", "exp=001 env=local"]
    assert_as_hydra(ran.json["configs"], experiment / "train.py")


def test_an_environment_is_shown_with_a_set(project: Path, experiment: Path, elsewhere: Path) -> None:
    ran = run("add_env.py", "001", "cloud", "base_model=m", "--json", "--root", project, cwd=elsewhere)
    assert ran.code == 0, ran.err
    assert list(ran.json["configs"]) == ["exp=001", "exp=001 env=cloud"]
    assert_as_hydra(ran.json["configs"], experiment / "train.py")


def test_every_set_is_composed_in_a_new_environment(project: Path, experiment: Path, elsewhere: Path) -> None:
    apart(experiment)
    here = "defaults:\n  - default@_here_\n\n"
    write(experiment, {"exp/002.yaml": f"{here}seed: 7\n", "exp/003.yaml": f"{here}sed: 7\n"})
    ran = run("add_env.py", "001", "cloud", "base_model=m", "--json", "--root", project, cwd=elsewhere)
    assert ran.code == 0, ran.err  # what failed before is not its fault
    assert list(ran.json["configs"]) == ["exp=001", "exp=001 env=cloud", "exp=002", "exp=002 env=cloud"]
    assert_as_hydra(ran.json["configs"], experiment / "train.py")
    errors = [found["path"] for found in ran.json["checked"]["elsewhere"] if found["severity"] == "error"]
    assert errors == ["experiments/001-baseline/exp/003.yaml"]
    out = run("add_env.py", "001", "lab", "base_model=m", "--root", project, cwd=elsewhere).out
    assert re.findall(r"^# (.*)$", out, re.MULTILINE) == ["the config of exp=001", "exp=001 env=lab: as exp=001, but"]


@pytest.mark.parametrize("key", ["base_model", "base_modl"])
def test_what_a_copy_has_from_its_source_is_told_apart(
    key: str, project: Path, experiment: Path, elsewhere: Path
) -> None:
    write(experiment, {"env/local.yaml": f"defaults:\n  - default@_here_\n\n{key}: None\n"})
    ran = run("new_experiment.py", "next", "seed=7", "--dry-run", "--root", project, cwd=elsewhere)
    own, _, inherited = ran.out.partition("the same in experiments/001-baseline: ")
    if key == "base_model":
        assert ran.code == 0, ran.err
        assert "experiments/002-next/env/local.yaml:4:13: warning ES204" in inherited
        assert "ES204" not in own
    else:  # an error is never only mentioned
        assert ran.code == 1
        assert "experiments/002-next/env/local.yaml:4:1: error ES010" in own


@pytest.mark.parametrize("there", [True, False])
def test_a_combination_that_does_not_compose_is_no_success(
    there: bool, project: Path, experiment: Path, elsewhere: Path
) -> None:
    """The set itself is right, and stays; what is wrong is said with its place."""
    apart(experiment)
    field = "base_model" if there else "base_modl"
    write(experiment, {"env/broken.yaml": f"defaults:\n  - default@_here_\n\n{field}: x\n"})
    ran = run("add_exp.py", "001", "seed=7", "--json", "--root", project, cwd=elsewhere)
    assert (experiment / "exp/002.yaml").is_file()
    assert (ran.code, list(ran.json["checked"]["refused"])) == ((0, []) if there else (1, ["exp=002 env=broken"]))
    places = [(finding["path"], finding["line"]) for finding in ran.json["checked"]["findings"]]
    assert places == ([] if there else [("experiments/001-baseline/env/broken.yaml", 4)])


@pytest.mark.parametrize("shared", [True, False])
def test_sets_that_write_over_each_other_are_found(
    shared: bool, project: Path, experiment: Path, elsewhere: Path
) -> None:
    if not shared:
        apart(experiment)
    ran = run("add_exp.py", "001", "seed=7", "--json", "--root", project, cwd=elsewhere)
    assert bool(codes(ran.json)) is shared
    assert ran.code == 0


def test_what_is_wrong_elsewhere_is_counted_alone(project: Path, experiment: Path, elsewhere: Path) -> None:
    apart(experiment)
    twin = 'defaults:\n  - default@_here_\n\nname: "002-x"\nlearning_rate: 5.0e-5\n'
    write(experiment, {"exp/002.yaml": twin})
    ran = run("add_exp.py", "001", "seed=7", "--root", project, cwd=elsewhere)
    where = "../my project/experiments/001-baseline/exp/002.yaml:1"
    said = "nothing found\nthere before, and left as it is: 1 warning\n"
    assert f"{said}  {where}:1: warning ES511 " in ran.out, ran.out


def test_a_new_experiment_is_shown_with_each_mention_that_was_renamed(
    project: Path, experiment: Path, elsewhere: Path
) -> None:
    """Also a docstring's, which nothing acts on: that it reads as nonsense now is seen at once."""
    text = (experiment / "train.py").read_text().replace('"""Train 001-baseline."""', '"""Baseline: 001-baseline."""')
    write(experiment, {"train.py": text})
    ran = run("new_experiment.py", "larger", "--root", project, "--field", "dropout=0.1", "seed=7", cwd=elsewhere)
    assert ran.code == 0, ran.err
    made = project / "experiments/002-larger"
    assert 'renamed train.py:1  001-baseline -> 002-larger   in  """Baseline: 002-larger."""\n' in ran.out
    lines = (made / "train.py").read_text().splitlines()
    renamed = [line.split()[1:] for line in ran.out.splitlines() if line.startswith("renamed train.py:")]
    named = {number for number, line in enumerate(lines, 1) if "002-larger" in line}
    assert {int(words[0].rpartition(":")[2]) for words in renamed} == named  # as they are numbered now


def test_a_new_experiments_configs_are_hydras(project: Path, experiment: Path, elsewhere: Path) -> None:
    """Also where the code makes a value of its own place."""
    text = (
        (experiment / "train.py").read_text().replace("import hydra\n", "from pathlib import Path\nimport hydra\n", 1)
    )
    text = text.replace('"output/001-baseline"', 'str(Path(__file__).parent / "out")')
    write(experiment, {"train.py": text})
    ran = run("new_experiment.py", "larger", "--root", project, "seed=7", "--json", cwd=elsewhere)
    assert list(ran.json["configs"]) == ["exp=001", "exp=001 env=local"]
    entry = project / "experiments/002-larger/train.py"
    assert ran.json["configs"]["exp=001"]["env"]["output_dir"] == str(entry.parent / "out")
    assert_as_hydra(ran.json["configs"], entry)
    for mention in ran.json["renamed"]:
        line = (project / mention["path"]).read_text().splitlines()[mention["line"] - 1]
        assert mention["new"] in line
        assert line.strip() == mention["text"]


@pytest.mark.parametrize("folder", ["output/shared", "output/001-baseline"])
def test_a_copy_that_writes_where_its_original_does_is_told(
    folder: str, project: Path, experiment: Path, elsewhere: Path
) -> None:
    write(experiment, {"env/local.yaml": f"defaults:\n  - default@_here_\n\nmodel_output_dir: {folder}\n"})
    ran = run("new_experiment.py", "larger", "--root", project, "--json", cwd=elsewhere)
    found = [finding["path"] for finding in ran.json["checked"]["findings"] if finding["code"] == "ES505"]
    assert found == (["experiments/002-larger/env/local.yaml"] if folder == "output/shared" else [])


def test_a_dry_run_proves_the_same_and_leaves_nothing(project: Path, experiment: Path, elsewhere: Path) -> None:
    before = tree(project)
    for words in (["add_exp.py", "001", "seed=7"], ["new_experiment.py", "larger", "seed=7"]):
        tried = run(*words, "--dry-run", "--json", "--root", project, cwd=elsewhere)
        assert tree(project) == before
        made = run(*words, "--json", "--root", project, cwd=elsewhere)
        assert (tried.json["configs"], tried.json["checked"]) == (made.json["configs"], made.json["checked"])
        assert (tried.json["next"], bool(made.json["next"])) == ([], True)
        before = tree(project)


@pytest.mark.parametrize("read", [True, False])
def test_a_value_that_no_code_reads_is_told(read: bool, project: Path, experiment: Path, elsewhere: Path) -> None:
    fields = "exp.seed exp.learning_rate exp.batch_size exp.epochs exp.debug exp.fold env.output_dir".split()
    fields += ["env.model_output_dir"] + ["env.base_model"] * read
    text = (experiment / "train.py").read_text()
    text = text.replace("{cfg.exp.name}", " ".join(f"{{cfg.{field}}}" for field in ["exp.name", *fields]))
    write(experiment, {"train.py": text})
    (experiment / "env/local.yaml").unlink()
    ran = run("add_env.py", "001", "cloud", "base_model=x", "output_dir=y", "--json", "--root", project, cwd=elsewhere)
    told = [finding["message"] for finding in ran.json["checked"]["findings"]]
    assert told == ([] if read else ["nothing reads env.base_model, which env/cloud sets in vain"])
