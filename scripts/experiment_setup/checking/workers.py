"""The same work for many things, on all cores where that pays.

It begins in this process alone; what takes longer than a moment is shared with forks of it, which thus have all that is
known by then. Each takes the next few numbers from one pipe and keeps its results in a file of its own, so nobody waits
for anybody. What a fork does not deliver, this process does itself: results and errors are those of doing it in turn.
Not so what a fork was at when it was killed: the system kills where memory runs out, and would kill this process next.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, TypeVar

from experiment_setup import processes
from experiment_setup.errors import CommandError, EnvironmentLacks, told

T = TypeVar("T")

ALONE = 0.5  # seconds; a fork costs some milliseconds, and what it learns is lost
_NUMBER = struct.Struct("=I")
_NEIGHBOURS = 4  # things that one process takes at once: those beside each other are often copies
_MOST = 10_000  # numbers that surely fit into a pipe (64 KiB on Linux)


class Killed:
    """In place of a result: the process that was at it was killed."""


def each(things: Sequence[T], work: Callable[[int, T], Any], name: Callable[[T], str]) -> list[Any]:
    """`results`, but what goes wrong with one thing is its result, a CommandError: it hides nothing of the rest."""

    def one(number: int, thing: T) -> Any:
        try:
            return work(number, thing)
        except Exception as error:
            return told(error, name(thing))

    def killed(thing: T) -> CommandError:
        said = "the process that looked at it was killed, as the system does where memory runs out"
        return told(EnvironmentLacks(said, "name this experiment alone, or allow more memory"), name(thing))

    found = zip(things, results(things, one), strict=True)
    return [killed(thing) if result is Killed else result for thing, result in found]


def results(things: Sequence[T], work: Callable[[int, T], Any]) -> list[Any]:
    """`[work(0, things[0]), work(1, things[1]), …]`; what `work` returns can be pickled. Killed: see there."""
    with _noticed_interrupts() as noticed:

        def one(number: int, thing: T) -> Any:
            if noticed:
                raise KeyboardInterrupt
            return work(number, thing)

        done: dict[int, Any] = {}
        start = time.monotonic()
        for number, thing in enumerate(things):
            if time.monotonic() - start > ALONE and _cores() > 1 and 1 < len(things) - number < _MOST:
                done |= _shared(things, range(number, len(things)), one)
                break
            done[number] = one(number, thing)
        return [done[number] if number in done else one(number, thing) for number, thing in enumerate(things)]


@contextlib.contextmanager
def _noticed_interrupts() -> Iterator[list[int]]:
    """The signals of Ctrl-C so far: Python drops the exception of one that comes in the middle of a callback of its
    own, as of a weak reference, with words on stderr that help nobody.
    """
    noticed: list[int] = []
    handler, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield noticed
        return

    def notice(number: int, frame: Any) -> None:
        noticed.append(number)
        handler(number, frame)

    def dropped(what: Any) -> None:
        if what.exc_type is not KeyboardInterrupt:
            hook(what)

    signal.signal(signal.SIGINT, notice)
    sys.unraisablehook = dropped
    try:
        yield noticed
    finally:
        signal.signal(signal.SIGINT, handler)
        sys.unraisablehook = hook


def _cores() -> int:
    """How many processes can work at once; 1 where forking is not safe (macOS) or not known (Windows)."""
    if sys.platform != "linux":
        return 1
    return len(os.sched_getaffinity(0))


def _shared(things: Sequence[T], numbers: range, work: Callable[[int, T], Any]) -> dict[int, Any]:
    import tempfile  # and pickle, below: a check of one experiment needs neither

    together = max(1, min(_NEIGHBOURS, len(numbers) // (8 * _cores())))
    waiting, put = os.pipe()
    with os.fdopen(waiting, "rb", buffering=0) as queue:
        with os.fdopen(put, "wb", buffering=0) as filled:
            filled.write(b"".join(map(_NUMBER.pack, numbers[::together])))

        def own() -> Iterator[tuple[int, Any]]:
            while record := queue.read(_NUMBER.size):
                (first,) = _NUMBER.unpack(record)
                for number in range(first, min(first + together, numbers.stop)):
                    yield number, Killed  # until there is more
                    yield number, work(number, things[number])

        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(min(_cores(), len(numbers)) - 1)]
            helpers: list[int] = []
            stack.callback(_end, helpers)
            gc.freeze()  # what is there now stays shared with the forks: no collection writes to it
            stack.callback(gc.unfreeze)
            before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # a helper is to be known to be ended
            for file in files:
                helpers.append(_fork(own, file))
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            done = dict(own())
            for helper, file in zip(list(helpers), files, strict=True):
                ended = os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1])
                helpers.remove(helper)
                done |= {
                    number: result
                    for number, result in dict(_read(file)).items()
                    if result is not Killed or ended == -signal.SIGKILL
                }
            return done


def _fork(own: Callable[[], Iterator[tuple[int, Any]]], file: IO[bytes]) -> int:
    """A process that works on and writes to the file; its number. A signal ends it without a word."""
    import pickle

    parent = os.getpid()
    helper = processes.fork()
    if helper == 0:
        with contextlib.suppress(BaseException):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            for pair in own():
                pickle.dump(pair, file)
                file.flush()
                if os.getppid() != parent:
                    break
        os._exit(0)
    return helper


def _read(file: IO[bytes]) -> Iterator[tuple[int, Any]]:
    import pickle

    class Results(pickle.Unpickler):
        """Reads what a fork wrote, which is made of our classes: no other is looked up by its name, or imported."""

        def find_class(self, module: str, name: str) -> Any:
            if module.partition(".")[0] not in ("experiment_setup", "pathlib") or "." in name:
                raise pickle.UnpicklingError(f"{module}.{name} is none of ours")
            return super().find_class(module, name)

    file.seek(0)
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            yield Results(file).load()


def _end(helpers: Sequence[int]) -> None:
    """End the forks that are still at work."""
    for helper in helpers:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(helper, signal.SIGKILL)
            os.waitpid(helper, 0)
