"""What starts the main function from outside of its own module: another file of the project, or a declaration.

A module whose main function is not called in it does nothing as a script; but a console script may name the function,
and another file may import and call it: itself, or a function of its module that does (`def start(): main()`).
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from weakref import WeakKeyDictionary

from experiment_setup import files
from experiment_setup.code.modules import Module, Modules
from experiment_setup.code.source import SourceFile, UnreadableSource, read_source
from experiment_setup.code.tree import FUNCTIONS, Function, assigned_names, last_name, own_nodes, parameters
from experiment_setup.light import compiled
from experiment_setup.project import Project

_MOST_FILES = 2_000
_NOT_THE_PROJECT = frozenset("node_modules site-packages build dist".split())
_DECLARED_IN = ("pyproject.toml", "setup.cfg", "setup.py", "settings.ini")  # of packages made with nbdev
_SHELL = frozenset({".sh", ".toml"})
_SHELL_NAMES = frozenset({"makefile", "justfile", "dockerfile", "procfile", "pipfile"})
# What else tells a command: guides, notebooks, and what runs tasks and jobs.
_TELLING = frozenset({".md", ".rst", ".ipynb", ".yml", ".ini", ".json", ".sbatch", ".slurm", ".pbs", ".bat", ".ps1"})
_TELLING_NAMES = frozenset("meta.yaml recipe.yaml dvc.yaml taskfile.yaml".split())
_HIDDEN = frozenset({".github", ".circleci", ".vscode"})


def is_started_elsewhere(entry: Path, function: str, root: Path) -> bool:
    """Whether a console script, or a file of the project other than its tests, starts `function` of `entry`."""
    project = _Project(entry, function, root)
    if project.is_declared() or project.is_called(islice(_files(root), _MOST_FILES)):
        return True
    return project.is_told(islice(_files(root, telling=True), _MOST_FILES))


def is_console_script(entry: Path, function: str, root: Path) -> bool:
    """Whether a package declares a console script that starts `function` of `entry` without a config."""
    return _Project(entry, function, root, with_nothing=True).is_declared()


def is_composed_elsewhere(entry: Path, function: str, project: Project) -> bool:
    """Whether another file of the project calls `function` of `entry` without a config, so that Hydra composes one."""
    if project not in _around:
        _around[project] = _by_imported_word(project.root), {}
    importing, started = _around[project]
    name = entry.parent.name if entry.stem == "__init__" else entry.stem
    around = _Project(entry, function, project.root, with_nothing=True, started=started)
    return around.is_called(importing.get(name, []))


_Started = dict[Path, frozenset[tuple[str, str]]]  # by files, what they start
# Nearly each file has the word `main`, and few import the module; of two hundred called train.py, all are asked about.
_around: WeakKeyDictionary[Project, tuple[dict[str, list[Path]], _Started]] = WeakKeyDictionary()


def _by_imported_word(root: Path) -> dict[str, list[Path]]:
    """The files around, by the words of what they import."""
    found: dict[str, list[Path]] = {}
    for file in islice(_files(root), _MOST_FILES):
        text = files.read_or_empty(file)
        # From the start of the line, where `from module` stands; a pattern that begins there takes ten times longer.
        statements = (text[text.rfind("\n", 0, at.start()) + 1 : at.end()] for at in _IMPORTS.finditer(text))
        for word in {word for statement in statements for word in _WORDS.findall(statement)}:
            found.setdefault(word, []).append(file)
    return found


_IMPORTS = compiled(r"import[ \t]+(?:\([^)]*\)|[^\n]*)")
_WORDS = compiled(r"[A-Za-z_]\w*")


class _Project:
    """The files around an entry point, and the functions of it that start its main function (`with_nothing`: without
    a config, as `main()`). What files start is `started`, as far as that is known.
    """

    def __init__(
        self, entry: Path, function: str, root: Path, *, with_nothing: bool = False, started: _Started | None = None
    ) -> None:
        self._entry = entry
        self._root = root
        self._with_nothing = with_nothing
        self._started = {} if started is None else started
        self._functions = {function, *self._starting(function)}
        self._name = "|".join(map(re.escape, sorted(self._functions)))
        self._keys = {(os.path.realpath(entry), name) for name in self._functions}

    def is_declared(self) -> bool:
        """Whether `module:function` stands where packages declare their scripts."""
        folders = [folder for folder in self._entry.parents if folder.is_relative_to(self._root)]
        named = re.compile(rf"([A-Za-z_][\w.]*)\s*:\s*({self._name})\b")
        texts = (_without_comments(files.read_or_empty(folder / name)) for folder in folders for name in _DECLARED_IN)
        return any(self._is_in(found[1], found[2]) for text in texts for found in named.finditer(text))

    def is_called(self, among: Iterable[Path]) -> bool:
        """Whether another file calls one of the functions, or gives it to something that does."""
        for file in among:
            if file.suffix == ".py" or (file.suffix == "" and file.name.lower() not in _SHELL_NAMES):
                text = "" if file.samefile(self._entry) else files.read_or_empty(file)
                if any(name in text for name in self._functions) and self._calls(file):
                    return True
            elif self._is_in_command(files.read_or_empty(file)):
                return True
        return False

    def is_told(self, texts: Iterable[Path]) -> bool:
        """Whether a text has a command that calls one of the functions, or declares it as `module:function`."""
        named = re.compile(rf"([A-Za-z_][\w.]*):({self._name})\b")
        for text in map(files.read_or_empty, texts):
            if any(self._is_in(found[1], found[2]) for found in named.finditer(text)) or self._is_in_command(text):
                return True
        return False

    def _starting(self, function: str) -> set[str]:
        """The functions of the entry point that call its main function, or one of these."""
        source = _source(self._entry)
        if source is None:
            return set()
        others = [node for node in source.tree.body if isinstance(node, FUNCTIONS) and node.name != function]
        words = {id(node): source.segment(node) for node in others}
        found: set[str] = set()
        while True:  # few functions name what they would have to call, and only those are gone through
            wanted = {function, *found}
            naming = (node for node in others if node.name not in found and any(n in words[id(node)] for n in wanted))
            more = {node.name for node in naming if _called_names(node, self._with_nothing) & wanted}
            if not more:
                return found
            found |= more

    def _is_in_command(self, text: str) -> bool:
        """`python -c "from package.train import main; main()"`, `import package.train as t; t.main()`."""
        if not any(name in text for name in self._functions):
            return False
        near, name = r"\b[^()]{0,200}?\b", rf"({self._name})"
        taken = re.compile(rf"\bfrom\s+([\w.]+)\s+import\s+{name}{near}\2\s*\(")
        whole = re.compile(rf"\bimport\s+([\w.]+)(?:\s+as\s+(\w+))?{near}(?:\1|\2)\.{name}\s*\(")
        commands = _without_comments(text)
        found = [(one[1], one[2]) for one in taken.finditer(commands)]
        found += [(one[1], one[3]) for one in whole.finditer(commands)]
        return any(self._is_in(*one) for one in found)

    def _is_imported_by_name(self, source: SourceFile) -> bool:
        """`importlib.import_module("package.train").main()`, whatever lies between."""
        calls = (c for c in source.nodes(ast.Call) if last_name(c.func) in ("import_module", "__import__") and c.args)
        modules = {c.args[0].value for c in calls if isinstance(c.args[0], ast.Constant)}
        named = {node.attr for node in source.nodes(ast.Attribute)} if modules else set()
        return any(self._is_in(str(module), name) for module in modules for name in self._functions & named)

    def _is_in(self, module: str, name: str) -> bool:
        """Whether a module has the function of that name, of its own or imported."""
        modules = Modules(self._root / "__main__.py", self._root)
        found = modules.find(module, [name])
        return found is not None and not self._keys.isdisjoint(_meant(modules, found, ast.Name(name)))

    def _calls(self, file: Path) -> bool:
        if file not in self._started:
            self._started[file] = frozenset(self._starts(file))
        if not self._started[file].isdisjoint(self._keys):
            return True
        source = None if self._with_nothing else _source(file)
        if source is None:
            return False
        commands = (value for call in source.nodes(ast.Call) for value in _texts_given(call))
        return self._is_imported_by_name(source) or any(map(self._is_in_command, commands))

    def _starts(self, file: Path) -> Iterator[tuple[str, str]]:
        """What a file starts, or gives to something that may: the module and the name of each function."""
        source = _source(file)
        if source is None:
            return
        package = ".".join(file.parent.relative_to(self._root).parts)
        module, modules = Module(file.stem, source, package), Modules(file, self._root)
        started = [value for call in source.nodes(ast.Call) for value in _started(call, self._with_nothing)]
        if not self._with_nothing:
            started += [value for table in source.nodes(ast.Dict) for value in table.values]
        for value in started:
            yield from _meant(modules, module, value)


def _meant(modules: Modules, module: Module, node: ast.expr) -> Iterator[tuple[str, str]]:
    """The file and the name of the function or class that an expression stands for."""
    inside = modules.imported(module, node.id) if isinstance(node, ast.Name) else None
    for defined in filter(None, (modules.defined(module, node), inside)):
        yield os.path.realpath(defined.key[0]), defined.key[1]


def _without_comments(text: str) -> str:
    """A text without its lines that are comments."""
    return _COMMENTS.sub("", text)


_COMMENTS = compiled(r"^[ \t]*#.*", re.MULTILINE)


def _source(file: Path) -> SourceFile | None:
    try:
        return read_source(file)
    except UnreadableSource:
        return None


def _started(call: ast.Call, with_nothing: bool) -> list[ast.expr]:
    """What a call starts, or gives to something that may (`with_nothing`: what it starts without an argument)."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return [] if with_nothing and given else [_called(call.func), *given]


def _called(function: ast.expr) -> ast.expr:
    """What is called: of `getattr(train, "main")()` it is `train.main`."""
    if isinstance(function, ast.Call) and last_name(function.func) == "getattr" and len(function.args) == 2:
        of, name = function.args
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            return ast.Attribute(of, name.value)
    return function


def _texts_given(call: ast.Call) -> Iterator[str]:
    """The texts in the arguments of a call, with those in a list: `run(["python", "-c", "…"])`."""
    for given in (*call.args, *(keyword.value for keyword in call.keywords)):
        parts = given.elts if isinstance(given, (ast.List, ast.Tuple)) else [given]
        yield from (p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str))


def _called_names(function: Function, with_nothing: bool) -> set[str]:
    """The names from around it that a function calls."""
    calls = (known for known in own_nodes(function.body) if isinstance(known, ast.Call))
    started = (value for call in calls for value in _started(call, with_nothing))
    names = {value.id for value in started if isinstance(value, ast.Name)}
    return names - {parameter.arg for parameter in parameters(function)} - assigned_names(function.body)


def _files(root: Path, *, telling: bool = False) -> Iterator[Path]:
    """The Python files and those with commands, or (`telling`) the texts that may name one; tests are not how an
    experiment is started.
    """
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if _is_of_project(folder, name) or (telling and name in _HIDDEN))
        for name in sorted(names):
            stem, dot, suffix = name.rpartition(".")
            if telling:
                if dot + suffix in _TELLING or name.lower() in _TELLING_NAMES:
                    yield Path(folder, name)
            elif dot + suffix == ".py":
                if not (name.startswith("test_") or stem.endswith("_test") or stem == "conftest"):
                    yield Path(folder, name)
            elif dot + suffix in _SHELL or name.lower() in _SHELL_NAMES or (not dot and _is_python(Path(folder, name))):
                yield Path(folder, name)


def _is_python(path: Path) -> bool:
    """Whether a file without a suffix is a script, by the interpreter that its first line names."""
    try:
        return re.match(rb"#!.*\bpython", files.beginning(path, 200)) is not None
    except OSError:
        return False


def _is_of_project(folder: str, name: str) -> bool:
    hidden = name.startswith((".", "__")) or name in _NOT_THE_PROJECT or name in ("test", "tests")
    return not hidden and not files.is_no_part(Path(folder, name))
