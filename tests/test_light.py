"""What stands for `dataclasses.dataclass` and `re.compile` at run time, held against them."""

from __future__ import annotations

import ast
import dataclasses
import re
from functools import partial
from typing import Any

import pytest

from experiment_setup import light
from running import SCRIPTS

pytestmark = pytest.mark.any_hydra


def _made(dataclass: Any, **options: Any) -> Any:
    @dataclass(**options)
    class Place:
        path: str
        line: int = 1
        seen: list[int] = dataclasses.field(default_factory=list, compare=False)
        mark: object = dataclasses.field(default=None, repr=False)

        @property
        def name(self) -> str:
            return f"{self.path}:{self.line}"

    return Place


def _made_below(dataclass: Any, **options: Any) -> Any:
    @dataclass(**options)
    class Below(_made(dataclass, **options)):  # type: ignore[misc]
        below: int = 0

    return Below


def _alone(dataclass: Any, **options: Any) -> Any:
    @dataclass(**options)
    class Alone:
        """It has methods of its own."""

        value: int = 0

        def __repr__(self) -> str:
            return "alone"

    return Alone


VALUES: list[dict[str, Any]] = [{}, {"line": 1}, {"line": 2}, {"seen": [1]}, {"mark": 1}, {"mark": 2}]


@pytest.mark.parametrize("options", [{}, {"frozen": True}, {"eq": False}, {"frozen": True, "eq": False}])
@pytest.mark.parametrize("make", [_made, _made_below])
def test_a_class_is_what_dataclasses_makes(make: Any, options: dict[str, Any]) -> None:
    ours, theirs = (make(dataclass, **options) for dataclass in (light.dataclass, dataclasses.dataclass))
    for ask in (repr, lambda one: one.name, lambda one: repr(dataclasses.replace(one, path="b")), vars):
        assert [ask(ours("a", **values)) for values in VALUES] == [ask(theirs("a", **values)) for values in VALUES]

    def alike(cls: Any) -> list[bool]:
        return [cls("a", **one) == cls("a", **other) for one in VALUES for other in VALUES]

    assert alike(ours) == alike(theirs)
    assert ours("a") != theirs("a")
    if options == {}:
        for cls in (ours, theirs):
            with pytest.raises(TypeError, match="unhashable"):
                hash(cls("a"))
    else:
        made = [{cls("a", **values) for values in VALUES} for cls in (ours, theirs)]
        assert len(made[0]) == len(made[1])


def test_methods_of_its_own_stay() -> None:
    ours, theirs = (_alone(dataclass, frozen=True) for dataclass in (light.dataclass, dataclasses.dataclass))
    assert (repr(ours(1)), ours.__doc__, hash(ours(1)) == hash(ours(1))) == ("alone", theirs.__doc__, True)
    assert len({ours(1), ours(1), ours(2)}) == 2


@pytest.mark.parametrize("flags", [0, re.IGNORECASE, re.MULTILINE])
def test_a_pattern_is_what_re_makes(flags: int) -> None:
    ours, theirs = (compiled(r"^(?P<key>b+)", flags) for compiled in (light.compiled, re.compile))
    text = "a\nbb B\nBb"
    for _ in range(2):  # at first it is compiled, then it is there
        assert [found["key"] for found in ours.finditer(text)] == [found["key"] for found in theirs.finditer(text)]
        assert (ours.sub("-", text), ours.pattern) == (theirs.sub("-", text), theirs.pattern)


def test_a_wrong_pattern_is_refused_when_it_is_used() -> None:
    search = partial(getattr, light.compiled("("), "search")
    with pytest.raises(re.error):
        search()


def test_no_module_pays_at_its_start_for_what_it_may_not_use() -> None:
    paying = [
        f"{path.name}:{node.lineno}"
        for path in (SCRIPTS / "experiment_setup").rglob("*.py")
        for node in (ast.parse(path.read_text("utf-8")).body if path.name != "light.py" else [])
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == "dataclasses"
            and "dataclass" in [a.name for a in node.names]
        )
        or (
            isinstance(node, (ast.Assign, ast.AnnAssign))
            and node.value
            and ast.unparse(node.value).startswith("re.compile(")
        )
    ]
    assert not paying, f"take them from light.py: {paying}"
