"""The template without its toy training: what stands between `# >>>` and `# <<<`, and the imports only that needs."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from pathlib import Path

from experiment_setup import files
from experiment_setup.light import compiled
from experiment_setup.writing import tracker

_TOY = compiled(r"^ *# >>>.*?# <<<\n", re.MULTILINE | re.DOTALL)
TOY = "# >>>"
PLACE = "    # your training: rows from the paths in cfg.env, log({...}) each epoch, the model into model_dir\n"


def strip(entry: Path, *, kept: Collection[str] | None = None) -> None:
    """Take the toy out of the entry point of a copy of the template.

    Fields that only the toy reads go with it, but for those that are `kept` (None: all); `learning_rate` beside one's
    own `lr` would be a parameter that nothing reads.
    """
    text = files.read_text(entry)
    toy = "".join(_TOY.findall(text))
    inside = _TOY.search(text)
    if inside is not None:
        text = text[: inside.start()] + PLACE + text[inside.end() :]
    text = re.sub(r"\n{4,}", "\n\n\n", _TOY.sub("", text))
    if kept is not None:
        others = [*entry.parent.glob("run_*.py"), *tracker.FILES.values()]
        read = {*re.findall(r"\w+", "\n".join(map(files.read_text, others))), *re.findall(r"\bexp\.(\w+)", text)}
        for name in {*re.findall(r"\bexp\.(\w+)", toy)} - read - {*kept}:
            text = re.sub(rf"^    {name}: .*\n", "", text, flags=re.MULTILINE)
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in reversed(tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias for alias in node.names if (alias.asname or alias.name).partition(".")[0] in used]
            if len(names) < len(node.names):
                rest = ast.Import(names) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, names, 0)
                lines[node.lineno - 1 : node.end_lineno] = [f"{ast.unparse(rest)}\n"] if names else []
    text = "".join(lines)
    files.put(entry, re.sub(r'^("""Experiment [^:\n]*): [^\n]*', r"\1: what it is about.", text, count=1))
