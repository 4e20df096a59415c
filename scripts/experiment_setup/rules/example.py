"""The experiment that the rules' examples start from: the plain pattern, right in every respect."""

from __future__ import annotations

CONFIG = """\
defaults:
  - _self_
  - exp: default
  - env: default
  - override hydra/job_logging: none

hydra:
  output_subdir: null
  job:
    chdir: false
  run:
    dir: .
"""

TRAIN = '''\
"""Train 001-baseline."""
from dataclasses import dataclass, field

import hydra
from hydra.core.config_store import ConfigStore

@dataclass
class ExpConfig:
    name: str = "default"
    seed: int = 42
    learning_rate: float = 2e-5
    batch_size: int = 16
    epochs: int = 3
    debug: bool = False
    fold: list[int] = field(default_factory=lambda: [0])
    notes: str | None = None

@dataclass
class EnvConfig:
    base_model: str = "/workspace/models/Model"
    output_dir: str = "output/001-baseline"
    model_output_dir: str = "/workspace/output/001-baseline"

@dataclass
class Config:
    exp: ExpConfig = field(default_factory=ExpConfig)
    env: EnvConfig = field(default_factory=EnvConfig)

cs = ConfigStore.instance()
cs.store(group="exp", name="default", node=ExpConfig)
cs.store(group="env", name="default", node=EnvConfig)

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg: Config) -> None:
    print(f"001-baseline: {cfg.exp.name}")

if __name__ == "__main__":
    main()
'''

BASE: dict[str, str] = {
    "config.yaml": CONFIG,
    "train.py": TRAIN,
    "exp/001.yaml": 'defaults:\n  - default@_here_\n\nname: "001-lr"\nlearning_rate: 5.0e-5\n',
    "env/local.yaml": "defaults:\n  - default@_here_\n\nbase_model: Qwen/Qwen3-4B\n"
    "model_output_dir: output/001-baseline\n",
}

# Lines of its config.yaml that examples change.
SUBDIR = "  output_subdir: null\n"
CHDIR = "    chdir: false\n"
RUN = "  run:\n    dir: .\n"
