"""A customer's side of an open instance: his administrator's and users' requests over HTTPS."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from blocks.loading import load
from blocks.service_settings import ServiceSettings
from blocks.web_probe import WebProbe
from hosting.product.layout import ROOT_ADMIN, InstanceLayout
from tasks.probes import url_of

if TYPE_CHECKING:
    from hosting.policy.values import InstanceFacts
    from tests.service_fixture import Service

SESSION = re.compile(r"PHPSESSID=([-,A-Za-z0-9]+)")


@dataclass
class Site:
    """An instance as somebody with a browser of his own sees it.

    Args:
        instance: which one.
        url: its long form.
        layout: where it lives.
        client: the browser's cookies.
        session: the product's session, once logged in.
    """

    instance: InstanceFacts
    url: str
    layout: InstanceLayout
    client: httpx.Client
    web: WebProbe
    session: str = ""
    users: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, method: str = "GET", **options: object) -> httpx.Response:
        """A request to a path below the instance's URL."""
        return self.web.ask(method, self.url + path, **options)

    def log_in(self, password: str) -> httpx.Response:
        """Log in to the administration as the root administrator."""
        found = SESSION.search(self.ask("config.php").text)
        assert found is not None
        self.session = found[1]
        return self.ask(f"config.php?PHPSESSID={self.session}", "POST", data={"user": ROOT_ADMIN, "pass": password})

    def make_user(self, name: str) -> None:
        """A user who may use WebDAV."""
        password = secrets.token_hex(9)
        form = dict.fromkeys(("email", "externalemail", "firstname", "lastname"), "")
        form |= {
            "username": name,
            "password": password,
            "password2": password,
            "active": "1",
            "birthday": "0000-00-00",
            "visibility": "private",
        }
        made = self.ask(
            f"config.php?PHPSESSID={self.session}&action=users&whattodo=savenewuser",
            "POST",
            data={f"PHM[{key}]": value for key, value in form.items()},
        )
        assert made.status_code == 302, made.text
        self.users[name] = password

    def file(self, user: str, name: str) -> str:
        """The path of a user's file by WebDAV."""
        return f"webdav.php/{user}/files/{name}"

    def digest(self, user: str) -> httpx.DigestAuth:
        """How a user shows who he is."""
        return httpx.DigestAuth(user, self.users[user])


def site(service: Service, instance: InstanceFacts) -> Site:
    """An instance seen by a new browser."""
    settings = load(ServiceSettings)
    client = httpx.Client(verify=settings.trust, trust_env=False)
    url = url_of(service.server(instance.server_name), instance)
    return Site(instance, url, InstanceLayout.of(instance), client, WebProbe(client, tuple(settings.resolvers)))
