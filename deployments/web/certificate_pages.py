"""The pages of a customer's certificate: `GET /certificate/{token}` shows the form, `POST` takes the files (P31)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployments.web.attempts import BUSY, TOO_MANY, Attempts
from deployments.web.customer_pages import asked_language, later, page
from deployments.web.declined import Declined
from deployments.web.uploads import UPLOAD_MOST_BYTES, FormUnreadable, read_upload
from hosting.errors import ServiceError
from hosting.inventory.links import LinkExpired, LinkUnknown, LinkUsed
from hosting.policy.months import day_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import HTMLResponse

    from deployments.web.certificate import Certificates, Taken, Upload
    from deployments.web.dispatching import Dispatcher
    from deployments.web.threads import Threads
    from hosting.policy.findings import Finding

GONE: dict[type[ServiceError], tuple[str, int]] = {
    LinkUnknown: ("unknown", 404),
    LinkUsed: ("used", 410),
    LinkExpired: ("expired", 410),
}
TOO_LARGE = 413
OBJECTIONS = {TOO_LARGE: "too_large", 408: "too_slow", BUSY: "busy", TOO_MANY: "too_many"}
"""What a browser's own form may meet with, told in the page."""


class CertificatePages:
    """Shows and takes the form behind a customer's link.

    Args:
        certificates: what stands behind the pages.
        dispatcher: poked after a certificate was taken, so that its run begins at once.
        looking: threads in which the database is asked.
        inspecting: threads in which inspections are waited for; they keep nobody from looking.
    """

    def __init__(
        self, certificates: Certificates, dispatcher: Dispatcher, looking: Threads, inspecting: Threads
    ) -> None:
        self._certificates = certificates
        self._dispatcher = dispatcher
        self._looking = looking
        self._inspecting = inspecting
        self._attempts = Attempts()

    async def show(self, request: Request) -> HTMLResponse:
        """The form; the link stays as it is."""
        try:
            upload = await self._looking.run(self._certificates.look, request.path_params["token"])
        except ServiceError as error:
            return _closed(error, asked_language(request))
        return _form(200, upload)

    async def take(self, request: Request) -> HTMLResponse:
        """Take the files, or show the form again with everything that was found.

        Raises:
            Declined: the body is no form of this page.
        """
        token, language = request.path_params["token"], asked_language(request)
        try:
            upload = await self._looking.run(self._certificates.look, token)  # nobody else's body is even read
            language = upload.language
            handed = await read_upload(request)
            with self._attempts.turn(token):
                taken = await self._inspecting.run(self._certificates.take, token, handed.files, handed.passphrase)
        except FormUnreadable:
            return _form(422, upload, objection="unreadable")
        except Declined as declined:
            if declined.status not in OBJECTIONS:
                raise
            objection = OBJECTIONS[declined.status]
            return _form(declined.status, upload, objection=objection, headers=declined.headers)
        except ServiceError as error:
            return _closed(error, language)
        if taken.until is None:
            self._attempts.record_refused(token)
            return _form(422, upload, taken.findings, handed.names)
        self._dispatcher.poke()
        return _done(upload, taken)


def _form(
    status: int, upload: Upload, findings: Sequence[Finding] = (), names: Sequence[str] = (), *,
    objection: str = "", headers: dict[str, str] | None = None,
) -> HTMLResponse:  # fmt: skip
    """The page with the form; nothing of the files is sent back but their names."""
    told = [one.told(upload.language) for one in sorted(findings, key=lambda one: not one.refuses)]
    return page(
        status, upload.language, "certificate", headers=headers, upload=upload, findings=told, names=names,
        objection=objection, most_kib=UPLOAD_MOST_BYTES // 1024,
    )  # fmt: skip


def _done(upload: Upload, taken: Taken) -> HTMLResponse:
    """The page that tells what follows."""
    until = None if taken.until is None else day_of(taken.until)
    warnings = [one.told(upload.language) for one in taken.findings]
    return page(
        200, upload.language, "certificate_taken", upload=upload, until=until, renews=taken.renews, warnings=warnings
    )


def _closed(error: ServiceError, language: str) -> HTMLResponse:
    """The page of a link that opens nothing, or nothing now."""
    if type(error) in GONE:
        reason, status = GONE[type(error)]
        return page(status, language, "certificate_gone", reason=reason)
    return later(error, language, "certificate_later", expected=False)
