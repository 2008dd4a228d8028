"""Imports as runs read and write them: asked for, approved, called off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting.inventory import imports
from hosting.inventory.imports import ImportWish
from hosting.inventory.session import in_transaction
from hosting.policy.import_source import check_sha256
from tasks.import_fetching import NotTaken, Opener, shown_url
from tasks.records import inventory, now
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hosting.policy.imports import ImportFacts


def wish_of(
    opener: Opener, instance: str, why: str, *, only_check: bool = False, modifications: Sequence[str] = (),
    told_sha256: str = "",
) -> ImportWish:  # fmt: skip
    """What an operator wants, with the source sealed; refused before anything is recorded where it can't be.

    Raises:
        NotTaken: nothing is fetched from such a URL, or the checksum is none; says all that speaks against it.
    """
    check, told = opener.check, "".join(told_sha256.split()).lower()
    findings = (*check.findings, *check_sha256(told))
    if check.source is None or findings:
        raise NotTaken(findings)
    return ImportWish(
        instance, shown_url(check.source), opener.sealed(), only_check, tuple(modifications), told, why
    )  # fmt: skip


@reading
def read_import(number: int) -> ImportFacts:
    """An import as the inventory knows it."""
    with inventory().reading() as session:
        return imports.import_facts(session, number)


@reading
def read_left_on_their_way() -> list[ImportFacts]:
    """Imports whose run died while they went live."""
    with inventory().reading() as session:
        return imports.left_on_their_way(session, now())


@reading
def ask_for_import(wish: ImportWish, by: str) -> ImportFacts:
    """The import is on record; raises as `imports.ask`."""
    return in_transaction(inventory(), lambda session: imports.ask(session, wish, by, now()))


@reading
def record_approved(number: int, by: str, why: str) -> ImportFacts:
    """A person has looked at the report, and lets it go live."""
    return in_transaction(inventory(), lambda session: imports.approve(session, number, by, why, now()))


@reading
def record_called_off(number: int, by: str, why: str) -> ImportFacts:
    """Nothing comes of it."""
    return in_transaction(inventory(), lambda session: imports.call_off(session, number, by, why, now()))
