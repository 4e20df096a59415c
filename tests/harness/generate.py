"""Random experiments, right and wrong, as a hypothesis strategy: train.py, its config.yaml, and files of exp/ and env/.

Most of an experiment is as people write it; the rare odd choices are what people mistype, what YAML 1.1 surprises with,
and the corners of Hydra and OmegaConf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

import generate_pools as pools
from generate_code import Code, Fields, code
from generate_pools import Draw, Kind, pick, rarely


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
    """An experiment with up to four parameter sets and two environments, and the runs to compare."""
    draw = Draw(seed)
    made = code(draw)
    sets = draw.sample(pools.OPTIONS[:4] if not rarely(draw, 6) else pools.OPTIONS, draw.randint(1, 3))
    chain = rarely(draw, 10)
    if chain:
        sets = draw.sample(pools.OPTIONS[:6], draw.randint(3, 5))
    environments = draw.sample(("local", "runpod"), draw.randint(0, 2))
    models = draw.sample(("small", "big"), draw.randint(1, 2)) if made.model else []
    prefix = f"{made.config_dir}/" if made.config_dir else ""
    files = {name: text.encode() for name, text in made.files.items()}
    extras, extra_files = _extras(draw, made, sets, environments, models)
    files |= {f"{prefix}{name}": text for name, text in extra_files.items()}
    files[f"{prefix}{made.config_name}.yaml"] = config = _config(draw, made, sets, models, extras)
    from_root = rarely(draw, 14)  # the style of `# @package _global_`
    for group, names, fields in (
        ("exp", sets, made.exp),
        ("env", environments, made.env),
        (made.model_group, models, made.model),
    ):
        for number, name in enumerate(names):
            extension = "yaml" if not rarely(draw, 120) else pick(draw, "yml ¦ YAML")
            if from_root and group == "exp":
                text = _text(draw, _from_root(draw, made, models, []))
            elif chain and group == "exp" and number:
                text = _text(draw, ["defaults:", f'  - "{names[number - 1]}@_here_"', *_body(draw, fields)])
            else:
                lines, body = _defaults(draw, names, name), _body(draw, fields)
                text = _text(draw, [*lines, "", *body] if not rarely(draw, 40) else [*body, *lines])
            files[f"{prefix}{group}/{name}.{extension}"] = text
    if rarely(draw, 60):
        files[f"{prefix}exp/default.yaml"] = _text(draw, _body(draw, made.exp))
    if rarely(draw, 80):
        files[f"{prefix}exp/sub/001.yaml"] = _text(draw, [*_defaults(draw, sets, "001"), *_body(draw, made.exp)])
    if rarely(draw, 80):
        files[f"{prefix}config_schema.yaml"] = _text(draw, _body(draw, made.exp))
    if b"001-x/shared" in config:
        for group, names, fields in (("exp", (*pools.OPTIONS[:5], "default"), made.exp), ("env", ("local",), made.env)):
            name = draw.choice(names)
            files[f"shared/{group}/{name}.yaml"] = _text(draw, [*_defaults(draw, names, name), *_body(draw, fields)])
            sets = [*sets, name] if group == "exp" else sets
    runs = _runs(draw, sets, environments, models, made)
    for entry in extras:
        group = entry.partition(":")[0]
        options = [Path(name).stem for name in extra_files if name.startswith(f"{group}/")]
        runs += [Run({"exp": sets[0], group: option}) for option in options[:1]]
    return Generated(files, tuple(runs))


def _runs(draw: Draw, sets: Sequence[str], environments: Sequence[str], models: Sequence[str], code: Code) -> list[Run]:
    runs = [Run()] if rarely(draw, 4) else []
    runs += [Run({"exp": name}) for name in draw.sample(sets, min(2, len(sets)))]
    if environments and rarely(draw, 2):
        runs.append(Run({"env": environments[0]}))
    if environments and rarely(draw, 3):
        runs.append(Run({"exp": sets[0], "env": environments[-1]}))
    if models and rarely(draw, 2):
        runs.append(Run({code.model_choice: models[0]}))
        runs.append(Run({"exp": sets[0], code.model_choice: models[-1]}))
    if rarely(draw, 24):
        option = pick(draw, "nothing ¦ sub/001 ¦ Base ¦ default ¦ 001.yaml ¦ ??? ¦ _self_")
        runs.append(Run({pick(draw, "exp ¦ exp ¦ exp ¦ env ¦ model"): option}))
    if rarely(draw, 20):
        name = draw.choice(code.exp)[0]
        value = pick(draw, "1 ¦ abc ¦ null ¦ [1,2] ¦ {x:3} ¦ 1e-5 ¦ true ¦ RED ¦ 'a b' ¦ ${exp.name} ¦ '' ¦ {a:{x:1}}")
        override = pick(
            draw,
            "exp.NAME=VALUE ¦ exp.NAME=VALUE ¦ +exp.NAME=VALUE ¦ ~exp.NAME ¦ ++exp.zz=VALUE ¦ exp.nothing=1 ¦ ~env ¦"
            "+other=1 ¦ hydra.job.name=x ¦ env.output_dir=x ¦ exp.NAME.x=VALUE ¦ exp.NAME.opt.x=5 ¦ exp=[SET,default] ¦"
            "+exp@extra=SET ¦ exp@other=SET ¦ ~exp ¦ exp.NAME.0=1 ¦ exp.NAME[0]=1 ¦ hydra.run.dir=x ¦ +env=local ¦"
            "exp.NAME=VALUE,1 ¦ hydra/job_logging=disabled",
        )
        words = override.replace("NAME", name).replace("VALUE", value).replace("SET", sets[0])
        runs.append(Run({"exp": sets[0]}, (words,)))
    return runs


# -- the YAML files ----------------------------------------------------------------------------------------------------


def _value(draw: Draw, kind: Kind) -> str:
    if draw.calm:
        return draw.choice(kind.fits[:3])
    if not rarely(draw, 8):
        return draw.choice(kind.fits)
    every = (pools.ODD, pools.ODD, pools.INTERPOLATIONS, pools.STRINGS, pools.INTS, pools.FLOATS, pools.BOOLS)
    return draw.choice(draw.choice(every))


def _body(draw: Draw, fields: Fields, indent: str = "", most: int = 4) -> list[str]:
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
    if len(lines) > 1 and rarely(draw, 50) and not any("\n" in line or "#" in line for line in lines[:2]):
        key, _, value = lines[0].partition(": ")
        lines[0], lines[1] = (
            f"{key}: &it {value}",
            f"{lines[1].partition(': ')[0]}: {pick(draw, '*it ¦ [*it] ¦ {<<: *it}')}",
        )
    return lines


def _defaults(draw: Draw, names: Sequence[str], own: str) -> list[str]:
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


def _from_root(draw: Draw, code: Code, models: Sequence[str], sets: Sequence[str]) -> list[str]:
    """An option that is written from the root of the config, and may choose other groups."""
    first = "_self_ ¦ _self_ ¦ override /env: local" + ("" if sets else "¦ /exp/default@exp ¦ default@exp ¦ ∅")
    entries = [pick(draw, first)]
    if sets and not rarely(draw, 3):
        entries.insert(draw.randint(0, 1), f'override /exp: "{draw.choice(sets)}"')
    if models:
        entries.insert(draw.randint(0, 1), f"override /{code.model_choice}: {draw.choice(models)}")
    lines = ["# @package _global_", "", "defaults:", *(f"  - {entry}" for entry in entries if entry), ""]
    if lines[-2] == "defaults:":
        del lines[-2]
    lines += ["exp:", *(_body(draw, code.exp, "  ") or ["  seed: 1"])]
    if rarely(draw, 4):
        lines += ["env:", *(_body(draw, code.env, "  ") or ["  output_dir: x"])]
    if rarely(draw, 8):
        lines += ["hydra:", "  job:", "    name: x"]
    return lines


def _extras(
    draw: Draw, code: Code, sets: Sequence[str], environments: Sequence[str], models: Sequence[str]
) -> tuple[list[str], dict[str, bytes]]:
    """What else config.yaml may list, and the files of that."""
    entries, files = [], {}
    block = ["exp:", *(_body(draw, code.exp, "  ", 2) or ["  seed: 4"])]
    if rarely(draw, 14):  # nothing is chosen from it by default, and its options choose the others
        entries.append("experiment: null")
        name = draw.choice(("a", "b-2"))
        files[f"experiment/{name}.yaml"] = _text(draw, _from_root(draw, code, models, [*sets, "default"]))
    if rarely(draw, 30):
        entries.append("base")
        files["base.yaml"] = _text(
            draw,
            block
            if rarely(draw, 2)
            else ["exp:", "  seed: 1"]
            if rarely(draw, 2)
            else ["extra: 1", "defaults:", "  - _self_"],
        )
    if rarely(draw, 30):
        entries.append(pick(draw, "callbacks: [one, two] ¦ callbacks: [two] ¦ callbacks:⏎      - one⏎      - two"))
        for name in ("one", "two"):
            value = pick(draw, "{x: 1} ¦ 3 ¦ ${exp.seed} ¦ ${..other} ¦ ${callbacks.one} ¦ [a")
            files[f"callbacks/{name}.yaml"] = _text(draw, [f"{name}: {value}"])
    if rarely(draw, 30):
        entries.append(pick(draw, "optional both: ${exp}-${env} ¦ optional both: ${exp} ¦ both: ${env}"))
        names = [*sets, *environments, f"{sets[0]}-default", f"{sets[0]}-local", "default"]
        files[f"both/{draw.choice(names)}.yaml"] = _text(draw, ["x: 1"] if rarely(draw, 2) else _body(draw, code.exp))
    return entries, files


def _config(draw: Draw, code: Code, sets: Sequence[str], models: Sequence[str], extras: Sequence[str]) -> bytes:
    entries = ["exp: default", "env: default"] if not rarely(draw, 3) else ["env: default", "exp: default"]
    if models:
        entries.insert(draw.randint(0, 2), f"{code.model_key}: {draw.choice([*models, 'default', 'default'])}")
    if rarely(draw, 30):
        place = draw.randint(0, len(entries) - 1)
        entries[place] = draw.choice(("optional ", "optional ", "/")) + entries[place]
    if rarely(draw, 24):
        place = draw.randint(0, 1)
        option = draw.choice(pools.ODD_CHOICES).replace("SET", sets[0])
        entries[place] = f"{entries[place].split(':')[0]}: {option}"
    if rarely(draw, 50):
        entries.insert(draw.randint(0, len(entries)), draw.choice(pools.ODD_PRIMARY_ENTRIES))
    if rarely(draw, 80):
        entries.pop()
    for entry in extras:
        place = 0 if entry == "base" else len(entries)
        entries.insert(place if not rarely(draw, 5) else draw.randint(0, len(entries)), entry)
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
        lines += ["  sweep:", "    subdir: ${hydra.job.num}"]
    if rarely(draw, 16):
        lines += ["exp:", *(_body(draw, code.exp, "  ", 2) or ["  seed: 1"])]
    if rarely(draw, 30):
        lines += ["env:", *(_body(draw, code.env, "  ", 2) or ["  output_dir: x"])]
    if rarely(draw, 30):
        lines += _body(draw, [*code.exp, *code.env], "", 1)
    if rarely(draw, 80):
        lines = lines[lines.index("") :]  # no defaults list
    return _text(draw, lines) if rarely(draw, 4) else ("\n".join(lines) + "\n").encode()


def _text(draw: Draw, lines: Sequence[str]) -> bytes:
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
