"""Random experiments, right and wrong, as a hypothesis strategy: train.py, its config.yaml, and files of exp/ and env/.

Most of an experiment is as people write it; the rare odd choices are what people mistype, what YAML 1.1 surprises with,
and the corners of Hydra and OmegaConf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

import generate_pools as pools
from generate_pools import KINDS, Kind
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


def experiments() -> st.SearchStrategy[Generated]:
    """Experiments, each from its own seed.

    Hypothesis picks the seeds only: its mutations of a drawn example would make most examples twins of another.
    """
    return st.integers(0, 2**62).map(generate)


def generate(seed: int) -> Generated:
    """An experiment with up to three parameter sets and two environments, and the runs to compare."""
    draw = Random(seed)
    code, train = _code(draw)
    sets = draw.sample(pools.OPTIONS[:4] if not rarely(draw, 6) else pools.OPTIONS, draw.randint(1, 3))
    environments = draw.sample(("local", "runpod"), draw.randint(0, 2))
    prefix = f"{code.config_dir}/" if code.config_dir else ""
    files = {"train.py": train.encode(), f"{prefix}{code.config_name}.yaml": _config(draw, code, sets)}
    for group, names, fields in (("exp", sets, code.exp), ("env", environments, code.env)):
        for name in names:
            lines = _defaults(draw, names, name)
            body = _body(draw, fields)
            lines = [*lines, "", *body] if not rarely(draw, 40) else [*body, *lines]
            extension = "yaml" if not rarely(draw, 120) else pick(draw, "yml ¦ YAML")
            files[f"{prefix}{group}/{name}.{extension}"] = _text(draw, lines)
    if rarely(draw, 60):
        files[f"{prefix}exp/default.yaml"] = _text(draw, _body(draw, code.exp))
    if rarely(draw, 80):
        files[f"{prefix}exp/sub/001.yaml"] = _text(draw, [*_defaults(draw, sets, "001"), *_body(draw, code.exp)])
    if rarely(draw, 80):
        files[f"{prefix}config_schema.yaml"] = _text(draw, _body(draw, code.exp))
    if b"001-x/shared" in files[f"{prefix}{code.config_name}.yaml"]:
        for group, names, fields in (("exp", (*pools.OPTIONS[:5], "default"), code.exp), ("env", ("local",), code.env)):
            name = draw.choice(names)
            files[f"shared/{group}/{name}.yaml"] = _text(draw, [*_defaults(draw, names, name), *_body(draw, fields)])
            sets = [*sets, name] if group == "exp" else sets
    return Generated(files, tuple(_runs(draw, sets, environments, code)))


def _runs(draw: Random, sets: Sequence[str], environments: Sequence[str], code: _Code) -> list[Run]:
    runs = [Run()] if rarely(draw, 4) else []
    runs += [Run({"exp": name}) for name in draw.sample(sets, min(2, len(sets)))]
    if environments and rarely(draw, 2):
        runs.append(Run({"env": environments[0]}))
    if environments and rarely(draw, 3):
        runs.append(Run({"exp": sets[0], "env": environments[-1]}))
    if rarely(draw, 24):
        runs.append(Run({"exp": pick(draw, "nothing ¦ sub/001 ¦ Base ¦ default ¦ 001.yaml ¦ ??? ¦ _self_")}))
    if rarely(draw, 20):
        name = draw.choice(code.exp)[0]
        value = pick(draw, "1 ¦ abc ¦ null ¦ [1,2] ¦ {x:3} ¦ 1e-5 ¦ true ¦ RED ¦ 'a b' ¦ ${exp.name}")
        override = pick(
            draw,
            "exp.NAME=VALUE ¦ exp.NAME=VALUE ¦ +exp.NAME=VALUE ¦ ~exp.NAME ¦ ++exp.zz=VALUE ¦ exp.nothing=1 ¦ ~env ¦"
            "+other=1 ¦ hydra.job.name=x ¦ env.output_dir=x",
        )
        runs.append(Run({"exp": sets[0]}, (override.replace("NAME", name).replace("VALUE", value),)))
    return runs


def rarely(draw: Random, one_in: int) -> bool:
    """True once in `one_in` times; false is the plain choice."""
    return draw.random() * one_in < 1


def pick(draw: Random, text: str) -> str:
    """One entry of a pool."""
    return draw.choice(pools.pool(text))


# -- train.py ----------------------------------------------------------------------------------------------------------


@dataclass
class _Code:
    """What train.py declares, for the YAML files to use."""

    exp: list[tuple[str, Kind]]
    env: list[tuple[str, Kind]]
    config_dir: str = ""
    config_name: str = "config"
    has_schema: bool = False


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


def _code(draw: Random) -> tuple[_Code, str]:
    names = draw.sample(pools.NAMES, len(pools.NAMES))
    others = [n for n in names if n not in ("name", "seed")]
    exp = _fields(draw, ["name", "seed", *others[: draw.randint(1, 6)]])
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
    config = [("exp", Kind("ExpConfig", (), ()), "field(default_factory=ExpConfig)")]
    config.append(("env", Kind("EnvConfig", (), ()), pick(draw, "field(default_factory=EnvConfig) ¦ MISSING")))
    if rarely(draw, 6):
        config.append(("top", draw.choice(KINDS), "MISSING"))
    lines += _class(draw, "Config", config)
    lines += _stores(draw, code)
    code.config_dir = "" if not rarely(draw, 6) else "conf"
    code.config_name = "config" if not rarely(draw, 9) else "main"
    version = "version_base=None, "
    if rarely(draw, 5):
        version = pick(draw, 'version_base="1.3", ¦ version_base="1.2", ¦ version_base="1.1", ¦ ∅')
    place = f'config_path="{code.config_dir or "."}", config_name="{code.config_name}"'
    lines += [f"@hydra.main({version}{place})", "def main(cfg):", "    print(cfg)", ""]
    lines += ['if __name__ == "__main__":', "    main()", ""]
    return code, "\n".join(lines)


def _fields(draw: Random, names: Sequence[str]) -> list[tuple[str, Kind, str]]:
    found = []
    for name in names:
        kind = draw.choice(KINDS if rarely(draw, 2) else KINDS[:8])
        found.append((name, kind, kind.defaults[0] if not rarely(draw, 3) else draw.choice(kind.defaults)))
    return found


def _class(draw: Random, name: str, fields: Sequence[tuple[str, Kind, str]], base: str = "") -> list[str]:
    decorator = "@dataclass"
    if rarely(draw, 80):
        decorator = pick(draw, "@dataclass(frozen=True) ¦ # not a dataclass ¦ @dataclass(kw_only=True)")
    body = [f"    {field}: {kind.annotation}{f' = {default}' if default else ''}" for field, kind, default in fields]
    body.sort(key=lambda line: " = " in line)  # fields without a default come first, as dataclasses want it
    if rarely(draw, 40):
        body.append("    " + draw.choice(pools.BROKEN_FIELDS))
    if rarely(draw, 40):
        body.append("\n    def __post_init__(self):\n        self.y = 5")
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
]


def _stores(draw: Random, code: _Code) -> list[str]:
    """The registrations, in one of the shapes that people write."""
    wanted = [("exp", "default", "ExpConfig"), ("env", "default", "EnvConfig")]
    if rarely(draw, 2):
        wanted.insert(0, ("", "config_schema", "Config"))
        code.has_schema = True
    if rarely(draw, 24):
        wanted.append(draw.choice(_EXTRA_STORES))
    if rarely(draw, 50):
        wanted.pop(draw.randint(0, len(wanted) - 1))
    if rarely(draw, 50):
        wanted = [(g, n, {"ExpConfig": "EnvConfig", "EnvConfig": "ExpConfig"}.get(c, c)) for g, n, c in wanted]
    shape = "plain"
    if rarely(draw, 2):
        shape = pick(draw, "inline ¦ positional ¦ instance ¦ loop ¦ function ¦ package ¦ extension ¦ guard")
    package = pick(draw, "_global_ ¦ exp ¦ _group_ ¦ other ¦ env.sub")
    lines = [] if shape == "inline" else ["cs = ConfigStore.instance()"]
    for number, (group, name, node) in enumerate(wanted):
        store = "ConfigStore.instance()" if shape == "inline" else "cs"
        given = f"{node}()" if shape == "instance" and "{" not in node else node
        file = f"{name}.yaml" if shape == "extension" else name
        if shape == "positional":
            lines.append(f'{store}.store("{file}", {given}' + (f', "{group}")' if group else ")"))
        else:
            last = f', package="{package}"' if shape == "package" and number == len(wanted) - 1 else ""
            group_word = f'group="{group}", ' if group else ""
            lines.append(f'{store}.store({group_word}name="{file}", node={given}{last})')
    if shape == "loop":
        rows = ", ".join(f'("{g}", "{n}", {c})' if g else f'(None, "{n}", {c})' for g, n, c in wanted)
        lines = ["cs = ConfigStore.instance()", f"for group, name, node in [{rows}]:"]
        lines.append("    cs.store(group=group, name=name, node=node)")
    if shape == "function":
        lines = ["def register():", *(f"    {line}" for line in lines), "", "register()"]
    if shape == "guard":
        lines = [*lines[:-1], 'if __name__ == "__main__":', f"    {lines[-1]}"]
    return [*lines, "", ""]


# -- the YAML files ----------------------------------------------------------------------------------------------------


def _value(draw: Random, kind: Kind) -> str:
    if not rarely(draw, 8):
        return draw.choice(kind.fits)
    every = (pools.ODD, pools.ODD, pools.INTERPOLATIONS, pools.STRINGS, pools.INTS, pools.FLOATS, pools.BOOLS)
    return draw.choice(draw.choice(every))


def _body(draw: Random, fields: Sequence[tuple[str, Kind]], indent: str = "", most: int = 4) -> list[str]:
    lines = []
    for name, kind in draw.sample(fields, min(draw.randint(0, most), len(fields))):
        key, separator = name, ": "
        if rarely(draw, 50):
            key = draw.choice(pools.ODD_KEYS).replace("NAME", name)
        if rarely(draw, 120):
            separator = draw.choice((":", ":\t", " : ", ":  ", "： "))
        line = f"{indent}{key}{separator}{_value(draw, kind)}".replace("\n", f"\n{indent}")
        if rarely(draw, 30):
            line += draw.choice(("  # comment", " ", "\t", "  # キー", "\t# tab", "#no"))
        lines.append(line)
        if rarely(draw, 160):
            lines.append(line)  # a duplicate key
    return lines


def _defaults(draw: Random, names: Sequence[str], own: str) -> list[str]:
    """The defaults list of an option."""
    other = draw.choice([*names, "default"])
    entry = pick(draw, "default@_here_ ¦" * 7 + "default@_here_ ¦ OTHER@_here_ ¦ OTHER@_here_ ¦ default ¦ ∅ ¦ ∅")
    if not entry:
        return []
    entry = entry.replace("OTHER", other)
    if entry.startswith(own) and not rarely(draw, 20):
        entry = "default@_here_"
    if not entry[0].isalpha() and rarely(draw, 2):
        entry = f'"{entry}"'
    entries = [entry]
    if rarely(draw, 16):
        entries.insert(draw.randint(0, 1), "_self_")
    if rarely(draw, 24):
        entries.insert(draw.randint(0, len(entries)), f"{draw.choice([*names, 'default'])}@_here_")
    if rarely(draw, 30):
        entries.insert(draw.randint(0, len(entries)), draw.choice(pools.ODD_ENTRIES))
    if rarely(draw, 60):
        return [draw.choice(pools.ODD_LISTS)]
    indent = draw.choice(("  ", "  ", "", "    "))
    return ["defaults:", *(f"{indent}- {entry}" for entry in entries)]


def _config(draw: Random, code: _Code, sets: Sequence[str]) -> bytes:
    entries = ["exp: default", "env: default"] if not rarely(draw, 3) else ["env: default", "exp: default"]
    if rarely(draw, 24):
        place = draw.randint(0, 1)
        option = draw.choice(pools.ODD_CHOICES).replace("SET", sets[0])
        entries[place] = f"{entries[place].split(':')[0]}: {option}"
    if rarely(draw, 50):
        entries.insert(draw.randint(0, len(entries)), draw.choice(pools.ODD_PRIMARY_ENTRIES))
    if rarely(draw, 80):
        entries.pop()
    position = 0 if not rarely(draw, 4) else draw.randint(0, len(entries))
    if not rarely(draw, 24):
        entries.insert(position, "_self_")
    if code.has_schema and not rarely(draw, 20):
        entries.insert(0 if not rarely(draw, 6) else draw.randint(0, len(entries)), "config_schema")
    if not rarely(draw, 6):
        option = "none" if not rarely(draw, 16) else pick(draw, "stdout ¦ disabled ¦ default ¦ nothing ¦ null")
        place = len(entries) if not rarely(draw, 60) else draw.randint(0, len(entries))
        entries.insert(place, f"override hydra/{pick(draw, 'job_logging ¦ job_logging ¦ hydra_logging')}: {option}")
    lines = ["defaults:", *(f"  - {entry}" for entry in entries), ""]
    if rarely(draw, 6):
        lines.append(draw.choice(pools.ODD_HYDRA_SETTINGS))
    else:
        lines += ["hydra:", "  output_subdir: null", "  job:", "    chdir: false", "  run:", "    dir: ."]
    if rarely(draw, 16):
        lines += ["exp:", *(_body(draw, code.exp, "  ", 2) or ["  seed: 1"])]
    if rarely(draw, 30):
        lines += ["env:", *(_body(draw, code.env, "  ", 2) or ["  output_dir: x"])]
    if rarely(draw, 30):
        lines += _body(draw, [*code.exp, *code.env], "", 1)
    if rarely(draw, 80):
        lines = lines[lines.index("") :]  # no defaults list
    return _text(draw, lines) if rarely(draw, 4) else ("\n".join(lines) + "\n").encode()


def _text(draw: Random, lines: Sequence[str]) -> bytes:
    """The lines as a file, now and then in an odd form."""
    text = "\n".join(lines) + "\n"
    if not rarely(draw, 20):
        return text.encode()
    package = pick(draw, "_global_ ¦ exp ¦ _here_ ¦ _group_ ¦ a b ¦ ∅")
    directive = pick(draw, "%YAML 1.1 ¦ %YAML 1.2 ¦ %TAG ! x")
    forms: tuple[str | bytes, ...] = (
        text.replace("\n", "\r\n"),
        text.replace("\n", "\r"),
        "\ufeff" + text,
        "# a comment\n\n" + text.replace("\n", "  # here\n", 1),
        "",
        "# nothing but a comment\n",
        "null\n",
        "---\n" + text,
        text + "...\n",
        text + "---\nseed: 3\n",
        text.rstrip("\n"),
        f"# @package {package}\n{text}",
        f"# @packages exp\n# @package exp\n{text}",
        f"{directive}\n---\n{text}",
        text.replace("  ", "\t", 1),
        text.replace(" ", "\u00a0", 1),
        text.replace(" ", "\u3000", 1),
        text.replace("\n", "\u0085", 1),
        text.replace("\n", "\u2028", 1),
        text.replace("\n", "\n\x0c", 1),
        text + "# \x07\n",
        "".join(f"  {line}\n" for line in text.splitlines()),
        "- a\n- b: 1\n",
        "{defaults: [default@_here_], seed: 5}\n",
        pick(draw, "abc ¦ 1 ¦ '${exp}' ¦ ??? ¦ true") + "\n",
        text.encode("utf-16"),
        text.encode() + b"# \xe9\n",
    )
    form = draw.choice(forms)
    return form if isinstance(form, bytes) else form.encode()
