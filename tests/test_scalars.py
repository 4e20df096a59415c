"""A value on one line of YAML: OmegaConf reads back that value, whatever was written before it."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from experiment_setup.reading.source import scalar

ALIKE: list[Any] = [
    1,
    True,
    1.0,
    "1",
    "1.0",
    "true",
    [1, True],
    [1, 1],
    [1.0, 1],
    ["1", 1],
    0.0,
    -0.0,
    False,
    None,
    "null",
    "",
]


@pytest.mark.parametrize("order", [1, -1])
def test_values_that_are_equal_are_not_mixed_up(order: int) -> None:
    for value in ALIKE[::order] * 2:  # the second time around they are remembered
        read = OmegaConf.to_container(OmegaConf.create(f"key: {scalar(value)}"))
        assert isinstance(read, dict)
        assert repr(read["key"]) == repr(value)


def test_what_was_typed_is_kept_for_the_value_that_it_means() -> None:
    for _ in range(2):
        assert scalar(1e-5, "1e-5") == "1e-5"
        assert scalar("1e-5", "1e-5") == '"1e-5"'
        assert scalar(1e-5) != "1e-5"
        assert scalar(1, "0x1") == "0x1"
