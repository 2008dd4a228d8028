"""The pages of a customer's link: `GET /access/{token}` shows the form, `POST` sets the password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployments.web.customer_pages import asked_language, form_fields, later, page
from deployments.web.passwords import FEWEST_CHARACTERS, MOST_CHARACTERS, Objection, objection_to
from hosting.errors import ServiceError
from hosting.inventory.leases import LeaseHeld
from hosting.inventory.links import LinkExpired, LinkUnknown, LinkUsed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import HTMLResponse

    from deployments.web.first_access import Access, FirstAccess
    from deployments.web.threads import Threads

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
            return _closed(error, asked_language(request))
        return _form(access, None)

    async def take(self, request: Request) -> HTMLResponse:
        """Set the password, or show the form again with what speaks against it.

        Raises:
            Declined: the body is no form, or too large.
        """
        fields = await form_fields(request)
        password, again = fields.get("password", ""), fields.get("again", "")
        token = request.path_params["token"]
        language = asked_language(request)
        try:
            access = await self._threads.run(self._first_access.look, token)
            language = access.language
            if objection := objection_to(password, again, (access.admin, access.instance)):
                return _form(access, objection)
            await self._threads.run(self._first_access.set_first_password, token, password)
        except ServiceError as error:
            return _closed(error, language)
        return page(200, access.language, "password_set", access=access)


def _form(access: Access, objection: Objection | None) -> HTMLResponse:
    """The page with the form; what was typed isn't sent back."""
    status = 200 if objection is None else 422
    least, most = FEWEST_CHARACTERS, MOST_CHARACTERS
    return page(status, access.language, "first_access", access=access, objection=objection, least=least, most=most)


def _closed(error: ServiceError, language: str) -> HTMLResponse:
    """The page of a link that opens nothing, or nothing now."""
    if type(error) in GONE:
        reason, status = GONE[type(error)]
        return page(status, language, "link_gone", reason=reason)
    return later(error, language, expected=isinstance(error, LeaseHeld))
