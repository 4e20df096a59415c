"""What a rule is.

A rule is a generator function with the decorator `rule`; its code, severity, reason and examples stand there and
nowhere else. Explanations, the reference page and the tests are made from them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from experiment_setup.findings import Edit, Finding, Severity, Subject
from experiment_setup.light import dataclass
from experiment_setup.location import Location, did_you_mean
from experiment_setup.rules.phases import Of, Phase

# An example, on top of `rules.example.BASE`: path within the experiment -> its whole text, None (no such file), or
# replacements (old, new) in the base's text.
Files = Mapping[str, "str | Sequence[tuple[str, str]] | None"]


@dataclass(frozen=True)
class Rule:
    """A rule: `summary` is one line; the docstring of `check` says what it looks at and why it matters."""

    code: str
    name: str
    severity: Severity
    summary: str
    phase: Phase
    of: Of
    check: Callable[[Any], Iterator[Finding]]  # looks at an ExperimentContext, or at them all together
    together: bool
    bad: Files
    good: Files
    # What the real Hydra does with the bad example: "fails", "accepts" (in silence), or "differs" between releases.
    hydra: Literal["fails", "accepts", "differs"]
    run: str = "exp=001"  # the choices with which Hydra is asked about the examples
    was: str | None = None  # the number that it had in the first drafts of the package
    habit: bool = False  # whether it is about a way of the whole project: text names one experiment for all

    @property
    def explanation(self) -> str:
        """The docstring of the rule, as plain paragraphs."""
        return inspect.getdoc(self.check) or ""

    def finding(
        self,
        location: Location,
        message: str,
        help: str | None = None,  # noqa: A002 (the word users read)
        *,
        edits: tuple[Edit, ...] = (),
        safe: bool = True,
        severity: Severity | None = None,
        rename: str | None = None,
        rests_on: Iterable[Subject] = (),
        spoils: Iterable[Subject] = (),
    ) -> Finding:
        """A finding of this rule; the last two are what it rests on and spoils besides what its kind does."""
        level = severity or self.severity
        links = (tuple(rests_on), tuple(spoils))
        return Finding(self.code, self.name, level, location, message, help, edits, safe, rename, *links)


_registry: dict[str, Rule] = {}


def rule(
    code: str,
    name: str,
    severity: Severity,
    summary: str,
    *,
    phase: Phase,
    of: Of = Of.TEXT,
    bad: Files,
    good: Files,
    hydra: Literal["fails", "accepts", "differs"],
    run: str = "exp=001",
    was: str | None = None,
    together: bool = False,
    habit: bool = False,
) -> Callable[[Callable[[Any], Iterator[Finding]]], Rule]:
    """Make a rule of a generator function over an experiment, or over what all have in common (`together`)."""

    def register(check: Callable[[Any], Iterator[Finding]]) -> Rule:
        made = Rule(code, name, severity, summary, phase, of, check, together, bad, good, hydra, run, was, habit)
        assert code not in _registry, f"{code} is taken"
        _registry[code] = made
        return made

    return register


def registered() -> dict[str, Rule]:
    """All rules by code, in order."""
    return dict(sorted(_registry.items()))


# Rules that are gone, each with the reason: no project was found that was better off with it.
RETIRED = {
    "ES207": "a number in quotes is the same number",
    "ES216": "what changes per machine is for the project to say",
    "ES226": "options in folders of a group are composed as any other",
    "ES338": "a flag of the project's own is no mistake",
    "ES405": "a log file is no mistake",
    "ES413": "Hydra's own folder for sweeps keeps results apart",
}


def moved(code: str) -> str | None:
    """What became of an old number: the new one, or why the rule is gone; None for a number that never was."""
    new = next((known.code for known in _registry.values() if known.was == code), None)
    if new is not None:
        return f"{code} is {new} now"
    return f"{code} is gone: {RETIRED[code]}" if code in RETIRED else None


def similar(word: str) -> str | None:
    """The code or name of a rule that a word most likely meant; a wrong number is not like another number."""
    digits = re.sub(r"\D", "", word)
    by_name = {known.name: code for code, known in _registry.items()}
    if word.lower() in by_name:
        return by_name[word.lower()]
    if digits:
        return f"ES{digits}" if f"ES{digits}" in _registry else None
    return did_you_mean(word, by_name)
