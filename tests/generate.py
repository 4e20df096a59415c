"""Random experiments, right and wrong, as hypothesis strategies: a train.py, its config.yaml, and files of exp/ and env/.

Most of an experiment is as people write it; the rare odd choices are what people mistype, what YAML 1.1 surprises with, and the corners of Hydra and OmegaConf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One composition to ask for."""

    choices: dict[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Generated:
    """An experiment's files by path, and what to compose of it."""

    files: dict[str, bytes]
    runs: tuple[Run, ...]

    def __repr__(self) -> str:
        shown = "\n".join(
            f"--- {name}\n{text.decode('utf-8', 'backslashreplace')}" for name, text in self.files.items()
        )
        return f"\n{shown}\n--- runs\n" + "\n".join(map(repr, self.runs))


@dataclass(frozen=True)
class Kind:
    """A type of field: how it is declared, defaults for it, and YAML values that fit."""

    annotation: str
    defaults: Sequence[str]
    fits: Sequence[str]


_INTS = ("1", "7", "-3", "0", "+4", "0x1F", "010", "0b11", "1_000", "12:30", '"32"', "'8'", "09")
_FLOATS = (
    "1e-5",
    "1.0e-5",
    "3",
    "0.5",
    ".5",
    "5.",
    '"1e-5"',
    ".inf",
    "-.inf",
    ".nan",
    "1e3",
    "-0.0",
    "1_0.5",
    "inf",
    "nan",
)
_BOOLS = ("true", "false", "True", "yes", "no", "on", "OFF", "y", "1", "0", '"yes"', "2")
_STRINGS = (
    "abc", '"001-lr"', "001", "1e-5", "true", "null and void", "'it''s'", '"a\\tb"', "日本語", "2024-01-01", "a#b",
    "a # b", "output/x", "Qwen/Qwen3-4B", '""', "'null'", "~/x", "a b  c", '"\\u3042\\n"', "1.0", "yes", "-", "$x",
    "|\n  two\n  lines", ">-\n  folded\n  text", "http://a:80/b", "C:\\x", "100%", '"#"', "a:b", "k=v", "*", "&",
)  # fmt: skip
_INTERPOLATIONS = (
    "${exp.name}", "${env.output_dir}", "${.seed}", "${..exp.seed}", "x-${exp.seed}-y", "${name}", "${exp.nothing}",
    "${oc.env:HOME}", "${oc.env:NO_SUCH_VARIABLE}", "${oc.env:NO_SUCH_VARIABLE,x}", "${hydra:job.name}", "${hydra.job.name}",
    "${now:%Y}", '"${foo"', "\\${exp.name}", "${exp}", "${exp.opt}", "${oc.select:exp.none,1}", "${oc.decode:'[1]'}",
    "${env}", "${exp.name}${env.name}", "${ exp.name }", "${oc.dict.keys:exp}", "${hydra.run}", "${.}", "${unknown:1}",
    '"${exp.name"', "${exp.name}}", "${exp.fold[0]}", "${exp[name]}", "${}", "${oc.create:{a: 1}}",
)  # fmt: skip
_ODD = (
    "", "null", "~", "None", "???", '"???"', "[]", "{}", "[1, 2]", "[a, b]", "{a: 1}", "{a: {b: 1}}", "[[1], [2, 3]]",
    "[1, null]", "{1: a}", "{true: b}", "{1.5: x}", "[1, [a, {b: 2}]]", "!!str 1", '!!int "3"', "!!float 1", "!!python/tuple [1]",
    "!!python/object/apply:pathlib.Path [a, b]", "!custom x", "!!set {a, b}", "!!binary aGk=", "!!timestamp 2024-01-01",
    "RED", "Color.RED", "red", "1", "16.0", "1.5", '"x"', "- x", "@x", "`x`", "%x", '"open', "[1, 2", "{a: 1", "a: b", "=", "<<",
    "2024-01-01 10:00:00", "1e400", "99999999999999999999", "0o17", "1__0", "_1", "190:20:30.15", "0x", "１２", "“x”",
    "&a 1", "*a", "1e5 # five", "[${exp.seed}, 2]", "{a: ${exp.seed}}", "{RED: 1}", "{a: {x: 3, y: z}}", "{x: 3}",
    "{x: three}", "{z: 3}", "[{x: 3}]", "[RED, BLUE]", "{a: [1, 2]}", "[???]", "{a: ???}", "\n  x: 5", "\n  - 1\n  - 2", "? a",
    '"a\\x07b"', "{a.b: 1}", "{'': 1}", "!!null x", "!!bool yes", "!!omap [a: 1]", "{null: 1}", "{<<: {a: 1}, b: 2}", "1:2:3", "1,000",
)  # fmt: skip

KINDS: Sequence[Kind] = (
    Kind("int", ("42", "0", "MISSING", ""), _INTS),
    Kind("float", ("2e-5", "1", "0.1", "MISSING"), _FLOATS),
    Kind("str", ('"default"', "''", "MISSING", '"${exp.name}"'), _STRINGS),
    Kind("bool", ("False", "True"), _BOOLS),
    Kind(
        "list[int]",
        ("field(default_factory=lambda: [0])", "field(default_factory=list)", "MISSING"),
        ("[1, 2]", "[]", '["3"]'),
    ),
    Kind("Optional[int]", ("None", "3"), ("null", "1", "???")),
    Kind("Optional[str]", ("None", '"x"'), ("null", "abc", "1")),
    Kind("Color", ("Color.RED", "MISSING"), ("RED", "Color.BLUE", "1", '"RED"', "BLUE")),
    Kind("Path", ('Path("a/b")', '"data"'), ("/x/y", "a", "~")),
    Kind(
        "Any", ("None", "1", '"a"', "field(default_factory=lambda: [1, 'a'])"), ("1", "abc", "[1, a]", "{a: 1}", "null")
    ),
    Kind(
        "Opt",
        ("field(default_factory=Opt)", "MISSING", "field(default_factory=lambda: Opt(x=5))"),
        ("{x: 3}", "{}", "{y: [a]}"),
    ),
    Kind(
        "dict[str, int]",
        ('field(default_factory=lambda: {"a": 1})', "field(default_factory=dict)"),
        ("{a: 2}", "{b: 3}", "{}"),
    ),
    Kind("Optional[float]", ("None", "0.5"), ("null", "1e-3", "2")),
    Kind("Union[int, str]", ("1", '"a"'), ("1", "abc", "1.5", "true")),
    Kind("Optional[Opt]", ("None", "field(default_factory=Opt)", "MISSING"), ("null", "{x: 1}")),
    Kind(
        "List[str]",
        ("field(default_factory=list)", 'field(default_factory=lambda: ["a"])'),
        ("[a]", "[1, b]", "[null]"),
    ),
    Kind("list", ("field(default_factory=list)",), ("[1, a]", "[[1], {b: 2}]")),
    Kind(
        "dict",
        ("field(default_factory=dict)", 'field(default_factory=lambda: {"a": {"b": 1}})'),
        ("{a: 1}", "{a: {c: 2}}"),
    ),
    Kind(
        "Dict[str, Any]", ("field(default_factory=dict)", 'field(default_factory=lambda: {"a": 1})'), ("{a: [1]}", "{}")
    ),
    Kind("bytes", ('b"x"',), ("!!binary aGk=", "abc")),
    Kind("Level", ("Level.LOW",), ("LOW", "low", "HIGH")),
    Kind("Optional[Color]", ("None", "Color.BLUE"), ("null", "RED", "2")),
    Kind(
        "list[Color]", ("field(default_factory=list)", "field(default_factory=lambda: [Color.RED])"), ("[RED]", "[1]")
    ),
    Kind(
        "list[Opt]",
        ("field(default_factory=list)", "field(default_factory=lambda: [Opt()])"),
        ("[{x: 1}]", "[{}]", "[{z: 1}]"),
    ),
    Kind(
        "dict[str, Opt]",
        ("field(default_factory=dict)", 'field(default_factory=lambda: {"a": Opt()})'),
        ("{a: {x: 9}}", "{b: {}}"),
    ),
    Kind("list[list[int]]", ("field(default_factory=lambda: [[0], [1]])",), ("[[1], [2, 3]]", "[]", "[1]")),
    Kind("list[Optional[int]]", ("field(default_factory=lambda: [None, 1])",), ("[null, 2]",)),
    Kind("Optional[list[int]]", ("None", "field(default_factory=lambda: [0])"), ("null", "[1]")),
    Kind("Optional[Dict[str, float]]", ("None",), ("null", "{a: 1}")),
    Kind("Dict[int, str]", ('field(default_factory=lambda: {1: "a"})',), ("{2: b}", "{x: b}")),
    Kind("dict[Color, int]", ("field(default_factory=lambda: {Color.RED: 1})",), ("{RED: 2}", "{BLUE: 3}")),
    Kind("tuple[int, int]", ("(1, 2)", "field(default_factory=lambda: (1, 2))"), ("[3, 4]", "[3]", "[a, b]")),
    Kind("Tuple[float, ...]", ("(0.9, 0.999)",), ("[1]", "[]")),
    Kind("float | None", ("None", "1.0"), ("null", "1")),
    Kind("int | float", ("1", "0.5"), ("1", "2.5", '"3"', "1e-5")),
    Kind("Optional[Union[bool, str]]", ("None", "True"), ("null", "yes", "abc")),
    Kind("dict[str, list[int]]", ('field(default_factory=lambda: {"a": [1]})',), ("{a: [2]}", "{a: x}")),
    Kind("Optional[Path]", ("None",), ("null", "a/b")),
    Kind("list[Path]", ("field(default_factory=list)",), ("[a, b]",)),
    Kind("Child", ("field(default_factory=Child)",), ("{x: 2, w: 0.1}", "{w: a}")),
)
# What Python or OmegaConf refuses, or what is no field at all.
BROKEN_FIELDS = (
    'mode: Literal["a", "b"] = "a"', "bad: int = None", "bad: int = 1.5", "bad: list[int] = [1]", "bad: set[int] = field(default_factory=set)",
    "bad: Union[int, list[int]] = 1", "total: ClassVar[int] = 3", "plain = 5", "bad: Nothing = 1", 'bad: "int" = 1', "bad: Opt = None",
    "bad: Opt = Opt()", 'bad: Color = "RED"', 'bad: Color = "PINK"', 'items: str = "x"', 'defaults: str = "x"', "bad: int = '12'", "a: int",
    'bad: str = "${foo"', "bad: float = field(default=1.0)", "bad: int = field(default=3, metadata={'a': 1})", "bad: InitVar[int] = 3",
    "bad: Callable = print", "bad: Final[int] = 3", "bad: int = field(init=False, default=4)", "bad: Annotated[int, 'x'] = 3", "bad: complex = 1j", "bad: object = None",
    'hydra: str = "x"', "bad: Union[str, bytes, None] = None", "bad: Dict[str, Dict[str, int]] = field(default_factory=dict)",
)  # fmt: skip

NAMES = (
    "name",
    "seed",
    "lr",
    "batch_size",
    "fold",
    "opt",
    "notes",
    "color",
    "path",
    "extra",
    "x1",
    "output_dir",
    "none",
    "epochs",
)
OPTIONS = (
    "001",
    "002",
    "003-lr",
    "010",
    "base",
    "lr_1e-5",
    "004.b",
    "100",
    "null",
    "学習率",
    "a b",
    "Default",
    "1e5",
    "true",
)


def rarely(draw: Random, one_in: int) -> bool:
    """True once in `one_in` times; false is the plain choice."""
    return draw.random() * one_in < 1


def pick(draw: Random, *options: T) -> T:
    """One of the options; the first is the plainest."""
    return draw.choice(options)


@dataclass
class _Code:
    """The names that train.py declares, for the YAML files to use."""

    exp: list[tuple[str, Kind]]
    env: list[tuple[str, Kind]]
    config_dir: str = ""
    config_name: str = "config"
    has_schema: bool = False
    stored: list[tuple[str, str]] = field(default_factory=list)


_HEADER = """\
from dataclasses import InitVar, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Callable, ClassVar, Dict, Final, List, Literal, Optional, Tuple, Union

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


class Color(Enum):
    RED = 1
    BLUE = 2


class Level(str, Enum):
    LOW = "low"
    HIGH = "high"


@dataclass
class Opt:
    x: int = 1
    y: Any = None


@dataclass
class Child(Opt):
    w: float = 0.5
"""


def _fields(draw: Random, names: Sequence[str]) -> list[tuple[str, Kind, str]]:
    found = []
    for name in names:
        common = draw.choice(KINDS[:8])
        kind = draw.choice(KINDS) if rarely(draw, 2) else common
        found.append((name, kind, kind.defaults[0] if not rarely(draw, 3) else draw.choice(kind.defaults)))
    return found


def _class(draw: Random, name: str, fields: Sequence[tuple[str, Kind, str]], base: str = "") -> list[str]:
    decorator = (
        "@dataclass" if not rarely(draw, 80) else pick(draw, "@dataclass(frozen=True)", "", "@dataclass(kw_only=True)")
    )
    lines = [*([decorator] if decorator else []), f"class {name}{f'({base})' if base else ''}:"]
    body = [
        f"    {field_name}: {kind.annotation}{f' = {default}' if default else ''}"
        for field_name, kind, default in fields
    ]
    body.sort(key=lambda line: " = " in line)  # fields without a default come first, as dataclasses want it
    if rarely(draw, 40):
        body.append("    " + draw.choice(BROKEN_FIELDS))
    if rarely(draw, 40):
        body.append("\n    def __post_init__(self):\n        self.y = 5")
    return [*lines, *(body or ["    pass"]), "", ""]


def _code(draw: Random) -> tuple[_Code, str]:
    names = list(draw.sample(NAMES, len(NAMES)))
    count = draw.randint(1, 6)
    exp = _fields(draw, ["name", "seed", *[n for n in names if n not in ("name", "seed")][:count]])
    env = _fields(draw, ["output_dir", *[n for n in names if n != "output_dir"][: draw.randint(0, 3)]])
    code = _Code([(n, k) for n, k, _ in exp], [(n, k) for n, k, _ in env])
    lines = [_HEADER, ""]
    if rarely(draw, 16):
        lines.insert(0, "from __future__ import annotations")
    base = ""
    if rarely(draw, 5):
        split = draw.randint(1, len(exp))
        lines += _class(draw, "BaseExp", exp[:split])
        exp, base = exp[split:], "BaseExp"
        if rarely(draw, 4):
            exp = [*exp, ("seed", KINDS[0], "1")]
    lines += _class(draw, "ExpConfig", exp, base)
    lines += _class(draw, "EnvConfig", env)
    config_fields = [("exp", Kind("ExpConfig", (), ()), "field(default_factory=ExpConfig)")]
    config_fields += [("env", Kind("EnvConfig", (), ()), pick(draw, "field(default_factory=EnvConfig)", "MISSING"))]
    if rarely(draw, 6):
        config_fields.append(("top", draw.choice(KINDS), "MISSING"))
    lines += _class(draw, "Config", config_fields)
    lines += _stores(draw, code)
    code.config_dir = pick(draw, "", "", "", "", "", "conf")
    code.config_name = pick(draw, *("config",) * 8, "main")
    base_version = pick(
        draw, *("version_base=None, ",) * 16, 'version_base="1.3", ', 'version_base="1.2", ', 'version_base="1.1", ', ""
    )
    folder, name = code.config_dir or ".", code.config_name
    lines += [
        f'@hydra.main({base_version}config_path="{folder}", config_name="{name}")',
        "def main(cfg):",
        "    print(cfg)",
        "",
    ]
    lines += ['if __name__ == "__main__":', "    main()", ""]
    return code, "\n".join(lines)


def _stores(draw: Random, code: _Code) -> list[str]:
    """The registrations, in one of the shapes that people write."""
    wanted = [("exp", "default", "ExpConfig"), ("env", "default", "EnvConfig")]
    if rarely(draw, 2):
        wanted.insert(0, ("", "config_schema", "Config"))
        code.has_schema = True
    if rarely(draw, 24):
        extra = [
            ("exp", "default", "EnvConfig"), ("exp", "001", "ExpConfig"), ("", "config", "Config"), ("", "main", "Config"),
            ("exp", "base", "Opt"), ("exp", "default", "{'name': 'x'}"), ("model", "small", "Opt"), ("exp/sub", "default", "Opt"),
            ("env", "local", "EnvConfig"), ("exp", "with_defaults", "{'defaults': ['default'], 'seed': 3}"),
        ]  # fmt: skip
        wanted.append(draw.choice(extra))
    if rarely(draw, 50):
        wanted.pop(draw.randint(0, len(wanted) - 1))
    if rarely(draw, 50):
        wanted = [(g, n, {"ExpConfig": "EnvConfig", "EnvConfig": "ExpConfig"}.get(c, c)) for g, n, c in wanted]
    code.stored = [(g, n) for g, n, _ in wanted]
    shape = pick(
        draw, *("plain",) * 10, "inline", "positional", "instance", "loop", "function", "package", "extension", "guard"
    )
    package = pick(draw, "_global_", "exp", "_group_", "other", "env.sub")
    lines = [] if shape == "inline" else ["cs = ConfigStore.instance()"]
    for number, (group, name, node) in enumerate(wanted):
        store = "ConfigStore.instance()" if shape == "inline" else "cs"
        given = f"{node}()" if shape == "instance" and "{" not in node else node
        if shape == "extension":
            name += ".yaml"
        group_word = f'group="{group}", ' if group else ""
        if shape == "positional":
            lines.append(f'{store}.store("{name}", {given}' + (f', "{group}")' if group else ")"))
        else:
            last = f', package="{package}"' if shape == "package" and number == len(wanted) - 1 else ""
            lines.append(f'{store}.store({group_word}name="{name}", node={given}{last})')
    if shape == "loop":
        rows = ", ".join(f'("{g}", "{n}", {c})' if g else f'(None, "{n}", {c})' for g, n, c in wanted)
        lines = [
            "cs = ConfigStore.instance()",
            f"for group, name, node in [{rows}]:",
            "    cs.store(group=group, name=name, node=node)",
        ]
    if shape == "function":
        lines = ["def register():", *(f"    {line}" for line in lines), "", "register()"]
    if shape == "guard":
        lines = [*lines[:-1], 'if __name__ == "__main__":', f"    {lines[-1]}"]
    return [*lines, "", ""]


# -- the YAML files ----------------------------------------------------------------------------------------------------


def _value(draw: Random, kind: Kind | None) -> str:
    if kind is not None and not rarely(draw, 16):
        return draw.choice(kind.fits)
    pools = (_ODD, _ODD, _INTERPOLATIONS, _STRINGS, _INTS, _FLOATS, _BOOLS)
    return draw.choice(draw.choice(pools))


def _body(draw: Random, fields: Sequence[tuple[str, Kind]], indent: str = "", most: int = 4) -> list[str]:
    lines = []
    count = draw.randint(0, most)
    for name, kind in draw.sample(fields, min(count, len(fields))):
        key: str = name
        if rarely(draw, 50):
            key = pick(draw, name + "s", f'"{name}"', name.upper(), f"{name}.x", "1", "null", "true", "exp", "env", "hydra", "? " + name,
                       "_self_", "items", "<<", "default", "'a b'", "キー", "defaults", "_target_", "${name}")  # fmt: skip
        value = _value(draw, kind)
        separator = ": " if not rarely(draw, 120) else pick(draw, ":", ":\t", " : ", ":  ", "： ")
        line = f"{indent}{key}{separator}{value}".replace("\n", f"\n{indent}")
        if rarely(draw, 30):
            line += pick(draw, "  # comment", " ", "\t", "  # キー", "\t# tab", "#no")
        lines.append(line)
        if rarely(draw, 160):
            lines.append(line)  # a duplicate key
    return lines


def _defaults(draw: Random, names: Sequence[str], own: str) -> list[str]:
    """The defaults list of an option."""
    other = draw.choice([*names, "default"])
    entries = pick(draw, *(["default@_here_"],) * 8, [f"{other}@_here_"], [f"{other}@_here_"], ["default"], None, None)
    if entries is None:
        return []
    entries = [e if not e.startswith(own) or rarely(draw, 20) else "default@_here_" for e in entries]
    entries = [e if e[0].isalpha() or not rarely(draw, 2) else f'"{e}"' for e in entries]
    if rarely(draw, 16):
        entries.insert(draw.randint(0, len(entries)), "_self_")
    if rarely(draw, 24):
        entries.insert(draw.randint(0, len(entries)), f"{draw.choice([*names, 'default'])}@_here_")
    if rarely(draw, 30):
        odd = ["default@_hear_", f"/{'exp'}/default@_here_", "- default", "default: ", "nothing@_here_", "001", '"001"', "default@exp",
               "exp: default", "/exp: default", "/env: default", "override /env: local", "_self_", "default @_here_", "default@_global_",
               "optional default@_here_", "default.yaml@_here_", "null", "[a]", "{a: b}", "{}", "???", "${exp}", "exp/default", "_self_@_here_",
               "default@_here_.sub", "optional /env: nothing", "default@", "../env/default@_here_", "default@_group_", "default@_name_", "1.5"]  # fmt: skip
        entries.insert(draw.randint(0, len(entries)), draw.choice(odd))
    indent = pick(draw, "  ", "  ", "", "    ")
    if rarely(draw, 60):
        return [pick(draw, "defaults: []", "defaults:", "defaults: default@_here_", "defaults: {default: _here_}", "default:\n  - default@_here_",
                     "defaults: [default@_here_]", "defaults: [default@_here_, _self_]", "defaults: ${exp}", "defaults: ???")]  # fmt: skip
    return ["defaults:", *(f"{indent}- {entry}" for entry in entries)]


def _text(draw: Random, lines: Sequence[str]) -> bytes:
    """The lines as a file, now and then in an odd form."""
    text = "\n".join(lines) + "\n"
    if not rarely(draw, 20):
        return text.encode()
    form = pick(draw, "crlf", "bom", "comment", "empty", "marker", "end", "no newline", "header", "tab", "utf16", "latin", "list", "scalar",
                "nbsp", "nel", "two", "directive", "cr", "control", "header2", "only", "null", "indent", "wide", "form feed", "flow", "ls")  # fmt: skip
    forms: dict[str, bytes] = {
        "crlf": text.replace("\n", "\r\n").encode(),
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "comment": ("# a comment\n\n" + text.replace("\n", "  # here\n", 1)).encode(),
        "empty": b"",
        "marker": ("---\n" + text).encode(),
        "end": (text + "...\n").encode(),
        "no newline": text.rstrip("\n").encode(),
        "header": (
            "# @package " + pick(draw, "_global_", "exp", "_here_", "_group_", "a b", "") + "\n" + text
        ).encode(),
        "header2": ("# @packages exp\n# @package exp\n" + text).encode(),
        "tab": text.replace("  ", "\t", 1).encode(),
        "utf16": text.encode("utf-16"),
        "latin": text.encode() + b"# \xe9\n",
        "list": b"- a\n- b: 1\n",
        "scalar": pick(draw, b"abc\n", b"1\n", b"'${exp}'\n", b"???\n", b"true\n"),
        "nbsp": text.replace(" ", "\u00a0", 1).encode(),
        "nel": text.replace("\n", "\u0085", 1).encode(),
        "ls": text.replace("\n", "\u2028", 1).encode(),
        "two": (text + "---\nseed: 3\n").encode(),
        "directive": (pick(draw, "%YAML 1.1", "%YAML 1.2", "%TAG ! x") + "\n---\n" + text).encode(),
        "cr": text.replace("\n", "\r").encode(),
        "control": (text + "# \x07\n").encode(),
        "only": b"# nothing but a comment\n",
        "null": b"null\n",
        "indent": "".join(f"  {line}\n" for line in text.splitlines()).encode(),
        "wide": text.replace(" ", "\u3000", 1).encode(),
        "form feed": text.replace("\n", "\n\x0c", 1).encode(),
        "flow": b"{defaults: [default@_here_], seed: 5}\n",
    }
    return forms[form]


def _hydra_settings(draw: Random) -> list[str]:
    plain = ["hydra:", "  output_subdir: null", "  job:", "    chdir: false", "  run:", "    dir: ."]
    if not rarely(draw, 6):
        return plain
    odd = [
        [], ["hydra: null"], ["hydra: {}"], ["hydra: x"], ["hydra:", "output_subdir: null"], ["hydra:", "  output_subdirs: null"],
        ["hydra:", "  job:", "    chdir: maybe"], ["hydra:", "  run:", "    dir: outputs/${now:%Y}"], ["hydra:", "  job: null"],
        ["hydra:", "  sweeper:", "    params:", "      exp: 001,002"], ["hydra:", "  searchpath:", "    - file://shared"],
        ["hydra:", "  searchpath:", "    - pkg://nothing"], ["hydra:", "  output_subdir: false"], ["hydra:", "  mode: MULTIRUN"],
        ["hydra:", "  job:", "    name: ${exp.name}"], ["hydra: ${exp}"], ["hydra:", "  run: {dir: .}", "  job: {chdir: false}"],
        ["hydra:", "  job:", "    env_set: {A: b}"], ["hydra:", "  launcher:", "    n_jobs: 2"], ["hydra:", "  sweep: {dir: a, subdir: b}"],
        ["hydra:", "  verbose: true"], ["hydra:", "  job_logging: null"], ["hydra:", "  job:", "    config: {override_dirname: {kv_sep: x}}"],
    ]  # fmt: skip
    return draw.choice(odd)


def _config(draw: Random, code: _Code, sets: Sequence[str], environments: Sequence[str]) -> bytes:
    groups = [["exp: default", "env: default"], ["exp: default", "env: default"], ["env: default", "exp: default"]]
    entries: list[str] = list(draw.choice(groups))
    if rarely(draw, 24):
        place = draw.randint(0, 1)
        group = entries[place].split(":")[0]
        option = pick(draw, "null", "???", "nothing", "001", '"001"', f'"{sets[0]}"' if sets else "base", "base", "~", "1", "[default]", "default.yaml",
                      "${exp}", "Default", "", "[]", "default@exp")  # fmt: skip
        entries[place] = f"{group}: {option}"
    if rarely(draw, 50):
        odd = ["optional env: nothing", "exp@other: default", "/exp: default", "exp/default", "model: small", "exp: default", "exp/sub: default",
               "exp:default", "default", "{exp: default, env: default}", "other", "exp@_global_: default", "config_schema", "null", "_self_"]  # fmt: skip
        entries.insert(draw.randint(0, len(entries)), draw.choice(odd))
    if rarely(draw, 80):
        entries.pop()
    position = 0 if not rarely(draw, 4) else draw.randint(0, len(entries))
    if not rarely(draw, 24):
        entries.insert(position, "_self_")
    if code.has_schema and not rarely(draw, 20):
        place = 0 if not rarely(draw, 6) else draw.randint(0, len(entries))
        entries.insert(place, "config_schema")
    if not rarely(draw, 16):
        option = "none" if not rarely(draw, 16) else pick(draw, "stdout", "disabled", "default", "nothing", "null")
        place = len(entries) if not rarely(draw, 60) else draw.randint(0, len(entries))
        entries.insert(place, f"override hydra/{pick(draw, 'job_logging', 'job_logging', 'hydra_logging')}: {option}")
    lines = ["defaults:", *(f"  - {entry}" for entry in entries), ""]
    lines += _hydra_settings(draw)
    if rarely(draw, 16):
        lines += ["exp:", *(_body(draw, code.exp, "  ", 2) or ["  seed: 1"])]
    if rarely(draw, 30):
        lines += ["env:", *(_body(draw, code.env, "  ", 2) or ["  output_dir: x"])]
    if rarely(draw, 30):
        lines += _body(draw, [*code.exp, *code.env], "", 1)
    if rarely(draw, 80):
        lines = lines[lines.index("") :]
    return _text(draw, lines) if rarely(draw, 4) else ("\n".join(lines) + "\n").encode()


def experiments() -> st.SearchStrategy[Generated]:
    """Experiments, each from its own seed.

    Hypothesis picks the seeds only: its mutations of a drawn example would make most examples twins of another.
    """
    return st.integers(0, 2**62).map(generate)


def generate(seed: int) -> Generated:
    """An experiment with up to three parameter sets and two environments, and the runs to compare."""
    draw = Random(seed)
    code, train = _code(draw)
    sets = draw.sample(OPTIONS[:4] if not rarely(draw, 6) else OPTIONS, draw.randint(1, 3))
    environments = draw.sample(("local", "runpod"), draw.randint(0, 2))
    prefix = f"{code.config_dir}/" if code.config_dir else ""
    files = {"train.py": train.encode(), f"{prefix}{code.config_name}.yaml": _config(draw, code, sets, environments)}
    for group, names, fields in (("exp", sets, code.exp), ("env", environments, code.env)):
        for name in names:
            lines = _defaults(draw, names, name)
            body = _body(draw, fields)
            lines = [*lines, "", *body] if not rarely(draw, 40) else [*body, *lines]
            extension = "yaml" if not rarely(draw, 120) else pick(draw, "yml", "YAML")
            files[f"{prefix}{group}/{name}.{extension}"] = _text(draw, lines)
    if rarely(draw, 60):
        files[f"{prefix}exp/default.yaml"] = _text(draw, _body(draw, code.exp))
    if rarely(draw, 80):
        files[f"{prefix}exp/sub/001.yaml"] = _text(draw, [*_defaults(draw, sets, "001"), *_body(draw, code.exp)])
    if rarely(draw, 80):
        files[f"{prefix}config_schema.yaml"] = _text(draw, _body(draw, code.exp))
    return Generated(files, tuple(_runs(draw, sets, environments, code)))


def _runs(draw: Random, sets: Sequence[str], environments: Sequence[str], code: _Code) -> list[Run]:
    runs = [Run()] if rarely(draw, 4) else []
    runs += [Run({"exp": name}) for name in draw.sample(sets, min(2, len(sets)))]
    if environments and rarely(draw, 2):
        runs.append(Run({"env": environments[0]}))
    if environments and rarely(draw, 3):
        runs.append(Run({"exp": sets[0], "env": environments[-1]}))
    if rarely(draw, 24):
        runs.append(Run({"exp": pick(draw, "nothing", "sub/001", "Base", "default", "001.yaml", "???", "_self_")}))
    if rarely(draw, 20):
        name, kind = draw.choice(code.exp)
        value = pick(draw, "1", "abc", "null", "[1,2]", "{x:3}", "1e-5", "true", "RED", "'a b'", "${exp.name}")
        override = pick(draw, f"exp.{name}={value}", f"exp.{name}={value}", f"+exp.{name}={value}", f"~exp.{name}", f"++exp.zz={value}",
                        "exp.nothing=1", "~env", "+other=1", "hydra.job.name=x", "env.output_dir=x")  # fmt: skip
        runs.append(Run({"exp": sets[0]}, (override,)))
    return runs
