"""What Hydra and OmegaConf offer an entry point before Hydra composes."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from experiment_setup.code.annotations import resolve_pending
from experiment_setup.code.defaults import is_too_large, unknown_fields
from experiment_setup.code.evaluator import Evaluator
from experiment_setup.code.modules import Scope
from experiment_setup.code.values import Call, Known, PyError, Special, unknown_in, weigh
from experiment_setup.schema.main import Mains
from experiment_setup.schema.store import Store


def offer(evaluator: Evaluator) -> tuple[Mains, Store]:
    """Make `hydra.main`, the ConfigStore and OmegaConf known to the evaluator."""
    mains = Mains()
    store = Store(evaluator, mains)
    main = Special("hydra.main", mains.decorator)
    evaluator.attributes.update(
        {
            ("hydra", "main"): main,
            ("hydra.main", "main"): main,
            ("hydra.core.config_store", "ConfigStore"): store,
            ("hydra.core.config_store", "ConfigStoreWithProvider"): store,
            ("omegaconf", "OmegaConf"): _OMEGACONF,
        }
    )
    evaluator.on_skipped_call = store.skipped_call
    evaluator.on_unknown_call = store.unknown_call
    return mains, store


_NODE_COST = 2  # of a value that OmegaConf makes a node of, in the units of the budget
_LONGEST_YAML = 10_000  # characters


def _is_too_large(value: Any) -> bool:
    """Whether OmegaConf could make too many nodes of a value; of YAML, aliases make many of few characters."""
    return ("&" in value or len(value) > _LONGEST_YAML) if isinstance(value, str) else is_too_large(value)


def _omegaconf(name: str) -> Special:
    function = getattr(OmegaConf, name)

    def run(evaluator: Evaluator, call: Call) -> Any:
        if unknown_in(call.values) is not None or any(map(_is_too_large, call.values)):
            return evaluator.opaque(call.node, call.scope)
        evaluator.budget.spend(_NODE_COST * weigh(call.values)[1])
        resolve_pending(evaluator)
        if any(True for value in call.values for _ in unknown_fields(value)):
            return evaluator.opaque(call.node, call.scope)
        evaluator.take_failure()
        try:
            return function(*copy.deepcopy(call.args), **call.kwargs)
        except RecursionError:
            return evaluator.opaque(call.node, call.scope)
        except Exception as error:
            place = evaluator.take_failure() or evaluator.error(error, call.node, call.scope)
            raise PyError(error, place.location, place.code, place.help) from error

    return Special(f"OmegaConf.{name}", run)


class _OmegaConfClass(Known):
    """omegaconf.OmegaConf: only what makes configs out of plain values is known."""

    functions: Mapping[str, Special] = {name: _omegaconf(name) for name in ("create", "structured")}

    def attribute(self, name: str, evaluator: Evaluator, node: ast.AST, scope: Scope) -> Any:
        """One of its functions."""
        return self.functions.get(name) or evaluator.opaque(node, scope)


_OMEGACONF = _OmegaConfClass()
