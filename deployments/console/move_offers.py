"""`phm move offer`, `agree`, `postpone`, `withdraw`, `offers`: what is agreed on with customers before a move (P24)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console.context import Reason, acting, now, reading, reason_given
from deployments.console.move_plans import moment, previewed, show
from deployments.console.output import Json, emit
from deployments.console.wording import local
from hosting.errors import Refused
from hosting.settings import load_settings

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hosting.inventory.moves import MoveFacts
    from hosting.inventory.offer_rows import OfferFacts
    from hosting.policy.maintenance import Window
    from hosting.settings import Settings
    from tasks.move_preview import Preview

Name = Annotated[str, typer.Argument(help="The instance's name.")]
To = Annotated[str, typer.Option("--to", help="The server that it goes to.")]
At = Annotated[str, typer.Option("--at", help="When, e.g. 2026-12-01T22:00 in Berlin's time.")]
From = Annotated[str, typer.Option("--from", help="No time before this, e.g. 2026-12-24T08:00 in Berlin's time.")]
Because = Annotated[
    str,
    typer.Option(
        "--because",
        help="Why it may be at a time that is not off-peak, or sooner than agreed on: how the customer agreed, say.",
    ),
]
Doing = Annotated[bool, typer.Option("--yes", help="Do it; without it you see what it means.")]
COLUMNS = {
    "id": "offer", "instance_name": "instance", "target_name": "to", "state": "state", "answer_by": "answer by",
    "answered_by": "answered by", "move_id": "move", "answer": "said",
}  # fmt: skip
WITHOUT_ANSWER = {"nothing": "nothing moves", "move": "it moves in the first window"}
NOTHING_DONE = "Nothing was changed. To do it, give --yes."


def offer(name: Name, to: To, reason: Reason, *, not_before: From = "", yes: Doing = False) -> None:
    """Offer the customer times by letter: he accepts one, asks for others, or declines."""
    settings, why, earliest = load_settings(), reason_given(reason), moment(not_before)
    found = objected(settings, name, to)

    def make(session: Session, by: str, when: datetime) -> OfferFacts:
        from hosting.inventory import offers  # noqa: PLC0415  # not before it is needed: help is quick

        return offers.offer_windows(
            session, name, to, why, by=by, now=when, without_answer=settings.move_without_answer,
            stop_seconds=found.plan.stop_seconds, not_before=earliest, holidays=settings.holidays_state,
        )  # fmt: skip

    if yes:
        made = acting(make, settings)
    else:
        with reading() as session:  # nothing of it is kept
            made = make(session, "nobody", now())
    for window in made.windows:
        typer.echo(f"  {told(window)}")
    typer.echo(f"Answer by {local(made.answer_by)}, reminder at {local(made.remind_at)}.")
    typer.echo(f"Without an answer {WITHOUT_ANSWER[made.without_answer]}, and you are told by a case.")
    typer.echo(f"It is offer {made.id}; the letter goes out within a minute." if yes else NOTHING_DONE)


def agree(name: Name, at: At, reason: Reason, *, to: To = "", yes: Doing = False) -> None:
    """Record what was agreed on by phone; the reason says how. An open offer is answered by it."""
    settings, why, opens = load_settings(), reason_given(reason), named_moment(at)
    target = to or offered_target(name)
    objected(settings, name, target)
    warn_by_day(settings, name, opens)
    if not yes:
        typer.echo(NOTHING_DONE)
        return

    def record(session: Session, by: str, when: datetime) -> OfferFacts:
        from hosting.inventory import offers  # noqa: PLC0415  # as above

        return offers.agree_by_word(session, name, target, opens, why, by=by, now=when)

    done = acting(record, settings)
    typer.echo(f"It is move {done.move_id}, due {local(opens)}; the customer gets a letter that confirms it.")


def postpone(name: Name, at: At, reason: Reason, *, because: Because = "") -> None:
    """Set another moment for a move whose moment has not come; its customer gets a letter where he agreed on it."""
    settings, why, due_at = load_settings(), reason_given(reason), named_moment(at)

    def put_off(session: Session, by: str, when: datetime) -> MoveFacts:
        from hosting.inventory import move_moments  # noqa: PLC0415  # as above

        holidays = settings.holidays_state
        return move_moments.postpone(session, name, due_at, why, by=by, now=when, because=because, holidays=holidays)

    move = acting(put_off, settings)
    typer.echo(f"Move {move.id} is due {local(move.due_at)} now.")


def withdraw(name: Name, reason: Reason) -> None:
    """Take an offer back that was not answered; its link says so."""
    settings, why = load_settings(), reason_given(reason)

    def take_back(session: Session, by: str, when: datetime) -> OfferFacts:
        from hosting.inventory import offers  # noqa: PLC0415  # as above

        return offers.withdraw_offer(session, name, why, by=by, now=when)

    done = acting(take_back, settings)
    typer.echo(f"Offer {done.id} is withdrawn; nothing moves.")


def offers(name: Annotated[str, typer.Argument(help="Of this instance only.")] = "", *, as_json: Json = False) -> None:
    """List offers of times with what was answered, the last one first."""
    from hosting.inventory.offers import all_offers, offers_of  # noqa: PLC0415  # as above

    with reading() as session:
        found = offers_of(session, name) if name else all_offers(session)
    emit([asdict(one) for one in reversed(found)], COLUMNS, as_json=as_json, empty="Nothing was offered.")


def objected(settings: Settings, name: str, target: str) -> Preview:
    """The plan, shown; a backup of the last day is asked for when the move begins, not now.

    Raises:
        Refused: something forbids it.
    """
    found = previewed(settings, name, target, without_backup=True)
    show(found, as_json=False)
    if found.objections:
        raise Refused("It can't be moved so.", "Put right what is listed above.")
    return found


def offered_target(name: str) -> str:
    """The server of the instance's open offer.

    Raises:
        Refused: there is none.
    """
    from hosting.inventory.offers import open_offer  # noqa: PLC0415  # as above

    with reading() as session:
        found = open_offer(session, name)
    if found is None:
        raise Refused(f"No times are offered for {name}.", "Name the server: --to.")
    return found.target_name


def named_moment(at: str) -> datetime:
    """A moment that has to be given.

    Raises:
        Refused: it is none, or has passed.
    """
    found = moment(at)
    if found is None:
        raise Refused("No moment is given.", "Write it like --at 2026-12-01T22:00.")
    return found


def warn_by_day(settings: Settings, name: str, opens: datetime) -> None:
    """Say so where a window is not wholly off-peak by the contract: the customer's word is what counts."""
    from hosting.inventory.levels import terms_of_instance  # noqa: PLC0415  # as above
    from hosting.policy.agreements import is_wholly_off_peak, window_at  # noqa: PLC0415  # as above

    with reading() as session:
        terms = terms_of_instance(session, name, opens)
    if not is_wholly_off_peak(window_at(opens, terms), terms, settings.holidays_state):
        typer.echo(f"{local(opens)} is not off-peak (P15).")


def told(window: Window) -> str:
    """A window on the service's own wall clock."""
    return f"{local(window.opens)} to {local(window.closes)[-5:]}"
