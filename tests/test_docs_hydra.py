"""What the references say of Hydra, held against Hydra: each row of their tables is provoked or composed."""

import datetime
import enum
import importlib.util
import re
import shutil
import subprocess
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, make_dataclass
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pytest
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from guides import HERE, batch, fields, make_project, shell, table
from running import PLAIN_EXPERIMENT, ROOT, write

NEW = version("omegaconf") >= "2.4"  # comes with Hydra 1.4
Edit = Callable[[Path], object]


# -- edits: what people get wrong --------------------------------------------------------------------------------------


def put(**files: str | bytes) -> Edit:
    """Write files; `exp_001` stands for exp/001.yaml, `config` for config.yaml."""
    names = {name: f"{name.replace('_', '/', 1)}.yaml" for name in files}
    return lambda experiment: write(experiment, {names[name]: text for name, text in files.items()})


def change(file: str, *pairs: tuple[str, str]) -> Edit:
    """Replace text that must be there."""

    def edit(experiment: Path) -> None:
        text = (experiment / file).read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        (experiment / file).write_text(text, encoding="utf-8")

    return edit


def body(code: str) -> Edit:
    """Let main() begin with `code`."""
    return change("train.py", ("    check(cfg)\n", f"    {code}\n"))


def also(*edits: Edit) -> Edit:
    return lambda experiment: [edit(experiment) for edit in edits]


def script(code: str) -> Edit:
    return lambda experiment: write(experiment, {"script.py": code})


NOTES = "notes: str | None = None"
REGISTERED = 'cs.store(group="{0}", name="default", node={1}Config)\n'


def unindented(experiment: Path) -> None:
    """What belongs below `hydra:` stands beside it."""
    head, _, below = (experiment / "config.yaml").read_text(encoding="utf-8").partition("hydra:\n")
    write(experiment, {"config.yaml": f"{head}hydra:\n{textwrap.dedent(below)}"})


plain: Edit = lambda experiment: write(experiment, PLAIN_EXPERIMENT)  # noqa: E731
nothing: Edit = lambda experiment: None  # noqa: E731

# A text in troubleshooting.md -> what makes Hydra say it. A script.py is run in place of train.py.
PROVOKED: dict[str, tuple[Edit, Sequence[str]]] = {
    "Could not override 'exp.learning_rte'.": (nothing, ["exp.learning_rte=1"]),
    "Could not find 'exp/009'": (nothing, ["exp=009"]),
    "Could not override 'exp'. No match in the defaults list.": (
        change("config.yaml", ("  - exp: default\n", "")),
        ["exp=001"],
    ),
    "Config group override must be a string or a list. Got int": (nothing, ["exp=100"]),
    "Ambiguous value for argument 'exp=001,002'": (nothing, ["exp=001,002"]),
    "Key 'batch_size' is not in struct": (also(plain, put(exp_001="seed: 1\n")), ["exp=001", "exp.batch_size=8"]),
    "no viable alternative at input '[0,'": (nothing, ["exp.fold=[0,", "1]"]),
    "mismatched input '=' expecting <EOF>": (nothing, ["exp.notes=a=b"]),
    "mismatched input '(' expecting <EOF>": (nothing, ["exp=001(b)"]),
    "Unknown function 'a'": (nothing, ["exp.notes=a (b)"]),
    "LexerNoViableAltException: exp.notes=学習率": (nothing, ["exp.notes=学習率"]),
    "Invalid value assigned: int is not a ListConfig": (nothing, ["exp.fold=3"]),
    "Value 'abc' of type 'str' could not be converted to Integer": (nothing, ["exp.seed=abc"]),
    "File 001 does not exist!": (nothing, ["--exp=001"]),
    "No such file or directory:": (nothing, ["--exp=001"]),
    "ExpConfig (DictConfig) does not support deletion": (nothing, ["~exp.seed"]),
    "Could not find 'hydra/launcher/joblib'": (nothing, ["-m", "hydra/launcher=joblib", "exp=001"]),
    "Key 'learning_rte' not in 'ExpConfig'": (put(exp_001=HERE + "learning_rte: 1\n"), ["exp=001"]),
    "Key 'learning_rate' not in 'Config'": (change("config.yaml", ("hydra:\n", "learning_rate: 1\nhydra:\n")), []),
    "Key 'output_subdir' not in 'Config'": (unindented, []),
    "'NoneType' object has no attribute '_set_flag'": (also(plain, unindented), []),
    "AssertionError": (unindented, []),
    "Key 'chdr' not in 'JobConf'": (change("config.yaml", ("chdir", "chdr")), []),
    "Could not load 'exp/base'.": (put(exp_001="defaults:\n  - base@_here_\n"), ["exp=001"]),
    "Value '16.0' of type 'float' could not be converted to Integer": (
        put(exp_001=HERE + "batch_size: 16.0\n"),
        ["exp=001"],
    ),
    "Incompatible value 'None' for field of type 'int'": (put(exp_001=HERE + "seed: null\n"), ["exp=001"]),
    "AnyNode is not a ListConfig": (put(exp_001=HERE + "fold: 0\n"), ["exp=001"]),
    "Unsupported type in defaults : int": (put(exp_002="defaults:\n  - 001\n"), ["exp=002"]),
    "Unsupported item value in defaults : int": (change("config.yaml", ("exp: default", "exp: 001")), []),
    "defaults must be a list": (put(exp_001="defaults: default@_here_\n"), ["exp=001"]),
    "Could not load 'exp/default '.": (put(exp_001="defaults:\n  - default @_here_\n"), ["exp=001"]),
    "Could not load 'exp/exp/default'.": (put(exp_001="defaults:\n  - exp/default@_here_\n"), ["exp=001"]),
    "Could not find 'exp/exp/default'": (put(exp_001="defaults:\n  - exp: default\n"), ["exp=001"]),
    "Key 'exp' not in 'ExpConfig'": (put(exp_001=HERE + "exp:\n  seed: 1\n"), ["exp=001"]),
    "Key 'env' not in 'ExpConfig'": (
        also(plain, put(exp_001=f"# @package _global_\n{HERE}seed: 1\n")),
        ["exp=001"],
    ),
    "Too many keys in default item": (
        change("config.yaml", ("  - env: default\n", "  - env: default\n    optional: true\n")),
        [],
    ),
    "Overrides must be at the end of the defaults list": (
        change("config.yaml", ("  - _self_\n", "  - override hydra/job_logging: none\n  - _self_\n")),
        [],
    ),
    "Multiple values for hydra/job_logging.": (change("config.yaml", ("override hydra", "hydra")), []),
    "Multiple values for exp.": (change("config.yaml", ("  - env:", '  - exp: "001"\n  - env:')), []),
    "Duplicate _self_ defined in exp/001": (put(exp_001=HERE + "  - _self_\n  - _self_\n"), ["exp=001"]),
    "RecursionError: maximum recursion depth exceeded": (put(exp_default=HERE), []),
    "Could not override 'env@exp.env'.": (put(exp_001=HERE + "  - override /env: local\n"), ["exp=001"]),
    "Invalid Defaults List override '/env: local'.": (put(exp_001=HERE + "  - override /env: local\n"), ["exp=001"]),
    "Could not load 'exp/optional default'.": (
        put(exp_001="defaults:\n  - optional default@_here_\n"),
        ["exp=001"],
    ),
    "You must specify 'exp', e.g, exp=<OPTION>": (change("config.yaml", ("exp: default", "exp: ???")), []),
    "Interpolation key 'env.outptu_dir' not found": (put(exp_001=HERE + "notes: ${env.outptu_dir}\n"), ["exp=001"]),
    "Environment variable 'NOWHERE' not found": (put(exp_001=HERE + "notes: ${oc.env:NOWHERE}\n"), ["exp=001"]),
    "Unsupported interpolation type env": (put(exp_001=HERE + "notes: ${env:HOME}\n"), ["exp=001"]),
    "Missing mandatory value: hydra.job.num": (
        change("config.yaml", ("    dir: .\n", "    dir: out/${hydra.job.num}\n")),
        [],
    ),
    "no viable alternative at input '${foo'": (put(exp_001=HERE + "notes: ${foo\n"), ["exp=001"]),
    "found duplicate key seed": (put(exp_001=HERE + "seed: 1\nseed: 2\n"), ["exp=001"]),
    "cannot start any token": (put(exp_001="defaults:\n\t- default@_here_\n"), ["exp=001"]),
    "could not find expected ':'": (put(exp_001=HERE + "seed：1\nname: x\n"), ["exp=001"]),
    "expected a single document in the stream": (put(exp_001=HERE + "seed: 1\n---\nname: x\n"), ["exp=001"]),
    "'utf-8' codec can't decode byte": (put(exp_001=(HERE + "name: 学習率\n").encode("shift-jis")), ["exp=001"]),
    "Could not load 'exp/default'.": (change("train.py", (REGISTERED.format("exp", "Exp"), "")), ["exp=001"]),
    "Could not find 'env/default'": (change("train.py", (REGISTERED.format("env", "Env"), "")), []),
    "Could not load 'config_schema'.": (
        change("train.py", ('cs.store(name="config_schema", node=Config)\n', "")),
        [],
    ),
    "Cannot find primary config 'config'.": (lambda e: (e / "config.yaml").rename(e / "config.yml"), []),
    "Primary config directory not found.": (change("train.py", ('config_path="."', 'config_path="conf"')), []),
    "mutable default <class 'list'> for field fold": (
        change("train.py", ("field(default_factory=lambda: [0])", "[0]")),
        [],
    ),
    "Unions of containers are not supported": (change("train.py", (NOTES, 'notes: str | list[str] = ""')), []),
    "Unexpected type annotation: Literal": (
        change(
            "train.py",
            (NOTES, 'notes: Literal["a"] = "a"'),
            ("from pathlib import", "from typing import Literal\nfrom pathlib import"),
        ),
        [],
    ),
    "Unexpected type annotation: set[int]": (
        change("train.py", (NOTES, "notes: set[int] = field(default_factory=set)")),
        [],
    ),
    "Unexpected type annotation: ExpConfig": (
        change("train.py", ("@dataclass\nclass ExpConfig", "class ExpConfig")),
        [],
    ),
    "Input class 'ExpConfig' is not a structured config": (
        also(plain, change("train.py", ("@dataclass\nclass ExpConfig", "class ExpConfig"))),
        [],
    ),
    "Incompatible value 'None' for field of type 'str'": (change("train.py", (NOTES, "notes: str = None")), []),
    "Cannot set value of read-only config node": (
        change("train.py", ("@dataclass\nclass ExpConfig", "@dataclass(frozen=True)\nclass ExpConfig")),
        ["exp=001"],
    ),
    "ConfigAttributeError: Key 'lr' not in 'ExpConfig'": (body("print(cfg.exp.lr)"), []),
    "Missing mandatory value: seed": (
        change(
            "train.py",
            ("seed: int = 42", "seed: int = MISSING"),
            ("import hydra\n", "import hydra\nfrom omegaconf import MISSING\n"),
        ),
        [],
    ),
    "Object of type ListConfig is not JSON serializable": (body("json.dumps(cfg.exp.fold)"), []),
    "HydraConfig was not set": (script("from run_record import HydraConfig; HydraConfig.get()"), []),
    "GlobalHydra is already initialized": (
        script("import hydra\nfor _ in range(2): hydra.initialize('.', version_base=None)"),
        [],
    ),
    "unrecognized arguments: exp=001": (
        change("train.py", ("    set_up()", "    import argparse; argparse.ArgumentParser().parse_args()")),
        ["exp=001"],
    ),
    "No module named 'hydra'": (
        script("import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-I', '-S', 'train.py']))"),
        [],
    ),
    "No module named 'torch'": (change("train.py", ("import hydra\n", "import hydra, torch\n")), ["--cfg", "job"]),
    "Primary config module is empty": (script("import runpy; runpy.run_path('train.py')['main']()"), []),
}
# What cannot be provoked here: another shell (a table of running.md has it), Python 3.14, a package that is there.
ELSEWHERE = {"no matches found: exp.fold=[0,1]", "badly formed help string"} | (
    {"No module named 'torch'"} if importlib.util.find_spec("torch") else set()
)


@pytest.mark.slow
def test_each_error_text_is_hydras(tmp_path: Path) -> None:
    """Of both lines of Hydra, or of the one that stands behind the text; the other says something else, or nothing."""
    titles = ("On the command line", "In config.yaml, exp/ and env/", "YAML itself", "In train.py")
    cells = [row[0] for title in titles for row in table("troubleshooting.md", title)]
    rows = [re.findall(r"`([^`]+)`(?: \((1\.[34])\))?", cell) for cell in cells]
    assert sorted(text for row in rows for text, _ in row) == sorted({*PROVOKED, *ELSEWHERE})
    here = "1.4" if NEW else "1.3"
    said = [(text, only in ("", here), len(row) == 1) for row in rows for text, only in row if text not in ELSEWHERE]
    jobs = []
    for number, (text, _, _) in enumerate(said):
        experiment = make_project(tmp_path / str(number)) / "experiments" / "001-baseline"
        edit, words = PROVOKED[text]
        edit(experiment)
        entry = experiment / "script.py"
        jobs.append([str(entry if entry.exists() else experiment / "train.py"), *words])
    wrong = []
    for (text, expected, alone), job, (code, output) in zip(said, jobs, batch(jobs), strict=True):
        right = code != 0 and text in output if expected else text not in output and (code == 0 or not alone)
        if not right:
            wrong.append((text, job[1:], output[-600:]))
    assert not wrong


def test_each_silent_fault_is_one(tmp_path: Path) -> None:
    """Where Hydra says nothing: the composed values are not those of the files."""
    stored_last = (
        "  - config_schema # the dataclass Config, first: Hydra then refuses unknown keys and wrong types anywhere\n",
        "",
    )
    schema_last = change("config.yaml", stored_last, ("  - env: default\n", "  - env: default\n  - config_schema\n"))
    values_last = put(
        config=PLAIN_EXPERIMENT["config.yaml"]
        .replace("  - _self_\n", "")
        .replace("  - override", "  - _self_\n  - override")
        + "exp:\n  learning_rate: 9.0\n"
    )
    faults: dict[str, tuple[Edit, Callable[[str], bool]]] = {
        "nothing runs": (change("train.py", ("    main()\n", "    pass\n")), lambda out: "exp:" not in out),
        "fields are missing": (put(exp_001="seed: 1\n"), lambda out: "batch_size" not in fields(out)),
        "every set has": (values_last, lambda out: fields(out)["learning_rate"] == 9.0),
        "… config_schema": (schema_last, lambda out: fields(out)["name"] == "default"),
        "another value": (put(exp_001=HERE + "seed: 010\n"), lambda out: fields(out)["seed"] == 8),
    }  # fmt: skip
    symptoms = [row[0] for row in table("troubleshooting.md", "No error, but")]
    for start in faults:
        assert start.startswith("…") or any(symptom.startswith(start) for symptom in symptoms), start
    others = ("results of another experiment", "env/ is not in")  # validate.py's own tests, and the next test
    assert [symptom for symptom in symptoms if not symptom.startswith((*faults, *others))] == []
    jobs = []
    for number, (start, (edit, _)) in enumerate(faults.items()):
        experiment = make_project(tmp_path / str(number)) / "experiments" / "001-baseline"
        if start.startswith(("fields", "every")):  # the plain pattern, without config_schema
            write(experiment, PLAIN_EXPERIMENT)
        edit(experiment)
        jobs.append([str(experiment / "train.py"), "--cfg", "job", "exp=001"])
    for (start, (_, wrong)), (code, output) in zip(faults.items(), batch(jobs), strict=True):
        assert code == 0, output
        assert wrong(output), f"{start}\n{output}"


def test_git_takes_env_back(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (row,) = (row for row in table("troubleshooting.md", "No error, but") if row[0].startswith("env/ is not"))
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    for lines, ignored in (("env/\n", 0), (f"env/\n{re.findall('`([^`]+)`', row[2])[0]}\n", 1)):
        (project / ".gitignore").write_text(lines)
        file = "experiments/001-baseline/env/local.yaml"
        assert subprocess.run(["git", "check-ignore", "--no-index", "-q", file], cwd=project).returncode == ignored


# -- running.md --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_quoted_overrides_have_the_value_of_the_table(tmp_path: Path) -> None:
    rows = [row for row in table("running.md", "Quoting") if len(row) == 2]
    project = make_project(tmp_path / "project")
    entry = str(project / "experiments" / "001-baseline" / "train.py")
    for interpreter in ("bash", *(["zsh"] if shutil.which("zsh") else [])):
        lines = [f"printf '%s\\n' {row[0].strip('`')}" for row in rows]
        typed = shell("\n".join(lines), project, interpreter=interpreter).stdout.splitlines()
        answers = batch([[entry, "--cfg", "job", word] for word in typed])
        for (_, value), word, (code, output) in zip(rows, typed, answers, strict=True):
            assert code == 0, output
            field_name = word.partition("=")[0].removeprefix("exp.")
            assert fields(output)[field_name] == OmegaConf.to_container(OmegaConf.create(f"value: {value}"))["value"]


@pytest.mark.slow
def test_without_quotes_the_shells_fail_as_the_table_says(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    rows = [row for row in table("running.md", "Quoting") if len(row) == 3]
    assert len(rows) > 3
    for typed, *says in rows:
        for interpreter, said in zip(("bash", "zsh"), says, strict=True):
            if not shutil.which(interpreter):
                continue
            command = f"python experiments/001-baseline/train.py --cfg job {typed.strip('`')}"
            ran = shell(command, project, interpreter=interpreter)
            text = says[0] if said == "the same" else said
            if text.startswith("works"):
                assert ran.returncode == 0, ran.stderr
            else:
                assert ran.returncode != 0
                assert text.strip("`") in ran.stderr, typed


@pytest.mark.slow
def test_what_an_override_does(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    experiment = project / "experiments" / "001-baseline"
    plain = write(tmp_path / "plain", PLAIN_EXPERIMENT)
    words = [row[0].strip("`'") for row in table("running.md", "What an override does")]
    typed = ["exp=002", "exp.seed=1", "++exp.seed=1", "+exp.sed=1", "~exp.seed", "~exp", "exp=[001,002]", "exp=100"]
    assert words == typed
    jobs = [[str(experiment / "train.py"), "--cfg", "job", word] for word in typed]
    jobs += [[str(plain / "train.py"), "--cfg", "job", word] for word in ("~exp", "++exp.sed=1", "~exp.seed")]
    answers = batch(jobs)
    codes = [code for code, _ in answers]
    assert [code == 0 for code in codes] == [True, True, True, True, False, True, True, False, True, True, False]
    got = [fields(output) if code == 0 else {} for code, output in answers]
    assert (got[0]["seed"], got[1]["seed"], got[2]["seed"], got[3]["sed"]) == (2, 1, 1, 1)
    assert got[5]["seed"] == 42
    assert (got[6]["name"], got[6]["learning_rate"]) == ("002-seed", 0.1)  # 001's 0.01 is gone
    assert got[8] == {}
    assert got[9]["sed"] == 1


# -- config-types.md ---------------------------------------------------------------------------------------------------


class Color(enum.Enum):
    RED = 1


@dataclass
class Nested:
    lr: float = 0.1


class NoDataclass:
    pass


def test_types_of_fields() -> None:
    import typing
    from collections import abc

    scope = {**vars(typing), "Enum": Color, "Nested": Nested, "Path": Path, "Decimal": Decimal, "datetime": datetime}
    scope |= {"Sequence": abc.Sequence, "Mapping": abc.Mapping}
    seen = 0
    for annotations, *says in table("config-types.md", "Types of fields"):
        works = says[NEW].startswith(("yes", "as a list"))
        types = [eval(text, scope) for text in re.findall("`([^`]+)`", annotations) if text != "RED"]
        types += [Nested] * ("another dataclass" in annotations) + [NoDataclass] * ("no dataclass" in annotations)
        for kind in types:
            seen += 1
            try:
                probe = OmegaConf.structured(make_dataclass("Probe", [("x", kind, field(default=MISSING))]))
                if kind == tuple[int, str]:  # 1.3 takes the type, and then no value
                    probe.x = (1, "a")
                assert works, kind
            except OmegaConfBaseException:
                assert not works, kind
    assert seen > 35


def test_values_in_yaml() -> None:
    @dataclass
    class Exp:
        learning_rate: float = 0.1
        seed: int = 42
        name: str = "default"
        notes: str | None = None
        debug: bool = False
        batch_size: int = 16
        fold: list[int] = field(default_factory=lambda: [0])
        data_dir: str = "data"

    for written, kind, becomes in table("config-types.md", "Values in YAML"):
        key = written.strip("`").partition(":")[0]
        assert Exp.__dataclass_fields__[key].type == eval(kind.strip("`"))
        text = becomes.partition(" (")[0]
        merged = OmegaConf.to_container(
            OmegaConf.merge(OmegaConf.structured(Exp), OmegaConf.create(written.strip("`")))
        )
        assert repr(merged[key]) == repr(eval(text)), written


def test_what_a_config_loses() -> None:
    from typing import ClassVar

    @dataclass
    class Exp:
        fold: list[int] = field(default_factory=lambda: [0])
        kind: ClassVar[str] = "x"
        items: int = 3
        untyped = False

        def __post_init__(self) -> None:
            raise ValueError("it ran")

        def method(self) -> int:
            return 1

        @property
        def prop(self) -> int:
            return 1

    @dataclass
    class Base:
        seed: int = 1

    class Sub(Base):
        more: int = 2

    cfg = OmegaConf.structured(Exp)
    for name in ("method", "prop", "kind"):
        with pytest.raises(Exception, match=name):
            getattr(cfg, name)
    with pytest.raises(ValueError, match="it ran"):
        OmegaConf.to_object(cfg)
    assert not isinstance(cfg, Exp)
    assert OmegaConf.get_type(cfg) is Exp
    assert "untyped" not in cfg
    assert callable(cfg.items)
    assert "more" not in OmegaConf.structured(Sub)
    missing = make_dataclass("Missing", [("x", int, field(default=MISSING))])
    assert OmegaConf.to_container(OmegaConf.structured(missing)) == {"x": "???"}


# -- defaults-lists.md, sweeps.md, migration.md ------------------------------------------------------------------------


@pytest.mark.slow
def test_what_each_spelling_of_the_parent_does(tmp_path: Path) -> None:
    rows = table("defaults-lists.md", "A parameter set or environment")
    for column, files in enumerate((PLAIN_EXPERIMENT, None), 1):
        jobs = []
        for number, row in enumerate(rows):
            experiment = make_project(tmp_path / f"{column}-{number}") / "experiments" / "001-baseline"
            write(experiment, files or {})
            entry = re.findall("`(- [^`]+)`", row[0])
            write(experiment, {"exp/003.yaml": (f"defaults:\n  {entry[0]}\n" if entry else "") + "seed: 7\n"})
            jobs.append([str(experiment / "train.py"), "--cfg", "job", "exp=003"])
        for row, (code, output) in zip(rows, batch(jobs), strict=True):
            says = row[1] if row[column] == "the same" else row[column]
            if says == "right":
                assert code == 0, output
                assert {"seed", "batch_size", "fold"} <= fields(output).keys(), (row, output)
                assert fields(output)["seed"] == 7
            elif says == "fields vanish":
                assert code == 0, (row, output)
                assert "batch_size" not in fields(output), row
            else:
                assert code != 0, row
                assert says.strip("`") in output, row


@pytest.mark.slow
def test_sweeps(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    experiment = project / "experiments" / "001-baseline"
    config = (experiment / "config.yaml").read_text()
    in_config = "  mode: MULTIRUN\n  sweeper:\n    params:\n      exp: 001,002\n      exp.seed: 0,1\n"
    assert in_config in (ROOT / "references" / "sweeps.md").read_text(encoding="utf-8")
    write(experiment, {"config.yaml": config.replace("hydra:\n", f"hydra:\n{in_config}")})
    one, quoted = ((experiment.parent / name) for name in ("010-one", "011-quoted"))
    for folder, value in ((one, "001"), (quoted, "\"'001'\"")):
        shutil.copytree(experiment, folder)
        for file, old, new in (("config.yaml", "001,002", value), ("train.py", experiment.name, folder.name)):
            (folder / file).write_text((folder / file).read_text().replace(old, new))
    broken = shutil.copytree(experiment, experiment.parent / "012-broken")
    write(broken, {"exp/002.yaml": HERE + "sed: 1\n"})
    jobs = [[str(folder / "train.py"), "exp.debug=true"] for folder in (experiment, one, quoted, broken)]
    (code, _), (bare, _), (twice, _), (stopped, said) = batch(jobs)
    assert (code, bare != 0, twice, stopped != 0) == (0, True, 0, True)
    assert "exp/002" in said
    assert "#0" not in said  # before job 0
    folders = [path.name for path in project.rglob("multirun/*/*") if path.is_dir() and "models" not in path.parts]
    assert sorted(folders) == ["0_001", "0_001", "1_001", "1_001", "2_002", "3_002"]


def test_values_survive_the_move_to_the_dataclass(tmp_path: Path) -> None:
    blocks = re.findall(r"```\w+\n# (before|after)/(\S+)\n(.*?)```", _read("migration.md"), re.DOTALL)
    files = {f"{side}/{name}": text for side, name, text in blocks}
    write(tmp_path, files)
    before = OmegaConf.to_container(OmegaConf.load(tmp_path / "before" / "config.yaml"))
    ((code, after),) = batch([[str(tmp_path / "after" / "train.py")]])
    assert code == 0, after
    assert after.splitlines()[-1].split() == [str(before["train"]["lr"]), before["data"]["path"]]


def test_what_older_layouts_meet(tmp_path: Path) -> None:
    config, train = PLAIN_EXPERIMENT["config.yaml"], PLAIN_EXPERIMENT["train.py"]
    cases: dict[str, tuple[dict[str, str], list[str]]] = {
        "no self": ({"config.yaml": config.replace("  - _self_\n", "") + "exp: {seed: 9}\n"}, ["exp=001"]),
        "group package": ({"exp/001.yaml": f"# @package _group_\n{HERE}seed: 9\n"}, ["exp=001"]),
        "default.yaml": ({"exp/default.yaml": "learning_rate: 9.0\n"}, []),
        "version 1.1": ({"train.py": train.replace("version_base=None", 'version_base="1.1"')}, []),
        "optional": ({"config.yaml": config.replace("- env: default", "- optional env: gone")}, []),
    }
    jobs = []
    for number, (files, words) in enumerate(cases.values()):
        experiment = write(tmp_path / str(number), {**PLAIN_EXPERIMENT, **files})
        jobs.append([str(experiment / "train.py"), "--cfg", "job", *words])
    answers = dict(zip(cases, batch(jobs), strict=True))
    assert fields(answers["no self"][1])["seed"] == 9
    assert ("_self_" in answers["no self"][1]) is not NEW  # a warning
    assert re.search("^_group_:", answers["group package"][1], re.MULTILINE)
    assert fields(answers["default.yaml"][1])["learning_rate"] == 9.0
    assert ("batch_size" in fields(answers["default.yaml"][1])) is not NEW
    assert (answers["version 1.1"][0] != 0) is NEW
    assert ("Omit the version_base" in answers["default.yaml"][1]) is NEW
    assert answers["optional"][0] == 0


def _read(name: str) -> str:
    return (ROOT / "references" / name).read_text(encoding="utf-8")
