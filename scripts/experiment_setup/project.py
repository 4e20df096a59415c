"""Where things are: the project, its experiments, their entry points, config groups and options."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from experiment_setup import command_line, files, git, main_call, naming, processes
from experiment_setup.errors import CommandError, told
from experiment_setup.light import compiled, dataclass
from experiment_setup.listing import few_of_many
from experiment_setup.location import did_you_mean

_DEEPEST_OPTION = 3  # folders
EXPERIMENTS = "experiments"  # the folder a new project gets; others are understood
SETS = "exp"  # the config group of parameter sets
ENVIRONMENTS = "env"  # the config group of environments

_ENTRY_NAMES = ("train.py", "run.py", "main.py")  # where a folder has several entry points, the first of these
_DEFAULTS_KEY = compiled(rb"^defaults[ \t]*:", re.MULTILINE)
_KEY_OF_A_PRIMARY = compiled(rb"^(?:defaults|hydra)[ \t]*:", re.MULTILINE)
_PLAIN_ENTRY = compiled(rb"^[ \t]*-[ \t]*/?([\w.\-]+)[ \t]*$", re.MULTILINE)
_DIRS_ABOVE = 2
_MAX_DEPTH = 6  # a project's experiments lie near its root; a data set below may hold millions of files
_SKIPPED = frozenset(
    "__pycache__ node_modules site-packages wandb mlruns multirun outputs lightning_logs input".split()
)
_OF_OTHERS = frozenset("third_party third-party thirdparty 3rdparty vendor vendored".split())
_DATA = frozenset({"data", "datasets"})  # skipped where they have no code
_MOST_LOOKED_AT = 1_000  # entries of a folder of data
_MOST_FOLDERS = 100  # in one


@dataclass(frozen=True)
class Experiment:
    """A folder with an entry point and the config that it composes."""

    folder: Path
    entry: Path | None  # None: the folder looks like an experiment, but no file in it has @hydra.main
    config_dir: Path
    config_name: str
    closed: OSError | None = None  # why nothing in the folder could be read; what is known is its name

    @property
    def name(self) -> str:
        """The folder's name, such as `001-baseline`."""
        return self.folder.name

    @property
    def number(self) -> int | None:
        """The number in the folder's name, or None for plain words."""
        parsed = naming.parse(self.name)
        return parsed.number if parsed else None

    @cached_property
    def config_file(self) -> Path:
        """The primary config, whether or not it exists."""
        return self.config_dir / f"{self.config_name}.yaml"

    @property
    def has_config(self) -> bool:
        """Whether the primary config is a file."""
        return files.is_file(self.config_file)

    def group_dir(self, group: str) -> Path:
        """The folder that holds the options of a config group, whether or not it exists."""
        return self.config_dir / group

    def options(self, group: str) -> dict[str, Path]:
        """The options of `group` that are files, by name in sorted order.

        As in FileConfigSource.list, only `.yaml` files count, hidden ones too; nested groups do not.
        """
        folder = self.group_dir(group)
        if not files.is_folder(folder):
            return {}
        found = [entry for entry in os.scandir(folder) if entry.name.endswith(".yaml") and files.is_file(entry)]
        names = sorted(entry.name for entry in found if not entry.name.startswith("."))
        return {name.removesuffix(".yaml"): folder / name for name in names}

    def options_in_folders(self, group: str) -> dict[str, Path]:
        """Those, and those in folders of the group (`image/small`), which are chosen in the same way."""
        found = self.options(group)
        folder = self.group_dir(group)
        for path in files.in_folders(folder, _DEEPEST_OPTION - 1):
            if path.suffix == ".yaml":
                found[path.relative_to(folder).with_suffix("").as_posix()] = path
        return found


class Project:
    """A folder with experiments somewhere below it; they are looked for unless they are `known`."""

    def __init__(self, root: Path, known: Sequence[Experiment] | None = None) -> None:
        self.root = root
        self._scripts: dict[Path, list[Path]] = {}  # with @hydra.main, by their folder
        if root.is_absolute():  # else it stands for none
            processes.distrust(root)
        if known is not None:
            self.experiments = tuple(known)

    @classmethod
    def locate(cls, root: Path | None = None, words: Sequence[str | None] = ()) -> Project:
        """The project at `root`, else the one that is found from here.

        Where one of the words is a path that leads out of that one, it is the project that is found from there.
        Raises CommandError if `root` is given and is not a folder, and for all that is on a machine unless it is given.
        """
        if root is not None:
            if not root.is_dir():
                raise CommandError(f"--root {root} is not a folder", "name the folder that holds experiments/")
            return cls(root.resolve())
        found = _root_around(Path.cwd())
        outside = (path for word in words if word is not None and (path := _outside(found, word)) is not None)
        found = next(map(_root_around, outside), found)
        if _is_a_whole_machine(found):
            raise CommandError(
                f"{found} is the whole machine, in which no project was looked for",
                "name the folder that holds experiments/ with --root",
            )
        return cls(found)

    @cached_property
    def guides(self) -> dict[Path, dict[Path, str]]:
        """The texts that tell people what to type, by the folder that they lie in: those that were read (`guides`)."""
        return {}

    @cached_property
    def experiments(self) -> tuple[Experiment, ...]:
        """All experiments below the root, by path."""
        found = [entries[0] for _, entries in sorted(self._found.items())]
        used = {experiment.config_dir for experiment in found if experiment.entry}
        found = [experiment for experiment in found if experiment.entry or experiment.folder not in used]
        found += [one for one in self.closed if one.folder not in self.passed_over]
        return tuple(sorted(found, key=lambda experiment: experiment.folder))

    @cached_property
    def passed_over(self) -> list[Path]:
        """The folders that may not be looked into and are no experiments by their names and places."""
        refused = [one.folder for one in self.closed if isinstance(one.closed, PermissionError)]
        return [folder for folder in refused if not self._stands_among_experiments(folder)]

    @cached_property
    def closed(self) -> list[Experiment]:
        """Each folder that could not be looked into, but for those in others: it may be an experiment, or hold some."""
        _, known = self._search
        return [_closed(folder, error) for folder, error in known.items() if known.keys().isdisjoint(folder.parents)]

    def _stands_among_experiments(self, folder: Path) -> bool:
        """Whether a folder is called as an experiment would be here, or is the one that should hold them."""
        beside = [known.name for known in self._found if known.parent == folder.parent]
        usual = self.root / EXPERIMENTS
        if folder in (self.root, usual) or not (beside or folder.parent == usual):
            return folder in (self.root, usual)
        are_numbered = any(map(naming.parse, beside)) or not beside
        return naming.parse(folder.name) is not None if are_numbered else not naming.is_output_folder(folder.name)

    @cached_property
    def folders(self) -> dict[str, list[Path]]:
        """The folders of the experiments, by their names."""
        result: dict[str, list[Path]] = {}
        for experiment in self.experiments:
            result.setdefault(experiment.name, []).append(experiment.folder)
        return result

    @cached_property
    def _found(self) -> dict[Path, list[Experiment]]:
        """Each folder with an experiment, and what `_at` finds there."""
        return self._search[0]

    @cached_property
    def _search(self) -> tuple[dict[Path, list[Experiment]], dict[Path, OSError]]:
        """That, and the folders in which the search came no further."""
        closed: dict[Path, OSError] = {}
        return dict(_find(self.root, 0, closed)), closed

    @property
    def container(self) -> Path:
        """The folder that a new experiment goes into: experiments/, else the one with the most experiments."""
        usual = self.root / EXPERIMENTS
        if usual.is_dir() or not self.experiments:
            return usual
        parents = [experiment.folder.parent for experiment in self.experiments]
        return max(dict.fromkeys(parents), key=parents.count)

    def latest(self) -> Experiment | None:
        """The experiment with the highest number in the container; without numbers, the one changed last."""
        candidates = [e for e in self.experiments if e.folder.parent == self.container and e.entry]
        numbered = [e for e in candidates if e.number is not None]
        if numbered:
            return max(numbered, key=lambda e: (e.number or 0, e.name))
        changed = {e: e.config_file.stat().st_mtime if e.has_config else 0.0 for e in candidates}
        return max(candidates, key=lambda e: (changed[e], e.name), default=None)

    def other_entry_points(self, experiment: Experiment) -> list[Path]:
        """The other files with `@hydra.main` in the experiment's folder."""
        if experiment.entry is None:
            return []
        folder = experiment.folder
        if folder not in self._scripts:
            self._scripts[folder] = [path for path in sorted(folder.glob("*.py")) if main_call.named(path) is not None]
        return [script for script in self._scripts[folder] if script != experiment.entry]

    def further(self, experiment: Experiment) -> list[Experiment]:
        """The other entry points of the experiment's folder, each with the config that it composes."""
        folder = experiment.folder
        if experiment.closed is not None:
            return []
        found = self._found[folder] if folder in self._found else _at(folder)
        return [other for other in found if other.entry not in (None, experiment.entry)]

    @cached_property
    def with_further(self) -> list[Experiment]:
        """The experiments, each with its further entry points behind it."""
        return [one for known in self.experiments for one in (known, *self.further(known))]

    @cached_property
    def entries(self) -> frozenset[Path]:
        """All entry points."""
        return frozenset(itertools.chain.from_iterable(self._entries_of.values()))

    @cached_property
    def unread(self) -> dict[Path, Experiment | None]:
        """The other scripts with `@hydra.main`: with the config that they name, which is not there, or None where
        nothing tells which that is.
        """
        found: dict[Path, Experiment | None] = {}
        for script in entry_points(self.root):
            if script not in self.entries:
                try:
                    found[script] = without_config(script)
                except OSError:
                    found[script] = None
        return found

    def is_of_others(self, path: Path) -> bool:
        """Whether a file lies in a folder that is called as one with a copy of other people's code, or in a submodule
        from elsewhere: one whose address is told from this project's is its own.
        """
        if not path.is_relative_to(self.root):
            return False
        return not _OF_OTHERS.isdisjoint(path.relative_to(self.root).parts) or any(
            map(path.is_relative_to, self._submodules)
        )

    @cached_property
    def _submodules(self) -> Sequence[Path]:
        return [self.root / path for path, url in git.submodules(self.root) if path.strip("./") and url[:1] != "."]

    def entries_of(self, config_dir: Path) -> Sequence[Path]:
        """The entry points that compose from a config folder, in their order."""
        return self._entries_of.get(config_dir, ())

    @cached_property
    def _entries_of(self) -> dict[Path, Sequence[Path]]:
        found: dict[Path, set[Path]] = {}
        for one in self.with_further:
            if one.entry is not None:
                found.setdefault(one.config_dir, set()).add(one.entry)
        return {folder: sorted(entries) for folder, entries in found.items()}

    @cached_property
    def second_configs(self) -> list[Experiment]:
        """The configs that an entry point composes in other functions with `@hydra.main`, behind its first."""
        found = (
            Experiment(one.folder, one.entry, _config_dir(one.entry, named.config_path), named.config_name)
            for one in self.with_further
            if one.entry is not None
            for named in main_call.further(one.entry)
            if named.config_name
        )
        return [one for one in dict.fromkeys(found) if one.has_config]

    @cached_property
    def primary_configs(self) -> frozenset[Path]:
        """The files that an entry point names as its primary config."""
        return frozenset(one.config_file for one in (*self.with_further, *self.second_configs) if one.entry)

    @cached_property
    def primary_configs_in(self) -> dict[Path, list[Path]]:
        """The same by the folder that each lies in."""
        found: dict[Path, list[Path]] = {}
        for path in self.primary_configs:
            found.setdefault(path.parent, []).append(path)
        return found

    def relative(self, path: Path) -> str:
        """`path` as the user would type it from the root; unchanged where it lies elsewhere."""
        if ".." in path.parts and files.real(normal := Path(os.path.normpath(path))) == files.real(path):
            path = normal
        try:
            return path.relative_to(self.root).as_posix() or "."
        except ValueError:
            return str(path)

    def experiment(self, name: str | None) -> Experiment:
        """The experiment that `name` means: a number, a folder name, a path, or None where only one can be meant.

        Raises CommandError that names the candidates if there is none or more than one, and where it is closed.
        """
        found = self.meant(name)
        if found.closed is not None:
            raise told(found.closed)
        return found

    def meant(self, name: str | None) -> Experiment:
        """Likewise, and it may be closed."""
        if name is None:
            return self._only_experiment()
        matches = self.matching(name)
        if len(matches) == 1:
            return matches[0]
        if matches:
            named = ", ".join(self.relative(e.folder) for e in matches)
            raise CommandError(f"{name!r} can mean {len(matches)} experiments: {named}", "give the path of one")
        raise self._unknown(name)

    def matching(self, name: str) -> list[Experiment]:
        """The experiments that `name` can mean: a number, a folder name or a path."""
        matches = self.at_path(name)
        if not matches:
            matches = [e for e in self.experiments if name in (e.name, self.relative(e.folder))]
        number = naming.integer(name)
        if not matches and number is not None:
            matches = [e for e in self.experiments if e.number == number]
        if not matches:  # `exp005` for exp005_aug
            wanted = naming.parse(name)
            if wanted and not wanted.slug:
                known = ((e, naming.parse(e.name)) for e in self.experiments)
                matches = [e for e, n in known if n and (n.prefix, n.number) == (wanted.prefix, wanted.number)]
        return matches

    def _unknown(self, name: str) -> CommandError:
        if not self.experiments:
            return CommandError(
                f"no experiment {name!r}: no experiment at all was found below {self.root}",
                "go to the project's folder or give --root; new_experiment.py makes a first experiment",
            )
        guess = did_you_mean(name, (e.name for e in self.experiments))
        names = [self.relative(e.folder) for e in self.experiments]
        shown = few_of_many(names, 10)
        return CommandError(
            f"no experiment {name!r} below {self.root}; available: {shown}",
            f"did you mean {guess}?" if guess else "give one of these names, its number or its path",
            command_line.corrected({name: [guess]}) if guess else None,
        )

    def _only_experiment(self) -> Experiment:
        here = Path.cwd().resolve()
        inside = [e for e in self.experiments if here == e.folder or e.folder in here.parents]
        candidates = inside or list(self.experiments)
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            raise CommandError(
                f"no experiment was found below {self.root}",
                "go to the project's folder or give --root; new_experiment.py makes a first experiment",
            )
        names = ", ".join(self.relative(e.folder) for e in candidates[:10])
        raise CommandError(
            f"which experiment? there are {len(candidates)}: {names}", "give its number, name or path first"
        )

    def address(self, experiment: Experiment) -> str:
        """The shortest of its name, its folder and its entry point that means this experiment."""
        short = [experiment.name] if len(self.matching(experiment.name)) <= 1 else []
        for known in (*short, self.relative(experiment.folder)):
            if all(one.entry == experiment.entry for one in self.matching(known)):
                return known
        return self.relative(experiment.entry or experiment.folder)

    def at_path(self, name: str) -> list[Experiment]:
        """The experiment at or around the path `name`, seen from the working directory and then from the root.

        Of a folder with several entry points, it is the one that the path names, else the first. Of a folder of
        configs, it is those that have it as their config folder; [] for what is no path to one.
        """
        for base in (Path.cwd(), self.root):
            path = Path(os.path.normpath(base / name))
            try:
                if not files.exists(path):
                    continue
                if (alone := without_config(path)) is not None:
                    return [alone]
            except OSError as error:
                return [_closed(path, error)]
            is_here = path.is_relative_to(base) or files.real(path).is_relative_to(self.root)
            for folder in (path, *(path.parents if is_here else ())):
                try:
                    entries = _at(files.real(folder))
                except OSError as error:
                    entries = [_closed(folder, error)] if folder == path else []
                named = (one for one in entries if one.entry is not None and files.real(one.entry) == files.real(path))
                found = next(named, None) or next(iter(entries), None)
                if found and found.entry is None and found.closed is None:
                    return [e for e in self.experiments if e.config_dir == found.folder] or [found]
                if found:
                    return [found]
                if folder in (self.root, base):
                    break
        return []

    def below(self, name: str) -> list[Experiment]:
        """The experiments below the folder `name`, seen from the working directory and then from the root."""
        for base in (Path.cwd(), self.root):
            folder = files.real(Path(os.path.normpath(base / name)))
            if found := [one for one in self.experiments if folder in one.folder.parents]:
                return found
        return []


def root_words(root: Path) -> list[str]:
    """`--root ROOT` for a command that is typed here, where the project at `root` is not found without."""
    return [] if _root_around(Path.cwd()) == root else ["--root", str(root)]


def _root_around(path: Path) -> Path:
    """The nearest folder upwards that has experiments/, else the path itself, or the folder of a file."""
    here = files.real(path)
    around = (folder for folder in (here, *here.parents) if (folder / EXPERIMENTS).is_dir())
    return next(around, here if here.is_dir() else here.parent)


def _outside(root: Path, word: str) -> Path | None:
    """The file or folder that a word of the command line is the path of, if it lies elsewhere than below `root`."""
    path = Path(os.path.normpath(Path.cwd() / word))
    try:
        is_there = files.exists(path)
    except OSError:
        return None
    if not is_there:
        return None
    lies_below = path.is_relative_to(root) or files.real(path).is_relative_to(root)
    return None if lies_below and not _is_a_whole_machine(root) else path


def _is_a_whole_machine(root: Path) -> bool:
    """Whether it is where all paths begin, so that a search would take minutes, and no project by its folders."""
    return root == Path(root.anchor) and not (root / EXPERIMENTS).is_dir()


def experiment_at(folder: Path) -> Experiment | None:
    """The experiment whose folder is exactly `folder`, or None.

    It is one if a Python file in it has `@hydra.main` and the config that this names exists, or may be stored by the
    code, or a group folder lies beside it; or if it holds a config.yaml with a defaults list and a folder exp/ but no
    entry point at all. Of several entry points it is the first, by their names.
    """
    return next(iter(_at(folder)), None)


def _closed(folder: Path, error: OSError) -> Experiment:
    return Experiment(folder, None, folder, "config", error)


def _at(folder: Path) -> list[Experiment]:
    """Each entry point of a folder with its config, the experiment's own first; without one, the config alone.

    Raises OSError where the folder, or what its scripts name, cannot be looked into.
    """
    try:
        scripts = sorted(
            entry.name for entry in os.scandir(folder) if entry.name.endswith(".py") and files.is_file(entry)
        )
    except (FileNotFoundError, NotADirectoryError):
        return []
    ranked = sorted(scripts, key=lambda name: (_ENTRY_NAMES.index(name) if name in _ENTRY_NAMES else 9, name))
    found = [entry for name in ranked if (entry := _entry_point(folder / name)) is not None]
    composing = [experiment for experiment in found if experiment.has_config]
    if composing:
        return [*composing, *(experiment for experiment in found if experiment not in composing)]
    if found:
        return found
    usual = next((folder / name for name in _ENTRY_NAMES if name in scripts), None)
    if usual is not None and _is_readable(usual):
        return []  # it reads its YAML files by hand
    config = folder / "config.yaml"
    if (folder / SETS).is_dir() and config.is_file() and _DEFAULTS_KEY.search(_start_of(config)):
        return [Experiment(folder, usual, folder, "config")]
    return []


def _entry_point(script: Path) -> Experiment | None:
    """A file with `@hydra.main` and the config that it composes; None where nothing tells which that is."""
    named = main_call.named(script)
    if named is None:
        return None
    found = _as_named(script, named)
    config_dir, name = found.config_dir, found.config_name
    if files.is_file(found.config_file) or files.is_folder(script.parent / SETS) or files.is_folder(config_dir / SETS):
        return found
    if named.config_name is None or named.anywhere:
        return None
    # A config that the code stores needs no folder; where others or options lie, the name may be wrong.
    lying = itertools.chain(config_dir.glob("*.y*ml"), config_dir.glob("*/*.y*ml"))
    storing = (path for path in (script, *config_dir.glob("*.py")) if _is_readable(path) and _is_stored(path, name))
    return found if named.config_path is None or any(lying) or any(storing) else None


def _as_named(script: Path, named: main_call.Named) -> Experiment:
    """An entry point with the config that its code means, there or not."""
    folder = script.parent
    config_dir = _config_dir(script, named.config_path)
    name = named.config_name or _usual_name(config_dir, named.config_path is not None)
    unfound = named.config_path is None and named.config_name and not files.is_file(config_dir / f"{name}.yaml")
    if unfound and not _is_stored(script, name):
        config_dir = _given_on_the_command_line(folder, name) or config_dir
    return Experiment(folder, script, config_dir, name)


def without_config(script: Path) -> Experiment | None:
    """An entry point that names a config in a folder without any, with that config; None for another file."""
    named = main_call.named(script) if script.suffix == ".py" and files.is_file(script) else None
    if named is None or named.config_name is None or named.config_path is None or _entry_point(script) is not None:
        return None
    return _as_named(script, named)


def right_path(experiment: Experiment, root: Path) -> str | None:
    """The config_path that leads to an entry point's config where a folder further up has it: `../conf`, not `conf`."""
    entry = experiment.entry
    named = main_call.named(entry) if entry is not None else None
    steps = [step for step in Path(named.config_path).parts if step != ".."] if named and named.config_path else []
    if entry is None or not steps or Path(*steps).is_absolute():
        return None
    above = [folder.joinpath(*steps) for folder in entry.parents if folder.is_relative_to(root)]
    found = next((path for path in above if files.is_file(path / f"{experiment.config_name}.yaml")), None)
    return None if found is None else Path(os.path.relpath(found, _config_dir(entry, "."))).as_posix()


def with_config(script: Path, name: str) -> Experiment | None:
    """An entry point that names no config, with one of its folder that is chosen by hand; None where there is none."""
    named = main_call.named(script)
    if named is None or named.config_name is not None or named.anywhere:
        return None
    found = Experiment(script.parent, script, _config_dir(script, named.config_path), name)
    return found if found.has_config else None


def _given_on_the_command_line(folder: Path, name: str) -> Path | None:
    """The folder that `--config-dir` is meant for, where the code has no config_path and a usual folder the config."""
    above = (folder, *folder.parents[:_DIRS_ABOVE])
    usual = (parent / called for parent in above for called in ("configs", "config", "conf"))
    return next((path for path in usual if files.is_file(path / f"{name}.yaml")), None)


def _is_stored(script: Path, name: str) -> bool:
    """Whether a script puts a config of that name into the ConfigStore itself, so that it lies in no folder."""
    stores = rf"\.store\([^()]*\bname\s*=\s*[\"']{re.escape(name)}[\"']".encode()
    return re.search(stores, files.read_bytes(script)) is not None


def _config_dir(entry: Path, config_path: str | None) -> Path:
    """Where `config_path` leads from an entry point; `pkg://` is looked for in its folder and upwards.

    A package (`__init__.py`) is imported, and Hydra counts from the folder that a module of its name would lie in: see
    `compute_search_path_dir`.
    """
    folder = entry.parent.parent if entry.name == "__init__.py" and config_path else entry.parent
    package = (config_path or "").removeprefix("pkg://")
    if config_path is None or package == config_path:
        there = Path(os.path.normpath(folder / (config_path or ".")))
        elsewhere = _of_another_machine(folder, there) if Path(config_path or "").is_absolute() else None
        return elsewhere or there
    steps = package.split(".")
    roots = (root.joinpath(*steps) for root in (folder, *folder.parents))
    return next((path for path in roots if files.is_folder(path)), folder.joinpath(*steps))


def _of_another_machine(folder: Path, there: Path) -> Path | None:
    """The folder of configs that an absolute path means which is not here: `/app/config` in a container."""
    if files.is_folder(there):
        return None
    above = (folder, *folder.parents[:_DIRS_ABOVE])
    tails = (there.parts[number:] for number in range(1, len(there.parts)))
    found = (parent.joinpath(*tail) for tail in tails for parent in above)
    return next(filter(files.is_folder, found), None)


def _usual_name(config_dir: Path, is_named: bool) -> str:
    """The config that an entry point without config_name is run with: config.yaml, else the first that has a list or
    settings of Hydra, else the only one; beside code that names no folder either, that may be anything, such as
    environment.yaml.
    """
    if (config_dir / "config.yaml").is_file():
        return "config"
    lying = sorted(config_dir.glob("*.yaml"))
    texts = {path.stem: text for path in lying if _KEY_OF_A_PRIMARY.search(text := _start_of(path))}
    if is_named and not texts and len(lying) == 1:
        return lying[0].stem
    bases = {entry.decode("utf-8", "replace") for text in texts.values() for entry in _PLAIN_ENTRY.findall(text)}
    return next((name for name in texts if name not in bases), "config")


def _is_readable(script: Path) -> bool:
    try:
        files.read_bytes(script)
        return True
    except OSError:  # too large, or no permission: that is said of the experiment
        return False


def _start_of(config: Path) -> bytes:
    try:
        return files.read_bytes(config)
    except OSError:
        return b""


def entry_points(root: Path) -> list[Path]:
    """The Python files below `root` that have `@hydra.main`, with or without the config that it names."""
    return sorted(filter(main_call.named, _scripts(root)))


def scripts_with(root: Path, word: bytes) -> Iterator[Path]:
    """The Python files below `root` that have a word."""
    return (script for script in _scripts(root) if word in _start_of(script))


def texts_with(root: Path, word: bytes) -> Iterator[str]:
    """The texts of those, each read once."""
    contents = map(_start_of, _scripts(root))
    return (content.decode("utf-8", "replace") for content in contents if word in content)


def _scripts(root: Path) -> Iterator[Path]:
    for folder in _folders(root, 0):
        with contextlib.suppress(OSError):  # may not be looked into, which is said of the experiment
            yield from sorted(folder.glob("*.py"))


def _find(folder: Path, depth: int, closed: dict[Path, OSError]) -> Iterator[tuple[Path, list[Experiment]]]:
    """The experiments from `folder` down; `closed` gets each folder that cannot be looked into, or not to its end."""
    found: list[Experiment] = []
    try:
        found = _at(folder)
    except OSError as error:
        closed[folder] = error
    if found:
        yield folder, found
    for child in _children(folder, depth, closed):
        if not (found and child.name in (SETS, ENVIRONMENTS)):
            yield from _find(child, depth + 1, closed)


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    for child in _children(folder, depth, {}):
        yield from _folders(child, depth + 1)


def _children(folder: Path, depth: int, closed: dict[Path, OSError]) -> list[Path]:
    """The folders in `folder` that may hold code of the project; where the listing breaks off, those up to there."""
    children: list[Path] = []
    try:
        for entry in os.scandir(folder) if depth < _MAX_DEPTH else ():
            # A link could lead round in a circle; that of the experiments themselves is a usual one to a larger disk.
            linked = depth == 0 and entry.name == EXPERIMENTS
            if files.is_folder(entry) if linked else entry.is_dir(follow_symlinks=False):
                children.append(Path(entry.path))
    except (FileNotFoundError, NotADirectoryError):  # gone by now
        pass
    except OSError as error:
        closed.setdefault(folder, error)
    return [path for path in children if not path.name.startswith(".") and _may_hold_code(path)]


def _may_hold_code(folder: Path) -> bool:
    try:
        if files.is_environment(folder):
            return False
        if folder.name in _DATA:
            with_code = any(map(_has_scripts, (folder, *_first_folders(folder))))
            return _is_package(folder) or (with_code and not git.ignored(folder.parent, [folder]))
        among_data = folder.parent.name in _DATA and not _is_package(folder.parent)
        return folder.name not in _SKIPPED and (not among_data or _has_scripts(folder))
    except OSError:
        return True  # whoever looks into it meets the same


def _is_package(folder: Path) -> bool:
    return files.is_file(folder / "__init__.py")


def _has_scripts(folder: Path) -> bool:
    """Whether a folder in which data are to be expected, maybe in millions of files, has code among the first."""
    with os.scandir(folder) as entries:
        return any(entry.name.endswith(".py") for entry in itertools.islice(entries, _MOST_LOOKED_AT))


def _first_folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        first = list(itertools.islice(entries, _MOST_LOOKED_AT))
    inside = [Path(entry.path) for entry in first if entry.is_dir(follow_symlinks=False)]
    return [path for path in inside[:_MOST_FOLDERS] if os.access(path, os.R_OK)]


def split_experiment(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take a leading EXPERIMENT off `words`: it has no `=` (a path with one must be given as `./path`)."""
    if words and ("=" not in words[0] or words[0].startswith(("./", "/"))):
        return words[0], list(words[1:])
    return None, list(words)


def option_name(word: str, group: str) -> str:
    """The option that a word means: `001`, `exp=001`, `001.yaml` or the path of its file."""
    name = word.removeprefix(f"{group}=").strip("'\"")
    return Path(name).name.removesuffix(".yaml").removesuffix(".yml") if name.endswith((".yaml", ".yml")) else name
