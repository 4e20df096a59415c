"""Files beside an entry point that Python finds in the place of a module that Hydra imports: `yaml.py`, `hydra/`.

The folder of a script comes first where Python looks for modules. A folder without an `__init__.py` is found only where
there is no module of that name anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from experiment_setup import files, installed
from experiment_setup.code.finder import may_be_a_module
from experiment_setup.facts import guides
from experiment_setup.facts.experiment import ExperimentContext
from experiment_setup.light import compiled

# What `import hydra` needs of each, so that it ends with an error for a module of that name without it.
_NEEDED = dict(
    part.split(":")
    for part in (
        "hydra:main omegaconf:OmegaConf yaml:Dumper logging:getLogger json:dumps copy:deepcopy random:Random "
        "inspect:signature dataclasses:dataclass string:Template platform:system shutil:get_terminal_size"
    ).split()
)
_NEEDED_BY_1_3 = {"antlr4": "ParserRuleContext", "packaging": "version"}
_CHANGES_THE_PATH = compiled(
    r"\bsys\s*\.\s*path\s*(?:\.\s*(?:pop|remove|clear)\b|(?:\[[^\]]*\]\s*)?=)|\bdel\s+sys\.path"
)
_IMPORTS_BESIDE = compiled(r"^[ \t]*from[ \t]+\.", re.MULTILINE)


def found(context: ExperimentContext) -> Iterator[tuple[Path, str, str]]:
    """Each such file, with the module that it hides and what Hydra needs of that."""
    entry = context.experiment.entry
    hiding = [] if entry is None else list(_hiding(entry))
    if entry is not None and hiding and _is_run_as_script(context, entry):
        yield from hiding


def _hiding(entry: Path) -> Iterator[tuple[Path, str, str]]:
    needed = _NEEDED if installed.hydra_since_1_4() else {**_NEEDED, **_NEEDED_BY_1_3}
    for name, word in needed.items():
        for path in (entry.parent / name / "__init__.py", entry.parent / f"{name}.py"):
            if path != entry and files.is_file(path):
                if word not in files.read_or_empty(path):
                    yield path, name, word
                break


def _is_run_as_script(context: ExperimentContext, entry: Path) -> bool:
    """Whether it is sure that its folder comes first: where it has a call of its own, does not change
    where Python looks, and is started as a script, as the guides say, or else as it is of no package.
    """
    text = files.read_or_empty(entry)
    if "__main__" not in text or _CHANGES_THE_PATH.search(text):
        return False
    typed = guides.as_scripts(context.guide_texts, entry, context.project.root)
    return any(typed) if typed else not (may_be_a_module(entry) or _IMPORTS_BESIDE.search(text))
