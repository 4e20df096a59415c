"""What Hydra makes of an experiment: by the same merges without Hydra, by Hydra here, or in the user's interpreter."""
