"""The relay that takes the service's letters."""

from __future__ import annotations

import smtplib
from typing import TYPE_CHECKING

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from hosting.errors import Unreachable

if TYPE_CHECKING:
    from email.message import EmailMessage

ANSWER_SECONDS = 10.0


class MailRelay(Block):
    """An SMTP relay with the addresses that letters come from and operators read."""

    _block_type_name = "phlyMail mail relay"
    _block_type_slug = "phm-mail-relay"
    host: str = Field(title="Host")
    port: int = Field(25, title="Port")
    user: str = Field("", title="User")
    password: SecretStr = Field(SecretStr(""), title="Password")
    security: str = Field("none", title="Security", description="none, STARTTLS or SSL")
    sender: str = Field(title="Sender", description="The address that letters come from.")
    operator: str = Field(title="Operator", description="The address that operators' letters go to.")

    def send(self, message: EmailMessage) -> None:
        """Hand a letter to the relay.

        Raises:
            Unreachable: the relay does not take it now; the letter is not sent.
        """
        kind = smtplib.SMTP_SSL if self.security == "SSL" else smtplib.SMTP
        try:
            with kind(self.host, self.port, local_hostname="phm.invalid", timeout=ANSWER_SECONDS) as relay:
                if self.security == "STARTTLS":
                    relay.starttls()
                if self.user:
                    relay.login(self.user, self.password.get_secret_value())
                relay.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            message_ = f"The mail relay {self.host}:{self.port} did not take the letter ({type(error).__name__})."
            raise Unreachable(message_, "Look at the relay; the letter is sent when the run is repeated.") from error
