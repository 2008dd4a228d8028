"""The pages of an export: `GET /export/{token}` lists its archives, `GET /export/{token}/{uid}` fetches one (P41)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from deployments.web.customer_pages import asked_language, later, page
from hosting.errors import ServiceError
from hosting.inventory.links import LinkExpired, LinkUnknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import HTMLResponse, Response

    from deployments.web.exports import Exports
    from deployments.web.threads import Threads
    from hosting.settings import Settings

GONE: dict[type[ServiceError], tuple[str, int]] = {LinkUnknown: ("unknown", 404), LinkExpired: ("expired", 410)}


class ExportPages:
    """Shows what can be fetched, and leads to it.

    Args:
        exports: what stands behind the pages.
        threads: in which the database is asked.
    """

    def __init__(self, exports: Exports, threads: Threads) -> None:
        self._exports = exports
        self._threads = threads

    async def show(self, request: Request) -> HTMLResponse:
        """The archives; nothing changes."""
        token = request.path_params["token"]
        try:
            found = await self._threads.run(self._exports.look, token)
        except ServiceError as error:
            return _closed(error, asked_language(request))
        archives = [one for one in found.export.archives if one.key]
        return page(
            200, found.language, "export", url=found.url, token=token, archives=archives, until=found.export.ends_at
        )

    async def fetch(self, request: Request) -> Response:
        """To an archive at the store, which sends it itself."""
        try:
            link = await self._threads.run(
                self._exports.fetch, request.path_params["token"], request.path_params["uid"]
            )
        except ServiceError as error:
            return _closed(error, asked_language(request))
        return RedirectResponse(link, 303)


def linker(settings: Settings) -> Callable[[str, str], str]:
    """How an object of the store of backups is fetched by who has no key; the store is not asked for that."""

    def link(key: str, name: str) -> str:
        from deployments.connections import backup_store_of  # noqa: PLC0415  # boto3 is not read before it is needed

        return backup_store_of(settings).parts.link(key, name)

    return link


def _closed(error: ServiceError, language: str) -> HTMLResponse:
    """The page of a link that opens nothing, or nothing now."""
    if type(error) in GONE:
        reason, status = GONE[type(error)]
        return page(status, language, "export_gone", reason=reason)
    return later(error, language, "export_later", expected=False)
