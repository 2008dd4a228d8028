"""What customers read of an update: the sentences of its letters, and the page while their instance is closed (P16)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hosting.policy.announcements import UpdateKind, UpdateReason
from hosting.policy.terms import TIME_ZONE
from hosting.templates import render
from hosting.templates.wording import moment, span, stop

if TYPE_CHECKING:
    from datetime import datetime

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
GERMAN = "Ihre phlyMail-Installation wird gerade gewartet und ist voraussichtlich um {at} Uhr zurück."
ENGLISH = "Your phlyMail is being maintained and will be back at about {at} ({zone})."
RETRY_LEAST, RETRY_MOST = 5, 3600
"""Seconds after which a browser or a WebDAV client is told to ask again."""


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


def closed_page(name: str, host_name: str, until: datetime, now: datetime) -> str:
    """The site of an instance that is closed for an update; answers 503, says until when, and when to ask again.

    Args:
        name: of the instance.
        host_name: of its server.
        until: when it is open again, as expected.
        now: this moment.
    """
    local = until.astimezone(ZoneInfo(TIME_ZONE))
    seconds = int((until - now).total_seconds())
    return render(
        "apache/closed.conf.j2", name=name, host_name=host_name,
        retry_seconds=min(max(seconds, RETRY_LEAST), RETRY_MOST),
        german=GERMAN.format(at=f"{local:%H:%M}"), english=ENGLISH.format(at=f"{local:%H:%M}", zone=f"{local:%Z}"),
    )  # fmt: skip
