"""Runs are logged to MLflow: one a fold, in the experiment that this folder is. To look at them: mlflow ui.

They go to mlflow.db in the project's folder, without a server, or to what MLFLOW_TRACKING_URI or env.mlflow_uri names.
Not at all: exp.debug=true.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

Log = Callable[[dict[str, float]], None]


@dataclass
class TrackerConfig:
    """What of the tracker changes from one machine to the next."""

    mlflow_uri: str | None = None  # None: what MLFLOW_TRACKING_URI says, or else mlflow.db in the project's folder


def problem(config: dict[str, Any]) -> str | None:
    """Why runs of this config can't be tracked now; asked before the training."""
    if config["exp"].get("debug"):
        return None
    try:
        import mlflow
    except ImportError:
        return "mlflow is not installed in this environment: pip install mlflow"
    import requests  # mlflow needs it as well

    uri = config["env"]["mlflow_uri"] or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    try:
        if uri.startswith("http"):  # within seconds, what MLflow would find out in minutes
            with suppress(requests.exceptions.SSLError):  # it may have its own certificates
                requests.head(uri, timeout=10)
        mlflow.set_tracking_uri(uri)
        with one_at_a_time():
            mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or Path(__file__).parent.name)
    except (OSError, mlflow.MlflowException) as error:
        return f"MLflow can't be used: {uri}: {error} To do without it: exp.debug=true, or another env.mlflow_uri"
    return None


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let the jobs of a sweep wait for the one that makes the database: MLflow does not see to that."""
    Path("mlruns").mkdir(exist_ok=True)  # where MLflow keeps files; the empty one here is only there to be locked
    with closing(sqlite3.connect("mlruns/lock.db", timeout=600)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def tracked(record: dict[str, Any], fold: int) -> Iterator[Log]:
    """The function that logs metrics of this fold of the run that `record` describes."""
    exp = record["exp"]
    if exp.get("debug"):
        yield logging.debug
        return
    import mlflow

    name = f"{Path(record['folder']).name}-fold{fold}"
    tags = {"group": exp["name"], "mlflow.source.git.commit": (record["git"] or {}).get("commit", "unknown")}
    with mlflow.start_run(run_name=name, tags=tags, description=exp.get("notes")):
        mlflow.log_dict(record, "record.json")
        for group in ("exp", "env", "choices"):
            for key, value in record[group].items():
                mlflow.log_param(f"{group}.{key}", value)
        mlflow.log_param("overrides", " ".join(record["overrides"]))
        steps = count()
        yield lambda metrics: mlflow.log_metrics(metrics, step=next(steps))
