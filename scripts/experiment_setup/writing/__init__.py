"""Creating experiments, parameter sets, environments and notebooks."""
