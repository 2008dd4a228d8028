"""A page that a user stored in one instance, opened in a real browser: it runs nothing and reads nothing of another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Response

    from tests.service.customer import Site
    from tests.service_fixture import Service

    Neighbours = tuple[Site, Site]

pytestmark = [pytest.mark.fleet, pytest.mark.prefect]

WAIT = 3_000
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def browser(service: Service) -> Iterator[Browser]:
    """Debian's Chromium, which knows the servers' names and no others."""
    known = ", ".join(f"MAP {service.server(name).host_name} {service.server(name).address}" for name in service.hosts)
    quiet = [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--no-proxy-server",
    ]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*quiet, f"--host-resolver-rules={known}, MAP * ~NOTFOUND"]
        )
        yield started
        started.close()


def hostile(other: Site) -> str:
    """A page that tries what a page of this origin could: run, read the neighbour, open him in a frame, send a form."""
    return f"""<!DOCTYPE html><title>before</title><body onload="document.title += ' onload ran'">
<img src=x onerror="document.title += ' onerror ran'">
<svg><script>document.title += ' svg ran'</script></svg>
<iframe id=f src="{other.url}config.php"></iframe><iframe srcdoc="<script>top.document.title += ' frame ran'</script>"></iframe>
<form id=s action="{other.url}config.php" method=post><input name=user value=x></form>
<meta http-equiv=refresh content="1;url={other.url}config.php?stolen">
<script>document.title += ' ran';
fetch('{other.url}config.php').then(a => a.text()).then(t => document.title += ' read ' + t.length);
document.getElementById('s').submit();</script>"""


@pytest.mark.parametrize("name", ["page.html", "page.xhtml", "page.svg", "page.xml", "page"])
def test_a_stored_page_runs_nothing_and_reads_no_neighbour(browser: Browser, neighbours: Neighbours, name: str) -> None:
    mine, other = neighbours
    content = hostile(other)
    if name.endswith((".svg", ".xml", ".xhtml")):
        content = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>before</title></head><body><script>document.title += " ran"</script></body></html>'
    file = mine.file("anna", name)
    assert mine.ask(file, "PUT", auth=mine.digest("anna"), content=content.encode()).status_code in {201, 204}
    credentials = {"username": "anna", "password": mine.users["anna"]}
    with browser.new_context(ignore_https_errors=True, http_credentials=credentials, accept_downloads=True) as context:
        page = context.new_page()
        asked = []
        page.on(
            "request",
            lambda request: (
                asked.append(request.url)
                if request.resource_type in {"fetch", "xhr"} or request.method == "POST"
                else None
            ),
        )
        try:
            answer = page.goto(mine.url + file, wait_until="load")
        except Error as error:  # the other way to run nothing
            if "Download is starting" not in str(error):
                raise
            return
        assert answer is not None
        assert answer.status == 200
        assert "sandbox" in answer.headers["content-security-policy"]
        page.wait_for_timeout(WAIT)
        assert not re.search(r"ran|read", page.title()), page.title()
        assert [url for url in asked if other.instance.name in url] == []


def test_this_browser_does_run_the_page_where_nothing_holds_it(browser: Browser, neighbours: Neighbours) -> None:
    """The control: the same page on the same origin, without the header, reads the neighbour."""
    mine, other = neighbours
    with browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        content = hostile(other).replace("document.getElementById('s').submit();", "").replace("http-equiv=refresh", "")
        page.route("**/control.html", lambda route: route.fulfill(status=200, content_type="text/html", body=content))
        page.goto(mine.url + "control.html")
        page.wait_for_function("document.title.includes(' read ')", timeout=WAIT * 20)


def test_a_browser_sends_no_cookie_of_one_instance_to_another(browser: Browser, neighbours: Neighbours) -> None:
    mine, other = neighbours
    with browser.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.goto(mine.url + "config.php")
        context.add_cookies([{"name": "phlyMail_Session", "value": "abc", "url": mine.url}])
        sent = {site.url: _cookies_of(page.goto(site.url + "config.php")) for site in neighbours}
        assert "abc" in sent[mine.url]
        assert "abc" not in sent[other.url]
        assert page.evaluate("document.cookie") == ""


def _cookies_of(answer: Response | None) -> str:
    """What the browser sent along when it asked for a page."""
    assert answer is not None
    return answer.request.all_headers().get("cookie", "")
