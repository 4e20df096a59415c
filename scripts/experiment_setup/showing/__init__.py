"""The composed config of an experiment, each value with where it comes from: the verb behind show.py."""
