"""What Hydra and OmegaConf refuse, as data: the only place that knows their sentences.

The forms are those of hydra-core 1.3.4 to 1.3.8 and 1.4.0rc3 (`hydra/_internal/defaults_list.py`,
`config_loader_impl.py`) and of omegaconf 2.3 and 2.4 (`nodes.py`, `base.py`, `basecontainer.py`, `dictconfig.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field, fields, replace
from pathlib import Path

from experiment_setup import nodes
from experiment_setup.light import compiled, dataclass
from experiment_setup.nodes import Steps


@dataclass(frozen=True)
class Refusal:
    """Something that is refused; `words` say it as Hydra or OmegaConf do, in one line."""

    words: str


def reworded(refusal: Refusal, change: Callable[[str], str]) -> Refusal:
    """The refusal with each of its texts changed."""
    texts = {field.name: getattr(refusal, field.name) for field in fields(refusal)}
    return replace(refusal, **{name: change(text) for name, text in texts.items() if isinstance(text, str)})


class Other(Refusal):
    """A refusal that nobody has to tell from others."""


# -- the defaults list ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NotFound(Refusal):
    """A config that a defaults list names, such as `exp/001`, does not exist."""

    config: str


@dataclass(frozen=True)
class NotChosen(Refusal):
    """A group that stands at `???`: every run has to choose."""

    group: str


@dataclass(frozen=True)
class ChosenTwice(Refusal):
    """Two entries choose for one group (`model@student` with its package), and neither says `override`."""

    group: str


@dataclass(frozen=True)
class AddedTwice(Refusal):
    """A group is given as a list to which another entry adds, so that none of its options can be chosen by hand."""

    group: str


@dataclass(frozen=True)
class NotOverridable(Refusal):
    """A choice for a group (with its package, if it has one) that no defaults list names before, and what chooses from
    the group instead: `encoder@model.encoder`.
    """

    group: str
    instead: str = ""


@dataclass(frozen=True)
class OverrideTooEarly(Refusal):
    """An override stands before an entry that chooses for `group`, and says no `override` itself."""

    group: str


@dataclass(frozen=True)
class UnknownKeyword(Refusal):
    """A word before a group that is neither `override` nor `optional`; Hydra 1.3 passes it over."""

    keyword: str


@dataclass(frozen=True)
class NoHeader(Refusal):
    """A comment in the first lines of a file that begins with @ and is no header of two words."""

    comment: str


@dataclass(frozen=True)
class UnresolvedOption(Refusal):
    """An option that a defaults list takes from an interpolation, which does not resolve."""

    written: str


# -- keys and values --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UnknownKey(Refusal):
    """A key that the dataclass `owner` does not have; without an owner, that a struct does not have."""

    owner: str | None = None


class WrongValue(Refusal):
    """A value that its field does not take."""


class NullRefused(WrongValue):
    """Null, where the field is not Optional."""


class NotAList(WrongValue):
    """One value, where the field is a list."""


@dataclass(frozen=True)
class NotTheFields(WrongValue):
    """Something else, where the fields of the dataclass `expected` belong."""

    expected: str


class WrongKey(Refusal):
    """A key that is not of the type of the dict's keys."""


class WrongKind(Refusal):
    """A list, a mapping and a single value do not go together."""


class MappingForList(WrongKind):
    """A mapping, where a list belongs."""


class ListForMapping(WrongKind):
    """A list, where a mapping belongs."""


# -- interpolations ---------------------------------------------------------------------------------------------------


class NotGiven(Refusal):
    """The value is `???`."""


class RefersToMissing(Refusal):
    """An interpolation comes to a value that is `???`."""


class RefersToItself(Refusal):
    """Interpolations refer to each other in a circle."""


class TooLong(Refusal):
    """Interpolations refer to each other in a chain that OmegaConf does not get through, or in too many ways."""


@dataclass(frozen=True)
class UnsetVariable(Refusal):
    """`${oc.env:NAME}` of an environment variable that is not set here."""

    name: str


@dataclass(frozen=True)
class UnknownResolver(Refusal):
    """`${name:…}` of a resolver that nobody has registered."""

    name: str


@dataclass(frozen=True)
class NoSuchTarget(Refusal):
    """An interpolation names a key that is not there, as it is written but for leading dots."""

    key: str


class NeedsARun(Refusal):
    """`${hydra:…}`, which Hydra knows only in a run."""


WRONG = (WrongValue, WrongKey, WrongKind)  # refused for what is written there, not for where it stands

# What OmegaConf's exceptions mean, where their words tell no more.
_KINDS: dict[str, type[Refusal]] = {
    "ConfigKeyError": UnknownKey,
    "ConfigAttributeError": UnknownKey,
    "ValidationError": WrongValue,
    "KeyValidationError": WrongKey,
    "ConfigTypeError": WrongKind,
}
_Sentences = tuple[tuple[type[Refusal], re.Pattern[str]], ...]


def _sentences(*sentences: tuple[type[Refusal], str]) -> _Sentences:
    return tuple((refusal, compiled(pattern)) for refusal, pattern in sentences)


# What their words mean.
_KEYS_AND_VALUES = _sentences(
    (UnknownKey, r"^Key '.*' not in '(?P<owner>\w+)'"),
    (NotTheFields, r"^Merge error: \w+ is not a subclass of (?P<expected>\w+)"),
    (MappingForList, r"^Cannot merge DictConfig with ListConfig"),
    (ListForMapping, r"^Cannot merge ListConfig with DictConfig"),
    (WrongKind, r"^Cannot merge incompatible container types"),  # omegaconf 2.4, as a TypeError
    (NotAList, r"^Invalid value assigned: .* is not a\s+ListConfig"),
    (NullRefused, r"^field '.*' is not Optional|^Incompatible value 'None' for field of type"),
)
# These may stand within others: `KeyError raised while resolving interpolation: …`.
_INTERPOLATIONS = _sentences(
    (UnsetVariable, r"Environment variable '(?P<name>[^']*)' not found"),
    (UnknownResolver, r"Unsupported interpolation type (?P<name>\S+)"),
    (NoSuchTarget, r"Interpolation key '\.*(?P<key>[^']+)' not found"),  # with the dots from omegaconf 2.4 on
    (NoSuchTarget, r"Error trying to access (?P<key>[\w.]+): node `[^`]*` is not a container"),
    (RefersToMissing, r"MissingMandatoryValue\b"),
    (RefersToItself, r"Recursive interpolation"),
    (TooLong, r"maximum recursion depth|it comes to (?:more (?:references|values)|a text of)"),
    (NeedsARun, r"HydraConfig was not set"),
)
# Hydra's sentences about a defaults list; 1.4 begins more of them with the config that has the list.
_LISTS = _sentences(
    (NotFound, r"^Could not (?:find|load) '(?P<config>[^']+)'"),
    (NotChosen, r"^You must specify '(?P<group>[^']+)'"),
    (AddedTwice, r"^(?P<group>\S+) appears more than once in the final defaults list"),
    (ChosenTwice, r"^Multiple values for (?P<group>\S+)\. "),
    (NotOverridable, r"^Could not override '(?P<group>[^']+)'\."),
    (UnresolvedOption, r"^Error resolving interpolation '(?P<written>[^']+)'"),
    (NotOverridable, r"^Invalid Defaults List override '/?(?P<group>[^\s:]+): "),
    (OverrideTooEarly, r"^(?:In [^:]*: )?Override '[^']*' is defined before '(?P<group>[^':]+): "),
    (NoHeader, r"^(?:Too many components in|Expected header format: KEY VALUE, got) '(?P<comment>[^']*)'"),
    (UnknownKeyword, r"^In .*: Unsupported keyword '(?P<keyword>[^']+)' in defaults list"),
)
_MEANT = compiled(r"\nDid you mean to override (?:one of )?(?P<key>[^,?]+)")
_IN = compiled(r"In '?(?P<config>(?<=')[^']+|[\w./\-]+)'?: ")
_MERGING = compiled(r"(?P<kind>\w+) raised while composing config:\n")
_WITH_SCHEMA = compiled(r"Error merging '(?P<config>[^']+)' with schema\n")
_KIND = compiled(r"(?P<kind>[A-Za-z]\w*): ")
# What the command line sets is refused in a line of Hydra's own; below it stands OmegaConf's error.
_OVERRIDING = compiled(r"(?:Error merging override|Could not override) [^\n]*\n(?:To append to your config [^\n]*\n)?")

# The lines that OmegaConf adds to its words.
_FOOTER = compiled(r"\n +(?:full_key: |object_type=|reference_type=)")


@dataclass(frozen=True)
class Failure:
    """Why an experiment does not compose: what is refused, and where."""

    refusal: Refusal
    config: str | None = None  # whose content or defaults list it is about, such as `exp/001`
    key: str | None = None  # the whole key, such as `exp.learning_rte`
    owner: str | None = None  # the class that has the key, or lacks it
    merging: bool = False  # whether the content of `config` was being merged
    path: Path | None = field(default=None, compare=False)  # its file, where that was found out (`mistakes.follow`)
    steps: Steps = field(default=(), compare=False)  # and the place in it

    @classmethod
    def parse(cls, message: str) -> Failure:
        """Take apart what Hydra prints, or `Kind: words` of an error that it does not word anew."""
        schema = _WITH_SCHEMA.match(message)
        if schema is not None:
            kind = _KIND.match(message, schema.end())
            failure = cls.of_merging(message[(kind or schema).end() :], kind["kind"] if kind else "", schema["config"])
            group, slash, _ = schema["config"].partition("/")
            return replace(failure, key=f"{group}.{failure.key}") if slash and failure.key else failure
        within = _IN.match(message)
        rest = message[within.end() :] if within else message
        merging = _MERGING.match(rest)
        overriding = _OVERRIDING.match(rest)
        below = rest[overriding.end() :] if overriding else rest
        bare = _KIND.match(below)
        if merging is not None and within is not None:
            return cls.of_merging(rest[merging.end() :], merging["kind"], within["config"])
        if bare is not None:
            refusal = _first(_LISTS, below[bare.end() :]) or of_omegaconf(below[bare.end() :], bare["kind"])
        else:
            refusal = _first(_LISTS, _line(rest)) or of_omegaconf(rest)
        if isinstance(refusal, Other) or bare is None:
            refusal = replace(refusal, words=_line(message))
        if isinstance(refusal, NotOverridable) and (meant := _MEANT.search(message)):
            refusal = replace(refusal, instead=meant["key"])
        return cls(refusal, within["config"] if within else None, *_about(message))

    @classmethod
    def of_merging(cls, message: str, kind: str, config: str) -> Failure:
        """An error of OmegaConf's, `kind` being its class, while the content of `config` was being merged."""
        return cls(of_omegaconf(message, kind), config, *_about(message), merging=True)

    @property
    def named_steps(self) -> Steps:
        """The steps of `key`."""
        return nodes.split(self.key or "")


def of_omegaconf(message: str, kind: str = "") -> Refusal:
    """What an error of OmegaConf's says; `kind` is the name of its class."""
    line = _line(_FOOTER.split(message, maxsplit=1)[0].replace("\n", " "))
    return _first(_KEYS_AND_VALUES, line) or _first(_INTERPOLATIONS, line) or _KINDS.get(kind, Other)(line)


def _first(sentences: _Sentences, line: str) -> Refusal | None:
    for refusal, pattern in sentences:
        found = pattern.search(line)
        if found:
            return refusal(line, **found.groupdict())
    return None


def _line(message: str) -> str:
    """The first line of a message, without the value that OmegaConf may add, as that may be long."""
    lines = [line.strip() for line in message.split("\n") if line.strip()]  # a value may have line ends of other kinds
    return lines[0].split(". value: ")[0] if lines else message


def _about(message: str) -> tuple[str | None, str | None]:
    """The whole key, and the class that has it or lacks it, from the lines that OmegaConf adds to its words."""
    key = re.search(r"^ +full_key: (.*)$", message, re.MULTILINE)
    owner = re.search(r"^ +(?:object|reference)_type=(.*)$", message, re.MULTILINE)
    return key[1].strip() if key else None, owner[1].strip() if owner else None
