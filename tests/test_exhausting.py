"""Code that exhausts whoever computes it: it is read within a budget, and what goes past that is opaque.

Each source is read in a process of its own, whose memory is measured; a limit of CPU time ends one that hangs.
"""

from __future__ import annotations

import functools
import os
import resource
import subprocess
import sys
import traceback
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import schema, uses
from experiment_setup.checking import validation, workers
from experiment_setup.code.evaluator import Evaluator
from experiment_setup.composing import resolving
from experiment_setup.composing.interpolation import unusable_values
from experiment_setup.composing.refusals import TooLong
from running import PLAIN_EXPERIMENT, SCRIPTS, write
from schema_samples import HEAD, TAIL

pytestmark = pytest.mark.slow

MOST = 300 * 1024  # KiB
LONGEST = 30  # seconds of CPU; all of them together take about ten

STORE = '\nConfigStore.instance().store(name="more", node={})\n'


def classes(count: int, line: str, first: str = "class C0: pass\n") -> str:
    return first + "".join(line.format(i, i - 1) for i in range(1, count))


NESTED = "@dataclass\nclass C{0}:\n    a: C{1} = field(default_factory=C{1})\n"
FIRST = "@dataclass\nclass C0:\n    a: int = 1\n"
FIBONACCI = "def f(n):\n    return f(n - 1) + f(n - 2) if n > 1 else n\n"
GROWS = "x = {0}\nfor i in range(60):\n    x = {1}\n"

EXHAUST = {
    "big lists": "x = [list(range(99_999)) for i in range(9_000)]",
    "many lists": "\n".join(f"x{i} = list(range(19_999))" for i in range(3_000)),
    "a large literal": f"x = [{'1,' * 400_000}]",
    "translate": 'x = "a" * 1000\nfor i in range(50):\n    x = x.translate({97: "a" * 1000})',
    "expandtabs": 'x = ("\\t" * 90_000).expandtabs(9_999)',
    "format": 'x = ("{0}" * 30_000).format("a" * 90_000)',
    "percent": 'x = ("%(a)s" * 20_000) % {"a": "a" * 90_000}',
    "a wide format": 'x = "%(a)999999999s" % {"a": 1}\ny = "{0[0]:{0[1]}}".format(["a", 10**9])\n'
    'z = "{:{w}}".format("a", w=9e8)\nw = "{:{a}{b}{c}}".format("a", a=999, b=999, c=999)',
    "paths": GROWS.format('Path("a")', "x / x / x"),
    "join, unbound": 'x = str.join("a" * 90_000, ["b"] * 19_000)',
    "a format that takes the square": 'x = ("{" + ":" * 90_000).format(1)',
    "join": 'x = ("a" * 90_000).join(["b"] * 19_000)',
    "f-strings": GROWS.format('"a"', 'f"{x}{x}"'),
    "nested lists": GROWS.format("[1]", "[x, x]") + "y = str(x)\nz = x == x\n" + STORE.format("x"),
    "nested tuples": GROWS.format("(1,)", "(x, x)") + "y = {x: 1}\nz = hash(x)\nx()\n",
    "nested dictionaries": GROWS.format("{}", '{"a": x, "b": x}') + STORE.format("x"),
    "a list in itself": GROWS.format("[1]", "x + x").replace("x = x + x", "x.extend(x)"),
    "nested types": GROWS.format("int", "Tuple[x, x]") + "@dataclass\nclass Q:\n    a: x = None\n" + STORE.format("Q"),
    "nested unions": GROWS.format("int", "list[x] | dict[str, x]") + "@dataclass\nclass Q:\n    a: x | None = None\n",
    "deep lists": "x = []\nfor i in range(9_000):\n    x = [x]\ny = str(x)\n" + STORE.format('{"a": x}'),
    "deep dataclasses": classes(300, NESTED, FIRST) + STORE.format("C299"),
    "wide dataclasses": classes(40, NESTED + "    b: C{1} = field(default_factory=C{1})\n", FIRST)
    + STORE.format("C39"),
    "deep inheritance": classes(3_000, "@dataclass\nclass C{0}(C{1}):\n    a{0}: int = 1\n"),
    "many classes": classes(8_000, "@dataclass\nclass C{0}:\n    a: int = 1\n"),
    "many instances": f"{FIRST}x = [[C0() for i in range(9_999)] for j in range(9_999)]",
    "integers": "x = 1\nfor i in range(9_999):\n    x *= 10 ** 1_000",
    "a product": "import math\nx = math.prod([10 ** 5_000] * 10_000)\n"
    "y = math.lcm(*[10 ** 5_000 + i for i in range(999)])",
    "arrangements": "import itertools\nx = list(itertools.product(range(9_000), repeat=5_000))\n"
    "y = list(itertools.permutations(range(900)))",
    "bytes": 'x = (1).to_bytes(10 ** 9, "big")',
    "a range without end": "x = range(10 ** 30)\ny = list(x)\nz = len(x)\nw = 5 in x",
    "calls": f"{FIBONACCI}x = f(30)",
    "defaults": f"{FIBONACCI}@dataclass\nclass Q:\n"
    + "".join(f"    a{i}: int = field(default_factory=lambda: f(22))\n" for i in range(2_000))
    + STORE.format("Q"),
    "loops": "for a in range(9_999):\n    for b in range(9_999):\n        x = 1",
    "looking through lists": "b = list(range(19_000))\nfor i in range(9_999):\n    x = -1 in b\n    y = sorted(b)",
    "a long path": 'p = Path("/" + "a/" * 40_000)\nfor i in range(200):\n    q = p.parents',
    "YAML": 'x = OmegaConf.create("""a: &a [x,x,x,x,x,x,x,x,x]\n'
    + "".join(f"{b}: &{b} [{f'*{a},' * 8}*{a}]\n" for a, b in zip("abcdef", "bcdefg", strict=True))
    + '""")',
    "many stores": "".join(STORE.replace("more", f"d{i}").format("{'a': 1}") for i in range(5_000)),
    "a constructor without end": f"{FIRST}    def __post_init__(self):\n        C0()\n{STORE.format('C0')}",
    "lists in a long block": "if True:\n"
    + "".join(f"    x{i} = list(range({i}_000_000, {i}_000_380))\n" for i in range(10_000)),
    "lists behind many lines": "if True:\n"
    + "    pass\n" * 20_000
    + "".join(f"    x{i} = list(range({i}_000_000, {i}_019_000))\n" for i in range(400)),
    "attributes without end": "class A:\n    def __getattr__(self, n):\n        return getattr(self, n)\nx = A().b",
}


def peak_of(entry: Path) -> int:
    """The memory that reading an entry point takes at most, in KiB, with what the process has already."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
        Evaluator.tolerant = False
        try:
            read = schema.read(entry, entry.parent)
            for registration in read.registrations:
                read.structured(registration)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status, used = os.wait4(child, 0)
    assert status == 0, "a traceback, or more time than any code may take"
    return used.ru_maxrss


def test_a_class_of_too_many_nodes_is_not_made(tmp_path: Path) -> None:
    """Of two fields in each, which are classes of two: thirty of them come to a billion."""
    text = classes(16, f"{NESTED}    b: C{{1}} = field(default_factory=C{{1}})\n", FIRST)
    write(tmp_path, {"train.py": f"{HEAD}{text}{STORE.format('C1')}\n{TAIL}"})
    known = schema.read(tmp_path / "train.py", tmp_path).classes
    assert schema.node_of_class(known["C15"].cls) is None
    assert schema.node_of_class(known["C3"].cls) == OmegaConf.structured(known["C3"].cls)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="measures processes")
@pytest.mark.parametrize("name", EXHAUST)
def test_code_that_exhausts_is_read_within_a_budget(name: str, tmp_path: Path) -> None:
    write(
        tmp_path, {"train.py": f"{HEAD}from typing import Tuple\n{EXHAUST[name]}\n{TAIL}", "plain.py": f"{HEAD}{TAIL}"}
    )
    assert peak_of(tmp_path / "train.py") - peak_of(tmp_path / "plain.py") < MOST


@pytest.mark.parametrize("name", ["big lists", "f-strings", "integers", "deep inheritance", "loops", "YAML"])
def test_the_rest_of_such_a_module_is_known(name: str, tmp_path: Path) -> None:
    text = f"{HEAD}\n{EXHAUST[name]}\n@dataclass\nclass ExpConfig:\n    a: int = 3\n{TAIL}"
    write(tmp_path, {"train.py": text})
    read = schema.read(tmp_path / "train.py", tmp_path)
    assert [problem for problem in read.problems if problem.fatal] == []
    assert read.main is not None
    assert read.main.called
    registration = read.registration("exp", "default")
    assert registration is not None
    assert read.structured(registration).a == 3


@pytest.mark.parametrize(
    "line", ["    f{0}: int = {0}\n", "    f{0}: list[int] = field(default_factory=lambda: [{0}])\n"]
)
def test_what_people_write_down_is_read(line: str, tmp_path: Path) -> None:
    """The budget grows with the lines, so that a large dataclass is no exhausting one."""
    fields = "".join(line.format(number) for number in range(2_000))
    write(tmp_path, {"train.py": f"{HEAD}\n@dataclass\nclass ExpConfig:\n{fields}{TAIL}"})
    read = schema.read(tmp_path / "train.py", tmp_path)
    registration = read.registration("exp", "default")
    assert registration is not None
    assert read.structured(registration).f1999 in (1999, [1999])


@pytest.mark.parametrize(
    "text",
    [
        "return 1",
        "class A:\n    return 1",
        "break",
        "if 1:\n    continue",
        "for i in []:\n    def f():\n        break",
        "yield 1",
        "nonlocal x",
        "def f(a, a): pass",
        "x = 1\nfrom __future__ import annotations",
        "from __future__ import nothing",
        "try:\n    pass\nexcept:\n    pass\nexcept ValueError:\n    pass",
        "*a, *b = [1]",
        "x = dict(a=1, a=2)",
        "def f(x):\n    global x",
        "def f():\n    from os import *",
    ],
)
def test_what_the_compiler_refuses_is_a_syntax_error(text: str, tmp_path: Path) -> None:
    write(tmp_path, {"train.py": f"{text}\n", "other.py": "import train\n"})
    with pytest.raises(SyntaxError) as refused:
        compile(text, "train.py", "exec")
    for entry in ("train.py", "other.py"):
        first = next(iter(schema.read(tmp_path / entry, tmp_path).problems))
        assert (first.fatal, first.location.path.name) == (True, "train.py")
        assert first.message == f"SyntaxError: {refused.value.msg}"


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return 1\nfor i in []:\n    if 1:\n        break\n    else:\n        continue\n",
        "'''text'''\nfrom __future__ import annotations\n",
        "def f(a, /, b, *, c, **d):\n    def g(a): return a\n    return g\n",
        "try:\n    pass\nexcept ValueError:\n    pass\nexcept:\n    pass\n",
        "while 0:\n    class A:\n        for i in ():\n            break\n",
        "*a, b = [1]\nx = [*a, *b]\nf = lambda: (yield)\n",
    ],
)
def test_what_the_compiler_takes_is_none(text: str, tmp_path: Path) -> None:
    compile(text, "train.py", "exec")
    write(tmp_path, {"train.py": text})
    assert "syntax-error" not in {problem.code for problem in schema.read(tmp_path / "train.py", tmp_path).problems}


ENCODED = {
    "undefined": b"# coding: undefined\nx = 1",
    "idna": b"# coding: idna\nx = 1",
    "punycode": b"# coding: punycode\n" + b"a" * 300_000,
    "rot13": b"# coding: rot13\nx = 1",
    "zlib": b"# coding: zlib\nx = 1",
    "a lone surrogate": b"# coding: utf-7\nx = '+2AA-'",
}


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoding_that_is_no_source_is_a_syntax_error(name: str, tmp_path: Path) -> None:
    write(tmp_path, {"train.py": ENCODED[name]})
    (problem,) = schema.read(tmp_path / "train.py", tmp_path).problems
    assert (problem.code, problem.fatal) == ("syntax-error", True)


ODD = {
    "field(1)": "@dataclass\nclass Q:\n    a: int = field(1)",
    "field of no bools": "@dataclass\nclass Q:\n"
    "    a: int = field(default=1, init=3, repr=[], compare=print, hash=len)",
    "field of a field": "@dataclass\nclass Q:\n"
    "    a: int = field(default=field())\n    b: int = field(default_factory=field)",
    "field of no text": "@dataclass\nclass Q:\n    a: int = field(**{'default': 1, 3: 4})",
    "metadata": "@dataclass\nclass Q:\n"
    "    a: int = field(default=1, metadata=5)\n    b: int = field(default=1, metadata={1: []})",
    "kw_only": "@dataclass\nclass Q:\n    a: int = field(default=1, kw_only='x')",
    "a factory that takes something": "@dataclass\nclass Q:\n    a: int = field(default_factory=lambda x: x)",
    "dataclass(3)": "@dataclass(3)\nclass Q: pass\ndataclass()(3)\ndataclass(3)\ndataclass()()",
    "dataclass options": "@dataclass(order=1, init=False)\nclass Q:\n    a: int = 1\n"
    "@dataclass(nothing=1)\nclass R: pass",
    "lone surrogates": "x = '\\ud800'.encode()\nPath('/\\ud800').resolve()\nsys.path.append('\\ud800')\nimport nothing",
    "NUL": "Path('/\\0').resolve()\nos.path.realpath('/\\0')\nsys.path.insert(0, '/\\0')\nimport nothing.at_all",
    "bases": "class A(*[1], **{}): pass\nclass B(metaclass=3): pass\nclass C(1): pass\nclass D(Enum, int, str): pass",
    "enumerations": "class A(Enum):\n    def mro(self): pass\nclass B(Enum):\n    _ignore_ = 3\nclass C(bool): pass",
    "raising": "raise UnicodeDecodeError",
    "a body that fails": "class Q:\n    a: 'Later' = None\n    b = 1 / 0\nLater = int",
    "raising a function": "def f(): pass\nraise f",
    "imports": "import train\nfrom train import *\nfrom .... import z\nimport a.b.c\nfrom os.path import nothing",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_code_is_read_without_an_exception(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Evaluator, "tolerant", False)
    write(tmp_path, {"train.py": f"{HEAD}{ODD[name]}\n{TAIL}"})
    read = schema.read(tmp_path / "train.py", tmp_path)
    assert all(problem.message and problem.location.line for problem in read.problems)


# --- what the code does with the config ---

MAIN = '\n@hydra.main(version_base=None, config_path=".", config_name="config")\ndef main(cfg):\n'
SUPER = "    def __init__(self, c):\n        super().__init__(c)\n        super().__init__(c.a)\n"
FOLLOW = {
    "calls in calls": f"def f(c): return c\n{MAIN}    x = {'f(' * 40}cfg{')' * 40}\n    print(x.a)",
    "a function that calls itself": f"def f(c):\n    f(c.a)\n{MAIN}    f(cfg)",
    "one that calls itself twice": f"def f(c):\n    f(c.a)\n    f(c.b)\n{MAIN}    f(cfg)",
    "a class that makes itself": "class A:\n    def __init__(self, c):\n        self.c = c\n"
    "        A(c.a)\n        A(c.b)\n"
    f"    def g(self):\n        A(self.c.d)\n{MAIN}    A(cfg)",
    "functions that call each other": "".join(
        f"def f{i}(c, d=None):\n" + "".join(f"    f{j}(c, c.a{i})\n    f{j}(d, c)\n" for j in range(12))
        for i in range(12)
    )
    + f"{MAIN}    f0(cfg, cfg)",
    "functions that return each other's": "".join(
        f"def f{i}(c):\n    return f{i + 1}(f{i + 1}(c))\n" for i in range(25)
    )
    + f"def f25(c): return c\n{MAIN}    print(f0(cfg).a)",
    "super": f"class A0:\n{SUPER}"
    + "".join(f"class A{i}(A{i - 1}):\n{SUPER}" for i in range(1, 30))
    + f"{MAIN}    A29(cfg)",
    "deep expressions": f"{MAIN}    x = cfg{'.a' * 900}\n    z = {' + '.join(['cfg.a'] * 800)}",
    "many branches": f"{MAIN}    if cfg.a: pass\n" + "    elif cfg.b: pass\n" * 400,
}


@pytest.mark.parametrize("name", FOLLOW)
def test_following_the_config_ends(name: str, tmp_path: Path) -> None:
    """Where it is not followed further, the config counts as read: nothing of it is said to be of no use."""
    write(tmp_path, {"train.py": f'import hydra\n{FOLLOW[name]}\n\nif __name__ == "__main__":\n    main()\n'})
    before = resource.getrlimit(resource.RLIMIT_CPU)
    spent = int(sum(os.times()[:2]))
    resource.setrlimit(resource.RLIMIT_CPU, (spent + LONGEST, before[1]))
    try:
        reading = uses.read(schema.read(tmp_path / "train.py", tmp_path), {})
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, before)
    assert reading.followed
    assert reading.reads(("a",))
    assert len(reading.uses) < 10_000


def test_names_for_names_take_little_memory(tmp_path: Path) -> None:
    """Each that is bound makes another question of the lines that tell something; all answers came to gigabytes."""
    names = "".join(f"    a{at} = a{at - 1}\n" for at in range(1, 1_000))
    write(tmp_path, {"train.py": f"import hydra\n{MAIN}    a0 = cfg\n{names}    print(a999.b)\n\nmain()\n"})
    read = schema.read(tmp_path / "train.py", tmp_path)
    tracemalloc.start()
    reading = uses.read(read, {})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reading.reads(("b",))
    assert peak < 20 << 20


def doubled(first: Any, written: str) -> dict[str, Any]:
    """Values each of which refers to the one before it, twice."""
    return {"k0": first} | {f"k{i}": written.replace("BEFORE", f"${{k{i - 1}}}") for i in range(1, 40)}


ENDLESS = {
    "texts": doubled("x", "BEFOREBEFORE"),
    "long texts": doubled("x" * 100_000, "BEFORE" * 20),
    "lists": doubled("x", "${oc.create:[BEFORE,BEFORE]}"),
    "mappings": {key: {"a": value, "b": value} for key, value in doubled("x", "BEFORE").items()},
}


@pytest.mark.parametrize("what", ENDLESS)
def test_references_that_double_each_other_have_an_end(what: str) -> None:
    config = OmegaConf.create(ENDLESS[what])
    (found,) = unusable_values(config)  # the others are not looked at: each takes long
    assert isinstance(found.refusal, TooLong)
    with pytest.raises(OmegaConfBaseException):  # OmegaConf 2.4 fails with an error of its own for some
        resolving.resolve(config, "")


def test_what_configs_refer_to_is_within_the_bounds() -> None:
    """The twin: many references, and long lists."""
    values = {f"v{i}": i for i in range(400)}
    written = {"text": "".join(f"${{v{i}}}" for i in values.values()), "items": [0] * 5_000, "again": "${items}"}
    config, oracle = OmegaConf.create({**values, **written}), OmegaConf.create({**values, **written})
    assert not list(unusable_values(config))
    assert resolving.resolve(config, "") == {}
    assert OmegaConf.to_container(config) == OmegaConf.to_container(oracle, resolve=True)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="measures processes of Linux")
def test_experiments_that_import_one_large_package_take_the_memory_of_one(tmp_path: Path) -> None:
    """Each with a second entry point, which is asked whether it reads a field that the first does not."""
    line = "def f{0}(a, b=1):\n    return [a * b + i for i in range(1{1}{0})], {{'a': a, 'b': [b, a + 1, a - 1]}}\n\n\n"
    modules = {f"package/m{n}.py": "".join(line.format(i, n) for i in range(200)) for n in range(60)}
    read = "name seed learning_rate batch_size epochs debug fold notes".split()
    imports = "".join(f"import package.m{n}\n" for n in range(60))
    write(tmp_path, {"package/__init__.py": "", **modules})
    names = [f"experiments/{number:03d}-x" for number in range(1, 6)]
    for name in names:
        code = PLAIN_EXPERIMENT["train.py"].replace("import hydra\n", f"import hydra\n{imports}", 1)
        code = code.replace("    seed: int", "    unread: int = 1\n    seed: int", 1)
        code = code.replace("{cfg.exp.name}", " ".join(f"{{cfg.exp.{field}}}" for field in read), 1)
        write(tmp_path / name, PLAIN_EXPERIMENT | {"train.py": code, "infer.py": code})

    def peak(*words: str) -> int:
        command = [sys.executable, str(SCRIPTS / "validate.py"), "--root", str(tmp_path), *words]
        one = functools.partial(os.sched_setaffinity, 0, {min(os.sched_getaffinity(0))})
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=one)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return used.ru_maxrss

    assert peak(*names) < 2 * peak(names[0])


def _sets(count: int) -> dict[str, str]:
    """Parameter sets, and options beside them; every fourth has a finding."""
    texts = dict(PLAIN_EXPERIMENT)
    texts["config.yaml"] = texts["config.yaml"].replace("  - override", "  - data: d0000\n  - override", 1)
    for number in range(count):
        texts[f"exp/{number:04}.yaml"] = f"defaults:\n  - default@_here_\n\nname: s{number}\nseed: {number}\n"
        texts[f"data/d{number:04}.yaml"] = f"size: {number}\n"
        if number % 4 == 0:
            texts[f"exp/x{number:04}.yaml"] = f"seed: {number}\n"  # with a finding
            texts[f"data/e{number:04}.yaml"] = f"defaults:\n  - d{number:04}\n\nsize: 7\n"
    return texts


_UNTYPED = {
    "train.py": """import hydra


@hydra.main(config_path="configs", config_name="train", version_base=None)
def main(cfg):
    print(cfg.model.width, cfg.seed)


if __name__ == "__main__":
    main()
""",
    "configs/train.yaml": "defaults:\n  - _self_\n  - model: small\n  - experiment: null\n\nseed: 1\n",
    "configs/model/small.yaml": "width: 1\n",
    "configs/model/large.yaml": "width: 9\n",
}


def _sets_at_the_root(count: int) -> dict[str, str]:
    text = "# @package _global_\ndefaults:\n  - override /model: large\n\nseed: {0}\nmodel:\n  width: {0}\n"
    return _UNTYPED | {f"configs/experiment/e{number:04}.yaml": text.format(number) for number in range(count)}


def _configs_beside_each_other(count: int) -> dict[str, str]:
    text = "defaults:\n  - train\n  - _self_\n\nseed: {0}\n"
    return _UNTYPED | {f"configs/run_{number:04}.yaml": text.format(number) for number in range(count)}


def _entry_points(count: int) -> dict[str, str]:
    return _UNTYPED | {f"run_{number:04}.py": _UNTYPED["train.py"] for number in range(count)}


def _search_paths(count: int) -> dict[str, str]:
    entries = "".join(f"    - file://nowhere/{number}\n    - pkg://nowhere{number}\n" for number in range(count))
    return PLAIN_EXPERIMENT | {"config.yaml": f"{PLAIN_EXPERIMENT['config.yaml']}  searchpath:\n{entries}"}


def calls_of_a_check(root: Path, texts: Mapping[str, str]) -> int:
    """How many calls of Python functions it takes to check the experiments of these files, from their folder."""
    write(root / "experiments/001-baseline", texts)
    calls = [0]

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        calls[0] += event == "call"

    sys.setprofile(counted)
    try:
        assert not validation.run(validation.Request(root=root)).result.failed
    finally:
        sys.setprofile(None)
    return calls[0]


@pytest.mark.parametrize(
    ("made", "size", "most_times"),
    [
        (_sets, 100, 2.2),  # of each to each of the others it would be four times
        (_sets_at_the_root, 100, 2.2),
        (_configs_beside_each_other, 30, 2.2),
        (_search_paths, 20, 2.2),
        (_entry_points, 30, 3),  # each is asked what it declares, by each of the others
    ],
)
def test_the_work_of_a_check_grows_as_the_project_does(
    made: Callable[[int], dict[str, str]],
    size: int,
    most_times: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "_cores", lambda: 1)  # other processes are not counted
    calls_of_a_check(tmp_path / "warm", made(20))
    few, many, most = (calls_of_a_check(tmp_path / str(count), made(count)) for count in (size, 2 * size, 4 * size))
    assert most - many < most_times * (many - few)
