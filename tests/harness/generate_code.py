"""The Python side of a random experiment: its entry point, its dataclasses in one module or more, its registrations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import generate_pools as pools
import generate_python as python
from generate_pools import KINDS, Draw, Kind, pick, rarely

Fields = list[tuple[str, Kind]]


@dataclass
class Code:
    """What the Python files declare, for the YAML files to use."""

    exp: Fields
    env: Fields
    model: Fields  # of a third group; [] for none
    model_key: str = "model"  # how config.yaml names that group: `model@exp.part` and `db/engine` have other places
    files: dict[str, str] = field(default_factory=dict)
    config_dir: str = ""
    config_name: str = "config"
    has_schema: bool = False

    @property
    def model_group(self) -> str:
        """The folder of the third group."""
        return self.model_key.split()[-1].partition("@")[0].lstrip("/")

    @property
    def model_choice(self) -> str:
        """What is typed to choose from it."""
        return self.model_key.split()[-1].lstrip("/")


_IMPORTS = f"""\
{python.IMPORTS}
from dataclasses import InitVar, dataclass, field
from enum import Enum, IntEnum, auto
from pathlib import Path
from typing import Annotated, Any, Callable, ClassVar, Dict, Final, List, Literal, Optional, Tuple, Union

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING
"""

_COMMON = '''\
DATA = Path("data")
COLUMNS = ["a", "b"]
LIMITS = {"low": 0.1, "high": 1}
RATE = 2 * 1e-3
VERSION = "v" + str(3)


def columns() -> list[str]:
    """What a function gives, and not a literal."""
    return [*COLUMNS, "c"]


class Color(Enum):
    RED = 1
    BLUE = 2


class Level(str, Enum):
    LOW = "low"
    HIGH = "high"


class Mode(IntEnum):
    FAST = auto()
    SLOW = auto()


@dataclass
class Opt:
    x: int = 1
    y: Any = None


@dataclass
class Child(Opt):
    w: float = 0.5


@dataclass
class Deep:
    """Two levels of dataclasses."""

    opt: Opt = field(default_factory=Opt)
    maybe: Optional[Child] = None
    many: List[Opt] = field(default_factory=lambda: [Opt(), Child(x=2)])
    table: Dict[str, Opt] = field(default_factory=lambda: {"a": Opt(y="b")})
    level: Level = Level.HIGH


'''


def code(draw: Draw) -> Code:
    """The Python files of an experiment."""
    names = draw.sample(pools.NAMES, len(pools.NAMES))
    others = [n for n in names if n not in ("name", "seed")]
    exp = _fields(draw, ["name", "seed", *others[: draw.randint(1, 6)]])
    before = []
    for number in range(draw.randint(1, 3) if rarely(draw, 4) else 0):
        lines, kind, default = python.computed(draw)
        before.append(lines)
        exp.append((f"computed{number}", kind, default))
    env = _fields(draw, ["output_dir", *[n for n in names if n != "output_dir"][: draw.randint(0, 3)]])
    model = _fields(draw, others[: draw.randint(1, 3)]) if rarely(draw, 6) else []
    key = "model" if not rarely(draw, 3) else pick(draw, _MODEL_KEYS)
    if model and "part" in key and not rarely(draw, 12):
        exp.append(("part", *_part(draw)))
    result = Code(*([(n, k) for n, k, _ in fields] for fields in (exp, env, model)), key)
    base = _class(draw, "Config", _root_fields(draw, result))
    classes = [*_exp_classes(draw, exp), *_class(draw, "EnvConfig", env)]
    if model:
        classes = [*_class(draw, "ModelConfig", model), *classes]
    stores = _stores(draw, result)
    common = "\n\n".join([_COMMON, *before, ""]) if before else _COMMON
    _arrange(draw, result, [common, *classes, *base], stores, _main(draw, result))
    return result


_MODEL_KEYS = """
model@exp.part ¦ model@exp.part ¦ model@exp.part ¦ model@second ¦ model@second ¦ db/engine ¦ db/engine ¦ db/engine ¦
db/engine@engine ¦ model@_global_ ¦ model@model ¦ db/engine@exp.part ¦ /model ¦ optional model ¦ optional model@exp.part
"""


def _part(draw: Draw) -> tuple[Kind, str]:
    """A field that an option of the third group goes into."""
    part = pick(
        draw,
        "Any = None ¦ Any = MISSING ¦ ModelConfig = field(default_factory=ModelConfig) ¦ dict = MISSING ¦"
        "Optional[ModelConfig] = None ¦ ModelConfig = MISSING ¦ dict[str, Any] = field(default_factory=dict)",
    )
    annotation, default = part.split(" = ")
    return Kind(annotation, (), ("{}", "null", "{x: 3}")), default


def _root_fields(draw: Draw, code: Code) -> list[tuple[str, Kind, str]]:
    config = [("exp", _plain("ExpConfig"), pick(draw, f"{'field(default_factory=ExpConfig) ¦' * 6} MISSING"))]
    config.append(("env", _plain("EnvConfig"), pick(draw, "field(default_factory=EnvConfig) ¦ MISSING")))
    if code.model:
        place = (code.model_choice.partition("@")[2] or code.model_group).replace("/", ".").split(".")
        types = "ModelConfig ¦ ModelConfig ¦ Any" if len(place) == 1 else "Any ¦ Any ¦ dict"
        if place[0].isalpha() and place[0] not in ("exp", "env"):
            config.append((place[0], _plain(pick(draw, types)), "MISSING"))
    if rarely(draw, 6):
        config.append(("top", draw.choice(KINDS), "MISSING"))
    return config


def _plain(annotation: str) -> Kind:
    return Kind(annotation, (), ())


_WANTED = re.compile(r"(?<![\w.\"'])(?=(?:Config|EnvConfig|ExpConfig|ModelConfig|Opt)\b)")


def _arrange(draw: Draw, code: Code, classes: list[str], stores: list[str], main: list[str]) -> None:
    """Everything in the entry point, or the dataclasses (and their registrations) in another module of the project."""
    entry = "train.py" if not rarely(draw, 8) else pick(draw, "run.py ¦ main.py ¦ 実行.py")
    future = ["from __future__ import annotations"] if rarely(draw, 9) else []
    shape = "one" if not rarely(draw, 5) else pick(draw, "classes ¦ all ¦ star ¦ module ¦ package ¦ src ¦ relative")
    if shape == "one":
        code.files[entry] = "\n".join([*future, _IMPORTS, "", *classes, *stores, *main])
        return
    wanted = "Config, EnvConfig, ExpConfig" + (", ModelConfig" if code.model else "") + ", Child, Color, Opt"
    body, rest = [*future, _IMPORTS, "", *classes], [_IMPORTS, ""]
    path, line = "configs.py", f"from configs import {wanted}"
    if shape == "star":
        line = "from configs import *"
    elif shape == "package":
        path, line = "proj/configs.py", f"from proj.configs import {wanted}"
        code.files["proj/__init__.py"] = ""
    elif shape == "relative":
        path, line = "proj/parts/configs.py", f"from proj import {wanted}"
        code.files["proj/__init__.py"] = f"from .parts.configs import {wanted}\n"
    elif shape == "src":
        path, line = "../../src/proj/configs.py", f"from proj.configs import {wanted}"
        way = 'sys.path.insert(0, str(Path(__file__).parents[2] / "src"))\n'
        rest.insert(0, f"import sys\nfrom pathlib import Path\n\n{way}")
    elif shape == "module":
        line = "import configs"
        stores, main = ([re.sub(_WANTED, r"\g<0>configs.", text) for text in lines] for lines in (stores, main))
    if shape == "all":
        code.files[path] = "\n".join([*body, *stores])
        code.files[entry] = "\n".join([*rest, line, "", "", *main])
    else:
        code.files[path] = "\n".join(body)
        code.files[entry] = "\n".join([*rest, line, "", "", *stores, *main])


def _main(draw: Draw, code: Code) -> list[str]:
    code.config_dir = "" if not rarely(draw, 6) else pick(draw, "conf ¦ conf ¦ conf/all")
    code.config_name = "config" if not rarely(draw, 9) else "main"
    version = "version_base=None, "
    if rarely(draw, 5):
        version = pick(draw, 'version_base="1.3", ¦ version_base="1.2", ¦ version_base="1.1", ¦ ∅')
    name = code.config_name + (".yaml" if rarely(draw, 30) else "")
    place = f'config_path="{code.config_dir or "."}", config_name="{name}"'
    setting = []
    if rarely(draw, 8):
        setting, version, place = _other_main(draw, code, name)
    hint = pick(draw, "cfg ¦ cfg: Config ¦ cfg: 'Config'")
    result = " -> None" if rarely(draw, 2) else ""
    lines = ["import logging", "", "log = logging.getLogger(__name__)", "", ""] if rarely(draw, 8) else []
    lines += setting
    lines += [f"@hydra.main({version}{place})", f"def main({hint}){result}:", "    print(cfg)", ""]
    return [*lines, 'if __name__ == "__main__":', "    main()", ""]


def _other_main(draw: Draw, code: Code, name: str) -> tuple[list[str], str, str]:
    """Lines before the entry point, and the arguments of `hydra.main`, not as plain keywords."""
    folder = code.config_dir or "."
    arguments = pick(
        draw,
        "config_path=CONF, config_name=NAME ¦ CONF, NAME ¦ # (here)⏎    config_path=CONF, config_name=NAME ¦"
        "config_path=str(Path(__file__).parent / CONF), config_name=NAME ¦"
        "config_path=os.path.join(os.path.dirname(__file__), CONF), config_name=f'{NAME}'",
    )
    version = "version_base=None, " if "path=" in arguments else ""
    return (
        ["import os", "from pathlib import Path", f'CONF = "{folder}"', f'NAME = "{name}"', "", ""],
        version,
        arguments,
    )


def _fields(draw: Draw, names: Sequence[str]) -> list[tuple[str, Kind, str]]:
    found = []
    for name in names:
        kind = draw.choice(KINDS if rarely(draw, 2) else KINDS[:8])
        found.append((name, kind, kind.defaults[0] if draw.calm or not rarely(draw, 3) else draw.choice(kind.defaults)))
    return found


def _exp_classes(draw: Draw, exp: list[tuple[str, Kind, str]]) -> list[str]:
    """ExpConfig, now and then with one base class or two above it."""
    lines, base = [], ""
    for name in ("CommonExp", "BaseExp"):
        if rarely(draw, 6) and len(exp) > 1:
            split = draw.randint(1, len(exp) - 1)
            lines += _class(draw, name, exp[:split], base)
            exp, base = exp[split:], name
            if rarely(draw, 4):
                exp = [*exp, ("seed", KINDS[0], "1")]
    return [*lines, *_class(draw, "ExpConfig", exp, base)]


def _class(draw: Draw, name: str, fields: Sequence[tuple[str, Kind, str]], base: str = "") -> list[str]:
    decorator = "@dataclass"
    if rarely(draw, 60):
        decorator = pick(
            draw, "@dataclass(frozen=True) ¦ # not a dataclass ¦ @dataclass(kw_only=True) ¦ @dataclass(slots=True)"
        )
    body = [f"    {field}: {kind.annotation}{f' = {default}' if default else ''}" for field, kind, default in fields]
    body.sort(key=lambda line: " = " in line)  # fields without a default come first, as dataclasses want it
    if rarely(draw, 40):
        body.append("    " + draw.choice(pools.BROKEN_FIELDS))
    if rarely(draw, 40):
        body.append("\n    def __post_init__(self):\n        self.y = 5")
    if rarely(draw, 20):
        body.insert(0, '    """What it is."""\n')
    return [decorator, f"class {name}{f'({base})' if base else ''}:", *(body or ["    pass"]), "", ""]


_EXTRA_STORES = [
    ("exp", "default", "EnvConfig"),
    ("exp", "001", "ExpConfig"),
    ("", "config", "Config"),
    ("", "main", "Config"),
    ("exp", "base", "Opt"),
    ("exp", "default", "{'name': 'x'}"),
    ("model", "small", "Opt"),
    ("exp/sub", "default", "Opt"),
    ("env", "local", "EnvConfig"),
    ("exp", "with_defaults", "{'defaults': ['default'], 'seed': 3}"),
    ("exp", "base", "ExpConfig(seed=7)"),
    ("exp", "base", "{'seed': 7, 'name': '${env.output_dir}'}"),
    ("", "extra", "{'exp': {'seed': 3}}"),
]


def _stores(draw: Draw, code: Code) -> list[str]:
    """The registrations, in one of the shapes that people write."""
    wanted = [("exp", "default", "ExpConfig"), ("env", "default", "EnvConfig")]
    if code.model:
        wanted.append((code.model_group, "default", "ModelConfig"))
    if rarely(draw, 2):
        wanted.insert(0, ("", "config_schema", "Config"))
        code.has_schema = True
    if rarely(draw, 20):
        wanted.append(draw.choice(_EXTRA_STORES))
    if rarely(draw, 50):
        wanted.pop(draw.randint(0, len(wanted) - 1))
    if rarely(draw, 50):
        wanted = [(g, n, {"ExpConfig": "EnvConfig", "EnvConfig": "ExpConfig"}.get(c, c)) for g, n, c in wanted]
    shape = "plain"
    if rarely(draw, 5):
        return [*python.registrations(draw, wanted), "", ""]
    if rarely(draw, 2):
        shape = pick(
            draw,
            "inline ¦ positional ¦ instance ¦ loop ¦ function ¦ package ¦ extension ¦ guard ¦ provider ¦ items ¦ wrap",
        )
    package = pick(draw, "_global_ ¦ exp ¦ _group_ ¦ other ¦ env.sub")
    lines = [] if shape == "inline" else ["cs = ConfigStore.instance()"]
    for number, (group, name, node) in enumerate(wanted):
        store = "ConfigStore.instance()" if shape == "inline" else "cs"
        given = f"{node}()" if shape == "instance" and node.isidentifier() else node
        file = f"{name}.yaml" if shape == "extension" else name
        if shape == "positional":
            lines.append(f'{store}.store("{file}", {given}' + (f', "{group}")' if group else ")"))
        else:
            last = f', package="{package}"' if shape == "package" and number == len(wanted) - 1 else ""
            last += ', provider="me"' if shape == "provider" else ""
            group_word = f'group="{group}", ' if group else ""
            lines.append(f'{store}.store({group_word}name="{file}", node={given}{last})')
    if shape == "loop":
        rows = ", ".join(f'("{g}", "{n}", {c})' if g else f'(None, "{n}", {c})' for g, n, c in wanted)
        lines = ["cs = ConfigStore.instance()", f"for group, name, node in [{rows}]:"]
        lines.append("    cs.store(group=group, name=name, node=node)")
    if shape == "items":
        pairs = ", ".join(f'"{g}/{n}": {c}' if g else f'"{n}": {c}' for g, n, c in wanted)
        lines = ["CONFIGS = {" + pairs + "}", "for path, node in CONFIGS.items():"]
        lines += ['    group, _, name = path.rpartition("/")']
        lines += ["    ConfigStore.instance().store(name=name, node=node, group=group or None)"]
    if shape == "wrap":
        lines = ["def put(node, name, group=None):"]
        lines += ["    ConfigStore.instance().store(group=group, name=name, node=node)", "", ""]
        lines += [f'put({c}, "{n}"' + (f', "{g}")' if g else ")") for g, n, c in wanted]
    if shape == "function":
        lines = ["def register():", *(f"    {line}" for line in lines), "", "register()"]
    if shape == "guard":
        lines = [*lines[:-1], 'if __name__ == "__main__":', f"    {lines[-1]}"]
    return [*lines, "", ""]
