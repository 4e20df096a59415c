"""Whatever stands in a project or on a command line, a command ends with an answer or with one line: never otherwise.

    python tests/harness/fuzzing.py yaml|python|overrides|fix|refs [--seed 7] [--seconds 600]

Files and words are mutated, seed by seed, and given to the library as the commands give them. What fails is printed
with its number, which makes it again. `fix` also holds that what composes goes on composing, and that a second time
mends nothing more.
"""

# ruff: noqa: E501 (the pools of pieces)

from __future__ import annotations

import argparse
import atexit
import contextlib
import functools
import json
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))  # pytest has it already

from experiment_setup.checking import fix
from experiment_setup.checking.check import Result, check, context_of
from experiment_setup.comparing.compared import Request, compare
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError, Defect
from experiment_setup.project import Project
from experiment_setup.showing import request as showing
from experiment_setup.showing import shown
from experiment_setup.writing.adding import EnvironmentRequest, SetsRequest, add_environment, add_sets
from running import PLAIN_EXPERIMENT, git, write

SLOW = 20  # seconds of CPU time of one case
STUCK = 300  # seconds in which a case ends on any machine, unless it waits for what never comes
HOME = "experiments/001-baseline"

YAML_PIECES = (
    "&a *a <<: ? - : { } [ ] , # ! !! !!python/object:os.system !!binary !!set !!float !!int !!omap | > |- >+ --- ... "
    "%YAML ~ null ??? yes 010 1e400 .nan .inf 0x12 1_000 12:30:45 2024-01-01 ' \" @ ` $ \\ ${ } ${exp.seed} ${.seed} "
    "${oc.env:HOME} ${oc.env:NOPE} ${exp} ${nope:} ${hydra:job.num} ${oc.select:exp.x,1} defaults: default@_here_ _self_ "
    "override /exp: 001@_here_ 002@_here_ exp/001 env: hydra: run: a.b: exp: name: seed: learning_rate: batch_size: fold: "
    "notes: 学習 \u202e \ufeff \u00a0 \x00 \x07 \x1b[31m \x85 \u2028 \ud800 = == +x ~x optional"
).split(" ")
YAML_PIECES += [
    "\t",
    "\n",
    "\r\n",
    "\r",
    "  ",
    "\n  - ",
    "\n- ",
    "\n\n",
    "a: &x {b: *x}\n",
    "x: [*y, &y 1]\n",
    "# @package _global_\n",
    "# @package a.b\n",
    "# noqa: ES101",
    "0x" + "f" * 300,
    "9" * 5000,
    "[" * 60,
    "{a: " * 40,
    "- a/:\n",
    "i[: ${d}\n",
    "<<: [*a, *a]\n",
    "a" * 3000,
]

PYTHON_PIECES = (
    """
return 1|break|continue|yield 1|await f()|x = (yield)|raise|del x|global x|nonlocal x|pass|import *
from . import x|from .. import y|import torch.nn as nn|from helper import *|from __future__ import braces
x: int = field()|x: int = field(default=1, default_factory=list)|x: int = field(7)|x: "list[int]" = field(default_factory=list)
x: list[int] = [1]|x: Any = MISSING|x: dict[str, "Nope"] = field(default_factory=dict)|x: int = 1 << 10**9|x: int = 10**10**8
x: str = "a" * 10**10|x: list[int] = field(default_factory=lambda: [*range(10**9)])|x: str = f"{1:{'{'}}"|x: int = 1 / 0
x: float = float("1e400")|x: int = int("9" * 5000)|x: str = "%s" % ()|x: str = "{0.__class__.__mro__}".format(1)
x: str = ("a".translate({97: "a" * 1000}))|x: tuple[int, ...] = (1,)|x: Literal["a"] = "a"|x: int | None = None|x = 1
@dataclass(frozen=True, slots=True)|@dataclass|@property|@staticmethod|@nope.deco(1)|class A(A): pass|class B(ExpConfig, EnvConfig): pass
class C(Enum): X = 1|class D(metaclass=M): pass|class ExpConfig: pass|def f(a, a): pass|def f(*, a=1, **k): return a|async def f(): await g()
lambda: (yield)|[x async for x in y]|[i for i in range(10) if i for j in i]|{**a, **{}}|{x: 1 for x in x}|print(*a, **b)|x if y else z
(x := 1)|match x: case {"a": [*_, 1]}: pass|try: pass|except* E: pass|finally: pass|with a as b, c: pass|while True: x = [x]|for i in range(10**9): x += [i]
x += x|x @= y|x[1:2, ...] = 3|x.y.z = 1|cfg.exp.nope|cfg["exp"]["seed"]|cfg.exp.seed = 1|del cfg.exp.seed|cfg.pop("exp")|open_dict(cfg)
OmegaConf.register_new_resolver("r", lambda: 1)|cs.store(name="x", node=ExpConfig, group="a/b", package="_global_")|cs.store(node=1)|cs.store()
ConfigStore.instance().store("config_schema", Config)|hydra.main()|@hydra.main(config_path=1, config_name=[])|@hydra.main(version_base="0")
sys.exit(1)|os.system("false")|exec("1")|eval("x")|__import__("os")|assert False|"unclosed|'''|\\|\t|# coding: punycode|# -*- coding: nope -*-
型 = 1|ª = 1|x = "\\ud800"|x = b"\\xff"|x = 1_0|x = 0777|x = 1__0|x = 5j|x = ...|x = "\x00"|type X[T] = list[T]|def g[T](x: T): pass
""".strip()
    .replace("\n", "|")
    .split("|")
)

WORDS = (
    "seed=1 seed=1,2 seed=range(1,1) seed=range(0,1,step=0) seed=range(0,1000000000) learning_rate=1e400 learning_rate=nan "
    "fold=[0,1] fold=[[[[1]]]] fold={a:1} notes='a notes=\"b notes=${exp.seed} notes=${exp.notes} notes=${nope:} notes=\\ "
    "name=a,b +x=1 ++x=1 ~seed ~seed=1 exp.seed=1 env.output_dir=a exp=001 exp=001,002 exp/x=1 a.b.c=1 =1 seed= seed == -- - "
    "--x 001 002 'a b'=1 seed=choice(1,2) seed=interval(0,1) seed=shuffle(1,2) seed=sort(2,1) seed=tag(a,1) seed=glob(*) "
    "seed=int(1) notes=str([1]) notes=json_str({}) batch_size=0x10 batch_size=010 batch_size=1.5 batch_size=True debug=yes "
    "debug=null notes=学習 notes=\x00 notes=\x1b[31m notes=\ud800 notes=\u202e na\nme=1 seed=1@2 exp@x=1 @=1 :=1 {=1 [=1 (=1 ,=1"
).split(" ")
WORDS += [
    "seed=" + "9" * 5000,
    "fold=" + "[" * 120 + "]" * 120,
    "fold=[" + "1," * 3000 + "1]",
    "notes=" + "a" * 5000,
    "",
]


REF_PIECES = (
    "HEAD main tagged seed @ ~ ^ 1 0 99 { } @{ u upstream push -1 yesterday :/ : / .. ... - -- refs/heads/ * ? [ ] \\ ' "
    '" $ ( ) ; | & < > \n \t \x1b \u202e \udcff 学習 f00 deadbeef commit tree blob ^{ ^{/ (.*)+ ~99999999999 001 .git'
).split(" ")


class TookTooLong(Exception):
    """A case took longer than it may."""


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Raise TookTooLong in a block that computes for longer than SLOW, or waits for longer than STUCK.

    What it computes is counted, since on a machine at work on other things the clock tells little of the code. Both
    come again every second: an exception is lost where Python runs what a weak reference calls.
    """
    limits = {
        signal.SIGPROF: (signal.ITIMER_PROF, SLOW, f"computes for longer than {SLOW} s"),
        signal.SIGALRM: (signal.ITIMER_REAL, STUCK, f"has not ended after {STUCK} s"),
    }

    def late(number: int, _frame: FrameType | None) -> None:
        raise TookTooLong(limits[signal.Signals(number)][-1])

    before = {number: signal.signal(number, late) for number in limits}
    try:
        for timer, seconds, _ in limits.values():
            signal.setitimer(timer, seconds, 1)
        yield
    finally:
        for timer, _, _ in limits.values():
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


# -- cases ------------------------------------------------------------------------------------------------------------


def mutated(text: str, pieces: list[str], random: Random) -> str:
    """The text with some of its characters or lines taken out, moved, doubled, or with pieces put in."""
    for _ in range(random.choice((1, 1, 2, 3, 6))):
        lines = text.splitlines(keepends=True) or [""]
        at, number = random.randrange(len(text) + 1), random.randrange(len(lines))
        way = random.randrange(8)
        if way <= 2:
            text = text[:at] + random.choice(pieces) + text[at:]
        elif way == 3:
            text = text[:at] + text[at + random.randrange(1, 12) :]
        elif way == 4:
            text = "".join([*lines[:number], lines[number], *lines[number:]])
        elif way == 5:
            other = random.randrange(len(lines))
            lines[number], lines[other] = lines[other], lines[number]
            text = "".join(lines)
        else:
            indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
            piece = random.choice(pieces)
            text = "".join([*lines[:number], f"{indent}{piece}\n", *lines[number + (way == 6) :]])
    return text


def files(kind: str, random: Random) -> dict[str, bytes]:
    """An experiment of which some files are mutated."""
    plain: dict[str, str] = {**PLAIN_EXPERIMENT, "exp/002.yaml": "defaults:\n  - 001@_here_\n\nname: 002-x\nseed: 7\n"}
    names = (
        ["train.py"]
        if kind == "python"
        else random.sample([n for n in plain if n != "train.py"], random.choice((1, 1, 2)))
    )
    pieces = list(PYTHON_PIECES if kind == "python" else YAML_PIECES)
    texts = {name: mutated(text, pieces, random) if name in names else text for name, text in plain.items()}
    return {name: text.encode("utf-8", "surrogatepass") for name, text in texts.items()}


def checked(root: Path, contents: Mapping[str, bytes]) -> Result:
    """What a check of the experiment says. Raises AssertionError for what nobody foresaw."""
    write(root / HOME, contents)
    project = Project(root)
    result = check(project, project.experiments)
    for error in result.failed:
        raise AssertionError(error.message) if isinstance(error, Defect) else error
    return result


def looked_at(kind: str) -> Callable[[Random, Path], None]:
    """A case of mutated files."""

    def case(random: Random, root: Path) -> None:
        with contextlib.suppress(CommandError):
            checked(root, files(kind, random))

    return case


def mended(random: Random, root: Path) -> None:
    """A case of `--fix`, with or without `--unsafe`."""
    with contextlib.suppress(CommandError):
        result = checked(root, files("yaml", random))
        project, unsafe = Project(root), random.random() < 0.5
        before = composing(project)
        done = fix.fix(project, project.experiments, result, unsafe=unsafe)
        fix.write(done)
        project = Project(root)
        lost = before - composing(project)
        renamed = {rewrite.path.stem for rewrite in done.rewrites if rewrite.new_path != rewrite.path}
        assert not {choice for choice in lost if choice[1] not in renamed}, f"no longer composes: {lost}"
        again = fix.fix(project, project.experiments, check(project, project.experiments), unsafe=unsafe)
        assert not again.rewrites, f"mends more the second time: {[r.path.name for r in again.rewrites]}"


def composing(project: Project) -> set[tuple[str, str | None]]:
    """The options of each experiment that compose."""
    found: set[tuple[str, str | None]] = set()
    for experiment in project.experiments:
        context = context_of(project, experiment, Composer)
        if context.compositions.at().failure is None:
            found.add(("", None))
        for option in context.options.all():
            if context.compositions.of_option(option).failure is None:
                found.add((option.group, option.name))
    return found


def overridden(random: Random, root: Path) -> None:
    """A case of words on a command line, right or mutated."""
    write(root / HOME, PLAIN_EXPERIMENT)
    words = [random.choice(WORDS) for _ in range(random.choice((1, 2, 3)))]
    words = [mutated(word, list(WORDS), random).rstrip("\n") if random.random() < 0.5 else word for word in words]
    with contextlib.suppress(CommandError):
        if random.random() < 0.4:
            add_sets(SetsRequest(["001", *words], root, None, random.choice((None, "001", "zz")), dry_run=True))
        elif random.random() < 0.5:
            add_environment(EnvironmentRequest(["001", "new", *words], root, dry_run=True))
        else:
            answer = shown.show(showing.Request(root, ["001", *words], "json", resolve=random.random() < 0.5))
            json.dumps(answer.data(), default=str)


@functools.cache
def repository() -> Path:
    """A checkout with two commits and a tag, to be copied."""
    root = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, root)
    write(root / HOME, PLAIN_EXPERIMENT)
    git(root, "init", "-q", "-b", "main")
    for seed in ("1", "2"):
        write(root, {f"{HOME}/exp/002.yaml": f"defaults:\n  - default@_here_\n\nseed: {seed}\n"})
        git(root, "add", "-A")
        git(root, "commit", "-qm", f"seed {seed}")
    git(root, "tag", "-a", "-m", "x", "tagged")
    git(root, "gc", "-q")
    write(root / HOME, {"exp/003.yaml": "defaults:\n  - default@_here_\n"})
    git(root, "add", "-A")
    git(root, "commit", "-qm", "loose objects beside a pack")
    return root


def referred(random: Random, root: Path) -> None:
    """A case of `--since`: an odd ref, or a usual one in a `.git` some of whose files are damaged."""
    shutil.copytree(repository(), root, dirs_exist_ok=True, symlinks=True)
    ref = random.choice(("HEAD", "HEAD", "main", "tagged", "HEAD~1", "@{1}"))
    if random.random() < 0.4:
        ref = "".join(random.choice(REF_PIECES) for _ in range(random.choice((1, 2, 3, 5))))
    else:
        names = sorted(path for path in (root / ".git").rglob("*") if path.is_file() and "hooks" not in path.parts)
        for path in random.sample(names, random.choice((1, 1, 2, 3))):
            path.chmod(0o644)
            content = path.read_bytes()
            at, other = random.randrange(len(content) + 1), random.choice(names).read_bytes()
            path.write_bytes(
                random.choice(
                    (
                        b"",
                        content[:at],
                        content[:at] + random.randbytes(random.choice((1, 3, 20))) + content[at + 3 :],
                        content[:at] + random.randbytes(5) + content[at:],
                        other,
                    )
                )
            )
    with contextlib.suppress(CommandError):
        json.dumps(compare(Request(root, since=ref)).data(), default=str)


CASES: dict[str, Callable[[Random, Path], None]] = {
    "yaml": looked_at("yaml"),
    "python": looked_at("python"),
    "fix": mended,
    "overrides": overridden,
    "refs": referred,
}


def failure(kind: str, seed: str) -> str | None:
    """What is wrong with a case, or None."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with limited():
                CASES[kind](Random(seed), Path(folder))
        except (Exception, RecursionError, MemoryError) as error:
            trace, place = error.__traceback__, ""
            while trace is not None:
                place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
                trace = trace.tb_next
            return f"{type(error).__name__} at {place}: {str(error)[:300]}"
    return None


def main() -> None:
    """Try cases for some CPU time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=CASES)
    parser.add_argument("--seed", default="7")
    parser.add_argument("--seconds", type=float, default=600, help="of CPU time")
    parser.add_argument("--only", help="this case alone, by its number")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    count, wrong = 0, {}
    while time.process_time() < given.seconds:
        number = given.only or f"{given.seed}-{count}"
        said = failure(given.kind, number)
        count += 1
        if said is not None:
            wrong.setdefault(said.partition(":")[0] + said.partition(":")[2][:20], []).append(number)
            print(f"{number}: {said}", flush=True)
        if given.only:
            break
    print(json.dumps({"kind": given.kind, "cases": count, "kinds of failure": len(wrong), "failures": wrong}))


if __name__ == "__main__":
    main()
