"""The text that `python train.py --cfg job` prints (hydra/_internal/hydra.py: Hydra.show_cfg)."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf

from experiment_setup.errors import CommandError
from experiment_setup.nodes import GLOBAL


def text(config: DictConfig, package: str | None) -> str:
    """The config, or the part of it at `package`, byte for byte. Raises CommandError where there is no such part."""
    if package in (None, GLOBAL):
        return OmegaConf.to_yaml(config)
    part = part_at(config, str(package))
    if not OmegaConf.is_config(part):
        return f"{part}\n"
    return f"# @package {package}\n{OmegaConf.to_yaml(part)}"


def part_at(config: DictConfig, package: str) -> object:
    """What stands at `package`. Raises CommandError where there is nothing."""
    try:
        part = OmegaConf.select(config, package)
    except Exception as error:
        raise CommandError(f"--package {package}: {str(error).splitlines()[0]}") from None
    if part is None:
        keys = ", ".join(str(key) for key in config) or "nothing"
        raise CommandError(f"--package {package} is not in the config", f"it has: {keys}")
    return part
