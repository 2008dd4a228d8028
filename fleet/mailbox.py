"""Mails that arrived: one file each, with the envelope as its first lines."""

from __future__ import annotations

import contextlib
import email
import email.policy
import itertools
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENVELOPE_FROM = "X-Fleet-Envelope-From"
ENVELOPE_TO = "X-Fleet-Envelope-To"
ARRIVED = "X-Fleet-Arrived"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived.

    Args:
        id: name of its file without the ending; sorts by arrival.
        sender: of the envelope.
        recipients: of the envelope.
        subject: as a person reads it.
        arrived: when, in UTC.
        text: its plain text, empty where there is none.
        html: its page, empty where there is none.
        path: its file.
    """

    id: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    arrived: datetime
    text: str
    html: str
    path: Path

    def message(self) -> EmailMessage:
        """The whole mail with its headers and attachments."""
        return parse(self.path)


def put(folder: Path, sender: str, recipients: Sequence[str], content: bytes) -> str:
    """Keep a mail; it appears at once or not at all. Returns its id."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S.%f}-{next(_numbers):04d}"
    envelope = (
        f"{ENVELOPE_FROM}: {sender}\r\n{ENVELOPE_TO}: {', '.join(recipients)}\r\n{ARRIVED}: {now.isoformat()}\r\n"
    )
    partial = folder / f".{name}.{os.getpid()}"
    partial.write_bytes(envelope.encode() + content)
    partial.rename(folder / f"{name}.eml")
    return name


def read_all(folder: Path, to: str | None = None) -> list[Mail]:
    """The mails in a folder, the oldest first; only those to one address, if named."""
    mails: list[Mail] = []
    for file in sorted(folder.glob("*.eml")) if folder.exists() else []:
        with contextlib.suppress(FileNotFoundError):  # somebody throws mails away
            mails.append(read_once(file))
    return [mail for mail in mails if to is None or to.lower() in map(str.lower, mail.recipients)]


@cache
def read_once(file: Path) -> Mail:
    """One mail, which stays as it came: whoever looks through all of them over and over parses it once."""
    return read(file)


def read(file: Path) -> Mail:
    """One mail."""
    message = parse(file)
    return Mail(
        id=file.stem,
        sender=str(message[ENVELOPE_FROM] or ""),
        recipients=tuple(part.strip() for part in str(message[ENVELOPE_TO]).split(",") if part.strip()),
        subject=str(message["Subject"] or ""),
        arrived=datetime.fromisoformat(str(message[ARRIVED])),
        text=body(message, "plain"),
        html=body(message, "html"),
        path=file,
    )


def parse(file: Path) -> EmailMessage:
    """The message in a file."""
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - what the default policy makes
    return message


def body(message: EmailMessage, kind: str) -> str:
    """The mail's text of one kind (`plain` or `html`), empty where it has none."""
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else ""


def clear(folder: Path) -> None:
    """Throw all mails away."""
    for file in folder.glob("*.eml"):
        file.unlink(missing_ok=True)
