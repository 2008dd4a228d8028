"""Readers stand what nobody thought of; for long by hand (`make fuzz`), for a minute in `make soak` (P36)."""

from __future__ import annotations

import time

import pytest

from tests.on_server.fuzz_readers import READERS, fuzz


@pytest.mark.parametrize("reader", READERS)
def test_the_same_inputs_are_stood_each_time(reader: str) -> None:
    assert fuzz(reader, 1.5, 1) > 1


@pytest.mark.soak
@pytest.mark.parametrize("reader", READERS)
def test_a_minute_of_other_inputs_is_stood(reader: str) -> None:
    assert fuzz(reader, 20.0, int(time.time())) > 100
