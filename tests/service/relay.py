"""A mail relay that can be up or down: what came is kept as messages."""

from __future__ import annotations

import email
import email.policy
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller

from tests.service.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage


class Relay:
    """Takes letters and keeps them, while it is up; on a port of its own."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.port = free_port()

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802  # aiosmtpd's name
        self.letters.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken"

    @contextmanager
    def up(self) -> Iterator[None]:
        controller = Controller(self, hostname="127.0.0.1", port=self.port, server_hostname="sink.test")
        controller.start()
        try:
            yield
        finally:
            controller.stop()

    @property
    def subjects(self) -> list[str]:
        return [str(letter["Subject"]) for letter in self.letters]

    def text(self, number: int = -1) -> str:
        body = self.letters[number].get_body(("plain",))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")
