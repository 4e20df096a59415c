"""Functions by the kind of syntax node that they read: how both analyses of code find theirs."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, TypeVar

Read = TypeVar("Read", bound=Callable[..., Any])


class Registry(dict[type[ast.AST], Read]):
    """Kind of node -> the function that reads such nodes."""

    def reads(self, *kinds: type[ast.AST]) -> Callable[[Read], Read]:
        """The decorator of a function that reads nodes of these kinds."""

        def register(function: Read) -> Read:
            self.update(dict.fromkeys(kinds, function))
            return function

        return register
