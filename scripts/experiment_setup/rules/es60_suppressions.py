"""Comments that silence findings."""

from __future__ import annotations

from collections.abc import Iterator

from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.together import Together
from experiment_setup.findings import Finding, Severity
from experiment_setup.rules.base import moved, registered, rule, similar
from experiment_setup.rules.phases import Phase


@rule(
    "ES601",
    "unknown-suppression",
    Severity.INFO,
    "a suppression that names no rule",
    phase=Phase.FILES,
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
    phase=Phase.OUTPUTS,
    together=True,
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nseed: 1  # noqa: ES010\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nseed: 1  # the seed of the paper\n"},
    hydra="accepts",
)
def unused_suppression(checked: Together) -> Iterator[Finding]:
    """What was silenced is mended by now, or the comment stands on another line than the finding.

    A comment that is left behind would hide the next mistake on its line. In a Python file a bare `# noqa` may be meant
    for another linter.
    """
    for comment, code in checked.unused:
        if code is None and not comment.whole_file and comment.location.path.suffix != ".py":
            where = "# noqa silences nothing on this line"
            yield unused_suppression.finding(comment.location, where, "remove the comment")
        elif code is not None and any(code.matches(known) for known in registered()):
            where = "in this file" if comment.whole_file else "on this line"
            yield unused_suppression.finding(code.location, f"{code.word} silences nothing {where}", "remove it")
