"""Configs that no repository has, as everybody makes their own: of a sample beside it, or as git ignores its name."""

from __future__ import annotations

import re
from pathlib import Path

from experiment_setup import files, git
from experiment_setup.facts.experiment import ExperimentContext, once


def is_everybodys_own(context: ExperimentContext, missing: str) -> bool:
    """Whether a config that does not exist is one that everybody makes."""
    return sample_of(context, missing) is not None or git_rule_of(context, missing) is not None


def how_it_is_made(context: ExperimentContext, missing: str) -> tuple[str, str] | None:
    """What is said of such a config, with an advice; None for one that nobody has to make."""
    missing = missing.removesuffix(".yaml")
    sample = sample_of(context, missing)
    if sample is not None:
        return (
            f"there is no {missing}.yaml here, which everybody makes of {sample.name}",
            f"copy {context.relative(sample)} to {missing.rpartition('/')[2]}.yaml, and write your values into it",
        )
    rule = git_rule_of(context, missing)
    if rule is not None:
        return (
            f"there is no {missing}.yaml here, which git ignores ({rule}): everybody makes their own",
            "make it: without it, nothing of this config is composed here",
        )
    return None


def sample_of(context: ExperimentContext, missing: str) -> Path | None:
    """A file such as `local.yaml.sample` or `local_example.yaml` beside a config that does not exist."""
    path = context.experiment.config_dir / missing.removesuffix(".yaml")
    beside = sorted(path.parent.iterdir()) if files.is_folder(path.parent) else []
    sample = re.compile(rf"{re.escape(path.name)}(?:\.yaml)?[._\-](?:sample|example|template|dist)\b")
    return next((one for one in beside if sample.match(one.name)), None)


def git_rule_of(context: ExperimentContext, missing: str) -> str | None:
    """The rule by which git ignores a config that does not exist, if it is meant: `.gitignore:8:conf/local.yaml`."""
    known = _git_rules(context)
    if missing not in known:
        path = context.experiment.config_dir / f"{missing.removesuffix('.yaml')}.yaml"
        known[missing] = git.ignored_by_name(context.project.root, path)
    return known[missing]


def git_rule_over(context: ExperimentContext, missing: str) -> str | None:
    """The rule by which git ignores a config that does not exist, meant or not: `.gitignore:8:data/`."""
    path = context.experiment.config_dir / f"{missing.removesuffix('.yaml')}.yaml"
    return git.ignored_alone(context.project.root, context.project.root, [path]).get(path)


def if_it_is_swallowed(rule: str) -> str:
    """The advice where git ignores what is meant to be in the repository."""
    return f"git ignores what lies there ({rule}): if it is there for you, take that out, or git add -f"


@once
def _git_rules(_: ExperimentContext) -> dict[str, str | None]:
    return {}
