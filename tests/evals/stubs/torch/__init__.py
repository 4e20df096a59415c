"""Stands in for torch where it is not installed, so that an entry point that imports it can be composed."""

from torch import nn as nn
