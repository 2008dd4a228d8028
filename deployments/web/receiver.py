"""`POST /shop/events`: a notice of the shop is proven, read, kept, and only then answered (P08)."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from deployments.web.bodies import read_body
from deployments.web.declined import later
from deployments.web.events import read_notice
from deployments.web.signatures import Verifier
from hosting.errors import DriftFound, Unreachable
from hosting.inventory.session import in_transaction
from hosting.inventory.shop import take_notice

if TYPE_CHECKING:
    from starlette.requests import Request

    from deployments.web.dispatching import Dispatcher
    from deployments.web.threads import Threads
    from hosting.inventory.notices import Notice, Taken
    from hosting.inventory.session import Inventory
    from hosting.settings import Settings

logger = logging.getLogger("deployments.web")

BODY_MOST_BYTES = 64 * 1024


class Receiver:
    """Takes what the shop says.

    Args:
        settings: the shop's secrets and the holidays that the service keeps.
        inventory: where notices are kept.
        dispatcher: poked after each notice.
        threads: in which the database is asked.
    """

    def __init__(self, settings: Settings, inventory: Inventory, dispatcher: Dispatcher, threads: Threads) -> None:
        self._verifier = Verifier(settings.web.shop_secrets)
        self._holidays_state = settings.holidays_state
        self._inventory = inventory
        self._dispatcher = dispatcher
        self._threads = threads

    async def take(self, request: Request) -> JSONResponse:
        """Answer with 200 once the notice is kept; a repeat is answered alike.

        Raises:
            Declined: the request is refused, or can't be kept now (503).
        """
        raw = await read_body(request, "application/json", BODY_MOST_BYTES)
        notice = read_notice(self._verifier.prove(request.headers, raw))
        try:
            taken = await self._threads.run(self._keep, notice)
        except (Unreachable, DriftFound) as error:
            logger.error("the inventory does not take notices: %s", error)  # noqa: TRY400  # one line, no traceback
            raise later("The notice can't be kept now; send it again later.") from error
        self._dispatcher.poke()
        logger.info("event %s (%s): %s", notice.id, notice.type, taken)
        return JSONResponse({"id": notice.id, "taken": taken})

    def _keep(self, notice: Notice) -> Taken:
        """One transaction, run again if another one got in its way."""
        now = datetime.now(UTC)
        return in_transaction(self._inventory, lambda session: take_notice(session, notice, now, self._holidays_state))
