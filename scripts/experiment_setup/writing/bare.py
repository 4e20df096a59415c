"""The template without its toy training: what stands between `# >>>` and `# <<<`, and the imports only that needs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from experiment_setup import files

_TOY = re.compile(r"^ *# >>>.*?# <<<\n", re.MULTILINE | re.DOTALL)
_PLACE = "    # your training: rows from the paths in cfg.env, log({...}) each epoch, the model into model_dir\n"


def strip(entry: Path) -> None:
    """Take the toy out of the entry point of a copy of the template."""
    text = files.read_text(entry)
    inside = _TOY.search(text)
    if inside is not None:
        text = text[: inside.start()] + _PLACE + text[inside.end() :]
    text = re.sub(r"\n{4,}", "\n\n\n", _TOY.sub("", text))
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in reversed(tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias for alias in node.names if (alias.asname or alias.name).partition(".")[0] in used]
            if len(names) < len(node.names):
                kept = ast.Import(names) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, names, 0)
                lines[node.lineno - 1 : node.end_lineno] = [f"{ast.unparse(kept)}\n"] if names else []
    text = "".join(lines)
    entry.write_text(
        re.sub(r'^("""Experiment [^:\n]*): [^\n]*', r"\1: what it is about.", text, count=1), encoding="utf-8"
    )
