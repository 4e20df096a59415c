"""`# noqa` comments: what they silence, what they don't, and what is said about those that silence nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiment_setup.reading import suppression
from running import run, write

pytestmark = pytest.mark.any_hydra

TYPO = "learning_rte: 1e-4"
HEAD = "defaults:\n  - default@_here_\n\nname: 001-lr\n"


def codes(project: Path, *arguments: str) -> list[tuple[str, int]]:
    found = run("validate.py", "--json", *arguments, cwd=project).json["findings"]
    return [(finding["code"], finding["line"]) for finding in found]


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "#noqa",
        "# NOQA",
        "# noqa: ES010",
        "# noqa:ES010",
        "# noqa: es010",
        "# noqa: ES01",
        "# noqa: ES0",
        "# noqa: ES010 the paper calls it so",
        "# 論文の名前  # noqa: ES010",
    ],
)
def test_a_line_is_silenced(project: Path, experiment: Path, comment: str) -> None:
    write(experiment, {"exp/001.yaml": f"{HEAD}{TYPO}  {comment}\n"})
    assert codes(project) == []


@pytest.mark.parametrize("separator", [", ", ",", " "])
def test_several_codes(project: Path, experiment: Path, separator: str) -> None:
    write(experiment, {"exp/001.yaml": f"{HEAD}{TYPO}  # noqa: ES010{separator}ES011\n"})
    assert codes(project) == [("ES602", 5)], "ES010 is silenced, ES011 silences nothing"


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}# noqa: ES010\n{TYPO}\n",
        f"{HEAD}{TYPO}\n# noqa\n",
        f"{HEAD}{TYPO}  # noqa: ES011\n",
        f"{HEAD}{TYPO}  # noqa-like\n",
        f"{HEAD}notes: '# noqa-file: ES010'\n{TYPO}\n",
        HEAD.replace("001-lr", "'# noqa'") + f"{TYPO}\n",
        f"{HEAD}{TYPO}\nnotes: |\n  # noqa-file: ES010\n",
    ],
)
def test_another_line_another_code_and_a_value_silence_nothing(project: Path, experiment: Path, text: str) -> None:
    write(experiment, {"exp/001.yaml": text})
    assert "ES010" in {code for code, _ in codes(project)}


@pytest.mark.parametrize("word", ["ES010", "ES0", "es010", "ES010, ES012"])
def test_a_file_is_silenced(project: Path, experiment: Path, word: str) -> None:
    write(experiment, {"exp/001.yaml": f"# noqa-file: {word}\n{HEAD}{TYPO}\n"})
    assert [code for code, _ in codes(project) if code != "ES602"] == []


def test_a_file_is_not_silenced_from_its_end(project: Path, experiment: Path) -> None:
    write(experiment, {"exp/001.yaml": HEAD + "\n" * 10 + f"# noqa-file: ES010\n{TYPO}\n"})
    assert codes(project) == [("ES010", 16)]


def test_a_finding_about_a_file_as_a_whole(project: Path, experiment: Path) -> None:
    write(experiment, {"exp/001.yaml": "\nname: 001-lr\nlearning_rate: 1e-4\n"})
    assert codes(project)[0] == ("ES101", 1)
    write(experiment, {"exp/001.yaml": "# noqa-file: ES101\nname: 001-lr\nlearning_rate: 1e-4\n"})
    assert codes(project) == []


def test_python(project: Path, experiment: Path) -> None:
    """Unused code of other linters is their business; a string is not a comment."""
    text = (experiment / "train.py").read_text("utf-8")
    text = text.replace("import hydra\n", "import hydra  # noqa: F401, I001\nNOTE = '# noqa: ES999'  # noqa\n")
    write(experiment, {"train.py": text})
    assert codes(project) == []
    write(experiment, {"train.py": text.replace("F401", "ES010, ES999")})
    assert [code for code, _ in codes(project)] == ["ES602", "ES601"]


def test_unknown_and_unused_are_told_apart(project: Path, experiment: Path) -> None:
    write(experiment, {"exp/001.yaml": f"# noqa-file\n{HEAD}seed: 1  # noqa: unknown-key, ES010\n"})
    found = run("validate.py", "--json", cwd=project).json["findings"]
    assert [(f["code"], f["line"], f["column"], f["severity"]) for f in found] == [
        ("ES601", 1, 1, "info"),
        ("ES601", 6, 18, "info"),
        ("ES602", 6, 31, "info"),
    ]
    assert "did you mean ES010?" in found[1]["message"]


def test_selection_does_not_make_a_comment_unused(project: Path, experiment: Path) -> None:
    write(experiment, {"exp/001.yaml": f"{HEAD}{TYPO}  # noqa: ES010\n"})
    assert codes(project, "--select", "ES011,ES602") == []


def test_a_file_that_is_no_yaml_has_comments_all_the_same(tmp_path: Path) -> None:
    [found] = suppression.parse(tmp_path / "a.yaml", "a: [\nb: }  # noqa: ES003\n")
    assert (found.location.line, found.location.column) == (2, 7)
    assert [code.word for code in found.codes] == ["ES003"]


def test_bom_and_crlf(project: Path, experiment: Path) -> None:
    text = f"\ufeff# noqa-file: ES010\r\n{HEAD}{TYPO}\n".replace("\n", "\r\n").replace("\r\r", "\r")
    write(experiment, {"exp/001.yaml": text.encode()})
    assert "ES010" not in {code for code, _ in codes(project)}
