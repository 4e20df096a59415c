"""What all commands share: arguments, exit codes, and the one place where an error becomes text.

Nothing here imports hydra or omegaconf, so that `--help` and the message for a missing package always work.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import re
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

from experiment_setup import __version__, command_line, installed, visible
from experiment_setup.errors import CommandError, EnvironmentLacks, told
from experiment_setup.visible import note

EXIT_CODES = """\
exit codes:
  0  done, or nothing found
  1  findings (validate.py, sweep_status.py; compare.py with --exit-code); what was made does not compose everywhere
  2  wrong usage or bad input
  3  the environment lacks something (hydra-core, memory)
  70 a defect of this skill"""

_HELP = {"-h", "--help", "--version"}
_OLDEST_HYDRA = (1, 3)


def parser(description: str, examples: str) -> argparse.ArgumentParser:
    """An argument parser with what every command has: examples and exit codes in --help, --root, --json."""
    asked = not _HELP.isdisjoint(sys.argv)
    result = _Parser(
        description=description,
        epilog=f"examples:\n{examples.strip(chr(10))}\n\n{EXIT_CODES}",
        # The width of the terminal is looked up with each option, in a module that loads three compressions.
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=None if asked else 80),
        allow_abbrev=False,
    )
    result.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="the project (default: upwards from here, or from a path that was given and lies elsewhere, the nearest "
        "folder with experiments/, else the folder itself)",
    )
    result.add_argument("--json", action="store_true", help="one JSON object on stdout, with the same facts")
    result.add_argument("--version", action="version", version=f"experiment-setup {__version__}")
    return result


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with an option as every other error is said, with the command that would be right."""

    def error(self, message: str) -> NoReturn:
        """Raise CommandError for what argparse refuses."""
        from experiment_setup.location import did_you_mean

        instead: dict[str, list[str]] = {}
        known = [option for action in self._actions for option in action.option_strings]
        choice = re.search(r"^argument (?P<option>--[\w-]+): invalid choice: '(?P<word>.*)' \(", message)
        if choice:
            allowed = next(a.choices for a in self._actions if choice["option"] in a.option_strings)
            guess = did_you_mean(choice["word"], allowed or ())
            if guess:
                instead[choice["word"]] = [guess]
        elif message.startswith("unrecognized arguments"):
            for word in sys.argv[1 : sys.argv.index("--") if "--" in sys.argv else None]:
                option, equals, value = word.partition("=")
                guess = did_you_mean(option, known) if option.startswith("--") and option not in known else None
                if guess:
                    instead[word] = [guess + equals + value]
        meant = " ".join(new for words in instead.values() for new in words)
        help_ = f"did you mean {meant}?" if meant else f"{Path(sys.argv[0]).name} --help names the options"
        raise CommandError(message, help_, command_line.corrected(instead) if instead else None)


def parse(parser: argparse.ArgumentParser, argv: Sequence[str]) -> argparse.Namespace:
    """Like `parse_args`, but options may stand between positional arguments (`NAME --dry-run lr=1`)."""
    for word in argv:
        option, _, value = word.partition("=")
        if option.startswith("--") and value == "--":  # argparse makes an empty list of it
            parser.error(f"argument {option}: expected a value, got '--'")
    return parser.parse_intermixed_args(list(argv))


def run(main: Callable[[Sequence[str]], int]) -> int:
    """Run a command's `main(argv)` and return its exit code; every error becomes one message on stderr."""
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        # A C locale garbles Japanese values and paths before anything here sees them: start once more in UTF-8 mode.
        from experiment_setup import processes

        os.environ["PYTHONUTF8"] = "1"
        processes.start_over("-X", "utf8")
    # A command is short, and keeps most of what it makes: the default looks through all of that over and over.
    gc.set_threshold(50_000, 32)
    _open_streams()
    if sys.platform != "win32":  # who ignores it is told nothing of how a process ends, and we inherit that
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # What a project's text makes OmegaConf or Python warn of would be printed as it is, values of the environment too.
    warnings.simplefilter("ignore")
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # so far Ctrl-C has ended the process without a word
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = _run_checked(main)
        _print_rest()
        gc.freeze()  # at its end Python looks for circles once more, in all that there is
        return code
    except KeyboardInterrupt:
        note("interrupted; no unfinished file is left behind")
        return 130  # 128 + SIGINT, as shells say it
    except _NotPrinted as error:
        # Python would complain once more while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error.__cause__, BrokenPipeError):
            return 0  # the reader (`| head`) has what it wanted
        note(f"error: what was to be printed could not be written: {error}")
        return CommandError.exit_code
    except Exception as error:
        return _fail(told(error))


class _NotPrinted(Exception):
    """stdout is closed, or its disk full."""


def _open_streams() -> None:
    """Have all three streams: what is closed (`>&-`) is replaced, before a file that is opened gets its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r+" if number else "r"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a C locale must not break Japanese names
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _run_checked(main: Callable[[Sequence[str]], int]) -> int:
    argv = sys.argv[1:]
    if not _HELP.isdisjoint(argv):
        return main(argv)
    if sys.version_info < (3, 10):  # noqa: UP036 (who starts it with an old Python is told so)
        got = ".".join(map(str, sys.version_info[:2]))
        raise EnvironmentLacks(f"Python {got} is too old; 3.10 to 3.13 are supported", f"type: {_uv_run()}")
    _require_hydra()
    return main(argv)


def _require_hydra() -> None:
    """Exit code 3, with the command to type, unless a supported hydra-core is installed."""
    version, lacking = installed.hydra_version(), None
    if version is None or not installed.has("omegaconf"):
        lacking = f"hydra-core is not installed for {sys.executable}"
    elif tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_HYDRA:
        lacking = f"hydra-core {version} is too old; 1.3.4 or newer is supported"
    if lacking:
        install = f'{shlex.quote(sys.executable)} -m pip install "hydra-core>=1.3.4"'
        raise EnvironmentLacks(lacking, f"type: {_uv_run()}   (or first: {install})")


def _uv_run() -> str:
    return shlex.join(["uv", "run", *sys.argv])


def _wants_json() -> bool:
    """Whether a program reads stdout, by the words alone: what is wrong may be one of them."""
    given = sys.argv[1 : sys.argv.index("--") if "--" in sys.argv else None]
    return "--json" in given or re.search(r"(?:^|\n)--format[=\n](?:json|sarif)(?:\n|$)", "\n".join(given)) is not None


def _fail(error: CommandError) -> int:
    if _wants_json():
        with contextlib.suppress(_NotPrinted):
            print_json(
                {"version": 1, "error": {"message": error.message, "help": error.help, "command": error.command}}
            )
    _say(error)
    return error.exit_code


def _say(error: CommandError) -> None:
    about = f"{error.where}: " if error.where else ""
    note(f"error: {about}{error.message}")
    if error.help:
        note(f"  help: {error.help}")
    if error.command:
        note(f"  type: {error.command}")


class Answer(Protocol):
    """What a verb gives back to its command: the same facts for a program and for a person."""

    @property
    def exit_code(self) -> int:
        """0, or 1 if something was found."""

    def data(self) -> dict[str, Any]:
        """One JSON object."""

    def text(self) -> Iterable[str]:
        """Lines for stdout."""

    def notes(self) -> Iterable[str]:
        """Lines for stderr."""


def show(answer: Answer, *, as_json: bool) -> int:
    """Print an answer and return its exit code."""
    # What is the same as another program's output, byte for byte, is changed on a terminal alone.
    exact = getattr(answer, "is_exact", False) and not sys.stdout.isatty()
    if as_json:
        print_json(answer.data())
    else:
        for line in answer.text():  # one by one, so that a reader that goes away (`| head`) is noticed
            _print(line if exact else visible.printed(line))
    for line in answer.notes():
        note(line)
    failed: Sequence[CommandError] = getattr(answer, "failed", ())  # an experiment each; the answer is about the rest
    for error in failed:
        _say(error)
    return max(answer.exit_code, *(error.exit_code for error in failed), 0)


def print_json(data: Any) -> None:
    """Print one JSON object on stdout; paths, enums and other values of a config become strings."""
    import json  # takes a while, and most outputs are text

    text = json.dumps(visible.for_json(data), ensure_ascii=False, indent=2, default=str)
    _print(visible.json_text(text))


def _print(text: str) -> None:
    try:
        print(text)
    except OSError as error:
        raise _NotPrinted(error.strerror) from error


def _print_rest() -> None:
    try:
        sys.stdout.flush()
    except OSError as error:
        raise _NotPrinted(error.strerror) from error
