"""export_schema.py: schemas that refuse nothing that OmegaConf takes, and what makes editors use them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup.checking.check import check, context_of
from experiment_setup.composing.compose import Composer
from experiment_setup.facts import editor_schema
from experiment_setup.facts.editor_schema import EditorSchema
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Severity
from experiment_setup.project import Project
from generate import generate
from language_server import LanguageServer
from running import hydra, run, tree, write

pytestmark = pytest.mark.any_hydra

_HEAD = """\
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union
import hydra
from hydra.core.config_store import ConfigStore

class Color(Enum):
    RED = 1
    BLUE = 2

@dataclass
class Opt:
    lr: float = 0.1  # of a step
    inner: Optional[Any] = None

@dataclass
class Adam(Opt):
    beta: float = 0.9
"""
_TAIL = """
cs = ConfigStore.instance()
cs.store(group="exp", name="default", node=ExpConfig)

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg): ...

if __name__ == "__main__":
    main()
"""
_CONFIG = "defaults:\n  - _self_\n  - exp: default\n"
_TYPES = """\
int = 1 ¦ Optional[int] = None ¦ float = 0.5 ¦ bool = True ¦ Optional[bool] = None ¦ str = "a" ¦ Optional[str] = None ¦
Path = Path("a") ¦ Color = Color.RED ¦ Optional[Color] = None ¦ Any = None ¦ Union[int, str] = 1 ¦
List[int] = field(default_factory=lambda: [1]) ¦ Optional[Union[bool, float]] = None ¦ Optional[List[str]] = None ¦
Dict[str, int] = field(default_factory=dict) ¦ Dict[str, Opt] = field(default_factory=dict) ¦
List[Opt] = field(default_factory=list) ¦ Opt = field(default_factory=Opt) ¦ Optional[Opt] = None ¦
Opt = field(default_factory=Adam) ¦ List[List[int]] = field(default_factory=list) ¦ Tuple[int, ...] = (1, 2) ¦
Dict[Color, Optional[float]] = field(default_factory=dict) ¦ list = field(default_factory=list)
"""
_VALUES = """\
1 ¦ -1 ¦ 1_000 ¦ "10" ¦ 0x1F ¦ 010 ¦ 1:30 ¦ 1.5 ¦ 1e-5 ¦ "1e-5" ¦ .5 ¦ .inf ¦ -.inf ¦ .nan ¦ nan ¦ 0 ¦ 3 ¦ yes ¦ on ¦
true ¦ "true" ¦ off ¦ null ¦ ~ ¦ ??? ¦ "" ¦ abc ¦ RED ¦ Color.BLUE ¦ GREEN ¦ ${exp.name} ¦ a-${exp.name} ¦ 日本語 ¦
2024-01-01 ¦ [] ¦ [1] ¦ [1, "2"] ¦ [a] ¦ [null] ¦ [[1]] ¦ ["${exp.name}"] ¦ {} ¦ {a: 1} ¦ {a: x} ¦ {lr: 1} ¦ {lr: x} ¦
{ir: 1} ¦ {beta: 0.5} ¦ {a: {lr: 1}} ¦ {a: {ir: 1}} ¦ [{lr: 1}] ¦ [{ir: 1}] ¦ {RED: 1} ¦ {RED: null}
"""


def context(root: Path) -> ExperimentContext:
    project = Project.locate(root)
    return context_of(project, project.experiments[0], Composer)


def validator(known: EditorSchema) -> Draft7Validator:
    Draft7Validator.check_schema(known.content)
    return Draft7Validator(known.content)


def each(text: str) -> list[str]:
    return [part.strip() for part in text.split("¦")]


_WRONG = {  # what an editor underlines, as OmegaConf refuses it
    "int = 1": "abc ¦ 1.5 ¦ [1] ¦ {} ¦ true ¦ null",
    "float = 0.5": "abc ¦ 1e-5x ¦ [1] ¦ true ¦ null",
    "bool = True": "abc ¦ 1.5 ¦ []",
    'str = "a"': "[a] ¦ {a: 1} ¦ null",
    'Path = Path("a")': "1 ¦ true ¦ [a]",
    "Color = Color.RED": "GREEN ¦ 1.5 ¦ [RED] ¦ null",
    "Union[int, str] = 1": "[1] ¦ 1.5",
    "List[int] = field(default_factory=lambda: [1])": "1 ¦ abc ¦ [a] ¦ {a: 1}",
    "Dict[str, int] = field(default_factory=dict)": "[1] ¦ {a: x} ¦ abc",
    "Dict[str, Opt] = field(default_factory=dict)": "{a: {ir: 1}} ¦ {a: {lr: x}}",
    "List[Opt] = field(default_factory=list)": "[{ir: 1}] ¦ {lr: 1}",
    "Opt = field(default_factory=Opt)": "{ir: 1} ¦ {lr: x} ¦ abc ¦ null",
    "Optional[Opt] = None": "{ir: 1} ¦ {lr: x}",
    "List[List[int]] = field(default_factory=list)": "[1] ¦ [[a]]",
}


@pytest.fixture(scope="module")
def of_types(tmp_path_factory: pytest.TempPathFactory) -> ExperimentContext:
    """An experiment with a field of each type, `f0` and on."""
    fields = "".join(f"    f{number}: {kind}\n" for number, kind in enumerate(each(_TYPES)))
    entry = f'{_HEAD}\n@dataclass\nclass ExpConfig:\n    name: str = "n"\n{fields}{_TAIL}'
    root = tmp_path_factory.mktemp("types")
    write(root / "experiments/001-x", {"train.py": entry, "config.yaml": _CONFIG})
    return context(root)


def taken(one: ExperimentContext, content: Any) -> bool:
    """Whether OmegaConf merges it into the dataclass."""
    config = one.compositions.at().config
    assert config is not None
    try:
        OmegaConf.merge(config.exp, content)
    except (OmegaConfBaseException, TypeError):  # of OmegaConf 2.4: a list for a tuple
        return False
    return True


def read(number: int, value: str) -> Any:
    return OmegaConf.to_container(OmegaConf.create(f"f{number}: {value}"), resolve=False)


@pytest.mark.slow
def test_a_schema_takes_whatever_omegaconf_takes(of_types: ExperimentContext) -> None:
    [known], _ = editor_schema.schemas(of_types)
    schema, count = validator(known), 0
    for number, kind in enumerate(each(_TYPES)):
        for value in each(_VALUES):
            content = read(number, value)
            if kind.startswith(("List[int]", "Optional[List", "Tuple")) and value.startswith(("[[", "[{")):
                continue  # OmegaConf looks at no list and no mapping in a list of numbers: underlined all the same
            if taken(of_types, content):
                assert schema.is_valid(content), (kind, value)
                count += 1
    assert count > 300


def test_a_schema_refuses_what_is_plainly_wrong(of_types: ExperimentContext) -> None:
    [known], _ = editor_schema.schemas(of_types)
    schema = validator(known)
    for kind, values in _WRONG.items():
        for value in each(values):
            content = read(each(_TYPES).index(kind), value)
            assert not taken(of_types, content), (kind, value)
            assert not schema.is_valid(content), (kind, value)
    assert not schema.is_valid({"nmae": "x"})


def generated(first: int, count: int, root: Path) -> Iterator[tuple[EditorSchema, Path, Any]]:
    """The option files of random experiments that compose and that validate has no error for, with their content."""
    for seed in range(first, first + count):
        write(root / f"p{seed}" / "experiments/001-x", generate(seed).files)
        project = Project.locate(root / f"p{seed}")
        for experiment in project.experiments:
            wrong = {f.location.path for f in check(project, [experiment]).findings if f.severity is Severity.ERROR}
            one = context_of(project, experiment, Composer)
            for known in editor_schema.schemas(one)[0]:
                for option in known.options:
                    if option.path not in wrong and one.compositions.of_option(option).config is not None:
                        yield known, option.path, option.document.data or {}


@pytest.mark.slow
def test_a_schema_refuses_no_file_that_validate_passes(tmp_path: Path) -> None:
    count = 0
    for known, path, content in generated(900, 15, tmp_path):
        schema = validator(known)
        assert schema.is_valid(content), (path, schema.validate(content))
        assert not schema.is_valid({**content, "zzq": 1})
        count += 1
    assert count > 8


# -- the command -------------------------------------------------------------------------------------------------------


def export(project: Path, *words: str) -> Any:
    ran = run("export_schema.py", "--root", project, "--json", *words, cwd=project.parent)
    assert ran.code == 0, ran.err
    return ran.json


def test_it_writes_schemas_and_settings_once(project: Path) -> None:
    before = tree(project)
    assert export(project, "--dry-run")["created"] == [
        "experiments/001-baseline/env.schema.json",
        "experiments/001-baseline/exp.schema.json",
        ".vscode/settings.json",
    ]
    assert tree(project) == before
    made = export(project)
    assert before.items() <= tree(project).items()
    assert json.loads((project / ".vscode/settings.json").read_text()) == made["settings"]
    for name in made["schemas"]:
        Draft7Validator.check_schema(json.loads((project / name["path"]).read_text("utf-8")))
    after = tree(project)
    again = export(project)
    assert (again["created"], again["changed"], tree(project)) == ([], [], after)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"a": [1,  2]}', True),
        ("{}", True),
        ('{\n    "a": 1,\n    "yaml.schemas": {\n        "./my.json": "my/*.yaml"\n    }\n}\n', True),
        ('{"x": "\\"yaml.schemas\\": {", "yaml.schemas": {}}', True),
        ('{\n  // mine\n  "a": 1,\n}\n', False),
        ('{"yaml.schemas": {"./experiments/001-baseline/exp.schema.json": "other/*.yaml"}}', True),
        ('{"yaml.schemas": []}', False),
    ],
)
def test_settings_are_added_to_and_never_changed(project: Path, text: str, kept: bool) -> None:
    settings = project / ".vscode/settings.json"
    write(project, {".vscode/settings.json": text})
    made = export(project)
    after = settings.read_text()
    if not kept:
        assert after == text
        assert made["to_do"] == made["settings"]
        return
    old, new = json.loads(text), json.loads(after)
    left = made["to_do"].get("yaml.schemas", {})
    assert new == {**old, "yaml.schemas": {**made["settings"]["yaml.schemas"], **old.get("yaml.schemas", {})}}
    assert left.keys() <= old.get("yaml.schemas", {}).keys()
    assert text.partition("\n")[0].rstrip("}") in after
    assert export(project)["changed"] == []


def test_what_others_wrote_stays(project: Path, experiment: Path) -> None:
    write(experiment, {"exp.schema.json": "{}"})
    before = tree(project)
    ran = run("export_schema.py", "001", cwd=project)
    assert ran.code == 2
    assert "mv experiments/001-baseline/exp.schema.json" in ran.err
    assert tree(project) == before


def test_modelines_change_no_config(project: Path, experiment: Path) -> None:
    plain = (experiment / "exp/001.yaml").read_text()
    write(
        experiment,
        {
            "exp/002.yaml": f"# @package exp\n{plain}",
            "exp/003.yaml": ("\ufeff" + plain.replace("\n", "\r\n")).encode(),
            "exp/004.yaml": f"# yaml-language-server: $schema=../mine.json\n{plain}",
        },
    )
    names = ["001", "002", "003", "004"]
    before = [hydra(experiment / "train.py", f"exp='{name}'") for name in names]
    made = export(project, "--modeline")
    assert [hydra(experiment / "train.py", f"exp='{name}'") for name in names] == before
    comment = "# yaml-language-server: $schema=../exp.schema.json"
    heads = [(experiment / f"exp/{name}.yaml").read_bytes().decode().splitlines()[:2] for name in names]
    assert heads[0][0] == comment
    assert heads[1] == ["# @package exp", comment]
    assert heads[2][0] == f"\ufeff{comment}"
    assert comment not in heads[3]
    assert [words for words in made["notes"] if "004.yaml names another schema" in words]
    after = tree(project)
    assert export(project, "--modeline")["changed"] == []
    assert tree(project) == after


def test_files_written_from_the_root_have_a_schema_of_the_root(experiment: Path, project: Path) -> None:
    entry, config = ((experiment / name).read_text() for name in ("train.py", "config.yaml"))
    stored = 'cs.store(name="config_schema", node=Config)\ncs.store(group="exp"'
    write(
        experiment,
        {
            "train.py": entry.replace('cs.store(group="exp"', stored),
            "config.yaml": config.replace("- _self_", "- config_schema\n  - _self_"),
            "exp/002.yaml": "# @package _global_\nexp:\n  learning_rate: 1e-4\n",
        },
    )
    made = export(project)
    [at_root] = [known for known in made["schemas"] if known["path"].endswith("exp.root.schema.json")]
    assert at_root["files"] == ["experiments/001-baseline/exp/002.yaml"]
    schema = Draft7Validator(json.loads((project / at_root["path"]).read_text("utf-8")))
    assert schema.is_valid({"exp": {"learning_rate": 1e-4}})
    assert not schema.is_valid({"exp": {"lerning_rate": 1e-4}})


def test_experiments_that_share_their_configs_share_the_schema(tmp_path: Path) -> None:
    tail = _TAIL.replace('config_path="."', 'config_path="../../conf"')
    for name, field in (("001-a", "of_a"), ("002-b", "of_b")):
        entry = f"{_HEAD}\n@dataclass\nclass ExpConfig:\n    name: str = 'n'\n    {field}: int = 1\n{tail}"
        write(tmp_path / "experiments" / name, {"train.py": entry})
    head = "defaults:\n  - default@_here_\n\n"
    write(
        tmp_path / "conf",
        {"config.yaml": _CONFIG, "exp/001.yaml": f"{head}of_a: 2\n", "exp/002.yaml": f"{head}of_b: 2\n"},
    )
    assert export(tmp_path, "001")["created"] == ["conf/exp.schema.json", ".vscode/settings.json"]
    again = export(tmp_path, "002")
    assert (again["created"], again["changed"]) == ([], [])
    schema = Draft7Validator(json.loads((tmp_path / "conf/exp.schema.json").read_text()))
    assert all(schema.is_valid(content) for content in ({"of_a": 2}, {"of_b": 2, "name": "x"}, {}))
    assert not any(schema.is_valid(content) for content in ({"of_c": 2}, {"of_a": "x"}, {"of_a": 1, "of_b": 2}))
    project = Project.locate(tmp_path)

    def stale() -> set[str]:
        return {
            f.location.path.name for e in project.experiments for f in check(project, [e]).findings if f.code == "ES520"
        }

    assert stale() == set()
    other = tmp_path / "experiments/002-b/train.py"
    other.write_text(other.read_text().replace("of_b", "of_c"))
    assert stale() == {"exp.schema.json"}


def test_validate_finds_a_stale_schema(project: Path, experiment: Path) -> None:
    export(project)
    entry = experiment / "train.py"
    text = entry.read_text()

    def found() -> list[str]:
        ran = run("validate.py", "--json", "--select", "ES520", cwd=project)
        return [Path(finding["path"]).name for finding in ran.json["findings"]]

    write(experiment, {"exp/009.yaml": (experiment / "exp/001.yaml").read_text()})
    entry.write_text(f"# a line more\n{text}")
    assert found() == []
    entry.write_text(text.replace("epochs: int = 3", "epochs: int = 4"))
    assert found() == ["exp.schema.json"]
    export(project)
    assert found() == []


# -- the real language server ------------------------------------------------------------------------------------------

_SERVERS = ("2.0.0", "1.20.0")  # the newest, and one of early 2026


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The language servers, installed by npm; skips where that is not to be had."""
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("npm is not installed")
    found = {}
    for version in _SERVERS:
        home = tmp_path_factory.mktemp(f"server-{version}")
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home)]
        ran = subprocess.run([*command, f"yaml-language-server@{version}"], capture_output=True, text=True)
        if ran.returncode:
            pytest.skip(f"npm cannot install yaml-language-server: {ran.stderr[-200:]}")
        found[version] = home / "node_modules/yaml-language-server/bin/yaml-language-server"
    return found


@pytest.mark.slow
@pytest.mark.parametrize("version", _SERVERS)
def test_an_editor_completes_explains_and_underlines(
    version: str, servers: dict[str, Path], project: Path, experiment: Path
) -> None:
    entry = (experiment / "train.py").read_text()
    (experiment / "train.py").write_text(entry.replace("= 2e-5", "= 2e-5  # of AdamW"))
    line = next(n for n, text in enumerate(entry.splitlines(), 1) if "learning_rate" in text)
    settings, path = export(project)["settings"], experiment / "exp/001.yaml"
    head = "defaults:\n  - default@_here_\n"
    for yaml in ("1.1", "1.2"):
        with LanguageServer(servers[version], project, {**settings, "yaml.yamlVersion": yaml}) as server:
            assert server.problems(path) == []
            shown = server.hover(path, 4, 3).replace("\\", "")
            assert f"learning_rate: float = 2.0e-05 (train.py:{line})" in shown
            assert "of AdamW" in shown
            server.close(path)
            odd = f"{head}debug: yes\nepochs: 1_000\nseed: 010\nbatch_size: ${{exp.epochs}}\nfold: ???\n"
            assert server.problems(path, odd) == []
            server.close(path)
            typos = server.problems(path, f"{head}lerning_rate: 0.1\nseed: abc\nfold: [a]\n")
            assert sorted(typo["range"]["start"]["line"] for typo in typos) == [2, 3, 4]
            server.close(path)
            server.problems(path, f"{head}  - \nlea\n")
            offered = {item["label"]: item.get("insertText", "") for item in server.completions(path, 3, 3)}
            assert {"learning_rate", "seed", "fold", "notes"} <= offered.keys()
            assert "2e-05" in offered["learning_rate"] or "0.00002" in offered["learning_rate"]
            assert "default@_here_" in {item["label"] for item in server.completions(path, 2, 4)}
