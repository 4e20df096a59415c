"""`--fix`, `--fix --unsafe` and `--diff` on random mistakes in odd formatting, held against the real Hydra.

The bad examples of a few rules are put into one experiment, and its files are written in odd ways: comments everywhere,
CRLF, a byte order mark, anchors, flow style, block scalars. As a command, for long runs:

    python tests/harness/mending.py --seed 7 --examples 500
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from omegaconf import OmegaConf

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))  # pytest has it already

import generate
from exactness import Oracle
from experiment_setup import cli, naming
from experiment_setup.project import ENVIRONMENTS, SETS, experiment_at
from experiment_setup.rules import ALL
from running import PLAIN_EXPERIMENT, Ran, tree, write

FOLDER = "experiments/001-baseline"
MARK = re.compile(r"<\d+>")  # in every remark that is put in: none may be lost
_TEMPTING = ("defaults: is not here", "- _self_", "- default@_hear_ 残す", "𠮷野家 🧪", "seed: 010")


MENDED = (
    "ES101 ES102 ES103 ES118 ES119 ES106 ES107 ES108 ES110 ES111 ES113 ES221 ES115 ES116 ES117 ES120 ES121 ES122 ES127 "
    "ES142 ES130 ES131 ES201 ES204 ES230 ES223 ES311 ES312 ES343 ES401 ES402 ES407"
).split()
OTHERS = [code for code in ALL if code not in ("ES001", "ES002", "ES325", *MENDED)]  # ES325 prints more than a config


# -- making experiments ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Broken:
    """An experiment's files, by path, and the rules whose mistakes are in it."""

    files: dict[str, bytes]
    codes: tuple[str, ...]

    def __repr__(self) -> str:
        shown = "\n".join(f"--- {name}\n{text.decode('utf-8', 'replace')!s}" for name, text in self.files.items())
        return f"{self.codes}\n{shown}"


def broken(seed: int) -> Broken:
    """One to four mistakes in an experiment whose files are written in odd ways."""
    draw = Random(seed)
    if draw.random() < 0.2:
        files = {name: text for name, text in generate.generate(seed).files.items() if not name.startswith("shared/")}
        codes: tuple[str, ...] = ("generated",)
    else:
        texts, codes = _combined(draw)
        files = {name: text.encode() for name, text in texts.items()}
    numbers = iter(range(1, 10_000))
    return Broken({name: _odd(draw, name, text, numbers) for name, text in files.items()}, codes)


def _combined(draw: Random) -> tuple[dict[str, str], tuple[str, ...]]:
    texts = dict(PLAIN_EXPERIMENT)
    chosen = draw.sample(MENDED, draw.randint(1, 3)) + draw.sample(OTHERS, draw.randint(0, 1))
    done = []
    for code in chosen:
        changed = dict(texts)
        for name, content in ALL[code].bad.items():
            if content is None:
                changed.pop(name, None)
            elif isinstance(content, str):
                place = name
                if place in changed and changed[place] != PLAIN_EXPERIMENT.get(place) and "/" in name:
                    if draw.random() < 0.5 and _merged(changed[place], content):
                        changed[place] = _merged(changed[place], content)
                        continue
                    place = name.replace("00", f"0{draw.randint(1, 9)}", 1)
                    if place in changed:
                        break
                changed[place] = content
            elif all(old in changed.get(name, "") for old, _ in content):
                for old, new in content:
                    changed[name] = changed[name].replace(old, new)
            else:
                break
        else:
            texts = changed
            done.append(code)
    return texts, tuple(done)


def _merged(text: str, other: str) -> str:
    """The values of the other file's body below the text's own."""
    lines = other.split("\n")
    body = [line for line in lines if re.match(r"[a-z_]+: ", line) and not line.startswith("default")]
    new = [line for line in body if line.split(":")[0] + ":" not in text]
    return text.rstrip("\n") + "\n" + "\n".join(new) + "\n" if new else ""


def _loaded(text: str) -> Any:
    try:
        return OmegaConf.to_container(OmegaConf.load(io.StringIO(text)), resolve=False)
    except Exception:
        return None


def _odd(draw: Random, name: str, content: bytes, numbers: Iterator[int]) -> bytes:
    """The file in an odd form that means the same."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    if name.endswith(".py"):
        return _odd_python(draw, text, numbers)
    if not text.strip() or "\r" in text or text.startswith("\ufeff"):
        return content
    for change in (_respelled, _anchored, _block, _commented, _spaced):
        if draw.random() < 0.5:
            changed = change(draw, text, numbers)
            before, after = _loaded(text), _loaded(changed)
            if repr(before) == repr(after) or (change in (_anchored, _block) and after is not None):
                text = changed
    if draw.random() < 0.15:
        text = text.rstrip("\n")
    if draw.random() < 0.2:
        text = text.replace("\n", "\r\n")
    if draw.random() < 0.15:
        text = "\ufeff" + text
    return text.encode()


def _odd_python(draw: Random, text: str, numbers: Iterator[int]) -> bytes:
    lines = []
    for line in text.split("\n"):
        if line.strip() and draw.random() < 0.1 and not line.rstrip().endswith(("(", "\\", '"""')):
            line += f"  # 学習率 🧪 <{next(numbers)}>"
        lines.append(line)
    text = "\n".join(lines)
    if draw.random() < 0.2:
        text = text.replace("\n", "\r\n")
    if draw.random() < 0.1:
        text = "\ufeff" + text
    return text.encode()


def _commented(draw: Random, text: str, numbers: Iterator[int]) -> str:
    lines = []
    often = draw.choice((0.2, 0.9))
    for number, line in enumerate(text.split("\n")):
        if draw.random() < often / 2 and not (number == 0 and "@package" in line):
            indent = " " * draw.choice((0, 2, 4))
            lines.append(f"{indent}# {draw.choice(_TEMPTING)} <{next(numbers)}>")
        if line.strip() and draw.random() < often and not line.lstrip().startswith("#"):
            line += f"{draw.choice(('  ', ' ', chr(9)))}# {draw.choice(_TEMPTING)} <{next(numbers)}>"
        lines.append(line)
    return "\n".join(lines)


def _spaced(draw: Random, text: str, _numbers: Iterator[int]) -> str:
    lines = []
    for line in text.split("\n"):
        if draw.random() < 0.3:
            line += draw.choice((" ", "   ", "\t"))
        lines += [line, *[""] * (draw.random() < 0.1)]
    return "\n".join(lines)


def _respelled(draw: Random, text: str, _numbers: Iterator[int]) -> str:
    how = draw.randint(0, 7)
    if how == 0:
        return re.sub(r"^  - ", "- ", text, flags=re.MULTILINE)
    if how == 1:
        return re.sub(r"^  - ", "      -   ", text, flags=re.MULTILINE)
    if how == 2:
        return re.sub(r"^( *- )([^\s:#\"']+)$", r"\1'\2'", text, flags=re.MULTILINE)
    if how == 3:
        return re.sub(r"^( *- )([^\s:#\"']+)$", r'\1"\2"', text, flags=re.MULTILINE)
    if how == 4:
        data = re.search(r"^defaults:\n((?: +- .*\n)+)", text, flags=re.MULTILINE)
        if data:
            items = [line.strip().removeprefix("- ") for line in data[1].splitlines()]
            flow = f"defaults: [{', '.join(f'{{{i}}}' if ': ' in i else i for i in items)}]\n"
            return text.replace(data[0], flow)
    if how == 5:
        return re.sub(r"^([a-z_]+):(?= )", r'"\1":', text, flags=re.MULTILINE)
    if how == 6:
        return re.sub(r"^([a-z_]+): +(?=\S)", r"\1 :   ", text, flags=re.MULTILINE)
    return f"---\n{text}" if "@package" not in text else text


def _anchored(draw: Random, text: str, _numbers: Iterator[int]) -> str:
    lines = text.split("\n")
    values = [n for n, line in enumerate(lines) if re.match(r"[a-z_]+: [^\s\[\]{}|>&*#]", line)]
    how = draw.randint(0, 3)
    if how == 0 and values:
        at = draw.choice(values)
        key, _, value = lines[at].partition(": ")
        lines[at] = f"{key}: &kept {value}"
        if draw.random() < 0.7:
            other = "model_output_dir" if "base_model" in text else "notes"
            if f"{other}:" not in text:
                lines[len(lines) - 1 :] = [f"{other}: *kept", ""]
    elif how == 1:
        items = [n for n, line in enumerate(lines) if re.match(r" *- [^\s\[\]{}:\"']+$", line)]
        if items:
            at = draw.choice(items)
            lines[at] = lines[at].replace("- ", "- &entry ", 1)
    elif how == 2 and values:
        at = draw.choice(values)
        lines[at] = f"<<: {{{lines[at]}}}"
    elif values:
        at = draw.choice(values)
        key, _, value = lines[at].partition(": ")
        lines[at] = f"{key}: !!{draw.choice(('str', 'int', 'float'))} {value}"
    return "\n".join(lines)


def _block(draw: Random, text: str, _numbers: Iterator[int]) -> str:
    if "notes:" in text or not text.startswith("defaults:") or "learning_rate" not in text:
        return text
    inner = "\n".join(f"  {draw.choice(_TEMPTING)}" for _ in range(3))
    return text.rstrip("\n") + f"\nnotes: {draw.choice(('|', '>-', '|+'))}\n{inner}\n"


# -- what must hold ----------------------------------------------------------------------------------------------------


def call(*arguments: str | Path, cwd: Path) -> Ran:
    """A run of validate.py in this process, which saves the time that Python takes to start."""
    out, err = io.StringIO(), io.StringIO()
    before, place = sys.argv, Path.cwd()
    sys.argv = ["validate.py", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            os.chdir(cwd)
            code = cli.run(importlib.import_module("validate").main)
    finally:
        sys.argv = before
        os.chdir(place)
    return Ran(code, out.getvalue(), err.getvalue())


class Mending:
    """Fixes experiments, and says what is wrong with that."""

    def __init__(self) -> None:
        self.oracle = Oracle()
        self.counts: Counter[str] = Counter()
        self.by_rule: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()

    def complaints(self, example: Broken, place: Path, *, unsafe: bool) -> Iterator[str]:
        """What is wrong with the fixes of the example, which is written to `place`."""
        root = place / "日本 project"
        write(root / FOLDER, example.files)
        first, words = tree(root), ["--unsafe"] * unsafe
        before = call("--format", "json", cwd=root)
        if before.code not in (0, 1):
            self.counts["nothing to check"] += 1
            return
        self.counts["experiments"] += 1
        composed = self._composed(root)
        shown = call("--diff", *words, cwd=root)
        if tree(root) != first:
            yield "--diff writes"
        patched = place / "patched"
        shutil.copytree(root, patched)
        tool = ["patch", "-p1", "-s"] if len(first) % 2 else ["git", "apply", "--whitespace=nowarn", "-"]
        applied = (
            subprocess.run(tool, cwd=patched, input=shown.out.encode(), capture_output=True) if shown.out else None
        )
        if applied is not None and applied.returncode:
            yield f"{tool[0]} takes no such diff: {applied.stderr.decode()}{applied.stdout.decode()}\n{shown.out}"
        fixed = call("--fix", *words, "--format", "json", cwd=root)
        said = json.loads(fixed.out)
        last = tree(root)
        if tree(patched) != last and not (applied and applied.returncode):
            yield f"the diff does not make what --fix makes:\n{shown.out}"
        found, left = json.loads(before.out)["findings"], said["findings"]
        if shown.code != int(first != last or any(f["severity"] == "error" for f in found)):
            yield f"--diff ends with {shown.code}"
        if fixed.code != int(any(f["severity"] == "error" for f in left)):
            yield f"--fix ends with {fixed.code}"
        if (first != last) != bool(said["fixed"]):
            yield f"something was written and nothing is said of it, or the reverse: {said['fixed']}"
        self.counts["fixed"] += len(said["fixed"])
        self.counts["dropped"] += len(said["not_fixed"])
        self.by_rule.update(entry["code"] for entry in said["fixed"])
        self.dropped.update(entry["reason"] for entry in said["not_fixed"])
        yield from self._looked_at(first, last, said["fixed"])
        yield from _findings(found, left, said["fixed"], hidden=None in composed.values())
        again = call("--diff", *words, cwd=root)
        if again.out:
            yield f"a second time changes something:\n{again.out}"
        yield from _compositions(composed, self._composed(root), first, last, unsafe=unsafe)

    def _composed(self, root: Path) -> dict[tuple[str, ...], Any]:
        experiment = experiment_at(root / FOLDER)
        if experiment is None or experiment.entry is None:
            return {}
        named = [[None, *experiment.options(group)] for group in (SETS, ENVIRONMENTS)]
        runs = [
            [naming.override(group, name) for group, name in zip((SETS, ENVIRONMENTS), chosen, strict=True) if name]
            for chosen in product(*named)
        ]
        self.oracle.ask(experiment.entry, root, runs)
        answers = self.oracle.answers()
        self.counts["compositions"] += len(runs)
        return {
            tuple(run): dict(_leaves(OmegaConf.to_container(OmegaConf.create(answer["yaml"]))))
            if "yaml" in answer
            else None
            for run, answer in zip(runs, answers, strict=True)
        }

    def _looked_at(self, first: Mapping[str, bytes], last: Mapping[str, bytes], said: Sequence[Any]) -> Iterator[str]:
        """Remarks, line ends, marks, and how much was changed."""
        marks = [sorted(MARK.findall(b"\n".join(files.values()).decode("utf-8", "replace"))) for files in (first, last)]
        if marks[0] != marks[1]:
            lost, added = (Counter(one) - Counter(other) for one, other in (marks, marks[::-1]))
            yield f"remarks are lost or doubled: {lost} {added}"
        for name in first.keys() | last.keys():
            old = first.get(name)
            new = last.get(name)
            if new is None and name.endswith((".yml", ".YAML", ".YML")):
                new = last.get(str(Path(name).with_suffix(".yaml")))
                if new is None:
                    yield f"{name} is gone"
                continue
            if old is None or new is None or old == new:
                continue
            if old.startswith(b"\xef\xbb\xbf") != new.startswith(b"\xef\xbb\xbf"):
                yield f"{name}: byte order mark"
            if (b"\r\n" in old) and new.replace(b"\r\n", b"").count(b"\n") > old.replace(b"\r\n", b"").count(b"\n"):
                yield f"{name}: line ends are mixed now"
            one, other = old.decode().split("\n"), new.decode().split("\n")
            ops = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
            gone = sum(b - a for tag, a, b, _, _ in ops if tag != "equal")
            count = sum(name == entry["path"] for entry in said)
            if gone > 3 * count:
                yield f"{name}: {gone} lines changed for {count} findings:\n{old.decode()}\n->\n{new.decode()}"


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, repr(value)


def _findings(before: Sequence[Any], after: Sequence[Any], said: Sequence[Any], *, hidden: bool) -> Iterator[str]:
    known = {finding["code"] for finding in before}
    new = [f for f in after if f["severity"] == "error" and f["code"] not in known]
    hidden = hidden or any(entry["code"] == "ES221" for entry in said)
    if new and not hidden:  # what Hydra did not come to, or did not see, comes out
        yield "new errors: " + "; ".join(f"{f['path']}:{f['line']} {f['code']} {f['message']}" for f in new)
    for entry in said:
        same = [
            f for f in after if (f["code"], f["path"], f["message"]) == (entry["code"], entry["path"], entry["message"])
        ]
        if same:
            yield f"still there: {entry}"


def _compositions(
    before: Mapping[tuple[str, ...], Any],
    after: Mapping[tuple[str, ...], Any],
    first: Mapping[str, bytes],
    last: Mapping[str, bytes],
    *,
    unsafe: bool,
) -> Iterator[str]:
    touched, listed, given = set(), False, set()
    for name in first.keys() | last.keys():
        old, new = first.get(name, b"").decode("utf-8", "replace"), last.get(name, b"").decode("utf-8", "replace")
        if old == new:
            continue
        lines = [line[1:] for line in difflib.ndiff(old.split("\n"), new.split("\n")) if line[0] in "+-"]
        touched |= {match[1] for line in lines if (match := re.match(r"\s*\"?([^\s:\"]+)\"?\s*:", line))}
        touched |= {word for line in lines for word in re.findall(r"[a-z_]+", line.split("#")[0])}
        listed |= any("@" in line or line.strip().startswith("-") or "efault" in line for line in lines)
    for text in last.values():
        given |= {value.strip("'\"") for _, value in _leaves(_loaded(text.decode("utf-8", "replace")) or {})}
    for run, old in before.items():
        new = after.get(run)
        if old is None:
            continue
        if new is None:
            yield f"{run} composed before, and does not now"
            continue
        for key in sorted(old.keys() | new.keys()):
            was, now = old.get(key), new.get(key)
            if was == now or not key or key[-1] in touched or (listed and was is None):
                continue
            if listed and now is None and (len(key) != 2 or key[0] not in (SETS, ENVIRONMENTS)):
                continue
            if listed and now is not None and now.strip("'\"") in given | {_number(g) for g in given}:
                continue
            if not unsafe:
                yield f"{run}: {'.'.join(key)} was {was}, and is {now}"


def _number(text: str) -> str:
    try:
        return repr(float(text))
    except ValueError:
        return text


def complaints(seed: int, mending: Mending) -> Iterator[str]:
    """What is wrong with the fixes, safe and unsafe, of the experiment of a seed."""
    example = broken(seed)
    for unsafe in (False, True):
        with tempfile.TemporaryDirectory(prefix="mend ") as folder:
            found = list(mending.complaints(example, Path(folder), unsafe=unsafe))
        if found:
            yield "\n".join([f"=== seed {seed} unsafe={unsafe}: {example!r}", "--- complaints", *found])


def main() -> int:
    """Run it; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the run: the same one makes the same experiments")
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--only", type=int, nargs="+", metavar="SEED", help="the experiments of these seeds")
    arguments = parser.parse_args()
    draw = Random(arguments.seed)
    mending, wrong = Mending(), 0
    for seed in arguments.only or [draw.randrange(2**40) for _ in range(arguments.examples)]:
        for words in complaints(seed, mending):
            wrong += 1
            print(words, flush=True)
    print(json.dumps({**mending.counts, "wrong": wrong, **mending.by_rule, **mending.dropped}, ensure_ascii=False))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
