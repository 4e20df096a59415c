"""Asking the project's own interpreter: `validate.py --python PATH`.

This runs the entry point as `python train.py` would, imports included, up to the call of its main function.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiment_setup import naming, processes
from experiment_setup.composing import environment, search_path
from experiment_setup.composing.compose import Choices, Composer, Composition, Failure, MakeComposer
from experiment_setup.composing.refusals import Other
from experiment_setup.errors import CommandError, EnvironmentLacks
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment
from experiment_setup.reading.config_folder import ConfigFolder
from experiment_setup.schema import Schema

_PROBE = Path(__file__).with_name("probe.py")
# The project's process has all of the environment; which variables it asks for is not known.
_LIKE_SECRETS = [name for name, value in os.environ.items() if len(value) > 3]
_SECONDS = 600  # an import of a deep-learning stack on a cold network disk takes minutes


class InterpreterComposer(Composer):
    """Composes through the project's interpreter: all combinations in one process, on first use."""

    runs_the_code = True

    def __init__(
        self, experiment: Experiment, schema: Schema, root: Path, folder: ConfigFolder | None = None, *, python: Path
    ) -> None:
        super().__init__(experiment, schema, root, folder)
        self._python = python
        self._answers: dict[tuple[str, ...], Composition] | None = None

    @classmethod
    def using(cls, python: Path) -> MakeComposer:
        """A maker of composers for this interpreter. Raises EnvironmentLacks if it does not run or has no hydra."""
        try:
            answer = processes.run_project(
                [str(python), "-c", "import hydra, sys; sys.stdout.write(hydra.__version__)"],
                folder=Path.cwd(), seconds=_SECONDS,
            )  # fmt: skip
        except OSError as error:
            raise CommandError(
                f"--python {python}: {error.strerror or error}", "give the path of a Python, such as .venv/bin/python"
            ) from None
        if answer.code:
            raise EnvironmentLacks(
                f"--python {python} cannot import hydra: {_last_line(answer)}",
                f"type: {python} -m pip install hydra-core",
            )
        return partial(cls, python=python)

    def compose(
        self, choices: Choices | None = None, overrides: Sequence[str] = (), *, origins: bool = False
    ) -> Composition:
        """What the entry point composes for these choices; the origins of values are not known from there."""
        wanted = dict(choices or {})
        words = _words(wanted, overrides)
        if self._answers is None:
            self._answers = self._ask([{}, *self._all_choices()])
        if tuple(words) not in self._answers:
            self._answers |= self._ask([wanted], overrides)
        found = self._answers[tuple(words)]
        return Composition(wanted, found.config, found.failure, asked_hydra=1)

    def failures(self, outcome: Composition, known: Sequence[Failure] = ()) -> Iterator[Failure]:
        """The first mistake alone: to ask for another one, everything would be imported again."""
        return iter([outcome.failure] if outcome.failure else [])

    def _all_choices(self) -> list[dict[str, str | None]]:
        groups = self.groups()
        sets = list(self.experiment.options(SETS)) if SETS in groups else []
        environments = list(self.experiment.options(ENVIRONMENTS)) if ENVIRONMENTS in groups else []
        singles: list[dict[str, str | None]] = [{SETS: s} for s in sets]
        singles += [{ENVIRONMENTS: e} for e in environments]
        return singles + [{SETS: s, ENVIRONMENTS: e} for s in sets for e in environments]

    def _ask(
        self, wanted: Sequence[dict[str, str | None]], overrides: Sequence[str] = ()
    ) -> dict[tuple[str, ...], Composition]:
        words = [_words(choices, overrides) for choices in wanted]
        if self.experiment.entry is None:
            missing = Failure(Other("there is no entry point with @hydra.main"))
            return {
                tuple(line): Composition(choices, None, missing) for line, choices in zip(words, wanted, strict=True)
            }
        answers = self._run(words)
        return {
            tuple(line): self._composition(choices, answer)
            for line, choices, answer in zip(words, wanted, answers, strict=True)
        }

    def _run(self, words: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
        assert self.experiment.entry is not None
        base = search_path.base(self.experiment, self.root)
        try:
            process = processes.run_project(
                [str(self._python), str(_PROBE), str(self.experiment.entry)],
                given=json.dumps(words).encode(), folder=base, seconds=_SECONDS,
            )  # fmt: skip
        except TimeoutError:
            return [{"error": f"{self.experiment.entry.name} did not reach its main function in {_SECONDS} s"}] * len(
                words
            )
        # The entry point may print; the answer is the last line.
        try:
            answers = json.loads(process.out.splitlines()[-1])["answers"]
        except (IndexError, ValueError, KeyError, TypeError):
            reason = _last_line(process)
            return [{"error": f"{self.experiment.entry.name} fails before Hydra composes: {reason}"}] * len(words)
        return list(answers)

    @staticmethod
    def _composition(choices: dict[str, str | None], answer: dict[str, Any]) -> Composition:
        if "error" in answer:
            failure = Failure.parse(answer["error"])
            words = environment.hidden(failure.refusal.words, _LIKE_SECRETS)
            shown = replace(failure, refusal=replace(failure.refusal, words=words))
            return Composition(choices, None, shown, asked_hydra=1)
        return Composition(choices, OmegaConf.create(answer["config"]), asked_hydra=1)


def _words(choices: Choices, overrides: Sequence[str]) -> list[str]:
    return [naming.override(group, option) for group, option in choices.items() if option is not None] + list(overrides)


def _last_line(ended: processes.Ended) -> str:
    last = (ended.err.decode("utf-8", "replace").strip().splitlines() or ["no message"])[-1]
    return environment.hidden(last, _LIKE_SECRETS)
