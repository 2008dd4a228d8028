"""What customers read in the letters about updates (P16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.policy.announcements import UpdateKind, UpdateReason
from hosting.templates.wording import moment, span, stop

if TYPE_CHECKING:
    from hosting.policy.announcements import Announced, Update
    from hosting.policy.values import OrderFacts

ON_THE_SERVER = {
    "de": {
        UpdateReason.SECURITY: "Auf dem Server, auf dem sie läuft, werden Sicherheitslücken geschlossen.",
        UpdateReason.CURRENT: "Der Server, auf dem sie läuft, wird auf den neuesten Stand gebracht.",
        UpdateReason.BUG: "Auf dem Server, auf dem sie läuft, wird ein Fehler behoben.",
    },
    "en": {
        UpdateReason.SECURITY: "Security holes are closed on the server on which it runs.",
        UpdateReason.CURRENT: "The server on which it runs is brought up to date.",
        UpdateReason.BUG: "An error is put right on the server on which it runs.",
    },
}
IN_THE_PRODUCT = {
    "de": {
        UpdateReason.SECURITY: "Sie erhält phlyMail {version}. Diese Version schließt Sicherheitslücken.",
        UpdateReason.CURRENT: "Sie erhält die neue Version phlyMail {version}.",
        UpdateReason.BUG: "Sie erhält phlyMail {version}. Diese Version behebt einen schweren Fehler.",
    },
    "en": {
        UpdateReason.SECURITY: "It gets phlyMail {version}. This version closes security holes.",
        UpdateReason.CURRENT: "It gets the new version phlyMail {version}.",
        UpdateReason.BUG: "It gets phlyMail {version}. This version puts a grave error right.",
    },
}


def what_is_done(update: Update, language: str) -> str:
    """What an update is and why, in one or two sentences."""
    said = IN_THE_PRODUCT if update.kind is UpdateKind.PRODUCT else ON_THE_SERVER
    return said[language][update.why].format(version=update.detail)


def letter_values(turn: Announced, order: OrderFacts, *, changed: bool = False) -> dict[str, object]:
    """What the letters about an instance's turn say: the times told where it is off or ended, else those planned."""
    language, ended = order.language, turn.ended_at
    times = turn.times if ended is None and turn.called_off_at is None else turn.told or turn.times
    return {
        "name": order.customer_name,
        "order": order.reference,
        "window": span(times.window.opens, times.window.closes, language),
        "stop": stop(times.stop_seconds if ended is None else turn.stopped_seconds, language),
        "what": what_is_done(turn.update, language),
        "urgent": turn.update.urgent,
        "changed": changed,
        "told": turn.told is not None,
        "ended": "" if ended is None else moment(ended, language),
    }
