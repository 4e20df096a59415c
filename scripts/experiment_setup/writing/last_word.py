"""The last word about what is made: what it composes to in every environment, and what validate.py finds in it.

It is made in a mirror of the project first and judged there, so that nothing can fail after it has its place.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiment_setup import files, installed, naming, nodes, schema
from experiment_setup.checking import report
from experiment_setup.checking.check import check
from experiment_setup.checking.mirror import Mirror, mirrored
from experiment_setup.composing.compose import Composer
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import dataclass
from experiment_setup.location import Location
from experiment_setup.project import ENVIRONMENTS, Experiment, Project, experiment_at
from experiment_setup.reading.config_folder import ConfigFolder
from experiment_setup.reading.source import Document
from experiment_setup.schema import Schema
from experiment_setup.showing import values
from experiment_setup.style import Style
from experiment_setup.writing import node_values
from experiment_setup.writing.node_values import plain_data

_SHOWN = 20  # combinations whose differences are listed for people
_KEPT = 200  # combinations whose configs are kept; all are composed
_NAMED = 5  # findings that were there before, and those of style of one rule
_LONGEST = 2_000  # characters of a line that is shown
_ITEMS = 100  # of a list in a config, each of which is a line
_VALUES = 1_000  # of a config


@dataclass(frozen=True)
class Proof:
    """`configs` and `refused` are by the words that choose a combination, such as `exp=001 env=local`.

    The first config is what the others are shown as differences from; each has the words of the one it differs from
    the least. `untold` are those that are only there for others to differ from. `elsewhere` is what validate.py finds
    besides, which was there before, or is in the `source` as well that it is a copy of. `replaced` has, by dotted key,
    what stands in place of the first config's own values in the set `base` that its set inherits from (None: where no
    set is chosen).
    """

    project: Project = field(default_factory=lambda: Project(Path()))
    composed: int = 0
    configs: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    nearest: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    elsewhere: Sequence[Finding] = ()
    replaced: Mapping[str, Any] = field(default_factory=dict)
    base: str | None = None
    untold: Collection[str] = ()
    source: str | None = None

    @property
    def exit_code(self) -> int:
        """1 where something does not compose."""
        return int(bool(self.refused))

    @property
    def config(self) -> dict[str, Any]:
        """The first config."""
        return next(iter(self.configs.values()), {})

    def within(self, mirror: Mirror) -> Proof:
        """The same for the project itself, where it is that of a mirror."""
        return replace(
            self,
            project=mirror.original,
            configs=mirror.as_original(dict(self.configs)),
            refused=mirror.as_original(dict(self.refused)),
            findings=[_as_original(mirror, finding) for finding in self.findings],
            elsewhere=[_as_original(mirror, finding) for finding in self.elsewhere],
            replaced=mirror.as_original(dict(self.replaced)),
        )

    def data(self) -> dict[str, Any]:
        """Its part of a JSON object."""
        checked: dict[str, Any] = {
            "composed": self.composed,
            "findings": [report.finding_data(self.project, finding) for finding in self.findings],
            "elsewhere": [report.finding_data(self.project, finding) for finding in self.elsewhere],
            "refused": dict(self.refused),
        }
        return {"checked": checked, "configs": dict(self.configs)}

    def text(self) -> Iterator[str]:
        """The first config whole, what the others have instead, and what was found."""
        yield from self._configs()
        style = Style.of(sys.stdout)
        for words, reason in self.refused.items():
            yield f"{style.paint('error', '31;1')}: {words or 'the config'} does not compose: {reason}"
        yield from report.findings_text(self.project, self.findings, style, of_a_rule=_NAMED)
        each = [*self.configs, *self.refused]
        what = f"{self.composed} combinations"
        if self.composed == len(each) <= _NAMED:
            what = ", ".join(words or "the defaults" for words in each)
        elif each:
            what += f", {each[0] or 'the defaults'} to {each[-1]},"
        how = f"composed as hydra-core {installed.hydra_version()} does, running neither the code nor its imports"
        yield f"checked: {what} {how}: {report.counted(self.findings) or 'nothing found'}"
        if self.elsewhere:
            where = f"the same in {self.source}" if self.source else "there before, and left as it is"
            yield f"{where}: {report.counted(self.elsewhere)}"
            worst = sorted(self.elsewhere, key=lambda finding: list(Severity).index(finding.severity))[:_NAMED]
            yield from (shortened(f"  {report.headline(self.project, finding, style)}") for finding in worst)
            if len(self.elsewhere) > _NAMED:
                yield f"  … and {len(self.elsewhere) - _NAMED} more (validate.py has all)"

    def _configs(self) -> Iterator[str]:
        said: set[tuple[str, ...]] = set()
        shown = 0
        for words, config in self.configs.items():
            if words not in self.nearest:
                yield f"# the config{f' of {words}' if words else ''}"
                lines = OmegaConf.to_yaml(nodes.created(_Shown().of(config))).rstrip().splitlines() if config else []
                yield from map(shortened, lines)
                if self.replaced and words == next(iter(self.configs)):
                    known = ", ".join(f"{key}: {values.shortened(value)}" for key, value in self.replaced.items())
                    yield shortened(f"# {f'{self.base} has' if self.base else f'without {words},'} {known}")
                yield ""
                continue
            if words in self.untold:
                continue
            lines = list(self._differences(words, config))
            key = (words.rpartition(" ")[2], *lines)
            if key in said:  # an environment changes the same for every set
                continue
            said.add(key)
            shown += 1
            if shown <= _SHOWN:
                near = self.nearest[words]
                yield f"# {words}: " + (f"as {near or 'without it'}, but" if lines else f"the same as {near}")
                yield from (*map(shortened, lines), "")
        if shown > _SHOWN:
            yield from (f"# … and {shown - _SHOWN} more combinations that differ (--json has their configs)", "")

    def _differences(self, words: str, config: dict[str, Any]) -> Iterator[str]:
        before = dict(node_values.leaves(self.configs[self.nearest[words]]))
        after = dict(node_values.leaves(config))
        yield from (f"{key}: {values.shortened(after[key])}" for key in _others(before, after))
        yield from (f"{key} is not there" for key in before if key not in after)


def shortened(line: str) -> str:
    """A line as it is shown: what is very long is in the file."""
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}… ({len(line)} characters)"


@dataclass
class _Shown:
    """Plain values as they are shown: what is very long, or comes after very many, is in the file."""

    left: int = _VALUES

    def of(self, value: Any) -> Any:
        """The value, or the beginning of it and how much more there is."""
        if isinstance(value, dict):
            pairs = list(self._first(value.items(), len(value)))
            more = len(value) - len(pairs)
            return dict(pairs) | ({"…": f"and {more:,} more"} if more else {})
        if isinstance(value, list):
            items = [item for _, item in self._first(enumerate(value), _ITEMS)]
            more = len(value) - len(items)
            return [*items, *([f"… and {more:,} more"] if more else [])]
        self.left -= 1
        return value

    def _first(self, pairs: Iterable[tuple[Any, Any]], most: int) -> Iterator[tuple[Any, Any]]:
        for key, value in itertools.islice(pairs, most):
            if self.left <= 0:
                return
            yield key, self.of(value)


@dataclass(frozen=True)
class Combinations:
    """What is composed: parameter sets (None: none is chosen) with environments (None: the default one).

    `key` is what chooses a set: its group, with a `+` where the defaults list does not have it. `made` says whether the
    sets are new, so that what they replace is worth a word: in the set `base`, if they inherit from one.
    """

    key: str
    sets: Sequence[str | None] = (None,)
    environments: Sequence[str | None] = (None,)
    made: bool = True
    base: str | None = None

    def is_news(self, choices: Mapping[str, str | None]) -> bool:
        """Whether what is chosen is new, and no set that was there, in the default environment."""
        return self.made or choices.get(ENVIRONMENTS) is not None

    def __iter__(self) -> Iterator[dict[str, str | None]]:
        for name in self.sets:
            for environment in self.environments:
                chosen = {self.key: name, ENVIRONMENTS: environment}
                yield {group: option for group, option in chosen.items() if option is not None}


def of_options(
    project: Project, experiment: Experiment, texts: Mapping[Path, str], combinations: Combinations
) -> Proof:
    """The proof for files of options that are to be written into an experiment; `texts` may be there already."""
    with mirrored(project, [experiment], texts) as mirror:
        moved = mirror.experiments[0]
        for path, text in texts.items():
            place = mirror.copy_of(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            files.put(place, text)
        names = "|".join(re.escape(path.stem) for path in texts)
        named = re.compile(rf"=(?:{names})(?![\w-])") if texts else re.compile(r"(?!)")
        fields = {mirror.original_location(place) for place in _fields_set(moved, mirror, texts)}

        def is_about(finding: Finding) -> bool:
            at = finding.location
            return at.path in texts or at in fields or named.search(finding.message) is not None

        return _proof(mirror, moved, combinations, is_about)


def _fields_set(experiment: Experiment, mirror: Mirror, texts: Mapping[Path, str]) -> Iterator[Location]:
    """Where the fields are declared that the files set."""
    assert experiment.entry is not None
    read = schema.read(experiment.entry, mirror.project.root)
    for path, text in texts.items():
        document = Document(path, text)
        stored = [known.config_class for known in read.registrations if known.group == path.parent.name]
        for known in filter(None, stored):
            yield from (field.location for field in known.fields if document.has([field.name]))


def of_folder(
    project: Project, aside: Path, target: Path, source: Experiment | None, combinations: Combinations
) -> Proof:
    """The proof for a new experiment, which still lies `aside` and will be called `target`.

    It is judged beside the one that it is a copy of, whose folders it may still write to.
    """
    with mirrored(project, [source] if source else [], [target]) as mirror:
        place = mirror.copy_of(target)
        shutil.copytree(aside, place, symlinks=True)
        made = experiment_at(place)
        assert made is not None
        mirror = replace(mirror, project=Project(mirror.project.root, [*mirror.project.experiments, made]))
        return _proof(mirror, made, combinations, lambda finding: finding.location.path.is_relative_to(target))


def _proof(
    mirror: Mirror, experiment: Experiment, combinations: Combinations, is_about: Callable[[Finding], bool]
) -> Proof:
    """The proof for what was made in the mirror's `experiment`; `is_about` picks the findings that concern it."""
    assert experiment.entry is not None
    composer = Composer(experiment, schema.read(experiment.entry, mirror.project.root), mirror.project.root)
    shown = _composed(mirror, composer, combinations)

    def composer_of(other: Experiment, read: Schema, root: Path, folder: ConfigFolder | None) -> Composer:
        return composer if other is experiment else Composer(other, read, root, folder)

    chosen = next(iter(combinations))
    told = combinations.made and shown.configs and not shown.refused and combinations.key in chosen
    config = next(iter(shown.configs.values()), {})
    without = {key: option for key, option in chosen.items() if key != combinations.key}
    before = without if combinations.base is None else {**chosen, combinations.key: combinations.base}
    replaced = _replaced(mirror, composer, before, config) if told else {}
    beside = [other for other in mirror.experiments if other is not experiment]
    result = check(mirror.project, [*beside, experiment], make_composer=composer_of)
    found = [_as_original(mirror, finding) for finding in result.findings]
    about, rest = _told_apart(mirror, experiment, beside, found, is_about)
    if shown.refused:
        about += [finding for finding in rest if finding.severity is Severity.ERROR]
        rest = [finding for finding in rest if finding.severity is not Severity.ERROR]
    base = words_of({combinations.key: combinations.base}) if combinations.base else None
    return replace(shown, findings=about, elsewhere=rest, replaced=replaced, base=base)


def _told_apart(
    mirror: Mirror,
    experiment: Experiment,
    beside: Sequence[Experiment],
    found: Sequence[Finding],
    is_about: Callable[[Finding], bool],
) -> tuple[list[Finding], list[Finding]]:
    """The findings about what was made; and the others of the experiment, with what those beside it have alike."""
    theirs = {_alike(mirror, other, finding) for other in beside for finding in found if _is_of(mirror, other, finding)}
    about: list[Finding] = []
    rest: list[Finding] = []
    for finding in found:
        is_error = finding.severity is Severity.ERROR
        if is_about(finding) and (is_error or _alike(mirror, experiment, finding) not in theirs):
            about.append(finding)
        elif finding.severity is not Severity.INFO and not any(_is_of(mirror, other, finding) for other in beside):
            rest.append(finding)
    return about, rest


def _is_of(mirror: Mirror, experiment: Experiment, finding: Finding) -> bool:
    return finding.location.path.is_relative_to(mirror.original_of(experiment.folder))


def _alike(mirror: Mirror, experiment: Experiment, finding: Finding) -> tuple[str, str, str]:
    """What a finding has in common with that of a copy: its rule, its file, and what it says but for the names."""
    folder = mirror.original_of(experiment.folder)
    within = os.path.relpath(finding.location.path, folder)
    return finding.code, within, finding.message.replace(experiment.name, "")


def _composed(mirror: Mirror, composer: Composer, combinations: Combinations) -> Proof:
    """The proof as far as composing goes: as many configs as are shown."""
    configs: dict[str, dict[str, Any]] = {}
    nearest: dict[str, str] = {}
    refused: dict[str, str] = {}
    untold: set[str] = set()
    composed = 0
    broken_before: set[str | None] = set()
    for choices in combinations:
        words = words_of(choices)
        name = choices.get(combinations.key)
        if name in broken_before:
            continue
        outcome = composer.compose(choices)
        if outcome.failure is not None and configs and not combinations.is_news(choices):
            broken_before.add(name)  # nothing that was made is at fault
            continue
        composed += 1
        if outcome.failure is not None:
            refused[words] = mirror.as_original(outcome.failure.refusal.words)
        elif len(configs) < _KEPT:
            configs[words] = mirror.as_original(plain_data(outcome.container))
            plain = words_of({group: option for group, option in choices.items() if group != ENVIRONMENTS})
            first = next(iter(configs))
            if words != first:
                if not combinations.is_news(choices):
                    untold.add(words)
                nearest[words] = plain if plain in configs and plain != words else first
    return Proof(mirror.original, composed, configs, nearest, refused, untold=untold)


def _replaced(
    mirror: Mirror, composer: Composer, before: Mapping[str, str | None], config: Mapping[str, Any]
) -> dict[str, Any]:
    """The values in place of which the config has its own, where `before` is chosen."""
    outcome = composer.compose(before)
    plain = mirror.as_original(plain_data(outcome.container)) if outcome.failure is None else {}
    old = dict(node_values.leaves(plain))
    return {key: old[key] for key in _others(old, dict(node_values.leaves(config))) if key in old}


def _others(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """The dotted keys of `after` that have no value in `before`, or another one."""
    return (key for key, value in after.items() if key not in before or repr(before[key]) != repr(value))


def words_of(choices: Mapping[str, str | None]) -> str:
    """The words of a command line that choose these options."""
    return " ".join(naming.override(group, option) for group, option in choices.items() if option is not None)


def _as_original(mirror: Mirror, finding: Finding) -> Finding:
    message, help_ = mirror.as_original(finding.message), mirror.as_original(finding.help)
    return replace(finding, location=mirror.original_location(finding.location), message=message, help=help_)
