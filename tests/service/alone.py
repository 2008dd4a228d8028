"""A Prefect server and a mail sink for flows that need no application server."""

from __future__ import annotations

import contextlib
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

from deployments.console.settings_from_fleet import as_toml, settings_of, write_private
from deployments.runtime.environment import Places, api_login
from hosting.settings import load_settings
from tests.service.ports import free_port
from tests.service_fixture import prefect_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fleet import Fleet


class Sink:
    """Takes letters and keeps them."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.port = free_port()

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.raw.append(envelope.content)
        return "250 taken"

    @property
    def letters(self) -> list[tuple[str, str]]:
        """Subject and text of each."""
        parsed = [message_from_bytes(raw, policy=policy.default) for raw in self.raw]
        return [(str(one["Subject"]), _text(one)) for one in parsed]


def _text(letter: Any) -> str:
    return str(letter.get_body(("plain",)).get_content())


@contextlib.contextmanager
def sink_for_letters() -> Iterator[Sink]:
    """A relay that takes everything."""
    taking = Sink()
    controller = Controller(taking, hostname="127.0.0.1", port=taking.port, server_hostname="sink.test")
    controller.start()
    try:
        yield taking
    finally:
        controller.stop()


@contextlib.contextmanager
def prefect_alone(fleet: Fleet, home: Path) -> Iterator[None]:
    """A Prefect server of its own, which flows in this process tell of themselves."""
    content = settings_of(fleet.description(), home)
    content["prefect_api_url"] = f"http://127.0.0.1:{free_port()}/api"
    write_private(home / "settings.toml", as_toml(content))
    settings, at = load_settings(home / "settings.toml"), Places(home)
    at.ensure()
    ours = {PREFECT_API_URL: settings.prefect_api_url, PREFECT_API_AUTH_STRING: api_login(at), PREFECT_HOME: at.prefect}
    with prefect_server(settings, at), temporary_settings(ours):
        yield
