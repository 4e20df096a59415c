"""`key=value` words against a composed config: keys it does not have, values its types refuse, what is set already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from experiment_setup import command_line, naming, nodes
from experiment_setup.errors import CommandError
from experiment_setup.light import dataclass
from experiment_setup.location import did_you_mean
from experiment_setup.reading import overrides
from experiment_setup.reading.overrides import Assignment
from experiment_setup.reading.source import scalar
from experiment_setup.schema import ConfigClass
from experiment_setup.writing import node_values
from experiment_setup.writing.node_values import Setting

_REFUSALS = (OmegaConfBaseException, ValueError, TypeError, AssertionError, OverflowError)
_MOST_NAMES = 20  # keys that a message lists
_SCALARS = (int, float, bool, str)


@dataclass(frozen=True)
class WrongKey:
    """A key that is not there: what to say of it, and the word of the command line that was meant, if one was.

    `group` is the group of the config that has the key instead, `word` is then what sets it there. `available` are the
    keys that there are. `is_new` says that nothing like it is there, and that a field of the dataclass could be added.
    """

    assignment: Assignment
    message: str
    help: str
    word: str | None = None
    group: str | None = None
    available: str = ""
    is_new: bool = False


class WrongKeys(CommandError):
    """Keys that are not there, all of one command. `command` is the one in which they are right, where it is known."""

    def __init__(self, wrong: Sequence[WrongKey], command: str | None = None, help: str | None = None) -> None:  # noqa: A002
        self.wrong = wrong
        here = [key for key in wrong if key.group is None]
        self.known = all(key.word for key in wrong)
        unknown = next((key for key in here if key.word is None), None)
        if help is None and unknown is not None:
            help = unknown.help  # noqa: A001
        elif help is None:
            help = f"did you mean {' '.join(str(key.word) for key in here)}?" if here else wrong[0].help  # noqa: A001
        if command is None and self.known and len(here) == len(wrong):
            command = command_line.corrected(self.instead)
        messages: dict[str, str] = {}
        for key in wrong:  # the keys that there are, once
            messages[key.available] = (
                f"{messages[key.available]}, {key.message}" if key.available in messages else key.message
            )
        said = (f"{message}; it has: {keys}" if keys else message for keys, message in messages.items())
        super().__init__("; ".join(said), help, command)

    @property
    def instead(self) -> dict[str, list[str]]:
        """{word of the command line: the words in its place}; those of other groups are left out."""
        return {
            key.assignment.word: [key.word] if key.word and key.group is None else [] for key in self.wrong
        }  # fmt: skip

    @property
    def new(self) -> list[str]:
        """The words that set what could be a new field."""
        return [_bare(key.assignment) for key in self.wrong if key.is_new]

    def can_be_mended(self, other: str) -> bool:
        """Whether each key has a better word here or in the group `other`, or could be a new field."""
        return all(key.group in (None, other) and (key.word or key.is_new) for key in self.wrong)

    def words_for(self, group: str) -> list[str]:
        """The words that set what belongs to another group, as they are written there."""
        return [key.word for key in self.wrong if key.group == group and key.word]


@dataclass(frozen=True)
class Keys:
    """The keys of one node of a composed config, and how their values are read."""

    config: DictConfig
    group: str  # the config group whose values lie there; "" for the root
    name: str  # what a message calls it: `ExpConfig`, or `exp=base`
    others: Mapping[str, Any]  # the other nodes of the root
    declared: ConfigClass | None  # the class of `config`, where there is one

    def inner(self, key: str) -> str:
        """The key as it is written in a file of the group."""
        return key.removeprefix(f"{self.group}.") if self.group else key

    def settings(self, point: Sequence[Assignment]) -> tuple[dict[str, Setting], dict[str, Any]]:
        """What differs from the config, and what it says already; both by dotted key.

        Raises WrongKeys, and CommandError for a value that the type of its field refuses.
        """
        self.check(point)
        differing: dict[str, Setting] = {}
        the_same: dict[str, Any] = {}
        for assignment in point:
            key = self.inner(assignment.key)
            value = self._typed(key, assignment)
            if node_values.has_value(self.config, key, value):
                the_same[key] = value
            else:
                differing[key] = Setting(value, None if assignment.quoted else assignment.written)
        return differing, the_same

    def check(self, point: Sequence[Assignment]) -> None:
        """Raise WrongKeys for the keys that are not there."""
        wrong = [found for found in (self._wrong(assignment) for assignment in point) if found]
        if wrong:
            raise WrongKeys(wrong)

    def _wrong(self, assignment: Assignment) -> WrongKey | None:
        key = self.inner(assignment.key)
        if not key or "" in key.split("."):
            return WrongKey(assignment, f"{assignment.word!r} has an empty key", "write KEY=VALUE")
        if "/" in key or "@" in key:
            return WrongKey(
                assignment, f"{assignment.word!r} chooses an option of a config group, it sets no value", "give keys"
            )
        if self.group and assignment.key == self.group:
            return WrongKey(
                assignment,
                f"{assignment.word!r} chooses a parameter set, it sets no value",
                f"to build on that set: --from {assignment.written}, and what differs",
            )
        node: Any = self.config
        walked: list[str] = []
        for part in key.split("."):
            prefix = ".".join(walked)
            if not nodes.is_mapping(node):
                return WrongKey(
                    assignment,
                    f"{key}: {prefix} has no keys, it is {node_values.plain(node)!r}",
                    f"set it as a whole: {prefix}={{{part}:VALUE}}",
                )
            if nodes.child(node, part) is None:
                if walked and not nodes.is_structured(node) and nodes.is_structured(self.config):
                    return None  # a dict[str, X] field takes any key
                is_beside = nodes.top(assignment.key) == part and nodes.is_mapping(self.others.get(part))
                if assignment.sign and not nodes.is_structured(node) and (walked or not is_beside):
                    return None
                other = None if walked else self._elsewhere(assignment)
                return other or self._unknown(assignment, part, node, walked)
            node = nodes.child(node, part)
            walked.append(part)
        if assignment.sign == "+":  # Hydra refuses that as well
            return WrongKey(
                assignment,
                f"{key} is there already ({node_values.plain(node)!r}), and + is for a new key",
                "leave out the +",
                _bare(assignment),
            )
        return None

    def _elsewhere(self, assignment: Assignment) -> WrongKey | None:
        for other, content in self.others.items():
            if assignment.key == other and not isinstance(content, DictConfig):
                return WrongKey(
                    assignment,
                    f"{other} stands beside {self.group} ({node_values.plain(content)!r}): "
                    f"a file of {self.group}/ sets nothing there",
                    f"give it to the run, behind {self.group}=SET: {_bare(assignment)}",
                )
            key = assignment.key.removeprefix(f"{other}.")
            if nodes.top(assignment.key) == other and isinstance(content, DictConfig) and nodes.top(key) not in content:
                script = " (add_env.py EXPERIMENT NAME KEY=VALUE)" if other == "env" else ""
                return WrongKey(
                    assignment,
                    f"{other} has no key {nodes.top(key)!r}"
                    if key != other
                    else f"{other} stands beside {self.group}: a file of {self.group}/ sets nothing there",
                    f"name its values one by one, in a file of {other}/{script}",
                    available=", ".join(list(map(str, content))[:_MOST_NAMES]),
                )
            if isinstance(content, DictConfig) and nodes.top(key) in content:
                words = f"{key} belongs to the group {other!r}, not to {self.group!r}"
                if (other, self.group) == ("env", "exp"):
                    words = f"{key} belongs to the environment (env), not to a parameter set"
                elif (other, self.group) == ("exp", "env"):
                    words = f"{key} is a parameter of the experiment (exp), not of the machine"
                return WrongKey(
                    assignment, words, f"edit a file in {other}/", f"{key}={_value_of(assignment)}", group=other
                )
        return None

    def _unknown(self, assignment: Assignment, part: str, node: DictConfig, walked: Sequence[str]) -> WrongKey:
        names = [str(name) for name in node]
        prefix = "".join(f"{step}." for step in walked)
        guess = did_you_mean(part, names)
        rest = self.inner(assignment.key).removeprefix(prefix + part)
        meant = f"{prefix}{guess}{rest}" if guess else None
        deeper = [] if guess or walked else list(node_values.nested_keys(self.config, part))
        if len(deeper) == 1:
            meant = f"{deeper[0]}{rest}"
        if deeper[1:]:
            advice = f"did you mean one of {', '.join(deeper[:_MOST_NAMES])}?"
        elif nodes.is_structured(node):
            advice = f"a new parameter is a new field of the dataclass{self._place}, with its default"
        else:
            advice = f"to add a key that nothing has so far, write +{_bare(assignment)}"
        kind = OmegaConf.get_type(node)
        where = kind.__name__ if kind not in (dict, None) else self.name
        listed = ", ".join(prefix + name for name in names[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        return WrongKey(
            assignment,
            f"{where} has no key {prefix + part!r}",
            advice,
            f"{meant}={_value_of(assignment)}" if meant else None,
            available=f"{listed}{more}" or "none",
            is_new=meant is None and not walked and not rest and nodes.is_structured(self.config),
        )

    @property
    def _place(self) -> str:
        """Where the dataclass is, as a message says it."""
        at = self.declared.location if self.declared else None
        return f" at {at.path.name}:{at.line}" if at else ""

    def _typed(self, key: str, assignment: Assignment) -> Any:
        """The value as the field's type makes it. Numbers typed for a text stay as typed: `name=010` is "010"."""
        value: Any = assignment.value
        if node_values.is_text_field(self.config, key) and value is not None and not isinstance(value, str):
            value = assignment.written
        try:
            return self._put(key, value)
        except _REFUSALS as error:
            reason = str(error).splitlines()[0] if str(error) else repr(error)
            said = f"{assignment.key}={assignment.written}: " + reason.replace("field 'config.", "field '")
            taken = next((text for text in self._instead(key, assignment) if self._takes(key, text)), None)
            if taken is None:
                raise CommandError(said, self._expected(key)) from None
            word = f"{assignment.word.partition('=')[0]}={taken}"
            advice = "; ".join(filter(None, (self._expected(key), f"a value that it takes: {word}")))
            raise CommandError(said, advice, command_line.corrected({assignment.word: [word]})) from None

    def _put(self, key: str, value: Any) -> Any:
        """The value as the field's type makes it. Raises OmegaConf's errors, and ValueError for a list or dict among
        the elements of a list of scalars, which OmegaConf takes.
        """
        kind = nodes.element_type(found) if nodes.is_list(found := nodes.at(self.config, nodes.split(key))) else Any
        if kind in _SCALARS and isinstance(value, list):
            for item in value:
                if isinstance(item, (list, dict)):
                    raise ValueError(f"{_written(item)} is no {kind.__name__}")
        config = OmegaConf.create({"config": self.config})["config"]
        node_values.put(config, key, value)
        return node_values.plain(nodes.at(config, nodes.split(key)))

    def _takes(self, key: str, text: str) -> bool:
        try:
            self._put(key, overrides.parse([f"key={text}"])[0][0].value)
        except (*_REFUSALS, CommandError):
            return False
        return True

    def _instead(self, key: str, assignment: Assignment) -> Iterator[str]:
        """What could be meant instead of a value that a field refuses: a list of it or its first one, or what the field
        has now; then an example of its type."""
        value: Any = assignment.value
        node = nodes.at(self.config, nodes.split(key))
        if isinstance(value, list) and value:
            yield _written(value[0])
        elif value is not None and not isinstance(value, dict):
            yield f"[{assignment.written}]"
        now = node_values.plain(node)
        if nodes.is_there(node) and isinstance(now, (bool, int, float, str)):
            yield _written(now)
        elif isinstance(now, list) and not any(isinstance(item, (dict, list)) for item in now):
            yield f"[{','.join(map(_written, now))}]"
        kind = nodes.declared(node)
        if isinstance(kind, type) and issubclass(kind, Enum):
            yield from kind.__members__
        yield from ("1", "0.1", "true", "text", "[]", "{}")

    def _expected(self, key: str) -> str | None:
        field = self.declared.field(nodes.top(key)) if self.declared else None
        if field is None:
            return None
        place = f"{field.location.path.name}:{field.location.line}"
        return f"{field.name} is declared as {field.annotation} at {place}"


def _written(value: Any) -> str:
    return naming.override("", value).removeprefix("=") if isinstance(value, str) else scalar(value)


def _bare(assignment: Assignment) -> str:
    return assignment.word.removeprefix(assignment.sign)


def _value_of(assignment: Assignment) -> str:
    return assignment.word.split("=", 1)[1]
