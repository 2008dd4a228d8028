"""`phm operator`: who may look at the board, by which password."""

from __future__ import annotations

import secrets
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.console.context import Reason, Yes, acting, ask, reading, reason_given
from deployments.console.output import Json, emit
from hosting.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

app = typer.Typer(help="Operators: who may look at the board (docs/board.md).")

Name = Annotated[str, typer.Argument(help="The operator's name, as it is recorded of what he does.")]
COLUMNS = {
    "name": "operator", "full_name": "name", "email": "mail", "added_at": "since", "password_set_at": "password of",
}  # fmt: skip
STANDARD_INPUT = "-"
MOST_BYTES = 4096

SENTENCES = {
    "missing": "The password is empty.",
    "too_short": "The password has fewer than {least} characters.",
    "too_long": "The password has more than {most} characters.",
    "unusable_signs": "The password holds a sign that can't be typed everywhere.",
    "blank_at_end": "The password begins or ends with a blank.",
    "is_the_name": "The password only repeats the name.",
    "too_simple": "The password is made of too few different signs.",
    "not_the_same": "The two entries are not the same.",
}


class PasswordRefused(Refused):
    """A password is not taken."""


@app.command("password")
def password(
    name: Name,
    *,
    password_file: Annotated[
        str, typer.Option("--password-file", help="A file with it in its first line; -: standard input.")
    ] = "",
) -> None:
    """Give an operator a password for the board; asked for twice, never an argument. His sessions end."""
    typed, again = (from_file(password_file),) * 2 if password_file else typed_twice()
    check(name, typed, again)
    from hosting.inventory.operator_logins import set_password  # noqa: PLC0415  # not before it is needed: help is quick
    from hosting.policy.operator_passwords import SALT_BYTES, hash_password  # noqa: PLC0415  # as above

    kept = hash_password(typed, secrets.token_bytes(SALT_BYTES))
    acting(lambda session, by, at: set_password(session, name, kept, by=by, now=at))
    typer.echo(f"{name} can log in to the board; who was logged in by that name is logged out.")


@app.command("lock")
def lock(name: Name, reason: Reason, *, yes: Yes = False) -> None:
    """Take an operator's password away; his sessions end at once. What he did stays recorded."""
    why = reason_given(reason)
    ask(f"Do you lock {name} out of the board?", yes=yes)
    from hosting.inventory.operator_logins import remove_password  # noqa: PLC0415  # as above

    def take_away(session: Session, by: str, at: datetime) -> None:
        remove_password(session, name, by=by, why=why, now=at)

    acting(take_away)
    typer.echo(f"{name} can't log in to the board any more.")


@app.command("list")
def list_operators(*, as_json: Json = False) -> None:
    """List the operators, and who of them has a password for the board."""
    from hosting.inventory.operator_logins import all_operators  # noqa: PLC0415  # as above

    with reading() as session:
        rows = [asdict(one) for one in all_operators(session)]
    emit(rows, COLUMNS, as_json=as_json, empty="Nobody is entered yet.")


def typed_twice() -> tuple[str, str]:
    """The password as it was typed, and as it was typed again; nothing of it is shown.

    Raises:
        PasswordRefused: there is no keyboard.
    """
    try:
        return (
            typer.prompt("Password", hide_input=True, err=True),
            typer.prompt("The same again", hide_input=True, err=True),
        )
    except typer.Abort as error:
        sys.stderr.write("\n")
        raise PasswordRefused("No password was typed.", "Type it, or give --password-file.") from error


def from_file(path: str) -> str:
    """The first line of a file, or of the standard input.

    Raises:
        PasswordRefused: the file can't be read, or is none.
    """
    if path == STANDARD_INPUT:
        return sys.stdin.readline(MOST_BYTES).rstrip("\r\n")
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.readline(MOST_BYTES).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PasswordRefused(f"{path} can't be read.", "Name a text file that you may read, or -.") from error


def check(name: str, typed: str, again: str) -> None:
    """See that a name and a password can be taken.

    Raises:
        PasswordRefused: they can't.
    """
    from deployments.web.passwords import FEWEST_CHARACTERS, MOST_CHARACTERS, objection_to  # noqa: PLC0415  # as above

    if not name.strip() or name != name.strip() or not name.isprintable():
        raise PasswordRefused("The name is empty, or has blanks around it.", "Name the operator as the system does.")
    if objection := objection_to(typed, again, (name,)):
        sentence = SENTENCES[objection].format(least=FEWEST_CHARACTERS, most=MOST_CHARACTERS)
        raise PasswordRefused(sentence, "Choose another one, or type it again; nothing was changed.")
