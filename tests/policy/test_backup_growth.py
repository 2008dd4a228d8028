"""Growth is judged by share and by size: a small instance that multiplies is told too, and what is tiny never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hosting.policy.backup_growth import growth_share, told_growth
from hosting.policy.terms import GIB, STANDARD, terms_with
from hosting.policy.values import PointKind
from tests.policy.backups import MIB, NAME, point

DAY = timedelta(days=1)
MORNING = datetime(2026, 12, 9, 6, 0, tzinfo=UTC)  # a Wednesday, 07:00 in Berlin
NIGHT = MORNING - timedelta(hours=8)
SMALL = 100 * MIB


def growing(kind: PointKind, *sizes: int, full: int = MIB) -> list[str]:
    """What is told of points of a kind, one a night, after a full one."""
    last = len(sizes) - 1
    points = [point("G1", NIGHT - (last - place) * DAY, kind, bytes_added=size) for place, size in enumerate(sizes)]
    before = [] if kind is PointKind.FULL else [point("G1", NIGHT - 7 * DAY, PointKind.FULL, bytes_added=full)]
    return list(told_growth(NAME, [*before, *points], STANDARD, MORNING))


def test_an_incremental_that_is_much_larger_than_usual_is_told() -> None:
    assert growing(PointKind.INCREMENTAL, GIB // 10, GIB, GIB // 10, 2 * GIB) == [
        f"The incremental backup of instance {NAME} of 08 Dec 2026 23:00 has 2.0 GiB, where 102.4 MiB were usual."
    ]


@pytest.mark.parametrize(
    "sizes",
    [
        (GIB // 10, GIB // 10, 2 * GIB),  # too little is known of what is usual
        (MIB, MIB, MIB, GIB),  # much more than usual, and yet little beside the instance
        (GIB, GIB, GIB, 9 * GIB),
        (GIB, GIB, GIB, 0),  # a quiet day
        (0, 0, 0, 2 * GIB, 0),  # told on the day before
    ],
)
def test_an_incremental_within_what_happens_is_not_told(sizes: tuple[int, ...]) -> None:
    assert growing(PointKind.INCREMENTAL, *sizes, full=20 * GIB) == []


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ((4 * GIB, 9 * GIB), "9.0 GiB, where 4.0 GiB were usual"),
        ((2 * GIB, 4 * GIB, 9 * GIB), "9.0 GiB, where 4.0 GiB were usual"),
        ((9 * GIB, 4 * GIB), "4.0 GiB, where 9.0 GiB were usual"),
        ((4 * GIB, 8 * GIB), ""),
        ((8 * GIB, 4 * GIB), ""),
        ((GIB // 2, GIB), ""),
        ((9 * GIB,), ""),
        ((SMALL, 301 * MIB), "301.0 MiB, where 100.0 MiB were usual"),
        ((301 * MIB, SMALL), "100.0 MiB, where 301.0 MiB were usual"),
        ((SMALL, 300 * MIB), ""),  # not more than three times
        ((5 * MIB, 104 * MIB), ""),  # twenty times, and yet one mail with a film
        ((5 * MIB, 105 * MIB), "105.0 MiB, where 5.0 MiB were usual"),
        ((MIB // 10, 40 * MIB), ""),
        ((0, 0), ""),
    ],
)
def test_a_full_backup_is_told_by_its_share_and_by_its_size(sizes: tuple[int, ...], told: str) -> None:
    sentences = growing(PointKind.FULL, *sizes)
    assert [sentence.split(" has ")[1] for sentence in sentences] == ([told + "."] if told else [])


def test_a_small_instance_that_multiplies_within_its_week_is_told_on_the_day_on_which_it_does_and_not_again() -> None:
    days = (80 * MIB, 90 * MIB, 31 * MIB)
    assert growing(PointKind.INCREMENTAL, *days, full=SMALL) == [
        (
            f"With the incremental backup of instance {NAME} of 08 Dec 2026 23:00 its generation has 301.0 MiB; "
            "it began with 100.0 MiB."
        )
    ]
    assert growing(PointKind.INCREMENTAL, *days[:2], full=SMALL) == []
    assert growing(PointKind.INCREMENTAL, *days, 50 * MIB, full=SMALL) == []


def test_a_tiny_instance_makes_no_noise_within_its_week() -> None:
    assert growing(PointKind.INCREMENTAL, 30 * MIB, 30 * MIB, 39 * MIB, full=MIB) == []
    assert growing(PointKind.INCREMENTAL, 3, 40, 500, full=0) == []


def test_a_level_may_agree_on_other_numbers() -> None:
    terms = terms_with({"backup_small_grown_mib": 10})
    points = [point("G1", NIGHT - 7 * DAY, PointKind.FULL), point("G2", NIGHT, PointKind.FULL, bytes_added=11 * MIB)]
    assert len(list(told_growth(NAME, points, terms, MORNING))) == 1


def test_how_much_the_full_backups_grew_is_a_share() -> None:
    full = [point("G1", NIGHT - n * DAY, PointKind.FULL, bytes_added=size) for n, size in ((14, 9), (7, 4), (0, 6))]
    assert growth_share(full) == 1.5
    assert growth_share([*full, point("G1", NIGHT)]) == 1.5
    assert growth_share(full[:1]) is None
    assert growth_share([point("G1", NIGHT - DAY, PointKind.FULL, bytes_added=0), full[2]]) is None
