"""Passwords of mail accounts that lay in clear in an old installation, disguised as the product does it (P34).

By the product's own administration, on the draft's server: no password comes to the worker (phlymail.md section 3).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from blocks.loading import load
from blocks.mariadb_server import mariadb_of
from blocks.ssh_host import SshHost
from hosting.commands import importing
from hosting.commands.command import as_user
from hosting.commands.files import read_if_there
from hosting.errors import StepFailed
from hosting.policy.import_conditions import mail_passwords_lost
from hosting.product.conversion import CLEAR, settings_of
from tasks.application import in_administration
from tasks.import_reading import told_of
from tasks.records import unsealed
from tasks.step import reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hosting.policy.values import ServerFacts
    from hosting.product.old_installation import Found
    from tasks.drafts import Draft

SECTION = "action=security&whattodo=confuse"


@reading
def disguise_mail_passwords(server: ServerFacts, draft: Draft, found: Found) -> list[dict[str, str]]:
    """No password of a mail account lies in clear in the draft; what has to be told of those that could not be kept.

    Raises:
        StepFailed: the product did not do it.
    """
    if not found.conversion.has_clear_passwords:
        return []
    ssh, layout, name = load(SshHost).connection(server), draft.layout, draft.layout.database
    with mariadb_of(ssh) as database:
        lost = int(database.value(importing.mail_passwords_without_room(name)))
        database.run(importing.empty_mail_passwords(name))
        wanted = _lengths(database.rows(importing.mail_password_lengths(name)))
        status = in_administration(ssh, layout, unsealed(draft.origin.name, "root_admin"), SECTION)
        have = dict(database.rows(importing.mail_password_lengths(name)))
    choices = ssh.run(as_user(read_if_there(layout.storage / "config/choices.ini.php"), layout.user)).out
    if status != HTTPStatus.FOUND or have != wanted or settings_of(choices).get(CLEAR) != "confused":
        message = f"The product did not disguise the passwords of mail accounts in {draft.facts.name} ({status})."
        raise StepFailed(message, f"Look at {layout.log} on {server.name}, then run again, or call the import off.")
    return told_of(mail_passwords_lost(lost))


def _lengths(rows: Iterable[tuple[Any, ...]]) -> dict[Any, str]:
    """What the lengths have to be once each password stands in base64, four signs for each three bytes."""
    return {one: " ".join(str(-(-int(length) // 3) * 4) for length in str(both).split()) for one, both in rows}
