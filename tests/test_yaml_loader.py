"""The fast YAML parser reads what OmegaConf's reads: the same trees, places, values and refusals."""

from __future__ import annotations

import math
import subprocess
import sys
import tracemalloc
from random import Random
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

import generate_pools as pools
from experiment_setup.reading import yaml_loader
from experiment_setup.reading.source import scalar
from running import PLAIN_EXPERIMENT, SCRIPTS

pytestmark = pytest.mark.any_hydra

TEXTS = 6_000

INDENTS = ("", "", "  ", "  ", "    ", " ", "- ", "  - ", "- - ", "-  ", "-", "\t")
KEYS = pools.pool("""
a ¦ b-c ¦ _x ¦ defaults ¦ on ¦ null ¦ y ¦ 1a ¦ a.b ¦ 'q' ¦ "q" ¦ yes ¦ True ¦ キー ¦ << ¦
/db ¦ /a/b@c.d ¦ override /db ¦ ../a@b ¦ ./a ¦ .. ¦ / ¦ ??? ¦ .a
""")
SEPARATORS = (": ", ": ", ": ", ": ", ":", "：", ":  ", " : ", ": \t", ":\t")
COMMENTS = ("", "", "", " # c", " #c", "#c", "  # 日本 'x\" : [", " ", "   ", "\t", "\t# c")
VALUES = (
    *pools.INTS,
    *pools.FLOATS,
    *pools.BOOLS,
    *pools.STRINGS,
    *pools.INTERPOLATIONS,
    *pools.ODD,
    *pools.pool(r"""
    default@_here_ ¦ !!bool maybe ¦ !!int "" ¦ !!timestamp x ¦ a b ¦ x :y ¦ x: ¦ x: y ¦ a'b ¦ a"b ¦ a,b ¦ a, b ¦
    a}b ¦ a]b ¦ a {b ¦ a [b ¦ (x ¦ ./x ¦ -x ¦ -1 ¦ -- ¦ --- ¦ ... ¦ a... ¦ [a,b] ¦ [ 'x' , "y" ] ¦ [1, 2] # c ¦
    [1,2]#c ¦ [-1] ¦ [1.5e-3, -2] ¦ [a b] ¦ [a:b] ¦ [,] ¦ [1,] ¦ [, 1] ¦ [[1]] ¦ | ¦ > ¦ &a b ¦ !x ¦ a%b ¦ a` ¦
    `a ¦ a=b ¦ a<b ¦ a>b ¦ a|b ¦ a*b ¦ a &b ¦ a !b ¦ a @b ¦ a ? b ¦ ?a ¦ :a ¦ a\b ¦ '' ¦ ''' ¦ ' ' ¦ 'a ¦ "a" b ¦
    'a'#c ¦ 'a' #c ¦ 1. ¦ 1.e+5 ¦ 12:30:45 ¦ a　b ¦ 😀 ¦ é ¦ ??? ¦ ???a ¦ ?? ¦ ??? a ¦ [1, [2, 'x'], [ ]] ¦
    [{a: 1, b: x}, {c: [1]}] ¦ [ [a,b],[c] ] ¦ [[1], {a: ???}] ¦ [[[1]]] ¦ [???] ¦ /a/b
    """),
    "a\u00a0b",
    "\ufeff",
    "\ue000",
    "a\u2028b",
    "a\u0085b",
)
PAIRS = pools.pool("""
a: 1 ¦ b: x.y ¦ on: off ¦ c: 'd' ¦ e: "f" ¦ g: -1.5e-3 ¦ a:  2 ¦ h/i: j ¦ a:1 ¦ a : 1 ¦ a: ¦ a ¦ : 1 ¦ a: b c ¦
a: {b: 1} ¦ a: [1] ¦ <<: 1 ¦ 'q': 1 ¦ a: b: c ¦ ? a ¦ a: $b ¦ a: "b"c ¦ a: ${b} ¦
1: 2 ¦ a: 1:2 ¦ a: -- ¦ a: - ¦ a: ... ¦ a: #
""")
ODD_LINES = ("", "# c", "  # c", "#", "   ", "---", "...", "%YAML 1.1", "  x", "x", "? x", ": x")


def text(seed: int) -> str:
    """A few lines of YAML, or of what is nearly that."""
    draw = Random(seed)
    ends = ("\n", "\n", "\n", "", "\n\n", "\r\n")
    start = draw.choice(("---\n", "--- # c\n", "---  \n\n")) if draw.random() < 0.1 else ""
    return start + "\n".join(_line(draw) for _ in range(draw.choice((1, 1, 2, 2, 3, 4, 5)))) + draw.choice(ends)


def _line(draw: Random) -> str:
    kind = draw.random()
    if kind < 0.08:
        return draw.choice(ODD_LINES)
    if kind < 0.25:
        return draw.choice(INDENTS) + draw.choice(("- ", "- ", "-")) + draw.choice(VALUES) + draw.choice(COMMENTS)
    if kind < 0.33:
        return _list(draw)
    if kind < 0.43:
        inside = draw.choice((", ", ", ", ",", " , ")).join(draw.choices(PAIRS, k=draw.randint(0, 3)))
        space = draw.choice(("", "", " "))
        key = draw.choice(KEYS) + draw.choice(SEPARATORS) if kind < 0.4 else "- "
        return f"{draw.choice(INDENTS)}{key}{{{space}{inside}{space}}}{draw.choice(COMMENTS)}"
    return "".join(map(draw.choice, (INDENTS, KEYS, SEPARATORS, VALUES, COMMENTS)))


def _list(draw: Random) -> str:
    """A list in brackets over several lines."""
    words = ("a", "-1", "'b'", "x.y", *draw.choices(VALUES, k=2))
    inside = [
        draw.choice(INDENTS[:6])
        + ", ".join(draw.choices(words, k=draw.randint(0, 2)))
        + draw.choice((",", ",", ""))
        + draw.choice(COMMENTS)
        for _ in range(draw.randint(0, 3))
    ]
    return "\n".join([f"{draw.choice(KEYS)}: [{draw.choice(COMMENTS)}", *inside, f"  ]{draw.choice(COMMENTS)}"])


@pytest.mark.slow
def test_the_fast_parser_reads_what_omegaconf_reads() -> None:
    plain = 0
    for seed in range(TEXTS):
        written = text(seed).removeprefix("\ufeff")  # which libyaml does not count
        plain += yaml_loader._is_plain(written)
        ours = _outcome(lambda written=written: _tree(yaml_loader.parse(written)))
        theirs = _outcome(lambda written=written: _tree(yaml.compose(written, Loader=yaml_loader.Loader)))
        assert ours == theirs, repr(written)
        ours = _outcome(lambda written=written: yaml_loader.construct(yaml_loader.parse(written)))
        theirs = _outcome(lambda written=written: yaml.load(written, Loader=yaml_loader.Loader))
        assert repr(ours) == repr(theirs), repr(written)
    assert yaml_loader._IS_FAST or plain > TEXTS / 40  # or the comparison would be of one parser with itself


def test_places_after_a_byte_order_mark() -> None:
    written = '\ufeff"q": &it  "32"\nキー: [*it, 😀]\n<<: {x: 1}\n'
    root = yaml_loader.parse(written)
    assert root is not None
    places = [written[part.start_mark.index : part.end_mark.index] for pair in root.value for part in pair]
    assert places == ['"q"', '&it  "32"', "キー", "[*it, 😀]", "<<", "{x: 1}"]


@pytest.mark.parametrize("name", ["exp/001.yaml", "env/local.yaml", "config.yaml"])
def test_a_file_as_people_write_it_takes_the_fast_parser(name: str) -> None:
    assert yaml_loader._is_plain(PLAIN_EXPERIMENT[name])


def _outcome(work: Any) -> Any:
    try:
        return work()
    except yaml.MarkedYAMLError as error:  # libyaml's marks know no line to show
        marks = [mark and (mark.line, mark.column) for mark in (error.context_mark, error.problem_mark)]
        return type(error).__name__, error.context, error.problem, error.note, marks
    except Exception as error:
        return type(error).__name__, str(error)


def _tree(node: Any) -> Any:
    """The tree as tuples, with places; where a block ends at the end of the file, only the offset is compared."""
    if node is None:
        return None
    start = (node.start_mark.line, node.start_mark.column, node.start_mark.index)
    place = (type(node).__name__, node.tag, start, node.end_mark.index)
    if isinstance(node, yaml.ScalarNode):
        return (*place, node.style or None, node.value)
    if isinstance(node, yaml.MappingNode):
        return (*place, bool(node.flow_style), [(_tree(key), _tree(value)) for key, value in node.value])
    return (*place, bool(node.flow_style), [_tree(item) for item in node.value])


def test_an_odd_line_does_not_make_a_long_file_take_for_ever() -> None:
    """Every line can match in several ways, and only the last not at all: their product is beyond any computer."""
    written = "key: some words  # and a comment\n" * 60 + "odd: {a: b: 1}\n"
    code = f"from experiment_setup.reading import yaml_loader; print(yaml_loader._is_plain({written!r}))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.strip() == "False"


def test_what_is_written_is_read_back() -> None:
    """Numbers by a short way, texts by PyYAML's: OmegaConf reads what was meant."""
    draw = Random(7)
    numbers = [0.0, -0.0, 1e16, 1e-5, 5e-324, math.inf, -math.inf, math.nan, 10**30, -7, True, None, 1.0]
    numbers += [draw.choice((1, -1)) * 10.0 ** draw.uniform(-300, 300) for _ in range(300)]
    for value in [*numbers, "1e-5", "on", "", " a", "日本", "null", "a: b", "a\nb", [1e-5, "1"], {"a": None}]:
        read = OmegaConf.to_container(OmegaConf.create(f"key: {scalar(value)}"))
        assert repr(read) == repr({"key": value}), scalar(value)


@pytest.mark.parametrize("long", ["notes: " + "x" * 1_000_000, "notes: x" + " " * 1_000_000, "\n" * 1_000_000])
def test_a_long_line_takes_little_memory(long: str) -> None:
    """Each step of a pattern that may be taken back takes 150 bytes: 3 MB of text took half a gigabyte."""
    tracemalloc.start()
    assert yaml_loader._is_plain(f"seed: 1\n{long}\n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 << 20
