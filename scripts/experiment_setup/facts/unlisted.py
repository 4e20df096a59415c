"""The options that no defaults list comes to: of groups that are only added (`+experiment=long`), and in folders of a
group (`exp=sub/001`)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from experiment_setup.facts.wandb_sweeps import is_sweep
from experiment_setup.light import compiled, dataclass
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment
from experiment_setup.reading.config_folder import ConfigFolder
from experiment_setup.reading.source import Document

# What people call a group of parameter sets that are written from the root of the config.
ROOT_SETS = frozenset("experiment experiments exp exps study studies overrides".split())

MOST = 3_000  # options of a group; more are made by a program, and composing them would take a while
_MEANT_FOR_HYDRA = compiled(r"^(?:#[ \t]*@package\b|defaults[ \t]*:)", re.MULTILINE)
HAS_A_LIST = compiled(r"^defaults[ \t]*:", re.MULTILINE)
_OF_A_PRIMARY = compiled(r"^(?:defaults|hydra)[ \t]*:", re.MULTILINE)
_FROM_THE_ROOT = compiled(r"^[ \t]*-[ \t]*[\"']?(?:override[ \t]|/)", re.MULTILINE)
_ABSOLUTE = compiled(r"^[ \t]*-[ \t]*[\"']?/(?P<path>[\w.\-/]+)[\"']?[ \t]*(?:#.*)?$", re.MULTILINE)
_OWN_SETTINGS = compiled(r"^hydra[ \t]*:|^[ \t]*-[ \t]*[\"']?override[ \t]+hydra/", re.MULTILINE)
_NAMED = compiled(
    r"^[ \t]*-[ \t]*[\"']?(?P<override>override[ \t]+)?(?:optional[ \t]+)?/?(?P<path>[\w./\-]+)(?:@[\w.]+)?"
    r"[\"']?[ \t]*(?P<chosen>:.*)?(?:#.*)?$",
    re.MULTILINE,
)
CHOSEN_FROM_THE_ROOT = compiled(r"^[ \t]*-[ \t]*[\"']?/([\w./\-]+)(?:@[\w.]+)?[ \t]*[\"']?[ \t]*:", re.MULTILINE)
_PLAIN_NAME = compiled(r"[\w.\-/]+")


@dataclass(frozen=True)
class Unlisted:
    """A folder of options that the primary defaults list does not come to."""

    key: str  # what chooses one: `+experiment`, `exp` for those in folders below exp/, or `encoder@model.encoder`
    options: Mapping[str, Path]
    writes_the_config: bool  # whether they are parameter sets: written from the root, to be added to a run

    @property
    def group(self) -> str:
        """The config group."""
        return self.key.lstrip("+").partition("@")[0]


def find(
    experiment: Experiment, listed: Collection[str], folder: ConfigFolder, whole: Collection[Path]
) -> list[Unlisted]:
    """The groups below the config folder that are not `listed`, and the options in folders of those that are.

    A group that any file of the config folder names in a defaults list is not added: its options are meant for that
    place, and those that no list chooses there are composed nowhere. So are `whole` configs, which are run by their
    names. In a folder that holds code as well, a folder counts where a file in it is written for Hydra.
    """
    folders = {name: files for name, files in _folders(experiment, listed, folder) if files}
    if not folders:
        return []
    root, read, named = folder.path, folder.read, folder.once(_named)
    found = {
        name: {
            option: path
            for option, path in files.items()
            if not named.group(_group(root, path))
            if path not in named.files and path not in named.chosen and path not in whole
            if not includes_a_primary(folder, path) and not is_sweep(read(path).text_or_empty)
        }
        for name, files in folders.items()
    }
    added = [
        part
        for name, files in found.items()
        for made in _unlisted(root, name, files, listed, read, named.within)
        for part in _by_folder(root, made, read, named.within)
    ]
    return added + list(_never_chosen(root, folders.values(), named, read))


def apart(known: Unlisted, groups: Collection[str]) -> Iterator[Unlisted]:
    """The options of a group without those of `groups` in it, as `task/model` is in `task`; and each of these alone."""
    above = f"{known.group}/"
    inner = {f"{group.removeprefix(above)}/": group for group in groups if group.startswith(above)}
    own = {name: path for name, path in known.options.items() if not name.startswith(tuple(inner))}
    if own:
        yield replace(known, options=own)
    for folder, group in inner.items():
        if found := {n.removeprefix(folder): path for n, path in known.options.items() if n.startswith(folder)}:
            yield replace(known, key=f"+{group}", options=found)


def has_own_settings(document: Document) -> bool:
    """Whether a file has settings of Hydra where a primary config has them."""
    return document.header is None and _OWN_SETTINGS.search(document.text_or_empty) is not None


def named_files(folder: ConfigFolder) -> list[Path]:
    """The files of the config folder that defaults lists name, as `- base` or as an option: whoever composes with one
    of those lists reads them.
    """
    named = folder.once(_named)
    return [path for path in folder.yaml_files(folder.path) if path in named.files or path in named.chosen]


def is_chosen(folder: ConfigFolder, group: str) -> bool:
    """Whether a defaults list of a file in a folder of the config folder chooses from the group."""
    return group in folder.once(_chosen_inside)


def _chosen_inside(folder: ConfigFolder) -> frozenset[str]:
    texts = (folder.read(path).text_or_empty for inner in folder.groups() for path in folder.yaml_files(inner))
    return frozenset(entry[1] for text in texts if "defaults" in text for entry in CHOSEN_FROM_THE_ROOT.finditer(text))


def _never_chosen(
    root: Path, folders: Iterable[Mapping[str, Path]], named: _Named, read: Callable[[Path], Document]
) -> Iterator[Unlisted]:
    """The options of groups that some lists choose from, as far as none of those chooses them."""
    groups: dict[str, dict[str, Path]] = {}
    for path in (path for files in folders for path in files.values()):
        group = _group(root, path)
        if named.group(group) and not named.open(group):
            groups.setdefault(group, {})[path.stem] = path
    for group, options in groups.items():
        bases = {name for path in options.values() for name in read(path).parents}
        left = {
            name: path
            for name, path in options.items()
            if path not in {*named.files, *named.chosen} and name not in bases
        }
        if left:
            yield Unlisted(group, left, writes_the_config=False)


def _by_folder(
    root: Path, added: Unlisted, read: Callable[[Path], Document], within: Collection[str]
) -> Iterator[Unlisted]:
    """The folders of an added group apart whose options inherit from one beside them: they are chosen as
    `+optimizer/adam=large`, since `+optimizer=adam/large` would look for `optimizer/base`.

    Not those `within` a group from which a list chooses `optimizer: adam/small`.
    """
    if added.key == added.group:  # Hydra comes to it as the defaults list names it
        yield added
        return
    groups = {option: _group(root, path) for option, path in added.options.items()}
    apart = {
        groups[option]
        for option, path in added.options.items()
        for name in read(path).parents
        if groups[option] not in {added.group, *within} and (path.parent / f"{name}.yaml").is_file()
        if not (root / added.group / f"{name}.yaml").is_file()
    }
    together = {option: path for option, path in added.options.items() if groups[option] not in apart}
    if together:
        yield replace(added, options=together)
    for folder in sorted(apart):
        own = [path for option, path in added.options.items() if groups[option] == folder]
        yield replace(added, key=f"+{folder}", options={path.stem: path for path in own})


def primary_configs(experiment: Experiment, folder: ConfigFolder, whole: Collection[Path]) -> list[Path]:
    """The files beside the primary config that have a defaults list or settings of Hydra, and that no other list names.

    They are run with `-cn NAME`. Those in folders are meant so if they include one that lies beside it, or are `whole`
    configs, and no list chooses from their folder.
    """
    root, read = folder.path, folder.read
    inside = (path for group in folder.groups() for path in folder.yaml_files(group))
    including = (path for path in inside if path in whole or includes_a_primary(folder, path))
    found = (path for path in (*folder.beside(), *including) if path != experiment.config_file)
    own = [path for path in found if _OF_A_PRIMARY.search(read(path).text_or_empty)]
    if not own:
        return []
    named = folder.once(_named)
    return [path for path in own if path not in named.files and not named.group(_group(root, path))]


def _folders(
    experiment: Experiment, listed: Collection[str], config_folder: ConfigFolder
) -> Iterator[tuple[str, dict[str, Path]]]:
    """Each folder of the config folder with the files that may be options and that nobody lists, by their names."""
    root, read = config_folder.path, config_folder.read
    with_code = config_folder.once(_has_code)
    for folder in config_folder.groups():
        own = experiment.config_file  # `config_name="nav/ppo"`
        found = config_folder.yaml_files(folder)
        files = [path for path in found if path != own and _group(root, path) not in listed]
        is_group = (
            not with_code
            or folder.name in ROOT_SETS
            or any(f"{name}/".startswith(f"{folder.name}/") for name in listed)
        )
        is_package = any(path.name == "__init__.py" for path in config_folder.entries(folder))
        if with_code and is_package and not any(path.parent == folder for path in files):
            continue  # configs of other entry points may lie in it
        if is_group or any(_MEANT_FOR_HYDRA.search(read(path).text_or_empty) for path in files):
            yield folder.name, {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}


def _has_code(folder: ConfigFolder) -> bool:
    return any(path.suffix == ".py" and path.name != "__init__.py" for path in folder.entries(folder.path))


def includes_a_primary(folder: ConfigFolder, path: Path) -> bool:
    """Whether a file in a folder includes one of the files that lie beside the primary config, as `- /base`: no list
    is needed to choose it, as it is a whole config.
    """
    root = folder.path
    text = folder.read(path).text_or_empty
    included = (entry["path"] for entry in _ABSOLUTE.finditer(text)) if "defaults" in text else ()
    files = (root / _file(name) for name in included)
    return any(
        file.is_file() and file != path and (file.parent == root or includes_a_primary(folder, file)) for file in files
    )


def _group(root: Path, path: Path) -> str:
    return path.parent.relative_to(root).as_posix()


def _unlisted(
    root: Path,
    name: str,
    files: dict[str, Path],
    listed: Collection[str],
    read: Callable[[Path], Document],
    within: Collection[str],
) -> Iterator[Unlisted]:
    if name in listed:
        # Beside `optimizer: adam/small` stands what `optimizer=adam/large` chooses.
        beside = {option: path for option, path in files.items() if _group(root, path) in within}
        deeper = {option: path for option, path in files.items() if option not in beside}
        for found, is_chosen in ((beside, True), (deeper, name in {*ROOT_SETS, SETS, ENVIRONMENTS})):
            if found:
                yield Unlisted(name, found, writes_the_config=is_chosen and len(found) <= MOST)
        return
    texts = [read(path) for path in files.values()]
    from_the_root = any(text.header or _FROM_THE_ROOT.search(text.text_or_empty) for text in texts)
    if not files or (name in (SETS, ENVIRONMENTS) and not from_the_root):
        return  # they belong into the primary defaults list
    if any(map(has_own_settings, texts)):
        return  # a config folder of its own, with a primary config in it
    yield Unlisted(f"+{name}", files, writes_the_config=from_the_root and len(files) <= MOST)


@dataclass(frozen=True)
class _Named:
    """What the defaults lists of a config folder name."""

    groups: frozenset[str]
    files: frozenset[Path]  # these are composed with those that name them
    within: frozenset[str]  # folders from which they choose as from the group above: `optimizer: adam/small`
    chosen: frozenset[Path]  # the files of the options that they choose
    opened: frozenset[str]  # groups all of which are composed with a primary config

    def group(self, path: str) -> bool:
        """Whether a list chooses for the group or for one that it lies in, by its whole path or from within a folder
        of it: `- regularizers: all` in exp/ is about what lies in exp/regularizers/.
        """
        steps = path.split("/")
        above = ["/".join(steps[:count]) for count in range(2, len(steps))]
        return any(part in self.groups for one in (path, *above) for part in _ends(one))

    def open(self, path: str) -> bool:
        """Whether a list may choose any option of the group."""
        return any(part in self.opened for part in _ends(path))


def _named(folder: ConfigFolder) -> _Named:
    """Look at every file. A word of a list that is no defaults list names nothing that there is."""
    groups: set[str] = set()
    files: set[Path] = set()
    within: set[str] = set()
    chosen: set[Path] = set()
    opened: set[str] = set()
    for path in folder.yaml_files(folder.path):
        text = folder.read(path).text_or_empty
        bases = (folder.path, path.parent)
        for entry in _NAMED.finditer(text) if "defaults" in text else ():
            name = _from_the_root(_group(folder.path, path), entry["path"])
            if entry["chosen"] is not None:
                option = entry["chosen"].partition("#")[0].strip(": \t\"'")
                above = option.rpartition("/")[0]
                chosen.update(base / name / _file(one) for one in _PLAIN_NAME.findall(option) for base in bases)
                if path.parent == folder.path and not entry["override"]:
                    opened.add(name)
                within.update((f"{name}/{above}",) if above else ())
                groups.update(() if entry["override"] else (name,))
            else:
                files.update(base / _file(name) for base in bases)
    return _Named(frozenset(groups), frozenset(files), frozenset(within), frozenset(chosen), frozenset(opened))


def _from_the_root(home: str, name: str) -> str:
    """What `../opt` in the file of a group means; any other name as it is written, as it may be meant from the root."""
    return posixpath.normpath(f"{home}/{name}") if ".." in name.split("/") else name


def _file(name: str) -> str:
    """The file that a defaults list means by a name, with its suffix or without."""
    return f"{name.removesuffix('.yaml')}.yaml"


def _ends(path: str) -> Iterator[str]:
    steps = path.split("/")
    return ("/".join(steps[start:]) for start in range(len(steps)))
