"""Two mistakes in one experiment: each is said as if it were alone, or follows from the other; never a third.

    python tests/harness/pairs.py [PART PARTS]     every pair of rules, or one part of them; prints what is wrong

The examples of the rules are laid upon each other, two by two. What a pair is held against is what each of them gives
by itself, so that nothing is written down here that could be wrong.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "scripts")]

from experiment_setup.checking import rules_page  # noqa: E402
from experiment_setup.checking.check import check  # noqa: E402
from experiment_setup.project import Project  # noqa: E402
from experiment_setup.rules import ALL  # noqa: E402
from experiment_setup.rules.base import Files, Rule  # noqa: E402
from experiment_setup.rules.example import BASE  # noqa: E402

SECOND_SET = {"exp/007.yaml": 'defaults:\n  - default@_here_\n\nname: "007-seed"\nseed: 7\n'}
UNTYPED = "without a dataclass nothing is refused, and YAML's reading is all that can be said"
OF_THE_DICT = "the code reads what the dict that is stored in place of the dataclass does not have"
NOT_INHERITED = "the set has its value from the dataclass, of which the other mistake makes something else"
# What a pair says that neither says alone, and why it is right.
RIGHT = {
    ("ES004", "ES201"): UNTYPED,
    ("ES010", "ES305"): UNTYPED,
    ("ES201", "ES302"): UNTYPED,
    ("ES201", "ES303"): UNTYPED,
    ("ES201", "ES305"): UNTYPED,
    ("ES201", "ES307"): UNTYPED,
    ("ES305", "ES333"): OF_THE_DICT,
    ("ES305", "ES341"): OF_THE_DICT,
    ("ES305", "ES343"): OF_THE_DICT,
    ("ES211", "ES303"): NOT_INHERITED,
    ("ES223", "ES337"): NOT_INHERITED,
    ("ES012", "ES013"): "once both are mended, the two sets differ by their names only",
    ("ES117", "ES141"): "what the set does not inherit, config.yaml gives it",
    ("ES117", "ES220"): "where nothing is stored, exp/default.yaml is a set, and most of the sets inherit nothing",
    ("ES120", "ES142"): "the schema of the one refuses the value that the other writes into config.yaml",
    ("ES601", "ES602"): "both examples set the same seed, so that the two sets are twins",
}


def codes(files: Files) -> frozenset[str]:
    """The codes of what is said of an example."""
    folder = Path(tempfile.mkdtemp()).resolve()
    try:
        project = rules_page.write_example(files, folder)
        return frozenset(finding.code for finding in check(project, Project(project.root).experiments).findings)
    finally:
        shutil.rmtree(folder)


def together(one: Files, other: Files) -> Files | None:
    """Both examples in one experiment; None where they change the same lines, or one lacks what the other needs."""
    result = dict(one)
    for path, change in other.items():
        if path not in result:
            result[path] = change
            continue
        mine = result[path]
        if isinstance(mine, str) or isinstance(change, str) or mine is None or change is None:
            return None
        text = BASE[path]
        for old, new in [*mine, *change]:
            if text.count(old) == 0 or old not in BASE[path] or {o for o, _ in mine} & {o for o, _ in change}:
                return None
            text = text.replace(old, new)
        result[path] = [*mine, *change]
    stores = 'group="exp"' in rules_page.example({"train.py": result.get("train.py", ())}).get("train.py", "")
    needs = "train.py" in other or any("default@_here_" in text for text in other.values() if isinstance(text, str))
    return result if stores or not needs else None


def beside(files: Files) -> Files:
    """The example with its parameter set under another name, so that it can stand beside that of another one."""
    only = [path for path in files if path.startswith("exp/")]
    if only != ["exp/001.yaml"] or not isinstance(files["exp/001.yaml"], str):
        return files
    return {("exp/007.yaml" if path == "exp/001.yaml" else path): change for path, change in files.items()}


@cache
def alone(code: str, moved: bool) -> frozenset[str]:
    """What an example says by itself."""
    bad = ALL[code].bad
    return codes(beside(bad) if moved else bad)


@cache
def of_two_sets() -> frozenset[str]:
    """What is said of the experiment that the examples start from because it has a second set."""
    return codes(SECOND_SET)


def pairs(part: int, parts: int) -> Iterator[tuple[Rule, Rule, Files]]:
    """A part of the pairs that can stand in one experiment."""
    for one, other in itertools.islice(itertools.combinations(ALL.values(), 2), part, None, parts):
        files = together(one.bad, beside(other.bad))
        if files is not None and (one.code, other.code) not in RIGHT:
            yield one, other, files


def _true_of_its_sets(files: Files) -> set[str]:
    """ES512, where it is true of an example and hidden by its mistake, and ES511, where two examples set the same."""
    sets = [text for path, text in files.items() if path.startswith("exp/") and isinstance(text, str)]
    nameless = {"ES512"} if any("name:" not in text for text in sets) else set()
    return nameless | ({"ES511"} if "exp/007.yaml" in files else set())


def wrong(one: Rule, other: Rule, files: Files) -> str | None:
    """What is wrong with what is said of two mistakes, or None."""
    both = codes(files)
    third = both - alone(one.code, False) - alone(other.code, True) - of_two_sets() - _true_of_its_sets(files)
    if third:
        return f"{one.code} with {other.code}: also {', '.join(sorted(third))}"
    if one.code not in both and other.code not in both and (one.code, other.code) != ("ES001", "ES002"):
        return f"{one.code} with {other.code}: only {', '.join(sorted(both))}"
    return None


def main(part: int = 0, parts: int = 1) -> int:
    """Print what is wrong with a part of the pairs."""
    tried = failed = 0
    for pair in pairs(part, parts):
        tried += 1
        if (said := wrong(*pair)) is not None:
            failed += 1
            print(said, flush=True)
    print(f"{tried} pairs, {failed} wrong")
    return 1 if failed or not tried else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
