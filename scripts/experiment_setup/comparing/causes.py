"""Why a composed config is another one than it was: the place that was changed, for each value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from experiment_setup.comparing.comparison import MISSING
from experiment_setup.comparing.history import Snapshot
from experiment_setup.comparing.sides import Choices, Side
from experiment_setup.composing.origins import Origin
from experiment_setup.light import dataclass
from experiment_setup.location import Location
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document, SourceError
from experiment_setup.showing import values


@dataclass(frozen=True)
class Cause:
    """A place in the work tree; with `gone`, the line is that of the commit, and what stood there is no more."""

    path: Path
    line: int
    gone: bool = False


class Causes:
    """Finds the causes of changes of one experiment.

    Configs whose files speak alike of a key have the same cause: one of them is composed with its origins.
    """

    def __init__(self, then: Side, now: Side, snapshot: Snapshot) -> None:
        self._then = then
        self._now = now
        self._snapshot = snapshot
        self._known: dict[tuple[Any, ...], Cause] = {}

    def of(self, then: Choices, now: Choices, key: str, pair: tuple[Any, Any]) -> Cause:
        """The cause of the change of `key` for what was chosen then and is chosen now."""
        speaking = (*self._speaking(self._then, then, key), *self._speaking(self._now, now, key))
        mark = (key, repr(pair), *speaking)
        if mark not in self._known:
            self._known[mark] = self._found(then, now, key, pair)
        return self._known[mark]

    def of_failure(self, then: Choices, now: Choices, side: Side) -> tuple[Cause, str]:
        """What was changed so that a config does not compose on one side, and the words of that with their place."""
        choices, other = (now, self._then) if side is self._now else (then, self._now)
        outcome = side.composition(choices)
        assert outcome.failure is not None
        failure, words = outcome.failure, outcome.failure.refusal.words
        failure = next(iter(side.context.composer.failures(outcome)), failure)
        if failure.path is None:
            return self._changed_file(now), words
        place = side.context.composer.document(failure.path).key(failure.steps)
        real = self._snapshot.here(place.path)
        words = f"{side.context.relative(place.path)}:{place.line}: {words}"
        if not self._snapshot.is_unchanged(real):
            return self._placed(place, gone=side is self._then), words
        # The file is what it was: the field that it sets is not.
        for origin in other.origins(then if other is self._then else now).get(failure.key or "", ()):
            at = origin.location
            if at is not None and not self._snapshot.is_unchanged(self._snapshot.here(at.path)):
                return self._placed(at, gone=other is self._then), words
        return self._changed_file(now), words

    def _speaking(self, side: Side, choices: Choices, key: str) -> Iterator[str]:
        """The files of these choices that may set the key; with the choices, where they choose further options."""
        word = key.rpartition(".")[2]
        alike = {group for group, _ in choices} <= {SETS, ENVIRONMENTS}
        for path in side.files(choices):
            document = side.context.composer.document(path)
            if word in document.text_or_empty:
                yield str(path)
            alike = alike and (path == side.context.experiment.config_file or _inherits_only(document))
        if not alike:
            yield repr(choices)

    def _found(self, then: Choices, now: Choices, key: str, pair: tuple[Any, Any]) -> Cause:
        before = list(self._then.origins(then).get(key, ()))
        after = list(self._now.origins(now).get(key, ()))
        old = {self._mark(origin) for origin in before}
        new = {self._mark(origin) for origin in after}
        own = after[0] if after and pair[1] is not MISSING and self._mark(after[0]) not in old else None
        if own is not None and own.location is not None:
            if not self._snapshot.is_unchanged(own.location.path):
                return self._placed(own.location, gone=False)
            return self._chosen(now) or self._placed(own.location, gone=False)
        gone = next((o for o in before if o.location is not None and self._mark(o) not in new), None)
        if gone is not None and gone.location is not None:
            real = self._snapshot.here(gone.location.path)
            if not self._snapshot.is_unchanged(real):
                return self._placed(gone.location, gone=True)
            return self._chosen(now) or self._placed(gone.location, gone=True)
        return self._changed_file(now)

    def _mark(self, origin: Origin) -> tuple[Any, ...]:
        """What tells an origin from others, whatever its line."""
        path = self._snapshot.here(origin.location.path) if origin.location is not None else None
        return path, repr(self._then.real(values.data(origin.value)))

    def _placed(self, location: Location, *, gone: bool) -> Cause:
        return Cause(self._snapshot.here(location.path), location.line, gone)

    def _chosen(self, choices: Choices) -> Cause | None:
        """Where a defaults list was changed: other files are merged, which are what they were."""
        for path in self._now.files(choices):
            if not self._snapshot.is_unchanged(path):
                document = self._now.context.composer.document(path)
                old = _defaults(Document(self._snapshot.folder / path.relative_to(self._snapshot.checkout.folder)))
                new = _defaults(document)
                if new != old:
                    place = next((n for n, entry in enumerate(new) if entry not in old), None)
                    steps: Sequence[str | int] = ["defaults"] if place is None else ["defaults", place]
                    return Cause(path, document.value(steps).line)
        return None

    def _changed_file(self, choices: Choices) -> Cause:
        """What can be said where the origins are not known: a file that was changed, of these choices first."""
        context = self._now.context
        several = [*self._now.files(choices), *context.schema.modules]
        changed = [path for path in several if not self._snapshot.is_unchanged(path)]
        return self._chosen(choices) or Cause(next(iter(changed), context.experiment.config_file), 1)


def _inherits_only(document: Document) -> bool:
    return all(isinstance(entry, str) for entry in _defaults(document))


def _defaults(document: Document) -> list[Any]:
    try:
        data = document.data
    except (SourceError, OSError):
        return []
    found = data.get("defaults") if isinstance(data, dict) else None
    return found if isinstance(found, list) else []
