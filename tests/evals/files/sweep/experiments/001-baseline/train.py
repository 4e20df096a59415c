"""001-baseline: a score for each parameter set and seed, in result.json of the run's folder."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class ExpConfig:
    name: str = "default"
    seed: int = 42
    learning_rate: float = 2e-5


@dataclass
class EnvConfig:
    output_dir: str = "output/001-baseline"


@dataclass
class Config:
    exp: ExpConfig = field(default_factory=ExpConfig)
    env: EnvConfig = field(default_factory=EnvConfig)


cs = ConfigStore.instance()
cs.store(name="config_schema", node=Config)
cs.store(group="exp", name="default", node=ExpConfig)
cs.store(group="env", name="default", node=EnvConfig)


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg: Config) -> float:
    job = HydraConfig.get()
    if job.mode == RunMode.MULTIRUN:
        folder = Path(job.runtime.output_dir)
    else:
        folder = Path(cfg.env.output_dir) / f"{job.runtime.choices.exp}-seed-{cfg.exp.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "set": job.runtime.choices.exp,
        "seed": cfg.exp.seed,
        "overrides": list(job.overrides.task),
        "started": time.time(),
    }
    save(folder, {**record, "status": "running"})
    score = round(1 / (1 + cfg.exp.learning_rate * 1000 + cfg.exp.seed / 100), 4)
    save(folder, {**record, "status": "done", "score": score})
    return score


def save(folder: Path, record: dict) -> None:
    (folder / "result.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
