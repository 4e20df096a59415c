"""What the real Hydra said to hundreds of small experiments (data/hydra-cases.jsonl), against check and compose.

Each case is an experiment with the answers of `python train.py --cfg job ARGUMENTS` (hydra-core 1.3.8) and, where the
experiment is a mistake, the kind of it: Hydra fails (loud, traceback), takes it in silence, or fails late.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import hydra
import pytest
from omegaconf import OmegaConf

from experiment_setup import schema
from experiment_setup.checking.check import Result, check
from experiment_setup.composing import compose
from experiment_setup.findings import Severity
from experiment_setup.project import Project
from running import run, write

CASES = {
    case["case"]: case
    for case in map(json.loads, (Path(__file__).parent / "data" / "hydra-cases.jsonl").read_text("utf-8").splitlines())
}
# It fails only where a module that train.py imports is not installed; which are, only the project's Python knows.
NEEDS_THE_INTERPRETER = {"x_train_missing_import"}

# The mistake is typed on the command line or lies in where that is typed: the files of these cases are right.
NOT_IN_THE_FILES = {
    "f_hidden": "exp=.001, where exp/.001.yaml is a hidden file",
    "l_exp_prefix": "~exp",
    "l_fold": "exp.fold=[[0],[1]]",
    "l_exp_sweep_nomulti": "exp=001,002 without -m",
    "l_plus_typo": "+exp.learning_rte=1e-3",
    "f_exp_dir_missing": "exp=001, where there is no parameter set",
    "x_merge_list": "a list is replaced by the list that a parameter set gives, which is what it says",
}
# Hydra composes these, and the facts name no mistake: they were written to see what happens. They are mistakes.
MISTAKES_WITHOUT_A_NAME = {
    "f_subdir_dotdot": "ES014",  # nobody asked for exp=sub/001, which Hydra refuses
    "d_env_no_here": "ES101",  # an environment without default@_here_ loses the other fields
    "p_MISSING_access": "ES337",  # train.py reads a field that has no value
    "p_set_new_attr": "ES331",  # train.py sets a field that is not declared
    "x_remove_field_noschema": "ES101",  # no default@_here_
    "y_dollar_brace": "ES012",  # ${foo}: there is no foo
    "y_interp_eval": "ES012",  # ${eval:1+1}: there is no such resolver
    "y_interp_self": "ES012",  # name: ${exp.name}
    "y_missing_str": "ES211",  # name: ??? changes nothing
    "y_null_doc": "ES101",  # an empty document loses all fields
    "z_dangling_default_at_here_order": "ES107",  # default after the parent resets it
    "z_schema_expdefaults": "ES304",  # Config(exp=ExpConfig(seed=999)) next to exp/default
    "z_schema_missing_field": "ES337",  # a required field without a value
}
# The case has only one of the two experiments that share an output folder.
COPIED = "x_two_experiments_output"


# Where hydra-core 1.4 answers otherwise: it takes a tab after a value and a file in place of a stored config (of
# the primary one, too), refuses `chdir: null` and ${oc.env:…} in a defaults list, and wants version_base left out.
OTHERWISE_ON_1_4 = {
    "y_tab_trailing",
    "y_tab_value",
    "c_env_oc",
    "c_config_store_same_name",
    "f_config_named_default",
    "x_chdir_null",
    "p_version_missing",
}
if not hydra.__version__.startswith("1.3"):
    CASES = {name: case for name, case in CASES.items() if name not in OTHERWISE_ON_1_4}


def refuses(answer: Any) -> bool:
    """Whether Hydra fails for another reason than that the defaults list asks for a choice (`- exp: ???`)."""
    return answer["rc"] != 0 and not str(answer["error"]).startswith("You must specify ")


FAILING = [
    name
    for name, case in CASES.items()
    if any(map(refuses, case["hydra"].values())) and name not in {*NEEDS_THE_INTERPRETER, *NOT_IN_THE_FILES}
]
FAULTS = [
    name
    for name, case in CASES.items()
    if name in MISTAKES_WITHOUT_A_NAME or (case["kind"] not in (None, "ok") and name not in NOT_IN_THE_FILES)
]
RIGHT = [name for name in CASES if name not in {*FAILING, *FAULTS}]
COMPOSING = [name for name, case in CASES.items() if any(answer["rc"] == 0 for answer in case["hydra"].values())]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """case -> (project, result), each checked once."""

    @cache
    def result(name: str) -> tuple[Project, Result]:
        root = tmp_path_factory.mktemp("case").resolve()
        for folder in ("001-baseline", *(["002-copy"] if name == COPIED else [])):
            write(root / "experiments" / folder, CASES[name]["files"])
        project = Project(root)
        return project, check(project, project.experiments)

    return result


def test_the_data_has_all_kinds() -> None:
    assert len(FAILING) > 100
    assert len(FAULTS) > 100
    assert len(RIGHT) > 100
    assert len(COMPOSING) > 200


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_in_hydra_is_an_error(name: str, checked: Any) -> None:
    _, result = checked(name)
    assert result.count(Severity.ERROR), CASES[name]["mistake"] or CASES[name]["note"]


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_at_least_a_warning(name: str, checked: Any) -> None:
    _, result = checked(name)
    assert result.fails(strict=True), CASES[name]["mistake"] or CASES[name]["note"]


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_has_no_error(name: str, checked: Any) -> None:
    _, result = checked(name)
    assert not [finding for finding in result.findings if finding.severity is Severity.ERROR]


@pytest.mark.parametrize("name", MISTAKES_WITHOUT_A_NAME)
def test_what_the_facts_do_not_call_a_mistake_has_one_error(name: str, checked: Any) -> None:
    _, result = checked(name)
    errors = {finding.code for finding in result.findings if finding.severity is Severity.ERROR}
    assert errors == {MISTAKES_WITHOUT_A_NAME[name]}


@pytest.mark.parametrize("name", sorted(NEEDS_THE_INTERPRETER))
def test_a_module_that_is_not_installed_is_seen_by_the_interpreter(name: str, tmp_path: Path) -> None:
    write(tmp_path / "experiments" / "001-baseline", CASES[name]["files"])
    assert run("validate.py", cwd=tmp_path).code == 0, "the module may well be installed where it runs"
    asked = run("validate.py", "--python", sys.executable, "--json", cwd=tmp_path)
    assert asked.code == 1
    assert "not_there_lib" in json.dumps(asked.json["findings"])


@pytest.mark.parametrize("name", COMPOSING)
def test_composes_to_what_hydra_composes(name: str, checked: Any) -> None:
    project, _ = checked(name)
    experiment = project.experiments[0]
    read = schema.read(experiment.entry, project.root) if experiment.entry else schema.empty(experiment.config_file)
    composer = compose.Composer(experiment, read, project.root)
    for arguments, answer in CASES[name]["hydra"].items():
        if answer["rc"] == 0 and not cannot_be_said_in_choices(arguments):
            composed = composer.compose(choices(arguments))
            assert composed.failure is None, f"{arguments}: {composed.failure}"
            got = plain(OmegaConf.to_container(OmegaConf.create(OmegaConf.to_yaml(composed.config))))
            assert got == plain(expected(answer["config"])), arguments


def cannot_be_said_in_choices(arguments: str) -> bool:
    """An option whose name has a space cannot be told from two arguments in the data."""
    return any("=" not in word for word in arguments.split())


def choices(arguments: str) -> dict[str, str]:
    pairs = (word.partition("=") for word in arguments.split())
    return {group: option.strip("'\"") for group, _, option in pairs}


def expected(config: Any) -> Any:
    """The config that Hydra printed; `unparsed` where train.py printed something before or after it."""
    if set(config) != {"unparsed"}:
        return config
    lines = config["unparsed"].splitlines()
    start = next(number for number, line in enumerate(lines) if line.endswith(":"))
    end = next((n for n, line in enumerate(lines) if n > start and (line == lines[start] or not is_yaml(line))), None)
    return OmegaConf.to_container(OmegaConf.create("\n".join(lines[start:end])))


def is_yaml(line: str) -> bool:
    return line.startswith((" ", "-")) or line.partition(":")[1] == ":"


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and value != value:
        return "nan"
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
