"""Which figures Prometheus is given: names, units, help, labels. Names of customers are not among them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily

from hosting.policy.availability import COUNTS_AS_UP, Standing
from hosting.policy.availability_year import levels_told
from hosting.policy.service_levels import STANDARD_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from hosting.inventory.availability_views import InstanceYear
    from hosting.inventory.service_figures import ServiceFigures

    Sample = tuple[tuple[str, ...], float | None]

INSTANCE = ("instance", "server")


def families(figures: ServiceFigures, seconds: float) -> Iterator[GaugeMetricFamily]:
    """All of them; a figure that is not known has no sample."""
    yield from _of_instances(figures.years)
    yield from _of_levels(figures.years)
    yield from _of_backups(figures)
    yield _family("phm_findings", "What was found and nobody has silenced.", ("source", "severity"),
                  sorted(figures.findings.items()))  # fmt: skip
    yield _family("phm_cases_open", "Matters that wait for a person.", ("kind",), _by_name(figures.cases))
    yield _family(
        "phm_last_probe_age_seconds",
        "Since anything was last probed.",
        (),
        [((), _age(figures.last_probe, figures.at))],
    )
    yield _family("phm_reading_seconds", "How long it took to read these figures.", (), [((), seconds)])


def _of_instances(years: Iterable[InstanceYear]) -> Iterator[GaugeMetricFamily]:
    """The running year of every instance (P11)."""
    known = [((one.instance.name, one.instance.server_name), one) for one in years]
    told: dict[str, tuple[str, list[Sample]]] = {
        "phm_instance_up": (
            "Whether it is up at its location; without a sample it is not measured, or not owed.",
            [(labels, _up(one)) for labels, one in known],
        ),
        "phm_instance_availability_ratio": (
            "Share of the measured time of this year that it was up; without a sample nothing was measured.",
            [(labels, None if (share := one.told.tally.percent) is None else share / 100) for labels, one in known],
        ),
        "phm_instance_availability_owed_ratio": (
            "Share that is owed as the mean of this year.",
            [(labels, None if (share := one.told.percent_owed) is None else share / 100) for labels, one in known],
        ),
        "phm_instance_down_seconds": (
            "How long it was down in this year.",
            [(labels, one.told.tally.down.total_seconds()) for labels, one in known],
        ),
        "phm_instance_budget_left_seconds": (
            "How much longer it may be down in this year; below nothing the promise is broken.",
            [(labels, one.told.left.total_seconds()) for labels, one in known],
        ),
        "phm_instance_not_measured_seconds": (
            "Of how much of this year nothing is known.",
            [(labels, one.told.tally.unmeasured.total_seconds()) for labels, one in known],
        ),
        "phm_instance_outages": (
            "How many outages it had in this year, the one that lasts included.",
            [(labels, float(len(one.told.outages))) for labels, one in known],
        ),
    }
    for name, (help_, samples) in told.items():
        yield _family(name, help_, INSTANCE, samples)


def _of_levels(years: Iterable[InstanceYear]) -> Iterator[GaugeMetricFamily]:
    """The service levels, by the measured time of their instances together (P40)."""
    levels = [((one.level or STANDARD_NAME,), one) for one in levels_told(one.told for one in years)]
    yield _family(
        "phm_level_availability_ratio",
        "Share of the measured time of this year that its instances were up, all together.",
        ("level",),
        [(labels, None if (share := one.tally.percent) is None else share / 100) for labels, one in levels],
    )
    yield _family(
        "phm_level_budget_left_seconds",
        "How much longer its instances may be down in this year, all together.",
        ("level",),
        [(labels, one.left.total_seconds()) for labels, one in levels],
    )


def _of_backups(figures: ServiceFigures) -> Iterator[GaugeMetricFamily]:
    """Backups and their proofs (P20, P22)."""
    known = sorted(figures.backups.items())
    yield _family(
        "phm_instance_backup_age_seconds",
        "Since its last good backup; infinite without one.",
        ("instance",),
        [((name,), _age(one.last_good_at, figures.at)) for name, one in known],
    )
    yield _family(
        "phm_instance_proof_age_seconds",
        "Since a backup of it was last proven by a restore; infinite without one.",
        ("instance",),
        [((name,), _age(one.proven_at, figures.at)) for name, one in known],
    )


def _family(name: str, help_: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> GaugeMetricFamily:
    """One family; samples that are None are left out."""
    family = GaugeMetricFamily(name, help_, labels=labels)
    for values, figure in samples:
        if figure is not None:
            family.add_metric(values, figure)
    return family


def _up(one: InstanceYear) -> float | None:
    """1 or 0; None where nothing is known, or nothing owed."""
    if one.now is None or one.now.standing in {Standing.UNMEASURED, Standing.NOT_OWED}:
        return None
    return float(one.now.standing in COUNTS_AS_UP)


def _age(moment: datetime | None, now: datetime) -> float:
    """Seconds since then; infinite where it never was, so that an alarm about what is old rings."""
    return math.inf if moment is None else max(0.0, (now - moment).total_seconds())


def _by_name(counts: Mapping[str, int]) -> list[Sample]:
    """Counts with their name as the one label."""
    return [((name,), float(count)) for name, count in sorted(counts.items())]
