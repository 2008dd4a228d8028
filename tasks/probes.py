"""The proof from outside that an instance is open, whole and closed where it must be (P03, P10)."""

from __future__ import annotations

import contextlib
import re
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import httpx

from blocks.loading import load
from blocks.mariadb_server import MariadbServer, mariadb_of
from blocks.service_settings import ServiceSettings
from blocks.ssh_host import SshHost
from blocks.web_probe import WebProbe, web_probe
from hosting.commands import accounts
from hosting.errors import StepFailed
from hosting.product.layout import ROOT_ADMIN, InstanceLayout
from hosting.product.proof import HIDDEN, SHOWN, differs, files_of
from tasks.records import read_server, unsealed
from tasks.step import reading
from tasks.web import is_suspended, suspension_token

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from hosting.policy.values import InstanceFacts, ServerFacts

PROOF_USER = "phm-proof"
"""A user of ours that lives for the length of a proof."""

GATE_HEADER = "X-Phm-Gate"
"""In which the proof of a closed instance shows the token of its gate (`apache/instance.conf.j2`)."""

SESSION = re.compile(r"PHPSESSID=([-,A-Za-z0-9]+)")
MOVED = 301
FOUND = 302


def url_of(server: ServerFacts, instance: InstanceFacts) -> str:
    """The long-form URL (P10)."""
    return f"https://{server.host_name}{InstanceLayout.of(instance).path}"


@reading
def prove_instance_answers(server: ServerFacts, instance: InstanceFacts) -> dict[str, Any]:
    """Front end, Config, WebDAV and API over HTTPS, the certificate checked; a login; nothing served that must not be.

    Returns:
        The evidence: what was asked, and what was right about it.

    Raises:
        Unreachable: the web service does not answer, or its certificate is not good.
        StepFailed: something is wrong; names everything that is.
    """
    return prove_address(url_of(server, instance), server, instance)


def prove_address(url: str, server: ServerFacts, instance: InstanceFacts) -> dict[str, Any]:
    """The same at any address of the instance; our administrator's login tells that it is this instance.

    Args:
        url: the address, with a slash at its end.
        server: that serves the instance.
        instance: which one.

    Raises:
        Unreachable: as `prove_instance_answers`.
        StepFailed: likewise.
    """
    with door_of(instance) as web:
        wrong = [*_shown_and_hidden(web, url), *_files_of_pages(web, url, server, instance)]
        wrong += [*_plain_http(web, url), *_headers(web, url)]
        if not wrong:
            wrong = [*_administration_and_webdav(web, url, server, instance)]
    if wrong:
        message = f"{instance.name} on {server.name} is not as it must be at {url}: {'; '.join(wrong)}."
        raise StepFailed(message, "Look at the site and the instance's PHP log, then run again.")
    return {
        "url": url,
        "shown": [one.path for one in SHOWN],
        "hidden": len(HIDDEN),
        "plain_http": "redirect only",
        "webdav": "PUT, GET, DELETE",
    }


def prove_shown(url: str, server: ServerFacts, instance: InstanceFacts) -> None:
    """What an instance shows and hides at an address, asked from outside; nothing is written by it.

    Args:
        url: the address, with a slash at its end.
        server: that is known by it.
        instance: which one.

    Raises:
        Unreachable: as `prove_instance_answers`.
        StepFailed: likewise.
    """
    with door_of(instance) as web:
        wrong = [*_shown_and_hidden(web, url), *_files_of_pages(web, url, server, instance)]
    if wrong:
        message = f"{instance.name} is not as it must be at {url}: {'; '.join(wrong)}."
        raise StepFailed(message, "Look at the site and the instance's PHP log.")


class BehindGate(WebProbe):
    """A probe that a closed instance lets in: it shows the token of its gate."""

    token = ""

    def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        """One request with the token; raises as `WebProbe.ask`."""
        headers = {**options.pop("headers", {}), GATE_HEADER: self.token}
        return super().ask(method, url, headers=headers, **options)


@contextlib.contextmanager
def door_of(
    instance: InstanceFacts, *, trust: ssl.SSLContext | None = None, known: Mapping[str, str] | None = None
) -> Iterator[WebProbe]:
    """Who asks an instance as the world does; one that is suspended is shown the token that lets a proof in.

    Args:
        instance: which one.
        trust: that judges certificates; the service's own where none is given.
        known: addresses by name, for which nobody is asked.
    """
    settings = load(ServiceSettings)
    trust, resolvers = trust or settings.trust, tuple(settings.resolvers)
    if not is_suspended(instance):
        with web_probe(trust, resolvers, known) as web:
            yield web
        return
    with httpx.Client(verify=trust, trust_env=False) as client:
        behind = BehindGate(client, resolvers, known)
        behind.token = suspension_token(instance)
        yield behind


def prove_behind_gate(server: ServerFacts, instance: InstanceFacts, token: str) -> dict[str, Any]:
    """What a closed instance would show and hide if it were open, asked from outside; nothing is written by it.

    Args:
        server: that serves it.
        instance: with the release that it should have.
        token: of its gate.

    Raises:
        Unreachable: as `prove_instance_answers`.
        StepFailed: likewise.
    """
    settings, url = load(ServiceSettings), url_of(server, instance)
    with httpx.Client(verify=settings.trust, trust_env=False) as client:
        web = BehindGate(client, tuple(settings.resolvers))
        web.token = token
        wrong = [*_shown_and_hidden(web, url), *_files_of_pages(web, url, server, instance)]
    if wrong:
        message = f"{instance.name} with {instance.release.version} is not as it must be: {'; '.join(wrong)}."
        raise StepFailed(message, "Look at the instance's PHP log.")
    return {"url": url, "shown": [one.path for one in SHOWN], "hidden": len(HIDDEN)}


def _shown_and_hidden(web: WebProbe, url: str) -> list[str]:
    """What the instance shows and hides over HTTPS."""
    findings = []
    for expected in (*SHOWN, *HIDDEN):
        answer = web.ask("GET", url + expected.path)
        findings.append(differs(expected, answer.status_code, answer.text))
    return [finding for finding in findings if finding]


def _files_of_pages(web: WebProbe, url: str, server: ServerFacts, instance: InstanceFacts) -> list[str]:
    """The scripts and styles of the two login pages are served: without them the product is a dead picture."""
    findings = []
    for path in ("", "config.php"):
        page = web.ask("GET", url + path).text
        asked = [urljoin(url + path, file) for file in files_of(page)]
        if not asked and not path:
            findings.append(f"/{path} names neither script nor style")
        for file in asked:
            if not file.startswith(url) and not _is_at_home(file, url, server, instance):
                findings.append(f"/{path} asks for {file} outside of the instance")
            elif (status := web.ask("GET", file).status_code) != HTTPStatus.OK:
                findings.append(f"/{file.removeprefix(url)} answers {status}")
    return findings


def _is_at_home(file: str, url: str, server: ServerFacts, instance: InstanceFacts) -> bool:
    """Whether a page at an address of before a move asks for a file at the present one.

    The product builds addresses from the host that it was asked for, which is the present one behind a former one.
    """
    return url == url_of(server, instance) and file.startswith(url_of(read_server.fn(server.name), instance))


def _plain_http(web: WebProbe, url: str) -> list[str]:
    """Plain HTTP answers with a permanent redirect to the same place and nothing else (P03)."""
    findings = []
    for path in ("", "config.php", "frontend/css/core.css", "storage/"):
        answer = web.ask("GET", url.replace("https:", "http:", 1) + path)
        if answer.status_code != MOVED or answer.headers.get("location") != url + path:
            findings.append(
                f"plain HTTP of /{path} answers {answer.status_code} to {answer.headers.get('location', 'nowhere')}"
            )
    return findings


def _headers(web: WebProbe, url: str) -> list[str]:
    """The headers that keep a browser on HTTPS and instances apart."""
    answer = web.ask("GET", url)
    wanted = {
        "strict-transport-security": "max-age=",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    findings = [f"{name} is missing" for name, value in wanted.items() if value not in answer.headers.get(name, "")]
    path = "/" + url.split("/", 3)[3]
    for cookie in answer.headers.get_list("set-cookie"):
        parts = (f"path={path}", "secure", "httponly", "samesite=")
        findings += [f"a cookie is set without {part}" for part in parts if part.lower() not in cookie.lower()]
    return findings


def _administration_and_webdav(web: WebProbe, url: str, server: ServerFacts, instance: InstanceFacts) -> list[str]:
    """Log in to Config; write, read and delete a file by WebDAV as a user made for it, then removed."""
    layout, password = InstanceLayout.of(instance), unsealed(instance.name, "root_admin")
    page = web.ask("GET", url + "config.php").text
    found = SESSION.search(page)
    config = f"{url}config.php?PHPSESSID={found[1]}" if found else f"{url}config.php?"
    login = web.ask("POST", config, data={"user": ROOT_ADMIN, "pass": password})
    if login.status_code != FOUND:
        return [f"our administrator's login answers {login.status_code}"]
    with mariadb_of(load(SshHost).connection(server)) as database:
        _remove_proof_user(web, config, database, layout)
        try:
            return _webdav(web, url, config)
        finally:
            _remove_proof_user(web, config, database, layout)
            web.ask("GET", f"{config}&action=logout")


def _webdav(web: WebProbe, url: str, config: str) -> list[str]:
    """A file written, read and deleted by a new user over WebDAV."""
    password = secrets.token_urlsafe(18)
    form = {
        "PHM[username]": PROOF_USER,
        "PHM[password]": password,
        "PHM[password2]": password,
        "PHM[active]": "1",
        "PHM[email]": "",
        "PHM[externalemail]": "",
        "PHM[firstname]": "",
        "PHM[lastname]": "",
        "PHM[birthday]": "0000-00-00",
        "PHM[visibility]": "private",
    }
    made = web.ask("POST", f"{config}&action=users&whattodo=savenewuser", data=form)
    if made.status_code != FOUND:
        return [f"making a user answers {made.status_code}"]
    auth = httpx.DigestAuth(PROOF_USER, password)
    file = f"{url}webdav.php/{PROOF_USER}/files/proof.txt"
    content = secrets.token_hex(16).encode()
    wrong = []
    for method, right, body in (("PUT", (201, 204), content), ("GET", (200,), None), ("DELETE", (200, 204), None)):
        answer = web.ask(method, file, auth=auth, content=body)
        if answer.status_code not in right or (method == "GET" and answer.content != content):
            wrong.append(f"WebDAV {method} answers {answer.status_code}")
    return wrong


def _remove_proof_user(web: WebProbe, config: str, database: MariadbServer, layout: InstanceLayout) -> None:
    """The user of the proof removed through Config, and what Config leaves behind of it."""
    uid = database.value(accounts.find_user(layout.database, PROOF_USER))
    if uid is not None:
        web.ask("GET", f"{config}&action=users&whattodo=deleuser&uid={uid}&really=yeahyeah")
        database.run(accounts.leftovers_of_user(layout.database, int(uid)))
