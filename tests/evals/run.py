"""Evaluations of the skill: set up a task, let an agent work on it, grade what it left; README.md says how."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evals import setting, trials, triggers
from evals.work import Hydra, NoHydra


def main(words: list[str] | None = None) -> int:
    """Run one of the commands; the exit code: 0 all passed, 1 not all, 2 wrong usage, 3 no Hydra, 130 interrupted."""
    options = _parser().parse_args(words)
    hydra = Hydra(options.python)
    try:
        return _do(options, hydra)
    except (FileExistsError, NoHydra) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, FileExistsError) else 3
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with what is not finished", file=sys.stderr)
        return 130
    finally:
        hydra.close()


def _do(options: argparse.Namespace, hydra: Hydra) -> int:
    tasks = setting.tasks()
    if options.command == "list":
        for task in tasks.values():
            print(f"{task.id:3}  {task.prompt.splitlines()[0][:100]}")
        return 0
    if options.command == "setup":
        project = setting.set_up(tasks[options.id], options.to, options.skill)
        print(f"{project}\nprompt: {project.parent / 'prompt.txt'}")
        return 0
    if options.command == "grade":
        grading = setting.grade(options.id, options.folder, hydra)
        print(json.dumps(grading, indent=2, ensure_ascii=False))
        return int(grading["summary"]["failed"] > 0)
    if options.command == "triggers":
        measured = triggers.measure(options.agent, options.runs, options.timeout)
        print(json.dumps(measured, indent=2, ensure_ascii=False))
        return int(measured["summary"]["passed"] < measured["summary"]["total"])
    chosen = [tasks[number] for number in options.tasks or tasks]
    arms = [options.arm] if options.arm else list(trials.ARMS)
    iteration = trials.run_all(
        chosen, options.out, options.agent, options.runs, options.timeout, arms, options.new, hydra
    )
    found = json.loads((iteration / "benchmark.json").read_text(encoding="utf-8"))
    print(json.dumps(found, indent=2))
    return int(any(found["run_summary"][arm]["all_passed"]["mean"] < 1 for arm in arms))


def _parser() -> argparse.ArgumentParser:
    known = sorted(setting.tasks())
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="the interpreter with hydra-core that graders ask")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the tasks")

    setup = commands.add_parser("setup", help="make DIR/project for an agent to work in")
    setup.add_argument("id", type=int, choices=known, metavar="ID")
    setup.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new folder")
    setup.add_argument("--skill", action=argparse.BooleanOptionalAction, default=True, help="install the skill in it")

    graded = commands.add_parser("grade", help="print grading.json of DIR; exit code 1 unless all passed")
    graded.add_argument("id", type=int, choices=known, metavar="ID")
    graded.add_argument("folder", type=_made, metavar="DIR", help="what setup made")

    every = commands.add_parser("all", help="try an agent on the tasks, with and without the skill")
    _agent(every)
    every.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="for iteration-N/; goes on with the newest"
    )
    every.add_argument("--new", action="store_true", help="begin another iteration")
    every.add_argument("--tasks", type=int, nargs="+", choices=known, metavar="ID", help="default: all")
    every.add_argument("--arm", choices=list(trials.ARMS), help="default: both")

    asked = commands.add_parser("triggers", help="ask an agent which of several skills it would load for each query")
    _agent(asked, runs=3, timeout=120)
    return parser


def _agent(parser: argparse.ArgumentParser, runs: int = 1, timeout: int = 900) -> None:
    parser.add_argument(
        "--agent",
        required=True,
        metavar="COMMAND",
        help="a shell command line, run in the project with the prompt on stdin; {prompt_file}, {outputs} and {skill} "
        "(its SKILL.md, or nothing) are replaced",
    )
    parser.add_argument("--runs", type=_positive, default=runs, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--timeout", type=_positive, default=timeout, metavar="S", help="seconds a run, default: %(default)s"
    )


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _made(text: str) -> Path:
    if not (Path(text, "project").is_dir() and Path(text, "before").is_dir()):
        raise argparse.ArgumentTypeError(f"{text} has no project/ and before/: name the folder that `setup --to` made")
    return Path(text)


if __name__ == "__main__":
    sys.exit(main())
