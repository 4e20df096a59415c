"""What an experiment needs before anything can be composed: an entry point, a config, readable files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import yaml

from experiment_setup import files, git
from experiment_setup.code.values import OF_ANOTHER_PYTHON
from experiment_setup.facts import guides, shadowed
from experiment_setup.facts.defaults_lists import one_letter_away
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.facts.own_files import is_everybodys_own
from experiment_setup.findings import Finding, Severity
from experiment_setup.light import compiled, dataclass
from experiment_setup.location import Location
from experiment_setup.project import SETS, right_path
from experiment_setup.reading.source import Document, SourceError
from experiment_setup.rules import phases
from experiment_setup.rules.base import rule
from experiment_setup.rules.phases import Phase
from experiment_setup.schema import HydraMain, Problem


@rule(
    "ES001",
    "no-entry-point",
    Severity.ERROR,
    "no file with @hydra.main composes this config",
    phase=Phase.FILES,
    bad={"train.py": None},
    good={},
    hydra="fails",
)
def no_entry_point(context: ExperimentContext) -> Iterator[Finding]:
    """An experiment is run through a Python file whose main function is decorated with `@hydra.main`.

    Without one, config.yaml and its parameter sets are dead text.
    """
    if context.experiment.entry is None:
        yield no_entry_point.finding(
            Location(context.experiment.config_file),
            f"{context.experiment.name} has a config but no Python file with @hydra.main",
            "add train.py (new_experiment.py --template shows one), or delete the folder",
            spoils=[phases.code()],
        )


@rule(
    "ES002",
    "config-not-found",
    Severity.ERROR,
    "the config that @hydra.main names does not exist",
    phase=Phase.FILES,
    bad={"config.yaml": None},
    good={},
    hydra="fails",
)
def config_not_found(context: ExperimentContext) -> Iterator[Finding]:
    """`config_path` is relative to the entry point's file and `config_name` needs no extension; it must be `.yaml`.

    What the code stores under that name is as good as a file, but the folder that `config_path` names has to be there.
    """
    main = context.schema.main
    file, name = context.experiment.config_file, context.experiment.config_name
    if main is not None and context.schema.registration(None, name) and _lacks_its_folder(context, main):
        yield config_not_found.finding(
            main.location,
            f"there is no folder {context.relative(file.parent)}, which Hydra looks into although {name!r} is stored",
            "write config_path=None, or make the folder",
        )
        return
    stored = [known.name for known in context.schema.registrations if known.group is None]
    if main is None or files.is_file(file) or name in stored or context.code.unread_registrations:
        return
    twin = file.with_suffix(".yml")
    beside = [path.stem for path in file.parent.glob("*.yaml")] if files.is_folder(file.parent) else []
    guess = next((known for known in (*stored, *beside) if one_letter_away(name, known)), None)
    if files.exists(twin):
        advice = f"rename {twin.name} to {file.name}"
    elif guess:
        advice = f'write config_name="{guess}"'
    elif (path := right_path(context.experiment, context.project.root)) is not None:
        advice = f'write config_path="{path}"'
    else:
        advice = f"make {file.name}, or mend config_path/config_name"
    # Without a folder it may come from --config-dir, and a library may be what stores it; beside other primary configs
    # each run may choose one of those, as far as no guide says otherwise.
    others = Severity.INFO if not isinstance(main.config_path, str) or beside else None
    if isinstance(main.config_path, str) and context.is_run_as_main_says and not is_everybodys_own(context, name):
        others = Severity.WARNING if beside else None
    yield config_not_found.finding(
        Location(twin) if files.exists(twin) else main.location,
        f"@hydra.main looks for {context.relative(file)}, which does not exist"
        + (f", and nothing is stored as {name!r}" if stored else ""),
        advice,
        severity=None if guess or files.exists(twin) or context.experiment.options(SETS) else others,
        spoils=[phases.file(file)],
    )


def _lacks_its_folder(context: ExperimentContext, main: HydraMain) -> bool:
    """Whether the folder that `config_path` names is not there, and no command of the guides names another one.

    Not one on another machine, of a package, or that git ignores: whoever runs it has it.
    """
    path, folder, root = main.config_path, context.experiment.config_dir, context.project.root
    is_elsewhere = isinstance(path, str) and Path(path).is_absolute() and not folder.is_relative_to(root)
    if not isinstance(path, str) or is_elsewhere or "://" in path or files.exists(folder):
        return False
    typed = context.commands
    replaced = bool(typed) and all(map(guides.names_a_folder, typed))
    return not replaced and not git.ignored_alone(root, root, [folder, context.experiment.config_file])


@rule(
    "ES004",
    "broken-dataclass",
    Severity.ERROR,
    "the entry point fails before Hydra composes anything",
    phase=Phase.FILES,
    bad={"train.py": [("field(default_factory=lambda: [0])", "[0]")]},
    good={},
    hydra="fails",
)
def broken_dataclass(context: ExperimentContext) -> Iterator[Finding]:
    """Dataclasses that Python or OmegaConf refuses: mutable defaults, types that no config holds, wrong defaults.

    So does a module beside the entry point with the name of one that Hydra imports, as Python finds that one first.
    One that git ignores and that installing the project writes is a note.
    """
    hiding = list(shadowed.found(context))
    for path, name, word in hiding:
        yield broken_dataclass.finding(
            Location(path),
            f"Python finds this in the place of {name}, as it lies beside {context.schema.entry.name}: Hydra fails, "
            f"which needs {word} from there",
            "give it another name",
            spoils=[phases.code()],
        )
    if hiding:
        return  # what else is missing is missing in these
    missing: dict[str, dict[Location, Problem]] = {}
    words: dict[tuple[str, Location], str] = {}
    for problem in context.schema.problems:
        # What is missing is one mistake, however often it is used, and so is what a file has wrong in the same words; a
        # module may go by two names.
        here = words.setdefault((problem.code, problem.location), f"{problem.message} {problem.location.path}")
        what = _missing(problem.message) or f"{problem.code} {here}"
        missing.setdefault(what, {}).setdefault(problem.location, problem)
    for places in missing.values():
        in_order = sorted(places.values(), key=lambda problem: problem.message.startswith("ImportError"))
        fatal = next((problem for problem in in_order if problem.fatal), None)
        if fatal is not None:
            others = [place for place in places if place != fatal.location]
            advice, severity = fatal.help, Severity.WARNING if fatal.code == OF_ANOTHER_PYTHON else None
            for path, ignored in _ignored_module(context, fatal):
                advice = f"git ignores it ({ignored}): if it is there for you, take that out, or git add -f"
                if (setup := _setup_that_writes(context, path)) is not None:
                    advice, severity = f"{context.relative(setup)} writes it: install the project first", Severity.INFO
            found = broken_dataclass.finding(
                fatal.location,
                fatal.message,
                advice,
                severity=severity,
                spoils=[phases.code()],
            )
            yield found.at([fatal.location, *others])
    unread = [problem for problem in context.schema.problems if problem.code == "not-read" and not problem.fatal]
    for problem in unread[:1]:
        more = f" (nor from {len(unread) - 1} more modules)" if unread[1:] else ""
        yield broken_dataclass.finding(
            problem.location, f"{problem.message}{more}", problem.help, severity=Severity.INFO
        )


def _ignored_module(context: ExperimentContext, problem: Problem) -> Iterator[tuple[Path, str]]:
    """A module that is not there and the rule by which git ignores it: `.gitignore:25:lib/`, meant for another."""
    found = re.match(r"ModuleNotFoundError: [^']*'([\w.]+)'", problem.message)
    if found is None:
        return
    root, steps = context.project.root, found[1].split(".")
    bases = dict.fromkeys((context.schema.entry.parent, root, root / "src"))
    paths = [
        path
        for base in bases
        for path in (base.joinpath(*steps, "__init__.py"), base.joinpath(*steps[:-1], f"{steps[-1]}.py"))
    ]
    yield from islice(git.ignored_alone(root, root, paths).items(), 1)


_WRITES = compiled(r"[\"'][wx]t?[\"']|\bwrite_(?:text|to)\b|\bversion[_-]file\b")


def _setup_that_writes(context: ExperimentContext, module: Path) -> Path | None:
    """The file for installing the project that makes a module, such as one of its version: who has installed it has
    that. One that only reads it (as one that executes version.py) needs it itself.
    """
    named = re.compile(rf"[\"'/]{re.escape(module.name)}[\"']")
    for setup in (context.project.root / name for name in ("setup.py", "pyproject.toml")):
        text = files.read_or_empty(setup)
        if named.search(text) and _WRITES.search(text):
            return setup
    return None


def _missing(message: str) -> str | None:
    """The name or the module that an error is about, however it is asked for: `import a.b` or `from a import b`."""
    imported = re.match(r"ImportError: cannot import name '(\w+)' from '([\w.]+)'$", message)
    if imported:
        return f"{imported[2]}.{imported[1]}"
    named = re.match(r"(?:NameError|ModuleNotFoundError): [^']*'([\w.]+)'", message)
    return named[1] if named else None


@rule(
    "ES003",
    "unreadable-yaml",
    Severity.ERROR,
    "the file is not YAML that Hydra reads",
    phase=Phase.FILES,
    bad={"exp/001.yaml": "defaults:\n  - default@_here_\n\nlearning_rate:1e-3\nseed: 1\n"},
    good={"exp/001.yaml": "defaults:\n  - default@_here_\n\nlearning_rate: 1e-3\nseed: 1\n"},
    hydra="fails",
)
def unreadable_yaml(context: ExperimentContext) -> Iterator[Finding]:
    """Syntax errors, duplicate keys, tabs and encodings other than UTF-8 end Hydra with a traceback.

    A warning in a file that no defaults list comes to, where Hydra reads as many of its folder: else they may be data,
    or templates of configs. A tag is no slip either.
    """
    for document in context.options.unreadable:
        yield _unreadable(document)
    for left in context.options.left_out:
        documents = [context.composer.document(path) for path in left.options.values()]
        broken = [one for one in documents if one.error is not None]
        sound = sum(one.error is None and isinstance(one.data, dict) for one in documents)
        if len(broken) <= sound:
            slips = (one for one in broken if one.error is not None and " tag " not in one.error.message)
            yield from (_unreadable(one, Severity.WARNING) for one in slips)


def _unreadable(document: Document, severity: Severity | None = None) -> Finding:
    assert document.error is not None
    said = _explain(document.error, document.text_or_empty)
    place = Location(document.path, said.line or document.error.location.line, said.column)
    spoils = [phases.file(document.path)]
    return unreadable_yaml.finding(place, said.message, said.advice, severity=severity, spoils=spoils)


@dataclass(frozen=True)
class _Said:
    column: int
    message: str
    advice: str
    line: int | None = None  # where that is not the line of the error


_WORD = r"[^\s:#'\"\[\]{},=]+"


_IN_THE_WAY = {  # characters that look like those that YAML needs
    "\t": ("a tab", "replace the tab by spaces"),
    "：": ("the colon is full-width", "type an ASCII colon and a space"),
    "\u3000": ("there is a full-width space", "type an ASCII space"),
    "\u00a0": ("there is a no-break space", "type an ASCII space"),
}


_NOT_TEXT = (
    "cannot start any token",
    "undefined alias",
    "constructor for the tag",
    "mapping keys are not",
    "node content",
)


def _explain(error: SourceError, text: str) -> _Said:
    """The error in terms of the line that it stands on: the column of the wrong character, and what to type."""
    lines = text.splitlines()
    at = error.location.line - 1
    line = lines[at] if 0 <= at < len(lines) else ""
    column, message = error.location.column, error.message
    rest = line[column - 1 :].split(" #")[0].strip()

    if "not UTF-8" in message:
        return _Said(column, message, "save it as UTF-8")
    if "duplicate key" in message:
        return _Said(column, message, "keep one of the two lines")
    if "a defaults list" in message:
        return _Said(column, message, "an option can choose others in turn, in the defaults list of its own file")
    if error.is_too_much:
        return _Said(column, message, "let the code read such data from a file of its own")
    if (opened := _quote_left_open(text, at)) is not None:
        return opened
    code = re.split(r"(?:^|\s)#", line, maxsplit=1)[0] if "\t" not in line else line
    odd = next((c for c in _IN_THE_WAY if c in code), None)
    if odd is not None:
        what, advice = _IN_THE_WAY[odd]
        said = message if odd == "\t" else f"{what}: {message}"
        return _Said(line.index(odd) + 1, said, advice)
    if "expected ':'" in message or "could not find" in message:
        return _no_colon(line, column, message)
    if "mapping values are not allowed" in message:
        return _second_colon(lines, at, column)
    if "another document" in message:
        advice = "remove the line `---`, or put what follows it into a file of its own"
        return _Said(column, "a second document begins here, and Hydra takes one in a file", advice)
    if "end of stream" in message:
        said = f"the quote {line[column - 1 : column]} is never closed"
        return _Said(column, said, "close it at the end of the text")
    if "expected alphabetic" in message and column > 1:  # a bare * or &
        return _Said(column - 1, message, f"if it is text, quote it: '{line[column - 2 : column - 1]}{rest}'")
    if any(words in message for words in _NOT_TEXT):
        return _Said(column, message, f"if it is text, quote it: '{rest}'")
    if message.startswith(_OF_AN_INTERPOLATION):
        return _interpolation(line, column, message)
    advice = next((advice for words, advice in _ADVICE.items() if words in message), _NO_ADVICE)
    return _Said(column, message, advice)


_QUICKLY_SCANNED = 50_000  # characters, which take PyYAML's own scanner some tenths of a second


def _quote_left_open(text: str, at: int) -> _Said | None:
    """The quote that begins on a line above the error and ends on its line, at the one that was to begin another text.

    Only what a parser refuses comes here, and a quoted text of several lines before that is rarely meant.
    """
    if len(text) > _QUICKLY_SCANNED:
        return None
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if token.start_mark.line > at:
                return None
            if not isinstance(token, yaml.ScalarToken) or not token.style or token.style not in "'\"":
                continue
            begins, ends = token.start_mark, token.end_mark
            if begins.line < at == ends.line:
                said = f"the quote {token.style} is not closed on its line: the text goes on to line {ends.line + 1}"
                return _Said(begins.column + 1, said, "close it at the end of the text", begins.line + 1)
    except (yaml.YAMLError, ValueError):
        pass
    return None


# Words of what the YAML parsers say, and what to do.
_ADVICE = {
    "sequence entries are not allowed": "write each entry on a line of its own below the key, with `- ` before it",
    "expected ',' or": "close the bracket, and put a comma between the elements",
    "of what its tag says": "write such a value, or take the tag out",
    "escape character": "use single quotes, in which a backslash is a backslash",
    "Incompatible key type": "a key is a word: quote it, or write another one",
    "expected <block end>": "begin the line in the column of its neighbours, and write nothing behind a quote",
    **dict.fromkeys(
        ("nested more than", "comes to more than", "an alias stands", "a number of more"),
        "keep data in a file that the code reads, and its path in the config",
    ),
}
_NO_ADVICE = "mend the syntax there; an editor with YAML support shows it too"
_OF_AN_INTERPOLATION = ("no viable alternative", "token recognition", "mismatched input", "extraneous input")


_LONGEST_KEY = 1024  # characters up to the colon, for PyYAML and in YAML itself: "simple key" of chapter 7.4


def _no_colon(line: str, column: int, message: str) -> _Said:
    key = line[: column - 1].lstrip(" ")
    if line[column - 1 : column] == ":" and len(key) > _LONGEST_KEY:
        said = f"a key ends within {_LONGEST_KEY:,} characters, this one has {len(key):,}"
        return _Said(column, said, "shorten it, or keep data in a file that the code reads, and its path in the config")
    glued = re.match(rf"\s*(?:- +)?({_WORD}):(?=\S)(.*)", line)
    if glued:
        return _Said(glued.end(1) + 1, message, f"a space belongs after the colon: {glued[1]}: {glued[2].strip()}")
    equals = re.match(rf"\s*({_WORD})\s*(=)\s*(.+)", line)
    if equals:
        return _Said(equals.start(2) + 1, message, f"a colon belongs there: {equals[1]}: {equals[3].strip()}")
    words = re.match(r"\s*([^\s:;#'\"\[\]{},=]+)([ ;]+)(.*)", line)
    if words and words[3]:
        return _Said(words.end(1) + 1, message, f"a colon belongs there: {words[1]}: {words[3].strip()}")
    return _Said(column, message, "a key needs a colon and a space after it: `key: value`")


def _second_colon(lines: list[str], at: int, column: int) -> _Said:
    line = lines[at]
    indent = len(line) - len(line.lstrip(" "))
    above = next((other for other in reversed(lines[:at]) if other.strip() and not other.lstrip().startswith("#")), "")
    key = re.match(r"\s*(?:- +)?[^\s:]+: +(?=[^\s#])", line)
    if key and key.end() < column:
        value = line[key.end() :].split(" #")[0].strip()
        return _Said(column, "a second `: ` stands in the line", f"quote the text: '{value}'")
    if above and indent > len(above) - len(above.lstrip(" ")):
        message = "the line is indented deeper than the one above, which has a value of its own"
        return _Said(indent + 1, message, "begin it in the same column as the line above")
    return _Said(column, "mapping values are not allowed here", "is the line above complete? `key: value`, `- entry`")


def _interpolation(line: str, column: int, message: str) -> _Said:
    at = line.find("${", column - 1)
    written = line[at:].split(" #")[0].strip() if at >= 0 else ""
    whole = re.match(r"\$\{\s*([\w.:]+)", written)
    advice = f"write ${{{whole[1]}}}" if whole else "write ${group.key}"
    bracketed = re.match(r"\$\{\s*([\w.]+)\s*:\s*([\w.]+\[[\w.\[\]]+)\s*([,}])", written)
    if bracketed:
        quote = '"' if "'${" in line else "'"
        advice = f"a key with brackets is quoted: ${{{bracketed[1]}:{quote}{bracketed[2]}{quote}{bracketed[3]}"
    said = f"{written} is no complete interpolation" if written else message
    return _Said(at + 1 if at >= 0 else column, said, f"{advice}, or \\${{ for the characters themselves")
