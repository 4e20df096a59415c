"""What is said about rules, all from the rules: `--explain`, and `--list-rules`, which is references/rules.md."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from experiment_setup.checking import report, selection
from experiment_setup.checking.check import check
from experiment_setup.files import temporary_folder
from experiment_setup.findings import Finding
from experiment_setup.light import dataclass
from experiment_setup.project import Project
from experiment_setup.rules import ALL
from experiment_setup.rules.base import Files, Rule
from experiment_setup.rules.example import BASE
from experiment_setup.style import Style

_WHOLE = 30  # lines up to which an example file is shown whole
_EXPERIMENT = Path("experiments") / "001-baseline"
_HYDRA = {
    "accepts": "Hydra accepts this in silence.",
    "fails": "Hydra fails as well, at the start of the run.",
    "differs": "What Hydra does depends on its version or on how it is started.",
}
_FAMILIES = {
    "ES0": "Composition",
    "ES1": "Inheritance",
    "ES2": "Values and names",
    "ES3": "Entry point",
    "ES4": "Hydra's settings",
    "ES5": "Outputs, names and environments",
    "ES6": "Suppressions",
}


def example(files: Files) -> dict[str, str]:
    """An example's files in full: the base, with what the example lays over it. Paths are within the experiment."""
    result = dict(BASE)
    for name, content in files.items():
        if content is None:
            result.pop(name, None)
        elif isinstance(content, str):
            result[name] = content
        else:
            for old, new in content:
                assert old in result[name], f"{name} of the base experiment has no {old!r}"
                result[name] = result[name].replace(old, new)
    return result


def write_example(files: Files, root: Path) -> Project:
    """A project at `root` whose one experiment is the example."""
    for name, text in example(files).items():
        path = root / _EXPERIMENT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    return Project(root)


@dataclass(frozen=True)
class About:
    """The answer to `--explain CODE…`, and to `--list-rules` where no rule is named."""

    words: Sequence[str] | None
    exit_code: ClassVar[int] = 0

    @property
    def rules(self) -> list[Rule]:
        """The rules that the words mean. Raises CommandError for a word that means none."""
        named = [part for word in self.words or ["all"] for part in re.split(r"[,\s]+", word) if part]
        chosen = {rule.code for word in named for rule in selection.rules_of(word)}
        return [rule for rule in ALL.values() if rule.code in chosen]

    def data(self) -> dict[str, Any]:
        """The JSON object: everything about each rule."""
        return {"version": 1, "rules": [data(rule) for rule in self.rules]}

    def text(self) -> Iterator[str]:
        """A list of all rules, or everything about those that were named, as Markdown."""
        if not self.words:
            yield from listing()
            return
        for number, rule in enumerate(self.rules):
            yield from [""] * bool(number)
            yield from explain(rule)

    def notes(self) -> Iterator[str]:
        """Nothing."""
        return iter(())


def listing() -> Iterator[str]:
    """The lines of references/rules.md: one a rule, few enough to be read as a whole."""
    yield "# The rules of validate.py"
    yield ""
    yield "Read this to find a rule's code or name. All about some of them, each with a bad and a good example:"
    yield "`scripts/validate.py --explain ES010 ES101`, about all: `--explain all`. Made by"
    yield "`python scripts/validate.py --list-rules > references/rules.md`; a test keeps it current."
    yield ""
    yield "`error`: Hydra fails, or what runs is not what the file says. `warning`: it runs as written, but will bite."
    yield "`info`: style. A finding is silenced by `# noqa: CODE` at the end of its line, or by `# noqa-file: CODE` in"
    yield "the first ten lines of its file (the only way where a file as a whole is meant). `ES5` means all of ES5xx."
    for family, rules in families():
        yield from ("", f"## {family}", "", "| code | name | severity | what |", "|---|---|---|---|")
        yield from (
            f"| {rule.code} | {rule.name} | {rule.severity.value} | {_cell(_prose(rule.summary))} |" for rule in rules
        )


def families() -> list[tuple[str, list[Rule]]]:
    """The rules by family, in the order of their codes."""
    found = {title: [rule for rule in ALL.values() if rule.code.startswith(code)] for code, title in _FAMILIES.items()}
    return [(title, rules) for title, rules in found.items() if rules]


def explain(rule: Rule) -> Iterator[str]:
    """All about one rule, as Markdown that also reads well in a terminal."""
    yield f"## {rule.code} {rule.name}"
    yield ""
    yield f"{rule.severity.value}: {_prose(rule.summary)}"
    yield ""
    yield from rule.explanation.splitlines()
    bad, good = example(rule.bad), example(rule.good)
    yield from ("", "Bad:", "")
    yield from _shown(bad, good)
    _, output = _checked(rule.code)
    yield from ("", "```text", *output, "```")
    yield from ("", "Good:", "")
    yield from _shown(good, bad)
    yield from ("", f"{_HYDRA[rule.hydra]} {fix_safety(rule)[1]}")


def data(rule: Rule) -> dict[str, Any]:
    """The same as a JSON object."""
    bad, good = example(rule.bad), example(rule.good)
    names = sorted(name for name in bad.keys() | good.keys() if bad.get(name) != good.get(name))
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "summary": rule.summary,
        "explanation": rule.explanation,
        "hydra": rule.hydra,
        "fix": fix_safety(rule)[0] or None,
        "bad": {name: bad.get(name) for name in names},
        "good": {name: good.get(name) for name in names},
    }


def fix_safety(rule: Rule) -> tuple[str, str]:
    """Whether `--fix` mends the rule's bad example: a word for a table, and a sentence."""
    findings, _ = _checked(rule.code)
    fixable = [finding for finding in findings if finding.fixable]
    if not fixable:
        return "", "It is mended by hand."
    if all(finding.safe for finding in fixable):
        return "safe", "`--fix` mends it; nothing but the mistake changes."
    return (
        "unsafe",
        "`--fix --unsafe` mends it; look at `--diff --unsafe` first, since the fix is a guess at what is meant.",
    )


@cache
def _checked(code: str) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """What a check finds in the bad example of a rule, and how that is printed."""
    with temporary_folder() as folder:
        project = write_example(ALL[code].bad, folder)
        result = check(project, project.experiments, codes={code})
        text = "\n".join(report.blocks(project, result.findings, Style()))
        return tuple(result.findings), tuple(text.rstrip().splitlines())


def _shown(files: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    """The files in which the two examples differ; of long files only what differs, with its neighbours."""
    names = [name for name in sorted({**files, **other}) if files.get(name) != other.get(name)]
    for number, name in enumerate(names):
        if number:
            yield ""
        if name not in files:
            yield f"`{name}` does not exist."
            continue
        lines = files[name].splitlines()
        if len(lines) > _WHOLE and name in other:
            lines = list(_excerpt(lines, other[name].splitlines()))
        language = {"py": "python", "yaml": "yaml", "yml": "yaml"}.get(name.rpartition(".")[2], "text")
        yield from (
            f"`{name}`" + (":" if lines else " is empty."),
            *([f"```{language}", *lines, "```"] if lines else []),
        )


def _excerpt(lines: Sequence[str], other: Sequence[str]) -> Iterator[str]:
    groups = difflib.SequenceMatcher(None, lines, other, autojunk=False).get_grouped_opcodes(2)
    for group in groups:
        first, last = group[0][1], group[-1][2]
        if first:
            yield "# …"
        yield from lines[first:last]
    if last < len(lines):
        yield "# …"


def _prose(text: str) -> str:
    """A word such as @hydra.main as code: to agents a bare `@word` in Markdown is a file to read."""
    return re.sub(r"(?<![\w`@])@[\w.]+", r"`\g<0>`", text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
