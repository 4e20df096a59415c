"""`@hydra.main`, as the code of an entry point uses it."""

from __future__ import annotations

from typing import Any

from experiment_setup.code.evaluator import Evaluator
from experiment_setup.code.functions import UserFunction
from experiment_setup.code.values import Call, Known, Opaque, Special
from experiment_setup.light import dataclass
from experiment_setup.location import Location
from experiment_setup.schema.records import UNSET

_ARGUMENTS = ("config_path", "config_name", "version_base")


@dataclass(eq=False)
class MainFunction(Known):
    """A function decorated with @hydra.main."""

    name: str
    config_path: Any
    config_name: Any
    version_base: Any
    location: Location
    function: Any
    called: bool = False  # or given to code that is not followed, which may call it
    ran: bool = False

    @property
    def does_something(self) -> bool:
        """Whether there is more in it than `pass` and a docstring, as far as that is known."""
        return not isinstance(self.function, UserFunction) or self.function.does_something

    def call(self, evaluator: Evaluator, call: Call) -> None:
        """Hydra takes over: what it returns is None. The function that it calls may change what it knows of."""
        self.called = self.ran = True
        if isinstance(self.function, UserFunction):
            self.function.leave_out(evaluator, f"what {self.name} does")
            for name in self.function.names[1]:
                evaluator.may_change(evaluator.lookup(name, self.function.scope)[1], f"what {self.name} does")

    def escapes(self) -> None:
        """It may be called."""
        self.called = True


class Mains:
    """The functions of an entry point that @hydra.main decorates."""

    def __init__(self) -> None:
        self.all: list[MainFunction] = []

    @property
    def one_ran(self) -> bool:
        """Whether Hydra has composed the config already."""
        return any(main.ran for main in self.all)

    def decorator(self, evaluator: Evaluator, call: Call) -> Special:
        """hydra.main(…). Raises PyError for arguments that it does not take."""
        unknown = set(call.kwargs) - {*_ARGUMENTS, "execution_whitelist"}
        wrong = f"main() got an unexpected keyword argument {sorted(unknown)[0]!r}" if unknown else ""
        if len(call.args) > len(_ARGUMENTS):
            wrong = wrong or "main() got too many arguments"
        if call.args and isinstance(call.args[0], UserFunction):
            wrong = '@hydra.main without parentheses: write @hydra.main(version_base=None, config_path=".", …)'
        if wrong:
            raise evaluator.error(TypeError(wrong), call.node, call.scope)
        given = {**dict(zip(_ARGUMENTS, call.args, strict=False)), **call.kwargs}
        location = evaluator.location(call.node, call.scope)

        def decorate(_evaluator: Evaluator, inner: Call) -> MainFunction:
            function = inner.args[0] if inner.args else None
            main = MainFunction(
                name=function.name if isinstance(function, UserFunction) else "main",
                config_path=_plain(given.get("config_path", UNSET)),
                config_name=_plain(given.get("config_name")),
                version_base=_plain(given.get("version_base", UNSET)),
                location=location,
                function=function,
            )
            self.all.append(main)
            return main

        return Special("hydra.main(…)", decorate)


def _plain(value: Any) -> Any:
    return Opaque("a function or module") if isinstance(value, Known) and not isinstance(value, Opaque) else value
