"""Configs side by side: what differs between parameter sets, since a commit, and from what their runs had."""
