"""Mistakes in YAML files as people make them: one finding each, at the character that is wrong.

`▸` stands before that character. Hydra is asked about every one: what it refuses must be an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from experiment_setup.checking import fix
from experiment_setup.checking.check import Result, check
from experiment_setup.project import Project
from guides import batch
from running import PLAIN_EXPERIMENT, write

MARK = "▸"
HERE = "defaults:\n  - default@_here_\n\n"
NAME = "name: 002-x\n"
CONFIG, TRAIN = PLAIN_EXPERIMENT["config.yaml"], PLAIN_EXPERIMENT["train.py"]
# A third group, and an output folder for every set, so that a second set shares none.
MODEL = {
    "config.yaml": CONFIG.replace("  - env: default\n", "  - env: default\n  - model: default\n"),
    "train.py": TRAIN.replace("output/001-baseline", "output/001-baseline/${exp.name}")
    .replace(
        "@dataclass\nclass Config:\n", "@dataclass\nclass Net:\n    width: int = 8\n\n\n@dataclass\nclass Config:\n"
    )
    .replace("class Config:\n", "class Config:\n    model: Net = field(default_factory=Net)\n")
    .replace('cs.store(group="env"', 'cs.store(group="model", name="default", node=Net)\ncs.store(group="env"'),
    "model/wide.yaml": f"{HERE}width: 16\n",
}
KAGGLE = {
    "config.yaml": CONFIG.replace("exp: default", "exp: base").replace("env: default", "env: local"),
    "train.py": TRAIN[: TRAIN.index("@dataclass")].replace("from dataclasses import dataclass, field\n", "")
    + TRAIN[TRAIN.index("@hydra.main") :].replace("cfg: Config", "cfg"),
    "exp/base.yaml": "name: base\nlr: 1.0e-3\nmodel:\n  leaves: 31\n",
    "exp/001.yaml": "defaults:\n  - base@_here_\n\nname: 001-x\n",
    "env/local.yaml": "output_dir: output/${exp.name}\n",
}


@dataclass(frozen=True)
class Mistake:
    code: str
    files: Mapping[str, str | bytes]
    run: str = "exp=002"
    base: Mapping[str, str] = field(default_factory=lambda: MODEL)
    where: str | None = None  # the file as a whole


def set_(text: str) -> dict[str, str]:
    return {"exp/002.yaml": text}


def config(old: str, new: str) -> dict[str, str]:
    assert old in MODEL["config.yaml"]
    return {"config.yaml": MODEL["config.yaml"].replace(old, new)}


MISTAKES = {
    "here in a third group": Mistake("ES102", {"model/wide.yaml": "defaults:\n  - default@▸_hear_\n"}, "model=wide"),
    "no list in a third group": Mistake(
        "ES101", {"model/wide.yaml": "width: 9\n"}, "model=wide", where="model/wide.yaml"
    ),
    "typo in a third group": Mistake("ES010", {"model/wide.yaml": f"{HERE}▸widht: 9\n"}, "model=wide"),
    "another word for here": Mistake("ES103", set_(f"defaults:\n  - default@▸_there_\n\n{NAME}")),
    "a line without a dash": Mistake("ES102", set_(f"defaults:\n  - default@_here_\n    ▸_self_\n\n{NAME}")),
    "self with a package": Mistake("ES103", set_(f"defaults:\n  - default@_here_\n  - _self_@▸_here_\n\n{NAME}")),
    "colon for at": Mistake("ES115", set_(f"defaults:\n  - default▸: _here_\n\n{NAME}")),
    "quoted entry with a colon": Mistake("ES115", set_(f'defaults:\n  - "default@_here_"▸:\n\n{NAME}')),
    "empty list": Mistake("ES113", set_(f"▸defaults:\n  # - default@_here_\n\n{NAME}")),
    "a full-width dash": Mistake("ES113", set_(f"defaults:\n  ▸－ default@_here_\n\n{NAME}")),
    "a value in the list": Mistake("ES108", set_(f"{HERE[:-1]}  - ▸batch_size: 32\n{NAME}")),
    "a group below exp": Mistake("ES110", set_(f"{HERE[:-1]}  - ▸optimizer: adam\n{NAME}")),
    "a group of the config": Mistake("ES111", set_(f"{HERE[:-1]}  - ▸env: local\n{NAME}")),
    "Hydra's own group": Mistake("ES111", set_(f"{HERE[:-1]}  - ▸override /hydra/job_logging: none\n{NAME}")),
    "a parent of a parent": Mistake(
        "ES110", {**set_(f"defaults:\n  - ▸defalut@_here_\n\n{NAME}"), "exp/003.yaml": "defaults:\n  - 002@_here_\n"}
    ),
    "not UTF-8": Mistake("ES003", set_("") | {"exp/002.yaml": "# 実験\n".encode("cp932")}, where="exp/002.yaml:1:3"),
    "a full-width colon": Mistake("ES003", set_(f"{HERE}{NAME}seed▸：1\nepochs: 2\n")),
    "no space after the colon": Mistake("ES003", set_(f"{HERE}{NAME}seed▸:1\nepochs: 2\n")),
    "a key without end": Mistake("ES003", set_(f"{HERE}{NAME}{'k' * 1025}▸: 1\n")),
    "an open quote": Mistake("ES003", set_(f'{HERE}{NAME}notes: ▸"abc\n')),
    "an open quote above another": Mistake("ES003", set_(f'{HERE}notes: ▸"abc\nseed: 1\nname: "002-x"\n')),
    "an open quote above a sentence": Mistake("ES003", set_(f"{HERE}notes: ▸'abc\nname: 002-x # it's\nseed: 1\n")),
    "an open brace": Mistake("ES003", set_(f"{HERE}{NAME}notes: a ▸${{exp.seed\n")),
    "deeper than the line above": Mistake("ES003", set_(f"{HERE}{NAME}seed: 1\n ▸epochs: 2\n")),
    "a word that is a truth value": Mistake("ES010", set_(f"{HERE}{NAME}▸on: 2\n")),
    "a full-width comment": Mistake("ES230", set_(f"{HERE}{NAME}seed: 1▸　# コメント\n")),
    "typographic quotes around a number": Mistake("ES230", set_(f"{HERE}{NAME}seed: ▸“2”\n")),
    "missing in a nested mapping": Mistake("ES211", set_(f"{HERE}{NAME}seed: ▸???\n")),
    "an interpolation in a text": Mistake("ES012", set_(f"{HERE}{NAME}notes: a/▸${{env.outptu_dir}}/b\n")),
    "a mapping for a key": Mistake("ES003", set_(f"{HERE}{NAME}? ▸seed: “x”\n")),
    "a circle": Mistake("ES012", set_(f"{HERE}{NAME}seed: ▸${{exp.epochs}}\nepochs: ${{exp.seed}}\n")),
    "no list behind an interpolation": Mistake("ES012", set_(f"{HERE}{NAME}fold: ▸${{exp.seed}}\n")),
    "an early override": Mistake(
        "ES130",
        config("  - exp: default\n", "  - ▸override hydra/job_logging: plain\n  - exp: default\n")
        | {
            "config.yaml": MODEL["config.yaml"]
            .replace("  - override hydra/job_logging: none\n", "")
            .replace("  - exp: default\n", "  - ▸override hydra/job_logging: none\n  - exp: default\n")
        },
        "",
    ),
    "a misspelled override": Mistake("ES131", config("override", "▸overide"), ""),
    "a misspelled group": Mistake("ES121", config("env: default", "▸envs: default"), ""),
    "a path for a group": Mistake("ES121", config("env: default", "▸env/default"), "env=local"),
    "a misspelled self": Mistake("ES124", config("_self_", "▸_sefl_"), ""),
    "only comments": Mistake("ES121", {"config.yaml": "# later\n"}, "exp=001", where="config.yaml"),
    "an empty file": Mistake("ES101", set_(""), where="exp/002.yaml"),
    "no base": Mistake("ES117", set_(f"{NAME}lr: 1.0\n"), base=KAGGLE, where="exp/002.yaml"),
    "a dot in a key": Mistake("ES224", set_(f"defaults:\n  - base@_here_\n\n{NAME}▸model.leaves: 63\n"), base=KAGGLE),
    "a block that files set again": Mistake(
        "ES141", {"config.yaml": KAGGLE["config.yaml"].replace("hydra:\n", "exp:\n  ▸lr: 0.5\n\nhydra:\n")}, "", KAGGLE
    ),
}

RIGHT = {
    "an open choice": config("env: default", "env: ???"),
    "a moved group": config("model: default", "model: wide"),
    "a set that gives everything": set_(
        f"{HERE}{NAME}seed: 2\nnotes: 実験「一」 #1番目ではない\n".replace(" #1", "＃1")
    ),
    "a child of a set": set_(f"defaults:\n  - 001@_here_\n  - _self_\n\n{NAME}seed: ${{.epochs}}\n"),
    "four spaces, comments between": set_(
        f"defaults:\n    # 親\n    - default@_here_  # ここ\n\n{NAME}seed: 2  # シード\n"
    ),
}


def build(root: Path, base: Mapping[str, str], files: Mapping[str, str | bytes]) -> tuple[Path, list[str]]:
    """Write the project; the marked places, such as `exp/002.yaml:4:7`."""
    texts: dict[str, str | bytes] = {**PLAIN_EXPERIMENT, **base, **files}
    places = []
    for name, text in texts.items():
        if isinstance(text, str) and MARK in text:
            before, after = text.split(MARK)
            places.append(f"{name}:{before.count(chr(10)) + 1}:{len(before.rpartition(chr(10))[2]) + 1}")
            texts[name] = before + after
    return write(root / "experiments" / "001-baseline", texts), places


def checked(root: Path) -> tuple[Project, Result]:
    project = Project(root.resolve())
    return project, check(project, project.experiments)


@pytest.mark.parametrize("words", MISTAKES)
def test_one_finding_at_the_character(words: str, tmp_path: Path) -> None:
    mistake = MISTAKES[words]
    folder, places = build(tmp_path, mistake.base, mistake.files)
    if mistake.where:
        places = [mistake.where if ":" in mistake.where else f"{mistake.where}:1:1"]
    project, result = checked(tmp_path)
    found = [
        (f.code, f"{f.location.path.relative_to(folder.resolve()).as_posix()}:{f.location.line}:{f.location.column}")
        for f in result.findings
    ]
    assert found == [(mistake.code, place) for place in places]
    assert result.findings[0].help
    if any(finding.fixable and finding.safe for finding in result.findings):
        fix.write(fix.fix(project, project.experiments, result))
        after = checked(tmp_path)[1]
        assert not after.fails()
        assert mistake.code not in {finding.code for finding in after.findings}
        assert hydra_codes([(folder, mistake.run)]) == [0]


def hydra_codes(jobs: list[tuple[Path, str]]) -> list[int]:
    return [code for code, _ in batch([[str(f / "train.py"), "--cfg", "job", *run.split()] for f, run in jobs])]


@pytest.mark.slow
def test_what_hydra_refuses_is_an_error(tmp_path: Path) -> None:
    folders = [build(tmp_path / str(n), m.base, m.files)[0] for n, m in enumerate(MISTAKES.values())]
    codes = hydra_codes([(folder, m.run) for folder, m in zip(folders, MISTAKES.values(), strict=True)])
    refused = [words for words, code in zip(MISTAKES, codes, strict=True) if code]
    assert len(refused) > 15
    for words in refused:
        assert checked(tmp_path / str(list(MISTAKES).index(words)))[1].fails(), words


@pytest.mark.parametrize("words", RIGHT)
def test_what_is_right_is_left_alone(words: str, tmp_path: Path) -> None:
    folder, _ = build(tmp_path, MODEL, RIGHT[words])
    assert checked(tmp_path)[1].findings == []
    run = "exp=002" if (folder / "exp/002.yaml").exists() else "exp=001"
    assert hydra_codes([(folder, f"{run} env=local")]) == [0]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "twice", ["seed: 1\nseed: 2\n", "fold: [0]\nfold:\n  - 1\n  - 2\n", "seed: 1\nepochs: 3\nseed:\n"]
)
def test_a_key_that_stands_twice_hides_nothing_else_of_its_file(tmp_path: Path, twice: str, end: str) -> None:
    """The rest is found where it is found when the key stands once, and it can be told from what a fix could mend."""
    rest = "learning_rat: 3\nbatch_size: 1.5\n"
    write(tmp_path / "experiments/001-baseline", {**PLAIN_EXPERIMENT})
    file = tmp_path / "experiments/001-baseline/exp/001.yaml"

    def found(text: str) -> dict[str, tuple[str, int, bool]]:
        file.write_bytes(text.replace("\n", end).encode())
        project = Project(tmp_path)
        findings = check(project, project.experiments).findings
        assert {finding.location.path for finding in findings} == {file}
        return {f.code: (f.message, len(text.splitlines()) - f.location.line, f.fixable) for f in findings}

    once, both = found(f"{HERE}name: 001-x\n{rest}"), found(f"{HERE}name: 001-x\n{twice}{rest}")
    assert once.keys() == {"ES010", "ES011"}
    assert both.keys() == {"ES003", *once}
    assert {code: both[code][:2] for code in once} == {code: said[:2] for code, said in once.items()}
    assert not any(fixable for _, _, fixable in both.values())
