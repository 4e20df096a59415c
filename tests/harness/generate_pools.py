"""What `generate` draws from: values, types and entries, the plain ones and those that people mistype.

In a pool, entries stand between `¦`; `⏎` is a line break and `∅` the empty text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random


class Draw(Random):
    """Where choices come from; a calm one makes experiments in which hardly anything is odd."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.calm = False
        self.calm = rarely(self, 2.5)


def rarely(draw: Draw, one_in: float) -> bool:
    """True once in `one_in` times; false is the plain choice. One in more than a dozen times is odd."""
    return draw.random() * one_in * (10 if draw.calm and one_in > 12 else 1) < 1


def pick(draw: Draw, text: str) -> str:
    """One entry of a pool."""
    return draw.choice(pool(text))


@lru_cache(maxsize=256)
def pool(text: str) -> tuple[str, ...]:
    """The entries of a pool."""
    return tuple(part.strip().replace("⏎", "\n").replace("∅", "") for part in text.split("¦"))


@dataclass(frozen=True)
class Kind:
    """A type of field: how it is declared, defaults for it, and YAML values that fit (and a few that nearly do)."""

    annotation: str
    defaults: Sequence[str]
    fits: Sequence[str]


INTS = pool(r"""
1 ¦ 7 ¦ -3 ¦ 0 ¦ +4 ¦ 0x1F ¦ ${exp.seed} ¦ 010 ¦ 0b11 ¦ 1_000 ¦ 12:30 ¦ "32" ¦ '8' ¦ 09
""")
FLOATS = pool(r"""
1e-5 ¦ 1.0e-5 ¦ 3 ¦ 0.5 ¦ .5 ¦ 5. ¦ "1e-5" ¦ .inf ¦ -.inf ¦ .nan ¦ 1e3 ¦ -0.0 ¦ 1_0.5 ¦ inf ¦ nan
""")
BOOLS = pool(r"""
true ¦ false ¦ True ¦ yes ¦ no ¦ on ¦ OFF ¦ y ¦ 1 ¦ 0 ¦ "yes" ¦ 2
""")
STRINGS = pool(r"""
abc ¦ "001-lr" ¦ ${env.output_dir}/x ¦ ${.seed} ¦ x-${exp.seed}-${exp.name} ¦ 001 ¦ 1e-5 ¦ true ¦ null and void ¦
'it''s' ¦ "a\tb" ¦ 日本語 ¦ 2024-01-01 ¦ a#b ¦ a # b ¦ output/x ¦
Qwen/Qwen3-4B ¦ "" ¦ 'null' ¦ ~/x ¦ a b  c ¦ "\u3042\n" ¦ 1.0 ¦ yes ¦ - ¦ $x ¦ |⏎  two⏎  lines ¦
>-⏎  folded⏎  text ¦ http://a:80/b ¦ C:\x ¦ 100% ¦ "#" ¦ a:b ¦ k=v ¦ * ¦ &
""")
INTERPOLATIONS = pool(r"""
${exp.name} ¦ ${env.output_dir} ¦ ${.seed} ¦ ${..exp.seed} ¦ x-${exp.seed}-y ¦ ${name} ¦ ${exp.nothing} ¦
${oc.env:HOME} ¦ ${oc.env:NO_SUCH_VARIABLE} ¦ ${oc.env:NO_SUCH_VARIABLE,x} ¦ ${hydra:job.name} ¦ ${hydra.job.name} ¦
${now:%Y} ¦ "${foo" ¦ \${exp.name} ¦ ${exp} ¦ ${exp.opt} ¦ ${oc.select:exp.none,1} ¦ ${oc.decode:'[1]'} ¦ ${env} ¦
${exp.name}${env.name} ¦ ${ exp.name } ¦ ${oc.dict.keys:exp} ¦ ${hydra.run} ¦ ${.} ¦ ${unknown:1} ¦ "${exp.name" ¦
${exp.name}} ¦ ${exp.fold[0]} ¦ ${exp[name]} ¦ ${} ¦ ${oc.create:{a: 1}}
""")
ODD = pool(r"""
∅ ¦ null ¦ ~ ¦ None ¦ ??? ¦ "???" ¦ [] ¦ {} ¦ [1, 2] ¦ [a, b] ¦ {a: 1} ¦ {a: {b: 1}} ¦ [[1], [2, 3]] ¦ [1, null] ¦
{1: a} ¦ {true: b} ¦ {1.5: x} ¦ [1, [a, {b: 2}]] ¦ !!str 1 ¦ !!int "3" ¦ !!float 1 ¦ !!python/tuple [1] ¦
!!python/object/apply:pathlib.Path [a, b] ¦ !custom x ¦ !!set {a, b} ¦ !!binary aGk= ¦ !!timestamp 2024-01-01 ¦
RED ¦ Color.RED ¦ red ¦ 1 ¦ 16.0 ¦ 1.5 ¦ "x" ¦ - x ¦ @x ¦ `x` ¦ %x ¦ "open ¦ [1, 2 ¦ {a: 1 ¦ a: b ¦ = ¦ << ¦
2024-01-01 10:00:00 ¦ 1e400 ¦ 99999999999999999999 ¦ 0o17 ¦ 1__0 ¦ _1 ¦ 190:20:30.15 ¦ 0x ¦ １２ ¦ “x” ¦ &a 1 ¦ *a ¦
1e5 # five ¦ [${exp.seed}, 2] ¦ {a: ${exp.seed}} ¦ {RED: 1} ¦ {a: {x: 3, y: z}} ¦ {x: 3} ¦ {x: three} ¦ {z: 3} ¦
[{x: 3}] ¦ [RED, BLUE] ¦ {a: [1, 2]} ¦ [???] ¦ {a: ???} ¦ ⏎  x: 5 ¦ ⏎  - 1⏎  - 2 ¦ ? a ¦ "a\x07b" ¦ {a.b: 1} ¦
{'': 1} ¦ !!null x ¦ !!bool yes ¦ !!omap [a: 1] ¦ {null: 1} ¦ {<<: {a: 1}, b: 2} ¦ 1:2:3 ¦ 1,000
""")

_KINDS = r"""
list[int]  ⇐  field(default_factory=lambda: [0]) ¦ field(default_factory=list) ¦ MISSING  ⇐  [1, 2] ¦ [] ¦ ["3"]
Optional[int]  ⇐  None ¦ 3  ⇐  null ¦ 1 ¦ ???
Optional[str]  ⇐  None ¦ "x"  ⇐  null ¦ abc ¦ 1
Color  ⇐  Color.RED ¦ MISSING  ⇐  RED ¦ Color.BLUE ¦ 1 ¦ "RED" ¦ BLUE
Path  ⇐  Path("a/b") ¦ "data"  ⇐  /x/y ¦ a ¦ ~
Any  ⇐  None ¦ 1 ¦ "a" ¦ field(default_factory=lambda: [1, 'a'])  ⇐  1 ¦ abc ¦ [1, a] ¦ {a: 1} ¦ null
Opt  ⇐  field(default_factory=Opt) ¦ MISSING ¦ field(default_factory=lambda: Opt(x=5))  ⇐  {x: 3} ¦ {} ¦ {y: [a]}
dict[str, int]  ⇐  field(default_factory=lambda: {"a": 1}) ¦ field(default_factory=dict)  ⇐  {a: 2} ¦ {b: 3} ¦ {}
Optional[float]  ⇐  None ¦ 0.5  ⇐  null ¦ 1e-3 ¦ 2
Union[int, str]  ⇐  1 ¦ "a"  ⇐  1 ¦ abc ¦ 1.5 ¦ true
Optional[Opt]  ⇐  None ¦ field(default_factory=Opt) ¦ MISSING  ⇐  null ¦ {x: 1}
List[str]  ⇐  field(default_factory=list) ¦ field(default_factory=lambda: ["a"])  ⇐  [a] ¦ [1, b] ¦ [null]
list  ⇐  field(default_factory=list)  ⇐  [1, a] ¦ [[1], {b: 2}]
dict  ⇐  field(default_factory=dict) ¦ field(default_factory=lambda: {"a": {"b": 1}})  ⇐  {a: 1} ¦ {a: {c: 2}}
Dict[str, Any]  ⇐  field(default_factory=dict) ¦ field(default_factory=lambda: {"a": 1})  ⇐  {a: [1]} ¦ {}
bytes  ⇐  b"x"  ⇐  !!binary aGk= ¦ abc
Level  ⇐  Level.LOW  ⇐  LOW ¦ low ¦ HIGH
Optional[Color]  ⇐  None ¦ Color.BLUE  ⇐  null ¦ RED ¦ 2
list[Color]  ⇐  field(default_factory=list) ¦ field(default_factory=lambda: [Color.RED])  ⇐  [RED] ¦ [1]
list[Opt]  ⇐  field(default_factory=list) ¦ field(default_factory=lambda: [Opt()])  ⇐  [{x: 1}] ¦ [{}] ¦ [{z: 1}]
dict[str, Opt]  ⇐  field(default_factory=dict) ¦ field(default_factory=lambda: {"a": Opt()})  ⇐  {a: {x: 9}} ¦ {b: {}}
list[list[int]]  ⇐  field(default_factory=lambda: [[0], [1]])  ⇐  [[1], [2, 3]] ¦ [] ¦ [1]
list[Optional[int]]  ⇐  field(default_factory=lambda: [None, 1])  ⇐  [null, 2]
Optional[list[int]]  ⇐  None ¦ field(default_factory=lambda: [0])  ⇐  null ¦ [1]
Optional[Dict[str, float]]  ⇐  None  ⇐  null ¦ {a: 1}
Dict[int, str]  ⇐  field(default_factory=lambda: {1: "a"})  ⇐  {2: b} ¦ {x: b}
dict[Color, int]  ⇐  field(default_factory=lambda: {Color.RED: 1})  ⇐  {RED: 2} ¦ {BLUE: 3}
tuple[int, int]  ⇐  (1, 2) ¦ field(default_factory=lambda: (1, 2))  ⇐  [3, 4] ¦ [3] ¦ [a, b]
Tuple[float, ...]  ⇐  (0.9, 0.999)  ⇐  [1] ¦ []
float | None  ⇐  None ¦ 1.0  ⇐  null ¦ 1
int | float  ⇐  1 ¦ 0.5  ⇐  1 ¦ 2.5 ¦ "3" ¦ 1e-5
Optional[Union[bool, str]]  ⇐  None ¦ True  ⇐  null ¦ yes ¦ abc
dict[str, list[int]]  ⇐  field(default_factory=lambda: {"a": [1]})  ⇐  {a: [2]} ¦ {a: x}
Optional[Path]  ⇐  None  ⇐  null ¦ a/b
list[Path]  ⇐  field(default_factory=list)  ⇐  [a, b]
Child  ⇐  field(default_factory=Child)  ⇐  {x: 2, w: 0.1} ¦ {w: a}
Opt | None  ⇐  None ¦ field(default_factory=Child)  ⇐  {x: 2} ¦ null ¦ ⏎  x: 5⏎  y: [1]
Deep  ⇐  field(default_factory=Deep) ¦ MISSING  ⇐  {opt: {x: 3}} ¦ {maybe: {w: 1}} ¦ {many: [{x: 9}]} ¦ {level: low} ¦
    {table: {b: {}}} ¦ {opt: {z: 1}} ¦ {table: {a: {x: 4}}, maybe: null} ¦ ⏎  opt:⏎    x: 4⏎  level: LOW ¦ {opt: null}
Optional[Deep]  ⇐  None ¦ field(default_factory=lambda: Deep(maybe=Child()))  ⇐  {opt: {x: 3}} ¦ null ¦ {maybe: {}}
Mode  ⇐  Mode.FAST  ⇐  SLOW ¦ 2 ¦ fast ¦ Mode.SLOW
dict[Level, float]  ⇐  field(default_factory=dict) ¦ field(default_factory=lambda: {Level.LOW: 0.1})  ⇐  {LOW: 1} ¦
    {low: 2} ¦ {HIGH: x} ¦ ⏎  HIGH: 0.5
Dict[bool, int]  ⇐  field(default_factory=lambda: {True: 1})  ⇐  {true: 2} ¦ {false: 3} ¦ {yes: 1} ¦ {x: 1}
Dict[float, str]  ⇐  field(default_factory=lambda: {0.5: "a"})  ⇐  {0.5: b} ¦ {1: c}
list[str]  ⇐  field(default_factory=lambda: COLUMNS) ¦ field(default_factory=columns) ¦
    field(default_factory=lambda: list(COLUMNS)) ¦ field(default_factory=lambda: [c.upper() for c in COLUMNS])  ⇐
    [a] ¦ ⏎  - a⏎  - b ¦ [] ¦ a
str  ⇐  str(DATA / "x") ¦ f"{DATA}/y" ¦ VERSION ¦ "a" "b"  ⇐  abc ¦ x-${exp.seed}
float  ⇐  RATE ¦ LIMITS["low"] ¦ 10**-3  ⇐  1e-5 ¦ 3
Path  ⇐  DATA / "train.csv" ¦ MISSING  ⇐  a/b ¦ ${env.output_dir}
dict[str, Any]  ⇐  field(default_factory=lambda: {**LIMITS, "x": [1]})  ⇐  {low: 2} ¦ {x: {y: 1}} ¦ ⏎  low:⏎    a: 1
dict[str, dict[str, int]]  ⇐  field(default_factory=lambda: {"a": {"b": 1}})  ⇐  {a: {b: 2, c: 3}} ¦ {b: {}} ¦ {a: 1}
list[dict[str, int]]  ⇐  field(default_factory=list)  ⇐  [{a: 1}] ¦ [{a: b}] ¦ ⏎  - a: 1⏎    b: 2
Optional[list[Opt]]  ⇐  None  ⇐  [{x: 1}] ¦ null ¦ ⏎  - x: 2⏎  - {}
"Optional[int]"  ⇐  None  ⇐  1 ¦ null
"""
# annotation, defaults, values; the first eight are the common ones
KINDS = (
    Kind("int", pool("42 ¦ 0 ¦ MISSING ¦ ∅"), INTS),
    Kind("float", pool("2e-5 ¦ 1 ¦ 0.1 ¦ MISSING"), FLOATS),
    Kind(
        "str",
        pool(""""default" ¦ "" ¦ MISSING ¦ "${exp.name}" ¦ "x-${.seed}" ¦ "${env.output_dir}/${exp.name}" """),
        STRINGS,
    ),
    Kind("bool", pool("False ¦ True"), BOOLS),
    *(
        Kind(annotation.strip(), pool(defaults), pool(fits))
        for annotation, defaults, fits in (
            line.split("⇐") for line in _KINDS.replace("\n    ", " ").strip().splitlines()
        )
    ),
)
# What Python or OmegaConf refuses, or what is no field at all.
BROKEN_FIELDS = pool(r"""
mode: Literal["a", "b"] = "a" ¦ bad: int = None ¦ bad: int = 1.5 ¦ bad: list[int] = [1] ¦
bad: set[int] = field(default_factory=set) ¦ bad: Union[int, list[int]] = 1 ¦ total: ClassVar[int] = 3 ¦ plain = 5 ¦
bad: Nothing = 1 ¦ bad: "int" = 1 ¦ bad: Opt = None ¦ bad: Opt = Opt() ¦ bad: Color = "RED" ¦ bad: Color = "PINK" ¦
items: str = "x" ¦ defaults: str = "x" ¦ bad: int = '12' ¦ a: int ¦ bad: str = "${foo" ¦
bad: float = field(default=1.0) ¦ bad: int = field(default=3, metadata={'a': 1}) ¦ bad: InitVar[int] = 3 ¦
bad: Callable = print ¦ bad: Final[int] = 3 ¦ bad: int = field(init=False, default=4) ¦
bad: Annotated[int, 'x'] = 3 ¦ bad: complex = 1j ¦ bad: object = None ¦ hydra: str = "x" ¦
bad: Union[str, bytes, None] = None ¦ bad: Dict[str, Dict[str, int]] = field(default_factory=dict)
""")

NAMES = pool(
    "name ¦ seed ¦ lr ¦ batch_size ¦ fold ¦ opt ¦ notes ¦ color ¦ path ¦ extra ¦ x1 ¦ output_dir ¦ none ¦ epochs"
)
OPTIONS = pool("001 ¦ 002 ¦ 003-lr ¦ 010 ¦ base ¦ lr_1e-5 ¦ 004.b ¦ 100 ¦ null ¦ 学習率 ¦ a b ¦ Default ¦ 1e5 ¦ true")

# Entries of an option's defaults list, whole lists of one, and entries of the primary one.
ODD_ENTRIES = pool("""
default@_hear_ ¦ /exp/default@_here_ ¦ - default ¦ default: ¦ nothing@_here_ ¦ 001 ¦ "001" ¦ default@exp ¦
exp: default ¦ /exp: default ¦ /env: default ¦ override /env: local ¦ _self_ ¦ default @_here_ ¦ default@_global_ ¦
optional default@_here_ ¦ default.yaml@_here_ ¦ null ¦ [a] ¦ {a: b} ¦ {} ¦ ??? ¦ ${exp} ¦ exp/default ¦
_self_@_here_ ¦ default@_here_.sub ¦ optional /env: nothing ¦ default@ ¦ ../env/default@_here_ ¦ default@_group_ ¦
default@_name_ ¦ 1.5 ¦ override /model: small ¦ /model: small ¦ override /model@model: small ¦ optional nothing@_here_ ¦
override /hydra/job_logging: none ¦ /config_schema ¦ .@_here_: default ¦ ./default@_here_ ¦ .: default ¦
../env@_here_: local
""")
ODD_LISTS = pool("""
defaults: [] ¦ defaults: ¦ defaults: default@_here_ ¦ defaults: {default: _here_} ¦ default:⏎  - default@_here_ ¦
defaults: [default@_here_] ¦ defaults: [default@_here_, _self_] ¦ defaults: ${exp} ¦ defaults: ???
""")
ODD_PRIMARY_ENTRIES = pool("""
optional env: nothing ¦ exp@other: default ¦ /exp: default ¦ exp/default ¦ model: small ¦ exp: default ¦
exp/sub: default ¦ exp:default ¦ default ¦ {exp: default, env: default} ¦ other ¦ exp@_global_: default ¦
config_schema ¦ null ¦ _self_ ¦ exp@second: default ¦ env@exp.env: default ¦ exp: [default] ¦ exp@exp: default ¦
optional exp/sub: nothing ¦ model@exp.opt: small ¦ extra
""")
ODD_HYDRA_SETTINGS = pool("""
∅ ¦ hydra: null ¦ hydra: {} ¦ hydra: x ¦ hydra:⏎output_subdir: null ¦ hydra:⏎  output_subdirs: null ¦
hydra:⏎  job:⏎    chdir: maybe ¦ hydra:⏎  run:⏎    dir: outputs/${now:%Y} ¦ hydra:⏎  job: null ¦
hydra:⏎  sweeper:⏎    params:⏎      exp: 001,002 ¦ hydra:⏎  searchpath:⏎    - file://shared ¦
hydra:⏎  searchpath:⏎    - file://001-x/shared ¦ hydra:⏎  searchpath: [file://001-x/shared, file://001-x/more] ¦
hydra:⏎  searchpath:⏎    - pkg://nothing ¦ hydra:⏎  output_subdir: false ¦ hydra:⏎  mode: MULTIRUN ¦
hydra:⏎  job:⏎    name: ${exp.name} ¦ hydra: ${exp} ¦ hydra:⏎  run: {dir: .}⏎  job: {chdir: false} ¦
hydra:⏎  job:⏎    env_set: {A: b} ¦ hydra:⏎  launcher:⏎    n_jobs: 2 ¦ hydra:⏎  sweep: {dir: a, subdir: b} ¦
hydra:⏎  verbose: true ¦ hydra:⏎  job_logging: null ¦ hydra:⏎  job:⏎    config: {override_dirname: {kv_sep: x}}
""")
ODD_CHOICES = pool("""
null ¦ ??? ¦ nothing ¦ 001 ¦ "001" ¦ "SET" ¦ [default, "SET"] ¦ ["SET"] ¦ "SET.yaml" ¦
base ¦ ~ ¦ 1 ¦ [default] ¦ default.yaml ¦ ${exp} ¦ Default ¦ ∅ ¦ [] ¦
default@exp
""")
ODD_KEYS = pool("""
NAMEs ¦ "NAME" ¦ NAME.x ¦ 1 ¦ null ¦ true ¦ exp ¦ env ¦ hydra ¦ ? NAME ¦ _self_ ¦ items ¦ << ¦ default ¦ 'a b' ¦
キー ¦ defaults ¦ _target_ ¦ ${NAME}
""")
