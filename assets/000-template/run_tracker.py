"""No tracker: what a fold logs goes to foldN.jsonl beside its result.json.

W&B or MLflow instead: put another run_tracker.py in place of this one. The skill's assets/trackers has them.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Log = Callable[[dict[str, float]], None]


@dataclass
class TrackerConfig:
    """What of the tracker changes from one machine to the next: nothing."""


def problem(config: dict[str, Any]) -> str | None:
    """Why runs of this config can't be tracked now; asked before the training."""
    return None


@contextmanager
def tracked(record: dict[str, Any], fold: int) -> Iterator[Log]:
    """The function that logs metrics of this fold of the run that `record` describes."""
    with Path(record["folder"], f"fold{fold}.jsonl").open("w", encoding="utf-8") as file:
        yield lambda metrics: print(json.dumps(metrics, default=float), file=file, flush=True)
