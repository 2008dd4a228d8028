"""What every verb works with: the settings, the inventory, the operator at the keyboard, the clock."""

from __future__ import annotations

import os
import pwd
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from hosting.errors import Refused, ServiceError
from hosting.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from sqlalchemy.orm import Session

    from hosting.inventory.session import Inventory

    Result = TypeVar("Result")

Yes = Annotated[bool, typer.Option("--yes", help="Don't ask; do it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; recorded.")]


class NotConfirmed(Refused):
    """The operator did not say yes."""


def open_inventory(settings: Settings | None = None) -> Inventory:
    """The inventory that the settings name.

    Raises:
        SettingsMissing: there are no settings, or wrong ones.
    """
    from hosting.inventory.session import Inventory  # noqa: PLC0415  # not before a verb needs it: help is quick

    return Inventory((settings or load_settings()).inventory_url.get_secret_value())


@contextmanager
def reading() -> Iterator[Session]:
    """A session to read from; raises as `Inventory.reading` does."""
    inventory = open_inventory()
    try:
        with inventory.reading() as session:
            yield session
    finally:
        inventory.close()


def acting(act: Callable[[Session, str, datetime], Result], settings: Settings | None = None) -> Result:
    """Do something in one transaction in the name of the operator, who is entered with it.

    Args:
        act: is given the session, the operator's name and the moment.
        settings: where they were read already.
    """
    from hosting.inventory.operators import ensure_operator  # noqa: PLC0415  # as above
    from hosting.inventory.session import in_transaction  # noqa: PLC0415  # as above

    by, at = who(), now()

    def entered(session: Session) -> Result:
        ensure_operator(session, by, at)
        return act(session, by, at)

    inventory = open_inventory(settings)
    try:
        return in_transaction(inventory, entered)
    finally:
        inventory.close()


def now() -> datetime:
    """This moment, aware; the one clock of the console."""
    return datetime.now(UTC)


def who() -> str:
    """The system's name of the operator, by the kernel's word and no variable's; root by sudo is who called it.

    Raises:
        ServiceError: this user has no name here.
    """
    uid = os.getuid()
    if uid == 0 and (caller := os.environ.get("SUDO_USER")):
        return caller
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError as error:
        raise ServiceError("This system user has no name.", "Run phm as a user with a name: it is recorded.") from error


def ask(question: str, *, yes: bool = False, do: str = "Answer with y, or give --yes.") -> None:
    """Go on only if the operator says yes; without a keyboard nobody did.

    Raises:
        NotConfirmed: no, or no answer.
    """
    if yes:
        return
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        agreed = False
        sys.stderr.write("\n")
    if not agreed:
        raise NotConfirmed("Nothing was changed: it was not confirmed.", do)


@contextmanager
def working(doing: str) -> Iterator[None]:
    """A spinner on standard error while something takes its time."""
    from rich.console import Console  # noqa: PLC0415  # not before something takes time

    with Console(stderr=True).status(doing):
        yield


def reason_given(reason: str) -> str:
    """A reason with something in it.

    Raises:
        Refused: it is empty.
    """
    if not reason.strip():
        raise Refused("The reason is empty.", "Say why in a few words; it is recorded.")
    return reason.strip()
