# ruff: noqa: E501  (whole files as one-line texts)
"""Entry points for test_schema.py: what must be read as the real thing does, and what must fail as it does."""

from __future__ import annotations

HEAD = """\
import dataclasses, enum, os, sys, typing
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from pathlib import Path
from typing import Any, ClassVar, Dict, List, Optional, Tuple, Union
import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import II, MISSING, SI, OmegaConf
"""

TAIL = """
cs = ConfigStore.instance()
cs.store(name="default", group="exp", node=ExpConfig)

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg):
    pass

if __name__ == "__main__":
    main()
"""


def fields(*lines: str, before: str = "", head: str = "") -> str:
    """An entry point whose ExpConfig has these fields."""
    body = "\n".join(f"    {line}" for line in lines)
    return f"{head}{HEAD}{before}\n@dataclass\nclass ExpConfig:\n{body}\n{TAIL}"


def stores(text: str) -> str:
    """An entry point with a small ExpConfig and these statements after it."""
    return f"{HEAD}\n@dataclass\nclass ExpConfig:\n    lr: float = 0.1\n    seed: int = 1\n\n{text}\n"


MAIN = '\n@hydra.main(version_base=None, config_path=".", config_name="config")\ndef main(cfg): pass\n'

# Read exactly as the real thing: same registrations, same types, same values; nothing opaque.
SAME: dict[str, str | dict[str, str]] = {
    "primitives": fields(
        'name: str = "x"',
        "seed: int = 42",
        "lr: float = 2e-5",
        "debug: bool = False",
        "raw: bytes = b'x'",
        "one: float = 1",
    ),
    "optional": fields(
        "a: Optional[str] = None", "b: int | None = 3", "c: None | str = None", "d: Optional[List[int]] = None"
    ),
    "unions": fields(
        "a: int | float = 1",
        "b: Union[str, int] = 'x'",
        "c: int | str | None = None",
        "d: Union[int, float, None] = 1.5",
    ),
    "any": fields("a: Any = None", "b: Any = 3", "c: Any = field(default_factory=lambda: {'x': [1, 'y']})"),
    "missing": fields(
        "c: float", "a: int = MISSING", 'b: str = "???"', "d: List[int] = MISSING", before="import omegaconf\n"
    ),
    "missing-of-module": fields("a: int = omegaconf.MISSING", before="import omegaconf\n"),
    "interpolations": fields(
        'a: str = "${b}"', 'b: str = "x"', 'c: int = II("d")', "d: int = 1", 'e: str = SI("${a}-x")'
    ),
    "lists": fields(
        "a: list = field(default_factory=lambda: [1, 'x'])",
        "b: list[int] = field(default_factory=lambda: [0, 1])",
        "c: List[str] = field(default_factory=list)",
        "d: list[list[int]] = field(default_factory=lambda: [[1], [2, 3]])",
        "e: list[Any] = field(default_factory=lambda: [1, None])",
        "f: List[Optional[int]] = field(default_factory=lambda: [1, None])",
        "g: list[Union[int, str]] = field(default_factory=lambda: [1, 'a'])",
        "h: tuple[int, ...] = (1, 2)",
    ),
    "dicts": fields(
        "a: dict = field(default_factory=dict)",
        "b: dict[str, Any] = field(default_factory=lambda: {'lr': 0.1, 'n': {'m': 1}})",
        "c: Dict[int, str] = field(default_factory=lambda: {1: 'a'})",
        "d: dict[str, list[int]] = field(default_factory=lambda: {'x': [1]})",
        "e: dict[str, float] = field(default_factory=lambda: dict(a=1.0, b=2))",
    ),
    "paths": fields(
        'a: Path = Path("data")',
        'b: Path = Path("a") / "b" / "c.txt"',
        "c: Path = Path(__file__).resolve().parents[1]",
        "d: str = str(Path(__file__).parent / 'x')",
        "e: str = Path('a/b.tar.gz').stem",
        "f: str = Path(__file__).parent.name",
        "g: Path = field(default_factory=lambda: Path('x').with_suffix('.py'))",
        "h: str = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data')",
        "i: str = os.path.normpath(os.path.join(os.path.dirname(__file__), '../..'))",
        "j: str = Path('a', 'b').as_posix() + os.sep",
        "k: str = Path(__file__).parents[0].joinpath('z').as_posix()",
        "m: str = os.path.basename(os.path.dirname(os.path.realpath(__file__)))",
        'n: Path = "given/as/text"',
        "o: Path = Path(__file__).absolute().parent",
    ),
    "enums": fields(
        "a: Color = Color.RED",
        "b: Optional[Kind] = None",
        "c: Kind = Kind.B",
        "d: Level = Level.LOW",
        "e: list[Color] = field(default_factory=lambda: [Color.RED, Color.BLUE])",
        "f: dict[Color, int] = field(default_factory=lambda: {Color.RED: 1})",
        "g: str = Color.RED.value",
        "h: str = Kind.B.name",
        'i: Color = Color["BLUE"]',
        'j: Color = Color("red")',
        "k: Mode = Mode.TRAIN",
        "m: int = len(Color)",
        "n: list[str] = field(default_factory=lambda: [c.name for c in Color])",
        "o: str = str(Shown.A)",
        "p: str = f'{Shown.A}!'",
        "s: str = Kind.A.title_",
        before="""
class Color(Enum):
    RED = "red"
    BLUE = "blue"
    AZURE = BLUE

class Kind(str, Enum):
    A = "a"
    B = "bee"
    @property
    def title_(self):
        return self.name.title()

class Level(IntEnum):
    LOW = 1
    HIGH = LOW + 1

class Mode(Enum):
    TRAIN = auto()
    TEST = auto()

class Shown(Enum):
    A = "shown"
    def __str__(self):
        return self.value
""",
    ),
    "nested": fields(
        "a: Opt = field(default_factory=Opt)",
        "b: Opt = field(default_factory=lambda: Opt(lr=3))",
        "c: Optional[Opt] = None",
        "d: List[Opt] = field(default_factory=lambda: [Opt(), Opt(1.0)])",
        "e: Dict[str, Opt] = field(default_factory=lambda: {'x': Opt(wd=2)})",
        "f: Opt = MISSING",
        "g: Opt = Opt",
        "h: Any = field(default_factory=Opt)",
        "i: Outer = field(default_factory=Outer)",
        before="""
@dataclass
class Opt:
    lr: float = 0.1
    wd: float = 0.0

@dataclass
class Outer:
    inner: Opt = field(default_factory=lambda: Opt(lr=9))
""",
    ),
    "inheritance": fields(
        "pass",
        before="""
class Plain:
    ignored: int = 1
    shared = 5

@dataclass
class Base(Plain):
    a: int = 1
    b: str = "b"

@dataclass
class Middle(Base):
    b: str = "changed"
    c: int = Plain.shared * 2
""",
    )
    .replace("class ExpConfig:", "class ExpConfig(Middle):")
    .replace("    pass\n", "    d: float = 0.5\n    a: int = 7\n", 1),
    "undecorated-subclass": fields("a: int = 1")
    .replace("cs = ConfigStore", "class Exp2(ExpConfig):\n    b: int = 2\n\ncs = ConfigStore")
    .replace("node=ExpConfig", "node=Exp2"),
    "abc-base": fields(
        "a: int = 1",
        before="from abc import ABC, abstractmethod\nclass Base(ABC):\n    @abstractmethod\n    def f(self): ...\n",
    ).replace("class ExpConfig:", "class ExpConfig(Base):"),
    "dataclass-options": fields("a: int = 1").replace("@dataclass\n", "@dataclass(frozen=True, eq=False)\n"),
    "kw-only": fields("a: int = 1", "b: int").replace("@dataclass\n", "@dataclasses.dataclass(kw_only=True)\n"),
    "kw-only-sentinel": fields("a: int = 1", "_: dataclasses.KW_ONLY", "b: int"),
    "slots": fields("a: int = 1", "b: list[int] = field(default_factory=lambda: [1])").replace(
        "@dataclass\n", "@dataclass(slots=True)\n"
    ),
    "class-vars": fields(
        "a: ClassVar[int] = 3",
        "b: dataclasses.InitVar[int] = 4",
        "c: int = 5",
        "d = 6",
        "def f(self): return 1",
        "'''text'''",
    ),
    "constants": fields(
        "a: int = N * 2 + 1",
        "b: str = f'{NAME}-{N:03d}'",
        "c: str = NAME.lower().replace('-', '_')",
        "d: str = '{}_{x}'.format(NAME, x=N)",
        "e: str = '%s-%02d' % (NAME, N)",
        "f: float = TABLE['lr'][1]",
        "g: int = max(SIZES)",
        "h: list[int] = field(default_factory=lambda: [n * 2 for n in SIZES if n > 1])",
        "i: list[int] = field(default_factory=lambda: sorted(SIZES, key=lambda n: -n))",
        "j: int = sum(range(10)) // 3 % 7",
        "k: list[str] = field(default_factory=lambda: list(TABLE))",
        "m: bool = N > 3 and NAME.startswith('A')",
        "n: str = 'big' if N > 100 else 'small'",
        "o: float = 10 ** -3",
        "p: str = ','.join(str(n) for n in SIZES)",
        "q: list[int] = field(default_factory=lambda: SIZES[::-1] + [*SIZES[1:]])",
        "r: dict[str, Any] = field(default_factory=lambda: {**TABLE, 'more': {k: 1 for k in 'ab'}})",
        "s: int = len(NAME) & 7 | 8",
        "t: float = round(math.sqrt(2) * math.pi, 3)",
        "u: int = int(1e6)",
        "v: str = COUNT_TEXT",
        "w: int = TOTAL",
        "x: float = float('inf')",
        "y: int = dict(a=3).get('a', 1)",
        "z: list[int] = field(default_factory=SIZES.copy)",
        before="""
import math
N = 5
NAME: str = "Abc-Def"
TABLE = {"lr": [0.1, 0.2], 'n': {}}
SIZES = [3, 1, 2]
SIZES.append(8)
COUNT_TEXT = "one two".split()[-1].upper()
TOTAL = 0
for step in (1, 2, 3):
    if step == 2:
        continue
    TOTAL += step
else:
    TOTAL += 100
first, *others = SIZES
del first
""",
    ),
    "environment": fields(
        'b: str = os.getenv("SCHEMA_TEST_NOT_SET", "fallback")',
        'e: Optional[str] = os.getenv("SCHEMA_TEST_NOT_SET")',
        'g: str = os.environ["SCHEMA_TEST_MADE"] + "!"',
        'h: str = os.getenv("SCHEMA_TEST_NOT_SET") or "other"',
        'j: str = os.environ.pop("SCHEMA_TEST_MADE")',
        'k: str = os.getenv(key="SCHEMA_TEST_MADE", default="gone")',
        before='os.environ["SCHEMA_TEST_MADE"] = "made"\nos.environ.setdefault("SCHEMA_TEST_SET", "not this")\n',
    ),
    "functions": fields(
        "a: str = str(_root() / 'input')",
        "b: list[int] = field(default_factory=numbers)",
        "c: int = twice(4)",
        "d: Opt = field(default_factory=lambda: make(lr=5))",
        "e: Opt = field(default_factory=partial(Opt, lr=7))",
        "f: int = branches(3)",
        "g: Opt = field(default_factory=Opt.default)",
        "h: float = Opt().doubled",
        "i: int = counted()",
        "j: list[int] = field(default_factory=lambda: list(map(twice, [1, 2])))",
        before="""
from functools import lru_cache, partial
def _root() -> Path:
    \"\"\"The project's root.\"\"\"
    return Path(__file__).parent.parent
def numbers(): return [1, 2]
def twice(n, *, factor=2): return n * factor
@lru_cache(maxsize=None)
def branches(n):
    result = 0
    for i in range(10):
        if i > n:
            return result
        result += i
    return -1
def counted():
    global COUNTED
    COUNTED = 5
    return COUNTED + 1
@dataclass
class Opt:
    lr: float = 0.1
    @classmethod
    def default(cls): return cls(lr=0.7)
    @property
    def doubled(self): return self.lr * 2
def make(**kw): return Opt(**kw)
""",
    ),
    "future-annotations": fields(
        "a: Optional[Later] = None",
        "b: list[int] = field(default_factory=lambda: [1])",
        "c: int | str = 1",
        "d: Later = field(default_factory=lambda: Later())",
        "e: ClassVar[int] = 1",
        head="from __future__ import annotations\n",
    ).replace("cs = ConfigStore", "@dataclass\nclass Later:\n    x: int = 1\n\ncs = ConfigStore"),
    "text-annotations": fields(
        'a: "int" = 1',
        'b: "Optional[Later]" = None',
        'c: List["Later"] = field(default_factory=list)',
        'd: Dict[str, "Later"] = field(default_factory=dict)',
        'e: Optional["Later"] = None',
    ).replace("cs = ConfigStore", "@dataclass\nclass Later:\n    x: int = 1\n\ncs = ConfigStore"),
    "annotated": fields("a: typing.Annotated[int, 'note'] = 1", "b: Optional[typing.Annotated[str, print]] = None"),
    "aliases": fields(
        "a: Number = 1",
        "b: Numbers = field(default_factory=list)",
        before="Number = Union[int, float]\nNumbers = List[int]\n",
    ),
    "typed-dict": fields(
        "a: Shape = field(default_factory=dict)", before="class Shape(typing.TypedDict):\n    x: int\n"
    ),
    "type-checking-else": fields(
        "a: T = 1",
        before="if typing.TYPE_CHECKING:\n    from nowhere import T\nelse:\n    T = int\n",
    ),
    "post-init": fields(
        "a: Opt = field(default_factory=Opt)",
        "b: Opt = field(default_factory=lambda: Opt(lr=2))",
        before="""
@dataclass
class Opt:
    lr: float = 0.1
    twice: float = 0
    named: str = ""
    def __post_init__(self):
        assert self.lr > 0, "no"
        self.twice = self.lr * 2
        if not self.named:
            self.named = f"lr{self.lr}"
""",
    ),
    "frozen-post-init": fields(
        "a: Opt = field(default_factory=Opt)",
        before="""
@dataclass(frozen=True)
class Opt:
    x: int = 1
    y: int = 0
    def __post_init__(self):
        object.__setattr__(self, "y", self.x + 1)
""",
    ),
    "own-init": fields(
        "a: Opt = field(default_factory=Opt)",
        before="@dataclass\nclass Opt:\n    x: int = 1\n    def __init__(self, x=5):\n        self.x = x * 2\n",
    ),
    "ignored-field": fields("a: int = 1", 'b: object = field(default=None, metadata={"omegaconf_ignore": True})'),
    "field-options": fields(
        "a: int = field(default=3, repr=False, metadata={'help': 'x'})", "b: int = field(init=False, default=2)"
    ),
    "nested-class": fields("a: Inner = field(default_factory=Inner)").replace(
        "    a: Inner", "    @dataclass\n    class Inner:\n        x: int = 1\n    a: Inner"
    ),
    "decorator-of-project": fields(
        "a: int = 1",
        before="def register(name):\n    def deco(cls):\n        NAMES[name] = cls\n        return cls\n    return deco\nNAMES = {}\n",
    )
    .replace("@dataclass\nclass ExpConfig", "@register('exp')\n@dataclass\nclass ExpConfig")
    .replace("node=ExpConfig", "node=NAMES['exp']"),
    "multi-line": fields(
        "a: float = (\n        1.0  # the rate\n    )",
        "b: list[int] = field(\n        default_factory=lambda: [\n            1,  # one\n            2,\n        ]\n    )",
    ),
    "japanese": fields('名前: str = "学習率"  # 実験の名前', 'b: str = "あ" + "い"', "c: int = 1  # 設定"),
    "dead-code": fields(
        "a: int = X",
        before="X = 1\nif False:\n    X = 2\nif 0:\n    import nowhere\nif sys.version_info >= (3, 8):\n    X = 3\nelse:\n    X = 4\n",
    ),
    "try-import": fields(
        "a: int = X", before="try:\n    from no_such_file_here import X\nexcept ImportError:\n    X = 7\n"
    ).replace("no_such_file_here", "dataclasses"),
    "try-name": fields(
        "a: int = X",
        before="try:\n    undefined_name\n    X = 1\nexcept NameError:\n    X = 2\nfinally:\n    X += 10\n",
    ),
    "nothing-installed": fields(
        "a: int = 1", before="try:\n    import torch_that_is_not_here\nexcept ImportError:\n    pass\n"
    ),
    # registrations
    "positional": stores(
        'cs = ConfigStore.instance()\ncs.store("default", ExpConfig, "exp")\ncs.store("x.yaml", ExpConfig, package="a.b", provider="me")'
    ),
    "chained": stores('ConfigStore.instance().store(group="exp", name="default", node=ExpConfig)'),
    "alias": stores(
        'import hydra.core.config_store as store_module\nput = store_module.ConfigStore.instance().store\nput(name="a", node=ExpConfig)'
    ),
    "dotted": stores(
        'import hydra.core.config_store\nhydra.core.config_store.ConfigStore.instance().store(name="a", node=ExpConfig)'
    ),
    "instances": stores(
        'cs = ConfigStore.instance()\ncs.store(name="a", node=ExpConfig(lr=1))\ncs.store(name="b", node=ExpConfig(2, seed=3))\ncs.store(name="c", node={"x": 1, "y": [1, {"z": None}]})\ncs.store(group="deep/er", name="d", node=ExpConfig(lr=5))\ncs.store(name="e", node=OmegaConf.structured(ExpConfig(lr=6)))\ncs.store(name="f", node=OmegaConf.create({"a": {"b": 1}}))\ncs.store(name="g", node=[1, 2])'
    ),
    "loop": stores(
        'cs = ConfigStore.instance()\nfor name, lr in [("a", 0.1), ("b", 0.2)]:\n    cs.store(group="exp", name=name, node=ExpConfig(lr=lr))\nfor i in range(3):\n    cs.store(group="n", name=f"n{i}", node={"i": i})\nfor key, node in {"p": ExpConfig, "q": dict(z=1)}.items():\n    cs.store(name=key, node=node)'
    ),
    "function": stores(
        'def register(store, prefix=""):\n    for n in ("a", "b"):\n        store.store(name=prefix + n, node=ExpConfig)\n\ndef register_all():\n    cs = ConfigStore.instance()\n    register(cs)\n    register(store=cs, prefix="x_")\nregister_all()'
    ),
    "blocks": stores(
        'from contextlib import nullcontext\ncs = ConfigStore.instance()\nif True:\n    cs.store(name="a", node=ExpConfig)\ntry:\n    cs.store(name="b", node=ExpConfig)\nfinally:\n    pass\nwith nullcontext():\n    cs.store(name="c", node=ExpConfig)'
    ),
    "duplicates": stores(
        'cs = ConfigStore.instance()\ncs.store(name="a", node=ExpConfig)\ncs.store(name="a", node=ExpConfig(lr=9))'
    ),
    "provider": stores(
        'from hydra.core.config_store import ConfigStoreWithProvider\nwith ConfigStoreWithProvider("me") as cs:\n    cs.store(name="a", node=ExpConfig)'
    ),
    "main-guard": stores(
        f'{MAIN}\nif __name__ == "__main__":\n    ConfigStore.instance().store(name="a", node=ExpConfig)\n    main()'
    ),
    "guarded-function": stores(
        f'{MAIN}\ndef run():\n    ConfigStore.instance().store(name="a", node=ExpConfig)\n    main()\n\nif "__main__" == __name__:\n    run()'
    ),
    "after-main-in-function": stores(
        f'{MAIN}\ndef run():\n    main()\nrun()\nConfigStore.instance().store(name="late", node=ExpConfig)'
    ),
    "after-main": stores(f'{MAIN}\nmain()\nConfigStore.instance().store(name="late", node=ExpConfig)'),
    "inside-main": stores(
        'cs = ConfigStore.instance()\n@hydra.main(version_base=None)\ndef main(cfg):\n    cs.store(name="late", node=ExpConfig)\nmain()'
    ),
    "main-imported": stores(
        'from hydra import main as hydra_main\nDIR = "conf"\n@hydra_main(config_path=f"{DIR}/x", config_name="c" + "onfig")\ndef run(cfg): pass\nrun()'
    ),
    "main-positional": stores('@hydra.main("conf", "name", "1.3")\ndef run(cfg): pass\nsys.exit(run())'),
    "main-decorated": stores(
        'import functools\ndef timed(f):\n    @functools.wraps(f)\n    def inner(*a, **k):\n        return f(*a, **k)\n    return inner\n@hydra.main(version_base=None, config_path=None)\n@timed\ndef run(cfg): pass\nif __name__ == "__main__":\n    run()'
    ),
    # several files
    "import-beside": {
        "train.py": f"{HEAD}from config import ExpConfig\nimport config as c\n{TAIL}cs.store(name='all', node=c.Config)\n".replace(
            "    main()\ncs", "    pass\ncs"
        ),
        "config.py": f"{HEAD}from env import EnvConfig\n@dataclass\nclass ExpConfig:\n    lr: float = 0.1\n@dataclass\nclass Config:\n    exp: ExpConfig = field(default_factory=ExpConfig)\n    env: EnvConfig = field(default_factory=EnvConfig)\n",
        "env.py": "from dataclasses import dataclass\nfrom pathlib import Path\n@dataclass\nclass EnvConfig:\n    root: str = str(Path(__file__).parent)\n    where: str = __name__\n",
    },
    "packages": {
        "train.py": f"{HEAD}from pkg import ExpConfig\nimport pkg.sub.deep\nfrom space.part import VALUE\nfrom pkg.sub import deep as d\n{TAIL}".replace(
            "node=ExpConfig)",
            'node=ExpConfig)\ncs.store(name="v", node={"v": VALUE, "d": d.DEEP, "e": pkg.sub.deep.DEEP, "p": pkg.sub.__name__})',
        ),
        "pkg/__init__.py": "from .config import *\nfrom . import sub\n",
        "pkg/config.py": "from dataclasses import dataclass\nfrom .sub.base import Base\n__all__ = ['ExpConfig']\n@dataclass\nclass ExpConfig(Base):\n    x: int = 2\n",
        "pkg/sub/__init__.py": "",
        "pkg/sub/base.py": "from dataclasses import dataclass\nfrom ..other import N\n@dataclass\nclass Base:\n    n: int = N\n",
        "pkg/sub/deep.py": "from ..other import N as DEEP\n",
        "pkg/other.py": "N = 11\n",
        "space/part.py": "VALUE = 'namespace'\n",
    },
    "sys-path": {
        "experiments/e1/train.py": f"{HEAD}current = os.path.dirname(os.path.abspath(__file__))\nroot = os.path.join(current, '../../')\nsys.path.append(os.path.normpath(root))\nsys.path.insert(0, str(Path(__file__).resolve().parent / 'lib'))\nsys.path += [str(Path(current) / 'more')]\nfrom utils.env import EnvConfig\nfrom inside import X\nfrom further import Y\n@dataclass\nclass ExpConfig:\n    x: int = X\n    y: int = Y\n    env: EnvConfig = field(default_factory=EnvConfig)\n{TAIL}",
        "utils/env.py": "from dataclasses import dataclass, field\nfrom pathlib import Path\ndef _root(): return Path(__file__).parent.parent\n@dataclass\nclass EnvConfig:\n    input_dir: str = field(default_factory=lambda: str(_root() / 'input'))\n",
        "experiments/e1/lib/inside.py": "X = 1\n",
        "experiments/e1/more/further.py": "Y = 2\n",
    },
    "stores-elsewhere": {
        "train.py": f"{HEAD}import setup_store\nfrom lib.configs import register\nregister()\n{MAIN}main()\n",
        "setup_store.py": "from dataclasses import dataclass\nfrom hydra.core.config_store import ConfigStore\n@dataclass\nclass A:\n    x: int = 1\nConfigStore.instance().store(name='a', node=A)\nif __name__ == '__main__':\n    ConfigStore.instance().store(name='never', node=A)\n",
        "lib/configs.py": "from dataclasses import dataclass\nfrom hydra.core.config_store import ConfigStore\ncs = ConfigStore.instance()\n@dataclass\nclass B:\n    y: str = 'b'\ndef register():\n    cs.store(group='g', name='b', node=B)\n",
    },
    "cycle": {
        "train.py": f"{HEAD}import one\nExpConfig = one.ExpConfig\n{TAIL}",
        "one.py": "from dataclasses import dataclass\nN = 3\nimport two\n@dataclass\nclass ExpConfig:\n    n: int = two.M\n",
        "two.py": "import one\nM = one.N + 1\n",
    },
    "entry-imported-again": {
        "train.py": f"{HEAD}@dataclass\nclass ExpConfig:\n    a: int = 1\n    where: str = __name__\nimport other\n{TAIL}",
        "other.py": "import train\nfrom hydra.core.config_store import ConfigStore\nConfigStore.instance().store(name='again', node=train.ExpConfig)\n",
    },
    "shadowed-builtin": {
        "train.py": f"{HEAD}from sched import ExpConfig\n{TAIL}",
        "sched.py": "from dataclasses import dataclass\n@dataclass\nclass ExpConfig:\n    a: int = 4\n",
    },
    "standard-library-before-appended": {
        "train.py": f"{HEAD}sys.path.append(str(Path(__file__).parent / 'lib'))\nimport numbers\nfrom extra import N\n@dataclass\nclass ExpConfig:\n    a: bool = hasattr(numbers, 'MINE')\n    n: int = N\n{TAIL}",
        "lib/numbers.py": "MINE = 1\n",
        "lib/extra.py": "N = 3\n",
    },
    "crlf": fields("a: int = 1  # note", "b: str = 'x'").replace("\n", "\r\n"),
    "bom": "\ufeff" + fields("a: int = 1"),
}

# Runs into an error in both: (files, name of the error, words of it, code, what stands at the place).
FAILS: dict[str, tuple[str | dict[str, str], str, str, str, str]] = {
    "mutable-default": (
        fields("a: int = 1", "b: list[int] = [1]"),
        "ValueError",
        "mutable default <class 'list'> for field b",
        "mutable-default",
        "b: list",
    ),
    "mutable-dict": (
        fields("a: dict = {}"),
        "ValueError",
        "mutable default <class 'dict'>",
        "mutable-default",
        "a: dict",
    ),
    "mutable-in-field": (
        fields("a: list = field(default=[])"),
        "ValueError",
        "mutable default",
        "mutable-default",
        "a: list",
    ),
    "field-order": (fields("a: int = 1", "b: str"), "TypeError", "non-default argument 'b'", "field-order", "b: str"),
    "no-annotation-field": (
        fields("a = field(default=1)"),
        "TypeError",
        "'a' is a field but has no type annotation",
        "raises",
        "a = field",
    ),
    "both-defaults": (
        fields("a: int = field(default=1, default_factory=int)"),
        "ValueError",
        "cannot specify both",
        "raises",
        "field(",
    ),
    "undefined-default": (fields("a: int = NOPE"), "NameError", "name 'NOPE' is not defined", "undefined-name", "NOPE"),
    "undefined-annotation": (
        fields("a: Optionl[int] = 1"),
        "NameError",
        "name 'Optionl' is not defined",
        "undefined-name",
        "Optionl",
    ),
    "used-before": (
        fields("a: Later = None").replace("cs = ConfigStore", "class Later: pass\ncs = ConfigStore"),
        "NameError",
        "name 'Later' is not defined",
        "undefined-name",
        "Later",
    ),
    "type-checking": (
        fields(
            "p: Where = 'x'",
            head="from __future__ import annotations\n",
            before="if typing.TYPE_CHECKING:\n    from pathlib import Path as Where\n",
        ),
        "NameError",
        "name 'Where' is not defined",
        "undefined-name",
        "Where = 'x'",
    ),
    "nested-type-checking": (
        fields("o: Opt = field(default_factory=Opt)", before="@dataclass\nclass Opt:\n    p: 'Nope' = None\n"),
        "NameError",
        "name 'Nope' is not defined",
        "undefined-name",
        "'Nope'",
    ),
    "misspelt-import": (
        fields("a: int = 1", before="from dataclasses import datclass\n"),
        "ImportError",
        "cannot import name 'datclass'",
        "import-error",
        "datclass",
    ),
    "not-decorated": (
        fields("a: int = 1").replace("@dataclass\nclass Exp", "class Exp"),
        "ValidationError",
        "is not a structured config",
        "not-a-dataclass",
        "ExpConfig:",
    ),
    "wrong-default": (
        fields("a: int = 1", "seed: int = 1e-5"),
        "ValidationError",
        "could not be converted to Integer",
        "wrong-default",
        "seed: int",
    ),
    "none-default": (fields("a: str = None"), "ValidationError", "'None'", "wrong-default", "a: str"),
    "set": (fields("a: set = field(default_factory=set)"), "ValidationError", "", "unsupported-type", "a: set"),
    "date": (
        fields("a: datetime.date = None", before="import datetime\n"),
        "ValidationError",
        "",
        "unsupported-type",
        "a: datetime",
    ),
    "callable": (fields("a: typing.Callable = print"), "ValidationError", "", "unsupported-type", "a: typing"),
    "builtin-any": (fields("a: any = 1"), "ValidationError", "", "unsupported-type", "a: any"),
    "module-type": (
        fields("a: datetime = None", before="import datetime\n"),
        "ValidationError",
        "",
        "unsupported-type",
        "a: datetime",
    ),
    "plain-class-type": (
        fields("a: Thing = None", before="class Thing: pass\n"),
        "ValidationError",
        "",
        "unsupported-type",
        "a: Thing",
    ),
    "nested-wrong": (
        fields("o: Opt = field(default_factory=Opt)", before="@dataclass\nclass Opt:\n    x: int = 'no'\n"),
        "ValidationError",
        "could not be converted to Integer",
        "wrong-default",
        "x: int",
    ),
    "enum-duplicate": (
        fields("a: int = 1", before="class E(Enum):\n    A = 1\n    A = 2\n"),
        "TypeError",
        "'A'",
        "raises",
        "class E",
    ),
    "enum-unknown": (
        fields("a: E = E.B", before="class E(Enum):\n    A = 1\n"),
        "AttributeError",
        "B",
        "raises",
        "E.B",
    ),
    "unknown-keyword": (
        fields(
            "a: Opt = field(default_factory=lambda: Opt(lrr=1))", before="@dataclass\nclass Opt:\n    lr: int = 1\n"
        ),
        "ConfigTypeError",
        "lrr",
        "raises",
        "Opt(lrr=1)",
    ),
    "dataclass-default": (
        fields("a: Opt = Opt(1, 2)", before="@dataclass\nclass Opt:\n    lr: int = 1\n"),
        "TypeError",
        "positional",
        "raises",
        "Opt(1, 2)",
    ),
    "store-without-node": (
        stores('ConfigStore.instance().store(name="a")'),
        "TypeError",
        "node",
        "raises",
        "ConfigStore.instance().store",
    ),
    "store-number": (
        stores("ConfigStore.instance().store(name=1, node=ExpConfig)"),
        "AttributeError",
        "",
        "raises",
        "ConfigStore.instance().store",
    ),
    "division": (fields("a: float = 1 / 0"), "ZeroDivisionError", "division by zero", "raises", "1 / 0"),
    "assertion": (
        fields("a: int = 1", before="assert 1 > 2, 'never'\n"),
        "AssertionError",
        "never",
        "raises",
        "assert",
    ),
    "raise": (
        fields("a: int = 1", before="if sys.version_info < (99,):\n    raise RuntimeError('too old')\n"),
        "RuntimeError",
        "too old",
        "raises",
        "raise Runtime",
    ),
    "syntax": (fields("a: int = = 1"), "SyntaxError", "invalid syntax", "syntax-error", "= 1"),
    "indentation": (
        fields("a: int = 1", before="if True:\nx = 1\n"),
        "IndentationError",
        "expected an indented block",
        "syntax-error",
        "x = 1",
    ),
    "relative-import": (
        {"train.py": f"{HEAD}from .config import ExpConfig\n{TAIL}", "config.py": "ExpConfig = dict\n"},
        "ImportError",
        "no known parent package",
        "import-error",
        "from .config",
    ),
    "missing-name": (
        {
            "train.py": f"{HEAD}from config import ExpConfg\nExpConfig = ExpConfg\n{TAIL}",
            "config.py": "class ExpConfig: pass\n",
        },
        "ImportError",
        "cannot import name 'ExpConfg' from 'config'",
        "import-error",
        "ExpConfg\n",
    ),
    "missing-module": (
        {"train.py": f"{HEAD}from src.confg import ExpConfig\n{TAIL}", "src/config.py": "class ExpConfig: pass\n"},
        "ModuleNotFoundError",
        "No module named 'src.confg'",
        "import-error",
        "from src.confg",
    ),
    "circular": (
        {
            "train.py": f"{HEAD}from one import ExpConfig\n{TAIL}",
            "one.py": "from two import M\nN = 1\nclass ExpConfig: pass\n",
            "two.py": "from one import N\nM = 1\n",
        },
        "ImportError",
        "cannot import name 'N'",
        "import-error",
        "N\n",
    ),
    "broken-module": (
        {"train.py": f"{HEAD}from one import ExpConfig\n{TAIL}", "one.py": "def :\n"},
        "SyntaxError",
        "invalid syntax",
        "syntax-error",
        ":\n",
    ),
    "factory-not-callable": (
        fields("a: list = field(default_factory=[1])"),
        "ConfigTypeError",
        "'list' object is not callable",
        "raises",
        "field(",
    ),
    "post-init-fails": (
        fields(
            "a: Opt = field(default_factory=Opt)",
            before="@dataclass\nclass Opt:\n    x: int = 0\n    def __post_init__(self):\n        if self.x <= 0:\n            raise ValueError(f'bad {self.x}')\n",
        ),
        "ValueError",
        "bad 0",
        "raises",
        "raise ValueError",
    ),
    "subclass-order": (
        fields("b: int", before="@dataclass\nclass Base:\n    a: int = 1\n").replace(
            "class ExpConfig:", "class ExpConfig(Base):"
        ),
        "TypeError",
        "non-default argument 'b'",
        "field-order",
        "b: int",
    ),
    "frozen-mix": (
        fields("b: int = 1", before="@dataclass(frozen=True)\nclass Base:\n    a: int = 1\n").replace(
            "class ExpConfig:", "class ExpConfig(Base):"
        ),
        "TypeError",
        "cannot inherit non-frozen dataclass from a frozen one",
        "raises",
        "dataclass",
    ),
}

# Fails on OmegaConf 2.3, works on 2.4: the real one is asked.
VERSIONED: dict[str, str] = {
    "annotation-order": fields("a: int = 1", "list: list = field(default_factory=list)", "b: int = 2"),
    "generic-base": fields(
        "a: int = 1", before="T = typing.TypeVar('T')\nclass Base(typing.Generic[T]):\n    pass\n"
    ).replace("class ExpConfig:", "class ExpConfig(Base[int]):"),
    "literal": fields("a: typing.Literal['x', 'y'] = 'x'"),
    "union-of-containers": fields("a: Union[str, List[str]] = 'x'"),
    "pair": fields("a: Tuple[int, str] = (1, 'x')"),
    "dict-subclass": fields("a: int = 1").replace("class ExpConfig:", "class ExpConfig(Dict[str, Any]):"),
    "str-enum": fields(
        "a: S = S.A", "b: str = str(S.A)", before="from enum import StrEnum\nclass S(StrEnum):\n    A = auto()\n"
    ),
    "dataclass-instance-default": fields("a: Opt = Opt()", before="@dataclass\nclass Opt:\n    lr: int = 1\n"),
    "hashable-instance-default": fields(
        "a: Opt = Opt()", before="@dataclass(unsafe_hash=True)\nclass Opt:\n    lr: int = 1\n"
    ),
    "frozen-instance-default": fields(
        "a: Opt = Opt(3)", before="@dataclass(frozen=True)\nclass Opt:\n    lr: int = 1\n"
    ),
    "named-tuple": fields("a: Any = None", before="class P(typing.NamedTuple):\n    x: int = 1\n"),
    "new-type": fields("a: UserId = 1", before="UserId = typing.NewType('UserId', int)\n"),
    "final": fields("a: typing.Final[int] = 1"),
    "sequence": fields("a: typing.Sequence[int] = (1,)"),
    "mixed-format": fields(
        "a: str = f'{K.A}'",
        "b: str = '%s' % K.A",
        "c: str = str(L.A)",
        before="class K(str, Enum):\n    A = 'a'\nclass L(IntEnum):\n    A = 1\n",
    ),
    "null-byte": fields("a: int = 1") + "\0",
    "cookie": "# -*- coding: latin-1 -*-\n" + fields("a: str = 'é'"),
}
