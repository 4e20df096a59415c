"""Random configs of Hydra's own kinds: groups in groups, packages, lists of options, overrides, values that follow.

Where `generate.py` makes experiments as this package has them, these are made of all that a defaults list can say.
Names are few, so that entries meet.
"""

from __future__ import annotations

from collections.abc import Sequence

from generate import Generated, Run
from generate_pools import Draw, pick, rarely

_GROUPS = ("model", "data", "opt", "model/part", "data/part", "experiment", "experiment/part")
_OPTIONS = ("base", "small", "big", "x-1")
_KEYS = ("lr", "depth", "model", "data", "block", "part", "opt", "seed")
_PACKAGES = ("_global_", "_here_", "model", "other.place", "_global_.opt", "data.part", "")
_STORED = """
@dataclass
class Part:
    lr: float = 0.1
    depth: int = 2
    block: Any = field(default_factory=dict)


@dataclass
class Root:
    seed: int = 1
    model: Any = None
    opt: Part = field(default_factory=Part)
    data: Dict[str, Any] = field(default_factory=dict)


cs = ConfigStore.instance()
"""


def generate(seed: int) -> Generated:
    """A config folder with up to six groups, and the runs to compare."""
    return _World(Draw(seed)).generated()


class _World:
    """What is there to name."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        groups = draw.sample(_GROUPS, draw.randint(1, 5))
        self.options = {group: draw.sample(_OPTIONS, draw.randint(1, 3)) for group in groups}
        self.listed = [group for group in groups if not group.startswith("experiment") and not rarely(draw, 4)]
        self.stored = _stored(draw, groups) if rarely(draw, 3) else []
        self.has_schema = any("base_config" in line for line in self.stored)
        self.has_common = rarely(draw, 6)

    def generated(self) -> Generated:
        files = {
            f"{group}/{name}.yaml": self.option(group, name) for group, names in self.options.items() for name in names
        }
        files["config.yaml"] = self.primary()
        files["train.py"] = _entry_point(self.draw, self.stored)
        if self.has_common:
            files["common.yaml"] = "\n".join(_body(self.draw))
        return Generated({path: text.encode() for path, text in files.items()}, tuple(self.runs()))

    def runs(self) -> list[Run]:
        draw, runs = self.draw, [Run()]
        for _ in range(4):
            chosen = {}
            for group in draw.sample(sorted(self.options), draw.randint(1, min(2, len(self.options)))):
                added = "" if (group in self.listed) != rarely(draw, 12) else "+"
                package = f"@{pick(draw, 'model ¦ other.place ¦ _global_')}" if rarely(draw, 16) else ""
                chosen[f"{added}{group}{package}"] = draw.choice(self.options[group])
            overrides = (f"{draw.choice(_KEYS)}.{draw.choice(_KEYS)}=3",) if rarely(draw, 12) else ()
            runs.append(Run(chosen, overrides))
        return runs

    def option(self, group: str, name: str) -> str:
        draw, head = self.draw, []
        is_set = group.startswith("experiment")
        if rarely(draw, 1.5 if is_set else 6):
            place = "_global_" if is_set or rarely(draw, 2) else draw.choice(_PACKAGES[2:6])
            head = [f"# @package {'_group_' if rarely(draw, 6) else place}"]
        lines = self.defaults(group, name) if rarely(draw, 2) else []
        return "\n".join([*head, *lines, *_body(draw)]) + "\n"

    def primary(self) -> str:
        draw = self.draw
        entries = [self.entry(group, "/" if rarely(draw, 8) else "") for group in self.listed]
        if self.has_schema:
            entries.insert(0, "- base_config")
        if self.has_common:
            entries.insert(draw.randint(0, len(entries)), "- common")
        if not rarely(draw, 5):
            entries.insert(draw.choice([0, len(entries), draw.randint(0, len(entries))]), "- _self_")
        if rarely(draw, 6) and self.listed:
            entries.append(self.override(""))
        if rarely(draw, 6):
            word = "" if rarely(draw, 4) else "override "  # which a version_base of 1.1 does without
            entries.append(f"- {word}hydra/job_logging: none")
        settings = "run: {dir: out} ¦ job: {chdir: false} ¦ verbose: true ¦ job: {name: '${seed}'}"
        settings += " ¦ sweep: {dir: '${hydra.job.num}'}"
        hydra = ["hydra:", f"  {pick(draw, settings)}"] if rarely(draw, 5) else []
        lines = ["defaults:", *(f"  {entry}" for entry in entries)] if entries else []
        return "\n".join([*lines, *_body(draw), *hydra]) + "\n"

    def defaults(self, group: str, own: str) -> list[str]:
        """The defaults list of an option."""
        draw, entries = self.draw, []
        unlisted = [other for other in self.options if other not in self.listed and other != group]
        inner = [other for other in self.options if other.startswith(f"{group}/")]
        # Options name those that come after them, so that hardly any includes itself.
        beside = [name for name in self.options[group] if name > own or rarely(draw, 30)]
        for _ in range(draw.randint(1, 3)):
            kind = draw.randint(0, 9)
            if kind < 4 and beside:
                place = f"@{draw.choice(_PACKAGES[:-1])}" if rarely(draw, 3) else ""
                if rarely(draw, 6):
                    entries.append(f"- .{place or '@_here_'}: {draw.choice(beside)}")
                else:
                    entries.append(f"- {draw.choice(beside)}{place}")
            elif kind < 6 and unlisted:
                other = draw.choice(unlisted)
                here = f"@{draw.choice(_PACKAGES[:-1])}" if rarely(draw, 2) else ""
                entries.append(f"- /{other}/{draw.choice(self.options[other])}{here}")
            elif kind < 8 and unlisted:
                entries.append(self.entry(draw.choice(unlisted), "/"))
            elif inner:
                entries.append(self.entry(inner[0], "", below=group))
        if not rarely(draw, 3):
            entries.insert(draw.randint(0, len(entries)), "- _self_")
        if group.startswith("experiment") and self.listed:
            entries += [self.override("/") for _ in range(draw.randint(0, 2))]
        return ["defaults:", *(f"  {entry}" for entry in entries)] if entries else []

    def entry(self, group: str, slash: str, below: str = "") -> str:
        draw, names = self.draw, self.options[group]
        option = draw.choice(names)
        if rarely(draw, 8):
            option = f"[{', '.join(draw.sample(names, draw.randint(1, len(names))))}]"
        elif rarely(draw, 8) and self.listed:
            option = "${%s}" % draw.choice(self.listed)  # noqa: UP031
        elif rarely(draw, 14):
            option = pick(draw, "null ¦ missing ¦ '???' ¦ base.yaml ¦ sub/base")
        package = f"@{draw.choice(_PACKAGES)}" if rarely(draw, 6) else ""
        word = "optional " if rarely(draw, 6) else ""
        written = group.removeprefix(f"{below}/") if below else group
        return f"- {word}{slash}{written}{package}: {option}"

    def override(self, slash: str) -> str:
        draw = self.draw
        group = draw.choice(self.listed)
        package = f"@{draw.choice(_PACKAGES[:-1])}" if rarely(draw, 16) else ""
        option = "null" if rarely(draw, 12) else draw.choice(self.options[group])
        return f"- override {slash}{group}{package}: {option}"


def _body(draw: Draw) -> list[str]:
    lines = []
    for key in draw.sample(_KEYS, draw.randint(0, 3)):
        lines += _value(draw, key, 2)
    return lines


def _value(draw: Draw, key: str, depth: int) -> Sequence[str]:
    if depth and rarely(draw, 3):
        inner = [line for name in draw.sample(_KEYS, draw.randint(1, 2)) for line in _value(draw, name, depth - 1)]
        return [f"{key}:", *(f"  {line}" for line in inner)]
    plain = "1 ¦ 2.5 ¦ word ¦ null ¦ [1, 2] ¦ [] ¦ {} ¦ '???' ¦ true ¦ 1e-3 ¦ {a: 1}"
    following = "${seed} ¦ ${.lr} ¦ ${model.lr} ¦ ${data} ¦ x-${opt.depth} ¦ ${oc.env:HOME,x} ¦ ${hydra:job.name}"
    return [f"{key}: {pick(draw, following if rarely(draw, 5) else plain)}"]


def _stored(draw: Draw, groups: Sequence[str]) -> list[str]:
    """What is kept in the ConfigStore: a class for the root, and options of groups."""
    lines = []
    if rarely(draw, 2):
        lines.append("cs.store(name='base_config', node=Root)")
    for group in groups:
        if rarely(draw, 2):
            node = pick(draw, "Part ¦ {'lr': 3, 'block': {'a': 1}}")
            place = pick(draw, "_global_ ¦ other.place ¦ _group_")
            package = f", package={place!r}" if rarely(draw, 4) else ""
            name = pick(draw, "stored ¦ base")
            lines.append(f"cs.store(group={group!r}, name={name!r}, node={node}{package})")
    return lines


def _entry_point(draw: Draw, stored: Sequence[str]) -> str:
    base = pick(draw, "version_base=None, ¦ version_base='1.3', ¦ version_base='1.2', ¦ version_base='1.1', ¦ ∅")
    return "\n".join(
        [
            "from dataclasses import dataclass, field",
            "from typing import Any, Dict",
            "",
            "import hydra",
            "from hydra.core.config_store import ConfigStore",
            _STORED if stored else "",
            *stored,
            "",
            f"@hydra.main({base} config_path='.', config_name='config')",
            "def main(cfg):",
            "    pass",
            "",
            "if __name__ == '__main__':",
            "    main()",
            "",
        ]
    )
