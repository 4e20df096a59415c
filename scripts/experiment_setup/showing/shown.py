"""What show.py answers: the config as a table, as Hydra prints it, or as JSON; or one value and its whole chain."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from experiment_setup import nodes
from experiment_setup.cli import Answer
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.origins import Origin
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.location import did_you_mean
from experiment_setup.showing import as_hydra, values
from experiment_setup.showing.request import Request, Subject, refused
from experiment_setup.showing.values import Mark, Value
from experiment_setup.style import Style

TABLE, YAML, JSON = "table", "yaml", "json"


@dataclass(frozen=True)
class Shown:
    """The config of one command line."""

    subject: Subject
    request: Request
    config: DictConfig
    values: Sequence[Value]  # those that are asked for
    variables: Mapping[str, Sequence[str]]  # by key, the variables of the environment that a resolved value comes from

    exit_code = 0

    def data(self) -> dict[str, Any]:
        """The JSON object of `--format json`."""
        return {
            "version": 1,
            "experiment": self.subject.project.relative(self.subject.experiment.folder),
            "choices": self.subject.chosen(),
            "config": values.data(values.nested(self.values)),
            "sources": {value.key: self._source(value) for value in self.values},
        }

    def _source(self, value: Value) -> dict[str, Any]:
        names = self.variables.get(value.key)
        return values.source(self.subject.project, value) | ({"variables": list(names)} if names else {})

    def text(self) -> Iterator[str]:
        """The lines of the table, of YAML, or of one value's chain."""
        if self.request.explain is not None:
            return self._explained()
        return self._yaml() if self.request.format == YAML else self._table()

    @property
    def is_exact(self) -> bool:
        """Whether the text is what `--cfg job` prints, byte for byte."""
        return self.request.format == YAML and self.request.explain is None

    def notes(self) -> Iterator[str]:
        """What the signs of the table mean, if it has any, and which values are not of the project."""
        marks = {value.mark for value in self.values}
        if self.request.format == TABLE and self.request.explain is None and marks - {Mark.SAME}:
            yield "* changed, + added, ! of another type than the default; --explain KEY has the whole chain"
        given = [f"{key} ({', '.join(names)})" for key, names in self._given().items()]
        if given:
            yield f"from the environment of this shell: {', '.join(given)}"
        schema, groups = self.subject.composer.schema, self.subject.chosen()
        for known in schema.registrations:
            if known.node_is_opaque and (known.group is None or known.group in groups):
                yield f"lacking here, as only running the code tells what it is: what is stored as {known.path}"

    def _given(self) -> Mapping[str, Sequence[str]]:
        """The variables that the values which are shown come from."""
        return {value.key: self.variables[value.key] for value in self.values if value.key in self.variables}

    def _yaml(self) -> Iterator[str]:
        if self.request.only_changed:
            config = OmegaConf.create(values.data(values.nested(self.values)))
            yield from OmegaConf.to_yaml(config).removesuffix("\n").split("\n")
        else:
            yield from as_hydra.text(self.config, self.request.package).removesuffix("\n").split("\n")

    def _table(self) -> Iterator[str]:
        rows = []
        for value in self.values:
            place = self._place(value.chain[0]) if value.chain else "unknown"
            given = "".join(f" with ${name}" for name in self.variables.get(value.key, ()))
            was = f"(was {values.shortened(value.chain[1].value)})" if len(value.chain) > 1 else ""
            rows.append((value.mark.value[0], value.key, values.shortened(value.value), place + given, was))
        if not rows:
            yield "nothing differs from the defaults" if self.request.only_changed else "the config is empty"
        style = Style.of(sys.stdout)
        for value, line in zip(self.values, values.lines(rows), strict=True):
            colour = value.mark.value[1]
            yield style.paint(line, colour) if colour else line

    def _place(self, origin: Origin) -> str:
        """Where a value is set, as a terminal opens it."""
        at = origin.location
        if at is None:
            return origin.word or origin.kind
        return f"{Style.of(sys.stdout).path(self.subject.project, at.path)}:{at.line}:{at.column}"

    def _explained(self) -> Iterator[str]:
        for value in self.values:
            yield f"{value.key}: {values.written(value.value)}"
            rows: list[tuple[str, ...]] = []
            for origin in value.chain:
                rows.append(
                    (
                        "  replaced" if rows else "  set in",
                        self._place(origin),
                        origin.kind,
                        values.written(origin.value),
                    )
                )
            yield from values.lines(rows or [("  where it is set could not be told",)])
            for name in self.variables.get(value.key, ()):
                yield f"  with the value of {name} in the environment of this shell"


def show(request: Request) -> Answer:
    """What is asked for; raises CommandError for what is not there or does not compose."""
    if request.run is not None:
        from experiment_setup.showing import saved_run

        return saved_run.of(request, request.run)
    subject = Subject.of(request)
    if request.fields:
        from experiment_setup.showing import fields  # follows the code, which takes longer than composing

        return fields.of(subject)
    outcome = subject.composition()
    if request.resolve:
        outcome = _resolved(subject, outcome, request.package or "")
    assert outcome.config is not None
    config: DictConfig = outcome.config
    found = values.of_config(config, outcome.origins)
    if request.package not in (None, nodes.GLOBAL):
        found = _below(found, str(request.package), config)
    if request.explain is not None:
        found = _explained(found, request.explain)
    if request.only_changed:
        found = [value for value in found if value.mark is not Mark.SAME]
    return Shown(subject, request, config, found, outcome.variables)


def _resolved(subject: Subject, outcome: Composition, package: str) -> Composition:
    resolved = subject.composer.resolved(outcome, subject.overrides, "" if package == nodes.GLOBAL else package)
    if resolved.failure is not None:
        raise refused(subject, resolved.failure, resolved.failure)
    return resolved


def _below(found: Sequence[Value], package: str, config: DictConfig) -> list[Value]:
    inside = [value for value in found if f"{value.key}.".startswith(f"{package}.")]
    if not inside:
        as_hydra.part_at(config, package)
    return inside


def _explained(found: Sequence[Value], key: str) -> list[Value]:
    """The value at `key`, or all values in it; of an item of a list, the list."""
    inside = [value for value in found if f"{value.key}.".startswith(f"{key}.") or key.startswith(f"{value.key}[")]
    if not inside:
        known = [value.key for value in found]
        guess = did_you_mean(key, known) or did_you_mean(key, [name.rpartition(".")[2] for name in known])
        full = next((name for name in known if name == guess or name.endswith(f".{guess}")), None)
        raise CommandError(
            f"--explain {key}: the config has no such key", f"did you mean --explain {full}?" if full else None
        )
    return inside
