"""The pages of an offer: `GET /agreement/{token}` shows the times or the answer, `POST` takes the answer (P24)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from deployments.web.agreement import Stand
from deployments.web.customer_pages import asked_language, form_fields, later, page
from hosting.errors import ServiceError
from hosting.inventory.links import LinkExpired, LinkUnknown
from hosting.inventory.offers import OfferAnswered, WindowNotOffered
from hosting.policy.agreements import WORDS_MOST, Answer, WithoutAnswer, plain_words, window_at
from hosting.templates.wording import span, stop

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import HTMLResponse

    from deployments.web.agreement import Agreement, Agreements
    from deployments.web.dispatching import Dispatcher
    from deployments.web.threads import Threads

GONE: dict[type[ServiceError], tuple[str, int]] = {LinkUnknown: ("unknown", 404), LinkExpired: ("expired", 410)}


class AgreementPages:
    """Shows and takes the form behind the link of an offer.

    Args:
        agreements: what stands behind the pages.
        dispatcher: poked after an answer, so that an accepted time has its run at once.
        threads: in which the database is asked.
    """

    def __init__(self, agreements: Agreements, dispatcher: Dispatcher, threads: Threads) -> None:
        self._agreements = agreements
        self._dispatcher = dispatcher
        self._threads = threads

    async def show(self, request: Request) -> HTMLResponse:
        """The form, or what was answered; nothing changes."""
        token = request.path_params["token"]
        try:
            found = await self._threads.run(self._agreements.look, token)
        except ServiceError as error:
            return _closed(error, asked_language(request))
        return self._form(found, token) if found.stand is Stand.OPEN else _told(found)

    async def take(self, request: Request) -> HTMLResponse:
        """Take the answer, or show the form again with what is wrong; an answer that was given before stays.

        Raises:
            Declined: the body is no form, or too large.
        """
        fields, token = await form_fields(request), request.path_params["token"]
        language = asked_language(request)
        try:
            found = await self._threads.run(self._agreements.look, token)
            language = found.language
            if found.stand is not Stand.OPEN:
                return _told(found, again=True)
            said, opens = _choice(fields.get("answer", ""))
            words = plain_words(fields.get("words", ""))
            if said is None or not self._agreements.is_own(token, fields.get("form", "")):
                return self._form(found, token, words, objection="none_chosen" if said is None else "send_again")
            return await self._answered(token, said, opens, words)
        except ServiceError as error:
            return _closed(error, language)

    async def _answered(self, token: str, said: Answer, opens: datetime | None, words: str) -> HTMLResponse:
        """The answer taken and told; what somebody else was quicker with is told instead."""
        try:
            found = await self._threads.run(self._agreements.answer, token, said, opens, words)
        except OfferAnswered:
            return _told(await self._threads.run(self._agreements.look, token), again=True)
        except WindowNotOffered:
            found = await self._threads.run(self._agreements.look, token)
            return self._form(found, token, words, objection="not_offered")
        self._dispatcher.poke()
        return _told(found)

    def _form(self, found: Agreement, token: str, words: str = "", objection: str | None = None) -> HTMLResponse:
        """The page with the times."""
        offer, language = found.offer, found.language
        windows = [(one.opens.isoformat(), span(one.opens, one.closes, language)) for one in offer.windows]
        return page(
            200 if objection is None else 422, language, "agreement", url=found.url, windows=windows,
            stop=stop(offer.stop_seconds, language), answer_by=offer.answer_by, seal=self._agreements.seal(token),
            moves_without_answer=offer.without_answer is WithoutAnswer.MOVE, words=words, most=WORDS_MOST,
            objection=objection,
        )  # fmt: skip


def _told(found: Agreement, *, again: bool = False) -> HTMLResponse:
    """The page that tells what was answered, and what has become of it."""
    if found.stand is Stand.WITHDRAWN:
        return page(410, found.language, "agreement_gone", reason="withdrawn")
    move, window = found.move, ""
    if move is not None:
        window = span(move.due_at, move.due_until or window_at(move.due_at).closes, found.language)
    return page(
        409 if again else 200, found.language, "agreement_told", stand=found.stand.value, window=window, url=found.url,
        words=found.offer.answer if found.stand in {Stand.OTHERS, Stand.DECLINED} else "", again=again,
    )  # fmt: skip


def _closed(error: ServiceError, language: str) -> HTMLResponse:
    """The page of a link that opens nothing, or nothing now."""
    if type(error) in GONE:
        reason, status = GONE[type(error)]
        return page(status, language, "agreement_gone", reason=reason)
    return later(error, language, "agreement_later", expected=False)


def _choice(given: str) -> tuple[Answer | None, datetime | None]:
    """What was chosen: a window by its opening, other times, or none of all; no answer where nothing was."""
    if given in {Answer.OTHERS, Answer.DECLINE}:
        return Answer(given), None
    try:
        opens = datetime.fromisoformat(given)
    except ValueError:
        return None, None
    return (Answer.ACCEPT, opens) if opens.tzinfo else (None, None)
