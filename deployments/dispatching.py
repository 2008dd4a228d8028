"""The dispatcher of whoever records work outside of a run: the receiver, the console."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from deployments.runtime.environment import known_api_login, places

if TYPE_CHECKING:
    from collections.abc import Callable

    from hosting.settings import Settings


def dispatcher(settings: Settings) -> Callable[[], None]:
    """A function that creates a run for all open work, at the Prefect server that the settings name.

    It raises what `tasks.runs.dispatch` raises; the clock's own dispatcher does later what it could not.
    """
    from prefect.client.orchestration import SyncPrefectClient  # noqa: PLC0415  # two seconds, not for reading verbs

    from hosting.inventory.session import Inventory  # noqa: PLC0415  # likewise
    from tasks.runs import dispatch  # noqa: PLC0415  # likewise

    inventory = Inventory(settings.inventory_url.get_secret_value())

    def dispatch_now() -> None:
        with SyncPrefectClient(settings.prefect_api_url, auth_string=known_api_login(places())) as client:
            dispatch(inventory, datetime.now(UTC), client)

    return dispatch_now
