"""The mail sink: an SMTP server that keeps each mail as a file, and a small page that shows them.

Started as `python -m fleet.sink HOME`. It asks nobody for names: its own is given.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fleet import mailbox
from fleet.places import Places
from fleet.plan import Plan
from fleet.service import Service, connects

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES = 64 * 1024 * 1024
REFUSED = "550 5.1.1 No such mailbox here"
LATER = "451 4.7.1 Please try again later"


class MailSink(Service):
    """Takes every mail, but for `refused…@` (refused for good) and `later…@` (refused for now)."""

    name = "smtp"

    @property
    def port(self) -> int:  # type: ignore[override]  # a constant elsewhere, the plan's here
        """Where it takes mail."""
        return self.plan.smtp_port

    def prepare(self) -> None:
        """The folder of mails."""
        self.places.mails.mkdir(parents=True, exist_ok=True)

    def argv(self) -> Sequence[str | Path]:
        """This module as a program."""
        return [sys.executable, "-m", "fleet.sink", self.places.home]

    def forget(self) -> None:
        """No mail."""
        shutil.rmtree(self.places.mails, ignore_errors=True)

    def answers(self) -> bool:
        """Whether both its doors are open."""
        return all(connects(str(self.plan.gateway), port) for port in (self.plan.smtp_port, self.plan.sink_port))


def verdict(address: str) -> str:
    """What the server says to a recipient."""
    local = address.lower()
    if local.startswith("refused"):
        return REFUSED
    return LATER if local.startswith("later") else "250 OK"


async def serve(plan: Plan, places: Places) -> None:
    """Take mails and show them until asked to end."""
    import uvicorn
    from aiosmtpd.smtp import SMTP, Envelope, Session

    from fleet.sink_pages import application

    class Keeper:
        """Keeps what arrives."""

        async def handle_RCPT(  # noqa: N802 - the library's name for it
            self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
        ) -> str:
            """Take the recipient or not."""
            answer = verdict(address)
            if answer.startswith("250"):
                envelope.rcpt_tos.append(address)
            return answer

        async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
            """Keep the mail before saying so."""
            content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
            name = mailbox.put(places.mails, envelope.mail_from or "", envelope.rcpt_tos, content)
            return f"250 Kept as {name}"

    def protocol() -> SMTP:
        return SMTP(Keeper(), hostname=f"mail.{plan.zone}", data_size_limit=MAX_BYTES, enable_SMTPUTF8=True)

    address = str(plan.gateway)
    smtp = await asyncio.get_running_loop().create_server(protocol, address, plan.smtp_port)
    settings = uvicorn.Config(
        application(places.mails), host=address, port=plan.sink_port, log_level="warning", lifespan="off"
    )
    async with smtp:
        await uvicorn.Server(settings).serve()


if __name__ == "__main__":
    asyncio.run(serve(Plan(), Places(Path(sys.argv[1]))))
