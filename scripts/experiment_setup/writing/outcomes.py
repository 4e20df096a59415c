"""How the writing commands say what they did: what was made, what was left alone, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from experiment_setup.cli import note
from experiment_setup.commands import Next, next_commands
from experiment_setup.project import ENVIRONMENTS, Project
from experiment_setup.reading import source
from experiment_setup.writing import option_file
from experiment_setup.writing.new_folder import Report
from experiment_setup.writing.new_option import Outcome
from experiment_setup.writing.node_values import Setting, plain_data

_SHOWN = 20  # lines of a list; more would bury the rest


def data(project: Project, outcome: Outcome, following: Next, *, dry_run: bool) -> dict[str, Any]:
    """The JSON object of add_exp.py and add_env.py."""
    return {
        "version": 1,
        "dry_run": dry_run,
        "created": [
            {
                "path": project.relative(option.path),
                "option": option.option,
                "differences": _plain(option.settings),
                "text": option.text,
            }
            for option in outcome.created
        ],
        "existing": [{"option": option, "differences": _plain(settings)} for option, settings in outcome.existing],
        "left_out": outcome.at_base,
        "notes": outcome.notes,
        **following.data(),
    }


def print_text(project: Project, outcome: Outcome, following: Next, group: str, *, dry_run: bool) -> None:
    """The same facts for people; notes go to stderr."""
    for option in outcome.created[:_SHOWN]:
        verb = "would make" if dry_run else "made"
        print(f"{verb} {project.relative(option.path)}   {option_file.summary(option.settings)}".rstrip())
    if len(outcome.created) > _SHOWN:
        print(f"… and {len(outcome.created) - _SHOWN} more, through {outcome.created[-1].path.name}")
    for name, settings in outcome.existing[:_SHOWN]:
        print(f"nothing to write: {group}={name} is this already   {option_file.summary(settings)}".rstrip())
    for key, value in outcome.at_base.items():
        print(f"left out: {key}={source.scalar(value)} is what it inherits already")
    if len(outcome.created) == 1:
        print()
        print(outcome.created[0].text.rstrip())
    for words in outcome.notes:
        note(f"note: {words}")
    _print_next(project, following)


def experiment_data(project: Project, report: Report, *, dry_run: bool) -> dict[str, Any]:
    """The JSON object of new_experiment.py."""
    return {
        "version": 1,
        "dry_run": dry_run,
        "path": project.relative(report.path),
        "name": report.name,
        "from": report.source,
        "tracker": report.tracker,
        "files": report.files,
        "notebook_files": report.notebook_files,
        "left_behind": report.left_behind,
        "renamed": report.renamed,
        "kept_mentions": report.kept_mentions,
        "parameter_set": _first(report),
        "left_out": report.option.at_base if report.option else {},
        "config": plain_data(report.config),
        "notes": report.notes,
        **_next_of(project, report).data(),
    }


def print_experiment(project: Project, report: Report, *, dry_run: bool) -> None:
    """The same facts for people; notes go to stderr."""
    verb = "would make" if dry_run else "made"
    print(f"{verb} {project.relative(report.path)}/ from {report.source}")
    for name in report.files[:_SHOWN]:
        count = report.renamed.get(name)
        print(f"  {name}" + (f"   ({count} mention{'s' if count > 1 else ''} renamed)" if count else ""))
    if len(report.files) > _SHOWN:
        print(f"  … and {len(report.files) - _SHOWN} more")
    for name in report.notebook_files:
        print(f"{verb} {name}")
    if report.tracker:
        print(f"tracker: {report.tracker}")
    if report.left_behind:
        shown = ", ".join(report.left_behind[:10])
        more = len(report.left_behind) - 10
        print(f"left behind in {report.source}: {shown}" + (f" and {more} more" if more > 0 else ""))
    for key, value in (report.option.at_base if report.option else {}).items():
        print(f"left out: {key}={source.scalar(value)} is the default already")
    option = _first(report)
    print(f"\n# the config{f' of exp={option}' if option else ''}")
    print(OmegaConf.to_yaml(OmegaConf.create(plain_data(report.config))).rstrip())
    for place in report.kept_mentions[:_SHOWN]:
        note(f"note: a comment still names the old experiment: {place}")
    for words in report.notes:
        note(f"note: {words}")
    _print_next(project, _next_of(project, report))


def _first(report: Report) -> str | None:
    created = report.option.created if report.option else []
    return created[0].option if created else None


def _next_of(project: Project, report: Report) -> Next:
    if report.experiment is None:
        return Next()
    option, environments = _first(report), report.experiment.options(ENVIRONMENTS)
    return next_commands(project, report.experiment, [option] if option else [], [None, *environments])


def _print_next(project: Project, following: Next) -> None:
    if following.commands:
        here, root = Path.cwd().resolve(), project.root.resolve()
        where = root.relative_to(here).as_posix() if root.is_relative_to(here) else str(root)
        print("\nnext:" if here == root else f"\nnext, in {where}:")
        for command in following.commands:
            print(f"  {command}")
    for missing in following.missing:
        note(f"missing: {missing.module}, which the code imports and nothing here has: {missing.help}")


def _plain(settings: Mapping[str, Setting]) -> dict[str, Any]:
    return {key: setting.value for key, setting in settings.items()}
