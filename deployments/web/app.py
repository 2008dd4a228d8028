"""The ASGI application: the shop's events, the customers' pages, its own health."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from deployments.web.accidents import Accidents
from deployments.web.agreement import Agreements
from deployments.web.agreement_pages import AgreementPages
from deployments.web.certificate import Certificates
from deployments.web.certificate_pages import CertificatePages
from deployments.web.declined import Declined, answer_declined
from deployments.web.dispatching import Dispatcher
from deployments.web.export_pages import ExportPages, linker
from deployments.web.exports import Exports
from deployments.web.first_access import FirstAccess
from deployments.web.headers import SecureHeaders
from deployments.web.pages import AccessPages
from deployments.web.receiver import Receiver
from deployments.web.threads import Threads
from hosting.errors import ServiceError
from hosting.inventory.models import ShopEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from hosting.inventory.session import Inventory
    from hosting.settings import Settings

LAST_DISPATCH_SECONDS = 5.0
"""How long the end of the program waits for a dispatch under way; the clock's own goes on from there."""


def create_app(
    settings: Settings,
    inventory: Inventory,
    dispatch: Callable[[], None] | None,
    set_password: Callable[[str, str], None],
) -> Starlette:
    """The application.

    Args:
        settings: the shop's secrets, the public URL, the holidays.
        inventory: where notices are kept and links are looked up.
        dispatch: turns due work into runs, called in the background after notices; None leaves it to the clock.
        set_password: sets the password of an instance's customer administrator, given the instance's name and the
            password; bounded in time, takes no lease, raises a ServiceError if it couldn't.

    Raises:
        SecretsUnusable: the settings hold no usable secret of the shop.
    """
    dispatcher = Dispatcher(dispatch)
    receiver = Receiver(settings, inventory, dispatcher, Threads(working=8, waiting=64))
    pages = AccessPages(FirstAccess(inventory, set_password), Threads(working=4, waiting=16))
    agreements = Agreements(inventory, settings.sealing_key.get_secret_value())
    agreeing = AgreementPages(agreements, dispatcher, Threads(working=4, waiting=16))
    certificates = Certificates(inventory, settings)
    handing_over = CertificatePages(
        certificates, dispatcher, Threads(working=4, waiting=16), Threads(working=2, waiting=8)
    )
    fetching = ExportPages(
        Exports(inventory, settings.sealing_key.get_secret_value(), linker(settings)), Threads(working=4, waiting=16)
    )
    health = Health(inventory, Threads(working=1, waiting=4))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        dispatcher.wait_idle(LAST_DISPATCH_SECONDS)

    return Starlette(
        routes=[
            Route("/shop/events", receiver.take, methods=["POST"]),
            Route("/access/{token}", pages.show, methods=["GET"]),
            Route("/access/{token}", pages.take, methods=["POST"]),
            Route("/agreement/{token}", agreeing.show, methods=["GET"]),
            Route("/agreement/{token}", agreeing.take, methods=["POST"]),
            Route("/certificate/{token}", handing_over.show, methods=["GET"]),
            Route("/certificate/{token}", handing_over.take, methods=["POST"]),
            Route("/export/{token}", fetching.show, methods=["GET"]),
            Route("/export/{token}/{uid:int}", fetching.fetch, methods=["GET"]),
            Route("/health", health.show, methods=["GET"]),
            *metrics_routes(settings, inventory),
        ],
        middleware=[
            Middleware(SecureHeaders, https=settings.web.public_url.startswith("https://")),
            Middleware(Accidents),
        ],
        exception_handlers={Declined: answer_declined},
        lifespan=lifespan,
    )


def metrics_routes(settings: Settings, inventory: Inventory) -> list[Route]:
    """The page for a monitoring, where a token is set; what only it needs is imported only then."""
    token = settings.web.metrics_token.get_secret_value()
    if not token:
        return []
    from deployments.web.metrics import Metrics  # noqa: PLC0415  # most receivers have no such page

    metrics = Metrics(inventory, token, settings.probes.seconds, Threads(working=1, waiting=4))
    return [Route("/metrics", metrics.show, methods=["GET"])]


class Health:
    """Whether the receiver can do its work: the inventory answers and has its tables."""

    def __init__(self, inventory: Inventory, threads: Threads) -> None:
        self._inventory = inventory
        self._threads = threads

    async def show(self, _request: Request) -> JSONResponse:
        """200 if so, 503 if not; says nothing that others could use."""
        try:
            await self._threads.run(self._ask)
        except ServiceError:
            return JSONResponse({"inventory": "does not answer"}, 503, {"Retry-After": "5"})
        return JSONResponse({"inventory": "ok"})

    def _ask(self) -> None:
        """Read from a table."""
        with self._inventory.reading() as session:
            session.execute(select(ShopEvent.id).limit(1))
