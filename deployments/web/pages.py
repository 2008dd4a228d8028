"""The pages of a customer's link: `GET /access/{token}` shows the form, `POST` sets the password."""

from __future__ import annotations

import base64
import hashlib
import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse

from deployments.web.bodies import read_body
from deployments.web.passwords import FEWEST_CHARACTERS, MOST_CHARACTERS, Objection, objection_to
from hosting.errors import ServiceError
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.links import LinkExpired, LinkUnknown, LinkUsed
from hosting.policy.terms import LANGUAGES
from hosting.templates import render

if TYPE_CHECKING:
    from starlette.requests import Request

    from deployments.web.first_access import Access, FirstAccess
    from deployments.web.threads import Threads

logger = logging.getLogger("deployments.web")

FORM_MOST_BYTES = 8 * 1024
FIELDS_MOST = 10
LATER_SECONDS = "60"
STYLE = render("pages/page.css")
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
GONE: dict[type[ServiceError], tuple[str, int]] = {
    LinkUnknown: ("unknown", 404),
    LinkUsed: ("used", 410),
    LinkExpired: ("expired", 410),
}


class AccessPages:
    """Shows and takes the form behind a customer's link.

    Args:
        first_access: what stands behind the pages.
        threads: in which servers and database are asked.
    """

    def __init__(self, first_access: FirstAccess, threads: Threads) -> None:
        self._first_access = first_access
        self._threads = threads

    async def show(self, request: Request) -> HTMLResponse:
        """The form; the link stays as it is, since scanners of mail follow links."""
        try:
            access = await self._threads.run(self._first_access.look, request.path_params["token"])
        except ServiceError as error:
            return _closed(error, _asked_language(request))
        return _form(access, None)

    async def take(self, request: Request) -> HTMLResponse:
        """Set the password, or show the form again with what speaks against it.

        Raises:
            Declined: the body is no form, or too large.
        """
        fields = _fields(await read_body(request, "application/x-www-form-urlencoded", FORM_MOST_BYTES))
        password, again = fields.get("password", ""), fields.get("again", "")
        token = request.path_params["token"]
        language = _asked_language(request)
        try:
            access = await self._threads.run(self._first_access.look, token)
            language = access.language
            if objection := objection_to(password, again, (access.admin, access.instance)):
                return _form(access, objection)
            await self._threads.run(self._first_access.set_first_password, token, password)
        except ServiceError as error:
            return _closed(error, language)
        return _page(200, access.language, "password_set", access=access)


def _form(access: Access, objection: Objection | None) -> HTMLResponse:
    """The page with the form; what was typed isn't sent back."""
    status = 200 if objection is None else 422
    least, most = FEWEST_CHARACTERS, MOST_CHARACTERS
    return _page(status, access.language, "first_access", access=access, objection=objection, least=least, most=most)


def _closed(error: ServiceError, language: str) -> HTMLResponse:
    """The page of a link that opens nothing, or nothing now."""
    if type(error) in GONE:
        reason, status = GONE[type(error)]
        return _page(status, language, "link_gone", reason=reason)
    if not isinstance(error, LeaseHeld):
        logger.error("a customer's link could not be served: %s", _line(error))
    return _page(503, language, "try_later", headers={"Retry-After": LATER_SECONDS})


def _line(error: ServiceError) -> str:
    """An error's own sentences in one line."""
    return " ".join(str(error).split())


def _page(
    status: int, language: str, name: str, *, headers: dict[str, str] | None = None, **values: object
) -> HTMLResponse:
    """A page in a language; only its own style sheet is taken."""
    html = render(f"pages/{language}/{name}.html.j2", language=language, **values)
    own = {"Content-Security-Policy": POLICY, "Content-Language": language}
    return HTMLResponse(html, status, own | (headers or {}))


def _asked_language(request: Request) -> str:
    """The language that a browser asks for first, of those that we have."""
    for asked in request.headers.get("accept-language", "")[:200].lower().split(","):
        if (language := asked.strip()[:2]) in LANGUAGES:
            return language
    return LANGUAGES[0]


def _fields(body: bytes) -> dict[str, str]:
    """The form's fields, the first of each name; what can't be read is as if it weren't there."""
    try:
        read = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MOST)
    except ValueError:
        return {}
    return {name: values[0] for name, values in read.items()}
