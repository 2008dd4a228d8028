"""How long nobody was served, by the answers of an address: what still lasts counts up to now (P17, P24)."""

from __future__ import annotations

import pytest

from tasks import outside
from tasks.outside import Watch


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        ("1 1 1", 1.0),
        ("1 0 0 1 1", 3.0),  # from the last good answer to the next one
        ("1 1 0 0 0", 59.0),  # two seconds well, and not again
        ("1 0 0 1 0", 57.0),  # the silence that lasts is the longest
        ("0 0", 60.0),  # since it is looked at
        ("", 0.0),
    ],
)
def test_a_silence_that_lasts_counts_up_to_now(monkeypatch: pytest.MonkeyPatch, seen: str, seconds: float) -> None:
    answers = [(100.0 + at, word == "1") for at, word in enumerate(seen.split())]
    monkeypatch.setattr(outside.time, "monotonic", lambda: 160.0)
    assert Watch(seen=answers, began=100.0).stop_seconds == seconds
