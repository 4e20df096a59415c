"""The verb behind export_schema.py: schema files beside the config groups, and what makes editors use them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiment_setup import command_line, files, locks, schema
from experiment_setup.composing.compose import Composer
from experiment_setup.errors import CommandError
from experiment_setup.facts import editor_schema
from experiment_setup.facts.editor_schema import EditorSchema
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.light import compiled, dataclass
from experiment_setup.project import Project, root_words

_SETTINGS = Path(".vscode/settings.json")
_KEY = "yaml.schemas"
_MODELINE = compiled(r"^\ufeff?#[ \t]*yaml-language-server:[ \t]*\$schema=(\S*)", re.MULTILINE)
_HEADER = compiled(r"\s*#[ \t]*@[^\n]*\n?")  # Hydra reads it in the first line alone


Rewrite = tuple["str | None", str]  # a file's text as it was read (None: there is none yet) and as it will be


@dataclass(frozen=True)
class Request:
    """What export_schema.py is asked for."""

    root: Path | None = None
    experiment: str | None = None
    modeline: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Exported:
    """What was written, and what is to be done by hand."""

    project: Project
    experiment: Path
    schemas: Sequence[EditorSchema]
    changes: Mapping[Path, Rewrite]
    without: Mapping[str, str]
    settings: Mapping[str, Any]  # those of VS Code
    by_hand: Mapping[str, Any]  # the settings among them that are not written
    words: Sequence[str]
    dry_run: bool

    exit_code = 0

    def data(self) -> dict[str, Any]:
        """The JSON object."""
        made = [path for path, (before, _) in self.changes.items() if before is None]
        return {
            "version": 1,
            "dry_run": self.dry_run,
            "experiment": self.project.relative(self.experiment),
            "schemas": [
                {"path": self.project.relative(known.path), "files": _files(self.project, known)}
                for known in self.schemas
            ],
            "created": [self.project.relative(path) for path in made],
            "changed": [self.project.relative(path) for path in self.changes if path not in made],
            "settings": dict(self.settings),
            "to_do": dict(self.by_hand),
            "without": dict(self.without),
            "notes": list(self.words),
        }

    def text(self) -> Iterator[str]:
        """The same facts for people."""
        would = "would " if self.dry_run else ""
        for path, (before, _) in self.changes.items():
            verb = (
                (f"{would}make" if before is None else f"{would}change")
                if would
                else "made"
                if before is None
                else "changed"
            )
            yield f"{verb} {self.project.relative(path)}"
        if not self.changes:
            yield "nothing to write: all of it is there"
        if self.by_hand:
            yield ""
            yield f"add to {_SETTINGS.as_posix()}:"
            yield from json.dumps(self.by_hand, indent=2, ensure_ascii=False).splitlines()[1:-1]

    def notes(self) -> Iterator[str]:
        """What is to be known besides."""
        for group, reason in self.without.items():
            yield f"note: no schema for {group}: {reason}"
        yield from (f"note: {words}" for words in self.words)


def export(request: Request) -> Exported:
    """Write the schemas of an experiment, VS Code's settings for them, and modelines where they are asked for.

    All or nothing, and nothing of the user's is changed but for what is added. Raises CommandError with what to do.
    """
    project = Project.locate(request.root, [request.experiment])
    experiment = project.experiment(request.experiment)
    where = project.relative(experiment.folder)
    if experiment.entry is None:
        raise CommandError(f"{where} has no entry point with @hydra.main", "add train.py first")
    read = schema.read(experiment.entry, project.root)
    context = ExperimentContext(project, experiment, read, Composer(experiment, read, project.root))
    schemas, without = editor_schema.schemas(context)
    if not schemas:
        reasons = "; ".join(f"{group}: {reason}" for group, reason in without.items()) or "no group has a dataclass"
        raise CommandError(
            f"{where} has nothing to make a schema of ({reasons})",
            "a schema needs types: store a dataclass for the group, cs.store(group=…, name=…, node=…), as "
            "references/config-types.md shows; keys and references are checked without one",
            command_line.command("validate.py", [project.address(experiment), *root_words(project.root)]),
        )
    settings_file = project.root / _SETTINGS
    if not request.dry_run:
        _clear_unfinished(project, settings_file, schemas, request)
    words: list[str] = []
    changes: dict[Path, Rewrite] = {known.path: change for known in schemas if (change := _schema_file(project, known))}
    if request.modeline:
        changes |= _modelines(project, schemas, words)
    settings = {_KEY: {f"./{project.relative(known.path)}": _files(project, known) for known in schemas}}
    by_hand, change = _settings(settings_file, settings[_KEY])
    if change:
        changes[settings_file] = change
    if change or by_hand:
        words.append(
            'VS Code needs the extension redhat.vscode-yaml, and "yaml.yamlVersion": "1.1" to read 010 as Hydra does'
        )
    for path in changes:
        files.refuse_outside(path, project.root)
    if changes and not request.dry_run:
        _write(changes, settings_file)
    return Exported(project, experiment.folder, schemas, changes, without, settings, by_hand, words, request.dry_run)


def _clear_unfinished(project: Project, settings_file: Path, schemas: Sequence[EditorSchema], request: Request) -> None:
    """First of all: what a kill left may be completed by it, and is then no change any more."""
    options = [option.path for known in schemas for option in known.options if request.modeline]
    folders = {path.parent for path in (settings_file, *(known.path for known in schemas), *options)}
    files.clear_unfinished([folder for folder in folders if files.real(folder).is_relative_to(project.root)])


def _modelines(project: Project, schemas: Sequence[EditorSchema], words: list[str]) -> dict[Path, Rewrite]:
    """The changes of the options' files; `words` gets what is to be said of those that are left as they are."""
    changes: dict[Path, Rewrite] = {}
    for known in schemas:
        for option in known.options:
            if change := _modeline(project, option.path, known.path, words):
                changes[Path(os.path.realpath(option.path))] = change
    return changes


def _write(changes: Mapping[Path, Rewrite], settings_file: Path) -> None:
    try:
        with locks.folder_for_files(settings_file.parent):
            files.rewrite(changes)
    except (FileExistsError, FileNotFoundError):  # it made a file, or took away a folder that it had made for nothing
        meanwhile = "another command wrote these schemas meanwhile; nothing was written here"
        raise CommandError(meanwhile, "run it again: it says what is left to do") from None


def _files(project: Project, known: EditorSchema) -> str | list[str]:
    """What a schema is for, as VS Code's settings name files."""
    if known.whole_folder:
        return f"{project.relative(known.folder)}/*.yaml"
    return [project.relative(option.path) for option in known.options]


def _schema_file(project: Project, known: EditorSchema) -> Rewrite | None:
    """The file's text before and after; None where it says all this already."""
    if not os.path.lexists(known.path):
        return None, known.text
    before = files.read_text(known.path)
    if before == known.text:
        return None
    if not editor_schema.is_ours(before):
        name = project.relative(known.path)
        raise CommandError(
            f"{name} is there, and export_schema.py did not write it; nothing was written",
            f"keep it under another name, and run it again: mv {name} {name.removesuffix('.json')}.old.json",
        )
    return before, known.text


def _modeline(project: Project, option: Path, target: Path, words: list[str]) -> Rewrite | None:
    """The text of a file before and after it has the comment; None where it has one."""
    text = files.read_text(option)
    place = Path(os.path.relpath(target, option.parent)).as_posix()
    found = _MODELINE.search(text)
    if found:
        if found[1] != place:
            words.append(f"{project.relative(option)} names another schema ({found[1]}) and was left as it is")
        return None
    line_end = "\r\n" if "\r\n" in text else "\n"
    header = _HEADER.match(text)
    at = header.end() if header else len(text) - len(text.removeprefix("\ufeff"))
    before = text[:at] if not header or text[:at].endswith("\n") else f"{text[:at]}{line_end}"
    return text, f"{before}# yaml-language-server: $schema={place}{line_end}{text[at:]}"


def _settings(path: Path, wanted: Mapping[str, Any]) -> tuple[dict[str, Any], Rewrite | None]:
    """What is to be added by hand, and else the settings' text before and after."""
    if not os.path.lexists(path):
        return {}, (None, json.dumps({_KEY: wanted}, indent=2, ensure_ascii=False) + "\n")
    text = files.read_text(path)
    try:
        known = json.loads(text)
    except (ValueError, RecursionError):  # VS Code allows comments, and a comma after the last member
        return ({} if all(json.dumps(name) in text for name in wanted) else {_KEY: dict(wanted)}), None
    own = known.get(_KEY, {}) if isinstance(known, dict) else None
    if not isinstance(own, dict):
        return {_KEY: dict(wanted)}, None
    other = {name: value for name, value in wanted.items() if name in own and not _has(own[name], value)}
    new = {name: value for name, value in wanted.items() if name not in own}
    by_hand = {_KEY: other} if other else {}
    if not new:
        return by_hand, None
    start, members, added = text.index("{"), known, {_KEY: new}
    if _KEY in known:
        opening = re.search(rf"{re.escape(json.dumps(_KEY))}\s*:\s*\{{", text)
        start, members, added = (opening.end() - 1 if opening else start), own, new
    after = _with_members(text, start, members, added)
    if json.loads(after) != {**known, _KEY: {**own, **new}}:  # the name stands somewhere else as well
        return {_KEY: {**other, **new}}, None
    return by_hand, (text, after)


def _has(own: Any, wanted: Any) -> bool:
    """Whether the user's own setting names these files among others."""
    owns, wants = (value if isinstance(value, list) else [value] for value in (own, wanted))
    return all(value in owns for value in wants)


def _with_members(text: str, start: int, own: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The text of a JSON object that begins at `start`, with more members at its end; the rest stays as it is."""
    _, end = json.JSONDecoder().raw_decode(text, start)
    body = text[start : end - 1].rstrip()
    unit = (re.search(r"\n([ \t]+)", text) or ["", "  "])[1]
    outer = re.match(r"[ \t]*", text[text.rfind("\n", 0, start) + 1 :])
    inside = (outer[0] if outer else "") + unit
    lines = json.dumps(new, indent=unit, ensure_ascii=False).splitlines()[1:-1]
    members = "".join(f"\n{inside}{line.removeprefix(unit)}" for line in lines)
    return f"{text[:start]}{body}{',' if own else ''}{members}\n{inside.removesuffix(unit)}{text[end - 1 :]}"
