"""Names that carry a number (`001-baseline`, `exp005_aug`, `001_lgb`) and the habit that a row of such names shows."""

from __future__ import annotations

import functools
import keyword
import re
from collections import Counter
from collections.abc import Iterable

from experiment_setup.light import compiled, dataclass

# Letters before a number count as a numbering scheme only if they say so: `resnet50_aug` is not number 50.
_NUMBERED = compiled(
    r"(?P<prefix>(?:exp|experiment|ex|e|v|ver|run|trial)[-_]?)?(?P<digits>\d{1,6})(?:(?P<separator>[-_.])(?P<slug>.+))?",
    re.IGNORECASE,
)

# Hydra reads a bare option as a value first: `exp=100` is an int, `exp=1e5` a float, `exp=null` nothing (facts: names).
_NOT_A_STRING = compiled(
    r"[+-]?(?:0|[1-9][\d_]*|(?:\d[\d_]*\.[\d_]*|\.\d[\d_]*|\d[\d_]*)(?:e[+-]?\d+)?|inf|nan)|null|true|false",
    re.IGNORECASE,
)
_LEADING_ZERO = compiled(r"0[\d_]+")
_DIGITS = compiled(r"[0-9]{1,18}")  # `str.isdigit` takes more than `int` reads, such as a raised 2
_NOT_SETS = {"base", "default"}  # what other sets start from; it says nothing about how sets are named

_PLAIN_OPTION = compiled(r"[A-Za-z0-9_./+@%:\-]+(?: +[A-Za-z0-9_./+@%:\-]+)*")


@dataclass(frozen=True)
class Numbered:
    """A name taken apart, such as `exp005_aug`: prefix `exp`, number 5, width 3, separator `_`, slug `aug`."""

    prefix: str
    number: int
    width: int
    separator: str
    slug: str

    def __str__(self) -> str:
        tail = f"{self.separator}{self.slug}" if self.slug else ""
        return f"{self.prefix}{self.number:0{self.width}d}{tail}"


def parse(name: str) -> Numbered | None:
    """Take a numbered name apart; None for plain words."""
    match = _NUMBERED.fullmatch(name)
    if not match:
        return None
    digits = match["digits"]
    return Numbered(match["prefix"] or "", int(digits), len(digits), match["separator"] or "", match["slug"] or "")


def integer(digits: str) -> int | None:
    """The number that digits write; None for other texts, and for more digits than any number here has."""
    return int(digits) if _DIGITS.fullmatch(digits) else None


@dataclass(frozen=True)
class Habit:
    """How the names of one folder are built, and the highest number among them."""

    prefix: str = ""
    width: int = 3
    separator: str = "-"
    first: int = 1
    highest: int | None = None
    slugs: bool = True  # do numbered names here carry words as well?

    def name(self, number: int, slug: str = "") -> str:
        """The name that carries `number` in this habit."""
        return str(Numbered(self.prefix, number, self.width, self.separator, slug))

    @property
    def next_number(self) -> int:
        """One above the highest number there is; gaps stay gaps."""
        return self.first if self.highest is None else self.highest + 1


def habit_of(names: Iterable[str]) -> Habit | None:
    """The habit of the numbered ones among `names` (that of the majority; ties go to the highest number), or None."""
    numbered = sorted((n for n in map(parse, names) if n), key=lambda n: n.number)
    if not numbered:
        return None

    def majority(values: Iterable[str]) -> str:
        counts = Counter(values)
        return max(reversed(list(counts)), key=lambda value: counts[value])

    prefix = majority(n.prefix for n in numbered)
    same = [n for n in numbered if n.prefix == prefix]
    separators = [n.separator for n in same if n.separator]
    return Habit(
        prefix=prefix,
        width=same[-1].width if len({n.width for n in same}) == 1 else max(n.width for n in same),
        separator=majority(separators) if separators else ("_" if prefix else "-"),
        first=0 if same[0].number == 0 else 1,
        highest=numbered[-1].number,
        slugs=bool(separators),
    )


def is_bare_number(name: str) -> bool:
    """Whether the name has a number and no words: `002`, `exp002`."""
    parsed = parse(name)
    return parsed is not None and not parsed.slug


def is_string_on_the_command_line(option: str) -> bool:
    """Whether Hydra takes the bare word `exp=OPTION` as the name of an option (not as a number, null, …)."""
    if _LEADING_ZERO.fullmatch(option):
        return True
    return not _NOT_A_STRING.fullmatch(option)


def override(group: str, option: str) -> str:
    """`group=option` as Hydra's grammar needs it: quoted inside where the bare word would not be this option's name."""
    if _PLAIN_OPTION.fullmatch(option) and is_string_on_the_command_line(option):
        return f"{group}={option}"
    escaped = option.replace("\\", "\\\\").replace("'", "\\'")
    return f"{group}='{escaped}'"


def slug(text: str, limit: int = 60) -> str:
    """`text` as a part of a file name that needs no quotes in a shell or in Hydra: ASCII letters, digits, `_ . -`."""
    words = re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-._")
    return words[:limit].rstrip("-._")


_COPY = compiled(
    r"(?P<stem>.+?)(?: - Copy| copy| \(\d+\)|[-_ ](?:copy|backup|bak|old|orig)|\.(?:bak|old|orig)|~)(?: ?\d+)?", re.I
)


def copied(name: str) -> str | None:
    """What a file manager or an editor made `001 copy`, `001_old` or `001~` from; None for other names."""
    found = _COPY.fullmatch(name)
    return found["stem"].rstrip() if found else None


def importable(name: str, like: str) -> str:
    """`name` as Python can import it, built as `like` is: `exp002_larger` for `002-larger`, like `exp001_base`."""
    own, other = parse(name), parse(like)
    if own and other and other.prefix:
        name = str(Numbered(other.prefix, own.number, other.width, "_", own.slug))
    words = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "experiment"
    return words if words.isidentifier() and not keyword.iskeyword(words) else f"exp_{words}"


def free(name: str, taken: Iterable[str]) -> str:
    """`name`, or `name-2`, `name-3`, … where it is taken, whatever the case of its letters."""
    used = {other.lower() for other in taken}
    count, result = 1, name
    while result.lower() in used:
        count += 1
        result = f"{name}-{count}"
    return result


class Names:
    """Gives out the next free names in the habit of those that exist, or of those that a copy is made from (`like`)."""

    def __init__(self, existing: Iterable[str], like: Iterable[str] | None = None) -> None:
        self._taken = set(existing)
        shown = self._taken if like is None else set(like)
        habit = habit_of(shown)
        self.are_words = habit is None and bool(shown - _NOT_SETS)  # words only where no file has a number
        self._habit = habit or Habit(slugs=False)
        numbers = [numbered.number for numbered in map(parse, self._taken) if numbered]
        self._next = max(numbers) + 1 if numbers else self._habit.first

    def take(self, slug: str, *, always: bool = False) -> str:
        """A free name: `002`, `exp002_lr-1e-5` or `lr-1e-5`, as is usual here; with `always`, never without `slug`."""
        if self.are_words:
            name, count = slug, 2
            while name in self._taken or not is_string_on_the_command_line(name):
                name, count = f"{slug}-{count}", count + 1
        else:
            name = self._habit.name(self._next, slug if self._habit.slugs or always else "")
            if not is_string_on_the_command_line(name):  # from 100 on: `exp=100` is an int to Hydra
                name = self._habit.name(self._next, slug)
            self._next += 1
        self._taken.add(name)
        return name


_OUTPUT = compiled(
    r"(?:^|_)(?:outputs?|out|saves?|saved|results?|checkpoints?|ckpts?|artifacts?|logs?)(?:_\w+)?_(?:dir|path|folder|root)$"
)
_INPUT = compiled(r"^(?:input|pretrained|resume|load|init|base|from)_|ckpt_path$|checkpoint_path$")


@functools.lru_cache(maxsize=4096)  # asked about each name that code assigns
def is_output_folder(name: str) -> bool:
    """Whether a field of this name says where results go: `output_dir`, `save_to`, `log_path`; not `init_log_dir`."""
    named = _OUTPUT.search(name) or name in ("out", "output", "outputs", "results", "checkpoints", "save_to")
    return bool(named) and not _INPUT.search(name)
