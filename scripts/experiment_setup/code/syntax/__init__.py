"""How the evaluator reads each kind of syntax node: a file a kind, each registers its functions when it is imported."""

from experiment_setup.code.syntax import (  # noqa: F401
    assignments,
    branches,
    calls,
    comprehensions,
    containers,
    definitions,
    failures,
    imports,
    loops,
    names,
    operators,
    texts,
)
