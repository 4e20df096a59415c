"""Reading Python: what the syntax trees of the user's modules evaluate to; nothing of theirs is run."""
