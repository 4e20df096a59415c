"""The folders whose files the code loads by their paths, as `OmegaConf.load(cfg.exp_config)` does: no config groups."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from experiment_setup.facts import guides
from experiment_setup.light import compiled
from experiment_setup.project import ENVIRONMENTS, SETS, Experiment, Project
from experiment_setup.reading import suppression
from experiment_setup.reading.source import Document
from experiment_setup.schema import Schema

_LOADS = compiled(r"\b(?:OmegaConf\.load|yaml\.(?:\w*_)?load|load_yaml|open|read_text)\(")


def folders(
    project: Project, experiment: Experiment, schema: Schema, primary: Document
) -> Iterator[tuple[str, Collection[Path]]]:
    """The folders exp and env beside the primary config that are such, with their files.

    The code loads some file, the path of one of theirs stands in it, in the primary config or in a command of the
    guides, and no command chooses from the folder.
    """
    entry = experiment.entry
    given = {folder: experiment.options(folder) for folder in (SETS, ENVIRONMENTS)} if entry is not None else {}
    code = [suppression.read(module) for module in schema.modules] if any(given.values()) else []
    if entry is None or not any(map(_LOADS.search, code)):
        return
    texts = guides.read(project, entry, with_dotenv=False)
    for folder, files in given.items():
        # Few projects name the folder like that, and what tells more takes a hundred times longer.
        words = (f"{folder}/", f"/{folder}", f'"{folder}"', f"'{folder}'")
        naming = [text for text in (*code, primary.text_or_empty) if any(word in text for word in words)]
        told = any(word in text for text in texts.values() for word in words)
        typed = guides.commands(texts, entry, project.root) if files and (naming or told) else []
        naming += [command for command in typed if any(word in command for word in words)]
        if not naming or not files or any(guides.chooses(command, folder) for command in typed):
            continue
        names, around = "|".join(map(re.escape, files)), re.escape(experiment.config_dir.name)
        any_of_them = r"[^\s/'\"]{0,100}[*{$%]"  # `exp/{name}.yaml`, `conf/exp/$NAME`
        path = re.compile(
            rf"(?<![\w.-])(?:{folder}/(?:{names}|{any_of_them}[^\s'\"]{{0,100}}?)\.ya?ml(?![\w.])"
            rf"|{around}/{folder}(?:/?[\"']|/{any_of_them}))"
        )
        step = rf"[/,]\s*[\"']{folder}[\"']"  # `Path("conf") / "exp"`, `join(here, "exp", f"{name}.yaml")`
        joined = re.compile(rf"\b{around}\b.{{0,100}}{step}|{step}\s*[/,].{{0,100}}\.ya?ml\b")
        if any(path.search(text) or joined.search(text) for text in naming):
            yield folder, files.values()
