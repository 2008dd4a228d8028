"""What the probers were told by the instances that a roll-out has updated not long ago (P17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory.levels import terms_of_instances
from hosting.inventory.outage_labels import labels_between
from hosting.inventory.probes import spans_between
from hosting.policy.roll_out_errors import ERRORS_LEAST, Updated, asked
from hosting.policy.roll_outs import UpdateState
from hosting.policy.terms import STANDARD
from hosting.policy.values import InstanceName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.roll_out_rows import UpdateFacts
    from hosting.policy.outage_causes import Labelled


def watched(session: Session, updates: Sequence[UpdateFacts], now: datetime) -> list[Updated]:
    """The instances that these updates have brought a release to not long ago, with what the probers were told by them.

    Where there were errors, probes are left out that fell into other work: updates and reboots of the server, moves,
    restores, imports, suspensions.
    """
    hour = STANDARD.update_watched
    done = [
        (one, one.begun_at or one.ended_at, one.ended_at) for one in updates
        if one.state is UpdateState.DONE and not one.forgiven and one.ended_at and now - one.ended_at < hour
    ]  # fmt: skip
    if not done:
        return []
    since, terms = min(begun for _, begun, _ in done) - hour, terms_of_instances(session, now)
    spans = spans_between(session, since, now, [one.instance for one, _, _ in done])

    def found(labels: Mapping[InstanceName, Sequence[Labelled]]) -> list[Updated]:
        return [
            Updated(
                one.ring,
                asked(spans.get(name, []), begun - hour, begun, labels.get(name, ())),
                asked(spans.get(name, []), ended, now, labels.get(name, ())),
                ended + ERRORS_LEAST * terms[name].probe_every,
            )
            for one, begun, ended in done
            for name in [InstanceName(one.instance)]
        ]

    plain = found({})
    return found(labels_between(session, since, now)) if any(one.since.errors for one in plain) else plain
