"""What Hydra composes of an experiment's options, each choice composed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from experiment_setup import nodes
from experiment_setup.composing.compose import MOST_OF_HYDRA, Composer, Composition
from experiment_setup.composing.origins import Origin
from experiment_setup.composing.refusals import (
    ChosenTwice,
    NotChosen,
    NotFound,
    NotOverridable,
    Refusal,
    UnresolvedOption,
)
from experiment_setup.facts.options import Option, Options, Placed, listed
from experiment_setup.latest import Latest
from experiment_setup.light import dataclass
from experiment_setup.location import Location
from experiment_setup.nodes import Steps
from experiment_setup.project import ENVIRONMENTS, SETS
from experiment_setup.reading.source import Document

MOST_TRIED = 5  # options of a group, and of its folders, for some that compose together


@dataclass
class Memo:
    """What has been composed, by the choices; entry points that compose the same may have it in common."""

    known: dict[tuple[tuple[str, str], ...], Composition] = field(default_factory=dict)
    # The options that a group would follow other choices to and that do not exist, each with such a choice.
    derived_missing: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    # What fails by itself and composes beside an option of another group, by the choices with that.
    alone: dict[tuple[tuple[str, str | None], ...], Composition] = field(default_factory=dict)
    left_out: set[tuple[tuple[str, str], ...]] = field(default_factory=set)  # choices beyond MOST_OF_HYDRA
    required: dict[str, str] | None = None  # see Compositions.required
    asked_hydra: int = 0


@dataclass(frozen=True)
class Covering:
    """A group whose options choose once more from another one."""

    key: str  # what chooses from it
    default: str  # its option in config.yaml
    chosen: Mapping[str, str | None]  # what each of its options chooses, if it does


@dataclass
class Compositions:
    """The configs of an experiment, by what is chosen."""

    options: Options
    _composer: Composer
    memo: Memo = field(default_factory=Memo)
    _is_always_typed: Callable[[str], bool] = lambda _: False  # whether each command chooses from a group
    # By the choices: whoever asks for one value of a composition asks for others.
    _origins: Latest[Any, Mapping[str, Sequence[Origin]]] = field(default_factory=partial(Latest, 4))

    def at(self, parameter_set: str | None = None, environment: str | None = None) -> Composition:
        """What Hydra composes for `exp=… env=…`; None leaves the group at its default."""
        return self.of({SETS: parameter_set, ENVIRONMENTS: environment})

    def of(self, chosen: Mapping[str, str | None]) -> Composition:
        """What Hydra composes with these options; None leaves a group at its default."""
        return self._composition({group: name for group, name in chosen.items() if name is not None})

    def choosing(self, group: str, option: str) -> Composition:
        """What Hydra composes for `GROUP=OPTION`, the other groups at their defaults."""
        return self._composition({group: option})

    def _composition(self, chosen: dict[str, str]) -> Composition:
        """With choices, a group that must be chosen for every run (`- env: ???`) gets its first option, where they do
        not choose one themselves with `override /env: …`."""
        if chosen and self.required:
            chosen = {**self._required_beside(chosen), **chosen}
        if chosen and self._covering:
            chosen = {**self.with_what_chooses(chosen), **chosen}
        key = tuple(sorted(chosen.items()))
        known = self.memo.known
        if key not in known:
            if self.memo.asked_hydra >= MOST_OF_HYDRA:
                self.memo.left_out.add(key)
                return Composition(dict(chosen), None)
            outcome = self._with_a_choice_of_its_own(chosen, self._not_added_twice(chosen))
            known[key] = self._beside_another(chosen, outcome)
            self.memo.asked_hydra += known[key].asked_hydra
        return known[key]

    @property
    def required(self) -> dict[str, str]:
        """An option for each group that every run must choose (`- env: ???`): first ones that compose together."""
        if self.memo.required is None:
            self.memo.required = self._required()
        return self.memo.required

    def _required_beside(self, chosen: Mapping[str, str]) -> dict[str, str]:
        own = {group for group, _ in self.options.chosen_again(chosen)}
        return {key: option for key, option in self.required.items() if key.partition("@")[0] not in own}

    def _required(self) -> dict[str, str]:
        named = {
            placed.key: placed.group
            for placed in self.options.choices
            if placed.option in ("???", f"${{{placed.key}}}")  # `- data: ${data}` asks for a choice as well
            or placed.key in self._open_and_followed
            or self._is_always_replaced(placed)
        }
        candidates = {key: self._candidates(group) for key, group in named.items()}
        chosen = {key: names[0] for key, names in candidates.items() if names}
        failure = self._composer.compose(dict(chosen)).failure if chosen else None
        for key, names in candidates.items():
            for name in names[1:]:
                if failure is None:
                    return chosen
                other = {**chosen, key: name}
                then = self._composer.compose(dict(other)).failure
                if then is None or (then.refusal != failure.refusal and not isinstance(failure.refusal, NotChosen)):
                    chosen, failure = other, then
        return chosen

    @cached_property
    def _open_and_followed(self) -> Sequence[str]:
        """The groups without an option (`- model: null`) that another one follows (`- experiment: ${model}`), where
        Hydra finds none without a choice: `experiment/None`, or from 1.4 on what it does not resolve.
        """
        choices = self.options.choices
        pairs = [
            (p.key, f) for p in choices if p.option is None for f in choices if f"${{{p.key}}}" in (f.option or "")
        ]
        lacking = self._lacking_without_choices if pairs else None
        return [key for key, f in pairs if lacking and (lacking == f.option or lacking.startswith(f"{f.group}/"))]

    @cached_property
    def _lacking_without_choices(self) -> str | None:
        """What Hydra does not find, or does not resolve, where nothing is chosen."""
        refusal = self._refusal_of({})
        return _lacking(refusal) if refusal is not None else None

    def waits_for_a_choice(self, refusal: Refusal) -> bool:
        """Whether what is refused is not there because a group that it is named after waits for a choice."""
        return bool(self._open_and_followed) and _lacking(refusal) == self._lacking_without_choices

    @cached_property
    def missing_choices(self) -> Sequence[str]:
        """The configs that are not there and that config.yaml chooses: as Hydra meets them, if another option is chosen
        in the place of those before.
        """
        found: list[str] = []
        chosen: dict[str, str] = {}
        while isinstance(refusal := self._refusal_of(chosen), NotFound):
            found.append(refusal.config)
            lacking = refusal.config.removesuffix(".yaml")
            here = (p for p in self.options.choices if p.key not in chosen and f"{p.group}/{p.option}" == lacking)
            other = [(placed.key, name) for placed in here for name in self._candidates(placed.group)[:1]]
            if not other:
                break
            chosen.update(other)
        return found

    def _refusal_of(self, chosen: Mapping[str, str]) -> Refusal | None:
        failure = self._composer.compose(dict(chosen)).failure
        return failure.refusal if failure is not None else None

    def _is_always_replaced(self, placed: Placed) -> bool:
        """Whether config.yaml chooses what is not there or what does not resolve, and each command of the guides
        another option.
        """
        group, option = placed.group, placed.option
        if option is None or self.options.schema.registration(group, option):
            return False
        known = self.options.experiment.options_in_folders(group)
        if not known or option in known or not self._is_always_typed(placed.key):
            return False
        refusal = self._refusal_of({}) if "${" in option else None
        return "${" not in option or (isinstance(refusal, UnresolvedOption) and refusal.written == option)

    def _candidates(self, group: str) -> list[str]:
        """Some options of a group; those that lie in folders of it come last."""
        own = list(self.options.by_group[group])
        inside = [name for name in self.options.experiment.options_in_folders(group) if name not in own]
        inside.sort(key=lambda name: not name.endswith("default"))
        return [*own[:MOST_TRIED], *inside[:MOST_TRIED]]

    @property
    def base(self) -> Composition:
        """What is composed with no choices but those that every run has to make."""
        return self._composition(dict(self.required))

    @cached_property
    def _composes_unasked(self) -> bool:
        """Whether the config composes with no choices but those that every run has to make."""
        return self._composer.compose(dict(self.required)).failure is None

    def _not_added_twice(self, chosen: dict[str, str]) -> Composition:
        """What is composed; an option of a group that only another option's list chooses from (`- /model: base`) needs
        no plus where that option is chosen as well, as it is by default.
        """
        outcome = self._composer.compose(chosen)
        refusal = outcome.failure.refusal if outcome.failure is not None else None
        if isinstance(refusal, ChosenTwice) and (added := f"+{refusal.group}") in chosen:
            typed = {refusal.group if key == added else key: name for key, name in chosen.items()}
            replaced = self._composer.compose(typed)
            return outcome if replaced.failure == outcome.failure else replaced
        return outcome

    def _with_a_choice_of_its_own(self, chosen: dict[str, str], outcome: Composition) -> Composition:
        """What is composed where an option that follows another choice (`- train: ${task}PPO`) is given by hand.

        So it is meant for a choice that has none of that name; `Memo.derived_missing` has those.
        """
        typed = dict(chosen)
        following = [placed for placed in self.options.choices if "${" in (placed.option or "")] if chosen else []
        while outcome.failure is not None and isinstance(outcome.failure.refusal, NotFound):
            wanted = outcome.failure.refusal.config
            placed = next((p for p in following if p.key not in typed and wanted.startswith(f"{p.group}/")), None)
            option = next(iter(self.options.by_group.get(placed.group, {})), None) if placed is not None else None
            if placed is None or option is None or not self._composes_unasked:
                break
            self.memo.derived_missing.setdefault(placed.key, {})[wanted] = chosen
            typed[placed.key] = option
            outcome = self._composer.compose(typed)
        return outcome

    def _beside_another(self, chosen: dict[str, str], outcome: Composition) -> Composition:
        """What is composed beside an option of another group, where what is chosen has `override /head: big` for a
        group that only such an option brings into the list: they go together. `alone` has what fails without it.
        """
        refusal = outcome.failure.refusal if chosen and outcome.failure is not None else None
        if isinstance(refusal, NotOverridable) and self.at().failure is None:
            bringing = (found for found in self._bringing(refusal.group.partition("@")[0]) if found[0] not in chosen)
            for key, name in islice(bringing, MOST_TRIED):
                together = self._composer.compose({**chosen, key: name})
                self.memo.asked_hydra += together.asked_hydra
                if together.failure is None:
                    self.memo.alone[_key(together.choices)] = outcome
                    return together
        return outcome

    def with_what_chooses(self, chosen: Mapping[str, str | None]) -> dict[str, str]:
        """The options that are composed besides, since their lists name what is chosen: in place of default ones, which
        lay another option over it.
        """
        found: dict[str, str] = {}
        for group, name in chosen.items():
            covering = self._covering.get(group)
            if covering is not None and covering.key not in chosen and name not in (None, self.options.groups[group]):
                naming = [option for option, named in covering.chosen.items() if named == name]
                if naming and covering.default not in naming:
                    found.setdefault(covering.key, naming[0])
        return found

    def covered(self, chosen: Mapping[str, str | None]) -> set[str]:
        """The groups whose options count for nothing: what is chosen lays another one over them."""
        return {group for group, known in self._covering.items() if chosen.get(known.key) in known.chosen}

    @cached_property
    def _covering(self) -> Mapping[str, Covering]:
        """The groups from which a default option (`- experiment: first`) chooses once more, to the place where what
        config.yaml chooses goes as well (`# @package _global_.encoder`).

        `encoder=conv` has the choice of `first` laid over it: it is meant for `experiment=images`, which chooses it.
        """
        found: dict[str, Covering] = {}
        for placed in self.options.choices:
            default = self.options.by_group[placed.group].get(placed.option or "")
            for group, name in self._chosen_by(default).items() if default is not None else ():
                if default is not None and group in self.options.groups and self._has_a_fixed_place(group, name):
                    named = {o.name: self._chosen_by(o).get(group) for o in self.options.of_group(placed.group)}
                    fixed = {option: name for option, name in named.items() if self._has_a_fixed_place(group, name)}
                    found[group] = Covering(placed.key, default.name, fixed)
        return found

    def _chosen_by(self, option: Option) -> dict[str, str | None]:
        """What the defaults list of an option chooses, or that of one that it inherits from."""
        lists = [listed(document) for document in self.options.lineage(option)]
        return {group: name for known in reversed(lists) for group, name in known.items()}

    def _has_a_fixed_place(self, group: str, name: str | None) -> bool:
        """Whether the header of an option tells its place from the root, whoever chooses it."""
        option = self.options.by_group.get(group, {}).get(name or "")
        return option is not None and nodes.names(option.document.package or "")[:1] == (nodes.GLOBAL,)

    def _bringing(self, group: str) -> Sequence[tuple[str, str]]:
        """The options of other groups whose defaults lists choose from a group that the primary one does not have."""
        return () if group in self.options.groups else self._brought.get(group, ())

    @cached_property
    def _brought(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for placed in self.options.choices:
            for option in self.options.by_group[placed.group].values():
                named = (listed(document) for document in self.options.lineage(option))
                for group in dict.fromkeys(chain.from_iterable(named)):
                    found.setdefault(group, []).append((placed.key, option.name))
        return found

    def alone(self, outcome: Composition) -> Composition | None:
        """What fails without the option of another group that was chosen besides; None where none was needed."""
        return self.memo.alone.get(_key(outcome.choices))

    def of_option(self, option: Option) -> Composition:
        """What Hydra composes with this option, the other groups at their defaults."""
        return self.choosing(option.key, option.name)

    @cached_property
    def _some(self) -> tuple[Path, Composition, DictConfig | None]:
        default = self.at()
        if (config := default.config) is not None:
            return self.options.experiment.config_file, default, config
        for option in self.options.all():
            outcome = self.of_option(option)
            if (config := outcome.config) is not None:
                return option.path, outcome, config
        return Path(), default, None

    @property
    def some(self) -> DictConfig | None:
        """A config that composes: the default one, or that of the first option that does."""
        return self._some[2]

    @property
    def some_values(self) -> dict[str, Any]:
        """The same as plain dicts and lists; {} where nothing composes."""
        return self._some[1].container

    @property
    def some_file(self) -> Path:
        """The file whose config `some_config` is: what is said of that is worth no more than its defaults list."""
        return self._some[0]

    @cached_property
    def crosses(self) -> bool:
        """Whether a parameter set can break in one environment only: an interpolation stands somewhere."""
        texts = [option.document.text_or_empty for option in self.options.all()]
        if self.options.experiment.has_config:
            texts.append(self.options.primary.text_or_empty)
        if any("${" in text for text in texts):
            return True
        config = self.at().config
        return config is not None and "${" in str(config)

    @cached_property
    def combinations(self) -> list[tuple[str | None, str | None]]:
        """Every (parameter set, environment) to look at; None is the group's default.

        All of them where an interpolation can cross, else each set and each environment once.
        """
        if self.options.is_a_variant:
            return [(None, None)]
        sets: list[str | None] = [None, *self.options.sets]
        environments: list[str | None] = [None, *self.options.environments]
        if self.crosses:
            return [(s, e) for s in sets for e in environments]
        return [(s, None) for s in sets] + [(None, e) for e in self.options.environments]

    def parents_of(self, option: Option) -> dict[str, Any]:
        """The composed values of the first option that this one inherits from; {} where there is none."""
        named = option.document.parents
        above = self.choosing(option.group, named[0]).container.get(option.group) if named else None
        return above if isinstance(above, dict) else {}

    def group_of(self, option: Option) -> DictConfig | None:
        """The composed values of one option, or None where it does not compose."""
        node = nodes.child(self.of_option(option).config, option.group)
        return node if nodes.is_mapping(node) else None

    def written_at(self, key: str, parameter_set: str | None, environment: str | None) -> Location:
        """Where the value of a dotted key comes from: the file that sets it, its parent, or the dataclass."""
        return self.written_with(key, {SETS: parameter_set, ENVIRONMENTS: environment})

    def written_with(self, key: str, choices: Mapping[str, str | None], *, of_key: bool = False) -> Location:
        """The same with these options; or where the key itself is written."""
        steps = nodes.split(key)
        group, inner = str(steps[0]), steps[1:]
        place = Document.key if of_key else Document.value
        for option, package in self._chosen(choices):
            if steps[: len(package)] == package:
                document = self._written_in(option, steps[len(package) :])
                if document is not None:
                    return place(document, steps[len(package) :])
        if self.options.experiment.has_config and self.options.primary.has([group, *inner]):
            return place(self.options.primary, [group, *inner])
        for document in reversed(self.options.included):
            if document.error is None and document.has([group, *inner]):
                return place(document, [group, *inner])
        found = self.options.config_class(group)
        declared = next((f for f in found.fields if inner and f.name == inner[0]), None) if found else None
        if declared:
            return declared.value_location or declared.location
        return self._origin(key, choices) or Location(self.options.experiment.config_file)

    def emptied_at(self, steps: Steps, choices: Mapping[str, str | None]) -> Location | None:
        """The key in a file of these choices that has no value, and so makes null of what others give for it."""
        primary: Iterator[tuple[Document, Steps]] = ((document, ()) for document in self.options.primary_lineage)
        chosen = ((option.document, package) for option, package in self._chosen(choices))
        for document, package in (*primary, *chosen):
            inner = steps[len(package) :]
            if inner and steps[: len(package)] == package and document.says(inner) and document.at(inner) is None:
                return document.key(inner)
        return None

    def _origin(self, key: str, choices: Mapping[str, str | None]) -> Location | None:
        """Where the merge itself took a value from, such as a config of the search path, or the list that it stands in;
        None where it does not know.

        That takes a composition of its own, and so it is asked last.
        """
        chosen = self.of(choices).choices
        composed = partial(self._composer.compose, chosen, origins=True)
        origins = self._origins.get(tuple(chosen.items()), lambda: composed().origins or {})
        steps = nodes.split(key)
        around = (nodes.join(steps[:count]) for count in range(len(steps), 0, -1))
        known = next((origins[one] for one in around if one in origins), ())
        return next((origin.location for origin in known if origin.location), None)

    def _chosen(self, choices: Mapping[str, str | None]) -> Iterator[tuple[Option, tuple[str, ...]]]:
        """The options that are chosen, each with its place in the config; those that nobody lists come first.

        Some may be chosen for a group that every run has to choose, and by what other options say of it.
        """
        choices = self.of(choices).choices
        again = dict(self.options.chosen_again(choices))
        yield from (
            (option, option.package()) for option in self.options.added if choices.get(option.key) == option.name
        )
        for placed in self.options.choices:
            name = choices.get(placed.key) or again.get(placed.group) or placed.option or ""
            if (option := self.options.by_group.get(placed.group, {}).get(name)) is not None:
                yield option, option.package(placed.package)

    def _written_in(self, option: Option, inner: Steps) -> Document | None:
        """The file of an option, or of one that it inherits from, which has a value; None where none has."""
        return next((document for document in self.options.lineage(option) if document.has(inner)), None)


def _lacking(refusal: Refusal) -> str | None:
    match refusal:
        case NotFound(config=named) | UnresolvedOption(written=named):
            return named
    return None


def _key(choices: Mapping[str, str | None]) -> tuple[tuple[str, str | None], ...]:
    return tuple(sorted(choices.items()))
