"""The schema reader against the real thing: runpy, dataclasses, OmegaConf and ConfigStore run each sample for real."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from experiment_setup import schema
from experiment_setup.code.evaluator import Evaluator
from running import HARNESS, write
from schema_oracle import describe
from schema_samples import FAILS, HEAD, MAIN, SAME, TAIL, VERSIONED, fields, stores


@pytest.fixture(autouse=True)
def gaps_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the reader itself is a defect, though users never see one."""
    monkeypatch.setattr(Evaluator, "tolerant", False)


DATA = Path(__file__).parent / "data"
ENVIRONMENT = {"SCHEMA_TEST_SET": "from outside"}


def entry_of(folder: Path, files: str | dict[str, str]) -> Path:
    files = {"train.py": files} if isinstance(files, str) else files
    encoded = {name: text.encode("latin-1" if "latin-1" in text[:40] else "utf-8") for name, text in files.items()}
    write(folder, encoded)
    return folder / next(name for name in files if name.endswith("train.py"))


def all_samples() -> dict[str, str | dict[str, str]]:
    return {**SAME, **{name: sample[0] for name, sample in FAILS.items()}, **VERSIONED}


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path, dict[str, Any]]]:
    """Sample -> (root, entry point, what the real thing made of it)."""
    base = tmp_path_factory.mktemp("samples")
    entries = {name: entry_of(base / name / "project", files) for name, files in all_samples().items()}
    jobs = json.dumps([{"entry": str(entry), "env": ENVIRONMENT} for entry in entries.values()])
    oracle = [sys.executable, str(HARNESS / "schema_oracle.py")]
    process = subprocess.run(oracle, input=jobs, capture_output=True, text=True, encoding="utf-8", timeout=300)
    answers = json.loads(process.stdout)
    return {n: (base / n / "project", e, a) for (n, e), a in zip(entries.items(), answers, strict=True)}


def ours(read: schema.Schema) -> list[dict[str, Any]]:
    """What we would put into the ConfigStore, in the words of the oracle."""
    last = {(r.group, r.name): r for r in read.registrations}
    found = []
    for (group, name), registration in sorted(last.items(), key=lambda item: (item[0][0] or "", item[0][1])):
        assert read.registration(group, name) is registration
        node = read.structured(registration)
        found.append(
            {
                "group": group,
                "name": name,
                "package": registration.package,
                "yaml": OmegaConf.to_yaml(node),
                "nodes": describe(node),
            }
        )
    return json.loads(json.dumps(found))


def fatal(read: schema.Schema) -> list[schema.Problem]:
    return [problem for problem in read.problems if problem.fatal]


def assert_same(read: schema.Schema, answer: dict[str, Any]) -> None:
    assert "error" not in answer
    assert not fatal(read)
    assert ours(read) == answer["stored"]
    main = answer.get("main")
    if main is None:
        assert read.main is None or not read.main.called
        return
    assert read.main is not None
    assert read.main.called
    assert read.main.function == main["function"]
    assert read.main.config_path == main.get("config_path", schema.UNSET)
    assert read.main.config_name == main.get("config_name")
    assert read.main.version_base == main.get("version_base", schema.UNSET)


@pytest.mark.parametrize("name", SAME)
def test_reads_what_the_real_thing_stores(name: str, real: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEMA_TEST_SET", ENVIRONMENT["SCHEMA_TEST_SET"])
    root, entry, answer = real[name]
    read = schema.read(entry, root)
    assert_same(read, answer)
    assert not any(read.opaque_paths(registration) for registration in read.registrations)


@pytest.mark.parametrize("name", FAILS)
def test_fails_where_the_real_thing_fails(name: str, real: Any) -> None:
    root, entry, answer = real[name]
    _, kind, words, code, place = FAILS[name]
    assert answer["error"][0] == kind
    assert words in answer["error"][1]
    problem = fatal(schema.read(entry, root))[0]
    assert problem.code == code
    assert problem.message.startswith(f"{kind}: ")
    assert words in problem.message
    lines = problem.location.path.read_text().split("\n")
    assert f"{lines[problem.location.line - 1][problem.location.column - 1 :]}\n".startswith(place)


@pytest.mark.parametrize("name", VERSIONED)
def test_agrees_with_the_installed_versions(name: str, real: Any) -> None:
    root, entry, answer = real[name]
    read = schema.read(entry, root)
    if "error" not in answer:
        assert_same(read, answer)
        return
    problem = fatal(read)[0]
    if name != "null-byte":  # compile() raises ValueError before 3.12; `python train.py` says SyntaxError
        assert problem.message.startswith(answer["error"][0])


def cases() -> list[dict[str, Any]]:
    lines = (DATA / "hydra-cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_fatal_means_that_every_recorded_run_failed(tmp_path: Path) -> None:
    seen = 0
    for case in cases():
        entry = entry_of(tmp_path / case["case"], {"train.py": case["files"]["train.py"]})
        read = schema.read(entry, entry.parent)
        seen += 1
        for problem in fatal(read):
            kind, _, words = problem.message.partition(": ")
            for run in case["hydra"].values():
                assert run["rc"], case["case"]
                assert kind in run["error"]
                assert words[:30] in run["error"]
        if not fatal(read):
            assert {(r.group, r.name) for r in read.registrations} or "store" not in case["files"]["train.py"]
    assert seen > 300


# --- what is only known when the code runs ---

OPAQUE = {
    "time": ("a: float = time.time()", 0.0, "time.time()"),
    "uuid": ("a: str = str(uuid.uuid4())", "<computed: uuid.uuid4()>", "uuid.uuid4()"),
    "now": (
        "a: str = f'{datetime.datetime.now():%Y}-x'",
        "<computed: datetime.datetime.now()>",
        "datetime.datetime.now()",
    ),
    "third-party": ("a: int = torch.cuda.device_count()", 0, "torch.cuda.device_count()"),
    "bool": ("a: bool = torch.cuda.is_available()", False, "torch.cuda.is_available()"),
    "optional": ("a: Optional[str] = load()", None, "load()"),
    "path": ("a: Path = Path.cwd() / 'x'", Path("<computed: Path.cwd()>"), "Path.cwd()"),
    "home": (
        "a: str = os.path.expanduser('~/x')",
        "<computed: os.path.expanduser('~/x')>",
        "os.path.expanduser('~/x')",
    ),
    "relative-resolve": (
        "a: Path = Path('x').resolve()",
        Path("<computed: Path('x').resolve()>"),
        "Path('x').resolve()",
    ),
    "list": ("a: list[int] = field(default_factory=lambda: [1, os.getpid()])", [], "os.getpid()"),
    "dict": ("a: dict[str, Any] = field(default_factory=lambda: {'pid': os.getpid()})", {}, "os.getpid()"),
    "enum": ("a: Color = Color[load()]", "Color.RED", "Color[load()]"),
    "nested": ("a: Opt = field(default_factory=lambda: build())", {"lr": 0.1}, "build()"),
    "union": ("a: int | str = load()", 0, "load()"),
    "any": ("a: Any = load()", None, "load()"),
    "conditional": ("a: int = 1 if torch.cuda.is_available() else 2", 0, "torch.cuda.is_available()"),
    "set-order": ("a: str = ','.join({'x', 'y'})", None, None),
    "file": ("a: str = open('x').read()", "<computed: open('x').read()>", "open('x').read()"),
    "shuffled": ("a: int = SHUFFLED[0]", 0, None),
    "loop": ("a: int = COUNT", 0, None),
    "factory": ("a: float = field(default_factory=time.time)", 0.0, "time.time"),
    "exists": ("a: str = 'k' if Path('/kaggle').exists() else 'l'", None, "Path('/kaggle').exists()"),
    "huge-number": ("a: int = 10 ** 10 ** 10", 0, None),
    "huge-text": ("a: str = 'x' * 10 ** 10", None, None),
    "huge-percent": ("a: str = '%1000000000d' % 1", None, None),
    "of-another-class": ("a: int = Timed.at", 0, "load()"),
    "huge-format": ("a: str = f'{1:>1000000000}'", None, None),
    "huge-list": ("a: int = len(list(range(10 ** 9)))", 0, None),
    "endless": ("a: int = spin()", 0, None),
    "deep": ("a: int = deep(1)", 0, None),
    "exponential": ("a: str = str(DOUBLED)", None, None),
    "async": ("a: int = later()", 0, None),
    "third-party-type": ("a: torch.dtype = None", None, "torch.dtype"),
    # What no project of those that were looked at makes a config with: not worth following, but said.
    "while": ("a: int = COUNTED", 0, None),
    "called-instance": ("a: int = Adder()(2)", 0, "Adder()(2)"),
    "named-by-itself": ("a: Lower = Lower.FIRST", None, "class Lower"),
    "super-init": ("a: int = Derived().x", 0, "Derived().x"),
}
OPAQUE_BEFORE = """
import asyncio, datetime, random, time, uuid
import torch
from somewhere import load
class Color(Enum):
    RED = 1
@dataclass
class Opt:
    lr: float = 0.1
@dataclass
class Timed:
    at: int = load()
def build():
    if torch.cuda.is_available():
        return Opt(lr=2)
    return Opt(lr=3)
SHUFFLED = [1, 2]
random.shuffle(SHUFFLED)
COUNT = 0
for name in os.listdir("."):
    COUNT += 1
def spin():
    n = 0
    while True:
        n += 1
def deep(n):
    return deep(n + 1)
DOUBLED = [1]
for _ in range(60):
    DOUBLED = [DOUBLED, DOUBLED]
async def later():
    return 1
COUNTED = 0
while COUNTED < 200:
    COUNTED += 50
class Adder:
    def __call__(self, n):
        return n + 1
class Lower(str, Enum):
    def _generate_next_value_(name, start, count, last_values):
        return name.lower()
    FIRST = auto()
class Base:
    def __init__(self):
        self.x = 1
class Derived(Base):
    def __init__(self):
        super().__init__()
"""


@pytest.mark.parametrize("name", OPAQUE)
def test_what_is_not_known_is_said_and_has_a_value_of_its_type(name: str, tmp_path: Path) -> None:
    line, value, reason = OPAQUE[name]
    entry = entry_of(tmp_path, fields(line, "b: int = 7", before=OPAQUE_BEFORE))
    read = schema.read(entry, tmp_path)
    assert not fatal(read)
    registration = read.registration("exp", "default")
    assert registration is not None
    opaque = read.opaque_paths(registration)
    assert list(opaque) == ["a"]
    record = read.classes["ExpConfig"].fields[0]
    assert record.opaque == opaque["a"]
    node = read.structured(registration)
    assert node.b == 7
    if reason is not None:
        assert opaque["a"] == reason
    if value is not None:
        assert str(node.a) == str(value) if isinstance(value, str) else node.a == value
    assert {p.code for p in read.problems} & {"opaque-default", "opaque-type"}


def test_an_unknown_part_leaves_the_rest_known(tmp_path: Path) -> None:
    before = (
        "import time\n@dataclass\nclass Opt:\n    lr: float = 0.1\n    at: float = field(default_factory=time.time)\n"
    )
    lines = ("o: Opt = field(default_factory=Opt)", "p: Opt = field(default_factory=lambda: Opt(lr=time.time(), at=1))")
    read = schema.read(entry_of(tmp_path, fields(*lines, before=before)), tmp_path)
    registration = read.registration("exp", "default")
    assert registration is not None
    assert read.opaque_paths(registration) == {"o.at": "time.time", "p.lr": "time.time()"}
    assert OmegaConf.to_container(read.structured(registration)) == {
        "o": {"lr": 0.1, "at": 0.0},
        "p": {"lr": 0.0, "at": 1.0},
    }


def test_post_init_over_what_is_not_known(tmp_path: Path) -> None:
    before = (
        "import torch\n@dataclass\nclass Opt:\n    lr: float = 0.1\n    device: str = ''\n    n: int = 0\n"
        "    def __post_init__(self):\n        if self.lr is None: raise ValueError\n"
        "        self.device = torch.device()\n        self.n = 5\n"
    )
    line = "o: Opt = field(default_factory=lambda: Opt(lr=torch.lr))"
    read = schema.read(entry_of(tmp_path, fields(line, before=before)), tmp_path)
    assert not fatal(read)
    registration = read.registration("exp", "default")
    assert registration is not None
    assert read.opaque_paths(registration) == {"o.lr": "torch.lr", "o.device": "torch.device()"}
    assert read.structured(registration).o.n == 5


def test_what_super_sets_is_not_known(tmp_path: Path) -> None:
    before = (
        "@dataclass\nclass Opt:\n    lr: float = 0.1\n    named: str = ''\n"
        "    def __post_init__(self):\n        self.named = 'opt'\n"
        "@dataclass\nclass Sub(Opt):\n    n: int = 0\n"
        "    def __post_init__(self):\n        super().__post_init__()\n        self.n = 5\n"
    )
    entry = entry_of(
        tmp_path, fields("o: Opt = field(default_factory=Sub)", "p: Opt = field(default_factory=Opt)", before=before)
    )
    read = schema.read(entry, tmp_path)
    assert not fatal(read)
    registration = read.registration("exp", "default")
    assert registration is not None
    assert set(read.opaque_paths(registration)) == {"o.lr", "o.named", "o.n"}
    assert read.structured(registration).p.named == "opt"


PROBLEMS = {
    "registered-too-late": stores(
        "cs = ConfigStore.instance()\n@hydra.main(version_base=None)\ndef main(cfg):\n"
        "    cs.store(name='late', node=ExpConfig)\nif __name__ == '__main__':\n    main()"
    ),
    "unread-registration": stores(
        "cs = ConfigStore.instance()\nfor name in os.listdir('.'):\n    cs.store(name=name, node=ExpConfig)\n"
        f"{MAIN}main()"
    ),
    "environment-variable": fields("a: str = os.environ['SCHEMA_TEST_NOT_SET']"),
    "import-off-path": {
        "experiments/e/train.py": f"{HEAD}from shared.config import ExpConfig\n{TAIL}",
        "shared/config.py": "from dataclasses import dataclass\n@dataclass\nclass ExpConfig:\n    a: int = 1\n",
    },
    "relative-import": {
        "pkg/train.py": f"{HEAD}from .config import ExpConfig\n{TAIL}",
        "pkg/__init__.py": "",
        "pkg/config.py": "from dataclasses import dataclass\n@dataclass\nclass ExpConfig:\n    a: int = 1\n",
    },
}


@pytest.mark.parametrize("code", PROBLEMS)
def test_problems_that_are_not_fatal(code: str, tmp_path: Path) -> None:
    entry = entry_of(tmp_path, PROBLEMS[code])
    read = schema.read(entry, tmp_path)
    assert code in {problem.code for problem in read.problems}
    assert not fatal(read)
    if "ConfigStore" not in code and code not in ("registered-too-late", "unread-registration"):
        assert read.registration("exp", "default") is not None


@pytest.mark.parametrize(
    "store",
    [
        "cs.store(name='a', node=torch.node())",
        "cs.store(name=torch.name(), node=ExpConfig)",
        "cs.store(**torch.options())",
        "if torch.cuda.is_available():\n    cs.store(name='a', node=ExpConfig)",
        "def register():\n    for n in torch.names():\n        cs.store(name=n, node=ExpConfig)\nregister()",
        "try:\n    import missing_library\nexcept ImportError:\n    cs.store(name='a', node=ExpConfig)",
        "@torch.decorator\n@dataclass\nclass Exp3:\n    x: int = 1\ncs.store(name='a', node=Exp3)",
        "class Exp3(torch.Base):\n    x: int = 1\ncs.store(name='a', node=Exp3)",
    ],
)
def test_a_store_that_may_or_may_not_happen_is_said(store: str, tmp_path: Path) -> None:
    entry = entry_of(tmp_path, stores(f"import torch\ncs = ConfigStore.instance()\n{store}\n{MAIN}main()"))
    read = schema.read(entry, tmp_path)
    assert not fatal(read)
    assert {problem.code for problem in read.problems} <= {"opaque-registration", "unread-registration"}
    assert read.problems
    for registration in read.registrations:
        assert read.opaque_paths(registration)
        assert read.structured(registration) == {}


def test_unset_variable_leaves_a_typed_placeholder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset, nothing else is lost; set, its value is not known either: it may be a secret, and differs elsewhere."""
    entry = entry_of(tmp_path, fields("a: str = os.getenv('SCHEMA_TEST_NOT_SET')", "b: int = 2"))
    read = schema.read(entry, tmp_path)
    assert [(p.code, p.fatal) for p in read.problems if p.code != "opaque-default"] == [("environment-variable", False)]
    registration = read.registration("exp", "default")
    assert registration is not None
    assert list(read.opaque_paths(registration)) == ["a"]
    assert read.structured(registration).b == 2
    monkeypatch.setenv("SCHEMA_TEST_NOT_SET", "secret")
    again = schema.read(entry, tmp_path)
    assert {problem.code for problem in again.problems} == {"opaque-default"}
    assert "secret" not in f"{again.problems}{again.structured(again.registrations[0])}"
    for use in ("os.environ['SCHEMA_TEST_NOT_SET']", "os.environ.get('SCHEMA_TEST_NOT_SET', 'no')"):
        text = fields(f"a: str = {use}", f"b: bool = {use} is not None", "c: int = 2")
        known = schema.read(entry_of(tmp_path / "more", text), tmp_path)
        assert set(known.opaque_paths(known.registrations[0])) == {"a", "b"}


def test_a_none_that_is_written_waits_for_no_variable(tmp_path: Path) -> None:
    """OmegaConf refuses it with and without the variable that another field asks for."""
    unset = "a: str | None = os.getenv('SCHEMA_TEST_NOT_SET')"
    for written in ("None", "field(default=None)"):
        read = schema.read(entry_of(tmp_path, fields(unset, f"b: int = {written}")), tmp_path)
        assert any("Incompatible value 'None'" in problem.message for problem in fatal(read))


# --- nothing runs ---

HOSTILE = """
import os, sys, subprocess, pathlib
from pathlib import Path
MARK = Path(__file__).with_name("ran")
open(MARK, "w").close()
MARK.write_text("x"); MARK.touch(); os.system(f"touch {MARK}"); subprocess.run(["touch", str(MARK)])
exec("open(MARK, 'w')"); eval("open(MARK, 'w')"); __import__("made")
compile("1", "x", "exec"); globals()["x"] = open(MARK, "w")
getattr(os, "mkdir")(str(MARK)); os.__dict__["mkdir"](str(MARK)); [].__class__.__base__.__subclasses__()
(lambda: MARK.write_text("x"))()
[MARK.write_text(str(i)) for i in range(3)]
list(map(Path.touch, [MARK])); sorted([MARK], key=Path.touch); max([MARK], key=lambda p: p.touch() or 1)
type("X", (), {"__init_subclass__": lambda: MARK.touch()}); type.mro(int)
"{0.__class__.__init__.__globals__}".format(MARK)
class Evil:
    def __str__(self): open(MARK, "w")
    def __eq__(self, other): open(MARK, "w")
    def __hash__(self): open(MARK, "w")
    def __set_name__(self, *a): open(MARK, "w")
    def __get__(self, *a): open(MARK, "w")
    def __class_getitem__(cls, item): open(MARK, "w")
class Meta(type):
    def __new__(cls, *a, **k): open(MARK, "w"); return type.__new__(cls, *a, **k)
class Made(metaclass=Meta): pass
class Holder:
    evil = Evil()
    def __init_subclass__(cls, **k): open(MARK, "w")
class Held(Holder, x=1): pass
str(Evil()); Evil() == 1; {Evil(): 1}; f"{Evil()}"; Evil[1]
from dataclasses import dataclass, field
from hydra.core.config_store import ConfigStore
@dataclass
class ExpConfig(Holder):
    a: int = open(MARK, "w").fileno()
    b: str = field(default_factory=lambda: MARK.write_text("x"))
    c: open(MARK, "w") = None
    d: "open(MARK, 'w')" = None
    e: "list[open(MARK, 'w')]" = field(default_factory=list)
    def __post_init__(self): open(MARK, "w")
@dataclass
class Other:
    o: ExpConfig = field(default_factory=ExpConfig)
ConfigStore.instance().store(name="a", node=Other)
ConfigStore.instance().store(name=f"{MARK.touch()}", node=ExpConfig())
raise SystemExit(open(MARK, "w"))
"""


@pytest.mark.parametrize("header", ["", "from __future__ import annotations\n"])
def test_nothing_of_the_code_runs(header: str, tmp_path: Path) -> None:
    files = {"train.py": header + HOSTILE, "made.py": "open(__file__ + '.ran', 'w')\n", "sitecustomize.py": "1 / 0"}
    entry = entry_of(tmp_path, files)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    modules = set(sys.modules)
    read = schema.read(entry, tmp_path)
    for registration in read.registrations:
        OmegaConf.to_container(read.structured(registration))
        read.opaque_paths(registration)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert not {name for name in set(sys.modules) - modules if name in ("made", "train", "sitecustomize", "subprocess")}
    assert "a" in {registration.name for registration in read.registrations}
    assert not fatal(read)


BROKEN: dict[str, bytes] = {
    "empty": b"",
    "comment": b"# nothing",
    "shift-jis": "x = '学習'".encode("shift_jis"),
    "bad-cookie": b"# coding: no-such-codec\nx = 1",
    "utf-16": "x = 1".encode("utf-16"),
    "null": b"x = 1\0\n",
    "deep-brackets": b"x = " + b"(" * 5000 + b")" * 5000,
    "deep-unary": b"x = " + b"-" * 3000 + b"1",
    "long-sum": b"x = " + b" + ".join([b"1"] * 5000),
    "long-elif": b"x = 1\nif x == 0: pass\n" + b"elif x == 2: pass\n" * 400,
    "self-reference": b"x = []\nx.append(x)\ny = str(x)\nz = x == [x]\n",
    "flow-outside": b"x = 1\n",
    "loop-forever": b"while True: pass\n",
    "import-self": b"import train\nfrom train import *\n",
    "del-builtin": b"int = 3\ndel int\nx = int('3')\n",
    "match": b"match 1:\n    case x: pass\n",
    "star": b"a, *b, c = [1]\n",
    "walrus": b"print(x := 3)\ny = [z := 1 for _ in 'ab']\n",
    "class-everything": (
        b"class A:\n    for i in range(3): pass\n    with open('x') as f: y = f\n    if i: z = 1\n    class B: w = z\n"
    ),
    "generator": b"def g():\n    yield 1\nx = list(g())\n",
    "global-soup": b"def f():\n    global a, b\n    a = b = 1\nf()\nc = a + b\nnonlocal_ = 1\n",
    "recursive-default": (
        b"from dataclasses import dataclass, field\nfrom hydra.core.config_store import ConfigStore\n"
        b"@dataclass\nclass N:\n"
        b"    n: 'N' = field(default_factory=lambda: N())\nConfigStore.instance().store(name='n', node=N)\n"
    ),
    "surrogates": b"x = '\\ud800'\nprint(x.encode())\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_any_file_is_read_without_an_exception(name: str, tmp_path: Path) -> None:
    write(tmp_path, {"train.py": BROKEN[name]})
    read = schema.read(tmp_path / "train.py", tmp_path)
    compiled = subprocess.run([sys.executable, "-c", "import sys; compile(open(sys.argv[1], 'rb').read(), 'x', 'exec')",
                               str(tmp_path / "train.py")], capture_output=True, check=False)  # fmt: skip
    if compiled.returncode == 0:
        assert "syntax-error" not in {problem.code for problem in read.problems}
    for problem in read.problems:
        assert problem.message
        assert problem.location.line >= 1


def test_what_is_no_file_is_a_problem(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.py"):
        assert [p.fatal for p in schema.read(path, tmp_path).problems] == [True]


# --- the records ---


def test_fields_say_where_they_stand(tmp_path: Path) -> None:
    files = {
        "train.py": f"""{HEAD}
from base import Base
@dataclass
class ExpConfig(Base):
    名前: str = "é"; lr: float = 1e-3  # the rate
    folds: list[int] = field(  # which
        default_factory=lambda: [0, 1]  # ones
    )
    opt: Optional[int] = field(default=None)
    made: list = field(default_factory=list)
    plain = 3
    required: int = MISSING
    def method(self): ...
    @property
    def twice(self): ...
    def __post_init__(self): ...
{TAIL}""",
        "base.py": "from dataclasses import dataclass\n@dataclass\nclass Base:\n"
        "    seed: int = 42 # 乱数\n    lr: int = 0\n",
    }
    entry = entry_of(tmp_path, files)
    read = schema.read(entry, tmp_path)
    record = read.classes["ExpConfig"]
    lines = files["train.py"].split("\n")
    for field in record.fields:
        text = field.location.path.read_text(encoding="utf-8").split("\n")[field.location.line - 1]
        assert text[field.location.column - 1 :].startswith(field.name)
        if field.value_location and field.name != "made":
            at = lines if field.location.path == entry else files["base.py"].split("\n")
            shown = at[field.value_location.line - 1][field.value_location.column - 1 :]
            assert shown.startswith(str(field.default))
    known = {field.name: (field.annotation, field.default, field.comment) for field in record.fields}
    assert known == {
        "seed": ("int", "42", "乱数"),
        "lr": ("float", "1e-3", "the rate"),
        "名前": ("str", '"é"', None),
        "folds": ("list[int]", "[0, 1]", "which ones"),
        "opt": ("Optional[int]", "None", None),
        "made": ("list", "list()", None),
        "required": ("int", "MISSING", None),
    }
    assert record.field("seed").location.path == tmp_path / "base.py"
    assert [field.name for field in record.unannotated] == ["plain"]
    assert record.methods == ("method", "twice", "__post_init__")
    assert (record.bases, record.decorated, record.has_post_init) == (("Base",), True, True)
    assert lines[record.location.line - 1][record.location.column - 1 :].startswith("ExpConfig")
    assert read.modules == (entry, tmp_path / "base.py")
    assert read.tree is not None
    registration = read.registration("exp", "default")
    assert registration is not None
    assert registration.config_class is record
    assert registration.node is record.cls
    assert lines[registration.location.line - 1].startswith("cs.store")


@pytest.mark.parametrize(("name", "guarded"), [("main-guard", True), ("guarded-function", True), ("chained", False)])
def test_stores_of_the_script_itself_are_marked(name: str, guarded: bool, tmp_path: Path) -> None:
    read = schema.read(entry_of(tmp_path, SAME[name]), tmp_path)
    assert [registration.in_main_guard for registration in read.registrations] == [guarded]


def test_a_schema_can_be_copied_and_merged(tmp_path: Path) -> None:
    import copy

    lines = ("a: Opt = field(default_factory=Opt)", "b: list[int] = field(default_factory=lambda: [1])")
    entry = entry_of(tmp_path, fields(*lines, before="@dataclass\nclass Opt:\n    lr: float = 0.1\n"))
    read = schema.read(entry, tmp_path)
    registration = read.registrations[0]
    node = copy.deepcopy(read.structured(registration))
    node.a.lr = 3
    node.b.append(2)
    assert OmegaConf.to_container(read.structured(registration)) == {"a": {"lr": 0.1}, "b": [1]}
    made = OmegaConf.to_object(node)
    assert type(made) is registration.node
    assert OmegaConf.get_type(node).__name__ == "ExpConfig"
    merged = OmegaConf.merge(read.structured(registration), {"a": {"lr": "5"}})
    assert merged.a.lr == 5.0


# --- packages without __init__.py ---

NAMESPACE = "from dataclasses import dataclass\n@dataclass\nclass ExpConfig:\n    a: int = 1\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("from src.config.schema import ExpConfig", "src/config/schema.py"),
        ("import src.config.schema\nExpConfig = src.config.schema.ExpConfig", "src/config/schema.py"),
        ("from src.config import schema\nExpConfig = schema.ExpConfig", "src/config/schema.py"),
        ("from src import config\nExpConfig = config.ExpConfig", "src/config/__init__.py"),
        ("import src.config.deep.schema as s\nExpConfig = s.ExpConfig", "src/config/deep/schema.py"),
    ],
)
@pytest.mark.parametrize("folder", ["", "experiments/e/"])
def test_packages_without_init_are_found_as_python_finds_them(
    statement: str, name: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_of(tmp_path, {f"{folder}train.py": f"{HEAD}{statement}\n{TAIL}", name: NAMESPACE})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = f"import runpy; runpy.run_path({str(entry)!r})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, timeout=120)
    for path in (str(tmp_path), ""):
        monkeypatch.setenv("PYTHONPATH", path)
        read = schema.read(entry, tmp_path)
        assert not fatal(read)
        registration = read.registration("exp", "default")
        assert registration is not None
        assert read.structured(registration) == {"a": 1}


def test_a_folder_of_a_librarys_name_is_no_package(tmp_path: Path) -> None:
    """wandb/ and data/ hold what runs leave behind; the library is what the code imports."""
    lines = "import wandb\nfrom wandb.sdk import Settings\nimport data\n@dataclass\nclass ExpConfig:\n    a: int = 1\n"
    files = {"train.py": f"{HEAD}{lines}{TAIL}", "wandb/run-1/files/code/train.py": "", "data/raw/x.csv": ""}
    read = schema.read(entry_of(tmp_path, files), tmp_path)
    assert not read.problems
    assert read.registration("exp", "default") is not None


def test_a_name_that_such_a_package_lacks_is_an_error(tmp_path: Path) -> None:
    files = {
        "train.py": f"{HEAD}from src.config.schema import ExpConfg as ExpConfig\n{TAIL}",
        "src/config/schema.py": NAMESPACE,
    }
    entry = entry_of(tmp_path, files)
    (problem,) = fatal(schema.read(entry, tmp_path))
    assert "cannot import name 'ExpConfg' from 'src.config.schema'" in problem.message
    ran = subprocess.run(
        [sys.executable, str(entry)], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False
    )
    assert "cannot import name 'ExpConfg' from 'src.config.schema'" in ran.stderr
