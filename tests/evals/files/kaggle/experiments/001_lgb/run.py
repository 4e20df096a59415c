"""学習の入口"""

import hydra
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> None:
    print(cfg.exp.name, cfg.model.kind, cfg.exp.num_leaves, cfg.exp.learning_rate)


if __name__ == "__main__":
    main()
