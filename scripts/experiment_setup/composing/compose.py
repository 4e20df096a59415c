"""What Hydra would make of an experiment: exact, without importing hydra where the layout allows it.

`fast_path` does the merges that Hydra would do for the layout of this package, or declines; what it declines is handed
to the real Hydra (`hydra_bridge`). Types, coercions and their errors are OmegaConf's own in both cases.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import files, naming, nodes
from experiment_setup.composing import changes, environment, resolving
from experiment_setup.composing.composed import Composition
from experiment_setup.composing.expansion import TooFar
from experiment_setup.composing.fast_path import FastPath
from experiment_setup.composing.interpolation import UnusableValue, unusable_values
from experiment_setup.composing.layers import Declined
from experiment_setup.composing.origins import Places
from experiment_setup.composing.refusals import Failure, Other
from experiment_setup.project import Experiment
from experiment_setup.reading.config_folder import ConfigFolder
from experiment_setup.reading.source import Document, SourceError
from experiment_setup.schema import Schema

if TYPE_CHECKING:
    from experiment_setup.composing.hydra_bridge import HydraSession

__all__ = ["Choices", "Composer", "Composition", "Failure", "MakeComposer", "UnusableValue", "unusable_values"]

Choices = Mapping[str, "str | None"]  # config group -> option
MakeComposer = Callable[[Experiment, Schema, Path, "ConfigFolder | None"], "Composer"]  # the third is the root

MOST_OF_HYDRA = 300  # compositions of an experiment by the real Hydra, at a tenth of a second to a second each


class Composer:
    """Composes one experiment for any choice of options."""

    runs_the_code = False  # whether what is stored in the ConfigStore is what the entry point really stores

    def __init__(
        self,
        experiment: Experiment,
        schema: Schema,
        root: Path,
        folder: ConfigFolder | None = None,
        *,
        always_hydra: bool = False,
    ) -> None:
        self.experiment = experiment
        self.folder = folder or ConfigFolder(experiment.config_dir)
        self.schema = schema
        self.root = root
        self._always_hydra = always_hydra
        self._fast = FastPath(experiment, schema, root, self.folder.documents)
        self._session: HydraSession | None = None
        self._asked_hydra = 0
        self._fatal = next((problem for problem in schema.problems if problem.fatal), None)

    def compose(
        self, choices: Choices | None = None, overrides: Sequence[str] = (), *, origins: bool = False
    ) -> Composition:
        """What `train.py --cfg job GROUP=OPTION… OVERRIDES…` composes, on demand with the `origins` of its values.

        `choices` name options as files are named; `overrides` are in Hydra's grammar. Failures are values: nothing is
        raised for a mistake in the project.
        """
        wanted = dict(choices or {})
        if self._fatal:
            return Composition(wanted, None, Failure(Other(f"{self._fatal.message}")))
        places = Places(self.experiment, self.schema, self.document) if origins else None
        if not self._always_hydra:
            try:
                return self._fast.compose(wanted, [changes.parse(word) for word in overrides], places)
            except Declined:
                pass
            except TooFar as error:
                return Composition(wanted, None, Failure(Other(error.message)))
        if places is None:
            return self._ask_hydra(wanted, overrides)
        return self._traced_by_hydra(wanted, overrides, places)

    @property
    def has_asked_enough(self) -> bool:
        """Whether the real Hydra has composed as much as anybody waits for: what can be left out, and said, is."""
        return self._asked_hydra >= MOST_OF_HYDRA

    def _traced_by_hydra(self, choices: dict[str, str | None], overrides: Sequence[str], places: Places) -> Composition:
        """What Hydra composes; its merges are done once more for their origins, which are known where both agree."""
        from experiment_setup.composing import recording

        with recording.of_hydra() as record:
            outcome = self._ask_hydra(choices, overrides)
        if outcome.config is not None:
            outcome.origins = record.origins(outcome.config, places, self.schema)
        return outcome

    def resolved(self, outcome: Composition, overrides: Sequence[str] = (), package: str = "") -> Composition:
        """The same with the values of interpolations at `package` ("" is everywhere), as with `--cfg job --resolve`.

        The values of variables of the environment are among them, which `variables` names: show none unasked.
        """
        if outcome.config is None:
            return outcome
        if not outcome.asked_hydra and not resolving.needs_hydra(outcome.config):
            result = _resolved(outcome, package)
        else:
            result = self._ask_hydra(outcome.choices, overrides, resolved=package)
        result.origins = outcome.origins
        return result

    def failures(self, outcome: Composition, known: Sequence[Failure] = ()) -> Iterator[Failure]:
        """Every mistake that keeps the choices of `outcome` from composing, though Hydra names one; none if it did.

        Those that are `known` of another choice, and stand before all others here, are not looked for one by one.
        """
        if outcome.failure is not None:
            from experiment_setup.composing import mistakes

            yield from mistakes.follow(
                outcome.failure,
                self._document_of,
                lambda texts: self.compose_with(texts, outcome.choices).failure,
                known,
            )

    def compose_with(self, documents: Mapping[Path, Document], choices: dict[str, str | None]) -> Composition:
        """What Hydra would compose if these files had these contents."""
        fast = self._fast.with_documents(documents)
        if not self._always_hydra:
            try:
                return fast.compose(choices)
            except Declined:
                pass
            except TooFar as error:
                return Composition(choices, None, Failure(Other(error.message)))
        return self._ask_hydra(choices, (), documents, asking=fast)

    def _document_of(self, config: str) -> Document | None:
        """The file that Hydra calls `exp/001`, if it is one in the config folder that can be read."""
        path = self.experiment.config_dir / f"{config}.yaml"
        document = self.document(path) if config and files.is_file(path) else None
        return document if document is not None and document.error is None else None

    @property
    def stand_ins(self) -> Collection[tuple[str, str]]:
        """Groups below `hydra` with options that were taken for those of plugins which are not installed here."""
        return self._session.stand_ins if self._session is not None else ()

    def document(self, path: Path) -> Document:
        """The YAML file at `path`, read once for whoever composes it and whoever looks at its text."""
        return self.folder.read(path)

    def read_as(self, documents: Mapping[Path, Document]) -> None:
        """From now on take these for the files at these paths. The real Hydra, where it is asked, reads the files."""
        self.folder.documents.update(documents)

    def groups(self) -> dict[str, str | None]:
        """The config groups of the defaults list in config.yaml, each with the option that it names."""
        document = self.document(self.experiment.config_file)
        try:
            if document.is_plain:  # one node of a list in place of all nodes there are
                return _groups_of(nodes.created({"defaults": document.data.get("defaults")}))
            return _groups_of(document.config)
        except (SourceError, OSError):
            return {}

    def groups_of_stored(self, name: str) -> dict[str, str | None]:
        """Those of a config that the code stores, as the primary one or for it to inherit from; {} if it has none."""
        stored = self.schema.registration(None, name)
        if stored is None:
            return {}
        try:
            return _groups_of(self.schema.structured(stored))
        except Exception:  # whatever the user's class has
            return {}

    def _ask_hydra(
        self,
        choices: dict[str, str | None],
        overrides: Sequence[str],
        documents: Mapping[Path, Document] | None = None,
        resolved: str | None = None,
        asking: FastPath | None = None,
    ) -> Composition:
        # Importing hydra takes as long as checking a hundred parameter sets, so it waits until it is needed.
        from experiment_setup.composing.hydra_bridge import HydraFailed, HydraSession

        asking = asking or self._fast
        if self._session is None:
            self._session = HydraSession(self.experiment, self.schema, self.root)
        chosen = [naming.override(group, option) for group, option in choices.items() if option is not None]
        try:
            with self._session as session:
                config = session.compose([*chosen, *overrides], documents or {}, resolved=resolved)
        except HydraFailed as error:
            asking.answered(error.failure)
            self._asked_hydra += error.effort
            return Composition(choices, None, error.failure, asked_hydra=error.effort)
        asking.answered(None)
        self._asked_hydra += 1
        variables = session.variables if resolved is not None else {}
        return Composition(choices, config, asked_hydra=1, variables=variables)


def _resolved(outcome: Composition, package: str) -> Composition:
    """The composed config, resolved without Hydra. Why that fails is told without the values of variables."""
    assert outcome.config is not None
    config = copy.deepcopy(outcome.config)
    with environment.real() as names:
        try:
            variables = resolving.resolve(config, package)
        except OmegaConfBaseException as error:
            said = f"{type(error).__name__}: {environment.hidden(str(error), names)}"
        else:
            return Composition(outcome.choices, config, variables=variables)
    broken = [found for found in outcome.unusable_values() if not found.missing] if names else []
    return Composition(
        outcome.choices, None, Failure.parse(f"{broken[0].key}: {broken[0].refusal.words}" if broken else said)
    )


def _groups_of(config: Any) -> dict[str, str | None]:
    defaults = nodes.child(config, "defaults")
    result: dict[str, str | None] = {}
    for item in nodes.items(defaults) if nodes.is_list(defaults) else ():
        if isinstance(item, DictConfig) and len(item) == 1:
            key, option = next(iter(OmegaConf.to_container(item, resolve=False).items()))  # type: ignore[union-attr]
            words = str(key).split()
            if "override" not in words:
                chosen = None if option is None else str(option).removesuffix(".yaml")
                result[words[-1].split("@")[0].lstrip("/")] = chosen
    return result
