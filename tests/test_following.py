"""What the code does with the config, followed through the project and held against running it with the real Hydra.

`§` in a text stands before the character that is wrong. What is found there must end the run on that line; what is not
found must run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from running import PLAIN_EXPERIMENT, Ran, run, run_entry, write

pytestmark = pytest.mark.slow  # more than a hundred runs of entry points

CODES = ("ES331", "ES332", "ES341", "ES344", "ES340")
PRINTS = '    print(f"001-baseline: {cfg.exp.name}")\n'
OMEGACONF = "from omegaconf import DictConfig, OmegaConf"
METHODS = "    notes: str | None = None\n\n    def total(self) -> int:\n        return self.seed * 2\n"
LAYERS = (
    "@dataclass\nclass Layer:\n    size: int = 8\n\n@dataclass\nclass ExpConfig:\n"
    "    layers: list[Layer] = field(default_factory=lambda: [Layer()])\n"
    "    head: Layer = field(default_factory=Layer)\n"
)
SPLIT = {
    "train.py": "import hydra\nfrom conf import Config\nfrom loop import run\n\n"
    '@hydra.main(version_base=None, config_path=".", config_name="config")\n'
    "def main(cfg: Config) -> None:\n    run(cfg)\n\n"
    'if __name__ == "__main__":\n    main()\n',
    "conf.py": PLAIN_EXPERIMENT["train.py"].split("@hydra.main")[0],
}


def code(body: str, above: str = "", **files: str) -> dict[str, str]:
    """An experiment whose main function has this body."""
    text = PLAIN_EXPERIMENT["train.py"]
    for marker, replacement in (
        ("    notes: str | None = None\n", METHODS),
        ("@dataclass\nclass ExpConfig:\n", LAYERS),
    ):
        text = text.replace(marker, replacement)
    body = "".join(f"    {line}\n" for line in body.splitlines())
    text = text.replace(PRINTS, body).replace("@hydra.main", f"{OMEGACONF}\n{above}\n\n@hydra.main")
    return {"train.py": text, **{f"{name}.py": content for name, content in files.items()}}


# Bodies that are the same in several experiments, in which a name means something else in each.
GIVES_ON = "\n\ndef go(c):\n    use(c)\n"
RETURNS = "\n\ndef go(c):\n    exp = part(c)\n    print(exp.{})\n"
DERIVED = "\n\nclass Loop(Base):\n    def go(self):\n        print(self.kept.{})\n"


def base(kept: str) -> str:
    """A class that keeps a part of the config, and one that is derived from it."""
    return f"class Base:\n    def __init__(self, c):\n        self.kept = {kept}\n"


FAILS: dict[str, tuple[str, Mapping[str, str]]] = {
    "copy: a function of its own": ("ES331", code("go(cfg)", "def use(c):\n    print(c.exp.§lr)\n" + GIVES_ON)),
    "copy: an import": (
        "ES331",
        code("go(cfg)", "from one import use\n" + GIVES_ON, one="def use(c):\n    print(c.exp.§lr)\n"),
    ),
    "copy: what is returned": (
        "ES331",
        code("go(cfg)", "def part(c):\n    return c.env\n" + RETURNS.format("§seed")),
    ),
    "copy: what is kept": ("ES331", code("Loop(cfg).go()", base("c.env") + DERIVED.format("§seed"))),
    "copy: further down": ("ES331", code("go(cfg)", "\n\n\ndef use(c):\n    print(c.exp.§lr)\n" + GIVES_ON)),
    "attribute": ("ES331", code("print(cfg.exp.§lr)")),
    "item": ("ES331", code('print(cfg["exp"][§"lr"])')),
    "several aliases": ("ES331", code("exp, env = cfg.exp, cfg.env\nprint(env.§out_dir)")),
    "walrus": ("ES331", code("if (exp := cfg.exp) and exp.§lr:\n    pass")),
    "match": ("ES331", code("match cfg.exp.§mode:\n    case _:\n        pass")),
    "comprehension": ("ES331", code("print([cfg.exp.§lr for _ in range(2)])")),
    "lambda": ("ES331", code("print((lambda x: x * cfg.exp.§lr)(2))")),
    "nested function": ("ES331", code("def inner():\n    return cfg.exp.§lr\ninner()")),
    "f-string": ("ES331", code('print(f"{cfg.exp.§lr:.1e}")')),
    "getattr": ("ES331", code('print(getattr(cfg.exp, §"lr"))')),
    "setattr": ("ES331", code('setattr(cfg.exp, §"lr", 1)')),
    "written": ("ES331", code("cfg.exp.§lr = 1")),
    "update": ("ES331", code("cfg.exp.update(§sed=1)")),
    "OmegaConf.update": ("ES331", code('OmegaConf.update(cfg, §"exp.lr", 1)')),
    "method of the class": ("ES331", code("print(cfg.exp.§total())")),
    "field of another group": ("ES331", code("print(cfg.exp.§output_dir)")),
    "nested": ("ES331", code("head = cfg.exp.head\nprint(head.§siz)")),
    "in a list": ("ES331", code("print(cfg.exp.layers[0].§siz)")),
    "of each in a list": ("ES331", code("for layer in cfg.exp.layers:\n    print(layer.§siz)")),
    "of each, counted": ("ES331", code("for i, layer in enumerate(cfg.exp.layers):\n    print(i, layer.§siz)")),
    "to_object": ("ES331", code("exp = OmegaConf.to_object(cfg.exp)\nprint(exp.§lr)")),
    "to_object over itself": ("ES331", code("exp = cfg.exp\nexp = OmegaConf.to_object(exp)\nprint(exp.§lr)")),
    "to_container": ("ES331", code('d = OmegaConf.to_container(cfg, resolve=True)\nprint(d["exp"][§"lr"])')),
    "dict": ("ES331", code('d = dict(cfg.exp)\nprint(d[§"lr"])')),
    "copy": ("ES331", code("import copy\nc = copy.deepcopy(cfg)\nprint(c.exp.§lr)")),
    "partial": (
        "ES331",
        code("from functools import partial\npartial(go, cfg)()", "def go(c):\n    print(c.exp.§lr)"),
    ),
    "keyword": ("ES331", code("go(c=cfg)", "def go(*, c):\n    print(c.exp.§lr)")),
    "given back": ("ES331", code("exp = pick(cfg)\nprint(exp.§lr)", "def pick(c):\n    return c.exp")),
    "generator": ("ES331", code("list(go(cfg))", "def go(c):\n    yield c.exp.§lr")),
    "kept by a class": (
        "ES331",
        code(
            "T(cfg).fit()",
            "class T:\n    def __init__(self, c):\n        self.c = c\n"
            "    def fit(self):\n        print(self.c.exp.§lr)",
        ),
    ),
    "kept by the class above": (
        "ES331",
        code(
            "T(cfg.exp).fit()",
            "class B:\n    def __init__(self, e):\n        self.e = e\n"
            "class T(B):\n    def __init__(self, e):\n        super().__init__(e)\n"
            "    def fit(self):\n        print(self.e.§lr)",
        ),
    ),
    "kept by a dataclass": (
        "ES331",
        code("T(cfg).fit()", "@dataclass\nclass T:\n    c: Config\n    def fit(self):\n        print(self.c.exp.§lr)"),
    ),
    "property": (
        "ES331",
        code(
            "print(T(cfg).lr)",
            "class T:\n    def __init__(self, c):\n        self.c = c\n    @property\n    def lr(self):\n"
            "        return self.c.exp.§lr",
        ),
    ),
    "another module": ("ES331", code("from lib import go\ngo(cfg)", lib="def go(c):\n    print(c.exp.§lr)\n")),
    "module.function": ("ES331", code("import lib as l\nl.go(cfg)", lib="def go(c):\n    print(c.exp.§lr)\n")),
    "given on by a package": (
        "ES331",
        {
            **code("from pkg import go\ngo(cfg)"),
            "pkg/__init__.py": "from .inner import go\n",
            "pkg/inner.py": "def go(c):\n    print(c.exp.§lr)\n",
        },
    ),
    "everything in its own module": ("ES331", {**SPLIT, "loop.py": "def run(c):\n    print(c.exp.§lr)\n"}),
    "hydra's main under another name": (
        "ES331",
        {
            "train.py": PLAIN_EXPERIMENT["train.py"]
            .replace("import hydra\n", "from hydra import main as start\n")
            .replace("@hydra.main(", "@start(")
            .replace("{cfg.exp.name}", "{cfg.exp.§lr}")
        },
    ),
    "asdict": ("ES344", code("from dataclasses import asdict\nprint(asdict(§cfg.exp))")),
    "replace": ("ES344", code("import dataclasses\ndataclasses.replace(§cfg.exp, seed=1)")),
    "json of a list": ("ES341", code("import json\njson.dumps({'layers': §cfg.exp.layers})")),
    "json under another name": ("ES341", code("from json import dumps as write\nwrite(§cfg.exp)")),
    "json of dict()": ("ES341", code("import json\njson.dumps(§dict(cfg.exp))")),
    "yaml": ("ES341", code("import yaml\nyaml.safe_dump(§cfg.exp)")),
    "pop": ("ES340", code('cfg.exp.§pop("notes")')),
    "pop of a copy": ("ES340", code('exp = cfg.exp.copy()\nexp.§pop("notes")')),
    "del": ("ES340", code('del §cfg["env"]')),
}

RUNS_BUT: dict[str, tuple[str, Mapping[str, str]]] = {
    "get": ("ES332", code('print(cfg.exp.get(§"lr", 1))')),
    "getattr": ("ES332", code('print(getattr(cfg.exp, §"lr", 1))')),
    "select": ("ES332", code('print(OmegaConf.select(cfg, §"exp.lr", default=1))')),
    "get, then read": ("ES332", code('if cfg.exp.get(§"lr"):\n    print(cfg.exp.lr)')),
    "get of a plain dict": ("ES332", code('print(OmegaConf.to_container(cfg.exp).get(§"lr"))')),
    "isinstance": ("ES344", code("print(isinstance(§cfg.exp.layers, list))")),
    "vars": ("ES344", code("print(len(vars(§cfg.exp)))")),
    "by annotation": ("ES331", code("print(1)", "def unused(exp: ExpConfig) -> None:\n    print(exp.§lr)")),
}

RUNS: dict[str, Mapping[str, str]] = {
    "copy: a function of its own": code("go(cfg)", "def use(c):\n    print(c.exp.seed)\n" + GIVES_ON),
    "copy: an import": code("go(cfg)", "from one import use\n" + GIVES_ON, one="def use(c):\n    print(c.exp.seed)\n"),
    "copy: what is returned": code("go(cfg)", "def part(c):\n    return c.exp\n" + RETURNS.format("seed")),
    "copy: what is kept": code("Loop(cfg).go()", base("c.exp") + DERIVED.format("seed")),
    "method of the object": code("print(OmegaConf.to_object(cfg.exp).total())"),
    "method by annotation": code(
        "go(OmegaConf.to_object(cfg.exp))", "def go(exp: ExpConfig) -> None:\n    print(exp.total())"
    ),
    "attribute given to an object": code("exp = OmegaConf.to_object(cfg.exp)\nexp.device = 1\nprint(exp.device)"),
    "key given to a dict": code("d = OmegaConf.to_container(cfg.exp)\nd['gpu'] = 1\nprint(d['gpu'])"),
    "keys given to a dict": code("d = dict(cfg.exp)\nd.update({'gpu': 1}, cpu=2)\nprint(d['gpu'], d['cpu'])"),
    "setdefault": code("d = dict(cfg.exp)\nd.setdefault('gpu', 1)\nprint(d['gpu'])"),
    "a function fills the dict": code("d = dict(cfg.exp)\nfill(d)\nprint(d['gpu'])", "def fill(d):\n    d['gpu'] = 1"),
    "popped from a dict": code("d = dict(cfg.exp)\nd.pop('notes')\nd2 = OmegaConf.to_container(cfg)\ndel d2['env']"),
    "open_dict": code("from omegaconf import open_dict\nwith open_dict(cfg):\n    cfg.extra = 1\nprint(cfg.extra)"),
    "merged": code("cfg = OmegaConf.merge({'extra': 1}, cfg)\nprint(cfg.extra)"),
    "merged by a function": code(
        "cfg = prepare(cfg)\nprint(cfg.extra)", "def prepare(c):\n    return OmegaConf.merge({'extra': 1}, c)"
    ),
    "asked for first": code(
        "if 'lr' in cfg.exp:\n    print(cfg.exp.lr)\nif hasattr(cfg.exp, 'lr'):\n    print(cfg.exp.lr)"
    ),
    "caught": code("try:\n    print(cfg.exp.lr)\nexcept Exception:\n    pass"),
    "the name means something else": code("print(go(3))", "def go(cfg):\n    return cfg.real"),
    "rebound": code("cfg = {'a': 1}\nprint(cfg['a'], cfg.keys())"),
    "loop over something else": code("for cfg in [1, 2]:\n    print(cfg.real)"),
    "elements": code("print([layer.size for layer in cfg.exp.layers], *(layer.size for layer in cfg.exp.layers))"),
    "keys and values": code(
        "for key, value in cfg.exp.items():\n    print(key, value)\nfor key in cfg.exp:\n    key.upper()"
    ),
    "unpacked": code("go(**cfg.exp)", "def go(name, seed, **rest):\n    print(rest['notes'])"),
    "namespace": code("from types import SimpleNamespace\nn = SimpleNamespace(**cfg.exp)\nn.more = 1\nprint(n.more)"),
    "json of plain values": code(
        "import json\njson.dumps([cfg.exp.seed, OmegaConf.to_container(cfg.exp)])\n"
        "json.dumps(cfg.exp.layers, default=str)"
    ),
    "isinstance of a config": code("print(isinstance(cfg.exp, (dict, DictConfig)), isinstance(cfg.exp.seed, int))"),
    "asdict of the object": code("from dataclasses import asdict\nprint(asdict(OmegaConf.to_object(cfg.exp)))"),
    "another module's own settings": code(
        "from lib import go, Settings\ngo(Settings())",
        lib="class Settings:\n    x = 1\n\ndef go(cfg):\n    return cfg.x\n",
    ),
    "a class of the same name": code(
        "from lib import go, ExpConfig as Other\ngo(Other())",
        lib="class ExpConfig:\n    x = 1\n\ndef go(exp: ExpConfig):\n    return exp.x\n",
    ),
    "everything in its own module": {
        **SPLIT,
        "loop.py": "from conf import Config\n\n"
        "class Loop:\n    def __init__(self, cfg: Config):\n        self.cfg = cfg\n"
        "        self.steps = 3\n\n    def go(self):\n        return self.steps * self.cfg.exp.epochs\n\n"
        "def run(cfg: Config):\n    print(Loop(cfg).go())\n",
    },
}


@dataclass(frozen=True)
class Tried:
    """An experiment, and what validate.py finds in it."""

    entry: Path
    found: list[dict[str, Any]]
    mark: tuple[str, int, int] | None

    def run(self) -> Ran:
        """What running it does."""
        return run_entry(self.entry, "exp=001", env={"HYDRA_FULL_ERROR": "1"})


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tried]:
    """All of them, in one project."""
    root = tmp_path_factory.mktemp("following")
    marks: dict[str, tuple[str, int, int]] = {}
    folders = {name: f"experiments/{index:03}-x" for index, name in enumerate(_all())}
    for name, files in _all().items():
        texts = {**PLAIN_EXPERIMENT, **files}
        for file, text in texts.items():
            before, mark, _ = text.partition("§")
            if mark:
                line = before.count("\n") + 1
                marks[name] = (f"{folders[name]}/{file}", line, len(before) - before.rfind("\n"))
        write(root / folders[name], {file: text.replace("§", "") for file, text in texts.items()})
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in run("validate.py", "--json", "--select", ",".join(CODES), cwd=root).json["findings"]:
        if finding["severity"] != "info":
            found.setdefault(finding["path"][:17], []).append(finding)
    return {
        name: Tried(root / folder / "train.py", found.get(folder, []), marks.get(name))
        for name, folder in folders.items()
    }


def _all() -> dict[str, Mapping[str, str]]:
    fails = {f"fails: {name}": files for name, (_, files) in FAILS.items()}
    but = {f"runs, but: {name}": files for name, (_, files) in RUNS_BUT.items()}
    return {**fails, **but, **{f"runs: {name}": files for name, files in RUNS.items()}}


@pytest.mark.parametrize("name", FAILS)
def test_what_ends_the_run_is_found_where_it_ends(tried: dict[str, Tried], name: str) -> None:
    case, code = tried[f"fails: {name}"], FAILS[name][0]
    assert case.mark is not None
    ran = case.run()
    assert ran.code != 0
    path, line, column = case.mark
    assert re.search(rf"{re.escape(Path(path).name)}\", line {line}\b", ran.err), ran.err
    assert [(f["code"], f["path"], f["line"], f["column"]) for f in case.found] == [(code, path, line, column)]


@pytest.mark.parametrize("name", RUNS_BUT)
def test_what_runs_but_not_as_written_is_a_warning(tried: dict[str, Tried], name: str) -> None:
    case, code = tried[f"runs, but: {name}"], RUNS_BUT[name][0]
    ran = case.run()
    assert ran.code == 0, ran.err
    assert [(f["code"], f["severity"], f["path"], f["line"], f["column"]) for f in case.found] == [
        (code, "warning", *(case.mark or ()))
    ]


@pytest.mark.parametrize("name", RUNS)
def test_what_runs_is_right(tried: dict[str, Tried], name: str) -> None:
    case = tried[f"runs: {name}"]
    ran = case.run()
    assert ran.code == 0, ran.err
    assert case.found == []
