"""What a grader can look at: each function makes a check, which returns its evidence or raises Failed with it.

Checks look at files and at what the real Hydra composes, never at prose, and leave open what a user would leave open:
the words of a name, the order of keys, comments. A check that nothing was done for fails.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

import yaml

from evals.work import Failed, Work, same

Check = Callable[[Work], str]
Values = Mapping[str, Any]

RUNS = ("output/*", "outputs/*", "multirun/*")  # what a trial run leaves; looked at only where a task is about it
NAMES = ("exp.name", "exp.notes", "exp.description")  # for the agent to choose


def require(condition: object, evidence: str) -> None:
    """Raise Failed with the evidence unless the condition holds."""
    if not condition:
        raise Failed(evidence)


# -- files ------------------------------------------------------------------------------------------------------------


def only(added: Sequence[str] = (), changed: Sequence[str] = ()) -> Check:
    """Something was done, and nothing but files that match `added` is new, nothing but those of `changed` differs."""

    def check(work: Work) -> str:
        new = [path for path in work.added if not _matches(path, RUNS)]
        differ = [path for path in work.changed if not _matches(path, RUNS)]
        beyond = [f"new: {path}" for path in new if not _matches(path, added)]
        beyond += [f"changed or gone: {path}" for path in differ if not _matches(path, changed)]
        require(not beyond, "; ".join(beyond))
        require(new or differ, "no file was added or changed")
        return f"new: {', '.join(new) or 'none'}; changed: {', '.join(differ) or 'none'}"

    return check


def kept_files(*patterns: str) -> Check:
    """What was given and matches is there as it was."""

    def check(work: Work) -> str:
        lost = [path for path in work.changed if _matches(path, patterns)]
        require(not lost, f"changed or gone: {', '.join(lost)}")
        return f"{sum(_matches(path, patterns) for path in work.before)} files as they were"

    return check


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


# -- new parameter sets and environments ------------------------------------------------------------------------------


def new_sets(experiment: str, count: int, named: str = "") -> Check:
    """So many parameter sets are new, their names begin so, and `exp=NAME` chooses each."""

    def check(work: Work) -> str:
        names = work.new_options(experiment, "exp")
        good = len(names) == count and all(name.startswith(named) for name in names)
        require(good, f"{len(names)} new in {experiment}/exp: {', '.join(names) or 'none'}")
        for name in names:
            work.compose(experiment, f"exp={name}")
        return f"Hydra composes {', '.join(f'exp={name}' for name in names)}"

    return check


def set_values(experiment: str, *expected: Values) -> Check:
    """For each of `expected` there is a new set that composes to these values."""

    def check(work: Work) -> str:
        names = work.new_options(experiment, "exp")
        require(names, f"no new set in {experiment}/exp")
        return "; ".join(_find(work, experiment, [(f"exp={name}",) for name in names], values) for values in expected)

    return check


def rest_kept(experiment: str, *asked: str, base: Sequence[str] = (), names: Sequence[str] = NAMES) -> Check:
    """In each new set every value but `asked` (and the names) is that of `base`: none is lost, none came."""

    def check(work: Work) -> str:
        new = work.new_options(experiment, "exp")
        require(new, f"no new set in {experiment}/exp")
        for name in new:
            _equal_but(work, experiment, (f"exp={name}",), base, (*asked, *names))
        return f"{', '.join(new)}: all other values as with {' '.join(base) or 'the defaults'}"

    return check


def _equal_but(work: Work, experiment: str, chosen: Sequence[str], base: Sequence[str], but: Sequence[str]) -> None:
    """Compare two compositions, without the keys in `but` and what is made of a name."""
    got, expected = work.compose(experiment, *chosen), work.compose(experiment, *base)
    for key in [*expected, *(key for key in got if key not in expected)]:
        if key in but:
            continue
        require(key in expected, f"{' '.join(chosen)}: {key} is a key that {' '.join(base) or 'the default'} has not")
        require(key in got, f"{' '.join(chosen)}: {key} is gone")
        made_of_name = str(expected[key]).replace(str(expected.get("exp.name")), str(got.get("exp.name")))
        good = same(got[key], expected[key]) or same(got[key], made_of_name)
        require(good, f"{' '.join(chosen)}: {key} is {got[key]!r}, not {expected[key]!r}")


def _find(work: Work, experiment: str, choices: Sequence[Sequence[str]], values: Values) -> str:
    """Evidence that one of the choices composes to the values."""
    said = []
    for choice in choices:
        try:
            got = work.compose(experiment, *choice)
        except Failed as failed:  # another may do
            said.append(str(failed))
            continue
        if all(key in got and same(got[key], value) for key, value in values.items()):
            return f"{' '.join(choice) or 'the default'}: {_text(values)}"
        said.append(f"{' '.join(choice) or 'the default'}: {_text({key: got.get(key, '(none)') for key in values})}")
    raise Failed(f"none has {_text(values)}; {'; '.join(said)}")


def _text(values: Values) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in values.items())


def own_folders(*experiments: str, keys: Sequence[str] = ("env.output_dir",)) -> Check:
    """No two sets write to one folder; something is new."""

    def check(work: Work) -> str:
        require([path for path in [*work.added, *work.changed] if not _matches(path, RUNS)], "nothing was done")
        for key in keys:
            where: dict[Any, str] = {}
            for label, got in _all_sets(work, experiments):
                require(got.get(key) not in where, f"{label} writes to {got.get(key)}, as {where.get(got.get(key))}")
                where[got.get(key)] = label
        return f"{len(where)} sets, each with its own {' and '.join(keys)}"

    return check


def _all_sets(work: Work, experiments: Sequence[str]) -> Iterator[tuple[str, Values]]:
    for experiment in experiments:
        for name in work.options(experiment, "exp"):
            yield f"{experiment} exp={name}", work.compose(experiment, f"exp={name}")


def machine(experiment: str, values: Values) -> Check:
    """A new environment gives the values; parameters and every other value stay as they were."""

    def check(work: Work) -> str:
        made = [(f"env={name}",) for name in work.new_options(experiment, "env")]
        require(made, f"no new file in {experiment}/env")
        found = _find(work, experiment, made, values)
        for choice in made:
            _equal_but(work, experiment, choice, (), tuple(values))
        return found

    return check


def follows(experiment: str, parent: str, line: tuple[str, str], key: str, value: Any) -> Check:
    """A new set takes the value of `key` from its parent: it changes with the line of the parent's file."""

    def check(work: Work) -> str:
        names = work.new_options(experiment, "exp")
        require(names, f"no new set in {experiment}/exp")
        with work.trial() as root:
            file = root / experiment / "exp" / f"{parent}.yaml"
            file.write_text(file.read_text(encoding="utf-8").replace(*line), encoding="utf-8")
            entry = root / work.entry(experiment).relative_to(work.root)
            for name in names:
                got = work.compose_entry(entry, f"exp={name}").get(key)
                require(same(got, value), f"with {line[1]!r} in {parent}.yaml, exp={name} has {key}={got!r}")
        return f"with {line[1]!r} in {parent}.yaml, {', '.join(names)}: {key}={value!r}"

    return check


# -- configs ----------------------------------------------------------------------------------------------------------


def composes(experiment: str, choice: str, values: Values) -> Check:
    """This choice (overrides, or nothing for the default) composes to these values."""
    return lambda work: _find(work, experiment, [choice.split()], values)


def refused(experiment: str, *overrides: str, accepted: str = "") -> Check:
    """Hydra refuses these, unknown keys and wrong types, and accepts what is right."""

    def check(work: Work) -> str:
        work.compose(experiment, *accepted.split())
        for override in overrides:
            require(work.refuses(experiment, override), f"{override} is accepted")
        return f"refused: {', '.join(overrides)}"

    return check


def nothing_open(*experiments: str) -> Check:
    """No set leaves a value at ??? or an interpolation broken."""

    def check(work: Work) -> str:
        count = 0
        for experiment in experiments:
            for label, got in _all_sets(work, [experiment]):
                left = [key for key, value in got.items() if value == "???"]
                require(not left, f"{label}: {', '.join(left)} is ???")
                count += 1
        return f"{count} configs without ???"

    return check


def unchanged_meaning(experiment: str, *choices: str) -> Check:
    """What was right composes as it did before; something was done elsewhere."""

    def check(work: Work) -> str:
        require(work.changed or work.added, "nothing was done")
        entry = work.entry(experiment)
        given = work.folder / "before" / entry.relative_to(work.root)
        for choice in choices:
            got, expected = work.compose(experiment, *choice.split()), work.compose_entry(given, *choice.split())
            differ = [key for key, value in expected.items() if key not in got or not same(got[key], value)]
            require(not differ, f"{choice}: {', '.join(differ)} came out differently")
        return f"as before: {', '.join(choices)}"

    return check


# -- new experiments --------------------------------------------------------------------------------------------------


def new_experiment(pattern: str) -> Check:
    """One experiment is new; its folder matches; Hydra composes it."""

    def check(work: Work) -> str:
        work.compose(_new(work, pattern))
        return f"{_new(work, pattern)} composes"

    return check


def new_has(pattern: str, values: Values, base: str = "") -> Check:
    """A set of the new experiment (or its defaults) has the values; with `base`, the defaults are that experiment's."""

    def check(work: Work) -> str:
        new = _new(work, pattern)
        found = _find(work, new, [*((f"exp={name}",) for name in work.options(new, "exp")), ()], values)
        if base:
            got, expected = work.compose(new), work.compose(base)
            old = base.rpartition("/")[2]
            for key, value in expected.items():
                own = key in values or old in str(value)  # a folder of its own is another check
                good = key in got and (own or same(got[key], value))
                require(good, f"{key} is {got.get(key, '(none)')!r} by default, in {old} {value!r}")
        return found

    return check


def new_apart(pattern: str, *others: str, keys: Sequence[str]) -> Check:
    """No set of the new experiment writes where another experiment does."""

    def check(work: Work) -> str:
        new = _new(work, pattern)
        names = [other.rpartition("/")[2] for other in others]
        for label, got in [("the default", work.compose(new)), *_all_sets(work, [new])]:
            for key in keys:
                hit = [name for name in names if name in str(got.get(key))]
                require(key in got and not hit, f"{label}: {key} is {got.get(key)}")
        return f"{' and '.join(keys)} of {new} are its own"

    return check


def new_refuses(pattern: str, *overrides: str) -> Check:
    """Hydra refuses these in the new experiment."""
    return lambda work: refused(_new(work, pattern), *overrides)(work)


def new_config_holds(pattern: str, *keys: str) -> Check:
    """The new experiment's config.yaml has no keys but these."""

    def check(work: Work) -> str:
        file = f"{_new(work, pattern)}/config.yaml"
        require(file in work.after, f"there is no {file}")
        found = list(yaml.safe_load(work.after[file]) or {})
        require(set(found) <= set(keys), f"{file} has {', '.join(found)}")
        return f"{file} has {', '.join(found)}"

    return check


def new_prints(pattern: str, *texts: str) -> Check:
    """The new experiment runs and prints these texts."""

    def check(work: Work) -> str:
        entry = work.entry(_new(work, pattern))
        with work.trial() as root:
            ran = work.hydra.run(root / entry.relative_to(work.root))
        require(ran["code"] == 0, f"it stops: {ran['err'][-300:]}")
        lacking = [text for text in texts if text not in ran["out"]]
        require(not lacking, f"it printed {ran['out'].strip()[-300:]!r}, without {', '.join(lacking)}")
        return f"it printed {ran['out'].strip()[-300:]!r}"

    return check


def _new(work: Work, pattern: str) -> str:
    found = work.new_experiments()
    require(len(found) == 1, f"new experiments: {', '.join(found) or 'none'}")
    require(re.fullmatch(pattern, found[0]), f"the new experiment is {found[0]}, not {pattern}")
    return found[0]


# -- single tasks -----------------------------------------------------------------------------------------------------


def jobs_done(folder: str, *expected: tuple[str, int]) -> Check:
    """Each of these jobs (set, seed) has one finished result below the folder; no other job has a new one."""

    def check(work: Work) -> str:
        results = {path: json.loads(text) for path, text in work.after.items() if path.endswith("/result.json")}
        done = [path for path, record in results.items() if path.startswith(folder) and record["status"] == "done"]
        fresh = [path for path in done if path not in work.before or path in work.changed]
        # One run may lie in two places: its start tells it from another.
        runs = {(results[path]["set"], results[path]["seed"], results[path]["started"]) for path in fresh}
        ran = sorted((name, seed) for name, seed, _ in runs)
        require(ran == sorted(expected), f"finished since: {ran or 'none'}, expected {sorted(expected)}")
        return f"finished since: {ran}"

    return check


def notebook_config(path: str, variables: Mapping[str, tuple[str, str]]) -> Check:
    """The notebook's cells run one after the other; each variable is then what Hydra composes."""

    def check(work: Work) -> str:
        require(path in work.after, f"there is no {path}")
        cells = json.loads(work.after[path])["cells"]
        code = [_plain("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
        start = "import os\n_dh, display = [os.getcwd()], print"  # as in a kernel; Hydra looks for _dh
        ask = (
            "import json\nfrom omegaconf import OmegaConf as _O\nprint('\\n' + json.dumps({_n: _O.to_container("
            f"_O.create(globals()[_n]), resolve=True) for _n in {list(variables)!r}}}))"
        )
        with work.trial() as root:
            ran = subprocess.run(
                [work.hydra.python, "-c", "\n\n".join([start, *code, ask])],
                cwd=(root / path).parent,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=120,
            )
        require(ran.returncode == 0, f"its cells stop: {ran.stderr.strip()[-300:]}")
        found = json.loads(ran.stdout.splitlines()[-1])
        for name, (experiment, choice) in variables.items():
            expected = work.compose(experiment, choice)
            for key, value in expected.items():
                got: Any = found[name]
                for part in key.split("."):
                    require(isinstance(got, dict) and part in got, f"{name} has no {key}")
                    got = got[part]
                require(same(got, value), f"{name}.{key} is {got!r}, not {value!r}")
        return f"{', '.join(variables)} are what Hydra composes"

    return check


def _plain(cell: str) -> str:
    """A cell without the lines that only IPython reads."""
    return "\n".join(line for line in cell.splitlines() if not line.lstrip().startswith(("%", "!")))


def writes_below(experiment: str, choice: str, word: str, keys: Sequence[str]) -> Check:
    """These folders have the word in their path."""

    def check(work: Work) -> str:
        got = work.compose(experiment, choice)
        found = {key: str(got.get(key)) for key in keys}
        require(all(word in path for path in found.values()), _text(found))
        return _text(found)

    return check


def fields_are(experiment: str, *names: str, choice: str = "") -> Check:
    """The parameters (by default, or with a choice) are these and no others; something was done."""

    def check(work: Work) -> str:
        require(work.changed or work.added, "nothing was done")
        got = work.compose(experiment, *choice.split())
        found = sorted({key.split(".")[1] for key in got if key.startswith("exp.")})
        require(found == sorted(names), f"exp has {', '.join(found)}")
        return f"exp has {', '.join(found)}"

    return check


def every(*checks: Check) -> Check:
    """All of these."""
    return lambda work: "; ".join(check(work) for check in checks)
