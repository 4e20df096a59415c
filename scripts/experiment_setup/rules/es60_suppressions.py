"""Comments that silence findings."""

from __future__ import annotations

from collections.abc import Iterator

from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.findings import Finding, Severity
from experiment_setup.reading.suppression import Code, Suppression
from experiment_setup.rules.base import moved, registered, rule, similar


@rule(
    "ES601",
    "unknown-suppression",
    Severity.INFO,
    "a suppression that names no rule",
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nseed: 1  # noqa: ES999\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nseed: 1  # the seed of the paper\n"},
    hydra="accepts",
)
def unknown_suppression(context: ExperimentContext) -> Iterator[Finding]:
    """`# noqa: CODE` silences nothing if no rule has the code, and `# noqa-file` needs codes after a colon.

    A code may be shortened: `ES5` means every rule whose code begins so. In Python files the codes of other linters
    (`# noqa: F401`) are left to them.
    """
    rules = registered()
    for comment in (comment for comments in context.suppressions.values() for comment in comments):
        if comment.bare and comment.whole_file:
            yield unknown_suppression.finding(
                comment.location, "# noqa-file without codes silences nothing", "name them: # noqa-file: ES501"
            )
        for code in comment.codes:
            if any(code.matches(known) for known in rules):
                continue
            if comment.location.path.suffix == ".py" and not code.is_ours:
                continue
            guess, news = similar(code.word), moved(code.word.upper())
            yield unknown_suppression.finding(
                code.location,
                news or f"no rule has the code {code.word}" + (f" (did you mean {guess}?)" if guess else ""),
                "validate.py --list-rules shows the codes",
            )


@rule(
    "ES602",
    "unused-suppression",
    Severity.INFO,
    "a suppression that silences nothing",
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nseed: 1  # noqa: ES010\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nseed: 1  # the seed of the paper\n"},
    hydra="accepts",
)
def unused_suppression(context: ExperimentContext) -> Iterator[Finding]:
    """What was silenced is mended by now, or the comment stands on another line than the finding.

    A comment that is left behind would hide the next mistake on its line.
    """
    return iter(())  # found when all findings are known, by `check`


def unused(comment: Suppression, code: Code | None) -> Finding | None:
    """The finding for a code, or a bare comment (None), that silenced nothing; None if others may be meant by it."""
    if code is None:
        if comment.whole_file or comment.location.path.suffix == ".py":
            return None
        return unused_suppression.finding(
            comment.location, "# noqa silences nothing on this line", "remove the comment"
        )
    if not any(code.matches(known) for known in registered()):
        return None  # unknown_suppression has said so
    where = "in this file" if comment.whole_file else "on this line"
    return unused_suppression.finding(code.location, f"{code.word} silences nothing {where}", "remove it")
