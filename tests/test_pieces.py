"""Source files share the pieces that are the same in them, and are what Python's own parser makes of each alone."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

from experiment_setup.code import pieces, tree
from experiment_setup.code.source import SourceFile, UnreadableSource, read_source

pytestmark = pytest.mark.any_hydra

ODD = {
    "text": 'a = """\n\ndef f():\n    pass\n"""\n\ndef g():\n    return a\n',
    "bracket": "a = [\n\n    1,\n\n]\n\n@a\n\ndef f():\n    pass\n",
    "continued": "a = 1 \\\n\ndef f():\n    pass\n",
    "decorated": "import a\n\n@a.b(\n    1\n)\n\ndef f():\n    pass\n\nclass C:\n    x = 1\n",
    "twice": "\n\ndef f():\n    return 1\n\n\ndef f():\n    return 1\n\n\ndef f():\n    return 1\n",
    "japanese": "x = 'あ'; y = 1\n\n\ndef ｆ():\n    'あ'; return x\n\n\nclass C: 'い'; z = 3\n",
    "future": '"""Doc."""\n\nfrom __future__ import annotations\n\ndef f(x: int):\n    global y\n    y = x\n',
    "empty": "",
    "windows": "x = 1\r\n\r\ndef f():\r\n    return 1\r\n",
}
REFUSED = {
    "return outside": ("x = 1\n\n\ndef f():\n    pass\n\n\nclass A:\n    return 1\n", 9),
    "late future": ("x = 1\n\n\ndef f():\n    pass\n\n\nif x:\n    from __future__ import annotations\n", 9),
    "late future of a piece": ("x = 1\n\ndef f():\n    pass\n\nfrom __future__ import annotations\n", 6),
    "open text": 'x = """\n\ndef f():\n    pass\n',
    "global that is assigned": ("x = 1\n\n\ndef f():\n    pass\n\nglobal x\n", 7),
    "global in a function": ("x = 1\n\n\ndef f(x):\n    global x\n", 5),
    "await": ("x = 1\n\n\ndef f():\n    await x\n", 5),
    "no body": ("if x:\n\ndef f():\n    pass\n", 3),
}


def _same(source: SourceFile, text: str) -> None:
    """The tree is that of `ast.parse`, the place of each node included."""
    expected = ast.parse(text)
    assert ast.dump(source.tree) == ast.dump(expected)
    lines = text.split("\n")
    for ours, theirs in zip(ast.walk(source.tree), ast.walk(expected), strict=True):
        if isinstance(theirs, (ast.expr, ast.stmt)):
            line = lines[theirs.lineno - 1]
            place = source.location(ours)
            column = len(line.encode()[: theirs.col_offset].decode()) + 1
            assert (place.line, place.column) == (theirs.lineno, column), ast.dump(theirs)
            if isinstance(theirs, (ast.FunctionDef, ast.Constant)) and len(text) < 1_000:
                assert source.segment(ours) == ast.get_source_segment(text, theirs), ast.dump(theirs)
    for kind in (ast.Call, ast.Name, ast.FunctionDef, ast.Assign):
        numbers = [node.lineno for node in ast.walk(expected) if isinstance(node, kind)]
        assert [source.location(node).line for node in source.nodes(kind)] == numbers


@pytest.mark.parametrize("name", ODD)
def test_what_looks_like_a_boundary(tmp_path: Path, name: str) -> None:
    for number, before in enumerate(("", "import os\n\n\n", '"""Doc."""\n')):
        text = ODD[name] if name == "future" else before + ODD[name]
        path = tmp_path / f"{number}.py"
        path.write_bytes(text.encode())
        _same(read_source(path), text.replace("\r\n", "\n"))


@pytest.mark.parametrize("name", REFUSED)
def test_what_python_refuses(tmp_path: Path, name: str) -> None:
    known = REFUSED[name]
    text, line = known if isinstance(known, tuple) else (known, None)
    for number in range(3):  # the pieces are known from the second time on, and stand on other lines
        path = tmp_path / f"{number}.py"
        path.write_text("\n" * number + text)
        with pytest.raises(SyntaxError) as expected:
            compile(path.read_text(), str(path), "exec")
        with pytest.raises(UnreadableSource) as refused:
            read_source(path)
        assert refused.value.location.line == expected.value.lineno
        assert line is None or refused.value.location.line == line + number


def test_copies_with_changes(tmp_path: Path) -> None:
    """Functions are moved, changed, doubled, taken away: each copy is as if it were read alone."""
    draw = random.Random(0)
    text = Path(tree.__file__).read_text()
    parts = text.split("\n\n\n")
    made = 0
    for number in range(6):
        changed = list(parts)
        place = draw.randrange(1, len(changed))
        changed.insert(place, draw.choice([*changed[1:], f"def added_{number}():\n    return {number}"]))
        del changed[draw.randrange(1, len(changed))]
        copy = "\n\n\n".join(changed)
        path = tmp_path / f"{number}.py"
        path.write_text(copy)
        before = set(pieces._kept.pieces.values())
        _same(read_source(path), copy)
        made += len(set(pieces._kept.pieces.values()) - before)
    assert made < 3 * len(parts)  # most of them are shared


def test_numbers_of_lines_collide(tmp_path: Path) -> None:
    """Also where those of known pieces do, no two pieces of a file have the same."""
    for number in range(8):
        text = "".join(f"\n\ndef f{k}():\n    return {k % (number + 1)}\n" for k in range(9))
        path = tmp_path / f"{number}.py"
        path.write_text(text)
        _same(read_source(path), text)
