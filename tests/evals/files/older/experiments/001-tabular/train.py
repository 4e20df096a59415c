"""House prices, untyped."""

import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path=".", config_name="config")
def main(cfg: DictConfig) -> None:
    steps = cfg.epochs * 1000 // cfg.batch_size
    print(f"{cfg.data_path}: {steps} steps at {cfg.lr}, dropout {cfg.dropout}, {len(cfg.features)} features")


if __name__ == "__main__":
    main()
