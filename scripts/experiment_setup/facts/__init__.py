"""What the rules ask about an experiment, each fact computed once."""
