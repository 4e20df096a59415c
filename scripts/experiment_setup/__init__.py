"""What the commands of experiment-setup share: reading, composing, checking and extending Hydra experiments."""

__version__ = "0.1.0"
