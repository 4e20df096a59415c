"""What became of runs and sweeps: reading what they left, and running the rest."""
