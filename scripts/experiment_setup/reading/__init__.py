"""Reading YAML with its places, and Hydra's override grammar."""
