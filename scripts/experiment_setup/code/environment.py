"""The environment variables, as the code of an entry point sees them."""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING, Any

from experiment_setup.code.values import CHANGE_ARGUMENTS, Call, Opaque, Special

if TYPE_CHECKING:
    from experiment_setup.code.evaluator import Evaluator
    from experiment_setup.code.modules import Scope


class Environment(dict[str, Any]):
    """os.environ, which the code may change. Values from outside are not known: they may be secret, and differ."""

    def __init__(self) -> None:
        super().__init__({name: Opaque(f'os.environ["{name}"]') for name in os.environ})
        self.changed_by: str | None = None  # what may have set other variables, such as load_dotenv()
        self.unset: set[str] = set()  # variables that were asked for without a default, and are not set

    def is_unknown(self, name: str) -> bool:
        """Whether only running the code would tell if a variable is set."""
        return name not in self and self.changed_by is not None

    @property
    def unset_names(self) -> str:
        """The variables that are not set, for a message."""
        return ", ".join(sorted(self.unset))


def missing_variable(evaluator: Evaluator, name: str, node: ast.AST, scope: Scope) -> Any:
    """os.environ["NAME"] where NAME is not set: whether that fails depends on where it runs."""
    value = evaluator.opaque(node, scope)
    evaluator.environment.unset.add(name)
    if not evaluator.environment.changed_by:
        message = f"the environment variable {name} is not set here; running the code fails without it"
        advice = f'set {name}, or write os.environ.get("{name}", "a default")'
        evaluator.problems.add("environment-variable", message, advice, evaluator.location(node, scope))
    return value


def ask(evaluator: Evaluator, call: Call, method: str = "get") -> Any:
    """os.getenv, and the methods of os.environ that look a variable up."""
    environment = evaluator.environment
    given = {**dict(zip(("key", "default"), call.args, strict=False)), **call.kwargs}
    key, default = given.get("key"), given.get("default")
    if not isinstance(key, str) or environment.is_unknown(key):
        return evaluator.opaque(call.node, call.scope)
    if method == "pop" and key not in environment and "default" not in given:
        return missing_variable(evaluator, key, call.node, call.scope)
    value = environment.get(key, default)
    if value is None:
        environment.unset.add(key)
    if method == "setdefault" and isinstance(value, str):
        environment[key] = value
    elif method == "pop":
        environment.pop(key, None)
    return value


METHODS = {
    name: Special(name, lambda evaluator, call, name=name: ask(evaluator, call, name))  # type: ignore[misc]
    for name in ("get", "pop", "setdefault")
}


def _load_dotenv(evaluator: Evaluator, call: Call) -> None:
    """It sets what stands in a `.env` beside the module or above it, or in the file that it is given."""
    folders = call.scope.module.source.path.parents
    if call.args or call.kwargs or any((folder / ".env").is_file() for folder in folders):
        evaluator.environment.changed_by = "load_dotenv()"


CHANGE_ARGUMENTS["load_dotenv"] = _load_dotenv
SPECIALS: dict[tuple[str, str], Any] = {
    ("os", "getenv"): Special("os.getenv", ask),
    **{("os", name): Opaque(f"os.{name}") for name in ("getcwd", "listdir", "makedirs", "cpu_count", "system")},
}
