"""Every mistake of a file, though Hydra stops at the first one.

What Hydra refused is left out, and the rest is composed again, until it composes. A second mistake is thus one that
stays when the first is mended. Which key it was, the error may say; where it does not, composing the beginning of the
file tells, since keys are merged in their order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiment_setup.composing.refusals import Failure
from experiment_setup.nodes import Steps
from experiment_setup.reading.source import Document

_MOST = 100  # mistakes of one composition; a file with more of them is of another schema
_MOST_TEXT = 1 << 20  # characters of the files that are composed again for them: each mistake needs all of its file

Attempt = Callable[[Mapping[Path, Document]], "Failure | None"]  # composes with other contents for some files


def follow(
    failure: Failure,
    document_of: Callable[[str], Document | None],
    attempt: Attempt,
    known: Sequence[Failure] = (),
) -> Iterator[Failure]:
    """`failure` and those behind it, each with its place where that can be told.

    `document_of` gives the file of a config as Hydra names it (`exp/001`), if it is one. `known` is what another
    choice fails with: where this one fails first with the same, all of that is left out at once.
    """
    left_out: dict[Path, Document] = {}
    seen: set[tuple[Path, Steps]] = set()
    read = 0
    following: Failure | None = failure
    if failure in known[:1] and (without := _without(known, document_of)) is not None:
        yield from known
        left_out, seen = without, {(one.path, one.steps) for one in known if one.path is not None}
        following = attempt(left_out)
    while following is not None:
        document = document_of(following.config or "") if following.merging else None
        if document is not None:
            document = left_out.get(document.path, document)
        found = _blame(following, document, lambda text: attempt({**left_out, text.path: text})) if document else None
        if document is None or found is None or (document.path, found[0]) in seen or len(seen) == _MOST:
            yield following
            return
        read += len(document.text)
        if read > _MOST_TEXT:
            yield replace(following, path=document.path, steps=found[0])
            return
        steps, after = found
        yield replace(following, path=document.path, steps=steps)
        seen.add((document.path, steps))
        left_out[document.path] = document.without(steps)
        following = after


def _without(known: Sequence[Failure], document_of: Callable[[str], Document | None]) -> dict[Path, Document] | None:
    """The files without these mistakes; None where the place of one was not found out."""
    left_out: dict[Path, Document] = {}
    for failure in known:
        document = document_of(failure.config or "")
        if document is None or document.path != failure.path or not failure.steps:
            return None
        left_out[document.path] = left_out.get(document.path, document).without(failure.steps)
    return left_out


def _blame(
    failure: Failure, document: Document, attempt: Callable[[Document], Failure | None]
) -> tuple[Steps, Failure | None] | None:
    """Where in the document the failure comes from, and how it fails without that; None if it is not in there."""
    named = _named(failure, document)
    if named is not None:
        after = attempt(document.without(named))
        if after is None or after != failure:
            return named, after

    def fails(text: Document) -> bool:
        outcome = attempt(text)
        return outcome is not None and outcome.config == failure.config

    found = _first_refused(document, fails)
    if found is None:
        return None
    return found, attempt(document.without(found))


def _named(failure: Failure, document: Document) -> Steps | None:
    """The place that the error names: `exp.optimizer.lr` is `optimizer.lr` in exp/001.yaml."""
    whole = failure.named_steps
    group = tuple((failure.config or "").split("/")[:-1])
    inner = whole[len(group) :] if whole[: len(group)] == group else whole
    return next((steps for steps in (inner, whole) if steps and steps[0] != "defaults" and document.says(steps)), None)


def _first_refused(document: Document, fails: Callable[[Document], bool]) -> Steps | None:
    """The place up to which the file must be read for composing to fail."""
    steps: Steps = ()
    while True:
        inner = _inside(document.at(steps), top=not steps)
        # The number of members from which on it fails: all of them do, or the search would not have come here.
        count = bisect_left(range(len(inner)), True, key=lambda n: fails(document.until(steps, inner[:n])))
        if count == 0:  # as it does without any: it is the value itself, or not in this file
            return steps or None
        steps = (*steps, inner[count - 1])


def _inside(value: Any, *, top: bool) -> list[str | int]:
    if isinstance(value, dict):
        return [key for key in value if not (top and key == "defaults")]
    return list(range(len(value))) if isinstance(value, list) else []
