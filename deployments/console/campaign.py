"""`phm campaign`: all customers are told that the product ends, and who is how far on his way (P41)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console.context import ask, reading, reason_given, who
from deployments.console.output import Json, emit
from deployments.console.wording import heading
from hosting.errors import Refused
from hosting.policy.terms import LANGUAGES
from hosting.settings import load_settings

if TYPE_CHECKING:
    from hosting.inventory.campaigns import Standing

app = typer.Typer(help="Letters to all customers: product-ends, status.")

COLUMNS = {
    "customer": "customer", "instance": "instance", "state": "state", "told_at": "told", "exported_at": "exported",
    "fetched_at": "fetched", "ends_on": "ends on",
}  # fmt: skip
UNTOLD = {"customer": "customer", "instance": "instance", "language": "language"}


@app.command("product-ends")
def product_ends(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show to whom; nobody is written to.")] = False,
    language: Annotated[str, typer.Option("--language", help="Only who reads it: de or en.")] = "",
    because: Annotated[str, typer.Option("--because", help="Why now; recorded.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; do it.")] = False,
) -> None:
    """Write to every customer that the product ends; once each, however often it is run."""
    from hosting.inventory import campaigns  # noqa: PLC0415  # not before it is needed: help is quick

    if language not in {"", *LANGUAGES}:
        raise Refused(f"No letter is written in {language!r}.", f"Name one of {', '.join(LANGUAGES)}, or none for all.")
    with reading() as session:
        found = [one for one in campaigns.standings(session) if one.is_to_be_told and language in {"", one.language}]
    if dry_run or not found:
        emit([asdict(one) for one in found], UNTOLD, as_json=False, empty="Everybody who is served was told.")
        return
    from deployments.console.runs import start_run  # noqa: PLC0415  # as above

    why, customers = reason_given(because), len({one.customer for one in found})
    ask(f"Write to {customers} customers that the product ends?", yes=yes)
    request = {"language": language, "operator": who(), "reason": why}
    typer.echo(start_run(load_settings(), "tell-product-ends", request, about="product-ends"))


@app.command("status")
def status(*, as_json: Json = False) -> None:
    """Who was told, who has exported, who has given notice, and who is left."""
    from hosting.inventory import campaigns  # noqa: PLC0415  # as above

    with reading() as session:
        found = campaigns.standings(session)
    if not as_json:
        heading(summary(found))
    emit([asdict(one) for one in found], COLUMNS, as_json=as_json, empty="Nobody was ever served.")


def summary(found: list[Standing]) -> str:
    """The figures in one line."""
    told = sum(one.told_at is not None for one in found)
    exported = sum(one.exported_at is not None for one in found)
    gone = sum(one.end is not None for one in found)
    left = sum(one.is_left for one in found)
    return f"{len(found)} instances: {told} told, {exported} exported, {gone} given notice of or ended, {left} left"
