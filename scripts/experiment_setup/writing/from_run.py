"""From a run back to a parameter set: what a set must say so that it composes to the config that the run saved."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import command_line, files, naming, nodes
from experiment_setup.composing import environment
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError
from experiment_setup.light import compiled, dataclass
from experiment_setup.nodes import Steps
from experiment_setup.project import ENVIRONMENTS, Experiment, Project, root_words
from experiment_setup.reading.source import Document, scalar
from experiment_setup.runs import run as runs
from experiment_setup.runs.run import Run
from experiment_setup.showing.saved_run import experiment_of
from experiment_setup.writing import node_values, refused
from experiment_setup.writing.option_folder import NewOption, Outcome, SetWriter

_OF_THE_MACHINE = compiled(r"\$\{\s*oc\.env\s*:")
_RESOLVER = compiled(r"\$\{\s*([\w.]+)\s*:")
_REFERENCE = compiled(r"\$\{\s*([\w.\[\]]+)\s*\}")
_ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """A value that is another one than the run had; `ran` and `now` are _ABSENT where the key is not there.

    The reason is "" where a file could say the value.
    """

    key: str
    ran: Any
    now: Any
    reason: str
    written: Any = _ABSENT  # what a file says for it, where one can
    hidden: bool = False  # what the machine's environment gave is not shown

    def data(self) -> dict[str, Any]:
        """Its JSON."""
        values = {} if self.hidden else {"ran": self.ran, "now": self.now}
        shown = {name: nodes.data(value) for name, value in values.items() if value is not _ABSENT}
        return {"key": self.key, **shown, "reason": self.reason}

    def text(self) -> str:
        """The same in words."""
        ran = "" if self.hidden or self.ran is _ABSENT else f" (the run had {scalar(nodes.data(self.ran))})"
        return f"not as in the run: {self.key}{ran}: {self.reason}"


@dataclass(frozen=True)
class Returned:
    """A run and the experiment that it was a run of."""

    project: Project
    experiment: Experiment
    run: Run
    config: Mapping[str, Any]  # what the run saved

    @classmethod
    def read(cls, project: Project, name: str | None, folder: Path) -> Returned:
        """The run in `folder`. Raises CommandError where nothing is saved there, or its experiment cannot be told."""
        run = runs.read(files.real(folder))
        if run.config is None:
            first = runs.meant(folder)
            raise CommandError(
                f"--from-run {folder}: no config was saved there ({run.evidence})",
                "name a folder with the config.yaml, result.json or .hydra/ that a run wrote",
                command_line.corrected({str(folder): [str(first)]}) if first else None,
            )
        return cls(project, experiment_of(project, name, run), run, run.config)

    def outcome(self, composer: Composer, writer: SetWriter, *, slug: str | None) -> Outcome:
        """The set that is there, else a new one. To be called while the folder of the sets is claimed."""
        if not any(writer.may_set(str(key)) for key in self.config):
            found = ", ".join(map(str, self.config)) or "nothing"
            raise CommandError(
                f"{self.run.config_file} has no values below {writer.group!r}; it has: {found}",
                "name the folder of a run of this experiment",
            )
        return _Search(self, composer, writer, slug).outcome()


class _Search:
    """Looks for the set of one run."""

    def __init__(self, returned: Returned, composer: Composer, writer: SetWriter, slug: str | None) -> None:
        self._returned = returned
        self._run = returned.run
        self._composer = composer
        self._writer = writer
        self._slug = slug
        self._ran = returned.config
        self._known_types: dict[tuple[Any, ...], tuple[Any, str | None]] = {}  # by field, and value of the run
        self._others = self._chosen_options()
        self._environment = self._chosen_environment()

    def outcome(self) -> Outcome:
        """The set that is there already, else the new one; with what neither can give."""
        result = Outcome(self._group, self._key.removesuffix(self._group), environment=self._environment)
        new, left = self._new()
        own = {one.key for one in left}
        options = self._options()
        while options and not self._composer.has_asked_enough:
            option = options.pop(0)
            found = self._differences(self._compose({self._key: option}))
            if {one.key for one in found} <= own:
                result.existing.append((option, {}))
                left = found
                break
        else:
            if options:
                result.notes.append(f"not compared with {len(options)} more files of {self._group}/, to end in time")
            if new.path.exists():
                result.existing.append((new.option, {}))
            else:
                result.created.append(new)
        advice = list(self._advice(left))
        left = [self._explained(one) for one in left]
        result.not_equal = [one.data() for one in left]
        result.notes += [one.text() for one in left[:_MOST]]
        if len(left) > _MOST:
            result.notes.append(f"not as in the run: {len(left) - _MOST} more; --json has them")
        result.notes += advice
        made = result.created[0].option if result.created else result.existing[0][0]
        chosen = {self._key: made, ENVIRONMENTS: self._environment, **self._others}
        result.run_with = [naming.override(group, option) for group, option in chosen.items() if option is not None]
        if len(result.run_with) > 1:
            result.notes.append(f"to run it as it was: {' '.join(result.run_with)}")
        return result

    # -- what is chosen besides the set ---------------------------------------------------------------------------

    @property
    def _key(self) -> str:
        """What chooses a set on the command line."""
        return self._writer.key

    @property
    def _group(self) -> str:
        """The group of the sets."""
        return self._writer.group

    def _chosen_options(self) -> dict[str, str | None]:
        """The options of the groups besides sets and environments, as in the run, where they are still there."""
        groups = self._composer.groups()
        own = {ENVIRONMENTS, self._group}
        chosen = {g: option for g, option in (self._run.choices or {}).items() if g in groups and g not in own}
        return {g: option for g, option in chosen.items() if option in self._known(g)}

    def _chosen_environment(self) -> str | None:
        """The environment with the values of the run; the one that the run chose, or else the default, if several."""
        groups = self._composer.groups()
        if ENVIRONMENTS not in groups:
            return None
        chosen = (self._run.choices or {}).get(ENVIRONMENTS)
        first = [chosen] if chosen in self._known(ENVIRONMENTS) else []
        default = groups[ENVIRONMENTS]
        candidates = dict.fromkeys([*first, default, *self._returned.experiment.options(ENVIRONMENTS)])
        counts: dict[str | None, int] = {}
        for option in candidates:
            config = self._compose({ENVIRONMENTS: option})
            found = [one for one in self._differences(config) if nodes.top(one.key) == ENVIRONMENTS]
            counts[option] = len(found) if config is not None else 10**6
        best = min(counts, key=lambda option: counts[option]) if counts else None
        return best if best != default else None

    def _known(self, group: str) -> list[str]:
        stored = [known.name for known in self._composer.schema.registrations if known.group == group]
        return [*self._returned.experiment.options(group), *stored]

    def _options(self) -> list[str]:
        """The sets that are there, that of the run first."""
        known = list(self._returned.experiment.options(self._group))
        first = [self._chosen] if self._chosen in known else []
        return [option for option in dict.fromkeys([*first, *known, self._writer.base_option()]) if option]

    @property
    def _chosen(self) -> str | None:
        """The set that the run says it chose."""
        return (self._run.choices or {}).get(self._key.lstrip("+"))

    def _compose(self, choices: Mapping[str, str | None], new: NewOption | None = None) -> DictConfig | None:
        chosen = {**self._others, ENVIRONMENTS: getattr(self, "_environment", None), **choices}
        wanted = {group: option for group, option in chosen.items() if option is not None}
        if new is not None:
            return self._composer.compose_with(
                {new.path: Document(new.path, new.text)}, {**wanted, self._key: new.option}
            ).config
        return self._composer.compose(wanted).config

    # -- the new set ----------------------------------------------------------------------------------------------

    def _new(self) -> tuple[NewOption, list[Difference]]:
        """The new set, and what it cannot give."""
        base = self._writer.base_option()
        start = self._compose({self._key: base} if base is not None else {})
        if start is None:
            raise refused.to_mend("the experiment does not compose", self._returned.experiment, self._composer.root)
        values = dict(self._wanted(start, interpolated=False))
        new = self._writer.exactly(values, slug=self._slug)
        # What follows from other values may be right by now; what is not is written as it was.
        config = self._compose({}, new)
        if config is not None and self._run.resolved:
            more = dict(self._wanted(config, interpolated=True))
            if more.keys() - values.keys():
                new = self._writer.exactly({**values, **more}, slug=self._slug)
                config = self._compose({}, new)
        return new, self._differences(config)

    def _wanted(self, config: DictConfig, *, interpolated: bool) -> Iterator[tuple[str, Any]]:
        """The values of the run that a set must say on top of `config`, as its fields type them; by dotted key."""
        for one in self._differences(config, interpolated=interpolated):
            if one.written is not _ABSENT and nodes.top(one.key) != ENVIRONMENTS and self._writer.may_set(one.key):
                yield one.key, self._reference(one.key, one.ran) or one.written

    def _reference(self, key: str, ran: Any) -> str | None:
        """How a set that is there takes this value from the environment: the value may be a token, and no file's.

        The set that the run chose took it from there even where the variable has another value by now.
        """
        for option, config in self._of_the_machine.items() if self._run.resolved else ():
            node = nodes.at(config, nodes.split(key))
            if nodes.is_interpolation(node):
                takes, now = _of_the_machine(config, key)
                if takes and (self._chosen == option or self._same(ran, now)):
                    return str(nodes.value(node))
        return None

    @cached_property
    def _of_the_machine(self) -> dict[str, DictConfig]:
        """What the sets compose to that name a variable of the environment, that of the run first."""
        paths = self._returned.experiment.options(self._group)
        known = [(option, paths[option]) for option in self._options() if option in paths]
        named = [
            option for option, path in known if _OF_THE_MACHINE.search(self._composer.document(path).text_or_empty)
        ]
        configs = ((option, self._compose({self._key: option})) for option in named)
        return {option: config for option, config in configs if config is not None}

    # -- comparing ------------------------------------------------------------------------------------------------

    def _differences(self, config: DictConfig | None, *, interpolated: bool | None = None) -> list[Difference]:
        """Where a config differs from the run's.

        With `interpolated` what an interpolation gives is left out (False), or looked at alone (True).
        """
        if config is None:
            return [Difference("", _ABSENT, _ABSENT, "it does not compose")]
        found: list[Difference] = []
        for group, value in self._ran.items():
            if str(group) == "hydra":
                continue
            for steps, ran, node, owner in _pairs((str(group),), value, nodes.child(config, group)):
                raw = nodes.value(node) if node is not None and nodes.is_interpolation(node) else None
                if interpolated is not None and self._run.resolved and interpolated != (raw is not None):
                    continue
                one = self._difference(config, steps, ran, node, owner, raw)
                if one is not None:
                    found.append(one)
        return found

    def _difference(
        self, config: DictConfig, steps: Steps, ran: Any, node: Any, owner: type | None, raw: Any
    ) -> Difference | None:
        key = nodes.join(steps)
        if ran is _ABSENT:
            now = _plain(node)
            why = "a field that is new since the run" if owner else "a file takes no key out of a mapping"
            return Difference(key, ran, now, why)
        if node is None:
            if owner or len(steps) == 1:
                where = f"{owner.__name__} has" if owner else "the config has"
                return Difference(key, ran, _ABSENT, f"{where} no such field any more")
            return Difference(key, ran, _ABSENT, "", nodes.data(ran))
        if raw is not None and self._run.resolved:
            return self._followed(config, key, ran, node, str(raw))
        now = _plain(node)
        if self._same(ran, now):
            return None
        typed, refusal = self._typed(node, ran)
        if refusal is not None:
            return Difference(key, ran, now, refusal)
        if self._same(ran, typed):
            return Difference(key, ran, now, "", typed)
        why = f"its field is of another type now, and makes {scalar(typed)} of it"
        return Difference(key, ran, now, why, _ABSENT if self._same(typed, now) else typed)

    def _followed(self, config: DictConfig, key: str, ran: Any, node: Any, raw: str) -> Difference | None:
        """The difference of a value that an interpolation gives."""
        takes, now = _of_the_machine(config, key)
        if takes:
            if self._same(ran, now):
                return None
            return Difference(key, ran, raw, f"{raw}: a variable of the environment of this machine", hidden=True)
        texts = " ".join(_reached(config, nodes.split(key), raw))
        own = _RESOLVER.findall(texts)
        try:
            now = _plain_data(OmegaConf.select(config, key))
        except OmegaConfBaseException:
            why = f"{raw}: only a run knows what it gives" if own else f"{raw} leads nowhere now"
            return Difference(key, ran, raw, why)
        if self._same(ran, now):
            return None
        if own and not all(name.startswith("oc.") for name in own):
            return Difference(key, ran, raw, f"{raw}: only a run knows what it gives")
        if f"{ENVIRONMENTS}." in texts and not key.startswith(f"{ENVIRONMENTS}."):
            return Difference(key, ran, now, f"{raw} follows the environment")
        typed, refusal = self._typed(node, ran)
        return Difference(key, ran, now, refusal or "", _ABSENT if refusal else typed)

    def _typed(self, node: Any, ran: Any) -> tuple[Any, str | None]:
        """The value as the field makes it, or why it does not take it."""
        if isinstance(node, DictConfig):  # what it holds has a say
            return _typed(node, ran)
        field = type(node), nodes.declared(node), nodes.is_optional(node), id(ran)
        if field not in self._known_types:
            self._known_types[field] = _typed(node, ran)
        return self._known_types[field]

    def _same(self, ran: Any, now: Any) -> bool:
        """Whether they are the same value; JSON has no infinity, and some write 1.0 as 1 in it."""
        ran = nodes.data(ran)
        is_json = self._run.config_file is not None and self._run.config_file.suffix != ".yaml"
        if is_json and isinstance(now, float) and not isinstance(ran, (bool, str)):
            if ran is None:
                return not math.isfinite(now)
            if isinstance(ran, int):
                return ran == now
        return bool(node_values.tagged(ran) == node_values.tagged(now))

    def _explained(self, one: Difference) -> Difference:
        """The difference with a reason in any case."""
        top = nodes.top(one.key)
        if one.reason:
            return one
        if top == ENVIRONMENTS:
            return replace(one, reason=f"no environment gives it; the nearest has {_shown(one.now)}")
        if not self._writer.may_set(one.key):
            return replace(one, reason=f"a set has no say in {top!r}, which has {_shown(one.now)} now")
        config = self._returned.experiment.config_file.name
        return replace(one, reason=f"what {config} lists after the set makes it {_shown(one.now)}")

    def _advice(self, left: Sequence[Difference]) -> Iterator[str]:
        """The command that makes an environment of the run's values, where there is none."""
        own = [one for one in left if one.key.startswith(f"{ENVIRONMENTS}.") and not one.reason]
        if own and not any(isinstance(one.ran, (dict, list)) or one.ran is None for one in own):
            words = [_word(one.key.removeprefix(f"{ENVIRONMENTS}."), one.ran) for one in own]
            name = naming.free("of-the-run", self._returned.experiment.options(ENVIRONMENTS))
            experiment = self._returned.experiment.name
            command = command_line.command("add_env.py", [experiment, name, *words, *root_words(self._composer.root)])
            yield f"no environment has these values; to make one, type: {command}"


_MOST = 20  # differences that are told in words


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else scalar(value)


def _word(key: str, value: Any) -> str:
    return naming.override(key, value) if isinstance(value, str) else f"{key}={scalar(value)}"


def _pairs(
    steps: Steps, ran: Any, node: Any, owner: type | None = None
) -> Iterator[tuple[Steps, Any, Any, type | None]]:
    """The values of a run, each with its node in a config and the dataclass that it would be a field of.

    _ABSENT and None stand for what the other one does not have.
    """
    if isinstance(ran, Mapping) and nodes.is_mapping(node):
        owner = OmegaConf.get_type(node) if nodes.is_structured(node) else None
        names = {str(nodes.data(key)): child for key, child in nodes.children(node)}
        for name, value in ran.items():
            yield from _pairs((*steps, str(nodes.data(name))), value, names.pop(str(nodes.data(name)), None), owner)
        for name, child in names.items():
            yield (*steps, name), _ABSENT, child, owner
    else:
        yield steps, ran, node, owner


def _typed(node: Any, ran: Any) -> tuple[Any, str | None]:
    try:
        if isinstance(ran, Mapping) and isinstance(node, DictConfig):
            whole = OmegaConf.create({"value": copy.deepcopy(node)})
            whole.merge_with(OmegaConf.create({"value": dict(ran)}))  # as a file is
            return _plain(nodes.child(whole, "value")), None
        return _plain(nodes.put(node, ran)), None
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        return None, str(error).splitlines()[0] if str(error) else repr(error)


def _plain(node: Any) -> Any:
    return _plain_data(nodes.value(node))


def _plain_data(value: Any) -> Any:
    return nodes.data(OmegaConf.to_container(value, resolve=False) if OmegaConf.is_config(value) else value)


def _of_the_machine(config: DictConfig, key: str) -> tuple[bool, Any]:
    """Whether the environment has a part in what an interpolation gives, and what that is with it.

    _ABSENT where it does not resolve.
    """
    with environment.real() as names:
        try:
            now = _plain_data(OmegaConf.select(config, key))
        except OmegaConfBaseException:
            now = _ABSENT
    steps = nodes.split(key)
    texts = _reached(config, steps, str(nodes.value(nodes.at(config, steps))))
    return bool(names) or any(map(_OF_THE_MACHINE.search, texts)), now


def _reached(config: DictConfig, steps: Steps, text: str, depth: int = 10) -> Iterator[str]:
    """The texts that an interpolation at `steps` comes to by references, itself first."""
    yield text
    for key in _REFERENCE.findall(text) if depth else ():
        name = key.lstrip(".")
        above = steps[: len(name) - len(key)] if name != key else ()
        target = (*above, *nodes.split(name))
        yield f"{nodes.join(target)}."
        node = nodes.at(config, target)
        if node is not None and nodes.is_interpolation(node):
            yield from _reached(config, target, str(nodes.value(node)), depth - 1)
