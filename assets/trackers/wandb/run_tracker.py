"""Runs are logged to Weights & Biases: one a fold, in the group exp.name.

Without network WANDB_MODE=offline (later: wandb sync), not at all WANDB_MODE=disabled or exp.debug=true.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Log = Callable[[dict[str, float]], None]


@dataclass
class TrackerConfig:
    """What of the tracker changes from one machine to the next."""

    wandb_project: str | None = None  # None: what WANDB_PROJECT says, or else the name of this folder


def problem(config: dict[str, Any]) -> str | None:
    """Why runs of this config can't be tracked now; asked before the training."""
    try:
        import wandb
    except ImportError:
        return "wandb is not installed in this environment: pip install wandb"
    settings = wandb.setup().settings
    if config["exp"].get("debug") or settings.mode != "online":
        return None
    import requests  # wandb needs it as well

    try:
        if wandb.login(verify=False, timeout=30):
            # Within seconds, what wandb.init would find out in minutes.
            with suppress(requests.exceptions.SSLError):  # wandb has certificates of its own
                requests.head(settings.base_url, timeout=10)
            wandb.login(verify=True)
            return None
        reason = "no API key. Run `wandb login`, or set WANDB_API_KEY."
    except (OSError, wandb.errors.Error) as error:
        reason = f"{settings.base_url}: {error}"
    return f"W&B can't be used: {reason} To do without it: WANDB_MODE=offline"


@contextmanager
def tracked(record: dict[str, Any], fold: int) -> Iterator[Log]:
    """The function that logs metrics of this fold of the run that `record` describes."""
    import wandb

    exp = record["exp"]
    with wandb.init(
        project=record["env"]["wandb_project"] or os.environ.get("WANDB_PROJECT") or Path(__file__).parent.name,
        group=exp["name"],
        name=f"{Path(record['folder']).name}-fold{fold}",
        notes=exp.get("notes"),
        config=record,
        mode="disabled" if exp.get("debug") else None,  # None: what WANDB_MODE says; "online" would beat it
    ) as run:
        yield run.log
