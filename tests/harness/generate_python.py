"""Python that people write around their dataclasses: values that code computes, and the many ways to register.

What comes of all this is known without running it, so that the library has no excuse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from generate_pools import BOOLS, FLOATS, INTS, STRINGS, Draw, Kind, pick, pool

# Lines before the classes ⇒ the annotation and the default of a field that uses them.
_COMPUTED = r"""
∅ ⇒ str = os.path.join("a", "b")
∅ ⇒ str = os.getenv("NO_SUCH_VARIABLE", "x")
∅ ⇒ Optional[str] = os.environ.get("NO_SUCH_VARIABLE")
∅ ⇒ str = Path(__file__).parent.name
∅ ⇒ list[str] = field(default_factory=lambda: "a,b".split(","))
∅ ⇒ str = "-".join(["a", "b"])
∅ ⇒ str = "{}-{:03d}".format("a", 3)
∅ ⇒ str = "%s-%03d" % ("a", 3)
∅ ⇒ str = f"{3:03d}-{1e-5!r:>8}"
∅ ⇒ list[int] = field(default_factory=lambda: list(range(3)))
∅ ⇒ dict[str, int] = field(default_factory=lambda: {k: i for i, k in enumerate("abc")})
∅ ⇒ list[int] = field(default_factory=lambda: sorted({3, 1}))
∅ ⇒ float = math.sqrt(2) * math.pi
∅ ⇒ float = math.inf
∅ ⇒ float = float("inf")
∅ ⇒ int = 1 << 20
∅ ⇒ int = 1 if 3 > 2 else 2
∅ ⇒ int = 7 // 2
∅ ⇒ int = 8 / 2
∅ ⇒ int = 1_000_000
∅ ⇒ int = -3 + +2 - ~1
∅ ⇒ int = max(1, 2, 3) + len("abc")
∅ ⇒ float = round(1.2345, 2)
∅ ⇒ bool = 1 < 2 < 3 and not 4 in [1]
∅ ⇒ str = "" or "x" and "y"
∅ ⇒ str = " A_b ".strip().lower().replace("_", "-").title()
∅ ⇒ str = Color.RED.name + Level.LOW.value
∅ ⇒ dict[str, Any] = field(default_factory=lambda: dict(a=1, b=[1]))
∅ ⇒ dict[str, Any] = field(default_factory=partial(dict, a=1))
∅ ⇒ dict[str, float] = field(default_factory=LIMITS.copy)
∅ ⇒ dict[str, float] = field(default_factory=lambda: copy.deepcopy(LIMITS))
∅ ⇒ list[str] = field(default_factory=lambda: COLUMNS[:1] * 2)
∅ ⇒ list[int] = field(default_factory=lambda: [i ** 2 for i in range(5) if i % 2])
∅ ⇒ int = (lambda a, b=2: a + b)(1)
∅ ⇒ int = (n := 4)
∅ ⇒ str = II("exp.name")
∅ ⇒ str = SI("${exp.name}/x")
∅ ⇒ str = "???"
Size = int ⇒ Size = 3
Size = int | str | None ⇒ Size = "a"
Count = NewType("Count", int) ⇒ Count = 3
Words: TypeAlias = "list[str]" ⇒ Words = field(default_factory=list)
Shape = Enum("Shape", "A B") ⇒ Shape = Shape.A
x = 1⏎del x ⇒ int = x
x = 4⏎x += 3⏎x **= 2 ⇒ int = x
first, *rest = [1, 2, 3] ⇒ list[int] = field(default_factory=lambda: rest)
a = b = 3 ⇒ int = b
for x in range(4):⏎    if x == 2:⏎        break⏎else:⏎    x = 9 ⇒ int = x
try:⏎    x = 1 / 0⏎except ZeroDivisionError:⏎    x = 3⏎finally:⏎    z = 1 ⇒ int = x
def f():⏎    raise KeyError("a")⏎⏎try:⏎    x = f()⏎except (KeyError, ValueError) as e:⏎    x = 7 ⇒ int = x
def f():⏎    global x⏎    x = 4⏎⏎f() ⇒ int = x
def f(n):⏎    return 1 if n < 2 else n * f(n - 1) ⇒ int = f(5)
def f():⏎    n = 3⏎    def g():⏎        nonlocal n⏎        n += 1⏎        return n⏎    return g ⇒ int = f()()
def f(*, a=1, **kw):⏎    if a > 2:⏎        return 1⏎    elif a == 1:⏎        return 5⏎    return 2 ⇒ int = f()
def f(*parts, sep="-"):⏎    return sep.join(map(str, parts)) ⇒ str = f(1, "a", sep="_")
class K:⏎    X = 4⏎    Y = X + 1 ⇒ int = K.Y
@lru_cache(maxsize=None)⏎def f():⏎    return 3 ⇒ int = f()
try:⏎    import no_such_module as y⏎except ImportError:⏎    y = None ⇒ int = 3
if TYPE_CHECKING:⏎    from nothing import Nothing ⇒ int = 3
assert len(COLUMNS) == 2, "columns" ⇒ int = 3
os.environ.setdefault("NO_SUCH_VARIABLE_2", "false") ⇒ int = 3
logging.basicConfig(level=logging.INFO)⏎log = logging.getLogger(__name__) ⇒ int = 3
warnings.filterwarnings("ignore") ⇒ int = 3
OmegaConf.register_new_resolver("mul", lambda a, b: a * b, replace=True) ⇒ int = 3
@dataclass⏎class Outer:⏎    @dataclass⏎    class Inner:⏎        x: int = 1⏎⏎    inner: Inner = MISSING ⇒
    Outer = field(default_factory=lambda: Outer(inner=Outer.Inner(x=2)))
@dataclass⏎class Node:⏎    x: int = 1⏎    next: "Optional[Node]" = None ⇒ Node = field(default_factory=Node)
class Plain:⏎    w: int = 1⏎⏎@dataclass⏎class Loss(Plain):⏎    x: int = 2 ⇒ Loss = field(default_factory=Loss)
@dataclass⏎class A:⏎    a: int = 1⏎⏎@dataclass⏎class Both(A, Opt):⏎    b: int = 2 ⇒ Both = field(default_factory=Both)
@dataclass⏎class Named:⏎    _target_: str = "torch.optim.Adam"⏎    x: int = 1 ⇒ Named = field(default_factory=Named)
T = TypeVar("T")⏎⏎@dataclass⏎class Box(Generic[T]):⏎    x: int = 1 ⇒ Box = field(default_factory=lambda: Box(x=2))
@dataclasses.dataclass(order=True, repr=False)⏎class Late:⏎    x: int = dataclasses.field(default=1) ⇒
    Late = field(default_factory=lambda: Late(3))
"""
IMPORTS = """\
import contextlib
import copy
import dataclasses
import logging
import math
import os
import warnings
from dataclasses import asdict, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Generic, NewType, TypeAlias, TypeVar

from omegaconf import II, OmegaConf, SI
"""
COMPUTED = [
    (before.strip().replace("⏎", "\n").replace("∅", ""), *after.strip().split(" = ", 1))
    for before, after in (line.split(" ⇒ ") for line in _COMPUTED.strip().replace(" ⇒\n    ", " ⇒ ").splitlines())
]
_FITS = pool("{x: 3} ¦ {} ¦ {x: 4} ¦ null ¦ {a: 1} ¦ {z: 1} ¦ 3")

_FITTING = {"int": INTS, "str": STRINGS, "float": FLOATS, "bool": BOOLS, "Optional[str]": STRINGS,
            "list[int]": ("[1]", "[]", "[1, 2]"), "list[str]": ("[a]", "[]", "[1]"),
            "dict": ("{a: 1}", "{}", "{a: 2, b: 3}"), "Outer": ("{}", "{inner: {x: 3}}", "{inner: 1}"),
            "Node": ("{x: 3}", "{next: {x: 3}}", "{next: null}"), "Shape": ("A", "B", "C"), "Size": ("3", "4", "abc"),
            "Count": INTS, "Words": ("[a]", "[]", "a")}  # fmt: skip


def computed(draw: Draw) -> tuple[str, Kind, str]:
    """Lines of Python, and a field whose type or default comes of them."""
    before, annotation, default = draw.choice(COMPUTED)
    fits = next((values for start, values in _FITTING.items() if annotation.startswith(start)), _FITS)
    return before, Kind(annotation, (default,), fits), default


Wanted = Sequence[tuple[str, str, str]]  # group, name, node


def _rows(wanted: Wanted) -> str:
    return "[" + ", ".join(f"({group!r}, {name!r}, {node})" for group, name, node in wanted) + "]"


def _each(wanted: Wanted, line: str) -> list[str]:
    return [line.format(group=group or None, name=name, node=node) for group, name, node in wanted]


_PLAIN = "ConfigStore.instance().store(group={group!r}, name={name!r}, node={node})"
_FORMS: dict[str, Callable[[Wanted], list[str]]] = {
    "partial": lambda w: [
        "store = partial(ConfigStore.instance().store, name='default')",
        *_each([row for row in w if row[1] == "default"], "store(group={group!r}, node={node})"),
        *_each([row for row in w if row[1] != "default"], _PLAIN),
    ],
    "alias": lambda w: [
        "store = ConfigStore.instance().store",
        *_each(w, "store(group={group!r}, name={name!r}, node={node})"),
    ],
    "words": lambda w: [
        "cs = ConfigStore.instance()",
        *_each(w, "cs.store(**{{'group': {group!r}, 'name': {name!r}}}, node={node})"),
    ],
    "star": lambda w: ["cs = ConfigStore.instance()", *_each(w, "cs.store(*({name!r}, {node}, {group!r}))")],
    "comprehension": lambda w: [
        f"[ConfigStore.instance().store(group=g or None, name=n, node=c) for g, n, c in {_rows(w)}]"
    ],
    "map": lambda w: [
        f"list(map(lambda row: ConfigStore.instance().store(row[1], row[2], row[0] or None), {_rows(w)}))"
    ],
    "enumerate": lambda w: [
        f"names = {[name for _, name, _ in w]}",
        f"for i, (g, _, c) in enumerate({_rows(w)}):",
        "    ConfigStore.instance().store(group=g or None, name=names[i], node=c)",
    ],
    "zip": lambda w: [
        f"for g, n, c in zip({[g or None for g, _, _ in w]}, {[n for _, n, _ in w]}, [{', '.join(c for *_, c in w)}]):",
        "    ConfigStore.instance().store(group=g, name=n, node=c)",
    ],
    "if": lambda w: ["if not os.environ.get('NO_SUCH_VARIABLE'):", *_each(w, f"    {_PLAIN}")],
    "with": lambda w: ["with contextlib.nullcontext():", *_each(w, f"    {_PLAIN}")],
    "lambda": lambda w: [
        "put = lambda g, n, c: ConfigStore.instance().store(group=g, name=n, node=c)",
        *_each(w, "put({group!r}, {name!r}, {node})"),
    ],
    "nested": lambda w: [
        "def outer():",
        "    cs = ConfigStore.instance()",
        "    def inner(c, n='default', *, g=None):",
        "        cs.store(group=g, name=n, node=c)",
        *_each(w, "    inner({node}, {name!r}, g={group!r})"),
        "",
        "outer()",
    ],
    "static": lambda w: [
        "class Put:",
        "    @staticmethod",
        "    def go():",
        *_each(w, f"        {_PLAIN}"),
        "",
        "Put.go()",
    ],
    "body": lambda w: ["class Put:", "    cs = ConfigStore.instance()", *_each(w, f"    {_PLAIN}")],
    "walrus": lambda w: _each(w, "(cs := ConfigStore.instance()).store({name!r}, {node}, {group!r})"),
    "module": lambda w: [
        "import hydra.core.config_store as config_store",
        *_each(w, f"config_store.{_PLAIN}"),
    ],
    "structured": lambda w: _each(
        [(g, n, f"OmegaConf.structured({c})" if c.isidentifier() else c) for g, n, c in w], _PLAIN
    ),
    "asdict": lambda w: _each([(g, n, f"asdict({c}())" if c.isidentifier() else c) for g, n, c in w], _PLAIN),
    "replace": lambda w: _each([(g, n, f"replace({c}())" if c.isidentifier() else c) for g, n, c in w], _PLAIN),
}


def registrations(draw: Draw, wanted: Wanted) -> list[str]:
    """The registrations in one of the rarer forms."""
    return _FORMS[pick(draw, "¦".join(_FORMS))](wanted)
