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
    for folder in (SETS, ENVIRONMENTS) if entry is not None else ():
        files = experiment.options(folder)
        code = [suppression.read(module) for module in schema.modules] if files else []
        if entry is None or not any(map(_LOADS.search, code)):
            continue
        texts = guides.read(project, entry, with_dotenv=False)
        typed = guides.commands(texts, entry, project.root)
        if any(guides.chooses(command, folder) for command in typed):
            continue
        names, around = "|".join(map(re.escape, files)), re.escape(experiment.config_dir.name)
        any_of_them = r"[^\s/'\"]{0,100}[*{$%]"  # `exp/{name}.yaml`, `conf/exp/$NAME`
        path = re.compile(
            rf"(?<![\w.-])(?:{folder}/(?:{names}|{any_of_them}[^\s'\"]{{0,100}}?)\.ya?ml(?![\w.])"
            rf"|{around}/{folder}(?:/?[\"']|/{any_of_them}))"
        )
        step = rf"[/,]\s*[\"']{folder}[\"']"  # `Path("conf") / "exp"`, `join(here, "exp", f"{name}.yaml")`
        joined = re.compile(rf"\b{around}\b.{{0,100}}{step}|{step}\s*[/,].{{0,100}}\.ya?ml\b")
        if any(map(path.search, (*code, primary.text_or_empty, *typed))) or any(map(joined.search, code)):
            yield folder, files.values()
