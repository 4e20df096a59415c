"""002-augment: with augmented essays."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore


@dataclass
class ExpConfig:
    name: str = "default"
    seed: int = 42
    learning_rate: float = 2e-5
    batch_size: int = 16
    epochs: int = 3
    mixup: float = 0.2
    fold: list[int] = field(default_factory=lambda: [0])
    notes: str | None = None


@dataclass
class EnvConfig:
    base_model: str = "/workspace/models/Qwen3-4B"
    output_dir: str = "output/002-augment/${exp.name}"
    model_output_dir: str = "/workspace/output/002-augment"


@dataclass
class Config:
    exp: ExpConfig = field(default_factory=ExpConfig)
    env: EnvConfig = field(default_factory=EnvConfig)


cs = ConfigStore.instance()
cs.store(group="exp", name="default", node=ExpConfig)
cs.store(group="env", name="default", node=EnvConfig)


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg: Config) -> None:
    score = 1 - cfg.exp.learning_rate * cfg.exp.batch_size / cfg.exp.epochs
    folder = Path(cfg.env.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "score.json").write_text(json.dumps({"name": cfg.exp.name, "score": score}))
    print("002-augment", cfg.exp.name, score)


if __name__ == "__main__":
    main()
